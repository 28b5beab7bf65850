
--
-- What the tool reports of a run whose executor was killed belongs to that run, which is not two.
--

-- The run that this session works for, if it may say so, and locks it.  The application_name is anybody's to set:
-- so the run must be going on, be executed by the very role that reports, and be of a kind and a database that
-- report this.  What is then written never changes the state of the run, which is the executor's.  When the server's
-- worker was killed, the run may be settled before the tool, which then stops, has said so: that is a superuser's session.
CREATE OR REPLACE FUNCTION nex_backup.run_of_session(event text, repository text, database text)
RETURNS int8
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.id
	FROM nex_backup.runs r
		JOIN nex_backup.job_kinds k ON k.kind = r.kind
	WHERE r.id = substring(current_setting('application_name') FROM '^nex_backup:run:([0-9]{1,18})$')::int8
		AND CASE WHEN r.state = ANY (ARRAY['starting', 'running'])
				THEN EXISTS (SELECT FROM nex_backup.leases l WHERE l.run = r.id AND l.session_role = nex_backup.role_of_call()
					AND (l.in_server OR l.lease_until > clock_timestamp()))
			ELSE r.state = 'crashed' AND r.executor IS NOT NULL AND r.finished > nex_backup.now() - interval '10 minutes'
				AND (SELECT o.rolsuper FROM pg_roles o WHERE o.rolname = nex_backup.role_of_call()) END
		AND k.records = $1
		AND (r.repository IS NULL OR r.repository = $2)
		-- Of another server than main, reports name LABEL@database.
		AND (r.database IS NULL OR r.database = $3 OR (r.definition #>> '{options,server}') || '@' || r.database = $3)
		AND (r.kind <> 'globals' OR $3 = coalesce(nullif(r.definition #>> '{options,server}', 'main') || '@', ''))
	FOR UPDATE OF r
$$;

-- As for runs: what is reported twice is there once, and what is reported of two sets of configuration files, twice.
DROP INDEX nex_backup.run_reports_once;
CREATE UNIQUE INDEX run_reports_once ON nex_backup.run_reports
	(run, event, repository, COALESCE(database, ''), COALESCE(backup, ''), COALESCE(left(details ->> 'set', 220), ''), started);

-- Add a report to its run.  Of a single one, the run tells all; of several, what they have in common.
CREATE OR REPLACE FUNCTION nex_backup.add_report(report nex_backup.run_reports, tool text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	reports int8;
BEGIN
	INSERT INTO nex_backup.run_reports SELECT report.*
	ON CONFLICT (run, event, repository, COALESCE(database, ''), COALESCE(backup, ''),
		COALESCE(left(details ->> 'set', 220), ''), started) DO UPDATE
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

-- What is kept of a report that belongs to a run, and of its details: of one that a role without a right to read server files
-- makes, little once there is a megabyte of them, and none that is new beyond so many.
CREATE OR REPLACE FUNCTION nex_backup.bounded_report(report nex_backup.run_reports, vouched bool)
RETURNS nex_backup.run_reports
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounded nex_backup.run_reports := report;
	reports int8;
	bytes int8;
BEGIN
	IF vouched THEN
		RETURN report;
	END IF;
	SELECT count(*), sum(p.bytes) INTO reports, bytes
	FROM (SELECT pg_column_size(p.details) + coalesce(pg_column_size(p.error), 0) AS bytes FROM nex_backup.run_reports p
		WHERE p.run = report.run LIMIT 10000) p;
	IF reports >= 10000 AND NOT EXISTS (SELECT FROM nex_backup.run_reports p
			WHERE p.run = report.run AND p.event = report.event AND p.repository = report.repository
				AND coalesce(p.database, '') = coalesce(report.database, '') AND coalesce(p.backup, '') = coalesce(report.backup, '')
				AND COALESCE(left(p.details ->> 'set', 220), '') = COALESCE(left(report.details ->> 'set', 220), '')
				AND p.started = report.started) THEN
		RAISE EXCEPTION '10000 reports of run % are recorded already', report.run
			USING ERRCODE = 'configuration_limit_exceeded';
	END IF;
	IF bytes + octet_length(report.details::text) > 1048576 THEN
		bounded.details := nex_backup.short_details(report.details);
		bounded.error := left(report.error, 200);
	END IF;
	RETURN bounded;
END
$$;
