#include "zonefile/check.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "zonefile/check_dnssec.h"
#include "zonefile/delta.h"
#include "zonefile/master.h"
#include "zonefile/name.h"

static const uint8_t origin[] = "\7example";
static char told[4096];
static uint32_t look_again;	/* of the last version made by a change */

static void
remember(void *ctx, const struct report *report)
{
	size_t used = strlen(told);

	(void)ctx;
	if (report->place != NULL)
		used += snprintf(told + used, sizeof(told) - used, "%u:%u ", report->place->line, report->place->column);
	snprintf(told + used, sizeof(told) - used, "%s%s\n", report->severity == ERROR ? "E " : "", report->text);
}

static void
check_all(const char *text, const struct checks *checks)
{
	char path[] = "/tmp/check_test.XXXXXX";
	struct sink sink = { .fn = remember };
	FILE *out = fdopen(mkstemp(path), "w");
	struct zone *zone;

	fputs(text, out);
	fclose(out);
	*told = '\0';
	zone = master_load(path, origin, checks, &sink, NULL);
	unlink(path);
	assert_true((zone == NULL) == (sink.errors > 0));
	zone_unref(zone);
}

/* The rows' text begins in line 4. */
static void
check_text(const char *text, const struct checks *checks)
{
	char all[65536];

	snprintf(all, sizeof(all), "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\n%sns A 192.0.2.1\n", text);
	check_all(all, checks);
}

struct row { const char *text, *told; };

static void
check_rows(const struct row *row, size_t count)
{
	for (; count-- > 0; row++) {
		check_text(row->text, &checks_default);
		if (strcmp(told, row->told) != 0)
			fail_msg("%s told: %sand not: %s", row->text, told, row->told);
	}
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(*rows))

/* A record of so many octets of RDATA, and more. */
static void
check_large(size_t octets, const char *more, const char *expected)
{
	char *all = malloc(octets * 2 + 500);
	int len = sprintf(all, "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\nns A 192.0.2.1\nbig TYPE65280 \\# %zu ", octets);

	memset(all + len, 'a', octets * 2);
	sprintf(all + len + octets * 2, "\n%s", more);
	check_all(all, &checks_default);
	assert_string_equal(told, expected);
	free(all);
}

static void
sets_that_no_message_holds_are_told(void **state)
{
	(void)state;
	/* Header 12, question 13 + 4, a pointer and 10 octets before the RDATA. */
	check_large(65535 - 12 - 17 - 12, "", "");
	check_large(65535 - 12 - 17 - 11, "", "big.example. TYPE65280: no message has room for it: it is neither answered nor"
	    " transferred\n");
	check_large(65000, "big TYPE65280 \\# 10 00112233445566778899\n", "");
	check_large(65480, "big TYPE65280 \\# 10 00112233445566778899\n", "big.example. TYPE65280: no message has room for the"
	    " 2 records of 65543 octets: answers are empty and truncated, also by TCP\n");
}

