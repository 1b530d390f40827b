# A slave zone's clock: which master is asked, what is believed, what a restart remembers.
use strict; use warnings; use Test::More;
use lib 'tests/lib'; use Peer qw(program run scratch spew slurp until_true); use Master qw(message put);
use IO::Handle;
use Time::HiRes qw(sleep time);

# --- masters that have the serial which a file says; "-": they do not answer; "bad SERIAL": no zone; "SERIAL after DIRECTORY": it
# answers when the master of that directory has been asked; "SERIAL left SECONDS": its copy lives so long ---
my $zone = 'z.test';
my $program = program('tests/transfer/slave');
sub soa { my ($serial) = @_; return "$zone. 300 SOA ns.$zone. admin.$zone. $serial 3600 600 86400 60" }
sub expiring { my ($m, $left) = @_; substr $m, 11, 1, "\x01"; return $m . pack 'C n n N n n n N', 0, 41, 1232, 0, 8, 9, 4, $left }
{
	package Server;
	our @ISA = ('Master');
	sub set { my ($self, $what) = @_; Peer::spew($self->path('serial'), $what) }
	sub asked { my ($self) = @_; return scalar(() = $self->log =~ /^asked$/mg) }
	sub transfers { my ($self) = @_; return scalar(() = $self->log =~ /^transfer/mg) }
}
sub server {
	my ($what) = @_;
	my $server;
	$server = Server->start(udp => sub {
		my ($query) = @_;
		my $now = slurp('serial');
		syswrite STDOUT, "asked\n";
		return () if $now eq '-';
		if ($now =~ / after (.*)/) { sleep 0.01 until slurp("$1/log") =~ /^asked/m }
		return message($query, [], rcode => $now) if $now =~ /^[A-Z]/;
		return (message($query, [soa($1)], id => $query->header->id ^ 1), message($query, [soa($1)]), ) if $now =~ /^stray (\d+)/;
		return message($query, [], tc => 1) if $now =~ /^tc/;
		return message($query, [soa($1)], aa => 0) if $now =~ /^lame (\d+)/;
		return expiring(message($query, [soa($1)]), $2) if $now =~ /^(\d+) left (\d+)/;
		return message($query, [soa($1)]) if $now =~ /(\d+)/;
	}, tcp => sub {
		my ($s, $query) = @_;
		my $now = slurp('serial');
		my ($serial) = $now =~ /(\d+)/;
		if (($query->question)[0]->qtype eq 'SOA') { put($s, message($query, [soa($serial)])); return }
		syswrite STDOUT, 'transfer ' . ($query->question)[0]->qtype . "\n";
		return if $now =~ /^closes/;
		if ($now =~ /^hangs/) { sysread $s, my $octet, 1; return }	# until it is left
		put($s, message($query, [soa($serial), $now =~ /^bad/ ? 'www.example.com. 300 A 192.0.2.1' : "$zone. 300 NS ns.$zone.",
		    "ns.$zone. 300 A 192.0.2.1", "v$serial.$zone. 300 A 192.0.2.2", soa($serial)]));
	});
	$server->set($what);
	return $server;
}

# --- slaves ---
my $n = 0;
{
	package Slave;
	our @ISA = ('Peer');
	sub start {
		my ($class, %self) = @_;
		my $dir = $self{keep} // do { my $d = main::scratch() . '/kept' . ++$n; mkdir $d; $d };
		my $self = Peer::new($class, keep => $dir);
		pipe my $from, my $to or die;
		my @args = ($program, @{$self{options} // []}, $dir, $zone, @{$self{masters}});
		$self->work(sub { $SIG{XFSZ} = 'IGNORE'; close $to; open STDIN, '<&', $from; exec Peer::setclock("$dir/ahead"), 'setpriv', '--pdeathsig', 'KILL', @args });
		close $from;
		$to->autoflush(1);
		$self->{to} = $to;
		return $self;
	}
	# Its clock is set so many seconds ahead of what it is.
	sub set_clock { my ($self, $seconds) = @_; Peer::spew("$self->{keep}/ahead", $seconds) }
	sub tell { my ($self, $text) = @_; print { $self->{to} } "$text\n" }
	sub says {
		my ($self, $like, $within) = @_;
		return Peer::until_true { $self->log =~ $like } $within // 5;
	}
	sub quit { my ($self) = @_; $self->tell('quit'); return $self->ended(10) }
}

my @quick = (-l => '1,1,1,1');

subtest 'first transfer, news by NOTIFY, IXFR or not' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port]);
	ok($s->says(qr/published 7$/m), 'the first version');
	like($s->log, qr/has serial 7, we have none\n.*starts\n.*AXFR from [^ ]+ done: serial 7, 5 records.*\nz\.test published 7/, 'each step is told');
	$m->set(8);
	$s->tell('notify 8');
	ok($s->says(qr/published 8$/m), 'a NOTIFY brings the next');
	like($s->log, qr/stale: [^ ]+ has serial 8, we have 7/, 'and that is told');
	like($m->log, qr/transfer IXFR/, 'differences are asked for');
	my $asked = $m->asked;
	$s->tell("notify 8") for 1 .. 50;
	$s->tell('status');
	ok($s->says(qr/^status: served serial 8/m), 'status');
	is($m->asked, $asked, 'NOTIFYs of the serial that we have cost no question');
	my $start = time;
	$s->tell('notify 99') for 1 .. 1000;
	sleep 2.5;
	my $questions = $m->asked - $asked;
	cmp_ok($questions, '<=', 2 + time - $start, 'nor do many with forged serials cost more than one a second');
	is($s->quit, 0, 'ends');
	like(slurp("$s->{keep}/zone"), qr/v8/, 'the file is of the last version');
};

