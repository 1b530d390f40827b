#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/sync/zone_text.h"
#include "zonefile/nsec3hash.h"
#include "zonefile/count.h"

static const struct rows_style strict = { 407, false }, lenient = { 407, true };

/* A record of x.example.test, and its row from type to prio; or why there is none. */
static const struct {
	const char *record;
	unsigned version;
	const char *row;
} texts[] = {
	{ "A 192.0.2.7", 407, "A|192.0.2.7|300|0" },
	{ "AAAA 2001:DB8:0:0:1::1", 407, "AAAA|2001:db8::1:0:0:1|300|0" },
	{ "AAAA ::ffff:192.0.2.1", 407, "AAAA|::ffff:c000:201|300|0" },
	{ "AAAA ::", 407, "AAAA|::|300|0" },
	{ "NS Sub.X", 407, "NS|Sub.X.example.test|300|0" },
	{ "CNAME .", 407, "CNAME|.|300|0" },
	{ "PTR we\\;ird\\.dot\\\\back\\000\\032\\200.", 407,
	    "PTR|we;ird\\.dot\\\\back\\000\\032\\200|300|0" },
	{ "MX 10 Mail", 407, "MX|Mail.example.test|300|10" },
	{ "MX 0 .", 407, "MX|.|300|0" },
	{ "SRV 1 5 5060 Sip.Example.Test.", 407, "SRV|5 5060 Sip.Example.Test|300|1" },
	{ "TXT \"say \\\"hi\\\"\" \"\" back\\\\slash \"semi;\\007\\127\\255\"", 407,
	    "TXT|\"say \\\"hi\\\"\" \"\" \"back\\\\slash\" \"semi;\\007\\127\\255\"|300|0" },
	{ "SPF \"v=spf1 -all\"", 407, "SPF|\"v=spf1 -all\"|300|0" },
	{ "CAA 0 issue \"letsencrypt.org; a=b\"", 407, "CAA|0 issue \"letsencrypt.org; a=b\"|300|0" },
	{ "NAPTR 100 10 \"S\" \"SIP+D2U\" \"!^.*$!sip:a@b.c!\" _sip._udp", 407,
	    "NAPTR|100 10 \"S\" \"SIP+D2U\" \"!^.*$!sip:a@b.c!\" _sip._udp.example.test|300|0" },
	{ "HINFO \"i 386\" Linux", 407, "HINFO|\"i 386\" \"Linux\"|300|0" },
	{ "URI 10 1 \"ftp://a.b/\"", 407, "URI|10 1 \"ftp://a.b/\"|300|0" },
	{ "LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", 407,
	    "LOC|52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m|300|0" },
	{ "LOC 0 0 0 N 0 0 0 E 0m 50000000m", 407, "! x.example.test LOC cannot be mirrored: "
	    "PowerDNS knows LOC with sizes of up to 42949672.95 m only" },
	{ "SSHFP 1 3 AABB CCDD", 407, "SSHFP|1 3 aabbccdd|300|0" },
	{ "TLSA 3 1 1 AA BB", 407, "TLSA|3 1 1 aabb|300|0" },
	{ "DS 60485 5 1 2BB183AF 5F22588179A53B0A98631FAD1A292118", 407,
	    "DS|60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118|300|0" },
	{ "DNSKEY 256 3 13 AQID BAUG", 407, "DNSKEY|256 3 13 AQIDBAUG|300|0" },
	{ "OPENPGPKEY AQ I=", 407, "OPENPGPKEY|AQI=|300|0" },
	{ "CERT 1 2 3 AQIDBA==", 407, "CERT|1 2 3 AQIDBA==|300|0" },
	{ "TYPE37 \\# 6 000000010100", 407, "! x.example.test CERT cannot be mirrored: PowerDNS refuses CERT of type 0" },
	{ "SVCB 1 foo alpn=h2,h3 port=8443 ipv4hint=192.0.2.9 key65333=\"ab\\001c\"", 407,
	    "SVCB|1 foo.example.test alpn=h2,h3 port=8443 ipv4hint=192.0.2.9 key65333=\"ab\\001c\"|300|0" },
	{ "HTTPS 1 . mandatory=alpn,port alpn=h2 no-default-alpn port=1 ech=AEX+DQ== ipv6hint=2001:db8::1", 407,
	    "HTTPS|1 . mandatory=alpn,port alpn=h2 no-default-alpn port=1 ech=\"AEX+DQ==\" ipv6hint=2001:db8::1|300|0" },
	{ "HTTPS 0 svc", 407, "HTTPS|0 svc.example.test|300|0" },
	{ "SVCB 1 foo key7=\"/q{?dns}\"", 407, "SVCB|1 foo.example.test key7=\"/q{?dns}\"|300|0" },
	{ "SVCB 1 foo key7=\"/q{?dns}\"", 501, "SVCB|1 foo.example.test dohpath=\"/q{?dns}\"|300|0" },
	{ "SVCB 1 foo key9=\"a(b;)\"", 407, "SVCB|1 foo.example.test key9=\"a\\040b\\059\\041\"|300|0" },
	{ "SVCB 1 foo key8", 407, "SVCB|1 foo.example.test key8=\"\"|300|0" },
	{ "SVCB 1 foo key8", 501, "SVCB|1 foo.example.test ohttp|300|0" },
	{ "APL 1:192.168.32.0/21 !2:2001:db8::/32", 407, "APL|1:192.168.32.0/21 !2:2001:db8::/32|300|0" },
	{ "TYPE42 \\# 4 00030000", 407, "! x.example.test APL cannot be mirrored: PowerDNS knows APL of IPv4 and IPv6 only" },
	{ "CSYNC 66 3 A NS AAAA TYPE65280", 407, "CSYNC|66 3 A NS AAAA TYPE65280|300|0" },
	{ "RP Mbox Txt", 407, "RP|Mbox.example.test Txt.example.test|300|0" },
	{ "AFSDB 1 db", 407, "AFSDB|1 db.example.test|300|0" },
	{ "KX 10 kx", 407, "KX|10 kx.example.test|300|0" },
	{ "EUI48 00-00-5E-00-53-2A", 407, "EUI48|00-00-5e-00-53-2a|300|0" },
	{ "EUI64 00-00-5e-ef-10-00-00-2a", 407, "EUI64|00-00-5e-ef-10-00-00-2a|300|0" },
	{ "NID 10 0014:4fff:ff20:ee64", 407, "NID|10 0014:4fff:ff20:ee64|300|0" },
	{ "L32 10 10.1.2.0", 407, "L32|10 10.1.2.0|300|0" },
	{ "L64 10 2001:0db8:1140:1000", 407, "L64|10 2001:0db8:1140:1000|300|0" },
	{ "LP 10 l64", 407, "LP|10 l64.example.test|300|0" },
	{ "IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", 407,
	    "IPSECKEY|10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==|300|0" },
	{ "TYPE45 \\# 7 0a0002000000ff", 407, "IPSECKEY|10 0 2 AAAA/w==|300|0" },
	{ "TYPE45 \\# 7 0a0003000102ff", 407, "! x.example.test IPSECKEY cannot be mirrored: "
	    "PowerDNS knows IPSECKEY of algorithms 0 to 2 only" },
	{ "TYPE65280 \\# 4 0A000001", 407, "TYPE65280|\\# 4 0a000001|300|0" },
	{ "TYPE65280 \\# 0", 407, "TYPE65280|\\# 0 |300|0" },
	{ "X25 \"311061700956\"", 407, "TYPE19|\\# 13 0c333131303631373030393536|300|0" },
	{ "RESINFO qnamemin", 407, "TYPE261|\\# 9 08716e616d656d696e|300|0" },
	{ "RESINFO qnamemin", 501, "RESINFO|\"qnamemin\"|300|0" },
	{ "TYPE65401 \\# 1 00", 407, "! x.example.test ALIAS cannot be mirrored: PowerDNS would answer with the addresses of its target, where we have the record alone" },
	{ "TYPE65402 \\# 4 00010161", 407, "! x.example.test LUA cannot be mirrored: PowerDNS would run it, where we have the record alone" },
};

