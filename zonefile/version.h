/* version.h - the inside of a zone, for those who make one: zone.c, builder.c; and who checks it. */
#ifndef ZONEFILE_VERSION_H
#define ZONEFILE_VERSION_H

#include <stdatomic.h>

#include "zonefile/arena.h"
#include "zonefile/index.h"
#include "zonefile/odd.h"
#include "zonefile/zone.h"

/* The memory of nodes and sets.  A version made from another adds a store of its own and keeps that of
 * its base; what it replaced stays until a version is copied out whole. */
struct store {
	_Atomic unsigned refs;
	struct store *base;
	struct arena *arena;
	size_t live;		/* octets when last copied out whole */
	size_t total;		/* with all bases */
};

struct zone {
	_Atomic unsigned refs;
	uint64_t id;
	struct store *store;
	struct index *names;
	struct index *hashed;		/* owners of NSEC3 and of nothing else */
	const struct node *apex;
	const struct rrset *soa;
	size_t records;
	struct zone_digest digest;
	size_t nsec, nsec3, opt_out;	/* sets of NSEC, of NSEC3, of these with opt-out */
	bool is_signed;
	uint32_t look_again;
	struct odd *odd;		/* of one made from nothing, until it is checked; NULL: any may be */
	struct nsec3_params *params;	/* of NSEC3PARAM, or NULL */
	uint8_t origin_len;
	uint8_t origin[];
};

/* Of a node: it owns NSEC3 and nothing else, so it is no name of the zone (RFC 5155 7.2.8). */
#define NODE_HASHED 0x80

struct store *store_new(struct store *base);	/* takes a reference to base, or NULL */
struct zone *zone_new(const uint8_t *origin);
/* Take facts from the apex once the index stands. */
void zone_finish(struct zone *);

/* The part of the digest that one set of one owner is; zones add it with zone_digest_add(). */
struct zone_digest set_digest(const struct rrset *);
struct zone_digest owner_digest(struct zone_digest set, uint64_t owner);
uint64_t owner_hash(const struct zone *, struct rel lower);	/* the same on every machine */
#endif
