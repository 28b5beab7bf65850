# A year of schedules in seconds, and every decision that is taken on the way: the test is the
# executor, and the clock is its own (nex_backup.testing_clock).
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main', 'nex_backup.executor' => 'agent', 'nex_backup.max_concurrent_runs' => 4,
	'nex_backup.max_runs_per_repository' => 4);

query('postgres', 'CREATE EXTENSION nex_backup');
query('postgres', <<'SQL');
-- Claim a run of a job; notifications are no concern of this test.
CREATE FUNCTION take(OUT run int8, OUT fence int8) LANGUAGE plpgsql AS $$
DECLARE
	mine record;
BEGIN
	LOOP
		SELECT * INTO mine FROM nex_backup.claim('test', false, 'here', 1);
		EXIT WHEN mine.run IS NULL OR mine.kind <> 'notify';
		ASSERT nex_backup.start(mine.run, mine.fence);
		PERFORM nex_backup.finish(mine.run, mine.fence, 0);
	END LOOP;
	run := mine.run;
	fence := mine.fence;
END $$;
-- Go to a time; then work until nothing is due: each run ends as "ending" says.
CREATE FUNCTION go(at timestamptz, exit_code int DEFAULT 0, most int DEFAULT 1000000) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	mine record;
	done int := 0;
BEGIN
	PERFORM set_config('nex_backup.testing_clock', extract(epoch FROM at)::int8::text, false);
	PERFORM nex_backup.advance('test', false, 'here', 1);
	WHILE done < most LOOP
		SELECT * INTO mine FROM take();
		EXIT WHEN mine.run IS NULL;
		ASSERT nex_backup.start(mine.run, mine.fence, 4711);
		PERFORM nex_backup.finish(mine.run, mine.fence, exit_code);
		done := done + 1;
	END LOOP;
	RETURN done;
END $$;
-- From one time to another, always to when advance() wants to be asked again.
CREATE PROCEDURE live(first timestamptz, last timestamptz, INOUT done int) LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz := first;
BEGIN
	LOOP
		done := done + go(at);
		COMMIT;
		at := greatest(at + interval '1 second', (SELECT min(t) FROM (SELECT min(next_run) FROM nex_backup.jobs
			UNION ALL SELECT min(not_before) FROM nex_backup.runs WHERE state = 'queued') x(t)));
		EXIT WHEN at IS NULL OR at > last;
	END LOOP;
END $$;
SQL

sub at
{
	my ($time, $sql) = @_;

	return query('postgres', "SET nex_backup.testing_clock = '" . epoch($time) . "'; $sql");
}

sub epoch
{
	my ($time) = @_;

	return query('postgres', "SELECT extract(epoch FROM timestamptz '$time')::int8");
}

# ------------------------------------------------------------------ a year

my %job = (berlin => [ '30 2 * * *', 'Europe/Berlin' ], new_york => [ '30 1 * * *', 'America/New_York' ],
	lord_howe => [ '15 2 * * *', 'Australia/Lord_Howe' ], six => [ '0 */12 * * *', 'UTC' ],
	sunday => [ '0 2 * * sun', 'Europe/Berlin' ], month => [ '0 3 L * *', 'Asia/Kolkata' ]);

for my $name (sort keys %job)
{
	at('2027-01-01 UTC', "SELECT nex_backup_schedule('$name', '$job{$name}[0]', 'postgres', '/x', timezone => '$job{$name}[1]')");
}
my $begun = time;
my $runs = query('postgres', "CALL live('2027-01-01 UTC', '2028-01-01 00:00 UTC', 0)");
note("$runs runs in " . (time - $begun) . ' seconds');
for my $name (sort keys %job)
{
	is(query('postgres', "WITH expected AS (SELECT run FROM nex_backup_next_runs('$job{$name}[0]', '$job{$name}[1]', 2000, '2027-01-01 UTC') "
			. "WHERE run <= '2028-01-01 UTC'), got AS (SELECT scheduled_for AS run FROM nex_backup.runs WHERE job = '$name') "
			. "SELECT (SELECT count(*) FROM expected) > 11, (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE got) x), "
			. "(SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE expected) x)"),
		't|0|0', "$name: every run that the schedule names, each once");
}
is(query('postgres', "SELECT bool_and(state = 'succeeded'), bool_and(reason IS NULL), max(started - scheduled_for) < '1 ms' FROM nex_backup.runs WHERE job IS NOT NULL"),
	't|t|t', 'all in time');
