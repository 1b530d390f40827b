# The three-way witness: tandemd, BIND on the same files, and PowerDNS on the mirrored tables in
# MariaDB and in SQLite give the same answers.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(serial);
use Bind; use Daemon; use MariaDB; use PowerDNS;
use Peer qw(run slurp until_true);
use Signer qw(make_keys sign);
use Witness qw(questions compare allowed);

my @zones = qw(plain.test nsec.test nsec3.test optout.test);
my $mariadb = MariaDB->start;
my $tandem = Daemon->prepare('tests/witness/tandem.conf', socket => $mariadb->socket,
    password_file => $mariadb->password_file);
my ($source, $escaped) = map { slurp("tests/witness/$_.in") } qw(signed escaped);
sign_zone('nsec.test', $source);
sign_zone('nsec3.test', $source . $escaped, '-3', 'abcd', '-H', 5);
sign_zone('optout.test', $source . $escaped, '-3', '-', '-H', 0, '-A');
$tandem->launch;
my $bind = Bind->start(map { $_ => $tandem->path($_) } @zones);

for my $zone (@zones) {
	my $serial = serial($bind->port, $zone);
	ok($tandem->reaches($zone, serial => $serial, within => 5), "$zone is served");
	ok($mariadb->reaches($zone, serial => $serial, within => 10), "$zone is in MariaDB") or diag($tandem->log);
	ok((until_true { mirrored_sqlite($zone) == $serial } 10), "$zone is in SQLite") or diag($tandem->log);
}
my $mysql = PowerDNS->start(mysql => $mariadb);
my $sqlite = PowerDNS->start(sqlite => $tandem->path('pdns.sqlite3'));

for my $zone (@zones) {
	my $questions = questions($bind->port, $zone);
	my $wrong = compare($questions, [[bind => $bind->port], [tandemd => $tandem->port],
	    ['PowerDNS on MariaDB' => $mysql->port], ['PowerDNS on SQLite' => $sqlite->port]]);
	cmp_ok(scalar @$questions, '>', 10000, "$zone: " . @$questions . ' questions');
	is($wrong->{$_}, 0, "$zone: $_ answers as BIND does") for sort keys %$wrong;
}
for my $name (qw(plain.test ns1.plain.test nsec.test)) {
	my @answer = map { Ask::summary(Ask::ask($_->port, $name, 'ANY', tcp => 1)->data) } $bind, $tandem;
	is(scalar @{$answer[1]{answer}}, scalar @{$answer[0]{answer}}, "ANY $name over TCP brings all");
}
my %allowed = allowed();
cmp_ok($allowed{$_}, '>', 0, "allowed $allowed{$_} times: $_") for sort keys %allowed;
done_testing;

# Signs a zone, with keys of its own, into tandemd's directory.
sub sign_zone {
	my ($zone, $text, @how) = @_;
	make_keys($tandem->path("keys-$zone"), $zone);
	$tandem->write("$zone.in", $text);
	sign($zone, $tandem->path("keys-$zone"), $tandem->path("$zone.in"), $tandem->path($zone), @how);
}

sub mirrored_sqlite {
	my ($zone) = @_;
	my $serial = run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $tandem->path('pdns.sqlite3'), "SELECT s.serial FROM tandem_state s
	    JOIN domains d ON d.id = s.domain_id WHERE d.name = '$zone'");
	return $serial =~ /^(\d+)$/ ? $1 : -1;
}