static void
content_is_what_powerdns_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char *text = xasprintf(APEX "x %s\n", texts[i].record), why[512] = "";
		struct zone *zone = zone_from("example.test", text);
		struct rows_style style = { texts[i].version, false };
		struct sink sink = { .fn = last_report, .ctx = why };
		struct lines l = { 0 };
		char *got = NULL;
		int err;

		if (zone == NULL)
			fail_msg("%s: not loaded", texts[i].record);
		err = rows_each(zone, &style, &sink, lines_add, &l);
		for (size_t j = 0; j < l.count; j++)
			if (strncmp(l.line[j], "x.example.test|", 15) == 0)
				got = l.line[j] + 15;
		if (texts[i].row[0] == '!') {
			assert_int_equal(err, -ENOTSUP);
			assert_string_equal(why, texts[i].row + 2);
		} else {
			char *rest = NULL, *want = xasprintf("%s|", texts[i].row);

			assert_int_equal(err, 0);
			assert_non_null(got);
			rest = got + strlen(want) < got + strlen(got) ? got + strlen(want) : got;
			*rest = '\0';
			assert_string_equal(got, want);
			free(want);
		}
		lines_free(&l);
		zone_unref(zone);
		free(text);
	}
}

static void
check(const char *text, const struct rows_style *style, const char *const *want, size_t count)
{
	struct zone *zone = zone_from("example.test", text);
	struct lines l = { 0 };
	size_t at = 0;

	assert_non_null(zone);
	assert_int_equal(rows_each(zone, style, NULL, lines_add, &l), 0);
	/* All but the apex and ns, in their order. */
	for (size_t i = 0; i < l.count; i++) {
		if (strncmp(l.line[i], "example.test|", 13) == 0 || strncmp(l.line[i], "ns.example", 10) == 0)
			continue;
		assert_true(at < count);
		assert_string_equal(l.line[i], want[at++]);
	}
	assert_int_equal(at, count);
	lines_free(&l);
	zone_unref(zone);
}

