/* A message: every record of it is read, and it is answered, over UDP and TCP, from a zone with something of each, that
 * may be transferred and notified by everybody. */
#include <arpa/inet.h>

#include "daemon/serve/query.h"
#include "daemon/transfer/tsig.h"
#include "daemon/transfer/xfrout.h"
#include "sync/slot.h"
#include "tests/fuzz/fuzz.h"
#include "zonefile/master.h"
#include "zonefile/message.h"

static const char text[] =
    "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\n MX 10 ns\n TXT a b\n NSEC a A NS SOA MX TXT RRSIG NSEC\n"
    " RRSIG SOA 13 1 300 20300101000000 20200101000000 1 example. AAAA\n"
    "ns A 192.0.2.1\n AAAA 2001:db8::1\na CNAME b\nb CNAME c.b\nc.b CNAME a\n*.w TXT w\n"
    "cut NS ns.cut\n DS 1 13 1 0123456789abcdef0123456789abcdef01234567\nns.cut A 192.0.2.2\nd DNAME w\ndeep.er.e A 192.0.2.3\n";

static struct query_scratch *scratch;
static struct tsig_keys *keys;
static void
on_notified(void *ctx, struct slot *slot, const struct sockaddr *from, const struct tsig_key *key,
    const uint32_t *serial)
{
	(void)ctx;
	(void)from;
	(void)key;
	MUST(slot != NULL && (serial == NULL || *serial == *serial));
}

static bool
everybody(const void *list, const struct sockaddr *client, const uint8_t *key)
{
	(void)list;
	(void)client;
	(void)key;
	return true;
}

static struct query_server server = { .edns_udp_size = 1232, .version = "v", .server_id = "id",
    .hostname = "host", .notified = on_notified };
static const struct query_policy policy = {
	.transfer = { everybody, NULL }, .notify = { everybody, NULL },
};

static void
start(void)
{
	static const uint8_t origin[] = "\7example", other[] = "\5other";
	struct sink sink = { .fn = report_to_file, .ctx = stderr };
	struct fuzz_file file;
	struct slot *slot;
	struct zone *zone;

	fuzz_file(&file);
	fuzz_fill(&file, text, sizeof(text) - 1);
	MUST((zone = master_load(file.path, origin, NULL, &sink, NULL)) != NULL);
	slot_thread_begin();
	slot = slot_add(origin);
	slot_add(other);
	slot_apply();
	slot_publish(slot, zone);
	slot_set_policy(slot, &policy, NULL);
	keys = tsig_keys_new();
	MUST(tsig_keys_add(keys, (const uint8_t *)"\3key", "hmac-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==") == NULL);
	server.keys = keys;
	scratch = query_scratch_new();
}

static void
read_all(const uint8_t *octets, size_t size)
{
	struct reader reader = { octets, size, 0 };
	struct reader_record record;
	struct question question;
	uint8_t name[DNAME_MAX];

	if (size < MESSAGE_HEADER)
		return;
	if (!reader_question(&reader, &question))
		reader.at = MESSAGE_HEADER;
	while (reader_record(&reader, &record)) {
		size_t n = reader_name(&reader, record.owner, name);

		MUST(n == 0 || name_valid(name, sizeof(name)) > 0);
		MUST(record.rdata + record.len <= octets + size);
	}
}

static void
transfer_all(struct xfrout *transfer)
{
	static struct message_many_names names;
	static uint8_t out[XFROUT_ROOM];
	int len;

	while ((len = xfrout_next(transfer, &names, out)) > 0)
		MUST(len >= MESSAGE_HEADER && len <= MESSAGE_MAX);
	MUST(len == 0);
	xfrout_free(transfer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	static uint8_t out[QUERY_OUT_TCP];
	static struct query_stats stats;
	/* From port 0 nobody asks. */
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(5300) };

	if (scratch == NULL)
		start();
	if (size > MESSAGE_MAX)
		return 0;
	read_all(octets, size);
	for (int tcp = 0; tcp < 2; tcp++) {
		struct xfrout *transfer = NULL;
		uint64_t dropped = stats.dropped;
		size_t n;

		slot_enter();
		n = query_run(scratch, &server, &stats, (struct sockaddr *)&from, 53,
		    tcp ? &transfer : NULL, octets, size, out);
		slot_leave();
		if (transfer != NULL)
			transfer_all(transfer);
		MUST(n >= MESSAGE_HEADER || (n == 0 && (stats.dropped > dropped || transfer != NULL)));
		MUST(n <= (tcp ? MESSAGE_MAX : 1232));
		MUST(n == 0 || (out[0] == octets[0] && out[1] == octets[1] && (out[2] & 0x80) != 0));
	}
	return 0;
}
