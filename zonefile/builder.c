#include "zonefile/builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/derive.h"
#include "zonefile/name.h"
#include "zonefile/runs.h"
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

/* Registries write a delegation, its glue, then its DS: owners come back soon, and their records are joined at once. */
#define RECENT 4

struct builder {
	struct sets sets;
	struct zone *base;		/* of a derived one */
	struct arena *notes;		/* records of the run at hand; of a derived one, of all */
	struct runs runs;		/* of struct node, or of a derived one struct run */
	struct recent {
		struct node *node;
		struct run_entry *entry;
	} recent[RECENT];
	unsigned next_recent;
	uint32_t order;
	unsigned owner_len;		/* of the run at hand, relative to the origin */
	uint8_t owner[DNAME_MAX];
};

static struct rel
name_of_node(const void *node)
{
	return rel_of(node);
}

static int
node_key_cmp(const struct key *a, const struct key *b)
{
	return node_cmp(a->item, b->item);
}

static struct rel
name_of_run(const void *item)
{
	const struct run *run = item;

	return (struct rel){ run->name, run->name_len };
}

static int
run_key_cmp(const struct key *a, const struct key *b)
{
	return rel_cmp(name_of_run(a->item), name_of_run(b->item));
}

struct builder *
builder_new(const uint8_t *origin, struct sink *sink)
{
	struct builder *b = xcalloc(1, sizeof(*b));

	sets_init(&b->sets, zone_new(origin), sink);
	b->sets.zone->store = store_new(NULL);
	sets_wait(&b->sets);
	b->notes = arena_new(4096);
	runs_init(&b->runs, name_of_node, node_key_cmp);
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
	runs_init(&b->runs, name_of_run, run_key_cmp);
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
	runs_free(&b->runs);
	free(b);
}

/* --- runs --- */

static struct rel
owner_rel(const struct builder *b)
{
	return (struct rel){ b->owner, b->owner_len };
}

/* How a node is marked until it has its place. */
#define NODE_ODD 0x40
#define NODE_WRONG 0x20		/* as it was joined: told once, when all has come */

