/* rows_impl.h - makes the rows of a zone, one node at a time. */
#ifndef SYNC_ROWS_IMPL_H
#define SYNC_ROWS_IMPL_H

#include "sync/pdns_text.h"
#include "sync/rows.h"
#include "zonefile/name.h"

/* From what PowerDNS makes its denials. */
enum chain { CHAIN_NONE, CHAIN_NSEC, CHAIN_NSEC3 };

struct maker {
	const struct zone *zone;
	const struct rows_style *style;
	struct sink *sink;		/* NULL: nobody asks why */
	enum chain chain;
	const struct nsec3_params *nsec3;
	bool refused, dname_told;
	char zone_name[PDNS_NAME_TEXT];
	/* Of the node under way. */
	uint8_t owner[DNAME_MAX];	/* lower case */
	char name[PDNS_NAME_TEXT], ordername[PDNS_NAME_TEXT], type[16];
	struct row row;
	char content[PDNS_CONTENT_BUF];
};

/* free() ends it.  The sink is told of what cannot be mirrored, NULL: nobody is. */
struct maker *maker_new(const struct zone *, const struct rows_style *, struct sink *);
void maker_check(struct maker *);	/* can PowerDNS use the chain? */

/* The rows of a node: its SOA, or all the others.  Once the zone is refused none is given any more. */
enum part { PART_SOA, PART_REST };
int maker_node(struct maker *, const struct node *, enum part, rows_fn *, void *ctx);
#endif
