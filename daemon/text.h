/* text.h - text that grows. */
#ifndef DAEMON_TEXT_H
#define DAEMON_TEXT_H

#include <stddef.h>

/* Begins as zeroes; octets is the owner's to free, and not ended by NUL. */
struct text {
	char *octets;
	size_t len, room;
};
void text_add(struct text *, const char *octets, size_t len);
void text_print(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
