#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/config/conf.h"

/* A directory of the test's own; it is left there when a test fails. */
static char dir[] = "/tmp/conf_test.XXXXXX";

static const char *
path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, const char *text)
{
	FILE *out = fopen(path_of(name), "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* Reports as lines without the directory. */
static char told[16384];

static void
keep_report(void *ctx, const struct report *report)
{
	size_t len = strlen(told), skip = strlen(dir) + 1;
	char line[1024];

	(void)ctx;
	report_format(line, sizeof(line), report);
	snprintf(told + len, sizeof(told) - len, "%s\n", strncmp(line, dir, skip - 1) == 0 ? line + skip : line);
}

static struct conf *
read_named(const char *name)
{
	struct sink sink = { .fn = keep_report };

	told[0] = '\0';
	return conf_read(path_of(name), &sink);
}

static struct conf *
read_text(const char *text)
{
	write_file("tandem.conf", text);
	return read_named("tandem.conf");
}

static char *
printed(const struct conf *conf, bool hide)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	conf_print(out, conf, hide);
	fclose(out);
	return text;
}

/* What is wrong, and all that is said about it. */
static const struct complaint {
	const char *text, *told;
} complaints[] = {
	{ "options {\n\talow-query { any; };\n};",
	    "tandem.conf:2:2: error: 'alow-query' is not known here; did you mean 'allow-query'?\n" },
	{ "optoins { };", "tandem.conf:1:1: error: 'optoins' is not known here; did you mean 'options'?\n" },
	{ "xyzzy { a; { b; }; };", "tandem.conf:1:1: error: 'xyzzy' is not known here\n" },
	{ "options { file \"x\"; };", "tandem.conf:1:11: error: 'file' does not belong here but in 'zone'\n" },
	{ "type master;", "tandem.conf:1:1: error: 'type' does not belong here but in 'zone'\n" },
	{ "zone a { type master; file a; masters { 192.0.2.1; }; };",
	    "tandem.conf:1:31: error: 'masters' belongs in a slave zone, and \"a\" is a master\n" },
	{ "zone a { type slave; file a; };", "tandem.conf:1:6: error: slave zone \"a\" needs 'masters'\n" },
	{ "zone a { type slave; masters { }; };", "tandem.conf:1:6: error: zone \"a\" has no masters that are not bogus\n" },
	{ "zone a { type slave; masters { m; }; }; masters m { };", "tandem.conf:1:6: error: zone \"a\" has no masters that are not bogus\n" },
	{ "zone a { type slave; masters { mastrs; }; }; masters mymasters { }; primaries masters { ::1; };",
	    "tandem.conf:1:32: error: list of masters 'mastrs' is not defined; did you mean 'masters'?\n" },
	{ "zone a { type slave; masters { m; }; }; masters m { n; }; primaries n { m; };",
	    "tandem.conf:1:49: error: list 'm' contains itself\n" },
	{ "zone a { type slave; masters { 192.0.2.1; }; primaries { 192.0.2.1; }; };",
	    "tandem.conf:1:46: error: 'primaries' is given in line 1 already, as 'masters'\n" },
	{ "zone a { type slave; masters { 192.0.2.1 key k; }; };",
	    "tandem.conf:1:46: error: key 'k' is not defined\n" },
	{ "zone a { type slave; masters { 192.0.2.1 tls t; 192.0.2; ::g; 192.0.2.1 port 0; }; };",
	    "tandem.conf:1:42: error: 'tls' is not supported: zones are transferred by plain TCP\n"
	    "tandem.conf:1:49: error: '192.0.2' is not an IPv4 address\n"
	    "tandem.conf:1:58: error: '::g' is not an IPv6 address\n"
	    "tandem.conf:1:78: error: port 0 is out of range: 1 to 65535\n" },
	{ "zone a { type slave; file f; masters { ::1; }; }; zone b { type master; file f; };",
	    "tandem.conf:1:56: error: zone \"b\" shares its file with zone \"a\", and a slave's file is written\n" },
	{ "zone a { type prmary; file a; };",
	    "tandem.conf:1:15: error: type 'prmary' is not known; it is one of: master, primary, slave, secondary\n" },
	{ "zone a { file a; };", "tandem.conf:1:6: error: zone \"a\" needs a type\n" },
	{ "zone a { type master; };", "tandem.conf:1:6: error: zone \"a\" needs a file\n" },
	{ "zone a..b { type master; file a; };",
	    "tandem.conf:1:6: error: 'a..b' is not the name of a zone: " },
	{ "zone a CH { type master; file a; };",
	    "tandem.conf:1:8: error: zones of class 'CH' are not supported: only IN\n" },
	{ "zone a { type master; file a; };\nzone A. IN { type master; file b; };",
	    "tandem.conf:2:6: error: zone \"a\" is there twice, first in " },
	{ "zone a { type master; file a; file b; };",
	    "tandem.conf:1:31: error: 'file' is given twice, first in " },
	{ "options { workers 1; }; options { workers 2; };",
	    "tandem.conf:1:25: error: 'options' is given twice, first in " },
	{ "zone a { type master; file a; update-policy { grant k zonesub any; }; };",
	    "tandem.conf:1:31: error: 'update-policy { grant k zonesub any; }' is not supported: dynamic updates are not "
	    "implemented; keep the zone on a server that has them\n" },
	{ "options { allow-transfer transport tls { any; }; };",
	    "tandem.conf:1:36: error: transport 'tls' is not supported: zones are transferred by TCP\n" },
	{ "options { allow-transfer port 5353 { any; }; };",
	    "tandem.conf:1:26: error: nobody could transfer on port 5353: no listen-on has it\n" },
	{ "options { notify maybe; };", "tandem.conf:1:18: error: notify 'maybe' is not known; it is one of: yes, no, "
	    "explicit, primary-only, master-only\n" },
	{ "options { transfer-source ::1; notify-source 192.0.2.1 port 5353; };",
	    "tandem.conf:1:27: error: 'transfer-source' takes an IPv4 address\n"
	    "tandem.conf:1:61: error: a fixed port is not supported here: answers are told from forged ones by it\n" },
	{ "options { max-journal-size 1x; max-ixfr-ratio 50; max-journal-size 17179869184g; };",
	    "tandem.conf:1:28: error: '1x' is not a size such as 20m\n"
	    "tandem.conf:1:47: error: '50' is not a percentage of 1% to 100000%\n"
	    "tandem.conf:1:51: error: 'max-journal-size' is given twice, first in " },
	{ "options { autosecondary { 192.0.2.53 ky k; }; };",
	    "tandem.conf:1:38: error: expected port, key, nameserver or account, found 'ky'\n" },
	{ "server 192.0.2.1 { keys { k; l; }; };",
	    "tandem.conf:1:30: error: 'keys' takes one key\n"
	    "tandem.conf:1:27: error: key 'k' is not defined\n" },
	{ "server 192.0.2.1 { bogus no; }; server 192.0.2.1/32 { bogus yes; };",
	    "tandem.conf:1:40: error: there is a server block for this address already\n" },
	{ "server 192.0.2.1 { bogos no; };",
	    "tandem.conf:1:20: error: 'bogos' is not known here; did you mean 'bogus'?\n" },
	{ "view \"inside\" { };",
	    "tandem.conf:1:1: error: 'view inside { }' is not supported: views answer differently from client to "
	    "client, and Tandem does not\n" },
	{ "mirror m { type postgres; database d; };",
	    "tandem.conf:1:17: error: type 'postgres' is not known; it is one of: mysql, sqlite\n" },
	{ "mirror m { database d; user u; };", "tandem.conf:1:8: error: mirror \"m\" needs a type: mysql or sqlite\n" },
	{ "mirror m { type mysql; user u; };",
	    "tandem.conf:1:8: error: mirror \"m\" of type mysql needs 'database'\n" },
	{ "mirror m { type mysql; database d; };",
	    "tandem.conf:1:8: error: mirror \"m\" of type mysql needs 'user'\n" },
	{ "mirror m { type sqlite; };", "tandem.conf:1:8: error: mirror \"m\" of type sqlite needs 'file'\n" },
	{ "mirror m { user u; file f; type sqlite; };",
	    "tandem.conf:1:12: error: 'user' does not belong in a mirror of type sqlite\n" },
	{ "mirror m { type sqlite; file f; kind slave; };",
	    "tandem.conf:1:38: error: kind 'slave' is not known; it is one of: native, master\n" },
	{ "mirror m { type sqlite; file f; }; mirror m { type sqlite; file g; };",
	    "tandem.conf:1:43: error: mirror \"m\" is there twice, first in " },
	{ "mirror m { type sqlite; file f; owner o; }; mirror n { type sqlite; file f; owner o; };",
	    "tandem.conf:1:52: error: mirror \"n\" has the database and the owner \"o\" of mirror \"m\", " },
	{ "mirror m { type mysql; host h, i; database d; user u; owner o; };\n"
	    "mirror n { type mysql; host I port 3306; database d; user v; owner o; };",
	    "tandem.conf:2:8: error: mirror \"n\" has the database and the owner \"o\" of mirror \"m\", " },
	{ "mirror m { type mysql; socket s; database d; user u; };\n"
	    "mirror n { type mysql; socket s; database d; user v; };",
	    "tandem.conf:2:8: error: mirror \"n\" has the database and the owner " },
	{ "mirror m { type sqlite; file f; pdns-api \"http://127.0.0.1:8081\"; };",
	    "tandem.conf:1:33: error: 'pdns-api' needs a key-file\n" },
	{ "mirror m { type sqlite; file f; pdns-api \"https://x\" key-file k; };",
	    "tandem.conf:1:42: error: 'https://x' does not begin with http://\n" },
	{ "mirror m { type mysql; database d; user u; host h port 70000; };",
	    "tandem.conf:1:56: error: port 70000 is out of range: 1 to 65535\n" },
	{ "mirror m { type mysql; database d; user u; host h; socket s; };",
	    "tandem.conf:1:52: error: give 'host' or 'socket', not both\n" },
	{ "mirror m { type mysql; database d; user u; password p; password-file f; };",
	    "tandem.conf:1:44: error: give 'password' or 'password-file', not both\n" },
	{ "mirror m { type mysql; database d; user u; ca-file c; };",
	    "tandem.conf:1:44: error: 'ca-file' needs 'tls require'\n" },
	{ "mirror fleet { type sqlite; file f; }; zone a { type master; file a; mirror fleat; };",
	    "tandem.conf:1:77: error: mirror 'fleat' is not defined; did you mean 'fleet'?\n" },
	{ "options { allow-query { inhouse; }; };\nacl inhous { 10/8; };",
	    "tandem.conf:1:25: error: acl 'inhouse' is not defined; did you mean 'inhous'?\n" },
	{ "acl a { b; }; acl b { { a; }; };", "tandem.conf:1:5: error: acl 'a' contains itself\n" },
	{ "acl any { 10/8; };", "tandem.conf:1:5: error: 'any' is built in and cannot be an acl's name\n" },
	{ "acl a { 10/8; }; acl A { 10/8; };", "tandem.conf:1:22: error: acl 'A' is defined twice, first in " },
	{ "acl a { 10.1; 300.0.0.1; 10.0.0.1/8; 10/33; 10/; ::1/129; 1:2:3; };",
	    "tandem.conf:1:9: error: '10.1' is a part of an IPv4 address; write a prefix like 10.1/16\n"
	    "tandem.conf:1:15: error: '300.0.0.1' is not an IPv4 address\n"
	    "tandem.conf:1:26: error: '10.0.0.1/8' has bits set behind its first 8\n"
	    "tandem.conf:1:38: error: '33' is not a prefix length; 0 to 32\n"
	    "tandem.conf:1:45: error: '' is not a prefix length; 0 to 32\n"
	    "tandem.conf:1:50: error: '129' is not a prefix length; 0 to 128\n"
	    "tandem.conf:1:59: error: '1:2:3' is not an IPv6 address\n" },
	{ "options { listen-on { ::1; }; listen-on-v6 { 127.0.0.1; }; };",
	    "tandem.conf:1:21: error: an IPv6 address belongs in 'listen-on-v6'\n"
	    "tandem.conf:1:44: error: an IPv4 address belongs in 'listen-on'\n" },
	{ "options { listen-on { 10/8; }; listen-on { !127.0.0.1; any; }; listen-on { localnets; }; };",
	    "tandem.conf:1:21: error: listening takes whole addresses, not prefixes\n"
	    "tandem.conf:1:42: error: '!' is not supported here; name the addresses to listen on\n"
	    "tandem.conf:1:74: error: listening takes addresses, any or none\n" },
	{ "options { listen-on port 0 { any; }; listen-on tls local { any; }; };",
	    "tandem.conf:1:26: error: port 0 is out of range: 1 to 65535\n"
	    "tandem.conf:1:48: error: 'tls' is not supported: queries are answered over UDP and TCP\n" },
	{ "options { workers many; tcp-clients 0; tcp-initial-timeout 5; edns-udp-size 99999999999999999999; };",
	    "tandem.conf:1:19: error: 'workers' takes a number\n"
	    "tandem.conf:1:37: error: tcp-clients 0 is out of range: 1 to 1000000\n"
	    "tandem.conf:1:60: error: tcp-initial-timeout 5 is out of range: 25 to 1200\n"
	    "tandem.conf:1:77: error: edns-udp-size 99999999999999999999 is out of range: 512 to 4096\n" },
	{ "key k { algorithm hmac-sha257; secret \"AAAA\"; };",
	    "tandem.conf:1:19: error: algorithm 'hmac-sha257' is not known; did you mean 'hmac-sha256'?\n" },
	{ "key k { algorithm hmac-sha256-120; secret \"AAAA\"; };",
	    "tandem.conf:1:19: error: algorithm 'hmac-sha256-120' is not known; did you mean 'hmac-sha256'?\n" },
	{ "key k. { algorithm hmac-md5; secret \"AAAA\"; }; key K { algorithm hmac-md5; secret \"AAAA\"; };",
	    "tandem.conf:1:52: error: key 'k' is defined twice, first in " },
	{ "key k { algorithm hmac-sha256; secret \"a$b\"; };", "tandem.conf:1:39: error: this secret is not base64\n" },
	{ "key k { algorithm hmac-sha256; secret \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\"; };",
	    "tandem.conf:1:39: error: this secret is not base64: there are bits behind its end\n" },
	{ "key k { algorithm hmac-sha256;\n secret \"\"; };", "tandem.conf:2:9: error: this secret is empty\n" },
	{ "key k { algorithm hmac-sha256; secret \"YWJj ZGVm\"; };", "tandem.conf:1:39: error: this secret has a blank in it\n" },
	{ "key k { algorithm hmac-sha256; secret YQ==YWJj; };", "tandem.conf:1:39: error: this secret is not base64\n" },
	{ "key k { algorithm hmac-sha256; secret YWJjZGVm====; };", "tandem.conf:1:39: error: this secret is not base64\n" },
	{ "key k { algorithm hmac-sha256; secret YWJjZ; };", "tandem.conf:1:39: error: this secret is not base64\n" },
	{ "key k { algorithm hmac-md5.sig-alg.reg.int; };",
	    "tandem.conf:1:5: error: key 'k' needs an algorithm and a secret\n" },
	{ "options { allow-query { key k; }; };",
	    "tandem.conf:1:29: error: key 'k' is not defined\n" },
	{ "controls { };",
	    "tandem.conf:1:10: error: 'controls' without 'unix' is not supported: say where the socket is\n" },
	{ "controls { unix \"c\" perm 600; }; options { port x; };",
	    "tandem.conf:1:26: error: perm 600 has no 0 in front, and would be decimal in BIND; write 0600\n"
	    "tandem.conf:1:49: error: 'port' takes a number\n" },
	{ "controls { unix \"c\" perm 01777; };", "tandem.conf:1:26: error: perm 01777 is out of range: 0 to 0777\n" },
	{ "controls { unix \"c\" perm rw; };", "tandem.conf:1:26: error: 'perm' takes an octal number such as 0660\n" },
	{ "controls { unix \"c\" perm 0600 owner bind group 0; };", "tandem.conf:1:37: error: 'owner' takes a number\n" },
	{ "controls { unix \"c\" group 4294967295; };",
	    "tandem.conf:1:27: error: group 4294967295 is out of range: 0 to 4294967294\n" },
	{ "controls { unix \"c\" perm 0600 keys { k; }; };",
	    "tandem.conf:1:31: error: 'keys' is not supported: who may open the socket may give commands, "
	    "see perm, owner and group\n" },
	{ "controls { unix \"c\" perm 0600 read-only yes; };",
	    "tandem.conf:1:41: error: 'read-only' is not supported: who may open the socket may give all commands\n" },
	{ "controls { unix \"c\" mode 0600; };",
	    "tandem.conf:1:21: error: expected 'perm', 'owner', 'group' or ';', found 'mode'\n" },
	{ "statistics-channels { inet 127.0.0.1 port 8053; inet 127.0.0.1 allow { none; } to { any; }; inet a; };",
	    "tandem.conf:1:80: error: expected 'port', 'allow' or ';'\n"
	    "tandem.conf:1:98: error: expected an address\n" },
	{ "statistics-channels { inet 127.0.0.1 port 8053; inet ::1; inet 127.0.0.1 port 8053 allow { none; }; };",
	    "tandem.conf:1:64: error: this address and port is there twice, first in " },
	{ "statistics-channels { inet 127.0.0.1 allow { nobody; }; };",
	    "tandem.conf:1:46: error: acl 'nobody' is not defined\n" },
	/* marks that are missing or too many */
	{ "options {\n\tworkers 1\n\tport 53x;\n};",
	    "tandem.conf:2:11: error: expected ';' before 'port'\n"
	    "tandem.conf:3:7: error: '53x' is not a number\n" },
	{ "options {\n\tworkers 1 port 5; worker 2; };",
	    "tandem.conf:2:12: error: expected ';' before 'port'\n"
	    "tandem.conf:2:20: error: 'worker' is not known here; did you mean 'workers'?\n" },
	{ "options {\n\tworkers 1;\n\nzone a { type master; };\n",
	    "tandem.conf:4:1: error: expected '}' before 'zone': the 'options' of line 1 is not closed\n"
	    "tandem.conf:4:6: error: zone \"a\" needs a file\n" },
	{ "options { workers 1; ", "tandem.conf:1:9: error: this '{' is not closed\n" },
	{ "options { workers 1; }", "tandem.conf:1:23: error: expected ';' before the end of the file\n" },
	{ "}; foo;", "tandem.conf:1:1: error: this '}' closes nothing\n"
	    "tandem.conf:1:4: error: 'foo' is not known here\n" },
	{ "options { version \"a; };\n};",
	    "tandem.conf:1:19: error: this string is not closed on its line\n"
	    "tandem.conf:1:25: error: expected ';' before '}'\n" },
	{ "/* a\n * b\n", "tandem.conf:1:1: error: this comment is not closed\n" },
	{ "options { \001 };", "tandem.conf:1:11: error: a control character does not belong here\n" },
	{ "include \"nosuch.conf\";",  "tandem.conf:1:9: error: " },
	{ "include \"tandem.conf\";",  "tandem.conf:1:9: error: " },
};

static void
each_mistake_is_told_once_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
		const struct complaint *c = &complaints[i];
		size_t len = strlen(c->told);
		struct conf *conf = read_text(c->text);

		if (conf != NULL)
			fail_msg("%s\nis read", c->text);
		/* Without a newline at its end, only a beginning: the rest names paths. */
		if (strncmp(told, c->told, len) != 0 || (c->told[len - 1] == '\n' && told[len] != '\0'))
			fail_msg("%s\nis told:\n%s", c->text, told);
	}
}

