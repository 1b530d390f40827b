# Signer.pm - signs zone files with keys made for the test.
package Signer;
use strict; use warnings;
use Exporter 'import';
use Peer qw(run slurp);

our @EXPORT_OK = qw(make_keys sign);

# A pair of keys for the zone in a new directory.  Returns the public key that is to be trusted.
sub make_keys {
	my ($directory, $zone) = @_;
	mkdir $directory or die "$directory: $!\n";
	my ($file) = map { run('dnssec-keygen', '-q', '-K', $directory, '-a', 'ECDSAP256SHA256', @$_, $zone) =~ /(\S+)/ }
	    ['-f', 'KSK'], [];
	my ($ksk) = grep { slurp($_) =~ /DNSKEY 257/ } glob "$directory/*.key";
	return slurp($ksk) =~ /DNSKEY (257 3 13 .*)/ ? $1 : die "dnssec-keygen: $file\n";
}

# More arguments are dnssec-signzone's.
sub sign {
	my ($zone, $keys, $from, $to, @how) = @_;
	my $said = run('dnssec-signzone', '-q', '-S', '-K', $keys, '-d', $keys, '-o', $zone, '-O', 'full', '-f', $to, @how, $from);
	die "dnssec-signzone: $said" if $?;
}
1;
