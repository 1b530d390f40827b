# A mirror that stays hears of what becomes current while another one is being ended.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon;
use IO::Handle;
use IO::Socket::INET;
use Peer qw(run slurp until_true);
use Time::HiRes qw(sleep time);

my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, Timeout => 60) or die;
my $tandem = Daemon->prepare('tests/ctl/tandem.conf', more => '');
my $good = slurp('tests/ctl/example.org.1');
my $config = slurp('tests/ctl/tandem.conf');
sub configure { $tandem->configure($config =~ s/\@MORE\@/$_[0]/r) }
sub mirrored { (run('sqlite3', '-cmd', '.timeout 30000', $tandem->path('kept.sqlite3'), 'SELECT serial FROM tandem_state') =~ /^(\d+)/)[0] // 0 }

my $stays = 'mirror "kept" { type sqlite; file "kept.sqlite3"; zones all; };';
$tandem->write('secret', "p\n");
configure("$stays mirror \"silent\" { type mysql; host \"127.0.0.1\" port " . $silent->sockport
    . '; database "d"; user "u"; password-file "secret"; zones all; };');
$tandem->launch;
ok((until_true { -e $tandem->path('kept.sqlite3') && mirrored() == 1 } 10), 'one mirror works');
ok((my $caller = $silent->accept), 'another calls a database that says nothing');
sub journal { run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $tandem->path('journal.sqlite3'), $_[0]) }
ok((until_true { journal("SELECT count(*) FROM zone WHERE name = 'example.org.'") =~ /^1$/ } 10), 'the base of the zone is in the journal');

# The new version waits for the journal while the configuration without the silent mirror is taken over.
open my $lock, '|-', 'sqlite3', $tandem->path('journal.sqlite3') or die;
$lock->autoflush;
my $locked = $tandem->path('locked');
print $lock ".timeout 30000\nBEGIN IMMEDIATE;\n.shell touch $locked\n";
ok((until_true { -e $locked } 10), 'which is locked');
$tandem->write('example.org', $good =~ s/hostmaster \d+/hostmaster 2/r);
my $reload = fork // die;
exec './tandemctl', '-s', $tandem->control_socket, 'reload', 'example.org' or die unless $reload;
sleep 0.5;
configure($stays);
$tandem->signal('HUP');
sleep 0.5;
print $lock "ROLLBACK;\n";
close $lock;
ok($tandem->reaches('example.org', serial => 2, within => 10), 'a version becomes current meanwhile');
ok((until_true { mirrored() == 2 } 10), 'and the mirror that stays has it');
waitpid $reload, 0;
is($tandem->signal('TERM') && $tandem->ended(15), 0, 'ends well');

# Ending several that are silent holds nobody up, and they end together.
my @silent = map { IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, Timeout => 60) or die } 1 .. 3;
sub mute { my ($n, $owner) = @_; return "mirror \"silent$n\" { type mysql; host \"127.0.0.1\" port " . $silent[$n]->sockport
    . "; database \"d\"; user \"u\"; password-file \"secret\"; owner \"$owner\"; zones all; };" }
configure(join ' ', $stays, map { mute($_, 'x') } 0 .. 2);
$tandem->launch;
ok($_->accept, 'a silent database is called') for @silent;
configure(join ' ', $stays, map { mute($_, 'y') } 0 .. 2);
my $start = time;
like($tandem->ctl('reload'), qr/configuration:? +changed/, 'a reload that ends three of them');
# Each may take 10 s for its end.
cmp_ok(time() - $start, '<', 9, sprintf 'holds up nobody: %.2f s', time() - $start);
ok($_->accept, 'and the new ones call') for @silent;
$start = time;
is($tandem->signal('TERM') && $tandem->ended(20), 0, 'TERM ends all of them');
cmp_ok(time() - $start, '<', 25, sprintf 'within the time of one: %.2f s', time() - $start);
done_testing;
