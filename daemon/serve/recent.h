/* recent.h - what answers are made of lately, kept as octets to be given again. */
#ifndef DAEMON_SERVE_RECENT_H
#define DAEMON_SERVE_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "zonefile/message.h"
#include "zonefile/zone.h"

/* A referral is the same for all names below its cut but for where the question ends: the pointers in it
 * move by that.  So what was compressed once is copied, and its pointers moved, in a tenth of the time.  The same holds for the
 * SOA of negative answers.  One a worker; zeroed is empty.  Memory is used as it is filled. */
#define RECENT_RING (2u << 20)		/* octets kept; all referrals of the root zone are 1.3 MB */
#define RECENT_SETS 4096
struct recent {
	uint64_t head;			/* octets ever written */
	struct recent_slot {
		uint64_t zone;		/* its id; 0: free */
		const struct node *node;	/* never followed */
		uint64_t at;		/* in the ring; written over when head is more than RECENT_RING ahead */
		uint16_t len;		/* 0: asked for once, not kept yet */
		uint16_t count[2];	/* records of authority, additional */
		uint8_t pointers, kind;
	} slot[RECENT_SETS][2];
	uint8_t ring[RECENT_RING];
};

enum recent_kind {
	RECENT_REFERRAL, RECENT_SIGNED_REFERRAL,	/* node: the cut */
	RECENT_SOA, RECENT_SIGNED_SOA,			/* node: the apex */
};
struct recent_key {
	uint64_t zone;			/* zone_id() */
	const struct node *node;
	enum recent_kind kind;
};

/* The question's name ends with the node's, of len octets.  Writes the records behind the question and returns
 * true; or says in *keep whether to keep those made now: they were asked for before. */
bool recent_copy(struct recent *, struct recent_key, size_t len,
    struct message *, bool *keep);
/* The message has these records behind the question and nothing else, and nothing was left out. */
void recent_keep(struct recent *, struct recent_key, size_t len,
    const struct message *);
#endif
