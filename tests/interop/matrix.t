# tandemd, BIND, NSD, Knot and PowerDNS as master and as slave of each other, one of them ours: whole zones and differences, plain
# and signed with each algorithm.  A line of a zone's own for each cell of the matrix.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(contents placed serial);
use Time::HiRes qw(time);
use Net::DNS;
use Peer qw(free_port program run scratch slurp spew until_true);
use Server;

my $fetch = program('tests/transfer/fetch');
my @peers = qw(BIND NSD Knot PowerDNS);
my %algorithm = map { $_ => "hmac-$_" } qw(md5 sha1 sha224 sha256 sha384 sha512);
my %short = ('sha256-128' => 'hmac-sha256-128', 'sha512-256' => 'hmac-sha512-256');	# BIND and we know

# What the slave's, or the master's, log says of the second version; ours says it of both directions.
my %cells;	# zone => { master, slave, key, ixfr, like }
my $n = 0;
sub cell {
	my ($master, $slave, $ixfr, $key, $like, $apex) = @_;
	$cells{sprintf 'z%03d.test', ++$n} = { master => $master, slave => $slave, ixfr => $ixfr, key => $key, like => $like, apex => $apex // '' };
}
sub cells {
	my ($master, $slave, @more) = @_;
	my $in = $slave eq 'Tandem slave';
	# Of PowerDNS's there are no differences: it answers with the whole zone.  Where the slave cannot be told not to ask for them, we do not give them.
	my $whole = $in ? qr/AXFR from .* done: serial 2/ : qr/AXFR(-style IXFR)? to serial 2 for/;
	my $parts = $master eq 'PowerDNS' ? $whole : $in ? qr/^IXFR from .* done: serial 2/ : qr/^IXFR from 1 to serial 2 for/;
	cell($master, $slave, 0, undef, $whole);
	cell($master, $slave, 0, 'sha256', $whole);
	cell($master, $slave, 1, undef, $parts);
	cell($master, $slave, 1, $_, $parts) for sort keys %algorithm, @more;
	cell($master, $slave, 'udp', $_, $parts) for $slave eq 'NSD' ? (undef, 'sha256') : ();
}
cells('Tandem', $_, $_ eq 'BIND' ? keys %short : ()) for @peers;
cells($_, 'Tandem slave', $_ eq 'BIND' ? keys %short : ()) for @peers;
cells('Tandem', 'Tandem slave', keys %short);
# The differences that NSD 4.6 makes add MX at the apex, which is there already.
cell('NSD', 'Tandem slave', 1, undef, qr/^AXFR from .* done: serial 2/, "\@ MX 10 mail\n");

# --- the servers ---
my @names = ('Tandem', @peers, 'Tandem slave');
my %port = map { $_ => free_port() } @names;
my %server;
for my $name (@names) {
	my %zones;
	for my $zone (keys %cells) {
		my $c = $cells{$zone};
		$zones{$zone} = { slaves => [$port{$c->{slave}}], key => $c->{key}, ixfr => $c->{ixfr} } if $c->{master} eq $name;
		$zones{$zone} = { master => $port{$c->{master}}, key => $c->{key}, ixfr => $c->{ixfr} } if $c->{slave} eq $name;
	}
	$server{$name} = Server->prepare($name =~ s/ .*//r, port => $port{$name}, zones => \%zones,
	    keys => { %algorithm, $name =~ /Tandem|BIND/ ? %short : () });
}

# --- the zone: some hundred records of many types; a version is a few changes ---
sub text {
	my ($zone, $serial, $apex) = @_;
	my $text = "\$ORIGIN $zone.\n\$TTL 300\n@ SOA ns admin $serial 3600 600 86400 60\n@ NS ns\n@ NS ns.elsewhere.example.\n" .
	    "ns A 192.0.2.1\nns AAAA 2001:db8::1\nmx MX 10 mail\nmx MX 20 mail.elsewhere.example.\nmail A 192.0.2.2\n$apex" .
	    "_sip._tcp SRV 1 2 5060 sip\nsip A 192.0.2.3\nalias CNAME ns\nd DNAME elsewhere.example.\n" .
	    "t TXT \"some text\" \"\\\"and more\\\"\"\nn NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*\$!sip:x\@y!\" .\nc CAA 0 issue \"ca.example\"\n" .
	    "sub NS ns.sub\nsub DS 12345 8 2 " . 'ab' x 32 . "\nns.sub A 192.0.2.4\n*.w TXT wild\nCase.Kept A 192.0.2.5\n" .
	    "h HTTPS 1 . alpn=h2\nr RP admin.$zone. t\nl LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\n";
	$text .= sprintf "h%d A 10.0.%d.%d\n", $_, $_ >> 8, $_ & 255 for 1 .. 60;
	$text .= "changes TXT $serial\n";
	$text .= "gone A 192.0.2.8\nsip A 192.0.2.9\n" if $serial < 2;
	$text .= "new A 192.0.2.8\nnew MX 10 mail\nsip A 192.0.2.10\n*.v.w CNAME ns\n" if $serial >= 2;
	return $text;
}
sub write_all {
	my ($serial) = @_;
	for my $name (@names) {
		$server{$name}->write($_, text($_, $serial, $cells{$_}{apex})) for $server{$name}->own;
	}
}
# BIND's reader is the witness of what is in a file: records in the form of a transfer.
sub expected {
	my ($zone, $serial, $apex) = @_;
	my $file = scratch() . '/witness';
	spew($file, text($zone, $serial, $apex));
	my @lines = grep { /\sIN\s/ } split /\n/, run(qw(named-compilezone -q -i none -k ignore -n ignore -f text -F text -s full -o -), $zone, $file);
	my @records = map {
		my $wire = Net::DNS::RR->new($_)->canonical;
		my $owner = Ask::owner_of($wire);
		$owner . substr($wire, length $owner, 8) . substr $wire, length($owner) + 10;	# without the length
	} @lines;
	return placed($zone, @records);
}

# --- two versions ---
sub everywhere {
	my ($serial) = @_;
	for my $zone (sort keys %cells) {
		my $start = time;
		my $at = $port{$cells{$zone}{slave}};
		return 0 unless until_true { (serial($at, $zone) // -1) == $serial } 30;
		note(sprintf '%.1f s for %s', time - $start, $zone) if time - $start > 1;
	}
	return 1;
}
write_all(1);
$server{PowerDNS}->load($_) for $server{PowerDNS}->own;
$server{$_}->launch for @names;
everywhere(1);
my %have;	# contents by version
$have{1}{$_} = contents($port{$cells{$_}{slave}}, $_) for keys %cells;
write_all(2);
# PowerDNS first: SQLite does not let it write what it fetches meanwhile, which it then fetches later.
$server{$_}->reload for 'PowerDNS', grep { $_ ne 'PowerDNS' } @names;
everywhere(2);
$have{2}{$_} = contents($port{$cells{$_}{slave}}, $_) for keys %cells;
my %wanted;

# --- the matrix ---
for my $zone (sort keys %cells) {
	my $c = $cells{$zone};
	my $how = ($c->{ixfr} eq 'udp' ? 'IXFR over UDP' : $c->{ixfr} ? 'IXFR' : 'AXFR') . ($c->{key} ? ", hmac-$c->{key}" : ', plain');
	my $ours = $server{$c->{slave} eq 'Tandem slave' ? 'Tandem slave' : 'Tandem'};
	subtest "$c->{master} -> $c->{slave}: $how" . ($c->{apex} && ' with MX at the apex') => sub {
		for (1, 2) {
			$wanted{"$_ $c->{apex}"} //= expected('z000.test', $_, $c->{apex});
			is($have{$_}{$zone}, $wanted{"$_ $c->{apex}"}, "version $_ is what its file says");
		}
		my ($line) = my @lines = $ours->log =~ /^.*zone \Q$zone\E: (.*(?:AXFR|IXFR).*serial 2.*)$/mg;
		ok((grep { $_ =~ $c->{like} } @lines), 'and came so') or diag(join "\n", @lines, grep { /\Q$zone\E/ } split /\n/, $server{$c->{slave}}->log . $server{$c->{master}}->log);
		note($line // '');
		return unless $c->{key};
		like($line // '', qr/, key \Q$c->{key}\E:/, 'signed') unless $c->{slave} eq 'Tandem slave';
		my @to = ('127.0.0.1', $port{$c->{master}}, $zone);
		like(run($fetch, @to), qr/^failed: (REFUSED|NOTAUTH)/, 'who does not sign gets nothing');
		my $other = $c->{key} eq 'sha512' ? 'sha256' : 'sha512';
		like(run($fetch, -y => "$algorithm{$other}:$other:" . Server::secret($other), @to), qr/BADKEY|^failed: (REFUSED|NOTAUTH|SERVFAIL)/, 'nor who has another key');
		like(run($fetch, -y => "hmac-$c->{key}:$c->{key}:" . Server::secret('other'), @to), qr/BADSIG|^failed: NOTAUTH/, 'nor with another secret');
		like(run($fetch, -y => "hmac-" . ($c->{key} eq 'sha1' ? 'sha256' : 'sha1') . ":$c->{key}:" . Server::secret($c->{key}), @to), qr/BADKEY|^failed: (REFUSED|NOTAUTH)/, 'nor with another algorithm');
	};
}
done_testing;
