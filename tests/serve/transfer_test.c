#include "tests/serve/ask.h"

#include <time.h>
#include <unistd.h>

#include "daemon/transfer/history.h"
#include "daemon/transfer/tsig.h"
#include "daemon/transfer/xfrout.h"
#include "sync/journal.h"
#include "sync/steady.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY ((const uint8_t *)"\3key\7example")

static struct asker asker;
static struct tsig_keys *keys, *strange_keys;
static struct message_many_names names;
static char journal_path[] = "/tmp/transfer_test.XXXXXX";
static struct slot *notified_slot;
static unsigned notified_count;
static int64_t notified_serial;

/* --- a zone and those who may fetch it --- */

static const char *const lines[] = {
	"example. SOA ns.example. admin.example. 7 3600 600 86400 60",
	"example. NS ns.example.",
	"example. RRSIG SOA 8 1 300 20300101000000 20200101000000 1 example. AAAA",
	"ns.example. A 192.0.2.1",
	"a.b.example. MX 10 ns.example.",
	"*.w.example. TXT \"wild\"",
	"cut.example. NS ns.cut.example.",
	"ns.cut.example. A 192.0.2.3",
	"d.example. DNAME elsewhere.",
	"s.example. SRV 1 2 3 ns.example.",
	NULL,
};

static bool
may_signed(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	(void)list;
	(void)client;
	return key != NULL && memcmp(key, KEY, 13) == 0;
}

static bool
whoever(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	(void)list;
	(void)client;
	(void)key;
	return true;
}

static bool
may_from_4242(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	(void)list;
	(void)key;
	return ((const struct sockaddr_in *)(const void *)client)->sin_port == htons(4242);
}

static const struct query_policy open_to_4242 = {
	.transfer = { may_from_4242, NULL }, .notify = { may_from_4242, NULL },
};
static const struct query_policy open_to_key = {
	.ask = { may_signed, NULL }, .transfer = { may_signed, NULL }, .notify = { may_signed, NULL },
};

static void
on_notified(void *ctx, struct slot *slot, const struct sockaddr *from, const struct tsig_key *key,
    const uint32_t *serial)
{
	(void)ctx;
	(void)from;
	(void)key;
	notified_slot = slot;
	notified_count++;
	notified_serial = serial != NULL ? (int64_t)*serial : -1;
}

static bool
on_notified_unknown(void *ctx, const uint8_t *name, const struct sockaddr *from, const struct tsig_key *key)
{
	(void)ctx;
	(void)from;
	(void)key;
	return name[0] == 3;
}

/* What was told last of a refusal. */
static struct query_refusal refusal;
static unsigned refusals;

static void
on_refused(void *ctx, const struct sockaddr *from, const struct query_refusal *r)
{
	(void)ctx;
	(void)from;
	refusal = *r;
	refusals++;
}

static const struct query_policy open_elsewhere = { .transfer = { whoever, NULL }, .transfer_port = 5353 };

/* Many names and sets, one set that is larger than a message, one record of 60000 octets. */
static struct zone *
large_zone(void)
{
	struct sink sink = { report_to_file, stderr, 0, 0 };
	struct builder *b = builder_new((const uint8_t *)"\5large", &sink);
	static uint8_t octets[60000];
	char text[200];

	add_text(b, "large. SOA ns.large. admin.large. 1 3600 600 86400 60");
	add_text(b, "large. NS ns.large.");
	add_text(b, "ns.large. A 192.0.2.1");
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "Host%d.sub%d.large. MX %d mail%d.elsewhere%d.example.", i, i % 50, i % 7, i, i % 90);
		add_text(b, text);
		snprintf(text, sizeof(text), "set.large. TXT \"%d %060d\"", i, i);
		add_text(b, text);
	}
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = i % 250 == 0 ? 249 : 'x';
	builder_add(b, &(struct rr){ (const uint8_t *)"\3big\5large", 300, 16, sizeof(octets), octets }, NULL);
	return builder_finish(b);
}

