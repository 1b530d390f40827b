# PowerDNS lets the same hosts and keys transfer a zone as the configuration says; what the configuration no longer says goes.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB; use PowerDNS;
use Peer qw(run slurp until_true);

my $mariadb = MariaDB->start;
my $secret = 'c2VjcmV0IG9mIHRlc3Rz';
my $base = slurp('tests/mirror/tandem.conf');
$base =~ s/workers 1;/workers 1; autosecondary { 192.0.2.53 nameserver "ns2.example.com" account "admin"; 192.0.2.54 nameserver "ns3.example.com"; };/;
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $mariadb->port, database => 'powerdns',
    password_file => $mariadb->password_file, more => 'export-metadata yes; kind master;', zones => '');
sub configure {
	my ($transfer, $keys) = @_;
	$tandem->{value}{zones} = ($keys // "key \"xfr\" { algorithm hmac-sha256; secret \"$secret\"; };\n") .
	    "zone \"example.org\" { type master; file \"example.org\"; notify no; also-notify { 192.0.2.7; 192.0.2.8 port 5353; }; allow-transfer { $transfer }; };\n" .
	    'zone "other.test" { type master; file "other.test"; };';
	$tandem->configure($base);
}
sub meta { join ' ', sort map { s/\t/=/r } $mariadb->sql("SELECT m.kind, m.content FROM powerdns.domainmetadata m JOIN powerdns.domains d
    ON d.id = m.domain_id WHERE d.name = '$_[0]' AND m.kind NOT LIKE 'X-%'") }
my $text = "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n";
$tandem->write($_, $text) for qw(example.org other.test);
configure('192.0.2.0/24; 2001:db8::/32; key xfr;');
$tandem->launch;
my $all = 'ALLOW-AXFR-FROM=192.0.2.0/24 ALLOW-AXFR-FROM=2001:db8::/32 ALSO-NOTIFY=192.0.2.7 ALSO-NOTIFY=192.0.2.8:5353 TSIG-ALLOW-AXFR=xfr';
ok((until_true { meta('example.org') eq $all } 10), 'addresses and keys are rows of domainmetadata') or diag(meta('example.org'), $tandem->log);
is(meta('other.test'), '', 'a zone without rights has none');
is($mariadb->sql('SELECT name, algorithm, secret FROM powerdns.tsigkeys'), "xfr\thmac-sha256\t$secret", 'the key is there');
is($mariadb->sql("SELECT type, notified_serial FROM powerdns.domains WHERE name = 'example.org'"), "MASTER\t1", 'a master, whose serial is notified');

is(join(' ', sort $mariadb->sql('SELECT ip, nameserver, account FROM powerdns.supermasters')), "192.0.2.53\tns2.example.com\tadmin 192.0.2.54\tns3.example.com\t",
    'who may give us zones may give PowerDNS some');

my $pdns = PowerDNS->start(mysql => $mariadb, allow_axfr_ips => '', 'disable-axfr' => 'no');
sub axfr { run('dig', '+noall', '+answer', '+time=60', '+tries=1', '@127.0.0.1', '-p', $pdns->{port}, @_, 'AXFR') }
like(axfr('-y', "hmac-sha256:xfr:$secret", 'example.org'), qr/192\.0\.2\.1/, 'PowerDNS lets the key transfer the zone');
unlike(axfr('-y', "hmac-sha256:xfr:$secret", 'other.test'), qr/192\.0\.2\.1/, 'and not the other one');

# Nothing is written again when nothing has changed.
my $counters = $mariadb->counters;
$tandem->stop;
$tandem->launch;
ok((until_true { $tandem->ctl('mirror', 'status') =~ /fleet\s+active\s+yes\s+2\s/ } 10), 'started again');
is(MariaDB::changes($counters, $mariadb->counters)->{domainmetadata} // 0, 0, 'nothing is written again');
$mariadb->sql("USE powerdns; INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('foreign', 'hmac-sha256', 'eHg=');
    INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'X-FOREIGN', '1' FROM domains");
configure('192.0.2.0/24; !10.0.0.1; any;', '');
$tandem->signal('HUP');
my $less = 'ALLOW-AXFR-FROM=192.0.2.0/24 ALSO-NOTIFY=192.0.2.7 ALSO-NOTIFY=192.0.2.8:5353';
ok((until_true { meta('example.org') eq $less } 10), 'what the configuration no longer says goes; nothing is allowed that is not') or diag(meta('example.org'));
is($mariadb->sql("SELECT COUNT(*) FROM powerdns.tsigkeys WHERE name = 'foreign'"), 1, 'the key of somebody else stays');
is($mariadb->sql("SELECT COUNT(*) FROM powerdns.domainmetadata WHERE kind = 'X-FOREIGN'"), 2, 'and metadata of other kinds');

# Somebody else's hand in these rows is put right by a repair.
$mariadb->sql("USE powerdns; UPDATE domainmetadata SET content = '198.51.100.0/24' WHERE kind = 'ALLOW-AXFR-FROM'");
$tandem->ctl('mirror', 'repair', 'example.org');
is(meta('example.org'), $less, 'repair: they are as the configuration says');
done_testing;
