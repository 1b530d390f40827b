#include "zonefile/zone.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/hash.h"
#include "zonefile/name.h"
#include "zonefile/nsec3hash.h"
#include "zonefile/version.h"

/* --- nodes --- */

int
node_cmp(const struct node *a, const struct node *b)
{
	return rel_cmp(rel_of(a), rel_of(b));
}

const struct rrset *
node_set(const struct node *node, uint16_t type)
{
	for (unsigned i = 0; i < node->count; i++)
		if (node->set[i]->type == type)
			return node->set[i];
	return NULL;
}

const struct rrset *
node_sigs(const struct node *node, uint16_t type)
{
	for (unsigned i = 0; i < node->count; i++)
		if (node->set[i]->covers == type && node->set[i]->type == T_RRSIG)
			return node->set[i];
	return NULL;
}

/* --- life --- */

struct store *
store_new(struct store *base)
{
	struct store *store = xcalloc(1, sizeof(*store));

	atomic_init(&store->refs, 1);
	store->base = base;
	store->arena = arena_new(base == NULL ? 1024 : 512);
	if (base != NULL)
		atomic_fetch_add_explicit(&base->refs, 1, memory_order_relaxed);
	return store;
}

static void
store_unref(struct store *store)
{
	while (store != NULL &&
	    atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) == 1) {
		struct store *base = store->base;

		arena_free(store->arena);
		free(store);
		store = base;
	}
}

struct zone *
zone_new(const uint8_t *origin)
{
	static _Atomic uint64_t last_id;
	size_t len = name_len(origin);
	struct zone *zone = xcalloc(1, sizeof(*zone) + len);

	atomic_init(&zone->refs, 1);
	zone->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	zone->origin_len = (uint8_t)len;
	name_lower(zone->origin, origin);
	return zone;
}

struct zone *
zone_ref(struct zone *zone)
{
	atomic_fetch_add_explicit(&zone->refs, 1, memory_order_relaxed);
	return zone;
}

void
zone_unref(struct zone *zone)
{
	if (zone == NULL ||
	    atomic_fetch_sub_explicit(&zone->refs, 1, memory_order_acq_rel) != 1)
		return;
	index_free(zone->names);
	index_free(zone->hashed);
	odd_free(zone->odd);
	store_unref(zone->store);
	free(zone);
}

/* NSEC3PARAM with flags other than 0 is for signers only (RFC 5155 4.1.2). */
static struct nsec3_params *
take_params(const struct zone *zone)
{
	const struct rrset *set = node_set(zone->apex, T_NSEC3PARAM);
	const uint8_t *p = set == NULL ? NULL : set->rdata;
	struct nsec3_params *params;

	for (unsigned i = 0; set != NULL && i < set->count; i++) {
		unsigned len = (unsigned)p[0] << 8 | p[1];

		p += 2;
		if (len >= 5 && p[0] == 1 && p[1] == 0) {
			params = arena_alloc(zone->store->arena, sizeof(*params));
			params->algorithm = p[0];
			params->flags = zone->opt_out > 0;
			params->iterations = (uint16_t)(p[2] << 8 | p[3]);
			params->salt_len = p[4];
			memcpy(params->salt, p + 5, p[4]);
			return params;
		}
		p += len;
	}
	return NULL;
}

void
zone_finish(struct zone *zone)
{
	zone->apex = index_at(zone->names, (struct index_pos){ 0, 0 });
	zone->soa = node_set(zone->apex, T_SOA);
	zone->is_signed = (zone->nsec > 0 || zone->nsec3 > 0) && node_sigs(zone->apex, T_SOA) != NULL;
	zone->params = take_params(zone);
	zone->store->total = arena_size(zone->store->arena) +
	    (zone->store->base != NULL ? zone->store->base->total : 0);
	zone->store->live = zone->store->base != NULL ? zone->store->base->live : zone->store->total;
}

/* --- names to nodes --- */

/* The part of a name below the origin; the name is at or below it. */
static struct rel
relative(const struct zone *zone, const uint8_t *name)
{
	return (struct rel){ name, (unsigned)(name_len(name) - zone->origin_len) };
}

