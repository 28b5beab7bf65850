# NexBackup::FaultSweep
#   Which trials there are, running them in several worlds at once, and the
#   counts of what came of them.
#
#   A trial is a hash: part, row and column (its place in the table), name
#   (what to give as NEXB_FAULTS_ONLY to have it alone), and run, a sub that
#   gives a result and the problems.
package NexBackup::FaultSweep;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use List::Util qw(min shuffle sum0);
use NexBackup::FaultOperations;
use NexBackup::Faults;
use NexBackup::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(call_trials run_sweep report_sweep);

my @bad = ('false success', 'loss', 'hang', 'other');
my $json = JSON::PP->new->utf8->canonical;

# Calls whose failure can lose or feign data, or that are few: each of them is tried.  Of the others
# as many as "others" says.
my %each = map { $_ => 1 } qw(write sync rename unlink mkdir lock thread process random);

# Faults of single calls.  With "others" undefined every call is tried with every fault.
sub call_trials
{
	my ($world, $others, @operations) = @_;
	my @trials;

	for my $operation (@operations)
	{
		my $clean = clean_counts($world, $operation);
		my $expected = $operation->{damaged} ? 3 : 0;
		die "$operation->{name}: exit $clean->{code} without a fault: $clean->{err}" if $clean->{code} != $expected;
		my @rest;
		for my $kind (call_kinds())
		{
			my @faults = faults_of($kind);
			# Memory is asked for ten thousand times; each is not tried even when all are.
			my @numbers = $kind eq 'memory' ? map { 1 + int(rand($clean->{calls}{memory})) } 1 .. 40 : 1 .. $clean->{calls}{$kind};
			my $turn = int(rand(@faults));
			for my $number (@numbers)
			{
				my @these = defined $others ? ($faults[ $turn++ % @faults ]) : @faults;
				push @{ $each{$kind} || !defined $others ? \@trials : \@rest },
				  map { call_trial($operation, $kind, "$kind:$number:$_") } @these;
			}
		}
		push @trials, (shuffle(@rest))[ 0 .. min($others, scalar @rest) - 1 ] if defined $others;
	}
	return @trials;
}

sub call_trial
{
	my ($operation, $kind, $fault) = @_;

	return { part => 'calls', row => $operation->{name}, column => $kind, name => "$operation->{name} $fault",
		run => sub {
			my ($world) = @_;
			return try_operation($world, $operation, sub { run_faulted($_[0], $fault, $_[1]) });
		} };
}

# Run trials until they are done or the time is over, one process for each world; the results.
sub run_sweep
{
	my ($minutes, $worlds, @trials) = @_;
	my $end = time + 60 * $minutes;
	my (@results, @pids);

	for my $n (0 .. $#$worlds)
	{
		my $pid = fork;
		die "fork: $!" unless defined $pid;
		if ($pid == 0)
		{
			# Not die: what the parent cleans up is not ours.
			eval { work($worlds->[$n], $end, map { $trials[$_] } grep { $_ % @$worlds == $n } 0 .. $#trials); 1 }
			  or print STDERR "worker $n: $@";
			POSIX::_exit(0);
		}
		push @pids, $pid;
	}
	waitpid($_, 0) for @pids;
	for my $world (@$worlds)
	{
		next if !-e "$world->{directory}/results";
		push @results, map { $json->decode($_) } split /\n/, read_bytes("$world->{directory}/results");
	}
	return @results;
}

sub work
{
	my ($world, $end, @trials) = @_;
	my $number = 0;

	# What prints to standard output would be taken for TAP.
	open(STDOUT, '>', "$world->{directory}/output") or die;
	enter_world($world);
	open(my $out, '>', "$world->{directory}/results") or die;
	$out->autoflush(1);
	for my $trial (@trials)
	{
		last if time > $end;
		my ($result, @problems) = eval { $trial->{run}->($world) };
		@problems = ([ 'other', "the test itself: $@" ]) if $@;
		$result //= { code => -1, hit => '', err => '', seconds => 0 };
		print $out $json->encode({ (map { ($_ => $trial->{$_}) } qw(part row column name)), code => $result->{code}, hit => $result->{hit} // '',
			err => $result->{err}, problems => \@problems, seconds => $result->{seconds} }), "\n";
		repair($world) if @problems;
	}
	return;
}

# After a trial with a problem the next one must begin with the world as it was.
sub repair
{
	my ($world) = @_;

	for (1 .. 100)
	{
		last if eval { query('postgres', 'SELECT 1') };
		select(undef, undef, undef, 0.2);
	}
	$_->{reset} && eval { $_->{reset}->($world, {}) } for fault_operations();
	return if eval { !live_problem($world) };
	die "the database of the tests is not as it was: $@";
}

# The table of one part: a row for each operation, a column for each kind of fault with the number of
# trials, and what came of them.
sub table_of
{
	my ($part, @results) = @_;
	my @mine = grep { $_->{part} eq $part } @results;
	my (%rows, %columns, @text);

	return () if !@mine;
	for my $result (@mine)
	{
		$columns{ $result->{column} }++;
		push @{ $rows{ $result->{row} } }, $result;
	}
	my @columns = $part eq 'calls' ? grep { $columns{$_} } call_kinds() : sort keys %columns;
	push @text, join(' | ', $part, @columns, 'tried', 'hit', 'exit 0', 'error', 'killed', @bad);
	for my $row ((sort keys %rows), 'all')
	{
		my @these = $row eq 'all' ? @mine : @{ $rows{$row} };
		my %tried;
		$tried{ $_->{column} }++ for @these;
		push @text, join(' | ', $row, (map { $tried{$_} // 0 } @columns), scalar(@these), scalar(grep { $_->{hit} ne '' } @these),
			scalar(grep { $_->{code} == 0 } @these), scalar(grep { $_->{code} > 0 && $_->{code} < 137 } @these),
			scalar(grep { $_->{code} == 137 } @these), map { problems_of($_, @these) } @bad);
	}
	return ('', @text);
}

# How many trials have a problem of a kind.
sub problems_of
{
	my ($kind, @results) = @_;

	return scalar grep { grep { $_->[0] eq $kind } @{ $_->{problems} } } @results;
}

# Show what went wrong, the tables, and whether there is anything in the columns that must be empty.
sub report_sweep
{
	my ($planned, @results) = @_;
	my $notes = '';

	for my $result (grep { @{ $_->{problems} } } @results)
	{
		my %seen;
		diag("\"$result->{name}\": exit $result->{code}; hit: $result->{hit}; it said: $result->{err}");
		diag("    $_->[0]: " . substr($_->[1], 0, 1500)) for grep { !$seen{"@$_"}++ } @{ $result->{problems} };
	}
	$notes .= "$_\n" for map { table_of($_, @results) } 'calls', 'damage', 'connection', 'server';
	$notes .= "\n" . scalar(@results) . " of $planned trials\n";
	# A note is shown with VERBOSE only.
	$ENV{NEXB_FAULTS_TABLE} ? diag($notes) : note($notes);
	cmp_ok(scalar @results, '>', 0, 'faults were tried');
	is(problems_of($_, @results), 0, "$_: none") for @bad;
	return;
}

1;
