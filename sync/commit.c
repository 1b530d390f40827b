/* commit.c - the gate: every candidate becomes current here or not at all. */
#include "sync/commit.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zonefile/arena.h"
#include "zonefile/delta.h"
#include "zonefile/serial.h"

/* A candidate's way.  Those that need no write are published at once; the others wait in the group until
 * one transaction has them all on the disk.
 *
 *	queue --judge--> SAME, OLDER, GONE ------------------------> told
 *	      --judge--> first, journal knows it or nothing of it -> published, told
 *	      --judge--> group --flush: written -----------------> published, told
 *	                       --flush: not written -------------> FAILED, told
 *	      --no zone, RESTORE: the journal has one --------------> published, told
 *	      --no zone, FORGET, after all before it ---------------> told
 *	      --no zone---------------------------------------------> withdrawn, told
 */
enum { RESTORE = 0x100, FORGET = 0x200 };	/* flags of our own */
struct candidate {
	struct candidate *next;
	struct slot *slot;
	struct zone *zone;		/* NULL: the slot's is to be withdrawn, or with RESTORE the journal's published */
	unsigned flags;
	commit_done_fn *done;
	void *ctx;

	/* commit thread */
	struct delta *delta;		/* from old, to be written; NULL: nothing is */
	struct zone *old;		/* with delta */
	struct commit_outcome outcome;
	char *why;			/* of outcome */
};

/* Candidates written by one transaction, each of another slot.  The limit bounds the search for a slot
 * among them, and what a transaction that fails has to do again. */
#define GROUP_MAX 2048
struct group {
	struct candidate *candidate[GROUP_MAX];
	size_t count;
};

/* Slots whose bases are to be written, or whose history may need to be cut; one transaction takes up to so
 * many of them, or of so many octets. */
#define BEHIND_MAX 10000
#define BEHIND_OCTETS (256 * 1024 * 1024)
#define BEHIND_DELAY 1			/* seconds, so that a start makes few of them */
#define BEHIND_RETRY 60			/* after a failure */
#define CLOCK_DELAY 3			/* seconds that clocks wait for more of them */

/* A version that changes less than this part of its records is derived from the one before. */
#define DERIVE_PART 8

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct candidate *first, **last;	/* lock */
	bool stopping;				/* lock */
	struct noted_clock {
		struct slot *slot;		/* a reference */
		struct journal_clock clock;
	} *clock;				/* lock; this one and the next two: to be written */
	size_t clock_count, clock_room;
	time_t clock_at;			/* not before; monotonic */

	/* commit thread */
	struct journal *journal;
	commit_listener_fn *listener;
	void *ctx;
	struct group group;
	struct slot **behind;			/* a reference each */
	size_t behind_count, behind_room;
	time_t behind_at;			/* not before; monotonic */
	bool behind_failed;			/* the last time */
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER };

static time_t
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* --- judging ----------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
explain(struct candidate *c, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	free(c->why);
	c->outcome.why = c->why = xstrdup(text);
}

static void
put_behind(struct slot *slot)
{
	if (gate.behind_count == gate.behind_room) {
		gate.behind_room = gate.behind_room == 0 ? 64 : 2 * gate.behind_room;
		gate.behind = xrealloc(gate.behind,
		    gate.behind_room * sizeof(struct slot *));
	}
	if (gate.behind_count == 0)
		gate.behind_at = monotonic() + BEHIND_DELAY;
	gate.behind[gate.behind_count++] = slot_ref(slot);
}

/* A zone whose serial does not rise is refused, but not the operator's word. */
static bool
serial_stands(struct candidate *c, uint32_t old, uint32_t new)
{
	if (serial_newer(new, old))
		return true;
	if (c->flags & (COMMIT_FROM_FILE | COMMIT_FORCED)) {
		if (new == old)
			explain(c, "serial %" PRIu32 " was not raised: slaves will not see"
			    " this change", new);
		else
			explain(c, "serial %" PRIu32 " is not newer than %" PRIu32 ", which"
			    " was served before: slaves will not see this change", new, old);
		return true;
	}
	explain(c, "serial %" PRIu32 " is not newer than %" PRIu32 ", but the content"
	    " differs", new, old);
	return false;
}

/* The delta to write; takes the reference to old. */
static void
set_delta(struct candidate *c, struct zone *old)
{
	c->old = old;
	c->delta = delta_between(old, c->zone);
	c->outcome.removed = delta_removed(c->delta);
	c->outcome.added = delta_added(c->delta);
}

