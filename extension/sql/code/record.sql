--
-- What the tool reports.  A report that the tool makes while it works for a run belongs to that run, which remains
-- one row of nex_backup.runs, however many backups it was about.
--

-- What is kept of a report besides its columns; of long lists, the first entries.  In one pass, because removing
-- keys one by one would copy the whole each time.
CREATE OR REPLACE FUNCTION nex_backup.report_details(payload jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(e.key, CASE WHEN e.key = ANY (ARRAY['bad', 'removed']) AND jsonb_typeof(e.value) = 'array'
		THEN jsonb_path_query_array(e.value, '$[0 to 999]') ELSE e.value END), '{}')
	FROM jsonb_each($1) e
	WHERE e.key <> ALL (ARRAY['repository', 'manifest', 'database', 'backup', 'started', 'finished', 'state', 'exit_code', 'error',
		'tool', 'present', 'copy', 'to'])
$$;

-- The part of the details of a report that identifies what it is about.
CREATE OR REPLACE FUNCTION nex_backup.short_details(details jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') FROM jsonb_each($1) d
	WHERE d.key = ANY (ARRAY['set', 'copy']) AND octet_length(d.value::text) < 2000
$$;

-- A report that belongs to a run, as it is kept.  From a role that may not read server files, details are
-- shortened once there is a megabyte of them, and there is a limit to the number of reports.
CREATE OR REPLACE FUNCTION nex_backup.bounded_report(report nex_backup.run_reports, vouched bool)
RETURNS nex_backup.run_reports
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounded nex_backup.run_reports := report;
	reports int8;
	bytes int8;
BEGIN
	IF vouched THEN
		RETURN report;
	END IF;
	SELECT count(*), sum(p.bytes) INTO reports, bytes
	FROM (SELECT pg_column_size(p.details) + coalesce(pg_column_size(p.error), 0) AS bytes FROM nex_backup.run_reports p
		WHERE p.run = report.run LIMIT 10000) p;
	IF reports >= 10000 AND NOT EXISTS (SELECT FROM nex_backup.run_reports p
			WHERE p.run = report.run AND p.event = report.event AND p.repository = report.repository
				AND coalesce(p.database, '') = coalesce(report.database, '') AND coalesce(p.backup, '') = coalesce(report.backup, '')
				AND COALESCE(left(p.details ->> 'set', 220), '') = COALESCE(left(report.details ->> 'set', 220), '')
				AND p.started = report.started) THEN
		RAISE EXCEPTION '10000 reports of run % are recorded already', report.run
			USING ERRCODE = 'configuration_limit_exceeded';
	END IF;
	IF bytes + octet_length(report.details::text) > 1048576 THEN
		bounded.details := nex_backup.short_details(report.details);
		bounded.error := left(report.error, 200);
	END IF;
	RETURN bounded;
END
$$;

-- Make room for another report.  Roles that may not read server files could report without end, so a limited
-- number of their reports is kept, by kind and repository, and of databases and backups in a repository.  All
-- repositories that nobody has vouched for count as one, because a reporter can name as many as it likes.  Returns
-- false if little can be kept of this one.
CREATE OR REPLACE FUNCTION nex_backup.bound_reports(event text, repository text, database text)
RETURNS bool
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	few text[] := ARRAY[$2];
	most int8 := 1000;
	reports int8;
	bytes int8;
BEGIN
	IF NOT EXISTS (SELECT FROM nex_backup.repositories r WHERE r.id = $2 AND r.vouched) THEN
		SELECT array_agg(r.id) INTO few FROM nex_backup.repositories r WHERE NOT r.vouched;
		most := 2000;
	END IF;
	SELECT count(*), sum(c.bytes) INTO reports, bytes
	FROM unnest(few) f (id), LATERAL (SELECT pg_column_size(r.details) + coalesce(pg_column_size(r.error), 0) AS bytes
		FROM nex_backup.runs r WHERE r.kind = $1 AND COALESCE(r.repository, '') = f.id LIMIT 100000) c;
	IF reports >= 100000 THEN
		DELETE FROM nex_backup.runs d WHERE d.id IN (SELECT r.id FROM nex_backup.runs r
			WHERE r.kind = $1 AND COALESCE(r.repository, '') = ANY (few) AND r.job IS NULL AND r.definition IS NULL
			ORDER BY r.id LIMIT 1000 FOR UPDATE SKIP LOCKED);
	END IF;
	IF $1 = 'backup' AND (SELECT sum(n) FROM unnest(few) f (id), LATERAL (SELECT count(*) AS n FROM (SELECT FROM nex_backup.backups b
			WHERE b.repository = f.id LIMIT 100000) l) c) >= 100000 THEN
		RAISE EXCEPTION '100000 backups are recorded in repository "%", or in all that nobody has vouched for, already', $2
			USING ERRCODE = 'configuration_limit_exceeded',
				HINT = 'nex_backup_sync() records as many as the repository holds, and removes those that it does not hold.';
	END IF;
	IF $3 IS NULL OR EXISTS (SELECT FROM nex_backup.backups b WHERE b.repository = ANY (few) AND b.database = $3)
		OR EXISTS (SELECT FROM unnest(few) f (id), unnest(ARRAY['backup', 'verify', 'restore', 'expire', 'copy']) k (kind), nex_backup.runs r
			WHERE r.kind = k.kind AND COALESCE(r.repository, '') = f.id AND COALESCE(r.database, '') = $3) THEN
		RETURN coalesce(bytes, 0) < 67108864;
	END IF;
	IF (SELECT count(*) FROM (SELECT b.database FROM nex_backup.backups b WHERE b.repository = ANY (few)
			UNION SELECT r.database FROM nex_backup.runs r WHERE COALESCE(r.repository, '') = ANY (few)) d) >= most THEN
		RAISE EXCEPTION 'reports of % databases are recorded for repository "%"%', most, $2,
			CASE WHEN most > 1000 THEN ' and others that nobody has vouched for' ELSE '' END
			USING ERRCODE = 'configuration_limit_exceeded',
				HINT = 'nex_backup_sync() records as many as the repository holds.';
	END IF;
	RETURN coalesce(bytes, 0) < 67108864;
END
$$;

-- The run that this session works for, locked, if the session may say so.  Anybody can set application_name: so
-- the run must be in progress, be executed by the very role that reports, and be of a kind and a database that
-- report this event.  The report never changes the state of the run, which its executor decides.  When the worker
-- of the server was killed, the run may be settled before the tool, which then stops, has reported; that is the
-- session of a superuser.
CREATE OR REPLACE FUNCTION nex_backup.run_of_session(event text, repository text, database text, file_set text)
RETURNS int8
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.id
	FROM nex_backup.runs r
		JOIN nex_backup.job_kinds k ON k.kind = r.kind
	WHERE r.id = substring(current_setting('application_name') FROM '^nex_backup:run:([0-9]{1,18})$')::int8
		AND CASE WHEN r.state = ANY (ARRAY['starting', 'running'])
				THEN EXISTS (SELECT FROM nex_backup.leases l WHERE l.run = r.id AND l.session_role = nex_backup.role_of_call()
					AND (l.in_server OR l.lease_until > clock_timestamp()))
			ELSE r.state = 'crashed' AND r.executor IS NOT NULL AND r.finished > nex_backup.now() - interval '10 minutes'
				AND (SELECT o.rolsuper FROM pg_roles o WHERE o.rolname = nex_backup.role_of_call()) END
		AND k.records = $1
		AND (r.repository IS NULL OR r.repository = $2)
		-- Reports about a server other than main name LABEL@database.
		AND (r.database IS NULL OR r.database = $3 OR (r.definition #>> '{options,server}') || '@' || r.database = $3)
		AND (r.kind <> 'config' OR $3 IS NULL AND $4 = coalesce(r.definition #>> '{options,set}', $4))
		AND (r.kind <> 'globals' OR $3 = coalesce(nullif(r.definition #>> '{options,server}', 'main') || '@', ''))
	FOR UPDATE OF r
$$;

-- Add a report to its run.  If there is one report, the run has its contents; if there are several, what they have
-- in common.
CREATE OR REPLACE FUNCTION nex_backup.add_report(report nex_backup.run_reports, tool text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	reports int8;
BEGIN
	INSERT INTO nex_backup.run_reports SELECT report.*
	ON CONFLICT (run, event, repository, COALESCE(database, ''), COALESCE(backup, ''),
		COALESCE(left(details ->> 'set', 220), ''), started) DO UPDATE
	SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
		error = EXCLUDED.error, details = EXCLUDED.details;
	SELECT count(*) INTO reports FROM (SELECT FROM nex_backup.run_reports p WHERE p.run = report.run LIMIT 2) p;
	UPDATE nex_backup.runs r
	SET repository = report.repository, tool_version = $2,
		backup = CASE WHEN reports = 1 THEN report.backup END,
		error = CASE WHEN reports = 1 THEN report.error ELSE coalesce(r.error, report.error) END,
		details = CASE WHEN reports = 1 THEN report.details ELSE '{}' END
	WHERE r.id = report.run;
END
$$;

-- Record a backup.  manifest has the keys of a manifest file, with the number of members in each table.
CREATE OR REPLACE FUNCTION nex_backup.record_backup(repository text, database text,
	id text, manifest jsonb, type text, started timestamptz, finished timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	snapshot_at timestamptz := (manifest ->> 'snapshot_at')::timestamptz;
	wrong text;
BEGIN
	PERFORM nex_backup.check_times($6, snapshot_at, $7);
	SELECT n.key INTO wrong
	FROM (VALUES ('totals,tables'), ('totals,rows'), ('totals,raw_bytes'), ('totals,stored_bytes'), ('totals,new_bytes'))
		n(key)
	WHERE manifest #>> string_to_array(n.key, ',') !~ '^[0-9]{1,18}$' LIMIT 1;
	IF manifest #>> '{server,timeline}' !~ '^[0-9]{1,9}$' THEN
		wrong := 'server,timeline';
	END IF;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'key "%" is no number in its range', replace(wrong, ',', '.') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO nex_backup.backups AS b (repository, database, id, type, started, snapshot_at, finished,
		server_version, system_identifier, timeline, lsn, codec, tables, rows, raw_bytes, stored_bytes,
		new_bytes, kind, warnings)
	VALUES ($1, $2, $3, left($5, 64), $6, snapshot_at, $7,
		left(manifest #>> '{server,version}', 100), left(manifest #>> '{server,system_identifier}', 32),
		(manifest #>> '{server,timeline}')::int4, (manifest #>> '{server,lsn}')::pg_lsn,
		left(manifest ->> 'codec', 16),
		(manifest #>> '{totals,tables}')::int8, (manifest #>> '{totals,rows}')::int8,
		(manifest #>> '{totals,raw_bytes}')::int8, (manifest #>> '{totals,stored_bytes}')::int8,
		(manifest #>> '{totals,new_bytes}')::int8,
		CASE WHEN $2 = '' THEN 'globals' WHEN nex_backup.is_file_set($2) THEN 'files' ELSE 'database' END,
		ARRAY(SELECT left(nex_backup.manifest_text(w), 2000) FROM jsonb_array_elements(manifest -> 'warnings') w LIMIT 1000))
	ON CONFLICT (repository, database, id) DO UPDATE
	SET type = EXCLUDED.type, started = EXCLUDED.started, snapshot_at = EXCLUDED.snapshot_at,
		finished = EXCLUDED.finished, server_version = EXCLUDED.server_version,
		system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, lsn = EXCLUDED.lsn,
		codec = EXCLUDED.codec, tables = EXCLUDED.tables, rows = EXCLUDED.rows,
		raw_bytes = EXCLUDED.raw_bytes, stored_bytes = EXCLUDED.stored_bytes,
		new_bytes = EXCLUDED.new_bytes, kind = EXCLUDED.kind, warnings = EXCLUDED.warnings;

	DELETE FROM nex_backup.backup_tables t
	WHERE t.repository = $1 AND t.database = $2 AND t.backup = $3;

	SELECT format('table %s: a key is missing, too long, or no number in its range', place) INTO wrong
	FROM jsonb_array_elements(manifest -> 'tables') WITH ORDINALITY e(t, place)
	WHERE (concat_ws('/', t ->> 'rows', t ->> 'raw_bytes', t ->> 'stored_bytes', t ->> 'heap_bytes',
			coalesce(t ->> 'members', '0')) ~ '^([0-9]{1,18}/){4}[0-9]{1,18}$'
		-- Names of 63 bytes, in base64 for example.
		AND octet_length(t ->> 'schema') <= 300 AND octet_length(t ->> 'name') <= 300) IS NOT TRUE LIMIT 1;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION '%', wrong USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO nex_backup.backup_tables (repository, database, backup, schema_name, table_name, rows,
		members, raw_bytes, stored_bytes, heap_bytes)
	SELECT $1, $2, $3, nex_backup.manifest_text(t -> 'schema'), nex_backup.manifest_text(t -> 'name'),
		(t ->> 'rows')::int8, coalesce((t ->> 'members')::int8, 0), (t ->> 'raw_bytes')::int8,
		(t ->> 'stored_bytes')::int8, (t ->> 'heap_bytes')::int8
	FROM jsonb_array_elements(manifest -> 'tables') t;
END
$$;

-- Record that a backup was verified.  One that did not look into it (inside is false) says nothing of the damage that
-- another one has found there, so that is still known.
CREATE OR REPLACE FUNCTION nex_backup.note_verification(repository text, database text, id text, verified timestamptz,
	ok bool, inside bool)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.backups b
	SET (verified, verified_ok, verified_inside) = (SELECT $4, $5 AND NOT k.known, $6 OR k.known
		FROM (SELECT coalesce(b.verified_inside AND NOT b.verified_ok AND NOT $6, false)) k (known))
	WHERE b.repository = $1 AND b.database = $2 AND b.id = $3
$$;

-- The report of the tool; extension/README.md describes the payload.  record() calls it as the owner, and has
-- checked the caller: vouched tells whether that role may have the server look at the place that the report names.
-- Neither an entry nor SECURITY DEFINER, because whoever calls it directly could claim anything.
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
	-- As nex_backup.backups has it; runs of a set have its name in their details, and no database.
	owner text := nex_backup.reported_owner(database, payload ->> 'set');
	details jsonb;
	present jsonb := payload -> 'present';
	mark text := left(payload #>> '{repository,mark}', 64);
	run int8;
	mine bool;
	of_copy bool;
	-- Where a copy went.
	copied_to text := nex_backup.manifest_text(payload #> '{to,location}');
	copied_host text := nex_backup.manifest_text(payload #> '{to,host}');
BEGIN
	PERFORM nex_backup.role_of_call();
	IF event IS NULL OR event <> ALL (ARRAY['backup', 'verify', 'restore', 'expire', 'copy']) THEN
		RAISE EXCEPTION 'unknown event "%"', left(event, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are backup, verify, restore, expire and copy.';
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
	IF event = 'backup' AND state = 'succeeded' AND (owner IS NULL OR backup IS NULL
		OR payload #>> '{manifest,snapshot_at}' IS NULL) THEN
		RAISE EXCEPTION 'the payload of a backup that succeeded lacks a database or a set, an id, or a manifest'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF event = 'copy' THEN
		IF copied_to IS NULL THEN
			RAISE EXCEPTION 'the payload of a copy lacks the place that it went to'
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
		PERFORM nex_backup.check_text('location of a copy', copied_to, 1023);
		PERFORM nex_backup.check_text('name of a host', copied_host, 255);
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

	mine := nex_backup.may_change_backups(repository, vouched, pg_get_userbyid(caller));
	-- Only a new backup makes another place the repository, and only if it is not known to be a copy.  Where a
	-- report that may change nothing says that it lies counts for nothing, and what it adds is added.
	of_copy := nex_backup.is_copy(repository, location, host, mark, vouched)
		AND (event <> 'backup' OR state <> 'succeeded' OR mine AND nex_backup.stays_copy(repository, location, host));
	IF of_copy THEN
		details := details || jsonb_build_object('copy', jsonb_build_object('location', location, 'host', host));
	ELSE
		PERFORM nex_backup.note_repository(repository, location, host, vouched, pg_get_userbyid(caller));
		mine := nex_backup.may_change_backups(repository, vouched, pg_get_userbyid(caller));
		UPDATE nex_backup.repositories r SET mark = me.mark
		WHERE r.id = me.repository AND me.mark IS NOT NULL AND r.mark IS DISTINCT FROM me.mark AND (vouched OR NOT r.vouched);
	END IF;
	IF event = 'copy' THEN
		details := details || jsonb_build_object('copy', jsonb_build_object('location', copied_to, 'host', copied_host));
	END IF;
	-- The key of a row that is not committed yet is a lock; a role must not be able to lock the keys of others'
	-- future backups.
	IF NOT mine AND left(backup, 16) > to_char((greatest(clock_timestamp(), nex_backup.now()) + interval '1 minute')
		AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') THEN
		RAISE EXCEPTION 'backup id "%" is of a time to come', backup USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF payload -> 'repository' ? 'cipher' AND NOT of_copy AND (vouched OR NOT EXISTS (SELECT FROM nex_backup.repositories r
			WHERE r.id = me.repository AND r.vouched)) THEN
		PERFORM nex_backup.note_encryption(repository, payload -> 'repository');
	END IF;
	IF NOT vouched AND NOT nex_backup.bound_reports(event, repository,
			CASE event WHEN 'backup' THEN owner ELSE database END) THEN
		details := nex_backup.short_details(details);
		error := left(error, 200);
	END IF;

	run := nex_backup.run_of_session(event, repository, database, payload ->> 'set');
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
		-- A run of the scheduler is never rewritten by reports.
		WHERE r.definition IS NULL;
	END IF;

	-- A report can add a backup to a repository of others, but not change one.
	IF of_copy AND mine THEN
		IF event = 'backup' AND state = 'succeeded' THEN
			PERFORM nex_backup.note_copy(repository, location, host, NULL, NULL, backup, vouched);
		ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' THEN
			PERFORM nex_backup.note_copy_verified(repository, location, host, owner, backup, coalesce(finished, now()),
				payload ->> 'result' = 'ok', (payload ->> 'inside')::bool);
		END IF;
	ELSIF event = 'backup' AND state = 'succeeded' AND mine THEN
		-- What was a copy has become the repository.
		PERFORM nex_backup.promote_copy(repository, location, host);
	END IF;
	IF event = 'expire' AND mine AND payload ? 'in_use_since' THEN
		PERFORM nex_backup.note_in_use(repository, CASE WHEN of_copy THEN location END, host, (payload ->> 'in_use_since')::timestamptz);
	END IF;
	-- Where the repository is, there is no copy of it; and a place is one when a backup is there.
	IF event = 'copy' AND mine AND (state = 'succeeded' OR payload #>> '{to,newest}' IS NOT NULL)
		AND nex_backup.is_copy(repository, copied_to, copied_host, payload #>> '{to,mark}', vouched) THEN
		PERFORM nex_backup.note_copy(repository, copied_to, copied_host, nex_backup.manifest_text(payload #> '{to,name}'),
			CASE state WHEN 'succeeded' THEN started END, payload #>> '{to,newest}', vouched);
	END IF;
	IF NOT of_copy AND event = 'backup' AND state = 'succeeded' AND (mine OR NOT EXISTS (SELECT FROM nex_backup.backups b
			WHERE b.repository = me.repository AND b.database = me.owner AND b.id = me.backup)) THEN
		PERFORM nex_backup.record_backup(repository, owner, backup, payload -> 'manifest',
			payload ->> 'type', started, finished);
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' AND mine AND NOT of_copy THEN
		PERFORM nex_backup.note_verification(repository, owner, backup, coalesce(finished, now()),
			payload ->> 'result' = 'ok', (payload ->> 'inside')::bool);
	ELSIF event = 'expire' AND mine AND NOT of_copy THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository
			AND b.database = nex_backup.reported_owner(nex_backup.manifest_text(removed -> 'database'), payload ->> 'set')
			AND b.id = removed ->> 'backup';
	END IF;
	IF mine AND jsonb_typeof(present) = 'array' THEN
		IF of_copy THEN
			PERFORM nex_backup.note_copy_present(repository, location, host, present);
		ELSE
			PERFORM nex_backup.note_present(repository, present);
		END IF;
	END IF;
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;

-- Runs as its caller, to see who that is, and calls take_report() as the owner.
CREATE OR REPLACE FUNCTION nex_backup.record(event text, payload jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_record'
LANGUAGE C VOLATILE;
