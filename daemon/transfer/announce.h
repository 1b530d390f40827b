/* announce.h - tell other servers of new versions until they have them. */
#ifndef DAEMON_TRANSFER_ANNOUNCE_H
#define DAEMON_TRANSFER_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/transfer/peer.h"
#include "sync/slot.h"
#include "zonefile/report.h"

/* All of it belongs to the control loop. */

struct announce;
struct announce_env {
	report_fn *report;
	void *ctx;
	struct announce *(*of)(const struct slot *);	/* NULL: its versions are not announced */
	bool (*ourselves)(const struct sockaddr *);	/* is it an address that we answer on? */
	void (*about)(struct peer *);	/* key and manners for an address that only the zone names */
};
void announce_start(uv_loop_t *, const struct announce_env *);
void announce_set_rate(unsigned per_second);	/* NOTIFYs of all zones together */
void announce_stop(void);			/* all have been freed */

/* The slot has a new version. */
void announce_published(struct slot *);

/* Who is told; copied. */
struct announce_conf {
	const struct peer *also;	/* besides */
	size_t also_count;
	bool name_servers;		/* those of the apex's NS records that are not ours */
	const struct peer *masters;	/* of a slave: name servers that it has its versions from, and are not told */
	size_t master_count;
	bool primary_too;		/* also the one that the SOA names (RFC 1996 3.3 leaves it out) */
	struct peer like;		/* the source of what is sent to name servers */
	union peer_address source_v6;
	unsigned delay;			/* seconds between rounds of one zone */
};

/* A zone whose versions are announced.  One target is asked at most once at a time; what it acknowledges is not
 * believed before its SOA shows our serial. */
struct announce *announce_new(struct slot *, const struct announce_conf *);
void announce_change(struct announce *, const struct announce_conf *);
void announce_free(struct announce *);		/* NULL is fine */

/* Now, whatever they are known to have; with a host only it.  Unless the port is meant, a target with another
 * one is it too. */
void announce_now(struct announce *, const struct sockaddr *only, bool port);

/* Of all zones since the start: NOTIFYs sent, acknowledged, and answered with an error or not at all. */
struct announce_counts {
	uint64_t sent, acknowledged, failed;
};
void announce_counts(struct announce_counts *);

struct announce_target {
	char address[PEER_TEXT];
	enum { ANNOUNCE_IN_STEP, ANNOUNCE_TELLING, ANNOUNCE_DUE, ANNOUNCE_NEWER } state;	/* to what we have now */
	bool known;			/* its serial */
	uint32_t serial;
	const char *trouble;		/* "" */
};
/* Each target in turn; false when there is no i-th. */
bool announce_status(const struct announce *, size_t i, struct announce_target *);
#endif
