/* journal_test.c - what was written is there again, whatever happened to the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sync/journal.h"
#include "tests/sync/zones.h"

static char dir[] = "/tmp/journal-test-XXXXXX", path[64];
static int errors;
static char last_report[1024];

static void
count_reports(void *ctx, const struct report *report)
{
	(void)ctx;
	errors += report->severity == ERROR;
	snprintf(last_report, sizeof(last_report), "%s", report->text);
}

static struct journal *
open_it(void)
{
	return journal_open(path, count_reports, NULL);
}

static void
remove_files(const char *pattern)
{
	char full[100];
	glob_t found;

	snprintf(full, sizeof(full), "%s/%s", dir, pattern);
	if (glob(full, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
}

static size_t
count_files(const char *pattern)
{
	char full[100];
	glob_t found;
	size_t count = 0;

	snprintf(full, sizeof(full), "%s/%s", dir, pattern);
	if (glob(full, 0, NULL, &found) == 0)
		count = found.gl_pathc;
	globfree(&found);
	return count;
}

static int
fresh(void **state)
{
	(void)state;
	remove_files("*");
	errors = 0;
	return 0;
}

/* Version i of a history: serial i, one host after the other changed and changed back. */
static struct zone *
version(int i)
{
	return make_zone("example.", (uint32_t)i, 20, i % 20);
}

static int
append(struct journal *j, int i)
{
	struct zone *from = version(i), *to = version(i + 1);
	struct delta *delta = delta_between(from, to);
	int err = journal_append(j, delta, "test");

	delta_free(delta);
	zone_unref(from);
	zone_unref(to);
	return err;
}

static void
write_step(struct journal *j, int i)
{
	assert_int_equal(append(j, i), 0);
}

static void
write_base_of(struct journal *j, int i)
{
	struct zone *zone = version(i);

	assert_int_equal(journal_base(j, zone), 0);
	zone_unref(zone);
}

static void
write_history(struct journal *j, int from, int to)
{
	assert_int_equal(journal_begin(j), 0);
	if (from == 0)
		write_base_of(j, 0);
	for (int i = from; i < to; i++)
		write_step(j, i);
	assert_int_equal(journal_commit(j), 0);
}

static struct zone_digest
digest_of(int i)
{
	struct zone *zone = version(i);
	struct zone_digest digest = zone_digest(zone);

	zone_unref(zone);
	return digest;
}

static bool
restores(struct journal *j, int i)
{
	struct zone *zone = journal_restore(j, wire("example."));
	bool same = zone != NULL && zone_digest_equal(zone_digest(zone), digest_of(i));

	zone_unref(zone);
	return same;
}

/* Does the chain lead from one version to the other? */
static bool
leads(struct journal *j, int from, int to)
{
	struct delta *delta = journal_chain(j, wire("example."), digest_of(from), digest_of(to));
	struct zone *old, *new;
	struct sink quiet = { 0 };
	bool good;

	if (delta == NULL)
		return false;
	old = version(from);
	new = delta_apply(old, delta, &quiet);
	good = new != NULL && zone_digest_equal(zone_digest(new), digest_of(to));
	assert_true(good);
	zone_unref(old);
	zone_unref(new);
	delta_free(delta);
	return good;
}

static void
the_last_version_comes_back(void **state)
{
	struct journal *j = open_it();
	struct journal_version last;

	(void)state;
	assert_false(journal_last(j, wire("example."), &last));
	write_history(j, 0, 0);
	assert_true(restores(j, 0));
	write_history(j, 0, 9);
	journal_close(j);
	j = open_it();
	assert_true(journal_last(j, wire("example."), &last));
	assert_int_equal(last.serial, 9);
	assert_true(zone_digest_equal(last.digest, digest_of(9)));
	assert_true(restores(j, 9));
	assert_null(journal_restore(j, wire("other.")));
	assert_int_equal(errors, 0);
	journal_close(j);
}

static void
a_big_base_comes_back(void **state)
{
	struct journal *j = open_it();
	struct zone *zone = make_zone("example.", 1, 65536, -1), *back;

	(void)state;
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_base(j, zone), 0);
	assert_int_equal(journal_commit(j), 0);
	back = journal_restore(j, wire("example."));
	assert_non_null(back);
	assert_true(zone_digest_equal(zone_digest(zone), zone_digest(back)));
	zone_unref(zone);
	zone_unref(back);
	journal_close(j);
}

