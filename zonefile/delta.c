#include "zonefile/delta.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/rdata.h"

/* A delta is its encoding, all numbers in network order:
 *
 *	"TDL1", u32 from, u32 to, 2 x u64 from digest, 2 x u64 to digest,
 *	u32 removed, u32 added, u32 octets of the removed, u32 octets of the added, origin,
 *	the removed, the added: each owner, u16 type, u32 TTL, u16 length, RDATA
 */
#define MAGIC "TDL1"
enum {
	AT_FROM = 4, AT_TO = 8, AT_FROM_DIGEST = 12, AT_TO_DIGEST = 28, AT_REMOVED = 44, AT_ADDED = 48,
	AT_REMOVED_SIZE = 52, AT_ADDED_SIZE = 56, AT_ORIGIN = 60,
};

struct delta {
	size_t size;
	uint8_t octets[];
};

static struct zone_digest
get_digest(const uint8_t *p)
{
	return (struct zone_digest){ { get64(p), get64(p + 8) } };
}

static void
put_digest(uint8_t *p, struct zone_digest digest)
{
	put64(p, digest.word[0]);
	put64(p + 8, digest.word[1]);
}

/* --- making one --- */

struct section {
	uint8_t *octets;
	size_t size, room;
	uint32_t count;
};

static void
push(struct section *s, const struct rr *rr)
{
	size_t owner = name_len(rr->owner), need = owner + 8 + rr->len;
	uint8_t *p;

	if (s->size + need > s->room) {
		s->room = (s->room + need) * 2;
		s->octets = xrealloc(s->octets, s->room);
	}
	p = s->octets + s->size;
	memcpy(p, rr->owner, owner);
	p += owner;
	put16(p, rr->type);
	put32(p + 2, rr->ttl);
	put16(p + 6, rr->len);
	memcpy(p + 8, rr->rdata, rr->len);
	s->size += need;
	s->count++;
}

/* Frees what the sections hold. */
static struct delta *
assemble(const uint8_t *origin, struct section *removed, struct section *added,
    uint32_t from, uint32_t to, struct zone_digest from_digest, struct zone_digest to_digest)
{
	size_t len = name_len(origin), size = AT_ORIGIN + len + removed->size + added->size;
	struct delta *delta = xmalloc(sizeof(*delta) + size);
	uint8_t *p = delta->octets;

	delta->size = size;
	memcpy(p, MAGIC, 4);
	put32(p + AT_FROM, from);
	put32(p + AT_TO, to);
	put_digest(p + AT_FROM_DIGEST, from_digest);
	put_digest(p + AT_TO_DIGEST, to_digest);
	put32(p + AT_REMOVED, removed->count);
	put32(p + AT_ADDED, added->count);
	put32(p + AT_REMOVED_SIZE, (uint32_t)removed->size);
	put32(p + AT_ADDED_SIZE, (uint32_t)added->size);
	memcpy(p + AT_ORIGIN, origin, len);
	p += AT_ORIGIN + len;
	if (removed->size > 0)
		memcpy(p, removed->octets, removed->size);
	if (added->size > 0)
		memcpy(p + removed->size, added->octets, added->size);
	free(removed->octets);
	free(added->octets);
	return delta;
}

void
delta_free(struct delta *delta)
{
	free(delta);
}

/* --- comparing zones --- */

struct set_walk {
	struct rr rr;
	const uint8_t *at;
	unsigned left;
};

static void
set_start(struct set_walk *w, const uint8_t *owner, const struct rrset *set)
{
	w->rr.owner = owner;
	w->left = set != NULL ? set->count : 0;
	if (set == NULL)
		return;
	w->rr.type = set->type;
	w->rr.ttl = set->ttl;
	w->at = set->rdata;
}

static bool
set_next(struct set_walk *w)
{
	if (w->left == 0)
		return false;
	w->left--;
	w->rr.len = get16(w->at);
	w->rr.rdata = w->at + 2;
	w->at += 2u + w->rr.len;
	return true;
}

