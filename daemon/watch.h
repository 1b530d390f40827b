/* watch.h - a slave that does what it was told, and what came of it. */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include <uv.h>

#include "daemon/files.h"
#include "daemon/zones.h"

/* Control loop.  Waits until the slave is at rest, however long its masters take, and calls done once: LOAD_DONE with what
 * changed since now, LOAD_SAME, or LOAD_FAILED.  whole: it was told to fetch all, whatever the serial. */
void watch_slave(uv_loop_t *, const struct served *, bool whole, load_done_fn *done, void *ctx);
#endif
