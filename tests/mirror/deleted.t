# A start reads tandem_state alone.  Domains that somebody deleted or replaced are noticed all the same: when their zone is
# written, when they are asked for, and by a look that comes later.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB;
use Peer qw(run slurp spew until_true);

my $mariadb = MariaDB->start;
my @zones = map { "$_.test" } 'a' .. 'f';
my $home = Peer->new;
spew($home->path('tandem.conf'), slurp('tests/mirror/tandem.conf') .
    "mirror \"lite\" { type sqlite; file \"\@FILE\@\"; owner \"tandem\@test\"; };\n");
my $file = $home->path('pdns.sqlite3');
my $tandem = Daemon->prepare($home->path('tandem.conf'), mysql_port => $mariadb->port, database => 'powerdns', file => $file,
    password_file => $mariadb->password_file, more => 'export-metadata yes;',
    zones => join '', map { "zone \"$_\" { type master; file \"$_\"; allow-transfer { 192.0.2.1; }; };\n" } @zones);
# PowerDNS's own table, where an id is given out again.
run('sqlite3', $file, 'CREATE TABLE domains (id INTEGER PRIMARY KEY, name VARCHAR(255) NOT NULL COLLATE NOCASE, master VARCHAR(128),
    last_check INTEGER, type VARCHAR(8) NOT NULL, notified_serial INTEGER, account VARCHAR(40), options VARCHAR(65535), catalog VARCHAR(255))');

my %sql = (
	fleet => sub { $mariadb->sql("USE powerdns; $_[0]") },
	lite => sub { run('sqlite3', '-cmd', '.timeout 5000', '-separator', "\t", $file, $_[0]) =~ s/\s+$//r },
);
sub in_both { my ($statements) = @_; $_->($statements) for values %sql }
sub each_says { my ($query, $want) = @_; return !grep { ($_->($query) // '') ne $want } values %sql }
sub text { "\$TTL 60\n\@ SOA ns1 h $_[0] 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\nx A 192.0.2." . $_[0] . "\n" }
sub all_in_step { until_true { 2 == (() = $tandem->ctl('mirror', 'status') =~ /^(?:fleet|lite)\s+active\s+yes\s+@{[scalar @zones]}\s+0\s+0\s/mg) } 20 }
sub delete_domain { return join '', map { "DELETE FROM records WHERE domain_id = (SELECT id FROM domains WHERE name = '$_'); DELETE FROM domains WHERE name = '$_';" } @_ }
my $whole = "SELECT COUNT(*) FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.account = 'tandem\@test' AND d.name =";
my $stale = 'SELECT COUNT(*) FROM tandem_state s LEFT JOIN domains d ON d.id = s.domain_id AND d.name = s.name AND d.account = s.owner WHERE d.id IS NULL';

$tandem->write($_, text(1)) for @zones;
$tandem->launch;
ok(all_in_step(), 'in step') or diag($tandem->log);

# While nobody looks: a and b go, another one gets the id of b, and c is somebody else's now.
$tandem->stop;
in_both(delete_domain('a.test', 'b.test', 'c.test') . "
    INSERT INTO domains (name, type, account) VALUES ('theirs.test', 'NATIVE', 'x'), ('c.test', 'NATIVE', '');
    INSERT INTO records (domain_id, name, type, content, ttl, prio) SELECT id, name, 'TXT', '\"theirs\"', 60, 0 FROM domains WHERE account <> 'tandem\@test'");
sub read_by { my ($before) = @_; return MariaDB::changes($before, $mariadb->reads) }
my @others = qw(domains records domainmetadata cryptokeys comments tsigkeys);
my $reads = $mariadb->reads;
my $start = time;
sub looks { return 1 + int((1 + time - $start) / 6) }	# at tandem_state; at domains after a minute
$tandem->launch;
ok(all_in_step(), 'started again: in step, by what tandem_state says') or diag($tandem->ctl('mirror', 'status'));
my $read = read_by($reads);
is($read->{$_} // 0, 0, "a start reads no row of $_") for @others;
cmp_ok($read->{tandem_state}, '<=', looks() * @zones + 2, 'and each of tandem_state once');

$reads = $mariadb->reads;
ok($mariadb->sql("SELECT id FROM information_schema.processlist WHERE user = 'tandem'"), 'its connections');
$mariadb->sql('KILL USER tandem');
ok((until_true { (read_by($reads)->{tandem_state} // 0) >= @zones } 20), 'cut: asks again where the zones are');
ok(all_in_step(), 'in step again');
$read = read_by($reads);
is($read->{$_} // 0, 0, "a new connection reads no row of $_") for @others;

like($tandem->ctl('mirror', 'verify', 'a.test'), qr/a\.test\. in $_: the database does not have it/, "verify finds a in $_") for qw(fleet lite);
isnt($? >> 8, 0, 'and its status says so');

# Written, they are made anew.
$tandem->write('b.test', text(2));
$tandem->write('d.test', text(2));
$tandem->ctl('reload', $_) for 'b.test', 'd.test';
ok((until_true { each_says("$whole 'b.test'", 4) && each_says("SELECT COUNT(*) FROM records WHERE content = '192.0.2.2'", 2) } 10),
    'one that is edited is made again at once') or diag($tandem->log);
ok(each_says("SELECT COUNT(*) FROM tandem_state WHERE name = 'b.test'", 1), 'with one state');
is($sql{fleet}->("SELECT m.content FROM domainmetadata m JOIN domains d ON d.id = m.domain_id WHERE d.name = 'b.test'"), '192.0.2.1/32',
    'and who may transfer it');
ok(each_says("$whole 'a.test'", 0), 'the other is not there yet');
like($tandem->ctl('mirror', 'resync', 'a.test'), qr/fleet +a\.test +6 +put right\nlite +a\.test +5 +put right/, 'resync makes it');
ok(each_says("$whole 'a.test'", 4), 'again');

# Later all are noticed without an edit.
in_both(delete_domain('a.test', 'e.test'));
$tandem->hush;
ok((until_true { sleep 1; each_says("$whole '$_'", 4) } 80), "$_ is made again by itself") or diag($tandem->said) for 'a.test', 'e.test';
for my $mirror (qw(fleet lite)) {
	ok($tandem->says(qr/mirror $mirror: \d+ zones are in the database not at the version that was written/, 5), "$mirror: told");
	ok($tandem->says(qr/c\.test: .*mirror $mirror: held back: .*belongs to nobody/, 5), "$mirror: what somebody else made in its place is told") or diag($tandem->said);
}
ok((until_true { each_says($stale, 0) } 5), 'no state is left without its domain');
ok(each_says("SELECT COUNT(*) FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.account <> 'tandem\@test' AND content = '\"theirs\"'", 2) &&
    each_says("SELECT COUNT(*) FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.account <> 'tandem\@test'", 2), 'nobody else was touched');

# An operator who cannot wait says so.
in_both(delete_domain('f.test'));
$tandem->signal('HUP');
ok((until_true { each_says("$whole 'f.test'", 4) } 5), 'HUP: noticed at once') or diag($tandem->log);
$tandem->ctl('mirror', 'adopt', 'c.test');
ok((until_true { each_says("$whole 'c.test'", 4) } 5), 'adopted');
ok((until_true { $tandem->ctl('mirror', 'verify') =~ /zones as they should be:? +12\b/ } 10), 'all rows are right') or diag($tandem->ctl('mirror', 'verify'));
done_testing;
