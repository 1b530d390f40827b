/* mirror_check.c - are the rows still those that we wrote?  On connections of their own, beside the writers. */
#include "sync/mirror_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "sync/import.h"
#include "zonefile/arena.h"
#include "zonefile/count.h"

#define TRY_AGAIN 60000			/* milliseconds after a connection was lost */
#define NICE 10

/* --- visitors: threads that are not the mirror's own ------------------- */

void
mirror_visit(struct mirror *m)
{
	pthread_mutex_lock(&m->lock);
	m->visitors++;
	pthread_mutex_unlock(&m->lock);
}

void
mirror_leave(struct mirror *m)
{
	pthread_mutex_lock(&m->lock);
	m->visitors--;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

struct target *
mirror_reader(struct mirror *m, struct target_conf *conf)
{
	*conf = m->conf;
	conf->token = NULL;
	return target_open(conf);
}

static void
note_drift(struct mirror *m, const struct zone *zone, bool drifted)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	if ((z = tracked_find(&m->zones, zone_origin(zone))) != NULL)
		z->drifted = drifted;
	pthread_mutex_unlock(&m->lock);
}

static bool
differs(const struct target_verdict *v)
{
	return v->missing + v->extra + v->wrong > 0;
}

static enum target_result
verify(struct mirror *m, struct target *t, const struct zone *zone, bool any, target_difference_fn *fn, void *ctx,
    struct target_verdict *verdict)
{
	enum target_result result = target_connect(t);

	if (result == TARGET_OK)
		result = target_verify(t, zone, any, fn, ctx, verdict);
	if (result == TARGET_OK && verdict->known && !verdict->behind && !any)
		note_drift(m, zone, differs(verdict));
	return result;
}

static bool
is_foreign(struct mirror *m, const struct zone *zone)
{
	const struct tracked *z;
	bool foreign;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, zone_origin(zone));
	foreign = z != NULL && z->state == MIRROR_HELD && z->foreign;
	pthread_mutex_unlock(&m->lock);
	return foreign;
}

/* What comes of a zone that is not there. */
static void
say_absent(struct mirror *m, const struct zone *zone, char *why, size_t size)
{
	const char *hindrance;
	char name[PDNS_NAME_TEXT];

	pdns_name(name, zone_origin(zone));
	pthread_mutex_lock(&m->lock);
	if ((hindrance = mirror_hindrance(m, tracked_find(&m->zones, zone_origin(zone)))) != NULL)
		snprintf(why, size, "the database does not have it, and it is not made there now: %s", hindrance);
	else
		snprintf(why, size, "the database does not have it; it is made again within a minute or so, and at once by "
		    "'mirror resync %.255s'", name);
	pthread_mutex_unlock(&m->lock);
}

int
mirror_verify(struct mirror *m, const struct zone *zone, mirror_difference_fn *fn, void *ctx, struct mirror_verdict *out)
{
	struct target_conf conf;
	struct target *t = mirror_reader(m, &conf);
	struct target_verdict v;
	bool foreign = is_foreign(m, zone);
	enum target_result result = verify(m, t, zone, foreign, fn, ctx, &v);

	*out = (struct mirror_verdict){ .ok = false };
	if (result != TARGET_OK)
		snprintf(out->why, sizeof(out->why), "%s", target_why(t));
	else if (!v.known)
		say_absent(m, zone, out->why, sizeof(out->why));
	else if (v.behind)
		snprintf(out->why, sizeof(out->why), "not compared, the mirror is at another version, serial %" PRIu32, v.serial);
	else
		*out = (struct mirror_verdict){ !differs(&v), foreign, v.rows, v.missing, v.extra, v.wrong, "" };
	target_close(t);
	return out->why[0] == '\0' ? 0 : -EAGAIN;
}

int
mirror_import(struct mirror *m, const char *domain, const char *path, struct sink *sink, char *why, size_t size)
{
	struct target_conf conf;
	struct target *t = mirror_reader(m, &conf);
	int err = import_zone(t, domain, path, sink, why, size);

	target_close(t);
	return err;
}

/* --- the schedule ------------------------------------------------------ */

