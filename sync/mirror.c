/* mirror.c - keeps the tables of one PowerDNS database in step with the served zones. */
#include "sync/mirror.h"

#include <inttypes.h>
#include <pthread.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sync/journal.h"
#include "sync/pdns_text.h"
#include "sync/purger.h"
#include "sync/target.h"
#include "zonefile/arena.h"
#include "zonefile/delta.h"
#include "zonefile/name.h"

/* Many small zones share a transaction, a large one has its own. */
#define GROUP_ZONES 200
#define GROUP_ROWS 5000

#define CONNECT_MIN 1000		/* milliseconds */
#define CONNECT_MAX 60000
#define AGAIN_MIN 20			/* after a deadlock; doubles */
#define AGAIN_TRIES 9			/* some 10 seconds in all */
#define HELD_RETRY 60000
#define STOP_WAIT 10000

/* From so many zones on, one query for the states of all is cheaper than one each. */
#define ASK_EACH_MAX 50

/* A predecessor that ended between COMMIT and purge left PowerDNS with old answers, which its caches keep for some
 * minutes.  What was written within so many seconds before our start is purged once more. */
#define FRESH 3600

/* A zone that is mirrored, or was and shall be taken out. */
struct tracked {
	char *name;			/* first: key of the tree; as in domains.name */
	uint8_t *origin;
	struct tracked *next, **at;	/* of all; lock */

	/* lock */
	struct slot *slot;		/* a reference; NULL: excluded */
	bool queued, resync;
	struct tracked *next_queued;
	enum mirror_zone_state state;
	char *why;			/* HELD */

	/* the mirror's thread writes, with lock; others read with lock */
	bool known;			/* the target has it, at: */
	uint32_t serial;
	struct zone_digest digest;

	/* the mirror's thread */
	bool asked;			/* for the three above, of this connection */
	bool met;			/* of any */
	bool disabled;			/* in the target */
	bool unsure;			/* whether PowerDNS was told of what is there, and that it is */
	struct zone *last;		/* what the target has, shares memory with what comes; or NULL */
	struct zone_digest held;	/* the version that is held back, told once */
};

struct mirror {
	struct arena *memory;		/* of the configuration's copies */
	const char *label;
	struct target_conf conf;
	const char *journal_path;
	int on_remove;
	report_fn *report;
	void *ctx;
	struct purger *purger;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;

	/* lock */
	void *tree;			/* of tracked, by name */
	struct tracked *all;
	struct tracked *first, **last;	/* queue */
	bool stopping, ended;
	struct mirror_status status;	/* without the counts of zones */

	/* the mirror's thread */
	struct target *target;
	struct journal *journal;
	int64_t connect_at;		/* not before; monotonic */
	int64_t lost_at;
	unsigned losses;		/* of connections since the last COMMIT */
	bool down;			/* told */
	int64_t held_at;		/* when those held are tried again */
	struct telling *telling;	/* reports of the transaction under way */
	size_t tellings, telling_room;
};

/* A zone on its way into a transaction. */
struct item {
	struct tracked *tracked;
	enum { UPDATE, COMPARE, REMOVE } action;
	struct zone *now, *from;	/* from with delta: UPDATE */
	struct delta *delta;
	size_t rows;			/* about so many */
	bool resync, changed, created;
};

struct telling {
	enum severity severity;
	char *zone, *text;
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

/* With the lock; returns at once when it is woken. */
static void
wait_until(struct mirror *m, int64_t ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	if (ms == INT64_MAX)
		pthread_cond_wait(&m->wake, &m->lock);
	else
		pthread_cond_timedwait(&m->wake, &m->lock, &ts);
}

/* --- telling ----------------------------------------------------------- */

static void __attribute__((format(printf, 4, 5)))
tell(struct mirror *m, enum severity severity, const char *zone, const char *fmt, ...)
{
	char text[1024];
	struct report report = { .severity = severity, .zone = zone, .text = text };
	int len = snprintf(text, sizeof(text), "%s: ", m->label);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, args);
	va_end(args);
	m->report(m->ctx, &report);
}

