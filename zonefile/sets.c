#include "zonefile/sets.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/hostname.h"
#include "zonefile/name.h"
#include "zonefile/rdata.h"

#define KNOWN_MIN 16
#define KNOWN_MAX (1 << 14)

void
sets_init(struct sets *s, struct zone *zone, struct sink *sink)
{
	s->zone = zone;
	s->sink = sink;
	s->known_mask = KNOWN_MIN - 1;
	s->known = xcalloc(KNOWN_MIN, sizeof(s->known[0]));
	s->good = xcalloc(KNOWN_MIN, sizeof(s->good[0]));
	s->scratch_room = 1024;
	s->scratch = xmalloc(s->scratch_room);
}

void
sets_free(struct sets *s)
{
	free(s->file);
	free(s->rec);
	free(s->set);
	free(s->scratch);
	free(s->known);
	free(s->good);
	free(s->waiting);
}

/* --- reports --- */

uint16_t
sets_file(struct sets *s, const char *file)
{
	for (unsigned i = s->files; i-- > 0;)
		if (s->file[i] == file)
			return (uint16_t)(i + 1);
	if (s->files == UINT16_MAX)
		return 0;
	s->file = xrealloc(s->file, (s->files + 1) * sizeof(s->file[0]));
	s->file[s->files] = file;
	return (uint16_t)++s->files;
}

