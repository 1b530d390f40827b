#include "tests/serve/ask.h"
#include "zonefile/count.h"


#define HEAD "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define HEAD_AR(n) "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00" n
#define WWW "\3www\7example\0\0\1\0\1"
#define OPT "\0\0\x29\x04\xd0\0\0\0\0\0\0"

static struct asker asker;

static const char *const lines[] = {
	"example. SOA ns.example. admin.example. 7 3600 600 86400 60",
	"example. NS ns.example.",
	"ns.example. A 192.0.2.1",
	"www.example. A 192.0.2.2",
	"big.example. TXT \"0 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
	"big.example. TXT \"1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
	"big.example. TXT \"2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
	"cut.example. NS ns1.cut.example.",
	"cut.example. NS ns2.cut.example.",
	"cut.example. NS a-name-server-of-somebody-else-whose-name-is-long.example.",
	"ns1.cut.example. A 192.0.2.3",
	"ns2.cut.example. A 192.0.2.4",
	"a-name-server-of-somebody-else-whose-name-is-long.example. AAAA 2001:db8::1",
	"wide.example. NS ns.wide.example.",
	NULL,
};

/* Room for more than 512 octets of glue below "wide". */
static struct zone *
wide_zone(void)
{
	const char *all[COUNT(lines) + 60];
	static char text[60][60];
	size_t n = 0;

	for (; lines[n] != NULL; n++)
		all[n] = lines[n];
	for (size_t i = 0; i < 60; i++) {
		snprintf(text[i], sizeof(text[i]), "ns.wide.example. A 192.0.2.%u", (unsigned)i);
		all[n++] = text[i];
	}
	all[n] = NULL;
	return zone_of("example.", all);
}

static bool
deny_everybody(const void *list, const struct sockaddr *from, const uint8_t *key)
{
	(void)list;
	(void)from;
	(void)key;
	return false;
}

static int
begin(void **state)
{
	static const struct query_policy nobody = { .ask = { deny_everybody, NULL } };

	(void)state;
	asker_init(&asker);
	serve("example.", wide_zone());
	serve("empty.", NULL);
	slot_set_policy(serve("closed.", NULL), &nobody, NULL);
	return 0;
}