static void
push_set(struct section *s, const uint8_t *owner, const struct rrset *set)
{
	struct set_walk w;

	set_start(&w, owner, set);
	while (set_next(&w))
		push(s, &w.rr);
}

/* Octets decide, not DNS equality: a changed case in RDATA is a change. */
static int
rdata_order(const struct rr *a, const struct rr *b)
{
	int d = rdata_cmp(a->type, a->rdata, a->len, b->rdata, b->len);

	if (d == 0)
		d = memcmp(a->rdata, b->rdata, a->len);
	return d;
}

static void
compare_sets(struct section *removed, struct section *added, const uint8_t *owner,
    const struct rrset *from, const struct rrset *to)
{
	struct set_walk a, b;
	bool more_a, more_b;

	if (from == to)
		return;
	if (from->ttl != to->ttl) {
		push_set(removed, owner, from);
		push_set(added, owner, to);
		return;
	}
	if (from->size == to->size && memcmp(from->rdata, to->rdata, from->size) == 0)
		return;
	set_start(&a, owner, from);
	set_start(&b, owner, to);
	more_a = set_next(&a);
	more_b = set_next(&b);
	while (more_a || more_b) {
		int d = !more_a ? 1 : !more_b ? -1 : rdata_order(&a.rr, &b.rr);

		if (d < 0)
			push(removed, &a.rr);
		if (d > 0)
			push(added, &b.rr);
		if (d <= 0)
			more_a = set_next(&a);
		if (d >= 0)
			more_b = set_next(&b);
	}
}

static uint32_t
set_place(const struct rrset *set)
{
	return set->type == T_RRSIG ? (uint32_t)set->covers << 1 | 1 : (uint32_t)set->type << 1;
}

/* The SOA goes in front, not here. */
static bool
skip(const struct rrset *set)
{
	return set->type == T_SOA;
}

static void
compare_nodes(struct section *removed, struct section *added, const uint8_t *owner,
    const struct node *from, const struct node *to)
{
	unsigned i = 0, k = 0, m = from != NULL ? from->count : 0, n = to != NULL ? to->count : 0;

	while (i < m || k < n) {
		const struct rrset *a = i < m ? from->set[i] : NULL, *b = k < n ? to->set[k] : NULL;
		bool left = b == NULL || (a != NULL && set_place(a) < set_place(b));
		bool right = a == NULL || (b != NULL && set_place(b) < set_place(a));

		if (left && !skip(a))
			push_set(removed, owner, a);
		else if (right && !skip(b))
			push_set(added, owner, b);
		else if (!left && !right && !skip(a))
			compare_sets(removed, added, owner, a, b);
		i += !right;
		k += !left;
	}
}

struct delta *
delta_between(const struct zone *from, const struct zone *to)
{
	struct section removed = { NULL, 0, 0, 0 }, added = { NULL, 0, 0, 0 };
	struct zone_walk v, w;
	const struct node *a = zone_walk(&v, from), *b = zone_walk(&w, to);
	uint8_t owner[DNAME_MAX];

	assert(name_equal(zone_origin(from), zone_origin(to)));
	zone_owner(from, zone_apex(from), owner);
	if (!zone_digest_equal(zone_digest(from), zone_digest(to))) {
		push_set(&removed, owner, zone_soa(from));
		push_set(&added, owner, zone_soa(to));
	}
	while (a != NULL || b != NULL) {
		int d;

		if (a == b) {	/* shared by both versions */
			a = zone_next(&v);
			b = zone_next(&w);
			continue;
		}
		d = a == NULL ? 1 : b == NULL ? -1 : node_cmp(a, b);
		zone_owner(to, d <= 0 ? a : b, owner);
		compare_nodes(&removed, &added, owner, d <= 0 ? a : NULL, d >= 0 ? b : NULL);
		if (d <= 0)
			a = zone_next(&v);
		if (d >= 0)
			b = zone_next(&w);
	}
	return assemble(zone_origin(to), &removed, &added, zone_serial(from), zone_serial(to),
	    zone_digest(from), zone_digest(to));
}

