/* mirror.c - keeps the tables of one PowerDNS database in step with the served zones. */
#include "sync/mirror_impl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "sync/steady.h"
#include "zonefile/arena.h"
#include "zonefile/name.h"

#define LOOK_SOON 500			/* milliseconds; what has just changed goes first */

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
mirror_keep_error(struct mirror *m, int kind, const char *text)
{
	m->status.error_kind = kind;
	snprintf(m->status.error, sizeof(m->status.error), "%s", text);
}

void
mirror_queue_all(struct mirror *m, bool held_only)
{
	for (struct tracked *z = m->zones.all; z != NULL; z = z->next)
		if (!held_only || z->state == MIRROR_HELD)
			tracked_queue(&m->zones, z, false);
}

/* --- the threads ------------------------------------------------------- */

/* Those that are out and need nothing more go. */
static void
give_back(struct mirror *m, struct tracked **batch, size_t count)
{
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < count; i++) {
		struct tracked *z = batch[i];

		tracked_back(&m->zones, z);
		if (z->slot == NULL && !z->queued && z->state != MIRROR_HELD)
			tracked_remove(&m->zones, z);
	}
	if (!tracked_waiting(&m->zones, true))
		m->working_since = 0;
	else if (count > 0)
		pthread_cond_broadcast(&m->wake);
	if (m->awaiting > 0)
		pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

static void
work(struct writer *w, struct tracked **batch, size_t count)
{
	struct mirror *m = w->m;

	if (gate_pass(w) && gate_ask(w, batch, count)) {
		mirror_write(w, batch, count);
	} else {
		pthread_mutex_lock(&m->lock);
		for (size_t i = 0; i < count; i++)
			tracked_queue(&m->zones, batch[i], false);
		pthread_mutex_unlock(&m->lock);
	}
	give_back(m, batch, count);
}

/* One writer is left to small zones while others have large ones. */
static bool
may_be_big(const struct mirror *m)
{
	return m->writers == 1 || m->zones.big < m->writers - 1;
}

static void
tend(struct writer *w)
{
	struct mirror *m = w->m;

	m->gate.busy = true;
	pthread_mutex_unlock(&m->lock);
	gate_tend(w);
	pthread_mutex_lock(&m->lock);
	m->gate.busy = false;
	pthread_cond_broadcast(&m->wake);
}

/* When all zones are known, one question tells where they are.  A paused mirror keeps its lease. */
static bool
gate_is_due(const struct mirror *m)
{
	return m->gate.settled && !m->gate.busy && (!m->status.paused || m->gate.open);
}

/* Waits for work, and sees to the gate meanwhile; 0: stop. */
static size_t
take_batch(struct writer *w, struct tracked **batch)
{
	struct mirror *m = w->m;
	size_t count = 0;

	pthread_mutex_lock(&m->lock);
	while (!m->stopping && count == 0) {
		int64_t now = mirror_now(), until = m->held_at;

		if (gate_is_due(m) && now >= m->gate.due) {
			tend(w);
			continue;
		}
		if (now >= m->held_at) {
			m->held_at = INT64_MAX;
			mirror_queue_all(m, true);
			continue;
		}
		if (m->gate.open && !m->status.paused)
			count = tracked_take(&m->zones, w, batch, GROUP_ZONES, may_be_big(m),
			    m->writers > 1 && m->zones.big == 0);
		if (count > 0)
			break;
		if (gate_is_due(m) && m->gate.due < until)
			until = m->gate.due;
		mirror_wait(m, until);
	}
	if (count > 0 && m->working_since == 0) {
		m->working_since = mirror_now();
		m->rows_since = 0;
	}
	/* Another one finds more. */
	if (count > 0 && tracked_waiting(&m->zones, may_be_big(m)))
		pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
	return count;
}

