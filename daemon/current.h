/* current.h - the configuration that is in force, and the keys of it. */
#ifndef DAEMON_CURRENT_H
#define DAEMON_CURRENT_H

#include <time.h>

#include "daemon/config/conf.h"
#include "daemon/transfer/tsig.h"

/* Control loop only. */

const struct conf *current_conf(void);		/* NULL: none yet */
const struct tsig_keys *current_keys(void);
time_t current_since(void);			/* when it was read */

/* Takes both; those before are freed, and with them what current_keep() was given, which the new one has itself. */
void current_set(struct conf *, struct tsig_keys *);
/* Of a zone that was added to it: lives as long as it does. */
void current_keep(struct conf *added);
void current_free(void);
#endif
