# BIND, NSD and Knot in PowerDNS's place: as slaves of zones that are added here at run time, and as masters that give us zones by
# their NOTIFY; plain and signed.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(contents);
use Daemon; use Server;
use Peer qw(free_port slurp until_true);

my @kinds = qw(BIND NSD Knot);
my @zones = ([plain => undef], [signed => 'xfr']);
my %port = map { $_ => free_port() } @kinds, map { "slave of $_" } @kinds;
my $port = free_port();
sub tandem {
	my ($port, $autos) = @_;
	my $self = Daemon->prepare('tests/replicate/bind.conf', secret => Server::secret('xfr'), port => $port, autos => $autos);
	$self->{port} = $port;
	return $self->launch;
}
sub text {
	my ($zone, $serial) = @_;
	return "\$TTL 300\n\@ SOA ns1 hostmaster $serial 3600 600 86400 60\n\@ NS ns1\n\@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n" .
	    "a.b.c TXT \"version $serial\"\n*.wild MX 10 ns1\n";
}
my %server = map {
	my $kind = $_;
	$kind => Server->prepare($kind, port => $port{$kind}, keys => { xfr => 'hmac-sha256' }, zones => { map {
		my ($name, $key) = @$_;
		("$name.ours.dev" => { master => $port, key => $key, ixfr => 1 },
		    "$name.theirs.dev" => { slaves => [$port{"slave of $kind"}], key => $key, ixfr => 1 });
	} @zones });
} @kinds;
for my $server (values %server) {
	$server->write($_, text($_, 1)) for $server->own;
	$server->launch;
}

# As slaves: a zone comes, its serial is raised, they are told, by the operator before it is time.
my $master = tandem($port, '');
for (@zones) {
	my ($name, $key) = @$_;
	my $zone = "$name.ours.dev";
	my ($from, $to) = ($key ? "key \"$key\";" : '127.0.0.1;', $key ? " key \"$key\"" : '');
	$master->write($zone, text($zone, 1));
	$master->ctl('addzone', $zone, "{ type master; file \"$zone\"; allow-transfer { $from }; notify explicit; notify-delay 3600; also-notify { " .
	    join(' ', map { "127.0.0.1 port $port{$_}$to;" } @kinds) . ' }; }');
	is($?, 0, "$zone is added");
	$master->ctl('increase-serial', $zone);
	my $serial = $master->serial($zone);
	is($serial, 2, 'its serial is raised');
	$master->ctl('notify', $zone);
	my $wanted = contents($port, 'plain.ours.dev');	# whoever asks may have it; both zones have the same records
	for my $kind (@kinds) {
		ok($server{$kind}->up(20, sub { ($server{$kind}->serial($zone) // -1) == $serial }), "$kind transfers it");
		is(contents($port{$kind}, $zone), $wanted, "$kind has the same");
		ok($master->says(qr/zone \Q$zone\E: 127\.0\.0\.1:$port{$kind} has serial $serial\n/, 30), 'and we know') or diag($master->log);
	}
}
like($master->log, qr/AXFR.* to serial \d for .*, key xfr:/, 'signed transfers are');
like($master->ctl('delzone', 'plain.ours.dev'), qr/^removed/, 'one is taken away');
is($master->serial('signed.ours.dev'), 2, 'the other one stays');

# As masters: we make the zones when they tell us.
my %slave = map { $_ => tandem($port{"slave of $_"}, "autosecondary { 127.0.0.1 port $port{$_} nameserver \"ns2.plain.theirs.dev\";
    127.0.0.1 port $port{$_} key \"xfr\" nameserver \"ns2.signed.theirs.dev\" account \"a\"; };") } @kinds;
for my $serial (2, 3) {
	for my $server (values %server) {
		$server->write($_, text($_, $serial)) for $server->own;
		$server->reload;
	}
	for my $kind (@kinds) {
		for (@zones) {
			my ($name, $key) = @$_;
			my $zone = "$name.theirs.dev";
			ok($slave{$kind}->reaches($zone, serial => $serial, within => 20), "$zone of $kind, serial $serial") or diag($slave{$kind}->log, $server{$kind}->log);
			is(contents($slave{$kind}->port, $zone), contents($port{$kind}, "plain.theirs.dev"), 'is what its master has');
		}
	}
}
for my $kind (@kinds) {
	my $log = $slave{$kind}->log;
	for (@zones) {
		my ($name, $key) = @$_;
		like($log, qr/zone $name\.theirs\.dev: NOTIFY received from 127\.0\.0\.1:\d+ for a zone that we are not authoritative for
(?:.*\n)*?.*zone $name\.theirs\.dev: created from master 127\.0\.0\.1:$port{$kind}, name server ns2\.$name\.theirs\.dev/, "$kind gives $name.theirs.dev by its NOTIFY");
		like($log, qr/zone $name\.theirs\.dev: serial 2 -> 3 committed/, 'and tells of the next version');
		my $block = slurp($slave{$kind}->path("var/zones/$name.theirs.dev.conf"));
		like($block, $key ? qr/masters \{ 127\.0\.0\.1 port \d+ key "xfr"; \}/ : qr/masters \{ 127\.0\.0\.1 port \d+; \}/, $key ? 'signed' : 'unsigned');
	}
}
done_testing;
