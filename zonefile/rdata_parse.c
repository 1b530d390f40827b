#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/rdata_coded.h"
#include "zonefile/rdata_fields.h"
#include "zonefile/rdata_ldns.h"
#include "zonefile/rdata_rare.h"
#include "zonefile/rdata_word.h"
#include "zonefile/svcb.h"

/* What a field of each kind is called in a message. */
static const char *const kind_text[] = {
	[F_CNAME] = "a name", [F_NAME] = "a name", [F_U8] = "a number up to 255",
	[F_U16] = "a number up to 65535", [F_U32] = "a number up to 4294967295",
	[F_U64] = "a number up to 18446744073709551615",
	[F_PERIOD] = "a time like 3600 or 1h30m, at most 4294967295 seconds",
	[F_TIME] = "a date YYYYMMDDHHMMSS or seconds since 1970", [F_IPV4] = "an IPv4 address",
	[F_IPV6] = "an IPv6 address", [F_ID64] = "four groups of hexadecimal digits with colons between them", [F_TYPE] = "a record type",
	[F_ALG] = "a DNSSEC algorithm, by number or mnemonic", [F_STRING] = "a text",
	[F_DIGEST] = "a type of digest, by number or mnemonic", [F_PROTOCOL] = "a protocol, by number or mnemonic",
	[F_FLAGS] = "a number up to 65535, or flags by mnemonic",
	[F_CERT] = "a certificate type, by number or mnemonic",
	[F_MORE] = "a text", [F_STRINGS] = "a text", [F_TEXT] = "a text", [F_TAG] = "a tag of letters and digits",
	[F_HEX] = "hexadecimal digits in pairs", [F_BASE64] = "base64 data",
	[F_SALT] = "a salt in hexadecimal digits, or -", [F_HASH] = "a hash in base32hex",
	[F_BITMAP] = "record types",
	[F_SVCPARAMS] = "a service parameter",
	[F_GATEWAY] = "a gateway: . or IPv4 or IPv6 address or name, as the second number says",
	[F_KEY] = "base64 data",
	[F_PORTS] = "a protocol: TCP, UDP or a number",
	[F_NAMES] = "a name",
	[F_RELAY_TYPE] = "0 or 1, and then the type of the relay, 0 to 3",
	[F_RELAY] = "a relay: . or IPv4 or IPv6 address or name, as the third number says",
	[F_HIT] = "an algorithm by number, then a tag in hexadecimal digits, then a key in base64",
	[F_A6] = "the length of a prefix, 0 to 128", [F_A6_NAME] = "the name of the prefix",
	[F_SCHEME] = "NOTIFY or the number of a scheme",
	[F_DATA] = "base64 data, or -",
	[F_OPAQUE] = "\\# (RFC 3597)",
	[F_LOC] = "a latitude", [F_ATMA] = "an ATM address", [F_NSAP] = "an NSAP address",
};

bool __attribute__((format(printf, 3, 4), noinline, cold))
rdata_refuse(struct rdata_parser *p, size_t offset, const char *fmt, ...)
{
	va_list ap;

	p->error->word = p->word - p->first;
	p->error->offset = offset;
	va_start(ap, fmt);
	vsnprintf(p->error->text, sizeof(p->error->text), fmt, ap);
	va_end(ap);
	return false;
}

bool __attribute__((noinline, cold))
rdata_refuse_kind(struct rdata_parser *p, enum field kind)
{
	char shown[WORD_SHOW];

	return rdata_refuse(p, 0, "%s is not %s", word_show(shown, p->word), kind_text[kind]);
}

bool __attribute__((noinline, cold))
rdata_refuse_quoted(struct rdata_parser *p, enum field kind)
{
	char shown[WORD_SHOW];

	return rdata_refuse(p, 0, "%s stands in quotes where %s is needed", word_show(shown, p->word), kind_text[kind]);
}

