# A cluster of two nodes: rows are the same on both, whichever is written; a node that dies or is cut off is left for the
# other one; conflicts with writers on the other node are tried again.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon; use MariaDB;
use Peer qw(free_port slurp until_true);
use Time::HiRes qw(sleep time);

# Debian's mariadb-server depends on it.
my $provider = '/usr/lib/galera/libgalera_smm.so';
plan skip_all => "no $provider" unless -e $provider;

my $gcomm = free_port();
my @at = ('127.0.0.1', '127.0.0.2');
sub node {
	my ($n, %more) = @_;
	my $weight = $n + 1;	# the second one goes on alone
	my ($ist, $sst) = (free_port(), free_port());
	return (wsrep_on => 'ON', wsrep_provider => $provider, wsrep_cluster_name => 'test', wsrep_node_address => $at[$n],
	    wsrep_node_name => "n$n", wsrep_sst_method => 'rsync', wsrep_sst_receive_address => "$at[$n]:$sst", binlog_format => 'ROW', innodb_autoinc_lock_mode => 2,
	    innodb_force_primary_key => 1, bind_address => $at[$n], wsrep_provider_options => "gmcast.listen_addr=tcp://$at[$n]:$gcomm;"
	    . "ist.recv_addr=$at[$n]:$ist;ist.recv_bind=$at[$n];pc.recovery=no;pc.weight=$weight;gcache.size=8M;evs.suspect_timeout=PT6S;"
	    . 'evs.inactive_timeout=PT20S', %more);
}
my @node = MariaDB->start(node(0, wsrep_cluster_address => 'gcomm://', wsrep_new_cluster => undef));
$node[1] = MariaDB->start(like => $node[0], node(1, wsrep_cluster_address => "gcomm://$at[0]:$gcomm"));
sub status { my ($node, $what) = @_; return ((eval { $node->sql("SHOW STATUS LIKE '$what'") } // '') =~ /\t(.*)/)[0] // '' }
ok((until_true { status($node[1], 'wsrep_local_state_comment') eq 'Synced' } 30), 'two nodes') or diag($node[1]->log);

my $tandem = Daemon->prepare('tests/mirror/tandem.conf', mysql_port => $node[0]->port . ', "127.0.0.2" port ' . $node[0]->port, database => 'powerdns',
    password_file => $node[0]->password_file, more => '', zones => 'zone "example.org" { type master; file "example.org"; };');
my $config = slurp('tests/mirror/tandem.conf') =~ s/host .*;/host "$at[0]", "$at[1]" port \@MYSQL_PORT\@;/r;
$tandem->{value}{mysql_port} = $node[0]->port;
$tandem->configure($config);
my $serial = 0;
sub next_version {
	$serial++;
	$tandem->write('example.org', "\$TTL 60\n\@ SOA ns1 h $serial 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n" . join '', map { "h$_ A 192.0.2." . ($serial * $_) % 250 . "\n" } 1 .. 50);
	$tandem->ctl('reload', 'example.org');
}
sub in_step {
	my ($what, $node, $within) = @_;
	ok($node->reaches('example.org', serial => $serial, within => $within // 15), "$what: the node has the version") or return diag($tandem->log);
	like($tandem->ctl('mirror', 'verify'), qr/zones as they should be:? +1\b/, "$what: the rows are right");
}
next_version();
$tandem->launch;
in_step('the first node is written', $node[0]);
ok($node[1]->reaches('example.org', serial => $serial, within => 5), 'and the other one has it');
is(join("\n", $node[1]->rows('example.org', ids => 1)), join("\n", $node[0]->rows('example.org', ids => 1)), 'with the same rows and ids');
is($node[0]->sql("SELECT COUNT(*) FROM information_schema.tables t WHERE table_schema = 'powerdns' AND table_name LIKE 'tandem%'
    AND NOT EXISTS (SELECT 1 FROM information_schema.table_constraints c WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
    AND constraint_type = 'PRIMARY KEY')"), 0, 'each of our tables has a primary key');

# Somebody writes the same rows on the other node.
my $other = Peer->new;
$other->spawn('sh', '-c', 'for i in $(seq 100000); do echo "UPDATE domains SET last_check = $i; UPDATE tandem_state SET changed_at = changed_at;"; done |
    exec mariadb --no-defaults -f -uroot --socket="$1" powerdns >/dev/null 2>&1', 'sh', $node[1]->socket);
my ($changes, $conflicts) = (0, 0);
until_true {
	next_version();
	$changes++;
	$conflicts = status($node[0], 'wsrep_local_bf_aborts') + status($node[0], 'wsrep_local_cert_failures');
	$changes >= 40 && $conflicts > 0;
} 30;
kill TERM => -$other->pid;	# all of the pipe
$other->stop;
in_step("$changes changes against another writer", $node[0], 30);
cmp_ok($conflicts, '>', 0, "$conflicts of our transactions were taken back by the cluster");

# The node that is written is cut off, and comes back.
$tandem->hush;
$node[0]->sql("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'");
ok((until_true { status($node[0], 'wsrep_cluster_status') ne 'Primary' } 20), 'the first node is cut off');
next_version();
in_step('cut off', $node[1], 30);
$node[0]->sql("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'");
ok($node[0]->reaches('example.org', serial => $serial, within => 30), 'back, it has what the other one was given');

# The node that is written dies in the middle of changes.
next_version();
in_step('before', $node[1]);
$node[0]->sql('SELECT 1');
my ($writes) = grep { $_ ne '' } map { my $n = $_; my $there = eval { $node[$n]->sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'tandem'") } // 0; $there ? $n : '' } 1, 0;
is($writes, 1, 'the second one is written');
$node[0]->sql("SET GLOBAL wsrep_provider_options = 'pc.weight=3'");
ok((until_true { status($node[0], 'wsrep_cluster_weight') == 5 } 10), 'the first one would go on alone');
for (1 .. 5) { next_version() }
$node[1]->kill9;
next_version();
in_step('the node is killed', $node[0], 40);
my %seen;
is(scalar(grep { $seen{$_}++ } $node[0]->rows('example.org')), 0, 'no row is there twice');
done_testing;
