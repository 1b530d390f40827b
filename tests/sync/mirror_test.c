/* mirror_test.c - the target ends in step, whatever happens to it on the way.  The database and PowerDNS are played
 * here, so target.o and purge.o stay out of the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sync/commit.h"
#include "sync/mirror.h"
#include "sync/pdns_text.h"
#include "sync/purge.h"
#include "sync/target.h"
#include "tests/sync/zones.h"
#include "zonefile/arena.h"

/* --- the database ------------------------------------------------------ */

#define ZONES 600

struct db_zone {
	char name[80];
	struct zone *zone;		/* NULL: deleted */
	bool disabled, foreign;
	int64_t changed_at;
};

struct tables {
	struct db_zone zone[ZONES];
	size_t count;
};

/* What the next calls do: the step at which it happens, counted from 1 over all calls, and what. */
static struct {
	pthread_mutex_t lock;
	struct tables kept, work;	/* committed; of the transaction under way */
	bool connected, begun;
	atomic_uint steps;
	unsigned fail_at, fail_times;
	enum target_result fail_with;
	bool commit_works;		/* a COMMIT that fails has worked all the same */
	const char *_Atomic full;	/* it can be read, not written: why */
	atomic_uint updates, compares, connects, transactions, states;
	atomic_uint committed_at;	/* in order */
	struct target_counts counts;
	const char *refuses;		/* a zone that cannot be written */
	char why[128];
	struct target_lease lease;
	bool other_lives, drifts;
	atomic_uint verifies, exports;
	char exported[20];
} db = { .lock = PTHREAD_MUTEX_INITIALIZER };

static atomic_uint order;		/* of COMMITs and purges */

static atomic_bool held;			/* connect waits */

static char our_token[40];		/* of the mirror that was started last */

struct target { int unused; };
static struct target the_target;

/* --- PowerDNS ---------------------------------------------------------- */

#define PURGES 4000

static struct {
	pthread_mutex_t lock;
	size_t count;
	char name[PURGES][80];
	bool created[PURGES];
	uint64_t servers[PURGES];
	unsigned at[PURGES];		/* in order */
	uint64_t deaf;			/* servers that do not acknowledge */
} pdns = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct purge *
purge_new(const char *const *controls, const char *const *apis, const char *key_file)
{
	(void)controls;
	(void)apis;
	(void)key_file;
	return xmalloc(1);
}

void
purge_free(struct purge *p)
{
	free(p);
}

uint64_t
purge_servers(const struct purge *p)
{
	(void)p;
	return 3;
}

uint64_t
purge_send(struct purge *p, uint64_t servers, const struct purge_zone *zones,
    size_t count, char *why, size_t size)
{
	uint64_t failed;
	unsigned at;

	(void)p;
	pthread_mutex_lock(&pdns.lock);
	failed = servers & pdns.deaf;
	at = ++order;
	for (size_t i = 0; i < count && pdns.count < PURGES; i++) {
		snprintf(pdns.name[pdns.count], sizeof(pdns.name[0]), "%s", zones[i].name);
		pdns.created[pdns.count] = zones[i].created;
		pdns.at[pdns.count] = at;
		pdns.servers[pdns.count++] = servers & ~failed;
	}
	pthread_mutex_unlock(&pdns.lock);
	snprintf(why, size, "%s", failed != 0 ? "no answer" : "");
	return failed;
}

static unsigned
purged(const char *name, uint64_t server)
{
	unsigned times = 0;

	pthread_mutex_lock(&pdns.lock);
	for (size_t i = 0; i < pdns.count; i++)
		times += strcmp(pdns.name[i], name) == 0 && (pdns.servers[i] & server) != 0;
	pthread_mutex_unlock(&pdns.lock);
	return times;
}

static bool
purged_since(const char *name, unsigned at)
{
	bool found = false;

	pthread_mutex_lock(&pdns.lock);
	for (size_t i = 0; i < pdns.count; i++)
		found |= strcmp(pdns.name[i], name) == 0 && pdns.at[i] > at;
	pthread_mutex_unlock(&pdns.lock);
	return found;
}

/* --- the target -------------------------------------------------------- */

static struct db_zone *
row_of(struct tables *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->zone[i].name, name) == 0)
			return &t->zone[i];
	return NULL;
}

static void
copy_tables(struct tables *to, const struct tables *from)
{
	for (size_t i = 0; i < to->count; i++)
		zone_unref(to->zone[i].zone);
	*to = *from;
	for (size_t i = 0; i < to->count; i++)
		if (to->zone[i].zone != NULL)
			zone_ref(to->zone[i].zone);
}

/* Every call begins here. */
static enum target_result
step(const char *what)
{
	db.steps++;
	if (db.fail_times > 0 && db.steps >= db.fail_at) {
		db.fail_times--;
		snprintf(db.why, sizeof(db.why), "%s failed", what);
		if (db.fail_with == TARGET_LOST || db.fail_with == TARGET_BROKEN)
			db.connected = false;
		db.begun = false;
		return db.fail_with;
	}
	if (!db.connected && strcmp(what, "connect") != 0) {
		snprintf(db.why, sizeof(db.why), "not connected");
		db.begun = false;
		return TARGET_LOST;
	}
	return TARGET_OK;
}