/* A sink: what is said of a transaction that is then done again would be said twice. */
static void
keep_report(void *ctx, const struct report *report)
{
	struct mirror *m = ctx;

	if (m->tellings == m->telling_room) {
		m->telling_room = m->telling_room * 2 + 8;
		m->telling = xrealloc(m->telling, m->telling_room * sizeof(*m->telling));
	}
	m->telling[m->tellings++] = (struct telling){ report->severity,
	    report->zone != NULL ? xstrdup(report->zone) : NULL, xstrdup(report->text) };
}

static void
end_tellings(struct mirror *m, bool say)
{
	for (size_t i = 0; i < m->tellings; i++) {
		struct telling *t = &m->telling[i];

		if (say)
			tell(m, t->severity, t->zone, "%s", t->text);
		free(t->zone);
		free(t->text);
	}
	m->tellings = 0;
}

/* For mirror_status(). */
static void
keep_error(struct mirror *m, const char *text)
{
	pthread_mutex_lock(&m->lock);
	snprintf(m->status.error, sizeof(m->status.error), "%s", text);
	m->status.error_at = *text != '\0' ? time(NULL) : 0;
	m->status.connected = target_connected(m->target);
	pthread_mutex_unlock(&m->lock);
}

/* --- the zones --------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct tracked *)a)->name, ((const struct tracked *)b)->name);
}

/* With the lock. */
static struct tracked *
find_name(struct mirror *m, char *name)
{
	struct tracked key = { .name = name }, **found = tfind(&key, &m->tree, by_name);

	return found != NULL ? *found : NULL;
}

static struct tracked *
find(struct mirror *m, const uint8_t *origin)
{
	uint8_t lower[DNAME_MAX];
	char name[PDNS_NAME_TEXT];

	name_lower(lower, origin);
	pdns_name(name, lower);
	return find_name(m, name);
}

/* With the lock. */
static struct tracked *
track(struct mirror *m, const uint8_t *origin)
{
	struct tracked *z = xcalloc(1, sizeof(*z));
	size_t len = name_len(origin);
	char name[PDNS_NAME_TEXT];

	z->origin = xmalloc(len);
	name_lower(z->origin, origin);
	pdns_name(name, z->origin);
	z->name = xstrdup(name);
	z->state = MIRROR_BEHIND;
	z->next = m->all;
	z->at = &m->all;
	if (m->all != NULL)
		m->all->at = &z->next;
	m->all = z;
	if (tsearch(z, &m->tree, by_name) == NULL)
		abort();
	return z;
}

/* With the lock, on the mirror's thread, not queued. */
static void
untrack(struct mirror *m, struct tracked *z)
{
	tdelete(z, &m->tree, by_name);
	*z->at = z->next;
	if (z->next != NULL)
		z->next->at = z->at;
	if (z->slot != NULL)
		slot_unref(z->slot);
	zone_unref(z->last);
	free(z->why);
	free(z->origin);
	free(z->name);
	free(z);
}

/* With the lock. */
static void
queue(struct mirror *m, struct tracked *z)
{
	if (z->state == MIRROR_IN_STEP)
		z->state = MIRROR_BEHIND;
	if (z->queued)
		return;
	z->queued = true;
	z->next_queued = NULL;
	*m->last = z;
	m->last = &z->next_queued;
}

static void
queue_all(struct mirror *m, bool held_only)
{
	pthread_mutex_lock(&m->lock);
	for (struct tracked *z = m->all; z != NULL; z = z->next)
		if (!held_only || z->state == MIRROR_HELD)
			queue(m, z);
	pthread_mutex_unlock(&m->lock);
}

static bool
any_held(struct mirror *m)
{
	const struct tracked *z;

	pthread_mutex_lock(&m->lock);
	for (z = m->all; z != NULL && z->state != MIRROR_HELD; z = z->next)
		;
	pthread_mutex_unlock(&m->lock);
	return z != NULL;
}

static void
forget_last(struct tracked *z)
{
	zone_unref(z->last);
	z->last = NULL;
}

/* --- the connection ---------------------------------------------------- */

