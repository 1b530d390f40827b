#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sync/target_impl.h"
#include "zonefile/arena.h"

/* PowerDNS retries for ever while we write; a foreign writer may hold us up as long as this. */
#define BUSY_MS 5000

struct sqlite {
	struct target head;
	sqlite3 *db;
	sqlite3_stmt *insert;
	dev_t dev;
	ino_t ino;
};

/* What PowerDNS's gsqlite3 backend of 4.7 and later asks for, and what remembers where its zones are. */
static const char schema[] =
"CREATE TABLE IF NOT EXISTS domains (id INTEGER PRIMARY KEY AUTOINCREMENT,"
" name VARCHAR(255) NOT NULL COLLATE NOCASE, master VARCHAR(128), last_check INTEGER,"
" type VARCHAR(8) NOT NULL, notified_serial INTEGER, account VARCHAR(40), options VARCHAR(65535),"
" catalog VARCHAR(255));"
"CREATE UNIQUE INDEX IF NOT EXISTS name_index ON domains (name);"
"CREATE INDEX IF NOT EXISTS catalog_idx ON domains (catalog);"
"CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, domain_id INTEGER"
" REFERENCES domains (id) ON DELETE CASCADE ON UPDATE CASCADE, name VARCHAR(255), type VARCHAR(10),"
" content VARCHAR(65535), ttl INTEGER, prio INTEGER, disabled BOOLEAN DEFAULT 0,"
" ordername VARCHAR(255), auth BOOLEAN DEFAULT 1);"
"CREATE INDEX IF NOT EXISTS records_lookup_idx ON records (name, type);"
"CREATE INDEX IF NOT EXISTS records_lookup_id_idx ON records (domain_id, name, type);"
"CREATE INDEX IF NOT EXISTS records_order_idx ON records (domain_id, ordername);"
"CREATE TABLE IF NOT EXISTS supermasters (ip VARCHAR(64) NOT NULL,"
" nameserver VARCHAR(255) NOT NULL COLLATE NOCASE, account VARCHAR(40) NOT NULL,"
" PRIMARY KEY (ip, nameserver));"
"CREATE TABLE IF NOT EXISTS comments (id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL"
" REFERENCES domains (id) ON DELETE CASCADE ON UPDATE CASCADE, name VARCHAR(255) NOT NULL,"
" type VARCHAR(10) NOT NULL, modified_at INTEGER NOT NULL, account VARCHAR(40),"
" comment VARCHAR(65535) NOT NULL);"
"CREATE INDEX IF NOT EXISTS comments_idx ON comments (domain_id, name, type);"
"CREATE INDEX IF NOT EXISTS comments_order_idx ON comments (domain_id, modified_at);"
"CREATE TABLE IF NOT EXISTS domainmetadata (id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL"
" REFERENCES domains (id) ON DELETE CASCADE ON UPDATE CASCADE, kind VARCHAR(32) COLLATE NOCASE,"
" content TEXT);"
"CREATE INDEX IF NOT EXISTS domainmetadata_idx ON domainmetadata (domain_id);"
"CREATE TABLE IF NOT EXISTS cryptokeys (id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL"
" REFERENCES domains (id) ON DELETE CASCADE ON UPDATE CASCADE, flags INTEGER NOT NULL,"
" active BOOLEAN, published BOOLEAN DEFAULT 1, content TEXT);"
"CREATE INDEX IF NOT EXISTS cryptokeys_idx ON cryptokeys (domain_id);"
"CREATE TABLE IF NOT EXISTS tsigkeys (id INTEGER PRIMARY KEY, name VARCHAR(255) COLLATE NOCASE,"
" algorithm VARCHAR(50) COLLATE NOCASE, secret VARCHAR(255));"
"CREATE UNIQUE INDEX IF NOT EXISTS tsigkeys_idx ON tsigkeys (name, algorithm);"
"CREATE TABLE IF NOT EXISTS tandem_state (domain_id INTEGER PRIMARY KEY, owner VARCHAR(40) NOT NULL,"
" name VARCHAR(255) NOT NULL, serial INTEGER NOT NULL, digest VARCHAR(32) NOT NULL,"
" form VARCHAR(32) NOT NULL, changed_at INTEGER NOT NULL);"
"CREATE INDEX IF NOT EXISTS tandem_state_idx ON tandem_state (owner, name);"
"CREATE TABLE IF NOT EXISTS tandem_lease (owner VARCHAR(40) NOT NULL, part VARCHAR(8) NOT NULL,"
" token VARCHAR(32) NOT NULL, instance VARCHAR(255) NOT NULL, beat INTEGER NOT NULL,"
" PRIMARY KEY (owner, part));";

static enum target_result
failed(struct sqlite *s, int rc)
{
	enum target_result result;
	int err;

	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		result = TARGET_AGAIN;
		break;
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		result = TARGET_HELD;
		break;
	default:
		result = TARGET_BROKEN;
	}
	err = s->db != NULL && (rc & 0xff) == SQLITE_CANTOPEN ? sqlite3_system_errno(s->db) : 0;
	return target_fail(&s->head, result, "%s: %s%s%s", s->head.conf->file,
	    s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc), err != 0 ? ": " : "", err != 0 ? strerror(err) : "");
}

static void
sqlite_disconnect(struct target *t)
{
	struct sqlite *s = (struct sqlite *)t;

	sqlite3_finalize(s->insert);
	sqlite3_close(s->db);
	s->insert = NULL;
	s->db = NULL;
}

static void
sqlite_close(struct target *t)
{
	free(t);
}

