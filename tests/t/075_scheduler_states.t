# What the status and doctor say while things go wrong: runs that do not begin, jobs that will not run,
# alarms that reach nobody.  Each is a row, in a sentence without a hole, and what lasts is an alarm.
#
# The server has room for the leader and for no other worker, and this test plays the agent, so every
# state is made by a call and none by waiting.
use strict;
use warnings;

use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Test;
use Test::More;

my $node = start_scheduler('main', max_worker_processes => 1, max_logical_replication_workers => 0,
	'nex_backup.reserved_executors' => 0, 'nex_backup.config_file' => '/dev/null');
my $repo = new_repository();
my $superuser = query('postgres', 'SELECT current_user');
my @start = (localtime)[ 5, 4, 3 ];
my $day = sprintf('%04d-%02d-%02d', $start[0] + 1900 + 1, 3, 1);

create_database('shop');

# The rows whose names match.  Whatever they say, no value of it is missing.
sub rows
{
	my ($names, $what) = @_;
	my @rows = split /\n/, query('postgres', "SELECT name || ' | ' || status || ' | ' || detail FROM nex_backup_status()");
	my $hole = qr/(?:\bat|\bof|\bsince|\bby|\bseen|\bsays|[:;,])\s*(?:$|[;,.)])|\s\s|""|(?<!\w)\(\s*\)|''|^\s*\||\|\s*(?:\||$)|\bNULL\b/;

	is(join("\n", grep { $_ =~ $hole } @rows), '', "$what: no hole in what it says");
	is(query('postgres', 'SELECT count(*) FROM nex_backup_status() WHERE name IS NULL OR status IS NULL OR detail IS NULL'), 0, '... and no null')
	  or diag(join("\n", @rows));
	return join("\n", grep { /^(?:$names) \|/ } @rows);
}

sub alarms { my ($where) = @_; return query('postgres', "SELECT count(*) FROM nex_backup.alarms WHERE $where"); }

# Let the leader look.
sub turn { return query('postgres', "SELECT state FROM nex_backup.advance('me', false, 'here', pg_backend_pid())"); }

# What a session is told besides the result.
sub notices
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-XAtq', '-d', 'postgres', '-c', $sql ], '>', \$out, '2>', \$err);
	chomp $out;
	return ($out, $err);
}

# Claim the next run as an agent, and end it; its id.
sub work
{
	my ($code, $error, $reason) = @_;
	my $tail = defined $error ? "'$error'" : 'NULL';

	return query('postgres', <<"SQL");
SELECT c.run FROM nex_backup.claim('me', false, 'here', 1) c,
	LATERAL (SELECT nex_backup.start(c.run, c.fence, 1)) s,
	LATERAL (SELECT nex_backup.finish(c.run, c.fence, $code, NULL, NULL, $tail, 'log')) f
SQL
}

# ---- nothing there yet

