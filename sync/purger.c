/* purger.c - repeats purges until each server has acknowledged them. */
#include "sync/purger.h"

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zonefile/arena.h"

#define CALL_MAX 1000		/* zones a call */
#define RETRY_MIN 1000		/* milliseconds */
#define RETRY_MAX 60000

/* A query that read the old rows before our COMMIT may bring them into PowerDNS's cache after our purge, so every
 * purge is repeated when such a query is likely to be over, and when it must be. */
#define ROUNDS 3
static const int64_t after[ROUNDS] = { 0, 40, 2000 };	/* milliseconds from the round before */

struct pending {
	char *name;			/* first: key of the tree */
	bool created;
	uint64_t left[ROUNDS];		/* servers that have to forget it; in one round they have done so in those before */
	int64_t at[ROUNDS];
	unsigned added;			/* counts purger_add(), to see one during a call */
	struct pending *next;
};

struct purger {
	struct purge *purge;
	const char *label;
	report_fn *report;
	void *ctx;
	uint64_t all;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;

	/* lock */
	void *tree;			/* of pending, by name */
	struct pending *head, **tail;
	uint64_t done;
	char error[256];		/* of those that are down */
	bool stopping;

	/* the purger's thread */
	uint64_t down;			/* servers that did not acknowledge the last time */
	int64_t down_until, delay;
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct pending *)a)->name, ((const struct pending *)b)->name);
}

/* One call: zones with one set of servers. */
struct call {
	unsigned round;
	uint64_t servers;
	size_t count;
	struct pending *pending[CALL_MAX];
	unsigned added[CALL_MAX];
	struct purge_zone zone[CALL_MAX];
};

static void
collect_round(struct purger *p, struct call *call, uint64_t up, int64_t now)
{
	for (struct pending *e = p->head; e != NULL && call->count < CALL_MAX; e = e->next) {
		uint64_t servers = e->left[call->round] & up;

		if (servers == 0 || now < e->at[call->round])
			continue;
		if (call->count == 0)
			call->servers = servers;
		if (servers != call->servers)
			continue;
		call->pending[call->count] = e;
		call->added[call->count] = e->added;
		call->zone[call->count++] = (struct purge_zone){
		    e->name, e->created && call->round == 0 };
	}
}

/* Fills the call; returns when there is the next thing to do if that is nothing now.  With the lock. */
static int64_t
collect(struct purger *p, struct call *call)
{
	int64_t now = now_ms(), next = INT64_MAX;
	bool waits = now < p->down_until;
	uint64_t up = waits ? ~p->down : ~UINT64_C(0);

	call->count = 0;
	for (call->round = 0; call->round < (p->stopping ? 1 : ROUNDS); call->round++) {
		collect_round(p, call, up, now);
		if (call->count > 0)
			return now;
	}
	for (struct pending *e = p->head; e != NULL; e = e->next)
		for (unsigned i = 0; i < ROUNDS; i++) {
			if ((e->left[i] & up) != 0 && e->at[i] < next)
				next = e->at[i];
			if ((e->left[i] & ~up) != 0 && p->down_until < next)
				next = p->down_until;
		}
	return p->stopping ? now : next;
}

static bool
is_done(const struct pending *e)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		if (e->left[i] != 0)
			return false;
	return true;
}

static void
forget_done(struct purger *p)
{
	for (struct pending **at = &p->head, *e; (e = *at) != NULL; ) {
		if (!is_done(e)) {
			at = &e->next;
			p->tail = at;
			continue;
		}
		*at = e->next;
		tdelete(e, &p->tree, by_name);
		free(e->name);
		free(e);
	}
	if (p->head == NULL)
		p->tail = &p->head;
}

/* With the lock. */
static void
settle(struct purger *p, const struct call *call, uint64_t failed)
{
	uint64_t heard = call->servers & ~failed;
	int64_t now = now_ms();

	for (size_t i = 0; i < call->count; i++) {
		struct pending *e = call->pending[i];

		if (e->added != call->added[i])
			continue;	/* committed again meanwhile: all of them again */
		e->left[call->round] &= ~heard;
		if (call->round + 1 < ROUNDS) {
			e->left[call->round + 1] |= heard;
			e->at[call->round + 1] = now + after[call->round + 1];
		}
		if (call->round == 0 && e->left[0] == 0) {
			e->created = false;
			p->done++;
		}
	}
	forget_done(p);
}

