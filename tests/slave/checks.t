# What comes by AXFR and by IXFR is checked as files are: signatures, the chain of NSEC, and the digest of the zone.
use strict; use warnings; use Test::More;
use lib 'tests/lib'; use Peer qw(run scratch spew); use Master qw(message put);

my $fetch = 'tests/transfer/fetch';
my $have = scratch() . '/have';

# RFC 8976 A.1, and the version before it.
sub soa { my ($serial) = @_; return "example. 86400 SOA ns1.example. admin.example. $serial 1800 900 604800 86400" }
my ($before, $serial) = (2018031899, 2018031900);
my $zonemd = "example. 86400 ZONEMD $serial 1 1 c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c";
my @base = ('example. 86400 NS ns1.example.', 'example. 86400 NS ns2.example.', 'ns1.example. 3600 A 203.0.113.63');
my $last = 'ns2.example. 3600 AAAA 2001:db8::63';
my $other = 'ns2.example. 3600 AAAA 2001:db8::64';

# A signed zone: the apex, a and c, and the version after it.
my ($good, $old) = ('20361231000000', '20210101000000');
sub sig { my ($owner, $type, $until) = @_; return "$owner 300 RRSIG $type 13 1 300 " . ($until // $good) . ' 20200101000000 1 signed. AQID' }
sub top { my ($serial) = @_; return "signed. 300 SOA ns.other. hm.other. $serial 2 3 4 5" }
sub host {
	my ($name, $next, $until) = @_;
	return ("$name.signed. 300 A 192.0.2.1", sig("$name.signed.", 'A', $until), "$name.signed. 300 NSEC $next A", sig("$name.signed.", 'NSEC'));
}
my @signed = ('signed. 300 NS ns.other.', sig('signed.', 'NS'), sig('signed.', 'SOA'), 'signed. 300 NSEC a.signed. NS SOA',
    sig('signed.', 'NSEC'));

my $master = Master->start(udp => sub { () }, tcp => sub {
	my ($s, $q) = @_;
	my $case = do { open my $f, '<', "$have.case" or die; local $/; <$f> };
	my ($axfr, $ixfr) = split /\n--\n/, $case;
	put($s, message($q, [split /\n/, ($q->question)[0]->qtype eq 'AXFR' ? $axfr : $ixfr]));
});

sub fetched {
	my ($how, $zone, $from, $axfr, $ixfr) = @_;
	spew("$have.case", join("\n", @$axfr) . "\n--\n" . join "\n", @$ixfr);
	spew($have, join '', map { "$_\n" } @$from);
	return run($fetch, '-c', $how, @$from ? (-f => $have) : (), '127.0.0.1', $master->port, $zone);
}
my @from = (soa($before), @base, $other);
my @right = (soa($serial), @base, $zonemd, $last, soa($serial));
my @wrong = (soa($serial), @base, $zonemd, $other, soa($serial));
my @step = (soa($serial), soa($before), $other, soa($serial), $zonemd, $last, soa($serial));
my @bad_step = (soa($serial), soa($before), soa($serial), $zonemd, soa($serial));
sub said { my ($word) = @_; return qr/^zone example: $word: example\. ZONEMD: the zone has another digest \(RFC 8976\)\n/ }

like(fetched('warn', 'example', [], \@right, []), qr/^AXFR, serial $serial, 6 records/, 'a whole zone with its digest');
like(fetched('warn', 'example', [], \@wrong, []), qr/${\said('warning')}AXFR, serial $serial/, 'with another it is told');
like(fetched('fail', 'example', [], \@wrong, []), qr/${\said('error')}failed, bad: .*another digest/, 'or refused');
like(fetched('fail', 'example', \@from, [], \@step), qr/^IXFR, serial $serial, 6 records/, 'differences to a zone with its digest');
like(fetched('warn', 'example', \@from, [], \@bad_step), qr/${\said('warning')}IXFR, serial $serial/, 'with another it is told');
like(fetched('fail', 'example', \@from, \@right, \@bad_step), qr/${\said('error')}AXFR, serial $serial.*another digest/,
    'or the whole zone is asked for');
like(fetched('fail', 'example', \@from, \@wrong, \@bad_step), qr/failed, bad: .*another digest/, 'and refused when that is no better');

my @have = (top(1), @signed, host('a', 'c.signed.'), host('c', 'signed.', $old));
my @c = host('c', 'signed.', $old);
like(fetched('warn', 'signed', [], [@have, top(1)], []), qr/warning: c\.signed\. A: the signature has expired\nAXFR/,
    'an old signature in a whole zone is told');
# From here on by differences; what was there before is not told again.
for (
	[ [], [host('d', 'signed.')], qr/warning: c\.signed\. NSEC: names another record as the next than the one that follows\n/,
	    'a host that the chain leaves out' ],
	[ [$c[2]], ['c.signed. 300 NSEC d.signed. A', host('d', 'signed.')],
	    qr/^zone signed: warning: c\.signed\. A: the signature has expired\n/, 'a host in the chain: only the old signature beside it' ],
	[ [], ['c.signed. 300 TXT x'], qr/warning: c\.signed\. A: the signature has expired\n.*warning: c\.signed\. TXT: has no signature\n/,
	    'a set without a signature' ],
	[ [$c[0], $c[1]], ['c.signed. 300 A 192.0.2.9', sig('c.signed.', 'A')], qr/^/, 'another address, signed' ],
	[ [@c], [], qr/warning: a\.signed\. NSEC: names another record.*\n/, 'a host that the chain still names' ],
) {
	my ($removed, $added, $like, $what) = @$_;
	like(fetched('warn', 'signed', \@have, [], [top(2), top(1), @$removed, top(2), @$added, top(2)]), qr/${like}IXFR, serial 2/, $what);
}
like(fetched('fail', 'signed', \@have, [top(2), @signed, host('a', 'signed.'), top(2)], [top(2), top(1), @c, top(2), top(2)]),
    qr/^zone signed: error: a\.signed\. NSEC.*\nAXFR, serial 2/, 'what fails is asked for as a whole');
done_testing;
