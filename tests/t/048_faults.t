# A sample of the faults that "make check-faults" tries (tests/slow/faults.t): system calls that fail,
# do half or kill; damage in a repository; a connection that is cut or falls silent; a server that
# stops.  The same ones each time; NEXB_FAULTS_SEED chooses others.
use strict;
use warnings;

use File::Temp ();
use List::Util qw(min shuffle);
use NexBackup::FaultDamage;
use NexBackup::FaultOperations;
use NexBackup::FaultProxy;
use NexBackup::FaultSweep;
use NexBackup::Faults;
use NexBackup::Test;
use Test::More;

my $seed = $ENV{NEXB_FAULTS_SEED} || 20261129;
my $directory = File::Temp::tempdir(CLEANUP => 1);
my $shim = build_shim($directory) or plan skip_all => 'no C compiler for the faults';
my $node = start_server('main', restart_after_crash => 'on');
my $world = new_world($node, $shim, $directory);
my %operation = map { $_->{name} => $_ } fault_operations();

srand($seed);
note("NEXB_FAULTS_SEED=$seed");

# So many of some trials.
sub some_of
{
	my ($count, @trials) = @_;
	my @mixed = shuffle(@trials);

	return @mixed[ 0 .. min($count, scalar @mixed) - 1 ];
}

# What only a crash could undo is not called undone.
sub key_add_at
{
	my ($fault) = @_;
	my $result = run_faulted($world, $fault, [ 'key', 'add', '--recipient', $world->{second_recipient}, repo_options($world, 'encrypted') ]);
	my $there = run_tool($world, [ 'key', 'list', repo_options($world, 'encrypted') ])->{out} =~ /$world->{second_recipient}/ ? 1 : 0;

	return ($result, $there);
}

my $calls = do { fresh_trial($world); (key_add_at(''))[0]->{calls} };
my ($warned, @untrue) = (0);
for my $fault ((map { ("sync:$_:EIO", "sync:$_:EIO+") } 1 .. $calls->{sync}), map { "rename:$_:EIO" } 1 .. $calls->{rename} // 0)
{
	fresh_trial($world);
	my ($result, $there) = key_add_at($fault);
	my $frame = $result->{err} =~ m{warning: file ".*/encrypted/nex_backup\.json" is written, but a crash of this machine may undo that: .*HINT:.*same command again}s;
	$warned += $frame ? 1 : 0;
	push @untrue, "$fault ($result->{hit}): $result->{code}, $there: $result->{err}" if ($result->{code} == 0) != $there;
	($result, $there) = key_add_at('') if $frame;
	push @untrue, "$fault, again: $result->{code}, $there: $result->{err}" if $frame && ($result->{code} != 0 || !$there);
}
is(join("\n", @untrue), '', 'key add says what it has done, whichever fsync or rename fails');
cmp_ok($warned, '>', 0, 'and what may not last');

# A call that is to be repeated is repeated, at the last line as well.
fresh_trial($world);
for my $command ([ 'list' ], [ 'verify', 'mini' ], [ 'info', 'mini', '--json' ])
{
	my @arguments = (@$command, repo_options($world, 'plain'));
	my $well = run_faulted($world, '', \@arguments);
	my @wrong;

	for my $fault (map { ("write:$_:EINTR", "write:$_:EAGAIN") } 1 .. $well->{calls}{write})
	{
		my $result = run_faulted($world, $fault, \@arguments);

		push @wrong, "$fault: $result->{code} $result->{err}" if $result->{hit} =~ /pipe|out$/ && ($result->{code} != 0 || $result->{out} =~ s/\d//gr ne $well->{out} =~ s/\d//gr);
	}
	is(join("\n", @wrong), '', "@$command: EINTR and EAGAIN at each write");
}

# What fails after a backup is published does not make it a failed one.
fresh_trial($world);
{
	my $arguments = $operation{'config backup'}{arguments}->($world);
	my $last = run_faulted($world, '', $arguments)->{calls}{open};
	my @listed;

	# Threads make the count of calls differ a little from run to run, so the list is looked for.
	for my $call ((reverse $last - 15 .. $last + 5) x 3)
	{
		fresh_trial($world);
		my $result = run_faulted($world, "open:$call:EIO", $arguments);

		push @listed, $result if $result->{err} =~ m{config/default" cannot be read|could not list};
		last if @listed == 2;
	}
	cmp_ok(scalar @listed, '>', 0, 'config backup: the list behind it cannot be read');
	is(join(' ', map { $_->{code} } @listed), join(' ', (0) x @listed), '... which is a warning');
}

# Trials of all calls of an operation, by number, that bring such a fault.
sub by_number
{
	my ($name, $fault) = @_;
	my %trials = map { $_->{name} =~ /^\Q$name\E ${fault}$/ ? ($1 => $_) : () } call_trials($world, undef, $operation{$name});

	return map { $trials{$_} } sort { $a <=> $b } keys %trials;
}

my @damage = damage_trials($world, 'plain', 'encrypted');
my @trials = (
	# Libraries that get no memory must not say that a file is damaged.
	some_of(10, grep { $_->{column} eq 'memory' } call_trials($world, 10000, $operation{'verify, encrypted'})),
	some_of(4, call_trials($world, 6, $operation{backup})),
	some_of(3, call_trials($world, 5, $operation{'restore --drop'})),
	some_of(3, call_trials($world, 4, $operation{'config restore'})),
	some_of(2, call_trials($world, 4, $operation{expire})),
	# A file that an option names, and that cannot be read for a moment.
	(by_number('verify, encrypted', 'open:(\d+):EINTR'))[ 0 .. 5 ],
	(by_number('verify, encrypted', 'stat:(\d+):ESTALE'))[ 0 .. 5 ],
	some_of(3, @damage),
	# What cannot be read is not used again by a new backup.
	some_of(2, grep { $_->{name} =~ /^damage plain objects.* unreadable/ } @damage),
	some_of(2, grep { $_->{column} ne 'silent' } connection_trials($world, 3, $operation{backup})),
	some_of(1, grep { $_->{column} eq 'silent' } connection_trials($world, 3, $operation{'restore --append'})),
	some_of(1, server_trials($world, 1, $operation{backup})));
my @results = run_sweep(5, [$world], @trials);

is(scalar @results, scalar @trials, 'all of them were tried');
cmp_ok(scalar(grep { $_->{hit} ne '' } @results), '>', @trials / 2, 'most faults came to pass');
report_sweep(scalar @trials, @results);
done_testing();
