#include "daemon/transfer/inbound.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/transfer/request.h"
#include "zonefile/arena.h"
#include "zonefile/builder.h"
#include "zonefile/check.h"
#include "zonefile/message.h"
#include "zonefile/serial.h"

/* Differences may be so many records more than what we have before a whole zone is less work. */
#define DIFFERENCES_SLACK 1000
#define RECORD_OCTETS 64		/* that a record takes beside its name and RDATA */

/*
 *	START --SOA--> SECOND --SOA of what we have--> REMOVING --SOA--> ADDING --SOA of its end--> END
 *	                                               REMOVING <--SOA of where ADDING led to-- ADDING
 *	               SECOND --other record--> WHOLE --SOA again--> END
 *	               SECOND --SOA again--> END, of a zone without NS
 */
struct inbound {
	struct inbound_conf conf;
	enum { START, SECOND, WHOLE, REMOVING, ADDING, END } at;
	struct builder *builder;
	struct sink sink, said;		/* about what no zone may have, and by the checks */
	bool later;			/* not the first message */
	bool differences;
	uint32_t serial;		/* of the first SOA: where it all leads to */
	uint32_t step;			/* where the differences so far lead to */
	uint32_t diffs;			/* how many there were */
	uint64_t records, removed, added;	/* that came; of them differences */
	uint64_t octets;		/* that they take, uncompressed */
	uint8_t *owner;			/* names that differences are about, one after the other */
	size_t owners, owner_len, owner_room, last;	/* last: where the one added last begins */
	bool has_expire;
	uint32_t expire;
	unsigned rcode;
	uint32_t soa_ttl;
	unsigned soa_len;
	uint8_t soa[2 * DNAME_MAX + 20];	/* the first, which is added when it is known to what */
	char why[256];
};

/* The first report is why the zone is refused. */
static void
on_report(void *ctx, const struct report *report)
{
	struct inbound *in = ctx;

	if (in->why[0] == '\0' && report->severity == ERROR)
		snprintf(in->why, sizeof(in->why), "%s", report->text);
}

/* What the checks say is for the operator; an error is the reason as well. */
static void
on_said(void *ctx, const struct report *report)
{
	struct inbound *in = ctx;

	if (report->severity == ERROR)
		on_report(in, report);
	if (in->conf.report != NULL)
		in->conf.report(NULL, report);
}

struct inbound *
inbound_new(const struct inbound_conf *conf)
{
	struct inbound *in = xcalloc(1, sizeof(*in));

	in->conf = *conf;
	if (conf->have != NULL)
		zone_ref(conf->have);
	in->sink = (struct sink){ .fn = on_report, .ctx = in };
	in->said = (struct sink){ .fn = on_said, .ctx = in };
	return in;
}

void
inbound_free(struct inbound *in)
{
	if (in == NULL)
		return;
	builder_free(in->builder);
	zone_unref(in->conf.have);
	free(in->owner);
	free(in);
}

static enum inbound_state __attribute__((format(printf, 3, 4)))
end(struct inbound *in, enum inbound_state state, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(in->why, sizeof(in->why), fmt, args);
	va_end(args);
	return state;
}

static uint32_t
soa_serial(const struct rr *rr)
{
	return get32(rr->rdata + rr->len - 20);
}

/* --- records --- */

static enum inbound_state
first(struct inbound *in, const struct rr *rr)
{
	if (rr->type != T_SOA)
		return end(in, INBOUND_WRONG, "does not begin with a SOA record");
	in->serial = soa_serial(rr);
	in->soa_ttl = rr->ttl;
	in->soa_len = rr->len;
	memcpy(in->soa, rr->rdata, rr->len);
	in->at = SECOND;
	if (in->conf.have != NULL && !serial_newer(in->serial, zone_serial(in->conf.have)))
		return INBOUND_SAME;
	return INBOUND_MORE;
}

/* For the checks. */
static void
note_owner(struct inbound *in, const struct rr *rr)
{
	size_t len = name_len(rr->owner);

	if (in->owners > 0 && name_equal(in->owner + in->last, rr->owner))
		return;
	if (in->owner_room - in->owner_len < len) {
		in->owner_room = (in->owner_room + len) * 2;
		in->owner = xrealloc(in->owner, in->owner_room);
	}
	memcpy(in->owner + in->owner_len, rr->owner, len);
	in->last = in->owner_len;
	in->owner_len += len;
	in->owners++;
}

static void
remove_record(struct inbound *in, const struct rr *rr)
{
	in->removed++;
	note_owner(in, rr);
	builder_remove(in->builder, rr);
}

static void
add_record(struct inbound *in, const struct rr *rr)
{
	in->added++;
	note_owner(in, rr);
	builder_add(in->builder, rr, NULL);
}

