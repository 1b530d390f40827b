#include "daemon/transfer/request.h"
#include "zonefile/count.h"

#include <string.h>
#include <sys/random.h>

#define OPTION_EXPIRE 9		/* RFC 7314 2 */
#define UDP_SIZE 1232
#define OPCODE_NOTIFY (4 << 11)

uint16_t
request_id(void)
{
	uint16_t id = 0;

	/* Without random octets the kernel is not up yet, and nobody is there to guess. */
	(void)!getrandom(&id, sizeof(id), 0);
	return id;
}

size_t
request_write(const struct request *r, uint8_t out[REQUEST_ROOM])
{
	size_t n = name_len(r->origin);
	uint8_t *p = out + MESSAGE_HEADER;

	memset(out, 0, MESSAGE_HEADER);
	put16(out, r->id);
	if (r->notify)
		put16(out + 2, OPCODE_NOTIFY | MESSAGE_AA);
	put16(out + 4, 1);
	memcpy(p, r->origin, n);
	put16(p + n, r->type);
	put16(p + n + 2, CLASS_IN);
	p += n + 4;
	if (r->soa != NULL) {
		size_t len = get16(r->soa->rdata);

		put16(out + (r->notify ? 6 : 8), 1);
		put16(p, 0xc000u | MESSAGE_HEADER);
		put16(p + 2, T_SOA);
		put16(p + 4, CLASS_IN);
		put32(p + 6, r->soa->ttl);
		memcpy(p + 10, r->soa->rdata, 2 + len);
		p += 10 + 2 + len;
	}
	if (r->edns) {
		put16(out + 10, 1);
		*p = 0;
		put16(p + 1, T_OPT);
		put16(p + 3, UDP_SIZE);
		put32(p + 5, 0);
		put16(p + 9, r->expire ? 4 : 0);
		p += 11;
		if (r->expire) {
			put16(p, OPTION_EXPIRE);
			put16(p + 2, 0);
			p += 4;
		}
	}
	return (size_t)(p - out);
}

const char *
request_answered(const struct request *r, bool later, struct reader *reader)
{
	const uint8_t *m = reader->base;
	struct question question;
	unsigned flags, questions;

	if (reader->len < MESSAGE_HEADER)
		return "a message shorter than a header";
	flags = get16(m + 2);
	questions = get16(m + 4);
	if (get16(m) != r->id)
		return "an answer of another id";
	if (!(flags & MESSAGE_QR) || (flags & MESSAGE_OPCODE) != (r->notify ? OPCODE_NOTIFY : 0))
		return "not an answer to what we sent";
	reader->at = MESSAGE_HEADER;
	/* Errors often come as a header alone. */
	if (questions == 0 && (later || (flags & 0xf) != 0))
		return NULL;
	if (questions != 1 || !reader_question(reader, &question))
		return "an answer without its question";
	if (question.type != r->type || question.class != CLASS_IN ||
	    !name_equal(question.name, r->origin))
		return "an answer to another question";
	return NULL;
}

bool
request_expire(struct reader reader, uint32_t *seconds)
{
	struct reader_record record;

	while (reader.at < reader.len) {
		const uint8_t *p, *end;

		if (!reader_record(&reader, &record))
			return false;
		if (record.type != T_OPT)
			continue;
		end = record.rdata + record.len;
		for (p = record.rdata; end - p >= 4 && get16(p + 2) <= end - p - 4; p += 4 + get16(p + 2))
			if (get16(p) == OPTION_EXPIRE && get16(p + 2) == 4) {
				*seconds = get32(p + 4);
				return true;
			}
		return false;
	}
	return false;
}

const char *
request_rcode(unsigned rcode)
{
	static const char *const name[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	    "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE" };

	return rcode < COUNT(name) ? name[rcode] : "an unknown error";
}
