# Who has a login and nothing else holds whatever he can: scheduler, agents and alarms go on.  And what really holds
# them up is said, and ends.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

my $node = start_scheduler('main', log_min_messages => 'log', max_prepared_transactions => 1);
my $logs = File::Temp::tempdir(CLEANUP => 1);
my $web = start_sink('web_sink.py');
my $config = "$logs/nex.yaml";
my $conninfo = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
my $status = "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'scheduler'";

use_tool(stand_in());
write_bytes($config, "repo: /x\nno-password: true\nnotify:\n  directory: $logs/notify\n  webhook:\n    url-file: "
	  . secret_file('http://127.0.0.1:' . sink_port($web) . '/hook') . "\n");
query('postgres', 'CREATE ROLE joe LOGIN; CREATE ROLE owner LOGIN; ALTER DATABASE postgres OWNER TO owner');

# A session that stays as it is until the returned sub is called.
sub hold
{
	my ($sql, @options) = @_;
	my ($in, $out, $err) = ("$sql; SELECT 'held';\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', @options ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));

	$session->pump until $out =~ /held/ || $err =~ /ERROR|FATAL/;
	die $err if $err =~ /ERROR|FATAL/;
	return sub { $in .= ($_[0] ? "$_[0];\n" : '') . "\\q\n"; $session->pump while $session->pumpable && length $in; $session->finish; return $out; };
}

sub due
{
	my ($job) = @_;

	query('postgres', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = '$job'; SELECT nex_backup.wake()");
	return;
}

sub runs_of { return query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = '$_[0]' AND state = 'succeeded'"); }
sub agent { return start_tool("$logs/$_[0].log", 'agent', '--config', $config, '--catalogue', $conninfo, '--agent-name', $_[1]); }

# ------------------------------------------------------------ locks that anybody can take

my @locks = (
	[ 'the queue', 'pg_advisory_lock(1852143714, 1)' ],
	[ 'the queue, as one number', 'pg_advisory_lock((1852143714::int8 << 32) + 1)' ],
	[ 'alarms', 'pg_advisory_lock(1852143715, -1)' ],
	[ 'names of agents', "count(pg_advisory_lock(1852143715, hashtext(CASE WHEN i = 1 THEN 'vm' ELSE 'vm-' || i END))) FROM generate_series(1, 1000) i" ]);
my $job = "SELECT nex_backup_schedule('%s', '0 2 1 1 *', 'postgres', '/x', type => 'ok', timezone => 'UTC', retry => 0)";
query('postgres', sprintf($job, 'j'));
my @held = map { hold("SELECT $_->[1]", '-U', 'joe') } @locks;
# And the owner of the database, who may ANALYZE every table in it, in a transaction that he leaves open.
push @held, hold('SET client_min_messages = error; BEGIN; ANALYZE', '-U', 'owner');
is(query('postgres', "SET statement_timeout = '10s'; SELECT state FROM nex_backup_run('j')"), 'succeeded', 'joe holds what he can: a run');
due('j');
ok(wait_until(sub { runs_of('j') == 2 }), 'and a job that is due');
ok(!eval { query('postgres', "SET SESSION AUTHORIZATION joe; $_"); 1 }, "not for joe: $_")
  for 'BEGIN; LOCK TABLE nex_backup.executor_sessions IN ACCESS SHARE MODE', 'SELECT nex_backup.lock_queue()',
  'SELECT FROM nex_backup.alarms FOR UPDATE', "SELECT nex_backup.note_executor('vm', false, 'x', 1)", 'SELECT nex_backup.leader_state()',
  'SELECT * FROM nex_backup.executors';

query('postgres', 'UPDATE nex_backup.alarms SET delivered = raised WHERE delivered IS NULL');
query('postgres', "SELECT nex_backup.raise_alarm('missed', 'j', NULL, 'postgres', '{\"due\": \"2026-01-01 02:00\"}')");
my ($code, $out, $err) = tool('notify', '--config', $config, '--catalogue', $conninfo);
is($code, 0, 'an alarm is delivered');
like($out, qr/^1 message delivered/, 'and that is said');
is(query('postgres', 'SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL'), 0, 'none is left');
is(scalar(requests($web, 200)), 1, 'it has arrived');

set_options('nex_backup.executor' => 'agent');
my $agent = agent('vm', 'vm');
ok(wait_until(sub { read_bytes("$logs/vm.log") =~ /connected to the catalog as agent "vm"/ }), 'an agent gets its name');
due('j');
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = 'j' AND executor = 'vm' AND finished IS NOT NULL") == 1 }), 'and does a run');
$_->() for @held;

# ------------------------------------------------------------------------ names of agents

my $second = agent('second', 'vm');
ok(wait_until(sub { read_bytes("$logs/second.log") =~ /as agent "vm-2"/ }), 'a second one gets another');
my $third = agent('third', 'leader');
ok(wait_until(sub { read_bytes("$logs/third.log") =~ /as agent "leader-2"/ }), 'that of the leader is taken, too');
is(query('postgres', 'SELECT string_agg(name, $$ $$ ORDER BY name) FROM nex_backup.executors'), 'leader leader-2 vm vm-2', 'as the view says');
query('postgres', "UPDATE nex_backup.executor_sessions SET last_seen = last_seen - interval '10 minutes' WHERE NOT in_server");
is(query('postgres', "SELECT count(*) FROM nex_backup.executors WHERE last_seen > clock_timestamp() - interval '2 minutes'"), 4,
	'an agent that is connected is seen without a word from it');
like(query('postgres', $status), qr/^ok running/, 'status: all is well');
kill 'KILL', $_ for $agent, $second, $third;
finish_tool($_) for $agent, $second, $third;
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nex_backup agent'") == 0 }), 'the agents are gone');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.executor_sessions WHERE session_pid IS NOT NULL AND NOT in_server") == 0 }), 'which is noted');
is(query('postgres', "SELECT count(*) FROM nex_backup.executors WHERE last_seen > clock_timestamp() - interval '2 minutes' AND NOT in_server"), 3, 'with the time');
query('postgres', "UPDATE nex_backup.executor_sessions SET last_seen = last_seen - interval '10 minutes' WHERE NOT in_server");
like(query('postgres', $status), qr/^critical no agent is there, last seen 10 minutes ago/, 'and later, status says it');
$agent = agent('again', 'vm');
ok(wait_until(sub { read_bytes("$logs/again.log") =~ /as agent "vm"\n/ }), 'the name is free again');
kill 'TERM', $agent;
is(finish_tool($agent), 0, 'an agent ends');
set_options('nex_backup.executor' => undef);

# ------------------------------------------------------------------- what really holds them up

query('postgres', 'UPDATE nex_backup.alarms SET delivered = raised WHERE delivered IS NULL');
query('postgres', "SELECT nex_backup.raise_alarm('missed', 'j', NULL, 'postgres', '{\"due\": \"2026-01-02 02:00\"}')");
my $arrived = scalar(requests($web, 200));
my $release = hold("BEGIN; SELECT count(*) FROM nex_backup.alarms_to_deliver('vm')");
($code, $out, $err) = tool('notify', '--config', $config, '--catalogue', $conninfo);
is($code, 4, 'alarms that another process holds: not in silence');
like($err, qr/alarms of the catalog are being delivered by another process/, 'but with the reason');
$release->();
tool_ok([ 'notify', '--config', $config, '--catalogue', $conninfo ], 'when it has ended');
is(query('postgres', 'SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL'), 0, 'the alarm is delivered');
is(scalar(requests($web, 200)) - $arrived, 1, 'once');

$release = hold('BEGIN; SELECT nex_backup.lock_queue()');
query('postgres', 'SELECT nex_backup.wake()');
my $said = '';
for (1 .. 60)
{
	$said = query('postgres', $status);
	last if $said !~ /^ok/;
	sleep 1;
}
like($said, qr/^(warning|critical) running, but .* of process \d+ of role postgres|locked by process \d+ of role postgres/,
	'a leader that cannot advance: status says so within a minute, and because of whom');
ok(!eval { query('postgres', "SET lock_timeout = '1s'; SELECT nex_backup.lock_queue()"); 1 }, 'others are refused');
like($@, qr/the queue is locked by process \d+ of role postgres/, 'and told by whom');
due('j');
my $before = runs_of('j');
$release->();
ok(wait_until(sub { runs_of('j') > $before }), 'when it can again, it does');
like(query('postgres', $status), qr/^ok running/, 'and all is well');

# A table that cannot be written to is not the fault of a job.
$release = hold('BEGIN; LOCK TABLE nex_backup.runs IN EXCLUSIVE MODE');
due('j');
for (1 .. 60)
{
	$said = query('postgres', $status);
	last if $said !~ /^ok/;
	sleep 1;
}
like($said, qr/lock timeout|waited since .* for a lock of process \d+ of role postgres/, 'a table is locked for long');
$before = runs_of('j');
$release->();
is(query('postgres', 'SELECT count(*) FROM nex_backup.jobs WHERE suspended IS NOT NULL'), 0, 'no job is suspended for that');
ok(wait_until(sub { runs_of('j') > $before }), 'and it runs afterwards');

# An open transaction of somebody who changes jobs holds only these jobs.
query('postgres', sprintf($job, 'other') . q(; UPDATE nex_backup.jobs SET suspended = 'x' WHERE name = 'other'));
query('postgres', sprintf($job, 'k') . q(; SELECT nex_backup.enqueue('k', 'postgres', 'backup', '/x', 'postgres', nex_backup.job_definition(j), NULL, nex_backup.now() + interval '1 hour')
	FROM nex_backup.jobs j WHERE name = 'k'));
$release = hold("BEGIN; SELECT nex_backup_unschedule('k'), nex_backup_resume_jobs('other')");
is(query('postgres', "SET statement_timeout = '10s'; SELECT state FROM nex_backup_run('j')"), 'succeeded', 'jobs are being changed in an open transaction: a run');
$before = runs_of('j');
due('j');
ok(wait_until(sub { runs_of('j') > $before }), 'and a job that is due');
$release->('COMMIT');
is(query('postgres', "SELECT string_agg(state || ' ' || reason, ',') FROM nex_backup.runs WHERE job = 'k'"), 'cancelled the job was removed', 'the run that waited goes with its job');
my $orphan = query('postgres', q(SELECT nex_backup.enqueue('gone', 'postgres', 'backup', '/x', 'postgres', '{"type": "ok", "options": {}}')));
is(wait_for_state($orphan, 'cancelled'), 'cancelled', 'and one that was entered at the same time is not started');
# A prepared transaction has no session that could be ended; so what changes something, or locks it, is in none.
sub prepares
{
	my ($role, $call) = @_;
	my $error = eval { query('postgres', "SET SESSION AUTHORIZATION $role; BEGIN; SELECT $call; PREPARE TRANSACTION 'x'"); 1 } ? '' : $@;

	query('postgres', "ROLLBACK PREPARED 'x'") if $error eq '';
	return $error;
}
query('postgres', 'CREATE ROLE agent LOGIN; GRANT USAGE ON SCHEMA nex_backup TO agent; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nex_backup TO agent');
like(prepares('postgres', $_), qr/cannot PREPARE a transaction that has changed or locked something of nex_backup/, "what has no session cannot hold anything: $_")
  for 'nex_backup.lock_queue()', "nex_backup_alter_job('j', retry => 0)", "nex_backup_unschedule('j')";
like(prepares('agent', "nex_backup.$_"), qr/cannot PREPARE a transaction that has changed or locked/, "... of an agent: $_")
  for 'start(1, 1, 1)', 'heartbeat(1, 1)', 'finish(1, 1, 0)', "alarms_to_deliver('h')", 'alarm_delivered(1)', "advance('a', false, 'h', 1)", "claim('a', false, 'h', 1)";
is(prepares('postgres', 'count(*) FROM nex_backup_status()'), '', 'what only reads may be prepared');

# Agents that keep the queue in open transactions keep it for two seconds each, so whoever waits has it in time.
set_options('nex_backup.executor' => 'agent');
my @keepers = map {
	IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-U', 'agent', '-c', "BEGIN; SELECT state FROM nex_backup.advance('keeper $_', false, 'h', $_); SELECT pg_sleep(60)" ],
		'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null', IPC::Run::timeout(180)) } 1, 2;
my $in_queue = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.objsubid = 3 AND a.usename = 'agent'";
ok(wait_until(sub { query('postgres', $in_queue) == 2 }), 'agents that keep the queue');
ok(eval { query('postgres', "SET lock_timeout = '9s'; SELECT nex_backup.lock_queue()"); 1 }, '... and others get it') or diag($@);
is(query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE usename = 'agent'"), 0, '... as their sessions are ended');
$_->finish for @keepers;
set_options('nex_backup.executor' => undef);

# A run that is to be settled, and somebody has its row, or that of its lease: the turn does the rest, and comes back to it.
for my $keeps ([ 'a run', 'runs WHERE id' ], [ 'a lease', 'leases WHERE run' ])
{
	my $gone = query('postgres', q(WITH r AS (INSERT INTO nex_backup.runs (job, kind, location, database, definition, state, started)
		VALUES ('k', 'backup', '/y', 'postgres', '{}', 'running', now()) RETURNING id)
		INSERT INTO nex_backup.leases (run, executor, in_server, session_role, fence, host, pid, heartbeat, lease_until)
		SELECT id, 'a', false, 'postgres', 1, 'h', 1, now(), now() + interval '1 hour' FROM r RETURNING run));

	$release = hold("BEGIN; SELECT FROM nex_backup.$keeps->[1] = $gone FOR KEY SHARE");
	query('postgres', "UPDATE nex_backup.leases SET lease_until = now() WHERE run = $gone");
	$before = runs_of('j');
	due('j');
	ok(wait_until(sub { runs_of('j') > $before }), "$keeps->[0] that is to be settled is locked: a job that is due");
	is(run_row('state', "id = $gone"), 'running', '... that run is as it was');
	$release->();
	is(wait_for_state($gone, 'crashed'), 'crashed', '... and settled afterwards');
}

# All jobs suspended: there is no next one.
query('postgres', "UPDATE nex_backup.jobs SET suspended = 'x'");
like(query('postgres', $status), qr/^critical.*all jobs are suspended; nex_backup_resume_jobs\(\) confirms them$/, 'all jobs are suspended');
query('postgres', 'SELECT nex_backup_resume_jobs()');

# A lock that nobody can read behind, held or only waited for: the status is an answer, soon.
query('postgres', 'GRANT pg_monitor TO owner');
my $answer = "SET statement_timeout = '20s'; SELECT string_agg(concat_ws('|', name, status, detail), ',') FROM nex_backup_status()";
$release = hold('BEGIN; ANALYZE nex_backup.jobs', '-U', 'owner');
my $full = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-c', 'VACUUM (FULL) nex_backup.jobs' ], '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');
ok(wait_until(sub { query('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = $$AccessExclusiveLock$$') == 1 }), 'somebody waits for a table');
like(query('postgres', $answer),
	qr/^catalogue\|critical\|locked: process \d+ of role postgres \(since [^)]*\) waits for an AccessExclusiveLock of jobs behind process \d+ of role owner \(since [^)]*\)$/, 'status names both');
$release->();
$full->finish;
$release = hold('BEGIN; LOCK TABLE nex_backup.restore_points');
like(query('postgres', $answer),
	qr/^catalogue\|critical\|locked by process \d+ of role postgres \(since [^)]*\): AccessExclusiveLock of restore_points$/, 'and who has locked');
