# HUP takes what changed and nothing else; what is broken never stops the old version.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon;
use Peer qw(run slurp until_true);
use POSIX ();
use Time::HiRes qw(time);

my $tandem = Daemon->start('tests/reload/tandem.conf', more => '');
my $good = slurp('tests/reload/example.org.1');

sub version { my ($text, $serial) = @_; return $text =~ s/hostmaster \d+/hostmaster $serial/r }
sub address {
	my ($name) = @_;
	my $reply = ask($tandem->port, $name, 'A') or return 'no answer';
	return join ' ', $reply->header->rcode, map { $_->address } grep { $_->type eq 'A' } $reply->answer;
}

ok($tandem->reaches('example.org', serial => 1, within => 5), 'serves the first version');
is(address('inc.example.org'), 'NOERROR 192.0.2.81', 'and what it includes');
is(slurp($tandem->path('pid')) + 0, $tandem->pid, 'writes its pid');

$tandem->write('example.org', version($good, 2) . "new A 192.0.2.82\n");
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 2, within => 5), 'an edited file is served on HUP');
is(address('new.example.org'), 'NOERROR 192.0.2.82', 'with its new record');
is(Ask::serial($tandem->port, 'other.test'), 1, 'another zone stays as it is');

$tandem->write('included', "inc A 192.0.2.181\n");
$tandem->signal('HUP');
ok((until_true { address('inc.example.org') eq 'NOERROR 192.0.2.181' } 5), 'an edited include is noticed, though the file is not');
$tandem->install('tests/reload/included.1');
$tandem->write('example.org', version($good, 3));
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 3, within => 5), 'serial 3');
is(address('new.example.org'), 'NXDOMAIN', 'a removed record is gone');

# Each leaves serial 3 in service: a name, the file, what is said.
my $label63 = 'l' x 63;
my $soa = '@ SOA ns1 hostmaster 4 3600 600 86400 300';
my $head = version($good, 4);
my @bad = (
	['a syntax error', "${head}bad A 192.0.2.300\n", qr/example\.org:7:\d+: error: .*192\.0\.2\.300/],
	['an unknown type', "${head}bad WHAT 1\n", qr/example\.org:7:\d+: error: .*WHAT/],
	['a missing field', "${head}bad MX 10\n", qr/example\.org:7:\d+: error:/],
	['a field too many', "${head}bad A 192.0.2.1 192.0.2.2\n", qr/example\.org:7:\d+: error:/],
	['a missing $INCLUDE', "$head\$INCLUDE absent\n", qr/example\.org:7:\d+: error: .*absent/],
	['an $INCLUDE loop', "$head\$INCLUDE example.org\n", qr/example\.org:7:\d+: error:/],
	['an unknown directive', "$head\$WHAT 1\n", qr/example\.org:7:\d+: error: .*WHAT/],
	['a parenthesis that stays open', "${head}bad TXT ( \"a\"\n", qr/example\.org:\d+:\d+: error:/],
	['a quote that stays open', "${head}bad TXT \"a\n", qr/example\.org:7:\d+: error:/],
	['a half-written file', substr($head, 0, index($head, '86400')), qr/example\.org:\d+:\d+: error:/],
	['a file cut in an address', "${head}cut A 192.0.2.", qr/example\.org:7:\d+: error:/],
	['an empty file', '', qr/zone example\.org: error: no SOA/],
	['a zone without SOA', "\$TTL 60\n\@ NS ns1\nns1 A 192.0.2.1\n", qr/zone example\.org: error: no SOA/],
	['a zone without NS', "\$TTL 60\n$soa\nns1 A 192.0.2.1\n", qr/zone example\.org: error: no NS/],
	['two SOA records', "${head}\@ SOA ns2 hostmaster 5 3600 600 86400 300\n", qr/error: .*SOA/],
	['a SOA below the apex', "${head}sub SOA ns1 hostmaster 5 3600 600 86400 300\n", qr/example\.org:7:\d+: error: .*SOA/],
	['out-of-zone data', "${head}www.example.com. A 192.0.2.1\n", qr/example\.org:7:\d+: error: .*example\.com/],
	['a CNAME beside other data', "${head}www CNAME ns1\n", qr/error: .*www\.example\.org.*CNAME|error: .*CNAME.*www\.example\.org/],
	['other data beside a CNAME', "${head}alias CNAME ns1\nalias TXT \"x\"\n", qr/error: .*CNAME/],
	['two CNAMEs', "${head}alias CNAME ns1\nalias CNAME www\n", qr/error: .*CNAME/],
	['a label of 64 octets', "${head}l$label63 A 192.0.2.1\n", qr/example\.org:7:\d+: error: .*6[34]/],
	['a name of 256 octets', "$head$label63.$label63.$label63." . 'l' x 50 . " A 192.0.2.1\n", qr/example\.org:7:\d+: error: .*25[56]/],
	['an empty label', "${head}a..b A 192.0.2.1\n", qr/example\.org:7:\d+: error:/],
	['a TTL of 2^31', "${head}ttl 2147483648 A 192.0.2.1\n", qr/example\.org:7:\d+: error: .*2147483648/],
	['a $TTL of 2^31', "\$TTL 2147483648\n$head", qr/example\.org:1:\d+: error: .*2147483648/],
	['an error in an included file', "$head\$INCLUDE broken\n", qr/broken:2:\d+: error:/],
);
$tandem->write('broken', "ok A 192.0.2.1\nbad A x\n");
for (@bad) {
	my ($what, $text, $said) = @$_;
	$tandem->hush;
	$tandem->write('example.org', $text);
	$tandem->signal('HUP');
	ok($tandem->says(qr/zone example\.org: .*still serving serial 3\b/, 5), "$what: the old version stays")
	    or diag($tandem->said);
	like($tandem->said, $said, "$what: named by its place");
	is(address('www.example.org'), 'NOERROR 192.0.2.80', "$what: www still answers");
}

