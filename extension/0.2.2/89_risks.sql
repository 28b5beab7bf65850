
--
-- Who can do harm to the extension, or take the place of its functions, and is not a superuser.
--

-- The owner of the database or of the schema that it was created in can drop it.  A function of the same name, there or in
-- a schema that is called as a superuser is ("$user"), is called in the place of a function of it: always, if its schema
-- comes first; in the same schema, if the types of its arguments fit a call better.
CREATE OR REPLACE FUNCTION nex_backup.owner_risk()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT o.risk
	FROM (SELECT 1 AS place, d.datdba AS owner, '' AS name,
			format('database %I belongs to role %s, which is not a superuser and can drop the extension with its catalogue',
				d.datname, d.datdba::regrole) AS risk
			FROM pg_database d WHERE d.datname = current_database()
		UNION ALL
		SELECT 2, n.nspowner, '',
			format('schema %I belongs to role %s, which is not a superuser and can drop the extension with its catalogue',
				n.nspname, n.nspowner::regrole)
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'nex_backup' AND n.nspowner <> 'pg_database_owner'::regrole
		UNION ALL
		SELECT 3, p.proowner, f.name,
			format('%s of role %s can be called in the place of a function of the extension: DROP %s removes it', f.name,
				p.proowner::regrole, f.name)
		FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
				AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
			JOIN pg_proc m ON m.oid = d.objid AND m.pronamespace = e.extnamespace
			JOIN pg_proc p ON p.proname = m.proname
			JOIN pg_namespace n ON n.oid = p.pronamespace,
			LATERAL (SELECT format('%s %s', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
				format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))) AS name) f
		WHERE e.extname = 'nex_backup'
			AND (n.oid = e.extnamespace OR EXISTS (SELECT FROM pg_roles s WHERE s.rolsuper AND s.rolname = n.nspname))
			AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = 'pg_proc'::regclass AND o.objid = p.oid
				AND o.refclassid = 'pg_extension'::regclass AND o.refobjid = e.oid AND o.deptype = 'e')) o
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = o.owner AND r.rolsuper)
	ORDER BY o.place, o.name LIMIT 1
$$;

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
			USING DETAIL = format('Functions of the same names there can be called in their place, with the rights of whoever calls.'),
				HINT = format('REVOKE CREATE ON SCHEMA %I FROM %s; or use CREATE EXTENSION nex_backup SCHEMA with a schema of its own.',
					place.nspname, place.roles);
	END IF;
END
$$;
