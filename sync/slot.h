/* slot.h - the places of served zones by name, and the current zone of each. */
#ifndef SYNC_SLOT_H
#define SYNC_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/zone.h"

/* Each thread that reads registers once and leaves before it ends.  Between slot_enter() and
 * slot_leave() the slots found and their zones stay; nothing in between may wait. */
void slot_thread_begin(void);
void slot_thread_end(void);
void slot_enter(void);
void slot_leave(void);

struct slot;

/* The slot whose origin is the name or its nearest ancestor, NULL when we serve nothing there.  Lower case.
 * parent: skip a slot whose origin is the name itself (DS is asked above the cut, RFC 4035 3.1.4.1). */
struct slot *slot_find(const uint8_t *name, bool parent);
struct slot *slot_exact(const uint8_t *origin);		/* any case */

/* The current zone, NULL before the first: inside enter and leave. */
struct zone *slot_zone(const struct slot *);
/* The same with a reference, from any thread that is registered; NULL before the first. */
struct zone *slot_zone_ref(struct slot *);

const uint8_t *slot_origin(const struct slot *);	/* lower case; lives as long as the slot */
const char *slot_name(const struct slot *);		/* printed, no final dot; root: "." */
/* What the daemon hangs on a slot for its readers (rights to ask); immutable,
 * replaced as a whole: inside enter and leave. */
const void *slot_policy(const struct slot *);

/* Control loop only.  Adding does not publish a zone.  A removed slot and its zone go when no reader can
 * see them; on_free gets a policy that was replaced or whose slot is gone, on whichever thread was
 * last.  Many changes are made visible at once by slot_apply(). */
struct slot *slot_add(const uint8_t *origin);
void slot_remove(struct slot *);
void slot_set_policy(struct slot *, const void *policy, void (*on_free)(void *));
void slot_apply(void);
/* Waits until what was removed or replaced before has been given back; outside of enter and leave. */
void slot_settle(void);

/* A reference keeps the struct past its removal (a candidate that waits). */
struct slot *slot_ref(struct slot *);
void slot_unref(struct slot *);
bool slot_removed(const struct slot *);

/* When the current zone was published, in seconds since 1970 by the clock as it is now; 0: there is none.  Any thread. */
uint64_t slot_since(const struct slot *);

/* Commit thread only: takes the reference to zone (NULL: withdraw); the one before lives
 * on until its readers have left. */
void slot_publish(struct slot *, struct zone *);

/* When the zone of a slave expires, by steady_now(), for those who ask (RFC 7314); 0, as at first: as its
 * SOA says.  Any thread. */
void slot_set_expires(struct slot *, uint64_t);
uint64_t slot_expires(const struct slot *);

/* Octets of older versions that the journal may keep of the zone; 0, as at first: as it thinks fit.  Any thread. */
void slot_set_room(struct slot *, uint64_t);
uint64_t slot_room(const struct slot *);

/* Every slot but those removed, by name in canonical order; control loop only. */
void slot_each(void (*fn)(void *ctx, struct slot *), void *ctx);
#endif
