#include "zonefile/builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/derive.h"
#include "zonefile/name.h"
#include "zonefile/sets.h"

/* Records come in runs of one owner.  From nothing, a run becomes a node when it ends, and at the end the nodes are
 * sorted; those of one name, whose records did not stand together, become one.  So no record costs a search,
 * and little is held but what the zone will be.  Of a derived one the runs themselves are kept and sorted. */
struct run {
	size_t count;
	struct rec **rec;		/* in the order they came */
	uint8_t name_len;
	uint8_t name[];
};

struct builder {
	struct sets sets;
	struct zone *base;		/* of a derived one */
	struct arena *notes;		/* records of the run at hand; of a derived one, of all */
	struct key *run;		/* struct node or, of a derived one, struct run */
	size_t runs, run_room;
	uint32_t order;
	unsigned owner_len;		/* of the run at hand, relative to the origin */
	uint8_t owner[DNAME_MAX];
};

struct builder *
builder_new(const uint8_t *origin, struct sink *sink)
{
	struct builder *b = xcalloc(1, sizeof(*b));

	sets_init(&b->sets, zone_new(origin), sink);
	b->sets.zone->store = store_new(NULL);
	sets_wait(&b->sets);
	b->notes = arena_new(4096);
	return b;
}

struct builder *
builder_derive(struct zone *base, struct sink *sink)
{
	struct builder *b = xcalloc(1, sizeof(*b));

	sets_init(&b->sets, zone_new(base->origin), sink);
	b->sets.zone->store = store_new(base->store);
	b->base = zone_ref(base);
	b->notes = arena_new(1024);
	return b;
}

void
builder_checks(struct builder *b, const struct checks *checks, struct sink *sink)
{
	b->sets.checks = checks;
	b->sets.said = sink;
}

void
builder_free(struct builder *b)
{
	if (b == NULL)
		return;
	zone_unref(b->sets.zone);
	sets_free(&b->sets);
	zone_unref(b->base);
	arena_free(b->notes);
	free(b->run);
	free(b);
}

/* --- runs --- */

static struct rel
owner_rel(const struct builder *b)
{
	return (struct rel){ b->owner, b->owner_len };
}

static struct run *
keep_run(struct builder *b)
{
	struct run *run = arena_alloc(b->notes, sizeof(*run) + b->owner_len);

	run->count = b->sets.recs;
	run->rec = arena_alloc(b->notes, run->count * sizeof(run->rec[0]));
	for (size_t i = 0; i < run->count; i++)
		run->rec[i] = b->sets.rec[i].item;
	run->name_len = (uint8_t)b->owner_len;
	memcpy(run->name, b->owner, b->owner_len);
	return run;
}

static void
end_run(struct builder *b)
{
	struct rel owner = owner_rel(b);
	const struct rec *first;
	struct key *key;

	if (b->sets.recs == 0)
		return;
	if (b->runs == b->run_room) {
		b->run_room = b->run_room * 2 + 8;
		b->run = xrealloc(b->run, b->run_room * sizeof(b->run[0]));
	}
	first = b->sets.rec[0].item;
	key = &b->run[b->runs++];
	*key = (struct key){ .order = rel_prefix(owner), .line = first->line, .column = first->column, .file = first->file };
	if (b->base != NULL) {
		key->item = keep_run(b);
	} else {
		sets_make(&b->sets, owner);
		sets_check(&b->sets, owner, key);
		key->item = sets_node(&b->sets, owner, index_hash(owner), sets_flags(&b->sets, owner));
		arena_reset(b->notes);
	}
	sets_clear(&b->sets);
}

/* Octets of the owner below the origin, or -1 when it is not there. */
static int
below_origin(const struct zone *zone, const uint8_t *owner)
{
	size_t len = name_len(owner), rel, i = 0;

	if (len < zone->origin_len)
		return -1;
	for (rel = len - zone->origin_len; i < rel;)
		i += owner[i] + 1u;
	return i == rel && name_equal(owner + i, zone->origin) ? (int)rel : -1;
}

static void
refuse_owner(struct builder *b, const uint8_t *owner, const struct place *place)
{
	char name[DNAME_TEXT_MAX], zone[DNAME_TEXT_MAX];

	name_print(name, owner);
	name_print_plain(zone, b->sets.zone->origin);
	b->sets.errors++;
	if (place != NULL)
		report_at(b->sets.sink, ERROR, place, "%s is not in the zone %s", name, zone);
	else
		report_zone(b->sets.sink, ERROR, zone, "%s is not in the zone", name);
}

