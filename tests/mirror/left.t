# What on-remove keep and disable leave in the database is named, and goes on command.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use MariaDB; use PowerDNS;
use Peer qw(slurp until_true);

my $mariadb = MariaDB->start;
my $pdns = PowerDNS->start(mysql => $mariadb);
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
    password_file => $mariadb->password_file, zones => '', more => 'pdns-control "' . $pdns->control_socket . '";');
sub zones { $tandem->{value}{zones} = join '', map { "zone \"$_\" { type master; file \"file\"; };\n" } @_; $tandem->configure(slurp('tests/mirror/tandem.conf')) }
sub rcode { my $answer = ask($pdns->port, "ns1.$_[0]", 'A'); return $answer ? $answer->header->rcode : 'none' }
sub domains { join ' ', $mariadb->sql('SELECT name FROM powerdns.domains ORDER BY name') }
$tandem->write('file', "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n");
zones(qw(a.test b.test c.test d.test));
$mariadb->sql("INSERT INTO powerdns.domains (name, type, account) VALUES ('theirs.test', 'NATIVE', 'panel')");
$tandem->launch;
ok($mariadb->reaches($_, serial => 1, within => 10), "$_ is mirrored") for qw(a.test b.test c.test d.test);
like($tandem->ctl('mirror', 'verify'), qr/domains left behind:? +0\b/, 'nothing is left behind');
unlike($tandem->ctl('mirror', 'status'), qr/^left behind/m, 'nor said to be');

# While it runs, and while it does not.
zones(qw(a.test c.test d.test));
$tandem->ctl('reload');
my $said = $tandem->ctl('mirror', 'verify');
is($?, 0, 'what is left is no error');
like($said, qr/domains left behind:? +1\b.*fleet +left behind +b\.test: of no zone any more/s, 'mirror verify names it') or diag($said);
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^left behind: b\.test in fleet, of no zone any more; 'mirror remove DOMAIN' takes one away$/m } 15), 'so does mirror status') or diag($tandem->ctl('mirror', 'status'));
$tandem->stop;
zones(qw(a.test d.test));
$tandem->launch;
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^left behind: (b\.test, c\.test|c\.test, b\.test) in fleet/m } 15), 'over a restart') or diag($tandem->ctl('mirror', 'status'));
ok((until_true { rcode('b.test') eq 'NOERROR' } 5), 'PowerDNS goes on answering');

# Only what is ours, and of no zone.
like($tandem->ctl('mirror', 'remove', 'a.test'), qr/^error: a\.test in fleet: a zone of the configuration is mirrored there$/m, 'a zone of the configuration stays');
isnt($?, 0, 'which is an error');
like($tandem->ctl('mirror', 'remove', 'theirs.test'), qr/^error: theirs\.test in fleet: the database has no domain of this name that belongs to "tandem\@test"$/m, 'a domain of somebody else stays');
isnt($?, 0, 'which is an error');
$tandem->ctl('mirror', 'pause');
like($tandem->ctl('mirror', 'remove', 'b.test'), qr/^error: b\.test in fleet: the mirror is paused$/m, 'a mirror that is paused removes nothing');
$tandem->ctl('mirror', 'resume');
is(domains(), 'a.test b.test c.test d.test theirs.test', 'all are there');
$said = $tandem->ctl('mirror', 'remove', 'B.test.');
is($?, 0, 'mirror remove') or diag($said);
like($said, qr/^fleet +B\.test\. +3 *$/m, 'tells how many rows it were');
is(domains(), 'a.test c.test d.test theirs.test', 'the domain is gone');
is($mariadb->sql("SELECT COUNT(*) FROM powerdns.records WHERE name LIKE '%b.test'"), 0, 'with its rows');
is($mariadb->sql("SELECT COUNT(*) FROM powerdns.tandem_state WHERE name = 'b.test'"), 0, 'and its state');
ok((until_true { rcode('b.test') eq 'REFUSED' } 10), 'PowerDNS refuses it');
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^left behind: c\.test in fleet/m } 15), 'it is no longer named');
like($tandem->log, qr/b\.test.*removed from the database on command, 3 rows/, 'the log tells');
like($tandem->ctl('mirror', 'verify'), qr/zones as they should be:? +2\b/, 'the others are as they should be');

# What is disabled is named so.
$tandem->{value}{more} .= ' on-remove disable;';
zones('a.test');
$tandem->ctl('reload');
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^left behind: (?=.*c\.test \(disabled\))(?=.*d\.test \(disabled\)).* in fleet/m } 15), 'disabled ones are named so') or diag($tandem->ctl('mirror', 'status'));
is($tandem->ctl('mirror', 'remove', 'd.test') =~ /^error/m, '', 'and go, too');
is(domains(), 'a.test c.test theirs.test', 'from the database');
done_testing;
