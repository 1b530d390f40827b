/* paused.h - the mirrors that the operator has paused, in a file, so that neither a reload nor a restart resumes them. */
#ifndef DAEMON_PAUSED_H
#define DAEMON_PAUSED_H

#include <stdbool.h>

#include "daemon/config/conf.h"

/* Control loop only. */
bool paused_is(const struct conf *, const char *mirror);
int paused_set(const struct conf *, const char *mirror, bool);	/* 0 or -errno: a restart will not know */
#endif
