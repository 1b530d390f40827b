/* mirror_write.c - what a mirror writes: the versions that its target lacks, in transactions. */
#include "sync/mirror_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sync/steady.h"
#include "zonefile/arena.h"
#include "zonefile/delta.h"

#define AGAIN_MIN 20			/* milliseconds after a deadlock; doubles */
#define AGAIN_TRIES 9			/* some 10 seconds in all */

/* A zone on its way into a transaction. */
struct item {
	struct tracked *tracked;
	enum { UPDATE, COMPARE, REMOVE, WITHDRAW, EXPORT } action;
	struct tracked_meta *meta;	/* to be exported too; a share */
	struct zone *now, *from;	/* from with delta: UPDATE */
	struct delta *delta;
	size_t rows;			/* about so many */
	uint64_t changes, request;
	bool resync, adopt, created;
};

struct telling {
	enum severity severity;
	char *zone, *text;
};

/* --- telling ----------------------------------------------------------- */

/* A sink: what is said of a transaction that is then done again would be said twice. */
static void
keep_report(void *ctx, const struct report *report)
{
	struct writer *w = ctx;

	if (w->tellings == w->telling_room) {
		w->telling_room = w->telling_room * 2 + 8;
		w->telling = xrealloc(w->telling, w->telling_room * sizeof(*w->telling));
	}
	w->telling[w->tellings++] = (struct telling){ report->severity,
	    report->zone != NULL ? xstrdup(report->zone) : NULL, xstrdup(report->text) };
}

/* Why the transaction does not work, with the first record that is the cause, if one is. */
static char *
whole_reason(const struct writer *w)
{
	for (size_t i = 0; i < w->tellings; i++)
		if (w->telling[i].severity == ERROR)
			return xasprintf("%s; the first: %s", target_why(w->target), w->telling[i].text);
	return xstrdup(target_why(w->target));
}

static void
end_tellings(struct writer *w, bool say)
{
	for (size_t i = 0; i < w->tellings; i++) {
		struct telling *t = &w->telling[i];

		if (say)
			mirror_tell(w->m, t->severity, t->zone, "%s", t->text);
		free(t->zone);
		free(t->text);
	}
	w->tellings = 0;
}

/* --- what to do -------------------------------------------------------- */

/* With the lock. */
static bool
any_held(const struct mirror *m)
{
	const struct tracked *z;

	for (z = m->zones.all; z != NULL && z->state != MIRROR_HELD; z = z->next)
		;
	return z != NULL;
}

static void
forget_last(struct tracked *z)
{
	zone_unref(z->last);
	z->last = NULL;
}

static void
free_item(struct mirror *m, struct item *item)
{
	zone_unref(item->now);
	zone_unref(item->from);
	delta_free(item->delta);
	pthread_mutex_lock(&m->lock);
	tracked_meta_release(item->meta);
	pthread_mutex_unlock(&m->lock);
}

/* The way from the version that the target has to this one: from the journal, or from both in
 * memory.  The old one shares memory with the new one when it is made here. */
