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
	uint32_t place;		/* line, or RUN_KEPT and which of runs.place[], of its last run */
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
		uint32_t set;	/* set_order() of one that was joined; 0: where the item began */
		uint32_t before;	/* of a set: the entry's place without it */
	} *place;
	uint32_t places, place_room;
};

void runs_init(struct runs *, run_name *, key_cmp *);
void runs_free(struct runs *);		/* not the items */
/* place: of the first record.  The entry stays where it is unless runs.lists has changed. */
struct run_entry *runs_add(struct runs *, const void *item, const struct key *place);
void runs_replace(struct run_entry *, const void *item);	/* by one of the same name */
/* A set was joined to the item that came from another place. */
void runs_join(struct runs *, struct run_entry *, uint32_t set, const struct key *place);

/* The lists one after the other are in order.  What is wanted of room: as much as sort_keys_in() needs for any of them. */
struct key *runs_room(const struct runs *);			/* free() */
/* One list in order, which is free then; returns how many keys.  Their lines are for runs_place(). */
size_t runs_sort(struct runs *, unsigned list, struct key *room);
/* The same item with the place of one of its sets, 0: of what came last. */
struct key runs_place(const struct runs *, const struct key *, uint32_t set);
#endif