is(query('postgres', "SELECT count(DISTINCT (scheduled_for AT TIME ZONE 'Europe/Berlin')::date) FROM nex_backup.runs WHERE job = 'berlin'"),
	365, 'one on each day, also when clocks change');
is(query('postgres', "SELECT (scheduled_for AT TIME ZONE 'Europe/Berlin')::time FROM nex_backup.runs WHERE job = 'berlin' "
		. "AND (scheduled_for AT TIME ZONE 'Europe/Berlin')::date = '2027-03-28'"), '03:00:00', 'after the gap');
query('postgres', "SELECT nex_backup_unschedule('$_')") for keys %job;

# ------------------------------------------------------------- missed runs

at('2028-01-01 00:30 UTC', "SELECT nex_backup_schedule('$_->[0]', '* * * * *', 'postgres', '/x', timezone => 'UTC' $_->[1])")
  for [ 'once', '' ], [ 'skip', ", misfire => 'skip'" ], [ 'grace', ", misfire_grace => '30 seconds'" ];
at('2028-01-01 00:30 UTC', "SELECT nex_backup_schedule('late', '0 2 * * *', 'postgres', '/x', timezone => 'UTC', misfire_grace => '1 hour')");
is(query('postgres', "SELECT go('2028-03-01 03:30:45 UTC')"), 1, 'two months later, one run of those that were missed');
is(query('postgres', "SELECT job, state, count(*) FROM nex_backup.runs WHERE scheduled_for > '2028-01-01 00:30+00' GROUP BY 1, 2 ORDER BY 1"),
	"grace|skipped|1\nlate|skipped|1\nonce|succeeded|1\nskip|skipped|1", 'each decided once');
like(query('postgres', "SELECT reason FROM nex_backup.runs WHERE job = 'once'"), qr/^starts late: due .*, and at least 1000 times before/, 'the reason');
like(query('postgres', "SELECT reason FROM nex_backup.runs WHERE job = 'late'"), qr/^missed: .* longer ago than 01:00:00/, 'and the other');
is(query('postgres', "SELECT bool_and(next_run > '2028-03-01 03:30:45 UTC') FROM nex_backup.jobs"), 't', 'all look forward');
is(query('postgres', "SELECT count(*) FROM nex_backup.alarms WHERE event = 'missed'"), 4, 'and are told of');
is(query('postgres', "SELECT go('2028-03-01 03:31:00 UTC')"), 3, 'then it goes on as if nothing had been');
query('postgres', "SELECT nex_backup_unschedule(name) FROM nex_backup.jobs");

# A storm: many jobs, all missed for long.
at('2028-04-01 UTC', "SELECT nex_backup_schedule('storm ' || i, '*/5 * * * *', 'postgres', '/x', timezone => 'UTC') FROM generate_series(1, 380) i");
is(query('postgres', "SELECT go('2028-04-02 00:02:30 UTC') + go('2028-04-02 00:02:31 UTC')"), 380, '380 jobs were missed 288 times each: 380 runs');
query('postgres', "SELECT nex_backup_unschedule(name) FROM nex_backup.jobs");

# ----------------------------------------------------------------- overlap

at('2028-05-01 UTC', "SELECT nex_backup_schedule('$_', '* * * * *', 'postgres', '/x', timezone => 'UTC', overlap => '$_')") for qw(skip queue);
query('postgres', "SELECT go('2028-05-01 00:01:00 UTC', most => 0)");
at('2028-05-01 00:01 UTC', "SELECT nex_backup.start(c.run, c.fence) FROM take() c") for 1, 2;
query('postgres', "SELECT go('2028-05-01 00:0$_:00 UTC', most => 0)") for 2 .. 5;
is(query('postgres', "SELECT job, state, count(*) FROM nex_backup.runs WHERE scheduled_for > '2028-05-01' GROUP BY 1, 2 ORDER BY 1, 2"),
	"queue|queued|1\nqueue|running|1\nqueue|skipped|3\nskip|running|1\nskip|skipped|4", 'skip none or queue one, never more');
