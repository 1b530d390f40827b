#include "sync/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/pdns_text.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/nsec3hash.h"

/* From what PowerDNS makes its denials. */
enum chain { CHAIN_NONE, CHAIN_NSEC, CHAIN_NSEC3 };

/* Makes the rows of one zone's nodes, one node at a time. */
struct maker {
	const struct zone *zone;
	const struct rows_style *style;
	struct sink *sink;		/* NULL: nobody asks why */
	enum chain chain;
	const struct nsec3_params *nsec3;
	bool refused, dname_told;
	char zone_name[PDNS_NAME_TEXT];
	/* Of the node under way. */
	uint8_t owner[DNAME_MAX];	/* lower case */
	char name[PDNS_NAME_TEXT], ordername[PDNS_NAME_TEXT], type[16];
	struct row row;
	char content[PDNS_CONTENT_BUF];
};

static enum chain
chain_of(const struct zone *zone)
{
	static const uint8_t zero[NSEC3_HASH];
	bool exact;

	if (!zone_signed(zone))
		return CHAIN_NONE;
	/* While a zone changes from one chain to the other, the NSEC3PARAM tells that NSEC3 is whole. */
	if (zone_nsec3(zone) != NULL && zone_nsec3_at(zone, zero, &exact) != NULL)
		return CHAIN_NSEC3;
	return CHAIN_NSEC;
}

static struct maker *
maker_new(const struct zone *zone, const struct rows_style *style, struct sink *sink)
{
	struct maker *m = xcalloc(1, sizeof(*m));

	m->zone = zone;
	m->style = style;
	m->sink = sink;
	m->chain = chain_of(zone);
	m->nsec3 = zone_nsec3(zone);
	pdns_name(m->zone_name, zone_origin(zone));
	return m;
}

/* Once a set, a name or the zone. */
static void
refuse(struct maker *m, uint16_t type, const char *why)
{
	char buf[16];

	if (!m->style->skip)
		m->refused = true;
	if (m->sink != NULL)
		report_zone(m->sink, m->style->skip ? WARNING : ERROR, m->zone_name,
		    "%s%s%s cannot be mirrored: %s", m->name, type != 0 ? " " : "",
		    type != 0 ? pdns_type(buf, type, m->style->version) : "", why);
}

static void
check_chain(struct maker *m)
{
	strcpy(m->name, m->zone_name);
	if (m->chain == CHAIN_NSEC && node_set(zone_apex(m->zone), T_NSEC) == NULL)
		refuse(m, 0, "it is signed, but its apex has neither NSEC nor NSEC3PARAM");
	if (m->chain == CHAIN_NSEC3 && m->nsec3->algorithm != 1)
		refuse(m, 0, "PowerDNS knows NSEC3 of algorithm 1 only");
}

enum occlusion { VISIBLE, BELOW_CUT, BELOW_DNAME };

/* What hides the node is the highest cut or DNAME above it. */
static enum occlusion
occlusion_of(const struct maker *m, const struct node *node)
{
	const uint8_t *above[DNAME_LABELS + 1];
	unsigned depth = 0;

	if (!(node->flags & NODE_OCCLUDED))
		return VISIBLE;
	for (const uint8_t *at = m->owner; !name_equal(at, zone_origin(m->zone)); ) {
		at += *at + 1;
		above[depth++] = at;
	}
	while (depth-- > 0) {
		const struct node *n = zone_node(m->zone, above[depth]);

		if (n != NULL && n->flags & NODE_CUT)
			return BELOW_CUT;
		if (n != NULL && n->flags & NODE_DNAME)
			return BELOW_DNAME;
	}
	return VISIBLE;
}

static bool
has_addresses(const struct node *node)
{
	return node_set(node, T_A) != NULL || node_set(node, T_AAAA) != NULL;
}

/* Does the opt-out chain have to know this node? */
static bool
is_secure(const struct node *node)
{
	return node->count > 0 && !(node->flags & NODE_OCCLUDED) &&
	    (!(node->flags & NODE_CUT) || node_set(node, T_DS) != NULL);
}