/* The first loss may be an idle connection's end: that is tried again at once, and nothing is told. */
static void
lost(struct mirror *m)
{
	const char *why = target_why(m->target);
	int64_t now = now_ms(), delay;

	if (now - m->lost_at > 2 * CONNECT_MAX)
		m->losses = 0;
	m->lost_at = now;
	if (m->losses++ > 0) {
		delay = m->losses > 7 ? CONNECT_MAX : CONNECT_MIN << (m->losses - 2);
		m->connect_at = now + (delay > CONNECT_MAX ? CONNECT_MAX : delay);
		if (!m->down)
			tell(m, ERROR, NULL, "%s; it is tried again, and what changes"
			    " meanwhile is made up for", why);
		m->down = true;
	}
	keep_error(m, why);
}

static void
take_state(struct mirror *m, struct tracked *z, const struct target_state *state)
{
	pthread_mutex_lock(&m->lock);
	z->known = state != NULL;
	z->disabled = false;
	if (state != NULL) {
		z->serial = state->serial;
		z->digest = state->digest;
		z->disabled = state->disabled;
		if (!z->met && time(NULL) - state->changed_at < FRESH)
			z->unsure = true;
	}
	z->met = true;
	pthread_mutex_unlock(&m->lock);
}

static void
on_state(void *ctx, const struct target_state *state)
{
	struct mirror *m = ctx;
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = find_name(m, (char *)state->name);
	pthread_mutex_unlock(&m->lock);
	/* Only this thread untracks. */
	if (z != NULL && !z->asked) {
		take_state(m, z, state);
		z->asked = true;
	}
}

/* Where are all those that were not asked for yet?  Those that come meanwhile are asked for with the next batch. */
static enum target_result
ask_all(struct mirror *m)
{
	struct tracked *newest, *z;
	enum target_result result;

	pthread_mutex_lock(&m->lock);
	newest = m->all;
	pthread_mutex_unlock(&m->lock);
	if ((result = target_states(m->target, on_state, m)) != TARGET_OK)
		return result;
	for (z = newest; z != NULL; z = z->next) {
		if (!z->asked)
			take_state(m, z, NULL);
		z->asked = true;
	}
	return TARGET_OK;
}

static enum target_result
ask(struct mirror *m, struct tracked *z)
{
	struct target_state state;
	bool known;
	enum target_result result = target_state(m->target, z->origin, &state, &known);

	if (result == TARGET_OK) {
		take_state(m, z, known ? &state : NULL);
		z->asked = true;
	}
	return result;
}

/* After it was away the target may be anywhere: another node, a backup, or further than we heard. */
static bool
connected(struct mirror *m)
{
	enum target_result result;

	if (target_connected(m->target))
		return true;
	pthread_mutex_lock(&m->lock);
	for (struct tracked *z = m->all; z != NULL; z = z->next)
		z->asked = false;
	pthread_mutex_unlock(&m->lock);
	result = target_connect(m->target);
	if (result == TARGET_OK)
		result = ask_all(m);
	if (result != TARGET_OK) {
		m->losses += m->losses == 0;
		lost(m);
		return false;
	}
	if (m->down)
		tell(m, NOTE, NULL, "connected again");
	m->down = false;
	keep_error(m, "");
	queue_all(m, false);
	return true;
}

/* --- what to do -------------------------------------------------------- */

static void
free_item(struct item *item)
{
	zone_unref(item->now);
	zone_unref(item->from);
	delta_free(item->delta);
}

/* The way from the version that the target has to this one: from the journal, or from both in
 * memory.  The old one shares memory with the new one when it is made here. */
static void
find_delta(struct mirror *m, struct item *item)
{
	struct tracked *z = item->tracked;
	struct sink quiet = { 0 };
	struct delta *back;

	if (z->last != NULL && !zone_digest_equal(zone_digest(z->last), z->digest))
		forget_last(z);
	item->delta = journal_chain(m->journal, z->origin, z->digest, zone_digest(item->now));
	if (item->delta == NULL && z->last != NULL)
		item->delta = delta_between(z->last, item->now);
	if (item->delta == NULL)
		return;
	if (z->last != NULL) {
		item->from = zone_ref(z->last);
		return;
	}
	back = delta_reverse(item->delta);
	item->from = delta_apply(item->now, back, &quiet);
	delta_free(back);
}

/* PowerDNS may still have to be told of what was written before. */
static void
tell_powerdns(struct mirror *m, struct tracked *z, bool changed, bool created)
{
	if (changed || z->unsure)
		purger_add(m->purger, z->name, created || z->unsure);
	z->unsure = false;
}

