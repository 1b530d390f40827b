/* added.h - zones that come and go while the server runs, each in a file of its own beside the configuration. */
#ifndef DAEMON_ADDED_H
#define DAEMON_ADDED_H

#include <limits.h>
#include <stdbool.h>

#include "daemon/zones.h"
#include "zonefile/report.h"

/* Control loop only.  Other zones are not looked at, nor is the configuration read again. */

/* Where its files are: the printed name of a zone and an end, such as ".conf".  false: too long. */
bool added_path(char out[PATH_MAX], const char *zone, const char *end);
/* A zone of this name; block is what stands behind its name, "{ type slave; ... }".  false, with a report and nothing changed,
 * when it cannot be. */
bool added_add(const char *name, const char *block, struct sink *);
/* Another block for one that was added. */
bool added_change(struct served *, const char *block, struct sink *);
/* Its block is gone, and what the journal has; with clean its zone file too. */
bool added_remove(struct served *, bool clean, struct sink *);
void added_sweep(void);		/* at the start: finish what a crash has broken off */
#endif