static int
begin(void **state)
{
	(void)state;
	asker_init(&asker);
	keys = tsig_keys_new();
	strange_keys = tsig_keys_new();
	assert_null(tsig_keys_add(keys, KEY, "hmac-sha256", SECRET));
	assert_null(tsig_keys_add(strange_keys, KEY, "hmac-sha256", "AAAAAAAAAAAAAAAAAAAAAAAA"));
	asker.server.keys = keys;
	asker.server.notified = on_notified;
	asker.server.refused = on_refused;
	slot_set_policy(serve("elsewhere.", zone_of("elsewhere.", (const char *const[]){
	    "elsewhere. SOA ns.example. admin.example. 7 3600 600 86400 60", "elsewhere. NS ns.example.", NULL })),
	    &open_elsewhere, NULL);
	slot_set_policy(serve("example.", zone_of("example.", lines)), &open_to_4242, NULL);
	slot_set_policy(serve("large.", large_zone()), &open_to_4242, NULL);
	slot_set_policy(serve("signed.", zone_of("signed.", (const char *const[]){
	    "signed. SOA ns.example. admin.example. 7 3600 600 86400 60", "signed. NS ns.example.", NULL })),
	    &open_to_key, NULL);
	slot_set_policy(serve("empty.", NULL), &open_to_4242, NULL);
	serve("closed.", zone_of("closed.", (const char *const[]){
	    "closed. SOA ns.example. admin.example. 7 3600 600 86400 60", "closed. NS ns.example.", NULL }));
	close(mkstemp(journal_path));
	unlink(journal_path);
	return 0;
}

/* --- clients --- */

/* IXFR: the SOA that the client has, and any opcode. */
static size_t
with_soa(uint8_t *request, size_t len, unsigned section, uint32_t serial)
{
	uint8_t soa[] = { 0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 24, 0xc0, 12, 0xc0, 12,
	    (uint8_t)(serial >> 24), (uint8_t)(serial >> 16), (uint8_t)(serial >> 8), (uint8_t)serial,
	    0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1 };

	/* In front of OPT, which is 11 octets. */
	if (request[11] == 1) {
		memmove(request + len - 11 + sizeof(soa), request + len - 11, 11);
		memcpy(request + len - 11, soa, sizeof(soa));
	} else {
		memcpy(request + len, soa, sizeof(soa));
	}
	request[5 + 2 * section] = 1;
	return len + sizeof(soa);
}

static const char *
rcode_of(size_t size)
{
	static const char *const text[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	    "6", "7", "8", "NOTAUTH" };

	return size == 0 ? "nothing" : text[asker.out[3] & 15];
}

/* What a transfer has sent. */
struct received {
	unsigned messages, records;
	size_t octets, largest;
	ldns_rr *rr[20000];
};

static void
receive(struct received *got, struct xfrout *transfer, struct tsig *tsig)
{
	static uint8_t out[XFROUT_ROOM];
	int len;

	memset(got, 0, sizeof(*got));
	if (xfrout_waits(transfer))
		xfrout_prepare(transfer);
	while ((len = xfrout_next(transfer, &names, out)) > 0) {
		size_t size = (size_t)len;
		ldns_pkt *pkt;
		ldns_rr_list *list;

		if (tsig != NULL)
			assert_int_equal(tsig_reply(tsig, out, &size, (uint64_t)time(NULL)), TSIG_OK);
		assert_int_equal(ldns_wire2pkt(&pkt, out, (size_t)len), LDNS_STATUS_OK);
		assert_int_equal(ldns_pkt_id(pkt), 0x1234);
		assert_true(ldns_pkt_qr(pkt) && ldns_pkt_aa(pkt));
		list = ldns_pkt_answer(pkt);
		for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
			got->rr[got->records++] = ldns_rr_clone(ldns_rr_list_rr(list, i));
		ldns_pkt_free(pkt);
		got->messages++;
		got->octets += (size_t)len;
		if ((size_t)len > got->largest)
			got->largest = (size_t)len;
	}
	assert_int_equal(len, 0);
	xfrout_free(transfer);
}

static void
forget(struct received *got)
{
	for (unsigned i = 0; i < got->records; i++)
		ldns_rr_free(got->rr[i]);
}

