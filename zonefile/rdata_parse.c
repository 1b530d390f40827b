#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "zonefile/arena.h"
#include "zonefile/digits.h"
#include "zonefile/name.h"
#include "zonefile/rdata.h"
#include "zonefile/rdata_fields.h"
#include "zonefile/rdata_ldns.h"
#include "zonefile/rdata_rare.h"
#include "zonefile/svcb.h"

/* What a field of each kind is called in a message. */
static const char *const kind_text[] = {
	[F_CNAME] = "a name", [F_NAME] = "a name", [F_U8] = "a number up to 255",
	[F_U16] = "a number up to 65535", [F_U32] = "a number up to 4294967295",
	[F_U64] = "a number up to 18446744073709551615",
	[F_PERIOD] = "a time like 3600 or 1h30m, at most 4294967295 seconds",
	[F_TIME] = "a date YYYYMMDDHHMMSS or seconds since 1970", [F_IPV4] = "an IPv4 address",
	[F_IPV6] = "an IPv6 address", [F_TYPE] = "a record type",
	[F_ALG] = "a DNSSEC algorithm, by number or mnemonic", [F_STRING] = "a text",
	[F_DIGEST] = "a type of digest, by number or mnemonic", [F_PROTOCOL] = "a protocol, by number or mnemonic",
	[F_FLAGS] = "a number up to 65535, or flags by mnemonic",
	[F_CERT] = "a certificate type, by number or mnemonic",
	[F_STRINGS] = "a text", [F_TEXT] = "a text", [F_TAG] = "a tag of letters and digits",
	[F_HEX] = "hexadecimal digits in pairs", [F_BASE64] = "base64 data",
	[F_SALT] = "a salt in hexadecimal digits, or -", [F_HASH] = "a hash in base32hex",
	[F_BITMAP] = "record types",
	[F_SVCPARAMS] = "a service parameter",
	[F_GATEWAY] = "a gateway: . or IPv4 or IPv6 address or name, as the second number says",
	[F_KEY] = "base64 data",
	[F_PORTS] = "a protocol: TCP, UDP or a number",
	[F_NAMES] = "a name",
	[F_RELAY_TYPE] = "0 or 1, and then the type of the relay, 0 to 3",
	[F_RELAY] = "a relay: . or IPv4 or IPv6 address or name, as the third number says",
	[F_HIT] = "an algorithm by number, then a tag in hexadecimal digits, then a key in base64",
	[F_A6] = "the length of a prefix, 0 to 128", [F_A6_NAME] = "the name of the prefix",
	[F_SCHEME] = "NOTIFY or the number of a scheme",
	[F_DATA] = "base64 data, or -",
	[F_OPAQUE] = "\\# (RFC 3597)",
	[F_LOC] = "a latitude", [F_ATMA] = "an ATM address", [F_NSAP] = "an NSAP address",
};

struct parser {
	const struct word *first, *word, *end;
	const uint8_t *origin;
	size_t origin_len;
	uint8_t *out, *at, *limit;
	struct rdata_error *error;
};

