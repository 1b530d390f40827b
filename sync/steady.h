/* steady.h - a clock that nobody sets. */
#ifndef SYNC_STEADY_H
#define SYNC_STEADY_H

#include <stdint.h>

/* Seconds since 1970 by the system's clock as it was at the first call, counted on evenly from there whatever
 * it is set to, also while the machine sleeps.  Any thread. */
int64_t steady_now(void);

/* The same moment by the system's clock as it is now, for people and for what outlives the process, and back.
 * 0, which stands for none, stays 0. */
int64_t steady_to_clock(int64_t);
int64_t steady_from_clock(int64_t);
#endif