static void
malformed_messages_get_formerr_or_nothing(void **state)
{
	enum { NOTHING = -1 };
	static const struct {
		const char *what, *octets;
		size_t len;
		int rcode;
	} rows[] = {
#define M(what, octets, rcode) { what, octets, sizeof(octets) - 1, rcode }
		M("empty", "", NOTHING),
		M("one octet", "\x12", NOTHING),
		M("eleven octets", "\x12\x34\x01\0\0\1\0\0\0\0\0", NOTHING),
		M("response", "\x12\x34\x81\0\0\1\0\0\0\0\0\0" WWW, NOTHING),
		M("header only", HEAD, 1),
		M("no question", "\x12\x34\x01\0\0\0\0\0\0\0\0\0", 1),
		M("two questions", "\x12\x34\x01\0\0\2\0\0\0\0\0\0" WWW WWW, 1),
		M("65535 questions", "\x12\x34\x01\0\xff\xff\0\0\0\0\0\0" WWW, 1),
		M("name without end", HEAD "\3www\7exam", 1),
		M("question without class", HEAD "\3www\7example\0\0\1\0", 1),
		M("pointer at itself", HEAD "\xc0\x0c\0\1\0\1", 1),
		M("pointer into the header", HEAD "\3www\xc0\x00\0\1\0\1", 1),
		M("forward pointer", HEAD "\xc0\x12\0\1\0\1\3www\0", 1),
		M("label type 01", HEAD "\x41" "a\0\0\1\0\1", 1),
		M("label type 10", HEAD "\x81" "a\0\0\1\0\1", 1),
		M("record missing", HEAD_AR("\1") WWW, 1),
		M("record cut short", HEAD_AR("\1") WWW "\0\0\1\0\1\0\0\0\0\0\4abc", 1),
		M("OPT", HEAD_AR("\1") WWW OPT, 0),
		M("OPT twice", HEAD_AR("\2") WWW OPT OPT, 1),
		M("OPT in answer", "\x12\x34\x01\0\0\1\0\1\0\0\0\0" WWW OPT, 1),
		M("OPT in authority", "\x12\x34\x01\0\0\1\0\0\0\1\0\0" WWW OPT, 1),
		M("OPT with an owner", HEAD_AR("\1") WWW "\1a" OPT, 1),
		M("OPT by a pointer to the root", HEAD_AR("\1") WWW "\xc0\x18\0\x29\x04\xd0\0\0\0\0\0\0", 1),
		M("option past the end", HEAD_AR("\1") WWW "\0\0\x29\x04\xd0\0\0\0\0\0\4\0\3\0\1", 1),
		M("option cut short", HEAD_AR("\1") WWW "\0\0\x29\x04\xd0\0\0\0\0\0\3\0\3\0", 1),
		M("unknown option", HEAD_AR("\1") WWW "\0\0\x29\x04\xd0\0\0\0\0\0\5\x12\x34\0\1x", 0),
		M("EDNS version 1", HEAD_AR("\1") WWW "\0\0\x29\x04\xd0\0\1\0\0\0\0", 16),
		M("TSIG not last", HEAD_AR("\2") WWW "\0\0\xfa\0\xff\0\0\0\0\0\0" OPT, 1),
		M("TSIG without anything", HEAD_AR("\2") WWW OPT "\0\0\xfa\0\xff\0\0\0\0\0\0", 1),
		M("TSIG in answer", "\x12\x34\x01\0\0\1\0\1\0\0\0\0" WWW "\0\0\xfa\0\xff\0\0\0\0\0\0", 1),
		M("garbage behind", HEAD WWW "garbage", 0),
		M("record in answer", "\x12\x34\x01\0\0\1\0\1\0\0\0\0" WWW "\0\0\1\0\1\0\0\0\0\0\0", 0),
		M("notify", "\x12\x34\x21\0\0\1\0\0\0\0\0\0" WWW, 4),
		M("update", "\x12\x34\x29\0\0\1\0\0\0\0\0\0" WWW, 4),
		M("opcode 15", "\x12\x34\x79\0\0\1\0\0\0\0\0\0" WWW, 4),
		M("opcode 6 without question", "\x12\x34\x31\0\0\0\0\0\0\0\0\0", 4),
		M("AXFR", HEAD "\7example\0\0\xfc\0\1", 5),
		M("IXFR", HEAD "\7example\0\0\xfb\0\1", 5),
		M("MAILA", HEAD "\7example\0\0\xfe\0\1", 4),
		M("type OPT", HEAD "\7example\0\0\x29\0\1", 1),
		M("type TSIG", HEAD "\7example\0\0\xfa\0\1", 1),
		M("type 128", HEAD "\7example\0\0\x80\0\1", 1),
		M("type 0", HEAD "\7example\0\0\0\0\1", 0),
		M("class CH", HEAD "\3www\7example\0\0\1\0\3", 5),
		M("class ANY", HEAD "\3www\7example\0\0\1\0\xff", 5),
		M("class 0", HEAD "\3www\7example\0\0\1\0\0", 5),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = run(&asker, (const uint8_t *)rows[i].octets, rows[i].len);
		int rcode = len == 0 ? NOTHING : asker.out[3] & 15;

		/* The upper bits are in an OPT record, here the last 11 octets. */
		if (rows[i].rcode > 15)
			rcode |= asker.out[len - 6] << 4;
		if (rcode != rows[i].rcode)
			fail_msg("%s: %d, not %d", rows[i].what, rcode, rows[i].rcode);
		if (len > 0) {
			assert_memory_equal(asker.out, rows[i].octets, 2);
			answer_text(asker.out, len);
		}
	}
}

static void
long_names_are_measured(void **state)
{
	uint8_t request[512] = HEAD;
	static const struct { unsigned labels, last; int rcode; } rows[] = {
		{ 127, 0, 5 },		/* 255 octets */
		{ 126, 2, 1 },		/* 256: one octet too many */
		{ 128, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t at = 12;

		for (unsigned l = 0; l < rows[i].labels; l++) {
			request[at++] = 1;
			request[at++] = 'a';
		}
		if (rows[i].last > 0) {
			request[at++] = (uint8_t)rows[i].last;
			memset(request + at, 'a', rows[i].last);
			at += rows[i].last;
		}
		memcpy(request + at, "\0\0\1\0\1", 5);
		assert_true(run(&asker, request, at + 5) >= 12);
		assert_int_equal(asker.out[3] & 15, rows[i].rcode);
	}
}

static void
what_we_do_not_serve_is_refused(void **state)
{
	static const struct asked rows[] = {
		{ "www.other. A", "REFUSED | | |" },
		{ ". NS", "REFUSED | | |" },
		{ "example2. A", "REFUSED | | |" },
		{ "xexample. A", "REFUSED | | |" },
		{ "www.closed. A", "REFUSED | | |" },
		{ "www.empty. A", "SERVFAIL | | |" },
	};

	(void)state;
	check_all(&asker, rows, COUNT(rows));
}

static void
refusals_say_why(void **state)
{
	static const struct { const char *question; int code; } rows[] = {
		{ "www.closed. A", 18 }, { "www.empty. A", 14 },
	};
	uint8_t request[512];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = run(&asker, request, request_of(rows[i].question, request));
		const uint8_t want[] = { 0, 6, 0, 15, 0, 2, 0, (uint8_t)rows[i].code };

		assert_memory_equal(asker.out + len - sizeof(want), want, sizeof(want));
		/* Only to those who read it. */
		len = request_of(rows[i].question, request) - 11;
		request[11] = 0;
		assert_int_equal(run(&asker, request, len), len);
	}
}

