#include "daemon/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

#define ROOM_AT_FIRST 64

/* An open hash table of slots, at most half full. */
struct table {
	struct inbox_note *note;	/* slot NULL: free */
	size_t count, room;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table waiting;		/* under lock */
static uv_async_t wake;
static inbox_fn *tell;

static size_t
hash(const struct slot *slot, size_t room)
{
	uint64_t value = (uint64_t)(uintptr_t)slot * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(value >> 32) & (room - 1);
}

static struct inbox_note *
place_of(const struct table *table, const struct slot *slot)
{
	size_t at = hash(slot, table->room);

	while (table->note[at].slot != NULL && table->note[at].slot != slot)
		at = (at + 1) & (table->room - 1);
	return &table->note[at];
}

static void
grow(struct table *table)
{
	struct table larger = { NULL, table->count, table->room == 0 ? ROOM_AT_FIRST : table->room * 2 };

	larger.note = xcalloc(larger.room, sizeof(*larger.note));
	for (size_t i = 0; i < table->room; i++)
		if (table->note[i].slot != NULL)
			*place_of(&larger, table->note[i].slot) = table->note[i];
	free(table->note);
	*table = larger;
}

static struct table
take(void)
{
	struct table taken;

	pthread_mutex_lock(&lock);
	taken = waiting;
	waiting = (struct table){ NULL, 0, 0 };
	pthread_mutex_unlock(&lock);
	return taken;
}

static void
empty(struct table *table, inbox_fn *fn)
{
	for (size_t i = 0; i < table->room; i++) {
		if (table->note[i].slot == NULL)
			continue;
		if (fn != NULL)
			fn(&table->note[i]);
		slot_unref(table->note[i].slot);
	}
	free(table->note);
}

static void
on_wake(uv_async_t *async)
{
	struct table taken = take();

	(void)async;
	empty(&taken, tell);
}

void
inbox_put(struct slot *slot, const struct sockaddr *from, const uint32_t *serial)
{
	struct inbox_note *note;
	bool fresh;

	pthread_mutex_lock(&lock);
	if (waiting.count * 2 >= waiting.room)
		grow(&waiting);
	note = place_of(&waiting, slot);
	fresh = note->slot == NULL;
	if (fresh) {
		note->slot = slot_ref(slot);
		waiting.count++;
	}
	memcpy(&note->from, from, peer_address_size(from));
	note->has_serial = serial != NULL;
	note->serial = serial != NULL ? *serial : 0;
	pthread_mutex_unlock(&lock);
	if (fresh)
		uv_async_send(&wake);
}

void
inbox_start(uv_loop_t *loop, inbox_fn *fn)
{
	tell = fn;
	uv_async_init(loop, &wake, on_wake);
}

void
inbox_stop(void)
{
	struct table left = take();

	empty(&left, NULL);
	uv_close((uv_handle_t *)&wake, NULL);
}
