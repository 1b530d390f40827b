/* tsig_test.c - signatures as Net::DNS makes them, and each way to be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/transfer/tsig.h"
#include "zonefile/digits.h"
#include "zonefile/message.h"
#include "zonefile/count.h"

#define NOW UINT64_C(1700000000)
#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define NAME ((const uint8_t *)"\3Key\7Example")

/* A question for example. SOA; replies have QR. */
static const uint8_t request[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\7example\0\0\6\0\1";
#define REQUEST_LEN (sizeof(request) - 1)

static struct tsig_keys *
keys_of(const char *algorithm)
{
	struct tsig_keys *keys = tsig_keys_new();

	assert_null(tsig_keys_add(keys, NAME, algorithm, SECRET));
	return keys;
}

static size_t
plain(uint8_t *out, unsigned flags)
{
	memcpy(out, request, REQUEST_LEN);
	put16(out + 2, flags);
	return REQUEST_LEN;
}

/* Made by Net::DNS: the MAC of the request above. */
static void
requests_are_signed_as_net_dns_signs(void **state)
{
	static const struct { const char *algorithm, *mac; } rows[] = {
		{ "hmac-md5.sig-alg.reg.int",
		    "0c54a952c322695a0320080e9cc680eb" },
		{ "hmac-sha1",
		    "f62e1db97af3a98c81493c0f79f83193155f19e6" },
		{ "hmac-sha224",
		    "f50130f5719ec6752c5715e859c757fb8477a6724dea3aca82d058dc" },
		{ "hmac-sha256",
		    "5001a37a52dc8eb06c6f455f3e6765186454a4051815b83f1bed80d53a53a24f" },
		{ "hmac-sha384",
		    "476838041138144a3364ca27f1e9b6a0b804b79643e3d12c6691ce6b9244f839"
		    "2a39585364696183fa851c301fe615ca" },
		{ "hmac-sha512",
		    "1e30b5d50007682dcbd9731539cbfa7be5e40a818626fa3abfa9c2df7ac4d7cb"
		    "3ffeef5cf8d634c702f0a475af1006b0ccdc926c69ab9125bd32dd8fb6ba71af" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tsig_keys *keys = keys_of(rows[i].algorithm);
		const struct tsig_key *key = tsig_find(keys, (const uint8_t *)"\3KEY\7example");
		uint8_t out[512];
		char hex[129];
		struct tsig t;
		size_t len, at;

		assert_non_null(key);
		tsig_begin(&t, key);
		len = plain(out, 0);
		len = tsig_sign(&t, out, len, NOW);
		assert_true(len <= REQUEST_LEN + tsig_room(&t));
		assert_true(tsig_locate(out, len, &at));
		assert_int_equal(at, REQUEST_LEN);
		for (unsigned k = 0; k < key->mac_len; k++)
			snprintf(hex + 2 * k, 3, "%02x", out[len - 6 - key->mac_len + k]);
		assert_string_equal(hex, rows[i].mac);
		tsig_end(&t);
		tsig_keys_free(keys);
	}
}

/* A request from the client's keys at a time, as the server sees it; both ends stay open. */
static enum tsig_result
ask(struct tsig *client, const struct tsig_key *key, struct tsig *server,
    const struct tsig_keys *keys, uint64_t now, int spoil)
{
	uint8_t out[512];
	size_t len, at;

	tsig_begin(client, key);
	len = tsig_sign(client, out, plain(out, 0), NOW);
	if (spoil >= 0)
		out[spoil] ^= 1;
	assert_true(tsig_locate(out, len, &at));
	return tsig_request(server, keys, out, len, at, now);
}

static void
requests_get_the_error_that_the_rfc_says(void **state)
{
	static const struct {
		const char *what, *ours, *theirs;
		int64_t off;
		int spoil;
		enum tsig_result at_server, at_client, told;
		bool mac;
	} rows[] = {
		{ "fine", "hmac-sha256", "hmac-sha256", 0, -1, TSIG_OK, TSIG_OK, 0, true },
		{ "slow", "hmac-sha256", "hmac-sha256", 300, -1, TSIG_OK, TSIG_OK, 0, true },
		{ "late", "hmac-sha256", "hmac-sha256", 301, -1, TSIG_BADTIME, TSIG_REFUSED, TSIG_BADTIME, true },
		{ "early", "hmac-sha256", "hmac-sha256", -301, -1, TSIG_BADTIME, TSIG_REFUSED, TSIG_BADTIME, true },
		{ "changed", "hmac-sha256", "hmac-sha256", 0, 14, TSIG_BADSIG, TSIG_REFUSED, TSIG_BADSIG, false },
		{ "other algorithm", "hmac-sha256", "hmac-sha512", 0, -1, TSIG_BADKEY, TSIG_REFUSED, TSIG_BADKEY, false },
		{ "truncated, agreed", "hmac-sha256-128", "hmac-sha256-128", 0, -1, TSIG_OK, TSIG_OK, 0, true },
		{ "truncated, not agreed", "hmac-sha256-128", "hmac-sha256", 0, -1, TSIG_BADTRUNC, TSIG_REFUSED, TSIG_BADTRUNC, true },
		{ "longer than need be", "hmac-sha256", "hmac-sha256-128", 0, -1, TSIG_OK, TSIG_BADTRUNC, 0, true },
		{ "md5, truncated", "hmac-md5-80", "hmac-md5.sig-alg.reg.int-80", 0, -1, TSIG_OK, TSIG_OK, 0, true },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tsig_keys *ours = keys_of(rows[i].ours), *theirs = keys_of(rows[i].theirs);
		struct tsig client, server;
		uint8_t out[512], *mac;
		size_t len, signed_len;

		print_message("# %s\n", rows[i].what);
		assert_int_equal(ask(&client, tsig_find(ours, NAME), &server, theirs,
		    NOW + (uint64_t)rows[i].off, rows[i].spoil), rows[i].at_server);
		len = plain(out, 0x8400);
		assert_true(tsig_room(&server) > 0);
		signed_len = tsig_sign(&server, out, len, NOW + (uint64_t)rows[i].off);
		assert_true(signed_len <= len + tsig_room(&server));
		len = signed_len;
		assert_int_equal(tsig_reply(&client, out, &len, NOW), rows[i].at_client);
		assert_int_equal(client.error, rows[i].told);
		assert_int_equal(len, REQUEST_LEN);
		/* Name, fixed fields, algorithm, time and fudge are before it. */
		mac = out + len + 13 + 10 + name_len(out + len + 13 + 10) + 8;
		assert_int_equal(get16(mac) > 0, rows[i].mac);
		tsig_end(&client);
		tsig_end(&server);
		tsig_keys_free(ours);
		tsig_keys_free(theirs);
	}
}

static void
an_unknown_key_is_named_in_the_answer_without_a_mac(void **state)
{
	struct tsig_keys *ours = keys_of("hmac-sha1"), *none = tsig_keys_new();
	struct tsig client, server;
	uint8_t out[512];
	size_t len;

	(void)state;
	assert_int_equal(ask(&client, tsig_find(ours, NAME), &server, none, NOW, -1), TSIG_BADKEY);
	len = tsig_sign(&server, out, plain(out, 0x8400), NOW);
	assert_int_equal(tsig_reply(&client, out, &len, NOW), TSIG_REFUSED);
	assert_int_equal(client.error, TSIG_BADKEY);
	tsig_end(&client);
	tsig_end(&server);
	tsig_keys_free(ours);
	tsig_keys_free(none);
}

/* --- streams --- */

enum { SIGNED, REPLAYED, CHANGED, STRIPPED };

/* Sends the messages of a stream; returns the first that is refused, or their number, or -1 when
 * it does not end signed. */
static int
stream(const uint8_t *how, int count, enum tsig_result *result)
{
	struct tsig_keys *keys = keys_of("hmac-sha256");
	struct tsig client, server;
	uint8_t out[512], last[512];
	size_t len, last_len = 0;
	int i;

	assert_int_equal(ask(&client, tsig_find(keys, NAME), &server, keys, NOW, -1), TSIG_OK);
	*result = TSIG_OK;
	for (i = 0; i < count; i++) {
		len = plain(out, 0x8400);
		out[len - 1] = (uint8_t)i;
		len = tsig_sign(&server, out, len, NOW);
		if (how[i] == REPLAYED) {
			memcpy(out, last, last_len);
			len = last_len;
		}
		if (how[i] == CHANGED)
			out[14] ^= 1;
		if (how[i] == STRIPPED) {
			put16(out + 10, 0);
			len = REQUEST_LEN;
		}
		memcpy(last, out, len);
		last_len = len;
		*result = tsig_reply(&client, out, &len, NOW);
		if (*result != TSIG_OK)
			break;
	}
	if (i == count && !tsig_complete(&client))
		i = -1;
	tsig_end(&client);
	tsig_end(&server);
	tsig_keys_free(keys);
	return i;
}

static void
streams_are_chained(void **state)
{
	static const struct {
		const char *what;
		uint8_t how[4];
		int count, ended;
		enum tsig_result result;
	} rows[] = {
		{ "all signed", { SIGNED, SIGNED, SIGNED }, 3, 3, TSIG_OK },
		{ "replayed", { SIGNED, SIGNED, REPLAYED }, 3, 2, TSIG_BADSIG },
		{ "changed", { SIGNED, CHANGED, SIGNED }, 3, 1, TSIG_BADSIG },
		{ "first not signed", { STRIPPED, SIGNED }, 2, 0, TSIG_MISSING },
		{ "last not signed", { SIGNED, STRIPPED }, 2, -1, TSIG_OK },
		{ "stripped within", { SIGNED, STRIPPED, SIGNED }, 3, 2, TSIG_BADSIG },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum tsig_result result;

		print_message("# %s\n", rows[i].what);
		assert_int_equal(stream(rows[i].how, rows[i].count, &result), rows[i].ended);
		assert_int_equal(result, rows[i].result);
	}
}

static void
one_in_a_hundred_must_be_signed(void **state)
{
	uint8_t how[102] = { SIGNED };
	enum tsig_result result;

	(void)state;
	memset(how + 1, STRIPPED, 101);
	assert_int_equal(stream(how, 102, &result), 100);
	assert_int_equal(result, TSIG_MISSING);
}

/* --- what is malformed --- */

static void
records_that_are_not_last_or_cut_short_are_malformed(void **state)
{
	struct tsig_keys *keys = keys_of("hmac-sha256");
	struct tsig client, server;
	uint8_t out[1024], copy[1024];
	size_t len, at, more;

	(void)state;
	tsig_begin(&client, tsig_find(keys, NAME));
	len = tsig_sign(&client, out, plain(out, 0), NOW);
	more = len - REQUEST_LEN;

	memcpy(copy, out, len);		/* twice */
	memcpy(copy + len, out + REQUEST_LEN, more);
	put16(copy + 10, 2);
	assert_false(tsig_locate(copy, len + more, &at));

	memcpy(copy + len, "x", 1);	/* something behind it */
	put16(copy + 10, 1);
	assert_false(tsig_locate(copy, len + 1, &at));

	memcpy(copy, out, len);		/* as an answer */
	put16(copy + 10, 0);
	put16(copy + 6, 1);
	assert_true(tsig_locate(copy, len, &at));
	assert_int_equal(at, 0);

	assert_true(tsig_locate(out, len, &at));
	for (size_t cut = at; cut < len; cut++) {
		size_t ignored;

		assert_false(tsig_locate(out, cut, &ignored));
		assert_int_equal(tsig_request(&server, keys, out, cut, at, NOW), TSIG_MALFORMED);
		tsig_end(&server);
	}
	/* Any octet changed is refused and never more. */
	for (size_t i = REQUEST_LEN; i < len; i++) {
		size_t place;

		memcpy(copy, out, len);
		copy[i] ^= 0x55;
		if (!tsig_locate(copy, len, &place) || place == 0)
			continue;
		assert_int_not_equal(tsig_request(&server, keys, copy, len, place, NOW), TSIG_OK);
		tsig_end(&server);
	}
	tsig_end(&client);
	tsig_keys_free(keys);
}

static void
keys_that_cannot_be_are_told(void **state)
{
	static const struct { const char *algorithm, *secret; bool fine; } rows[] = {
		{ "hmac-sha256", SECRET, true }, { "HMAC-SHA512-256", SECRET, true },
		{ "hmac-sha1-96", SECRET, true }, { "hmac-sha1-80", SECRET, true },
		{ "hmac-sha1-72", SECRET, false }, { "hmac-sha512-248", SECRET, false },
		{ "hmac-sha256-257", SECRET, false }, { "hmac-sha256-264", SECRET, false },
		{ "hmac-sha256-", SECRET, false }, { "hmac-sha256-x", SECRET, false },
		{ "hmac-sha3", SECRET, false }, { "", SECRET, false },
		{ "hmac-sha256", "", false }, { "hmac-sha256", "%%%", false }, { "hmac-sha256", "abc", false },
		{ "hmac-sha256", "YQ==", true }, { "hmac-sha256", "YWJj", true }, { "hmac-sha256", "YWJjZGVm", true },
		{ "hmac-sha256", "YR==", false }, { "hmac-sha256", "YQ==YWJj", false }, { "hmac-sha256", "YWJj ZGVm", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tsig_keys *keys = tsig_keys_new();
		const char *wrong = tsig_keys_add(keys, NAME, rows[i].algorithm, rows[i].secret);

		print_message("# %s: %s\n", rows[i].algorithm, wrong != NULL ? wrong : "fine");
		assert_int_equal(wrong == NULL, rows[i].fine);
		assert_int_equal(tsig_find(keys, NAME) != NULL, rows[i].fine);
		if (wrong == NULL)
			assert_non_null(tsig_keys_add(keys, NAME, "hmac-sha1", SECRET));
		tsig_keys_free(keys);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_signed_as_net_dns_signs),
		cmocka_unit_test(requests_get_the_error_that_the_rfc_says),
		cmocka_unit_test(an_unknown_key_is_named_in_the_answer_without_a_mac),
		cmocka_unit_test(streams_are_chained),
		cmocka_unit_test(one_in_a_hundred_must_be_signed),
		cmocka_unit_test(records_that_are_not_last_or_cut_short_are_malformed),
		cmocka_unit_test(keys_that_cannot_be_are_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
