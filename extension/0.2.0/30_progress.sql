--
-- How old the snapshot of a backup is, and who waits behind its locks.
--
CREATE OR REPLACE VIEW nex_backup.progress AS
	SELECT a.pid, a.datname AS database, a.usename AS role, a.backend_start AS connected, a.state,
		c.command, c.relid AS table_oid, c.tuples_processed AS rows, c.bytes_processed AS bytes,
		pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start AS snapshot_age,
		(SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks w
			WHERE NOT w.granted
			AND a.pid OPERATOR(pg_catalog.=) ANY (pg_catalog.pg_blocking_pids(w.pid))) AS waiting_behind
	FROM pg_catalog.pg_stat_activity a
		LEFT JOIN pg_catalog.pg_stat_progress_copy c ON c.pid OPERATOR(pg_catalog.=) a.pid
	WHERE a.application_name OPERATOR(pg_catalog.=) 'nex_backup';