static void
targets_that_cannot_be_reached_are_told(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "a MX 1 ns\n MX 1 mail.other.\n MX 0 .\n SRV 0 0 0 .\n", "" },
		{ "a MX 1 b\n", "a.example. MX: b.example. does not exist\n" },
		{ "a SRV 1 2 3 b\n", "a.example. SRV: b.example. does not exist\n" },
		{ "a MX 1 b\nb CNAME ns\n", "a.example. MX: b.example. is an alias (CNAME), which RFC 2181 10.3 forbids\n" },
		{ "a MX 1 b\nb TXT x\n", "a.example. MX: b.example. has no A or AAAA record\n" },
		{ "a MX 1 x.b\n*.b AAAA ::1\n", "" },
		{ "a MX 1 x.b\nb DNAME other.\n", "a.example. MX: x.b.example. is below a DNAME and so an alias\n" },
		{ "a NS b\nb A 192.0.2.2\n", "" },
		{ "a NS b\n", "a.example. NS: b.example. does not exist\n" },
		{ "a NS ns.a\n", "a.example. NS: ns.a.example. is below the delegation and has no A or AAAA record (glue) here\n" },
		{ "a NS a\n", "a.example. NS: a.example. is below the delegation and has no A or AAAA record (glue) here\n" },
		{ "a NS NS.A\nns.a A 192.0.2.2\n", "" },
		{ "a NS ns.b\nb NS ns\n", "a.example. NS: ns.b.example. is below another delegation and has no A or AAAA record (glue) here\n" },
		{ "a NS ns.b\nb NS ns\nns.b A 192.0.2.2\n", "" },
		{ "@ NS b\n", "E example. NS: b.example. does not exist\n" },
		{ "a MX 1 ns.Example\n", "a.example. MX: ns.Example.example. does not exist; is a dot missing at its end in the file?\n" },
		{ "a NS b\nb CNAME ns\n", "a.example. NS: b.example. is an alias (CNAME), which RFC 2181 10.3 forbids\n" },
		{ "a NS ns\nx.a MX 1 nothing\n", "x.a.example. MX: is below a delegation or a DNAME and so never answered\n" },
		{ "a NS ns\n TXT x\n A 192.0.2.3\n", "a.example. TXT: is at a delegation and so never answered\n" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void
names_of_hosts_are_told_where_they_stand(void **state)
{
	static const struct row rows[] = {
		{ "a_b A 192.0.2.1\n", "4:1 E a_b.example. is not the name of a host and has A records (check-names)\n" },
		{ "a TXT x\n-a AAAA ::1\n", "5:1 E -a.example. is not the name of a host and has AAAA records (check-names)\n" },
		{ "a- MX 1 ns\n", "4:1 E a-.example. is not the name of a host and has MX records (check-names)\n" },
		{ "*.a A 192.0.2.1\n1-2 A 192.0.2.1\n_x TXT a\n_y SRV 0 0 0 ns\n_z CNAME ns\n", "" },
		{ "gc._msdcs A 192.0.2.1\nGC._MSDCS.a AAAA ::1\n", "" },
		{ "a NS x_y.\nb NS z.\n NS x_y.\n", "4:1 E a.example. NS: x_y. is not the name of a host (check-names)\n"
		    "6:2 E b.example. NS: x_y. is not the name of a host (check-names)\n" },
		{ "a NS x_y.\nb NS x_y.\n", "4:1 E a.example. NS: x_y. is not the name of a host (check-names)\n"
		    "5:1 E b.example. NS: x_y. is not the name of a host (check-names)\n" },
		{ "a MX 1 x_.\n", "4:1 E a.example. MX: x_. is not the name of a host (check-names)\n" },
		{ "a SRV 1 2 3 x_.\n", "4:1 E a.example. SRV: x_. is not the name of a host (check-names)\n" },
		{ "a SVCB 1 x_.\nb HTTPS 0 y_.\n", "4:1 E a.example. SVCB: x_. is not the name of a host (check-names)\n" },
		{ "a RP a\\.b.c. x_.\n RP b.x_. .\n", "5:2 E a.example. RP: b.x_. is not the name of a mailbox (check-names)\n" },
		{ "a PTR x_.\n", "" },
		{ "a NSEC3 1 0 0 - 1P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM\n00 NSEC3 1 0 0 - 1P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM\n",
		    "4:1 E a.example. is not a hash and has NSEC3 records (check-names)\n" },
		{ "a RP x. .\nb RP x_. .\nc RP x_\\.y.z .\n", "" },
		{ "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM NSEC3 1 0 0 - 1P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM A\n_x NSEC _y A\n_x RRSIG NSEC 13 2 1 2 1 1 x_. AQID\n", "" },
	};
	struct checks checks = checks_default;

	(void)state;
	CHECK_ROWS(rows);
	checks.severity[CHECK_NAMES] = WARNING;
	check_text(rows[0].text, &checks);
	assert_string_equal(told, "4:1 a_b.example. is not the name of a host and has A records (check-names)\n");
	checks.severity[CHECK_NAMES] = NOTE;
	check_text(rows[0].text, &checks);
	assert_string_equal(told, "");
	/* Records of one name that stand apart are told once. */
	check_text("a MX 1 x_.\nb A 192.0.2.1\na MX 2 y.\n", &checks_default);
	assert_string_equal(told, "4:1 E a.example. MX: x_. is not the name of a host (check-names)\n");
}

static void
each_check_has_its_clause(void **state)
{
	static const struct { enum check check; const char *text, *told; } rows[] = {
		{ CHECK_MX, "a MX 1 192.0.2.1.\n", "a.example. MX: 192.0.2.1. is an address and not the name of a host\n" },
		{ CHECK_MX_CNAME, "a MX 1 b\nb CNAME ns\n",
		    "a.example. MX: b.example. is an alias (CNAME), which RFC 2181 10.3 forbids\n" },
		{ CHECK_SRV_CNAME, "a SRV 1 2 3 b.c\nc DNAME d.\n", "a.example. SRV: b.c.example. is below a DNAME and so an alias\n" },
		{ CHECK_INTEGRITY, "a MX 1 b\n", "a.example. MX: b.example. does not exist\n" },
		{ CHECK_INTEGRITY, "@ NS b\n", "E example. NS: b.example. does not exist\n" },
		{ CHECK_SIBLING, "a NS ns.b\nb NS ns\n",
		    "a.example. NS: ns.b.example. is below another delegation and has no A or AAAA record (glue) here\n" },
		{ CHECK_WILDCARD, "*.a TXT x\nb.*.a TXT x\n",
		    "b.*.a.example. TXT: the name has * as a label that is not its first, where it is no wildcard\n" },
		{ CHECK_SPF, "a SPF \"v=spf1 -all\"\nb SPF x\nc SPF v=spf1\nc TXT v=spf1\n",
		    "a.example. SPF: the same as TXT is missing, and nobody asks for SPF (RFC 7208 3.1)\n" },
		{ CHECK_SVCB, "_dns.a SVCB 1 ns\n", "E _dns.a.example. SVCB: a server of DNS needs alpn (RFC 9461 4.1)\n" },
		{ CHECK_SVCB, "_53._DNS.a SVCB 1 ns alpn=h2\n", "E _53._DNS.a.example. SVCB: DNS over HTTPS needs dohpath (RFC 9461 5.1)\n" },
		{ CHECK_DUP_RECORDS, "a LP 1 B.\n LP 1 b.\n", "a.example. LP: two records differ only in the case of a name\n" },
		{ CHECK_DUP_RECORDS, "a A 192.0.2.1\n A 192.0.2.1\n", "5:2 a.example. A: the same record is there twice, one is dropped\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct checks checks = checks_default;

		check_text(rows[i].text, &checks);
		assert_string_equal(told, rows[i].told);
		checks.severity[rows[i].check] = NOTE;
		check_text(rows[i].text, &checks);
		assert_string_equal(told, "");
	}
	check_text("_dns.a SVCB 1 ns alpn=dot\n_dns.b SVCB 1 ns alpn=h2 dohpath=/q{?dns}\n_dns.c SVCB 0 ns\n"
	    "a LP 65 a.\n LP 97 a.\n*.b TXT x\n", &checks_default);
	assert_string_equal(told, "");
}

static void
limits_are_kept(void **state)
{
	struct checks checks = { .max_records = 4, .max_records_per_type = 2, .max_types_per_name = 2 };

	(void)state;
	check_text("a A 192.0.2.1\n", &checks);
	assert_string_equal(told, "");
	check_text("a A 192.0.2.1\n A 192.0.2.2\n", &checks);
	assert_string_equal(told, "E 5 records, max-records allows 4\n");
	checks.max_records = 0;
	check_text("a A 192.0.2.1\n A 192.0.2.2\n A 192.0.2.3\n", &checks);
	assert_string_equal(told, "4:1 E a.example. has 3 A records, max-records-per-type allows 2\n");
	check_text("a A 192.0.2.1\nb A 192.0.2.1\na A 192.0.2.2\na A 192.0.2.3\n", &checks);
	assert_non_null(strstr(told, "a.example. has 3 A records, max-records-per-type allows 2\n"));
	check_text("a A 192.0.2.1\n AAAA ::1\n TXT x\n", &checks);
	assert_non_null(strstr(told, "a.example. has 3 types of records, max-types-per-name allows 2\n"));
}

/* RFC 8976 A.1. */
static void
the_digest_of_the_zone_is_verified(void **state)
{
	static const char simple[] = "$TTL 86400\n"
	    "example. SOA ns1 admin 2018031900 1800 900 604800 86400\n NS ns1\n NS ns2\n"
	    " ZONEMD 2018031900 1 1 c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c\n"
	    "ns1 3600 A 203.0.113.63\nns2 3600 AAAA 2001:db8::63\n%s";
	char text[4096];

	(void)state;
	snprintf(text, sizeof(text), simple, "");
	check_all(text, &checks_default);
	assert_string_equal(told, "");
	snprintf(text, sizeof(text), simple, "NS1 3600 AAAA 2001:db8::64\n");
	check_all(text, &checks_default);
	assert_string_equal(told, "example. ZONEMD: the zone has another digest (RFC 8976)\n");
	check_text("@ ZONEMD 1 1 3 00112233445566778899aabb\n", &checks_default);
	assert_string_equal(told, "example. ZONEMD: none is for this serial, with a scheme and a hash that are known\n");
}

#define SIG(type, until) " RRSIG " type " 13 1 300 " until " 20200101000000 1 example. AQID\n"
#define GOOD "20361231000000"

static void
signed_zones_are_checked_for_what_validators_see(void **state)
{
	static const struct { const char *text, *told; } rows[] = {
		{ SIG("SOA", GOOD) SIG("NS", GOOD) " NSEC ns NS SOA\n" SIG("NSEC", GOOD) "ns A 192.0.2.1\n"
		    SIG("A", GOOD) " NSEC @ A\n" SIG("NSEC", GOOD), "" },
		{ SIG("SOA", "20210101000000") SIG("NS", "20210101000000") " NSEC ns NS SOA\n" SIG("NSEC", GOOD) "ns A 192.0.2.1\n"
		    SIG("A", GOOD) " NSEC @ A\n" SIG("NSEC", GOOD), "example. NS: the signature has expired, and so in 1 other\n" },
		{ SIG("SOA", GOOD) SIG("NS", GOOD) " NSEC x NS SOA\n" SIG("NSEC", GOOD) "ns A 192.0.2.1\n"
		    SIG("A", GOOD) " NSEC ns A\n" SIG("NSEC", GOOD),
		    "example. NSEC: names another record as the next than the one that follows, and so in 1 other\n" },
		{ SIG("SOA", GOOD) " NSEC ns NS SOA\n" SIG("NSEC", GOOD) "ns A 192.0.2.1\n"
		    SIG("A", GOOD) " NSEC @ A\n" SIG("NSEC", GOOD), "example. NS: has no signature\n" },
		{ SIG("SOA", GOOD) SIG("NS", GOOD) " NSEC @ NS SOA\n" SIG("NSEC", GOOD) "ns A 192.0.2.1\n"
		    SIG("A", GOOD), "ns.example. has no NSEC record\n" },
		{ SIG("SOA", GOOD) SIG("NS", GOOD) "ns A 192.0.2.1\n" SIG("A", GOOD),
		    "is signed and has neither NSEC nor NSEC3 with parameters of NSEC3PARAM\n" },
		{ SIG("SOA", GOOD) SIG("NS", GOOD) " NSEC3PARAM 1 0 51 -\n" SIG("NSEC3PARAM", GOOD) "ns A 192.0.2.1\n" SIG("A", GOOD)
		    "10000000000000000000000000000000 NSEC3 1 0 51 - 10000000000000000000000000000000 A\n" SIG("NSEC3", GOOD),
		    "NSEC3PARAM has 51 iterations: with more than 50 validators take the zone as unsigned, and it should have none"
		    " (RFC 9276 3.1)\n" },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(text, sizeof(text), "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns\n%s", rows[i].text);
		check_all(text, &checks_default);
		if (strcmp(told, rows[i].told) != 0)
			fail_msg("row %zu told: %sand not: %s", i, told, rows[i].told);
	}
}

#define KEY "@ DNSKEY 257 3 8 AwEAAaDJd0KO\n"
#define UNFIT " no DNSKEY of the zone is what it is made from (RFC 7344 4.1)\n"
#define BESIDE " one record of algorithm 0 says that there is to be no DS, and others stand beside it (RFC 8078 4)\n"

static void
what_the_parent_is_told_fits_the_keys(void **state)
{
	static const struct row rows[] = {
		{ KEY "@ CDS 44311 8 1 DFC88AED38BB1AFEAB9330EBD6A8BA1157A774D3\n", "" },
		{ KEY "@ CDS 44311 8 2 B18860478A3718D11C2319C9C76ABC7BAB36E19906FE2C311F60CCE7E6D52D03\n", "" },
		{ KEY "@ CDS 44311 8 4 8FEA755F277D5B2424F5989D1D50BB05902D917AD4876E1B65BE4CF7DFEBD5065DD5DE058075646903C3D4C961F0E044\n", "" },
		{ KEY "@ CDS 44311 8 9 00\n", "" },
		{ KEY "@ CDS 44311 8 1 DFC88AED38BB1AFEAB9330EBD6A8BA1157A774D4\n", "example. CDS:" UNFIT },
		{ KEY "@ CDS 44312 8 1 DFC88AED38BB1AFEAB9330EBD6A8BA1157A774D3\n", "example. CDS:" UNFIT },
		{ "@ CDS 44311 8 1 DFC88AED38BB1AFEAB9330EBD6A8BA1157A774D3\n", "example. CDS:" UNFIT },
		/* One that stands ready may be there, but not alone in its algorithm. */
		{ KEY "@ CDS 44311 8 1 DFC88AED38BB1AFEAB9330EBD6A8BA1157A774D3\n@ CDS 1 8 9 00\n", "" },
		{ KEY "@ CDS 44311 8 1 DFC88AED38BB1AFEAB9330EBD6A8BA1157A774D3\n@ CDS 1 13 9 00\n", "example. CDS:" UNFIT },
		{ "@ CDS 0 0 0 00\n@ CDNSKEY 0 3 0 AA==\n", "" },
		{ KEY "@ CDS 0 0 0 00\n@ CDS 44311 8 1 DFC88AED38BB1AFEAB9330EBD6A8BA1157A774D3\n", "example. CDS:" BESIDE },
		{ KEY "@ CDNSKEY 257 3 8 AwEAAaDJd0KO\n", "" },
		{ KEY "@ CDNSKEY 256 3 8 AwEAAaDJd0KO\n", "example. CDNSKEY:" UNFIT },
		{ "@ CDNSKEY 0 3 0 AA==\n@ CDNSKEY 257 3 8 AwEAAaDJd0KO\n", "example. CDNSKEY:" BESIDE },
		{ "a CDS 1 8 9 00\na CDNSKEY 257 3 8 AQID\n", "" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static struct zone *
zone_of(const char *text)
{
	char path[] = "/tmp/check_test.XXXXXX";
	struct sink sink = { .fn = remember };
	FILE *out = fdopen(mkstemp(path), "w");
	struct zone *zone;

	fprintf(out, "$TTL 300\n%s", text);
	fclose(out);
	zone = master_load(path, origin, NULL, &sink, NULL);
	unlink(path);
	assert_non_null(zone);
	return zone;
}

/* One version from another as by a transfer, looked at where they differ. */
#define NOW 1790000000		/* 2026-09-21 14:13:20 */

static int
check_step_at(const char *old, time_t then, const char *new, time_t now, const struct checks *checks)
{
	struct sink sink = { .fn = remember };
	struct zone *from = zone_of(old), *want = zone_of(new), *to;
	struct delta *delta = delta_between(from, want);
	static uint8_t owner[256][DNAME_MAX];
	const uint8_t *name[256];
	struct delta_walk walk;
	struct rr rr;
	size_t count = 0;
	int err;

	if (then != 0)
		check_zone(from, checks, then, &sink);
	*told = '\0';
	to = delta_apply(from, delta, &sink);
	assert_non_null(to);
	for (int added = 0; added < 2; added++) {
		(added ? delta_walk_added : delta_walk_removed)(&walk, delta);
		for (; delta_next(&walk, &rr); count++)
			name[count] = memcpy(owner[count], rr.owner, name_len(rr.owner));
	}
	err = check_change(from, to, name, count, checks, now, &sink);
	look_again = zone_look_again(to);
	delta_free(delta);
	zone_unref(from);
	zone_unref(want);
	zone_unref(to);
	return err;
}

static int
check_step(const char *old, const char *new, const struct checks *checks)
{
	return check_step_at(old, NOW, new, NOW, checks);
}

#define APEX(serial, next) "@ SOA ns hm " serial " 2 3 4 5\n NS ns\n" SIG("SOA", GOOD) SIG("NS", GOOD) \
    " NSEC " next " NS SOA\n" SIG("NSEC", GOOD)
#define HOST(name, next, until) name " A 192.0.2.1\n" SIG("A", until) " NSEC " next " A\n" SIG("NSEC", GOOD)
#define CUT(name, next) name " NS x.other.\n NSEC " next " NS\n" SIG("NSEC", GOOD)
#define TAIL HOST("ns", "@", GOOD)
#define NEXT "names another record as the next than the one that follows"
#define APEX3(serial) "@ SOA ns hm " serial " 2 3 4 5\n NS ns.other.\n NSEC3PARAM 1 0 0 -\n" SIG("SOA", GOOD) \
    SIG("NS", GOOD) SIG("NSEC3PARAM", GOOD)
#define H(n) n "0000000000000000000000000000000"
#define HASHED(n, next) H(n) " NSEC3 1 0 0 - " H(next) " A\n" SIG("NSEC3", GOOD)
#define HERE1 APEX("1", "b") HOST("b", "d", GOOD) HOST("d", "ns", "20210101000000")

static void
changes_are_checked_where_they_are(void **state)
{
	static const struct { const char *old, *new, *told; } rows[] = {
		/* The old signature at d is not looked at. */
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "d", GOOD) HOST("d", "ns", "20210101000000") TAIL, "" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "d", "20210101000000") HOST("d", "ns", "20210101000000") TAIL,
		    "b.example. A: the signature has expired\n" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "c", GOOD) HOST("c", "d", GOOD) HOST("d", "ns", "20210101000000") TAIL, "" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "d", GOOD) HOST("c", "d", GOOD) HOST("d", "ns", "20210101000000") TAIL,
		    "b.example. NSEC: " NEXT "\n" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "d", GOOD) "c A 192.0.2.1\n" HOST("d", "ns", "20210101000000") TAIL,
		    "c.example. A: has no signature\nc.example. has no NSEC record\n" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "d", GOOD) TAIL, "b.example. NSEC: " NEXT "\n" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "ns", GOOD) TAIL, "" },
		{ HERE1 TAIL, APEX("2", "d") HOST("d", "ns", "20210101000000") TAIL, "" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "d", GOOD) HOST("d", "ns", GOOD) HOST("ns", "b", GOOD),
		    "ns.example. NSEC: " NEXT "\n" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "d", GOOD) HOST("d", "ns", GOOD) HOST("ns", "@", GOOD) HOST("z", "@", GOOD),
		    "ns.example. NSEC: " NEXT "\n" },
		{ HERE1 TAIL, APEX("2", "b") HOST("b", "b", GOOD) HOST("d", "ns", GOOD) TAIL, "b.example. NSEC: " NEXT "\n" },
		/* What was glue is an answer when the delegation goes. */
		{ APEX("1", "d") CUT("d", "ns") "a.d A 192.0.2.1\nb.d A 192.0.2.1\n" TAIL,
		    APEX("2", "d") HOST("d", "ns", GOOD) "a.d A 192.0.2.1\nb.d A 192.0.2.1\n" TAIL,
		    "a.d.example. A: has no signature, and so in 1 other\na.d.example. has no NSEC record, and so in 1 other\n" },
		{ APEX("1", "d") CUT("d", "ns") "a.d A 192.0.2.1\n" TAIL, APEX("2", "d") CUT("d", "ns") "b.d A 192.0.2.1\n" TAIL, "" },
		/* Signed as a whole, or in another way, is a look at the whole. */
		{ "@ SOA ns hm 1 2 3 4 5\n NS ns\nns A 192.0.2.1\nd A 192.0.2.1\n", APEX("2", "ns") HOST("ns", "@", GOOD) "d A 192.0.2.1\n",
		    "d.example. A: has no signature\nd.example. has no NSEC record\n" },
		/* What was wrong before is not told again. */
		{ APEX("1", "ns") "@ CDS 1 8 9 00\n" SIG("CDS", GOOD) TAIL, APEX("2", "b") "@ CDS 1 8 9 00\n" SIG("CDS", GOOD) HOST("b", "ns", GOOD) TAIL, "" },
		{ APEX("1", "ns") TAIL, APEX("2", "ns") "@ CDS 1 8 9 00\n" SIG("CDS", GOOD) TAIL, "example. CDS:" UNFIT },
		{ HERE1 TAIL, "@ SOA ns hm 2 2 3 4 5\n NS ns\nns A 192.0.2.1\n", "" },
		{ APEX3("1") HASHED("1", "3") HASHED("3", "1"), APEX3("2") HASHED("1", "2") HASHED("2", "3") HASHED("3", "1"), "" },
		{ APEX3("1") HASHED("1", "3") HASHED("3", "1"), APEX3("2") HASHED("1", "3") HASHED("2", "3") HASHED("3", "1"),
		    H("1") ".example. NSEC3: names another hash as the next than the one that follows\n" },
		{ APEX3("1") HASHED("1", "2") HASHED("2", "3") HASHED("3", "1"), APEX3("2") HASHED("1", "2") HASHED("3", "1"),
		    H("1") ".example. NSEC3: names another hash as the next than the one that follows\n" },
		{ APEX3("1") HASHED("1", "2") HASHED("2", "3") HASHED("3", "1"), APEX3("2") HASHED("2", "3") HASHED("3", "1"),
		    H("3") ".example. NSEC3: names another hash as the next than the one that follows\n" },
	};
	struct checks checks = checks_default;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(check_step(rows[i].old, rows[i].new, &checks), 0);
		if (strcmp(told, rows[i].told) != 0)
			fail_msg("row %zu told: %sand not: %s", i, told, rows[i].told);
	}
	checks.severity[CHECK_DNSSEC] = ERROR;
	assert_int_equal(check_step(rows[1].old, rows[1].new, &checks), -EINVAL);
	assert_string_equal(told, "E b.example. A: the signature has expired\n");
	checks.severity[CHECK_DNSSEC] = NOTE;
	assert_int_equal(check_step(rows[1].old, rows[1].new, &checks), 0);
	assert_string_equal(told, "");
}

