#include "zonefile/svcb.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "zonefile/arena.h"
#include "zonefile/digits.h"

enum { MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4HINT, ECH, IPV6HINT, DOHPATH, OHTTP, GROUPS, DOCPATH };

/* How the value of a key looks; a key without a row has octets. */
enum form { OCTETS, KEYS, STRINGS, NOTHING, NUMBER, NUMBERS, ADDRESSES4, BASE64, ADDRESSES6 };

/* IANA's registry of service parameter keys. */
static const struct row {
	const char *name;
	enum form form;
} rows[] = {
	[MANDATORY] = { "mandatory", KEYS }, [ALPN] = { "alpn", STRINGS },
	[NO_DEFAULT_ALPN] = { "no-default-alpn", NOTHING }, [PORT] = { "port", NUMBER },
	[IPV4HINT] = { "ipv4hint", ADDRESSES4 }, [ECH] = { "ech", BASE64 },
	[IPV6HINT] = { "ipv6hint", ADDRESSES6 }, [DOHPATH] = { "dohpath", OCTETS },
	[OHTTP] = { "ohttp", NOTHING },
	[GROUPS] = { "tls-supported-groups", NUMBERS }, [DOCPATH] = { "docpath", STRINGS },
};
#define ROWS (sizeof(rows) / sizeof(*rows))
/* Keys from here on are read by name and printed by number: few other readers know the names. */
#define LATE GROUPS

static enum form
form_of(unsigned key)
{
	return key < LATE ? rows[key].form : OCTETS;
}

static unsigned
u16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

/* A key by name, or as keyNNNNN without leading zeros; -1 when it is neither. */
static int
key_of(const char *text, size_t len)
{
	int v = 0;

	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == len && strncasecmp(rows[i].name, text, len) == 0)
			return i;
	if (len < 4 || len > 8 || strncasecmp(text, "key", 3) != 0 || (text[3] == '0' && len > 4))
		return -1;
	for (size_t i = 3; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		v = v * 10 + (text[i] - '0');
	}
	return v < 65535 ? v : -1;	/* the last one is reserved for no key */
}

/* ---- text to wire ---- */

/* The items of a comma-separated list, of which each is put by one function. */
typedef int put_fn(uint8_t *out, size_t size, const char *item, size_t len);

static int
put_key(uint8_t *out, size_t size, const char *item, size_t len)
{
	int key = key_of(item, len);

	if (key < 0 || size < 2)
		return -1;
	out[0] = key >> 8;
	out[1] = key;
	return 2;
}

static int
put_address(uint8_t *out, size_t size, const char *item, size_t len, int family)
{
	size_t octets = family == AF_INET ? 4 : 16;
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text) || size < octets)
		return -1;
	memcpy(text, item, len);
	text[len] = '\0';
	return strlen(text) == len && inet_pton(family, text, out) == 1 ? (int)octets : -1;
}

static int
put_ipv4(uint8_t *out, size_t size, const char *item, size_t len)
{
	return put_address(out, size, item, len, AF_INET);
}

static int
put_ipv6(uint8_t *out, size_t size, const char *item, size_t len)
{
	return put_address(out, size, item, len, AF_INET6);
}

static int
put_list(uint8_t *out, size_t size, const char *value, size_t len, put_fn *put)
{
	const char *end = value + len;
	int n, at = 0;

	do {
		const char *comma = memchr(value, ',', end - value);
		size_t item = (comma != NULL ? comma : end) - value;

		if ((n = put(out + at, size - at, value, item)) < 0)
			return -1;
		at += n;
		value += item + 1;
	} while (value <= end);
	return at;
}

/* Items may hold commas behind a backslash (RFC 9460 A.1), so they are taken octet by octet. */
static int
put_strings(uint8_t *out, size_t size, const char *value, size_t len)
{
	size_t at = 1, item = 0;	/* item: of its length octet */

	if (size < len + 1)
		return -1;
	for (size_t i = 0; i <= len; i++) {
		if (i == len || value[i] == ',') {
			if (at == item + 1 || at - item - 1 > 255)
				return -1;
			out[item] = at - item - 1;
			item = at++;
			continue;
		}
		if (value[i] == '\\' && ++i == len)
			return -1;
		out[at++] = value[i];
	}
	return item;
}

static int
put_number(uint8_t *out, size_t size, const char *value, size_t len)
{
	unsigned v = 0;

	if (len == 0 || len > 5 || size < 2)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return -1;
		v = v * 10 + (value[i] - '0');
	}
	out[0] = v >> 8;
	out[1] = v;
	return v <= UINT16_MAX ? 2 : -1;
}