static void
a_large_record_comes_back(void **state)
{
	struct sink quiet = { 0 };
	struct builder *builder = builder_new(wire("example."), &quiet);
	static uint8_t soa[22], text[65535 / 256 * 256 - 256 + 255];
	struct journal *j = open_it();
	struct zone *zone, *back;

	(void)state;
	add(builder, "example.", 6, soa, sizeof(soa));
	add(builder, "example.", 2, "\2ns\7example", 12);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 256 == 0 ? 255 : (uint8_t)(i * i >> 7);
	text[sizeof(text) - 255] = 254;
	for (int i = 0; i < 9; i++) {
		text[1] = (uint8_t)i;
		add(builder, "a.example.", 65280, text, sizeof(text));
		add(builder, "b.example.", 65280, text, 1);
	}
	assert_non_null(zone = builder_finish(builder));
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_base(j, zone), 0);
	assert_int_equal(journal_commit(j), 0);
	assert_non_null(back = journal_restore(j, wire("example.")));
	assert_true(zone_digest_equal(zone_digest(zone), zone_digest(back)));
	zone_unref(zone);
	zone_unref(back);
	journal_close(j);
}

static void
a_chain_leads_from_any_version_to_any_newer_one(void **state)
{
	struct journal *writer = open_it(), *reader = journal_open_reader(path);

	(void)state;
	write_history(writer, 0, 9);
	for (int from = 0; from <= 9; from++)
		for (int to = from + 1; to <= 9; to++)
			assert_true(leads(reader, from, to));
	assert_false(leads(reader, 3, 2));
	assert_false(leads(reader, 3, 10));
	write_history(writer, 9, 10);
	assert_true(leads(reader, 3, 10));
	journal_close(reader);
	journal_close(writer);
}

static void
a_delta_that_does_not_continue_is_refused(void **state)
{
	struct journal *j = open_it();
	struct zone *from = version(4), *to = version(5);
	struct delta *delta = delta_between(from, to);

	(void)state;
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_append(j, delta, "test"), -ESTALE);
	write_base_of(j, 3);
	assert_int_equal(journal_append(j, delta, "test"), -ESTALE);
	write_base_of(j, 4);
	assert_int_equal(journal_append(j, delta, "test"), 0);
	assert_int_equal(journal_commit(j), 0);
	assert_true(restores(j, 5));
	assert_false(leads(j, 3, 4));
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_forget(j, wire("example.")), 0);
	assert_int_equal(journal_commit(j), 0);
	assert_false(restores(j, 5));
	delta_free(delta);
	zone_unref(from);
	zone_unref(to);
	journal_close(j);
}

static void
what_is_rolled_back_never_was(void **state)
{
	struct journal *j = open_it();

	(void)state;
	write_history(j, 0, 2);
	assert_int_equal(journal_begin(j), 0);
	write_step(j, 2);
	journal_rollback(j);
	assert_true(restores(j, 2));
	write_history(j, 2, 3);
	assert_true(restores(j, 3));
	journal_close(j);
}

static void
history_is_bounded_and_still_restores(void **state)
{
	struct journal *j = open_it();
	struct zone *zone;
	struct stat st;
	int i;

	(void)state;
	write_history(j, 0, 0);
	for (i = 0; i < 6000; i += 50) {
		write_history(j, i == 0 ? -1 + 1 : i, i + 50);
		zone = version(i + 50);
		assert_int_equal(journal_begin(j), 0);
		assert_int_equal(journal_tidy(j, zone, 0), 0);
		assert_int_equal(journal_commit(j), 0);
		zone_unref(zone);
	}
	assert_true(restores(j, i));
	assert_true(leads(j, i - 100, i));
	assert_false(leads(j, 1, i));
	journal_close(j);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 512 * 1024);
	assert_int_equal(errors, 0);
}

