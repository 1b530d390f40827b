# A daemon whose master answers from another address, sends what stands below delegations, goes back, or stops in the middle.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask transfer);
use Daemon; use Master qw(message put);
use IO::Socket::INET;
use Peer qw(run slurp spew until_true);
use Time::HiRes qw(sleep);

# The master does what a file says: serial and manner.
sub soa { return "z.test. 300 SOA ns.z.test. h.z.test. $_[0] 3600 1 86400 60" }
my @below = ('sub.z.test. 300 NS ns.sub.z.test.', 'ns.sub.z.test. 300 A 192.0.2.53', 'www.sub.z.test. 300 A 192.0.2.99', 'deep.sub.z.test. 300 NS ns.deep.sub.z.test.',
    'ns.deep.sub.z.test. 300 AAAA 2001:db8::53', 'mail.sub.z.test. 300 MX 10 www.sub.z.test.', 'd.z.test. 300 DNAME elsewhere.test.', 'x.d.z.test. 300 TXT "below a DNAME"');
my $master = Master->start(udp => sub {
	my ($query, $octets, $udp) = @_;
	my ($serial, $how) = split ' ', slurp('does');
	syswrite STDOUT, "asked\n";
	my $answer = message($query, [soa($serial)]);
	return $answer if $how ne 'elsewhere';
	# From another address, and from another port of the right one.
	for ([LocalAddr => '127.0.0.2', LocalPort => $udp->sockport], [LocalAddr => '127.0.0.1']) {
		my $other = IO::Socket::INET->new(@$_, Proto => 'udp') or die "other: $!\n";
		send $other, $answer, 0, $udp->peername;
	}
	return ();
}, tcp => sub {
	my ($s, $query) = @_;
	my ($serial, $how) = split ' ', slurp('does');
	syswrite STDOUT, "fetched\n";
	my @all = (soa($serial), 'z.test. 300 NS ns.z.test.', 'ns.z.test. 300 A 192.0.2.1', "v$serial.z.test. 300 A 192.0.2.2", @below, soa($serial));
	@all = @all[0 .. 4] if $how eq 'half';
	put($s, message($query, \@all));
});
sub does { my ($serial, $how) = @_; spew($master->path('does'), "$serial $how") }
sub counted { my ($what) = @_; return scalar(() = $master->log =~ /^$what$/mg) }

does(1, 'right');
my $slave = Daemon->prepare('tests/hostile/slave.conf', master => $master->port);
$slave->launch;
ok($slave->reaches('z.test', serial => 1, within => 10), 'what stands below delegations is taken');

# It is not of this zone for who asks, but of its copies.
my $answer = ask($slave->port, 'www.sub.z.test', 'A');
is_deeply([$answer->header->rcode, $answer->header->aa, scalar $answer->answer], ['NOERROR', 0, 0], 'and not answered');
is_deeply([map { $_->string =~ s/\s+/ /gr } $answer->authority], ['sub.z.test. 300 IN NS ns.sub.z.test.'], 'but referred, to the upper delegation');
$answer = ask($slave->port, 'x.deep.sub.z.test', 'AAAA');
is_deeply([map { $_->owner } $answer->authority], ['sub.z.test'], 'below the lower one too');
$answer = ask($slave->port, 'x.d.z.test', 'TXT');
is_deeply([map { $_->type } $answer->answer], ['DNAME', 'CNAME'], 'and below a DNAME its alias');
is(scalar(transfer($slave->port, 'z.test')), 4 + @below, 'a transfer has it all');
$slave->stop;
$slave->launch;
ok($slave->reaches('z.test', serial => 1, within => 10), 'a restart');
is(scalar(transfer($slave->port, 'z.test')), 4 + @below, 'after that too');

# Answers from elsewhere are not heard.
does(2, 'elsewhere');
my $asked = counted('asked');
$slave->hush;
like($slave->ctl('refresh', 'z.test'), qr/failed: .*no answer/, 'answers from another address are none');
cmp_ok(counted('asked') - $asked, '>=', 2, 'it asks again');
is($slave->serial('z.test'), 1, 'and serves what it has');
is(counted('fetched'), 1, 'nothing is fetched');
does(2, 'right');
$slave->ctl('refresh', 'z.test');
ok($slave->reaches('z.test', serial => 2, within => 5), 'until the master answers itself') or diag($slave->said);

# Closed in the middle.
does(3, 'half');
like($slave->ctl('refresh', 'z.test'), qr/failed: transfer from .*: closed before the end/, 'half a zone is none');
is($slave->serial('z.test'), 2, 'the old one is served');
is(scalar(transfer($slave->port, 'z.test')), 4 + @below, 'whole');
does(3, 'right');
ok($slave->reaches('z.test', serial => 3, within => 10), 'and the new one once it comes whole') or diag($slave->said);

# Back in serial.
does(1, 'right');
like($slave->ctl('refresh', 'z.test'), qr/failed: masters have older versions than ours, serial 3/, 'a master that went back is told');
is($slave->serial('z.test'), 3, 'the newer one is served');
does(4, 'right');
ok($slave->reaches('z.test', serial => 4, within => 10), 'until the master is ahead again') or diag($slave->said);
done_testing;
