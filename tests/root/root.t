# Thirteen real versions of the root zone, one after the other: served as BIND serves them, mirrored
# by the rows that differ, and whole after kill -9.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Bind; use Daemon; use MariaDB; use PowerDNS;
use Net::DNS::Parameters qw(:type);
use Peer qw(run scratch slurp);
use Time::HiRes qw(sleep time);
use Signer qw(make_keys sign);
use Witness qw(compare);

my $archive = '../shared/data/root-zones-2018.tar.xz';
plan skip_all => 'no real zone data' unless -e $archive;
run('tar', '-xJf', $archive, '-C', scratch()) eq '' or die "tar does not unpack $archive\n";
my @files = sort glob scratch() . '/*.zone ' . scratch() . '/*/*.zone';
my @serials = map { /(\d+)\.zone$/ } @files;
is(scalar @files, 13, 'thirteen versions');
srand 13;

my $mariadb = MariaDB->start(innodb_buffer_pool_size => '128M');
my %where = (socket => $mariadb->socket, password_file => $mariadb->password_file);
my $tandem = Daemon->prepare('tests/root/tandem.conf', %where, database => 'powerdns');
$tandem->install($files[0], 'root');
my $start = time;
$tandem->launch;
ok($tandem->reaches('.', serial => $serials[0], within => 5), sprintf 'serves the first after %.2f s', time() - $start);
ok($mariadb->reaches('.', serial => $serials[0], within => 20), sprintf 'mirrored after %.2f s', time() - $start)
    or diag($tandem->log);
my $bind = Bind->start('.' => $tandem->path('root'));
my $pdns = PowerDNS->start(mysql => $mariadb, cache => 0);
my @rows = $mariadb->rows('.');

for my $i (0 .. $#files) {
	step($i) if $i > 0;
	my $questions = sample($files[$i]);
	$bind->reaches('.', serial => $serials[$i], within => 10) or die "BIND is behind\n";
	my $wrong = compare($questions, [[bind => $bind->port], [tandemd => $tandem->port], [PowerDNS => $pdns->port]]);
	is($wrong->{$_}, 0, "$serials[$i]: $_ answers " . @$questions . ' questions as BIND does') for sort keys %$wrong;
	next unless slurp($files[$i]) =~ /\tRRSIG\t/;	# only the first is signed
	is(proofs(), '', "$serials[$i]: NSEC proves what is not there");
	# As of its own day: the signatures ended in 2018.
	my $printed = $tandem->path('printed');
	$tandem->write('printed', run('./tandem-checkzone', '-q', '-D', '.', $files[$i]));
	like(run('ldns-verify-zone', '-t', substr($serials[$i], 0, 8) . '120000', $printed), qr/Zone is verified and complete/,
	    "$serials[$i]: what was read verifies");
}

like($tandem->log, qr/root:\d+:\d+: warning: .*SOA/, 'the SOA that most of them repeat at their end is warned of');
my $last = rows_digest(@rows);

