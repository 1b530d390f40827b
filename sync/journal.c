/* journal.c - versions and deltas of zones, kept in SQLite. */
#include "sync/journal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

#define VERSION 1

/* A base is one zstd frame cut into parts, so that neither side needs all of it in memory. */
#define PART_SIZE (256 * 1024)

/* A file up to this size is checked as a whole when it is opened (some 0.1 s). */
#define CHECK_MAX (64 * 1024 * 1024)

/* The keys of base and delta hold the zone's id above the part or the sequence number, so that what
 * belongs together is one range of one tree, without an index beside it. */
#define SEQ_BITS 32
#define KEY(zone, seq) ((int64_t)(((uint64_t)(zone) << SEQ_BITS) | (uint64_t)(seq)))
#define SEQ_MAX UINT32_MAX

static const char schema[] =
    "CREATE TABLE zone("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " serial INTEGER NOT NULL,"		/* the last version */
    " digest BLOB NOT NULL,"
    " seq INTEGER NOT NULL,"		/* of the delta that leads to it */
    " delta_size INTEGER NOT NULL,"	/* octets of all deltas */
    " base_digest BLOB NOT NULL,"
    " base_size INTEGER NOT NULL,"	/* octets, not compressed */
    " since INTEGER NOT NULL);"
    "CREATE TABLE base("
    " id INTEGER PRIMARY KEY,"		/* zone << 32 | part */
    " data BLOB NOT NULL);"
    "CREATE TABLE delta("
    " id INTEGER PRIMARY KEY,"		/* zone << 32 | seq */
    " from_serial INTEGER NOT NULL,"
    " from_digest BLOB NOT NULL,"
    " to_serial INTEGER NOT NULL,"
    " to_digest BLOB NOT NULL,"
    " at INTEGER NOT NULL,"
    " source TEXT NOT NULL,"
    " check_sum INTEGER NOT NULL,"
    " data BLOB NOT NULL);"
    "PRAGMA user_version=1";

enum statement {
	BEGIN, COMMIT, ROLLBACK,
	ZONE_GET, ZONE_NEW, ZONE_STEP, ZONE_BASE, ZONE_SIZE, ZONE_DROP,
	BASE_PUT, BASE_GET, BASE_DROP,
	DELTA_PUT, DELTA_BACK, DELTA_OLDEST, DELTA_DROP,
	STATEMENTS
};
static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[ZONE_GET] = "SELECT id, serial, digest, seq, delta_size, base_digest, base_size"
	    " FROM zone WHERE name = ?1",
	[ZONE_NEW] = "INSERT INTO zone(name, serial, digest, seq, delta_size, base_digest,"
	    " base_size, since) VALUES(?1, ?2, ?3, 0, 0, ?3, 0, ?4)",
	[ZONE_STEP] = "UPDATE zone SET serial = ?2, digest = ?3, seq = ?4,"
	    " delta_size = delta_size + ?5 WHERE id = ?1",
	[ZONE_BASE] = "UPDATE zone SET base_digest = ?2, base_size = ?3 WHERE id = ?1",
	[ZONE_SIZE] = "UPDATE zone SET delta_size = ?2 WHERE id = ?1",
	[ZONE_DROP] = "DELETE FROM zone WHERE id = ?1",
	[BASE_PUT] = "INSERT INTO base(id, data) VALUES(?1, ?2)",
	[BASE_GET] = "SELECT data FROM base WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
	[BASE_DROP] = "DELETE FROM base WHERE id BETWEEN ?1 AND ?2",
	[DELTA_PUT] = "INSERT INTO delta(id, from_serial, from_digest, to_serial, to_digest,"
	    " at, source, check_sum, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[DELTA_BACK] = "SELECT from_digest, to_digest, check_sum, data FROM delta"
	    " WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC",
	[DELTA_OLDEST] = "SELECT id, length(data) FROM delta"
	    " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
	[DELTA_DROP] = "DELETE FROM delta WHERE id BETWEEN ?1 AND ?2",
};

