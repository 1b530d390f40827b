# A change of a zone changes the rows that differ, by the database's own count, and PowerDNS answers
# it at once, whatever it has cached.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Ask qw(ask);
use Daemon; use MariaDB; use PowerDNS;
use Peer qw(until_true);
use Time::HiRes qw(time);

my $mariadb = MariaDB->start;
my $pdns = PowerDNS->start(mysql => $mariadb);
my $zone = 'zone "example.org" { type master; file "example.org"; };';
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
    password_file => $mariadb->password_file, zones => $zone, more => 'pdns-control "' . $pdns->control_socket . '";');
my $config = Peer::slurp('tests/mirror/tandem.conf');

my $serial = 1;
my @lines = map { my $n = $_; ("h$n A 192.0.2.$n", "h$n AAAA 2001:db8::$n", "h$n TXT \"host $n\"") } 1 .. 200;
my $head = "\$TTL 3600\n\@ SOA ns1 hostmaster SERIAL 3600 600 86400 300\n\@ NS ns1\nns1 A 192.0.2.1\n";
sub text { return join "\n", $head =~ s/SERIAL/$serial/r, @lines, '' }

sub answer {
	my ($name, $type) = @_;
	my $reply = ask($pdns->port, $name, $type) or return 'no answer';
	return join ' ', $reply->header->rcode, sort map { $_->rdstring } grep { $_->type eq $type } $reply->answer;
}

is(answer('h1.example.org', 'A'), 'REFUSED', 'PowerDNS knows nothing of the zone');
$tandem->write('example.org', text());
$tandem->launch;
ok($mariadb->reaches('example.org', serial => 1, within => 10), 'the zone is mirrored') or diag($tandem->log);
ok((until_true { answer('h1.example.org', 'A') eq 'NOERROR 192.0.2.1' } 2), 'and PowerDNS serves it at once');
is(scalar $mariadb->rows('example.org'), 603, 'a row a record');