static void
all_of_a_broken_file_is_told_in_one_pass(void **state)
{
	unsigned lines = 0;

	(void)state;
	assert_null(read_text("options { wrkers 1; directry x;\n};\nzone a { type slav; };\nmirror m { typ x; };\n"));
	for (const char *at = told; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 4);
}

/* Clauses that have no effect, and say so or not. */
static const struct complaint warnings[] = {
	{ "options { recursion no; allow-transfer { none; }; notify no; allow-update { none; }; watch no; };"
	    "zone a { type master; file a; allow-transfer { none; }; notify no; allow-update { none; }; "
	    "masterfile-format text; dnssec-policy none; };", "" },
	{ "options { recursion yes; };", "tandem.conf:1:11: warning: 'recursion' has no effect: Tandem does not resolve\n" },
	{ "options { forwarders { 192.0.2.1; 192.0.2.2 port 5353; }; };",
	    "tandem.conf:1:11: warning: 'forwarders' has no effect: Tandem does not resolve\n" },
	{ "zone \".\" { type hint; file \"/usr/share/dns/root.hints\"; };",
	    "tandem.conf:1:17: warning: zone \".\" of type 'hint' is skipped: Tandem does not resolve\n" },
	{ "logging { channel c { file \"x\" versions 3; severity info; }; category default { c; }; };",
	    "tandem.conf:1:1: warning: 'logging' has no effect: messages go to standard error, with -d to syslog, with -l to a file\n" },
	{ "options { rate-limit { responses-per-second 5; }; };",
	    "tandem.conf:1:11: warning: 'rate-limit' has no effect: every question is answered; "
	    "only a packet filter can limit that here\n" },
	{ "zone a { type master; file x; }; zone b { type primary; file x; };",
	    "tandem.conf:1:39: warning: zone \"b\" shares its file with zone \"a\"\n" },
	{ "controls { inet 127.0.0.1 port 953 allow { localhost; } keys { k; }; };",
	    "tandem.conf:1:12: warning: 'inet' has no effect: tandemctl speaks to a unix socket; write unix \"...\"\n" },
};

