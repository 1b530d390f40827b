/* ending.h - mirrors that are no longer wanted, until the transaction that they are in has ended. */
#ifndef DAEMON_ENDING_H
#define DAEMON_ENDING_H

#include "sync/mirror.h"

/* Control loop only. */

/* Asks it to stop and returns at once; it is freed when it has.  Nobody else may use it any more. */
void ending_add(struct mirror *, const char *name);
/* For all of them together, but for some seconds at most: what is still under way then is left to the database. */
void ending_wait(void);
#endif