/* Nobody can hold a version of ours that the journal does not have, so this one need not wait for the disk
 * unless the journal has another one, from which there must be a way. */
static void
judge_first(struct candidate *c)
{
	const uint8_t *origin = slot_origin(c->slot);
	struct journal_version last;
	struct zone *old;

	c->outcome.first = true;
	if (!journal_last(gate.journal, origin, &last)) {
		put_behind(c->slot);
		return;
	}
	if (zone_digest_equal(last.digest, zone_digest(c->zone)))
		return;
	c->outcome.old_serial = last.serial;
	if (c->flags & (COMMIT_FROM_FILE | COMMIT_FORCED))
		serial_stands(c, last.serial, zone_serial(c->zone));
	if ((old = journal_restore(gate.journal, origin)) != NULL)
		set_delta(c, old);
	else
		put_behind(c->slot);
}

/* A version derived from the one before shares its memory, and what follows from their difference is
 * cheap for everybody. */
static void
derive(struct candidate *c)
{
	struct sink quiet = { 0 };
	struct zone *derived;

	if ((c->outcome.removed + c->outcome.added) * DERIVE_PART >= zone_records(c->old) ||
	    (derived = delta_apply(c->old, c->delta, &quiet)) == NULL)
		return;
	assert(zone_digest_equal(zone_digest(derived), zone_digest(c->zone)));
	if (zone_look_again(c->zone) != 0)
		zone_set_look_again(derived, zone_look_again(c->zone));
	zone_unref(c->zone);
	c->zone = derived;
}

static void
judge_restore(struct candidate *c, const struct zone *current)
{
	if (current != NULL) {
		c->outcome.result = COMMIT_SAME;
	} else if ((c->zone = journal_restore(gate.journal, slot_origin(c->slot))) != NULL) {
		c->outcome.first = true;
		c->outcome.new_serial = zone_serial(c->zone);
	} else {
		c->outcome.result = COMMIT_FAILED;
		explain(c, "the journal has no version of it");
	}
}

static void
judge(struct candidate *c)
{
	struct zone *old;

	c->outcome.result = COMMIT_DONE;
	if (slot_removed(c->slot)) {
		c->outcome.result = COMMIT_GONE;
		return;
	}
	old = slot_zone_ref(c->slot);
	if (c->zone == NULL) {
		if (c->flags & RESTORE)
			judge_restore(c, old);
		else
			c->outcome.result = old != NULL ? COMMIT_DONE : COMMIT_SAME;
		zone_unref(old);
		return;
	}
	c->outcome.new_serial = zone_serial(c->zone);
	if (old == NULL) {
		judge_first(c);
		return;
	}
	c->outcome.old_serial = zone_serial(old);
	if (zone_digest_equal(zone_digest(old), zone_digest(c->zone)))
		c->outcome.result = COMMIT_SAME;
	else if (!serial_stands(c, zone_serial(old), zone_serial(c->zone)))
		c->outcome.result = COMMIT_OLDER;
	if (c->outcome.result == COMMIT_DONE) {
		set_delta(c, old);
		derive(c);
	} else {
		zone_unref(old);
	}
}

/* --- writing ----------------------------------------------------------- */

static void
finish(struct candidate *c)
{
	if (c->outcome.result == COMMIT_DONE) {
		slot_publish(c->slot, c->zone != NULL ? zone_ref(c->zone) : NULL);
		if (gate.listener != NULL)
			gate.listener(gate.ctx, c->slot, c->zone);
	}
	if (c->done != NULL)
		c->done(c->ctx, c->slot, &c->outcome);
	delta_free(c->delta);
	zone_unref(c->old);
	zone_unref(c->zone);
	slot_unref(c->slot);
	free(c->why);
	free(c);
}

static int
write_delta(struct candidate *c)
{
	const char *source = c->flags & COMMIT_FROM_FILE ? "file" : "transfer";
	int err = journal_append(gate.journal, c->delta, source);

	/* Its base was still to be written, or the journal was lost. */
	if (err == -ESTALE && (err = journal_base(gate.journal, c->old)) == 0)
		err = journal_append(gate.journal, c->delta, source);
	return err;
}

static int
write_group(struct candidate **candidate, size_t count)
{
	int err = journal_begin(gate.journal);

	for (size_t i = 0; i < count && err == 0; i++)
		err = write_delta(candidate[i]);
	if (err == 0)
		err = journal_commit(gate.journal);
	if (err < 0)
		journal_rollback(gate.journal);
	return err;
}