static const struct node *
wildcard_below(const struct zone *zone, struct rel encloser, uint64_t hash)
{
	static const uint8_t star[2] = { 1, '*' };
	uint8_t name[DNAME_MAX];

	if (encloser.len + 2 + zone->origin_len > DNAME_MAX)
		return NULL;
	memcpy(name, star, 2);
	memcpy(name + 2, encloser.label, encloser.len);
	return index_find(zone->names, index_hash_label(hash, star),
	    (struct rel){ name, encloser.len + 2 });
}

/* From the apex down, label by label: the first name that is missing ends the search, since names above an existing one
 * exist (RFC 4592 2.2.2), and so does the first that redirects. */
enum zone_match
zone_find(const struct zone *zone, const uint8_t *name, struct zone_found *found)
{
	uint8_t offset[DNAME_LABELS];
	struct rel whole = relative(zone, name), at = { name + whole.len, 0 };
	const struct node *node = zone->apex;
	uint64_t hash = index_hash_root();
	unsigned n = 0;

	for (unsigned i = 0; i < whole.len; i += name[i] + 1u)
		offset[n++] = (uint8_t)i;
	while (n-- > 0) {
		struct rel next = { name + offset[n], whole.len - offset[n] };
		uint64_t next_hash = index_hash_label(hash, next.label);
		const struct node *below;

		found->node = found->encloser = node;
		if (node->flags & NODE_CUT)
			return ZONE_CUT;
		if (node->flags & NODE_DNAME)
			return ZONE_DNAME;
		below = index_find(zone->names, next_hash, next);
		if (below == NULL) {
			found->node = NULL;
			if (node->flags & NODE_WILD)
				found->node = wildcard_below(zone, at, hash);
			return found->node != NULL ? ZONE_WILDCARD : ZONE_NONE;
		}
		node = below;
		hash = next_hash;
		at = next;
	}
	found->node = found->encloser = node;
	return ZONE_EXACT;
}

/* Only the label below the apex: where delegations are many, it is the one. */
void
zone_ahead(const struct zone *zone, const uint8_t *name, struct zone_ahead *ahead,
    unsigned step)
{
	unsigned len, i = 0;

	switch (step) {
	case 0:
		len = relative(zone, name).len;
		ahead->node = NULL;
		ahead->hash = 0;
		if (len == 0)
			break;
		while (i + name[i] + 1u < len)
			i += name[i] + 1u;
		ahead->hash = index_hash_label(index_hash_root(), name + i);
		index_fetch_slot(zone->names, ahead->hash);
		break;
	case 1:
		if (ahead->hash != 0)
			ahead->node = index_fetch_node(zone->names, ahead->hash);
		break;
	case 2:
		if (ahead->node != NULL && ahead->node->count > 0)
			__builtin_prefetch(ahead->node->set[0]);
		break;
	}
}

/* Is the name at or below the origin, with a label boundary there? */
static bool
inside(const struct zone *zone, const uint8_t *name, struct rel *rel)
{
	size_t len = name_len(name), i = 0;

	if (len < zone->origin_len)
		return false;
	while (i < len - zone->origin_len)
		i += name[i] + 1u;
	*rel = (struct rel){ name, (unsigned)i };
	return i == len - zone->origin_len && name_equal(name + i, zone->origin);
}

const struct node *
zone_node(const struct zone *zone, const uint8_t *name)
{
	const struct node *node;
	struct rel rel;

	if (!inside(zone, name, &rel))
		return NULL;
	node = index_get(zone->names, rel);
	return node != NULL ? node : index_get(zone->hashed, rel);
}

/* The highest cut or DNAME above an occluded node. */
static const struct node *
occluder(const struct zone *zone, struct rel rel)
{
	struct zone_found found;
	uint8_t name[DNAME_MAX];

	name_lower_octets(name, rel.label, rel.len);
	memcpy(name + rel.len, zone->origin, zone->origin_len);
	zone_find(zone, name, &found);
	return found.node;
}

const struct node *
zone_nsec_at(const struct zone *zone, const uint8_t *name)
{
	struct rel rel = relative(zone, name);
	struct index_pos pos;
	const struct node *node;

	if (zone->nsec == 0)
		return NULL;
	pos = index_seek(zone->names, rel);
	node = index_at(zone->names, pos);
	if (node != NULL && rel_cmp(rel_of(node), rel) == 0 && node_set(node, T_NSEC) != NULL)
		return node;
	while (index_prev(zone->names, &pos)) {
		node = index_at(zone->names, pos);
		/* Glue stands in the way, whose number only its delegation knows. */
		if (node->flags & NODE_OCCLUDED)
			node = occluder(zone, rel_of(node));
		if (node_set(node, T_NSEC) != NULL)
			return node;
	}
	return NULL;
}

