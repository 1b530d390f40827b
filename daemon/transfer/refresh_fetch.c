/* refresh_fetch.c - transfers of slaves' zones: whose turn it is, from which master, and what came of it. */
#include "daemon/transfer/refresh_impl.h"

#define BAD_FIRST_MS 60000	/* that a master is not asked for a zone after what cannot be one; doubled up to */
#define BAD_LAST_MS 3600000
#define SCAN_MAX 1000		/* zones looked at for one that may be fetched now */

static struct {
	struct queue queue;
	struct refresh **fetching;
	size_t count;
} now = { .queue = { NULL, &now.queue.first } };

/* Of the masters that answered and have not failed since, the one with the newest version, the first of equals; or
 * masters when none has anything newer than ours. */
size_t
refresh_best(struct refresh *r)
{
	struct refresh_timers t;
	bool have = refresh_timers_of(r, &t);
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

void
refresh_fetch_from(struct refresh *r, size_t i)
{
	r->from = i;
	r->state = QUEUED;
	queue_push(&now.queue, r);
	refresh_next_fetches();
}

/* This master is of no use now; the next one that may be. */
void
refresh_fetch_failed(struct refresh *r, const char *why)
{
	struct master *m = &r->master[r->from];
	char address[PEER_TEXT];
	size_t i;

	m->answered = false;
	if ((i = refresh_best(r)) == r->masters) {
		refresh_failed(r, "transfer from %s: %s", refresh_master_text(m, address), why);
		return;
	}
	refresh_say(r, WARNING, "transfer from %s: %s", refresh_master_text(m, address), why);
	refresh_fetch_from(r, i);
}

static void
note_bad(struct master *m)
{
	m->bad_ms = m->bad_ms == 0 ? BAD_FIRST_MS : m->bad_ms * 2 < BAD_LAST_MS ? m->bad_ms * 2 : BAD_LAST_MS;
	m->bad_until = uv_now(refresh_common.loop) + m->bad_ms;
}

static void
leave_fetching(struct refresh *r)
{
	size_t i = 0;

	while (now.fetching[i] != r)
		i++;
	now.fetching[i] = now.fetching[--now.count];
	r->xfrin = NULL;
}

static void
on_fetched(void *ctx, const struct xfrin_outcome *o)
{
	struct refresh *r = ctx;
	struct master *m = &r->master[r->from];
	char address[PEER_TEXT], why[600];

	leave_fetching(r);
	refresh_common.counts.fetched += o->result != XFRIN_FAILED;
	refresh_common.counts.broken_off += o->result == XFRIN_FAILED;
	refresh_master_text(m, address);
	if (o->fell_back != NULL)
		refresh_say(r, WARNING, "IXFR from %s: %s; the whole zone was asked for", address, o->fell_back);
	if (o->result == XFRIN_FAILED && o->bad) {
		note_bad(m);
		snprintf(why, sizeof(why), "%s; it is not asked for this zone for %u s", o->why, m->bad_ms / 1000);
		refresh_fetch_failed(r, why);
	} else if (o->result == XFRIN_FAILED) {
		refresh_fetch_failed(r, o->why);
	} else {
		m->bad_ms = 0;
		r->has_expire = o->has_expire || m->has_expire;
		r->expire = o->has_expire ? o->expire : m->expire;
		free(r->last_from);
		r->last_from = xstrdup(address);
		if (o->result == XFRIN_SAME) {
			refresh_fetch_failed(r, "it offers nothing newer than we have");
		} else {
			refresh_say(r, NOTE, "%s from %s done: serial %" PRIu32 ", %" PRIu64 " record%s, %" PRIu64 " octets in %"
			    PRIu64 " message%s, %u ms", o->differences ? "IXFR" : "AXFR", address,
			    zone_serial(o->zone), o->records, PLURAL(o->records), o->octets, o->messages,
			    PLURAL(o->messages), o->ms);
			refresh_submit(r, o->zone, r->forced ? COMMIT_FORCED : 0);
		}
	}
	refresh_next_fetches();
}

static void
fetch(struct refresh *r)
{
	struct master *m = &r->master[r->from];
	struct xfrin_conf conf = { .from = &m->peer, .limits = &r->conf.limits, .origin = slot_origin(r->slot) };
	char address[PEER_TEXT];

	conf.have = r->forced ? NULL : slot_zone_ref(r->slot);
	refresh_say(r, NOTE, "transfer from %s starts", refresh_master_text(m, address));
	r->state = FETCHING;
	now.fetching = xrealloc(now.fetching, (now.count + 1) * sizeof(now.fetching[0]));
	now.fetching[now.count++] = r;
	r->xfrin = xfrin_start(refresh_common.loop, &conf, on_fetched, r);
	zone_unref(conf.have);
}

static bool
may_fetch(const struct refresh *r)
{
	const struct peer *peer = &r->master[r->from].peer;
	unsigned limit = peer->transfers > 0 ? peer->transfers : refresh_common.limits.transfers_per_master, count = 0;

	for (size_t i = 0; i < now.count; i++) {
		const struct refresh *other = now.fetching[i];

		count += peer_same_host(&other->master[other->from].peer.address.any, &peer->address.any);
	}
	return limit == 0 || count < limit;
}

void
refresh_next_fetches(void)
{
	struct refresh **at = &now.queue.first;

	for (unsigned n = 0; *at != NULL && n < SCAN_MAX; n++) {
		struct refresh *r = *at;

		if (refresh_common.limits.transfers_in > 0 && now.count >= refresh_common.limits.transfers_in)
			return;
		if (may_fetch(r)) {
			queue_unlink(&now.queue, at);
			fetch(r);
		} else {
			at = &r->next_in_queue;
		}
	}
}

void
refresh_stop_fetching(struct refresh *r)
{
	if (r->state == QUEUED) {
		queue_pull(&now.queue, r);
	} else if (r->state == FETCHING) {
		xfrin_cancel(r->xfrin);
		leave_fetching(r);
		refresh_next_fetches();
	}
}

void
refresh_fetch_stop(void)
{
	free(now.fetching);
	now.fetching = NULL;
	now.count = 0;
}
