# PowerDNS as master, Tandem as slave that takes new zones by itself.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Alone;
use Daemon; use MariaDB; use PowerDNS;
use Peer qw(run slurp until_true);

my $mariadb = MariaDB->start;
$mariadb->add_database('mirror');
$mariadb->sql("GRANT ALL ON powerdns.* TO pdns\@'%'");
my $pdns = PowerDNS->start(mysql => $mariadb, query_local_address => '127.0.0.2', primary => 'yes',
    also_notify => '', only_notify => '127.0.0.3/32', disable_axfr => 'no', allow_axfr_ips => '127.0.0.3,127.0.0.4', cache => 0, port => 53, at => '127.0.0.2');
sub pdnsutil { return run('pdnsutil', "--config-dir=" . $pdns->dir, @_) }
my $secret = 'c2VjcmV0IG9mIHRoZSB0ZXN0cw==';
my $tandem = Daemon->prepare('tests/replicate/slave.conf', mysql_port => $mariadb->port, password_file => $mariadb->password_file,
    secret => $secret, cycle => 0, remove => 0);
$tandem->launch;

sub zone {
	my ($zone) = @_;
	pdnsutil('create-zone', $zone, "ns1.$zone");
	pdnsutil('set-kind', $zone, 'primary');
	pdnsutil('add-record', $zone, @$_) for ['@', 'NS', "ns2.$zone"], ['ns1', 'A', '127.0.0.2'], ['ns2', 'A', '127.0.0.3'], ['www', 'A', '192.0.2.1'];
	return raise($zone);
}
sub raise {
	my ($zone) = @_;
	return pdnsutil('increase-serial', $zone) =~ /set to (\d+)/ ? $1 : die 'no serial';
}
sub told { $pdns->control('notify', $_[0]) }

my $serial = zone('replicateme.dev');
told('replicateme.dev');
ok($tandem->reaches('replicateme.dev', serial => $serial, within => 10), 'a zone that PowerDNS has made is served here');
ok($tandem->says(qr/zone replicateme\.dev: NOTIFY received from 127\.0\.0\.2:\d+ for a zone that we are not authoritative for
.*zone replicateme\.dev: added as slave
.*zone replicateme\.dev: created from master 127\.0\.0\.2:53, name server ns2\.replicateme\.dev, account admin
.*zone replicateme\.dev: stale: 127\.0\.0\.2:53 has serial $serial, we have none
.*zone replicateme\.dev: transfer from 127\.0\.0\.2:53 starts
.*zone replicateme\.dev: AXFR from 127\.0\.0\.2:53 done: serial $serial, 7 records.*
.*zone replicateme\.dev: serial $serial committed/, 5), 'the log tells each step') or diag($tandem->log);
my $file = $tandem->path('var/zones/replicateme.dev.zone');
ok((until_true { slurp($file) =~ /192\.0\.2\.1/ } 5), 'its file is written');
ok($mariadb->reaches('replicateme.dev', serial => $serial, within => 10, database => 'mirror'), 'it is mirrored');
is(scalar(grep { /^www\.replicateme\.dev\tA\t192\.0\.2\.1\t/ } $mariadb->rows('replicateme.dev', database => 'mirror')), 1, 'with its records');

$tandem->hush;
pdnsutil('add-record', 'replicateme.dev', 'new', 'A', '192.0.2.2');
my $next = raise('replicateme.dev');
told('replicateme.dev');
ok($tandem->reaches('replicateme.dev', serial => $next, within => 10), 'the next version comes by NOTIFY');
like($tandem->said, qr/stale: 127\.0\.0\.2:53 has serial $next, we have $serial\n/, 'as the log tells');
ok($mariadb->reaches('replicateme.dev', serial => $next, within => 10, database => 'mirror'), 'it is mirrored too');

# Who is not to give us zones.
$tandem->hush;
pdnsutil('create-zone', 'other.dev', 'ns1.other.dev');
pdnsutil('set-kind', 'other.dev', 'primary');
$pdns->control('notify-host', 'other.dev', '127.0.0.3');
ok($tandem->says(qr/zone other\.dev: warning: not created: name servers of 127\.0\.0\.2:53: none is one that autosecondary has/, 10), 'a zone of other name servers is not taken');
like($tandem->ctl('zones'), qr/^(?!.*other\.dev)/s, 'and is not there');

