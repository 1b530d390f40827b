/* export.h - what the configuration says of transfers, in PowerDNS's words. */
#ifndef DAEMON_EXPORT_H
#define DAEMON_EXPORT_H

#include "daemon/config/conf.h"
#include "sync/mirror.h"
#include "zonefile/arena.h"

/* Keys and masters of new zones; in the arena, which the caller frees when the mirror has started. */
struct arena *export_conf(struct mirror_conf *, const struct conf *);

/* Who may transfer the zone; for a PowerDNS that notifies, whom.  What only BIND's first match can say is left out, never more allowed. */
void export_zone(struct mirror *, struct slot *, const struct conf_rules *, bool notifies);
#endif
