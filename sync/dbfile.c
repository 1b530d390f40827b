/* dbfile.c - an SQLite file of our own: opened, checked, set aside when it is damaged, and its statements. */
#include "sync/dbfile.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "zonefile/arena.h"

/* A file up to this size is checked as a whole when it is opened (some 0.1 s). */
#define CHECK_MAX (64 * 1024 * 1024)

struct dbfile {
	char *path, *wal;
	const struct dbfile_format *format;
	bool reader;
	report_fn *report;
	void *ctx;
	sqlite3 *db;			/* NULL: none could be opened yet */
	sqlite3_stmt **statement;
	dev_t dev;			/* of the file that db has open */
	ino_t ino, wal_ino;		/* and of its -wal; 0: there was none */
	bool damaged;			/* found while it was used */
	bool reopen;			/* it may be well again, but this handle is not */
	bool told;			/* that it cannot be written */
	int64_t written;		/* rows, when the transaction began */
	char why[512];
};

void
dbfile_report(struct dbfile *f, enum severity severity, const char *zone, const char *fmt, ...)
{
	char text[1024];
	struct report report = { .severity = severity, .zone = zone, .text = text };
	va_list args;

	if (f->report == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	f->report(f->ctx, &report);
}

const char *
dbfile_why(const struct dbfile *f)
{
	return f->why;
}

void
dbfile_say_why(struct dbfile *f, const char *fmt, ...)
{
	int len = snprintf(f->why, sizeof(f->why), "%s %s: ", f->format->what, f->path);
	va_list args;

	if (len >= (int)sizeof(f->why))
		return;
	va_start(args, fmt);
	vsnprintf(f->why + len, sizeof(f->why) - (size_t)len, fmt, args);
	va_end(args);
}

/* SQLite tries in several ways, and keeps the last error.  0: not known. */
static int
why_shut(const char *path)
{
	char *directory;
	const char *slash = strrchr(path, '/');
	int err;

	if (access(path, R_OK | W_OK) == 0)
		return 0;
	if ((err = errno) != ENOENT)
		return err;
	directory = slash != NULL ? xasprintf("%.*s", (int)(slash - path) + 1, path) : xstrdup(".");
	err = access(directory, W_OK | X_OK) < 0 ? errno : 0;
	free(directory);
	return err;
}

/* Keeps why for dbfile_why() and whether the file must be replaced. */
static int
failed(struct dbfile *f, int rc)
{
	int system = (rc & 0xff) == SQLITE_CANTOPEN ? why_shut(f->path) : 0;

	if (system != 0)
		dbfile_say_why(f, "cannot be opened or made: %s", strerror(system));
	else
		dbfile_say_why(f, "%s", f->db != NULL ? sqlite3_errmsg(f->db) : sqlite3_errstr(rc));
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
		return -EBUSY;
	case SQLITE_READONLY:
		/* The header says so when the file system does not. */
		f->damaged |= f->db != NULL && access(f->path, W_OK) == 0 &&
		    sqlite3_extended_errcode(f->db) == SQLITE_READONLY;
		f->reopen = true;
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR:	/* the header or a table is not what it was */
	case SQLITE_CONSTRAINT:	/* keys are ours alone: a tree is not what it was */
	case SQLITE_MISMATCH:
		f->damaged = true;
		return -EUCLEAN;
	default:
		f->reopen = true;
		return -EIO;
	}
}

static void
bind(sqlite3_stmt *s, const char *types, va_list args)
{
	sqlite3_reset(s);
	for (int n = 1; *types != '\0'; types++, n++) {
		const uint8_t *bytes;
		const uint64_t *word;
		uint8_t octets[16];

		switch (*types) {
		case 'i':
			sqlite3_bind_int64(s, n, va_arg(args, int64_t));
			break;
		case 't':
			sqlite3_bind_text(s, n, va_arg(args, const char *), -1, SQLITE_STATIC);
			break;
		case 'b':
			bytes = va_arg(args, const uint8_t *);
			sqlite3_bind_blob64(s, n, bytes, va_arg(args, size_t), SQLITE_STATIC);
			break;
		case 'w':
			word = va_arg(args, const uint64_t *);
			for (int i = 0; i < 16; i++)
				octets[i] = (uint8_t)(word[i / 8] >> (56 - i % 8 * 8));
			sqlite3_bind_blob(s, n, octets, 16, SQLITE_TRANSIENT);
			break;
		}
	}
}

static int
step(struct dbfile *f, sqlite3_stmt *s)
{
	int rc = sqlite3_step(s), err;

	if (rc == SQLITE_ROW)
		return 1;
	err = rc == SQLITE_DONE ? 0 : failed(f, rc);
	sqlite3_reset(s);
	return err;
}

void
dbfile_ask(struct dbfile *f, unsigned which, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	bind(f->statement[which], types, args);
	va_end(args);
}

int
dbfile_row(struct dbfile *f, unsigned which)
{
	return step(f, f->statement[which]);
}

void
dbfile_done(struct dbfile *f, unsigned which)
{
	sqlite3_reset(f->statement[which]);
}

