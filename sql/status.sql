-- One row per check, readable in both forms.
SET client_min_messages = warning;
SELECT name, status FROM nex_backup_status();
SELECT (nex_backup_status()).name LIMIT 1;

-- A fresh backup, an old one, a very old one
SELECT nex_backup.record('backup', jsonb_build_object(
	'repository', '{"id": "r1", "location": "/backups/r1"}'::jsonb, 'database', database,
	'backup', '20260101T020000Z', 'type', 'daily', 'started', now() - age, 'finished', now() - age,
	'state', 'succeeded', 'exit_code', 0,
	'manifest', jsonb_build_object('snapshot_at', now() - age, 'warnings', '[]'::jsonb, 'tables', '[]'::jsonb,
		'totals', '{"tables": 3, "rows": 1000, "stored_bytes": 1048576, "new_bytes": 1048576}'::jsonb)))
FROM (VALUES ('daily', interval '25 hours'), ('fresh', interval '3 hours'), ('old', interval '30 hours'), ('very old', interval '10 days')) v(database, age);
SELECT * FROM nex_backup_status() WHERE name LIKE 'backup of%';
SELECT * FROM nex_backup_status() WHERE name = 'repository';

-- Never verified, good, damaged
SELECT nex_backup.record('verify', jsonb_build_object(
	'repository', '{"id": "r1", "location": "/backups/r1"}'::jsonb, 'database', database,
	'backup', '20260101T020000Z', 'started', now(), 'finished', now(), 'state', 'succeeded',
	'exit_code', 0, 'result', result))
FROM (VALUES ('fresh', 'ok'), ('old', 'failed')) v(database, result);
SELECT * FROM nex_backup_status() WHERE name LIKE 'verify of%';

-- A damaged backup is no last good one
SELECT name, status, detail FROM nex_backup_status() WHERE name = 'backup of old';

-- The last run failed
SELECT nex_backup.record('backup', jsonb_build_object(
	'repository', '{"id": "r1", "location": "/backups/r1"}'::jsonb, 'database', 'fresh',
	'started', now(), 'finished', now(), 'state', 'failed', 'exit_code', 1, 'error', 'no space left on device'));
SELECT * FROM nex_backup_status() WHERE name LIKE 'last %';
TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;
