# What the configuration says about mirroring, and that HUP changes it.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use MariaDB; use PowerDNS;
use Peer qw(run slurp until_true);
use Time::HiRes ();

my $mariadb = MariaDB->start;
my $pdns = PowerDNS->start(mysql => $mariadb, cache => 0);
my $config = slurp('tests/mirror/tandem.conf');
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
    password_file => $mariadb->password_file, zones => '', more => '');

sub zone { my ($name, $more) = @_; return "zone \"$name\" { type master; file \"$name\"; " . ($more // '') . " };\n" }
sub text { my ($serial, $more) = @_; return "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n" . ($more // '') }
sub configure {
	my ($zones, $more) = @_;
	@{$tandem->{value}}{qw(zones more)} = ($zones, $more // '');
	$tandem->configure($config);
	$tandem->signal('HUP') if $tandem->pid;
}
sub rows { scalar(my @rows = $mariadb->rows($_[0])) }
sub rcode { my $reply = ask($pdns->port, $_[0], 'A'); return $reply ? $reply->header->rcode : 'no answer' }

$tandem->write("$_.test", text(1)) for 'a' .. 'f';
configure(zone('a.test') . zone('b.test', 'mirror none;') . zone('c.test'));
$tandem->launch;
ok($mariadb->reaches($_, serial => 1, within => 10), "$_ is mirrored") for qw(a.test c.test);
is(rows('b.test'), 0, 'a zone with "mirror none" is not');
ok($tandem->reaches('b.test', serial => 1, within => 5), 'but served');
is(join(',', $mariadb->sql("SELECT type, account, master, notified_serial FROM powerdns.domains WHERE name = 'a.test'")),
    "NATIVE\ttandem\@test\tNULL\tNULL", 'the domain is native and names its owner');
like($tandem->ctl('mirror', 'status'), qr/fleet/, 'mirror status names the mirror');
is($?, 0, 'and ends with 0');
like($tandem->ctl('zonestatus', 'a.test'), qr/a\.test/, 'zonestatus names the zone');

# on-remove
configure(zone('b.test') . zone('c.test'));
ok($mariadb->reaches('b.test', serial => 1, within => 10), 'a zone whose "mirror none" goes is mirrored');
is(rows('a.test'), 3, 'on-remove keep: the rows of a zone that went stay');
is(rcode('ns1.a.test'), 'NOERROR', 'and PowerDNS answers');
configure(zone('a.test') . zone('b.test') . zone('c.test'), 'on-remove disable;');
ok($tandem->reaches('a.test', serial => 1, within => 5), 'it comes back');
$tandem->write('a.test', text(2));
$tandem->signal('HUP');
ok($mariadb->reaches('a.test', serial => 2, within => 10), 'and is mirrored on');
configure(zone('b.test') . zone('c.test'), 'on-remove disable;');
ok((until_true { rcode('ns1.a.test') eq 'REFUSED' } 10), 'on-remove disable: PowerDNS no longer answers');
cmp_ok(rows('a.test'), '>', 0, 'with its rows still there');
configure(zone('a.test') . zone('b.test') . zone('c.test'), 'on-remove delete;');
ok((until_true { rcode('ns1.a.test') eq 'NOERROR' } 10), 'back again, PowerDNS answers again') or diag($tandem->log);
configure(zone('a.test') . zone('c.test'), 'on-remove delete;');
ok((until_true { $mariadb->sql("SELECT COUNT(*) FROM powerdns.domains WHERE name = 'b.test'") == 0 } 10), 'on-remove delete: the domain goes');
is($mariadb->sql('SELECT COUNT(*) FROM powerdns.records WHERE domain_id NOT IN (SELECT id FROM powerdns.domains)'), 0, 'with its rows');
is($mariadb->sql('SELECT COUNT(*) FROM powerdns.tandem_state WHERE domain_id NOT IN (SELECT id FROM powerdns.domains)'), 0, 'and its state');

# While it was down.
$tandem->stop;
configure(zone('c.test'), 'on-remove delete;');
$tandem->launch;
ok($tandem->reaches('c.test', serial => 1, within => 5), 'a start without a zone that was there');
ok((until_true { rows('a.test') == 0 } 10), 'deletes its rows');

# kind master
configure(zone('c.test') . zone('d.test'), 'kind master;');
ok($mariadb->reaches('d.test', serial => 1, within => 10), 'kind master: a new zone');
is(join(',', $mariadb->sql("SELECT type, notified_serial FROM powerdns.domains WHERE name = 'd.test'")), "MASTER\t1",
    'is a master that was notified, so that PowerDNS keeps quiet');
$tandem->write('d.test', text(2));
$tandem->signal('HUP');
ok($mariadb->reaches('d.test', serial => 2, within => 10), 'a change');
is($mariadb->sql("SELECT notified_serial FROM powerdns.domains WHERE name = 'd.test'"), 2, 'is notified too');

# What this PowerDNS cannot serve.
$tandem->hush;
$tandem->write('e.test', text(1, "alias TYPE65401 \\# 1 00\nwww A 192.0.2.2\n"));
configure(zone('c.test') . zone('e.test'));
ok($tandem->says(qr/alias\.e\.test ALIAS cannot be mirrored: .*PowerDNS would/, 10), 'a record that PowerDNS would act on: named') or diag($tandem->said);
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^held back: e\.test in fleet: .*the first: alias\.e\.test ALIAS cannot be mirrored/m } 10), 'also by mirror status');
is(rows('e.test'), 0, 'holds its zone back');
ok($tandem->reaches('e.test', serial => 1, within => 5), 'which is served all the same');
$tandem->write('c.test', text(3));
$tandem->signal('HUP');
ok($mariadb->reaches('c.test', serial => 3, within => 10), 'others go on');
configure(zone('c.test') . zone('e.test'), 'unmirrorable skip;');
ok($mariadb->reaches('e.test', serial => 1, within => 10), 'with skip it is mirrored') or diag($tandem->log);
ok((until_true { rcode('www.e.test') eq 'NOERROR' } 5), 'and answered');
is($mariadb->sql("SELECT COUNT(*) FROM powerdns.records WHERE name = 'alias.e.test' AND type IS NOT NULL"), 0, 'without that record');

# A mirror that comes and one that goes.
configure(zone('c.test'), "};\nmirror \"second\" {\n\ttype sqlite;\n\tfile \"second.sqlite3\";\n");
my $there = sub { run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $tandem->path('second.sqlite3'),
    "SELECT COUNT(*) FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.name = 'c.test'") };
ok((until_true { $there->() =~ /^3$/ } 10), 'a second mirror is filled') or diag($tandem->log);
like($tandem->ctl('mirror', 'status'), qr/fleet.*second|second.*fleet/s, 'mirror status names both');
$tandem->write('c.test', text(4, "new A 192.0.2.4\n"));
$tandem->signal('HUP');
ok((until_true { $there->() =~ /^4$/ } 10), 'and follows');
ok($mariadb->reaches('c.test', serial => 4, within => 10), 'as the first does');
$tandem->{value}{more} = '';
$tandem->configure($config =~ s/mirror "fleet".*//sr);
$tandem->signal('HUP');
$tandem->write('c.test', text(5));
$tandem->signal('HUP');
ok($tandem->reaches('c.test', serial => 5, within => 10), 'without mirrors it serves');
is($mariadb->serial('c.test'), 4, 'and mirrors nothing');
configure(zone('c.test'));
ok($mariadb->reaches('c.test', serial => 5, within => 10), 'with the mirror back it catches up');

# Two mirrors that would wait for each other.
my $twice = 'mirror "copy" { type mysql; host "127.0.0.1" port ' . $mariadb->port . '; database "powerdns"; user "tandem"; password-file "'
    . $mariadb->password_file . '"; owner "tandem@test"; };';
configure(zone('c.test') . $twice);
my $refused = $tandem->ctl('reload');
isnt($?, 0, 'a second mirror with the same database and owner');
like($refused, qr/mirror "fleet" has the database and the owner "tandem\@test" of mirror "copy".*owner of its own/s, 'is refused at reload');
like(run('./tandem-checkconf', $tandem->path('tandem.conf')), qr/of mirror "copy"/, 'and by tandem-checkconf');
isnt($?, 0, 'which ends with 1');
configure(zone('c.test') . $twice =~ s/host.*?;/'socket "' . $mariadb->socket . '";'/er);
$tandem->ctl('reload');
is($?, 0, 'the same by another name of the server');
ok($tandem->says(qr/error: mirror (?:copy|fleet): has the database and the owner "tandem\@test" of another mirror here, .* (?:copy|fleet): only one/, 10),
    'is found out in the database') or diag($tandem->log);
configure(zone('c.test'));
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^fleet +active +yes/m } 15), 'what is left writes') or diag($tandem->ctl('mirror', 'status'));

