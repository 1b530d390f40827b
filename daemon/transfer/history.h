/* history.h - what leads from an older version of a zone to a newer one, for who has the older. */
#ifndef DAEMON_TRANSFER_HISTORY_H
#define DAEMON_TRANSFER_HISTORY_H

#include <stdint.h>

#include "zonefile/delta.h"
#include "zonefile/zone.h"

/* Reads the journal; any thread that may wait for the disk. */
struct history;
struct history *history_new(const char *journal);
void history_free(struct history *);		/* used by nobody any more; NULL is fine */

/* Condensed to one difference, which is the same object for all who ask at about the same time: after a NOTIFY they all do.
 * NULL when the journal does not lead from that serial to the zone, or knows two versions of that serial. */
struct change;
struct change *history_change(struct history *, const struct zone *, uint32_t since);
void change_unref(struct change *);		/* NULL is fine */
const struct delta *change_delta(const struct change *);
#endif
