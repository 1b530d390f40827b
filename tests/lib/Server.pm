# Server.pm - BIND, NSD, Knot, PowerDNS or tandemd as master and slave of zones that the test names.
package Server;
use strict; use warnings;
use parent 'Peer';
use Ask qw(ask);
use Daemon;
use MIME::Base64 qw(encode_base64);
use Peer qw(free_port run slurp spew until_true);

# Server->prepare(KIND, keys => { name => algorithm }, zones => { name => how }), where how is
#	{ master => port } of a slave, { slaves => [ports] } of a master, whose file is called as the zone
#	key => name: signed, both ways; ixfr => 0: whole zones only; "udp": differences are asked for over UDP (NSD alone can)
# Slaves give their zones to everybody on 127.0.0.1.
my %prepare;
sub prepare {
	my ($class, $kind, %arg) = @_;
	return Server::Tandem->prepare(%arg) if $kind eq 'Tandem';
	my $self = $class->new(port => free_port(), kind => $kind, keys => {}, %arg);
	$prepare{$kind}->($self);
	return $self;
}

sub launch {
	my ($self) = @_;
	# BIND refuses a file that was edited while it was down when its journal does not lead there.
	unlink map { $self->path("$_.jnl") } $self->own if $self->{kind} eq 'BIND';
	$self->spawn(@{$self->{command}});
	return $self->up(30, sub { ask($self->{port}, 'up.test', 'A', timeout => 0.2) && !grep { !defined $self->serial($_) } $self->own });
}

sub kind { $_[0]{kind} }
sub serial { Ask::serial($_[0]{port}, $_[1]) }
sub zones { my ($self) = @_; return sort keys %{$self->{zones}} }
sub own { my ($self) = @_; return grep { $self->{zones}{$_}{slaves} } $self->zones }	# it is their master
sub write { my ($self, $name, $text) = @_; spew($self->path($name), $text) }

# It reads the files again.
sub reload {
	my ($self) = @_;
	if ($self->{kind} ne 'PowerDNS') { $self->signal('HUP'); return }
	$self->load($_) for $self->own;
}

# On TERM or KILL; NSD has children that end otherwise.
sub end {
	my ($self, $how) = @_;
	my @children = grep { $_ != $self->pid } $self->processes;
	$self->signal($how);
	defined $self->ended(20) or die "$self->{kind} does not end on $how\n";
	kill $how, @children if $how eq 'KILL';
}

sub secret { my ($key) = @_; return encode_base64(sprintf('%-64.64s', "secret of $key"), '') }

# --- BIND ---
$prepare{BIND} = sub {
	my ($self) = @_;
	my $text = join '', map { "key \"$_\" { algorithm $self->{keys}{$_}; secret \"@{[secret($_)]}\"; };\n" } sort keys %{$self->{keys}};
	$text .= <<EOT;
options { directory "$self->{dir}"; pid-file none; session-keyfile none; managed-keys-directory "$self->{dir}"; recursion no; notify no;
	listen-on port $self->{port} { 127.0.0.1; }; listen-on-v6 { none; }; allow-transfer { any; }; dnssec-validation no; empty-zones-enable no;
	notify-delay 0; notify-rate 1000; startup-notify-rate 1000; serial-query-rate 1000; transfers-in 50; transfers-per-ns 50; transfers-out 50;
	min-refresh-time 1; min-retry-time 1; max-retry-time 1; };
controls { };
EOT
	for my $zone ($self->zones) {
		my $how = $self->{zones}{$zone};
		my $key = $how->{key} ? " key \"$how->{key}\"" : '';
		$text .= "zone \"$zone\" { file \"$zone\"; check-names ignore; ";
		$text .= $how->{master} ? "type secondary; primaries { 127.0.0.1 port $how->{master}$key; }; request-ixfr " . ($how->{ixfr} ? 'yes' : 'no') . ";"
		    : 'type primary; ixfr-from-differences yes; allow-transfer {' . ($key || ' any') . "; }; notify explicit; also-notify { " .
		    join('', map { "127.0.0.1 port $_$key; " } @{$how->{slaves}}) . '};';
		$text .= " };\n";
	}
	spew($self->path('named.conf'), $text);
	$self->{command} = ['named', '-f', '-4', '-n', 1, '-U', 1, '-L', $self->path('log'), '-c', $self->path('named.conf')];
};

