
--
-- What the tool reports.  While it works for a run that is being executed now, what it reports becomes
-- part of that run, which stays one row of nex_backup.runs however many backups it was about.
--
CREATE TABLE nex_backup.run_reports (
	run pg_catalog.int8 NOT NULL REFERENCES nex_backup.runs ON DELETE CASCADE,
	event text NOT NULL,
	repository text NOT NULL,
	database text,
	backup text,
	state text NOT NULL,
	started timestamptz NOT NULL,
	finished timestamptz,
	exit_code pg_catalog.int4,
	error text,
	details pg_catalog.jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE nex_backup.run_reports IS 'what the tool reported while it worked for a run of the scheduler';
-- As for runs: what is reported twice is there once.
CREATE UNIQUE INDEX run_reports_once ON nex_backup.run_reports
	(run, event, repository, COALESCE(database, ''), COALESCE(backup, ''), started);
GRANT SELECT ON nex_backup.run_reports TO pg_monitor;

-- The run that this session works for, if it may say so, and locks it.  The application_name is anybody's to set:
-- so the run must be going on, be executed by the very role of this session, and be of a kind and a database that
-- report this.  What is then written never changes the state of the run, which is the executor's.
CREATE FUNCTION nex_backup.run_of_session(event text, repository text, database text)
RETURNS int8
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.id
	FROM nex_backup.runs r
		JOIN nex_backup.leases l ON l.run = r.id
		JOIN nex_backup.job_kinds k ON k.kind = r.kind
	WHERE r.id = substring(current_setting('application_name') FROM '^nex_backup:run:([0-9]{1,18})$')::int8
		AND r.state = ANY (ARRAY['starting', 'running'])
		AND l.session_role = session_user AND (l.in_server OR l.lease_until > clock_timestamp())
		AND k.records = $1
		AND (r.repository IS NULL OR r.repository = $2)
		AND (r.database IS NULL OR r.database = $3)
		AND (r.kind <> 'globals' OR $3 = '')
	FOR UPDATE OF r
$$;

-- Add a report to its run.  Of a single one, the run tells all; of several, what they have in common.
CREATE FUNCTION nex_backup.add_report(report nex_backup.run_reports, tool text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	reports int8;
BEGIN
	INSERT INTO nex_backup.run_reports SELECT report.*
	ON CONFLICT (run, event, repository, COALESCE(database, ''), COALESCE(backup, ''), started) DO UPDATE
	SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
		error = EXCLUDED.error, details = EXCLUDED.details;
	SELECT count(*) INTO reports FROM (SELECT FROM nex_backup.run_reports p WHERE p.run = report.run LIMIT 2) p;
	UPDATE nex_backup.runs r
	SET repository = report.repository, tool_version = $2,
		backup = CASE WHEN reports = 1 THEN report.backup END,
		error = CASE WHEN reports = 1 THEN report.error ELSE coalesce(r.error, report.error) END,
		details = CASE WHEN reports = 1 THEN report.details ELSE '{}' END
	WHERE r.id = report.run;
END
$$;

-- The tool's report of something done; extension/README.md describes the payload.
CREATE OR REPLACE FUNCTION nex_backup.record(event pg_catalog.text, payload pg_catalog.jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	repository text := payload #>> '{repository,id}';
	location text := nex_backup.manifest_text(payload #> '{repository,location}');
	host text := nex_backup.manifest_text(payload #> '{repository,host}');
	database text := nex_backup.manifest_text(payload -> 'database');
	backup text := payload ->> 'backup';
	started timestamptz := (payload ->> 'started')::timestamptz;
	finished timestamptz := (payload ->> 'finished')::timestamptz;
	state text := payload ->> 'state';
	exit_code int4 := (payload ->> 'exit_code')::int4;
	error text := nex_backup.manifest_text(payload -> 'error');
	details jsonb := payload - 'repository' - 'manifest' - 'database' - 'backup' - 'started' - 'finished' - 'state'
		- 'exit_code' - 'error' - 'tool';
	run int8;
BEGIN
	IF event IS NULL OR event <> ALL (ARRAY['backup', 'verify', 'restore', 'expire']) THEN
		RAISE EXCEPTION 'unknown event "%"', event
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are backup, verify, restore and expire.';
	END IF;
	IF repository IS NULL OR location IS NULL OR state IS NULL OR started IS NULL THEN
		RAISE EXCEPTION 'the payload lacks a repository, a state or a start time'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF state <> ALL (ARRAY['succeeded', 'failed', 'cancelled']) THEN
		RAISE EXCEPTION 'unknown state "%"', state
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF backup !~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$' THEN
		RAISE EXCEPTION 'invalid backup id "%"', backup
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF event = 'backup' AND state = 'succeeded' AND (database IS NULL OR backup IS NULL
		OR payload #>> '{manifest,snapshot_at}' IS NULL) THEN
		RAISE EXCEPTION 'the payload of a backup that succeeded lacks a database, an id or a manifest'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	PERFORM nex_backup.record_repository(repository, location, host);
	IF payload -> 'repository' ? 'cipher' THEN
		PERFORM nex_backup.note_encryption(repository, payload -> 'repository');
	END IF;

	run := nex_backup.run_of_session(event, repository, database);
	IF run IS NOT NULL THEN
		PERFORM nex_backup.add_report((run, event, repository, database, backup, state, started, finished, exit_code,
			error, details), payload ->> 'tool');
	ELSE
		INSERT INTO nex_backup.runs AS r (kind, repository, database, backup, state, started, finished,
			exit_code, error, tool_version, host, details)
		VALUES (event, repository, database, backup, state, started, finished, exit_code, error, payload ->> 'tool',
			host, details)
		ON CONFLICT (kind, COALESCE(repository, ''), COALESCE(database, ''), COALESCE(backup, ''), started) DO UPDATE
		SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
			error = EXCLUDED.error, tool_version = EXCLUDED.tool_version, host = EXCLUDED.host,
			details = EXCLUDED.details
		-- A run of the scheduler is never rewritten from outside.
		WHERE r.definition IS NULL;
	END IF;

	IF event = 'backup' AND state = 'succeeded' THEN
		PERFORM nex_backup.record_backup(repository, database, backup, payload -> 'manifest',
			payload ->> 'type', started, finished);
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' THEN
		UPDATE nex_backup.backups b
		SET verified = coalesce(me.finished, now()), verified_ok = payload ->> 'result' = 'ok',
			verified_inside = (payload ->> 'inside')::bool
		WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup;
	ELSIF event = 'expire' THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository AND b.database = nex_backup.manifest_text(removed -> 'database')
			AND b.id = removed ->> 'backup';
	END IF;
END
$$;

-- A verification by a run is as many as it reported.
CREATE OR REPLACE VIEW nex_backup.verifications AS
	SELECT r.id AS run, r.repository, r.database, r.backup, r.finished AS verified,
		r.details OPERATOR(pg_catalog.->>) 'result' AS result,
		r.details OPERATOR(pg_catalog.->) 'bad' AS bad
	FROM nex_backup.runs r
	WHERE r.kind OPERATOR(pg_catalog.=) 'verify' AND r.finished IS NOT NULL AND r.definition IS NULL
	UNION ALL
	SELECT p.run, p.repository, p.database, p.backup, p.finished,
		p.details OPERATOR(pg_catalog.->>) 'result',
		p.details OPERATOR(pg_catalog.->) 'bad'
	FROM nex_backup.run_reports p
	WHERE p.event OPERATOR(pg_catalog.=) 'verify' AND p.finished IS NOT NULL;
