#!/usr/bin/perl
# zone.pl - prints a zone to measure with, the same for the same arguments.
#   zone.pl host ORIGIN NAMES	A and AAAA for each, MX and TXT for one in four
#   zone.pl tld ORIGIN NAMES	two NS for each, DS for one in five, glue for one in ten
use strict; use warnings;

my ($kind, $origin, $names) = @ARGV;
die "usage: zone.pl host|tld ORIGIN NAMES\n" unless defined $names && $kind =~ /^(host|tld)$/;
print "\$ORIGIN $origin.\n\$TTL 3600\n\@ SOA ns1 hostmaster 1 7200 900 1209600 300\n\@ NS ns1\n\@ NS ns2\n",
    "ns1 A 192.0.2.1\nns2 A 192.0.2.2\n";
my $state = 1;
for my $n (1 .. $names) {
	$state = $state * 48271 % 2147483647;
	# Labels of some ten octets, in no order.
	my $label = join '', map { my $from = $_ % 2 ? 'aeiou' : 'bdfgklmnprst';
	    substr $from, ($state >> 3 * $_) % length $from, 1 } 0 .. 3 + $state % 4;
	$label .= $n;
	my $low = join '.', $n >> 16 & 255, $n >> 8 & 255, $n & 255;
	my $hex = sprintf '%x:%x', $n >> 16, $n & 65535;
	if ($kind eq 'host') {
		print "$label A 10.$low\n\tAAAA 2001:db8::$hex\n";
		print "\tMX 10 $label\n\tTXT \"v=spf1 ip4:10.$low -all\"\n" if $n % 4 == 0;
	} elsif ($n % 10 == 0) {
		print "$label NS ns1.$label\n\tNS ns2.$label\nns1.$label A 10.$low\nns2.$label AAAA 2001:db8::$hex\n";
	} else {
		my $host = $state % 5000;
		print "$label NS ns1.host$host.example.net.\n\tNS ns2.host$host.example.net.\n";
	}
	printf "%s 86400 DS %d 13 2 %s\n", $label, $n % 65536, join '', map { sprintf '%016X', $state * $_ } 1 .. 4
	    if $kind eq 'tld' && $n % 5 == 0;
}