struct journal {
	char *path;
	bool reader;
	report_fn *report;
	void *ctx;
	sqlite3 *db;			/* NULL: none could be opened yet */
	sqlite3_stmt *statement[STATEMENTS];
	dev_t dev;			/* of the file that db has open */
	ino_t ino;
	bool damaged;			/* found while it was used */
	bool reopen;			/* it may be well again, but this handle is not */
	bool told;			/* that it cannot be written */
	int64_t written;		/* rows, when the transaction began */
	char why[512];
	ZSTD_CCtx *compress;		/* NULL until the first base */
};

/* A row of table zone. */
struct entry {
	int64_t id;
	uint32_t seq;
	int64_t delta_size, base_size;
	struct journal_version last;
	struct zone_digest base_digest;
};

/* --- SQLite ------------------------------------------------------------ */

static void __attribute__((format(printf, 4, 5)))
tell(struct journal *j, enum severity severity, const char *zone, const char *fmt, ...)
{
	char text[1024];
	struct report report = { .severity = severity, .zone = zone, .text = text };
	va_list args;

	if (j->report == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	j->report(j->ctx, &report);
}

/* Keeps why for journal_why() and whether the file must be replaced. */
static int
failed(struct journal *j, int rc)
{
	snprintf(j->why, sizeof(j->why), "journal %s: %s", j->path,
	    j->db != NULL ? sqlite3_errmsg(j->db) : sqlite3_errstr(rc));
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
		return -EBUSY;
	case SQLITE_READONLY:
		/* The header says so when the file system does not. */
		j->damaged |= j->db != NULL && access(j->path, W_OK) == 0 &&
		    sqlite3_extended_errcode(j->db) == SQLITE_READONLY;
		j->reopen = true;
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR:	/* the header or a table is not what it was */
	case SQLITE_CONSTRAINT:	/* keys are ours alone: a tree is not what it was */
	case SQLITE_MISMATCH:
		j->damaged = true;
		return -EUCLEAN;
	default:
		j->reopen = true;
		return -EIO;
	}
}

/* Bind by a letter each: i int64_t, b blob with size_t, t text, d struct zone_digest *.  Blobs and
 * texts live until the statement is stepped. */
static sqlite3_stmt *
bind(struct journal *j, enum statement which, const char *types, ...)
{
	sqlite3_stmt *s = j->statement[which];
	va_list args;

	sqlite3_reset(s);
	va_start(args, types);
	for (int n = 1; *types != '\0'; types++, n++) {
		const uint8_t *bytes;
		const struct zone_digest *digest;
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
		case 'd':
			digest = va_arg(args, const struct zone_digest *);
			for (int i = 0; i < 16; i++)
				octets[i] = (uint8_t)(digest->word[i / 8] >> (56 - i % 8 * 8));
			sqlite3_bind_blob(s, n, octets, 16, SQLITE_TRANSIENT);
			break;
		}
	}
	va_end(args);
	return s;
}

/* 1: a row, 0: none (any more), or -errno. */
static int
step(struct journal *j, sqlite3_stmt *s)
{
	int rc = sqlite3_step(s), err;

	if (rc == SQLITE_ROW)
		return 1;
	err = rc == SQLITE_DONE ? 0 : failed(j, rc);
	sqlite3_reset(s);
	return err;
}

static struct zone_digest
column_digest(sqlite3_stmt *s, int column)
{
	const uint8_t *p = sqlite3_column_blob(s, column);
	struct zone_digest digest = { { 0, 0 } };

	if (sqlite3_column_bytes(s, column) == 16)
		for (int i = 0; i < 16; i++)
			digest.word[i / 8] = digest.word[i / 8] << 8 | p[i];
	return digest;
}

static void
close_file(struct journal *j)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(j->statement[i]);
		j->statement[i] = NULL;
	}
	sqlite3_close(j->db);
	j->db = NULL;
	j->damaged = j->reopen = false;
}

