# tandem-checkzone reads what others read, prints the same records as they do, and names every mistake.
use strict; use warnings; use Test::More;
use File::Temp qw(tempdir);
use IPC::Open3;

$ENV{PATH} .= ':/usr/sbin:/sbin';
my $dir = tempdir(CLEANUP => 1);
my $here = 'tests/checkzone';

sub slurp { open my $f, '<', $_[0] or die "$_[0]: $!"; local $/; return scalar <$f> }
sub write_file { open my $f, '>', $_[0] or die "$_[0]: $!"; print $f $_[1]; close $f; return $_[0] }

# Status, standard output and standard error of tandem-checkzone.
sub checkzone {
	my ($input, @args) = ref $_[0] ? (${ shift() }, @_) : ('', @_);
	my $in = write_file("$dir/in", $input);
	open my $from, '<', $in or die;
	my $pid = open3('<&' . fileno $from, my $out, undef, 'sh', '-c', 'exec ./tandem-checkzone "$@" 2>"$0"', "$dir/err", @args);
	my $text = do { local $/; <$out> } // '';
	waitpid $pid, 0;
	return ($? >> 8, $text, slurp("$dir/err"));
}

# Records as lines to compare: printers differ in blanks, case, escapes that need not be, and in how they cut
# hexadecimal and base64.
my %solid = map { $_ => 1 } qw(DS CDS DNSKEY CDNSKEY RRSIG NSEC3 TLSA SMIMEA SSHFP OPENPGPKEY DHCID CERT ZONEMD IPSECKEY);
sub records {
	my @all;
	for (split /\n/, $_[0]) {
		s/\s;\{.*//;		# ldns: what it thinks of a key
		next if /^(;|\$|\s*$)/;
		my ($owner, $ttl, $class, $type, $rdata) = split ' ', $_, 5;
		$rdata //= '';
		$rdata =~ s/\s+$//;
		$rdata =~ s/alpn="([^"]*)"/alpn=$1/;
		$owner =~ s/\\([@\$])/$1/g;
		if ($type =~ /^(TXT|CAA|URI|HINFO|NAPTR)$/) {
			$rdata =~ s/\\09[Tt]|\t/\\009/g;
		} else {
			$rdata = lc $rdata;
			$rdata =~ s/\s+/ /g;
			$rdata =~ s/ //g if $solid{$type} || $type =~ /^TYPE/;
		}
		push @all, join ' ', lc $owner, $ttl, $class, $type, $rdata;
	}
	return @all;
}
sub same {
	my ($name, $ours, $theirs) = @_;
	my %seen;
	$seen{$_}++ for records($ours);
	$seen{$_}-- for records($theirs);
	my @odd = grep { $seen{$_} } sort keys %seen;
	is(scalar @odd, 0, $name) or diag(map { ($seen{$_} > 0 ? 'ours ' : 'theirs ') . "$_\n" } @odd[0 .. ($#odd < 9 ? $#odd : 9)]);
}
sub bind_reads {
	my ($origin, $file) = @_;
	unlink "$dir/bind";
	system("named-compilezone -i none -k ignore -n ignore -m ignore -r ignore -s full -o $dir/bind $origin $file >$dir/bind.log 2>&1") == 0
	    or diag(slurp("$dir/bind.log"));
	return slurp("$dir/bind");
}

{	# the corpus
	# Owners that are no host names, as BIND is told below.
	my $lax = write_file("$dir/lax.conf", "zone \"example.org\" { type master; file \"x\"; check-names ignore; };\n");
	my ($status, $out, $err) = checkzone('-D', '-c', $lax, 'example.org', "$here/common.zone");
	is($status, 0, 'a zone of many types loads');
	like($err, qr/^zone example\.org: serial 2026112200, \d+ records: OK$/m, 'and is called good');
	my $theirs = do {
		my $pwd = `pwd`; chomp $pwd;
		chdir $here or die;
		my $text = bind_reads('example.org', 'common.zone');
		chdir $pwd; $text;
	};
	# The rare types have more than one good form: they are compared by what we read from BIND's.
	my $rare = qr/\sIN\s+(?:APL|CERT|L64|LOC|NID)\s/;
	same('its records are those that BIND reads', map { join "\n", grep { !/$rare/ } split /\n/ } $out, $theirs);
	my ($read, $ours) = checkzone('-D', '-c', $lax, 'example.org', "$dir/bind");
	same("and BIND's text is the same zone to us", $ours, $out);
	# ldns does not read $INCLUDE.
	my $flat = write_file("$dir/flat", $out);
	same('ldns reads our text and prints the same', map { join "\n", grep { !/$rare/ } split /\n/ } $out,
	    scalar `ldns-read-zone $flat`);
	write_file("$dir/ldns", scalar `ldns-read-zone $flat`);
	# Signatures apart, which stand behind what they cover.
	my @order = map { [map { join ' ', lc $_->[0], $_->[3] } grep { @$_ > 4 && $_->[3] !~ /^(RRSIG|SOA)$/ }
	    map { [map { s/\\([@\$])/$1/gr } split] } split /\n/] } $out, scalar `ldns-read-zone -z $flat`;
	is_deeply(@order, 'canonical order is that of ldns');
	same("and ldns's text is the same zone to us", (checkzone('-D', '-c', $lax, 'example.org', "$dir/ldns"))[1], $out);
	my ($again, $text) = checkzone('-D', '-c', $lax, 'example.org', $flat);
	ok($text eq $out, 'and our text is what we print of it');
	# Both forms, but for HIP, which the two have no name for.
	for my $style ('absolute', 'relative') {
		my ($status, $styled) = checkzone('-f', $style, '-c', $lax, 'example.org', "$here/common.zone");
		my $file = write_file("$dir/$style", $styled =~ s/^\S+\s.*\bHIP\s.*\n//mr);
		for my $reader ([qw(kzonecheck -o)], ['nsd-checkzone']) {
			SKIP: {
				skip "$reader->[0] is not installed", 1 if system("command -v $reader->[0] >/dev/null") != 0;
				is(system("@$reader example.org $file >$dir/log 2>&1"), 0, "$reader->[0] reads our $style text") or diag(slurp("$dir/log"));
			}
		}
	}
	my @owners = map { (split)[0] } split /\n/, $out;
	is($owners[0], 'example.org.', 'the SOA is first');
	is(scalar(grep { (split)[2] ne 'IN' || /  |\t/ } split /\n/, $out), 0, 'one space between fields');
}

{	# order, of names of any octets and of RDATA; each record is told by a number of its own
	srand 7;
	my $n = 0;
	my $octet = sub { my $c = int rand() < 0.5 ? 32 + rand 95 : rand 256; return sprintf '\\%03d', $c };
	my $label = sub { join '', map { rand() < 0.6 ? ('a' .. 'c', 'A' .. 'C')[rand 6] : $octet->() } 0 .. rand 4 };
	my %owner = map { my $name = join '.', map { $label->() } 0 .. rand 3; ($name => 1) } 1 .. 600;
	my $zone = "\$TTL 60\n\@ SOA a. b. 7 2 3 4 5\n NS ns.other.\n" . join('', map { "$_ TYPE65280 \\# 2 " . sprintf("%04x\n", ++$n) } keys %owner)
	    . join('', map { "set MX 1 " . join('', map { ('a' .. 'c', 'A' .. 'C', 'a.b')[rand 7] } 0 .. rand 5) . ++$n . ".\n" } 1 .. 99)
	    . join('', map { "set TXT \"" . join('', map { $octet->() } 1 .. rand 3) . '" ' . ++$n . "\n" } 1 .. 99);
	my ($status, $out) = checkzone(\$zone, '-D', '-c', "$dir/lax.conf", 'example.org', '-');
	my $file = write_file("$dir/order", $out);
	my @order = map { [map { /TYPE65280 \\# 2 (\S+)/ ? lc $1 : /(\d+)\.$|"(\d+)"$/ && ($1 // $2) } grep { !/\sSOA\s/ } split /\n/, s/\t/ /gr] }
	    $out, scalar `ldns-read-zone -z $file`;
	is(scalar @{$order[0]}, keys(%owner) + 199, 'a zone of random names');
	is_deeply(@order, 'has the order that ldns gives it');
}

{	# options and verdicts
	my $good = "\$TTL 60\n\@ SOA a b 7 2 3 4 5\n NS ns.other.\nx 90 A 192.0.2.1\n";
	my ($status, $out, $err) = checkzone(\$good, 'example.org', '-');
	is($out, "zone example.org: serial 7, 3 records: OK\n", 'standard input is read');
	is($status . $err, '0', 'without a word, with 0');
	($status, $out, $err) = checkzone(\$good, '-q', 'EXAMPLE.org.', '-');
	is("$status$out$err", '0', '-q is quiet');
	($status, $out, $err) = checkzone(\$good, '-o', "$dir/out", 'example.org', '-');
	is(slurp("$dir/out"), "example.org. 60 IN SOA a.example.org. b.example.org. 7 2 3 4 5\n"
	    . "example.org. 60 IN NS ns.other.\nx.example.org. 90 IN A 192.0.2.1\n", '-o writes the zone');
	like($out, qr/OK$/, 'and the verdict goes to standard output');
	($status, $out, $err) = checkzone(\$good, '-o', "$dir/none/out", 'example.org', '-');
	is($status, 1, '-o that cannot be written is no success');
	($status, $out, $err) = checkzone(\$good, '-l', '89', 'example.org', '-');
	is($status, 1, '-l refuses a higher TTL');
	is($err, "zone example.org: error: x.example.org. A: TTL 90 is above 89\n", 'and says which');
	is($out, "zone example.org: not loaded, 1 error\n", 'and how many');
	($status) = checkzone(\$good, '-l', '90', 'example.org', '-');
	is($status, 0, '-l takes the TTL itself');
	my $file = write_file("$dir/relative.zone", "; mine\n$good");
	($status, $out, $err) = checkzone('-f', 'relative', 'example.org', $file);
	is($out, "\$ORIGIN example.org.\n\$TTL 60\n\@\tSOA\ta b 7 2 3 4 5\n\tNS\tns.other.\nx\t90 A\t192.0.2.1\n", '-f relative is for people');
	is((checkzone('-f', 'absolute', 'example.org', $file))[1], (checkzone('-D', 'example.org', $file))[1], '-f absolute is -D');
	($status, $out, $err) = checkzone('-S', 'increment', 'example.org', $file);
	is("$status $out", "0 zone example.org: serial 8, 3 records: OK\n", '-S raises the serial');
	is(slurp($file), "; mine\n" . $good =~ s/b 7/b 8/r, 'in the file, and nothing else of it');
	my $bad = write_file("$dir/bad.zone", $good . "q BOGUS\n");
	is((checkzone('-S', 'increment', 'example.org', $bad))[0] . slurp($bad), "1${good}q BOGUS\n", 'but not in one that does not load');
	write_file("$dir/older.zone", $good . "y TXT a\n");
	($status, $out, $err) = checkzone('-d', 'example.org', "$dir/older.zone", $file);
	is($out, "-example.org. 60 IN SOA a.example.org. b.example.org. 7 2 3 4 5\n-y.example.org. 60 IN TXT \"a\"\n"
	    . "+example.org. 60 IN SOA a.example.org. b.example.org. 8 2 3 4 5\n", '-d prints the difference');
	is($err, "zone example.org: serial 8, 3 records: OK\n", 'and the verdict on the new one apart');
	($status, $out, $err) = checkzone('-d', 'example.org', $file, "$dir/older.zone");
	is("$status $err", "0 zone example.org: warning: serial 7 is not newer than 8: slaves will not see this change\n"
	    . "zone example.org: serial 7, 4 records: OK\n", 'and says that the serial goes back');
	is((checkzone('-d', 'example.org', $file, $file))[1], '', 'nothing for equal ones');
	my $conf = write_file("$dir/c.conf", "zone \"example.org\" { type master; file \"x\"; check-mx fail; };\n");
	my $mx = $good . "m MX 1 192.0.2.1\n";
	is((checkzone(\$mx, '-q', 'example.org', '-'))[0], 0, 'a finding of which nothing is said');
	is((checkzone(\$mx, '-q', '-c', $conf, 'example.org', '-'))[0], 1, 'is an error when the configuration of -c says so');
	($status, $out, $err) = checkzone(\$mx, '-c', $conf, 'example.net', '-');
	is("$status $err", "1 $conf: error: there is no zone example.net in it\n", 'which has the zone');
	write_file("$dir/c.conf", "options { recursion no; dnssec-validation no; };\nzone \"example.org\" { type master; file \"x\"; };\n");
	unlike((checkzone(\$mx, '-c', $conf, 'example.org', '-'))[2], qr{c\.conf}, 'what the configuration is warned of is not told again');
	is((checkzone('-D', '-S', 'date', 'a', 'b'))[2], "tandem-checkzone: only one of printing (-D, -f, -o), -d and -S\n",
	    'options that exclude each other are named');
	like((checkzone('--help'))[1], qr/^usage:/, '--help prints the usage');
	for (['x'], [], ['-d', 'a', 'b'], ['-D', '-d', 'a', 'b', 'c'], ['-S', 'x', 'a', 'b'], ['-f', 'x', 'a', 'b'],
	    ['-D', '-S', 'date', 'a', 'b'], ['-x', 'a', 'b'], ['a', 'b', 'c'], ['-l', 'x', 'a', 'b'], ['-l', '2147483648', 'a', 'b'], ['a..b', 'c'], ['@', 'c']) {
		($status, $out, $err) = checkzone(@$_);
		is($status, 2, "wrong usage: @$_");
	}
}

{	# mistakes
	my $bad = write_file("$dir/bad", "\$TTL 60\n\@ SOA a b 7 2 3 4 5\n NS ns.other.\nx A 192.0.2\ny BOGUS z\nq.other. A 192.0.2.1\n\$INCLUDE gone\nz TXT (\n \"half");
	my ($status, $out, $err) = checkzone('example.org', $bad);
	is($status, 1, 'a broken file does not load');
	is($err, "$bad:4:5: error: \"192.0.2\" is not an IPv4 address\n" . "$bad:5:3: error: \"BOGUS\" is no record type\n"
	    . "$bad:6:1: error: q.other. is not in the zone example.org\n" . "$bad:7:10: error: $dir/gone: No such file or directory\n"
	    . "$bad:8:7: error: '(' is not closed before the end of the file\n", 'every mistake is told with its place');
	is($out, "zone example.org: not loaded, 5 errors\n", 'and counted');
	($status, $out, $err) = checkzone('example.org', "$dir/gone");
	is("$status $err", "1 $dir/gone: error: No such file or directory\n", 'a missing file');
	($status, $out, $err) = checkzone('example.org', $dir);
	is("$status $err", "1 $dir: error: is a directory\n", 'a directory');
	($status, $out, $err) = checkzone(\'', 'example.org', '-');
	is($status, 1, 'an empty file is no zone');
	like($err, qr/SOA/, 'for it has no SOA');
}

{	# pipes
	my $zone = write_file("$dir/piped", "\$TTL 60\n\@ SOA a. b. 7 2 3 4 5\n NS ns.other.\n");
	my $out = `cat $zone | ./tandem-checkzone example.org /dev/stdin`;
	is($out, "zone example.org: serial 7, 2 records: OK\n", 'a pipe is read by any name');
	$out = `bash -c "./tandem-checkzone -d example.org <(sed s/7/6/ $zone) <(cat $zone)" 2>&1`;
	is($out, "-example.org. 60 IN SOA a. b. 6 2 3 4 5\n+example.org. 60 IN SOA a. b. 7 2 3 4 5\nzone example.org: serial 7, 2 records: OK\n",
	    'and so are two');
	is(scalar(() = `timeout 30 ./tandem-checkzone example.org /dev/zero 2>&1` =~ /is not a regular file/g), 1, 'a device is not');
}

{	# many mistakes
	my $file = sub { my ($n) = @_; write_file("$dir/many", "\$TTL 60\n\@ SOA a b 7 2 3 4 5\n NS ns.other.\n" . join '', map { "x$_ A 192.0.2\n" } 1 .. $n) };
	my ($status, $out, $err) = checkzone('example.org', $file->(5000));
	is("$status $out", "1 zone example.org: not loaded, 5000 errors\n", 'of 5,000 mistakes each is counted');
	my @told = split /\n/, $err;
	is(scalar @told, 100, 'and a hundred are told');
	like($told[99], qr/^\Q$dir\E\/many:103:\d+: error: /, 'the first ones');
	# The least of three: others use the machine too.
	my $time = sub {
		my ($n) = @_;
		my $in = $file->($n);
		my @took = sort { $a <=> $b } map {
			my $before = (times)[2] + (times)[3];
			($status, $out) = checkzone('example.org', $in);
			(times)[2] + (times)[3] - $before;
		} 1 .. 3;
		is("$status $out", "1 zone example.org: not loaded, $n errors\n", "$n are counted");
		return $took[0];
	};
	my ($few, $many) = map { $time->($_) } 20000, 200000;
	# Ticks of 10 ms make the short one look like nothing; a quadratic reader takes 100 times as long.
	cmp_ok($many, '<', 30 * ($few < 0.02 ? 0.02 : $few), 'in time that grows with them');
}

SKIP: {	# a real zone
	my ($archive) = glob '../shared/data/root-zones-*.tar.xz';
	skip 'no real zone data', 5 unless defined $archive;
	system('tar', '-C', $dir, '-xf', $archive) == 0 or die "$archive: cannot be unpacked";
	my ($first, $second) = sort glob "$dir/*.zone";
	for my $zone ($first, $second) {
		my ($status, $out, $err) = checkzone('-D', '.', $zone);
		like($err, qr/^zone \.: serial \d+, \d+ records: OK$/m, 'the root zone loads');
		same('with the records that BIND reads', $out, bind_reads('.', $zone));
		if ($zone eq $first) {
			same('and ldns reads', $out, scalar `ldns-read-zone $zone`);
		}
	}
}
done_testing;
