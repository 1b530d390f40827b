/* target_rows.c - writes the rows of one domain: all of them, or those that differ. */
#include <errno.h>
#include <string.h>

#include "sync/target_match.h"

/* Rows on their way into the database. */
struct writer {
	struct target *t;
	int64_t domain;
	struct match *match;		/* with what is there */
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
enum target_result
target_rows_result(struct target *t, int err, enum target_result written)
{
	if (err == -ENOTSUP)
		return target_fail(t, TARGET_HELD,
		    "it has records that PowerDNS %u.%u cannot serve (unmirrorable skip leaves them out)",
		    t->conf->style.version / 100, t->conf->style.version % 100);
	return err == 0 ? TARGET_OK : written;
}

/* A row that the domain lacks; another one of its name and type may become it. */
static int
write_missing(void *ctx, const struct row *row)
{
	struct writer *w = ctx;
	struct text *out;
	int64_t id;

	if (!match_lacks(w->match))
		return 0;
	if (!match_take(w->match, row, &id))
		return insert_row(w, row);
	out = target_sql(w->t, "UPDATE records SET");
	set_columns(out, NULL, row);
	text_str(out, " WHERE id = ");
	text_number(out, id);
	w->t->counts.updated++;
	w->result = w->t->ops->post(w->t, out, 1);
	return w->result != TARGET_OK;
}

static enum target_result
delete_left(struct writer *w)
{
	enum target_result result;
	size_t ids;

	do {
		struct text *out = target_sql(w->t, "DELETE FROM records WHERE id IN ");

		if ((ids = match_put_left(w->match, out)) == 0)
			return TARGET_OK;
		result = w->t->ops->post(w->t, out, (int64_t)ids);
		w->t->counts.deleted += ids;
	} while (result == TARGET_OK);
	return result;
}

enum target_result
target_rows_compare(struct target *t, int64_t domain, const struct zone *zone, struct sink *sink)
{
	struct writer w = { .t = t, .domain = domain, .match = match_new(t) };
	enum target_result result;
	size_t missing;
	int err = 0;

	result = match_read(w.match, domain, zone, sink, &missing);
	if (result == TARGET_OK && missing > 0)
		err = rows_each(zone, &t->conf->style, NULL, write_missing, &w);
	if (result == TARGET_OK)
		result = target_rows_result(t, err, w.result);
	if (result == TARGET_OK)
		result = delete_left(&w);
	match_free(w.match);
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
	int err = rows_each(zone, &t->conf->style, sink, write_new, &w);

	return target_rows_result(t, err, w.result);
}

enum target_result
target_rows_diff(struct target *t, int64_t domain, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	struct writer w = { .t = t, .domain = domain };
	int err = rows_diff(from, to, delta, &t->conf->style, sink, write_change, &w);

	return target_rows_result(t, err, w.result);
}
