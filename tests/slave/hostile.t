# A master that sends what it may not, stalls or never ends is refused with the reason, in bounded time and memory.
use strict; use warnings; use Test::More;
use lib 'tests/lib'; use Peer qw(program run scratch spew); use Master qw(message sign put);
use Time::HiRes qw(sleep time);

my $fetch = program('tests/transfer/fetch');
my $key = 'hmac-sha256:k.example:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';

# The zone that most cases are about.
sub soa { my ($zone, $serial) = @_; return "$zone. 300 SOA ns.$zone. admin.$zone. $serial 3600 600 86400 60" }
sub zone {
	my ($zone, $serial) = @_;
	return (soa($zone, $serial), "$zone. 300 NS ns.$zone.", "ns.$zone. 300 A 192.0.2.1", "a.$zone. 300 A 192.0.2.2",
	    "sub.$zone. 300 NS ns.sub.$zone.", "ns.sub.$zone. 300 A 192.0.2.3", soa($zone, $serial));
}
sub raw {	# an answer of these octets behind the question
	my ($query, $count, $octets) = @_;
	my $m = message($query, []);
	substr $m, 6, 2, pack 'n', $count;
	return $m . $octets;
}
sub mac { my ($query) = @_; return ($query->sigrr)->macbin }

# The first label of the zone says what the master does; then the code, and what the answer to it must be.
my (%does, @cases);
sub case { my ($name, $does, $like, @options) = @_; $does{$name} = $does; push @cases, [$name, $like, @options] }

case good => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)])) }, qr/^AXFR, serial 7, 6 records/;
case pieces => sub { my ($s, $q, $z) = @_; put($s, map { message($q, [$_]) } zone($z, 7)) }, qr/^AXFR, serial 7, 6 records of 7, \d+ octets in 7/;
case noquestion => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7);
	put($s, message($q, [shift @z]), map { message($q, [$_], question => []) } @z) }, qr/^AXFR, serial 7/;
case slowly => sub { my ($s, $q, $z) = @_; my $m = pack 'n/a*', message($q, [zone($z, 7)]);
	for (split //, $m) { syswrite $s, $_; sleep 0.001 } }, qr/^AXFR, serial 7/;

case silent => sub { my ($s) = @_; sysread $s, my $octet, 1 }, qr/^failed: no message within 0.4 s/, -t => 400;
case octet => sub { my ($s, $q, $z) = @_; for (split //, pack 'n/a*', message($q, [zone($z, 7)])) { syswrite $s, $_; sleep 0.1 } },
    qr/^failed: no message within/, -t => 400;
sub drip { my ($s, $q, $z) = @_; my @z = zone($z, 7); pop @z; put($s, message($q, \@z));
	for (my $i = 0; put($s, message($q, ["x$i.$z. 300 A 192.0.2.9"])); $i++) { sleep 0.05 } }
case toolong => \&drip, qr/^failed: it takes too long/, -T => 700;
case tooslow => \&drip, qr/^failed: it is too slow/, -r => 5000;
case endless => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); pop @z; put($s, message($q, \@z));
	for (my $i = 0; ; $i++) { put($s, message($q, [map { "x$i-$_.$z. 300 A 192.0.2.9" } 1 .. 100])) or last } },
    qr/^failed, bad: the answer has more than 5000 records/, -m => 5000;
case repeats => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); pop @z; put($s, message($q, \@z));
	1 while put($s, message($q, [("a.$z. 300 A 192.0.2.2") x 100])) },
    qr/^failed, bad: the answer has more than 5000 records/, -m => 5000;
my $long = join '.', ('x' x 60) x 3;
case bomb => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); pop @z; put($s, message($q, [@z, "$long.$z. 300 A 192.0.2.9"]));
	for (my $n = 0; ; $n++) {	# 16 octets each of a name of 200
		my $m = message($q, ["$long.$z. 300 A 192.0.2.9"]);
		my $name = 12 + length($z) + 2 + 4;
		put($s, raw($q, 3001, substr($m, $name) . join '', map { pack 'n n n N n N', 0xc000 | $name, 1, 1, 300, 4, $n * 3000 + $_ } 1 .. 3000)) or last;
	} }, qr/^failed, bad: the answer has more than 2000000 octets of records/, -b => 2000000;
case many => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)])) }, qr/^failed, bad: the answer has more than 5 records/, -m => 5;
case enough => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)])) }, qr/^AXFR, serial 7, 6 records/, -m => 6;