struct target *
target_open(const struct target_conf *conf)
{
	pthread_mutex_lock(&db.lock);
	/* Those who only read have none. */
	if (conf->token != NULL)
		snprintf(our_token, sizeof(our_token), "%s", conf->token);
	pthread_mutex_unlock(&db.lock);
	return &the_target;
}

void
target_close(struct target *t)
{
	(void)t;
	pthread_mutex_lock(&db.lock);
	db.connected = db.begun = false;
	pthread_mutex_unlock(&db.lock);
}

const char *
target_why(const struct target *t)
{
	(void)t;
	return db.why;
}

enum target_result
target_connect(struct target *t)
{
	enum target_result result = TARGET_OK;

	(void)t;
	while (held)
		usleep(1000);
	pthread_mutex_lock(&db.lock);
	if (!db.connected && (result = step("connect")) == TARGET_OK) {
		db.connected = true;
		db.connects++;
	}
	pthread_mutex_unlock(&db.lock);
	return result;
}

void
target_disconnect(struct target *t)
{
	(void)t;
	pthread_mutex_lock(&db.lock);
	db.connected = db.begun = false;
	pthread_mutex_unlock(&db.lock);
}

/* The lease of this database: "" or a token; another one's beats or not. */
enum target_result
target_lease_read(struct target *t, struct target_lease *lease)
{
	enum target_result result = TARGET_OK;

	(void)t;
	pthread_mutex_lock(&db.lock);
	*lease = db.lease;
	lease->ours = strcmp(lease->token, our_token) == 0;
	if (!lease->ours && db.other_lives)
		db.lease.beat++;
	/* Who stands by calls nothing else. */
	if (!lease->ours)
		result = step("lease");
	pthread_mutex_unlock(&db.lock);
	return result;
}

enum target_result
target_lease_take(struct target *t, const struct target_lease *seen)
{
	(void)t;
	(void)seen;
	pthread_mutex_lock(&db.lock);
	db.lease = (struct target_lease){ .ours = true };
	strcpy(db.lease.token, our_token);
	pthread_mutex_unlock(&db.lock);
	return TARGET_OK;
}

static enum target_result
is_full(void)
{
	snprintf(db.why, sizeof(db.why), "%s", db.full);
	db.connected = db.begun = false;
	return TARGET_BROKEN;
}

enum target_result
target_lease_beat(struct target *t)
{
	enum target_result result;

	(void)t;
	pthread_mutex_lock(&db.lock);
	result = db.full != NULL ? is_full() : strcmp(db.lease.token, our_token) == 0 ? TARGET_OK : TARGET_STANDBY;
	pthread_mutex_unlock(&db.lock);
	return result;
}

void
target_lease_release(struct target *t)
{
	(void)t;
	pthread_mutex_lock(&db.lock);
	if (strcmp(db.lease.token, our_token) == 0)
		db.lease.token[0] = '\0';
	pthread_mutex_unlock(&db.lock);
}

enum target_result
target_prepare(struct target *t, const struct target_intent *intent, size_t count)
{
	(void)t;
	(void)intent;
	(void)count;
	return TARGET_OK;
}

static bool
state_of(const struct db_zone *row, struct target_state *state)
{
	*state = (struct target_state){ .name = row->name, .disabled = row->disabled,
	    .changed_at = row->changed_at,
	    .exported = strcmp(row->name, "example") == 0 ? (uint64_t)db.exported[0] : 0 };
	if (row->zone == NULL || row->foreign)
		return false;
	state->serial = zone_serial(row->zone);
	if (!row->disabled)
		state->digest = zone_digest(row->zone);
	return true;
}

enum target_result
target_states(struct target *t, target_state_fn *fn, void *ctx)
{
	enum target_result result;
	struct target_state state;

	(void)t;
	pthread_mutex_lock(&db.lock);
	db.states++;
	result = step("states");
	for (size_t i = 0; i < db.kept.count && result == TARGET_OK; i++)
		if (state_of(&db.kept.zone[i], &state))
			fn(ctx, &state);
	pthread_mutex_unlock(&db.lock);
	return result;
}

enum target_result
target_state(struct target *t, const uint8_t *origin, struct target_state *state, bool *known)
{
	char name[PDNS_NAME_TEXT];
	enum target_result result;
	struct db_zone *row;

	(void)t;
	pthread_mutex_lock(&db.lock);
	result = step("state");
	pdns_name(name, origin);
	row = row_of(&db.kept, name);
	*known = row != NULL && state_of(row, state);
	pthread_mutex_unlock(&db.lock);
	return result;
}

enum target_result
target_sweep(struct target *t, size_t *gone)
{
	(void)t;
	*gone = 0;
	return TARGET_OK;
}

enum target_result
target_begin(struct target *t)
{
	enum target_result result;

	(void)t;
	pthread_mutex_lock(&db.lock);
	db.counts = (struct target_counts){ 0 };
	if ((result = step("begin")) == TARGET_OK && strcmp(db.lease.token, our_token) != 0)
		result = TARGET_STANDBY;
	if (result == TARGET_OK) {
		db.begun = true;
		copy_tables(&db.work, &db.kept);
	}
	pthread_mutex_unlock(&db.lock);
	return result;
}

enum target_result
target_commit(struct target *t)
{
	enum target_result result;

	(void)t;
	pthread_mutex_lock(&db.lock);
	result = step("commit");
	if (result == TARGET_OK && db.full != NULL)
		result = is_full();
	if (result == TARGET_OK || db.commit_works) {
		copy_tables(&db.kept, &db.work);
		db.transactions++;
		db.committed_at = ++order;
	}
	db.begun = false;
	pthread_mutex_unlock(&db.lock);
	return result;
}

