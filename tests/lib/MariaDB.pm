# MariaDB.pm - a private database server with PowerDNS's tables.
package MariaDB;
use strict; use warnings;
use parent 'Peer';
use Peer qw(free_port run scratch slurp spew until_true);

# MariaDB->start(OPTION => value...) takes more options of mariadbd, with "_" for "-".  like => another one: for its
# cluster, with the same port, at another address; it begins with nothing.
sub start {
	my ($class, %option) = @_;
	my $like = delete $option{like};
	my $self = $class->new(port => $like ? $like->port : free_port(), password => $like ? $like->password : 'tandem-' . int rand 1e9,
	    option => \%option);
	# One that starts removes the temporary tables that it finds, be they another one's.
	mkdir $self->path('tmp');
	local $ENV{TMPDIR} = $self->path('tmp');
	if ($like) {
		# rsync, which brings the tables, is nobody when we are root.
		chmod 0711, scratch(), $self->dir;
		mkdir $self->path('data');
		chown((getpwnam('nobody'))[2, 3], $self->path('data')) unless $>;
		return $self->launch;
	}
	my $said = run('mariadb-install-db', '--no-defaults', "--datadir=$self->{dir}/data", user(),
	    '--auth-root-authentication-method=normal', '--skip-test-db', '--innodb-log-file-size=16M',
	    '--innodb-buffer-pool-size=16M', '--skip-log-bin', '--cross-bootstrap');
	die "mariadb-install-db: $said" if $?;
	spew($self->path('password'), "$self->{password}\n");
	chmod 0600, $self->path('password');
	$self->launch;
	$self->sql(<<EOT);
CREATE USER tandem\@'%' IDENTIFIED BY '$self->{password}';
CREATE USER pdns\@'%' IDENTIFIED BY '$self->{password}';
EOT
	$self->add_database('powerdns');
	return $self;
}

# A database with PowerDNS's tables; tables => 0: without.
sub add_database {
	my ($self, $name, %opt) = @_;
	my $tables = $opt{tables} // 1 ? slurp('/usr/share/pdns-backend-mysql/schema/schema.mysql.sql') : '';
	$self->sql(<<EOT);
CREATE DATABASE $name;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON $name.* TO tandem\@'%';
GRANT SELECT ON $name.* TO pdns\@'%';
USE $name;
$tables
EOT
}

# Root says that it means itself.
sub user { return $> == 0 ? '--user=root' : () }

# Starts the server on the data that are there.
sub launch {
	my ($self) = @_;
	my %option = (innodb_buffer_pool_size => '64M', innodb_log_file_size => '64M', key_buffer_size => '1M',
	    innodb_flush_log_at_trx_commit => 2,	# enough for a killed process, and fast
	    tmpdir => $self->path('tmp'), performance_schema => 'OFF', userstat => 1, skip_log_bin => undef, max_connections => 40,
	    %{$self->{option}});
	delete $option{skip_log_bin} if $option{log_bin};
	$option{bind_address} //= '127.0.0.1';
	$self->spawn('mariadbd', '--no-defaults', user(), "--datadir=$self->{dir}/data",
	    "--socket=" . $self->socket, "--pid-file=$self->{dir}/pid",
	    "--port=$self->{port}", map { '--' . tr/_/-/r . (defined $option{$_} ? "=$option{$_}" : '') } sort keys %option);
	return $self->up(60, sub { eval { $self->sql('SELECT 1') } });
}

# The path stays below the 107 octets of a socket's address.
sub socket { "$_[0]{dir}/sock" }
sub password { $_[0]{password} }
sub password_file { $_[0]->path('password') }

# Runs statements as the administrator: a row of tab-separated columns each, or the only value.
sub sql {
	my ($self, $sql) = @_;
	spew($self->path('statements'), $sql);
	my $text = run('sh', '-c', 'exec "$@" <"$0"', $self->path('statements'), 'mariadb', '--no-defaults', '-uroot',
	    '--socket=' . $self->socket, '-BNr');
	die "mariadb: $text" if $?;
	my @rows = split /\n/, $text;
	return wantarray ? @rows : $rows[0];
}

# The mirrored serial of a zone, by Tandem's own table; undef when there is none.
sub serial {
	my ($self, $zone, $database) = @_;
	$database //= 'powerdns';
	return eval { $self->sql("SELECT s.serial FROM $database.tandem_state s JOIN $database.domains d
	    ON d.id = s.domain_id WHERE d.name = '$zone'") };
}

sub reaches {
	my ($self, $zone, %opt) = @_;
	# While the server is down the client prints an error instead.
	return until_true { ($self->serial($zone, $opt{database}) // '') eq $opt{serial} } $opt{within};
}

# All rows of a zone but their ids, sorted; with ids => 1 the ids before them.
sub rows {
	my ($self, $zone, %opt) = @_;
	my $id = $opt{ids} ? 'r.id,' : '';
	my $database = $opt{database} // 'powerdns';
	my @rows = sort $self->sql("SELECT $id r.name, r.type, r.content, r.ttl, r.prio, r.disabled, r.ordername, r.auth
	    FROM $database.records r JOIN $database.domains d ON d.id = r.domain_id WHERE d.name = '$zone'");
	return @rows;
}

# Rows that the server deleted, inserted ("write") and updated since it started, in all tables,
# and the rows changed in each of PowerDNS's.
sub counters {
	my ($self) = @_;
	return { map { split /\t/ } $self->sql("SHOW GLOBAL STATUS WHERE Variable_name IN
	    ('Handler_delete', 'Handler_write', 'Handler_update');
	    SELECT table_name, rows_changed FROM information_schema.table_statistics
	    WHERE table_schema = 'powerdns'") };
}

# Rows read since it started, of each of PowerDNS's tables.
sub reads {
	my ($self) = @_;
	return { map { split /\t/ } $self->sql("SELECT table_name, rows_read FROM information_schema.table_statistics
	    WHERE table_schema = 'powerdns'") };
}

# What was changed between two of them.
sub changes {
	my ($before, $after) = @_;
	return { map { lc(s/^Handler_//r) => $after->{$_} - ($before->{$_} // 0) } keys %$after };
}
1;
