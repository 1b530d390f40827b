# Signatures run out while nobody touches the zone: the log, tandemctl and the metrics say so in time, and once.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon;
use JSON::PP qw(decode_json);
use Peer qw(free_port run setclock slurp spew until_true);
use POSIX qw(strftime);
use Signer qw(make_keys sign);

my $day = 86400;
my $http = free_port();
my $tandem = Daemon->prepare('tests/metrics/tandem.conf', options => 'allow-transfer { any; };', channels => "inet 127.0.0.1 port $http;", more => <<'EOT');
zone "s.test" { type master; file "s.signed"; };
zone "silent.test" { type master; file "silent.signed"; check-dnssec ignore; };
zone "plain.test" { type master; file "plain"; };
EOT
my $ahead = $tandem->path('ahead');
my $end = time + 3 * $day;
sub stamp { return strftime('%Y%m%d%H%M%S', gmtime $_[0]) }
sub signed {
	my ($name, $serial, $until) = @_;
	$tandem->write($name, "\$TTL 60\n\@ SOA ns h $serial 1 1 3000000 1\n\@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\n");
	sign("$name.test", $tandem->path("keys.$name"), $tandem->path($name), $tandem->path("$name.signed"), '-s', stamp(time - 2 * $day), '-e', stamp($until));
	# One that runs out later.
	my ($all, $later) = (slurp($tandem->path("$name.signed")), stamp($until + 3600));
	$all =~ s/^(www\S+\s+\d+\s+IN\s+RRSIG\s+A \d+ \d+ \d+) \d+/$1 $later/m or die "no signature at www\n";
	$tandem->write("$name.signed", $all);
}
for ('s', 'silent') {
	make_keys($tandem->path("keys.$_"), "$_.test");
	signed($_, 1, $end);
}
$tandem->write('plain', "\$TTL 60\n\@ SOA ns h 1 1 1 1 1\n\@ NS ns\nns A 192.0.2.1\n");

sub metric { my ($name, $zone) = @_; return run('curl', '-s', "http://127.0.0.1:$http/metrics") =~ /^\Q$name\E(?:\{zone="\Q$zone\E"[^}]*\})? (\d+)/m ? $1 : undef }
my $expire = 'tandem_zone_signatures_expire_timestamp_seconds';
sub told { return scalar(() = $tandem->said =~ /$_[0]/g) }
sub local_time { return strftime('%Y-%m-%d %H:%M:%S', localtime $_[0]) }
my $soon = qr/zone s\.test: warning: .*: the signature expires within a day, and so in \d+ others/;
my $gone = qr/zone s\.test: warning: .*: the signature has expired, and so in \d+ others/;
my $any = qr/signature (expires|has expired)/;
my $when = local_time($end);