/* One at a time, so that one that does not fit the disk fails alone. */
static void
write_alone(struct candidate *c)
{
	if (write_group(&c, 1) == 0)
		return;
	if (c->outcome.first) {
		/* Served all the same: there is no older version to go on with. */
		explain(c, "%s; the change since the last start is not in it",
		    journal_why(gate.journal));
		return;
	}
	c->outcome.result = COMMIT_FAILED;
	explain(c, "%s", journal_why(gate.journal));
}

static void
flush(void)
{
	struct group *group = &gate.group;

	if (group->count == 0)
		return;
	if (group->count == 1 || write_group(group->candidate, group->count) < 0)
		for (size_t i = 0; i < group->count; i++)
			write_alone(group->candidate[i]);
	for (size_t i = 0; i < group->count; i++) {
		if (group->candidate[i]->outcome.result == COMMIT_DONE)
			put_behind(group->candidate[i]->slot);
		finish(group->candidate[i]);
	}
	group->count = 0;
}

static bool
group_has(const struct group *group, const struct slot *slot)
{
	for (size_t i = 0; i < group->count; i++)
		if (group->candidate[i]->slot == slot)
			return true;
	return false;
}

/* In a transaction of its own; what cannot be taken out of the journal harms nobody. */
static void
forget(struct candidate *c)
{
	int err = journal_begin(gate.journal);

	if (err == 0)
		err = journal_forget(gate.journal, slot_origin(c->slot));
	if (err == 0)
		err = journal_commit(gate.journal);
	c->outcome.result = COMMIT_GONE;
	if (err == 0)
		return;
	journal_rollback(gate.journal);
	c->outcome.result = COMMIT_FAILED;
	explain(c, "%s", journal_why(gate.journal));
}

static void
run_batch(struct candidate *c)
{
	struct candidate *next;

	for (; c != NULL; c = next) {
		next = c->next;
		if (gate.group.count == GROUP_MAX || group_has(&gate.group, c->slot) || (c->flags & FORGET))
			flush();
		if (c->flags & FORGET)
			forget(c);
		else
			judge(c);
		if (c->delta != NULL)
			gate.group.candidate[gate.group.count++] = c;
		else
			finish(c);
	}
	flush();
}

static bool
queue_empty(void)
{
	bool empty;

	pthread_mutex_lock(&gate.lock);
	empty = gate.first == NULL;
	pthread_mutex_unlock(&gate.lock);
	return empty;
}

/* In a transaction, unless err says that there is none.  What cannot be written is given up: a slave without its clock
 * asks when it starts. */
static int
write_clocks(int err)
{
	struct noted_clock *clock;
	size_t count;

	pthread_mutex_lock(&gate.lock);
	clock = gate.clock;
	count = gate.clock_count;
	gate.clock = NULL;
	gate.clock_count = gate.clock_room = 0;
	pthread_mutex_unlock(&gate.lock);
	for (size_t i = 0; i < count; i++) {
		if (err == 0 && !slot_removed(clock[i].slot))
			err = journal_set_clock(gate.journal, slot_origin(clock[i].slot), clock[i].clock);
		slot_unref(clock[i].slot);
	}
	free(clock);
	return err;
}

/* From the end of the list, as long as nobody waits. */
static void
write_behind(void)
{
	size_t taken = 0, octets = 0;
	int err = write_clocks(journal_begin(gate.journal));

	while (err == 0 && taken < gate.behind_count && taken < BEHIND_MAX &&
	    octets < BEHIND_OCTETS && (taken == 0 || queue_empty())) {
		struct slot *slot = gate.behind[gate.behind_count - ++taken];
		struct zone *zone = slot_removed(slot) ? NULL : slot_zone_ref(slot);

		if (zone == NULL)
			continue;
		err = journal_tidy(gate.journal, zone, slot_room(slot));
		octets += zone_memory(zone);
		zone_unref(zone);
	}
	if (err == 0)
		err = journal_commit(gate.journal);
	gate.behind_failed = err < 0;
	if (gate.behind_failed) {
		journal_rollback(gate.journal);
		gate.behind_at = monotonic() + BEHIND_RETRY;
		return;
	}
	while (taken-- > 0)
		slot_unref(gate.behind[--gate.behind_count]);
	gate.behind_at = monotonic() + (queue_empty() ? 0 : BEHIND_DELAY);
}

/* --- the thread -------------------------------------------------------- */

