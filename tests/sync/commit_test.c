/* commit_test.c - what becomes current, in which order, and what the journal has of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sync/commit.h"
#include "tests/sync/zones.h"
#include "zonefile/arena.h"

static char dir[] = "/tmp/commit-test-XXXXXX", path[64];
static struct journal *journal;
static struct slot *slot;
static unsigned published;		/* commit thread, read when a done was waited for */

static void
on_published(void *ctx, struct slot *s, struct zone *zone)
{
	(void)ctx;
	/* It is current and a reader's way to it is open. */
	assert_ptr_equal(slot_zone(s), zone);
	published++;
}

/* Outcomes in the order in which they were told. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t told;
	size_t count;
	struct commit_outcome outcome[512];
	char why[512][256];
} results = { .lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER };

static void
on_done(void *ctx, struct slot *s, const struct commit_outcome *outcome)
{
	(void)ctx;
	(void)s;
	pthread_mutex_lock(&results.lock);
	snprintf(results.why[results.count], sizeof(results.why[0]), "%s",
	    outcome->why != NULL ? outcome->why : "");
	results.outcome[results.count++] = *outcome;
	pthread_cond_signal(&results.told);
	pthread_mutex_unlock(&results.lock);
}

static void
wait_for(size_t count)
{
	pthread_mutex_lock(&results.lock);
	while (results.count < count)
		pthread_cond_wait(&results.told, &results.lock);
	pthread_mutex_unlock(&results.lock);
}

static void
submit(struct slot *s, struct zone *zone, unsigned flags)
{
	assert_non_null(zone);
	commit_submit(s, zone, flags, on_done, NULL);
}

/* One candidate, alone; its outcome. */
static const struct commit_outcome *
offer(struct zone *zone, unsigned flags)
{
	size_t n = results.count;

	submit(slot, zone, flags);
	wait_for(n + 1);
	return &results.outcome[n];
}

static const char *
last_why(void)
{
	return results.why[results.count - 1];
}

static struct zone *
version(uint32_t serial)
{
	return make_zone("example.", serial, 30, (int)(serial % 30));
}

static bool
serves(uint32_t serial)
{
	struct zone *now = slot_zone_ref(slot), *want = version(serial);
	bool same = now != NULL && zone_digest_equal(zone_digest(now), zone_digest(want));

	zone_unref(now);
	zone_unref(want);
	return same;
}

static bool
journal_has(uint32_t serial)
{
	struct journal *reader = journal_open_reader(path);
	struct zone *back = journal_restore(reader, wire("example.")), *want = version(serial);
	bool same = back != NULL && zone_digest_equal(zone_digest(back), zone_digest(want));

	zone_unref(back);
	zone_unref(want);
	journal_close(reader);
	return same;
}

static void
on_report(void *ctx, const struct report *report)
{
	(void)ctx;
	(void)report;
}

static void
run(void)
{
	results.count = 0;
	journal = journal_open(path, on_report, NULL);
	commit_start(journal, on_published, NULL);
}

static void
halt(void)
{
	commit_stop();
	journal_close(journal);
}

/* The daemon ends and starts again: the slot is empty, the journal is what it was. */
static void
restart(void)
{
	halt();
	slot_remove(slot);
	slot = slot_add(wire("example."));
	slot_apply();
	run();
}

static int
begin(void **state)
{
	(void)state;
	slot = slot_add(wire("example."));
	slot_apply();
	published = 0;
	run();
	return 0;
}

static void
remove_one(void *ctx, struct slot *s)
{
	(void)ctx;
	slot_remove(s);
}

