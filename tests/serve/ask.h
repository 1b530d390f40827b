/* ask.h - for tests: zones from text, questions, and answers as one line of text; ldns is the independent reader. */
#ifndef TESTS_SERVE_ASK_H
#define TESTS_SERVE_ASK_H

#include <ldns/ldns.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/serve/query.h"
#include "sync/slot.h"
#include "zonefile/builder.h"
#include "zonefile/name.h"

/* --- zones --- */

static inline void
add_record(struct builder *b, ldns_rr *rr)
{
	uint8_t *wire;
	size_t size, owner;
	struct rr r;

	assert_int_equal(ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &size), LDNS_STATUS_OK);
	owner = name_len(wire);
	r.owner = wire;
	r.type = ldns_rr_get_type(rr);
	r.ttl = ldns_rr_ttl(rr);
	r.len = (uint16_t)(size - owner - 10);
	r.rdata = wire + owner + 10;
	builder_add(b, &r, NULL);
	free(wire);
}

/* "OWNER [TTL] TYPE RDATA"; TTL 300. */
static inline void
add_text(struct builder *b, const char *line)
{
	ldns_rr *rr;

	if (ldns_rr_new_frm_str(&rr, line, 300, NULL, NULL) != LDNS_STATUS_OK)
		fail_msg("%s", line);
	add_record(b, rr);
	ldns_rr_free(rr);
}

static inline struct zone *
zone_of(const char *origin, const char *const *lines)
{
	struct sink sink = { report_to_file, stderr, 0, 0 };
	uint8_t name[DNAME_MAX];
	struct builder *b;
	struct zone *zone;

	assert_true(name_parse(name, origin, strlen(origin), NULL) > 0);
	b = builder_new(name, &sink);
	for (; *lines != NULL; lines++)
		add_text(b, *lines);
	zone = builder_finish(b);
	assert_non_null(zone);
	return zone;
}

static inline struct slot *
serve(const char *origin, struct zone *zone)
{
	uint8_t name[DNAME_MAX];
	struct slot *slot;

	assert_true(name_parse(name, origin, strlen(origin), NULL) > 0);
	slot = slot_add(name);
	slot_apply();
	if (zone != NULL)
		slot_publish(slot, zone);
	return slot;
}

/* --- questions --- */

struct asker {
	struct query_scratch *scratch;
	struct query_server server;
	struct query_stats stats;
	struct sockaddr_in from;
	bool tcp;
	struct xfrout *transfer;	/* over TCP, of the last request */
	uint8_t out[QUERY_OUT_TCP];
};

static inline void
asker_init(struct asker *a)
{
	memset(a, 0, sizeof(*a));
	a->scratch = query_scratch_new();
	a->server = (struct query_server){ .edns_udp_size = 1232, .version = "tandem",
	    .server_id = "ns1", .minimal_responses = true };
	a->from.sin_family = AF_INET;
	a->from.sin_port = htons(4242);
}

static inline size_t
run(struct asker *a, const uint8_t *request, size_t len)
{
	/* A copy of the exact length, so that reading past its end shows. */
	uint8_t *exact = malloc(len > 0 ? len : 1);
	size_t size;

	memcpy(exact, request, len);
	a->transfer = NULL;
	slot_enter();
	size = query_run(a->scratch, &a->server, &a->stats,
	    (const struct sockaddr *)&a->from, 53, a->tcp ? &a->transfer : NULL, exact, len, a->out);
	slot_leave();
	free(exact);
	return size;
}

