#include "zonefile/check_dnssec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/count.h"
#include "zonefile/index.h"
#include "zonefile/name.h"
#include "zonefile/nsec3hash.h"
#include "zonefile/serial.h"
#include "zonefile/version.h"

#define SOON 86400		/* seconds before their end in which signatures are told */
#define ITERATIONS 50		/* that BIND 9.20, and since 2024 others, still hash */

enum fault { EXPIRED, ENDING, FUTURE, UNSIGNED, NO_NSEC, CHAIN, CHAIN3, FAULTS };

static const char *const texts[] = {
	[EXPIRED] = "the signature has expired", [ENDING] = "the signature expires within a day",
	[FUTURE] = "the signature is not valid yet", [UNSIGNED] = "has no signature",
	[NO_NSEC] = "has no NSEC record", [CHAIN] = "names another record as the next than the one that follows",
	[CHAIN3] = "names another hash as the next than the one that follows",
};

struct finding {
	size_t count;
	const struct node *node;
	uint16_t type;
};

struct state {
	const struct zone *zone;
	uint32_t now;
	struct finding found[FAULTS];
	const struct node *nsec;		/* the last one met */
	const struct node *nsec3, *first3;	/* of the chain that NSEC3PARAM speaks of */
	int32_t next;				/* seconds to when one in time is so no more */
	int32_t end;				/* the same of the first set without another; it may be over */
	size_t steps;				/* of a change: that may still be gone to find neighbours */
};