ok(!eval { query('postgres', "SET statement_timeout = '20s'; SELECT * FROM nex_backup_restore_points()"); 1 } && $@ =~ /lock timeout/, 'a list does not wait for long, either');
$release->();
query('postgres', "BEGIN; LOCK TABLE nex_backup.restore_points; PREPARE TRANSACTION 'x'");
like(query('postgres', $answer), qr/^catalogue\|critical\|locked by a prepared transaction \(see pg_prepared_xacts\): AccessExclusiveLock of restore_points$/, 'also what a superuser has prepared');
query('postgres', "ROLLBACK PREPARED 'x'");

# ------------------------------------------------------------------- notifications of others

# The queue of notifications is one for all databases, and one session keeps what is in it.  When it is full, whoever
# notifies fails; so nobody must be notified where nobody listens.
query('postgres', 'CREATE DATABASE other');
my $listener = hold('LISTEN nex_backup');
query('postgres', "SELECT nex_backup_schedule('n', '0 2 1 1 *', 'postgres', '/x', type => 'hang', timezone => 'UTC', retry => 1)");
query('postgres', "SELECT nex_backup_alter_job('n', retry => 0)");
my $going = query('postgres', "SELECT run FROM nex_backup_run('n', wait => false)");
is(wait_for_state($going, 'running'), 'running', 'a run');
query('postgres', "SELECT nex_backup_cancel($going)");
query('postgres', "SELECT nex_backup.raise_alarm('missed', 'n', NULL, 'postgres', '{}')");
query('postgres', "SELECT nex_backup_unschedule('n')");
ok(wait_idle(), 'define, alter, run, cancel, alarm, unschedule');
unlike($listener->('SELECT 1'), qr/notification/, 'with a worker, nobody is notified');
set_options('nex_backup.executor' => 'agent');
$listener = hold('LISTEN nex_backup');
query('postgres', "SELECT nex_backup_alter_job('j', retry => 0)");
like($listener->('SELECT 1'), qr/notification "nex_backup" with payload "job"/, 'agents are');
set_options('nex_backup.executor' => undef);

