#include "zonefile/bump.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "zonefile/count.h"

static const uint8_t origin[] = "\7example";
static char dir[] = "/tmp/bump_test.XXXXXX";

static void
a_serial_rises_by_its_policy(void **state)
{
	/* 2026-11-25 12:00 UTC. */
	static const time_t now = 1795608000;
	static const struct {
		uint32_t from;
		enum bump by;
		uint32_t to;
	} cases[] = {
		{ 7, BUMP_INCREMENT, 8 }, { 4294967295, BUMP_INCREMENT, 1 },
		{ 7, BUMP_DATE, 2026112500 }, { 2026112400, BUMP_DATE, 2026112500 },
		{ 2026112500, BUMP_DATE, 2026112501 }, { 2026112599, BUMP_DATE, 2026112600 },
		{ 2030010100, BUMP_DATE, 2030010101 }, { 4294967295, BUMP_DATE, 2026112500 },
		{ 7, BUMP_UNIXTIME, 1795608000 }, { 1795608000, BUMP_UNIXTIME, 1795608001 },
		{ 2026112500, BUMP_UNIXTIME, 2026112501 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(bump_serial(cases[i].from, cases[i].by, now), cases[i].to);
}

static const char *
path_of(const char *name)
{
	static char path[3][128];
	static unsigned next;
	char *out = path[next++ % 3];

	snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
	return out;
}

static void
spew(const char *name, const char *text)
{
	FILE *out = fopen(path_of(name), "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void
expect(const char *name, const char *text)
{
	FILE *in = fopen(path_of(name), "r");
	char have[1024];

	assert_non_null(in);
	have[fread(have, 1, sizeof(have) - 1, in)] = '\0';
	fclose(in);
	assert_string_equal(have, text);
}

/* Read the zone of this name and write the serial; the text of what was wrong. */
static char said[256];

static void
listen_to(void *ctx, const struct report *report)
{
	(void)ctx;
	if (report->severity == ERROR)
		report_format(said, sizeof(said), report);
}

static int
bump(const char *name, uint32_t serial, void (*meanwhile)(void))
{
	struct sink sink = { .fn = listen_to };
	struct master_files files = { .count = 0 };
	struct zone *zone = master_load(path_of(name), origin, NULL, &sink, &files);
	int err;

	assert_non_null(zone);
	zone_unref(zone);
	if (meanwhile != NULL)
		meanwhile();
	*said = '\0';
	err = bump_write(&files, serial, &sink);
	assert_int_equal(err < 0, sink.errors);
	master_files_free(&files);
	return err;
}

static void
only_the_digits_of_the_serial_change(void **state)
{
	static const char *const forms[][2] = {	/* around the serial */
		{ "$TTL 1\n@ SOA a b ", " 2 3 4 5\n NS x.\n" },
		{ "; 7\r\n$TTL 1\r\n@ IN SOA a b (\r\n\t\t", "\t; serial 7\r\n 2 3 4 5 )\r\n NS x.\r\n; 7" },
		{ "$TTL 1\n@ 7 SOA 7 7 ( ", ") 7 7 7 7\n NS x.\n" },
		{ "$TTL 1\n@ NS x.\nsoa A 192.0.2.7\n$ORIGIN .\nexample CLASS1 TYPE6 soa soa ", " 7 7 7 7" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++)
		for (int n = 0; n < 2; n++) {
			snprintf(text, sizeof(text), "%s7%s", forms[i][0], forms[i][1]);
			spew("zone", text);
			assert_int_equal(bump("zone", n ? 8 : 2026112500, NULL), 0);
			snprintf(text, sizeof(text), "%s%s%s", forms[i][0], n ? "8" : "2026112500", forms[i][1]);
			expect("zone", text);
		}
}

/* The reader holds a part of a large file at a time. */
static void
a_serial_far_into_a_file_is_found(void **state)
{
	struct master_files files = { .count = 0 };
	struct sink sink = { .fn = NULL };
	FILE *out = fopen(path_of("zone"), "w");
	struct zone *zone;

	(void)state;
	fputs("$TTL 1\n", out);
	for (int i = 0; i < 100000; i++)
		fprintf(out, "a%d A 192.0.2.1\n", i);
	fputs("@ NS x.\n@ SOA a b 7 2 3 4 5\n", out);
	for (int i = 0; i < 100000; i++)
		fprintf(out, "b%d A 192.0.2.1\n", i);
	fclose(out);
	assert_int_equal(bump("zone", 4000000000, NULL), 0);
	zone = master_load(path_of("zone"), origin, NULL, &sink, &files);
	assert_non_null(zone);
	assert_int_equal(zone_serial(zone), 4000000000);
	assert_int_equal(zone_records(zone), 200002);
	zone_unref(zone);
	master_files_free(&files);
}

static void
the_file_that_has_the_soa_is_changed(void **state)
{
	struct stat st;

	(void)state;
	spew("outer", "$TTL 1\n@ NS x.\n$INCLUDE soa\nz A 192.0.2.1\n");
	spew("soa", "@ SOA a b 7 2 3 4 5\n");
	assert_int_equal(chmod(path_of("soa"), 0640), 0);
	assert_int_equal(symlink("soa", path_of("link")), 0);
	assert_int_equal(bump("outer", 9, NULL), 0);
	expect("outer", "$TTL 1\n@ NS x.\n$INCLUDE soa\nz A 192.0.2.1\n");
	expect("soa", "@ SOA a b 9 2 3 4 5\n");
	spew("outer", "$TTL 1\n@ NS x.\n$INCLUDE link\n");
	assert_int_equal(bump("outer", 10, NULL), 0);
	expect("soa", "@ SOA a b 10 2 3 4 5\n");
	assert_int_equal(lstat(path_of("link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path_of("soa"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void
edit_it(void)
{
	spew("zone", "$TTL 1\n@ SOA a b 7 2 3 4 5\n NS x.\nmore A 192.0.2.1\n");
}

static void
remove_it(void)
{
	assert_int_equal(unlink(path_of("zone")), 0);
}

static void
what_cannot_be_changed_is_left_alone(void **state)
{
	static const char twice[] = "$TTL 1\n@ SOA a b 7 2 3 4 5\n NS x.\n@ SOA a b 7 2 3 4 5\n";
	static const char generic[] =	/* two names of the root and five numbers */
	    "$TTL 1\n@ SOA \\# 22 0000 00000007 00000002 00000003 00000004 00000005\n NS x.\n";
	static const char plain[] = "$TTL 1\n@ SOA a b 7 2 3 4 5\n NS x.\n";

	(void)state;
	spew("zone", twice);
	assert_int_equal(bump("zone", 8, NULL), -ENOTSUP);
	assert_non_null(strstr(said, "more than one SOA"));
	expect("zone", twice);
	spew("zone", generic);
	assert_int_equal(bump("zone", 8, NULL), -ENOTSUP);
	expect("zone", generic);
	spew("zone", plain);
	assert_int_equal(bump("zone", 8, edit_it), -ESTALE);
	assert_non_null(strstr(said, "changed meanwhile"));
	expect("zone", "$TTL 1\n@ SOA a b 7 2 3 4 5\n NS x.\nmore A 192.0.2.1\n");
	spew("zone", plain);
	assert_int_equal(bump("zone", 8, remove_it), -ENOENT);
}

static int
make_dir(void **state)
{
	(void)state;
	return setenv("TZ", "UTC", 1) < 0 || mkdtemp(dir) == NULL ? -1 : 0;
}

/* Nothing but what the tests made may be left. */
static int
remove_dir(void **state)
{
	(void)state;
	unlink(path_of("zone"));
	unlink(path_of("outer"));
	unlink(path_of("soa"));
	unlink(path_of("link"));
	return rmdir(dir);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_serial_rises_by_its_policy),
		cmocka_unit_test(only_the_digits_of_the_serial_change),
		cmocka_unit_test(a_serial_far_into_a_file_is_found),
		cmocka_unit_test(the_file_that_has_the_soa_is_changed),
		cmocka_unit_test(what_cannot_be_changed_is_left_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