static void
unlink_all(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -f %s/*", dir);
	if (system(command) != 0)
		abort();
}

static int
end(void **state)
{
	(void)state;
	halt();
	slot_each(remove_one, NULL);
	slot_apply();
	slot_settle();
	unlink_all();
	return 0;
}

static void
newer_versions_are_published(void **state)
{
	const struct commit_outcome *o = offer(version(1), 0);

	(void)state;
	assert_int_equal(o->result, COMMIT_DONE);
	assert_true(o->first);
	assert_int_equal(o->new_serial, 1);
	assert_true(serves(1));
	o = offer(version(2), 0);
	assert_int_equal(o->result, COMMIT_DONE);
	assert_false(o->first);
	assert_int_equal(o->old_serial, 1);
	assert_int_equal(o->new_serial, 2);
	assert_int_equal(o->removed, 3);	/* SOA and two hosts */
	assert_int_equal(o->added, 3);
	assert_null(o->why);
	assert_true(serves(2));
	assert_true(journal_has(2));
	assert_int_equal(published, 2);
}

static void
the_same_content_is_not_published_again(void **state)
{
	(void)state;
	offer(version(1), 0);
	assert_int_equal(offer(version(1), 0)->result, COMMIT_SAME);
	assert_int_equal(offer(version(1), COMMIT_FROM_FILE)->result, COMMIT_SAME);
	assert_int_equal(published, 1);
}

static void
an_older_serial_is_refused_unless_the_operator_wrote_it(void **state)
{
	(void)state;
	offer(version(0xffffff00), 0);
	assert_int_equal(offer(version(5), 0)->result, COMMIT_DONE);	/* wraps round */
	assert_int_equal(offer(version(4), 0)->result, COMMIT_OLDER);
	assert_string_equal(last_why(), "serial 4 is not newer than 5, but the content differs");
	assert_true(serves(5));
	assert_int_equal(offer(version(4), COMMIT_FROM_FILE)->result, COMMIT_DONE);
	assert_non_null(strstr(last_why(), "serial 4 is not newer than 5"));
	assert_true(serves(4));
	/* Same serial, other content. */
	assert_int_equal(offer(make_zone("example.", 4, 31, 4), 0)->result, COMMIT_OLDER);
	assert_int_equal(offer(make_zone("example.", 4, 31, 4), COMMIT_FROM_FILE)->result,
	    COMMIT_DONE);
	assert_non_null(strstr(last_why(), "serial 4 was not raised: slaves will not see"));
	assert_int_equal(offer(version(6), 0)->result, COMMIT_DONE);
	assert_true(journal_has(6));
}

/* The small change is published as another object than what was offered. */
static void
when_to_look_at_signatures_again_is_published_too(void **state)
{
	struct zone *offered[3] = { make_zone("example.", 1, 200, 1), make_zone("example.", 2, 200, 2), make_zone("example.", 3, 20, 2) };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct zone *now;

		zone_set_look_again(offered[i], 1000 + i);
		assert_int_equal(offer(offered[i], 0)->result, COMMIT_DONE);
		now = slot_zone_ref(slot);
		assert_int_equal(zone_look_again(now), 1000 + i);
		zone_unref(now);
	}
}

static void
a_small_change_shares_memory_and_a_big_one_does_not(void **state)
{
	struct zone *big = make_zone("example.", 9, 60, 5), *now;

	(void)state;
	offer(version(1), 0);
	submit(slot, zone_ref(big), 0);
	wait_for(2);
	now = slot_zone_ref(slot);
	assert_ptr_equal(now, big);
	zone_unref(now);
	zone_unref(big);
	big = make_zone("example.", 10, 60, 6);
	submit(slot, zone_ref(big), 0);
	wait_for(3);
	now = slot_zone_ref(slot);
	assert_ptr_not_equal(now, big);
	assert_true(zone_digest_equal(zone_digest(now), zone_digest(big)));
	zone_unref(now);
	zone_unref(big);
}

static void
many_wait_and_are_taken_in_order(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 300; i++)
		submit(slot, version(i), 0);
	wait_for(300);
	for (uint32_t i = 1; i <= 300; i++) {
		assert_int_equal(results.outcome[i - 1].result, COMMIT_DONE);
		assert_int_equal(results.outcome[i - 1].new_serial, i);
	}
	assert_true(serves(300));
	assert_true(journal_has(300));
}