int
dbfile_run(struct dbfile *f, unsigned which, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	bind(f->statement[which], types, args);
	va_end(args);
	return step(f, f->statement[which]);
}

int64_t
dbfile_int(struct dbfile *f, unsigned which, int column)
{
	return sqlite3_column_int64(f->statement[which], column);
}

const uint8_t *
dbfile_octets(struct dbfile *f, unsigned which, int column, size_t *size)
{
	const uint8_t *octets = sqlite3_column_blob(f->statement[which], column);

	*size = (size_t)sqlite3_column_bytes(f->statement[which], column);
	return octets;
}

void
dbfile_words(struct dbfile *f, unsigned which, int column, uint64_t word[2])
{
	size_t size;
	const uint8_t *p = dbfile_octets(f, which, column, &size);

	word[0] = word[1] = 0;
	for (int i = 0; size == 16 && i < 16; i++)
		word[i / 8] = word[i / 8] << 8 | p[i];
}

int64_t
dbfile_last_id(struct dbfile *f)
{
	return sqlite3_last_insert_rowid(f->db);
}

static void
close_file(struct dbfile *f)
{
	for (unsigned i = 0; i < f->format->statements; i++) {
		sqlite3_finalize(f->statement[i]);
		f->statement[i] = NULL;
	}
	sqlite3_close(f->db);
	f->db = NULL;
	f->damaged = f->reopen = false;
	f->wal_ino = 0;
}

static int
execute(struct dbfile *f, const char *text)
{
	int rc = sqlite3_exec(f->db, text, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : failed(f, rc);
}

static int
pragma_number(struct dbfile *f, const char *text, int64_t *number)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(f->db, text, -1, &s, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		*number = sqlite3_column_int64(s, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(s);
	return rc == SQLITE_OK ? 0 : failed(f, rc);
}

/* Is it whole, and of our version?  Makes the tables in an empty one. */
static int
check_file(struct dbfile *f)
{
	struct stat st;
	sqlite3_stmt *s = NULL;
	int64_t version = 0, tables = 0;
	int rc, err;

	if ((err = pragma_number(f, "SELECT count(*) FROM sqlite_schema", &tables)) < 0 ||
	    (err = pragma_number(f, "PRAGMA user_version", &version)) < 0)
		return err;
	if (tables == 0 && version == 0 && !f->reader) {
		if ((err = execute(f, "BEGIN IMMEDIATE")) == 0 &&
		    (err = execute(f, f->format->schema)) == 0)
			err = execute(f, "COMMIT");
		return err;
	}
	if (version != f->format->version) {
		dbfile_say_why(f, version > f->format->version ?
		    "is of version %" PRId64 ", which is newer than %d" :
		    "is none of ours, its version is %" PRId64 " and not %d",
		    version, f->format->version);
		f->damaged = true;
		return -EUCLEAN;
	}
	if (f->reader || stat(f->path, &st) < 0 || st.st_size > CHECK_MAX)
		return 0;
	if ((rc = sqlite3_prepare_v2(f->db, "PRAGMA quick_check(1)", -1, &s, NULL)) != SQLITE_OK ||
	    (rc = sqlite3_step(s)) != SQLITE_ROW)
		err = failed(f, rc);
	else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0) {
		const char *found = (const char *)sqlite3_column_text(s, 0), *second = strchr(found, '\n');

		/* The first of two lines is a headline. */
		dbfile_say_why(f, "is corrupt: %s", second != NULL ? second + 1 : found);
		f->damaged = true;
		err = -EUCLEAN;
	}
	sqlite3_finalize(s);
	return err;
}

static ino_t
wal_ino(const struct dbfile *f)
{
	struct stat st;

	return stat(f->wal, &st) < 0 ? 0 : st.st_ino;
}

static int
open_file(struct dbfile *f)
{
	/* No memory map: a file cut short under us must be an error, not a signal. */
	static const char writer_setup[] =
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=0;"
	    "PRAGMA cell_size_check=ON; PRAGMA journal_size_limit=67108864;"
	    "PRAGMA trusted_schema=OFF";
	static const char reader_setup[] =
	    "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF";
	int flags = f->reader ? SQLITE_OPEN_READONLY :
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	struct stat st;
	int rc, err;

	rc = sqlite3_open_v2(f->path, &f->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return failed(f, rc);
	sqlite3_busy_timeout(f->db, 5000);
	if ((err = execute(f, f->reader ? reader_setup : writer_setup)) < 0 ||
	    (err = check_file(f)) < 0)
		return err;
	for (unsigned i = 0; i < f->format->statements; i++)
		if ((rc = sqlite3_prepare_v3(f->db, f->format->sql[i], -1, SQLITE_PREPARE_PERSISTENT,
		    &f->statement[i], NULL)) != SQLITE_OK)
			return failed(f, rc);
	if (stat(f->path, &st) < 0)
		return -errno;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	if (f->reader)
		f->wal_ino = wal_ino(f);
	return 0;
}

/* Rename the file and what SQLite keeps beside it. */
static int
set_aside(struct dbfile *f)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char stamp[32], *bad = NULL;
	time_t now = time(NULL);
	struct tm tm;
	int err = 0;

	close_file(f);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	for (int n = 1; bad == NULL || access(bad, F_OK) == 0; n++) {
		free(bad);
		bad = n == 1 ? xasprintf("%s.bad-%s", f->path, stamp) :
		    xasprintf("%s.bad-%s.%d", f->path, stamp, n);
	}
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *from = xasprintf("%s%s", f->path, suffixes[i]);
		char *to = xasprintf("%s%s", bad, suffixes[i]);

		if (rename(from, to) < 0 && i == 0) {
			err = -errno;
			dbfile_report(f, ERROR, NULL, "%s; it cannot be renamed to %s: %s", f->why, bad,
			    strerror(-err));
		}
		free(from);
		free(to);
	}
	if (err == 0)
		dbfile_report(f, ERROR, NULL, "%s; it is set aside as %s and a new one is made: %s",
		    f->why, bad, f->format->loss);
	free(bad);
	return err;
}

