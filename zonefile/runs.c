#include "zonefile/runs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"

/* In parts that never move.  Most are as large as what the index is made of, which takes their place in memory. */
struct run_list {
	struct part {
		struct part *next;
		unsigned count, room;
		struct run_entry entry[];
	} *first, *last;
	size_t count;
};

#define PART_MIN 8
#define PART_MAX 192

/* Many are kept in lists by the first two octets of their names: each is sorted in the cache, in little memory, and its
 * own is free before the next is looked at. */
#define LISTS (1u << 16)
#define LISTS_FROM ((size_t)1 << 16)

#define ITEM_BITS 48		/* of an address, as in the index */

/* Nearly all begin in column 1 of the first file: their place is the line. */
#define RUN_KEPT 0x80000000u

void
runs_init(struct runs *runs, run_name *name, key_cmp *cmp)
{
	*runs = (struct runs){ .name = name, .cmp = cmp, .lists = 1 };
	runs->list = xcalloc(1, sizeof(runs->list[0]));
}

static void
list_free(struct run_list *list)
{
	for (struct part *part = list->first, *next; part != NULL; part = next) {
		next = part->next;
		free(part);
	}
	list->first = list->last = NULL;
}

void
runs_free(struct runs *runs)
{
	for (unsigned i = 0; i < runs->lists; i++)
		list_free(&runs->list[i]);
	free(runs->list);
	free(runs->place);
}

static struct part *
list_grow(struct run_list *list)
{
	unsigned room = list->last == NULL ? PART_MIN : list->last->room < PART_MAX / 4 ? list->last->room * 4 : PART_MAX;
	struct part *part = xmalloc(sizeof(*part) + room * sizeof(part->entry[0]));

	part->next = NULL;
	part->count = 0;
	part->room = room;
	*(list->last != NULL ? &list->last->next : &list->first) = part;
	return list->last = part;
}

static struct run_entry *
list_add(struct run_list *list, struct run_entry entry)
{
	struct part *part = list->last;

	if (part == NULL || part->count == part->room)
		part = list_grow(list);
	list->count++;
	part->entry[part->count] = entry;
	return &part->entry[part->count++];
}

static void *
item_of(const struct run_entry *entry)
{
	return (void *)(uintptr_t)(entry->item & ((UINT64_C(1) << ITEM_BITS) - 1));
}

static void
split(struct runs *runs)
{
	struct run_list whole = runs->list[0];

	runs->list = xrealloc(runs->list, LISTS * sizeof(runs->list[0]));
	memset(runs->list, 0, LISTS * sizeof(runs->list[0]));
	runs->lists = LISTS;
	for (const struct part *part = whole.first; part != NULL; part = part->next)
		for (unsigned i = 0; i < part->count; i++)
			list_add(&runs->list[rel_prefix(runs->name(item_of(&part->entry[i]))) >> 48], part->entry[i]);
	list_free(&whole);
}

static uint32_t
keep_place(struct runs *runs, const struct key *place, uint32_t set, uint32_t before)
{
	if (runs->places == runs->place_room) {
		runs->place_room = runs->place_room * 2 + 16;
		runs->place = xrealloc(runs->place, runs->place_room * sizeof(runs->place[0]));
	}
	runs->place[runs->places] = (struct run_place){ place->line, place->column, place->file, set, before };
	return RUN_KEPT | runs->places++;
}

static uint32_t
first_place(struct runs *runs, const struct key *place)
{
	if (place->file == 0)
		return 0;
	if (place->file == 1 && place->column == 1 && place->line < RUN_KEPT)
		return place->line;
	return keep_place(runs, place, 0, 0);
}

struct key
runs_place(const struct runs *runs, const struct key *key, uint32_t set)
{
	struct key at = { .order = key->order, .item = key->item };
	uint32_t place = key->line;
	const struct run_place *kept;

	for (; place & RUN_KEPT; place = kept->before) {
		kept = &runs->place[place & ~RUN_KEPT];
		if (set == 0 || kept->set == 0 || kept->set == set) {
			at.line = kept->line;
			at.column = kept->column;
			at.file = kept->file;
			return at;
		}
	}
	at.line = place;
	at.column = at.file = place != 0;
	return at;
}

struct run_entry *
runs_add(struct runs *runs, const void *item, const struct key *place)
{
	uint64_t prefix = rel_prefix(runs->name(item));
	struct run_entry entry = { (uintptr_t)item | prefix >> 32 << ITEM_BITS, (uint32_t)prefix, first_place(runs, place) };

	assert((uintptr_t)item >> ITEM_BITS == 0);
	if (runs->count++ == LISTS_FROM)
		split(runs);
	return list_add(&runs->list[runs->lists > 1 ? prefix >> 48 : 0], entry);
}

void
runs_replace(struct run_entry *entry, const void *item)
{
	entry->item = entry->item >> ITEM_BITS << ITEM_BITS | (uintptr_t)item;
}

void
runs_join(struct runs *runs, struct run_entry *entry, uint32_t set, const struct key *place)
{
	if (place->file != 0)
		entry->place = keep_place(runs, place, set, entry->place);
}

struct key *
runs_room(const struct runs *runs)
{
	size_t most = 0;
	struct key *room;

	for (unsigned i = 0; i < runs->lists; i++)
		most = runs->list[i].count > most ? runs->list[i].count : most;
	room = xmalloc(2 * most * sizeof(*room));
	xhint(room, 2 * most * sizeof(*room));
	return room;
}

size_t
runs_sort(struct runs *runs, unsigned number, struct key *room)
{
	struct run_list *list = &runs->list[number];
	struct key *key = room;

	for (const struct part *part = list->first; part != NULL; part = part->next)
		for (unsigned i = 0; i < part->count; i++) {
			const struct run_entry *entry = &part->entry[i];
			uint64_t order = (uint64_t)number << 48 | entry->item >> ITEM_BITS << 32 | entry->prefix;
			void *item = item_of(entry);

			if (runs->lists == 1)
				order = rel_prefix(runs->name(item));
			else
				__builtin_prefetch(item);	/* who compares those that are alike needs it */
			*key++ = (struct key){ .order = order, .item = item, .line = entry->place };
		}
	list_free(list);
	sort_keys_in(room + list->count, room, list->count, runs->cmp);
	return list->count;
}
