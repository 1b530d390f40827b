/* target_match.c - the rows that a domain has, matched with those that its zone makes. */
#include "sync/target_match.h"

#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/hash.h"

#define IDS_MAX 500			/* in one statement */

/* The rows that are there, by a hash of all columns and by one of name and type. */
struct existing {
	uint64_t all[2], key;
	int64_t id;
	uint32_t next;			/* in its bucket; index + 1 */
	bool used;
};

struct match {
	struct target *t;
	struct existing *row;
	uint32_t *bucket;
	size_t count, space, mask;
	bool by_key;			/* the buckets */
	size_t at;			/* of the zone's rows */
	size_t left;			/* of the domain's, those before it were put */
	uint8_t *missing;		/* a bit for each of the zone's rows */
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
	struct match *m = ctx;
	struct existing *e;

	if (m->count == m->space)
		m->row = xrealloc(m->row, (m->space = m->space * 2 + 256) * sizeof(*m->row));
	e = &m->row[m->count++];
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
index_rows(struct match *m, bool by_key)
{
	size_t size = 16;

	while (size < m->count)
		size *= 2;
	if (m->bucket == NULL)
		m->bucket = xmalloc(size * sizeof(*m->bucket));
	memset(m->bucket, 0, size * sizeof(*m->bucket));
	m->mask = size - 1;
	m->by_key = by_key;
	for (size_t i = m->count; i-- > 0; ) {
		struct existing *e = &m->row[i];
		uint32_t *b = &m->bucket[(by_key ? e->key : e->all[0]) & m->mask];

		if (e->used)
			continue;
		e->next = *b;
		*b = (uint32_t)i + 1;
	}
}

/* Takes a row out that is like e; NULL: there is none. */
static struct existing *
take_row(struct match *m, const struct existing *e)
{
	uint32_t *at = &m->bucket[(m->by_key ? e->key : e->all[0]) & m->mask];

	for (; *at != 0; at = &m->row[*at - 1].next) {
		struct existing *found = &m->row[*at - 1];

		if (m->by_key ? found->key != e->key : found->all[0] != e->all[0] || found->all[1] != e->all[1])
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
	struct match *m = ctx;
	struct existing e;

	if (m->at / 8 == m->missing_size) {
		size_t size = m->missing_size * 2 + 1024;

		m->missing = xrealloc(m->missing, size);
		memset(m->missing + m->missing_size, 0, size - m->missing_size);
		m->missing_size = size;
	}
	hash_row(row, &e);
	if (take_row(m, &e) == NULL) {
		m->missing[m->at / 8] |= (uint8_t)(1 << m->at % 8);
		m->missings++;
	}
	m->at++;
	return 0;
}

struct match *
match_new(struct target *t)
{
	struct match *m = xcalloc(1, sizeof(*m));

	m->t = t;
	return m;
}

void
match_free(struct match *m)
{
	free(m->row);
	free(m->bucket);
	free(m->missing);
	free(m);
}

enum target_result
match_read(struct match *m, int64_t domain, const struct zone *zone, struct sink *sink, size_t *missing)
{
	struct target *t = m->t;
	enum target_result result;

	result = t->ops->query(t, target_sql(t, "SELECT id, name, type, content, ttl, prio, disabled, ordername, auth "
	    "FROM records WHERE domain_id = %n", domain), existing_row, m);
	if (result != TARGET_OK)
		return result;
	index_rows(m, false);
	result = target_rows_result(t, rows_each(zone, &t->conf->style, sink, match_row, m), TARGET_OK);
	m->at = 0;
	*missing = m->missings;
	return result;
}

bool
match_lacks(struct match *m)
{
	size_t at = m->at++;

	return m->missing[at / 8] & 1 << at % 8;
}

bool
match_take(struct match *m, const struct row *row, int64_t *id)
{
	struct existing e, *found;

	if (!m->by_key)
		index_rows(m, true);
	hash_row(row, &e);
	if ((found = take_row(m, &e)) == NULL)
		return false;
	*id = found->id;
	return true;
}

size_t
match_put_left(struct match *m, struct text *out)
{
	size_t ids = 0;

	for (; m->left < m->count && ids < IDS_MAX; m->left++) {
		if (m->row[m->left].used)
			continue;
		text_str(out, ids++ == 0 ? "(" : ",");
		text_number(out, m->row[m->left].id);
	}
	if (ids > 0)
		text_str(out, ")");
	return ids;
}
