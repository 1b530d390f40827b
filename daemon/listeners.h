/* listeners.h - the addresses that are answered on. */
#ifndef DAEMON_LISTENERS_H
#define DAEMON_LISTENERS_H

#include <stdbool.h>

#include "daemon/config/conf.h"
#include "daemon/serve/worker.h"

/* Control loop only. */

/* Listen on what is new in the configuration: all of it or, with each reason reported, nothing. */
bool listeners_open(struct workers *, const struct conf *, struct sink *);
/* Which of both configurations holds: the addresses of the other alone are given up. */
void listeners_settle(struct workers *, bool taken);
/* Do we answer at this address and port? */
bool listeners_ourselves(const struct sockaddr *);
void listeners_free(void);
#endif