static void
what_only_tunes_resolving_is_a_warning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
		struct conf *conf = read_text(warnings[i].text);

		if (conf == NULL || strcmp(told, warnings[i].told) != 0)
			fail_msg("%s\nis told:\n%s", warnings[i].text, told);
		conf_free(conf);
	}
}

/* Debian's named.conf and what it includes, as bind9 installs them. */
static void
a_stock_debian_configuration_is_read_with_warnings(void **state)
{
	struct conf *conf;

	(void)state;
	write_file("named.conf.options", "options {\n\tdirectory \"/\";\n\n"
	    "\t// forwarders {\n\t// \t0.0.0.0;\n\t// };\n\n\tdnssec-validation auto;\n\n"
	    "\tlisten-on-v6 { any; };\n};\n");
	write_file("named.conf.local", "//\n// Do any local configuration here\n//\n");
	write_file("named.conf.default-zones", "// prime the server with knowledge of the root servers\n"
	    "zone \".\" {\n\ttype hint;\n\tfile \"/usr/share/dns/root.hints\";\n};\n"
	    "zone \"localhost\" {\n\ttype master;\n\tfile \"/etc/bind/db.local\";\n};\n"
	    "zone \"127.in-addr.arpa\" {\n\ttype master;\n\tfile \"/etc/bind/db.127\";\n};\n");
	conf = read_text("include \"named.conf.options\";\ninclude \"named.conf.local\";\n"
	    "include \"named.conf.default-zones\";\n");
	assert_non_null(conf);
	assert_string_equal(told, "named.conf.options:8:2: warning: 'dnssec-validation' has no effect: "
	    "Tandem does not resolve\n"
	    "named.conf.default-zones:3:7: warning: zone \".\" of type 'hint' is skipped: Tandem does not resolve\n");
	assert_int_equal(conf->zone_count, 2);
	assert_string_equal(conf->directory, "/");
	assert_int_equal(conf->listen_count, 2);
	conf_free(conf);
}

