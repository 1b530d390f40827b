# The daemon as slave of a private BIND: keys, NOTIFY, commands, files, restarts.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Bind;
use Daemon;
use Peer qw(free_port program run scratch setclock spew until_true);

my ($port, $bind_port) = (free_port(), free_port());
my %file = map { $_ => scratch() . "/$_.master" } qw(example.org nofile.test);
sub zone {
	my ($name, $serial, $more) = @_;
	spew($file{$name}, "\$TTL 300\n\@ SOA ns hostmaster $serial 3600 600 86400 60\n\@ NS ns\nns A 192.0.2.1\n" .
	    join('', map { "host$_ A 192.0.2.$_\n" } 2 .. 60) . ($more // ''));
}
zone($_, 1) for keys %file;
sub bind_server { return Bind->start(-port => $bind_port, -top => 'key "xfr" { algorithm hmac-sha256; secret "c2VjcmV0IG9mIHRoZSB0ZXN0cw=="; };',
    -options => { 'allow-transfer' => '{ key "xfr"; }', notify => 'explicit', 'notify-delay' => 0,
	'also-notify' => "{ 127.0.0.1 port $port key \"xfr\"; }", 'ixfr-from-differences' => 'yes' }, %file) }
my $bind = bind_server();
my $tandem = Daemon->prepare('tests/slave/tandem.conf', master => $bind->port, more => '', port => $port);
$tandem->{port} = $port;
$tandem->launch;

ok($tandem->reaches('example.org', serial => 1, within => 10), 'a first transfer, signed');
ok($tandem->reaches('nofile.test', serial => 1, within => 10), 'of a zone without a file too');
ok(until_true(sub { -s $tandem->path('example.org') }, 10), 'its file is written');
like($tandem->ctl('status', 'example.org'), qr/role: slave\n.*^master: 127\.0\.0\.1:\d+ key xfr$/ms, 'status tells the master and the key');
like($tandem->ctl('zones'), qr/example\.org\s+slave\s+1\s+62\s/, 'zones tells the role');

# NOTIFY, long before the refresh of an hour.
zone('example.org', 2, "new A 192.0.2.99\n");
$bind->signal('HUP');
ok($tandem->reaches('example.org', serial => 2, within => 10), 'NOTIFY brings serial 2');
like($tandem->log, qr/zone example\.org: IXFR from .* done: serial 2/, 'as a difference');

# What comes whole goes on as a difference: it is in the journal, before a restart and after it.
zone('nofile.test', 2, "new A 192.0.2.99\n");
$bind->signal('HUP');
ok($tandem->reaches('nofile.test', serial => 2, within => 10), 'another zone, of which all is fetched');
like($tandem->log, qr/zone nofile\.test: AXFR from .* done: serial 2/, 'by AXFR') ;
zone('nofile.test', 1);		# the file that a slave of ours would have
sub ixfr_out {
	my ($what) = @_;
	my $out = run(program('tests/transfer/fetch'), '-f', $file{'nofile.test'}, '127.0.0.1', $port, 'nofile.test');
	ok((until_true { $tandem->said =~ /zone nofile\.test: IXFR from 1 to serial 2 for / } 5), $what) or diag($out, $tandem->said);
	$tandem->hush;
}
ixfr_out('is given as a difference');
zone('nofile.test', 2, "new A 192.0.2.99\n");

# Commands.
like($tandem->ctl('refresh', 'example.org'), qr/example\.org\s+2\s+2\s+0\s+0\s+\d+\s+same content/, 'refresh waits and finds nothing newer');
is($? >> 8, 0, 'and ends with 0');
like($tandem->ctl('retransfer', 'example.org'), qr/example\.org\s+2\s+2\s/, 'retransfer');
is($? >> 8, 0, 'ends with 0');
like($tandem->log, qr/zone example\.org: AXFR from .* done: serial 2/, 'and fetches all of it');
like($tandem->ctl('history', 'example.org'), qr/^2\s.*transfer\s+1\s+2\n1\s/m, 'history');
like($tandem->ctl('diff', 'example.org'), qr/^\+new\.example\.org\. 300 IN A 192\.0\.2\.99$/m, 'diff');
for (['increase-serial', 'example.org'], ['freeze', 'example.org'], ['rollback', 'example.org', 1]) {
	like($tandem->ctl(@$_), qr/is a slave/, "$_->[0] is not for slaves");
	is($? >> 8, 1, 'and ends with 1');
}

# A restart while the master is away: what was kept is served at once.
$tandem->stop;
$bind->stop;
$tandem->launch;
ok($tandem->reaches($_->[0], serial => $_->[1], within => 5), "$_->[0] is served after a restart without its master")
    for ['example.org', 2], ['nofile.test', 2];
zone('nofile.test', 1);
ixfr_out('what came whole before the restart is a difference still');
like($tandem->ctl('refresh', 'example.org'), qr/failed: /, 'refresh says that nobody answers');
is($? >> 8, 1, 'and ends with 1');
is($tandem->serial('example.org'), 2, 'the old version is served');

# A clock that is wrong: signatures are refused, what is served stays, and all goes on once it is right.
$tandem->stop;
zone('example.org', 3);
unlink "$file{'example.org'}.jnl";
my $ahead = $tandem->path('ahead');
$tandem->launch(setclock($ahead));
$bind = bind_server();
ok($tandem->reaches('example.org', serial => 3, within => 10), 'a third version');
spew($ahead, 7200);
$tandem->hush;
zone('example.org', 4);
$bind->signal('HUP');
like($tandem->ctl('refresh', 'example.org'), qr/failed: .*BADTIME/, 'two hours ahead its master refuses its signatures');
ok(until_true(sub { $bind->log =~ /NOTIFY.*BADTIME|refresh.*BADTIME|notify.*(BADTIME|clocks are unsynchronized)|TSIG.*(BADTIME|expired)/i }, 10), 'it refuses those of its master');
is($tandem->serial('example.org'), 3, 'the old version is served');
like($tandem->ctl('status', 'example.org'), qr/BADTIME/, 'status tells');
spew($ahead, -7200);
like($tandem->ctl('refresh', 'example.org'), qr/failed: .*BADTIME/, 'two hours behind too');
unlike($tandem->said, qr/expired|withdrawn/, 'nothing expires');
spew($ahead, 0);
ok($tandem->reaches('example.org', serial => 4, within => 10), 'and by itself the new one, once the clock is right') or diag($tandem->said);

done_testing;
