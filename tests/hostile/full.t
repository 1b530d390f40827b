# A disk that gets full while the journal or the file of a slave is written: the old version is served, the reason is told, and all
# goes on by itself once there is room.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Mounts;
use Ask qw(contents);
use Daemon;
use Peer qw(free_port run slurp until_true);
use Server;

my $port = free_port();
my $master = Server->prepare('Tandem', zones => { 'z.test' => { slaves => [$port], ixfr => 1 } });
my $serial = 0;
my @text = ('the same for ever') x 3001;
sub edit {	# so many of the records change
	my ($changes) = @_;
	$serial++;
	$text[$_] = "version $serial" for 1 .. $changes;
	$master->write('z.test', "\$TTL 300\n\@ SOA ns h $serial 3600 1 86400 60\n\@ NS ns\nns A 192.0.2.1\n" .
	    join '', map { "h$_ TXT \"$text[$_] " . 'x' x 60 . "\"\n" } 1 .. 3000);
	$master->signal('HUP');
}
edit(0);
$master->launch;
my $slave = Daemon->prepare('tests/hostile/full.conf', port => $port, master => $master->port);
$slave->{port} = $port;
my $disk = $slave->path('disk');
Mounts::disk($disk, 8192);
$slave->launch;
ok($slave->reaches('z.test', serial => 1, within => 10), 'a slave');
ok((until_true { -s "$disk/z.test" } 10), 'has its file');
sub filed { return slurp("$disk/z.test") =~ /^\@\tSOA\t.*?(\d+) 3600/m ? $1 : 'none' }
sub whole { contents($slave->port, 'z.test') eq contents($master->port, 'z.test') }
ok(whole(), 'the zone is whole');
my $old = contents($slave->port, 'z.test');

# The journal.
Mounts::fill($disk, 0);
$slave->hush;
my $start = time;
edit(2500);
ok($slave->says(qr/still serving serial 1/, 10), 'a version that the journal has no room for is not served') or diag($slave->log);
like($slave->said, qr/^.*journal.*(full|space|journal).*$/m, 'with the reason');
is(contents($slave->port, 'z.test'), $old, 'the old version is served, whole');
like($slave->ctl('status', 'z.test'), qr/^serial: 1$/m, 'status tells');
select undef, undef, undef, 3;
# After 1 s, 2, 4 and so on.
cmp_ok(scalar(() = $slave->said =~ /still serving serial 1/g), '<=', 2 + log(2 + time - $start) / log 2, 'and it is tried again less and less often');
Mounts::clear($disk);
ok($slave->reaches('z.test', serial => 2, within => 10), 'once there is room the new one comes by itself') or diag($slave->said);
ok(whole(), 'whole');

# A crash while the disk is full.
Mounts::fill($disk, 0);
edit(2500);
ok($slave->says(qr/still serving serial 2/, 10), 'the next one has no room');
$slave->kill9;
eval { $slave->launch };
until_true { defined $slave->serial('z.test') || defined $slave->ended(0) } 10;
is($slave->serial('z.test'), 2, 'after a crash on a full disk the old version is served');
ok(!$slave->serial('z.test') || eval { contents($slave->port, 'z.test') !~ /^none/ }, 'whole');
Mounts::clear($disk);
ok($slave->reaches('z.test', serial => 3, within => 10), 'and the new one comes once there is room') or diag($slave->said);
ok(whole(), 'whole');

# The file: the journal has room for a small difference.
$slave->stop;
$slave->launch;
ok($slave->reaches('z.test', serial => 3, within => 10), 'a restart');
Mounts::fill($disk, 150);
$slave->hush;
edit(1);
ok($slave->reaches('z.test', serial => 4, within => 10), 'a difference that the journal has room for is served') or diag($slave->said);
ok($slave->says(qr{disk/z\.test was not written: No space left on device; the journal has the zone}, 10), 'that the file has none is told') or diag($slave->said);
is(filed(), 3, 'the old file stays');
Mounts::clear($disk);
$slave->stop;
is(filed(), 4, 'it is written once there is room');
is_deeply([glob "$disk/z.test.*"], [], 'nothing is left half-written');
$slave->launch;
ok($slave->reaches('z.test', serial => 4, within => 10) && whole(), 'and the zone is whole after a restart');
$slave->stop;
Mounts::gone($disk);
done_testing;
