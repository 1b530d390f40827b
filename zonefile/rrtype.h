/* rrtype.h - the table of types: mnemonic, code, RDATA layout. */
#ifndef ZONEFILE_RRTYPE_H
#define ZONEFILE_RRTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	T_A = 1, T_NS = 2, T_CNAME = 5, T_SOA = 6, T_PTR = 12, T_HINFO = 13, T_MX = 15,
	T_TXT = 16, T_RP = 17, T_AFSDB = 18, T_SIG = 24, T_KEY = 25, T_AAAA = 28, T_SRV = 33,
	T_NAPTR = 35, T_DNAME = 39, T_OPT = 41, T_DS = 43, T_SSHFP = 44,
	T_RRSIG = 46, T_NSEC = 47, T_DNSKEY = 48, T_NSEC3 = 50,
	T_NSEC3PARAM = 51, T_TLSA = 52, T_CDS = 59, T_CDNSKEY = 60, T_SVCB = 64, T_HTTPS = 65,
	T_SPF = 99, T_TKEY = 249, T_TSIG = 250, T_IXFR = 251, T_AXFR = 252, T_ANY = 255, T_CAA = 257,
	T_ALIAS = 65401, T_LUA = 65402,
};

/* What follows what in RDATA.  The same row drives text to wire, wire to text, checks,
 * compression and the content column of a database. */
enum field {
	F_END,
	F_CNAME,	/* name that may be compressed: RFC 1035 types only (RFC 3597 4) */
	F_NAME,		/* name, never compressed */
	F_U8, F_U16, F_U32, F_U64,
	F_PERIOD,	/* u32; text may have units, 1w2d (SOA timers) */
	F_TIME,		/* u32; text is YYYYMMDDHHMMSS or seconds (RFC 4034 3.2) */
	F_IPV4, F_IPV6,
	F_ID64,		/* 8 octets; four groups of hex with colons between them (RFC 6742 2.1.2) */
	F_TYPE,		/* u16, text is a mnemonic */
	F_ALG,		/* u8, text is a number or a DNSSEC algorithm mnemonic */
	F_CERT,		/* u16, text is a number or a certificate type (RFC 4398 2.1) */
	F_DIGEST,	/* u8, text is a number or the mnemonic of a digest of DS */
	F_PROTOCOL,	/* u8, text is a number or a protocol of KEY (RFC 2535 7.2) */
	F_FLAGS,	/* u16, text is a number or mnemonics of KEY with | between them (RFC 2535 7.1) */
	F_STRING,	/* <character-string>, one length octet */
	F_MORE,		/* another F_STRING, or nothing (ISDN) */
	F_STRINGS,	/* one or more to the end */
	F_TEXT,		/* octets to the end as one quoted string (CAA value) */
	F_TAG,		/* length octet, letters and digits, unquoted (CAA tag) */
	F_HEX,		/* to the end; blanks between digits allowed */
	F_BASE64,	/* to the end; blanks allowed */
	F_SALT,		/* length octet, hex, "-" when empty (NSEC3) */
	F_HASH,		/* length octet, base32hex (NSEC3 next) */
	F_BITMAP,	/* type bit maps to the end (RFC 4034 4.1.2) */
	F_SVCPARAMS,	/* to the end (RFC 9460 2.2); may be none */
	F_GATEWAY,	/* what the octet before the last says: none, IPv4, IPv6, name (RFC 4025 2.5) */
	F_KEY,		/* as F_BASE64; may be none */
	F_PORTS,	/* protocol, and a bit for each port, to the end (WKS, RFC 1035 3.4.2) */
	F_NAMES,	/* names to the end; may be none */
	F_RELAY_TYPE,	/* octet: bit 0x80, text 0 or 1, and the type of the relay (RFC 8777 4.2) */
	F_RELAY,	/* what that type says */
	F_HIT,		/* lengths, algorithm, identity tag, key (RFC 8005 5) */
	F_A6,		/* length of the prefix, the octets behind it (RFC 2874 3.1) */
	F_A6_NAME,	/* name, or nothing when that length is 0 */
	F_SCHEME,	/* u8, text is a number or a mnemonic (RFC 9859 2.1) */
	F_DATA,		/* as F_BASE64, "-" when there is none (DOA) */
	F_LOC, F_APL, F_ATMA, F_NSAP, F_NXTMAP,	/* to the end: rdata_rare.h */
	F_OPAQUE,	/* to the end; has no text but that of RFC 3597 */
};

#define RRTYPE_FIELDS 9
struct rrtype {
	uint16_t code;
	const char *name;
	uint8_t layout[RRTYPE_FIELDS + 1];	/* enum field; F_END first: ldns reads and prints it */
	unsigned meta : 1;			/* a question's type, never in a zone (RFC 6895 3.1) */
	unsigned lower : 1;			/* names in RDATA are in lower case in canonical form (RFC 4034 6.2) */
	unsigned single : 1;			/* at most one record in an RRset (SOA, CNAME, DNAME) */
};

const struct rrtype *rrtype_by_code(uint16_t);	/* NULL when not in the table */

/* All types of the table in the order of their names; NULL behind the last. */
const struct rrtype *rrtype_nth(size_t);

/* Mnemonic in any case, or TYPEnnn (RFC 3597 5).  Returns false when neither. */
bool rrtype_parse(const char *text, size_t len, uint16_t *code);

#define RRTYPE_TEXT_MAX 16
const char *rrtype_print(char out[RRTYPE_TEXT_MAX], uint16_t code);
#endif