/* Changes as large as the zone. */
static void
the_newest_change_is_kept_whatever_its_size(void **state)
{
	struct journal *j = open_it();
	struct zone *zone[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		zone[i] = make_zone("big.", (uint32_t)i + 1, i % 2 == 0 ? 3000 : 0, -1);
		assert_int_equal(journal_begin(j), 0);
		if (i == 0) {
			assert_int_equal(journal_base(j, zone[i]), 0);
		} else {
			struct delta *delta = delta_between(zone[i - 1], zone[i]), *chain;

			assert_int_equal(journal_append(j, delta, "test"), 0);
			assert_int_equal(journal_tidy(j, zone[i], 0), 0);
			delta_free(delta);
			chain = journal_chain_since(j, zone_origin(zone[i]), (uint32_t)i, zone_digest(zone[i]));
			assert_non_null(chain);
			delta_free(chain);
		}
		assert_int_equal(journal_commit(j), 0);
	}
	for (int i = 0; i < 4; i++)
		zone_unref(zone[i]);
	journal_close(j);
}

struct steps {
	struct journal_step step[8];
	size_t count;
};

static void
on_step(void *ctx, const struct journal_step *step)
{
	struct steps *steps = ctx;

	assert_string_equal(step->source, "test");
	steps->step[steps->count++] = *step;
}

static void
steps_are_told_the_newest_first(void **state)
{
	struct journal *j = open_it(), *reader;
	struct steps steps = { .count = 0 };

	(void)state;
	write_history(j, 0, 3);
	reader = journal_open_reader(path);
	journal_steps(reader, wire("example."), on_step, &steps);
	assert_int_equal(steps.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(steps.step[i].from_serial, 2 - i);
		assert_int_equal(steps.step[i].to_serial, 3 - i);
		assert_true(zone_digest_equal(steps.step[i].to, digest_of(3 - (int)i)));
		assert_true(steps.step[i].removed > 0 && steps.step[i].added > 0 && steps.step[i].at > 0);
	}
	journal_steps(reader, wire("other."), on_step, &steps);
	assert_int_equal(steps.count, 3);
	journal_close(reader);
	journal_close(j);
}

static void
as_much_history_is_kept_as_there_is_room_for(void **state)
{
	static const struct { uint64_t room; size_t least, most; } rooms[] = {
		{ 0, 200, 200 }, { 1000, 1, 30 }, { UINT64_MAX, 200, 200 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct journal *j = open_it();
		struct zone *last = version(200);
		size_t found = 0;

		write_history(j, 0, 200);
		assert_int_equal(journal_begin(j), 0);
		assert_int_equal(journal_tidy(j, last, rooms[i].room), 0);
		assert_int_equal(journal_commit(j), 0);
		for (int v = 0; v < 200; v++) {
			struct delta *delta = journal_chain(j, zone_origin(last), digest_of(v), zone_digest(last));

			found += delta != NULL;
			delta_free(delta);
		}
		if (found < rooms[i].least || found > rooms[i].most)
			fail_msg("%zu versions are left", found);
		zone_unref(last);
		journal_close(j);
		fresh(NULL);
	}
}

static void
a_full_disk_loses_nothing_and_heals(void **state)
{
	struct rlimit limit, small;
	struct journal *j = open_it();
	struct zone *big = make_zone("big.", 1, 60000, -1);
	int err;

	(void)state;
	write_history(j, 0, 3);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 200 * 1024;
	setrlimit(RLIMIT_FSIZE, &small);
	for (int i = 0; i < 3; i++) {
		if ((err = journal_begin(j)) == 0 && (err = journal_base(j, big)) == 0)
			err = journal_commit(j);
		assert_true(err < 0);
		assert_true(strstr(journal_why(j), path) != NULL);
		journal_rollback(j);
		assert_true(restores(j, 3));
	}
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(errors, 1);
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_base(j, big), 0);
	assert_int_equal(journal_commit(j), 0);
	assert_non_null(strstr(last_report, "can be written again"));
	write_history(j, 3, 4);
	assert_true(restores(j, 4));
	assert_int_equal(count_files("*.bad-*"), 0);
	zone_unref(big);
	journal_close(j);
}

static void
a_directory_that_comes_later_is_used(void **state)
{
	char good[64];
	struct journal *j;

	(void)state;
	strcpy(good, path);
	snprintf(path, sizeof(path), "%s/later/journal", dir);
	j = open_it();
	assert_int_equal(errors, 1);
	assert_true(journal_begin(j) < 0);
	journal_rollback(j);
	assert_int_equal(errors, 1);
	snprintf(path, sizeof(path), "%s/later", dir);
	mkdir(path, 0700);
	write_history(j, 0, 2);
	assert_true(restores(j, 2));
	journal_close(j);
	remove_files("later/*");
	rmdir(path);
	strcpy(path, good);
}

