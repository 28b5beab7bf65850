
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
