/* edns.h - the OPT record: what a client can take, and what we say in it (RFC 6891). */
#ifndef DAEMON_SERVE_EDNS_H
#define DAEMON_SERVE_EDNS_H

#include <stdbool.h>
#include <stdint.h>

#include "zonefile/message.h"

/* Extended errors that we tell (RFC 8914 4). */
enum { EDE_NONE = -1, EDE_NOT_READY = 14, EDE_PROHIBITED = 18 };

struct edns {
	bool present, dnssec, nsid, expire;	/* of the request; DO, and that it asks for NSID, EXPIRE */
	uint16_t size;			/* what the client takes over UDP, at least 512 */
	int error;			/* EDE to tell */
	int64_t expires;		/* seconds to tell (RFC 7314), or -1 */
};

/* Octets of the longest that is written. */
#define EDNS_MAX 284

/* Returns RCODE_NOERROR, RCODE_FORMERR or RCODE_BADVERS. */
unsigned edns_read(struct edns *, const struct reader_record *);

/* Room to keep for the answer's OPT record, then the record: size is what we take over UDP, id our
 * NSID (RFC 5001) or NULL. */
size_t edns_room(const struct edns *, const char *id);
void edns_write(const struct edns *, struct message *, uint16_t size,
    const char *id);
#endif
