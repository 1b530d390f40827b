/* mirror.c - keeps the tables of one PowerDNS database in step with the served zones. */
#include "sync/mirror_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"

#define CONNECT_MIN 1000		/* milliseconds */
#define CONNECT_MAX 60000
#define STOP_WAIT 10000

/* From so many zones on, one query for the states of all is cheaper than one each. */
#define ASK_EACH_MAX 50

/* A predecessor that ended between COMMIT and purge left PowerDNS with old answers, which its caches keep for some
 * minutes.  What was written within so many seconds before our start is purged once more. */
#define FRESH 3600

int64_t
mirror_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

/* With the lock; returns at once when it is woken. */
void
mirror_wait(struct mirror *m, int64_t ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	if (ms == INT64_MAX)
		pthread_cond_wait(&m->wake, &m->lock);
	else
		pthread_cond_timedwait(&m->wake, &m->lock, &ts);
}

/* --- telling ----------------------------------------------------------- */

void
mirror_tell(struct mirror *m, enum severity severity, const char *zone, const char *fmt, ...)
{
	char text[1024];
	struct report report = { .severity = severity, .zone = zone, .text = text };
	int len = snprintf(text, sizeof(text), "%s: ", m->label);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, args);
	va_end(args);
	m->report(m->ctx, &report);
}

/* For mirror_status(). */
void
mirror_keep_error(struct mirror *m, const char *text)
{
	pthread_mutex_lock(&m->lock);
	snprintf(m->status.error, sizeof(m->status.error), "%s", text);
	m->status.error_at = *text != '\0' ? time(NULL) : 0;
	m->status.connected = target_connected(m->target);
	pthread_mutex_unlock(&m->lock);
}

static void
queue_all(struct mirror *m, bool held_only)
{
	pthread_mutex_lock(&m->lock);
	for (struct tracked *z = m->zones.all; z != NULL; z = z->next)
		if (!held_only || z->state == MIRROR_HELD)
			tracked_queue(&m->zones, z);
	pthread_mutex_unlock(&m->lock);
}

/* --- the connection ---------------------------------------------------- */

/* The first loss may be an idle connection's end: that is tried again at once, and nothing is told. */
void
mirror_lost(struct mirror *m)
{
	const char *why = target_why(m->target);
	int64_t now = mirror_now(), delay;

	if (now - m->lost_at > 2 * CONNECT_MAX)
		m->losses = 0;
	m->lost_at = now;
	if (m->losses++ > 0) {
		delay = m->losses > 7 ? CONNECT_MAX : CONNECT_MIN << (m->losses - 2);
		m->connect_at = now + (delay > CONNECT_MAX ? CONNECT_MAX : delay);
		if (!m->down)
			mirror_tell(m, ERROR, NULL, "%s; it is tried again, and what changes"
			    " meanwhile is made up for", why);
		m->down = true;
	}
	mirror_keep_error(m, why);
}

void
mirror_take_state(struct mirror *m, struct tracked *z, const struct target_state *state)
{
	pthread_mutex_lock(&m->lock);
	z->known = state != NULL;
	z->disabled = false;
	if (state != NULL) {
		z->serial = state->serial;
		z->digest = state->digest;
		z->disabled = state->disabled;
		if (!z->met && time(NULL) - state->changed_at < FRESH)
			z->unsure = true;
	}
	z->met = true;
	pthread_mutex_unlock(&m->lock);
}

static void
on_state(void *ctx, const struct target_state *state)
{
	struct mirror *m = ctx;
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = tracked_named(&m->zones, state->name);
	pthread_mutex_unlock(&m->lock);
	/* Only this thread untracks. */
	if (z != NULL && !z->asked) {
		mirror_take_state(m, z, state);
		z->asked = true;
	}
}

/* Where are all those that were not asked for yet?  Those that come meanwhile are asked for with the next batch. */
static enum target_result
ask_all(struct mirror *m)
{
	struct tracked *newest, *z;
	enum target_result result;

	pthread_mutex_lock(&m->lock);
	newest = m->zones.all;
	pthread_mutex_unlock(&m->lock);
	if ((result = target_states(m->target, on_state, m)) != TARGET_OK)
		return result;
	for (z = newest; z != NULL; z = z->next) {
		if (!z->asked)
			mirror_take_state(m, z, NULL);
		z->asked = true;
	}
	return TARGET_OK;
}

static enum target_result
ask(struct mirror *m, struct tracked *z)
{
	struct target_state state;
	bool known;
	enum target_result result = target_state(m->target, z->origin, &state, &known);

	if (result == TARGET_OK) {
		mirror_take_state(m, z, known ? &state : NULL);
		z->asked = true;
	}
	return result;
}