static void
apex_and_soa_stand_as_they_should(void **state)
{
	struct zone *zone = zone_from("Example.Test", APEX);
	struct lines l = { 0 };

	(void)state;
	rows_each(zone, &strict, NULL, lines_add, &l);
	assert_int_equal(l.count, 3);
	assert_string_equal(l.line[0], "example.test|NS|ns.Example.Test|300|0|0|-|1");
	assert_string_equal(l.line[2], "example.test|SOA|ns.Example.Test hostmaster.Example.Test "
	    "7 3600 600 86400 60|300|0|0|-|1");
	lines_free(&l);
	zone_unref(zone);
}

static void
the_root_zone_is_a_dot(void **state)
{
	struct zone *zone = zone_from(".", "$TTL 300\n@ SOA . . 7 1 1 1 1\n@ NS a.nic.\na.nic A 192.0.2.1\n");
	struct lines l = { 0 };

	(void)state;
	rows_each(zone, &strict, NULL, lines_add, &l);
	assert_int_equal(l.count, 4);
	assert_string_equal(l.line[0], ".|NS|a.nic|300|0|0|-|1");
	assert_string_equal(l.line[1], "nic|-|-|-|-|0|-|1");
	assert_string_equal(l.line[2], "a.nic|A|192.0.2.1|300|0|0|-|1");
	assert_string_equal(l.line[3], ".|SOA|. . 7 1 1 1 1|300|0|0|-|1");
	lines_free(&l);
	zone_unref(zone);
}

static void
empty_non_terminals_have_rows(void **state)
{
	static const char *const rows[] = {
		"c.example.test|-|-|-|-|0|-|1",
		"b.c.example.test|-|-|-|-|0|-|1",
		"a.b.c.example.test|A|192.0.2.2|300|0|0|-|1",
		"w.example.test|-|-|-|-|0|-|1",
		"*.w.example.test|TXT|\"wild\"|300|0|0|-|1",
		"ent.w.example.test|-|-|-|-|0|-|1",
		"x.ent.w.example.test|TXT|\"x\"|300|0|0|-|1",
	};

	(void)state;
	check(APEX "A.B.C A 192.0.2.2\n*.w TXT wild\nx.ent.w TXT x\n", &strict, rows, COUNT(rows));
}

