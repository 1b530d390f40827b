# What mirroring costs, beside what else fills PowerDNS's tables: mirror.pl [PART]..., from the top of the tree; all parts
# without one.  Times are of the wall clock with the load of the machine at their end; medians where there are rounds.
use strict; use warnings;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use MariaDB; use PowerDNS;
use Peer qw(run scratch slurp spew until_true);
use Time::HiRes qw(sleep time);

my %part = (
	zones => sub { small_zones(100_000) },		# many small zones: the first time, and started again
	large => sub { first_time(100_000, 5) },	# one large zone the first time, and LOAD DATA, in turn
	million => sub { first_time(1_000_000, 3) },
	changes => sub { changes(100_000, 1000) },	# one record of the large zone, again and again
	peers => sub { peers(100_000) },		# the same by zone2sql and by PowerDNS as slave
	sqlite => sub { sqlite(100_000, 3) },
	verify => sub { verify(1_000_000) },		# the rows of a large zone, and a small one that changes meanwhile
);
my @parts = @ARGV ? @ARGV : qw(zones large million changes peers sqlite verify);
die "usage: mirror.pl [zones|large|million|changes|peers|sqlite|verify]...\n" if grep { !$part{$_} } @parts;
$| = 1;
# Every commit is on the disk; a log of statements, with microseconds, tells how long transactions took.
my @options = (innodb_buffer_pool_size => '512M', innodb_log_file_size => '256M', innodb_flush_log_at_trx_commit => 1,
    local_infile => 1, secure_file_priv => '', log_output => 'TABLE', long_query_time => 0, slow_query_log => 1);
$part{$_}->() for @parts;

sub took {
	my ($what, $seconds, $more) = @_;
	printf "%-58s %9s%s [load %s]\n", $what, unit($seconds), $more // '', slurp('/proc/loadavg') =~ /^(\S+)/;
}
sub unit { $_[0] < 1 ? sprintf '%.1f ms', $_[0] * 1000 : sprintf '%.2f s', $_[0] }
sub median { my @s = sort { $a <=> $b } @_; return $s[@s / 2] }
sub worst { return (sort { $a <=> $b } @_)[-1] }
sub cpu_of { my @field = split ' ', slurp("/proc/$_[0]/stat"); return ($field[13] + $field[14]) / 100 }
sub peak_of { slurp("/proc/$_[0]/status") =~ /^VmHWM:\s+(\d+)/m ? $1 / 1024 : 0 }

sub tandem {
	my ($mariadb, $zones, $more) = @_;
	return Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
	    password_file => $mariadb->password_file, more => $more // '', zones => $zones);
}

