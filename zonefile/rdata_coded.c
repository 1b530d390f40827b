#include "zonefile/rdata_coded.h"

#include <stdlib.h>

#include "zonefile/arena.h"
#include "zonefile/digits.h"
#include "zonefile/name.h"
#include "zonefile/rdata_word.h"

bool
field_string(struct rdata_parser *p)
{
	int len;

	if ((size_t)(p->limit - p->at) < 1)
		return rdata_refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
	if ((len = word_octets(p->word, p->at + 1, 255)) < 0) {
		uint8_t *all = xmalloc(p->word->len + 1);

		len = word_octets(p->word, all, p->word->len);
		free(all);
		if (len < 0)
			return rdata_refuse(p, 0, "%s", name_error_text(NAME_ESCAPE));
		return rdata_refuse(p, 0, "text of %d octets, at most 255 are allowed in one", len);
	}
	*p->at = len;
	p->at += len + 1;
	return p->at <= p->limit || rdata_refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
}

bool
field_text(struct rdata_parser *p)
{
	size_t room = p->limit - p->at;
	int len = word_octets(p->word, p->at, room);

	if (len < 0)
		return rdata_refuse(p, 0, p->word->len > room ? "RDATA above 65535 octets" : "%s",
		    name_error_text(NAME_ESCAPE));
	p->at += len;
	return true;
}

bool
field_tag(struct rdata_parser *p)
{
	const struct word *w = p->word;

	if (w->len == 0 || w->len > 255)
		return rdata_refuse_kind(p, F_TAG);
	*p->at++ = w->len;
	for (uint32_t i = 0; i < w->len; i++) {
		uint8_t c = w->text[i];

		if ((uint8_t)(c - '0') > 9 && (uint8_t)((c | 0x20) - 'a') > 25)
			return rdata_refuse_kind(p, F_TAG);
		*p->at++ = c;
	}
	return true;
}

/* The remaining words as one row of digit pairs. */
bool
field_hex(struct rdata_parser *p)
{
	unsigned high = 0;

	for (; p->word < p->end; p->word++) {
		const uint8_t *s = (const uint8_t *)p->word->text;
		uint32_t i = 0, len = p->word->len;

		if (p->at + (len + (high != 0)) / 2 > p->limit)
			return rdata_refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
		if (p->word->flags & WORD_QUOTED)
			return rdata_refuse_quoted(p, F_HEX);
		for (; high == 0 && i + 1 < len; i += 2) {
			unsigned a = hex_digit[s[i]], b = hex_digit[s[i + 1]];

			if (a == 0 || b == 0)
				break;
			*p->at++ = (a - 1) << 4 | (b - 1);
		}
		for (; i < len; i++) {
			unsigned d = hex_digit[s[i]];

			if (d == 0)
				return rdata_refuse(p, i, "'%c' is not a hexadecimal digit", s[i] > ' ' && s[i] < 127 ? s[i] : '?');
			if (high == 0)
				high = d;
			else {
				*p->at++ = (high - 1) << 4 | (d - 1);
				high = 0;
			}
		}
	}
	if (high != 0) {
		p->word--;
		return rdata_refuse(p, p->word->len - 1, "odd number of hexadecimal digits");
	}
	return true;
}

bool
field_base64(struct rdata_parser *p)
{
	struct base64 b = { 0, 0, 0 };

	for (; p->word < p->end; p->word++) {
		const struct word *w = p->word;
		size_t n;

		if (p->at + w->len / 4 * 3 > p->limit)
			return rdata_refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
		if (w->flags & WORD_QUOTED)
			return rdata_refuse_quoted(p, F_BASE64);
		if ((n = base64_add(&b, &p->at, w->text, w->len)) < w->len)
			return rdata_refuse(p, n, b.held == 4 ? "base64 data has bits behind its end" :
			    "'%c' is not a base64 digit here", w->text[n] > ' ' && w->text[n] < 127 ? w->text[n] : '?');
	}
	if (b.held > 0) {
		p->word--;
		return rdata_refuse(p, 0, "base64 data is not a multiple of four digits");
	}
	return p->at <= p->limit || rdata_refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
}

bool
field_salt(struct rdata_parser *p)
{
	const struct word *w = p->word;
	uint8_t *at = p->at++;

	*at = 0;
	if (w->len == 1 && *w->text == '-')
		return true;
	if (w->len == 0 || w->len % 2 != 0 || w->len > 510)
		return rdata_refuse_kind(p, F_SALT);
	for (uint32_t i = 0; i < w->len; i += 2) {
		unsigned a = hex_digit[(uint8_t)w->text[i]], b = hex_digit[(uint8_t)w->text[i + 1]];

		if (a == 0 || b == 0)
			return rdata_refuse_kind(p, F_SALT);
		*p->at++ = (a - 1) << 4 | (b - 1);
	}
	*at = w->len / 2;
	return true;
}

/* Base32 with the extended hex alphabet, without padding (RFC 5155 3.3). */
bool
field_hash(struct rdata_parser *p)
{
	const struct word *w = p->word;
	uint8_t *at = p->at++;
	uint32_t bits = 0, left = 0;

	if (w->len == 0 || w->len > 408)
		return rdata_refuse_kind(p, F_HASH);
	for (uint32_t i = 0; i < w->len; i++) {
		uint8_t c = w->text[i];
		unsigned d = (uint8_t)(c - '0') <= 9 ? c - 48u : (c | 32u) - 97u + 10;

		if (d > 31)
			return rdata_refuse_kind(p, F_HASH);
		bits = bits << 5 | d;
		if ((left += 5) >= 8) {
			left -= 8;
			*p->at++ = bits >> left;
		}
	}
	if (left >= 5 || (bits & ((1u << left) - 1)) != 0)
		return rdata_refuse_kind(p, F_HASH);
	*at = p->at - at - 1;
	return true;
}

bool
field_bitmap(struct rdata_parser *p)
{
	uint8_t map[256][32], used[256] = { 0 };	/* octets of each window */

	for (; p->word < p->end; p->word++) {
		uint16_t type;

		if (!rrtype_parse(p->word->text, p->word->len, &type))
			return rdata_refuse_kind(p, F_TYPE);
		if (used[type >> 8] == 0)
			memset(map[type >> 8], 0, 32);
		map[type >> 8][(type & 255) / 8] |= 0x80 >> (type & 7);
		if ((type & 255) / 8 >= used[type >> 8])
			used[type >> 8] = (type & 255) / 8 + 1;
	}
	for (unsigned w = 0; w < 256; w++)
		if (used[w] > 0) {
			*p->at++ = w;
			*p->at++ = used[w];
			memcpy(p->at, map[w], used[w]);
			p->at += used[w];
		}
	return true;
}

bool
field_ports(struct rdata_parser *p)
{
	uint8_t *map = p->at + 1;
	unsigned octets = 0;
	uint64_t v;

	if (!word_mnemonic(p->word, rdata_protocols, UINT8_MAX, &v))
		return rdata_refuse_kind(p, F_PORTS);
	*p->at = v;
	memset(map, 0, 65536 / 8);
	for (p->word++; p->word < p->end; p->word++) {
		if (!word_mnemonic(p->word, rdata_services, UINT16_MAX, &v))
			return rdata_refuse(p, 0, "this is not the number of a port, or the name of a well-known one");
		map[v / 8] |= 0x80 >> v % 8;
		if (v / 8 >= octets)
			octets = v / 8 + 1;
	}
	p->at = map + octets;
	return true;
}
