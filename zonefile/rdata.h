/* rdata.h - fields of text to RDATA and back, driven by the table of types. */
#ifndef ZONEFILE_RDATA_H
#define ZONEFILE_RDATA_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "zonefile/rrtype.h"

#define RDATA_MAX 65535

/* Is this RDATA of the type well formed, names uncompressed?  Types outside of the
 * table: any octets.  For what comes from the wire, journals and other programs. */
bool rdata_valid(uint16_t type, const uint8_t *rdata, size_t len);

/* Presentation form, names absolute, no newline, NUL at the end; in the RFC 3597 form when type is unknown.
 * Returns its length, which is >= size when it did not fit (nothing useful in out then). */
size_t rdata_print(char *out, size_t size, uint16_t type,
    const uint8_t *rdata, size_t len);

/* Step through RDATA field by field: kind and octets of each.  Returns false at the end.  The RDATA is valid. */
struct rdata_walk { const uint8_t *layout, *at, *end; };
void rdata_walk(struct rdata_walk *, uint16_t type, const uint8_t *rdata, size_t len);
bool rdata_next(struct rdata_walk *, enum field *kind, const uint8_t **at, size_t *len);

/* Canonical order within an RRset (RFC 4034 6.3): names in RDATA of the types of RFC 4034 6.2 in lower case. */
int rdata_cmp(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen);
#endif
