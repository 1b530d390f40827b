#include "daemon/transfer/refresh.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/transfer/away.h"
#include "daemon/transfer/keep.h"
#include "daemon/transfer/probe.h"
#include "sync/commit.h"
#include "sync/steady.h"
#include "zonefile/arena.h"
#include "zonefile/message.h"
#include "zonefile/name.h"
#include "zonefile/serial.h"

#define GRACE_MS 500		/* for the other masters once one has something newer */
#define NOTIFY_GAP_MS 1000	/* between questions that NOTIFYs cause */
#define FIRST_RETRY 5		/* seconds, of a zone that has never been there; doubled up to */
#define LAST_RETRY 640
#define BAD_FIRST_MS 60000	/* that a master is not asked for a zone after what cannot be one; doubled up to */
#define BAD_LAST_MS 3600000
#define WRITE_GAP 60		/* seconds between writings of a zone's file */
#define SCAN_MAX 1000		/* zones looked at for one that may be fetched now */
#define FRESH_MAX 64		/* zones without a version that are asked for at a time, whatever the rate */
#define TURN_MS 20

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
	unsigned failures;		/* in a row */
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

struct queue {
	struct refresh *first, **last;
};

static struct {
	uv_loop_t *loop;
	struct refresh_limits limits;
	report_fn *report;
	void *ctx;
	struct away_list *away;
	struct queue probes, fresh, fetches;	/* fresh: to be probed, and there is no version to serve meanwhile */
	unsigned probing;		/* zones that are PROBING */
	struct refresh **fetching;
	size_t fetching_count;
	uv_timer_t turn;		/* for probes */
	uint64_t turn_at;		/* uv_now() of the last */
	uint64_t tokens;		/* thousandths of a probe */
	struct refresh_counts counts;
	uv_async_t wake;
	pthread_mutex_t lock;
	struct refresh *done;		/* lock */
} now = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void schedule(struct refresh *);
static void check(struct refresh *);
static void next_fetches(void);

/* --- small things --- */

static void __attribute__((format(printf, 3, 4)))
say(struct refresh *r, enum severity severity, const char *fmt, ...)
{
	char text[1024];
	struct report report = { .severity = severity, .zone = slot_name(r->slot), .text = text };
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	now.report(now.ctx, &report);
}

/* So that zones that were fetched together are not asked for together for ever. */
static int64_t
jitter(int64_t seconds)
{
	return seconds - (int64_t)((uint64_t)rand() % (uint64_t)(seconds / 10 + 1));
}

static int64_t
clamp(int64_t v, int64_t min, int64_t max)
{
	if (max > 0 && v > max)
		v = max;
	return v < min ? min : v;
}

/* What the zone's SOA says. */
struct timers {
	uint32_t serial, refresh, retry, expire;
};

/* Returns false when there is no zone. */
static bool
timers_of(struct refresh *r, struct timers *t)
{
	struct zone *zone = slot_zone_ref(r->slot);
	const uint8_t *end;

	if (zone == NULL)
		return false;
	end = zone_soa(zone)->rdata + zone_soa(zone)->size;
	*t = (struct timers){ get32(end - 20), get32(end - 16), get32(end - 12), get32(end - 8) };
	zone_unref(zone);
	return true;
}

static void
push(struct queue *q, struct refresh *r)
{
	r->next_in_queue = NULL;
	*q->last = r;
	q->last = &r->next_in_queue;
}

static void
unlink_from(struct queue *q, struct refresh **at)
{
	struct refresh *r = *at;

	*at = r->next_in_queue;
	if (q->last == &r->next_in_queue)
		q->last = at;
}

static void
pull(struct queue *q, struct refresh *r)
{
	struct refresh **at = &q->first;

	while (*at != r)
		at = &(*at)->next_in_queue;
	unlink_from(q, at);
}

static const char *
address_of(const struct master *m, char out[PEER_TEXT])
{
	return peer_print(out, &m->peer.address.any);
}

