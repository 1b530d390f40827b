#include "zonefile/rrtype.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LOW_CODES 265
#define SIG_LAYOUT { F_TYPE, F_ALG, F_U8, F_U32, F_TIME, F_TIME, F_U16, F_NAME, F_BASE64 }
#define KEY_LAYOUT { F_FLAGS, F_PROTOCOL, F_ALG, F_BASE64 }
#define DS_LAYOUT { F_U16, F_ALG, F_DIGEST, F_HEX }
#define ROW(c, n, ...) [c] = { .code = c, .name = n, __VA_ARGS__ }
#define LAYOUT(...) .layout = { __VA_ARGS__ }

static const struct rrtype low[LOW_CODES] = {
	ROW(T_A, "A", LAYOUT(F_IPV4)),
	ROW(T_NS, "NS", LAYOUT(F_CNAME), .lower = 1),
	ROW(3, "MD", LAYOUT(F_CNAME), .lower = 1),
	ROW(4, "MF", LAYOUT(F_CNAME), .lower = 1),
	ROW(T_CNAME, "CNAME", LAYOUT(F_CNAME), .single = 1, .lower = 1),
	ROW(T_SOA, "SOA", LAYOUT(F_CNAME, F_CNAME, F_U32, F_PERIOD, F_PERIOD, F_PERIOD, F_PERIOD),
	    .single = 1, .lower = 1),
	ROW(7, "MB", LAYOUT(F_CNAME), .lower = 1),
	ROW(8, "MG", LAYOUT(F_CNAME), .lower = 1),
	ROW(9, "MR", LAYOUT(F_CNAME), .lower = 1),
	ROW(10, "NULL", LAYOUT(F_OPAQUE)),
	ROW(11, "WKS", LAYOUT(F_IPV4, F_PORTS)),
	ROW(T_PTR, "PTR", LAYOUT(F_CNAME), .lower = 1),
	ROW(T_HINFO, "HINFO", LAYOUT(F_STRING, F_STRING)),
	ROW(14, "MINFO", LAYOUT(F_CNAME, F_CNAME), .lower = 1),
	ROW(T_MX, "MX", LAYOUT(F_U16, F_CNAME), .lower = 1),
	ROW(T_TXT, "TXT", LAYOUT(F_STRINGS)),
	ROW(T_RP, "RP", LAYOUT(F_NAME, F_NAME), .lower = 1),
	ROW(T_AFSDB, "AFSDB", LAYOUT(F_U16, F_NAME), .lower = 1),
	ROW(19, "X25", LAYOUT(F_STRING)),
	ROW(20, "ISDN", LAYOUT(F_STRING, F_MORE)),
	ROW(21, "RT", LAYOUT(F_U16, F_NAME), .lower = 1),
	ROW(22, "NSAP", LAYOUT(F_NSAP)),
	ROW(23, "NSAP-PTR", LAYOUT(F_NAME)),
	ROW(T_SIG, "SIG", .layout = SIG_LAYOUT, .lower = 1),
	ROW(T_KEY, "KEY", LAYOUT(F_FLAGS, F_PROTOCOL, F_ALG, F_KEY)),
	ROW(26, "PX", LAYOUT(F_U16, F_NAME, F_NAME), .lower = 1),
	ROW(27, "GPOS", LAYOUT(F_STRING, F_STRING, F_STRING)),
	ROW(T_AAAA, "AAAA", LAYOUT(F_IPV6)),
	ROW(29, "LOC", LAYOUT(F_LOC)),
	ROW(30, "NXT", LAYOUT(F_NAME, F_NXTMAP), .lower = 1),
	ROW(31, "EID", LAYOUT(F_HEX)),
	ROW(32, "NIMLOC", LAYOUT(F_HEX)),
	ROW(T_SRV, "SRV", LAYOUT(F_U16, F_U16, F_U16, F_NAME), .lower = 1),
	ROW(34, "ATMA", LAYOUT(F_ATMA)),
	ROW(T_NAPTR, "NAPTR", LAYOUT(F_U16, F_U16, F_STRING, F_STRING, F_STRING, F_NAME), .lower = 1),
	ROW(36, "KX", LAYOUT(F_U16, F_NAME), .lower = 1),
	ROW(37, "CERT", LAYOUT(F_CERT, F_U16, F_ALG, F_BASE64)),
	ROW(38, "A6", LAYOUT(F_A6, F_A6_NAME), .lower = 1),
	ROW(T_DNAME, "DNAME", LAYOUT(F_NAME), .single = 1, .lower = 1),
	ROW(40, "SINK", LAYOUT(F_U8, F_U8, F_U8, F_KEY)),
	ROW(T_OPT, "OPT", .meta = 1),
	ROW(42, "APL", LAYOUT(F_APL)),
	ROW(T_DS, "DS", .layout = DS_LAYOUT),
	ROW(T_SSHFP, "SSHFP", LAYOUT(F_U8, F_U8, F_HEX)),
	ROW(45, "IPSECKEY", LAYOUT(F_U8, F_U8, F_U8, F_GATEWAY, F_KEY)),
	ROW(T_RRSIG, "RRSIG", .layout = SIG_LAYOUT, .lower = 1),
	ROW(T_NSEC, "NSEC", LAYOUT(F_NAME, F_BITMAP)),
	ROW(T_DNSKEY, "DNSKEY", .layout = KEY_LAYOUT),
	ROW(49, "DHCID", LAYOUT(F_BASE64)),
	ROW(T_NSEC3, "NSEC3", LAYOUT(F_U8, F_U8, F_U16, F_SALT, F_HASH, F_BITMAP)),
	ROW(T_NSEC3PARAM, "NSEC3PARAM", LAYOUT(F_U8, F_U8, F_U16, F_SALT)),
	ROW(T_TLSA, "TLSA", LAYOUT(F_U8, F_U8, F_U8, F_HEX)),
	ROW(53, "SMIMEA", LAYOUT(F_U8, F_U8, F_U8, F_HEX)),
	ROW(55, "HIP", LAYOUT(F_HIT, F_NAMES)),
	ROW(56, "NINFO", LAYOUT(F_STRINGS)),
	ROW(57, "RKEY", .layout = KEY_LAYOUT),
	ROW(58, "TALINK", LAYOUT(F_NAME, F_NAME)),
	ROW(T_CDS, "CDS", .layout = DS_LAYOUT),
	ROW(T_CDNSKEY, "CDNSKEY", .layout = KEY_LAYOUT),
	ROW(61, "OPENPGPKEY", LAYOUT(F_BASE64)),
	ROW(62, "CSYNC", LAYOUT(F_U32, F_U16, F_BITMAP)),
	ROW(63, "ZONEMD", LAYOUT(F_U32, F_U8, F_U8, F_HEX)),
	ROW(T_SVCB, "SVCB", LAYOUT(F_U16, F_NAME, F_SVCPARAMS)),
	ROW(T_HTTPS, "HTTPS", LAYOUT(F_U16, F_NAME, F_SVCPARAMS)),
	ROW(66, "DSYNC", LAYOUT(F_TYPE, F_SCHEME, F_U16, F_NAME)),
	ROW(67, "HHIT", LAYOUT(F_BASE64)),
	ROW(68, "BRID", LAYOUT(F_BASE64)),
	ROW(T_SPF, "SPF", LAYOUT(F_STRINGS)),
	ROW(104, "NID", LAYOUT(F_U16, F_ID64)),
	ROW(105, "L32", LAYOUT(F_U16, F_IPV4)),
	ROW(106, "L64", LAYOUT(F_U16, F_ID64)),
	ROW(107, "LP", LAYOUT(F_U16, F_NAME)),
	ROW(108, "EUI48", LAYOUT(F_END)),
	ROW(109, "EUI64", LAYOUT(F_END)),
	ROW(128, "NXNAME", .meta = 1),
	ROW(T_TKEY, "TKEY", .meta = 1),
	ROW(T_TSIG, "TSIG", .meta = 1),
	ROW(T_IXFR, "IXFR", .meta = 1),
	ROW(T_AXFR, "AXFR", .meta = 1),
	ROW(253, "MAILB", .meta = 1),
	ROW(254, "MAILA", .meta = 1),
	ROW(T_ANY, "ANY", .meta = 1),
	ROW(256, "URI", LAYOUT(F_U16, F_U16, F_TEXT)),
	ROW(T_CAA, "CAA", LAYOUT(F_U8, F_TAG, F_TEXT)),
	ROW(258, "AVC", LAYOUT(F_STRINGS)),
	ROW(259, "DOA", LAYOUT(F_U32, F_U32, F_U8, F_STRING, F_DATA)),
	ROW(260, "AMTRELAY", LAYOUT(F_U8, F_RELAY_TYPE, F_RELAY)),
	ROW(261, "RESINFO", LAYOUT(F_STRINGS)),
	ROW(262, "WALLET", LAYOUT(F_STRINGS)),
	ROW(263, "CLA", LAYOUT(F_STRINGS)),
	ROW(264, "IPN", LAYOUT(F_U64)),
};

