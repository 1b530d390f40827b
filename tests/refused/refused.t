# Whose transfer is refused, and whose NOTIFY is not taken, stands in the log with the reason; a flood does not.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(wire_name);
use Daemon;
use IO::Socket::INET;
use Peer qw(free_port program run until_true);

my $secret = 'c2VjcmV0IG9mIHRoZSB0ZXN0cw==';
my $other = free_port();
my $tandem = Daemon->start('tests/refused/tandem.conf', other => $other, secret => $secret);
my $fetch = program('tests/transfer/fetch');
sub fetch { my ($port, $zone, @options) = @_; return run($fetch, @options, '127.0.0.1', $port, $zone) }
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $tandem->port, Proto => 'udp');
sub notify { my ($zone) = @_; send $s, pack('n6', 7, 0x2400, 1, 0, 0, 0) . wire_name($zone) . pack('n2', 6, 1), 0 }
sub told {
	my ($line, $what) = @_;
	ok($tandem->says(qr/zone $line\n/, 5), $what) or diag($tandem->said);
}
my $who = qr/127\.0\.0\.1:\d+/;

fetch($tandem->port, 'example.org');
told(qr/example\.org: AXFR to $who refused: allow-transfer does not name it/, 'no right to a transfer');
fetch($tandem->port, 'nix.test');
told(qr/nix\.test: AXFR to $who refused: we are not authoritative for it/, 'no zone of ours');
fetch($tandem->port, 'empty.test');
told(qr/empty\.test: AXFR to $who refused: there is no version of it that could be served/, 'no version yet');
fetch($tandem->port, 'example.org', -y => 'hmac-sha256:nobody:' . $secret);
told(qr/example\.org: AXFR to $who, key nobody refused: BADKEY/, 'a key that we do not have');
fetch($tandem->port, 'example.org', -y => 'hmac-sha256:xfr:AAAAAAAAAAAA');
told(qr/example\.org: AXFR to $who, key xfr refused: BADSIG/, 'another secret');
fetch($tandem->port, 'there.test');
told(qr/there\.test: AXFR to $who refused: allow-transfer names another port of ours/, 'another port');
like(fetch($other, 'there.test'), qr/3 records|192\.0\.2\.1|serial 1/, 'the port that has the right') or diag($tandem->said);
like(fetch($tandem->port, 'example.org', -y => "hmac-sha256:xfr:$secret"), qr/3 records|192\.0\.2\.1|serial 1/, 'the key that has it');
notify('example.org');
told(qr/example\.org: NOTIFY from $who refused: we are its master/, 'a NOTIFY of what we are master of');
notify('empty.test');
told(qr/empty\.test: NOTIFY from $who refused: this is none of its masters, and allow-notify does not name it/, 'one of a stranger');
notify('nix.test');
told(qr/nix\.test: NOTIFY from $who refused: we are not authoritative for it/, 'one of another zone');

my ($sent, $start) = (3000, time);
notify("z$_.test") for 1 .. $sent;
$tandem->serial('example.org');
my $lines = () = $tandem->log =~ / refused: /g;
cmp_ok($lines, '<=', 60 + 2 * (time - $start), "a flood of $sent is told in few lines: $lines");	# 20 in 10 s
done_testing;