static bool __attribute__((format(printf, 3, 4), noinline, cold))
refuse(struct parser *p, size_t offset, const char *fmt, ...)
{
	va_list ap;

	p->error->word = p->word - p->first;
	p->error->offset = offset;
	va_start(ap, fmt);
	vsnprintf(p->error->text, sizeof(p->error->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool __attribute__((noinline, cold))
refuse_kind(struct parser *p, enum field kind)
{
	char shown[WORD_SHOW];

	return refuse(p, 0, "%s is not %s", word_show(shown, p->word), kind_text[kind]);
}

static bool __attribute__((noinline, cold))
refuse_quoted(struct parser *p, enum field kind)
{
	char shown[WORD_SHOW];

	return refuse(p, 0, "%s stands in quotes where %s is needed", word_show(shown, p->word), kind_text[kind]);
}

static inline void
put16(struct parser *p, unsigned v)
{
	*p->at++ = v >> 8;
	*p->at++ = v;
}

static inline void
put32(struct parser *p, uint32_t v)
{
	v = __builtin_bswap32(v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	memcpy(p->at, &v, 4);
	p->at += 4;
}

static inline bool
number(const struct word *word, uint64_t max, uint64_t *v)
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

static bool
parse_u64(struct parser *p)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < p->word->len; i++) {
		unsigned d = (uint8_t)p->word->text[i] - '0';

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return refuse_kind(p, F_U64);
		v = v * 10 + d;
	}
	if (p->word->len == 0)
		return refuse_kind(p, F_U64);
	put32(p, v >> 32);
	put32(p, v);
	return true;
}

static bool __attribute__((noinline, cold))
refuse_name(struct parser *p, int error)
{
	size_t at, octets;

	if (error == NAME_LABEL_LONG) {
		at = name_long_label(p->word->text, p->word->len, &octets);
		return refuse(p, at, "label of %zu octets, at most %d are allowed", octets, DLABEL_MAX);
	}
	return refuse(p, 0, "%s", name_error_text(error));
}

static inline bool
parse_name(struct parser *p)
{
	int len = name_parse_wide(p->at, p->word->text, p->word->len, p->origin, p->origin_len);

	if (len < 0)
		return refuse_name(p, len);
	p->at += len;
	return true;
}

/* Decimal octets up to 255 with dots between them, no leading zero: 010 is 8 to some readers. */
static bool
parse_ipv4(const char *s, size_t len, uint8_t *out)
{
	const char *end = s + len;

	for (unsigned i = 0; i < 4; i++) {
		const char *digits = s;
		unsigned v = 0;

		for (; s < end && (uint8_t)(*s - '0') <= 9 && s - digits < 3; s++)
			v = v * 10 + (*s - '0');
		if (s == digits || v > 255 || (*digits == '0' && s - digits > 1))
			return false;
		out[i] = v;
		if (i < 3 && (s == end || *s++ != '.'))
			return false;
	}
	return s == end;
}

static bool
parse_ipv6(const char *s, size_t len, uint8_t *out)
{
	const char *end = s + len;
	unsigned groups = 0, gap = 9;
	uint16_t group[8];

	if (len >= 2 && s[0] == ':' && s[1] == ':') {
		gap = 0;
		s += 2;
	}
	while (s < end) {
		const char *digits = s;
		unsigned v = 0;

		if (groups == 8)
			return false;
		for (; s < end && hex_digit[(uint8_t)*s] != 0 && s - digits < 4; s++)
			v = v << 4 | (hex_digit[(uint8_t)*s] - 1);
		if (s == digits)
			return false;
		if (s < end && *s == '.') {
			uint8_t four[4];

			if (groups > 6 || !parse_ipv4(digits, end - digits, four))
				return false;
			group[groups++] = four[0] << 8 | four[1];
			group[groups++] = four[2] << 8 | four[3];
			break;
		}
		group[groups++] = v;
		if (s == end)
			break;
		if (*s++ != ':' || s == end)
			return false;
		if (*s == ':') {
			if (gap <= 8)
				return false;
			gap = groups;
			s++;
		}
	}
	if (gap > 8 ? groups != 8 : groups > 7)
		return false;
	for (unsigned i = 0, from = 0; i < 8; i++) {
		unsigned v = 0;

		if (i < gap || i >= gap + 8 - groups)
			v = group[from++];
		out[2 * i] = v >> 8;
		out[2 * i + 1] = v;
	}
	return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t
days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* YYYYMMDDHHMMSS to seconds modulo 2^32 (RFC 4034 3.1.5). */
static bool
parse_date(const char *s, uint32_t *seconds)
{
	static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned v[7] = { 0 };		/* century, year, month, day, hour, minute, second */

	for (unsigned i = 0; i < 14; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v[i / 2] = v[i / 2] * 10 + (s[i] - '0');
	}
	if (v[2] < 1 || v[2] > 12 || v[3] < 1 || v[3] > days[v[2] - 1] || v[4] > 23 || v[5] > 59 || v[6] > 59)
		return false;
	*seconds = days_of(v[0] * 100 + v[1], v[2], v[3]) * 86400 + v[4] * 3600 + v[5] * 60 + v[6];
	return true;
}

/* A number up to max, or a word of the list. */
static bool
parse_mnemonic(const struct word *word, const struct mnemonic *list, uint64_t max, uint64_t *v)
{
	if (number(word, max, v))
		return true;
	for (; list->name != NULL; list++)
		if (word->len == strlen(list->name) && strncasecmp(word->text, list->name, word->len) == 0) {
			*v = list->number;
			return true;
		}
	return false;
}

static bool
parse_flags(const struct word *word, uint64_t *v)
{
	const char *at = word->text, *end = at + word->len;

	if (number(word, UINT16_MAX, v))
		return true;
	for (*v = 0; at <= end;) {
		const char *bar = memchr(at, '|', end - at);
		struct word one = { .text = at, .len = (bar != NULL ? bar : end) - at };
		uint64_t flag;

		if (!parse_mnemonic(&one, rdata_key_flags, 0, &flag))
			return false;
		*v |= flag;
		at += one.len + 1;
	}
	return true;
}

static bool
parse_string(struct parser *p)
{
	int len;

	if ((size_t)(p->limit - p->at) < 1)
		return refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
	if ((len = word_octets(p->word, p->at + 1, 255)) < 0) {
		uint8_t *all = xmalloc(p->word->len + 1);

		len = word_octets(p->word, all, p->word->len);
		free(all);
		if (len < 0)
			return refuse(p, 0, "%s", name_error_text(NAME_ESCAPE));
		return refuse(p, 0, "text of %d octets, at most 255 are allowed in one", len);
	}
	*p->at = len;
	p->at += len + 1;
	return p->at <= p->limit || refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
}

static bool
parse_text(struct parser *p)
{
	size_t room = p->limit - p->at;
	int len = word_octets(p->word, p->at, room);

	if (len < 0)
		return refuse(p, 0, p->word->len > room ? "RDATA above 65535 octets" : "%s",
		    name_error_text(NAME_ESCAPE));
	p->at += len;
	return true;
}

static bool
parse_tag(struct parser *p)
{
	const struct word *w = p->word;

	if (w->len == 0 || w->len > 255)
		return refuse_kind(p, F_TAG);
	*p->at++ = w->len;
	for (uint32_t i = 0; i < w->len; i++) {
		uint8_t c = w->text[i];

		if ((uint8_t)(c - '0') > 9 && (uint8_t)((c | 0x20) - 'a') > 25)
			return refuse_kind(p, F_TAG);
		*p->at++ = c;
	}
	return true;
}

/* The remaining words as one row of digit pairs. */
static bool
parse_hex(struct parser *p)
{
	unsigned high = 0;

	for (; p->word < p->end; p->word++) {
		const uint8_t *s = (const uint8_t *)p->word->text;
		uint32_t i = 0, len = p->word->len;

		if (p->at + (len + (high != 0)) / 2 > p->limit)
			return refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
		if (p->word->flags & WORD_QUOTED)
			return refuse_quoted(p, F_HEX);
		for (; high == 0 && i + 1 < len; i += 2) {
			unsigned a = hex_digit[s[i]], b = hex_digit[s[i + 1]];

			if (a == 0 || b == 0)
				break;
			*p->at++ = (a - 1) << 4 | (b - 1);
		}
		for (; i < len; i++) {
			unsigned d = hex_digit[s[i]];

			if (d == 0)
				return refuse(p, i, "'%c' is not a hexadecimal digit", s[i] > ' ' && s[i] < 127 ? s[i] : '?');
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
		return refuse(p, p->word->len - 1, "odd number of hexadecimal digits");
	}
	return true;
}

static bool
parse_base64(struct parser *p)
{
	struct base64 b = { 0, 0, 0 };

	for (; p->word < p->end; p->word++) {
		const struct word *w = p->word;
		size_t n;

		if (p->at + w->len / 4 * 3 > p->limit)
			return refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
		if (w->flags & WORD_QUOTED)
			return refuse_quoted(p, F_BASE64);
		if ((n = base64_add(&b, &p->at, w->text, w->len)) < w->len)
			return refuse(p, n, b.held == 4 ? "base64 data has bits behind its end" :
			    "'%c' is not a base64 digit here", w->text[n] > ' ' && w->text[n] < 127 ? w->text[n] : '?');
	}
	if (b.held > 0) {
		p->word--;
		return refuse(p, 0, "base64 data is not a multiple of four digits");
	}
	return p->at <= p->limit || refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
}

static bool
parse_salt(struct parser *p)
{
	const struct word *w = p->word;
	uint8_t *at = p->at++;

	*at = 0;
	if (w->len == 1 && *w->text == '-')
		return true;
	if (w->len == 0 || w->len % 2 != 0 || w->len > 510)
		return refuse_kind(p, F_SALT);
	for (uint32_t i = 0; i < w->len; i += 2) {
		unsigned a = hex_digit[(uint8_t)w->text[i]], b = hex_digit[(uint8_t)w->text[i + 1]];

		if (a == 0 || b == 0)
			return refuse_kind(p, F_SALT);
		*p->at++ = (a - 1) << 4 | (b - 1);
	}
	*at = w->len / 2;
	return true;
}

/* Base32 with the extended hex alphabet, without padding (RFC 5155 3.3). */
static bool
parse_hash(struct parser *p)
{
	const struct word *w = p->word;
	uint8_t *at = p->at++;
	uint32_t bits = 0, left = 0;

	if (w->len == 0 || w->len > 408)
		return refuse_kind(p, F_HASH);
	for (uint32_t i = 0; i < w->len; i++) {
		uint8_t c = w->text[i];
		unsigned d = (uint8_t)(c - '0') <= 9 ? c - 48u : (c | 32u) - 97u + 10;

		if (d > 31)
			return refuse_kind(p, F_HASH);
		bits = bits << 5 | d;
		if ((left += 5) >= 8) {
			left -= 8;
			*p->at++ = bits >> left;
		}
	}
	if (left >= 5 || (bits & ((1u << left) - 1)) != 0)
		return refuse_kind(p, F_HASH);
	*at = p->at - at - 1;
	return true;
}

static bool
parse_bitmap(struct parser *p)
{
	uint8_t map[256][32], used[256] = { 0 };	/* octets of each window */

	for (; p->word < p->end; p->word++) {
		uint16_t type;

		if (!rrtype_parse(p->word->text, p->word->len, &type))
			return refuse_kind(p, F_TYPE);
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

static bool
parse_ports(struct parser *p)
{
	uint8_t *map = p->at + 1;
	unsigned octets = 0;
	uint64_t v;

	if (!parse_mnemonic(p->word, rdata_protocols, UINT8_MAX, &v))
		return refuse_kind(p, F_PORTS);
	*p->at = v;
	memset(map, 0, 65536 / 8);
	for (p->word++; p->word < p->end; p->word++) {
		if (!parse_mnemonic(p->word, rdata_services, UINT16_MAX, &v))
			return refuse(p, 0, "this is not the number of a port, or the name of a well-known one");
		map[v / 8] |= 0x80 >> v % 8;
		if (v / 8 >= octets)
			octets = v / 8 + 1;
	}
	p->at = map + octets;
	return true;
}

static bool
parse_params(struct parser *p)
{
	const struct word *bad;
	int len = svcb_parse(p->at, p->limit - p->at, p->word, p->end - p->word, &bad,
	    p->error->text, sizeof(p->error->text));

	if (len < 0) {
		p->error->word = bad - p->first;
		p->error->offset = 0;
		return false;
	}
	p->at += len;
	p->word = p->end;
	return true;
}

/* Of what the octets before it say. */
static bool
parse_gateway(struct parser *p, unsigned type)
{
	const struct word *w = p->word;

	switch (type) {
	case 0:
		return (w->len == 1 && *w->text == '.') || refuse_kind(p, F_GATEWAY);
	case 1:
		if (!parse_ipv4(w->text, w->len, p->at))
			return refuse_kind(p, F_IPV4);
		p->at += 4;
		return true;
	case 2:
		if (!parse_ipv6(w->text, w->len, p->at))
			return refuse_kind(p, F_IPV6);
		p->at += 16;
		return true;
	case 3:
		return parse_name(p);
	}
	return refuse(p, 0, "gateways are of type 0 to 3, and not %u", type);
}

/* Stays at the second of the two words. */
static bool
parse_relay_type(struct parser *p)
{
	uint64_t discovery, type;

	if (!number(p->word, 1, &discovery))
		return refuse_kind(p, F_RELAY_TYPE);
	if (++p->word == p->end || !number(p->word, 3, &type))
		return refuse(p, 0, "the type of a relay is 0 to 3");
	*p->at++ = discovery << 7 | type;
	return true;
}

/* Stays at the last of the three words. */
static bool
parse_hit(struct parser *p)
{
	uint8_t *head = p->at, *tag = p->at + 4;
	const struct word *end = p->end;
	uint64_t algorithm;
	bool good;

	if (!number(p->word, UINT8_MAX, &algorithm) || end - p->word < 3)
		return refuse_kind(p, F_HIT);
	p->at = tag;
	p->end = ++p->word + 1;
	good = parse_hex(p);
	p->end = end;
	if (!good)
		return false;
	head[0] = p->at - tag;
	if (p->at == tag || p->at - tag > UINT8_MAX) {
		p->word--;
		return refuse(p, 0, "a tag has 1 to 255 octets");
	}
	head[1] = algorithm;
	p->end = p->word + 1;
	good = parse_base64(p);
	p->end = end;
	if (!good)
		return false;
	p->word--;
	head[2] = (p->at - tag - head[0]) >> 8;
	head[3] = p->at - tag - head[0];
	return p->at > tag + head[0] || refuse_kind(p, F_BASE64);
}

/* Stays at the last word. */
static bool
parse_a6(struct parser *p)
{
	uint8_t address[16];
	uint64_t bits;

	if (!number(p->word, 128, &bits))
		return refuse_kind(p, F_A6);
	*p->at++ = bits;
	if (bits == 128)
		return true;
	if (p->word + 1 == p->end) {
		p->word++;
		return refuse(p, 0, "A6 record ends where it needs an IPv6 address");
	}
	p->word++;
	if (!parse_ipv6(p->word->text, p->word->len, address))
		return refuse_kind(p, F_IPV6);
	address[bits / 8] &= 0xff >> bits % 8;
	memcpy(p->at, address + bits / 8, 16 - bits / 8);
	p->at += 16 - bits / 8;
	return true;
}

static bool
parse_special(struct parser *p, enum field kind)
{
	const char *why;
	size_t bad;
	int len = rare_parse(kind, p->at, p->limit - p->at, p->word, p->end - p->word, &bad, &why);

	if (len < 0) {
		p->word += bad;
		return refuse(p, 0, "%s", why);
	}
	p->at += len;
	p->word = p->end;
	return true;
}

/* One field from the word, or from all that remain. */
static inline bool
parse_field(struct parser *p, enum field kind)
{
	uint64_t v;
	uint32_t seconds;
	uint16_t type;

	if ((p->word->flags & WORD_QUOTED) && kind != F_STRING && kind != F_STRINGS && kind != F_TEXT)
		return refuse_quoted(p, kind);
	switch (kind) {
	case F_CNAME:
	case F_NAME:
		if (!parse_name(p))
			return false;
		break;
	case F_U8:
		if (!number(p->word, UINT8_MAX, &v))
			return refuse_kind(p, kind);
		*p->at++ = v;
		break;
	case F_U16:
		if (!number(p->word, UINT16_MAX, &v))
			return refuse_kind(p, kind);
		put16(p, v);
		break;
	case F_U32:
		if (!number(p->word, UINT32_MAX, &v))
			return refuse_kind(p, kind);
		put32(p, v);
		break;
	case F_U64:
		if (!parse_u64(p))
			return false;
		break;
	case F_PERIOD:
		if (!word_period(p->word, &v) || v > UINT32_MAX)
			return refuse_kind(p, kind);
		put32(p, v);
		break;
	case F_TIME:
		if (p->word->len == 14 ? !parse_date(p->word->text, &seconds) :
		    !number(p->word, UINT32_MAX, &v))
			return refuse_kind(p, kind);
		put32(p, p->word->len == 14 ? seconds : v);
		break;
	case F_IPV4:
		if (!parse_ipv4(p->word->text, p->word->len, p->at))
			return refuse_kind(p, kind);
		p->at += 4;
		break;
	case F_IPV6:
		if (!parse_ipv6(p->word->text, p->word->len, p->at))
			return refuse_kind(p, kind);
		p->at += 16;
		break;
	case F_TYPE:
		if (number(p->word, UINT16_MAX, &v))
			type = v;
		else if (!rrtype_parse(p->word->text, p->word->len, &type))
			return refuse_kind(p, kind);
		put16(p, type);
		break;
	case F_DIGEST:
		if (!parse_mnemonic(p->word, rdata_digests, UINT8_MAX, &v))
			return refuse_kind(p, kind);
		*p->at++ = v;
		break;
	case F_PROTOCOL:
		if (!parse_mnemonic(p->word, rdata_key_protocols, UINT8_MAX, &v))
			return refuse_kind(p, kind);
		*p->at++ = v;
		break;
	case F_FLAGS:
		if (!parse_flags(p->word, &v))
			return refuse_kind(p, kind);
		put16(p, v);
		break;
	case F_ALG:
		if (!parse_mnemonic(p->word, rdata_algorithms, UINT8_MAX, &v))
			return refuse_kind(p, kind);
		*p->at++ = v;
		break;
	case F_CERT:
		if (!parse_mnemonic(p->word, rdata_certificates, UINT16_MAX, &v))
			return refuse_kind(p, kind);
		put16(p, v);
		break;
	case F_STRING:
		if (!parse_string(p))
			return false;
		break;
	case F_STRINGS:
		for (; p->word < p->end; p->word++)
			if (!parse_string(p))
				return false;
		return true;
	case F_TEXT:
		if (!parse_text(p))
			return false;
		break;
	case F_TAG:
		if (!parse_tag(p))
			return false;
		break;
	case F_HEX:
		return parse_hex(p);
	case F_DATA:
		if (p->word->len == 1 && *p->word->text == '-')
			break;
		return parse_base64(p);
	case F_BASE64:
	case F_KEY:
		return parse_base64(p);
	case F_SALT:
		if (!parse_salt(p))
			return false;
		break;
	case F_HASH:
		if (!parse_hash(p))
			return false;
		break;
	case F_BITMAP:
		return parse_bitmap(p);
	case F_SVCPARAMS:
		return parse_params(p);
	case F_PORTS:
		return parse_ports(p);
	case F_GATEWAY:
		if (!parse_gateway(p, p->at[-2]))
			return false;
		break;
	case F_RELAY:
		if (!parse_gateway(p, p->at[-1] & 0x7f))
			return false;
		break;
	case F_RELAY_TYPE:
		if (!parse_relay_type(p))
			return false;
		break;
	case F_HIT:
		if (!parse_hit(p))
			return false;
		break;
	case F_A6:
		if (!parse_a6(p))
			return false;
		break;
	case F_A6_NAME:
		if (p->out[0] == 0)
			return refuse(p, 0, "a prefix of length 0 has no name");
		if (!parse_name(p))
			return false;
		break;
	case F_NAMES:
		for (; p->word < p->end; p->word++) {
			if (!parse_name(p))
				return false;
			if (p->at > p->limit)
				return refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
		}
		return true;
	case F_SCHEME:
		if (!parse_mnemonic(p->word, rdata_schemes, UINT8_MAX, &v))
			return refuse_kind(p, kind);
		*p->at++ = v;
		break;
	case F_LOC:
	case F_APL:
	case F_ATMA:
	case F_NSAP:
	case F_NXTMAP:
		return parse_special(p, kind);
	case F_OPAQUE:
		return refuse(p, 0, "the type has no text but that of RFC 3597: \\# LENGTH HEX");
	case F_END:
		break;
	}
	p->word++;
	return true;
}

/* \# LENGTH HEX (RFC 3597 5). */
static bool
parse_generic(struct parser *p, uint16_t type, const uint8_t *out)
{
	char shown[RRTYPE_TEXT_MAX];
	uint64_t len;

	if (++p->word == p->end)
		return refuse(p, 0, "the length of the RDATA is missing behind \\#");
	if (!number(p->word, RDATA_MAX, &len))
		return refuse_kind(p, F_U16);
	p->word++;
	if (!parse_hex(p))
		return false;
	p->word = p->first + 1;
	if ((uint64_t)(p->at - out) != len)
		return refuse(p, 0, "RDATA has %td octets and not %" PRIu64, p->at - out, len);
	p->word = p->first;
	return rdata_valid(type, out, len) ||
	    refuse(p, 0, "this is not RDATA of type %s", rrtype_print(shown, type));
}

/* The words as one line for ldns. */
static bool
parse_rare(struct parser *p, uint16_t type)
{
	size_t size = 1, at = 0;
	const char *why = "";
	char *text;
	int len;

	for (const struct word *w = p->word; w < p->end; w++)
		size += w->len + 3;
	text = xmalloc(size);
	for (const struct word *w = p->word; w < p->end; w++) {
		if (w > p->word && (w->flags & WORD_JOINED) == 0)
			text[at++] = ' ';
		if (w->flags & WORD_QUOTED)
			text[at++] = '"';
		memcpy(text + at, w->text, w->len);
		at += w->len;
		if (w->flags & WORD_QUOTED)
			text[at++] = '"';
	}
	text[at] = '\0';
	len = memchr(text, '\0', at) != NULL ? -1 :
	    rdata_ldns_parse(p->at, p->limit - p->at, type, text, p->origin, &why);
	free(text);
	if (len < 0) {
		char shown[RRTYPE_TEXT_MAX];

		return refuse(p, 0, "this is not RDATA of type %s: %s", rrtype_print(shown, type), why);
	}
	p->at += len;
	return true;
}

static bool
may_be_none(enum field kind, const uint8_t *out)
{
	return kind == F_BITMAP || kind == F_SVCPARAMS || kind == F_KEY || kind == F_NAMES || kind == F_APL ||
	    kind == F_NXTMAP || (kind == F_A6_NAME && *out == 0);
}

int
rdata_parse(uint8_t out[RDATA_ROOM], uint16_t type, const struct word *word, size_t count,
    const uint8_t *origin, struct rdata_error *error)
{
	struct parser p = { word, word, word + count, origin, name_len(origin), out, out, out + RDATA_MAX, error };
	const struct rrtype *row = rrtype_by_code(type);
	char shown[WORD_SHOW];
	const char *fault;

	if (count > 0 && word->len == 2 && memcmp(word->text, "\\#", 2) == 0 &&
	    (word->flags & WORD_QUOTED) == 0)
		return parse_generic(&p, type, out) ? p.at - out : -1;
	if (row == NULL) {
		refuse(&p, 0, "RDATA of an unknown type must begin with \\# (RFC 3597)");
		return -1;
	}
	if (row->meta) {
		refuse(&p, 0, "type %s has no RDATA in a zone", row->name);
		return -1;
	}
	if (row->layout[0] == F_END)
		return parse_rare(&p, type) ? p.at - out : -1;
	for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
		if (p.word == p.end && !may_be_none(*kind, out)) {
			refuse(&p, 0, "%s record ends where it needs %s", row->name, kind_text[*kind]);
			return -1;
		}
		if (p.word < p.end && !parse_field(&p, *kind))
			return -1;
	}
	if (p.word < p.end) {
		refuse(&p, 0, "%s is more than type %s takes", word_show(shown, p.word), row->name);
		return -1;
	}
	if ((fault = rdata_fault(type, out, p.at - out)) != NULL) {
		p.word--;
		refuse(&p, 0, "%s", fault);
		return -1;
	}
	return p.at - out;
}

static void
first_text(void *ctx, const struct report *report)
{
	struct rdata_error *error = ctx;

	if (error->text[0] == '\0')
		snprintf(error->text, sizeof(error->text), "%s", report->text);
}

int
rdata_from_text(uint8_t out[RDATA_ROOM], uint16_t type, const char *text, size_t len,
    const uint8_t *origin, struct rdata_error *error)
{
	struct sink sink = { .fn = first_text, .ctx = error };
	enum scan_outcome outcome;
	struct scan scan;
	int n = -1;

	memset(error, 0, sizeof(*error));
	scan_text(&scan, "", text, len);
	outcome = scan_next(&scan, &sink);
	if (outcome == SCAN_RECORD || outcome == SCAN_END)
		n = rdata_parse(out, type, scan.word, scan.count, origin, error);
	if (n >= 0 && outcome == SCAN_RECORD && scan_next(&scan, &sink) != SCAN_END) {
		snprintf(error->text, sizeof(error->text), "more than one line");
		n = -1;
	}
	scan_close(&scan);
	return n;
}