static void
free_masters(struct refresh *r)
{
	for (size_t i = 0; i < r->masters; i++)
		tsig_key_unref(r->master[i].peer.key);
	free(r->master);
}

static void
drop(struct refresh *r)
{
	if (--r->refs > 0)
		return;
	assert(r->freed);
	free_masters(r);
	slot_unref(r->slot);
	free((char *)(uintptr_t)r->conf.file);
	free(r->trouble);
	free(r->last_from);
	free(r);
}

/* --- the file --- */

static void
on_written(void *ctx, int err)
{
	struct refresh *r = ctx;

	r->writing = false;
	if (err < 0 && !r->freed) {
		say(r, ERROR, "%s was not written: %s; the journal has the zone", r->conf.file, strerror(-err));
		r->unwritten = true;
	}
	if (!r->freed && r->state == IDLE)
		schedule(r);
	drop(r);
}

static void
write_file(struct refresh *r)
{
	struct zone *zone = slot_zone_ref(r->slot);

	r->unwritten = false;
	if (zone == NULL)
		return;
	r->written = steady_now();
	r->writing = true;
	r->refs++;
	keep_write(zone, r->conf.file, r->conf.full_style, on_written, r);
}

/* --- IDLE --- */

static void
expire(struct refresh *r)
{
	say(r, ERROR, "expired: no master has confirmed it in time, queries get SERVFAIL");
	r->expired = true;
	commit_withdraw(r->slot, NULL, NULL);
}

static bool
wants_file(const struct refresh *r)
{
	return r->unwritten && !r->writing && r->conf.file != NULL;
}

static void
on_time(uv_timer_t *timer)
{
	struct refresh *r = timer->data;
	int64_t t = steady_now();

	if (wants_file(r) && t >= r->written + WRITE_GAP)
		write_file(r);
	if (!r->expired && r->expires > 0 && t >= r->expires)
		expire(r);
	if (t >= r->next)
		check(r);
	else
		schedule(r);
}

/* What comes first. */
static void
schedule(struct refresh *r)
{
	int64_t t = steady_now(), at = r->next;

	if (!r->expired && r->expires > 0 && r->expires < at)
		at = r->expires;
	if (wants_file(r) && r->written + WRITE_GAP < at)
		at = r->written + WRITE_GAP;
	/* The loop's clock stands still while the machine sleeps: look at least each hour. */
	uv_timer_start(&r->timer, on_time, (uint64_t)clamp(at - t, 0, 3600) * 1000, 0);
}

static void
idle(struct refresh *r)
{
	uint64_t ms = uv_now(now.loop) - r->asked_ms;

	r->state = IDLE;
	r->forced = r->restoring = false;
	schedule(r);
	if (r->retransfer) {
		refresh_retransfer(r);
		return;
	}
	if (!r->again) {
		r->all = false;
		return;
	}
	r->again = false;
	r->next = steady_now();
	uv_timer_start(&r->timer, on_time, ms < NOTIFY_GAP_MS ? NOTIFY_GAP_MS - ms : 0, 0);
}

/* How long after a master has confirmed the zone it is asked again. */
static int64_t
refresh_interval(const struct refresh *r, uint32_t refresh)
{
	int64_t seconds = clamp(refresh, r->conf.min_refresh, r->conf.max_refresh);

	if (r->conf.cycle > 0 && seconds > r->conf.cycle)
		seconds = r->conf.cycle;
	return seconds > 0 ? seconds : 1;
}

/* A master that is to be believed has what we have. */
static void
confirmed(struct refresh *r, bool has_expire, uint32_t expire_in)
{
	struct timers t;

	free(r->trouble);
	r->trouble = NULL;
	r->failures = 0;
	r->behind_since = 0;
	r->checked = steady_now();
	if (timers_of(r, &t)) {
		r->next = r->checked + jitter(refresh_interval(r, t.refresh));
		r->expires = r->checked + (has_expire && expire_in < t.expire ? expire_in : t.expire);
		r->expired = false;
		slot_set_expires(r->slot, (uint64_t)r->expires);
		commit_clock(r->slot, (struct journal_clock){ steady_to_clock(r->checked),
		    steady_to_clock(r->expires) });
	}
	idle(r);
}

