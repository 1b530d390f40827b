# Zones that come and go while the server runs.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon;
use Peer qw(free_port run slurp until_true);
use Time::HiRes qw(time);

my $text = slurp('tests/zones/example.org.1');
sub version { my ($serial) = @_; return $text =~ s/hostmaster 1/hostmaster $serial/r }
sub mirrored { my ($d, $zone) = @_; return run('sqlite3', '-cmd', '.timeout 30000', $d->path('pdns.sqlite3'), "SELECT count(*) FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.name = '$zone'") + 0 }
sub known { my ($d, $zone) = @_; return run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $d->path('var/journal.sqlite3'), "SELECT count(*) FROM zone WHERE name = '$zone.'") + 0 }
sub rcode { my ($d, $zone) = @_; my $reply = ask($d->port, $zone, 'SOA'); return $reply ? $reply->header->rcode : 'none' }

my $master = Daemon->start('tests/zones/tandem.conf', master => free_port(), options => '');
my $slave = Daemon->start('tests/zones/tandem.conf', master => $master->port, options => '');
ok($_->reaches('example.org', serial => 1, within => 5), 'serves') for $master, $slave;
my $before = $master->ctl('zones');

# A master.
$master->write('new.test', version(7));
like($master->ctl('addzone', 'new.test', '{ type master; file "new.test"; allow-query { inside; }; };'), qr/^new\.test\s+-\s+7\s+0\s+3\s+\d+\s+loaded$/m,
    'a zone is added, and told like a reload');
is($? >> 8, 0, 'with 0');
is($master->serial('new.test'), 7, 'it is answered at once');
ok(until_true(sub { mirrored($master, 'new.test') == 3 }, 10), 'mirrored');
ok(until_true(sub { known($master, 'new.test') == 1 }, 10), 'and in the journal');
like($master->ctl('showzone', 'NEW.test.'), qr/^zone "new\.test" \{\n\ttype master;\n\tfile "new\.test";\n\tallow-query \{ \{ 127\.0\.0\.0\/8; \}; \};\n\};\n/, 'showzone');
like($master->ctl('showconf'), qr/zone "new\.test"/, 'it is in showconf');
unlike($master->log, qr/zone example\.org.*zone example\.org/s, 'nothing was done to another zone');

# A slave, with the words as a shell takes them apart.
like($slave->ctl('addzone', 'new.test', 'IN', qw({ type slave; file), '"new.test";', qw(masters { up; }; })), qr/^new\.test\s+-\s+7\s+0\s+3\s+\d+\s+loaded: from 127/m,
    'a slave is added, and transferred');
is($slave->serial('new.test'), 7, 'and answered');
like($slave->ctl('addzone', 'none.test', '{ type slave; masters { up; }; }'), qr/added, but not transferred yet: .*REFUSED/, 'a slave of a master that has no such zone is added');
is($? >> 8, 0, 'which is no fault of the command');
ok((until_true { $slave->ctl('mirror', 'status') =~ /^db\s+active\s+yes\s+2\s+0\s+0\s/m } 10), 'no mirror is behind for what it has not been given yet');
like($slave->ctl('modzone', 'none.test', '{ type slave; masters { up; }; notify no; }'), qr/^changed, but not transferred yet: .*REFUSED$/, 'nor is it of one that changes it');
is($? >> 8, 0, 'which ends with 0 too');
is(rcode($slave, 'none.test'), 'SERVFAIL', 'and answers SERVFAIL until then');

like($slave->ctl('addzone', 'small.test', '{ type slave; masters { up; }; max-transfer-size-in 100; }'), qr/added, but not transferred yet/, 'a zone of few octets at most');
$master->ctl('addzone', 'small.test', '{ type master; file "new.test"; };');
like($slave->ctl('refresh', 'small.test'), qr/failed: .*more than 100 octets/, 'which has more of them, is not taken');
$slave->ctl('delzone', 'small.test');
$master->ctl('delzone', 'small.test');

