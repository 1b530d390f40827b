# Version after version of zones in which cuts, aliases, wildcards and empty names come and go, and that are signed, signed in
# another way and no longer signed: the rows that change by change are those of a fresh mirror, on MySQL and on SQLite, and
# what stays keeps its id.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB;
use Peer qw(run slurp until_true);
use Signer qw(make_keys sign);

my $seed = $ENV{SEED} // 1;
srand $seed;
diag("SEED=$seed") if $ENV{SEED};
my $versions = $ENV{VERSIONS} // 15;
my %signed = ('plain.test' => undef, 'nsec.test' => [], 'nsec3.test' => ['-3', 'ab', '-H', 1],
    'optout.test' => ['-3', '-', '-H', 0, '-A'], 'switch.test' => []);
my @zones = sort keys %signed;

my $mariadb = MariaDB->start;
$mariadb->add_database('fresh');
my %where = (mysql_port => $mariadb->port, password_file => $mariadb->password_file, more => '',
    zones => join '', map { "zone \"$_\" { type master; file \"$_\"; };\n" } @zones);
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', %where, database => 'powerdns',
    more => "};\nmirror \"lite\" { type sqlite; file \"lite.sqlite3\"; owner \"tandem\@test\";");
my $keys = $tandem->path('keys');
mkdir $keys;
$signed{$_} && make_keys("$keys/$_", $_) for @zones;

my @names = map { my $n = $_; ($n, map { "$_.$n" } qw(a b * c.d)) } qw(a b c *.a d.b e.f.b x.y);
my %records;	# of the version at hand: owner => [records]

# Some names get other records; most stay.
sub mutate {
	for my $name (@names) {
		next if rand 4 > 1 && %records;
		my @some = grep { rand 2 < 1 } "$name A 192.0.2." . int rand 4, "$name TXT \"t" . int(rand 3) . '"', "$name MX 10 a",
		    (rand 2 < 1 ? $name : uc $name) . ' A 192.0.2.9', "$name " . (60 * int rand 3) . ' AAAA 2001:db8::1';
		my $kind = int rand 10;
		$records{$name} = $kind < 2 ? [] : $kind == 2 ? ["$name CNAME " . $names[rand @names]]
		    : $name !~ /\*/ && $kind == 3 ? [@some, "$name DNAME c"]
		    : $name !~ /\*/ && $kind == 4 ? ["$name NS ns.$name", "$name NS ns1"]
		    : $name !~ /\*/ && $kind == 5 ? ["$name NS ns1", "$name DS 1 13 2 " . '0' x 64] : \@some;
	}
}

sub write_zone {
	my ($zone, $serial) = @_;
	my $text = join "\n", '$TTL 300', "\@ SOA ns1 h $serial 1 1 1 60", '@ NS ns1', 'ns1 A 192.0.2.1', (map { @{$records{$_}} } sort keys %records), '';
	my @ways = ([], ['-3', sprintf('%04x', rand 65536), '-H', int rand 3], ['-3', '-', '-H', 0, '-A']);
	$signed{$zone} = rand 3 < 1 ? undef : $ways[rand @ways] if $zone eq 'switch.test';
	if (!$signed{$zone}) { $tandem->write($zone, $text); return }
	$tandem->write("$zone.in", $text);
	sign($zone, "$keys/$zone", map({ $tandem->path("$zone.$_") } 'in', 'out'), @{$signed{$zone}});
	rename $tandem->path("$zone.out"), $tandem->path($zone);
}

sub ask {
	my ($database, $sql) = @_;
	return $mariadb->sql("USE $database; $sql") if $database ne 'lite';
	return split /\n/, run('sqlite3', '-readonly', '-batch', '-cmd', '.timeout 30000', '-nullvalue', 'NULL', '-separator', "\t", $tandem->path('lite.sqlite3'), $sql);
}

# Row => id.
sub rows {
	my ($database, $zone) = @_;
	return map { my ($id, $row) = split /\t/, $_, 2; $row => $id } ask($database, "SELECT r.id, r.name, r.type, r.content, r.ttl, r.prio,
	    r.disabled, r.ordername, r.auth FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.name = '$zone'");
}

sub meta { join ' ', ask($_[0], "SELECT m.kind, m.content FROM domainmetadata m JOIN domains d ON d.id = m.domain_id WHERE d.name = '$_[1]' ORDER BY 1, 2") }

sub reaches {
	my ($database, $zone, $serial) = @_;
	return until_true { ((ask($database, "SELECT s.serial FROM tandem_state s JOIN domains d ON d.id = s.domain_id WHERE d.name = '$zone'"))[0] // '') eq $serial } 10;
}

my ($moved, %before) = (0);
my $wrong = 0;
VERSION: for my $serial (1 .. $versions) {
	mutate();
	write_zone($_, $serial) for @zones;
	$serial == 1 ? $tandem->launch : $tandem->signal('HUP');
	my $fresh = Daemon->prepare('tests/mirror/tandem.conf', %where, database => 'fresh');
	$fresh->write($_, slurp($tandem->path($_))) for @zones;
	eval { $mariadb->sql("DELETE FROM fresh.$_") } for qw(records domainmetadata domains tandem_state);
	$fresh->launch;
	for my $zone (@zones) {
		for (['powerdns', $tandem], ['lite', $tandem], ['fresh', $fresh]) {
			my ($database, $daemon) = @$_;
			next if reaches($database, $zone, $serial);
			fail("version $serial of $zone is in $database (SEED=$seed)");
			diag($daemon->log);
			last VERSION;
		}
		my %wanted = rows('fresh', $zone);
		my $wanted = join "\n", sort(keys %wanted), meta('fresh', $zone);
		for my $database (qw(powerdns lite)) {
			my %got = rows($database, $zone);
			my $old = $before{$database}{$zone} // {};
			$moved += grep { exists $old->{$_} && $old->{$_} != $got{$_} } keys %got;
			$before{$database}{$zone} = \%got;
			my $got = join "\n", sort(keys %got), meta($database, $zone);
			next if $got eq $wanted;
			$wrong++;
			is($got, $wanted, "version $serial of $zone in $database is as a fresh mirror (SEED=$seed)");
			last VERSION;
		}
	}
	$fresh->stop;
}
is($wrong, 0, "$versions versions of each zone");
is($moved, 0, "rows that stay keep their ids (SEED=$seed)");
done_testing;
