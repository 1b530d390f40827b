/* journal.c - versions and deltas of zones, kept in SQLite. */
#include "sync/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sync/dbfile.h"
#include "sync/snapshot.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

#define VERSION 3

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
    "CREATE TABLE clock("		/* of slaves' zones */
    " name TEXT PRIMARY KEY,"
    " checked INTEGER NOT NULL,"
    " expires INTEGER NOT NULL,"
    " refused INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "PRAGMA user_version=3";

enum statement {
	ZONE_GET, ZONE_NEW, ZONE_STEP, ZONE_BASE, ZONE_SIZE, ZONE_DROP,
	BASE_PUT, BASE_GET, BASE_DROP,
	DELTA_PUT, DELTA_BACK, DELTA_STEPS, DELTA_FROM, DELTA_OLDEST, DELTA_DROP,
	CLOCK_PUT, CLOCK_GET, CLOCK_DROP,
	STATEMENTS
};
static const char *const sql[STATEMENTS] = {
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
	[DELTA_STEPS] = "SELECT from_serial, from_digest, to_serial, to_digest, at, source,"
	    " data FROM delta WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC",
	[DELTA_FROM] = "SELECT DISTINCT from_digest FROM delta"
	    " WHERE id BETWEEN ?1 AND ?2 AND from_serial = ?3",
	[DELTA_OLDEST] = "SELECT id, length(data) FROM delta"
	    " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
	[DELTA_DROP] = "DELETE FROM delta WHERE id BETWEEN ?1 AND ?2",
	[CLOCK_PUT] = "REPLACE INTO clock(name, checked, expires, refused) VALUES(?1, ?2, ?3, ?4)",
	[CLOCK_GET] = "SELECT checked, expires, refused FROM clock WHERE name = ?1",
	[CLOCK_DROP] = "DELETE FROM clock WHERE name = ?1",
};

static const struct dbfile_format format = {
	.version = VERSION,
	.schema = schema,
	.sql = sql,
	.statements = STATEMENTS,
	.what = "journal",
	.loss = "older versions are not known any more, so slaves fetch whole zones, and one whose file is broken at a"
	    " start has nothing to serve",
	.stuck = "what is served stays as it is until the journal can be written",
};

struct journal {
	struct dbfile *file;
	struct snapshot_writer *writer;		/* NULL: a reader */
};

/* A row of table zone. */
struct entry {
	int64_t id;
	uint32_t seq;
	int64_t delta_size, base_size;
	struct journal_version last;
	struct zone_digest base_digest;
};

struct journal *
journal_open(const char *path, report_fn *report, void *ctx)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->file = dbfile_new(path, &format, false, report, ctx);
	j->writer = snapshot_writer_new();
	return j;
}

struct journal *
journal_open_reader(const char *path)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	j->file = dbfile_new(path, &format, true, NULL, NULL);
	return j;
}

void
journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	dbfile_free(j->file);
	snapshot_writer_free(j->writer);
	free(j);
}

int
journal_begin(struct journal *j)
{
	return dbfile_begin(j->file);
}

int
journal_commit(struct journal *j)
{
	return dbfile_commit(j->file);
}

void
journal_rollback(struct journal *j)
{
	dbfile_rollback(j->file);
}

const char *
journal_why(const struct journal *j)
{
	return dbfile_why(j->file);
}

/* --- zones ------------------------------------------------------------- */

/* 1: there, 0: not, or -errno. */
static int
get_entry(struct journal *j, const uint8_t *origin, struct entry *e)
{
	char name[DNAME_TEXT_MAX];
	struct dbfile *f = j->file;
	int found;

	name_print(name, origin);
	dbfile_ask(f, ZONE_GET, "t", name);
	if ((found = dbfile_row(f, ZONE_GET)) == 1) {
		e->id = dbfile_int(f, ZONE_GET, 0);
		e->last.serial = (uint32_t)dbfile_int(f, ZONE_GET, 1);
		dbfile_words(f, ZONE_GET, 2, e->last.digest.word);
		e->seq = (uint32_t)dbfile_int(f, ZONE_GET, 3);
		e->delta_size = dbfile_int(f, ZONE_GET, 4);
		dbfile_words(f, ZONE_GET, 5, e->base_digest.word);
		e->base_size = dbfile_int(f, ZONE_GET, 6);
	}
	dbfile_done(f, ZONE_GET);
	return found;
}

bool
journal_last(struct journal *j, const uint8_t *origin, struct journal_version *last)
{
	struct entry e;

	if (dbfile_ready(j->file) < 0 || get_entry(j, origin, &e) != 1)
		return false;
	*last = e.last;
	return true;
}

/* --- the base ---------------------------------------------------------- */

struct base {
	struct journal *j;
	int64_t zone;
	unsigned part;
};

static int
put_part(void *ctx, const uint8_t *part, size_t size)
{
	struct base *base = ctx;

	return dbfile_run(base->j->file, BASE_PUT, "ib", KEY(base->zone, base->part++), part, size);
}