/* A delegation of a wildcard means nothing (RFC 4592 4.2), and "*" is no hash (RFC 5155 3). */
static void
refuse_star(struct builder *b, const struct rr *rr, const struct place *place)
{
	char name[DNAME_TEXT_MAX], zone[DNAME_TEXT_MAX];
	const char *type = rr->type == T_NS ? "NS" : "NSEC3";

	name_print(name, rr->owner);
	name_print_plain(zone, b->sets.zone->origin);
	b->sets.errors++;
	if (place != NULL)
		report_at(b->sets.sink, ERROR, place, "%s is a wildcard, which has no %s record", name, type);
	else
		report_zone(b->sets.sink, ERROR, zone, "%s is a wildcard, which has no %s record", name, type);
}

static void
note(struct builder *b, const struct rr *rr, const struct place *place, bool removal)
{
	int len = below_origin(b->sets.zone, rr->owner);
	struct rec *rec;

	if (len < 0) {
		refuse_owner(b, rr->owner, place);
		return;
	}
	if (!removal && rr->owner[0] == 1 && rr->owner[1] == '*' && (rr->type == T_NS || rr->type == T_NSEC3)) {
		refuse_star(b, rr, place);
		return;
	}
	if ((unsigned)len != b->owner_len || memcmp(b->owner, rr->owner, (size_t)len) != 0) {
		end_run(b);
		b->owner_len = (unsigned)len;
		memcpy(b->owner, rr->owner, (size_t)len);
	}
	rec = arena_alloc(b->notes, sizeof(*rec) + rr->len);
	rec->ttl = rr->ttl;
	rec->order = ++b->order;
	rec->line = place != NULL ? place->line : 0;
	rec->column = place != NULL ? (uint16_t)place->column : 0;
	rec->file = place != NULL ? sets_file(&b->sets, place->file) : 0;
	rec->type = rr->type;
	rec->len = rr->len;
	rec->removal = removal;
	memcpy(rec->rdata, rr->rdata, rr->len);
	sets_add_record(&b->sets, rec);
}

void
builder_add(struct builder *b, const struct rr *rr, const struct place *place)
{
	note(b, rr, place, false);
}

void
builder_remove(struct builder *b, const struct rr *rr)
{
	assert(b->base != NULL);
	note(b, rr, NULL, true);
}

/* --- from nothing --- */

/* The names on the way from the apex to the one placed last. */
struct path {
	struct node *step[DNAME_LABELS + 1];
	unsigned depth;
};

static int
node_key_cmp(const struct key *a, const struct key *b)
{
	return node_cmp(a->item, b->item);
}

/* Under the last of the path, which is its parent. */
static void
descend(struct builder *b, struct path *path, struct node *node, uint64_t prefix)
{
	struct node *parent = path->depth > 0 ? path->step[path->depth - 1] : NULL;
	const uint8_t *label = node_name(node);

	if (parent != NULL) {
		if (parent->flags & (NODE_CUT | NODE_DNAME | NODE_OCCLUDED))
			node->flags |= NODE_OCCLUDED;
		if (label[0] == 1 && label[1] == '*')
			parent->flags |= NODE_WILD;
	}
	path->step[path->depth++] = node;
	index_append(b->sets.zone->names, node, prefix);
}

/* A name that owns nothing but has names below it exists too (RFC 4592 2.2.2). */
static void
add_empty(struct builder *b, struct path *path, struct rel rel)
{
	sets_clear(&b->sets);
	descend(b, path, sets_node(&b->sets, rel, index_hash(rel), 0), rel_prefix(rel));
}

static void
place_node(struct builder *b, struct path *path, struct node *node, uint64_t prefix)
{
	struct rel rel = rel_of(node);
	uint8_t offset[DNAME_LABELS];
	unsigned n = 0, above;

	while (path->depth > 0 && !rel_below(rel, rel_of(path->step[path->depth - 1])))
		path->depth--;
	if (path->depth == 0 && rel.len > 0)	/* nothing at the apex; check_apex() says so */
		add_empty(b, path, (struct rel){ rel.label, 0 });
	if (rel.len > 0) {
		above = path->step[path->depth - 1]->name_len;
		for (unsigned i = 0; i < rel.len - above; i += rel.label[i] + 1u)
			offset[n++] = (uint8_t)i;
		while (n-- > 1)
			add_empty(b, path, (struct rel){ rel.label + offset[n], rel.len - offset[n] });
	}
	descend(b, path, node, prefix);
}

static int
as_they_came(const struct key *a, const struct key *b)
{
	(void)a;
	(void)b;
	return 0;
}

