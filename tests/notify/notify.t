# Who is told of a new version, and how long.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Alone;
use Daemon; use JSON::PP qw(decode_json); use Master qw(message sign);
use Peer qw(free_port slurp spew until_true);
use Time::HiRes qw(sleep time);

# --- a target that writes down what it is told and has the serial that a file says; "-": it says nothing, a word: that rcode ---
{
	package Target;
	our @ISA = ('Master');
	sub set { my ($self, $what) = @_; Peer::spew($self->path('serial'), $what); return $self }
	sub told { my ($self, $serial) = @_; return scalar(() = $self->log =~ /^told $serial /mg) }
	sub hears { my ($self, $serial, $times, $within) = @_; return Peer::until_true { $self->told($serial) >= $times } $within }
}
sub target {
	my ($what) = @_;
	return Target->start(udp => sub {
		my ($query, $octets) = @_;
		my $now = slurp('serial');
		my $key = $query->sigrr;
		my $reply;
		if ($query->header->opcode eq 'NOTIFY') {
			my ($soa) = $query->answer;
			syswrite STDOUT, join ' ', 'told', ($soa ? $soa->serial : '?'), ($key ? $key->name : 'unsigned'), time, "\n";
			return () if $now eq '-';
			my $question = substr $octets, 12, 12;	# z.test SOA IN
			$reply = substr($octets, 0, 2) . pack('n5', 0xa400, 1, 0, 0, 0) . $question;
		} else {
			syswrite STDOUT, "asked\n";
			return () if $now eq '-';
			$reply = message($query, $now =~ /^\d/ ? ["z.test. 300 SOA ns.z.test. admin.z.test. $now 3600 600 86400 60"] : [],
			    $now =~ /^\d/ ? () : (rcode => $now));
		}
		return $key ? (sign($reply, prior => $key->macbin))[0] : $reply;
	}, tcp => sub { })->set($what);
}

my ($stubborn, $silent, $signed, $fresh) = map { target($_) } 1, '-', 1, 'REFUSED';
my $also = sprintf 'also-notify { 127.0.0.1 port %d; 127.0.0.1 port %d; 127.0.0.1 port %d key "k.example"; 127.0.0.1 port %d; };',
    map { $_->port } $stubborn, $silent, $signed, $fresh;