static void
in_step(struct mirror *m, struct item *item)
{
	struct tracked *z = item->tracked;

	zone_unref(z->last);
	z->last = zone_ref(item->now);
	pthread_mutex_lock(&m->lock);
	z->state = z->queued ? MIRROR_BEHIND : MIRROR_IN_STEP;
	free(z->why);
	z->why = NULL;
	pthread_mutex_unlock(&m->lock);
}

/* Fills the item; false when there is nothing to write. */
static bool
plan(struct mirror *m, struct tracked *z, struct item *item)
{
	struct slot *slot;

	*item = (struct item){ .tracked = z };
	pthread_mutex_lock(&m->lock);
	slot = z->slot != NULL ? slot_ref(z->slot) : NULL;
	item->resync = z->resync;
	z->resync = false;
	pthread_mutex_unlock(&m->lock);
	if (slot == NULL) {
		item->action = REMOVE;
		item->rows = GROUP_ROWS;
		if (z->known && !z->disabled && m->on_remove != MIRROR_KEEP)
			return true;
		tell_powerdns(m, z, false, false);
		return false;
	}
	item->now = slot_zone_ref(slot);
	slot_unref(slot);
	if (item->now == NULL)
		return false;
	if (z->known && !z->disabled && !item->resync) {
		if (zone_digest_equal(z->digest, zone_digest(item->now))) {
			tell_powerdns(m, z, false, false);
			in_step(m, item);
			return false;
		}
		find_delta(m, item);
	}
	if (item->from != NULL) {
		item->action = UPDATE;
		item->rows = delta_removed(item->delta) + delta_added(item->delta);
	} else {
		item->action = COMPARE;
		item->rows = zone_records(item->now);
	}
	return true;
}

/* --- transactions ------------------------------------------------------ */

static enum target_result
write_item(struct mirror *m, struct item *item, struct sink *sink)
{
	struct tracked *z = item->tracked;

	switch (item->action) {
	case UPDATE:
		return target_update(m->target, item->from, item->now, item->delta, sink);
	case COMPARE:
		return target_compare(m->target, item->now, false, sink);
	case REMOVE:
		break;
	}
	return m->on_remove == MIRROR_DELETE ? target_delete(m->target, z->origin) :
	    target_disable(m->target, z->origin);
}

static uint64_t
changes(const struct target_counts *c)
{
	return c->deleted + c->inserted + c->updated + c->domains_created + c->domains_deleted;
}

static enum target_result
write_group(struct mirror *m, struct item *item, size_t count)
{
	enum target_result result = target_begin(m->target);

	for (size_t i = 0; i < count && result == TARGET_OK; i++) {
		struct target_counts before = *target_counts(m->target);
		const struct target_counts *after = target_counts(m->target);
		struct sink sink = { .fn = keep_report, .ctx = m };

		result = write_item(m, &item[i], &sink);
		item[i].changed = changes(after) != changes(&before);
		item[i].created = after->domains_created != before.domains_created ||
		    after->domains_deleted != before.domains_deleted;
	}
	return result == TARGET_OK ? target_commit(m->target) : result;
}

static void
remember_item(struct mirror *m, struct item *item)
{
	struct tracked *z = item->tracked;

	tell_powerdns(m, z, item->changed, item->created);
	if (item->action == REMOVE) {
		take_state(m, z, NULL);
		forget_last(z);
		return;
	}
	pthread_mutex_lock(&m->lock);
	z->known = true;
	z->serial = zone_serial(item->now);
	z->digest = zone_digest(item->now);
	pthread_mutex_unlock(&m->lock);
	z->disabled = false;
	in_step(m, item);
}

static void
committed(struct mirror *m, struct item *item, size_t count)
{
	const struct target_counts *c = target_counts(m->target);

	m->losses = 0;
	end_tellings(m, true);
	pthread_mutex_lock(&m->lock);
	m->status.rows_deleted += c->deleted;
	m->status.rows_inserted += c->inserted;
	m->status.rows_updated += c->updated;
	m->status.transactions++;
	pthread_mutex_unlock(&m->lock);
	for (size_t i = 0; i < count; i++)
		remember_item(m, &item[i]);
	if (m->status.error[0] != '\0' && !any_held(m))
		keep_error(m, "");
}

