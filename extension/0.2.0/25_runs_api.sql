
--
-- What a DBA calls to run, watch and cancel.
--

-- Have nex_backup.do_errand(request) run in a transaction that is committed while this one goes on.
CREATE FUNCTION nex_backup.errand(request text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_errand'
LANGUAGE C STRICT VOLATILE;

-- Wait for the end of a run; cancel it if the statement is cancelled, if that is wanted.
CREATE FUNCTION nex_backup.await_run(run int8, cancel bool)
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_await_run'
LANGUAGE C STRICT VOLATILE;

-- Enter what a role wants to have done at once: a job, or work that is described.
CREATE FUNCTION nex_backup.submit(caller regrole, what text, kind text, repository text, type text, options jsonb,
	timeout interval)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	job nex_backup.jobs;
	busy int8;
BEGIN
	PERFORM nex_backup.lock_queue();
	IF nex_backup.check_cluster(nex_backup.is_preloaded()) IS NOT NULL THEN
		RAISE EXCEPTION 'jobs are suspended: %', nex_backup.check_cluster(nex_backup.is_preloaded())
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	SELECT j.* INTO job FROM nex_backup.jobs j WHERE j.name = $2;
	IF job.name IS NOT NULL THEN
		IF job.suspended IS NOT NULL THEN
			RAISE EXCEPTION 'job "%" is suspended: %', $2, job.suspended
				USING ERRCODE = 'object_not_in_prerequisite_state';
		END IF;
		SELECT max(r.id) INTO busy FROM nex_backup.runs r
		WHERE r.job = job.name AND r.state = ANY (ARRAY['queued', 'starting', 'running']) AND r.attempt = 1;
		IF busy IS NOT NULL THEN
			RAISE EXCEPTION 'run % of job "%" has not ended yet', busy, $2
				USING ERRCODE = 'object_in_use';
		END IF;
		RETURN nex_backup.enqueue(job.name, job.owner, job.kind, job.repository, job.database,
			nex_backup.job_definition(job) || '{"max_attempts": 1}', NULL, NULL, 1, NULL,
			format('started by %s', $1));
	END IF;
	RETURN nex_backup.enqueue(NULL, $1, $3, $4, $2, jsonb_build_object('type', $5, 'options', $6, 'max_attempts', 1,
		'timeout', $7, 'kill_grace', interval '30 seconds'), NULL, NULL, 1, NULL, format('started by %s', $1));
END
$$;

CREATE FUNCTION nex_backup.do_errand(request jsonb)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE $1 ->> 'call'
		WHEN 'submit' THEN nex_backup.submit(($1 ->> 'caller')::oid, $1 ->> 'what', $1 ->> 'kind', $1 ->> 'repository',
			$1 ->> 'type', $1 -> 'options', ($1 ->> 'timeout')::interval)::text
		WHEN 'cancel' THEN nex_backup.request_cancel(($1 ->> 'run')::int8, ($1 ->> 'caller')::oid::regrole::text)
		END
$$;

-- How far a run is, for people.
CREATE FUNCTION nex_backup.progress_text(run int8)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('run %s: %s', r.id, CASE r.state WHEN 'running' THEN concat_ws(', ',
			coalesce(l.progress ->> 'phase', 'running'),
			nullif(concat_ws('/', l.progress ->> 'units_done', l.progress ->> 'units_total') || ' ' || (l.progress ->> 'unit'), ''),
			pg_size_pretty(nullif((l.progress ->> 'raw_bytes')::int8, 0)),
			pg_size_pretty(nullif((l.progress ->> 'bytes_per_second')::float8::int8, 0)) || '/s',
			'about ' || ((l.progress ->> 'eta_seconds')::float8::int4 * interval '1 second')::text || ' to go')
		ELSE r.state END)
	FROM nex_backup.runs r LEFT JOIN nex_backup.leases l ON l.run = r.id
	WHERE r.id = $1
$$;

-- Run a job, or do a backup (or another kind of work) at once, and wait for its end.
CREATE FUNCTION nex_backup_run(what text, kind text DEFAULT 'backup', repository text DEFAULT NULL,
	type text DEFAULT 'manual', options jsonb DEFAULT '{}', timeout interval DEFAULT NULL, wait bool DEFAULT true,
	OUT run int8, OUT state text, OUT detail text)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	caller regrole := nex_backup.caller();
	job nex_backup.jobs;
BEGIN
	IF pg_is_in_recovery() THEN
		RAISE EXCEPTION 'cannot run a job on a standby' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Call this function on the primary.';
	END IF;
	SELECT j.* INTO job FROM nex_backup.jobs j WHERE j.name = $1;
	IF job.name IS NULL THEN
		PERFORM nex_backup.check_may_schedule(caller);
		IF $1 IS NOT NULL AND nex_backup.setting('executor') = 'worker'
			AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = $1) THEN
			RAISE EXCEPTION 'there is neither a job nor a database "%"', $1 USING ERRCODE = 'undefined_object';
		END IF;
		PERFORM nex_backup.check_definition($2, $1, $3, $4, $5);
	ELSIF NOT nex_backup.may_operate(caller) THEN
		PERFORM nex_backup.check_may_schedule(caller);
		PERFORM nex_backup.own_job($1, caller);
	END IF;
	IF nex_backup.setting('scheduler') <> 'on' THEN
		RAISE EXCEPTION 'no runs are started, as nex_backup.scheduler is off'
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	IF nex_backup.setting('executor') = 'agent' AND NOT EXISTS (SELECT FROM nex_backup.executors e
		WHERE NOT e.in_server AND e.last_seen > clock_timestamp() - interval '2 minutes') THEN
		RAISE NOTICE 'no agent was seen in the last two minutes' USING HINT = 'Start "nex_backup agent".';
	END IF;
	run := nex_backup.errand(jsonb_build_object('call', 'submit', 'caller', caller::oid, 'what', $1, 'kind', $2,
		'repository', $3, 'type', $4, 'options', $5, 'timeout', $6)::text);
	IF $7 THEN
		PERFORM nex_backup.await_run(run, true);
	END IF;
	SELECT r.state, coalesce(r.error, r.reason) INTO state, detail FROM nex_backup.runs r WHERE r.id = nex_backup_run.run;