static void
defaults_are_those_of_the_manual(void **state)
{
	char real[PATH_MAX];
	struct conf *conf = read_text("");

	(void)state;
	assert_non_null(conf);
	assert_string_equal(conf->directory, realpath(dir, real));
	assert_null(conf->pid_file);
	assert_string_equal(conf->control_socket, "var/run/tandemd.sock");
	assert_string_equal(conf->journal, "var/journal.sqlite3");
	assert_int_equal(conf->workers, 0);
	assert_int_equal(conf->listen_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(conf->listens[i].port, 53);
		assert_int_equal(conf->listens[i].v6, i == 1);
		assert_int_equal(conf->listens[i].addresses->match[0].kind, MATCH_ANY);
	}
	assert_int_equal(conf->tcp_clients, 1000);
	assert_int_equal(conf->tcp_idle_timeout_ms, 30000);
	assert_int_equal(conf->tcp_initial_timeout_ms, 30000);
	assert_int_equal(conf->edns_udp_size, 1232);
	assert_int_equal(conf->max_udp_size, 1232);
	assert_null(conf->server_id);
	assert_non_null(conf->hostname);
	assert_true(conf->minimal_responses);
	conf_free(conf);
}

static const struct family {
	const char *clauses;
	bool v4, v6;			/* is it listened on? */
} families[] = {
	{ "", true, true },
	{ "listen-on-v6 { any; };", true, true },
	{ "listen-on-v6 { none; };", true, false },
	{ "listen-on { none; };", false, true },
	{ "listen-on { any; };", true, true },
	{ "listen-on { 127.0.0.1; };", true, false },
	{ "listen-on-v6 port 5353 { ::1; };", false, true },
	{ "listen-on { 127.0.0.1; }; listen-on-v6 { any; };", true, true },
};