static enum target_result
execute(struct sqlite *s, const char *sql)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? TARGET_OK : failed(s, rc);
}

static enum target_result
sqlite_connect(struct target *t)
{
	static const char insert[] = "INSERT INTO records (domain_id, name, type, content, ttl, prio, "
	    "disabled, ordername, auth) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
	struct sqlite *s = (struct sqlite *)t;
	enum target_result result;
	struct stat st;
	int rc;

	rc = sqlite3_open_v2(t->conf->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return failed(s, rc);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	/* tandem_state tells where the tables are, so what a power cut takes back is written again: NORMAL is enough. */
	if ((result = execute(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
	    "PRAGMA foreign_keys = 0; PRAGMA cache_size = -32768;")) != TARGET_OK ||
	    (result = execute(s, schema)) != TARGET_OK)
		return result;
	rc = sqlite3_prepare_v3(s->db, insert, sizeof(insert), SQLITE_PREPARE_PERSISTENT, &s->insert, NULL);
	if (rc != SQLITE_OK)
		return failed(s, rc);
	if (stat(t->conf->file, &st) < 0)
		return target_fail(t, TARGET_LOST, "%s: it is gone", t->conf->file);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return TARGET_OK;
}

/* Our connection would read and write on in a file that has no name any more. */
static enum target_result
still_there(struct sqlite *s)
{
	const char *file = s->head.conf->file;
	struct stat st;

	if (stat(file, &st) < 0 || st.st_dev != s->dev || st.st_ino != s->ino)
		return target_fail(&s->head, TARGET_LOST, "%s: it was removed or replaced", file);
	return TARGET_OK;
}

static enum target_result
begin(struct target *t, const char *how)
{
	struct sqlite *s = (struct sqlite *)t;
	enum target_result result = still_there(s);

	return result == TARGET_OK ? execute(s, how) : result;
}

static enum target_result
sqlite_begin(struct target *t)
{
	return begin(t, "BEGIN IMMEDIATE");
}

static enum target_result
sqlite_snapshot(struct target *t)
{
	return begin(t, "BEGIN");
}

static enum target_result
sqlite_commit(struct target *t)
{
	return execute((struct sqlite *)t, "COMMIT");
}

static void
sqlite_rollback(struct target *t)
{
	struct sqlite *s = (struct sqlite *)t;

	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

#define COLUMNS_MAX 16

static enum target_result
sqlite_query(struct target *t, const struct text *sql, sql_row_fn *fn, void *ctx)
{
	struct sqlite *s = (struct sqlite *)t;
	enum target_result result;
	sqlite3_stmt *stmt;
	int rc;

	if (!t->begun && (result = still_there(s)) != TARGET_OK)
		return result;
	rc = sqlite3_prepare_v2(s->db, sql->s, (int)sql->len + 1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return failed(s, rc);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *value[COLUMNS_MAX];
		size_t len[COLUMNS_MAX];

		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			value[i] = (const char *)sqlite3_column_text(stmt, i);
			len[i] = (size_t)sqlite3_column_bytes(stmt, i);
		}
		fn(ctx, value, len);
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? TARGET_OK : failed(s, rc);
}

static enum target_result
sqlite_post(struct target *t, const struct text *sql, int64_t expected)
{
	struct sqlite *s = (struct sqlite *)t;
	enum target_result result = t->begun ? TARGET_OK : still_there(s);

	if (result == TARGET_OK)
		result = execute(s, sql->s);
	if (result == TARGET_OK && expected >= 0 && sqlite3_changes(s->db) != expected)
		return target_fail(t, TARGET_DRIFTED, "%s: somebody else has changed rows of the zone",
		    t->conf->file);
	return result;
}

static enum target_result
sqlite_insert(struct target *t, int64_t domain, const struct row *row)
{
	struct sqlite *s = (struct sqlite *)t;
	int rc;

	sqlite3_bind_int64(s->insert, 1, domain);
	sqlite3_bind_text(s->insert, 2, row->name, row->name_len, SQLITE_STATIC);
	sqlite3_bind_text(s->insert, 3, row->type, -1, SQLITE_STATIC);
	sqlite3_bind_text(s->insert, 4, row->content, (int)row->content_len, SQLITE_STATIC);
	sqlite3_bind_int64(s->insert, 5, row->ttl);
	sqlite3_bind_int(s->insert, 6, row->prio);
	if (row->type == NULL) {
		sqlite3_bind_null(s->insert, 5);
		sqlite3_bind_null(s->insert, 6);
	}
	sqlite3_bind_int(s->insert, 7, row->disabled);
	sqlite3_bind_text(s->insert, 8, row->ordername, row->ordername_len, SQLITE_STATIC);
	sqlite3_bind_int(s->insert, 9, row->auth);
	sqlite3_step(s->insert);
	rc = sqlite3_reset(s->insert);
	return rc == SQLITE_OK ? TARGET_OK : failed(s, rc);
}

static enum target_result
sqlite_flush(struct target *t)
{
	(void)t;
	return TARGET_OK;
}

struct target *
target_sqlite_open(void)
{
	static const struct target_ops ops = {
		.content = "content", .for_update = "", .for_share = "",
		.connect = sqlite_connect, .disconnect = sqlite_disconnect, .close = sqlite_close,
		.begin = sqlite_begin, .snapshot = sqlite_snapshot, .commit = sqlite_commit, .rollback = sqlite_rollback,
		.query = sqlite_query, .post = sqlite_post, .insert = sqlite_insert,
		.flush = sqlite_flush,
	};
	struct sqlite *s = xcalloc(1, sizeof(*s));

	s->head.ops = &ops;
	return &s->head;
}
