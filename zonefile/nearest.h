/* nearest.h - what somebody who mistyped a word may have meant. */
#ifndef ZONEFILE_NEAREST_H
#define ZONEFILE_NEAREST_H

#include <stddef.h>

/* Offer each known word, then take the best: NULL when none is near enough to be
 * worth saying.  Case is ignored. */
struct nearest {
	const char *text;
	size_t len;
	const char *best;
	unsigned distance;
};
void nearest_start(struct nearest *, const char *text, size_t len);
void nearest_offer(struct nearest *, const char *known);
#endif