/* NULL when it is damaged. */
static struct zone *
read_base(struct journal *j, const struct entry *e, const uint8_t *origin)
{
	struct snapshot_reader *reader = snapshot_reader_new(origin);
	struct zone *zone;
	const uint8_t *part;
	size_t size;
	int err = 0;

	dbfile_ask(j->file, BASE_GET, "ii", KEY(e->id, 0), KEY(e->id, SEQ_MAX));
	while (err == 0 && dbfile_row(j->file, BASE_GET) == 1) {
		part = dbfile_octets(j->file, BASE_GET, 0, &size);
		err = snapshot_read(reader, part, size);
	}
	dbfile_done(j->file, BASE_GET);
	zone = snapshot_finish(reader);
	if (zone != NULL && !zone_digest_equal(zone_digest(zone), e->base_digest)) {
		zone_unref(zone);
		zone = NULL;
	}
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
		dbfile_say_why(j->file, "its last version of the zone is another one");
		return -ESTALE;
	}
	data = delta_encode(delta, &size);
	err = dbfile_run(j->file, DELTA_PUT, "iiwiwitib", KEY(e.id, e.seq + 1),
	    (int64_t)delta_from(delta), from.word, (int64_t)delta_to(delta), to.word,
	    (int64_t)time(NULL), source, check_sum(data, size), data, size);
	if (err < 0)
		return err;
	return dbfile_run(j->file, ZONE_STEP, "iiwii", e.id, (int64_t)delta_to(delta), to.word,
	    (int64_t)e.seq + 1, (int64_t)size);
}

static int
forget(struct journal *j, const struct entry *e)
{
	int64_t first = KEY(e->id, 0), last = KEY(e->id, SEQ_MAX);
	int err;

	if ((err = dbfile_run(j->file, BASE_DROP, "ii", first, last)) == 0 &&
	    (err = dbfile_run(j->file, DELTA_DROP, "ii", first, last)) == 0)
		err = dbfile_run(j->file, ZONE_DROP, "i", e->id);
	return err;
}

/* What is known of its versions. */
static int
forget_versions(struct journal *j, const uint8_t *origin)
{
	struct entry e;
	int found = get_entry(j, origin, &e);

	return found == 1 ? forget(j, &e) : found;
}

int
journal_forget(struct journal *j, const uint8_t *origin)
{
	char name[DNAME_TEXT_MAX];
	int err = forget_versions(j, origin);

	name_print(name, origin);
	return err < 0 ? err : dbfile_run(j->file, CLOCK_DROP, "t", name);
}

static int
replace_base(struct journal *j, int64_t id, const struct zone *zone)
{
	struct zone_digest digest = zone_digest(zone);
	struct base base = { j, id, 0 };
	int64_t size;
	int err;

	err = dbfile_run(j->file, BASE_DROP, "ii", KEY(id, 0), KEY(id, SEQ_MAX));
	if (err < 0 || (err = snapshot_write(j->writer, zone, put_part, &base, &size)) < 0)
		return err;
	return dbfile_run(j->file, ZONE_BASE, "iwi", id, digest.word, size);
}

int
journal_base(struct journal *j, const struct zone *zone)
{
	struct zone_digest digest = zone_digest(zone);
	char name[DNAME_TEXT_MAX];
	int err;

	if ((err = forget_versions(j, zone_origin(zone))) < 0)
		return err;
	name_print(name, zone_origin(zone));
	err = dbfile_run(j->file, ZONE_NEW, "tiwi", name, (int64_t)zone_serial(zone), digest.word,
	    (int64_t)time(NULL));
	if (err < 0)
		return err;
	return replace_base(j, dbfile_last_id(j->file), zone);
}

/* Drop the oldest until what is left fits.  The newest stays: it is what nearly all who ask for changes ask for. */
static int
drop_oldest(struct journal *j, const struct entry *e, int64_t room)
{
	int64_t left = e->delta_size, last = KEY(e->id, 0);
	struct dbfile *f = j->file;
	int row = 0;

	dbfile_ask(f, DELTA_OLDEST, "ii", KEY(e->id, 0), KEY(e->id, e->seq) - 1);
	while (left > room && (row = dbfile_row(f, DELTA_OLDEST)) == 1) {
		last = dbfile_int(f, DELTA_OLDEST, 0);
		left -= dbfile_int(f, DELTA_OLDEST, 1);
	}
	dbfile_done(f, DELTA_OLDEST);
	if (row < 0 ||
	    (row = dbfile_run(j->file, DELTA_DROP, "ii", KEY(e->id, 0), last)) < 0)
		return row;
	return dbfile_run(j->file, ZONE_SIZE, "ii", e->id, left);
}

