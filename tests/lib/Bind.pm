# Bind.pm - a private named on the same zone files.
package Bind;
use strict; use warnings;
use parent 'Peer';
use Ask qw(serial);
use Peer qw(free_port spew slurp until_true);

# Bind->start(zone => file, ...).  SIGHUP reads the files again.  Before the zones may come -options => { clause => value, ... },
# -top => statements, and -port.
sub start {
	my ($class, %file) = @_;
	my $self = $class->new(port => delete $file{-port} // free_port());
	my %option = (notify => 'no', 'allow-transfer' => '{ any; }', %{delete $file{-options} // {}});
	my $options = join '', map { "$_ $option{$_};\n" } sort keys %option;
	my $top = delete $file{-top} // '';
	my $zones = join '', map { "zone \"$_\" { type primary; file \"$file{$_}\"; };\n" } sort keys %file;
	spew($self->path('named.conf'), <<EOT);
options {
	directory "$self->{dir}";
	pid-file none; session-keyfile none; managed-keys-directory "$self->{dir}";
	listen-on port $self->{port} { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no;
	$options
	minimal-responses yes; zero-no-soa-ttl no; rrset-order { order none; }; answer-cookie no;
	edns-udp-size 4096; max-udp-size 4096;
	check-names primary ignore; check-integrity no; check-dup-records ignore;
	check-mx ignore; check-mx-cname ignore; check-srv-cname ignore; check-spf ignore; check-sibling no;
	zone-statistics no; empty-zones-enable no; version none; hostname none;
};
controls { };
$top
$zones
EOT
	$self->spawn('named', '-f', '-4', '-n', 1, '-U', 1, '-L', $self->path('log'), '-c', $self->path('named.conf'));
	return $self->up(30, sub { !grep { !defined serial($self->{port}, $_) } keys %file });
}

# Reads the files again; true when the zone answers with the serial.
sub reaches {
	my ($self, $zone, %opt) = @_;
	return until_true { (serial($self->{port}, $zone) // -1) == $opt{serial} } $opt{within};
}
1;
