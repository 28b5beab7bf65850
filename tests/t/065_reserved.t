# A role with a login and nothing else holds all slots for background workers with one parallel query: the workers that
# are kept from the start do what is asked for and what is due.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = start_scheduler('main', max_worker_processes => 7, max_logical_replication_workers => 0, restart_after_crash => 'on',
	max_connections => 40);
my $logs = File::Temp::tempdir(CLEANUP => 1);
my $web = start_sink('web_sink.py');
use_tool(stand_in());

query('postgres', 'CREATE ROLE joe LOGIN; CREATE DATABASE joes OWNER joe');
query('joes', 'SET SESSION AUTHORIZATION joe; CREATE SCHEMA s; CREATE TABLE s.big AS SELECT repeat(md5(i::text), 20) AS x FROM generate_series(1, 1000) i; '
	  . 'ALTER TABLE s.big SET (parallel_workers = 64)');
my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'";
my $idle = 'SELECT count(*) FROM pg_stat_activity WHERE backend_type = $$nex_backup executor$$';
my $status = "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'scheduler'";

# One parallel query of joe's, until its returned sub is called.
sub hold_slots
{
	my @set = ('max_parallel_workers = 64', 'max_parallel_workers_per_gather = 64', 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0',
		'min_parallel_table_scan_size = 0', 'parallel_leader_participation = off');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'joes', '-U', 'joe', map({ ('-c', "SET $_") } @set),
		'-c', 'SELECT count(*) FROM s.big WHERE pg_sleep(600) IS NULL' ], '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');

	wait_until(sub { query('postgres', $workers) == 3 });
	return sub
	{
		query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'joe'");
		$session->finish;
		return;
	};
}

sub run_ok { return query('postgres', "SET statement_timeout = '20s'; SELECT state FROM nex_backup_run('postgres', repository => '/x', type => '" . ($_[0] || 'ok') . "')"); }

is(query('postgres', 'SHOW nex_backup.reserved_executors'), 2, 'two are kept');
ok(!eval { query('postgres', "SET nex_backup.reserved_executors = 3"); 1 }, 'until a restart');
is(query('postgres', $idle), 0, 'and are connected to no database');
is(run_ok(), 'succeeded', 'a run, with free slots');

