#include "daemon/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "zonefile/arena.h"

static void
make_room(struct text *text, size_t len)
{
	if (text->room - text->len >= len)
		return;
	text->room = (text->len + len) * 2;
	text->octets = xrealloc(text->octets, text->room);
}

void
text_add(struct text *text, const char *octets, size_t len)
{
	make_room(text, len);
	memcpy(text->octets + text->len, octets, len);
	text->len += len;
}

void
text_print(struct text *text, const char *fmt, ...)
{
	va_list ap;
	int len;

	make_room(text, 256);
	va_start(ap, fmt);
	len = vsnprintf(text->octets + text->len, text->room - text->len, fmt, ap);
	va_end(ap);
	if ((size_t)len >= text->room - text->len) {
		make_room(text, (size_t)len + 1);
		va_start(ap, fmt);
		vsnprintf(text->octets + text->len, (size_t)len + 1, fmt, ap);
		va_end(ap);
	}
	text->len += (size_t)len;
}
