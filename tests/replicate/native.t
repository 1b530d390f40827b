# Native: what is mirrored into the primary of a replicating pair of databases, PowerDNS answers from the replica.  One of the zones
# is signed on its way from BIND.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Bind; use Daemon; use MariaDB; use PowerDNS;
use Peer qw(scratch spew until_true);

my $primary = MariaDB->start(log_bin => 'log', server_id => 1, binlog_format => 'ROW');
my $replica = MariaDB->start(server_id => 2, read_only => 1);
$primary->sql("CREATE USER copy\@'%' IDENTIFIED BY 'copy'; GRANT REPLICATION SLAVE ON *.* TO copy\@'%'");
my ($log, $at) = split /\t/, $primary->sql('SHOW MASTER STATUS');
$replica->sql("CHANGE MASTER TO master_host = '127.0.0.1', master_port = " . $primary->port . ", master_user = 'copy', master_password = 'copy',
    master_log_file = '$log', master_log_pos = $at, master_connect_retry = 1; START SLAVE");
my $pdns = PowerDNS->start(mysql => $replica, cache => 0);

sub zone {
	my ($zone, $serial, @more) = @_;
	return join "\n", '$TTL 60', "\@ SOA ns1 hostmaster $serial 3600 600 86400 60", '@ NS ns1', 'ns1 A 192.0.2.53', 'a.b.c TXT "x"',
	    '*.wild MX 10 www', 'sub NS ns.sub', 'ns.sub A 192.0.2.54', (map { "host$_ A 192.0.2.$_" } 1 .. 200), @more, '';
}
my $secret = 'c2VjcmV0IG9mIHRoZSB0ZXN0cw==';
my $fetched = scratch() . '/fetched.dev';
spew($fetched, zone('fetched.dev', 1));
my $bind = Bind->start(-top => "key \"xfr\" { algorithm hmac-sha256; secret \"$secret\"; };",
    -options => { 'allow-transfer' => '{ key "xfr"; }' }, 'fetched.dev' => $fetched);
my $tandem = Daemon->prepare('tests/replicate/native.conf', mysql_port => $primary->port, password_file => $primary->password_file,
    secret => $secret, master => $bind->port);
my @zones = qw(replicateme.dev second.dev fetched.dev);
sub edit {
	my ($serial, @more) = @_;
	$tandem->write($_, zone($_, $serial, @more)) for grep { $_ ne 'fetched.dev' } @zones;
	spew($fetched, zone('fetched.dev', $serial, @more));
	$bind->signal('HUP');
	$bind->reaches('fetched.dev', serial => $serial, within => 10) or die $bind->log;
	return unless $tandem->pid;
	$tandem->signal('HUP');
	$tandem->ctl('refresh', 'fetched.dev');
}
edit(1);
$tandem->launch;

sub answers {
	my ($port, $zone) = @_;
	return join "\n", map {
		my $r = ask($port, $_->[0] eq '@' ? $zone : "$_->[0].$zone", $_->[1]);
		join ' ', "@$_", $r ? ($r->header->rcode, $r->header->aa, map { sort map { $_->plain } @$_ } [$r->answer], [$r->authority]) : 'nothing';
	} (['@', 'SOA'], ['host7', 'A'], ['host200', 'A'], ['a.b.c', 'TXT'], ['b.c', 'A'], ['x.wild', 'MX'], ['www.sub', 'A'], ['new', 'A'], ['none', 'A']);
}
sub same {
	my ($serial, $what) = @_;
	for my $zone (@zones) {
		ok($pdns->reaches($zone, serial => $serial, within => 20), "$zone: $what") or diag($tandem->log, $replica->sql('SHOW SLAVE STATUS'));
		is(answers($pdns->port, $zone), answers($tandem->port, $zone), 'PowerDNS answers the same as Tandem');
		is_deeply([$replica->rows($zone, ids => 1)], [$primary->rows($zone, ids => 1)], 'the replica has the same rows');
	}
}

same(1, 'the first version');
edit(2, 'new A 192.0.2.99');
same(2, 'a change');

# The replica is away for some versions.
$replica->sql('STOP SLAVE');
for my $serial (3 .. 5) {
	edit($serial, "v$serial A 192.0.2.98");
	ok($tandem->reaches($_, serial => $serial, within => 10) && $primary->reaches($_, serial => $serial, within => 10), "serial $serial of $_ is mirrored") for @zones;
}
is($pdns->serial($_), 2, "$_: the replica that stands still serves what it had") for @zones;
$replica->sql('START SLAVE');
same(5, 'all of it once it follows again');

# The primary goes in the middle of things.
$primary->kill9;
edit(6);
ok($tandem->reaches($_, serial => 6, within => 10), "$_ is served while the database is down") for @zones;
$primary->launch;
same(6, 'the version that came while the primary was down');

# A zone that goes is gone there too.
$tandem->configure(Peer::slurp('tests/replicate/native.conf') =~ s/^zone "second.*\n//mr =~ s/(owner .*)/$1 on-remove delete;/r);
$tandem->signal('HUP');
ok((until_true { my $r = ask($pdns->port, 'second.dev', 'SOA'); $r && $r->header->rcode eq 'REFUSED' } 10), 'a zone that is removed is not answered any more');
done_testing;