static void __attribute__((format(printf, 2, 3)))
failed(struct refresh *r, const char *fmt, ...)
{
	char text[1024];
	struct timers t;
	int64_t retry;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (timers_of(r, &t)) {
		retry = clamp(t.retry, r->conf.min_retry, r->conf.max_retry);
	} else {
		retry = FIRST_RETRY << (r->failures < 7 ? r->failures : 7);
		retry = clamp(retry, 0, LAST_RETRY);
	}
	if (r->conf.cycle > 0 && retry > r->conf.cycle)
		retry = r->conf.cycle;
	r->failures++;
	r->next = steady_now() + jitter(retry > 0 ? retry : 1);
	/* The same each time is news once. */
	if (r->trouble == NULL || strcmp(r->trouble, text) != 0)
		say(r, WARNING, "%s", text);
	free(r->trouble);
	r->trouble = xstrdup(text);
	idle(r);
}

/* --- fetching --- */

/* Of the masters that answered and have not failed since, the one with the newest version, the first of equals; or
 * masters when none has anything newer than ours. */
static size_t
best(struct refresh *r)
{
	struct timers t;
	bool have = timers_of(r, &t);
	size_t found = r->masters;

	for (size_t i = 0; i < r->masters; i++) {
		const struct master *m = &r->master[i];

		if (!m->answered || (!r->forced && have && !serial_newer(m->serial, t.serial)))
			continue;
		if (found == r->masters || serial_newer(m->serial, r->master[found].serial))
			found = i;
	}
	return found;
}

static void
fetch_from(struct refresh *r, size_t i)
{
	r->from = i;
	r->state = QUEUED;
	push(&now.fetches, r);
	next_fetches();
}

/* This master is of no use now; the next one that may be. */
static void
fetch_failed(struct refresh *r, const char *why)
{
	struct master *m = &r->master[r->from];
	char address[PEER_TEXT];
	size_t i;

	m->answered = false;
	if ((i = best(r)) == r->masters) {
		failed(r, "transfer from %s: %s", address_of(m, address), why);
		return;
	}
	say(r, WARNING, "transfer from %s: %s", address_of(m, address), why);
	fetch_from(r, i);
}

/* Commit thread. */
static void
on_committed(void *ctx, struct slot *slot, const struct commit_outcome *outcome)
{
	struct refresh *r = ctx;

	(void)slot;
	r->outcome = *outcome;
	snprintf(r->why, sizeof(r->why), "%s", outcome->why != NULL ? outcome->why : "");
	pthread_mutex_lock(&now.lock);
	r->done_next = now.done;
	now.done = r;
	pthread_mutex_unlock(&now.lock);
	uv_async_send(&now.wake);
}

static void
submit(struct refresh *r, struct zone *zone, unsigned flags)
{
	r->state = COMMITTING;
	r->refs++;
	commit_submit(r->slot, zone, flags, on_committed, r);
}

/* Of what was kept. */
static void
restored(struct refresh *r)
{
	if (r->outcome.result == COMMIT_DONE)
		say(r, NOTE, "serial %" PRIu32 ", as it was kept", r->outcome.new_serial);
	idle(r);
}