case loop => sub { my ($s, $q) = @_; put($s, raw($q, 1, pack('n n n N n/a*', 0xc000 | length(message($q, [])), 6, 1, 300, ''))) }, qr/^failed, bad: .*malformed/;
case forward => sub { my ($s, $q) = @_; put($s, raw($q, 1, pack('n n n N n/a*', 0xc0ff, 2, 1, 300, "\0") . "\0" x 300)) }, qr/^failed, bad: .*malformed/;
case rdlength => sub { my ($s, $q) = @_; put($s, raw($q, 1, pack('n n n N n', 0xc00c, 1, 1, 300, 400) . "xxxx")) }, qr/^failed, bad: .*malformed/;
case rdata => sub { my ($s, $q, $z) = @_; put($s, raw($q, 1, pack('n n n N n/a*', 0xc00c, 1, 1, 300, "\1\2\3"))) }, qr/^failed, bad: .*malformed/;
case counted => sub { my ($s, $q) = @_; put($s, raw($q, 65535, '')) }, qr/^failed, bad: .*malformed/;
case empty => sub { my ($s, $q) = @_; put($s, '') }, qr/^failed, bad: the answer is/;
case short => sub { my ($s, $q) = @_; put($s, 'short') }, qr/^failed, bad: the answer is/;
case norecords => sub { my ($s, $q) = @_; put($s, message($q, [])) }, qr/^failed, bad: .*without records/;
case query => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)], qr => 0)) }, qr/^failed, bad: .*not an answer/;
case tc => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)], tc => 1)) }, qr/^failed, bad: .*truncated/;
case otherid => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)], id => $q->header->id ^ 1)) }, qr/^failed, bad: .*another id/;
case otherquestion => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)], question => [Net::DNS::Question->new($z, 'SOA')])) },
    qr/^failed, bad: .*another question/;
case otherzone => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone('other.test', 7)])) }, qr/^failed, bad: .*SOA record of another name/;
case otherclass => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); $z[3] =~ s/ A / CH A /; put($s, message($q, \@z)) }, qr/^failed, bad: .*cannot be in a zone/;
case nosoa => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); shift @z; put($s, message($q, \@z)) }, qr/^failed, bad: .*does not begin with a SOA/;
case early => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); put($s, message($q, [@z, "b.$z. 300 A 192.0.2.4"])) }, qr/^failed, bad: .*records behind its end/;
case twoserials => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); $z[-1] = soa($z, 8); put($s, message($q, \@z)) }, qr/^failed, bad: .*begins with serial 7 and ends with 8/;
case foreign => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); $z[3] = 'www.example.com. 300 A 192.0.2.9'; put($s, message($q, \@z)) },
    qr/^failed, bad: .*www\.example\.com\. is not in the zone/;
case sibling => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); $z[4] = "not$z. 300 NS ns.$z."; put($s, message($q, \@z)) }, qr/^failed, bad: .*is not in the zone/;
case inner => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); $z[3] = soa("sub.$z", 3); put($s, message($q, \@z)) }, qr/^failed, bad: .*SOA record of another name/;
case nons => sub { my ($s, $q, $z) = @_; put($s, message($q, [soa($z, 7), "a.$z. 300 A 192.0.2.1", soa($z, 7)])) }, qr/^failed, bad: .*no NS record/;
case onlysoa => sub { my ($s, $q, $z) = @_; put($s, message($q, [soa($z, 7), soa($z, 7)])) }, qr/^failed, bad: .*no NS record/;
case cname => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); put($s, message($q, [@z[0 .. 5], "a.$z. 300 CNAME ns.$z.", $z[0]])) }, qr/^failed, bad: .*CNAME/;
case star => sub { my ($s, $q, $z) = @_; my @z = zone($z, 7); put($s, message($q, [@z[0 .. 5], "*.w.$z. 300 NS ns.$z.", $z[0]])) },
    qr/^failed, bad: .*\*\.w\.star\.test\. is a wildcard, which has no NS record/;
case meta => sub { my ($s, $q, $z) = @_; my $t = $z; put($s, message($q, [soa($z, 7), Net::DNS::RR->new("a.$z. 300 TYPE255 \\# 4 01020304")])) },
    qr/^failed, bad: .*cannot be in a zone/;
case servfail => sub { my ($s, $q) = @_; put($s, message($q, [], rcode => 'SERVFAIL')) }, qr/^failed: SERVFAIL/;
case refused => sub { my ($s, $q) = @_; put($s, message($q, [], rcode => 'REFUSED', question => [])) }, qr/^failed: REFUSED/;
case noedns => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)], ($q->additional ? (rcode => 'FORMERR') : ()))) }, qr/^AXFR, serial 7/;
case expire => sub { my ($s, $q, $z) = @_; my $m = message($q, [zone($z, 7)]); substr $m, 11, 1, "\x01";
	put($s, $m . pack 'C n n N n n n N', 0, 41, 1232, 0, 8, 9, 4, 256) },
    qr/^AXFR, serial 7.*expires in 256 s/;

