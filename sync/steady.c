#include "sync/steady.h"

#include <pthread.h>
#include <time.h>

#define NS INT64_C(1000000000)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int64_t offset;			/* ns, from boot to 1970 */

static int64_t
ns_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NS + ts.tv_nsec;
}

static void
begin(void)
{
	offset = ns_of(CLOCK_REALTIME) - ns_of(CLOCK_BOOTTIME);
}

static int64_t
steady_ns(void)
{
	pthread_once(&once, begin);
	return ns_of(CLOCK_BOOTTIME) + offset;
}

int64_t
steady_now(void)
{
	return steady_ns() / NS;
}

/* How far the system's clock was set since, to the nearest second. */
static int64_t
was_set(void)
{
	int64_t by = steady_ns();

	by = ns_of(CLOCK_REALTIME) - by;
	return (by + (by < 0 ? -NS / 2 : NS / 2)) / NS;
}

int64_t
steady_to_clock(int64_t t)
{
	return t != 0 ? t + was_set() : 0;
}

int64_t
steady_from_clock(int64_t t)
{
	return t != 0 ? t - was_set() : 0;
}
