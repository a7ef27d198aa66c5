# Perl: hashes, regular expressions, files, processes, signals, sorting, packing, formats.
use strict; use warnings;
$| = 1;
my %count;
$count{$_ % 7} += $_ for 1 .. 5000;
print join(",", map { "$_=$count{$_}" } sort keys %count), "\n";
my $text = join " ", map { "word$_" } 1 .. 300;
print scalar(() = $text =~ /\bword\d*5\b/g), " ", $text =~ s/word(\d)\b/<$1>/gr =~ tr/<//, "\n";
open my $out, ">", "perl.txt" or die; print $out "line $_\n" for 1 .. 1000; close $out;
open my $in, "<", "perl.txt" or die; my @lines = <$in>; close $in;
print scalar(@lines), " ", -s "perl.txt", " ", $lines[-1];
my $pid = open(my $child, "-|") // die;
if (!$pid) { print "from the child\n"; exit 3 }
print <$child>; close $child; print $? >> 8, "\n";
local $SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 10; }; print "caught $@";
local $SIG{USR1} = sub { print "USR1\n" }; kill USR1 => $$;
print unpack("H*", pack("NnCa5", 0xdeadbeef, 258, 65, "abc")), "\n";
my @sorted = sort { $b->[1] <=> $a->[1] || $a->[0] cmp $b->[0] } map { [$_, length] } qw(pear fig apple kiwi);
print join(" ", map { $_->[0] } @sorted), "\n";
printf "%.10f %e %s %d\n", atan2(1, 1) * 4, 1234.5, 10 ** 20, -7 / 2;
print `echo by a shell`, system("exit 2") >> 8, "\n";
my $deep = { a => [1, { b => "c" }] }; print $deep->{a}[1]{b}, "\n";
pipe(my $r, my $w); if (!fork) { close $r; print $w "x" x 100000; exit } close $w;
my $all = do { local $/; <$r> }; wait; print length $all, " $?\n";
opendir my $d, "."; print join(" ", sort grep { /^p/ } readdir $d), "\n";
print "no file: $!\n" unless open my $none, "<", "/nowhere";
die "the end\n";
