
--
-- Several servers in one repository.  What the catalogue calls a database of another server than main is LABEL@database,
-- and its globals LABEL@; main's are called as they were.  A database of main that has such a name is main@LABEL@database.
--

-- Where the backups of an owner lie in a repository.
CREATE FUNCTION nex_backup.owner_directory(location text, database text)
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

-- What stands before backups/, globals and objects/ of a server, of the directory of an owner.
CREATE FUNCTION nex_backup.server_base(directory text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(substring($1 FROM '^servers/[^/]+/'), '')
$$;

-- All owners whose backups a repository may hold, without what is unclear.
CREATE FUNCTION nex_backup.owner_directories(location text, unclear text[],
	OUT database text, OUT of_globals bool, OUT directory text)
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
		SELECT v.label, nex_backup.directory_database(d) AS name, false AS of_globals, format('%sbackups/%s', v.base, d) AS directory
		FROM servers v, nex_backup.list_directory($1, CASE WHEN v.base || 'backups' = ANY ($2) THEN 'nowhere'
			ELSE v.base || 'backups' END) d
		WHERE format('%sbackups/%s', v.base, d) <> ALL ($2)
		UNION ALL
		SELECT v.label, '', true, v.base || 'globals' FROM servers v WHERE v.base || 'globals' <> ALL ($2)
	)
	SELECT CASE WHEN o.label <> '' THEN format('%s@%s', o.label, o.name)
			WHEN o.name ~ '^[A-Za-z0-9_-]{1,32}@' THEN 'main@' || o.name ELSE o.name END, o.of_globals, o.directory
	FROM owners o
$$;

-- When the snapshot of a backup was taken, by the time of its server; by its id where its manifest cannot tell.
CREATE FUNCTION nex_backup.snapshot_time(location text, repository text, database text, directory text, id text)
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