static void
signatures_that_run_out_meanwhile_are_told_with_the_next_change(void **state)
{
	static const char until[] = "20260923000000", soon[] = "b.example. A: the signature expires within a day\n",
	    gone[] = "b.example. A: the signature has expired\n";
	time_t end = 1790121600;
	char old[4096], new[4096];

	(void)state;
	snprintf(old, sizeof(old), APEX("1", "b") "b A 192.0.2.1\n" SIG("A", "%s") " NSEC ns A\n" SIG("NSEC", GOOD) TAIL, until);
	snprintf(new, sizeof(new), APEX("2", "b") "b A 192.0.2.1\n" SIG("A", "%s") " NSEC ns A\n" SIG("NSEC", GOOD) TAIL
	    "ns AAAA ::1\n" SIG("AAAA", GOOD), until);
	check_step_at(old, NOW, new, NOW + 1, &checks_default);
	assert_string_equal(told, "");
	check_step_at(old, NOW, new, end - 86401, &checks_default);
	assert_string_equal(told, "");
	check_step_at(old, NOW, new, end - 86400, &checks_default);
	assert_string_equal(told, soon);
	check_step_at(old, end - 86400, new, end, &checks_default);
	assert_string_equal(told, "");
	check_step_at(old, end - 86400, new, end + 1, &checks_default);
	assert_string_equal(told, gone);
	check_step_at(old, end + 1, new, end + 2, &checks_default);
	assert_string_equal(told, "");
	/* Of a version that nobody looked at all is looked at. */
	check_step_at(old, 0, new, end + 2, &checks_default);
	assert_string_equal(told, gone);
	/* What a change brings counts too. */
	snprintf(old, sizeof(old), APEX("1", "ns") TAIL);
	snprintf(new, sizeof(new), APEX("2", "b") "b A 192.0.2.1\n" SIG("A", "%s") " NSEC ns A\n" SIG("NSEC", GOOD) TAIL, until);
	check_step_at(old, NOW, new, NOW, &checks_default);
	assert_string_equal(told, "");
	assert_int_equal(look_again, end - 86400);
}