void
sets_say(struct sets *s, enum severity severity, uint32_t line, uint16_t column, uint16_t file,
    struct rel owner, const char *fmt, ...)
{
	char text[DNAME_TEXT_MAX + 256], name[DNAME_TEXT_MAX], zone[DNAME_TEXT_MAX];
	uint8_t wire[DNAME_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(wire, owner.label, owner.len);
	memcpy(wire + owner.len, s->zone->origin, s->zone->origin_len);
	name_print(name, wire);
	if (severity == ERROR)
		s->errors++;
	if (file != 0) {
		struct place place = { s->file[file - 1], line, column, NULL, 0 };

		report_at(s->sink, severity, &place, "%s %s", name, text);
		return;
	}
	name_print_plain(zone, s->zone->origin);
	report_zone(s->sink, severity, zone, "%s %s", name, text);
}

#define PLACE(at) (at)->line, (at)->column, (at)->file

/* --- records --- */

static uint16_t
covered(uint16_t type, const uint8_t *rdata, size_t len)
{
	return type == T_RRSIG && len >= 2 ? (uint16_t)(rdata[0] << 8 | rdata[1]) : 0;
}

uint32_t
rec_set(const struct rec *rec)
{
	return set_order(rec->type, covered(rec->type, rec->rdata, rec->len));
}

void
sets_clear(struct sets *s)
{
	s->recs = s->count = 0;
	s->odd = false;
}

void
sets_add_record(struct sets *s, struct rec *rec)
{
	struct key *key;

	if (s->recs == s->rec_room) {
		s->rec_room = s->rec_room * 2 + 16;
		s->rec = xrealloc(s->rec, s->rec_room * sizeof(s->rec[0]));
	}
	key = &s->rec[s->recs++];
	key->order = rec_set(rec);
	key->item = rec;
}

void
sets_add(struct sets *s, const struct rrset *set)
{
	if (s->count == s->set_room) {
		s->set_room = s->set_room * 2 + 16;
		s->set = xrealloc(s->set, s->set_room * sizeof(s->set[0]));
	}
	s->set[s->count++] = set;
}

static bool
opts_out(const struct rrset *set)
{
	return set->size >= 4 && (set->rdata[3] & 1) != 0;	/* RFC 5155 3.1.2.1 */
}

/* Enter a set in the zone's sums, or with sign -1 take it out. */
static void
account(struct zone *zone, const struct rrset *set, struct zone_digest digest, uint64_t owner, int sign)
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

void
sets_add_apart(struct sets *s, struct rel owner, const struct rrset *set, const struct key *place,
    uint32_t order, struct arena *notes)
{
	const uint8_t *p = set->rdata;
	uint8_t lower[DNAME_MAX];

	account(s->zone, set, set_digest(set), owner_hash(s->zone, rel_lower(lower, owner)), -1);
	for (unsigned i = 0; i < set->count; i++) {
		uint16_t len = (uint16_t)(p[0] << 8 | p[1]);
		struct rec *rec = arena_alloc(notes, sizeof(*rec) + len);

		*rec = (struct rec){ .ttl = set->ttl, .order = order, .line = place->line, .column = place->column,
		    .file = place->file, .type = set->type, .len = len };
		memcpy(rec->rdata, p + 2, len);
		sets_add_record(s, rec);
		p += 2 + len;
	}
}

/* --- one set --- */

/* Do names own the same of this type?  DS and what signers make are each name's own. */
static bool
is_shared(uint16_t type)
{
	return type != T_DS && type != T_RRSIG && type != T_NSEC && type != T_NSEC3;
}

/* A table of sets is worth about as many entries as there are sets, up to what
 * a processor's cache holds. */
static void
known_grow(struct sets *s)
{
	size_t size = (s->known_mask + 1) * 8;

	free(s->known);
	free(s->good);
	s->known = xcalloc(size, sizeof(s->known[0]));
	s->good = xcalloc(size, sizeof(s->good[0]));
	s->known_mask = size - 1;
}

/* One place for a set that many names own: NS sets of a registry's zone above all. */
const struct rrset *
sets_keep(struct sets *s, const struct rrset *set, struct zone_digest digest)
{
	size_t size = offsetof(struct rrset, rdata) + set->size;
	struct known *known;

	if (!is_shared(set->type))
		return memcpy(arena_alloc(s->zone->store->arena, size), set, size);
	if (++s->made > s->known_mask && s->known_mask + 1 < KNOWN_MAX)
		known_grow(s);
	known = &s->known[digest.word[0] & s->known_mask];
	if (known->set == NULL || known->digest != digest.word[1] ||
	    known->set->size != set->size || memcmp(known->set, set, size) != 0) {
		known->digest = digest.word[1];
		known->set = memcpy(arena_alloc(s->zone->store->arena, size), set, size);
	}
	return known->set;
}

void
sets_wait(struct sets *s)
{
	s->waiting = xcalloc(WAITING, sizeof(s->waiting[0]));
}

static void
settle(struct sets *s, struct waiting *w)
{
	*w->where = sets_keep(s, (const struct rrset *)w->set, w->digest);
	w->where = NULL;
}

void
sets_settle(struct sets *s)
{
	for (unsigned i = 0; i < WAITING; i++)
		if (s->waiting[i].where != NULL)
			settle(s, &s->waiting[i]);
	free(s->waiting);
	s->waiting = NULL;
}

/* The place where a set may wait, NULL: it must not. */
static struct waiting *
let_wait(struct sets *s, const struct rrset *set, struct zone_digest digest)
{
	size_t size = offsetof(struct rrset, rdata) + set->size;
	struct waiting *w, *half;

	if (s->waiting == NULL || size > WAITING_SIZE || s->fresh == WAITING || !is_shared(set->type))
		return NULL;
	w = &s->waiting[s->next];
	if (w->where != NULL)
		settle(s, w);
	s->next = (s->next + 1) % WAITING;
	s->fresh++;
	w->digest = digest;
	memcpy(w->set, set, size);
	__builtin_prefetch(&s->known[digest.word[0] & s->known_mask]);
	half = &s->waiting[(s->next + WAITING / 2) % WAITING];
	if (half->where != NULL)
		__builtin_prefetch(s->known[half->digest.word[0] & s->known_mask].set);
	return w;
}

static void
scratch_add(struct sets *s, const struct rec *rec)
{
	size_t need = sizeof(*s->scratch) + s->scratch->size + 2u + rec->len;
	uint8_t *p;

	if (need > s->scratch_room) {
		s->scratch_room = need * 2;
		s->scratch = xrealloc(s->scratch, s->scratch_room);
	}
	p = s->scratch->rdata + s->scratch->size;
	p[0] = (uint8_t)(rec->len >> 8);
	p[1] = (uint8_t)rec->len;
	memcpy(p + 2, rec->rdata, rec->len);
	s->scratch->size += 2u + rec->len;
	s->scratch->count++;
}

static int
rec_cmp(const struct key *a, const struct key *b)
{
	const struct rec *x = a->item, *y = b->item;

	return rdata_cmp(x->type, x->rdata, x->len, y->rdata, y->len);
}

/* Of records that are equal, in the order they came, the one that is there after all
 * removals and additions; NULL: none. */
static const struct rec *
survivor(struct sets *s, struct rel owner, const struct key *key, size_t count)
{
	const struct rec *there = NULL;
	char type[RRTYPE_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct rec *rec = key[i].item;

		if (rec->removal && there == NULL)
			sets_say(s, ERROR, PLACE(rec), owner, "%s: the record to be removed is not there",
			    rrtype_print(type, rec->type));
		else if (rec->removal)
			there = NULL;
		else if (there != NULL && (s->checks == NULL || s->checks->severity[CHECK_DUP_RECORDS] != NOTE))
			sets_say(s, WARNING, PLACE(rec), owner, "%s: the same record is there twice, one is dropped",
			    rrtype_print(type, rec->type));
		else if (there == NULL)
			there = rec;
	}
	return there;
}

/* The RRset has one TTL, that of the record that came first (RFC 2181 5.2). */
static void
one_ttl(struct sets *s, struct rel owner, const struct key *key, size_t count, const struct rec *first)
{
	char type[RRTYPE_TEXT_MAX];

	s->scratch->ttl = first->ttl;
	for (size_t i = 0; i < count; i++) {
		const struct rec *rec = key[i].item;

		if (rec->ttl == first->ttl || rec->removal || rec->order == 0)
			continue;
		sets_say(s, WARNING, PLACE(rec), owner, "%s: TTL %u differs from the first of its set, %u, which is used",
		    rrtype_print(type, rec->type), rec->ttl, first->ttl);
		return;
	}
}

static void
wire_owner(const struct sets *s, struct rel owner, uint8_t out[DNAME_MAX])
{
	memcpy(out, owner.label, owner.len);
	memcpy(out + owner.len, s->zone->origin, s->zone->origin_len);
}

/* Names of hosts in the records that came. */
static bool
check_names(struct sets *s, struct rel owner, const struct key *key, size_t count)
{
	char type[RRTYPE_TEXT_MAX], name[DNAME_TEXT_MAX];
	uint8_t wire[DNAME_MAX];
	const uint8_t *bad;
	bool good = true;

	wire_owner(s, owner, wire);
	for (size_t i = 0; i < count; i++) {
		const struct rec *rec = key[i].item;

		if ((bad = rdata_bad_name(rec->type, wire, rec->rdata)) == NULL)
			continue;
		good = false;
		if (rec->removal || rec->order == 0)
			continue;
		name_print(name, bad);
		sets_say(s, s->checks->severity[CHECK_NAMES], PLACE(rec), owner, "%s: %s is not the name of a %s (check-names)",
		    rrtype_print(type, rec->type), name, bad == rec->rdata || rec->type != T_SOA ?
		    rec->type == T_RP ? "mailbox" : "host" : "mailbox");
	}
	return good;
}

/* What BIND's clauses say about the set in scratch, made of the records of which first came first. */
static void
check_set(struct sets *s, struct rel owner, const struct key *key, size_t count, const struct rec *first,
    struct zone_digest digest)
{
	const struct checks *checks = s->checks;
	char type[RRTYPE_TEXT_MAX];
	uint8_t wire[DNAME_MAX];
	uint64_t *good = NULL;
	bool odd;