$tandem->launch(setclock($ahead));
ok((until_true { (metric($expire, 's.test') // 0) == $end } 10), 'a metric says when the first signature runs out') or diag(run('curl', '-s', "http://127.0.0.1:$http/metrics"));
ok((until_true { metric($expire, 'silent.test') } 10), 'also where nobody wants to be warned');
is(metric($expire, 'plain.test'), undef, 'an unsigned zone has none');
like($tandem->ctl('zonestatus', 's.test'), qr/^signatures expire: $when$/m, 'zonestatus says it too');
unlike($tandem->ctl('zonestatus', 'plain.test'), qr/signatures/, 'but not of an unsigned zone');
is(decode_json($tandem->ctl('--json', 'zonestatus', 's.test'))->{signatures_expire}, strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $end), 'in JSON as other times are');
unlike($tandem->ctl('status'), qr/in trouble/, 'all is well');
is(told($any), 0, 'and nothing is said');

# --- the last day ---

spew($ahead, 2 * $day + 100);
ok($tandem->says($soon, 10), 'that they run out within a day is said when it is so');
ok((until_true { $tandem->ctl('zones') =~ /^s\.test .*  signatures expire within a day/m } 10), 'it is the state of the zone') or diag($tandem->ctl('zones'));
like($tandem->ctl('zonestatus', 's.test'), qr/^signatures expire: $when\nsets signed for less than a day: \d+$/m, 'with how many');
unlike($tandem->ctl('status'), qr/in trouble/, 'it is no trouble yet');
like($tandem->ctl('zones'), qr/^silent\.test .*  ok/m, 'where nobody wants to know it is no state');

# --- over ---

spew($ahead, 3 * $day + 100);
ok($tandem->says($gone, 10), 'that they have run out is said');
ok((until_true { $tandem->ctl('status') =~ /^zones in trouble: 1$/m } 10), 'it is trouble') or diag($tandem->ctl('status'));
my $said = $tandem->ctl('zonestatus', 's.test');
like($said, qr/^signatures expired: $when\nsets without a signature in time: \d+$/m, 'zonestatus says since when') or diag($said);
my ($sets) = $said =~ /in time: (\d+)/;
like($said, qr/^trouble: signatures have run out/m, 'and that it is trouble');
like($tandem->ctl('zones'), qr/^s\.test .*  signatures have expired/m, 'it is the state of the zone');
is(metric($expire, 's.test'), $end, 'the metric stays');
is(metric('tandem_zones_in_trouble', ''), 1, 'and counts it');
like(run('curl', '-s', "http://127.0.0.1:$http/metrics"), qr/^tandem_zone_state\{zone="s\.test",role="master",state="signatures have expired"\} 1$/m, 'the state is there, too');
spew($ahead, 4 * $day);
ok((until_true { $tandem->ctl('zonestatus', 's.test') =~ /^sets without a signature in time: (\d+)/m && $1 == $sets + 1 } 10), 'the last one runs out');
like($tandem->ctl('zonestatus', 'silent.test'), qr/^signatures expired: /m, 'where nobody wants to be warned one can look');
is(told($soon), 1, 'each was said once');
is(told($gone), 1, 'both');
is(told($any), 2, 'and nothing else');

# --- a slave, and one whose master is away when it starts ---

my $slave = Daemon->prepare('tests/metrics/tandem.conf', options => '', channels => 'inet 127.0.0.1 port ' . free_port() . ';', more => <<"EOT");
zone "s.test" { type slave; masters port ${\$tandem->port} { 127.0.0.1; }; };
EOT
$slave->launch(setclock($ahead));
ok((until_true { $slave->ctl('zones') =~ /^s\.test +slave .*  signatures have expired/m } 10), 'a slave has the state, too') or diag($slave->log);
is(scalar(() = $slave->said =~ /$gone/g), 1, 'said once when it came');
$slave->stop;
$tandem->stop;
$slave->hush;
$slave->launch(setclock($ahead));
ok($slave->says($gone, 10), 'and when it is served as it was kept') or diag($slave->log);
ok((until_true { $slave->ctl('status') =~ /^zones in trouble: 1$/m } 10), 'it is trouble then');
is(scalar(() = $slave->said =~ /$gone/g), 1, 'said once');
is($slave->signal('TERM') && $slave->ended(15), 0, 'it ends well');

# --- a clock that was ahead when the server started ---

spew($ahead, 9 * $day);
$tandem->launch(setclock($ahead));
ok((until_true { $tandem->ctl('zones') =~ /^s\.test .*  signatures have expired/m } 10), 'by a clock that is ahead they have run out');
spew($ahead, 0);
ok((until_true { $tandem->ctl('zones') =~ /^s\.test .*  ok/m } 10), 'and are good again when it is set right') or diag($tandem->ctl('zones'));
$tandem->stop;
spew($ahead, 4 * $day);

# --- a start with what has run out, and a zone that is signed anew ---

$tandem->hush;
$tandem->launch(setclock($ahead));
ok((until_true { $tandem->ctl('status') =~ /^zones in trouble: 1$/m } 10), 'it is trouble after a restart too');
is(told($gone), 1, 'which the reading of the file has said');
signed('s', 2, $end + 30 * $day);
$tandem->ctl('reload', 's.test');
ok((until_true { (metric($expire, 's.test') // 0) == $end + 30 * $day } 10), 'signatures that are made anew are seen');
unlike($tandem->ctl('status'), qr/in trouble/, 'and all is well');
is(told($any), 1, 'nothing more is said');
like($tandem->ctl('zones'), qr/^s\.test .*  ok/m, 'of a zone that is well');
$tandem->write('s.signed', "\$TTL 60\n\@ SOA ns h 3 1 1 1 1\n\@ NS ns\nns A 192.0.2.1\n");
$tandem->ctl('reload', 's.test');
is(metric($expire, 's.test'), undef, 'without signatures it has no metric');
unlike($tandem->ctl('zonestatus', 's.test'), qr/signatures/, 'nor a line');
is($tandem->signal('TERM') && $tandem->ended(15), 0, 'ends well');
done_testing;
