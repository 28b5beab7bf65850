--
-- The beginning of each script.
--
-- Names without a schema are PostgreSQL's, those of operators too, which NULLIF, IN and the like look up without a word of
-- it in the text: in the schema of the extension others may be able to create some.  Our own names have their schema.
--
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Functions may call what comes later; a test looks at their bodies.
SET LOCAL check_function_bodies TO off;

-- What the library does for a script is called by functions that the script makes in pg_catalog, where only superusers can
-- make or change something, and drops at its end: one that is there already could be anybody's.

-- A library that was loaded before the new files were installed does not know them.
DO $$
DECLARE
	target CONSTANT text := (SELECT e.extversion FROM pg_extension e
		WHERE e.extname = 'nex_backup');
	loaded text;
BEGIN
	BEGIN
		CREATE FUNCTION pg_catalog.nex_backup_step_version()
		RETURNS text
		AS 'MODULE_PATHNAME', 'nex_backup_library_version'
		LANGUAGE C STRICT STABLE;
		CREATE FUNCTION pg_catalog.nex_backup_step_lock(members oid[])
		RETURNS oid
		AS 'MODULE_PATHNAME', 'nex_backup_lock_members'
		LANGUAGE C STRICT VOLATILE;
		CREATE FUNCTION pg_catalog.nex_backup_step_check()
		RETURNS void
		AS 'MODULE_PATHNAME', 'nex_backup_check_members'
		LANGUAGE C STRICT VOLATILE;
		loaded := pg_catalog.nex_backup_step_version();
	EXCEPTION WHEN undefined_function THEN
		loaded := NULL;
	END;
	IF loaded IS NULL
		OR string_to_array(loaded, '.')::int4[] <
			string_to_array(target, '.')::int4[] THEN
		RAISE EXCEPTION '%', concat('the library nex_backup that the server has loaded is ',
				'of version ' || loaded || ', ', 'older than version ', target)
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'Nothing was changed.',
				HINT = 'Restart the server, then try again. If the library is not in shared_preload_libraries, reconnecting is enough.';
	END IF;
END
$$;

