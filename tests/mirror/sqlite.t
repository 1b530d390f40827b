# SQLite: PowerDNS reads while we write, from the one file that is never replaced; two daemons share it as a pair.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use PowerDNS;
use Peer qw(run slurp spew until_true);
use Time::HiRes qw(sleep time);

my $template = slurp('tests/mirror/tandem.conf') =~ s/mirror "fleet" \{.*\};\n/mirror "fleet" { type sqlite; file "\@FILE\@"; owner "tandem\@test"; \@MORE\@ };\n/sr;
my $home = Peer->new;
my $template_file = $home->path('tandem.conf');
spew($template_file, $template);
my $file = $home->path('pdns.sqlite3');
my @pair = map { Daemon->prepare($template_file, file => $file, more => '', zones =>
    'zone "example.org" { type master; file "example.org"; }; zone "big.test" { type master; file "big.test"; };') } 1, 2;
my ($serial, $hosts) = (0, 2000);
sub next_version {
	$serial++;
	# All addresses of a version are equal, and the TXT says which.
	my $text = "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n\@ TXT v$serial\n" . join '', map { "h$_ A 10.0.0." . $serial % 250 . "\n" } 1 .. 20;
	$_->write('example.org', $text) for @pair;
	$_->write('big.test', "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n" . join '', map { "h$_ A 10.0." . $serial % 250 . ".1\n" } 1 .. $hosts) for @pair;
}
next_version();
$pair[0]->launch;
sub serial { scalar eval { run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $file, "SELECT serial FROM tandem_state WHERE name = '$_[0]'") =~ s/\s//gr } }
sub in_step { my ($within) = @_; until_true { serial('example.org') eq $serial && serial('big.test') eq $serial } $within }
ok((until_true { -s $file && $pair[0]->ctl('mirror', 'status') =~ /fleet\s+active\s+yes\s+2\s/ } 20), 'the file is made, with its tables') or diag($pair[0]->log);
my $inode = (stat $file)[1];
my $pdns = PowerDNS->start(sqlite => $file, cache => 0);
ok($pdns->reaches('example.org', serial => 1, within => 10), 'PowerDNS serves from it');
my ($bad, $slow, $asked, %seen) = (0, 0, 0);
for (1 .. 30) {
	next_version();
	$pair[0]->signal('HUP');
	my $until = time + 0.1;
	while (time < $until) {
		my $start = time;
		my $answer = ask($pdns->port, 'h7.example.org', 'A');
		$asked++;
		$bad++ if !defined $answer;
		$slow = time() - $start if time() - $start > $slow;
	}
}
is($bad, 0, "PowerDNS answers while we write ($asked questions)");
note(sprintf 'after %.3f s at most', $slow);
ok($pdns->reaches('example.org', serial => $serial, within => 20), 'up to the last version');
is((stat $file)[1], $inode, 'the file is the same one');
ok((until_true { $pair[0]->ctl('mirror', 'verify') =~ /zones as they should be:? +2\b/ } 20), 'its rows are right');

# kill -9 under changes.
for (1 .. 10) {
	next_version();
	$pair[0]->signal('HUP');
	sleep rand 0.1;
	$pair[0]->kill9;
	$pair[0]->launch;
}
ok(in_step(20), 'kill -9 ten times: in step') or diag($pair[0]->log);
like($pair[0]->ctl('mirror', 'verify'), qr/zones as they should be:? +2\b/, 'with the right rows');
is((stat $file)[1], $inode, 'in the same file');

# A pair.
$pair[1]->launch;
ok($pair[1]->says(qr/stands by/, 10), 'a second daemon stands by') or diag($pair[1]->log);
$pair[0]->kill9;
next_version();
$pair[1]->signal('HUP');
ok($pdns->reaches('example.org', serial => $serial, within => 30), 'and takes over when the first is killed') or diag($pair[1]->log);
like($pair[1]->ctl('mirror', 'verify'), qr/zones as they should be:? +2\b/, 'its rows are right');
done_testing;
