# PowerDNS.pm - a private PowerDNS on mirrored tables.
package PowerDNS;
use strict; use warnings;
use parent 'Peer';
use Ask qw(ask);
use Peer qw(free_port run spew until_true);

# PowerDNS->start(mysql => $mariadb) or (sqlite => $file); cache => 0 without caches, else with
# such as keep an answer longer than any test waits; at another address and port than 127.0.0.1 and a free one: at, port.  Other arguments are settings, with "_" for "-".
sub start {
	my ($class, %arg) = @_;
	my ($mysql, $sqlite, $cache, $at, $port) = delete @arg{qw(mysql sqlite cache at port)};
	my $self = $class->new(at => $at // '127.0.0.1', port => $port // free_port(), api_port => free_port(), api_key => 'key-' . int rand 1e9);
	my %setting = (
		$mysql ? (launch => 'gmysql', 'gmysql-socket' => $mysql->socket, 'gmysql-user' => 'pdns',
		    'gmysql-password' => $mysql->password, 'gmysql-dbname' => 'powerdns', 'gmysql-dnssec' => 'yes')
		: (launch => 'gsqlite3', 'gsqlite3-database' => $sqlite, 'gsqlite3-dnssec' => 'yes'),
		'local-address' => $self->{at}, 'local-port' => $self->{port}, 'socket-dir' => $self->{dir},
		'guardian' => 'no', 'daemon' => 'no', 'write-pid' => 'no', 'setuid' => '', 'setgid' => '',
		'security-poll-suffix' => '', 'version-string' => 'anonymous', 'config-dir' => $self->{dir},
		'dname-processing' => 'yes', '8bit-dns' => 'yes', 'primary' => 'no', 'secondary' => 'no',
		'any-to-tcp' => 'no', 'udp-truncation-threshold' => 4096, 'distributor-threads' => 1, 'receiver-threads' => 1,
		'webserver' => 'yes', 'webserver-address' => '127.0.0.1', 'webserver-port' => $self->{api_port},
		'api' => 'yes', 'api-key' => $self->{api_key}, 'loglevel' => 4,
		($cache // 1) ? map({ $_ => 3600 } qw(cache-ttl query-cache-ttl negquery-cache-ttl))
		: map { $_ => 0 } qw(cache-ttl query-cache-ttl negquery-cache-ttl
		    zone-cache-refresh-interval zone-metadata-cache-ttl dnssec-key-cache-ttl),
	);
	$setting{tr/_/-/r} = $arg{$_} for keys %arg;
	spew($self->path('pdns.conf'), join '', map { "$_=$setting{$_}\n" } sort keys %setting);
	$self->spawn('pdns_server', "--config-dir=$self->{dir}");
	return $self->up(30, sub { $self->control('rping') =~ /PONG/ && ask($self->{port}, 'no.such.zone', 'A', timeout => 0.5, at => $self->{at}) });
}

sub control_socket { $_[0]->path('pdns.controlsocket') }
sub api { "http://127.0.0.1:$_[0]{api_port}" }
sub api_key { $_[0]{api_key} }

# A command by pdns_control.
sub control {
	my ($self, @command) = @_;
	return run('pdns_control', "--config-dir=$self->{dir}", "--socket-dir=$self->{dir}", @command);
}

sub serial { Ask::serial($_[0]{port}, $_[1], $_[0]{at}) }

sub reaches {
	my ($self, $zone, %opt) = @_;
	return until_true { ($self->serial($zone) // -1) == $opt{serial} } $opt{within};
}
1;
