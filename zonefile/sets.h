/* sets.h - the records of one owner become RRsets, and RRsets a node. */
#ifndef ZONEFILE_SETS_H
#define ZONEFILE_SETS_H

#include "zonefile/checks.h"
#include "zonefile/report.h"
#include "zonefile/sort.h"
#include "zonefile/version.h"

/* A record as it was noted. */
struct rec {
	uint32_t ttl;
	uint32_t order;			/* of coming; 0: from a set that was there before */
	uint32_t line;			/* of its place */
	uint16_t column, file;		/* file: sets_file(), 0: none */
	uint16_t type, len;
	bool removal;
	uint8_t rdata[];
};

/* A set that may be one that was made before, or will be kept.  The table of these and what it names are rarely in a
 * cache: they are fetched while the next owners are read, then looked at. */
#define WAITING 16
#define WAITING_SIZE 248
struct waiting {
	const struct rrset **where;	/* in the node that owns it; NULL: free, or there is none yet */
	struct zone_digest digest;
	uint64_t set[WAITING_SIZE / 8];	/* struct rrset */
};

/* One owner's, reused for the next; made for one zone, which it gives memory to. */
struct sets {
	struct sink *sink;
	const struct checks *checks;	/* NULL: none but what no zone may have */
	unsigned errors;
	struct sink *said;		/* by the checks */
	bool again;			/* names in the records were checked before */
	struct zone *zone;
	const char **file;		/* of places */
	unsigned files;
	struct key *rec;		/* struct rec, by set_order() */
	size_t recs, rec_room;
	const struct rrset **set;
	size_t count, set_room;
	bool odd;			/* see odd.h; of those that were made here */
	struct rrset *scratch;		/* the set being made */
	size_t scratch_room;
	struct known {			/* sets made lately, by content */
		uint64_t digest;	/* other sets cost no look at this one */
		const struct rrset *set;
	} *known;
	size_t known_mask, made;
	uint64_t *good;			/* as many digests of sets whose names were checked */
	struct waiting *waiting;	/* NULL: no set waits */
	unsigned next, fresh;		/* the last fresh ones before next have no node yet */
	struct node *spare;		/* its memory is free, or NULL */
	size_t spare_size;
};

void sets_init(struct sets *, struct zone *, struct sink *);
void sets_free(struct sets *);		/* what it holds */
/* From now on sets wait; the nodes are not to be looked at before sets_settle(). */
void sets_wait(struct sets *);
void sets_settle(struct sets *);
uint16_t sets_file(struct sets *, const char *file);

/* A sentence that begins with an owner's name, at a place (of a record or a key) when it has a file. */
void sets_say(struct sets *, enum severity, uint32_t line, uint16_t column, uint16_t file,
    struct rel owner, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

/* Types in order, RRSIG right behind the type that it covers. */
static inline uint32_t
set_order(uint16_t type, uint16_t covers)
{
	return type == T_RRSIG ? (uint32_t)covers << 1 | 1 : (uint32_t)type << 1;
}
uint32_t rec_set(const struct rec *);	/* the set_order() of the set that it belongs to */

/* Start with neither records nor sets. */
void sets_clear(struct sets *);
void sets_add_record(struct sets *, struct rec *);	/* it stays where it is */
void sets_add(struct sets *, const struct rrset *);	/* as it is */
/* Take a set out of the zone's sums, and its records, copied to notes, among those to be made into sets; place
 * and order (struct rec) are theirs then. */
void sets_add_apart(struct sets *, struct rel owner, const struct rrset *, const struct key *place,
    uint32_t order, struct arena *notes);
/* The records to sets, these and those added as they are in order. */
void sets_make(struct sets *, struct rel owner, struct rel lower);

/* What one owner may not have; line and so on where no record says a better place. */
void sets_check(struct sets *, struct rel owner, const struct key *place);
bool sets_wrong(struct sets *, struct rel owner);	/* would sets_check() say so? */
uint8_t sets_flags(const struct sets *, struct rel owner);	/* NODE_CUT, NODE_DNAME, NODE_HASHED */
struct node *sets_node(struct sets *, struct rel owner, uint32_t hash, uint8_t flags);
/* Add the sets of a node of this owner, unless they are many or some are of the same types. */
bool sets_join(struct sets *, const struct node *);
void sets_spare(struct sets *, struct node *);	/* nobody has this one any more */
/* The same content in this zone's memory. */
const struct rrset *sets_keep(struct sets *, const struct rrset *, struct zone_digest);
#endif
