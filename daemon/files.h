/* files.h - the zone files of master zones: read when they changed, in the pool. */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/findings.h"
#include "sync/slot.h"
#include "zonefile/checks.h"

/* Everything here is for the control loop; parsing happens on libuv's pool threads, publication on the commit thread. */
void files_start(uv_loop_t *);
void files_stop(void);		/* nothing is loading any more */

enum load_result {
	LOAD_UNCHANGED,		/* not read: the file and its includes are as they were */
	LOAD_SAME,		/* read; its content is what is served */
	LOAD_DONE,		/* a new version is served */
	LOAD_FAILED,		/* the old version, if any, serves on; text says why */
	LOAD_REMOVED,		/* the zone left the configuration; text: what comes of its rows in mirrors */
};

struct load_outcome {
	const char *zone;
	enum load_result result;
	bool was_served, served;	/* there was a version before, there is one now */
	uint32_t old_serial, new_serial;
	size_t records;		/* of that version */
	size_t removed, added;
	unsigned ms;
	const char *text;	/* what was said last: a reason or a warning; never NULL */
	const struct findings *found;	/* what the file had to say; NULL: it was not read */
};
typedef void load_done_fn(void *ctx, const struct load_outcome *);

/* What is known about the file of one zone. */
struct zone_file;
struct zone_file *zone_file_new(struct slot *, const char *path);
void zone_file_free(struct zone_file *);	/* once it is not loading */
/* What to look for from the next reading on, which is made even of a file that did not change when this did. */
void zone_file_checks(struct zone_file *, const struct checks *);
const char *zone_file_path(const struct zone_file *);

/* Read the file if it changed since the last reading (always, with force), check it, publish it.  Called while
 * it is being read, it starts over after that.  done always runs, later. */
void zone_file_load(struct zone_file *, bool force, load_done_fn *done, void *ctx);
/* What the journal has instead, of a zone that is not served; the file, and that is warned of, when it has nothing. */
void zone_file_restore(struct zone_file *, load_done_fn *done, void *ctx);
/* The same, always, after a newer serial has been put into the file: newer than what is there and what is served. */
void zone_file_bump(struct zone_file *, load_done_fn *done, void *ctx);
/* Would zone_file_load() without force read it? */
bool zone_file_changed(const struct zone_file *);
/* Why the last reading is not what is served; "" when it is. */
const char *zone_file_trouble(const struct zone_file *);
/* The errors that trouble is about, and the warnings of the version that is served, the first FINDINGS_SHOWN; NULL: none. */
const struct findings *zone_file_errors(const struct zone_file *);
const struct findings *zone_file_warnings(const struct zone_file *);
#endif