struct checking {
	struct mirror *m;
	char first[256];		/* difference */
};

static void
keep_first(void *ctx, const char *what, const char *row)
{
	struct checking *c = ctx;

	if (c->first[0] == '\0')
		snprintf(c->first, sizeof(c->first), "%s %s", what, row);
}

/* The zone whose turn it is, when it is in step; *name for messages. */
static struct zone *
next_zone(struct mirror *m)
{
	struct tracked *z;
	struct zone *zone = NULL;

	pthread_mutex_lock(&m->lock);
	if (m->gate.open && !m->status.paused && (z = tracked_turn(&m->zones)) != NULL &&
	    z->slot != NULL && z->state == MIRROR_IN_STEP)
		zone = slot_zone_ref(z->slot);
	pthread_mutex_unlock(&m->lock);
	return zone;
}

static void
mend(struct mirror *m, const struct zone *zone)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	if ((z = tracked_find(&m->zones, zone_origin(zone))) != NULL && z->slot != NULL) {
		z->resync = true;
		tracked_queue(&m->zones, z, false);
		pthread_cond_broadcast(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

static const char *
count_differences(char out[200], const struct target_verdict *v)
{
	const struct {
		uint64_t count;
		const char *what;
	} part[] = { { v->missing, "missing rows" }, { v->extra, "extra rows" }, { v->wrong, "wrong in domains or domainmetadata" } };
	size_t used = 0;

	for (size_t i = 0; i < COUNT(part); i++)
		if (part[i].count > 0)
			used += (size_t)snprintf(out + used, 200 - used, "%s%" PRIu64 " %s", used > 0 ? ", " : "",
			    part[i].count, part[i].what);
	return out;
}

/* false: the connection is lost. */
static bool
check(struct mirror *m, struct target *t, struct zone *zone)
{
	struct checking c = { .m = m };
	struct target_verdict v;
	char name[PDNS_NAME_TEXT], text[200];
	enum target_result result = verify(m, t, zone, false, keep_first, &c, &v);

	if (result == TARGET_OK && v.known && !v.behind && differs(&v)) {
		pdns_name(name, zone_origin(zone));
		mirror_tell(m, WARNING, name, "somebody else has changed the database: %s; the first: %s; %s",
		    count_differences(text, &v), c.first, m->repair ? "it is mended" : "`mirror repair` mends it");
		if (m->repair)
			mend(m, zone);
	}
	zone_unref(zone);
	return result != TARGET_LOST && result != TARGET_BROKEN;
}

static int64_t
pause_between(struct mirror *m)
{
	size_t count = 0;
	int64_t ms;

	for (const struct tracked *z = m->zones.all; z != NULL; z = z->next)
		count++;
	ms = m->verify_interval / (int64_t)(count > 0 ? count : 1);
	return ms > 0 ? ms : 1;
}

/* Each zone once an interval, one after the other. */
static void *
checker_thread(void *arg)
{
	struct mirror *m = arg;
	struct target_conf conf;
	struct target *t;
	int64_t until;
	bool stopping;

	slot_thread_begin();
	setpriority(PRIO_PROCESS, 0, NICE);	/* of this thread alone, on Linux */
	t = mirror_reader(m, &conf);
	pthread_mutex_lock(&m->lock);
	until = mirror_now() + pause_between(m);
	for (stopping = m->stopping; !stopping; stopping = m->stopping) {
		struct zone *zone;

		if (mirror_now() < until) {
			mirror_wait(m, until);
			continue;
		}
		until = mirror_now() + pause_between(m);
		pthread_mutex_unlock(&m->lock);
		if ((zone = next_zone(m)) != NULL && !check(m, t, zone))
			until = mirror_now() + TRY_AGAIN;
		pthread_mutex_lock(&m->lock);
	}
	pthread_mutex_unlock(&m->lock);
	target_close(t);
	slot_thread_end();
	mirror_leave(m);
	return NULL;
}

void
checker_start(struct mirror *m)
{
	pthread_attr_t attr;
	pthread_t thread;

	m->visitors++;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, checker_thread, m) != 0)
		abort();
	pthread_attr_destroy(&attr);
}
