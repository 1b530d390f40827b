/* zone.h - one version of a zone, frozen once built. */
#ifndef ZONEFILE_ZONE_H
#define ZONEFILE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/rrtype.h"

struct zone;

/* One RRset, as it lies in the zone's memory.  RRSIG records stand in a set of their own
 * for each type they cover, right behind the set that they cover, so that an answer
 * takes both without a search.  rdata: count times { u16 length in network order, octets },
 * in canonical order (RFC 4034 6.3), names in it uncompressed and in the case they were read. */
struct rrset {
	uint32_t ttl;
	uint32_t size;			/* octets of rdata[] */
	uint16_t type;
	uint16_t covers;		/* of RRSIG: the type covered; else 0 */
	uint16_t count;
	uint8_t rdata[];
};

enum {
	NODE_CUT = 1,		/* a delegation: NS, and not the apex */
	NODE_DNAME = 2,		/* owns a DNAME: names below are redirected */
	NODE_OCCLUDED = 4,	/* below a cut (glue and such) or below a DNAME */
	NODE_WILD = 8,		/* has a child "*" */
};

/* One name and what it owns.  count 0: an empty non-terminal (RFC 4592 2.2.2).
 * Sets are ordered by type, each RRSIG set behind what it covers. */
struct node {
	uint32_t hash;
	uint16_t count;
	uint8_t flags;
	uint8_t name_len;		/* octets of the owner relative to the apex; apex: 0 */
	const struct rrset *set[];	/* count of them, then the owner's labels */
};

static inline const uint8_t *
node_name(const struct node *node)	/* relative: no root octet, name_len of them */
{
	return (const uint8_t *)&node->set[node->count];
}

/* Canonical order of two nodes of zones with one origin. */
int node_cmp(const struct node *, const struct node *);

/* The set of a type, or NULL.  RRSIG is found by node_sigs(). */
const struct rrset *node_set(const struct node *, uint16_t type);
/* The RRSIG set that covers type, or NULL, whether or not such a set is there. */
const struct rrset *node_sigs(const struct node *, uint16_t type);

/* A zone never changes, so any thread reads it without a lock.  It lives while
 * someone holds a reference, and its nodes and sets live as long as it does.
 * Versions made by a delta share the memory of what did not change. */
struct zone *zone_ref(struct zone *);
void zone_unref(struct zone *);		/* frees on the last one; NULL is fine */

/* Where zone_find() ended. */
enum zone_match {
	ZONE_EXACT,	/* node owns the name; maybe it is an ENT, or a cut asked for by name: see NODE_ flags */
	ZONE_CUT,	/* node is the delegation above the name, cut->name_len < the name's */
	ZONE_DNAME,	/* node owns a DNAME above the name */
	ZONE_WILDCARD,	/* node is the "*"; answer under the name asked for */
	ZONE_NONE,	/* no such name */
};

struct zone_found {
	const struct node *node;	/* as the match says; ZONE_NONE: NULL */
	const struct node *encloser;	/* the closest encloser (RFC 4592 3.3.1); EXACT: the node */
};

/* The highest cut or DNAME above the name ends the search, so nothing occluded is found.  A name
 * that is itself a cut is ZONE_EXACT with NODE_CUT.  The name is in lower case, at or below
 * the origin.  NSEC3 owners that own nothing else do not exist here (RFC 5155 7.2.8). */
enum zone_match zone_find(const struct zone *, const uint8_t *name,
    struct zone_found *);

/* In a large zone most of zone_find() is waiting for memory.  Who has several names to find takes steps 0, 1 and 2 for
 * each of them with those of others in between, and then finds them near. */
struct zone_ahead {
	uint64_t hash;
	const struct node *node;
};
void zone_ahead(const struct zone *, const uint8_t *name, struct zone_ahead *,
    unsigned step);

/* The node of exactly this name, occluded or not, or NULL: glue is found here.  Any
 * case; outside of the zone: NULL. */
const struct node *zone_node(const struct zone *, const uint8_t *name);

/* The last node at or before the name in canonical order that owns an NSEC; NULL without NSEC.
 * Lower case, at or below the origin. */
const struct node *zone_nsec_at(const struct zone *, const uint8_t *name);

/* NSEC3 (RFC 5155): the parameters of the chain that answers are made from, taken from
 * NSEC3PARAM at the apex; NULL when there is none. */
struct nsec3_params {
	uint8_t algorithm;		/* 1: SHA-1 */
	uint8_t flags;			/* of the NSEC3 records: 1 opt-out somewhere */
	uint16_t iterations;
	uint8_t salt_len;
	uint8_t salt[255];
};
const struct nsec3_params *zone_nsec3(const struct zone *);
/* By owner hash (20 octets): the NSEC3 node that matches, or with *exact false the one
 * before it in the circle, which covers.  NULL when the zone has none. */
const struct node *zone_nsec3_at(const struct zone *, const uint8_t hash[20],
    bool *exact);

/* Facts. */
const uint8_t *zone_origin(const struct zone *);	/* lower case */
uint32_t zone_serial(const struct zone *);
const struct node *zone_apex(const struct zone *);
const struct rrset *zone_soa(const struct zone *);
size_t zone_records(const struct zone *);
size_t zone_names(const struct zone *);		/* nodes, ENTs and NSEC3 owners too */
size_t zone_memory(const struct zone *);	/* octets, shared ones too */
/* No other zone of this process has it or had it; never 0. */
uint64_t zone_id(const struct zone *);
/* When to look at all signatures again, as in them (RFC 4034 3.1.5), since one may have run out by then; 0: at once.
 * Who makes a version sets it before others see it. */
uint32_t zone_look_again(const struct zone *);
void zone_set_look_again(struct zone *, uint32_t when);
bool zone_signed(const struct zone *);		/* presigned: has NSEC or NSEC3, and a signed SOA */

/* A sum over all RRsets (owner in lower case, type, TTL, RDATA): equal zones have
 * equal digests, on any machine, and a delta changes it without a look at the rest. */
struct zone_digest { uint64_t word[2]; };
struct zone_digest zone_digest(const struct zone *);
static inline bool
zone_digest_equal(struct zone_digest a, struct zone_digest b)
{
	return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}
#define ZONE_DIGEST_TEXT 33
const char *zone_digest_print(char out[ZONE_DIGEST_TEXT], struct zone_digest);

/* The owner in full, in wire form; returns its length. */
size_t zone_owner(const struct zone *, const struct node *, uint8_t out[255]);

/* All nodes in canonical order, NSEC3 owners in their places, ENTs included.
 *
 *	struct zone_walk w;
 *	for (node = zone_walk(&w, zone); node != NULL; node = zone_next(&w))
 */
struct zone_walk {
	const struct zone *zone;
	uint32_t block[2], at[2];	/* next of the names, next of the NSEC3 owners */
	uint8_t stop[256];		/* of a subtree: its relative name, length first; 0: none */
};
const struct node *zone_walk(struct zone_walk *, const struct zone *);
/* Only the nodes at and below a name (any case, in the zone; it need not exist). */
const struct node *zone_walk_below(struct zone_walk *, const struct zone *,
    const uint8_t *name);
const struct node *zone_next(struct zone_walk *);
/* As zone_node(), and at no cost for a name that is one of the next. */
const struct node *zone_walk_glue(const struct zone_walk *, const uint8_t *name);
#endif