/* The keys in order, each once (RFC 9460 2.2). */
static int
put_mandatory(uint8_t *out, size_t size, const char *value, size_t len)
{
	int n = put_list(out, size, value, len, put_key);

	for (int i = 2; i < n; i += 2)
		for (int j = i; j > 0 && u16(out + j) < u16(out + j - 2); j -= 2) {
			uint8_t two[2];

			memcpy(two, out + j, 2);
			memcpy(out + j, out + j - 2, 2);
			memcpy(out + j - 2, two, 2);
		}
	return n;
}

static int
put_value(uint8_t *out, size_t size, enum form form, const char *value, size_t len)
{
	switch (form) {
	case KEYS:
		return put_mandatory(out, size, value, len);
	case STRINGS:
		return put_strings(out, size, value, len);
	case NOTHING:
		return len == 0 ? 0 : -1;
	case NUMBER:
		return put_number(out, size, value, len);
	case NUMBERS:
		return put_list(out, size, value, len, put_number);
	case ADDRESSES4:
		return put_list(out, size, value, len, put_ipv4);
	case ADDRESSES6:
		return put_list(out, size, value, len, put_ipv6);
	case BASE64:
		return base64_read(out, size, value, len);
	case OCTETS:
		break;
	}
	if (len > size)
		return -1;
	memcpy(out, value, len);
	return len;
}

struct param {
	uint16_t key, len;
	size_t at;			/* of the value in the heap */
	const struct word *word;
};

static int
param_cmp(const void *a, const void *b)
{
	return ((const struct param *)a)->key - ((const struct param *)b)->key;
}

struct parser {
	uint8_t *heap;			/* values, one behind the other */
	size_t size, used;
	struct param *param;
	size_t count;
	char *why;
	size_t why_size;
};

static bool __attribute__((format(printf, 2, 3)))
refuse(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, p->why_size, fmt, ap);
	va_end(ap);
	return false;
}

/* KEY, KEY=VALUE, or KEY= with the value in quotes as the next word. */
static bool
parse_param(struct parser *p, const struct word *word, const struct word *quoted)
{
	const char *equals = memchr(word->text, '=', word->len);
	size_t name = equals != NULL ? (size_t)(equals - word->text) : word->len;
	struct word value = *word;
	char shown[WORD_SHOW];
	uint8_t *octets;
	int key = key_of(word->text, name), len, n = -1;
	enum form form = key >= 0 && (size_t)key < ROWS ? rows[key].form : OCTETS;

	if (word->flags & WORD_QUOTED || key < 0)
		return refuse(p, "%s is not a service parameter", word_show(shown, word));
	/* By number a key takes octets, whatever they mean (RFC 9460 2.1). */
	if (name > 3 && strncasecmp(word->text, "key", 3) == 0)
		form = OCTETS;
	value.text += name + (equals != NULL);
	value.len -= name + (equals != NULL);
	if (quoted != NULL)
		value = *quoted;
	octets = xmalloc(value.len + 1);
	if ((len = word_octets(&value, octets, value.len)) >= 0 && (equals == NULL || len > 0 || quoted != NULL))
		n = put_value(p->heap + p->used, p->size - p->used, form, (char *)octets, len);
	/* No segment at all is the root's path. */
	if (key == DOCPATH && len == 0)
		n = 0;
	free(octets);
	if (n < 0 || n > UINT16_MAX)
		return refuse(p, "%s has no good value", word_show(shown, word));
	p->param[p->count++] = (struct param){ key, n, p->used, word };
	p->used += n;
	return true;
}

