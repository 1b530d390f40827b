#include "zonefile/digits.h"

const uint8_t hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
	['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};
const char hex_text[] = "0123456789ABCDEF";
const char base32hex_text[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
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

size_t
base64_add(struct base64 *b, uint8_t **at, const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	uint8_t *to = *at;
	size_t i = 0;

	for (; b->held == 0 && b->pads == 0 && i + 4 <= len; i += 4) {
		unsigned v = base64_digit[s[i]], w = base64_digit[s[i + 1]];
		unsigned x = base64_digit[s[i + 2]], y = base64_digit[s[i + 3]];

		if (v == 0 || w == 0 || x == 0 || y == 0)
			break;
		v--, w--, x--, y--;
		*to++ = v << 2 | w >> 4;
		*to++ = w << 4 | x >> 2;
		*to++ = x << 6 | y;
	}
	for (; i < len; i++) {
		unsigned d = base64_digit[s[i]];

		if (d == 0 && s[i] == '=' && b->held >= 2)
			b->pads++;
		else if (d == 0 || b->pads > 0)
			break;
		b->bits = b->bits << 6 | (d == 0 ? 0 : d - 1);
		if (++b->held < 4)
			continue;
		/* Bits behind the last octet would read as another text of the same octets. */
		if (b->pads > 0 && (b->bits & ((1u << 8 * b->pads) - 1)) != 0)
			break;
		for (unsigned n = 0; n < 3 - b->pads; n++)
			*to++ = b->bits >> (16 - 8 * n);
		b->bits = b->held = 0;
	}
	*at = to;
	return i;
}

int
base64_read(uint8_t *out, size_t size, const char *text, size_t len)
{
	struct base64 b = { 0, 0, 0 };
	uint8_t *at = out;

	if (len / 4 * 3 + 3 > size || base64_add(&b, &at, text, len) < len || b.held > 0)
		return -1;
	return at - out;
}

size_t
base64_print(char *out, const uint8_t *s, size_t len)
{
	char *to = out;

	for (; len > 0; s += 3, len -= len < 3 ? len : 3) {
		unsigned v = s[0] << 16 | (len > 1 ? s[1] << 8 : 0) | (len > 2 ? s[2] : 0);

		*to++ = base64_text[v >> 18];
		*to++ = base64_text[v >> 12 & 63];
		*to++ = len > 1 ? base64_text[v >> 6 & 63] : '=';
		*to++ = len > 2 ? base64_text[v & 63] : '=';
	}
	return to - out;
}
