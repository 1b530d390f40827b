#include "zonefile/rdata.h"

#include <string.h>

#include "zonefile/name.h"
#include "zonefile/rdata_fields.h"
#include "zonefile/rdata_ldns.h"
#include "zonefile/rdata_rare.h"
#include "zonefile/svcb.h"

/* IANA's registries of certificate types and of DNSSEC algorithms. */
const struct mnemonic rdata_certificates[] = {
	{ "PKIX", 1 }, { "SPKI", 2 }, { "PGP", 3 }, { "IPKIX", 4 }, { "ISPKI", 5 }, { "IPGP", 6 },
	{ "ACPKIX", 7 }, { "IACPKIX", 8 }, { "URI", 253 }, { "OID", 254 }, { NULL, 0 },
};
const struct mnemonic rdata_algorithms[] = {
	{ "RSAMD5", 1 }, { "DH", 2 }, { "DSA", 3 }, { "RSASHA1", 5 }, { "DSA-NSEC3-SHA1", 6 },
	{ "NSEC3DSA", 6 }, { "RSASHA1-NSEC3-SHA1", 7 }, { "NSEC3RSASHA1", 7 }, { "RSASHA256", 8 },
	{ "RSASHA512", 10 }, { "ECC-GOST", 12 }, { "ECCGOST", 12 }, { "ECDSAP256SHA256", 13 },
	{ "ECDSAP384SHA384", 14 }, { "ED25519", 15 }, { "ED448", 16 }, { "INDIRECT", 252 },
	{ "PRIVATEDNS", 253 }, { "PRIVATEOID", 254 },
	{ NULL, 0 },
};

/* Of WKS, which has been of no use since RFC 1123 2.2. */
const struct mnemonic rdata_protocols[] = { { "TCP", 6 }, { "UDP", 17 }, { NULL, 0 } };
const struct mnemonic rdata_services[] = {
	{ "FTP-DATA", 20 }, { "FTP", 21 }, { "SSH", 22 }, { "TELNET", 23 }, { "SMTP", 25 }, { "TIME", 37 },
	{ "WHOIS", 43 }, { "DOMAIN", 53 }, { "TFTP", 69 }, { "GOPHER", 70 }, { "FINGER", 79 }, { "HTTP", 80 },
	{ "POP3", 110 }, { "NNTP", 119 }, { "NTP", 123 }, { "IMAP", 143 }, { "SNMP", 161 }, { NULL, 0 },
};

const struct mnemonic rdata_digests[] = {
	{ "SHA-1", 1 }, { "SHA1", 1 }, { "SHA-256", 2 }, { "SHA256", 2 }, { "GOST", 3 }, { "SHA-384", 4 },
	{ "SHA384", 4 }, { NULL, 0 },
};
const struct mnemonic rdata_key_protocols[] = {
	{ "NONE", 0 }, { "TLS", 1 }, { "EMAIL", 2 }, { "DNSSEC", 3 }, { "IPSEC", 4 }, { "ALL", 255 }, { NULL, 0 },
};
const struct mnemonic rdata_key_flags[] = {
	{ "NOCONF", 0x4000 }, { "NOAUTH", 0x8000 }, { "NOKEY", 0xc000 }, { "EXTEND", 0x1000 }, { "USER", 0 },
	{ "ZONE", 0x0100 }, { "HOST", 0x0200 }, { "KSK", 0x0001 }, { NULL, 0 },
};

/* IANA's registry of DSYNC's schemes. */
const struct mnemonic rdata_schemes[] = { { "NOTIFY", 1 }, { NULL, 0 } };

static bool
bitmap_valid(const uint8_t *at, size_t len)
{
	int window = -1;

	while (len > 0) {
		if (len < 3 || at[0] <= window || at[1] < 1 || at[1] > 32 || len < 2u + at[1] || at[1 + at[1]] == 0)
			return false;
		window = at[0];
		len -= 2 + at[1];
		at += 2 + at[1];
	}
	return true;
}

static bool
tag_valid(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)(at[i] - '0') > 9 && (uint8_t)((at[i] | 0x20) - 'a') > 25)
			return false;
	return len > 0;
}

/* A field whose kind another one tells: nothing, an IPv4 or IPv6 address, a name (RFC 4025 2.3, RFC 8777 4.2.3). */
static ssize_t
gateway_len(unsigned kind, const uint8_t *at, size_t len)
{
	static const enum field field[] = { F_END, F_IPV4, F_IPV6, F_NAME };

	if (kind == 0)
		return 0;
	return kind <= 3 ? rdata_field_len(field[kind], at, len) : -1;
}

