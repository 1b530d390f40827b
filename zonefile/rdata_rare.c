#include "zonefile/rdata_rare.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "zonefile/digits.h"
#include "zonefile/octets.h"

/* A number with up to places decimals, as a whole number of the last of them. */
static bool
decimal(const char *s, size_t len, unsigned places, uint64_t max, uint64_t *v)
{
	const char *end = s + len, *from = s;
	unsigned n = 0;

	for (*v = 0; s < end && (uint8_t)(*s - '0') <= 9 && *v <= max; s++)
		*v = *v * 10 + (uint64_t)(*s - '0');
	if (s == from && (places == 0 || end - s < 2 || *s != '.'))
		return false;
	if (s < end && *s == '.')
		for (s++; s < end && (uint8_t)(*s - '0') <= 9 && n < places; s++, n++)
			*v = *v * 10 + (uint64_t)(*s - '0');
	for (; n < places; n++)
		*v *= 10;
	return s == end && *v <= max;
}

/* ---- LOC (RFC 1876) ---- */

#define MIDDLE UINT32_C(0x80000000)	/* equator and prime meridian, in thousandths of a second of arc */
#define DEGREE 3600000
#define GROUND 10000000			/* altitudes count centimetres from 100 km below */

static const uint32_t ten_to[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000 };

struct words {
	const struct word *at, *end;
	const char *why;
};

/* DEGREES [MINUTES [SECONDS]] and one of two letters. */
static bool
angle(struct words *w, unsigned most, const char *letters, const char *why, uint32_t *out)
{
	static const uint32_t worth[] = { DEGREE, 60000, 1 };
	uint64_t sum = 0, v;
	char letter;

	w->why = why;
	for (unsigned i = 0; w->at < w->end; w->at++, i++) {
		letter = w->at->len == 1 ? *w->at->text & 0xdf : 0;
		if (i > 0 && letter != 0 && strchr(letters, letter) != NULL) {
			if (sum > (uint64_t)most * DEGREE)
				return false;
			*out = letter == letters[0] ? MIDDLE + sum : MIDDLE - sum;
			w->at++;
			return true;
		}
		if (i == 3 || !decimal(w->at->text, w->at->len, i == 2 ? 3 : 0, i == 0 ? most : i == 1 ? 59 : 59999, &v))
			return false;
		sum += v * worth[i];
	}
	return false;
}

/* Metres to centimetres, with or without their letter. */
static bool
metres(const struct word *word, uint64_t max, uint64_t *v)
{
	size_t len = word->len;

	if (len > 0 && (word->text[len - 1] | 0x20) == 'm')
		len--;
	return decimal(word->text, len, 2, max, v);
}

static bool
altitude(const struct word *word, uint32_t *out)
{
	struct word up = *word;
	uint64_t v;

	if (up.len > 0 && *up.text == '-') {
		up.text++;
		up.len--;
		if (!metres(&up, GROUND, &v))
			return false;
		*out = GROUND - v;
		return true;
	}
	if (!metres(&up, UINT32_MAX - GROUND, &v))
		return false;
	*out = GROUND + v;
	return true;
}

/* One digit and a power of ten. */
static uint8_t
size_of(uint64_t v)
{
	unsigned power = 0;

	while (power < 9 && v / ten_to[power] > 9)
		power++;
	return (v / ten_to[power]) << 4 | power;
}