static bool __attribute__((noinline, cold))
refuse_name(struct rdata_parser *p, int error)
{
	size_t at, octets;

	if (error == NAME_LABEL_LONG) {
		at = name_long_label(p->word->text, p->word->len, &octets);
		return rdata_refuse(p, at, "label of %zu octets, at most %d are allowed", octets, DLABEL_MAX);
	}
	return rdata_refuse(p, 0, "%s", name_error_text(error));
}

static inline bool
parse_name(struct rdata_parser *p)
{
	int len = name_parse_wide(p->at, p->word->text, p->word->len, p->origin, p->origin_len);

	if (len < 0)
		return refuse_name(p, len);
	p->at += len;
	return true;
}

static bool
parse_params(struct rdata_parser *p)
{
	const struct word *bad;
	int len = svcb_parse(p->at, p->limit - p->at, p->word, p->end - p->word, &bad,
	    p->error->text, sizeof(p->error->text));

	if (len < 0) {
		p->error->word = bad - p->first;
		p->error->offset = 0;
		return false;
	}
	p->at += len;
	p->word = p->end;
	return true;
}

/* Of what the octets before it say. */
static bool
parse_gateway(struct rdata_parser *p, unsigned type)
{
	const struct word *w = p->word;

	switch (type) {
	case 0:
		return (w->len == 1 && *w->text == '.') || rdata_refuse_kind(p, F_GATEWAY);
	case 1:
		if (!text_ipv4(w->text, w->len, p->at))
			return rdata_refuse_kind(p, F_IPV4);
		p->at += 4;
		return true;
	case 2:
		if (!text_ipv6(w->text, w->len, p->at))
			return rdata_refuse_kind(p, F_IPV6);
		p->at += 16;
		return true;
	case 3:
		return parse_name(p);
	}
	return rdata_refuse(p, 0, "gateways are of type 0 to 3, and not %u", type);
}

/* Stays at the second of the two words. */
static bool
parse_relay_type(struct rdata_parser *p)
{
	uint64_t discovery, type;

	if (!word_number(p->word, 1, &discovery))
		return rdata_refuse_kind(p, F_RELAY_TYPE);
	if (++p->word == p->end || !word_number(p->word, 3, &type))
		return rdata_refuse(p, 0, "the type of a relay is 0 to 3");
	*p->at++ = discovery << 7 | type;
	return true;
}

/* Stays at the last of the three words. */
static bool
parse_hit(struct rdata_parser *p)
{
	uint8_t *head = p->at, *tag = p->at + 4;
	const struct word *end = p->end;
	uint64_t algorithm;
	bool good;

	if (!word_number(p->word, UINT8_MAX, &algorithm) || end - p->word < 3)
		return rdata_refuse_kind(p, F_HIT);
	p->at = tag;
	p->end = ++p->word + 1;
	good = field_hex(p);
	p->end = end;
	if (!good)
		return false;
	head[0] = p->at - tag;
	if (p->at == tag || p->at - tag > UINT8_MAX) {
		p->word--;
		return rdata_refuse(p, 0, "a tag has 1 to 255 octets");
	}
	head[1] = algorithm;
	p->end = p->word + 1;
	good = field_base64(p);
	p->end = end;
	if (!good)
		return false;
	p->word--;
	head[2] = (p->at - tag - head[0]) >> 8;
	head[3] = p->at - tag - head[0];
	return p->at > tag + head[0] || rdata_refuse_kind(p, F_BASE64);
}

/* Stays at the last word. */
static bool
parse_a6(struct rdata_parser *p)
{
	uint8_t address[16];
	uint64_t bits;

	if (!word_number(p->word, 128, &bits))
		return rdata_refuse_kind(p, F_A6);
	*p->at++ = bits;
	if (bits == 128)
		return true;
	if (p->word + 1 == p->end) {
		p->word++;
		return rdata_refuse(p, 0, "A6 record ends where it needs an IPv6 address");
	}
	p->word++;
	if (!text_ipv6(p->word->text, p->word->len, address))
		return rdata_refuse_kind(p, F_IPV6);
	address[bits / 8] &= 0xff >> bits % 8;
	memcpy(p->at, address + bits / 8, 16 - bits / 8);
	p->at += 16 - bits / 8;
	return true;
}