#undef ROW
#define ROW(c, n, ...) { .code = c, .name = n, __VA_ARGS__ }

static const struct rrtype high[] = {
	ROW(32768, "TA", .layout = DS_LAYOUT),
	ROW(32769, "DLV", .layout = DS_LAYOUT),
	/* Private codes (RFC 6895 3.1) as PowerDNS uses them. */
	ROW(T_ALIAS, "ALIAS", LAYOUT(F_NAME)),
	ROW(T_LUA, "LUA", LAYOUT(F_TYPE, F_STRINGS)),
};

/* The same in the order of their names. */
static const uint16_t by_name[] = {
	T_A, 38 /* A6 */, T_AAAA, T_AFSDB, T_ALIAS, 260 /* AMTRELAY */, T_ANY, 42 /* APL */,
	34 /* ATMA */, 258 /* AVC */, T_AXFR, 68 /* BRID */, T_CAA, T_CDNSKEY, T_CDS, 37 /* CERT */,
	263 /* CLA */, T_CNAME, 62 /* CSYNC */, 49 /* DHCID */, 32769 /* DLV */, T_DNAME, T_DNSKEY,
	259 /* DOA */, T_DS, 66 /* DSYNC */, 31 /* EID */, 108 /* EUI48 */, 109 /* EUI64 */,
	27 /* GPOS */, 67 /* HHIT */, T_HINFO, 55 /* HIP */, T_HTTPS, 264 /* IPN */,
	45 /* IPSECKEY */, 20 /* ISDN */, T_IXFR, T_KEY, 36 /* KX */, 105 /* L32 */, 106 /* L64 */, 29 /* LOC */,
	107 /* LP */, T_LUA, 254 /* MAILA */, 253 /* MAILB */, 7 /* MB */, 3 /* MD */, 4 /* MF */,
	8 /* MG */, 14 /* MINFO */, 9 /* MR */, T_MX, T_NAPTR, 104 /* NID */, 32 /* NIMLOC */,
	56 /* NINFO */, T_NS, 22 /* NSAP */, 23 /* NSAP-PTR */, T_NSEC, T_NSEC3, T_NSEC3PARAM,
	10 /* NULL */, 128 /* NXNAME */, 30 /* NXT */, 61 /* OPENPGPKEY */, T_OPT, T_PTR, 26 /* PX */,
	261 /* RESINFO */, 57 /* RKEY */, T_RP, T_RRSIG, 21 /* RT */, T_SIG, 40 /* SINK */,
	53 /* SMIMEA */, T_SOA, T_SPF, T_SRV, T_SSHFP, T_SVCB, 32768 /* TA */, 58 /* TALINK */,
	T_TKEY, T_TLSA, T_TSIG, T_TXT, 256 /* URI */, 262 /* WALLET */, 11 /* WKS */, 19 /* X25 */,
	63 /* ZONEMD */,
};