static bool
parse_loc(struct words *w, uint8_t *out)
{
	static const uint8_t usual[] = { 0x12, 0x16, 0x13 };	/* 1 m, 10 km, 10 m */
	uint32_t latitude, longitude, height;
	uint64_t v;

	if (!angle(w, 90, "NS", "a latitude is DEGREES [MINUTES [SECONDS]] N or S, up to 90", &latitude) ||
	    !angle(w, 180, "EW", "a longitude is DEGREES [MINUTES [SECONDS]] E or W, up to 180", &longitude))
		return false;
	w->why = "an altitude is a number of metres from -100000.00 to 42849672.95";
	if (w->at == w->end || !altitude(w->at, &height))
		return false;
	w->at++;
	out[0] = 0;
	memcpy(out + 1, usual, 3);
	w->why = "a size or precision is a number of metres from 0 to 90000000.00";
	for (int i = 1; i < 4 && w->at < w->end; i++, w->at++) {
		if (!metres(w->at, UINT64_C(9000000000), &v))
			return false;
		out[i] = size_of(v);
	}
	put32(out + 4, latitude);
	put32(out + 8, longitude);
	put32(out + 12, height);
	w->why = "this is more than type LOC takes";
	return w->at == w->end;
}

static bool
angle_valid(uint32_t v, unsigned most)
{
	return v >= MIDDLE - most * DEGREE && v <= MIDDLE + most * DEGREE;
}

static bool
loc_valid(const uint8_t *at, size_t len)
{
	/* Other versions have other fields. */
	if (len == 0 || at[0] != 0)
		return len > 0;
	if (len != 16)
		return false;
	for (int i = 1; i < 4; i++)
		if (at[i] >> 4 > 9 || (at[i] & 15) > 9 || (at[i] > 0 && at[i] < 16))
			return false;
	return angle_valid(get32(at + 4), 90) && angle_valid(get32(at + 8), 180);
}

static char *
print_angle(char *out, uint32_t v, const char *letters)
{
	uint32_t arc = v >= MIDDLE ? v - MIDDLE : MIDDLE - v;

	return out + sprintf(out, "%u %u %u.%03u %c ", arc / DEGREE, arc / 60000 % 60, arc / 1000 % 60, arc % 1000,
	    letters[v < MIDDLE]);
}

static char *
print_size(char *out, uint8_t size)
{
	unsigned power = size & 15;

	if (power < 2)
		return out + sprintf(out, " 0.%02um", (size >> 4) * ten_to[power]);
	return out + sprintf(out, " %um", (size >> 4) * ten_to[power - 2]);
}

static char *
print_loc(char *out, const uint8_t *at)
{
	uint32_t height = get32(at + 12);
	uint32_t up = height < GROUND ? GROUND - height : height - GROUND;

	out = print_angle(out, get32(at + 4), "NS");
	out = print_angle(out, get32(at + 8), "EW");
	out += sprintf(out, "%s%u.%02um", height < GROUND ? "-" : "", up / 100, up % 100);
	for (int i = 1; i < 4; i++)
		out = print_size(out, at[i]);
	return out;
}

/* ---- APL (RFC 3123) ---- */

/* [!]FAMILY:ADDRESS/BITS; the address without the octets of zero at its end. */
static bool
parse_prefix(const struct word *word, uint8_t **at, const uint8_t *limit)
{
	const char *p = word->text, *end = p + word->len, *slash;
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	bool no = p < end && *p == '!';
	unsigned len;
	uint64_t v;

	p += no;
	if (end - p < 3 || (p[0] != '1' && p[0] != '2') || p[1] != ':' || (slash = memchr(p, '/', end - p)) == NULL ||
	    slash - (p + 2) >= (int)sizeof(text))
		return false;
	memcpy(text, p + 2, slash - (p + 2));
	text[slash - (p + 2)] = '\0';
	len = p[0] == '1' ? 4 : 16;
	if (inet_pton(len == 4 ? AF_INET : AF_INET6, text, address) != 1 ||
	    !decimal(slash + 1, end - slash - 1, 0, 8 * len, &v) || memchr(slash, '.', end - slash) != NULL)
		return false;
	while (len > 0 && address[len - 1] == 0)
		len--;
	if (*at + 4 + len > limit)
		return false;
	*(*at)++ = 0;
	*(*at)++ = p[0] - '0';
	*(*at)++ = v;
	*(*at)++ = no << 7 | len;
	memcpy(*at, address, len);
	*at += len;
	return true;
}

