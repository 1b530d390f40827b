/* answer.h - a question and a zone to the sections of a message. */
#ifndef DAEMON_SERVE_ANSWER_H
#define DAEMON_SERVE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/serve/deny.h"
#include "daemon/serve/recent.h"
#include "zonefile/message.h"
#include "zonefile/zone.h"

/* CNAMEs followed for one question, as many as BIND does; what is longer is SERVFAIL. */
#define ANSWER_CHAIN 11

struct answer_style {
	bool dnssec;		/* signatures and proofs: DO */
	bool minimal;		/* no NS in authority, no additional data but glue */
	bool any_whole;		/* ANY gets all sets; else one of them (RFC 8482 4.1) */
};

enum answer_outcome {
	ANSWER_FOUND,
	ANSWER_CHAINED,		/* ends with an alias to what this zone does not hold */
	ANSWER_NODATA,
	ANSWER_NXDOMAIN,
	ANSWER_REFERRAL,
	ANSWER_CUT_SHORT,	/* the message was full: TC */
};

/* One a thread, zeroed at first. */
struct answer_scratch {
	/* Names on the way along aliases. */
	struct answer_alias {
		uint8_t wire[DNAME_MAX + 1];	/* made from a DNAME */
		uint8_t name[DNAME_MAX + 1];	/* in lower case */
	} alias[ANSWER_CHAIN];
	struct deny_memo denied;
	struct recent recent;
};

/* Fills the sections, AA, TC and the rcode.  The question's name is at or below the zone's origin. */
enum answer_outcome answer(struct answer_scratch *, const struct zone *,
    const struct question *, struct answer_style, struct message *);
#endif
