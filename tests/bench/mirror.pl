# What mirroring costs: mirror.pl [ZONES [RECORDS [CHANGES]]].  Times are of the wall clock, on whatever else runs here.
use strict; use warnings;
use lib 'tests/lib';
use Daemon; use MariaDB; use PowerDNS;
use Ask qw(ask);
use Peer qw(run slurp spew until_true);
use Time::HiRes qw(sleep time);

my ($zones, $records, $changes) = (@ARGV, (100_000, 100_000, 1000)[@ARGV .. 2]);
$| = 1;
sub took { my ($what, $seconds, $more) = @_; printf "%-58s %9.3f s%s\n", $what, $seconds, $more // '' }
sub tandem {
	my ($mariadb, $zones, $more) = @_;
	return Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
	    password_file => $mariadb->password_file, more => $more // '', zones => $zones);
}
sub wait_for { my ($within, $code) = @_; my $start = time; until_true(\&$code, $within) or warn "not in $within s\n"; return time() - $start }
my @options = (innodb_buffer_pool_size => '512M', innodb_log_file_size => '256M', innodb_flush_log_at_trx_commit => 1);

# --- many small zones ---
if ($zones) {
	my $mariadb = MariaDB->start(@options);
	my $tandem = tandem($mariadb, join '', map { "zone \"z$_.test\" { type master; file \"z\"; };\n" } 1 .. $zones);
	$tandem->write('z', "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n\@ MX 10 mail\nmail A 192.0.2.2\n");
	my $start = time;
	$tandem->launch;
	took("$zones zones: first one served", time() - $start);
	my $peak = 0;
	until_true {
		$peak = $tandem->pss if $tandem->pss > $peak;
		sleep 0.2;
		$mariadb->sql('SELECT COUNT(*) FROM powerdns.tandem_state') == $zones;
	} 300;
	took("$zones zones: mirrored for the first time", time() - $start, sprintf ', %.0f MB at most', $peak);
	$tandem->stop;
	my $counters = $mariadb->counters;
	$start = time;
	$tandem->launch;
	until_true { $tandem->ctl('mirror', 'status') =~ /fleet\s+yes\s+$zones\s/ } 60;
	took("$zones zones: started again, all equal", time() - $start, ', rows of records changed: ' .
	    (MariaDB::changes($counters, $mariadb->counters)->{records} // 0));
	$tandem->stop;
	$mariadb->stop;
}

# --- one large zone, beside what else fills the tables ---
if ($records) {
	my $mariadb = MariaDB->start(@options, local_infile => 1, secure_file_priv => '');
	my $zone = sub {
		my ($serial) = @_;
		return "\$TTL 3600\n\@ SOA ns1 hostmaster $serial 3600 600 86400 300\n\@ NS ns1\n\@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n" .
		    join '', map { sprintf "h%d A 192.0.%d.%d\n", $_, $_ / 250 % 250, ($_ + ($_ == 7 ? $serial : 0)) % 250 } 1 .. $records;
	};
	my $pdns = PowerDNS->start(mysql => $mariadb, 'loglevel' => 3);
	my $tandem = tandem($mariadb, 'zone "big.test" { type master; file "big"; allow-transfer { any; }; }; zone "small.test" { type master; file "small"; };',
	    'pdns-control "' . $pdns->control_socket . '";');
	my $small = "\$TTL 60\n\@ SOA ns1 h %d 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n";
	$tandem->write('big', $zone->(1));
	$tandem->write('small', sprintf $small, 1);
	my $start = time;
	$tandem->launch;
	$tandem->reaches('big.test', serial => 1, within => 60);
	my $served = time;
	took('large zone: served', $served - $start);
	$tandem->write('small', sprintf $small, 2);
	$tandem->signal('HUP');
	my $wait = wait_for(60, sub { ($mariadb->serial('small.test') // 0) == 2 });
	my $meanwhile = !defined $mariadb->serial('big.test');
	my $peak = 0;
	until_true { $peak = $tandem->pss if $tandem->pss > $peak; sleep 0.02; ($mariadb->serial('big.test') // 0) == 1 } 300;
	my $first = time() - $served;
	took($records + 5 . ' records: mirrored for the first time', $first, sprintf ', %.0f MB at most', $peak);
	took('a small zone changed meanwhile' . ($meanwhile ? '' : ' (the large one was quicker)'), $wait);

	# LOAD DATA of the same rows, in one transaction.
	my $file = $mariadb->path('rows');
	$mariadb->sql("SELECT domain_id + 1000, name, type, content, ttl, prio, disabled, ordername, auth FROM powerdns.records
	    WHERE name LIKE '%big.test' INTO OUTFILE '$file'");
	$start = time;
	$mariadb->sql("BEGIN; LOAD DATA INFILE '$file' INTO TABLE powerdns.records (domain_id, name, type, content, ttl, prio, disabled, ordername, auth); COMMIT");
	took('  LOAD DATA of the same rows', time() - $start, sprintf ', we: %.2f of it', $first / (time() - $start));
	$mariadb->sql('DELETE FROM powerdns.records WHERE domain_id > 1000');
	if (-x '/usr/bin/zone2sql' && $records <= 200_000) {
		spew($mariadb->path('named.conf'), 'zone "big.test" { type master; file "' . $tandem->path('big') . '"; };');
		$mariadb->add_database('zone2sql');
		$start = time;
		system 'sh', '-c', 'zone2sql --gmysql --transactions --named-conf="$1" 2>/dev/null | sed "s/big.test/big2.test/g" |
		    mariadb --no-defaults -uroot --socket="$2" zone2sql', 'sh', $mariadb->path('named.conf'), $mariadb->socket;
		took('  zone2sql | mysql', time() - $start);
	}

	# One record.
	my (@answer, @transaction);
	for my $serial (2 .. 21) {
		my $text = $zone->($serial);
		my $expect = sprintf '192.0.0.%d', (7 + $serial) % 250;
		$tandem->write('big', $text);
		my $before = time;
		$tandem->signal('HUP');
		until_true { answers($pdns->{port}, "h7.big.test", $expect) } 10;
		push @answer, time() - $before;
	}
	@answer = sort { $a <=> $b } @answer;
	took('one record: HUP to the answer of PowerDNS, median', $answer[@answer / 2], sprintf ', worst %.3f s', $answer[-1]);
	my $counters = $mariadb->counters;
	$start = time;
	for my $serial (1 .. $changes) {
		$tandem->write('small', sprintf($small, $serial + 10) . "h A 192.0.2." . $serial % 250 . "\n");
		$tandem->ctl('reload', 'small.test');
	}
	$mariadb->reaches('small.test', serial => $changes + 10, within => 60);
	my $all = time() - $start;
	took("$changes changes one after the other", $all, sprintf ', %.0f a second, in step', $changes / $all);
	$start = time;
	my $last = $changes + 10;
	for my $serial ($last + 1 .. $last + 100) {
		$tandem->write('small', sprintf($small, $serial) . "h A 192.0.2." . $serial % 250 . "\n");
		$tandem->ctl('reload', 'small.test');
		sleep 0.001 until ($mariadb->sql("SELECT serial FROM powerdns.tandem_state WHERE name = 'small.test'") // 0) == $serial;
	}
	took('one change, seen by a client of the database', (time() - $start) / 100, ', with the client\'s own start');
	$pdns->stop;

	# The same zone in a PowerDNS that is a slave, as AXFR and as IXFR.
	for my $how (qw(AXFR IXFR)) {
		$mariadb->add_database("slave$how");
		$mariadb->sql("GRANT ALL ON slave$how.* TO pdns\@'%'");
		$mariadb->sql("USE slave$how; INSERT INTO domains (name, type, master) VALUES ('big.test', 'SLAVE', '127.0.0.1:" . $tandem->port . "')");
		$mariadb->sql("USE slave$how; INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'IXFR', '1' FROM domains") if $how eq 'IXFR';
		my $slave = PowerDNS->start(mysql => $mariadb, 'gmysql-dbname' => "slave$how", secondary => 'yes', 'loglevel' => 3);
		my $retrieve = sub {
			my ($serial) = @_;
			my $begin = time;
			$slave->control('retrieve', 'big.test');
			until_true { ($mariadb->sql("SELECT content FROM slave$how.records WHERE type = 'SOA'") // '') =~ / $serial 3600/ } 120;
			return time() - $begin;
		};
		took("  PowerDNS as $how slave: first time", $retrieve->(21 + ($how eq 'IXFR')));
		$tandem->write('big', $zone->($how eq 'AXFR' ? 22 : 23));
		$tandem->ctl('reload', 'big.test');
		took("  PowerDNS as $how slave: one record", $retrieve->($how eq 'AXFR' ? 22 : 23));
		$slave->stop;
	}
	$tandem->stop;
	$mariadb->stop;
}

sub answers {
	my ($port, $name, $address) = @_;
	my $said = run('dig', '+short', '+time=1', '+tries=1', '@127.0.0.1', '-p', $port, $name, 'A');
	return $said =~ /^\Q$address\E$/m;
}
