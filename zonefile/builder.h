/* builder.h - records to a zone: from nothing, or from a zone and its changes. */
#ifndef ZONEFILE_BUILDER_H
#define ZONEFILE_BUILDER_H

#include "zonefile/checks.h"
#include "zonefile/report.h"
#include "zonefile/zone.h"

/* One record, in wire form, uncompressed, valid for the call it is passed to. */
struct rr {
	const uint8_t *owner;
	uint32_t ttl;
	uint16_t type;
	uint16_t len;
	const uint8_t *rdata;
};

struct builder;

/* The sink outlives the builder and gets what is wrong with records at their places,
 * and with the zone as a whole. */
struct builder *builder_new(const uint8_t *origin, struct sink *);
/* A version beside base, which it shares memory with; holds a reference to base. */
struct builder *builder_derive(struct zone *base, struct sink *);
/* What else to look for in the records that are added, and whom to tell; both outlive the builder. */
void builder_checks(struct builder *, const struct checks *, struct sink *);
void builder_free(struct builder *);		/* NULL is fine */

/* place may be NULL (a transfer); its file lives as long as the builder.  Errors are reported, counted
 * and make builder_finish() fail; adding goes on so that all of them are seen.  An exact duplicate is
 * dropped with a warning.  A second TTL in an RRset is set to the first with a warning (RFC 2181 5.2). */
void builder_add(struct builder *, const struct rr *, const struct place *);
/* Only of a derived one.  What is not there is an error: the delta does not fit. */
void builder_remove(struct builder *, const struct rr *);

/* The zone with one reference, and the builder is gone.  NULL when there was an error: a
 * record out of the zone, no SOA or two, no NS at the apex, NS or NSEC3 at a wildcard, with integrity checked DS at the
 * apex, CNAME or DNAME twice or beside other data (RFC 1034 3.6.2, RFC 2181 10.1). */
struct zone *builder_finish(struct builder *);
#endif