static void
below_a_cut_only_glue_is_seen(void **state)
{
	static const char *const rows[] = {
		"sub.example.test|NS|ns.sub.example.test|300|0|0|-|0",
		"sub.example.test|TXT|\"at\"|300|0|0|-|0",
		"sub.example.test|DS|1 8 9 aa|300|0|0|-|1",
		"glue.sub.example.test|-|-|-|-|0|-|0",
		"deep.glue.sub.example.test|A|192.0.2.3|300|0|0|-|0",
		"in.sub.example.test|NS|ns.sub.example.test|300|0|1|-|0",
		"in.sub.example.test|DS|1 8 9 bb|300|0|1|-|1",
		"a.in.sub.example.test|AAAA|2001:db8::1|300|0|0|-|0",
		"ns.sub.example.test|A|192.0.2.2|300|0|0|-|0",
		"ns.sub.example.test|TXT|\"hidden\"|300|0|1|-|0",
		"t.sub.example.test|-|-|-|-|1|-|0",
		"*.t.sub.example.test|TXT|\"hidden\"|300|0|1|-|0",
	};

	(void)state;
	check(APEX "sub NS ns.sub\nsub DS 1 8 9 aa\nsub TXT at\nns.sub A 192.0.2.2\nns.sub TXT hidden\n"
	    "deep.glue.sub A 192.0.2.3\nin.sub NS ns.sub\nin.sub DS 1 8 9 bb\na.in.sub AAAA 2001:db8::1\n"
	    "*.t.sub TXT hidden\n", &strict, rows, COUNT(rows));
}

static void
below_a_dname_nothing_is_seen(void **state)
{
	static const char *const rows[] = {
		"d.example.test|DNAME|example.org|300|0|0|-|1",
		"*.d.example.test|A|192.0.2.2|300|0|1|-|1",
		"e.d.example.test|-|-|-|-|1|-|1",
		"a.e.d.example.test|A|192.0.2.3|300|0|1|-|1",
	};

	(void)state;
	check(APEX "d DNAME example.org.\n*.d A 192.0.2.2\na.e.d A 192.0.2.3\n", &strict, rows, COUNT(rows));
}

static void
skipped_records_leave_their_name(void **state)
{
	static const char *const rows[] = {
		"x.example.test|-|-|-|-|0|-|1",
		"y.example.test|A|192.0.2.2|300|0|0|-|1",
	};

	(void)state;
	check(APEX "x TYPE65402 \\# 4 00010161\ny A 192.0.2.2\ny TYPE37 \\# 6 000000010100\ny CERT 1 1 1 AA==\n",
	    &lenient, rows, COUNT(rows));
}

#define SIGS(owner, type) owner " RRSIG " type " 13 2 300 20300101000000 20200101000000 1 example.test. AAAA\n"

