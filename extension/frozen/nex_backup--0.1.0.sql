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
	kind pg_catalog.text NOT NULL DEFAULT 'backup'
		CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['backup', 'verify', 'expire'])),
	schedule pg_catalog.text NOT NULL,
	timezone pg_catalog.text NOT NULL DEFAULT 'UTC',
	database pg_catalog.text,
	repository pg_catalog.text NOT NULL,
	type pg_catalog.text NOT NULL DEFAULT 'daily',
	options pg_catalog.jsonb NOT NULL DEFAULT '{}'
		CHECK (pg_catalog.jsonb_typeof(options) OPERATOR(pg_catalog.=) 'object'),
	enabled pg_catalog.bool NOT NULL DEFAULT true,
	max_attempts pg_catalog.int4 NOT NULL DEFAULT 1 CHECK (max_attempts OPERATOR(pg_catalog.>) 0),
	retry_delay pg_catalog."interval" NOT NULL DEFAULT '5 minutes',
	timeout pg_catalog."interval",
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
	queued timestamptz,
	started timestamptz,
	finished timestamptz,
	exit_code pg_catalog.int4,
	signal pg_catalog.int4,
	error pg_catalog.text,
	reason pg_catalog.text,
	log_tail pg_catalog.text,
	host pg_catalog.text,
	tool_version pg_catalog.text,
	details pg_catalog.jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE nex_backup.runs IS 'what the tool did: one row per backup, verify, restore or expire';
COMMENT ON COLUMN nex_backup.runs.error IS 'what went wrong in the run';
COMMENT ON COLUMN nex_backup.runs.reason IS 'why the scheduler skipped, stopped or repeated it';
CREATE INDEX runs_finished ON nex_backup.runs (finished);
-- A report that comes twice is one run; a failed backup has no id, hence COALESCE.
CREATE UNIQUE INDEX runs_once ON nex_backup.runs
	(kind, COALESCE(repository, ''), COALESCE(database, ''), COALESCE(backup, ''), started);

CREATE TABLE nex_backup.restore_points (
	name pg_catalog.text NOT NULL,
	lsn pg_lsn NOT NULL,
	timeline pg_catalog.int4 NOT NULL,
	created timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	created_by pg_catalog.name NOT NULL DEFAULT session_user
);
COMMENT ON TABLE nex_backup.restore_points IS 'named points in WAL';

CREATE VIEW nex_backup.verifications AS
	SELECT r.id AS run, r.repository, r.database, r.backup, r.finished AS verified,
		r.details OPERATOR(pg_catalog.->>) 'result' AS result,
		r.details OPERATOR(pg_catalog.->) 'bad' AS bad
	FROM nex_backup.runs r
	WHERE r.kind OPERATOR(pg_catalog.=) 'verify' AND r.finished IS NOT NULL;
COMMENT ON VIEW nex_backup.verifications IS 'every verification, by the tool or in the server';

CREATE VIEW nex_backup.progress AS
	SELECT a.pid, a.datname AS database, a.usename AS role, a.backend_start AS connected, a.state,
		c.command, c.relid AS table_oid, c.tuples_processed AS rows, c.bytes_processed AS bytes
	FROM pg_catalog.pg_stat_activity a
		LEFT JOIN pg_catalog.pg_stat_progress_copy c ON c.pid OPERATOR(pg_catalog.=) a.pid
	WHERE a.application_name OPERATOR(pg_catalog.=) 'nex_backup';
COMMENT ON VIEW nex_backup.progress IS 'what the connections of the tool to this server are doing now';

-- Definitions travel with a dump; history belongs to the server where it happened.
SELECT pg_catalog.pg_extension_config_dump('nex_backup.jobs', '');

--
-- Reading repositories in the server's file system.
--
CREATE FUNCTION nex_backup.is_preloaded()
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'nex_backup_is_preloaded'
LANGUAGE C STRICT STABLE;

CREATE FUNCTION nex_backup.check_caller()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_check_caller'
LANGUAGE C STRICT VOLATILE;

CREATE FUNCTION nex_backup.host_name()
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'nex_backup_host_name'
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