static void
committed(struct refresh *r)
{
	const struct commit_outcome *o = &r->outcome;

	if (r->restoring) {
		restored(r);
		return;
	}
	switch (o->result) {
	case COMMIT_DONE:
		if (o->first)
			say(r, NOTE, "serial %" PRIu32 " committed", o->new_serial);
		else
			say(r, NOTE, "serial %" PRIu32 " -> %" PRIu32 " committed, %zu records removed, %zu added",
			    o->old_serial, o->new_serial, o->removed, o->added);
		if (r->why[0] != '\0')
			say(r, WARNING, "%s", r->why);
		r->unwritten = true;
		if (wants_file(r) && steady_now() >= r->written + WRITE_GAP)
			write_file(r);
		confirmed(r, r->has_expire, r->expire);
		return;
	case COMMIT_SAME:
		say(r, NOTE, "serial %" PRIu32 " is what we have", o->new_serial);
		confirmed(r, r->has_expire, r->expire);
		return;
	case COMMIT_OLDER:
		fetch_failed(r, r->why);
		return;
	case COMMIT_FAILED:
		failed(r, "%s, still serving serial %" PRIu32, r->why, o->old_serial);
		return;
	case COMMIT_GONE:
		idle(r);
		return;
	}
}

static void
take_committed(void)
{
	struct refresh *r;

	for (;;) {
		pthread_mutex_lock(&now.lock);
		if ((r = now.done) != NULL)
			now.done = r->done_next;
		pthread_mutex_unlock(&now.lock);
		if (r == NULL)
			return;
		if (!r->freed)
			committed(r);
		drop(r);
	}
}

static void
on_wake(uv_async_t *async)
{
	(void)async;
	uv_update_time(now.loop);
	take_committed();
}

static void
note_bad(struct master *m)
{
	m->bad_ms = m->bad_ms == 0 ? BAD_FIRST_MS : m->bad_ms * 2 < BAD_LAST_MS ? m->bad_ms * 2 : BAD_LAST_MS;
	m->bad_until = uv_now(now.loop) + m->bad_ms;
}

static void
leave_fetching(struct refresh *r)
{
	size_t i = 0;

	while (now.fetching[i] != r)
		i++;
	now.fetching[i] = now.fetching[--now.fetching_count];
	r->xfrin = NULL;
}

static void
on_fetched(void *ctx, const struct xfrin_outcome *o)
{
	struct refresh *r = ctx;
	struct master *m = &r->master[r->from];
	char address[PEER_TEXT], why[600];

	leave_fetching(r);
	now.counts.fetched += o->result != XFRIN_FAILED;
	now.counts.broken_off += o->result == XFRIN_FAILED;
	address_of(m, address);
	if (o->fell_back != NULL)
		say(r, WARNING, "IXFR from %s: %s; the whole zone was asked for", address, o->fell_back);
	if (o->result == XFRIN_FAILED && o->bad) {
		note_bad(m);
		snprintf(why, sizeof(why), "%s; it is not asked for this zone for %u s", o->why, m->bad_ms / 1000);
		fetch_failed(r, why);
	} else if (o->result == XFRIN_FAILED) {
		fetch_failed(r, o->why);
	} else {
		m->bad_ms = 0;
		r->has_expire = o->has_expire || m->has_expire;
		r->expire = o->has_expire ? o->expire : m->expire;
		free(r->last_from);
		r->last_from = xstrdup(address);
		if (o->result == XFRIN_SAME) {
			fetch_failed(r, "it offers nothing newer than we have");
		} else {
			say(r, NOTE, "%s from %s done: serial %" PRIu32 ", %" PRIu64 " records, %" PRIu64 " octets in %"
			    PRIu64 " messages, %u ms", o->differences ? "IXFR" : "AXFR", address,
			    zone_serial(o->zone), o->records, o->octets, o->messages, o->ms);
			submit(r, o->zone, r->forced ? COMMIT_FORCED : 0);
		}
	}
	next_fetches();
}

static void
fetch(struct refresh *r)
{
	struct master *m = &r->master[r->from];
	struct xfrin_conf conf = { .from = &m->peer, .limits = &r->conf.limits, .origin = slot_origin(r->slot) };
	char address[PEER_TEXT];

	conf.have = r->forced ? NULL : slot_zone_ref(r->slot);
	say(r, NOTE, "transfer from %s starts", address_of(m, address));
	r->state = FETCHING;
	now.fetching = xrealloc(now.fetching, (now.fetching_count + 1) * sizeof(now.fetching[0]));
	now.fetching[now.fetching_count++] = r;
	r->xfrin = xfrin_start(now.loop, &conf, on_fetched, r);
	zone_unref(conf.have);
}

