#include "zonefile/derive.h"

#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"

static struct rel
parent_of(struct rel rel)
{
	unsigned skip = rel.label[0] + 1u;

	return (struct rel){ rel.label + skip, rel.len - skip };
}

static bool
is_star(struct rel rel)
{
	return rel.len > 0 && rel.label[0] == 1 && rel.label[1] == '*';
}

/* Is there a cut or a DNAME between the name and the apex? */
static bool
occluded(const struct sets *s, struct rel rel)
{
	while (rel.len > 0) {
		const struct node *above;

		rel = parent_of(rel);
		above = index_get(s->zone->names, rel);
		if (above != NULL && above->flags & (NODE_CUT | NODE_DNAME))
			return true;
	}
	return false;
}

/* The same node with other flags. */
static void
put_flags(struct sets *s, const struct node *node, uint8_t flags)
{
	size_t size = sizeof(*node) + node->count * sizeof(node->set[0]) + node->name_len;
	struct node *copy;

	if (node->flags == flags)
		return;
	copy = arena_alloc(s->zone->store->arena, size);
	memcpy(copy, node, size);
	copy->flags = flags;
	index_put(s->zone->names, copy);
}

/* A cut or a DNAME came or went at the name. */
static void
fix_below(struct sets *s, struct rel rel)
{
	const struct node *top = index_get(s->zone->names, rel), *node;
	struct index_pos pos = index_seek(s->zone->names, rel);

	for (;;) {
		pos = index_next(s->zone->names, pos);
		if ((node = index_at(s->zone->names, pos)) == NULL || !rel_below(rel_of(node), rel_of(top)))
			return;
		put_flags(s, node, (uint8_t)((node->flags & ~NODE_OCCLUDED) |
		    (occluded(s, rel_of(node)) ? NODE_OCCLUDED : 0)));
	}
}

static bool
has_below(const struct sets *s, const struct node *node)
{
	struct index_pos pos = index_next(s->zone->names, index_seek(s->zone->names, rel_of(node)));
	const struct node *next = index_at(s->zone->names, pos);

	return next != NULL && rel_below(rel_of(next), rel_of(node));
}

static void
mark_parent(struct sets *s, struct rel rel, uint8_t wild)
{
	const struct node *parent;

	if (!is_star(rel))
		return;
	parent = index_get(s->zone->names, parent_of(rel));
	put_flags(s, parent, (uint8_t)((parent->flags & ~NODE_WILD) | wild));
}

/* The name owns s->set, or with none of them has names below it. */
static void
put_name(struct sets *s, struct rel rel, const struct node *old)
{
	uint8_t flags = sets_flags(s, rel), was = old != NULL ? old->flags : 0, lower[DNAME_MAX];
	size_t count = s->count;

	if (old == NULL && rel.len > 0 && index_get(s->zone->names, parent_of(rel)) == NULL) {
		s->count = 0;
		put_name(s, parent_of(rel), NULL);
		s->count = count;
	}
	if (occluded(s, rel))
		flags |= NODE_OCCLUDED;
	index_put(s->zone->names, sets_node(s, rel, index_hash(rel_lower(lower, rel)), flags | (was & NODE_WILD)));
	if (old == NULL)
		mark_parent(s, rel, NODE_WILD);
	if ((flags ^ was) & (NODE_CUT | NODE_DNAME))
		fix_below(s, rel);
}

/* The name owns nothing now: it stays while there are names below it, and so do those above it. */
static void
drop_name(struct sets *s, const struct node *old)
{
	struct rel rel = rel_of(old);
	const struct node *parent;

	if (has_below(s, old) || rel.len == 0) {
		if (old->count > 0)
			put_name(s, rel, old);
		return;
	}
	mark_parent(s, rel, 0);
	index_remove(s->zone->names, rel);
	parent = index_get(s->zone->names, parent_of(rel));
	if (parent->count == 0 && parent->name_len > 0)
		drop_name(s, parent);
}

