#include "zonefile/builder.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"
#include "zonefile/rdata.h"
#include "zonefile/version.h"

/* Records are noted in the order they come, in runs of one owner.  At the end the runs are sorted: a name
 * is then looked at once, whether its records stood together or apart, and no record costs a search. */
struct rec {
	struct rec *next;
	uint32_t ttl, line, order;	/* order: of coming; 0: from the base */
	uint16_t type, len, column;
	uint16_t file : 15;		/* 1 + its place in builder.file; 0: none */
	uint16_t removal : 1;
	uint8_t rdata[];
};

struct run {
	struct rec *first, *last;
	uint8_t name_len;		/* of the owner relative to the origin */
	uint8_t name[];
};

/* What is sorted: order decides, then what the items hold, then how they came. */
struct key {
	uint64_t order;
	void *item;
};

struct builder {
	struct sink *sink;
	unsigned errors;		/* of this builder */
	struct zone *zone;		/* being made */
	struct zone *base;		/* of a derived one */
	struct arena *notes;		/* runs and records */
	struct key *run;
	size_t runs, run_room;
	uint32_t order;
	const char **file;		/* of places */
	unsigned files;

	/* of builder_finish() */
	struct key *rec, *rec_spare;	/* records of one name */
	size_t recs, rec_room;
	struct rrset *scratch;		/* the set being made */
	size_t scratch_room;
	const struct rrset **set;	/* of one name */
	size_t sets, set_room;
	struct known {			/* sets made lately, by content */
		uint64_t digest;	/* other sets cost no look at this one */
		const struct rrset *set;
	} *known;
	size_t known_mask;
};

struct builder *
builder_new(const uint8_t *origin, struct sink *sink)
{
	struct builder *b = xcalloc(1, sizeof(*b));

	b->sink = sink;
	b->zone = zone_new(origin);
	b->notes = arena_new(4096);
	return b;
}

struct builder *
builder_derive(struct zone *base, struct sink *sink)
{
	struct builder *b = builder_new(base->origin, sink);

	b->base = zone_ref(base);
	return b;
}

void
builder_free(struct builder *b)
{
	if (b == NULL)
		return;
	zone_unref(b->zone);
	zone_unref(b->base);
	arena_free(b->notes);
	free(b->run);
	free(b->file);
	free(b->rec);
	free(b->rec_spare);
	free(b->scratch);
	free(b->set);
	free(b->known);
	free(b);
}

/* --- reports --- */

