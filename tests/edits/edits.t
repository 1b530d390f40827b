# Edit after edit, with ends and crashes of both sides in between: all slaves have what the master has.  Ours is master of two zones,
# one of them signed, and slave of BIND and of Knot.
# EDITS=n for more of them, SEED=n for the same again.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(contents serial);
use Peer qw(free_port until_true);
use Server;

my $edits = $ENV{EDITS} // 25;
my $seed = $ENV{SEED} // 1;
srand $seed;
my @slaves = qw(Tandem BIND NSD Knot PowerDNS);
my %port = map { $_ => free_port() } 'master', @slaves;
my %key = ('z.example' => undef, 's.example' => 'xfr', 'b.example' => 'xfr', 'k.example' => undef);
my %masters = ('z.example' => 'master', 's.example' => 'master', 'b.example' => 'BIND', 'k.example' => 'Knot');
my @zones = sort keys %masters;
sub slaves { my ($zone) = @_; return $masters{$zone} eq 'master' ? @slaves : 'Tandem' }

my %server;
for my $name ('master', @slaves) {
	my %how;
	for my $zone (@zones) {
		my %both = (key => $key{$zone}, ixfr => 1);
		$how{$zone} = { %both, slaves => [map { $port{$_} } slaves($zone)] } if $masters{$zone} eq $name;
		$how{$zone} = { %both, master => $port{$masters{$zone}} } if $masters{$zone} ne $name && grep { $_ eq $name } slaves($zone);
	}
	$server{$name} = Server->prepare($name eq 'master' ? 'Tandem' : $name, port => $port{$name}, keys => { xfr => 'hmac-sha256' }, zones => \%how);
}

# --- the zones: they have the same records ---
my $serial = 4294967295 - int $edits / 2;	# it passes 0 on the way
my @owners = ('@', map { my $n = $_; ($n, map { "$_.$n" } qw(a *)) } 'a' .. 'j');
my %records;
sub records {
	my ($owner) = @_;
	my $kind = $owner eq '@' ? 9 : int rand 10;
	return $kind < 2 ? () : $kind == 2 ? "$owner CNAME a.b" : $kind == 3 && $owner !~ /\*/ ? ("$owner NS ns.$owner", "ns.$owner A 192.0.2.53")
	    : grep { rand 2 < 1 } "$owner A 192.0.2." . int rand 4, "$owner 60 TXT \"t" . int(rand 9) . '"', "$owner MX 10 a", "$owner AAAA 2001:db8::" . int rand 9;
}
sub edit {
	$serial = ($serial + 1) % 2**32;
	for my $owner (@owners) {
		$records{$owner} = [records($owner)] if !$records{$owner} || rand 8 < 1;
	}
	my $text = join "\n", '$TTL 300', "\@ SOA ns h $serial 2 1 86400 60", '@ NS ns', 'ns A 192.0.2.1', "changes TXT $serial",
	    (map { "fixed$_ A 192.0.2.9" } 1 .. 100), (map { @{$records{$_}} } @owners), '';
	$server{$masters{$_}}->write($_, $text) for @zones;
}
sub masters { my %once; return grep { !$once{$_}++ } map { $masters{$_} } @zones }

# --- edits ---
my %count;
sub has { my ($name, $zone) = @_; return (serial($port{$name}, $zone) // -1) == $serial }
# BIND keeps away for ten minutes from a master that it found away twice: it is started anew, to look again.
my $heard = 0;
sub freshen {
	my ($name) = @_;
	return 0 unless $name eq 'BIND' && substr($server{BIND}->log, $heard) =~ /is unreachable \(cached\)/;
	$server{BIND}->end('TERM');
	$server{BIND}->launch;
	$heard = length $server{BIND}->log;
	$count{'BIND kept away'}++;
	return 0;
}
sub tell_logs { my ($zone, $name) = @_; diag(join "\n", map { substr $server{$_}->log, -3000 } $name, $masters{$zone}) }
edit();
$server{$_}->launch for 'master', @slaves;
EDIT: for my $n (1 .. $edits) {
	my $what = $n == 1 ? 'nothing' : (qw(nothing nothing nothing nothing nothing master slave slave), 'master and slave')[rand 9];
	my $how = (qw(TERM KILL))[rand 2];
	my $whose = $slaves[rand @slaves];
	my @ends = (($what =~ /master/ ? 'master' : ()), ($what =~ /slave/ ? $whose : ()));
	$count{@ends ? "$how of " . join ' and ', @ends : 'no restart'}++;
	my $when = int rand 3;	# the end comes before the edit, at once after it, or when one slave has it
	my $that = "edit $n ($how of @ends, $when), SEED=$seed";
	for my $step (0 .. 2) {
		if ($step == 1 && $n > 1) {
			edit();
			$server{$_}->reload for masters();
		}
		next unless $step == $when && @ends;
		until_true { grep { has($_, 'z.example') } @slaves } 10 if $step == 2;
		$server{$_}->end($how) for @ends;
		$server{$_}->launch for @ends;
	}
	for my $zone (@zones) {
		for my $name ($masters{$zone}, slaves($zone)) {
			next if until_true { has($name, $zone) || freshen($name) } 20;
			is(serial($port{$name}, $zone), $serial, "$that: serial of $zone at $name");
			tell_logs($zone, $name);
			last EDIT;
		}
	}
	my $wanted;
	until_true { ($wanted = contents($port{master}, 'z.example')) !~ /^none/ } 2;
	for my $zone (@zones) {
		for my $name (slaves($zone)) {
			next if $wanted !~ /^none/ && until_true { contents($port{$name}, $zone) eq $wanted } 2;
			is(contents($port{$name}, $zone), $wanted, "$that: $zone at $name is as at its master");
			tell_logs($zone, $name);
			last EDIT;
		}
	}
	$count{edits}++;
}
is($count{edits}, $edits, "all slaves have each of $edits versions");
like($server{Tandem}->log, qr/zone \Q$_\E: IXFR from .* done/, "$_ came by differences too") for @zones;
like($server{master}->log, qr/IXFR from \d+ to serial \d+ for .*, key xfr:/, 'signed ones went out');
note("$_: $count{$_}") for sort keys %count;
done_testing;