-- What is wrong with a manifest that was found under the name of this backup; the label is that of its server.
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
		WHEN $3 = coalesce($1 #>> '{server,label}' || '@', '') AND $1 ->> 'kind' IS DISTINCT FROM 'globals'
			THEN 'is not that of a backup of the globals'
		WHEN coalesce($1 #>> '{server,label}' || '@', '') || coalesce(nex_backup.manifest_text($1 #> '{database,name}'), '')
				IS DISTINCT FROM $3
			AND ($1 #> '{server,label}' IS NOT NULL OR $1 ->> 'kind' IS NOT DISTINCT FROM 'globals'
				OR 'main@' || nex_backup.manifest_text($1 #> '{database,name}') IS DISTINCT FROM $3)
			THEN 'belongs to another database'
		WHEN $1 ->> 'id' IS DISTINCT FROM $4 THEN 'belongs to another backup'
		WHEN coalesce($1 ->> 'codec', '') <> ALL (ARRAY['zstd', 'gzip', 'none']) THEN 'names an unknown codec'
		WHEN jsonb_typeof($1 -> 'objects') IS DISTINCT FROM 'array' THEN 'has no list of objects'
		END
$$;

-- Where a backup is that was given as DB or DB/ID: '' and /ID are the globals, and so is the word where no
-- database is called that; where one is, the word alone could be either.  What has the form of DB/ID is that,
-- whatever databases are called.  Errors if it cannot be told, and where nobody but a report says where it is.
CREATE OR REPLACE FUNCTION nex_backup.find_backup(backup pg_catalog.text, repository pg_catalog.text,
	OUT location pg_catalog.text, OUT repository_id pg_catalog.text, OUT database pg_catalog.text, OUT id pg_catalog.text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	named text;
	directory text;
	label text;
	plain text;
	may_look bool := true;
	of_globals bool;
	of_database bool;
BEGIN
	named := substring($1 from '/([0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)$');
	database := left($1, length($1) - coalesce(length(named) + 1, 0));
	location := rtrim($2, '/');
	IF location IS NOT NULL THEN
		PERFORM nex_backup.check_answers(location);
	END IF;
	IF database = 'globals' THEN
		SELECT bool_or(owner = ''), bool_or(owner = 'globals') INTO of_globals, of_database
		FROM (SELECT b.database AS owner FROM nex_backup.backups b
				WHERE location IS NULL AND b.database IN ('', 'globals') AND b.id = coalesce(me.named, b.id)
			UNION ALL
			SELECT o FROM unnest(ARRAY['', 'globals']) o, nex_backup.list_directory(location, nex_backup.owner_directory(location, o)) f
				WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND f = coalesce(me.named || '.json', f)) known;
		IF of_globals AND of_database THEN
			RAISE EXCEPTION 'backup "%" is ambiguous', $1
				USING ERRCODE = 'ambiguous_parameter',
					DETAIL = 'There are backups of the globals, and of a database that is called "globals".',
					HINT = 'Write '''' or /ID for the globals, globals/ID for the database.';
		ELSIF of_database IS NOT TRUE THEN
			database := '';
		END IF;
	END IF;
	IF location IS NULL THEN
		SELECT r.location, r.may_look INTO location, me.may_look
		FROM (SELECT p.id, p.location, nex_backup.may_look_at(p) AS may_look FROM nex_backup.repositories p OFFSET 0) r
			JOIN nex_backup.backups b ON r.id = b.repository
		WHERE b.database = find_backup.database AND b.id = coalesce(me.named, b.id)
		ORDER BY r.may_look DESC, b.snapshot_at DESC LIMIT 1;
	END IF;
	IF location IS NULL THEN
		RAISE EXCEPTION 'backup "%" is not known', $1
			USING ERRCODE = 'undefined_object',
				HINT = 'Write DATABASE or DATABASE/ID, and read the repository with nex_backup_sync() first.';
	ELSIF NOT may_look THEN
		RAISE EXCEPTION 'that backup "%" is in "%" was only reported', $1, location
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'The role that reported it may not read server files, so what it names is not opened.',
				HINT = 'Give that repository as the second argument, if it is one, or call nex_backup_sync() for it.';
	END IF;
	repository_id := nex_backup.repository_id(location);
	directory := nex_backup.owner_directory(location, database);
	-- A database of main may be called like one of another server: never taken for it.
	label := substring(database FROM '^([A-Za-z0-9_-]{1,32})@');
	plain := CASE WHEN octet_length(database) <= 63 THEN nex_backup.backup_directory(database) END;
	IF label IS NOT NULL AND EXISTS (SELECT FROM nex_backup.list_directory(location, plain) f
		WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND f = coalesce(me.named || '.json', f)) THEN
		IF named IS NOT NULL AND (directory = plain OR NOT EXISTS (SELECT FROM nex_backup.list_directory(location, directory) f
				WHERE f = named || '.json')) THEN
			directory := plain;
			database := 'main@' || database;
		ELSIF directory <> plain OR label = 'main' OR EXISTS (SELECT FROM nex_backup.list_directory(location, 'servers/' || label)) THEN
			RAISE EXCEPTION 'backup "%" is ambiguous', $1
				USING ERRCODE = 'ambiguous_parameter',
					DETAIL = format('It may be database "%s" of server "main", or database "%s" of server "%s".', database,
						substr(database, length(label) + 2), label),
					HINT = format('Write "main@%s" for the former. For the latter, use the program with --server=%s.', database, label);
		ELSE
			database := 'main@' || database;
		END IF;
	END IF;
	SELECT left(name, -length('.json')) INTO id
	FROM nex_backup.list_directory(location, directory) name
	WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND name = coalesce(me.named || '.json', name)
	-- The latest snapshot, by the time of the server.  Ids are made from the clocks of hosts.
	ORDER BY CASE WHEN me.named IS NULL THEN nex_backup.snapshot_time(location, repository_id, database, directory,
		left(name, -length('.json'))) END DESC, left(name, 16) DESC, length(name) DESC, name DESC LIMIT 1;
	-- One that the catalogue knows, and that is gone, is damage.
	IF id IS NULL THEN
		SELECT b.id INTO id FROM nex_backup.backups b
		WHERE b.repository = repository_id AND b.database = find_backup.database AND b.id = me.named;
	END IF;
	IF id IS NULL THEN
		RAISE EXCEPTION 'there is no backup "%" in repository "%"', $1, location
			USING ERRCODE = 'undefined_object',
				HINT = CASE WHEN EXISTS (SELECT FROM nex_backup.list_directory(location, 'config') name
						WHERE name = regexp_replace(find_backup.database, '^config[ /]', ''))
					THEN 'That is a set of configuration files, which "nex_backup verify" verifies.'
					ELSE 'Write DATABASE, DATABASE/ID, or globals.' END;
	END IF;
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
	path text := format('%s/%s', nex_backup.owner_directory($1, $3), $4);
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

-- Read the manifest of a backup of a server's globals into the catalogue.
CREATE FUNCTION nex_backup.sync_globals(location text, repository text, database text, directory text, id text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	manifest jsonb := nex_backup.manifest_head($1, format('%s/%s', $4, $5), $2, $3, $5);
BEGIN
	PERFORM nex_backup.record_backup($2, $3, $5, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
END
$$;

-- Hash every file of a backup, and record the result.
CREATE OR REPLACE FUNCTION nex_backup.verify(backup pg_catalog.text, repository pg_catalog.text,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	place record;
	directory text;
	base text;
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
	of_copy bool;
	-- So many are told; of the others, how many.
	most CONSTANT int4 := 1000;
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	directory := nex_backup.owner_directory(place.location, place.database);
	path := format('%s/%s', directory, place.id);
	base := nex_backup.server_base(directory);
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
		SELECT coalesce(string_agg(format(E'%s  %sobjects/%s/%s%s\n', o ->> 'id', base, left(o ->> 'id', 2), o ->> 'id',
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
			SELECT DISTINCT ON (o ->> 'id') format('%sobjects/%s/%s%s', base, left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
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
	IF wrong > 0 THEN
		-- The server may only read there, so that it cannot take down for the next backup what is damaged.
		RAISE WARNING 'backup "%/%" is damaged', CASE place.database WHEN '' THEN 'globals' ELSE place.database END, place.id
			USING HINT = 'Run "nex_backup verify" for this repository: then the next backup writes the damaged files again.';
	END IF;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	-- What is said of a copy is not said of the repository.
	of_copy := nex_backup.is_copy(place.repository_id, place.location, nex_backup.host_name(),
		(SELECT f.mark FROM nex_backup.file_mark(place.location, 'nex_backup.json') f), true);
	IF NOT of_copy THEN
		PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
		PERFORM nex_backup.note_encryption(place.repository_id, nex_backup.frame_encryption(place.location));
		UPDATE nex_backup.backups b
		SET verified = clock_timestamp(), verified_ok = me.outcome = 'ok', verified_inside = false
		WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id;
	END IF;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1], nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'bad_count', wrong, 'objects', objects, 'bytes', bytes)
			|| CASE WHEN of_copy THEN jsonb_build_object('copy', jsonb_build_object('location', place.location,
				'host', nex_backup.host_name())) ELSE '{}' END);
END
$$;

-- Rebuild the catalogue of a repository.
CREATE OR REPLACE FUNCTION nex_backup.sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
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
	UPDATE nex_backup.repositories r SET mark = f.mark
	FROM nex_backup.file_mark(me.location, 'nex_backup.json') f
	WHERE r.id = me.repository_id AND f.mark IS NOT NULL;
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
		SELECT o.database, o.of_globals, o.directory, left(name, -length('.json')) AS id
		FROM nex_backup.owner_directories(location, unclear) o, nex_backup.list_directory(location, o.directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
		BEGIN
			IF entry.of_globals THEN
				PERFORM nex_backup.sync_globals(location, repository_id, entry.database, entry.directory, entry.id);
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
			ELSE NOT any_database AND b.database <> ALL (of_databases)
				AND regexp_replace(b.database, '^main@', '') <> ALL (of_databases) END;
	GET DIAGNOSTICS removed = ROW_COUNT;
	UPDATE nex_backup.backups b SET gone = NULL
	WHERE b.repository = me.repository_id AND b.gone IS NOT NULL AND b.database || '/' || b.id = ANY (seen);
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;

-- Which server a job is for.
INSERT INTO nex_backup.job_options (kind, option, pattern)
SELECT k.kind, 'server', '[A-Za-z0-9_-]{1,32}'
FROM nex_backup.job_kinds k
WHERE k.kind = ANY (ARRAY['backup', 'backup-all', 'globals', 'verify', 'expire', 'notify']);