static void
a_family_is_left_alone_when_addresses_of_the_other_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		bool on[2] = { false, false };
		char text[256];
		struct conf *conf;

		snprintf(text, sizeof(text), "options { %s };", families[i].clauses);
		conf = read_text(text);
		assert_non_null(conf);
		for (size_t j = 0; j < conf->listen_count; j++)
			on[conf->listens[j].v6] |= conf->listens[j].addresses->match[0].kind != MATCH_NONE;
		if (on[0] != families[i].v4 || on[1] != families[i].v6)
			fail_msg("%s: IPv4 %d, IPv6 %d", families[i].clauses, on[0], on[1]);
		conf_free(conf);
	}
}

static void
clauses_end_up_in_their_fields(void **state)
{
	struct conf *conf = read_text("options { port 5300; pid-file \"run/pid\"; journal \"j\"; workers 3;\n"
	    "listen-on { 127.0.0.1; loop; }; listen-on port 5301 { 127.0.0.3; }; listen-on-v6 { none; };\n"
	    "tcp-clients 7; tcp-idle-timeout 1; tcp-initial-timeout 25; edns-udp-size 512; max-udp-size 4096;\n"
	    "version none; hostname none; server-id \"s\"; minimal-responses true; };\n"
	    "acl loop { 127.0.0.2; }; // used above\n"
	    "controls { unix \"c\" perm 0606 owner 7; }; # as in shell\n"
	    "mirror fleet { type mysql; host \"a\", b port 3307; database d; user u; password \"p\\\"w\"; tls require;\n"
	    "  ca-file ca; kind master; owner o; zones none; adopt yes; on-remove delete; target-version 4.9.1;\n"
	    "  unmirrorable skip; pdns-control c1, c2; pdns-control c3; pdns-api \"http://x\" key-file k; };\n"
	    "/* zones\n of ours */ zone \"Example.COM\" { type primary; file \"e\"; mirror fleet; };\n"
	    "zone \".\" IN { file r; type master; mirror none; };\n");
	const struct conf_mirror *m;

	(void)state;
	assert_non_null(conf);
	assert_string_equal(told, "");
	assert_string_equal(conf->pid_file, "run/pid");
	assert_string_equal(conf->journal, "j");
	assert_string_equal(conf->control_socket, "c");
	assert_int_equal(conf->control_access.perm, 0606);
	assert_int_equal(conf->control_access.owner, 7);
	assert_int_equal(conf->control_access.group, CONF_OURS);
	assert_int_equal(conf->workers, 3);
	assert_int_equal(conf->listen_count, 3);
	assert_int_equal(conf->listens[0].port, 5300);
	assert_int_equal(conf->listens[0].addresses->count, 2);
	assert_int_equal(conf->listens[0].addresses->match[1].address[3], 2);
	assert_int_equal(conf->listens[1].port, 5301);
	assert_true(conf->listens[2].v6);
	assert_int_equal(conf->listens[2].addresses->match[0].kind, MATCH_NONE);
	assert_int_equal(conf->tcp_clients, 7);
	assert_int_equal(conf->tcp_idle_timeout_ms, 100);
	assert_int_equal(conf->tcp_initial_timeout_ms, 2500);
	assert_int_equal(conf->edns_udp_size, 512);
	assert_int_equal(conf->max_udp_size, 4096);
	assert_null(conf->version);
	assert_null(conf->hostname);
	assert_string_equal(conf->server_id, "s");
	assert_true(conf->minimal_responses);
	assert_int_equal(conf->mirror_count, 1);
	m = &conf->mirrors[0];
	assert_int_equal(m->type, CONF_MIRROR_MYSQL);
	assert_int_equal(m->host_count, 2);
	assert_string_equal(m->hosts[1], "b");
	assert_int_equal(m->port, 3307);
	assert_string_equal(m->password, "p\"w");
	assert_true(m->tls_require);
	assert_true(m->kind_master);
	assert_string_equal(m->owner, "o");
	assert_false(m->zones_all);
	assert_true(m->adopt);
	assert_int_equal(m->on_remove, CONF_DELETE);
	assert_int_equal(m->target_version, 409);
	assert_true(m->skip_unmirrorable);
	assert_int_equal(m->pdns_control_count, 3);
	assert_string_equal(m->pdns_control[2], "c3");
	assert_string_equal(m->pdns_api[0], "http://x");
	assert_string_equal(m->key_file, "k");
	assert_int_equal(conf->zone_count, 2);
	assert_string_equal(conf->zones[0].name, "example.com");
	assert_memory_equal(conf->zones[0].origin, "\7example\3com", 13);
	assert_int_equal(conf->zones[0].mirror_count, 1);
	assert_int_equal(conf->zones[0].place_line, 11);
	assert_string_equal(conf->zones[1].name, ".");
	assert_true(conf->zones[1].mirror_given);
	assert_int_equal(conf->zones[1].mirror_count, 0);
	conf_free(conf);
}