/* Open what is there, or what can be made.  A second damaged one, right after the first was set aside, is not
 * the file's fault. */
static int
open_or_replace(struct dbfile *f)
{
	int err = open_file(f);

	if (err < 0 && f->damaged && !f->reader && set_aside(f) == 0)
		err = open_file(f);
	if (err < 0)
		close_file(f);
	return err;
}

/* Once, until it can be written again. */
static void
tell_unwritable(struct dbfile *f)
{
	if (!f->told)
		dbfile_report(f, ERROR, NULL, "%s; %s", f->why, f->format->stuck);
	f->told = true;
}

static bool
moved(const struct dbfile *f)
{
	struct stat st;

	return stat(f->path, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino;
}

static bool
lost_wal(const struct dbfile *f)
{
	return f->db != NULL && f->wal_ino != 0 && f->wal_ino != wal_ino(f);
}

/* Readers do not see what is written to a -wal that is no longer there; we still have it. */
static int
save_wal(struct dbfile *f)
{
	/* As a PRAGMA it would call a part of it a success: that which no reader holds up. */
	int rc = sqlite3_wal_checkpoint_v2(f->db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return failed(f, rc);
	close_file(f);
	dbfile_report(f, WARNING, NULL, "%s %s: somebody has removed it; what was in it has been saved", f->format->what,
	    f->wal);
	return 0;
}

struct dbfile *
dbfile_new(const char *path, const struct dbfile_format *format, bool reader,
    report_fn *report, void *ctx)
{
	struct dbfile *f = xcalloc(1, sizeof(*f));

	f->path = xstrdup(path);
	f->wal = xasprintf("%s-wal", path);
	f->format = format;
	f->statement = xcalloc(format->statements, sizeof(sqlite3_stmt *));
	f->reader = reader;
	f->report = report;
	f->ctx = ctx;
	if (!reader && open_or_replace(f) < 0)
		tell_unwritable(f);
	return f;
}

void
dbfile_free(struct dbfile *f)
{
	if (!f->reader && lost_wal(f))
		save_wal(f);
	close_file(f);
	free(f->statement);
	free(f->path);
	free(f->wal);
	free(f);
}

int
dbfile_ready(struct dbfile *f)
{
	if (f->reader && f->db != NULL && (f->damaged || f->reopen || moved(f) || f->wal_ino != wal_ino(f)))
		close_file(f);
	if (f->db != NULL)
		return 0;
	return f->reader ? open_or_replace(f) : -ENOENT;
}

int
dbfile_begin(struct dbfile *f)
{
	int err;

	if (f->damaged && (err = set_aside(f)) < 0)
		return err;
	/* What is written to a file that is no longer there would be lost. */
	if (f->db != NULL && moved(f)) {
		dbfile_report(f, ERROR, NULL, "%s %s: somebody has removed or replaced it; what is there is used, or a new one "
		    "is made: %s", f->format->what, f->path, f->format->loss);
		close_file(f);
	} else if (f->db != NULL && f->reopen) {
		close_file(f);
	} else if (lost_wal(f) && (err = save_wal(f)) < 0) {
		return err;
	}
	if (f->db == NULL && (err = open_or_replace(f)) < 0)
		return err;
	f->written = sqlite3_total_changes64(f->db);
	return execute(f, "BEGIN IMMEDIATE");
}

int
dbfile_commit(struct dbfile *f)
{
	int err = execute(f, "COMMIT");

	if (f->wal_ino == 0)
		f->wal_ino = wal_ino(f);
	if (err == 0 && f->told && sqlite3_total_changes64(f->db) != f->written) {
		dbfile_report(f, NOTE, NULL, "%s %s: can be written again", f->format->what, f->path);
		f->told = false;
	}
	return err;
}

void
dbfile_rollback(struct dbfile *f)
{
	/* SQLite may have rolled back by itself. */
	if (f->db != NULL && !sqlite3_get_autocommit(f->db))
		sqlite3_exec(f->db, "ROLLBACK", NULL, NULL, NULL);
	if (f->damaged)
		set_aside(f);
	else
		tell_unwritable(f);
}
