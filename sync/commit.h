/* commit.h - the gate: every candidate becomes current here or not at all. */
#ifndef SYNC_COMMIT_H
#define SYNC_COMMIT_H

#include "sync/journal.h"
#include "sync/slot.h"
#include "zonefile/zone.h"

enum commit_result {
	COMMIT_DONE,	/* published */
	COMMIT_SAME,	/* the current zone has this content already */
	COMMIT_OLDER,	/* its serial is not newer than the current one's, but its content differs */
	COMMIT_FAILED,	/* the journal could not take it; the old version serves on */
	COMMIT_GONE,	/* the slot was removed meanwhile */
};

struct commit_outcome {
	enum commit_result result;
	uint32_t old_serial, new_serial;
	bool first;			/* there was no version before */
	size_t removed, added;		/* records */
	const char *why;		/* a sentence, lives for the call: of OLDER and FAILED, and of DONE a
					 * warning; else NULL */
};
typedef void commit_done_fn(void *ctx, struct slot *, const struct commit_outcome *);

/* Told of every publication, on the commit thread, before the candidate's done; zone NULL: withdrawn. */
typedef void commit_listener_fn(void *ctx, struct slot *, struct zone *);

/* One queue, one thread.  It takes all candidates that wait into one journal
 * transaction: journal, then publish, then tell. */
void commit_start(struct journal *, commit_listener_fn *, void *ctx);
/* Finishes what is queued, then ends the thread; nobody submits any more. */
void commit_stop(void);

enum {
	COMMIT_FROM_FILE = 1,	/* the operator's word: published even when its serial is not newer, with a warning in
				 * why, since the file is what must be served; slaves will not see it */
	COMMIT_FORCED = 2,	/* the same for a zone that was fetched because the operator said so */
};
/* Any thread.  Takes the reference to zone; done runs on the commit thread, may be NULL. */
void commit_submit(struct slot *, struct zone *, unsigned flags, commit_done_fn *done, void *ctx);
/* Publish the journal's last version of a slot that has none: DONE, or SAME when it has one by now, or FAILED when
 * the journal has none either. */
void commit_restore(struct slot *, commit_done_fn *done, void *ctx);
/* In its turn among candidates: the slot has no zone any more.  DONE, or SAME when it has none. */
void commit_withdraw(struct slot *, commit_done_fn *done, void *ctx);
/* In its turn: the journal knows nothing of a slot that has been removed.  GONE, or FAILED. */
void commit_forget(struct slot *, commit_done_fn *done, void *ctx);

/* Any thread: a slave's clock, to be on the disk within some seconds.  What a crash loses is asked again. */
void commit_clock(struct slot *, struct journal_clock);
#endif
