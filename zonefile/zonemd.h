/* zonemd.h - the digest of a zone (RFC 8976). */
#ifndef ZONEFILE_ZONEMD_H
#define ZONEFILE_ZONEMD_H

#include <stddef.h>

#include "zonefile/zone.h"

enum zonemd {
	ZONEMD_NONE,		/* there is no ZONEMD record */
	ZONEMD_UNKNOWN,		/* none with this serial, a scheme and a hash that are known */
	ZONEMD_RIGHT, ZONEMD_WRONG,
};

/* What its ZONEMD records say of the zone: one that is right is enough (RFC 8976 4). */
enum zonemd zonemd_verify(const struct zone *);

/* The digest by scheme SIMPLE: hash 1 is SHA-384, 2 SHA-512.  Returns its length, 0 for other hashes. */
#define ZONEMD_MAX 64
size_t zonemd_digest(const struct zone *, uint8_t hash, uint8_t out[ZONEMD_MAX]);
#endif