/* After it was away the target may be anywhere: another node, a backup, or further than we heard. */
static bool
connected(struct mirror *m)
{
	enum target_result result;

	if (target_connected(m->target))
		return true;
	pthread_mutex_lock(&m->lock);
	for (struct tracked *z = m->zones.all; z != NULL; z = z->next)
		z->asked = false;
	pthread_mutex_unlock(&m->lock);
	result = target_connect(m->target);
	if (result == TARGET_OK)
		result = ask_all(m);
	if (result != TARGET_OK) {
		m->losses += m->losses == 0;
		mirror_lost(m);
		return false;
	}
	if (m->down)
		mirror_tell(m, NOTE, NULL, "connected again");
	m->down = false;
	mirror_keep_error(m, "");
	queue_all(m, false);
	return true;
}

/* --- the thread -------------------------------------------------------- */

/* Those that are out and need nothing more. */
static void
drop_excluded(struct mirror *m, struct tracked **batch, size_t count)
{
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < count; i++) {
		struct tracked *z = batch[i];

		if (z->slot == NULL && !z->queued && z->state != MIRROR_HELD)
			tracked_remove(&m->zones, z);
	}
	pthread_mutex_unlock(&m->lock);
}

/* Ask for those of the batch that came after the last question to all. */
static bool
ask_batch(struct mirror *m, struct tracked **batch, size_t count)
{
	enum target_result result = TARGET_OK;
	size_t unasked = 0;

	for (size_t i = 0; i < count; i++)
		unasked += !batch[i]->asked;
	if (unasked > ASK_EACH_MAX)
		result = ask_all(m);
	for (size_t i = 0; i < count && result == TARGET_OK; i++)
		/* A zone that cannot be asked for is one that cannot be written, which says why. */
		if (!batch[i]->asked && (result = ask(m, batch[i])) == TARGET_HELD)
			result = TARGET_OK;
	if (result == TARGET_OK)
		return true;
	mirror_lost(m);
	return false;
}

static void
work(struct mirror *m, struct tracked **batch, size_t count)
{
	if (!connected(m) || !ask_batch(m, batch, count)) {
		pthread_mutex_lock(&m->lock);
		for (size_t i = 0; i < count; i++)
			tracked_queue(&m->zones, batch[i]);
		pthread_mutex_unlock(&m->lock);
		return;
	}
	mirror_write(m, batch, count);
	drop_excluded(m, batch, count);
}

/* Waits for work; 0: stop. */
static size_t
take_batch(struct mirror *m, struct tracked **batch)
{
	size_t count = 0;
	int64_t until;

	pthread_mutex_lock(&m->lock);
	while (!m->stopping) {
		if (m->zones.first != NULL && !m->status.paused && mirror_now() >= m->connect_at)
			break;
		until = m->zones.first != NULL && !m->status.paused ? m->connect_at : m->held_at;
		if (until != m->held_at || mirror_now() < until) {
			mirror_wait(m, until);
			continue;
		}
		m->held_at = INT64_MAX;
		pthread_mutex_unlock(&m->lock);
		queue_all(m, true);
		pthread_mutex_lock(&m->lock);
	}
	if (!m->stopping)
		count = tracked_take(&m->zones, batch, GROUP_ZONES);
	pthread_mutex_unlock(&m->lock);
	return count;
}

static void *
mirror_thread(void *arg)
{
	struct mirror *m = arg;
	struct tracked *batch[GROUP_ZONES];
	size_t count;

	slot_thread_begin();
	m->target = target_open(&m->conf);
	m->journal = journal_open_reader(m->journal_path);
	while ((count = take_batch(m, batch)) > 0)
		work(m, batch, count);
	target_close(m->target);
	journal_close(m->journal);
	slot_thread_end();
	pthread_mutex_lock(&m->lock);
	m->ended = true;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* --- start and stop ---------------------------------------------------- */

static const char *
copy(struct mirror *m, const char *text)
{
	return text != NULL ? arena_strdup(m->memory, text) : NULL;
}

static const char *const *
copy_list(struct mirror *m, const char *const *list)
{
	const char **out;
	size_t count = 0;

	if (list == NULL)
		return NULL;
	while (list[count] != NULL)
		count++;
	out = arena_alloc(m->memory, (count + 1) * sizeof(*out));
	for (size_t i = 0; i < count; i++)
		out[i] = copy(m, list[i]);
	out[count] = NULL;
	return out;
}

static void
copy_conf(struct mirror *m, const struct mirror_conf *conf)
{
	m->conf = (struct target_conf){
		.type = conf->type == MIRROR_SQLITE ? TARGET_SQLITE : TARGET_MYSQL,
		.file = copy(m, conf->file),
		.hosts = copy_list(m, conf->hosts),
		.port = conf->port,
		.socket = copy(m, conf->socket),
		.database = copy(m, conf->database),
		.user = copy(m, conf->user),
		.password = copy(m, conf->password),
		.tls = conf->tls,
		.ca_file = copy(m, conf->ca_file),
		.owner = copy(m, conf->owner),
		.kind_master = conf->kind_master,
		.adopt = conf->adopt,
		.style = { conf->target_version, conf->skip_unmirrorable },
	};
	m->on_remove = conf->on_remove;
	snprintf(m->status.name, sizeof(m->status.name), "%s", conf->name);
}

struct mirror *
mirror_start(const struct mirror_conf *conf, const char *journal_path,
    report_fn *report, void *ctx)
{
	struct mirror *m = xcalloc(1, sizeof(*m));
	pthread_condattr_t attr;
	char label[128];

	m->memory = arena_new(1024);
	copy_conf(m, conf);
	m->journal_path = copy(m, journal_path);
	m->report = report;
	m->ctx = ctx;
	tracked_init(&m->zones);
	m->held_at = INT64_MAX;
	snprintf(label, sizeof(label), "mirror %s", conf->name);
	m->label = copy(m, label);
	m->purger = purger_start(purge_new(copy_list(m, conf->pdns_control),
	    copy_list(m, conf->pdns_api), copy(m, conf->api_key)), m->label, report, ctx);
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&m->thread, NULL, mirror_thread, m) != 0)
		abort();
	return m;
}

