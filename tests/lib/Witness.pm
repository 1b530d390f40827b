# Witness.pm - what to ask about a zone, and what PowerDNS may answer otherwise.
package Witness;
use strict; use warnings;
use Exporter 'import';
use Ask qw(bulk summary text transfer wire_name name_text);
use Net::DNS::Parameters qw(:type);
use Test::More;

our @EXPORT_OK = qw(questions compare allowed);

# Types asked for besides those of the zone.
my @also = qw(A NS CNAME SOA MX TXT AAAA SRV SPF DS DNAME NSEC NSEC3 NSEC3PARAM DNSKEY RRSIG KX TYPE65280 ANY);

# All names of the zone (as the server at the port transfers it), those above them, and names that
# are not there: below each, beside each on both sides, below a star.  Each with all types.
sub questions {
	my ($port, $zone) = @_;
	my (%name, %type, %hash);
	$type{typebyname($_)} = 1 for @also;
	for my $record (transfer($port, $zone)) {
		my ($owner, $type) = (Ask::owner_of($record), Ask::type_of($record));
		$name{$owner} = 1;
		$type{$type} = 1;
		$hash{$owner} = 1 if $type == 50;
	}
	my $origin = wire_name($zone);
	for my $name (keys %name) {
		my $rest = $name;
		while (length $rest > length $origin) {
			$rest = substr $rest, 1 + ord $rest;
			$name{$rest} = 1;
		}
		my $label = substr $name, 1, ord $name;
		my $parent = $name eq "\0" ? '' : substr $name, 1 + length $label;
		my @absent = map { pack('C/a', $_) . $name } 'absent', '*', "\x00", 'b.a';
		push @absent, "\7absent2\6absent$name";
		push @absent, map { pack('C/a', $_) . $parent } "${label}0", "0$label", substr($label, 0, -1), uc $label if $name ne $origin;
		@absent = @absent[0, 1] if $hash{$name};
		$hash{$_} = 1 for $hash{$name} ? @absent : ();
		$name{$_} //= 0 for grep { $_ !~ /^\0./s && 63 >= ord && 255 >= length } @absent;
	}
	$name{substr $origin, 1 + ord $origin} = 1 if $origin ne "\0";
	my @questions;
	for my $name (sort keys %name) {
		my $text = name_text($name);
		for my $type (sort { $a <=> $b } keys %type) {
			push @questions, map { { name => $text, type => $type, do => $_, hash => $hash{$name} } } 0, 1;
		}
	}
	return \@questions;
}

sub key { join '|', map { ref ? map { length . ":$_" } @$_ : $_ } @{$_[0]}{qw(rcode aa tc answer authority)} }
sub same { key($_[0]) eq key($_[1]) }

# Whether all records of the first stand in the second too.
sub within {
	my ($less, $more, $section) = @_;
	my %there = map { $_ => 1 } @{$more->{$section}};
	return !grep { !$there{$_} } @{$less->{$section}};
}
# Whether the second has all records of the first, and besides only such of the types.
sub only {
	my ($less, $more, $section, @types) = @_;
	my %there = map { $_ => 1 } @{$less->{$section}};
	my %type = map { $_ => 1 } @types;
	return within($less, $more, $section) && !grep { !$there{$_} && !$type{Ask::type_of($_)} } @{$more->{$section}};
}
sub same_records { my ($a, $b, $section) = @_; return within($a, $b, $section) && within($b, $a, $section) }

sub records { my ($message, $section, $type) = @_; return grep { Ask::type_of($_) == $type } @{$message->{$section}} }

sub show {
	my ($question, %answer) = @_;
	diag(join '', "$question->{name} " . typebyval($question->{type}) . ($question->{do} ? ' +dnssec' : '') . "\n",
	    map { "  $_\n" . text($answer{$_}) } sort keys %answer);
}

# What a server answers otherwise than BIND, and may: PowerDNS, whatever its rows say, and tandemd, where a
# standard says so.  A name, the reason, and how to know it from the question, BIND's answer and the server's.
my @allowed;
sub allow {
	my ($who, $name, $reason, $code) = @_;
	push @allowed, { who => $who, name => $name, reason => $reason, is => $code, count => 0 };
}

