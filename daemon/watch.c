#include "daemon/watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zonefile/arena.h"
#include "zonefile/delta.h"

#define LOOK_MS 20			/* from one look to the next */

/*
 *	WATCHING --at rest, or no longer there--> COUNTING (pool) --> told
 */
struct watch {
	struct slot *slot;
	struct zone *before, *after;
	uv_timer_t timer;
	uv_work_t work;
	uint64_t started;
	bool whole;
	struct load_outcome outcome;
	char text[512];
	load_done_fn *done;
	void *ctx;
};

static void
on_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;

	zone_unref(w->before);
	zone_unref(w->after);
	slot_unref(w->slot);
	free(w);
}

static void
on_counted(uv_work_t *work, int status)
{
	struct watch *w = work->data;
	struct load_outcome *o = &w->outcome;

	(void)status;
	o->zone = slot_name(w->slot);
	o->was_served = w->before != NULL;
	o->served = w->after != NULL;
	o->old_serial = w->before != NULL ? zone_serial(w->before) : 0;
	o->new_serial = w->after != NULL ? zone_serial(w->after) : 0;
	o->ms = (unsigned)(uv_now(work->loop) - w->started);
	o->text = w->text;
	w->done(w->ctx, o);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

/* Pool thread. */
static void
count(uv_work_t *work)
{
	struct watch *w = work->data;
	struct delta *delta;

	if (w->after == NULL)
		return;
	w->outcome.records = zone_records(w->after);
	if (w->before == NULL) {
		w->outcome.added = w->outcome.records;
		return;
	}
	delta = delta_between(w->before, w->after);
	w->outcome.removed = delta_removed(delta);
	w->outcome.added = delta_added(delta);
	delta_free(delta);
}

static void
judge(struct watch *w, const struct served *zone)
{
	struct refresh_status s;

	w->after = slot_zone_ref(w->slot);
	if (zone == NULL || zone->refresh == NULL) {
		w->outcome.result = LOAD_FAILED;
		snprintf(w->text, sizeof(w->text), "the zone is no longer a slave here");
		return;
	}
	refresh_status(zone->refresh, &s);
	if (w->after != w->before) {
		w->outcome.result = LOAD_DONE;
		snprintf(w->text, sizeof(w->text), "from %s", s.from);
	} else if (s.trouble[0] != '\0') {
		w->outcome.result = LOAD_FAILED;
		snprintf(w->text, sizeof(w->text), "%s", s.trouble);
	} else {
		w->outcome.result = LOAD_SAME;
		snprintf(w->text, sizeof(w->text), "%s", w->whole ? "fetched whole" : "no master has anything newer");
	}
}

static void
on_look(uv_timer_t *timer)
{
	struct watch *w = timer->data;
	struct served *zone = zones_of(w->slot);
	struct refresh_status s;

	if (zone != NULL && zone->refresh != NULL) {
		refresh_status(zone->refresh, &s);
		if (s.busy || s.next <= time(NULL))
			return;
	}
	uv_timer_stop(timer);
	judge(w, zone);
	uv_queue_work(timer->loop, &w->work, count, on_counted);
}

void
watch_slave(uv_loop_t *loop, const struct served *zone, bool whole, load_done_fn *done, void *ctx)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->slot = slot_ref(zone->slot);
	w->before = slot_zone_ref(zone->slot);
	w->whole = whole;
	w->done = done;
	w->ctx = ctx;
	w->started = uv_now(loop);
	w->work.data = w;
	uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_look, LOOK_MS, LOOK_MS);
}