ssize_t
rdata_field_len(enum field kind, const uint8_t *at, size_t len)
{
	size_t n = len;

	switch (kind) {
	case F_CNAME:
	case F_NAME:
		n = name_valid(at, len);
		return n == 0 ? -1 : (ssize_t)n;
	case F_U8:
	case F_ALG:
	case F_DIGEST:
	case F_PROTOCOL:
	case F_RELAY_TYPE:
	case F_SCHEME:
		n = 1;
		break;
	case F_U16:
	case F_TYPE:
	case F_CERT:
	case F_FLAGS:
		n = 2;
		break;
	case F_U32:
	case F_PERIOD:
	case F_TIME:
	case F_IPV4:
		n = 4;
		break;
	case F_U64:
	case F_ID64:
		n = 8;
		break;
	case F_IPV6:
		n = 16;
		break;
	case F_STRING:
	case F_SALT:
	case F_HASH:
	case F_TAG:
		n = len > 0 ? 1u + *at : 1;
		break;
	case F_MORE:
		n = len > 0 ? 1u + *at : 0;
		break;
	case F_GATEWAY:
		return gateway_len(at[-2], at, len);
	case F_RELAY:
		/* Of later types nothing is known (RFC 8777 4.2.3). */
		return (at[-1] & 0x7f) > 3 ? (ssize_t)len : gateway_len(at[-1] & 0x7f, at, len);
	case F_HIT:
		n = len < 4 ? 4 : 4u + at[0] + (at[2] << 8 | at[3]);
		break;
	case F_A6:
		n = len < 1 ? 1 : at[0] > 128 ? len + 1 : 1u + (128 - at[0] + 7) / 8;
		break;
	case F_A6_NAME:
		return len == 0 ? 0 : rdata_field_len(F_NAME, at, len);
	case F_NAMES:
	case F_DATA:
	case F_LOC:
	case F_APL:
	case F_ATMA:
	case F_NSAP:
	case F_NXTMAP:
	case F_OPAQUE:
	case F_STRINGS:
	case F_TEXT:
	case F_HEX:
	case F_BASE64:
	case F_KEY:
	case F_BITMAP:
	case F_SVCPARAMS:
	case F_PORTS:
	case F_END:
		break;
	}
	return n <= len ? (ssize_t)n : -1;
}

/* DELIM regular expression DELIM replacement DELIM flags (RFC 3402 3.2). */
static bool
substitution_valid(const uint8_t *at, size_t len)
{
	unsigned part = 0, groups = 0, most = 0;
	const uint8_t *end = at + len;
	uint8_t delim;

	if (len == 0)
		return true;
	delim = *at++;
	if (delim == 0 || delim == '\\' || delim == 'i' || (uint8_t)(delim - '0') <= 9)
		return false;
	for (; at < end; at++) {
		if (*at == delim) {
			part++;
			continue;
		}
		if (*at == 0 || part > 2 || (part == 2 && *at != 'i'))
			return false;
		if (*at == '(' && part == 0)
			groups++;
		if (*at != '\\')
			continue;
		if (++at == end || *at == 0 || (part == 1 && *at == '0'))
			return false;
		if (part == 1 && (uint8_t)(*at - '1') < 9 && *at - '0' > (int)most)
			most = *at - '0';
	}
	return part == 2 && most <= groups;
}

static size_t
digest_len(uint8_t type)
{
	return type == 1 ? 20 : type == 2 ? 32 : type == 4 ? 48 : 0;
}

/* Behind the gateway of IPSECKEY. */
static bool
has_key(const uint8_t *rdata, size_t len)
{
	return 3 + (size_t)gateway_len(rdata[1], rdata + 3, len - 3) < len;
}

/* Without the root's. */
static unsigned
labels_of(const uint8_t *name)
{
	unsigned n = 0;

	for (; *name != 0; name += *name + 1)
		n++;
	return n;
}

#define T_X25 19
#define T_IPSECKEY 45
#define T_RKEY 57
#define T_ZONEMD 63
#define T_TA 32768
#define T_DLV 32769

const char *
rdata_fault(uint16_t type, const uint8_t *rdata, size_t len)
{
	const uint8_t *s;

	switch (type) {
	case T_DS:
	case T_CDS:
	case T_TA:
	case T_DLV:
		return digest_len(rdata[3]) == 0 || digest_len(rdata[3]) == len - 4 ? NULL :
		    "a digest has 20 octets for type 1, 32 for type 2, 48 for type 4";
	case T_SSHFP:
		return rdata[1] == 0 || rdata[1] > 2 || len - 2 == (rdata[1] == 1 ? 20 : 32) ? NULL :
		    "a fingerprint has 20 octets for type 1, 32 for type 2";
	case T_ZONEMD:
		return rdata[5] == 1 ? len == 6 + 48 ? NULL : "a digest of SHA-384 has 48 octets" :
		    rdata[5] == 2 ? len == 6 + 64 ? NULL : "a digest of SHA-512 has 64 octets" :
		    len >= 6 + 12 ? NULL : "a digest has 12 octets or more (RFC 8976 2.2.4)";
	case T_X25:
		for (size_t i = 1; i < len; i++)
			if ((uint8_t)(rdata[i] - '0') > 9)
				len = 0;
		return len >= 5 ? NULL : "an X.25 address has four digits or more";
	case T_KEY:
		return ((rdata[0] & 0xc0) == 0xc0) == (len == 4) ? NULL : "a key is there, or the flags say that there is none";
	case T_RKEY:
		return (rdata[0] | rdata[1]) == 0 ? NULL : "the flags of RKEY are 0";
	case T_IPSECKEY:
		return rdata[2] == 0 || has_key(rdata, len) ? NULL : "a key is missing behind the gateway";
	case T_NSEC3:
		return rdata[0] != 1 || rdata[5 + rdata[4]] == 20 ? NULL : "a hash of algorithm 1 has 20 octets (RFC 5155 5)";
	case T_RRSIG:
		return rdata[3] >= labels_of(rdata + 18) ? NULL :
		    "the owner has fewer labels than the signer, which is at or above it (RFC 4034 3.1.3)";
	case T_NSEC:
		return len > name_len(rdata) ? NULL : "NSEC names one type or more (RFC 4034 4.1.2)";
	case T_NAPTR:
		s = rdata + 4;
		s += *s + 1;
		s += *s + 1;
		return substitution_valid(s + 1, *s) ? NULL :
		    "a regular expression and its replacement stand between three delimiters, as in !^.*$!sip:a@example!";
	}
	return NULL;
}

