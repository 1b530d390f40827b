#include "daemon/serve/query.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/serve/answer.h"
#include "daemon/serve/query_impl.h"
#include "zonefile/arena.h"

#define CHAOS_MAX 255		/* of a <character-string> */

/* Requests under way at once, so that the memory that one waits for comes while others are read. */
#define AHEAD 8			/* a power of two */
#define STEP 2			/* requests between the steps of zone_ahead() */

struct query_scratch {
	struct message_names names;
	struct answer_scratch answer;
	struct query query[AHEAD];
};

struct query_scratch *
query_scratch_new(void)
{
	return xcalloc(1, sizeof(struct query_scratch));
}

void
query_scratch_free(struct query_scratch *scratch)
{
	free(scratch);
}

/* --- class CH --- */

static void
run_chaos(struct query *q)
{
	const struct query_server *server = q->server;
	const struct {
		const char *name;
		const char *text;
	} known[] = {
		{ "\7version\4bind", server->version },
		{ "\7version\6server", server->version },
		{ "\2id\6server", server->server_id },
		{ "\10hostname\4bind", server->hostname },
	};
	struct owner owner = { q->question.wire, MESSAGE_HEADER };
	uint8_t rdata[1 + CHAOS_MAX];

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t len;

		if (strcmp((const char *)q->question.name, known[i].name) != 0 ||
		    known[i].text == NULL ||
		    (q->question.type != T_TXT && q->question.type != T_ANY))
			continue;
		len = strnlen(known[i].text, CHAOS_MAX);
		rdata[0] = (uint8_t)len;
		memcpy(rdata + 1, known[i].text, len);
		q->message.flags |= MESSAGE_AA;
		message_record(&q->message, &owner, T_TXT, CLASS_CH, 0, rdata,
		    (uint16_t)(len + 1));
		query_count(&q->stats->answers);
		return;
	}
	query_fail(q, RCODE_REFUSED);
}

/* --- class IN --- */

/* Types that are questions only, 128 to 255 (RFC 6895 3.1), and what they get. */
static unsigned
meta_rcode(uint16_t type)
{
	static const struct {
		uint16_t type;
		uint8_t rcode;
	} known[] = {
		{ T_TKEY, RCODE_NOTIMP },
		{ 253 /* MAILB */, RCODE_NOTIMP },
		{ 254 /* MAILA */, RCODE_NOTIMP },
		{ T_ANY, RCODE_NOERROR },
	};

	if (type == T_OPT)
		return RCODE_FORMERR;
	if (type < 128 || type > 255)
		return RCODE_NOERROR;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].type == type)
			return known[i].rcode;
	return RCODE_FORMERR;
}

/* DS is asked above a cut; only who does not serve the parent answers from the child (RFC 4035 3.1.4.1). */
static struct slot *
slot_for(const struct question *question)
{
	struct slot *slot = NULL;

	if (question->type == T_DS)
		slot = slot_find(question->name, true);
	return slot != NULL ? slot : slot_find(question->name, false);
}

static void
run_internet(struct query *q)
{
	struct query_stats *stats = q->stats;
	const struct query_policy *policy;
	unsigned rcode = meta_rcode(q->question.type);

	if (q->question.type == T_AXFR || q->question.type == T_IXFR) {
		query_transfer(q);
		return;
	}
	if (rcode != RCODE_NOERROR) {
		query_fail(q, rcode);
		return;
	}
	if (q->slot == NULL) {
		query_fail(q, RCODE_REFUSED);
		return;
	}
	policy = slot_policy(q->slot);
	if (policy != NULL && !query_allowed(q, &policy->ask, true)) {
		q->edns.error = EDE_PROHIBITED;
		query_fail(q, RCODE_REFUSED);
		return;
	}
	if (q->zone == NULL) {
		q->edns.error = EDE_NOT_READY;
		query_fail(q, RCODE_SERVFAIL);
		return;
	}
	if (q->question.type == T_SOA)
		query_tell_expiry(q);
	switch (answer(&q->scratch->answer, q->zone, &q->question,
	    (struct answer_style){ .dnssec = q->edns.dnssec,
	    .minimal = q->server->minimal_responses, .any_whole = q->tcp },
	    &q->message)) {
	case ANSWER_FOUND:
	case ANSWER_CHAINED:
		query_count(&stats->answers);
		break;
	case ANSWER_NODATA:
		query_count(&stats->nodata);
		break;
	case ANSWER_NXDOMAIN:
		query_count(&stats->nxdomain);
		break;
	case ANSWER_REFERRAL:
		query_count(&stats->referrals);
		break;
	case ANSWER_CUT_SHORT:
		query_count(&stats->truncated);
		break;
	}
}

