/* mirror_gate.c - whether a mirror may write: it is connected, has the lease, and knows where the target is.
 *
 *	SHUT     connected, lease ours, states read ----> OPEN
 *	SHUT     lease somebody else's -----------------> SHUT, looked at each second; taken when it has stood still
 *	OPEN     connection lost, lease taken from us --> SHUT, with a new generation of connections
 */
#include "sync/mirror_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sync/pdns_text.h"
#include "sync/steady.h"
#include "zonefile/arena.h"
#include "zonefile/hash.h"
#include "zonefile/name.h"

#define CONNECT_MIN 1000		/* milliseconds */
#define CONNECT_MAX 60000
#define BEAT 3000			/* the holder of the lease shows that it lives */
#define LOOK 1000			/* who stands by looks whether it does */
#define SILENCE 10000			/* and takes over after this */
#define LOOK_AROUND 6000		/* between two comparisons of all states, */
#define LOOK_SHARE 50			/* or so many times what one takes */
#define SWEEP 60000			/* until it is first looked whether each zone's domain is there, and between two times, */
#define SWEEP_SHARE 500			/* or so many times what one takes */

/* From so many zones on, one query for the states of all is cheaper than one each. */
#define ASK_EACH_MAX 50

/* A predecessor that ended between COMMIT and purge left PowerDNS with old answers, which its caches keep for some
 * minutes.  What was written within so many seconds before we first ask is purged once more. */
#define FRESH 3600

/* --- shutting ---------------------------------------------------------- */

/* The first loss may be an idle connection's end: that is tried again at once, and nothing is told. */
static int64_t
note_loss(struct gate *gate, bool writing)
{
	int64_t now = mirror_now(), delay = 0;

	if (now - gate->lost_at > 2 * CONNECT_MAX)
		gate->losses = 0;
	gate->lost_at = now;
	if (gate->losses++ > 0) {
		delay = gate->losses > 7 ? CONNECT_MAX : CONNECT_MIN << (gate->losses - 2);
		gate->down = true;
		gate->writing |= writing;
	}
	return now + (delay < CONNECT_MAX ? delay : CONNECT_MAX);
}

/* Each cause once, until it works again. */
static bool
is_news(struct gate *gate, const char *why)
{
	uint64_t hash = hash_bytes(1, why, strlen(why));

	if (!gate->down || gate->causes == CAUSES)
		return false;
	for (unsigned i = 0; i < gate->causes; i++)
		if (gate->cause[i] == hash)
			return false;
	gate->cause[gate->causes++] = hash;
	return true;
}

/* With the lock.  Zones that writers have are asked for by the next that has them. */
static void
forget_states(struct mirror *m)
{
	for (struct tracked *z = m->zones.all; z != NULL; z = z->next)
		z->asked = false;
}

void
gate_shut(struct writer *w, enum target_result result, bool writing)
{
	struct mirror *m = w->m;
	struct gate *gate = &m->gate;
	const char *why = target_why(w->target);
	bool tell = false, taken = result == TARGET_STANDBY;

	pthread_mutex_lock(&m->lock);
	if (w->generation != gate->generation) {
		pthread_mutex_unlock(&m->lock);
		return;
	}
	gate->generation++;
	gate->open = false;
	m->status.connected = false;
	m->working_since = 0;
	forget_states(m);
	if (taken) {
		gate->seen = (struct target_lease){ .ours = false };
		gate->due = mirror_now();
	} else {
		gate->due = note_loss(gate, writing && result == TARGET_BROKEN);
		tell = is_news(gate, why);
		mirror_keep_error(m, result == TARGET_LOST ? MIRROR_NO_CONNECTION : MIRROR_DATABASE_FAULT, why);
	}
	pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
	if (tell)
		mirror_tell(m, ERROR, NULL, "%s; it is tried again, and what changes meanwhile is made up for", why);
}

