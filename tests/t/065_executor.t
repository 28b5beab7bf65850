# How the executor treats the program that it starts, and where a scheduler must keep still: with a
# program that stands in for the tool, on a standby, after a promotion, in a copy.
use strict;
use warnings;

use NexBackup::Scheduler;
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_scheduler('main', wal_level => 'replica', max_wal_senders => 4, log_min_messages => 'log');
my $tool = stand_in();
my ($notes) = $tool =~ m{(.*)/tool};
use_tool($tool);

sub run_as
{
	my ($type, $more) = @_;

	return query('postgres', "SELECT run, state, detail FROM nex_backup_run('postgres', repository => '/x', type => '$type'" . ($more || '') . ')');
}

# ------------------------------------------------------------ how it ends

is(run_as('exit1') =~ s/^\d+\|//r, 'failed|told to fail', 'the first error of the tool is that of the run');
my %reason = (exit2 => 'wrong usage or configuration',
	exit3 => 'a backup is damaged or incomplete, or holds SQL that nex_backup does not write',
	exit4 => 'the repository is locked, or the same work is going on already', exit77 => 'exit code 77');
for my $type (sort keys %reason)
{
	my ($run) = split /\|/, run_as($type);
	is(run_row('state, exit_code, reason', "id = $run"), 'failed|' . ($type =~ s/exit//r) . "|$reason{$type}", $type);
}
my ($run) = split /\|/, run_as('signal11');
is(run_row('state, signal, exit_code IS NULL', "id = $run"), 'crashed|11|t', 'ended by a signal');

($run) = split /\|/, run_as('hang', ", timeout => '1 second'");
is(run_row('state, signal', "id = $run"), 'timed_out|15', 'a timeout sends SIGTERM');
query('postgres', "SELECT nex_backup_schedule('stubborn', '0 0 1 1 *', 'postgres', '/x', type => 'ignore', timeout => '1 second', kill_grace => '1 second')");
$run = query('postgres', "SELECT run FROM nex_backup_run('stubborn')");
is(run_row("state, signal, finished - started BETWEEN '1.9 s' AND '20 s'", "id = $run"), 'timed_out|9|t', 'and SIGKILL after the grace to what ignores it');
my ($pid) = read_bytes("$notes/run.$run") =~ /^pid (\d+)/;
ok(!-e "/proc/$pid", 'which is gone');

# ------------------------------------------------------------ what it says

($run) = split /\|/, run_as('noise');
is(run_row('octet_length(log_tail) BETWEEN 60000 AND 65536', "id = $run"), 't', 'of two megabytes, the last 64 kB are kept');
like(run_row("substr(log_tail, length(log_tail) - 40)", "id = $run"), qr/bad \?\? bytes/, 'what is no text becomes a question mark');

query('postgres', "SELECT nex_backup_run('postgres', repository => '/x', type => 'progress', wait => false)");
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.progress WHERE phase = 'copying'") == 1 }), 'progress can be watched');
is(query('postgres', 'SELECT percent, units_done, units_total, unit, bytes, bytes_per_second, eta FROM nex_backup.progress'),
	'33.3|3|9|tables|1000|500|00:00:07', 'phase, bytes, rate, time to go');
$run = query('postgres', 'SELECT run FROM nex_backup.progress');
is(query('postgres', "SELECT nex_backup.progress_text($run)"), "run $run: copying, 3/9 tables, 1000 bytes, 500 bytes/s, about 00:00:07 to go", 'also in words');
is(query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'nex_backup executor' AND query = 'run $run: backup of postgres'"), 1, 'pg_stat_activity shows it');
query('postgres', "SELECT pg_cancel_backend(pid) FROM nex_backup.leases WHERE run = $run");
is(wait_for_state($run, 'cancelled', 'failed', 'crashed'), 'cancelled', 'pg_cancel_backend() of the executor cancels the run');

# Whoever cancels a run also signals its executor; if that does not come, the request is found at the next heartbeat.
$run = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/x', type => 'hang', wait => false)");
ok(wait_until(sub { -e "$notes/run.$run" && read_bytes("$notes/run.$run") =~ /^env /m }), 'a run');
($pid) = read_bytes("$notes/run.$run") =~ /^pid (\d+)/;
query('postgres', "UPDATE nex_backup.leases SET cancel_requested = clock_timestamp() WHERE run = $run");
is(wait_for_state($run, 'cancelled', 'failed', 'crashed', 'timed_out'), 'cancelled', 'a run whose lease says so is canceled, without a signal');
ok(!-e "/proc/$pid", 'and its program is gone');

# -------------------------------------------------------- retries, for real

query('postgres', "SELECT nex_backup_schedule('flaky', '* * * * *', 'postgres', '/x', type => 'flaky', retry_delay => '1 second', timezone => 'UTC')");
set_clock('2027-01-01 00:00:59 UTC');
$run = wait_for_run("job = 'flaky' AND attempt = 2 AND state = 'succeeded'");
is(run_row('reason', "id = $run") =~ s/\d+ failed/N failed/r, 'attempt 2, because run N failed', 'a job that fails is tried again');
query('postgres', "SELECT nex_backup_unschedule('flaky')");
clear_clock();

# ------------------------------------------------------------ the program

is((split /\|/, run_as('ok'))[1], 'succeeded', 'the program is there');
rename $tool, "$tool.away";
is(run_as('ok') =~ s/^\d+\|//r, qq(failed|could not start "$tool": it is not there), 'and now it is not');
rename "$tool.away", $tool;
write_bytes("$notes/garbage", 'no program');
chmod 0755, "$notes/garbage";
use_tool("$notes/garbage");
like(run_as('ok'), qr/failed\|could not start ".*garbage": Exec format error/, 'what cannot be executed');

# A run that dies before it knows what it is to do has the same error by the worker and by an agent.
my @died;
for my $executor ('worker', 'agent')
{
	use_tool(tool_path());
	set_options('nex_backup.executor' => $executor);
	my $early = query('postgres', q(SELECT nex_backup.enqueue(NULL, 'postgres', 'backup', '/x', 'postgres', '{"type": "daily", "options": {"compress": "zstd:99"}, "max_attempts": 1}'); SELECT nex_backup.wake())) =~ s/\s.*//sr;
	tool('agent', '--once', '--catalogue', 'dbname=postgres', '--repo', '/x') if $executor eq 'agent';
	wait_for_state($early, 'failed', 'succeeded', 'crashed');
	push @died, run_row("state, exit_code, error, log_tail ~ 'event', executor ~ '^worker '", "id = $early");
}
like($died[0], qr/^failed\|2\|.*zstd:99.*\|f\|t$/, 'a run that dies early: its error, by the worker');
is($died[1] =~ s/f$/t/r, $died[0], '... and by an agent');
set_options('nex_backup.executor' => undef);
use_tool($tool);
ok(!eval { query('postgres', "ALTER SYSTEM SET nex_backup.tool_path = 'tool'"); 1 }, 'a path must be a full one');
set_options('nex_backup.scheduler' => 'off');
ok(!eval { run_as('ok'); 1 }, 'no run when the scheduler is off');
like($@, qr/nex_backup.scheduler is off/, 'says so');
like(query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'scheduler'"), qr/^warningoff: /, 'and so does status');
set_options('nex_backup.scheduler' => undef);

# Executors that come up, or try to, and take nothing: here, as somebody has locked the row of the run.
{
	set_options('nex_backup.max_concurrent_runs' => 1);
	query('postgres', "SELECT nex_backup_run('postgres', repository => '/y', type => 'hang', wait => false)");
	ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'running'") == 1 }), 'a run is in the way of another');
	query('postgres', "SELECT nex_backup_run('postgres', repository => '/x', type => 'ok', wait => false)");
	my $hold = background_sql('postgres', "BEGIN; SELECT id FROM nex_backup.runs WHERE state = 'queued' FOR UPDATE; SELECT pg_sleep(100)");
	wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query ~ 'FOR UPDATE'") == 1 });
	query('postgres', "SELECT nex_backup_cancel(id) FROM nex_backup.runs WHERE state = 'running'");
	ok(wait_until(sub { query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'scheduler'")
			=~ /^(?:warning|critical)running, but since .*: executors are started, but none of them has taken a run for some time/ }), 'executors that take nothing: the status says so');
	query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()");
	$hold->();
	ok(wait_until(sub { query('postgres', "SELECT status FROM nex_backup_status() WHERE name = 'scheduler'") eq 'ok' }), '... until one takes it');
}

# Limits.
set_options('nex_backup.max_concurrent_runs' => 3, 'nex_backup.max_runs_per_repository' => 2);
query('postgres', "SELECT nex_backup_run('postgres', repository => '/repo' || i / 4, type => 'hang', wait => false) FROM generate_series(0, 7) i");
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'running'") == 3 }), 'three at a time');
select(undef, undef, undef, 2);
is(query('postgres', "SELECT location, count(*) FROM nex_backup.runs WHERE state = 'running' GROUP BY 1 ORDER BY 1"), "/repo0|2\n/repo1|1", 'two of a repository');
my $log = slurp_file($node->logfile);
my $started = () = $log =~ /executor/g;
query('postgres', "SELECT nex_backup_cancel(id, wait => false) FROM nex_backup.runs WHERE state = 'queued'");
query('postgres', "SELECT nex_backup_cancel(id) FROM nex_backup.runs WHERE state = 'running'");
ok(wait_idle(), 'all end');

# ------------------------------------------------- standby, promotion, copy

query('postgres', "SELECT nex_backup_schedule('minutely', '* * * * *', 'postgres', '/x', type => 'ok', timezone => 'UTC')");
set_clock('2027-02-01 00:00:58 UTC');
wait_for_run("job = 'minutely' AND state = 'succeeded'");
query('postgres', "SELECT nex_backup_alter_job('minutely', enabled => false)");
ok(wait_idle(), 'a quiet moment');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
query('postgres', "SELECT nex_backup_alter_job('minutely', enabled => true)");
$node->wait_for_catchup('standby');
use_server($standby);
is(leader_pid(), 0, 'a standby has no leader');
is(query('postgres', "SELECT detail FROM nex_backup_status() WHERE name = 'scheduler'"), 'waiting: this is a standby', 'and says so');
ok(!eval { query('postgres', "SELECT nex_backup_run('postgres', repository => '/x')"); 1 }, 'and runs nothing');
use_server($node);
set_options('nex_backup.scheduler' => 'off');
$node->wait_for_catchup('standby');
$node->stop('fast');
use_server($standby);
$standby->promote;
set_clock('2027-03-01 00:00:58 UTC');
ok(wait_for_run("job = 'minutely' AND state = 'succeeded' AND scheduled_for > '2027-02-28'"), 'promoted, it takes over');

# Recovered from the base backup: another history of the same cluster.
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'base', has_restoring => 0);
$copy->append_conf('postgresql.conf', "restore_command = 'false'\nnex_backup.testing_clock = ''");
write_bytes($copy->data_dir . '/recovery.signal', '');
$copy->start;
use_server($copy);
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup_status() WHERE name = 'scheduler' AND status = 'critical' "
		. "AND detail LIKE 'suspended: this cluster was restored%'") }), 'a cluster that was recovered keeps still')
  or diag(query('postgres', 'SELECT * FROM nex_backup_status()'));
is(query('postgres', 'SELECT count(*) FROM nex_backup.leases'), 0, 'and starts nothing');
ok(!eval { query('postgres', "SELECT nex_backup_run('minutely')"); 1 }, 'not even by hand');
is(query('postgres', 'SELECT nex_backup_resume_jobs() > 0'), 't', 'until it is told to');
like(query('postgres', "SELECT state FROM nex_backup_run('postgres', repository => '/x', type => 'ok')"), qr/succeeded/, 'then it does');

# A standby that commits should wait for does not come: the queue does without, and so the server can stop.
set_options(synchronous_standby_names => 'gone');
like(query('postgres', "SET synchronous_commit = local; SET statement_timeout = '60s'; SELECT state FROM nex_backup_run('postgres', repository => '/x', type => 'ok')"),
	qr/succeeded/, 'without the synchronous standby, a run');
query('postgres', "SET synchronous_commit = local; UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = 'minutely'; SELECT nex_backup.wake()");
is(query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), 0, '... and nobody waits for it');
my $stopping = time;
$copy->stop('fast');
cmp_ok(time - $stopping, '<', 60, '... and the server stops');

done_testing();