# Makes a change; the records of $old become $new (patterns); checks what the database counted.
sub change {
	my ($what, $most, $code, %check) = @_;
	answer($_, 'A'), answer($_, 'TXT') for @{$check{cached} // []};
	my %before = map { $_ => 1 } $mariadb->rows('example.org', ids => 1);
	my $counters = $mariadb->counters;
	$code->();
	$serial++;
	$tandem->write('example.org', text());
	my $start = time;
	$tandem->signal('HUP');
	for (@{$check{answers}}) {
		my ($name, $type, $wanted) = @$_;
		ok((until_true { answer($name, $type) eq $wanted } 2), "$what: PowerDNS answers $name $type")
		    or diag(answer($name, $type));
	}
	note(sprintf '%s: %.0f ms from HUP to the answer', $what, (time() - $start) * 1000);
	ok($mariadb->reaches('example.org', serial => $serial, within => 5), "$what: mirrored") or return diag($tandem->log);
	my $changes = MariaDB::changes($counters, $mariadb->counters);
	my @after = $mariadb->rows('example.org', ids => 1);
	my $new = grep { !$before{$_} } @after;
	cmp_ok($changes->{records}, '<=', $most, "$what: $changes->{records} rows changed, no more than $most");
	# It shows that it lives every 3 s, however long this takes.
	cmp_ok($changes->{delete} + $changes->{write} + $changes->{update}, '<=', $most + 3 + ($changes->{tandem_lease} // 0),
	    "$what: $changes->{delete} deleted, $changes->{write} inserted, $changes->{update} updated in all tables");
	cmp_ok($new, '<=', $most, "$what: the other rows are untouched, with their ids");
}
sub edit { my ($from, $to) = @_; s/$from/$to/ for @lines }

# A record deleted and one inserted, or one updated, and the same for the SOA.
change('one record', 4, sub { edit(qr/^h7 A .*/, 'h7 A 198.51.100.7') }, cached => ['h7.example.org'],
    answers => [['h7.example.org', 'A', 'NOERROR 198.51.100.7']]);
change('a new name', 3, sub { push @lines, 'new A 192.0.2.99' }, cached => ['new.example.org'],
    answers => [['new.example.org', 'A', 'NOERROR 192.0.2.99']]);
change('a name removed', 3, sub { @lines = grep { !/^new / } @lines }, cached => ['new.example.org'],
    answers => [['new.example.org', 'A', 'NXDOMAIN']]);
change('a TTL', 4, sub { edit(qr/^h8 A /, 'h8 60 A ') }, cached => ['h8.example.org']);
change('only the serial', 2, sub { });
change('empty non-terminals appear', 5, sub { push @lines, 'a.b.c A 192.0.2.98' }, cached => ['b.c.example.org'],
    answers => [['b.c.example.org', 'A', 'NOERROR']]);
change('a name in their place', 4, sub { push @lines, 'b.c A 192.0.2.97' }, cached => ['b.c.example.org'],
    answers => [['b.c.example.org', 'A', 'NOERROR 192.0.2.97']]);
change('both go', 6, sub { @lines = grep { !/b\.c / } @lines }, cached => ['b.c.example.org', 'a.b.c.example.org'],
    answers => [['b.c.example.org', 'A', 'NXDOMAIN'], ['c.example.org', 'A', 'NXDOMAIN']]);
push @lines, map {; "host$_.sub TXT \"below\"", "host$_.sub A 192.0.2.$_" } 1 .. 20;
change('a name with others below', 60, sub { }, answers => [['host9.sub.example.org', 'TXT', 'NOERROR below']]);
change('a cut above them', 100, sub { push @lines, 'sub NS host1.sub' }, cached => ['host9.sub.example.org'],
    answers => [['host9.sub.example.org', 'TXT', 'NOERROR']]);
change('the cut goes', 100, sub { @lines = grep { !/^sub NS/ } @lines }, cached => ['host9.sub.example.org'],
    answers => [['host9.sub.example.org', 'TXT', 'NOERROR below']]);
change('the order of the file', 2, sub { @lines = reverse @lines });
change('TXT that differs in case alone', 4, sub { edit(qr/^h9 TXT .*/, 'h9 TXT "HOST 9"') }, cached => ['h9.example.org'],
    answers => [['h9.example.org', 'TXT', 'NOERROR "HOST 9"']]);
change('TXT that differs in a final blank alone', 4, sub { edit(qr/^h9 TXT .*/, 'h9 TXT "HOST 9 "') },
    answers => [['h9.example.org', 'TXT', 'NOERROR "HOST 9 "']]);

# The same serial with other data: no version.
my $counters = $mariadb->counters;
$tandem->write('example.org', text() . "; a comment\n");
$tandem->signal('HUP');
$tandem->ctl('reload');
is(MariaDB::changes($counters, $mariadb->counters)->{records}, 0, 'a comment changes nothing');

# A second zone, once the first is known and the zone cache of PowerDNS is warm.
is(answer('www.second.test', 'A'), 'REFUSED', 'a second zone is not there');
$tandem->write('second.test', "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\nwww A 192.0.2.2\n");
$tandem->{value}{zones} = $zone . ' zone "second.test" { type master; file "second.test"; };';
$tandem->configure($config);
$tandem->signal('HUP');
ok((until_true { answer('www.second.test', 'A') eq 'NOERROR 192.0.2.2' } 3), 'PowerDNS serves it at once');

# A restart finds everything in step.
$mariadb->sql("REVOKE CREATE ON powerdns.* FROM tandem\@'%'");
$tandem->stop;
is($tandem->{status}, 0, 'TERM ends it with 0');
$counters = $mariadb->counters;
$tandem->launch;
change('a change after a restart', 4, sub { edit(qr/^h7 A .*/, 'h7 A 198.51.100.8') }, cached => ['h7.example.org'],
    answers => [['h7.example.org', 'A', 'NOERROR 198.51.100.8']]);
cmp_ok(MariaDB::changes($counters, $mariadb->counters)->{records}, '<=', 4, 'is all that the restart changed');
$tandem->stop;
edit(qr/^h7 A .*/, 'h7 A 198.51.100.9');
change('a change while it was down', 4, sub { $serial++; $tandem->write('example.org', text()); $serial--; $tandem->launch },
    answers => [['h7.example.org', 'A', 'NOERROR 198.51.100.9']]);

# By HTTP instead of the socket.
$tandem->write('key', $pdns->api_key . "\n");
$tandem->{value}{more} = 'pdns-api "' . $pdns->api . '" key-file "key";';
$tandem->configure($config);
$tandem->signal('HUP');
change('purged by HTTP', 4, sub { edit(qr/^h7 A .*/, 'h7 A 198.51.100.10') }, cached => ['h7.example.org'],
    answers => [['h7.example.org', 'A', 'NOERROR 198.51.100.10']]);

# A PowerDNS that cannot be told holds nothing up.
$pdns->kill9;
$serial++;
$tandem->write('example.org', text());
$tandem->signal('HUP');
ok($mariadb->reaches('example.org', serial => $serial, within => 5), 'mirroring goes on without PowerDNS');
done_testing;
