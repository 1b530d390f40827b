/* slot.c - the places of served zones by name, and the current zone of each. */
#include "sync/slot.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <urcu.h>

#include "sync/steady.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

/* liburcu orders memory by system calls that ThreadSanitizer cannot see, so it is told: what a
 * reader did before it left, and what a writer did before it retired something, comes
 * before the giving back. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define SEEN_RELEASE()	__tsan_release(&master)
#define SEEN_ACQUIRE()	__tsan_acquire(&master)
#else
#define SEEN_RELEASE()	((void)0)
#define SEEN_ACQUIRE()	((void)0)
#endif

/* Zone and policy are replaced as a whole by one store (release), which readers see (acquire)
 * or not yet; what was replaced is given back after a grace period. */
struct slot {
	_Atomic(struct zone *) zone;		/* commit thread stores */
	_Atomic(const void *) policy;		/* control loop stores */
	void (*policy_free)(void *);		/* control loop */
	_Atomic uint64_t expires;
	_Atomic int64_t since;			/* steady; commit thread stores */
	_Atomic uint64_t room;			/* control loop stores */
	atomic_uint refs;
	atomic_bool removed;
	uint32_t hash;
	uint8_t labels, len;			/* of origin */
	char *name;
	uint8_t origin[];
};

/* Open addressing, at most half full.  hash stands beside the pointer so that a miss touches
 * one cache line.  depths: bit n is set when some origin has n labels, so that a
 * lookup hashes only the suffixes that may be there: one for a hundred thousand second-level zones. */
struct table {
	uint64_t depths[2];
	uint32_t mask;
	struct entry {
		uint32_t hash;
		struct slot *slot;
	} entry[];
};

static _Atomic(struct table *) current;

/* The control loop's list, what it adds and removes until slot_apply(). */
static struct master {
	struct slot **slot;
	size_t count, room;
	bool changed;		/* since slot_apply() */
	bool sorted;
} master;

/* --- giving back ------------------------------------------------------- */

struct retired {
	struct rcu_head head;
	void (*fn)(void *);
	void *what;
};

/* Retired and not given back yet: for slot_settle(). */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t none;
	size_t count;
} waiting = { .lock = PTHREAD_MUTEX_INITIALIZER, .none = PTHREAD_COND_INITIALIZER };

static void
on_grace_period(struct rcu_head *head)
{
	struct retired *r = caa_container_of(head, struct retired, head);

	SEEN_ACQUIRE();
	r->fn(r->what);
	free(r);
	pthread_mutex_lock(&waiting.lock);
	if (--waiting.count == 0)
		pthread_cond_broadcast(&waiting.none);
	pthread_mutex_unlock(&waiting.lock);
}

/* Run fn(what) on liburcu's thread once all who may see it have left. */
static void
retire(void (*fn)(void *), void *what)
{
	struct retired *r;

	if (what == NULL)
		return;
	r = xmalloc(sizeof(*r));
	r->fn = fn;
	r->what = what;
	pthread_mutex_lock(&waiting.lock);
	waiting.count++;
	pthread_mutex_unlock(&waiting.lock);
	SEEN_RELEASE();
	call_rcu(&r->head, on_grace_period);
}

static void
retire_zone(void *zone)
{
	zone_unref(zone);
}

/* --- readers ----------------------------------------------------------- */

void
slot_thread_begin(void)
{
	rcu_register_thread();
}

void
slot_thread_end(void)
{
	rcu_unregister_thread();
}

void
slot_enter(void)
{
	rcu_read_lock();
}

void
slot_leave(void)
{
	SEEN_RELEASE();
	rcu_read_unlock();
}

static struct slot *
lookup(const struct table *t, uint32_t hash, const uint8_t *origin, size_t len)
{
	for (uint32_t i = hash & t->mask; t->entry[i].slot != NULL;
	    i = (i + 1) & t->mask) {
		struct slot *slot = t->entry[i].slot;

		if (t->entry[i].hash == hash && slot->len == len &&
		    memcmp(slot->origin, origin, len) == 0)
			return slot;
	}
	return NULL;
}

