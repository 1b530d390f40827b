# Master.pm - a master that does what the test says, be it wrong.
package Master;
use strict; use warnings;
use parent -norequire, 'Peer';
use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Net::DNS;
use Peer;

our @EXPORT_OK = qw(message sign put);

# Code for UDP gets the query as a Net::DNS packet, its octets and the socket, and returns messages; that for TCP gets the socket first and writes.
# Each connection is a process of its own.
sub start {
	my ($class, %self) = @_;
	my $self = $class->SUPER::new(port => Peer::free_port(), %self);
	my @at = (LocalAddr => '127.0.0.1', LocalPort => $self->port);
	my $udp = IO::Socket::INET->new(@at, Proto => 'udp') or die "udp: $!\n";
	my $tcp = IO::Socket::INET->new(@at, Proto => 'tcp', Listen => 100, ReuseAddr => 1) or die "tcp: $!\n";
	return $self->work(sub {
		$SIG{CHLD} = 'IGNORE';
		my $select = IO::Select->new($udp, $tcp);
		while (my @ready = $select->can_read) {
			for my $s (@ready) {
				if ($s == $udp) {
					$udp->recv(my $octets, 65535) // next;
					my $query = Net::DNS::Packet->new(\$octets) or next;
					$udp->send($_) for $self->{udp}->($query, $octets, $udp);
					next;
				}
				my $client = $tcp->accept or next;
				next if fork // die "fork: $!\n";
				eval {
					my $len = unpack 'n', take($client, 2);
					my $octets = take($client, $len);
					$self->{tcp}->($client, scalar(Net::DNS::Packet->new(\$octets)), $octets);
				};
				print STDERR $@;
				POSIX::_exit(0);
			}
		}
	});
}

sub take {
	my ($socket, $want) = @_;
	my $got = '';
	while (length $got < $want) {
		sysread $socket, $got, $want - length $got, length $got or die "closed\n";
	}
	return $got;
}

# A message that answers the query with these records (texts); options: rcode, aa, id, question.
sub message {
	my ($query, $records, %o) = @_;
	my $p = Net::DNS::Packet->new;
	$p->header->id($o{id} // $query->header->id);
	$p->header->qr($o{qr} // 1);
	$p->header->aa($o{aa} // 1);
	$p->header->rd(0);
	$p->header->tc($o{tc} // 0);
	$p->header->rcode($o{rcode} // 'NOERROR');
	my @question = exists $o{question} ? @{$o{question}} : $query->question;
	$p->push(question => @question);
	$p->push(answer => map { ref $_ ? $_ : Net::DNS::RR->new($_) } @$records);
	$p->push(additional => Net::DNS::RR->new(%{$o{opt}})) if $o{opt};
	return $p->data;
}

# As TCP carries them.
sub put {
	my ($socket, @messages) = @_;
	syswrite $socket, join '', map { pack 'n/a*', $_ } @messages;
}

# The message with a TSIG record, hmac-sha256, and its MAC.  Options: prior (MAC), later (timers only), between (octets of
# messages before it that are not signed), time, secret, name, cut (octets of MAC).
sub sign {
	my ($message, %o) = @_;
	my $name = join('', map { pack 'C/a*', $_ } split /\./, $o{name} // 'k.example') . "\0";
	my $algorithm = "\x0bhmac-sha256\0";
	my $time = pack('n N', 0, $o{time} // time) . pack('n', 300);
	my $data = defined $o{prior} ? pack('n/a*', $o{prior}) : '';
	$data .= ($o{between} // '') . $message;
	$data .= $o{later} ? $time : $name . pack('n N', 255, 0) . $algorithm . $time . pack('n n', 0, 0);
	my $mac = hmac_sha256($data, $o{secret} // '0123456789abcdef0123456789abcdef');
	$mac = substr $mac, 0, $o{cut} if $o{cut};
	my $rdata = $algorithm . $time . pack('n/a*', $mac) . substr($message, 0, 2) . pack('n n', 0, 0);
	my $signed = $message . $name . pack('n n N n/a*', 250, 255, 0, $rdata);
	substr $signed, 10, 2, pack 'n', 1 + unpack 'n', substr $signed, 10, 2;
	return ($signed, $mac);
}
1;
