#include "daemon/transfer/announce_impl.h"

#include <stdarg.h>
#include <stdio.h>

struct announce_common announce_common;

void
announce_tell(struct announce *a, enum severity severity, const char *fmt, ...)
{
	struct sink sink = { .fn = announce_common.env.report, .ctx = announce_common.env.ctx };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report_zone(&sink, severity, slot_name(a->slot), "%s", text);
}

static void
free_peers(const struct peer *peer, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tsig_key_unref(peer[i].key);
	free((void *)(uintptr_t)peer);
}

static void
free_conf(struct announce_conf *conf)
{
	free_peers(conf->also, conf->also_count);
	free_peers(conf->masters, conf->master_count);
	tsig_key_unref(conf->like.key);
}

void
announce_let_go(struct announce *a)
{
	if (--a->open > 0)
		return;
	free_conf(&a->conf);
	slot_unref(a->slot);
	free(a);
}

static void
round_start(struct announce *a)
{
	struct zone *zone = slot_zone_ref(a->slot);
	struct target *next;

	a->round_due = false;
	a->round_at = uv_now(announce_common.loop);
	if (zone == NULL)
		return;
	for (struct target *t = a->targets; t != NULL; t = t->next)
		t->stale = true;
	for (size_t i = 0; i < a->conf.also_count; i++)
		announce_want(a, &a->conf.also[i]);
	if (a->conf.name_servers)
		announce_want_servers(a, zone);
	zone_unref(zone);
	/* Those that are being looked up are not known to be gone yet. */
	for (struct target *t = a->targets; t != NULL && a->lookups == NULL; t = next) {
		next = t->next;
		if (t->stale)
			announce_target_free(t);
	}
}

static void
on_round(uv_timer_t *timer)
{
	round_start(timer->data);
}

/* A round at once, or when the last one is long enough ago. */
static void
round_soon(struct announce *a)
{
	uint64_t now = uv_now(announce_common.loop), next = a->round_at + a->conf.delay * UINT64_C(1000);

	if (a->round_due)
		return;
	a->round_due = true;
	uv_timer_start(&a->timer, on_round, a->round_at == 0 || next <= now ? 0 : next - now, 0);
}

void
announce_published(struct slot *slot)
{
	struct announce *a = announce_common.env.of(slot);

	if (a != NULL)
		round_soon(a);
}

void
announce_now(struct announce *a, const struct sockaddr *only, bool port)
{
	struct peer peer = a->conf.like;

	if (only == NULL) {
		a->round_at = 0;
		a->round_due = false;	/* one that is due later does not delay this */
		round_soon(a);
		return;
	}
	for (struct target *t = a->targets; t != NULL; t = t->next)
		if ((port ? peer_same_address : peer_same_host)(&t->peer.address.any, only)) {
			announce_want(a, &t->peer);
			return;
		}
	memset(&peer.address, 0, sizeof(peer.address));
	peer_address_set(&peer.address, only);
	if (only->sa_family == AF_INET6)
		peer.source = a->conf.source_v6;
	announce_common.env.about(&peer);
	announce_want(a, &peer);
}

static const struct peer *
copy_peers(const struct peer *from, size_t count)
{
	struct peer *copy = xcalloc(count, sizeof(*copy));

	for (size_t i = 0; i < count; i++) {
		copy[i] = from[i];
		tsig_key_ref(copy[i].key);
	}
	return copy;
}

static void
copy_conf(struct announce *a, const struct announce_conf *conf)
{
	a->conf = *conf;
	a->conf.also = copy_peers(conf->also, conf->also_count);
	a->conf.masters = copy_peers(conf->masters, conf->master_count);
	tsig_key_ref(conf->like.key);
}

struct announce *
announce_new(struct slot *slot, const struct announce_conf *conf)
{
	struct announce *a = xcalloc(1, sizeof(*a));

	a->slot = slot_ref(slot);
	copy_conf(a, conf);
	a->timer.data = a;
	uv_timer_init(announce_common.loop, &a->timer);
	a->open = 1;
	return a;
}

void
announce_change(struct announce *a, const struct announce_conf *conf)
{
	struct announce_conf old = a->conf;

	copy_conf(a, conf);
	free_conf(&old);
}

static void
on_announce_closed(uv_handle_t *handle)
{
	announce_let_go(handle->data);
}

void
announce_free(struct announce *a)
{
	if (a == NULL)
		return;
	a->freed = true;
	announce_stop_lookups(a);
	while (a->targets != NULL)
		announce_target_free(a->targets);
	uv_close((uv_handle_t *)&a->timer, on_announce_closed);
}

void
announce_start(uv_loop_t *control_loop, const struct announce_env *e)
{
	announce_common.loop = control_loop;
	announce_common.env = *e;
	announce_target_start();
}

void
announce_stop(void)
{
	announce_target_stop();
}

void
announce_counts(struct announce_counts *out)
{
	*out = announce_common.counts;
}

/* What it was told last may not be what we have now: the next round may be due later, or our serial went back. */
static int
state_of(const struct announce *a, const struct target *t)
{
	bool telling = t->state == TELLING || t->state == WATCHING || t->state == ASKING;
	struct zone *zone = slot_zone_ref(a->slot);
	uint32_t ours;

	if (zone == NULL)
		return ANNOUNCE_DUE;
	ours = zone_serial(zone);
	zone_unref(zone);
	if (t->known && t->serial == ours)
		return ANNOUNCE_IN_STEP;
	if (t->known && serial_newer(t->serial, ours))
		return ANNOUNCE_NEWER;
	return telling && t->told == ours ? ANNOUNCE_TELLING : ANNOUNCE_DUE;
}

bool
announce_status(const struct announce *a, size_t i, struct announce_target *out)
{
	const struct target *t = a->targets;

	while (t != NULL && i-- > 0)
		t = t->next;
	if (t == NULL)
		return false;
	peer_print(out->address, &t->peer.address.any);
	out->state = state_of(a, t);
	out->known = t->known;
	out->serial = t->serial;
	out->trouble = t->trouble;
	return true;
}
