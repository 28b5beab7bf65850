--
-- Privileges: nothing of this step is for PUBLIC.  What a step of an extension grants or revokes makes PostgreSQL note
-- all privileges of that object as the extension's own, those that users have granted included, and pg_dump then leaves
-- these out.  So only what is new is touched, and what steps before (0.2.0's, which revoked from all functions) noted
-- of users' grants is taken out again.
--

DO $$
DECLARE
	extension oid := (SELECT e.oid FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup');
	open_to_all pg_catalog.regprocedure;
	command pg_catalog.text;
BEGIN
	FOR open_to_all IN
		SELECT p.oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) d.objid
		WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.refobjid OPERATOR(pg_catalog.=) extension AND d.deptype OPERATOR(pg_catalog.=) 'e'
			AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
				WHERE a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid)
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', open_to_all);
	END LOOP;

	-- An update by another superuser than the one who created the extension must not divide it between two owners: a
	-- function runs as its owner, and needs what the others hold.
	FOR command IN
		SELECT pg_catalog.format('ALTER %s %s OWNER TO %I', m.kind, m.name, pg_catalog.pg_get_userbyid(e.extowner))
		FROM pg_catalog.pg_extension e
			JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
				AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
			JOIN (
				SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass AS class, p.oid, p.proowner AS owner, 'FUNCTION' AS kind,
					p.oid::pg_catalog.regprocedure::pg_catalog.text AS name
				FROM pg_catalog.pg_proc p
				UNION ALL
				SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relowner,
					CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::pg_catalog.regclass::pg_catalog.text
				FROM pg_catalog.pg_class c WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'v']::"char"[])) m
			ON m.class OPERATOR(pg_catalog.=) d.classid AND m.oid OPERATOR(pg_catalog.=) d.objid
		WHERE e.oid OPERATOR(pg_catalog.=) extension AND m.owner OPERATOR(pg_catalog.<>) e.extowner
	LOOP
		EXECUTE command;
	END LOOP;

	-- The owner's privileges and those of predefined roles are the extension's.
	UPDATE pg_catalog.pg_init_privs i
	SET initprivs = own.privileges
	FROM (
		SELECT n.objoid, n.classoid, n.objsubid, pg_catalog.array_agg(u.item ORDER BY u.place) AS privileges
		FROM pg_catalog.pg_init_privs n
			JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) n.classoid
				AND d.objid OPERATOR(pg_catalog.=) n.objoid AND d.objsubid OPERATOR(pg_catalog.=) 0
				AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
				AND d.refobjid OPERATOR(pg_catalog.=) extension AND d.deptype OPERATOR(pg_catalog.=) 'e',
			LATERAL pg_catalog.unnest(n.initprivs) WITH ORDINALITY u(item, place)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.aclexplode(ARRAY[u.item]) a
			WHERE a.grantee OPERATOR(pg_catalog.<>) a.grantor AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
				AND pg_catalog.pg_get_userbyid(a.grantee) OPERATOR(pg_catalog.!~) '^pg_')
		GROUP BY n.objoid, n.classoid, n.objsubid) own
	WHERE i.objoid OPERATOR(pg_catalog.=) own.objoid AND i.classoid OPERATOR(pg_catalog.=) own.classoid
		AND i.objsubid OPERATOR(pg_catalog.=) own.objsubid
		AND i.initprivs OPERATOR(pg_catalog.<>) own.privileges;
END
$$;
