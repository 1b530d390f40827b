# What a zone file or a configuration was warned of is said where the operator looks, and once.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon;
use JSON::PP qw(decode_json);
use Peer qw(run slurp spew until_true);

my $config = slurp('tests/reload/tandem.conf');
my $tandem = Daemon->prepare('tests/reload/tandem.conf', more => 'options { recursion no; };');
$config =~ s/notify no;/notify no; recursion yes;/;
sub configure { $tandem->{value}{more} = $_[0]; $tandem->configure($config) }
configure('zone "clean.test" { type master; file "clean"; };');
my $head = "\$TTL 60\n\@ SOA ns1 h %d 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n";
sub zone { my ($file, $serial, $missing) = @_; $tandem->write($file, sprintf($head, $serial) . join '', map { "m$_ MX 1 x$_\n" } 1 .. $missing) }
zone('example.org', 1, 7);
zone('other.test', 1, 1);
zone('clean', 1, 0);

# --- the start, with a log of its own ---

my $log = $tandem->path('own.log');
sub logged { return scalar(() = slurp($log) =~ /$_[0]/g) }
my $useless = qr/tandem\.conf:\d+:\d+: warning: 'recursion' has no effect/;
$tandem->spawn("$ENV{PWD}/tandemd", '-c', 'tandem.conf', '-l', $log);
ok((until_true { slurp($log) =~ /serving 3 of 3 zones/ } 10), 'it serves');
is(logged($useless), 1, 'with -l the log has what is wrong with the configuration');
like($tandem->log, $useless, 'and so has standard error');

# --- the configuration ---

for (1, 2) {
	unlike($tandem->ctl('reload'), qr/recursion/, "reload $_: what had no effect at the start is not said again");
}
$tandem->signal('HUP');
configure('zone "clean.test" { type master; file "clean"; recursion no; };');
like($tandem->ctl('reload'), qr/^\S*tandem\.conf:\d+:\d+: .*recursion/m, 'what is new is') or diag(slurp($log));
is(logged($useless), 1, 'and that alone');
like($tandem->ctl('checkconf'), $useless, 'checkconf says it each time');
configure('zone "clean.test" { type master; file "clean"; };');
$tandem->ctl('reload');
$config =~ s/^/\n\n/;
configure('zone "clean.test" { type master; file "clean"; };');
like($tandem->ctl('reload'), $useless, 'in an edited file it is said again, where it is now');
is(logged($useless), 2, 'in the log too');

# --- zones ---

my $mx = qr/^zone example\.org: warning: m\d\.example\.org\. .*x\d\.example\.org.*\n/m;
my $said = $tandem->ctl('zonestatus', 'example.org');
like($said, qr/^warnings when it was read: 7$/m, 'zonestatus has their number') or diag($said);
is(scalar(() = $said =~ /$mx/g), 5, 'the first of them');
like($said, qr/^and 2 more, see the log$/m, 'and how many more there are');
is($?, 0, 'and ends with 0');
unlike($tandem->ctl('zonestatus', 'clean.test'), qr/warning/, 'of a zone without any it has none');
my $json = decode_json($tandem->ctl('--json', 'zonestatus', 'example.org'));
is($json->{warnings_when_it_was_read}, 7, 'a number in JSON');
is(scalar @{$json->{warnings}}, 6, 'and a list');

$said = $tandem->ctl('reload', 'example.org');
is($?, 0, 'reload ZONE with warnings ends with 0');
is(scalar(() = $said =~ /$mx/g), 5, 'it has the first of them') or diag($said);
like($said, qr/^and 2 more, see the log$/m, 'and how many more there are');
is(scalar @{decode_json($tandem->ctl('--json', 'reload', 'example.org'))->{warnings}}, 6, 'a list in JSON');

zone('example.org', 2, 7);
like($tandem->ctl('reload', 'example.org', '--dry-run'), qr/^and 2 more, see tandem-checkzone$/m, 'those that --dry-run leaves out are not in the log');
zone('other.test', 2, 1);
zone('clean', 2, 0);
$said = $tandem->ctl('reload', '--dry-run');
like($said, qr/^example\.org: 7 warnings, the first: zone example\.org: warning: m1/m, '--dry-run has those that would be');
$said = $tandem->ctl('reload');
is($?, 0, 'reload of all with warnings ends with 0');
like($said, qr/^example\.org: 7 warnings, the first: zone example\.org: warning: m1/m, 'it has the number and the first') or diag($said);
like($said, qr/^zone other\.test: warning: m1\.other/m, 'the one, when there is no other');
is(scalar(() = $said =~ /warning/g), 3, 'and nothing else');
unlike($tandem->ctl('reload'), qr/warning/, 'of files that did not change it says nothing');

# --- a serial that is increased ---

my $before = logged(qr/m1\.other\.test/);
$said = $tandem->ctl('increase-serial', 'other.test');
is($tandem->serial('other.test'), 3, 'a newer serial') or diag($said);
is(scalar(() = $said =~ /warning: m1\.other/g), 1, 'with the warning');
is(logged(qr/m1\.other\.test/), $before + 1, 'which the log has once');
$tandem->write('other.test', sprintf($head, 4) . "bad A x\nworse A y\n");
like($tandem->ctl('increase-serial', 'other.test'), qr/:5:\d+: error.*and 1 more.*:6:\d+: error/s, 'of a file with errors it has these');
like(slurp($tandem->path('other.test')), qr/ h 4 /, 'and leaves it');

# --- a file that is refused ---

$tandem->write('example.org', sprintf($head, 3) . join '', map { "b$_ A x\n" } 1 .. 8);
$tandem->ctl('reload');
$said = $tandem->ctl('zonestatus', 'example.org');
is($?, 0, 'zonestatus of a refused file ends with 0');
like($said, qr/^trouble: \S*example\.org:5:\d+: error: .*\(and 7 more\)$/m, 'it is in trouble');
is(scalar(() = $said =~ /^\S*example\.org:\d+:\d+: error: /mg), 5, 'with the first errors') or diag($said);
like($said, qr/^and 3 more, see the log$/m, 'and how many more there are');
like($said, qr/^errors in the file: 8\nwarnings when it was read: 7$/m, 'and the warnings of what is served');
zone('example.org', 3, 0);
$tandem->ctl('reload');
unlike($tandem->ctl('zonestatus', 'example.org'), qr/warning|error/, 'a file that is mended has neither');

is($tandem->signal('TERM') && $tandem->ended(15), 0, 'ends well');
done_testing;
