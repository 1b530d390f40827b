#include "zonefile/master.h"
#include "zonefile/scan.h"
#include "zonefile/stops.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "zonefile/dump.h"
#include "zonefile/zone.h"
#include "zonefile/count.h"

#define HEAD "$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns.other.\n"
#define L10 "aaaaaaaaaa"
#define L63 L10 L10 L10 L10 L10 L10 "aaa"

static const uint8_t origin[] = "\7example";
static char dir[] = "/tmp/master_test.XXXXXX", told[65536];

/* All reports, each on a line; the directory is left out. */
static void
remember(void *ctx, const struct report *report)
{
	char text[4096], *at;
	size_t used = strlen(told);

	(void)ctx;
	report_format(text, sizeof(text), report);
	while ((at = strstr(text, dir)) != NULL)
		memmove(at, at + strlen(dir) + 1, strlen(at + strlen(dir) + 1) + 1);
	snprintf(told + used, sizeof(told) - used, "%s\n", text);
}

static const char *
path_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *text, size_t len)
{
	FILE *out = fopen(path_of(name), "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	fclose(out);
}

static void
put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static struct zone *
load(const char *name, struct master_files *files)
{
	struct sink sink = { .fn = remember };

	*told = '\0';
	return master_load(path_of(name), origin, NULL, &sink, files);
}

static struct zone *
load_text(const char *text)
{
	put_text("z", text);
	return load("z", NULL);
}

/* The zone's text without the SOA and the NS of HEAD. */
static char *
text_of(const struct zone *zone)
{
	size_t size;
	char *text, *at;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(dump_canonical(out, zone), 0);
	fclose(out);
	at = strchr(strchr(text, '\n') + 1, '\n') + 1;
	memmove(text, at, strlen(at) + 1);
	return text;
}

static void
every_way_to_write_records_is_read(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "a A 1.2.3.4\n", "a.example. 300 IN A 1.2.3.4\n" },
		{ "a A 1.2.3.4", "a.example. 300 IN A 1.2.3.4\n" },
		{ "a A 1.2.3.4\r\n\tTXT b\r\n", "a.example. 300 IN A 1.2.3.4\na.example. 300 IN TXT \"b\"\n" },
		{ "a 1h IN A 1.2.3.4\n", "a.example. 3600 IN A 1.2.3.4\n" },
		{ "a IN 1w2d3h4m5s A 1.2.3.4\n", "a.example. 788645 IN A 1.2.3.4\n" },
		{ "a CLASS1 2147483647 TYPE1 1.2.3.4\n", "a.example. 2147483647 IN A 1.2.3.4\n" },
		{ "a in a 1.2.3.4 ; comment (\n; \"\n\n   \n ; (\n", "a.example. 300 IN A 1.2.3.4\n" },
		{ "A A 1.2.3.4\nIN IN A 1.2.3.4\n1 1 A 1.2.3.4\n",
		    "1.example. 1 IN A 1.2.3.4\nA.example. 300 IN A 1.2.3.4\nIN.example. 300 IN A 1.2.3.4\n" },
		{ "a (\n60 ; c )\n IN\n) TXT ( x\n\n (y) \"(z;\" )", "a.example. 60 IN TXT \"x\" \"y\" \"(z;\"\n" },
		{ "a TXT a\"b\"c\n", "a.example. 300 IN TXT \"a\" \"b\" \"c\"\n" },
		{ "a.b.example. A 1.2.3.4\n\tA 1.2.3.5\n  A 1.2.3.6\n",
		    "a.b.example. 300 IN A 1.2.3.4\na.b.example. 300 IN A 1.2.3.5\na.b.example. 300 IN A 1.2.3.6\n" },
		{ "$ORIGIN b\na A 1.2.3.4\n$origin c.example.\n@ MX 1 x\n$ORIGIN d\n* A 1.2.3.4\n",
		    "a.b.example. 300 IN A 1.2.3.4\nc.example. 300 IN MX 1 x.c.example.\n*.d.c.example. 300 IN A 1.2.3.4\n" },
		{ "a\\.b\\032 A 1.2.3.4\n\\036x A 1.2.3.4\n", "\\$x.example. 300 IN A 1.2.3.4\na\\.b\\032.example. 300 IN A 1.2.3.4\n" },
		{ "$TTL 1d\na A 1.2.3.4\n$TTL 0\nb A 1.2.3.4\n", "a.example. 86400 IN A 1.2.3.4\nb.example. 0 IN A 1.2.3.4\n" },
		{ "a TYPE65280 \\# 2 (\n ab\n cd )\n", "a.example. 300 IN TYPE65280 \\# 2 ABCD\n" },
		{ "t TXT \\\"\n", "t.example. 300 IN TXT \"\\\"\"\n" },
		{ "\"q\" A 1.2.3.4\n", "q.example. 300 IN A 1.2.3.4\n" },
		{ "$DATE 20240101000000\na A 1.2.3.4\n", "a.example. 300 IN A 1.2.3.4\n" },
		{ "$GENERATE 1-2 a$ A 1.2.3.$\n", "a1.example. 300 IN A 1.2.3.1\na2.example. 300 IN A 1.2.3.2\n" },
		{ "$GENERATE 0-6/3 a${1,3} 60 IN AAAA ::${0,0,d}\n", "a001.example. 60 IN AAAA ::\n"
		    "a004.example. 60 IN AAAA ::3\na007.example. 60 IN AAAA ::6\n" },
		{ "$generate 10-10 ${0,4,x}-${0,4,X}.${0,3,o} in 1h CNAME $$.x${-11}\n",
		    "000a-000A.012.example. 3600 IN CNAME \\$.x-1.example.\n" },
		{ "$GENERATE 171-171 a.${0,0,n} PTR b.${0,6,N}x\n", "a.b.a.example. 300 IN PTR b.B.A.0.x.example.\n" },
		{ "$GENERATE 1-1 t\\$x$ MX \"1$ m$\" ; c\n", "t\\$x1.example. 300 IN MX 11 m1.example.\n" },
		{ "$GENERATE 1-1 @ TXT \"a \\\"b $\\\"\"\n", "example. 300 IN TXT \"a\" \"b 1\"\n" },
		{ "$GENERATE 7-7 a TXT \"x $\" y$ \"\" (\n z)\n", "a.example. 300 IN TXT \"x 7\" \"y7\" \"\" \"z\"\n" },
		{ "$GENERATE 2147483647-2147483647/2147483647 a$ TYPE65280 \\# 1 ${-2147483392,2,X}\n",
		    "a2147483647.example. 300 IN TYPE65280 \\# 1 FF\n" },
		{ "$TTL 5\n$ORIGIN b\n$GENERATE 1-1 $ A 1.2.3.4\n", "1.b.example. 5 IN A 1.2.3.4\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char all[1024];
		struct zone *zone;
		char *text;

		snprintf(all, sizeof(all), "%s%s", HEAD, rows[i].in);
		if ((zone = load_text(all)) == NULL)
			fail_msg("%s: %s", rows[i].in, told);
		assert_string_equal(told, "");
		text = text_of(zone);
		assert_string_equal(text, rows[i].out);
		free(text);
		zone_unref(zone);
	}
}