subtest 'a restart goes on with what was there' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port]);
	ok($s->says(qr/ committed$/m), 'fetched');
	$s->quit;
	my $asked = $m->asked;
	$m->set('-');
	my $again = Slave->start(masters => [$m->port], keep => $s->{keep});
	ok($again->says(qr/published 7/), 'served without its master');
	$again->tell('status');
	ok($again->says(qr/status: served serial 7, checked [+-]\d+, next \+3\d\d\d, expires \+86\d\d\d/), 'its clock goes on')
	    or diag $again->log;
	is($m->asked, $asked, 'nobody was asked');
	$again->quit;
	unlink glob "$s->{keep}/journal*";
	my $bare = Slave->start(masters => [$m->port], keep => $s->{keep});
	ok($bare->says(qr/published 7/), 'from its file when the journal is lost');
	$bare->quit;
};

subtest 'kill -9 keeps what was published' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port]);
	ok($s->says(qr/ committed$/m), 'fetched');
	$m->set(8);
	$s->tell('notify');
	ok($s->says(qr/published 8/), 'and the next');
	$s->kill9;
	$m->set('-');
	my $again = Slave->start(masters => [$m->port], keep => $s->{keep});
	ok($again->says(qr/published 8/), 'served again');
	$again->quit;
};

subtest 'three masters: one dead, one behind' => sub {
	my ($dead, $right) = (server('-'), server(9));
	my $behind = server('5 after ' . $right->dir);	# it takes no more than half a second longer
	my $s = Slave->start(masters => [map { $_->port } $dead, $behind, $right]);
	ok($s->says(qr/published 9/, 3), 'the newest wins, without waiting for the dead one');
	is($behind->transfers, 0, 'the one behind was not asked for the zone');
	$behind->set(6);
	$s->tell('notify 10');
	sleep 2;
	is(() = $s->log =~ /published/g, 1, 'no flapping');
	$right->set('-');
	$behind->set(12);
	$s->tell('notify 12');
	ok($s->says(qr/published 12/, 15), 'another one when it is ahead');
	$s->quit;
};

subtest 'the next master when a transfer fails' => sub {
	for my $fault ('closes 9', 'bad 9', 'REFUSED', 'SERVFAIL', 'lame 9') {
		my ($bad, $good) = (server($fault), server(8));
		my $s = Slave->start(masters => [$bad->port, $good->port]);
		ok($s->says(qr/published 8/, 5), "when one is '$fault'") or diag $s->log;
		$s->quit;
	}
	my ($bad, $good) = (server('hangs 9'), server(8));
	my $s = Slave->start(masters => [$bad->port, $good->port], options => [-i => 3000]);
	ok($s->says(qr/published 8/, 5), 'when one hangs');
	$s->quit;
};

subtest 'what cannot be a zone is not asked for again at once' => sub {
	my $m = server('bad 9');
	my $s = Slave->start(masters => [$m->port], options => [@quick]);
	ok($s->says(qr/www\.example\.com\. is not in the zone; it is not asked for this zone for 60 s/), 'refused with the reason');
	sleep 3;
	is($m->transfers, 1, 'once');
	$m->set(10);
	$s->tell('notify');
	ok($s->says(qr/published 10/), 'a NOTIFY of the master ends that');
	$s->quit;
};

subtest 'answers that are not' => sub {
	my $m = server('stray 7');
	my $s = Slave->start(masters => [$m->port]);
	ok($s->says(qr/published 7/), 'a stray answer is passed over');
	$s->quit;
	$m = server('tc 7');
	$s = Slave->start(masters => [$m->port]);
	ok($s->says(qr/published 7/), 'a cut one is asked for over TCP');
	$s->quit;
	my $nobody = Peer::free_port();
	$s = Slave->start(masters => [$nobody]);
	ok($s->says(qr/master 127\.0\.0\.1:$nobody: connection refused/), 'nobody there');
	$s->quit;
};