static bool
signatures_at(const struct zone *zone, unsigned known, time_t now, struct signature_times *times)
{
	struct sink sink = { .fn = remember };

	*told = '\0';
	return check_signatures(zone, known, now, &sink, times);
}

/* A set has two: the later end counts. */
static void
signatures_are_looked_at_while_a_zone_stays(void **state)
{
	static const char soon[] = "b.example. A: the signature expires within a day\n",
	    gone[] = "b.example. A: the signature has expired\n";
	time_t end = 1790121600;
	struct signature_times times;
	struct zone *zone = zone_of(APEX("1", "b") "b A 192.0.2.1\n" SIG("A", "20260922000000") SIG("A", "20260923000000")
	    " NSEC ns A\n" SIG("NSEC", GOOD) TAIL);
	unsigned ending;

	(void)state;
	assert_true(signatures_at(zone, 0, NOW, &times));
	assert_string_equal(told, "");
	assert_int_equal(times.first, end);
	assert_int_equal(times.faults, 0);
	assert_true(times.look_again <= end - 86400);
	assert_true(signatures_at(zone, 0, end - 86400, &times));
	assert_string_equal(told, soon);
	assert_int_equal(times.ending, 1);
	assert_true(times.look_again <= end + 1);
	ending = times.faults;
	assert_true(signatures_at(zone, ending, end, &times));
	assert_string_equal(told, "");
	assert_int_equal(times.faults, ending);
	assert_true(signatures_at(zone, ending, end + 1, &times));
	assert_string_equal(told, gone);
	assert_int_equal(times.first, end);
	assert_int_equal(times.expired, 1);
	assert_int_equal(times.ending, 0);
	assert_int_equal(zone_look_again(zone), 0);
	zone_unref(zone);
	zone = zone_of("@ SOA ns hm 1 2 3 4 5\n NS ns\nns A 192.0.2.1\n");
	assert_false(signatures_at(zone, 0, NOW, &times));
	zone_unref(zone);
}