	if (checks->max_records_per_type > 0 && s->scratch->count > checks->max_records_per_type)
		sets_say(s, ERROR, PLACE(first), owner, "has %u %s records, max-records-per-type allows %u",
		    s->scratch->count, rrtype_print(type, first->type), checks->max_records_per_type);
	/* A set that many names own is looked at once. */
	if (rdata_names_hosts(first->type))
		good = &s->good[digest.word[0] & s->known_mask];
	if (good != NULL && *good == digest.word[1])
		return;
	odd = odd_set(s->zone, s->scratch);
	s->odd |= odd;
	if (checks->severity[CHECK_NAMES] == NOTE || s->again)
		return;
	if (good != NULL && check_names(s, owner, key, count) && !odd)
		*good = digest.word[1];
	if (first->order == 0 || (first->type != T_A && first->type != T_AAAA && first->type != T_MX &&
	    first->type != T_NSEC3))
		return;
	wire_owner(s, owner, wire);
	if (!owner_is_good(first->type, wire))
		sets_say(s, checks->severity[CHECK_NAMES], PLACE(first), owner, "is not %s and has %s records (check-names)",
		    first->type == T_NSEC3 ? "a hash" : "the name of a host", rrtype_print(type, first->type));
}

/* One set of count sorted records, unless none is left. */
static void
make_set(struct sets *s, struct rel owner, uint64_t hash, const struct key *key, size_t count)
{
	const struct rec *head = key[0].item, *first = NULL;
	struct zone_digest digest;
	struct waiting *w;
	size_t left = 0;

	/* Sets are compared as octets: nothing between the fields may differ. */
	memset(s->scratch, 0, sizeof(*s->scratch));
	s->scratch->type = head->type;
	s->scratch->covers = covered(head->type, head->rdata, head->len);
	for (size_t i = 0, end; i < count; i = end) {
		const struct rec *rec;

		for (end = i + 1; end < count && rec_cmp(&key[i], &key[end]) == 0;)
			end++;
		if ((rec = survivor(s, owner, key + i, end - i)) == NULL)
			continue;
		if (++left <= UINT16_MAX)
			scratch_add(s, rec);
		if (first == NULL || rec->order < first->order)
			first = rec;
	}
	if (left == 0)
		return;
	if (left > UINT16_MAX)
		sets_say(s, ERROR, PLACE(first), owner, "%zu records in one set, at most %d can be kept", left, UINT16_MAX);
	one_ttl(s, owner, key, count, first);
	digest = set_digest(s->scratch);
	__builtin_prefetch(&s->good[digest.word[0] & s->known_mask]);
	account(s->zone, s->scratch, digest, hash, 1);
	w = let_wait(s, s->scratch, digest);
	sets_add(s, w != NULL ? (const struct rrset *)w->set : sets_keep(s, s->scratch, digest));
	if (s->checks != NULL) {
		struct sink *sink = s->sink;

		s->sink = s->said;
		check_set(s, owner, key, count, first, digest);
		s->sink = sink;
	}
}

static uint32_t
order_of(const struct rrset *set)
{
	return set_order(set->type, set->covers);
}

static int
set_cmp(const void *a, const void *b)
{
	const struct rrset *const *x = a, *const *y = b;
	uint32_t m = order_of(*x), n = order_of(*y);

	return (m > n) - (m < n);
}

void
sets_make(struct sets *s, struct rel owner, struct rel lower)
{
	uint64_t hash = owner_hash(s->zone, lower);
	size_t before = s->count;

	sort_keys(s->rec, s->recs, rec_cmp);
	for (size_t i = 0, end; i < s->recs; i = end) {
		for (end = i + 1; end < s->recs && s->rec[end].order == s->rec[i].order;)
			end++;
		make_set(s, owner, hash, s->rec + i, end - i);
	}
	if (before > 0)
		qsort(s->set, s->count, sizeof(s->set[0]), set_cmp);
}

/* --- one owner --- */

/* What may stand beside a CNAME (RFC 2181 10.1, RFC 4034 2.5). */
static bool
beside_cname(const struct rrset *set)
{
	return set->type == T_CNAME || set->type == T_RRSIG || set->type == T_NSEC ||
	    set->type == T_KEY || set->type == T_SIG;
}

/* The place of a record of this type, or the other one. */
static struct key
place_of(const struct sets *s, uint16_t type, const struct key *other)
{
	for (size_t i = 0; i < s->recs; i++) {
		const struct rec *rec = s->rec[i].item;

		if (rec->type == type && rec->file != 0)
			return (struct key){ .line = rec->line, .column = rec->column, .file = rec->file };
	}
	return *other;
}

void
sets_check(struct sets *s, struct rel owner, const struct key *place)
{
	const struct rrset *cname = NULL, *other = NULL;
	char type[RRTYPE_TEXT_MAX];
	struct key at;

	for (size_t i = 0; i < s->count; i++) {
		const struct rrset *set = s->set[i];
		const struct rrtype *known = set->count > 1 ? rrtype_by_code(set->type) : NULL;

		if (set->type == T_CNAME)
			cname = set;
		else if (other == NULL && !beside_cname(set))
			other = set;
		if (known != NULL && known->single) {
			at = place_of(s, set->type, place);
			sets_say(s, ERROR, PLACE(&at), owner, "has %u %s records, one is allowed", set->count, known->name);
		}
		if (set->type == T_SOA && owner.len > 0) {
			at = place_of(s, T_SOA, place);
			sets_say(s, ERROR, PLACE(&at), owner, "has a SOA record, which only the apex of a zone may have");
		}
	}
	if (s->checks != NULL && s->checks->max_types_per_name > 0 && s->count > s->checks->max_types_per_name)
		sets_say(s, ERROR, PLACE(place), owner, "has %zu types of records, max-types-per-name allows %u", s->count,
		    s->checks->max_types_per_name);
	if (cname != NULL && other != NULL) {
		at = place_of(s, T_CNAME, place);
		sets_say(s, ERROR, PLACE(&at), owner, "has a CNAME record, which excludes all other data, and %s",
		    rrtype_print(type, other->type));
	}
}

bool
sets_wrong(struct sets *s, struct rel owner)
{
	unsigned errors = s->errors;
	struct sink *sink = s->sink, quiet = { .fn = NULL };
	bool wrong;

	s->sink = &quiet;
	sets_check(s, owner, &(struct key){ 0 });
	s->sink = sink;
	wrong = s->errors > errors;
	s->errors = errors;
	return wrong;
}

uint8_t
sets_flags(const struct sets *s, struct rel owner)
{
	bool child = owner.len > 0 && owner.len == owner.label[0] + 1u, other = false, nsec3 = false;
	uint8_t flags = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (s->set[i]->type == T_NS && owner.len > 0)
			flags |= NODE_CUT;
		if (s->set[i]->type == T_DNAME)
			flags |= NODE_DNAME;
		nsec3 |= s->set[i]->type == T_NSEC3;
		other |= s->set[i]->type != T_NSEC3 && s->set[i]->covers != T_NSEC3;
	}
	return child && nsec3 && !other ? NODE_HASHED : flags;
}

