-- Verification in the server, on a small repository that this test writes.
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
SELECT setting || '/nex_backup_regress' AS repo FROM pg_settings WHERE name = 'data_directory' \gset

-- Write lines of text to a file of the repository.
CREATE FUNCTION put_file(name text, content text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	path text := current_setting('data_directory') || '/nex_backup_regress/' || name;
BEGIN
	EXECUTE format('COPY (SELECT %L) TO PROGRAM %L', '', format('cat >/dev/null; mkdir -p "$(dirname ''%s'')"', path));
	EXECUTE format('COPY (SELECT unnest(string_to_array(%L, E''\n''))) TO %L', rtrim(content, E'\n'), path);
END $$;

-- Run a command in the repository.
CREATE FUNCTION run_there(command text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', format('cat >/dev/null; cd "%s/nex_backup_regress" && %s',
		current_setting('data_directory'), command));
END $$;

-- SQLSTATE of a query that fails.
CREATE FUNCTION state_of(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate;
END $$;

-- Add the seal to an open JSON object.
CREATE FUNCTION sealed(body text) RETURNS text LANGUAGE sql AS $$
	SELECT format(E'%s,\n"seal": "%s"\n}\n', body, encode(sha256(convert_to(body, 'UTF8')), 'hex'))
$$;

CREATE FUNCTION hex(content text) RETURNS text LANGUAGE sql AS $$
	SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex')
$$;

-- One backup of two objects.
CREATE FUNCTION write_repository() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	first text := E'SELECT 1;\n';
	second text := E'COPY public.t (a) FROM stdin;\n1\n2\n';
	listing text;
	object text;
BEGIN
	PERFORM put_file('RECOVER.txt', E'how to\n');
	PERFORM put_file('nex_backup.json', sealed(format(E'{\n"format": 1,\n"id": "r-1",\n"recover_sha256": "%s"',
		hex(E'how to\n'))));
	FOREACH object IN ARRAY ARRAY[first, second] LOOP
		PERFORM put_file(format('objects/%s/%s.sql', left(hex(object), 2), hex(object)), object);
		listing := concat(listing, format(E'%s  objects/%s/%s.sql\n', hex(object), left(hex(object), 2), hex(object)));
	END LOOP;
	PERFORM put_file('backups/my%20shop/20260101T000000Z.sha256', listing);
	PERFORM put_file('backups/my%20shop/20260101T000000Z.json', sealed(format(
		E'{\n"format": 1,\n"id": "20260101T000000Z",\n"repository": "r-1",\n"database": {"name": "my shop"},\n"type": "daily",\n"codec": "none",\n'
		'"started": "2026-01-01T00:00:00Z",\n"snapshot_at": "2026-01-01T00:00:01Z",\n"finished": "2026-01-01T00:00:02Z",\n'
		'"server": {"version": "15.18"},\n"totals": {"tables": 1, "rows": 2, "stored_bytes": 42, "new_bytes": 42},\n'
		'"warnings": [],\n"tables": [{"schema": "public", "name": "t", "rows": 2, "raw_bytes": 32, "stored_bytes": 32, "heap_bytes": 8192}],\n'
		'"objects": [{"id": "%s", "bytes": %s}, {"id": "%s", "bytes": %s}],\n'
		'"members": [{"kind": "head", "object": 0}, {"kind": "data", "object": 1, "table": 0}]',
		hex(first), length(first), hex(second), length(second))));
END $$;
SELECT write_repository();

\echo -- synchronize
SELECT * FROM nex_backup_sync(:'repo');
SELECT database, id, rows, stored_bytes, verified FROM nex_backup.backups;
SELECT schema_name, table_name, rows, members FROM nex_backup.backup_tables;
SELECT * FROM nex_backup_sync(:'repo' || '/');

\echo -- good
SELECT * FROM nex_backup_verify('my shop');
SELECT * FROM nex_backup_verify('my shop/20260101T000000Z', :'repo');
SELECT verified IS NOT NULL, verified_ok FROM nex_backup.backups;
SELECT kind, state, exit_code FROM nex_backup.runs ORDER BY id;

\echo -- a flipped byte
SELECT put_file('objects/' || left(hex(E'SELECT 1;\n'), 2) || '/' || hex(E'SELECT 1;\n') || '.sql', 'SELECT 2;');
SELECT result, bad FROM nex_backup_verify('my shop');
SELECT verified_ok FROM nex_backup.backups;

\echo -- a file of another length
SELECT put_file('objects/' || left(hex(E'SELECT 1;\n'), 2) || '/' || hex(E'SELECT 1;\n') || '.sql', 'SELECT 10;');
SELECT result, bad FROM nex_backup_verify('my shop');

\echo -- a missing file, and a link instead of a file
SELECT write_repository();
SELECT run_there(format('rm objects/%s/%s.sql', left(hex(E'SELECT 1;\n'), 2), hex(E'SELECT 1;\n')));
SELECT result, bad FROM nex_backup_verify('my shop');
SELECT run_there(format('ln -s /etc/passwd objects/%s/%s.sql', left(hex(E'SELECT 1;\n'), 2), hex(E'SELECT 1;\n')));
SELECT state_of(format('SELECT nex_backup_verify(%L)', 'my shop'));
SELECT run_there(format('rm objects/%s/%s.sql', left(hex(E'SELECT 1;\n'), 2), hex(E'SELECT 1;\n')));

\echo -- a damaged listing
SELECT write_repository();
SELECT put_file('backups/my%20shop/20260101T000000Z.sha256', 'nothing');
SELECT result, bad FROM nex_backup_verify('my shop');

\echo -- a damaged manifest
SELECT write_repository();
SELECT put_file('backups/my%20shop/20260101T000000Z.json', sealed(E'{\n"format": 1') || ' ');
SELECT result, bad FROM nex_backup_verify('my shop');
SELECT put_file('backups/my%20shop/20260101T000000Z.json', 'x');
SELECT result, bad FROM nex_backup_verify('my shop');
SET client_min_messages = error;
SELECT * FROM nex_backup_sync(:'repo');
SELECT verified_ok FROM nex_backup.backups;
SET client_min_messages = warning;

\echo -- sealed, but not the manifest that belongs there
CREATE FUNCTION put_manifest(content text) RETURNS void LANGUAGE sql AS $$
	SELECT put_file('backups/my%20shop/20260102T000000Z.json', sealed(content))
$$;
SELECT write_repository();
CREATE FUNCTION verify_with(manifest text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM put_manifest(manifest);
	RETURN (SELECT bad::text FROM nex_backup_verify('my shop', current_setting('data_directory') || '/nex_backup_regress'));
END $$;
SELECT verify_with('{"format": 9');
SELECT verify_with('{"format": 1, "repository": "r-2"');
SELECT verify_with('{"format": 1, "repository": "r-1", "database": {"name": "theirs"}, "id": "20260102T000000Z"');
SELECT verify_with('{"format": 1, "repository": "r-1", "database": {"name": "my shop"}, "id": "20260101T000000Z"');
SELECT verify_with('{"format": 1, "repository": "r-1", "database": {"name": "my shop"}, "id": "20260102T000000Z"');
SELECT verify_with('{"format": 1, "repository": "r-1", "database": {"name": "my shop"}, "id": "20260102T000000Z", "codec": "none"');
SELECT verify_with('{"format": 1, "repository": "r-1", "database": {"name": "my shop"}, "id": "20260102T000000Z", "codec": "none", "objects": [{"id": "../../../../etc/passwd", "bytes": 1}]');

\echo -- none of it, nor anything strange in the repository, keeps the good ones from the catalogue
SELECT run_there('touch backups/file && mkdir backups/a.b backups/%41 && cp backups/my%20shop/*.json backups/a.b'
	' && cp backups/my%20shop/20260101T000000Z.json "backups/my%20shop/20260103T000000Z.json"');
SET client_min_messages = error;
SELECT * FROM nex_backup_sync(:'repo');
SET client_min_messages = warning;
SELECT database, id FROM nex_backup.backups ORDER BY id;
SELECT run_there('rm -r backups/file backups/a.b backups/%41 backups/my%20shop/20260102* backups/my%20shop/20260103*');

\echo -- the latest is looked for in the repository, not in the catalogue
TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;
SELECT result FROM nex_backup_verify('my shop', :'repo');
SELECT backup FROM nex_backup.runs;
SELECT state_of(format('SELECT nex_backup_verify(%L, %L)', 'my shop/20991231T000000Z', :'repo'));
SELECT state_of(format('SELECT nex_backup_verify(%L, %L)', 'their shop', :'repo'));

\echo -- on a standby it is good for the answer
TRUNCATE nex_backup.runs CASCADE;
BEGIN READ ONLY;
SELECT result FROM nex_backup_verify('my shop', :'repo');
COMMIT;
SELECT count(*) FROM nex_backup.runs;
SELECT result FROM nex_backup_verify('my shop', :'repo');

\echo -- a FIFO does not make it wait
SELECT run_there('mv RECOVER.txt kept && mkfifo RECOVER.txt');
SELECT nex_backup.check_file(:'repo', 'RECOVER.txt', NULL, '');
SELECT run_there('rm RECOVER.txt && mv kept RECOVER.txt');

\echo -- the last verification counts, whoever made it
SELECT put_file('backups/my%20shop/20260101T000000Z.verified', sealed(
	E'{\n"format": 1,\n"backup": "20260101T000000Z",\n"verified": "2026-01-01T01:00:00Z",\n"result": "ok"'));
SELECT backups FROM nex_backup_sync(:'repo');
SELECT verified AT TIME ZONE 'UTC', verified_ok FROM nex_backup.backups;
UPDATE nex_backup.backups SET verified = '2026-01-01 02:00 UTC', verified_ok = false;
SELECT backups FROM nex_backup_sync(:'repo');
SELECT verified AT TIME ZONE 'UTC', verified_ok FROM nex_backup.backups;
SELECT repository, database, backup, result, bad FROM nex_backup.verifications;

\echo -- status of a repository that this server can see
SELECT status, detail LIKE '%, readable by the server, 1 backup, 42 bytes, last used just now'
FROM nex_backup_status() WHERE name = 'repository';
SELECT put_file('nex_backup.json', sealed(E'{\n"format": 1,\n"id": "r-2"'));
SELECT status, substring(detail from 'another repository is there now') FROM nex_backup_status() WHERE name = 'repository';
SELECT put_file('nex_backup.json', sealed('{"format": 1, nonsense'));
SELECT status, substring(detail from 'nex_backup.json is not JSON') FROM nex_backup_status() WHERE name = 'repository';
SELECT put_file('nex_backup.json', '{"format": 1}');
SELECT status, substring(detail from 'nex_backup.json [^,]*') FROM nex_backup_status() WHERE name = 'repository';
SELECT run_there('rm nex_backup.json');
SELECT status, substring(detail from 'NOT THERE as this server sees it') FROM nex_backup_status() WHERE name = 'repository';

\echo -- a vanished backup
SELECT write_repository();
SELECT backups FROM nex_backup_sync(:'repo');
SELECT run_there('rm -r backups');
SELECT * FROM nex_backup_sync(:'repo');
SELECT count(*) FROM nex_backup.backups;

\echo -- what is not allowed
\set VERBOSITY terse
SELECT nex_backup_verify('nothing');
SELECT nex_backup_verify('nothing/20260101T000000Z', 'relative/path');
SELECT nex_backup_sync('relative/path');
SELECT nex_backup_sync('/');
SELECT nex_backup.check_file('/tmp', '../etc/passwd', NULL, '');
SELECT nex_backup.check_file('/tmp', '/etc/passwd', NULL, '');
SELECT nex_backup.check_file('/tmp', 'a//b', NULL, '');
SELECT nex_backup.check_file('/tmp', 'a;b', NULL, '');
SELECT nex_backup.check_file('/tmp', '', NULL, '');
SELECT nex_backup.database_directory('');
SELECT nex_backup.database_directory('../x "y"'), nex_backup.directory_database('%2E%2E%2Fx%20%22y%22'),
	nex_backup.directory_database('..') IS NULL;
SELECT put_file('nex_backup.json', sealed(E'{\n"format": 2,\n"id": "r-2"'));
SELECT state_of(format('SELECT nex_backup_sync(%L)', :'repo'));
SELECT put_file('nex_backup.json', 'x');
SELECT state_of(format('SELECT nex_backup_sync(%L)', :'repo'));

SELECT run_there('rm -r ../nex_backup_regress');
DROP FUNCTION put_file(text, text), run_there(text), state_of(text), sealed(text), hex(text),
	write_repository(), put_manifest(text), verify_with(text);
TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;
