/* refresh_probe.c - what serials masters have: when they are asked, and what their answers mean. */
#include "daemon/transfer/refresh_impl.h"

#define GRACE_MS 500		/* for the other masters once one has something newer */
#define FRESH_MAX 64		/* zones without a version that are asked for at a time, whatever the rate */
#define TURN_MS 20

static struct {
	struct queue waiting, fresh;	/* fresh: there is no version to serve meanwhile */
	unsigned probing;		/* zones that are PROBING */
	uv_timer_t turn;
	uint64_t turn_at;		/* uv_now() of the last */
	uint64_t tokens;		/* thousandths of a probe */
} now = { .waiting = { NULL, &now.waiting.first }, .fresh = { NULL, &now.fresh.first } };

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

/* Have all said that they are no servers of the zone?  Silence of some tells nothing. */
static void
note_refusal(struct refresh *r)
{
	int64_t before = r->refused_since;
	size_t refused = 0;

	for (size_t i = 0; i < r->masters; i++) {
		refused += r->master[i].refused;
		if (r->master[i].answered)
			r->refused_since = 0;
	}
	if (refused == r->masters && r->refused_since == 0)
		r->refused_since = steady_now();
	if (r->refused_since != before)
		refresh_keep_clock(r);
}

/* All have been heard that will be. */
static void
decide(struct refresh *r)
{
	char address[PEER_TEXT];
	struct refresh_timers t = { 0 };
	bool have = refresh_timers_of(r, &t), behind = false;
	size_t i;

	uv_timer_stop(&r->timer);
	stop_probes(r);
	note_refusal(r);
	i = refresh_best(r);
	if (i < r->masters && !r->forced && !r->all && refresh_is_held(r)) {
		refresh_idle(r);
		return;
	}
	if (i < r->masters) {
		if (r->behind_since == 0)
			r->behind_since = steady_now();
		if (have && !r->forced)
			refresh_say(r, NOTE, "stale: %s has serial %" PRIu32 ", we have %" PRIu32,
			    refresh_master_text(&r->master[i], address), r->master[i].serial, t.serial);
		else if (!have)
			refresh_say(r, NOTE, "stale: %s has serial %" PRIu32 ", we have none",
			    refresh_master_text(&r->master[i], address), r->master[i].serial);
		refresh_fetch_from(r, i);
		return;
	}
	for (i = 0; i < r->masters; i++) {
		const struct master *m = &r->master[i];

		if (m->answered && m->serial == t.serial) {
			refresh_confirmed(r, m->has_expire, m->expire);
			return;
		}
		behind |= m->answered;
	}
	if (behind && r->conf.multi_master)
		refresh_unconfirmed(r);
	else if (behind)
		refresh_failed(r, "masters have older versions than ours, serial %" PRIu32, t.serial);
	else
		refresh_failed(r, "%s", r->why[0] != '\0' ? r->why : r->trouble != NULL ? r->trouble :
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
	refresh_common.counts.unanswered += o->silent;
	m->answered = o->ok;
	m->refused = !o->ok && !o->silent;
	m->serial = o->serial;
	m->has_expire = o->has_expire;
	m->expire = o->expire;
	if (o->silent)
		away_note(refresh_common.away, &m->peer.address.any, uv_now(refresh_common.loop));
	else
		away_clear(refresh_common.away, &m->peer.address.any);
	if (!o->ok)
		snprintf(r->why, sizeof(r->why), "master %s: %s", refresh_master_text(m, address), o->why);
	if (!is_probing(r))
		decide(r);
	else if (o->ok && refresh_best(r) < r->masters && !uv_is_active((uv_handle_t *)&r->timer))
		uv_timer_start(&r->timer, on_grace, GRACE_MS, 0);
}

/* Is this master worth a question? */
static bool
may_ask(const struct refresh *r, const struct master *m)
{
	uint64_t t = uv_now(refresh_common.loop);

	return r->all || (t >= m->bad_until && away_until(refresh_common.away, &m->peer.address.any, t) == 0);
}

static void
probe(struct refresh *r)
{
	uv_timer_stop(&r->timer);
	r->state = PROBING;
	now.probing++;
	r->again = false;
	r->asked_ms = uv_now(refresh_common.loop);
	r->why[0] = '\0';
	for (size_t i = 0; i < r->masters; i++) {
		struct master *m = &r->master[i];

		m->answered = m->refused = false;
		if (!may_ask(r, m))
			continue;
		refresh_common.counts.probes++;
		m->probe = probe_start(refresh_common.loop, &m->peer, slot_origin(r->slot), on_probed, m);
	}
	if (!is_probing(r))
		decide(r);
}

static void
probe_first(struct queue *q)
{
	struct refresh *r = q->first;

	queue_unlink(q, &q->first);
	probe(r);
}

/* A bucket of as many as a tenth of a second gives, at least one. */
static void
on_turn(uv_timer_t *timer)
{
	uint64_t t = uv_now(refresh_common.loop), most = refresh_common.limits.probes_per_second * UINT64_C(100);

	if (most < 1000)
		most = 1000;
	now.tokens += (t - now.turn_at) * refresh_common.limits.probes_per_second;
	if (now.tokens > most)
		now.tokens = most;
	now.turn_at = t;
	while (now.waiting.first != NULL && (now.tokens >= 1000 || refresh_common.limits.probes_per_second == 0)) {
		now.tokens -= refresh_common.limits.probes_per_second == 0 ? 0 : 1000;
		probe_first(&now.waiting);
	}
	while (now.fresh.first != NULL && now.probing < FRESH_MAX)
		probe_first(&now.fresh);
	if (now.waiting.first == NULL && now.fresh.first == NULL)
		uv_timer_stop(timer);
	else if (!uv_is_active((uv_handle_t *)timer))
		uv_timer_start(timer, on_turn, TURN_MS, TURN_MS);
}

void
refresh_check(struct refresh *r)
{
	struct refresh_timers t;

	uv_timer_stop(&r->timer);
	r->state = WAITING;
	r->fresh = !refresh_timers_of(r, &t);
	queue_push(r->fresh ? &now.fresh : &now.waiting, r);
	on_turn(&now.turn);
}

void
refresh_stop_probing(struct refresh *r)
{
	if (r->state == WAITING)
		queue_pull(r->fresh ? &now.fresh : &now.waiting, r);
	else if (r->state == PROBING)
		stop_probes(r);
}

void
refresh_probe_start(void)
{
	now.turn_at = uv_now(refresh_common.loop);
	now.tokens = 1000;
	uv_timer_init(refresh_common.loop, &now.turn);
}

void
refresh_probe_stop(void)
{
	uv_close((uv_handle_t *)&now.turn, NULL);
}