$tandem->hush;
$tandem->write('example.org', "${head}one A x\ntwo AAAA x\nthree MX x\n");
$tandem->signal('HUP');
ok($tandem->says(qr/still serving serial 3\b/, 5), 'three errors');
like($tandem->said, qr/:7:\d+: error.*:8:\d+: error.*:9:\d+: error/s, 'are all said in one pass');

unlink $tandem->path('example.org');
$tandem->hush;
$tandem->signal('HUP');
ok($tandem->says(qr/zone example\.org: .*still serving serial 3\b/, 5), 'a file that vanished: the old version stays');
like($tandem->said, qr/example\.org.*(No such file|not there|missing)/is, 'and its name is said');

mkdir $tandem->path('example.org');
$tandem->hush;
$tandem->signal('HUP');
ok($tandem->says(qr/zone example\.org: .*still serving serial 3\b/, 5), 'a directory in its place');
rmdir $tandem->path('example.org');

POSIX::mkfifo($tandem->path('example.org'), 0600);
$tandem->hush;
$tandem->signal('HUP');
ok($tandem->says(qr/zone example\.org: .*still serving serial 3\b/, 5), 'a FIFO in its place does not hang it');
unlink $tandem->path('example.org');

$tandem->write('other.test', version(slurp('tests/reload/other.test.1'), 2));
$tandem->write('example.org', "${head}bad A x\n");
$tandem->signal('HUP');
ok($tandem->reaches('other.test', serial => 2, within => 5), 'a good zone is taken beside a broken one');
is(Ask::serial($tandem->port, 'example.org'), 3, 'which stays');

$tandem->write('example.org', $head);
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 4, within => 5), 'a mended file is served');

# The file shrinks while it is mapped.
for my $round (1 .. 20) {
	$tandem->write('example.org', version($good, 4) . join '', map { "h$_ A 192.0.2.1\n" } 1 .. 20000);
	$tandem->signal('HUP');
	Time::HiRes::sleep($round / 2000);
	truncate $tandem->path('example.org'), 100;
}
$tandem->write('example.org', version($good, 6));
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 6, within => 10), 'files that are cut while they are read do it no harm');

