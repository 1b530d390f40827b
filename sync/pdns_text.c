#include "sync/pdns_text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

static char *
put_text(char *out, const char *text)
{
	size_t len = strlen(text);

	memcpy(out, text, len);
	return out + len;
}

static char *
put_number(char *out, uint32_t v)
{
	char digit[10], *d = digit + sizeof(digit);

	do
		*--d = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	memcpy(out, d, (size_t)(digit + sizeof(digit) - d));
	return out + (digit + sizeof(digit) - d);
}

static char *
put_padded(char *out, uint32_t v, unsigned width)
{
	for (unsigned i = width; i > 0; v /= 10)
		out[--i] = (char)('0' + v % 10);
	return out + width;
}

static char *
put_hex(char *out, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = "0123456789abcdef"[octets[i] >> 4];
		*out++ = "0123456789abcdef"[octets[i] & 15];
	}
	return out;
}

static char *
put_base64(char *out, const uint8_t *o, size_t len)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; len >= 3; o += 3, len -= 3) {
		*out++ = digit[o[0] >> 2];
		*out++ = digit[(o[0] & 3) << 4 | o[1] >> 4];
		*out++ = digit[(o[1] & 15) << 2 | o[2] >> 6];
		*out++ = digit[o[2] & 63];
	}
	if (len > 0) {
		*out++ = digit[o[0] >> 2];
		*out++ = digit[(o[0] & 3) << 4 | (len > 1 ? o[1] >> 4 : 0)];
		*out++ = len > 1 ? digit[(o[1] & 15) << 2] : '=';
		*out++ = '=';
	}
	return out;
}

static char *
put_octet_escaped(char *out, uint8_t c)
{
	*out++ = '\\';
	return put_padded(out, c, 3);
}

static char *
put_quoted_but(char *out, const uint8_t *octets, size_t len, const char *but)
{
	*out++ = '"';
	for (size_t i = 0; i < len; i++) {
		uint8_t c = octets[i];

		if (c < 32 || c > 126 || strchr(but, c) != NULL) {
			out = put_octet_escaped(out, c);
			continue;
		}
		if (c == '"' || c == '\\')
			*out++ = '\\';
		*out++ = (char)c;
	}
	*out++ = '"';
	return out;
}

static char *
put_quoted(char *out, const uint8_t *octets, size_t len)
{
	return put_quoted_but(out, octets, len, "");
}

/* The value of a SvcParam: PowerDNS finds comments and parentheses even between quotes. */
static char *
put_quoted_value(char *out, const uint8_t *octets, size_t len)
{
	return put_quoted_but(out, octets, len, "();");
}

static char *
put_label(char *out, const uint8_t *label, size_t len, bool *escaped)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = label[i];

		if (c > 0x20 && c < 0x7f && c != '.' && c != '\\') {
			*out++ = (char)c;
			continue;
		}
		*escaped = true;
		if (c == '.' || c == '\\') {
			*out++ = '\\';
			*out++ = (char)c;
		} else
			out = put_octet_escaped(out, c);
	}
	return out;
}

static char *
put_name(char *out, const uint8_t *name)
{
	bool escaped;

	if (*name == 0)
		*out++ = '.';
	for (; *name > 0; name += *name + 1) {
		out = put_label(out, name + 1, *name, &escaped);
		if (name[*name + 1] > 0)
			*out++ = '.';
	}
	return out;
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

static uint32_t
u32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static char *
put_ipv4(char *out, const uint8_t *a)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		out = put_number(out, a[i]);
	}
	return out;
}

