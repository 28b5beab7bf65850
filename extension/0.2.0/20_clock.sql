
--
-- Time, and who asks.  What is decided by the clock asks nex_backup.now(), which a test can
-- set (nex_backup.testing_clock); what only measures asks the server's own clock.
--
CREATE FUNCTION nex_backup.now()
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_now'
LANGUAGE C STRICT VOLATILE;

-- The first time after "after" that a schedule names; an error says what is wrong with the schedule.
CREATE FUNCTION nex_backup.next_run(schedule text, timezone text, after timestamptz)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_next_run'
LANGUAGE C STRICT STABLE;

CREATE FUNCTION nex_backup_next_runs(schedule text, timezone text DEFAULT NULL, n int4 DEFAULT 5,
	after timestamptz DEFAULT NULL, OUT run timestamptz, OUT local_time timestamp)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	zone text := coalesce($2, current_setting('TimeZone'));
BEGIN
	run := coalesce($4, nex_backup.now());
	FOR i IN 1 .. least(coalesce($3, 5), 100000) LOOP
		run := nex_backup.next_run($1, zone, run);
		EXIT WHEN run IS NULL;
		local_time := run AT TIME ZONE zone;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION nex_backup_next_runs(text, text, int4, timestamptz) IS 'when a schedule would run';

-- A setting of ours, whether or not the library was loaded before.
CREATE FUNCTION nex_backup.setting(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_setting'
LANGUAGE C STRICT STABLE;

-- The role outside of all SECURITY DEFINER functions.
CREATE FUNCTION nex_backup.caller()
RETURNS regrole
AS 'MODULE_PATHNAME', 'nex_backup_caller'
LANGUAGE C STRICT STABLE;

-- Has a role the privileges of another that is named by a setting?  Superusers have all.
CREATE FUNCTION nex_backup.has_role(role regrole, name text)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT r.rolsuper OR EXISTS (SELECT FROM pg_roles g
				WHERE g.rolname = $2 AND pg_has_role(r.oid, g.oid, 'USAGE'))
			FROM pg_roles r WHERE r.oid = $1::oid), false)
$$;

-- Who may define jobs: what a job does, the server's operating system user does.
CREATE FUNCTION nex_backup.may_schedule(role regrole)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.has_role($1, nex_backup.setting('required_role'))
$$;

-- Who may run and cancel what others have defined.
CREATE FUNCTION nex_backup.may_operate(role regrole)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.has_role($1, nex_backup.setting('operator_role'))
$$;

-- Has this server been a standby since it was started?  Then its new timeline is that of a promotion.
CREATE FUNCTION nex_backup.was_standby()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_was_standby'
LANGUAGE C STRICT STABLE;

-- At commit, let the leader look at the queue.
CREATE FUNCTION nex_backup.wake()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_wake'
LANGUAGE C STRICT VOLATILE;

GRANT EXECUTE ON FUNCTION nex_backup.now(), nex_backup.next_run(text, text, timestamptz)
	TO pg_monitor, pg_execute_server_program;
REVOKE ALL ON FUNCTION nex_backup_next_runs(text, text, int4, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nex_backup_next_runs(text, text, int4, timestamptz)
	TO pg_monitor, pg_execute_server_program;
GRANT USAGE ON SCHEMA nex_backup TO pg_execute_server_program;