static bool
any_below(const struct maker *m, bool (*test)(const struct node *))
{
	struct zone_walk w;
	const struct node *n;

	for (n = zone_walk_below(&w, m->zone, m->owner); n != NULL; n = zone_next(&w))
		if (test(n))
			return true;
	return false;
}

/* m->ordername by what the zone's own chain says; false: the node is not in it. */
static bool
make_ordername(struct maker *m, const struct node *node)
{
	uint8_t hash[NSEC3_HASH];
	bool exact = false, escaped;

	if (m->chain == CHAIN_NSEC3) {
		nsec3_hash(m->nsec3, m->owner, hash);
		if (zone_nsec3_at(m->zone, hash, &exact) == NULL || !exact)
			return false;
		base32hex_encode(m->ordername, hash, sizeof(hash));
		m->ordername[NSEC3_TEXT] = '\0';
		m->row.ordername_len = NSEC3_TEXT;
		return true;
	}
	if (m->chain == CHAIN_NONE || node_set(node, T_NSEC) == NULL)
		return false;
	m->row.ordername_len = (uint16_t)pdns_ordername(m->ordername, m->owner,
	    node->name_len, &escaped);
	if (escaped)
		refuse(m, T_NSEC, "PowerDNS sorts names with escaped octets by the escapes");
	return true;
}

static int
give(struct maker *m, rows_fn *fn, void *ctx)
{
	return m->refused ? 0 : fn(ctx, &m->row);
}

static bool
set_fits(struct maker *m, const struct rrset *set)
{
	const uint8_t *at = set->rdata;
	const char *why;
	uint16_t prio;

	if (pdns_always(set->type, set->size))
		return true;
	for (unsigned i = 0; i < set->count; i++) {
		size_t len = (size_t)at[0] << 8 | at[1];

		if (pdns_content(m->content, &prio, set->type, at + 2, len,
		    m->style->version, &why) < 0) {
			refuse(m, set->type, why);
			return false;
		}
		at += 2 + len;
	}
	return true;
}

/* Rows cannot tell whether the server has the setting; once a zone. */
static void
warn_of_dname(struct maker *m, uint16_t type)
{
	if (type != T_DNAME || m->row.disabled || m->dname_told || m->sink == NULL)
		return;
	m->dname_told = true;
	report_zone(m->sink, WARNING, m->zone_name, "%s DNAME: PowerDNS heeds it only with dname-processing=yes", m->name);
}

static int
give_set(struct maker *m, const struct rrset *set, rows_fn *fn, void *ctx)
{
	const uint8_t *at = set->rdata;
	const char *why;
	int err = 0;

	m->row.type = pdns_type(m->type, set->type, m->style->version);
	m->row.content = m->content;
	m->row.ttl = set->ttl;
	warn_of_dname(m, set->type);
	for (unsigned i = 0; i < set->count && err == 0; i++) {
		size_t len = (size_t)at[0] << 8 | at[1];

		m->row.content_len = (uint32_t)pdns_content(m->content, &m->row.prio,
		    set->type, at + 2, len, m->style->version, &why);
		err = give(m, fn, ctx);
		at += 2 + len;
	}
	return err;
}

static int
give_ent(struct maker *m, enum occlusion hidden, bool in_chain, rows_fn *fn, void *ctx)
{
	m->row.type = m->row.content = NULL;
	m->row.content_len = m->row.ttl = m->row.prio = 0;
	m->row.ordername = NULL;
	switch (hidden) {
	case BELOW_DNAME:
		m->row.disabled = m->row.auth = true;
		break;
	case BELOW_CUT:
		m->row.disabled = !any_below(m, has_addresses);
		m->row.auth = false;
		break;
	case VISIBLE:
		m->row.disabled = false;
		m->row.auth = m->chain != CHAIN_NSEC3 || in_chain ||
		    !(m->nsec3->flags & 1) || any_below(m, is_secure);
		if (m->chain == CHAIN_NSEC3 && in_chain)
			m->row.ordername = m->ordername;
		break;
	}
	return give(m, fn, ctx);
}