# Signatures.
my @signed = (-y => $key);
my $bad = qr/^failed, bad: the signature of the answer is/;
case signed => sub { my ($s, $q, $z) = @_; put($s, sign(message($q, [zone($z, 7)]), prior => mac($q))) }, qr/^AXFR, serial 7/, @signed;
# The parts of a stream signed as the flags say; $change makes it wrong.
sub stream {
	my ($q, $z, $flags) = @_;
	my @z = zone($z, 7);
	my ($prior, $later, $between, @out) = (mac($q), 0, '');
	for my $signed (split //, $flags) {
		my $m = message($q, [length $flags == @out + 1 ? @z : shift @z]);
		if (!$signed) { $between .= $m; push @out, $m; next }
		my ($with, $mac) = sign($m, prior => $prior, later => $later, between => $between);
		($prior, $later, $between) = ($mac, 1, '');
		push @out, $with;
	}
	return @out;
}
case chain => sub { my ($s, $q, $z) = @_; put($s, stream($q, $z, '11111')) }, qr/^AXFR, serial 7/, @signed;
case some => sub { my ($s, $q, $z) = @_; put($s, stream($q, $z, '10001')) }, qr/^AXFR, serial 7/, @signed;
case lastplain => sub { my ($s, $q, $z) = @_; put($s, stream($q, $z, '11110')) }, qr/^failed, bad: the last message is not signed/, @signed;
case firstplain => sub { my ($s, $q, $z) = @_; put($s, stream($q, $z, '01111')) }, qr/$bad missing/, @signed;
case plain => sub { my ($s, $q, $z) = @_; put($s, message($q, [zone($z, 7)])) }, qr/$bad missing/, @signed;
case replay => sub { my ($s, $q, $z) = @_; my @m = stream($q, $z, '11111'); put($s, @m[0, 1, 1, 2, 3, 4]) }, qr/$bad BADSIG/, @signed;
case omitted => sub { my ($s, $q, $z) = @_; my @m = stream($q, $z, '11111'); put($s, @m[0, 2, 3, 4]) }, qr/$bad BADSIG/, @signed;
case middle => sub { my ($s, $q, $z) = @_; my @m = stream($q, $z, '10001'); put($s, @m[0, 1, 3, 4]) }, qr/$bad BADSIG/, @signed;
case changed => sub { my ($s, $q, $z) = @_; my @m = stream($q, $z, '11111'); substr $m[2], 14, 1, 'x'; put($s, @m) }, qr/$bad BADSIG/, @signed;
case wrongkey => sub { my ($s, $q, $z) = @_; put($s, sign(message($q, [zone($z, 7)]), prior => mac($q), secret => 'x' x 32)) }, qr/$bad BADSIG/, @signed;
case othername => sub { my ($s, $q, $z) = @_; put($s, sign(message($q, [zone($z, 7)]), prior => mac($q), name => 'l.example')) }, qr/$bad BADKEY/, @signed;
case wrongtime => sub { my ($s, $q, $z) = @_; put($s, sign(message($q, [zone($z, 7)]), prior => mac($q), time => time - 400)) }, qr/$bad BADTIME/, @signed;
case truncated => sub { my ($s, $q, $z) = @_; put($s, sign(message($q, [zone($z, 7)]), prior => mac($q), cut => 16)) }, qr/$bad BADTRUNC/, @signed;
case tooshort => sub { my ($s, $q, $z) = @_; put($s, sign(message($q, [zone($z, 7)]), prior => mac($q), cut => 8)) }, qr/^failed, bad: .*malformed/, @signed;
case plainrefused => sub { my ($s, $q, $z) = @_; put($s, message($q, [], rcode => 'REFUSED')) }, qr/^failed: REFUSED/, @signed;
case notfirst => sub { my ($s, $q, $z) = @_; my ($m) = sign(message($q, [zone($z, 7)]), prior => mac($q));
	my $copy = $m; substr $copy, 10, 2, pack 'n', 2; put($s, $copy . substr($m, length message($q, [zone($z, 7)]))) }, qr/^failed, bad: .*malformed/, @signed;