const struct nsec3_params *
zone_nsec3(const struct zone *zone)
{
	return zone->nsec3 > 0 ? zone->params : NULL;
}

/* Does one of the node's NSEC3 records belong to the chain of the parameters? */
static bool
in_chain(const struct node *node, const struct nsec3_params *params)
{
	const struct rrset *set = node_set(node, T_NSEC3);
	const uint8_t *p = set == NULL ? NULL : set->rdata;

	for (unsigned i = 0; set != NULL && i < set->count; i++) {
		unsigned len = (unsigned)p[0] << 8 | p[1];

		p += 2;
		if (p[0] == params->algorithm && (p[2] << 8 | p[3]) == params->iterations &&
		    p[4] == params->salt_len && memcmp(p + 5, params->salt, p[4]) == 0)
			return true;
		p += len;
	}
	return false;
}

const struct node *
zone_nsec3_at(const struct zone *zone, const uint8_t hash[20], bool *exact)
{
	size_t count = index_count(zone->hashed);
	uint8_t label[1 + NSEC3_TEXT] = { NSEC3_TEXT };
	struct rel rel = { label, sizeof(label) };
	struct index_pos pos;
	const struct node *node;

	if (zone_nsec3(zone) == NULL || count == 0)
		return NULL;
	/* base32hex keeps the order of the octets */
	base32hex_encode((char *)label + 1, hash, NSEC3_HASH);
	node = index_get(zone->hashed, rel);
	*exact = node != NULL && in_chain(node, zone->params);
	if (*exact)
		return node;
	pos = index_seek(zone->hashed, rel);
	/* Owners of other chains are passed over; the circle ends the search. */
	for (size_t i = 0; i < count; i++) {
		if (!index_prev(zone->hashed, &pos))
			pos = index_last(zone->hashed);
		node = index_at(zone->hashed, pos);
		if (in_chain(node, zone->params))
			return node;
	}
	return NULL;
}

/* --- facts --- */

const uint8_t *
zone_origin(const struct zone *zone)
{
	return zone->origin;
}

