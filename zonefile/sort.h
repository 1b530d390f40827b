/* sort.h - a stable sort that costs little when there is little to do. */
#ifndef ZONEFILE_SORT_H
#define ZONEFILE_SORT_H

#include <stddef.h>
#include <stdint.h>

/* order decides, then what a comparison says of the items, then how they came. */
struct key {
	uint64_t order;
	void *item;
	uint32_t line;		/* of a place, carried along */
	uint16_t column, file;
};

/* Of keys with the same order. */
typedef int key_cmp(const struct key *, const struct key *);

void sort_keys(struct key *, size_t count, key_cmp *);
/* With room for as many: fresh memory may cost as much as the sort. */
void sort_keys_in(struct key *room, struct key *, size_t count, key_cmp *);
#endif
