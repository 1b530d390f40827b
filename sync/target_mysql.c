#include <errno.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <errmsg.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sync/secret.h"
#include "sync/target_impl.h"
#include "sync/target_insert.h"
#include "zonefile/arena.h"

#define CONNECT_SECONDS 5
#define WAIT_SECONDS 60			/* for one answer; a batch takes well below one */
#define LOCK_SECONDS 10
#define BULK_ROWS 64			/* fewer save no time, but cost a round trip */
#define BATCH_OCTETS (512 * 1024)	/* statements that share a round trip */
#define BATCH_STATEMENTS 1000

/* Errors that not every library's headers name. */
enum {
	E_WSREP_NOT_READY = 1047, E_RECORD_CHANGED = 1020, E_KILLED = 1927, E_STATEMENT_TIME = 1969,
	E_READ_ONLY_MODE = 1836, E_EXECUTION_TIME = 3024, E_ROLLED_BACK_BY_GROUP = 3101, E_IDLE = 4031,
};

struct mysql {
	struct target head;
	MYSQL db;
	bool open;
	unsigned host;			/* the next to try */
	const char *where;		/* host or socket, for messages */
	size_t packet;			/* max_allowed_packet */
	struct text batch, insert;
	int64_t expected[2][BATCH_STATEMENTS];	/* of the batch under way, and of the one that was sent */
	unsigned statements;
	unsigned sent;			/* statements whose results have not been read */
	bool bulk;			/* it takes many rows by one execution of a statement */
	MYSQL_STMT *bulk_insert;	/* prepared, when it was needed */
	struct inserts rows;
};

static enum target_result
classify(unsigned error)
{
	switch (error) {
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_LOCK_DEADLOCK:
	case ER_QUERY_INTERRUPTED:
	case E_RECORD_CHANGED:
	case E_STATEMENT_TIME:
	case E_EXECUTION_TIME:
	case E_ROLLED_BACK_BY_GROUP:
		return TARGET_AGAIN;
	case E_WSREP_NOT_READY:		/* another node may be */
	case ER_SERVER_SHUTDOWN:
	case ER_NORMAL_SHUTDOWN:
	case ER_NET_READ_ERROR:
	case ER_NET_READ_INTERRUPTED:
	case ER_NET_ERROR_ON_WRITE:
	case ER_NET_WRITE_INTERRUPTED:
	case ER_CON_COUNT_ERROR:
	case ER_HOST_IS_BLOCKED:
	case ER_TOO_MANY_USER_CONNECTIONS:
	case E_KILLED:
	case E_IDLE:
		return TARGET_LOST;
	case ER_NET_PACKET_TOO_LARGE:
	case CR_NET_PACKET_TOO_LARGE:
	case ER_DATA_TOO_LONG:
	case ER_DUP_ENTRY:
	case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
	case ER_WARN_DATA_OUT_OF_RANGE:
		return TARGET_HELD;
	default:
		return error >= CR_MIN_ERROR && error <= CR_MAX_ERROR ? TARGET_LOST : TARGET_BROKEN;
	}
}

static enum target_result
failed(struct mysql *m)
{
	unsigned error = mysql_errno(&m->db);

	return target_fail(&m->head, classify(error), "%s: %s (%u)", m->where, mysql_error(&m->db), error);
}

/* What has not been sent. */
static void
forget(struct mysql *m)
{
	m->batch.len = 0;
	m->statements = m->sent = 0;
	inserts_clear(&m->rows);
}

static void
end_bulk(struct mysql *m)
{
	if (m->bulk_insert != NULL)
		mysql_stmt_close(m->bulk_insert);
	m->bulk_insert = NULL;
}

static void
mysql_disconnect(struct target *t)
{
	struct mysql *m = (struct mysql *)t;

	forget(m);
	end_bulk(m);
	if (m->open)
		mysql_close(&m->db);
	m->open = false;
}

static void
mysql_free(struct target *t)
{
	struct mysql *m = (struct mysql *)t;

	free(m->batch.s);
	free(m->insert.s);
	free(m);
	mysql_thread_end();
}

/* The results of the batch that the server works on. */
static enum target_result
finish_batch(struct mysql *m)
{
	bool drifted = false;
	unsigned sent = m->sent, at = 0;
	int more;

	if (sent == 0)
		return TARGET_OK;
	m->sent = 0;
	more = mysql_read_query_result(&m->db) == 0 ? 0 : 1;
	for (; more == 0; more = mysql_next_result(&m->db), at++)
		if (at < sent && m->expected[1][at] >= 0 &&
		    mysql_affected_rows(&m->db) != (my_ulonglong)m->expected[1][at])
			drifted = true;
	if (more > 0)
		return failed(m);
	return drifted ? target_fail(&m->head, TARGET_DRIFTED,
	    "%s: somebody else has changed rows of the zone", m->where) : TARGET_OK;
}

