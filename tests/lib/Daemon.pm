# Daemon.pm - tandemd in a directory of its own.
package Daemon;
use strict; use warnings;
use parent 'Peer';
use Ask qw(ask);
use Cwd qw(getcwd);
use File::Basename qw(basename);
use File::Copy qw(copy);
use Peer qw(free_port run slurp spew until_true);

my $top = getcwd();	# the tests run from the top of the tree

# Daemon->prepare(TEMPLATE, name => value...): the template with @NAME@ replaced by the value, @PORT@ by
# a free port and @DIR@ by the directory, and copies of what else lies beside it.
sub prepare {
	my ($class, $template, %value) = @_;
	my $self = $class->new(port => free_port());
	$self->{value} = { port => $self->{port}, dir => $self->{dir}, %value };
	$self->configure(slurp($template));
	my $beside = $template =~ s{[^/]*$}{}r;
	$self->install($_) for grep { -f && !/\.(t|conf)$/ } glob "$beside*";
	return $self;
}

sub start { my $self = prepare(@_); return $self->launch }

# Replaces the configuration; the process hears of it by a signal.
sub configure {
	my ($self, $text) = @_;
	$text =~ s/\@([A-Z_]+)\@/$self->{value}{lc $1} \/\/ die "no value for \@$1\@\n"/ge;
	spew($self->path('tandem.conf'), $text);
}

# @before: a command that starts it.
sub launch {
	my ($self, @before) = @_;
	$self->spawn(@before, "$top/tandemd", '-c', 'tandem.conf');
	return $self->up(30, sub { ask($self->{port}, 'up.test', 'A', timeout => 0.2) });
}

# A sanitizer that found something fails the test, whatever the test looks at.
sub ended {
	my ($self, $within) = @_;
	my $status = $self->SUPER::ended($within);
	if (defined $status && $self->log =~ /^.*(Sanitizer: |runtime error: ).*/m && !$self->{told}++) {
		Test::More::fail("a sanitizer says: $&");
	}
	return $status;
}

# For a start that is to end by itself: what it said; its exit status in $?.
sub refuses {
	my ($self) = @_;
	$self->spawn("$top/tandemd", '-c', 'tandem.conf');
	my $status = $self->ended(10);
	$self->kill9 unless defined $status;
	$? = $status // -1;
	return $self->log;
}

# Copies a file into the directory; a final ".2" is the version of the file, not part of its name there.
sub install {
	my ($self, $from, $name) = @_;
	$name //= basename($from) =~ s/\.\d+$//r;
	copy($from, $self->path("$name.new")) or die "$from: $!\n";
	rename $self->path("$name.new"), $self->path($name) or die "$name: $!\n";
}

sub write { my ($self, $name, $text) = @_; spew($self->path($name), $text) }

sub control_socket { $_[0]->path('control') }

# A command to the running daemon: its output; its exit status in $?.
sub ctl {
	my ($self, @command) = @_;
	return run("$top/tandemctl", '-s', $self->control_socket, @command);
}

sub serial { Ask::serial($_[0]{port}, $_[1]) }

sub reaches {
	my ($self, $zone, %opt) = @_;
	return until_true { ($self->serial($zone) // -1) == $opt{serial} } $opt{within};
}

# Waits until what it said since hush() matches.
sub says {
	my ($self, $pattern, $within) = @_;
	return until_true { substr($self->log, $self->{heard} // 0) =~ $pattern } $within;
}

# Forgets what was said before.
sub hush { my ($self) = @_; $self->{heard} = length $self->log }
sub said { my ($self) = @_; return substr $self->log, $self->{heard} // 0 }
1;