static void
answers_keep_to_the_size(void **state)
{
	static const struct { const char *question; uint16_t own; size_t min, max; bool tc; } rows[] = {
		{ "big.example. TXT noedns", 1232, 12, 512, true },
		{ "big.example. TXT size=100", 1232, 12, 512, true },
		{ "big.example. TXT size=600", 1232, 513, 600, false },
		{ "big.example. TXT size=600", 512, 12, 512, true },
		{ "big.example. TXT size=65535", 1232, 513, 1232, false },
		{ "wide.example. NS size=512", 1232, 12, 512, true },
		{ "wide.example. NS size=1232", 1232, 900, 1232, false },
		{ "big.example. TXT size=600", 100, 12, 512, true },
	};
	uint8_t request[512];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = request_of(rows[i].question, request);

		asker.server.edns_udp_size = rows[i].own;
		len = run(&asker, request, len);
		assert_in_range(len, rows[i].min, rows[i].max);
		assert_int_equal((asker.out[2] & 2) != 0, rows[i].tc);
		answer_text(asker.out, len);
	}
	asker.server.edns_udp_size = 1232;
	asker.tcp = true;
	assert_in_range(run(&asker, request, request_of("big.example. TXT noedns", request)), 513, 65535);
	assert_false(asker.out[2] & 2);
	asker.tcp = false;
}

static void
glue_that_is_not_needed_goes_first(void **state)
{
	/* Sized so that the last, the address of a name outside of the delegation, finds no room. */
	static const struct asked rows[] = {
		{ "x.cut.example. A", "NOERROR | | cut.example. NS a-name-server-of-somebody-else-whose-name-is-long.example.; cut.example. NS ns1.cut.example.; cut.example. NS ns2.cut.example. | a-name-server-of-somebody-else-whose-name-is-long.example. AAAA 2001:db8::1; ns1.cut.example. A 192.0.2.3; ns2.cut.example. A 192.0.2.4" },
	};
	uint8_t request[600];
	size_t full, len;

	(void)state;
	check_all(&asker, rows, 1);
	/* The question's name grows until it presses the additional section out; TC only for glue below the cut. */
	full = 0;
	for (unsigned pad = 0; pad < 62; pad++) {
		unsigned additional;

		memcpy(request, HEAD, 12);
		len = 12;
		for (unsigned k = 0; k < 4; k++) {
			unsigned n = k < 3 ? 60 : pad + 1 < 42 ? pad + 1 : 41;

			request[len++] = (uint8_t)n;
			memset(request + len, 'a', n);
			len += n;
		}
		memcpy(request + len, "\3cut\7example\0\0\1\0\1", 17);
		if (len + 13 - 12 > 255)
			break;
		len = run(&asker, request, len + 17);
		assert_in_range(len, 12, 512);
		additional = asker.out[11];
		if (asker.out[2] & 2)
			assert_in_range(additional, 0, 1);
		else
			assert_in_range(additional, 2, 3);
		full += additional == 3;
	}
	assert_true(full > 0);
}