static void
a_removed_slot_takes_nothing(void **state)
{
	struct slot *gone = slot_add(wire("gone."));

	(void)state;
	slot_remove(gone);
	submit(gone, make_zone("gone.", 1, 1, -1), 0);
	wait_for(1);
	assert_int_equal(results.outcome[0].result, COMMIT_GONE);
	assert_int_equal(published, 0);
}

static void
a_forgotten_slot_leaves_no_versions_behind_what_was_queued(void **state)
{
	(void)state;
	offer(version(1), 0);
	for (uint32_t i = 2; i <= 20; i++)
		submit(slot, version(i), 0);
	commit_forget(slot, on_done, NULL);
	wait_for(21);
	assert_int_equal(results.outcome[20].result, COMMIT_GONE);
	assert_true(serves(20));
	assert_false(journal_has(20));
	assert_false(journal_has(1));
	/* A zone of this name may come again. */
	submit(slot, version(21), 0);
	wait_for(22);
	assert_int_equal(results.outcome[21].result, COMMIT_DONE);
	assert_true(journal_has(21));
}

static void
stopping_finishes_what_is_queued(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 100; i++)
		submit(slot, version(i), 0);
	halt();
	assert_int_equal(results.count, 100);
	assert_true(serves(100));
	assert_true(journal_has(100));
	run();
}

static void
the_first_version_is_written_behind(void **state)
{
	(void)state;
	offer(version(1), 0);
	/* A minute is for a machine that is busy. */
	for (time_t end = time(NULL) + 60; !journal_has(1) && time(NULL) < end;)
		usleep(10000);
	assert_true(journal_has(1));
}

static bool
chain(uint32_t from, uint32_t to)
{
	struct journal *reader = journal_open_reader(path);
	struct zone *old = version(from), *new = version(to);
	struct delta *delta = journal_chain(reader, wire("example."), zone_digest(old),
	    zone_digest(new));
	bool there = delta != NULL;

	delta_free(delta);
	zone_unref(old);
	zone_unref(new);
	journal_close(reader);
	return there;
}

static void
an_edit_while_down_continues_the_history(void **state)
{
	const struct commit_outcome *o;

	(void)state;
	offer(version(1), 0);
	offer(version(2), 0);
	restart();
	o = offer(version(2), COMMIT_FROM_FILE);
	assert_int_equal(o->result, COMMIT_DONE);
	assert_true(o->first);
	assert_int_equal(o->removed + o->added, 0);
	assert_true(chain(1, 2));
	restart();
	o = offer(version(3), COMMIT_FROM_FILE);
	assert_int_equal(o->result, COMMIT_DONE);
	assert_true(o->first);
	assert_int_equal(o->removed, 3);
	assert_null(o->why);
	assert_true(serves(3));
	assert_true(chain(1, 3));
	restart();
	/* Back to an older file: it is the operator's word, and said. */
	assert_int_equal(offer(version(1), COMMIT_FROM_FILE)->result, COMMIT_DONE);
	assert_non_null(strstr(last_why(), "serial 1 is not newer than 3"));
	assert_true(serves(1));
	assert_true(chain(3, 1));
}

static void
a_lost_journal_is_begun_anew(void **state)
{
	(void)state;
	offer(version(1), 0);
	offer(version(2), 0);
	unlink_all();
	assert_int_equal(offer(version(3), 0)->result, COMMIT_DONE);
	assert_true(journal_has(3));
	assert_true(chain(2, 3));
	assert_false(chain(1, 3));
}

static struct rlimit all;

static void
fill_disk(rlim_t octets)
{
	struct rlimit small;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &all);
	small = all;
	small.rlim_cur = octets;
	setrlimit(RLIMIT_FSIZE, &small);
}

