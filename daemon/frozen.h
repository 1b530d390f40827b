/* frozen.h - which zones the operator has frozen, over restarts. */
#ifndef DAEMON_FROZEN_H
#define DAEMON_FROZEN_H

#include <stdbool.h>

#include "daemon/config/conf.h"

/* Control loop only.  A name stands as in conf_zone. */
void frozen_read(const struct conf *);		/* the list as it was left, once; what cannot be read is logged */
bool frozen_is(const char *zone);
/* 0 when the list on the disk says so too, or -errno and nothing has changed. */
int frozen_set(const struct conf *, const char *zone, bool);
void frozen_free(void);
#endif