# What did not change is not read.  The CPU of all threads tells, in nanoseconds.
sub worked {
	my $sum = 0;
	$sum += (split ' ', slurp($_))[0] // 0 for glob '/proc/' . $tandem->pid . '/task/*/schedstat';
	return $sum || $tandem->cpu * 1e9;	# not every kernel tells
}
# Nothing of what was asked for is under way: no thread runs, nor has one since the last look.
sub idles {
	my $last = -1;
	return until_true {
		my ($now, $before) = (worked(), $last);
		$last = $now;
		$now == $before && !grep { slurp($_) !~ /\) S / } glob '/proc/' . $tandem->pid . '/task/*/stat';
	} 20;
}
my $config = slurp('tests/reload/tandem.conf');
sub configure { $tandem->{value}{more} = $_[1] // ''; $tandem->configure($_[0] // $config) }
$tandem->write('big.test', slurp('tests/reload/other.test.1') . join '', map { "h$_ A 192.0.2.1\n\tTXT \"host $_\"\n" } 1 .. 60000);
configure($config, 'zone "big.test" { type master; file "big.test"; };');
my $cpu = worked();
$tandem->signal('HUP');
ok($tandem->reaches('big.test', serial => 1, within => 20), 'a zone that came into the configuration is served');
is(address('h60000.big.test'), 'NOERROR 192.0.2.1', 'to its end');
ok(idles(), 'and nothing of it is left to do');
my $read_all = worked() - $cpu;
$cpu = worked();
for my $serial (7 .. 9) {
	$tandem->write('example.org', version($good, $serial));
	$tandem->signal('HUP');
	ok($tandem->reaches('example.org', serial => $serial, within => 5), "serial $serial beside a big zone");
}
idles();
cmp_ok(worked() - $cpu, '<', $read_all, 'three reloads of the small zone cost less than one of the big zone');
utime time + 5, time + 5, $tandem->path('big.test');
$tandem->signal('HUP');
$tandem->write('example.org', version($good, 10));
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 10, within => 10), 'a touched file is no new version');
configure($config);
$tandem->signal('HUP');
ok((until_true { address('h1.big.test') eq 'REFUSED' } 5), 'a zone that left the configuration is refused');

# The configuration.
my @broken = (
	['an unknown word', "options { };\nzonee \"x.test\" { };\n" . $config, qr/tandem\.conf:2:\d*:? ?error: .*zonee.*"?zone/],
	['a brace that stays open', $config . "zone \"x.test\" {\n", qr/tandem\.conf:\d+:\d+: error:/],
	['two zones of one name', $config . 'zone "other.test" { type master; file "x"; };', qr/tandem\.conf:\d+:\d+: error: .*other\.test/],
	['a mirror of a wrong type', $config . "\nmirror \"m\" {\n\ttype oracle;\n};\n", qr/tandem\.conf:\d+:\d+: error: .*oracle/],
	['a zone for a mirror that is not there', $config . 'zone "x.test" { type master; file "other.test"; mirror "absent"; };',
	    qr/tandem\.conf:\d+:\d+: error: .*absent/],
);
for (@broken) {
	my ($what, $text, $said) = @$_;
	$tandem->hush;
	configure($text);
	$tandem->signal('HUP');
	ok($tandem->says($said, 5), "$what in the configuration is named") or diag($tandem->said);
	is(address('www.example.org'), 'NOERROR 192.0.2.80', "$what: the zones are still served");
	is(address('www.x.test'), 'REFUSED', "$what: nothing of it is applied");
}
unlink $tandem->path('tandem.conf');
$tandem->hush;
$tandem->signal('HUP');
ok($tandem->says(qr/tandem\.conf.*/, 5), 'a configuration that vanished is named');
is(address('www.example.org'), 'NOERROR 192.0.2.80', 'and the old one stands');
configure($config);

# HUP without end.
$tandem->write('example.org', version($good, 11));
$tandem->signal('HUP') for 1 .. 1000;
ok($tandem->reaches('example.org', serial => 11, within => 10), 'a thousand HUPs');
$tandem->write('example.org', version($good, 12));
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 12, within => 10), 'and the next is heard');

