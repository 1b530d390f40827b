/* reply.h - what a command answers: lines and a table, as text or as JSON. */
#ifndef DAEMON_REPLY_H
#define DAEMON_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/report.h"

/* Filled by a command, at once or over time, then ended once, which sends it.  Control loop. */
struct reply;

typedef void reply_end_fn(void *ctx, const char *text, size_t len, bool failed);
/* end gets the text and frees nothing; reply is gone after it. */
struct reply *reply_new(bool json, reply_end_fn *end, void *ctx);

/* One fact: "key: value" a line; numbers stay numbers in JSON. */
void reply_fact(struct reply *, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void reply_number(struct reply *, const char *key, uint64_t);
/* A table of rows; columns NULL-ended, and as many cells in each row.  One table a reply. */
void reply_columns(struct reply *, const char *const *columns);
void reply_row(struct reply *, const char *const *cells);
/* Text that is all there is to say (a configuration). */
void reply_text(struct reply *, const char *text);

/* A report_fn, for a sink whose ctx is the reply: errors and warnings are passed on, and an error is one of the command. */
void reply_report(void *reply, const struct report *);

/* The command could not do it, or not all of it: a sentence for the operator; exit status 1. */
void reply_error(struct reply *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_end(struct reply *);
#endif