static bool
may_fetch(const struct refresh *r)
{
	const struct peer *peer = &r->master[r->from].peer;
	unsigned limit = peer->transfers > 0 ? peer->transfers : now.limits.transfers_per_master, count = 0;

	for (size_t i = 0; i < now.fetching_count; i++) {
		const struct refresh *other = now.fetching[i];

		count += peer_same_host(&other->master[other->from].peer.address.any, &peer->address.any);
	}
	return limit == 0 || count < limit;
}

static void
next_fetches(void)
{
	struct refresh **at = &now.fetches.first;

	for (unsigned n = 0; *at != NULL && n < SCAN_MAX; n++) {
		struct refresh *r = *at;

		if (now.limits.transfers_in > 0 && now.fetching_count >= now.limits.transfers_in)
			return;
		if (may_fetch(r)) {
			unlink_from(&now.fetches, at);
			fetch(r);
		} else {
			at = &r->next_in_queue;
		}
	}
}

/* --- probing --- */

/* Leave PROBING. */
static void
stop_probes(struct refresh *r)
{
	now.probing--;
	for (size_t i = 0; i < r->masters; i++) {
		if (r->master[i].probe != NULL)
			probe_cancel(r->master[i].probe);
		r->master[i].probe = NULL;
	}
}

/* All have been heard that will be. */
/* Have all said that they are no servers of the zone?  Silence of some tells nothing. */
static void
note_refusal(struct refresh *r)
{
	size_t refused = 0;

	for (size_t i = 0; i < r->masters; i++) {
		refused += r->master[i].refused;
		if (r->master[i].answered)
			r->refused_since = 0;
	}
	if (refused == r->masters && r->refused_since == 0)
		r->refused_since = steady_now();
}

static void
decide(struct refresh *r)
{
	char address[PEER_TEXT];
	struct timers t = { 0 };
	bool have = timers_of(r, &t), behind = false;
	size_t i;

	uv_timer_stop(&r->timer);
	stop_probes(r);
	note_refusal(r);
	if ((i = best(r)) < r->masters) {
		if (r->behind_since == 0)
			r->behind_since = steady_now();
		if (have && !r->forced)
			say(r, NOTE, "stale: %s has serial %" PRIu32 ", we have %" PRIu32,
			    address_of(&r->master[i], address), r->master[i].serial, t.serial);
		else if (!have)
			say(r, NOTE, "stale: %s has serial %" PRIu32 ", we have none",
			    address_of(&r->master[i], address), r->master[i].serial);
		fetch_from(r, i);
		return;
	}
	for (i = 0; i < r->masters; i++) {
		const struct master *m = &r->master[i];

		if (m->answered && m->serial == t.serial) {
			confirmed(r, m->has_expire, m->expire);
			return;
		}
		behind |= m->answered;
	}
	if (behind)
		failed(r, "masters have older versions than ours, serial %" PRIu32, t.serial);
	else
		failed(r, "%s", r->why[0] != '\0' ? r->why : r->trouble != NULL ? r->trouble :
		    "no master has answered lately");
}

static void
on_grace(uv_timer_t *timer)
{
	decide(timer->data);
}

static bool
is_probing(const struct refresh *r)
{
	for (size_t i = 0; i < r->masters; i++)
		if (r->master[i].probe != NULL)
			return true;
	return false;
}

