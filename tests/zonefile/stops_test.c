#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "zonefile/stops.h"

static void
agree(const char *p)
{
	uint64_t right = 0;

	for (unsigned i = 0; i < STOPS; i++)
		if ((uint8_t)p[i] <= ' ' || strchr("\"();\\", p[i]) != NULL)
			right |= UINT64_C(1) << i;
	for (unsigned i = 0; i < stops_count; i++)
		if (stops_ways[i].usable)
			assert_int_equal(stops_ways[i].find(p), right);
}

static void
every_octet_at_every_place_is_told_by_every_way(void **state)
{
	char text[STOPS];

	(void)state;
	for (unsigned octet = 0; octet < 256; octet++)
		for (unsigned at = 0; at < STOPS; at++) {
			memset(text, octet & 1 ? 0x80 : '~', sizeof(text));
			text[at] = (char)octet;
			agree(text);
			memset(text, (int)octet, sizeof(text));
			text[at] = '!';
			agree(text);
		}
}

static void
no_octet_changes_the_answer_of_another(void **state)
{
	char text[STOPS + 7];

	(void)state;
	srandom(1035);
	for (unsigned n = 0; n < 100000; n++) {
		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = random() % 4 ? " !\"#'()*:;[\\]\x7f\x80\xff"[random() % 16] : (char)random();
		agree(text + n % 8);
	}
}

static void
the_first_usable_way_is_taken(void **state)
{
	unsigned i = 0;

	(void)state;
	while (!stops_ways[i].usable)
		i++;
	assert_ptr_equal(stops_find, stops_ways[i].find);
	assert_true(stops_ways[stops_count - 1].usable);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_usable_way_is_taken),
		cmocka_unit_test(every_octet_at_every_place_is_told_by_every_way),
		cmocka_unit_test(no_octet_changes_the_answer_of_another),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