const char *
gate_works(struct mirror *m)
{
	struct gate *gate = &m->gate;
	const char *what = !gate->down ? NULL : gate->met ? "connected again" : "connected";

	gate->met = true;
	gate->down = gate->writing = false;
	gate->causes = 0;
	return what;
}

/* --- states ------------------------------------------------------------ */

void
gate_take_state(struct tracked *z, const struct target_state *state)
{
	z->known = state != NULL;
	z->disabled = false;
	z->exported = 0;
	if (state != NULL) {
		z->exported = state->exported;
		z->serial = state->serial;
		z->digest = state->digest;
		z->disabled = state->disabled;
		if (!z->met && time(NULL) - state->changed_at < FRESH)
			z->unsure = true;
	}
	z->met = true;
	z->asked = true;
}

struct asking {
	struct writer *w;
	char **orphan;			/* names of ours that nobody includes */
	size_t orphans;
};

static bool
may_take_state(const struct writer *w, const struct tracked *z)
{
	return !z->asked && (z->busy == NULL || z->busy == w);
}

static void
on_state(void *ctx, const struct target_state *state)
{
	struct asking *a = ctx;
	struct mirror *m = a->w->m;
	struct tracked *z;

	pthread_mutex_lock(&m->lock);
	z = tracked_named(&m->zones, state->name);
	if (z != NULL && may_take_state(a->w, z)) {
		gate_take_state(z, state);
	} else if (z == NULL && !m->gate.orphans && m->on_remove != MIRROR_KEEP &&
	    !(state->disabled && m->on_remove == MIRROR_DISABLE)) {
		a->orphan = xrealloc(a->orphan, (a->orphans + 1) * sizeof(*a->orphan));
		a->orphan[a->orphans++] = xstrdup(state->name);
	}
	pthread_mutex_unlock(&m->lock);
}

/* It was taken out of the configuration while nobody watched. */
static void
take_orphan(struct mirror *m, const char *name)
{
	static const uint8_t root[1];
	uint8_t origin[DNAME_MAX];
	char again[PDNS_NAME_TEXT];
	bool fresh;

	if (name_parse(origin, name, strlen(name), root) < 0)
		return;
	pdns_name(again, origin);
	if (strcmp(again, name) != 0)
		return;
	pthread_mutex_lock(&m->lock);
	if ((fresh = tracked_named(&m->zones, name) == NULL))
		tracked_queue(&m->zones, tracked_add(&m->zones, origin), false);
	pthread_mutex_unlock(&m->lock);
	if (fresh)
		mirror_tell(m, NOTE, name, "is no longer mirrored: %s", m->on_remove == MIRROR_DELETE ?
		    "its rows are deleted" : "it is disabled");
}

/* Where are all those that were not asked for yet?  Those that come meanwhile are asked for with the next batch. */
static enum target_result
ask_all(struct writer *w)
{
	struct mirror *m = w->m;
	struct asking a = { .w = w };
	enum target_result result;
	uint64_t newest;

	pthread_mutex_lock(&m->lock);
	newest = m->zones.added;
	pthread_mutex_unlock(&m->lock);
	result = target_states(w->target, on_state, &a);
	pthread_mutex_lock(&m->lock);
	for (struct tracked *z = m->zones.all; z != NULL && result == TARGET_OK; z = z->next)
		if (z->number <= newest && may_take_state(w, z))
			gate_take_state(z, NULL);
	/* Those that leave later are excluded by name. */
	m->gate.orphans |= result == TARGET_OK;
	pthread_mutex_unlock(&m->lock);
	for (size_t i = 0; i < a.orphans; i++) {
		if (result == TARGET_OK)
			take_orphan(m, a.orphan[i]);
		free(a.orphan[i]);
	}
	free(a.orphan);
	return result;
}

static enum target_result
ask(struct writer *w, struct tracked *z)
{
	struct target_state state;
	bool known;
	enum target_result result = target_state(w->target, z->origin, &state, &known);

	if (result == TARGET_OK) {
		pthread_mutex_lock(&w->m->lock);
		gate_take_state(z, known ? &state : NULL);
		pthread_mutex_unlock(&w->m->lock);
	}
	return result;
}

