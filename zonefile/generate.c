#include "zonefile/generate.h"

#include <string.h>

#define WIDTH_MAX 127

struct text {
	char *out;
	size_t size, len;
};

static void
add(struct text *t, char c)
{
	if (t->len < t->size)
		t->out[t->len] = c;
	t->len++;
}

/* Digits up to max at *at, which moves behind them. */
static bool
number(const char **at, const char *end, int64_t max, int64_t *v)
{
	const char *from = *at;

	for (*v = 0; *at < end && **at >= '0' && **at <= '9'; ++*at)
		if ((*v = *v * 10 + (**at - '0')) > max)
			return false;
	return *at > from;
}

bool
generate_range(struct generate *g, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	int64_t first, last, step = 1;

	if (!number(&at, end, INT32_MAX, &first) || at == end || *at++ != '-' ||
	    !number(&at, end, INT32_MAX, &last))
		return false;
	if (at < end && (*at++ != '/' || !number(&at, end, INT32_MAX, &step)))
		return false;
	*g = (struct generate){ (int32_t)first, (int32_t)last, (int32_t)step };
	return at == end && first <= last && step > 0;
}

/* As printf() does; negative values have a sign in decimal only. */
static void
add_number(struct text *t, int32_t v, int64_t width, char mode)
{
	unsigned base = mode == 'd' ? 10 : mode == 'o' ? 8 : 16;
	const char *digit = mode == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	bool minus = mode == 'd' && v < 0;
	uint32_t u = minus ? -(uint32_t)v : (uint32_t)v;
	char digits[WIDTH_MAX];
	int n = 0;

	do
		digits[n++] = digit[u % base];
	while ((u /= base) > 0);
	if (minus)
		add(t, '-');
	while (n + minus < width)
		digits[n++] = '0';
	while (n > 0)
		add(t, digits[--n]);
}

/* Hexadecimal digits from the lowest, as labels; width counts the dots too. */
static void
add_nibbles(struct text *t, int32_t v, int64_t width, char mode)
{
	const char *digit = mode == 'N' ? "0123456789ABCDEF" : "0123456789abcdef";
	uint32_t u = (uint32_t)v;

	do {
		add(t, digit[u & 15]);
		u >>= 4;
		width--;
		if (width > 0 || u != 0) {
			add(t, '.');
			width--;
		}
	} while (width > 0 || u != 0);
}

/* {OFFSET[,WIDTH[,BASE]]} at *at, which moves behind it. */
static const char *
modified(struct text *t, const char **at, const char *end, int32_t value)
{
	const char *p = *at + 1;
	bool minus = p < end && *p == '-';
	int64_t offset, width = 0;
	char mode = 'd';

	p += minus || (p < end && *p == '+');
	if (!number(&p, end, INT32_MAX, &offset))
		return "an offset is needed behind ${, as in ${0}, ${10,3} or ${0,2,x}";
	if (p < end && *p == ',') {
		p++;
		if (!number(&p, end, WIDTH_MAX, &width))
			return "a width is a number up to 127";
	}
	if (p + 1 < end && *p == ',') {
		mode = p[1];
		p += 2;
		if (memchr("doxXnN", mode, 6) == NULL)
			return "the base is one of d o x X n N";
	}
	if (p == end || *p != '}')
		return "${ needs a }, as in ${0}, ${10,3} or ${0,2,x}";
	*at = p + 1;
	offset = value + (minus ? -offset : offset);
	if (offset > INT32_MAX || offset < INT32_MIN)
		return "the value with its offset is above 2147483647";
	if (mode == 'n' || mode == 'N')
		add_nibbles(t, (int32_t)offset, width, mode);
	else
		add_number(t, (int32_t)offset, width, mode);
	return NULL;
}

int
generate_expand(char *out, size_t size, const char *text, size_t len, int32_t value,
    size_t *bad, const char **why)
{
	const char *at = text, *end = text + len, *from;
	struct text t = { out, size, 0 };

	while (at < end) {
		if (*at == '\\') {
			add(&t, *at++);
			if (at < end)
				add(&t, *at++);
		} else if (*at != '$') {
			add(&t, *at++);
		} else if (++at < end && *at == '$') {
			add(&t, *at++);
		} else if (at < end && *at == '{') {
			from = at;
			if ((*why = modified(&t, &at, end, value)) != NULL) {
				*bad = (size_t)(from - 1 - text);
				return -1;
			}
		} else
			add_number(&t, value, 0, 'd');
	}
	return (int)t.len;
}