END
$$;

-- Stop a run, and wait until it has stopped.
CREATE FUNCTION nex_backup_cancel(run int8, wait bool DEFAULT true)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	caller regrole := nex_backup.caller();
	target nex_backup.runs;
	state text;
BEGIN
	SELECT r.* INTO target FROM nex_backup.runs r WHERE r.id = $1;
	IF target.id IS NULL THEN
		RAISE EXCEPTION 'there is no run %', $1 USING ERRCODE = 'undefined_object';
	END IF;
	IF NOT nex_backup.may_operate(caller) AND NOT coalesce(pg_has_role(caller::oid, target.owner::oid, 'USAGE'), false) THEN
		RAISE EXCEPTION 'permission denied to cancel run %', $1 USING ERRCODE = 'insufficient_privilege',
			DETAIL = 'Only its owner and members of nex_backup.operator_role may do this.';
	END IF;
	PERFORM nex_backup.errand(jsonb_build_object('call', 'cancel', 'caller', caller::oid, 'run', $1)::text);
	IF $2 THEN
		PERFORM nex_backup.await_run($1, false);
	END IF;
	SELECT r.state INTO state FROM nex_backup.runs r WHERE r.id = $1;
	RETURN state;
END
$$;

-- A repository for the jobs to come.
CREATE FUNCTION nex_backup_create_repository(repository text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	caller regrole := nex_backup.caller();
	run int8;
	ended nex_backup.runs;
BEGIN
	PERFORM nex_backup.check_may_schedule(caller);
	PERFORM nex_backup.check_definition('init', NULL, $1, 'manual', '{}');
	run := nex_backup.errand(jsonb_build_object('call', 'submit', 'caller', caller::oid, 'kind', 'init',
		'repository', $1, 'type', 'manual', 'options', '{}'::jsonb)::text);
	PERFORM nex_backup.await_run(run, true);
	SELECT r.* INTO ended FROM nex_backup.runs r WHERE r.id = run;
	IF ended.state <> 'succeeded' THEN
		RAISE EXCEPTION 'could not create repository "%": %', $1, coalesce(ended.error, ended.reason, ended.state);
	END IF;
	RETURN $1;
END
$$;

-- Views: the tool's connections, and the runs that are going on.
DROP VIEW nex_backup.progress;
CREATE VIEW nex_backup.connections AS
	SELECT a.pid, a.datname AS database, a.usename AS role, a.backend_start AS connected, a.state,
		pg_catalog.substring(a.application_name, '[0-9]+$')::pg_catalog.int8 AS run,
		c.command, c.relid AS table_oid, c.tuples_processed AS rows, c.bytes_processed AS bytes,
		pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start AS snapshot_age,
		(SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks w
			WHERE NOT w.granted
			AND a.pid OPERATOR(pg_catalog.=) ANY (pg_catalog.pg_blocking_pids(w.pid))) AS waiting_behind
	FROM pg_catalog.pg_stat_activity a
		LEFT JOIN pg_catalog.pg_stat_progress_copy c ON c.pid OPERATOR(pg_catalog.=) a.pid
	WHERE a.application_name OPERATOR(pg_catalog.~) '^nex_backup(:run:[0-9]{1,18})?$';
COMMENT ON VIEW nex_backup.connections IS 'what the connections of the tool to this server are doing now, how old their snapshots are, and who waits behind their locks';

CREATE VIEW nex_backup.progress AS
	SELECT r.id AS run, r.job, r.kind, r.database, r.state, r.attempt, r.started,
		l.progress OPERATOR(pg_catalog.->>) 'phase' AS phase,
		pg_catalog.round(100 OPERATOR(pg_catalog.*) (l.progress OPERATOR(pg_catalog.->>) 'weight_done')::pg_catalog."numeric"
			OPERATOR(pg_catalog./) NULLIF((l.progress OPERATOR(pg_catalog.->>) 'weight_total')::pg_catalog."numeric", 0), 1) AS percent,
		(l.progress OPERATOR(pg_catalog.->>) 'units_done')::pg_catalog.int8 AS units_done,
		(l.progress OPERATOR(pg_catalog.->>) 'units_total')::pg_catalog.int8 AS units_total,
		l.progress OPERATOR(pg_catalog.->>) 'unit' AS unit,
		(l.progress OPERATOR(pg_catalog.->>) 'raw_bytes')::pg_catalog.int8 AS bytes,
		(l.progress OPERATOR(pg_catalog.->>) 'stored_bytes')::pg_catalog.int8 AS stored_bytes,
		(l.progress OPERATOR(pg_catalog.->>) 'bytes_per_second')::pg_catalog.float8 AS bytes_per_second,
		pg_catalog.make_interval(secs => (l.progress OPERATOR(pg_catalog.->>) 'eta_seconds')::pg_catalog.float8) AS eta,
		l.executor, l.host, l.child_pid, l.heartbeat, l.cancel_requested
	FROM nex_backup.leases l JOIN nex_backup.runs r ON r.id OPERATOR(pg_catalog.=) l.run;
COMMENT ON VIEW nex_backup.progress IS 'the runs that are going on';

GRANT SELECT ON nex_backup.connections, nex_backup.progress TO pg_monitor;
REVOKE ALL ON FUNCTION nex_backup_run(text, text, text, text, jsonb, interval, bool) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_cancel(int8, bool) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_create_repository(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nex_backup_run(text, text, text, text, jsonb, interval, bool) TO pg_execute_server_program;
GRANT EXECUTE ON FUNCTION nex_backup_cancel(int8, bool) TO pg_execute_server_program;
GRANT EXECUTE ON FUNCTION nex_backup_create_repository(text) TO pg_execute_server_program;
