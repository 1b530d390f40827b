/* request.h - what we ask other servers, and whether a message answers it. */
#ifndef DAEMON_TRANSFER_REQUEST_H
#define DAEMON_TRANSFER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/message.h"

struct request {
	uint16_t id;
	uint16_t type;			/* SOA, AXFR, IXFR */
	bool notify;			/* it is no question but says that there is a new version (RFC 1996) */
	bool edns, expire;		/* expire: with that option, to be filled in (RFC 7314) */
	const uint8_t *origin;		/* lower case */
	const struct rrset *soa;	/* of IXFR and of notify: the SOA that we have */
};

uint16_t request_id(void);		/* that nobody can guess */

/* Returns the length.  There is room for a signature of any key in a buffer of REQUEST_ROOM. */
#define REQUEST_ROOM 1536
size_t request_write(const struct request *, uint8_t out[REQUEST_ROOM]);

/* Is it the answer, or the error, that the request waits for?  Returns NULL or a sentence of what is wrong.  The reader is put behind the question;
 * later messages of a transfer need none (RFC 5936 2.2.2). */
const char *request_answered(const struct request *, bool later, struct reader *);

/* The EXPIRE option of the OPT record, the message's other records read from where the reader is.  Returns false when there is none. */
bool request_expire(struct reader, uint32_t *seconds);

const char *request_rcode(unsigned rcode);	/* "REFUSED" */
#endif