bool
rdata_valid(uint16_t type, const uint8_t *rdata, size_t len)
{
	const struct rrtype *row = rrtype_by_code(type);
	const uint8_t *at = rdata, *end = rdata + len;
	size_t m;

	if (len > RDATA_MAX)
		return false;
	if (row == NULL)
		return true;
	if (row->layout[0] == F_END)
		return !row->meta && rdata_ldns_valid(type, rdata, len);
	for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
		ssize_t n = rdata_field_len(*kind, at, end - at);

		if (n < 0)
			return false;
		switch (*kind) {
		case F_STRINGS:
			if (n == 0)
				return false;
			for (const uint8_t *s = at; s < end; s += *s + 1)
				if (s + *s + 1 > end)
					return false;
			break;
		case F_HEX:
		case F_BASE64:
			if (n == 0)
				return false;
			break;
		case F_HASH:
			if (n == 1)
				return false;
			break;
		case F_TAG:
			if (!tag_valid(at + 1, n - 1))
				return false;
			break;
		case F_BITMAP:
			if (!bitmap_valid(at, n))
				return false;
			break;
		case F_NAMES:
			for (const uint8_t *s = at; s < end; s += m)
				if ((m = name_valid(s, end - s)) == 0)
					return false;
			break;
		case F_HIT:
			if (at[0] == 0 || (at[2] | at[3]) == 0)
				return false;
			break;
		case F_A6:
			if (at[0] % 8 != 0 && (at[1] & ~(0xff >> at[0] % 8)) != 0)
				return false;
			break;
		case F_A6_NAME:
			if ((n == 0) != (*rdata == 0))
				return false;
			break;
		case F_LOC:
		case F_APL:
		case F_ATMA:
		case F_NSAP:
		case F_NXTMAP:
			if (!rare_valid(*kind, at, n))
				return false;
			break;
		case F_PORTS:
			if (n < 1 || n > 1 + 65536 / 8 || (n > 1 && at[n - 1] == 0))
				return false;
			break;
		case F_SVCPARAMS:
			if (!svcb_valid(at, n))
				return false;
			break;
		}
		at += n;
	}
	return at == end && rdata_fault(type, rdata, len) == NULL;
}

void
rdata_walk(struct rdata_walk *walk, uint16_t type, const uint8_t *rdata, size_t len)
{
	static const uint8_t opaque[] = { F_HEX, F_END }, none[] = { F_END };
	const struct rrtype *row = rrtype_by_code(type);

	walk->layout = len == 0 ? none : row == NULL || row->layout[0] == F_END ? opaque : row->layout;
	walk->at = rdata;
	walk->end = rdata + len;
}

bool
rdata_next(struct rdata_walk *walk, enum field *kind, const uint8_t **at, size_t *len)
{
	if (*walk->layout == F_END)
		return false;
	*kind = *walk->layout++;
	*at = walk->at;
	*len = rdata_field_len(*kind, walk->at, walk->end - walk->at);
	walk->at += *len;
	return true;
}

static int
octets_cmp(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	int order = memcmp(a, b, alen < blen ? alen : blen);

	return order != 0 ? order : (alen > blen) - (alen < blen);
}

int
rdata_cmp(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	const struct rrtype *row = rrtype_by_code(type);
	const uint8_t *aend = a + alen, *bend = b + blen;

	if (row == NULL || !row->lower)
		return octets_cmp(a, alen, b, blen);
	/* As long as nothing differs, the fields of both lie at the same places. */
	for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
		if (*kind != F_CNAME && *kind != F_NAME && (*kind != F_A6_NAME || a == aend || b == bend)) {
			ssize_t n = rdata_field_len(*kind, a, aend - a), m = rdata_field_len(*kind, b, bend - b);
			int order = octets_cmp(a, n, b, m);

			if (order != 0)
				return order;
			a += n;
			b += n;
			continue;
		}
		for (;;) {
			unsigned n = *a;

			if (n != *b)
				return (int)n - *b;
			a++;
			b++;
			if (n == 0)
				break;
			for (; n > 0; n--, a++, b++)
				if (*a != *b && name_tolower[*a] != name_tolower[*b])
					return name_tolower[*a] - name_tolower[*b];
		}
	}
	return 0;
}