/* --- joining --- */

struct change {
	struct rr rr;
	int by;			/* +1 added, -1 removed */
};

static int
change_cmp(const void *x, const void *y)
{
	const struct change *a = x, *b = y;
	bool a_soa = a->rr.type == T_SOA, b_soa = b->rr.type == T_SOA;
	int d;

	if (a_soa != b_soa)
		return a_soa ? -1 : 1;
	if ((d = name_cmp(a->rr.owner, b->rr.owner)) != 0)
		return d;
	if (a->rr.type != b->rr.type)
		return a->rr.type < b->rr.type ? -1 : 1;
	if (a->rr.ttl != b->rr.ttl)
		return a->rr.ttl < b->rr.ttl ? -1 : 1;
	return rdata_order(&a->rr, &b->rr);
}

static struct change *
take(struct change *c, const struct delta *delta)
{
	struct delta_walk w;

	delta_walk_removed(&w, delta);
	for (; delta_next(&w, &c->rr); c++)
		c->by = -1;
	delta_walk_added(&w, delta);
	for (; delta_next(&w, &c->rr); c++)
		c->by = 1;
	return c;
}

struct delta *
delta_join(const struct delta *a, const struct delta *b)
{
	size_t count = delta_removed(a) + delta_added(a) + delta_removed(b) + delta_added(b);
	struct change *change = xmalloc((count + 1) * sizeof(*change));
	struct section removed = { NULL, 0, 0, 0 }, added = { NULL, 0, 0, 0 };

	take(take(change, a), b);
	qsort(change, count, sizeof(*change), change_cmp);
	for (size_t i = 0, end; i < count; i = end) {
		int by = 0;

		for (end = i; end < count && change_cmp(&change[i], &change[end]) == 0; end++)
			by += change[end].by;
		if (by < 0)
			push(&removed, &change[i].rr);
		else if (by > 0)
			push(&added, &change[i].rr);
	}
	free(change);
	return assemble(delta_origin(a), &removed, &added, delta_from(a), delta_to(b),
	    delta_from_digest(a), delta_to_digest(b));
}

struct delta *
delta_reverse(const struct delta *d)
{
	size_t removed = get32(d->octets + AT_REMOVED_SIZE), added = get32(d->octets + AT_ADDED_SIZE);
	size_t head = d->size - removed - added;
	struct delta *r = xmalloc(sizeof(*r) + d->size);
	uint8_t *p = r->octets;

	r->size = d->size;
	memcpy(p, d->octets, head);
	put32(p + AT_FROM, delta_to(d));
	put32(p + AT_TO, delta_from(d));
	put_digest(p + AT_FROM_DIGEST, delta_to_digest(d));
	put_digest(p + AT_TO_DIGEST, delta_from_digest(d));
	put32(p + AT_REMOVED, (uint32_t)delta_added(d));
	put32(p + AT_ADDED, (uint32_t)delta_removed(d));
	put32(p + AT_REMOVED_SIZE, (uint32_t)added);
	put32(p + AT_ADDED_SIZE, (uint32_t)removed);
	memcpy(p + head, d->octets + head + removed, added);
	memcpy(p + head + added, d->octets + head, removed);
	return r;
}

/* --- applying --- */

struct zone *
delta_apply(struct zone *zone, const struct delta *delta, struct sink *sink)
{
	char name[DNAME_TEXT_MAX];
	struct builder *b;
	struct delta_walk w;
	struct zone *next;
	struct rr rr;

	name_print_plain(name, zone_origin(zone));
	if (!name_equal(zone_origin(zone), delta_origin(delta)) ||
	    !zone_digest_equal(zone_digest(zone), delta_from_digest(delta))) {
		report_zone(sink, ERROR, name, "a change from serial %u does not fit the version with serial %u",
		    delta_from(delta), zone_serial(zone));
		return NULL;
	}
	b = builder_derive(zone, sink);
	delta_walk_removed(&w, delta);
	while (delta_next(&w, &rr))
		builder_remove(b, &rr);
	delta_walk_added(&w, delta);
	while (delta_next(&w, &rr))
		builder_add(b, &rr, NULL);
	if ((next = builder_finish(b)) == NULL)
		return NULL;
	if (!zone_digest_equal(zone_digest(next), delta_to_digest(delta))) {
		report_zone(sink, ERROR, name, "a change from serial %u to %u has another result than it should",
		    delta_from(delta), delta_to(delta));
		zone_unref(next);
		return NULL;
	}
	return next;
}

