#!/usr/bin/perl
# run_tap.pl
#   Runs TAP tests and leaves the number of those that passed and failed in a
#   file, which prove does not do.
#
#   run_tap.pl COUNTS_FILE [--exec] TEST...     --exec: the tests are programs
#
#   Tests run side by side, two for each processor, because they wait three
#   quarters of their time; NEXB_JOBS is another number of them.  With VERBOSE
#   they run one after another, so that their lines are not mixed.
use strict;
use warnings;

use TAP::Harness;
use TAP::Parser::Aggregator;

my $counts = shift @ARGV;
my $exec = @ARGV && $ARGV[0] eq '--exec' ? shift @ARGV : 0;
die "run_tap.pl: no tests\n" unless @ARGV;

$ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';
my $pgxs_tests = `$ENV{PG_CONFIG} --pgxs`;
$pgxs_tests =~ s{src/makefiles/pgxs\.mk\s*\z}{src/test};
$ENV{PG_REGRESS} = "$pgxs_tests/regress/pg_regress";

chomp(my $processors = `nproc 2>/dev/null` || 1);
my $jobs = $ENV{NEXB_JOBS} || ($ENV{VERBOSE} ? 1 : 2 * $processors);

# There is one file system for the tests that fill one: they run one after another.
my @fill_a_disk = grep { uses_small_directory($_) } @ARGV;

sub uses_small_directory
{
	my ($test) = @_;

	return 0 unless $test =~ /\.t$/ && open(my $in, '<', $test);
	return scalar grep { /\bsmall_directory\(\)/ } <$in>;
}

my $harness = TAP::Harness->new({
	verbosity => $ENV{VERBOSE} ? 1 : 0,
	jobs => $jobs,
	rules => { par => [ (@fill_a_disk ? { seq => \@fill_a_disk } : ()), '**' ] },
	timer => 1,
	failures => 1,
	lib => [ 'tests', "$pgxs_tests/perl" ],
	# Programs under test report the errors that they are made to meet: only VERBOSE shows those.
	$exec ? (exec => [], merge => 1, comments => 1) : () });
my $result = TAP::Parser::Aggregator->new;

# A test that bails out (a server of its own did not start, say) says nothing about those behind it.
$result->start;
for (my @left = @ARGV; @left;)
{
	last if eval { $harness->aggregate_tests($result, @left); 1 };
	my %done = map { $_ => 1 } $result->descriptions;
	my @now = grep { !$done{$_} } @left;
	die $@ if @now == @left;
	@left = @now;
}
$result->stop;
$harness->summary($result);
my $failed = $result->failed;

# A test program that died, or ran fewer tests than it planned, counts as one more.
$failed += grep { my ($parser) = $result->parsers($_); $parser->has_problems && !$parser->failed }
  $result->descriptions;

# Why a test died stands only in the log that PostgreSQL's modules write.
for my $test (grep { my ($parser) = $result->parsers($_); $parser->has_problems && !($parser->tests_run && $parser->is_good_plan) }
	$result->descriptions)
{
	my ($name) = $test =~ m{([^/]+?)(?:\.t)?$};
	my ($log) = glob((defined $ENV{TESTDIR} ? "$ENV{TESTDIR}/" : '') . "tmp_check/log/regress_log_$name");
	next unless defined $log && open(my $in, '<', $log);
	my @lines = <$in>;
	print "$test: the end of its log:\n", @lines > 20 ? @lines[ -20 .. -1 ] : @lines;
}
open(my $out, '>', $counts) or die "$counts: $!";
print $out scalar($result->passed), ' ', $failed, "\n";
close $out or die "$counts: $!";
exit($failed ? 1 : 0);
