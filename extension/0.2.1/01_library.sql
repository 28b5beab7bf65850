-- Names lead to PostgreSQL's objects, or are qualified: what NULLIF, IN, and the like compare by is looked up as well, and
-- in the schema of the extension others may be able to create operators.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The version of the library that this session has loaded.
CREATE FUNCTION nex_backup.library_version()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_library_version'
LANGUAGE C STRICT STABLE;

