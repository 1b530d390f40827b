/* inbound.h - the records of a transfer, message by message, to a zone. */
#ifndef DAEMON_TRANSFER_INBOUND_H
#define DAEMON_TRANSFER_INBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/checks.h"
#include "zonefile/zone.h"

/* What a master's messages, taken in order, amount to so far (RFC 5936, RFC 1995). */
enum inbound_state {
	INBOUND_MORE,		/* not at the end */
	INBOUND_SAME,		/* there is nothing newer than what we have */
	INBOUND_WHOLE,		/* at the end: inbound_finish() */
	INBOUND_MISFIT,		/* differences that do not fit what we have, or are more than that: ask for the whole zone */
	INBOUND_REFUSED,	/* the master's answer is an error code */
	INBOUND_WRONG,		/* not what a master may send, or more than we take */
};

struct inbound_conf {
	const uint8_t *origin;		/* lower case */
	struct zone *have;		/* differences from it were asked for; NULL: the whole zone */
	uint64_t max_records;		/* 0: any number */
	uint64_t max_octets;		/* of memory that the records may take, roughly; 0: any */
	uint32_t max_diffs;		/* from version to version; 0: any number */
	struct checks checks;
	report_fn *report;		/* of what they say; may be NULL */
	uint16_t id;			/* of the question */
};

/* One thread at a time. */
struct inbound;
struct inbound *inbound_new(const struct inbound_conf *);	/* refers to have */
void inbound_free(struct inbound *);	/* NULL is fine */

/* The next message, without its signature.  After anything but INBOUND_MORE there is no next one. */
enum inbound_state inbound_message(struct inbound *, const uint8_t *message, size_t len);
/* The zone, with one reference, once it is whole; NULL when what came is no zone: *state says which. */
struct zone *inbound_finish(struct inbound *, enum inbound_state *state);

const char *inbound_why(const struct inbound *);	/* a sentence, of MISFIT, REFUSED and WRONG */
unsigned inbound_rcode(const struct inbound *);		/* of REFUSED */
uint32_t inbound_serial(const struct inbound *);	/* that the master has, once there was a record */
bool inbound_differences(const struct inbound *);	/* it was an answer of differences */
uint64_t inbound_records(const struct inbound *);
/* What the first message's EDNS EXPIRE option says (RFC 7314); returns false when it has none. */
bool inbound_expire(const struct inbound *, uint32_t *seconds);
#endif