sub zone {
	my ($serial, @more) = @_;
	return join "\n", '$TTL 300', "\@ SOA primary hostmaster $serial 36000 36000 864000 60", '@ NS primary', '@ NS ns1', '@ NS ns2',
	    '@ NS ns.helper.test.', 'primary A 127.0.0.9', 'ns1 A 127.0.0.1', 'ns2 A 127.0.0.2', (map { "h$_ A 192.0.2.$_" } 1 .. 100), @more, '';
}
my $master = Daemon->prepare('tests/notify/tandem.conf', more => "notify no;", rate => 20);
$master->write('helper.test', "\$TTL 300\n\@ SOA ns h 1 1 1 1 1\n\@ NS ns\nns A 127.0.0.3\n");
$master->write('z.test', zone(1));
$master->launch;
my @slave = map { my $d = Daemon->prepare('tests/notify/slave.conf', address => "127.0.0.$_"); $d->launch; $d } 2, 3;
ok($_->reaches('z.test', serial => 1, within => 10), 'a slave has the first version') for @slave;
sub change { my ($serial) = @_; $master->hush; $master->write('z.test', zone($serial, "new$serial A 192.0.2.250")); $master->ctl('reload', 'z.test') }
sub told { return sort map { s/^NOTIFY to //r } $master->said =~ /NOTIFY to 127\.0\.0\.\d+:\d+/g }
sub configure { my ($more) = @_; $master->{value}{more} = $more; $master->configure(slurp('tests/notify/tandem.conf')); $master->ctl('reconfig') }

# notify no, explicit
change(2);
is($master->serial('z.test'), 2, 'a change');
sleep 0.5;
is_deeply([told()], [], 'with notify no nobody is told');
like($master->ctl('notify', 'z.test'), qr/notify no/, 'and the command says why');
is($? >> 8, 1, 'and ends with 1');
configure("notify explicit; also-notify { 127.0.0.1 port " . $stubborn->port . '; };');
change(3);
ok($stubborn->hears(3, 1, 5), 'with notify explicit who is in also-notify is told');
sleep 0.5;
is_deeply([told()], ['127.0.0.1:' . $stubborn->port], 'and nobody else');
is($_->serial('z.test'), 1, 'a slave waits for its timer') for @slave;

# notify yes
configure("notify yes; $also");
my $start = time;
change(4);
ok($_->reaches('z.test', serial => 4, within => 5), 'a slave takes the new version long before its timer') for @slave;
like($_->log, qr/z\.test: IXFR from 127\.0\.0\.1:53 done: serial 4/, 'as a difference') for @slave;
ok($_->hears(4, 1, 5), 'a target is told') for $stubborn, $silent, $signed, $fresh;
my %once;
is_deeply([grep { /:53$/ && !$once{$_}++ } told()], ['127.0.0.2:53', '127.0.0.3:53'], 'by names in the zone and in another of ours; neither we nor the primary of the SOA');
like($signed->log, qr/^told 4 k\.example /m, 'with its key');
like($stubborn->log, qr/^told 4 unsigned /m, 'without when it has none');
ok($master->says(qr/z\.test: 127\.0\.0\.$_:53 has serial 4$/m, 5), 'and asked whether it has it') for 2, 3;
ok($fresh->hears(4, 2, 5), 'one that does not know the zone yet is told again');
$fresh->set(4);
$signed->set(4);
ok($master->says(qr/z\.test: 127\.0\.0\.1:@{[$fresh->port]} has serial 4$/m, 10), 'until it has it');
ok($master->says(qr/z\.test: 127\.0\.0\.1:@{[$signed->port]} has serial 4$/m, 10), 'an answer that is signed counts');
my $fresh_told = $fresh->told(4);
sub notifies { my ($address) = @_; return scalar(() = $master->said =~ /NOTIFY to $address:53/g) }
my ($second, $third) = map { notifies("127.0.0.$_") } 2, 3;
like($master->ctl('notify', 'z.test', '127.0.0.2'), qr/^127\.0\.0\.2:53\s+4\s/m, 'notify with an address');
ok((until_true { notifies('127.0.0.2') == $second + 1 } 5), 'tells it');
is(notifies('127.0.0.3'), $third, 'and no other');
ok($stubborn->hears(4, 2, 45), 'one that acknowledges and does not move is told again');
ok($master->says(qr/warning: 127\.0\.0\.1:@{[$stubborn->port]} acknowledged serial 4 and still has not got it/, 5), 'and the log says so');
is_deeply([sort map { "$_->{address} $_->{serial} $_->{state}" } grep { $_->{address} =~ /^127.0.0.[23]:/ } @{decode_json($master->ctl('--json', 'zonestatus', 'z.test'))->{rows}}],
    ['127.0.0.2:53 4 in step', '127.0.0.3:53 4 in step'], 'so does the state of the zone');
my @tries;
ok((until_true { (@tries = $silent->log =~ /^told 4 \S+ ([\d.]+)/mg) >= 6 } 10), 'a silent one is told three times, and again later') or diag($silent->log);
cmp_ok($tries[3] - $tries[2], '>', 10, 'after a pause');
is($fresh->told(4), $fresh_told, 'who has it is not told again');
like($master->ctl('notify', 'z.test', '127.0.0.2'), qr/^127\.0\.0\.1:@{[$silent->port]}\s+-\s+no answer$/m, 'the command tells of it');
$_->set(4) for $silent, $stubborn;
ok($master->says(qr/z\.test: 127\.0\.0\.1:@{[$silent->port]} has serial 4$/m, 50), 'and gets it when it is back');
ok($master->says(qr/z\.test: 127\.0\.0\.1:@{[$stubborn->port]} has serial 4$/m, 50), 'so does the other');
like($master->ctl('notify', 'z.test', 'nonsense'), qr/no IPv4 or IPv6 address/, 'an address that is none');
my @before = map { $_->told(4) } $silent, $stubborn, $signed, $fresh;
$master->ctl('notify', 'z.test', '127.0.0.1', 'port', $fresh->port);
ok($fresh->hears(4, $before[3] + 1, 5), 'notify with a port tells one of several at an address');
is_deeply([map { $_->told(4) } $silent, $stubborn, $signed], [@before[0 .. 2]], 'and no other');
for (['port'], ['port', 0], ['port', 65536], ['port', '53x'], ['prot', 53]) {
	like($master->ctl('notify', 'z.test', '127.0.0.1', @$_), qr/expected port and its number after 127\.0\.0\.1, from 1 to 65535$/m, "'@$_' is no port");
	is($? >> 8, 2, 'and ends with 2');
}

# The state is that of the serial that we have now.
sub states { my ($like) = @_; return join ' ', sort map { "$_->{address} $_->{serial} $_->{state}" } grep { $_->{address} =~ $like } @{decode_json($master->ctl('--json', 'zonestatus', 'z.test'))->{rows}} }
{
	my $fresh_is = qr/:@{[$fresh->port]}$/;
	configure("notify yes; notify-delay 3600; $also");
	is(states($fresh_is), '127.0.0.1:' . $fresh->port . ' 4 in step', 'in step');
	change(5);
	is($master->serial('z.test'), 5, 'another version, which notify-delay keeps back');
	is(states($fresh_is), '127.0.0.1:' . $fresh->port . ' 4 to be told', 'the server that has the old one is to be told');
	$fresh->set(7);
	$master->ctl('notify', 'z.test', '127.0.0.1', 'port', $fresh->port);
	ok($master->says(qr/warning: 127\.0\.0\.1:@{[$fresh->port]} has serial 7, which is newer than ours, 5:/, 10), 'one with a newer serial is told of in the log');
	is(states($fresh_is), '127.0.0.1:' . $fresh->port . ' 7 has a newer serial', 'and in the state of the zone');
	configure("notify yes; $also");
	$_->set(5) for $silent, $stubborn, $signed, $fresh;
	$master->ctl('notify', 'z.test');
	ok((until_true { states(qr/./) =~ /^\S+ 5 in step(?: \S+ 5 in step){5}$/ } 30), 'all are in step once they have the version') or diag(states(qr/./));
}

# A slave that comes back by itself.
$slave[0]->stop;
change(6);
ok($slave[1]->reaches('z.test', serial => 6, within => 5), 'one slave has serial 6');
ok($master->says(qr/warning: NOTIFY to 127\.0\.0\.2:53: connection refused; it is told again until it has serial 6/, 5), 'the other one is not there');
$_->set(6) for $silent, $stubborn, $signed, $fresh;
$master->stop;
$master->launch;
$slave[0]->launch;
ok($slave[0]->reaches('z.test', serial => 6, within => 40), 'it has it when both have been away');

# The rate holds for all together.
$master->{value}{rate} = 5;
configure('notify explicit; also-notify { ' . join(' ', map { "127.0.0.1 port $_;" } map { free_port() } 1 .. 10) . ' };');
$start = time;
change(7);
ok($master->says(qr/(NOTIFY to .* with serial 7\n(?s:.*?)){10}/, 10), 'ten are told') or diag($master->said);
cmp_ok(time - $start, '>', 1.5, 'five a second');
done_testing;