# By command.
$tandem->ctl('mirror', 'pause');
is($?, 0, 'mirror pause');
$tandem->write('c.test', text(6));
$tandem->ctl('reload');
is($tandem->serial('c.test'), 6, 'a paused mirror does not hold up serving');
is($mariadb->serial('c.test'), 5, 'and stays behind');
$tandem->ctl('mirror', 'resume');
ok($mariadb->reaches('c.test', serial => 6, within => 10), 'until it is resumed');
# A pause stays when the clause changes, at the next start, and when another mirror is resumed.
$tandem->ctl('mirror', 'pause', 'fleet');
configure(zone('c.test'), 'unmirrorable skip;');
$tandem->write('c.test', text(7));
$tandem->ctl('reload');
is($tandem->serial('c.test'), 7, 'a reload that touches the clause');
like($tandem->ctl('mirror', 'status'), qr/fleet +paused/, 'leaves the mirror paused');
$tandem->stop;
$tandem->launch;
ok($tandem->reaches('c.test', serial => 7, within => 10), 'a start');
like($tandem->ctl('mirror', 'status'), qr/fleet +paused/, 'leaves it paused, too');
like($tandem->ctl('zonestatus', 'c.test'), qr/mirror fleet: +unknown/, 'where the zone is there is not known');
is($mariadb->serial('c.test'), 6, 'nothing is written');
my $said = $tandem->ctl('mirror', 'resync', 'c.test');
isnt($?, 0, 'what is asked for meanwhile is not done');
like($said, qr/c\.test +- +the mirror is paused/, 'which is told');
$tandem->ctl('mirror', 'resume');
ok($mariadb->reaches('c.test', serial => 7, within => 10), 'resumed');
$tandem->stop;
$tandem->launch;
ok((until_true { $tandem->ctl('mirror', 'status') =~ /fleet +active +yes/ } 10), 'for good');

