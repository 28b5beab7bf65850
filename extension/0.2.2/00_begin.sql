/* extension/nex_backup--0.2.1--0.2.2.sql, made of the parts in extension/0.2.2/ and of three of 0.2.1 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION nex_backup UPDATE TO '0.2.2'" to load this file. \quit

-- The library that this session has loaded may be the one from before the new files were installed: say so before
-- anything is changed.
DO $$
BEGIN
	IF pg_catalog.string_to_array(nex_backup.library_version(), '.')::int4[] OPERATOR(pg_catalog.<) ARRAY[0, 2, 2] THEN
		RAISE EXCEPTION 'the library nex_backup that the server has loaded is of version %, older than version 0.2.2',
				nex_backup.library_version()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'Nothing was changed.',
				HINT = 'Restart the server, then run ALTER EXTENSION nex_backup UPDATE again. If the library is not in shared_preload_libraries, reconnecting is enough.';
	END IF;
END
$$;

