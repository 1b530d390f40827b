#include "zonefile/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "zonefile/master.h"

static const uint8_t origin[] = "\7example";
static char told[4096];

static void
remember(void *ctx, const struct report *report)
{
	size_t used = strlen(told);

	(void)ctx;
	assert_int_equal(report->severity, WARNING);
	snprintf(told + used, sizeof(told) - used, "%s\n", report->text);
}

static void
check_text(const char *text)
{
	char path[] = "/tmp/check_test.XXXXXX";
	struct sink sink = { .fn = remember };
	FILE *out = fdopen(mkstemp(path), "w");
	struct zone *zone;

	fprintf(out, "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\nns A 192.0.2.1\n%s", text);
	fclose(out);
	*told = '\0';
	zone = master_load(path, origin, &sink, NULL);
	unlink(path);
	assert_non_null(zone);
	assert_int_equal(check_zone(zone, &sink), 0);
	zone_unref(zone);
}

static void
targets_that_cannot_be_reached_are_told(void **state)
{
	static const struct { const char *text, *told; } rows[] = {
		{ "", "" },
		{ "a MX 1 ns\n MX 1 mail.other.\n MX 0 .\n SRV 0 0 0 .\n", "" },
		{ "a MX 1 b\n", "a.example. MX: b.example. does not exist\n" },
		{ "a SRV 1 2 3 b\n", "a.example. SRV: b.example. does not exist\n" },
		{ "a MX 1 b\nb CNAME ns\n", "a.example. MX: b.example. is an alias (CNAME), which RFC 2181 10.3 forbids\n" },
		{ "a MX 1 b\nb TXT x\n", "a.example. MX: b.example. has no A or AAAA record\n" },
		{ "a MX 1 x.b\n*.b AAAA ::1\n", "" },
		{ "a MX 1 x.b\nb DNAME other.\n", "a.example. MX: x.b.example. is below a DNAME and so an alias\n" },
		{ "a NS b\nb A 192.0.2.2\n", "" },
		{ "a NS b\n", "a.example. NS: b.example. does not exist\n" },
		{ "a NS ns.a\n", "a.example. NS: ns.a.example. is below the delegation and has no A or AAAA record (glue) here\n" },
		{ "a NS a\n", "a.example. NS: a.example. is below the delegation and has no A or AAAA record (glue) here\n" },
		{ "a NS NS.A\nns.a A 192.0.2.2\n", "" },
		{ "a NS ns.b\nb NS ns\n", "" },
		{ "a NS ns\nx.a MX 1 nothing\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		check_text(rows[i].text);
		assert_string_equal(told, rows[i].told);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(targets_that_cannot_be_reached_are_told) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
