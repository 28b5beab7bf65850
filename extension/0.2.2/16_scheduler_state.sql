
--
-- The status of the scheduler: is there somebody who starts what is due?  The leader tells in memory when a turn of its
-- last succeeded, and what is wrong with the last one; an agent by being connected and asking.
--
CREATE OR REPLACE FUNCTION nex_backup.scheduler_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	jobs int8 := (SELECT count(*) FROM nex_backup.jobs j WHERE j.enabled);
	worker bool := nex_backup.setting('executor') = 'worker';
	reason text := (SELECT s.suspended FROM nex_backup.scheduler s);
	leader record;
	seen timestamptz;
	upcoming record;
	blocked text;
BEGIN
	SELECT max(e.last_seen) INTO seen FROM nex_backup.executors e WHERE e.in_server = worker;
	SELECT l.* INTO leader FROM nex_backup.leader_state() l;
	SELECT format('it has waited since %s for a lock of %s', date_trunc('second', min(l.waitstart)),
		string_agg(DISTINCT nex_backup.process_text(b.pid), ', ')) INTO blocked
	FROM pg_locks l, unnest(pg_blocking_pids(l.pid)) b (pid)
	WHERE l.pid = leader.pid AND NOT l.granted AND l.waitstart < clock_timestamp() - interval '2 seconds'
	HAVING count(*) > 0;
	SELECT j.name, j.next_run INTO upcoming FROM nex_backup.jobs j
	WHERE j.enabled AND j.suspended IS NULL AND j.next_run IS NOT NULL ORDER BY j.next_run, j.name LIMIT 1;
	status := 'ok';
	IF pg_is_in_recovery() THEN
		detail := 'waiting: this is a standby';
	ELSIF current_database() <> nex_backup.setting('database') THEN
		detail := format('the jobs are in database "%s"', nex_backup.setting('database'));
	ELSIF nex_backup.setting('scheduler') <> 'on' THEN
		status := 'warning';
		detail := 'off: nex_backup.scheduler is off, so no job starts';
	ELSIF reason IS NOT NULL THEN
		status := 'critical';
		detail := format('suspended: %s; nex_backup_resume_jobs() confirms the jobs', reason);
	ELSIF worker AND NOT nex_backup.is_preloaded() THEN
		status := CASE WHEN jobs > 0 THEN 'critical' ELSE 'ok' END;
		detail := 'off: nex_backup is not in shared_preload_libraries, so no job starts by itself';
	ELSIF seen IS NULL OR seen < clock_timestamp() - interval '3 minutes' THEN
		status := CASE WHEN jobs > 0 THEN 'critical' ELSE 'ok' END;
		detail := concat_ws(': ', format('%s, last seen %s',
			CASE WHEN NOT worker THEN 'no agent is there' WHEN leader.failing IS NULL THEN 'the leader does not answer'
				ELSE 'the leader cannot look at the queue' END,
			CASE WHEN seen IS NULL THEN 'never' ELSE nex_backup.age_text(seen) END), leader.problem, blocked);
	ELSIF jobs > 0 AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.enabled AND j.suspended IS NULL) THEN
		status := 'critical';
		detail := 'running, but all jobs are suspended; nex_backup_resume_jobs() confirms them';
	ELSIF worker AND leader.problem IS NOT NULL THEN
		status := CASE WHEN leader.failing < clock_timestamp() - interval '1 minute' AND jobs > 0
			THEN 'critical' ELSE 'warning' END;
		detail := format('running, but since %s: %s', date_trunc('second', leader.failing),
			concat_ws('; ', leader.problem, blocked));
	ELSIF worker AND blocked IS NOT NULL THEN
		status := 'warning';
		detail := 'running, but ' || blocked;
	ELSIF jobs = 0 AND EXISTS (SELECT FROM nex_backup.jobs) THEN
		detail := 'running, but no job is enabled';
	ELSIF jobs = 0 THEN
		detail := 'running, but there are no jobs; nex_backup_setup_default_jobs() makes some';
	ELSE
		detail := format('running, %s, %s going on, next: %s', nex_backup.count_text(jobs, 'job'),
			nex_backup.count_text((SELECT count(*) FROM nex_backup.leases), 'run'),
			CASE WHEN upcoming.name IS NULL THEN 'none'
				ELSE format('"%s" at %s', upcoming.name, date_trunc('second', upcoming.next_run)) END);
	END IF;
END
$$;
