#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/config/acl.h"

static const struct sockaddr *
client(struct sockaddr_storage *storage, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		storage->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		storage->ss_family = AF_INET6;
	else
		fail_msg("%s is no address", text);
	return (struct sockaddr *)storage;
}

static void
print_errors(void *ctx, const struct report *report)
{
	if (report->severity == ERROR)
		report_to_file(ctx, report);
}

/* What conf_read() makes of allow-query in this text. */
static struct conf *
read_text(const char *text)
{
	struct sink sink = { .fn = print_errors, .ctx = stderr };
	char path[] = "/tmp/acl_test.XXXXXX";
	struct conf *conf;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	conf = conf_read(path, &sink);
	unlink(path);
	assert_non_null(conf);
	return conf;
}

static const struct question {
	const char *list, *client;
	bool allowed;
} questions[] = {
	{ "any;", "192.0.2.1", true },
	{ "any;", "2001:db8::1", true },
	{ "none;", "192.0.2.1", false },
	{ "", "192.0.2.1", false },
	{ "10/8;", "10.255.255.255", true },
	{ "10/8;", "11.0.0.0", false },
	{ "10/8;", "9.255.255.255", false },
	{ "192.0.2.1;", "192.0.2.1", true },
	{ "192.0.2.1;", "192.0.2.2", false },
	{ "0.0.0.0/0;", "255.255.255.255", true },
	{ "0/0;", "2001:db8::1", false },
	{ "::/0;", "2001:db8::1", true },
	{ "::/0;", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
	{ "::/0;", "192.0.2.1", false },
	{ "::/0;", "::ffff:192.0.2.1", false },
	{ "2001:db8::/32;", "2001:db8:ffff::", true },
	{ "2001:db8::/32;", "2001:db9::", false },
	{ "192.0.2.0/24;", "::ffff:192.0.2.9", true },
	{ "::ffff:192.0.2.0/120;", "192.0.2.9", true },
	{ "::ffff:192.0.2.0/120;", "::ffff:192.0.2.9", true },
	/* the first that matches decides */
	{ "!10.1/16; 10/8;", "10.1.2.3", false },
	{ "!10.1/16; 10/8;", "10.2.2.3", true },
	{ "10/8; !10.1/16;", "10.1.2.3", true },
	{ "!10.1.1/24; 10.1/16; !10/8; any;", "10.1.1.1", false },
	{ "!10.1.1/24; 10.1/16; !10/8; any;", "10.1.2.1", true },
	{ "!10.1.1/24; 10.1/16; !10/8; any;", "10.2.2.1", false },
	{ "!10.1.1/24; 10.1/16; !10/8; any;", "192.0.2.1", true },
	{ "! 192.0.2.1; any;", "192.0.2.1", false },
	{ "!any;", "192.0.2.1", false },
	/* a list within: refused there is not matched here */
	{ "{ !10.1/16; 10/8; }; 10.1.1/24;", "10.1.1.1", true },
	{ "{ !10.1/16; 10/8; }; 10.1.1/24;", "10.1.2.1", false },
	{ "!{ !10.1/16; 10/8; }; any;", "10.1.1.1", true },
	{ "!{ !10.1/16; 10/8; }; any;", "10.2.1.1", false },
	{ "inner; 192.0.2.1;", "10.2.1.1", true },
	{ "inner; 192.0.2.1;", "10.1.1.1", false },
	{ "!inner; any;", "10.2.1.1", false },
	{ "INNER;", "10.2.1.1", true },
	/* loopback is an interface of every host */
	{ "localhost;", "127.0.0.1", true },
	{ "localnets;", "127.9.9.9", true },
	{ "localhost;", "127.9.9.9", false },
	{ "key k;", "192.0.2.1", false },
};

/* Keys match whoever signs with them. */
static const struct {
	const char *list, *client;
	bool allowed;
	const char *key;		/* in wire form */
} signed_questions[] = {
	{ "key k;", "192.0.2.1", false, NULL },
	{ "key k;", "192.0.2.1", true, "\1k" },
	{ "key K.;", "2001:db8::1", true, "\1k" },
	{ "key k;", "192.0.2.1", false, "\1l" },
	{ "!key k; any;", "192.0.2.1", false, "\1k" },
	{ "!key k; any;", "192.0.2.1", true, "\1l" },
	{ "!key k; any;", "192.0.2.1", true, NULL },
	{ "!10/8; key k;", "10.0.0.1", false, "\1k" },
	{ "!10/8; key k;", "11.0.0.1", true, "\1k" },
	{ "{ key k; key l; }; 10/8;", "11.0.0.1", true, "\1l" },
	{ "!{ !10/8; any; }; key k;", "10.0.0.1", true, "\1k" },
	{ "!{ !10/8; any; }; key k;", "11.0.0.1", false, "\1k" },
};

static void
ask(const char *list, const char *who, const char *key, bool allowed)
{
	struct sockaddr_storage storage;
	char text[512];
	struct conf *conf;

	snprintf(text, sizeof(text), "options { allow-query { %s }; };"
	    "acl inner { !10.1/16; 10/8; }; key k { algorithm hmac-sha256; secret \"AAAA\"; };"
	    "key l { algorithm hmac-sha256; secret \"AAAA\"; };", list);
	conf = read_text(text);
	if (acl_allows(conf->rules.allow_query, client(&storage, who), (const uint8_t *)key) != allowed)
		fail_msg("{ %s } and %s, signed by %s", list, who, key != NULL ? key + 1 : "nobody");
	conf_free(conf);
}

static void
lists_decide_as_bind_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		ask(questions[i].list, questions[i].client, NULL, questions[i].allowed);
	for (size_t i = 0; i < sizeof(signed_questions) / sizeof(signed_questions[0]); i++)
		ask(signed_questions[i].list, signed_questions[i].client, signed_questions[i].key,
		    signed_questions[i].allowed);
}

