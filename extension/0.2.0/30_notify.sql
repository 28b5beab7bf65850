
--
-- Alarms on their way to people: a kind of job that delivers them, so that raising one starts the
-- program, and what that program asks.
--
INSERT INTO nex_backup.job_kinds (kind, argv, takes_database, needs_database, description) VALUES
	('notify', '{notify,--repo=%location,%options}', false, false, 'deliver notifications');
INSERT INTO nex_backup.job_options (kind, option, pattern) VALUES
	('notify', 'check-missed', 'true|false'),
	('notify', 'flush', 'true|false');

-- Alarms that somebody on this host should deliver.  A run's own host comes first, because the tool there knows
-- whether it has told of the run already; if that host is gone, so is what it knew, and others take over.
CREATE FUNCTION nex_backup.alarms_to_deliver(host text, OUT id int8, OUT raised timestamptz, OUT event text,
	OUT job text, OUT run int8, OUT kind text, OUT database text, OUT location text, OUT type text,
	OUT started timestamptz, OUT finished timestamptz, OUT exit_code int4, OUT state text, OUT reason text,
	OUT error text, OUT log_tail text, OUT details jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.id, a.raised, a.event, a.job, a.run, coalesce(r.kind, j.kind, 'backup'), a.database,
		coalesce(r.location, j.repository), coalesce(r.definition ->> 'type', j.type), r.started, r.finished,
		r.exit_code, r.state, r.reason, r.error, right(r.log_tail, 4000), a.details
	FROM nex_backup.alarms a
		LEFT JOIN nex_backup.runs r ON r.id = a.run
		LEFT JOIN nex_backup.jobs j ON j.name = a.job
	WHERE a.delivered IS NULL AND (r.host IS NULL OR r.host = $1 OR r.finished IS NULL
		OR r.finished < nex_backup.now() - interval '5 minutes')
	ORDER BY a.id LIMIT 100
$$;
