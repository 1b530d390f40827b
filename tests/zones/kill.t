# kill -9 in the middle of addzone, modzone and delzone: the zone is there whole or gone whole, and no other has noticed.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon;
use Peer qw(free_port run slurp until_true);
use Time::HiRes qw(sleep time);

my $text = slurp('tests/zones/example.org.1');
my $tandem = Daemon->start('tests/zones/tandem.conf', master => free_port(), options => '');
my $seed = $ENV{SEED} // 1;
srand $seed;
note("SEED=$seed");
sub sql { my ($file, $what) = @_; return run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $tandem->path($file), $what) =~ s/\s+\z//r }
sub rows { my ($zone) = @_; return sql('pdns.sqlite3', "SELECT count(*) FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.name = '$zone'") }
sub known { my ($zone) = @_; return sql('var/journal.sqlite3', "SELECT count(*) FROM zone WHERE name = '$zone.'") }
sub other {	# what the other zone's rows and journal are
	return join ' ', sql('pdns.sqlite3', "SELECT r.id, r.content FROM records r JOIN domains d ON d.id = r.domain_id WHERE d.name = 'example.org' ORDER BY r.id"),
	    sql('pdns.sqlite3', "SELECT serial, changed_at FROM tandem_state WHERE name = 'example.org'"), known('example.org'), $tandem->serial('example.org') // 'none';
}
sub rcode { my $reply = ask($tandem->port, 'k.test', 'SOA'); return $reply ? $reply->header->rcode : 'none' }
ok((until_true { rows('example.org') eq '3' && known('example.org') eq '1' } 10), 'the other zone is mirrored');
my $other = other();

# How long each takes when nobody kills it.
my %took;
sub timed { my ($name, @command) = @_; my $t = time; $tandem->ctl(@command); $took{$name} = time - $t }
my %step = (
	addzone => ['addzone', 'k.test', '{ type master; file "k1"; };'],
	modzone => ['modzone', 'k.test', '{ type master; file "k2"; };'],
	delzone => ['delzone', 'k.test'],
);
$tandem->write('k1', $text);
$tandem->write('k2', $text =~ s/hostmaster 1/hostmaster 2/r . "more A 192.0.2.2\n");
timed($_, @{$step{$_}}) for qw(addzone modzone delzone);
my %may = (addzone => [undef, 1], modzone => [1, 2], delzone => [2, undef]);	# serials before and after
my %seen;
my $bad = 0;
ROUND: for my $n (1 .. 8) {
	for my $name (qw(addzone modzone delzone)) {
		my @may = @{$may{$name}};
		my $pid = fork // die;
		if (!$pid) {
			sleep rand 1.2 * $took{$name};
			kill 'KILL', $tandem->pid;
			POSIX::_exit(0);
		}
		$tandem->ctl(@{$step{$name}});
		waitpid $pid, 0;
		$tandem->ended(10);
		$tandem->launch;
		until_true { $tandem->ctl('zones') !~ /loading/ } 10;
		my $serial = $tandem->serial('k.test');
		my $there = -e $tandem->path('var/zones/k.test.conf');
		$seen{$name . ($there ? ' there' : ' gone')}++;
		my $wanted = defined $serial ? $serial == 1 ? 3 : 4 : 0;
		my $whole = (grep { ($_ // 'none') eq ($serial // 'none') } @may) && ($there ? 1 : 0) == (defined $serial ? 1 : 0) &&
		    (defined $serial || rcode() eq 'REFUSED') && until_true { rows('k.test') eq $wanted } 10;
		next if $whole && other() eq $other;
		diag("round $n, $name: serial " . ($serial // 'none') . ', ' . rows('k.test') . ' rows, file ' . ($there ? 'there' : 'gone') . "\n" . other() . "\n$other\n" . $tandem->log);
		$bad++;
		last ROUND;
	} continue {
		# The next step starts from where it should.
		my $after = $may{$name}[1];
		if (($tandem->serial('k.test') // 'none') ne ($after // 'none')) {
			$tandem->ctl(@{$step{$name}});
			is($? >> 8, 0, "$name can be done again");
		}
	}
}
is($bad, 0, 'whole or gone, whenever it was killed');
ok((until_true { rows('k.test') eq '0' && known('k.test') eq '0' } 10), 'in the end neither mirror nor journal know it');
is(other(), $other, 'and the other zone is as it was');

# The moment between, as a crash leaves it.
for my $clean (0, 1) {
	$tandem->ctl(@{$step{addzone}});
	ok((until_true { rows('k.test') eq '3' && known('k.test') eq '1' } 10), 'it is there again');
	$tandem->stop;
	my $block = $tandem->path('var/zones/k.test');
	rename "$block.conf", $block . ($clean ? '.gone-clean' : '.gone');
	$tandem->hush;
	$tandem->launch;
	ok((until_true { rows('k.test') eq '0' && known('k.test') eq '0' } 10), 'a removal that was broken off is finished at the start');
	ok($tandem->says(qr/zone k\.test: its removal is finished/, 5), 'and told');
	is(-e $tandem->path('k1') ? 'stays' : 'gone', $clean ? 'gone' : 'stays', 'its file ' . ($clean ? 'goes' : 'stays'));
	ok((until_true { !glob $tandem->path('var/zones/*.gone*') } 5), 'nothing is left of it');
	$tandem->write('k1', $text);
}
note("$_: $seen{$_}") for sort keys %seen;
done_testing;
