#include "zonefile/message.h"
#include "zonefile/count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(s) ((const uint8_t *)(s))

static struct message_names names;
static uint8_t buf[MESSAGE_MAX + MESSAGE_SLACK];

/* A question's octets, then the question. */
static void
ask(struct question *q, const char *wire, size_t len)
{
	struct reader r = { N(wire), len, 0 };

	assert_true(reader_question(&r, q));
	assert_int_equal(r.at, len);
}
#define ASK(q, name) ask(q, name "\0\0\1\0\1", sizeof(name "\0\0\1\0\1") - 1)

static struct rrset *
set_of(uint16_t type, const char *const *rdata, const size_t *len, uint16_t count)
{
	struct rrset *set = malloc(sizeof(*set) + 70000);

	set->ttl = 300;
	set->type = type;
	set->covers = 0;
	set->count = count;
	set->size = 0;
	for (unsigned i = 0; i < count; i++) {
		put16(set->rdata + set->size, (unsigned)len[i]);
		memcpy(set->rdata + set->size + 2, rdata[i], len[i]);
		set->size += 2 + (uint32_t)len[i];
	}
	return set;
}

/* One record of names, NUL-terminated but for the root's own. */
static struct rrset *
ns_of(const char *const *name, uint16_t count)
{
	size_t len[8];

	for (unsigned i = 0; i < count; i++)
		len[i] = name_len(N(name[i]));
	return set_of(T_NS, name, len, count);
}

static void
questions_are_read_in_lower_case(void **state)
{
	struct question q;

	(void)state;
	ASK(&q, "\3WWW\7eXample");
	assert_int_equal(q.name_len, 13);
	assert_memory_equal(q.name, "\3www\7example", 13);
	assert_memory_equal(q.wire, "\3WWW\7eXample", 13);
	assert_int_equal(q.type, T_A);
	assert_int_equal(q.class, CLASS_IN);
	/* Every octet, at every place in a word. */
	for (unsigned c = 0; c < 256; c++)
		for (unsigned at = 0; at < 9; at++) {
			uint8_t wire[32] = { 9 };
			struct reader r = { wire, 15, 0 };

			memset(wire + 1, 'x', 9);
			wire[1 + at] = (uint8_t)c;
			assert_true(reader_question(&r, &q));
			assert_int_equal(q.name[1 + at], name_tolower[c]);
		}
}

static void
pointers_end(void **state)
{
	static const struct { const char *wire; size_t len, at, taken; const char *name; } rows[] = {
		{ "\1a\0\1b\xc0\0", 7, 3, 4, "\1b\1a" },
		{ "\1a\0\xc0\0\xc0\3", 7, 5, 2, "\1a" },
		{ "\1a\0", 3, 0, 3, "\1a" },
		{ "\0", 1, 0, 1, "" },
		{ "\xc0\0", 2, 0, 0, NULL },		/* itself */
		{ "\xc0\2\xc0\0", 4, 2, 0, NULL },	/* each other */
		{ "\xc0\2\0", 3, 0, 0, NULL },		/* forward */
		{ "\1a\xc0\0", 4, 0, 0, NULL },		/* into itself */
		{ "\1a\xc0\0", 4, 2, 0, NULL },
		{ "\1a\0\xc0", 4, 3, 0, NULL },		/* cut short */
		{ "\3ab", 3, 0, 0, NULL },
		{ "\1a", 2, 0, 0, NULL },
		{ "\x40" "a\0", 3, 0, 0, NULL },
	};
	uint8_t out[DNAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reader r = { N(rows[i].wire), rows[i].len, 0 };

		assert_int_equal(reader_name(&r, rows[i].at, out), rows[i].taken);
		if (rows[i].name != NULL)
			assert_true(name_equal(out, N(rows[i].name)));
	}
}

static void
a_name_by_pointers_has_255_octets_at_most(void **state)
{
	uint8_t wire[600], out[DNAME_MAX];
	struct reader r = { wire, sizeof(wire), 0 };

	(void)state;
	memset(wire, 'a', sizeof(wire));
	/* 126 octets and the root's; then 128 and a pointer. */
	wire[0] = wire[63] = 62;
	wire[126] = 0;
	wire[200] = wire[264] = 63;
	put16(wire + 328, 0xc000);
	assert_int_equal(reader_name(&r, 200, out), 130);
	assert_int_equal(name_len(out), 255);
	wire[199] = 0;
	wire[198] = 1;
	wire[199] = 'a';
	assert_int_equal(reader_name(&r, 198, out), 0);
}

static void
suffixes_are_pointed_at(void **state)
{
	static const char *const ns[] = { "\2ns\7EXAMPLE", "\3ns2\7example", "\2ns\5other", "\3ns2\5other", "" };
	struct rrset *set = ns_of(ns, 5);
	struct question q;
	struct message m;
	struct owner owner = { N("\7example"), 0 };
	/* Behind header and question at 12..28: the owner is the question's suffix. */
	static const char want[] =
	    "\xc0\x10\0\2\0\1\0\0\1\x2c\0\5\2ns\xc0\x10"
	    "\xc0\x10\0\2\0\1\0\0\1\x2c\0\6\3ns2\xc0\x10"
	    "\xc0\x10\0\2\0\1\0\0\1\x2c\0\12\2ns\5other\0"
	    "\xc0\x10\0\2\0\1\0\0\1\x2c\0\6\3ns2\xc0\x4f"
	    "\xc0\x10\0\2\0\1\0\0\1\x2c\0\1\0";

	(void)state;
	ASK(&q, "\3www\7example");
	message_begin(&m, buf, 512, &names, &q);
	assert_true(message_rrset(&m, &owner, set, set->ttl));
	assert_int_equal(message_end(&m, 0x1234, MESSAGE_QR), 29 + sizeof(want) - 1);
	assert_memory_equal(buf + 29, want, sizeof(want) - 1);
	assert_memory_equal(buf, "\x12\x34\x80\0\0\1\0\5\0\0\0\0", 12);
	assert_int_equal(owner.at, 16);
	free(set);
}