static void
is_the_zone(const struct received *got, const char *origin)
{
	uint8_t name[DNAME_MAX];
	struct sink sink = { report_to_file, stderr, 0, 0 };
	struct builder *b;
	struct zone *zone;

	name_parse(name, origin, strlen(origin), NULL);
	b = builder_new(name, &sink);
	assert_true(got->records > 2);
	for (unsigned i = 0; i + 1 < got->records; i++)
		add_record(b, got->rr[i]);
	assert_int_equal(sink.warnings, 0);
	zone = builder_finish(b);
	assert_non_null(zone);
	slot_enter();
	assert_true(zone_digest_equal(zone_digest(zone), zone_digest(slot_zone(slot_exact(name)))));
	slot_leave();
	zone_unref(zone);
	assert_int_equal(ldns_rr_get_type(got->rr[0]), LDNS_RR_TYPE_SOA);
	assert_int_equal(ldns_rr_compare(got->rr[0], got->rr[got->records - 1]), 0);
}

static size_t
ask_transfer(const char *question, int64_t soa)
{
	uint8_t request[512];
	size_t len = request_of(question, request);

	if (soa >= 0)
		len = with_soa(request, len, 2, (uint32_t)soa);
	return run(&asker, request, len);
}

static void
fetch(struct received *got, const char *question, int64_t soa)
{
	asker.tcp = true;
	if (ask_transfer(question, soa) != 0 || asker.transfer == NULL)
		fail_msg("%s: %s", question, rcode_of(1));
	asker.tcp = false;
	receive(got, asker.transfer, NULL);
}

/* --- AXFR --- */

static void
a_whole_zone_arrives(void **state)
{
	static struct received got;

	(void)state;
	fetch(&got, "example. AXFR", -1);
	assert_int_equal(got.messages, 1);
	is_the_zone(&got, "example.");
	forget(&got);
	fetch(&got, "large. AXFR", -1);
	is_the_zone(&got, "large.");
	assert_true(got.messages > 10);
	/* The one record that needs it has a message of its own. */
	assert_true(got.largest > 60000);
	forget(&got);
}

static void
messages_keep_to_the_size(void **state)
{
	static struct received got;
	static const unsigned sizes[] = { 512, 1024, 4000, 16384, 40000, 65535 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		asker.server.transfers.message_size = sizes[i];
		fetch(&got, "large. AXFR", -1);
		is_the_zone(&got, "large.");
		assert_true(got.octets - 61000 < got.messages * (sizes[i] > 1024 ? sizes[i] : 1024));
		forget(&got);
	}
	asker.server.transfers.message_size = 0;
}

static void
who_wants_one_record_a_message_gets_that(void **state)
{
	static struct received got;

	(void)state;
	asker.server.one_answer = (struct query_right){ may_from_4242, NULL };
	fetch(&got, "large. AXFR", -1);
	is_the_zone(&got, "large.");
	assert_int_equal(got.messages, got.records);
	forget(&got);
	asker.server.one_answer = (struct query_right){ NULL, NULL };
}

static void
a_transfer_keeps_its_version(void **state)
{
	static struct received got;
	struct xfrout *transfer;

	(void)state;
	asker.tcp = true;
	assert_int_equal(ask_transfer("example. AXFR", -1), 0);
	asker.tcp = false;
	transfer = asker.transfer;
	slot_publish(slot_exact((const uint8_t *)"\7example"), zone_of("example.", (const char *const[]){
	    "example. SOA ns.example. admin.example. 8 3600 600 86400 60", "example. NS ns.example.", NULL }));
	slot_settle();
	receive(&got, transfer, NULL);
	assert_int_equal(got.records, COUNT(lines));
	forget(&got);
	slot_publish(slot_exact((const uint8_t *)"\7example"), zone_of("example.", lines));
}

