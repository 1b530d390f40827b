# What those who watch the server read over HTTP.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask transfer);
use Cwd qw(getcwd);
use Daemon;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);
use Peer qw(free_port may_open run slurp until_true);
use Time::HiRes qw(sleep time);

my $config = slurp('tests/metrics/tandem.conf');
my $top = getcwd();
our $http = free_port();
my $any = 'allow-transfer { any; };';

sub configure {
	my ($tandem, %value) = @_;
	$tandem->{value}{$_} = $value{$_} for keys %value;
	$tandem->configure($config);
}

# curl's exit status in $?.
sub curl { my ($path, @more) = @_; return run('curl', '-q', '-sS', '-m', 120, @more, "http://127.0.0.1:$http$path") }

# --- a strict reader of the text form 0.0.4: name, then labels in order, to value; dies where it is none ---

sub metrics {
	my ($text) = @_;
	my (%value, %type, %help, %done, $now);
	die "does not end with a line\n" unless $text =~ /\n\z/;
	for (split /\n/, $text) {
		if (/^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/) {
			if ($1 eq 'HELP') {
				die "$2: not in one group\n" if $done{$2}++;
				die "$2: no type\n" if defined $now && !$type{$now};
				$now = $2;
				$help{$2} = $3;
				die "$3: escape\n" if $3 =~ /\\(?![\\n])/;
			} else {
				die "$2: type out of place\n" if $now ne $2 || $type{$2};
				$type{$2} = $3;
				die "$2: $3\n" if $3 !~ /^(counter|gauge)$/;
			}
			next;
		}
		/^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\"n])*",?)+)\})? (\d+(?:\.\d+)?)$/
		    or die "not a sample: $_\n";
		my ($name, $labels, $value) = ($1, $2 // '', $3);
		die "$name: not behind its type\n" unless defined $now && $name eq $now && $type{$name};
		die "$name: a counter is named _total\n" if $type{$name} eq 'counter' xor $name =~ /_total$/;
		my $key = "$name $labels";
		die "$key: twice\n" if exists $value{$key};
		$value{$key} = $value;
	}
	return \%value;
}
sub now { my $text = curl('/metrics'); my $m = eval { metrics($text) }; diag $@ if $@; return $m // {} }
sub value { my ($key) = @_; return now()->{$key} }

# --- all of it ---

my $tandem = Daemon->prepare('tests/metrics/tandem.conf', options => $any, channels => "inet 127.0.0.1 port $http;", more => <<'EOT');
zone "example.org" { type master; file "example.org"; };
zone "we\\\"ird.test" { type master; file "weird"; check-names ignore; };
mirror "the \"fleet\"" { type sqlite; file "fleet.sqlite3"; };
EOT
my $zone = "\$TTL 300\n\@ SOA ns h %d 1 1 600 1\n\@ NS ns\nns A 127.0.0.1\nsub NS ns.sub\nns.sub A 127.0.0.1\n";
$tandem->write('example.org', sprintf $zone, 7);
$tandem->write('weird', sprintf $zone, 8);
$tandem->launch;
ok((until_true { (value('tandem_mirror_zones mirror="the \"fleet\"",state="in_step"') // 0) == 2 } 10), 'the mirror is in step');

like(curl('/metrics', '-i'), qr{^HTTP/1\.1 200 .*^Content-Type: text/plain; version=0\.0\.4; charset=utf-8\r$}sm, 'the type is the one that Prometheus knows');
my $before = now();
my %want = (
	'tandem_zone_serial zone="example.org",role="master"' => 7,
	'tandem_zone_records zone="example.org",role="master"' => 5,
	'tandem_zone_state zone="example.org",role="master",state="ok"' => 1,
	'tandem_zone_serial zone="we\\\\\\"ird.test",role="master"' => 8,
	'tandem_zones ' => 2,
	'tandem_zones_in_trouble ' => 0,
	'tandem_configuration_refused ' => 0,
	'tandem_mirror_connected mirror="the \"fleet\""' => 1,
	'tandem_mirror_rows_total mirror="the \"fleet\"",change="inserted"' => 10,
	'tandem_mirror_behind_seconds mirror="the \"fleet\""' => 0,
);
is($before->{$_}, $want{$_}, "$_ is $want{$_}") for sort keys %want;
sub is_recent { my ($moment, $what) = @_; ok($moment > $^T - 2 && $moment < time + 2, $what) or diag $moment }
is_recent($before->{'process_start_time_seconds '}, 'it started a moment ago');
cmp_ok($before->{'process_resident_memory_bytes '}, '>', 1e6, 'and takes some memory');

ask($tandem->port, 'ns.example.org', 'A') for 1 .. 3;
ask($tandem->port, 'ns.example.org', 'A', tcp => 1);
ask($tandem->port, 'none.example.org', 'A');
ask($tandem->port, 'ns.example.org', 'TXT');
ask($tandem->port, 'www.sub.example.org', 'A');
ask($tandem->port, 'elsewhere.test', 'A');
transfer($tandem->port, 'example.org');
ok((until_true { (value('tandem_transfers_out_total result="done"') // 0) == 1 } 5), 'a transfer is counted');
my $after = now();
my %more = ('tandem_queries_total transport="udp"' => 7, 'tandem_queries_total transport="tcp"' => 2, 'tandem_tcp_connections_total ' => 2,
    'tandem_answers_total result="answer"' => 4, 'tandem_answers_total result="nxdomain"' => 1, 'tandem_answers_total result="nodata"' => 1,
    'tandem_answers_total result="referral"' => 1, 'tandem_answers_total result="refused"' => 1);
is($after->{$_} - $before->{$_}, $more{$_}, "$_ has grown by $more{$_}") for sort keys %more;

# What tandemctl says.
sub plain { my ($json) = @_; my $status = decode_json($json); delete @{$status}{qw(running_for configuration_age)}; delete $_->{age} for @{$status->{rows}}; return $status }
is_deeply(plain(curl('/status')), plain($tandem->ctl('--json', 'status')), '/status is the JSON of tandemctl status');
like(curl('/status', '-i'), qr{^Content-Type: application/json\r$}m, 'and says so');

# Trouble.
$tandem->write('weird', "bad\n");
$tandem->write('example.org', sprintf("$zone%s", 8, "odd TYPE65000 \\# 1 00\nalias TYPE65401 \\# 1 00\n"));
configure($tandem, options => 'bogus;');
$tandem->ctl('reload');
ok((until_true { (value('tandem_mirror_zones mirror="the \"fleet\"",state="held"') // 0) == 1 } 10), 'a zone that cannot be mirrored is held');
$after = now();
%want = (
	'tandem_configuration_refused ' => 1,
	'tandem_zones_in_trouble ' => 1,
	'tandem_zone_state zone="we\\\\\\"ird.test",role="master",state="old version, file has errors"' => 1,
	'tandem_mirror_error mirror="the \"fleet\"",class="zone"' => 1,
	'tandem_mirror_error mirror="the \"fleet\"",class="connection"' => 0,
	'tandem_mirror_error mirror="the \"fleet\"",class="purge"' => 0,
);
is($after->{$_}, $want{$_}, "$_ is $want{$_}") for sort keys %want;
ok((until_true { (value('tandem_mirror_zone_behind_seconds mirror="the \"fleet\"",zone="example.org",state="held"') // 0) >= 1 } 10), 'and for how long');
cmp_ok(value('tandem_mirror_behind_seconds mirror="the \"fleet\""'), '>=', 1, 'as the mirror is');

# A slave, and its master that goes.
{
	my $port = free_port();
	my $slave = Daemon->start('tests/metrics/tandem.conf', channels => "inet 127.0.0.1 port $port;", options => 'min-refresh-time 1; min-retry-time 1;',
	    more => 'zone "example.org" { type slave; masters { 127.0.0.1 port ' . $tandem->port . '; }; };');
	local $http = $port;
	ok($slave->reaches('example.org', serial => 8, within => 10), 'a slave');
	my $of = 'zone="example.org",role="slave"';
	ok((until_true { (value('tandem_transfers_in_total result="done"') // 0) == 1 } 5), 'its transfer is counted');
	$after = now();
	is($after->{"tandem_zone_transfer_failures $of"}, 0, 'nothing fails');
	is_recent($after->{"tandem_zone_checked_timestamp_seconds $of"}, 'it knows when its master was asked');
	cmp_ok($after->{"tandem_zone_next_refresh_timestamp_seconds $of"}, '>=', $after->{"tandem_zone_checked_timestamp_seconds $of"}, 'and when it is asked next');
	is($after->{"tandem_zone_expires_timestamp_seconds $of"} - $after->{"tandem_zone_checked_timestamp_seconds $of"}, 600, 'and when it expires');
	configure($tandem, options => 'allow-transfer { none; };');
	$tandem->write('example.org', sprintf $zone, 9);
	$tandem->ctl('reload');
	ok((until_true { (value("tandem_zone_behind_seconds $of") // 0) >= 1 } 15), 'of a master that has a newer version and does not give it it says for how long');
	ok((until_true { (value("tandem_zone_transfer_failures $of") // 0) >= 2 } 15), 'and how often it was tried');
	cmp_ok(value('tandem_transfers_in_total result="failed"'), '>=', 2, 'in all');
}

# --- who may read it, and where ---

$tandem->write('weird', sprintf $zone, 9);
my $other = free_port();
configure($tandem, options => $any, channels => "inet 127.0.0.1 port $http allow { 127.0.0.2; }; inet 127.0.0.1 port $other;");
$tandem->hush;
$tandem->ctl('reload');
is($?, 0, 'a reload');
like($tandem->said, qr/^metrics on 127\.0\.0\.1 port $other$/m, 'opens another address');
curl('/metrics');
isnt($?, 0, 'who is not allowed gets nothing');
like(curl('/metrics', '--interface', '127.0.0.2'), qr/tandem_info/, 'who is gets it');
{ local $http = $other; like(curl('/metrics'), qr/tandem_info/, 'so does everybody on this host where nothing is said'); }
like($tandem->ctl('showconf'), qr/^statistics-channels \{\n\tinet 127\.0\.0\.1 port $http allow \{ 127\.0\.0\.2; \};\n\tinet 127\.0\.0\.1 port $other allow \{ localhost; \};\n\};$/m,
    'showconf shows both');
my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die;
configure($tandem, channels => 'inet 127.0.0.1 port ' . $taken->sockport . ';');
like($tandem->ctl('reload'), qr/statistics-channels: cannot listen on 127\.0\.0\.1 port \d+: Address already in use/, 'one that is taken is an error');
isnt($?, 0, 'of the reload');
{ local $http = $other; like(curl('/metrics'), qr/^tandem_configuration_refused 1$/m, 'and the old ones stay'); }
configure($tandem, channels => "inet 127.0.0.1 port $http;", options => 'zone-statistics none;', more => <<'EOT');
zone "example.org" { type master; file "example.org"; };
zone "shown.test" { type master; file "example.org"; zone-statistics yes; };
EOT
$tandem->ctl('reload');
is($?, 0, 'a reload');
like($tandem->said, qr/^no longer metrics on 127\.0\.0\.1 port $other$/m, 'closes what is no longer there');
{ local $http = $other; curl('/metrics'); isnt($?, 0, 'nobody answers there'); }
$after = now();
is(join(' ', map { /^tandem_zone_serial zone="(.*?)"/ ? $1 : () } sort keys %$after), 'shown.test', 'zone-statistics none leaves zones out');
is($after->{'tandem_zones '}, 2, 'but not of their number');
ok(!grep({ /^tandem_mirror/ } keys %$after), 'without a mirror there is nothing of one');

# --- those who mean no good ---

$SIG{PIPE} = 'IGNORE';	# some are closed at once
sub client {
	my ($what) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $http, Timeout => 60) or return undef;
	$socket->syswrite($what);
	return $socket;
}
sub says { my ($socket, $within) = @_; local $SIG{ALRM} = sub { die }; my $text = ''; eval { alarm($within // 60); 1 while sysread $socket, $text, 65536, length $text }; alarm 0; return $text }

is(says(client("GET /metrics HTTP/1.0\r\n\r\n")) =~ /^HTTP\/1\.[01] 200 .*?\r\n\r\n(.*)/s ? ref metrics($1) : '', 'HASH', 'HTTP/1.0 does');
like(says(client("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), qr/^HTTP\/1\.1 200 (?:.+\r\n)+\r\n\z/, 'HEAD gives the head');
like(curl('/', '-i'), qr{^HTTP/1\.1 404 .*there are: /metrics /status$}s, 'another page is not there, and which are is said');
like(curl('/metrics', '-i', '-X', 'POST', '-d', 'x' x 100000), qr{^HTTP/1\.1 405 .*^Allow: GET, HEAD\r$}sm, 'POST is not for here');
for my $bad ("\r\n\r\n\r\n", "GET\r\n\r\n", "\0\xff\xfe" x 1000 . "\r\n\r\n", "GET /metrics HTTP/9.9\r\n\r\n", "GET /" . 'x' x 200000 . " HTTP/1.1\r\n\r\n",
    "GET /metrics HTTP/1.1\r\n" . "X: y\r\n" x 20000 . "\r\n", "GET /metrics HTTP/1.1\r\nContent-Length: -1\r\nHost: x\r\n\r\n",
    "GET /%00%2e%2e/..//metrics HTTP/1.1\r\nHost: x\r\n\r\n") {
	my $socket = client($bad);
	$socket->shutdown(1);
	# One that may go on is not closed before its time is over.
	unlike(says($socket, 1), qr/^HTTP\/1\.1 200/, 'is refused: ' . substr($bad, 0, 30) =~ s/[^ -~]/?/gr);
}
is(ref now(), 'HASH', 'and it goes on');

# Many zones, and a reader that takes its time while they change.
my $many = join '', map { "zone \"z$_.test\" { type master; file \"example.org\"; };\n" } 1 .. 2000;
configure($tandem, options => $any, more => $many);
$tandem->ctl('reload');
is(scalar(grep { /^tandem_zone_serial/ } keys %{now()}), 2000, 'all of many zones are there');
my $slow = client("GET /metrics HTTP/1.0\r\n\r\n");
my $half = client('GET /metr');
sysread $slow, my $begin, 100;
is(scalar(keys %{now()}) > 2000, 1, 'another one is served while one takes its time');
# It is closed when it takes nothing for 10 s, and is not whole then.
sysread $slow, $begin, 65536, length $begin;
configure($tandem, options => $any, more => $many =~ s/^zone "z1\d\d\.test".*\n//gmr);
$tandem->ctl('reload');
is($?, 0, 'and a reload takes zones away');
my $text = says($slow);
ok(eval { metrics("$begin$text" =~ s/^.*?\r\n\r\n//sr) }, 'what the slow one gets is well-formed to its end') or diag $@;
like($text, qr/^tandem_zone_published_timestamp_seconds\{zone="z2000.test"/m, 'and whole');
is_deeply(plain(curl('/status')), plain($tandem->ctl('--json', 'status')), '/status in pieces is the same');

# A thousand at once that ask nothing, or as many as there may be.
my $files = may_open();
my $crowd = $files > 1200 ? 1000 : $files - 100;
my $start = time;
now();
my $alone = time - $start;
my @idle = map { client($_ % 2 ? 'GET /met' : '') // () } 1 .. $crowd;
cmp_ok(scalar @idle, '>', $crowd * 0.9, 'a thousand connections');
$start = time;
is(scalar(keys %{now()}) > 1000, 1, 'do not keep a reader out');
cmp_ok(time - $start, '<', 5 + 5 * $alone, 'and it does not wait');
$tandem->ctl('status');
is($?, 0, 'nor tandemctl');
ok(ask($tandem->port, 'z2.test', 'SOA'), 'nor questions');
cmp_ok(scalar(() = glob '/proc/' . $tandem->pid . '/fd/*'), '<', 250, 'nor do they take all descriptors');
@idle = ();
ok((until_true { scalar(() = glob '/proc/' . $tandem->pid . '/fd/*') < 60 } 5), 'which come back');

# Readers one behind the other.
$start = time;
run('curl', '-q', '-sS', 'file:///dev/null') for 1 .. 20;
$alone = time - $start;
$start = time;
curl('/nothing') for 1 .. 20;
cmp_ok(time - $start, '<', 5 + 5 * $alone, 'do not wait for a time to be over');

# No descriptor is left for a reader.
{
	my $port = free_port();
	my $few = Daemon->prepare('tests/metrics/tandem.conf', options => $any, channels => "inet 127.0.0.1 port $port;", more => 'zone "example.org" { type master; file "example.org"; };');
	$few->write('example.org', sprintf $zone, 1);
	$few->spawn('prlimit', '--nofile=48:48', "$top/tandemd", '-c', 'tandem.conf');
	$few->up(30, sub { defined $few->serial('example.org') });
	local $SIG{PIPE} = 'IGNORE';	# it takes no more of them
	my @full = map { my $c = IO::Socket::UNIX->new(Peer => $few->control_socket); $c->syswrite('x') if $c; $c // () } 1 .. 60;
	local $http = $port;
	my $waiting = client("GET /metrics HTTP/1.0\r\n\r\n");
	my $begin = $few->cpu;
	sleep 1;
	cmp_ok($few->cpu - $begin, '<', 0.2, 'without a descriptor for a reader the server does not turn round and round');
	@full = ();
	like(says($waiting), qr/^HTTP\/1\.[01] 200/, 'who is served when there is one again');
}

$tandem->signal('TERM');
my $last = client("GET /metrics HTTP/1.1\r\n\r\n");
is($tandem->ended(10), 0, 'it ends, whoever reads');
done_testing;
