#!/usr/bin/perl
# check_mutants.pl
#   Puts each small fault of tests/mutants/*.txt into a copy of the tree and runs the unit test that must see it.
#   A fault that no test sees is a test that cannot fail.  Needs a tree that is built, with its unit tests.
#
#   check_mutants.pl [NAME...]     from the top of the tree; all, or these
use strict;
use warnings;

use Cwd qw(getcwd);
use File::Temp ();

my $top = getcwd();
my %wanted = map { $_ => 1 } @ARGV;
my $copy = File::Temp::tempdir('nexb_mutants.XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub slurp
{
	my ($path) = @_;

	open(my $in, '<', $path) or die "$path: $!";
	local $/;
	return <$in>;
}

sub spew
{
	my ($path, $text) = @_;

	open(my $out, '>', $path) or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	return;
}

# { name, file, test, what, from, to }
sub read_mutants
{
	my @mutants;

	for my $list (sort glob("$top/tests/mutants/*.txt"))
	{
		my $text = slurp($list) =~ s/^#.*\n//mgr;

		for my $block (split /^(?=[A-Z]+\d+ \S+\.c test_)/m, $text)
		{
			next if $block !~ /\S/;
			$block =~ /^(\S+) (\S+) (\S+): ([^\n]*)\n(.*?\n)=>\n(.*?)\s*\z/s or die "$list: not understood:\n$block";
			push @mutants, { name => $1, file => $2, test => $3, what => $4, from => $5, to => "$6\n" };
		}
	}
	return @mutants;
}

sub run
{
	my (@command) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open(STDOUT, '>', "$copy/log");
		open(STDERR, '>&', \*STDOUT);
		alarm 120;
		exec @command or exit 127;
	}
	waitpid($pid, 0);
	return $?;
}

# Compile the file and run the test; true if the test passes.
sub passes
{
	my ($mutant) = @_;
	my $test = $mutant->{test};

	run('make', '-s', '-C', "$copy/tree/tool", 'nex_backup') == 0 or die "$mutant->{name} does not compile:\n" . slurp("$copy/log");
	run('make', '-s', '-C', "$copy/tree/tests/unit", $test) == 0 or die "$mutant->{name}: $test is not built:\n" . slurp("$copy/log");
	chdir "$copy/tree/tests/unit" or die;
	my $status = run("./$test");
	chdir $top or die;
	return $status == 0;
}

my @mutants = grep { !%wanted || $wanted{ $_->{name} } } read_mutants();
my $survived = 0;

system('cp', '-a', $top, "$copy/tree") == 0 or die 'cp';
for my $test (sort keys %{ { map { $_->{test} => 1 } @mutants } })
{
	passes({ name => 'no mutant', file => '', test => $test }) or die "$test fails without a mutant:\n" . slurp("$copy/log");
}
for my $mutant (@mutants)
{
	my $path = "$copy/tree/$mutant->{file}";
	my $text = slurp($path);
	my $from = quotemeta $mutant->{from};

	die "$mutant->{name}: its lines are not in $mutant->{file} once\n" if (() = $text =~ /$from/g) != 1;
	spew($path, $text =~ s/$from/$mutant->{to}/r);
	my $alive = passes($mutant);
	spew($path, $text);
	$survived += $alive;
	printf "%-4s %-9s %-20s %s\n", $mutant->{name}, $alive ? 'SURVIVED' : 'killed', $mutant->{test}, $mutant->{what};
}
printf "%d mutants, %d survived\n", scalar @mutants, $survived;
exit($survived ? 1 : 0);