const struct rrtype *
rrtype_by_code(uint16_t code)
{
	if (code < LOW_CODES)
		return low[code].name != NULL ? &low[code] : NULL;
	for (size_t i = 0; i < sizeof(high) / sizeof(*high); i++)
		if (high[i].code == code)
			return &high[i];
	return NULL;
}

const struct rrtype *
rrtype_nth(size_t i)
{
	return i < sizeof(by_name) / sizeof(*by_name) ? rrtype_by_code(by_name[i]) : NULL;
}

/* Codes that IANA gave to these names and nothing else: they have no format.  BIND reads the names, other programs do
 * not, so that TYPEnnn is what is printed. */
static const struct { const char *name; uint16_t code; } formless[] = {
	{ "UINFO", 100 }, { "UID", 101 }, { "GID", 102 }, { "UNSPEC", 103 },
};

static bool
parse_formless(const char *text, size_t len, uint16_t *code)
{
	for (size_t i = 0; i < sizeof(formless) / sizeof(*formless); i++)
		if (len == strlen(formless[i].name) && strncasecmp(text, formless[i].name, len) == 0)
			return *code = formless[i].code, true;
	return false;
}

static bool
parse_generic(const char *text, size_t len, uint16_t *code)
{
	unsigned v = 0;

	if (len < 5 || len > 9 || strncasecmp(text, "TYPE", 4) != 0)
		return false;
	for (size_t i = 4; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (text[i] - '0');
	}
	*code = v;
	return v <= UINT16_MAX;
}