/* This zone waits for another version, for mirror_resync() or for HELD_RETRY; the others go on. */
static void
hold(struct mirror *m, struct item *item)
{
	struct tracked *z = item->tracked;
	const char *why = target_why(m->target);
	struct zone_digest now = { { 0, 0 } };
	bool again;

	if (item->now != NULL)
		now = zone_digest(item->now);
	again = z->why != NULL && strcmp(z->why, why) == 0 && zone_digest_equal(z->held, now);
	end_tellings(m, !again);
	if (!again && z->known)
		tell(m, ERROR, z->name, "held back: %s; PowerDNS goes on with serial %" PRIu32,
		    why, z->serial);
	else if (!again)
		tell(m, ERROR, z->name, "held back: %s", why);
	z->held = now;
	if (m->held_at == INT64_MAX)
		m->held_at = now_ms() + HELD_RETRY;
	pthread_mutex_lock(&m->lock);
	z->state = MIRROR_HELD;
	z->resync |= item->resync;
	free(z->why);
	z->why = xstrdup(why);
	pthread_mutex_unlock(&m->lock);
	keep_error(m, why);
}

/* Whether they were committed is asked when there is a connection again. */
static void
put_back(struct mirror *m, struct item *item, size_t count, bool unsure)
{
	end_tellings(m, false);
	for (size_t i = 0; i < count; i++) {
		struct tracked *z = item[i].tracked;

		z->unsure |= unsure;
		pthread_mutex_lock(&m->lock);
		z->resync |= item[i].resync;
		queue(m, z);
		pthread_mutex_unlock(&m->lock);
	}
}

/* false: it is time to stop. */
static bool
pause_before_again(struct mirror *m, unsigned tries)
{
	int64_t until = now_ms() + (AGAIN_MIN << tries);
	bool stopping;

	pthread_mutex_lock(&m->lock);
	while (!m->stopping && now_ms() < until)
		wait_until(m, until);
	stopping = m->stopping;
	pthread_mutex_unlock(&m->lock);
	return !stopping;
}

/* Write the items in one transaction, and when that does not work for a reason of one of them, each in
 * its own.  false: no more now, those not written are queued. */
static bool
run_group(struct mirror *m, struct item *item, size_t count)
{
	enum target_result result;
	unsigned tries = 0;

	while ((result = write_group(m, item, count)) == TARGET_AGAIN && tries < AGAIN_TRIES) {
		end_tellings(m, false);
		if (!pause_before_again(m, tries++)) {
			put_back(m, item, count, false);
			return false;
		}
	}
	if (result == TARGET_OK) {
		committed(m, item, count);
	} else if (result == TARGET_LOST || result == TARGET_BROKEN) {
		put_back(m, item, count, true);
		lost(m);
		return false;
	} else if (count > 1) {
		end_tellings(m, false);
		for (size_t i = 0; i < count; i++)
			if (!run_group(m, &item[i], 1)) {
				put_back(m, item + i + 1, count - i - 1, false);
				return false;
			}
	} else if (result == TARGET_DRIFTED && item->action == UPDATE) {
		/* The rows or their state are not ours alone any more. */
		end_tellings(m, false);
		item->action = COMPARE;
		return run_group(m, item, 1);
	} else {
		hold(m, item);
	}
	return true;
}

/* How many fit into a transaction. */
static size_t
group_size(const struct item *item, size_t count)
{
	size_t rows = item[0].rows, n = 1;

	while (n < count && (rows += item[n].rows) <= GROUP_ROWS)
		n++;
	return n;
}

static void
write_items(struct mirror *m, struct item *item, size_t count)
{
	for (size_t at = 0, n; at < count; at += n) {
		n = group_size(item + at, count - at);
		if (!run_group(m, item + at, n)) {
			put_back(m, item + at + n, count - at - n, false);
			return;
		}
	}
}

/* --- the thread -------------------------------------------------------- */

/* Those that are out and need nothing more. */
static void
drop_excluded(struct mirror *m, struct tracked **batch, size_t count)
{
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < count; i++) {
		struct tracked *z = batch[i];

		if (z->slot == NULL && !z->queued && z->state != MIRROR_HELD)
			untrack(m, z);
	}
	pthread_mutex_unlock(&m->lock);
}

