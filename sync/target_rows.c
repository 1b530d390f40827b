/* target_rows.c - the rows of one domain: written, changed, compared. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/target_impl.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"

#define IDS_A_STATEMENT 500

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
	w->result = w->t->ops->post(w->t, out, 1);
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
	c->w.result = c->w.t->ops->post(c->w.t, out, 1);
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
			result = c->w.t->ops->post(c->w.t, out, ids);
			c->w.t->counts.deleted += (uint64_t)ids;
			ids = 0;
		}
	}
	if (ids > 0 && result == TARGET_OK) {
		text_str(out, ")");
		result = c->w.t->ops->post(c->w.t, out, ids);
		c->w.t->counts.deleted += (uint64_t)ids;
	}
	return result;
}

/* What is there, and which of the zone's rows it lacks. */
static enum target_result
find_missing(struct compare *c, const struct zone *zone, struct sink *sink)
{
	struct target *t = c->w.t;
	enum target_result result;

	result = t->ops->query(t, target_sql(t, "SELECT id, name, type, content, ttl, prio, disabled, ordername, auth "
	    "FROM records WHERE domain_id = %n", c->w.domain), existing_row, c);
	if (result != TARGET_OK)
		return result;
	index_rows(c, false);
	return rows_result(&c->w, rows_each(zone, &t->conf->style, sink, match_row, c));
}

static void
free_compare(struct compare *c)
{
	free(c->row);
	free(c->bucket);
	free(c->missing);
}

enum target_result
target_rows_compare(struct target *t, int64_t domain, const struct zone *zone, struct sink *sink)
{
	struct compare c = { .w = { .t = t, .domain = domain } };
	enum target_result result;

	result = find_missing(&c, zone, sink);
	if (result == TARGET_OK && c.missings > 0) {
		index_rows(&c, true);
		c.at = 0;
		result = rows_result(&c.w, rows_each(zone, &t->conf->style, NULL, write_missing, &c));
	}
	if (result == TARGET_OK)
		result = delete_left(&c);
	free_compare(&c);
	return result;
}

/* --- comparing without changing ---------------------------------------- */

/* As MySQL's CRC32(): the reflected polynomial of IEEE 802.3, half an octet at a time. */
static uint32_t
crc(const char *s, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t c = ~0u;

	for (size_t i = 0; i < len; i++) {
		c ^= (uint8_t)s[i];
		c = table[c & 15] ^ c >> 4;
		c = table[c & 15] ^ c >> 4;
	}
	return ~c;
}

struct sums {
	struct text text;
	uint64_t rows, sum;		/* ours */
	uint64_t there, there_sum;
};

static void
put_field(struct text *out, const char *s, size_t len)
{
	if (out->len > 0)
		text_put(out, "|", 1);
	text_put(out, s != NULL ? s : "-", s != NULL ? len : 1);
}

static int
add_row(void *ctx, const struct row *row)
{
	struct sums *s = ctx;
	char number[64];
	bool ent = row->type == NULL;

	s->text.len = 0;
	put_field(&s->text, row->name, row->name_len);
	put_field(&s->text, row->type, ent ? 0 : strlen(row->type));
	put_field(&s->text, row->content, row->content_len);
	snprintf(number, sizeof(number), "|%" PRId64 "|%d|%d", ent ? -1 : (int64_t)row->ttl, ent ? -1 : row->prio, row->disabled);
	text_str(&s->text, number);
	put_field(&s->text, row->ordername, row->ordername_len);
	text_str(&s->text, row->auth ? "|1" : "|0");
	s->rows++;
	s->sum += crc(s->text.s, s->text.len);
	return 0;
}

static void
sum_row(void *ctx, const char *const *value, const size_t *len)
{
	struct sums *s = ctx;

	(void)len;
	s->there = strtoull(value[0], NULL, 10);
	s->there_sum = strtoull(value[1], NULL, 10);
}

struct differences {
	struct target *t;
	target_difference_fn *fn;
	void *ctx;
	struct compare *c;
	struct target_verdict *verdict;
	struct text text;
};

