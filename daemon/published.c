#include "daemon/published.h"

#include <pthread.h>
#include <stdlib.h>

#include "zonefile/arena.h"

struct publication {
	struct publication *next;
	struct slot *slot;
	bool served;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct publication *waiting;	/* under lock */
static uv_async_t wake;
static published_fn *tell;

static void
empty(published_fn *fn)
{
	struct publication *list, *next;

	pthread_mutex_lock(&lock);
	list = waiting;
	waiting = NULL;
	pthread_mutex_unlock(&lock);
	for (; list != NULL; list = next) {
		next = list->next;
		if (fn != NULL)
			fn(list->slot, list->served);
		slot_unref(list->slot);
		free(list);
	}
}

static void
on_wake(uv_async_t *async)
{
	(void)async;
	empty(tell);
}

void
published_put(struct slot *slot, bool served)
{
	struct publication *p = xmalloc(sizeof(*p));

	p->slot = slot_ref(slot);
	p->served = served;
	pthread_mutex_lock(&lock);
	p->next = waiting;
	waiting = p;
	pthread_mutex_unlock(&lock);
	uv_async_send(&wake);
}

void
published_start(uv_loop_t *loop, published_fn *fn)
{
	tell = fn;
	uv_async_init(loop, &wake, on_wake);
}

void
published_stop(void)
{
	empty(NULL);
	uv_close((uv_handle_t *)&wake, NULL);
}
