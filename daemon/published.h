/* published.h - slots that have a new version, from the commit thread to the control loop. */
#ifndef DAEMON_PUBLISHED_H
#define DAEMON_PUBLISHED_H

#include <stdbool.h>
#include <uv.h>

#include "sync/slot.h"

/* served: false when nothing is, from then on. */
typedef void published_fn(struct slot *, bool served);

void published_start(uv_loop_t *, published_fn *);	/* control loop, which runs fn */
void published_stop(void);				/* nothing is published any more */
void published_put(struct slot *, bool served);		/* any thread */
#endif