static void
who_may_not_fetch_is_told_why(void **state)
{
	static const struct { const char *question; int64_t soa; bool tcp; const char *rcode; int why; } rows[] = {
		{ "closed. AXFR", -1, true, "REFUSED", QUERY_FORBIDDEN },
		{ "closed. IXFR", 1, true, "REFUSED", QUERY_FORBIDDEN },
		{ "closed. IXFR", 1, false, "REFUSED", QUERY_FORBIDDEN },
		{ "closed. AXFR", -1, false, "REFUSED", QUERY_FORBIDDEN },
		{ "signed. AXFR", -1, true, "REFUSED", QUERY_FORBIDDEN },
		{ "elsewhere. AXFR", -1, true, "REFUSED", QUERY_WRONG_PORT },
		{ "elsewhere. IXFR", 1, false, "REFUSED", QUERY_WRONG_PORT },
		{ "www.example. AXFR", -1, true, "NOTAUTH", QUERY_NO_ZONE },
		{ "other. AXFR", -1, true, "NOTAUTH", QUERY_NO_ZONE },
		{ "empty. AXFR", -1, true, "SERVFAIL", QUERY_NOT_LOADED },
		{ "example. AXFR", -1, false, "FORMERR", -1 },
		{ "example. IXFR", -1, true, "FORMERR", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		asker.tcp = rows[i].tcp;
		refusals = 0;
		assert_string_equal(rcode_of(ask_transfer(rows[i].question, rows[i].soa)), rows[i].rcode);
		assert_null(asker.transfer);
		assert_int_equal(refusals, rows[i].why >= 0);
		if (rows[i].why < 0)
			continue;
		assert_int_equal((int)refusal.why, rows[i].why);
		assert_false(refusal.notify);
		assert_null(refusal.key);
	}
	asker.from.sin_port = htons(4243);
	assert_string_equal(rcode_of(ask_transfer("example. AXFR", -1)), "REFUSED");
	asker.from.sin_port = htons(4242);
	asker.tcp = false;
}

static void
more_than_the_limit_is_servfail(void **state)
{
	struct xfrout *first;

	(void)state;
	asker.tcp = true;
	asker.server.transfers.at_once = 1;
	assert_int_equal(ask_transfer("example. AXFR", -1), 0);
	first = asker.transfer;
	assert_string_equal(rcode_of(ask_transfer("example. AXFR", -1)), "SERVFAIL");
	assert_int_equal(refusal.why, QUERY_TOO_MANY);
	xfrout_free(first);
	assert_int_equal(ask_transfer("example. AXFR", -1), 0);
	xfrout_free(asker.transfer);
	asker.server.transfers.at_once = 0;
	asker.tcp = false;
}

/* --- IXFR --- */

static void
who_is_current_or_newer_gets_the_soa(void **state)
{
	static const struct { uint32_t serial; bool tcp; } rows[] = {
		{ 7, true }, { 8, true }, { 7, false }, { 6, false }, { 0x7fffffff, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t size;

		asker.tcp = rows[i].tcp;
		size = ask_transfer("example. IXFR noedns", rows[i].serial);
		assert_string_equal(answer_text(asker.out, size),
		    "NOERROR aa | example. SOA ns.example. admin.example. 7 3600 600 86400 60 | |");
	}
	asker.tcp = false;
}

static struct zone *
version(uint32_t serial, bool extra)
{
	char soa[100], host[100];
	const char *text[] = { soa, "steps. NS ns.example.", host, extra ? "x.steps. A 192.0.2.9" : NULL, NULL };

	snprintf(soa, sizeof(soa), "steps. SOA ns.example. admin.example. %u 3600 600 86400 60", serial);
	snprintf(host, sizeof(host), "h%u.steps. MX 1 mx.example.", serial);
	return zone_of("steps.", text);
}

static void
append(struct journal *j, struct zone *from, struct zone *to)
{
	struct delta *delta = delta_between(from, to);

	assert_int_equal(journal_append(j, delta, "test"), 0);
	delta_free(delta);
}

static char *
changes_of(int64_t soa)
{
	static struct received got;
	static char out[4000];

	fetch(&got, "steps. IXFR", soa);
	out[0] = '\0';
	for (unsigned i = 0; i < got.records; i++) {
		char *text = rr_text(got.rr[i]), *end = strstr(text, " 3600 600");

		if (end != NULL)
			*end = '\0';
		sprintf(out + strlen(out), "%s%s", i > 0 ? "; " : "", text);
		free(text);
	}
	forget(&got);
	return out;
}

#define SOA(n) "steps. SOA ns.example. admin.example. " n

static void
what_changed_comes_from_the_journal(void **state)
{
	struct zone *one = version(1, false), *two = version(2, true), *three = version(3, false), *two_again = version(2, false);
	struct journal *j = journal_open(journal_path, NULL, NULL);
	static struct query_policy policy = { .transfer = { may_from_4242, NULL } };
	struct slot *slot = serve("steps.", zone_ref(three));

	(void)state;
	slot_set_policy(slot, &policy, NULL);
	asker.server.history = history_new(journal_path);
	/* The journal does not know the zone: all of it. */
	assert_string_equal(changes_of(1), SOA("3") "; steps. NS ns.example.; h3.steps. MX 1 mx.example.; " SOA("3"));
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_base(j, one), 0);
	append(j, one, two);
	append(j, two, three);
	assert_int_equal(journal_commit(j), 0);
	assert_string_equal(changes_of(2), SOA("3") "; " SOA("2") "; h2.steps. MX 1 mx.example.; x.steps. A 192.0.2.9; "
	    SOA("3") "; h3.steps. MX 1 mx.example.; " SOA("3"));
	/* Condensed: what came and went is not told. */
	for (int i = 0; i < 2; i++)
		assert_string_equal(changes_of(1), SOA("3") "; " SOA("1") "; h1.steps. MX 1 mx.example.; "
		    SOA("3") "; h3.steps. MX 1 mx.example.; " SOA("3"));
	/* Of a serial that it never had: all. */
	assert_string_equal(changes_of(0), SOA("3") "; steps. NS ns.example.; h3.steps. MX 1 mx.example.; " SOA("3"));
	/* Larger than what is allowed: all. */
	policy.max_ixfr_ratio = 150;
	assert_string_equal(changes_of(2), SOA("3") "; steps. NS ns.example.; h3.steps. MX 1 mx.example.; " SOA("3"));
	policy.max_ixfr_ratio = 0;
	policy.whole_only = (struct query_right){ whoever, NULL };
	assert_string_equal(changes_of(2), SOA("3") "; steps. NS ns.example.; h3.steps. MX 1 mx.example.; " SOA("3"));
	policy.whole_only = (struct query_right){ NULL, NULL };
	/* Two versions had that serial: who knows which the client has. */
	assert_int_equal(journal_begin(j), 0);
	append(j, three, two_again);
	append(j, two_again, three);
	assert_int_equal(journal_commit(j), 0);
	slot_publish(slot, version(3, false));
	assert_string_equal(changes_of(2), SOA("3") "; steps. NS ns.example.; h3.steps. MX 1 mx.example.; " SOA("3"));
	history_free(asker.server.history);
	asker.server.history = NULL;
	journal_close(j);
	zone_unref(one);
	zone_unref(two);
	zone_unref(two_again);
	zone_unref(three);
}

/* What comes over UDP: the records, sorted. */
static char *
datagram_of(const char *question, uint32_t since)
{
	static uint8_t answers[2 * 65535], out[XFROUT_ROOM];
	uint8_t request[512];
	struct query_datagram d = { .from = (const struct sockaddr *)&asker.from, .request = request };
	char *text;
	int len;

	d.len = with_soa(request, request_of(question, request), 2, since);
	slot_enter();
	query_run_many(asker.scratch, &asker.server, &asker.stats, &d, 1, answers);
	slot_leave();
	if (d.transfer == NULL) {
		assert_true(d.answer_len > 0);
		return answer_text(d.answer, d.answer_len);
	}
	assert_int_equal(d.answer_len, 0);
	xfrout_prepare(d.transfer);
	len = xfrout_datagram(d.transfer, &names, out);
	xfrout_free(d.transfer);
	text = answer_text(out, (size_t)len);
	assert_true(len > 0 && len <= 1232);
	return text;
}

static void
a_small_change_fits_into_a_datagram(void **state)
{
	struct journal *j = journal_open(journal_path, NULL, NULL);
	struct zone *one = version(1, true), *two = version(2, true), *three;
	const char *text[200] = { "steps. SOA ns.example. admin.example. 3 3600 600 86400 60", "steps. NS ns.example." };
	static char host[190][40];
	struct slot *slot = slot_exact((const uint8_t *)"\5steps");
	char *got;

	(void)state;
	for (size_t i = 0; i < COUNT(host); i++) {
		snprintf(host[i], sizeof(host[i]), "host%zu.steps. A 192.0.2.1", i);
		text[2 + i] = host[i];
	}
	three = zone_of("steps.", text);
	assert_int_equal(journal_begin(j), 0);
	assert_int_equal(journal_base(j, one), 0);
	append(j, one, two);
	append(j, two, three);
	assert_int_equal(journal_commit(j), 0);
	asker.server.history = history_new(journal_path);
	slot_publish(slot, two);
	got = datagram_of("steps. IXFR", 1);
	assert_non_null(strstr(got, "h1.steps. MX"));
	assert_non_null(strstr(got, "h2.steps. MX"));
	assert_null(strstr(got, " tc"));
	/* One that the journal does not have, and one that needs more room. */
	assert_string_equal(datagram_of("steps. IXFR noedns", 0),
	    "NOERROR aa | steps. SOA ns.example. admin.example. 2 3600 600 86400 60 | |");
	slot_publish(slot, three);
	assert_string_equal(datagram_of("steps. IXFR noedns", 1),
	    "NOERROR aa | steps. SOA ns.example. admin.example. 3 3600 600 86400 60 | |");
	assert_string_equal(datagram_of("steps. IXFR noedns", 3),
	    "NOERROR aa | steps. SOA ns.example. admin.example. 3 3600 600 86400 60 | |");
	history_free(asker.server.history);
	asker.server.history = NULL;
	journal_close(j);
	zone_unref(one);
}

/* --- TSIG --- */

static void
signed_transfers_verify(void **state)
{
	static struct received got;
	uint8_t request[512];
	size_t len = request_of("signed. AXFR", request);
	struct tsig tsig;

	(void)state;
	tsig_begin(&tsig, tsig_find(keys, KEY));
	len = tsig_sign(&tsig, request, len, (uint64_t)time(NULL));
	asker.tcp = true;
	assert_int_equal(run(&asker, request, len), 0);
	asker.tcp = false;
	receive(&got, asker.transfer, &tsig);
	assert_true(tsig_complete(&tsig));
	is_the_zone(&got, "signed.");
	forget(&got);
	tsig_end(&tsig);

	/* Many messages, each chained to the one before. */
	len = request_of("large. AXFR", request);
	tsig_begin(&tsig, tsig_find(keys, KEY));
	len = tsig_sign(&tsig, request, len, (uint64_t)time(NULL));
	asker.tcp = true;
	assert_int_equal(run(&asker, request, len), 0);
	asker.tcp = false;
	receive(&got, asker.transfer, &tsig);
	is_the_zone(&got, "large.");
	assert_true(got.messages > 10);
	forget(&got);
	tsig_end(&tsig);
}

/* Signs as told, and says what came back: "RCODE RESULT". */
static char *
ask_signed(const char *question, unsigned opcode, const struct tsig_keys *by, const uint8_t *key, int off, int spoil,
    bool udp)
{
	static char out[100];
	uint8_t request[512];
	size_t len = request_of(question, request), size;
	struct tsig tsig;
	enum tsig_result result;
	uint64_t now = (uint64_t)time(NULL);

	request[2] = (uint8_t)(opcode << 3);
	tsig_begin(&tsig, tsig_find(by, key));
	len = tsig_sign(&tsig, request, len, now + (uint64_t)(int64_t)off);
	if (spoil > 0)
		request[spoil] ^= 0x20;
	asker.tcp = !udp;
	size = run(&asker, request, len);
	asker.tcp = false;
	assert_true(size > 0);
	result = tsig_reply(&tsig, asker.out, &size, now + (uint64_t)(int64_t)off);
	snprintf(out, sizeof(out), "%s %s%s%s", rcode_of(size), tsig_result_text(result),
	    result == TSIG_REFUSED ? " " : "", result == TSIG_REFUSED ? tsig_result_text(tsig.error) : "");
	tsig_end(&tsig);
	return out;
}

static void
signatures_are_looked_at_first(void **state)
{
	struct tsig_keys *others = tsig_keys_new();
	const uint8_t *other = (const uint8_t *)"\5other\7example";
	static const struct {
		const char *question;
		unsigned opcode;
		bool good, known;
		int off, spoil;
		const char *reply;
	} rows[] = {
		{ "signed. SOA", 0, true, true, 0, 0, "NOERROR fine" },
		{ "nothing.example. A", 0, true, true, 0, 0, "NXDOMAIN fine" },
		{ "other.test. A", 0, true, true, 0, 0, "REFUSED fine" },
		{ "signed. SOA", 0, true, true, 299, 0, "NOERROR fine" },
		{ "signed. SOA", 0, true, true, 302, 0, "NOTAUTH refused BADTIME" },
		{ "signed. SOA", 0, true, true, -302, 0, "NOTAUTH refused BADTIME" },
		{ "signed. SOA", 0, true, true, 0, 13, "NOTAUTH refused BADSIG" },
		{ "signed. SOA", 0, false, true, 0, 0, "NOTAUTH refused BADSIG" },
		{ "signed. SOA", 0, true, false, 0, 0, "NOTAUTH refused BADKEY" },
		{ "other.test. A", 0, true, false, 0, 0, "NOTAUTH refused BADKEY" },
		/* Also of opcodes that we know, and that we do not. */
		{ "signed. SOA", 4, true, true, 0, 0, "NOERROR fine" },
		{ "signed. SOA", 4, true, false, 0, 0, "NOTAUTH refused BADKEY" },
		{ "signed. SOA", 5, true, true, 0, 0, "NOTIMP fine" },
		{ "signed. SOA", 5, false, true, 0, 0, "NOTAUTH refused BADSIG" },
		{ "signed. SOA", 9, true, true, 0, 0, "NOTIMP fine" },
		{ "signed. AXFR", 0, false, true, 0, 0, "NOTAUTH refused BADSIG" },
		{ "closed. AXFR", 0, true, true, 0, 0, "REFUSED fine" },
	};

	(void)state;
	assert_null(tsig_keys_add(others, other, "hmac-sha256", SECRET));
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int udp = 0; udp < 2; udp++) {
			const char *got = rows[i].known ? ask_signed(rows[i].question, rows[i].opcode,
			    rows[i].good ? keys : strange_keys, KEY, rows[i].off, rows[i].spoil, udp) :
			    ask_signed(rows[i].question, rows[i].opcode, others, other, rows[i].off, rows[i].spoil, udp);

			if (strcmp(got, rows[i].reply) != 0)
				fail_msg("row %zu: %s, not %s", i, got, rows[i].reply);
		}
	tsig_keys_free(others);
	/* A signature that is too short for the key, which would be good enough if it said so. */
	others = tsig_keys_new();
	assert_null(tsig_keys_add(others, KEY, "hmac-sha256-128", SECRET));
	refusals = 0;
	assert_string_equal(ask_signed("signed. SOA", 0, others, KEY, 0, 0, true), "NOTAUTH refused BADTRUNC");
	assert_int_equal(refusals, 0);		/* a question, no transfer */
	assert_string_equal(ask_signed("signed. AXFR", 0, others, KEY, 0, 0, true), "NOTAUTH refused BADTRUNC");
	assert_int_equal(refusal.why, QUERY_SIGNATURE);
	assert_string_equal(refusal.bad, "BADTRUNC");
	assert_memory_equal(refusal.key, KEY, 13);
	tsig_keys_free(others);
	/* And without one. */
	assert_string_equal(rcode_of(ask_transfer("signed. SOA", -1)), "REFUSED");
}

