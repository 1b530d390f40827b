/* rdata_word.h - a word of RDATA's text to a number, an address, a time. */
#ifndef ZONEFILE_RDATA_WORD_H
#define ZONEFILE_RDATA_WORD_H

#include "zonefile/rdata_fields.h"
#include "zonefile/scan.h"

/* Decimal digits, ten at most, up to max. */
static inline bool
word_number(const struct word *word, uint64_t max, uint64_t *v)
{
	uint64_t n = 0;

	if (word->len - 1 > 9)
		return false;
	for (uint32_t i = 0; i < word->len; i++) {
		unsigned d = (uint8_t)word->text[i] - '0';

		if (d > 9)
			return false;
		n = n * 10 + d;
	}
	*v = n;
	return n <= max;
}

bool word_u64(const struct word *, uint64_t *);
/* A number up to max, or a word of the list in any case. */
bool word_mnemonic(const struct word *, const struct mnemonic *list, uint64_t max, uint64_t *);
/* A number, or mnemonics of KEY's flags with | between them (RFC 2535 7.1). */
bool word_flags(const struct word *, uint64_t *);

/* Decimal octets up to 255 with dots between them, no leading zero: 010 is 8 to some readers. */
bool text_ipv4(const char *, size_t len, uint8_t out[4]);
bool text_ipv6(const char *, size_t len, uint8_t out[16]);
/* Four groups of one to four hexadecimal digits, colons between them. */
bool text_id64(const char *, size_t len, uint8_t out[8]);
/* YYYYMMDDHHMMSS to seconds modulo 2^32 (RFC 4034 3.1.5). */
bool text_date(const char *, uint32_t *seconds);
#endif
