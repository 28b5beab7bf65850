--
-- Views.
--

-- A run that verified has one row for each verification that it reported.  database is as in nex_backup.backups.
CREATE OR REPLACE VIEW nex_backup.verifications AS
	SELECT r.id AS run, r.repository, coalesce(r.database, 'config/' || r.file_set) AS database, r.backup, r.finished AS verified,
		r.details ->> 'result' AS result,
		r.details -> 'bad' AS bad
	FROM nex_backup.runs r
	WHERE r.kind = 'verify' AND r.finished IS NOT NULL AND r.definition IS NULL
	UNION ALL
	SELECT p.run, p.repository, coalesce(p.database, 'config/' || (p.details ->> 'set')), p.backup, p.finished,
		p.details ->> 'result',
		p.details -> 'bad'
	FROM nex_backup.run_reports p
	WHERE p.event = 'verify' AND p.finished IS NOT NULL;

CREATE OR REPLACE VIEW nex_backup.executors AS
	SELECT e.name, e.in_server, e.host, e.pid,
		CASE WHEN e.in_server THEN greatest(e.last_seen, l.advanced)
			WHEN a.pid IS NULL THEN e.last_seen
			-- Without track_activities, it is only known to exist.
			ELSE greatest(e.last_seen, coalesce(a.state_change, clock_timestamp())) END AS last_seen,
		e.detail
	FROM nex_backup.executor_sessions e
		CROSS JOIN (SELECT s.advanced FROM nex_backup.leader_state() s) l
		LEFT JOIN pg_stat_activity a ON a.pid = e.session_pid
			AND a.backend_start = e.session_started;

-- Any session can call itself like the tool, so only sessions of roles that the tool can connect as are shown: superusers,
-- and roles that may report to the catalog or read all data.  Blocking is examined once, not for each of them.
CREATE OR REPLACE VIEW nex_backup.connections AS
	WITH tool AS MATERIALIZED (
		SELECT a.pid, a.datname, a.usename, a.backend_start, a.state, a.xact_start,
			substring(a.application_name, '[0-9]+$')::int8 AS run
		FROM pg_stat_activity a
		WHERE a.application_name ~ '^nex_backup(:run:[0-9]{1,18})?$'
			AND (has_function_privilege(a.usesysid,
					'nex_backup.record(text, jsonb)'::regprocedure, 'EXECUTE')
				OR pg_has_role(a.usesysid, 'pg_read_all_data', 'USAGE'))),
	waiting AS MATERIALIZED (
		SELECT b.pid, count(DISTINCT w.pid) AS waiters
		FROM pg_locks w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) b (pid)
		WHERE NOT w.granted AND EXISTS (SELECT FROM tool)
		GROUP BY b.pid)
	SELECT a.pid, a.datname AS database, a.usename AS role, a.backend_start AS connected, a.state, a.run,
		c.command, c.relid AS table_oid, c.tuples_processed AS rows, c.bytes_processed AS bytes,
		clock_timestamp() - a.xact_start AS snapshot_age,
		coalesce(w.waiters, 0) AS waiting_behind
	FROM tool a
		LEFT JOIN pg_stat_progress_copy c ON c.pid = a.pid
		LEFT JOIN waiting w ON w.pid = a.pid;

-- Uses no function of this schema: a role that was granted the view need not have been granted the function.
CREATE OR REPLACE VIEW nex_backup.progress AS
	SELECT r.id AS run, r.job, r.kind, r.database, r.state, r.attempt, r.started,
		l.progress ->> 'phase' AS phase,
		CASE WHEN (l.progress ->> 'weight_done') ~ '^[0-9]{1,18}([.][0-9]{1,40})?$'
				AND (l.progress ->> 'weight_total') ~ '^[0-9]{1,18}([.][0-9]{1,40})?$'
			-- Not by zero.
			THEN CASE WHEN (l.progress ->> 'weight_total')::numeric
					> 0::numeric
				THEN round(100::numeric
					* (l.progress ->> 'weight_done')::numeric
					/ (l.progress ->> 'weight_total')::numeric, 1) END
			END AS percent,
		CASE WHEN (l.progress ->> 'units_done') ~ '^[0-9]{1,18}$'
			THEN (l.progress ->> 'units_done')::int8 END AS units_done,
		CASE WHEN (l.progress ->> 'units_total') ~ '^[0-9]{1,18}$'
			THEN (l.progress ->> 'units_total')::int8 END AS units_total,
		l.progress ->> 'unit' AS unit,
		CASE WHEN (l.progress ->> 'raw_bytes') ~ '^[0-9]{1,18}$'
			THEN (l.progress ->> 'raw_bytes')::int8 END AS bytes,
		CASE WHEN (l.progress ->> 'stored_bytes') ~ '^[0-9]{1,18}$'
			THEN (l.progress ->> 'stored_bytes')::int8 END AS stored_bytes,
		CASE WHEN (l.progress ->> 'bytes_per_second') ~ '^[0-9]{1,18}([.][0-9]{1,40})?$'
			THEN (l.progress ->> 'bytes_per_second')::float8 END AS bytes_per_second,
		CASE WHEN (l.progress ->> 'eta_seconds') ~ '^[0-9]{1,9}([.][0-9]{1,40})?$'
			THEN make_interval(secs => (l.progress ->> 'eta_seconds')::float8)
			END AS eta,
		l.executor, l.host, l.child_pid, l.heartbeat, l.cancel_requested
	FROM nex_backup.leases l JOIN nex_backup.runs r ON r.id = l.run;

CREATE OR REPLACE VIEW nex_backup.places AS
	SELECT r.id AS repository, 'original' AS role, r.location, r.host, NULL::text AS name, NULL::timestamptz AS copied,
		b.id AS newest, v.verified
	FROM nex_backup.repositories r
		LEFT JOIN LATERAL (SELECT n.id FROM nex_backup.backups n WHERE n.repository = r.id AND n.gone IS NULL
			ORDER BY n.snapshot_at DESC LIMIT 1) b ON true
		LEFT JOIN LATERAL (SELECT max(n.verified) AS verified FROM nex_backup.backups n WHERE n.repository = r.id) v ON true
	UNION ALL
	SELECT c.repository, 'copy', c.location, nullif(c.host, ''), c.name, c.copied, c.newest, c.verified
	FROM nex_backup.copies c;

-- No row if nothing is to be archived.
CREATE OR REPLACE VIEW nex_backup.archive AS
	SELECT ('x' || left(coalesce(a.last_archived, a.last_failed), 8))::bit(32)::int8 AS timeline, a.last_archived, a.last_time,
		a.ready_files, a.ready_bytes, a.waiting_since, a.last_failed, a.last_failed_time, a.is_failing
	FROM nex_backup.archive_state() a
	WHERE a.mode <> 'off';
