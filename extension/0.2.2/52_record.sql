
--
-- What is recorded of a repository, of its copies, and of backups that are there no more.
--

ALTER TABLE nex_backup.repositories ADD COLUMN mark pg_catalog.text;
COMMENT ON COLUMN nex_backup.repositories.mark IS
	'which file its nex_backup.json is: the same wherever the directory is mounted, another one for a copy';
ALTER TABLE nex_backup.backups ADD COLUMN gone timestamptz;
COMMENT ON COLUMN nex_backup.backups.gone IS
	'since when its manifest is known not to be in the repository, though nothing has expired it';

-- What a command does to several sets of configuration files at once, expire for example, it reports of each.
DROP INDEX nex_backup.runs_once;
CREATE UNIQUE INDEX runs_once ON nex_backup.runs
	(kind, COALESCE(repository, ''), COALESCE(database, ''), COALESCE(backup, ''), COALESCE(file_set, ''), started);

CREATE FUNCTION nex_backup.file_mark(repository text, file text, OUT mark text, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_file_mark'
LANGUAGE C STRICT VOLATILE;

-- Is that a copy of the repository that the catalogue knows by this id?
CREATE FUNCTION nex_backup.is_copy(repository text, location text, host text, mark text, vouched bool)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.repositories r
		WHERE r.id = $1 AND (r.vouched OR NOT $5)
			AND NOT (rtrim(r.location, '/') = rtrim($2, '/') AND (r.host = $3) IS NOT FALSE)
			AND (r.mark = $4) IS NOT TRUE)
$$;

-- Enter a repository, or note that it was seen again.  Who does not vouch for a place does not touch the row of a
-- repository that somebody has vouched for, not even to lock it, and can enter so many only.
CREATE OR REPLACE FUNCTION nex_backup.note_repository(id text, location text, host text, vouched bool, caller name)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known nex_backup.repositories;
BEGIN
	IF $1 = '' OR $1 ~ '[[:space:]]' THEN
		RAISE EXCEPTION 'invalid id of a repository: "%"', left($1, 100) USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM nex_backup.check_text('id of a repository', $1, 64);
	-- MAXPGPATH
	PERFORM nex_backup.check_text('location of a repository', $2, 1023);
	PERFORM nex_backup.check_text('name of a host', $3, 255);
	SELECT r.* INTO known FROM nex_backup.repositories r WHERE r.id = $1;
	IF NOT $4 AND known.vouched THEN
		RETURN;
	END IF;
	IF NOT $4 AND known.id IS NULL
		AND (SELECT count(*) FROM nex_backup.repositories r WHERE r.recorded_by = $5 AND NOT r.vouched) >= 100 THEN
		RAISE EXCEPTION 'role "%" has recorded 100 repositories already', $5
			USING ERRCODE = 'configuration_limit_exceeded',
				DETAIL = 'So many are taken from a role that may not read server files.',
				HINT = 'Call nex_backup_sync() for those that are in use, and delete the others from nex_backup.repositories.';
	END IF;
	INSERT INTO nex_backup.repositories AS r (id, location, host, vouched, recorded_by)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (id) DO UPDATE
	SET location = CASE WHEN $4 OR NOT r.vouched THEN EXCLUDED.location ELSE r.location END,
		host = CASE WHEN $4 OR NOT r.vouched THEN coalesce(EXCLUDED.host, r.host) ELSE r.host END,
		-- That of another place tells nothing here.
		mark = CASE WHEN ($4 OR NOT r.vouched) AND (EXCLUDED.location <> r.location OR EXCLUDED.host <> r.host) THEN NULL ELSE r.mark END,
		vouched = $4 OR r.vouched,
		last_seen = now();
END
$$;

