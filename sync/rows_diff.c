/* rows_diff.c - the difference of two zones as the rows that change. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/rows_impl.h"
#include "zonefile/arena.h"
#include "zonefile/nsec3hash.h"

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
	maker_node(m, node, part, list_add, l);
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
	maker_check(d.to);
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
