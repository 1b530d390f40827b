#include "zonefile/name.h"

#include <string.h>

#define U(c) ((c) + 32)
/* Length octets are at most 63 and so below 'A': whole names can be mapped, labels and lengths alike. */
const uint8_t name_tolower[256] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
	48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
	64, U(65), U(66), U(67), U(68), U(69), U(70), U(71), U(72), U(73), U(74), U(75), U(76), U(77), U(78), U(79),
	U(80), U(81), U(82), U(83), U(84), U(85), U(86), U(87), U(88), U(89), U(90), 91, 92, 93, 94, 95,
	96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
	112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127,
	128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143,
	144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159,
	160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175,
	176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191,
	192, 193, 194, 195, 196, 197, 198, 199, 200, 201, 202, 203, 204, 205, 206, 207,
	208, 209, 210, 211, 212, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223,
	224, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239,
	240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255,
};

size_t
name_len(const uint8_t *name)
{
	const uint8_t *p = name;

	while (*p != 0)
		p += *p + 1;
	return p - name + 1;
}

unsigned
name_labels(const uint8_t *name)
{
	unsigned n = 0;

	for (; *name != 0; name += *name + 1)
		n++;
	return n;
}

const char *
name_error_text(int error)
{
	switch (error) {
	case NAME_EMPTY:
		return "empty label";
	case NAME_LABEL_LONG:
		return "label above 63 octets";
	case NAME_LONG:
		return "name of more than 255 octets";
	case NAME_ESCAPE:
		return "\\ is not followed by a character or three digits up to 255";
	case NAME_RELATIVE:
		return "name does not end with a dot";
	}
	return "good";
}

size_t
name_long_label(const char *text, size_t len, size_t *octets)
{
	size_t label = 0, n = 0;

	for (size_t i = 0; i < len && (text[i] != '.' || n <= DLABEL_MAX); i++, n++) {
		if (text[i] == '.') {
			label = i + 1;
			n = -1;
		} else if (text[i] == '\\')
			i += i + 1 < len && text[i + 1] >= '0' && text[i + 1] <= '9' ? 3 : 1;
	}
	*octets = n;
	return label;
}

/* The octet that an escape stands for, *p at what follows the backslash and then behind it; or -1. */
static int
unescape(const char **p, const char *end)
{
	const char *s = *p;
	int v;

	if (s == end)
		return -1;
	if (*s < '0' || *s > '9') {
		*p = s + 1;
		return (uint8_t)*s;
	}
	if (end - s < 3 || s[1] < '0' || s[1] > '9' || s[2] < '0' || s[2] > '9')
		return -1;
	v = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
	*p = s + 3;
	return v > 255 ? -1 : v;
}

int
name_parse(uint8_t out[DNAME_MAX], const char *text, size_t len,
    const uint8_t *origin)
{
	const char *p = text, *end = text + len;
	uint8_t *label = out, *at = out + 1, *limit = out + DNAME_MAX;
	size_t tail;
	int c;

	if (len == 0)
		return NAME_EMPTY;
	if (len == 1 && *text == '@')
		p = end;
	else if (len == 1 && *text == '.') {
		*out = 0;
		return 1;
	}
	while (p < end) {
		c = (uint8_t)*p++;
		if (c == '.') {
			if (at == label + 1)
				return NAME_EMPTY;
			if (at - label - 1 > DLABEL_MAX)
				return NAME_LABEL_LONG;
			*label = at - label - 1;
			label = at;
			if (at == limit)
				return NAME_LONG;
			if (p == end) {
				*at = 0;
				return at - out + 1;
			}
			at++;
			continue;
		}
		if (c == '\\' && (c = unescape(&p, end)) < 0)
			return NAME_ESCAPE;
		if (at == limit) {
			/* The worse mistake is told: a name cannot be long within one good label. */
			return at - label - 1 > DLABEL_MAX ? NAME_LABEL_LONG : NAME_LONG;
		}
		*at++ = c;
	}
	if (origin == NULL)
		return NAME_RELATIVE;
	if (at > label + 1) {
		if (at - label - 1 > DLABEL_MAX)
			return NAME_LABEL_LONG;
		*label = at - label - 1;
		label = at;
	}
	tail = name_len(origin);
	if ((size_t)(limit - label) < tail)
		return NAME_LONG;
	memcpy(label, origin, tail);
	return label - out + tail;
}

#ifdef __SSE2__
#include <emmintrin.h>

/* Copies 16 octets and says by bits which of them are dots, and whether one is a backslash. */
static inline unsigned
copy16(uint8_t *out, const char *text, bool *escape)
{
	__m128i v = _mm_loadu_si128((const __m128i *)text);

	_mm_storeu_si128((__m128i *)out, v);
	*escape = _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))) != 0;
	return _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('.')));
}
#else
static inline unsigned
copy16(uint8_t *out, const char *text, bool *escape)
{
	unsigned dots = 0;

	*escape = false;
	for (unsigned i = 0; i < 16; i++) {
		out[i] = text[i];
		dots |= (unsigned)(text[i] == '.') << i;
		*escape |= text[i] == '\\';
	}
	return dots;
}
#endif

/* Wire form is the text moved by one, with each dot replaced by the length of what follows it.  What is
 * not of that simple kind, or wrong, is left to name_parse(). */
