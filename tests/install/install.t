# What is installed finds what is installed.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Cwd qw(getcwd);
use Daemon;
use Peer qw(run slurp spew until_true);

my $top = getcwd();
my $tandem = Daemon->prepare('tests/install/tandem.conf');
my $dir = $tandem->dir;
my @places = ("prefix=$dir/usr", "sbindir=$dir/usr/sbin", "bindir=$dir/usr/bin", "sysconfdir=$dir/etc", "localstatedir=$dir/var", "mandir=$dir/man", "unitdir=$dir/unit");
unlink glob('*.installed'), 'daemon/config/places.installed.o';
my $said = run('make', 'install', @places);
is($?, 0, 'make install') or diag $said;
my ($daemon, $ctl) = map { "$dir/usr/sbin/$_" } qw(tandemd tandemctl);
$tandem->spawn($daemon, '-c', 'tandem.conf');
$tandem->up(30, sub { defined $tandem->serial('example.org') });
$said = run($ctl, 'status');
is($?, 0, 'without a word about a socket the client finds the server') or diag $said;
like($said, qr/^example\.org +master +1 /m, 'and asks it');
like(run("$dir/usr/bin/tandem-checkconf", '-p', "$dir/tandem.conf"), qr{^\tunix "\Q$dir\E/var/run/tandem/tandemd\.sock";$}m, 'which tandem-checkconf knows');
like(run("$top/tandemd", '-p', '-c', "$dir/tandem.conf"), qr{^\tunix "var/run/tandemd\.sock";$}m, 'in the source tree it is another');
like(run($ctl, '-h'), qr{\Q$dir\E/var/run/tandem/tandemd\.sock}, 'the help says where');
$tandem->stop;

# The unit, the configuration and the directories agree.
my $unit = slurp("$dir/unit/tandemd.service");
my $conf = slurp("$dir/etc/tandem/tandem.conf");
my %credential = $unit =~ m{^LoadCredential=([^:]+):(.*)$}mg;
my ($secret) = $conf =~ m{password-file "/run/credentials/tandemd\.service/(.*?)"};
is($credential{$secret // ''}, "$dir/etc/tandem/mysql.pw", 'the password that the configuration shows is one that the unit hands over');
like($unit, qr/^SetCredential=\Q$secret\E:./m, 'or none, so that the unit starts without');
like($conf, qr{\Q$credential{$secret}\E}, 'from the file that the configuration names');
my ($writable) = $unit =~ /^ReadWritePaths=-?(.*)$/m;
ok(-d $writable, 'zone files can be written where they are installed');
like($conf, qr{file "\Q$writable\E/}, 'as the configuration shows them');
$said = run('make', 'uninstall', @places);
is($?, 0, 'make uninstall') or diag $said;
is(join(' ', sort grep { -f } glob "$dir/usr/*bin/* $dir/man/*/*"), '', 'leaves none of them');
ok(-e "$dir/etc/tandem/tandem.conf", 'but the configuration');
unlink glob('*.installed'), 'daemon/config/places.installed.o';

# Who says how to link keeps it: tests of objects that only the linker optimizes could not be linked without.
for my $flags ('-O1 -flto=auto', '-O2 -fno-lto') {
	$said = run('sh', '-c', 'mkdir -p "$1" && cp configure Makefile.in "$1" && cd "$1" && CFLAGS="$2" ./configure', 'sh', "$dir/src", $flags);
	is($?, 0, "configure with $flags") or diag $said;
	like(slurp("$dir/src/Makefile"), qr/^LTO = *$/m, 'adds nothing to that');
}
done_testing;