/* One node of several of one name; sets of one type are taken apart and made as one. */
static struct node *
merge_nodes(struct builder *b, const struct key *key, size_t count)
{
	struct rel rel = rel_of(key[0].item);
	struct key *set;
	size_t sets = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		sets += ((const struct node *)key[i].item)->count;
	set = xmalloc(sets * sizeof(*set));
	for (size_t i = 0; i < count; i++) {
		const struct node *node = key[i].item;

		for (unsigned k = 0; k < node->count; k++) {
			set[n] = key[i];
			set[n].item = (void *)(uintptr_t)node->set[k];
			set[n++].order = set_order(node->set[k]->type, node->set[k]->covers);
		}
	}
	sort_keys(set, sets, as_they_came);
	sets_clear(&b->sets);
	for (size_t i = 0, end; i < sets; i = end) {
		for (end = i + 1; end < sets && set[end].order == set[i].order;)
			end++;
		if (end - i == 1)
			sets_add(&b->sets, set[i].item);
		for (size_t k = i; end - i > 1 && k < end; k++)
			sets_add_apart(&b->sets, rel, set[k].item, &set[k], (uint32_t)k + 1, b->notes);
	}
	free(set);
	b->sets.again = true;
	sets_make(&b->sets, rel);
	b->sets.again = false;
	sets_check(&b->sets, rel, &key[count - 1]);
	arena_reset(b->notes);
	return sets_node(&b->sets, rel, ((const struct node *)key[0].item)->hash, sets_flags(&b->sets, rel));
}

/* Nodes lie in the order of the file; each is fetched this many before it is needed. */
#define AHEAD 16

static void
build(struct builder *b)
{
	struct zone *zone = b->sets.zone;
	struct path path = { .depth = 0 };

	sets_settle(&b->sets);
	sort_keys(b->run, b->runs, node_key_cmp);
	zone->names = index_new(b->runs);
	zone->hashed = index_new(0);
	for (size_t i = 0, end; i < b->runs; i = end) {
		struct node *node = b->run[i].item;
		uint64_t prefix = b->run[i].order;

		if (i + AHEAD < b->runs)
			__builtin_prefetch(b->run[i + AHEAD].item, 1);
		if (i + AHEAD / 2 < b->runs)
			index_prefetch(zone->names, b->run[i + AHEAD / 2].item);
		for (end = i + 1; end < b->runs && b->run[end].order == prefix &&
		    node_cmp(b->run[end].item, node) == 0;)
			end++;
		if (end - i > 1)
			node = merge_nodes(b, b->run + i, end - i);
		if (node->flags & NODE_HASHED)
			index_append(zone->hashed, node, prefix);
		else
			place_node(b, &path, node, prefix);
	}
}

/* --- from a version --- */

static int
run_key_cmp(const struct key *a, const struct key *b)
{
	const struct run *x = a->item, *y = b->item;

	return rel_cmp((struct rel){ x->name, x->name_len }, (struct rel){ y->name, y->name_len });
}

static void
derive(struct builder *b)
{
	struct rec **rec = NULL;
	size_t room = 0;

	sort_keys(b->run, b->runs, run_key_cmp);
	derive_start(&b->sets, b->base);
	for (size_t i = 0, end; i < b->runs; i = end) {
		const struct run *first = b->run[i].item;
		size_t count = 0;

		for (end = i; end < b->runs && b->run[end].order == b->run[i].order &&
		    run_key_cmp(&b->run[i], &b->run[end]) == 0; end++) {
			const struct run *run = b->run[end].item;

			if (count + run->count > room) {
				room = (count + run->count) * 2;
				rec = xrealloc(rec, room * sizeof(*rec));
			}
			memcpy(rec + count, run->rec, run->count * sizeof(*rec));
			count += run->count;
		}
		derive_name(&b->sets, (struct rel){ first->name, first->name_len }, rec, count, b->notes);
	}
	free(rec);
}

/* --- both --- */

static void
check_apex(struct builder *b)
{
	const struct node *apex = index_at(b->sets.zone->names, (struct index_pos){ 0, 0 });
	char zone[DNAME_TEXT_MAX];

	name_print_plain(zone, b->sets.zone->origin);
	if (apex == NULL || node_set(apex, T_SOA) == NULL) {
		b->sets.errors++;
		report_zone(b->sets.sink, ERROR, zone, "no SOA record at the apex");
	}
	if (apex == NULL || node_set(apex, T_NS) == NULL) {
		b->sets.errors++;
		report_zone(b->sets.sink, ERROR, zone, "no NS record at the apex");
	}
}

struct zone *
builder_finish(struct builder *b)
{
	struct zone *zone = NULL;

	end_run(b);
	if (b->base != NULL)
		derive(b);
	else
		build(b);
	check_apex(b);
	if (b->sets.errors == 0) {
		zone_finish(b->sets.zone);
		if (b->base != NULL)
			derive_finish(&b->sets);
		zone = b->sets.zone;
		b->sets.zone = NULL;
	}
	builder_free(b);
	return zone;
}