static void
nsec_names_stand_reversed(void **state)
{
	struct zone *zone = zone_from("example.test", APEX
	    "@ NSEC d.c SOA NS\n" SIGS("@", "SOA") SIGS("@", "NSEC")
	    "D.c A 192.0.2.2\nd.c NSEC sub A\n" SIGS("d.c", "A")
	    "sub NS ns.sub\nns.sub A 192.0.2.3\nsub NSEC *.w NS\n" SIGS("sub", "NSEC")
	    "*.w TXT x\n*.w NSEC @ TXT\nplain A 192.0.2.4\n");
	static const char *const want[] = {
		"example.test|NS|ns.example.test|300|0|0||1",
		"example.test|RRSIG|SOA 13 2 300 20300101000000 20200101000000 1 example.test AAAA|300|0|0|-|1",
		"example.test|RRSIG|NSEC 13 2 300 20300101000000 20200101000000 1 example.test AAAA|300|0|0|-|1",
		"c.example.test|-|-|-|-|0|-|1",
		"d.c.example.test|A|192.0.2.2|300|0|0|c d|1",
		"d.c.example.test|RRSIG|A 13 2 300 20300101000000 20200101000000 1 example.test AAAA|300|0|0|-|1",
		"ns.example.test|A|192.0.2.1|300|0|0|-|1",
		"plain.example.test|A|192.0.2.4|300|0|0|-|1",
		"sub.example.test|NS|ns.sub.example.test|300|0|0|sub|0",
		"sub.example.test|RRSIG|NSEC 13 2 300 20300101000000 20200101000000 1 example.test AAAA|300|0|0|-|1",
		"ns.sub.example.test|A|192.0.2.3|300|0|0|-|0",
		"w.example.test|-|-|-|-|0|-|1",
		"*.w.example.test|TXT|\"x\"|300|0|0|w *|1",
		"example.test|SOA|ns.example.test hostmaster.example.test 7 3600 600 86400 60|300|0|0||1",
	};
	struct rows_meta meta;
	struct lines l = { 0 };

	(void)state;
	assert_non_null(zone);
	assert_int_equal(rows_each(zone, &strict, NULL, lines_add, &l), 0);
	assert_int_equal(l.count, COUNT(want));
	for (size_t i = 0; i < l.count; i++)
		assert_string_equal(l.line[i], want[i]);
	rows_meta(zone, &meta);
	assert_true(meta.presigned);
	assert_string_equal(meta.nsec3param, "");
	lines_free(&l);
	zone_unref(zone);
}

static const struct nsec3_params params = { 1, 0, 1, 1, { 0xab } };

/* The NSEC3 of a name, which need not exist. */
static size_t
nsec3_line(char *out, const char *relative, unsigned flags)
{
	static const uint8_t origin[] = "\7example\4test";
	uint8_t name[DNAME_MAX], hash[NSEC3_HASH];
	char text[NSEC3_TEXT];

	name_parse(name, relative, strlen(relative), origin);
	nsec3_hash(&params, name, hash);
	base32hex_encode(text, hash, sizeof(hash));
	return (size_t)sprintf(out, "%.32s NSEC3 1 %u 1 ab 00000000000000000000000000000000 A\n"
	    "%.32s RRSIG NSEC3 13 3 300 20300101000000 20200101000000 1 example.test. AAAA\n",
	    text, flags, text);
}

static void
nsec3_names_are_hashed_where_the_chain_has_them(void **state)
{
	char *text = xmalloc(65536), *want;
	struct zone *zone;
	struct rows_meta meta;
	struct lines l = { 0 };
	struct { const char *name; bool in; int auth; } rows[] = {
		/* An empty non-terminal in the chain; one of an insecure delegation; a delegation in and one out. */
		{ "b.a|-|-|-|-|0", true, 1 }, { "c|-|-|-|-|0", false, 0 },
		{ "sub.b.a|NS|ns.example.test|300|0|0", true, 0 },
		{ "sub.c|NS|ns.example.test|300|0|0", false, 0 },
	};
	size_t len = (size_t)sprintf(text, APEX SIGS("@", "SOA")
	    "@ NSEC3PARAM 1 0 1 ab\nsub.b.a NS ns\nsub.c NS ns\n");

	(void)state;
	len += nsec3_line(text + len, "@", 1);
	len += nsec3_line(text + len, "b.a", 1);
	nsec3_line(text + len, "sub.b.a", 1);
	zone = zone_from("example.test", text);
	assert_non_null(zone);
	assert_int_equal(rows_each(zone, &strict, NULL, lines_add, &l), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char owner[64], hash[512] = "-";
		size_t found = 0, bar = strcspn(rows[i].name, "|");

		snprintf(owner, sizeof(owner), "%.*s", (int)bar, rows[i].name);
		if (rows[i].in)
			nsec3_line(hash, owner, 1);
		want = xasprintf("%s.example.test%s|%.*s|%d", owner, rows[i].name + bar,
		    rows[i].in ? 32 : 1, hash, rows[i].auth);
		for (size_t j = 0; j < l.count; j++)
			found += strcmp(l.line[j], want) == 0;
		if (found != 1)
			fail_msg("%zu rows %s", found, want);
		free(want);
	}
	rows_meta(zone, &meta);
	assert_true(meta.presigned);
	assert_string_equal(meta.nsec3param, "1 1 1 ab");
	lines_free(&l);
	zone_unref(zone);
	free(text);
}