# What cannot be added leaves nothing.
for (
    ['new.test', '{ type master; file "other"; }', qr/it is there already: \S*new\.test\.conf, which 'modzone' changes/],
    ['example.org', '{ type master; file "other"; }', qr/it is there already: .*tandem\.conf line/],
    ['x.test', '{ type master; }', qr/zone "x\.test" needs a file/],
    ['x.test', '{ type master; file "missing"; }', qr/x\.test: not added/],
    ['x.test', '{ typ master; }', qr/did you mean 'type'/],
    ['x.test', '{ type slave; masters { dwn; }; }', qr/list of masters 'dwn' is not defined/],
    ['x.test', '{ type master; file "y"; allow-query { insid; }; }', qr/acl 'insid' is not defined; did you mean 'inside'/],
    ['x.test', '{ type master; file "y"; }; zone "z.test" { type master; file "z"; }', qr/holds 2 zones/],
    ['x.test', '{ type master; file "y"; }; options { port 1; }', qr/'options' does not belong here/],
    ['x.test', 'type master; file "y";', qr/x\.test: error: expected '\{'/],
    ['x.test', '; zone a', qr/expected '\{'/],
    ['x.test', '{ type slave; file "example.org"; masters { up; }; }', qr/is the file of zone example\.org/],
    ['x..test', '{ type master; file "y"; }', qr/not the name of a zone/],
) {
	my ($name, $block, $pattern) = @$_;
	like($master->ctl('addzone', $name, $block), $pattern, "no zone $name $block");
	is($? >> 8, 1, 'ends with 1');
}
is_deeply([map { s{.*/}{}r } glob $master->path('var/zones/*')], ['new.test.conf'], 'and leaves no file');
is(rcode($master, 'x.test'), 'REFUSED', 'nor a zone');

# modzone.
$master->write('moved', version(8));
like($master->ctl('modzone', 'new.test', '{ type master; file "moved"; }'), qr/^new\.test\s+7\s+8\s+1\s+1\s/m, 'a zone is changed');
is($master->serial('new.test'), 8, 'and read from its new file');
like($master->ctl('modzone', 'example.org', '{ type master; file "moved"; }'), qr/example\.org: error: it stands in .*tandem\.conf line \d+ and was not added/, 'one of the configuration is not');
like($master->ctl('modzone', 'new.test', '{ type master; fil "moved"; }'), qr/did you mean 'file'/, 'a mistake changes nothing');
like($master->ctl('showzone', 'new.test'), qr/"moved"/, 'not even its file');
like($slave->ctl('refresh', 'new.test'), qr/^new\.test\s+7\s+8\s/m, 'the slave follows');
like($slave->ctl('refresh', 'new.test'), qr/same content: no master has anything newer$/m, 'then there is nothing newer');
like($slave->ctl('retransfer', 'new.test'), qr/same content: fetched whole$/m, 'which does not keep the whole from being fetched');

# A reload, a restart and a crash keep them.
$master->ctl('reload');
is($master->serial('new.test'), 8, 'after a reload it is there');
like($master->ctl('addzone', 'late.test', '{ type master; file "new.test"; };'), qr/late\.test\s+-\s+7/, 'another one');
$master->kill9;
$slave->stop;
$_->launch for $master, $slave;
ok($master->reaches($_->[0], serial => $_->[1], within => 10), "$_->[0] after a crash") for ['new.test', 8], ['late.test', 7], ['example.org', 1];
ok($slave->reaches('new.test', serial => 8, within => 5), 'and the slave after a restart');
is(rcode($slave, 'none.test'), 'SERVFAIL', 'with the one that is still to come');
$master->write('none.test', version(3));
like($master->ctl('addzone', 'none.test', '{ type master; file "none.test"; };'), qr/none\.test\s+-\s+3/, 'its master has it now');
ok($slave->reaches('none.test', serial => 3, within => 30), 'and so has the slave');

