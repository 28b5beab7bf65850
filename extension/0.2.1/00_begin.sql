/* extension/nex_backup--0.2.0--0.2.1.sql, made of the parts in extension/0.2.1/ */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION nex_backup UPDATE TO '0.2.1'" to load this file. \quit

-- The version of the library that this session has loaded.  One that was loaded before the new files were
-- installed does not know this function, nor others that follow: say so before anything is changed.
DO $$
BEGIN
	CREATE FUNCTION nex_backup.library_version()
	RETURNS text
	AS 'MODULE_PATHNAME', 'nex_backup_library_version'
	LANGUAGE C STRICT STABLE;
EXCEPTION WHEN undefined_function THEN
	RAISE EXCEPTION 'the library nex_backup that the server has loaded is older than version 0.2.1'
		USING ERRCODE = 'object_not_in_prerequisite_state',
			DETAIL = 'Nothing was changed.',
			HINT = 'Restart the server, then run ALTER EXTENSION nex_backup UPDATE again. If the library is not in shared_preload_libraries, reconnecting is enough.';
END
$$;

