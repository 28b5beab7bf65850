--
-- Names and manifests in a repository.  Databases of a server other than main are called LABEL@database in the
-- catalog, and its globals LABEL@; sets of configuration files, which belong to no server, are called config/SET.  A
-- database of main that has such a name is called main@LABEL@database or main@config/SET.
--

CREATE OR REPLACE FUNCTION nex_backup.is_file_set(database text)
RETURNS bool
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $1 ~ '^config/[A-Za-z0-9_-]{1,32}$'
$$;

-- The owner that a report names: a set is not a database, whatever it is called.  NULL if it names none.
CREATE OR REPLACE FUNCTION nex_backup.reported_owner(database text, file_set text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN nex_backup.is_file_set($1) THEN 'main@' || $1 WHEN $1 IS NOT NULL THEN $1
		WHEN nex_backup.is_file_set('config/' || $2) THEN 'config/' || $2 END
$$;

CREATE OR REPLACE FUNCTION nex_backup.database_directory(database text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_database_directory'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;

CREATE OR REPLACE FUNCTION nex_backup.directory_database(directory text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_directory_database'
LANGUAGE C STRICT STABLE PARALLEL SAFE;

-- Directory of the backups of a database, or of the globals.
CREATE OR REPLACE FUNCTION nex_backup.backup_directory(database text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN $1 = '' THEN 'globals' ELSE 'backups/' || nex_backup.database_directory($1) END
$$;

-- The part of an owner's directory that precedes backups/, globals and objects/.
CREATE OR REPLACE FUNCTION nex_backup.server_base(directory text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(substring($1 FROM '^servers/[^/]+/'), '')
$$;

-- Directory of the backups of an owner in a repository.
CREATE OR REPLACE FUNCTION nex_backup.owner_directory(location text, database text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	label text := substring($2 FROM '^([A-Za-z0-9_-]{1,32})@');
	rest text := substr($2, length(label) + 2);
	plain text;
	other text;
BEGIN
	IF nex_backup.is_file_set($2) THEN
		RETURN $2;
	END IF;
	IF label IS NULL THEN
		RETURN nex_backup.backup_directory($2);
	END IF;
	other := CASE label WHEN 'main' THEN '' ELSE format('servers/%s/', label) END || nex_backup.backup_directory(rest);
	IF octet_length($2) > 63 THEN
		RETURN other;
	END IF;
	plain := nex_backup.backup_directory($2);
	RETURN CASE WHEN EXISTS (SELECT FROM nex_backup.list_directory($1, other) f WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$')
			OR NOT EXISTS (SELECT FROM nex_backup.list_directory($1, plain) f WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$')
		THEN other ELSE plain END;
END
$$;

-- All owners whose backups a repository may hold, except directories that cannot be read.
CREATE OR REPLACE FUNCTION nex_backup.owner_directories(location text, unclear text[],
	OUT database text, OUT kind text, OUT directory text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH servers AS (
		SELECT '' AS label, '' AS base
		UNION ALL
		SELECT s, format('servers/%s/', s)
		FROM nex_backup.list_directory($1, CASE WHEN 'servers' = ANY ($2) THEN 'nowhere' ELSE 'servers' END) s
		WHERE s ~ '^[A-Za-z0-9_-]{1,32}$' AND s <> 'main' AND 'servers/' || s <> ALL ($2)
	), owners AS (
		SELECT v.label, nex_backup.directory_database(d) AS name, 'database' AS kind, format('%sbackups/%s', v.base, d) AS directory
		FROM servers v, nex_backup.list_directory($1, CASE WHEN v.base || 'backups' = ANY ($2) THEN 'nowhere'
			ELSE v.base || 'backups' END) d
		WHERE format('%sbackups/%s', v.base, d) <> ALL ($2)
		UNION ALL
		SELECT v.label, '', 'globals', v.base || 'globals' FROM servers v WHERE v.base || 'globals' <> ALL ($2)
		UNION ALL
		SELECT '', 'config/' || d, 'files', 'config/' || d
		FROM nex_backup.list_directory($1, CASE WHEN 'config' = ANY ($2) THEN 'nowhere' ELSE 'config' END) d
		WHERE nex_backup.is_file_set('config/' || d) AND 'config/' || d <> ALL ($2)
	)
	SELECT CASE WHEN o.label <> '' THEN format('%s@%s', o.label, o.name)
			WHEN o.kind = 'database' AND (o.name ~ '^[A-Za-z0-9_-]{1,32}@' OR nex_backup.is_file_set(o.name)) THEN 'main@' || o.name
			ELSE o.name END, o.kind, o.directory
	FROM owners o
$$;

-- Directories where the backups of an owner may be: LABEL@database can be the name of a database, too.
-- owner_directory(), which lists the directories, knows which.
CREATE OR REPLACE FUNCTION nex_backup.possible_directories(database text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN octet_length($1) <= 63 THEN ARRAY[nex_backup.backup_directory($1)] ELSE '{}' END
		|| CASE WHEN octet_length(substr($1, length(n.label) + 2)) <= 63
			THEN ARRAY[CASE n.label WHEN 'main' THEN '' ELSE format('servers/%s/', n.label) END
				|| nex_backup.backup_directory(substr($1, length(n.label) + 2))] ELSE '{}' END
		|| CASE WHEN nex_backup.is_file_set($1) THEN ARRAY[$1] ELSE '{}' END
	FROM (SELECT substring($1 FROM '^([A-Za-z0-9_-]{1,32})@') AS label) n
$$;

-- Text of a name in a manifest: a string, or base64 of bytes that are not UTF-8.
CREATE OR REPLACE FUNCTION nex_backup.manifest_text(value jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_typeof(value) = 'object' THEN encode(decode(value ->> 'base64', 'base64'), 'escape')
		ELSE value #>> '{}' END
$$;

-- What is wrong with a manifest found under the name of this backup.  label is that of its server.
CREATE OR REPLACE FUNCTION nex_backup.manifest_problem(manifest jsonb, repository text,
	database text, id text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN $1 ->> 'format' IS DISTINCT FROM '1'
			THEN format('has format %s, which is unknown to this version', coalesce($1 ->> 'format', 'none'))
		WHEN $1 ->> 'repository' IS DISTINCT FROM $2 THEN 'belongs to another repository'
		WHEN nex_backup.is_file_set($3) AND ($1 ->> 'kind' IS DISTINCT FROM 'files' OR 'config/' || ($1 ->> 'set') IS DISTINCT FROM $3)
			THEN 'is not that of a backup of this set of files'
		WHEN $3 = coalesce($1 #>> '{server,label}' || '@', '') AND $1 ->> 'kind' IS DISTINCT FROM 'globals'
			THEN 'is not that of a backup of the globals'
		WHEN NOT nex_backup.is_file_set($3)
			AND coalesce($1 #>> '{server,label}' || '@', '') || coalesce(nex_backup.manifest_text($1 #> '{database,name}'), '')
				IS DISTINCT FROM $3
			AND ($1 #> '{server,label}' IS NOT NULL OR $1 ->> 'kind' IS NOT DISTINCT FROM 'globals'
				OR 'main@' || nex_backup.manifest_text($1 #> '{database,name}') IS DISTINCT FROM $3)
			THEN 'belongs to another database'
		WHEN $1 ->> 'id' IS DISTINCT FROM $4 THEN 'belongs to another backup'
		WHEN coalesce($1 ->> 'codec', '') <> ALL (ARRAY['zstd', 'gzip', 'none']) THEN 'names an unknown codec'
		WHEN jsonb_typeof($1 -> 'objects') IS DISTINCT FROM 'array' THEN 'has no list of objects'
		END
$$;

-- Head of the manifest of a backup; an error if it is not good.
CREATE OR REPLACE FUNCTION nex_backup.manifest_head(location text, path text, repository text, database text, id text)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file record;
BEGIN
	SELECT f.content, coalesce(f.problem, nex_backup.manifest_problem(f.content, $3, $4, $5)) AS problem INTO file
	FROM nex_backup.sealed_jsonb($1, $2 || '.json') f;
	IF file.problem IS NOT NULL THEN
		RAISE EXCEPTION '%', file.problem
			USING ERRCODE = CASE WHEN file.problem = 'is missing' THEN 'undefined_file'
				WHEN nex_backup.could_not_look(file.problem) THEN 'object_not_in_prerequisite_state' ELSE 'data_corrupted' END;
	END IF;
	RETURN file.content;
END
$$;

-- Suffix of the object names of a backup.
CREATE OR REPLACE FUNCTION nex_backup.object_suffix(manifest jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE $1 ->> 'codec' WHEN 'zstd' THEN '.sql.zst' WHEN 'gzip' THEN '.sql.gz' ELSE '.sql' END
		|| CASE $1 ->> 'cipher' WHEN 'age' THEN '.age' WHEN 'aes-256-gcm' THEN '.nxb' ELSE '' END
$$;

-- When the snapshot of a backup was taken, by the clock of the server; from its id if its manifest does not say.
CREATE OR REPLACE FUNCTION nex_backup.snapshot_time(location text, repository text, database text, directory text, id text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	of_id timestamptz := (left($5, 8) || ' ' || substr($5, 10, 6) || '+00')::timestamptz;
	snapshot timestamptz;
BEGIN
	SELECT b.snapshot_at INTO snapshot FROM nex_backup.backups b
	WHERE b.repository = $2 AND b.database = $3 AND b.id = $5;
	IF snapshot IS NULL THEN
		SELECT (f.content ->> 'snapshot_at')::timestamptz INTO snapshot
		FROM nex_backup.sealed_jsonb($1, format('%s/%s.json', $4, $5)) f WHERE f.problem IS NULL;
	END IF;
	RETURN coalesce(snapshot, of_id);
EXCEPTION WHEN data_exception THEN
	RETURN '-infinity';
END
$$;
