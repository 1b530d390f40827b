# Ask.pm - DNS questions to servers on 127.0.0.1: one at a time to read, many at a time to compare.
package Ask;
use strict; use warnings;
use Exporter 'import';
use IO::Socket::INET;
use Net::DNS;
use Net::DNS::Parameters qw(:type);
use Errno;
use Socket qw(SOL_SOCKET SO_RCVTIMEO SO_RCVBUF);

our @EXPORT_OK = qw(ask serial transfer contents placed bulk summary text wire_name name_text);

# A name as typed in a zone file to wire form; absolute, with or without its final dot.
sub wire_name {
	my ($name) = @_;
	return "\0" if $name eq '.' || $name eq '';
	my $wire = '';
	my $label = '';
	while ($name =~ /\G(?:\\(\d{3})|\\(.)|(\.)|([^\\.]+))/gs) {
		if (defined $3) {
			$wire .= chr(length $label) . $label;
			$label = '';
		} else {
			$label .= defined $1 ? chr $1 : $2 // $4;
		}
	}
	$wire .= chr(length $label) . $label if length $label;
	return "$wire\0";
}

# The other way; whatever might mean something is escaped.
sub name_text {
	my ($wire) = @_;
	my $text = '';
	for my $label (unpack '(C/a)*', $wire) {
		$text .= ($label =~ s/([^a-zA-Z0-9_*-])/sprintf '\\%03d', ord $1/gesr) . '.' if length $label;
	}
	return length $text ? $text : '.';
}

sub type_code { $_[0] =~ /^\d+$/ ? $_[0] : typebyname($_[0]) }