static void
signed_answers_keep_to_the_size(void **state)
{
	uint8_t request[512];
	size_t len, size;
	struct tsig tsig;

	(void)state;
	for (unsigned limit = 512; limit < 1300; limit += 50) {
		char question[100];

		snprintf(question, sizeof(question), "set.large. TXT size=%u", limit);
		len = request_of(question, request);
		tsig_begin(&tsig, tsig_find(keys, KEY));
		len = tsig_sign(&tsig, request, len, (uint64_t)time(NULL));
		size = run(&asker, request, len);
		assert_true(size > 0 && size <= limit);
		assert_true(asker.out[2] & 2);
		assert_int_equal(tsig_reply(&tsig, asker.out, &size, (uint64_t)time(NULL)), TSIG_OK);
		tsig_end(&tsig);
	}
	/* Names that leave no room for an answer. */
	len = request_of("a.large. TXT noedns", request);
	request[11] = 1;
	memcpy(request + len, "\0\0\xfa\0\xff\0\0\0\0\0\0", 11);
	size = run(&asker, request, len + 11);
	assert_string_equal(rcode_of(size), "FORMERR");
}

/* --- NOTIFY --- */

static const char *
notify(const char *question, int64_t soa)
{
	uint8_t request[512];
	size_t len = request_of(question, request);

	request[2] = 4 << 3 | 4;
	if (soa >= 0)
		len = with_soa(request, len, 1, (uint32_t)soa);
	notified_slot = NULL;
	len = run(&asker, request, len);
	assert_int_equal(asker.out[2] & 0xf8, 0xa0);
	return rcode_of(len);
}

