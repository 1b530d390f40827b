#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/digits.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/rdata.h"
#include "zonefile/rdata_fields.h"
#include "zonefile/rdata_ldns.h"
#include "zonefile/rdata_rare.h"
#include "zonefile/svcb.h"

#define T_AMTRELAY 260

/* Writes what fits and counts everything. */
struct text {
	char *out;
	size_t size, len;
	const uint8_t *origin;		/* NULL: names in full */
	size_t origin_len;
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
add_u64(struct text *t, const uint8_t *at)
{
	uint64_t v = (uint64_t)get32(at) << 32 | get32(at + 4);
	char digits[20];
	unsigned n = sizeof(digits);

	do
		digits[--n] = '0' + v % 10;
	while ((v /= 10) > 0);
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
	char part[256];

	for (; len > 192; s += 192, len -= 192)
		add(t, part, base64_print(part, s, 192));
	add(t, part, base64_print(part, s, len));
}

static void
add_base32(struct text *t, const uint8_t *s, size_t len)
{
	uint32_t bits = 0;
	unsigned left = 0;

	for (; len > 0; s++, len--) {
		bits = bits << 8 | *s;
		for (left += 8; left >= 5; left -= 5)
			add_char(t, base32hex_text[bits >> (left - 5) & 31]);
	}
	if (left > 0)
		add_char(t, base32hex_text[bits << (5 - left) & 31]);
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

/* Octets of a name in front of the origin, -1 when that is not its end.  Who reads the text gets the origin's
 * octets, so its case must be the same. */
static int
above_origin(const struct text *t, const uint8_t *name)
{
	size_t len = name_len(name), i = 0;

	if (len < t->origin_len || memcmp(name + len - t->origin_len, t->origin, t->origin_len) != 0)
		return -1;
	while (i < len - t->origin_len)
		i += name[i] + 1u;
	return i == len - t->origin_len ? (int)i : -1;
}

static void
add_name(struct text *t, const uint8_t *name)
{
	uint8_t front[DNAME_MAX];
	char out[DNAME_TEXT_MAX];
	int len = t->origin != NULL ? above_origin(t, name) : -1;

	if (len == 0) {
		add_char(t, '@');
		return;
	}
	if (len > 0) {
		memcpy(front, name, len);
		front[len] = 0;
		add(t, out, name_print(out, front) - 1);
		return;
	}
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

static void
add_params(struct text *t, const uint8_t *at, size_t len)
{
	const uint8_t *end = at + len;
	char *part = xmalloc(SVCB_TEXT_FOR(len));

	for (bool first = true; at < end; first = false) {
		if (!first)
			add_char(t, ' ');
		add(t, part, svcb_print(part, &at));
	}
	free(part);
}

static void
add_special(struct text *t, enum field kind, const uint8_t *at, size_t len)
{
	char *part = xmalloc(RARE_TEXT_FOR(len));

	add(t, part, rare_print(part, kind, at, len));
	free(part);
}

static void
add_a6(struct text *t, const uint8_t *at)
{
	uint8_t address[16] = { 0 };
	unsigned octets = (128 - *at + 7) / 8;

	add_number(t, *at, 1);
	if (octets == 0)
		return;
	add_char(t, ' ');
	memcpy(address + 16 - octets, at + 1, octets);
	add_ipv6(t, address);
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
	case F_DIGEST:
	case F_PROTOCOL:
		add_number(t, *at, 1);
		break;
	case F_U16:
	case F_FLAGS:
		add_number(t, at[0] << 8 | at[1], 1);
		break;
	case F_U32:
	case F_PERIOD:
		add_number(t, get32(at), 1);
		break;
	case F_U64:
		add_u64(t, at);
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
	case F_ID64:
		for (unsigned i = 0; i < 8; i++) {
			if (i > 0 && i % 2 == 0)
				add_char(t, ':');
			add_char(t, "0123456789abcdef"[at[i] >> 4]);
			add_char(t, "0123456789abcdef"[at[i] & 15]);
		}
		break;
	case F_TYPE:
		add_type(t, at[0] << 8 | at[1]);
		break;
	case F_CERT:
		for (const struct mnemonic *m = rdata_certificates; m->name != NULL; m++)
			if (m->number == (at[0] << 8 | at[1])) {
				add(t, m->name, strlen(m->name));
				return;
			}
		add_number(t, at[0] << 8 | at[1], 1);
		break;
	case F_MORE:
		if (len == 0)
			break;
		/* fallthrough */
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
	case F_KEY:
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
	case F_PORTS:
		add_number(t, *at, 1);
		for (size_t bit = 0; bit < 8 * (len - 1); bit++)
			if (at[1 + bit / 8] & 0x80 >> bit % 8) {
				add_char(t, ' ');
				add_number(t, bit, 1);
			}
		break;
	case F_SVCPARAMS:
		add_params(t, at, len);
		break;
	case F_GATEWAY:
		if (len == 0)
			add_char(t, '.');
		else
			add_field(t, at[-2] == 1 ? F_IPV4 : at[-2] == 2 ? F_IPV6 : F_NAME, at, len);
		break;
	case F_RELAY_TYPE:
		add_number(t, *at >> 7, 1);
		add_char(t, ' ');
		add_number(t, *at & 0x7f, 1);
		break;
	case F_RELAY:
		if (len == 0)
			add_char(t, '.');
		else
			add_field(t, (at[-1] & 0x7f) == 1 ? F_IPV4 : (at[-1] & 0x7f) == 2 ? F_IPV6 : F_NAME, at, len);
		break;
	case F_HIT:
		add_number(t, at[1], 1);
		add_char(t, ' ');
		add_hex(t, at + 4, at[0]);
		add_char(t, ' ');
		add_base64(t, at + 4 + at[0], len - 4 - at[0]);
		break;
	case F_A6:
		add_a6(t, at);
		break;
	case F_A6_NAME:
		if (len > 0)
			add_name(t, at);
		break;
	case F_NAMES:
		for (const uint8_t *s = at; s < at + len; s += name_len(s)) {
			if (s > at)
				add_char(t, ' ');
			add_name(t, s);
		}
		break;
	case F_SCHEME:
		if (*at == rdata_schemes[0].number)
			add(t, rdata_schemes[0].name, strlen(rdata_schemes[0].name));
		else
			add_number(t, *at, 1);
		break;
	case F_DATA:
		if (len == 0)
			add_char(t, '-');
		add_base64(t, at, len);
		break;
	case F_LOC:
	case F_APL:
	case F_ATMA:
	case F_NSAP:
	case F_NXTMAP:
		add_special(t, kind, at, len);
		break;
	case F_OPAQUE:
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

/* Of AMTRELAY, whose relay may be of a type that has no text. */
static bool
relay_has_text(uint16_t type, const uint8_t *rdata)
{
	return type != T_AMTRELAY || (rdata[1] & 0x7f) <= 3;
}

size_t
rdata_print(char *out, size_t size, uint16_t type, const uint8_t *rdata, size_t len, const uint8_t *origin)
{
	const struct rrtype *row = rrtype_by_code(type);
	struct text t = { out, size, 0, origin, origin != NULL ? name_len(origin) : 0 };
	const uint8_t *at = rdata, *end = rdata + len;
	size_t n;

	if (row != NULL && row->layout[0] == F_END && (n = print_rare(out, size, type, rdata, len)) > 0)
		return n;
	if (row == NULL || row->layout[0] == F_END || row->layout[0] == F_OPAQUE ||
	    !rare_has_text(row->layout[0], rdata, len) || !relay_has_text(type, rdata)) {
		add(&t, "\\# ", 3);
		add_number(&t, len, 1);
		if (len > 0)
			add_char(&t, ' ');
		add_hex(&t, rdata, len);
	} else
		for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
			ssize_t m = rdata_field_len(*kind, at, end - at);

			assert(m >= 0);
			if (kind != row->layout && (m > 0 || *kind == F_TEXT || *kind == F_GATEWAY || *kind == F_RELAY || *kind == F_DATA))
				add_char(&t, ' ');
			add_field(&t, *kind, at, m);
			at += m;
		}
	if (t.len < size)
		out[t.len] = '\0';
	return t.len;
}