set_clock("$day 00:00:30");
like(rows('backup', 'a new catalogue'), qr/backup \| critical \| no backup is recorded; .*nex_backup_sync\('\/path/, 'no backup: what to call');

# ---- no slot for a worker

query('postgres', "SELECT nex_backup_schedule('tick', '*/5 * * * *', 'shop', '$repo', timezone => 'UTC', retry => 0)");
rows('scheduler', 'a job');
set_clock("$day 00:05:02");
my $run = wait_for_run("job = 'tick' AND state = 'queued'");
set_clock("$day 00:05:20");
my $row = rows('job tick', 'no worker slot');
like($row, qr/^job tick \| warning \| run $run has not begun yet: it has waited since $day 00:05:0\d\S*; no slot for a background worker is free/m,
	'a run that nobody can start is a warning at once');
is(alarms("event = 'missed'"), 0, 'and no alarm yet');
like(join("\n", (tool('doctor', '--repo', $repo))[1]), qr/^warning +scheduler +job tick: run $run has not begun yet/m, 'doctor says the same');
set_clock("$day 00:10:30");
ok(wait_until(sub { alarms("event = 'missed' AND job = 'tick'") > 0 }), 'after five minutes it is an alarm');
like(rows('job tick', 'later'), qr/^job tick \| critical \| run $run has not begun yet/m, 'and critical');
my $skipped = wait_for_run("job = 'tick' AND state = 'skipped'");
is(run_row('reason', "id = $skipped"), "skipped: run $run has not begun yet", 'the next run says that it has not begun');
set_clock("$day 00:20:30");
wait_for_run("job = 'tick' AND state = 'skipped' AND id > $skipped");
is(alarms("event = 'missed' AND job = 'tick' AND details ->> 'waiting' = '$run'"), 1, 'but one alarm is enough');
like(query('postgres', "SELECT details ->> 'reason' FROM nex_backup.alarms WHERE job = 'tick'"), qr/^run $run has not begun yet: /, 'which says why');

# The run that would tell of it waits, too.
like(rows('notifications', 'alarms that wait'), qr/^notifications \| warning \| nobody was told of \d alarms?, .*; run \d+ has not begun yet: .*no slot/m,
	'and so does what delivers alarms');

# ---- no agent

set_options('nex_backup.executor' => 'agent');
query('postgres', 'SELECT pg_sleep(0.2)');
like(rows('scheduler|job tick', 'no agent'), qr/^scheduler \| critical \| no agent is there, last seen never\njob tick \| critical \| .*; no agent is there$/m, 'no agent');
like((notices("SELECT nex_backup_schedule('note', '0 3 * * *', 'shop', '$repo')"))[1], qr/^NOTICE:  no job runs before an agent is there\nHINT: /m, 'who defines a job is told');
query('postgres', "SELECT nex_backup_unschedule('note')");

# ---- what ends badly, with and without a reason

turn();
is(work(1, 'it is broken'), $run, 'an agent takes the run');
like(rows('job tick', 'a failed run'), qr/^job tick \| critical \| run $run failed .*: it is broken; no good run yet$/m, 'a failed run');
query('postgres', "UPDATE nex_backup.runs SET error = NULL, reason = NULL WHERE id = $run");
like(rows('job tick', 'without a reason'), qr/^job tick \| critical \| run $run failed .*: no reason given; no good run yet$/m, 'one without a reason');
query('postgres', "SELECT nex_backup_alter_job('tick', retry => 2, retry_delay => '7 minutes')");
set_clock("$day 00:25:05");
turn();
work(0) while query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'notify' AND state = 'queued' AND not_before <= nex_backup.now()");
$run = last_run('tick');
work(1, 'broken again');
like(rows('job tick', 'a run that is tried again'), qr/^job tick \| warning \| run $run failed .*: broken again; no good run yet; tried again at $day 00:3/m, 'a retry has its time');
is(query('postgres', "SELECT count(*) FROM nex_backup_status() WHERE name = 'job tick'"), 1, 'and does not count as a run that waits');

# ---- notifications that fail

query('postgres', "UPDATE nex_backup.alarms SET delivered = nex_backup.now()");
query('postgres', "UPDATE nex_backup.runs SET state = 'cancelled', finished = queued WHERE state = 'queued'");
query('postgres', "SELECT nex_backup.raise_alarm('failure', 'tick', NULL, 'shop', '{}')");
my $notify = query('postgres', "SELECT id FROM nex_backup.runs WHERE kind = 'notify' AND state = 'queued'");
is(query('postgres', "SELECT array_to_string(argv, ' ') FROM nex_backup.claim('me', false, 'here', 1)"), 'notify --fail-if-waiting=true', 'alarms are delivered by a run that fails if it cannot');
query('postgres', "SELECT nex_backup.finish(run, fence, 1, NULL, NULL, 'could not deliver messages', '') FROM nex_backup.leases");
like(rows('notifications', 'a failing delivery'), qr/^notifications \| warning \| nobody was told of 1 alarm, .*; run $notify, which delivers them, failed .*: could not deliver messages; tried again at $day .*; the last was delivered/m,
	'a failing delivery is a warning at once');
write_bytes("$repo.yaml", "repo: $repo\nstate-dir: $repo.state\nnotify:\n  webhook:\n    url-file: $repo.url\n");
write_bytes("$repo.url", "http://127.0.0.1:9/x\n");
chmod 0600, "$repo.url";
my $out = (tool('doctor', '--config', "$repo.yaml"))[1];
like($out, qr/^warning +notifications +nobody was told of 1 alarm/m, 'doctor says it');
unlike($out, qr/^ok +notifications/m, 'and not that they are configured');
my $again = query('postgres', "SELECT id FROM nex_backup.runs WHERE kind = 'notify' AND state = 'queued'");
query('postgres', "SELECT nex_backup.raise_alarm('failure', 'tick', NULL, 'shop', '{}')");
is(run_row('state', "id = $again"), 'cancelled', 'a new alarm does not wait for the next try of the old one');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'notify' AND state = 'queued' AND not_before <= nex_backup.now()"), 1, 'but is delivered at once');
query('postgres', "UPDATE nex_backup.alarms SET raised = nex_backup.now() - interval '2 hours' WHERE delivered IS NULL");
like(rows('notifications', 'after an hour'), qr/^notifications \| critical \| nobody was told of 2 alarms/m, 'after an hour it is critical');
work(0);
query('postgres', 'SELECT nex_backup.alarm_delivered(id) FROM nex_backup.alarms WHERE delivered IS NULL');
is(rows('notifications', 'delivered'), '', 'when all are delivered, there is nothing to say');
unlike((tool('doctor', '--config', "$repo.yaml"))[1], qr/^warning +notifications/m, 'nor for doctor');

# ---- behind other runs

set_options('nex_backup.max_concurrent_runs' => 1);
query('postgres', "SELECT nex_backup_schedule('other', '0 12 * * *', 'shop', '$repo.2', timezone => 'UTC')");
set_clock("$day 00:32:20");
turn();
my ($holder) = query('postgres', "SELECT run FROM nex_backup.claim('me', false, 'here', 1)");
set_clock("$day 12:00:20");
query('postgres', "UPDATE nex_backup.leases SET lease_until = clock_timestamp() + interval '1 hour'");
turn();
my $behind = last_run('other');
set_clock("$day 12:00:45");
like(rows('job other', 'behind another run'), qr/^job other \| ok \| run $behind has not begun yet: .*; as many runs are going on as nex_backup.max_concurrent_runs permits: run $holder of job "tick"$/m,
	'a run behind another is shown, and in order');
is(query('postgres', "SELECT run IS NULL FROM nex_backup.claim('me', false, 'here', 1)"), 't', 'nobody can claim it beyond the limit');
for ([ '13:10', 'warning', 0 ], [ '18:10', 'critical', 1 ])
{
	my ($time, $status, $alarms) = @$_;

	set_clock("$day $time:00");
	turn();
	like(rows('job other', "at $time"), qr/^job other \| $status \| run $behind /m, "at $time it is $status");
	is(alarms("event = 'missed' AND job = 'other'"), $alarms, "and $alarms alarms");
}
set_options('nex_backup.max_concurrent_runs' => 5);
query('postgres', "UPDATE nex_backup.runs SET location = '$repo' WHERE id = $behind");
like(rows('job other', 'the same repository'), qr/; with the same repository as many runs are going on as nex_backup.max_runs_per_repository permits: run $holder of job "tick"$/m,
	'the same for the limit of a repository');
query('postgres', "SELECT nex_backup.finish(run, fence, 0) FROM nex_backup.leases");
query('postgres', "UPDATE nex_backup.runs SET state = 'cancelled', finished = queued WHERE state = 'queued'");

# ---- who holds a run, and who may have it

# A process of the server that has the number of an executor that is gone is not that executor.
query('postgres', <<"SQL");
WITH r AS (INSERT INTO nex_backup.runs (kind, job, state, started, definition) VALUES ('backup', 'tick', 'running', nex_backup.now(), '{}') RETURNING id)
INSERT INTO nex_backup.leases (run, executor, in_server, fence, pid, session_started, heartbeat, lease_until)
SELECT r.id, 'worker', true, 1, a.pid, a.backend_start - interval '1 second', now(), now() + interval '1 hour'
FROM r, pg_stat_activity a WHERE a.backend_type = 'nex_backup leader'
SQL
turn();
like(query('postgres', "SELECT state || ': ' || reason FROM nex_backup.runs WHERE kind = 'backup' AND owner IS NULL ORDER BY id DESC LIMIT 1"),
	qr/^crashed: the executor is gone/, 'another process with its number does not keep a run');
query('postgres', "UPDATE nex_backup.runs SET state = 'cancelled', finished = queued WHERE state = 'queued'");

# The tool of that run tells of its end after the run was settled: that is one run, not two.  Only a superuser's session
# may say so, which is what the server's tool has.
query('postgres', "UPDATE nex_backup.runs SET executor = 'worker', database = 'shop' WHERE id = (SELECT max(id) FROM nex_backup.runs WHERE state = 'crashed')");
my $crashed = query('postgres', "SELECT max(id) FROM nex_backup.runs WHERE state = 'crashed'");
my $others = query('postgres', 'SELECT count(*) FROM nex_backup.runs');
query('postgres', 'CREATE ROLE reporter LOGIN; GRANT USAGE ON SCHEMA nex_backup TO reporter; GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO reporter');
sub report
{
	my ($role, $at) = @_;

	local $ENV{PGUSER} = $role;
	return query('postgres', qq(SET application_name = 'nex_backup:run:$crashed'; SELECT nex_backup.record('backup', '{"repository": {"id": "k",
		"location": "/nowhere"}, "database": "shop", "state": "cancelled", "exit_code": 130, "error": "interrupted", "started": "2026-01-0$at 00:00+00",
		"finished": "2026-01-0$at 00:01+00"}')));
}
report($superuser, 3);
is(query('postgres', 'SELECT count(*) FROM nex_backup.runs'), $others, 'a report of a run whose executor was killed makes no second run');
is(run_row('state, error', "id = $crashed"), 'crashed|interrupted', 'but belongs to that one, whose state it does not change');
report('reporter', 4);
is(query('postgres', 'SELECT count(*) FROM nex_backup.runs'), $others + 1, 'from another role it does');
query('postgres', "UPDATE nex_backup.runs SET finished = finished - interval '11 minutes' WHERE id = $crashed");
report($superuser, 5);
is(query('postgres', 'SELECT count(*) FROM nex_backup.runs'), $others + 2, 'and long after that, too');

# A new run of a job for this test to claim; its id.
sub queue_run
{
	my ($job) = @_;

	return query('postgres', "SELECT nex_backup.enqueue(j.name, j.owner, j.kind, j.repository, j.database, nex_backup.job_definition(j), at, at) "
		  . "FROM nex_backup.jobs j, nex_backup.now() at WHERE name = '$job'");
}

# The program could not even be started: that may be better in some minutes.
$run = queue_run('tick');
is(work('NULL', 'no memory'), $run, 'a program that could not be started');
is(run_row('state', "id = $run"), 'failed', 'is a run that failed');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE origin = $run AND state = 'queued'"), 1, 'and is tried again');
query('postgres', "UPDATE nex_backup.runs SET state = 'cancelled', finished = queued WHERE state = 'queued'");

# What is queued when its job is suspended, waits.
$run = queue_run('other');
query('postgres', "UPDATE nex_backup.jobs SET suspended = 'for a test' WHERE name = 'other'");
is(query('postgres', "SELECT run IS NULL FROM nex_backup.claim('me', false, 'here', 1)"), 't', 'a run of a suspended job is not given to anybody');
set_clock("$day 19:00:00");
unlike(rows('job other', 'a run of a suspended job'), qr/has not begun/, 'and its waiting is nothing to tell');
query('postgres', "UPDATE nex_backup.jobs SET suspended = NULL WHERE name = 'other'");

# Rights are those of now.
query('postgres', q(CREATE ROLE operator IN ROLE pg_execute_server_program; UPDATE nex_backup.runs SET owner = 'operator' WHERE state = 'queued'));
query('postgres', 'REVOKE pg_execute_server_program FROM operator');
is(query('postgres', "SELECT run IS DISTINCT FROM $run FROM nex_backup.claim('me', false, 'here', 1)"), 't', 'a run whose owner may not run jobs any more');
is(run_row("state || ': ' || reason", "id = $run"), 'failed: role operator may no longer run jobs', 'fails, and says why');
$run = queue_run('other');
query('postgres', "UPDATE nex_backup.runs SET owner = 'operator' WHERE id = $run");
query('postgres', 'DROP ROLE operator');
is(query('postgres', "SELECT run IS DISTINCT FROM $run FROM nex_backup.claim('me', false, 'here', 1)"), 't', 'one whose owner was dropped');
is(run_row("state || ': ' || reason", "id = $run"), 'failed: its owner was dropped; nex_backup_schedule() defines it for another role', 'says that');
query('postgres', "UPDATE nex_backup.runs SET state = 'cancelled', finished = queued WHERE state = 'queued'");

# A clock that is set back while a run is going on.
$run = queue_run('other');
query('postgres', "SELECT nex_backup.start(c.run, c.fence, 1) FROM nex_backup.claim('me', false, 'here', 1) c");
set_clock("$day 18:30:00");
is(query('postgres', "SELECT DISTINCT nex_backup.$_ FROM nex_backup.leases"), 'lost', "who does not know the number of its lease has no say in a run: $_")
  for 'heartbeat(run, fence + 1)', 'finish(run, fence + 1, 0)';
query('postgres', 'SELECT nex_backup.finish(run, fence, 0) FROM nex_backup.leases');
is(run_row("state || (finished >= started)", "id = $run"), 'succeededtrue', 'no run ends before it began');

# ---- jobs that will not run

is(query('postgres', "SELECT nex_backup_alter_job('other', enabled => false)"), '', 'a disabled job has no next run');
like(rows('job other', 'disabled'), qr/^job other \| warning \| disabled, so it does not run; nex_backup_alter_job\('other', enabled => true\)/m, 'it is a row');
like((tool('doctor', '--repo', $repo))[1], qr/^warning +scheduler +job other: disabled/m, 'doctor says it');
like((tool('doctor', '--repo', $repo, '-d', 'shop'))[1], qr/^warning +scheduler +job other: disabled/m, 'connected to another database, too');
query('postgres', 'CREATE ROLE nobody LOGIN');
like((tool('doctor', '--repo', $repo, '-U', 'nobody'))[1], qr/^ok +scheduler +not looked at: .*permission denied/m, 'who may not read it is told that');
{
	local %ENV = %ENV;
	delete @ENV{ grep { /^PG/ } keys %ENV };
	like((tool('doctor', '--repo', $repo))[1], qr/^(?:ok +server +connected|warning +server +could not connect)/m, 'without a name, it is the default server that is looked at');
	like((tool('doctor', '--repo', $repo, '--no-server'))[1], qr/^ok +server +not checked, because of --no-server$/m, 'or none, if that is said');
}
isnt(query('postgres', "SELECT nex_backup_alter_job('other', enabled => true)"), '', 'an enabled one has');
unlike(rows('job other', 'enabled'), qr/disabled/, 'then it is none');
query('postgres', "SELECT nex_backup_schedule('never', '0 0 30 2 *', 'shop', '$repo')");
like(rows('job never', 'a schedule that never comes'), qr/^job never \| warning \| its schedule "0 0 30 2 \*" never comes$/m, 'a schedule that never comes');
query('postgres', "SELECT nex_backup_unschedule('never')");
query('postgres', "UPDATE nex_backup.jobs SET suspended = '' WHERE name = 'tick'");
like(rows('job tick', 'suspended without a reason'), qr/^job tick \| critical \| suspended$/m, 'a suspended job');
is(query('postgres', "SELECT nex_backup_alter_job('tick', timezone => 'UTC')"), '', 'has no next run either');
query('postgres', "UPDATE nex_backup.jobs SET suspended = 'restored from a dump'");
set_options('nex_backup.executor' => undef);
like(rows('scheduler', 'all suspended'), qr/^scheduler \| critical \| running, but all jobs are suspended; nex_backup_resume_jobs\(\)/m, 'all suspended: critical');
query('postgres', 'SELECT nex_backup_resume_jobs()');
like(rows('scheduler', 'resumed'), qr/^scheduler \| \w+ \| running, (?:2 jobs, 0 runs going on, next: "\w+" at \d{4}|but since)/m, 'confirmed');
query('postgres', "SELECT nex_backup_alter_job(name, enabled => false) FROM nex_backup.jobs");
like(rows('scheduler', 'all disabled'), qr/^scheduler \| \w+ \| running, but (?:no job is enabled|since)/m, 'all disabled');

# ---- promises

my ($told, $why) = notices("SELECT count(*) FROM nex_backup_setup_default_jobs('shop')");
is($told, 3, 'default jobs');
set_options('nex_backup.scheduler' => 'off');
(undef, $why) = notices("SELECT nex_backup_alter_job('other', enabled => true)");
like($why, qr/^NOTICE:  no job runs, as nex_backup.scheduler is off\nHINT: /m, 'a promise that nobody keeps is none');
like(rows('scheduler', 'off'), qr/^scheduler \| warning \| off: /m, 'the scheduler is off');
set_options('nex_backup.scheduler' => undef);

# ---- odd rows

query('postgres', q(CREATE ROLE gone; UPDATE nex_backup.jobs SET owner = 'gone'; DROP ROLE gone));
rows('job .*', 'an owner that was dropped');
query('postgres', <<'SQL');
SELECT nex_backup.record('verify', '{"repository": {"id": "r", "location": "/nowhere"}, "database": null, "set": "app", "state": "failed",
	"started": "2026-01-01 00:00+00", "finished": "2026-01-01 00:00+00"}');
SELECT nex_backup.record('verify', '{"repository": {"id": "r", "location": "/nowhere"}, "database": null, "set": "web", "state": "succeeded",
	"started": "2026-01-02 00:00+00", "finished": "2026-01-02 00:00+00"}');
SELECT nex_backup.record('expire', '{"repository": {"id": "r", "location": "/nowhere"}, "state": "failed", "started": "2026-01-01 00:00+00", "finished": "2026-01-01 00:00+00"}');
SELECT nex_backup.record('backup', '{"repository": {"id": "r", "location": "/nowhere"}, "database": "shop", "backup": "20260101T000000Z",
	"state": "succeeded", "started": "2026-01-01 00:00+00", "manifest": {"snapshot_at": "2026-01-01 00:00+00", "tables": []}}');
UPDATE nex_backup.repositories SET last_seen = '-infinity', host = NULL;
SQL
$row = rows('last .*|backup.*|repository', 'reports that say little');
like($row, qr/^last verify of files of set app \| warning \| failed/m, 'a set of files is called one, and another set does not hide it');
like($row, qr/^last expire of all \| warning \| failed/m, 'what is about all says so');

# What was backed up once, by hand, and is not wanted any more, is no alarm for ever.
like($row, qr/^backup of shop \| critical \|/m, 'an old backup is critical');
set_options('nex_backup.missed_except' => 'other, shop');
$row = rows('backup of shop|verify of shop', 'an exception');
like($row, qr/^backup of shop \| ok \| .*, no newer one is expected \(nex_backup.missed_except\)$/m, 'unless no newer one is expected');
like($row, qr/^verify of shop \| ok \| never verified/m, 'nor a verification of it');

done_testing();
