/* announce_impl.h - the inside of NOTIFY: announce.c has the rounds of a zone, announce_servers.c finds its name servers,
 * announce_target.c tells one of them until it has our version. */
#ifndef DAEMON_TRANSFER_ANNOUNCE_IMPL_H
#define DAEMON_TRANSFER_ANNOUNCE_IMPL_H

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/transfer/announce.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/serial.h"

/*
 *	IDLE --a new version--> QUEUED --its turn--> TELLING --acknowledged--> WATCHING
 *	TELLING --silence, an error--> WAITING --time--> QUEUED
 *	WATCHING --time--> ASKING --has our serial--> IDLE
 *	ASKING --not yet--> WATCHING, or WAITING after CHECK_LAST
 *	ASKING --an error--> WAITING, or IDLE after DOUBTS
 *	any --a new version--> told again once it is not TELLING or ASKING
 */
struct target {
	struct target *next;		/* of its zone */
	struct target *next_queued;
	struct announce *zone;
	enum { IDLE, QUEUED, TELLING, WATCHING, ASKING, WAITING } state;
	bool stale;			/* no longer among the targets; freed once nothing is under way */
	bool again;			/* a version came meanwhile */
	bool known;
	uint32_t serial;		/* that it has */
	uint32_t told;			/* that it was told */
	unsigned wait;			/* ms, before the last question */
	unsigned backoff;		/* ms, before it was told again */
	unsigned doubts;		/* times that it was told again for an error in its answer */
	struct probe *probe;
	uv_timer_t timer;
	struct peer peer;		/* holds a reference to its key */
	char trouble[192];
};

struct announce {
	struct slot *slot;		/* a reference */
	struct announce_conf conf;	/* also: own copy */
	struct target *targets;
	struct lookup *lookups;		/* names that the system looks up */
	bool freed;
	bool round_due;
	uint64_t round_at;		/* uv_now() of the last round */
	uv_timer_t timer;		/* of the next round */
	unsigned open;			/* handles and look-ups that point here */
};

/* What all zones share. */
struct announce_common {
	uv_loop_t *loop;
	struct announce_env env;
	struct announce_counts counts;
};
extern struct announce_common announce_common;

/* announce.c */
void announce_tell(struct announce *, enum severity, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void announce_let_go(struct announce *);	/* what was open is no longer */

/* announce_servers.c */
void announce_want_servers(struct announce *, const struct zone *);	/* those of the zone's NS records */
void announce_stop_lookups(struct announce *);

/* announce_target.c */
/* It is to be told of the current version, now. */
void announce_want(struct announce *, const struct peer *);
void announce_target_free(struct target *);
void announce_target_start(void);
void announce_target_stop(void);
#endif