void
target_rollback(struct target *t)
{
	(void)t;
	db.begun = false;
}

const struct target_counts *
target_counts(const struct target *t)
{
	(void)t;
	return &db.counts;
}

static enum target_result
put(const struct zone *zone)
{
	char name[PDNS_NAME_TEXT];
	struct db_zone *row;

	pdns_name(name, zone_origin(zone));
	if (db.refuses != NULL && strcmp(name, db.refuses) == 0) {
		snprintf(db.why, sizeof(db.why), "it belongs to somebody");
		db.begun = false;
		return TARGET_FOREIGN;
	}
	if ((row = row_of(&db.work, name)) == NULL) {
		row = &db.work.zone[db.work.count++];
		*row = (struct db_zone){ .zone = NULL };
		snprintf(row->name, sizeof(row->name), "%.79s", name);
	}
	db.counts.domains_created += row->zone == NULL;
	db.counts.inserted++;
	zone_unref(row->zone);
	row->zone = zone_ref((struct zone *)zone);
	row->disabled = false;
	row->changed_at = time(NULL);
	return TARGET_OK;
}

enum target_result
target_update(struct target *t, const struct zone *from, const struct zone *to,
    const struct delta *delta, struct sink *sink)
{
	char name[PDNS_NAME_TEXT];
	enum target_result result;
	struct db_zone *row;

	(void)t;
	(void)sink;
	pthread_mutex_lock(&db.lock);
	assert_true(zone_digest_equal(zone_digest(from), delta_from_digest(delta)));
	assert_true(zone_digest_equal(zone_digest(to), delta_to_digest(delta)));
	pdns_name(name, zone_origin(to));
	db.updates++;
	if ((result = step("update")) == TARGET_OK) {
		assert_true(db.begun);
		row = row_of(&db.work, name);
		if (row == NULL || row->zone == NULL || row->disabled ||
		    !zone_digest_equal(zone_digest(row->zone), zone_digest(from))) {
			db.begun = false;
			result = TARGET_DRIFTED;
		} else {
			result = put(to);
		}
	}
	pthread_mutex_unlock(&db.lock);
	return result;
}

enum target_result
target_compare(struct target *t, const struct zone *zone, bool adopt, struct sink *sink)
{
	enum target_result result;

	(void)t;
	(void)adopt;
	(void)sink;
	pthread_mutex_lock(&db.lock);
	db.compares++;
	if ((result = step("compare")) == TARGET_OK) {
		assert_true(db.begun);
		result = put(zone);
	}
	pthread_mutex_unlock(&db.lock);
	return result;
}

enum target_result
target_verify(struct target *t, const struct zone *zone, bool any, target_difference_fn *fn, void *ctx,
    struct target_verdict *verdict)
{
	char name[PDNS_NAME_TEXT];
	struct db_zone *row;

	(void)t;
	(void)any;
	pthread_mutex_lock(&db.lock);
	pdns_name(name, zone_origin(zone));
	row = row_of(&db.kept, name);
	*verdict = (struct target_verdict){ .known = row != NULL && row->zone != NULL };
	db.verifies++;
	if (verdict->known && db.drifts) {
		verdict->extra = 1;
		fn(ctx, "extra", "a row");
	}
	pthread_mutex_unlock(&db.lock);
	return TARGET_OK;
}

enum target_result
target_records(struct target *t, const char *name, target_record_fn *fn, void *ctx, bool *known, bool *presigned)
{
	(void)t;
	(void)name;
	(void)fn;
	(void)ctx;
	*known = *presigned = false;
	return TARGET_OK;
}

enum target_result
target_supermasters(struct target *t, target_supermaster_fn *fn, void *ctx)
{
	(void)t;
	(void)fn;
	(void)ctx;
	return TARGET_OK;
}

uint64_t
export_hash(const struct target_meta *meta, size_t count)
{
	return count > 0 ? (uint64_t)meta[0].content[0] : 1;
}

enum target_result
target_export(struct target *t, const uint8_t *origin, const struct target_meta *meta, size_t count)
{
	(void)t;
	(void)origin;
	pthread_mutex_lock(&db.lock);
	db.counts.meta++;
	db.exports++;
	snprintf(db.exported, sizeof(db.exported), "%s", count > 0 ? meta[0].content : "");
	pthread_mutex_unlock(&db.lock);
	return TARGET_OK;
}

enum target_result
target_export_all(struct target *t)
{
	(void)t;
	return TARGET_OK;
}

static enum target_result
take_out(const uint8_t *origin, bool disable)
{
	char name[PDNS_NAME_TEXT];
	enum target_result result;
	struct db_zone *row;

	pthread_mutex_lock(&db.lock);
	pdns_name(name, origin);
	result = step("take out");
	row = row_of(&db.work, name);
	if (result == TARGET_OK && row != NULL && row->zone != NULL && !row->foreign) {
		row->disabled = disable;
		db.counts.updated++;
		if (!disable) {
			db.counts.domains_deleted++;
			zone_unref(row->zone);
			row->zone = NULL;
		}
	}
	pthread_mutex_unlock(&db.lock);
	return result;
}

enum target_result
target_disable(struct target *t, const uint8_t *origin)
{
	(void)t;
	return take_out(origin, true);
}

