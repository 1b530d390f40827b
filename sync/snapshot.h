/* snapshot.h - a whole zone as compressed parts, and back. */
#ifndef SYNC_SNAPSHOT_H
#define SYNC_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "zonefile/zone.h"

/* One zstd frame with a check sum, cut into parts of this size, so that neither side needs all of it
 * in memory. */
#define SNAPSHOT_PART (256 * 1024)

/* Used for one zone after the other: what zstd needs is costly to set up. */
struct snapshot_writer;
struct snapshot_writer *snapshot_writer_new(void);
void snapshot_writer_free(struct snapshot_writer *);	/* NULL is fine */

/* Gives fn one part after the other.  Returns 0, or what fn returned when that is not 0.  *size: octets before
 * compression. */
typedef int snapshot_part_fn(void *ctx, const uint8_t *part, size_t size);
int snapshot_write(struct snapshot_writer *, const struct zone *, snapshot_part_fn *,
    void *ctx, int64_t *size);

/* Takes any octets.  The origin lives as long as the reader. */
struct snapshot_reader;
struct snapshot_reader *snapshot_reader_new(const uint8_t *origin);
int snapshot_read(struct snapshot_reader *, const uint8_t *part, size_t size);	/* 0 or -EUCLEAN */
/* The zone, or NULL when the parts were not the whole of one; the reader is gone. */
struct zone *snapshot_finish(struct snapshot_reader *);
#endif
