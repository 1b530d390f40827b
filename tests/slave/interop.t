# Zones from BIND, NSD, Knot and PowerDNS: whole and as differences, plain and signed with each algorithm.
use strict; use warnings; use Test::More;
use lib 'tests/lib'; use Peer qw(program free_port run scratch slurp spew until_true); use Ask qw(serial);

my $fetch = program('tests/transfer/fetch');
my $slave = program('tests/transfer/slave');
my $secret = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
my @algorithms = qw(hmac-md5 hmac-sha1 hmac-sha224 hmac-sha256 hmac-sha384 hmac-sha512);
my $zone = 'z.example';

# Some hundred records of many types, another serial and some changes.
sub text {
	my ($serial) = @_;
	my $text = "\$ORIGIN $zone.\n\$TTL 300\n@ SOA ns admin $serial 3600 600 86400 60\n@ NS ns\n@ NS ns.elsewhere.example.\n" .
	    "ns A 192.0.2.1\nns AAAA 2001:db8::1\n@ MX 10 mail\n@ MX 20 mail.elsewhere.example.\nmail A 192.0.2.2\n" .
	    "_sip._tcp SRV 1 2 5060 sip\nsip A 192.0.2.3\nalias CNAME ns\nd DNAME elsewhere.example.\n" .
	    "t TXT \"some text\" \"\\\"and more\\\"\"\nn NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*\$!sip:x\@y!\" .\nc CAA 0 issue \"ca.example\"\n" .
	    "sub NS ns.sub\nsub DS 12345 8 2 " . 'ab' x 32 . "\nns.sub A 192.0.2.4\n*.w TXT wild\nCase.Kept A 192.0.2.5\n" .
	    "h HTTPS 1 . alpn=h2\nr RP admin.$zone. t\nl LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\n";
	$text .= sprintf "h%d A 10.0.%d.%d\n", $_, $_ >> 8, $_ & 255 for 1 .. 300;
	$text .= "new$_ A 10.9.9.$_\n" for 7 .. $serial;
	$text .= "changes TXT $serial\n";
	return $text;
}