static void
notify_reaches_the_slot(void **state)
{
	(void)state;
	assert_string_equal(notify("Example. SOA", -1), "NOERROR");
	assert_ptr_equal(notified_slot, slot_exact((const uint8_t *)"\7example"));
	assert_int_equal(notified_serial, -1);
	assert_string_equal(notify("example. SOA", 4000000000), "NOERROR");
	assert_int_equal(notified_serial, 4000000000);
	assert_string_equal(notify("empty. SOA noedns", 3), "NOERROR");
	assert_ptr_equal(notified_slot, slot_exact((const uint8_t *)"\5empty"));
}

static void
notify_of_others_is_refused(void **state)
{
	(void)state;
	assert_string_equal(notify("closed. SOA", 1), "REFUSED");
	assert_true(refusal.notify && refusal.why == QUERY_MASTER);
	assert_string_equal(notify("signed. SOA", 1), "REFUSED");
	assert_true(refusal.notify && refusal.why == QUERY_FORBIDDEN);
	assert_string_equal(notify("www.example. SOA", 1), "NOTAUTH");
	assert_true(refusal.notify && refusal.why == QUERY_NO_ZONE);
	assert_string_equal(notify("other. SOA", 1), "NOTAUTH");
	assert_string_equal(notify("example. A", 1), "NOTIMP");
	assert_null(notified_slot);
	asker.from.sin_port = htons(4243);
	assert_string_equal(notify("example. SOA", 1), "REFUSED");
	asker.from.sin_port = htons(4242);
	assert_null(notified_slot);
	asker.server.notified_unknown = on_notified_unknown;
	assert_string_equal(notify("new. SOA", 1), "NOERROR");
	assert_string_equal(notify("other. SOA", 1), "NOTAUTH");
	asker.server.notified_unknown = NULL;
}