static int
pragma_number(struct journal *j, const char *text, int64_t *number)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(j->db, text, -1, &s, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		*number = sqlite3_column_int64(s, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(s);
	return rc == SQLITE_OK ? 0 : failed(j, rc);
}

/* Is it whole, and of our version?  Makes the tables in an empty one. */
static int
check_file(struct journal *j)
{
	struct stat st;
	sqlite3_stmt *s = NULL;
	int64_t version = 0, tables = 0;
	int rc, err;

	if ((err = pragma_number(j, "SELECT count(*) FROM sqlite_schema", &tables)) < 0 ||
	    (err = pragma_number(j, "PRAGMA user_version", &version)) < 0)
		return err;
	if (tables == 0 && version == 0 && !j->reader) {
		rc = sqlite3_exec(j->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(j->db, schema, NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(j->db, "COMMIT", NULL, NULL, NULL);
		return rc == SQLITE_OK ? 0 : failed(j, rc);
	}
	if (version != VERSION) {
		snprintf(j->why, sizeof(j->why), version > VERSION ?
		    "journal %s: is of version %" PRId64 ", which is newer than %d" :
		    "journal %s: is no journal of ours, its version is %" PRId64 " and not %d",
		    j->path, version, VERSION);
		j->damaged = true;
		return -EUCLEAN;
	}
	if (j->reader || stat(j->path, &st) < 0 || st.st_size > CHECK_MAX)
		return 0;
	if ((rc = sqlite3_prepare_v2(j->db, "PRAGMA quick_check(1)", -1, &s, NULL)) != SQLITE_OK ||
	    (rc = sqlite3_step(s)) != SQLITE_ROW)
		err = failed(j, rc);
	else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0) {
		snprintf(j->why, sizeof(j->why), "journal %s: %s", j->path,
		    (const char *)sqlite3_column_text(s, 0));
		j->damaged = true;
		err = -EUCLEAN;
	}
	sqlite3_finalize(s);
	return err;
}

static int
open_file(struct journal *j)
{
	/* No memory map: a file cut short under us must be an error, not a signal. */
	static const char writer_setup[] =
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=0;"
	    "PRAGMA cell_size_check=ON; PRAGMA journal_size_limit=67108864;"
	    "PRAGMA trusted_schema=OFF";
	static const char reader_setup[] =
	    "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF";
	int flags = j->reader ? SQLITE_OPEN_READONLY :
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	struct stat st;
	int rc, err;

	rc = sqlite3_open_v2(j->path, &j->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		sqlite3_busy_timeout(j->db, 5000);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(j->db, j->reader ? reader_setup : writer_setup,
		    NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return failed(j, rc);
	if ((err = check_file(j)) < 0)
		return err;
	for (int i = 0; i < STATEMENTS; i++)
		if ((rc = sqlite3_prepare_v3(j->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
		    &j->statement[i], NULL)) != SQLITE_OK)
			return failed(j, rc);
	if (stat(j->path, &st) < 0)
		return -errno;
	j->dev = st.st_dev;
	j->ino = st.st_ino;
	return 0;
}

/* Rename the file and what SQLite keeps beside it. */
static int
set_aside(struct journal *j)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char stamp[32], *bad = NULL;
	time_t now = time(NULL);
	struct tm tm;
	int err = 0;

	close_file(j);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	for (int n = 1; bad == NULL || access(bad, F_OK) == 0; n++) {
		free(bad);
		bad = n == 1 ? xasprintf("%s.bad-%s", j->path, stamp) :
		    xasprintf("%s.bad-%s.%d", j->path, stamp, n);
	}
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *from = xasprintf("%s%s", j->path, suffixes[i]);
		char *to = xasprintf("%s%s", bad, suffixes[i]);

		if (rename(from, to) < 0 && i == 0) {
			err = -errno;
			tell(j, ERROR, NULL, "%s; it cannot be renamed to %s: %s", j->why, bad,
			    strerror(-err));
		}
		free(from);
		free(to);
	}
	if (err == 0)
		tell(j, ERROR, NULL, "%s; it is set aside as %s and a new one is made: transfers"
		    " of differences from older versions become whole ones", j->why, bad);
	free(bad);
	return err;
}

/* Open what is there, or what can be made.  A second damaged one, right after the first was set aside, is not
 * the file's fault. */
static int
open_or_replace(struct journal *j)
{
	int err = open_file(j);

	if (err < 0 && j->damaged && !j->reader && set_aside(j) == 0)
		err = open_file(j);
	if (err < 0)
		close_file(j);
	return err;
}

/* Once, until it can be written again. */
static void
tell_unwritable(struct journal *j)
{
	if (!j->told)
		tell(j, ERROR, NULL, "%s; what is served stays as it is until the journal"
		    " can be written", j->why);
	j->told = true;
}

static bool
moved(const struct journal *j)
{
	struct stat st;

	return stat(j->path, &st) < 0 || st.st_dev != j->dev || st.st_ino != j->ino;
}

static struct journal *
new_journal(const char *path, bool reader, report_fn *report, void *ctx)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->path = xstrdup(path);
	j->reader = reader;
	j->report = report;
	j->ctx = ctx;
	return j;
}

struct journal *
journal_open(const char *path, report_fn *report, void *ctx)
{
	struct journal *j = new_journal(path, false, report, ctx);

	if (open_or_replace(j) < 0)
		tell_unwritable(j);
	return j;
}

struct journal *
journal_open_reader(const char *path)
{
	return new_journal(path, true, NULL, NULL);
}

void
journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	close_file(j);
	ZSTD_freeCCtx(j->compress);
	free(j->path);
	free(j);
}

