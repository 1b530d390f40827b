/* peer.h - another server: its address, and how we talk to it. */
#ifndef DAEMON_TRANSFER_PEER_H
#define DAEMON_TRANSFER_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "daemon/transfer/tsig.h"

#define DNS_PORT 53

union peer_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Immutable while in use. */
struct peer {
	union peer_address address;	/* with the port */
	union peer_address source;	/* to speak from; AF_UNSPEC: any */
	const struct tsig_key *key;	/* signs what goes to it, and what comes from it must be signed with it; NULL: nothing is */
	bool no_ixfr;			/* request-ixfr no: whole zones only */
	unsigned transfers;		/* from it at a time; 0: as from all */
	bool no_expire;			/* request-expire no */
	bool no_edns;			/* edns no */
};

/* From text: an IPv4 or IPv6 address.  Returns false when it is none. */
bool peer_address_parse(union peer_address *, const char *text, unsigned port);
void peer_address_set(union peer_address *, const struct sockaddr *);
/* Of the size that bind() and connect() want. */
socklen_t peer_address_size(const struct sockaddr *);
unsigned peer_address_port(const struct sockaddr *);
/* Equal hosts, whatever the ports; an IPv4-mapped address is IPv4. */
bool peer_same_host(const struct sockaddr *, const struct sockaddr *);
bool peer_same_address(const struct sockaddr *, const struct sockaddr *);	/* and ports */

/* "192.0.2.1:53" or "[2001:db8::1]:53"; returns out. */
#define PEER_TEXT 80
const char *peer_print(char out[PEER_TEXT], const struct sockaddr *);
#endif
