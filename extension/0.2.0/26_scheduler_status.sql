
--
-- The status of the scheduler, for nex_backup_status().
--

-- Is there somebody who starts what is due?
CREATE FUNCTION nex_backup.scheduler_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	jobs int8 := (SELECT count(*) FROM nex_backup.jobs j WHERE j.enabled);
	worker bool := nex_backup.setting('executor') = 'worker';
	reason text := (SELECT s.suspended FROM nex_backup.scheduler s);
	seen timestamptz;
	upcoming record;
BEGIN
	SELECT max(e.last_seen) INTO seen FROM nex_backup.executors e WHERE e.in_server = worker;
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
		detail := format('%s, last seen %s', CASE WHEN worker THEN 'the leader does not answer' ELSE 'no agent is there' END,
			coalesce(nex_backup.age_text(seen), 'never'));
	ELSIF jobs = 0 THEN
		detail := 'running, but there are no jobs; nex_backup_setup_default_jobs() makes some';
	ELSE
		detail := format('running, %s, %s going on, next: %s', nex_backup.count_text(jobs, 'job'),
			nex_backup.count_text((SELECT count(*) FROM nex_backup.leases), 'run'),
			coalesce(format('"%s" at %s', upcoming.name, date_trunc('second', upcoming.next_run)), 'none'));
	END IF;
END
$$;

-- Is anybody told of what goes wrong?  What waits in a tool's own queue for a mail server, only the tool knows.
CREATE FUNCTION nex_backup.alarm_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN told.latest IS NULL THEN 'ok' ELSE 'warning' END,
		concat_ws(', ', format('nobody was told of %s', nex_backup.count_text(late.alarms, 'alarm')),
			format('the oldest of %s', nex_backup.age_text(late.oldest)),
			CASE WHEN told.latest IS NULL THEN 'as no notification is configured'
				ELSE format('the last was delivered %s', nex_backup.age_text(told.latest)) END)
	FROM (SELECT count(*) AS alarms, min(a.raised) AS oldest FROM nex_backup.alarms a
			WHERE a.delivered IS NULL AND a.event <> 'first_success'
				AND a.raised < nex_backup.now() - interval '15 minutes') late,
		(SELECT max(a.delivered) AS latest FROM nex_backup.alarms a) told
	WHERE late.alarms > 0
$$;

-- The scheduler, and each job that somebody should look at.
CREATE FUNCTION nex_backup.scheduler_status(OUT place int4, OUT key text, OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 7, '', 'scheduler', s.status, s.detail FROM nex_backup.scheduler_state() s
	UNION ALL
	SELECT 7, 'notifications', 'notifications', s.status, s.detail FROM nex_backup.alarm_state() s
	WHERE s.status IS NOT NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'critical', format('suspended: %s', j.suspended)
	FROM nex_backup.jobs j
	WHERE j.suspended IS NOT NULL AND j.enabled
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), CASE WHEN again.not_before IS NULL THEN 'critical' ELSE 'warning' END,
		concat_ws('; ',
			format('run %s %s %s: %s', l.id, l.state, nex_backup.age_text(l.finished), coalesce(l.error, l.reason)),
			coalesce((SELECT 'last good run ' || nex_backup.age_text(g.finished) FROM nex_backup.runs g
				WHERE g.job = j.name AND g.state = 'succeeded' ORDER BY g.id DESC LIMIT 1), 'no good run yet'),
			format('tried again at %s', date_trunc('second', again.not_before)))
	FROM nex_backup.jobs j
		CROSS JOIN LATERAL (SELECT r.* FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
			ORDER BY r.id DESC LIMIT 1) l
		LEFT JOIN LATERAL (SELECT r.not_before FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = 'queued' AND r.attempt > 1 ORDER BY r.id DESC LIMIT 1) again ON true
	WHERE j.enabled AND j.suspended IS NULL AND l.state <> 'succeeded'
$$;
REVOKE ALL ON FUNCTION nex_backup.scheduler_state(), nex_backup.alarm_state(), nex_backup.scheduler_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nex_backup.scheduler_state(), nex_backup.alarm_state(), nex_backup.scheduler_status() TO pg_monitor;

-- A leader that has waited for this extension need not wait longer.
SELECT nex_backup.wake();
