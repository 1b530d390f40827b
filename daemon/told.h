/* told.h - what was said of the configuration when it was read last, so that it is not said again. */
#ifndef DAEMON_TOLD_H
#define DAEMON_TOLD_H

#include <stdbool.h>

#include "zonefile/report.h"

/* Control loop, and before it runs.  The configuration is read once more from here on. */
void told_begin(void);
/* Is it a warning that the reading before had too, at the same place?  The next one will be asked about it. */
bool told_before(const struct report *);
void told_free(void);
#endif