my %server;
{
	package Server;
	our @ISA = ('Peer');
	sub zone { my ($self, $serial) = @_; Peer::spew($self->path('zone'), main::text($serial)) }
	sub ready { my ($self) = @_; return $self->up(30, sub { defined Ask::serial($self->port, $zone) }) }
	sub reaches { my ($self, $serial) = @_; return Peer::until_true { (Ask::serial($self->port, $zone) // 0) == $serial } 20 }
}
my %start = (
	BIND => sub {
		my $s = Server->new(port => free_port());
		$s->zone(6);
		spew($s->path('named.conf'), join '', (map { "key \"$_\" { algorithm $_; secret \"$secret\"; };\n" } @algorithms), <<EOT);
options { directory "$s->{dir}"; pid-file none; session-keyfile none; managed-keys-directory "$s->{dir}"; recursion no; notify no;
	listen-on port $s->{port} { 127.0.0.1; }; listen-on-v6 { none; }; allow-transfer { any; }; dnssec-validation no; empty-zones-enable no; };
controls { };
zone "$zone" { type primary; file "zone"; ixfr-from-differences yes; check-names ignore; };
EOT
		$s->spawn('named', '-f', '-4', '-n', 1, '-U', 1, '-L', $s->path('log'), '-c', $s->path('named.conf'));
		$s->ready;
		return ($s, sub { $s->signal('HUP') }, qr/^IXFR, serial 9[^(]*$/);
	},
	NSD => sub {
		my $s = Server->new(port => free_port());
		$s->zone(6);
		my $d = $s->dir;
		spew($s->path('nsd.conf'), <<EOT . join '', (map { "key:\n\tname: $_\n\talgorithm: $_\n\tsecret: \"$secret\"\n" } @algorithms), <<EOT, map { "\tprovide-xfr: 127.0.0.1 $_\n" } @algorithms);
server:
	ip-address: 127.0.0.1\@$s->{port}
	zonesdir: "$d"
	database: ""
	pidfile: "$d/pid"
	xfrdfile: "$d/xfrd.state"
	zonelistfile: "$d/zone.list"
	xfrdir: "$d"
	username: ""
	server-count: 1
remote-control:
	control-enable: no
EOT
zone:
	name: $zone
	zonefile: zone
	store-ixfr: yes
	create-ixfr: yes
	provide-xfr: 127.0.0.1 NOKEY
EOT
		$s->spawn('nsd', '-d', '-c', $s->path('nsd.conf'));
		$s->ready;
		# Its differences add MX records that are there already.
		return ($s, sub { $s->signal('HUP') }, qr/^IXFR, serial 9|^AXFR, serial 9.*add what we have/);
	},
	Knot => sub {
		my $s = Server->new(port => free_port());
		$s->zone(6);
		spew($s->path('knot.conf'), "server:\n    rundir: $s->{dir}\n    listen: 127.0.0.1\@$s->{port}\n    udp-workers: 1\n    tcp-workers: 1\n" .
		    "database:\n    storage: $s->{dir}\nkey:\n" . join('', map { "  - id: $_\n    algorithm: $_\n    secret: $secret\n" } @algorithms) .
		    "acl:\n  - id: plain\n    address: 127.0.0.1\n    action: transfer\n  - id: keys\n    key: [" . join(', ', @algorithms) . "]\n    action: transfer\n" .
		    "zone:\n  - domain: $zone\n    storage: $s->{dir}\n    file: zone\n    zonefile-load: difference\n    journal-content: changes\n    acl: [plain, keys]\n" .
		    "    semantic-checks: off\n");
		$s->spawn('knotd', '-c', $s->path('knot.conf'));
		$s->ready;
		return ($s, sub { $s->signal('HUP') }, qr/^IXFR, serial 9[^(]*$/);
	},
	PowerDNS => sub {
		my $s = Server->new(port => free_port());
		my ($db, $d) = ($s->path('db'), $s->dir);
		my $sql = join '', map { slurp($_) } grep { -e } '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';
		spew($s->path('schema'), $sql);
		spew($s->path('pdns.conf'), "launch=gsqlite3\ngsqlite3-database=$db\ngsqlite3-dnssec=yes\nlocal-address=127.0.0.1\nlocal-port=$s->{port}\n" .
		    "socket-dir=$d\nsetuid=\nsetgid=\nsecurity-poll-suffix=\nallow-axfr-ips=127.0.0.0/8\nprimary=yes\ndisable-axfr=no\nzone-cache-refresh-interval=0\n" .
		    "cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-metadata-cache-ttl=0\ndname-processing=yes\nguardian=no\ndaemon=no\nconsistent-backends=yes\n");
		$s->zone(6);
		run('sh', '-c', "sqlite3 $db < $d/schema || perl -MDBI -e 1") ;
		run('pdnsutil', "--config-dir=$d", 'load-zone', $zone, "$d/zone");
		for (@algorithms) {
			run('pdnsutil', "--config-dir=$d", 'import-tsig-key', $_, $_, $secret);
			run('pdnsutil', "--config-dir=$d", 'activate-tsig-key', $zone, $_, 'primary');
		}
		$s->spawn('pdns_server', "--config-dir=$d");
		$s->ready;
		return ($s, sub { run('pdnsutil', "--config-dir=$d", 'load-zone', $zone, "$d/zone"); }, qr/^AXFR, serial 9[^(]*$/);
	},
);

# The records of a file, in lower case: Knot and PowerDNS do not keep it.
sub canonical { my ($file) = @_; return lc join '', sort split /^/, run('./tandem-checkzone', '-q', '-D', $zone, $file) }

sub difference {
	my ($got, $expected) = map { my %line = map { $_ => 1 } split /^/, canonical($_); \%line } @_;
	return join '', (map { "-$_" } grep { !$got->{$_} } sort keys %$expected), map { "+$_" } grep { !$expected->{$_} } sort keys %$got;
}

for my $name (sort keys %start) {
	subtest $name => sub {
		my ($s, $reload, $differences) = eval { $start{$name}->() };
		if (!$s) { diag $@; fail("$name serves"); return }
		my @to = ('127.0.0.1', $s->port, $zone);
		my $out = scratch() . "/$name";
		my %keys = ('plain' => [], map { $_ => [-y => "$_:$_:$secret"] } @algorithms);
		for (sort keys %keys) {
			my $got = run($fetch, @{$keys{$_}}, -o => "$out.6", @to);
			like($got, qr/^AXFR, serial 6/, "whole, $_") or diag $got;
		}
		is(difference("$out.6", $s->path('zone')), '', 'the zone is the master\'s');
		like(run($fetch, -f => "$out.6", @to), qr/^same, serial 6/, 'nothing newer');
		like(run($fetch, -y => "hmac-sha256:hmac-sha512:$secret", @to), qr/^failed, bad: our signature is refused: BADKEY|^failed: (NOTAUTH|REFUSED)/, 'another algorithm');
		like(run($fetch, -y => 'hmac-sha256:hmac-sha256:AAAAAAAAAAAAAAAAAAAAAAAA', @to), qr/BADSIG|^failed: NOTAUTH/, 'another secret');
		like(run($fetch, @to[0, 1], 'no.such.zone'), qr/^failed: (REFUSED|NOTAUTH|SERVFAIL)/, 'another zone');
		for my $serial (7, 9) {
			$s->zone($serial);
			$reload->();
			ok($s->reaches($serial), "it has serial $serial");
		}
		for (sort keys %keys) {
			my $got = run($fetch, @{$keys{$_}}, -f => "$out.6", -o => "$out.9", @to);
			like($got, $differences, "differences of two steps, $_");
		}
		is(difference("$out.9", $s->path('zone')), '', 'the zone is the master\'s');
		# The slave's whole way: its question for the serial is signed too.
		for (qw(plain hmac-sha256)) {
			my $dir = scratch() . "/$name.$_";
			mkdir $dir;
			my $said = run('sh', '-c', "(timeout 60 sh -c 'until grep -q published $dir/said; do sleep 0.1; done'; echo status; echo quit) |
			    timeout 60 $slave @{$keys{$_}} $dir $zone @{[$s->port]} >$dir/said 2>&1; cat $dir/said");
			like($said, qr/published 9\n.*\nstatus: served serial 9, .*, $/m, "a slave, $_") or diag $said;
		}
		$s->stop;
	};
}
done_testing;