-- Somebody has listed all backups of a repository.  One that was made meanwhile may not be in the list yet; if it is marked
-- nevertheless, the next list makes it good.
CREATE FUNCTION nex_backup.note_present(repository text, present jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH listed AS (
		-- A database of main that is called like one of another server has two names here.
		SELECT DISTINCT n.name AS database, i.id
		FROM jsonb_array_elements($2) o, jsonb_array_elements_text(o -> 'backups') i (id),
			nex_backup.manifest_text(o -> 'database') d (name),
			LATERAL unnest(ARRAY[d.name, CASE WHEN d.name ~ '^[A-Za-z0-9_-]{1,32}@' THEN 'main@' || d.name END]) n (name)
	)
	UPDATE nex_backup.backups b
	SET gone = CASE WHEN s.missing THEN clock_timestamp() END
	FROM (SELECT k.database, k.id, l.id IS NULL AS missing
		FROM nex_backup.backups k LEFT JOIN listed l ON l.database = k.database AND l.id = k.id
		WHERE k.repository = $1 AND (l.id IS NULL) <> (k.gone IS NOT NULL)
			AND (l.id IS NOT NULL OR coalesce(k.finished, k.started) < clock_timestamp() - interval '10 minutes')) s
	WHERE b.repository = $1 AND b.database = s.database AND b.id = s.id
$$;

-- The numbers of the backups that are in none of the places that are given for them, of each owner until one is there.  A child
-- looks, for two seconds at most, as the file system may not answer.
CREATE FUNCTION nex_backup.missing_files(repository text, owners int4[], backups int4[], files text[])
RETURNS SETOF int4
AS 'MODULE_PATHNAME', 'nex_backup_missing_files'
LANGUAGE C STRICT VOLATILE;

-- Where the backups of an owner may lie: LABEL@database can be the name of a database, too.  Which it is, owner_directory()
-- can tell, as it lists the directories.
CREATE FUNCTION nex_backup.possible_directories(database text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN octet_length($1) <= 63 THEN ARRAY[nex_backup.backup_directory($1)] ELSE '{}' END
		|| CASE WHEN octet_length(substr($1, length(n.label) + 2)) <= 63
			THEN ARRAY[CASE n.label WHEN 'main' THEN '' ELSE format('servers/%s/', n.label) END
				|| nex_backup.backup_directory(substr($1, length(n.label) + 2))] ELSE '{}' END
	FROM (SELECT substring($1 FROM '^([A-Za-z0-9_-]{1,32})@') AS label) n
$$;

-- Backups of which the catalogue knows and whose manifests are gone: from the latest of each database on, until one is there.
-- Looked at are repositories that this server can read; what cannot be told is not gone.
CREATE FUNCTION nex_backup.gone_backups(OUT repository text, OUT database text, OUT id text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	place record;
	suspects text[];
	known record;
	missing int4[];
BEGIN
	FOR place IN SELECT r.id, r.location FROM nex_backup.repositories r
		WHERE (nex_backup.repository_state(r.id)).detail = 'readable by the server'
	LOOP
		-- The latest of each database first, which is there as a rule; then all of those whose latest is not.
		suspects := NULL;
		LOOP
			SELECT array_agg(k.database ORDER BY k.database COLLATE "C", k.nth) AS databases,
				array_agg(k.id ORDER BY k.database COLLATE "C", k.nth) AS ids INTO known
			FROM (SELECT b.database, b.id,
					row_number() OVER (PARTITION BY b.database COLLATE "C" ORDER BY b.snapshot_at DESC, b.id) AS nth
				FROM nex_backup.backups b
				-- The directory of what valid_text() may have written is another one; the program says what of it is there.
				WHERE b.repository = place.id AND b.database !~ concat(chr(92), chr(92), 'x[89a-f][0-9a-f]')
					AND (suspects IS NULL OR b.database = ANY (suspects))) k
			WHERE k.nth = 1 OR suspects IS NOT NULL;
			EXIT WHEN known.ids IS NULL;
			SELECT ARRAY(SELECT nex_backup.missing_files(place.location, array_agg(f.owner ORDER BY f.number),
				array_agg(f.number ORDER BY f.number), array_agg(f.file ORDER BY f.number))) INTO missing
			FROM (SELECT u.number::int4 AS number, (dense_rank() OVER (ORDER BY u.database COLLATE "C"))::int4 AS owner,
					format('%s/%s.json', d.directory, u.id) AS file
				FROM unnest(known.databases, known.ids) WITH ORDINALITY u (database, id, number),
					LATERAL unnest(nex_backup.possible_directories(u.database)) d (directory)) f;
			IF suspects IS NOT NULL THEN
				RETURN QUERY SELECT place.id, known.databases[m.number], known.ids[m.number] FROM unnest(missing) m (number);
				EXIT;
			END IF;
			suspects := ARRAY(SELECT known.databases[m.number] FROM unnest(missing) m (number));
			EXIT WHEN suspects = '{}';
		END LOOP;
	END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION nex_backup.gone_backups() TO pg_monitor;

-- Of a report, what has no column of its own, and of long lists the beginning.  Whoever takes keys away one by one copies the
-- whole each time, entry by entry.
CREATE FUNCTION nex_backup.report_details(payload jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(e.key, CASE WHEN e.key = ANY (ARRAY['bad', 'removed']) AND jsonb_typeof(e.value) = 'array'
		THEN jsonb_path_query_array(e.value, '$[0 to 999]') ELSE e.value END), '{}')
	FROM jsonb_each($1) e
	WHERE e.key <> ALL (ARRAY['repository', 'manifest', 'database', 'backup', 'started', 'finished', 'state', 'exit_code', 'error',
		'tool', 'present', 'copy'])
$$;

-- The tool's report of something done; extension/README.md describes the payload.  Called by record(), as the owner, which
-- has looked who reports: vouched says whether that role may have the server look at the place that it names.  No entry,
-- and no SECURITY DEFINER: whoever calls it directly could say so itself.
CREATE OR REPLACE FUNCTION nex_backup.take_report(event text, payload jsonb, caller oid, vouched bool)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '20s'
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	repository text := payload #>> '{repository,id}';
	location text := nex_backup.manifest_text(payload #> '{repository,location}');
	host text := nex_backup.manifest_text(payload #> '{repository,host}');
	database text := nex_backup.manifest_text(payload -> 'database');
	backup text := payload ->> 'backup';
	started timestamptz := (payload ->> 'started')::timestamptz;
	finished timestamptz := (payload ->> 'finished')::timestamptz;
	state text := payload ->> 'state';
	exit_code int4 := (payload ->> 'exit_code')::int4;
	error text := left(nex_backup.manifest_text(payload -> 'error'), 8192);
	tool text := left(payload ->> 'tool', 64);
	details jsonb;
	present jsonb := payload -> 'present';
	mark text := left(payload #>> '{repository,mark}', 64);
	run int8;
	mine bool;
	of_copy bool;
BEGIN
	PERFORM nex_backup.role_of_call();
	IF event IS NULL OR event <> ALL (ARRAY['backup', 'verify', 'restore', 'expire']) THEN
		RAISE EXCEPTION 'unknown event "%"', left(event, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are backup, verify, restore and expire.';
	END IF;
	IF repository IS NULL OR location IS NULL OR state IS NULL OR started IS NULL THEN
		RAISE EXCEPTION 'the payload lacks a repository, a state or a start time'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF state <> ALL (ARRAY['succeeded', 'failed', 'cancelled']) THEN
		RAISE EXCEPTION 'unknown state "%"', left(state, 100)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF backup !~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]{1,9})?$' THEN
		RAISE EXCEPTION 'invalid backup id "%"', left(backup, 100)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF event = 'backup' AND state = 'succeeded' AND (database IS NULL OR backup IS NULL
		OR payload #>> '{manifest,snapshot_at}' IS NULL) THEN
		RAISE EXCEPTION 'the payload of a backup that succeeded lacks a database, an id or a manifest'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM nex_backup.check_times(started, finished);
	-- A name of 63 bytes that are not UTF-8 has four times as many here.
	IF octet_length(database) > 252 THEN
		RAISE EXCEPTION 'invalid name of a database' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF exit_code NOT BETWEEN 0 AND 255 THEN
		RAISE EXCEPTION 'invalid exit code %', exit_code USING ERRCODE = 'invalid_parameter_value';
	END IF;
	details := nex_backup.report_details(payload);
	IF octet_length(details::text) > 1048576 THEN
		RAISE EXCEPTION 'the payload is too large' USING ERRCODE = 'program_limit_exceeded';
	END IF;

	-- Only a new backup makes another place the repository.
	of_copy := (event <> 'backup' OR state <> 'succeeded') AND nex_backup.is_copy(repository, location, host, mark, vouched);
	mine := nex_backup.may_change_backups(repository, vouched, pg_get_userbyid(caller));
	IF of_copy THEN
		details := details || jsonb_build_object('copy', jsonb_build_object('location', location, 'host', host));
	ELSE
		PERFORM nex_backup.note_repository(repository, location, host, vouched, pg_get_userbyid(caller));
		mine := nex_backup.may_change_backups(repository, vouched, pg_get_userbyid(caller));
		UPDATE nex_backup.repositories r SET mark = me.mark
		WHERE r.id = me.repository AND me.mark IS NOT NULL AND r.mark IS DISTINCT FROM me.mark AND (vouched OR NOT r.vouched);
	END IF;
	-- The key of a row that is not committed yet is a lock: nobody is to hold those of others' backups to come.
	IF NOT mine AND left(backup, 16) > to_char((greatest(clock_timestamp(), nex_backup.now()) + interval '1 minute')
		AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') THEN
		RAISE EXCEPTION 'backup id "%" is of a time to come', backup USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF payload -> 'repository' ? 'cipher' AND NOT of_copy AND (vouched OR NOT EXISTS (SELECT FROM nex_backup.repositories r
			WHERE r.id = me.repository AND r.vouched)) THEN
		PERFORM nex_backup.note_encryption(repository, payload -> 'repository');
	END IF;
	IF NOT vouched AND NOT nex_backup.bound_reports(event, repository, database) THEN
		details := nex_backup.short_details(details);
		error := left(error, 200);
	END IF;

	run := nex_backup.run_of_session(event, repository, database);
	IF run IS NOT NULL THEN
		PERFORM nex_backup.add_report(nex_backup.bounded_report((run, event, repository, database, backup, state, started,
			finished, exit_code, error, details), vouched), tool);
	ELSIF mine OR NOT EXISTS (SELECT FROM nex_backup.runs r
			WHERE r.kind = event AND COALESCE(r.repository, '') = me.repository
				AND COALESCE(r.database, '') = COALESCE(me.database, '')
				AND COALESCE(r.backup, '') = COALESCE(me.backup, '')
				AND COALESCE(r.file_set, '') = COALESCE(left(me.details ->> 'set', 220), '') AND r.started = me.started) THEN
		INSERT INTO nex_backup.runs AS r (kind, repository, database, backup, state, started, finished,
			exit_code, error, tool_version, host, details)
		VALUES (event, repository, database, backup, state, started, finished, exit_code, error, tool,
			host, details)
		ON CONFLICT (kind, COALESCE(repository, ''), COALESCE(database, ''), COALESCE(backup, ''), COALESCE(file_set, ''), started)
			DO UPDATE
		SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
			error = EXCLUDED.error, tool_version = EXCLUDED.tool_version, host = EXCLUDED.host,
			details = EXCLUDED.details
		-- A run of the scheduler is never rewritten from outside.
		WHERE r.definition IS NULL;
	END IF;

	-- Of others' backups a report can add one, but change none.
	IF event = 'backup' AND state = 'succeeded' AND (mine OR NOT EXISTS (SELECT FROM nex_backup.backups b
			WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup)) THEN
		PERFORM nex_backup.record_backup(repository, database, backup, payload -> 'manifest',
			payload ->> 'type', started, finished);
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' AND mine AND NOT of_copy THEN
		UPDATE nex_backup.backups b
		SET verified = coalesce(me.finished, now()), verified_ok = payload ->> 'result' = 'ok',
			verified_inside = (payload ->> 'inside')::bool
		WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup;
	ELSIF event = 'expire' AND mine AND NOT of_copy THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository AND b.database = nex_backup.manifest_text(removed -> 'database')
			AND b.id = removed ->> 'backup';
	END IF;
	IF mine AND NOT of_copy AND jsonb_typeof(present) = 'array' THEN
		PERFORM nex_backup.note_present(repository, present);
	END IF;
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;
DROP FUNCTION nex_backup.shortened(jsonb, text);