static void
on_probed(void *ctx, const struct probe_outcome *o)
{
	struct master *m = ctx;
	struct refresh *r = m->refresh;
	char address[PEER_TEXT];

	m->probe = NULL;
	now.counts.unanswered += o->silent;
	m->answered = o->ok;
	m->refused = !o->ok && !o->silent;
	m->serial = o->serial;
	m->has_expire = o->has_expire;
	m->expire = o->expire;
	if (o->silent)
		away_note(now.away, &m->peer.address.any, uv_now(now.loop));
	else
		away_clear(now.away, &m->peer.address.any);
	if (!o->ok)
		snprintf(r->why, sizeof(r->why), "master %s: %s", address_of(m, address), o->why);
	if (!is_probing(r))
		decide(r);
	else if (o->ok && best(r) < r->masters && !uv_is_active((uv_handle_t *)&r->timer))
		uv_timer_start(&r->timer, on_grace, GRACE_MS, 0);
}

/* Is this master worth a question? */
static bool
may_ask(const struct refresh *r, const struct master *m)
{
	uint64_t t = uv_now(now.loop);

	return r->all || (t >= m->bad_until && away_until(now.away, &m->peer.address.any, t) == 0);
}

static void
probe(struct refresh *r)
{
	uv_timer_stop(&r->timer);
	r->state = PROBING;
	now.probing++;
	r->again = false;
	r->asked_ms = uv_now(now.loop);
	r->why[0] = '\0';
	for (size_t i = 0; i < r->masters; i++) {
		struct master *m = &r->master[i];

		m->answered = m->refused = false;
		if (!may_ask(r, m))
			continue;
		now.counts.probes++;
		m->probe = probe_start(now.loop, &m->peer, slot_origin(r->slot), on_probed, m);
	}
	if (!is_probing(r))
		decide(r);
}

static void
probe_first(struct queue *q)
{
	struct refresh *r = q->first;

	unlink_from(q, &q->first);
	probe(r);
}

/* A bucket of as many as a tenth of a second gives, at least one. */
static void
on_turn(uv_timer_t *timer)
{
	uint64_t t = uv_now(now.loop), most = now.limits.probes_per_second * UINT64_C(100);

	if (most < 1000)
		most = 1000;
	now.tokens += (t - now.turn_at) * now.limits.probes_per_second;
	if (now.tokens > most)
		now.tokens = most;
	now.turn_at = t;
	while (now.probes.first != NULL && (now.tokens >= 1000 || now.limits.probes_per_second == 0)) {
		now.tokens -= now.limits.probes_per_second == 0 ? 0 : 1000;
		probe_first(&now.probes);
	}
	while (now.fresh.first != NULL && now.probing < FRESH_MAX)
		probe_first(&now.fresh);
	if (now.probes.first == NULL && now.fresh.first == NULL)
		uv_timer_stop(timer);
	else if (!uv_is_active((uv_handle_t *)timer))
		uv_timer_start(timer, on_turn, TURN_MS, TURN_MS);
}

static void
check(struct refresh *r)
{
	struct timers t;

	uv_timer_stop(&r->timer);
	r->state = WAITING;
	r->fresh = !timers_of(r, &t);
	push(r->fresh ? &now.fresh : &now.probes, r);
	on_turn(&now.turn);
}

/* --- what is kept --- */

/* Returns false when the system's clock was set back since: then as much is left as there was. */
static bool
take_clock(struct refresh *r, const struct journal_clock *kept)
{
	int64_t ahead;

	r->checked = steady_from_clock(kept->checked);
	r->expires = steady_from_clock(kept->expires);
	if ((ahead = r->checked - steady_now()) <= 0)
		return true;
	r->checked -= ahead;
	r->expires -= ahead;
	return false;
}

