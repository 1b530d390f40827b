/* inbox.h - NOTIFYs that came, from the workers to the control loop. */
#ifndef DAEMON_INBOX_H
#define DAEMON_INBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "daemon/transfer/peer.h"
#include "sync/slot.h"

/* One NOTIFY, or several of a slot that came faster than they were read. */
struct inbox_note {
	struct slot *slot;		/* a reference for as long as the call lasts */
	union peer_address from;
	bool has_serial;
	uint32_t serial;
};
typedef void inbox_fn(const struct inbox_note *);

void inbox_start(uv_loop_t *, inbox_fn *);	/* control loop, which runs fn */
void inbox_stop(void);				/* no worker runs any more */

/* Any thread that has found the slot between slot_enter() and slot_leave().  The same work and the same memory
 * however many come: a slot has one note, of the last NOTIFY. */
void inbox_put(struct slot *, const struct sockaddr *from, const uint32_t *serial);
#endif