# What a process has used: ticks of CPU, and how often it was given the CPU.
sub used { return join(' ', (split / /, read_bytes("/proc/$_[0]/stat") =~ s/.*\) //r)[ 11, 12 ], read_bytes("/proc/$_[0]/status") =~ /ctxt_switches:\s*(\d+)/g); }
my ($postmaster) = read_bytes($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
my @kept = grep { read_bytes("/proc/$_/status") =~ /^PPid:\s*$postmaster$/m } processes_named('nex_backup reserved executor'), processes_named('nex_backup lock guard');
is(scalar(@kept), 3, 'two processes, and the guard of locks');
# What they were woken for before may take a moment yet.
my ($used, $later) = ('', '');
for (1 .. 6)
{
	$used = join(', ', map { used($_) } @kept);
	sleep 5;
	$later = join(', ', map { used($_) } @kept);
	last if $used eq $later;
}
is($later, $used, 'that cost nothing, for five seconds');

my $release = hold_slots();
is(query('postgres', $workers), 3, 'joe holds all slots that are left');
is(run_ok(), 'succeeded', 'a run goes through');
like(run_ok('exit1'), qr/failed/, 'one that fails, too');

# ---------------------------------------------------------- while another runs for long

my $long = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/long', type => 'hang', wait => false)");
is(wait_for_state($long, 'running'), 'running', 'a long run');
is(query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"), 3, 'in a reserved worker');
my $queued = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/x', type => 'ok', wait => false)");
ok($queued > $long, 'requests go on');
my $ended = "SELECT count(*) FROM nex_backup.runs WHERE kind = 'notify' AND finished IS NOT NULL";
my $notified = query('postgres', $ended);
query('postgres', "SELECT nex_backup.raise_alarm('missed', 'j', NULL, 'postgres', '{\"due\": \"2026-01-01 02:00\"}')");
ok(wait_until(sub { query('postgres', $ended) > $notified }), 'an alarm is delivered');
is(run_row('state', "id = $queued"), 'queued', 'but no run where alarms are delivered');
like(query('postgres', $status), qr/no slot for a background worker is free/, 'that it waits, status says');
is(query('postgres', "SET statement_timeout = '20s'; SELECT count(*) FROM nex_backup_cancel($long)"), 1, 'the long run is cancelled');
is(wait_for_state($long, 'cancelled'), 'cancelled', 'it is');
is(wait_for_state($queued, 'succeeded'), 'succeeded', 'and the other follows at once');

# A statement that is cancelled takes its run along.
ok(!eval { query('postgres', "SET statement_timeout = '4s'; SELECT state FROM nex_backup_run('postgres', repository => '/x', type => 'hang')"); 1 }, 'cancelled while it waits');
unlike($@, qr/goes on/, 'without a warning');
ok(wait_until(sub { run_row('state', "definition ->> 'type' = 'hang'") eq 'cancelled' }), 'and so is its run');

# --------------------------------------------------------------------- a job that is due

query('postgres', "SELECT nex_backup_schedule('j', '0 2 1 1 *', 'postgres', '/x', type => 'ok', timezone => 'UTC', retry => 0)");
query('postgres', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = 'j'; SELECT nex_backup.wake()");
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = 'j' AND state = 'succeeded'") == 1 }), 'a job that is due');

# ------------------------------------------------------------------------ one after the other

my $before = query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'succeeded' AND kind = 'backup'");
my $started = time;
run_ok() for 1 .. 30;
my $took = time - $started;
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'succeeded' AND kind = 'backup'") - $before, 30, 'thirty runs, each once');
cmp_ok($took, '<', 75, sprintf('in %.1f s', $took));
is(query('postgres', "SELECT count(*) FROM nex_backup.fences f, nex_backup.runs r WHERE f.last_value < (SELECT count(*) FROM nex_backup.runs WHERE started IS NOT NULL)"), 0, 'a claim for each');

# Many at once wait for each other.
my $total = query('postgres', 'SELECT count(*) FROM nex_backup.runs');
my @answers = ('') x 10;
my @sessions = map { IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-c', "SELECT state FROM nex_backup_run('postgres', repository => '/y$_', type => 'ok')" ],
	'<', '/dev/null', '>', \$answers[$_], '2>&1', IPC::Run::timeout(60)) } 0 .. 9;
$_->finish for @sessions;
is(join('', @answers), "succeeded\n" x 10, 'ten requests at once');
is(query('postgres', 'SELECT count(*) FROM nex_backup.runs') - $total, 10, 'each once');

# --------------------------------------------------------------- the worker that goes away

$long = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/long', type => 'hang', wait => false)");
is(wait_for_state($long, 'running'), 'running', 'a long run again');
query('postgres', "SELECT pg_terminate_backend(pid) FROM nex_backup.leases WHERE run = $long");
isnt(wait_for_state($long, 'failed', 'cancelled', 'crashed'), '', 'its worker is told to stop');
is(run_ok(), 'succeeded', 'and there is another');

$long = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/long', type => 'hang', wait => false)");
is(wait_for_state($long, 'running'), 'running', 'and again');
kill 'KILL', query('postgres', "SELECT pid FROM nex_backup.leases WHERE run = $long");
ok(wait_until(sub { eval { query('postgres', 'SELECT 1') } && run_row('state', "id = $long") eq 'crashed' }), 'killed: the server restarts, the run has crashed');
$release->();
$release = hold_slots();
is(query('postgres', $workers), 3, 'joe is back');
is(run_ok(), 'succeeded', 'so are the workers');

# ---------------------------------------------------- DROP EXTENSION, agents, none reserved

set_options('nex_backup.executor' => 'agent');
like(query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/x', type => 'ok', wait => false)"), qr/^\d+$/, 'with agents, requests use them');
set_options('nex_backup.executor' => undef);
query('postgres', 'DROP EXTENSION nex_backup');
query('postgres', 'CREATE EXTENSION nex_backup');
is(run_ok(), 'succeeded', 'dropped and made again');

# The SQL of the version before, which cannot tell a worker what it is to claim.
query('postgres', 'DROP EXTENSION nex_backup');
query('postgres', "CREATE EXTENSION nex_backup VERSION '0.2.0'");
is(run_ok(), 'succeeded', 'with the SQL of 0.2.0');
$long = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/long', type => 'hang', wait => false)");
is(wait_for_state($long, 'running'), 'running', 'a long run');
$queued = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/x', type => 'ok', wait => false)");
query('postgres', "SELECT nex_backup.raise_alarm('missed', 'j', NULL, 'postgres', '{\"due\": \"2026-01-01 02:00\"}')");
sleep 4;
is(run_row('state', "id = $queued"), 'queued', 'no run where alarms would be delivered');
query('postgres', "SELECT nex_backup_cancel($long)");
is(wait_for_state($queued, 'succeeded'), 'succeeded', 'but in the other');
ok(wait_idle(), 'all done');
query('postgres', 'ALTER EXTENSION nex_backup UPDATE');
is(run_ok(), 'succeeded', 'updated');
$release->();
$node->stop('fast');
ok(1, 'a shutdown does not wait');
$node->append_conf('postgresql.conf', "nex_backup.reserved_executors = 0\nmax_worker_processes = 5");
$node->start;
$release = hold_slots();
ok(!eval { run_ok(); 1 }, 'none is kept');
like($@, qr/no slot for a background worker is free/, 'as before');
$release->();

done_testing();
