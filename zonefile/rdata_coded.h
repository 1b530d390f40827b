/* rdata_coded.h - what the files of the parser share: texts, and octets written as digits. */
#ifndef ZONEFILE_RDATA_CODED_H
#define ZONEFILE_RDATA_CODED_H

#include <string.h>

#include "zonefile/rdata.h"

struct rdata_parser {
	const struct word *first, *word, *end;
	const uint8_t *origin;
	size_t origin_len;
	uint8_t *out, *at, *limit;
	struct rdata_error *error;
};

/* What is wrong with the word at hand, or at an offset of it; false, for `return`. */
bool rdata_refuse(struct rdata_parser *, size_t offset, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool rdata_refuse_kind(struct rdata_parser *, enum field);
bool rdata_refuse_quoted(struct rdata_parser *, enum field);

static inline void
field_put16(struct rdata_parser *p, unsigned v)
{
	*p->at++ = v >> 8;
	*p->at++ = v;
}

static inline void
field_put32(struct rdata_parser *p, uint32_t v)
{
	v = __builtin_bswap32(v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	memcpy(p->at, &v, 4);
	p->at += 4;
}

/* Of one word, and stays at it. */
bool field_string(struct rdata_parser *);
bool field_text(struct rdata_parser *);
bool field_tag(struct rdata_parser *);
bool field_salt(struct rdata_parser *);
bool field_hash(struct rdata_parser *);
/* Of all words that remain. */
bool field_hex(struct rdata_parser *);
bool field_base64(struct rdata_parser *);
bool field_bitmap(struct rdata_parser *);
bool field_ports(struct rdata_parser *);
#endif
