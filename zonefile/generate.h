/* generate.h - the templates of $GENERATE. */
#ifndef ZONEFILE_GENERATE_H
#define ZONEFILE_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct generate {
	int32_t first, last, step;
};

/* FIRST-LAST or FIRST-LAST/STEP, 0 <= FIRST <= LAST, 0 < STEP. */
bool generate_range(struct generate *, const char *text, size_t len);

/* A template to text: $ and ${OFFSET,WIDTH,BASE} become the value, $$ becomes $, and what has a backslash before it
 * stays as it is.  Octets beyond size are not written.  Returns the length, or -1 with *bad the place of what is
 * wrong and *why a sentence that stays. */
int generate_expand(char *out, size_t size, const char *text, size_t len, int32_t value,
    size_t *bad, const char **why);
#endif
