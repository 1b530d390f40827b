#include "sync/target_insert.h"

#include <assert.h>
#include <string.h>

#define TYPE_MAX 16			/* octets, the longest of the types' names */
#define NUMBERS_MAX 64			/* octets a row takes beside its texts */

/* s NULL: nothing, whatever len is. */
static void
keep(struct inserts *r, struct texts *column, const char *s, size_t len)
{
	if (s == NULL)
		len = 0;
	column->at[r->count] = memcpy(r->text + r->used, s != NULL ? s : "", len);
	column->len[r->count] = len;
	r->used += len;
}

bool
inserts_add(struct inserts *r, int64_t domain, const struct row *row, size_t packet)
{
	size_t octets = row->name_len + TYPE_MAX + row->content_len + row->ordername_len;
	unsigned i = r->count;

	assert(octets <= sizeof(r->text));
	if (i > 0 && (i == INSERT_ROWS || r->used + octets > sizeof(r->text) || r->octets + octets + NUMBERS_MAX > packet))
		return false;
	r->domain[i] = domain;
	keep(r, &r->name, row->name, row->name_len);
	keep(r, &r->type, row->type, row->type != NULL ? strlen(row->type) : 0);
	keep(r, &r->content, row->content, row->content_len);
	keep(r, &r->ordername, row->ordername, row->ordername_len);
	r->ttl[i] = (int32_t)row->ttl;
	r->prio[i] = row->prio;
	r->ent[i] = row->type == NULL;
	r->unordered[i] = row->ordername == NULL;
	r->disabled[i] = row->disabled;
	r->auth[i] = row->auth;
	r->octets += octets + NUMBERS_MAX;
	r->count++;
	return true;
}

void
inserts_clear(struct inserts *r)
{
	r->count = 0;
	r->used = r->octets = 0;
}

static size_t
octets_of(const struct inserts *r, unsigned i)
{
	return r->name.len[i] + r->type.len[i] + r->content.len[i] + r->ordername.len[i] + NUMBERS_MAX;
}

static void
put_text(struct text *out, const struct texts *column, unsigned i)
{
	text_quote(out, column->at[i], column->len[i]);
	text_put(out, ",", 1);
}

static void
put_row(struct text *out, const struct inserts *r, unsigned i)
{
	text_put(out, "(", 1);
	text_number(out, r->domain[i]);
	text_put(out, ",", 1);
	put_text(out, &r->name, i);
	if (!r->ent[i]) {
		put_text(out, &r->type, i);
		put_text(out, &r->content, i);
		text_number(out, r->ttl[i]);
		text_put(out, ",", 1);
		text_number(out, r->prio[i]);
	} else
		text_str(out, "NULL,NULL,NULL,NULL");
	text_str(out, r->disabled[i] ? ",1," : ",0,");
	if (!r->unordered[i])
		put_text(out, &r->ordername, i);
	else
		text_str(out, "NULL,");
	text_str(out, r->auth[i] ? "1)" : "0)");
}

void
inserts_put(const struct inserts *r, unsigned *at, struct text *out, size_t room)
{
	out->len = 0;
	text_str(out, INSERT_INTO);
	/* Quotes may double. */
	do {
		if (out->s[out->len - 1] == ')')
			text_put(out, ",", 1);
		put_row(out, r, (*at)++);
	} while (*at < r->count && out->len + 2 * octets_of(r, *at) <= room);
}