/* --- opcodes --- */

static void
tell_asked(const struct query *q)
{
	const struct query_asked asked = {
		.name = q->question.name, .type = q->question.type, .class = q->question.class,
		.recursion = q->flags & MESSAGE_RD, .edns = q->edns.present, .dnssec = q->edns.dnssec, .tcp = q->tcp,
		.signed_by = query_key(q),
	};

	q->server->asked(q->server->ctx, q->from, &asked);
}

static void
run_query(struct query *q)
{
	if (q->server->asked != NULL)
		tell_asked(q);
	switch (q->question.class) {
	case CLASS_IN:
		run_internet(q);
		break;
	case CLASS_CH:
		run_chaos(q);
		break;
	default:
		query_fail(q, RCODE_REFUSED);
	}
}

/* Those that are not here get NOTIMP. */
static void (*const opcodes[16])(struct query *) = {
	[0] = run_query,
	[4] = query_notify,
};

/* --- the request as a whole --- */

/* The records behind the question: OPT once, in the additional section only; TSIG last (RFC 8945 5.1). */
static unsigned
read_records(struct query *q)
{
	struct reader_record record;
	unsigned rcode = RCODE_NOERROR;

	for (unsigned section = 1; section <= 3; section++)
		for (unsigned left = q->counts[section]; left > 0; left--) {
			if (!reader_record(&q->reader, &record))
				return RCODE_FORMERR;
			if (record.type == T_OPT) {
				if (section != 3 || q->edns.present ||
				    q->reader.base[record.owner] != 0)
					return RCODE_FORMERR;
				/* Who signs is told only what is true of what was signed. */
				rcode = edns_read(&q->edns, &record);
			} else if (record.type == T_TSIG) {
				if (section != 3 || left != 1)
					return RCODE_FORMERR;
				q->tsig_at = record.owner;
			} else if (record.type == T_SOA && section < 3 && q->soa_section == 0) {
				q->soa_section = section;
				q->soa = record;
			}
		}
	return rcode;
}

/* Before anything else of the request is looked at. */
static void
verify(struct query *q, size_t len)
{
	q->now = (uint64_t)time(NULL);
	switch (tsig_request(&q->tsig, q->server->keys, q->reader.base, len, q->tsig_at, q->now)) {
	case TSIG_OK:
		break;
	case TSIG_MALFORMED:
		tsig_end(&q->tsig);
		q->tsig_at = 0;
		q->rcode = RCODE_FORMERR;
		break;
	default:
		q->rcode = RCODE_NOTAUTH;
	}
}

static uint16_t
port_of(const struct sockaddr *from)
{
	if (from->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)from)->sin_port;
	return ((const struct sockaddr_in6 *)(const void *)from)->sin6_port;
}

/* Read a request and find who answers it.  Returns false when nobody does: answers are never answered, so that two
 * servers cannot be set upon each other; nor is a port that nobody can ask from. */
static bool
begin(struct query *q, const uint8_t *request, size_t len)
{
	query_count(q->tcp ? &q->stats->tcp : &q->stats->udp);
	if (len < MESSAGE_HEADER || (request[2] & MESSAGE_QR >> 8) != 0 ||
	    port_of(q->from) == 0) {
		query_count(&q->stats->dropped);
		return false;
	}
	q->reader = (struct reader){ request, len, MESSAGE_HEADER };
	for (unsigned i = 0; i < 4; i++)
		q->counts[i] = get16(request + 4 + 2 * i);
	q->edns = (struct edns){ .error = EDE_NONE, .expires = -1 };
	q->soa_section = 0;
	q->tsig_at = 0;
	q->flags = get16(request + 2);
	q->run = opcodes[(q->flags & MESSAGE_OPCODE) >> 11];
	q->rcode = RCODE_FORMERR;
	q->slot = NULL;
	q->zone = NULL;
	/* One question, no more, no less (RFC 9619). */
	q->asks = q->run != NULL && q->counts[0] == 1 &&
	    reader_question(&q->reader, &q->question);
	if (q->asks)
		q->rcode = read_records(q);
	else if (q->counts[3] > 0 && !tsig_locate(request, len, &q->tsig_at))
		q->tsig_at = 0;
	if (q->tsig_at != 0)
		verify(q, len);
	if (q->rcode == RCODE_NOERROR && q->question.class == CLASS_IN &&
	    (q->slot = slot_for(&q->question)) != NULL &&
	    (q->zone = slot_zone(q->slot)) != NULL)
		zone_ahead(q->zone, q->question.name, &q->ahead, 0);
	return true;
}

