/* digits.h - octets as text: hexadecimal, base32hex, base64 (RFC 4648). */
#ifndef ZONEFILE_DIGITS_H
#define ZONEFILE_DIGITS_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t hex_digit[256];		/* value of a digit plus one; 0 is no digit */
extern const char hex_text[16 + 1], base32hex_text[32 + 1];

/* Base64 that may come in pieces; zeroed at first. */
struct base64 {
	uint32_t bits;
	unsigned held, pads;	/* digits of the group of four, of them '=' */
};
/* Writes behind *at what is whole, up to len / 4 * 3 + 3 octets.  Returns len, or the place of the first
 * character that cannot stand there. */
size_t base64_add(struct base64 *, uint8_t **at, const char *text, size_t len);
/* All of it at once; its length or -1. */
int base64_read(uint8_t *out, size_t size, const char *text, size_t len);
/* (len + 2) / 3 * 4 characters, without NUL; returns how many. */
size_t base64_print(char *out, const uint8_t *, size_t len);
#endif
