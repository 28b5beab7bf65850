/* extension/nex_backup--0.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION nex_backup" to load this file. \quit

--
-- The catalogue: a mirror of what repositories hold and of what the tool did.
-- nex_backup_sync() rebuilds the first half from a repository at any time.
--
CREATE SCHEMA nex_backup;
REVOKE ALL ON SCHEMA nex_backup FROM PUBLIC;

CREATE TABLE nex_backup.repositories (
	id pg_catalog.text PRIMARY KEY,
	location pg_catalog.text NOT NULL,
	host pg_catalog.text,
	last_seen timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE nex_backup.repositories IS 'repositories that backups were recorded from';

CREATE TABLE nex_backup.backups (
	repository pg_catalog.text NOT NULL REFERENCES nex_backup.repositories ON DELETE CASCADE,
	database pg_catalog.text NOT NULL,
	id pg_catalog.text NOT NULL,
	type pg_catalog.text,
	started timestamptz NOT NULL,
	snapshot_at timestamptz NOT NULL,
	finished timestamptz,
	server_version pg_catalog.text,
	system_identifier pg_catalog.text,
	timeline pg_catalog.int4,
	lsn pg_lsn,
	codec pg_catalog.text,
	tables pg_catalog.int8,
	rows pg_catalog.int8,
	raw_bytes pg_catalog.int8,
	stored_bytes pg_catalog.int8,
	new_bytes pg_catalog.int8,
	warnings pg_catalog.text[],
	verified timestamptz,
	verified_ok pg_catalog.bool,
	PRIMARY KEY (repository, database, id)
);
COMMENT ON TABLE nex_backup.backups IS 'one row per backup that a repository holds';

CREATE TABLE nex_backup.backup_tables (
	repository pg_catalog.text NOT NULL,
	database pg_catalog.text NOT NULL,
	backup pg_catalog.text NOT NULL,
	schema_name pg_catalog.text NOT NULL,
	table_name pg_catalog.text NOT NULL,
	rows pg_catalog.int8 NOT NULL,
	members pg_catalog.int8 NOT NULL,
	raw_bytes pg_catalog.int8 NOT NULL,
	stored_bytes pg_catalog.int8 NOT NULL,
	heap_bytes pg_catalog.int8 NOT NULL,
	PRIMARY KEY (repository, database, backup, schema_name, table_name),
	FOREIGN KEY (repository, database, backup) REFERENCES nex_backup.backups ON DELETE CASCADE
);
COMMENT ON TABLE nex_backup.backup_tables IS 'what a backup holds of each table';

CREATE TABLE nex_backup.jobs (
	name pg_catalog.text PRIMARY KEY,
	kind pg_catalog.text NOT NULL DEFAULT 'backup',
	schedule pg_catalog.text NOT NULL,
	timezone pg_catalog.text NOT NULL DEFAULT 'UTC',
	database pg_catalog.text,
	repository pg_catalog.text NOT NULL,
	type pg_catalog.text NOT NULL DEFAULT 'daily',
	options pg_catalog.jsonb NOT NULL DEFAULT '{}',
	enabled pg_catalog.bool NOT NULL DEFAULT true,
	owner regrole NOT NULL DEFAULT current_user::pg_catalog.regrole,
	created timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE nex_backup.jobs IS 'definitions of scheduled work';

CREATE TABLE nex_backup.runs (
	id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job pg_catalog.text,
	kind pg_catalog.text NOT NULL,
	repository pg_catalog.text,
	database pg_catalog.text,
	backup pg_catalog.text,
	state pg_catalog.text NOT NULL
		CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['queued', 'starting', 'running', 'succeeded',
			'failed', 'cancelled', 'timed_out', 'crashed', 'skipped'])),
	attempt pg_catalog.int4 NOT NULL DEFAULT 1,
	started timestamptz,
	finished timestamptz,
	exit_code pg_catalog.int4,
	signal pg_catalog.int4,
	reason pg_catalog.text,
	log_tail pg_catalog.text,
	tool_version pg_catalog.text,
	details pg_catalog.jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE nex_backup.runs IS 'what the tool did: one row per backup, verify, restore or expire';
CREATE INDEX runs_finished ON nex_backup.runs (finished);
CREATE UNIQUE INDEX runs_once ON nex_backup.runs (kind, repository, database, backup, started);

CREATE TABLE nex_backup.restore_points (
	name pg_catalog.text NOT NULL,
	lsn pg_lsn NOT NULL,
	timeline pg_catalog.int4 NOT NULL,
	created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by pg_catalog.name NOT NULL DEFAULT session_user
);
COMMENT ON TABLE nex_backup.restore_points IS 'named points in WAL';

-- Definitions travel with a dump; history belongs to the server where it happened.
SELECT pg_catalog.pg_extension_config_dump('nex_backup.jobs', '');

--
-- Reading repositories in the server's file system.
--
CREATE FUNCTION nex_backup.is_preloaded()
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'nex_backup_is_preloaded'
LANGUAGE C STRICT STABLE;

CREATE FUNCTION nex_backup.database_directory(database pg_catalog.text)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'nex_backup_database_directory'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION nex_backup.directory_database(directory pg_catalog.text)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'nex_backup_directory_database'
LANGUAGE C STRICT STABLE PARALLEL SAFE;

CREATE FUNCTION nex_backup.list_directory(repository pg_catalog.text, directory pg_catalog.text)
RETURNS SETOF pg_catalog.text
AS 'MODULE_PATHNAME', 'nex_backup_list_directory'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION nex_backup.read_sealed(repository pg_catalog.text, file pg_catalog.text,
	OUT content pg_catalog.text, OUT problem pg_catalog.text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_read_sealed'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION nex_backup.check_file(repository pg_catalog.text, file pg_catalog.text,
	bytes pg_catalog.int8, sha256 pg_catalog.text)
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'nex_backup_check_file'
LANGUAGE C VOLATILE;

-- The id of a repository; an error if there is none.
CREATE FUNCTION nex_backup.repository_id(repository pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	frame record;
	content jsonb;
BEGIN
	SELECT f.content, f.problem INTO frame FROM nex_backup.read_sealed(repository, 'nex_backup.json') f;
	IF frame.problem = 'is missing' THEN
		RAISE EXCEPTION 'there is no repository in "%"', repository
			USING ERRCODE = 'undefined_file',
				HINT = 'Give the full path of a repository on the database server.';
	ELSIF frame.problem IS NOT NULL THEN
		RAISE EXCEPTION 'file "%/nex_backup.json" %', repository, frame.problem
			USING ERRCODE = 'data_corrupted';
	END IF;
	content := frame.content::jsonb;
	IF content ->> 'format' <> '1' THEN
		RAISE EXCEPTION 'repository "%" has format %, which is unknown to this version of nex_backup',
			repository, content ->> 'format'
			USING ERRCODE = 'feature_not_supported';
	END IF;
	RETURN content ->> 'id';
END
$$;

--
-- Recording.
--

-- Enter a repository, or note that it was seen again.
CREATE FUNCTION nex_backup.record_repository(id pg_catalog.text, location pg_catalog.text, host pg_catalog.text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO nex_backup.repositories AS r (id, location, host)
	VALUES ($1, $2, $3)
	ON CONFLICT (id) DO UPDATE
	SET location = EXCLUDED.location, host = coalesce(EXCLUDED.host, r.host), last_seen = now()
$$;

-- Text of a name in a manifest: a string, or base64 of bytes that are no UTF-8.
CREATE FUNCTION nex_backup.manifest_text(value pg_catalog.jsonb)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_typeof(value) = 'object' THEN encode(decode(value ->> 'base64', 'base64'), 'escape')
		ELSE value #>> '{}' END
$$;

-- Enter a backup; manifest has the keys of a manifest file, members summed up per table or not at all.
CREATE FUNCTION nex_backup.record_backup(repository pg_catalog.text, database pg_catalog.text,
	id pg_catalog.text, manifest pg_catalog.jsonb, type pg_catalog.text, started timestamptz, finished timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO nex_backup.backups AS b (repository, database, id, type, started, snapshot_at, finished,
		server_version, system_identifier, timeline, lsn, codec, tables, rows, raw_bytes, stored_bytes,
		new_bytes, warnings)
	VALUES ($1, $2, $3, $5, $6, (manifest ->> 'snapshot_at')::timestamptz, $7,
		manifest #>> '{server,version}', manifest #>> '{server,system_identifier}',
		(manifest #>> '{server,timeline}')::int4, (manifest #>> '{server,lsn}')::pg_lsn,
		manifest ->> 'codec',
		(manifest #>> '{totals,tables}')::int8, (manifest #>> '{totals,rows}')::int8,
		(manifest #>> '{totals,raw_bytes}')::int8, (manifest #>> '{totals,stored_bytes}')::int8,
		(manifest #>> '{totals,new_bytes}')::int8,
		ARRAY(SELECT jsonb_array_elements_text(manifest -> 'warnings')))
	ON CONFLICT (repository, database, id) DO UPDATE
	SET type = EXCLUDED.type, started = EXCLUDED.started, snapshot_at = EXCLUDED.snapshot_at,
		finished = EXCLUDED.finished, server_version = EXCLUDED.server_version,
		system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, lsn = EXCLUDED.lsn,
		codec = EXCLUDED.codec, tables = EXCLUDED.tables, rows = EXCLUDED.rows,
		raw_bytes = EXCLUDED.raw_bytes, stored_bytes = EXCLUDED.stored_bytes,
		new_bytes = EXCLUDED.new_bytes, warnings = EXCLUDED.warnings;

	DELETE FROM nex_backup.backup_tables t
	WHERE t.repository = $1 AND t.database = $2 AND t.backup = $3;

	INSERT INTO nex_backup.backup_tables (repository, database, backup, schema_name, table_name, rows,
		members, raw_bytes, stored_bytes, heap_bytes)
	SELECT $1, $2, $3, nex_backup.manifest_text(t -> 'schema'), nex_backup.manifest_text(t -> 'name'),
		(t ->> 'rows')::int8, coalesce((t ->> 'members')::int8, m.members, 0), (t ->> 'raw_bytes')::int8,
		(t ->> 'stored_bytes')::int8, (t ->> 'heap_bytes')::int8
	FROM jsonb_array_elements(manifest -> 'tables') WITH ORDINALITY AS e(t, place)
		LEFT JOIN (SELECT (member ->> 'table')::int8 + 1 AS place, count(*) AS members
			FROM jsonb_array_elements(coalesce(manifest -> 'members', '[]')) member
			WHERE member ->> 'kind' = 'data'
			GROUP BY 1) m USING (place);
END
$$;

-- The tool's report of something done; see docs/catalogue.md for the payload.
CREATE FUNCTION nex_backup.record(event pg_catalog.text, payload pg_catalog.jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	repository text := payload #>> '{repository,id}';
	database text := payload ->> 'database';
	backup text := payload ->> 'backup';
	started timestamptz := (payload ->> 'started')::timestamptz;
	finished timestamptz := (payload ->> 'finished')::timestamptz;
	state text := payload ->> 'state';
BEGIN
	IF event IS NULL OR event <> ALL (ARRAY['backup', 'verify', 'restore', 'expire']) THEN
		RAISE EXCEPTION 'unknown event "%"', event
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are backup, verify, restore and expire.';
	END IF;
	IF repository IS NULL OR payload #>> '{repository,location}' IS NULL OR state IS NULL OR started IS NULL THEN
		RAISE EXCEPTION 'the payload lacks a repository, a state or a start time'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF state <> ALL (ARRAY['succeeded', 'failed', 'cancelled']) THEN
		RAISE EXCEPTION 'unknown state "%"', state
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	PERFORM nex_backup.record_repository(repository, payload #>> '{repository,location}',
		payload #>> '{repository,host}');

	INSERT INTO nex_backup.runs AS r (kind, repository, database, backup, state, started, finished,
		exit_code, reason, tool_version, details)
	VALUES (event, repository, database, backup, state, started, finished,
		(payload ->> 'exit_code')::int4, payload ->> 'error', payload ->> 'tool',
		payload - 'repository' - 'manifest' - 'database' - 'backup' - 'started' - 'finished' - 'state'
			- 'exit_code' - 'error' - 'tool')
	ON CONFLICT (kind, repository, database, backup, started) DO UPDATE
	SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
		reason = EXCLUDED.reason, details = EXCLUDED.details;

	IF event = 'backup' AND state = 'succeeded' AND payload ? 'manifest' THEN
		PERFORM nex_backup.record_backup(repository, database, backup, payload -> 'manifest',
			payload ->> 'type', started, finished);
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' THEN
		UPDATE nex_backup.backups b
		SET verified = coalesce(me.finished, now()), verified_ok = payload ->> 'result' = 'ok'
		WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup;
	ELSIF event = 'expire' THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository AND b.database = removed ->> 'database'
			AND b.id = removed ->> 'backup';
	END IF;
END
$$;

--
-- What a DBA calls.
--

-- Rebuild the catalogue of one repository from its manifests.
CREATE FUNCTION nex_backup_sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
	OUT removed pg_catalog.int8, OUT damaged pg_catalog.int8)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := rtrim(repository, '/');
	repository_id text := nex_backup.repository_id(rtrim(repository, '/'));
	entry record;
	file record;
	manifest jsonb;
	verified record;
	seen text[] := '{}';
	last_notice timestamptz := clock_timestamp();
BEGIN
	backups := 0;
	damaged := 0;
	PERFORM nex_backup.record_repository(repository_id, location, NULL);
	FOR entry IN
		SELECT nex_backup.directory_database(directory) AS database, directory,
			left(name, -length('.json')) AS id
		FROM nex_backup.list_directory(location, 'backups') directory,
			nex_backup.list_directory(location, 'backups/' || directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY 1, 3
	LOOP
		SELECT f.content, f.problem INTO file
		FROM nex_backup.read_sealed(location, format('backups/%s/%s.json', entry.directory, entry.id)) f;
		IF file.problem IS NOT NULL THEN
			damaged := damaged + 1;
			RAISE WARNING 'file "%/backups/%/%.json" %', location, entry.directory, entry.id, file.problem;
			-- It is still there, but no longer good.
			seen := seen || (entry.database || '/' || entry.id);
			UPDATE nex_backup.backups b
			SET verified = clock_timestamp(), verified_ok = false
			WHERE b.repository = me.repository_id AND b.database = entry.database AND b.id = entry.id;
			CONTINUE;
		END IF;
		manifest := file.content::jsonb;
		PERFORM nex_backup.record_backup(repository_id, entry.database, entry.id, manifest,
			manifest ->> 'type', (manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
		SELECT f.content::jsonb AS content INTO verified
		FROM nex_backup.read_sealed(location, format('backups/%s/%s.verified', entry.directory, entry.id)) f
		WHERE f.problem IS NULL;
		UPDATE nex_backup.backups b
		SET verified = (verified.content ->> 'verified')::timestamptz,
			verified_ok = verified.content ->> 'result' = 'ok'
		WHERE b.repository = me.repository_id AND b.database = entry.database AND b.id = entry.id
			AND verified.content IS NOT NULL;
		backups := backups + 1;
		seen := seen || (entry.database || '/' || entry.id);
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

-- Hash every file of a backup (DB or DB/ID) and record the result.
CREATE FUNCTION nex_backup_verify(backup pg_catalog.text, repository pg_catalog.text DEFAULT NULL,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	known record;
	location text := rtrim(repository, '/');
	repository_id text;
	directory text;
	database text;
	id text;
	file record;
	manifest jsonb;
	suffix text;
	listing text;
	problem text;
	object record;
	total int8;
	started timestamptz := clock_timestamp();
	last_notice timestamptz := clock_timestamp();
BEGIN
	-- DB/ID, or DB for its latest backup that the catalogue knows.
	SELECT b.database, b.id, r.location INTO known
	FROM nex_backup.backups b JOIN nex_backup.repositories r ON r.id = b.repository
	WHERE (b.database = $1 OR b.database || '/' || b.id = $1)
		AND (me.location IS NULL OR r.location = me.location)
	ORDER BY b.snapshot_at DESC LIMIT 1;
	IF known.id IS NOT NULL THEN
		database := known.database;
		id := known.id;
		location := coalesce(location, known.location);
	ELSIF location IS NOT NULL AND $1 ~ '/[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$' THEN
		id := substring($1 from '[^/]*$');
		database := left($1, -length(id) - 1);
	ELSE
		RAISE EXCEPTION 'backup "%" is not known', $1
			USING ERRCODE = 'undefined_object',
				HINT = 'Write it as DATABASE/ID, and read the repository with nex_backup_sync() first.';
	END IF;

	repository_id := nex_backup.repository_id(location);
	directory := 'backups/' || nex_backup.database_directory(database) || '/';
	objects := 0;
	bytes := 0;
	bad := '{}';

	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed(location, directory || id || '.json') f;
	IF file.problem IS NOT NULL THEN
		bad := bad || format('%s%s.json: %s', directory, id, file.problem);
	ELSE
		manifest := file.content::jsonb;
		suffix := CASE manifest ->> 'codec' WHEN 'zstd' THEN '.sql.zst' WHEN 'gzip' THEN '.sql.gz' ELSE '.sql' END;

		-- The listing is a function of the manifest.
		SELECT coalesce(string_agg(format(E'%s  objects/%s/%s%s\n', o ->> 'id', left(o ->> 'id', 2), o ->> 'id',
			suffix), '' ORDER BY place), '')
		INTO listing
		FROM jsonb_array_elements(manifest -> 'objects') WITH ORDINALITY AS e(o, place);
		problem := nex_backup.check_file(location, directory || id || '.sha256', octet_length(listing),
			encode(sha256(convert_to(listing, 'UTF8')), 'hex'));
		IF problem IS NOT NULL THEN
			bad := bad || format('%s%s.sha256: %s', directory, id, problem);
		END IF;

		total := jsonb_array_length(manifest -> 'objects');
		FOR object IN
			SELECT DISTINCT ON (o ->> 'id') format('objects/%s/%s%s', left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
				(o ->> 'bytes')::int8 AS bytes, o ->> 'id' AS id
			FROM jsonb_array_elements(manifest -> 'objects') o
		LOOP
			problem := nex_backup.check_file(location, object.path, object.bytes, object.id);
			IF problem IS NOT NULL THEN
				bad := bad || format('%s: %s', object.path, problem);
			END IF;
			objects := objects + 1;
			bytes := bytes + object.bytes;
			IF clock_timestamp() > last_notice + interval '10 seconds' THEN
				RAISE NOTICE '% of % objects verified, %', objects, total, pg_size_pretty(bytes);
				last_notice := clock_timestamp();
			END IF;
		END LOOP;
	END IF;

	result := CASE WHEN cardinality(bad) = 0 THEN 'ok' ELSE 'failed' END;
	PERFORM nex_backup.record_repository(repository_id, location, NULL);
	UPDATE nex_backup.backups b
	SET verified = clock_timestamp(), verified_ok = nex_backup_verify.result = 'ok'
	WHERE b.repository = me.repository_id AND b.database = me.database AND b.id = me.id;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, reason,
		details)
	VALUES ('verify', repository_id, database, id, CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started,
		clock_timestamp(), CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1],
		jsonb_build_object('result', result, 'bad', bad, 'objects', objects, 'bytes', bytes));
END
$$;

CREATE FUNCTION nex_backup_create_restore_point(name pg_catalog.text, OUT lsn pg_lsn,
	OUT timeline pg_catalog.int4, OUT created timestamptz)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF name IS NULL OR name = '' OR octet_length(name) > 63 THEN
		RAISE EXCEPTION 'the name of a restore point has 1 to 63 bytes'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF pg_is_in_recovery() THEN
		RAISE EXCEPTION 'cannot create a restore point on a standby'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Call this function on the primary.';
	END IF;
	lsn := pg_create_restore_point(name);
	timeline := ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int4;
	created := clock_timestamp();
	INSERT INTO nex_backup.restore_points (name, lsn, timeline, created)
	VALUES ($1, nex_backup_create_restore_point.lsn, nex_backup_create_restore_point.timeline,
		nex_backup_create_restore_point.created);
END
$$;

CREATE FUNCTION nex_backup_restore_points(OUT name pg_catalog.text, OUT lsn pg_lsn,
	OUT timeline pg_catalog.int4, OUT created timestamptz, OUT created_by pg_catalog.name)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.name, p.lsn, p.timeline, p.created, p.created_by
	FROM nex_backup.restore_points p
	ORDER BY p.created DESC
$$;

-- "3 hours ago", for people.
CREATE FUNCTION nex_backup.age_text(at timestamptz)
RETURNS pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN seconds < 0 THEN 'in the future'
		WHEN seconds < 120 THEN 'just now'
		WHEN seconds < 7200 THEN format('%s minutes ago', floor(seconds / 60))
		WHEN seconds < 172800 THEN format('%s hours ago', floor(seconds / 3600))
		ELSE format('%s days ago', floor(seconds / 86400)) END
	FROM (SELECT extract(epoch FROM now() - at) AS seconds) s
$$;

-- One row per check: name, status (ok, warning, critical), detail.
CREATE FUNCTION nex_backup_status(OUT name pg_catalog.text, OUT status pg_catalog.text, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH latest AS (
		SELECT DISTINCT ON (b.database) b.*
		FROM nex_backup.backups b
		WHERE b.verified_ok IS DISTINCT FROM false
		ORDER BY b.database, b.snapshot_at DESC
	),
	checked AS (
		SELECT DISTINCT ON (b.database) b.database, b.id, b.verified, b.verified_ok
		FROM nex_backup.backups b
		WHERE b.verified IS NOT NULL
		ORDER BY b.database, b.verified DESC
	),
	last_run AS (
		SELECT DISTINCT ON (r.kind, r.database) r.*
		FROM nex_backup.runs r
		ORDER BY r.kind, r.database, r.started DESC
	)
	SELECT c.name, c.status, c.detail
	FROM (
		SELECT 1 AS place, '' AS key, 'extension' AS name, 'ok' AS status,
			format('version %s, %s', e.extversion, CASE WHEN nex_backup.is_preloaded() THEN 'preloaded'
				ELSE 'not in shared_preload_libraries' END) AS detail
		FROM pg_extension e WHERE e.extname = 'nex_backup'
		UNION ALL
		SELECT 2, r.location, 'repository', 'ok',
			format('%s%s, %s backups, %s, last seen %s', r.location,
				CASE WHEN r.host IS NULL THEN '' ELSE ' on ' || r.host END,
				count(b.id), pg_size_pretty(coalesce(sum(b.new_bytes), 0)),
				nex_backup.age_text(r.last_seen))
		FROM nex_backup.repositories r LEFT JOIN nex_backup.backups b ON b.repository = r.id
		GROUP BY r.id
		UNION ALL
		SELECT 3, '', 'backup', 'critical',
			'no backup is recorded; run "nex_backup backup", or read a repository with nex_backup_sync()'
		WHERE NOT EXISTS (SELECT FROM latest)
		UNION ALL
		SELECT 3, l.database, 'backup of ' || l.database,
			CASE WHEN l.snapshot_at > now() - interval '24 hours' THEN 'ok'
				WHEN l.snapshot_at > now() - interval '48 hours' THEN 'warning' ELSE 'critical' END,
			format('%s, %s (%s), %s tables, %s rows, %s stored', l.id, l.type, nex_backup.age_text(l.snapshot_at),
				l.tables, l.rows, pg_size_pretty(l.stored_bytes))
		FROM latest l
		UNION ALL
		SELECT 4, l.database, 'verify of ' || l.database,
			CASE WHEN NOT c.verified_ok THEN 'critical'
				WHEN c.verified > now() - interval '30 days' THEN 'ok' ELSE 'warning' END,
			CASE WHEN c.id IS NULL THEN 'never verified; run "nex_backup verify" or nex_backup_verify()'
				ELSE format('%s %s %s', c.id, CASE WHEN c.verified_ok THEN 'was good' ELSE 'IS DAMAGED, found' END,
					nex_backup.age_text(c.verified)) END
		FROM (SELECT database FROM latest UNION SELECT database FROM checked) l LEFT JOIN checked c USING (database)
		UNION ALL
		SELECT 5, r.kind || r.database, format('last %s of %s', r.kind, coalesce(r.database, 'all')), 'warning',
			format('%s %s: %s', r.state, nex_backup.age_text(coalesce(r.finished, r.started)),
				coalesce(r.reason, 'no reason given'))
		FROM last_run r
		WHERE r.state = ANY (ARRAY['failed', 'timed_out', 'crashed'])
		UNION ALL
		SELECT 6, '', 'restore points', 'ok',
			CASE WHEN count(*) = 0 THEN 'none'
				ELSE format('%s, the last one "%s" %s', count(*), (array_agg(p.name ORDER BY p.created DESC))[1],
					nex_backup.age_text(max(p.created))) END
		FROM nex_backup.restore_points p
		UNION ALL
		SELECT 7, '', 'scheduler', 'ok', 'not part of this version; start "nex_backup backup" by cron or a systemd timer'
	) c
	ORDER BY c.place, c.key
$$;

--
-- Privileges: nothing for PUBLIC; looking for pg_monitor; reading a
-- repository for those who may read server files anyway.  record() is for
-- the role that the tool connects as: grant it by hand.
--
REVOKE ALL ON ALL TABLES IN SCHEMA nex_backup FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA nex_backup FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_sync(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_verify(pg_catalog.text, pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_create_restore_point(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_restore_points() FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_status() FROM PUBLIC;

GRANT USAGE ON SCHEMA nex_backup TO pg_monitor, pg_read_server_files;
GRANT SELECT ON ALL TABLES IN SCHEMA nex_backup TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup.age_text(timestamptz) TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup.is_preloaded() TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup_status() TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup_restore_points() TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup_sync(pg_catalog.text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION nex_backup_verify(pg_catalog.text, pg_catalog.text) TO pg_read_server_files;
