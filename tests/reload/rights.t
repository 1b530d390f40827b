# What the server may no longer read or write: it says so, serves what it has, and goes on when it may again.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Cwd qw(getcwd);
use Daemon;
use File::Basename qw(dirname);
use File::Copy qw(copy);
use Peer qw(slurp until_true);

my $tandem = Daemon->prepare('tests/reload/tandem.conf', more => '');
my $dir = $tandem->dir;
mkdir "$dir/$_" for qw(zones zones/part state run);
my $conf = slurp('tests/reload/tandem.conf') =~ s/pid-file "pid"/pid-file "run\/pid"; journal "state\/journal.sqlite3"/r =~ s/file "example/file "zones\/example/r;
$tandem->configure($conf);
my $zone = slurp('tests/ctl/example.org.1');
sub edit {
	my ($serial) = @_;
	$tandem->write('zones/example.org', ($zone =~ s/hostmaster \d+/hostmaster $serial/r) . "\$INCLUDE $dir/zones/part/more\n");
	chown 65534, 65534, "$dir/zones/example.org" if $> == 0;
}
edit(1);
$tandem->write('zones/part/more', "more A 192.0.2.99\n");

# Root may everything.
my @as = $> == 0 ? qw(setpriv --reuid=65534 --regid=65534 --clear-groups) : ();
if (@as) {
	copy(getcwd() . '/tandemd', "$dir/tandemd") or die;
	chmod 0755, "$dir/tandemd", dirname($dir);
	system('chown', '-R', '65534:65534', $dir);
}
my $program = @as ? "$dir/tandemd" : getcwd() . '/tandemd';
sub launch { $tandem->spawn(@as, $program, '-c', 'tandem.conf'); $tandem->up(30, sub { defined $tandem->serial('other.test') }) }
sub mode { my ($mode, $path) = @_; chmod $mode, "$dir/$path" or die "$path: $!" }
launch();
is($tandem->serial('example.org'), 1, 'it serves');

my $serial = 1;
for (['zones/example.org', 0644, 0, qr/zones\/example\.org: error: Permission denied/],
    ['zones', 0755, 0, qr/zones\/example\.org: error: Permission denied/],
    ['zones/part', 0755, 0, qr/example\.org:6:\d+: error: .*\/zones\/part\/more: Permission denied/]) {
	my ($path, $good, $bad, $says) = @$_;
	edit(++$serial);
	mode($bad, $path);
	like($tandem->ctl('reload', 'example.org'), $says, "$path: said");
	is($? >> 8, 1, 'ends with 1');
	is($tandem->serial('example.org'), $serial - 1, 'the version before is served');
	like($tandem->ctl('status'), qr/^example\.org .* old version, file has errors$/m, 'and the state says that it is one');
	mode($good, $path);
	$tandem->ctl('reload');
	is($tandem->serial('example.org'), $serial, 'when it may again it reads it');
}

mode(0, 'tandem.conf');
like($tandem->ctl('reload'), qr/tandem\.conf: error: Permission denied\n.*not taken over/, 'so with the configuration');
mode(0644, 'tandem.conf');
$tandem->ctl('reload');
is($?, 0, 'and back');

mode(0555, 'zones');
like($tandem->ctl('increase-serial', 'example.org'), qr/the serial cannot be changed: Permission denied/, 'a serial that cannot be written');
is($tandem->serial('example.org'), $serial, 'is not raised');
like($tandem->ctl('rollback', 'example.org', $serial - 1), qr/zones\/example\.org\.\d+: Permission denied/, 'nor is a version brought back');
mode(0755, 'zones');

# A zone file of somebody else, of which Linux may allow no second name.
chown 0, 0, "$dir/zones/example.org" if @as;
my $now = slurp("$dir/zones/example.org");
like($tandem->ctl('rollback', 'example.org', $serial - 1), qr/^example\.org +$serial +${\($serial + 1)} .*loaded$/m, 'a version comes back into a file of somebody else');
is(slurp("$dir/zones/example.org.$serial"), $now, 'which is kept beside it');
$serial++;

# The pid file at the end, the journal at a start.
mode(0555, 'run');
$tandem->signal('TERM');
is($tandem->ended(10), 0, 'it ends with 0');
like($tandem->log, qr/warning: .*run\/pid: not removed: Permission denied/, 'and says that its pid file stays');
unlink glob "$dir/state/*";
mode(0755, 'run');
unlink "$dir/run/pid";
mode(0555, 'run');
mode(0555, 'state');
launch();
ok($tandem->says(qr/warning: .*run\/pid: Permission denied/, 5), 'a start without a pid file says so');
ok($tandem->says(qr/error: journal .*state\/journal\.sqlite3: cannot be opened or made: Permission denied; what is served stays as it is/, 5), 'and of the journal why, and what that means');
is($tandem->serial('example.org'), $serial, 'it serves');
edit(++$serial);
like($tandem->ctl('reload', 'example.org'), qr/failed: journal .*: cannot be opened or made: Permission denied/, 'a change that the journal cannot take');
is($tandem->serial('example.org'), $serial - 1, 'is not served');
mode(0755, 'state');
$tandem->ctl('reload', 'example.org');
is($tandem->serial('example.org'), $serial, 'until it can');
like($tandem->log, qr/journal .*: can be written again/, 'which is said too');
mode(0755, 'run');
done_testing;