void
mirror_stop(struct mirror *m)
{
	int64_t deadline = mirror_now() + STOP_WAIT;
	bool ended;

	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_broadcast(&m->wake);
	while (!m->ended && mirror_now() < deadline)
		mirror_wait(m, deadline);
	ended = m->ended;
	pthread_mutex_unlock(&m->lock);
	if (!ended) {
		/* It ends by itself when the database answers; until then it needs what m has. */
		mirror_tell(m, WARNING, NULL, "the database does not answer, the transaction under"
		    " way is left to it");
		pthread_detach(m->thread);
		return;
	}
	pthread_join(m->thread, NULL);
	purger_stop(m->purger);
	while (m->zones.all != NULL)
		tracked_remove(&m->zones, m->zones.all);
	free(m->telling);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->wake);
	arena_free(m->memory);
	free(m);
}

/* --- from outside ------------------------------------------------------ */

void
mirror_wake(struct mirror *m, struct slot *slot)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, slot_origin(slot));
	if (z != NULL && z->slot == slot) {
		tracked_queue(&m->zones, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_include(struct mirror *m, struct slot *slot)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	if ((z = tracked_find(&m->zones, slot_origin(slot))) == NULL)
		z = tracked_add(&m->zones, slot_origin(slot));
	if (z->slot != slot) {
		if (z->slot != NULL)
			slot_unref(z->slot);
		z->slot = slot_ref(slot);
		tracked_queue(&m->zones, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_exclude(struct mirror *m, const uint8_t *origin)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, origin);
	/* It may be there from before our start. */
	if (z == NULL && m->on_remove != MIRROR_KEEP)
		z = tracked_add(&m->zones, origin);
	if (z != NULL) {
		if (z->slot != NULL)
			slot_unref(z->slot);
		z->slot = NULL;
		z->state = MIRROR_BEHIND;
		tracked_queue(&m->zones, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_pause(struct mirror *m, bool pause)
{
	pthread_mutex_lock(&m->lock);
	m->status.paused = pause;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

void
mirror_resync(struct mirror *m, struct slot *slot)
{
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, slot_origin(slot));
	if (z != NULL && z->slot == slot) {
		z->resync = true;
		tracked_queue(&m->zones, z);
		pthread_cond_signal(&m->wake);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_status(struct mirror *m, struct mirror_status *status)
{
	pthread_mutex_lock(&m->lock);
	*status = m->status;
	for (const struct tracked *z = m->zones.all; z != NULL; z = z->next) {
		status->in_step += z->slot != NULL && z->state == MIRROR_IN_STEP;
		status->behind += z->slot != NULL && z->state == MIRROR_BEHIND;
		status->held += z->slot != NULL && z->state == MIRROR_HELD;
	}
	pthread_mutex_unlock(&m->lock);
	status->purges = purger_done(m->purger);
}

bool
mirror_zone_status(struct mirror *m, const uint8_t *origin, struct mirror_zone *out)
{
	const struct tracked *z;
	bool there;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, origin);
	there = z != NULL && z->slot != NULL;
	if (there) {
		*out = (struct mirror_zone){ z->state, z->known, z->serial, "" };
		if (z->state == MIRROR_HELD && z->why != NULL)
			snprintf(out->why, sizeof(out->why), "%s", z->why);
	}
	pthread_mutex_unlock(&m->lock);
	return there;
}