enum target_result
target_delete(struct target *t, const uint8_t *origin)
{
	(void)t;
	return take_out(origin, false);
}

/* --- the daemon -------------------------------------------------------- */

static char dir[] = "/tmp/mirror-test-XXXXXX", path[64];
static struct journal *journal;
static struct mirror *_Atomic mirror;
static unsigned errors, notes;
static uint32_t verify_interval;
static struct slot *slots[ZONES];
static size_t slot_total;

static void
on_report(void *ctx, const struct report *report)
{
	(void)ctx;
	pthread_mutex_lock(&db.lock);
	errors += report->severity == ERROR;
	notes += report->severity == NOTE;
	pthread_mutex_unlock(&db.lock);
}

static void
on_published(void *ctx, struct slot *slot, struct zone *zone)
{
	(void)ctx;
	(void)zone;
	if (mirror != NULL)
		mirror_wake(mirror, slot);
}

static void
sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static struct slot *
slot_of(const char *origin)
{
	struct slot *slot = slot_exact(wire(origin));

	if (slot == NULL) {
		slot = slots[slot_total++] = slot_add(wire(origin));
		slot_apply();
	}
	return slot;
}

static void
offer(const char *origin, uint32_t serial)
{
	commit_submit(slot_of(origin), make_zone(origin, serial, 30, (int)(serial % 30)),
	    COMMIT_FROM_FILE, NULL, NULL);
}

static bool
served_at(struct slot *slot, uint32_t serial)
{
	struct zone *zone = slot_zone_ref(slot);
	bool same = zone != NULL && zone_serial(zone) == serial;

	zone_unref(zone);
	return same;
}

/* Offer, and wait until it is served. */
static void
edit(const char *origin, uint32_t serial)
{
	offer(origin, serial);
	while (!served_at(slot_of(origin), serial))
		sleep_ms(1);
}

static void
start_mirror(int on_remove)
{
	struct mirror_conf conf = { .name = "test", .owner = "me", .on_remove = on_remove,
	    .verify_interval = verify_interval, .repair_drift = true,
	    .export_metadata = true };
	struct mirror *m;

	/* A zone that comes after the connection is exported again, which writes nothing but counts here. */
	held = true;
	m = mirror_start(&conf, path, on_report, NULL);
	for (size_t i = 0; i < slot_total; i++)
		mirror_include(m, slots[i]);
	mirror = m;
	held = false;
	mirror_settled(m);
}

static bool
all_in_step(void)
{
	struct mirror_status status;
	bool same = true;

	mirror_status(mirror, &status);
	if (status.in_step != slot_total)
		return false;
	pthread_mutex_lock(&db.lock);
	for (size_t i = 0; i < slot_total && same; i++) {
		char name[PDNS_NAME_TEXT];
		struct zone *zone = slot_zone_ref(slots[i]);
		struct db_zone *row;

		pdns_name(name, slot_origin(slots[i]));
		row = row_of(&db.kept, name);
		same = row != NULL && row->zone != NULL && !row->disabled &&
		    zone_digest_equal(zone_digest(row->zone), zone_digest(zone));
		zone_unref(zone);
	}
	pthread_mutex_unlock(&db.lock);
	return same;
}