static bool
has_row(const struct maker *m, uint16_t type)
{
	return type != T_NSEC && type != T_NSEC3 && type != T_NSEC3PARAM &&
	    (type != T_RRSIG || m->chain != CHAIN_NONE);
}

/* The NSEC3 records of a chain must agree with the one flag that PowerDNS keeps of them. */
static void
check_nsec3(struct maker *m, const struct rrset *set)
{
	if (m->chain == CHAIN_NSEC3 && set->count > 0 && set->size >= 4 &&
	    (set->rdata[3] & 1) != (m->nsec3->flags & 1))
		refuse(m, T_NSEC3, "PowerDNS knows no chain that is opt-out in parts");
}

/* A node's owner in full, for all that follows. */
static void
enter(struct maker *m, const struct node *node)
{
	zone_owner(m->zone, node, m->owner);
	name_lower(m->owner, m->owner);
}

enum part { PART_SOA, PART_REST };

/* The rows of the node that was entered: its SOA or all the others. */
static int
give_node(struct maker *m, const struct node *node, enum part part, rows_fn *fn, void *ctx)
{
	enum occlusion hidden = occlusion_of(m, node);
	const struct rrset *nsec3 = node_set(node, T_NSEC3);
	bool cut = node->flags & NODE_CUT, in_chain, any = false;
	int err = 0;

	m->row.name_len = (uint16_t)pdns_name(m->name, m->owner);
	m->row.name = m->name;
	if (m->row.name_len > PDNS_NAME_MAX) {
		refuse(m, 0, "its name is longer than the 255 characters of PowerDNS's column");
		return 0;
	}
	if (nsec3 != NULL)
		check_nsec3(m, nsec3);
	in_chain = hidden == VISIBLE && nsec3 == NULL && make_ordername(m, node);
	for (unsigned i = 0; i < node->count && err == 0; i++) {
		const struct rrset *set = node->set[i];
		uint16_t type = set->type;

		if ((type == T_SOA) != (part == PART_SOA) || !has_row(m, type) || !set_fits(m, set))
			continue;
		any = true;
		m->row.auth = type == T_RRSIG || type == T_DS ||
		    !(hidden == BELOW_CUT || (hidden == VISIBLE && cut));
		m->row.disabled = hidden == BELOW_DNAME ||
		    (hidden == BELOW_CUT && type != T_A && type != T_AAAA);
		m->row.ordername = in_chain && type != T_RRSIG &&
		    (m->row.auth || type == T_NS) ? m->ordername : NULL;
		err = give_set(m, set, fn, ctx);
	}
	if (!any && part == PART_REST && err == 0 && nsec3 == NULL && node->name_len > 0)
		err = give_ent(m, hidden, in_chain, fn, ctx);
	return err;
}

int
rows_each(const struct zone *zone, const struct rows_style *style, struct sink *sink,
    rows_fn *fn, void *ctx)
{
	struct maker *m = maker_new(zone, style, sink);
	const struct node *node;
	struct zone_walk w;
	int err = 0;

	check_chain(m);
	for (node = zone_walk(&w, zone); node != NULL && err == 0; node = zone_next(&w)) {
		enter(m, node);
		err = give_node(m, node, PART_REST, fn, ctx);
	}
	if (err == 0) {
		enter(m, zone_apex(zone));
		err = give_node(m, zone_apex(zone), PART_SOA, fn, ctx);
	}
	if (err == 0 && m->refused)
		err = -ENOTSUP;
	free(m);
	return err;
}

