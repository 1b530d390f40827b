#!/usr/bin/perl
# zonefile.pl [ROUNDS] - measures reading zone files, from the top of the tree: CPU (user and system, the least of
# some rounds) and the most memory, beside the peers that are installed; a server with the zone, and when its base
# version is in the journal; many small files; small changes of a large zone.
use strict; use warnings;
use lib 'tests/lib';
use Ask;
use Daemon;
use Peer qw(run scratch slurp spew until_true);
use Test::More tests => 1;
use Time::HiRes qw(time sleep);

$ENV{PATH} .= ':/usr/sbin:/sbin';
my $rounds = shift // 5;
my %reader = (
	'tandem-checkzone' => sub { ('./tandem-checkzone', '-q', @_) },
	kzonecheck => sub { ('kzonecheck', '-o', "$_[0].", $_[1]) },
	'nsd-checkzone' => sub { ('nsd-checkzone', @_) },
	'named-checkzone' => sub { ('named-checkzone', '-q', '-i', 'none', '-k', 'ignore', @_) },
	'ldns-read-zone' => sub { ('ldns-read-zone', $_[1]) },
);
my @readers = grep { my $name = $_; $name =~ /^tandem/ || grep { -x "$_/$name" } split /:/, $ENV{PATH} }
    ('tandem-checkzone', sort grep { !/^tandem/ } keys %reader);
$| = 1;

# Ends when the command does: CPU and memory in MB.
sub measure {
	my (@command) = @_;
	my @before = times;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null';
		exec @command or POSIX::_exit(127);
	}
	my $most = 0;
	until (waitpid $pid, 1) {	# WNOHANG
		$most = $1 if slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m && $1 > $most;
		sleep 0.02;
	}
	warn "@command: status $?\n" if $?;
	my @after = times;
	return ($after[2] - $before[2] + $after[3] - $before[3], $most / 1024);
}

sub zone {
	my ($kind, $origin, $names) = @_;
	my $file = scratch() . "/$kind";
	spew($file, run($^X, 'tests/bench/zone.pl', $kind, $origin, $names));
	printf "\n%s zone of %d names, %.1f MB\n%-18s %8s %8s\n", $kind, $names, (-s $file) / 1e6, '', 'CPU s', 'MB';
	my (%cpu, %memory);
	for my $round (1 .. $rounds) {
		for my $name (@readers) {
			next if $round > 1 && $name !~ /^tandem/;	# they take long
			my ($cpu, $memory) = measure($reader{$name}->($origin, $file));
			$cpu{$name} = $cpu if $cpu < ($cpu{$name} // 1e9);
			$memory{$name} = $memory;
		}
	}
	printf "%-18s %8.2f %8.0f\n", $_, $cpu{$_}, $memory{$_} for @readers;
	return $file;
}

sub served {
	my ($file) = @_;
	my $server = Daemon->prepare('tests/bench/tandem.conf', zone => 'example', file => $file, mirror => '')->launch;
	until_true { Ask::serial($server->port, 'example') } 60 or die 'not served';
	printf "%-18s %8.2f %8.0f\n", 'tandemd, served', $server->cpu, $server->pss;
	my $last = -1;
	until_true { my $now = $server->cpu; my $same = $now == $last; $last = $now; sleep 1; $same } 120;
	printf "%-18s %8.2f %8.0f\n", 'and in the journal', $server->cpu, $server->pss;
	$server->stop;
}

sub many {
	my $count = 100_000;
	my $dir = scratch() . '/many';
	mkdir $dir;
	my $zones = '';
	for my $n (0 .. $count - 1) {
		my $sub = sprintf '%s/%03d', $dir, $n / 1000;
		mkdir $sub if $n % 1000 == 0;
		open my $out, '>', "$sub/z$n" or die "$sub/z$n: $!";
		print $out "\$TTL 3600\n\@ SOA ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 300\n"
		    . " NS ns1.example.net.\n NS ns2.example.net.\n MX 10 mail\n A 192.0.2.1\n AAAA 2001:db8::1\n"
		    . "www A 192.0.2.1\nmail A 192.0.2.2\nftp CNAME www\n\@ TXT \"v=spf1 -all\"\n_dmarc TXT \"v=DMARC1\"\n";
		close $out;
		$zones .= "zone \"z$n.test\" { type master; file \"$sub/z$n\"; };\n";
	}
	my $server = Daemon->prepare('tests/bench/tandem.conf', zone => 'example', file => scratch() . '/tld', mirror => $zones);
	my $conf = slurp($server->path('tandem.conf')) =~ s/^zone "example".*\n//mr;
	spew($server->path('tandem.conf'), $conf);
	my $begun = time;
	$server->launch;
	until_true { !grep { !Ask::serial($server->port, 'z' . $_ . '.test') } map { $count - 1 - 997 * $_ } 0 .. 99 } 120 or die 'not served';
	my $wall = time - $begun;
	my ($user, $system) = (split ' ', slurp('/proc/' . ($server->processes)[0] . '/stat') =~ s/^.*\) //sr)[11, 12];
	printf "\n%d files of 11 records: served after %.1f s, CPU %.2f s and %.2f in the system, %.0f MB\n", $count, $wall,
	    $user / 100, $system / 100, $server->pss;
	$server->stop;
}

my $tld = zone('tld', 'example', 1_000_000);
served($tld);
print "\n", run('tests/bench/delta_bench', 'example', $tld);
zone('host', 'example.com', 400_000);
many();
pass('measured');	# so that the directory goes
