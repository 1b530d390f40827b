/* query_transfer.c - what other servers ask: AXFR, IXFR, NOTIFY. */
#include "daemon/serve/query_impl.h"

#include "sync/steady.h"
#include "zonefile/serial.h"

void
query_tell_expiry(struct query *q)
{
	uint64_t expires = slot_expires(q->slot), now;
	const uint8_t *soa = zone_soa(q->zone)->rdata;

	if (!q->edns.expire || !query_at_apex(q))
		return;
	if (expires == 0) {
		q->edns.expires = get32(soa + 2 + get16(soa) - 8);
	} else {
		now = (uint64_t)steady_now();
		q->edns.expires = expires > now ? (int64_t)(expires - now) : 0;
	}
}

static void
tell_refused(const struct query *q, enum query_why why, const char *bad)
{
	const struct tsig_key *key = query_key(q);
	const struct query_refusal refusal = {
		.zone = q->question.name, .notify = q->run == query_notify, .type = q->question.type,
		.key = bad != NULL ? q->tsig.name : key != NULL ? key->name : NULL, .why = why, .bad = bad,
	};

	if (q->server->refused != NULL)
		q->server->refused(q->server->ctx, q->from, &refusal);
}

static void
refuse(struct query *q, unsigned rcode, enum query_why why)
{
	if (why == QUERY_FORBIDDEN || why == QUERY_WRONG_PORT || why == QUERY_MASTER)
		q->edns.error = EDE_PROHIBITED;
	else if (why == QUERY_NOT_LOADED)
		q->edns.error = EDE_NOT_READY;
	query_fail(q, rcode);
	tell_refused(q, why, NULL);
}

void
query_tell_unsigned(const struct query *q)
{
	if (q->asks && (q->run == query_notify || q->question.type == T_AXFR || q->question.type == T_IXFR))
		tell_refused(q, QUERY_SIGNATURE, tsig_result_text(q->tsig.error));
}

/* --- transfers --- */

/* The serial of the SOA that the request has in a section.  Returns false when there is none. */
static bool
serial_in(const struct query *q, unsigned section, uint32_t *serial)
{
	uint8_t name[DNAME_MAX];
	size_t start, len, more;

	if (q->soa_section != section)
		return false;
	start = (size_t)(q->soa.rdata - q->reader.base);
	if ((len = reader_name(&q->reader, start, name)) == 0 ||
	    (more = reader_name(&q->reader, start + len, name)) == 0 ||
	    len + more + 20 != q->soa.len)
		return false;
	*serial = get32(q->soa.rdata + len + more);
	return true;
}

static void
answer_soa(struct query *q)
{
	const struct rrset *soa = zone_soa(q->zone);
	struct owner owner = { q->question.wire, MESSAGE_HEADER };

	q->message.flags |= MESSAGE_AA;
	if (!message_rrset(&q->message, &owner, soa, soa->ttl))
		q->message.flags |= MESSAGE_TC;
	query_count(&q->stats->answers);
}

static bool
too_many(const struct query *q)
{
	unsigned limit = q->server->transfers.at_once;

	return limit > 0 && xfrout_count() >= limit;
}

static void
start_transfer(struct query *q, uint32_t since, const struct query_policy *policy)
{
	const struct query_server *server = q->server;
	struct history *history = query_allowed(q, &policy->whole_only, false) ? NULL : server->history;
	uint8_t octets[EDNS_MAX];
	struct message opt = { .base = octets };
	struct xfrout_request request = {
		.question = &q->question,
		.id = get16(q->reader.base),
		.flags = (uint16_t)(MESSAGE_QR | (q->flags & MESSAGE_RD)),
		.opt = octets,
		.message_size = server->transfers.message_size,
		.one_answer = query_allowed(q, &server->one_answer, false),
		.max_ms = policy->max_ms, .idle_ms = policy->idle_ms,
	};

	if (!q->tcp) {
		request.datagram = true;
		request.message_size = (unsigned)query_udp_limit(q);
		request.one_answer = false;
	}
	edns_write(&q->edns, &opt, server->edns_udp_size, server->server_id);
	request.opt_len = opt.at;
	if (q->tsig_at != 0) {
		/* The transfer's now. */
		request.tsig = q->tsig;
		q->tsig_at = 0;
	}
	if (q->question.type == T_AXFR)
		*q->transfer = xfrout_axfr(q->zone, &request);
	else
		*q->transfer = xfrout_ixfr(q->zone, since, history, policy->max_ixfr_ratio, &request);
	query_count(&q->stats->transfers);
}

void
query_transfer(struct query *q)
{
	const struct query_policy *policy;
	uint32_t since = 0, serial;

	if (!query_at_apex(q)) {
		refuse(q, RCODE_NOTAUTH, QUERY_NO_ZONE);
		return;
	}
	policy = slot_policy(q->slot);
	if (policy == NULL || !query_allowed(q, &policy->transfer, false)) {
		refuse(q, RCODE_REFUSED, QUERY_FORBIDDEN);
		return;
	}
	if (policy->transfer_port != 0 && policy->transfer_port != q->port) {
		refuse(q, RCODE_REFUSED, QUERY_WRONG_PORT);
		return;
	}
	if (q->zone == NULL) {
		refuse(q, RCODE_SERVFAIL, QUERY_NOT_LOADED);
		return;
	}
	query_tell_expiry(q);
	if (q->question.type == T_AXFR ? !q->tcp : !serial_in(q, 2, &since)) {
		query_fail(q, RCODE_FORMERR);
		return;
	}
	serial = zone_serial(q->zone);
	if (q->question.type == T_IXFR && (since == serial || serial_newer(since, serial)))
		answer_soa(q);
	/* Over UDP the one SOA says that there is more to be had over TCP (RFC 1995 2). */
	else if (!q->tcp && (q->transfer == NULL || q->server->history == NULL ||
	    query_allowed(q, &policy->whole_only, false) || too_many(q)))
		answer_soa(q);
	else if (too_many(q))
		refuse(q, RCODE_SERVFAIL, QUERY_TOO_MANY);
	else
		start_transfer(q, since, policy);
}

/* --- NOTIFY --- */

/* RFC 1996.  Other types are for other receivers (RFC 9859 5). */
void
query_notify(struct query *q)
{
	const struct query_server *server = q->server;
	const struct query_policy *policy;
	uint32_t serial;

	if (q->question.class != CLASS_IN) {
		query_fail(q, RCODE_REFUSED);
		return;
	}
	if (q->question.type != T_SOA) {
		query_fail(q, RCODE_NOTIMP);
		return;
	}
	if (!query_at_apex(q)) {
		if (server->notified_unknown == NULL || !server->notified_unknown(server->ctx,
		    q->question.name, q->from, query_key(q))) {
			refuse(q, RCODE_NOTAUTH, QUERY_NO_ZONE);
			return;
		}
	} else {
		policy = slot_policy(q->slot);
		if (policy == NULL || server->notified == NULL ||
		    !query_allowed(q, &policy->notify, false)) {
			refuse(q, RCODE_REFUSED, policy == NULL || policy->notify.allow == NULL ?
			    QUERY_MASTER : QUERY_FORBIDDEN);
			return;
		}
		server->notified(server->ctx, q->slot, q->from, query_key(q),
		    serial_in(q, 1, &serial) ? &serial : NULL);
	}
	q->message.flags |= MESSAGE_AA;
	query_count(&q->stats->notifies);
}
