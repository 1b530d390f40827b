#include "sync/pdns_text.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "sync/pdns_put.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/rrtype.h"
#include "zonefile/count.h"

/* What PowerDNS has a name for, by code.  A name that the running version does not know makes all records of
 * the owner fail, and so does TYPEnnn for what it knows. */
static const struct known {
	uint16_t code, since;
	const char *name;
	enum { NORMAL, GENERIC } content;	/* GENERIC: a name, but no parser of its own */
} known[] = {
	{ T_A, 0, "A", NORMAL }, { T_NS, 0, "NS", NORMAL }, { T_CNAME, 0, "CNAME", NORMAL },
	{ T_SOA, 0, "SOA", NORMAL }, { 7, 0, "MB", NORMAL }, { 8, 0, "MG", NORMAL },
	{ 9, 0, "MR", NORMAL }, { T_PTR, 0, "PTR", NORMAL }, { T_HINFO, 0, "HINFO", NORMAL },
	{ 14, 0, "MINFO", NORMAL }, { T_MX, 0, "MX", NORMAL }, { T_TXT, 0, "TXT", NORMAL },
	{ T_RP, 0, "RP", NORMAL }, { T_AFSDB, 0, "AFSDB", NORMAL }, { T_SIG, 0, "SIG", GENERIC },
	{ T_KEY, 0, "KEY", NORMAL }, { T_AAAA, 0, "AAAA", NORMAL }, { 29, 0, "LOC", NORMAL },
	{ T_SRV, 0, "SRV", NORMAL }, { T_NAPTR, 0, "NAPTR", NORMAL }, { 36, 0, "KX", NORMAL },
	{ 37, 0, "CERT", NORMAL }, { 38, 0, "A6", GENERIC }, { T_DNAME, 0, "DNAME", NORMAL },
	{ 42, 0, "APL", NORMAL }, { T_DS, 0, "DS", NORMAL }, { T_SSHFP, 0, "SSHFP", NORMAL },
	{ 45, 0, "IPSECKEY", NORMAL }, { T_RRSIG, 0, "RRSIG", NORMAL }, { T_NSEC, 0, "NSEC", NORMAL },
	{ T_DNSKEY, 0, "DNSKEY", NORMAL }, { 49, 0, "DHCID", NORMAL }, { T_NSEC3, 0, "NSEC3", NORMAL },
	{ T_NSEC3PARAM, 0, "NSEC3PARAM", NORMAL }, { T_TLSA, 0, "TLSA", NORMAL },
	{ 53, 0, "SMIMEA", NORMAL }, { 57, 0, "RKEY", NORMAL }, { T_CDS, 0, "CDS", NORMAL },
	{ T_CDNSKEY, 0, "CDNSKEY", NORMAL }, { 61, 0, "OPENPGPKEY", NORMAL },
	{ 62, 0, "CSYNC", NORMAL }, { 63, 0, "ZONEMD", NORMAL }, { T_SVCB, 0, "SVCB", NORMAL },
	{ T_HTTPS, 0, "HTTPS", NORMAL }, { 67, 501, "HHIT", NORMAL }, { 68, 501, "BRID", NORMAL },
	{ T_SPF, 0, "SPF", NORMAL }, { 104, 0, "NID", NORMAL }, { 105, 0, "L32", NORMAL },
	{ 106, 0, "L64", NORMAL }, { 107, 0, "LP", NORMAL }, { 108, 0, "EUI48", NORMAL },
	{ 109, 0, "EUI64", NORMAL }, { 256, 0, "URI", NORMAL }, { T_CAA, 0, "CAA", NORMAL },
	{ 261, 501, "RESINFO", NORMAL }, { 262, 501, "WALLET", NORMAL },
	{ 32769, 0, "DLV", NORMAL },
};

static const struct known *
known_find(uint16_t type, unsigned version)
{
	size_t from = 0, to = COUNT(known);

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (known[mid].code < type)
			from = mid + 1;
		else
			to = mid;
	}
	if (from == COUNT(known) || known[from].code != type || known[from].since > version)
		return NULL;
	return &known[from];
}

size_t
pdns_name(char out[PDNS_NAME_TEXT], const uint8_t *name)
{
	char *end = put_name(out, name);

	*end = '\0';
	return (size_t)(end - out);
}

size_t
pdns_ordername(char out[PDNS_NAME_TEXT], const uint8_t *name, size_t len,
    bool *escaped)
{
	const uint8_t *label[DNAME_LABELS];
	unsigned labels = 0;
	char *at = out;

	*escaped = false;
	for (const uint8_t *l = name; l < name + len; l += *l + 1)
		label[labels++] = l;
	while (labels-- > 0) {
		at = put_label(at, label[labels] + 1, *label[labels], escaped);
		if (labels > 0)
			*at++ = ' ';
	}
	*at = '\0';
	return (size_t)(at - out);
}

static char *
put_type(char *out, uint16_t type, unsigned version)
{
	const struct known *k = known_find(type, version);

	return k != NULL ? put_text(out, k->name) : put_number(put_text(out, "TYPE"), type);
}

