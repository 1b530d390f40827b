/* autosecondary.h - zones that a trusted master gives us by its NOTIFY. */
#ifndef DAEMON_AUTOSECONDARY_H
#define DAEMON_AUTOSECONDARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "daemon/config/conf.h"

struct tsig_key;

void autosecondary_start(uv_loop_t *);	/* control loop */
void autosecondary_stop(void);		/* no worker runs any more, the loop still does */

/* Any thread, with the configuration that is in force there: somebody has a zone that we have not.  Returns false
 * when he is not one of those who may give us zones, or too many are waiting; they are asked for on the control
 * loop, and the same work and memory are needed however many come. */
bool autosecondary_notified(const struct conf *, const uint8_t *name, const struct sockaddr *from,
    const struct tsig_key *);
#endif
