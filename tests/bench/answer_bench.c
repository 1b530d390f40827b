/* answer_bench.c - nanoseconds per answer, without sockets.
 *
 * usage: answer_bench ORIGIN FILE QUERIES [SECONDS [udp|tcp [do]]]
 * QUERIES: lines NAME TYPE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/serve/query.h"
#include "sync/slot.h"
#include "zonefile/arena.h"
#include "zonefile/master.h"
#include "zonefile/message.h"

struct request {
	uint8_t *wire;
	size_t len;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct request
request_of(const char *name, const char *type, bool dnssec)
{
	uint8_t wire[400] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 };
	const uint8_t opt[] = { 0, 0, T_OPT, 4, 0xd0, 0, 0, dnssec ? 0x80 : 0, 0, 0, 0 };
	uint16_t code;
	int n = name_parse(wire + MESSAGE_HEADER, name, strlen(name), (const uint8_t *)"");
	struct request r;

	if (n < 0 || !rrtype_parse(type, strlen(type), &code)) {
		fprintf(stderr, "%s %s: no question\n", name, type);
		exit(1);
	}
	r.len = MESSAGE_HEADER + (size_t)n;
	put16(wire + r.len, code);
	put16(wire + r.len + 2, CLASS_IN);
	memcpy(wire + r.len + 4, opt, sizeof(opt));
	r.len += 4 + sizeof(opt);
	r.wire = xmalloc(r.len);
	memcpy(r.wire, wire, r.len);
	return r;
}

#define BATCH 64u

static size_t
run_batch(struct query_scratch *scratch, const struct query_server *server, struct query_stats *stats,
    const struct sockaddr *from, const struct request *requests, unsigned n, uint8_t *out)
{
	static struct query_datagram datagrams[BATCH];
	size_t octets = 0;

	for (unsigned i = 0; i < n; i++)
		datagrams[i] = (struct query_datagram){ .from = from, .request = requests[i].wire,
		    .len = requests[i].len };
	query_run_many(scratch, server, stats, datagrams, n, out);
	for (unsigned i = 0; i < n; i++)
		octets += datagrams[i].answer_len;
	return octets;
}

int
main(int argc, char **argv)
{
	struct sink sink = { report_to_file, stderr, 0, 0 };
	struct xfrout *transfer = NULL;
	struct query_server server = { .edns_udp_size = 1232, .minimal_responses = true };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = 1 };
	struct query_stats stats = { 0 };
	struct query_scratch *scratch = query_scratch_new();
	double seconds = argc > 4 ? atof(argv[4]) : 2;
	bool tcp = argc > 5 && strcmp(argv[5], "tcp") == 0;
	bool dnssec = argc > 6 && strcmp(argv[6], "do") == 0;
	uint8_t origin[DNAME_MAX], *out = xmalloc(BATCH * 65600 + QUERY_OUT_TCP);
	struct request *requests = NULL;
	unsigned n;
	size_t count = 0, octets = 0, done = 0;
	char name[1025], type[32];
	struct slot *slot;
	struct zone *zone;
	double start, end;
	FILE *file;

	if (argc < 4 || name_parse(origin, argv[1], strlen(argv[1]), (const uint8_t *)"") < 0 ||
	    (file = fopen(argv[3], "r")) == NULL) {
		fprintf(stderr, "usage: answer_bench ORIGIN FILE QUERIES [SECONDS [udp|tcp [do]]]\n");
		return 2;
	}
	start = now();
	if ((zone = master_load(argv[2], origin, NULL, &sink, NULL)) == NULL)
		return 1;
	printf("load: %.3f s, %zu records, %zu octets\n", now() - start,
	    zone_records(zone), zone_memory(zone));
	while (fscanf(file, "%1024s %31s", name, type) == 2) {
		if ((count & (count - 1)) == 0)
			requests = xrealloc(requests, (2 * count + 1) * sizeof(*requests));
		requests[count++] = request_of(name, type, dnssec);
	}
	fclose(file);
	slot_thread_begin();
	slot = slot_add(origin);
	slot_apply();
	slot_publish(slot, zone);
	start = now();
	do {
		for (size_t i = 0; i < count; i += n) {
			n = count - i < BATCH ? (unsigned)(count - i) : BATCH;
			slot_enter();
			if (tcp)
				octets += query_run(scratch, &server, &stats, (struct sockaddr *)&from, 53, &transfer,
				    requests[i].wire, requests[i].len, out);
			else
				octets += run_batch(scratch, &server, &stats, (struct sockaddr *)&from,
				    requests + i, n, out);
			if (tcp)
				n = 1;
			slot_leave();
		}
		done += count;
		end = now();
	} while (end - start < seconds);
	printf("%.1f ns an answer, %zu octets; answers %lu nxdomain %lu nodata %lu referrals %lu truncated %lu other %lu\n",
	    (end - start) / (double)done * 1e9, octets / done, (unsigned long)stats.answers,
	    (unsigned long)stats.nxdomain, (unsigned long)stats.nodata, (unsigned long)stats.referrals,
	    (unsigned long)stats.truncated,
	    (unsigned long)(stats.refused + stats.servfail + stats.formerr));
	slot_thread_end();
	return 0;
}
