/* pdns_special.c - the content of types that no list of fields describes: LOC, CERT, APL, IPSECKEY, SVCB and others. */
#include <string.h>

#include "sync/pdns_put.h"
#include "zonefile/count.h"
#include "zonefile/name.h"
#include "zonefile/octets.h"
#include "zonefile/rrtype.h"

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
	out = put_angle(out, get32(rd + 4), "NS");
	out = put_angle(out, get32(rd + 8), "EW");
	cm = (int64_t)get32(rd + 12) - 10000000;
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

/* The value of a SvcParam: PowerDNS finds comments and parentheses even between quotes. */
static char *
put_quoted_value(char *out, const uint8_t *octets, size_t len)
{
	return put_quoted_but(out, octets, len, "();");
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

special_fn *
pdns_special(uint16_t type)
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
