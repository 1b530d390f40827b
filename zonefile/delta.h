/* delta.h - the difference of two versions of a zone. */
#ifndef ZONEFILE_DELTA_H
#define ZONEFILE_DELTA_H

#include "zonefile/builder.h"
#include "zonefile/zone.h"

/* Deletions, then additions, in canonical order of their owners, with the SOA in front of each, as
 * IXFR sends them (RFC 1995 4).  A changed TTL is a deletion and an addition of each record of the set.
 * Immutable, one owner. */
struct delta;

void delta_free(struct delta *);		/* NULL is fine */

/* Both zones have one origin.  Never NULL; delta_empty() when they are equal. */
struct delta *delta_between(const struct zone *from, const struct zone *to);
/* One delta for b after a, without what b takes back (RFC 1995 5 "condensation"). */
struct delta *delta_join(const struct delta *a, const struct delta *b);
struct delta *delta_reverse(const struct delta *);

/* The version after it, sharing memory with zone; NULL, with reports, when it does not fit: the zone is not
 * at delta's from digest, or the result is no zone. */
struct zone *delta_apply(struct zone *, const struct delta *, struct sink *);

const uint8_t *delta_origin(const struct delta *);
uint32_t delta_from(const struct delta *);	/* serials */
uint32_t delta_to(const struct delta *);
struct zone_digest delta_from_digest(const struct delta *);
struct zone_digest delta_to_digest(const struct delta *);
size_t delta_removed(const struct delta *);	/* records, SOA counted */
size_t delta_added(const struct delta *);
bool delta_empty(const struct delta *);

/* The records; rr points into the delta.  Returns false at the end. */
struct delta_walk { const uint8_t *at, *end; };
void delta_walk_removed(struct delta_walk *, const struct delta *);
void delta_walk_added(struct delta_walk *, const struct delta *);
bool delta_next(struct delta_walk *, struct rr *);

/* Octets for the journal, the same on every machine; they live as long as the delta.  delta_decode()
 * takes any octets and returns NULL for what is not a whole delta. */
const uint8_t *delta_encode(const struct delta *, size_t *size);
struct delta *delta_decode(const uint8_t *, size_t size);
#endif
