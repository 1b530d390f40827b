# Whatever dies or is lost on the way to the database, the mirror ends as a fresh one would be.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use MariaDB; use Proxy;
use Peer qw(slurp until_true);
use Time::HiRes qw(sleep);

my $mariadb = MariaDB->start(innodb_lock_wait_timeout => 1);
my $proxy = Proxy->start($mariadb->port);
my $config = slurp('tests/mirror/tandem.conf');
my %where = (mysql_port => $proxy->port, database => 'powerdns', password_file => $mariadb->password_file, more => '');
my $zone = 'zone "example.org" { type master; file "example.org"; };';
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', %where, zones => $zone);

my $serial = 0;
srand 42;
# Each version has another half of the names.
sub next_version {
	$serial++;
	my @hosts = map { int rand 2 ? "h$_.d" . $_ % 7 . " A 192.0.2." . int rand 250 : () } 1 .. 300;
	push @hosts, 'cut NS h.cut', 'h.cut A 192.0.2.1' if int rand 2;
	return $tandem->write('example.org', join "\n", '$TTL 3600', "\@ SOA ns1 hostmaster $serial 3600 600 86400 300",
	    '@ NS ns1', 'ns1 A 192.0.2.1', @hosts, '');
}

# The rows that a fresh tandemd on a fresh database makes of the file as it is now.
my $fresh_count = 0;
sub fresh {
	my $database = 'fresh' . ++$fresh_count;
	$mariadb->add_database($database);
	my $other = Daemon->prepare('tests/mirror/tandem.conf', %where, mysql_port => $mariadb->port,
	    database => $database, zones => $zone);
	$other->write('example.org', slurp($tandem->path('example.org')));
	$other->launch;
	ok($mariadb->reaches('example.org', serial => $serial, within => 20, database => $database), 'a fresh mirror');
	$other->stop;
	return join "\n", $mariadb->rows('example.org', database => $database);
}

sub in_step {
	my ($what, $within) = @_;
	ok($mariadb->reaches('example.org', serial => $serial, within => $within // 15), "$what: the mirror catches up")
	    or return diag($tandem->log);
	is(join("\n", $mariadb->rows('example.org')), fresh(), "$what: and is as a fresh one");
}

next_version();
$tandem->launch;
in_step('at first');

# kill -9 of the daemon.
my $went_back = 0;
for my $round (1 .. 25) {
	next_version();
	$tandem->signal('HUP');
	sleep rand 0.05;
	my $served = $tandem->serial('example.org') // 0;
	$tandem->kill9;
	my $mirrored = $mariadb->serial('example.org') // 0;
	$tandem->launch;
	my $now = until_true { $tandem->serial('example.org') } 10;
	$went_back++ if $now < $served || $now < $mirrored;
}
is($went_back, 0, 'after kill -9 no version that was seen is lost');
in_step('kill -9 25 times');

# The connection at COMMIT: not done, done and not heard of; and at every packet of a change.
for my $when (qw(before after)) {
	my $counters = $mariadb->counters;
	$proxy->lose($when => '^.COMMIT');
	next_version();
	$tandem->signal('HUP');
	ok($proxy->lost(10), "the connection is lost $when COMMIT");
	in_step("lost $when COMMIT");
}
for my $count (1 .. 12) {
	next_version();
	$proxy->lose(count => $count);
	$tandem->signal('HUP');
	$mariadb->reaches('example.org', serial => $serial, within => 15);
}
unlink $proxy->path('lose');
in_step('lost at each of 12 packets');

# kill -9 of the daemon at the same places.
for my $where (['before', '^.COMMIT'], ['after', '^.COMMIT'], map { [count => $_] } 1 .. 6) {
	next_version();
	$proxy->lose(@$where);
	$tandem->signal('HUP');
	$proxy->lost(10);
	$tandem->kill9;
	unlink $proxy->path('lose');
	$tandem->launch;
	ok($mariadb->reaches('example.org', serial => $serial, within => 15), "kill -9 at @$where: caught up") or diag($tandem->log);
}
in_step('kill -9 at each step');

# Exactly once: what is heard of too late is not done again.
my $at = $mariadb->sql("SELECT COUNT(*) FROM powerdns.records");
$serial++;
$tandem->write('example.org', slurp($tandem->path('example.org')) =~ s/hostmaster \d+/hostmaster $serial/r . "once A 192.0.2.77\n");
my $counters = $mariadb->counters;
$proxy->lose(after => '^.COMMIT');
$tandem->signal('HUP');
ok($proxy->lost(10), 'the answer to COMMIT is lost');
in_step('a record added');
cmp_ok(MariaDB::changes($counters, $mariadb->counters)->{records}, '<=', 3, 'rows were changed once');

# Killed by an administrator; locked by somebody else.
next_version();
$mariadb->sql('KILL USER tandem');
$tandem->signal('HUP');
in_step('connections killed');
my $locker = Peer->new;
$locker->spawn('mariadb', '--no-defaults', '-uroot', '--socket=' . $mariadb->socket, 'powerdns', '-e',
    'BEGIN; UPDATE records SET disabled = 1 - disabled; SELECT SLEEP(600); ROLLBACK');
my ($holds) = until_true { $mariadb->sql("SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'") } 5;
ok($holds, 'somebody locks the rows');
next_version();
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => $serial, within => 1), 'which does not hold up serving');
# InnoDB looks anew when nobody has asked for 100 ms.
ok((until_true { sleep 0.15; $mariadb->sql("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") } 10), 'but the mirror');
$mariadb->sql("KILL $holds");
in_step('rows locked');
$locker->stop;

