#include "daemon/ending.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/log.h"
#include "sync/slot.h"
#include "zonefile/arena.h"

#define SILENT_MS 300			/* after that somebody may wonder */
#define WAIT_MS 10000
#define STEP_MS 5

struct ending {
	struct ending *next;
	struct mirror *mirror;
	char *name;
	pthread_t thread;
	atomic_bool ended;
};

static struct ending *endings;

static void *
end(void *arg)
{
	struct ending *e = arg;

	slot_thread_begin();
	mirror_stop(e->mirror);
	slot_thread_end();
	e->ended = true;
	return NULL;
}

/* Those that have ended go.  true: that was all. */
static bool
reap(void)
{
	for (struct ending **at = &endings, *e; (e = *at) != NULL; ) {
		if (!e->ended) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		pthread_join(e->thread, NULL);
		free(e->name);
		free(e);
	}
	return endings == NULL;
}

void
ending_add(struct mirror *mirror, const char *name)
{
	struct ending *e = xcalloc(1, sizeof(*e));

	reap();
	e->mirror = mirror;
	e->name = xstrdup(name);
	mirror_end(mirror);
	if (pthread_create(&e->thread, NULL, end, e) != 0)
		abort();
	e->next = endings;
	endings = e;
}

/* Until so many milliseconds after start. */
static bool
wait_for_all(const struct timespec *start, int64_t ms)
{
	struct timespec step = { .tv_nsec = STEP_MS * 1000000 }, now;

	while (!reap()) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start->tv_sec) * (int64_t)1000 + (now.tv_nsec - start->tv_nsec) / 1000000 >= ms)
			return false;
		nanosleep(&step, NULL);
	}
	return true;
}

void
ending_wait(void)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (wait_for_all(&start, SILENT_MS))
		return;
	for (const struct ending *e = endings; e != NULL; e = e->next)
		log_note("mirror %s: waiting for its transaction, at most %d s", e->name, WAIT_MS / 1000);
	if (wait_for_all(&start, WAIT_MS))
		return;
	/* They end by themselves when the database answers; until then they need what they have. */
	for (const struct ending *e = endings; e != NULL; e = e->next) {
		log_warning("mirror %s: the database does not answer, the transaction under way is left to it", e->name);
		pthread_detach(e->thread);
	}
}