static unsigned
port_of(const struct conf_remote *remote)
{
	return ntohs(remote->address.any.sa_family == AF_INET ? remote->address.v4.sin_port :
	    remote->address.v6.sin6_port);
}

static void
lists_of_masters_come_down_to_addresses_and_keys(void **state)
{
	struct conf *conf = read_text("masters m { 192.0.2.1; n key k2; 192.0.2.2 key k1; };"
	    "masters n port 54 { ::1; 192.0.2.3 port 55 key k1; 198.51.100.1; };"
	    "zone a { type slave; masters { m; 203.0.113.1; }; };"
	    "key k1 { algorithm hmac-md5; secret AAAA; }; key K2. { algorithm hmac-md5; secret AAAA; };"
	    "key k3 { algorithm hmac-md5; secret AAAA; }; key k4 { algorithm hmac-md5; secret AAAA; };"
	    "server 203.0.0.0/8 { keys k4; }; server 203.0.113.0/24 { keys k3; };");
	static const struct { int family; unsigned port; const char *key; } expected[] = {
		{ AF_INET, 53, NULL }, { AF_INET6, 54, "k2" }, { AF_INET, 55, "k1" }, { AF_INET, 54, "k2" },
		{ AF_INET, 53, "k1" }, { AF_INET, 53, "k3" },
	};
	const struct conf_remotes *masters;

	(void)state;
	assert_non_null(conf);
	assert_string_equal(told, "");
	assert_int_equal(conf->zones[0].type, CONF_SLAVE);
	assert_null(conf->zones[0].file);
	masters = conf->zones[0].masters;
	assert_int_equal(masters->count, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < masters->count; i++) {
		const struct conf_remote *remote = &masters->remote[i];

		assert_int_equal(remote->address.any.sa_family, expected[i].family);
		assert_int_equal(port_of(remote), expected[i].port);
		if (expected[i].key == NULL)
			assert_null(remote->key);
		else
			assert_string_equal(remote->key->name, expected[i].key);
	}
	conf_free(conf);
}

static void
a_zone_has_what_options_say_but_for_what_it_says_itself(void **state)
{
	struct conf *conf = read_text("zone a { type master; file a; notify no; min-retry-time 9; allow-transfer { any; }; };"
	    "zone b { type master; file b; };"
	    "options { notify explicit; min-retry-time 7; max-retry-time 8; min-transfer-rate-in 5 6; "
	    "also-notify { 192.0.2.1; }; };");

	(void)state;
	assert_non_null(conf);
	assert_int_equal(conf->zones[0].rules->notify, CONF_NOTIFY_NO);
	assert_int_equal(conf->zones[0].rules->min_retry, 9);
	assert_int_equal(conf->zones[0].rules->max_retry, 8);
	assert_int_equal(conf->zones[0].rules->min_rate_in.octets, 5);
	assert_int_equal(conf->zones[0].rules->min_rate_in.seconds, 360);
	assert_int_equal(conf->zones[0].rules->also_notify->count, 1);
	assert_int_equal(conf->zones[0].rules->allow_transfer->match[0].kind, MATCH_ANY);
	assert_ptr_equal(conf->zones[1].rules, &conf->rules);
	assert_int_equal(conf->rules.allow_transfer->match[0].kind, MATCH_NONE);
	conf_free(conf);
}

static void
checks_are_those_of_the_role(void **state)
{
	struct conf *conf = read_text("options { check-names primary warn; check-names response fail; check-spf fail; "
	    "max-types-per-name 7; };\n"
	    "zone \"a\" { type master; file \"a\"; check-mx ignore; check-integrity no; };\n"
	    "zone \"b\" { type slave; masters { 192.0.2.1; }; check-dnssec fail; };\n"
	    "zone \"c\" { type slave; masters { 192.0.2.1; }; check-names fail; };\n");
	struct checks a, b, c;

	(void)state;
	assert_non_null(conf);
	a = conf_checks(&conf->zones[0]);
	b = conf_checks(&conf->zones[1]);
	c = conf_checks(&conf->zones[2]);
	assert_int_equal(a.severity[CHECK_NAMES], WARNING);
	assert_int_equal(a.severity[CHECK_SPF], ERROR);
	assert_int_equal(a.severity[CHECK_MX], NOTE);
	assert_int_equal(a.severity[CHECK_INTEGRITY], NOTE);
	assert_int_equal(a.severity[CHECK_MX_CNAME], WARNING);
	assert_int_equal(a.max_types_per_name, 7);
	assert_int_equal(a.max_records_per_type, 100);
	assert_int_equal(b.severity[CHECK_NAMES], WARNING);
	assert_int_equal(b.severity[CHECK_SPF], NOTE);
	assert_int_equal(b.severity[CHECK_DNSSEC], ERROR);
	assert_int_equal(c.severity[CHECK_NAMES], ERROR);
	conf_free(conf);
}

static void
paths_start_at_the_directory(void **state)
{
	char real[PATH_MAX], path[PATH_MAX], expected[PATH_MAX + 8];
	struct conf *conf;

	(void)state;
	mkdir(path_of("etc"), 0700);
	write_file("etc/tandem.conf", "options { directory \"..\"; };");
	conf = read_named("etc/tandem.conf");
	assert_non_null(conf);
	assert_string_equal(conf->directory, realpath(dir, real));
	snprintf(expected, sizeof(expected), "%s/a/b", real);
	assert_string_equal(conf_resolve(path, conf, "a/b"), expected);
	assert_string_equal(conf_resolve(path, conf, "/a/b"), "/a/b");
	conf_free(conf);
}