bool
gate_ask(struct writer *w, struct tracked **batch, size_t count)
{
	enum target_result result = TARGET_OK;
	size_t unasked = 0;

	for (size_t i = 0; i < count; i++)
		unasked += !batch[i]->asked;
	if (unasked > ASK_EACH_MAX)
		result = ask_all(w);
	for (size_t i = 0; i < count && result == TARGET_OK; i++)
		/* A zone that cannot be asked for is one that cannot be written, which says why. */
		if (!batch[i]->asked && (result = ask(w, batch[i])) == TARGET_HELD)
			result = TARGET_OK;
	if (result != TARGET_OK)
		gate_shut(w, result, false);
	return result == TARGET_OK;
}

static enum target_result
see_exports(struct writer *w)
{
	return w->m->exports ? target_export_all(w->target) : TARGET_OK;
}

/* --- the lease --------------------------------------------------------- */

/* May we have it now?  One that we had ourselves before this start is not waited for. */
static bool
is_free(struct mirror *m, const struct target_lease *lease)
{
	struct gate *gate = &m->gate;
	int64_t now = mirror_now();

	if (lease->ours || lease->token[0] == '\0' ||
	    (!gate->led && strcmp(lease->holder, m->conf.instance) == 0))
		return true;
	if (strcmp(lease->token, gate->seen.token) == 0 && lease->beat == gate->seen.beat)
		return now - gate->seen_at >= SILENCE;
	gate->seen = *lease;
	gate->seen_at = now;
	return false;
}

static void
stand_by(struct mirror *m, const struct target_lease *lease)
{
	const char *what;
	bool first;

	pthread_mutex_lock(&m->lock);
	first = !m->status.standby;
	m->status.standby = true;
	mirror_keep_error(m, MIRROR_WELL, "");
	what = gate_works(m);
	snprintf(m->status.holder, sizeof(m->status.holder), "%s", lease->holder);
	m->gate.due = mirror_now() + LOOK;
	pthread_mutex_unlock(&m->lock);
	if (what != NULL)
		mirror_tell(m, NOTE, NULL, "%s", what);
	/* The configuration saw two databases, since it names them in two ways. */
	if (first && strncmp(lease->token, m->token, strlen(m->token) / 2) == 0)
		mirror_tell(m, ERROR, NULL, "has the database and the owner \"%s\" of another mirror here, %s: only one of "
		    "them ever writes; give it an owner of its own", m->conf.owner, lease->holder);
	else if (first)
		mirror_tell(m, WARNING, NULL, "stands by: another instance, %s, writes as the same owner; "
		    "this one takes over when that is gone", lease->holder);
}

/* With the lock.  Until now it was the holder's work. */
static void
restart_clocks(struct mirror *m)
{
	for (struct tracked *z = m->zones.all; z != NULL; z = z->next)
		if (z->state != MIRROR_IN_STEP)
			z->behind_since = steady_now();
}

static enum target_result
get_lease(struct writer *w)
{
	struct mirror *m = w->m;
	struct target_lease lease;
	enum target_result result;
	bool stood_by;

	if ((result = target_lease_read(w->target, &lease)) != TARGET_OK)
		return result;
	if (!is_free(m, &lease)) {
		stand_by(m, &lease);
		return TARGET_STANDBY;
	}
	if (!lease.ours)
		result = target_lease_take(w->target, &lease);
	/* Who locks its rows lives. */
	if (result == TARGET_STANDBY || result == TARGET_AGAIN) {
		m->gate.seen_at = mirror_now();
		pthread_mutex_lock(&m->lock);
		m->gate.due = mirror_now() + LOOK;
		pthread_mutex_unlock(&m->lock);
		return TARGET_STANDBY;
	}
	if (result != TARGET_OK)
		return result;
	m->gate.led = true;
	pthread_mutex_lock(&m->lock);
	if ((stood_by = m->status.standby))
		restart_clocks(m);
	m->status.standby = false;
	m->status.holder[0] = '\0';
	pthread_mutex_unlock(&m->lock);
	if (stood_by)
		mirror_tell(m, NOTE, NULL, "takes over from %s", lease.holder);
	return TARGET_OK;
}

