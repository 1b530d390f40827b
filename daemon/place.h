/* place.h - directories of ours; above all that for what is decided while the server runs. */
#ifndef DAEMON_PLACE_H
#define DAEMON_PLACE_H

#include "daemon/config/conf.h"

/* The directories above a file of ours, as far as they are missing and can be made. */
void place_above(const char *path);

const char *place_directory(char out[PATH_MAX], const struct conf *);
/* 0 or -errno. */
int place_make(const struct conf *);	/* it, and those above it */
int place_sync(const struct conf *);	/* a name that was made or taken away there is still so after a crash */
#endif