/* Hosts, delegations and glue by chance, signed well, and then with records gone by chance too: a look at the change finds what a look
 * at all of it does. */
static size_t
random_zone(char *out, size_t size, unsigned seed, unsigned spoil, int serial)
{
	static const char *const names[] = { "b", "c", "a.c", "b.c", "d", "e", "x.e", "ns" };
	enum { NAMES = sizeof(names) / sizeof(*names) };
	bool there[NAMES], cut[NAMES];
	size_t n = 0;

	srand(seed);
	for (int i = 0; i < NAMES; i++) {
		there[i] = i == NAMES - 1 || rand() % 3 > 0;
		cut[i] = (i == 1 || i == 5) && rand() % 2 == 0;
	}
	there[6] &= there[5];
	srand(spoil);
	for (int i = -1; i < NAMES; i++) {
		const char *next = "@";
		bool glue = i == 6 ? there[5] && cut[5] : (i == 2 || i == 3) && there[1] && cut[1];

		if (i >= 0 && !there[i])
			continue;
		for (int k = NAMES - 1; k > i; k--)
			if (there[k] && !(k == 6 ? there[5] && cut[5] : (k == 2 || k == 3) && there[1] && cut[1]))
				next = names[k];
		if (i < 0) {
			n += snprintf(out + n, size - n, "@ SOA ns hm %d 2 3 4 5\n NS ns\n" SIG("SOA", GOOD) SIG("NS", GOOD)
			    " NSEC %s NS SOA\n" SIG("NSEC", GOOD), serial, next);
			continue;
		}
		if (spoil != 0 && rand() % 6 == 0)
			continue;
		n += snprintf(out + n, size - n, cut[i] ? "%s NS x.other.\n" : "%s A 192.0.2.1\n", names[i]);
		if (glue)
			continue;
		if (!cut[i] && (spoil == 0 || rand() % 6 > 0))
			n += snprintf(out + n, size - n, SIG("A", GOOD));
		if (spoil == 0 || rand() % 6 > 0)
			n += snprintf(out + n, size - n, " NSEC %s A\n" SIG("NSEC", GOOD), next);
	}
	return n;
}

