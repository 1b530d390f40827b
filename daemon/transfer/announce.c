#include "daemon/transfer/announce.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/transfer/probe.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/serial.h"

/* After an acknowledgement a slave is asked after so long, then after twice as long, and told again when it has not
 * moved by then. */
#define CHECK_FIRST 1000		/* ms */
#define CHECK_LAST 8000
#define AGAIN_FIRST 15000		/* after silence or an error; doubles */
#define AGAIN_LAST 3600000
/* One that acknowledged and then says that it is no server of the zone has perhaps only just made it: told again so often,
 * then believed. */
#define DOUBTS 4

#define DNS_PORT 53
#define DEFAULT_RATE 20

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

struct published {
	struct published *next;
	struct slot *slot;
};

static uv_loop_t *loop;
static struct announce_env env;
static uv_async_t wake;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct published *published;	/* under lock */
static struct target *queue, **queue_end = &queue;
static uv_timer_t pace;
static unsigned rate = DEFAULT_RATE;
static struct announce_counts counts;

static void send_queued(uv_timer_t *);

__attribute__((format(printf, 3, 4))) static void
tell(struct announce *a, enum severity severity, const char *fmt, ...)
{
	struct sink sink = { .fn = env.report, .ctx = env.ctx };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report_zone(&sink, severity, slot_name(a->slot), "%s", text);
}

/* --- life --- */

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

static void
let_go(struct announce *a)
{
	if (--a->open > 0)
		return;
	free_conf(&a->conf);
	slot_unref(a->slot);
	free(a);
}

static void
on_target_closed(uv_handle_t *handle)
{
	struct target *t = handle->data;

	tsig_key_unref(t->peer.key);
	let_go(t->zone);
	free(t);
}

static void
target_free(struct target *t)
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
	uv_timer_init(loop, &t->timer);
	a->open++;
	t->next = a->targets;
	a->targets = t;
	return t;
}

/* --- one target --- */

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

static void on_time(uv_timer_t *);

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
	counts.acknowledged += outcome->ok;
	counts.failed += !outcome->ok;
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
		tell(t->zone, WARNING, "NOTIFY to %s: %s; it is told again until it has serial %" PRIu32,
		    peer_print(address, &t->peer.address.any), outcome->why, t->told);
	tell_later(t);
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
		tell(t->zone, NOTE, "%s has serial %" PRIu32, peer_print(address, &t->peer.address.any), outcome->serial);
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
		tell(t->zone, WARNING, "%s acknowledged serial %" PRIu32 " and still has not got it; it is told again",
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
		t->probe = probe_start(loop, &t->peer, slot_origin(t->zone->slot), on_asked, t);
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
	counts.sent++;
	tell(t->zone, NOTE, "NOTIFY to %s with serial %" PRIu32, peer_print(address, &t->peer.address.any), t->told);
	t->probe = probe_notify(loop, &t->peer, slot_origin(t->zone->slot), zone_soa(zone), on_told, t);
	zone_unref(zone);
}