-- Entries of the long arrays of a manifest, which read_sealed() leaves out.
CREATE FUNCTION nex_backup.sealed_entries(repository pg_catalog.text, file pg_catalog.text, key pg_catalog.text)
RETURNS SETOF pg_catalog.jsonb
AS 'MODULE_PATHNAME', 'nex_backup_sealed_entries'
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
	IF content ->> 'format' IS DISTINCT FROM '1' OR content ->> 'id' IS NULL THEN
		RAISE EXCEPTION 'repository "%" has format %, which is unknown to this version of nex_backup',
			repository, coalesce(content ->> 'format', 'none')
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

-- What makes a manifest, whose seal is good, not the one that must stand in its place; NULL if nothing does.
CREATE FUNCTION nex_backup.manifest_problem(manifest pg_catalog.jsonb, repository pg_catalog.text,
	database pg_catalog.text, id pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN $1 ->> 'format' IS DISTINCT FROM '1'
			THEN format('has format %s, which is unknown to this version', coalesce($1 ->> 'format', 'none'))
		WHEN $1 ->> 'repository' IS DISTINCT FROM $2 THEN 'belongs to another repository'
		WHEN nex_backup.manifest_text($1 #> '{database,name}') IS DISTINCT FROM $3 THEN 'belongs to another database'
		WHEN $1 ->> 'id' IS DISTINCT FROM $4 THEN 'belongs to another backup'
		WHEN coalesce($1 ->> 'codec', '') <> ALL (ARRAY['zstd', 'gzip', 'none']) THEN 'names an unknown codec'
		WHEN jsonb_typeof($1 -> 'objects') IS DISTINCT FROM 'array' THEN 'has no list of objects'
		END
$$;

-- Enter a backup; manifest has the keys of a manifest file, with the number of members in each table.
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
		ARRAY(SELECT nex_backup.manifest_text(w) FROM jsonb_array_elements(manifest -> 'warnings') w))
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
		(t ->> 'rows')::int8, coalesce((t ->> 'members')::int8, 0), (t ->> 'raw_bytes')::int8,
		(t ->> 'stored_bytes')::int8, (t ->> 'heap_bytes')::int8
	FROM jsonb_array_elements(manifest -> 'tables') t;
END
$$;

-- The tool's report of something done; extension/README.md describes the payload.
CREATE FUNCTION nex_backup.record(event pg_catalog.text, payload pg_catalog.jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	repository text := payload #>> '{repository,id}';
	location text := nex_backup.manifest_text(payload #> '{repository,location}');
	database text := nex_backup.manifest_text(payload -> 'database');
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
	IF repository IS NULL OR location IS NULL OR state IS NULL OR started IS NULL THEN
		RAISE EXCEPTION 'the payload lacks a repository, a state or a start time'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF state <> ALL (ARRAY['succeeded', 'failed', 'cancelled']) THEN
		RAISE EXCEPTION 'unknown state "%"', state
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF backup !~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$' THEN
		RAISE EXCEPTION 'invalid backup id "%"', backup
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF event = 'backup' AND state = 'succeeded' AND (database IS NULL OR backup IS NULL
		OR payload #>> '{manifest,snapshot_at}' IS NULL) THEN
		RAISE EXCEPTION 'the payload of a backup that succeeded lacks a database, an id or a manifest'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	PERFORM nex_backup.record_repository(repository, location, nex_backup.manifest_text(payload #> '{repository,host}'));

	INSERT INTO nex_backup.runs AS r (kind, repository, database, backup, state, started, finished,
		exit_code, error, tool_version, host, details)
	VALUES (event, repository, database, backup, state, started, finished,
		(payload ->> 'exit_code')::int4, nex_backup.manifest_text(payload -> 'error'), payload ->> 'tool',
		nex_backup.manifest_text(payload #> '{repository,host}'),
		payload - 'repository' - 'manifest' - 'database' - 'backup' - 'started' - 'finished' - 'state'
			- 'exit_code' - 'error' - 'tool')
	ON CONFLICT (kind, COALESCE(repository, ''), COALESCE(database, ''), COALESCE(backup, ''), started) DO UPDATE
	SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
		error = EXCLUDED.error, tool_version = EXCLUDED.tool_version, host = EXCLUDED.host,
		details = EXCLUDED.details;

	IF event = 'backup' AND state = 'succeeded' THEN
		PERFORM nex_backup.record_backup(repository, database, backup, payload -> 'manifest',
			payload ->> 'type', started, finished);
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' THEN
		UPDATE nex_backup.backups b
		SET verified = coalesce(me.finished, now()), verified_ok = payload ->> 'result' = 'ok'
		WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup;
	ELSIF event = 'expire' THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository AND b.database = nex_backup.manifest_text(removed -> 'database')
			AND b.id = removed ->> 'backup';
	END IF;
END
$$;

--
-- What a DBA calls.
--

-- Read one backup's manifest, and its last verification, into the catalogue; an error if it is not good.
CREATE FUNCTION nex_backup.sync_backup(location pg_catalog.text, repository pg_catalog.text,
	database pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	path text := format('backups/%s/%s', nex_backup.database_directory($3), $4);
	file record;
	manifest jsonb;
	problem text;
	verified timestamptz;
BEGIN
	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed($1, path || '.json') f;
	IF file.problem IS NULL THEN
		manifest := file.content::jsonb;
		problem := nex_backup.manifest_problem(manifest, $2, $3, $4);
	ELSE
		problem := file.problem;
	END IF;
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION '%', problem
			USING ERRCODE = CASE problem WHEN 'is missing' THEN 'undefined_file' ELSE 'data_corrupted' END;
	END IF;
	manifest := manifest || jsonb_build_object('tables', (
		SELECT coalesce(jsonb_agg(t || jsonb_build_object('members', coalesce(m.members, 0))), '[]')
		FROM nex_backup.sealed_entries($1, path || '.json', 'tables') WITH ORDINALITY e(t, place)
			LEFT JOIN (SELECT (member ->> 'table')::int8 + 1 AS place, count(*) AS members
				FROM nex_backup.sealed_entries($1, path || '.json', 'members') member
				WHERE member ->> 'kind' = 'data'
				GROUP BY 1) m USING (place)));
	PERFORM nex_backup.record_backup($2, $3, $4, manifest, manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);

	-- The catalogue may know of a later verification, in the server for instance.
	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed($1, path || '.verified') f;
	IF file.problem IS NULL AND file.content::jsonb ->> 'backup' = $4 THEN
		verified := (file.content::jsonb ->> 'verified')::timestamptz;
		UPDATE nex_backup.backups b
		SET verified = me.verified, verified_ok = file.content::jsonb ->> 'result' = 'ok'
		WHERE b.repository = $2 AND b.database = $3 AND b.id = $4
			AND (b.verified IS NULL OR b.verified < me.verified);
	END IF;
END
$$;

-- Rebuild the catalogue of one repository from its manifests.  A damaged one
-- costs a warning and its own row's good name, not the rest.
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
	FOR entry IN
		SELECT nex_backup.directory_database(directory) AS database, directory,
			left(name, -length('.json')) AS id
		FROM nex_backup.list_directory(location, 'backups') directory,
			nex_backup.list_directory(location, 'backups/' || directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
		IF entry.database IS NULL THEN
			damaged := damaged + 1;
			RAISE WARNING '"%/backups/%" is not the directory of a database', location, entry.directory;
			CONTINUE;
		END IF;
		BEGIN
			PERFORM nex_backup.sync_backup(location, repository_id, entry.database, entry.id);
			backups := backups + 1;
			seen := seen || (entry.database || '/' || entry.id);
		EXCEPTION
			WHEN undefined_file THEN
				-- Expired since the directory was read.
				NULL;
			WHEN data_exception OR data_corrupted OR integrity_constraint_violation OR program_limit_exceeded THEN
				damaged := damaged + 1;
				RAISE WARNING 'file "%/backups/%/%.json" %', location, entry.directory, entry.id, sqlerrm;
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

-- Where a backup that was given as DB or DB/ID is; errors if that cannot be told.
CREATE FUNCTION nex_backup.find_backup(backup pg_catalog.text, repository pg_catalog.text,
	OUT location pg_catalog.text, OUT repository_id pg_catalog.text, OUT database pg_catalog.text, OUT id pg_catalog.text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	id := substring($1 from '/([0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)$');
	database := left($1, length($1) - coalesce(length(id) + 1, 0));
	location := rtrim($2, '/');
	IF location IS NULL THEN
		SELECT r.location INTO location
		FROM nex_backup.backups b JOIN nex_backup.repositories r ON r.id = b.repository
		WHERE b.database = find_backup.database AND b.id = coalesce(find_backup.id, b.id)
		ORDER BY b.snapshot_at DESC LIMIT 1;
	END IF;
	IF location IS NULL THEN
		RAISE EXCEPTION 'backup "%" is not known', $1
			USING ERRCODE = 'undefined_object',
				HINT = 'Write DATABASE or DATABASE/ID, and read the repository with nex_backup_sync() first.';
	END IF;
	repository_id := nex_backup.repository_id(location);
	IF id IS NULL THEN
		SELECT left(name, -length('.json')) INTO id
		FROM nex_backup.list_directory(location, 'backups/' || nex_backup.database_directory(database)) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY left(name, 16) DESC, length(name) DESC, name DESC LIMIT 1;
	END IF;
	IF id IS NULL OR NOT (EXISTS (SELECT FROM nex_backup.backups b WHERE b.repository = repository_id
			AND b.database = find_backup.database AND b.id = find_backup.id)
		OR EXISTS (SELECT FROM nex_backup.list_directory(location,
			'backups/' || nex_backup.database_directory(database)) name WHERE name = id || '.json')) THEN
		RAISE EXCEPTION 'there is no backup "%" in repository "%"', $1, location
			USING ERRCODE = 'undefined_object';
	END IF;
END
$$;

-- Hash every file of a backup (DB, its latest, or DB/ID) and record the result.
CREATE FUNCTION nex_backup_verify(backup pg_catalog.text, repository pg_catalog.text DEFAULT NULL,
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
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	path := format('backups/%s/%s', nex_backup.database_directory(place.database), place.id);
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
	ELSE
		suffix := CASE manifest ->> 'codec' WHEN 'zstd' THEN '.sql.zst' WHEN 'gzip' THEN '.sql.gz' ELSE '.sql' END;

		-- The listing is a function of the manifest.
		SELECT coalesce(string_agg(format(E'%s  objects/%s/%s%s\n', o ->> 'id', left(o ->> 'id', 2), o ->> 'id',
			suffix), '' ORDER BY position), '')
		INTO listing
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') WITH ORDINALITY e(o, position);
		problem := nex_backup.check_file(place.location, path || '.sha256', octet_length(listing),
			encode(sha256(convert_to(listing, 'UTF8')), 'hex'));
		IF problem IS NOT NULL THEN
			bad := bad || format('%s.sha256: %s', path, problem);
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
				bad := bad || format('%s: %s', object.path, problem);
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
			RAISE EXCEPTION 'backup "%/%" was removed while it was verified', place.database, place.id
				USING ERRCODE = 'undefined_object';
		END IF;
	END IF;

	result := CASE WHEN cardinality(bad) = 0 THEN 'ok' ELSE 'failed' END;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
	UPDATE nex_backup.backups b
	SET verified = clock_timestamp(), verified_ok = nex_backup_verify.result = 'ok'
	WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1], nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'objects', objects, 'bytes', bytes));
END
$$;

-- A named point in WAL that a recovery can stop at.
CREATE FUNCTION nex_backup_create_restore_point(INOUT name pg_catalog.text, OUT lsn pg_lsn,
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
	IF EXISTS (SELECT FROM nex_backup.restore_points p WHERE p.name = $1) THEN
		RAISE WARNING 'there is a restore point "%" already', $1
			USING HINT = 'A recovery stops at the first one of that name that it meets.';
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

-- Can this server see the repository that was recorded on this very host?  Only what was
-- recorded can be asked for, so whoever may see the status needs no right to read files.
CREATE FUNCTION nex_backup.repository_state(id pg_catalog.text, OUT status pg_catalog.text, OUT detail pg_catalog.text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	file record;
BEGIN
	status := 'ok';
	SELECT r.location, r.host INTO known FROM nex_backup.repositories r WHERE r.id = $1;
	IF known.location IS NULL OR known.location !~ '^/' OR known.host IS DISTINCT FROM nex_backup.host_name() THEN
		RETURN;
	END IF;
	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed(known.location, 'nex_backup.json') f;
	IF file.problem = 'may not be read by the server' THEN
		detail := file.problem;
	ELSIF file.problem = 'is missing' THEN
		status := 'warning';
		detail := 'NOT THERE as this server sees it';
	ELSIF file.problem IS NOT NULL THEN
		status := 'critical';
		detail := format('nex_backup.json %s', file.problem);
	ELSIF file.content::jsonb ->> 'id' IS DISTINCT FROM $1 THEN
		status := 'critical';
		detail := 'another repository is there now';
	ELSE
		detail := 'readable by the server';
	END IF;
EXCEPTION WHEN data_exception THEN
	status := 'critical';
	detail := 'nex_backup.json is not JSON';
END
$$;

-- "1 backup", "2 backups"
CREATE FUNCTION nex_backup.count_text(n pg_catalog.int8, noun pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s %s%s', coalesce(n, 0), noun, CASE WHEN n = 1 THEN '' ELSE 's' END)
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
		SELECT 2, r.location, 'repository', (r.seen).status,
			concat_ws(', ', r.location || coalesce(' on ' || r.host, ''), (r.seen).detail,
				nex_backup.count_text(b.backups, 'backup'), pg_size_pretty(b.bytes),
				'last used ' || nex_backup.age_text(r.last_seen))
		FROM (SELECT *, nex_backup.repository_state(id) AS seen FROM nex_backup.repositories OFFSET 0) r,
			LATERAL (SELECT count(*) AS backups, coalesce(sum(new_bytes), 0) AS bytes
				FROM nex_backup.backups WHERE repository = r.id) b
		UNION ALL
		SELECT 3, '', 'backup', 'critical',
			'no backup is recorded; run "nex_backup backup", or read a repository with nex_backup_sync()'
		WHERE NOT EXISTS (SELECT FROM nex_backup.backups)
		UNION ALL
		SELECT 3, l.database, 'backup of ' || l.database,
			CASE WHEN l.snapshot_at > now() - interval '24 hours' THEN 'ok'
				WHEN l.snapshot_at > now() - interval '48 hours' THEN 'warning' ELSE 'critical' END,
			format('%s, %s (%s), %s, %s, %s stored', l.id, l.type, nex_backup.age_text(l.snapshot_at),
				nex_backup.count_text(l.tables, 'table'), nex_backup.count_text(l.rows, 'row'),
				pg_size_pretty(coalesce(l.stored_bytes, 0)))
		FROM latest l
		UNION ALL
		-- A database all of whose backups are damaged
		SELECT DISTINCT 3, b.database, 'backup of ' || b.database, 'critical', 'no good backup is left'
		FROM nex_backup.backups b
		WHERE NOT EXISTS (SELECT FROM latest l WHERE l.database = b.database)
		UNION ALL
		-- Only a catalogue of more than its own database can be expected to know of the others.
		SELECT 3, 'uncovered', 'databases without backup', 'warning',
			string_agg(format('%I', d.datname), ', ' ORDER BY d.datname)
		FROM pg_database d
		WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> 'postgres'
			AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = d.datname)
			AND EXISTS (SELECT FROM latest l WHERE l.database <> current_database()
				AND l.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c))
		HAVING count(*) > 0
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
				coalesce(r.error, r.reason, 'no reason given'))
		FROM last_run r
		WHERE r.state = ANY (ARRAY['failed', 'timed_out', 'crashed'])
		UNION ALL
		SELECT 6, '', 'restore points', 'ok',
			CASE WHEN count(*) = 0 THEN 'none'
				ELSE format('%s, the latest "%s" %s', count(*), (array_agg(p.name ORDER BY p.created DESC))[1],
					nex_backup.age_text(max(p.created))) END
		FROM nex_backup.restore_points p
		UNION ALL
		SELECT 7, '', 'scheduler', 'ok', 'this version has none, no backup starts by itself; start "nex_backup backup" by cron or a systemd timer'
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
GRANT EXECUTE ON FUNCTION nex_backup.count_text(pg_catalog.int8, pg_catalog.text) TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup.is_preloaded() TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup.repository_state(pg_catalog.text) TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup_status() TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup_restore_points() TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup_sync(pg_catalog.text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION nex_backup_verify(pg_catalog.text, pg_catalog.text) TO pg_read_server_files;