/* In one packet; while the server works on it, the next one is made. */
static enum target_result
send_batch(struct mysql *m)
{
	enum target_result result = finish_batch(m);

	if (result != TARGET_OK || m->statements == 0)
		return result;
	if (mysql_send_query(&m->db, m->batch.s, m->batch.len) != 0)
		return failed(m);
	memcpy(m->expected[1], m->expected[0], m->statements * sizeof(m->expected[0][0]));
	m->sent = m->statements;
	m->batch.len = 0;
	m->statements = 0;
	return TARGET_OK;
}

static enum target_result
execute(struct mysql *m, const char *sql)
{
	enum target_result result = finish_batch(m);

	if (result == TARGET_OK && mysql_real_query(&m->db, sql, strlen(sql)) != 0)
		result = failed(m);
	return result;
}

static enum target_result
mysql_target_query(struct target *t, const struct text *sql, sql_row_fn *fn, void *ctx)
{
	struct mysql *m = (struct mysql *)t;
	enum target_result result = finish_batch(m);
	MYSQL_RES *res;
	MYSQL_ROW row;

	if (result != TARGET_OK)
		return result;
	if (mysql_real_query(&m->db, sql->s, sql->len) != 0 || (res = mysql_use_result(&m->db)) == NULL)
		return failed(m);
	while ((row = mysql_fetch_row(res)) != NULL) {
		unsigned long *lengths = mysql_fetch_lengths(res);
		size_t len[16];

		for (unsigned i = 0; i < mysql_num_fields(res); i++)
			len[i] = lengths[i];
		fn(ctx, (const char *const *)row, len);
	}
	mysql_free_result(res);
	return mysql_errno(&m->db) == 0 ? TARGET_OK : failed(m);
}

static enum target_result
ask(struct mysql *m, const char *sql, sql_row_fn *fn, void *ctx)
{
	struct text text = { (char *)(uintptr_t)sql, strlen(sql), 0 };

	return mysql_target_query(&m->head, &text, fn, ctx);
}

#ifdef MARIADB_BASE_VERSION
/* Can the server take many rows by one execution of a statement, which spares it a third of the work? */
static bool
has_bulk(MYSQL *db)
{
	unsigned long capabilities = 0;

	return mariadb_get_infov(db, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &capabilities) == 0 &&
	    (capabilities & MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32) != 0;
}

static enum target_result
bulk_failed(struct mysql *m)
{
	unsigned error = mysql_stmt_errno(m->bulk_insert);

	return target_fail(&m->head, classify(error), "%s: %s (%u)", m->where, mysql_stmt_error(m->bulk_insert), error);
}

static enum target_result
insert_bulk(struct mysql *m)
{
	static const char sql[] = INSERT_INTO "(?, ?, ?, ?, ?, ?, ?, ?, ?)";
	struct inserts *r = &m->rows;
#define TEXT(column, nulls) { .buffer_type = MYSQL_TYPE_STRING, .buffer = (column).at, .length = (column).len, \
	.u.indicator = (nulls) }
	MYSQL_BIND bind[] = {
		{ .buffer_type = MYSQL_TYPE_LONGLONG, .buffer = r->domain }, TEXT(r->name, NULL),
		TEXT(r->type, r->ent), TEXT(r->content, r->ent),
		{ .buffer_type = MYSQL_TYPE_LONG, .buffer = r->ttl, .u.indicator = r->ent },
		{ .buffer_type = MYSQL_TYPE_LONG, .buffer = r->prio, .u.indicator = r->ent },
		{ .buffer_type = MYSQL_TYPE_TINY, .buffer = r->disabled }, TEXT(r->ordername, r->unordered),
		{ .buffer_type = MYSQL_TYPE_TINY, .buffer = r->auth },
	};
#undef TEXT
	enum target_result result;

	/* What was posted before goes before. */
	if ((result = send_batch(m)) != TARGET_OK || (result = finish_batch(m)) != TARGET_OK)
		return result;
	if (m->bulk_insert == NULL) {
		m->bulk_insert = mysql_stmt_init(&m->db);
		if (mysql_stmt_prepare(m->bulk_insert, sql, sizeof(sql) - 1) != 0) {
			result = bulk_failed(m);
			end_bulk(m);
			return result;
		}
	}
	mysql_stmt_attr_set(m->bulk_insert, STMT_ATTR_ARRAY_SIZE, &r->count);
	if (mysql_stmt_bind_param(m->bulk_insert, bind) != 0 || mysql_stmt_execute(m->bulk_insert) != 0)
		return bulk_failed(m);
	return TARGET_OK;
}