static void
find_delta(struct writer *w, struct item *item)
{
	struct tracked *z = item->tracked;
	struct sink quiet = { 0 };
	struct delta *back;

	if (z->last != NULL && !zone_digest_equal(zone_digest(z->last), z->digest))
		forget_last(z);
	item->delta = journal_chain(w->journal, z->origin, z->digest, zone_digest(item->now));
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

/* With the lock.  Takes the reference, and gives back another one, or NULL. */
static struct zone *
set_in_step(struct tracked *z, struct zone *zone)
{
	struct zone *last = z->last;

	z->last = zone;
	z->state = z->again ? MIRROR_BEHIND : MIRROR_IN_STEP;
	z->behind_since = steady_now();
	free(z->why);
	z->why = NULL;
	return last;
}

static void
in_step(struct mirror *m, struct item *item)
{
	struct zone *last;

	pthread_mutex_lock(&m->lock);
	last = set_in_step(item->tracked, zone_ref(item->now));
	pthread_mutex_unlock(&m->lock);
	zone_unref(last);
}

bool
mirror_settle(struct mirror *m, struct tracked *z, struct zone **zone)
{
	if (!m->gate.open || !z->asked || z->busy != NULL || !z->known || z->disabled || z->resync ||
	    (z->meta != NULL && z->meta->hash != z->exported) || !zone_digest_equal(z->digest, zone_digest(*zone)))
		return false;
	tracked_unqueue(&m->zones, z);
	tell_powerdns(m, z, false, false);
	*zone = set_in_step(z, *zone);
	return true;
}

/* With the lock. */
static void
take_meta(struct item *item)
{
	if ((item->meta = item->tracked->meta) != NULL)
		item->meta->users++;
}

/* Fills the item; false when there is nothing to write. */
static bool
plan(struct writer *w, struct tracked *z, struct item *item)
{
	struct mirror *m = w->m;
	struct slot *slot;
	bool withdrawn;

	*item = (struct item){ .tracked = z };
	pthread_mutex_lock(&m->lock);
	slot = z->slot != NULL ? slot_ref(z->slot) : NULL;
	item->resync = z->resync;
	item->request = z->request;
	item->adopt = z->adopt;
	withdrawn = z->withdrawn;
	z->resync = z->adopt = false;
	if (item->resync || (z->meta != NULL && z->meta->hash != z->exported))
		take_meta(item);
	pthread_mutex_unlock(&m->lock);
	if (slot == NULL) {
		item->action = REMOVE;
		item->rows = GROUP_ROWS;
		if (z->known && (m->on_remove == MIRROR_DELETE || (m->on_remove == MIRROR_DISABLE && !z->disabled)))
			return true;
		tell_powerdns(m, z, false, false);
		return false;
	}
	item->now = slot_zone_ref(slot);
	slot_unref(slot);
	if (item->now == NULL) {
		/* Not loaded yet, and what is there stays; or expired. */
		item->action = WITHDRAW;
		item->rows = 1;
		return withdrawn && z->known && !z->disabled;
	}
	if (z->known && !z->disabled && !item->resync) {
		if (zone_digest_equal(z->digest, zone_digest(item->now))) {
			item->action = EXPORT;
			item->rows = 1;
			if (item->meta != NULL)
				return true;
			tell_powerdns(m, z, false, false);
			in_step(m, item);
			return false;
		}
		find_delta(w, item);
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
write_item(struct writer *w, struct item *item, struct sink *sink)
{
	struct mirror *m = w->m;
	struct tracked *z = item->tracked;

	switch (item->action) {
	case UPDATE:
		return target_update(w->target, item->from, item->now, item->delta, sink);
	case COMPARE:
		return target_compare(w->target, item->now, item->adopt, sink);
	case WITHDRAW:
		return target_disable(w->target, z->origin);
	case EXPORT:
		return TARGET_OK;
	case REMOVE:
		break;
	}
	return m->on_remove == MIRROR_DELETE ? target_delete(w->target, z->origin) :
	    target_disable(w->target, z->origin);
}

static uint64_t
changes(const struct target_counts *c)
{
	return c->deleted + c->inserted + c->updated + c->domains_created + c->domains_deleted + c->meta;
}

static enum target_result
write_group(struct writer *w, struct item *item, size_t count)
{
	struct target_intent intent[GROUP_ZONES];
	enum target_result result = target_begin(w->target);

	for (size_t i = 0; i < count; i++)
		intent[i] = (struct target_intent){ item[i].tracked->origin,
		    item[i].action == COMPARE && !item[i].tracked->known };
	if (result == TARGET_OK && count > 1)
		result = target_prepare(w->target, intent, count);
	for (size_t i = 0; i < count && result == TARGET_OK; i++) {
		struct target_counts before = *target_counts(w->target);
		const struct target_counts *after = target_counts(w->target);
		struct sink sink = { .fn = keep_report, .ctx = w };

		result = write_item(w, &item[i], &sink);
		if (result == TARGET_OK && item[i].meta != NULL && item[i].now != NULL)
			result = target_export(w->target, item[i].tracked->origin, item[i].meta->row, item[i].meta->count);
		item[i].changes = changes(after) - changes(&before);
		item[i].created = after->domains_created != before.domains_created ||
		    after->domains_deleted != before.domains_deleted;
	}
	return result == TARGET_OK ? target_commit(w->target) : result;
}

static void
remember_item(struct mirror *m, struct item *item)
{
	struct tracked *z = item->tracked;

	tell_powerdns(m, z, item->changes > 0, item->created);
	if (item->action == REMOVE) {
		pthread_mutex_lock(&m->lock);
		gate_take_state(z, NULL);
		pthread_mutex_unlock(&m->lock);
		forget_last(z);
		return;
	}
	if (item->action == WITHDRAW) {
		pthread_mutex_lock(&m->lock);
		z->disabled = true;
		z->digest = (struct zone_digest){ { 0, 0 } };
		z->written = ++m->gate.written;
		pthread_mutex_unlock(&m->lock);
		forget_last(z);
		mirror_tell(m, WARNING, z->name, "has no version any more: PowerDNS refuses it until there is one");
		return;
	}
	pthread_mutex_lock(&m->lock);
	z->known = true;
	z->serial = zone_serial(item->now);
	z->digest = zone_digest(item->now);
	z->disabled = false;
	z->written = ++m->gate.written;
	if (item->meta != NULL)
		z->exported = item->meta->hash;
	if (item->action == COMPARE) {
		z->drifted = false;
		z->compared = item->request;
		z->rows = item->changes;
	}
	pthread_mutex_unlock(&m->lock);
	in_step(m, item);
}

static void
committed(struct writer *w, struct item *item, size_t count)
{
	struct mirror *m = w->m;
	const struct target_counts *c = target_counts(w->target);
	const char *works;

	end_tellings(w, true);
	pthread_mutex_lock(&m->lock);
	works = gate_works(m);
	m->gate.losses = 0;
	m->status.rows_deleted += c->deleted;
	m->status.rows_inserted += c->inserted;
	m->status.rows_updated += c->updated;
	m->status.transactions++;
	for (size_t i = 0; i < count; i++)
		m->rows_since += item[i].rows;
	pthread_mutex_unlock(&m->lock);
	if (works != NULL)
		mirror_tell(m, NOTE, NULL, "%s", works);
	for (size_t i = 0; i < count; i++)
		remember_item(m, &item[i]);
	pthread_mutex_lock(&m->lock);
	if (m->status.error[0] != '\0' && m->gate.open && !any_held(m))
		mirror_keep_error(m, MIRROR_WELL, "");
	pthread_mutex_unlock(&m->lock);
}

/* This zone waits for another version, for mirror_compare() or for HELD_RETRY; the others go on. */
static void
hold(struct writer *w, struct item *item, bool foreign)
{
	struct mirror *m = w->m;
	struct tracked *z = item->tracked;
	char *why = whole_reason(w);
	struct zone_digest now = { { 0, 0 } };
	bool again;

	if (item->now != NULL)
		now = zone_digest(item->now);
	again = z->why != NULL && strcmp(z->why, why) == 0 && zone_digest_equal(z->held, now);
	end_tellings(w, !again);
	if (!again && z->known)
		mirror_tell(m, ERROR, z->name, "held back: %s; PowerDNS goes on with serial %" PRIu32,
		    why, z->serial);
	else if (!again)
		mirror_tell(m, ERROR, z->name, "held back: %s", why);
	z->held = now;
	pthread_mutex_lock(&m->lock);
	if (m->held_at == INT64_MAX)
		m->held_at = mirror_now() + HELD_RETRY;
	z->state = MIRROR_HELD;
	z->foreign = foreign;
	z->resync |= item->resync;
	free(z->why);
	z->why = why;
	mirror_keep_error(m, MIRROR_ZONE_HELD, why);
	pthread_mutex_unlock(&m->lock);
}

/* Whether they were committed is asked when there is a connection again. */
static void
put_back(struct writer *w, struct item *item, size_t count, bool unsure)
{
	struct mirror *m = w->m;

	end_tellings(w, false);
	for (size_t i = 0; i < count; i++) {
		struct tracked *z = item[i].tracked;

		z->unsure |= unsure;
		pthread_mutex_lock(&m->lock);
		z->resync |= item[i].resync;
		z->adopt |= item[i].adopt;
		z->asked &= !unsure;
		tracked_queue(&m->zones, z, false);
		pthread_mutex_unlock(&m->lock);
	}
}

/* false: it is time to stop. */
static bool
pause_before_again(struct mirror *m, unsigned tries)
{
	int64_t until = mirror_now() + (AGAIN_MIN << tries);
	bool stopping;

	pthread_mutex_lock(&m->lock);
	while (!m->stopping && mirror_now() < until)
		mirror_wait(m, until);
	stopping = m->stopping;
	pthread_mutex_unlock(&m->lock);
	return !stopping;
}

/* Write the items in one transaction, and when that does not work for a reason of one of them, each in
 * its own.  false: no more now, those not written are queued. */
static bool
run_group(struct writer *w, struct item *item, size_t count)
{
	enum target_result result;
	unsigned tries = 0;

	while ((result = write_group(w, item, count)) == TARGET_AGAIN && tries < AGAIN_TRIES) {
		end_tellings(w, false);
		if (!pause_before_again(w->m, tries++)) {
			put_back(w, item, count, false);
			return false;
		}
	}
	if (result == TARGET_OK) {
		committed(w, item, count);
	} else if (result == TARGET_LOST || result == TARGET_BROKEN || result == TARGET_STANDBY) {
		put_back(w, item, count, true);
		gate_shut(w, result, true);
		return false;
	} else if (count > 1) {
		end_tellings(w, false);
		for (size_t i = 0; i < count; i++)
			if (!run_group(w, &item[i], 1)) {
				put_back(w, item + i + 1, count - i - 1, false);
				return false;
			}
	} else if (result == TARGET_DRIFTED && item->action == UPDATE) {
		/* The rows or their state are not ours alone any more, nor is what was exported. */
		end_tellings(w, false);
		item->action = COMPARE;
		pthread_mutex_lock(&w->m->lock);
		if (item->meta == NULL)
			take_meta(item);
		pthread_mutex_unlock(&w->m->lock);
		return run_group(w, item, 1);
	} else {
		hold(w, item, result == TARGET_FOREIGN);
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
write_items(struct writer *w, struct item *item, size_t count)
{
	for (size_t at = 0, n; at < count; at += n) {
		n = group_size(item + at, count - at);
		if (!run_group(w, item + at, n)) {
			put_back(w, item + at + n, count - at - n, false);
			return;
		}
	}
}

void
mirror_write(struct writer *w, struct tracked **zone, size_t count)
{
	struct item item[GROUP_ZONES];
	size_t items = 0;

	for (size_t i = 0; i < count; i++)
		if (plan(w, zone[i], &item[items]))
			items++;
		else
			free_item(w->m, &item[items]);
	write_items(w, item, items);
	for (size_t i = 0; i < items; i++)
		free_item(w->m, &item[i]);
}