/* A reader follows its file: the writer may have replaced it. */
static bool
reader_ready(struct journal *j)
{
	if (!j->reader)
		return j->db != NULL;
	if (j->db != NULL && (j->damaged || j->reopen || moved(j)))
		close_file(j);
	return j->db != NULL || open_or_replace(j) == 0;
}

int
journal_begin(struct journal *j)
{
	int err;

	if (j->damaged && (err = set_aside(j)) < 0)
		return err;
	/* Removed or replaced from outside: what is written to it would be lost. */
	if (j->db != NULL && (j->reopen || moved(j)))
		close_file(j);
	if (j->db == NULL && (err = open_or_replace(j)) < 0)
		return err;
	j->written = sqlite3_total_changes64(j->db);
	return step(j, bind(j, BEGIN, ""));
}

int
journal_commit(struct journal *j)
{
	int err = step(j, bind(j, COMMIT, ""));

	if (err == 0 && j->told && sqlite3_total_changes64(j->db) != j->written) {
		tell(j, NOTE, NULL, "journal %s: can be written again", j->path);
		j->told = false;
	}
	return err;
}

void
journal_rollback(struct journal *j)
{
	/* SQLite may have rolled back by itself. */
	if (j->db != NULL && !sqlite3_get_autocommit(j->db)) {
		sqlite3_step(bind(j, ROLLBACK, ""));
		sqlite3_reset(j->statement[ROLLBACK]);
	}
	if (j->damaged)
		set_aside(j);
	else
		tell_unwritable(j);
}

const char *
journal_why(const struct journal *j)
{
	return j->why;
}

/* --- zones ------------------------------------------------------------- */

/* 1: there, 0: not, or -errno. */
static int
get_entry(struct journal *j, const uint8_t *origin, struct entry *e)
{
	char name[DNAME_TEXT_MAX];
	sqlite3_stmt *s;
	int found;

	name_print(name, origin);
	s = bind(j, ZONE_GET, "t", name);
	if ((found = step(j, s)) == 1) {
		e->id = sqlite3_column_int64(s, 0);
		e->last.serial = (uint32_t)sqlite3_column_int64(s, 1);
		e->last.digest = column_digest(s, 2);
		e->seq = (uint32_t)sqlite3_column_int64(s, 3);
		e->delta_size = sqlite3_column_int64(s, 4);
		e->base_digest = column_digest(s, 5);
		e->base_size = sqlite3_column_int64(s, 6);
	}
	sqlite3_reset(s);
	return found;
}

bool
journal_last(struct journal *j, const uint8_t *origin, struct journal_version *last)
{
	struct entry e;

	if (!reader_ready(j) || get_entry(j, origin, &e) != 1)
		return false;
	*last = e.last;
	return true;
}