static void
edns_is_answered_with_edns(void **state)
{
	uint8_t request[512];
	size_t len = request_of("www.example. A do", request);

	(void)state;
	len = run(&asker, request, len);
	/* OPT: root, type, our size, rcode 0, version 0, DO, no options. */
	assert_memory_equal(asker.out + len - 11, "\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11);
	len = request_of("www.example. A noedns", request);
	len = run(&asker, request, len);
	assert_int_equal(asker.out[11], 0);
	/* NSID is told to those who ask (RFC 5001). */
	len = request_of("www.example. A", request);
	request[len - 1] = 4;
	memcpy(request + len, "\0\3\0\0", 4);
	len = run(&asker, request, len + 4);
	assert_memory_equal(asker.out + len - 7, "\0\3\0\3ns1", 7);
}

static void
the_question_and_the_id_are_echoed(void **state)
{
	static const uint8_t request[] = "\xab\xcd\x01\x30\x00\x01\x00\x00\x00\x00\x00\x00" "\3wWw\7ExamplE\0\0\1\0\1";
	size_t len = run(&asker, request, sizeof(request) - 1);

	(void)state;
	assert_true(len > sizeof(request) - 1);
	assert_memory_equal(asker.out, "\xab\xcd\x85\x00\x00\x01\x00\x01", 8);	/* RD kept, AD and CD cleared */
	assert_memory_equal(asker.out + 12, request + 12, sizeof(request) - 13);
}

static void
class_ch_tells_who_we_are(void **state)
{
	static const struct { const char *name; const char *text; } rows[] = {
		{ "\7version\4bind", "tandem" }, { "\7VERSION\6server", "tandem" },
		{ "\2id\6server", "ns1" }, { "\10hostname\4bind", NULL }, { "\7authors\4bind", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t request[64] = HEAD;
		size_t len = 12 + strlen(rows[i].name) + 1;

		memcpy(request + 12, rows[i].name, strlen(rows[i].name) + 1);
		memcpy(request + len, "\0\x10\0\3", 4);
		len = run(&asker, request, len + 4);
		assert_int_equal(asker.out[3] & 15, rows[i].text == NULL ? 5 : 0);
		if (rows[i].text != NULL)
			assert_memory_equal(asker.out + len - strlen(rows[i].text), rows[i].text, strlen(rows[i].text));
	}
}

static void
port_0_gets_no_answer(void **state)
{
	uint8_t request[512];
	size_t len = request_of("www.example. A", request);

	(void)state;
	asker.from.sin_port = 0;
	assert_int_equal(run(&asker, request, len), 0);
	asker.from.sin_port = htons(4242);
	assert_true(run(&asker, request, len) > 0);
}

static void
ds_is_asked_of_the_parent(void **state)
{
	static const char *const child[] = {
		"cut.example. SOA ns1.cut.example. admin.example. 9 3600 600 86400 60",
		"cut.example. NS ns1.cut.example.",
		NULL,
	};
	static const struct asked rows[] = {
		{ "cut.example. DS", "NOERROR aa | | example. SOA ns.example. admin.example. 7 3600 600 86400 60 |" },
		{ "example. DS", "NOERROR aa | | example. SOA ns.example. admin.example. 7 3600 600 86400 60 |" },
		{ "cut.example. MX", "NOERROR aa | | cut.example. SOA ns1.cut.example. admin.example. 9 3600 600 86400 60 |" },
	};
	struct slot *slot = serve("cut.example.", zone_of("cut.example.", child));

	(void)state;
	check_all(&asker, rows, COUNT(rows));
	slot_remove(slot);
	slot_apply();
}

/* Two seconds of requests with octets changed, cut off and added. */
static void
mutated_requests_do_no_harm(void **state)
{
	static const char *const questions[] = {
		"www.example. A do", "no.example. ANY do", "x.cut.example. TYPE65535 do", "cut.example. DS", "example. RRSIG do",
		"big.example. TXT size=512",
	};
	unsigned long answered = 0;

	(void)state;
	/* What is new every time is for tests/fuzz/. */
	for (unsigned seed = 1; seed <= 100; seed++) {
		srand(seed);
		for (int round = 0; round < 5000; round++) {
			uint8_t request[1024];
			size_t len = request_of(questions[rand() % COUNT(questions)], request), size;

			for (int n = rand() % 6; n > 0; n--) {
				size_t at = (size_t)rand() % len;

				switch (rand() % 6) {
				case 0:
					request[at] = (uint8_t)rand();
					break;
				case 1:
					request[at] ^= (uint8_t)(1 << rand() % 8);
					break;
				case 2:
					len = at + 1;
					break;
				case 3:
					request[at] = 0xc0;
					break;
				case 4:
					request[4 + rand() % 8] = (uint8_t)(rand() % 4);
					break;
				default:
					memmove(request + at + 1, request + at, len - at);
					len++;
				}
				if (len < 12 || len > 600)
					break;
			}
			asker.tcp = rand() % 4 == 0;
			size = run(&asker, request, len);
			if (size == 0)
				continue;
			answered++;
			if (size < 12 || (!asker.tcp && size > 1232) || memcmp(asker.out, request, 2) != 0)
				fail_msg("seed %u: %zu octets", seed, size);
			answer_text(asker.out, size);
		}
	}
	asker.tcp = false;
	assert_true(answered > 1000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_messages_get_formerr_or_nothing),
		cmocka_unit_test(long_names_are_measured),
		cmocka_unit_test(what_we_do_not_serve_is_refused),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(answers_keep_to_the_size),
		cmocka_unit_test(glue_that_is_not_needed_goes_first),
		cmocka_unit_test(edns_is_answered_with_edns),
		cmocka_unit_test(the_question_and_the_id_are_echoed),
		cmocka_unit_test(class_ch_tells_who_we_are),
		cmocka_unit_test(port_0_gets_no_answer),
		cmocka_unit_test(ds_is_asked_of_the_parent),
		cmocka_unit_test(mutated_requests_do_no_harm),
	};

	slot_thread_begin();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, NULL);
}
