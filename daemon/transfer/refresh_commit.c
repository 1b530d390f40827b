/* refresh_commit.c - what was fetched or kept goes through the gate, and what it says of it. */
#include "daemon/transfer/refresh_impl.h"

#include <pthread.h>

static uv_async_t wake;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct refresh *done;		/* lock */

/* Commit thread. */
static void
on_committed(void *ctx, struct slot *slot, const struct commit_outcome *outcome)
{
	struct refresh *r = ctx;

	(void)slot;
	r->outcome = *outcome;
	snprintf(r->why, sizeof(r->why), "%s", outcome->why != NULL ? outcome->why : "");
	pthread_mutex_lock(&lock);
	r->done_next = done;
	done = r;
	pthread_mutex_unlock(&lock);
	uv_async_send(&wake);
}

void
refresh_submit(struct refresh *r, struct zone *zone, unsigned flags)
{
	r->state = COMMITTING;
	r->refs++;
	commit_submit(r->slot, zone, flags, on_committed, r);
}

/* Of what was kept. */
static void
restored(struct refresh *r)
{
	if (r->outcome.result == COMMIT_DONE)
		refresh_say(r, NOTE, "serial %" PRIu32 ", as it was kept", r->outcome.new_serial);
	refresh_idle(r);
}

static void
committed(struct refresh *r)
{
	const struct commit_outcome *o = &r->outcome;

	if (r->restoring) {
		restored(r);
		return;
	}
	switch (o->result) {
	case COMMIT_DONE:
		if (o->first)
			refresh_say(r, NOTE, "serial %" PRIu32 " committed", o->new_serial);
		else
			refresh_say(r, NOTE, "serial %" PRIu32 " -> %" PRIu32 " committed, %zu record%s removed, %zu added",
			    o->old_serial, o->new_serial, o->removed, PLURAL(o->removed), o->added);
		if (r->why[0] != '\0')
			refresh_say(r, WARNING, "%s", r->why);
		refresh_write_soon(r);
		refresh_confirmed(r, r->has_expire, r->expire);
		return;
	case COMMIT_SAME:
		refresh_say(r, NOTE, "serial %" PRIu32 " is what we have", o->new_serial);
		refresh_confirmed(r, r->has_expire, r->expire);
		return;
	case COMMIT_OLDER:
		refresh_fetch_failed(r, r->why);
		return;
	case COMMIT_FAILED:
		refresh_held(r, r->why, o->old_serial);
		return;
	case COMMIT_GONE:
		refresh_idle(r);
		return;
	}
}

static void
take_committed(void)
{
	struct refresh *r;

	for (;;) {
		pthread_mutex_lock(&lock);
		if ((r = done) != NULL)
			done = r->done_next;
		pthread_mutex_unlock(&lock);
		if (r == NULL)
			return;
		if (!r->freed)
			committed(r);
		refresh_drop(r);
	}
}

static void
on_wake(uv_async_t *async)
{
	(void)async;
	uv_update_time(refresh_common.loop);
	take_committed();
}

void
refresh_commit_start(void)
{
	uv_async_init(refresh_common.loop, &wake, on_wake);
}

void
refresh_commit_stop(void)
{
	take_committed();
	uv_close((uv_handle_t *)&wake, NULL);
}
