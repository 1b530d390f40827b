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

/* Runs in the order they came, in parts that never move. */
struct list {
	struct part {
		struct part *next;
		unsigned count, room;
		struct came {
			void *item;	/* struct node or, of a derived one, struct run */
			uint32_t line;	/* of its first record */
			uint16_t column, file;
		} came[];
	} *first, *last;
	size_t count;
};

/* Most parts are as large as what the index is made of, which takes their place in memory. */
#define PART_MIN 8
#define PART_MAX 192

/* Many runs are kept in lists by the first two octets of their names: each is sorted in the cache, in little memory, and its
 * own is free before the next is looked at. */
#define LISTS (1u << 16)
#define LISTS_FROM ((size_t)1 << 16)

struct builder {
	struct sets sets;
	struct zone *base;		/* of a derived one */
	struct arena *notes;		/* records of the run at hand; of a derived one, of all */
	struct list *list;
	unsigned lists;			/* 1 or LISTS */
	size_t runs;			/* in all lists */
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
	b->list = xcalloc(b->lists = 1, sizeof(b->list[0]));
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
	b->list = xcalloc(b->lists = 1, sizeof(b->list[0]));
	return b;
}

void
builder_checks(struct builder *b, const struct checks *checks, struct sink *sink)
{
	b->sets.checks = checks;
	b->sets.said = sink;
}

static void
list_free(struct list *list)
{
	for (struct part *part = list->first, *next; part != NULL; part = next) {
		next = part->next;
		free(part);
	}
	list->first = list->last = NULL;
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
	for (unsigned i = 0; i < b->lists; i++)
		list_free(&b->list[i]);
	free(b->list);
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

static struct part *
list_grow(struct list *list)
{
	unsigned room = list->last == NULL ? PART_MIN : list->last->room < PART_MAX / 4 ? list->last->room * 4 : PART_MAX;
	struct part *part = xmalloc(sizeof(*part) + room * sizeof(part->came[0]));

	part->next = NULL;
	part->count = 0;
	part->room = room;
	*(list->last != NULL ? &list->last->next : &list->first) = part;
	return list->last = part;
}

static void
list_add(struct list *list, struct came came)
{
	struct part *part = list->last;

	if (part == NULL || part->count == part->room)
		part = list_grow(list);
	part->came[part->count++] = came;
	list->count++;
}

/* By what counts most of rel_prefix(). */
static struct list *
list_of(const struct builder *b, struct rel name)
{
	return &b->list[b->lists > 1 ? rel_prefix(name) >> 48 : 0];
}

static void
split_list(struct builder *b)
{
	struct list whole = b->list[0];

	b->list = xrealloc(b->list, LISTS * sizeof(b->list[0]));
	memset(b->list, 0, LISTS * sizeof(b->list[0]));
	b->lists = LISTS;
	for (const struct part *part = whole.first; part != NULL; part = part->next)
		for (unsigned i = 0; i < part->count; i++)
			list_add(list_of(b, rel_of(part->came[i].item)), part->came[i]);
	list_free(&whole);
}

static void
end_run(struct builder *b)
{
	struct rel owner = owner_rel(b), lower;
	uint8_t buf[DNAME_MAX];
	const struct rec *first;
	struct came came;

	if (b->sets.recs == 0)
		return;
	if (b->runs++ == LISTS_FROM && b->base == NULL)
		split_list(b);
	first = b->sets.rec[0].item;
	came = (struct came){ .line = first->line, .column = first->column, .file = first->file };
	if (b->base != NULL) {
		came.item = keep_run(b);
	} else {
		lower = rel_lower(buf, owner);
		sets_make(&b->sets, owner, lower);
		sets_check(&b->sets, owner, &(struct key){ .line = came.line, .column = came.column, .file = came.file });
		came.item = sets_node(&b->sets, owner, index_hash(lower), sets_flags(&b->sets, owner));
		arena_reset(b->notes);
	}
	list_add(list_of(b, owner), came);
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
	sets_make(&b->sets, rel, rel_lower(lower, rel));
	b->sets.again = false;
	sets_check(&b->sets, rel, &key[count - 1]);
	arena_reset(b->notes);
	return sets_node(&b->sets, rel, ((const struct node *)key[0].item)->hash, sets_flags(&b->sets, rel));
}

/* Nodes lie in the order of the file; each is fetched this many before it is needed. */
#define AHEAD 16

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
			__builtin_prefetch(run[i + AHEAD].item, 1);
		if (i + AHEAD / 2 < count)
			index_prefetch(zone->names, run[i + AHEAD / 2].item);
		for (end = i + 1; end < count && run[end].order == prefix && same_name(run[end].item, node);)
			end++;
		if (end - i > 1)
			node = merge_nodes(b, run + i, end - i);
		if (node->flags & NODE_HASHED)
			index_append(zone->hashed, node, prefix);
		else
			place_node(b, path, node, prefix);
	}
}

/* The runs of a list, which is free then, in order; room is for twice as many. */
static void
sort_list(struct list *list, struct key *room, struct rel name_of(const void *), key_cmp *cmp)
{
	struct key *key = room;

	for (const struct part *part = list->first; part != NULL; part = part->next)
		for (unsigned i = 0; i < part->count; i++) {
			const struct came *came = &part->came[i];

			if (i + AHEAD < part->count)
				__builtin_prefetch(part->came[i + AHEAD].item);
			*key++ = (struct key){ rel_prefix(name_of(came->item)), came->item, came->line, came->column, came->file };
		}
	list_free(list);
	sort_keys_in(room + list->count, room, list->count, cmp);
}

/* For sort_list() of any of them. */
static struct key *
list_room(const struct builder *b)
{
	size_t most = 0;
	struct key *room;

	for (unsigned i = 0; i < b->lists; i++)
		most = b->list[i].count > most ? b->list[i].count : most;
	room = xmalloc(2 * most * sizeof(*room));
	xhint(room, 2 * most * sizeof(*room));
	return room;
}

static struct rel
name_of_node(const void *node)
{
	return rel_of(node);
}

static void
build(struct builder *b)
{
	struct key *run = list_room(b);
	struct path path = { .depth = 0 };

	sets_settle(&b->sets);
	b->sets.zone->names = index_new(b->runs);
	b->sets.zone->hashed = index_new(0);
	for (unsigned i = 0; i < b->lists; i++) {
		sort_list(&b->list[i], run, name_of_node, node_key_cmp);
		place_list(b, &path, run, b->list[i].count);
	}
	free(run);
}

/* --- from a version --- */

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

static void
derive(struct builder *b)
{
	struct key *key = list_room(b);
	struct rec **rec = NULL;
	size_t room = 0;

	sort_list(&b->list[0], key, name_of_run, run_key_cmp);
	derive_start(&b->sets, b->base);
	for (size_t i = 0, end; i < b->runs; i = end) {
		const struct run *first = key[i].item;
		size_t count = 0;

		for (end = i; end < b->runs && key[end].order == key[i].order &&
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
	free(key);
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
