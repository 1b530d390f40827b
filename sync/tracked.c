/* tracked.c - the zones of one mirror: found by name, and queued when there is something to do. */
#include "sync/tracked.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "sync/pdns_text.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"

void
tracked_init(struct tracked_set *set)
{
	*set = (struct tracked_set){ .last = &set->first };
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct tracked *)a)->name, ((const struct tracked *)b)->name);
}

struct tracked *
tracked_named(const struct tracked_set *set, const char *name)
{
	struct tracked key = { .name = (char *)name };
	struct tracked **found = tfind(&key, &set->tree, by_name);

	return found != NULL ? *found : NULL;
}

struct tracked *
tracked_find(const struct tracked_set *set, const uint8_t *origin)
{
	uint8_t lower[DNAME_MAX];
	char name[PDNS_NAME_TEXT];

	name_lower(lower, origin);
	pdns_name(name, lower);
	return tracked_named(set, name);
}

struct tracked *
tracked_add(struct tracked_set *set, const uint8_t *origin)
{
	struct tracked *z = xcalloc(1, sizeof(*z));
	size_t len = name_len(origin);
	char name[PDNS_NAME_TEXT];

	z->origin = xmalloc(len);
	name_lower(z->origin, origin);
	pdns_name(name, z->origin);
	z->name = xstrdup(name);
	z->state = MIRROR_BEHIND;
	z->next = set->all;
	z->at = &set->all;
	if (set->all != NULL)
		set->all->at = &z->next;
	set->all = z;
	if (tsearch(z, &set->tree, by_name) == NULL)
		abort();
	return z;
}

void
tracked_remove(struct tracked_set *set, struct tracked *z)
{
	tdelete(z, &set->tree, by_name);
	*z->at = z->next;
	if (z->next != NULL)
		z->next->at = z->at;
	if (z->slot != NULL)
		slot_unref(z->slot);
	zone_unref(z->last);
	free(z->why);
	free(z->origin);
	free(z->name);
	free(z);
}

void
tracked_queue(struct tracked_set *set, struct tracked *z)
{
	if (z->state == MIRROR_IN_STEP)
		z->state = MIRROR_BEHIND;
	if (z->queued)
		return;
	z->queued = true;
	z->next_queued = NULL;
	*set->last = z;
	set->last = &z->next_queued;
}

size_t
tracked_take(struct tracked_set *set, struct tracked **batch, size_t room)
{
	size_t count = 0;

	while (set->first != NULL && count < room) {
		batch[count] = set->first;
		set->first->queued = false;
		set->first = set->first->next_queued;
		count++;
	}
	if (set->first == NULL)
		set->last = &set->first;
	return count;
}
