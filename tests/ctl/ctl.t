# What the operator is told: by the start, by a reload, by the state.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Cwd qw(getcwd);
use Daemon;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);
use Peer qw(free_port run slurp spew until_true);
use Time::HiRes qw(time);

my $top = getcwd();
my $tandem = Daemon->start('tests/ctl/tandem.conf', more => '');
my $config = slurp('tests/ctl/tandem.conf');
my $good = slurp('tests/ctl/example.org.1');
sub version { my ($serial) = @_; return $good =~ s/hostmaster \d+/hostmaster $serial/r }
sub configure { $tandem->configure($_[0] =~ s/\@MORE\@/$_[1] \/\/ ''/re) }
sub json { return decode_json($tandem->ctl('--json', @_)) }

ok($tandem->reaches('example.org', serial => 1, within => 5), 'serves');

# Another server on an address.
my $other = Daemon->prepare('tests/ctl/tandem.conf', more => '', port => $tandem->port);
$other->configure($config =~ s/port \@PORT\@/port ${\$tandem->port}/r =~ s/\@MORE\@//r);
like($other->refuses, qr/cannot listen on 127\.0\.0\.1 port \d+: Address already in use/, 'a second server on a port is refused');
is($? >> 8, 1, 'and ends with 1');
is(slurp($tandem->path('pid')) + 0, $tandem->pid, 'and does no harm to the first');

run('./tandemd', '-d', '-l', $other->path('file.log'), '-c', $other->path('tandem.conf'));
is($? >> 8, 1, 'so is one that detaches');
like(run('./tandemd', '-d', '-l', $other->path('file.log'), '-c', $other->path('tandem.conf')), qr/cannot listen on/,
    'which says why on the terminal');
like(slurp($other->path('file.log')), qr/Z error: cannot listen on/, 'and in its log');

# Another server with the same files.
$other = Daemon->prepare('tests/ctl/tandem.conf', more => '');
my $dir = $tandem->dir;
$other->configure($config =~ s/\@MORE\@//r =~ s/journal "/journal "$dir\//r);
like($other->refuses, qr/error: .*journal\.sqlite3: another tandemd has this journal/, 'two servers cannot share a journal');
$other->configure($config =~ s/\@MORE\@//r =~ s/pid-file "/pid-file "$dir\//r);
like($other->refuses, qr/pid: another tandemd has this pid file/, 'nor a pid file');
is(slurp($tandem->path('pid')) + 0, $tandem->pid, 'which stays that of the first');
ok(!-e $other->path('pid'), 'one that did not start leaves none');

# A configuration with faults.
$tandem->write('example.org', version(2));
configure($config . "bogus 1;\nzone \"b.test\" { type master; };\n");
my $said = $tandem->ctl('reload');
is($? >> 8, 1, 'a reload with a broken configuration ends with 1');
like($said, qr/tandem\.conf:12:1: error: .*bogus/, 'and says where it is broken');
like($said, qr/tandem\.conf:13:\d+: error: .*file/, 'to the last place');
like($said, qr/not taken over/, 'and what that means');
like($said, qr/^example\.org +1 +2 /m, 'zone files are read all the same');
is($tandem->serial('example.org'), 2, 'and served');
like($tandem->ctl('status'), qr/^configuration age: \d+[sm]\nconfiguration refused: \d+[sm]\nrefused for: .*bogus.* \(and 1 more\)$/m, 'status tells it');
my $reply = json('reload');
is(scalar @{$reply->{errors}}, 3, 'JSON has the errors as a list');
is($reply->{configuration}, 'refused', 'and the word');
configure($config);
$reply = json('reload');
is($?, 0, 'a mended one is taken over');
is($reply->{configuration}, 'unchanged', 'and is what it was');
unlike($tandem->ctl('status'), qr/refused/, 'status forgets it');

# What takes a new start.
my $before = $tandem->ctl('showconf');
configure($config =~ s/journal\.sqlite3/other.sqlite3/r =~ s/workers 2/workers 3/r =~ s/pid-file "pid"/pid-file "other"/r
    =~ s/\/control"/\/elsewhere"/r);
$tandem->hush;
$said = $tandem->ctl('reload');
is($?, 0, 'a configuration with another journal is taken over');
for my $clause (qw(journal workers pid-file controls)) {
	like($said, qr/^warning: $clause: takes effect at the next start$/m, "$clause: waits for the next start");
	like($tandem->said, qr/warning: $clause: takes/, "$clause: in the log too");
}
is($tandem->ctl('showconf'), $before, 'and showconf shows what is in force');
is($tandem->ctl('status') =~ /zones: (\d+)/ && $1, 1, 'the control socket is where it was');
configure($config);
$tandem->ctl('reload');

# Addresses that overlap are ours, not another server's.
$tandem->hush;
configure($config =~ s/127\.0\.0\.1; \}/any; }; listen-on-v6 { none; }/r);
$said = $tandem->ctl('reload');
is($?, 0, 'from one address to all of them');
is($tandem->serial('example.org'), 2, 'it answers');
like($tandem->said, qr/^listening on 0\.0\.0\.0 port \d+\n(?:.*\n)*no longer listening on 127\.0\.0\.1 port/m, 'and says on which');
configure($config);
$tandem->ctl('reload');
is($?, 0, 'and back');
is($tandem->serial('example.org'), 2, 'it answers');
$other->configure($config =~ s/port \@PORT\@ \{ 127\.0\.0\.1; \}/port ${\$tandem->port} { any; }; listen-on-v6 { none; }/r =~ s/\@MORE\@//r);
like($other->refuses, qr/cannot listen on 0\.0\.0\.0 port \d+: Address already in use/, 'another server cannot have all of them');

# The table.
$tandem->write('new.test', version(0));
configure($config, 'zone "new.test" { type master; file "new.test"; };');
$said = $tandem->ctl('reload');
like($said, qr/^new\.test +- +0 +0 +4 +\d+ +loaded$/m, 'a new zone: no old serial, all its records added');
like($said, qr/^configuration: changed$/m, 'the configuration changed');
$tandem->write('new.test', version(1));
like($tandem->ctl('reload'), qr/^new\.test +0 +1 +1 +1 /m, 'serial 0 is a serial');
$tandem->write('new.test', version(2) . "a A x\nb A x\nc A x\n");
$said = $tandem->ctl('reload');
like($said, qr/^new\.test +1 +1 .*failed: .*new\.test:6:\d+: error: .* \(and 2 more\)$/m, 'of several errors the first and how many more');
is(join(' ', $said =~ /^\S*new\.test:(\d+):\d+: error: "x" is not an IPv4/mg), '7 8', 'then the others');
like($said, qr/1 zone not taken over/, 'and that it was not taken over');
$reply = json('reload');
is(scalar(grep { /new\.test:[78]:/ } @{$reply->{errors}}), 2, 'JSON has them among the errors');
$said = $tandem->ctl('reload', '--dry-run');
is(join(' ', $said =~ /^\S*new\.test:(\d+):\d+: error: "x" is not an IPv4/mg), '7 8', 'a dry run tells them as well');
configure($config);
$said = $tandem->ctl('reload');
like($said, qr/^new\.test +1 +- +4 +0 +\d+ +removed$/m, 'a zone that is removed has a row');
configure($config, 'mirror "fleet" { type sqlite; file "fleet.sqlite3"; zones all; };
    zone "new.test" { type master; file "example.org"; };');
$tandem->ctl('reload');
configure($config, 'mirror "fleet" { type sqlite; file "fleet.sqlite3"; zones all; };');
like($tandem->ctl('reload'), qr/^new\.test .* removed: rows kept in fleet$/m, 'with what comes of its rows in a mirror');
$said = $tandem->ctl('reload');
like($said, qr/^configuration: unchanged$/m, 'then nothing changes');


# For programs.
my $status = json('status');
like($status->{running_for}, qr/^\d+$/, 'JSON has ages in seconds');
is($status->{rows}[0]{zone}, 'example.org', 'and the zones');
is(decode_json($tandem->ctl('zonestatus', 'example.org', '--json'))->{zone}, 'example.org', '--json may stand last');
is($status->{rows}[0]{serial}, 2, 'with numbers');
is(scalar(grep { / / } keys %$status, map { keys %$_ } @{$status->{rows}}), 0, 'and no key with a blank');
unlink $tandem->path('example.org');
configure($config, 'zone "none.test" { type master; file "none.test"; };');
ok(exists json('reload')->{rows}[0]{old}, 'what is not known');
is(json('status')->{rows}[1]{age}, undef, 'is null');
$tandem->write('example.org', version(2));

sub kind { my ($value) = @_; return !defined $value ? 'null' : ref $value eq 'ARRAY' ? 'list' : JSON::PP::is_bool($value) ? 'flag' :
    JSON::PP->new->allow_nonref->encode($value) =~ /^"/ ? 'text' : 'number' }
configure($config, 'zone "slave.test" { type slave; masters { 127.0.0.1 port 1; 127.0.0.2 port 1; }; }; mirror "fleet" { type sqlite; file "made/for/it/kinds.sqlite3"; }; mirror "lost" { type sqlite; file "/proc/none/x"; };');
$tandem->ctl('reload');
ok((until_true { json('mirror', 'status')->{rows}[0]{connected} } 5), 'the mirror is connected, its directory has been made');
ok((until_true { $tandem->ctl('mirror', 'status') =~ m{/proc/none/x: unable to open database file: No such file or directory$}m } 5), 'one that cannot be made is told');
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/;
for ([[qw(zonestatus example.org)], serial => 'number', records => 'number', memory => 'number', age => 'number', frozen => 'flag', signed => 'flag', role => 'text'],
    [[qw(zonestatus slave.test)], master => 'list', master_asked => 'null', next => $time, serial => undef, frozen => undef],
    [['status'], pid => 'number', running_for => 'number', zones => 'number', 'rows.0.serial' => 'number', 'rows.1.serial' => 'null', 'rows.1.age' => 'null'],
    [[qw(history example.org)], 'rows.0.serial' => 'number', 'rows.0.at' => $time, 'rows.0.added' => 'number', 'rows.1.at' => 'null'],
    [['checkconf'], good => 'flag', zones => 'number', configuration => 'text'],
    [[qw(querylog off)], query_log => 'flag'],
    [['stats'], answers => 'number', transfers_to_slaves => 'number', transfers_from_masters_failed => 'number'],
    [[qw(reload example.org)], 'rows.0.old' => 'number', 'rows.0.ms' => 'number', 'rows.0.zone' => 'text'],
    [[qw(mirror status)], 'rows.0.in_step' => 'number', 'rows.0.last_error' => 'null', 'rows.0.connected' => 'flag', 'rows.0.left' => 'number',
	'rows.0.state' => 'text']) {
	my ($command, %kind) = @$_;
	my $reply = json(@$command);
	for my $path (sort keys %kind) {
		my ($value, $found) = ($reply, 1);
		for (split /\./, $path) {
			$found &&= ref $value eq 'ARRAY' ? $_ < @$value : exists $value->{$_};
			$value = ref $value eq 'ARRAY' ? $value->[$_] : $value->{$_};
		}
		if (!defined $kind{$path}) { ok(!$found, "@$command: no $path") }
		elsif (ref $kind{$path}) { like($value, $kind{$path}, "@$command: $path is a time") }
		else { is($found ? kind($value) : 'nothing', $kind{$path}, "@$command: $path is a $kind{$path}") }
	}
}
is(scalar @{json('zonestatus', 'slave.test')->{master}}, 2, 'of several masters all');
like($tandem->ctl('zonestatus', 'slave.test'), qr/^master: 127\.0\.0\.1:1\nmaster: 127\.0\.0\.2:1\n.*^master asked: never$/ms, 'for people too');
configure($config);
$tandem->ctl('reload');

# The same to files.
$tandem->hush;
$tandem->signal('USR2');
ok($tandem->says(qr/^written: .*tandemd\.mirrors$/m, 5), 'USR2 writes files');
like(slurp($tandem->path('tandemd.stats')), qr/^running for: .*^queries over UDP: [1-9]\d*\n.*^transfers to slaves: 0$/ms, 'with statistics');
like(slurp($tandem->path('tandemd.zones')), qr/^zone +role +serial .*\nexample\.org +master +2 /, 'the zones');
like(slurp($tandem->path('tandemd.mirrors')), qr/^mirrors: none configured$/m, 'and the mirrors');
mkdir $tandem->path('tandemd.zones.new');
unlink $tandem->path('tandemd.stats');
$tandem->signal('USR2');
ok($tandem->says(qr/error: .*tandemd\.zones: not written: Is a directory$/m, 5), 'what cannot be written is said');
like(slurp($tandem->path('tandemd.zones')), qr/example\.org/, 'and the file from before is there');
ok((until_true { -s $tandem->path('tandemd.stats') } 5), 'the others are written');
rmdir $tandem->path('tandemd.zones.new');

# The effective configuration has each clause.
$other->configure($config =~ s/\@MORE\@//r =~ s/workers 2;//r);
my $printed = run('./tandemd', '-p', '-c', $other->path('tandem.conf'));
like($printed, qr/^\tworkers auto;$/m, '-p prints what was not given');
spew($other->path('again.conf'), $printed);
is(run('./tandemd', '-p', '-c', $other->path('again.conf')), $printed, 'and reads what it prints');

# A client that closes its half still gets the answer.
{
	my $client = IO::Socket::UNIX->new(Peer => $tandem->control_socket) or die;
	$client->syswrite("reload\n");
	$client->shutdown(1);
	like(do { local $/; <$client> }, qr/\0[01]\z/, 'who has asked need not keep the way open to ask more');
}

# Clients that ask nothing, more than there may be.
{
	local $SIG{PIPE} = 'IGNORE';
	my $begin = time;
	$tandem->ctl('status');
	my $alone = time - $begin;
	my @silent = map { my $c = IO::Socket::UNIX->new(Peer => $tandem->control_socket) or die "$!"; $c->syswrite('status'); $c } 1 .. 200;
	$begin = time;
	$tandem->ctl('status');
	is($?, 0, 'many clients that ask nothing do not keep one out that asks');
	cmp_ok(time - $begin, '<', 3 + 10 * $alone, 'nor waiting');
	my @late = map { IO::Socket::UNIX->new(Peer => $tandem->control_socket) or die "$!" } 1 .. 63;
	ok((until_true { !grep { defined $_ } map { my $read = ''; vec($read, $_->fileno, 1) = 1; select($read, undef, undef, 0) ? () : $_ } @silent, @late } 8),
	    'each has a few seconds to ask');
}

# A zone file is written by who asks for it.
{
	my $mine = $other->path('mine');
	mkdir $mine;
	my $in = sub { run('sh', '-c', 'cd "$0" && umask 027 && exec "$@"', $mine, "$top/tandemctl", '-s', $tandem->control_socket, @_) };
	like($in->('dump', 'example.org', 'zone'), qr/^zone: example\.org\nserial: 2\nrecords: 4\nwritten to: zone\n\z/, 'dump to a file says what is in it');
	like(slurp("$mine/zone"), qr/^; zone example\.org, serial 2, 4 records\n\$ORIGIN example\.org\.\n/, 'it is where the user is, not the server');
	is(sprintf('%o', (stat "$mine/zone")[2] & 07777), '640', 'with his umask');
	like(run('./tandem-checkzone', 'example.org', "$mine/zone"), qr/serial 2, 4 records: OK/, 'and can be read');
	is_deeply(decode_json($in->('--json', 'dump', 'example.org', 'zo"ne')), { zone => 'example.org', serial => 2, records => 4, written_to => 'zo"ne' }, 'JSON says it too');
	like($in->('dump', 'nowhere.test', 'zone'), qr/no such zone/, 'no such zone');
	is($? >> 8, 1, 'ends with 1');
	like(slurp("$mine/zone"), qr/serial 2/, 'and leaves the file');
	like($in->('dump', 'example.org', 'none/zone'), qr/^tandemctl: none\/zone: No such file or directory$/m, 'no such directory');
	is($? >> 8, 1, 'ends with 1');
	like($in->('dump', 'example.org', '/dev/full'), qr/No space left/, 'a full disk');
	is($? >> 8, 1, 'ends with 1');
	like($in->('dump', 'example.org', '/dev/stdout'), qr/^example|^\$ORIGIN/m, 'what is no file is written to');
	my $client = IO::Socket::UNIX->new(Peer => $tandem->control_socket) or die;
	$client->syswrite("dump\0example.org\0" . $tandem->path('example.org') . "\0\n");
	like(do { local $/; <$client> }, qr/usage: dump.*\0002\z/s, 'the server itself writes none');
	is(slurp($tandem->path('example.org')), version(2), 'whatever is asked of it');
}

# Who may give commands.
is((stat $tandem->control_socket)[2] & 07777, 0660, 'the socket is for its account and the group');
{
	my $guarded = Daemon->prepare('tests/ctl/tandem.conf', more => '');
	my $guard = sub { $guarded->configure($config =~ s/\@MORE\@//r =~ s/(\/control")/$1 $_[0]/r) };
	my ($account, $group) = ($>, $) + 0);
	$guard->("perm 0606 owner $account group $group");
	$guarded->launch;
	my @stat = stat $guarded->control_socket;
	is(sprintf('%04o', $stat[2] & 07777), '0606', 'perm: other rights');
	is("$stat[4] $stat[5]", "$account $group", 'owner and group');
	$guarded->ctl('status');
	is($?, 0, 'it answers there');
	$guard->("perm 0600 owner $account group $group");
	like($guarded->ctl('reload'), qr/^warning: controls: takes effect at the next start$/m, 'other ones wait for the next start');
	like($guarded->ctl('showconf'), qr/control" perm 0606 owner $account group $group;$/m, 'and those in force are shown');
	$guarded->stop;

	$guard->('owner ' . ($account + 1));
	$guarded->hush;
	$guarded->spawn(($account == 0 ? ('setpriv', '--bounding-set', '-chown') : ()), "$top/tandemd", '-c', 'tandem.conf');
	is(($guarded->ended(10) // -1) >> 8, 1, 'an owner that it cannot be given to is a start that fails');
	like($guarded->said, qr/control: only root may give it this owner/, 'and says why');
	ok(!-e $guarded->control_socket, 'and leaves no socket');
}

# As few files as a server can do with: clients by TCP leave it some.
{
	my $few = Daemon->prepare('tests/ctl/tandem.conf', more => '');
	$few->configure($config =~ s/\@MORE\@//r);
	$few->spawn('prlimit', '--nofile=64:64', "$top/tandemd", '-c', 'tandem.conf');
	$few->up(30, sub { defined $few->serial('example.org') });
	ok($few->says(qr/warning: tcp-clients 1000: no more than 16, since at most 64 files can be open/, 5), 'few files: it is said');
	my @clients = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $few->port, Timeout => 5) } 1 .. 150;
	$few->write('example.org', version(2));
	$few->ctl('reload');
	is($?, 0, 'and 150 clients by TCP keep nobody from reloading');
	is($few->serial('example.org'), 2, 'nor from being answered');
}

# Wrong usage.
for (['relaod', qr/relaod: no such command, you may mean reload/], ['quite-another', qr/no such command, 'help' lists/],
    ['zonestatus', qr/usage: zonestatus ZONE/], ['mirror', qr/usage: mirror/], ['mirror', 'frobnicate', qr/frobnicate/],
    ['--bogus', qr/--bogus is no option/]) {
	my $says = pop @$_;
	like($tandem->ctl(@$_), $says, "'@$_' is explained");
	is($? >> 8, 2, 'and ends with 2');
}
for (['-h', qr/^usage:/], ['--help', qr/^usage:/], ['-V', qr/^tandemctl \d/], ['help', qr/list-zones/]) {
	like($tandem->ctl($_->[0]), $_->[1], "tandemctl $_->[0]");
	is($?, 0, 'ends with 0');
}

# The end, with a database that does not answer.
my $silent = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 5, Timeout => 60) or die;
configure($config, 'mirror "fleet" { type mysql; host "127.0.0.1" port ' . $silent->sockport
    . '; database "d"; user "u"; password-file "secret"; zones all; };');
$said = $tandem->ctl('reload');
is($?, 0, 'a configuration with a password file that is not there is taken over');
like($said, qr/tandem\.conf:11: warning: mirror "fleet": password-file .*\/secret: No such file/, 'with a warning');
ok((until_true { $tandem->ctl('mirror', 'status') =~ /password-file .*secret: No such file/ } 5), 'the mirror alone is in trouble');
like($tandem->ctl('checkconf'), qr/error: mirror "fleet": password-file/, 'the command to check it finds it');
is($? >> 8, 1, 'and ends with 1');
for my $check (['./tandemd', '-t', '-c'], ['./tandem-checkconf']) {
	like(run(@$check, $tandem->path('tandem.conf')), qr/error: mirror "fleet": password-file/, "so does $check->[0]");
	is($? >> 8, 1, 'and ends with 1');
}
$tandem->write('secret', "p\n");
ok((my $caller = $silent->accept), 'a mirror calls its database');
$tandem->hush;
$tandem->signal('TERM');
ok($tandem->says(qr/mirror fleet: waiting for its transaction, at most 10 s/, 5), 'TERM says what it waits for');
is($tandem->serial('example.org'), 2, 'and answers meanwhile');
$tandem->signal('TERM');
is(($tandem->ended(5) // -1) >> 8, 1, 'a second one ends it with 1');
like($tandem->said, qr/warning: stopped by a second signal/, 'and says so');
ok(!-e $tandem->path('pid'), 'and its pid file is gone');

done_testing;