static bool
apl_valid(const uint8_t *at, size_t len)
{
	for (unsigned n; len > 0; at += 4 + n, len -= 4 + n) {
		unsigned family = len > 1 ? at[0] << 8 | at[1] : 0;
		unsigned octets = family == 1 ? 4 : family == 2 ? 16 : 127;

		if (len < 4 || (octets < 127 && at[2] > 8 * octets))
			return false;
		n = at[3] & 0x7f;
		if (n > octets || len < 4 + n || (n > 0 && at[3 + n] == 0))
			return false;
	}
	return true;
}

static char *
print_apl(char *out, const uint8_t *at, const uint8_t *end)
{
	for (const char *gap = ""; at < end; at += 4 + (at[3] & 0x7f), gap = " ") {
		uint8_t address[16] = { 0 };
		char text[INET6_ADDRSTRLEN];

		memcpy(address, at + 4, at[3] & 0x7f);
		inet_ntop(at[1] == 1 ? AF_INET : AF_INET6, address, text, sizeof(text));
		out += sprintf(out, "%s%s%u:%s/%u", gap, at[3] & 0x80 ? "!" : "", at[1], text, at[2]);
	}
	return out;
}

/* Digits that make pairs, dots anywhere, behind *len octets of out. */
static bool
dotted_hex(const uint8_t *p, const uint8_t *end, uint8_t *out, int *len)
{
	unsigned high = 0;
	int from = *len;

	for (; p < end; p++) {
		if (*p == '.')
			continue;
		if (hex_digit[*p] == 0)
			return false;
		if (high == 0) {
			high = hex_digit[*p];
			continue;
		}
		out[(*len)++] = (high - 1) << 4 | (hex_digit[*p] - 1);
		high = 0;
	}
	return high == 0 && *len > from;
}

/* ---- NSAP (RFC 1706) ---- */

static bool
parse_nsap(const struct word *word, uint8_t *out, size_t size, int *len)
{
	const uint8_t *p = (const uint8_t *)word->text;

	*len = 0;
	return word->len > 2 && word->len / 2 < size && p[0] == '0' && (p[1] | 0x20) == 'x' &&
	    dotted_hex(p + 2, p + word->len, out, len);
}

static char *
print_nsap(char *out, const uint8_t *at, size_t len)
{
	out += sprintf(out, "0x");
	for (size_t i = 0; i < len; i++)
		out += sprintf(out, "%02x", at[i]);
	return out;
}

/* ---- ATMA (ATM Forum af-dans-0152) ---- */

/* +DIGITS, an E.164 number, or hexadecimal digits in pairs, a dot between any two. */
static bool
parse_atma(const struct word *word, uint8_t *out, size_t size, int *len)
{
	const uint8_t *p = (const uint8_t *)word->text, *end = p + word->len;

	*len = 1;
	if (p == end || word->len >= size)
		return false;
	out[0] = *p == '+';
	p += out[0];
	if (p == end || *p == '.' || end[-1] == '.' || memmem(p, (size_t)(end - p), "..", 2) != NULL)
		return false;
	if (out[0] == 0)
		return dotted_hex(p, end, out, len);
	for (; p < end; p++) {
		if (*p == '.')
			continue;
		if (*p < '0' || *p > '9')
			return false;
		out[(*len)++] = *p;
	}
	return true;
}

static bool
atma_valid(const uint8_t *at, size_t len)
{
	if (len < 2)
		return false;
	for (size_t i = 1; at[0] == 1 && i < len; i++)
		if (at[i] < '0' || at[i] > '9')
			return false;
	return true;
}

static char *
print_atma(char *out, const uint8_t *at, size_t len)
{
	if (at[0] == 1) {
		*out++ = '+';
		memcpy(out, at + 1, len - 1);
		return out + len - 1;
	}
	for (size_t i = 1; i < len; i++)
		out += sprintf(out, "%02x", at[i]);
	return out;
}

