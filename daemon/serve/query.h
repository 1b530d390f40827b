/* query.h - a request to what to do: answer, refuse, ignore. */
#ifndef DAEMON_SERVE_QUERY_H
#define DAEMON_SERVE_QUERY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history;
struct slot;
struct tsig_key;
struct tsig_keys;
struct xfrout;
struct xfrout_facts;

/* May this client?  key is the name of the key that its message is verified to be signed with, in lower case,
 * or NULL.  Any thread, and quickly. */
struct query_right {
	bool (*allow)(const void *list, const struct sockaddr *client, const uint8_t *key);
	const void *list;
};

/* Rights of one zone, hung on its slot by the daemon (slot_policy()).  Without a policy everybody may ask, and
 * nobody may do anything else. */
struct query_policy {
	struct query_right ask;		/* allow NULL: everybody */
	struct query_right transfer;	/* AXFR and IXFR; allow NULL: nobody */
	struct query_right notify;	/* allow NULL: nobody */
	struct query_right whole_only;	/* provide-ixfr no: who gets no differences; allow NULL: nobody */
	unsigned max_ixfr_ratio;	/* per cent of the zone's size above which it is sent whole; 0: none */
	uint16_t transfer_port;		/* of ours, that it is given on; 0: any */
	unsigned max_ms, idle_ms;	/* a transfer, and without an octet taken by the client.  0: no limit */
};

/* Limits of transfers to others. */
struct query_transfers {
	unsigned at_once;		/* over all workers; more are SERVFAIL.  0: no limit */
	unsigned message_size;		/* octets at most; 0: what is best */
};

/* A question, for a log of them. */
struct query_asked {
	const uint8_t *name;		/* lower case */
	uint16_t type, class;
	bool recursion, edns, dnssec, tcp;
	const struct tsig_key *signed_by;	/* or NULL */
};

/* A transfer that was not given, or a NOTIFY that was not heard. */
struct query_refusal {
	const uint8_t *zone;		/* lower case */
	bool notify;
	uint16_t type;			/* AXFR or IXFR, else */
	const uint8_t *key;		/* that it is signed with, good or not; NULL: with none */
	enum query_why {
		QUERY_NO_ZONE,		/* none of ours, and not to be */
		QUERY_FORBIDDEN,	/* not to this client */
		QUERY_WRONG_PORT,	/* to this client, but on another port */
		QUERY_NOT_LOADED,
		QUERY_TOO_MANY,		/* transfers at once */
		QUERY_MASTER,		/* a NOTIFY of what nobody else is master of */
		QUERY_SIGNATURE,	/* bad says what about it */
	} why;
	const char *bad;		/* "BADKEY" */
};

/* What is the same for all questions; immutable while in use. */
struct query_server {
	uint16_t edns_udp_size;		/* that we announce and never exceed over UDP */
	const char *version, *server_id, *hostname;	/* CH TXT; server_id also NSID; NULL: refused */
	bool minimal_responses;		/* no NS in authority, no additional data but glue */
	const struct tsig_keys *keys;	/* NULL: none */

	struct query_transfers transfers;
	struct history *history;	/* differences for IXFR; NULL: whole zones only */
	struct query_right one_answer;	/* who wants one record a message; allow NULL: nobody */

	/* A NOTIFY from one who may, and the serial in it, or NULL.  On the worker's thread, inside slot_enter() and
	 * slot_leave(): leaves a note and returns.  NULL: all are refused. */
	void (*notified)(void *ctx, struct slot *, const struct sockaddr *from,
	    const struct tsig_key *, const uint32_t *serial);
	/* The same for a name that is no slot's.  Returns false when this client is nobody's autoprimary.
	 * NULL: all are refused. */
	bool (*notified_unknown)(void *ctx, const uint8_t *name, const struct sockaddr *from,
	    const struct tsig_key *);
	/* A question has come.  On the worker's thread.  NULL: nobody wants to know. */
	void (*asked)(void *ctx, const struct sockaddr *from, const struct query_asked *);
	/* On the worker's thread, however many there are.  NULL: nobody wants to know. */
	void (*refused)(void *ctx, const struct sockaddr *from, const struct query_refusal *);
	/* A transfer has ended, whole or not.  On the worker's thread.  NULL: nobody wants to know. */
	void (*transferred)(void *ctx, const struct sockaddr *to, const struct xfrout_facts *,
	    bool whole, uint64_t ms);
	void *ctx;
};

/* Counters of one worker; only it writes. */
struct query_stats {
	uint64_t udp, tcp, tcp_connections;
	uint64_t answers, nxdomain, nodata, referrals, refused, servfail, formerr, notimp, truncated, dropped;
	uint64_t opcode_other;
	uint64_t notifies, transfers;	/* taken; begun */
};
/* Others read the counters while their worker writes: whole words, in no order. */
static inline void
query_count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

struct query_scratch;			/* one a worker: compression table, buffers */
struct query_scratch *query_scratch_new(void);
void query_scratch_free(struct query_scratch *);

/* All that one worker answers with; its thread. */
struct responder {
	struct query_scratch *scratch;
	const struct query_server *server;
	struct query_stats stats;
};

/* Answers one message that came to a port of ours, inside slot_enter() and slot_leave().  out holds QUERY_OUT_TCP octets, or over UDP
 * QUERY_OUT_UDP: what goes to the client and room for what turns out not to fit.
 * Returns the octets to send, 0: nothing (a response, too short to answer).  transfer is NULL over UDP; over TCP
 * *transfer is NULL, and becomes what is to be sent instead, which is the caller's then. */
#define QUERY_OUT_TCP (65535 + 1024)
#define QUERY_OUT_UDP(server) \
	((server)->edns_udp_size < 512 ? 512 + 1024u : (server)->edns_udp_size + 1024u)
size_t query_run(struct query_scratch *, const struct query_server *, struct query_stats *,
    const struct sockaddr *from, uint16_t port, struct xfrout **transfer, const uint8_t *request, size_t len, uint8_t *out);

/* The same for datagrams that arrived together: while one waits for memory others are worked on.  The answers stand
 * one behind the other in out, each at a multiple of QUERY_ALIGN, which has room for as many of the largest and
 * QUERY_OUT_UDP. */
#define QUERY_ALIGN 64
struct query_datagram {
	const struct sockaddr *from;
	uint16_t port;			/* of ours */
	const uint8_t *request;
	size_t len;
	uint8_t *answer;		/* filled in */
	size_t answer_len;		/* 0: none */
	struct xfrout *transfer;	/* or NULL; the caller's, to be answered by xfrout_datagram() */
};
void query_run_many(struct query_scratch *, const struct query_server *, struct query_stats *,
    struct query_datagram *, unsigned count, uint8_t *out);
#endif
