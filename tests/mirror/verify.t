# Rows that somebody else has changed are found, told and mended; a domain of nobody is taken over; one of PowerDNS comes back as a file.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB;
use Peer qw(run slurp spew until_true);

my $mariadb = MariaDB->start;
my @zones = qw(plain.test other.test nobody.test panel.test);
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
    password_file => $mariadb->password_file, more => '',
    zones => '');
sub zones { $tandem->{value}{zones} = join '', map { "zone \"$_\" { type master; file \"$_\"; };\n" } @_; $tandem->configure(slurp('tests/mirror/tandem.conf')) }
zones(@zones);
my $text = <<'EOT';
$TTL 3600
@ SOA ns1 h 1 1 1 1 1
@ NS ns1
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
@ MX 10 mail
mail A 192.0.2.2
_sip._tcp SRV 1 2 5060 mail
a.b.c TXT "a; b" "c|d" "it's \"quoted\" \\ here"
* 60 CNAME mail
cut NS ns.cut
ns.cut A 192.0.2.3
txt TXT abc
@ CAA 0 issue "ca.example; policy=ev"
h\;x\.y TXT 9
EOT
$tandem->write($_, $text) for @zones;
$mariadb->sql("USE powerdns; INSERT INTO domains (name, type) VALUES ('nobody.test', 'NATIVE');
    INSERT INTO records (domain_id, name, type, content, ttl, prio, auth) SELECT id, 'ns1.nobody.test', 'A', '192.0.2.1', 3600, 0, 1 FROM domains;
    INSERT INTO records (domain_id, name, type, content, ttl, prio, auth) SELECT id, 'x.nobody.test', 'A', '192.0.2.1', 3600, 0, 1 FROM domains;
    INSERT INTO domains (name, type, account) VALUES ('panel.test', 'NATIVE', 'panel');");
my ($kept) = $mariadb->sql("SELECT id FROM powerdns.records WHERE name = 'ns1.nobody.test'");
$tandem->launch;
ok($mariadb->reaches($_, serial => 1, within => 10), "$_ is mirrored") for qw(plain.test other.test);
my $rows = $mariadb->rows('plain.test');

# As it should be.
my $said = $tandem->ctl('mirror', 'verify', 'plain.test');
is($?, 0, 'what we wrote is as it should be') or diag($said);
like($said, qr/zones as they should be:? +1\b/, 'and that is said');
like($said, qr/rows compared:? +$rows\b/, 'with the count of rows');

# The zone of nobody.
like($tandem->ctl('mirror', 'status'), qr/nobody\.test.*belongs to nobody/, 'the zone that is held back is told with the reason');
like($tandem->ctl('status'), qr/^nobody\.test .* held *$/m, 'the table of zones is not as wide as that');
like($tandem->ctl('zonestatus', 'nobody.test'), qr/^mirror fleet: held: .*'mirror adopt nobody\.test'/m, 'but the state of the zone tells it, with the cure');
$said = $tandem->ctl('mirror', 'verify', 'nobody.test');
isnt($?, 0, 'verify of it fails');
like($said, qr/^error: nobody\.test\. in fleet: it is held back: .*nobody;.*what taking it over would change is shown$/m, 'with the reason');
like($said, qr/^fleet +extra +nobody\.test\.: x\.nobody\.test A 192\.0\.2\.1 /m, 'but tells what adopting it would take away');
like($said, qr/^fleet +missing +nobody\.test\.: mail\.nobody\.test A 192\.0\.2\.2 /m, 'and what it would add');
unlike($said, qr/(extra|missing) .*ns1\.nobody\.test A /, 'not what is right');
unlike($said, qr/mirror repair/, 'nor offers to repair it');
is(scalar $mariadb->rows('nobody.test'), 2, 'and nothing is changed');
$said = $tandem->ctl('mirror', 'resync', 'nobody.test');
like($said, qr/^error: 1 held back: /m, 'resync says that it does nothing');
unlike($said, qr/as soon as/, 'also later');
$tandem->ctl('mirror', 'adopt', 'nobody.test');
ok($mariadb->reaches('nobody.test', serial => 1, within => 10), 'mirror adopt takes it over');
is(scalar $mariadb->rows('nobody.test'), $rows, 'all rows are ours');
is($mariadb->sql("SELECT id FROM powerdns.records WHERE name = 'ns1.nobody.test' AND type = 'A'"), $kept, 'the row that was right stays, with its id');

# A zone whose domain is somebody else's leaves the configuration.
ok((until_true { $tandem->ctl('zonestatus', 'panel.test') =~ /^mirror fleet: held: .*belongs to "panel"/m } 10), 'a domain of somebody else holds its zone back');
zones(grep { $_ ne 'panel.test' } @zones);
like($tandem->ctl('reload'), qr/^panel\.test .* removed: rows of another owner untouched in fleet$/m, 'taken out, nothing is said to be done with its rows');
is($mariadb->sql("SELECT account FROM powerdns.domains WHERE name = 'panel.test'"), 'panel', 'nor is it');

# Each kind of drift.
my $right = join "\n", $mariadb->rows('plain.test');
my @drift = (
	["UPDATE records SET content = '192.0.2.77' WHERE name = 'mail.plain.test'", qr/missing.*mail\.plain\.test A 192\.0\.2\.2 .*extra.*mail\.plain\.test A 192\.0\.2\.77/s],
	["UPDATE records SET content = '\"ABC\"' WHERE name = 'txt.plain.test'", qr/txt\.plain\.test TXT "ABC"/],
	["DELETE FROM records WHERE name = 'b.c.plain.test'", qr/missing.*b\.c\.plain\.test NULL NULL/],
	["UPDATE records SET auth = 1 WHERE name = 'ns.cut.plain.test'", qr/extra.*ns\.cut\.plain\.test.* auth 1/],
	["UPDATE records SET ttl = 61 WHERE name = '*.plain.test'", qr/ttl 61/],
	["UPDATE records SET prio = 11 WHERE name = 'plain.test' AND type = 'MX'", qr/prio 11/],
	["UPDATE records SET disabled = 1 WHERE name = 'plain.test' AND type = 'NS'", qr/disabled 1/],
	["UPDATE records SET ordername = 'x' WHERE name = 'txt.plain.test'", qr/ordername x/],
	["INSERT INTO records (domain_id, name, type, content, ttl, prio, auth) SELECT domain_id, name, type, content, ttl, prio, auth FROM records WHERE name = 'txt.plain.test'", qr/extra.*txt/],
	["INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'SOA-EDIT', 'INCEPTION' FROM domains WHERE name = 'plain.test'", qr/wrong.*domainmetadata SOA-EDIT 'INCEPTION' must not be there/],
	["UPDATE domains SET type = 'SLAVE' WHERE name = 'plain.test'", qr/wrong.*domains\.type is SLAVE and must be NATIVE/],
	["DELETE FROM records WHERE name LIKE '%plain.test'", qr/missing.*SOA/s],
);
for (@drift) {
	my ($sql, $pattern) = @$_;
	$mariadb->sql("USE powerdns; $sql");
	$said = $tandem->ctl('mirror', 'verify');
	is($?, 256, "$sql: the exit status tells");
	like($said, $pattern, 'so does the text');
	like($said, qr/zones that differ:? +1\b/, 'one zone differs');
	like($tandem->ctl('mirror', 'status'), qr/fleet\s+active\s+yes\s+3\s+0\s+0\s+1\b/, 'its state counts it');
	like($tandem->ctl('mirror', 'status'), qr/^drifted: plain\.test in fleet$/m, 'and names it');
	like($tandem->ctl('zonestatus', 'plain.test'), qr/^mirror fleet: 1 drifted: .*'mirror repair plain\.test'/m, 'the state of the zone tells');
	like($tandem->ctl('status'), qr/^plain\.test .* 1 drifted *$/m, 'also in the table of zones');
	$tandem->ctl('mirror', 'repair', 'plain.test');
	ok((until_true { scalar $tandem->ctl('mirror', 'verify', 'plain.test') =~ /differ:? +0/ } 10), 'mirror repair mends it');
}
is(join("\n", $mariadb->rows('plain.test')), $right, 'the rows are as they were');

# A schedule.
$tandem->{value}{more} = 'verify-interval 2; on-drift report;';
$tandem->configure(slurp('tests/mirror/tandem.conf'));
$tandem->hush;
$tandem->signal('HUP');
$mariadb->sql("DELETE FROM powerdns.records WHERE name = 'txt.other.test'");
ok($tandem->says(qr/other\.test.*: 1 missing rows; the first: missing txt\.other\.test .*`mirror repair` mends it/, 20), 'the schedule finds a missing row and tells') or diag($tandem->said);
is(scalar $mariadb->rows('other.test'), $rows - 1, 'and only tells');
$tandem->{value}{more} = 'verify-interval 2; on-drift repair;';
$tandem->configure(slurp('tests/mirror/tandem.conf'));
$tandem->signal('HUP');
ok((until_true { scalar $mariadb->rows('other.test') == $rows } 20), 'with on-drift repair it is mended');
$tandem->hush;
$mariadb->sql("UPDATE powerdns.domains SET type = 'SLAVE' WHERE name = 'other.test'");
ok($tandem->says(qr/other\.test.*: 1 wrong in domains or domainmetadata; the first: wrong domains\.type is SLAVE and must be NATIVE; it is mended/, 20),
    'what is wrong beside rows is told in words') or diag($tandem->said);

# The domain itself goes.
$tandem->{value}{more} = '';
$tandem->configure(slurp('tests/mirror/tandem.conf'));
$tandem->ctl('reload');
ok((until_true { $tandem->ctl('mirror', 'verify') =~ /zones as they should be:? +3\b/ } 10), 'all are as they should be');
$tandem->hush;
$mariadb->sql("DELETE FROM powerdns.domains WHERE name = 'other.test'");
like($tandem->ctl('mirror', 'verify', 'other.test'), qr/^error: .*made again within a minute or so, and at once by 'mirror resync other\.test'/m, 'a domain that was deleted: verify says what comes next');
$tandem->signal('HUP');
ok($tandem->says(qr/1 zone is in the database not at the version that was written.*: other\.test; it is brought in step again/, 20), 'when it is seen, the zone is named') or diag($tandem->said);
ok($mariadb->reaches('other.test', serial => 1, within => 10), 'and made again');

# A domain of PowerDNS as a zone file.
$mariadb->sql("USE powerdns; INSERT INTO domains (name, type, account) VALUES ('theirs.test', 'NATIVE', 'x');
    INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled)
    SELECT theirs.id, REPLACE(r.name, 'plain.test', 'theirs.test'), r.type, REPLACE(r.content, 'plain.test', 'theirs.test'), r.ttl, r.prio, r.disabled
    FROM records r JOIN domains ours ON ours.id = r.domain_id AND ours.name = 'plain.test' JOIN domains theirs ON theirs.name = 'theirs.test';
    INSERT INTO records (domain_id, name, type, content, ttl, prio, disabled) SELECT id, 'off.theirs.test', 'A', '192.0.2.1', 1, 0, 1 FROM domains WHERE name = 'theirs.test'");
$said = $tandem->ctl('mirror', 'import', 'theirs.test');
is($?, 0, 'mirror import') or diag($said);
$tandem->write('expected', $text);
my $ours = run('./tandem-checkzone', '-D', 'theirs.test', $tandem->path('expected'));
is(run('./tandem-checkzone', '-D', 'theirs.test', $tandem->path('theirs.test.zone')), $ours, 'the file has the same records');
$said = $tandem->ctl('mirror', 'import', 'theirs.test');
isnt($?, 0, 'a file is never replaced');
like($said, qr/already/, 'which is said');
$said = $tandem->ctl('mirror', 'import', 'absent.test', 'absent');
isnt($?, 0, 'a domain that is not there') or diag($said);
$mariadb->sql("USE powerdns; INSERT INTO records (domain_id, name, type, content, ttl, prio) SELECT id, 'al.theirs.test', 'ALIAS', 'x.test', 1, 0 FROM domains WHERE name = 'theirs.test'");
$said = $tandem->ctl('mirror', 'import', 'theirs.test', 'second.zone');
isnt($?, 0, 'rows that are not records');
like($said, qr/al\.theirs\.test ALIAS x\.test.*PowerDNS's own/, 'are named');
ok(!-e $tandem->path('second.zone'), 'and nothing is written');

# A resync that has to wait: nothing is behind.
$mariadb->kill9;
like($tandem->ctl('mirror', 'resync'), qr/^error: it is done as soon as it can be/m, 'a resync without the database waits');
like($tandem->ctl('zonestatus', 'plain.test'), qr/^mirror fleet: 1 to be written again$/m, 'and the zone is to be written again, not behind');
done_testing;