allow tandemd => 'type ANY over UDP' => 'one of the sets is enough (RFC 8482 4.1)' => sub {
	my ($question, $bind, $tandemd) = @_;
	return $question->{type} == 255 && $bind->{rcode} == $tandemd->{rcode} && @{$tandemd->{answer}} > 0 &&
	    within($tandemd, $bind, 'answer');
};
allow PowerDNS => 'type RRSIG' => 'PowerDNS refuses it' => sub {
	my ($question, $bind, $pdns) = @_;
	return $question->{type} == 46 && $pdns->{rcode} == 5;
};
allow PowerDNS => 'type ANY' => 'PowerDNS follows an alias, and leaves out DNSSEC records without DO or by a wildcard' => sub {
	my ($question, $bind, $pdns) = @_;
	return 0 if $question->{type} != 255;
	my %data = (answer => [grep { Ask::type_of($_) !~ /^(46|47|48|50|51)$/ } @{$bind->{answer}}]);
	return within(\%data, $pdns, 'answer') && (records($bind, answer => 5) ||
	    $bind->{rcode} == $pdns->{rcode} && within($pdns, $bind, 'answer') && same_records($bind, $pdns, 'authority'));
};
allow PowerDNS => 'type NSEC' => 'PowerDNS has no such rows: it makes them for DO where a name has rows, else follows aliases' => sub {
	my ($question, $bind, $pdns) = @_;
	return $question->{type} == 47 && (!records($pdns, answer => 47) || records($pdns, answer => 5)) && $pdns->{rcode} =~ /^[03]$/;
};
allow PowerDNS => 'type CNAME by a wildcard or a DNAME' => 'PowerDNS adds the SOA, as if there were none' => sub {
	my ($question, $bind, $pdns) = @_;
	return $question->{type} == 5 && $bind->{rcode} == $pdns->{rcode} && same_records($bind, $pdns, 'answer') &&
	    within($bind, $pdns, 'authority') && records($pdns, authority => 6) && !records($bind, authority => 6);
};
allow PowerDNS => 'alias loop' => 'PowerDNS gives up after ten steps and keeps nothing of the chain' => sub {
	my ($question, $bind, $pdns) = @_;
	return $question->{name} =~ /(^|\.)(dl2?|self|loop[12])\./i && $pdns->{rcode} == 2 && !@{$pdns->{answer}};
};

allow PowerDNS => 'DS in a referral without DO' => 'PowerDNS adds it for everybody' => sub {
	my ($question, $bind, $pdns) = @_;
	return !$question->{do} && same_records($bind, $pdns, 'answer') && $bind->{rcode} == $pdns->{rcode} &&
	    records($bind, authority => 2) && only($bind, $pdns, authority => 43);
};
allow PowerDNS => 'owner of an NSEC3 record' => 'PowerDNS finds the signature there, so that the name exists for it' => sub { $_[0]{hash} };

allow PowerDNS => 'TTL of NSEC3PARAM' => 'PowerDNS makes the record from metadata, with the SOA minimum' => sub {
	my ($question, $bind, $pdns) = @_;
	my $theirs = sub { my ($type, $covered) = unpack 'n x6 n', substr $_[0], length Ask::owner_of($_[0]);
		return $type == 51 || $type == 46 && $covered == 51 };
	my @rest = map { my $message = $_; +{ %$message, answer => [grep { !$theirs->($_) } @{$message->{answer}}] } } $bind, $pdns;
	return records($bind, answer => 51) && records($pdns, answer => 51) && same(@rest);
};

allow PowerDNS => 'opt-out below a name that insecure delegations alone make' => 'PowerDNS takes another closest encloser' => sub {
	my ($question, $bind, $pdns) = @_;
	my @rest = map { my $message = $_; +{ %$message, authority =>
	    [grep { Ask::type_of($_) !~ /^(46|50)$/ } @{$message->{authority}}] } } $bind, $pdns;
	return $question->{do} && $question->{name} =~ /ent[23]\.optout\.test\.$/i && same(@rest);
};

# Asks all servers all questions.  servers: [name, port], the first is the reference; a name begins with
# who it is.  Returns how many answers differed without a reason, by server; shows the first of them.
sub compare {
	my ($questions, $servers, %opt) = @_;
	my @name = map { $_->[0] } @$servers;
	my %wrong = map { $_ => 0 } @name[1 .. $#name];
	my $shown = 0;
	bulk([map { $_->[1] } @$servers], $questions, sub {
		my ($question, @message) = @_;
		my $reference = summary($message[0]);
		my $wanted = key($reference);
		for my $i (1 .. $#message) {
			my $got = summary($message[$i]);
			next if key($got) eq $wanted;
			next if excused($name[$i], $question, $reference, $got);
			next if $wrong{$name[$i]}++ >= ($opt{show} // 5);
			show($question, $name[0] => $message[0], $name[$i] => $message[$i]);
		}
	});
	return \%wrong;
}

# What was allowed how often, by name.
sub allowed { return map { ("$_->{who}, $_->{name}: $_->{reason}" => $_->{count}) } @allowed }

sub excused {
	my ($name, $question, $reference, $got) = @_;
	for (@allowed) {
		next unless $name =~ /^$_->{who}\b/ && $_->{is}->($question, $reference, $got);
		$_->{count}++;
		return 1;
	}
	return 0;
}
1;
