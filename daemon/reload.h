/* reload.h - configuration and zone files again, and what became of each zone. */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include <stdbool.h>

#include "daemon/files.h"
#include "daemon/zones.h"

/* Control loop only. */

enum reload_conf { RELOAD_UNREAD, RELOAD_SAME, RELOAD_CHANGED, RELOAD_REFUSED };

/* What a reload tells: what there is to say about the configuration, each zone as it is done, then the end. */
struct reload {
	report_fn *said;
	load_done_fn *zone;
	void (*end)(void *ctx, bool ok, enum reload_conf);
	void *ctx;
};

/* The configuration, see setup_reread(); then files that changed are read, or with files false those of new zones
 * only. */
void reload_all(bool files, const struct reload *);
/* One zone's file, read even if it looks unchanged. */
void reload_zone(struct served *, const struct reload *);
/* A slave asks its masters for what is newer, or fetches the zone whole, whatever its serial. */
void reload_slave(struct served *, bool whole, const struct reload *);
/* A newer serial into a master's file, which is then read. */
void reload_bumped(struct served *, const struct reload *);
/* The files of all zones, when the first configuration holds. */
void reload_first(const struct reload *);
#endif
