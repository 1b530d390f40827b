#include "daemon/transfer/refresh_impl.h"

#include <assert.h>
#include <stdarg.h>

#include "daemon/transfer/keep.h"

struct refresh_common refresh_common;

void __attribute__((format(printf, 3, 4)))
refresh_say(struct refresh *r, enum severity severity, const char *fmt, ...)
{
	char text[1024];
	struct report report = { .severity = severity, .zone = slot_name(r->slot), .text = text };
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	refresh_common.report(refresh_common.ctx, &report);
}

const char *
refresh_master_text(const struct master *m, char out[PEER_TEXT])
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

void
refresh_drop(struct refresh *r)
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

/* Returns false when the system's clock was set back since: then as much is left as there was. */
static bool
take_clock(struct refresh *r, const struct journal_clock *kept)
{
	int64_t ahead;

	r->refused_since = steady_from_clock(kept->refused);
	if (r->refused_since > steady_now())
		r->refused_since = steady_now();
	if (kept->checked == 0)		/* no master has ever confirmed it */
		return false;
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
	bool timed = kept->has_clock && kept->clock.checked != 0;
	bool known;			/* when it was last checked */

	if (r->freed) {
		zone_unref(kept->zone);
		refresh_drop(r);
		return;
	}
	r->next = t;
	known = kept->has_clock && take_clock(r, &kept->clock);
	if (kept->zone != NULL && timed && r->expires <= t) {
		refresh_say(r, ERROR, "serial %" PRIu32 " expired, queries get SERVFAIL", zone_serial(kept->zone));
		r->expired = true;
		r->retry = refresh_timers(kept->zone).retry;
		zone_unref(kept->zone);
		refresh_idle(r);
	} else if (kept->zone != NULL) {
		const struct refresh_timers soa = refresh_timers(kept->zone);
		int64_t latest = t + refresh_lifetime(r, &soa);

		if (!timed || r->expires > latest)
			r->expires = latest;
		if (known)
			refresh_ask_next(r, &soa);
		slot_set_expires(r->slot, (uint64_t)r->expires);
		r->restoring = true;
		r->unwritten = kept->file_old;
		refresh_submit(r, kept->zone, 0);
	} else {
		refresh_idle(r);
	}
	refresh_drop(r);
}

static bool
same_masters(const struct refresh *r, const struct refresh_conf *conf)
{
	if (conf->masters != r->masters)
		return false;
	for (size_t i = 0; i < r->masters; i++)
		if (!peer_same_address(&r->master[i].peer.address.any, &conf->master[i].address.any))
			return false;
	return true;
}

static void
set_conf(struct refresh *r, const struct refresh_conf *conf)
{
	char *file = conf->file != NULL ? xstrdup(conf->file) : NULL;

	if (!same_masters(r, conf)) {
		free_masters(r);
		r->from = 0;	/* of what is being committed, which may be refused yet */
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
	uv_timer_init(refresh_common.loop, &r->timer);
	r->timer.data = r;
	keep_load(slot_origin(slot), r->conf.file, on_loaded, r);
	return r;
}

/* Back from whatever it is doing, but for what others do for it. */
static void
interrupt(struct refresh *r)
{
	refresh_stop_probing(r);
	refresh_stop_fetching(r);
	uv_timer_stop(&r->timer);
}

void
refresh_change(struct refresh *r, const struct refresh_conf *conf)
{
	bool other = !same_masters(r, conf);
	struct refresh_timers t;
	int64_t latest;

	/* What is under way has a copy of its master. */
	if (other)
		interrupt(r);
	set_conf(r, conf);
	if (other && r->state != LOADING && r->state != COMMITTING) {
		r->next = steady_now();
		refresh_idle(r);
	} else if (r->state == IDLE && r->failures == 0 && refresh_timers_of(r, &t)) {
		/* It may have to be asked earlier now. */
		latest = r->checked + refresh_interval(r, t.refresh);
		if (r->next > latest) {
			r->next = latest;
			refresh_schedule(r);
		}
	}
}

static void
on_timer_closed(uv_handle_t *timer)
{
	refresh_drop(timer->data);
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
	refresh_write_now(r);
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
	refresh_drop(r);
}

void
refresh_now(struct refresh *r)
{
	r->all = true;
	if (r->state == IDLE)
		refresh_check(r);
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
	refresh_fetch_from(r, 0);
}

void
refresh_notified(struct refresh *r, const struct sockaddr *from, bool has_serial, uint32_t serial)
{
	char address[PEER_TEXT];
	struct refresh_timers t;

	for (size_t i = 0; i < r->masters; i++) {
		struct master *m = &r->master[i];

		if (!peer_same_host(&m->peer.address.any, from))
			continue;
		away_clear(refresh_common.away, &m->peer.address.any);	/* it lives */
		m->bad_until = 0;
	}
	if (has_serial && refresh_timers_of(r, &t) && !serial_newer(serial, t.serial))
		return;
	if (r->state != IDLE) {
		r->again = r->state != WAITING;
		return;
	}
	if (uv_now(refresh_common.loop) - r->asked_ms < NOTIFY_GAP_MS) {
		r->again = true;
		refresh_idle(r);
		return;
	}
	if (has_serial)
		refresh_say(r, NOTE, "NOTIFY of serial %" PRIu32 " from %s", serial, peer_print(address, from));
	else
		refresh_say(r, NOTE, "NOTIFY from %s", peer_print(address, from));
	refresh_check(r);
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
	*out = refresh_common.counts;
}

void
refresh_set_limits(const struct refresh_limits *limits)
{
	refresh_common.limits = *limits;
	refresh_next_fetches();
}

void
refresh_start(uv_loop_t *loop, const char *journal, const struct refresh_limits *limits, report_fn *report, void *ctx)
{
	refresh_common.loop = loop;
	refresh_common.limits = *limits;
	refresh_common.report = report;
	refresh_common.ctx = ctx;
	refresh_common.away = away_new();
	refresh_probe_start();
	refresh_commit_start();
	keep_start(loop, journal, report, ctx);
}

void
refresh_stop(void)
{
	refresh_commit_stop();
	refresh_probe_stop();
	refresh_fetch_stop();
	away_free(refresh_common.away);
	keep_stop();
}
