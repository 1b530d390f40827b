/* mirror_impl.h - the inside of a mirror: mirror.c has its threads, mirror_gate.c connection and lease, mirror_write.c
 * the transactions, mirror_masters.c a table that is read, mirror_left.c what no zone has any more. */
#ifndef SYNC_MIRROR_IMPL_H
#define SYNC_MIRROR_IMPL_H

#include <pthread.h>

#include "sync/journal.h"
#include "sync/mirror.h"
#include "sync/pdns_text.h"
#include "sync/purger.h"
#include "sync/target.h"
#include "sync/tracked.h"

/* Many small zones share a transaction, a large one has its own. */
#define GROUP_ZONES 200
#define GROUP_ROWS 5000

#define WRITERS_MAX 32

#define HELD_RETRY 60000		/* milliseconds */

#define CAUSES 16

/* The first few, for a sentence. */
#define NAMED 5
struct some_names {
	size_t count;
	bool more;			/* than text has */
	char text[300];
};
void mirror_name(struct some_names *, const char *name, const char *more);

struct mirror {
	struct arena *memory;		/* of the configuration's copies */
	const char *label;
	struct target_conf conf;
	const char *journal_path;
	char token[40];			/* its first half is of this process */
	int on_remove;
	int64_t verify_interval;	/* milliseconds */
	bool repair, exports;
	report_fn *report;
	mirror_masters_fn *masters;
	void *ctx;
	struct purger *purger;
	pthread_t thread[WRITERS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t wake;

	/* lock */
	struct tracked_set zones;
	bool stopping;
	unsigned writers, alive, leaving;	/* threads */
	unsigned visitors;		/* other threads */
	unsigned awaiting;		/* of them, in mirror_await() */
	struct mirror_status status;	/* without the counts of zones */
	struct gate {
		bool open;		/* the target was asked where its zones are, and the lease is ours */
		bool busy;		/* a writer is at it */
		uint64_t generation;	/* of connections: those of an older one are not used any more */
		int64_t due;		/* when somebody has to look at it; monotonic */
		int64_t look_at;	/* when all states are compared with what we know */
		int64_t sweep_at;	/* when it is looked whether all domains are there */
		uint64_t looks, written;	/* counts */
		int64_t lost_at;
		unsigned losses;	/* of connections since the last COMMIT */
		bool down;		/* told */
		bool writing;		/* down by a write that failed: only one that works is an end of that */
		bool met;		/* it was open once */
		uint64_t cause[CAUSES];	/* hashes of what was told since it is down */
		unsigned causes;
		bool led;		/* we had the lease */
		struct target_lease seen;	/* somebody else's, and since when it has not moved */
		int64_t seen_at;
		struct some_names left;	/* domains of ours that no zone has, as last seen */
		bool settled, orphans;	/* all zones were included; the target was asked for others */
		/* who is at it */
		int64_t masters_due;
		bool masters_told;	/* that they cannot be read */
		char *masters_text;	/* the rows that were handed over last */
		size_t masters_len, masters_rows;
	} gate;
	int64_t held_at;		/* when those held are tried again */
	int64_t working_since;		/* 0: nothing to do, or it cannot be done */
	uint64_t rows_since;
};

/* One thread, one connection. */
struct writer {
	struct mirror *m;
	struct target *target;
	struct journal *journal;
	uint64_t generation;		/* of its connection */
	struct telling *telling;	/* reports of the transaction under way */
	size_t tellings, telling_room;
};

int64_t mirror_now(void);		/* monotonic, milliseconds */
void mirror_wait(struct mirror *, int64_t until);	/* with the lock; returns at once when woken */
void mirror_tell(struct mirror *, enum severity, const char *zone, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* With the lock. */
void mirror_keep_error(struct mirror *, int kind, const char *text);	/* for mirror_status() */
void mirror_queue_all(struct mirror *, bool held_only);
const char *mirror_shut(const struct mirror *);	/* why it does not write; NULL: it does */
/* Why it will not be written soon; NULL: it will. */
const char *mirror_hindrance(const struct mirror *, const struct tracked *);

/* Called by a writer when it is due, without the lock: connect, see to the lease, ask where the zones are. */
void gate_tend(struct writer *);
/* The writer's connection, of this generation; false: the gate is shut. */
bool gate_pass(struct writer *);
/* The result of a call shuts the gate; writing: of one that writes. */
void gate_shut(struct writer *, enum target_result, bool writing);
/* With the lock, something was written.  What is to be told of that, or NULL. */
const char *gate_works(struct mirror *);
/* A part of tending: the target's table of masters, when it is time. */
enum target_result gate_read_masters(struct writer *);
void gate_leave(struct writer *);	/* the end: give the lease back */
/* Ask for those of the batch that came after the last question to all. */
bool gate_ask(struct writer *, struct tracked **, size_t count);
/* With the lock.  Where the target is with the zone; NULL: it does not have it. */
void gate_take_state(struct tracked *, const struct target_state *);

void checker_start(struct mirror *);	/* a visitor */
/* Opened, one that needs no lease: it only reads.  conf lives as long. */
struct target *mirror_reader(struct mirror *, struct target_conf *);
bool mirror_is_left(const struct mirror *, const struct tracked *);	/* with the lock; of a domain that the target has, NULL: not tracked */

/* With the lock: is this version what the target has?  Then the zone is in step, and another reference, or NULL, comes
 * for the one to it. */
bool mirror_settle(struct mirror *, struct tracked *, struct zone **);

/* Bring the zones in step, all of which the target was asked for. */
void mirror_write(struct writer *, struct tracked **, size_t count);
#endif