static void
on_loaded(void *ctx, const struct kept *kept)
{
	struct refresh *r = ctx;
	int64_t t = steady_now();
	bool known;			/* when it was last checked */

	if (r->freed) {
		zone_unref(kept->zone);
		drop(r);
		return;
	}
	r->next = t;
	known = kept->has_clock && take_clock(r, &kept->clock);
	if (kept->zone != NULL && kept->has_clock && r->expires <= t) {
		say(r, ERROR, "serial %" PRIu32 " expired, queries get SERVFAIL", zone_serial(kept->zone));
		r->expired = true;
		zone_unref(kept->zone);
		idle(r);
	} else if (kept->zone != NULL) {
		const struct rrset *soa = zone_soa(kept->zone);
		const uint8_t *end = soa->rdata + soa->size;

		if (!kept->has_clock || r->expires > t + get32(end - 8))
			r->expires = t + get32(end - 8);
		if (known)
			r->next = r->checked + jitter(refresh_interval(r, get32(end - 16)));
		slot_set_expires(r->slot, (uint64_t)r->expires);
		r->restoring = true;
		r->unwritten = kept->file_old;
		submit(r, kept->zone, 0);
	} else {
		idle(r);
	}
	drop(r);
}

/* --- from outside --- */

static bool
same_masters(const struct refresh *r, const struct refresh_conf *conf)
{
	if (conf->masters != r->masters)
		return false;
	for (size_t i = 0; i < r->masters; i++) {
		const struct peer *a = &r->master[i].peer, *b = &conf->master[i];

		if (!peer_same_host(&a->address.any, &b->address.any) ||
		    peer_address_port(&a->address.any) != peer_address_port(&b->address.any))
			return false;
	}
	return true;
}

static void
set_conf(struct refresh *r, const struct refresh_conf *conf)
{
	char *file = conf->file != NULL ? xstrdup(conf->file) : NULL;

	if (!same_masters(r, conf)) {
		free_masters(r);
		r->masters = conf->masters;
		r->master = xcalloc(conf->masters, sizeof(*r->master));
	}
	for (size_t i = 0; i < conf->masters; i++) {
		struct master *m = &r->master[i];

		tsig_key_unref(m->peer.key);
		m->peer = conf->master[i];
		m->refresh = r;
		tsig_key_ref(m->peer.key);
	}
	free((char *)(uintptr_t)r->conf.file);
	r->conf = *conf;
	r->conf.master = NULL;
	r->conf.file = file;
}

struct refresh *
refresh_new(struct slot *slot, const struct refresh_conf *conf)
{
	struct refresh *r = xcalloc(1, sizeof(*r));

	assert(conf->masters > 0);
	r->slot = slot_ref(slot);
	set_conf(r, conf);
	r->refs = 3;			/* owner, timer, loading */
	r->state = LOADING;
	uv_timer_init(now.loop, &r->timer);
	r->timer.data = r;
	keep_load(slot_origin(slot), r->conf.file, on_loaded, r);
	return r;
}

/* Back from whatever it is doing, but for what others do for it. */
static void
interrupt(struct refresh *r)
{
	switch (r->state) {
	case WAITING:
		pull(r->fresh ? &now.fresh : &now.probes, r);
		break;
	case PROBING:
		stop_probes(r);
		break;
	case QUEUED:
		pull(&now.fetches, r);
		break;
	case FETCHING:
		xfrin_cancel(r->xfrin);
		leave_fetching(r);
		next_fetches();
		break;
	case LOADING:
	case IDLE:
	case COMMITTING:
		break;
	}
	uv_timer_stop(&r->timer);
}

void
refresh_change(struct refresh *r, const struct refresh_conf *conf)
{
	bool other = !same_masters(r, conf);
	struct timers t;
	int64_t latest;

	/* What is under way has a copy of its master. */
	if (other)
		interrupt(r);
	set_conf(r, conf);
	if (other && r->state != LOADING && r->state != COMMITTING) {
		r->next = steady_now();
		idle(r);
	} else if (r->state == IDLE && r->failures == 0 && timers_of(r, &t)) {
		/* It may have to be asked earlier now. */
		latest = r->checked + refresh_interval(r, t.refresh);
		if (r->next > latest) {
			r->next = latest;
			schedule(r);
		}
	}
}

static void
on_timer_closed(uv_handle_t *timer)
{
	drop(timer->data);
}

void
refresh_unwrite(struct refresh *r)
{
	r->unwritten = false;
}

