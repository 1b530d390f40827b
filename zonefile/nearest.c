#include "zonefile/nearest.h"

#include <string.h>

#include "zonefile/name.h"

#define LONGEST 40

void
nearest_start(struct nearest *n, const char *text, size_t len)
{
	n->text = text;
	n->len = len;
	n->best = NULL;
	/* One slip in a short word, two in a longer one, three in a long one. */
	n->distance = len < 3 ? 1 : len < 5 ? 2 : len < 10 ? 3 : 4;
}

/* Letters put in, left out, replaced, or two neighbours swapped. */
static unsigned
distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned row[3][LONGEST + 1];

	for (size_t j = 0; j <= blen; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			uint8_t p = name_tolower[(uint8_t)a[i - 1]], q = name_tolower[(uint8_t)b[j - 1]];
			unsigned d = last[j - 1] + (p != q);

			if (last[j] + 1 < d)
				d = last[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && p == name_tolower[(uint8_t)b[j - 2]] &&
			    q == name_tolower[(uint8_t)a[i - 2]] && before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[alen % 3][blen];
}

void
nearest_offer(struct nearest *n, const char *known)
{
	size_t len = strlen(known);
	unsigned d;

	if (n->len > LONGEST || len > LONGEST || n->len == 0)
		return;
	d = distance(n->text, n->len, known, len);
	/* A word with nothing in common is as far as it is long. */
	if (d < n->distance && d < len) {
		n->distance = d;
		n->best = known;
	}
}
