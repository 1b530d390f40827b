#include "sync/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sync/pdns_text.h"
#include "sync/target_impl.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

#define IDS_A_STATEMENT 500

void
text_put(struct text *t, const char *s, size_t len)
{
	if (t->len + len + 1 > t->size)
		t->s = xrealloc(t->s, t->size = (t->size + len + 1) * 2);
	memcpy(t->s + t->len, s, len);
	t->s[t->len += len] = '\0';
}

void
text_str(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void
text_number(struct text *t, int64_t v)
{
	char buf[24], *at = buf + sizeof(buf);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--at = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (v < 0)
		*--at = '-';
	text_put(t, at, (size_t)(buf + sizeof(buf) - at));
}

void
text_quote(struct text *t, const char *s, size_t len)
{
	const char *end = s + len, *quote;

	if (s == NULL) {
		text_put(t, "NULL", 4);
		return;
	}
	text_put(t, "'", 1);
	while ((quote = memchr(s, '\'', (size_t)(end - s))) != NULL) {
		text_put(t, s, (size_t)(quote + 1 - s));
		text_put(t, "'", 1);
		s = quote + 1;
	}
	text_put(t, s, (size_t)(end - s));
	text_put(t, "'", 1);
}

/* A new statement from parts: %s text, %q quoted text, %n int64_t. */
static struct text *
sql(struct target *t, const char *fmt, ...)
{
	struct text *out = &t->sql;
	va_list ap;

	va_start(ap, fmt);
	out->len = 0;
	for (const char *p; (p = strchr(fmt, '%')) != NULL; fmt = p + 2) {
		const char *s;

		text_put(out, fmt, (size_t)(p - fmt));
		switch (p[1]) {
		case 's':
			text_str(out, va_arg(ap, const char *));
			break;
		case 'q':
			s = va_arg(ap, const char *);
			text_quote(out, s, s != NULL ? strlen(s) : 0);
			break;
		default:
			text_number(out, va_arg(ap, int64_t));
		}
	}
	text_str(out, fmt);
	va_end(ap);
	return out;
}

enum target_result
target_fail(struct target *t, enum target_result result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return result;
}

struct target *
target_open(const struct target_conf *conf)
{
	struct target *t = conf->type == TARGET_SQLITE ? target_sqlite_open() :
	    target_mysql_open();

	t->conf = conf;
	return t;
}

static void
disconnect(struct target *t)
{
	t->ops->disconnect(t);
	t->connected = t->begun = false;
}

void
target_close(struct target *t)
{
	if (t == NULL)
		return;
	disconnect(t);
	free(t->sql.s);
	t->ops->close(t);
}

const char *
target_why(const struct target *t)
{
	return t->why;
}

bool
target_connected(const struct target *t)
{
	return t->connected;
}

const struct target_counts *
target_counts(const struct target *t)
{
	return &t->counts;
}

void
target_rollback(struct target *t)
{
	if (t->begun)
		t->ops->rollback(t);
	t->begun = false;
}

/* Every way out: what is not done is undone. */
static enum target_result
done(struct target *t, enum target_result result)
{
	if (result == TARGET_LOST || result == TARGET_BROKEN)
		disconnect(t);
	else if (result != TARGET_OK)
		target_rollback(t);
	return result;
}

enum target_result
target_connect(struct target *t)
{
	enum target_result result;

	if (t->connected)
		return TARGET_OK;
	if (t->conf->owner == NULL || strlen(t->conf->owner) > 40)
		return target_fail(t, TARGET_BROKEN, "owner has more than the 40 characters of domains.account");
	result = t->ops->connect(t);
	t->connected = result == TARGET_OK;
	if (!t->connected)
		disconnect(t);
	return result;
}

enum target_result
target_begin(struct target *t)
{
	enum target_result result;

	t->counts = (struct target_counts){ 0 };
	result = t->connected ? t->ops->begin(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	return done(t, result);
}

enum target_result
target_commit(struct target *t)
{
	enum target_result result = t->ops->commit(t);

	t->begun = t->begun && result != TARGET_OK;
	return done(t, result);
}

/* How rows are derived, apart from the zone: what was written in another form is in step with no version. */
#define FORM_MAX 32
static const char *
form(const struct target *t, char out[FORM_MAX])
{
	snprintf(out, FORM_MAX, "1 %u %s", t->conf->style.version, t->conf->style.skip ? "skip" : "fail");
	return out;
}

static struct zone_digest
digest_parse(const char *text)
{
	struct zone_digest digest = { { 0, 0 } };
	char again[ZONE_DIGEST_TEXT];

	if (sscanf(text, "%16" SCNx64 "%16" SCNx64, &digest.word[0], &digest.word[1]) != 2 ||
	    strcmp(zone_digest_print(again, digest), text) != 0)
		digest = (struct zone_digest){ { 0, 0 } };
	return digest;
}

struct states {
	target_state_fn *fn;
	void *ctx;
	char form[FORM_MAX];
};

static void
states_row(void *ctx, const char *const *value, const size_t *len)
{
	struct states *s = ctx;
	struct target_state state = { .name = value[0] };

	(void)len;
	state.serial = (uint32_t)strtoul(value[1], NULL, 10);
	if (strcmp(value[3], s->form) == 0)
		state.digest = digest_parse(value[2]);
	state.disabled = strcmp(value[2], "disabled") == 0;
	state.changed_at = strtoll(value[4], NULL, 10);
	s->fn(s->ctx, &state);
}

/* The ids of SQLite's tables are given out again, and operators delete domains: a state counts only beside its domain. */
#define STATES "SELECT s.name, s.serial, s.digest, s.form, s.changed_at FROM tandem_state s JOIN domains d " \
	"ON d.id = s.domain_id AND d.name = s.name AND d.account = s.owner WHERE s.owner = %q"

enum target_result
target_states(struct target *t, target_state_fn *fn, void *ctx)
{
	struct states s = { .fn = fn, .ctx = ctx };

	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	form(t, s.form);
	return done(t, t->ops->query(t, sql(t, STATES, t->conf->owner), states_row, &s));
}

struct one_state {
	struct target *t;
	struct target_state *state;
	bool known;
};

static void
one_state(void *ctx, const struct target_state *state)
{
	struct one_state *one = ctx;

	one->known = true;
	*one->state = *state;
	one->state->name = one->t->state_name;
}

static enum target_result
zone_name(struct target *t, const uint8_t *origin, char name[PDNS_NAME_TEXT])
{
	uint8_t lower[DNAME_MAX];

	name_lower(lower, origin);
	if (pdns_name(name, lower) > PDNS_NAME_MAX)
		return target_fail(t, TARGET_HELD,
		    "its name is longer than the 255 characters of PowerDNS's column");
	return TARGET_OK;
}

enum target_result
target_state(struct target *t, const uint8_t *origin, struct target_state *state, bool *known)
{
	struct one_state one = { t, state, false };
	struct states s = { .fn = one_state, .ctx = &one };
	char name[PDNS_NAME_TEXT];
	enum target_result result;

	*known = false;
	if ((result = zone_name(t, origin, name)) != TARGET_OK)
		return result;
	if (!t->connected)
		return target_fail(t, TARGET_LOST, "not connected");
	strcpy(t->state_name, name);
	form(t, s.form);
	result = t->ops->query(t, sql(t, STATES " AND s.name = %q", t->conf->owner, name), states_row, &s);
	*known = one.known;
	return done(t, result);
}

/* The domain under way, as it stands in the database. */
struct domain {
	char name[PDNS_NAME_TEXT];
	bool there, state;		/* a row in domains, one in tandem_state */
	int64_t id;
	char account[64], type[16], owner[64], digest[ZONE_DIGEST_TEXT + 8], form[FORM_MAX];
	uint32_t serial;
};

static void
copy(char *out, size_t size, const char *value)
{
	snprintf(out, size, "%s", value != NULL ? value : "");
}

static void
domain_row(void *ctx, const char *const *value, const size_t *len)
{
	struct domain *d = ctx;

	(void)len;
	d->there = true;
	d->id = strtoll(value[0], NULL, 10);
	copy(d->account, sizeof(d->account), value[1]);
	copy(d->type, sizeof(d->type), value[2]);
	d->state = value[3] != NULL && value[6] != NULL && strcmp(value[6], d->name) == 0;
	copy(d->owner, sizeof(d->owner), value[3]);
	d->serial = value[4] != NULL ? (uint32_t)strtoul(value[4], NULL, 10) : 0;
	copy(d->digest, sizeof(d->digest), value[5]);
	copy(d->form, sizeof(d->form), value[7]);
}

static enum target_result
domain_find(struct target *t, const uint8_t *origin, struct domain *d)
{
	enum target_result result;

	*d = (struct domain){ .there = false };
	if ((result = zone_name(t, origin, d->name)) != TARGET_OK)
		return result;
	if (!t->begun)
		return target_fail(t, TARGET_LOST, "not connected");
	return t->ops->query(t, sql(t, "SELECT d.id, d.account, d.type, s.owner, s.serial, s.digest, s.name, s.form "
	    "FROM domains d LEFT JOIN tandem_state s ON s.domain_id = d.id WHERE d.name = %q%s",
	    d->name, t->ops->for_update), domain_row, d);
}

static bool
is_ours(const struct target *t, const struct domain *d)
{
	return d->there && strcmp(d->account, t->conf->owner) == 0 &&
	    (!d->state || strcmp(d->owner, t->conf->owner) == 0);
}

static enum target_result
post(struct target *t, const struct text *text, int64_t expected)
{
	return t->ops->post(t, text, expected);
}

/* PRESIGNED and NSEC3PARAM, and what would make PowerDNS answer from something else than our rows. */
struct meta {
	const struct rows_meta *want;
	bool presigned, nsec3param;	/* there and right */
	int64_t wrong[64];
	unsigned wrongs;
};

static void
meta_row(void *ctx, const char *const *value, const size_t *len)
{
	struct meta *m = ctx;
	const char *content = value[2] != NULL ? value[2] : "";

	(void)len;
	if (strcmp(value[1], "PRESIGNED") == 0 && m->want->presigned && !m->presigned &&
	    strcmp(content, "1") == 0)
		m->presigned = true;
	else if (strcmp(value[1], "NSEC3PARAM") == 0 && *m->want->nsec3param != '\0' &&
	    !m->nsec3param && strcmp(content, m->want->nsec3param) == 0)
		m->nsec3param = true;
	else if (m->wrongs < sizeof(m->wrong) / sizeof(*m->wrong))
		m->wrong[m->wrongs++] = strtoll(value[0], NULL, 10);
}

static enum target_result
write_meta(struct target *t, const struct domain *d, const struct rows_meta *want)
{
	struct meta m = { .want = want };
	enum target_result result;

	result = t->ops->query(t, sql(t, "SELECT id, kind, content FROM domainmetadata WHERE domain_id = %n "
	    "AND kind IN ('PRESIGNED', 'NSEC3PARAM', 'NSEC3NARROW', 'SOA-EDIT')", d->id), meta_row, &m);
	for (unsigned i = 0; i < m.wrongs && result == TARGET_OK; i++)
		result = post(t, sql(t, "DELETE FROM domainmetadata WHERE id = %n", m.wrong[i]), 1);
	if (result == TARGET_OK && want->presigned && !m.presigned)
		result = post(t, sql(t, "INSERT INTO domainmetadata (domain_id, kind, content) "
		    "VALUES (%n, 'PRESIGNED', '1')", d->id), 1);
	if (result == TARGET_OK && *want->nsec3param != '\0' && !m.nsec3param)
		result = post(t, sql(t, "INSERT INTO domainmetadata (domain_id, kind, content) "
		    "VALUES (%n, 'NSEC3PARAM', %q)", d->id, want->nsec3param), 1);
	return result;
}

static enum target_result
write_state(struct target *t, const struct domain *d, const struct zone *zone)
{
	char digest[ZONE_DIGEST_TEXT], ours[FORM_MAX];
	int64_t serial = zone_serial(zone), now = time(NULL);
	enum target_result result = TARGET_OK;

	zone_digest_print(digest, zone_digest(zone));
	form(t, ours);
	if (t->conf->kind_master)
		result = post(t, sql(t, "UPDATE domains SET notified_serial = %n WHERE id = %n",
		    serial, d->id), 1);
	if (result != TARGET_OK)
		return result;
	if (d->state)
		return post(t, sql(t, "UPDATE tandem_state SET serial = %n, digest = %q, form = %q, changed_at = %n "
		    "WHERE domain_id = %n AND owner = %q", serial, digest, ours, now, d->id, t->conf->owner), 1);
	/* One of another domain that had this id is no longer of use. */
	result = post(t, sql(t, "DELETE FROM tandem_state WHERE domain_id = %n", d->id), -1);
	if (result != TARGET_OK)
		return result;
	return post(t, sql(t, "INSERT INTO tandem_state (domain_id, owner, name, serial, digest, form, changed_at) "
	    "VALUES (%n, %q, %q, %n, %q, %q, %n)", d->id, t->conf->owner, d->name, serial, digest, ours, now), 1);
}

/* Rows on their way into the database. */
struct writer {
	struct target *t;
	int64_t domain;
	enum target_result result;
};

static void
where_row(struct writer *w, struct text *out, const struct row *row)
{
	text_str(out, " WHERE domain_id = ");
	text_number(out, w->domain);
	text_str(out, " AND name = ");
	text_quote(out, row->name, row->name_len);
	if (row->type == NULL) {
		text_str(out, " AND type IS NULL");
		return;
	}
	text_str(out, " AND type = ");
	text_quote(out, row->type, strlen(row->type));
	text_str(out, " AND ");
	text_str(out, w->t->ops->content);
	text_str(out, " = ");
	text_quote(out, row->content, row->content_len);
	text_str(out, " AND prio = ");
	text_number(out, row->prio);
}

static void
set_column(struct text *out, const char *column, size_t start)
{
	text_str(out, out->len == start ? " " : ", ");
	text_str(out, column);
	text_str(out, " = ");
}

/* The columns in which the rows differ; from NULL: all of them. */
static void
set_columns(struct text *out, const struct row *from, const struct row *to)
{
	size_t start = out->len;

	if (to->type != NULL) {
		if (from == NULL || strcmp(from->content, to->content) != 0) {
			set_column(out, "content", start);
			text_quote(out, to->content, to->content_len);
		}
		if (from == NULL || from->ttl != to->ttl) {
			set_column(out, "ttl", start);
			text_number(out, to->ttl);
		}
		if (from == NULL || from->prio != to->prio) {
			set_column(out, "prio", start);
			text_number(out, to->prio);
		}
	} else if (from == NULL)
		text_str(out, " content = NULL, ttl = NULL, prio = NULL");
	if (from == NULL || from->disabled != to->disabled) {
		set_column(out, "disabled", start);
		text_number(out, to->disabled);
	}
	if (from == NULL || (from->ordername == NULL) != (to->ordername == NULL) ||
	    (to->ordername != NULL && strcmp(from->ordername, to->ordername) != 0)) {
		set_column(out, "ordername", start);
		text_quote(out, to->ordername, to->ordername_len);
	}
	if (from == NULL || from->auth != to->auth) {
		set_column(out, "auth", start);
		text_number(out, to->auth);
	}
}

static int
insert_row(struct writer *w, const struct row *row)
{
	w->t->counts.inserted++;
	w->result = w->t->ops->insert(w->t, w->domain, row);
	return w->result != TARGET_OK;
}

static int
write_change(void *ctx, const struct row *from, const struct row *to)
{
	struct writer *w = ctx;
	struct text *out = &w->t->sql;

	if (from == NULL)
		return insert_row(w, to);
	out->len = 0;
	if (to == NULL) {
		text_str(out, "DELETE FROM records");
		w->t->counts.deleted++;
	} else {
		text_str(out, "UPDATE records SET");
		set_columns(out, from, to);
		w->t->counts.updated++;
	}
	where_row(w, out, from);
	w->result = post(w->t, out, 1);
	return w->result != TARGET_OK;
}

/* What rows_each() or rows_diff() came to. */
static enum target_result
rows_result(struct writer *w, int err)
{
	if (err == 0)
		return TARGET_OK;
	if (err == -ENOTSUP)
		return target_fail(w->t, TARGET_HELD,
		    "it has records that PowerDNS %u.%u cannot serve (unmirrorable skip leaves them out)",
		    w->t->conf->style.version / 100, w->t->conf->style.version % 100);
	return w->result;
}

static enum target_result
update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	char digest[ZONE_DIGEST_TEXT], ours[FORM_MAX];
	struct rows_meta old, new;
	struct domain d;
	struct writer w = { .t = t };
	enum target_result result;

	if ((result = domain_find(t, zone_origin(to), &d)) != TARGET_OK)
		return result;
	zone_digest_print(digest, delta_from_digest(delta));
	if (!is_ours(t, &d) || !d.state || d.serial != delta_from(delta) || strcmp(d.digest, digest) != 0 ||
	    strcmp(d.form, form(t, ours)) != 0)
		return target_fail(t, TARGET_DRIFTED, "the database is not at serial %" PRIu32,
		    delta_from(delta));
	w.domain = d.id;
	result = rows_result(&w, rows_diff(from, to, delta, &t->conf->style, sink, write_change, &w));
	rows_meta(from, &old);
	rows_meta(to, &new);
	if (result == TARGET_OK && (old.presigned != new.presigned ||
	    strcmp(old.nsec3param, new.nsec3param) != 0))
		result = write_meta(t, &d, &new);
	if (result == TARGET_OK)
		result = write_state(t, &d, to);
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	return done(t, update(t, from, to, delta, sink));
}

/* The rows that are there, by a hash of all columns and by one of name and type. */
struct existing {
	uint64_t all[2], key;
	int64_t id;
	uint32_t next;			/* in its bucket; index + 1 */
	bool used;
};

struct compare {
	struct writer w;
	struct existing *row;
	uint32_t *bucket;
	size_t count, space, mask;
	size_t at;			/* of the zone's rows */
	uint8_t *missing;		/* a bit for each of them */
	size_t missing_size, missings;
};

/* Columns as one value each: text by its octets, numbers as signed, NULL apart from both. */
struct columns {
	const char *name, *type, *content, *ordername;
	size_t name_len, type_len, content_len, ordername_len;
	int64_t ttl, prio, disabled, auth;	/* -1: NULL */
};

static uint64_t
hash_text(uint64_t seed, const char *s, size_t len)	/* s may be NULL */
{
	return hash_bytes(seed, s != NULL ? s : "", s != NULL ? len : 0);
}

static void
hash_columns(const struct columns *c, struct existing *e)
{
	int64_t number[7] = {
		c->ttl, c->prio, c->disabled, c->auth, c->type != NULL, c->content != NULL,
		c->ordername != NULL,
	};

	e->key = hash_text(hash_text(1 + (c->type != NULL), c->name, c->name_len), c->type, c->type_len);
	for (int i = 0; i < 2; i++) {
		uint64_t h = hash_bytes(e->key ^ (uint64_t)i << 63, number, sizeof(number));

		e->all[i] = hash_text(hash_text(h, c->content, c->content_len),
		    c->ordername, c->ordername_len);
	}
}

static void
hash_row(const struct row *row, struct existing *e)
{
	bool ent = row->type == NULL;

	hash_columns(&(struct columns){
		.name = row->name, .type = row->type, .content = row->content, .ordername = row->ordername,
		.name_len = row->name_len, .type_len = ent ? 0 : strlen(row->type),
		.content_len = row->content_len, .ordername_len = row->ordername_len,
		.ttl = ent ? -1 : (int64_t)row->ttl, .prio = ent ? -1 : (int64_t)row->prio,
		.disabled = row->disabled, .auth = row->auth,
	}, e);
}

static int64_t
number(const char *value)
{
	return value != NULL ? strtoll(value, NULL, 10) : -1;
}

static void
existing_row(void *ctx, const char *const *value, const size_t *len)
{
	struct compare *c = ctx;
	struct existing *e;

	if (c->count == c->space)
		c->row = xrealloc(c->row, (c->space = c->space * 2 + 256) * sizeof(*c->row));
	e = &c->row[c->count++];
	e->id = number(value[0]);
	e->used = false;
	hash_columns(&(struct columns){
		.name = value[1] != NULL ? value[1] : "", .name_len = len[1],
		.type = value[2], .type_len = len[2], .content = value[3], .content_len = len[3],
		.ttl = number(value[4]), .prio = number(value[5]), .disabled = number(value[6]),
		.ordername = value[7], .ordername_len = len[7], .auth = number(value[8]),
	}, e);
}

/* Buckets over the rows that are left, by all columns or by name and type. */
static void
index_rows(struct compare *c, bool by_key)
{
	size_t size = 16;

	while (size < c->count)
		size *= 2;
	if (c->bucket == NULL)
		c->bucket = xmalloc(size * sizeof(*c->bucket));
	memset(c->bucket, 0, size * sizeof(*c->bucket));
	c->mask = size - 1;
	for (size_t i = c->count; i-- > 0; ) {
		struct existing *e = &c->row[i];
		uint32_t *b = &c->bucket[(by_key ? e->key : e->all[0]) & c->mask];

		if (e->used)
			continue;
		e->next = *b;
		*b = (uint32_t)i + 1;
	}
}

/* Takes a row out that is like e; NULL: there is none. */
static struct existing *
take_row(struct compare *c, const struct existing *e, bool by_key)
{
	uint32_t *at = &c->bucket[(by_key ? e->key : e->all[0]) & c->mask];

	for (; *at != 0; at = &c->row[*at - 1].next) {
		struct existing *found = &c->row[*at - 1];

		if (by_key ? found->key != e->key : found->all[0] != e->all[0] || found->all[1] != e->all[1])
			continue;
		*at = found->next;
		found->used = true;
		return found;
	}
	return NULL;
}

static int
match_row(void *ctx, const struct row *row)
{
	struct compare *c = ctx;
	struct existing e;

	if (c->at / 8 == c->missing_size) {
		size_t size = c->missing_size * 2 + 1024;

		c->missing = xrealloc(c->missing, size);
		memset(c->missing + c->missing_size, 0, size - c->missing_size);
		c->missing_size = size;
	}
	hash_row(row, &e);
	if (take_row(c, &e, false) == NULL) {
		c->missing[c->at / 8] |= (uint8_t)(1 << c->at % 8);
		c->missings++;
	}
	c->at++;
	return 0;
}

static int
write_missing(void *ctx, const struct row *row)
{
	struct compare *c = ctx;
	struct text *out = &c->w.t->sql;
	struct existing e, *old;
	size_t at = c->at++;

	if (!(c->missing[at / 8] & 1 << at % 8))
		return 0;
	hash_row(row, &e);
	if ((old = take_row(c, &e, true)) == NULL)
		return insert_row(&c->w, row);
	out->len = 0;
	text_str(out, "UPDATE records SET");
	set_columns(out, NULL, row);
	text_str(out, " WHERE id = ");
	text_number(out, old->id);
	c->w.t->counts.updated++;
	c->w.result = post(c->w.t, out, 1);
	return c->w.result != TARGET_OK;
}

static enum target_result
delete_left(struct compare *c)
{
	struct text *out = &c->w.t->sql;
	enum target_result result = TARGET_OK;
	int64_t ids = 0;

	for (size_t i = 0; i < c->count && result == TARGET_OK; i++) {
		if (c->row[i].used)
			continue;
		if (ids == 0)
			out->len = 0;
		text_str(out, ids == 0 ? "DELETE FROM records WHERE id IN (" : ",");
		text_number(out, c->row[i].id);
		if (++ids == IDS_A_STATEMENT) {
			text_str(out, ")");
			result = post(c->w.t, out, ids);
			c->w.t->counts.deleted += (uint64_t)ids;
			ids = 0;
		}
	}
	if (ids > 0 && result == TARGET_OK) {
		text_str(out, ")");
		result = post(c->w.t, out, ids);
		c->w.t->counts.deleted += (uint64_t)ids;
	}
	return result;
}

static enum target_result
compare_rows(struct target *t, const struct domain *d, const struct zone *zone, struct sink *sink)
{
	struct compare c = { .w = { .t = t, .domain = d->id } };
	enum target_result result;

	result = t->ops->query(t, sql(t, "SELECT id, name, type, content, ttl, prio, disabled, ordername, auth "
	    "FROM records WHERE domain_id = %n", d->id), existing_row, &c);
	if (result == TARGET_OK) {
		index_rows(&c, false);
		result = rows_result(&c.w, rows_each(zone, &t->conf->style, sink, match_row, &c));
	}
	if (result == TARGET_OK && c.missings > 0) {
		index_rows(&c, true);
		c.at = 0;
		result = rows_result(&c.w, rows_each(zone, &t->conf->style, NULL, write_missing, &c));
	}
	if (result == TARGET_OK)
		result = delete_left(&c);
	free(c.row);
	free(c.bucket);
	free(c.missing);
	return result;
}

static int
write_new(void *ctx, const struct row *row)
{
	return insert_row(ctx, row);
}

static void
count_row(void *ctx, const char *const *value, const size_t *len)
{
	(void)len;
	*(int64_t *)ctx = number(value[0]);
}

static const char *
kind(const struct target *t)
{
	return t->conf->kind_master ? "MASTER" : "NATIVE";
}

static enum target_result
create(struct target *t, struct domain *d)
{
	enum target_result result;

	result = post(t, sql(t, "INSERT INTO domains (name, type, account) VALUES (%q, %q, %q)", d->name,
	    kind(t), t->conf->owner), 1);
	if (result == TARGET_OK)
		result = t->ops->flush(t);
	if (result == TARGET_OK)
		result = t->ops->query(t, sql(t, "SELECT id FROM domains WHERE name = %q", d->name),
		    count_row, &d->id);
	t->counts.domains_created++;
	return result;
}

/* May we write this domain?  If it is nobody's, take it. */
static enum target_result
own(struct target *t, struct domain *d, bool adopt)
{
	enum target_result result;
	int64_t keys = 0;

	if (is_ours(t, d)) {
		if (strcmp(d->type, kind(t)) == 0)
			return TARGET_OK;
		return post(t, sql(t, "UPDATE domains SET type = %q WHERE id = %n", kind(t), d->id), 1);
	}
	if (d->account[0] != '\0' && strcmp(d->account, t->conf->owner) != 0)
		return target_fail(t, TARGET_HELD, "the database has a domain %s that belongs to \"%s\"; "
		    "empty its domains.account and adopt it, or give the mirror that owner", d->name, d->account);
	if (d->state && strcmp(d->owner, t->conf->owner) != 0)
		return target_fail(t, TARGET_HELD, "the database has a domain %s that is written by \"%s\"; "
		    "delete its row in tandem_state and adopt it, or give the mirror that owner",
		    d->name, d->owner);
	if (!adopt && !t->conf->adopt)
		return target_fail(t, TARGET_HELD, "the database has a domain %s that belongs to nobody; "
		    "`tandemctl mirror adopt %s` takes it over, changing only what differs", d->name, d->name);
	result = t->ops->query(t, sql(t, "SELECT COUNT(*) FROM cryptokeys WHERE domain_id = %n", d->id),
	    count_row, &keys);
	if (result == TARGET_OK && keys > 0)
		return target_fail(t, TARGET_HELD, "PowerDNS signs the domain %s itself; "
		    "delete its rows in cryptokeys first", d->name);
	if (result != TARGET_OK)
		return result;
	return post(t, sql(t, "UPDATE domains SET account = %q, type = %q, master = NULL WHERE id = %n",
	    t->conf->owner, kind(t), d->id), 1);
}

static enum target_result
compare(struct target *t, const struct zone *zone, bool adopt, struct sink *sink)
{
	struct rows_meta meta;
	struct domain d;
	enum target_result result;

	if ((result = domain_find(t, zone_origin(zone), &d)) != TARGET_OK)
		return result;
	if (d.there) {
		if ((result = own(t, &d, adopt)) == TARGET_OK)
			result = compare_rows(t, &d, zone, sink);
	} else if ((result = create(t, &d)) == TARGET_OK) {
		struct writer w = { .t = t, .domain = d.id };

		result = rows_result(&w, rows_each(zone, &t->conf->style, sink, write_new, &w));
	}
	rows_meta(zone, &meta);
	if (result == TARGET_OK && (d.there || meta.presigned))
		result = write_meta(t, &d, &meta);
	if (result == TARGET_OK)
		result = write_state(t, &d, zone);
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_compare(struct target *t, const struct zone *zone, bool adopt, struct sink *sink)
{
	return done(t, compare(t, zone, adopt, sink));
}

static enum target_result
disable(struct target *t, const uint8_t *origin)
{
	struct domain d;
	enum target_result result = domain_find(t, origin, &d);

	if (result != TARGET_OK || !is_ours(t, &d) || !d.state)
		return result;
	t->counts.updated++;
	result = post(t, sql(t, "UPDATE records SET disabled = 1 WHERE domain_id = %n AND name = %q "
	    "AND type = 'SOA'", d.id, d.name), -1);
	if (result == TARGET_OK)
		result = post(t, sql(t, "UPDATE tandem_state SET digest = 'disabled', changed_at = %n "
		    "WHERE domain_id = %n", (int64_t)time(NULL), d.id), 1);
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_disable(struct target *t, const uint8_t *origin)
{
	return done(t, disable(t, origin));
}

/* Children first: with foreign keys a domain's end would end them, too, but silently. */
static enum target_result
delete_domain(struct target *t, const uint8_t *origin)
{
	static const char *const child[] = {
		"records", "domainmetadata", "cryptokeys", "comments", "tandem_state",
	};
	struct domain d;
	int64_t rows = 0;
	enum target_result result = domain_find(t, origin, &d);

	if (result != TARGET_OK || !is_ours(t, &d))
		return result;
	result = t->ops->query(t, sql(t, "SELECT COUNT(*) FROM records WHERE domain_id = %n", d.id),
	    count_row, &rows);
	for (size_t i = 0; i < sizeof(child) / sizeof(*child) && result == TARGET_OK; i++)
		result = post(t, sql(t, "DELETE FROM %s WHERE domain_id = %n", child[i], d.id), -1);
	if (result == TARGET_OK)
		result = post(t, sql(t, "DELETE FROM domains WHERE id = %n", d.id), 1);
	t->counts.deleted += (uint64_t)rows;
	t->counts.domains_deleted++;
	return result == TARGET_OK ? t->ops->flush(t) : result;
}

enum target_result
target_delete(struct target *t, const uint8_t *origin)
{
	return done(t, delete_domain(t, origin));
}
