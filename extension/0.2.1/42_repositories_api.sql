
--
-- What reads repositories in the name of its caller, behind the gate (see 40_runs_api.sql).
--

-- Hash every file of a backup, and record the result.
CREATE FUNCTION nex_backup.verify(backup pg_catalog.text, repository pg_catalog.text,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	place record;
	path text;
	file record;
	manifest jsonb;
	suffix text;
	listing text;
	problem text;
	object record;
	total int8;
	started timestamptz := clock_timestamp();
	last_notice timestamptz := clock_timestamp();
	outcome text;
	wrong int8 := 0;
	-- So many are told; of the others, how many.
	most CONSTANT int4 := 1000;
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	path := format('%s/%s', nex_backup.backup_directory(place.database), place.id);
	objects := 0;
	bytes := 0;
	bad := '{}';

	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed(place.location, path || '.json') f;
	problem := file.problem;
	IF problem IS NULL THEN
		BEGIN
			manifest := file.content::jsonb;
			problem := nex_backup.manifest_problem(manifest, place.repository_id, place.database, place.id);
			IF problem IS NULL AND EXISTS (SELECT
				FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
				WHERE NOT (coalesce(o ->> 'id', '') ~ '^[0-9a-f]{64}$'
					AND coalesce(o ->> 'bytes', '') ~ '^[0-9]{1,18}$')) THEN
				problem := 'names an object that cannot be one';
			END IF;
		EXCEPTION WHEN data_exception THEN
			problem := 'is not JSON';
		END;
	END IF;
	IF problem IS NOT NULL THEN
		bad := bad || format('%s.json: %s', path, problem);
		wrong := wrong + 1;
	ELSE
		suffix := nex_backup.object_suffix(manifest);

		-- The listing is a function of the manifest.
		SELECT coalesce(string_agg(format(E'%s  objects/%s/%s%s\n', o ->> 'id', left(o ->> 'id', 2), o ->> 'id',
			suffix), '' ORDER BY position), '')
		INTO listing
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') WITH ORDINALITY e(o, position);
		problem := nex_backup.check_file(place.location, path || '.sha256', octet_length(listing),
			encode(sha256(convert_to(listing, 'UTF8')), 'hex'));
		IF problem IS NOT NULL THEN
			bad := bad || format('%s.sha256: %s', path, problem);
			wrong := wrong + 1;
		END IF;

		SELECT count(DISTINCT o ->> 'id') INTO total
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o;
		FOR object IN
			SELECT DISTINCT ON (o ->> 'id') format('objects/%s/%s%s', left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
				(o ->> 'bytes')::int8 AS bytes, o ->> 'id' AS id
			FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
		LOOP
			problem := nex_backup.check_file(place.location, object.path, object.bytes, object.id);
			IF problem IS NOT NULL THEN
				wrong := wrong + 1;
				IF wrong <= most THEN
					bad := bad || format('%s: %s', object.path, problem);
				END IF;
			END IF;
			objects := objects + 1;
			bytes := bytes + object.bytes;
			IF clock_timestamp() > last_notice + interval '10 seconds' THEN
				RAISE NOTICE '% of % objects verified, %', objects, total, pg_size_pretty(bytes);
				last_notice := clock_timestamp();
			END IF;
		END LOOP;

		-- The manifest is what goes first when a backup expires: then missing objects are no damage.
		IF cardinality(bad) > 0 AND EXISTS (SELECT FROM nex_backup.read_sealed(place.location, path || '.json') f
			WHERE f.problem = 'is missing') THEN
			RAISE EXCEPTION 'backup "%/%" was removed while it was verified',
				CASE place.database WHEN '' THEN 'globals' ELSE place.database END, place.id
				USING ERRCODE = 'undefined_object';
		END IF;
	END IF;

	IF wrong > most THEN
		bad := bad || format('and %s more', wrong - most);
	END IF;
	outcome := CASE WHEN wrong = 0 THEN 'ok' ELSE 'failed' END;
	result := outcome;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(place.repository_id, nex_backup.frame_encryption(place.location));
	UPDATE nex_backup.backups b
	SET verified = clock_timestamp(), verified_ok = me.outcome = 'ok', verified_inside = false
	WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1], nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'bad_count', wrong, 'objects', objects, 'bytes', bytes));
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_verify(backup pg_catalog.text, repository pg_catalog.text DEFAULT NULL,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- What cannot be looked into below a repository; database NULL: it may hold backups of any.
CREATE FUNCTION nex_backup.unclear_directories(repository text, OUT directory text, OUT database text, OUT problem text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_unclear_directories'
LANGUAGE C STRICT VOLATILE;

-- Who holds rows of the catalogue that could not be locked in time: the error.
CREATE FUNCTION nex_backup.raise_locked(location text)
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
	RAISE EXCEPTION 'could not lock the rows of repository "%" in the catalogue in time', $1
		USING ERRCODE = 'lock_not_available',
			DETAIL = coalesce(format('Process %s of role "%s" has changed the catalogue in a transaction that it began at %s.',
				holder.pid, holder.usename, holder.xact_start), 'Another session had locked them.'),
			HINT = coalesce(format('When it has ended, or is ended by SELECT pg_terminate_backend(%s), try again.', holder.pid),
				'Try again.');
END
$$;

-- Rebuild the catalogue of a repository.
CREATE FUNCTION nex_backup.sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
	OUT removed pg_catalog.int8, OUT damaged pg_catalog.int8)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '20s'
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := rtrim(repository, '/');
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
	PERFORM nex_backup.record_repository(repository_id, location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(repository_id, nex_backup.frame_encryption(location));
	-- What cannot be looked into may hold the backups that the catalogue knows: their rows stay.
	FOR entry IN SELECT u.directory, u.database, u.problem FROM nex_backup.unclear_directories(location) u ORDER BY u.directory
	LOOP
		damaged := damaged + 1;
		unclear := unclear || entry.directory;
		of_databases := of_databases || coalesce(entry.database, '');
		any_database := any_database OR entry.database IS NULL;
		RAISE WARNING '"%/%" %', location, entry.directory, entry.problem
			USING DETAIL = 'What the catalogue knows of the backups that may be there is kept.',
				HINT = CASE WHEN entry.problem ~ 'symbolic link'
					THEN 'Mount the other disk there ("mount --bind"), or put the directory itself in its place.'
					ELSE 'Give it back its name, place and owner, or move it out of the repository if there are no backups in it.' END;
	END LOOP;
	FOR entry IN
		SELECT nex_backup.directory_database(substr(directory, length('backups/') + 1)) AS database, directory,
			left(name, -length('.json')) AS id
		FROM (SELECT 'backups/' || d AS directory FROM nex_backup.list_directory(location, CASE WHEN 'backups' = ANY (unclear)
				THEN 'nowhere' ELSE 'backups' END) d WHERE 'backups/' || d <> ALL (unclear)) directories,
			nex_backup.list_directory(location, directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		UNION ALL
		SELECT '', 'globals', left(name, -length('.json'))
		FROM nex_backup.list_directory(location, CASE WHEN 'globals' = ANY (unclear) THEN 'nowhere' ELSE 'globals' END) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
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
					AND sqlstate = 'XX001' AND sqlerrm <> 'may not be read by the server';
		END;
		IF clock_timestamp() > last_notice + interval '10 seconds' THEN
			RAISE NOTICE '% backups read', backups;
			last_notice := clock_timestamp();
		END IF;
	END LOOP;
	DELETE FROM nex_backup.backups b
	WHERE b.repository = me.repository_id AND b.database || '/' || b.id <> ALL (seen)
		AND CASE WHEN b.database = '' THEN 'globals' <> ALL (unclear)
			ELSE NOT any_database AND b.database <> ALL (of_databases) END;
	GET DIAGNOSTICS removed = ROW_COUNT;
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
	OUT removed pg_catalog.int8, OUT damaged pg_catalog.int8)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;