# ------------------------------------------------------------------- lines that others write

query('postgres', qq(CREATE DATABASE "x|critical|old\nbackup of shop|ok|fine"));
my $report = q('repository', '{"id": "r1", "location": "/x", "host": "h"}'::jsonb, 'started', '2026-01-01', 'finished', '2026-01-01');
query('postgres', qq(SELECT nex_backup.record('backup', jsonb_build_object($report, 'state', 'succeeded', 'database', E'd\\nbackup of shop',
	'backup', '20260101T000000Z', 'type', E't\\nu', 'manifest',
	'{"snapshot_at": "2026-01-01", "codec": "x", "server": {"version": "15", "system_identifier": "1"},
	"totals": {"tables": 0, "rows": 0, "raw_bytes": 0, "stored_bytes": 0, "new_bytes": 0}, "tables": [], "warnings": []}'::jsonb))));
query('postgres', qq(SELECT nex_backup.record('restore', jsonb_build_object($report, 'state', 'failed', 'database', E'd\\u202e\\nx', 'error', E'lines\\nof\\rerror'))));
my $lines = query('postgres', 'SELECT name, status, detail FROM nex_backup_status()');
is(scalar(split /\n/, $lines), query('postgres', 'SELECT count(*) FROM nex_backup_status()'), 'a line for each row');
unlike($lines, qr/^backup of shop/m, 'none of another maker');
like($lines, qr/lines\\x0aof\\x0derror/, 'but the bytes can be seen');
query('postgres', 'DROP DATABASE "x|critical|old' . "\n" . 'backup of shop|ok|fine"');

# ------------------------------------------------------ the owner of the extension is no superuser

query('other', 'CREATE ROLE dba SUPERUSER LOGIN; SET SESSION AUTHORIZATION dba; CREATE EXTENSION nex_backup; RESET SESSION AUTHORIZATION; ALTER ROLE dba NOSUPERUSER');
like(query('other', "SELECT string_agg(status || ' ' || detail, ',') FROM nex_backup_status() WHERE name = 'extension'"),
	qr/^critical extension nex_backup belongs to role dba, which is not a superuser/, 'an owner that is no superuser any more');
ok(!eval { query('other', "SELECT nex_backup_run('postgres', repository => '/x')"); 1 } && $@ =~ /belongs to role dba/, 'no run waits for ever');
query('other', 'DROP EXTENSION nex_backup');

# ----------------------------------------------------------------------- a clock that jumps back

query('postgres', q(SELECT nex_backup_schedule('eleven', '0 11 * * *', 'postgres', '/x', type => 'ok', timezone => 'UTC')));
my $next = "SELECT next_run FROM nex_backup.jobs WHERE name = 'eleven'";
my $tick = 'SELECT date_trunc($$hour$$, clock) FROM nex_backup.leader_state()';
set_clock('2027-06-10 12:00 UTC');
ok(wait_until(sub { query('postgres', "SELECT last_tick >= '2027-06-10 12:00+00' AND last_tick < '2027-06-10 12:01+00' FROM nex_backup.scheduler") eq 't' }), 'noon');
set_clock('2027-06-10 12:50 UTC');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', "SELECT clock >= '2027-06-10 12:50+00' FROM nex_backup.leader_state()") eq 't' }), 'the leader remembers the time');
is(query('postgres', "SELECT last_tick < '2027-06-10 12:01+00' FROM nex_backup.scheduler"), 't', 'which is not written');
is(query('postgres', $next), '2027-06-11 11:00:00+00', 'the next run');
query('postgres', q(SELECT nex_backup_schedule('locked', '0 11 * * *', 'postgres', '/x', type => 'ok', timezone => 'UTC')));
my $operator = hold(q(BEGIN; SELECT FROM nex_backup.jobs WHERE name = 'locked' FOR UPDATE));
set_clock('2027-06-10 09:45 UTC');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', $next) eq '2027-06-10 11:00:00+00' }), 'a clock set back by three hours and five minutes: the job does not sleep until it has caught up');
my $next_locked = $next =~ s/eleven/locked/r;
is(query('postgres', $next_locked), '2027-06-11 11:00:00+00', 'one that somebody has locked delays no other');
$operator->();
ok(wait_until(sub { query('postgres', $next_locked) eq '2027-06-10 11:00:00+00' }), '... and follows when it is free');
query('postgres', q(SELECT nex_backup_unschedule('locked')));
ok(wait_until(sub { query('postgres', "SELECT last_tick < '2027-06-10 10:00+00' FROM nex_backup.scheduler") eq 't' }), 'then all have followed');
set_clock('2027-06-10 07:00 UTC');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', "SELECT clock < '2027-06-10 07:30+00' FROM nex_backup.leader_state()") eq 't' }), 'by less');
is(query('postgres', $next), '2027-06-10 11:00:00+00', 'nothing is due twice');
clear_clock();

# What is old goes, but for what somebody has locked.
query('postgres', q(INSERT INTO nex_backup.runs (kind, state, started, finished) SELECT 'notify', 'failed', t, now() FROM (VALUES (timestamptz '2001-01-01'), ('2001-01-02')) v (t)));
$operator = hold(q(BEGIN; SELECT FROM nex_backup.runs WHERE started = '2001-01-01' FOR UPDATE));
query('postgres', q(SET statement_timeout = '10s'; SELECT nex_backup.purge_runs(now() + interval '8 days')));
is(query('postgres', q(SELECT started::date FROM nex_backup.runs WHERE started < '2002-01-01')), '2001-01-01', 'a locked run does not keep the others from being forgotten');
$operator->();

# ----------------------------------------------------------------------------- false colours

my $spoof = hold("SET application_name = 'nex_backup:run:7'", '-U', 'joe');
my $tool = hold("SET application_name = 'nex_backup:run:8'; BEGIN; LOCK TABLE nex_backup.run_reports");
my ($in, $waits, $error) = ('', '', '');
my @waiting = map { IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-c', 'SELECT count(*) FROM nex_backup.run_reports' ], '<', \$in, '>', \$waits, '2>', \$error) } 1, 2;
ok(wait_until(sub { query('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') == 2 }), 'two wait');
is(query('postgres', 'SELECT run, waiting_behind FROM nex_backup.connections'), '8|2', 'a session of anybody is not taken for the tool, one of a superuser is');
$tool->();
$spoof->();
$_->finish for @waiting;

done_testing();
