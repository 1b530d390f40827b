#include "zonefile/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static void
every_mnemonic_in_any_case_is_its_code(void **state)
{
	const struct rrtype *type;
	char word[RRTYPE_TEXT_MAX];
	uint16_t code;
	size_t rows = 0, n = 0;

	(void)state;
	for (unsigned c = 0; c <= UINT16_MAX; c++)
		rows += rrtype_by_code(c) != NULL;
	for (; (type = rrtype_nth(n)) != NULL; n++) {
		assert_ptr_equal(rrtype_by_code(type->code), type);
		assert_true(rrtype_parse(type->name, strlen(type->name), &code));
		assert_int_equal(code, type->code);
		for (size_t i = 0; i <= strlen(type->name); i++)
			word[i] = type->name[i] >= 'A' ? type->name[i] | 0x20 : type->name[i];
		assert_true(rrtype_parse(word, strlen(word), &code));
		assert_int_equal(code, type->code);
		if (n > 0)
			assert_true(strcasecmp(rrtype_nth(n - 1)->name, type->name) < 0);
	}
	assert_int_equal(n, rows);
}

static void
what_is_no_type_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "B", "AA", "AAA", "AAAAA", "NSE", "NSEC4", "NSEC3PARAMS", "IN", "TYPE", "TYPE65536", "TYPE1x",
		"TYPE-1", "TYPE000001", "TYP1", "RRSI", "RRSIGS", "\x01", "!",
	};
	uint16_t code;

	(void)state;
	assert_false(rrtype_parse("MF", 3, &code));
	assert_false(rrtype_parse("ZONEMD", 7, &code));
	assert_false(rrtype_parse("TYPE1", 6, &code));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(rrtype_parse(bad[i], strlen(bad[i]), &code));
}

static void
generic_types_read_back(void **state)
{
	char text[RRTYPE_TEXT_MAX];
	uint16_t code;

	(void)state;
	for (unsigned c = 0; c <= UINT16_MAX; c++) {
		const char *name = rrtype_print(text, c);

		assert_true(rrtype_parse(name, strlen(name), &code));
		assert_int_equal(code, c);
	}
	assert_true(rrtype_parse("type1", 5, &code));
	assert_int_equal(code, T_A);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mnemonic_in_any_case_is_its_code),
		cmocka_unit_test(what_is_no_type_is_refused),
		cmocka_unit_test(generic_types_read_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
