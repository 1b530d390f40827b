#include "tests/serve/ask.h"

#define CUTS 5000

static struct asker warm, cold;

/* The answer of one that has never been asked before is the measure. */
static void
check_same(const char *question)
{
	uint8_t request[512];
	size_t len = request_of(question, request), size;
	const char *got;
	char *want;

	query_scratch_free(cold.scratch);
	cold.scratch = query_scratch_new();
	size = run(&cold, request, len);
	assert_true(size > 0);
	if (run(&warm, request, len) == size && memcmp(warm.out, cold.out, size) == 0)
		return;
	/* Names of the question may be pointed at by one and not by the other. */
	want = strdup(answer_text(cold.out, size));
	got = answer_text(warm.out, run(&warm, request, len));

	if (strcmp(got, want) != 0)
		fail_msg("%s\n  is   %s\n  want %s", question, got, want);
	free(want);
}

static struct zone *
many_cuts(const char *ns)
{
	struct sink sink = { report_to_file, stderr, 0, 0 };
	struct builder *b = builder_new((const uint8_t *)"\7example", &sink);
	char line[400];
	struct zone *zone;

	add_text(b, "example. SOA ns.example. admin.example. 7 3600 600 86400 60");
	add_text(b, "example. RRSIG SOA 8 1 300 20300101000000 20200101000000 1 example. AAAA");
	add_text(b, "example. NS ns.example.");
	add_text(b, "ns.example. A 192.0.2.1");
	for (int i = 0; i < CUTS; i++) {
		for (int k = 0; k < 4; k++) {
			snprintf(line, sizeof(line), "cut%d.example. NS %s%d-%d.ns.cut%d.example.", i, ns, k, i, i);
			add_text(b, line);
			snprintf(line, sizeof(line), "%s%d-%d.ns.cut%d.example. AAAA 2001:db8::%x:%x", ns, k, i, i, i, k);
			add_text(b, line);
		}
		snprintf(line, sizeof(line), "cut%d.example. DS 1 8 2 %064d", i, i);
		add_text(b, line);
		snprintf(line, sizeof(line), "cut%d.example. RRSIG DS 8 2 300 20300101000000 20200101000000 1 example. %0200d=", i, i);
		line[strlen(line) - 1] = '\0';
		add_text(b, line);
	}
	zone = builder_finish(b);
	assert_non_null(zone);
	return zone;
}

static int
begin(void **state)
{
	(void)state;
	asker_init(&warm);
	asker_init(&cold);
	serve("example.", many_cuts("a-name-server-with-a-name-that-takes-room-"));
	return 0;
}

static void
referrals_asked_again_are_the_same(void **state)
{
	static const char *const fronts[] = { "", "www.", "a.b.c.", "WWW.A-very-long-label-in-front-of-it.xx.", "ns.",
		"a-name-server-with-a-name-that-takes-room-1-7.ns.", "x.ns." };
	static const char *const ends[] = { " A", " A do", " NS do size=600", " TXT size=4096 do", " A noedns", " DS do" };

	(void)state;
	for (int round = 0; round < 3; round++)
		for (size_t f = 0; f < sizeof(fronts) / sizeof(*fronts); f++)
			for (size_t e = 0; e < sizeof(ends) / sizeof(*ends); e++) {
				char question[200];

				snprintf(question, sizeof(question), "%scut7.exAmple.%s", fronts[f], ends[e]);
				check_same(question);
			}
}

static void
negative_answers_asked_again_are_the_same(void **state)
{
	(void)state;
	for (int round = 0; round < 4; round++) {
		check_same("no.example. A do");
		check_same("x.y.no.EXAMPLE. A");
		check_same("ns.example. TXT do");
		check_same("x.admin.example. TXT do");
	}
}

/* More than is kept. */
static void
old_referrals_give_way(void **state)
{
	char question[100];

	(void)state;
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < CUTS; i++) {
			snprintf(question, sizeof(question), "%s.cut%d.example. A do", round ? "www" : "x", i);
			if (i % 50 == round) {
				check_same(question);
			} else {
				uint8_t request[512];

				assert_true(run(&warm, request, request_of(question, request)) > 0);
				assert_true(run(&warm, request, request_of(question, request)) > 0);
			}
		}
}

static void
a_new_version_is_answered_from(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		check_same("x.cut7.example. A do");
	slot_publish(slot_exact((const uint8_t *)"\7example"), many_cuts("b"));
	for (int i = 0; i < 3; i++)
		check_same("x.cut7.example. A do");
	assert_non_null(strstr(ask(&warm, "x.cut7.example. A do"), "b1-7.ns.cut7.example."));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(referrals_asked_again_are_the_same),
		cmocka_unit_test(negative_answers_asked_again_are_the_same),
		cmocka_unit_test(old_referrals_give_way),
		cmocka_unit_test(a_new_version_is_answered_from),
	};

	slot_thread_begin();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, NULL);
}
