/* A master's messages, each behind its length: whole, or as differences from a zone; and their signatures. */
#include "daemon/transfer/inbound.h"
#include "daemon/transfer/request.h"
#include "daemon/transfer/tsig.h"
#include "tests/fuzz/fuzz.h"
#include "zonefile/master.h"

static const char text[] =
    "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\n MX 10 ns\nns A 192.0.2.1\na CNAME b\ncut NS ns.cut\nd DNAME w\n"
    "@ NSEC a NS SOA\na NSEC cut CNAME\ncut NSEC d NS\nd NSEC ns DNAME\nns NSEC @ A\n"
    "@ NSEC3PARAM 1 0 0 -\n00000000000000000000000000000000 NSEC3 1 0 0 - 00000000000000000000000000000001 A\n"
    "00000000000000000000000000000001 NSEC3 1 0 0 - 00000000000000000000000000000000 A\n"
    "@ RRSIG SOA 13 1 300 20361231000000 20200101000000 1 example. AQID\n";
static const uint8_t origin[] = "\7example";

static struct zone *have;
static struct tsig_keys *keys;

static void
start(void)
{
	struct sink sink = { .fn = report_to_file, .ctx = stderr };
	struct fuzz_file file;

	fuzz_file(&file);
	fuzz_fill(&file, text, sizeof(text) - 1);
	MUST((have = master_load(file.path, origin, NULL, &sink, NULL)) != NULL);
	keys = tsig_keys_new();
	MUST(tsig_keys_add(keys, (const uint8_t *)"\1k", "hmac-sha256", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=") == NULL);
}

static void
read_signature(const uint8_t *message, size_t len)
{
	uint8_t request[REQUEST_ROOM];
	struct request asked = { .type = T_AXFR, .origin = origin };
	struct tsig client, server;
	size_t at, left = len;

	tsig_begin(&client, tsig_find(keys, (const uint8_t *)"\1k"));
	tsig_sign(&client, request, request_write(&asked, request), 1700000000);
	MUST(tsig_reply(&client, message, &left, 1700000000) != TSIG_OK && left <= len);
	tsig_end(&client);
	if (tsig_locate(message, len, &at) && at > 0) {
		tsig_request(&server, keys, message, len, at, 1700000000);
		tsig_end(&server);
	}
}

static void
read_stream(const uint8_t *octets, size_t size, bool differences)
{
	/* The question had the id of the first answer, or nothing would be read. */
	struct inbound_conf conf = { .origin = origin, .have = differences ? have : NULL, .max_records = 1000,
	    .checks = checks_default, .id = size >= 4 ? get16(octets + 2) : 0 };
	struct inbound *in = inbound_new(&conf);
	enum inbound_state state = INBOUND_MORE;
	struct zone *zone;

	while (state == INBOUND_MORE && size >= 2 && get16(octets) <= size - 2) {
		size_t len = get16(octets);

		read_signature(octets + 2, len);
		state = inbound_message(in, octets + 2, len);
		octets += 2 + len;
		size -= 2 + len;
	}
	MUST(state <= INBOUND_WHOLE || inbound_why(in)[0] != '\0');
	if (state == INBOUND_WHOLE && (zone = inbound_finish(in, &state)) != NULL) {
		MUST(zone_serial(zone) == inbound_serial(in));
		MUST(zone_records(zone) <= 1000 || differences);
		zone_unref(zone);
	} else if (state > INBOUND_WHOLE) {
		MUST(inbound_why(in)[0] != '\0');
	}
	inbound_free(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	if (have == NULL)
		start();
	read_stream(octets, size, false);
	read_stream(octets, size, true);
	return 0;
}
