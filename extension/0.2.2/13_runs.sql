
--
-- Starting runs.
--

-- Give one run to an executor, or none (run is NULL).
CREATE OR REPLACE FUNCTION nex_backup.claim(executor text, in_server bool, host text, pid int4, OUT run int8, OUT fence int8,
	OUT job text, OUT kind text, OUT database text, OUT type text, OUT attempt int4, OUT argv text[],
	OUT timeout_seconds float8, OUT kill_grace_seconds float8)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	next nex_backup.runs;
	token int8;
	per_repository int8 := nex_backup.setting('max_runs_per_repository')::int8;
BEGIN
	IF pg_is_in_recovery() OR nex_backup.setting('scheduler') <> 'on'
		OR nex_backup.setting('executor') <> (CASE WHEN $2 THEN 'worker' ELSE 'agent' END) THEN
		RETURN;
	END IF;
	PERFORM nex_backup.check_executor($1, $2, $3);
	PERFORM nex_backup.lock_queue();
	-- There may be no leader, and no other agent, whose turn would do it: what a dead run has must not be counted.
	PERFORM nex_backup.settle_stale();
	IF nex_backup.check_cluster($2) IS NOT NULL
		OR (SELECT count(*) FROM nex_backup.leases) >= nex_backup.setting('max_concurrent_runs')::int8 THEN
		RETURN;
	END IF;
	LOOP
		SELECT r.* INTO next FROM nex_backup.runs r
		WHERE r.state = 'queued' AND r.not_before <= nex_backup.now()
			AND (r.kind = 'notify' OR NOT nex_backup.claims_alarms_only())
			AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = r.job AND j.suspended IS NOT NULL)
			AND (r.kind = 'notify' OR per_repository > (SELECT count(*) FROM nex_backup.leases l
				JOIN nex_backup.runs a ON a.id = l.run
				WHERE a.location IS NOT DISTINCT FROM r.location AND a.kind <> 'notify'))
		ORDER BY r.not_before, r.id
		LIMIT 1
		FOR UPDATE SKIP LOCKED;
		EXIT WHEN next.id IS NULL;
		IF next.job IS NOT NULL AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = next.job) THEN
			PERFORM nex_backup.transition(next.id, 'cancelled', 'the job was removed');
			CONTINUE;
		END IF;
		-- Rights are those of now, not those of the day when the job was defined.
		IF next.owner IS NOT NULL AND NOT nex_backup.may_schedule(next.owner) THEN
			PERFORM nex_backup.transition(next.id, 'failed',
				CASE WHEN EXISTS (SELECT FROM pg_roles o WHERE o.oid = next.owner)
					THEN format('role %s may no longer run jobs', next.owner)
					ELSE 'its owner was dropped; nex_backup_schedule() defines it for another role' END, '{"retry": false}');
			CONTINUE;
		END IF;
		BEGIN
			PERFORM nex_backup.check_definition(next.kind, next.database, next.location,
				next.definition ->> 'type', next.definition -> 'options');
			argv := nex_backup.run_argv(next);
			timeout_seconds := extract(epoch FROM (next.definition ->> 'timeout')::interval);
			kill_grace_seconds := extract(epoch FROM coalesce((next.definition ->> 'kill_grace')::interval,
				interval '30 seconds'));
		EXCEPTION WHEN lock_not_available OR transaction_rollback OR insufficient_resources
			OR operator_intervention OR system_error THEN
			-- That is not the run's fault: again later.
			RAISE;
		WHEN others THEN
			PERFORM nex_backup.transition(next.id, 'failed', 'it cannot be started',
				jsonb_build_object('error', sqlerrm, 'retry', false));
			CONTINUE;
		END;
		run := next.id;
		token := nex_backup.new_fence();
		fence := token;
		job := next.job;
		kind := next.kind;
		database := next.database;
		type := next.definition ->> 'type';
		attempt := next.attempt;
		INSERT INTO nex_backup.leases (run, executor, in_server, session_role, fence, host, pid, session_started, heartbeat,
			lease_until)
		VALUES (next.id, $1, $2, nex_backup.role_of_call(), token, $3, $4, CASE WHEN $2 THEN
				(SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()) END,
			clock_timestamp(), clock_timestamp() + nex_backup.lease_time());
		PERFORM nex_backup.transition(run, 'starting');
		UPDATE nex_backup.runs r SET executor = $1, host = $3 WHERE r.id = next.id;
		-- The leader sees by the sequence that something was claimed.  Last, as an error does not take it back.
		PERFORM nextval('nex_backup.fences');
		RETURN;
	END LOOP;
	argv := NULL;
	timeout_seconds := NULL;
	kill_grace_seconds := NULL;
END
$$;
