#include "zonefile/rdata_word.h"

#include <string.h>
#include <strings.h>

#include "zonefile/digits.h"

bool
word_u64(const struct word *word, uint64_t *v)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < word->len; i++) {
		unsigned d = (uint8_t)word->text[i] - '0';

		if (d > 9 || n > (UINT64_MAX - d) / 10)
			return false;
		n = n * 10 + d;
	}
	*v = n;
	return word->len > 0;
}

bool
text_ipv4(const char *s, size_t len, uint8_t out[4])
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

bool
text_ipv6(const char *s, size_t len, uint8_t out[16])
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

			if (groups > 6 || !text_ipv4(digits, end - digits, four))
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

bool
text_id64(const char *s, size_t len, uint8_t out[8])
{
	const char *end = s + len;

	for (unsigned i = 0; i < 4; i++) {
		const char *digits = s;
		unsigned v = 0;

		for (; s < end && hex_digit[(uint8_t)*s] != 0 && s - digits < 4; s++)
			v = v << 4 | (hex_digit[(uint8_t)*s] - 1);
		if (s == digits || (i < 3 && (s == end || *s++ != ':')))
			return false;
		out[2 * i] = v >> 8;
		out[2 * i + 1] = v;
	}
	return s == end;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t
days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

bool
text_date(const char *s, uint32_t *seconds)
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

bool
word_mnemonic(const struct word *word, const struct mnemonic *list, uint64_t max, uint64_t *v)
{
	if (word_number(word, max, v))
		return true;
	for (; list->name != NULL; list++)
		if (word->len == strlen(list->name) && strncasecmp(word->text, list->name, word->len) == 0) {
			*v = list->number;
			return true;
		}
	return false;
}

bool
word_flags(const struct word *word, uint64_t *v)
{
	const char *at = word->text, *end = at + word->len;

	if (word_number(word, UINT16_MAX, v))
		return true;
	for (*v = 0; at <= end;) {
		const char *bar = memchr(at, '|', end - at);
		struct word one = { .text = at, .len = (bar != NULL ? bar : end) - at };
		uint64_t flag;

		if (!word_mnemonic(&one, rdata_key_flags, 0, &flag))
			return false;
		*v |= flag;
		at += one.len + 1;
	}
	return true;
}
