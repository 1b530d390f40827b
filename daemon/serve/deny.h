/* deny.h - signed proof that there is nothing: NSEC (RFC 4035 3.1.3) and NSEC3 (RFC 5155 7.2). */
#ifndef DAEMON_SERVE_DENY_H
#define DAEMON_SERVE_DENY_H

#include <stdbool.h>

#include "zonefile/message.h"
#include "zonefile/zone.h"

/* An RRset and its signatures; either may be NULL. */
struct pair {
	const struct rrset *set, *sigs;
};

static inline struct pair
node_pair(const struct node *node, uint16_t type)
{
	struct pair pair = { NULL, NULL };

	for (unsigned i = 0; i < node->count; i++) {
		const struct rrset *set = node->set[i];

		if (set->type != type)
			continue;
		pair.set = set;
		if (i + 1u < node->count && node->set[i + 1]->type == T_RRSIG &&
		    node->set[i + 1]->covers == type)
			pair.sigs = node->set[i + 1];
		break;
	}
	return pair;
}

/* What the proofs for absent names below an encloser share: for the names of a zone with few levels it is nearly always
 * the same.  One a thread; zeroed is empty. */
#define DENY_MEMO 64
struct deny_memo {
	struct deny_shared {
		uint64_t zone;		/* its id */
		const struct node *encloser;
		const struct node *wildcard;	/* the NSEC or NSEC3 that denies it */
		const struct node *match;	/* NSEC3 of the closest encloser that can be proven, */
		size_t match_len;		/* and octets of that name */
	} shared[DENY_MEMO];
};

/* The proofs of one message, each record of them once.  Of a zone without NSEC and NSEC3 they are empty. */
#define DENY_SEEN 24
struct denial {
	const struct zone *zone;
	struct deny_memo *memo;
	struct message *message;	/* at its authority section */
	const struct nsec3_params *nsec3;
	unsigned count;
	const struct node *seen[DENY_SEEN];
};
void deny_begin(struct denial *, const struct zone *, struct message *,
    struct deny_memo *);

/* Names in lower case, with the closest encloser that zone_find() gave.  All return false when the
 * message is full. */
bool deny_name(struct denial *, const uint8_t *name, const struct node *encloser);
/* The name exists, at node, but not this type; also of a cut without DS. */
bool deny_type(struct denial *, const uint8_t *name, const struct node *node);
/* No closer name than the wildcard exists. */
bool deny_closer(struct denial *, const uint8_t *name, const struct node *encloser);
/* And the wildcard does not have this type. */
bool deny_wildcard_type(struct denial *, const uint8_t *name,
    const struct node *encloser, const struct node *wildcard);
#endif
