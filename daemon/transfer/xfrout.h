/* xfrout.h - a transfer to another server as messages: AXFR (RFC 5936), IXFR (RFC 1995). */
#ifndef DAEMON_TRANSFER_XFROUT_H
#define DAEMON_TRANSFER_XFROUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/transfer/history.h"
#include "daemon/transfer/tsig.h"
#include "zonefile/message.h"
#include "zonefile/zone.h"

struct xfrout_request {
	const struct question *question;
	uint16_t id, flags;		/* of all messages */
	const uint8_t *opt;		/* OPT record of the first, or NULL */
	size_t opt_len;
	struct tsig tsig;		/* key NULL: nothing is signed; else the transfer's from now on */
	unsigned message_size;		/* 0: what is best */
	bool datagram;			/* for xfrout_datagram(): no more than message_size */
	bool one_answer;		/* one record a message */
	unsigned max_ms, idle_ms;	/* for who sends it, see xfrout_time() */
};

/* One thread at a time.  Holds the zone as it was at the start, and nothing that grows with the messages. */
struct xfrout;

/* The whole zone. */
struct xfrout *xfrout_axfr(struct zone *, const struct xfrout_request *);
/* What changed since the serial, or the whole zone when that is not known, or the change has more than ratio per cent of the
 * zone's records (0: no limit).  To be prepared, on a thread that may wait. */
struct xfrout *xfrout_ixfr(struct zone *, uint32_t since, struct history *, unsigned ratio,
    const struct xfrout_request *);
bool xfrout_waits(const struct xfrout *);
void xfrout_prepare(struct xfrout *);
/* May give back a large zone: on a thread that may take its time. */
void xfrout_free(struct xfrout *);

/* The next message, into QUERY_OUT_TCP octets.  Returns its length, 0: that was all, or -1: a record that fits
 * into no message. */
#define XFROUT_ROOM (MESSAGE_MAX + MESSAGE_SLACK)
int xfrout_next(struct xfrout *, struct message_many_names *, uint8_t *out);

/* Of an IXFR over UDP, prepared or not: all of it in one message if it fits, else the current SOA, which sends the client to
 * TCP (RFC 1995 2).  Returns the length. */
int xfrout_datagram(struct xfrout *, struct message_many_names *, uint8_t *out);

/* As in the request. */
void xfrout_time(const struct xfrout *, unsigned *max_ms, unsigned *idle_ms);

/* Those that there are in this process. */
unsigned xfrout_count(void);

/* How far it is; for people. */
struct xfrout_facts {
	const uint8_t *origin;
	const char *how;		/* "AXFR", "IXFR", "AXFR-style IXFR" */
	bool incremental;		/* a difference, since that serial */
	uint32_t since, serial;
	uint64_t records, octets;
	const struct tsig_key *key;	/* or NULL */
};
void xfrout_facts(const struct xfrout *, struct xfrout_facts *);
#endif