static uint32_t
origin_hash(const uint8_t *origin, size_t len)
{
	return (uint32_t)hash_bytes(0, origin, len);
}

struct slot *
slot_find(const uint8_t *name, bool parent)
{
	const struct table *t = atomic_load_explicit(&current, memory_order_acquire);
	uint8_t start[DNAME_LABELS + 1];	/* of the suffix that drops i labels */
	int labels = 0, dropped;
	size_t len = 0;

	if (t == NULL)
		return NULL;
	for (; name[len] != 0; len += name[len] + 1u)
		start[labels++] = (uint8_t)len;
	start[labels] = (uint8_t)len++;
	for (dropped = parent ? 1 : 0; dropped <= labels; dropped++) {
		unsigned depth = (unsigned)(labels - dropped);
		const uint8_t *suffix = name + start[dropped];
		size_t suffix_len = len - start[dropped];
		struct slot *slot;

		if ((t->depths[depth / 64] >> depth % 64 & 1) == 0)
			continue;
		slot = lookup(t, origin_hash(suffix, suffix_len), suffix, suffix_len);
		if (slot != NULL)
			return slot;
	}
	return NULL;
}

struct slot *
slot_exact(const uint8_t *origin)
{
	const struct table *t = atomic_load_explicit(&current, memory_order_acquire);
	uint8_t lower[DNAME_MAX];
	size_t len = name_lower(lower, origin);

	return t == NULL ? NULL : lookup(t, origin_hash(lower, len), lower, len);
}

struct zone *
slot_zone(const struct slot *slot)
{
	return atomic_load_explicit(&slot->zone, memory_order_acquire);
}

struct zone *
slot_zone_ref(struct slot *slot)
{
	struct zone *zone;

	slot_enter();
	if ((zone = slot_zone(slot)) != NULL)
		zone_ref(zone);
	slot_leave();
	return zone;
}

const uint8_t *
slot_origin(const struct slot *slot)
{
	return slot->origin;
}

const char *
slot_name(const struct slot *slot)
{
	return slot->name;
}

const void *
slot_policy(const struct slot *slot)
{
	return atomic_load_explicit(&slot->policy, memory_order_acquire);
}

void
slot_set_expires(struct slot *slot, uint64_t expires)
{
	atomic_store_explicit(&slot->expires, expires, memory_order_relaxed);
}

uint64_t
slot_expires(const struct slot *slot)
{
	return atomic_load_explicit(&slot->expires, memory_order_relaxed);
}

bool
slot_removed(const struct slot *slot)
{
	return atomic_load(&slot->removed);
}

/* --- life -------------------------------------------------------------- */

struct slot *
slot_ref(struct slot *slot)
{
	atomic_fetch_add_explicit(&slot->refs, 1, memory_order_relaxed);
	return slot;
}

/* The table held the last reference but those of slot_ref(), and gives it back only when no reader can
 * find the slot: whoever is last here is alone with it. */
void
slot_unref(struct slot *slot)
{
	if (atomic_fetch_sub_explicit(&slot->refs, 1, memory_order_acq_rel) != 1)
		return;
	zone_unref(slot_zone(slot));
	if (slot->policy_free != NULL)
		slot->policy_free((void *)slot_policy(slot));
	free(slot->name);
	free(slot);
}

struct slot *
slot_add(const uint8_t *origin)
{
	size_t len = name_len(origin), text_len;
	struct slot *slot = xcalloc(1, sizeof(*slot) + len);
	char text[DNAME_TEXT_MAX];

	name_lower(slot->origin, origin);
	slot->len = (uint8_t)len;
	slot->labels = (uint8_t)name_labels(origin);
	slot->hash = origin_hash(slot->origin, len);
	text_len = name_print(text, slot->origin);
	if (text_len > 1)
		text[text_len - 1] = '\0';
	slot->name = xstrdup(text);
	atomic_init(&slot->refs, 1);
	if (master.count == master.room) {
		master.room = master.room == 0 ? 64 : 2 * master.room;
		master.slot = xrealloc(master.slot,
		    master.room * sizeof(struct slot *));
	}
	master.slot[master.count++] = slot;
	master.changed = true;
	master.sorted = false;
	return slot;
}

