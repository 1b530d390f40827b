/* journal.h - versions and deltas of zones, kept in SQLite. */
#ifndef SYNC_JOURNAL_H
#define SYNC_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/delta.h"
#include "zonefile/report.h"
#include "zonefile/zone.h"

/* For each zone: its last version's serial and digest, one whole version (the base), the
 * deltas after it, and some before it for those who ask for older ones.  One writer, any number of
 * readers, each used by one thread at a time. */
struct journal;

/* Always gives a journal.  A file that is damaged, of a newer version or of something else is renamed to
 * "path.bad-TIME" with a report, and a new one is made.  While none can be made, which is reported
 * too, journal_begin() tries again and says why not. */
struct journal *journal_open(const char *path, report_fn *, void *ctx);
/* Its file may come later, or be replaced: it is looked for when it is asked. */
struct journal *journal_open_reader(const char *path);
void journal_close(struct journal *);		/* NULL is fine */

/* Writer.  What is written between begin and a commit that returned 0 is on the disk, the rest never
 * was.  All return 0 or -errno; after an error only rollback is left, and next begin
 * starts afresh. */
int journal_begin(struct journal *);
int journal_commit(struct journal *);
void journal_rollback(struct journal *);
const char *journal_why(const struct journal *);	/* a sentence about the last error */

struct journal_version {
	uint32_t serial;
	struct zone_digest digest;
};
/* Either kind; false when the zone is not there or the journal cannot be read. */
bool journal_last(struct journal *, const uint8_t *origin, struct journal_version *);

/* Writer, inside of a transaction.  The delta must continue the last version, else -ESTALE.  source says
 * where the change came from, for people. */
int journal_append(struct journal *, const struct delta *, const char *source);
/* The zone is the last version; what was there of older ones goes. */
int journal_base(struct journal *, const struct zone *);
/* Keeps a zone's history bounded: when its deltas have grown above room octets, 0 meaning JOURNAL_ROOM or the zone's own
 * size, the larger one, the zone, which is the last version, becomes the base and the oldest deltas go.  Writes the base of
 * a zone that is not there. */
int journal_tidy(struct journal *, const struct zone *, uint64_t room);
int journal_forget(struct journal *, const uint8_t *origin);

/* Of a slave's zone, in seconds since 1970: when a master last said what it has, 0 for never, until when the zone may be
 * served, and since when all masters refuse it, 0 when they do not.  Set inside of a transaction. */
struct journal_clock {
	int64_t checked, expires, refused;
};
int journal_set_clock(struct journal *, const uint8_t *origin, struct journal_clock);
bool journal_clock(struct journal *, const uint8_t *origin, struct journal_clock *);	/* either kind */
#define JOURNAL_ROOM (64 * 1024)

/* The last version from base and deltas; NULL when it is not there or damaged, which is reported. */
struct zone *journal_restore(struct journal *, const uint8_t *origin);
/* What leads from one version to another, newer one; NULL when that is not there. */
struct delta *journal_chain(struct journal *, const uint8_t *origin,
    struct zone_digest from, struct zone_digest to);
/* The same from the version of a serial.  NULL also when the journal knows two of them. */
struct delta *journal_chain_since(struct journal *, const uint8_t *origin, uint32_t serial,
    struct zone_digest to);

/* A change that it has; lives for the call. */
struct journal_step {
	uint32_t from_serial, to_serial;
	struct zone_digest from, to;
	int64_t at;			/* seconds since 1970 */
	const char *source;		/* "file", "transfer" */
	size_t removed, added;		/* records */
};
/* All of them, the newest first; either kind. */
void journal_steps(struct journal *, const uint8_t *origin,
    void (*fn)(void *ctx, const struct journal_step *), void *ctx);
#endif
