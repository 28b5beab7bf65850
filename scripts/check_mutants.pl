#!/usr/bin/perl
# check_mutants.pl
#   Puts each small fault of tests/mutants/*.txt into a copy of the tree and runs the tests that must see it: unit
#   tests, or end-to-end tests up to their first failure.  A fault that no test sees is a test that cannot fail.
#   Needs a tree that is built, with its unit tests.
#
#   check_mutants.pl --lines       says only which faults do not fit their file any more (scripts/check_style.sh)
#   check_mutants.pl [WORD...]     from the top of the tree; all, or those of these words: the name of a fault (VF1),
#                                  of a list (restore), "unit" or "tap"
use strict;
use warnings;

use Cwd qw(getcwd);
use File::Temp ();

my $top = getcwd();
my $copy = File::Temp::tempdir('nexb_mutants.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $log = "$copy/log";
my $tester = $> == 0 ? 'postgres' : undef;    # servers refuse to run as root
my %seconds = (unit => 120, tap => 900);
my $pg_config;
my $test_library;

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

sub kind
{
	my ($test) = @_;

	return $test =~ /^test_/ ? 'unit' : 'tap';
}

# { name, list, file, tests, what, from, to }
sub read_mutants
{
	my @mutants;

	for my $path (sort glob("$top/tests/mutants/*.txt"))
	{
		my $text = slurp($path) =~ s/^#.*\n//mgr;
		my ($list) = $path =~ m{([^/]+)\.txt$};

		for my $block (split /^(?=[A-Z]+\d+ \S+\.\w+ (?:test_|\d{3}_))/m, $text)
		{
			next if $block !~ /\S/;
			$block =~ /^(\S+) (\S+) ([^:]+): ([^\n]*)\n(.*?\n)=>\n(.*?)\s*\z/s or die "$path: not understood:\n$block";
			push @mutants, { name => $1, list => $list, file => $2, tests => [ split ' ', $3 ], what => $4, from => $5, to => "$6\n" };
		}
	}
	my %seen;
	for my $mutant (@mutants)
	{
		die "two faults are called $mutant->{name}\n" if $seen{ $mutant->{name} }++;
	}
	return @mutants;
}

# Is it one of those that were asked for?
sub wanted
{
	my ($mutant, @words) = @_;
	my %is = map { $_ => 1 } $mutant->{name}, $mutant->{list}, kind($mutant->{tests}[0]);

	return !@words || grep { $is{$_} } @words;
}

my $running;    # the process group of a command

# The status of a command, whose output goes to the log.
sub run
{
	my ($directory, $seconds, @command) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open(STDOUT, '>', $log);
		open(STDERR, '>&', \*STDOUT);
		chdir $directory or die "$directory: $!";
		setpgrp;
		exec @command or exit 127;
	}
	local $SIG{ALRM} = sub { kill 'KILL', -$pid };
	$running = $pid;
	alarm $seconds;
	waitpid($pid, 0);
	alarm 0;
	$running = undef;
	return $?;
}

sub build
{
	my (@command) = @_;

	run("$copy/tree", 900, 'make', '-s', "PG_CONFIG=$pg_config", @command) == 0 or die "make @command:\n" . slurp($log);
	return;
}

# As scripts/check.sh runs them.
sub as_tester
{
	my (@command) = @_;
	my ($bindir) = $pg_config =~ m{(.*)/};

	return ($tester ? ('runuser', '-u', $tester, '--') : (), 'env', map({ ('-u', $_) } qw(PGHOST PGPORT PGUSER PGDATABASE MAKEFLAGS MAKELEVEL)),
		"HOME=$copy", "TMPDIR=$copy/tmp", 'LC_ALL=C.UTF-8', "PG_CONFIG=$pg_config", "PG_REGRESS=$test_library/regress/pg_regress",
		"PATH=$bindir:$ENV{PATH}", @command);
}

# What a test that had to be killed left running.
sub stop_servers
{
	for my $file (glob("$copy/tree/tmp_check/*/pgdata/postmaster.pid"))
	{
		my ($pid) = slurp($file) =~ /^(\d+)/;

		kill 'QUIT', $pid if defined $pid;
	}
	system('rm', '-rf', "$copy/tree/tmp_check");
	return;
}

# We are to end: so is what we have started.
sub end_early
{
	kill 'KILL', -$running if defined $running;
	stop_servers();
	exit 130;
}