uint32_t
zone_serial(const struct zone *zone)
{
	/* MNAME, RNAME, then the serial (RFC 1035 3.3.13) */
	const uint8_t *p = zone->soa->rdata + 2;

	p += name_len(p);
	p += name_len(p);
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

const struct node *
zone_apex(const struct zone *zone)
{
	return zone->apex;
}

const struct rrset *
zone_soa(const struct zone *zone)
{
	return zone->soa;
}

size_t
zone_records(const struct zone *zone)
{
	return zone->records;
}

size_t
zone_names(const struct zone *zone)
{
	return index_count(zone->names) + index_count(zone->hashed);
}

size_t
zone_memory(const struct zone *zone)
{
	return sizeof(*zone) + zone->store->total + index_memory(zone->names) +
	    index_memory(zone->hashed);
}

uint64_t
zone_id(const struct zone *zone)
{
	return zone->id;
}

uint32_t
zone_look_again(const struct zone *zone)
{
	return zone->look_again;
}

void
zone_set_look_again(struct zone *zone, uint32_t when)
{
	zone->look_again = when != 0 ? when : 1;
}

bool
zone_signed(const struct zone *zone)
{
	return zone->is_signed;
}

struct zone_digest
zone_digest(const struct zone *zone)
{
	return zone->digest;
}

const char *
zone_digest_print(char out[ZONE_DIGEST_TEXT], struct zone_digest digest)
{
	snprintf(out, ZONE_DIGEST_TEXT, "%016llx%016llx",
	    (unsigned long long)digest.word[0], (unsigned long long)digest.word[1]);
	return out;
}

size_t
zone_owner(const struct zone *zone, const struct node *node, uint8_t out[255])
{
	memcpy(out, node_name(node), node->name_len);
	memcpy(out + node->name_len, zone->origin, zone->origin_len);
	return node->name_len + (size_t)zone->origin_len;
}

/* --- the digest --- */

#define DIGEST_A 0x2545f4914f6cdd1du
#define DIGEST_B 0xbf58476d1ce4e5b9u

/* Two lanes over the same octets, in one pass. */
struct zone_digest
set_digest(const struct rrset *set)
{
	const uint8_t *p = set->rdata;
	uint64_t head = (uint64_t)set->ttl << 32 | (uint32_t)set->type << 16 | set->covers;
	uint64_t a = hash_mix(head ^ DIGEST_B, set->size ^ DIGEST_A), b = hash_mix(a ^ head, DIGEST_B);
	size_t len = set->size;

	for (; len > 8; p += 8, len -= 8) {
		uint64_t v = hash_load(p, 8);

		a = hash_mix(a ^ v, DIGEST_A);
		b = hash_mix(b + v, DIGEST_B);
	}
	a = hash_mix(a ^ hash_load(p, len), DIGEST_A);
	b = hash_mix(b + hash_load(p, len), DIGEST_B);
	return (struct zone_digest){ { a, b } };
}

struct zone_digest
owner_digest(struct zone_digest set, uint64_t owner)
{
	return (struct zone_digest){ {
	    hash_mix(set.word[0] ^ owner, DIGEST_B),
	    hash_mix(set.word[1] + owner, DIGEST_A) } };
}

uint64_t
owner_hash(const struct zone *zone, struct rel lower)
{
	return hash_bytes(zone->origin_len, lower.label, lower.len);
}

/* --- walking --- */

static struct index_pos
at(const struct zone_walk *w, int i)
{
	return (struct index_pos){ w->block[i], w->at[i] };
}

static void
set_at(struct zone_walk *w, int i, struct index_pos pos)
{
	w->block[i] = pos.block;
	w->at[i] = pos.at;
}

/* Is the node at or below the name that the walk is for? */
static bool
within(const struct zone_walk *w, const struct node *node)
{
	const uint8_t *name = node_name(node);
	unsigned len = w->stop[0], i = 0;

	if (node->name_len < len)
		return false;
	while (i < node->name_len - len)
		i += name[i] + 1u;
	return i == node->name_len - len &&
	    rel_cmp((struct rel){ name + i, len }, (struct rel){ w->stop + 1, len }) == 0;
}

const struct node *
zone_next(struct zone_walk *w)
{
	const struct index *index[2] = { w->zone->names, w->zone->hashed };
	const struct node *a = index_at(index[0], at(w, 0)), *b = index_at(index[1], at(w, 1));
	int i = a == NULL || (b != NULL && rel_cmp(rel_of(b), rel_of(a)) < 0);
	const struct node *node = i ? b : a;

	if (node == NULL || (w->stop[0] > 0 && !within(w, node)))
		return NULL;
	index_fetch(index[i], at(w, i));
	set_at(w, i, index_next(index[i], at(w, i)));
	return node;
}

/* A delegation has few servers, and their glue stands right behind it. */
#define NEAR 4

const struct node *
zone_walk_glue(const struct zone_walk *w, const uint8_t *name)
{
	struct index_pos pos = at(w, 0);
	const struct node *node;
	struct rel rel;

	if (!inside(w->zone, name, &rel))
		return NULL;
	for (unsigned i = 0; i < NEAR && (node = index_at(w->zone->names, pos)) != NULL; i++) {
		if (node->name_len == rel.len && rel_cmp(rel_of(node), rel) == 0)
			return node;
		pos = index_next(w->zone->names, pos);
	}
	return zone_node(w->zone, name);
}

const struct node *
zone_walk(struct zone_walk *w, const struct zone *zone)
{
	memset(w, 0, sizeof(*w));
	w->zone = zone;
	return zone_next(w);
}

const struct node *
zone_walk_below(struct zone_walk *w, const struct zone *zone, const uint8_t *name)
{
	struct rel rel = relative(zone, name);

	w->zone = zone;
	w->stop[0] = (uint8_t)rel.len;
	memcpy(w->stop + 1, rel.label, rel.len);
	set_at(w, 0, index_seek(zone->names, rel));
	set_at(w, 1, index_seek(zone->hashed, rel));
	return zone_next(w);
}