void
rows_meta(const struct zone *zone, struct rows_meta *meta)
{
	enum chain chain = chain_of(zone);
	const struct nsec3_params *p = zone_nsec3(zone);
	char *out = meta->nsec3param;

	meta->presigned = chain != CHAIN_NONE;
	*out = '\0';
	if (chain != CHAIN_NSEC3)
		return;
	out += sprintf(out, "%u %u %u ", p->algorithm, p->flags & 1, p->iterations);
	for (unsigned i = 0; i < p->salt_len; i++)
		out += sprintf(out, "%02x", p->salt[i]);
	if (p->salt_len == 0)
		strcpy(out, "-");
}

/* The rows of one node, kept until those of the other version are there too.  Name and ordername
 * stay in the maker. */
struct list {
	struct row *row;
	size_t count, space;
	char *text;
	size_t used, size;
};

struct diff {
	struct maker *from, *to;
	struct list old, new;
	rows_change_fn *fn;
	void *ctx;
};

static int
list_add(void *ctx, const struct row *row)
{
	struct list *l = ctx;
	size_t type = row->type != NULL ? strlen(row->type) + 1 : 0;
	size_t need = row->type != NULL ? type + row->content_len + 1 : 0;

	if (l->count == l->space)
		l->row = xrealloc(l->row, (l->space = l->space * 2 + 16) * sizeof(*l->row));
	if (l->used + need > l->size)
		l->text = xrealloc(l->text, l->size = (l->size + need) * 2);
	l->row[l->count] = *row;
	if (row->type != NULL) {
		/* Offsets, until the text moves no more. */
		l->row[l->count].type = (char *)(uintptr_t)(l->used + 1);
		memcpy(l->text + l->used, row->type, type);
		memcpy(l->text + l->used + type, row->content, row->content_len + 1);
		l->used += need;
	}
	l->count++;
	return 0;
}

static int
row_order(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order;

	if (x->type == NULL || y->type == NULL)
		return (x->type != NULL) - (y->type != NULL);
	if ((order = strcmp(x->type, y->type)) == 0 &&
	    (order = strcmp(x->content, y->content)) == 0)
		order = x->prio < y->prio ? -1 : x->prio > y->prio;
	return order;
}

static void
list_fill(struct list *l, struct maker *m, const struct node *node, enum part part)
{
	l->count = l->used = 0;
	if (node == NULL)
		return;
	enter(m, node);
	give_node(m, node, part, list_add, l);
	for (size_t i = 0; i < l->count; i++) {
		struct row *row = &l->row[i];

		if (row->type == NULL)
			continue;
		row->type = l->text + ((uintptr_t)row->type - 1);
		row->content = row->type + strlen(row->type) + 1;
	}
	qsort(l->row, l->count, sizeof(*l->row), row_order);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Both have one name, type, content and prio. */
static bool
row_same(const struct row *a, const struct row *b)
{
	return a->ttl == b->ttl && a->disabled == b->disabled && a->auth == b->auth &&
	    same_text(a->ordername, b->ordername);
}

static int
change(struct diff *d, const struct row *from, const struct row *to)
{
	return d->to->refused ? 0 : d->fn(d->ctx, from, to);
}

/* The first rows of both lists that are left of one type, paired; what is over is deleted or inserted. */
static int
pair_left(struct diff *d, bool delete)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (err == 0 && (i < d->old.count || j < d->new.count)) {
		struct row *a = i < d->old.count ? &d->old.row[i] : NULL;
		struct row *b = j < d->new.count ? &d->new.row[j] : NULL;
		int order = a == NULL ? 1 : b == NULL ? -1 :
		    a->type == NULL || b->type == NULL ?
		    (a->type != NULL) - (b->type != NULL) : strcmp(a->type, b->type);

		i += order <= 0;
		j += order >= 0;
		if (delete && order < 0)
			err = change(d, a, NULL);
		else if (!delete && order >= 0)
			err = change(d, order == 0 ? a : NULL, b);
	}
	return err;
}

