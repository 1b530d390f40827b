/* refresh_impl.h - the inside of a slave's clock: refresh.c is what others call, refresh_clock.c the time between two looks,
 * refresh_probe.c what masters have, refresh_fetch.c transfers, refresh_commit.c what becomes of them. */
#ifndef DAEMON_TRANSFER_REFRESH_IMPL_H
#define DAEMON_TRANSFER_REFRESH_IMPL_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/transfer/away.h"
#include "daemon/transfer/probe.h"
#include "daemon/transfer/refresh.h"
#include "sync/commit.h"
#include "sync/steady.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/serial.h"

#define NOTIFY_GAP_MS 1000	/* between questions that NOTIFYs cause */

struct master {
	struct peer peer;		/* holds a reference to its key */
	struct refresh *refresh;
	struct probe *probe;		/* NULL: not being asked */
	bool answered, has_expire;	/* this time, and has not failed since */
	bool refused;			/* this time: it is no server of the zone, or none for us */
	uint32_t serial, expire;
	uint64_t bad_until;		/* uv_now() */
	unsigned bad_ms;
};

/*
 *	LOADING --what was kept is published--> COMMITTING, IDLE
 *	IDLE --time, NOTIFY, command--> WAITING --its turn--> PROBING --newer somewhere--> QUEUED
 *	                                          PROBING --not newer, nobody answers--> IDLE
 *	QUEUED --its turn--> FETCHING --zone--> COMMITTING --> IDLE
 *	                     FETCHING --fault--> QUEUED, for the next master that has it, or IDLE
 *
 * An operator's retransfer goes from IDLE to QUEUED.
 */
struct refresh {
	enum { LOADING, IDLE, WAITING, PROBING, QUEUED, FETCHING, COMMITTING } state;
	struct slot *slot;
	struct refresh_conf conf;	/* its masters are below */
	struct master *master;
	size_t masters, from;		/* from: the one that it is fetched from */
	unsigned refs;			/* owner, timer, and what is under way elsewhere */
	bool freed;
	uv_timer_t timer;		/* IDLE: what is next; PROBING: the grace */
	struct refresh *next_in_queue;

	bool again, all;		/* ask once more after this; ask those too that were silent */
	bool retransfer, forced;	/* fetch the whole zone, whatever its serial: after this, now */
	bool restoring;			/* COMMITTING what was kept */
	bool fresh;			/* WAITING in that queue */
	bool expired;
	bool has_expire;		/* of the master that it was fetched from */
	uint32_t expire;
	uint64_t asked_ms;		/* uv_now() of the last check */
	int64_t checked, next, expires;	/* steady_now() */
	int64_t refused_since;		/* by all masters; 0: it is not */
	int64_t behind_since;		/* a master has a newer version; 0: none is known to */
	uint32_t retry;			/* of the version that expired */
	unsigned failures;		/* in a row */
	int64_t held_until;		/* steady_now(); what is newer is not fetched before */
	int64_t hold;			/* seconds, of the last time; 0: the last was kept */
	char *trouble;			/* NULL: none */
	char *last_from;
	struct xfrin *xfrin;		/* FETCHING */

	bool unwritten, writing;	/* the file is not of the current version */
	int64_t written;

	/* what the commit thread brings back */
	struct refresh *done_next;
	struct commit_outcome outcome;
	char why[256];
};

/* What all of them share. */
struct refresh_common {
	uv_loop_t *loop;
	struct refresh_limits limits;
	report_fn *report;
	void *ctx;
	struct away_list *away;
	struct refresh_counts counts;
};
extern struct refresh_common refresh_common;

struct queue {
	struct refresh *first, **last;
};

static inline void
queue_push(struct queue *q, struct refresh *r)
{
	r->next_in_queue = NULL;
	*q->last = r;
	q->last = &r->next_in_queue;
}

static inline void
queue_unlink(struct queue *q, struct refresh **at)
{
	struct refresh *r = *at;

	*at = r->next_in_queue;
	if (q->last == &r->next_in_queue)
		q->last = at;
}

static inline void
queue_pull(struct queue *q, struct refresh *r)
{
	struct refresh **at = &q->first;

	while (*at != r)
		at = &(*at)->next_in_queue;
	queue_unlink(q, at);
}

/* refresh.c */
void refresh_say(struct refresh *, enum severity, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void refresh_drop(struct refresh *);		/* a reference */
const char *refresh_master_text(const struct master *, char out[PEER_TEXT]);

/* refresh_clock.c */
/* What the zone's SOA says. */
struct refresh_timers {
	uint32_t serial, refresh, retry, expire;
};
struct refresh_timers refresh_timers(const struct zone *);
bool refresh_timers_of(struct refresh *, struct refresh_timers *);	/* false: there is no zone */

int64_t refresh_interval(const struct refresh *, uint32_t refresh);	/* from one confirmation to the next question */
int64_t refresh_lifetime(const struct refresh *, const struct refresh_timers *);	/* to its expiry */
void refresh_ask_next(struct refresh *, const struct refresh_timers *);	/* after checked and before expires, which are set */
void refresh_schedule(struct refresh *);	/* IDLE: what comes first */
void refresh_idle(struct refresh *);		/* the end of all that is done */
void refresh_confirmed(struct refresh *, bool has_expire, uint32_t expire_in);
void refresh_failed(struct refresh *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void refresh_unconfirmed(struct refresh *);	/* the same, and not worth a word */
void refresh_keep_clock(struct refresh *);	/* over a restart */
/* What was fetched could not be kept: it is not fetched again for a while, each time a longer one. */
void refresh_held(struct refresh *, const char *why, uint32_t serial);
bool refresh_is_held(struct refresh *);		/* and then asked again when that has ended */
void refresh_write_soon(struct refresh *);	/* there is a new version for the file */
void refresh_write_now(struct refresh *);	/* if one waits */

/* refresh_probe.c */
void refresh_check(struct refresh *);		/* to WAITING */
void refresh_stop_probing(struct refresh *);	/* out of WAITING and PROBING */
void refresh_probe_start(void);
void refresh_probe_stop(void);

/* refresh_fetch.c */
size_t refresh_best(struct refresh *);
void refresh_fetch_from(struct refresh *, size_t master);	/* to QUEUED */
void refresh_fetch_failed(struct refresh *, const char *why);	/* this master is of no use now */
void refresh_next_fetches(void);
void refresh_stop_fetching(struct refresh *);	/* out of QUEUED and FETCHING */
void refresh_fetch_stop(void);

/* refresh_commit.c */
void refresh_submit(struct refresh *, struct zone *, unsigned flags);	/* to COMMITTING */
void refresh_commit_start(void);
void refresh_commit_stop(void);
#endif