int
svcb_parse(uint8_t *out, size_t size, const struct word *word, size_t count,
    const struct word **bad, char *why, size_t why_size)
{
	struct parser p = { .size = size, .why = why, .why_size = why_size };
	uint8_t *at = out;
	bool good = true;

	p.heap = xmalloc(size);
	p.param = xmalloc((count + 1) * sizeof(*p.param));
	*bad = word;
	for (size_t i = 0; i < count && good; i++) {
		const struct word *quoted = NULL;

		*bad = &word[i];
		if (i + 1 < count && (word[i + 1].flags & WORD_QUOTED) && (word[i + 1].flags & WORD_JOINED) &&
		    word[i].len > 0 && memchr(word[i].text, '=', word[i].len) == word[i].text + word[i].len - 1)
			quoted = &word[i + 1];
		good = parse_param(&p, &word[i], quoted);
		i += quoted != NULL;
	}
	qsort(p.param, p.count, sizeof(*p.param), param_cmp);
	for (size_t i = 0; i < p.count && good; i++) {
		const struct param *q = &p.param[i];

		*bad = q->word;
		if (i > 0 && q->key == q[-1].key)
			good = refuse(&p, "the parameter is there twice");
		else if ((size_t)(out + size - at) < 4u + q->len)
			good = refuse(&p, "RDATA above 65535 octets");
		else {
			*at++ = q->key >> 8;
			*at++ = q->key;
			*at++ = q->len >> 8;
			*at++ = q->len;
			memcpy(at, p.heap + q->at, q->len);
			at += q->len;
		}
	}
	if (good && !svcb_valid(out, at - out)) {
		*bad = word;
		good = refuse(&p, "mandatory names itself, a parameter twice, or one that is not there; "
		    "or no-default-alpn stands without alpn; or a value is not what its parameter takes");
	}
	free(p.param);
	free(p.heap);
	return good ? at - out : -1;
}

/* ---- checks ---- */

static const uint8_t *
find(const uint8_t *params, size_t len, unsigned key)
{
	for (const uint8_t *at = params; at < params + len; at += 4 + u16(at + 2))
		if (u16(at) == key)
			return at;
	return NULL;
}