# A query in wire form.  EDNS unless edns => 0; size, do as in the packet.
sub question {
	my ($id, $name, $type, %opt) = @_;
	my $edns = $opt{edns} // 1;
	my $wire = pack('n6', $id, $opt{flags} // 0, 1, 0, 0, $edns) . wire_name($name) .
	    pack('n2', type_code($type), $opt{class} // 1);
	$wire .= "\0" . pack('n2 N n', 41, $opt{size} // 4096, $opt{do} ? 0x8000 : 0, 0) if $edns;
	return $wire;
}

sub udp_socket {
	my ($port, $timeout, $at) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => $at // '127.0.0.1', PeerPort => $port, Proto => 'udp')
	    or die "socket: $!\n";
	setsockopt($socket, SOL_SOCKET, SO_RCVTIMEO, pack('q2', int $timeout, ($timeout - int $timeout) * 1e6));
	setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 1 << 21);
	return $socket;
}

# One question, decoded by Net::DNS; undef when nothing came in time.  tcp, do, edns, size, timeout, at (an address).
sub ask {
	my ($port, $name, $type, %opt) = @_;
	my $wire = question(int rand 65536, $name, $type, %opt);
	my $answer;
	if ($opt{tcp}) {
		my $socket = IO::Socket::INET->new(PeerAddr => $opt{at} // '127.0.0.1', PeerPort => $port,
		    Proto => 'tcp', Timeout => 30) or return undef;
		setsockopt($socket, SOL_SOCKET, SO_RCVTIMEO, pack('q2', $opt{timeout} // 30, 0));
		syswrite $socket, pack('n/a', $wire);
		$answer = read_exactly($socket, unpack 'n', read_exactly($socket, 2) // return undef);
	} else {
		my $socket = udp_socket($port, $opt{timeout} // 10, $opt{at});
		send $socket, $wire, 0;
		# A wait that has a limit is broken off when the test is stopped and goes on.
		until (defined recv $socket, $answer, 65535, 0) { return undef unless $!{EINTR} }
	}
	return undef unless defined $answer && substr($answer, 0, 2) eq substr($wire, 0, 2);
	return Net::DNS::Packet->new(\$answer);
}

sub read_exactly {
	my ($socket, $length) = @_;
	my $data = '';
	while (length $data < $length) {
		$! = 0;
		sysread($socket, $data, $length - length $data, length $data) or $!{EINTR} or return undef;
	}
	return $data;
}

# The serial that a server answers for a zone; undef when it has none.
sub serial {
	my ($port, $zone, $at) = @_;
	my $reply;
	# Of a datagram that is lost with a socket that is closed nobody hears.
	for (1 .. 20) { last if ($reply = ask($port, $zone, 'SOA', timeout => 0.5, at => $at)) || !$!{EAGAIN} }
	return undef unless $reply;
	my ($soa) = grep { $_->type eq 'SOA' && lc $_->owner eq lc($zone =~ s/(?<=.)\.$//r) } $reply->answer;
	return $soa && $soa->serial;
}

# A zone by AXFR: a record a line of the summary's form; the SOA only once.
sub transfer {
	my ($port, $zone) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') or die "connect: $!\n";
	syswrite $socket, pack('n/a', question(1, $zone, 'AXFR', edns => 0));
	my @records;
	my $soas = 0;
	while ($soas < 2) {
		my $message = read_exactly($socket, unpack 'n', read_exactly($socket, 2) // die "no transfer\n");
		my $summary = summary($message, 'in order');
		die "transfer refused\n" unless @{$summary->{answer}};
		for (@{$summary->{answer}}) {
			$soas += type_of($_) == 6;
			push @records, $_ if $soas < 2;
		}
	}
	return @records;
}

# The same as text to compare, sorted, with the zone's name replaced, so that zones of equal records are equal; or why there is none.
sub contents { my ($port, $zone) = @_; return eval { placed($zone, transfer($port, $zone)) } // "none: $@" }
sub placed {
	my ($zone, @records) = @_;
	my ($is, $to) = map { wire_name($_) } $zone, 'the.zone';
	return join "\n", sort map { unpack 'H*', s/\Q$is\E/$to/gr } @records;
}

# Owner and type of a record in the summary's form.
sub owner_of {
	my $at = 0;
	while (my $length = ord substr $_[0], $at, 1) { $at += $length + 1 }
	return substr $_[0], 0, $at + 1;
}
sub type_of { unpack 'n', substr $_[0], length(owner_of($_[0])), 2 }

# Asks all servers the same questions, some in flight at a time.  Calls back with the question
# and a message (or undef) of each server, in the order of the ports.
sub bulk {
	my ($ports, $questions, $callback) = @_;
	my @socket = map { udp_socket($_, 1) } @$ports;
	my $base = 0;
	while ($base < @$questions) {
		my $last = $base + 63;
		$last = $#$questions if $last > $#$questions;
		my @wire = map { question($_ & 65535, $questions->[$_]{name}, $questions->[$_]{type},
		    %{$questions->[$_]}) } $base .. $last;
		my @reply;
		for my $try (1 .. 15) {
			my $missing = 0;
			for my $s (0 .. $#socket) {
				defined $reply[$s][$_] or send $socket[$s], $wire[$_], 0 for 0 .. $#wire;
			}
			for my $s (0 .. $#socket) {
				my $left = grep { !defined $reply[$s][$_] } 0 .. $#wire;
				my $message;
				while ($left > 0 && defined recv $socket[$s], $message, 65535, 0) {
					my $i = (unpack('n', $message) - $base) & 65535;
					next if $i > $#wire || defined $reply[$s][$i] ||
					    lc substr($message, 12, question_end($wire[$i]) - 12) ne
					    lc substr($wire[$i], 12, question_end($wire[$i]) - 12);
					$reply[$s][$i] = $message;
					$left--;
				}
				$missing += $left;
			}
			last unless $missing;
		}
		for my $i (0 .. $#wire) {
			$callback->($questions->[$base + $i], map { $reply[$_][$i] } 0 .. $#socket);
		}
		$base = $last + 1;
	}
}

sub question_end {
	my $at = 12;
	while (my $length = ord substr $_[0], $at, 1) { $at += $length + 1 }
	return $at + 5;
}

# Reads a name in the message at $_[1], following compression; moves $_[1] past it.
sub name_at {
	my ($message) = @_;
	my ($at, $end, $name, $jumps) = ($_[1], undef, '', 0);
	while (my $length = ord substr $message, $at, 1) {
		if ($length >= 192) {
			$end //= $at + 2;
			die "compression loop\n" if ++$jumps > 127;
			$at = unpack('n', substr $message, $at, 2) & 0x3fff;
			next;
		}
		$name .= substr $message, $at, $length + 1;
		$at += $length + 1;
	}
	$_[1] = $end // $at + 1;
	return lc($name) . "\0";
}

# Octets before, names, octets after them in RDATA whose names may come compressed.
my %names_in = (2 => [0, 1], 5 => [0, 1], 12 => [0, 1], 39 => [0, 1], 7 => [0, 1], 8 => [0, 1], 9 => [0, 1],
    6 => [0, 2], 14 => [0, 2], 17 => [0, 2], 15 => [2, 1], 18 => [2, 1], 36 => [2, 1], 33 => [6, 1]);

# What of a message is compared: rcode, aa, tc, and answer and authority as sorted lists of
# records, each owner, type, class, TTL, RDATA, with names in small letters and not compressed.
sub summary {
	my ($message, $in_order) = @_;
	return { rcode => -1, aa => 0, tc => 0, answer => [], authority => [] } unless defined $message;
	my ($id, $flags, $qd, $an, $ns, $ar) = unpack 'n6', $message;
	my $at = $qd ? question_end($message) : 12;
	my %summary = (rcode => $flags & 15, aa => $flags >> 10 & 1, tc => $flags >> 9 & 1);
	for my $section ([answer => $an], [authority => $ns]) {
		my @records;
		for (1 .. $section->[1]) {
			my $record = name_at($message, $at);
			my ($type, $length) = unpack 'n x6 n', substr $message, $at, 10;
			$record .= substr $message, $at, 8;
			$at += 10;
			my $end = $at + $length;
			if (my $how = $names_in{$type}) {
				$record .= substr $message, $at, $how->[0];
				$at += $how->[0];
				$record .= name_at($message, $at) for 1 .. $how->[1];
			}
			$record .= substr $message, $at, $end - $at;
			$at = $end;
			push @records, $record;
		}
		$summary{$section->[0]} = $in_order ? \@records : [sort @records];
	}
	return \%summary;
}

# A message as text, for a reader of a failed test.
sub text {
	my ($message) = @_;
	return "(no answer)\n" unless defined $message;
	my $packet = eval { Net::DNS::Packet->new(\$message) } or return "(not readable)\n" . unpack('H*', $message) . "\n";
	my $header = $packet->header;
	return join '', sprintf("\t%s%s%s\n", $header->rcode, $header->aa ? ' aa' : '', $header->tc ? ' tc' : ''),
	    map({ "\tanswer    " . $_->plain . "\n" } $packet->answer),
	    map({ "\tauthority " . $_->plain . "\n" } $packet->authority);
}
1;
