/* past.h - versions of a zone that the journal remembers. */
#ifndef DAEMON_PAST_H
#define DAEMON_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/delta.h"
#include "zonefile/zone.h"

/* By a thread that may wait for the disk. */

/* A version and what made it of the one before. */
struct past_version {
	uint32_t serial;
	struct zone_digest digest;
	int64_t at;			/* seconds since 1970; 0: not known, like the rest: the oldest one */
	char source[16];
	size_t removed, added;
};
/* The newest first; to be freed.  None when the zone has not changed since the journal has it. */
struct past_version *past_versions(const char *journal, const uint8_t *origin, size_t *count);

/* What leads from the version of one serial to that of another, older or newer one, or NULL and a sentence in why. */
struct delta *past_delta(const char *journal, const uint8_t *origin, uint32_t from, uint32_t to,
    char *why, size_t size);
/* The last change, which may have left the serial as it was. */
struct delta *past_change(const char *journal, const uint8_t *origin, char *why, size_t size);
/* The content of an older version under another serial; NULL as above. */
struct zone *past_zone(const char *journal, struct zone *current, uint32_t serial, uint32_t new_serial,
    char *why, size_t size);
#endif