# The server dies and comes back.
$tandem->hush;
$mariadb->kill9;
next_version();
$tandem->signal('HUP');
ok($tandem->reaches('example.org', serial => $serial, within => 2), 'with the database away the version is served');
ok($tandem->says(qr/mirror "?fleet"?.*/, 15), 'and that is said');
is(scalar(grep { ask($tandem->port, 'ns1.example.org', 'A') } 1 .. 200), 200, 'answers do not wait for it');
like($tandem->ctl('mirror', 'status'), qr/fleet/, 'mirror status tells');
next_version();
$tandem->signal('HUP');
$mariadb->launch;
in_step('the database was killed', 30);
$mariadb->kill9;
next_version();
$tandem->stop;
is($tandem->{status}, 0, 'TERM ends it with the database away');
$tandem->launch;
ok($tandem->reaches('example.org', serial => $serial, within => 5), 'it starts with the database away');
$mariadb->launch;
in_step('down at start', 30);

# The server dies in the middle of transactions.
for (1 .. 4) {
	next_version();
	$tandem->signal('HUP');
	sleep rand 0.03;
	$mariadb->kill9;
	$mariadb->launch;
}
in_step('the database was killed during changes', 30);

# A database without tables; a wrong password; one that is not there.
$mariadb->add_database('bare', tables => 0);
my %also = (bare => ['bare', 'database "bare"'], absent => ['absent', 'database "absent"']);
for my $name (sort keys %also) {
	my $other = Daemon->prepare('tests/mirror/tandem.conf', %where, mysql_port => $mariadb->port, database => $name, zones => $zone);
	$other->write('example.org', slurp($tandem->path('example.org')));
	$other->launch;
	ok($other->says(qr/fleet.*/, 10), "database $name: said") or diag($other->log);
	ok($other->reaches('example.org', serial => $serial, within => 5), "database $name: the zone is served");
	sleep 1;
	cmp_ok(scalar(() = $other->log =~ /fleet/g), '<', 5, "database $name: said once, not for ever");
	if ($name eq 'bare') {
		$mariadb->sql('USE bare; ' . slurp('/usr/share/pdns-backend-mysql/schema/schema.mysql.sql'));
		ok($mariadb->reaches('example.org', serial => $serial, within => 70, database => 'bare'),
		    'once the tables are there it is mirrored');
		ok($other->says(qr/mirror fleet: connected$/m, 10), 'which is told, as the first time that it is') or diag($other->log);
	}
	$other->stop;
}

# The zone of somebody else.
$mariadb->sql("USE powerdns; INSERT INTO domains (name, type, account) VALUES ('taken.test', 'NATIVE', 'somebody');
    INSERT INTO records (domain_id, name, type, content, ttl, prio) SELECT id, name, 'TXT', '\"theirs\"', 60, 0 FROM domains WHERE name = 'taken.test';
    INSERT INTO domains (name, type) VALUES ('nobody.test', 'NATIVE');
    INSERT INTO records (domain_id, name, type, content, ttl, prio) SELECT id, name, 'TXT', '\"nobody\"', 60, 0 FROM domains WHERE name = 'nobody.test'");
my $small = "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n";
$tandem->write($_, $small) for qw(taken.test nobody.test);
$tandem->{value}{zones} = $zone . join '', map { " zone \"$_\" { type master; file \"$_\"; };" } qw(taken.test nobody.test);
$tandem->configure($config);
$tandem->hush;
next_version();
$tandem->signal('HUP');
ok($tandem->says(qr/taken\.test.*somebody/, 10), 'the zone of another owner: named') or diag($tandem->said);
ok($tandem->says(qr/nobody\.test.*adopt/, 10), 'the zone of nobody: the way out is named') or diag($tandem->said);
is(join(' ', $mariadb->rows($_)), "$_\tTXT\t\"" . (/taken/ ? 'theirs' : 'nobody') . "\"\t60\t0\t0\tNULL\t1", "$_ is not touched")
    for qw(taken.test nobody.test);
is($tandem->serial($_), 1, "$_ is served all the same") for qw(taken.test nobody.test);
in_step('other zones go on');
$tandem->{value}{more} = 'adopt yes;';
$tandem->configure($config);
$tandem->signal('HUP');
ok($mariadb->reaches('nobody.test', serial => 1, within => 10), 'with adopt the zone of nobody is taken over') or diag($tandem->log);
is(scalar $mariadb->rows('nobody.test'), 3, 'with our rows alone');
is(scalar $mariadb->rows('taken.test'), 1, 'that of another owner never');
done_testing;
