-- The scheduler, and each job that somebody should look at.
CREATE OR REPLACE FUNCTION nex_backup.scheduler_status(OUT place int4, OUT key text, OUT name text, OUT status text, OUT detail text)
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
			'tried again at ' || date_trunc('second', again.not_before))
	FROM nex_backup.jobs j
		CROSS JOIN LATERAL (SELECT r.* FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
			ORDER BY r.id DESC LIMIT 1) l
		LEFT JOIN LATERAL (SELECT r.not_before FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = 'queued' AND r.attempt > 1 ORDER BY r.id DESC LIMIT 1) again ON true
	WHERE j.enabled AND j.suspended IS NULL AND l.state <> 'succeeded'
$$;
