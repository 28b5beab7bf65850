
--
-- Backups of the globals: roles and tablespaces. Their database is '', which no database is called.
--
ALTER TABLE nex_backup.backups ADD COLUMN kind pg_catalog.text
	GENERATED ALWAYS AS (CASE WHEN database OPERATOR(pg_catalog.=) '' THEN 'globals' ELSE 'database' END) STORED;
COMMENT ON COLUMN nex_backup.backups.database IS 'name of the database; empty for a backup of the globals';
COMMENT ON COLUMN nex_backup.backups.kind IS 'database, or globals: roles and tablespaces';

-- "backup of invoices", "globals", "verify of globals"
CREATE FUNCTION nex_backup.owner_text(what pg_catalog.text, database pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN database <> '' THEN format('%s of %s', what, database)
		WHEN what = 'backup' THEN 'globals' ELSE what || ' of globals' END
$$;
GRANT EXECUTE ON FUNCTION nex_backup.owner_text(pg_catalog.text, pg_catalog.text) TO pg_monitor;

-- What makes a manifest, whose seal is good, not the one that must stand in its place; NULL if nothing does.
CREATE OR REPLACE FUNCTION nex_backup.manifest_problem(manifest pg_catalog.jsonb, repository pg_catalog.text,
	database pg_catalog.text, id pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN $1 ->> 'format' IS DISTINCT FROM '1'
			THEN format('has format %s, which is unknown to this version', coalesce($1 ->> 'format', 'none'))
		WHEN $1 ->> 'repository' IS DISTINCT FROM $2 THEN 'belongs to another repository'
		WHEN $3 = '' AND $1 ->> 'kind' IS DISTINCT FROM 'globals' THEN 'is not that of a backup of the globals'
		WHEN $3 <> '' AND nex_backup.manifest_text($1 #> '{database,name}') IS DISTINCT FROM $3
			THEN 'belongs to another database'
		WHEN $1 ->> 'id' IS DISTINCT FROM $4 THEN 'belongs to another backup'
		WHEN coalesce($1 ->> 'codec', '') <> ALL (ARRAY['zstd', 'gzip', 'none']) THEN 'names an unknown codec'
		WHEN jsonb_typeof($1 -> 'objects') IS DISTINCT FROM 'array' THEN 'has no list of objects'
		END
$$;

-- Read the manifest of a backup of the globals into the catalogue.
CREATE FUNCTION nex_backup.sync_globals(location pg_catalog.text, repository pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	path text := 'globals/' || $3;
	file record;
	manifest jsonb;
	problem text;
BEGIN
	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed($1, path || '.json') f;
	problem := file.problem;
	IF problem IS NULL THEN
		manifest := file.content::jsonb;
		problem := nex_backup.manifest_problem(manifest, $2, '', $3);
	END IF;
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION '%', problem
			USING ERRCODE = CASE problem WHEN 'is missing' THEN 'undefined_file' ELSE 'data_corrupted' END;
	END IF;
	PERFORM nex_backup.record_backup($2, '', $3, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
END
$$;

-- Read the tool's record of a backup's last verification.  The catalogue may know of a later one, in the server.
CREATE FUNCTION nex_backup.sync_verification(location pg_catalog.text, directory pg_catalog.text,
	repository pg_catalog.text, database pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	record jsonb;
	verified timestamptz;
BEGIN
	SELECT f.content::jsonb INTO record
	FROM nex_backup.read_sealed($1, format('%s/%s.verified', $2, $5)) f
	WHERE f.problem IS NULL;
	IF record ->> 'backup' = $5 THEN
		verified := (record ->> 'verified')::timestamptz;
		UPDATE nex_backup.backups b
		SET verified = me.verified, verified_ok = record ->> 'result' = 'ok',
			verified_inside = record -> 'checked' ? 'decompressed'
		WHERE b.repository = $3 AND b.database = $4 AND b.id = $5
			AND (b.verified IS NULL OR b.verified <= me.verified);
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION nex_backup_sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
	OUT removed pg_catalog.int8, OUT damaged pg_catalog.int8)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := rtrim(repository, '/');
	repository_id text;
	entry record;
	seen text[] := '{}';
	last_notice timestamptz := clock_timestamp();
BEGIN
	PERFORM nex_backup.check_caller();
	repository_id := nex_backup.repository_id(location);
	backups := 0;
	damaged := 0;
	PERFORM nex_backup.record_repository(repository_id, location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(repository_id, nex_backup.frame_encryption(location));
	FOR entry IN
		SELECT nex_backup.directory_database(substr(directory, length('backups/') + 1)) AS database, directory,
			left(name, -length('.json')) AS id
		FROM (SELECT 'backups/' || d AS directory FROM nex_backup.list_directory(location, 'backups') d) directories,
			nex_backup.list_directory(location, directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		UNION ALL
		SELECT '', 'globals', left(name, -length('.json'))
		FROM nex_backup.list_directory(location, 'globals') name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
		IF entry.database IS NULL THEN
			damaged := damaged + 1;
			RAISE WARNING '"%/%" is not the directory of a database', location, entry.directory;
			CONTINUE;
		END IF;
		BEGIN
			IF entry.database = '' THEN
				PERFORM nex_backup.sync_globals(location, repository_id, entry.id);
			ELSE
				PERFORM nex_backup.sync_backup(location, repository_id, entry.database, entry.id);
			END IF;
			PERFORM nex_backup.sync_verification(location, entry.directory, repository_id, entry.database, entry.id);
			backups := backups + 1;
			seen := seen || (entry.database || '/' || entry.id);
		EXCEPTION
			WHEN undefined_file THEN
				-- Expired since the directory was read.
				NULL;
			WHEN data_exception OR data_corrupted OR integrity_constraint_violation OR program_limit_exceeded THEN
				damaged := damaged + 1;
				RAISE WARNING 'file "%/%/%.json" %', location, entry.directory, entry.id, sqlerrm;
				-- It is still there, but no longer good, unless the catalogue alone cannot hold it.
				seen := seen || (entry.database || '/' || entry.id);
				UPDATE nex_backup.backups b
				SET verified = clock_timestamp(), verified_ok = false
				WHERE b.repository = me.repository_id AND b.database = entry.database AND b.id = entry.id
					AND sqlstate = 'XX001';
		END;
		IF clock_timestamp() > last_notice + interval '10 seconds' THEN
			RAISE NOTICE '% backups read', backups;
			last_notice := clock_timestamp();
		END IF;
	END LOOP;
	DELETE FROM nex_backup.backups b
	WHERE b.repository = me.repository_id AND b.database || '/' || b.id <> ALL (seen);
	GET DIAGNOSTICS removed = ROW_COUNT;
END
$$;

--
-- Scheduled, like everything else.
--
INSERT INTO nex_backup.job_kinds (kind, argv, takes_database, needs_database, description, records) VALUES
	('globals', '{globals,backup,--no-password,--repo=%location,--type=%type,%options}', false, false,
		'back up roles and tablespaces', 'backup'),
	('backup-all', '{backup,--all,--no-password,--repo=%location,--type=%type,%options}', false, false,
		'back up roles and tablespaces, and every database', 'backup');
INSERT INTO nex_backup.job_options (kind, option, pattern) VALUES
	('globals', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('backup-all', 'jobs', '[1-9][0-9]?'),
	('backup-all', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('backup-all', 'chunk-blocks', '[1-9][0-9]{0,5}'),
	('backup-all', 'lock-wait-timeout', '[0-9]{1,6}(s|min|h|d)?'),
	('backup-all', 'exclude-database', '[^"=]{1,200}');