# Polls more often than tests do; the answer is what is measured.
sub await {
	my ($within, $code) = @_;
	my $end = time + $within;
	until ($code->()) {
		die "not in $within s\n" if time > $end;
		sleep 0.001;
	}
}
sub mirrored { my ($mariadb, $zone, $serial) = @_; until_true { ($mariadb->serial($zone) // -1) == $serial } 600 or die "not mirrored\n" }

sub zone_text {
	my ($records, $serial) = @_;
	our %rest;
	$rest{$records} //= join '', map { sprintf "h%d A 192.0.%d.%d\n", $_, $_ / 250 % 250, $_ % 250 } 1 .. $records - 1;
	return "\$TTL 3600\n\@ SOA ns1 hostmaster $serial 3600 600 86400 300\n\@ NS ns1\n\@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n" .
	    'change A 192.0.3.' . $serial % 250 . "\n" . $rest{$records};
}

# Of a user: how long each transaction took from BEGIN until COMMIT was done, and COMMIT alone; seconds, by the server's clock.
sub transactions {
	my ($mariadb, $user) = @_;
	my (%begun, @all, @commit);
	$mariadb->sql('FLUSH SLOW LOGS');
	for ($mariadb->sql("SELECT thread_id, UNIX_TIMESTAMP(start_time), query_time + 0.0, LEFT(sql_text, 10) FROM mysql.slow_log
	    WHERE user_host LIKE '$user\[%' ORDER BY start_time")) {
		my ($thread, $at, $took, $sql) = split /\t/;
		$begun{$thread} = $at if $sql =~ /^(START TRAN|BEGIN)/;
		next unless $sql eq 'COMMIT' && $begun{$thread};
		push @all, $at + $took - delete $begun{$thread};
		push @commit, $took;
	}
	$mariadb->sql('TRUNCATE mysql.slow_log');
	return (\@all, \@commit);
}

sub small_zones {
	my ($zones) = @_;
	my $mariadb = MariaDB->start(@options, slow_query_log => 0);
	my $tandem = tandem($mariadb, join('', map { "zone \"z$_.test\" { type master; file \"z\"; };\n" } 1 .. $zones), 'connections 4;');
	$tandem->write('z', "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n\@ MX 10 mail\nmail A 192.0.2.2\n");
	my $in_step = sub { until_true { sleep 0.1; $tandem->ctl('mirror', 'status') =~ /fleet\s+active\s+yes\s+$zones\s/ } 300 };
	my $start = time;
	$tandem->launch;
	took("$zones zones: first one served", time() - $start);
	$in_step->();
	took("$zones zones: mirrored for the first time", time() - $start, sprintf ', %.0f MB at most', peak_of($tandem->pid));
	$tandem->stop;
	for (1 .. 3) {
		my ($counters, $reads) = ($mariadb->counters, $mariadb->reads);
		$start = time;
		$tandem->launch;
		$in_step->();
		$reads = MariaDB::changes($reads, $mariadb->reads);
		took("$zones zones: started again, all equal", time() - $start, sprintf(', %.2f s of CPU', cpu_of($tandem->pid)) .
		    '; rows of records changed: ' . (MariaDB::changes($counters, $mariadb->counters)->{records} // 0) . '; read: ' .
		    join ', ', map { "$reads->{$_} of $_" } grep { $reads->{$_} } sort keys %$reads);
		$tandem->stop;
	}
	$mariadb->stop;
}

# Into empty tables, in turn.  The server's CPU tells more than the wall's time on a machine that does other things.
sub first_time {
	my ($records, $rounds) = @_;
	my $mariadb = MariaDB->start(@options);
	my $tandem = tandem($mariadb, 'zone "big.test" { type master; file "big"; }; zone "small.test" { type master; file "small"; };');
	my $file = $mariadb->path('rows');
	my (%wall, %cpu, @other, @above);
	$tandem->write('big', zone_text($records, 1));
	for my $round (1 .. $rounds) {
		my $small = sub { $tandem->write('small', "\$TTL 60\n\@ SOA ns1 h $_[0] 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n") };
		$mariadb->sql('USE powerdns; TRUNCATE records; DELETE FROM domains; ' . ($round > 1 ? 'TRUNCATE tandem_state' : ''));
		unlink glob $tandem->path('var/journal*');
		transactions($mariadb, 'tandem');
		sleep 1;
		my $cpu = $mariadb->cpu;
		$small->(1);
		$tandem->launch;
		$tandem->reaches('big.test', serial => 1, within => 60);
		my $zone = peak_of($tandem->pid);
		# Another zone changes meanwhile.
		$small->(2);
		my $start = time;
		$tandem->signal('HUP');
		mirrored($mariadb, 'small.test', 2);
		push @other, time() - $start unless defined $mariadb->serial('big.test');
		mirrored($mariadb, 'big.test', 1);
		push @{$cpu{ours}}, $mariadb->cpu - $cpu;
		push @above, peak_of($tandem->pid) - $zone;
		push @{$wall{ours}}, worst(@{(transactions($mariadb, 'tandem'))[0]});
		$tandem->stop;

		$mariadb->sql("SELECT domain_id, name, type, content, ttl, prio, disabled, ordername, auth FROM powerdns.records
		    WHERE name LIKE '%big.test' INTO OUTFILE '$file'") unless -e $file;
		$mariadb->sql('USE powerdns; TRUNCATE records');
		transactions($mariadb, 'root');
		sleep 1;
		$cpu = $mariadb->cpu;
		$mariadb->sql("BEGIN; LOAD DATA INFILE '$file' INTO TABLE powerdns.records
		    (domain_id, name, type, content, ttl, prio, disabled, ordername, auth); COMMIT");
		push @{$cpu{load}}, $mariadb->cpu - $cpu;
		push @{$wall{load}}, worst(@{(transactions($mariadb, 'root'))[0]});
		printf "  round %d: we %.3f s (CPU of the server %.2f), LOAD DATA %.3f s (%.2f) [load %s]\n", $round,
		    (map { $wall{$_}[-1], $cpu{$_}[-1] } qw(ours load)), slurp('/proc/loadavg') =~ /^(\S+)/;
	}
	my $what = $records + 5 . ' records';
	took("$what: mirrored for the first time", median(@{$wall{ours}}), sprintf ', %.2f s of the server\'s CPU; %.1f MB above the zone',
	    median(@{$cpu{ours}}), worst(@above));
	took('  LOAD DATA of the same rows', median(@{$wall{load}}), sprintf ', %.2f s of CPU; we: %.2f of it, %.2f of its CPU', median(@{$cpu{load}}),
	    map { median(@{$_->{ours}}) / median(@{$_->{load}}) } \%wall, \%cpu);
	took('  a small zone changed meanwhile, in the database', median(@other), ', worst ' . unit(worst(@other)) . ' of ' . @other) if @other;
	$mariadb->stop;
}

# Each change is awaited at PowerDNS before the next.
sub changes {
	my ($records, $changes) = @_;
	my $mariadb = MariaDB->start(@options);
	my $pdns = PowerDNS->start(mysql => $mariadb, 'loglevel' => 3);
	my $tandem = tandem($mariadb, 'zone "big.test" { type master; file "big"; };', 'pdns-control "' . $pdns->control_socket . '";');
	$tandem->write('big', zone_text($records, 1));
	$tandem->launch;
	mirrored($mariadb, 'big.test', 1);
	await(10, sub { address($pdns, 'change.big.test') eq '192.0.3.1' });
	transactions($mariadb, 'tandem');
	my (@answer, @served);
	my $start = time;
	for my $serial (2 .. $changes + 1) {
		my $address = '192.0.3.' . $serial % 250;
		$tandem->write('big', zone_text($records, $serial));
		my $before = time;
		$tandem->signal('HUP');
		await(10, sub { address($tandem, 'change.big.test') eq $address });
		push @served, time() - $before;
		await(10, sub { address($pdns, 'change.big.test') eq $address });
		push @answer, time() - $before;
	}
	my $all = time() - $start;
	my ($transaction, $commit) = transactions($mariadb, 'tandem');
	my $what = 'one record of ' . ($records + 5);
	took("$what: HUP to the answer of PowerDNS", median(@answer), ', worst ' . unit(worst(@answer)) . ' of ' . @answer);
	took('  of it until we served it', median(@served), ', worst ' . unit(worst(@served)));
	took("$what: the transaction", median(@$transaction), ', worst ' . unit(worst(@$transaction)) . ' of ' . @$transaction);
	took('  of it COMMIT, until it is on the disk', median(@$commit), ', worst ' . unit(worst(@$commit)));
	took("$changes such changes, each served before the next", $all, sprintf ', %.0f a second', $changes / $all);
	# As fast as files are read: the mirror may take several versions at once, but must not fall behind.
	$start = time;
	for my $serial ($changes + 2 .. 2 * $changes + 1) {
		$tandem->write('big', zone_text($records, $serial));
		$tandem->ctl('reload', 'big.test');
	}
	my $offered = time() - $start;
	mirrored($mariadb, 'big.test', 2 * $changes + 1);
	$all = time() - $start;
	took("$changes such changes one after the other", $all, sprintf(', %.0f a second in %d transactions, in step ', $changes / $all,
	    scalar @{(transactions($mariadb, 'tandem'))[0]}) . unit($all - $offered) . ' after the last');
	$tandem->stop;
	$pdns->stop;
	$mariadb->stop;
}

sub address {
	my ($server, $name) = @_;
	my $packet = ask($server->port, $name, 'A') or return '';
	my ($a) = grep { $_->type eq 'A' } $packet->answer;
	return $a ? $a->address : '';
}

sub peers {
	my ($records) = @_;
	my $mariadb = MariaDB->start(@options, slow_query_log => 0);
	my $tandem = Daemon->prepare('tests/bench/tandem.conf', zone => 'big.test', file => 'big', mirror => '');
	$tandem->write('big', zone_text($records, 1));
	$tandem->launch;
	$tandem->reaches('big.test', serial => 1, within => 60);
	spew($mariadb->path('named.conf'), 'zone "big.test" { type master; file "' . $tandem->path('big') . '"; };');
	$mariadb->add_database('zone2sql');
	my $start = time;
	system 'sh', '-c', 'zone2sql --gmysql --transactions --named-conf="$1" 2>/dev/null |
	    mariadb --no-defaults -uroot --socket="$2" zone2sql', 'sh', $mariadb->path('named.conf'), $mariadb->socket;
	took('  zone2sql | mysql', time() - $start);
	my $serial = 1;
	for my $how (qw(AXFR IXFR)) {
		$mariadb->add_database("slave$how");
		$mariadb->sql("GRANT ALL ON slave$how.* TO pdns\@'%'");
		$mariadb->sql("USE slave$how; INSERT INTO domains (name, type, master) VALUES ('big.test', 'SLAVE', '127.0.0.1:" . $tandem->port . "')");
		$mariadb->sql("USE slave$how; INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'IXFR', '1' FROM domains") if $how eq 'IXFR';
		my $slave = PowerDNS->start(mysql => $mariadb, 'gmysql-dbname' => "slave$how", secondary => 'yes', 'loglevel' => 3);
		my $retrieve = sub {
			$start = time;
			$slave->control('retrieve', 'big.test');
			until_true { ($mariadb->sql("SELECT content FROM slave$how.records WHERE type = 'SOA'") // '') =~ / $serial 3600/ } 120;
			return time() - $start;
		};
		took("  PowerDNS as $how slave: first time", $retrieve->());
		$tandem->write('big', zone_text($records, ++$serial));
		$tandem->ctl('reload', 'big.test');
		took("  PowerDNS as $how slave: one record", $retrieve->());
		$slave->stop;
	}
	$tandem->stop;
	$mariadb->stop;
}

sub sqlite {
	my ($records, $rounds) = @_;
	my $conf = slurp('tests/mirror/tandem.conf') =~ s/mirror .*/mirror "fleet" { type sqlite; file "db"; owner "tandem\@test"; };/sr;
	spew(scratch() . '/sqlite.conf', $conf);
	my (@ours, @import, @one, @above);
	for (1 .. $rounds) {
		my $tandem = Daemon->prepare(scratch() . '/sqlite.conf', zones => 'zone "big.test" { type master; file "big"; };');
		my ($db, $csv, $other) = map { $tandem->path($_) } qw(db csv other);
		my $reaches = sub { my ($serial) = @_; await(60, sub { run('sqlite3', '-readonly', $db, 'SELECT serial FROM tandem_state') eq "$serial\n" }) };
		$tandem->write('big', zone_text($records, 1));
		$tandem->launch;
		$tandem->reaches('big.test', serial => 1, within => 60);
		my ($start, $zone) = (time, peak_of($tandem->pid));
		$reaches->(1);
		push @ours, time() - $start;
		push @above, peak_of($tandem->pid) - $zone;
		for my $serial (2 .. 11) {
			$tandem->write('big', zone_text($records, $serial));
			$start = time;
			$tandem->signal('HUP');
			$reaches->($serial);
			push @one, time() - $start;
		}
		$tandem->stop;
		run('sqlite3', $db, '.mode csv', ".output $csv", 'SELECT * FROM records');
		run('sh', '-c', 'sqlite3 "$0" .schema | grep -v sqlite_sequence | sqlite3 "$1"', $db, $other);
		$start = time;
		run('sqlite3', $other, 'PRAGMA journal_mode = WAL', 'PRAGMA synchronous = NORMAL', '.mode csv', ".import $csv records");
		push @import, time() - $start;
	}
	took($records + 5 . ' records into SQLite for the first time', median(@ours), sprintf ', %.1f MB above the zone', worst(@above));
	took('  sqlite3 .import of the same rows', median(@import), sprintf ', we: %.2f of it', median(@ours) / median(@import));
	took('one record of ' . ($records + 5) . ': HUP to SQLite', median(@one), ', worst ' . unit(worst(@one)));
}

sub verify {
	my ($records) = @_;
	my $mariadb = MariaDB->start(@options, slow_query_log => 0);
	my $tandem = tandem($mariadb, 'zone "big.test" { type master; file "big"; }; zone "small.test" { type master; file "small"; };');
	my $serial = 1;
	my $small = sub { $tandem->write('small', "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n") };
	my $change = sub {
		my @took;
		for (1 .. 20) {
			$serial++;
			$small->();
			my $start = time;
			$tandem->signal('HUP');
			await(60, sub { ($mariadb->serial('small.test') // 0) == $serial });
			push @took, time() - $start;
		}
		return \@took;
	};
	$tandem->write('big', zone_text($records, 1));
	$small->();
	$tandem->launch;
	mirrored($mariadb, $_, 1) for qw(big.test small.test);
	my $alone = $change->();
	for my $what ('all as they should be', 'one is not') {
		# What was needed before is forgotten.
		if (open my $out, '>', '/proc/' . $tandem->pid . '/clear_refs') { print $out "5\n" }
		my ($cpu, $start) = ($mariadb->cpu, time);
		$tandem->ctl('mirror', 'verify', 'big.test');
		took("$records rows verified, $what", time() - $start, sprintf ', %.2f s of the server\'s CPU, %.0f MB at most',
		    $mariadb->cpu - $cpu, peak_of($tandem->pid));
		$mariadb->sql("UPDATE powerdns.records SET ttl = 1 WHERE name = 'h77.big.test'");
	}
	my $child = fork // die "fork: $!\n";
	if (!$child) {
		open STDOUT, '>', '/dev/null';
		$tandem->ctl('mirror', 'verify', 'big.test') while 1;
	}
	my $meanwhile = $change->();
	kill 'KILL', $child;
	waitpid $child, 0;
	took('a small zone changed, in the database', median(@$alone), ', worst ' . unit(worst(@$alone)));
	took('  while the large one is verified', median(@$meanwhile), ', worst ' . unit(worst(@$meanwhile)));
	$tandem->stop;
	$mariadb->stop;
}
