# The target's own tests on MySQL's servers, with the tables as operators have them.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use MariaDB;
use Peer qw(run);

my @servers = (
	['as it comes'],
	['not strict, other characters, ids in steps, statements logged', sql_mode => '', character_set_server => 'utf8mb4',
	    collation_server => 'utf8mb4_general_ci', auto_increment_increment => 2, auto_increment_offset => 2,
	    log_bin => 'bin', binlog_format => 'STATEMENT', server_id => 1],
	['utf8mb4 tables, foreign keys, small packet, rows logged', tables => 'utf8mb4', keys => 1, max_allowed_packet => '64K',
	    log_bin => 'bin', binlog_format => 'ROW', server_id => 1],
	['other collations than those of our tables', collations => 1],
);
for (@servers) {
	my ($what, %option) = @$_;
	my ($tables, $keys, $collations) = delete @option{qw(tables keys collations)};
	my $mariadb = MariaDB->start(%option);
	$mariadb->sql("USE powerdns; ALTER TABLE domains MODIFY options TEXT, MODIFY name VARCHAR(255) CHARACTER SET $tables NOT NULL;
	    ALTER TABLE records MODIFY name VARCHAR(255) CHARACTER SET $tables, MODIFY type VARCHAR(10) CHARACTER SET $tables,
	    MODIFY content MEDIUMTEXT CHARACTER SET $tables, MODIFY ordername VARCHAR(255) CHARACTER SET $tables COLLATE ${tables}_bin;
	    ALTER TABLE domainmetadata CONVERT TO CHARACTER SET $tables") if $tables;
	$mariadb->sql('USE powerdns; ALTER TABLE records ADD CONSTRAINT FOREIGN KEY (domain_id) REFERENCES domains (id) ON DELETE CASCADE;
	    ALTER TABLE domainmetadata ADD CONSTRAINT FOREIGN KEY (domain_id) REFERENCES domains (id) ON DELETE CASCADE') if $keys;
	$mariadb->sql('USE powerdns; ALTER TABLE domains MODIFY name VARCHAR(255) COLLATE latin1_general_ci NOT NULL,
	    MODIFY account VARCHAR(40) CHARACTER SET utf8 COLLATE utf8_unicode_ci') if $collations;
	local $ENV{TANDEM_MYSQL_SOCKET} = $mariadb->socket;
	local $ENV{TANDEM_MYSQL_PORT} = $mariadb->port;
	local $ENV{TANDEM_MYSQL_PASSWORD} = $mariadb->password;
	my $said = run('tests/sync/target.t');
	my $bad = () = $said =~ /^not ok/mg;
	is($?, 0, $what) or diag($said);
	is($bad, 0, "$what: all of its tests");
	$mariadb->stop;
}
done_testing;