static void
signatures_without_a_chain_are_left_out(void **state)
{
	static const char *const rows[] = {
		"s.example.test|-|-|-|-|0|-|1",
		"x.example.test|A|192.0.2.2|300|0|0|-|1",
	};

	(void)state;
	check(APEX "x A 192.0.2.2\n" SIGS("x", "A") SIGS("s", "TXT"), &strict, rows, COUNT(rows));
}

static void
a_chain_without_signatures_is_left_out(void **state)
{
	static const char *const rows[] = { "x.example.test|A|192.0.2.2|300|0|0|-|1" };

	(void)state;
	check(APEX "@ NSEC x SOA NS\nx A 192.0.2.2\nx NSEC @ A\n", &strict, rows, COUNT(rows));
}

static void
chains_that_powerdns_cannot_follow_are_refused(void **state)
{
	static const struct { const char *text, *why; } rows[] = {
		{ "@ NSEC a\\.b SOA NS\na\\.b NSEC @ A\n", "a\\.b.example.test NSEC cannot be mirrored: "
		    "PowerDNS sorts names with escaped octets by the escapes" },
		{ "00000000000000000000000000000000 NSEC3 1 0 1 ab 00000000000000000000000000000000 A\n",
		    "example.test cannot be mirrored: it is signed, but its apex has neither NSEC nor NSEC3PARAM" },
		{ "@ NSEC3PARAM 1 0 1 ab\n"
		    "00000000000000000000000000000000 NSEC3 1 0 1 ab 10000000000000000000000000000000 A\n"
		    "10000000000000000000000000000000 NSEC3 1 1 1 ab 00000000000000000000000000000000 A\n",
		    "00000000000000000000000000000000.example.test NSEC3 cannot be mirrored: "
		    "PowerDNS knows no chain that is opt-out in parts" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = xasprintf(APEX SIGS("@", "SOA") "%s", rows[i].text), why[512] = "";
		struct sink sink = { .fn = last_report, .ctx = why };
		struct zone *zone = zone_from("example.test", text);
		struct lines l = { 0 };

		assert_non_null(zone);
		assert_int_equal(rows_each(zone, &strict, &sink, lines_add, &l), -ENOTSUP);
		assert_string_equal(why, rows[i].why);
		lines_free(&l);
		zone_unref(zone);
		free(text);
	}
}

static void
a_dname_is_warned_of_once(void **state)
{
	char why[512] = "";
	struct sink sink = { .fn = last_report, .ctx = why };
	struct zone *zone = zone_from("example.test", APEX "d DNAME example.org.\nx.d DNAME example.net.\n"
	    "e DNAME example.org.\n");
	struct lines l = { 0 };

	(void)state;
	assert_int_equal(rows_each(zone, &strict, &sink, lines_add, &l), 0);
	assert_int_equal(sink.warnings, 1);
	assert_string_equal(why, "d.example.test DNAME: PowerDNS heeds it only with dname-processing=yes");
	lines_free(&l);
	zone_unref(zone);
}

static void
too_long_is_refused(void **state)
{
	char *text = xmalloc(400000), why[512] = "";
	size_t len = (size_t)sprintf(text, APEX "x TXT");
	struct sink sink = { .fn = last_report, .ctx = why };
	struct lines l = { 0 };
	struct zone *zone;

	(void)state;
	for (int i = 0; i < 70; i++) {
		len += (size_t)sprintf(text + len, " \"");
		for (int j = 0; j < 240; j++)
			len += (size_t)sprintf(text + len, "\\001");
		len += (size_t)sprintf(text + len, "\"");
	}
	sprintf(text + len, "\n");
	zone = zone_from("example.test", text);
	assert_non_null(zone);
	assert_int_equal(rows_each(zone, &strict, &sink, lines_add, &l), -ENOTSUP);
	assert_string_equal(why, "x.example.test TXT cannot be mirrored: its text is longer than the 64000 "
	    "characters of PowerDNS's column");
	lines_free(&l);
	zone_unref(zone);

	len = (size_t)sprintf(text, APEX);
	for (int i = 0; i < 62; i++)
		len += (size_t)sprintf(text + len, "\\001");
	len += (size_t)sprintf(text + len, ".bbbbbb");
	sprintf(text + len, " A 192.0.2.2\n");
	zone = zone_from("example.test", text);
	assert_non_null(zone);
	assert_int_equal(rows_each(zone, &strict, &sink, lines_add, &l), -ENOTSUP);
	assert_non_null(strstr(why, "its name is longer than the 255"));
	lines_free(&l);
	zone_unref(zone);
	free(text);
}

/* A table in memory. */
struct table {
	struct lines rows;
	size_t gone, come;
};

static int
apply(void *ctx, const struct row *from, const struct row *to)
{
	struct table *t = ctx;
	struct lines *l = &t->rows;

	t->gone += from != NULL;
	t->come += to != NULL;

	if (from != NULL) {
		char *line = row_line(from);
		size_t i;

		for (i = 0; i < l->count && strcmp(l->line[i], line) != 0; i++)
			;
		if (i == l->count)
			fail_msg("no row %s", line);
		free(line);
		if (to != NULL) {
			assert_string_equal(from->name, to->name);
			assert_int_equal(from->type == NULL, to->type == NULL);
			if (to->type != NULL)
				assert_string_equal(from->type, to->type);
			line = row_line(to);
			assert_string_not_equal(l->line[i], line);
			free(l->line[i]);
			l->line[i] = line;
			return 0;
		}
		free(l->line[i]);
		l->line[i] = l->line[--l->count];
		return 0;
	}
	return lines_add(l, to);
}

static unsigned seed = 1;

static unsigned
dice(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* chain 1: NSEC, 2: NSEC3, 3: NSEC3 with opt-out.
 * Records of a small tree of names, so that cuts, DNAMEs, glue and empty non-terminals come and go. */
static void
random_zone(char *text, unsigned chain, uint8_t *has, bool fresh)
{
	static const char *const owner[] = {
		"a", "b.a", "c.b.a", "*.a", "d", "e.d", "f.e.d", "g.f.e.d", "x.y.z", "y.z", "z", "w.x.y.z",
	};
	static const char *const data[] = {
		"A 192.0.2.1", "A 192.0.2.2", "A 192.0.2.3", "AAAA 2001:db8::1", "TXT a", "TXT A", "MX 10 a",
		"MX 20 a", "MX 20 b", "NS ns", "NS ns.a", "DS 1 8 9 aa", "DNAME example.org.",
		"TYPE65402 \\# 4 00010161", "NSEC",
	};
	size_t len = (size_t)sprintf(text, "$TTL 300\n@ SOA ns hostmaster %u 3600 600 86400 60\n@ NS ns\n"
	    "ns A 192.0.2.1\n", dice(1000000));

	/* Now and then the zone is not signed, whatever else it has. */
	if (chain > 0 && dice(8) > 0)
		len += (size_t)sprintf(text + len, SIGS("@", "SOA"));
	if (chain == 1)
		len += (size_t)sprintf(text + len, "@ NSEC a SOA NS\n");
	if (chain > 1) {
		len += (size_t)sprintf(text + len, "@ NSEC3PARAM 1 0 1 ab\n");
		len += nsec3_line(text + len, "@", chain - 2);
	}
	for (size_t i = 0; i < COUNT(owner); i++) {
		for (size_t j = 0; j < COUNT(data); j++) {
			uint8_t *h = &has[i * COUNT(data) + j];
			unsigned ttl = 300;

			if (fresh ? dice(6) == 0 : dice(40) == 0)
				*h = *h == 0 ? (uint8_t)(1 + dice(2)) : 0;
			if (*h == 0 || (strncmp(data[j], "DNAME", 5) == 0 && owner[i][0] == '*'))
				continue;
			if (strncmp(data[j], "NS ", 3) == 0 && owner[i][0] == '*')
				continue;
			if (strcmp(data[j], "NSEC") == 0) {
				if (chain == 1)
					len += (size_t)sprintf(text + len, "%s NSEC a A\n" SIGS("%s", "NSEC"),
					    owner[i], owner[i]);
				else if (chain > 1)
					len += nsec3_line(text + len, owner[i], chain - 2);
				continue;
			}
			/* One TTL for a set: that of its first letter. */
			ttl += has[i * COUNT(data)] * 10u;
			len += (size_t)sprintf(text + len, "%s %u %s\n", owner[i], ttl, data[j]);
		}
	}
}

/* Lines of a that are not in b; both are sorted. */
static size_t
only_in(const struct lines *a, const struct lines *b)
{
	size_t n = 0, j = 0;

	for (size_t i = 0; i < a->count; i++) {
		while (j < b->count && strcmp(b->line[j], a->line[i]) < 0)
			j++;
		if (j < b->count && strcmp(b->line[j], a->line[i]) == 0)
			j++;
		else
			n++;
	}
	return n;
}

static void
check_difference(const struct zone *old, const struct zone *new, const char *text)
{
	struct delta *delta = delta_between(old, new);
	struct lines from = { 0 }, to = { 0 };
	struct table table = { 0 };

	rows_each(old, &lenient, NULL, lines_add, &from);
	rows_each(old, &lenient, NULL, lines_add, &table.rows);
	rows_each(new, &lenient, NULL, lines_add, &to);
	assert_int_equal(rows_diff(old, new, delta, &lenient, NULL, apply, &table), 0);
	lines_sort(&from);
	lines_sort(&to);
	lines_sort(&table.rows);
	for (size_t i = 0; i < table.rows.count && i < to.count; i++)
		if (strcmp(table.rows.line[i], to.line[i]) != 0)
			fail_msg("%s for %s\n%s", table.rows.line[i], to.line[i], text);
	assert_int_equal(table.rows.count, to.count);
	assert_int_equal(table.gone, only_in(&from, &to));
	assert_int_equal(table.come, only_in(&to, &from));
	lines_free(&from);
	lines_free(&to);
	lines_free(&table.rows);
	delta_free(delta);
}

static void
a_difference_makes_the_new_rows_of_the_old(void **state)
{
	uint8_t has[200] = { 0 };
	char *text = xmalloc(65536);
	struct zone *old = NULL, *new;
	unsigned zones = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		random_zone(text, (unsigned)round / 25 % 4, has, round % 100 == 0);
		if ((new = zone_from("example.test", text)) == NULL)
			continue;
		if (old != NULL)
			check_difference(old, new, text);
		zone_unref(old);
		old = new;
		zones++;
	}
	assert_true(zones > 2000);
	zone_unref(old);
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_is_what_powerdns_writes),
		cmocka_unit_test(apex_and_soa_stand_as_they_should),
		cmocka_unit_test(the_root_zone_is_a_dot),
		cmocka_unit_test(empty_non_terminals_have_rows),
		cmocka_unit_test(below_a_cut_only_glue_is_seen),
		cmocka_unit_test(below_a_dname_nothing_is_seen),
		cmocka_unit_test(skipped_records_leave_their_name),
		cmocka_unit_test(nsec_names_stand_reversed),
		cmocka_unit_test(nsec3_names_are_hashed_where_the_chain_has_them),
		cmocka_unit_test(signatures_without_a_chain_are_left_out),
		cmocka_unit_test(a_chain_without_signatures_is_left_out),
		cmocka_unit_test(chains_that_powerdns_cannot_follow_are_refused),
		cmocka_unit_test(a_dname_is_warned_of_once),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(a_difference_makes_the_new_rows_of_the_old),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
