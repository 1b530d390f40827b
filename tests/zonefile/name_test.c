#include "zonefile/name.h"
#include "zonefile/count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A63 A60 "aaa"

static const uint8_t origin[] = "\7example\3org";

static void
text_becomes_wire(void **state)
{
	static const struct { const char *text, *wire; int len; } good[] = {
		{ ".", "", 1 },
		{ "@", "\7example\3org", 13 },
		{ "com.", "\3com", 5 },
		{ "www", "\3www\7example\3org", 17 },
		{ "a.b", "\1a\1b\7example\3org", 17 },
		{ "a.b.", "\1a\1b", 5 },
		{ "A.b.", "\1A\1b", 5 },
		{ "@.", "\1@", 3 },
		{ "\\@", "\1@\7example\3org", 15 },
		{ "a\\.b.c.", "\3a.b\1c", 7 },
		{ "\\097\\000.", "\2a\0", 4 },
		{ "\\255.", "\1\377", 3 },
		{ "\\\\.", "\1\\", 3 },
		{ "*.x.", "\1*\1x", 5 },
	};
	uint8_t out[DNAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(name_parse(out, good[i].text, strlen(good[i].text), origin), good[i].len);
		assert_memory_equal(out, good[i].wire, good[i].len);
		assert_int_equal(name_valid(out, good[i].len), good[i].len);
		assert_int_equal(name_len(out), good[i].len);
	}
}

static void
bad_names_are_told_apart(void **state)
{
	static const struct { const char *text; int error; } bad[] = {
		{ "", NAME_EMPTY }, { "..", NAME_EMPTY }, { "a..", NAME_EMPTY }, { ".a", NAME_EMPTY },
		{ "a..b.", NAME_EMPTY }, { "\\", NAME_ESCAPE }, { "a\\", NAME_ESCAPE }, { "\\25.", NAME_ESCAPE },
		{ "\\256.", NAME_ESCAPE }, { "\\1a2.", NAME_ESCAPE }, { "\\1", NAME_ESCAPE },
		{ A63 "a.", NAME_LABEL_LONG }, { A63 "a", NAME_LABEL_LONG },
		{ A63 A63 A63 A63 A63 ".", NAME_LABEL_LONG },
		{ A63 "." A63 "." A63 "." A60 "aa.", NAME_LONG },
		{ A63 "." A63 "." A63 "." A60, NAME_LONG },
		{ A63 "." A63 "." A63 "." A63 ".a.", NAME_LONG },
	};
	uint8_t out[DNAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(name_parse(out, bad[i].text, strlen(bad[i].text), origin), bad[i].error);
	assert_int_equal(name_parse(out, "www", 3, NULL), NAME_RELATIVE);
	assert_int_equal(name_parse(out, "@", 1, NULL), NAME_RELATIVE);
}

static void
the_longest_names_are_good(void **state)
{
	static const uint8_t root[] = "";
	static const char longest[] = A63 "." A63 "." A63 "." A60 "a.";
	uint8_t out[DNAME_MAX];
	char text[DNAME_TEXT_MAX], labels[2 * DNAME_LABELS + 1] = "";

	(void)state;
	assert_int_equal(name_parse(out, longest, strlen(longest), NULL), DNAME_MAX);
	assert_int_equal(name_print(text, out), strlen(longest));
	assert_string_equal(text, longest);
	assert_int_equal(name_parse(out, longest, strlen(longest) - 1, root), DNAME_MAX);
	for (int i = 0; i < DNAME_LABELS; i++)
		strcat(labels, "x.");
	assert_int_equal(name_parse(out, labels, strlen(labels), NULL), DNAME_MAX);
	assert_int_equal(name_labels(out), DNAME_LABELS);
	assert_int_equal(name_cmp(out, out), 0);
	memset(out, 0, sizeof(out));
	out[0] = out[64] = out[128] = 63;
	out[192] = 61;
	assert_int_equal(name_print(text, out), 250 * 4 + 4);
}

static void
printed_names_read_back(void **state)
{
	(void)state;
	srandom(1);
	for (int n = 0; n < 20000; n++) {
		uint8_t name[DNAME_MAX] = { 0 }, again[DNAME_MAX], lower[DNAME_MAX];
		char text[DNAME_TEXT_MAX];
		size_t at = 0;

		for (int labels = random() % 6; labels > 0; labels--) {
			size_t len = 1 + random() % (n % 2 ? 8 : 63);

			if (at + len + 2 > DNAME_MAX)
				break;
			name[at++] = len;
			while (len-- > 0)
				name[at++] = random();
		}
		name[at] = 0;
		size_t len = name_print(text, name);
		assert_int_equal(len, strlen(text));
		assert_int_equal(name_parse(again, text, len, NULL), at + 1);
		assert_memory_equal(again, name, at + 1);
		assert_int_equal(name_lower(lower, name), at + 1);
		assert_true(name_equal(lower, name));
		assert_int_equal(name_cmp(lower, name), 0);
		assert_true(name_under(lower, name));
	}
}

static void
canonical_order_is_that_of_rfc_4034(void **state)
{
	/* RFC 4034 6.1, with our own additions around it. */
	static const char *const order[] = {
		".", "example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.",
		"\\001.z.example.", "*.z.example.", "\\200.z.example.", "zz.example.", "example1.",
	};
	uint8_t a[DNAME_MAX], b[DNAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(order); i++)
		for (size_t j = 0; j < COUNT(order); j++) {
			name_parse(a, order[i], strlen(order[i]), NULL);
			name_parse(b, order[j], strlen(order[j]), NULL);
			int c = name_cmp(a, b);
			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
			assert_int_equal(name_equal(a, b), i == j);
		}
}

static void
under_means_at_or_below(void **state)
{
	static const uint8_t root[] = "";

	(void)state;
	assert_true(name_under(origin, origin));
	assert_true(name_under(origin, root));
	assert_true(name_under((const uint8_t *)"\1a\7EXAMPLE\3ORG", origin));
	assert_false(name_under((const uint8_t *)"\3org", origin));
	assert_false(name_under((const uint8_t *)"\10aexample\3org", origin));
	assert_false(name_under(root, origin));
}

static void
broken_wire_is_no_name(void **state)
{
	uint8_t longest[256];

	(void)state;
	assert_int_equal(name_valid((const uint8_t *)"", 0), 0);
	assert_int_equal(name_valid((const uint8_t *)"", 1), 1);
	assert_int_equal(name_valid((const uint8_t *)"\1a", 2), 0);
	assert_int_equal(name_valid((const uint8_t *)"\5a", 3), 0);
	assert_int_equal(name_valid((const uint8_t *)"\1a\0x", 4), 3);
	assert_int_equal(name_valid((const uint8_t *)"\300\0", 2), 0);
	assert_int_equal(name_valid((const uint8_t *)"\100" A63 "a", 66), 0);
	for (size_t i = 0; i < 254; i += 2) {
		longest[i] = 1;
		longest[i + 1] = 'x';
	}
	longest[254] = 0;
	assert_int_equal(name_valid(longest, 256), 255);
	longest[252] = 2;
	longest[254] = 'x';
	longest[255] = 0;
	assert_int_equal(name_valid(longest, 256), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_wire),
		cmocka_unit_test(bad_names_are_told_apart),
		cmocka_unit_test(the_longest_names_are_good),
		cmocka_unit_test(printed_names_read_back),
		cmocka_unit_test(canonical_order_is_that_of_rfc_4034),
		cmocka_unit_test(under_means_at_or_below),
		cmocka_unit_test(broken_wire_is_no_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