/* Where a set waits, NULL: it does not. */
static struct waiting *
waiting_of(const struct sets *s, const struct rrset *set)
{
	uintptr_t at = (uintptr_t)set - (uintptr_t)s->waiting;

	return s->waiting != NULL && at < WAITING * sizeof(s->waiting[0]) ? &s->waiting[at / sizeof(s->waiting[0])] : NULL;
}

static size_t
node_size(size_t count, size_t name_len)
{
	return offsetof(struct node, set) + count * sizeof(struct rrset *) + name_len;
}

static struct node *
node_room(struct sets *s, size_t size)
{
	struct node *node = s->spare;

	if (node == NULL || size > s->spare_size)
		return arena_alloc(s->zone->store->arena, size);
	s->spare = NULL;
	return node;
}

struct node *
sets_node(struct sets *s, struct rel owner, uint32_t hash, uint8_t flags)
{
	struct node *node = node_room(s, node_size(s->count, owner.len));

	node->hash = hash;
	node->count = (uint16_t)s->count;
	node->flags = flags;
	node->name_len = (uint8_t)owner.len;
	memcpy(node->set, s->set, s->count * sizeof(node->set[0]));
	memcpy(&node->set[s->count], owner.label, owner.len);
	for (size_t k = 0; k < s->count; k++) {
		struct waiting *w = waiting_of(s, node->set[k]);

		if (w != NULL)
			w->where = &node->set[k];
	}
	s->fresh = 0;
	return node;
}

/* A name of many types may come back for each of them. */
#define JOIN_MAX 8

bool
sets_join(struct sets *s, const struct node *node)
{
	if (node->count + s->count > JOIN_MAX)
		return false;
	for (size_t k = 0; k < node->count; k++)
		for (size_t i = 0; i < s->count; i++)
			if (order_of(s->set[i]) == order_of(node->set[k]))
				return false;
	for (size_t k = 0; k < node->count; k++) {
		sets_add(s, node->set[k]);
		for (size_t i = s->count - 1; i > 0 && order_of(s->set[i - 1]) > order_of(s->set[i]); i--) {
			const struct rrset *swap = s->set[i];

			s->set[i] = s->set[i - 1];
			s->set[i - 1] = swap;
		}
	}
	return true;
}

void
sets_spare(struct sets *s, struct node *node)
{
	s->spare = node;
	s->spare_size = node_size(node->count, node->name_len);
}