static void
add_first(struct inbound *in)
{
	struct rr soa = { in->conf.origin, in->soa_ttl, T_SOA, (uint16_t)in->soa_len, in->soa };

	in->builder = builder_new(in->conf.origin, &in->sink);
	builder_checks(in->builder, &in->conf.checks, &in->said);
	builder_add(in->builder, &soa, NULL);
}

static enum inbound_state
second(struct inbound *in, const struct rr *rr)
{
	if (rr->type == T_SOA && in->conf.have != NULL && soa_serial(rr) != in->serial) {
		in->differences = true;
		if (soa_serial(rr) != zone_serial(in->conf.have))
			return end(in, INBOUND_MISFIT, "differences from serial %" PRIu32 ", we have %" PRIu32,
			    soa_serial(rr), zone_serial(in->conf.have));
		in->builder = builder_derive(in->conf.have, &in->sink);
		builder_checks(in->builder, &in->conf.checks, &in->said);
		remove_record(in, rr);
		in->step = soa_serial(rr);
		in->at = REMOVING;
		return INBOUND_MORE;
	}
	add_first(in);
	in->at = WHOLE;
	return INBOUND_MORE;
}

static enum inbound_state
whole(struct inbound *in, const struct rr *rr)
{
	if (rr->type != T_SOA) {
		builder_add(in->builder, rr, NULL);
		return INBOUND_MORE;
	}
	if (soa_serial(rr) != in->serial)
		return end(in, INBOUND_WRONG, "begins with serial %" PRIu32 " and ends with %" PRIu32, in->serial,
		    soa_serial(rr));
	in->at = END;
	return INBOUND_WHOLE;
}

static enum inbound_state
difference(struct inbound *in, const struct rr *rr)
{
	if (rr->type != T_SOA && in->at == REMOVING) {
		remove_record(in, rr);
	} else if (rr->type != T_SOA) {
		add_record(in, rr);
	} else if (in->at == REMOVING) {
		if (!serial_newer(soa_serial(rr), in->step))
			return end(in, INBOUND_MISFIT, "differences from serial %" PRIu32 " to %" PRIu32
			    ", which is not newer", in->step, soa_serial(rr));
		if (++in->diffs > in->conf.max_diffs && in->conf.max_diffs > 0)
			return end(in, INBOUND_MISFIT, "more than %" PRIu32 " differences", in->conf.max_diffs);
		in->step = soa_serial(rr);
		add_record(in, rr);
		in->at = ADDING;
	} else if (soa_serial(rr) != in->step) {
		return end(in, INBOUND_MISFIT, "differences to serial %" PRIu32 " and then from %" PRIu32,
		    in->step, soa_serial(rr));
	} else if (in->step == in->serial) {
		in->at = END;
		return INBOUND_WHOLE;
	} else {
		remove_record(in, rr);
		in->at = REMOVING;
	}
	if (in->records > zone_records(in->conf.have) + DIFFERENCES_SLACK)
		return end(in, INBOUND_MISFIT, "more differences than the zone has records");
	return INBOUND_MORE;
}

static enum inbound_state
take(struct inbound *in, const struct rr *rr)
{
	enum inbound_state state = INBOUND_MORE;

	if (rr->type == T_SOA && !name_equal(rr->owner, in->conf.origin))
		return end(in, INBOUND_WRONG, "has a SOA record of another name");
	in->records++;
	switch (in->at) {
	case START:
		return first(in, rr);
	case SECOND:
		state = second(in, rr);
		if (state != INBOUND_MORE || in->at != WHOLE)
			return state;
		/* fall through */
	case WHOLE:
		state = whole(in, rr);
		break;
	case REMOVING:
	case ADDING:
		state = difference(in, rr);
		break;
	case END:
		return end(in, INBOUND_WRONG, "has records behind its end");
	}
	if (in->sink.errors > 0)
		return in->differences ? INBOUND_MISFIT : INBOUND_WRONG;
	in->octets += name_len(rr->owner) + rr->len + RECORD_OCTETS;
	if (in->conf.max_octets > 0 && in->octets > in->conf.max_octets)
		return end(in, INBOUND_WRONG, "has more than %" PRIu64 " octets of records", in->conf.max_octets);
	/* The SOA counts once in a zone and comes twice. */
	if (in->conf.max_records > 0 && !in->differences && in->records > in->conf.max_records + 1)
		return end(in, INBOUND_WRONG, "has more than %" PRIu64 " records", in->conf.max_records);
	return state;
}

/* --- messages --- */

