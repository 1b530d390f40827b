/* tracked.h - the zones of one mirror: found by name, and queued when there is something to do. */
#ifndef SYNC_TRACKED_H
#define SYNC_TRACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/mirror.h"
#include "sync/slot.h"
#include "zonefile/zone.h"

/* A zone that is mirrored, or was and shall be taken out.  Only the mirror's thread removes one. */
struct tracked {
	char *name;			/* first: key of the tree; as in domains.name */
	uint8_t *origin;

	/* the mirror's lock */
	struct tracked *next, **at;	/* of all */
	struct tracked *next_queued;
	struct slot *slot;		/* a reference; NULL: excluded */
	bool queued, resync;
	enum mirror_zone_state state;
	char *why;			/* HELD */

	/* the mirror's thread writes, with lock; others read with lock */
	bool known;			/* the target has it, at: */
	uint32_t serial;
	struct zone_digest digest;

	/* the mirror's thread */
	bool asked;			/* for the three above, of this connection */
	bool met;			/* of any */
	bool disabled;			/* in the target */
	bool unsure;			/* whether PowerDNS was told of what is there, and that it is */
	struct zone *last;		/* what the target has, shares memory with what comes; or NULL */
	struct zone_digest held;	/* the version that is held back, told once */
};

struct tracked_set {
	void *tree;			/* by name */
	struct tracked *all;
	struct tracked *first, **last;	/* queue */
};

/* All with the mirror's lock. */
void tracked_init(struct tracked_set *);
struct tracked *tracked_named(const struct tracked_set *, const char *name);
struct tracked *tracked_find(const struct tracked_set *, const uint8_t *origin);	/* any case */
struct tracked *tracked_add(struct tracked_set *, const uint8_t *origin);
void tracked_remove(struct tracked_set *, struct tracked *);	/* not a queued one, but at the end */

/* What was in step is behind; one that is queued already keeps its place. */
void tracked_queue(struct tracked_set *, struct tracked *);
size_t tracked_take(struct tracked_set *, struct tracked **batch, size_t room);
#endif