/* Characters of one to four octets, none longer than need be (RFC 3629 4). */
static bool
utf8_valid(const uint8_t *at, const uint8_t *end)
{
	static const struct { uint8_t lead, most, second_from, second_to; unsigned more; } leads[] = {
		{ 0x00, 0x7f, 0, 0, 0 }, { 0xc2, 0xdf, 0x80, 0xbf, 1 }, { 0xe0, 0xe0, 0xa0, 0xbf, 2 }, { 0xe1, 0xec, 0x80, 0xbf, 2 },
		{ 0xed, 0xed, 0x80, 0x9f, 2 }, { 0xee, 0xef, 0x80, 0xbf, 2 }, { 0xf0, 0xf0, 0x90, 0xbf, 3 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 3 }, { 0xf4, 0xf4, 0x80, 0x8f, 3 },
	};

	while (at < end) {
		const uint8_t c = *at++;
		size_t i = 0;

		while (i < sizeof(leads) / sizeof(*leads) && (c < leads[i].lead || c > leads[i].most))
			i++;
		if (i == sizeof(leads) / sizeof(*leads) || (size_t)(end - at) < leads[i].more)
			return false;
		for (unsigned k = 0; k < leads[i].more; k++, at++)
			if (k == 0 ? *at < leads[i].second_from || *at > leads[i].second_to : (*at & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static bool
percent_valid(const uint8_t *at, const uint8_t *end)
{
	return end - at > 2 && hex_digit[at[1]] != 0 && hex_digit[at[2]] != 0;
}

/* Names with commas between them, each perhaps with * or a colon and up to four digits (RFC 6570 2.3, 2.4).  Sets *dns
 * when it is one of them. */
static bool
names_valid(const uint8_t *at, const uint8_t *end, bool *dns)
{

	for (;;) {
		const uint8_t *name = at;

		while (at < end && (isalnum(*at) || *at == '_' || (*at == '%' && percent_valid(at, end)) ||
		    (*at == '.' && at > name && at[-1] != '.')))
			at++;
		if (at == name || at[-1] == '.')
			return false;
		*dns |= at - name == 3 && memcmp(name, "dns", 3) == 0;
		if (at < end && *at == '*')
			at++;
		else if (at < end && *at == ':') {
			const uint8_t *digit = ++at;

			while (at < end && isdigit(*at))
				at++;
			if (at == digit || at > digit + 4 || *digit == '0')
				return false;
		}
		if (at == end)
			return true;
		if (*at++ != ',')
			return false;
	}
}

/* A path with the variable dns in it (RFC 9461 5, RFC 6570 2). */
static bool
template_valid(const uint8_t *value, size_t len)
{
	const uint8_t *at = value, *end = value + len;
	bool dns = false;

	if (len == 0 || *value != '/' || !utf8_valid(value, end))
		return false;
	for (; at < end; at++) {
		const uint8_t *close;

		if (*at == '%' && !percent_valid(at, end))
			return false;
		if (*at != '{')
			continue;
		if ((close = memchr(at, '}', end - at)) == NULL)
			return false;
		at++;
		at += memchr("+#./;?&", *at, 7) != NULL;
		if (!names_valid(at, close, &dns))
			return false;
		at = close;
	}
	return dns;
}

static bool
value_valid(const uint8_t *params, size_t all, unsigned key, const uint8_t *value, size_t len)
{
	switch (form_of(key)) {
	case KEYS:
		if (len == 0 || len % 2 != 0)
			return false;
		for (size_t i = 0; i < len; i += 2)
			if (u16(value + i) == MANDATORY || find(params, all, u16(value + i)) == NULL ||
			    (i > 0 && u16(value + i) <= u16(value + i - 2)))
				return false;
		return true;
	case STRINGS:
		for (size_t i = 0; i < len; i += value[i] + 1)
			if (value[i] == 0 || i + value[i] + 1 > len)
				return false;
		return len > 0;
	case NOTHING:
		return len == 0 && (key != NO_DEFAULT_ALPN || find(params, all, ALPN) != NULL);
	case NUMBER:
		return len == 2;
	case ADDRESSES4:
		return len > 0 && len % 4 == 0;
	case ADDRESSES6:
		return len > 0 && len % 16 == 0;
	case BASE64:
		return true;
	case NUMBERS:
	case OCTETS:
		break;
	}
	if (key == DOHPATH)
		return template_valid(value, len);
	return key != UINT16_MAX;
}

bool
svcb_valid(const uint8_t *params, size_t len)
{
	const uint8_t *at, *end = params + len;
	int last = -1;

	for (at = params; at < end; at += 4 + u16(at + 2)) {
		if (end - at < 4 || end - at < 4 + (int)u16(at + 2) || (int)u16(at) <= last)
			return false;
		last = u16(at);
	}
	for (at = params; at < end; at += 4 + u16(at + 2))
		if (!value_valid(params, len, u16(at), at + 4, u16(at + 2)))
			return false;
	return true;
}

/* ---- wire to text ---- */

static char *
add_key(char *out, unsigned key)
{
	return out + (key < LATE ? sprintf(out, "%s", rows[key].name) : sprintf(out, "key%u", key));
}

/* An octet within quotes. */
static char *
add_octet(char *out, uint8_t c)
{
	if (c < ' ' || c >= 127)
		return out + sprintf(out, "\\%03u", c);
	if (c == '"' || c == '\\')
		*out++ = '\\';
	*out++ = c;
	return out;
}

static char *
add_list(char *out, const uint8_t *value, size_t len, enum form form)
{
	size_t octets = form == KEYS ? 2 : form == ADDRESSES4 ? 4 : 16;

	for (size_t i = 0; i < len; i += octets) {
		if (i > 0)
			*out++ = ',';
		if (form == KEYS)
			out = add_key(out, u16(value + i));
		else {
			inet_ntop(form == ADDRESSES4 ? AF_INET : AF_INET6, value + i, out, INET6_ADDRSTRLEN);
			out += strlen(out);
		}
	}
	return out;
}

static char *
add_strings(char *out, const uint8_t *value, size_t len)
{
	for (size_t i = 0; i < len; i += value[i] + 1) {
		if (i > 0)
			*out++ = ',';
		for (size_t j = i + 1; j <= i + value[i]; j++) {
			if (value[j] == ',' || value[j] == '\\')
				out = add_octet(out, '\\');
			out = add_octet(out, value[j]);
		}
	}
	return out;
}

size_t
svcb_print(char *out, const uint8_t **at)
{
	unsigned key = u16(*at), len = u16(*at + 2);
	const uint8_t *value = *at + 4;
	enum form form = form_of(key);
	char *to = add_key(out, key);

	*at += 4 + len;
	if (form == NOTHING || len == 0)
		return to - out;
	*to++ = '=';
	switch (form) {
	case KEYS:
	case ADDRESSES4:
	case ADDRESSES6:
		to = add_list(to, value, len, form);
		break;
	case NUMBER:
		to += sprintf(to, "%u", u16(value));
		break;
	case BASE64:
		to += base64_print(to, value, len);
		break;
	case STRINGS:
		*to++ = '"';
		to = add_strings(to, value, len);
		*to++ = '"';
		break;
	case NUMBERS:
	case OCTETS:
	case NOTHING:
		*to++ = '"';
		for (unsigned i = 0; i < len; i++)
			to = add_octet(to, value[i]);
		*to++ = '"';
		break;
	}
	return to - out;
}