static void
say(struct purger *p, enum severity severity, const char *what, const char *why)
{
	char *text = xasprintf("%s: %s%s", p->label, what, why);
	struct report report = { .severity = severity, .text = text };

	p->report(p->ctx, &report);
	free(text);
}

/* Tells of the first silence and of its end, not of each. */
static void
note_silence(struct purger *p, const struct call *call, uint64_t failed, const char *why)
{
	uint64_t before = p->down;

	p->down = (p->down & ~call->servers) | failed;
	if (failed != 0) {
		p->delay = before == 0 || p->delay == 0 ? RETRY_MIN :
		    p->delay * 2 > RETRY_MAX ? RETRY_MAX : p->delay * 2;
		p->down_until = now_ms() + p->delay;
	}
	pthread_mutex_lock(&p->lock);
	if (failed != 0 || p->down == 0)
		snprintf(p->error, sizeof(p->error), "%s", failed != 0 ? why : "");
	pthread_mutex_unlock(&p->lock);
	if (before == 0 && p->down != 0)
		say(p, WARNING, "a PowerDNS may answer from its cache for a while, it is"
		    " asked again to forget: ", why);
	else if (before != 0 && p->down == 0)
		say(p, NOTE, "every PowerDNS has forgotten what it was asked to", "");
}

static void
wait_until(struct purger *p, int64_t ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	if (ms == INT64_MAX)
		pthread_cond_wait(&p->wake, &p->lock);
	else
		pthread_cond_timedwait(&p->wake, &p->lock, &ts);
}

static void *
purger_thread(void *arg)
{
	struct purger *p = arg;
	struct call *call = xmalloc(sizeof(*call));
	char why[256];

	pthread_mutex_lock(&p->lock);
	for (;;) {
		uint64_t failed;
		int64_t next = collect(p, call);
		bool last = p->stopping;

		if (call->count == 0) {
			if (last)
				break;
			wait_until(p, next);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		failed = purge_send(p->purge, call->servers, call->zone, call->count,
		    why, sizeof(why));
		note_silence(p, call, failed, why);
		pthread_mutex_lock(&p->lock);
		settle(p, call, failed);
		if (last && failed != 0)
			break;
	}
	pthread_mutex_unlock(&p->lock);
	free(call);
	return NULL;
}

struct purger *
purger_start(struct purge *purge, const char *label, report_fn *report, void *ctx)
{
	struct purger *p = xcalloc(1, sizeof(*p));
	pthread_condattr_t attr;

	p->purge = purge;
	p->label = label;
	p->report = report;
	p->ctx = ctx;
	p->all = purge_servers(purge);
	p->tail = &p->head;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->thread, NULL, purger_thread, p) != 0)
		abort();
	return p;
}

void
purger_stop(struct purger *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	for (struct pending *e = p->head; e != NULL; e = e->next)
		memset(e->left, 0, sizeof(e->left));
	forget_done(p);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	purge_free(p->purge);
	free(p);
}

void
purger_add(struct purger *p, const char *name, bool created)
{
	struct pending key = { .name = (char *)name }, **found, *e;

	if (p->all == 0)
		return;
	pthread_mutex_lock(&p->lock);
	if ((found = tfind(&key, &p->tree, by_name)) != NULL) {
		e = *found;
	} else {
		e = xcalloc(1, sizeof(*e));
		e->name = xstrdup(name);
		*p->tail = e;
		p->tail = &e->next;
		if (tsearch(e, &p->tree, by_name) == NULL)
			abort();
	}
	e->left[0] = p->all;
	e->created |= created;
	e->added++;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

uint64_t
purger_done(struct purger *p)
{
	uint64_t done;

	pthread_mutex_lock(&p->lock);
	done = p->done;
	pthread_mutex_unlock(&p->lock);
	return done;
}

void
purger_error(struct purger *p, char *out, size_t size)
{
	pthread_mutex_lock(&p->lock);
	snprintf(out, size, "%s", p->error);
	pthread_mutex_unlock(&p->lock);
}

size_t
purger_waiting(struct purger *p)
{
	size_t count = 0;

	pthread_mutex_lock(&p->lock);
	for (const struct pending *z = p->head; z != NULL; z = z->next)
		count += z->left[0] != 0;
	pthread_mutex_unlock(&p->lock);
	return count;
}