static bool
parse_special(struct rdata_parser *p, enum field kind)
{
	const char *why;
	size_t bad;
	int len = rare_parse(kind, p->at, p->limit - p->at, p->word, p->end - p->word, &bad, &why);

	if (len < 0) {
		p->word += bad;
		return rdata_refuse(p, 0, "%s", why);
	}
	p->at += len;
	p->word = p->end;
	return true;
}

/* By name or number, one octet. */
static bool
parse_mnemonic(struct rdata_parser *p, enum field kind, const struct mnemonic *table)
{
	uint64_t v;

	if (!word_mnemonic(p->word, table, UINT8_MAX, &v))
		return rdata_refuse_kind(p, kind);
	*p->at++ = v;
	return true;
}

/* One field from the word, or from all that remain. */
static inline bool
parse_field(struct rdata_parser *p, enum field kind)
{
	uint64_t v;
	uint32_t seconds;
	uint16_t type;

	if ((p->word->flags & WORD_QUOTED) && kind != F_STRING && kind != F_MORE && kind != F_STRINGS && kind != F_TEXT)
		return rdata_refuse_quoted(p, kind);
	switch (kind) {
	case F_CNAME:
	case F_NAME:
		if (!parse_name(p))
			return false;
		break;
	case F_U8:
		if (!word_number(p->word, UINT8_MAX, &v))
			return rdata_refuse_kind(p, kind);
		*p->at++ = v;
		break;
	case F_U16:
		if (!word_number(p->word, UINT16_MAX, &v))
			return rdata_refuse_kind(p, kind);
		field_put16(p, v);
		break;
	case F_U32:
		if (!word_number(p->word, UINT32_MAX, &v))
			return rdata_refuse_kind(p, kind);
		field_put32(p, v);
		break;
	case F_U64:
		if (!word_u64(p->word, &v))
			return rdata_refuse_kind(p, kind);
		field_put32(p, v >> 32);
		field_put32(p, v);
		break;
	case F_PERIOD:
		if (!word_period(p->word, &v) || v > UINT32_MAX)
			return rdata_refuse_kind(p, kind);
		field_put32(p, v);
		break;
	case F_TIME:
		if (p->word->len == 14 ? !text_date(p->word->text, &seconds) :
		    !word_number(p->word, UINT32_MAX, &v))
			return rdata_refuse_kind(p, kind);
		field_put32(p, p->word->len == 14 ? seconds : v);
		break;
	case F_IPV4:
		if (!text_ipv4(p->word->text, p->word->len, p->at))
			return rdata_refuse_kind(p, kind);
		p->at += 4;
		break;
	case F_IPV6:
		if (!text_ipv6(p->word->text, p->word->len, p->at))
			return rdata_refuse_kind(p, kind);
		p->at += 16;
		break;
	case F_ID64:
		if (!text_id64(p->word->text, p->word->len, p->at))
			return rdata_refuse_kind(p, kind);
		p->at += 8;
		break;
	case F_TYPE:
		if (word_number(p->word, UINT16_MAX, &v))
			type = v;
		else if (!rrtype_parse(p->word->text, p->word->len, &type))
			return rdata_refuse_kind(p, kind);
		field_put16(p, type);
		break;
	case F_DIGEST:
		if (!parse_mnemonic(p, kind, rdata_digests))
			return false;
		break;
	case F_PROTOCOL:
		if (!parse_mnemonic(p, kind, rdata_key_protocols))
			return false;
		break;
	case F_FLAGS:
		if (!word_flags(p->word, &v))
			return rdata_refuse_kind(p, kind);
		field_put16(p, v);
		break;
	case F_ALG:
		if (!parse_mnemonic(p, kind, rdata_algorithms))
			return false;
		break;
	case F_CERT:
		if (!word_mnemonic(p->word, rdata_certificates, UINT16_MAX, &v))
			return rdata_refuse_kind(p, kind);
		field_put16(p, v);
		break;
	case F_STRING:
	case F_MORE:
		if (!field_string(p))
			return false;
		break;
	case F_STRINGS:
		for (; p->word < p->end; p->word++)
			if (!field_string(p))
				return false;
		return true;
	case F_TEXT:
		if (!field_text(p))
			return false;
		break;
	case F_TAG:
		if (!field_tag(p))
			return false;
		break;
	case F_HEX:
		return field_hex(p);
	case F_DATA:
		if (p->word->len == 1 && *p->word->text == '-')
			break;
		return field_base64(p);
	case F_BASE64:
	case F_KEY:
		return field_base64(p);
	case F_SALT:
		if (!field_salt(p))
			return false;
		break;
	case F_HASH:
		if (!field_hash(p))
			return false;
		break;
	case F_BITMAP:
		return field_bitmap(p);
	case F_SVCPARAMS:
		return parse_params(p);
	case F_PORTS:
		return field_ports(p);
	case F_GATEWAY:
		if (!parse_gateway(p, p->at[-2]))
			return false;
		break;
	case F_RELAY:
		if (!parse_gateway(p, p->at[-1] & 0x7f))
			return false;
		break;
	case F_RELAY_TYPE:
		if (!parse_relay_type(p))
			return false;
		break;
	case F_HIT:
		if (!parse_hit(p))
			return false;
		break;
	case F_A6:
		if (!parse_a6(p))
			return false;
		break;
	case F_A6_NAME:
		if (p->out[0] == 0)
			return rdata_refuse(p, 0, "a prefix of length 0 has no name");
		if (!parse_name(p))
			return false;
		break;
	case F_NAMES:
		for (; p->word < p->end; p->word++) {
			if (!parse_name(p))
				return false;
			if (p->at > p->limit)
				return rdata_refuse(p, 0, "RDATA above %d octets", RDATA_MAX);
		}
		return true;
	case F_SCHEME:
		if (!parse_mnemonic(p, kind, rdata_schemes))
			return false;
		break;
	case F_LOC:
	case F_APL:
	case F_ATMA:
	case F_NSAP:
	case F_NXTMAP:
		return parse_special(p, kind);
	case F_OPAQUE:
		return rdata_refuse(p, 0, "the type has no text but that of RFC 3597: \\# LENGTH HEX");
	case F_END:
		break;
	}
	p->word++;
	return true;
}

