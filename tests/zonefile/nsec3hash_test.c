#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "zonefile/name.h"
#include "zonefile/nsec3hash.h"

/* RFC 5155 appendix A: salt aabbccdd, 12 iterations. */
static void
hashes_are_those_of_the_rfc(void **state)
{
	static const struct nsec3_params params = { 1, 0, 12, 4, { 0xaa, 0xbb, 0xcc, 0xdd } };
	static const char *const hashed[][2] = {
		{ "example.", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom" },
		{ "a.example.", "35mthgpgcu1qg68fab165klnsnk3dpvl" },
		{ "ns1.example.", "2t7b4g4vsa5smi47k61mv5bv1a22bojr" },
		{ "*.w.example.", "r53bq7cc2uvmubfu5ocmm6pers9tk9en" },
		{ "xx.example.", "t644ebqk9bibcna874givr6joj62mlhv" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hashed) / sizeof(*hashed); i++) {
		uint8_t name[DNAME_MAX], hash[NSEC3_HASH], back[NSEC3_HASH];
		char text[NSEC3_TEXT + 1] = "";

		name_parse(name, hashed[i][0], strlen(hashed[i][0]), NULL);
		nsec3_hash(&params, name, hash);
		assert_int_equal(base32hex_encode(text, hash, sizeof(hash)), NSEC3_TEXT);
		assert_string_equal(text, hashed[i][1]);
		assert_int_equal(base32hex_decode(back, text, NSEC3_TEXT), NSEC3_HASH);
		assert_memory_equal(back, hash, sizeof(hash));
	}
}

static void
base32hex_refuses_what_it_is_not(void **state)
{
	static const struct { const char *text; int octets; } rows[] = {
		{ "", 0 }, { "00", 1 }, { "VS", 1 }, { "vs", 1 }, { "CPNMUOG", 4 }, { "CPNMUOJ1", 5 },
		{ "0", -1 }, { "01", -1 }, { "000", -1 }, { "0w", -1 }, { "0=", -1 }, { "0 ", -1 },
	};
	uint8_t out[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(base32hex_decode(out, rows[i].text, strlen(rows[i].text)), rows[i].octets);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_the_rfc),
		cmocka_unit_test(base32hex_refuses_what_it_is_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