/* --- EXPIRE --- */

/* Seconds in the option of the answer, or -1. */
static int64_t
expire_of(const char *question, bool ask_it)
{
	uint8_t request[512];
	size_t len = request_of(question, request), size;

	if (ask_it) {
		request[len - 1] = 4;
		memcpy(request + len, "\0\11\0\0", 4);
		len += 4;
	}
	size = run(&asker, request, len);
	if (size < 8 || memcmp(asker.out + size - 8, "\0\11\0\4", 4) != 0)
		return -1;
	return (int64_t)asker.out[size - 4] << 24 | asker.out[size - 3] << 16 | asker.out[size - 2] << 8 |
	    asker.out[size - 1];
}

static void
expiry_is_told_to_who_asks(void **state)
{
	struct slot *slot = slot_exact((const uint8_t *)"\7example");
	int64_t left;

	(void)state;
	assert_int_equal(expire_of("example. SOA", true), 86400);
	assert_int_equal(expire_of("example. SOA", false), -1);
	assert_int_equal(expire_of("example. NS", true), -1);
	assert_int_equal(expire_of("x.cut.example. SOA", true), -1);
	slot_set_expires(slot, (uint64_t)steady_now() + 1000);
	left = expire_of("example. SOA", true);
	assert_in_range(left, 998, 1000);
	slot_set_expires(slot, 1);
	assert_int_equal(expire_of("example. SOA", true), 0);
	slot_set_expires(slot, 0);
}

static int
end(void **state)
{
	(void)state;
	unlink(journal_path);
	tsig_keys_free(keys);
	tsig_keys_free(strange_keys);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_zone_arrives),
		cmocka_unit_test(messages_keep_to_the_size),
		cmocka_unit_test(who_wants_one_record_a_message_gets_that),
		cmocka_unit_test(a_transfer_keeps_its_version),
		cmocka_unit_test(who_may_not_fetch_is_told_why),
		cmocka_unit_test(more_than_the_limit_is_servfail),
		cmocka_unit_test(who_is_current_or_newer_gets_the_soa),
		cmocka_unit_test(what_changed_comes_from_the_journal),
		cmocka_unit_test(a_small_change_fits_into_a_datagram),
		cmocka_unit_test(signed_transfers_verify),
		cmocka_unit_test(signatures_are_looked_at_first),
		cmocka_unit_test(signed_answers_keep_to_the_size),
		cmocka_unit_test(notify_reaches_the_slot),
		cmocka_unit_test(notify_of_others_is_refused),
		cmocka_unit_test(expiry_is_told_to_who_asks),
	};

	slot_thread_begin();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, begin, end);
}
