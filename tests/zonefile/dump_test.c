#include "zonefile/dump.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "zonefile/master.h"

static char dir[] = "/tmp/dump_test.XXXXXX", path[64];

static const char zone_text[] =
    "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\n MX 10 Mail\nns A 192.0.2.1\n A 192.0.2.2\n 60 AAAA 2001:db8::1\n"
    "\\@ TXT \"x;\\\"y\\\\\" \\000\n\\064x A 192.0.2.3\n\\$y A 192.0.2.4\na\\.b A 192.0.2.5\n* CNAME ns\n\\; A 192.0.2.6\n"
    "q\\\"q A 192.0.2.7\nsub.deep A 192.0.2.8\nodd TYPE65280 \\# 3 010203\nodd LOC 1 2 3.000 N 4 5 6.000 E -1.23m\n"
    "e TXT \"\"\n\\032 A 192.0.2.9\n";

static struct zone *
load(const char *file, const uint8_t *origin)
{
	struct sink sink = { .fn = report_to_file, .ctx = stderr };

	return master_load(file, origin, NULL, &sink, NULL);
}

static struct zone *
load_text(const char *text, const uint8_t *origin)
{
	FILE *out = fopen(path, "w");

	fputs(text, out);
	fclose(out);
	return load(path, origin);
}

static void
same_again(struct zone *zone)
{
	struct zone *again;

	assert_non_null(zone);
	assert_int_equal(dump_zone(zone, path), 0);
	again = load(path, zone_origin(zone));
	assert_non_null(again);
	assert_true(zone_digest_equal(zone_digest(zone), zone_digest(again)));
	assert_int_equal(zone_records(again), zone_records(zone));
	zone_unref(again);
}

static void
a_dumped_zone_reads_back_the_same(void **state)
{
	static const uint8_t root[] = "", example[] = "\7example", odd[] = "\3a.b\1$";
	struct zone *zone = load_text(zone_text, example);

	(void)state;
	same_again(zone);
	zone_unref(zone);
	zone = load_text(zone_text, root);
	same_again(zone);
	zone_unref(zone);
	zone = load_text(zone_text, odd);
	same_again(zone);
	zone_unref(zone);
}

static void
the_canonical_form_reads_back_the_same(void **state)
{
	static const uint8_t example[] = "\7example";
	struct zone *zone = load_text(zone_text, example), *again;
	FILE *out = fopen(path, "w");

	(void)state;
	assert_int_equal(dump_canonical(out, zone), 0);
	fclose(out);
	again = load(path, example);
	assert_non_null(again);
	assert_true(zone_digest_equal(zone_digest(zone), zone_digest(again)));
	zone_unref(again);
	zone_unref(zone);
}

static void
the_text_is_for_people(void **state)
{
	static const uint8_t example[] = "\7example";
	struct zone *zone = load_text("$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\nns A 192.0.2.1\n A 192.0.2.2\n 60 TXT a\n"
	    "a.b A 192.0.2.1\n", example);
	char text[1024];
	FILE *in;

	(void)state;
	assert_int_equal(dump_zone(zone, path), 0);
	in = fopen(path, "r");
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	assert_string_equal(text, "$ORIGIN example.\n$TTL 300\n@\tSOA\tns hm 1 2 3 4 5\n\tNS\tns\n"
	    "a.b\tA\t192.0.2.1\nns\tA\t192.0.2.1\n\tA\t192.0.2.2\n\t60 TXT\t\"a\"\n");
	zone_unref(zone);
}

static void
long_records_are_whole(void **state)
{
	static const uint8_t example[] = "\7example";
	size_t size = 400000, at;
	char *text = malloc(size);
	struct zone *zone;

	(void)state;
	at = sprintf(text, "$TTL 1\n@ SOA ns hm 1 2 3 4 5\n NS ns.other.\nb TXT");
	for (int i = 0; i < 65535 / 3; i++)
		at += sprintf(text + at, " \"\\001\\255\"");
	at += sprintf(text + at, "\n TXT a\n TYPE65280 \\# 65535 ");
	for (int i = 0; i < 65535; i++)
		at += sprintf(text + at, "%02x", i & 255);
	sprintf(text + at, "\n TYPE65280 \\# 1 00\n");
	zone = load_text(text, example);
	same_again(zone);
	zone_unref(zone);
	free(text);
}

static void
a_failed_dump_leaves_the_old_file(void **state)
{
	static const uint8_t example[] = "\7example";
	struct zone *zone = load_text(zone_text, example);
	char missing[128];
	struct stat st;

	(void)state;
	snprintf(missing, sizeof(missing), "%s/none/z", dir);
	assert_int_equal(dump_zone(zone, missing), -ENOENT);
	chmod(path, 0640);
	assert_int_equal(dump_zone(zone, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	/* A directory cannot be replaced by a file, and no other file is left. */
	snprintf(missing, sizeof(missing), "%s/d", dir);
	assert_int_equal(mkdir(missing, 0700), 0);
	assert_int_equal(dump_zone(zone, missing), -EISDIR);
	assert_int_equal(rmdir(missing), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	zone_unref(zone);
}

static void
a_full_disk_is_an_error(void **state)
{
	static const uint8_t example[] = "\7example";
	struct zone *zone = load_text(zone_text, example);
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(dump_canonical(full, zone), -ENOSPC);
	fclose(full);
	zone_unref(zone);
}

static void
a_file_is_known_by_its_soa(void **state)
{
	static const uint8_t soa[] = "\3SOA\7example";
	static const struct {
		const char *text;	/* with another serial it is not the same */
		const uint8_t *origin;
	} zones[] = {
		{ "@ 300 IN SOA a b 4294967295 1 2 3 4\n@ 300 NS SOA\nSOA 300 A 192.0.2.1\n", soa },
		{ "@ 60 IN SOA SOA.other. b\\032.c 4294967295 1 2 3 4\n@ 300 NS SOA\nSOA 300 A 192.0.2.1\n", soa },
		{ "@ 60 IN SOA . . 4294967295 1 2 3 4\n@ 60 NS a\na 60 A 192.0.2.1\n", (const uint8_t *)"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		struct zone *zone = load_text(zones[i].text, zones[i].origin), *next;
		char *text = strdup(zones[i].text), *digit = strstr(text, "295");

		digit[2] = '4';
		next = load_text(text, zones[i].origin);
		unlink(path);
		assert_false(dump_is_of(zone, path));
		assert_int_equal(dump_zone(zone, path), 0);
		assert_true(dump_is_of(zone, path));
		assert_false(dump_is_of(next, path));
		assert_int_equal(dump_zone_full(next, path), 0);
		assert_true(dump_is_of(next, path));
		assert_false(dump_is_of(zone, path));
		assert_int_equal(truncate(path, 20), 0);
		assert_false(dump_is_of(next, path));
		assert_int_equal(truncate(path, 0), 0);
		assert_false(dump_is_of(next, path));
		free(text);
		zone_unref(zone);
		zone_unref(next);
	}
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/zone", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dumped_zone_reads_back_the_same),
		cmocka_unit_test(the_canonical_form_reads_back_the_same),
		cmocka_unit_test(the_text_is_for_people),
		cmocka_unit_test(long_records_are_whole),
		cmocka_unit_test(a_failed_dump_leaves_the_old_file),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(a_file_is_known_by_its_soa),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
