/* runs.h - what a builder has made of the records of each owner, in the order they came, until all are sorted. */
#ifndef ZONEFILE_RUNS_H
#define ZONEFILE_RUNS_H

#include "zonefile/index.h"
#include "zonefile/sort.h"

/* Of an item: its name. */
typedef struct rel run_name(const void *item);

/* One of many: so 16 octets. */
struct run_entry {
	uint64_t item;		/* its address, and above it octets 2 and 3 of rel_prefix() */
	uint32_t prefix;	/* octets 4 to 7; 0 and 1 are alike in a list of many */
	uint32_t place;		/* line, or RUN_KEPT and which of runs.place[] */
};

struct runs {
	run_name *name;
	key_cmp *cmp;		/* of items with one rel_prefix() */
	struct run_list *list;
	unsigned lists;		/* 1, or when there are many as many as there are first two octets of names */
	size_t count;
	struct run_place {
		uint32_t line;
		uint16_t column, file;
	} *place;
	uint32_t places, place_room;
};

void runs_init(struct runs *, run_name *, key_cmp *);
void runs_free(struct runs *);		/* not the items */
/* place: of the first record.  The entry stays where it is unless runs.lists has changed. */
struct run_entry *runs_add(struct runs *, const void *item, const struct key *place);
void runs_replace(struct run_entry *, const void *item);	/* by one of the same name */

/* The lists one after the other are in order.  What is wanted of room: as much as sort_keys_in() needs for any of them. */
struct key *runs_room(const struct runs *);			/* free() */
/* One list in order, which is free then; returns how many keys. */
size_t runs_sort(struct runs *, unsigned list, struct key *room);
#endif
