/* heap.h - memory that was needed once goes back to the system. */
#ifndef DAEMON_HEAP_H
#define DAEMON_HEAP_H

#include <stdint.h>
#include <uv.h>

/* Control loop. */
void heap_start(uv_loop_t *);
void heap_stop(void);

uint64_t heap_resident(void);		/* octets of this process in memory; 0: not known.  Any thread */
#endif
