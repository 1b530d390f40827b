#!/usr/bin/perl
# bench.pl [answers|load|transfer|slave|mirror|latency]... - measures, from the top of the tree; everything without
# arguments.  The server runs on the first processor, the load on the second; peers are those installed.
use strict; use warnings;
use lib 'tests/lib';
use Ask qw(ask);
use Cwd qw(getcwd);
use Daemon; use MariaDB; use PowerDNS;
use Peer qw(free_port run scratch slurp spew until_true);
use Signer qw(make_keys sign);
use Test::More tests => 1;
use Time::HiRes qw(time usleep);

my %measure = (answers => \&answers, load => \&load, transfer => \&transfer, slave => \&slave, mirror => \&mirror, latency => \&latency);
my @wanted = @ARGV ? @ARGV : qw(answers load transfer slave mirror latency);
die "usage: bench.pl [answers|load|transfer|slave|mirror|latency]...\n" if grep { !$measure{$_} } @wanted;
$| = 1;
$measure{$_}->() for @wanted;
pass('measured');	# so that the directory goes
exit 0;

sub zone_file {
	my ($kind, $origin, $names) = @_;
	my $path = scratch() . "/$kind-$names";
	spew($path, run($^X, 'tests/bench/zone.pl', $kind, $origin, $names)) unless -e $path;
	return $path;
}