/* \# LENGTH HEX (RFC 3597 5). */
static bool
parse_generic(struct rdata_parser *p, uint16_t type, const uint8_t *out)
{
	char shown[RRTYPE_TEXT_MAX];
	uint64_t len;

	if (++p->word == p->end)
		return rdata_refuse(p, 0, "the length of the RDATA is missing behind \\#");
	if (!word_number(p->word, RDATA_MAX, &len))
		return rdata_refuse_kind(p, F_U16);
	p->word++;
	if (!field_hex(p))
		return false;
	p->word = p->first + 1;
	if ((uint64_t)(p->at - out) != len)
		return rdata_refuse(p, 0, "RDATA has %td octets and not %" PRIu64, p->at - out, len);
	p->word = p->first;
	return rdata_valid(type, out, len) ||
	    rdata_refuse(p, 0, "this is not RDATA of type %s", rrtype_print(shown, type));
}

/* The words as one line for ldns. */
static bool
parse_rare(struct rdata_parser *p, uint16_t type)
{
	size_t size = 1, at = 0;
	const char *why = "";
	char *text;
	int len;

	for (const struct word *w = p->word; w < p->end; w++)
		size += w->len + 3;
	text = xmalloc(size);
	for (const struct word *w = p->word; w < p->end; w++) {
		if (w > p->word && (w->flags & WORD_JOINED) == 0)
			text[at++] = ' ';
		if (w->flags & WORD_QUOTED)
			text[at++] = '"';
		memcpy(text + at, w->text, w->len);
		at += w->len;
		if (w->flags & WORD_QUOTED)
			text[at++] = '"';
	}
	text[at] = '\0';
	len = memchr(text, '\0', at) != NULL ? -1 :
	    rdata_ldns_parse(p->at, p->limit - p->at, type, text, p->origin, &why);
	free(text);
	if (len < 0) {
		char shown[RRTYPE_TEXT_MAX];

		return rdata_refuse(p, 0, "this is not RDATA of type %s: %s", rrtype_print(shown, type), why);
	}
	p->at += len;
	return true;
}

