#include "zonefile/rdata.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/rdata_ldns.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* What a field of each kind is called in a message. */
static const char *const kind_text[] = {
	[F_CNAME] = "a name", [F_NAME] = "a name", [F_U8] = "a number up to 255",
	[F_U16] = "a number up to 65535", [F_U32] = "a number up to 4294967295",
	[F_PERIOD] = "a time like 3600 or 1h30m, at most 4294967295 seconds",
	[F_TIME] = "a date YYYYMMDDHHMMSS or seconds since 1970", [F_IPV4] = "an IPv4 address",
	[F_IPV6] = "an IPv6 address", [F_TYPE] = "a record type",
	[F_ALG] = "a DNSSEC algorithm, by number or mnemonic", [F_STRING] = "a text",
	[F_CERT] = "a certificate type, by number or mnemonic",
	[F_STRINGS] = "a text", [F_TEXT] = "a text", [F_TAG] = "a tag of letters and digits",
	[F_HEX] = "hexadecimal digits in pairs", [F_BASE64] = "base64 data",
	[F_SALT] = "a salt in hexadecimal digits, or -", [F_HASH] = "a hash in base32hex",
	[F_BITMAP] = "record types",
};

struct mnemonic {
	const char *name;
	uint16_t number;
};

/* IANA's registries of certificate types and of DNSSEC algorithms. */
static const struct mnemonic certificates[] = {
	{ "PKIX", 1 }, { "SPKI", 2 }, { "PGP", 3 }, { "IPKIX", 4 }, { "ISPKI", 5 }, { "IPGP", 6 },
	{ "ACPKIX", 7 }, { "IACPKIX", 8 }, { "URI", 253 }, { "OID", 254 },
};
static const struct mnemonic algorithms[] = {
	{ "RSAMD5", 1 }, { "DH", 2 }, { "DSA", 3 }, { "RSASHA1", 5 }, { "DSA-NSEC3-SHA1", 6 },
	{ "NSEC3DSA", 6 }, { "RSASHA1-NSEC3-SHA1", 7 }, { "NSEC3RSASHA1", 7 }, { "RSASHA256", 8 },
	{ "RSASHA512", 10 }, { "ECC-GOST", 12 }, { "ECCGOST", 12 }, { "ECDSAP256SHA256", 13 },
	{ "ECDSAP384SHA384", 14 }, { "ED25519", 15 }, { "ED448", 16 }, { "INDIRECT", 252 },
	{ "PRIVATEDNS", 253 }, { "PRIVATEOID", 254 },
};