static int
compare(const char *text, size_t len, const char *name)
{
	size_t n = strlen(name);
	int order = strncasecmp(text, name, len < n ? len : n);

	/* Text may hold NUL. */
	return order != 0 ? order : (len > n) - (len < n);
}

#define WORD4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

bool
rrtype_parse(const char *text, size_t len, uint16_t *code)
{
	size_t from = 0, to = sizeof(by_name) / sizeof(*by_name);
	uint32_t word = 0;

	/* Nearly every record of nearly every zone is one of these. */
	if (len <= 4 && len > 0 && (*text & 0xdf) != 0) {
		for (size_t i = 0; i < len; i++)
			word = word << 8 | ((uint8_t)text[i] & 0xdf);
		switch (word) {
		case 'A':
			return *code = T_A, true;
		case WORD4(0, 0, 'N', 'S'):
			return *code = T_NS, true;
		case WORD4(0, 0, 'D', 'S'):
			return *code = T_DS, true;
		case WORD4('A', 'A', 'A', 'A'):
			return *code = T_AAAA, true;
		case WORD4('N', 'S', 'E', 'C'):
			return *code = T_NSEC, true;
		case WORD4(0, 'P', 'T', 'R'):
			return *code = T_PTR, true;
		case WORD4(0, 'T', 'X', 'T'):
			return *code = T_TXT, true;
		case WORD4(0, 0, 'M', 'X'):
			return *code = T_MX, true;
		}
	} else if (len == 5 && strncasecmp(text, "RRSIG", 5) == 0)
		return *code = T_RRSIG, true;
	while (from < to) {
		size_t mid = (from + to) / 2;
		int order = compare(text, len, rrtype_by_code(by_name[mid])->name);

		if (order == 0)
			return *code = by_name[mid], true;
		if (order < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return parse_generic(text, len, code) || parse_formless(text, len, code);
}

const char *
rrtype_print(char out[RRTYPE_TEXT_MAX], uint16_t code)
{
	const struct rrtype *type = rrtype_by_code(code);

	if (type != NULL)
		return type->name;
	snprintf(out, RRTYPE_TEXT_MAX, "TYPE%u", code);
	return out;
}