like(query('postgres', "SELECT reason FROM nex_backup.runs WHERE job = 'skip' AND scheduled_for > '2028-05-01' AND state = 'skipped' LIMIT 1"),
	qr/^skipped: run \d+ has not ended yet/, 'with the reason');
query('postgres', "SELECT nex_backup.finish(run, fence, 0) FROM nex_backup.leases");
query('postgres', "SELECT nex_backup_unschedule(name) FROM nex_backup.jobs");

# ----------------------------------------------------------------- retries

at('2028-06-01 UTC', "SELECT nex_backup_schedule('fixed', '0 2 * * *', 'postgres', '/x', timezone => 'UTC', retry => 3)");
at('2028-06-01 UTC', "SELECT nex_backup_schedule('exponential', '0 2 * * *', 'postgres', '/x', timezone => 'UTC', retry => 6, "
	  . "backoff => 'exponential', retry_delay => '1 minute', retry_delay_max => '10 minutes')");
my $clock = '2028-06-01 02:00:00 UTC';
for (1 .. 20)
{
	query('postgres', "SELECT go('$clock', 1)");
	$clock = query('postgres', "SELECT min(not_before) + interval '1 second' FROM nex_backup.runs WHERE state = 'queued'");
	last if $clock eq '';
}
is(query('postgres', "SELECT job, count(*), max(attempt), count(DISTINCT coalesce(origin, id)) FROM nex_backup.runs "
		. "WHERE scheduled_for = '2028-06-01 02:00+00' AND state = 'failed' GROUP BY 1 ORDER BY 1"),
	"exponential|7|7|1\nfixed|4|4|1", 'tried as often as they should be, and no more');
is(query('postgres', "SELECT bool_and(not_before - queued = interval '5 minutes') FROM nex_backup.runs WHERE job = 'fixed' AND attempt > 1"),
	't', 'every five minutes');
my @pauses = split /\n/, query('postgres', "SELECT extract(epoch FROM not_before - queued)::int FROM nex_backup.runs WHERE job = 'exponential' AND attempt > 1 ORDER BY id");
my @nominal = (60, 120, 240, 480, 600, 600);
is(scalar(grep { $pauses[$_] < $nominal[$_] * 0.87 || $pauses[$_] > $nominal[$_] * 1.13 } 0 .. 5), 0,
	"longer and longer, to the limit: @pauses");
is(query('postgres', "SELECT count(*) FROM nex_backup.alarms WHERE event = 'failure' AND job IN ('fixed', 'exponential')"), 2, 'one alarm for each, at the end');
query('postgres', "SELECT go('2028-06-02 02:00 UTC')");
is(query('postgres', "SELECT string_agg(event, ' ' ORDER BY id) FROM nex_backup.alarms WHERE job = 'fixed'"), 'failure recovery', 'and the recovery');
for my $code (2, 3, 126, 127)
{
	my $day = sprintf('2028-06-%02d', 3 + $code % 20);
	query('postgres', "SELECT go('$day 02:00 UTC', $code)");
	is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE scheduled_for = '$day 02:00+00' AND job = 'fixed'"), 1, "exit code $code is final");
}
query('postgres', "SELECT nex_backup_unschedule(name) FROM nex_backup.jobs");

# -------------------------------------------------------------- transitions

# From each state to each other: what is not in the table is refused.
my @states = qw(queued starting running succeeded failed cancelled timed_out crashed skipped);
my %may = map { $_ => 1 } (
	map({ "queued $_" } qw(starting failed cancelled skipped)), map({ "starting $_" } qw(running failed cancelled crashed)),
	map({ "running $_" } qw(succeeded failed cancelled timed_out crashed)));
