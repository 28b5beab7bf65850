# docs/equivalence.md names for each pitfall a test that exists.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $page = read_bytes(top() . '/docs/equivalence.md');
my %rows;

$rows{$1} = $2 while $page =~ /^\| P(\d+) \|(.*)\|$/mg;
is_deeply([ sort { $a <=> $b } keys %rows ], [ 1 .. 54 ], 'a row for each of P1 to P54');
for my $number (sort { $a <=> $b } keys %rows)
{
	my (undef, undef, $tests, $result) = split / \| /, " $rows{$number}";
	my @files = $tests =~ /`(tests\/t\/[\w.]+)`/g;

	# What has no test is called so, and claims nothing.
	if ($result =~ /^not yet/)
	{
		is(scalar(@files), 0, "P$number: not yet, and no test is named");
		next;
	}
	ok(@files >= 1, "P$number: names a test");
	for my $file (@files)
	{
		my $path = top() . "/$file";
		my $text = -e $path ? read_bytes($path) : '';

		# A name like "P13: …" or "P17, P20: …".
		like($text, qr/['"](?:P\d+, )*P$number\b[^:\n]{0,60}:/, "P$number: $file has a test of this name");
	}
	like($result, qr/^passes/, "P$number: its result");
}
while ($page =~ /`(tests\/[\w\/.]+\.(?:t|sql|pm))`/g)
{
	ok(-e top() . "/$1", "$1 exists");
}
done_testing();