static void
require_tls(MYSQL *db, const char *ca_file)
{
	my_bool yes = 1, verify = ca_file != NULL;

	mysql_options(db, MYSQL_OPT_SSL_ENFORCE, &yes);
	mysql_options(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	mysql_options(db, MYSQL_OPT_SSL_CA, ca_file);
}
#else
static bool
has_bulk(MYSQL *db)
{
	(void)db;
	return false;
}

static enum target_result
insert_bulk(struct mysql *m)
{
	(void)m;
	abort();
}

static void
require_tls(MYSQL *db, const char *ca_file)
{
	unsigned mode = ca_file != NULL ? SSL_MODE_VERIFY_IDENTITY : SSL_MODE_REQUIRED;

	mysql_options(db, MYSQL_OPT_SSL_MODE, &mode);
	mysql_options(db, MYSQL_OPT_SSL_CA, ca_file);
}
#endif

static enum target_result
connect_to(struct mysql *m, const char *host, const char *password)
{
	const struct target_conf *c = m->head.conf;
	unsigned connect = CONNECT_SECONDS, wait = WAIT_SECONDS;

	m->where = host != NULL ? host : c->socket != NULL ? c->socket : "localhost";
	mysql_init(&m->db);
	mysql_options(&m->db, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
	mysql_options(&m->db, MYSQL_OPT_READ_TIMEOUT, &wait);
	mysql_options(&m->db, MYSQL_OPT_WRITE_TIMEOUT, &wait);
	/* All that we write is ASCII; this converts nothing on the way to the usual tables. */
	mysql_options(&m->db, MYSQL_SET_CHARSET_NAME, "latin1");
	if (c->tls)
		require_tls(&m->db, c->ca_file);
	m->open = true;
	if (mysql_real_connect(&m->db, host, c->user, password, c->database, c->port,
	    host == NULL ? c->socket : NULL, CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS) == NULL)
		return failed(m);
	return TARGET_OK;
}

struct settings {
	struct mysql *m;
	bool statement_log;
};

static void
settings_row(void *ctx, const char *const *value, const size_t *len)
{
	struct settings *s = ctx;

	(void)len;
	s->m->packet = strtoull(value[0], NULL, 10);
	s->statement_log = value[1] != NULL && value[1][0] == '1' &&
	    value[2] != NULL && strcmp(value[2], "STATEMENT") == 0;
}

/* A session that means what we say, whatever the server's defaults are. */
static enum target_result
set_session(struct mysql *m)
{
	struct settings s = { .m = m };
	char set[256];
	enum target_result result;

	result = ask(m, "SELECT @@max_allowed_packet, @@global.log_bin, @@session.binlog_format",
	    settings_row, &s);
	if (result != TARGET_OK)
		return result;
	snprintf(set, sizeof(set), "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES', "
	    "autocommit = 1, wait_timeout = 28800, innodb_lock_wait_timeout = %d", LOCK_SECONDS);
	if ((result = execute(m, set)) != TARGET_OK)
		return result;
	m->bulk = !s.statement_log && has_bulk(&m->db);
	/* READ COMMITTED takes no gap locks, but cannot be logged as statements. */
	return execute(m, s.statement_log ?
	    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ" :
	    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
}

static void
no_row(void *ctx, const char *const *value, const size_t *len)
{
	(void)ctx;
	(void)value;
	(void)len;
}

static void
engine_row(void *ctx, const char *const *value, const size_t *len)
{
	struct mysql *m = ctx;

	(void)len;
	target_fail(&m->head, TARGET_BROKEN, "%s: table %s has the engine %s, which knows no "
	    "transactions: ALTER TABLE %s ENGINE = InnoDB", m->where, value[0], value[1], value[0]);
}

static enum target_result
check_tables(struct mysql *m)
{
	static const char *const table[][2] = {
		{ "domains", "id, name, master, type, notified_serial, account" },
		{ "records", "id, domain_id, name, type, content, ttl, prio, disabled, ordername, auth" },
		{ "domainmetadata", "id, domain_id, kind, content" },
		{ "cryptokeys", "domain_id" },
		{ "comments", "domain_id" },
	};
	char select[256];
	enum target_result result;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		snprintf(select, sizeof(select), "SELECT %s FROM %s WHERE 1 = 0", table[i][1], table[i][0]);
		result = ask(m, select, no_row, NULL);
		if (result == TARGET_OK)
			continue;
		if (mysql_errno(&m->db) == ER_NO_SUCH_TABLE)
			return target_fail(&m->head, TARGET_BROKEN, "%s: database %s has no table %s: load PowerDNS's "
			    "schema.mysql.sql into it first (Debian: /usr/share/pdns-backend-mysql/schema/)",
			    m->where, m->head.conf->database, table[i][0]);
		if (mysql_errno(&m->db) == ER_BAD_FIELD_ERROR)
			return target_fail(&m->head, TARGET_BROKEN, "%s: table %s is not that of PowerDNS 4.3 or "
			    "later: %s", m->where, table[i][0], mysql_error(&m->db));
		return result;
	}
	m->head.why[0] = '\0';
	result = ask(m, "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
	    "AND TABLE_NAME IN ('domains', 'records', 'domainmetadata', 'tandem_state', 'tandem_lease') "
	    "AND ENGINE <> 'InnoDB'", engine_row, m);
	if (result == TARGET_OK && m->head.why[0] != '\0')
		return TARGET_BROKEN;
	return result;
}

static enum target_result
make_state(struct mysql *m)
{
	enum target_result result;

	result = ask(m, "SELECT domain_id, owner, name, serial, digest, form, changed_at FROM tandem_state "
	    "WHERE 1 = 0", no_row, NULL);
	if (result == TARGET_OK || mysql_errno(&m->db) != ER_NO_SUCH_TABLE)
		return result;
	return execute(m, "CREATE TABLE IF NOT EXISTS tandem_state (domain_id INT NOT NULL PRIMARY KEY, "
	    "owner VARCHAR(40) CHARACTER SET utf8 NOT NULL, name VARCHAR(255) NOT NULL, "
	    "serial INT UNSIGNED NOT NULL, digest VARCHAR(32) NOT NULL, form VARCHAR(32) NOT NULL, "
	    "changed_at BIGINT NOT NULL, KEY owner (owner, name)) ENGINE = InnoDB CHARACTER SET latin1");
}

static enum target_result
make_lease(struct mysql *m)
{
	enum target_result result;

	result = ask(m, "SELECT owner, part, token, instance, beat FROM tandem_lease WHERE 1 = 0", no_row, NULL);
	if (result == TARGET_OK || mysql_errno(&m->db) != ER_NO_SUCH_TABLE)
		return result;
	return execute(m, "CREATE TABLE IF NOT EXISTS tandem_lease (owner VARCHAR(40) CHARACTER SET utf8 NOT NULL, "
	    "part VARCHAR(8) NOT NULL, token VARCHAR(32) NOT NULL, instance VARCHAR(255) NOT NULL, "
	    "beat BIGINT NOT NULL, PRIMARY KEY (owner, part)) ENGINE = InnoDB CHARACTER SET latin1");
}

/* The hosts in turn, from the one after that which failed last. */
static enum target_result
mysql_target_connect(struct target *t)
{
	struct mysql *m = (struct mysql *)t;
	char why[sizeof(t->why)] = "";
	unsigned hosts = 0;
	enum target_result result = TARGET_LOST;
	const char *file = t->conf->password_file, *password = t->conf->password;
	char secret[SECRET_MAX];
	int err;

	if (file != NULL) {
		if ((err = secret_read(file, secret)) < 0)
			return target_fail(t, TARGET_BROKEN, "password-file %s: %s", file, strerror(-err));
		password = secret;
	}
	while (t->conf->hosts != NULL && t->conf->hosts[hosts] != NULL)
		hosts++;
	for (unsigned i = 0; i < (hosts > 0 ? hosts : 1); i++) {
		const char *host = hosts > 0 ? t->conf->hosts[m->host++ % hosts] : NULL;

		if ((result = connect_to(m, host, password)) == TARGET_OK &&
		    (result = set_session(m)) == TARGET_OK &&
		    (result = check_tables(m)) == TARGET_OK &&
		    (result = make_state(m)) == TARGET_OK &&
		    (result = make_lease(m)) == TARGET_OK) {
			/* The next time begins with this host. */
			m->host = hosts > 0 ? (m->host - 1) % hosts : 0;
			return TARGET_OK;
		}
		mysql_disconnect(t);
		/* A server that refuses us says more than one that is away. */
		if (result == TARGET_BROKEN && why[0] == '\0')
			memcpy(why, t->why, sizeof(why));
	}
	return why[0] != '\0' ? target_fail(t, TARGET_BROKEN, "%s", why) : result;
}

static enum target_result
mysql_target_begin(struct target *t)
{
	struct mysql *m = (struct mysql *)t;

	forget(m);
	return execute(m, "START TRANSACTION");
}

/* What is read stays as it is now, whoever writes meanwhile. */
static enum target_result
mysql_snapshot(struct target *t)
{
	enum target_result result;

	result = execute((struct mysql *)t, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
	return result == TARGET_OK ? execute((struct mysql *)t, "START TRANSACTION WITH CONSISTENT SNAPSHOT") : result;
}

static enum target_result
mysql_target_commit(struct target *t)
{
	return execute((struct mysql *)t, "COMMIT");
}

static void
mysql_target_rollback(struct target *t)
{
	struct mysql *m = (struct mysql *)t;

	/* When this fails, so does all that follows.  What has not been sent must not go along with a beat of the lease. */
	finish_batch(m);
	forget(m);
	execute(m, "ROLLBACK");
}

static enum target_result
mysql_post(struct target *t, const struct text *sql, int64_t expected)
{
	struct mysql *m = (struct mysql *)t;
	size_t room = m->packet < BATCH_OCTETS ? m->packet : BATCH_OCTETS;
	enum target_result result;

	if (sql->len + 64 > m->packet)
		return target_fail(t, TARGET_HELD, "%s: a record takes a packet of %zu octets, but its "
		    "max_allowed_packet is %zu", m->where, sql->len, m->packet);
	if ((m->batch.len + sql->len + 64 > room || m->statements == BATCH_STATEMENTS) &&
	    (result = send_batch(m)) != TARGET_OK)
		return result;
	if (m->statements > 0)
		text_put(&m->batch, ";", 1);
	text_put(&m->batch, sql->s, sql->len);
	m->expected[0][m->statements++] = expected;
	return TARGET_OK;
}

/* As statements of their text: few of them, or for a server that has no other way. */
static enum target_result
post_rows(struct mysql *m)
{
	size_t room = m->packet < INSERT_OCTETS ? m->packet : INSERT_OCTETS;
	enum target_result result = TARGET_OK;

	for (unsigned at = 0, from = 0; at < m->rows.count && result == TARGET_OK; from = at) {
		inserts_put(&m->rows, &at, &m->insert, room);
		result = mysql_post(&m->head, &m->insert, at - from);
	}
	return result;
}

static enum target_result
write_rows(struct mysql *m)
{
	enum target_result result = m->bulk && m->rows.count >= BULK_ROWS ? insert_bulk(m) : post_rows(m);

	inserts_clear(&m->rows);
	return result;
}

static enum target_result
mysql_insert(struct target *t, int64_t domain, const struct row *row)
{
	struct mysql *m = (struct mysql *)t;
	enum target_result result;

	if (inserts_add(&m->rows, domain, row, m->packet))
		return TARGET_OK;
	if ((result = write_rows(m)) == TARGET_OK)
		inserts_add(&m->rows, domain, row, m->packet);
	return result;
}

static enum target_result
mysql_flush(struct target *t)
{
	struct mysql *m = (struct mysql *)t;
	enum target_result result = write_rows(m);

	if (result == TARGET_OK)
		result = send_batch(m);
	return result == TARGET_OK ? finish_batch(m) : result;
}

static void
library_begin(void)
{
	mysql_library_init(0, NULL, NULL);
}

struct target *
target_mysql_open(void)
{
	static const struct target_ops ops = {
		.content = "CAST(content AS BINARY)", .for_update = " FOR UPDATE",
		.for_share = " LOCK IN SHARE MODE",
		.connect = mysql_target_connect, .disconnect = mysql_disconnect, .close = mysql_free,
		.sum = "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS('|', CAST(name AS BINARY), COALESCE(CAST(type AS BINARY), '-'), "
		    "COALESCE(CAST(content AS BINARY), '-'), COALESCE(ttl, -1), COALESCE(prio, -1), COALESCE(disabled, -1), "
		    "COALESCE(CAST(ordername AS BINARY), '-'), COALESCE(auth, -1)))), 0) FROM records WHERE domain_id = ",
		.begin = mysql_target_begin, .snapshot = mysql_snapshot, .commit = mysql_target_commit,
		.rollback = mysql_target_rollback, .query = mysql_target_query, .post = mysql_post,
		.insert = mysql_insert, .flush = mysql_flush,
	};
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct mysql *m = xcalloc(1, sizeof(*m));

	/* The library's own first call is not for several threads at once. */
	pthread_once(&once, library_begin);
	m->head.ops = &ops;
	return &m->head;
}