/* Plainly, element by element. */
static bool
decide(const struct conf_match_list *list, uint32_t who)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct conf_match *m = &list->match[i];
		bool match;

		if (m->kind == MATCH_LIST) {
			match = decide(m->list, who);
		} else {
			uint32_t first;

			memcpy(&first, m->address, 4);
			match = m->bits == 0 || (ntohl(first) ^ who) >> (32 - m->bits) == 0;
		}
		if (match)
			return !m->negate;
	}
	return false;
}

static struct conf_match_list
random_list(struct arena *arena, unsigned depth)
{
	size_t count = (size_t)rand() % 12;
	struct conf_match *match = arena_alloc(arena, (count + 1) * sizeof(*match));
	struct conf_match_list out = { match, count, NULL, 0 };

	for (size_t i = 0; i < count; i++) {
		memset(&match[i], 0, sizeof(match[i]));
		match[i].negate = rand() % 3 == 0;
		if (depth < 3 && rand() % 4 == 0) {
			struct conf_match_list *list = arena_alloc(arena, sizeof(*list));

			*list = random_list(arena, depth + 1);
			match[i].kind = MATCH_LIST;
			match[i].list = list;
		} else {
			/* Few bits, so that prefixes touch and contain each other. */
			unsigned bits = (unsigned)rand() % 9;

			match[i].kind = MATCH_PREFIX;
			match[i].family = AF_INET;
			match[i].bits = (uint8_t)bits;
			match[i].address[0] = (uint8_t)((unsigned)rand() << (8 - bits));
		}
	}
	return out;
}

static void
compiled_lists_decide_as_the_plain_ones(void **state)
{
	struct acl_local none = { 0 };

	(void)state;
	srand(1);
	for (int round = 0; round < 500; round++) {
		struct arena *arena = arena_new(4096);
		struct conf_match_list list = random_list(arena, 0);
		const struct conf_match_list *compiled = acl_compile(&list, &none, arena);

		for (uint32_t who = 0; who < 256; who++) {
			struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(who << 24 | 7) };

			assert_int_equal(acl_allows(compiled, (struct sockaddr *)&from, NULL), decide(&list, who << 24 | 7));
		}
		arena_free(arena);
	}
}

static void
zones_without_a_list_share_that_of_the_options(void **state)
{
	struct conf *conf = read_text("zone a { type master; file a; };"
	    "zone b { type master; file b; allow-query { 192.0.2.1; }; };"
	    "options { allow-query { 10/8; }; };");
	struct sockaddr_storage storage;

	(void)state;
	assert_ptr_equal(conf->zones[0].rules->allow_query, conf->rules.allow_query);
	assert_false(acl_allows(conf->zones[1].rules->allow_query, client(&storage, "10.0.0.1"), NULL));
	assert_true(acl_allows(conf->zones[1].rules->allow_query, client(&storage, "192.0.2.1"), NULL));
	conf_free(conf);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_decide_as_bind_does),
		cmocka_unit_test(compiled_lists_decide_as_the_plain_ones),
		cmocka_unit_test(zones_without_a_list_share_that_of_the_options),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