# Signed: what the clause has a key for is made only when the NOTIFY is signed with it.
pdnsutil('import-tsig-key', 'xfr', 'hmac-sha256', $secret);
$tandem->hush;
my $signed = zone('signed.dev');
$pdns->control('notify-host', 'signed.dev', '127.0.0.3');
ok($tandem->says(qr/zone signed\.dev: warning: not created/, 10), 'an unsigned NOTIFY does not make a signed zone');
pdnsutil('activate-tsig-key', 'signed.dev', 'xfr', 'primary');
told('signed.dev');
ok($tandem->reaches('signed.dev', serial => $signed, within => 10), 'a signed NOTIFY does');
like(slurp($tandem->path('var/zones/signed.dev.conf')), qr/masters \{ 127\.0\.0\.2 port 53 key "xfr"; \}/, 'with its key');
ok($mariadb->reaches('signed.dev', serial => $signed, within => 10, database => 'mirror'), 'it is mirrored');

# Masters that the database names: no key of theirs is known, so theirs is the one that they sign with.
zone($_) for qw(rows.dev signedrows.dev);
pdnsutil('activate-tsig-key', 'signedrows.dev', 'xfr', 'primary');
$tandem->hush;
$pdns->control('notify-host', 'rows.dev', '127.0.0.3');
ok($tandem->says(qr/zone rows\.dev: warning: not created/, 10), 'a master that has no row for this name server does not give it');
$mariadb->sql("INSERT INTO mirror.supermasters VALUES ('127.0.0.2', 'ns2.rows.dev', 'hosting'), ('127.0.0.2', 'NS2.signedrows.dev', ''),
    ('127.0.0.2', 'ns2.signed.dev', ''), ('nowhere', 'ns2.rows.dev', '')");
ok($tandem->says(qr/mirror fleet: supermasters: ip 'nowhere' is no address\n.*mirror fleet: 3 rows of its table supermasters may give us zones/, 20), 'rows are read') or diag($tandem->said);
told($_) for qw(rows.dev signedrows.dev);
ok($tandem->reaches($_, serial => $pdns->serial($_), within => 10), "$_ is given by one that has") for qw(rows.dev signedrows.dev);
like($tandem->said, qr/rows\.dev: created from master 127\.0\.0\.2:53, name server ns2\.rows\.dev, account hosting\n/, 'with the account of the row');
like(slurp($tandem->path('var/zones/rows.dev.conf')), qr/masters \{ 127\.0\.0\.2 port 53; \}/, 'unsigned');
like(slurp($tandem->path('var/zones/signedrows.dev.conf')), qr/masters \{ 127\.0\.0\.2 port 53 key "xfr"; \}/, 'or with the key of the NOTIFY');
ok($mariadb->reaches($_, serial => $pdns->serial($_), within => 10, database => 'mirror'), "$_ is mirrored") for qw(rows.dev signedrows.dev);
$tandem->ctl('delzone', '-clean', 'signed.dev');
pdnsutil('deactivate-tsig-key', 'signed.dev', 'xfr', 'primary');
$tandem->hush;
$pdns->control('notify-host', 'signed.dev', '127.0.0.3');
ok($tandem->says(qr/zone signed\.dev: warning: not created/, 10), 'a row does not let in unsigned what the configuration wants signed');
pdnsutil('activate-tsig-key', 'signed.dev', 'xfr', 'primary');
told('signed.dev');
ok($tandem->reaches('signed.dev', serial => $signed, within => 10), 'signed it comes');
$tandem->hush;
$mariadb->sql("DELETE FROM mirror.supermasters");
ok($tandem->says(qr/mirror fleet: no row of its table supermasters is left/, 20), 'and rows that go are read') or diag($tandem->said);

# The same from a file, of which PowerDNS may be the reader on this host.
my $file_conf = 'tests/replicate/slave.conf';
my $other = Daemon->prepare($file_conf, map { $_ => '' } qw(mysql_port password_file secret cycle remove));
my $sqlite = $other->path('pdns.sqlite3');
$other->configure(slurp($file_conf) =~ s/127\.0\.0\.3/127.0.0.4/gr =~ s/autosecondary \{.*?\n\t\};//sr =~ s/^key.*|^\t(?:slave-cycle|autosecondary-).*//mgr
    =~ s/^mirror.*/mirror "file" { type sqlite; file "pdns.sqlite3"; owner "other"; };\n/msr);
$other->launch;
ok((until_true { -s $sqlite && $other->ctl('mirror', 'status') =~ /file\s+active\s+yes/ } 20), 'PowerDNS\'s tables in a file') or diag($other->log);
run('sqlite3', '-cmd', '.timeout 30000', $sqlite, "INSERT INTO supermasters VALUES ('127.0.0.2', 'ns2.rows.dev', 'x')");
ok($other->says(qr/mirror file: 1 row of its table supermasters may give us zones/, 20), 'are read too');
$pdns->control('notify-host', 'rows.dev', '127.0.0.4');
ok($other->reaches('rows.dev', serial => $pdns->serial('rows.dev'), within => 10), 'and a master in them gives us its zone') or diag($other->log);
$other->configure(slurp($other->path('tandem.conf')) =~ s/owner "other";/owner "other"; supermasters no;/r);
$other->ctl('reconfig');
ok($other->says(qr/mirror file: no row of its table supermasters is left/, 20), 'unless the mirror is not to be believed');
$other->stop;

# Without NOTIFY.
$tandem->{value}{cycle} = 1;
$tandem->configure(slurp('tests/replicate/slave.conf'));
$tandem->ctl('reconfig');
pdnsutil('add-record', $_, 'late', 'A', '192.0.2.3') for qw(replicateme.dev signed.dev);
($next, $signed) = map { raise($_) } qw(replicateme.dev signed.dev);
ok($tandem->reaches('replicateme.dev', serial => $next, within => 10), 'slave-cycle-interval finds a new version');
ok($tandem->reaches('signed.dev', serial => $signed, within => 10), 'and that of a signed zone');

# What its master refuses for some time goes, its file stays.
my $aside = $tandem->path('var/zones/signed.dev.zone.removed');
sub refused { return run('sqlite3', '-readonly', '-cmd', '.timeout 30000', $tandem->path('var/journal.sqlite3'), "SELECT refused FROM clock WHERE name = 'signed.dev.'") + 0 }
is(refused(), 0, 'no master refuses it');
pdnsutil('delete-zone', 'signed.dev');
ok((until_true { refused() > 0 } 20), 'since when they do is kept') or diag($tandem->said);
my $since = refused();
$tandem->stop;
sleep 1;
$tandem->hush;
$tandem->launch;
ok($tandem->says(qr/zone signed\.dev: warning: master 127\.0\.0\.2:53: /, 20), 'after a restart it is refused still');
is(refused(), $since, 'since then');
zone('signed.dev');
pdnsutil('activate-tsig-key', 'signed.dev', 'xfr', 'primary');
told('signed.dev');
ok((until_true { refused() == 0 } 20), 'until one has it again');
$tandem->{value}{remove} = 3;
$tandem->configure(slurp('tests/replicate/slave.conf'));
$tandem->stop;		# what is set looks at the zones anew
$tandem->launch;
ok($tandem->reaches('signed.dev', serial => $signed, within => 10), 'a zone that is there after a restart');
$tandem->hush;
pdnsutil('delete-zone', 'signed.dev');
ok($tandem->says(qr/zone signed\.dev: warning: removed: for 3 s its masters have refused it/, 20), 'is removed when its master refuses it for the time that is set') or diag($tandem->said);
ok((until_true { !defined $tandem->serial('signed.dev') } 5), 'and not answered any more');
ok((until_true { slurp($aside) =~ /192\.0\.2\.3/ } 5), 'its file is kept aside');
ok((until_true { !-e $tandem->path("var/zones/signed.dev$_") } 5), "signed.dev$_ is gone") for '.conf', '.zone';
is($tandem->serial('replicateme.dev'), $next, 'the other one stays');
$signed = zone('signed.dev');
pdnsutil('activate-tsig-key', 'signed.dev', 'xfr', 'primary');
told('signed.dev');
ok($tandem->reaches('signed.dev', serial => $signed, within => 10), 'it comes back when its master has it again');
$pdns->stop;
sleep 8;
is($tandem->serial('signed.dev'), $signed, 'a master that is silent refuses nothing');

# A restart.
$tandem->stop;
$tandem->launch;
ok($tandem->reaches('replicateme.dev', serial => $next, within => 5), 'it is served after a restart without its master');

done_testing;