/* ---- the bit map of NXT (RFC 2535 5.2) ---- */

static bool
parse_nxt(struct words *w, uint8_t *out, int *len)
{
	uint16_t type;

	memset(out, 0, 16);
	*len = 0;
	w->why = "types up to 127 can stand in NXT";
	for (; w->at < w->end; w->at++) {
		if (!rrtype_parse(w->at->text, w->at->len, &type) || type == 0 || type > 127)
			return false;
		out[type / 8] |= 0x80 >> type % 8;
		if (type / 8 >= *len)
			*len = type / 8 + 1;
	}
	return true;
}

static char *
print_nxt(char *out, const uint8_t *at, size_t len)
{
	char word[RRTYPE_TEXT_MAX];
	const char *gap = "";

	for (unsigned bit = 1; bit < 8 * len; bit++)
		if (at[bit / 8] & 0x80 >> bit % 8) {
			out += sprintf(out, "%s%s", gap, rrtype_print(word, bit));
			gap = " ";
		}
	return out;
}

/* ---- all ---- */

int
rare_parse(enum field kind, uint8_t *out, size_t size, const struct word *word, size_t count,
    size_t *bad, const char **why)
{
	struct words w = { word, word + count, "" };
	uint8_t *at = out;
	bool good = false;
	int len = 16;

	switch (kind) {
	case F_LOC:
		good = size >= 16 && parse_loc(&w, out);
		break;
	case F_APL:
		w.why = "a prefix is 1:IPV4/BITS or 2:IPV6/BITS, perhaps with ! before it";
		while (w.at < w.end && parse_prefix(w.at, &at, out + size))
			w.at++;
		len = at - out;
		good = w.at == w.end;
		break;
	case F_ATMA:
		w.why = "an ATM address is + and digits, or hexadecimal digits in pairs";
		good = parse_atma(w.at++, out, size, &len);
		w.at -= !good;
		if (good && w.at < w.end) {
			w.why = "this is more than type ATMA takes";
			good = false;
		}
		break;
	case F_NSAP:
		w.why = "an NSAP address is 0x and hexadecimal digits in pairs, perhaps with dots between them";
		good = parse_nsap(w.at++, out, size, &len);
		w.at -= !good;
		if (good && w.at < w.end) {
			w.why = "this is more than type NSAP takes";
			good = false;
		}
		break;
	case F_NXTMAP:
		good = size >= 16 && parse_nxt(&w, out, &len);
		break;
	default:
		break;
	}
	*bad = w.at - word;
	*why = w.why;
	return good ? len : -1;
}

bool
rare_valid(enum field kind, const uint8_t *at, size_t len)
{
	switch (kind) {
	case F_LOC:
		return loc_valid(at, len);
	case F_APL:
		return apl_valid(at, len);
	case F_ATMA:
		return atma_valid(at, len);
	case F_NSAP:
		return len > 0;
	case F_NXTMAP:
		return len <= 16 && (len == 0 || ((at[0] & 0x80) == 0 && at[len - 1] != 0));
	default:
		return false;
	}
}

bool
rare_has_text(enum field kind, const uint8_t *at, size_t len)
{
	if (kind == F_LOC)
		return at[0] == 0;
	if (kind == F_ATMA)
		return at[0] <= 1;
	for (const uint8_t *end = at + len; kind == F_APL && at < end; at += 4 + (at[3] & 0x7f))
		if (at[0] != 0 || at[1] < 1 || at[1] > 2)
			return false;
	return true;
}

size_t
rare_print(char *out, enum field kind, const uint8_t *at, size_t len)
{
	char *end = kind == F_LOC ? print_loc(out, at) : kind == F_APL ? print_apl(out, at, at + len) :
	    kind == F_ATMA ? print_atma(out, at, len) : kind == F_NSAP ? print_nsap(out, at, len) : print_nxt(out, at, len);

	return end - out;
}
