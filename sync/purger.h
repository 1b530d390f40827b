/* purger.h - repeats purges until each server has acknowledged them. */
#ifndef SYNC_PURGER_H
#define SYNC_PURGER_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/purge.h"
#include "zonefile/report.h"

/* A thread with a list of zones, each with the servers that have still to forget it.  A server that does not
 * answer is asked again after 1 to 60 seconds, and the others do not wait for it. */
struct purger;
/* Takes the purge.  fn is called on the purger's thread, when a server stops and starts to acknowledge; label goes
 * in front and lives as long as the purger. */
struct purger *purger_start(struct purge *, const char *label, report_fn *, void *ctx);
/* Asks once more for those that were never asked, then ends. */
void purger_stop(struct purger *);

/* Any thread, after COMMIT; returns at once.  Name and created as in struct purge_zone. */
void purger_add(struct purger *, const char *name, bool created);

uint64_t purger_done(struct purger *);		/* zones that all servers have forgotten */
void purger_error(struct purger *, char *out, size_t);	/* why some server has not acknowledged the last time; "": all have */
size_t purger_waiting(struct purger *);		/* zones that some server has not forgotten once yet */
#endif
