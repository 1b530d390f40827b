# Two daemons with one database and owner: one writes, the other takes over when the first is gone; never both.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB;
use Peer qw(slurp until_true);
use Time::HiRes qw(sleep time);

my $mariadb = MariaDB->start;
my @pair = map { Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
    password_file => $mariadb->password_file, more => '',
    zones => 'zone "example.org" { type master; file "example.org"; };') } 1, 2;
my $serial = 0;
sub next_version {
	$serial++;
	my $text = "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n" .
	    join '', map { "h$_ A 192.0.2." . ($serial * $_) % 250 . "\n" } 1 .. 50;
	$_->write('example.org', $text) for @pair;
	for (@pair) { $_->signal('HUP') if $_->{pid} }
}
sub writer { scalar $mariadb->sql("SELECT instance FROM powerdns.tandem_lease WHERE part = 'fence'") }
sub standby { grep { $_->ctl('mirror', 'status') =~ /standby/ } @_ }

next_version();
$pair[0]->launch;
ok($mariadb->reaches('example.org', serial => 1, within => 10), 'the first one writes');
$pair[1]->launch;
ok($pair[1]->says(qr/stands by: another instance, .*$pair[0]{dir}/, 10), 'the second one stands by and says so') or diag($pair[1]->log);
ok((until_true { standby(@pair) == 1 } 5), 'so does its state');
like($pair[1]->ctl('mirror', 'status'), qr/^fleet\s+standby\s+no\s+0\s+0\s+0\s/m, 'which has no zone that is behind');
like($pair[1]->ctl('zonestatus', 'example.org'), qr/^mirror fleet: standby$/m, 'so has the zone');
next_version();
ok($mariadb->reaches('example.org', serial => 2, within => 10), 'changes go on');
like(writer(), qr/$pair[0]{dir}/, 'by the first one');

# It ends in order: at once.
my $start = time;
$pair[0]->stop;
ok((until_true { writer() =~ /$pair[1]{dir}/ } 5), 'it ends, and the second one takes over') or diag($pair[1]->log);
note(sprintf 'after %.1f s', time() - $start);
next_version();
ok($mariadb->reaches('example.org', serial => 3, within => 10), 'and writes');

# It is killed, and frozen.
$pair[0]->launch;
ok($pair[0]->says(qr/stands by/, 10), 'the first one is back and waits');
sub beat { scalar $mariadb->sql("SELECT beat FROM powerdns.tandem_lease WHERE part = 'beat'") }
my $beat = beat();
ok((until_true { beat() ne $beat } 10), 'the second one shows that it lives');
$start = time;
$pair[1]->kill9;
next_version();
ok($mariadb->reaches('example.org', serial => 4, within => 25), 'the second one is killed, and the first takes over');
my $took = time() - $start;
note(sprintf 'after %.1f s', $took);
cmp_ok($took, '>', 5, 'not before it has been silent for long');
$pair[1]->launch;
ok($pair[1]->says(qr/stands by/, 10), 'the second one is back and waits');
$start = time;
kill STOP => $pair[0]->pid;
$pair[1]->write('example.org', slurp($pair[1]->path('example.org')));
$serial++;
$_->write('example.org', slurp($_->path('example.org')) =~ s/h \d+ /h $serial /r) for @pair;
$pair[1]->signal('HUP');
ok($mariadb->reaches('example.org', serial => 5, within => 25), 'the first is frozen, and the second takes over');
kill CONT => $pair[0]->pid;
next_version();
ok($mariadb->reaches('example.org', serial => 6, within => 10), 'the first goes on');
ok((until_true { standby($pair[0]) == 1 && standby($pair[1]) == 0 } 10), 'and has noticed that it no longer writes');
like(writer(), qr/$pair[1]{dir}/, 'the second one does');

# One after the other is killed, under changes: the rows are those of the last version.
for my $round (0 .. 3) {
	my $victim = $pair[$round % 2];
	next_version() for 1 .. 3;
	sleep rand 0.1;
	$victim->kill9;
	next_version();
	$victim->launch;
}
ok($mariadb->reaches('example.org', serial => $serial, within => 30), 'killed in turn: in step');
my @rows = $mariadb->rows('example.org');
my %seen;
is(scalar(grep { $seen{$_}++ } @rows), 0, 'no row is there twice');
is(scalar(@rows), 53, 'and all are');
done_testing;
