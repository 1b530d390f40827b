/* zones.h - the zones of the configuration, as they are served. */
#ifndef DAEMON_ZONES_H
#define DAEMON_ZONES_H

#include <stddef.h>
#include <time.h>

#include "daemon/config/conf.h"
#include "daemon/files.h"
#include "sync/slot.h"

/* Control loop only. */

struct served {
	struct slot *slot;
	const struct conf_zone *conf;	/* in force */
	struct zone_file *file;
	time_t since;			/* of its version, 0: none yet */
};
const struct served *zones_all(size_t *count);	/* in canonical order */
struct served *zones_find(const char *name);	/* printed, final dot or not; NULL */

/* Slots, rights and mirrors as the configuration wants them; mirrors_apply() was before.  removed may be NULL.  What it points to stays in
 * use until the next one has been applied and slot_settle() has returned. */
void zones_apply(const struct conf *, load_done_fn *removed, void *ctx);
void zones_stop(void);
#endif
