# Peer.pm - a server of the test's own: a directory, a process, a certain end.
package Peer;
use strict; use warnings;
use Exporter 'import';
use Cwd ();
use Errno;
use Fcntl qw(O_RDWR O_CREAT O_EXCL);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX SOCK_DGRAM SOCK_STREAM);
use Test::More ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep time);

our @EXPORT_OK = qw(scratch free_port may_open program setclock until_true slurp spew run);

my $top = Cwd::getcwd();	# the tests run from the top of the tree
my $owner = $$;		# children forked by a test must not end its servers
my ($scratch, @running);
# Ends by exit, so that END runs.
$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);
# Nothing is otherwise for having been started by somebody with habits of his own: a mask, a language, files at home.
umask 022;
$ENV{LC_ALL} = 'C';
$ENV{HOME} = '/nonexistent';

# The test's own directory.  It goes when all tests pass and stays when one fails.
sub scratch {
	$scratch //= tempdir('tandem-XXXXXX', DIR => grep({ may_be_above($_) } $ENV{TMPDIR} // ()) ? $ENV{TMPDIR} : '/tmp');
	return $scratch;
}

# The paths of sockets have room for 107 octets, and what root starts as somebody else has to get there.
sub may_be_above {
	my ($dir) = @_;
	return 0 if length $dir > 60 || $dir !~ m{^/};
	for (; $> == 0 && $dir ne ''; $dir =~ s{/*[^/]*$}{}) { return 0 unless (stat $dir)[2] & 1 }
	return 1;
}

# A port that is free for UDP and TCP on all addresses; no two calls return the same one, in this test or in another that runs at
# the same time: a name says that it is given away, as long as the test lives.
my ($next, @given) = $$ * 37;		# no chance: that is for what a test is about
sub free_port {
	while (1) {
		my $port = 20000 + $next++ % 12000;	# below the ports that the kernel gives to clients
		socket my $name, AF_UNIX, SOCK_DGRAM, 0 or die "socket: $!\n";
		if (!bind $name, pack('S', AF_UNIX) . "\0tandem-test-port-$port") {
			next if $!{EADDRINUSE};
			die "port $port: $!\n";
		}
		my @both = map { IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port,
		    Proto => $_, $_ eq 'tcp' ? (Listen => 1) : ()) // () } qw(udp tcp);
		next if @both != 2;
		push @given, $name;
		return $port;
	}
}

# How many files the test may open, and from now on does if it likes, it and what it starts.
sub may_open {
	my ($files) = run('sh', '-c', 'ulimit -H -n') =~ /^(\d+)/ or return 1e9;
	run('prlimit', '--pid', $$, "--nofile=$files:$files");
	return $files;
}

# The absolute path of a program that the tests have for themselves.
sub program {
	my ($path) = @_;
	-x $path or die "$path is not built; make $path builds it\n";
	return Cwd::abs_path($path);
}

# What stands before a command whose system clock is ahead by the seconds in a file.
sub setclock {
	my ($file) = @_;
	# A sanitizer wants to be loaded first.
	return ('env', 'LD_PRELOAD=' . program("$top/tests/lib/setclock.so"), 'ASAN_OPTIONS=verify_asan_link_order=0:' . ($ENV{ASAN_OPTIONS} // ''), "SETCLOCK=$file");
}

# Polls until the code returns something true, and returns that; undef when the time is over.  That is the time of a
# machine with nothing else to do: a busy one gets more, which only a test that fails needs.  With 0 it looks once.
my $patience = 6;
sub until_true(&$) {
	my ($code, $within) = @_;
	my $end = clock_gettime(CLOCK_MONOTONIC) + $within * $patience + ($within > 0 ? 30 : 0);
	while (1) {
		my $last = clock_gettime(CLOCK_MONOTONIC) >= $end;	# whatever time passes before the code looks
		my $result = $code->();
		return $result if $result;
		return undef if $last;
		sleep 0.01;
	}
}

sub slurp {
	my ($path) = @_;
	open my $in, '<:raw', $path or return '';
	local $/;
	return scalar(<$in>) // '';
}

# Replaces a file as an editor does: written beside it, then renamed over it.
sub spew {
	my ($path, $text) = @_;
	open my $out, '>:raw', "$path.new" or die "$path.new: $!\n";
	print $out $text;
	close $out or die "$path.new: $!\n";
	rename "$path.new", $path or die "$path: $!\n";
}

# Runs a program to its end: its output and errors together; $? is its status.
sub run {
	my (@command) = @_;
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		open STDIN, '<', '/dev/null';
		exec @command or do { print STDERR "$command[0]: $!\n"; POSIX::_exit(127) };
	}
	local $/;
	my $text = <$out>;
	close $out;
	return $text // '';
}

# An object with a directory of its own below the test's.
my %count;
sub new {
	my ($class, %self) = @_;
	my $name = lc $class;
	my $dir = scratch() . "/$name" . ++$count{$name};
	mkdir $dir or die "$dir: $!\n";
	return bless { dir => $dir, %self }, $class;
}

sub dir { $_[0]{dir} }
sub port { $_[0]{port} }
sub pid { $_[0]{pid} }
sub path { "$_[0]{dir}/$_[1]" }
sub log { slurp($_[0]->path('log')) }

# Starts a program in the peer's directory; what it says goes to its log.
sub spawn {
	my ($self, @command) = @_;
	# A test that is killed takes its servers along.
	return $self->work(sub { exec 'setpriv', '--pdeathsig', 'KILL', @command });
}

# The same for code of the test's own.
sub work {
	my ($self, $code) = @_;
	defined(my $pid = fork) or die "fork: $!\n";
	if (!$pid) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		POSIX::setpgid(0, 0);	# ^C is for the test, which stops its servers in order
		chdir $self->{dir};
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', 'log';
		open STDERR, '>&', \*STDOUT;
		eval { $code->() };
		print STDERR $@;
		POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	push @running, $self;
	return $self;
}

# Waits for the end of the process; its exit status as $?, or undef when it still runs.
sub ended {
	my ($self, $within) = @_;
	return undef unless $self->{pid};
	my $pid = $self->{pid};
	my $ended = until_true { waitpid($pid, POSIX::WNOHANG()) == $pid } $within;
	return undef unless $ended;
	$self->{status} = $?;
	$self->{pid} = undef;
	@running = grep { $_ != $self } @running;
	return $self->{status};
}

sub signal {
	my ($self, $signal) = @_;
	return $self->{pid} && kill $signal, $self->{pid};
}

sub stop {
	my ($self) = @_;
	return unless $self->{pid};
	$self->signal('TERM');
	return if defined $self->ended(20);
	$self->kill9;
}

sub kill9 {
	my ($self) = @_;
	$self->signal('KILL');
	$self->ended(20);
}

# Ends the test unless the condition holds soon; a peer that does not start is no result.
sub up {
	my ($self, $within, $code) = @_;
	my $ended;
	my $up = until_true { $code->() || ($ended = defined $self->ended(0)) } $within;
	return $self if $up && !$ended;
	die ref($self) . " does not serve:\n" . substr($self->log, -3000);
}

# All processes of the program.
sub processes {
	my ($self) = @_;
	return grep { ((split ' ', slurp("/proc/$_/stat") =~ s/^.*\) //sr)[2] // 0) == $self->{pid} } map { m{(\d+)$} } glob '/proc/[0-9]*';
}

# CPU seconds of all of them, user and system.
sub cpu {
	my ($self) = @_;
	my $ticks = 0;
	for ($self->processes) {
		my @field = split ' ', slurp("/proc/$_/stat") =~ s/^.*\) //sr;
		$ticks += $field[11] + $field[12];
	}
	return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Memory that is theirs alone and was written, in MB: what a program has of files it may share with others that come and go.
sub memory {
	my ($self) = @_;
	my $kb = 0;
	$kb += $_ for map { slurp("/proc/$_/smaps_rollup") =~ /^(?:Anonymous|Swap):\s+(\d+)/mg } $self->processes;
	return $kb / 1024;
}

# Their proportional set size, in MB.
sub pss {
	my ($self) = @_;
	my $kb = 0;
	$kb += slurp("/proc/$_/smaps_rollup") =~ /^Pss:\s+(\d+)/m ? $1 : 0 for $self->processes;
	return $kb / 1024;
}

END {
	if ($$ == $owner) {
		my $status = $?;
		$_->stop for reverse my @all = @running;
		if (defined $scratch) {
			if ($status == 0 && Test::More->builder->is_passing) {
				remove_tree($scratch);
			} else {
				Test::More::diag("left for you: $scratch");
			}
		}
		$? = $status;
	}
}
1;
