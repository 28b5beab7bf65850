
--
-- How far runs are.
--

-- No function of this schema in it: whoever was granted the view need not have been granted that.
CREATE OR REPLACE VIEW nex_backup.progress AS
	SELECT r.id AS run, r.job, r.kind, r.database, r.state, r.attempt, r.started,
		l.progress OPERATOR(pg_catalog.->>) 'phase' AS phase,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'weight_done') OPERATOR(pg_catalog.~) '^[0-9]{1,18}([.][0-9]{1,40})?$'
				AND (l.progress OPERATOR(pg_catalog.->>) 'weight_total') OPERATOR(pg_catalog.~) '^[0-9]{1,18}([.][0-9]{1,40})?$'
			-- Not by zero; without NULLIF, which looks for an operator by the search_path.
			THEN CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'weight_total')::pg_catalog."numeric"
					OPERATOR(pg_catalog.>) 0::pg_catalog."numeric"
				THEN pg_catalog.round(100::pg_catalog."numeric"
					OPERATOR(pg_catalog.*) (l.progress OPERATOR(pg_catalog.->>) 'weight_done')::pg_catalog."numeric"
					OPERATOR(pg_catalog./) (l.progress OPERATOR(pg_catalog.->>) 'weight_total')::pg_catalog."numeric", 1) END
			END AS percent,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'units_done') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'units_done')::pg_catalog.int8 END AS units_done,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'units_total') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'units_total')::pg_catalog.int8 END AS units_total,
		l.progress OPERATOR(pg_catalog.->>) 'unit' AS unit,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'raw_bytes') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'raw_bytes')::pg_catalog.int8 END AS bytes,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'stored_bytes') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'stored_bytes')::pg_catalog.int8 END AS stored_bytes,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'bytes_per_second') OPERATOR(pg_catalog.~) '^[0-9]{1,18}([.][0-9]{1,40})?$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'bytes_per_second')::pg_catalog.float8 END AS bytes_per_second,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'eta_seconds') OPERATOR(pg_catalog.~) '^[0-9]{1,9}([.][0-9]{1,40})?$'
			THEN pg_catalog.make_interval(secs => (l.progress OPERATOR(pg_catalog.->>) 'eta_seconds')::pg_catalog.float8)
			END AS eta,
		l.executor, l.host, l.child_pid, l.heartbeat, l.cancel_requested
	FROM nex_backup.leases l JOIN nex_backup.runs r ON r.id OPERATOR(pg_catalog.=) l.run;