/* So many a second; after a pause those of a tenth of it at once. */
static void
send_queued(uv_timer_t *timer)
{
	static uint64_t due;		/* us, when the next one may go */
	uint64_t now = uv_now(loop) * 1000;

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

/* --- who the targets are --- */

static void
want(struct announce *a, const struct peer *peer)
{
	struct target *t;

	for (t = a->targets; t != NULL; t = t->next)
		if (peer_same_host(&t->peer.address.any, &peer->address.any) &&
		    peer_address_port(&t->peer.address.any) == peer_address_port(&peer->address.any))
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

static bool
is_master(const struct announce *a, const struct sockaddr *address)
{
	for (size_t i = 0; i < a->conf.master_count; i++)
		if (peer_same_host(&a->conf.masters[i].address.any, address))
			return true;
	return false;
}

static void
want_address(struct announce *a, int family, const void *address)
{
	struct peer peer = a->conf.like;

	memset(&peer.address, 0, sizeof(peer.address));
	peer.address.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		peer.address.v4.sin_port = htons(DNS_PORT);
		memcpy(&peer.address.v4.sin_addr, address, 4);
	} else {
		peer.address.v6.sin6_port = htons(DNS_PORT);
		memcpy(&peer.address.v6.sin6_addr, address, 16);
		peer.source = a->conf.source_v6;
	}
	if (env.ourselves(&peer.address.any) || is_master(a, &peer.address.any))
		return;
	env.about(&peer);
	want(a, &peer);
}

static unsigned
want_set(struct announce *a, const struct rrset *set, int family)
{
	const uint8_t *p = set != NULL ? set->rdata : NULL;
	unsigned i;

	for (i = 0; set != NULL && i < set->count; i++, p += 2 + get16(p))
		want_address(a, family, p + 2);
	return i;
}

/* The addresses that a zone of ours has for a name server, its own or another's. */
static bool
want_known(struct announce *a, const struct zone *zone, const uint8_t *name)
{
	const struct node *node = zone_node(zone, name);

	return node != NULL && want_set(a, node_set(node, T_A), AF_INET) +
	    want_set(a, node_set(node, T_AAAA), AF_INET6) > 0;
}

struct lookup {
	struct lookup *next;		/* of its zone */
	struct announce *zone;
	uv_getaddrinfo_t request;
	char name[DNAME_TEXT_MAX];
};

static void
on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct lookup *l = request->data, **at;
	struct announce *a = l->zone;

	for (at = &a->lookups; *at != l; at = &(*at)->next)
		continue;
	*at = l->next;
	if (status < 0 && status != UV_ECANCELED && !a->freed)
		tell(a, WARNING, "the name server %s is not told of the new version: %s", l->name, uv_strerror(status));
	for (const struct addrinfo *i = list; i != NULL && !a->freed; i = i->ai_next) {
		if (i->ai_family == AF_INET)
			want_address(a, AF_INET, &((struct sockaddr_in *)(void *)i->ai_addr)->sin_addr);
		else if (i->ai_family == AF_INET6)
			want_address(a, AF_INET6, &((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_addr);
	}
	uv_freeaddrinfo(list);
	free(l);
	let_go(a);
}

static void
look_up(struct announce *a, const uint8_t *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct lookup *l = xcalloc(1, sizeof(*l));

	l->zone = a;
	l->request.data = l;
	name_print_plain(l->name, name);
	if (uv_getaddrinfo(loop, &l->request, on_looked_up, l->name, NULL, &hints) < 0) {
		free(l);
		return;
	}
	l->next = a->lookups;
	a->lookups = l;
	a->open++;
}

/* Names of servers are looked for in our own zones first: they are right there before the world can ask. */
static void
want_name(struct announce *a, const struct zone *zone, const uint8_t *name)
{
	uint8_t lower[DNAME_MAX];
	struct zone *other = NULL;
	struct slot *slot;
	bool found = want_known(a, zone, name);

	if (found)
		return;
	name_lower(lower, name);
	slot_enter();
	if ((slot = slot_find(lower, false)) != NULL && (other = slot_zone(slot)) != NULL)
		zone_ref(other);
	slot_leave();
	if (other != NULL && other != zone)
		found = want_known(a, other, name);
	zone_unref(other);
	if (!found)
		look_up(a, name);
}

static void
want_name_servers(struct announce *a, const struct zone *zone)
{
	const struct rrset *set = node_set(zone_apex(zone), T_NS);
	const uint8_t *primary = zone_soa(zone)->rdata + 2, *p = set->rdata;

	for (unsigned i = 0; i < set->count; i++, p += 2 + get16(p))
		if (a->conf.primary_too || !name_equal(p + 2, primary))
			want_name(a, zone, p + 2);
}

/* --- rounds --- */

static void
round_start(struct announce *a)
{
	struct zone *zone = slot_zone_ref(a->slot);
	struct target *next;

	a->round_due = false;
	a->round_at = uv_now(loop);
	if (zone == NULL)
		return;
	for (struct target *t = a->targets; t != NULL; t = t->next)
		t->stale = true;
	for (size_t i = 0; i < a->conf.also_count; i++)
		want(a, &a->conf.also[i]);
	if (a->conf.name_servers)
		want_name_servers(a, zone);
	zone_unref(zone);
	/* Those that are being looked up are not known to be gone yet. */
	for (struct target *t = a->targets; t != NULL && a->lookups == NULL; t = next) {
		next = t->next;
		if (t->stale)
			target_free(t);
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
	uint64_t now = uv_now(loop), next = a->round_at + a->conf.delay * UINT64_C(1000);

	if (a->round_due)
		return;
	a->round_due = true;
	uv_timer_start(&a->timer, on_round, a->round_at == 0 || next <= now ? 0 : next - now, 0);
}

static void
on_wake(uv_async_t *async)
{
	struct published *list, *next;

	(void)async;
	pthread_mutex_lock(&lock);
	list = published;
	published = NULL;
	pthread_mutex_unlock(&lock);
	for (; list != NULL; list = next) {
		struct announce *a = env.of(list->slot);

		next = list->next;
		if (a != NULL)
			round_soon(a);
		slot_unref(list->slot);
		free(list);
	}
}

void
announce_published(struct slot *slot)
{
	struct published *p = xmalloc(sizeof(*p));

	p->slot = slot_ref(slot);
	pthread_mutex_lock(&lock);
	p->next = published;
	published = p;
	pthread_mutex_unlock(&lock);
	uv_async_send(&wake);
}

void
announce_now(struct announce *a, const struct sockaddr *only)
{
	struct peer peer = a->conf.like;

	if (only == NULL) {
		a->round_at = 0;
		a->round_due = false;	/* one that is due later does not delay this */
		round_soon(a);
		return;
	}
	for (struct target *t = a->targets; t != NULL; t = t->next)
		if (peer_same_host(&t->peer.address.any, only)) {
			want(a, &t->peer);
			return;
		}
	memset(&peer.address, 0, sizeof(peer.address));
	peer_address_set(&peer.address, only);
	if (only->sa_family == AF_INET6)
		peer.source = a->conf.source_v6;
	env.about(&peer);
	want(a, &peer);
}

/* --- from outside --- */

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
	uv_timer_init(loop, &a->timer);
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
	let_go(handle->data);
}

void
announce_free(struct announce *a)
{
	if (a == NULL)
		return;
	a->freed = true;
	for (struct lookup *l = a->lookups; l != NULL; l = l->next)
		uv_cancel((uv_req_t *)&l->request);	/* those that still wait for a thread */
	while (a->targets != NULL)
		target_free(a->targets);
	uv_close((uv_handle_t *)&a->timer, on_announce_closed);
}

void
announce_start(uv_loop_t *control_loop, const struct announce_env *e)
{
	loop = control_loop;
	env = *e;
	uv_async_init(loop, &wake, on_wake);
	uv_timer_init(loop, &pace);
}

void
announce_set_rate(unsigned per_second)
{
	rate = per_second > 0 ? per_second : DEFAULT_RATE;
}

void
announce_stop(void)
{
	uv_close((uv_handle_t *)&wake, NULL);
	uv_close((uv_handle_t *)&pace, NULL);
}

void
announce_counts(struct announce_counts *out)
{
	*out = counts;
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
	out->done = t->state == IDLE;
	out->known = t->known;
	out->serial = t->serial;
	out->trouble = t->trouble;
	return true;
}