void
refresh_free(struct refresh *r)
{
	r->freed = true;
	slot_set_expires(r->slot, 0);
	interrupt(r);
	if (wants_file(r))
		write_file(r);
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
	drop(r);
}

void
refresh_now(struct refresh *r)
{
	r->all = true;
	if (r->state == IDLE)
		check(r);
	else
		r->again = true;
}

void
refresh_retransfer(struct refresh *r)
{
	r->retransfer = r->state == LOADING || r->state == COMMITTING;
	if (r->retransfer)
		return;
	interrupt(r);
	r->forced = true;
	/* As if all had answered alike: the first is tried first. */
	for (size_t i = 0; i < r->masters; i++)
		r->master[i] = (struct master){ .peer = r->master[i].peer, .refresh = r, .answered = true };
	fetch_from(r, 0);
}

void
refresh_notified(struct refresh *r, const struct sockaddr *from, bool has_serial, uint32_t serial)
{
	char address[PEER_TEXT];
	struct timers t;

	for (size_t i = 0; i < r->masters; i++) {
		struct master *m = &r->master[i];

		if (!peer_same_host(&m->peer.address.any, from))
			continue;
		away_clear(now.away, &m->peer.address.any);	/* it lives */
		m->bad_until = 0;
	}
	if (has_serial && timers_of(r, &t) && !serial_newer(serial, t.serial))
		return;
	if (r->state != IDLE) {
		r->again = r->state != WAITING;
		return;
	}
	if (uv_now(now.loop) - r->asked_ms < NOTIFY_GAP_MS) {
		r->again = true;
		idle(r);
		return;
	}
	if (has_serial)
		say(r, NOTE, "NOTIFY of serial %" PRIu32 " from %s", serial, peer_print(address, from));
	else
		say(r, NOTE, "NOTIFY from %s", peer_print(address, from));
	check(r);
}

void
refresh_status(const struct refresh *r, struct refresh_status *out)
{
	struct zone *zone = slot_zone_ref(r->slot);

	*out = (struct refresh_status){
		.served = zone != NULL, .expired = r->expired, .busy = r->state != IDLE,
		.serial = zone != NULL ? zone_serial(zone) : 0, .checked = steady_to_clock(r->checked),
		.next = steady_to_clock(r->next), .expires = steady_to_clock(r->expires),
		.refused_since = steady_to_clock(r->refused_since),
		.behind_since = steady_to_clock(r->behind_since),
		.failures = r->failures, .trouble = r->trouble != NULL ? r->trouble : "",
	};
	snprintf(out->from, sizeof(out->from), "%s", r->last_from != NULL ? r->last_from : "");
	zone_unref(zone);
}

void
refresh_counts(struct refresh_counts *out)
{
	*out = now.counts;
}

void
refresh_set_limits(const struct refresh_limits *limits)
{
	now.limits = *limits;
	next_fetches();
}

void
refresh_start(uv_loop_t *loop, const char *journal, const struct refresh_limits *limits, report_fn *report, void *ctx)
{
	now.loop = loop;
	now.limits = *limits;
	now.report = report;
	now.ctx = ctx;
	now.away = away_new();
	now.probes = (struct queue){ NULL, &now.probes.first };
	now.fresh = (struct queue){ NULL, &now.fresh.first };
	now.probing = 0;
	now.fetches = (struct queue){ NULL, &now.fetches.first };
	now.turn_at = uv_now(loop);
	now.tokens = 1000;
	uv_timer_init(loop, &now.turn);
	uv_async_init(loop, &now.wake, on_wake);
	keep_start(loop, journal, report, ctx);
}

void
refresh_stop(void)
{
	take_committed();
	uv_close((uv_handle_t *)&now.turn, NULL);
	uv_close((uv_handle_t *)&now.wake, NULL);
	away_free(now.away);
	free(now.fetching);
	now.fetching = NULL;
	now.fetching_count = 0;
	keep_stop();
}