static void
note(struct state *s, enum fault fault, const struct node *node, uint16_t type)
{
	if (s->found[fault].count++ == 0) {
		s->found[fault].node = node;
		s->found[fault].type = type;
	}
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

/* At that time a look at the signature will show something else. */
static void
expect(struct state *s, uint32_t when)
{
	int32_t in = (int32_t)(when - s->now);

	if (in > 0 && in < s->next)
		s->next = in;
}

/* Until when some signature of the set holds. */
static void
note_end(struct state *s, const struct rrset *sigs)
{
	const uint8_t *at = sigs->rdata;
	int32_t last = INT32_MIN;

	for (unsigned i = 0; i < sigs->count; i++) {
		int32_t in = (int32_t)(get32(at + 2 + 8) - s->now);

		if (in > last)
			last = in;
		at += 2 + (at[0] << 8 | at[1]);
	}
	if (last < s->end)
		s->end = last;
}

/* Times are compared as serials (RFC 4034 3.1.5).  One signature in time is enough for the set. */
static void
check_times(struct state *s, const struct node *node, const struct rrset *sigs)
{
	const uint8_t *at = sigs->rdata;
	enum fault best = EXPIRED;
	bool good = false;

	for (unsigned i = 0; i < sigs->count && !good; i++) {
		uint32_t until = get32(at + 2 + 8), from = get32(at + 2 + 12);

		expect(s, until - SOON);
		expect(s, until + 1);
		if (serial_newer(from, s->now))
			best = FUTURE;
		else if (serial_newer(until, s->now + SOON))
			good = true;
		else if (!serial_newer(s->now, until))
			best = ENDING;
		at += 2 + (at[0] << 8 | at[1]);
	}
	if (!good)
		note(s, best, node, sigs->covers);
}

/* The name in an NSEC is that of the node. */
static bool
points_at(const struct zone *zone, const struct rrset *nsec, const struct node *node)
{
	uint8_t owner[DNAME_MAX];

	zone_owner(zone, node, owner);
	return name_equal(nsec->rdata + 2, owner);
}

/* Of the parameters that answers are made from. */
static const struct rrset *
nsec3_of(const struct zone *zone, const struct node *node)
{
	const struct nsec3_params *params = zone_nsec3(zone);
	const struct rrset *set = node_set(node, T_NSEC3);
	const uint8_t *at;

	if (set == NULL || params == NULL)
		return NULL;
	at = set->rdata + 2;
	return at[0] == params->algorithm && (at[2] << 8 | at[3]) == params->iterations &&
	    at[4] == params->salt_len && memcmp(at + 5, params->salt, params->salt_len) == 0 ? set : NULL;
}

static bool
hash_points_at(const struct rrset *nsec3, const struct node *node)
{
	const uint8_t *next = nsec3->rdata + 2 + 5 + nsec3->rdata[2 + 4], *label = node_name(node);
	uint8_t hash[64];
	int len = base32hex_decode(hash, (const char *)label + 1, label[0]);

	return len == next[0] && memcmp(next + 1, hash, (size_t)len) == 0;
}

static void
check_sets(struct state *s, const struct node *node, bool by_nsec)
{
	bool cut = (node->flags & NODE_CUT) != 0;

	for (unsigned i = 0; i < node->count; i++) {
		const struct rrset *set = node->set[i];

		if (set->type == T_RRSIG)
			check_times(s, node, set);
		else if ((node->flags & NODE_OCCLUDED) == 0 && (!cut || set->type == T_DS || set->type == T_NSEC) &&
		    node_sigs(node, set->type) == NULL)
			note(s, UNSIGNED, node, set->type);
	}
	if (by_nsec && node->count > 0 && (node->flags & NODE_OCCLUDED) == 0 && node_set(node, T_NSEC) == NULL)
		note(s, NO_NSEC, node, 0);
}

static void
check_chain(struct state *s, const struct node *node)
{
	const struct rrset *nsec = node_set(node, T_NSEC), *nsec3 = nsec3_of(s->zone, node);

	if (nsec != NULL) {
		if (s->nsec != NULL && !points_at(s->zone, node_set(s->nsec, T_NSEC), node))
			note(s, CHAIN, s->nsec, T_NSEC);
		s->nsec = node;
	}
	if (nsec3 != NULL) {
		if (s->nsec3 != NULL && !hash_points_at(node_set(s->nsec3, T_NSEC3), node))
			note(s, CHAIN3, s->nsec3, T_NSEC3);
		if (s->first3 == NULL)
			s->first3 = node;
		s->nsec3 = node;
	}
}

static void
tell(const struct state *s, enum severity severity, struct sink *sink)
{
	char of[DNAME_TEXT_MAX], owner[DNAME_TEXT_MAX], word[RRTYPE_TEXT_MAX], more[64];
	uint8_t wire[DNAME_MAX];

	name_print_plain(of, zone_origin(s->zone));
	for (int i = 0; i < FAULTS; i++) {
		const struct finding *f = &s->found[i];

		if (f->count == 0)
			continue;
		zone_owner(s->zone, f->node, wire);
		name_print(owner, wire);
		*more = '\0';
		if (f->count > 1)
			snprintf(more, sizeof(more), ", and so in %zu other%s", f->count - 1, PLURAL(f->count - 1));
		report_zone(sink, severity, of, "%s%s%s%s %s%s", owner, f->type != 0 ? " " : "",
		    f->type != 0 ? rrtype_print(word, f->type) : "", f->type != 0 ? ":" : "", texts[i], more);
	}
}

void
check_dnssec(struct zone *zone, enum severity severity, time_t now, struct sink *sink)
{
	struct state s = { .zone = zone, .now = (uint32_t)now, .next = INT32_MAX };
	const struct node *apex = zone_apex(zone), *node;
	bool by_nsec = node_set(apex, T_NSEC) != NULL;
	struct zone_walk walk;
	char of[DNAME_TEXT_MAX];

	/* Keys may stand ready in a zone that is not signed yet. */
	if (node_sigs(apex, T_SOA) == NULL)
		return;
	for (node = zone_walk(&walk, zone); node != NULL; node = zone_next(&walk)) {
		check_sets(&s, node, by_nsec);
		check_chain(&s, node);
	}
	if (s.nsec != NULL && !points_at(zone, node_set(s.nsec, T_NSEC), apex))
		note(&s, CHAIN, s.nsec, T_NSEC);
	if (s.nsec3 != NULL && !hash_points_at(node_set(s.nsec3, T_NSEC3), s.first3))
		note(&s, CHAIN3, s.nsec3, T_NSEC3);
	tell(&s, severity, sink);
	name_print_plain(of, zone_origin(zone));
	zone_set_look_again(zone, s.now + (uint32_t)s.next);
	if (zone_nsec3(zone) != NULL && zone_nsec3(zone)->iterations > ITERATIONS)
		report_zone(sink, severity, of, "NSEC3PARAM has %u iterations: with more than %d validators take the zone as"
		    " unsigned, and it should have none (RFC 9276 3.1)", zone_nsec3(zone)->iterations, ITERATIONS);
	if (s.first3 == NULL && s.nsec == NULL)
		report_zone(sink, severity, of, "is signed and has neither NSEC nor NSEC3 with parameters of NSEC3PARAM");
}

/* --- of times alone --- */

bool
check_signatures(const struct zone *zone, unsigned known, time_t now, struct sink *sink, struct signature_times *times)
{
	struct state s = { .zone = zone, .now = (uint32_t)now, .next = INT32_MAX, .end = INT32_MAX };
	const struct node *node;
	struct zone_walk walk;

	*times = (struct signature_times){ 0 };
	if (node_sigs(zone_apex(zone), T_SOA) == NULL)
		return false;
	for (node = zone_walk(&walk, zone); node != NULL; node = zone_next(&walk))
		for (unsigned i = 0; i < node->count; i++)
			if (node->set[i]->type == T_RRSIG) {
				check_times(&s, node, node->set[i]);
				note_end(&s, node->set[i]);
			}
	times->first = now + s.end;
	times->look_again = now + s.next;
	times->expired = s.found[EXPIRED].count;
	times->ending = s.found[ENDING].count;
	for (int i = 0; i < FAULTS; i++) {
		if (s.found[i].count > 0)
			times->faults |= 1u << i;
		if (known & 1u << i)
			s.found[i].count = 0;
	}
	tell(&s, WARNING, sink);
	return true;
}

/* --- of a change --- */

static bool
in_chain(const struct state *s, const struct node *node, bool hashed)
{
	return node != NULL && (hashed ? nsec3_of(s->zone, node) : node_set(node, T_NSEC)) != NULL;
}

/* The one before the name in a chain, round its end; NULL when there is none or the steps are used up. */
static const struct node *
before(struct state *s, struct rel name, bool hashed)
{
	const struct index *index = hashed ? s->zone->hashed : s->zone->names;
	struct index_pos pos;

	if (index_count(index) == 0)
		return NULL;
	pos = index_seek(index, name);
	for (size_t i = index_count(index); i > 0 && s->steps > 0; i--, s->steps--) {
		if (!index_prev(index, &pos))
			pos = index_last(index);
		if (in_chain(s, index_at(index, pos), hashed))
			return index_at(index, pos);
	}
	return NULL;
}

/* What the node names as the next is in the chain, and nothing is between them. */
static void
check_link(struct state *s, const struct node *node, bool hashed)
{
	const struct rrset *set;
	const struct node *next = NULL;
	uint8_t label[1 + NSEC3_TEXT] = { NSEC3_TEXT };
	const uint8_t *hash;

	if (!in_chain(s, node, hashed))
		return;
	if (hashed) {
		set = nsec3_of(s->zone, node);
		hash = set->rdata + 2 + 5 + set->rdata[2 + 4];
		if (hash[0] == NSEC3_HASH) {
			base32hex_encode((char *)label + 1, hash + 1, NSEC3_HASH);
			next = index_get(s->zone->hashed, (struct rel){ label, sizeof(label) });
		}
	} else
		next = zone_node(s->zone, node_set(node, T_NSEC)->rdata + 2);
	if (!in_chain(s, next, hashed) || (before(s, rel_of(next), hashed) != node && s->steps > 0))
		note(s, hashed ? CHAIN3 : CHAIN, node, hashed ? T_NSEC3 : T_NSEC);
}

static void
check_links(struct state *s, const uint8_t *name, const struct node *node, bool hashed)
{
	struct rel rel = { name, (unsigned)(name_len(name) - s->zone->origin_len) };
	const struct node *above = rel.len > 0 ? before(s, rel, hashed) : NULL, **last = hashed ? &s->nsec3 : &s->nsec;

	if (above != *last)
		check_link(s, above, hashed);
	check_link(s, node, hashed);
	*last = in_chain(s, node, hashed) ? node : above;
}

static bool
same_kind(const struct zone *a, const struct zone *b)
{
	const struct nsec3_params *x = zone_nsec3(a), *y = zone_nsec3(b);
	bool by_nsec = node_set(zone_apex(a), T_NSEC) != NULL, signed_too = node_sigs(zone_apex(a), T_SOA) != NULL;

	if (by_nsec != (node_set(zone_apex(b), T_NSEC) != NULL) || (x == NULL) != (y == NULL) ||
	    signed_too != (node_sigs(zone_apex(b), T_SOA) != NULL))
		return false;
	return x == NULL || (x->algorithm == y->algorithm && x->iterations == y->iterations &&
	    x->salt_len == y->salt_len && memcmp(x->salt, y->salt, x->salt_len) == 0);
}

/* Signatures that nothing touched may have run out since the other version was looked at. */
static bool
is_time(const struct zone *from, uint32_t now)
{
	uint32_t when = zone_look_again(from);

	return when == 0 || !serial_newer(when, now);
}

void
check_dnssec_change(const struct zone *from, struct zone *to, const uint8_t *const *name, size_t count,
    enum severity severity, time_t now, struct sink *sink)
{
	/* Beyond so many steps a look at all of it is less work. */
	struct state s = { .zone = to, .now = (uint32_t)now, .steps = zone_names(to) + 64 };
	bool by_nsec = node_set(zone_apex(to), T_NSEC) != NULL, by_nsec3 = zone_nsec3(to) != NULL;
	const uint8_t *all = NULL;	/* below it all nodes have been looked at */

	if (node_sigs(zone_apex(to), T_SOA) == NULL)
		return;
	if (!same_kind(from, to) || is_time(from, s.now)) {
		check_dnssec(to, severity, now, sink);
		return;
	}
	s.next = (int32_t)(zone_look_again(from) - s.now);
	for (size_t i = 0; i < count && s.steps > 0; i++) {
		const struct node *old = zone_node(from, name[i]), *node = zone_node(to, name[i]), *n;
		unsigned hides = ((old != NULL ? old->flags : 0) ^ (node != NULL ? node->flags : 0)) & (NODE_CUT | NODE_DNAME);
		struct zone_walk walk;

		/* What was hidden below the name may be answered now. */
		if (all == NULL || !name_under(name[i], all)) {
			if (hides != 0) {
				all = name[i];
				for (n = zone_walk_below(&walk, to, all); n != NULL; n = zone_next(&walk))
					check_sets(&s, n, by_nsec);
			} else if (node != NULL)
				check_sets(&s, node, by_nsec);
		}
		if (by_nsec)
			check_links(&s, name[i], node, false);
		if (by_nsec3 && name[i][0] == NSEC3_TEXT)
			check_links(&s, name[i], node, true);
	}
	if (s.steps == 0) {
		check_dnssec(to, severity, now, sink);
		return;
	}
	tell(&s, severity, sink);
	zone_set_look_again(to, s.now + (uint32_t)s.next);
}
