/* tracked.h - the zones of one mirror: found by name, and queued when there is something to do. */
#ifndef SYNC_TRACKED_H
#define SYNC_TRACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sync/mirror.h"
#include "sync/slot.h"
#include "zonefile/zone.h"

/* A copy in one piece of memory. */
struct tracked_meta {
	unsigned users;			/* under the mirror's lock */
	uint64_t hash;
	size_t count;
	struct target_meta row[];
};
struct tracked_meta *tracked_meta_new(const struct target_meta *, size_t count);
void tracked_meta_release(struct tracked_meta *);	/* NULL is fine */

/* Those that wait, in the order of need. */
enum tracked_class {
	TRACKED_CHANGED,		/* a new version just came */
	TRACKED_BEHIND,			/* to be looked at after a start or an absence */
	TRACKED_BIG,			/* to be written whole, and large */
	TRACKED_CLASSES
};

/* A zone that is mirrored, or was and shall be taken out.  One writer at a time has it. */
struct tracked {
	char *name;			/* as in domains.name */
	uint8_t *origin;
	uint64_t hash;			/* of name */
	struct tracked *chain;		/* of its bucket; the mirror's lock */

	/* the mirror's lock */
	struct tracked *next, **at;	/* of all */
	TAILQ_ENTRY(tracked) line, turn;
	struct slot *slot;		/* a reference; NULL: excluded */
	bool queued, again;		/* when it is back it is queued again */
	const void *busy;		/* the writer that has it */
	uint64_t number;		/* in the order they came */
	bool resync, adopt, withdrawn;	/* withdrawn: it had a version and has none now */
	bool asked;			/* where the target is with it, since it was last away */
	bool met;			/* ever */
	uint64_t request, compared;	/* mirror_compare()'s, and the last that was done */
	uint64_t rows;			/* that it changed */
	uint64_t seen, written;		/* by which look, and after which count of those written */
	bool drifted;			/* its rows are not those that we wrote */
	enum tracked_class class;
	enum mirror_zone_state state;
	int64_t behind_since;		/* steady, when not in step */
	size_t records;			/* of its version when it was queued */
	char *why;			/* HELD */
	bool foreign;			/* HELD: its domain is not ours */
	struct tracked_meta *meta;	/* to be exported; NULL: nothing was said */
	uint64_t exported;		/* the hash of what the target has */

	/* who has it writes, with lock; others read with lock */
	bool known;			/* the target has it, at: */
	uint32_t serial;
	struct zone_digest digest;
	bool disabled;			/* in the target */

	/* who has it */
	bool unsure;			/* whether PowerDNS was told of what is there, and that it is */
	struct zone *last;		/* what the target has, shares memory with what comes; or NULL */
	struct zone_digest held;	/* the version that is held back, told once */
};

TAILQ_HEAD(tracked_line, tracked);
struct tracked_set {
	struct tracked **bucket;	/* by hash of name; a power of two, no fewer than zones */
	size_t buckets, count;
	struct tracked *all;
	struct tracked_line line[TRACKED_CLASSES];
	struct tracked_line turns;	/* all, for those who look at one after the other */
	uint64_t added;
	unsigned big;			/* large ones that writers have */
};

#define TRACKED_LARGE 5000		/* records from which on a zone is large */

/* All with the mirror's lock, on threads that may read slots. */
void tracked_init(struct tracked_set *);
void tracked_end(struct tracked_set *);		/* and its zones */
struct tracked *tracked_named(const struct tracked_set *, const char *name);
struct tracked *tracked_find(const struct tracked_set *, const uint8_t *origin);	/* any case */
struct tracked *tracked_add(struct tracked_set *, const uint8_t *origin);
void tracked_remove(struct tracked_set *, struct tracked *);	/* not one that is queued or busy, but at the end */

/* What was in step is behind.  changed: a new version is the cause. */
void tracked_queue(struct tracked_set *, struct tracked *, bool changed);
void tracked_unqueue(struct tracked_set *, struct tracked *);	/* if it is */
/* A batch of small ones, or a single large one; they are busy until tracked_back().  big: large ones may be taken, and
 * are taken first. */
size_t tracked_take(struct tracked_set *, const void *writer, struct tracked **batch, size_t room, bool big, bool big_first);
void tracked_back(struct tracked_set *, struct tracked *);
struct tracked *tracked_turn(struct tracked_set *);	/* the one whose turn it is; NULL: there is none */
bool tracked_waiting(const struct tracked_set *, bool big);
#endif