static int
diff_node(struct diff *d, const struct node *from, const struct node *to, enum part part)
{
	struct list *old = &d->old, *new = &d->new;
	size_t i = 0, j = 0, a = 0, b = 0;
	int err = 0;

	list_fill(old, d->from, from, part);
	list_fill(new, d->to, to, part);
	/* Keep those that are in one version only, in their order. */
	while (err == 0 && (i < old->count || j < new->count)) {
		int order = i == old->count ? 1 : j == new->count ? -1 :
		    row_order(&old->row[i], &new->row[j]);

		if (order < 0)
			old->row[a++] = old->row[i++];
		else if (order > 0)
			new->row[b++] = new->row[j++];
		else {
			if (!row_same(&old->row[i], &new->row[j]))
				err = change(d, &old->row[i], &new->row[j]);
			i++, j++;
		}
	}
	old->count = a;
	new->count = b;
	/* What is left has nothing in common, so no change makes a row that another one looks for. */
	if (err == 0)
		err = pair_left(d, true);
	if (err == 0)
		err = pair_left(d, false);
	return err;
}

/* Two walks side by side, in canonical order. */
static int
diff_walks(struct diff *d, struct zone_walk *fw, const struct node *from,
    struct zone_walk *tw, const struct node *to)
{
	int err = 0;

	while (err == 0 && (from != NULL || to != NULL)) {
		uint8_t a[DNAME_MAX], b[DNAME_MAX];
		int order;

		if (from != NULL)
			zone_owner(d->from->zone, from, a);
		if (to != NULL)
			zone_owner(d->to->zone, to, b);
		order = from == NULL ? 1 : to == NULL ? -1 : name_cmp(a, b);
		err = diff_node(d, order <= 0 ? from : NULL, order >= 0 ? to : NULL, PART_REST);
		if (order <= 0)
			from = zone_next(fw);
		if (order >= 0)
			to = zone_next(tw);
	}
	return err;
}

static int
diff_all(struct diff *d)
{
	struct zone_walk fw, tw;
	const struct node *from = zone_walk(&fw, d->from->zone);

	return diff_walks(d, &fw, from, &tw, zone_walk(&tw, d->to->zone));
}

static int
diff_below(struct diff *d, const uint8_t *name)
{
	struct zone_walk fw, tw;
	const struct node *from = zone_walk_below(&fw, d->from->zone, name);

	return diff_walks(d, &fw, from, &tw, zone_walk_below(&tw, d->to->zone, name));
}

/* Names whose rows may have changed.  They point into the delta: an ancestor is the end of a name. */
struct names {
	const uint8_t **name;
	size_t count, space;
	const uint8_t *last;
};

static void
names_add(struct names *n, const uint8_t *name, const uint8_t *origin)
{
	/* Records of one owner stand together. */
	if (n->last != NULL && name_equal(name, n->last))
		return;
	n->last = name;
	for (;; name += *name + 1) {
		if (n->count == n->space)
			n->name = xrealloc(n->name, (n->space = n->space * 2 + 64) * sizeof(*n->name));
		n->name[n->count++] = name;
		if (name_equal(name, origin))
			return;
	}
}

static int
names_order(const void *a, const void *b)
{
	return name_cmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b);
}

static void
names_collect(struct names *n, const struct delta *delta)
{
	struct delta_walk w;
	struct rr rr;
	size_t kept = 0;

	delta_walk_removed(&w, delta);
	while (delta_next(&w, &rr))
		names_add(n, rr.owner, delta_origin(delta));
	delta_walk_added(&w, delta);
	while (delta_next(&w, &rr))
		names_add(n, rr.owner, delta_origin(delta));
	qsort(n->name, n->count, sizeof(*n->name), names_order);
	for (size_t i = 0; i < n->count; i++)
		if (kept == 0 || !name_equal(n->name[kept - 1], n->name[i]))
			n->name[kept++] = n->name[i];
	n->count = kept;
}

