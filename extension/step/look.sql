--
-- Is everything of the extension that there is the superusers'?
--

-- What 0.1.0, which is as it was released, has made by this very command, has got default privileges.
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN
		SELECT format('REVOKE %s ON %s %s FROM %s', a.privilege_type, m.kind, m.name,
			CASE WHEN a.grantee = 0 THEN 'PUBLIC'
				ELSE a.grantee::regrole::text END)
		FROM pg_extension e
			JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass
				AND d.refobjid = e.oid AND d.deptype = 'e'
				AND d.xmin = e.xmin
			JOIN (
				SELECT 'pg_proc'::regclass AS class, p.oid, p.proacl AS acl, p.proowner AS owner,
					'f'::"char" AS type, p.pronamespace AS schema, 'FUNCTION' AS kind,
					p.oid::regprocedure::text AS name
				FROM pg_proc p
				UNION ALL
				SELECT 'pg_class'::regclass, c.oid, c.relacl, c.relowner,
					CASE c.relkind::text WHEN 'S' THEN 'S'::"char" ELSE 'r' END, c.relnamespace,
					CASE c.relkind::text WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
					c.oid::regclass::text
				FROM pg_class c
				UNION ALL
				SELECT 'pg_namespace'::regclass, n.oid, n.nspacl, n.nspowner, 'n', 0,
					'SCHEMA', quote_ident(n.nspname)
				FROM pg_namespace n) m
			ON m.class = d.classid AND m.oid = d.objid,
			LATERAL aclexplode(m.acl) a
		WHERE e.extname = 'nex_backup' AND a.grantee <> m.owner
			AND NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = a.grantee
				AND o.rolname ~ '^pg_'
				AND a.privilege_type = ANY (ARRAY['SELECT', 'EXECUTE', CASE m.type::text WHEN 'n' THEN 'USAGE' END]))
			AND EXISTS (SELECT FROM pg_default_acl k, LATERAL aclexplode(k.defaclacl) g
				WHERE k.defaclrole = 0
					AND k.defaclobjtype = m.type AND g.grantee = a.grantee
					AND g.privilege_type = a.privilege_type
					AND k.defaclnamespace = ANY (ARRAY[0, m.schema]))
	LOOP
		EXECUTE command;
	END LOOP;
END
$$;

SELECT pg_catalog.nex_backup_step_check();

