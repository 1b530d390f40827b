/* refresh_clock.c - a slave's zone between two looks at its masters: when the next is, when it expires, when its file is
 * written. */
#include "daemon/transfer/refresh_impl.h"

#include <stdarg.h>

#include "daemon/transfer/keep.h"

#define FIRST_RETRY 5		/* seconds, of a zone that has never been there; doubled up to */
#define LAST_RETRY 640
#define LAST_WAIT 2		/* seconds, before a zone that is about to expire is asked for once more */
#define HOLD_LAST 900		/* seconds, of a version that could not be kept */
#define WRITE_GAP 60		/* seconds between writings of a zone's file */

static int64_t
clamp(int64_t v, int64_t min, int64_t max)
{
	if (max > 0 && v > max)
		v = max;
	return v < min ? min : v;
}

struct refresh_timers
refresh_timers(const struct zone *zone)
{
	const uint8_t *end = zone_soa(zone)->rdata + zone_soa(zone)->size;

	return (struct refresh_timers){ get32(end - 20), get32(end - 16), get32(end - 12), get32(end - 8) };
}

bool
refresh_timers_of(struct refresh *r, struct refresh_timers *t)
{
	struct zone *zone = slot_zone_ref(r->slot);

	if (zone == NULL)
		return false;
	*t = refresh_timers(zone);
	zone_unref(zone);
	return true;
}

static int64_t
at_most_cycle(const struct refresh *r, int64_t seconds)
{
	if (r->conf.cycle > 0 && seconds > r->conf.cycle)
		seconds = r->conf.cycle;
	return seconds > 0 ? seconds : 1;
}

int64_t
refresh_interval(const struct refresh *r, uint32_t refresh)
{
	return at_most_cycle(r, clamp(refresh, r->conf.min_refresh, r->conf.max_refresh));
}

static int64_t
retry_of_soa(const struct refresh *r, uint32_t retry)
{
	return at_most_cycle(r, clamp(retry, r->conf.min_retry, r->conf.max_retry));
}

/* Until a master is asked again that has not confirmed the zone. */
static int64_t
retry_interval(struct refresh *r)
{
	struct refresh_timers t;
	int64_t retry, most = r->expired ? retry_of_soa(r, r->retry) : LAST_RETRY;

	if (refresh_timers_of(r, &t))
		return retry_of_soa(r, t.retry);
	retry = clamp(FIRST_RETRY << (r->failures < 7 ? r->failures : 7), 0, LAST_RETRY);
	return at_most_cycle(r, retry < most ? retry : most);
}

/* What the bounds make of refresh and retry counts (RFC 1912 2.2): a master can be asked, and asked again. */
int64_t
refresh_lifetime(const struct refresh *r, const struct refresh_timers *t)
{
	int64_t least = refresh_interval(r, t->refresh) + retry_of_soa(r, t->retry);

	return t->expire > least ? t->expire : least;
}

static void
ask_after(struct refresh *r, int64_t from, int64_t seconds, int64_t retry)
{
	int64_t left = r->expires - steady_now(), latest = left - retry > left / 2 ? left - retry : left / 2;

	/* Zones that were fetched together are not asked for together for ever. */
	r->next = from + seconds - (int64_t)((uint64_t)rand() % (uint64_t)(seconds / 10 + 1));
	/* The end of a short life, such as a master that is a slave itself leaves, is not slept through for the bounds. */
	if (!r->expired && latest >= LAST_WAIT && r->next > steady_now() + latest)
		r->next = steady_now() + latest;
}

void
refresh_ask_next(struct refresh *r, const struct refresh_timers *t)
{
	ask_after(r, r->checked, refresh_interval(r, t->refresh), retry_of_soa(r, t->retry));
}

static void
ask_again(struct refresh *r)
{
	int64_t retry = retry_interval(r);

	ask_after(r, steady_now(), retry, retry);
}