/* Waits for a condition.  The minute is for a machine that is busy: nothing is measured. */
#define await(condition) \
	do { \
		time_t end_ = time(NULL) + 60; \
		while (!(condition)) { \
			if (time(NULL) > end_) \
				fail_msg("not reached: %s", #condition); \
			sleep_ms(2); \
		} \
	} while (0)
#define reached(condition) await(condition())

static void
restart_mirror(void)
{
	struct mirror *m = mirror;

	mirror = NULL;
	mirror_stop(m);
	start_mirror(MIRROR_KEEP);
}

static void
clear_db(void)
{
	static const struct tables empty;

	copy_tables(&db.kept, &empty);
	copy_tables(&db.work, &empty);
	db.fail_times = 0;
	db.steps = db.updates = db.compares = db.connects = db.transactions = db.states = 0;
	db.commit_works = false;
	db.full = NULL;
	db.refuses = NULL;
	db.lease = (struct target_lease){ .ours = false };
	db.other_lives = db.drifts = false;
	db.verifies = db.exports = 0;
	db.exported[0] = '\0';
	pdns.count = 0;
	pdns.deaf = 0;
	errors = notes = 0;
}

static int
begin(void **state)
{
	(void)state;
	clear_db();
	journal = journal_open(path, on_report, NULL);
	commit_start(journal, on_published, NULL);
	return 0;
}

static int
end(void **state)
{
	char command[100];
	struct mirror *m = mirror;

	(void)state;
	mirror = NULL;
	commit_stop();
	if (m != NULL)
		mirror_stop(m);
	journal_close(journal);
	for (size_t i = 0; i < slot_total; i++)
		slot_remove(slots[i]);
	slot_total = 0;
	slot_apply();
	clear_db();
	slot_settle();
	snprintf(command, sizeof(command), "rm -f %s/*", dir);
	return system(command);
}

/* --- tests ------------------------------------------------------------- */

static void
a_change_is_mirrored_as_a_difference_and_purged(void **state)
{
	struct mirror_zone zone;

	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	assert_int_equal(db.compares, 1);
	for (uint32_t i = 2; i < 8; i++) {
		edit("example.", i);
		reached(all_in_step);
	}
	assert_int_equal(db.compares, 1);
	assert_int_equal(db.updates, 6);
	assert_true(mirror_zone_status(mirror, wire("EXAMPLE."), &zone));
	assert_int_equal(zone.state, MIRROR_IN_STEP);
	assert_true(zone.known);
	assert_int_equal(zone.serial, 7);
	assert_false(mirror_zone_status(mirror, wire("other."), &zone));
	/* A last time 2 seconds later, when no query can be on its way any more. */
	await(purged("example", 1) >= 2);
	assert_true(purged("example", 2) >= 2);
	assert_true(pdns.created[0]);
	assert_false(pdns.created[pdns.count - 1]);
	assert_int_equal(errors, 0);
}

static void
a_restart_in_step_writes_nothing(void **state)
{
	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	restart_mirror();
	reached(all_in_step);
	assert_int_equal(db.transactions, 1);
	/* Who wrote it may have ended before PowerDNS was told. */
	await(purged("example", 1) >= 2);
}

static void
what_changed_while_the_mirror_was_off_is_a_difference(void **state)
{
	struct mirror *m;

	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	m = mirror;
	mirror = NULL;
	mirror_stop(m);
	for (uint32_t i = 2; i < 6; i++)
		edit("example.", i);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	assert_int_equal(db.updates, 1);
	assert_int_equal(db.compares, 1);
}

static void
a_target_at_an_unknown_version_is_compared(void **state)
{
	(void)state;
	edit("example.", 5);
	db.kept.zone[0] = (struct db_zone){ "example", make_zone("example.", 3, 9, 1), false, false, 0 };
	db.kept.count = 1;
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	assert_int_equal(db.compares, 1);
	assert_int_equal(db.updates, 0);
}

/* Fail at every step of a first mirroring and of two changes, in every way that the step may fail. */
static void
each_step_may_fail_in_each_way(void **state)
{
	static const struct {
		enum target_result result;
		bool commit_works;
		unsigned times;
	} ways[] = {
		{ TARGET_LOST, false, 1 }, { TARGET_LOST, true, 1 },
		{ TARGET_AGAIN, false, 1 }, { TARGET_AGAIN, false, 3 },
	};
	uint32_t serial = 1;

	(void)state;
	edit("a.example.", serial);
	edit("b.example.", serial);
	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		for (unsigned at = 1; at <= 14; at++) {
			clear_db();
			db.fail_at = at;
			db.fail_times = ways[way].times;
			db.fail_with = ways[way].result;
			db.commit_works = ways[way].commit_works;
			start_mirror(MIRROR_KEEP);
			reached(all_in_step);
			serial++;
			edit("a.example.", serial);
			edit("b.example.", serial);
			reached(all_in_step);
			/* A change that is in the database without PowerDNS being told is stale for long. */
			await(purged_since("b.example", db.committed_at));
			mirror_stop(mirror);
			mirror = NULL;
		}
}

static bool
tells_of_connect(void)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return strcmp(status.error, "connect failed") == 0;
}

static void
the_database_may_be_away(void **state)
{
	struct mirror_status status;

	(void)state;
	edit("example.", 1);
	db.fail_at = 0;
	db.fail_times = ~0U;
	db.fail_with = TARGET_LOST;
	start_mirror(MIRROR_KEEP);
	reached(tells_of_connect);
	mirror_status(mirror, &status);
	assert_false(status.connected);
	assert_int_equal(status.behind, 1);
	await(db.steps >= 2);
	pthread_mutex_lock(&db.lock);
	db.fail_times = 0;
	pthread_mutex_unlock(&db.lock);
	edit("example.", 2);
	edit("example.", 3);
	reached(all_in_step);
	mirror_status(mirror, &status);
	assert_true(status.connected);
	assert_string_equal(status.error, "");
	assert_int_equal(errors, 1);
	assert_int_equal(notes, 1);
}

static bool
others_in_step(void)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return status.in_step == slot_total - 1 && status.held == 1;
}

