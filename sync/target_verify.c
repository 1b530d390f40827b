/* target_verify.c - compares without changing: are the rows those of the zone? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/target_match.h"

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
	struct match *match;
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
	char ttl[16], prio[16];

	if (!match_lacks(d->match))
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
	enum target_result result;
	size_t ids;

	do {
		struct text *sql = target_sql(d->t, "SELECT name, type, content, ttl, prio, disabled, ordername, auth "
		    "FROM records WHERE id IN ");

		if ((ids = match_put_left(d->match, sql)) == 0)
			return TARGET_OK;
		d->verdict->extra += ids;
		result = d->t->ops->query(d->t, sql, tell_extra, d);
	} while (result == TARGET_OK);
	return result;
}

/* *same: the sums say that the rows are right. */
static enum target_result
compare_sums(struct target *t, int64_t domain, const struct zone *zone, uint64_t *rows, bool *same)
{
	struct sums s = { .rows = 0 };
	enum target_result result;

	result = target_rows_result(t, rows_each(zone, &t->conf->style, NULL, add_row, &s), TARGET_OK);
	if (result == TARGET_OK && t->ops->sum != NULL)
		result = t->ops->query(t, target_sql(t, "%s%n", t->ops->sum, domain), sum_row, &s);
	*rows = s.rows;
	*same = t->ops->sum != NULL && s.rows == s.there && s.sum == s.there_sum;
	free(s.text.s);
	return result;
}

static enum target_result
verify_rows(struct target *t, int64_t domain, const struct zone *zone,
    target_difference_fn *fn, void *ctx, struct target_verdict *verdict)
{
	struct differences d = { .t = t, .fn = fn, .ctx = ctx, .verdict = verdict };
	enum target_result result;
	size_t missing;
	bool same;

	if ((result = compare_sums(t, domain, zone, &verdict->rows, &same)) != TARGET_OK || same)
		return result;
	d.match = match_new(t);
	result = match_read(d.match, domain, zone, NULL, &missing);
	if (result == TARGET_OK && missing > 0)
		rows_each(zone, &t->conf->style, NULL, tell_missing, &d);
	if (result == TARGET_OK)
		result = tell_extras(&d);
	match_free(d.match);
	free(d.text.s);
	return result;
}

/* What is not right about the domain itself and its metadata. */
static enum target_result
verify_domain(struct target *t, const struct domain *d, const struct zone *zone,
    target_difference_fn *fn, void *ctx, struct target_verdict *verdict)
{
	struct rows_meta want;
	char text[100];

	if (strcmp(d->type, target_kind(t)) != 0) {
		snprintf(text, sizeof(text), "domains.type is %s and must be %s", d->type, target_kind(t));
		fn(ctx, "wrong", text);
		verdict->wrong++;
	}
	rows_meta(zone, &want);
	return target_meta_check(t, d->id, &want, fn, ctx, &verdict->wrong);
}

static enum target_result
verify(struct target *t, const struct zone *zone, bool any, target_difference_fn *fn, void *ctx, struct target_verdict *verdict)
{
	enum target_result result;
	struct domain d;

	if ((result = domain_look(t, zone_origin(zone), &d)) != TARGET_OK)
		return result;
	verdict->known = any ? d.there : domain_ours(t, &d) && d.state;
	verdict->serial = d.serial;
	verdict->behind = !any && !domain_at(t, &d, zone_digest(zone));
	if (!verdict->known || verdict->behind)
		return TARGET_OK;
	result = verify_rows(t, d.id, zone, fn, ctx, verdict);
	return result == TARGET_OK ? verify_domain(t, &d, zone, fn, ctx, verdict) : result;
}

enum target_result
target_verify(struct target *t, const struct zone *zone, bool any, target_difference_fn *fn, void *ctx,
    struct target_verdict *verdict)
{
	enum target_result result;

	*verdict = (struct target_verdict){ .known = false };
	result = t->connected ? t->ops->snapshot(t) : target_fail(t, TARGET_LOST, "not connected");
	t->begun = result == TARGET_OK;
	if (result == TARGET_OK)
		result = verify(t, zone, any, fn, ctx, verdict);
	if (result == TARGET_OK)
		target_rollback(t);
	return target_done(t, result);
}