/* A sentence that begins with a name of the zone, at the record's place if it has one. */
__attribute__((format(printf, 5, 6))) static void
say(struct builder *b, enum severity severity, const struct rec *rec,
    struct rel rel, const char *fmt, ...)
{
	char text[512], name[DNAME_TEXT_MAX], zone[DNAME_TEXT_MAX];
	uint8_t wire[DNAME_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(wire, rel.label, rel.len);
	memcpy(wire + rel.len, b->zone->origin, b->zone->origin_len);
	name_print(name, wire);
	if (severity == ERROR)
		b->errors++;
	if (rec != NULL && rec->file != 0) {
		struct place place = { b->file[rec->file - 1], rec->line, rec->column, NULL, 0 };

		report_at(b->sink, severity, &place, "%s %s", name, text);
		return;
	}
	name_print_plain(zone, b->zone->origin);
	report_zone(b->sink, severity, zone, "%s %s", name, text);
}

static unsigned
file_number(struct builder *b, const char *file)
{
	for (unsigned i = b->files; i-- > 0;)
		if (b->file[i] == file)
			return i + 1;
	if (b->files == 0x7fff)
		return 0;
	b->file = xrealloc(b->file, (b->files + 1) * sizeof(b->file[0]));
	b->file[b->files] = file;
	return ++b->files;
}

/* --- taking notes --- */

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

static struct run *
run_new(struct builder *b, const uint8_t *owner, unsigned len)
{
	struct run *run = arena_alloc(b->notes, sizeof(*run) + len);

	run->first = run->last = NULL;
	run->name_len = (uint8_t)len;
	memcpy(run->name, owner, len);
	if (b->runs == b->run_room) {
		b->run_room = b->run_room * 2 + 8;
		b->run = xrealloc(b->run, b->run_room * sizeof(b->run[0]));
	}
	b->run[b->runs].order = rel_prefix((struct rel){ run->name, len });
	b->run[b->runs++].item = run;
	return run;
}

static struct run *
run_of(struct builder *b, const uint8_t *owner, const struct place *place)
{
	struct run *run = b->runs > 0 ? b->run[b->runs - 1].item : NULL;
	char name[DNAME_TEXT_MAX], zone[DNAME_TEXT_MAX];
	int len = below_origin(b->zone, owner);

	if (len < 0) {
		name_print(name, owner);
		name_print_plain(zone, b->zone->origin);
		b->errors++;
		if (place != NULL)
			report_at(b->sink, ERROR, place, "%s is not in the zone %s", name, zone);
		else
			report_zone(b->sink, ERROR, zone, "%s is not in the zone", name);
		return NULL;
	}
	if (run != NULL && run->name_len == len && memcmp(run->name, owner, (size_t)len) == 0)
		return run;
	return run_new(b, owner, (unsigned)len);
}

static void
note(struct builder *b, const struct rr *rr, const struct place *place, bool removal)
{
	struct run *run = run_of(b, rr->owner, place);
	struct rec *rec;

	if (run == NULL)
		return;
	rec = arena_alloc(b->notes, sizeof(*rec) + rr->len);
	rec->next = NULL;
	rec->ttl = rr->ttl;
	rec->type = rr->type;
	rec->len = rr->len;
	rec->order = ++b->order;
	rec->removal = removal;
	rec->file = (place != NULL ? file_number(b, place->file) : 0) & 0x7fff;
	rec->line = place != NULL ? place->line : 0;
	rec->column = place != NULL ? (uint16_t)place->column : 0;
	memcpy(rec->rdata, rr->rdata, rr->len);
	if (run->first == NULL)
		run->first = rec;
	else
		run->last->next = rec;
	run->last = rec;
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

/* --- sorting --- */

typedef int key_cmp(const struct key *, const struct key *);

/* Stable; room for count keys. */
static void
merge_sort(struct key *key, struct key *room, size_t count, key_cmp *cmp)
{
	size_t half = count / 2, i = 0, k = half, n = 0;

	if (count < 2)
		return;
	merge_sort(key, room, half, cmp);
	merge_sort(key + half, room, count - half, cmp);
	if (cmp(&key[half - 1], &key[half]) <= 0)
		return;
	while (i < half && k < count)
		room[n++] = cmp(&key[k], &key[i]) < 0 ? key[k++] : key[i++];
	while (i < half)
		room[n++] = key[i++];
	memcpy(key, room, n * sizeof(*key));
}

/* By order alone, least significant digit first; a digit that all have alike costs
 * one count.  Stable. */
static void
radix_sort(struct key *key, struct key *room, size_t count)
{
	enum { BITS = 11, DIGITS = 1 << BITS };
	struct key *from = key, *to = room;
	size_t start[DIGITS];

	for (unsigned shift = 0; shift < 64; shift += BITS) {
		size_t sum = 0;

		memset(start, 0, sizeof(start));
		for (size_t i = 0; i < count; i++)
			start[from[i].order >> shift & (DIGITS - 1)]++;
		if (start[from[0].order >> shift & (DIGITS - 1)] == count)
			continue;
		for (size_t d = 0; d < DIGITS; d++) {
			size_t n = start[d];

			start[d] = sum;
			sum += n;
		}
		for (size_t i = 0; i < count; i++)
			to[start[from[i].order >> shift & (DIGITS - 1)]++] = from[i];
		struct key *swap = from;
		from = to;
		to = swap;
	}
	if (from != key)
		memcpy(key, from, count * sizeof(*key));
}

static struct rel
run_rel(const struct key *key)
{
	const struct run *run = key->item;

	return (struct rel){ run->name, run->name_len };
}

static int
run_cmp(const struct key *a, const struct key *b)
{
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return rel_cmp(run_rel(a), run_rel(b));
}

/* Below this many runs, counting digits costs more than comparing. */
#define RADIX_MIN 2048

static void
sort_runs(struct builder *b)
{
	struct key *room;
	size_t i = 1;

	while (i < b->runs && run_cmp(&b->run[i - 1], &b->run[i]) <= 0)
		i++;
	if (i >= b->runs)	/* as signers and dumps write them */
		return;
	room = xmalloc(b->runs * sizeof(*room));
	if (b->runs < RADIX_MIN) {
		merge_sort(b->run, room, b->runs, run_cmp);
	} else {
		radix_sort(b->run, room, b->runs);
		for (size_t start = 0, end; start < b->runs; start = end) {
			for (end = start + 1; end < b->runs &&
			    b->run[end].order == b->run[start].order;)
				end++;
			merge_sort(b->run + start, room, end - start, run_cmp);
		}
	}
	free(room);
}

static uint16_t
covered(uint16_t type, const uint8_t *rdata, size_t len)
{
	return type == T_RRSIG && len >= 2 ? (uint16_t)(rdata[0] << 8 | rdata[1]) : 0;
}

/* Types in order, RRSIG right behind the type that it covers. */
static uint32_t
set_order(uint16_t type, uint16_t covers)
{
	return type == T_RRSIG ? (uint32_t)covers << 1 | 1 : (uint32_t)type << 1;
}

static int
rec_cmp(const struct key *a, const struct key *b)
{
	const struct rec *x = a->item, *y = b->item;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return rdata_cmp(x->type, x->rdata, x->len, y->rdata, y->len);
}

/* Equal ones in the order in which they came, those of the base first. */
static int
rec_sort_cmp(const struct key *a, const struct key *b)
{
	const struct rec *x = a->item, *y = b->item;
	int d = rec_cmp(a, b);

	return d != 0 ? d : (x->order > y->order) - (x->order < y->order);
}

static void
rec_push(struct builder *b, struct rec *rec)
{
	if (b->recs == b->rec_room) {
		b->rec_room = b->rec_room * 2 + 16;
		b->rec = xrealloc(b->rec, b->rec_room * sizeof(b->rec[0]));
		b->rec_spare = xrealloc(b->rec_spare, b->rec_room * sizeof(b->rec[0]));
	}
	b->rec[b->recs].order = set_order(rec->type, covered(rec->type, rec->rdata, rec->len));
	b->rec[b->recs++].item = rec;
}

/* --- sets --- */

static void
set_push(struct builder *b, const struct rrset *set)
{
	if (b->sets == b->set_room) {
		b->set_room = b->set_room * 2 + 16;
		b->set = xrealloc(b->set, b->set_room * sizeof(b->set[0]));
	}
	b->set[b->sets++] = set;
}

/* One place for a set that many names own: NS sets of a registry's zone above all. */
static const struct rrset *
set_keep(struct builder *b, const struct rrset *set, struct zone_digest digest)
{
	struct known *known = &b->known[digest.word[0] & b->known_mask];
	size_t size = offsetof(struct rrset, rdata) + set->size;

	if (known->set == NULL || known->digest != digest.word[1] ||
	    known->set->size != set->size || memcmp(known->set, set, size) != 0) {
		struct rrset *copy = arena_alloc(b->zone->store->arena, size);

		memcpy(copy, set, size);
		known->digest = digest.word[1];
		known->set = copy;
	}
	return known->set;
}

static bool
opts_out(const struct rrset *set)
{
	return set->size >= 4 && (set->rdata[3] & 1) != 0;	/* RFC 5155 3.1.2.1 */
}

/* Enter a set in the zone's sums, or with sign -1 take it out. */
static void
account(struct zone *zone, const struct rrset *set, struct zone_digest digest,
    uint64_t owner, int sign)
{
	uint64_t by = (uint64_t)(int64_t)sign;

	digest = owner_digest(digest, owner);
	zone->digest.word[0] += by * digest.word[0];
	zone->digest.word[1] += by * digest.word[1];
	zone->records += by * set->count;
	if (set->type == T_NSEC)
		zone->nsec += by;
	if (set->type == T_NSEC3) {
		zone->nsec3 += by;
		zone->opt_out += by * opts_out(set);
	}
}

static void
scratch_add(struct builder *b, const struct rec *rec)
{
	struct rrset *set = b->scratch;
	size_t need = sizeof(*set) + (set != NULL ? set->size : 0) + 2u + rec->len;
	uint8_t *p;

	if (need > b->scratch_room) {
		b->scratch_room = need * 2;
		b->scratch = set = xrealloc(set, b->scratch_room);
	}
	p = set->rdata + set->size;
	p[0] = (uint8_t)(rec->len >> 8);
	p[1] = (uint8_t)rec->len;
	memcpy(p + 2, rec->rdata, rec->len);
	set->size += 2u + rec->len;
	set->count++;
}

/* Of records that are equal, the one that is there after all removals and
 * additions; NULL: none. */
static const struct rec *
survivor(struct builder *b, struct rel rel, const struct key *key, size_t count)
{
	const struct rec *there = NULL;
	char type[RRTYPE_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct rec *rec = key[i].item;

		if (rec->removal && there == NULL)
			say(b, ERROR, rec, rel, "%s: the record to be removed is not there",
			    rrtype_print(type, rec->type));
		else if (rec->removal)
			there = NULL;
		else if (there != NULL)
			say(b, WARNING, rec, rel, "%s: the same record is there twice, one is dropped",
			    rrtype_print(type, rec->type));
		else
			there = rec;
	}
	return there;
}

/* The RRset has one TTL, that of the record that came first (RFC 2181 5.2). */
static void
one_ttl(struct builder *b, struct rel rel, const struct key *key, size_t count, const struct rec *first)
{
	char type[RRTYPE_TEXT_MAX];

	b->scratch->ttl = first->ttl;
	for (size_t i = 0; i < count; i++) {
		const struct rec *rec = key[i].item;

		if (rec->ttl == first->ttl || rec->removal || rec->order == 0)
			continue;
		say(b, WARNING, rec, rel, "%s: TTL %u differs from the first of its set, %u, which is used",
		    rrtype_print(type, rec->type), rec->ttl, first->ttl);
		return;
	}
}

/* Make one set of count sorted records, enter it in b->set unless none is left. */
static void
make_set(struct builder *b, struct rel rel, uint64_t owner, const struct key *key, size_t count)
{
	const struct rec *head = key[0].item, *first = NULL;
	struct zone_digest digest;
	size_t left = 0;

	if (b->scratch == NULL) {
		b->scratch_room = 4096;
		b->scratch = xmalloc(b->scratch_room);
	}
	/* Sets are compared and kept as octets: no padding may differ. */
	memset(b->scratch, 0, sizeof(*b->scratch));
	b->scratch->type = head->type;
	b->scratch->covers = covered(head->type, head->rdata, head->len);
	for (size_t i = 0, end; i < count; i = end) {
		const struct rec *rec;

		for (end = i + 1; end < count && rec_cmp(&key[i], &key[end]) == 0;)
			end++;
		if ((rec = survivor(b, rel, key + i, end - i)) == NULL)
			continue;
		if (++left <= UINT16_MAX)
			scratch_add(b, rec);
		if (first == NULL || rec->order < first->order)
			first = rec;
	}
	if (left == 0)
		return;
	if (left > UINT16_MAX)
		say(b, ERROR, first, rel, "%zu records in one set, at most %d can be kept", left, UINT16_MAX);
	one_ttl(b, rel, key, count, first);
	digest = set_digest(b->scratch);
	account(b->zone, b->scratch, digest, owner, 1);
	set_push(b, set_keep(b, b->scratch, digest));
}

/* --- one name --- */

/* What may stand beside a CNAME (RFC 2181 10.1, RFC 4034 2.5). */
static bool
beside_cname(const struct rrset *set)
{
	return set->type == T_CNAME || set->type == T_RRSIG || set->type == T_NSEC ||
	    set->type == T_KEY || set->type == T_SIG;
}

/* The place of a record of this type among those of the name; NULL: it has none. */
static const struct rec *
rec_of(const struct builder *b, uint16_t type)
{
	for (size_t i = 0; i < b->recs; i++) {
		const struct rec *rec = b->rec[i].item;

		if (rec->type == type && !rec->removal && rec->order != 0)
			return rec;
	}
	return NULL;
}

static void
check_name(struct builder *b, struct rel rel)
{
	const struct rrset *cname = NULL, *other = NULL;
	char type[RRTYPE_TEXT_MAX];

	for (size_t i = 0; i < b->sets; i++) {
		const struct rrset *set = b->set[i];
		const struct rrtype *known = rrtype_by_code(set->type);

		if (set->type == T_CNAME)
			cname = set;
		else if (other == NULL && !beside_cname(set))
			other = set;
		if (known != NULL && known->single && set->count > 1)
			say(b, ERROR, rec_of(b, set->type), rel, "has %u %s records, one is allowed",
			    set->count, known->name);
		if (set->type == T_SOA && rel.len > 0)
			say(b, ERROR, rec_of(b, T_SOA), rel, "has a SOA record, which only the apex of a zone may have");
	}
	if (cname != NULL && other != NULL)
		say(b, ERROR, rec_of(b, T_CNAME), rel, "has a CNAME record and %s, which excludes all other data",
		    rrtype_print(type, other->type));
}

static uint8_t
own_flags(const struct builder *b, struct rel rel)
{
	uint8_t flags = 0;

	for (size_t i = 0; i < b->sets; i++) {
		if (b->set[i]->type == T_NS && rel.len > 0)
			flags |= NODE_CUT;
		if (b->set[i]->type == T_DNAME)
			flags |= NODE_DNAME;
	}
	return flags;
}

static struct node *
make_node(struct builder *b, struct rel rel, uint32_t hash, uint8_t flags)
{
	struct node *node = arena_alloc(b->zone->store->arena,
	    sizeof(*node) + b->sets * sizeof(node->set[0]) + rel.len);

	node->hash = hash;
	node->count = (uint16_t)b->sets;
	node->flags = flags;
	node->name_len = (uint8_t)rel.len;
	memcpy(node->set, b->set, b->sets * sizeof(node->set[0]));
	memcpy(&node->set[b->sets], rel.label, rel.len);
	return node;
}

#define AHEAD 12

/* Enter the records of all runs of one name into b->rec, in order.  Returns the
 * number of runs. */
static size_t
gather(struct builder *b, size_t from)
{
	size_t i = from;

	b->recs = 0;
	do {
		const struct run *run = b->run[i].item;

		/* Sorted runs lie anywhere; their records follow them. */
		if (i + AHEAD < b->runs) {
			const char *next = b->run[i + AHEAD].item;

			__builtin_prefetch(next);
			__builtin_prefetch(next + 64);
			__builtin_prefetch(next + 128);
		}
		for (struct rec *rec = run->first; rec != NULL; rec = rec->next)
			rec_push(b, rec);
		i++;
	} while (i < b->runs && run_cmp(&b->run[from], &b->run[i]) == 0);
	return i - from;
}

static void
make_sets(struct builder *b, struct rel rel)
{
	uint64_t owner = owner_hash(b->zone, rel);

	merge_sort(b->rec, b->rec_spare, b->recs, rec_sort_cmp);
	for (size_t i = 0, end; i < b->recs; i = end) {
		for (end = i + 1; end < b->recs && b->rec[end].order == b->rec[i].order;)
			end++;
		make_set(b, rel, owner, b->rec + i, end - i);
	}
}

static void
known_new(struct builder *b, size_t names)
{
	size_t size = 16;

	while (size < names && size < 1 << 16)
		size *= 2;
	b->known = xcalloc(size, sizeof(b->known[0]));
	b->known_mask = size - 1;
}

/* --- from nothing --- */

struct nodes {
	const struct node **node;
	size_t count, room;
};

static void
nodes_push(struct nodes *nodes, const struct node *node)
{
	if (nodes->count == nodes->room) {
		nodes->room = nodes->room * 2 + 16;
		nodes->node = xrealloc(nodes->node, nodes->room * sizeof(nodes->node[0]));
	}
	nodes->node[nodes->count++] = node;
}

/* The names on the way from the apex to the one made last. */
struct path {
	struct { struct node *node; uint64_t hash; } step[DNAME_LABELS + 1];
	unsigned depth;
};

/* Is the name below the node?  Both come in canonical order, the node first. */
static bool
is_below(struct rel rel, const struct node *node)
{
	unsigned i = 0;

	if (rel.len <= node->name_len)
		return false;
	while (i < rel.len - node->name_len)
		i += rel.label[i] + 1u;
	return i == rel.len - node->name_len &&
	    rel_cmp((struct rel){ rel.label + i, node->name_len }, rel_of(node)) == 0;
}

/* One more name under the last of the path: of the next label of rel, with b->set. */
static void
descend(struct builder *b, struct path *path, struct rel rel, struct nodes *nodes)
{
	struct node *parent = path->depth > 0 ? path->step[path->depth - 1].node : NULL;
	uint64_t hash = index_hash_root();
	uint8_t flags = own_flags(b, rel), lower[DLABEL_MAX + 1];
	struct node *node;

	if (parent != NULL) {
		lower[0] = rel.label[0];
		for (unsigned i = 1; i <= rel.label[0]; i++)
			lower[i] = name_tolower[rel.label[i]];
		hash = index_hash_label(path->step[path->depth - 1].hash, lower);
		if (parent->flags & (NODE_CUT | NODE_DNAME | NODE_OCCLUDED))
			flags |= NODE_OCCLUDED;
		if (rel.label[0] == 1 && rel.label[1] == '*')
			parent->flags |= NODE_WILD;
	}
	node = make_node(b, rel, (uint32_t)(hash >> 32), flags);
	path->step[path->depth].node = node;
	path->step[path->depth++].hash = hash;
	nodes_push(nodes, node);
}

/* Names that own nothing but have names below them exist too (RFC 4592 2.2.2). */
static void
add_between(struct builder *b, struct path *path, struct rel rel, struct nodes *nodes)
{
	unsigned above = path->step[path->depth - 1].node->name_len;
	uint8_t offset[DNAME_LABELS];
	unsigned n = 0;

	for (unsigned i = 0; i < rel.len - above; i += rel.label[i] + 1u)
		offset[n++] = (uint8_t)i;
	b->sets = 0;
	while (n-- > 1)
		descend(b, path, (struct rel){ rel.label + offset[n], rel.len - offset[n] }, nodes);
}

/* Owners of NSEC3 and of nothing else are no names of the zone (RFC 5155 7.2.8). */
static bool
hashed_only(const struct builder *b, struct rel rel)
{
	bool nsec3 = false;

	if (rel.len == 0 || rel.len != rel.label[0] + 1u)
		return false;
	for (size_t i = 0; i < b->sets; i++) {
		if (b->set[i]->type == T_NSEC3)
			nsec3 = true;
		else if (b->set[i]->covers != T_NSEC3)
			return false;
	}
	return nsec3;
}

static void
place_name(struct builder *b, struct path *path, struct rel rel, struct nodes *names)
{
	size_t sets = b->sets;

	while (path->depth > 0 && !is_below(rel, path->step[path->depth - 1].node))
		path->depth--;
	if (path->depth == 0 && rel.len > 0) {	/* no record at the apex; check_apex() says so */
		b->sets = 0;
		descend(b, path, (struct rel){ rel.label, 0 }, names);
	}
	if (rel.len > 0)
		add_between(b, path, rel, names);
	b->sets = sets;
	descend(b, path, rel, names);
}

static void
build(struct builder *b)
{
	struct nodes names = { NULL, 0, 0 }, hashed = { NULL, 0, 0 };
	struct path path = { .depth = 0 };

	known_new(b, b->runs);
	for (size_t i = 0, n; i < b->runs; i += n) {
		struct rel rel = run_rel(&b->run[i]);

		n = gather(b, i);
		b->sets = 0;
		make_sets(b, rel);
		check_name(b, rel);
		if (hashed_only(b, rel))
			nodes_push(&hashed, make_node(b, rel, index_hash(rel), 0));
		else
			place_name(b, &path, rel, &names);
	}
	b->zone->names = index_new(names.node, names.count);
	b->zone->hashed = index_new(hashed.node, hashed.count);
	free(names.node);
	free(hashed.node);
}

/* --- from a version and its changes --- */

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
occluded(const struct builder *b, struct rel rel)
{
	while (rel.len > 0) {
		const struct node *above;

		rel = parent_of(rel);
		above = index_get(b->zone->names, rel);
		if (above != NULL && above->flags & (NODE_CUT | NODE_DNAME))
			return true;
	}
	return false;
}

/* The same node with other flags. */
static void
put_flags(struct builder *b, const struct node *node, uint8_t flags)
{
	size_t size = sizeof(*node) + node->count * sizeof(node->set[0]) + node->name_len;
	struct node *copy;

	if (node->flags == flags)
		return;
	copy = arena_alloc(b->zone->store->arena, size);
	memcpy(copy, node, size);
	copy->flags = flags;
	index_put(b->zone->names, copy);
}

/* A cut or a DNAME came or went at the name. */
static void
fix_below(struct builder *b, struct rel rel)
{
	const struct node *top = index_get(b->zone->names, rel), *node;
	struct index_pos pos = index_seek(b->zone->names, rel);

	for (;;) {
		pos = index_next(b->zone->names, pos);
		if ((node = index_at(b->zone->names, pos)) == NULL || !is_below(rel_of(node), top))
			return;
		put_flags(b, node, (uint8_t)((node->flags & ~NODE_OCCLUDED) |
		    (occluded(b, rel_of(node)) ? NODE_OCCLUDED : 0)));
	}
}

static bool
has_below(const struct builder *b, const struct node *node)
{
	struct index_pos pos = index_next(b->zone->names, index_seek(b->zone->names, rel_of(node)));
	const struct node *next = index_at(b->zone->names, pos);

	return next != NULL && is_below(rel_of(next), node);
}

static void
mark_parent(struct builder *b, struct rel rel, uint8_t wild)
{
	const struct node *parent;

	if (!is_star(rel))
		return;
	parent = index_get(b->zone->names, parent_of(rel));
	put_flags(b, parent, (uint8_t)((parent->flags & ~NODE_WILD) | wild));
}

/* The name owns b->set, or with none of them has names below it. */
static void
put_name(struct builder *b, struct rel rel, const struct node *old)
{
	uint8_t flags = own_flags(b, rel), was = old != NULL ? old->flags : 0;
	size_t sets = b->sets;

	if (old == NULL && rel.len > 0 && index_get(b->zone->names, parent_of(rel)) == NULL) {
		b->sets = 0;
		put_name(b, parent_of(rel), NULL);
		b->sets = sets;
	}
	if (occluded(b, rel))
		flags |= NODE_OCCLUDED;
	index_put(b->zone->names, make_node(b, rel, index_hash(rel), flags | (was & NODE_WILD)));
	if (old == NULL)
		mark_parent(b, rel, NODE_WILD);
	if ((flags ^ was) & (NODE_CUT | NODE_DNAME))
		fix_below(b, rel);
}

/* The name owns nothing now: it stays while there are names below it, and so do those above it. */
static void
drop_name(struct builder *b, const struct node *old)
{
	struct rel rel = rel_of(old);
	const struct node *parent;

	if (has_below(b, old) || rel.len == 0) {
		if (old->count > 0)
			put_name(b, rel, old);
		return;
	}
	mark_parent(b, rel, 0);
	index_remove(b->zone->names, rel);
	parent = index_get(b->zone->names, parent_of(rel));
	if (parent->count == 0 && parent->name_len > 0)
		drop_name(b, parent);
}

/* Is one of the first count records of this set? */
static bool
touches(const struct key *rec, size_t count, uint32_t order)
{
	for (size_t i = 0; i < count; i++)
		if (rec[i].order == order)
			return true;
	return false;
}

static void
push_old_records(struct builder *b, const struct rrset *set)
{
	const uint8_t *p = set->rdata;

	for (unsigned i = 0; i < set->count; i++) {
		uint16_t len = (uint16_t)(p[0] << 8 | p[1]);
		struct rec *rec = arena_alloc(b->notes, sizeof(*rec) + len);

		memset(rec, 0, sizeof(*rec));
		rec->type = set->type;
		rec->ttl = set->ttl;
		rec->len = len;
		memcpy(rec->rdata, p + 2, len);
		rec_push(b, rec);
		p += 2 + len;
	}
}

static int
set_cmp(const void *a, const void *b)
{
	const struct rrset *const *x = a, *const *y = b;
	uint32_t m = set_order((*x)->type, (*x)->covers), n = set_order((*y)->type, (*y)->covers);

	return (m > n) - (m < n);
}

/* The sets of a name after the changes that were gathered: what they touch is made anew. */
static void
change_sets(struct builder *b, struct rel rel, const struct node *old)
{
	uint64_t owner = owner_hash(b->zone, rel);
	size_t changes = b->recs;

	b->sets = 0;
	for (unsigned i = 0; old != NULL && i < old->count; i++) {
		const struct rrset *set = old->set[i];

		if (!touches(b->rec, changes, set_order(set->type, set->covers))) {
			set_push(b, set);
			continue;
		}
		account(b->zone, set, set_digest(set), owner, -1);
		push_old_records(b, set);
	}
	make_sets(b, rel);
	if (b->sets > 0)
		qsort(b->set, b->sets, sizeof(b->set[0]), set_cmp);
}

static void
change_name(struct builder *b, struct rel rel)
{
	struct zone *zone = b->zone;
	const struct node *named = index_get(zone->names, rel), *hashed = index_get(zone->hashed, rel);

	change_sets(b, rel, hashed != NULL ? hashed : named);
	check_name(b, rel);
	if (hashed_only(b, rel)) {
		index_put(zone->hashed, make_node(b, rel, index_hash(rel), 0));
		b->sets = 0;
		if (named != NULL && named->count > 0)
			drop_name(b, named);
		return;
	}
	if (hashed != NULL)
		index_remove(zone->hashed, rel);
	if (b->sets > 0)
		put_name(b, rel, named);
	else if (named != NULL && named->count > 0)
		drop_name(b, named);
}

static void
derive(struct builder *b)
{
	struct zone *zone = b->zone;

	known_new(b, b->runs);
	zone->names = index_edit(b->base->names);
	zone->hashed = index_edit(b->base->hashed);
	zone->records = b->base->records;
	zone->digest = b->base->digest;
	zone->nsec = b->base->nsec;
	zone->nsec3 = b->base->nsec3;
	zone->opt_out = b->base->opt_out;
	for (size_t i = 0, n; i < b->runs; i += n) {
		n = gather(b, i);
		change_name(b, run_rel(&b->run[i]));
	}
}

/* --- both --- */

static void
check_apex(struct builder *b)
{
	const struct node *apex = index_at(b->zone->names, (struct index_pos){ 0, 0 });
	char zone[DNAME_TEXT_MAX];

	name_print_plain(zone, b->zone->origin);
	if (apex == NULL || node_set(apex, T_SOA) == NULL) {
		b->errors++;
		report_zone(b->sink, ERROR, zone, "no SOA record at the apex");
	}
	if (apex == NULL || node_set(apex, T_NS) == NULL) {
		b->errors++;
		report_zone(b->sink, ERROR, zone, "no NS record at the apex");
	}
}

static struct index *
copy_nodes(struct builder *b, const struct index *from)
{
	struct nodes nodes = { NULL, 0, 0 };
	struct index_pos pos = { 0, 0 };
	const struct node *node;
	struct index *index;

	for (; (node = index_at(from, pos)) != NULL; pos = index_next(from, pos)) {
		b->sets = 0;
		for (unsigned i = 0; i < node->count; i++)
			set_push(b, set_keep(b, node->set[i], set_digest(node->set[i])));
		nodes_push(&nodes, make_node(b, rel_of(node), node->hash, node->flags));
	}
	index = index_new(nodes.node, nodes.count);
	free(nodes.node);
	return index;
}

/* Leave what older versions hold and this one does not use. */
static void
copy_out(struct builder *b)
{
	struct zone *zone = b->zone, *fresh = zone_new(zone->origin);

	free(b->known);
	known_new(b, index_count(zone->names));
	b->zone = fresh;
	fresh->store = store_new(NULL);
	fresh->names = copy_nodes(b, zone->names);
	fresh->hashed = copy_nodes(b, zone->hashed);
	fresh->records = zone->records;
	fresh->digest = zone->digest;
	fresh->nsec = zone->nsec;
	fresh->nsec3 = zone->nsec3;
	fresh->opt_out = zone->opt_out;
	zone_finish(fresh);
	zone_unref(zone);
}

/* A quarter of what lives, and for small zones what a hundred changes leave. */
static bool
wasteful(const struct store *store)
{
	return store->base != NULL && store->total > store->live + store->live / 4 + (64 << 10);
}

struct zone *
builder_finish(struct builder *b)
{
	struct zone *zone = NULL;

	b->zone->store = store_new(b->base != NULL ? b->base->store : NULL);
	sort_runs(b);
	if (b->base != NULL)
		derive(b);
	else
		build(b);
	check_apex(b);
	if (b->errors == 0) {
		zone_finish(b->zone);
		if (wasteful(b->zone->store))
			copy_out(b);
		zone = b->zone;
		b->zone = NULL;
	}
	builder_free(b);
	return zone;
}