# Put right by command, which waits and tells.
$mariadb->sql("UPDATE powerdns.records SET content = '192.0.2.66' WHERE name = 'ns1.c.test'");
$said = $tandem->ctl('mirror', 'resync', 'c.test');
is($?, 0, 'mirror resync') or diag($said);
is(scalar(grep { /192\.0\.2\.66/ } $mariadb->rows('c.test')), 0, 'has put right what somebody changed when it ends');
like($said, qr/fleet +c\.test +1 +put right/, 'and tells how much');
$mariadb->sql("DELETE FROM powerdns.records WHERE name = 'ns1.c.test'");
$said = $tandem->ctl('--json', 'mirror', 'resync');
is($?, 0, 'mirror resync of all zones') or diag($said);
is(rows('c.test'), 3, 'puts all right');
like($said, qr/"zones_put_right": *1\b/, 'and tells, as JSON too') or diag($said);

# What waits to be tried again is tried at once when it is resumed.
$mariadb->kill9;
$tandem->write('c.test', text(8));
$tandem->signal('HUP');
ok((until_true { $tandem->ctl('mirror', 'status') =~ /fleet +active +no .*(?:gone away|Lost connection|connect)/i } 10), 'the database is away, and why is told') or diag($tandem->ctl('mirror', 'status'));
like($tandem->ctl('zones'), qr/c\.test .* 7 behind/, 'where the zone was is still told');
$said = $tandem->ctl('mirror', 'resync');
isnt($?, 0, 'what cannot be done now is not waited for');
like($said, qr/'mirror status' shows/, 'how to watch it is told');
my $loud = Time::HiRes::time();
# Until it waits for many seconds.
until_true { Time::HiRes::time() - $loud > 8 } 12;
$mariadb->launch;
my $resumed = Time::HiRes::time();
$tandem->ctl('mirror', 'resume');
ok($mariadb->reaches('c.test', serial => 8, within => 2), 'mirror resume does not wait for the next try');
note(sprintf 'after %.2f s', Time::HiRes::time() - $resumed);
$mariadb->sql('DROP TABLE powerdns.tandem_state');
$tandem->write('c.test', text(9));
$tandem->signal('HUP');
ok($mariadb->reaches('c.test', serial => 9, within => 70), 'a state table that was dropped is made again') or diag($tandem->log);
is(rows('c.test'), 3, 'with the zone as it is');
$tandem->stop;
is($tandem->{status}, 0, 'TERM ends it with 0');
done_testing;