# delzone.
like($slave->ctl('delzone', '-clean', 'new.test'), qr/^removed: new\.test$/m, 'a zone is taken away');
is($? >> 8, 0, 'with 0');
is(rcode($slave, 'new.test'), 'REFUSED', 'and no longer served');
ok(!-e $slave->path('new.test'), 'nor is its file there');
ok(until_true(sub { known($slave, 'new.test') == 0 }, 10), 'the journal has forgotten it');
ok(until_true(sub { mirrored($slave, 'new.test') == 0 }, 10), 'and the mirror');
like($master->ctl('delzone', 'new.test'), qr/^removed/, 'without -clean');
ok(-e $master->path('moved'), 'the file of a master stays');
$master->ctl('addzone', 'twin.test', '{ type master; file "new.test"; };');
my $said = $master->ctl('delzone', '-clean', 'twin.test');
like($said, qr/^zone twin\.test: warning: its file new\.test stays: zone late\.test has it too$/m, 'a file that another zone has stays, which is said');
like($said, qr/^removed: twin\.test$/m, 'of a zone that goes');
is($?, 0, 'with 0');
ok(-e $master->path('new.test'), 'the file is there');
like($master->ctl('delzone', 'example.org'), qr/was not added at run time/, 'one of the configuration is not taken away');
is($master->serial('example.org'), 1, 'and is served');
like($master->ctl('delzone', 'nix.test'), qr/no such zone/, 'nor one that is not there');
$_->ctl('reload') for $master, $slave;
is(rcode($_, 'new.test'), 'REFUSED', 'a reload does not bring it back') for $master, $slave;

# Many, and strange names.
# Whatever one takes, it does not take more of them one by one.
my @took = map { my $t0 = time; $master->ctl('addzone', "zone$_.test", '{ type master; file "new.test"; };'); time - $t0 } 1 .. 100;
my ($first, $last) = map { (sort { $a <=> $b } @$_)[10] } [@took[0 .. 19]], [@took[80 .. 99]];
cmp_ok($last, '<', 5 * $first + 0.5, sprintf 'a hundred zones are added, the last in %.0f ms, the first in %.0f ms', 1000 * $last, 1000 * $first);
is($master->serial("zone$_.test"), 7, "zone$_") for 1, 57, 100;
for my $name ('a/b.test', '.') {
	like($master->ctl('addzone', $name, '{ type master; file "new.test"; check-names ignore; };'), qr/loaded/, "zone $name");
}
$master->stop;
$master->launch;
ok($master->reaches('zone99.test', serial => 7, within => 10), 'they are there after a restart');
ok(until_true(sub { (() = $master->ctl('zones') =~ /\bok\b/g) == 105 }, 10), 'all of them');
like($master->ctl('delzone', $_), qr/removed/, "without $_ again") for 'a/b.test', '.', map { "zone$_.test" } 1 .. 3;

