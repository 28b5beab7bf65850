--
-- Who works on the queue.
--

-- Error if an executor claims to be what it is not, or has a name that cannot be shown.
CREATE OR REPLACE FUNCTION nex_backup.check_executor(name text, in_server bool, host text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $2 AND NOT nex_backup.works_in_server() THEN
		RAISE EXCEPTION 'only a worker of the server may act as one'
			USING ERRCODE = 'insufficient_privilege', HINT = 'An agent gives false as the second argument.';
	END IF;
	PERFORM nex_backup.check_text('name of an executor', $1, 255);
	PERFORM nex_backup.check_text('name of a host', $3, 255);
END
$$;

-- Note which session works on the queue.  Returns false if the name belongs to another session that still exists.
CREATE OR REPLACE FUNCTION nex_backup.note_executor(name text, in_server bool, host text, pid int4)
RETURNS bool
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known nex_backup.executor_sessions;
	session int4 := pg_backend_pid();
	started timestamptz := (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a);
BEGIN
	PERFORM nex_backup.check_executor($1, $2, $3);
	SELECT e.* INTO known FROM nex_backup.executor_sessions e WHERE e.name = $1;
	IF (known.in_server, known.host, known.pid, known.session_pid, known.session_started)
			IS NOT DISTINCT FROM ($2, $3, $4, session, started)
		AND known.last_seen BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp() THEN
		RETURN true;
	END IF;
	IF NOT $2 AND (known.session_pid, known.session_started) IS DISTINCT FROM (session, started)
		AND nex_backup.session_lives(known.session_pid, known.session_started) THEN
		RETURN false;
	END IF;
	INSERT INTO nex_backup.executor_sessions AS e (name, in_server, host, pid, last_seen, session_pid, session_started)
	VALUES ($1, $2, $3, $4, clock_timestamp(), session, started)
	ON CONFLICT (name) DO UPDATE SET in_server = $2, host = $3, pid = $4, last_seen = clock_timestamp(),
		session_pid = session, session_started = started;
	-- A session has one name.  Of agents that are gone, the last hundred are kept, for 90 days.
	DELETE FROM nex_backup.executor_sessions e
	WHERE e.name <> $1 AND ((e.session_pid, e.session_started) = (session, started) OR e.name = ANY (ARRAY(
		SELECT o.name FROM nex_backup.executor_sessions o
		WHERE o.session_pid IS NULL AND NOT o.in_server
		ORDER BY o.last_seen DESC OFFSET 100))
		OR e.last_seen < clock_timestamp() - interval '90 days');
	RETURN true;
END
$$;

-- An agent that is gone was last seen now, unless the server itself was down.  Noted once, by the next session
-- that works on the queue.
CREATE OR REPLACE FUNCTION nex_backup.note_departures()
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.executor_sessions e
	SET session_pid = NULL, session_started = NULL, last_seen =
		CASE WHEN e.session_started < pg_postmaster_start_time() THEN e.last_seen ELSE clock_timestamp() END
	WHERE NOT e.in_server AND e.session_pid IS NOT NULL
		AND NOT EXISTS (SELECT FROM pg_stat_activity a
			WHERE a.pid = e.session_pid AND a.backend_start = e.session_started)
$$;

-- Is an agent connected?
CREATE OR REPLACE FUNCTION nex_backup.agent_is_there()
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.executors e
		WHERE NOT e.in_server AND e.last_seen > clock_timestamp() - interval '2 minutes')
$$;
