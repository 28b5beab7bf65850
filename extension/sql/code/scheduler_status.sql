--
-- State of the scheduler, for nex_backup_status().
--

-- Is there an executor for what is due?  The leader keeps in memory when its last turn succeeded, and what went
-- wrong in the last one; an agent is connected, and calls advance().
CREATE OR REPLACE FUNCTION nex_backup.scheduler_state(OUT status text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.gated_scheduler_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE
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

-- Are alarms delivered?  What waits in the queue of the tool for a mail server makes its run fail.
CREATE OR REPLACE FUNCTION nex_backup.alarm_state(OUT status text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.gated_alarm_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	late record;
	told timestamptz := (SELECT max(a.delivered) FROM nex_backup.alarms a);
	latest nex_backup.runs;
	again timestamptz;
	waits text := (SELECT w.detail FROM nex_backup.waiting_runs() w WHERE w.kind = 'notify' ORDER BY w.run LIMIT 1);
	failing bool;
BEGIN
	SELECT count(*) AS alarms, min(a.raised) AS oldest INTO late FROM nex_backup.alarms a
	WHERE a.delivered IS NULL AND a.event <> 'first_success';
	SELECT r.* INTO latest FROM nex_backup.runs r
	WHERE r.kind = 'notify' AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
	ORDER BY r.id DESC LIMIT 1;
	SELECT min(r.not_before) INTO again FROM nex_backup.runs r
	WHERE r.kind = 'notify' AND r.state = 'queued' AND r.not_before > nex_backup.now();
	failing := coalesce(latest.state <> 'succeeded', false);
	IF NOT failing AND waits IS NULL AND coalesce(late.oldest >= nex_backup.now() - interval '15 minutes', true) THEN
		RETURN;
	END IF;
	status := CASE WHEN (failing OR waits IS NOT NULL) AND late.oldest < nex_backup.now() - interval '1 hour' THEN 'critical'
		WHEN failing OR waits IS NOT NULL OR told IS NOT NULL THEN 'warning' ELSE 'ok' END;
	detail := concat_ws('; ',
		CASE WHEN late.alarms > 0 THEN format('nobody was told of %s, the oldest of %s',
			nex_backup.count_text(late.alarms, 'alarm'), nex_backup.age_text(late.oldest)) END,
		CASE WHEN failing THEN format('run %s, which delivers them, %s %s: %s', latest.id, latest.state,
			nex_backup.age_text(latest.finished), coalesce(latest.error, latest.reason, 'no reason given')) END,
		'tried again at ' || date_trunc('second', again), waits,
		CASE WHEN told IS NOT NULL THEN format('the last was delivered %s', nex_backup.age_text(told))
			WHEN NOT failing AND waits IS NULL THEN 'no notification is configured' END);
END
$$;

-- The scheduler, and each job that somebody should look at; also that there is no backup, because not every role
-- that may read the status may read where the jobs store backups.
CREATE OR REPLACE FUNCTION nex_backup.scheduler_status(OUT place int4, OUT key text, OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.gated_scheduler_status(OUT place int4, OUT key text, OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 3, '', 'backup', 'critical',
		format('no backup is recorded; run "nex_backup backup", or, if there are backups in a directory, nex_backup_sync(%s), which reads them',
			coalesce((SELECT quote_literal(min(k.location))
				FROM (SELECT j.repository FROM nex_backup.jobs j
					UNION ALL SELECT r.location FROM nex_backup.repositories r) k (location)
				WHERE k.location LIKE '/%'), '''/path/of/the/repository'''))
	WHERE NOT EXISTS (SELECT FROM nex_backup.backups)
	UNION ALL
	SELECT 7, '', 'scheduler', s.status, s.detail FROM nex_backup.scheduler_state() s
	UNION ALL
	SELECT 7, 'guard', 'lock guard', 'warning', g.problem FROM nex_backup.guard_problem() g (problem)
	WHERE g.problem IS NOT NULL
	UNION ALL
	SELECT 7, 'notifications', 'notifications', s.status, s.detail FROM nex_backup.alarm_state() s
	WHERE s.status IS NOT NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'critical', concat_ws(': ', 'suspended', nullif(j.suspended, ''))
	FROM nex_backup.jobs j
	WHERE j.suspended IS NOT NULL AND j.enabled
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'warning',
		format('disabled, so it does not run; nex_backup_alter_job(%1$L, enabled => true) enables it, nex_backup_unschedule(%1$L) removes it',
			j.name)
	FROM nex_backup.jobs j
	WHERE NOT j.enabled
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'warning', format('its schedule "%s" never comes', j.schedule)
	FROM nex_backup.jobs j
	WHERE j.enabled AND j.suspended IS NULL AND j.next_run IS NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'warning',
		format('there is no job "%s" that it could follow; it runs by its schedule only', j.options ->> 'after')
	FROM nex_backup.jobs j
	WHERE j.kind = 'copy' AND j.enabled AND j.options ? 'after'
		AND NOT EXISTS (SELECT FROM nex_backup.jobs a WHERE a.name = j.options ->> 'after')
	UNION ALL
	SELECT 8, coalesce(w.job, ''), CASE WHEN w.job IS NULL THEN format('run %s', w.run) ELSE format('job %s', w.job) END,
		w.status, w.detail
	FROM nex_backup.waiting_runs() w
	WHERE w.kind <> 'notify' OR w.job IS NOT NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), CASE WHEN again.not_before IS NULL THEN 'critical' ELSE 'warning' END,
		concat_ws('; ',
			format('run %s %s %s: %s', l.id, l.state, nex_backup.age_text(l.finished),
				coalesce(l.error, l.reason, 'no reason given')),
			coalesce((SELECT 'last good run ' || nex_backup.age_text(g.finished) FROM nex_backup.runs g
				WHERE g.job = j.name AND g.state = 'succeeded' ORDER BY g.id DESC LIMIT 1), 'no good run yet'),
			'tried again at ' || date_trunc('second', again.not_before))
	FROM nex_backup.jobs j
		CROSS JOIN LATERAL (SELECT r.* FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
			ORDER BY r.id DESC LIMIT 1) l
		LEFT JOIN LATERAL (SELECT r.not_before FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = 'queued' AND r.attempt > 1 ORDER BY r.id DESC LIMIT 1) again ON true
	WHERE j.enabled AND j.suspended IS NULL AND l.state <> 'succeeded'
$$;