/* --- the base: writing ------------------------------------------------- */

/* Records as { u8 length of the relative owner, owner, u16 type, u32 TTL, u16 length, RDATA }, numbers in
 * network order; length 255: the owner of the record before. */
#define SAME_OWNER 255
#define RECORD_MAX (1 + 254 + 8 + 65535)

struct base_writer {
	struct journal *j;
	int64_t zone;
	unsigned part;
	int64_t size;			/* octets before compression */
	int err;
	uint8_t in[2 * RECORD_MAX], out[PART_SIZE];
	size_t in_len, out_len;
};

static void
put_part(struct base_writer *w)
{
	if (w->err == 0)
		w->err = step(w->j, bind(w->j, BASE_PUT, "ib",
		    KEY(w->zone, w->part), w->out, w->out_len));
	w->part++;
	w->out_len = 0;
}

static void
compress(struct base_writer *w, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = { w->in, w->in_len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { w->out, sizeof(w->out), w->out_len };

		left = ZSTD_compressStream2(w->j->compress, &out, &in, end);
		assert(!ZSTD_isError(left));	/* only lack of memory, or misuse */
		w->out_len = out.pos;
		if (out.pos == out.size || (end == ZSTD_e_end && left == 0))
			put_part(w);
	} while (in.pos < in.size || (end == ZSTD_e_end && left != 0));
	w->size += (int64_t)w->in_len;
	w->in_len = 0;
}

static uint8_t *
put_number(uint8_t *at, uint32_t number, int octets)
{
	while (octets-- > 0)
		*at++ = (uint8_t)(number >> 8 * octets);
	return at;
}

static void
put_set(struct base_writer *w, const struct node *node, const struct rrset *set,
    bool *named)
{
	const uint8_t *rdata = set->rdata;

	for (unsigned i = 0; i < set->count; i++) {
		uint16_t len = (uint16_t)(rdata[0] << 8 | rdata[1]);
		uint8_t *at;

		if (sizeof(w->in) - w->in_len < RECORD_MAX)
			compress(w, ZSTD_e_continue);
		at = w->in + w->in_len;
		*at++ = *named ? SAME_OWNER : node->name_len;
		if (!*named) {
			memcpy(at, node_name(node), node->name_len);
			at += node->name_len;
		}
		*named = true;
		at = put_number(at, set->type, 2);
		at = put_number(at, set->ttl, 4);
		memcpy(at, rdata, 2u + len);
		w->in_len = (size_t)(at - w->in) + 2u + len;
		rdata += 2 + len;
	}
}

