-- What the tool reports.
SET client_min_messages = warning;
SELECT nex_backup.record('backup', '{
	"repository": {"id": "r1", "location": "/backups/r1", "host": "db1"},
	"database": "shop", "backup": "20260101T020000Z", "type": "daily",
	"started": "2026-01-01T02:00:00Z", "finished": "2026-01-01T02:10:00Z",
	"state": "succeeded", "exit_code": 0, "error": null, "tool": "0.1.0", "unknown key": [1, 2],
	"manifest": {"snapshot_at": "2026-01-01T02:00:01.5Z", "codec": "zstd", "level": 1,
		"server": {"version": "15.18", "version_num": 150018, "system_identifier": "7", "timeline": 1,
			"lsn": "0/16B3748", "in_recovery": false},
		"totals": {"tables": 2, "rows": 30, "raw_bytes": 3000, "stored_bytes": 300, "new_bytes": 200},
		"warnings": ["a warning"],
		"tables": [
			{"schema": "public", "name": "t", "rows": 10, "raw_bytes": 1000, "stored_bytes": 100,
				"heap_bytes": 8192, "members": 1},
			{"schema": "odd \" name", "name": "new\nline", "rows": 20, "raw_bytes": 2000, "stored_bytes": 200,
				"heap_bytes": 16384, "members": 2}]}
}');
\x on
SELECT id, location, host FROM nex_backup.repositories;
SELECT database, id, type, started AT TIME ZONE 'UTC' AS started, snapshot_at AT TIME ZONE 'UTC' AS snapshot_at,
	server_version, timeline, lsn, codec, tables, rows, raw_bytes, stored_bytes, new_bytes, warnings, verified
FROM nex_backup.backups;
\x off
SELECT schema_name, table_name, rows, members, heap_bytes FROM nex_backup.backup_tables ORDER BY 1;
SELECT kind, state, exit_code, error, tool_version, details FROM nex_backup.runs;

-- Reported twice, recorded once
SELECT nex_backup.record('backup', '{
	"repository": {"id": "r1", "location": "/moved/r1"}, "database": "shop", "backup": "20260101T020000Z",
	"started": "2026-01-01T02:00:00Z", "finished": "2026-01-01T02:11:00Z", "state": "succeeded",
	"type": "daily", "exit_code": 0,
	"manifest": {"snapshot_at": "2026-01-01T02:00:01.5Z", "totals": {"rows": 31}, "warnings": [],
		"tables": [{"schema": "public", "name": "t", "rows": 31, "raw_bytes": 1, "stored_bytes": 1,
			"heap_bytes": 1, "members": 1}]}
}');
SELECT count(*), max(rows) FROM nex_backup.backups;
SELECT table_name, rows FROM nex_backup.backup_tables;
SELECT count(*), max(finished) AT TIME ZONE 'UTC' AS finished FROM nex_backup.runs;
SELECT location, host FROM nex_backup.repositories;

-- A failed backup is a run, not a backup
SELECT nex_backup.record('backup', '{
	"repository": {"id": "r1", "location": "/moved/r1"}, "database": "shop", "backup": null,
	"started": "2026-01-02T02:00:00Z", "finished": "2026-01-02T02:00:01Z", "state": "failed", "exit_code": 1,
	"error": "could not connect to the database"}');
SELECT id FROM nex_backup.backups;

-- ... and one run, however often it is reported
SELECT nex_backup.record('backup', '{
	"repository": {"id": "r1", "location": "/moved/r1"}, "database": "shop", "backup": null,
	"started": "2026-01-02T02:00:00Z", "finished": "2026-01-02T02:00:01Z", "state": "failed", "exit_code": 1,
	"error": "could not connect to the server"}');
SELECT backup, error FROM nex_backup.runs WHERE state = 'failed';

-- A name that is not valid UTF-8
SELECT nex_backup.record('restore', '{
	"repository": {"id": "r1", "location": "/moved/r1"}, "database": {"base64": "Y2Fm6Q=="}, "backup": null,
	"started": "2026-01-02T03:00:00Z", "state": "cancelled", "exit_code": 130}');
SELECT database FROM nex_backup.runs WHERE state = 'cancelled';
DELETE FROM nex_backup.runs WHERE state = 'cancelled';

-- Verified, restored, expired
SELECT nex_backup.record('verify', '{
	"repository": {"id": "r1", "location": "/moved/r1"}, "database": "shop", "backup": "20260101T020000Z",
	"started": "2026-01-03T02:00:00Z", "finished": "2026-01-03T02:00:05Z", "state": "failed", "exit_code": 3,
	"result": "failed", "bad": ["objects/ab/abc"]}');
SELECT id, verified AT TIME ZONE 'UTC' AS verified, verified_ok FROM nex_backup.backups;
SELECT nex_backup.record('restore', '{
	"repository": {"id": "r1", "location": "/moved/r1"}, "database": "shop", "backup": "20260101T020000Z",
	"started": "2026-01-04T02:00:00Z", "finished": "2026-01-04T02:00:05Z", "state": "succeeded", "exit_code": 0,
	"target": "shop2", "rows": 31, "kept_as": null}');
SELECT kind, state, details FROM nex_backup.runs ORDER BY started;
SELECT nex_backup.record('expire', '{
	"repository": {"id": "r1", "location": "/moved/r1"}, "database": null, "backup": null,
	"started": "2026-01-05T02:00:00Z", "finished": "2026-01-05T02:00:05Z", "state": "succeeded", "exit_code": 0,
	"removed": [{"database": "shop", "backup": "20260101T020000Z"}], "objects_removed": 1, "bytes_removed": 300}');
SELECT count(*) FROM nex_backup.backups;
SELECT count(*) FROM nex_backup.backup_tables;

-- What is no report
\set VERBOSITY terse
SELECT nex_backup.record('theft', '{}');
SELECT nex_backup.record(NULL, '{}');
SELECT nex_backup.record('backup', NULL);
SELECT nex_backup.record('backup', '{}');
SELECT nex_backup.record('backup', '[]');
SELECT nex_backup.record('backup', '{"repository": {"id": "x", "location": "/x"}, "started": "now", "state": "great"}');
SELECT nex_backup.record('backup', '{"repository": {"id": "x", "location": "/x"}, "started": "soon", "state": "failed"}');
SELECT nex_backup.record('verify', '{"repository": {"id": "x", "location": "/x"}, "started": "now", "state": "failed",
	"database": "d", "backup": "../x"}');
SELECT nex_backup.record('backup', '{"repository": {"id": "x", "location": "/x"}, "started": "now", "state": "succeeded",
	"database": "d", "backup": "20260101T020000Z"}');
SELECT count(*) FROM nex_backup.repositories;
TRUNCATE nex_backup.runs, nex_backup.repositories CASCADE;