# What a reload would do.
like($master->ctl('reload', '--dry-run'), qr/^would change: nothing$/m, 'a reload would change nothing');
$master->write('example.org', version(2) . "new A 192.0.2.2\n");
like($master->ctl('reload', '--dry-run'), qr/^example\.org\s+1\s+2\s+1\s+2\s+\d+\s+would be loaded$/m, 'it would load a file that changed');
like($master->ctl('reload', 'example.org', '--dry-run'), qr/^example\.org\s+1\s+2\s+1\s+2\s/m, 'so would one of the zone');
is($master->serial('example.org'), 1, 'and nothing is done');
$master->write('example.org', version(1) . "new A 192.0.2.2\n");
like($master->ctl('reload', '--dry-run'), qr/slaves would not see it: serial 1 is not newer/, 'a serial that was forgotten is named');
$master->write('example.org', version(2) . "new A 192.0.2\n");
like($master->ctl('reload', '--dry-run'), qr/would fail: .*example\.org:5:/, 'a mistake is named with its place');
is($? >> 8, 1, 'and ends with 1');
my $whole = slurp($master->path('tandem.conf'));
$master->configure($whole =~ s/^zone.*\n//mr);
like($master->ctl('reload', '--dry-run'), qr/^example\.org\s+1\s+-\s+3\s+0\s+\d+\s+would be removed: rows deleted in db$/m, 'a zone that is no longer there, with what comes of its rows');
$master->configure($whole);
is($master->serial('example.org'), 1, 'is there until the reload');

# The past.
$master->write('example.org', version(2) . "new A 192.0.2.2\n");
$master->ctl('reload');
like($master->ctl('increase-serial', 'example.org'), qr/^example\.org\s+2\s+3\s+1\s+1\s/m, 'a newer serial');
like(slurp($master->path('example.org')), qr/hostmaster 3 3600/, 'is in the file');
like($master->ctl('history', 'example.org'), qr/^3\s.*\n2\s.*\n1\s/m, 'history');
like($master->ctl('diff', 'example.org', 1, 2), qr/^; serial 1 to 2.*\n-example.*SOA.*\n\+example.*SOA.*\n\+new\.example\.org\. 300 IN A 192\.0\.2\.2\n/m, 'diff');
like($master->ctl('rollback', 'example.org', 1), qr/^example\.org\s+3\s+4\s+2\s+1\s/m, 'rollback is a newer version');
is(ask($master->port, 'new.example.org', 'A')->header->rcode, 'NXDOMAIN', 'without what came since');
like(slurp($master->path('example.org.3')), qr/new A 192/, 'the file is kept beside it');
$master->write('example.org', version(4) . "same A 192.0.2.3\n");
$master->ctl('reload');
like($master->ctl('diff', 'example.org'), qr/^; serial 4 to 4: 1 record removed, 2 added\n.*\+same/sm, 'diff shows a change that left the serial as it was');
like($master->ctl('rollback', 'example.org', 3), qr/^file before: \S*example\.org\.4$/m, 'rollback says where the file is kept');
unlink $master->path('example.org');
like($master->ctl('rollback', 'example.org', 3), qr/\Azone .*\nexample\.org\s+5\s+6\s.*loaded$/, 'a file that was lost comes back so');
$master->write('example.org', version(4));
$master->ctl('reload');
for (['dump', 'example.org', '--absolute'], ['reload', '--dryrun'], ['reload', 'example.org', '-n']) {
	like($master->ctl(@$_), qr/^error: usage: $_->[0]/, "@$_ is no zone and no file");
	is($? >> 8, 2, 'but wrong usage');
}
like($master->ctl('freeze', 'example.org'), qr/^frozen/, 'freeze');
$master->write('example.org', version(9));
$master->ctl('reload');
is($master->serial('example.org'), 4, 'a frozen file is not read');
$master->stop;
$master->write('example.org', "half of a file (");
$master->launch;
ok($master->reaches('example.org', serial => 4, within => 5), 'nor after a restart, when the journal has it') or diag($master->log);
like($master->ctl('zonestatus', 'example.org'), qr/^frozen: yes$/m, 'it is frozen still');
$master->signal('HUP');
$master->ctl('reload');
is($master->serial('example.org'), 4, 'for a reload too');
$master->write('example.org', version(9));
like($master->ctl('thaw', 'example.org'), qr/^example\.org\s+4\s+9\s/m, 'thaw reads it');
$master->ctl('freeze', 'zone50.test');
$master->ctl('delzone', 'zone50.test');
$master->ctl('addzone', 'zone50.test', '{ type master; file "new.test"; };');
like($master->ctl('zonestatus', 'zone50.test'), qr/^frozen: no$/m, 'a zone that goes takes that along');
$master->kill9;
$master->launch;
ok($master->reaches('example.org', serial => 9, within => 5), 'what was thawed is so after a crash');
is($master->ctl('thaw', 'example.org') =~ /is not frozen/, 1, 'and not frozen');
like($master->ctl('dump', 'example.org', $master->path('dumped')), qr/^zone: example\.org\nserial: 9\nrecords: \d+\nwritten to: .*dumped$/, 'dump');
like(slurp($master->path('dumped')), qr/SOA\s+ns hostmaster 9 /, 'a file that can be read');

# Spellings of others.
for (['list-zones'], ['zone', 'list'], ['zone', 'reload', 'example.org'], ['bind-reload-now', 'example.org'], ['rediscover'],
    ['list-zone', 'example.org'], ['show-zone', 'example.org'], ['zone-status', 'example.org'], ['bind-domain-status']) {
	$master->ctl(@$_);
	is($? >> 8, 0, "@$_ is understood");
}

# allow-new-zones no
$slave->configure(slurp('tests/zones/tandem.conf') =~ s/\@OPTIONS\@/allow-new-zones no;/r);
$slave->ctl('reload');
like($slave->ctl('addzone', 'y.test', '{ type slave; masters { up; }; }'), qr/'allow-new-zones no'/, 'not when the configuration forbids it');
is($slave->serial('none.test'), 3, 'those that were added stay');
done_testing;
