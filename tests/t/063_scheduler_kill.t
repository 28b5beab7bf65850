# Whatever is killed, no run is lost, doubled or stuck: the tool, the executor, the leader, the
# postmaster, and the cluster as a whole.
#
# NEXB_KILLS=500 for the long version of the random part; 6 is the default.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Scheduler;
use NexBackup::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_scheduler('main', log_min_messages => 'log', restart_after_crash => 'on');
my $directory = File::Temp::tempdir(CLEANUP => 1);
my $repo = "$directory/repo";
my $kills = $ENV{NEXB_KILLS} || 6;

load_sample('invoices');
{
	my ($out, $err);

	$node->psql('postgres', "SELECT nex_backup_create_repository('$repo')", stderr => \$err);
	is($err, '', 'a new repository');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices', '--catalogue', 'none' ], 'a backup that the catalogue is not told of');
	$node->psql('postgres', "SELECT nex_backup_create_repository('$repo')", stderr => \$err);
	like($err, qr/NOTICE:  repository "\Q$repo\E" exists, and has backups\nHINT:  .*SELECT nex_backup_sync\('\Q$repo\E'\)/, 'is not new any more');
}
set_clock('2027-01-01 12:00 UTC');
query('postgres', "SELECT nex_backup_schedule('night', '0 2 * * *', 'invoices', '$repo', timezone => 'UTC', retry_delay => '2 seconds', kill_grace => '3 seconds')");

# A run of the job that waits for a lock: its number and the pids of tool and executor.
my $day = 1;
sub begin_run
{
	my ($from) = @_;

	$day++;
	set_clock(sprintf('2027-%02d-%02d 01:59:59 UTC', 1 + int($day / 28), 1 + $day % 28));
	my $run = wait_for_run("job = 'night' AND state = 'running' AND id > $from");
	my ($child, $executor) = split /\|/, query('postgres', "SELECT child_pid, pid FROM nex_backup.leases WHERE run = $run");
	return ($run, $child, $executor);
}