/* Ask for those of the batch that came after the last question to all. */
static bool
ask_batch(struct mirror *m, struct tracked **batch, size_t count)
{
	enum target_result result = TARGET_OK;
	size_t unasked = 0;

	for (size_t i = 0; i < count; i++)
		unasked += !batch[i]->asked;
	if (unasked > ASK_EACH_MAX)
		result = ask_all(m);
	for (size_t i = 0; i < count && result == TARGET_OK; i++)
		/* A zone that cannot be asked for is one that cannot be written, which says why. */
		if (!batch[i]->asked && (result = ask(m, batch[i])) == TARGET_HELD)
			result = TARGET_OK;
	if (result == TARGET_OK)
		return true;
	lost(m);
	return false;
}

static void
work(struct mirror *m, struct tracked **batch, size_t count)
{
	struct item item[GROUP_ZONES];
	size_t items = 0;

	if (!connected(m) || !ask_batch(m, batch, count)) {
		pthread_mutex_lock(&m->lock);
		for (size_t i = 0; i < count; i++)
			queue(m, batch[i]);
		pthread_mutex_unlock(&m->lock);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (plan(m, batch[i], &item[items]))
			items++;
		else
			free_item(&item[items]);
	write_items(m, item, items);
	for (size_t i = 0; i < items; i++)
		free_item(&item[i]);
	drop_excluded(m, batch, count);
}

/* Waits for work; 0: stop. */
static size_t
take_batch(struct mirror *m, struct tracked **batch)
{
	size_t count = 0;
	int64_t until;

	pthread_mutex_lock(&m->lock);
	while (!m->stopping) {
		if (m->first != NULL && !m->status.paused && now_ms() >= m->connect_at)
			break;
		until = m->first != NULL && !m->status.paused ? m->connect_at : m->held_at;
		if (until != m->held_at || now_ms() < until) {
			wait_until(m, until);
			continue;
		}
		m->held_at = INT64_MAX;
		pthread_mutex_unlock(&m->lock);
		queue_all(m, true);
		pthread_mutex_lock(&m->lock);
	}
	while (!m->stopping && m->first != NULL && count < GROUP_ZONES) {
		batch[count] = m->first;
		m->first->queued = false;
		m->first = m->first->next_queued;
		count++;
	}
	if (m->first == NULL)
		m->last = &m->first;
	pthread_mutex_unlock(&m->lock);
	return count;
}

static void *
mirror_thread(void *arg)
{
	struct mirror *m = arg;
	struct tracked *batch[GROUP_ZONES];
	size_t count;

	slot_thread_begin();
	m->target = target_open(&m->conf);
	m->journal = journal_open_reader(m->journal_path);
	while ((count = take_batch(m, batch)) > 0)
		work(m, batch, count);
	target_close(m->target);
	journal_close(m->journal);
	slot_thread_end();
	pthread_mutex_lock(&m->lock);
	m->ended = true;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* --- start and stop ---------------------------------------------------- */

static const char *
copy(struct mirror *m, const char *text)
{
	return text != NULL ? arena_strdup(m->memory, text) : NULL;
}

static const char *const *
copy_list(struct mirror *m, const char *const *list)
{
	const char **out;
	size_t count = 0;

	if (list == NULL)
		return NULL;
	while (list[count] != NULL)
		count++;
	out = arena_alloc(m->memory, (count + 1) * sizeof(*out));
	for (size_t i = 0; i < count; i++)
		out[i] = copy(m, list[i]);
	out[count] = NULL;
	return out;
}

static void
copy_conf(struct mirror *m, const struct mirror_conf *conf)
{
	m->conf = (struct target_conf){
		.type = conf->type == MIRROR_SQLITE ? TARGET_SQLITE : TARGET_MYSQL,
		.file = copy(m, conf->file),
		.hosts = copy_list(m, conf->hosts),
		.port = conf->port,
		.socket = copy(m, conf->socket),
		.database = copy(m, conf->database),
		.user = copy(m, conf->user),
		.password = copy(m, conf->password),
		.tls = conf->tls,
		.ca_file = copy(m, conf->ca_file),
		.owner = copy(m, conf->owner),
		.kind_master = conf->kind_master,
		.adopt = conf->adopt,
		.style = { conf->target_version, conf->skip_unmirrorable },
	};
	m->on_remove = conf->on_remove;
	snprintf(m->status.name, sizeof(m->status.name), "%s", conf->name);
}

struct mirror *
mirror_start(const struct mirror_conf *conf, const char *journal_path,
    report_fn *report, void *ctx)
{
	struct mirror *m = xcalloc(1, sizeof(*m));
	pthread_condattr_t attr;
	char label[128];

	m->memory = arena_new(1024);
	copy_conf(m, conf);
	m->journal_path = copy(m, journal_path);
	m->report = report;
	m->ctx = ctx;
	m->last = &m->first;
	m->held_at = INT64_MAX;
	snprintf(label, sizeof(label), "mirror %s", conf->name);
	m->label = copy(m, label);
	m->purger = purger_start(purge_new(copy_list(m, conf->pdns_control),
	    copy_list(m, conf->pdns_api), copy(m, conf->api_key)), m->label, report, ctx);
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&m->thread, NULL, mirror_thread, m) != 0)
		abort();
	return m;
}