static void *
writer_thread(void *arg)
{
	struct writer *w = arg;
	struct mirror *m = w->m;
	struct tracked *batch[GROUP_ZONES];
	size_t count;

	slot_thread_begin();
	w->target = target_open(&m->conf);
	w->journal = journal_open_reader(m->journal_path);
	while ((count = take_batch(w, batch)) > 0)
		work(w, batch, count);
	gate_leave(w);
	target_close(w->target);
	journal_close(w->journal);
	slot_thread_end();
	free(w->telling);
	free(w);
	pthread_mutex_lock(&m->lock);
	m->alive--;
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
copy_exports(struct mirror *m, const struct mirror_conf *conf)
{
	struct target_key *key = arena_alloc(m->memory, (conf->key_count + 1) * sizeof(*key));
	struct target_supermaster *s = arena_alloc(m->memory, (conf->supermaster_count + 1) * sizeof(*s));

	if (!conf->export_metadata)
		return;
	for (size_t i = 0; i < conf->key_count; i++)
		key[i] = (struct target_key){ copy(m, conf->keys[i].name), copy(m, conf->keys[i].algorithm),
		    copy(m, conf->keys[i].secret) };
	for (size_t i = 0; i < conf->supermaster_count; i++)
		s[i] = (struct target_supermaster){ copy(m, conf->supermasters[i].ip),
		    copy(m, conf->supermasters[i].nameserver), copy(m, conf->supermasters[i].account) };
	m->conf.keys = key;
	m->conf.key_count = conf->key_count;
	m->conf.supermasters = s;
	m->conf.supermaster_count = conf->supermaster_count;
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
		.password_file = copy(m, conf->password_file),
		.tls = conf->tls,
		.ca_file = copy(m, conf->ca_file),
		.owner = copy(m, conf->owner),
		.kind_master = conf->kind_master,
		.adopt = conf->adopt,
		.style = { conf->target_version, conf->skip_unmirrorable },
	};
	m->writers = conf->type == MIRROR_SQLITE || conf->connections == 0 ? 1 :
	    conf->connections < WRITERS_MAX ? conf->connections : WRITERS_MAX;
	m->on_remove = conf->on_remove;
	m->verify_interval = conf->verify_interval * (int64_t)1000;
	m->repair = conf->repair_drift;
	m->exports = conf->export_metadata;
	m->status.paused = conf->paused;
	m->masters = conf->masters;
	copy_exports(m, conf);
	snprintf(m->status.name, sizeof(m->status.name), "%s", conf->name);
}

/* For the lease: who we are, and which process. */
static void
name_instance(struct mirror *m)
{
	static uint64_t process;	/* mirrors start one after the other */
	uint64_t random;
	char host[256] = "", name[PATH_MAX + 400];

	if ((process == 0 && getrandom(&process, sizeof(process), 0) != sizeof(process)) ||
	    getrandom(&random, sizeof(random), 0) != sizeof(random))
		abort();
	snprintf(m->token, sizeof(m->token), "%016" PRIx64 "%016" PRIx64, process, random);
	gethostname(host, sizeof(host) - 1);
	snprintf(name, sizeof(name), "%s %s %s", host, m->journal_path, m->status.name);
	if (strlen(name) > 255)
		name[255] = '\0';
	m->conf.instance = copy(m, name);
	m->conf.token = m->token;
}

static void
start_writer(struct mirror *m, pthread_t *thread)
{
	struct writer *w = xcalloc(1, sizeof(*w));

	w->m = m;
	if (pthread_create(thread, NULL, writer_thread, w) != 0)
		abort();
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
	name_instance(m);
	snprintf(label, sizeof(label), "mirror %s", conf->name);
	m->label = copy(m, label);
	m->purger = purger_start(purge_new(copy_list(m, conf->pdns_control),
	    copy_list(m, conf->pdns_api), copy(m, conf->key_file)), m->label, report, ctx);
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &attr);
	pthread_condattr_destroy(&attr);
	m->alive = m->writers;
	for (unsigned i = 0; i < m->writers; i++)
		start_writer(m, &m->thread[i]);
	if (m->verify_interval > 0)
		checker_start(m);
	return m;
}