static bool
same_chain(const struct maker *a, const struct maker *b)
{
	const struct nsec3_params *p = a->nsec3, *q = b->nsec3;

	return a->chain == b->chain && (a->chain != CHAIN_NSEC3 ||
	    (p->algorithm == q->algorithm && p->flags == q->flags &&
	    p->iterations == q->iterations && p->salt_len == q->salt_len &&
	    memcmp(p->salt, q->salt, p->salt_len) == 0));
}

static bool
owns_nsec3(const struct zone *zone, const uint8_t *name)
{
	const struct node *node = zone_node(zone, name);

	return node != NULL && node_set(node, T_NSEC3) != NULL;
}

static int
hash_order(const void *a, const void *b)
{
	return memcmp(a, b, NSEC3_HASH);
}

/* An NSEC3 came or went whose name the delta does not tell: it can be any. */
static bool
foreign_nsec3(const struct diff *d, const struct names *n)
{
	uint8_t (*hash)[NSEC3_HASH + 1] = NULL, key[NSEC3_HASH + 1], lower[DNAME_MAX];
	size_t hashes = 0, known = 0;

	if (d->to->chain != CHAIN_NSEC3)
		return false;
	for (size_t i = 0; i < n->count; i++) {
		const uint8_t *name = n->name[i];

		if (owns_nsec3(d->from->zone, name) == owns_nsec3(d->to->zone, name))
			continue;
		if (*name != NSEC3_TEXT || base32hex_decode(key, (const char *)name + 1, NSEC3_TEXT) < 0)
			continue;
		if ((hashes & (hashes - 1)) == 0)
			hash = xrealloc(hash, (hashes * 2 + 1) * sizeof(*hash));
		memcpy(hash[hashes], key, NSEC3_HASH);
		hash[hashes++][NSEC3_HASH] = 0;
	}
	if (hashes == 0)
		return false;
	qsort(hash, hashes, sizeof(*hash), hash_order);
	for (size_t i = 0; i < n->count && known < hashes; i++) {
		uint8_t *found;

		name_lower(lower, n->name[i]);
		nsec3_hash(d->to->nsec3, lower, key);
		found = bsearch(key, hash, hashes, sizeof(*hash), hash_order);
		if (found != NULL && found[NSEC3_HASH] == 0) {
			found[NSEC3_HASH] = 1;
			known++;
		}
	}
	free(hash);
	return known < hashes;
}

static int
diff_names(struct diff *d, const struct names *n)
{
	const uint8_t *done = NULL;	/* all at and below it is */
	int err = 0;

	for (size_t i = 0; i < n->count && err == 0; i++) {
		const struct node *from, *to;
		unsigned flags;

		if (done != NULL && name_under(n->name[i], done))
			continue;
		from = zone_node(d->from->zone, n->name[i]);
		to = zone_node(d->to->zone, n->name[i]);
		flags = (from != NULL ? from->flags : 0u) ^ (to != NULL ? to->flags : 0u);
		if (flags & (NODE_CUT | NODE_DNAME)) {
			done = n->name[i];
			err = diff_below(d, done);
		} else
			err = diff_node(d, from, to, PART_REST);
	}
	return err;
}

int
rows_diff(const struct zone *from, const struct zone *to, const struct delta *delta,
    const struct rows_style *style, struct sink *sink, rows_change_fn *fn, void *ctx)
{
	struct diff d = { .fn = fn, .ctx = ctx };
	struct names names = { 0 };
	int err;

	d.from = maker_new(from, &(struct rows_style){ style->version, true }, NULL);
	d.to = maker_new(to, style, sink);
	check_chain(d.to);
	names_collect(&names, delta);
	if (!same_chain(d.from, d.to) || foreign_nsec3(&d, &names))
		err = diff_all(&d);
	else
		err = diff_names(&d, &names);
	if (err == 0)
		err = diff_node(&d, zone_apex(from), zone_apex(to), PART_SOA);
	if (err == 0 && d.to->refused)
		err = -ENOTSUP;
	free(names.name);
	free(d.old.row);
	free(d.old.text);
	free(d.new.row);
	free(d.new.text);
	free(d.from);
	free(d.to);
	return err;
}
