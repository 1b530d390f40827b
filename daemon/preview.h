/* preview.h - what a reload would change, without changing it. */
#ifndef DAEMON_PREVIEW_H
#define DAEMON_PREVIEW_H

#include "daemon/reload.h"

/* Control loop; files are read by the pool, one after the other.  As reload_all() tells, but of what would be.  only: this zone
 * alone, of the configuration in force; NULL: all, after the configuration has been read. */
void preview_reload(const struct served *only, const struct reload *);
#endif