static int
write_base(struct journal *j, int64_t zone_id, const struct zone *zone, int64_t *size)
{
	struct base_writer *w = xmalloc(sizeof(*w));
	struct zone_walk walk;
	int err;

	if (j->compress == NULL)
		j->compress = ZSTD_createCCtx();
	ZSTD_CCtx_reset(j->compress, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(j->compress, ZSTD_c_compressionLevel, 1);
	ZSTD_CCtx_setParameter(j->compress, ZSTD_c_checksumFlag, 1);
	w->j = j;
	w->zone = zone_id;
	w->part = 0;
	w->size = 0;
	w->in_len = w->out_len = 0;
	w->err = step(j, bind(j, BASE_DROP, "ii", KEY(zone_id, 0), KEY(zone_id, SEQ_MAX)));
	for (const struct node *node = zone_walk(&walk, zone);
	    node != NULL && w->err == 0; node = zone_next(&walk)) {
		bool named = false;

		for (unsigned i = 0; i < node->count; i++)
			put_set(w, node, node->set[i], &named);
	}
	compress(w, ZSTD_e_end);
	*size = w->size;
	err = w->err;
	free(w);
	return err;
}

/* --- the base: reading ------------------------------------------------- */

struct base_reader {
	struct builder *builder;
	ZSTD_DCtx *decompress;
	uint8_t owner[DNAME_MAX];
	const uint8_t *origin;
	size_t origin_len;
	bool named;
	uint8_t buf[2 * RECORD_MAX];	/* what is decompressed and not yet read */
	size_t len;
};

/* One record into the builder.  Returns its octets, 0 when it is not whole yet, -EUCLEAN when it
 * is none. */
static int
read_record(struct base_reader *r, const uint8_t *at, size_t len)
{
	size_t name = len == 0 || at[0] == SAME_OWNER ? 0 : at[0], size;
	struct rr rr;

	if (len < 1 + name + 8)
		return 0;
	if (at[0] != SAME_OWNER) {
		if (name + r->origin_len > DNAME_MAX)
			return -EUCLEAN;
		memcpy(r->owner, at + 1, name);
		memcpy(r->owner + name, r->origin, r->origin_len);
		if (name_valid(r->owner, name + r->origin_len) != name + r->origin_len)
			return -EUCLEAN;
		r->named = true;
	}
	at += 1 + name;
	rr.owner = r->owner;
	rr.type = (uint16_t)(at[0] << 8 | at[1]);
	rr.ttl = (uint32_t)at[2] << 24 | (uint32_t)at[3] << 16 | (uint32_t)at[4] << 8 | at[5];
	rr.len = (uint16_t)(at[6] << 8 | at[7]);
	rr.rdata = at + 8;
	size = 1 + name + 8 + rr.len;
	if (len < size)
		return 0;
	if (!r->named)
		return -EUCLEAN;
	builder_add(r->builder, &rr, NULL);
	return (int)size;
}

static int
read_records(struct base_reader *r)
{
	size_t at = 0;
	int size;

	while ((size = read_record(r, r->buf + at, r->len - at)) > 0)
		at += (size_t)size;
	memmove(r->buf, r->buf + at, r->len -= at);
	return size;
}

static int
read_part(struct base_reader *r, const uint8_t *data, size_t size, bool *ended)
{
	ZSTD_inBuffer in = { data, size, 0 };

	do {
		ZSTD_outBuffer out = { r->buf, sizeof(r->buf), r->len };
		size_t left = ZSTD_decompressStream(r->decompress, &out, &in);

		if (ZSTD_isError(left))
			return -EUCLEAN;
		*ended = left == 0;
		r->len = out.pos;
		if (read_records(r) < 0)
			return -EUCLEAN;
		/* A full buffer may hide more that waits inside of zstd. */
		if (out.pos < out.size && in.pos == in.size)
			return 0;
	} while (!*ended);
	return in.pos == in.size ? 0 : -EUCLEAN;
}

/* NULL when it is damaged. */
static struct zone *
read_base(struct journal *j, const struct entry *e, const uint8_t *origin)
{
	struct sink quiet = { 0 };
	struct base_reader *r = xmalloc(sizeof(*r));
	struct zone *zone = NULL;
	bool ended = false;
	sqlite3_stmt *s;
	int row, err = 0;

	r->builder = builder_new(origin, &quiet);
	r->decompress = ZSTD_createDCtx();
	r->origin = origin;
	r->origin_len = name_len(origin);
	r->named = false;
	r->len = 0;
	s = bind(j, BASE_GET, "ii", KEY(e->id, 0), KEY(e->id, SEQ_MAX));
	while (err == 0 && (row = step(j, s)) != 0)
		err = row < 0 ? row : ended ? -EUCLEAN :
		    read_part(r, sqlite3_column_blob(s, 0),
			(size_t)sqlite3_column_bytes(s, 0), &ended);
	sqlite3_reset(s);
	if (err == 0 && ended && r->len == 0)
		zone = builder_finish(r->builder);
	else
		builder_free(r->builder);
	if (zone != NULL && !zone_digest_equal(zone_digest(zone), e->base_digest)) {
		zone_unref(zone);
		zone = NULL;
	}
	ZSTD_freeDCtx(r->decompress);
	free(r);
	return zone;
}

/* --- deltas ------------------------------------------------------------ */

static int64_t
check_sum(const uint8_t *data, size_t size)
{
	return (int64_t)hash_bytes(VERSION, data, size);
}

int
journal_append(struct journal *j, const struct delta *delta, const char *source)
{
	struct zone_digest from = delta_from_digest(delta), to = delta_to_digest(delta);
	const uint8_t *data;
	size_t size;
	struct entry e;
	int found, err;

	if ((found = get_entry(j, delta_origin(delta), &e)) < 0)
		return found;
	if (found == 0 || !zone_digest_equal(e.last.digest, from) || e.seq == SEQ_MAX) {
		snprintf(j->why, sizeof(j->why), "journal %s: its last version of the"
		    " zone is another one", j->path);
		return -ESTALE;
	}
	data = delta_encode(delta, &size);
	err = step(j, bind(j, DELTA_PUT, "iididitib", KEY(e.id, e.seq + 1),
	    (int64_t)delta_from(delta), &from, (int64_t)delta_to(delta), &to,
	    (int64_t)time(NULL), source, check_sum(data, size), data, size));
	if (err < 0)
		return err;
	return step(j, bind(j, ZONE_STEP, "iidii", e.id, (int64_t)delta_to(delta), &to,
	    (int64_t)e.seq + 1, (int64_t)size));
}

static int
forget(struct journal *j, const struct entry *e)
{
	int64_t first = KEY(e->id, 0), last = KEY(e->id, SEQ_MAX);
	int err;

	if ((err = step(j, bind(j, BASE_DROP, "ii", first, last))) == 0 &&
	    (err = step(j, bind(j, DELTA_DROP, "ii", first, last))) == 0)
		err = step(j, bind(j, ZONE_DROP, "i", e->id));
	return err;
}

int
journal_forget(struct journal *j, const uint8_t *origin)
{
	struct entry e;
	int found = get_entry(j, origin, &e);

	return found == 1 ? forget(j, &e) : found;
}

static int
replace_base(struct journal *j, int64_t id, const struct zone *zone)
{
	struct zone_digest digest = zone_digest(zone);
	int64_t size;
	int err;

	if ((err = write_base(j, id, zone, &size)) < 0)
		return err;
	return step(j, bind(j, ZONE_BASE, "idi", id, &digest, size));
}

int
journal_base(struct journal *j, const struct zone *zone)
{
	struct zone_digest digest = zone_digest(zone);
	char name[DNAME_TEXT_MAX];
	int err;

	if ((err = journal_forget(j, zone_origin(zone))) < 0)
		return err;
	name_print(name, zone_origin(zone));
	err = step(j, bind(j, ZONE_NEW, "tidi", name, (int64_t)zone_serial(zone), &digest,
	    (int64_t)time(NULL)));
	if (err < 0)
		return err;
	return replace_base(j, sqlite3_last_insert_rowid(j->db), zone);
}

/* Drop the oldest until what is left fits. */
static int
drop_oldest(struct journal *j, const struct entry *e, int64_t room)
{
	int64_t left = e->delta_size, last = KEY(e->id, 0);
	sqlite3_stmt *s;
	int row = 0;

	s = bind(j, DELTA_OLDEST, "ii", KEY(e->id, 0), KEY(e->id, SEQ_MAX));
	while (left > room && (row = step(j, s)) == 1) {
		last = sqlite3_column_int64(s, 0);
		left -= sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	if (row < 0 ||
	    (row = step(j, bind(j, DELTA_DROP, "ii", KEY(e->id, 0), last))) < 0)
		return row;
	return step(j, bind(j, ZONE_SIZE, "ii", e->id, left));
}

int
journal_tidy(struct journal *j, const struct zone *zone)
{
	struct entry e;
	int64_t room;
	int found, err;

	if ((found = get_entry(j, zone_origin(zone), &e)) < 0)
		return found;
	if (found == 0 || !zone_digest_equal(e.last.digest, zone_digest(zone)))
		return journal_base(j, zone);
	room = e.base_size > JOURNAL_ROOM ? e.base_size : JOURNAL_ROOM;
	if (e.delta_size <= room)
		return 0;
	/* To a half, so that the next base is not due at once. */
	if ((err = replace_base(j, e.id, zone)) < 0)
		return err;
	return drop_oldest(j, &e, room / 2);
}

/* --- reading ----------------------------------------------------------- */

struct chain {			/* newest first */
	struct delta **delta;
	size_t count, room;
};

static void
chain_push(struct chain *c, struct delta *delta)
{
	if (c->count == c->room) {
		c->room = c->room == 0 ? 16 : 2 * c->room;
		c->delta = xrealloc(c->delta, c->room * sizeof(struct delta *));
	}
	c->delta[c->count++] = delta;
}

/* Join neighbours until one is left: each record is looked at log(count) times.  Takes
 * the deltas. */
static struct delta *
chain_join(struct chain *c)
{
	while (c->count > 1) {
		size_t out = 0, i;

		for (i = 0; i + 1 < c->count; i += 2) {
			struct delta *newer = c->delta[i], *older = c->delta[i + 1];

			c->delta[out++] = delta_join(older, newer);
			delta_free(older);
			delta_free(newer);
		}
		if (i < c->count)
			c->delta[out++] = c->delta[i];
		c->count = out;
	}
	return c->delta[0];
}

/* The row's delta when it is undamaged and leads to a version; NULL otherwise. */
static struct delta *
row_delta(sqlite3_stmt *s, struct zone_digest to)
{
	const uint8_t *data = sqlite3_column_blob(s, 3);
	size_t size = (size_t)sqlite3_column_bytes(s, 3);
	struct delta *delta;

	if (check_sum(data, size) != sqlite3_column_int64(s, 2) ||
	    (delta = delta_decode(data, size)) == NULL)
		return NULL;
	if (zone_digest_equal(delta_to_digest(delta), to))
		return delta;
	delta_free(delta);
	return NULL;
}

struct delta *
journal_chain(struct journal *j, const uint8_t *origin, struct zone_digest from,
    struct zone_digest to)
{
	struct chain chain = { 0 };
	struct delta *delta = NULL;
	struct zone_digest want = to;
	struct entry e;
	sqlite3_stmt *s;

	if (!reader_ready(j) || get_entry(j, origin, &e) != 1)
		return NULL;
	s = bind(j, DELTA_BACK, "ii", KEY(e.id, 0), KEY(e.id, SEQ_MAX));
	while (step(j, s) == 1) {
		/* Those after the version asked for. */
		if (chain.count == 0 && !zone_digest_equal(column_digest(s, 1), to))
			continue;
		if ((delta = row_delta(s, want)) == NULL)
			break;
		chain_push(&chain, delta);
		want = delta_from_digest(delta);
		if (zone_digest_equal(want, from))
			break;
	}
	sqlite3_reset(s);
	if (delta != NULL && zone_digest_equal(want, from) &&
	    name_equal(delta_origin(delta), origin)) {
		delta = chain_join(&chain);
	} else {
		while (chain.count > 0)
			delta_free(chain.delta[--chain.count]);
		delta = NULL;
	}
	free(chain.delta);
	return delta;
}

/* From the base to the last version. */
static struct zone *
replay(struct journal *j, const struct entry *e, struct zone *base)
{
	struct sink quiet = { 0 };
	struct delta *delta;
	struct zone *zone = NULL;

	if (zone_digest_equal(e->base_digest, e->last.digest))
		return zone_ref(base);
	delta = journal_chain(j, zone_origin(base), e->base_digest, e->last.digest);
	if (delta != NULL)
		zone = delta_apply(base, delta, &quiet);
	delta_free(delta);
	return zone;
}

struct zone *
journal_restore(struct journal *j, const uint8_t *origin)
{
	struct entry e;
	struct zone *base, *zone = NULL;
	char name[DNAME_TEXT_MAX];

	if (!reader_ready(j) || get_entry(j, origin, &e) != 1)
		return NULL;
	if ((base = read_base(j, &e, origin)) != NULL)
		zone = replay(j, &e, base);
	zone_unref(base);
	if (zone != NULL && zone_digest_equal(zone_digest(zone), e.last.digest))
		return zone;
	zone_unref(zone);
	name_print(name, origin);
	tell(j, WARNING, name, "its history in journal %s is damaged and is"
	    " begun anew: transfers of differences from older versions become whole ones",
	    j->path);
	return NULL;
}
