-- Who may do what.
SET client_min_messages = warning;
CREATE ROLE regress_nex_nobody;
CREATE ROLE regress_nex_monitor;
GRANT pg_monitor TO regress_nex_monitor;
CREATE ROLE regress_nex_reader;
GRANT pg_read_server_files TO regress_nex_reader;
\set VERBOSITY terse

-- Nobody: nothing
SET ROLE regress_nex_nobody;
SELECT * FROM nex_backup_status();
SELECT * FROM nex_backup_restore_points();
SELECT nex_backup_create_restore_point('mine');
SELECT nex_backup_sync('/tmp');
SELECT nex_backup_verify('x');
SELECT nex_backup.record('backup', '{}');
SELECT * FROM nex_backup.backups;
SELECT nex_backup.read_sealed('/', 'etc');
RESET ROLE;

-- Monitoring: look, but change nothing and read no files
SET ROLE regress_nex_monitor;
SELECT count(*) > 0 AS reads_status FROM nex_backup_status();
SELECT count(*) FROM nex_backup_restore_points();
SELECT count(*) FROM nex_backup.backups;
SELECT nex_backup_create_restore_point('mine');
SELECT nex_backup_sync('/tmp');
SELECT nex_backup.record('backup', '{}');
INSERT INTO nex_backup.jobs (name, schedule, repository) VALUES ('x', '* * * * *', '/x');
DELETE FROM nex_backup.runs;
RESET ROLE;

-- Readers of server files: read repositories, only through the functions
SET ROLE regress_nex_reader;
SELECT nex_backup_sync('/nonexistent/repository');
SELECT nex_backup_verify('x');
SELECT nex_backup.record('backup', '{}');
SELECT nex_backup.check_file('/etc', 'passwd', NULL, '');
SELECT * FROM nex_backup.backups;
RESET ROLE;

-- record() granted to the role of the tool is enough for it
GRANT USAGE ON SCHEMA nex_backup TO regress_nex_nobody;
GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO regress_nex_nobody;
SET ROLE regress_nex_nobody;
SELECT nex_backup.record('verify', '{"repository": {"id": "r", "location": "/r"}, "database": "d",
	"started": "2026-01-01T00:00:00Z", "state": "succeeded"}');
SELECT count(*) FROM nex_backup.runs;
RESET ROLE;
SELECT count(*) FROM nex_backup.runs;

-- Even a granted C function looks for the privilege itself
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nex_backup TO regress_nex_nobody;
SET ROLE regress_nex_nobody;
SELECT nex_backup.check_file('/etc', 'passwd', NULL, '');
SELECT nex_backup.read_sealed('/etc', 'passwd');
SELECT nex_backup.list_directory('/etc', 'ssl');
SELECT nex_backup.sealed_entries('/etc', 'passwd', 'objects');
RESET ROLE;

-- nor do the functions that run as the owner serve those who may not read files
GRANT EXECUTE ON FUNCTION nex_backup_sync(text), nex_backup_verify(text, text) TO regress_nex_nobody;
SET ROLE regress_nex_nobody;
SELECT nex_backup_sync('/tmp');
SELECT nex_backup_verify('x', '/tmp');
RESET ROLE;

-- Monitoring sees the state of a repository without a right to read files
SELECT nex_backup.record('verify', jsonb_build_object('repository', jsonb_build_object('id', 'r2', 'location',
	'/nonexistent/r2', 'host', nex_backup.host_name()), 'database', 'd', 'started', now(), 'state', 'succeeded'));
SET ROLE regress_nex_monitor;
SELECT status FROM nex_backup_status() WHERE detail LIKE '/nonexistent/r2 on %NOT THERE%';
SELECT count(*) >= 0 AS progress FROM nex_backup.progress;
RESET ROLE;

TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;
DROP OWNED BY regress_nex_nobody;
DROP ROLE regress_nex_nobody;
DROP ROLE regress_nex_monitor;
DROP ROLE regress_nex_reader;