# The servers, each with one thread that answers; their options are those that cost nothing.
sub tandemd {
	my ($zone, $file, %opt) = @_;
	my $self = Daemon->prepare('tests/bench/tandem.conf', zone => $zone, file => $file, mirror => $opt{mirror} // '');
	return $self if $opt{later};
	return $self->launch;
}

sub nsd {
	my ($zone, $file) = @_;
	my $self = Peer->new(port => free_port());
	spew($self->path('conf'), <<EOT);
server:
	ip-address: 127.0.0.1\@$self->{port}
	server-count: 1
	username: ""
	chroot: ""
	zonesdir: "$self->{dir}"
	zonelistfile: "$self->{dir}/list"
	xfrdfile: ""
	pidfile: ""
	minimal-responses: yes
	rrl-ratelimit: 0
remote-control:
	control-enable: no
zone:
	name: "$zone"
	zonefile: "$file"
	provide-xfr: 127.0.0.1 NOKEY
EOT
	return started($self, $zone, 'nsd', '-d', '-c', $self->path('conf'));
}

sub knot {
	my ($zone, $file) = @_;
	my $self = Peer->new(port => free_port());
	spew($self->path('conf'), <<EOT);
server:
    rundir: "$self->{dir}"
    listen: 127.0.0.1\@$self->{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "$self->{dir}"
acl:
  - id: all
    address: 127.0.0.1
    action: transfer
template:
  - id: default
    storage: "$self->{dir}"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
    acl: all
zone:
  - domain: "$zone"
    file: "$file"
EOT
	return started($self, $zone, 'knotd', '-c', $self->path('conf'));
}

sub started {
	my ($self, $zone, @command) = @_;
	$self->spawn(@command);
	until_true { Ask::serial($self->port, $zone) } 120 or die "$command[0] does not serve: " . $self->log;
	return $self;
}

sub pin { my ($peer, $core) = @_; run('taskset', '-a', '-p', '-c', $core, $_) for $peer->processes }

# CPU an answer on a signed root zone.
sub answers {
	my $file = scratch() . '/root';
	my $archive = '../shared/data/root-zones-2018.tar.xz';
	if (-e $archive) {
		run('tar', '-xJf', $archive, '-C', scratch());
		my ($first) = sort glob scratch() . '/*.zone';
		# The SOA at the end stops some readers.
		my @lines = split /\n/, slurp($first);
		spew($file, join "\n", @lines[0 .. $#lines - 1], '');
	} else {
		print "no real zone data: a made zone instead\n";
		make_keys(scratch() . '/keys', '.');
		spew("$file.in", slurp(zone_file('tld', '', 1500)) =~ s/\$ORIGIN \.\./\$ORIGIN ./r);
		sign('.', scratch() . '/keys', "$file.in", $file);
	}
	my %tld = map { /^([a-z0-9-]+)\.\s/ ? ($1 => 1) : () } split /\n/, slurp($file);
	my @tld = sort keys %tld;
	srand 1;
	spew(scratch() . '/questions', join '', map {
		my $tld = $tld[rand @tld];
		my $absent = join '', map { ('a' .. 'z')[rand 26] } 1 .. 9;
		("www.$absent.$tld. 1\n", "$tld. 43\n", "$absent. 28\n");
	} 1 .. 5000);
	my $flood = 'tests/bench/flood';
	printf "%-10s %12s %10s %10s %8s\n", 'signed root, DO', 'us/answer', 'answers/s', 'NXDOMAIN/s', 'lost';
	for my $round (1 .. 3) {
		for (['tandemd', \&tandemd], ['NSD', \&nsd], ['Knot', \&knot]) {
			my ($name, $start) = @$_;
			my $server = $start->('.', $file);
			pin($server, 0);
			run('taskset', '-c', 1, $flood, $server->port, scratch() . '/questions', 0.5);
			my $cpu = $server->cpu;
			my $said = run('taskset', '-c', 1, $flood, $server->port, scratch() . '/questions', 3);
			my %n = $said =~ /(\w+) (\d+)/g;
			printf "%-15s %12.2f %10d %10d %8d\n", $name, ($server->cpu - $cpu) / $n{answered} * 1e6,
			    $n{answered} / 3, $n{rcode3} / 3, $n{lost};
			warn "$name: $said" if $n{other};
			$server->stop;
		}
	}
}

# A zone of 2.4 million records: CPU from the start to the first answer, and memory then.
sub load {
	my $file = zone_file('tld', 'example', 1000000);
	printf "%-15s %8s %8s %8s\n", '2.4 M records', 'CPU s', 'wall s', 'MB';
	for (['tandemd', \&tandemd], ['NSD', \&nsd], ['Knot', \&knot]) {
		my ($name, $start) = @$_;
		my $begun = time;
		my $server = $start->('example', $file);
		until_true { Ask::serial($server->port, 'example') } 60;
		printf "%-15s %8.2f %8.2f %8.0f\n", $name, $server->cpu, time() - $begun, $server->pss;
		$server->stop;
	}
}

# The same zone by AXFR, the best of five.  NSD's transfers are sent by processes that come and go: their CPU is not seen.
sub transfer {
	my $file = zone_file('tld', 'example', 1000000);
	printf "%-15s %12s %12s %14s %8s\n", 'AXFR', 'records/s', 'CPU s', 'octets', 'messages';
	for (['tandemd', \&tandemd], ['NSD', \&nsd], ['Knot', \&knot]) {
		my ($name, $start) = @$_;
		my $server = $start->('example', $file);
		my ($ms, $cpu, %n) = (1e9, 1e9);
		until_true { Ask::serial($server->port, 'example') } 60;
		pin($server, 0);
		for (1 .. 5) {
			my $before = $server->cpu;
			%n = run('taskset', '-c', 1, 'tests/bench/axfr', $server->port, 'example') =~ /(\w+) (\d+)/g;
			my $used = $server->cpu - $before;
			$ms = $n{ms} if $n{ms} < $ms;
			$cpu = $used if $used < $cpu;
		}
		printf "%-15s %12d %12.2f %14d %8d\n", $name, $n{records} / $ms * 1000, $cpu, $n{octets}, $n{messages};
		$server->stop;
	}
}

# The same zone as slave of NSD, from the start with nothing to the first answer: the best of three.  Of NSD's processes those that
# have ended count too.
sub slave {
	my $master = nsd('example', zone_file('tld', 'example', 1000000));
	my $port = $master->port;
	my %conf = (
		tandemd => sub { (<<EOT, 'tandemd', '-c', 'conf') },
options { directory "$_[1]"; listen-on port $_[0] { 127.0.0.1; }; listen-on-v6 { none; }; workers 1; notify no; };
controls { unix "control"; };
zone "example" { type slave; file "zone"; masters { 127.0.0.1 port $port; }; };
EOT
		NSD => sub { (<<EOT, 'nsd', '-d', '-c', 'conf') },
server:
	ip-address: 127.0.0.1\@$_[0]
	server-count: 1
	username: ""
	chroot: ""
	zonesdir: "$_[1]"
	zonelistfile: "$_[1]/list"
	xfrdfile: "$_[1]/xfrd"
	xfrdir: "$_[1]"
	pidfile: ""
remote-control:
	control-enable: no
zone:
	name: "example"
	zonefile: "zone"
	request-xfr: AXFR 127.0.0.1\@$port NOKEY
EOT
		Knot => sub { (<<EOT, 'knotd', '-c', 'conf') },
server:
    rundir: "$_[1]"
    listen: 127.0.0.1\@$_[0]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "$_[1]"
remote:
  - id: master
    address: 127.0.0.1\@$port
zone:
  - domain: "example"
    storage: "$_[1]"
    file: "zone"
    master: master
    journal-content: none
    semantic-checks: off
EOT
	);
	printf "%-15s %12s %12s\n", 'as slave', 'CPU s', 's';
	for my $name (qw(tandemd Knot NSD)) {
		my ($cpu, $wall) = (1e9, 1e9);
		for (1 .. 3) {
			my $slave = Peer->new(port => free_port());
			my ($text, @command) = $conf{$name}->($slave->port, $slave->dir);
			spew($slave->path('conf'), $text);
			$command[0] = getcwd() . '/tandemd' if $command[0] eq 'tandemd';
			my $start = time;
			$slave->spawn(@command);
			until_true { Ask::serial($slave->port, 'example') } 120 or die "$name does not serve: " . $slave->log;
			my $took = time() - $start;
			my $used = $slave->cpu;
			for ($slave->processes) {
				my @field = split ' ', slurp("/proc/$_/stat") =~ s/^.*\) //sr;
				$used += ($field[13] + $field[14]) / 100;	# of their children that have ended
			}
			$cpu = $used if $used < $cpu;
			$wall = $took if $took < $wall;
			$slave->stop;
		}
		printf "%-15s %12.2f %12.2f\n", $name, $cpu, $wall;
	}
	$master->stop;
}

my ($mariadb, $pdns, $tandem, $path);
sub mirrored_zone {
	return if $tandem;
	# The server as it is installed: every commit is on disk.
	$mariadb = MariaDB->start(innodb_flush_log_at_trx_commit => 1, innodb_buffer_pool_size => '256M', userstat => 0);
	$pdns = PowerDNS->start(mysql => $mariadb);
	$tandem = tandemd('example.com', 'zone', later => 1, mirror => 'mirror "fleet" { type mysql; socket "' .
	    $mariadb->socket . '"; database "powerdns"; user "tandem"; password-file "' . $mariadb->password_file .
	    '"; pdns-control "' . $pdns->control_socket . '"; };');
	$path = $tandem->path('zone');
	spew($path, slurp(zone_file('host', 'example.com', 40000)));
	my $start = time;
	$tandem->launch;
	until_true { Ask::serial($tandem->port, 'example.com') } 30;
	my $served = time;
	$mariadb->reaches('example.com', serial => 1, within => 60) or die $tandem->log;
	printf "first mirror of 100,005 records: %.2f s from start to served, %.2f s more to mirrored\n", $served - $start, time() - $served;
}

sub mirror { mirrored_zone() }

# From HUP until PowerDNS answers with the new record.
sub latency {
	mirrored_zone();
	my $text = slurp($path);
	my ($name) = $text =~ /^(\w+) A 10\.0\.78\./m;
	my @taken;
	for my $serial (2 .. 21) {
		$text =~ s/hostmaster \d+/hostmaster $serial/;
		$text =~ s/^$name A .*/$name A 192.0.2.$serial/m;
		spew($path, $text);
		ask($pdns->port, "$name.example.com", 'A');
		my $before = $mariadb->counters;
		my $start = time;
		$tandem->signal('HUP');
		while (time() - $start < 10) {
			my ($a) = ask($pdns->port, "$name.example.com", 'A')->answer;
			last if $a && $a->address eq "192.0.2.$serial";
			usleep 500;
		}
		push @taken, (time() - $start) * 1000;
		$mariadb->reaches('example.com', serial => $serial, within => 5);
		my $changes = MariaDB::changes($before, $mariadb->counters);
		printf "rows deleted %d, inserted %d, updated %d (one of them tandem_state)\n",
		    @$changes{qw(delete write update)} if $serial == 2;
	}
	@taken = sort { $a <=> $b } @taken;
	printf "one record of 100,005 changed, from HUP to PowerDNS: median %.0f ms, least %.0f, most %.0f\n",
	    $taken[@taken / 2], $taken[0], $taken[-1];
}
