# kill -9 at any moment of a transfer, whole and by differences: the old version or the new one is there afterwards, whole, in the journal and in the
# file, and the new one comes by itself.  KILLS=n for more of them, SEED=n for the same again.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(transfer);
use Peer qw(free_port run slurp until_true);
use Server;
use Time::HiRes qw(sleep time);

my $kills = $ENV{KILLS} // 5;		# of each kind
my $seed = $ENV{SEED} // 1;
srand $seed;
my %port = map { $_ => free_port() } qw(master slave);
my @zones = ('whole.test', 'parts.test');
my %server = (
	master => Server->prepare('Tandem', port => $port{master}, zones => { map { $_ => { slaves => [$port{slave}], ixfr => scalar($_ =~ /parts/) } } @zones }),
	slave => Server->prepare('Tandem', port => $port{slave}, zones => { map { $_ => { master => $port{master}, ixfr => scalar($_ =~ /parts/) } } @zones }),
);
my ($master, $slave) = @server{qw(master slave)};

# Each record of a whole version tells which it is; of differences each hundredth does.
my $hosts = 40_000;
my %serial;
my %mark = ('whole.test' => $hosts, 'parts.test' => int $hosts / 100);
sub edit {
	my ($zone) = @_;
	my $serial = ++$serial{$zone};
	my $every = $hosts / $mark{$zone};
	$master->write($zone, "\$TTL 300\n\@ SOA ns h $serial 3600 1 86400 60\n\@ NS ns\nns A 192.0.2.1\n" . join '', map {
		"h$_ TXT " . ($_ % $every == 0 ? "v$serial" : 'same') . "\n" } 1 .. $hosts);
	return $serial;
}
# Which version a text or the octets of a transfer are, or what is wrong with it.
sub version {
	my ($zone, $text, $pattern) = @_;
	my %versions;
	$versions{$_}++ for $text =~ /$pattern/g;
	my @all = sort keys %versions;
	return "versions @all" if @all != 1;
	return "$versions{$all[0]} of $mark{$zone} records of version $all[0]" if $versions{$all[0]} != $mark{$zone};
	return $all[0];
}
sub served { my ($name, $zone) = @_; return eval { version($zone, join('', transfer($port{$name}, $zone)), qr/\x00\x10\x00\x01.{4}.v(\d+)/s) } // "none: $@" }
sub filed {
	my ($zone) = @_;
	my $text = slurp($slave->path($zone));
	return length $text ? version($zone, run('./tandem-checkzone', '-q', '-D', $zone, $slave->path($zone)), qr/\sTXT\s+"?v(\d+)/) : 'none';
}

edit($_) for @zones;
$master->launch;
$slave->launch;
ok($slave->reaches($_, serial => 1, within => 10), "$_ is there") for @zones;
ok((until_true { filed($_) eq '1' } 10), "$_ has its file") for @zones;
my %came;
for my $zone (@zones) {
	# Kills come up to as late as it takes to have a version, or so long after the slave has told of one of the steps.
	my $takes = time;
	edit($zone);
	$master->ctl('reload', $zone);
	$slave->reaches($zone, serial => $serial{$zone}, within => 10);
	$takes = time - $takes;
	KILL: for my $n (1 .. $kills) {
		my $serial = edit($zone);
		my $wait = $takes * rand() * rand();
		$slave->hush;
		$master->signal('HUP');
		my $step = (qr/stale/, qr/transfer from .* starts/, qr/done: serial/, qr/committed/, undef)[$n % 5];
		$slave->says(qr/zone \Q$zone\E: .*$step/, 2) if $step;
		sleep $wait;
		$slave->end('KILL');
		my $file = filed($zone);
		$master->stop;		# so that what is served is what was kept
		$slave->launch;
		until_true { defined $slave->serial($zone) } 5;
		my ($kept, $says) = (served('slave', $zone), $slave->serial($zone) // 'nothing');
		my @old_or_new = ($serial - 1, $serial);
		if ($kept ne $says || !grep({ $_ eq $kept } @old_or_new) || $file !~ /^\d+\z/ || $file > $kept) {
			fail("kill $n after $wait s, SEED=$seed: $zone is $kept by AXFR, serial $says, $file in its file; version $serial was under way");
			diag(substr $slave->log, -3000);
			last KILL;
		}
		$came{$kept == $serial ? "new version of $zone" : "old version of $zone"}++;
		$master->launch;
		if (!$slave->reaches($zone, serial => $serial, within => 10) || served('slave', $zone) ne $serial) {
			fail("kill $n after $wait s, SEED=$seed: no progress");
			diag(substr $slave->log, -3000);
			last KILL;
		}
		$came{all}++;
	}
}
is($came{all}, 2 * $kills, "whole after each of @{[2 * $kills]} kills");
note("$_: $came{$_}") for sort keys %came;
ok($slave->reaches($_, serial => $serial{$_}, within => 10), "$_ is up to date") for @zones;
like($slave->log, qr/zone whole\.test: AXFR from .* done/, 'whole zones came');
like($slave->log, qr/zone parts\.test: IXFR from .* done/, 'and differences');

# The journal and the file agree, and nothing is left behind.
$slave->stop;
is(filed($_), $serial{$_}, "the file of $_ is of the last version") for @zones;
is_deeply([map { s{.*/}{}r } glob $slave->path('*.test.*')], [], 'no half-written files are left');
unlink map { $slave->path($_) } @zones;
$master->stop;
$slave->launch;
for my $zone (@zones) {
	ok($slave->reaches($zone, serial => $serial{$zone}, within => 5), "$zone is in the journal");
	is(served('slave', $zone), $serial{$zone}, 'whole');
}
done_testing;
