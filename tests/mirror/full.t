# The disk of an SQLite mirror gets full: zones are edited and served on, PowerDNS's tables stay those of one version, the
# reason is told, and all is made up for by itself once there is room.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Mounts;
use Daemon;
use Peer qw(run slurp spew until_true);

my $home = Peer->new;
my $disk = $home->path('disk');
Mounts::disk($disk, 4096);
my $file = "$disk/pdns.sqlite3";
spew($home->path('tandem.conf'), slurp('tests/mirror/tandem.conf') =~ s/mirror "fleet" \{.*\};\n/mirror "fleet" { type sqlite; file "\@FILE\@"; owner "tandem\@test"; };\n/sr);
my $tandem = Daemon->prepare($home->path('tandem.conf'), file => $file, zones => join '', map { "zone \"$_\" { type master; file \"$_\"; };\n" } 'a.test', 'b.test');
my $serial = 0;
sub edit {	# nearly all records change
	my ($zone) = @_;
	$serial++;
	$tandem->write($zone, "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n" . join '', map { "h$_ TXT \"version $serial " . 'x' x 60 . "\"\n" } 1 .. 2000);
	$tandem->ctl('reload', $zone);
}
sub sqlite { run('sqlite3', '-readonly', '-cmd', '.timeout 5000', $file, $_[0]) =~ s/\s+$//r }
sub mirrored { my ($zone) = @_; return sqlite("SELECT serial FROM tandem_state WHERE name = '$zone'") }
# How many rows there are of which versions.
sub versions { my ($zone) = @_; return sqlite("SELECT COUNT(*), substr(content, 1, 11) FROM records WHERE name LIKE 'h%.$zone' GROUP BY 2") =~ s/"//gr }
sub right { my ($what) = @_; like($tandem->ctl('mirror', 'verify'), qr/zones as they should be: +2\nzones that differ: +0\n/, "$what: the rows are right") }

edit('a.test');
edit('b.test');
$tandem->launch;
ok((until_true { mirrored('a.test') eq 1 && mirrored('b.test') eq 2 } 20), 'both are mirrored') or diag($tandem->log);
right('at first');

Mounts::fill($disk, 0);
$tandem->hush;
edit('a.test');
ok($tandem->reaches('a.test', serial => 3, within => 5), 'full: an edit is served');
ok($tandem->says(qr/mirror fleet: \Q$file\E: .*(full|I\/O error).*it is tried again/, 10), 'the reason is told') or diag($tandem->said);
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^fleet +active +\S+ +1 +1 +0 .*(full|I\/O error)/m } 5), 'status: one zone is behind, and why') or diag($tandem->ctl('mirror', 'status'));
edit($_) for 'b.test', 'a.test';
ok($tandem->reaches('b.test', serial => 4, within => 5) && $tandem->reaches('a.test', serial => 5, within => 5), 'so are the next ones');
is(versions('a.test'), '2000|version 1', 'PowerDNS goes on with the old version, whole');
is(mirrored('a.test'), 1, 'which is what is noted');
is(scalar(() = $tandem->said =~ /it is tried again/g), 1, 'it is told once');
Mounts::clear($disk);
ok((until_true { mirrored('a.test') eq 5 && mirrored('b.test') eq 4 } 40), 'room again: it catches up by itself') or diag($tandem->said);
ok($tandem->says(qr/mirror fleet: connected again/, 5), 'and says so');
is(versions('a.test'), '2000|version 5', 'the last version, whole');
right('caught up');
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^fleet +active +yes +2 +0 +0 /m } 5), 'status: all is well');

# Killed on a full disk, and started there.
Mounts::fill($disk, 0);
edit('a.test');
ok($tandem->says(qr/connected again.*it is tried again/s, 10), 'full again') or diag($tandem->said);
$tandem->kill9;
edit('b.test');
$tandem->launch;
ok($tandem->reaches('b.test', serial => 7, within => 10), 'started on a full disk: serves what was edited');
ok($tandem->says(qr/connected again.*it is tried again.*it is tried again/s, 10), 'tells why it does not mirror') or diag($tandem->said);
Mounts::clear($disk);
ok((until_true { mirrored('a.test') eq 6 && mirrored('b.test') eq 7 } 40), 'room again: catches up') or diag($tandem->said);
right('after a crash');
$tandem->stop;
like(sqlite('PRAGMA integrity_check'), qr/^ok$/, 'the file is sound');
Mounts::gone($disk);
done_testing;