/* --- one name --- */

static const struct key nowhere;

static bool
touches(struct rec *const *rec, size_t count, uint32_t order)
{
	for (size_t i = 0; i < count; i++)
		if (rec_set(rec[i]) == order)
			return true;
	return false;
}

/* What the changes touch is made anew, the rest stays the same set. */
static void
change_sets(struct sets *s, struct rel owner, const struct node *old, struct rec *const *rec, size_t count,
    struct arena *notes)
{
	uint8_t lower[DNAME_MAX];

	sets_clear(s);
	for (unsigned i = 0; old != NULL && i < old->count; i++) {
		const struct rrset *set = old->set[i];

		if (touches(rec, count, set_order(set->type, set->covers)))
			sets_add_apart(s, owner, set, &nowhere, 0, notes);
		else
			sets_add(s, set);
	}
	for (size_t i = 0; i < count; i++)
		sets_add_record(s, rec[i]);
	sets_make(s, owner, rel_lower(lower, owner));
}

void
derive_name(struct sets *s, struct rel owner, struct rec *const *rec, size_t count, struct arena *notes)
{
	struct zone *zone = s->zone;
	const struct node *named = index_get(zone->names, owner), *hashed = index_get(zone->hashed, owner);
	uint8_t lower[DNAME_MAX];

	change_sets(s, owner, hashed != NULL ? hashed : named, rec, count, notes);
	sets_check(s, owner, &nowhere);
	if (sets_flags(s, owner) & NODE_HASHED) {
		index_put(zone->hashed, sets_node(s, owner, index_hash(rel_lower(lower, owner)), NODE_HASHED));
		s->count = 0;
		if (named != NULL && named->count > 0)
			drop_name(s, named);
		return;
	}
	if (hashed != NULL)
		index_remove(zone->hashed, owner);
	if (s->count > 0)
		put_name(s, owner, named);
	else if (named != NULL && named->count > 0)
		drop_name(s, named);
}

/* --- the whole --- */

static void
copy_sums(struct zone *to, const struct zone *from)
{
	to->records = from->records;
	to->digest = from->digest;
	to->nsec = from->nsec;
	to->nsec3 = from->nsec3;
	to->opt_out = from->opt_out;
}

void
derive_start(struct sets *s, const struct zone *base)
{
	s->zone->names = index_edit(base->names);
	s->zone->hashed = index_edit(base->hashed);
	copy_sums(s->zone, base);
}

static struct index *
copy_nodes(struct sets *s, const struct index *from)
{
	struct index *index = index_new(index_count(from));
	struct index_pos pos = { 0, 0 };
	const struct node *node;

	for (; (node = index_at(from, pos)) != NULL; pos = index_next(from, pos)) {
		sets_clear(s);
		for (unsigned i = 0; i < node->count; i++)
			sets_add(s, sets_keep(s, node->set[i], set_digest(node->set[i])));
		index_append(index, sets_node(s, rel_of(node), node->hash, node->flags), rel_prefix(rel_of(node)));
	}
	return index;
}

/* An eighth of what lives, and for small zones what a hundred changes leave. */
static bool
wasteful(const struct store *store)
{
	return store->total > store->live + store->live / 8 + (64 << 10);
}

void
derive_finish(struct sets *s)
{
	struct zone *zone = s->zone;

	if (!wasteful(zone->store))
		return;
	/* Sets kept so far are in the memory that is left. */
	memset(s->known, 0, (s->known_mask + 1) * sizeof(s->known[0]));
	s->zone = zone_new(zone->origin);
	s->zone->store = store_new(NULL);
	s->zone->names = copy_nodes(s, zone->names);
	s->zone->hashed = copy_nodes(s, zone->hashed);
	copy_sums(s->zone, zone);
	zone_finish(s->zone);
	zone_unref(zone);
}