static void
tell_difference(struct differences *d, const char *what, const char *const *value)
{
	static const char *const label[] = { "", " ", " ", " ttl ", " prio ", " disabled ", " ordername ", " auth " };

	d->text.len = 0;
	for (int i = 0; i < 8; i++) {
		text_str(&d->text, label[i]);
		text_str(&d->text, value[i] != NULL ? value[i] : "NULL");
	}
	d->fn(d->ctx, what, d->text.s);
}

static int
tell_missing(void *ctx, const struct row *row)
{
	struct differences *d = ctx;
	size_t at = d->c->at++;
	char ttl[16], prio[16];

	if (!(d->c->missing[at / 8] & 1 << at % 8))
		return 0;
	snprintf(ttl, sizeof(ttl), "%" PRIu32, row->ttl);
	snprintf(prio, sizeof(prio), "%d", row->prio);
	d->verdict->missing++;
	tell_difference(d, "missing", (const char *const[]){ row->name, row->type, row->content,
	    row->type != NULL ? ttl : NULL, row->type != NULL ? prio : NULL, row->disabled ? "1" : "0",
	    row->ordername, row->auth ? "1" : "0" });
	return 0;
}

static void
tell_extra(void *ctx, const char *const *value, const size_t *len)
{
	(void)len;
	tell_difference(ctx, "extra", value);
}

static enum target_result
tell_extras(struct differences *d)
{
	enum target_result result = TARGET_OK;
	size_t i = 0;

	while (i < d->c->count && result == TARGET_OK) {
		struct text *sql = target_sql(d->t, "SELECT name, type, content, ttl, prio, disabled, ordername, auth "
		    "FROM records WHERE id IN (-1");
		int ids = 0;

		for (; i < d->c->count && ids < IDS_A_STATEMENT; i++) {
			if (d->c->row[i].used)
				continue;
			text_str(sql, ", ");
			text_number(sql, d->c->row[i].id);
			ids++;
		}
		d->verdict->extra += (uint64_t)ids;
		text_str(sql, ")");
		if (ids > 0)
			result = d->t->ops->query(d->t, sql, tell_extra, d);
	}
	return result;
}

/* *same: the sums say that the rows are right. */
static enum target_result
compare_sums(struct target *t, int64_t domain, const struct zone *zone, uint64_t *rows, bool *same)
{
	struct sums s = { .rows = 0 };
	struct writer w = { .t = t };
	enum target_result result;

	result = rows_result(&w, rows_each(zone, &t->conf->style, NULL, add_row, &s));
	if (result == TARGET_OK && t->ops->sum != NULL)
		result = t->ops->query(t, target_sql(t, "%s%n", t->ops->sum, domain), sum_row, &s);
	*rows = s.rows;
	*same = t->ops->sum != NULL && s.rows == s.there && s.sum == s.there_sum;
	free(s.text.s);
	return result;
}

enum target_result
target_rows_verify(struct target *t, int64_t domain, const struct zone *zone,
    target_difference_fn *fn, void *ctx, struct target_verdict *verdict)
{
	struct compare c = { .w = { .t = t, .domain = domain } };
	struct differences d = { .t = t, .fn = fn, .ctx = ctx, .c = &c, .verdict = verdict };
	enum target_result result;
	bool same;

	if ((result = compare_sums(t, domain, zone, &verdict->rows, &same)) != TARGET_OK || same)
		return result;
	result = find_missing(&c, zone, NULL);
	if (result == TARGET_OK && c.missings > 0) {
		c.at = 0;
		rows_each(zone, &t->conf->style, NULL, tell_missing, &d);
	}
	if (result == TARGET_OK)
		result = tell_extras(&d);
	free_compare(&c);
	free(d.text.s);
	return result;
}

static int
write_new(void *ctx, const struct row *row)
{
	return insert_row(ctx, row);
}

enum target_result
target_rows_new(struct target *t, int64_t domain, const struct zone *zone, struct sink *sink)
{
	struct writer w = { .t = t, .domain = domain };

	return rows_result(&w, rows_each(zone, &t->conf->style, sink, write_new, &w));
}

enum target_result
target_rows_diff(struct target *t, int64_t domain, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	struct writer w = { .t = t, .domain = domain };

	return rows_result(&w, rows_diff(from, to, delta, &t->conf->style, sink, write_change, &w));
}