# --- NSD ---
$prepare{NSD} = sub {
	my ($self) = @_;
	my $dir = $self->dir;
	my $text = <<EOT . join '', map { "key:\n\tname: $_\n\talgorithm: $self->{keys}{$_}\n\tsecret: \"@{[secret($_)]}\"\n" } sort keys %{$self->{keys}};
server:
	ip-address: 127.0.0.1\@$self->{port}
	zonesdir: "$dir"
	database: ""
	pidfile: "$dir/pid"
	xfrdfile: "$dir/xfrd.state"
	zonelistfile: "$dir/zone.list"
	xfrdir: "$dir"
	username: ""
	server-count: 1
	xfrd-reload-timeout: 0
remote-control:
	control-enable: no
EOT
	for my $zone ($self->zones) {
		my $how = $self->{zones}{$zone};
		my $key = $how->{key} // 'NOKEY';
		$text .= "zone:\n\tname: $zone\n\tzonefile: $zone\n";
		if ($how->{master}) {
			my $manner = $how->{ixfr} eq 'udp' ? 'UDP ' : $how->{ixfr} ? '' : 'AXFR ';
			$text .= "\trequest-xfr: ${manner}127.0.0.1\@$how->{master} $key\n\tallow-notify: 127.0.0.1 $key\n" .
			    "\tprovide-xfr: 127.0.0.1 NOKEY\n\tmax-refresh-time: 2\n\tmax-retry-time: 1\n";
		} else {
			$text .= "\tprovide-xfr: 127.0.0.1 $key\n\tstore-ixfr: yes\n\tcreate-ixfr: yes\n" .
			    join '', map { "\tnotify: 127.0.0.1\@$_ $key\n" } @{$how->{slaves}};
		}
	}
	spew("$dir/nsd.conf", $text);
	$self->{command} = ['nsd', '-d', '-c', "$dir/nsd.conf"];
};

# --- Knot ---
$prepare{Knot} = sub {
	my ($self) = @_;
	my $dir = $self->dir;
	my @keys = sort keys %{$self->{keys}};
	my $text = "server:\n    rundir: $dir\n    listen: 127.0.0.1\@$self->{port}\n    udp-workers: 1\n    tcp-workers: 1\n" .
	    "log:\n  - target: stderr\n    any: info\ndatabase:\n    storage: $dir\n" .
	    (@keys ? "key:\n" : '') . join '', map { "  - id: $_\n    algorithm: $self->{keys}{$_}\n    secret: @{[secret($_)]}\n" } @keys;
	my ($remotes, $zones) = ('', '');
	for my $zone ($self->zones) {
		my $how = $self->{zones}{$zone};
		my $key = $how->{key} ? "    key: $how->{key}\n" : '';
		my $name = $how->{key} // 'plain';
		my $n = 0;
		my @ids;
		for ($how->{master} // @{$how->{slaves}}) {
			push @ids, "$zone-" . ++$n;
			$remotes .= "  - id: $ids[-1]\n    address: 127.0.0.1\@$_\n$key";
		}
		$zones .= "  - domain: $zone\n    storage: $dir\n    file: $zone\n    semantic-checks: off\n";
		# Without zonefile-sync -1 it may write an old version over an edit when it ends.
		$zones .= $how->{master} ? "    master: $ids[0]\n    acl: [plain-transfer, $name-notify]\n    refresh-max-interval: 2\n    retry-max-interval: 2\n"
		    : "    zonefile-load: difference\n    zonefile-sync: -1\n    journal-content: changes\n    notify: [@{[join ', ', @ids]}]\n    acl: $name-transfer\n" .
		    "    provide-ixfr: " . ($how->{ixfr} ? 'on' : 'off') . "\n";
	}
	$text .= ($remotes ? "remote:\n$remotes" : '') . "acl:\n";
	for my $name ('plain', @keys) {
		$text .= "  - id: $name-$_\n    address: 127.0.0.1\n    action: $_\n" . ($name eq 'plain' ? '' : "    key: $name\n") for qw(transfer notify);
	}
	spew("$dir/knot.conf", "${text}zone:\n$zones");
	$self->{command} = ['knotd', '-c', "$dir/knot.conf"];
};