my @wrong;
for my $from (@states)
{
	for my $to (@states)
	{
		my $done = eval {
			query('postgres', "BEGIN; INSERT INTO nex_backup.runs (kind, state, started, definition) VALUES ('backup', '$from', now(), '{}'); "
				  . "SELECT nex_backup.transition(max(id), '$to') FROM nex_backup.runs; ROLLBACK");
			1;
		};
		push @wrong, "$from to $to" if ($done || 0) != ($may{"$from $to"} || 0);
	}
}
is(join(', ', @wrong), '', 'of 81 changes of state, those are possible that should be');

# Fencing: who has lost a run cannot change it.
at('2028-07-01 UTC', "SELECT nex_backup_schedule('fence', '0 2 * * *', 'postgres', '/x', timezone => 'UTC', retry => 0)");
query('postgres', "SELECT go('2028-07-01 02:00 UTC', most => 0)");
my ($run, $fence) = split /\|/, at('2028-07-01 02:00 UTC', "SELECT run, fence FROM take()");
is(query('postgres', "SELECT nex_backup.start($run, $fence - 1), nex_backup.heartbeat($run, $fence - 1), nex_backup.finish($run, $fence - 1, 0)"),
	'f|lost|lost', 'an old token is good for nothing');
is(query('postgres', "SELECT nex_backup.start($run, $fence), nex_backup.heartbeat($run, $fence, 'no json'), nex_backup.heartbeat($run, $fence, '{\"phase\": \"p\"}')"),
	't|continue|continue', 'the right one is');
query('postgres', "UPDATE nex_backup.leases SET lease_until = clock_timestamp() - interval '1 second'");
query('postgres', "SELECT go('2028-07-01 02:05 UTC')");
is(query('postgres', "SELECT state, reason FROM nex_backup.runs WHERE id = $run"), 'crashed|the agent was silent for too long', 'a lease that ran out');
is(query('postgres', "SELECT nex_backup.finish($run, $fence, 0)"), 'lost', 'what comes too late changes nothing');

# ------------------------------------------------------- clocks, bad rows, copies

at('2028-08-01 UTC', "SELECT nex_backup_schedule('clock', '0 2 * * *', 'postgres', '/x', timezone => 'UTC')");
query('postgres', "SELECT go('2028-08-05 02:00 UTC')");
query('postgres', "SELECT go('2028-08-05 01:59 UTC')");
is(query('postgres', "SELECT next_run FROM nex_backup.jobs WHERE name = 'clock'"), '2028-08-06 02:00:00+00', 'the clock went back a little: nothing twice');
query('postgres', "SELECT go('2028-08-03 12:00 UTC')");
is(query('postgres', "SELECT next_run FROM nex_backup.jobs WHERE name = 'clock'"), '2028-08-04 02:00:00+00', 'by days: the job does not sleep until then');

query('postgres', "UPDATE nex_backup.jobs SET schedule = 'nonsense' WHERE name = 'fence'");
query('postgres', "UPDATE nex_backup.jobs SET next_run = '2028-08-04 02:00+00'");
is(query('postgres', "SELECT go('2028-08-04 02:00 UTC')"), 1, 'a bad row does not keep others from running');
like(query('postgres', "SELECT suspended FROM nex_backup.jobs WHERE name = 'fence'"), qr/cannot handle it: invalid schedule "nonsense"/, 'and is put aside, with the reason');
like(query('postgres', "SELECT detail FROM nex_backup_status() WHERE name = 'job fence'"), qr/^suspended: the scheduler cannot/, 'which status shows');

query('postgres', "UPDATE nex_backup.scheduler SET system_identifier = '1'");
is(query('postgres', "SELECT go('2028-08-06 02:00 UTC')"), 0, 'in another cluster nothing runs');
like(query('postgres', "SELECT status || ': ' || detail FROM nex_backup_status() WHERE name = 'scheduler'"),
	qr/^critical: suspended: the jobs belong to another cluster/, 'and status says why');
