/* rdata_rare.h - fields of types that are hardly met, each with a syntax of its own. */
#ifndef ZONEFILE_RDATA_RARE_H
#define ZONEFILE_RDATA_RARE_H

#include "zonefile/rrtype.h"
#include "zonefile/scan.h"

/* For F_LOC, F_APL, F_ATMA, F_NSAP and F_NXTMAP, which go to the end of the RDATA. */

/* The words to octets.  Returns the length, or -1 with *bad one of the words, or behind them, and a
 * sentence that stays. */
int rare_parse(enum field, uint8_t *out, size_t size, const struct word *, size_t count,
    size_t *bad, const char **why);
bool rare_valid(enum field, const uint8_t *, size_t len);
/* Is there a text that reads back the same?  Else it is for RFC 3597. */
bool rare_has_text(enum field, const uint8_t *, size_t len);

/* Without NUL; returns the length, at most RARE_TEXT_FOR(len). */
#define RARE_TEXT_FOR(len) (64 * (len) + 128)
size_t rare_print(char *out, enum field, const uint8_t *, size_t len);
#endif
