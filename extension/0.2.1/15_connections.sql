
--
-- What the tool's connections do now.  Any session can give itself the tool's name: shown are those of roles that the
-- tool can work as, which are superusers, and roles that may report to the catalogue or read all data.  Whoever waits
-- is looked at once, not once for each of them.
--
CREATE OR REPLACE VIEW nex_backup.connections AS
	WITH tool AS MATERIALIZED (
		SELECT a.pid, a.datname, a.usename, a.backend_start, a.state, a.xact_start,
			pg_catalog.substring(a.application_name, '[0-9]+$')::pg_catalog.int8 AS run
		FROM pg_catalog.pg_stat_activity a
		WHERE a.application_name OPERATOR(pg_catalog.~) '^nex_backup(:run:[0-9]{1,18})?$'
			AND (pg_catalog.has_function_privilege(a.usesysid,
					'nex_backup.record(pg_catalog.text, pg_catalog.jsonb)'::pg_catalog.regprocedure, 'EXECUTE')
				OR pg_catalog.pg_has_role(a.usesysid, 'pg_read_all_data', 'USAGE'))),
	waiting AS MATERIALIZED (
		SELECT b.pid, pg_catalog.count(DISTINCT w.pid) AS waiters
		FROM pg_catalog.pg_locks w CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) b (pid)
		WHERE NOT w.granted AND EXISTS (SELECT FROM tool)
		GROUP BY b.pid)
	SELECT a.pid, a.datname AS database, a.usename AS role, a.backend_start AS connected, a.state, a.run,
		c.command, c.relid AS table_oid, c.tuples_processed AS rows, c.bytes_processed AS bytes,
		pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start AS snapshot_age,
		coalesce(w.waiters, 0) AS waiting_behind
	FROM tool a
		LEFT JOIN pg_catalog.pg_stat_progress_copy c ON c.pid OPERATOR(pg_catalog.=) a.pid
		LEFT JOIN waiting w ON w.pid OPERATOR(pg_catalog.=) a.pid;
