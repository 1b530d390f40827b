/* noted.h - which zones the operator has frozen and which mirrors paused, over reloads and restarts. */
#ifndef DAEMON_NOTED_H
#define DAEMON_NOTED_H

#include <stdbool.h>

#include "daemon/config/conf.h"

/* Control loop only.  A name stands as in conf_zone and conf_mirror. */
enum noted { NOTED_FROZEN, NOTED_PAUSED };

void noted_read(const struct conf *);		/* as it was left, once; what cannot be read is logged */
bool noted_is(enum noted, const char *name);
/* 0 when the disk says so too, or -errno and nothing has changed. */
int noted_set(enum noted, const struct conf *, const char *name, bool);
void noted_free(void);
#endif
