
--
-- Reading manifests into the catalogue.  What is wrong with one is its own warning, by name, and not an error
-- of nex_backup_sync(): so everything that can be wrong must be an error that it expects.
--

-- The head of a manifest that stands in its place; an error if it is not good.
CREATE FUNCTION nex_backup.manifest_head(location text, path text, repository text, database text, id text)
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
			USING ERRCODE = CASE file.problem WHEN 'is missing' THEN 'undefined_file' ELSE 'data_corrupted' END;
	END IF;
	RETURN file.content;
END
$$;

-- Read one backup's manifest into the catalogue; an error if it is not good.  Its tables go there one by one, as they are
-- read, because a manifest may have very many.
CREATE OR REPLACE FUNCTION nex_backup.sync_backup(location pg_catalog.text, repository pg_catalog.text,
	database pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	path text := format('backups/%s/%s', nex_backup.database_directory($3), $4);
	manifest jsonb := nex_backup.manifest_head($1, path, $2, $3, $4);
BEGIN
	PERFORM nex_backup.record_backup($2, $3, $4, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
	INSERT INTO nex_backup.backup_tables (repository, database, backup, schema_name, table_name, rows,
		members, raw_bytes, stored_bytes, heap_bytes)
	SELECT $2, $3, $4, nex_backup.manifest_text(t -> 'schema'), nex_backup.manifest_text(t -> 'name'),
		(t ->> 'rows')::int8, coalesce(m.members, 0), (t ->> 'raw_bytes')::int8,
		(t ->> 'stored_bytes')::int8, (t ->> 'heap_bytes')::int8
	FROM (SELECT CASE WHEN concat_ws('/', e.t ->> 'rows', e.t ->> 'raw_bytes', e.t ->> 'stored_bytes', e.t ->> 'heap_bytes')
					~ '^([0-9]{1,18}/){3}[0-9]{1,18}$'
				AND octet_length(e.t ->> 'schema') <= 300 AND octet_length(e.t ->> 'name') <= 300 THEN e.t END AS t, e.place
			FROM nex_backup.sealed_entries($1, path || '.json', 'tables') WITH ORDINALITY e(t, place)
			-- Once for each.
			OFFSET 0) e
		LEFT JOIN (SELECT (member ->> 'table')::int8 AS place, count(*) AS members
			FROM nex_backup.sealed_entries($1, path || '.json', 'members') member
			WHERE member ->> 'kind' = 'data' AND member ->> 'table' ~ '^[0-9]{1,9}$'
			GROUP BY 1) m ON e.place = m.place + 1;
EXCEPTION WHEN feature_not_supported OR not_null_violation THEN
	RAISE EXCEPTION '%', CASE sqlstate WHEN '23502' THEN 'has a table whose key is missing, too long, or no number in its range'
		ELSE sqlerrm END USING ERRCODE = 'data_corrupted';
END
$$;

-- Read the manifest of a backup of the globals into the catalogue.
CREATE OR REPLACE FUNCTION nex_backup.sync_globals(location pg_catalog.text, repository pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	manifest jsonb := nex_backup.manifest_head($1, 'globals/' || $3, $2, '', $3);
BEGIN
	PERFORM nex_backup.record_backup($2, '', $3, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
END
$$;

-- Read the tool's record of a backup's last verification.  The catalogue may know of a later one, in the server.
-- A record that is not good says nothing of the backup.
CREATE OR REPLACE FUNCTION nex_backup.sync_verification(location pg_catalog.text, directory pg_catalog.text,
	repository pg_catalog.text, database pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	path text := format('%s/%s.verified', $2, $5);
	file record;
	verified timestamptz;
BEGIN
	SELECT f.content, f.problem INTO file FROM nex_backup.sealed_jsonb($1, path) f;
	IF file.problem = 'is missing' THEN
		RETURN;
	END IF;
	IF file.problem IS NULL THEN
		BEGIN
			verified := (file.content ->> 'verified')::timestamptz;
			PERFORM nex_backup.check_times(verified);
			file.problem := CASE WHEN file.content ->> 'backup' IS DISTINCT FROM $5 OR verified IS NULL
				THEN 'is no verification record of this backup' END;
		EXCEPTION WHEN data_exception THEN
			file.problem := format('is no verification record: %s', sqlerrm);
		END;
	END IF;
	IF file.problem IS NOT NULL THEN
		RAISE WARNING 'file "%/%" %', $1, path, file.problem
			USING HINT = 'Run "nex_backup verify" for this backup; it writes the record again.';
		RETURN;
	END IF;
	UPDATE nex_backup.backups b
	SET verified = me.verified, verified_ok = coalesce(file.content ->> 'result' = 'ok', false),
		verified_inside = coalesce(file.content -> 'checked' ? 'decompressed', false)
	WHERE b.repository = $3 AND b.database = $4 AND b.id = $5
		AND (b.verified IS NULL OR b.verified <= me.verified);
END
$$;