static void
an_older_state_that_is_put_back_is_caught_up(void **state)
{
	static struct tables older;
	unsigned updates;

	(void)state;
	edit("example.", 1);
	edit("other.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	edit("example.", 2);
	reached(all_in_step);
	copy_tables(&older, &db.kept);
	edit("example.", 3);
	edit("example.", 4);
	reached(all_in_step);
	updates = db.updates;
	db.compares = 0;
	pthread_mutex_lock(&db.lock);
	copy_tables(&db.kept, &older);
	pthread_mutex_unlock(&db.lock);
	mirror_look(mirror);
	reached(all_in_step);
	assert_int_equal(db.updates, updates + 1);
	assert_int_equal(db.compares, 0);
	/* One is gone altogether. */
	pthread_mutex_lock(&db.lock);
	zone_unref(row_of(&db.kept, "other")->zone);
	row_of(&db.kept, "other")->zone = NULL;
	pthread_mutex_unlock(&db.lock);
	mirror_look(mirror);
	reached(all_in_step);
	assert_int_equal(db.compares, 1);
	copy_tables(&older, &(struct tables){ .count = 0 });
}

static bool
noted(void)
{
	bool one;

	pthread_mutex_lock(&db.lock);
	one = notes > 0;
	pthread_mutex_unlock(&db.lock);
	return one;
}

static unsigned
told(void)
{
	unsigned count;

	pthread_mutex_lock(&db.lock);
	count = errors;
	pthread_mutex_unlock(&db.lock);
	return count;
}

static void
a_cause_of_trouble_is_told_once_and_its_end(void **state)
{
	unsigned connects;

	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	assert_false(noted());
	db.full = "the disk is full";
	edit("example.", 2);
	await(told() == 1);
	db.full = "the disk is broken";
	await(told() == 2);
	/* It can be read all the time, so it is connected, but that is no end of the trouble. */
	connects = db.connects;
	db.full = "the disk is full";
	mirror_look(mirror);
	await(db.connects > connects);
	mirror_look(mirror);
	await(db.connects > connects + 1);
	assert_int_equal(told(), 2);
	assert_false(noted());
	db.full = NULL;
	mirror_look(mirror);
	reached(all_in_step);
	reached(noted);
	assert_int_equal(told(), 2);
	assert_int_equal(notes, 1);
}

static void
a_zone_that_is_held_back_holds_back_no_other(void **state)
{
	struct mirror_zone zone;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		char name[30];

		snprintf(name, sizeof(name), "n%u.example.", i);
		edit(name, 1);
	}
	db.refuses = "n7.example";
	start_mirror(MIRROR_KEEP);
	reached(others_in_step);
	assert_int_equal(errors, 1);
	assert_true(mirror_zone_status(mirror, wire("n7.example."), &zone));
	assert_int_equal(zone.state, MIRROR_HELD);
	assert_false(zone.known);
	assert_true(zone.foreign);
	assert_string_equal(zone.why, "it belongs to somebody");
	edit("n3.example.", 2);
	reached(others_in_step);
	/* The next version is the next try. */
	pthread_mutex_lock(&db.lock);
	db.refuses = NULL;
	pthread_mutex_unlock(&db.lock);
	edit("n7.example.", 2);
	reached(all_in_step);
}

static void
a_resync_compares_and_so_does_a_drift(void **state)
{
	struct mirror_compared compared;
	struct mirror_status status;

	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	mirror_await(mirror, wire("example."), mirror_compare(mirror, slot_of("example."), false), &compared);
	assert_true(compared.done);
	assert_int_equal(compared.rows, 1);
	assert_int_equal(db.compares, 2);
	reached(all_in_step);
	/* Another one wrote: the difference does not fit. */
	pthread_mutex_lock(&db.lock);
	zone_unref(db.kept.zone[0].zone);
	db.kept.zone[0].zone = make_zone("example.", 1, 2, 1);
	pthread_mutex_unlock(&db.lock);
	edit("example.", 2);
	reached(all_in_step);
	assert_int_equal(db.compares, 3);
	mirror_status(mirror, &status);
	assert_int_equal(status.held, 0);
	/* What cannot be done now is not waited for. */
	db.refuses = "example";
	mirror_await(mirror, wire("example."), mirror_compare(mirror, slot_of("example."), false), &compared);
	assert_false(compared.done);
	assert_string_equal(compared.why, "it belongs to somebody");
	db.refuses = NULL;
	mirror_pause(mirror, true);
	mirror_await(mirror, wire("example."), mirror_compare(mirror, slot_of("example."), false), &compared);
	assert_false(compared.done);
	assert_string_equal(compared.why, "the mirror is paused");
	mirror_pause(mirror, false);
	await(db.compares >= 5);
}

static bool
nothing_waits(void)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return status.behind == 0;
}

static struct db_zone
first_row(void)
{
	struct db_zone row;

	pthread_mutex_lock(&db.lock);
	row = db.kept.zone[0];
	pthread_mutex_unlock(&db.lock);
	return row;
}

static bool
is_disabled(void)
{
	return first_row().disabled;
}

static bool
is_deleted(void)
{
	return first_row().zone == NULL;
}

static void
an_excluded_zone_is_kept_disabled_or_deleted(void **state)
{
	struct mirror_zone zone;

	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	mirror_exclude(mirror, wire("example."));
	assert_false(mirror_zone_status(mirror, wire("example."), &zone));
	sleep_ms(50);
	assert_false(is_disabled());
	assert_false(is_deleted());
	mirror_stop(mirror);

	start_mirror(MIRROR_DISABLE);
	reached(all_in_step);
	mirror_exclude(mirror, wire("example."));
	reached(is_disabled);
	mirror_include(mirror, slot_of("example."));
	reached(all_in_step);
	mirror_stop(mirror);

	/* One of before this start. */
	start_mirror(MIRROR_DELETE);
	mirror_exclude(mirror, wire("example."));
	mirror_exclude(mirror, wire("unknown."));
	reached(is_deleted);
	reached(nothing_waits);
	await(purged("example", 1) >= 3);
}

static void
a_paused_mirror_waits(void **state)
{
	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	mirror_pause(mirror, true);
	edit("example.", 2);
	sleep_ms(50);
	assert_int_equal(zone_serial(first_row().zone), 1);
	mirror_pause(mirror, false);
	reached(all_in_step);
}

static void
many_small_zones_share_transactions(void **state)
{
	char name[30];

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%u.example.", i);
		slots[slot_total++] = slot_add(wire(name));
	}
	slot_apply();
	for (uint32_t i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%u.example.", i);
		offer(name, 1);
	}
	edit("n499.example.", 2);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	assert_true(db.transactions < 20);
	assert_true(db.states < 10);
	assert_true(db.steps < 700);
}

