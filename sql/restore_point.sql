-- Named points in WAL.
SELECT lsn IS NOT NULL AS lsn, timeline > 0 AS timeline, created > now() - interval '1 minute' AS created
FROM nex_backup_create_restore_point('before the upgrade');
SELECT lsn <= pg_current_wal_insert_lsn() AS lsn FROM nex_backup_create_restore_point('next "version"');
SELECT name, created_by = session_user AS created_by FROM nex_backup_restore_points();
SELECT name, status, regexp_replace(detail, 'just now$', 'NOW') AS detail
FROM nex_backup_status() WHERE name = 'restore points';
SELECT name FROM nex_backup_create_restore_point('before the upgrade');
SELECT nex_backup_create_restore_point('');
SELECT nex_backup_create_restore_point(NULL);
SELECT nex_backup_create_restore_point(repeat('x', 64));
SELECT count(*) FROM nex_backup.restore_points;
TRUNCATE nex_backup.restore_points;