sub passes
{
	my ($test) = @_;
	my $status;

	if (kind($test) eq 'unit')
	{
		build('-C', 'tests/unit', $test);
		return run("$copy/tree/tests/unit", $seconds{unit}, as_tester("./$test")) == 0;
	}
	$status = run("$copy/tree", $seconds{tap},
		as_tester('perl', '-Itests', "-I$test_library/perl", '-MNexBackup::StopAtFirst', "tests/t/$test.t"));
	stop_servers();
	return $status == 0;
}

# Compile what changed.  What servers load is installed; the program is run where it is.
sub build_for
{
	my (@tests) = @_;

	build('-C', 'tool', 'nex_backup');
	build('all', 'install') if grep { kind($_) eq 'tap' } @tests;
	return;
}

# What saw it, or nothing.
sub killed_by
{
	my ($mutant) = @_;

	for my $test (@{ $mutant->{tests} })
	{
		next if passes($test);
		my $output = slurp($log);
		my ($failure) = $output =~ /^(?:\s*not ok \d+(?: - )?|\[  FAILED  \] )(.*)/m;

		# A test that died says why before all else that it says at its end.
		($failure) = $output =~ /^(?!ok |#)(\S.*)/m unless defined $failure;
		return $test . (defined $failure ? ": $failure" : '');
	}
	return;
}

sub prepare
{
	my (@tests) = @_;
	my $original = $ENV{PG_CONFIG} || 'pg_config';

	chomp(my $pgxs = `"$original" --pgxs`);
	$test_library = $pgxs =~ s{src/makefiles/pgxs\.mk$}{src/test}r;
	chomp($original = `command -v "$original"`);
	$pg_config = $original;
	mkdir "$copy/tmp";
	system('cp', '-a', $top, "$copy/tree") == 0 or die 'cp';
	if (grep { kind($_) eq 'tap' } @tests)
	{
		chomp($pg_config = `PG_CONFIG='$original' '$top/scripts/private_install.sh' '$copy/pg'`);
		build('all', 'install');
	}
	chmod 0755, $copy;
	system('chown', '-R', "$tester:", $copy) == 0 or die 'chown' if $tester;
	# Those that fail without a fault, perhaps because the machine is too busy.
	return map { $_ => 1 } grep { !passes($_) && !passes($_) } @tests;
}

# How often the lines of a fault are in its file.
sub places
{
	my ($mutant, $text) = @_;
	my $from = quotemeta $mutant->{from};

	return scalar(() = $text =~ /$from/g);
}

# What is wrong with the lists themselves.
sub check_lines
{
	my $bad = 0;

	for my $mutant (read_mutants())
	{
		my ($list, $file, @tests) = ("tests/mutants/$mutant->{list}.txt", $mutant->{file}, @{ $mutant->{tests} });

		for my $test (@tests)
		{
			next if -e (kind($test) eq 'unit' ? "tests/unit/$test.c" : "tests/t/$test.t");
			print "$list: $mutant->{name}: there is no test $test\n";
			$bad = 1;
		}
		next if -e $file && places($mutant, slurp($file)) == 1;
		print "$list: $mutant->{name}: its lines are not in $file, or more than once\n";
		$bad = 1;
	}
	return $bad;
}

exit check_lines() if @ARGV && $ARGV[0] eq '--lines';
my @mutants = grep { wanted($_, @ARGV) } read_mutants();
my %tests = map { $_ => 1 } map { @{ $_->{tests} } } @mutants;
my $survived = 0;

die "no such fault: @ARGV\n" unless @mutants;
$| = 1;
$SIG{$_} = \&end_early for qw(INT TERM HUP);
my %broken = prepare(sort keys %tests);
for my $mutant (@mutants)
{
	if (my ($test) = grep { $broken{$_} } @{ $mutant->{tests} })
	{
		print "$mutant->{name} not tried: $test fails without a fault, too\n";
		$survived++;
		next;
	}
	my $path = "$copy/tree/$mutant->{file}";
	my $text = slurp($path);
	my $from = quotemeta $mutant->{from};

	die "$mutant->{name}: its lines are not in $mutant->{file} once\n" if places($mutant, $text) != 1;
	spew($path, $text =~ s/$from/$mutant->{to}/r);
	build_for(@{ $mutant->{tests} });
	my $killer = killed_by($mutant);
	spew($path, $text);
	$survived += !defined $killer;
	printf "%-4s %-9s %s\n     %s\n", $mutant->{name}, defined $killer ? 'killed' : 'SURVIVED', $mutant->{what},
	  $killer // "not seen by @{ $mutant->{tests} }";
}
printf "%d faults, %d survived or not tried\n", scalar @mutants, $survived;
exit($survived ? 1 : 0);