static void
include_takes_patterns_relative_to_its_own_file(void **state)
{
	struct conf *conf;

	(void)state;
	mkdir(path_of("d"), 0700);
	write_file("d/1.conf", "zone a { type master; include \"inner\"; };");
	write_file("d/2.conf", "include \"none-*.conf\"; include \"nodir/*.conf\"; zone b { type master; file b; };");
	write_file("d/inner", "file a;");
	conf = read_text("include \"d/*.conf\"; zone c { type master; file c; };");
	assert_non_null(conf);
	assert_int_equal(conf->zone_count, 3);
	assert_string_equal(conf->zones[0].file, "a");
	assert_string_equal(conf->zones[2].name, "c");
	conf_free(conf);

	write_file("d/1.conf", "};");
	assert_null(read_text("options { include \"d/1.conf\"; };"));
	assert_string_equal(told, "d/1.conf:1:1: error: this '}' closes nothing\n");
	write_file("d/1.conf", "include \"../tandem.conf\";");
	assert_null(read_text("include \"d/1.conf\";"));
	assert_non_null(strstr(told, "tandem.conf includes itself"));
}

static void
added_zones_are_read_behind_the_rest(void **state)
{
	struct conf *conf;

	(void)state;
	mkdir(path_of("added"), 0700);
	write_file("added/b.conf", "zone \"b\" { type slave; masters { m; }; allow-query { inside; }; };\n");
	conf = read_text("options { new-zones-directory \"added\"; min-retry-time 7; }; acl inside { 10/8; };"
	    "masters m { 192.0.2.1; }; zone a { type master; file a; };");
	assert_non_null(conf);
	assert_int_equal(conf->zone_count, 2);
	assert_string_equal(conf->zones[1].name, "b");
	assert_int_equal(conf->zones[1].masters->count, 1);
	conf_free(conf);

	write_file("added/b.conf", "options { port 1; };\n");
	assert_null(read_text("options { new-zones-directory \"added\"; };"));
	assert_string_equal(told, "added/b.conf:1:1: error: 'options' does not belong here but in the top level\n");
	remove(path_of("added/b.conf"));
	remove(path_of("added"));
}

/* A zone that comes later, and what is said about it. */
static const struct complaint late[] = {
	{ "zone c { type slave; masters { m; 192.0.2.2 key k; }; allow-query { inside; }; mirror s; };", "" },
	{ "zone c { type slave; masters { n; }; };", "late.conf:1:32: error: list of masters 'n' is not defined" },
	{ "zone c { type master; file c; allow-query { insid; }; };",
	    "late.conf:1:45: error: acl 'insid' is not defined; did you mean 'inside'?\n" },
	{ "zone c { type master; file c; allow-transfer { key l; }; };",
	    "late.conf:1:52: error: key 'l' is not defined\n" },
	{ "zone c { type master; file c; mirror t; };", "late.conf:1:38: error: mirror 't' is not defined" },
	{ "zone c { type master; file c; }; zone d { type master; file d; };", "" },
	{ "acl x { any; };", "late.conf:1:1: error: 'acl' does not belong here but in the top level\n" },
	{ "", "" },
};

static void
a_zone_that_comes_later_knows_what_the_configuration_names(void **state)
{
	struct sink sink = { .fn = keep_report };
	struct conf *conf = read_text("options { min-retry-time 7; }; acl inside { 10/8; }; masters m { 192.0.2.1; };"
	    "key k { algorithm hmac-md5; secret AAAA; }; mirror s { type sqlite; file s; };"
	    "zone a { type master; file a; };");

	(void)state;
	assert_non_null(conf);
	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		struct conf *added;

		write_file("late.conf", late[i].text);
		told[0] = '\0';
		added = conf_read_zone(conf, path_of("late.conf"), &sink);
		if ((added != NULL) != (i == 0))
			fail_msg("%s", late[i].text);
		if (strncmp(told, late[i].told, strlen(late[i].told)) != 0)
			fail_msg("%s\nis told:\n%s", late[i].text, told);
		if (added == NULL)
			continue;
		assert_int_equal(added->zone_count, 1);
		assert_int_equal(added->zones[0].masters->count, 2);
		assert_string_equal(added->zones[0].masters->remote[1].key->name, "k");
		assert_int_equal(added->zones[0].rules->min_retry, 7);
		assert_int_equal(added->zones[0].rules->allow_query->count, 1);
		conf_free(added);
	}
	conf_free(conf);
	remove(path_of("late.conf"));
}