void
slot_remove(struct slot *slot)
{
	assert(!slot_removed(slot));
	atomic_store(&slot->removed, true);
	master.changed = true;
}

/* Nobody finds the slot any more.  Those who hold a reference to it still may look at its
 * zone, so the zone waits for them once more. */
static void
retire_slot(void *arg)
{
	struct slot *slot = arg;

	retire(retire_zone, atomic_exchange(&slot->zone, NULL));
	slot_unref(slot);
}

/* retire() runs fn(what); a policy has an fn of its caller's. */
void
slot_set_policy(struct slot *slot, const void *policy, void (*on_free)(void *))
{
	void *old = (void *)atomic_exchange(&slot->policy, policy);

	if (slot->policy_free != NULL)
		retire(slot->policy_free, old);
	slot->policy_free = on_free;
}

static struct table *
build_table(void)
{
	struct table *t;
	uint32_t size = 4;

	while (size < 2 * master.count)
		size *= 2;
	t = xcalloc(1, sizeof(*t) + size * sizeof(struct entry));
	t->mask = size - 1;
	for (size_t n = 0; n < master.count; n++) {
		struct slot *slot = master.slot[n];
		uint32_t i = slot->hash & t->mask;

		while (t->entry[i].slot != NULL)
			i = (i + 1) & t->mask;
		t->entry[i] = (struct entry){ slot->hash, slot };
		t->depths[slot->labels / 64] |= UINT64_C(1) << slot->labels % 64;
	}
	return t;
}

void
slot_apply(void)
{
	struct slot **gone;
	size_t kept = 0, gone_count = 0;

	if (!master.changed)
		return;
	gone = xmalloc((master.count + 1) * sizeof(struct slot *));
	for (size_t i = 0; i < master.count; i++)
		if (slot_removed(master.slot[i]))
			gone[gone_count++] = master.slot[i];
		else
			master.slot[kept++] = master.slot[i];
	master.count = kept;
	master.changed = false;
	retire(free, atomic_exchange(&current, build_table()));
	for (size_t i = 0; i < gone_count; i++)
		retire(retire_slot, gone[i]);
	free(gone);
}

void
slot_publish(struct slot *slot, struct zone *zone)
{
	atomic_store_explicit(&slot->since, zone != NULL ? steady_now() : 0, memory_order_relaxed);
	retire(retire_zone, atomic_exchange(&slot->zone, zone));
}

void
slot_set_room(struct slot *slot, uint64_t room)
{
	atomic_store_explicit(&slot->room, room, memory_order_relaxed);
}

uint64_t
slot_room(const struct slot *slot)
{
	return atomic_load_explicit(&slot->room, memory_order_relaxed);
}

uint64_t
slot_since(const struct slot *slot)
{
	return (uint64_t)steady_to_clock(atomic_load_explicit(&slot->since, memory_order_relaxed));
}

void
slot_settle(void)
{
	pthread_mutex_lock(&waiting.lock);
	while (waiting.count > 0)
		pthread_cond_wait(&waiting.none, &waiting.lock);
	pthread_mutex_unlock(&waiting.lock);
}

/* --- all of them ------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	const struct slot *const *x = a, *const *y = b;

	return name_cmp((*x)->origin, (*y)->origin);
}

void
slot_each(void (*fn)(void *ctx, struct slot *), void *ctx)
{
	if (!master.sorted)
		qsort(master.slot, master.count, sizeof(struct slot *), by_name);
	master.sorted = true;
	for (size_t i = 0; i < master.count; i++)
		if (!slot_removed(master.slot[i]))
			fn(ctx, master.slot[i]);
}
