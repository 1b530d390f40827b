/* reply.h - what a command answers: lines and a table, as text or as JSON. */
#ifndef DAEMON_REPLY_H
#define DAEMON_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "daemon/text.h"
#include "zonefile/report.h"

/* Filled by a command, at once or over time, then ended once, which sends it.  Control loop. */
struct reply;

enum reply_status { REPLY_DONE, REPLY_FAILED, REPLY_USAGE };	/* exit status of who asked */
typedef void reply_end_fn(void *ctx, char *text, size_t len, enum reply_status);
/* end gets the text, which is its to free; reply is gone after it. */
struct reply *reply_new(bool json, reply_end_fn *end, void *ctx);

/* One fact: "key: value" a line; numbers stay numbers in JSON, where the blanks of keys are '_'. */
void reply_fact(struct reply *, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void reply_number(struct reply *, const char *key, uint64_t);
/* "yes" or "no"; true or false in JSON. */
void reply_flag(struct reply *, const char *key, bool);
/* When; 0: never.  For people in local time, in JSON "2024-05-01T12:00:00Z" or null. */
void reply_time(struct reply *, const char *key, time_t);
/* One of several of a kind: a line each; in JSON a list. */
void reply_item(struct reply *, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* How long ago; 0: never.  In JSON seconds or null, for people "3m", "2d". */
void reply_age(struct reply *, const char *key, time_t since);
/* A table of rows; columns NULL-ended, and as many cells in each row.  One table a reply.  "NAME:age" has seconds, as
 * reply_age_cell() prints them; "NAME:time" seconds since 1970, shown as reply_time() does; "NAME:flag" "yes" or "no".  A cell
 * of "-" is null in JSON. */
void reply_columns(struct reply *, const char *const *columns);
void reply_row(struct reply *, const char *const *cells);
const char *reply_age_cell(char out[24], time_t since);
/* Text that is all there is to say (a configuration). */
void reply_text(struct reply *, const char *text);
void reply_text_take(struct reply *, char *text);	/* which is the reply's from now on */

/* A report_fn, for a sink whose ctx is the reply: errors and warnings are passed on, and an error is one of the command. */
void reply_report(void *reply, const struct report *);

/* An error or a warning that was printed before, without its newline; it is none of the command. */
void reply_line(struct reply *, enum severity, const char *line, size_t len);

/* The command could not do it, or not all of it: a sentence for the operator; exit status 1.  reply_usage(): nobody
 * could do it; exit status 2. */
void reply_error(struct reply *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_usage(struct reply *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_end(struct reply *);

/* Instead of an end, for a reply of facts and many rows that is wanted as JSON: a piece with the facts, the first time, and the
 * rows since the last time; then, with last, the end of it.  Then it is dropped. */
void reply_piece(struct reply *, struct text *, bool last);
void reply_drop(struct reply *);
#endif
