# BIND as the master that gives zones by its NOTIFY, at another port and with a key; and who cannot give any.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Bind; use Daemon;
use Ask qw(wire_name);
use IO::Socket::INET;
use Peer qw(free_port run scratch slurp spew until_true);

my $port = free_port();
my @zones = qw(one.test two.test three.test);
my %file = map { $_ => scratch() . "/$_.master" } @zones;
sub zone { my ($name, $serial) = @_; spew($file{$name}, "\$TTL 300\n\@ SOA ns hostmaster $serial 3600 600 86400 60\n\@ NS ns\n\@ NS ns2\nns A 192.0.2.1\nns2 A 192.0.2.2\n") }
zone($_, 1) for @zones;
my $secret = 'c2VjcmV0IG9mIHRoZSB0ZXN0cw==';
my $tandem = Daemon->prepare('tests/replicate/bind.conf', master => free_port(), secret => $secret, port => $port, autos => '');
$tandem->{port} = $port;
$tandem->launch;
my $bind = Bind->start(-top => "key \"xfr\" { algorithm hmac-sha256; secret \"$secret\"; };",
    -options => { 'allow-transfer' => '{ key "xfr"; }', notify => 'explicit', 'notify-delay' => 0, 'startup-notify-rate' => 100,
	'also-notify' => "{ 127.0.0.1 port $port key \"xfr\"; }" }, %file);
sub notify {	# by hand: the rcode
	my ($zone) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'udp');
	send $s, pack('n6', 7, 0x2400, 1, 0, 0, 0) . wire_name($zone) . pack('n2', 6, 1), 0;
	local $SIG{ALRM} = sub { die };
	alarm 30;
	my $reply = '';
	eval { recv $s, $reply, 512, 0 };
	alarm 0;
	return length $reply ? unpack('x2 n', $reply) & 15 : undef;
}

is(notify('one.test'), 9, 'without autosecondary a zone that is not here is NOTAUTH');
$tandem->{value}{master} = $bind->port;
$tandem->{value}{autos} = 'autosecondary { 127.0.0.1 port @MASTER@ key "xfr" nameserver "ns2.one.test"; 127.0.0.1 port @MASTER@ key "xfr" nameserver "NS2.two.test."; 192.0.2.9 nameserver "ns2.one.test"; };' =~ s/\@MASTER\@/$bind->port/ger;
$tandem->configure(slurp('tests/replicate/bind.conf'));
$tandem->ctl('reconfig');
is($?, 0, 'reconfig') or diag($tandem->log);
is(notify('one.test'), 9, 'nor from the right address without the key');
$tandem->hush;
zone($_, 2) for @zones;
$bind->signal('HUP');
ok($tandem->reaches($_, serial => 2, within => 10), "$_ comes by a signed NOTIFY") or diag($tandem->said) for qw(one.test two.test);
ok($tandem->says(qr/zone three\.test: warning: not created: name servers of .*: none is one that autosecondary has/, 10), 'a zone of other name servers does not');
my $masters = '127.0.0.1 port ' . $bind->port . ' key "xfr"; 192.0.2.9 port 53;';
like(slurp($tandem->path('var/zones/one.test.conf')), qr/^zone "one\.test" \{ type slave; by-notify yes; file ".*\/one\.test\.zone"; masters \{ \Q$masters\E \}; \};$/,
    'the other master of the same name is one too');
like($tandem->ctl('status', 'one.test'), qr/role: slave/, 'it is a slave');
is($tandem->serial('three.test'), undef, 'three.test is not here');

# A restart, a configuration that is read again, a zone that the operator takes away.
$tandem->stop;
$tandem->launch;
ok($tandem->reaches($_, serial => 2, within => 5), "$_ is there after a restart") for qw(one.test two.test);
$tandem->signal('HUP');
zone($_, 3) for @zones;
$bind->signal('HUP');
ok($tandem->reaches($_, serial => 3, within => 10), "$_ goes on") for qw(one.test two.test);
$tandem->ctl('delzone', '-clean', 'two.test');
is($?, 0, 'delzone');
ok(!-e $tandem->path("var/zones/two.test$_"), "two.test$_ is gone") for '.conf', '.zone';
zone('two.test', 4);
$bind->signal('HUP');
ok($tandem->reaches('two.test', serial => 4, within => 10), 'and comes back when its master says so');

# Nobody gives zones where none may come.
$tandem->{value}{autos} = 'allow-new-zones no; autosecondary { 127.0.0.1 port ' . $bind->port . '; };';
$tandem->configure(slurp('tests/replicate/bind.conf'));
$tandem->ctl('reconfig');
is(notify('four.test'), 9, 'allow-new-zones no') or diag($tandem->log);

# A flood of names: some are taken, none costs more than another, questions are answered.
$tandem->{value}{autos} = 'autosecondary { 127.0.0.1 port ' . $bind->port . '; };';
$tandem->configure(slurp('tests/replicate/bind.conf'));
$tandem->ctl('reconfig');
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'udp');
for my $i (1 .. 20000) {
	send $s, pack('n6', 7, 0x2400, 1, 0, 0, 0) . wire_name("z$i.flood.test") . pack('n2', 6, 1), 0;
	# What is full drops a datagram, and whoever asked asks again.
	ok((until_true { ($tandem->serial(q(one.test)) // 0) == 3 } 2), 'an answer while names are flooding in') if $i % 5000 == 0;
}
zone('one.test', 5);
$bind->signal('HUP');
ok($tandem->reaches('one.test', serial => 5, within => 10), 'a NOTIFY of a zone that is here is heard');
my ($rss) = slurp('/proc/' . $tandem->pid . '/status') =~ /VmRSS:\s+(\d+)/;
cmp_ok($rss, '<', 300000, "$rss kB");
$tandem->stop;
like($tandem->log, qr/tandemd: stopped\n\z/, 'it stops while some are being asked about');
done_testing;