static struct node *
make_node(struct builder *b, struct rel owner, uint32_t hash)
{
	uint8_t odd = b->sets.odd || odd_name(owner) ? NODE_ODD : 0;

	return sets_node(&b->sets, owner, hash, sets_flags(&b->sets, owner) | odd);
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

static struct recent *
recent_of(struct builder *b, struct rel owner, uint32_t hash)
{
	for (unsigned i = 0; i < RECENT; i++) {
		struct recent *recent = &b->recent[i];

		if (recent->node != NULL && recent->node->hash == hash && rel_cmp(rel_of(recent->node), owner) == 0)
			return recent;
	}
	return NULL;
}

/* To a node that came before, which is another one then. */
static void
join_run(struct builder *b, struct recent *recent, const struct key *place)
{
	struct node *old = recent->node;

	for (size_t i = 0; i < b->sets.recs; i++)
		if (i == 0 || b->sets.rec[i].order != b->sets.rec[i - 1].order)
			runs_join(&b->runs, recent->entry, (uint32_t)b->sets.rec[i].order, place);
	b->sets.odd |= (old->flags & NODE_ODD) != 0;
	recent->node = make_node(b, rel_of(old), old->hash);
	if (sets_wrong(&b->sets, rel_of(old)))
		recent->node->flags |= NODE_WRONG;
	runs_replace(recent->entry, recent->node);
	sets_spare(&b->sets, old);
}

static void
make_run(struct builder *b, struct rel owner, const struct key *place)
{
	uint8_t buf[DNAME_MAX];
	struct rel lower = rel_lower(buf, owner);
	uint32_t hash = index_hash(lower);
	unsigned lists = b->runs.lists;
	struct recent *recent;
	struct node *node;

	sets_make(&b->sets, owner, lower);
	sets_check(&b->sets, owner, place);
	if ((recent = recent_of(b, owner, hash)) != NULL && sets_join(&b->sets, recent->node)) {
		join_run(b, recent, place);
		return;
	}
	node = make_node(b, owner, hash);
	if (recent == NULL)
		recent = &b->recent[b->next_recent++ % RECENT];
	/* What comes now must not be joined to an older node of this name: sets of one type stay in the order they came. */
	*recent = (struct recent){ node, runs_add(&b->runs, node, place) };
	if (b->runs.lists != lists)
		memset(b->recent, 0, sizeof(b->recent));
}

static void
end_run(struct builder *b)
{
	const struct rec *first;
	struct key place;

	if (b->sets.recs == 0)
		return;
	first = b->sets.rec[0].item;
	place = (struct key){ .line = first->line, .column = first->column, .file = first->file };
	if (b->base == NULL) {
		make_run(b, owner_rel(b), &place);
		arena_reset(b->notes);
	} else
		runs_add(&b->runs, keep_run(b), &place);
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

static void __attribute__((noinline, cold))
refuse_here(struct builder *b, const struct rr *rr, const struct place *place, const char *what)
{
	char name[DNAME_TEXT_MAX], zone[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];
	const char *word = rrtype_print(type, rr->type);

	name_print(name, rr->owner);
	name_print_plain(zone, b->sets.zone->origin);
	b->sets.errors++;
	if (place != NULL)
		report_at(b->sets.sink, ERROR, place, "%s is %s, which has no %s record", name, what, word);
	else
		report_zone(b->sets.sink, ERROR, zone, "%s is %s, which has no %s record", name, what, word);
}

/* Where the type may not be, or NULL.  A delegation of a wildcard means nothing (RFC 4592 4.2), and "*" is no hash (RFC
 * 5155 3).  DS is the parent's (RFC 4035 2.4), which is not for slaves to say: other masters than BIND take it. */
static const char *
misplaced(const struct rr *rr, int len, const struct checks *checks)
{
	if ((rr->type == T_NS || rr->type == T_NSEC3) && rr->owner[0] == 1 && rr->owner[1] == '*')
		return "a wildcard";
	return rr->type == T_DS && len == 0 && checks != NULL && checks->severity[CHECK_INTEGRITY] != NOTE ?
	    "the apex of the zone" : NULL;
}

static void
note(struct builder *b, const struct rr *rr, const struct place *place, bool removal)
{
	int len = below_origin(b->sets.zone, rr->owner);
	const char *what;
	struct rec *rec;

	if (len < 0) {
		refuse_owner(b, rr->owner, place);
		return;
	}
	if (!removal && (what = misplaced(rr, len, b->sets.checks)) != NULL) {
		refuse_here(b, rr, place, what);
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

static void
note_odd(struct zone *zone, struct node *node)
{
	node->flags &= (uint8_t)~NODE_ODD;
	if (zone->odd != NULL)
		odd_add(zone->odd, index_count(zone->names));
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
	if (node->flags & NODE_ODD)
		note_odd(b->sets.zone, node);
	path->step[path->depth++] = node;
	index_append(b->sets.zone->names, node, prefix);
}

/* A name that owns nothing but has names below it exists too (RFC 4592 2.2.2). */
static void
add_empty(struct builder *b, struct path *path, struct rel rel)
{
	uint8_t lower[DNAME_MAX];

	sets_clear(&b->sets);
	descend(b, path, sets_node(&b->sets, rel, index_hash(rel_lower(lower, rel)), 0), rel_prefix(rel));
}

static void
place_node(struct builder *b, struct path *path, struct node *node, uint64_t prefix)
{
	struct rel rel = rel_of(node);
	uint8_t offset[DNAME_LABELS];
	unsigned n = 0, above;

	if (path->depth > 1 && rel.len > 0 && rel.len == rel.label[0] + 1u)	/* most are right below the apex */
		path->depth = 1;
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

static void
place_hashed(struct zone *zone, struct node *node, uint64_t prefix)
{
	if (node->flags & NODE_ODD) {	/* too rare to be noted one by one */
		node->flags &= (uint8_t)~NODE_ODD;
		odd_free(zone->odd);
		zone->odd = NULL;
	}
	index_append(zone->hashed, node, prefix);
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
	uint8_t lower[DNAME_MAX];
	struct key *set, last = runs_place(&b->runs, &key[count - 1], 0);
	size_t sets = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		sets += ((const struct node *)key[i].item)->count;
	set = xmalloc(sets * sizeof(*set));
	for (size_t i = 0; i < count; i++) {
		const struct node *node = key[i].item;

		for (unsigned k = 0; k < node->count; k++) {
			uint32_t order = set_order(node->set[k]->type, node->set[k]->covers);

			set[n] = runs_place(&b->runs, &key[i], order);
			set[n].item = (void *)(uintptr_t)node->set[k];
			set[n++].order = order;
		}
	}
	sort_keys(set, sets, as_they_came);
	sets_clear(&b->sets);
	b->sets.odd = true;
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
	sets_make(&b->sets, rel, rel_lower(lower, rel));
	b->sets.again = false;
	sets_check(&b->sets, rel, &last);
	arena_reset(b->notes);
	return make_node(b, rel, ((const struct node *)key[0].item)->hash);
}

/* One that was joined. */
static void
tell_wrong(struct builder *b, const struct key *key)
{
	const struct node *node = key->item;
	struct key last = runs_place(&b->runs, key, 0);

	sets_clear(&b->sets);
	for (unsigned i = 0; i < node->count; i++)
		sets_add(&b->sets, node->set[i]);
	sets_check(&b->sets, rel_of(node), &last);
}

/* Nodes lie in the order of the file; each is fetched this many before it is needed. */
#define AHEAD 16

static void
fetch_node(const void *node)
{
	__builtin_prefetch(node, 1);
	__builtin_prefetch((const uint8_t *)node + 32);		/* of most, where the name ends */
}

static bool
same_name(const struct node *a, const struct node *b)
{
	return a->hash == b->hash && node_cmp(a, b) == 0;
}

static void
place_list(struct builder *b, struct path *path, const struct key *run, size_t count)
{
	struct zone *zone = b->sets.zone;

	for (size_t i = 0, end; i < count; i = end) {
		struct node *node = run[i].item;
		uint64_t prefix = run[i].order;

		if (i + AHEAD < count)
			fetch_node(run[i + AHEAD].item);
		if (i + AHEAD / 2 < count)
			index_prefetch(zone->names, run[i + AHEAD / 2].item);
		for (end = i + 1; end < count && run[end].order == prefix && same_name(run[end].item, node);)
			end++;
		if (end - i > 1)
			node = merge_nodes(b, run + i, end - i);
		else if (node->flags & NODE_WRONG)
			tell_wrong(b, &run[i]);
		if (node->flags & NODE_HASHED)
			place_hashed(zone, node, prefix);
		else
			place_node(b, path, node, prefix);
	}
}

static void
build(struct builder *b)
{
	struct key *run = runs_room(&b->runs);
	struct path path = { .depth = 0 };

	sets_settle(&b->sets);
	b->sets.zone->names = index_new(b->runs.count);
	b->sets.zone->hashed = index_new(0);
	b->sets.zone->odd = b->sets.checks != NULL ? odd_new() : NULL;
	for (unsigned i = 0; i < b->runs.lists; i++)
		place_list(b, &path, run, runs_sort(&b->runs, i, run));
	free(run);
}

/* --- from a version --- */

static void
derive_list(struct builder *b, const struct key *key, size_t runs)
{
	struct rec **rec = NULL;
	size_t room = 0;

	for (size_t i = 0, end; i < runs; i = end) {
		const struct run *first = key[i].item;
		size_t count = 0;

		for (end = i; end < runs && key[end].order == key[i].order &&
		    run_key_cmp(&key[i], &key[end]) == 0; end++) {
			const struct run *run = key[end].item;

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

static void
derive(struct builder *b)
{
	struct key *key = runs_room(&b->runs);

	derive_start(&b->sets, b->base);
	for (unsigned i = 0; i < b->runs.lists; i++)
		derive_list(b, key, runs_sort(&b->runs, i, key));
	free(key);
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
