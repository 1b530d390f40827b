/* mirror_impl.h - the inside of a mirror, for its two halves: mirror.c has thread and connection, mirror_write.c the
 * transactions. */
#ifndef SYNC_MIRROR_IMPL_H
#define SYNC_MIRROR_IMPL_H

#include <pthread.h>

#include "sync/journal.h"
#include "sync/mirror.h"
#include "sync/purger.h"
#include "sync/target.h"
#include "sync/tracked.h"

/* Many small zones share a transaction, a large one has its own. */
#define GROUP_ZONES 200
#define GROUP_ROWS 5000

#define HELD_RETRY 60000		/* milliseconds */

struct mirror {
	struct arena *memory;		/* of the configuration's copies */
	const char *label;
	struct target_conf conf;
	const char *journal_path;
	int on_remove;
	report_fn *report;
	void *ctx;
	struct purger *purger;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;

	/* lock */
	struct tracked_set zones;
	bool stopping, ended;
	struct mirror_status status;	/* without the counts of zones */

	/* the mirror's thread */
	struct target *target;
	struct journal *journal;
	int64_t connect_at;		/* not before; monotonic */
	int64_t lost_at;
	unsigned losses;		/* of connections since the last COMMIT */
	bool down;			/* told */
	int64_t held_at;		/* when those held are tried again */
	struct telling *telling;	/* reports of the transaction under way */
	size_t tellings, telling_room;
};

int64_t mirror_now(void);		/* monotonic, milliseconds */
void mirror_wait(struct mirror *, int64_t until);	/* with the lock; returns at once when woken */
void mirror_tell(struct mirror *, enum severity, const char *zone, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void mirror_keep_error(struct mirror *, const char *text);	/* for mirror_status() */

/* The mirror's thread. */
void mirror_lost(struct mirror *);	/* the connection, says target_why() */
/* Where the target is with the zone; NULL: it does not have it. */
void mirror_take_state(struct mirror *, struct tracked *, const struct target_state *);
/* Bring the zones in step, all of which the target was asked for. */
void mirror_write(struct mirror *, struct tracked **, size_t count);
#endif
