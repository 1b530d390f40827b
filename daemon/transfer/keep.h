/* keep.h - what a slave keeps of its zone: its last version and its clock, in the journal and in its file. */
#ifndef DAEMON_TRANSFER_KEEP_H
#define DAEMON_TRANSFER_KEEP_H

#include <stdbool.h>
#include <uv.h>

#include "sync/journal.h"
#include "zonefile/report.h"
#include "zonefile/zone.h"

/* Of the control loop; the work is done by libuv's pool. */
void keep_start(uv_loop_t *, const char *journal, report_fn *, void *ctx);
void keep_stop(void);		/* what is under way ends first, with the loop */

/* done is called once, later. */
struct kept {
	struct zone *zone;		/* NULL: none; the reference is for who hears it */
	bool file_old;			/* it is the journal's, and the file is of another version or not there */
	bool has_clock;
	struct journal_clock clock;
};
typedef void keep_loaded_fn(void *ctx, const struct kept *);
/* The journal's last version, or else the file's, which need not be there; file may be NULL. */
void keep_load(const uint8_t *origin, const char *file, keep_loaded_fn *done, void *ctx);

/* err: 0 or -errno. */
typedef void keep_written_fn(void *ctx, int err);
/* Takes the reference to the zone.  One file after the other, so that the pool is there for transfers too. */
void keep_write(struct zone *, const char *file, bool full_style, keep_written_fn *done, void *ctx);
#endif