static void
what_does_not_fit_leaves_no_trace(void **state)
{
	static const char *const ns[] = { "\4long\5names\3are\4here", "\4more\2of\4them" };
	static const char *const other[] = { "\4them" };
	struct rrset *set = ns_of(ns, 2), *next = ns_of(other, 1);
	struct question q;
	struct message m;
	size_t whole;

	(void)state;
	ASK(&q, "\3www\7example");
	for (unsigned limit = 29; ; limit++) {
		struct owner owner = { N("\5owner"), 0 };

		message_begin(&m, buf, limit, &names, &q);
		if (message_rrset(&m, &owner, set, 1)) {
			whole = limit;
			break;
		}
		assert_int_equal(m.at, 29);
		assert_int_equal(m.count[SECTION_ANSWER], 0);
		assert_int_equal(owner.at, 0);
		/* Nothing points at what was taken back. */
		m.limit = 512;
		assert_true(message_rrset(&m, &owner, next, 1));
		assert_memory_equal(buf + 29, "\5owner\0\0\2\0\1\0\0\0\1\0\6\4them\0", 23);
	}
	assert_int_equal(whole, m.at);
	free(set);
	free(next);
}

static void
records_of_a_set_point_at_their_first_owner(void **state)
{
	static const char *const a[] = { "\1\2\3\4", "\1\2\3\5" };
	static const size_t len[] = { 4, 4 };
	struct rrset *set = set_of(T_A, a, len, 2);
	struct message m;
	struct owner owner = { N("\1a\1b"), 0 }, root = { N(""), 0 };

	(void)state;
	message_begin(&m, buf, 512, &names, NULL);
	assert_true(message_rrset(&m, &owner, set, 0));
	assert_int_equal(owner.at, 12);
	assert_memory_equal(buf + 12, "\1a\1b\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4" "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\5", 35);
	assert_true(message_rrset(&m, &root, set, 0));
	assert_memory_equal(buf + 47, "\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4", 15);
	free(set);
}

/* Beyond 16 KiB nothing can be pointed at, and the table of names is full long before. */
static void
large_messages_can_be_read_again(void **state)
{
	enum { MANY = 3000 };
	struct message m;
	struct reader r;
	struct reader_record record;
	struct question q;
	unsigned n = 0;

	(void)state;
	ASK(&q, "\7example");
	message_begin(&m, buf, MESSAGE_MAX, &names, &q);
	for (unsigned i = 0; i < MANY; i++) {
		char host[40], target[40];
		const char *ns[] = { target };
		struct owner owner = { N(host), 0 };
		struct rrset *set;
		bool fits;

		snprintf(host, sizeof(host), "%c%04u%c%s", 5, i, 'a', "\7example");
		snprintf(target, sizeof(target), "%c%04u%c%s", 5, i / 2, 'b', "\5other");
		set = ns_of(ns, 1);
		fits = message_rrset(&m, &owner, set, i);
		free(set);
		if (!fits)
			break;
		n++;
	}
	assert_true(n > 1500);
	r = (struct reader){ buf, message_end(&m, 1, 0), 12 };
	assert_true(reader_question(&r, &q));
	for (unsigned i = 0; i < n; i++) {
		char host[40], target[40];
		uint8_t got[DNAME_MAX];

		snprintf(host, sizeof(host), "%c%04u%c%s", 5, i, 'a', "\7example");
		snprintf(target, sizeof(target), "%c%04u%c%s", 5, i / 2, 'b', "\5other");
		assert_true(reader_record(&r, &record));
		assert_int_equal(record.ttl, i);
		assert_true(reader_name(&r, record.owner, got) > 0);
		assert_true(name_equal(got, N(host)));
		assert_int_equal(reader_name(&r, (size_t)(record.rdata - buf), got), record.len);
		assert_true(name_equal(got, N(target)));
	}
	assert_int_equal(r.at, r.len);
	assert_false(reader_record(&r, &record));
}

/* The table that says how types are laid out is the contract; ours is a part of it. */
static void
only_types_of_rfc_1035_are_compressed(void **state)
{
	static const uint16_t types[] = { T_NS, T_CNAME, T_SOA, T_PTR, T_MX };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		const uint8_t *layout = rrtype_by_code(types[i])->layout;

		assert_int_equal(layout[types[i] == T_MX], F_CNAME);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_read_in_lower_case),
		cmocka_unit_test(pointers_end),
		cmocka_unit_test(a_name_by_pointers_has_255_octets_at_most),
		cmocka_unit_test(suffixes_are_pointed_at),
		cmocka_unit_test(what_does_not_fit_leaves_no_trace),
		cmocka_unit_test(records_of_a_set_point_at_their_first_owner),
		cmocka_unit_test(large_messages_can_be_read_again),
		cmocka_unit_test(only_types_of_rfc_1035_are_compressed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