/* --- opening ----------------------------------------------------------- */

static enum target_result
connect_again(struct writer *w)
{
	struct mirror *m = w->m;
	uint64_t generation;

	pthread_mutex_lock(&m->lock);
	generation = m->gate.generation;
	pthread_mutex_unlock(&m->lock);
	if (w->generation != generation)
		target_disconnect(w->target);
	w->generation = generation;
	return target_connect(w->target);
}

/* After it was away the target may be anywhere: another node, a backup, or further than we heard. */
static void
open_gate(struct writer *w)
{
	struct mirror *m = w->m;
	enum target_result result;
	const char *what = NULL;

	if ((result = connect_again(w)) == TARGET_OK)
		result = gate_read_masters(w);
	if (result == TARGET_OK && (result = get_lease(w)) == TARGET_STANDBY)
		return;
	if (result == TARGET_OK)
		result = ask_all(w);
	if (result == TARGET_OK)
		result = see_exports(w);
	if (result != TARGET_OK) {
		pthread_mutex_lock(&m->lock);
		m->gate.losses += m->gate.losses == 0;
		pthread_mutex_unlock(&m->lock);
		gate_shut(w, result, false);
		return;
	}
	pthread_mutex_lock(&m->lock);
	if (w->generation == m->gate.generation) {
		m->gate.open = true;
		m->gate.due = mirror_now() + BEAT;
		m->gate.look_at = mirror_now() + LOOK_AROUND;
		m->gate.sweep_at = mirror_now() + SWEEP;
		m->status.connected = true;
		if (!m->gate.writing) {
			mirror_keep_error(m, MIRROR_WELL, "");
			what = gate_works(m);
		}
		mirror_queue_all(m, false);
	}
	pthread_mutex_unlock(&m->lock);
	if (what != NULL)
		mirror_tell(m, NOTE, NULL, "%s", what);
}

/* --- looking around ----------------------------------------------------- */

struct looking {
	struct mirror *m;
	uint64_t look, since;
	struct some_names moved, left;
};

/* With the lock.  It is asked for again before anything is written. */
static void
note_moved(struct looking *l, struct tracked *z)
{
	z->asked = false;
	tracked_queue(&l->m->zones, z, false);
	mirror_name(&l->moved, z->name, "");
}

static bool
is_still(const struct looking *l, const struct tracked *z)
{
	return z->asked && z->busy == NULL && z->written <= l->since;
}

static void
on_look(void *ctx, const struct target_state *state)
{
	struct looking *l = ctx;
	struct tracked *z;

	pthread_mutex_lock(&l->m->lock);
	if ((z = tracked_named(&l->m->zones, state->name)) != NULL) {
		z->seen = l->look;
		if (is_still(l, z) && !(z->known && z->serial == state->serial && z->disabled == state->disabled &&
		    zone_digest_equal(z->digest, state->digest)))
			note_moved(l, z);
	}
	if (mirror_is_left(l->m, z))
		mirror_name(&l->left, state->name, state->disabled ? " (disabled)" : "");
	pthread_mutex_unlock(&l->m->lock);
}

