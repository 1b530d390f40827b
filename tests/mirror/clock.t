# A system clock that is set makes nothing older or younger: how long a mirror is behind, and how long a version is served.
use strict; use warnings; use Test::More;
use lib 'tests/lib';
use Daemon;
use Peer qw(free_port run setclock slurp spew until_true);

my ($home, $http) = (Peer->new, free_port());
spew($home->path('tandem.conf'), slurp('tests/mirror/tandem.conf') =~ s/mirror "fleet" \{.*\};\n/mirror "fleet" { type sqlite; file "\@FILE\@"; owner "x"; };
statistics-channels { inet 127.0.0.1 port $http; };\n/sr);
my $tandem = Daemon->prepare($home->path('tandem.conf'), file => $home->path('away/pdns.sqlite3'), zones => 'zone "a.test" { type master; file "a"; };');
spew($home->path('away'), 'not a directory');
my $ahead = $tandem->path('ahead');
$tandem->write('a', "\$TTL 60\n\@ SOA ns1 h 1 1 1 1 1\n\@ NS ns1\nns1 A 192.0.2.1\n");
$tandem->launch(setclock($ahead));
ok($tandem->says(qr/mirror fleet: .*it is tried again/, 10), 'behind') or diag($tandem->log);
sub behind { run('curl', '-s', "http://127.0.0.1:$http/metrics") =~ /^tandem_mirror_behind_seconds\S* (\d+)/m ? $1 : -1 }
sub age { $tandem->ctl('--json', 'status', 'a.test') =~ /"age": *(\d+)/ ? $1 : -1 }
ok((until_true { behind() >= 1 } 10), 'for a second');
for my $by (86400, -86400) {
	spew($ahead, $by);
	my $behind = behind();
	ok($behind >= 1 && $behind < 3600, "the clock is set by $by: it is still so for $behind seconds");
	my $age = age();
	ok($age >= 1 && $age < 3600, "and the version is served for $age");
}
unlink $home->path('away');
mkdir $home->path('away');
ok((until_true { $tandem->ctl('mirror', 'status') =~ /^fleet +active +yes +1 +0 +0 /m } 40), 'in step once it can be');
is($tandem->signal('TERM') && $tandem->ended(15), 0, 'ends well');
done_testing;