static bool
may_be_none(enum field kind, const uint8_t *out)
{
	return kind == F_MORE || kind == F_BITMAP || kind == F_SVCPARAMS || kind == F_KEY || kind == F_NAMES || kind == F_APL ||
	    kind == F_NXTMAP || (kind == F_A6_NAME && *out == 0);
}

int
rdata_parse(uint8_t out[RDATA_ROOM], uint16_t type, const struct word *word, size_t count,
    const uint8_t *origin, struct rdata_error *error)
{
	struct rdata_parser p = { word, word, word + count, origin, name_len(origin), out, out, out + RDATA_MAX, error };
	const struct rrtype *row = rrtype_by_code(type);
	char shown[WORD_SHOW];
	const char *fault;

	if (count > 0 && word->len == 2 && memcmp(word->text, "\\#", 2) == 0 &&
	    (word->flags & WORD_QUOTED) == 0)
		return parse_generic(&p, type, out) ? p.at - out : -1;
	if (row == NULL) {
		rdata_refuse(&p, 0, "RDATA of an unknown type must begin with \\# (RFC 3597)");
		return -1;
	}
	if (row->meta) {
		rdata_refuse(&p, 0, "type %s has no RDATA in a zone", row->name);
		return -1;
	}
	if (row->layout[0] == F_END)
		return parse_rare(&p, type) ? p.at - out : -1;
	for (const uint8_t *kind = row->layout; *kind != F_END; kind++) {
		if (p.word == p.end && !may_be_none(*kind, out)) {
			rdata_refuse(&p, 0, "%s record ends where it needs %s", row->name, kind_text[*kind]);
			return -1;
		}
		if (p.word < p.end && !parse_field(&p, *kind))
			return -1;
	}
	if (p.word < p.end) {
		rdata_refuse(&p, 0, "%s is more than type %s takes", word_show(shown, p.word), row->name);
		return -1;
	}
	if ((fault = rdata_fault(type, out, p.at - out)) != NULL) {
		p.word--;
		rdata_refuse(&p, 0, "%s", fault);
		return -1;
	}
	return p.at - out;
}

static void
first_text(void *ctx, const struct report *report)
{
	struct rdata_error *error = ctx;

	if (error->text[0] == '\0')
		snprintf(error->text, sizeof(error->text), "%s", report->text);
}

int
rdata_from_text(uint8_t out[RDATA_ROOM], uint16_t type, const char *text, size_t len,
    const uint8_t *origin, struct rdata_error *error)
{
	struct sink sink = { .fn = first_text, .ctx = error };
	enum scan_outcome outcome;
	struct scan scan;
	int n = -1;

	memset(error, 0, sizeof(*error));
	scan_text(&scan, "", text, len);
	outcome = scan_next(&scan, &sink);
	if (outcome == SCAN_RECORD || outcome == SCAN_END)
		n = rdata_parse(out, type, scan.word, scan.count, origin, error);
	if (n >= 0 && outcome == SCAN_RECORD && scan_next(&scan, &sink) != SCAN_END) {
		snprintf(error->text, sizeof(error->text), "more than one line");
		n = -1;
	}
	scan_close(&scan);
	return n;
}
