--
-- Who calls, and what that role may do.
--

-- The role that called a public function (gate.c).
CREATE OR REPLACE FUNCTION nex_backup.caller()
RETURNS regrole
AS 'MODULE_PATHNAME', 'nex_backup_gate_caller'
LANGUAGE C STRICT STABLE;

-- Error unless the caller may read server files.
CREATE OR REPLACE FUNCTION nex_backup.check_caller()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_gate_check_caller'
LANGUAGE C STRICT VOLATILE;

-- The role that called the function of the extension that is running.  This need not be the role of the session,
-- which may be a superuser evaluating the code of somebody else.
CREATE OR REPLACE FUNCTION nex_backup.role_of_call()
RETURNS name
AS 'MODULE_PATHNAME', 'nex_backup_role_of_call'
LANGUAGE C STRICT STABLE;

-- Is this a worker of the library, or a call by a superuser?
CREATE OR REPLACE FUNCTION nex_backup.works_in_server()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_works_in_server'
LANGUAGE C STRICT VOLATILE;

-- Should agents work, or does the server?  A superuser may in any case.
CREATE OR REPLACE FUNCTION nex_backup.agents_work()
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.setting('executor') = 'agent' OR nex_backup.works_in_server()
$$;

-- Does a role have the privileges of the role named by a setting?  Superusers have all.
CREATE OR REPLACE FUNCTION nex_backup.has_role(role regrole, name text)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT r.rolsuper OR EXISTS (SELECT FROM pg_roles g
				WHERE g.rolname = $2 AND pg_has_role(r.oid, g.oid, 'USAGE'))
			FROM pg_roles r WHERE r.oid = $1::oid), false)
$$;

-- May a role define jobs?  What a job does, the operating system user of the server does.
CREATE OR REPLACE FUNCTION nex_backup.may_schedule(role regrole)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.has_role($1, nex_backup.setting('required_role'))
$$;

-- May a role run and cancel jobs that others have defined?
CREATE OR REPLACE FUNCTION nex_backup.may_operate(role regrole)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.has_role($1, nex_backup.setting('operator_role'))
$$;

-- Error unless this is the scheduler's database and the role may define jobs.
CREATE OR REPLACE FUNCTION nex_backup.check_may_schedule(role regrole)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF current_database() <> nex_backup.setting('database') THEN
		RAISE EXCEPTION 'the scheduler has its jobs in database "%"', nex_backup.setting('database')
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Connect to that database; its jobs reach all others. The setting nex_backup.database chooses it.';
	END IF;
	IF NOT nex_backup.may_schedule(role) THEN
		RAISE EXCEPTION 'permission denied to schedule backups'
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = format('Only roles with privileges of %I may do this.', nex_backup.setting('required_role'));
	END IF;
END
$$;
