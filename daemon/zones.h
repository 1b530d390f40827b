/* zones.h - the zones of the configuration, as they are served. */
#ifndef DAEMON_ZONES_H
#define DAEMON_ZONES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/conf.h"
#include "daemon/files.h"
#include "daemon/signatures.h"
#include "daemon/transfer/announce.h"
#include "daemon/transfer/refresh.h"
#include "sync/slot.h"

/* Control loop only. */

struct served {
	struct slot *slot;
	const struct conf_zone *conf;	/* in force */
	struct zone_file *file;		/* of a master; NULL: it is a slave */
	struct refresh *refresh;	/* of a slave; NULL: it is a master */
	struct announce *announce;	/* NULL: its versions are not announced */
	struct signatures *signatures;	/* NULL: no version was signed */
	bool frozen;			/* its file is not read until the operator says so */
};
const struct served *zones_all(size_t *count);	/* in canonical order */
size_t zones_after(const uint8_t *origin);	/* the index of the first one behind it in that order, or their count */
struct served *zones_find(const char *name);	/* printed, final dot or not; NULL */
struct served *zones_of(const struct slot *);	/* NULL: it has been removed */

/* The same order, for qsort() and bsearch() of pointers to struct conf_zone. */
int zones_order(const void *, const void *);

/* Slots, rights and mirrors as the configuration wants them; mirrors_apply() was before.  removed may be NULL.  What it
 * points to stays in use until the next one has been applied and slot_settle() has returned. */
void zones_apply(const struct conf *, const struct tsig_keys *, load_done_fn *removed, void *ctx);
/* One more, one changed, one less, without a word about the others: pointers to struct served are no longer good
 * after zones_add() and zones_remove(). */
void zones_add(const struct conf *, const struct conf_zone *, const struct tsig_keys *);
void zones_change(struct served *, const struct conf *, const struct conf_zone *, const struct tsig_keys *);
void zones_remove(struct served *, const struct conf *);
void zones_stop(void);
#endif