# Differences from serial 7; what does not fit is asked for as a whole zone.
my $have = scratch() . '/have';
sub from7 {
	my ($zone) = @_;
	spew($have, join '', map { "$_\n" } (zone($zone, 7))[0 .. 5]);
	return (-f => $have);
}
sub ixfr {
	my ($name, $answer, $like) = @_;
	case $name => sub {
		my ($s, $q, $z) = @_;
		my $full = ($q->question)[0]->qtype eq 'AXFR';
		put($s, message($q, $full ? [zone($z, 9)] : [$answer->($z)]));
	}, $like, \&from7;
}
ixfr same => sub { soa($_[0], 7) }, qr/^same, serial 7/;
ixfr older => sub { soa($_[0], 6) }, qr/^same, serial 6/;
ixfr fits => sub { my ($z) = @_; (soa($z, 9), soa($z, 7), "a.$z. 300 A 192.0.2.2", soa($z, 9), "b.$z. 300 A 192.0.2.7", soa($z, 9)) }, qr/^IXFR, serial 9, 6 records/;
ixfr steps => sub { my ($z) = @_; (soa($z, 9), soa($z, 7), "a.$z. 300 A 192.0.2.2", soa($z, 8), "b.$z. 300 A 192.0.2.7", soa($z, 8), "b.$z. 300 A 192.0.2.7", soa($z, 9),
	"a.$z. 300 A 192.0.2.2", soa($z, 9)) }, qr/^IXFR, serial 9, 6 records/;
ixfr whole => sub { zone($_[0], 9) }, qr/^AXFR, serial 9, 6 records[^(]*$/;
ixfr notthere => sub { my ($z) = @_; (soa($z, 9), soa($z, 7), "c.$z. 300 A 192.0.2.2", soa($z, 9), soa($z, 9)) }, qr/^AXFR, serial 9.*not there/;
ixfr there => sub { my ($z) = @_; (soa($z, 9), soa($z, 7), soa($z, 9), "a.$z. 300 A 192.0.2.2", soa($z, 9)) }, qr/^AXFR, serial 9.*add what we have/;
ixfr notours => sub { my ($z) = @_; (soa($z, 9), soa($z, 6), soa($z, 9), soa($z, 9)) }, qr/^AXFR, serial 9.*from serial 6, we have 7/;
ixfr gap => sub { my ($z) = @_; (soa($z, 10), soa($z, 7), soa($z, 8), soa($z, 9), soa($z, 10), soa($z, 10)) }, qr/^AXFR, serial 9.*to serial 8 and then from 9/;
ixfr back => sub { my ($z) = @_; (soa($z, 9), soa($z, 7), soa($z, 5), soa($z, 5), soa($z, 9), soa($z, 9)) }, qr/^AXFR, serial 9.*not newer/;
ixfr larger => sub { my ($z) = @_; (soa($z, 9), soa($z, 7), soa($z, 9), (map { "n$_.$z. 300 A 192.0.2.1" } 1 .. 1100), soa($z, 9)) }, qr/^AXFR, serial 9.*more differences/;
ixfr nonsleft => sub { my ($z) = @_; (soa($z, 9), soa($z, 7), "$z. 300 NS ns.$z.", soa($z, 9), soa($z, 9)) }, qr/^AXFR, serial 9.*no NS/;
case unknown => sub { my ($s, $q, $z) = @_; my $full = ($q->question)[0]->qtype eq 'AXFR';
	put($s, message($q, $full ? [zone($z, 9)] : [], rcode => $full ? 'NOERROR' : 'NOTIMP')) }, qr/^AXFR, serial 9.*NOTIMP/, \&from7;

# Cut behind each octet.
my $master = Master->start(udp => sub { () }, tcp => sub {
	my ($s, $q) = @_;
	my $z = ($q->question)[0]->qname;
	if ($z =~ /^cut(\d+)\./) {
		my $all = join '', map { pack 'n/a*', message($q, [$_]) } zone($z, 7);
		syswrite $s, substr $all, 0, $1;
	} else {
		$does{$z =~ /^(\w+)/ ? $1 : ''}->($s, $q, $z);
	}
});

sub fetch { return run($fetch, @_) }
for (@cases) {
	my ($name, $like, @options) = @$_;
	@options = map { ref $_ ? $_->("$name.test") : $_ } @options;
	my $start = time;
	my $out = fetch(@options, '127.0.0.1', $master->port, "$name.test");
	like($out, $like, $name);
	cmp_ok(time - $start, '<', 60, "$name in time");
}

my $whole = length join '', map { pack 'n/a*', $_ } map { message(Net::DNS::Packet->new('cut000.test', 'AXFR'), [$_]) } zone('cut000.test', 7);
my @wrong = grep { !/: failed: closed/ } map { "$_: " . fetch('127.0.0.1', $master->port, sprintf 'cut%03d.test', $_) } 0 .. $whole - 1;
is("@wrong", '', "cut behind each of $whole octets");
like(fetch('127.0.0.1', $master->port, sprintf 'cut%03d.test', $whole), qr/^AXFR, serial 7/, 'and whole');
like(fetch('127.0.0.1', 1, 'closed.test'), qr/^failed: connection refused/, 'nobody listens');
done_testing;
