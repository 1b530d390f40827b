/* target_text.c - SQL under way. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sync/target_impl.h"
#include "zonefile/arena.h"

void
text_put(struct text *t, const char *s, size_t len)
{
	if (t->len + len + 1 > t->size)
		t->s = xrealloc(t->s, t->size = (t->size + len + 1) * 2);
	memcpy(t->s + t->len, s, len);
	t->s[t->len += len] = '\0';
}

void
text_str(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void
text_number(struct text *t, int64_t v)
{
	char buf[24], *at = buf + sizeof(buf);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--at = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (v < 0)
		*--at = '-';
	text_put(t, at, (size_t)(buf + sizeof(buf) - at));
}

void
text_quote(struct text *t, const char *s, size_t len)
{
	const char *end = s + len, *quote;

	if (s == NULL) {
		text_put(t, "NULL", 4);
		return;
	}
	text_put(t, "'", 1);
	while ((quote = memchr(s, '\'', (size_t)(end - s))) != NULL) {
		text_put(t, s, (size_t)(quote + 1 - s));
		text_put(t, "'", 1);
		s = quote + 1;
	}
	text_put(t, s, (size_t)(end - s));
	text_put(t, "'", 1);
}

struct text *
target_sql(struct target *t, const char *fmt, ...)
{
	struct text *out = &t->sql;
	va_list ap;

	va_start(ap, fmt);
	out->len = 0;
	for (const char *p; (p = strchr(fmt, '%')) != NULL; fmt = p + 2) {
		const char *s;

		text_put(out, fmt, (size_t)(p - fmt));
		switch (p[1]) {
		case 's':
			text_str(out, va_arg(ap, const char *));
			break;
		case 'q':
			s = va_arg(ap, const char *);
			text_quote(out, s, s != NULL ? strlen(s) : 0);
			break;
		default:
			text_number(out, va_arg(ap, int64_t));
		}
	}
	text_str(out, fmt);
	va_end(ap);
	return out;
}

void
sql_count(void *ctx, const char *const *value, const size_t *len)
{
	(void)len;
	*(int64_t *)ctx = strtoll(value[0], NULL, 10);
}
