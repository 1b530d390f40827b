# The rights that README names are enough, and those that it calls needless are not needed.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB;
use Peer qw(slurp spew until_true);

my $mariadb = MariaDB->start;
my @grant = slurp('README') =~ /^    ((?:CREATE USER|GRANT) .*?;)/mg;
is(scalar @grant, 10, 'README has a user and nine grants');
$mariadb->sql(join "\n", 'DROP USER tandem;', @grant);
my $secret = Peer->new->path('secret');
spew($secret, "secret\n");

my %value = (mysql_port => $mariadb->port, database => 'powerdns', password_file => $secret);
my $zone = 'key "k" { algorithm hmac-sha256; secret "c2VjcmV0c2VjcmV0"; };
    zone "example.org" { type master; file "example.org"; allow-transfer { key "k"; }; };';
my $tandem = Daemon->prepare('tests/mirror/tandem.conf', %value, zones => $zone, more => 'on-remove delete; export-metadata yes;');
my $text = "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n";
$tandem->write('example.org', $text);
$tandem->launch;
ok($mariadb->reaches('example.org', serial => 1, within => 10), 'with them a zone is mirrored')
    or diag($tandem->log);
is(scalar $mariadb->sql('SELECT name FROM powerdns.tsigkeys'), 'k', 'with its key');

$mariadb->sql("REVOKE CREATE ON powerdns.$_ FROM tandem;") for qw(tandem_state tandem_lease);
$tandem->stop;
$tandem->write('example.org', $text =~ s/h 1/h 2/r . "www A 192.0.2.2\n");
$tandem->launch;
ok($mariadb->reaches('example.org', serial => 2, within => 10), 'and again when CREATE is revoked')
    or diag($tandem->log);

$tandem->{value}{zones} = '';
$tandem->configure(slurp('tests/mirror/tandem.conf'));
$tandem->ctl('reload');
ok((until_true { !defined scalar $mariadb->sql('SELECT name FROM powerdns.domains') } 10), 'and its rows go when it goes')
    or diag($tandem->log);
done_testing;
