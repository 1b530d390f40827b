# tandem-checkconf: what it says, how it ends, and that it reads what named-checkconf reads.
use strict; use warnings; use Test::More;
use File::Temp qw(tempdir);
my $dir = tempdir(CLEANUP => 1);

sub spew { my ($path, $text) = @_; open my $out, '>', $path or die "$path: $!"; print $out $text; close $out or die; $path }
# Status, standard output, standard error.
sub checkconf {
	my $status = system("./tandem-checkconf @_ >$dir/out 2>$dir/err") >> 8;
	return ($status, map { open my $in, '<', "$dir/$_" or die; local $/; scalar <$in> // '' } qw(out err));
}

my ($status, $out, $err) = checkconf('-z', 'etc/tandem.conf');
is($status, 0, 'the sample configuration is good');
like($out, qr/^zone example\.com: serial \d+, \d+ records: OK$/m, 'and its zones load');
is($err, '', 'with nothing to say about it');

spew("$dir/bad.conf", "options {\n\talow-query { any; };\n\tworkers 0;\n};\n");
($status, $out, $err) = checkconf("$dir/bad.conf");
is($status, 1, 'a bad one ends with 1');
is($err, "$dir/bad.conf:2:2: error: 'alow-query' is not known here; did you mean 'allow-query'?\n"
    . "$dir/bad.conf:3:10: error: workers 0 is out of range: 1 to 256\n", 'and every error at its place');

spew("$dir/bind.conf", "options { blackhole { 192.0.2.1; }; };\n");
like((checkconf("$dir/bind.conf"))[2], qr/:1:11: error: 'blackhole .*' is not supported: .*; allow-query refuses them/, 'what is refused is told with what to write instead');

($status, $out, $err) = checkconf("$dir/absent.conf");
is($status, 1, 'a missing one ends with 1');
like($err, qr/^\Q$dir\E\/absent\.conf: error: No such file/, 'and says so');

spew("$dir/zone.conf", "zone example.com { type master; file \"example.com\"; };\n");
spew("$dir/example.com", "\@ 1h SOA a b 1 2 3 4 5\n\@ 1h NS\n");
is((checkconf("$dir/zone.conf"))[0], 0, 'a zone file is not looked at');
($status, $out, $err) = checkconf('-z', "$dir/zone.conf");
is($status, 1, 'but with -z');
like($err, qr/^\Q$dir\E\/example\.com:2:\d+: error: /m, 'with the place');
like($out, qr/^zone example\.com: not loaded, \d+ errors$/m, 'and what it means');

spew("$dir/secret.conf", "mirror m { type mysql; database d; user u; password \"swordfish\"; };\n");
($status, $out) = checkconf('-p', "$dir/secret.conf");
like($out, qr/password "swordfish";/, '-p prints all');
spew("$dir/printed.conf", $out);
is((checkconf('-p', "$dir/printed.conf"))[1], $out, 'which prints the same when it is read');
unlike((checkconf('-p', '-x', "$dir/secret.conf"))[1], qr/swordfish/, '-x hides secrets');
spew("$dir/unit.conf", 'mirror m { type mysql; database d; user u; password-file "/run/credentials/nosuch.service/pw"; };');
($status, $out, $err) = checkconf("$dir/unit.conf");
is($status, 0, 'a password that systemd hands over need not be there yet');
like($err, qr{: warning: mirror "m": password-file /run/credentials/nosuch\.service/pw: not there; systemd makes it}, 'but that is said');
is((checkconf('--help'))[0], 0, '--help is one');
is((checkconf('-y'))[0], 2, 'wrong usage ends with 2');
is((checkconf('-x', "$dir/secret.conf"))[0], 2, '-x without -p is wrong usage');
is((checkconf('a', 'b'))[0], 2, 'two files are wrong usage');

# BIND's own reader is the witness for the language: 1 both read it, 0 neither does.
my @language = (
	[1, 'options { listen-on port 5300 { 127.0.0.1; }; listen-on-v6 { none; }; };'],
	[1, 'options{directory "/";dnssec-validation auto;listen-on-v6{any;};};'],
	[1, "# one\n// two\n/* three\n */ options { recursion no; }; # four"],
	[1, 'acl a { 10/8; !192.0.2.1; { 2001:db8::/32; localhost; }; localnets; }; options { allow-query { a; }; };'],
	[1, 'options { allow-query { later; }; }; acl later { ! 10.1/16; 10.0.0.0/8; };'],
	[1, 'options { allow-transfer { none; }; notify no; allow-update { none; }; minimal-responses no-auth-recursive; };'],
	[1, 'key "k" { algorithm hmac-sha256; secret "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="; };'],
	[1, 'controls { unix "/x" perm 0600 owner 0 group 0; };'],
	[1, 'controls { unix "/x" perm 0660 owner 33 group 33 read-only no; };'],
	[0, 'controls { unix "/x" mode 0600; };'],
	[0, 'controls { unix "/x" perm rw owner 0 group 0; };'],
	[1, 'zone "example.com" IN { type primary; file "f"; };'],
	[1, 'zone example.com. { file "f"; type master; };'],
	[1, 'zone "." { type hint; file "/usr/share/dns/root.hints"; };'],
	[1, 'logging { channel c { stderr; severity info; }; category default { c; }; };'],
	[1, 'options { version none; hostname none; server-id hostname; tcp-clients 100; edns-udp-size 1232; };'],
	[1, 'options { forwarders { 192.0.2.1 port 53; }; max-cache-size 90%; };'],
	[1, 'masters m { 192.0.2.1; }; server 192.0.2.1 { edns yes; };'],
	[0, 'options { nosuch yes; };'],
	[0, 'options { recursion no };'],
	[0, 'options { recursion no; }'],
	[0, 'options { recursion no; ;'],
	[0, 'options { recursion no; }; options { recursion no; };'],
	[0, 'zone a { type master; file "f"; }; zone A. { type master; file "g"; };'],
	[0, 'zone a { type master; };'],
	[0, 'zone a { file "f"; };'],
	[0, 'zone a { type nosuch; file "f"; };'],
	[0, 'acl a { 10.0.0.1/8; };'],
	[0, 'acl a { 1.2.3.4/33; };'],
	[0, 'options { allow-query { nosuch; }; };'],
	[0, 'options { listen-on port 70000 { any; }; };'],
	[0, 'options { version "a; };'],
	[0, '/* open'],
	[0, 'include "nosuch.conf";'],
	[0, 'key "k" { algorithm hmac-sha256; secret "a$"; };'],
	[1, 'key "k" { algorithm hmac-sha256; secret "YQ=="; };'],
	[1, 'key "k" { algorithm hmac-sha256; secret YWJj; };'],
	[0, 'key "k" { algorithm hmac-sha256; secret "YR=="; };'],
	[0, 'key "k" { algorithm hmac-sha256; secret "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa="; };'],
	[0, 'key "k" { algorithm hmac-sha256; secret "YQ==YWJj"; };'],
	[0, 'key "k" { algorithm hmac-sha256; secret "YQ="; };'],
	[0, 'key "k" { algorithm hmac-sha256; secret "YWJj===="; };'],
	[0, 'key "k" { algorithm hmac-nosuch; secret "MTIz"; };'],
);
for (@language) {
	my ($good, $text) = @$_;
	my $path = spew("$dir/language.conf", "$text\n");
	my $bind = system("named-checkconf $path >/dev/null 2>&1") == 0 ? 1 : 0;
	my ($ours, undef, $why) = checkconf($path);
	ok($bind == $good && ($ours == 0) == $good, ($good ? 'read' : 'refused') . " as by BIND: $text")
	    or diag("BIND $bind, tandem-checkconf ends with $ours: $why");
}
done_testing;