static void
every_error_is_told_with_its_place(void **state)
{
	static const struct { const char *in, *told; } rows[] = {
		{ "www A 1.2.3\n", "4:7: error: \"1.2.3\" is not an IPv4 address" },
		{ "www\n", "4:4: error: the record ends where it needs a type" },
		{ "www 300 IN\n", "4:11: error: the record ends where it needs a type" },
		{ "www MX 10 ; a\n", "4:10: error: MX record ends where it needs a name" },
		{ "www A\n", "4:6: error: A record ends where it needs an IPv4 address" },
		{ "www TXT (\n\n a \"b\" \\300)\n", "6:8: error: \\ is not followed by a character or three digits up to 255" },
		{ "www A 1.2.3.4 5\n", "4:15: error: \"5\" is more than type A takes" },
		{ "www 2147483648 A 1.2.3.4\n", "4:5: error: TTL 2147483648 is above 2147483647" },
		{ "www 99999999999999999999 A 1.2.3.4\n", "4:5: error: TTL 99999999999999999999 is above 2147483647" },
		{ "www 1x A 1.2.3.4\n", "4:5: error: \"1x\" is no TTL: a number, or numbers with the units w d h m s" },
		{ "www 1h1 A 1.2.3.4\n", "4:5: error: \"1h1\" is no TTL: a number, or numbers with the units w d h m s" },
		{ "www 1 2 A 1.2.3.4\n", "4:7: error: \"2\" stands where a type should: the TTL is there already" },
		{ "www IN IN A 1.2.3.4\n", "4:8: error: \"IN\" stands where a type should: the class is there already" },
		{ "www CH A 1.2.3.4\n", "4:5: error: class \"CH\" is not served, only IN is" },
		{ "www CLASS3 A 1.2.3.4\n", "4:5: error: class \"CLASS3\" is not served, only IN is" },
		{ "www AAA ::1\n", "4:5: error: \"AAA\" is no record type; did you mean AAAA?" },
		{ "www RRSGI x\n", "4:5: error: \"RRSGI\" is no record type; did you mean RRSIG?" },
		{ "www ANY x\n", "4:5: error: type ANY cannot stand in a zone" },
		{ "www \"A\" x\n", "4:6: error: \"A\" stands in quotes where a record type is needed" },
		{ L63 "a A 1.2.3.4\n", "4:1: error: label of 64 octets, at most 63 are allowed" },
		{ "b\\.\\100." L63 "aa A 1.2.3.4\n", "4:9: error: label of 65 octets, at most 63 are allowed" },
		{ "www NS x." L63 "a\n", "4:10: error: label of 64 octets, at most 63 are allowed" },
		{ L63 "." L63 "." L63 "." L63 " A 1.2.3.4\n", "4:1: error: name of more than 255 octets" },
		{ "a..b A 1.2.3.4\n", "4:1: error: empty label" },
		{ "a.b.other. A 1.2.3.4\n", "4:1: error: a.b.other. is not in the zone example" },
		{ "www TXT \"a\nb A 1.2.3.4\n", "4:9: error: quote is not closed on this line" },
		{ "www TXT \"a", "4:9: error: quote is not closed before the end of the file" },
		{ "www TXT a )\n", "4:11: error: ')' without '(' before it" },
		{ "www TXT ( a\nb A 1.2.3.4\n", "4:9: error: '(' is not closed before the end of the file" },
		{ "www\302\240A 1.2.3.4\n", "4:8: error: \"1.2.3.4\" is no TTL: a number, or numbers with the units w d h m s"
		    " (there is a no-break space in the line, which is no blank)" },
		{ "www\240A x\n", "4:7: error: \"x\" is no record type (there is a no-break space in the line, which is no blank)" },
		{ "www TXT a\1\n", "4:10: error: octet 1 (0x01) must be written as \\001" },
		{ "www \r A 1.2.3.4\n", "4:5: error: a carriage return ends no line by itself; save the file with lines that end as in Unix or DOS" },
		{ "$TTL\n", "4:5: error: something is missing of $TTL SECONDS" },
		{ "$TTL 1 2\n", "4:8: error: \"2\" is more than $TTL SECONDS takes" },
		{ "$TTL x\n", "4:6: error: \"x\" is no TTL: a number, or numbers with the units w d h m s" },
		{ "$TTL 2147483648\n", "4:6: error: TTL 2147483648 is above 2147483647" },
		{ "$ORIGN x\n", "4:1: error: \"$ORIGN\" is no directive; did you mean $ORIGIN?" },
		{ "$DATE\n", "4:6: error: something is missing of $DATE YYYYMMDDHHMMSS" },
		{ "$GENERATE 1-2 a$\n", "4:17: error: something is missing of $GENERATE FIRST-LAST[/STEP] OWNER [TTL] [CLASS] TYPE RDATA" },
		{ "$GENERATE 1-2 a$ 1 IN A\n", "4:24: error: $GENERATE needs a range, an owner, a type and RDATA" },
		{ "$GENERATE 2-1 a$ A 1.2.3.4\n", "4:11: error: \"2-1\" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647" },
		{ "$GENERATE 1-2/0 a$ A 1.2.3.4\n", "4:11: error: \"1-2/0\" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647" },
		{ "$GENERATE 1-2147483648 a$ A 1.2.3.4\n",
		    "4:11: error: \"1-2147483648\" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647" },
		{ "$GENERATE 1-2 a${q} A 1.2.3.4\n", "4:16: error: an offset is needed behind ${, as in ${0}, ${10,3} or ${0,2,x}" },
		{ "$GENERATE 1-2 a${0,128} A 1.2.3.4\n", "4:16: error: a width is a number up to 127" },
		{ "$GENERATE 1-2 a A 1.2.3.${0,1,b}\n", "4:25: error: the base is one of d o x X n N" },
		{ "$GENERATE 1-2 a${0,1,d A 1.2.3.4\n", "4:16: error: ${ needs a }, as in ${0}, ${10,3} or ${0,2,x}" },
		{ "$GENERATE 1-2 a${2147483647} A 1.2.3.4\n", "4:16: error: the value with its offset is above 2147483647" },
		{ "$GENERATE 255-900 a$ A 1.2.3.$\n",
		    "4:1: error: \"1.2.3.256\" is not an IPv4 address, in \"a256 A 1.2.3.256\" for 256" },
		{ "$GENERATE 1-2 a$ CH TXT x\n", "4:1: error: class \"CH\" is not served, only IN is, in \"a1 CH TXT x\" for 1" },
		{ "$ORIGIN a..\n", "4:9: error: empty label" },
		{ "$INCLUDE nothing\n", "4:10: error: nothing: No such file or directory" },
		{ "$INCLUDE .\n", "4:10: error: .: is a directory" },
		{ "$INCLUDE z\n", "4:10: error: z includes itself" },
		{ "\\", "4:1: error: \\ is not followed by a character or three digits up to 255" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char all[1024], want[1024];
		char *end;

		snprintf(all, sizeof(all), "%s%s", HEAD, rows[i].in);
		snprintf(want, sizeof(want), "z:%s", rows[i].told);
		assert_null(load_text(all));
		if ((end = strchr(told, '\n')) != NULL)
			*end = '\0';
		if (strcmp(told, want) != 0 || (end != NULL && end[1] != '\0'))
			fail_msg("%s told: %s\nand not: %s", rows[i].in, told, want);
	}
}

static void
a_byte_order_mark_is_the_one_error(void **state)
{
	static const char *const marks[] = { "\xef\xbb\xbf$TTL 1\n", "\xff\xfe$\1T\1", "\xfe\xff\1$\1T" };

	(void)state;
	for (size_t i = 0; i < COUNT(marks); i++) {
		assert_null(load_text(marks[i]));
		assert_non_null(strstr(told, "z:1:1: error: the file begins with a byte-order mark of UTF-"));
		assert_string_equal(strchr(told, '\n'), "\n");
	}
}

static void
what_is_no_text_is_told_as_what_it_is(void **state)
{
	static const struct { const char *octets; size_t len; const char *told; } rows[] = {
		{ "\0\0\0\2\0\0\0\1", 8, "z:1:1: error: the file is in BIND's format raw; named-compilezone -f raw -F text makes a" },
		{ "\0\0\0\3", 4, "z:1:1: error: the file is in BIND's format map;" },
		{ "\37\213\10\0", 4, "z:1:1: error: the file is a compressed one; unpack it first\n" },
		{ "\3757zXZ", 6, "z:1:1: error: the file is a compressed one;" },
		{ "\50\265\57\375", 4, "z:1:1: error: the file is a compressed one;" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		put("z", rows[i].octets, rows[i].len);
		assert_null(load("z", NULL));
		assert_non_null(strstr(told, rows[i].told));
		assert_string_equal(strchr(told, '\n'), "\n");
	}
}

static void
all_errors_of_a_file_are_told_in_one_pass(void **state)
{
	static const char want[] =
	    "z:4:5: error: \"1\" is not an IPv4 address\n"
	    "z:7:2: error: \"1\" is not an IPv4 address\n"
	    "z:8:7: error: quote is not closed on this line\n"
	    "z:10:1: error: empty label\n"
	    "z:12:4: error: \"2\" is not an IPv4 address\n"
	    "z:14:1: error: x.y. is not in the zone example\n"
	    "z:15:1: error: f.example. has";

	(void)state;
	assert_null(load_text(HEAD
	    "a A 1\n" "b (\n A\n 1 )\n" "c TXT \"x\n" " A 1.2.3.4\n" "d.. A 1.2.3.4\n" " A 1.2.3.4\n" " A 2\n"
	    "e A 1.2.3.4\n" "x.y. A 1.2.3.4\n" "f CNAME a\n" "f A 1.2.3.4\n"));
	/* The rest of the sentence is the builder's. */
	told[strlen(want)] = '\0';
	assert_string_equal(told, want);
}

/* Also when others stand between them, a few or many. */
static void
records_of_one_owner_count_in_the_order_they_came(void **state)
{
	static const struct { const char *in, *told, *out; } rows[] = {
		{ "a A 1.2.3.4\nb MX 1 b\na A 1.2.3.5\na 100 TXT x\nb A 1.2.3.4\na 200 TXT y\nb 1 TXT x\na MX 1 b\n",
		    "z:9:1: warning: a.example. TXT: TTL 200 differs from the first of its set, 100, which is used\n",
		    "a.example. 300 IN A 1.2.3.4\na.example. 300 IN A 1.2.3.5\na.example. 300 IN MX 1 b.example.\n"
		    "a.example. 100 IN TXT \"x\"\na.example. 100 IN TXT \"y\"\n"
		    "b.example. 300 IN A 1.2.3.4\nb.example. 300 IN MX 1 b.example.\nb.example. 1 IN TXT \"x\"\n" },
		{ "a A 1.2.3.4\nb A 1.2.3.4\na TXT x\nb TXT x\na A 1.2.3.5\nb MX 1 b\na TXT x\nb HINFO x x\na MX 1 b\n",
		    "z:10:1: warning: a.example. TXT: the same record is there twice, one is dropped\n",
		    "a.example. 300 IN A 1.2.3.4\na.example. 300 IN A 1.2.3.5\na.example. 300 IN MX 1 b.example.\n"
		    "a.example. 300 IN TXT \"x\"\nb.example. 300 IN A 1.2.3.4\nb.example. 300 IN HINFO \"x\" \"x\"\n"
		    "b.example. 300 IN MX 1 b.example.\nb.example. 300 IN TXT \"x\"\n" },
		{ "a A 1.2.3.4\nb A 1.2.3.4\nA TXT x\nc A 1.2.3.4\nd A 1.2.3.4\ne A 1.2.3.4\nf A 1.2.3.4\n"
		    "A MX 1 b\ne MX 1 b\na TXT x\ne TXT x\na MX 1 b\n",
		    "z:15:1: warning: a.example. MX: the same record is there twice, one is dropped\n"
		    "z:13:1: warning: a.example. TXT: the same record is there twice, one is dropped\n", NULL },
		{ "a CNAME b\nb A 1.2.3.4\na TXT x\nb TXT x\na A 1.2.3.4\nb MX 1 b\na MX 1 b\n",
		    "z:10:1: error: a.example. has a CNAME record, which excludes all other data, and A\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char all[1024], *text;
		struct zone *zone;

		snprintf(all, sizeof(all), "%s%s", HEAD, rows[i].in);
		zone = load_text(all);
		assert_string_equal(told, rows[i].told);
		if (rows[i].out == NULL) {
			zone_unref(zone);
			continue;
		}
		text = text_of(zone);
		assert_string_equal(text, rows[i].out);
		free(text);
		zone_unref(zone);
	}
}

static void
a_million_errors_end_in_time(void **state)
{
	struct sink sink = { .fn = remember };
	size_t size = 1000000 * 6;
	char *text = malloc(size);

	(void)state;
	for (size_t i = 0; i < size; i += 6)
		memcpy(text + i, "a A 1\n", 6);
	put("z", text, size);
	free(text);
	*told = '\0';
	assert_null(master_load(path_of("z"), origin, NULL, &sink, NULL));
	assert_true(sink.errors >= 1000000);
}

static void
the_ttl_comes_from_where_bind_takes_it(void **state)
{
	static const struct { const char *in, *out, *told; } rows[] = {
		{ "@ SOA a b 1 2 3 4 77\n NS n.\na 5 A 1.2.3.4\nb A 1.2.3.4\n",
		    "a.example. 5 IN A 1.2.3.4\nb.example. 77 IN A 1.2.3.4\n",
		    "z:1:1: warning: no $TTL: 77 is taken from the last field of the SOA\n" },
		{ "@ 9 SOA a b 1 2 3 4 77\n NS n.\na 5 A 1.2.3.4\nb A 1.2.3.4\n",
		    "a.example. 5 IN A 1.2.3.4\nb.example. 5 IN A 1.2.3.4\n",
		    "z:2:2: warning: no $TTL: 9 is taken from the record before\n" },
		{ "@ 9 SOA a b 1 2 3 4 77\n$TTL 8\n NS n.\na 5 A 1.2.3.4\nb A 1.2.3.4\n",
		    "a.example. 5 IN A 1.2.3.4\nb.example. 8 IN A 1.2.3.4\n", "" },
		{ "@ SOA a b 1 2 3 4 4294967295\n NS n.\n", "",
		    "z:1:1: warning: no $TTL: 0 is taken from the last field of the SOA\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct zone *zone = load_text(rows[i].in);
		char *text;

		assert_string_equal(told, rows[i].told);
		assert_non_null(zone);
		text = text_of(zone);
		assert_string_equal(text, rows[i].out);
		free(text);
		zone_unref(zone);
	}
	assert_null(load_text("a A 1.2.3.4\n"));
	told[strcspn(told, "\n")] = '\0';
	assert_string_equal(told, "z:1:1: error: no TTL: neither here, nor before, nor by $TTL");
}

static void
an_include_leaves_origin_and_owner_as_they_were(void **state)
{
	static const char out[] =
	    "a.example. 300 IN A 1.2.3.4\na.example. 300 IN TXT \"restored\"\na.example. 300 IN TXT \"inherited\"\n"
	    "n.example. 9 IN A 1.2.3.9\nz.q.example. 9 IN A 1.2.3.5\nc.sub.example. 300 IN A 1.2.3.4\n";
	struct master_files files = { .count = 0 };
	struct zone *zone;
	char *text;

	(void)state;
	assert_int_equal(mkdir(path_of("d"), 0700), 0);
	put_text("d/one", " TXT inherited\n$ORIGIN sub\nc A 1.2.3.4\n$INCLUDE \"two x\" q.example.\n");
	put_text("d/two x", "$TTL 9\nz A 1.2.3.5\n");
	put_text("z", HEAD "a A 1.2.3.4\n$INCLUDE d/one\n TXT restored\nn A 1.2.3.9\n");
	zone = load("z", &files);
	assert_int_equal(strncmp(told, "z:6:2: warning: a.example. TXT", 30), 0);
	assert_non_null(zone);
	text = text_of(zone);
	assert_string_equal(text, out);
	free(text);
	zone_unref(zone);
	assert_int_equal(files.count, 3);
	assert_string_equal(strrchr(files.file[1].path, '/'), "/one");
	assert_string_equal(strrchr(files.file[2].path, '/'), "/two x");
	assert_false(master_files_changed(&files));
	put_text("d/two x", "$TTL 8\nz A 1.2.3.5\n");
	assert_true(master_files_changed(&files));
	master_files_free(&files);
}

static void
a_missing_include_is_seen_when_it_comes(void **state)
{
	struct master_files files = { .count = 0 };

	(void)state;
	put_text("z", HEAD "$INCLUDE later\n");
	assert_null(load("z", &files));
	assert_string_equal(told, "z:4:10: error: later: No such file or directory\n");
	assert_int_equal(files.count, 2);
	assert_int_equal(files.file[1].ino, 0);
	assert_false(master_files_changed(&files));
	put_text("later", "");
	assert_true(master_files_changed(&files));
	master_files_free(&files);
	zone_unref(load("z", NULL));
	assert_string_equal(told, "");
}

static void
includes_end(void **state)
{
	char name[32], text[256];

	(void)state;
	put_text("loop1", "$INCLUDE loop2\n");
	put_text("loop2", "$INCLUDE loop1\n");
	assert_null(load_text(HEAD "$INCLUDE loop1\n"));
	assert_string_equal(told, "loop2:1:10: error: loop1 includes itself\n");
	for (int i = 1; i <= 21; i++) {
		snprintf(name, sizeof(name), "deep%d", i);
		snprintf(text, sizeof(text), "$INCLUDE deep%d\n", i + 1);
		put_text(name, text);
	}
	assert_null(load_text(HEAD "$INCLUDE deep1\n"));
	assert_string_equal(told, "deep20:1:10: error: files include each other more than 20 deep\n");
	put_text("deep20", "");
	zone_unref(load("z", NULL));
	assert_string_equal(told, "");
}

static void
what_is_no_file_is_refused_at_once(void **state)
{
	(void)state;
	assert_null(load("absent", NULL));
	assert_string_equal(told, "absent: error: No such file or directory\n");
	assert_null(load("d", NULL));
	assert_string_equal(told, "d: error: is a directory\n");
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_null(load("fifo", NULL));
	assert_string_equal(told, "fifo: error: is not a regular file\n");
}

static struct master_files watched;

static off_t new_size;

/* Cuts the file while it is read, or makes it longer. */
static void
resize(void *ctx, const struct report *report)
{
	if (report->severity == WARNING)
		assert_int_equal(truncate(ctx, new_size), 0);
	else
		remember(NULL, report);
}

static void
a_file_that_changes_while_it_is_read_is_an_error(void **state)
{
	struct sink sink = { .fn = resize };
	size_t size = 2000000, at;
	char *text = malloc(size), *path = strdup(path_of("z"));

	(void)state;
	/* The first record brings a warning, in which the file is cut. */
	at = sprintf(text, "@ SOA a b 1 2 3 4 5\n NS n.\n");
	for (; at + 12 <= size; at += 12)
		memcpy(text + at, "a A 1.2.3.4\n", 12);
	sink.ctx = path;
	for (new_size = 0; new_size < 3000000; new_size += 300000) {
		put("z", text, at);
		*told = '\0';
		sink.errors = sink.warnings = 0;
		assert_null(master_load(path, origin, NULL, &sink, &watched));
		/* What comes is read too, and is no text. */
		assert_non_null(strstr(told, new_size > (off_t)at ? "octet 0 (0x00)" : "z: error: changed while it was read\n"));
		assert_true(master_files_changed(&watched));
		master_files_free(&watched);
	}
	free(text);
	free(path);
}

static void
records_across_chunks_are_whole(void **state)
{
	/* Records of changing length so that chunks end in each part of one. */
	size_t size = 3000000, at;
	char *text = malloc(size + 2000), *canon;
	struct zone *zone;
	unsigned n = 0;

	(void)state;
	at = sprintf(text, HEAD);
	for (; at < size; n++)
		at += sprintf(text + at, "n%u IN (\n %u ) TXT \"a\\\"b ;%.*s\" ;%.*s\r\n  AAAA 2001:db8::%x\n", n, n % 1000,
		    (int)(n % 60), L63, (int)(n % 31), L63, n & 0xffff);
	put("z", text, at);
	zone = load("z", NULL);
	assert_string_equal(told, "");
	assert_int_equal(zone_records(zone), 2 + 2 * n);
	canon = text_of(zone);
	assert_true(strlen(canon) > size / 2);
	free(canon);
	zone_unref(zone);
	free(text);
}

static void
one_huge_record_is_read_and_an_endless_one_refused(void **state)
{
	size_t size = 12 << 20, at;
	char *text = malloc(size);
	struct zone *zone;

	(void)state;
	at = sprintf(text, HEAD "a TYPE65280 \\# 65535 (");
	for (unsigned i = 0; i < 65535; i++)
		at += sprintf(text + at, "\n\t%02x ; c", i & 255);
	at += sprintf(text + at, "\n)\nb A 1.2.3.4\n");
	put("z", text, at);
	zone = load("z", NULL);
	assert_string_equal(told, "");
	assert_non_null(zone);
	zone_unref(zone);
	at = sprintf(text, HEAD "a TXT (");
	memset(text + at, ' ', size - at);
	put("z", text, size);
	assert_null(load("z", NULL));
	assert_string_equal(told, "z:4:7: error: '(' is not closed within 8388608 octets and 65551 words\n");
	free(text);
}

static void
random_octets_do_no_harm(void **state)
{
	static const char alphabet[] = " \t\n\r;()\"\\.@$a019AINTX\0\377-+:";
	char text[400];

	(void)state;
	srandom(4);
	for (int i = 0; i < 4000; i++) {
		size_t len = random() % sizeof(text);

		for (size_t n = 0; n < len; n++)
			text[n] = alphabet[random() % (sizeof(alphabet) - 1)];
		if (i % 2 == 0 && len > sizeof(HEAD))
			memcpy(text, HEAD, sizeof(HEAD) - 1);
		put("z", text, len);
		zone_unref(load("z", NULL));
	}
}

static int
plain(void **state)
{
	*state = NULL;
	stops_find = stops_ways[stops_count - 1].find;
	return 0;
}

static int
fastest(void **state)
{
	unsigned i = 0;

	*state = NULL;
	while (!stops_ways[i].usable)
		i++;
	stops_find = stops_ways[i].find;
	return 0;
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int
remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_write_records_is_read),
		cmocka_unit_test(every_error_is_told_with_its_place),
		cmocka_unit_test(a_byte_order_mark_is_the_one_error),
		cmocka_unit_test(what_is_no_text_is_told_as_what_it_is),
		cmocka_unit_test(all_errors_of_a_file_are_told_in_one_pass),
		cmocka_unit_test(records_of_one_owner_count_in_the_order_they_came),
		cmocka_unit_test(a_million_errors_end_in_time),
		cmocka_unit_test(the_ttl_comes_from_where_bind_takes_it),
		cmocka_unit_test(an_include_leaves_origin_and_owner_as_they_were),
		cmocka_unit_test(a_missing_include_is_seen_when_it_comes),
		cmocka_unit_test(includes_end),
		cmocka_unit_test(what_is_no_file_is_refused_at_once),
		cmocka_unit_test(a_file_that_changes_while_it_is_read_is_an_error),
		cmocka_unit_test(records_across_chunks_are_whole),
		cmocka_unit_test(one_huge_record_is_read_and_an_endless_one_refused),
		cmocka_unit_test(random_octets_do_no_harm),
		{ "every_way_to_write_records_is_read_eight_octets_at_a_time", every_way_to_write_records_is_read, plain, fastest, NULL },
		{ "every_error_is_told_with_its_place_eight_octets_at_a_time", every_error_is_told_with_its_place, plain, fastest, NULL },
		{ "records_across_chunks_are_whole_eight_octets_at_a_time", records_across_chunks_are_whole, plain, fastest, NULL },
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