const char *
pdns_type(char out[16], uint16_t type, unsigned version)
{
	const struct known *k = known_find(type, version);

	if (k != NULL)
		return k->name;
	*put_type(out, type, version) = '\0';
	return out;
}

static char *
put_time(char *out, uint32_t when)
{
	time_t t = when;
	struct tm tm;

	gmtime_r(&t, &tm);
	out = put_padded(out, (uint32_t)tm.tm_year + 1900, 4);
	out = put_padded(out, (uint32_t)tm.tm_mon + 1, 2);
	out = put_padded(out, (uint32_t)tm.tm_mday, 2);
	out = put_padded(out, (uint32_t)tm.tm_hour, 2);
	out = put_padded(out, (uint32_t)tm.tm_min, 2);
	return put_padded(out, (uint32_t)tm.tm_sec, 2);
}

/* A bitmap of 8 KB can name 65,536 types: what is too long for the column anyway is not printed further. */
static char *
put_bitmap(char *out, const uint8_t *at, const uint8_t *end, unsigned version)
{
	char *stop = out + PDNS_CONTENT_MAX + 1;

	for (; at < end; at += 2 + at[1])
		for (unsigned bit = 0; bit < at[1] * 8u && out < stop; bit++)
			if (at[2 + bit / 8] & 0x80 >> bit % 8) {
				*out++ = ' ';
				out = put_type(out, (uint16_t)(at[0] << 8 | bit), version);
			}
	return out;
}

/* One field; *at moves past it. */
static char *
put_field(char *out, enum field kind, const uint8_t **at, const uint8_t *end,
    unsigned version)
{
	const uint8_t *v = *at;

	switch (kind) {
	case F_CNAME:
	case F_NAME:
		*at += name_len(v);
		return put_name(out, v);
	case F_U8:
	case F_ALG:
	case F_DIGEST:
	case F_PROTOCOL:
		*at += 1;
		return put_number(out, *v);
	case F_U16:
	case F_FLAGS:
		*at += 2;
		return put_number(out, get16(v));
	case F_TYPE:
		*at += 2;
		return put_type(out, (uint16_t)get16(v), version);
	case F_U32:
	case F_PERIOD:
		*at += 4;
		return put_number(out, get32(v));
	case F_TIME:
		*at += 4;
		return put_time(out, get32(v));
	case F_IPV4:
		*at += 4;
		return put_ipv4(out, v);
	case F_IPV6:
		*at += 16;
		return put_ipv6(out, v);
	case F_STRING:
		*at += *v + 1;
		return put_quoted_but(out, v + 1, *v, "");
	case F_TAG:
		*at += *v + 1;
		memcpy(out, v + 1, *v);
		return out + *v;
	case F_STRINGS:
		for (*at = end; ; *out++ = ' ') {
			out = put_quoted_but(out, v + 1, *v, "");
			if ((v += *v + 1) == end)
				return out;
		}
	case F_TEXT:
		*at = end;
		return put_quoted_but(out, v, (size_t)(end - v), "");
	case F_HEX:
		*at = end;
		return put_hex(out, v, (size_t)(end - v));
	case F_BASE64:
	case F_KEY:
		*at = end;
		return put_base64(out, v, (size_t)(end - v));
	case F_BITMAP:
		*at = end;
		return put_bitmap(out, v, end, version);
	default:
		assert(!"NSEC3 and NSEC3PARAM are never rows");
		return out;
	}
}

bool
pdns_always(uint16_t type, size_t size)
{
	/* At worst a bitmap's octet becomes 8 times " TYPE65535". */
	return pdns_special(type) == NULL && type != T_ALIAS && type != T_LUA &&
	    size < PDNS_CONTENT_MAX / 88;
}

int
pdns_content(char *out, uint16_t *prio, uint16_t type, const uint8_t *rdata,
    size_t len, unsigned version, const char **why)
{
	const struct known *k = known_find(type, version);
	const struct rrtype *row = rrtype_by_code(type);
	const uint8_t *at = rdata, *end = rdata + len;
	const uint8_t *layout = row != NULL ? row->layout : NULL;
	special_fn *put = pdns_special(type);
	char *to = out;

	*prio = 0;
	if (type == T_ALIAS || type == T_LUA) {
		*why = type == T_ALIAS ? "PowerDNS would answer with the addresses of its target, where we have the record alone" :
		    "PowerDNS would run it, where we have the record alone";
		return -1;
	}
	if (k == NULL || k->content == GENERIC) {
		to = put_number(put_text(to, "\\# "), (uint32_t)len);
		*to++ = ' ';
		to = put_hex(to, rdata, len);
	} else if (put != NULL) {
		if ((to = put(to, rdata, len, version, why)) == NULL)
			return -1;
	} else {
		if (type == T_MX || type == T_SRV) {
			*prio = (uint16_t)get16(at);
			at += 2;
			layout++;
		}
		for (; *layout != F_END; layout++) {
			if (to > out && *layout != F_BITMAP)	/* it begins each type with one */
				*to++ = ' ';
			to = put_field(to, *layout, &at, end, version);
		}
	}
	*to = '\0';
	if (to - out > PDNS_CONTENT_MAX) {
		*why = "its text is longer than the 64000 characters of PowerDNS's column";
		return -1;
	}
	return (int)(to - out);
}