/* Each is printed, read again, and must print the same. */
static const char *const corpus[] = {
	"",
	"options { listen-on { none; }; listen-on-v6 port 5353 { ::1; 2001:db8::1; }; port 54; version \"a\\\\b\\\"c\"; };",
	"options { version none; hostname none; server-id hostname; pid-file none; minimal-responses yes; workers 4; };",
	"acl a { !{ 10.1/16; b; }; 10/8; ::ffff:192.0.2.0/120; }; acl b { localhost; localnets; 2001:db8::/32; key k; };"
	"key k { algorithm HMAC-SHA512.sig-alg.reg.int; secret \"MTIzNDU2Nzg=\"; };"
	"options { allow-query { a; !b; any; none; }; };"
	"zone z { type master; file \"z\"; allow-query { b; { }; }; };",
	"controls { unix \"/run/c\"; };",
	"controls { unix \"c\" perm 0600 owner 0 group 7; };",
	"controls { unix \"c\" group 4294967294 read-only no; };",
	"statistics-channels { inet 127.0.0.1 port 8053 allow { 10/8; !key k; a; }; inet *; inet :: allow { }; };"
	"statistics-channels { inet 127.0.0.1 port *; }; statistics-channels { }; acl a { ::1; };"
	"key k { algorithm hmac-md5; secret AAAA; }; options { zone-statistics none; };"
	"zone a { type master; file a; zone-statistics yes; };",
	"options { allow-transfer port 53 transport tcp { 10/8; key xfr.; !key y; }; allow-notify { any; }; notify no;"
	" also-notify port 54 { 192.0.2.9 key xfr; m key y; }; notify-delay 0; notify-to-soa yes; notify-source 192.0.2.4;"
	" notify-source-v6 ::1; transfer-source 192.0.2.5 port *; transfer-source-v6 *; max-refresh-time 9;"
	" min-refresh-time 8; max-retry-time 7; min-retry-time 6; slave-cycle-interval 5; max-transfer-time-in 4;"
	" max-transfer-idle-in 3; max-transfer-time-out 2; max-transfer-idle-out 1; min-transfer-rate-in 1000 2;"
	" max-records 1; max-records-per-type 2; max-types-per-name 3; request-ixfr no; provide-ixfr no;"
	" request-expire no; request-ixfr-max-diffs 4; multi-master yes; ixfr-from-differences slave;"
	" max-transfer-size-in 1g; max-journal-size 20M; max-ixfr-ratio unlimited; masterfile-style full; notify-rate 1; startup-notify-rate 2;"
	" serial-query-rate 3; transfers-in 4; transfers-out 5; transfers-per-ns 6; transfer-format one-answer;"
	" transfer-message-size 512; querylog yes; allow-new-zones no; new-zones-directory \"n z\";"
	" autosecondary { 192.0.2.53 key xfr nameserver \"ns2.example.com\" account \"a b\"; ::1 port 54; };"
	" autosecondary { 192.0.2.54; }; };"
	"key XFR { algorithm hmac-sha512-256; secret AAAA; }; key y { algorithm hmac-sha1; secret AAAA; };"
	"server 192.0.2/24 { keys { y; }; bogus no; request-ixfr yes; request-expire no; transfers 3; };"
	"server ::1 { provide-ixfr no; transfer-format many-answers; };"
	"masters m { 192.0.2.1; n key xfr; }; primaries n port 99 { 2001:db8::2; }; remote-servers o { };"
	"zone a { type secondary; primaries { m; o; 127.0.0.1 port 54; }; notify explicit; max-journal-size unlimited; max-transfer-time-out 7; max-transfer-idle-out 8; };"
	"zone b { type slave; file b; masters { m; }; max-journal-size default; notify-source *; allow-transfer { none; };"
	" also-notify { }; };",
	"mirror s { type sqlite; file \"f\"; }; mirror m { type mysql; database d; user u; socket s; password \"?\"; };"
	"mirror n { type mysql; database d; user u; host a, b; pdns-api \"http://x\", \"http://y\" key-file k; tls require;"
	" ca-file c; password-file f; kind master; zones none; adopt yes; on-remove disable; target-version 5.0;"
	" unmirrorable skip; supermasters no; };"
	"zone a.b { type master; file a; mirror s, m; mirror n; }; zone b { type master; file b; mirror none; };"
	"zone \"a\\.b\\\"c.d\" { type master; file c; };",
};

static void
what_is_printed_reads_and_prints_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++) {
		struct conf *conf = read_text(corpus[i]);
		char *first, *second;

		if (conf == NULL)
			fail_msg("%s\nis told:\n%s", corpus[i], told);
		first = printed(conf, false);
		conf_free(conf);
		conf = read_text(first);
		if (conf == NULL)
			fail_msg("%s\nis told:\n%s", first, told);
		second = printed(conf, false);
		assert_string_equal(first, second);
		conf_free(conf);
		free(first);
		free(second);
	}
}

static void
secrets_are_hidden_when_asked(void **state)
{
	struct conf *conf = read_text("mirror m { type mysql; database d; user u; password swordfish; };"
	    "key k { algorithm hmac-sha256; secret \"c3dvcmRmaXNo\"; };");
	char *open = printed(conf, false), *hidden = printed(conf, true);

	(void)state;
	assert_non_null(strstr(open, "swordfish"));
	assert_non_null(strstr(open, "c3dvcmRmaXNo"));
	assert_null(strstr(hidden, "swordfish"));
	assert_null(strstr(hidden, "c3dvcmRmaXNo"));
	free(open);
	free(hidden);
	conf_free(conf);
}

/* Cut short at each octet, a configuration is read or refused, never more. */
static void
half_a_file_does_no_harm(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++)
		for (size_t len = 0; len < strlen(corpus[i]); len++) {
			char *text = strndup(corpus[i], len);

			conf_free(read_text(text));
			free(text);
		}
}

static void
deep_lists_are_refused(void **state)
{
	char *text = malloc(200100);

	(void)state;
	strcpy(text, "acl a ");
	memset(text + 6, '{', 200000);
	text[200006] = '\0';
	assert_null(read_text(text));
	assert_non_null(strstr(told, "lists are nested deeper than 50"));
	free(text);
}

static int
make_directory(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int
remove_directory(void **state)
{
	static const char *const names[] = { "d/1.conf", "d/2.conf", "d/inner", "d", "etc/tandem.conf", "etc",
	    "tandem.conf", "named.conf.options", "named.conf.local", "named.conf.default-zones", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(path_of(names[i]));
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_told_once_with_its_place),
		cmocka_unit_test(all_of_a_broken_file_is_told_in_one_pass),
		cmocka_unit_test(what_only_tunes_resolving_is_a_warning),
		cmocka_unit_test(a_stock_debian_configuration_is_read_with_warnings),
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(a_family_is_left_alone_when_addresses_of_the_other_are_named),
		cmocka_unit_test(clauses_end_up_in_their_fields),
		cmocka_unit_test(lists_of_masters_come_down_to_addresses_and_keys),
		cmocka_unit_test(a_zone_has_what_options_say_but_for_what_it_says_itself),
		cmocka_unit_test(checks_are_those_of_the_role),
		cmocka_unit_test(paths_start_at_the_directory),
		cmocka_unit_test(include_takes_patterns_relative_to_its_own_file),
		cmocka_unit_test(added_zones_are_read_behind_the_rest),
		cmocka_unit_test(a_zone_that_comes_later_knows_what_the_configuration_names),
		cmocka_unit_test(what_is_printed_reads_and_prints_the_same),
		cmocka_unit_test(secrets_are_hidden_when_asked),
		cmocka_unit_test(half_a_file_does_no_harm),
		cmocka_unit_test(deep_lists_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
