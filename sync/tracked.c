/* tracked.c - the zones of one mirror: found by name, and queued when there is something to do. */
#include "sync/tracked.h"

#include <stdlib.h>
#include <string.h>

#include "sync/pdns_text.h"
#include "sync/steady.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

void
tracked_init(struct tracked_set *set)
{
	*set = (struct tracked_set){ .buckets = 16 };
	set->bucket = xcalloc(set->buckets, sizeof(struct tracked *));
	for (int i = 0; i < TRACKED_CLASSES; i++)
		TAILQ_INIT(&set->line[i]);
	TAILQ_INIT(&set->turns);
}

struct tracked_meta *
tracked_meta_new(const struct target_meta *row, size_t count)
{
	size_t size = sizeof(struct tracked_meta) + count * sizeof(*row), octets = 0;
	struct tracked_meta *meta;
	char *at;

	for (size_t i = 0; i < count; i++)
		octets += strlen(row[i].kind) + strlen(row[i].content) + 2;
	meta = xmalloc(size + octets);
	*meta = (struct tracked_meta){ .users = 1, .hash = export_hash(row, count), .count = count };
	at = (char *)meta + size;
	for (size_t i = 0; i < count; i++) {
		meta->row[i].kind = strcpy(at, row[i].kind);
		at += strlen(at) + 1;
		meta->row[i].content = strcpy(at, row[i].content);
		at += strlen(at) + 1;
	}
	return meta;
}

void
tracked_meta_release(struct tracked_meta *meta)
{
	if (meta != NULL && --meta->users == 0)
		free(meta);
}

/* Where the zone of this name stands, or would. */
static struct tracked **
place_of(const struct tracked_set *set, const char *name, uint64_t hash)
{
	struct tracked **at = &set->bucket[hash & (set->buckets - 1)];

	while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->name, name) != 0))
		at = &(*at)->chain;
	return at;
}

struct tracked *
tracked_named(const struct tracked_set *set, const char *name)
{
	return *place_of(set, name, hash_bytes(0, name, strlen(name)));
}

static void
grow(struct tracked_set *set)
{
	set->buckets *= 2;
	set->bucket = xrealloc(set->bucket, set->buckets * sizeof(struct tracked *));
	memset(set->bucket, 0, set->buckets * sizeof(struct tracked *));
	for (struct tracked *z = set->all; z != NULL; z = z->next) {
		struct tracked **at = &set->bucket[z->hash & (set->buckets - 1)];

		z->chain = *at;
		*at = z;
	}
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
	z->behind_since = steady_now();
	z->number = ++set->added;
	z->next = set->all;
	z->at = &set->all;
	if (set->all != NULL)
		set->all->at = &z->next;
	set->all = z;
	TAILQ_INSERT_TAIL(&set->turns, z, turn);
	z->hash = hash_bytes(0, name, strlen(name));
	if (++set->count > set->buckets)
		grow(set);
	else
		*place_of(set, name, z->hash) = z;
	return z;
}

void
tracked_remove(struct tracked_set *set, struct tracked *z)
{
	*place_of(set, z->name, z->hash) = z->chain;
	set->count--;
	TAILQ_REMOVE(&set->turns, z, turn);
	*z->at = z->next;
	if (z->next != NULL)
		z->next->at = z->at;
	if (z->slot != NULL)
		slot_unref(z->slot);
	zone_unref(z->last);
	tracked_meta_release(z->meta);
	free(z->why);
	free(z->origin);
	free(z->name);
	free(z);
}

void
tracked_end(struct tracked_set *set)
{
	while (set->all != NULL)
		tracked_remove(set, set->all);
	free(set->bucket);
}

/* A large zone that is there changes by a difference, as a rule. */
static enum tracked_class
class_of(struct tracked *z, bool changed)
{
	struct zone *zone = z->slot != NULL ? slot_zone_ref(z->slot) : NULL;

	z->records = zone != NULL ? zone_records(zone) : 0;
	zone_unref(zone);
	if (z->records > TRACKED_LARGE && (!z->known || z->disabled || z->resync))
		return TRACKED_BIG;
	return changed ? TRACKED_CHANGED : TRACKED_BEHIND;
}

void
tracked_unqueue(struct tracked_set *set, struct tracked *z)
{
	if (z->queued)
		TAILQ_REMOVE(&set->line[z->class], z, line);
	z->queued = false;
}

void
tracked_queue(struct tracked_set *set, struct tracked *z, bool changed)
{
	enum tracked_class class;

	if (z->state == MIRROR_IN_STEP) {
		z->state = MIRROR_BEHIND;
		z->behind_since = steady_now();
	}
	if (z->busy != NULL) {
		z->again = true;
		return;
	}
	class = class_of(z, changed);
	if (z->queued && (z->class == class || (z->class == TRACKED_CHANGED && class != TRACKED_BIG)))
		return;
	tracked_unqueue(set, z);
	z->queued = true;
	z->class = class;
	TAILQ_INSERT_TAIL(&set->line[class], z, line);
}

static struct tracked *
take_one(struct tracked_set *set, const void *writer, enum tracked_class class)
{
	struct tracked *z = TAILQ_FIRST(&set->line[class]);

	if (z == NULL)
		return NULL;
	TAILQ_REMOVE(&set->line[class], z, line);
	z->queued = false;
	z->busy = writer;
	set->big += class == TRACKED_BIG;
	return z;
}

size_t
tracked_take(struct tracked_set *set, const void *writer, struct tracked **batch, size_t room, bool big, bool big_first)
{
	size_t count = 0;

	if (big && big_first && (batch[0] = take_one(set, writer, TRACKED_BIG)) != NULL)
		return 1;
	for (int class = TRACKED_CHANGED; class <= TRACKED_BEHIND; class++)
		while (count < room && (batch[count] = take_one(set, writer, class)) != NULL)
			count++;
	if (count == 0 && big && (batch[0] = take_one(set, writer, TRACKED_BIG)) != NULL)
		count = 1;
	return count;
}

void
tracked_back(struct tracked_set *set, struct tracked *z)
{
	set->big -= z->class == TRACKED_BIG;
	z->busy = NULL;
	if (z->again) {
		z->again = false;
		tracked_queue(set, z, true);
	}
}

struct tracked *
tracked_turn(struct tracked_set *set)
{
	struct tracked *z = TAILQ_FIRST(&set->turns);

	if (z != NULL) {
		TAILQ_REMOVE(&set->turns, z, turn);
		TAILQ_INSERT_TAIL(&set->turns, z, turn);
	}
	return z;
}

bool
tracked_waiting(const struct tracked_set *set, bool big)
{
	return !TAILQ_EMPTY(&set->line[TRACKED_CHANGED]) || !TAILQ_EMPTY(&set->line[TRACKED_BEHIND]) ||
	    (big && !TAILQ_EMPTY(&set->line[TRACKED_BIG]));
}