query('postgres', "UPDATE nex_backup.jobs SET schedule = '0 3 * * *' WHERE name = 'fence'");
is(at('2028-08-06 12:00 UTC', "SELECT nex_backup_resume_jobs()"), 2, 'until it is confirmed');
is(query('postgres', "SELECT go('2028-08-07 02:00 UTC')"), 1, 'what was missed is forgotten, the next comes');

# A dump carries definitions, which wait where they are restored.
my $dump = query('postgres', "SELECT pg_catalog.pg_extension_config_dump('nex_backup.jobs', '') WHERE false");
system('pg_dump', '-Fc', '-f', $node->basedir . '/dump', 'postgres') == 0 or die 'pg_dump';
create_database('restored');
system('pg_restore', '-d', 'restored', '-e', $node->basedir . '/dump') == 0 or die 'pg_restore';
is(query('restored', "SELECT name, suspended LIKE 'restored from a dump%' FROM nex_backup.jobs ORDER BY 1"), "clock|t\nfence|t", 'jobs of a dump are suspended');
is(query('restored', 'SELECT count(*) FROM nex_backup.runs'), 0, 'and the history stays where it happened');

# So do they where triggers were switched off, and in a copy of the database.
create_database('loaded');
query('loaded', 'CREATE EXTENSION nex_backup');
system('pg_restore', '-d', 'loaded', '-e', '--data-only', '--disable-triggers', '-t', 'jobs', $node->basedir . '/dump') == 0 or die 'pg_restore';
is(query('loaded', 'SELECT count(*) FROM nex_backup.jobs WHERE suspended IS NULL'), 2, 'jobs of a dump that was loaded without triggers');
my $turn = "SET nex_backup.testing_clock = '" . epoch('2028-08-09 12:00 UTC') . "'; SELECT state FROM nex_backup.advance('test', false, 'here', 1);"
  . "SELECT count(*) FROM nex_backup.runs WHERE state = 'queued' AND kind <> 'notify'";
my $unconfirmed = q(SELECT count(*) FROM nex_backup.jobs WHERE suspended LIKE 'it comes from a dump or a copy%');
ok(!eval { query('loaded', q(SELECT nex_backup.submit_job(j, 'postgres') FROM nex_backup.jobs j LIMIT 1)); 1 }, 'by hand, too, none runs');
like($@, qr/is suspended: it comes from a dump or a copy/, '... and says why');
is(query('loaded', $turn), "running\n0", 'none is started');
is(query('loaded', $unconfirmed), 2, 'they are suspended');
query('postgres', $_) for "LOAD 'nex_backup'; ALTER SYSTEM SET nex_backup.database = 'loaded'", 'SELECT pg_reload_conf()';
wait_until(sub { query('loaded', "SELECT nex_backup.setting('database')") eq 'loaded' });
is(query('loaded', q(SELECT nex_backup_resume_jobs('clock'))), 1, 'until one is confirmed');
is(query('loaded', q(UPDATE nex_backup.jobs SET next_run = '2028-08-09 11:59:30 UTC'; ) . $turn), "running\n1", '... which is');
query('postgres', 'CREATE DATABASE twin TEMPLATE loaded');
is(query('twin', q(UPDATE nex_backup.jobs SET next_run = '2028-08-09 11:59:30 UTC'; DELETE FROM nex_backup.runs; ) . $turn), "running\n0", 'in a copy of the database it is not');
query('postgres', $_) for "LOAD 'nex_backup'; ALTER SYSTEM RESET nex_backup.database", 'SELECT pg_reload_conf()';
wait_until(sub { query('postgres', "SELECT nex_backup.setting('database')") eq 'postgres' });

# The history does not grow for ever.
my $before = query('postgres', 'SELECT count(*) FROM nex_backup.runs');
query('postgres', "SELECT go('2030-01-01 UTC', 1)");
cmp_ok(query('postgres', 'SELECT count(*) FROM nex_backup.runs'), '<', 30, "of $before runs, old ones are forgotten");
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'succeeded' AND job = 'clock' AND finished < '2029-01-01'"), 1,
	'but for the last good one of a job');

done_testing();