static char *
put_ipv6(char *out, const uint8_t *a)
{
	inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
	/* pdnsutil check-zone does not take the form with an IPv4 address at the end. */
	if (strchr(out, '.') != NULL)
		sprintf(strrchr(out, ':'), ":%x:%x", get16(a + 12), get16(a + 14));
	return out + strlen(out);
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

/* A special form returns its end, or NULL with the reason. */
typedef char *special_fn(char *out, const uint8_t *rd, size_t len, unsigned version,
    const char **why);

static char *
malformed(const char **why)
{
	*why = "its RDATA is malformed";
	return NULL;
}

static char *
put_metres(char *out, uint8_t coded)	/* RFC 1876 2 */
{
	uint64_t cm = coded >> 4;

	for (int i = coded & 15; i > 0; i--)
		cm *= 10;
	out = put_number(out, (uint32_t)(cm / 100));
	*out++ = '.';
	out = put_padded(out, cm % 100, 2);
	return put_text(out, "m");
}

static char *
put_angle(char *out, uint32_t coded, const char *hemispheres)
{
	uint32_t v = coded >= 0x80000000u ? coded - 0x80000000u : 0x80000000u - coded;

	out = put_number(out, v / 3600000);
	*out++ = ' ';
	out = put_number(out, v / 60000 % 60);
	*out++ = ' ';
	out = put_number(out, v / 1000 % 60);
	*out++ = '.';
	out = put_padded(out, v % 1000, 3);
	*out++ = ' ';
	*out++ = hemispheres[coded < 0x80000000u];
	*out++ = ' ';
	return out;
}

static char *
put_loc(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	int64_t cm;

	(void)version;
	if (len != 16)
		return malformed(why);
	if (rd[0] != 0) {
		*why = "PowerDNS knows LOC of version 0 only";
		return NULL;
	}
	for (int i = 1; i <= 3; i++) {
		if (rd[i] >> 4 > 9 || (rd[i] & 15) > 9)
			return malformed(why);
		if (rd[i] > 0x49 && (rd[i] & 15) == 9) {
			*why = "PowerDNS knows LOC with sizes of up to 42949672.95 m only";
			return NULL;
		}
	}
	out = put_angle(out, u32(rd + 4), "NS");
	out = put_angle(out, u32(rd + 8), "EW");
	cm = (int64_t)u32(rd + 12) - 10000000;
	if (cm < 0) {
		*out++ = '-';
		cm = -cm;
	}
	out = put_number(out, (uint32_t)(cm / 100));
	*out++ = '.';
	out = put_padded(out, (uint32_t)(cm % 100), 2);
	*out++ = 'm';
	for (int i = 1; i <= 3; i++) {
		*out++ = ' ';
		out = put_metres(out, rd[i]);
	}
	return out;
}

static char *
put_cert(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	(void)version;
	if (len < 5)
		return malformed(why);
	if (get16(rd) == 0) {
		*why = "PowerDNS refuses CERT of type 0";
		return NULL;
	}
	out = put_number(out, get16(rd));
	*out++ = ' ';
	out = put_number(out, get16(rd + 2));
	*out++ = ' ';
	out = put_number(out, rd[4]);
	*out++ = ' ';
	return put_base64(out, rd + 5, len - 5);
}

static char *
put_apl(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	const uint8_t *end = rd + len;
	char *start = out;

	(void)version;
	while (rd < end) {
		uint8_t address[16] = { 0 };
		unsigned family, octets;

		if (end - rd < 4)
			return malformed(why);
		family = get16(rd);
		octets = rd[3] & 0x7f;
		if (family != 1 && family != 2) {
			*why = "PowerDNS knows APL of IPv4 and IPv6 only";
			return NULL;
		}
		if (octets > (family == 1 ? 4 : 16) || octets > end - rd - 4)
			return malformed(why);
		memcpy(address, rd + 4, octets);
		if (out > start)
			*out++ = ' ';
		if (rd[3] & 0x80)
			*out++ = '!';
		out = put_number(out, family);
		*out++ = ':';
		out = family == 1 ? put_ipv4(out, address) : put_ipv6(out, address);
		*out++ = '/';
		out = put_number(out, rd[2]);
		rd += 4 + octets;
	}
	return out;
}

static char *
put_ipseckey(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	const uint8_t *at = rd + 3, *end = rd + len;
	size_t size;

	(void)version;
	if (len < 3)
		return malformed(why);
	if (rd[2] > 2) {
		*why = "PowerDNS knows IPSECKEY of algorithms 0 to 2 only";
		return NULL;
	}
	for (int i = 0; i < 3; i++) {
		if (i > 0)
			*out++ = ' ';
		out = put_number(out, rd[i]);
	}
	if (rd[1] > 0)
		*out++ = ' ';
	switch (rd[1]) {
	case 0:
		/* RFC 4025 3.1 has a dot here, which PowerDNS takes for the key. */
		size = 0;
		break;
	case 1:
		size = 4;
		if (end - at >= 4)
			out = put_ipv4(out, at);
		break;
	case 2:
		size = 16;
		if (end - at >= 16)
			out = put_ipv6(out, at);
		break;
	case 3:
		if ((size = name_valid(at, (size_t)(end - at))) == 0)
			return malformed(why);
		out = put_name(out, at);
		break;
	default:
		*why = "PowerDNS knows IPSECKEY with gateways of types 0 to 3 only";
		return NULL;
	}
	if (size > (size_t)(end - at))
		return malformed(why);
	at += size;
	if ((rd[2] == 0) != (at == end)) {
		*why = "PowerDNS knows IPSECKEY with a key exactly when the algorithm is not 0";
		return NULL;
	}
	if (at < end) {
		*out++ = ' ';
		out = put_base64(out, at, (size_t)(end - at));
	}
	return out;
}

static char *
put_locator(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	(void)version;
	if (len != 10)
		return malformed(why);
	out = put_number(out, get16(rd));
	for (int i = 2; i < 10; i += 2) {
		*out++ = i == 2 ? ' ' : ':';
		out = put_hex(out, rd + i, 2);
	}
	return out;
}

static char *
put_eui(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	(void)version;
	if (len != 6 && len != 8)
		return malformed(why);
	for (size_t i = 0; i < len; i++) {
		if (i > 0)
			*out++ = '-';
		out = put_hex(out, rd + i, 1);
	}
	return out;
}

static char *
put_blob(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	(void)version;
	(void)why;
	return put_base64(out, rd, len);
}

static char *
put_svc_key(char *out, unsigned key, unsigned version)
{
	static const char *const name[] = {
		"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint",
		"dohpath", "ohttp", "tls-supported-groups",
	};

	if (key < (version < 500 ? 7 : COUNT(name)))
		return put_text(out, name[key]);
	return put_number(put_text(out, "key"), key);
}

/* The value of a key whose form we know, NULL when it is malformed. */
static char *
put_svc_value(char *out, unsigned key, const uint8_t *v, size_t len, unsigned version)
{
	const uint8_t *end = v + len;
	size_t unit = key == 0 || key == 3 || key == 9 ? 2 : key == 4 ? 4 : key == 6 ? 16 : 1;

	if (len == 0 || len % unit != 0 || (key == 3 && len != 2))
		return NULL;
	if (key == 5 || key == 7) {
		if (key == 7)
			return put_quoted_value(out, v, len);
		*out++ = '"';
		out = put_base64(out, v, len);
		*out++ = '"';
		return out;
	}
	for (const uint8_t *at = v; at < end; at += unit) {
		if (at > v)
			*out++ = ',';
		if (key == 0)
			out = put_svc_key(out, get16(at), version);
		else if (key == 1) {
			/* A comma or backslash in an id takes two levels of escapes (RFC 9460 A.1), which PowerDNS
			 * reads in its own way; no protocol has such an id. */
			if (*at == 0 || *at > end - at - 1)
				return NULL;
			for (int i = 1; i <= *at; i++) {
				if (at[i] <= 32 || at[i] > 126 || strchr(",\\\"();", at[i]) != NULL)
					return NULL;
				*out++ = (char)at[i];
			}
			at += *at;
		} else if (key == 4)
			out = put_ipv4(out, at);
		else if (key == 6)
			out = put_ipv6(out, at);
		else
			out = put_number(out, get16(at));
	}
	return out;
}

static char *
put_svcb(char *out, const uint8_t *rd, size_t len, unsigned version, const char **why)
{
	const uint8_t *end = rd + len;
	size_t name = len > 2 ? name_valid(rd + 2, len - 2) : 0;
	bool alias;

	if (name == 0)
		return malformed(why);
	alias = get16(rd) == 0;
	out = put_number(out, get16(rd));
	*out++ = ' ';
	out = put_name(out, rd + 2);
	/* AliasMode has no parameters for whoever reads it (RFC 9460 2.4.2). */
	for (rd += 2 + name; rd < end && !alias; ) {
		unsigned key, size;

		if (end - rd < 4 || get16(rd + 2) > end - rd - 4)
			return malformed(why);
		key = get16(rd);
		size = get16(rd + 2);
		rd += 4;
		*out++ = ' ';
		out = put_svc_key(out, key, version);
		if (key == 2 || (key == 8 && version >= 500)) {
			if (size != 0)
				return malformed(why);
		} else if (key < (version < 500 ? 7 : 10)) {
			*out++ = '=';
			out = put_svc_value(out, key, rd, size, version);
			if (out == NULL) {
				*why = "PowerDNS has no text for one of its parameters";
				return NULL;
			}
		} else {
			/* PowerDNS wants the value of a key without a name even when it is empty. */
			*out++ = '=';
			out = put_quoted_value(out, rd, size);
		}
		rd += size;
	}
	return out;
}

static special_fn *
special(uint16_t type)
{
	switch (type) {
	case 29:
		return put_loc;
	case 37:
		return put_cert;
	case 42:
		return put_apl;
	case 45:
		return put_ipseckey;
	case T_SVCB:
	case T_HTTPS:
		return put_svcb;
	case 67:
	case 68:
		return put_blob;
	case 104:
	case 106:
		return put_locator;
	case 108:
	case 109:
		return put_eui;
	default:
		return NULL;
	}
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
		return put_number(out, u32(v));
	case F_TIME:
		*at += 4;
		return put_time(out, u32(v));
	case F_IPV4:
		*at += 4;
		return put_ipv4(out, v);
	case F_IPV6:
		*at += 16;
		return put_ipv6(out, v);
	case F_STRING:
		*at += *v + 1;
		return put_quoted(out, v + 1, *v);
	case F_TAG:
		*at += *v + 1;
		memcpy(out, v + 1, *v);
		return out + *v;
	case F_STRINGS:
		for (*at = end; ; *out++ = ' ') {
			out = put_quoted(out, v + 1, *v);
			if ((v += *v + 1) == end)
				return out;
		}
	case F_TEXT:
		*at = end;
		return put_quoted(out, v, (size_t)(end - v));
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
	return special(type) == NULL && type != T_ALIAS && type != T_LUA &&
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
	special_fn *put = special(type);
	char *to = out;

	*prio = 0;
	if (type == T_ALIAS || type == T_LUA) {
		*why = type == T_ALIAS ? "PowerDNS would resolve it as ALIAS" :
		    "PowerDNS would run it as LUA";
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