static unsigned
heard_by_2(void)
{
	return purged("example", 2);
}

static bool
purging_says(const char *what)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return strcmp(status.purge_error, what) == 0;
}

static void
a_deaf_powerdns_is_asked_again_and_others_do_not_wait(void **state)
{
	(void)state;
	pdns.deaf = 2;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	await(purged("example", 1) >= 1);
	edit("example.", 2);
	reached(all_in_step);
	await(purged("example", 1) >= 2);
	assert_int_equal(heard_by_2(), 0);
	await(purging_says("no answer"));
	pthread_mutex_lock(&pdns.lock);
	pdns.deaf = 0;
	pthread_mutex_unlock(&pdns.lock);
	await(heard_by_2() >= 2);
	await(purging_says(""));
	assert_int_equal(errors, 0);
	assert_int_equal(notes, 1);
}

static void
a_purge_is_repeated_for_queries_that_were_under_way(void **state)
{
	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	await(purged("example", 1) == 3 && purged("example", 2) == 3);
}

static bool
stands_by(void)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return status.standby;
}

static void
lend_to_another(bool lives)
{
	pthread_mutex_lock(&db.lock);
	strcpy(db.lease.token, "another");
	strcpy(db.lease.holder, "far away");
	db.other_lives = lives;
	pthread_mutex_unlock(&db.lock);
}

static bool
all_300_in_step(void)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return status.in_step == 300;
}

static void
offer_300(void)
{
	char name[20];

	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "z%u.example.", i);
		offer(name, 1);
	}
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "z%u.example.", i);
		await(served_at(slot_of(name), 1));
	}
}

/* While the target was away; a transaction takes 200 zones. */
static void
what_changed_goes_before_what_is_only_looked_at(void **state)
{
	struct mirror_conf conf = { .name = "test", .owner = "me" };
	struct mirror_status status;

	(void)state;
	offer_300();
	held = true;
	mirror = mirror_start(&conf, path, on_report, NULL);
	for (size_t i = 0; i < slot_total; i++)
		mirror_include(mirror, slots[i]);
	mirror_settled(mirror);
	edit("z299.example.", 2);
	edit("z250.example.", 2);
	mirror_status(mirror, &status);
	assert_int_equal(status.behind, 300);
	assert_int_equal(status.seconds_left, -1);
	held = false;
	reached(all_300_in_step);
	assert_string_equal(db.kept.zone[0].name, "z299.example");
	assert_string_equal(db.kept.zone[1].name, "z250.example");
	mirror_status(mirror, &status);
	assert_int_equal(status.seconds_left, 0);
}

static bool
cut_after_200(void)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return status.in_step == 200 && status.error_kind == MIRROR_NO_CONNECTION;
}

static void
an_absence_is_no_part_of_the_speed(void **state)
{
	struct mirror_conf conf = { .name = "test", .owner = "me" };
	struct mirror_status status;

	(void)state;
	offer_300();
	/* The first transaction takes some 210 calls. */
	pthread_mutex_lock(&db.lock);
	db.fail_at = db.steps + 260;
	db.fail_with = TARGET_LOST;
	db.fail_times = 1000000;
	pthread_mutex_unlock(&db.lock);
	mirror = mirror_start(&conf, path, on_report, NULL);
	for (size_t i = 0; i < slot_total; i++)
		mirror_include(mirror, slots[i]);
	mirror_settled(mirror);
	await(cut_after_200());
	mirror_status(mirror, &status);
	assert_int_equal(status.behind, 100);
	assert_int_equal(status.rows_a_second, 0);
	assert_int_equal(status.seconds_left, -1);
	pthread_mutex_lock(&db.lock);
	db.fail_times = 0;
	pthread_mutex_unlock(&db.lock);
	mirror_look(mirror);
	reached(all_300_in_step);
}

static bool
has_no_connection(void)
{
	struct mirror_status status;

	mirror_status(mirror, &status);
	return status.error_kind == MIRROR_NO_CONNECTION;
}

static void
who_stands_by_tells_of_a_connection_that_is_lost_and_back(void **state)
{
	(void)state;
	edit("example.", 1);
	lend_to_another(true);
	start_mirror(MIRROR_KEEP);
	reached(stands_by);
	pthread_mutex_lock(&db.lock);
	db.fail_at = 0;
	db.fail_with = TARGET_LOST;
	db.fail_times = 1000000;
	pthread_mutex_unlock(&db.lock);
	await(has_no_connection() && errors == 1);
	pthread_mutex_lock(&db.lock);
	db.fail_times = 0;
	pthread_mutex_unlock(&db.lock);
	await(!has_no_connection() && notes == 1);
	assert_true(stands_by());
}

static void
who_stands_by_writes_nothing_and_takes_over(void **state)
{
	struct mirror_status status;
	struct mirror_late late;
	struct mirror_zone zone;

	(void)state;
	edit("example.", 1);
	lend_to_another(true);
	start_mirror(MIRROR_KEEP);
	reached(stands_by);
	sleep_ms(100);
	mirror_status(mirror, &status);
	assert_string_equal(status.holder, "far away");
	assert_false(status.connected);
	assert_int_equal(db.transactions, 0);
	/* Whether it is behind is the other's to tell. */
	assert_int_equal(status.behind, 0);
	assert_int_equal(mirror_late(mirror, &late, 1), 0);
	assert_true(mirror_zone_status(mirror, wire("example."), &zone));
	assert_true(zone.standby);
	pthread_mutex_lock(&db.lock);
	db.lease.token[0] = '\0';
	pthread_mutex_unlock(&db.lock);
	reached(all_in_step);
	assert_false(stands_by());
	/* Taken from us: the next transaction is not done. */
	lend_to_another(false);
	edit("example.", 2);
	reached(stands_by);
	assert_int_equal(zone_serial(first_row().zone), 1);
	/* It is silent: after a while we take over. */
	await(!stands_by());
	reached(all_in_step);
	assert_int_equal(errors, 0);
}