subtest 'a master that goes back' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port], options => [@quick]);
	ok($s->says(qr/published 7/), 'fetched');
	$m->set(5);
	ok($s->says(qr/masters have older versions than ours, serial 7/), 'is told');
	$s->tell('retransfer');
	ok($s->says(qr/published 5/), 'and believed when the operator says so');
	$s->quit;
};

subtest 'masters that are behind, and may be' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port], options => [@quick, '-M']);
	ok($s->says(qr/published 7/), 'fetched');
	$m->set(5);
	my $asked = $m->asked;
	ok((until_true { $m->asked > $asked + 2 } 10), 'asked again and again');
	$s->tell('status');
	ok($s->says(qr/status: served serial 7/), 'it is served');
	unlike($s->log, qr/warning/, "and nothing is told");
	$m->set(9);
	ok($s->says(qr/published 9/, 10), 'a newer one is fetched');
	$s->quit;
};

subtest 'expiry and return' => sub {
	no warnings 'redefine';
	local *soa = sub { my ($serial) = @_; return "$zone. 300 SOA ns.$zone. admin.$zone. $serial 1 1 12 60" };
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port], options => [@quick]);
	ok($s->says(qr/published 7/), 'fetched');
	until_true { $m->asked > 14 } 20;
	unlike($s->log, qr/withdrawn/, 'confirmed, it does not expire');
	$m->set('REFUSED');
	ok($s->says(qr/expired: no master has confirmed it in time.*\nz\.test withdrawn/, 20), 'not confirmed, it does');
	$s->kill9;
	my $again = Slave->start(masters => [$m->port], options => [@quick], keep => $s->{keep});
	ok($again->says(qr/serial 7 expired, queries get SERVFAIL/), 'a restart knows');
	unlike($again->log, qr/published/, 'and does not serve it');
	$m->set(7);
	ok($again->says(qr/published 7/, 10), 'back with the master');
	$again->quit;
};

# SOA REFRESH RETRY EXPIRE, what min-refresh-time and the like make of it.
subtest 'a zone does not expire before its master was asked twice' => sub {
	no warnings 'redefine';
	my $times;
	local *soa = sub { my ($serial) = @_; return "$zone. 300 SOA ns.$zone. admin.$zone. $serial $times 60" };
	my @default = (-l => '300,2419200,500,1209600');
	my $state = sub {
		my ($s, $next, $expires, $name) = @_;
		$s->tell('status');
		ok($s->says(qr/^status: served serial 7, .*\n/m), "$name: served") or diag $s->log;
		my @is = $s->log =~ /next \+(\d+), expires \+(\d+)/;
		ok($next * 0.9 - 5 <= $is[0] && $is[0] <= $next && $expires - 5 <= $is[1] && $is[1] <= $expires, "asked in $next s, expires in $expires s") or diag $s->log;
		$s->quit;
	};
	for (['60 30 240', 7, 300, 800], ['60 600 800', 7, 300, 900], ['60 30 900', 7, 300, 900], ['60 30 240', '7 left 240', 300, 800],
	    ['60 30 240', '7 left 200', 100, 200], ['3600 600 86400', '7 left 2000', 1400, 2000], ['3600 600 86400', '7 left 80000', 3600, 80000]) {
		my ($said, $serial, @is) = @$_;
		$times = $said;
		my $m = server($serial);
		my $s = Slave->start(masters => [$m->port], options => [@default]);
		ok($s->says(qr/ committed$/m), "SOA $said, the master says $serial");
		$state->($s, @is, 'fetched');
		$m->set('-');
		my $again = Slave->start(masters => [$m->port], options => [@default], keep => $s->{keep});
		ok($again->says(qr/as it was kept$/m), 'restarted');
		$state->($again, @is, 'restarted');
	}
	$times = '1 1 3';
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port], options => [-l => '6,6,1,1']);
	ok((until_true { $m->asked >= 4 } 30), 'asked every 6 s, with an expire of 3');
	unlike($s->log, qr/expired/, 'it does not expire meanwhile');
	$s->quit;
};

subtest 'the end of a short life is not slept through' => sub {
	my $m = server('7 left 8');
	my $s = Slave->start(masters => [$m->port], options => [-l => '300,86400,1,10']);
	ok($s->says(qr/published 7/), 'fetched');
	my $asked = $m->asked;
	ok((until_true { $m->asked > $asked } 7), 'a master that has little time left is asked within it');
	$m->set('REFUSED');
	ok($s->says(qr/expired/, 15), 'it expires');
	$asked = $m->asked;
	ok((until_true { $m->asked > $asked + 1 } 30), 'and is asked for at the retry interval');
	$m->set(7);
	ok((until_true { 2 <= (() = $s->log =~ /published 7/g) } 15), 'back with the master');
	$s->quit;
};