/* When there is something to write behind; false: nothing. */
static bool
behind_time(time_t *at)
{
	*at = gate.behind_at;
	if (gate.clock_count > 0 && (gate.behind_count == 0 || gate.clock_at < *at))
		*at = gate.clock_at;
	return gate.behind_count > 0 || gate.clock_count > 0;
}

/* All that wait; NULL when there is time for what is behind, or *stop. */
static struct candidate *
take_batch(bool *stop)
{
	struct candidate *batch;
	bool behind;

	pthread_mutex_lock(&gate.lock);
	for (;;) {
		struct timespec until = { 0 };
		bool some = behind_time(&until.tv_sec);

		behind = some && (monotonic() >= until.tv_sec ||
		    (gate.stopping && !gate.behind_failed));
		if (gate.first != NULL || gate.stopping || behind)
			break;
		if (some)
			pthread_cond_timedwait(&gate.wake, &gate.lock, &until);
		else
			pthread_cond_wait(&gate.wake, &gate.lock);
	}
	batch = gate.first;
	gate.first = NULL;
	gate.last = &gate.first;
	*stop = batch == NULL && !behind;
	pthread_mutex_unlock(&gate.lock);
	return batch;
}

static void *
commit_thread(void *arg)
{
	struct candidate *batch;
	bool stop = false;

	(void)arg;
	slot_thread_begin();
	while ((batch = take_batch(&stop)) != NULL || !stop)
		if (batch != NULL)
			run_batch(batch);
		else
			write_behind();
	slot_thread_end();
	return NULL;
}

void
commit_start(struct journal *journal, commit_listener_fn *listener, void *ctx)
{
	pthread_condattr_t attr;
	int err;

	gate.journal = journal;
	gate.listener = listener;
	gate.ctx = ctx;
	gate.first = NULL;
	gate.last = &gate.first;
	gate.stopping = false;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&gate.wake, &attr);
	pthread_condattr_destroy(&attr);
	if ((err = pthread_create(&gate.thread, NULL, commit_thread, NULL)) != 0) {
		fprintf(stderr, "no thread for commits: %s\n", strerror(err));
		abort();
	}
}

void
commit_stop(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.stopping = true;
	pthread_cond_signal(&gate.wake);
	pthread_mutex_unlock(&gate.lock);
	pthread_join(gate.thread, NULL);
	pthread_cond_destroy(&gate.wake);
	for (size_t i = 0; i < gate.behind_count; i++)
		slot_unref(gate.behind[i]);
	free(gate.behind);
	gate.behind = NULL;
	gate.behind_count = gate.behind_room = 0;
}

static void
submit(struct slot *slot, struct zone *zone, unsigned flags, commit_done_fn *done, void *ctx)
{
	struct candidate *c = xcalloc(1, sizeof(*c));

	c->slot = slot_ref(slot);
	c->zone = zone;
	c->flags = flags;
	c->done = done;
	c->ctx = ctx;
	pthread_mutex_lock(&gate.lock);
	*gate.last = c;
	gate.last = &c->next;
	pthread_cond_signal(&gate.wake);
	pthread_mutex_unlock(&gate.lock);
}

void
commit_submit(struct slot *slot, struct zone *zone, unsigned flags,
    commit_done_fn *done, void *ctx)
{
	assert(zone != NULL);
	submit(slot, zone, flags, done, ctx);
}

void
commit_withdraw(struct slot *slot, commit_done_fn *done, void *ctx)
{
	submit(slot, NULL, 0, done, ctx);
}

void
commit_restore(struct slot *slot, commit_done_fn *done, void *ctx)
{
	submit(slot, NULL, RESTORE, done, ctx);
}

void
commit_forget(struct slot *slot, commit_done_fn *done, void *ctx)
{
	submit(slot, NULL, FORGET, done, ctx);
}

void
commit_clock(struct slot *slot, struct journal_clock clock)
{
	pthread_mutex_lock(&gate.lock);
	if (gate.clock_count == gate.clock_room) {
		gate.clock_room = gate.clock_room * 2 + 64;
		gate.clock = xrealloc(gate.clock, gate.clock_room * sizeof(gate.clock[0]));
	}
	if (gate.clock_count == 0) {
		gate.clock_at = monotonic() + CLOCK_DELAY;
		pthread_cond_signal(&gate.wake);
	}
	gate.clock[gate.clock_count++] = (struct noted_clock){ slot_ref(slot), clock };
	pthread_mutex_unlock(&gate.lock);
}