void
mirror_end(struct mirror *m)
{
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

void
mirror_stop(struct mirror *m)
{
	mirror_end(m);
	pthread_mutex_lock(&m->lock);
	while (m->alive + m->visitors > 0)
		mirror_wait(m, INT64_MAX);
	pthread_mutex_unlock(&m->lock);
	for (unsigned i = 0; i < m->writers; i++)
		pthread_join(m->thread[i], NULL);
	purger_stop(m->purger);
	tracked_end(&m->zones);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->wake);
	arena_free(m->memory);
	free(m->gate.masters_text);
	free(m);
}

/* --- from outside ------------------------------------------------------ */

/* With the lock.  Who was woken for small ones that wait takes this one along. */
static void
queue(struct mirror *m, struct tracked *z, bool changed)
{
	bool waiting = tracked_waiting(&m->zones, false);

	tracked_queue(&m->zones, z, changed);
	if (!waiting || z->class == TRACKED_BIG)
		pthread_cond_broadcast(&m->wake);
}

void
mirror_wake(struct mirror *m, struct slot *slot)
{
	struct zone *zone = NULL;
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, slot_origin(slot));
	if (z != NULL && z->slot == slot) {
		zone = slot_zone_ref(slot);
		z->withdrawn = zone == NULL;
		/* After a start nearly all are as they were: that needs no writer. */
		if (zone == NULL || !mirror_settle(m, z, &zone))
			queue(m, z, true);
	}
	pthread_mutex_unlock(&m->lock);
	zone_unref(zone);
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
		z->withdrawn = false;
		queue(m, z, false);
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
		queue(m, z, true);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_set_meta(struct mirror *m, struct slot *slot, const struct target_meta *row, size_t count)
{
	uint64_t hash = export_hash(row, count);
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, slot_origin(slot));
	if (m->exports && z != NULL && z->slot == slot && (z->meta == NULL || z->meta->hash != hash)) {
		tracked_meta_release(z->meta);
		z->meta = tracked_meta_new(row, count);
		queue(m, z, false);
	}
	pthread_mutex_unlock(&m->lock);
}

