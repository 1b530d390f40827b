#include "daemon/serve/edns.h"

#include <string.h>

#define UDP_MIN 512
#define FIXED 11		/* of an OPT record: owner, type, size, rcode, version, flags, length */
#define FLAG_DO 0x8000
#define EDE_LEN 6
#define EXPIRE_LEN 8
#define ID_MAX 255		/* that even 512 octets hold the record */

enum { OPTION_NSID = 3, OPTION_EXPIRE = 9, OPTION_EDE = 15 };

unsigned
edns_read(struct edns *edns, const struct reader_record *opt)
{
	const uint8_t *p = opt->rdata, *end = p + opt->len;

	edns->present = true;
	edns->size = opt->class < UDP_MIN ? UDP_MIN : opt->class;
	edns->dnssec = (opt->ttl & FLAG_DO) != 0;
	if ((opt->ttl >> 16 & 0xff) != 0)
		return RCODE_BADVERS;
	while (p < end) {
		if (end - p < 4 || get16(p + 2) > end - p - 4)
			return RCODE_FORMERR;
		if (get16(p) == OPTION_NSID)
			edns->nsid = true;
		else if (get16(p) == OPTION_EXPIRE)
			edns->expire = true;
		p += 4 + get16(p + 2);
	}
	return RCODE_NOERROR;
}

static size_t
id_len(const struct edns *edns, const char *id)
{
	return edns->nsid && id != NULL ? strnlen(id, ID_MAX) : 0;
}

size_t
edns_room(const struct edns *edns, const char *id)
{
	size_t len = id_len(edns, id);

	/* The error is not known yet. */
	_Static_assert(EDNS_MAX == FIXED + EDE_LEN + 4 + ID_MAX + EXPIRE_LEN, "EDNS_MAX");
	return edns->present ? FIXED + EDE_LEN + (len > 0 ? 4 + len : 0) +
	    (edns->expire ? EXPIRE_LEN : 0) : 0;
}

void
edns_write(const struct edns *edns, struct message *m, uint16_t size,
    const char *id)
{
	size_t len = id_len(edns, id);
	uint8_t *p = m->base + m->at;

	if (!edns->present)
		return;
	p[0] = 0;
	put16(p + 1, T_OPT);
	put16(p + 3, size);
	p[5] = (uint8_t)(m->rcode >> 4);
	p[6] = 0;
	put16(p + 7, edns->dnssec ? FLAG_DO : 0);
	m->at += FIXED;
	if (len > 0) {
		put16(m->base + m->at, OPTION_NSID);
		put16(m->base + m->at + 2, (unsigned)len);
		memcpy(m->base + m->at + 4, id, len);
		m->at += 4 + len;
	}
	if (edns->expires >= 0) {
		put16(m->base + m->at, OPTION_EXPIRE);
		put16(m->base + m->at + 2, 4);
		put32(m->base + m->at + 4, (uint32_t)edns->expires);
		m->at += EXPIRE_LEN;
	}
	if (edns->error != EDE_NONE) {
		put16(m->base + m->at, OPTION_EDE);
		put16(m->base + m->at + 2, 2);
		put16(m->base + m->at + 4, (unsigned)edns->error);
		m->at += EDE_LEN;
	}
	put16(p + 9, (unsigned)(m->base + m->at - p - FIXED));
	m->count[SECTION_ADDITIONAL]++;
}