/* --- reading --- */

const uint8_t *
delta_origin(const struct delta *d)
{
	return d->octets + AT_ORIGIN;
}

uint32_t
delta_from(const struct delta *d)
{
	return get32(d->octets + AT_FROM);
}

uint32_t
delta_to(const struct delta *d)
{
	return get32(d->octets + AT_TO);
}

struct zone_digest
delta_from_digest(const struct delta *d)
{
	return get_digest(d->octets + AT_FROM_DIGEST);
}

struct zone_digest
delta_to_digest(const struct delta *d)
{
	return get_digest(d->octets + AT_TO_DIGEST);
}

size_t
delta_removed(const struct delta *d)
{
	return get32(d->octets + AT_REMOVED);
}

size_t
delta_added(const struct delta *d)
{
	return get32(d->octets + AT_ADDED);
}

bool
delta_empty(const struct delta *d)
{
	return delta_removed(d) == 0 && delta_added(d) == 0;
}

void
delta_walk_removed(struct delta_walk *w, const struct delta *d)
{
	w->at = d->octets + AT_ORIGIN + name_len(delta_origin(d));
	w->end = w->at + get32(d->octets + AT_REMOVED_SIZE);
}

void
delta_walk_added(struct delta_walk *w, const struct delta *d)
{
	w->end = d->octets + d->size;
	w->at = w->end - get32(d->octets + AT_ADDED_SIZE);
}

bool
delta_next(struct delta_walk *w, struct rr *rr)
{
	const uint8_t *p = w->at;

	if (p == w->end)
		return false;
	rr->owner = p;
	p += name_len(p);
	rr->type = get16(p);
	rr->ttl = get32(p + 2);
	rr->len = get16(p + 6);
	rr->rdata = p + 8;
	w->at = p + 8 + rr->len;
	return true;
}

const uint8_t *
delta_encode(const struct delta *d, size_t *size)
{
	*size = d->size;
	return d->octets;
}

/* Is this a whole section of count sound records? */
static bool
section_valid(const uint8_t *p, size_t size, uint32_t count)
{
	while (size > 0) {
		size_t owner = name_valid(p, size), len;

		if (owner == 0 || size - owner < 8 || count-- == 0)
			return false;
		len = get16(p + owner + 6);
		if (size - owner - 8 < len || !rdata_valid(get16(p + owner), p + owner + 8, len))
			return false;
		p += owner + 8 + len;
		size -= owner + 8 + len;
	}
	return count == 0;
}

struct delta *
delta_decode(const uint8_t *octets, size_t size)
{
	struct delta *delta;
	size_t removed, added, origin;

	if (size < AT_ORIGIN || memcmp(octets, MAGIC, 4) != 0)
		return NULL;
	removed = get32(octets + AT_REMOVED_SIZE);
	added = get32(octets + AT_ADDED_SIZE);
	origin = name_valid(octets + AT_ORIGIN, size - AT_ORIGIN);
	if (origin == 0 || AT_ORIGIN + origin + removed + added != size)
		return NULL;
	if (!section_valid(octets + AT_ORIGIN + origin, removed, get32(octets + AT_REMOVED)) ||
	    !section_valid(octets + AT_ORIGIN + origin + removed, added, get32(octets + AT_ADDED)))
		return NULL;
	delta = xmalloc(sizeof(*delta) + size);
	delta->size = size;
	memcpy(delta->octets, octets, size);
	return delta;
}