static void
a_full_disk_refuses_and_the_next_try_works(void **state)
{
	(void)state;
	offer(version(1), 0);
	offer(version(2), 0);
	fill_disk(4096);
	for (uint32_t i = 3; i < 6; i++) {
		assert_int_equal(offer(version(i), COMMIT_FROM_FILE)->result, COMMIT_FAILED);
		assert_non_null(strstr(last_why(), path));
		assert_true(serves(2));
	}
	/* A first version is served whatever the disk says. */
	submit(slot_add(wire("new.")), make_zone("new.", 1, 3, 1), 0);
	wait_for(6);
	assert_int_equal(results.outcome[5].result, COMMIT_DONE);
	setrlimit(RLIMIT_FSIZE, &all);
	assert_int_equal(offer(version(6), COMMIT_FROM_FILE)->result, COMMIT_DONE);
	assert_true(serves(6));
	assert_true(journal_has(6));
	assert_true(chain(1, 6));
}

static void
one_that_does_not_fit_fails_alone(void **state)
{
	enum { SLOTS = 20 };
	struct slot *many[SLOTS];
	char name[20];
	size_t failed = 0;

	(void)state;
	for (int i = 0; i < SLOTS; i++) {
		snprintf(name, sizeof(name), "n%d.", i);
		many[i] = slot_add(wire(name));
		submit(many[i], make_zone(name, 1, 10, 0), 0);
	}
	slot_apply();
	restart();
	for (int i = 0; i < SLOTS; i++) {
		snprintf(name, sizeof(name), "n%d.", i);
		submit(many[i], make_zone(name, 2, 10, 1), 0);
	}
	wait_for(SLOTS);
	fill_disk(400 * 1024);
	for (int i = 0; i < SLOTS; i++) {
		snprintf(name, sizeof(name), "n%d.", i);
		submit(many[i], make_zone(name, 3, i == 7 ? 65000 : 10, 2), 0);
	}
	wait_for(2 * SLOTS);
	setrlimit(RLIMIT_FSIZE, &all);
	for (int i = SLOTS; i < 2 * SLOTS; i++)
		failed += results.outcome[i].result == COMMIT_FAILED;
	assert_int_equal(failed, 1);
	assert_int_equal(results.outcome[SLOTS + 7].result, COMMIT_FAILED);
}

static const struct commit_outcome *
restored(void)
{
	size_t n = results.count;

	commit_restore(slot, on_done, NULL);
	wait_for(n + 1);
	return &results.outcome[n];
}

static void
the_last_version_comes_back_from_the_journal(void **state)
{
	(void)state;
	assert_int_equal(restored()->result, COMMIT_FAILED);
	assert_non_null(last_why());
	offer(version(1), 0);
	offer(version(2), 0);
	assert_int_equal(restored()->result, COMMIT_SAME);
	restart();
	assert_int_equal(restored()->result, COMMIT_DONE);
	assert_true(serves(2));
	assert_int_equal(offer(version(3), COMMIT_FROM_FILE)->result, COMMIT_DONE);
	assert_true(chain(1, 3));
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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(newer_versions_are_published, begin, end),
		cmocka_unit_test_setup_teardown(the_same_content_is_not_published_again, begin, end),
		cmocka_unit_test_setup_teardown(
		    an_older_serial_is_refused_unless_the_operator_wrote_it, begin, end),
		cmocka_unit_test_setup_teardown(
		    when_to_look_at_signatures_again_is_published_too, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_small_change_shares_memory_and_a_big_one_does_not, begin, end),
		cmocka_unit_test_setup_teardown(many_wait_and_are_taken_in_order, begin, end),
		cmocka_unit_test_setup_teardown(a_removed_slot_takes_nothing, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_forgotten_slot_leaves_no_versions_behind_what_was_queued, begin, end),
		cmocka_unit_test_setup_teardown(stopping_finishes_what_is_queued, begin, end),
		cmocka_unit_test_setup_teardown(the_first_version_is_written_behind, begin, end),
		cmocka_unit_test_setup_teardown(an_edit_while_down_continues_the_history, begin, end),
		cmocka_unit_test_setup_teardown(the_last_version_comes_back_from_the_journal, begin, end),
		cmocka_unit_test_setup_teardown(a_lost_journal_is_begun_anew, begin, end),
		cmocka_unit_test_setup_teardown(
		    a_full_disk_refuses_and_the_next_try_works, begin, end),
		cmocka_unit_test_setup_teardown(one_that_does_not_fit_fails_alone, begin, end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
