--
-- When all is there.
--

-- PostgreSQL's own advice: extensions that others call go where only trusted roles may create something.
DO $$
DECLARE
	place record;
BEGIN
	SELECT n.nspname, string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ') AS roles
	INTO place
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace, LATERAL aclexplode(n.nspacl) a
	WHERE e.extname = 'nex_backup' AND a.privilege_type = 'CREATE' AND a.grantee <> 'pg_database_owner'::regrole
		AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee AND r.rolsuper)
	GROUP BY n.nspname;
	IF FOUND THEN
		RAISE WARNING '%', format('schema %I, which has the functions of nex_backup, is open to objects of others', place.nspname)
			USING DETAIL = 'Functions of the same names there can be called in their place, with the rights of whoever calls.',
				HINT = format('REVOKE CREATE ON SCHEMA %I FROM %s; or use CREATE EXTENSION nex_backup SCHEMA with a separate schema.',
					place.nspname, place.roles);
	END IF;
END
$$;

-- A leader that waits for this extension need not wait any longer.
SELECT nex_backup.wake();