/* A backup that is put back, or a hand in our tables, moves zones to other versions while the connection stands. */
static enum target_result
look_around(struct writer *w)
{
	struct mirror *m = w->m;
	struct looking l = { .m = m };
	int64_t start = mirror_now(), took;
	enum target_result result;

	pthread_mutex_lock(&m->lock);
	l.look = ++m->gate.looks;
	l.since = m->gate.written;
	pthread_mutex_unlock(&m->lock);
	result = target_states(w->target, on_look, &l);
	pthread_mutex_lock(&m->lock);
	for (struct tracked *z = m->zones.all; z != NULL && result == TARGET_OK; z = z->next)
		if (z->known && z->seen != l.look && is_still(&l, z))
			note_moved(&l, z);
	took = mirror_now() - start;
	m->gate.look_at = mirror_now() + (took * LOOK_SHARE > LOOK_AROUND ? took * LOOK_SHARE : LOOK_AROUND);
	if (result == TARGET_OK)
		m->gate.left = l.left;
	if (l.moved.count > 0)
		pthread_cond_broadcast(&m->wake);
	pthread_mutex_unlock(&m->lock);
	if (result != TARGET_OK || l.moved.count == 0)
		return result;
	mirror_tell(m, WARNING, NULL, "%zu zone%s in the database not at the version that was written, as when a "
	    "backup is put back or a domain deleted: %s%s; %s brought in step again", l.moved.count, l.moved.count == 1 ? " is" : "s are",
	    l.moved.text, l.moved.more ? ", ..." : "", l.moved.count == 1 ? "it is" : "they are");
	return see_exports(w);
}

/* The states alone do not tell that a domain was deleted.  This reads a row of each, so it is done seldom, and not when
 * a start has enough to do. */
static enum target_result
sweep(struct writer *w, bool *around)
{
	struct mirror *m = w->m;
	int64_t start = mirror_now(), pause;
	size_t gone;
	enum target_result result = target_sweep(w->target, &gone);

	*around |= gone > 0;
	pause = (mirror_now() - start) * SWEEP_SHARE;
	pthread_mutex_lock(&m->lock);
	m->gate.sweep_at = mirror_now() + (pause > SWEEP ? pause : SWEEP);
	pthread_mutex_unlock(&m->lock);
	return result;
}

/* The gate is open and it is time for a beat, or to look for zones that somebody moved. */
static void
keep_open(struct writer *w)
{
	struct mirror *m = w->m;
	const char *what = NULL;
	enum target_result result;
	bool around, sweeps, beats;

	pthread_mutex_lock(&m->lock);
	around = mirror_now() >= m->gate.look_at;
	sweeps = !m->status.paused && mirror_now() >= m->gate.sweep_at;
	pthread_mutex_unlock(&m->lock);
	if (!gate_pass(w))
		return;
	result = target_lease_beat(w->target);
	beats = result == TARGET_OK;
	if (result == TARGET_OK)
		result = gate_read_masters(w);
	if (result == TARGET_OK && sweeps)
		result = sweep(w, &around);
	if (result == TARGET_OK && around)
		result = look_around(w);
	if (result != TARGET_OK && result != TARGET_AGAIN) {
		gate_shut(w, result, !beats);
		return;
	}
	pthread_mutex_lock(&m->lock);
	if (beats)
		what = gate_works(m);
	m->gate.due = mirror_now() + (result == TARGET_OK ? BEAT : LOOK);
	pthread_mutex_unlock(&m->lock);
	if (what != NULL)
		mirror_tell(m, NOTE, NULL, "%s", what);
}

void
gate_tend(struct writer *w)
{
	bool open;

	pthread_mutex_lock(&w->m->lock);
	open = w->m->gate.open;
	pthread_mutex_unlock(&w->m->lock);
	if (open)
		keep_open(w);
	else
		open_gate(w);
}

bool
gate_pass(struct writer *w)
{
	enum target_result result;
	bool open;

	pthread_mutex_lock(&w->m->lock);
	open = w->m->gate.open;
	pthread_mutex_unlock(&w->m->lock);
	if (!open)
		return false;
	if ((result = connect_again(w)) != TARGET_OK)
		gate_shut(w, result, false);
	return result == TARGET_OK;
}

void
gate_leave(struct writer *w)
{
	struct mirror *m = w->m;
	bool last;

	pthread_mutex_lock(&m->lock);
	last = ++m->leaving == m->writers;
	pthread_mutex_unlock(&m->lock);
	if (last && gate_pass(w))
		target_lease_release(w->target);
}
