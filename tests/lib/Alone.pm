# Alone.pm - the test in a network of its own, where it may have any address and port; without the right to one it is skipped.
package Alone;
use strict; use warnings;
use Test::More ();

sub import {
	return if $ENV{TANDEM_ALONE};
	my $alone = 'exec 2>/dev/null; unshare -n ip link set lo up';
	Test::More::plan(skip_all => 'needs the right to unshare a network') if system('sh', '-c', $alone) != 0;
	$ENV{TANDEM_ALONE} = 1;
	exec 'unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', $^X, $0, @ARGV;
}
1;
