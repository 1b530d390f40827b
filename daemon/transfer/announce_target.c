/* announce_target.c - one server that is told of a zone's versions until it has them. */
#include "daemon/transfer/announce_impl.h"

#include <stdio.h>

#include "daemon/transfer/probe.h"

/* After an acknowledgement a slave is asked after so long, then after twice as long, and told again when it has not
 * moved by then. */
#define CHECK_FIRST 1000		/* ms */
#define CHECK_LAST 8000
#define AGAIN_FIRST 15000		/* after silence or an error; doubles */
#define AGAIN_LAST 3600000
/* One that acknowledged and then says that it is no server of the zone has perhaps only just made it: told again so often,
 * then believed. */
#define DOUBTS 4

#define DEFAULT_RATE 20

static struct target *queue, **queue_end = &queue;
static uv_timer_t pace;
static unsigned rate = DEFAULT_RATE;

static void send_queued(uv_timer_t *);
static void on_time(uv_timer_t *);

static void
on_target_closed(uv_handle_t *handle)
{
	struct target *t = handle->data;

	tsig_key_unref(t->peer.key);
	announce_let_go(t->zone);
	free(t);
}

void
announce_target_free(struct target *t)
{
	struct target **at = &t->zone->targets;

	if (t->state == QUEUED) {
		struct target **q = &queue;

		while (*q != t)
			q = &(*q)->next_queued;
		*q = t->next_queued;
		if (queue_end == &t->next_queued)
			queue_end = q;
	}
	if (t->probe != NULL)
		probe_cancel(t->probe);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	uv_close((uv_handle_t *)&t->timer, on_target_closed);
}

static struct target *
target_new(struct announce *a, const struct peer *peer)
{
	struct target *t = xcalloc(1, sizeof(*t));

	t->zone = a;
	t->peer = *peer;
	tsig_key_ref(peer->key);
	t->timer.data = t;
	uv_timer_init(announce_common.loop, &t->timer);
	a->open++;
	t->next = a->targets;
	a->targets = t;
	return t;
}

static void
enqueue(struct target *t)
{
	uv_timer_stop(&t->timer);
	t->state = QUEUED;
	t->again = false;
	t->next_queued = NULL;
	*queue_end = t;
	queue_end = &t->next_queued;
	if (!uv_is_active((uv_handle_t *)&pace))
		uv_timer_start(&pace, send_queued, 0, 0);
}

static void
watch(struct target *t, unsigned ms)
{
	t->state = WATCHING;
	t->wait = ms;
	uv_timer_start(&t->timer, on_time, ms, 0);
}

static void
tell_later(struct target *t)
{
	t->state = WAITING;
	t->backoff = t->backoff == 0 ? AGAIN_FIRST : t->backoff > AGAIN_LAST / 2 ? AGAIN_LAST : t->backoff * 2;
	uv_timer_start(&t->timer, on_time, t->backoff, 0);
}

static void
settled(struct target *t)
{
	if (t->again)
		enqueue(t);
	else
		t->state = IDLE;
}

static void
on_told(void *ctx, const struct probe_outcome *outcome)
{
	struct target *t = ctx;
	char address[PEER_TEXT];
	bool first = t->trouble[0] == '\0';

	t->probe = NULL;
	announce_common.counts.acknowledged += outcome->ok;
	announce_common.counts.failed += !outcome->ok;
	if (t->again) {
		enqueue(t);
		return;
	}
	if (outcome->ok) {
		t->trouble[0] = '\0';
		watch(t, CHECK_FIRST);
		return;
	}
	snprintf(t->trouble, sizeof(t->trouble), "%s", outcome->why);
	if (first)
		announce_tell(t->zone, WARNING, "NOTIFY to %s: %s; it is told again until it has serial %" PRIu32,
		    peer_print(address, &t->peer.address.any), outcome->why, t->told);
	tell_later(t);
}

/* One that has a newer one will not take ours. */
static void
tell_what_it_has(const struct target *t)
{
	struct zone *zone = slot_zone_ref(t->zone->slot);
	char address[PEER_TEXT];

	peer_print(address, &t->peer.address.any);
	if (zone != NULL && serial_newer(t->serial, zone_serial(zone)))
		announce_tell(t->zone, WARNING, "%s has serial %" PRIu32 ", which is newer than ours, %" PRIu32 ": it does not take our version",
		    address, t->serial, zone_serial(zone));
	else
		announce_tell(t->zone, NOTE, "%s has serial %" PRIu32, address, t->serial);
	zone_unref(zone);
}