int
name_parse_wide(uint8_t out[DNAME_MAX + NAME_PAD], const char *text, size_t len,
    const uint8_t *origin, size_t origin_len)
{
	size_t label = 0;
	bool escape;

	if (len - 1 >= DNAME_MAX - 1 || (len == 1 && *text == '@'))
		return name_parse(out, text, len, origin);
	for (size_t i = 0; i < len; i += 16) {
		unsigned dots = copy16(out + 1 + i, text + i, &escape);

		if (escape)
			return name_parse(out, text, len, origin);
		if (len - i < 16)
			dots &= (1u << (len - i)) - 1;
		for (; dots != 0; dots &= dots - 1) {
			size_t dot = i + __builtin_ctz(dots);

			if (dot - label - 1 >= DLABEL_MAX)
				return name_parse(out, text, len, origin);
			out[label] = dot - label;
			label = dot + 1;
		}
	}
	if (label == len) {
		out[len] = 0;
		return len + 1;
	}
	if (len - label > DLABEL_MAX || len + 1 + origin_len > DNAME_MAX)
		return name_parse(out, text, len, origin);
	out[label] = len - label;
	memcpy(out + len + 1, origin, origin_len);
	return len + 1 + origin_len;
}

/* 1: as it is; 2: after a backslash; 4: \DDD. */
static const uint8_t print_width[256] = {
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 1, 2, 1, 2, 1, 1, 1, 2, 2, 1, 1, 1, 1, 2, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1,
	2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
};

size_t
name_print(char out[DNAME_TEXT_MAX], const uint8_t *name)
{
	char *at = out;

	if (*name == 0)
		*at++ = '.';
	while (*name != 0) {
		for (unsigned n = *name++; n > 0; n--) {
			uint8_t c = *name++;

			if (print_width[c] == 1)
				*at++ = c;
			else if (print_width[c] == 2) {
				*at++ = '\\';
				*at++ = c;
			} else {
				*at++ = '\\';
				*at++ = '0' + c / 100;
				*at++ = '0' + c / 10 % 10;
				*at++ = '0' + c % 10;
			}
		}
		*at++ = '.';
	}
	*at = '\0';
	return at - out;
}

size_t
name_print_plain(char out[DNAME_TEXT_MAX], const uint8_t *name)
{
	size_t len = name_print(out, name);

	if (len > 1)
		out[--len] = '\0';
	return len;
}

void
name_lower_octets(uint8_t *out, const uint8_t *in, size_t len)
{
	uint64_t v;
	size_t i;

	if (len < 8) {
		for (i = 0; i < len; i++)
			out[i] = name_tolower[in[i]];
		return;
	}
	/* The last word overlaps the one before; lower case stays as it is. */
	for (i = 0;; i = i + 16 <= len ? i + 8 : len - 8) {
		memcpy(&v, in + i, 8);
		v = name_lower_word(v);
		memcpy(out + i, &v, 8);
		if (i + 8 == len)
			return;
	}
}

size_t
name_lower(uint8_t out[DNAME_MAX], const uint8_t *name)
{
	size_t len = name_len(name);

	name_lower_octets(out, name, len);
	return len;
}

static unsigned
label_offsets(uint8_t at[DNAME_LABELS], const uint8_t *name)
{
	unsigned n = 0;

	for (const uint8_t *p = name; *p != 0; p += *p + 1)
		at[n++] = p - name;
	return n;
}

int
name_cmp(const uint8_t *a, const uint8_t *b)
{
	uint8_t a_at[DNAME_LABELS], b_at[DNAME_LABELS];
	unsigned i = label_offsets(a_at, a), j = label_offsets(b_at, b);

	while (i > 0 && j > 0) {
		const uint8_t *p = a + a_at[--i], *q = b + b_at[--j];
		unsigned n = *p < *q ? *p : *q;
		int order = *p - *q;

		for (p++, q++; n > 0; n--, p++, q++)
			if (name_tolower[*p] != name_tolower[*q])
				return name_tolower[*p] - name_tolower[*q];
		if (order != 0)
			return order;
	}
	return (int)i - (int)j;
}

bool
name_equal(const uint8_t *a, const uint8_t *b)
{
	for (;;) {
		unsigned n = *a;

		if (n != *b)
			return false;
		if (n == 0)
			return true;
		for (a++, b++; n > 0; n--, a++, b++)
			if (*a != *b && name_tolower[*a] != name_tolower[*b])
				return false;
	}
}

bool
name_under(const uint8_t *name, const uint8_t *ancestor)
{
	unsigned n = name_labels(name), m = name_labels(ancestor);

	if (n < m)
		return false;
	for (; n > m; n--)
		name += *name + 1;
	return name_equal(name, ancestor);
}

bool
name_inside(const uint8_t *name, size_t len, const uint8_t *ancestor, size_t ancestor_len)
{
	const uint8_t *a = name + len, *b = ancestor + ancestor_len;

	if (len < ancestor_len)
		return false;
	while (b > ancestor)
		if (name_tolower[*--a] != *--b)
			return false;
	return name_under(name, ancestor);
}

size_t
name_valid(const uint8_t *wire, size_t len)
{
	size_t at = 0, max = len < DNAME_MAX ? len : DNAME_MAX;

	while (at < max && wire[at] != 0) {
		if (wire[at] > DLABEL_MAX)
			return 0;
		at += wire[at] + 1;
	}
	return at < max ? at + 1 : 0;
}
