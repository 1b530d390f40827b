# Proxy.pm - a TCP proxy before a MySQL server that loses connections where the test says.
package Proxy;
use strict; use warnings;
use parent 'Peer';
use IO::Select;
use IO::Socket::INET;
use Peer qw(free_port slurp spew until_true);
use Time::HiRes qw(sleep);

# Proxy->start(port of the server)
sub start {
	my ($class, $server) = @_;
	my $self = $class->new(port => free_port(), server => $server);
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 16,
	    ReuseAddr => 1) or die "listen: $!\n";
	return $self->work(sub { $self->serve($listener) });
}

# Once, from now on: "before" loses the next packet of a client that matches, and its connection;
# "after" lets the server have it, waits for the reply and loses that.  The pattern sees the
# command byte and what follows.  "count N" loses the Nth packet from now, whatever it is.
sub lose { my ($self, $when, $pattern) = @_; spew($self->path('lose'), "$when $pattern") }

# "hold" keeps the next packet that matches, and all that come after it, until go() is called.
sub held { my ($self, $within) = @_; return until_true { -e $self->path('held') } $within }
sub go { my ($self) = @_; unlink $self->path('held') }

# From now on each packet of a client waits so long, as on a slow link; how many there were that did.
sub delay { my ($self, $seconds) = @_; spew($self->path('delay'), $seconds) }
sub packets { my ($self) = @_; return scalar(() = $self->log =~ /^packet$/mg) }

# Whether it has happened.
sub lost { my ($self, $within) = @_; return until_true { !-e $self->path('lose') } $within }

sub serve {
	my ($self, $listener) = @_;
	my $select = IO::Select->new($listener);
	my (%other, %is_client, %buffer);
	$SIG{PIPE} = 'IGNORE';		# either side may be gone
	my $end = sub {
		my ($socket) = @_;
		for ($socket, $other{$socket} // ()) {
			$select->remove($_);
			close $_;
		}
		delete @other{$socket, $other{$socket} // ()};
	};
	while (1) {
		for my $socket ($select->can_read) {
			if ($socket == $listener) {
				my $client = $listener->accept or next;
				my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{server});
				if (!$server) { close $client; next }
				$other{$client} = $server;
				$other{$server} = $client;
				$is_client{$client} = 1;
				$is_client{$server} = 0;
				$buffer{$client} = '';
				$select->add($client, $server);
				next;
			}
			next unless $other{$socket};
			my $data;
			if (!sysread $socket, $data, 65536) { $end->($socket); next }
			if (!$is_client{$socket}) { print {$other{$socket}} $data; $other{$socket}->flush; next }
			$buffer{$socket} .= $data;
			while ($other{$socket} && length $buffer{$socket} >= 4) {
				my $length = 4 + (unpack('V', $buffer{$socket}) & 0xffffff);
				last if length $buffer{$socket} < $length;
				my $packet = substr $buffer{$socket}, 0, $length, '';
				my $loses = $self->loses(substr $packet, 4);
				if (my $delay = slurp($self->path('delay'))) {
					syswrite STDOUT, "packet\n";
					sleep $delay;
				}
				if ($loses eq 'hold') { sleep 0.005 while -e $self->path('held') }
				if ($loses eq 'before') { $end->($socket); last }
				print {$other{$socket}} $packet;
				$other{$socket}->flush;
				next if $loses eq '' || $loses eq 'hold';
				sysread $other{$socket}, my $reply, 65536;	# the server has done it
				$end->($socket);
			}
		}
	}
}

sub loses {
	my ($self, $packet) = @_;
	my ($when, $what) = slurp($self->path('lose')) =~ /^(\w+) (.*)/s or return '';
	if ($when eq 'count' && $what > 1) {
		spew($self->path('lose'), 'count ' . ($what - 1));
		return '';
	}
	return '' if $when ne 'count' && $packet !~ /$what/i;
	spew($self->path('held'), '') if $when eq 'hold';
	unlink $self->path('lose');
	return $when eq 'count' ? 'before' : $when;
}
1;