static void
on_asked(void *ctx, const struct probe_outcome *outcome)
{
	struct target *t = ctx;
	char address[PEER_TEXT];

	t->probe = NULL;
	t->known |= outcome->ok;
	if (outcome->ok)
		t->serial = outcome->serial;
	if (t->again) {
		enqueue(t);
	} else if (outcome->ok && !serial_newer(t->told, outcome->serial)) {
		tell_what_it_has(t);
		t->state = IDLE;
		t->trouble[0] = '\0';
	} else if (!outcome->ok && !outcome->silent && t->doubts++ < DOUBTS) {
		t->state = WAITING;
		uv_timer_start(&t->timer, on_time, CHECK_FIRST << (2 * t->doubts - 2), 0);
	} else if (!outcome->ok && !outcome->silent) {
		/* A hidden one, or with views. */
		snprintf(t->trouble, sizeof(t->trouble), "acknowledged serial %" PRIu32 ", but %s", t->told, outcome->why);
		t->state = IDLE;
	} else if (t->wait < CHECK_LAST) {
		watch(t, t->wait * 2);
	} else {
		announce_tell(t->zone, WARNING, "%s acknowledged serial %" PRIu32 " and still has not got it; it is told again",
		    peer_print(address, &t->peer.address.any), t->told);
		tell_later(t);
	}
}

static void
on_time(uv_timer_t *timer)
{
	struct target *t = timer->data;

	if (t->state == WAITING) {
		enqueue(t);
	} else if (t->state == WATCHING) {
		t->state = ASKING;
		t->probe = probe_start(announce_common.loop, &t->peer, slot_origin(t->zone->slot), on_asked, t);
	}
}

/* NOTIFY with the SOA of the version that is current now. */
static void
send_notify(struct target *t)
{
	struct zone *zone = slot_zone_ref(t->zone->slot);
	char address[PEER_TEXT];

	if (zone == NULL) {	/* withdrawn meanwhile */
		settled(t);
		return;
	}
	t->told = zone_serial(zone);
	t->state = TELLING;
	announce_common.counts.sent++;
	announce_tell(t->zone, NOTE, "NOTIFY to %s with serial %" PRIu32, peer_print(address, &t->peer.address.any), t->told);
	t->probe = probe_notify(announce_common.loop, &t->peer, slot_origin(t->zone->slot), zone_soa(zone), on_told, t);
	zone_unref(zone);
}

/* So many a second; after a pause those of a tenth of it at once. */
static void
send_queued(uv_timer_t *timer)
{
	static uint64_t due;		/* us, when the next one may go */
	uint64_t now = uv_now(announce_common.loop) * 1000;

	if (due + 100000 < now)
		due = now - 100000;
	while (queue != NULL && due <= now) {
		struct target *t = queue;

		if ((queue = t->next_queued) == NULL)
			queue_end = &queue;
		send_notify(t);
		due += 1000000 / rate;
	}
	if (queue != NULL)
		uv_timer_start(timer, send_queued, (due - now) / 1000 + 1, 0);
}

void
announce_want(struct announce *a, const struct peer *peer)
{
	struct target *t;

	for (t = a->targets; t != NULL; t = t->next)
		if (peer_same_address(&t->peer.address.any, &peer->address.any))
			break;
	if (t == NULL)
		t = target_new(a, peer);
	else if (t->peer.key != peer->key) {
		tsig_key_unref(t->peer.key);
		t->peer.key = tsig_key_ref(peer->key);
	}
	t->peer.source = peer->source;
	t->peer.no_edns = peer->no_edns;
	t->stale = false;
	if (t->state == TELLING || t->state == ASKING)
		t->again = true;
	else if (t->state != QUEUED) {
		t->backoff = 0;
		t->doubts = 0;
		enqueue(t);
	}
}

void
announce_set_rate(unsigned per_second)
{
	rate = per_second > 0 ? per_second : DEFAULT_RATE;
}

void
announce_target_start(void)
{
	uv_timer_init(announce_common.loop, &pace);
}

void
announce_target_stop(void)
{
	uv_close((uv_handle_t *)&pace, NULL);
}
