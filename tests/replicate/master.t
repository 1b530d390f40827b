# Tandem as master of two PowerDNS that take new zones by themselves.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Alone;
use Daemon; use MariaDB; use PowerDNS;
use Ask qw(ask);
use Peer qw(run slurp until_true);

my $mariadb = MariaDB->start;
my %pdns;
for my $n (2, 3) {
	my $database = "pdns$n";
	$mariadb->add_database($database);
	$mariadb->sql("GRANT ALL ON $database.* TO pdns\@'%'; USE $database;
	    INSERT INTO supermasters VALUES ('127.0.0.1', 'ns$n.replicateme.dev', 'admin')");
	$pdns{$n} = slave($n);
}
sub slave {
	my ($n, @more) = @_;
	return PowerDNS->start(mysql => $mariadb, gmysql_dbname => "pdns$n", at => "127.0.0.$n", port => 53,
	    query_local_address => "127.0.0.$n", secondary => 'yes', autosecondary => 'yes', xfr_cycle_interval => 60,
	    cache => 0, allow_notify_from => '127.0.0.1/32', loglevel => 6, @more);
}
my $tandem = Daemon->prepare('tests/replicate/master.conf');
$tandem->launch;

sub zone {
	my ($serial, @more) = @_;
	return join "\n", '$TTL 60', "\@ SOA ns1 hostmaster $serial 3600 600 86400 60", (map {; "\@ NS ns$_", "ns$_ A 127.0.0.$_" } 1 .. 3),
	    'www A 192.0.2.1', 'a.b.c TXT "x"', '*.wild MX 10 www', @more, '';
}
sub answers {
	my ($n, $zone) = @_;
	return join "\n", map {
		my $r = ask(53, $_->[0] eq '@' ? $zone : "$_->[0].$zone", $_->[1], at => "127.0.0.$n");
		join ' ', "@$_", $r ? ($r->header->rcode, $r->header->aa, sort map { $_->plain } $r->answer) : 'nothing';
	} (['@', 'SOA'], ['@', 'NS'], ['www', 'A'], ['a.b.c', 'TXT'], ['x.wild', 'MX'], ['b.c', 'A'], ['new', 'A'], ['none', 'A']);
}

# A new zone: the slaves make it by themselves.
$tandem->write('replicateme.dev', zone(1));
like($tandem->ctl('addzone', 'replicateme.dev', '{ type master; file "replicateme.dev"; };'), qr/replicateme\.dev/, 'addzone');
is($?, 0, 'ends with 0');
my $out = $tandem->ctl('increase-serial', 'replicateme.dev');
is($?, 0, 'increase-serial ends with 0') or diag($out);
my $serial = $tandem->serial('replicateme.dev');
cmp_ok($serial, '>', 1, 'and raises the serial');
$tandem->ctl('notify', 'replicateme.dev');
is($?, 0, 'notify ends with 0');
for my $n (2, 3) {
	my $t = time;
	ok($pdns{$n}->reaches('replicateme.dev', serial => $serial, within => 90), "PowerDNS $n makes the zone, transfers, answers") or diag($pdns{$n}->log, $tandem->log);
	note(time - $t, ' s');
	is(answers($n, 'replicateme.dev'), answers(1, 'replicateme.dev'), "PowerDNS $n answers the same");
	is($mariadb->sql("SELECT type, master, account FROM pdns$n.domains"), "SLAVE\t127.0.0.1\tadmin", 'as a slave of the account');
}
ok($tandem->says(qr/replicateme\.dev: 127\.0\.0\.$_:53 has serial $serial\n/, 10), "we know that PowerDNS $_ has it") for 2, 3;

# The next version, by a signal.
$tandem->write('replicateme.dev', zone($serial + 1, 'new A 192.0.2.2'));
$tandem->signal('HUP');
for my $n (2, 3) {
	ok($pdns{$n}->reaches('replicateme.dev', serial => $serial + 1, within => 20), "PowerDNS $n has the next version");
	is(answers($n, 'replicateme.dev'), answers(1, 'replicateme.dev'), "PowerDNS $n answers the same");
}

# With TSIG: the key alone decides, NOTIFY is signed with it too.
my $secret = 'c2VjcmV0IG9mIHRoZSB0ZXN0cw==';
$mariadb->sql("USE pdns$_; INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('xfr', 'hmac-sha256', '$secret');
    INSERT INTO supermasters VALUES ('127.0.0.1', 'ns$_.signed.dev', 'admin')") for 2, 3;
$_->stop for values %pdns;
$pdns{$_} = slave($_, allow_unsigned_autoprimary => 'no', allow_unsigned_notify => 'no') for 2, 3;
$tandem->configure(slurp('tests/replicate/master.conf') =~ s/127\.0\.0\.2; 127\.0\.0\.3;/key "xfr";/r . <<EOT);
key "xfr" { algorithm hmac-sha256; secret "$secret"; };
server 127.0.0.2 { keys "xfr"; };
server 127.0.0.3 { keys { "xfr"; }; };
EOT
$tandem->write('signed.dev', zone(1));
$tandem->ctl('reconfig');
is($?, 0, 'reconfig') or diag($tandem->log);
$tandem->ctl('addzone', 'signed.dev', '{ type master; file "signed.dev"; };');
is($?, 0, 'addzone');
for my $n (2, 3) {
	ok($pdns{$n}->reaches('signed.dev', serial => 1, within => 90), "PowerDNS $n makes the signed zone, transfers, answers") or diag($pdns{$n}->log, $tandem->log);
	is(answers($n, 'signed.dev'), answers(1, 'signed.dev'), "PowerDNS $n answers the same");
	is($mariadb->sql("SELECT m.kind, m.content FROM pdns$n.domainmetadata m JOIN pdns$n.domains d ON d.id = m.domain_id WHERE d.name = 'signed.dev'"),
	    "AXFR-MASTER-TSIG\txfr", 'with the key of the NOTIFY');
	ok($tandem->says(qr/zone signed\.dev: AXFR to serial 1 for 127\.0\.0\.$n:\d+, key xfr:/, 5), 'and that of the transfer');
}
done_testing;
