#include "daemon/heap.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* A file of millions of records that is refused, a large zone that shrinks, a difference of all of it: what was needed for that
 * is free afterwards, and malloc() keeps what does not lie at the end of its heaps.  It is asked for it when WORTH more
 * has become free, now and then, on a thread of the pool. */
#define LOOK_MS 5000
#define WORTH ((size_t)8 << 20)
#define BLOCK (1 << 20)			/* from that on a block is the system's again as soon as it is free */

static uv_timer_t timer;
static uv_work_t work;
static bool working;
static size_t least_free;		/* since it was asked; pool thread while working */

uint64_t
heap_resident(void)
{
	FILE *in = fopen("/proc/self/statm", "re");
	uint64_t all, pages = 0;

	if (in == NULL)
		return 0;
	if (fscanf(in, "%" SCNu64 " %" SCNu64, &all, &pages) != 2)
		pages = 0;
	fclose(in);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
trim(uv_work_t *job)
{
	size_t now = mallinfo2().fordblks;

	(void)job;
	if (now < least_free)
		least_free = now;
	if (now < least_free + WORTH)
		return;
	malloc_trim(0);
	/* What it gave back still counts as free. */
	least_free = mallinfo2().fordblks;
}

static void
on_trimmed(uv_work_t *job, int status)
{
	(void)job;
	(void)status;
	working = false;
}

static void
look(uv_timer_t *t)
{
	if (working)
		return;
	working = true;
	uv_queue_work(t->loop, &work, trim, on_trimmed);
}

void
heap_start(uv_loop_t *loop)
{
	/* Left to itself malloc() moves this up to the largest block that was freed, and keeps what is smaller. */
	mallopt(M_MMAP_THRESHOLD, BLOCK);
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, look, LOOK_MS, LOOK_MS);
	uv_unref((uv_handle_t *)&timer);
}

void
heap_stop(void)
{
	uv_close((uv_handle_t *)&timer, NULL);
}
