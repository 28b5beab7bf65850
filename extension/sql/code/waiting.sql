--
-- Runs that do not start.
--

-- "run 12 of job "x"", for people.
CREATE OR REPLACE FUNCTION nex_backup.run_text(run int8)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(' ', format('run %s', $1), (SELECT format('of job "%s"', r.job) FROM nex_backup.runs r
		WHERE r.id = $1 AND r.job IS NOT NULL))
$$;

-- Why has a run not started?  held: runs in progress keep it waiting, which ends by itself.
CREATE OR REPLACE FUNCTION nex_backup.why_waiting(run nex_backup.runs, OUT held bool, OUT why text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	going_on text;
	worker bool := nex_backup.setting('executor') = 'worker';
BEGIN
	held := true;
	IF (SELECT count(*) FROM nex_backup.leases) >= nex_backup.setting('max_concurrent_runs')::int8 THEN
		SELECT string_agg(nex_backup.run_text(l.run), ', ' ORDER BY l.run) INTO going_on FROM nex_backup.leases l;
		why := format('as many runs are going on as nex_backup.max_concurrent_runs permits: %s', going_on);
		RETURN;
	END IF;
	SELECT string_agg(nex_backup.run_text(l.run), ', ' ORDER BY l.run) INTO going_on
	FROM nex_backup.leases l JOIN nex_backup.runs a ON a.id = l.run
	WHERE a.location IS NOT DISTINCT FROM ($1).location AND a.kind <> 'notify'
	HAVING count(*) >= nex_backup.setting('max_runs_per_repository')::int8;
	IF going_on IS NOT NULL AND ($1).kind <> 'notify' THEN
		why := format('with the same repository as many runs are going on as nex_backup.max_runs_per_repository permits: %s',
			going_on);
		RETURN;
	END IF;
	held := false;
	why := CASE WHEN nex_backup.setting('scheduler') <> 'on' THEN 'nex_backup.scheduler is off'
		WHEN (SELECT s.suspended FROM nex_backup.scheduler s) IS NOT NULL THEN 'the jobs are suspended'
		WHEN NOT worker AND NOT nex_backup.agent_is_there() THEN 'no agent is there'
		WHEN NOT worker THEN 'no agent has taken it'
		WHEN NOT nex_backup.is_preloaded() THEN 'nex_backup is not in shared_preload_libraries'
		ELSE coalesce((SELECT l.problem FROM nex_backup.leader_state() l),
			'no worker has taken it; the server''s log may say why') END;
END
$$;

-- Runs that should have started some seconds ago.  What the server or an agent does not start is a problem
-- immediately; what waits for other runs, after hours.
CREATE OR REPLACE FUNCTION nex_backup.waiting_runs(OUT run int8, OUT job text, OUT kind text, OUT database text, OUT since timestamptz,
	OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT q.id, q.job, q.kind, q.database, q.not_before,
		CASE WHEN nex_backup.now() - q.not_before > CASE WHEN w.held THEN interval '6 hours' ELSE interval '5 minutes' END
			THEN 'critical' WHEN w.held AND nex_backup.now() - q.not_before <= interval '1 hour' THEN 'ok' ELSE 'warning' END,
		format('run %s has not begun yet: it has waited since %s; %s', q.id, date_trunc('second', q.not_before), w.why)
	FROM nex_backup.runs q, nex_backup.why_waiting(q) w
	WHERE q.state = 'queued' AND q.not_before < nex_backup.now() - interval '10 seconds'
		AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = q.job AND j.suspended IS NOT NULL)
	ORDER BY q.id
$$;

-- Raise an alarm about a run that does not start, once.
CREATE OR REPLACE FUNCTION nex_backup.alarm_waiting(run int8, reason text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	waiting nex_backup.runs;
BEGIN
	SELECT r.* INTO waiting FROM nex_backup.runs r WHERE r.id = $1 AND r.state = 'queued';
	IF waiting.id IS NULL OR waiting.kind = 'notify' OR EXISTS (SELECT FROM nex_backup.alarms a
		WHERE a.event = 'missed' AND a.details ->> 'waiting' = $1::text) THEN
		RETURN;
	END IF;
	-- Not an alarm of that run, whose end raises one, too.
	PERFORM nex_backup.raise_alarm('missed', waiting.job, NULL, waiting.database, jsonb_build_object('waiting', $1,
		'due', coalesce(waiting.scheduled_for, waiting.queued), 'starts', true, 'reason', $2));
END
$$;