/* Returns the length of the answer. */
static size_t
finish(struct query *q, uint8_t *out)
{
	const struct query_server *server = q->server;
	size_t room, len;

	message_begin(&q->message, out, q->tcp ? MESSAGE_MAX : query_udp_limit(q),
	    &q->scratch->names, q->asks ? &q->question : NULL);
	room = edns_room(&q->edns, server->server_id);
	if (q->tsig_at != 0) {
		room += tsig_room(&q->tsig);
		/* Names of hundreds of octets: not even the signature fits. */
		if (q->message.at + room > q->message.limit) {
			tsig_end(&q->tsig);
			query_count(&q->stats->dropped);
			return 0;
		}
	}
	q->message.limit -= room;
	if (q->tsig_at != 0 && q->tsig.error != TSIG_OK) {
		query_tell_unsigned(q);
		query_fail(q, RCODE_NOTAUTH);
	} else if (q->run == NULL) {
		query_count(&q->stats->opcode_other);
		query_fail(q, RCODE_NOTIMP);
	} else if (q->rcode != RCODE_NOERROR) {
		query_fail(q, q->rcode);
	} else {
		q->run(q);
	}
	if (q->transfer != NULL && *q->transfer != NULL)
		return 0;
	edns_write(&q->edns, &q->message, server->edns_udp_size, server->server_id);
	/* CD is for resolvers and cleared (RFC 4035 3.1.6). */
	len = message_end(&q->message, get16(q->reader.base),
	    (uint16_t)(MESSAGE_QR | (q->flags & (MESSAGE_OPCODE | MESSAGE_RD))));
	if (q->tsig_at != 0) {
		len = tsig_sign(&q->tsig, out, len, q->now);
		tsig_end(&q->tsig);
	}
	return len;
}

size_t
query_run(struct query_scratch *scratch, const struct query_server *server,
    struct query_stats *stats, const struct sockaddr *from, uint16_t port, struct xfrout **transfer,
    const uint8_t *request, size_t len, uint8_t *out)
{
	struct query *q = &scratch->query[0];

	q->scratch = scratch;
	q->server = server;
	q->stats = stats;
	q->from = from;
	q->port = port;
	q->tcp = transfer != NULL;
	q->transfer = transfer;
	return begin(q, request, len) ? finish(q, out) : 0;
}

/* The request whose turn it is behind i others, and whether there is one. */
static bool
behind(struct query_scratch *scratch, const struct query_datagram *datagrams,
    unsigned count, unsigned i, unsigned by, struct query **q)
{
	*q = &scratch->query[(i - by) % AHEAD];
	return i >= by && i - by < count && datagrams[i - by].answer_len > 0;
}

void
query_run_many(struct query_scratch *scratch, const struct query_server *server,
    struct query_stats *stats, struct query_datagram *datagrams, unsigned count,
    uint8_t *out)
{
	for (unsigned i = 0; i < count + 3 * STEP; i++) {
		struct query *q = &scratch->query[i % AHEAD];

		if (i < count) {
			struct query_datagram *d = &datagrams[i];

			q->scratch = scratch;
			q->server = server;
			q->stats = stats;
			q->from = d->from;
			q->port = d->port;
			q->tcp = false;
			q->transfer = &d->transfer;
			d->answer_len = begin(q, d->request, d->len);
		}
		if (behind(scratch, datagrams, count, i, STEP, &q) && q->zone != NULL)
			zone_ahead(q->zone, q->question.name, &q->ahead, 1);
		if (behind(scratch, datagrams, count, i, 2 * STEP, &q) && q->zone != NULL)
			zone_ahead(q->zone, q->question.name, &q->ahead, 2);
		if (behind(scratch, datagrams, count, i, 3 * STEP, &q)) {
			struct query_datagram *d = &datagrams[i - 3 * STEP];

			d->answer = out;
			d->answer_len = finish(q, out);
			out += (d->answer_len + QUERY_ALIGN - 1) / QUERY_ALIGN * QUERY_ALIGN;
		}
	}
}
