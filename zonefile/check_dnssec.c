#include "zonefile/check_dnssec.h"

#include <stdio.h>
#include <string.h>

#include "zonefile/name.h"
#include "zonefile/nsec3hash.h"
#include "zonefile/serial.h"

#define SOON 86400		/* seconds before their end in which signatures are told */

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

/* Times are compared as serials (RFC 4034 3.1.5).  One signature in time is enough for the set. */
static void
check_times(struct state *s, const struct node *node, const struct rrset *sigs)
{
	const uint8_t *at = sigs->rdata;
	enum fault best = EXPIRED;
	bool good = false;

	for (unsigned i = 0; i < sigs->count && !good; i++) {
		uint32_t until = get32(at + 2 + 8), from = get32(at + 2 + 12);

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
check_node(struct state *s, const struct node *node, bool by_nsec)
{
	const struct rrset *nsec = node_set(node, T_NSEC), *nsec3 = nsec3_of(s->zone, node);
	bool cut = (node->flags & NODE_CUT) != 0;

	for (unsigned i = 0; i < node->count; i++) {
		const struct rrset *set = node->set[i];

		if (set->type == T_RRSIG)
			check_times(s, node, set);
		else if ((node->flags & NODE_OCCLUDED) == 0 && (!cut || set->type == T_DS || set->type == T_NSEC) &&
		    node_sigs(node, set->type) == NULL)
			note(s, UNSIGNED, node, set->type);
	}
	if (nsec != NULL) {
		if (s->nsec != NULL && !points_at(s->zone, node_set(s->nsec, T_NSEC), node))
			note(s, CHAIN, s->nsec, T_NSEC);
		s->nsec = node;
	} else if (by_nsec && node->count > 0 && (node->flags & NODE_OCCLUDED) == 0)
		note(s, NO_NSEC, node, 0);
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
			snprintf(more, sizeof(more), ", and so in %zu others", f->count - 1);
		report_zone(sink, severity, of, "%s%s%s%s %s%s", owner, f->type != 0 ? " " : "",
		    f->type != 0 ? rrtype_print(word, f->type) : "", f->type != 0 ? ":" : "", texts[i], more);
	}
	if (s->first3 == NULL && s->nsec == NULL)
		report_zone(sink, severity, of, "is signed and has neither NSEC nor NSEC3 with parameters of NSEC3PARAM");
}

void
check_dnssec(const struct zone *zone, enum severity severity, time_t now, struct sink *sink)
{
	struct state s = { .zone = zone, .now = (uint32_t)now };
	const struct node *apex = zone_apex(zone), *node;
	bool by_nsec = node_set(apex, T_NSEC) != NULL;
	struct zone_walk walk;

	/* Keys may stand ready in a zone that is not signed yet. */
	if (node_sigs(apex, T_SOA) == NULL)
		return;
	for (node = zone_walk(&walk, zone); node != NULL; node = zone_next(&walk))
		check_node(&s, node, by_nsec);
	if (s.nsec != NULL && !points_at(zone, node_set(s.nsec, T_NSEC), apex))
		note(&s, CHAIN, s.nsec, T_NSEC);
	if (s.nsec3 != NULL && !hash_points_at(node_set(s.nsec3, T_NSEC3), s.first3))
		note(&s, CHAIN3, s.nsec3, T_NSEC3);
	tell(&s, severity, sink);
}