void
mirror_settled(struct mirror *m)
{
	pthread_mutex_lock(&m->lock);
	m->gate.settled = true;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

void
mirror_pause(struct mirror *m, bool pause)
{
	pthread_mutex_lock(&m->lock);
	m->status.paused = pause;
	m->working_since = 0;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
	if (!pause)
		mirror_look(m);
}

void
mirror_look(struct mirror *m)
{
	int64_t soon;

	pthread_mutex_lock(&m->lock);
	soon = m->gate.open ? mirror_now() + LOOK_SOON : 0;
	if (m->gate.look_at > soon)
		m->gate.look_at = soon;
	if (m->gate.sweep_at > soon)
		m->gate.sweep_at = soon;
	if (m->gate.due > soon)
		m->gate.due = soon;
	if (m->held_at != INT64_MAX)
		m->held_at = 0;
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
}

uint64_t
mirror_compare(struct mirror *m, struct slot *slot, bool adopt)
{
	struct tracked *z;
	uint64_t ticket = 0;

	pthread_mutex_lock(&m->lock);
	z = tracked_find(&m->zones, slot_origin(slot));
	if (z != NULL && z->slot == slot) {
		ticket = ++z->request;
		z->resync = true;
		z->adopt |= adopt;
		queue(m, z, true);
	}
	pthread_mutex_unlock(&m->lock);
	return ticket;
}

const char *
mirror_shut(const struct mirror *m)
{
	if (m->stopping)
		return "it is no longer mirrored here";
	if (m->status.paused)
		return "the mirror is paused";
	if (m->status.standby)
		return "another instance writes";
	if (!m->gate.open)
		return m->status.error[0] != '\0' ? m->status.error : "not connected yet";
	return NULL;
}

const char *
mirror_hindrance(const struct mirror *m, const struct tracked *z)
{
	const char *shut = mirror_shut(m);

	if (z == NULL || z->slot == NULL)
		return "it is no longer mirrored here";
	if (shut != NULL)
		return shut;
	if (z->queued || z->busy != NULL)
		return NULL;
	if (z->state == MIRROR_HELD)
		return z->why;
	return slot_since(z->slot) == 0 ? "it has no version yet" : NULL;
}

void
mirror_await(struct mirror *m, const uint8_t *origin, uint64_t ticket, struct mirror_compared *out)
{
	const char *why;

	*out = (struct mirror_compared){ .done = false };
	pthread_mutex_lock(&m->lock);
	m->awaiting++;
	for (;;) {
		struct tracked *z = tracked_find(&m->zones, origin);

		if (z != NULL && z->compared >= ticket) {
			out->done = true;
			out->rows = z->rows;
			break;
		}
		if ((why = mirror_hindrance(m, z)) != NULL) {
			snprintf(out->why, sizeof(out->why), "%s", why);
			break;
		}
		mirror_wait(m, INT64_MAX);
	}
	m->awaiting--;
	pthread_mutex_unlock(&m->lock);
}

/* With the lock.  How long at the speed since there was last nothing to do. */
static void
estimate(const struct mirror *m, struct mirror_status *status, uint64_t rows_left)
{
	int64_t ms = m->working_since != 0 ? mirror_now() - m->working_since : 0;

	status->seconds_left = rows_left == 0 ? 0 : -1;
	if (ms <= 0 || m->rows_since == 0)
		return;
	status->rows_a_second = m->rows_since * 1000 / (uint64_t)ms;
	if (status->rows_a_second > 0)
		status->seconds_left = (int64_t)(rows_left / status->rows_a_second) + (rows_left > 0);
}

void
mirror_status(struct mirror *m, struct mirror_status *status)
{
	uint64_t rows_left = 0;

	pthread_mutex_lock(&m->lock);
	*status = m->status;
	for (const struct tracked *z = m->zones.all; z != NULL && !m->status.standby; z = z->next) {
		if (z->slot == NULL)
			continue;
		status->in_step += z->state == MIRROR_IN_STEP;
		/* A slave's zone that has not come yet, or has expired and is disabled, is no work of ours. */
		status->behind += z->state == MIRROR_BEHIND && (slot_since(z->slot) != 0 ||
		    (z->withdrawn && z->known && !z->disabled));
		status->held += z->state == MIRROR_HELD;
		status->drifted += z->drifted;
		if (z->state == MIRROR_BEHIND)
			rows_left += z->known && !z->resync ? 1 : z->records;
	}
	estimate(m, status, rows_left);
	if (m->status.standby)
		status->seconds_left = -1;
	else
		status->left = m->gate.left.count;
	snprintf(status->left_names, sizeof(status->left_names), "%s%s", m->gate.left.text, m->gate.left.more ? ", ..." : "");
	pthread_mutex_unlock(&m->lock);
	status->purges = purger_done(m->purger);
	status->purges_waiting = purger_waiting(m->purger);
	purger_error(m->purger, status->purge_error, sizeof(status->purge_error));
}

size_t
mirror_late(struct mirror *m, struct mirror_late *late, size_t room)
{
	size_t count = 0;

	pthread_mutex_lock(&m->lock);
	for (const struct tracked *z = m->zones.all; z != NULL && !m->status.standby; z = z->next) {
		size_t at = count;

		if (z->slot == NULL || z->state == MIRROR_IN_STEP || slot_since(z->slot) == 0)
			continue;
		if (count < room)
			count++;
		else if (z->behind_since >= late[--at].since)
			continue;
		for (; at > 0 && late[at - 1].since > z->behind_since; at--)
			late[at] = late[at - 1];
		late[at] = (struct mirror_late){ z->slot, z->state == MIRROR_HELD, z->behind_since };
	}
	for (size_t i = 0; i < count; i++) {
		slot_ref(late[i].slot);
		late[i].since = steady_to_clock(late[i].since);
	}
	pthread_mutex_unlock(&m->lock);
	return count;
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
		*out = (struct mirror_zone){ .state = z->state, .met = z->met, .known = z->known, .serial = z->serial,
		    .disabled = z->known && z->disabled, .standby = m->status.standby, .foreign = z->state == MIRROR_HELD && z->foreign,
		    .drifted = z->drifted };
		if (z->state == MIRROR_HELD && z->why != NULL)
			snprintf(out->why, sizeof(out->why), "%s", z->why);
	}
	pthread_mutex_unlock(&m->lock);
	return there;
}
