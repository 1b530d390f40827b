/* mirror_left.c - domains of ours that no zone has any more: found, and removed on command. */
#include "sync/mirror_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "zonefile/name.h"

#define AGAIN 50000			/* microseconds after a deadlock */
#define AGAIN_TRIES 20

void
mirror_name(struct some_names *names, const char *name, const char *more)
{
	size_t used = strlen(names->text);

	if (names->count++ < NAMED && used + strlen(name) + strlen(more) + 8 < sizeof(names->text))
		snprintf(names->text + used, sizeof(names->text) - used, "%s%s%s", used > 0 ? ", " : "", name, more);
	else
		names->more = true;
}

bool
mirror_is_left(const struct mirror *m, const struct tracked *z)
{
	return z == NULL || (z->slot == NULL && m->on_remove == MIRROR_KEEP);
}

struct finding {
	struct mirror *m;
	mirror_left_fn *fn;
	void *ctx;
};

static void
on_state(void *ctx, const struct target_state *state)
{
	struct finding *f = ctx;
	bool left;

	pthread_mutex_lock(&f->m->lock);
	left = mirror_is_left(f->m, tracked_named(&f->m->zones, state->name));
	pthread_mutex_unlock(&f->m->lock);
	if (left)
		f->fn(f->ctx, state->name, state->disabled);
}

int
mirror_left(struct mirror *m, mirror_left_fn *fn, void *ctx, char *why, size_t size)
{
	struct finding f = { m, fn, ctx };
	struct target_conf conf;
	struct target *t = mirror_reader(m, &conf);
	enum target_result result = target_connect(t);

	if (result == TARGET_OK)
		result = target_states(t, on_state, &f);
	snprintf(why, size, "%s", result == TARGET_OK ? "" : target_why(t));
	target_close(t);
	return result == TARGET_OK ? 0 : -EAGAIN;
}

/* With the lock. */
static const char *
objection(const struct mirror *m, const uint8_t *origin)
{
	const struct tracked *z = tracked_find(&m->zones, origin);

	return z != NULL && z->slot != NULL ? "a zone of the configuration is mirrored there" : mirror_shut(m);
}

/* As a writer of its own, by the mirror's lease. */
static enum target_result
delete_domain(struct target *t, const uint8_t *origin, struct target_counts *counts)
{
	enum target_result result = TARGET_AGAIN;

	for (unsigned tries = 0; result == TARGET_AGAIN && tries < AGAIN_TRIES; tries++) {
		if (tries > 0)
			usleep(AGAIN);
		if ((result = target_connect(t)) == TARGET_OK)
			result = target_begin(t);
		if (result == TARGET_OK)
			result = target_delete(t, origin);
		*counts = *target_counts(t);
		if (result == TARGET_OK)
			result = target_commit(t);
	}
	return result;
}

/* Should the zone be included meanwhile, the next look finds that it is not there, and it is written. */
int
mirror_remove(struct mirror *m, const char *domain, uint64_t *rows, char *why, size_t size)
{
	static const uint8_t root[1];
	struct target_counts counts;
	struct target *t;
	enum target_result result;
	uint8_t origin[DNAME_MAX];
	char name[PDNS_NAME_TEXT];
	const char *no;

	if (name_parse(origin, domain, strlen(domain), root) < 0) {
		snprintf(why, size, "this is not a name");
		return -EINVAL;
	}
	name_lower(origin, origin);
	pdns_name(name, origin);
	pthread_mutex_lock(&m->lock);
	if ((no = objection(m, origin)) != NULL)
		snprintf(why, size, "%s", no);
	pthread_mutex_unlock(&m->lock);
	if (no != NULL)
		return -EBUSY;
	t = target_open(&m->conf);
	result = delete_domain(t, origin, &counts);
	if (result != TARGET_OK)
		snprintf(why, size, "%s", target_why(t));
	target_close(t);
	if (result != TARGET_OK)
		return -EAGAIN;
	if (counts.domains_deleted == 0) {
		snprintf(why, size, "the database has no domain of this name that belongs to \"%s\"", m->conf.owner);
		return -ENOENT;
	}
	purger_add(m->purger, name, true);
	pthread_mutex_lock(&m->lock);
	m->status.rows_deleted += counts.deleted;
	m->status.transactions++;
	pthread_mutex_unlock(&m->lock);
	mirror_tell(m, NOTE, name, "is removed from the database on command, %" PRIu64 " rows", counts.deleted);
	mirror_look(m);
	*rows = counts.deleted;
	return 0;
}
