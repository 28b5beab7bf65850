
--
-- Who works on the queue.  A row says which session that is, and is written when that changes and once an hour.
-- That somebody is still there is known from the session, which costs no WAL.
--
ALTER TABLE nex_backup.executors RENAME TO executor_sessions;
ALTER TABLE nex_backup.executor_sessions
	ADD COLUMN session_pid pg_catalog.int4,
	ADD COLUMN session_started timestamptz;
COMMENT ON TABLE nex_backup.executor_sessions IS 'the leader in the server and the agents, and their sessions';
COMMENT ON COLUMN nex_backup.executor_sessions.last_seen IS 'as of the last change, or an hour ago at most; nex_backup.executors knows better';

-- What the leader of this server has last said of itself: no row without a leader in this database.  advanced: when a
-- turn last succeeded; problem: why the last one did not, and failing since when.  clock: the time it believed in then.
CREATE FUNCTION nex_backup.leader_state(OUT pid int4, OUT advanced timestamptz, OUT clock timestamptz,
	OUT failing timestamptz, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_leader_state'
LANGUAGE C STRICT VOLATILE;

-- Is that session still there?
CREATE FUNCTION nex_backup.session_lives(pid int4, started timestamptz)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM pg_stat_get_activity($1) a WHERE a.pid = $1 AND a.backend_start = $2)
$$;

CREATE VIEW nex_backup.executors AS
	SELECT e.name, e.in_server, e.host, e.pid,
		CASE WHEN e.in_server THEN greatest(e.last_seen, l.advanced)
			WHEN a.pid IS NULL THEN e.last_seen
			-- Without track_activities nobody knows but that it is there.
			ELSE greatest(e.last_seen, coalesce(a.state_change, pg_catalog.clock_timestamp())) END AS last_seen,
		e.detail
	FROM nex_backup.executor_sessions e
		CROSS JOIN (SELECT s.advanced FROM nex_backup.leader_state() s) l
		LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) e.session_pid
			AND a.backend_start OPERATOR(pg_catalog.=) e.session_started;
COMMENT ON VIEW nex_backup.executors IS 'the leader in the server and the agents, as they were last seen';
GRANT SELECT ON nex_backup.executors TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup.leader_state() TO pg_monitor;

-- Whoever could read the table of that name can read the view.
DO $$
DECLARE
	reader pg_catalog.regrole;
BEGIN
	FOR reader IN
		SELECT a.grantee FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) a
		WHERE c.oid OPERATOR(pg_catalog.=) 'nex_backup.executor_sessions'::pg_catalog.regclass
			AND a.privilege_type OPERATOR(pg_catalog.=) 'SELECT' AND a.grantee OPERATOR(pg_catalog.<>) c.relowner
			AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
	LOOP
		EXECUTE pg_catalog.format('GRANT SELECT ON nex_backup.executors TO %s', reader);
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION nex_backup.leader_state() TO %s', reader);
	END LOOP;
END
$$;

-- The role that has called the function of the extension that is at work.  Not that of the session, which may be a
-- superuser's in which somebody's code is evaluated.
CREATE FUNCTION nex_backup.role_of_call()
RETURNS name
AS 'MODULE_PATHNAME', 'nex_backup_role_of_call'
LANGUAGE C STRICT STABLE;

-- Is this a worker of the library, or a call by a superuser?
CREATE FUNCTION nex_backup.works_in_server()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_works_in_server'
LANGUAGE C STRICT VOLATILE;

-- Are agents to work, or is that the server's business?  A superuser may, as it may do anything.
CREATE FUNCTION nex_backup.agents_work()
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.setting('executor') = 'agent' OR nex_backup.works_in_server()
$$;

-- An error, if whoever asks for work says of itself what is not so, or what nobody could show.
CREATE FUNCTION nex_backup.check_executor(name text, in_server bool, host text)
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

-- Note who it is that looks at the queue.  False: that name belongs to another session, which is still there.
CREATE FUNCTION nex_backup.note_executor(name text, in_server bool, host text, pid int4)
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
	-- A session has one name.  Of those that are gone, the last hundred are kept, and none that was not used for long.
	DELETE FROM nex_backup.executor_sessions e
	WHERE e.name <> $1 AND ((e.session_pid, e.session_started) = (session, started) OR e.name = ANY (ARRAY(
		SELECT o.name FROM nex_backup.executor_sessions o
		WHERE o.session_pid IS NULL AND NOT o.in_server
		ORDER BY o.last_seen DESC OFFSET 100))
		OR e.last_seen < clock_timestamp() - interval '90 days');
	RETURN true;
END
$$;

-- An agent that is gone was there until now, unless the server itself was away: seen once, by whoever looks at the
-- queue next.
CREATE FUNCTION nex_backup.note_departures()
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