# kill -9 of the postmaster, and a new one when the old one's processes have gone.
sub kill_postmaster
{
	my ($pid) = read_bytes($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	$node->kill9;
	wait_until(sub { !-e "/proc/$pid" });
	return;
}

sub start_again
{
	return wait_until(sub { $node->start(fail_ok => 1) });
}

sub is_up
{
	return wait_until(sub { eval { query('postgres', 'SELECT 1') } });
}

# ------------------------------------------------------- the tool is killed

my $unlock = hold_lock('invoices', 'billing.invoice');
my ($run, $child, $executor) = begin_run(0);
kill 'KILL', $child;
is(wait_for_state($run, 'crashed', 'failed', 'succeeded'), 'crashed', 'kill -9 of the tool: crashed');
is(run_row('signal, reason', "id = $run"), '9|the program was ended by signal 9', 'and says by what');
$unlock->();
ok(wait_for_run("job = 'night' AND attempt = 2 AND origin = $run AND state = 'succeeded'"), 'the next attempt succeeds');

# --------------------------------------------- the executor is told to stop

$unlock = hold_lock('invoices', 'billing.invoice');
($run, $child, $executor) = begin_run($run + 1);
query('postgres', "SELECT pg_terminate_backend($executor)");
is(wait_for_state($run, 'crashed', 'failed', 'cancelled'), 'crashed', 'pg_terminate_backend() of the executor');
is(run_row('reason', "id = $run"), 'the executor was stopped', 'says so');
ok(wait_until(sub { !-e "/proc/$child" }), 'and ends the tool');
my $log = slurp_file($node->logfile);
unlike($log, qr/terminating any other active server processes/, 'and nobody else noticed');
$unlock->();
ok(wait_for_run("job = 'night' AND attempt = 2 AND origin = $run AND state = 'succeeded'"), 'the next attempt succeeds');

# ------------------------------------------- an executor is killed: a crash

$unlock = hold_lock('invoices', 'billing.invoice');
($run, $child, $executor) = begin_run($run + 1);
kill 'KILL', $executor;
ok(wait_until(sub { !-e "/proc/$child" }), 'kill -9 of the executor: the tool ends by itself');
eval { $unlock->() };
ok(is_up(), 'the server comes back');
ok(wait_for_run("id = $run AND state = 'crashed'"), 'the run is settled');
like(run_row('reason', "id = $run"), qr/^the executor is gone/, 'with the reason');
ok(wait_for_run("job = 'night' AND attempt = 2 AND origin = $run AND state = 'succeeded'"), 'the next attempt succeeds');

# --------------------------------------------------- the leader is killed

my $leader = leader_pid();
kill 'KILL', $leader;
ok(wait_until(sub { my $pid = eval { leader_pid() }; $pid && $pid != $leader }), 'kill -9 of the leader: there is another');

# ------------------------------------- immediate stop, and kill -9 of the postmaster

for my $how ('immediate', 'kill9')
{
	$unlock = hold_lock('invoices', 'billing.invoice');
	($run, $child, $executor) = begin_run(query('postgres', 'SELECT max(id) FROM nex_backup.runs'));
	$how eq 'immediate' ? $node->stop('immediate') : kill_postmaster();
	ok(wait_until(sub { !-e "/proc/$child" }), "$how: the tool ends by itself");
	ok(wait_until(sub { !-e "/proc/$executor" }), "$how: so does the executor");
	eval { $unlock->() };
	ok(start_again(), "$how: the server starts again");
	ok(wait_for_run("id = $run AND state = 'crashed'"), "$how: the run is settled");
	ok(wait_for_run("job = 'night' AND attempt = 2 AND origin = $run AND state = 'succeeded'"), "$how: the next attempt succeeds");
}

# A fast stop waits for the executor, which closes the run.
$unlock = hold_lock('invoices', 'billing.invoice');
($run, $child) = begin_run(query('postgres', 'SELECT max(id) FROM nex_backup.runs'));
$node->stop('fast');
ok(!-e "/proc/$child", 'a fast stop ends the tool first');
eval { $unlock->() };
$node->start;
is(run_row('state, reason', "id = $run"), 'crashed|the executor was stopped', 'and the run was closed before');
ok(wait_for_run("job = 'night' AND attempt = 2 AND origin = $run AND state = 'succeeded'"), 'the next attempt succeeds');

is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'backup' AND job IS NULL"), 0, 'what a tool told after that is no second run');

# ----------------------------------------------------------- at random

use_tool(stand_in());
clear_clock();
query('postgres', "SELECT nex_backup_unschedule('night')");
query('postgres', "SELECT pg_sleep(0.5)");
set_options('nex_backup.max_concurrent_runs' => 4, 'nex_backup.max_runs_per_repository' => 4);
query('postgres', "SELECT nex_backup_schedule('slow ' || i, '* * * * *', 'invoices', '$repo', type => 'slow', timezone => 'UTC', "
	  . "retry_delay => '1 second', retry => 2) FROM generate_series(1, 4) i");
my %killed;
srand($ENV{NEXB_SEED} || time);
for my $round (1 .. $kills)
{
	set_clock(sprintf('2028-%02d-%02d %02d:%02d:59 UTC', 1 + int($round / 1440 / 28), 1 + int($round / 1440) % 28, int($round / 60) % 24, $round % 60));
	select(undef, undef, undef, 0.1 + rand(1.2));
	my $pick = rand;
	my $what = $pick < 0.5 ? 'tool' : $pick < 0.75 ? 'executor' : $pick < 0.9 ? 'leader' : 'postmaster';
	my @pids = $what eq 'postmaster' ? () : split /\n/, eval { query('postgres', $what eq 'tool' ? 'SELECT child_pid FROM nex_backup.leases'
			: "SELECT pid FROM pg_stat_activity WHERE backend_type = 'nex_backup $what'") } || '';
	if ($what eq 'postmaster')
	{
		kill_postmaster();
		start_again() or die 'the server does not start';
	}
	else
	{
		next unless @pids;
		kill 'KILL', grep { $_ } $pids[ rand @pids ];
	}
	$killed{$what}++;
	is_up() or die 'the server does not come back';
}
note(join(', ', map { "$killed{$_} times the $_" } sort keys %killed) . ' killed');
clear_clock();
query('postgres', "SELECT nex_backup_alter_job(name, enabled => false) FROM nex_backup.jobs");
# A retry may still begin between two looks.
my $leases;
ok(wait_until(sub { (my $going, $leases) = split /\|/, query('postgres', "SELECT (SELECT count(*) FROM nex_backup.runs WHERE state IN ('starting', 'running')),"
		  . '(SELECT count(*) FROM nex_backup.leases)'); $going == 0 }), 'no run is stuck');
is($leases, 0, 'no lease is left');
is(query('postgres', "SELECT count(*) FROM (SELECT job, scheduled_for FROM nex_backup.runs WHERE attempt = 1 AND job LIKE 'slow%' "
		. "AND scheduled_for IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1) x"), 0, 'none came twice');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job LIKE 'slow%' AND state = 'crashed' AND reason IS NULL"), 0, 'each crash has its reason');
ok(wait_until(sub { !processes_named("--repo=$repo") }), 'no tool is left behind');

# ----------------------------------------------------- without a leader

# There may be none, and whoever enters, claims or cancels a run finds out himself which are dead.
set_options('nex_backup.max_runs_per_repository' => 1);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
sub crash_within_run
{
	my $run = query('postgres', "SELECT run FROM nex_backup_run('invoices', repository => '$repo', type => 'hang', wait => false)");

	wait_for_state($run, 'running');
	kill_postmaster();
	start_again() or die 'the server does not start';
	is(run_row('state', "id = $run"), 'running', 'after a crash nobody has looked at the run yet');
	return $run;
}
$run = crash_within_run();
is(query('postgres', "SET statement_timeout = '2min'; SELECT state FROM nex_backup_run('invoices', repository => '$repo', type => 'ok')"),
	'succeeded', 'the next one does not wait for it');
like(run_row("state || ': ' || reason", "id = $run"), qr/^crashed: the executor is gone/, 'which has ended');
$run = crash_within_run();
is(query('postgres', "SET statement_timeout = '2min'; SELECT nex_backup_cancel($run)"), 'crashed', 'nor does who cancels it');
is(query('postgres', 'SELECT count(*) FROM nex_backup.leases'), 0, 'no lease is left');

done_testing();
