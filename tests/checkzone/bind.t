# Records and lines, each in a zone of its own, are read as named-checkzone reads them: to the same
# octets, or refused by both, by us with the place and the reason given here.
use strict; use warnings; use Test::More;
use Cwd qw(abs_path); use File::Basename qw(dirname); use File::Temp qw(tempdir);

my $top = abs_path(dirname(__FILE__) . '/../..');
my $dir = tempdir(CLEANUP => 1);
plan skip_all => 'named-compilezone is not installed' if system('command -v named-compilezone >/dev/null') != 0;

my $head = "\$TTL 300\n@ SOA ns hm 1 2 3 4 5\n NS ns.other.\n";
sub write_file { my ($path, $text) = @_; open my $f, '>:raw', $path or die "$path: $!"; print $f $text; close $f; return $path }
sub slurp { open my $f, '<:raw', $_[0] or return ''; local $/; return scalar <$f> // '' }
sub ours { my ($in, $out) = @_; return system("$top/tandem-checkzone -o $out example $in >$dir/us.log 2>&1") == 0 }
sub binds { my ($in, $out) = @_; return system("named-compilezone -k fail -i none -s full -o $out example $in >$dir/bind.log 2>&1") == 0 }

# BIND's text read by us, as types have more than one good form.
sub same {
	my ($text) = @_;
	my $zone = write_file("$dir/zone", $text =~ s/^!// ? $text : $head . $text);
	unlink map { "$dir/$_" } qw(us bind again);
	return 'we refuse: ' . slurp("$dir/us.log") if !ours($zone, "$dir/us");
	return 'BIND refuses: ' . slurp("$dir/bind.log") if !binds($zone, "$dir/bind");
	return 'we refuse what BIND writes: ' . slurp("$dir/us.log") if !ours("$dir/bind", "$dir/again");
	return slurp("$dir/us") eq slurp("$dir/again") ? '' : slurp("$dir/us") . "and BIND\n" . slurp("$dir/again");
}

my (@good, @bad);
while (my $line = <DATA>) {
	chomp $line;
	next if $line =~ /^(#|$)/;
	if ($line =~ /^(\d+:\d+) (.*?) \| (.*)$/s) { push @bad, [$1, $2, $3] } else { push @good, $line }
}
for my $text (@good) {
	(my $octets = $text) =~ s/\\([ntr]|x..)/eval "\"\\$1\""/ge if $text =~ s/^!//;
	is(same(($octets // "x $text") . "\n"), '', $text);
}
for (@bad) {
	my ($place, $why, $text) = @$_;
	(my $octets = $text) =~ s/\\([ntr]|x..)/eval "\"\\$1\""/ge if $text =~ s/^!//;
	my $zone = write_file("$dir/zone", $head . ($octets // "x $text") . "\n");
	ok(!binds($zone, "$dir/bind"), "BIND refuses $text");
	ok(!ours($zone, "$dir/us"), 'and so do we');
	like(slurp("$dir/us.log"), qr/^\Q$zone:$place: error: $why\E/m, "saying $why");
}

# Lines of 64 KiB and more: within a record, as blanks, as a comment, of unknown data.
for (
	[ 'TXT of 65,280 octets in quotes', 'x TXT ' . join ' ', ('"' . 'a' x 255 . '"') x 255 ],
	[ 'TXT, a word for each two octets', 'x TXT' . ' a' x 32600 ],
	[ 'octets as \\DDD', 'x TXT ' . join ' ', ('\\200' x 255) x 200 ],
	[ 'unknown data', 'x TYPE65280 \\# 65280 ' . 'ab' x 65280 ],
	[ 'unknown data, a blank for each octet', 'x TYPE65280 \\# 65280' . ' cd' x 65280 ],
	[ 'base64', 'x OPENPGPKEY ' . 'AQID' x 20000 ],
	(map { my $n = $_; ([ "a comment of $n", 'x A 192.0.2.1 ;' . 'c' x $n ],
	    [ "blanks of $n", 'x' . ' ' x $n . 'A' . "\t" x $n . '192.0.2.1' ],
	    [ "brackets around $n", 'x A (' . ' ' x $n . "\n" . ' ' x $n . '192.0.2.1 )' ],
	    [ "nothing but blanks of $n", ' ' x $n . "\nx A 192.0.2.1" ]) } 65534 .. 65537, 200000),
) {
	my ($what, $text) = @$_;
	is(same("$text\ny A 192.0.2.2\n"), '', "a line with $what");
}
# BIND has no room for as much as RDATA can be, we have.
for ('TXT' . ' a' x 32767, 'TYPE65280 \\# 65535 ' . 'ab' x 65535) {
	my $zone = write_file("$dir/zone", "${head}x $_\n");
	ok(ours($zone, "$dir/us") && ours("$dir/us", "$dir/again") && slurp("$dir/us") eq slurp("$dir/again"),
	    'as much as RDATA can be, ' . substr $_, 0, 9);
}
for (
	[ 'more than RDATA can be', 'TXT of 65,536 octets', 'x TXT' . ' a' x 32768 ],
	[ 'a name that long', 'an owner', 'a' x 65536 . ' A 192.0.2.1' ],
	[ 'a number that long', 'a TTL', 'x ' . '1' x 65536 . ' A 192.0.2.1' ],
) {
	my ($what, $where, $text) = @$_;
	my $zone = write_file("$dir/zone", "$head$text\n");
	ok(!binds($zone, "$dir/bind"), "BIND refuses $what: $where");
	ok(!ours($zone, "$dir/us"), 'and so do we');
	like(slurp("$dir/us.log"), qr/^\Q$zone:4:\E\d+: error: .{1,400}$/m, 'at its line');
}
{	# RDATA of many types, changed by chance, is refused by both or by none.
	srand 1;
	my (@octets, @records, $odd);
	open my $in, '<', "$top/tests/checkzone/octets" or die "octets: $!";
	while (<$in>) {
		my ($type, $hex) = split;
		push @octets, [$type, $hex eq '-' ? '' : pack 'H*', $hex];
	}
	for my $n (0 .. 1499) {
		my ($type, $rdata) = @{$octets[$n % @octets]};
		for (0 .. rand 3) {
			my $at = int rand(length($rdata) + 1);
			substr($rdata, $at, rand() < 0.6 ? 1 : 0) = rand() < 0.3 ? '' : chr(rand() < 0.4 ? rand 4 : rand 256) if $at <= length $rdata;
		}
		push @records, [$type, $rdata];
	}
	# As many as errors are told.  BIND checks no names in this form.
	while (my @some = splice @records, 0, 100) {
		my $zone = write_file("$dir/zone", $head . join '', map { "n$_ TYPE$some[$_][0] \\# " . length($some[$_][1]) . ' '
		    . unpack('H*', $some[$_][1]) . "\n" } 0 .. $#some);
		ours($zone, "$dir/us");
		binds($zone, "$dir/bind");
		my %us = map { $_ => 1 } slurp("$dir/us.log") =~ /^\Q$zone\E:(\d+):\d+: error: (?!.*check-names)/mg;
		my %bind = map { $_ => 1 } slurp("$dir/bind.log") =~ /zone:(\d+): near/g;
		for (0 .. $#some) {
			next if !$us{$_ + 4} == !$bind{$_ + 4};
			diag(($us{$_ + 4} ? 'we refuse' : 'BIND refuses') . " type $some[$_][0]: " . unpack 'H*', $some[$_][1]);
			$odd++;
		}
	}
	is($odd // 0, 0, 'octets that are no RDATA of their type are refused as by BIND');
}
done_testing;
__DATA__
# Good: what follows the owner x.
A 1.2.3.4
60 A 1.2.3.4
IN 60 A 1.2.3.4
60 IN A 1.2.3.4
CLASS1 1W2D3H4M5S A 1.2.3.4
0 A 1.2.3.4
A \# 4 01020304
TYPE1 \# 4 01020304
TYPE65280 \# 2 aa bb
TYPE65280 \# 0
AAAA ::1.2.3.4
TXT "\200" \200 a\"b "c;d" e\ f
TXT ( a ( b ) "c" )
CDS 0 0 0 00
DS 1 8 SHA-256 1111111111111111111111111111111111111111111111111111111111111111
SSHFP 1 3 aabb
ZONEMD 1 1 9 aabbaabbaabbaabbaabbaabb
X25 "311061700956"
ISDN "15" "004"
ISDN 15
GPOS 1 2 3
NAPTR 1 1 "u" "x" "!^(a)!\\1!i" .
NAPTR 1 1 "" "" "" a
KEY 49152 3 0
KEY ZONE DNSSEC RSASHA1 AQIDBAUG
KEY NOKEY|ZONE EMAIL 0
DNSKEY 256 DNSSEC 13 AQID
CDNSKEY 0 3 0 AA==
RKEY 0 3 8 AQID
SVCB 0 foo
HTTPS 1 . alpn="h2,h3" port=443 ipv4hint=1.2.3.4 mandatory=port
HTTPS 1 . dohpath=/x{?dns} ech=AQID key65000=abc
CAA 0 issue "ca.example; a=b"
URI 1 2 "http://a"
CSYNC 1 5 A
NSEC3PARAM 1 0 1 aa
OPENPGPKEY AQID
SMIMEA 3 1 1 aabb
TLSA 3 1 1 aabb
CERT PKIX 2 RSASHA1 AQID
DHCID AQID
IPSECKEY 10 3 2 gw AQID
IPSECKEY 10 0 2 . AQID
AMTRELAY 10 0 1 203.0.113.15
AMTRELAY 10 1 0 .
AMTRELAY 128 1 3 relay
HIP 2 200100107B1A74DF365639CC39F1D578 AwEA rvs rvs2.
LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
LOC 52 N 4 E 0
LOC 90 N 180 W 42849672.95m 1.5m 25 0.03m
APL 1:192.168.32.0/21 !2:ff00::/8
APL
NSAP 0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00
NSAP-PTR foo
EUI48 00-00-5e-00-53-2a
EUI64 00-00-5e-ef-10-00-00-2a
NID 10 0014:4fff:ff20:ee64
L32 10 10.1.2.0
L64 10 2001:0DB8:1140:1000
LP 10 l64
A6 0 ::1
A6 64 ::1:2:3:4 prefix
A6 128 prefix
NXT a. A NS SOA
SINK 1 2 3 AQID
EID AABB
NIMLOC AABBCC
NINFO "a" b
TALINK a b
ATMA +61200000000
ATMA 47.0005.80
WKS 192.0.2.1 tcp smtp 80
NULL \# 2 aabb
DOA 1 2 1 "text/plain" aGVsbG8=
AVC "a" "b"
RESINFO qnamemin
UNSPEC \# 2 aabb
UINFO \# 0
gid \# 1 00
Uid \# 1 00
TYPE264 \# 8 0000000000000001
SIG A 8 2 300 20380119031408 20180101000000 1 example. AQID
RRSIG 1 RSASHA256 2 300 20380119031408 20180101000000 1 example. AQID
PX 10 a b
KX 10 a
RT 10 a
AFSDB 1 a
MINFO a b
RP a b
DNAME x.
# With a ! the whole text, with escapes for octets.
!a IN 1h2m A 1.2.3.4\r\nb 1w IN A 1.2.3.4\r\n\r\nc A ( 1.2.3.4\r\n )\r\nd A 1.2.3.4
!a (\n 60 IN\n A 1.2.3.4 ) ; c\n TXT ( a ( b ) c )
!x TXT a\xe9\x80b
!x TXT "a\x01\x00b\x7f"
!$ORIGIN sub\na\tA 1.2.3.4\n$TTL 5\n@ MX 1 a\n$ORIGIN .\nb.example TXT b
!$DATE 20240101000000\nx A 1.2.3.4
!$GENERATE 0-6/3 a${1,3} 60 IN A 192.0.2.${-0,0,d}
!$GENERATE 9-11 ${0,4,x}-${0,4,X}.${0,2,o} CNAME $$.foo${-10}
!$GENERATE 17-18 a${0,3,n} PTR h$
!$GENERATE 1-2 @ TXT "$ \x5c\x22a b\x5c\x22"
!$GENERATE 1-3 a$ A 192.0.2.$
!$GENERATE 1-3 a$ A 192.0.2.$ ; c
!$GENERATE 1-10/3 a${1} A 192.0.2.${1}
!$GENERATE 10-12 a${-9,2,d} PTR b${-10,2,o}
!$GENERATE 0-1 a$ PTR b${-5}
!$GENERATE 0-1 a$ PTR b${-5,3,x}
!$GENERATE 250-252 ${0,1,n} PTR x
!$GENERATE 250-252 a${0,2,X} PTR ${0,8,x}
!$GENERATE 1-2 a$ 60 IN A 1.2.3.$
!$GENERATE 1-2 a$ IN 60 A 1.2.3.$
!$GENERATE 1-2 a$ 1h A 1.2.3.$
!$GENERATE 1-2 a$ MX "10 b$"
!$GENERATE 1-2 a$ TXT "\"x $\" y"
!$GENERATE 1-2 $ CNAME $.0-31
!$GENERATE 1-2 a$ NS b$
!$GENERATE 1-2 a$ AAAA 2001::$
!$GENERATE 1-2 @ A 1.2.3.$
!$generate 1-2 a$ A 1.2.3.$
!$GENERATE 1-2\ta$\tA\t1.2.3.$
!$GENERATE 2147483646-2147483647 a$ TXT x
!$GENERATE 1-3/2147483647 a$ TXT x
!$GENERATE 1-2 a$ DNAME b$
!x 1w2d3h4m5s A 1.2.3.4
!x 1W2D A 1.2.3.4
!x 5s4m A 1.2.3.4
!x 1h1h A 1.2.3.4
!x 2147483647 A 1.2.3.4
!x 3550w A 1.2.3.4
!x 007 A 1.2.3.4
!$TTL 1h\nx A 1.2.3.4
!$ttl 5\nx A 1.2.3.4
!x TXT "a\x00b"
!x TXT a\x80b
!x TXT "a\xffb"
!\xe9 TXT a
!x CNAME \xe9
!x TXT "a\x7f"
!x A 1.2.3.4 ;\x00 c
!x A 1.2.3.4 ; \xff
!x A 1.2.3.4\r\n\r\ny A 1.2.3.5\r
!x A (\r\n1.2.3.4\r\n)\r
!x TXT a\r
!x TXT "a\r"
!x TXT ((a)\n)
!x\tIN\tA\t1.2.3.4
!x CLASS01 A 1.2.3.4
!IN A 1.2.3.4
!A A 1.2.3.4
!5 A 1.2.3.4
! 5 A 1.2.3.4
!IN IN A 1.2.3.4
! IN A 1.2.3.4
!"x" A 1.2.3.4
!x TXT ""
!x\032y TXT a
!x\y TXT a
!x\. TXT a
!@ TXT a
!\@ TXT a
!"@" TXT a
!x CNAME @
!x CNAME \@
!* TXT a
!*.* TXT a
!a.* TXT b
!aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa TXT a
!a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a TXT a
!$ORIGIN a\nx TXT a
!$ORIGIN a.example.\nx TXT a
!$ORIGIN @\nx TXT a
!$ORIGIN a\n$ORIGIN b\nx TXT a
!$ORIGIN a\n TXT a
!x TXT a ; b ( c
!x TXT a;b
!x TXT "a;b"
!x TXT a\;b
!x TXT a(b)c
!x TXT a"b"c
!x TXT "a"b
!x TXT "a""b"
!x TXT \"a
!x TXT "a\"b"
!x TXT \097
!x TXT \\
!;\n;;
!(\n)
!( x TXT a )
!(x) TXT a
! ( TXT a )
!x ( ) TXT a
!x TXT a\r
!$TTL 5\r\nx A 1.2.3.4\r\n\r
# With two the whole file: which TTL a record has that names none.
!!@ SOA ns hm 1 2 3 4 5\n NS ns.other.\nx A 1.2.3.4
!!@ 77 SOA ns hm 1 2 3 4 5\n NS ns.other.\nx A 1.2.3.4
!!@ SOA ns hm 1 2 3 4 5\n NS ns.other.\nx 9 A 1.2.3.4\ny A 1.2.3.4
!!@ 77 SOA ns hm 1 2 3 4 5\n NS ns.other.\nx 9 A 1.2.3.4\ny A 1.2.3.4
!!@ SOA ns hm 1 2 3 4 5\n NS ns.other.\nx 9 A 1.2.3.4\n$TTL 3\ny A 1.2.3.4\nz 8 A 1.2.3.4\nw A 1.2.3.4
!!x 9 A 1.2.3.4\n@ SOA ns hm 1 2 3 4 5\n NS ns.other.
!!@ 5 NS ns.other.\n@ SOA ns hm 1 2 3 4 6\ny A 1.2.3.4
!!$TTL 4\n@ 77 SOA ns hm 1 2 3 4 5\n NS ns.other.\nx A 1.2.3.4
!!$TTL 0\n@ SOA ns hm 1 2 3 4 5\n NS ns.other.
!!@ SOA ns hm 1 2 3 4 5\n NS ns.other.\nx 0 A 1.2.3.4\ny A 1.2.3.4
!!@ SOA ns hm 1 2 3 4 4294967295\n NS ns.other.
!!@ SOA ns hm 1 2s 3m 4h 5d\n NS ns.other.
!!@ 77 SOA ns hm 1 2 3 4 5\n NS ns.other.\nx A 1.2.3.4\nx 5 A 1.2.3.5
!!@ 77 SOA ns hm 1 2 3 4 5\n NS ns.other.\nx 5 A 1.2.3.4\nx A 1.2.3.5\nx 7 A 1.2.3.6
!!$TTL 4\n@ SOA ns hm 1 2 3 4 5\n NS ns.other.\nx RRSIG A 8 2 300 20380119031408 20180101000000 1 example. AQID\nx 8 A 1.2.3.4
!!@ SOA ns hm 1 2 3 4 5\n NS ns.other.\n$GENERATE 1-2 a$ 7 A 1.2.3.$\nx A 1.2.3.4
!!@ SOA ns hm (1 ; c\n 2\n\n 3 4 5)\n NS ns.other.
!!@ SOA ns hm 1 4294967295 3 4 5\n NS ns.other.
# Bad: place, reason, what follows the owner.
4:12 a digest has 20 octets | DS 1 8 2 aabb
4:13 a fingerprint has 20 octets | SSHFP 1 1 aabb
4:16 a digest of SHA-384 has 48 octets | ZONEMD 1 1 1 aabb
4:7 an X.25 address has four digits | X25 123
4:33 a regular expression and its replacement | NAPTR 1 1 "u" "x" "!(a)!\\2!" .
4:13 mandatory names itself | HTTPS 1 . key1=h2
4:20 NAPTR record ends | NAPTR 1 1 "u" "x"
4:8 NSEC names one type or more | NSEC a.
4:56 the owner has fewer labels than the signer | RRSIG A 8 1 300 20380119031408 20180101000000 1 a.b. AQID
4:1 x.example. is not a hash | NSEC3 1 0 0 - 1P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM
4:7 "65536" is not a number up to 65535 | L64 65536 1:2:3:4
4:16 "3" is more than type ISDN takes | ISDN "1" "2" 3
4:5 "1.2.3" is not an IPv4 address | A 1.2.3
4:5 "1.2.3.04" is not an IPv4 address | A 1.2.3.04
4:8 "1::2::3" is not an IPv6 address | AAAA 1::2::3
4:6 "65536" is not a number up to 65535 | MX 65536 a
4:3 class "CLASS3" is not served | CLASS3 A 1.2.3.4
4:7 a latitude is | LOC 91 N 4 E 0
4:16 an altitude is | LOC 52 N 4 E 42849672.96m
4:19 a prefix is | APL 1:0.0.0.0/0 1:1.2.3.4/33
4:8 an NSAP address is | NSAP 0x4
4:12 a prefix of length 0 has no name | A6 0 ::1 foo
4:6 "129" is not the length of a prefix | A6 129 ::1 p
4:12 types up to 127 | NXT a. A TYPE128
4:8 an ATM address is | ATMA 4700058
4:17 the type of a relay is 0 to 3 | AMTRELAY 10 1 4 relay
4:3 type ANY cannot stand in a zone | ANY a
4:3 type NXNAME cannot stand in a zone | NXNAME a
4:3 type TYPE129 cannot stand in a zone | TYPE129 \# 0
4:16 RDATA has 2 octets and not 3 | TYPE65280 \# 3 aabb
4:5 this is not RDATA of type A | A \# 3 010203
4:9 "is-sue" is not a tag | CAA 0 is-sue "a"
4:7 '(' is not closed | TXT ( a
4:1 example. is the apex of the zone, which has no DS record | !@ DS 1 8 9 aabb
4:1 *.x.example. is a wildcard, which has no NS record | !*.x NS a.
4:1 *.example. is a wildcard, which has no NS record | !* 300 IN TYPE2 \# 1 00
4:1 *.x.example. is a wildcard, which has no NSEC3 record | !*.x NSEC3 1 0 0 - 0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM A
4:11 "3-1" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647 | !$GENERATE 3-1 a$ A 192.0.2.$
4:11 "1-3/0" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647 | !$GENERATE 1-3/0 a$ A 192.0.2.$
4:11 "1-3/-1" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647 | !$GENERATE 1-3/-1 a$ A 192.0.2.$
4:1 "192.0.2.02" is not an IPv4 address, in "a2 A 192.0.2.02" for 1 | !$GENERATE 1-3 a${1,0} A 192.0.2.${1,2}
4:16 an offset is needed behind ${, as in ${0}, ${10,3} or ${0,2,x} | !$GENERATE 1-3 a${,} A 192.0.2.$
4:16 ${ needs a }, as in ${0}, ${10,3} or ${0,2,x} | !$GENERATE 1-3 a${0,0,x,} A 192.0.2.$
4:16 the base is one of d o x X n N | !$GENERATE 1-3 a${0,3,z} A 192.0.2.$
4:16 ${ needs a }, as in ${0}, ${10,3} or ${0,2,x} | !$GENERATE 1-3 a${0 A 192.0.2.$
4:16 an offset is needed behind ${, as in ${0}, ${10,3} or ${0,2,x} | !$GENERATE 1-3 a${} A 192.0.2.$
4:1 class "CH" is not served, only IN is, in "a1 CH A 1.2.3.1" for 1 | !$GENERATE 1-2 a$ CH A 1.2.3.$
4:1 a1.example. has a SOA record, which only the apex of a zone may have | !$GENERATE 1-2 a$ SOA a b 1 2 3 4 5
4:11 "1" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647 | !$GENERATE 1 a$ A 1.2.3.$
4:1 "extra" is more than type A takes, in "a1 A 1.2.3.1 extra" for 1 | !$GENERATE 1-2 a$ A 1.2.3.$ extra
4:11 "2147483647-2147483648" is no range: FIRST-LAST or | !$GENERATE 2147483647-2147483648 a$ TXT x
4:16 the value with its offset is above 2147483647 | !$GENERATE 1-2 a${2147483647} TXT x
4:16 a width is a number up to 127 | !$GENERATE 1-2 a${0,300} TXT x
4:1 label of 65 octets, at most 63 are allowed, in | !$GENERATE 1-2 a${0,64} TXT x
4:11 "-1-2" is no range: FIRST-LAST or FIRST-LAST/STEP, up to 2147483647 | !$GENERATE -1-2 a$ TXT x
4:3 "1y" is no TTL: a number, or numbers with the units w d h m s | !x 1y A 1.2.3.4
4:3 "1h30" is no TTL: a number, or numbers with the units w d h m s | !x 1h30 A 1.2.3.4
4:3 "0x10" is no TTL: a number, or numbers with the units w d h m s | !x 0x10 A 1.2.3.4
4:3 "-1" is no record type | !x -1 A 1.2.3.4
4:3 "+1" is no record type | !x +1 A 1.2.3.4
4:3 TTL 4294967296 is above 2147483647 | !x 4294967296 A 1.2.3.4
4:3 "1.5h" is no TTL: a number, or numbers with the units w d h m s | !x 1.5h A 1.2.3.4
4:3 TTL 10000w is above 2147483647 | !x 10000w A 1.2.3.4
4:3 "h" is no record type | !x h A 1.2.3.4
4:3 "w1" is no record type | !x w1 A 1.2.3.4
4:5 something is missing of $TTL SECONDS | !$TTL\nx A 1.2.3.4
4:8 "2" is more than $TTL SECONDS takes | !$TTL 1 2\nx A 1.2.3.4
4:6 "x" is no TTL: a number, or numbers with the units w d h m s | !$TTL x\nx A 1.2.3.4
4:2 "$TTL" is no record type | ! $TTL 5\nx A 1.2.3.4
4:1 "$TTLX" is no directive; did you mean $TTL? | !$TTLX 5
4:1 "$FOO" is no directive | !$FOO
4:2 \$TTL.example. is not the name of a host and has A records | !"$TTL" A 1.2.3.4
4:1 \$TTL.example. is not the name of a host and has A records | !\$TTL A 1.2.3.4
4:12 octet 0 (0x00) must be written as \000 | !x A 1.2.3.4\x00
4:2 octet 0 (0x00) must be written as \000 | !x\x00y A 1.2.3.4
4:8 octet 0 (0x00) must be written as \000 | !x TXT a\x00b
4:5 "1.2.3.4" is no TTL: a number, or numbers with the units w d h m s | !x\xa0A 1.2.3.4
4:2 octet 11 (0x0b) must be written as \011 | !x\x0bA 1.2.3.4
4:2 octet 12 (0x0c) must be written as \012 | !x\x0cA 1.2.3.4
4:1 \239\187\191x.example. is not the name of a host and has A | !\xef\xbb\xbfx A 1.2.3.4
4:12 octet 26 (0x1a) must be written as \026 | !x A 1.2.3.4\x1a
5:1 octet 26 (0x1a) must be written as \026 | !x A 1.2.3.4\n\x1a
4:7 quote is not closed on this line | !x TXT "a\r
4:7 quote is not closed on this line | !x TXT "a\nb"
4:7 \ is not followed by a character or three digits up to 255 | !x TXT a\\nb A 1.2.3.4
4:7 quote is not closed on this line | !x TXT "abc
4:7 '(' is not closed before the end of the file | !x TXT (
4:7 ')' without '(' before it | !x TXT )
4:6 "IN" stands where a type should: the class is there already | !x IN IN A 1.2.3.4
4:5 "5" stands where a type should: the TTL is there already | !x 5 5 A 1.2.3.4
4:8 "5" stands where a type should: the TTL is there already | !x 5 IN 5 A 1.2.3.4
4:3 class "CLASS65536" is not served, only IN is | !x CLASS65536 A 1.2.3.4
4:3 class "HS" is not served, only IN is | !x HS A 1.2.3.4
4:3 class "CH" is not served, only IN is | !x CH A 1.2.3.4
4:3 type ANY cannot stand in a zone | !x ANY A 1.2.3.4
4:3 class "NONE" is not served, only IN is | !x NONE A 1.2.3.4
4:3 the record ends where it needs a type | !IN
4:5 the record ends where it needs a type | !x IN
4:4 the record ends where it needs a type | !x 5
4:7 the record ends where it needs a type | !x 5 IN
4:4 A record ends where it needs an IPv4 address | !x A
4:4 "A" stands in quotes where a record type is needed | !x "A" 1.2.3.4
4:4 "5" stands in quotes where a record type is needed | !x "5" A 1.2.3.4
4:6 "1.2.3.4" stands in quotes where an IPv4 address is needed | !x A "1.2.3.4"
4:7 "10" stands in quotes where a number up to 65535 is needed | !x MX "10" a
4:10 "a" stands in quotes where a name is needed | !x MX 10 "a"
4:10 "a" stands in quotes where a name is needed | !x CNAME "a"
4:10 "a b" stands in quotes where a name is needed | !x CNAME "a b"
4:10 HINFO record ends where it needs a text | !x HINFO a
4:13 "c" is more than type HINFO takes | !x HINFO a b c
4:2 x\032y.example. is not the name of a host and has A records | !"x y" A 1.2.3.4
4:1 \ is not followed by a character or three digits up to 255 | !x\300 TXT a
4:1 \ is not followed by a character or three digits up to 255 | !x\25 TXT a
4:9 A record ends where it needs an IPv4 address | !x\ TXT a
4:1 empty label | !.x TXT a
4:1 empty label | !x..y TXT a
4:10 "@" stands in quotes where a name is needed | !x CNAME "@"
4:1 label of 64 octets, at most 63 are allowed | !aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa TXT a
4:1 name of more than 255 octets | !a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a TXT a
4:11 "b" is more than $ORIGIN NAME takes | !$ORIGIN a b
4:9 something is missing of $INCLUDE FILE [ORIGIN] | !$INCLUDE
4:14 "c" is more than $INCLUDE FILE [ORIGIN] takes | !$INCLUDE a b c
4:22 "x" is more than $DATE YYYYMMDDHHMMSS takes | !$DATE 20240101000000 x
4:5 '(' is not closed before the end of the file | !x A (\n1.2.3.4
4:7 \ is not followed by a character or three digits up to 255 | !x TXT a\\r\nb