void
mirror_stop(struct mirror *m)
{
	int64_t deadline = now_ms() + STOP_WAIT;
	bool ended;

	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_broadcast(&m->wake);
	while (!m->ended && now_ms() < deadline)
		wait_until(m, deadline);
	ended = m->ended;
	pthread_mutex_unlock(&m->lock);
	if (!ended) {
		/* It ends by itself when the database answers; until then it needs what m has. */
		tell(m, WARNING, NULL, "the database does not answer, the transaction under"
		    " way is left to it");
		pthread_detach(m->thread);
		return;
	}
	pthread_join(m->thread, NULL);
	purger_stop(m->purger);
	while (m->all != NULL)
		untrack(m, m->all);
	free(m->telling);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->wake);
	arena_free(m->memory);
	free(m);
}

/* --- from outside ------------------------------------------------------ */

void
mirror_wake(struct mirror *m, struct slot *slot)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = find(m, slot_origin(slot));
	if (z != NULL && z->slot == slot) {
		queue(m, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_include(struct mirror *m, struct slot *slot)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	if ((z = find(m, slot_origin(slot))) == NULL)
		z = track(m, slot_origin(slot));
	if (z->slot != slot) {
		if (z->slot != NULL)
			slot_unref(z->slot);
		z->slot = slot_ref(slot);
		queue(m, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_exclude(struct mirror *m, const uint8_t *origin)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = find(m, origin);
	/* It may be there from before our start. */
	if (z == NULL && m->on_remove != MIRROR_KEEP)
		z = track(m, origin);
	if (z != NULL) {
		if (z->slot != NULL)
			slot_unref(z->slot);
		z->slot = NULL;
		z->state = MIRROR_BEHIND;
		queue(m, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_pause(struct mirror *m, bool pause)
{
	pthread_mutex_lock(&m->lock);
	m->status.paused = pause;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

void
mirror_resync(struct mirror *m, struct slot *slot)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = find(m, slot_origin(slot));
	if (z != NULL && z->slot == slot) {
		z->resync = true;
		queue(m, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_status(struct mirror *m, struct mirror_status *status)
{
	pthread_mutex_lock(&m->lock);
	*status = m->status;
	for (const struct tracked *z = m->all; z != NULL; z = z->next) {
		status->in_step += z->slot != NULL && z->state == MIRROR_IN_STEP;
		status->behind += z->slot != NULL && z->state == MIRROR_BEHIND;
		status->held += z->slot != NULL && z->state == MIRROR_HELD;
	}
	pthread_mutex_unlock(&m->lock);
	status->purges = purger_done(m->purger);
}

bool
mirror_zone_status(struct mirror *m, const uint8_t *origin, struct mirror_zone *out)
{
	const struct tracked *z;
	bool there;

	pthread_mutex_lock(&m->lock);
	z = find(m, origin);
	there = z != NULL && z->slot != NULL;
	if (there) {
		*out = (struct mirror_zone){ z->state, z->known, z->serial, "" };
		if (z->state == MIRROR_HELD && z->why != NULL)
			snprintf(out->why, sizeof(out->why), "%s", z->why);
	}
	pthread_mutex_unlock(&m->lock);
	return there;
}
