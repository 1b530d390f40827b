/* nsec3hash.h - hashed owner names of NSEC3 (RFC 5155 5). */
#ifndef ZONEFILE_NSEC3HASH_H
#define ZONEFILE_NSEC3HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zonefile/zone.h"

#define NSEC3_HASH 20		/* octets of SHA-1 */
#define NSEC3_TEXT 32		/* the same in base32hex, without NUL */

/* Any thread; what it needs is allocated at a thread's first call and freed with the thread. */
void nsec3_hash(const struct nsec3_params *, const uint8_t *name_lower,
    uint8_t out[NSEC3_HASH]);

/* Base32 with the extended hex alphabet, no padding (RFC 4648 7), in lower case; no NUL.
 * Returns the digits written: (len * 8 + 4) / 5. */
size_t base32hex_encode(char *out, const uint8_t *, size_t len);
/* Either case.  Returns the octets written, (len * 5) / 8, or -1 for what is no base32hex. */
int base32hex_decode(uint8_t *out, const char *text, size_t len);
#endif
