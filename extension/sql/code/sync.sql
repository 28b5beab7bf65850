--
-- Reading a repository into the catalog.  A damaged manifest is a warning that names it, and not an error of
-- nex_backup_sync(), so everything that can be wrong with one must be an error that is caught there.
--

-- Read the tool's record of the last verification of a backup.  The catalog may know of a later one, in the
-- server.  A damaged record means nothing for the backup.
CREATE OR REPLACE FUNCTION nex_backup.sync_verification(location text, directory text,
	repository text, database text, id text)
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
	good bool;
	inside bool;
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
	good := coalesce(file.content ->> 'result' = 'ok', false);
	inside := coalesce(file.content -> 'checked' ? 'decompressed', false);
	PERFORM nex_backup.note_verification($3, $4, $5, me.verified, good, inside)
	FROM nex_backup.backups b
	WHERE b.repository = $3 AND b.database = $4 AND b.id = $5
		-- The later one counts, unless it did not look for what the earlier one has found.
		AND (b.verified IS NULL OR b.verified <= me.verified OR inside AND NOT good AND NOT b.verified_inside);
END
$$;

-- Read the manifest of a backup into the catalog; an error if it is not good.  Its tables are inserted as they are
-- read, because there may be very many.
CREATE OR REPLACE FUNCTION nex_backup.sync_backup(location text, repository text,
	database text, directory text, id text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	path text := format('%s/%s', $4, $5);
	manifest jsonb := nex_backup.manifest_head($1, path, $2, $3, $5);
BEGIN
	PERFORM nex_backup.record_backup($2, $3, $5, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
	INSERT INTO nex_backup.backup_tables (repository, database, backup, schema_name, table_name, rows,
		members, raw_bytes, stored_bytes, heap_bytes)
	SELECT $2, $3, $5, nex_backup.manifest_text(t -> 'schema'), nex_backup.manifest_text(t -> 'name'),
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

-- Error about rows of the catalog that could not be locked in time, with the session that holds them.
CREATE OR REPLACE FUNCTION nex_backup.raise_locked(location text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder record;
BEGIN
	SELECT a.pid, a.usename, a.xact_start INTO holder
	FROM pg_stat_activity a
	WHERE a.pid <> pg_backend_pid() AND a.xact_start < clock_timestamp() - interval '10 seconds'
		AND EXISTS (SELECT FROM pg_locks l
			WHERE l.pid = a.pid AND l.granted AND l.relation = ANY (ARRAY['nex_backup.repositories'::regclass,
				'nex_backup.backups'::regclass, 'nex_backup.backup_tables'::regclass]) AND l.mode <> 'AccessShareLock')
	ORDER BY a.xact_start LIMIT 1;
	RAISE EXCEPTION 'could not lock the rows of repository "%" in the catalog in time', $1
		USING ERRCODE = 'lock_not_available',
			DETAIL = coalesce(format('Process %s of role "%s" has changed the catalog in a transaction that it began at %s.',
				holder.pid, holder.usename, holder.xact_start), 'Another session had locked them.'),
			HINT = coalesce(format('When it has ended, or is ended by SELECT pg_terminate_backend(%s), try again.', holder.pid),
				'Try again.');
END
$$;

-- Rebuild the catalog of a repository from its manifests.  A damaged manifest causes a warning, and a row that is
-- not good; the rest is read.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_sync(repository text, OUT backups int8,
	OUT removed int8, OUT damaged int8)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.sync(repository text, OUT backups int8,
	OUT removed int8, OUT damaged int8)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE
SET lock_timeout = '20s';

CREATE OR REPLACE FUNCTION nex_backup.gated_sync(repository text, OUT backups int8,
	OUT removed int8, OUT damaged int8)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '20s'
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := nex_backup.trimmed_location(repository);
	repository_id text;
	entry record;
	seen text[] := '{}';
	unclear text[] := '{}';
	of_databases text[] := '{}';
	any_database bool := false;
	last_notice timestamptz := clock_timestamp();
BEGIN
	PERFORM nex_backup.check_caller();
	repository_id := nex_backup.repository_id(location);
	backups := 0;
	damaged := 0;
	IF nex_backup.is_copy(repository_id, location, nex_backup.host_name(),
			(SELECT f.mark FROM nex_backup.file_mark(location, 'nex_backup.json') f), true)
		AND nex_backup.stays_copy(repository_id, location, nex_backup.host_name()) THEN
		RAISE EXCEPTION '"%" is a copy of the repository in "%"', location,
			(SELECT r.location FROM nex_backup.repositories r WHERE r.id = me.repository_id)
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'It takes the place of the repository when that is not there any more and the row of the copy is deleted from nex_backup.copies.';
	END IF;
	PERFORM nex_backup.record_repository(repository_id, location, nex_backup.host_name());
	PERFORM nex_backup.promote_copy(repository_id, location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(repository_id, nex_backup.frame_encryption(location));
	UPDATE nex_backup.repositories r SET mark = f.mark
	FROM nex_backup.file_mark(me.location, 'nex_backup.json') f
	WHERE r.id = me.repository_id AND f.mark IS NOT NULL;
	-- Directories that cannot be read may hold backups that are in the catalog: keep their rows.
	FOR entry IN SELECT u.directory, u.database, u.problem FROM nex_backup.unclear_directories(location) u ORDER BY u.directory
	LOOP
		damaged := damaged + 1;
		unclear := unclear || entry.directory;
		of_databases := of_databases || coalesce(entry.database, '');
		any_database := any_database OR entry.database IS NULL;
		RAISE WARNING '"%/%" %', location, entry.directory, entry.problem
			USING DETAIL = 'What the catalog knows of the backups that may be there is kept.',
				HINT = CASE WHEN entry.problem ~ 'symbolic link'
					THEN 'Mount the other disk there ("mount --bind"), or put the directory itself in its place.'
					WHEN entry.problem ~ '^is empty' THEN 'If a disk belongs there, mount it. If its backups were given up, remove the directory.'
					ELSE 'Give it back its name, place and owner, or move it out of the repository if there are no backups in it.' END;
	END LOOP;
	FOR entry IN
		SELECT o.database, o.directory, left(name, -length('.json')) AS id
		FROM nex_backup.owner_directories(location, unclear) o, nex_backup.list_directory(location, o.directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
		BEGIN
			PERFORM nex_backup.sync_backup(location, repository_id, entry.database, entry.directory, entry.id);
			PERFORM nex_backup.sync_verification(location, entry.directory, repository_id, entry.database, entry.id);
			backups := backups + 1;
			seen := seen || (entry.database || '/' || entry.id);
		EXCEPTION
			WHEN undefined_file THEN
				-- Expired since the directory was read.
				NULL;
			WHEN data_exception OR data_corrupted OR integrity_constraint_violation OR program_limit_exceeded
				OR object_not_in_prerequisite_state THEN
				damaged := damaged + 1;
				RAISE WARNING 'file "%/%/%.json" %', location, entry.directory, entry.id, sqlerrm;
				-- It is still there, but not good any more, unless the catalog cannot store it or the server cannot look.
				seen := seen || (entry.database || '/' || entry.id);
				UPDATE nex_backup.backups b
				SET verified = clock_timestamp(), verified_ok = false, verified_inside = b.verified_inside AND NOT b.verified_ok
				WHERE b.repository = me.repository_id AND b.database = entry.database AND b.id = entry.id
					AND sqlstate = 'XX001';
		END;
		IF clock_timestamp() > last_notice + interval '10 seconds' THEN
			RAISE NOTICE '% backups read', backups;
			last_notice := clock_timestamp();
		END IF;
	END LOOP;
	DELETE FROM nex_backup.backups b
	WHERE b.repository = me.repository_id AND b.database || '/' || b.id <> ALL (seen)
		AND CASE b.kind WHEN 'globals' THEN 'globals' <> ALL (unclear)
			WHEN 'files' THEN NOT ARRAY['config', b.database] && unclear
			ELSE NOT any_database AND b.database <> ALL (of_databases)
				AND regexp_replace(b.database, '^main@', '') <> ALL (of_databases) END;
	GET DIAGNOSTICS removed = ROW_COUNT;
	UPDATE nex_backup.backups b SET gone = NULL
	WHERE b.repository = me.repository_id AND b.gone IS NOT NULL AND b.database || '/' || b.id = ANY (seen);
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;
