/* rdata.h - fields of text to RDATA and back, driven by the table of types. */
#ifndef ZONEFILE_RDATA_H
#define ZONEFILE_RDATA_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "zonefile/rrtype.h"
#include "zonefile/scan.h"

#define RDATA_MAX 65535
#define RDATA_ROOM (RDATA_MAX + 513)	/* of a buffer to write one into: names are written before they are measured */

struct rdata_error {
	size_t word, offset;		/* what is wrong; word == count: the record ends too early */
	char text[256];
};

/* The words behind the type to RDATA, relative names completed by origin; also in the form of RFC 3597 5.
 * Returns the length, or -1 with what is wrong. */
int rdata_parse(uint8_t out[RDATA_ROOM], uint16_t type, const struct word *, size_t count,
    const uint8_t *origin, struct rdata_error *);
/* The same from one text, as a database or an operator's line holds it. */
int rdata_from_text(uint8_t out[RDATA_ROOM], uint16_t type, const char *text, size_t len,
    const uint8_t *origin, struct rdata_error *);

/* Is this RDATA of the type well formed, names uncompressed?  Types outside of the
 * table: any octets.  For what comes from the wire, journals and other programs. */
bool rdata_valid(uint16_t type, const uint8_t *rdata, size_t len);

/* Presentation form, names below origin relative to it, where rdata_parse() completes them to what they were; NULL: all
 * absolute.  No newline, NUL at the end; in the RFC 3597 form when type is unknown.  Returns its length, which is >= size
 * when it did not fit (nothing useful in out then). */
size_t rdata_print(char *out, size_t size, uint16_t type,
    const uint8_t *rdata, size_t len, const uint8_t *origin);

/* Step through RDATA field by field: kind and octets of each.  Returns false at the end.  The RDATA is valid. */
struct rdata_walk { const uint8_t *layout, *at, *end; };
void rdata_walk(struct rdata_walk *, uint16_t type, const uint8_t *rdata, size_t len);
bool rdata_next(struct rdata_walk *, enum field *kind, const uint8_t **at, size_t *len);

/* Canonical order within an RRset (RFC 4034 6.3): names in RDATA of the types of RFC 4034 6.2 in lower case. */
int rdata_cmp(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen);
#endif