# tandemctl shares the code.
like($tandem->ctl('status'), qr/12/, 'tandemctl status knows the serial');
is($?, 0, 'and ends with 0');
$tandem->write('example.org', version($good, 13));
like($tandem->ctl('reload'), qr/example\.org\b.*\b12\b.*\b13\b/, 'tandemctl reload tells both serials');
is($?, 0, 'and ends with 0');
is(Ask::serial($tandem->port, 'example.org'), 13, 'and has done it when it returns');
$tandem->write('example.org', "$good\nbad A x\n");
like($tandem->ctl('reload', 'example.org'), qr/example\.org/, 'of a broken file it says so');
is($? >> 8, 1, 'and ends with 1');
$tandem->ctl('no-such-command');
cmp_ok($? >> 8, '>=', 1, 'an unknown command is an error');
$tandem->write('example.org', version($good, 14));
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 14, within => 5), 'serial 14');

$tandem->signal('HUP');
$tandem->signal('TERM');
is($tandem->ended(10), 0, 'TERM ends it with 0, during a reload too');
ok(!-e $tandem->path('pid'), 'and its pid file is gone');

$tandem->write('example.org', "$good\nbad A x\n");
$tandem->launch;
ok($tandem->reaches('other.test', serial => 2, within => 5), 'a start with a broken zone serves the others');
ok($tandem->reaches('example.org', serial => 14, within => 5), 'and of that one the last version that was good');
ok($tandem->says(qr{zone example\.org: error: .*, serving serial 14 from the journal}, 5), 'which is said');
like($tandem->ctl('status'), qr/^example\.org .* 14 .*old version, file has errors/m, 'in the state too');
$tandem->ctl('stop');
$tandem->ended(10);
unlink glob $tandem->path('var/journal.sqlite3*');
$tandem->launch;
ok($tandem->reaches('other.test', serial => 2, within => 5), 'a start with a broken zone and no journal serves the others');
is(address('www.example.org'), 'SERVFAIL', 'but not that one');
$tandem->write('example.org', version($good, 15));
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => 15, within => 5), 'until it is mended');
$tandem->ctl('stop');
ok(!-e $tandem->path('pid'), 'tandemctl stop waits until it has ended');
is($tandem->ended(10), 0, 'with 0');

# Memory that was needed once.
{
	$tandem->launch;
	$tandem->reaches('example.org', serial => 15, within => 5);
	my $before = $tandem->memory;
	for (1 .. 2) {
		$tandem->write('example.org', version($good, 14 + 2 * $_) . join '', map { "h$_ A 10.1.1.1\nh$_ TXT x$_\n" } 1 .. 400_000);
		$tandem->ctl('reload', 'example.org');
		$tandem->write('example.org', version($good, 15 + 2 * $_));
		$tandem->ctl('reload', 'example.org');
	}
	is($tandem->serial('example.org'), 19, 'a zone was large, twice');
	my $sanitized = run("ldd", "./tandemd") =~ /asan|tsan/;
	ok($sanitized || (until_true { $tandem->memory < $before + 30 } 10), 'and its memory goes back to the system') or diag $before, ' to ', $tandem->memory;
	$tandem->stop;
}

configure("options { bogus 1; };\nzone \"a.test\" { type master; };\nzoone \"x\" { };\n");
my $said = $tandem->refuses;
is($? >> 8, 1, 'a start with a broken configuration ends with 1');
like($said, qr/tandem\.conf:1:\d+: error: .*bogus.*tandem\.conf:2:\d+: error: .*file.*tandem\.conf:3:\d+: error: .*zoone/s, 'and lists every error');
is(substr(run('./tandemd', '-c', '/no/such/file'), 0, 0) . ($? >> 8), '1', 'so does one without a configuration');
done_testing;
