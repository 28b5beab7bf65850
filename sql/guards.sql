-- What a hostile report, row or repository can do to the server: not much.
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
\set VERBOSITY terse
SELECT setting || '/nex_backup_guards' AS repo FROM pg_settings WHERE name = 'data_directory' \gset
CREATE ROLE regress_nex_reporter;
GRANT USAGE ON SCHEMA nex_backup TO regress_nex_reporter;
GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO regress_nex_reporter;
GRANT CREATE ON SCHEMA public TO regress_nex_reporter;

-- A report of the repository with that id in that place, on this host.
CREATE FUNCTION report(id text, location text, more jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
	SELECT nex_backup.record('verify', jsonb_build_object('repository', jsonb_build_object('id', id, 'location', location,
		'host', current_setting('guards.host')), 'started', now(), 'state', 'failed') || more)
$$;
SELECT set_config('guards.host', nex_backup.host_name(), false) IS NOT NULL;
CREATE FUNCTION seen(id text) RETURNS text LANGUAGE sql AS $$
	SELECT status || ' ' || coalesce(left(detail, 13), '-') FROM nex_backup.repository_state(id)
$$;
CREATE FUNCTION state_of(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate;
END $$;

\echo -- the server looks where a role that may read its files has named the place
SET ROLE regress_nex_reporter;
SELECT report('r1', '/nonexistent/r1');
RESET ROLE;
SELECT seen('r1');
SELECT detail LIKE '%nex_backup_sync()%' FROM nex_backup_status() WHERE name = 'repository';
SELECT report('r1', '/nonexistent/r1');
SELECT seen('r1');

\echo -- who may not, cannot move it afterwards
SET ROLE regress_nex_reporter;
SELECT report('r1', '/etc');
RESET ROLE;
SELECT location, vouched, recorded_by FROM nex_backup.repositories;

\echo -- nor is a place vouched for by whom such a role makes to run its code
SET ROLE regress_nex_reporter;
CREATE TABLE trap (a int);
CREATE FUNCTION spring(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nex_backup.record('verify', jsonb_build_object('repository', jsonb_build_object('id', 'trap' || a, 'location',
		'/etc/trap', 'host', current_setting('guards.host')), 'started', now(), 'state', 'failed'));
	RETURN a;
END $$;
CREATE FUNCTION spring_as_owner(a int) RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT public.spring(a)';
CREATE INDEX ON trap (spring(a));
INSERT INTO trap VALUES (1), (2);
RESET ROLE;
DELETE FROM nex_backup.repositories WHERE id LIKE 'trap%';
REINDEX TABLE trap;
SELECT spring_as_owner(3);
SELECT id, vouched FROM nex_backup.repositories WHERE id LIKE 'trap%' ORDER BY id;
DROP TABLE trap;
DROP FUNCTION spring_as_owner(int), spring(int);

\echo -- the place of a job is looked at
INSERT INTO nex_backup.jobs (name, schedule, repository) VALUES ('x', '* * * * *', '/etc/trap/');
SELECT seen('trap3');
DELETE FROM nex_backup.jobs;
SELECT seen('trap3');

\echo -- a backup that was only reported is not looked for there
SET ROLE regress_nex_reporter;
SELECT nex_backup.record('backup', jsonb_build_object('repository', '{"id": "r3", "location": "/etc"}'::jsonb,
	'database', 'd', 'backup', '20260101T020000Z', 'type', 'daily', 'started', now(), 'finished', now(), 'state', 'succeeded',
	'manifest', jsonb_build_object('snapshot_at', now(), 'warnings', '[]'::jsonb, 'tables', '[]'::jsonb)));
RESET ROLE;
SELECT nex_backup_verify('d');
SELECT state_of($$SELECT nex_backup_verify('d', '/etc')$$);

\echo -- as many as a role may have
SET ROLE regress_nex_reporter;
SELECT count(report('many' || i, '/r' || i)) FROM generate_series(1, 90) i;
SELECT report('more' || i, '/r' || i) FROM generate_series(1, 20) i;
SELECT report('many1', '/elsewhere');
\echo -- and places that can be such
SELECT report('long', '/' || repeat('x', 2000000));
SELECT report('control', E'/x\n/y');
SELECT report(E'x\ty', '/x');
SELECT report(repeat('x', 100), '/x');
RESET ROLE;
TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;

\echo -- every key of a report, with every odd value: refused, or harmless
CREATE FUNCTION statuses() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM * FROM nex_backup_status();
	PERFORM * FROM nex_backup.progress;
	PERFORM * FROM nex_backup.connections;
	PERFORM * FROM nex_backup.verifications;
	PERFORM nex_backup.progress_text(r.id) FROM nex_backup.runs r;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlerrm;
END $$;
CREATE TABLE odd (value jsonb);
INSERT INTO odd VALUES ('null'), ('true'), ('"infinity"'), ('"-infinity"'), ('"epoch"'), ('"1969-01-01"'), ('"4713-01-01 BC"'), ('"294276-01-01"'),
	('"tomorrow"'), ('-1'), ('1e30'), ('1e300'), ('9223372036854775807'), ('0.5'), ('"abc"'), ('""'), ('{}'), ('[]'), ('[[[]]]'), ('{"base64": "!"}'),
	(to_jsonb(repeat('x', 100000))), ('"NaN"');
CREATE FUNCTION whole_report() RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('repository', '{"id": "r", "location": "/r", "host": "h", "cipher": "age", "recipients": 2}'::jsonb,
		'database', 'd', 'backup', '20260101T020000Z', 'type', 'daily', 'started', '2026-01-01 02:00Z', 'finished', '2026-01-01 02:01Z',
		'state', 'succeeded', 'exit_code', 0, 'error', 'e', 'tool', 't', 'result', 'ok', 'inside', true, 'bad', '[]'::jsonb,
		'removed', '[{"database": "x", "backup": "y"}]'::jsonb,
		'manifest', '{"snapshot_at": "2026-01-01 02:00Z", "codec": "zstd", "server": {"version": "15", "timeline": 1, "lsn": "0/1",
			"system_identifier": "7"}, "totals": {"tables": 1, "rows": 1, "raw_bytes": 1, "stored_bytes": 1, "new_bytes": 1},
			"warnings": ["w"], "tables": [{"schema": "s", "name": "n", "rows": 1, "raw_bytes": 1, "stored_bytes": 1,
			"heap_bytes": 1, "members": 1}]}'::jsonb)
$$;
-- Report that once as each event, of a database of its own, with each of the values in that place.
CREATE FUNCTION try_reports(path text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	kind text;
	given record;
	verdict text;
	tried int := 0;
	harmless int := 0;
BEGIN
	FOREACH kind IN ARRAY ARRAY['backup', CASE path[1] WHEN 'removed' THEN 'expire' ELSE 'verify' END] LOOP
		FOR given IN SELECT o.value, row_number() OVER () AS i FROM odd o LOOP
			tried := tried + 1;
			BEGIN
				PERFORM nex_backup.record(kind, jsonb_set(jsonb_set(whole_report(), '{database}', to_jsonb('d' || given.i)),
					path, given.value));
				harmless := harmless + 1;
			EXCEPTION
				WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN NULL;
			END;
		END LOOP;
	END LOOP;
	verdict := statuses();
	IF verdict <> 'ok' THEN
		RETURN format('%s: %s', path, verdict);
	END IF;
	IF EXISTS (SELECT FROM nex_backup.backups b WHERE NOT isfinite(b.snapshot_at) OR b.snapshot_at > now() + interval '2 days'
			OR NOT isfinite(b.verified) OR b.rows < 0 OR b.timeline < 0)
		OR EXISTS (SELECT FROM nex_backup.backup_tables t WHERE t.rows < 0 OR t.members < 0)
		OR EXISTS (SELECT FROM nex_backup.runs r WHERE NOT isfinite(r.started) OR NOT isfinite(r.finished)
			OR octet_length(r.error) > 10000 OR r.exit_code < 0) THEN
		RETURN format('%s: recorded', path);
	END IF;
	TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;
	RETURN CASE harmless WHEN 0 THEN 'all refused' WHEN tried THEN 'none refused' ELSE 'some refused' END;
END $$;
WITH RECURSIVE paths AS (
	SELECT ARRAY[k] AS path, v FROM jsonb_each(whole_report()) o(k, v)
	UNION ALL
	SELECT p.path || c.k, c.v FROM paths p, LATERAL (
		SELECT k, v FROM jsonb_each(CASE jsonb_typeof(p.v) WHEN 'object' THEN p.v ELSE '{}' END) o(k, v)
		UNION ALL
		SELECT (i - 1)::text, v FROM jsonb_array_elements(CASE jsonb_typeof(p.v) WHEN 'array' THEN p.v ELSE '[]' END)
			WITH ORDINALITY a(v, i)) c)
SELECT place, try_reports(path) FROM (SELECT array_to_string(path, '.') AS place, path FROM paths) p
ORDER BY place COLLATE "C";

\echo -- every column of every table, forged by a superuser
CREATE FUNCTION forge(place regclass, attribute name, kind regtype) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text;
	verdict text;
BEGIN
	FOREACH value IN ARRAY CASE kind
		WHEN 'timestamptz'::regtype THEN ARRAY['infinity', '-infinity', '4713-01-02 BC', '294276-12-31', NULL]
		WHEN 'int4'::regtype THEN ARRAY['-2147483648', '2147483647', NULL]
		WHEN 'int8'::regtype THEN ARRAY['-9223372036854775808', '9223372036854775807', NULL]
		WHEN 'interval'::regtype THEN ARRAY['-178000000 years', '178000000 years', NULL]
		WHEN 'jsonb'::regtype THEN ARRAY['[]', '"x"', '{"type": [], "options": 1, "result": {}, "bad": 3}', NULL]
		WHEN 'text'::regtype THEN ARRAY['', '/' || repeat(E'\n', 5000), '%s %I %', NULL]
		WHEN 'text[]'::regtype THEN ARRAY['{}', '{NULL}', NULL]
		ELSE ARRAY[NULL] END
	LOOP
		BEGIN
			EXECUTE format('UPDATE %s SET %I = %L', place, attribute, value);
			verdict := statuses();
			IF verdict <> 'ok' THEN
				RETURN format('%s.%s = %s: %s', place, attribute, left(value, 30), verdict);
			END IF;
			-- Undo it.
			RAISE EXCEPTION USING ERRCODE = 'ZZ000';
		EXCEPTION
			WHEN SQLSTATE 'ZZ000' OR integrity_constraint_violation OR generated_always OR program_limit_exceeded OR data_exception THEN
				NULL;
		END;
	END LOOP;
	RETURN 'ok';
END $$;
SELECT nex_backup.record('backup', jsonb_set(whole_report(), '{repository,host}', to_jsonb(current_setting('guards.host'))));
SELECT nex_backup.record('verify', jsonb_set(whole_report(), '{state}', '"failed"'));
INSERT INTO nex_backup.jobs (name, schedule, repository) VALUES ('x', '* * * * *', '/x');
UPDATE nex_backup.jobs SET suspended = NULL;
INSERT INTO nex_backup.runs (job, kind, state, owner, location, definition, finished)
	VALUES ('x', 'backup', 'failed', current_user::regrole, '/x', '{}', now()),
		('x', 'backup', 'running', current_user::regrole, '/x', '{}', NULL);
INSERT INTO nex_backup.leases (run, executor, in_server, fence, heartbeat, lease_until, progress)
	SELECT max(id), 'e', true, 1, now(), now(), '{}' FROM nex_backup.runs;
INSERT INTO nex_backup.alarms (raised, event, job, details) VALUES (now() - interval '1 day', 'failure', 'x', '{}');
INSERT INTO nex_backup.executor_sessions (name, in_server, last_seen) VALUES ('regress', true, now()) ON CONFLICT DO NOTHING;
SELECT count(*) FROM nex_backup_create_restore_point('regress guards');
SELECT statuses();
SELECT verdict, count(*) > 80 FROM (SELECT forge(c.oid::regclass, a.attname, a.atttypid::regtype) AS verdict
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'nex_backup'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('job_kinds', 'job_options', 'backup_tables') AND a.attnum > 0 AND NOT a.attisdropped
		AND a.attgenerated = '' OFFSET 0) t
GROUP BY 1 ORDER BY 1;

\echo -- what a tool says of its progress
CREATE FUNCTION progress_with(value jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	key text;
BEGIN
	UPDATE nex_backup.leases SET progress = value;
	PERFORM p, nex_backup.progress_text(p.run) FROM nex_backup.progress p;
	FOREACH key IN ARRAY ARRAY['phase', 'weight_done', 'weight_total', 'units_done', 'units_total', 'unit', 'raw_bytes',
		'stored_bytes', 'bytes_per_second', 'eta_seconds'] LOOP
		UPDATE nex_backup.leases SET progress = '{"phase": "copy", "weight_done": 1, "weight_total": 2, "units_done": 1,
			"units_total": 2, "unit": "tables", "raw_bytes": 1, "stored_bytes": 1, "bytes_per_second": 1.5, "eta_seconds": 3}'
			|| jsonb_build_object(key, value);
		PERFORM p, nex_backup.progress_text(p.run) FROM nex_backup.progress p;
	END LOOP;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s %s: %s', key, left(value::text, 30), sqlerrm);
END $$;
SELECT progress_with(value), count(*) > 20 FROM odd GROUP BY 1;
UPDATE nex_backup.leases SET progress = '{"phase": "copy", "weight_done": 1, "weight_total": 3, "units_done": 1, "units_total": 2,
	"unit": "tables", "raw_bytes": 2048, "stored_bytes": 1, "bytes_per_second": 20480.75, "eta_seconds": 3.25}';
SELECT percent, units_done, units_total, bytes, stored_bytes, bytes_per_second, eta FROM nex_backup.progress;
SELECT regexp_replace(nex_backup.progress_text(run), '^run [0-9]+', 'run N') FROM nex_backup.leases;
SELECT nex_backup.heartbeat(run, 1, '{"phase": "' || repeat('x', 100000) || '"}') FROM nex_backup.leases;
SELECT nex_backup.heartbeat(run, 1, repeat('[', 10000)) FROM nex_backup.leases;
SELECT nex_backup.heartbeat(run, 1, '7') FROM nex_backup.leases;
SELECT progress ->> 'phase' FROM nex_backup.leases;
SELECT nex_backup.heartbeat(run, 1, '{"phase": "end"}') FROM nex_backup.leases;
SELECT progress ->> 'phase' FROM nex_backup.leases;
DELETE FROM nex_backup.leases;
DELETE FROM nex_backup.jobs;
DELETE FROM nex_backup.alarms;
DELETE FROM nex_backup.executor_sessions WHERE name = 'regress';
DELETE FROM nex_backup.restore_points WHERE name = 'regress guards';
TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;

\echo -- ages
SELECT nex_backup.age_text(at) FROM (VALUES (NULL), ('infinity'), ('-infinity'), (now()), (now() - interval '3 hours'),
	(now() + interval '1 day'), ('294276-12-31')) v(at);
SELECT nex_backup.age_text('4713-01-01 BC') ~ '^24[0-9]{5} days ago$';

\echo -- files that cost more than they weigh
CREATE FUNCTION put_file(name text, content text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	path text := current_setting('data_directory') || '/nex_backup_guards/' || name;
BEGIN
	EXECUTE format('COPY (SELECT %L) TO PROGRAM %L', '', format('cat >/dev/null; mkdir -p "$(dirname ''%s'')"', path));
	EXECUTE format('COPY (SELECT unnest(string_to_array(%L, E''\n''))) TO %L'
		' WITH (FORMAT csv, DELIMITER E''\x02'', QUOTE E''\x01'', NULL E''\x03'')', rtrim(content, E'\n'), path);
END $$;
CREATE FUNCTION sealed(body text) RETURNS text LANGUAGE sql AS $$
	SELECT format(E'%s,\n"seal": "%s"\n}\n', body, encode(sha256(convert_to(body, 'UTF8')), 'hex'))
$$;
CREATE FUNCTION put_manifest(database text, id text, more text) RETURNS void LANGUAGE sql AS $$
	SELECT put_file(format('backups/%s/%s.json', database, id), sealed(format(
		E'{\n"format": 1,\n"id": "%s",\n"repository": "r-1",\n"database": {"name": "%s"},\n"type": "daily",\n"codec": "none",\n'
		'"started": "2026-01-01T00:00:00Z",\n"snapshot_at": "2026-01-01T00:00:01Z",\n"finished": "2026-01-01T00:00:02Z",\n'
		'"objects": []%s', id, database, more)))
$$;
CREATE FUNCTION frame_with(more text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	place text := current_setting('data_directory') || '/nex_backup_guards';
BEGIN
	PERFORM put_file('nex_backup.json', sealed(E'{\n"format": 1,\n"id": "r-1"' || more));
	RETURN concat_ws(' | ', (SELECT coalesce(f.id, f.problem) FROM nex_backup.frame_id(place) f),
		(SELECT coalesce(left(f.problem, 40), 'read') FROM nex_backup.read_sealed(place, 'nex_backup.json') f),
		state_of(format('SELECT nex_backup.repository_id(%L)', place)));
END $$;
SELECT frame_with('');
SELECT frame_with(', "x": ' || repeat('[', 33) || repeat(']', 33));
SELECT frame_with(', "x": ' || repeat('[', 100000));
SELECT frame_with(', "x": [' || repeat('[[]],', 60000) || '0]');
SELECT frame_with(', "x": [' || repeat('0,', 150000) || '0]');
SELECT frame_with(', "x": {' || repeat('"a": {},', 60000) || '"b": 0}');
SELECT frame_with(', "x": "' || repeat('x', 1048576) || '"');
SELECT frame_with(', "x": 1e1000000');
SELECT frame_with(', "x": "\u0000"');
SELECT frame_with(', "id": "r-2"');
SELECT frame_with(', nonsense');
SELECT put_file('nex_backup.json', sealed(E'{\n"format": 1,\n"id": ["r-1"]'));
SELECT id, problem FROM nex_backup.frame_id(:'repo');
SELECT frame_with('');

\echo -- one bad manifest is a warning, and the others are read
SELECT put_manifest('good', '20260101T000000Z', ', "warnings": [], "tables": [{"schema": "s", "name": "t", "rows": 1, "raw_bytes": 1, "stored_bytes": 1, "heap_bytes": 1}]'),
	put_manifest('infinite', '20260101T000000Z', ', "started": "infinity", "warnings": []'),
	put_manifest('future', '20260101T000000Z', ', "snapshot_at": "2999-01-01T00:00:01Z", "warnings": []'),
	put_manifest('old', '20260101T000000Z', ', "finished": "1812-01-01T00:00:01Z", "warnings": []'),
	put_manifest('negative', '20260101T000000Z', ', "totals": {"rows": -1}, "warnings": []'),
	put_manifest('huge', '20260101T000000Z', ', "totals": {"rows": 1e30}, "warnings": []'),
	put_manifest('timeline', '20260101T000000Z', ', "server": {"timeline": "x"}, "warnings": []'),
	put_manifest('lsn', '20260101T000000Z', ', "server": {"lsn": "x"}, "warnings": []'),
	put_manifest('nul', '20260101T000000Z', ', "type": "\u0000", "warnings": []'),
	put_manifest('base64', '20260101T000000Z', ', "warnings": [{"base64": "!"}]'),
	put_manifest('table', '20260101T000000Z', ', "warnings": [], "tables": [{"schema": "s", "name": "t", "rows": -1}]'),
	put_manifest('long', '20260101T000000Z', ', "warnings": [], "tables": [{"schema": "' || repeat('s', 1000) || '", "name": "t", "rows": 1, "raw_bytes": 1, "stored_bytes": 1, "heap_bytes": 1}]'),
	put_manifest('entry', '20260101T000000Z', ', "warnings": [], "tables": [{"x": ' || repeat('[', 1000) || '}]'),
	put_manifest('deep', '20260101T000000Z', ', "warnings": ' || repeat('[', 1000)),
	put_manifest('many', '20260101T000000Z', ', "warnings": [' || repeat('[],', 200000) || '[]]'),
	put_manifest('scalar', '20260101T000000Z', ', "warnings": 3'),
	put_manifest('warnings', '20260101T000000Z', ', "warnings": [' || repeat('"w",', 50000) || '"w"]'),
	put_file('backups/good/20260101T000000Z.verified', sealed(
		E'{\n"format": 1,\n"backup": "20260101T000000Z",\n"verified": "infinity",\n"result": "ok"'));
SELECT * FROM nex_backup_sync(:'repo');
SELECT name, state_of(format('SELECT nex_backup.sync_backup(%L, ''r-1'', %L, %L, ''20260101T000000Z'')', :'repo', name, 'backups/' || name))
FROM nex_backup.list_directory(:'repo', 'backups') name ORDER BY name COLLATE "C";
SELECT database, rows, verified, cardinality(warnings) FROM nex_backup.backups ORDER BY database COLLATE "C";
SELECT vouched, location = :'repo' FROM nex_backup.repositories;
SELECT statuses();
SELECT seen('r-1');

\echo -- a long list of bad files in a record is no reason not to read it
SELECT put_file('backups/good/20260101T000000Z.verified', sealed(
	E'{\n"format": 1,\n"backup": "20260101T000000Z",\n"verified": "2026-01-01T01:00:00Z",\n"result": "failed",\n"bad": ['
	|| repeat('"objects/00/0000000000000000000000000000000000000000000000000000000000000000.sql",', 5000) || '"x"]'));
SELECT backups FROM nex_backup_sync(:'repo');
SELECT database, verified_ok FROM nex_backup.backups WHERE database = 'good';

COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm -r "$PGDATA/nex_backup_guards" 2>/dev/null || rm -r nex_backup_guards';
TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;
DROP TABLE odd;
DROP FUNCTION report(text, text, jsonb), seen(text), state_of(text), statuses(), whole_report(), try_reports(text[]),
	forge(regclass, name, regtype), progress_with(jsonb), put_file(text, text), sealed(text), put_manifest(text, text, text),
	frame_with(text);
DROP OWNED BY regress_nex_reporter;
DROP ROLE regress_nex_reporter;
