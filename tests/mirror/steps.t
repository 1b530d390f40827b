# What is lost, locked or killed at a step that is named: the version is there in the end, once, and PowerDNS answers it.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use MariaDB; use PowerDNS; use Proxy;
use IO::Handle;
use Peer qw(slurp until_true);
use Time::HiRes qw(sleep time);

my $mariadb = MariaDB->start;
my $proxy = Proxy->start($mariadb->port);
my $pdns = PowerDNS->start(mysql => $mariadb);
my $base = slurp('tests/mirror/tandem.conf');
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $proxy->port, database => 'powerdns', zones => '',
    password_file => $mariadb->password_file, more => 'pdns-control "' . $pdns->control_socket . '";');
my ($serial, @zones) = (0, 'example.org');
sub configure {
	$tandem->{value}{zones} = join '', map { "zone \"$_\" { type master; file \"example.org\"; };\n" } @zones;
	$tandem->configure($base);
}
sub next_version {
	my ($hosts) = @_;
	$serial++;
	$tandem->write('example.org', "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\nversion A 192.0.2." . $serial % 250 . "\n" .
	    join '', map { "h$_.d" . $_ % 3 . " A 192.0.2." . ($serial * $_) % 250 . "\n" } 1 .. $hosts // 20);
}
sub in_step {
	my ($what, $zone) = @_;
	$zone //= 'example.org';
	ok($mariadb->reaches($zone, serial => $serial, within => 20), "$what: caught up") or return diag($tandem->log);
	like($tandem->ctl('mirror', 'verify', $zone), qr/zones as they should be:? +1\b/, "$what: the rows are right");
	my %seen;
	is(scalar(grep { $seen{$_}++ } $mariadb->rows($zone)), 0, "$what: and none is there twice");
}
next_version();
configure();
$tandem->launch;
in_step('at first');

# The connection is lost at the first packet, the second, and so on, until a change has fewer.  Of a difference, then
# of a zone that is written whole, which is a new one each time.
for my $whole (0, 1) {
	my ($lost, $wrong) = (0, 0);
	for my $count (1 .. 40) {
		next_version($whole ? 40 : 20);
		@zones = ('example.org', $whole ? "new$count.test" : ());
		configure();
		$proxy->lose(count => $count);
		$tandem->signal('HUP');
		my $caught = grep { $mariadb->reaches($_, serial => $serial, within => 20) } @zones;
		my $left = unlink $proxy->path('lose');
		$wrong++ unless $caught == @zones && $tandem->ctl('mirror', 'verify') =~ /differ:? +0/;
		last if $left;
		$lost++;
	}
	is($wrong, 0, ($whole ? 'a zone written whole' : 'a difference') . ", lost at each of $lost packets: in step and right");
	cmp_ok($lost, '>=', 5, 'which are more than a few');
}
@zones = ('example.org');
configure();
$tandem->signal('HUP');

# The server is killed when all rows are written and COMMIT is on its way.
$proxy->lose(hold => '^.COMMIT');
next_version();
$tandem->signal('HUP');
ok($proxy->held(10), 'a transaction is under way');
$mariadb->kill9;
$proxy->go;
$mariadb->launch;
in_step('the server restarts in the middle of it');

# A deadlock in which we are the victim: another writer has the later rows, and asks for those that we have.
$mariadb->sql('CREATE TABLE powerdns.heavy (n INT) ENGINE = InnoDB');
open my $other, '|-', 'sh', '-c', 'exec "$@" >/dev/null', 'sh', 'mariadb', '--no-defaults', '-uroot', '--socket=' . $mariadb->socket, 'powerdns', '-f' or die;
$other->autoflush;
print $other "BEGIN; INSERT INTO heavy SELECT seq FROM seq_1_to_5000; SELECT * FROM tandem_state WHERE name = 'example.org' FOR UPDATE;\n";
# The server shows them as they were when nobody had asked for a tenth of a second.
sub transactions { sleep 0.15; return $mariadb->sql("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE $_[0]") }
until_true { transactions('trx_rows_modified >= 5000') } 10;
my ($deadlocks) = $mariadb->sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
next_version();
$tandem->signal('HUP');
ok((until_true { transactions("trx_state = 'LOCK WAIT'") } 10), 'our transaction waits for rows of another writer');
print $other "UPDATE domains SET last_check = 7 WHERE name = 'example.org'; COMMIT;\n";
close $other;
is($mariadb->sql("SELECT last_check FROM powerdns.domains WHERE name = 'example.org'"), 7, 'which then wants ours, and gets them');
isnt(scalar $mariadb->sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'"), $deadlocks, 'that was a deadlock');
in_step('1213');
$tandem->hush;

# A lock that is not given within the server's time, and a record changed since it was read.
for my $error (1205, 1020) {
	$mariadb->sql("CREATE TABLE powerdns.once (n INT) ENGINE = MyISAM; INSERT INTO powerdns.once VALUES (3);
DELIMITER //
CREATE TRIGGER powerdns.late BEFORE UPDATE ON powerdns.tandem_state FOR EACH ROW
    BEGIN IF (SELECT n FROM powerdns.once) > 0 THEN UPDATE powerdns.once SET n = n - 1; SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = $error, MESSAGE_TEXT = 'later'; END IF; END//");
	next_version();
	$tandem->signal('HUP');
	in_step($error);
	is($mariadb->sql('SELECT n FROM powerdns.once'), 0, "$error: after three times");
	$mariadb->sql('USE powerdns; DROP TRIGGER late; DROP TABLE once');
}
unlike($tandem->said, qr/error|held back/, 'nothing is said of what was only late');

# Killed after COMMIT, before PowerDNS was told: the next start tells it.
sub answers { my $reply = ask($pdns->port, 'version.example.org', 'A'); return $reply && $reply->answer ? ($reply->answer)[0]->address : 'none' }
is((until_true { answers() eq "192.0.2.$serial" } 10) && answers(), "192.0.2.$serial", 'PowerDNS has the answer in its caches');
next_version();
$proxy->lose(after => '^.COMMIT');
$tandem->signal('HUP');
ok($proxy->lost(10), 'COMMIT is done, its answer is not heard');
$tandem->kill9;
is($mariadb->serial('example.org'), $serial, 'the rows are there');
$tandem->launch;
ok((until_true { answers() eq "192.0.2.$serial" } 5), 'kill -9 before the purge: it is made up for') or diag(answers());
in_step('kill -9 before the purge');

# The end of the daemon waits for a transaction, but not for ever.
$tandem->hush;
$proxy->lose(hold => '^.COMMIT');
next_version();
$tandem->signal('HUP');
ok($proxy->held(10), 'a database that no longer answers');
my $start = time;
$tandem->signal('TERM');
is($tandem->ended(20), 0, 'TERM ends the daemon all the same');
note(sprintf 'after %.1f s', time() - $start);
like($tandem->said, qr/waiting for its transaction.*the database does not answer/s, 'which says so');
$proxy->go;
$tandem->launch;
in_step('started again');
done_testing;
