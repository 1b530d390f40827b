# RDATA of every type, written into PowerDNS's content column, comes out of PowerDNS octet by octet.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask; use Daemon; use PowerDNS;
use IO::Socket::INET;
use Peer qw(until_true);

my $tandem = Daemon->start('tests/content/tandem.conf');
ok($tandem->reaches('types.test', serial => 7, within => 5), 'the zone is served');
ok((until_true { -s $tandem->path('pdns.sqlite3') } 10), 'the mirror is there') or diag $tandem->log;
my $pdns = PowerDNS->start(sqlite => $tandem->path('pdns.sqlite3'));
ok($pdns->reaches('types.test', serial => 7, within => 10), 'PowerDNS has it');

open my $zone, '<', 'tests/content/types.test' or die "types.test: $!\n";
# Those that Net::DNS has no name for.
my %code = (NINFO => 56, TALINK => 58, TA => 32768, DLV => 32769, RKEY => 57, RESINFO => 261, AVC => 258, ZONEMD => 63,
    SVCB => 64, HTTPS => 65, NSAP => 22, GPOS => 27, MD => 3, WKS => 11, HIP => 55, CSYNC => 62);
my %asked;
while (<$zone>) {
	my ($owner, $type) = /^(\S+) ([A-Z]\w*) / or next;
	$type = $1 if /^\S+ TYPE(\d+)/;
	$type = $code{$type} // $type;
	next if $owner =~ /^[@;]/ || $asked{"$owner $type"}++;
	my @answer = map { Ask::summary(answer($_->port, "$owner.types.test", $type)) } $tandem, $pdns;
	ok(@{$answer[0]{answer}} > 0 || $type eq 'NS', "$owner $type is there");
	is_deeply($answer[1]{answer}, $answer[0]{answer}, "$owner $type comes back");
}
cmp_ok(scalar keys %asked, '>', 70, 'of all types');
done_testing;

# Over TCP and as it came: Net::DNS would not read all of these types, and write them anew.
sub answer {
	my ($port, $name, $type) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') or return undef;
	syswrite $socket, pack 'n/a', Ask::question(1, $name, $type);
	my $length = Ask::read_exactly($socket, 2) // return undef;
	return Ask::read_exactly($socket, unpack 'n', $length);
}