/* The value of a digit plus one; 0 is no digit. */
static const uint8_t hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};
static const char hex_text[] = "0123456789ABCDEF";
static const char base32_text[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
static const char base64_text[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const uint8_t base64_digit[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* ---- text to RDATA ---- */

struct parser {
	const struct word *first, *word, *end;
	const uint8_t *origin;
	size_t origin_len;
	uint8_t *at, *limit;
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

static bool __attribute__((noinline, cold))
refuse_name(struct parser *p, int error)
{
	const struct word *w = p->word;
	size_t label = 0;

	if (error != NAME_LABEL_LONG)
		return refuse(p, 0, error == NAME_LONG ? "name of more than 255 octets" : "%s",
		    name_error_text(error));
	/* The label that is too long, and how long it is. */
	for (size_t i = 0, n = 0; i <= w->len; i++) {
		if (i == w->len || w->text[i] == '.') {
			if (n > DLABEL_MAX)
				return refuse(p, label, "label of %zu octets, at most 63 are allowed", n);
			n = 0;
			label = i + 1;
			continue;
		}
		if (w->text[i] == '\\')
			i += i + 1 < w->len && w->text[i + 1] >= '0' && w->text[i + 1] <= '9' ? 3 : 1;
		n++;
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

static void
date_of(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468, era = z / 146097;
	unsigned doe = z % 146097;
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
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
parse_mnemonic(const struct word *word, const struct mnemonic *list, size_t count, uint64_t max, uint64_t *v)
{
	if (number(word, max, v))
		return true;
	for (size_t i = 0; i < count; i++)
		if (word->len == strlen(list[i].name) && strncasecmp(word->text, list[i].name, word->len) == 0) {
			*v = list[i].number;
			return true;
		}
	return false;
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
			return refuse_kind(p, F_HEX);
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
	uint32_t bits = 0;
	unsigned held = 0, pads = 0;	/* digits of the group of four, of them '=' */

	for (; p->word < p->end; p->word++) {
		const uint8_t *s = (const uint8_t *)p->word->text;
		uint32_t i = 0, len = p->word->len;

		if (p->at + len > p->limit + len / 4)
			return refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
		if (p->word->flags & WORD_QUOTED)
			return refuse_kind(p, F_BASE64);
		for (; held == 0 && pads == 0 && i + 4 <= len; i += 4) {
			unsigned a = base64_digit[s[i]], b = base64_digit[s[i + 1]];
			unsigned c = base64_digit[s[i + 2]], d = base64_digit[s[i + 3]];

			if (a == 0 || b == 0 || c == 0 || d == 0)
				break;
			a--, b--, c--, d--;
			*p->at++ = a << 2 | b >> 4;
			*p->at++ = b << 4 | c >> 2;
			*p->at++ = c << 6 | d;
		}
		for (; i < len; i++) {
			unsigned d = base64_digit[s[i]];

			if (d == 0 && s[i] == '=' && held >= 2)
				pads++;
			else if (d == 0 || pads > 0)
				return refuse(p, i, "'%c' is not a base64 digit here", s[i] > ' ' && s[i] < 127 ? s[i] : '?');
			bits = bits << 6 | (d == 0 ? 0 : d - 1);
			if (++held < 4)
				continue;
			if (pads > 0 && (bits & ((1u << 8 * pads) - 1)) != 0)
				return refuse(p, i, "base64 data has bits behind its end");
			for (unsigned n = 0; n < 3 - pads; n++)
				*p->at++ = bits >> (16 - 8 * n);
			bits = held = 0;
		}
	}
	if (held > 0) {
		p->word--;
		return refuse(p, 0, "base64 data is not a multiple of four digits");
	}
	return true;
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

/* One field from the word, or from all that remain. */
static inline bool
parse_field(struct parser *p, enum field kind)
{
	uint64_t v;
	uint32_t seconds;
	uint16_t type;

	if ((p->word->flags & WORD_QUOTED) && kind != F_STRING && kind != F_STRINGS && kind != F_TEXT)
		return refuse_kind(p, kind);
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
		if (!rrtype_parse(p->word->text, p->word->len, &type))
			return refuse_kind(p, kind);
		put16(p, type);
		break;
	case F_ALG:
		if (!parse_mnemonic(p->word, algorithms, COUNT(algorithms), UINT8_MAX, &v))
			return refuse_kind(p, kind);
		*p->at++ = v;
		break;
	case F_CERT:
		if (!parse_mnemonic(p->word, certificates, COUNT(certificates), UINT16_MAX, &v))
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
	case F_BASE64:
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

int
rdata_parse(uint8_t out[RDATA_ROOM], uint16_t type, const struct word *word, size_t count,
    const uint8_t *origin, struct rdata_error *error)
{
	struct parser p = { word, word, word + count, origin, name_len(origin), out, out + RDATA_MAX, error };
	const struct rrtype *row = rrtype_by_code(type);
	char shown[WORD_SHOW];

	if (count > 0 && word->len == 2 && memcmp(word->text, "\\#", 2) == 0 &&
	    (word->flags & WORD_QUOTED) == 0)
		return parse_generic(&p, type, out) ? p.at - out : -1;
	if (row == NULL) {
		refuse(&p, 0, "RDATA of an unknown type must begin with \\# (RFC 3597)");
		return -1;
	}
	if (row->layout[0] == F_END)
		return parse_rare(&p, type) ? p.at - out : -1;
	for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
		if (p.word == p.end && *kind != F_BITMAP) {
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

/* ---- what RDATA is made of ---- */

static bool
bitmap_valid(const uint8_t *at, size_t len)
{
	int window = -1;

	while (len > 0) {
		if (len < 3 || at[0] <= window || at[1] < 1 || at[1] > 32 || len < 2u + at[1] || at[1 + at[1]] == 0)
			return false;
		window = at[0];
		len -= 2 + at[1];
		at += 2 + at[1];
	}
	return true;
}

static bool
tag_valid(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)(at[i] - '0') > 9 && (uint8_t)((at[i] | 0x20) - 'a') > 25)
			return false;
	return len > 0;
}

/* Octets of the field at the front of len octets; -1 when it is not whole.  What goes to the
 * end takes all. */
static inline ssize_t
field_len(enum field kind, const uint8_t *at, size_t len)
{
	size_t n = len;

	switch (kind) {
	case F_CNAME:
	case F_NAME:
		n = name_valid(at, len);
		return n == 0 ? -1 : (ssize_t)n;
	case F_U8:
	case F_ALG:
		n = 1;
		break;
	case F_U16:
	case F_TYPE:
	case F_CERT:
		n = 2;
		break;
	case F_U32:
	case F_PERIOD:
	case F_TIME:
	case F_IPV4:
		n = 4;
		break;
	case F_IPV6:
		n = 16;
		break;
	case F_STRING:
	case F_SALT:
	case F_HASH:
	case F_TAG:
		n = len > 0 ? 1u + *at : 1;
		break;
	case F_STRINGS:
	case F_TEXT:
	case F_HEX:
	case F_BASE64:
	case F_BITMAP:
	case F_END:
		break;
	}
	return n <= len ? (ssize_t)n : -1;
}

bool
rdata_valid(uint16_t type, const uint8_t *rdata, size_t len)
{
	const struct rrtype *row = rrtype_by_code(type);
	const uint8_t *at = rdata, *end = rdata + len;

	if (len > RDATA_MAX)
		return false;
	if (row == NULL)
		return true;
	if (row->layout[0] == F_END)
		return !row->meta && rdata_ldns_valid(type, rdata, len);
	for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
		ssize_t n = field_len(*kind, at, end - at);

		if (n < 0)
			return false;
		switch (*kind) {
		case F_STRINGS:
			if (n == 0)
				return false;
			for (const uint8_t *s = at; s < end; s += *s + 1)
				if (s + *s + 1 > end)
					return false;
			break;
		case F_HEX:
		case F_BASE64:
			if (n == 0)
				return false;
			break;
		case F_HASH:
			if (n == 1)
				return false;
			break;
		case F_TAG:
			if (!tag_valid(at + 1, n - 1))
				return false;
			break;
		case F_BITMAP:
			if (!bitmap_valid(at, n))
				return false;
			break;
		}
		at += n;
	}
	return at == end;
}

void
rdata_walk(struct rdata_walk *walk, uint16_t type, const uint8_t *rdata, size_t len)
{
	static const uint8_t opaque[] = { F_HEX, F_END }, none[] = { F_END };
	const struct rrtype *row = rrtype_by_code(type);

	walk->layout = len == 0 ? none : row == NULL || row->layout[0] == F_END ? opaque : row->layout;
	walk->at = rdata;
	walk->end = rdata + len;
}

bool
rdata_next(struct rdata_walk *walk, enum field *kind, const uint8_t **at, size_t *len)
{
	if (*walk->layout == F_END)
		return false;
	*kind = *walk->layout++;
	*at = walk->at;
	*len = field_len(*kind, walk->at, walk->end - walk->at);
	walk->at += *len;
	return true;
}

/* ---- RDATA to text ---- */

/* Writes what fits and counts everything. */
struct text {
	char *out;
	size_t size, len;
};

static inline void
add_char(struct text *t, char c)
{
	if (t->len < t->size)
		t->out[t->len] = c;
	t->len++;
}

static void
add(struct text *t, const char *s, size_t len)
{
	if (t->len < t->size)
		memcpy(t->out + t->len, s, len < t->size - t->len ? len : t->size - t->len);
	t->len += len;
}

static void
add_number(struct text *t, uint32_t v, unsigned width)
{
	char digits[10];
	unsigned n = sizeof(digits);

	do
		digits[--n] = '0' + v % 10;
	while ((v /= 10) > 0);
	while (sizeof(digits) - n < width)
		digits[--n] = '0';
	add(t, digits + n, sizeof(digits) - n);
}

static void
add_quoted(struct text *t, const uint8_t *s, size_t len)
{
	add_char(t, '"');
	for (; len > 0; s++, len--) {
		if (*s < ' ' || *s >= 127) {
			add_char(t, '\\');
			add_number(t, *s, 3);
			continue;
		}
		if (*s == '"' || *s == '\\')
			add_char(t, '\\');
		add_char(t, *s);
	}
	add_char(t, '"');
}

static void
add_hex(struct text *t, const uint8_t *s, size_t len)
{
	for (; len > 0; s++, len--) {
		add_char(t, hex_text[*s >> 4]);
		add_char(t, hex_text[*s & 15]);
	}
}

static void
add_base64(struct text *t, const uint8_t *s, size_t len)
{
	for (; len >= 3; s += 3, len -= 3) {
		const char four[] = {
			base64_text[s[0] >> 2], base64_text[(s[0] << 4 | s[1] >> 4) & 63],
			base64_text[(s[1] << 2 | s[2] >> 6) & 63], base64_text[s[2] & 63],
		};
		add(t, four, 4);
	}
	if (len > 0) {
		unsigned second = len > 1 ? s[1] : 0;
		const char four[] = {
			base64_text[s[0] >> 2], base64_text[(s[0] << 4 | second >> 4) & 63],
			len > 1 ? base64_text[second << 2 & 63] : '=', '=',
		};
		add(t, four, 4);
	}
}

static void
add_base32(struct text *t, const uint8_t *s, size_t len)
{
	uint32_t bits = 0;
	unsigned left = 0;

	for (; len > 0; s++, len--) {
		bits = bits << 8 | *s;
		for (left += 8; left >= 5; left -= 5)
			add_char(t, base32_text[bits >> (left - 5) & 31]);
	}
	if (left > 0)
		add_char(t, base32_text[bits << (5 - left) & 31]);
}

static void
add_ipv4(struct text *t, const uint8_t *s)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			add_char(t, '.');
		add_number(t, s[i], 1);
	}
}

/* RFC 5952: lower case, the longest run of two or more zero groups as "::", an IPv4 tail for
 * mapped addresses. */
static void
add_ipv6(struct text *t, const uint8_t *s)
{
	unsigned group[8], best = 8, best_len = 1;

	for (unsigned i = 0; i < 8; i++)
		group[i] = s[2 * i] << 8 | s[2 * i + 1];
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && group[i + n] == 0)
			n++;
		if (n > best_len) {
			best = i;
			best_len = n;
		}
		i += n;
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == best) {
			add(t, "::", 2);
			i += best_len - 1;
			continue;
		}
		if (i > 0 && i != best + best_len)
			add_char(t, ':');
		if (i == 6 && best == 0 && best_len == 5 && group[5] == 0xffff) {
			add_ipv4(t, s + 12);
			break;
		}
		for (int shift = 12; shift >= 0; shift -= 4)
			if (shift == 0 || group[i] >> shift != 0)
				add_char(t, "0123456789abcdef"[group[i] >> shift & 15]);
	}
}

static void
add_time(struct text *t, uint32_t seconds)
{
	unsigned year, month, day;

	date_of(seconds / 86400, &year, &month, &day);
	add_number(t, year, 4);
	add_number(t, month, 2);
	add_number(t, day, 2);
	add_number(t, seconds / 3600 % 24, 2);
	add_number(t, seconds / 60 % 60, 2);
	add_number(t, seconds % 60, 2);
}

static void
add_type(struct text *t, uint16_t type)
{
	char out[RRTYPE_TEXT_MAX];
	const char *name = rrtype_print(out, type);

	add(t, name, strlen(name));
}

static void
add_name(struct text *t, const uint8_t *name)
{
	char out[DNAME_TEXT_MAX];

	if (t->len + DNAME_TEXT_MAX <= t->size)
		t->len += name_print(t->out + t->len, name);
	else
		add(t, out, name_print(out, name));
}

static void
add_bitmap(struct text *t, const uint8_t *at, const uint8_t *end)
{
	bool first = true;

	for (; at < end; at += 2 + at[1])
		for (unsigned bit = 0; bit < 8u * at[1]; bit++) {
			if ((at[2 + bit / 8] & 0x80 >> bit % 8) == 0)
				continue;
			if (!first)
				add_char(t, ' ');
			first = false;
			add_type(t, at[0] << 8 | bit);
		}
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static void
add_field(struct text *t, enum field kind, const uint8_t *at, size_t len)
{
	switch (kind) {
	case F_CNAME:
	case F_NAME:
		add_name(t, at);
		break;
	case F_U8:
	case F_ALG:
		add_number(t, *at, 1);
		break;
	case F_U16:
		add_number(t, at[0] << 8 | at[1], 1);
		break;
	case F_U32:
	case F_PERIOD:
		add_number(t, get32(at), 1);
		break;
	case F_TIME:
		add_time(t, get32(at));
		break;
	case F_IPV4:
		add_ipv4(t, at);
		break;
	case F_IPV6:
		add_ipv6(t, at);
		break;
	case F_TYPE:
		add_type(t, at[0] << 8 | at[1]);
		break;
	case F_CERT:
		for (size_t i = 0; i < COUNT(certificates); i++)
			if (certificates[i].number == (at[0] << 8 | at[1])) {
				add(t, certificates[i].name, strlen(certificates[i].name));
				return;
			}
		add_number(t, at[0] << 8 | at[1], 1);
		break;
	case F_STRING:
		add_quoted(t, at + 1, len - 1);
		break;
	case F_STRINGS:
		for (const uint8_t *s = at; s < at + len; s += *s + 1) {
			if (s > at)
				add_char(t, ' ');
			add_quoted(t, s + 1, *s);
		}
		break;
	case F_TEXT:
		add_quoted(t, at, len);
		break;
	case F_TAG:
		add(t, (const char *)at + 1, len - 1);
		break;
	case F_HEX:
		add_hex(t, at, len);
		break;
	case F_BASE64:
		add_base64(t, at, len);
		break;
	case F_SALT:
		if (len == 1)
			add_char(t, '-');
		add_hex(t, at + 1, len - 1);
		break;
	case F_HASH:
		add_base32(t, at + 1, len - 1);
		break;
	case F_BITMAP:
		add_bitmap(t, at, at + len);
		break;
	case F_END:
		break;
	}
}

/* By ldns, which prints some RDATA so that it reads back as another one (centimetres of LOC, quotes in
 * names): 0 then. */
static size_t
print_rare(char *out, size_t size, uint16_t type, const uint8_t *rdata, size_t len)
{
	static const uint8_t root[] = { 0 };
	size_t n = rdata_ldns_print(out, size, type, rdata, len);
	struct rdata_error error;
	char *text;
	uint8_t *again;

	if (n == 0)
		return 0;
	/* The answer must not depend on what fits. */
	text = xmalloc(n + 1);
	again = xmalloc(RDATA_ROOM);
	rdata_ldns_print(text, n + 1, type, rdata, len);
	if (rdata_from_text(again, type, text, n, root, &error) != (int)len || memcmp(again, rdata, len) != 0)
		n = 0;
	free(again);
	free(text);
	return n;
}

size_t
rdata_print(char *out, size_t size, uint16_t type, const uint8_t *rdata, size_t len)
{
	const struct rrtype *row = rrtype_by_code(type);
	struct text t = { out, size, 0 };
	const uint8_t *at = rdata, *end = rdata + len;
	size_t n;

	if (row != NULL && row->layout[0] == F_END && (n = print_rare(out, size, type, rdata, len)) > 0)
		return n;
	if (row == NULL || row->layout[0] == F_END) {
		add(&t, "\\# ", 3);
		add_number(&t, len, 1);
		if (len > 0)
			add_char(&t, ' ');
		add_hex(&t, rdata, len);
	} else
		for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
			ssize_t m = field_len(*kind, at, end - at);

			assert(m >= 0);
			if (kind != row->layout && (m > 0 || *kind != F_BITMAP))
				add_char(&t, ' ');
			add_field(&t, *kind, at, m);
			at += m;
		}
	if (t.len < size)
		out[t.len] = '\0';
	return t.len;
}

/* ---- order ---- */

static int
octets_cmp(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	int order = memcmp(a, b, alen < blen ? alen : blen);

	return order != 0 ? order : (alen > blen) - (alen < blen);
}

int
rdata_cmp(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	const struct rrtype *row = rrtype_by_code(type);
	const uint8_t *aend = a + alen, *bend = b + blen;

	if (row == NULL || !row->lower)
		return octets_cmp(a, alen, b, blen);
	/* As long as nothing differs, the fields of both lie at the same places. */
	for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
		if (*kind != F_CNAME && *kind != F_NAME) {
			ssize_t n = field_len(*kind, a, aend - a), m = field_len(*kind, b, bend - b);
			int order = octets_cmp(a, n, b, m);

			if (order != 0)
				return order;
			a += n;
			b += n;
			continue;
		}
		for (;;) {
			unsigned n = *a;

			if (n != *b)
				return (int)n - *b;
			a++;
			b++;
			if (n == 0)
				break;
			for (; n > 0; n--, a++, b++)
				if (*a != *b && name_tolower[*a] != name_tolower[*b])
					return name_tolower[*a] - name_tolower[*b];
		}
	}
	return 0;
}