# --- PowerDNS, on SQLite ---
$prepare{PowerDNS} = sub {
	my ($self) = @_;
	my ($dir, $db) = ($self->dir, $self->path('db'));
	spew("$dir/pdns.conf", <<EOT);
launch=gsqlite3
gsqlite3-database=$db
gsqlite3-dnssec=yes
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port=$self->{port}
socket-dir=$dir
config-dir=$dir
setuid=
setgid=
security-poll-suffix=
guardian=no
daemon=no
primary=yes
secondary=yes
disable-axfr=no
allow-axfr-ips=
allow-notify-from=127.0.0.0/8
only-notify=
xfr-cycle-interval=1
retrieval-threads=1
dname-processing=yes
8bit-dns=yes
consistent-backends=yes
zone-cache-refresh-interval=0
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-metadata-cache-ttl=0
loglevel=6
EOT
	my $sql = slurp('/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql') . "BEGIN;\n";
	$sql .= "INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('$_', '$self->{keys}{$_}', '@{[secret($_)]}');\n" for sort keys %{$self->{keys}};
	for my $zone ($self->zones) {
		my $how = $self->{zones}{$zone};
		my $meta = sub { $sql .= "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, '$_[0]', '$_[1]' FROM domains WHERE name = '$zone';\n" };
		if ($how->{master}) {
			$sql .= "INSERT INTO domains (name, master, type) VALUES ('$zone', '127.0.0.1:$how->{master}', 'SLAVE');\n";
			$meta->('AXFR-MASTER-TSIG', $how->{key}) if $how->{key};
			$meta->('IXFR', 1) if $how->{ixfr};
			$meta->('ALLOW-AXFR-FROM', '127.0.0.0/8');
		} else {
			$sql .= "INSERT INTO domains (name, type) VALUES ('$zone', 'MASTER');\n";
			$meta->($how->{key} ? ('TSIG-ALLOW-AXFR', $how->{key}) : ('ALLOW-AXFR-FROM', '127.0.0.0/8'));
			$meta->('ALSO-NOTIFY', "127.0.0.1:$_") for @{$how->{slaves}};
		}
	}
	spew("$dir/sql", "$sql\nCOMMIT;\n");
	my $said = run('sh', '-c', "sqlite3 '$db' <'$dir/sql'");
	die $said if $?;
	$self->{command} = ['pdns_server', "--config-dir=$dir"];
};

# The zone's file into the database.
sub load {
	my ($self, $zone) = @_;
	my $said = run('pdnsutil', "--config-dir=$self->{dir}", 'load-zone', $zone, $self->path($zone));
	die $said if $?;
}

# --- tandemd ---
package Server::Tandem;
our @ISA = ('Daemon');

sub prepare {
	my ($class, %arg) = @_;
	my $text = join '', map { "key \"$_\" { algorithm $arg{keys}{$_}; secret \"@{[Server::secret($_)]}\"; };\n" } sort keys %{$arg{keys} // {}};
	$text .= <<'EOT';
options {
	directory "@DIR@";
	listen-on port @PORT@ { 127.0.0.1; }; listen-on-v6 { none; };
	workers 1;
	allow-transfer { 127.0.0.1; };
	notify no; notify-delay 0; notify-rate 1000; startup-notify-rate 1000; serial-query-rate 1000;
	transfers-in 50; transfers-per-ns 50; transfers-out 50;
	min-refresh-time 1; min-retry-time 1; max-retry-time 1;
};
controls { unix "control"; };
EOT
	for my $zone (sort keys %{$arg{zones}}) {
		my $how = $arg{zones}{$zone};
		my $key = $how->{key} ? " key \"$how->{key}\"" : '';
		$text .= "zone \"$zone\" { file \"$zone\"; " . ($how->{master} ?
		    "type slave; masters { 127.0.0.1 port $how->{master}$key; }; request-ixfr " . ($how->{ixfr} ? 'yes' : 'no') :
		    'type master; provide-ixfr ' . ($how->{ixfr} ? 'yes' : 'no') . '; allow-transfer {' . ($key || ' 127.0.0.1') . "; }; notify explicit; also-notify { " .
		    join('', map { "127.0.0.1 port $_$key; " } @{$how->{slaves}}) . '}') . "; };\n";
	}
	my $template = Peer->new->path('tandem.conf');
	Peer::spew($template, $text);
	my $self = $class->SUPER::prepare($template);
	if ($arg{port}) {
		$self->{port} = $self->{value}{port} = $arg{port};
		$self->configure($text);
	}
	$self->{kind} = 'Tandem';
	$self->{zones} = $arg{zones};
	return $self;
}

sub kind { $_[0]{kind} }
sub zones { return Server::zones(@_) }
sub own { return Server::own(@_) }
sub reload { $_[0]->signal('HUP') }
sub end { return Server::end(@_) }
1;