int
journal_tidy(struct journal *j, const struct zone *zone, uint64_t given)
{
	struct entry e;
	int64_t room = given < INT64_MAX ? (int64_t)given : INT64_MAX;
	int found, err;

	if ((found = get_entry(j, zone_origin(zone), &e)) < 0)
		return found;
	if (found == 0 || !zone_digest_equal(e.last.digest, zone_digest(zone)))
		return journal_base(j, zone);
	if (room == 0)
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
row_delta(struct dbfile *f, struct zone_digest to)
{
	size_t size;
	const uint8_t *data = dbfile_octets(f, DELTA_BACK, 3, &size);
	struct delta *delta;

	if (check_sum(data, size) != dbfile_int(f, DELTA_BACK, 2) ||
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
	struct dbfile *f = j->file;

	if (dbfile_ready(j->file) < 0 || get_entry(j, origin, &e) != 1)
		return NULL;
	dbfile_ask(f, DELTA_BACK, "ii", KEY(e.id, 0), KEY(e.id, SEQ_MAX));
	while (dbfile_row(f, DELTA_BACK) == 1) {
		struct zone_digest row_to;

		/* Those after the version asked for. */
		dbfile_words(f, DELTA_BACK, 1, row_to.word);
		if (chain.count == 0 && !zone_digest_equal(row_to, to))
			continue;
		if ((delta = row_delta(f, want)) == NULL)
			break;
		chain_push(&chain, delta);
		want = delta_from_digest(delta);
		if (zone_digest_equal(want, from))
			break;
	}
	dbfile_done(f, DELTA_BACK);
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

void
journal_steps(struct journal *j, const uint8_t *origin,
    void (*fn)(void *ctx, const struct journal_step *), void *ctx)
{
	struct dbfile *f = j->file;
	struct entry e;

	if (dbfile_ready(f) < 0 || get_entry(j, origin, &e) != 1)
		return;
	dbfile_ask(f, DELTA_STEPS, "ii", KEY(e.id, 0), KEY(e.id, SEQ_MAX));
	while (dbfile_row(f, DELTA_STEPS) == 1) {
		struct journal_step step = {
			.from_serial = (uint32_t)dbfile_int(f, DELTA_STEPS, 0),
			.to_serial = (uint32_t)dbfile_int(f, DELTA_STEPS, 2),
			.at = dbfile_int(f, DELTA_STEPS, 4),
		};
		size_t size, len;
		char source[32];
		const uint8_t *data = dbfile_octets(f, DELTA_STEPS, 5, &len);
		struct delta *delta;

		snprintf(source, sizeof(source), "%.*s", (int)len, (const char *)data);
		step.source = source;
		dbfile_words(f, DELTA_STEPS, 1, step.from.word);
		dbfile_words(f, DELTA_STEPS, 3, step.to.word);
		data = dbfile_octets(f, DELTA_STEPS, 6, &size);
		if ((delta = delta_decode(data, size)) != NULL) {
			step.removed = delta_removed(delta);
			step.added = delta_added(delta);
			delta_free(delta);
		}
		fn(ctx, &step);
	}
	dbfile_done(f, DELTA_STEPS);
}

struct delta *
journal_chain_since(struct journal *j, const uint8_t *origin, uint32_t serial,
    struct zone_digest to)
{
	struct zone_digest from;
	struct dbfile *f = j->file;
	struct entry e;
	unsigned versions = 0;

	if (dbfile_ready(f) < 0 || get_entry(j, origin, &e) != 1)
		return NULL;
	dbfile_ask(f, DELTA_FROM, "iii", KEY(e.id, 0), KEY(e.id, SEQ_MAX), (int64_t)serial);
	while (dbfile_row(f, DELTA_FROM) == 1) {
		dbfile_words(f, DELTA_FROM, 0, from.word);
		versions++;
	}
	dbfile_done(f, DELTA_FROM);
	return versions == 1 ? journal_chain(j, origin, from, to) : NULL;
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

	if (dbfile_ready(j->file) < 0 || get_entry(j, origin, &e) != 1)
		return NULL;
	if ((base = read_base(j, &e, origin)) != NULL)
		zone = replay(j, &e, base);
	zone_unref(base);
	if (zone != NULL && zone_digest_equal(zone_digest(zone), e.last.digest))
		return zone;
	zone_unref(zone);
	name_print_plain(name, origin);
	dbfile_report(j->file, WARNING, name, "its history in the journal is damaged and is"
	    " begun anew: transfers of differences from older versions become whole ones");
	return NULL;
}

/* --- clocks ------------------------------------------------------------ */

int
journal_set_clock(struct journal *j, const uint8_t *origin, struct journal_clock clock)
{
	char name[DNAME_TEXT_MAX];

	name_print(name, origin);
	return dbfile_run(j->file, CLOCK_PUT, "tiii", name, clock.checked, clock.expires, clock.refused);
}

bool
journal_clock(struct journal *j, const uint8_t *origin, struct journal_clock *clock)
{
	char name[DNAME_TEXT_MAX];
	bool found;

	if (dbfile_ready(j->file) < 0)
		return false;
	name_print(name, origin);
	dbfile_ask(j->file, CLOCK_GET, "t", name);
	found = dbfile_row(j->file, CLOCK_GET) == 1;
	if (found)
		*clock = (struct journal_clock){ dbfile_int(j->file, CLOCK_GET, 0), dbfile_int(j->file, CLOCK_GET, 1),
		    dbfile_int(j->file, CLOCK_GET, 2) };
	dbfile_done(j->file, CLOCK_GET);
	return found;
}