static void
spoil(const char *file, off_t at, const void *bytes, size_t len)
{
	int fd = open(file, O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

/* Whatever is read from it, it must be right or absent, and it takes new versions. */
static void
survives(int i)
{
	struct journal *j = open_it(), *reader = journal_open_reader(path);
	struct journal_version last;
	struct zone *zone;
	int err;

	for (int from = 0; from < i; from++)
		leads(reader, from, i);		/* asserts that what comes is right */
	journal_last(j, wire("example."), &last);
	if ((zone = journal_restore(j, wire("example."))) != NULL) {
		bool known = false;

		for (int v = 0; v <= i; v++)
			known |= zone_digest_equal(zone_digest(zone), digest_of(v));
		assert_true(known);
	}
	zone_unref(zone);
	zone = version(i);
	for (int tries = 0; tries < 3; tries++) {
		if ((err = journal_begin(j)) == 0 &&
		    (err = journal_tidy(j, zone, 0)) == 0 &&
		    (err = append(j, i)) == 0 &&
		    (err = journal_commit(j)) == 0)
			break;
		journal_rollback(j);
	}
	zone_unref(zone);
	if (err < 0)
		print_message("%s\n", journal_why(j));
	assert_int_equal(err, 0);
	write_history(j, i + 1, i + 3);
	assert_true(leads(reader, i, i + 3));
	journal_close(reader);
	journal_close(j);
}

static void
flipped_bytes_are_survived_anywhere(void **state)
{
	char copy[80], command[200];
	struct journal *j = open_it();
	struct stat st;

	(void)state;
	write_history(j, 0, 30);
	journal_close(j);
	snprintf(copy, sizeof(copy), "%s/copy", dir);
	snprintf(command, sizeof(command), "cp %s %s", path, copy);
	assert_int_equal(system(command), 0);
	stat(path, &st);
	snprintf(command, sizeof(command), "cp %s %s", copy, path);
	/* Each octet of the header, then anywhere. */
	for (uint32_t n = 0; n < 250; n++) {
		uint8_t noise[4];
		off_t at = n < 100 ? (off_t)n : (off_t)(n * 2654435761u % (st.st_size - 4));

		for (uint32_t k = 0; k < 4; k++)
			noise[k] = (uint8_t)(n * 37 + k * 101 + 3);
		remove_files("journal*");
		assert_int_equal(system(command), 0);
		spoil(path, at, noise, n < 100 ? 1 : 4);
		survives(30);
	}
	unlink(copy);
}

static void
a_truncated_file_is_survived(void **state)
{
	(void)state;
	for (off_t size = 0; size < 40000; size += 1777) {
		struct journal *j;

		remove_files("journal*");
		j = open_it();
		write_history(j, 0, 30);
		journal_close(j);
		assert_int_equal(truncate(path, size), 0);
		survives(30);
	}
}

static void
a_newer_version_is_set_aside(void **state)
{
	struct journal *j = open_it();

	(void)state;
	write_history(j, 0, 2);
	journal_close(j);
	spoil(path, 60, "\0\0\0\7", 4);		/* user_version in SQLite's header */
	j = open_it();
	assert_int_equal(errors, 1);
	assert_int_equal(count_files("journal.bad-*"), 1);
	assert_non_null(strstr(last_report, "version 7, which is newer than 3"));
	assert_false(restores(j, 2));
	write_history(j, 0, 2);
	assert_true(restores(j, 2));
	journal_close(j);
}

static void
something_else_is_set_aside(void **state)
{
	FILE *out = fopen(path, "w");
	struct journal *j;

	(void)state;
	fprintf(out, "this is no database, but somebody may want to keep it\n");
	fclose(out);
	j = open_it();
	assert_int_equal(errors, 1);
	assert_int_equal(count_files("journal.bad-*"), 1);
	write_history(j, 0, 2);
	journal_close(j);
}

static void
a_removed_file_is_made_again_and_readers_follow(void **state)
{
	struct journal *j = open_it(), *reader = journal_open_reader(path);

	(void)state;
	write_history(j, 0, 2);
	assert_true(leads(reader, 0, 2));
	remove_files("journal*");
	write_history(j, 0, 3);
	assert_int_equal(errors, 1);
	assert_true(leads(reader, 0, 3));
	journal_close(j);
	assert_true(leads(reader, 0, 3));
	journal_close(reader);
}

static void
a_removed_wal_loses_nothing_and_readers_follow(void **state)
{
	struct journal *j = open_it(), *reader = journal_open_reader(path), *late;

	(void)state;
	write_history(j, 0, 2);
	assert_true(leads(reader, 0, 2));
	remove_files("*-wal");
	write_history(j, 2, 3);
	assert_int_equal(errors, 0);
	assert_non_null(strstr(last_report, "-wal: somebody has removed it; what was in it has been saved"));
	write_history(j, 3, 4);
	late = journal_open_reader(path);
	assert_true(leads(late, 0, 4));
	assert_true(leads(reader, 0, 4));
	journal_close(late);
	remove_files("*-wal");
	journal_close(j);
	assert_true(leads(reader, 0, 4));
	journal_close(reader);
}

static void
a_removed_wal_is_kept_as_long_as_a_reader_needs_it(void **state)
{
	struct journal *j = open_it(), *late;
	sqlite3 *reader;

	(void)state;
	write_history(j, 0, 1);
	assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM zone", NULL, NULL, NULL), SQLITE_OK);
	write_history(j, 1, 2);
	remove_files("*-wal");
	/* It cannot be saved before the reader has ended. */
	assert_int_equal(journal_begin(j), -EBUSY);
	sqlite3_close(reader);
	write_history(j, 2, 3);
	late = journal_open_reader(path);
	assert_true(leads(late, 0, 3));
	journal_close(late);
	journal_close(j);
}

/* A child writes and is killed; what it said was committed is there. */
static void
what_was_committed_survives_a_kill(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		int tube[2], said = 0, i;
		struct journal *j;
		pid_t child;

		fresh(NULL);
		assert_int_equal(pipe(tube), 0);
		if ((child = fork()) == 0) {
			j = open_it();
			for (i = 0;; i++) {
				write_history(j, i, i + 1);
				if (write(tube[1], &i, sizeof(i)) < 0)
					_exit(1);
			}
		}
		close(tube[1]);
		while (said < 10 * (round + 1) && read(tube[0], &i, sizeof(i)) == sizeof(i))
			said = i + 1;
		usleep((useconds_t)(round * 137));
		kill(child, SIGKILL);
		while (read(tube[0], &i, sizeof(i)) == sizeof(i))
			said = i + 1;
		waitpid(child, NULL, 0);
		close(tube[0]);
		j = open_it();
		assert_true(restores(j, said) || restores(j, said + 1));
		assert_true(leads(j, 0, said));
		assert_int_equal(errors, 0);
		journal_close(j);
	}
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/journal", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	fresh(state);
	return rmdir(dir);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_last_version_comes_back, fresh),
		cmocka_unit_test_setup(a_big_base_comes_back, fresh),
		cmocka_unit_test_setup(a_large_record_comes_back, fresh),
		cmocka_unit_test_setup(a_chain_leads_from_any_version_to_any_newer_one, fresh),
		cmocka_unit_test_setup(a_delta_that_does_not_continue_is_refused, fresh),
		cmocka_unit_test_setup(what_is_rolled_back_never_was, fresh),
		cmocka_unit_test_setup(history_is_bounded_and_still_restores, fresh),
		cmocka_unit_test_setup(the_newest_change_is_kept_whatever_its_size, fresh),
		cmocka_unit_test_setup(steps_are_told_the_newest_first, fresh),
		cmocka_unit_test_setup(as_much_history_is_kept_as_there_is_room_for, fresh),
		cmocka_unit_test_setup(a_full_disk_loses_nothing_and_heals, fresh),
		cmocka_unit_test_setup(a_directory_that_comes_later_is_used, fresh),
		cmocka_unit_test_setup(flipped_bytes_are_survived_anywhere, fresh),
		cmocka_unit_test_setup(a_truncated_file_is_survived, fresh),
		cmocka_unit_test_setup(a_newer_version_is_set_aside, fresh),
		cmocka_unit_test_setup(something_else_is_set_aside, fresh),
		cmocka_unit_test_setup(a_removed_file_is_made_again_and_readers_follow, fresh),
		cmocka_unit_test_setup(a_removed_wal_loses_nothing_and_readers_follow, fresh),
		cmocka_unit_test_setup(a_removed_wal_is_kept_as_long_as_a_reader_needs_it, fresh),
		cmocka_unit_test_setup(what_was_committed_survives_a_kill, fresh),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
