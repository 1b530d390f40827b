#include "zonefile/rdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zonefile/name.h"
#include "zonefile/count.h"

#define H16 "00112233445566778899aabbccddeeff"

static const uint8_t origin[] = "\7example\3org";
static uint8_t wire[RDATA_ROOM], again[RDATA_ROOM];
static char text[5 * RDATA_MAX];

static uint16_t
type_of(const char *name)
{
	uint16_t code = 0;

	assert_true(rrtype_parse(name, strlen(name), &code));
	return code;
}

static const struct { const char *type, *in, *out, *hex; } good[] = {
	{ "A", "192.0.2.255", NULL, "C00002FF" },
	{ "A", "0.0.0.0", NULL, "00000000" },
	{ "AAAA", "::", NULL, "00000000000000000000000000000000" },
	{ "AAAA", "::1", NULL, "00000000000000000000000000000001" },
	{ "AAAA", "1::", NULL, "00010000000000000000000000000000" },
	{ "AAAA", "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "20010DB8000000000001000000000001" },
	{ "AAAA", "2001:db8:0:1:1:1:1:1", NULL, "20010DB8000000010001000100010001" },
	{ "AAAA", "2001:0:0:1:0:0:0:1", "2001:0:0:1::1", "20010000000000010000000000000001" },
	{ "AAAA", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", "00010002000300040005000600070000" },
	{ "AAAA", "::ffff:192.0.2.1", NULL, "00000000000000000000FFFFC0000201" },
	{ "AAAA", "64:ff9b::192.0.2.33", "64:ff9b::c000:221", "0064FF9B0000000000000000C0000221" },
	{ "AAAA", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304", "00010002000300040005000601020304" },
	{ "NS", "ns1", "ns1.example.org.", "036E7331076578616D706C65036F726700" },
	{ "NS", "@", "example.org.", "076578616D706C65036F726700" },
	{ "NS", "NS1.Example.", "NS1.Example.", "034E5331074578616D706C6500" },
	{ "NS", "a\\.b\\032c.", "a\\.b\\032c.", "05612E62206300" },
	{ "SOA", "a. b. 1 1h 1H30m 1w2d3h4m5s 4294967295", "a. b. 1 3600 5400 788645 4294967295",
	    "0161000162000000000100000E1000001518000C08A5FFFFFFFF" },
	{ "MX", "0 .", NULL, "000000" },
	{ "TXT", "a b\\ c \"d;e (f) \\\"g\\\\\" \"\" \\065", "\"a\" \"b c\" \"d;e (f) \\\"g\\\\\" \"\" \"A\"",
	    "0161036220630B643B65202866292022675C000141" },
	{ "TXT", "\"\\000\\255\"", NULL, "0200FF" },
	{ "HINFO", "PC \"x y\"", "\"PC\" \"x y\"", "02504303782079" },
	{ "SRV", "1 2 65535 h.", NULL, "00010002FFFF016800" },
	{ "CAA", "128 issue \"ca.example; a=b\"", NULL, "800569737375" "6563612E6578616D706C653B20613D62" },
	{ "CAA", "0 issue ca", "0 issue \"ca\"", "000569737375656361" },
	{ "URI", "1 2 \"\"", NULL, "00010002" },
	{ "DS", "12345 RSASHA256 9 00 11 2233", "12345 8 9 00112233", "3039080900112233" },
	{ "DS", "1 8 sha-1 00112233445566778899aabbccddeeff00112233", "1 8 1 00112233445566778899AABBCCDDEEFF00112233", NULL },
	{ "CDS", "0 0 0 00", NULL, "0000000000" },
	{ "DNSKEY", "256 3 ecdsap256sha256 AQ ID BA==", "256 3 13 AQIDBA==", "0100030D01020304" },
	{ "CDNSKEY", "0 3 0 AA==", NULL, "0000030000" },
	{ "RRSIG", "A 13 2 300 20380119031408 20180101000000 1 example. AQID",
	    NULL, "00010D020000012C800000005A497A0000" "01076578616D706C6500010203" },
	{ "RRSIG", "TYPE65534 13 2 300 1517443200 0 1 . AQI=", "TYPE65534 13 2 300 20180201000000 19700101000000 1 . AQI=",
	    "FFFE0D020000012C5A725880000000000001000102" },
	{ "RRSIG", "A 8 0 1 21060207062815 20240229235959 1 . AQID",
	    NULL, "000108000000" "0001FFFFFFFF65E11A7F000100010203" },
	{ "NSEC", "a. A NSEC TYPE1234 RRSIG", "a. A RRSIG NSEC TYPE1234",
	    "0161000006400000000003041B000000000000000000000000000000000000000000000000000020" },
	{ "NSEC3", "1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG",
	    "1 1 12 AABBCCDD 2VPTU5TIMAMQTTGL4LUU9KG21E0AOR3S A RRSIG",
	    "0101000C04AABBCCDD1417F3DF17B2B2ADAEF615257DE4D2020B80AC6C7C0006400000000002" },
	{ "NSEC3", "2 0 0 - 00", NULL, "020000000001" "00" },
	{ "NSEC3PARAM", "1 0 10 -", NULL, "0100000A00" },
	{ "TLSA", "3 1 1 " H16, "3 1 1 00112233445566778899AABBCCDDEEFF", "03010100112233445566778899AABBCCDDEEFF" },
	{ "NAPTR", "100 50 \"s\" \"z3950+I2L+I2C\" \"\" _z._tcp.g.", "100 50 \"s\" \"z3950+I2L+I2C\" \"\" _z._tcp.g.", NULL },
	{ "RP", "a. b.", NULL, "016100016200" },
	{ "LUA", "A \"ifportup(443, {'192.0.2.1'})\"", NULL, NULL },
	{ "ALIAS", "x", "x.example.org.", NULL },
	{ "TYPE65280", "\\# 0", NULL, "" },
	{ "TYPE65280", "\\# 3 01 0203", "\\# 3 010203", "010203" },
	{ "A", "\\# 4 C0000201", "192.0.2.1", "C0000201" },
	{ "MX", "\\# 4 000a 0000", NULL, NULL },	/* made invalid below */
	{ "IPSECKEY", "10 0 2 . AQID", NULL, "0A0002010203" },
	{ "IPSECKEY", "10 1 2 192.0.2.38 AQID", NULL, "0A0102C0000226010203" },
	{ "IPSECKEY", "10 2 2 2001:db8::1 AQID", NULL, "0A020220010DB8000000000000000000000001010203" },
	{ "IPSECKEY", "10 3 2 gw AQID", "10 3 2 gw.example.org. AQID", NULL },
	{ "IPSECKEY", "10 3 0 gw.", NULL, "0A030002677700" },
	{ "WKS", "192.0.2.1 tcp smtp 80 0", "192.0.2.1 6 0 25 80", "C000020106" "8000004000000000000080" },
	{ "WKS", "192.0.2.1 255", NULL, "C0000201FF" },
	/* RFC 9460 D */
	{ "HTTPS", "0 foo.example.com.", NULL, "000003666F6F076578616D706C6503636F6D00" },
	{ "SVCB", "1 .", NULL, "000100" },
	{ "SVCB", "16 foo. port=53", NULL, "001003666F6F00" "000300020035" },
	{ "SVCB", "1 f. key667=hello", "1 f. key667=\"hello\"", "00010166" "00029B000568656C6C6F" },
	{ "SVCB", "1 f. key667=\"hello\\210qoo\"", NULL, "00010166" "00029B000968656C6C6FD2716F6F" },
	{ "SVCB", "1 f. ipv6hint=\"2001:db8::1,2001:db8::53:1\"", "1 f. ipv6hint=2001:db8::1,2001:db8::53:1",
	    "00010166000006002020010DB8000000000000000000000001" "20010DB8000000000000000000530001" },
	{ "SVCB", "16 foo. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
	    "16 foo. mandatory=alpn,ipv4hint alpn=\"h2,h3-19\" ipv4hint=192.0.2.1",
	    "001003666F6F00" "000000040001000400010009" "026832" "0568332D3139" "00040004C0000201" },
	{ "SVCB", "16 foo. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"", NULL, "001003666F6F00" "0001000C08665C6F6F2C626172026832" },
	{ "SVCB", "16 foo. alpn=f\\\\\\092oo\\092,bar,h2", "16 foo. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
	    "001003666F6F00" "0001000C08665C6F6F2C626172026832" },
	{ "HTTPS", "1 . ech=AQID dohpath=/dns-query{?dns} ohttp no-default-alpn alpn=h3 key65534 port=\"1\"",
	    "1 . alpn=\"h3\" no-default-alpn port=1 ech=AQID dohpath=\"/dns-query{?dns}\" ohttp key65534", NULL },
	{ "HTTPS", "1 . tls-supported-groups=29,23 docpath=a,b mandatory=docpath",
	    "1 . mandatory=key10 key9=\"\\000\\029\\000\\023\" key10=\"\\001a\\001b\"",
	    "000100" "00000002000A" "00090004001D0017" "000A000401610162" },
	{ "SVCB", "1 . docpath", "1 . key10", "000100" "000A0000" },
	{ "LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", NULL, "00001613" "8B3CF018" "810CBCE0" "009895B8" },
	{ "LOC", "52 s 4 w 0", "52 0 0.000 S 4 0 0.000 W 0.00m 1m 10000m 10m", "00121613" "74D78E00" "7F244600" "00989680" },
	{ "LOC", "90 0 0 N 180 0 0 W 42849672.95m 0.35 90000000m 199.9", "90 0 0.000 N 180 0 0.000 W 42849672.95m 0.30m 90000000m 100m",
	    "00319914" "934FD900" "59604E00" "FFFFFFFF" },
	{ "APL", "1:192.168.32.0/21 !2:ff00::/8", NULL, "00011503C0A820" "00020881FF" },
	{ "APL", "", NULL, "" },
	{ "NXT", "a. NS SOA NXT", NULL, "016100" "22000002" },
	{ "A6", "0 ::1", NULL, "00" "00000000000000000000000000000001" },
	{ "A6", "60 1:2:3:4:5::6 p", "60 ::4:5:0:0:6 p.example.org.", "3C" "040005000000000006" "0170076578616D706C65036F726700" },
	{ "A6", "128 p.", NULL, "80" "017000" },
	{ "ATMA", "+61200000000", NULL, "013631323030303030303030" },
	{ "ATMA", "47.0005.80", "47000580", "0047000580" },
	{ "NSAP", "0X47.0005.80", "0x47000580", "47000580" },
	{ "EID", "aa BB", "AABB", "AABB" },
	{ "NIMLOC", "AABB", NULL, "AABB" },
	{ "SINK", "1 2 3 AQID", NULL, "010203010203" },
	{ "NULL", "\\# 2 aabb", "\\# 2 AABB", "AABB" },
	{ "DOA", "1 2 1 \"text/plain\" AQID", NULL, "0000000100000002" "01" "0A746578742F706C61696E" "010203" },
	{ "DOA", "1 2 1 \"\" -", NULL, "0000000100000002" "0100" },
	{ "SSHFP", "1 0 AABBCC", NULL, "0100AABBCC" },
	{ "ATMA", "\\# 3 050102", "\\# 3 050102", "050102" },
	{ "AMTRELAY", "\\# 3 010401", NULL, "010401" },
	{ "AMTRELAY", "10 0 0 .", NULL, "0A00" },
	{ "AMTRELAY", "10 1 1 203.0.113.15", NULL, "0A81CB00710F" },
	{ "AMTRELAY", "10 0 2 2001:db8::15", NULL, "0A0220010DB8000000000000000000000015" },
	{ "AMTRELAY", "128 1 3 r", "128 1 3 r.example.org.", "8083" "0172076578616D706C65036F726700" },
	{ "DSYNC", "CDS notify 5359 s.", "CDS NOTIFY 5359 s.", "003B0114EF017300" },
	{ "DSYNC", "CSYNC 7 1 .", NULL, "003E07000100" },
	{ "HHIT", "AQID", NULL, "010203" },
	{ "BRID", "AQ ID", "AQID", "010203" },
	{ "RESINFO", "qnamemin exterr=15,16", "\"qnamemin\" \"exterr=15,16\"", NULL },
	{ "CLA", "tcp-4-v6", "\"tcp-4-v6\"", NULL },
	{ "IPN", "0", NULL, "0000000000000000" },
	{ "IPN", "977000", NULL, "00000000000EE868" },
	{ "IPN", "18446744073709551615", NULL, "FFFFFFFFFFFFFFFF" },
	{ "UNSPEC", "\\# 2 aabb", "\\# 2 AABB", "AABB" },
	{ "UINFO", "\\# 0", NULL, "" },
	{ "WALLET", "ETH 0x1", "\"ETH\" \"0x1\"", NULL },
	{ "X25", "\"311061700956\"", NULL, "0C333131303631373030393536" },
	{ "ISDN", "\"15\" \"004\"", NULL, "02313503303034" },
	{ "ISDN", "15", "\"15\"", "023135" },
	{ "ISDN", "\"\" \"\"", NULL, "0000" },
	{ "LOC", "52 N 4 E .5 .03", "52 0 0.000 N 4 0 0.000 E 0.50m 0.03m 10000m 10m", NULL },
	{ "NSAP", "0x4.700.05", "0x470005", "470005" },
	{ "ATMA", "4.7.00.05", "470005", "00470005" },
	{ "ATMA", "+61.2", "+612", "01363132" },
	{ "KEY", "NOKEY|ZONE EMAIL 0", "49408 2 0", "C1000200" },
	{ "KEY", "ZONE DNSSEC RSASHA1 AQID", "256 3 5 AQID", "01000305010203" },
	{ "ZONEMD", "1 1 3 00112233445566778899AABB", NULL, "00000001010300112233445566778899AABB" },
	{ "SVCB", "1 . key1=\"\\002h2\" key3=ab", "1 . alpn=\"h2\" port=24930", "000100" "00010003026832" "000300026162" },
	{ "HTTPS", "1 . ech", NULL, "000100" "00050000" },
	{ "CERT", "pkix 1 RSASHA256 AQID", "PKIX 1 8 AQID", "0001000108010203" },
	{ "CERT", "65280 0 0 AQID", NULL, "FF00000000010203" },
	{ "HIP", "2 200100107B1A74DF365639CC39F1D578 AwEA", NULL, NULL },
	{ "HIP", "2 20 AwEA rvs", "2 20 AwEA rvs.example.org.", "010200032003010003" "727673076578616D706C65036F726700" },
	{ "EUI48", "00-00-5e-00-53-2a", NULL, "00005E00532A" },
	{ "EUI64", "00-00-5e-ef-10-00-00-2a", NULL, "00005EEF1000002A" },
	{ "NID", "10 14:4fff:FF20:0", "10 0014:4fff:ff20:0000", "000A00144FFFFF200000" },
	{ "L64", "10 2001:0DB8:1140:1000", "10 2001:0db8:1140:1000", "000A20010DB811401000" },
};

static void
to_hex(char *out, const uint8_t *rdata, size_t len)
{
	*out = '\0';
	for (size_t i = 0; i < len; i++)
		out += sprintf(out, "%02X", rdata[i]);
}

static void
text_becomes_rdata_and_text_again(void **state)
{
	struct rdata_error error;
	char hex[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		uint16_t type = type_of(good[i].type);
		int len = rdata_from_text(wire, type, good[i].in, strlen(good[i].in), origin, &error);

		if (strcmp(good[i].in, "\\# 4 000a 0000") == 0) {
			assert_int_equal(len, -1);
			continue;
		}
		if (len < 0)
			fail_msg("%s %s: %s", good[i].type, good[i].in, error.text);
		assert_true(rdata_valid(type, wire, len));
		to_hex(hex, wire, len);
		if (good[i].hex != NULL && strncmp(hex, good[i].hex, strlen(good[i].hex)) != 0)
			fail_msg("%s %s: %s and not %s", good[i].type, good[i].in, hex, good[i].hex);
		size_t n = rdata_print(text, sizeof(text), type, wire, len, NULL);
		assert_int_equal(n, strlen(text));
		if (rrtype_by_code(type) == NULL || rrtype_by_code(type)->layout[0] != F_END)
			assert_string_equal(text, good[i].out != NULL ? good[i].out : good[i].in);
		assert_int_equal(rdata_from_text(again, type, text, n, origin, &error), len);
		assert_memory_equal(again, wire, len);
	}
}

static void
bad_text_is_refused_where_it_is_bad(void **state)
{
	static const struct { const char *type, *in, *message; size_t word; } bad[] = {
		{ "A", "1.2.3", "\"1.2.3\" is not an IPv4 address", 0 },
		{ "A", "1.2.3.256", "\"1.2.3.256\" is not an IPv4 address", 0 },
		{ "A", "1.2.3.04", "\"1.2.3.04\" is not an IPv4 address", 0 },
		{ "A", "1.2.3.4.", "\"1.2.3.4.\" is not an IPv4 address", 0 },
		{ "A", "\"1.2.3.4\"", "\"1.2.3.4\" stands in quotes where an IPv4 address is needed", 0 },
		{ "A", "", "A record ends where it needs an IPv4 address", 0 },
		{ "A", "1.2.3.4 x", "\"x\" is more than type A takes", 1 },
		{ "AAAA", ":", "\":\" is not an IPv6 address", 0 },
		{ "AAAA", ":::", "\":::\" is not an IPv6 address", 0 },
		{ "AAAA", "1:2:3:4:5:6:7", "\"1:2:3:4:5:6:7\" is not an IPv6 address", 0 },
		{ "AAAA", "1:2:3:4:5:6:7:8:9", "\"1:2:3:4:5:6:7:8:9\" is not an IPv6 address", 0 },
		{ "AAAA", "1:2:3:4::5:6:7:8", "\"1:2:3:4::5:6:7:8\" is not an IPv6 address", 0 },
		{ "AAAA", "1::2::3", "\"1::2::3\" is not an IPv6 address", 0 },
		{ "AAAA", "12345::", "\"12345::\" is not an IPv6 address", 0 },
		{ "AAAA", "1:2:3:4:5:6:7:1.2.3.4", "\"1:2:3:4:5:6:7:1.2.3.4\" is not an IPv6 address", 0 },
		{ "AAAA", "::1.2.3", "\"::1.2.3\" is not an IPv6 address", 0 },
		{ "MX", "10", "MX record ends where it needs a name", 1 },
		{ "MX", "65536 a", "\"65536\" is not a number up to 65535", 0 },
		{ "MX", "-1 a", "\"-1\" is not a number up to 65535", 0 },
		{ "NS", "a..b", "empty label", 0 },
		{ "SOA", "a. b. 1 1x 2 3 4", "\"1x\" is not a time like 3600 or 1h30m, at most 4294967295 seconds", 3 },
		{ "SOA", "a. b. 4294967296 1 2 3 4", "\"4294967296\" is not a number up to 4294967295", 2 },
		{ "TXT", "", "TXT record ends where it needs a text", 0 },
		{ "TXT", "\\256", "\\ is not followed by a character or three digits up to 255", 0 },
		{ "TXT", "\"a", "quote is not closed before the end of the file", 0 },
		{ "CAA", "0 is-sue \"\"", "\"is-sue\" is not a tag of letters and digits", 1 },
		{ "DS", "1 8 2 0x", "'x' is not a hexadecimal digit", 3 },
		{ "DS", "1 8 2 00 1", "odd number of hexadecimal digits", 4 },
		{ "DS", "1 8 2", "DS record ends where it needs hexadecimal digits in pairs", 3 },
		{ "DS", "1 RSASHA999 2 00", "\"RSASHA999\" is not a DNSSEC algorithm, by number or mnemonic", 1 },
		{ "DNSKEY", "256 3 8 A", "base64 data is not a multiple of four digits", 3 },
		{ "DNSKEY", "256 3 8 AQ=", "base64 data is not a multiple of four digits", 3 },
		{ "DNSKEY", "256 3 8 AR==", "base64 data has bits behind its end", 3 },
		{ "DNSKEY", "256 3 8 A===", "'=' is not a base64 digit here", 3 },
		{ "DNSKEY", "256 3 8 AQ==AQID", "'A' is not a base64 digit here", 3 },
		{ "DNSKEY", "256 3 8 AQ*D", "'*' is not a base64 digit here", 3 },
		{ "RRSIG", "A 8 0 1 20181301000000 0 1 . AQID",
		    "\"20181301000000\" is not a date YYYYMMDDHHMMSS or seconds since 1970", 4 },
		{ "NSEC", "a. A FOO", "\"FOO\" is not a record type", 2 },
		{ "NSEC3", "1 0 0 abc 00", "\"abc\" is not a salt in hexadecimal digits, or -", 3 },
		{ "NSEC3", "1 0 0 - 0w", "\"0w\" is not a hash in base32hex", 4 },
		{ "NSEC3", "1 0 0 - 0", "\"0\" is not a hash in base32hex", 4 },
		{ "NULL", "", "NULL record ends where it needs \\# (RFC 3597)", 0 },
		{ "TSIG", "03 \\# .0..1\377$.", "type TSIG has no RDATA in a zone", 0 },
		{ "TYPE65280", "abc", "RDATA of an unknown type must begin with \\# (RFC 3597)", 0 },
		{ "TYPE65280", "\\# 2 01", "RDATA has 1 octets and not 2", 1 },
		{ "TYPE65280", "\\#", "the length of the RDATA is missing behind \\#", 1 },
		{ "A", "\\# 3 010203", "this is not RDATA of type A", 0 },
		{ "IPN", "18446744073709551616", "\"18446744073709551616\" is not a number up to 18446744073709551615", 0 },
		{ "IPN", "99999999999999999999", "\"99999999999999999999\" is not a number up to 18446744073709551615", 0 },
		{ "IPN", "1.2", "\"1.2\" is not a number up to 18446744073709551615", 0 },
		{ "NXNAME", "x", "type NXNAME has no RDATA in a zone", 0 },
		{ "UID", "1", "RDATA of an unknown type must begin with \\# (RFC 3597)", 0 },
		{ "IPSECKEY", "10 4 2 . AQID", "gateways are of type 0 to 3, and not 4", 3 },
		{ "IPSECKEY", "10 1 2 gw AQID", "\"gw\" is not an IPv4 address", 3 },
		{ "HTTPS", "1 . alpn=h2 alpn=h3", "the parameter is there twice", 3 },
		{ "HTTPS", "1 . foo=1", "\"foo=1\" is not a service parameter", 2 },
		{ "HTTPS", "1 . port", "\"port\" has no good value", 2 },
		{ "HTTPS", "1 . port=65536", "\"port=65536\" has no good value", 2 },
		{ "HTTPS", "1 . alpn=", "\"alpn=\" has no good value", 2 },
		{ "HTTPS", "1 . alpn=\"\"", "\"alpn=\" has no good value", 2 },
		{ "HTTPS", "1 . alpn=h2,,h3", "\"alpn=h2,,h3\" has no good value", 2 },
		{ "HTTPS", "1 . ipv4hint=1.2.3", "\"ipv4hint=1.2.3\" has no good value", 2 },
		{ "HTTPS", "1 . ipv4hint=1.2.3.4,", "\"ipv4hint=1.2.3.4,\" has no good value", 2 },
		{ "SVCB", "1 . key9=a=\"b\"", "\"b\" is not a service parameter", 3 },
		{ "NID", "65536 1:2:3:4", "\"65536\" is not a number up to 65535", 0 },
		{ "L64", "1 1:2:3", "\"1:2:3\" is not four groups of hexadecimal digits with colons between them", 1 },
		{ "L64", "1 1:2:3:4:", "\"1:2:3:4:\" is not four groups of hexadecimal digits with colons between them", 1 },
		{ "L64", "1 1:2:3:45678", "\"1:2:3:45678\" is not four groups of hexadecimal digits with colons between them", 1 },
		{ "L64", "1 1::2:3", "\"1::2:3\" is not four groups of hexadecimal digits with colons between them", 1 },
		{ "ISDN", "1 2 3", "\"3\" is more than type ISDN takes", 2 },
		{ "ISDN", "1 \"2\" \"3\"", "\"3\" is more than type ISDN takes", 2 },
		{ "ATMA", "47..05", "an ATM address is + and digits, or hexadecimal digits in pairs", 0 },
		{ "HTTPS", "1 . dohpath=/x", "mandatory names itself, a parameter twice, or one that is not there; or no-default-alpn stands without alpn; or a value is not what its parameter takes", 2 },
		{ "RKEY", "1 3 8 AQID", "the flags of RKEY are 0", 3 },
		{ "IPSECKEY", "10 1 2 192.0.2.1", "a key is missing behind the gateway", 3 },
		{ "RRSIG", "A 8 1 300 20380119031408 20180101000000 1 a.b. AQID",
		    "the owner has fewer labels than the signer, which is at or above it (RFC 4034 3.1.3)", 8 },
		{ "NSEC3", "1 0 0 - 00", "a hash of algorithm 1 has 20 octets (RFC 5155 5)", 4 },
		{ "HTTPS", "1 . tls-supported-groups=", "\"tls-supported-groups=\" has no good value", 2 },
		{ "HTTPS", "1 . tls-supported-groups=x", "\"tls-supported-groups=x\" has no good value", 2 },
		{ "HTTPS", "1 . ohttp=1", "\"ohttp=1\" has no good value", 2 },
		{ "HTTPS", "1 . ech=A", "\"ech=A\" has no good value", 2 },
		{ "HTTPS", "1 . key01=a", "\"key01=a\" is not a service parameter", 2 },
		{ "HTTPS", "1 . key65535=a", "\"key65535=a\" is not a service parameter", 2 },
		{ "HTTPS", "1 . \"alpn=h2\"", "\"alpn=h2\" stands in quotes where a service parameter is needed", 2 },
		{ "HTTPS", "1 . mandatory=port", "mandatory names itself, a parameter twice, or one that is not there; or no-default-alpn stands without alpn; or a value is not what its parameter takes", 2 },
		{ "HTTPS", "1 . no-default-alpn", "mandatory names itself, a parameter twice, or one that is not there; or no-default-alpn stands without alpn; or a value is not what its parameter takes", 2 },
	};
	struct rdata_error error;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		int len = rdata_from_text(wire, type_of(bad[i].type), bad[i].in, strlen(bad[i].in), origin, &error);

		if (len >= 0)
			fail_msg("%s %s was taken", bad[i].type, bad[i].in);
		assert_string_equal(error.text, bad[i].message);
		assert_int_equal(error.word, bad[i].word);
	}
}

static void
paths_of_doh_are_templates_with_dns(void **state)
{
	static const struct { const char *path; bool good; } rows[] = {
		{ "/q{?dns}", true }, { "/{dns}", true }, { "/a/{x}/{?y,dns*,z.w:12}{&b}", true }, { "/{+dns:9999}", true },
		{ "/%20{?%41,dns}", true }, { "/", false }, { "", false }, { "q{?dns}", false }, { "/{?dns", false }, { "/?dns}", false },
		{ "/{?dnsx}", false }, { "/{?x.dns}", false }, { "/{}", false }, { "/{?}", false }, { "/{!dns}", false }, { "/{dns,}", false },
		{ "/{dns:0}", false }, { "/{dns:12345}", false }, { "/{dns:}", false }, { "/{{dns}}", false }, { "/ {dns}", true },
		{ "/{dns.}", false }, { "/{d\\127ns}{dns}", false }, { "/{dns}{}", false }, { "/{dns}%4", false }, { "/{a..b,dns}", false }, { "/\\195\\164{dns}", true }, { "/\\195{dns}", false },
		{ "/\\192\\175{dns}", false }, { "/\\237\\160\\128{dns}", false }, { "/\\240\\159\\152\\128{dns}", true },
	};
	struct rdata_error error;
	char param[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(param, sizeof(param), "1 . dohpath=\"%s\"", rows[i].path);
		if ((rdata_from_text(wire, T_SVCB, param, strlen(param), origin, &error) > 0) != rows[i].good)
			fail_msg("%s", rows[i].path);
	}
}

static size_t
random_name(uint8_t *out)
{
	size_t at = 0;

	for (int labels = random() % 4; labels > 0; labels--) {
		out[at] = 1 + random() % 20;
		for (unsigned n = out[at++]; n > 0; n--)
			out[at++] = random();
	}
	if (random() % 2 == 0) {	/* most of the time the origin in its own case */
		memcpy(out + at, origin, sizeof(origin) - 1);
		if (random() % 8 == 0)
			out[at + 1] ^= 0x20;
		at += sizeof(origin) - 1;
	}
	out[at++] = 0;
	return at;
}

static size_t
random_octets(uint8_t *out, size_t min, size_t max)
{
	size_t len = min + random() % (max - min + 1);

	for (size_t i = 0; i < len; i++)
		out[i] = random();
	return len;
}

static size_t
random_alpn(uint8_t *out)
{
	size_t at = 0;

	for (int n = 1 + random() % 3; n > 0; n--) {
		out[at] = 1 + random() % 20;
		for (unsigned left = out[at++]; left > 0; left--)
			out[at++] = random() % 4 == 0 ? ",\\\" "[random() % 4] : random();
	}
	return at;
}

static size_t
random_field(enum field kind, uint8_t *out)
{
	size_t at = 0;

	switch (kind) {
	case F_CNAME:
	case F_NAME:
		return random_name(out);
	case F_U8:
	case F_ALG:
	case F_DIGEST:
	case F_PROTOCOL:
	case F_SCHEME:
		return random_octets(out, 1, 1);
	case F_U16:
	case F_TYPE:
	case F_CERT:
	case F_FLAGS:
		return random_octets(out, 2, 2);
	case F_U32:
	case F_PERIOD:
	case F_TIME:
	case F_IPV4:
		return random_octets(out, 4, 4);
	case F_U64:
	case F_ID64:
		return random_octets(out, 8, 8);
	case F_IPV6:
		for (random_octets(out, 16, 16); at < 16; at += 2)
			if (random() % 2)
				out[at] = out[at + 1] = 0;
		return 16;
	case F_STRING:
	case F_SALT:
		return 1 + (out[0] = random_octets(out + 1, 0, 255));
	case F_HASH:
		return 1 + (out[0] = random_octets(out + 1, 1, 255));
	case F_MORE:
		return random() % 2 ? random_field(F_STRING, out) : 0;
	case F_STRINGS:
		for (int n = 1 + random() % 3; n > 0; n--)
			at += random_field(F_STRING, out + at);
		return at;
	case F_TEXT:
		return random_octets(out, 0, 600);
	case F_TAG:
		out[0] = 1 + random() % 20;
		for (at = 1; at <= out[0]; at++)
			out[at] = "abcXYZ019"[random() % 9];
		return at;
	case F_HEX:
	case F_BASE64:
		return random_octets(out, 1, 300);
	case F_BITMAP:
		for (int w = random() % 100; w < 256; w += 1 + random() % 100) {
			out[at] = w;
			out[at + 1] = 1 + random() % 32;
			random_octets(out + at + 2, 32, 32);
			out[at + 1 + out[at + 1]] |= 1;
			at += 2 + out[at + 1];
		}
		return at;
	case F_DATA:
	case F_OPAQUE:
	case F_KEY:
		return random_octets(out, 0, 300);
	case F_PORTS:
		at = random_octets(out, 1, 40);
		out[at - 1] |= at > 1;
		return at;
	case F_GATEWAY:
		out[-2] &= 3;
		return random_field((const enum field[]){ F_END, F_IPV4, F_IPV6, F_NAME }[out[-2]], out);
	case F_SVCPARAMS:
		for (int key = random() % 9; key < 9 || (key > 1000 && key < 65535); key += 1 + random() % 5) {
			out[at] = key >> 8;
			out[at + 1] = key;
			out[at + 2] = 0;
			/* mandatory and no-default-alpn depend on others. */
			out[at + 3] = key == 0 || key == 2 ? 0 : key == 1 ? (long)random_alpn(out + at + 4) : key == 3 ? 2 :
			    key == 4 ? 12 : key == 6 ? 32 : key == 8 ? 0 : 1 + random() % 60;
			if (key == 0 || key == 2)
				continue;
			if (key != 1)
				random_octets(out + at + 4, 60, 60);
			if (key == 7)
				memcpy(out + at + 4, "/{?dns}", out[at + 3] = 7);
			at += 4 + out[at + 3];
			if (key > 6 && key < 65000 && random() % 2)
				key = 65000;
		}
		return at;
	case F_NAMES:
		for (int n = random() % 4; n > 0; n--)
			at += random_name(out + at);
		return at;
	case F_RELAY_TYPE:
		out[0] = random() & 0x83;
		return 1;
	case F_RELAY:
		return random_field((const enum field[]){ F_END, F_IPV4, F_IPV6, F_NAME }[out[-1] & 3], out);
	case F_HIT:
		out[0] = 1 + random() % 20;
		out[1] = random();
		out[2] = random() % 2;
		out[3] = 1 + random() % 100;
		return random_octets(out + 4, 400, 400), 4 + out[0] + (out[2] << 8) + out[3];
	case F_A6:
		out[0] = random() % 129;
		random_octets(out + 1, 17, 17);
		out[1] &= 0xff >> out[0] % 8;
		return 1 + (128 - out[0] + 7) / 8;
	case F_A6_NAME:
		return wire[0] == 0 ? 0 : random_name(out);
	case F_LOC:
		memset(out, 0, 16);
		for (at = 1; at < 4; at++)
			out[at] = random() % 10 == 0 ? 0 : (1 + random() % 9) << 4 | random() % 10;
		for (at = 4; at < 12; at += 4) {
			uint32_t v = 0x80000000u + (random() % 648000001 - 324000000);

			out[at] = v >> 24, out[at + 1] = v >> 16, out[at + 2] = v >> 8, out[at + 3] = v;
		}
		random_octets(out + 12, 4, 4);
		return 16;
	case F_APL:
		for (int n = random() % 5; n > 0; n--) {
			unsigned family = 1 + random() % 2, octets = random() % (family == 1 ? 5 : 17);

			out[at] = 0;
			out[at + 1] = family;
			out[at + 2] = random() % (family == 1 ? 33 : 129);
			out[at + 3] = (random() & 0x80) | octets;
			random_octets(out + at + 4, 16, 16);
			out[at + 3 + octets] |= octets > 0;
			at += 4 + octets;
		}
		return at;
	case F_ATMA:
		out[0] = random() % 2;
		at = 1 + random_octets(out + 1, 1, 20);
		for (size_t i = 1; out[0] == 1 && i < at; i++)
			out[i] = '0' + out[i] % 10;
		return at;
	case F_NSAP:
		return random_octets(out, 1, 20);
	case F_NXTMAP:
		at = random_octets(out, 0, 16);
		if (at > 0) {
			out[0] &= 0x7f;
			out[at - 1] |= 1;
		}
		return at;
	case F_END:
		break;
	}
	return 0;
}

/* What fields alone do not say. */
static size_t
mend(uint16_t type, size_t len)
{
	static const uint8_t naptr[] = "\0\1\0\2\1u\3E2U\14!^(.*)$!\\1!i\1a";

	if (type == T_DS || type == T_CDS || type == 32768 || type == 32769)
		wire[3] = random() % 4 == 0 && len >= 4 + 48 ? len = 4 + 48, 4 : 9;
	if (type == T_SSHFP)
		wire[1] = 7;
	if (type == 63) {
		wire[5] = random() % 2 == 0 && len >= 6 + 64 ? len = 6 + 64, 2 : 3;
		len = len < 18 ? random_octets(wire + len, 18, 18), 18 + len : len;
	}
	if (type == 19) {
		len = 5 + random() % 20;
		wire[0] = len - 1;
		for (size_t i = 1; i < len; i++)
			wire[i] = '0' + random() % 10;
	}
	if (type == 45 && wire[2] == 2)
		wire[len++] = 7;
	if (type == 45)
		wire[2] = wire[2] == 2 ? 2 : 0;
	if (type == T_RRSIG)
		wire[3] |= 128;
	if (type == T_NSEC3)
		wire[0] |= 2;
	if (type == 57)
		wire[0] = wire[1] = 0;
	if (type == T_KEY)
		wire[0] = len == 4 ? wire[0] | 0xc0 : wire[0] & 0x7f;
	if (type == T_NSEC && len == name_len(wire))
		len += random_octets(wire + len, 3, 3), memcpy(wire + len - 3, "\0\1\3", 3);
	if (type == T_NAPTR)
		memcpy(wire, naptr, len = sizeof(naptr));
	return len;
}

static void
reads_back(uint16_t type, size_t len)
{
	struct rdata_error error;
	size_t n = rdata_print(text, sizeof(text), type, wire, len, NULL);

	assert_true(n < sizeof(text));
	assert_int_equal(n, strlen(text));
	if (rdata_from_text(again, type, text, n, origin, &error) != (int)len || memcmp(again, wire, len) != 0)
		fail_msg("%u %s: %s", type, text, error.text);
	n = rdata_print(text, sizeof(text), type, wire, len, origin);
	assert_int_equal(n, strlen(text));
	if (rdata_from_text(again, type, text, n, origin, &error) != (int)len || memcmp(again, wire, len) != 0)
		fail_msg("relative: %u %s: %s", type, text, error.text);
}

static void
random_rdata_of_every_layout_reads_back(void **state)
{
	const struct rrtype *row;

	(void)state;
	srandom(2);
	for (size_t i = 0; (row = rrtype_nth(i)) != NULL; i++)
		for (int n = 0; n < 200 && row->layout[0] != F_END; n++) {
			size_t len = 0;

			for (const uint8_t *kind = row->layout; *kind != F_END; kind++)
				len += random_field(*kind, wire + len);
			len = mend(row->code, len);
			if (row->meta)
				break;
			if (!rdata_valid(row->code, wire, len))
				fail_msg("%s is not valid", row->name);
			reads_back(row->code, len);
			assert_int_equal(rdata_cmp(row->code, wire, len, again, len), 0);

			/* What is cut is refused, or is another that is whole. */
			size_t cut = random() % (len + 1);
			if (rdata_valid(row->code, wire, cut))
				reads_back(row->code, cut);
			wire[random() % (len + 1)] = random();
			if (rdata_valid(row->code, wire, len))
				reads_back(row->code, len);
		}
}

static void
damaged_rdata_of_rare_types_reads_back_or_is_refused(void **state)
{
	struct rdata_error error;

	(void)state;
	srandom(3);
	for (size_t i = 0; i < COUNT(good); i++) {
		uint16_t type = type_of(good[i].type);

		if (rrtype_by_code(type) == NULL || rrtype_by_code(type)->layout[0] == F_OPAQUE ||
		    strcmp(good[i].in, "\\# 4 000a 0000") == 0)
			continue;
		for (int n = 0; n < 300; n++) {
			int len = rdata_from_text(wire, type, good[i].in, strlen(good[i].in), origin, &error);

			assert_true(len >= 0);
			if (n % 2 == 0)
				len = random() % (len + 1);
			for (int m = random() % 3; m >= 0; m--)
				wire[random() % (len + 1)] = random();
			if (rdata_valid(type, wire, len))
				reads_back(type, len);
		}
	}
}

static void
broken_rdata_is_not_valid(void **state)
{
	static const struct { const char *type, *rdata; size_t len; } bad[] = {
		{ "A", "\1\2\3", 3 }, { "A", "\1\2\3\4\5", 5 }, { "A", "", 0 }, { "NS", "\1a", 2 }, { "NS", "\300\14", 2 },
		{ "NS", "\1a\0x", 4 }, { "MX", "\0", 1 }, { "MX", "\0\1", 2 }, { "TXT", "", 0 }, { "TXT", "\2a", 2 },
		{ "HINFO", "\1a", 2 }, { "CAA", "\0\0x", 3 }, { "CAA", "\0\1-", 3 }, { "DS", "\0\1\1\1", 4 },
		{ "NSEC", "\0\0\0", 3 }, { "NSEC", "\0\0\2\1\0", 5 }, { "NSEC", "\0\1\1\1\0\1\1", 7 },
		{ "NSEC", "\0\0\41aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 36 }, { "NSEC3", "\1\0\0\0\0\0", 6 },
		{ "EUI48", "", 0 }, { "EUI64", "", 0 }, { "NID", "", 0 }, { "L64", "", 0 }, { "ISDN", "", 0 },
		{ "WKS", "\1\2\3\4\6\1\0", 7 }, { "RKEY", "\1\0\3\10\1", 5 }, { "IPSECKEY", "\1\0\2", 3 },
		{ "IPSECKEY", "\1\3\2\1a\0", 6 }, { "NSEC3", "\1\0\0\0\0\1\0", 7 }, { "ATMA", "\1abc", 4 },
		{ "LOC", "\0\1\26\23\200\0\0\0\200\0\0\0\0\0\0\0", 16 }, { "AMTRELAY", "\1\1\1\2\3", 5 },
		{ "SOA", "\0\0\0\0\0\1", 6 }, { "ANY", "", 0 }, { "LOC", "\0", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (rdata_valid(type_of(bad[i].type), (const uint8_t *)bad[i].rdata, bad[i].len))
			fail_msg("row %zu is taken", i);
}

static void
order_is_canonical(void **state)
{
	static const struct { const char *type, *a, *b; int order; } rows[] = {
		{ "A", "192.0.2.1", "192.0.2.2", -1 }, { "A", "200.0.0.0", "100.0.0.0", 1 },
		{ "NS", "ABC.example.", "abc.EXAMPLE.", 0 }, { "NS", "b.example.", "A.example.", 1 },
		{ "NS", "aa.example.", "b.example.", 1 },	/* the length octet is first */
		{ "MX", "10 A.", "10 b.", -1 }, { "MX", "20 a.", "10 b.", 1 }, { "MX", "10 a.", "10 A.", 0 },
		{ "TXT", "a", "A", 1 }, { "TXT", "a", "a b", -1 }, { "TXT", "b", "aa", -1 },
		{ "NSEC", "a. A", "A. A", 1 },			/* RFC 6840 5.1: not in lower case */
		{ "SOA", "a. b. 1 2 3 4 5", "A. B. 1 2 3 4 6", -1 },
		{ "NAPTR", "1 2 a b !c!c! D.", "1 2 a b !c!c! d.", 0 }, { "NAPTR", "1 2 A b !c!c! d.", "1 2 a b !c!c! d.", -1 },
		{ "RRSIG", "A 8 1 1 2 3 4 A. AQID", "A 8 1 1 2 3 4 a. AQIDBAUG", -1 },
		{ "TYPE65280", "\\# 1 01", "\\# 2 0100", -1 }, { "TYPE65280", "\\# 0", "\\# 1 00", -1 },
	};
	struct rdata_error error;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t type = type_of(rows[i].type);
		int a = rdata_from_text(wire, type, rows[i].a, strlen(rows[i].a), origin, &error);
		int b = rdata_from_text(again, type, rows[i].b, strlen(rows[i].b), origin, &error);
		int c = rdata_cmp(type, wire, a, again, b), d = rdata_cmp(type, again, b, wire, a);

		assert_true(a >= 0 && b >= 0);
		if ((c > 0) - (c < 0) != rows[i].order || (d > 0) - (d < 0) != -rows[i].order)
			fail_msg("row %zu: %d %d", i, c, d);
	}
}

static void
the_walk_meets_every_field(void **state)
{
	static const enum field kinds[] = { F_U16, F_U16, F_U16, F_NAME };
	struct rdata_error error;
	struct rdata_walk walk;
	enum field kind;
	const uint8_t *at;
	size_t len, n = 0, sum = 0;
	int size = rdata_from_text(wire, T_SRV, "1 2 3 a.", 8, origin, &error);

	(void)state;
	rdata_walk(&walk, T_SRV, wire, size);
	for (; rdata_next(&walk, &kind, &at, &len); n++) {
		assert_int_equal(kind, kinds[n]);
		assert_ptr_equal(at, wire + sum);
		sum += len;
	}
	assert_int_equal(n, 4);
	assert_int_equal(sum, size);
	rdata_walk(&walk, 65280, wire, 5);
	assert_true(rdata_next(&walk, &kind, &at, &len));
	assert_int_equal(len, 5);
	assert_false(rdata_next(&walk, &kind, &at, &len));
	rdata_walk(&walk, 65280, wire, 0);
	assert_false(rdata_next(&walk, &kind, &at, &len));
}

static void
limits_are_those_of_the_protocol(void **state)
{
	static char long_text[3 * RDATA_MAX + 100];
	struct rdata_error error;
	size_t n = 0;

	(void)state;
	/* 255 octets of text fit one string. */
	memset(long_text, 'x', 256);
	assert_int_equal(rdata_from_text(wire, T_TXT, long_text, 255, origin, &error), 256);
	assert_int_equal(rdata_from_text(wire, T_TXT, long_text, 256, origin, &error), -1);
	assert_string_equal(error.text, "text of 256 octets, at most 255 are allowed in one");
	/* 65,535 octets of RDATA, and one more. */
	for (n = 0; n < RDATA_MAX; n++)
		memcpy(long_text + 3 * n, "\"\" ", 3);
	assert_int_equal(rdata_from_text(wire, T_TXT, long_text, 3 * n, origin, &error), RDATA_MAX);
	assert_int_equal(rdata_print(text, sizeof(text), T_TXT, wire, RDATA_MAX, NULL), 3 * n - 1);
	assert_int_equal(rdata_from_text(again, T_TXT, text, 3 * n - 1, origin, &error), RDATA_MAX);
	memcpy(long_text + 3 * n, "\"\"", 2);
	assert_int_equal(rdata_from_text(wire, T_TXT, long_text, 3 * n + 2, origin, &error), -1);
	n = sprintf(long_text, "\\# 65535 ");
	memset(long_text + n, '0', 2 * RDATA_MAX + 2);
	assert_int_equal(rdata_from_text(wire, 65280, long_text, n + 2 * RDATA_MAX, origin, &error), RDATA_MAX);
	assert_int_equal(rdata_from_text(wire, 65280, long_text, n + 2 * RDATA_MAX + 2, origin, &error), -1);
	assert_string_equal(error.text, "RDATA above 65535 octets");
	/* A buffer that is too small is not written behind. */
	for (size_t size = 0; size < 20; size++) {
		memset(text, 'z', 40);
		rdata_from_text(wire, T_MX, "10 mail.example.org.", 20, origin, &error);
		assert_int_equal(rdata_print(text, size, T_MX, wire, 22, NULL), 20);
		assert_int_equal(text[size], 'z');
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_rdata_and_text_again),
		cmocka_unit_test(bad_text_is_refused_where_it_is_bad),
		cmocka_unit_test(paths_of_doh_are_templates_with_dns),
		cmocka_unit_test(random_rdata_of_every_layout_reads_back),
		cmocka_unit_test(damaged_rdata_of_rare_types_reads_back_or_is_refused),
		cmocka_unit_test(broken_rdata_is_not_valid),
		cmocka_unit_test(order_is_canonical),
		cmocka_unit_test(the_walk_meets_every_field),
		cmocka_unit_test(limits_are_those_of_the_protocol),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