subtest 'the system clock is set' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port]);
	ok($s->says(qr/published 7/), 'fetched');
	my $asked = $m->asked;
	for my $jump (86400 * 30, -86400 * 30, 3600, 86400 * 365 * 80, 0) {	# more than the expiry of a day; 2106
		$s->set_clock($jump);
		$m->set($jump ? '-' : 7);
		# A command makes it look at the clock.
		$s->tell('notify 7');
		$s->tell('status');
		my $like = qr/status: served serial 7, checked [+-]\d\d?, next \+3\d\d\d, expires \+86\d\d\d, .*\n\z/;
		ok($s->says($like), "set by $jump s, all moments move along") or diag $s->log;
		unlike($s->log, qr/expired|withdrawn/, 'nothing expires');
	}
	is($m->asked, $asked, 'nobody is asked');
	$m->set(8);
	$s->set_clock(-86400);
	$s->tell('notify 8');
	ok($s->says(qr/published 8/), 'a NOTIFY counts');
	is($s->quit, 0, 'ends');
	$m->set('-');
	for my $back (86400 * 30, 86400 * 365 * 80) {	# what was kept is in the future then
		$s->set_clock(-86400 - $back);
		my $asked = $m->asked;
		my $again = Slave->start(masters => [$m->port], keep => $s->{keep});
		ok($again->says(qr/published 8/), "served after a restart with a clock set back by $back s");
		$again->tell('status');
		ok($again->says(qr/status: served (busy )?serial 8, checked [+-]\d\d?, next [+-]\d+, expires \+86\d\d\d/), 'its time is that which it had')
		    or diag $again->log;
		ok((until_true { $m->asked > $asked } 5), 'and its master is asked at once');
		$again->kill9;
	}
};

subtest 'times go on by themselves when the clock is set back' => sub {
	no warnings 'redefine';
	local *soa = sub { my ($serial) = @_; return "$zone. 300 SOA ns.$zone. admin.$zone. $serial 1 1 5 60" };
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port], options => [@quick]);
	ok($s->says(qr/published 7/), 'fetched');
	$s->set_clock(-86400);
	$m->set(8);
	ok($s->says(qr/published 8/), 'the next refresh comes');
	$s->set_clock(-2 * 86400);
	$m->set('REFUSED');
	ok($s->says(qr/withdrawn/, 10), 'and so does expiry');
	$s->quit;
};

subtest 'a disk that is full' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port], options => [@quick]);
	ok($s->says(qr/ committed$/m), 'fetched');
	until_true { -s "$s->{keep}/journal-wal" > 20000 } 5;	# its base is written
	run('prlimit', '--pid', $s->pid, '--fsize=8192:');
	my $fetched = $m->transfers;
	$m->set(8);
	ok($s->says(qr/still serving serial 7; it is fetched again in 1 s\n/, 5), 'what the journal cannot take is not served, with the reason') or diag $s->log;
	unlike($s->log, qr/published 8/, 'really not');
	my $pauses = sub { return join ' ', $s->log =~ /still serving serial 7; it is fetched again in (\d+) s\n/g };
	ok((until_true { $pauses->() =~ /^1 2 4\b/ } 10), 'it is fetched again less and less often') or diag $s->log;
	$s->tell('notify 8') for 1 .. 10;
	ok((until_true { $pauses->() =~ /^1 2 4 8\b/ } 10), 'whoever tells us of it') or diag $s->log;
	is($m->transfers - $fetched, scalar(split ' ', $pauses->()), 'and only then');
	run('prlimit', '--pid', $s->pid, '--fsize=unlimited:');
	ok($s->says(qr/published 8/, 10), 'once there is room it is');
	$s->quit;
	unlink "$s->{keep}/zone";
	mkdir "$s->{keep}/zone";
	spew("$s->{keep}/zone/something", '');
	$m->set(9);
	my $again = Slave->start(masters => [$m->port], options => [@quick], keep => $s->{keep});
	ok($again->says(qr/was not written: .*; the journal has the zone/, 10), 'a file that cannot be written is told') or diag $again->log;
	ok($again->says(qr/published 9/), 'and the zone is served');
	$again->kill9;
	my $third = Slave->start(masters => [$m->port], options => [@quick], keep => $s->{keep});
	ok($third->says(qr/published 9/), 'after a crash too');
	$third->quit;
};

subtest 'slave-cycle-interval' => sub {
	my $m = server(7);
	my $s = Slave->start(masters => [$m->port], options => [-c => 1]);
	ok($s->says(qr/published 7/), 'fetched');
	$m->set(8);
	ok($s->says(qr/published 8/, 4), 'a change without a NOTIFY');
	$s->quit;
};
done_testing;