static void
on_written(void *ctx, int err)
{
	struct refresh *r = ctx;

	r->writing = false;
	if (err < 0 && !r->freed) {
		refresh_say(r, ERROR, "%s was not written: %s; the journal has the zone", r->conf.file, strerror(-err));
		r->unwritten = true;
	}
	if (!r->freed && r->state == IDLE)
		refresh_schedule(r);
	refresh_drop(r);
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

static void
expire(struct refresh *r)
{
	struct refresh_timers t;
	int64_t latest;

	refresh_say(r, ERROR, "expired: no master has confirmed it in time, queries get SERVFAIL");
	if (refresh_timers_of(r, &t))
		r->retry = t.retry;
	r->expired = true;
	latest = steady_now() + retry_interval(r);
	if (r->next > latest)
		r->next = latest;
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
		refresh_check(r);
	else
		refresh_schedule(r);
}

/* What comes first. */
void
refresh_schedule(struct refresh *r)
{
	int64_t t = steady_now(), at = r->next;

	if (!r->expired && r->expires > 0 && r->expires < at)
		at = r->expires;
	if (wants_file(r) && r->written + WRITE_GAP < at)
		at = r->written + WRITE_GAP;
	/* The loop's clock stands still while the machine sleeps: look at least each hour. */
	uv_timer_start(&r->timer, on_time, (uint64_t)clamp(at - t, 0, 3600) * 1000, 0);
}

void
refresh_idle(struct refresh *r)
{
	uint64_t ms = uv_now(refresh_common.loop) - r->asked_ms;

	r->state = IDLE;
	r->forced = r->restoring = false;
	refresh_schedule(r);
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

/* A master that is to be believed has what we have. */
void
refresh_confirmed(struct refresh *r, bool has_expire, uint32_t expire_in)
{
	struct refresh_timers t;
	int64_t life;

	free(r->trouble);
	r->trouble = NULL;
	r->failures = 0;
	r->behind_since = 0;
	r->hold = r->held_until = 0;
	r->checked = steady_now();
	if (refresh_timers_of(r, &t)) {
		life = refresh_lifetime(r, &t);
		/* One that tells the SOA's has it from nobody else: then it is as if it had told nothing. */
		if (has_expire && expire_in != t.expire && expire_in < life)
			life = expire_in;
		r->expires = r->checked + life;
		r->expired = false;
		refresh_ask_next(r, &t);
		slot_set_expires(r->slot, (uint64_t)r->expires);
		refresh_keep_clock(r);
	}
	refresh_idle(r);
}

/* The same each time is news once. */
static void
tell_trouble(struct refresh *r, const char *text, bool quiet)
{
	if (!quiet && (r->trouble == NULL || strcmp(r->trouble, text) != 0))
		refresh_say(r, WARNING, "%s", text);
	free(r->trouble);
	r->trouble = xstrdup(text);
}

void __attribute__((format(printf, 2, 3)))
refresh_failed(struct refresh *r, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ask_again(r);
	r->failures++;
	tell_trouble(r, text, false);
	refresh_idle(r);
}

void
refresh_unconfirmed(struct refresh *r)
{
	ask_again(r);
	r->failures++;
	tell_trouble(r, "no master has our version or a newer one", true);
	refresh_idle(r);
}

void
refresh_held(struct refresh *r, const char *why, uint32_t serial)
{
	int64_t retry = retry_interval(r);
	char text[1024];

	r->hold = r->hold == 0 ? retry : r->hold * 2 < HOLD_LAST ? r->hold * 2 : HOLD_LAST;
	if (r->hold < retry)
		r->hold = retry;
	r->held_until = r->next = steady_now() + r->hold;
	r->failures++;
	snprintf(text, sizeof(text), "%s, still serving serial %" PRIu32 "; it is fetched again in %" PRId64 " s", why, serial, r->hold);
	tell_trouble(r, text, false);
	refresh_idle(r);
}

bool
refresh_is_held(struct refresh *r)
{
	if (steady_now() >= r->held_until)
		return false;
	r->next = r->held_until;
	return true;
}

void
refresh_keep_clock(struct refresh *r)
{
	commit_clock(r->slot, (struct journal_clock){ steady_to_clock(r->checked), steady_to_clock(r->expires),
	    steady_to_clock(r->refused_since) });
}

void
refresh_write_soon(struct refresh *r)
{
	r->unwritten = true;
	if (wants_file(r) && steady_now() >= r->written + WRITE_GAP)
		write_file(r);
}

void
refresh_write_now(struct refresh *r)
{
	if (wants_file(r))
		write_file(r);
}
