# Many at once: a thousand clients that hardly read, a thousand transfers, floods of NOTIFYs.  None of it costs much, and questions are answered.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use Master qw(message put);
use IO::Poll qw(POLLIN);
use IO::Socket::INET;
use Peer qw(free_port may_open program run slurp until_true);
use Socket qw(MSG_PEEK SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(sleep time);

my $notify = program('tests/hostile/notify');
# A thousand, or as many as a server takes that may open no more files.
my $files = may_open();
my $many = $files > 4100 ? 1000 : int $files / 4 - 20;
my $records = 200_000;
my $growth = slurp('tandemd') =~ /__asan_init/ ? 100_000 : 5_000;	# kB; a sanitizer gives nothing back for a while

# --- what a process takes ---
sub rss { my ($peer) = @_; return slurp('/proc/' . $peer->pid . '/status') =~ /VmRSS:\s+(\d+)/ ? $1 : die 'no process' }
# kB that wait in the system for its clients.
sub unsent {
	my ($peer) = @_;
	my ($port, $sum) = (sprintf('%04X', $peer->port), 0);
	$sum += hex for slurp('/proc/net/tcp') =~ /^ *\d+: [0-9A-F]+:$port [0-9A-F:]+ 01 ([0-9A-F]+):/mg;
	return int $sum / 1024;
}

# Questions one after the other, for so many seconds: how many came to nothing however often they were asked (what is full drops a
# datagram), the longest wait, the median.
sub questions {
	my ($daemon, $zone, $seconds) = @_;
	my ($bad, @waits) = 0;
	my $end = time + $seconds;
	while (time < $end) {
		sleep 0.005;
		my $start = time;
		my $answer;
		for (1 .. 30) { last if $answer = ask($daemon->port, $zone, 'SOA', timeout => 1) }
		$bad++ unless $answer && $answer->answer;
		push @waits, time - $start;
	}
	@waits = sort { $a <=> $b } @waits;
	return ($bad, sprintf '%d questions: median %.1f ms, longest %.1f ms', scalar @waits, 1000 * $waits[@waits / 2], 1000 * $waits[-1]);
}

# --- clients in transfers ---
sub client {
	my ($daemon, $zone, $room) = @_;
	my $s = IO::Socket::INET->new(Proto => 'tcp', LocalAddr => '127.0.0.' . (2 + int rand 100)) or die "socket: $!\n";
	setsockopt($s, SOL_SOCKET, SO_RCVBUF, $room) if $room;
	connect($s, Socket::pack_sockaddr_in($daemon->port, Socket::inet_aton('127.0.0.1'))) or die "connect: $!\n";
	syswrite $s, pack('n/a', Ask::question(7, $zone, 'AXFR', edns => 0));
	return $s;
}
# Reads all to their ends at the same time: the records and rcodes of each, counted from the headers.
sub read_all {
	my ($wanted, @clients) = @_;
	my $poll = IO::Poll->new;
	my %at = map { $_ => { buffer => '', records => 0, rcode => 0 } } @clients;
	$poll->mask($_ => POLLIN) for @clients;
	while ($poll->handles) {
		$poll->poll(60) > 0 or last;
		for my $s ($poll->handles(POLLIN)) {
			my $a = $at{$s};
			my $got = sysread $s, $a->{buffer}, 1 << 18, length $a->{buffer};
			while (length $a->{buffer} >= 14) {
				my $len = unpack 'n', $a->{buffer};
				last if length $a->{buffer} < 2 + $len;
				my ($flags, $count) = unpack 'x4 n x2 n', $a->{buffer};
				$a->{rcode} ||= $flags & 15;
				$a->{records} += $count;
				substr $a->{buffer}, 0, 2 + $len, '';
			}
			if (!$got || $a->{records} >= $wanted || $a->{rcode}) { $poll->remove($s); close $s }
		}
	}
	return map { $at{$_} } @clients;
}

my $master = Daemon->prepare('tests/hostile/master.conf', transfers => $many);
$master->write('big.test', "\$TTL 300\n\@ SOA ns h 1 3600 600 86400 60\n\@ NS ns\nns A 192.0.2.1\n" .
    join '', map { sprintf "h%d A 10.%d.%d.%d\n", $_, $_ >> 16, $_ >> 8 & 255, $_ & 255 } 1 .. $records - 3);
$master->write('small.test', "\$TTL 300\n\@ SOA ns h 1 3600 600 86400 60\n\@ NS ns\nns A 192.0.2.1\n" . join '', map { "h$_ A 192.0.2.2\n" } 1 .. 997);
$master->launch;
ok($master->reaches('big.test', serial => 1, within => 10), 'a large zone is served');
read_all($records + 1, client($master, 'big.test'));	# what the first transfer takes for all

subtest 'a thousand clients that hardly read' => sub {
	my ($rss, $last) = (rss($master), -1);
	my @clients = map { client($master, 'big.test', $_ > 10 ? 4096 : undef) } 1 .. $many;
	for (@clients[10 .. $#clients]) { sysread $_, my $octet, 1 }
	for (@clients[0 .. 9]) { recv $_, my $octet, 1, MSG_PEEK }
	until_true { sleep 0.2; my $before = $last; ($last = unsent($master)) == $before } 10;
	my $more = rss($master) - $rss;
	note("$many clients: $more kB of ours, $last kB of the system's");
	cmp_ok($more, '<', $many * 150, 'each takes the memory of a few messages');
	cmp_ok($last, '<', $many * 250, 'of the system too');
	my ($bad, $text) = questions($master, 'small.test', 0.5);
	is($bad, 0, $text);
	my ($other) = read_all($records + 1, client($master, 'small.test'));
	is($other->{rcode}, 2, 'more transfers than the limit are SERVFAIL');
	my $tcp = ask($master->port, 'small.test', 'SOA', tcp => 1);
	ok($tcp && $tcp->answer, 'questions over TCP are answered');
	is(scalar(grep { $_->{records} == $records + 1 } read_all($records + 1, splice @clients, 0, 10)), 10, 'who reads after all has the whole zone');
	close $_ for @clients;
	ok((until_true { my ($whole) = read_all(1001, client($master, 'small.test')); $whole->{records} == 1001 } 10), 'there is room again once they are gone');
};

subtest 'a thousand transfers at once' => sub {
	my $start = time;
	my @clients = map { client($master, 'small.test') } 1 .. $many;
	my ($bad, $text) = questions($master, 'big.test', 0.1);
	is($bad, 0, $text);
	my @got = read_all(1001, @clients);
	is(scalar(grep { $_->{records} == 1001 } @got), $many, 'all are whole');
	note(sprintf '%.2f s', time - $start);
};
$master->stop;

# --- floods ---
# A master that counts questions and has the serial that a file says.
my $source = Master->start(udp => sub {
	my ($query) = @_;
	syswrite STDOUT, "asked\n";
	return message($query, ['z.test. 300 SOA ns.z.test. h.z.test. ' . slurp('serial') . ' 3600 600 86400 60']);
}, tcp => sub {
	my ($s, $query) = @_;
	my $soa = 'z.test. 300 SOA ns.z.test. h.z.test. ' . slurp('serial') . ' 3600 600 86400 60';
	put($s, message($query, [$soa, 'z.test. 300 NS ns.z.test.', 'ns.z.test. 300 A 192.0.2.1', $soa]));
});
sub asked { return scalar(() = $source->log =~ /^asked$/mg) }
sub now_has { my ($serial) = @_; Peer::spew($source->path('serial'), $serial) }
now_has(1);
my $slave = Daemon->prepare('tests/hostile/slave.conf', master => $source->port);
$slave->launch;
ok($slave->reaches('z.test', serial => 1, within => 10), 'a slave');

for (['strangers, of our zone', '127.0.0.9', 'z.test', 10_000], ['strangers, of our zone', '127.0.0.9', 'z.test', 100_000],
    ['strangers, of no zone of ours', '127.0.0.9', 'no.test', 100_000], ['its master, with forged serials', '127.0.0.1', 'z.test', 10_000],
    ['its master, with forged serials', '127.0.0.1', 'z.test', 100_000]) {
	my ($who, $from, $zone, $rate) = @$_;
	subtest "$rate NOTIFYs a second of $who" => sub {
		my ($cpu, $rss, $asked, $start) = ($slave->cpu, rss($slave), asked(), time);
		$slave->hush;
		my $flood = Peer->new;
		$flood->spawn($notify, $from, $slave->port, $zone, $rate, 1);
		my ($bad, $text) = questions($slave, 'z.test', 1);
		$flood->ended(10);
		is($bad, 0, $text);
		my ($sent, $answered) = $flood->log =~ /sent (\d+) answered (\d+)/;
		note(sprintf '%d sent, %d answered, %.2f s CPU of ours, %d kB more', $sent, $answered, $slave->cpu - $cpu, rss($slave) - $rss);
		cmp_ok($answered, '>', 0, 'they get an answer');
		cmp_ok(rss($slave) - $rss, '<', $growth, 'memory does not grow');
		cmp_ok(length $slave->said, '<', 5000 + 300 * (time - $start), 'nor does the log') or diag(substr $slave->said, 0, 2000);
		cmp_ok(asked() - $asked, '<=', $from eq '127.0.0.1' ? 2 + time - $start : 0, 'the master is asked ' . ($from eq '127.0.0.1' ? 'once a second' : 'nothing'));
	};
}
now_has(2);
run($notify, '127.0.0.1', $slave->port, 'z.test', 10, 0.2);
ok($slave->reaches('z.test', serial => 2, within => 5), 'a NOTIFY that is true is heard after that') or diag($slave->said);
done_testing;