static struct slot *
withdraw(const char *origin)
{
	struct slot *slot = slot_of(origin);

	slot_publish(slot, NULL);
	mirror_wake(mirror, slot);
	return slot;
}

static void
a_zone_that_expires_is_disabled_until_it_is_back(void **state)
{
	(void)state;
	edit("example.", 1);
	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	withdraw("example.");
	reached(is_disabled);
	edit("example.", 2);
	reached(all_in_step);
	/* One that is not loaded yet is not withdrawn. */
	slot_publish(slot_of("example."), NULL);
	restart_mirror();
	sleep_ms(100);
	assert_false(is_disabled());
	edit("example.", 3);
	reached(all_in_step);
}

static void
what_left_the_configuration_while_nobody_watched_is_taken_out(void **state)
{
	(void)state;
	edit("example.", 1);
	db.kept.zone[0] = (struct db_zone){ "gone.example", make_zone("gone.example.", 3, 9, 1), false, false, 0 };
	db.kept.count = 1;
	start_mirror(MIRROR_DISABLE);
	reached(all_in_step);
	reached(is_disabled);
	mirror_stop(mirror);

	start_mirror(MIRROR_KEEP);
	reached(all_in_step);
	assert_false(is_deleted());
	mirror_stop(mirror);

	start_mirror(MIRROR_DELETE);
	reached(is_deleted);
}

static void
each_zone_is_verified_in_turn_and_mended(void **state)
{
	(void)state;
	edit("a.example.", 1);
	edit("b.example.", 1);
	verify_interval = 1;
	start_mirror(MIRROR_KEEP);
	verify_interval = 0;
	reached(all_in_step);
	await(db.verifies >= 3);
	assert_int_equal(db.compares, 2);
	pthread_mutex_lock(&db.lock);
	db.drifts = true;
	pthread_mutex_unlock(&db.lock);
	await(db.compares >= 4);
	pthread_mutex_lock(&db.lock);
	db.drifts = false;
	pthread_mutex_unlock(&db.lock);
	reached(all_in_step);
}

static void
what_powerdns_is_told_beside_records_is_exported_once(void **state)
{
	static const struct target_meta one[] = { { "ALLOW-AXFR-FROM", "1.2.3.4/32" } }, two[] = { { "ALLOW-AXFR-FROM", "2.2.3.4/32" } };
	struct slot *slot;

	(void)state;
	edit("example.", 1);
	slot = slot_of("example.");
	start_mirror(MIRROR_KEEP);
	mirror_set_meta(mirror, slot, one, 1);
	await(db.exports >= 1);
	reached(all_in_step);
	assert_int_equal(db.exports, 1);
	mirror_set_meta(mirror, slot, one, 1);
	edit("example.", 2);
	reached(all_in_step);
	restart_mirror();
	mirror_set_meta(mirror, slot, one, 1);
	reached(all_in_step);
	sleep_ms(50);
	assert_int_equal(db.exports, 1);
	mirror_set_meta(mirror, slot, two, 1);
	await(db.exports >= 2);
	reached(all_in_step);
	assert_string_equal(db.exported, "2.2.3.4/32");
	assert_int_equal(db.compares, 1);
}

static int
make_dir(void **state)
{
	(void)state;
	slot_thread_begin();
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/journal", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	slot_thread_end();
	return rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_change_is_mirrored_as_a_difference_and_purged),
		TEST(a_restart_in_step_writes_nothing),
		TEST(what_changed_while_the_mirror_was_off_is_a_difference),
		TEST(a_target_at_an_unknown_version_is_compared),
		TEST(each_step_may_fail_in_each_way),
		TEST(the_database_may_be_away),
		TEST(an_older_state_that_is_put_back_is_caught_up),
		TEST(a_cause_of_trouble_is_told_once_and_its_end),
		TEST(a_zone_that_is_held_back_holds_back_no_other),
		TEST(a_resync_compares_and_so_does_a_drift),
		TEST(an_excluded_zone_is_kept_disabled_or_deleted),
		TEST(a_paused_mirror_waits),
		TEST(many_small_zones_share_transactions),
		TEST(what_changed_goes_before_what_is_only_looked_at),
		TEST(an_absence_is_no_part_of_the_speed),
		TEST(who_stands_by_tells_of_a_connection_that_is_lost_and_back),
		TEST(who_stands_by_writes_nothing_and_takes_over),
		TEST(a_zone_that_expires_is_disabled_until_it_is_back),
		TEST(what_left_the_configuration_while_nobody_watched_is_taken_out),
		TEST(each_zone_is_verified_in_turn_and_mended),
		TEST(what_powerdns_is_told_beside_records_is_exported_once),
		TEST(a_deaf_powerdns_is_asked_again_and_others_do_not_wait),
		TEST(a_purge_is_repeated_for_queries_that_were_under_way),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
