# Mounts.pm - the test with mounts of its own, so that it may have a disk that gets full; without the right to them it is skipped.
package Mounts;
use strict; use warnings;
use Test::More ();

sub import {
	return if $ENV{TANDEM_MOUNTS};
	my $mounts = 'exec 2>/dev/null; unshare -m --propagation private mount -t tmpfs tmpfs /mnt';
	Test::More::plan(skip_all => 'needs the right to mount') if system('sh', '-c', $mounts) != 0;
	$ENV{TANDEM_MOUNTS} = 1;
	exec 'unshare', '-m', '--propagation', 'private', $^X, $0, @ARGV;
}

# A disk of so many kB at the path, which is made.
sub disk {
	my ($path, $kb) = @_;
	mkdir $path;
	system('mount', '-t', 'tmpfs', '-o', "size=${kb}k", 'tmpfs', $path) == 0 or die "mount: $?\n";
}
sub gone { my ($path) = @_; system('umount', $path) }

# Takes all of it but for so many kB, or gives it back.
sub fill {
	my ($path, $left) = @_;
	open my $out, '>', "$path/filler" or die "$path/filler: $!\n";
	$out->autoflush(1);
	1 while syswrite $out, 'x' x 4096;
	truncate $out, (-s $out) - $left * 1024 or die "truncate: $!\n";
}
sub clear { my ($path) = @_; unlink "$path/filler" }
1;
