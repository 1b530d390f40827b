#include "daemon/transfer/history.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sync/journal.h"
#include "zonefile/arena.h"

#define READERS 4		/* kept open; as many as the pool has threads */
#define RECENT 8
#define RECENT_SIZE (1u << 20)	/* larger ones are not kept */

struct change {
	atomic_uint refs;
	struct delta *delta;
};

struct history {
	char *path;
	pthread_mutex_t lock;		/* of all that follows */
	struct journal *idle[READERS];
	unsigned idle_count, next;
	struct recent {
		uint64_t zone;		/* its id */
		uint32_t since;
		struct change *change;	/* NULL: free */
	} recent[RECENT];
};

struct history *
history_new(const char *journal)
{
	struct history *h = xcalloc(1, sizeof(*h));

	h->path = xstrdup(journal);
	pthread_mutex_init(&h->lock, NULL);
	return h;
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	while (h->idle_count > 0)
		journal_close(h->idle[--h->idle_count]);
	for (unsigned i = 0; i < RECENT; i++)
		change_unref(h->recent[i].change);
	pthread_mutex_destroy(&h->lock);
	free(h->path);
	free(h);
}

static struct change *
change_ref(struct change *change)
{
	atomic_fetch_add_explicit(&change->refs, 1, memory_order_relaxed);
	return change;
}

void
change_unref(struct change *change)
{
	if (change == NULL || atomic_fetch_sub(&change->refs, 1) > 1)
		return;
	delta_free(change->delta);
	free(change);
}

const struct delta *
change_delta(const struct change *change)
{
	return change->delta;
}

static struct change *
find_recent(struct history *h, const struct zone *zone, uint32_t since)
{
	for (unsigned i = 0; i < RECENT; i++) {
		struct recent *r = &h->recent[i];

		if (r->change != NULL && r->zone == zone_id(zone) && r->since == since)
			return change_ref(r->change);
	}
	return NULL;
}

static void
keep_recent(struct history *h, const struct zone *zone, uint32_t since, struct change *change)
{
	struct recent *r = &h->recent[h->next++ % RECENT];

	change_unref(r->change);
	*r = (struct recent){ zone_id(zone), since, change_ref(change) };
}

struct change *
history_change(struct history *h, const struct zone *zone, uint32_t since)
{
	struct journal *journal = NULL;
	struct change *change;
	struct delta *delta;
	size_t size;

	pthread_mutex_lock(&h->lock);
	if ((change = find_recent(h, zone, since)) == NULL && h->idle_count > 0)
		journal = h->idle[--h->idle_count];
	pthread_mutex_unlock(&h->lock);
	if (change != NULL)
		return change;

	if (journal == NULL)
		journal = journal_open_reader(h->path);
	delta = journal_chain_since(journal, zone_origin(zone), since, zone_digest(zone));
	if (delta != NULL) {
		change = xmalloc(sizeof(*change));
		atomic_init(&change->refs, 1);
		change->delta = delta;
	}

	pthread_mutex_lock(&h->lock);
	if (h->idle_count < READERS) {
		h->idle[h->idle_count++] = journal;
		journal = NULL;
	}
	if (delta != NULL && (delta_encode(delta, &size), size <= RECENT_SIZE))
		keep_recent(h, zone, since, change);
	pthread_mutex_unlock(&h->lock);
	journal_close(journal);
	return change;
}
