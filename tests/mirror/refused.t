# A server that refuses, waits or is slow; a journal that is gone: what changes meanwhile is made up for, once, and rows that are right stay.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB; use Proxy;
use Peer qw(run slurp spew until_true);
use Time::HiRes qw(sleep time);

my $mariadb = MariaDB->start(innodb_lock_wait_timeout => 1);
my $proxy = Proxy->start($mariadb->port);
my @many = map { "m$_.test" } 1 .. 100;
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $proxy->port, database => 'powerdns',
    password_file => $mariadb->password_file, more => '',
    zones => join '', map { "zone \"$_\" { type master; file \"$_\"; };\n" } 'example.org', @many);
my $serial = 0;
sub text { my ($n, $hosts) = @_; "\$TTL 60\n\@ SOA ns1 h $n 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n" . join '', map { "h$_ A 192.0.2." . ($n * $_) % 250 . "\n" } 1 .. $hosts }
sub next_version {
	$serial++;
	$tandem->write('example.org', text($serial, 50));
	$tandem->signal('HUP');
	$tandem->reaches('example.org', serial => $serial, within => 5);
}
sub in_step {
	my ($what, $within) = @_;
	ok($mariadb->reaches('example.org', serial => $serial, within => $within // 15), "$what: the mirror catches up") or diag($tandem->log);
	like($tandem->ctl('mirror', 'verify', 'example.org'), qr/zones as they should be:? +1\b/, "$what: its rows are right");
}
$tandem->write($_, text(1, 2)) for @many;
$tandem->write('example.org', text(++$serial, 50));
$tandem->launch;
in_step('at first');

# Read-only, as a standby is; and back.
$mariadb->sql('SET GLOBAL read_only = 1');
$tandem->hush;
next_version();
ok($tandem->says(qr/read.only/, 10), 'a server that is read-only: said') or diag($tandem->said);
like($tandem->ctl('mirror', 'status'), qr/read.only/, 'and told by mirror status');
sleep 1;
is($mariadb->serial('example.org'), $serial - 1, 'nothing is written');
$mariadb->sql('SET GLOBAL read_only = 0');
in_step('read-only no more', 40);

# A table that is full or a record that it refuses holds back the zone, not the others.
$mariadb->sql("DELIMITER //
CREATE TRIGGER powerdns.full BEFORE INSERT ON powerdns.records FOR EACH ROW
    IF NEW.name LIKE 'full.%' THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'; END IF//");
$serial++;
$tandem->write('example.org', text($serial, 50) . "full A 192.0.2.9\n");
$tandem->hush;
$tandem->signal('HUP');
ok($tandem->says(qr/table is full/, 10), 'a table that is full: said') or diag($tandem->said);
$mariadb->sql('DROP TRIGGER powerdns.full');
in_step('no longer full', 90);

# A deadlock: another writer takes the same rows in the other order, again and again.
my $locker = Peer->new;
$locker->spawn('sh', '-c', 'for i in $(seq 60); do printf "BEGIN; UPDATE records SET disabled = 0 WHERE type = \'SOA\' ORDER BY id DESC; ' .
    'SELECT SLEEP(0.02); UPDATE domains SET last_check = %s ORDER BY id DESC; COMMIT;\n" $i; done | mariadb --no-defaults -f -uroot --socket="$1" powerdns >/dev/null 2>&1', 'sh', $mariadb->socket);
my $before = $serial;
while ($locker->{pid} && kill(0, $locker->{pid}) && $serial < $before + 15) { next_version(); sleep 0.05 }
in_step('deadlocks', 30);
$locker->stop;

# The idle connection is ended by the server.
$mariadb->sql('SET GLOBAL wait_timeout = 1; SET GLOBAL max_allowed_packet = 16384');
$mariadb->sql('KILL USER tandem');
sleep 2;
$serial++;
$tandem->write('example.org', text($serial, 50) . join '', map { "big$_ TXT " . join(' ', ('"' . 'x' x 250 . '"') x 20) . "\n" } 1 .. 30);
$tandem->signal('HUP');
in_step('a packet of 16 K');
$mariadb->sql('SET GLOBAL wait_timeout = 28800; SET GLOBAL max_allowed_packet = 16777216');

# A slow link: round trips are few.
# The connection still has the small packet.
$mariadb->sql('KILL USER tandem');
next_version();
in_step('connected again');
$proxy->delay(0.2);
my $before_it = $proxy->packets;
next_version();
ok($mariadb->reaches('example.org', serial => $serial, within => 15), '200 ms a packet: a change');
my $packets = $proxy->packets - $before_it;
cmp_ok($packets, '<', 40, "of 50 rows takes $packets packets");	# some look around meanwhile
$serial++;
$tandem->write('example.org', text($serial, 20_000));
$before_it = $proxy->packets;
$tandem->signal('HUP');
ok($mariadb->reaches('example.org', serial => $serial, within => 30), '20,000 records more over it');
$packets = $proxy->packets - $before_it;
cmp_ok($packets, '<', 100, "take $packets packets");
$proxy->delay('');
next_version();
in_step('a quick link again');

# A hundred zones change a hundred times, some ten thousand versions in all.
my $start = time;
my $last = 0;
for my $round (1 .. 100) {
	$last = $round + 1;
	$tandem->write($_, text($last, 2)) for @many;
	$tandem->signal('HUP');
	sleep 0.02;
}
ok((until_true { $tandem->signal('HUP'); sleep 0.2; $tandem->serial('m100.test') == $last && $tandem->serial('m1.test') == $last } 30), 'the last versions are served');
ok((until_true { $mariadb->sql("SELECT COUNT(*) FROM powerdns.tandem_state WHERE serial = $last") == 100 } 30), 'and mirrored');
note(sprintf '100 zones 100 times: %.1f s', time() - $start);
like($tandem->ctl('mirror', 'verify'), qr/zones as they should be:? +101\b/, 'all rows are right');

# The journal is deleted, or torn: what is equal is not written again.
for my $how (qw(deleted torn)) {
	$tandem->stop;
	my ($journal) = $tandem->path('var/journal.sqlite3');
	unlink "$journal-wal", "$journal-shm";
	$how eq 'deleted' ? unlink $journal : spew($journal, 'torn' . substr slurp($journal), 4);
	my $counters = $mariadb->counters;
	my %id = map { $_ => 1 } $mariadb->rows('example.org', ids => 1);
	$serial++;
	$tandem->write('example.org', slurp($tandem->path('example.org')) =~ s/h \d+ /h $serial /r);
	$tandem->launch;
	in_step("journal $how");
	cmp_ok(MariaDB::changes($counters, $mariadb->counters)->{records} // 0, '<=', 2, "journal $how: the SOA alone is written");
	is(scalar(grep { !$id{$_} } $mariadb->rows('example.org', ids => 1)), 1, "journal $how: other rows keep their ids");
}

# The journal is removed, or torn, under the running daemon: it is said, served and mirrored on, by the difference alone.
sub journal { $tandem->path('var/journal.sqlite3') }
for my $how (qw(removed torn)) {
	$tandem->hush;
	if ($how eq 'removed') {
		unlink glob journal() . '*';
	} else {
		open my $file, '+<', journal() or die;
		print $file 'torn' x 256;
		close $file;
	}
	my $counters = $mariadb->counters;
	for (1 .. 2) {
		$serial++;
		$tandem->write('example.org', slurp($tandem->path('example.org')) =~ s/h \d+ /h $serial /r);
		$tandem->ctl('reload', 'example.org');
	}
	in_step("journal $how meanwhile");
	# What SQLite has in memory hides the tear until the next start.
	ok($tandem->says(qr/journal .*removed or replaced/, 5), "journal $how meanwhile: said") or diag($tandem->said) if $how eq 'removed';
	cmp_ok(MariaDB::changes($counters, $mariadb->counters)->{records} // 0, '<=', 4, "journal $how meanwhile: the SOA alone is written");
}

# Its disk is full: nothing new is served, and nothing that is not served is mirrored; then both go on.
$mariadb->add_database('room');
my $small = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'room', password_file => $mariadb->password_file,
    more => '', zones => 'zone "example.org" { type master; file "example.org"; };');
$small->write('example.org', text(1, 50));
$small->launch;
ok($mariadb->reaches('example.org', serial => 1, within => 10, database => 'room'), 'a zone is mirrored');
# One that the journal does not know is served before it is written.
ok((until_true { run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $small->path('var/journal.sqlite3'), "SELECT count(*) FROM zone WHERE name = 'example.org.'") =~ /^1$/ } 10),
    'the journal knows it');
my $room = 20_000 + length $small->log;		# which may grow
run('prlimit', '--pid', $small->pid, "--fsize=$room:");
$small->write('example.org', text(2, 20_000));
$small->signal('HUP');
ok($small->says(qr/journal .*until the journal can be written/s, 10), 'no room for the journal: said') or diag($small->log);
is($small->serial('example.org'), 1, 'the old version is served');
is($mariadb->serial('example.org', 'room'), 1, 'and mirrored');
like($small->ctl('mirror', 'verify'), qr/zones as they should be:? +1\b/, 'with its rows');
run('prlimit', '--pid', $small->pid, '--fsize=unlimited:');
ok((until_true { $small->ctl('reload', 'example.org'); $small->serial('example.org') == 2 } 10), 'with room the new one is') or diag($small->log);
ok($mariadb->reaches('example.org', serial => 2, within => 10, database => 'room'), 'and mirrored, too');
done_testing;