/* The wire form of "NAME TYPE [do] [size=N] [noedns]". */
static inline size_t
request_of(const char *question, uint8_t *out)
{
	char name[300], type[20], *at;
	size_t len;
	uint16_t size = 1232, code = 0;
	bool dnssec = strstr(question, " do") != NULL;
	int n;

	assert_int_equal(sscanf(question, "%299s %19s", name, type), 2);
	if ((at = strstr(question, "size=")) != NULL)
		size = (uint16_t)atoi(at + 5);
	assert_true(rrtype_parse(type, strlen(type), &code));
	memset(out, 0, 12);
	out[0] = 0x12;
	out[1] = 0x34;
	out[5] = 1;
	n = name_parse(out + 12, name, strlen(name), NULL);
	assert_true(n > 0);
	len = 12 + (size_t)n;
	out[len++] = (uint8_t)(code >> 8);
	out[len++] = (uint8_t)code;
	out[len++] = 0;
	out[len++] = 1;
	if (strstr(question, "noedns") == NULL) {
		const uint8_t opt[] = { 0, 0, 41, (uint8_t)(size >> 8), (uint8_t)size, 0, 0,
		    dnssec ? 0x80 : 0, 0, 0, 0 };

		memcpy(out + len, opt, sizeof(opt));
		len += sizeof(opt);
		out[11] = 1;
	}
	return len;
}

/* --- answers --- */

static inline int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "OWNER TYPE RDATA", of RRSIG only what it covers. */
static inline char *
rr_text(const ldns_rr *rr)
{
	char *text = ldns_rr2str(rr), *out = malloc(strlen(text) + 1), *rdata = text, *save;

	for (int i = 0; i < 4; i++)
		rdata = rdata == NULL ? NULL : strchr(rdata + (i > 0), '\t');
	if (rdata != NULL) {
		rdata[strcspn(rdata, "\n;")] = '\0';
		for (size_t n = strlen(rdata); n > 0 && rdata[n - 1] == ' ';)
			rdata[--n] = '\0';
	}
	sprintf(out, "%s ", strtok_r(text, "\t", &save));
	strtok_r(NULL, "\t", &save);
	strtok_r(NULL, "\t", &save);
	strcat(out, strtok_r(NULL, "\t", &save));
	if (rdata != NULL && ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG) {
		strcat(out, " ");
		strncat(out, rdata + 1, strcspn(rdata + 1, " "));
	} else if (rdata != NULL) {
		strcat(out, " ");
		strcat(out, rdata + 1);
	}
	free(text);
	return out;
}

static inline void
put_section(char *out, const ldns_rr_list *list)
{
	size_t n = ldns_rr_list_rr_count(list);
	char **lines = calloc(n + 1, sizeof(*lines));

	for (size_t i = 0; i < n; i++)
		lines[i] = rr_text(ldns_rr_list_rr(list, i));
	qsort(lines, n, sizeof(*lines), by_text);
	strcat(out, " |");
	for (size_t i = 0; i < n; i++) {
		strcat(out, i > 0 ? "; " : " ");
		strcat(out, lines[i]);
		free(lines[i]);
	}
	free(lines);
}

/* "RCODE [aa] [tc] | answer | authority | additional", each sorted, records with "; " between them. */
static inline char *
answer_text(const uint8_t *wire, size_t len)
{
	static char out[200000];
	ldns_pkt *pkt;
	char *rcode;

	assert_int_equal(ldns_wire2pkt(&pkt, wire, len), LDNS_STATUS_OK);
	rcode = ldns_pkt_rcode2str(ldns_pkt_get_rcode(pkt));
	sprintf(out, "%s%s%s", rcode, ldns_pkt_aa(pkt) ? " aa" : "", ldns_pkt_tc(pkt) ? " tc" : "");
	put_section(out, ldns_pkt_answer(pkt));
	put_section(out, ldns_pkt_authority(pkt));
	put_section(out, ldns_pkt_additional(pkt));
	free(rcode);
	ldns_pkt_free(pkt);
	return out;
}

static inline char *
ask(struct asker *a, const char *question)
{
	uint8_t request[512];
	size_t len = request_of(question, request);
	size_t size = run(a, request, len);

	assert_true(size >= len - (request[11] ? 11 : 0));
	assert_memory_equal(a->out, request, 2);
	assert_true(a->out[2] & 0x80);
	return answer_text(a->out, size);
}

/* Rows of questions and answers; all that are wrong are told. */
struct asked {
	const char *question, *answer;
};

static inline void
check_all(struct asker *a, const struct asked *rows, size_t count)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < count; i++) {
		const char *got = ask(a, rows[i].question);

		if (strcmp(got, rows[i].answer) != 0) {
			print_error("%s\n  is   %s\n  want %s\n", rows[i].question, got, rows[i].answer);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}
#endif
