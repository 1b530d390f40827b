/* command_compare.c - rows compared and put right on command: waits, and tells what was changed. */
#include "daemon/command_impl.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "daemon/mirrors.h"
#include "daemon/setup.h"
#include "zonefile/arena.h"

#define SHOWN 1000			/* zones that were changed or could not be */

/* One zone in one mirror. */
struct one {
	struct mirror *mirror;
	const char *name;		/* the mirror's */
	struct slot *slot;		/* a reference */
	uint64_t ticket;
	bool held;
	struct mirror_compared got;
};

/* Has a thread of its own: those of the pool have files to read, and a database may take minutes. */
struct comparing {
	pthread_t thread;
	uv_async_t ended;
	struct reply *reply;
	char (*name)[64];
	struct mirror **mirror;		/* visited */
	size_t mirrors;
	struct one *one;
	size_t count;
};

static void *
wait_for_all(void *arg)
{
	struct comparing *c = arg;

	for (size_t i = 0; i < c->count; i++) {
		struct one *one = &c->one[i];
		struct mirror_zone z;

		mirror_await(one->mirror, slot_origin(one->slot), one->ticket, &one->got);
		one->held = !one->got.done && mirror_zone_status(one->mirror, slot_origin(one->slot), &z) &&
		    z.state == MIRROR_HELD;
	}
	for (size_t i = 0; i < c->mirrors; i++)
		mirror_leave(c->mirror[i]);
	uv_async_send(&c->ended);
	return NULL;
}

static void
tell_one(struct reply *reply, const struct one *one)
{
	char rows[24];

	snprintf(rows, sizeof(rows), "%" PRIu64, one->got.rows);
	reply_row(reply, (const char *const[]){ one->name, slot_name(one->slot), one->got.done ? rows : "-",
	    one->got.done ? one->got.rows > 0 ? "put right" : "as it should be" : one->got.why });
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
tell_all(uv_async_t *ended)
{
	static const char *const column[] = { "mirror", "zone", "rows changed", "result", NULL };
	struct comparing *c = ended->data;
	size_t done = 0, changed = 0, shown = 0, held = 0;

	pthread_join(c->thread, NULL);
	for (size_t i = 0; i < c->count; i++) {
		done += c->one[i].got.done;
		changed += c->one[i].got.done && c->one[i].got.rows > 0;
		held += c->one[i].held;
	}
	reply_number(c->reply, "zones compared", done);
	reply_number(c->reply, "zones put right", changed);
	if (done < c->count)
		reply_number(c->reply, "zones not compared yet", c->count - done);
	reply_columns(c->reply, column);
	for (size_t i = 0; i < c->count && shown < SHOWN; i++)
		if (c->count <= 10 || !c->one[i].got.done || c->one[i].got.rows > 0) {
			tell_one(c->reply, &c->one[i]);
			shown++;
		}
	if (held > 0)
		reply_error(c->reply, "%zu held back: nothing is written of them before that is put right", held);
	if (done + held < c->count)
		reply_error(c->reply, "it is done as soon as it can be, 'mirror status' shows how far it is");
	reply_end(c->reply);
	for (size_t i = 0; i < c->count; i++)
		slot_unref(c->one[i].slot);
	free(c->one);
	free(c->mirror);
	free(c->name);
	uv_close((uv_handle_t *)ended, on_closed);
}

static void
add(struct comparing *c, size_t mirror, struct slot *slot, bool adopt)
{
	struct mirror_zone z;

	if (mirror_zone_status(c->mirror[mirror], slot_origin(slot), &z))
		c->one[c->count++] = (struct one){ .mirror = c->mirror[mirror], .name = c->name[mirror],
		    .slot = slot_ref(slot), .ticket = mirror_compare(c->mirror[mirror], slot, adopt) };
}

bool
command_compare(struct reply *reply, const char *name, bool adopt)
{
	struct served *only = name != NULL ? command_zone(reply, name) : NULL;
	struct mirror *const *mirror;
	struct comparing *c;
	const struct served *zone;
	size_t zones;

	if (name != NULL && only == NULL)
		return false;
	c = xcalloc(1, sizeof(*c));
	c->ended.data = c;
	c->reply = reply;
	zone = zones_all(&zones);
	mirror = mirrors_all(&c->mirrors);
	c->mirror = xcalloc(c->mirrors, sizeof(*c->mirror));
	c->name = xcalloc(c->mirrors, sizeof(*c->name));
	c->one = xcalloc(c->mirrors * (only != NULL ? 1 : zones), sizeof(*c->one));
	for (size_t i = 0; i < c->mirrors; i++) {
		mirror_visit(c->mirror[i] = mirror[i]);
		snprintf(c->name[i], sizeof(*c->name), "%s", mirrors_name(i));
		for (size_t k = 0; k < zones; k++)
			if (only == NULL || only == &zone[k])
				add(c, i, zone[k].slot, adopt);
	}
	uv_async_init(setup_loop(), &c->ended, tell_all);
	if (pthread_create(&c->thread, NULL, wait_for_all, c) != 0)
		abort();
	return true;
}
