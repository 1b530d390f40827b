/* query_impl.h - a request while it is answered; for the files that answer. */
#ifndef DAEMON_SERVE_QUERY_IMPL_H
#define DAEMON_SERVE_QUERY_IMPL_H

#include "daemon/serve/edns.h"
#include "daemon/serve/query.h"
#include "daemon/transfer/tsig.h"
#include "daemon/transfer/xfrout.h"
#include "sync/slot.h"
#include "zonefile/message.h"

/* One request. */
struct query {
	struct query_scratch *scratch;
	const struct query_server *server;
	struct query_stats *stats;
	const struct sockaddr *from;
	uint16_t port;			/* of ours, that it came to */
	bool tcp;
	struct xfrout **transfer;	/* NULL: there is no such answer */

	/* What it says: an rcode when it says something wrong. */
	unsigned flags, rcode;
	void (*run)(struct query *);	/* by its opcode; NULL: not implemented */
	struct reader reader;
	uint16_t counts[4];
	bool asks;			/* question is there */
	struct question question;
	struct edns edns;
	unsigned soa_section;		/* 0: soa is not there */
	struct reader_record soa;	/* what the client has: in IXFR and NOTIFY */
	size_t tsig_at;			/* 0: no TSIG, and tsig is not used */
	struct tsig tsig;
	uint64_t now;			/* when there is TSIG */

	/* Class IN: who answers. */
	struct slot *slot;
	struct zone *zone;
	struct zone_ahead ahead;

	struct message message;
};

#define QUERY_UDP_MIN 512		/* RFC 1035 4.2.1 */

/* The answer is this rcode. */
static inline void
query_fail(struct query *q, unsigned rcode)
{
	struct query_stats *stats = q->stats;

	q->message.rcode = (uint16_t)rcode;
	switch (rcode) {
	case RCODE_REFUSED:
		query_count(&stats->refused);
		break;
	case RCODE_SERVFAIL:
		query_count(&stats->servfail);
		break;
	case RCODE_NOTIMP:
		query_count(&stats->notimp);
		break;
	default:
		query_count(&stats->formerr);
	}
}

/* Octets of an answer over UDP. */
static inline size_t
query_udp_limit(const struct query *q)
{
	size_t own = q->server->edns_udp_size;

	if (!q->edns.present || own < QUERY_UDP_MIN)
		return QUERY_UDP_MIN;
	return q->edns.size < own ? q->edns.size : own;
}

/* The key that the request is signed with, or NULL. */
static inline const struct tsig_key *
query_key(const struct query *q)
{
	return q->tsig_at != 0 ? q->tsig.key : NULL;
}

static inline bool
query_allowed(const struct query *q, const struct query_right *right, bool otherwise)
{
	const struct tsig_key *key = query_key(q);

	if (right->allow == NULL)
		return otherwise;
	return right->allow(right->list, q->from, key != NULL ? key->name : NULL);
}

/* Is the question's name the origin of the slot? */
static inline bool
query_at_apex(const struct query *q)
{
	return q->slot != NULL && q->question.name_len == name_len(slot_origin(q->slot));
}

/* query_transfer.c: AXFR and IXFR, NOTIFY, EXPIRE for who asks. */
void query_transfer(struct query *);
void query_notify(struct query *);
void query_tell_expiry(struct query *);
/* Its signature is none that we believe. */
void query_tell_unsigned(const struct query *);
#endif
