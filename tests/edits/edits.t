# Edit after edit of a zone, with ends and crashes of both sides in between: the slaves have what the master has.
# EDITS=n for more of them, SEED=n for the same again.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(serial transfer);
use Daemon;
use Peer qw(free_port spew until_true);

my $edits = $ENV{EDITS} // 40;
my $seed = $ENV{SEED} // time;
srand $seed;
my $zone = 'z.example';
my @names = qw(Tandem BIND NSD Knot);
my %port = map { $_ => free_port() } @names;
my $master = Daemon->prepare('tests/edits/master.conf', slaves => join ' ', map { "127.0.0.1 port $port{$_};" } @names);

# --- the zone ---
my $serial = 4294967295 - int $edits / 2;	# it passes 0 on the way
my @owners = ('@', map { my $n = $_; ($n, map { "$_.$n" } qw(a *)) } 'a' .. 'j');
my %records;
sub records {
	my ($owner) = @_;
	my $kind = $owner eq '@' ? 9 : int rand 10;
	return $kind < 2 ? () : $kind == 2 ? "$owner CNAME a.b" : $kind == 3 && $owner !~ /\*/ ? ("$owner NS ns.$owner", "ns.$owner A 192.0.2.53")
	    : grep { rand 2 < 1 } "$owner A 192.0.2." . int rand 4, "$owner 60 TXT \"t" . int(rand 9) . '"', "$owner MX 10 a", "$owner AAAA 2001:db8::" . int rand 9;
}
sub edit {
	$serial = ($serial + 1) % 2**32;
	for my $owner (@owners) {
		$records{$owner} = [records($owner)] if !$records{$owner} || rand 8 < 1;
	}
	$master->write($zone, join "\n", '$TTL 300', "\@ SOA ns h $serial 2 1 86400 60", '@ NS ns', 'ns A 192.0.2.1', "changes TXT $serial",
	    (map { "fixed$_ A 192.0.2.9" } 1 .. 100), (map { @{$records{$_}} } @owners), '');
}

# --- the slaves ---
my %slave = map { $_ => $_ eq 'Tandem' ? Daemon->prepare('tests/edits/slave.conf', master => $master->port) : Peer->new(port => $port{$_}) } @names;
$slave{Tandem}{port} = $slave{Tandem}{value}{port} = $port{Tandem};
$slave{Tandem}->configure(Peer::slurp('tests/edits/slave.conf'));
my %dir = map { $_ => $slave{$_}->dir } @names;
my $at = $master->port;
spew("$dir{BIND}/named.conf", <<EOT);
options { directory "$dir{BIND}"; pid-file none; session-keyfile none; managed-keys-directory "$dir{BIND}"; recursion no; notify no;
	listen-on port $port{BIND} { 127.0.0.1; }; listen-on-v6 { none; }; allow-transfer { any; }; dnssec-validation no; empty-zones-enable no;
	min-refresh-time 1; min-retry-time 1; max-retry-time 1; max-refresh-time 2; };
controls { };
zone "$zone" { type secondary; file "zone"; primaries { 127.0.0.1 port $at; }; };
EOT
spew("$dir{NSD}/nsd.conf", <<EOT);
server:
	ip-address: 127.0.0.1\@$port{NSD}
	zonesdir: "$dir{NSD}"
	database: ""
	pidfile: "$dir{NSD}/pid"
	xfrdfile: "$dir{NSD}/xfrd.state"
	zonelistfile: "$dir{NSD}/zone.list"
	xfrdir: "$dir{NSD}"
	username: ""
	server-count: 1
	xfrd-reload-timeout: 0
remote-control:
	control-enable: no
zone:
	name: $zone
	zonefile: zone
	request-xfr: 127.0.0.1\@$at NOKEY
	allow-notify: 127.0.0.1 NOKEY
	provide-xfr: 127.0.0.1 NOKEY
	max-refresh-time: 2
	max-retry-time: 1
EOT
spew("$dir{Knot}/knot.conf", <<EOT);
server:
    rundir: $dir{Knot}
    listen: 127.0.0.1\@$port{Knot}
    udp-workers: 1
    tcp-workers: 1
database:
    storage: $dir{Knot}
remote:
  - id: master
    address: 127.0.0.1\@$at
acl:
  - id: all
    address: 127.0.0.1
    action: [transfer, notify]
zone:
  - domain: $zone
    storage: $dir{Knot}
    file: zone
    master: master
    acl: all
    semantic-checks: off
    refresh-max-interval: 2
    retry-max-interval: 2
EOT
my %run = (BIND => ['named', '-f', '-4', '-n', 1, '-U', 1, '-L', "$dir{BIND}/log", '-c', "$dir{BIND}/named.conf"],
    NSD => ['nsd', '-d', '-c', "$dir{NSD}/nsd.conf"], Knot => ['knotd', '-c', "$dir{Knot}/knot.conf"]);
sub launch { my ($name) = @_; $run{$name} ? $slave{$name}->spawn(@{$run{$name}}) : $slave{$name}->launch }
sub end {
	my ($peer, $how) = @_;
	my @children = grep { $_ != $peer->pid } $peer->processes;
	$peer->signal($how);
	defined $peer->ended(20) or die "it does not end on $how\n";
	kill $how, @children if $how eq 'KILL';	# of NSD
}

# --- edits ---
sub contents { my ($port) = @_; return eval { join "\n", map { unpack 'H*', $_ } sort { $a cmp $b } transfer($port, $zone) } // "none: $@" }
my %count;
edit();
$master->launch;
launch($_) for @names;
EDIT: for my $n (1 .. $edits) {
	my $what = $n == 1 ? 'nothing' : (qw(nothing nothing nothing nothing nothing master slave slave), 'master and slave')[rand 9];
	my $how = (qw(TERM KILL))[rand 2];
	my $whose = $names[rand @names];
	$count{$what eq 'nothing' ? 'no restart' : "$how of " . ($what =~ s/slave/$whose/r)}++;
	my $when = int rand 3;	# the end comes before the edit, at once after it, or when one slave has it
	for my $step (0 .. 2) {
		if ($step == 1 && $n > 1) {
			edit();
			$master->signal('HUP') if $master->pid;
		}
		next unless $step == $when && $what ne 'nothing';
		until_true { grep { (serial($port{$_}, $zone) // -1) == $serial } @names } 10 if $step == 2;
		end($slave{$whose}, $how) if $what =~ /slave/;
		end($master, $how) if $what =~ /master/;
		$master->launch if $what =~ /master/;
		launch($whose) if $what =~ /slave/;
	}
	for my $name (@names) {
		next if until_true { (serial($port{$name}, $zone) // -1) == $serial } 20;
		fail("edit $n ($what, $how, $whose, $when): $name has serial $serial, SEED=$seed");
		diag(substr $slave{$name}->log, -2000);
		diag(substr $master->log, -2000);
		last EDIT;
	}
	my $wanted = contents($master->port);
	for my $name (@names) {
		next if $wanted !~ /^none/ && until_true { contents($port{$name}) eq $wanted } 2;
		is(contents($port{$name}), $wanted, "edit $n ($what, $how, $whose, $when): $name has what the master has, SEED=$seed");
		last EDIT;
	}
	$count{edits}++;
}
is($count{edits}, $edits, "all slaves have each of $edits versions");
like($slave{Tandem}->log, qr/IXFR from .* done/, 'by differences too');
note("$_: $count{$_}") for sort keys %count;
done_testing;