static enum inbound_state
take_answers(struct inbound *in, struct reader *r, unsigned count)
{
	enum inbound_state state = INBOUND_MORE;
	uint8_t owner[DNAME_MAX], rdata[MESSAGE_RDATA];
	char name[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct rr rr = { .owner = owner, .rdata = rdata };
		struct reader_record record;
		const struct rrtype *row;
		int len;

		if (!reader_record(r, &record) || reader_name(r, record.owner, owner) == 0)
			return end(in, INBOUND_WRONG, "has a malformed record");
		rr.type = record.type;
		rr.ttl = record.ttl > INT32_MAX ? 0 : record.ttl;	/* RFC 2181 8 */
		row = rrtype_by_code(record.type);
		if (record.class != CLASS_IN || (row != NULL && row->meta) ||
		    (len = reader_rdata(r, &record, rdata)) < 0) {
			name_print(name, owner);
			return end(in, INBOUND_WRONG, "has a record %s %s that is malformed or cannot be in a zone",
			    name, rrtype_print(type, record.type));
		}
		rr.len = (uint16_t)len;
		if (len > UINT16_MAX)
			return end(in, INBOUND_WRONG, "has a record of more than 65535 octets");
		if ((state = take(in, &rr)) != INBOUND_MORE && (state != INBOUND_WHOLE || i + 1 == count))
			return state;
	}
	return state;
}

enum inbound_state
inbound_message(struct inbound *in, const uint8_t *message, size_t len)
{
	struct request request = { .id = in->conf.id, .type = in->conf.have != NULL ? T_IXFR : T_AXFR,
	    .origin = in->conf.origin };
	struct reader r = { .base = message, .len = len };
	const char *wrong = request_answered(&request, in->later, &r);
	enum inbound_state state;

	if (wrong != NULL)
		return end(in, INBOUND_WRONG, "is %s", wrong);
	if ((in->rcode = get16(message + 2) & 0xf) != 0)
		return end(in, INBOUND_REFUSED, "%s", request_rcode(in->rcode));
	if (get16(message + 2) & MESSAGE_TC)
		return end(in, INBOUND_WRONG, "is truncated");
	if (get16(message + 6) == 0)
		return end(in, INBOUND_WRONG, "has a message without records");
	state = take_answers(in, &r, get16(message + 6));
	if (!in->later && get16(message + 10) > 0 && state <= INBOUND_WHOLE)
		in->has_expire = request_expire(r, &in->expire);
	in->later = true;
	return state;
}

static int
check_differences(struct inbound *in, struct zone *zone)
{
	const uint8_t **name = xmalloc((in->owners + 1) * sizeof(*name)), *at = in->owner;
	int err;

	for (size_t i = 0; i < in->owners; at += name_len(at))
		name[i++] = at;
	err = check_change(in->conf.have, zone, name, in->owners, &in->conf.checks, time(NULL), &in->said);
	free(name);
	return err;
}

struct zone *
inbound_finish(struct inbound *in, enum inbound_state *state)
{
	struct zone *zone = builder_finish(in->builder);

	in->builder = NULL;
	if (zone != NULL && in->conf.max_records > 0 && zone_records(zone) > in->conf.max_records) {
		*state = end(in, INBOUND_WRONG, "has more than %" PRIu64 " records", in->conf.max_records);
		zone_unref(zone);
		return NULL;
	}
	if (zone != NULL && !in->differences && check_zone(zone, &in->conf.checks, time(NULL), &in->said) < 0) {
		*state = INBOUND_WRONG;
		zone_unref(zone);
		return NULL;
	}
	/* The builder drops what is there twice; differences that add it do not fit. */
	if (zone != NULL && in->differences &&
	    zone_records(zone) + in->removed != zone_records(in->conf.have) + in->added) {
		end(in, INBOUND_MISFIT, "differences add what we have already");
		zone_unref(zone);
		zone = NULL;
	}
	/* The whole zone may still be right. */
	if (zone != NULL && in->differences && check_differences(in, zone) < 0) {
		zone_unref(zone);
		zone = NULL;
	}
	if (zone != NULL)
		*state = INBOUND_WHOLE;
	else
		*state = in->differences ? INBOUND_MISFIT : INBOUND_WRONG;
	return zone;
}

const char *
inbound_why(const struct inbound *in)
{
	return in->why;
}

unsigned
inbound_rcode(const struct inbound *in)
{
	return in->rcode;
}

uint32_t
inbound_serial(const struct inbound *in)
{
	return in->serial;
}

bool
inbound_differences(const struct inbound *in)
{
	return in->differences;
}

uint64_t
inbound_records(const struct inbound *in)
{
	return in->records;
}

bool
inbound_expire(const struct inbound *in, uint32_t *seconds)
{
	*seconds = in->expire;
	return in->has_expire;
}
