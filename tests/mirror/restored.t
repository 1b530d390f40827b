# A database that is put back to an older state under a connected mirror is noticed, and brought in step by the shortest way.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB;
use Peer qw(run slurp spew until_true);
use Time::HiRes qw(time);

my $mariadb = MariaDB->start;
my @many = map { "m$_.test" } 1 .. 60;
my $base = slurp('tests/mirror/tandem.conf');
my $serial = 0;
sub text { my ($n) = @_; return "\$TTL 60\n\@ SOA ns1 h $n 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\nv$n TXT \"only in $n\"\n" . join '', map { "h$_ A 192.0.2.$_\n" } 1 .. 200 }
sub next_version {
	my ($tandem) = @_;
	$serial++;
	$tandem->write('example.org', text($serial));
	$tandem->ctl('reload', 'example.org');
}

my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
    password_file => $mariadb->password_file, more => 'export-metadata yes;', zones => '');
sub configure {
	my ($transfer) = @_;
	$tandem->{value}{zones} = join '', "zone \"example.org\" { type master; file \"example.org\"; allow-transfer { $transfer; }; };\n",
	    map { "zone \"$_\" { type master; file \"$_\"; };\n" } @many;
	$tandem->configure($base);
}
sub meta { join ' ', sort $mariadb->sql("SELECT content FROM powerdns.domainmetadata WHERE kind = 'ALLOW-AXFR-FROM'") }
sub in_step {
	my ($what, $within) = @_;
	my $start = time;
	ok($mariadb->reaches('example.org', serial => $serial, within => $within), "$what: noticed and caught up") or return diag($tandem->log);
	note(sprintf '%s: %.1f s', $what, time() - $start);
	ok($tandem->says(qr/in the database not at the version that was written/, 10), "$what: said") or diag($tandem->said);
	ok((until_true { $tandem->ctl('mirror', 'verify') =~ /zones as they should be:? +61\b/ } 10), "$what: all rows are right");
	$tandem->hush;
}
$tandem->write($_, "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n") for @many;
next_version($tandem);
configure('192.0.2.1');
$tandem->launch;
ok($mariadb->reaches($_, serial => 1, within => 20), "$_ is mirrored") for 'example.org', $many[-1];
next_version($tandem) for 1 .. 2;
ok($mariadb->reaches('example.org', serial => $serial, within => 10), 'in step') or diag($tandem->log);
my $backup = run('mariadb-dump', '--no-defaults', '-uroot', '--socket=' . $mariadb->socket, 'powerdns');
next_version($tandem) for 1 .. 3;
configure('192.0.2.2');
$tandem->signal('HUP');
ok((until_true { meta() eq '192.0.2.2/32' } 10), 'and further');
ok($mariadb->reaches('example.org', serial => $serial, within => 10), 'in step with the last version');
my ($kept) = $mariadb->sql("SELECT id FROM powerdns.records WHERE name = 'h77.example.org'");
$tandem->hush;

sub put_back { $mariadb->sql("USE powerdns; $backup" . ($_[0] // '')) }

# Its tables go and come while it is connected.
put_back();
in_step('a backup of the whole database', 30);
ok((until_true { meta() eq '192.0.2.2/32' } 10), 'what is exported beside the rows is right again') or diag(meta());
is($mariadb->sql("SELECT id FROM powerdns.records WHERE name = 'h77.example.org'"), $kept, 'the other rows keep their ids');

# Within one transaction, so that no statement of the mirror ever fails.
my @old = map { s/^LOCK TABLES.*|^UNLOCK.*//mgr } $backup =~ /^(INSERT INTO `(?:records|tandem_state|domainmetadata)`.*?;)$/mgs;
my $quietly = join "\n", 'USE powerdns; START TRANSACTION; DELETE FROM records; DELETE FROM tandem_state; DELETE FROM domainmetadata;', @old, 'COMMIT;';
my %command = (resume => sub { $tandem->ctl('mirror', 'resume') }, HUP => sub { $tandem->signal('HUP') }, nothing => sub { });
for my $how (qw(resume HUP nothing)) {
	$mariadb->sql($quietly);
	my $counters = $mariadb->counters;
	$command{$how}->();
	in_step("an older state, $how", $how eq 'nothing' ? 15 : 2);
	cmp_ok(MariaDB::changes($counters, $mariadb->counters)->{records}, '<=', 6, "$how: by the difference alone");
	is($mariadb->sql("SELECT id FROM powerdns.records WHERE name = 'h77.example.org'"), $kept, 'the other rows keep their ids');
}

# One that the journal knows nothing of.
$mariadb->sql($quietly =~ s/COMMIT;$/UPDATE tandem_state SET serial = 2, digest = '0123456789abcdef0123456789abcdef'; DELETE FROM records WHERE name = 'h9.example.org'; COMMIT;/r);
$tandem->ctl('mirror', 'resume');
in_step('a state that is not known', 10);
is(scalar $mariadb->sql("SELECT id FROM powerdns.records WHERE name = 'h77.example.org'"), $kept, 'rows that are equal are not written');

# A single zone's.
$mariadb->sql("DELETE FROM powerdns.tandem_state WHERE name = 'm7.test'; DELETE FROM powerdns.records WHERE name = 'ns1.m7.test'");
in_step('one zone forgotten', 15);

# SQLite: the file replaced by an older copy, and its content.
my $home = Peer->new;
my $file = $home->path('pdns.sqlite3');
spew($home->path('tandem.conf'), $base =~ s/mirror "fleet" \{.*\};\n/mirror "fleet" { type sqlite; file "\@FILE\@"; owner "tandem\@test"; };\n/sr);
$serial = 0;
my $lite = Daemon->prepare($home->path('tandem.conf'), file => $file, zones => 'zone "example.org" { type master; file "example.org"; };');
next_version($lite);
$lite->launch;
sub sqlite { run('sqlite3', '-cmd', '.timeout 30000', $file, @_) =~ s/\s+$//r }
sub reaches { until_true { sqlite('SELECT serial FROM tandem_state') eq $serial } $_[0] }
ok(reaches(10), 'SQLite: mirrored') or diag($lite->log);
sqlite('.backup ' . $home->path('backup'));
next_version($lite) for 1 .. 3;
ok(reaches(10), 'SQLite: in step');
for my $how ('content', 'file') {
	run('cp', $home->path('backup'), $home->path('copy'));
	$how eq 'content' ? sqlite('.restore ' . $home->path('copy')) :
	    (unlink(glob "$file-*"), rename $home->path('copy'), $file);
	ok(reaches(15), "SQLite: an older $how is put back, noticed and caught up") or diag($lite->log);
	like($lite->ctl('mirror', 'verify'), qr/zones as they should be:? +1\b/, "SQLite: $how: all rows are right");
}
done_testing;