# Signed by keys of the test, the newest version twice: a resolver believes what is there and what is not.
$tandem->write('unsigned', join "\n", grep({ !/\tIN\t(NSEC|RRSIG|DNSKEY)\t/ } split /\n/, slurp($files[-1])), '');
my $key = make_keys(scratch() . '/keys', '.') =~ s/^(\d+ \d+ \d+) (.*)/". static-key $1 \"" . ($2 =~ tr, ,,dr) . "\";"/er;
$tandem->write('anchor', "trust-anchors { $key };\n");
my $serial = $serials[-1];
for my $times (['-s', '20200101000000', '-e', '20500101000000'], ['-s', '20200102000000', '-e', '20500101000000']) {
	$serial++;
	$tandem->write('unsigned', slurp($tandem->path('unsigned')) =~ s/(SOA\s+\S+\s+\S+\s+)\d+/$1$serial/gr);
	sign('.', scratch() . '/keys', $tandem->path('unsigned'), $tandem->path('signed'), @$times);
	push @files, $tandem->path('signed');
	push @serials, $serial;
	step($#files);
	is(proofs(), '', 'NSEC proves what is not there');
	for (qw(com/DS net/DS ye/DS arpa/DS xyzzy/A 0/TXT zzzz/MX www.xyzzy/A ./SOA ./TXT)) {
		my ($name, $type) = split m{/};
		like(run('delv', '@127.0.0.1', '-p', $tandem->port, '-a', $tandem->path('anchor'), '+root=.', '-4', $name, $type),
		    qr/; (fully validated|negative response, fully validated)/, "delv believes $name $type");
	}
}
splice @files, 13;
splice @serials, 13;

# Again from the first, with kill -9 at random moments.
$tandem->stop;
unlink glob $tandem->path('var/*');
$mariadb->add_database('again');
$tandem->{value}{database} = 'again';
$tandem->configure(slurp('tests/root/tandem.conf'));
$tandem->install($files[0], 'root');
$tandem->launch;
for my $i (1 .. $#files) {
	$tandem->install($files[$i], 'root');
	$tandem->signal('HUP');
	sleep rand 0.3;
	my $served = $tandem->serial('.');
	$tandem->kill9;
	$tandem->launch;
	ok($tandem->reaches('.', serial => $serials[$i], within => 5), "$serials[$i] is served after kill -9");
}
ok($mariadb->reaches('.', serial => $serials[-1], within => 20, database => 'again'), 'the mirror catches up');
is(rows_digest($mariadb->rows('.', database => 'again')), $last, 'with nothing doubled and nothing lost');
done_testing;

sub rows_digest { require Digest::SHA; return @_ . ' rows ' . Digest::SHA::sha1_hex(join "\n", @_) }

# Takes the next version, and compares the rows that differ with those that the database counted.
sub step {
	my ($i) = @_;
	my $counters = $mariadb->counters;
	my $start = time;
	$tandem->install($files[$i], 'root');
	$tandem->signal('HUP');
	ok($tandem->reaches('.', serial => $serials[$i], within => 5), sprintf "$serials[$i] is served after %.0f ms", (time() - $start) * 1000);
	ok($mariadb->reaches('.', serial => $serials[$i], within => 10), sprintf 'and mirrored after %.0f ms', (time() - $start) * 1000)
	    or diag($tandem->log);
	$bind->signal('HUP');
	my $changed = MariaDB::changes($counters, $mariadb->counters)->{records};
	my (%old, %new);
	$old{$_}++ for @rows;
	$new{$_}++ for @rows = $mariadb->rows('.');
	my $gone = grep { !$new{$_} } keys %old;
	my $come = grep { !$old{$_} } keys %new;
	is((grep { $_ > 1 } values %new), 0, 'no row is there twice');
	my $least = $gone > $come ? $gone : $come;
	ok($changed >= $least && $changed <= $gone + $come, "$changed rows changed, where $gone went and $come came");
}

# Some hundred questions: names of the file and names beside them.
sub sample {
	my ($file) = @_;
	my %type = map { $_ => 1 } qw(A NS SOA DS NSEC DNSKEY RRSIG ANY TXT);
	my %owner;
	for (split /\n/, slurp($file)) {
		my ($owner) = /^(\S+)/ or next;
		$owner{lc $owner} = 1;
	}
	my @owner = sort keys %owner;
	my @name = ('.', map { my $name = $owner[rand @owner]; ($name, "www.$name", 'x' . $name, $name =~ s/^./-/r, $name =~ s/(?=\.)/0/r) } 1 .. 12);
	return [map { my $name = $_; map { my $type = $_; map { { name => $name, type => typebyname($type), do => $_ } } 0, 1 }
	    sort keys %type } grep { /^[^.]|^\.$/ } @name];
}

# Looks for names that are not there, and whether the NSEC records with the answer cover them and the
# wildcard, each with a signature; "" when all do.
sub proofs {
	for my $name (map { join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 1 + rand 12 } 1 .. 100) {
		my $reply = ask($tandem->port, $name, 'A', do => 1) or return "$name: no answer";
		next if $reply->header->rcode ne 'NXDOMAIN';
		my (@nsec, %signed);
		for ($reply->authority) {
			push @nsec, $_ if $_->type eq 'NSEC';
			$signed{lc $_->owner} = 1 if $_->type eq 'RRSIG' && $_->typecovered eq 'NSEC';
		}
		for my $absent ($name, '*') {
			my ($proof) = grep { covers(lc $_->owner, lc $_->nxtdname, $absent) } @nsec;
			return "$name: nothing covers $absent" unless $proof;
			return "$name: the proof is not signed" unless $signed{lc $proof->owner};
		}
	}
	return '';
}

# Names of one label in canonical order; the last NSEC leads back to the root.
sub covers {
	my ($owner, $next, $name) = @_;
	$_ eq '.' and $_ = '' for $owner, $next;
	return $owner lt $name && ($name lt $next || $next eq '');
}
