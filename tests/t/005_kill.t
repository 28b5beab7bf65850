# kill -9 at any instant of a backup: nothing published is bad, the next backup
# works without a manual step and trusts nothing that was stored.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = start_server('main');
my $repo = new_repository();
my $rounds = $ENV{KILL_ROUNDS} || 50;

srand($ENV{SEED} || 50);
load_sample('invoices', 0.08);

my @backup = ('backup', '--repo', $repo, '-d', 'invoices', '-j', 2, '--chunk-blocks', 128,
	'--catalogue', 'none');

# How long one takes, in a repository of its own.
my $other = new_repository();
my $start = time;
tool_ok([ map { $_ eq $repo ? $other : $_ } @backup ], 'a backup that nobody disturbs');
my $duration = time - $start;
note("a backup takes $duration s");

my ($killed, $bad, $not_found) = (0, 0, 0);
for my $round (1 .. $rounds)
{
	# Something changes between backups, so that there is always something new to store.
	query('invoices', "UPDATE billing.invoice_line SET description = 'round $round' "
		  . "WHERE line_id % 97 = $round") if $round % 5 == 0;
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @backup);
	sleep(rand($duration * 1.1));
	kill 'KILL', $pid;
	$killed++ if finish_tool($pid) == 128 + 9;
	my ($code, $out, $err) = tool('verify', '--repo', $repo, '-j', 2, '--catalogue', 'none');
	if ($code != 0)
	{
		$bad++;
		diag("round $round: verify: exit $code: $out$err");
	}
}
ok($killed > $rounds / 3, "$killed of $rounds backups were killed midway");
is($bad, 0, 'verify was content after every one');

# Nobody knows whether what a killed backup stored has reached the disk: it is stored again.
my $third = new_repository();
my @to_third = map { $_ eq $repo ? $third : $_ } @backup;
my $log = File::Temp->new;
my $pid = start_tool("$log", @to_third);
ok(wait_until(sub { scalar(grep { /\.zst$/ } all_files("$third/objects")) >= 3 }), 'some objects are stored');
kill 'KILL', $pid;
finish_tool($pid);
my $stored = scalar(grep { /\.zst$/ } all_files("$third/objects"));
tool_ok(\@to_third, 'the next backup works with no manual step');
my $backup = tool_json('list', '--repo', $third)->{backups}[0];
my $info = tool_json('info', '--repo', $third, 'invoices');
my $totals = $info->{totals};
note("$stored objects were there, $totals->{new_objects} of $totals->{objects} are new");
is($totals->{new_objects}, $totals->{objects}, 'and writes everything again');
is(scalar(grep { /\.zst$/ } all_files("$third/objects")), $totals->{objects}, 'in the place of what was stored');

tool_ok(\@backup, 'a last backup after all the killing');
tool_ok([ 'verify', '--repo', $repo ], 'is good');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'restored', '-j', 2 ], 'and restores');
same_database('invoices', 'restored', 'the same database');
tool_ok([ 'expire', '--repo', $repo ], 'expire sweeps up');
is(scalar(grep { /\.tmp$/ } all_files($repo)), 0, 'no unfinished file is left');
tool_ok([ 'verify', '--repo', $repo ], 'and took nothing that is needed');
is(foreign_backends(), 0, 'no connection is left open');

done_testing();
