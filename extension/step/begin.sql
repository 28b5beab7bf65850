-- The beginning of each step: the same in all.
--
-- A step runs as a superuser, writes tables of the extension, and calls its functions.  So before that, all of it is
-- locked and looked at.  What looks must not be there already, as it could be anybody's, and its name must not lead to
-- anybody's schema: so these functions are made here, in pg_catalog, where only superusers can make or change something,
-- and dropped by the end of the step.

-- A library that was loaded before the new files were installed does not know them.
DO $$
DECLARE
	target CONSTANT pg_catalog.text := (SELECT e.extversion FROM pg_catalog.pg_extension e
		WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup');
	loaded pg_catalog.text;
BEGIN
	BEGIN
		CREATE FUNCTION pg_catalog.nex_backup_step_version()
		RETURNS pg_catalog.text
		AS 'MODULE_PATHNAME', 'nex_backup_library_version'
		LANGUAGE C STRICT STABLE;
		CREATE FUNCTION pg_catalog.nex_backup_step_lock(members pg_catalog.oid[])
		RETURNS pg_catalog.oid
		AS 'MODULE_PATHNAME', 'nex_backup_lock_members'
		LANGUAGE C STRICT VOLATILE;
		CREATE FUNCTION pg_catalog.nex_backup_step_check()
		RETURNS pg_catalog.void
		AS 'MODULE_PATHNAME', 'nex_backup_check_members'
		LANGUAGE C STRICT VOLATILE;
		loaded := pg_catalog.nex_backup_step_version();
	EXCEPTION WHEN undefined_function THEN
		loaded := NULL;
	END;
	IF loaded IS NULL
		OR pg_catalog.string_to_array(loaded, '.')::pg_catalog.int4[] OPERATOR(pg_catalog.<)
			pg_catalog.string_to_array(target, '.')::pg_catalog.int4[] THEN
		RAISE EXCEPTION '%', pg_catalog.concat('the library nex_backup that the server has loaded is ',
				'of version ' OPERATOR(pg_catalog.||) loaded OPERATOR(pg_catalog.||) ', ', 'older than version ', target)
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'Nothing was changed.',
				HINT = 'Restart the server, then run ALTER EXTENSION nex_backup UPDATE again. If the library is not in shared_preload_libraries, reconnecting is enough.';
	END IF;
END
$$;

-- Everything of the extension, before anything is changed, and without a deadlock: what is in use is waited for while
-- nothing is held, and not for long at a time, as the one who holds it may wait for somebody who is behind us.  A
-- lock_timeout of the session bounds it all.
DO $$
DECLARE
	extension CONSTANT pg_catalog.oid := (SELECT e.oid FROM pg_catalog.pg_extension e
		WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup');
	in_the_way pg_catalog.oid;
	first pg_catalog.oid;
	begun CONSTANT timestamptz := pg_catalog.clock_timestamp();
	lock_timeout CONSTANT pg_catalog.text := pg_catalog.current_setting('lock_timeout');
	longest CONSTANT interval := lock_timeout::interval;
BEGIN
	LOOP
		first := in_the_way;
		BEGIN
			PERFORM pg_catalog.set_config('lock_timeout', '2s', true);
			in_the_way := pg_catalog.nex_backup_step_lock(ARRAY(
				SELECT c.oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.objid
				WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
					AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
					AND d.refobjid OPERATOR(pg_catalog.=) extension AND d.deptype OPERATOR(pg_catalog.=) 'e'
				ORDER BY COALESCE(c.oid OPERATOR(pg_catalog.<>) first, true), c.oid));
			PERFORM pg_catalog.set_config('lock_timeout', lock_timeout, true);
			EXIT WHEN in_the_way IS NULL;
			RAISE EXCEPTION USING ERRCODE = 'lock_not_available';
		EXCEPTION WHEN lock_not_available THEN
			IF longest OPERATOR(pg_catalog.>) interval '0'
				AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) begun OPERATOR(pg_catalog.>) longest THEN
				RAISE EXCEPTION 'canceling the update of nex_backup due to lock timeout, as % is in use',
						COALESCE(in_the_way::pg_catalog.regclass::pg_catalog.text, 'a table of it')
					USING ERRCODE = 'lock_not_available', DETAIL = 'Nothing was changed.', HINT = 'Try again.';
			END IF;
		END;
		PERFORM pg_catalog.pg_sleep(0.2);
	END LOOP;
END
$$;

-- Default privileges of whoever creates the extension are for what that role makes for its users.  While a step makes
-- something, they are out of the way.
UPDATE pg_catalog.pg_default_acl a
SET defaclrole = 0::pg_catalog.oid
FROM pg_catalog.pg_roles r
WHERE r.oid OPERATOR(pg_catalog.=) a.defaclrole AND r.rolname OPERATOR(pg_catalog.=) CURRENT_USER;

-- What the first step, which is as it was released, has made by this very command, has got them.
DO $$
DECLARE
	command pg_catalog.text;
BEGIN
	FOR command IN
		SELECT pg_catalog.format('REVOKE %s ON %s %s FROM %s', a.privilege_type, m.kind, m.name,
			CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
				ELSE a.grantee::pg_catalog.regrole::pg_catalog.text END)
		FROM pg_catalog.pg_extension e
			JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
				AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
				AND d.xmin OPERATOR(pg_catalog.=) e.xmin
			JOIN (
				SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass AS class, p.oid, p.proacl AS acl, p.proowner AS owner,
					'f'::"char" AS type, p.pronamespace AS schema, 'FUNCTION' AS kind,
					p.oid::pg_catalog.regprocedure::pg_catalog.text AS name
				FROM pg_catalog.pg_proc p
				UNION ALL
				SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relacl, c.relowner,
					CASE c.relkind::pg_catalog.text WHEN 'S' THEN 'S'::"char" ELSE 'r' END, c.relnamespace,
					CASE c.relkind::pg_catalog.text WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
					c.oid::pg_catalog.regclass::pg_catalog.text
				FROM pg_catalog.pg_class c
				UNION ALL
				SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, n.nspacl, n.nspowner, 'n', 0::pg_catalog.oid,
					'SCHEMA', pg_catalog.quote_ident(n.nspname)
				FROM pg_catalog.pg_namespace n) m
			ON m.class OPERATOR(pg_catalog.=) d.classid AND m.oid OPERATOR(pg_catalog.=) d.objid,
			LATERAL pg_catalog.aclexplode(m.acl) a
		WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup' AND a.grantee OPERATOR(pg_catalog.<>) m.owner
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles o WHERE o.oid OPERATOR(pg_catalog.=) a.grantee
				AND o.rolname OPERATOR(pg_catalog.~) '^pg_'
				AND a.privilege_type OPERATOR(pg_catalog.=) ANY (ARRAY['SELECT', 'EXECUTE', CASE m.type::pg_catalog.text WHEN 'n' THEN 'USAGE' END]))
			AND EXISTS (SELECT FROM pg_catalog.pg_default_acl k, LATERAL pg_catalog.aclexplode(k.defaclacl) g
				WHERE k.defaclrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid
					AND k.defaclobjtype OPERATOR(pg_catalog.=) m.type AND g.grantee OPERATOR(pg_catalog.=) a.grantee
					AND g.privilege_type OPERATOR(pg_catalog.=) a.privilege_type
					AND k.defaclnamespace OPERATOR(pg_catalog.=) ANY (ARRAY[0::pg_catalog.oid, m.schema]))
	LOOP
		EXECUTE command;
	END LOOP;
END
$$;

SELECT pg_catalog.nex_backup_step_check();

