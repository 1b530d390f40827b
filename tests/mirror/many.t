# Three thousand zones: one edited is one read and one transaction; nothing grows by reloading.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB; use Proxy;
use Peer qw(slurp until_true);
use Time::HiRes qw(time);

my $zones = 3000;
my $mariadb = MariaDB->start;
my $proxy = Proxy->start($mariadb->port);
$proxy->delay(0.5);	# so that there is time to look
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $proxy->port, database => 'powerdns',
    password_file => $mariadb->password_file, more => '',
    zones => join '', map { "zone \"z$_.test\" { type master; file \"z$_\"; };\n" } 1 .. $zones);
sub text { return "\$TTL 60\n\@ SOA ns1 h $_[0] 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n\@ MX 10 mail\nmail A 192.0.2.2\n\@ TXT \"v=spf1 mx -all\"\n" }
for (1 .. $zones) {
	open my $out, '>', $tandem->path("z$_") or die "z$_: $!\n";
	print $out text(1);
}
my $start = time;
$tandem->launch;
ok($tandem->reaches("z$_.test", serial => 1, within => 20), "z$_.test is served") for 1, $zones;
note(sprintf '%d zones served after %.2f s', $zones, time() - $start);
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^fleet +active +yes +\d+ +[1-9]\d* +0 +0 +[1-9]\d* +\d+s /m } 30),
    'meanwhile the state tells how many rows a second, and how many seconds are left') or diag($tandem->ctl('mirror', 'status'));
$proxy->delay('');
ok((until_true { $mariadb->sql('SELECT COUNT(*) FROM powerdns.domains') == $zones &&
    $mariadb->sql('SELECT COUNT(*) FROM powerdns.records') == 6 * $zones } 60), 'all are mirrored') or diag($tandem->log);
note(sprintf 'mirrored after %.2f s', time() - $start);

my $counters = $mariadb->counters;
$start = time;
$tandem->write('z1500', text(2));
$tandem->signal('HUP');
ok($tandem->reaches('z1500.test', serial => 2, within => 5), 'one is edited');
my $served = time;
ok($mariadb->reaches('z1500.test', serial => 2, within => 5), 'and mirrored');
note(sprintf 'served after %.0f ms, mirrored after %.0f ms', ($served - $start) * 1000, (time() - $start) * 1000);
cmp_ok(MariaDB::changes($counters, $mariadb->counters)->{records}, '<=', 2, 'by its SOA alone');

sub descriptors { scalar(my @all = glob '/proc/' . $tandem->pid . '/fd/*') }
my ($memory, $open);
for my $serial (3 .. 302) {
	$tandem->write('z7', text($serial) . join '', map { "h$_ A 192.0.2." . ($serial + $_) % 250 . "\n" } 1 .. 100);
	$tandem->ctl('reload', 'z7.test');
	next if $serial != 102;
	ok($mariadb->reaches('z7.test', serial => 102, within => 10), '100 reloads');
	($memory, $open) = ($tandem->memory, descriptors());
}
is($tandem->serial('z7.test'), 302, '200 more');
ok($mariadb->reaches('z7.test', serial => 302, within => 10), 'are mirrored');
ok((until_true { $tandem->memory < $memory * 1.05 + 1 } 10), sprintf 'the last 200 leave memory as it was (%.1f, %.1f MB)', $memory, $tandem->memory);
# Connections to the database come and go.
ok((until_true { descriptors() <= $open + 2 } 10), 'and files') or diag(join ' ', map { readlink } glob '/proc/' . $tandem->pid . '/fd/*');

$tandem->stop;
is($tandem->{status}, 0, 'TERM ends it with 0');
$counters = $mariadb->counters;
my $reads = $mariadb->reads;
$start = time;
$tandem->launch;
ok($tandem->reaches("z$_.test", serial => 1, within => 20), "z$_.test is served again") for 1, $zones;
note(sprintf 'served again after %.2f s', time() - $start);
ok((until_true { $tandem->ctl('mirror', 'status') =~ /fleet\s+active\s+yes\s+$zones\s/ } 20), 'all are in step again');
$reads = MariaDB::changes($reads, $mariadb->reads);
my $looks = 1 + int((time() - $start) / 6);	# every 6 s it looks whether they are as they were
is($reads->{$_} // 0, 0, "without a look at $_") for qw(records domains domainmetadata);
cmp_ok($reads->{tandem_state}, '<=', $looks * ($zones + 10), "and with $looks at each row of tandem_state");
is(MariaDB::changes($counters, $mariadb->counters)->{$_} // 0, 0, "nothing of $_ is written") for qw(records domains tandem_state);
$tandem->write('z2', text(2));
$tandem->signal('HUP');
ok($mariadb->reaches('z2.test', serial => 2, within => 20), 'the next change is mirrored');
cmp_ok(MariaDB::changes($counters, $mariadb->counters)->{records}, '<=', 2, 'and nothing else was written');
done_testing;
