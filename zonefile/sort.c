#include "zonefile/sort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

/* Below this many keys, counting digits costs more than comparing. */
#define RADIX_MIN 2048

/* Few keys are sorted without memory from the heap: most names own few records. */
#define FEW 16

static int
order_of(const struct key *a, const struct key *b, key_cmp *cmp)
{
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return cmp(a, b);
}

static void
insertion_sort(struct key *key, size_t count, key_cmp *cmp)
{
	for (size_t i = 1; i < count; i++) {
		struct key k = key[i];
		size_t at = i;

		for (; at > 0 && order_of(&k, &key[at - 1], cmp) < 0; at--)
			key[at] = key[at - 1];
		key[at] = k;
	}
}

static void
merge_sort(struct key *key, struct key *room, size_t count, key_cmp *cmp)
{
	size_t half = count / 2, i = 0, k = half, n = 0;

	if (count <= FEW) {
		insertion_sort(key, count, cmp);
		return;
	}
	merge_sort(key, room, half, cmp);
	merge_sort(key + half, room, count - half, cmp);
	if (order_of(&key[half - 1], &key[half], cmp) <= 0)
		return;
	while (i < half && k < count)
		room[n++] = order_of(&key[k], &key[i], cmp) < 0 ? key[k++] : key[i++];
	while (i < half)
		room[n++] = key[i++];
	memcpy(key, room, n * sizeof(*key));
}

/* By order alone, least significant digit first; a digit that all have alike costs one count. */
static void
radix_sort(struct key *key, struct key *room, size_t count)
{
	enum { BITS = 11, DIGITS = 1 << BITS };
	struct key *from = key, *to = room;
	size_t start[DIGITS];

	for (unsigned shift = 0; shift < 64; shift += BITS) {
		size_t sum = 0;

		memset(start, 0, sizeof(start));
		for (size_t i = 0; i < count; i++)
			start[from[i].order >> shift & (DIGITS - 1)]++;
		if (start[from[0].order >> shift & (DIGITS - 1)] == count)
			continue;
		for (size_t d = 0; d < DIGITS; d++) {
			size_t n = start[d];

			start[d] = sum;
			sum += n;
		}
		for (size_t i = 0; i < count; i++)
			to[start[from[i].order >> shift & (DIGITS - 1)]++] = from[i];
		struct key *swap = from;
		from = to;
		to = swap;
	}
	if (from != key)
		memcpy(key, from, count * sizeof(*key));
}

static bool
sorted(const struct key *key, size_t count, key_cmp *cmp)
{
	for (size_t i = 1; i < count; i++)
		if (order_of(&key[i - 1], &key[i], cmp) > 0)
			return false;
	return true;
}

void
sort_keys_in(struct key *room, struct key *key, size_t count, key_cmp *cmp)
{
	if (sorted(key, count, cmp))	/* as signers and dumps write them */
		return;
	if (count < RADIX_MIN) {
		merge_sort(key, room, count, cmp);
		return;
	}
	radix_sort(key, room, count);
	for (size_t start = 0, end; start < count; start = end) {
		for (end = start + 1; end < count && key[end].order == key[start].order;)
			end++;
		merge_sort(key + start, room, end - start, cmp);
	}
}

void
sort_keys(struct key *key, size_t count, key_cmp *cmp)
{
	struct key *room;

	if (count <= FEW) {
		insertion_sort(key, count, cmp);
		return;
	}
	room = xmalloc(count * sizeof(*room));
	sort_keys_in(room, key, count, cmp);
	free(room);
}