static void
changes_show_what_the_whole_does(void **state)
{
	struct checks checks = { .severity = { [CHECK_DNSSEC] = WARNING } };
	char old[8192], new[8192], whole[4096];
	unsigned faults = 0;

	(void)state;
	for (unsigned i = 1; i <= 300; i++) {
		struct zone *zone;
		struct sink sink = { .fn = remember };

		random_zone(old, sizeof(old), i, 0, 1);
		random_zone(new, sizeof(new), i + i % 3, i % 2 * i, 2);
		zone = zone_of(old);
		*told = '\0';
		check_zone(zone, &checks, 1790000000, &sink);
		zone_unref(zone);
		assert_string_equal(told, "");
		zone = zone_of(new);
		check_zone(zone, &checks, 1790000000, &sink);
		zone_unref(zone);
		strcpy(whole, told);
		faults += *whole != '\0';
		check_step(old, new, &checks);
		if (strcmp(told, whole) != 0)
			fail_msg("%u: a change tells:\n%sand the whole:\n%sof\n%sand\n%s", i, told, whole, old, new);
	}
	assert_in_range(faults, 100, 200);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_that_no_message_holds_are_told),
		cmocka_unit_test(targets_that_cannot_be_reached_are_told),
		cmocka_unit_test(names_of_hosts_are_told_where_they_stand),
		cmocka_unit_test(each_check_has_its_clause),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(the_digest_of_the_zone_is_verified),
		cmocka_unit_test(what_the_parent_is_told_fits_the_keys),
		cmocka_unit_test(changes_are_checked_where_they_are),
		cmocka_unit_test(signatures_that_run_out_meanwhile_are_told_with_the_next_change),
		cmocka_unit_test(signatures_are_looked_at_while_a_zone_stays),
		cmocka_unit_test(changes_show_what_the_whole_does),
		cmocka_unit_test(signed_zones_are_checked_for_what_validators_see),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
