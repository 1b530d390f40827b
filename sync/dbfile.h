/* dbfile.h - an SQLite file of our own: opened, checked, set aside when it is damaged, and its statements. */
#ifndef SYNC_DBFILE_H
#define SYNC_DBFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/report.h"

struct dbfile_format {
	int version;			/* in user_version, which the schema sets */
	const char *schema;		/* of an empty file */
	const char *const *sql;		/* statements, called by their index */
	unsigned statements;
	const char *what;		/* "journal" */
	const char *loss, *stuck;	/* what it means that a file is lost, that it cannot be written */
};

/* One thread at a time.  The format lives as long as the file.  A reader's file is looked for when it is asked. */
struct dbfile;
struct dbfile *dbfile_new(const char *path, const struct dbfile_format *, bool reader,
    report_fn *, void *ctx);
void dbfile_free(struct dbfile *);

/* What follows returns 0 or -errno, with a sentence in dbfile_why(). */
const char *dbfile_why(const struct dbfile *);
void dbfile_say_why(struct dbfile *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dbfile_report(struct dbfile *, enum severity, const char *zone, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Open, if it is not; a reader follows a file that was replaced.  One that cannot be opened now is tried again
 * with the next call. */
int dbfile_ready(struct dbfile *);

/* A transaction.  After an error only rollback is left; it sets a damaged file aside, and tells once that
 * the file cannot be written until it can be again. */
int dbfile_begin(struct dbfile *);
int dbfile_commit(struct dbfile *);
void dbfile_rollback(struct dbfile *);

/* Statements, on a file that is ready.  Values by a letter each: i int64_t, t text, b octets and size_t, w two uint64_t
 * by pointer, as 16 octets.  dbfile_run() is for those without rows.  Texts and octets live until the call
 * of dbfile_row() or dbfile_run() returns. */
int dbfile_run(struct dbfile *, unsigned statement, const char *types, ...);
void dbfile_ask(struct dbfile *, unsigned statement, const char *types, ...);
int dbfile_row(struct dbfile *, unsigned statement);	/* 1: a row, 0: none any more, or -errno */
void dbfile_done(struct dbfile *, unsigned statement);	/* no more rows are wanted */

/* Columns of the row; octets live until the next. */
int64_t dbfile_int(struct dbfile *, unsigned statement, int column);
const uint8_t *dbfile_octets(struct dbfile *, unsigned statement, int column, size_t *size);
void dbfile_words(struct dbfile *, unsigned statement, int column, uint64_t word[2]);
int64_t dbfile_last_id(struct dbfile *);
#endif
