--
-- Which executor works on a run, and the functions that it calls.
--

-- How long an agent may be silent before its run is settled.
CREATE OR REPLACE FUNCTION nex_backup.lease_time()
RETURNS interval
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT interval '60 seconds'
$$;

-- A token for whoever claims a run, which nobody else can guess.
CREATE OR REPLACE FUNCTION nex_backup.new_fence()
RETURNS int8
AS 'MODULE_PATHNAME', 'nex_backup_new_fence'
LANGUAGE C STRICT VOLATILE;

-- Does the session still exist?
CREATE OR REPLACE FUNCTION nex_backup.session_lives(pid int4, started timestamptz)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM pg_stat_get_activity($1) a WHERE a.pid = $1 AND a.backend_start = $2)
$$;

-- Has the executor of a run gone?
CREATE OR REPLACE FUNCTION nex_backup.is_left(lease nex_backup.leases)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN ($1).in_server THEN NOT nex_backup.session_lives(($1).pid, ($1).session_started)
		ELSE ($1).lease_until < clock_timestamp() END
$$;

-- Does the lease belong to the caller: same token, same role?  Locks it.
CREATE OR REPLACE FUNCTION nex_backup.holds_lease(run int8, fence int8)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.leases l
		WHERE l.run = $1 AND l.fence = $2 AND l.session_role = nex_backup.role_of_call() AND (NOT l.in_server OR nex_backup.works_in_server())
		FOR UPDATE)
$$;

-- Settle the runs whose executor is gone.  A locked run or lease is left to a later turn, so that it does not
-- delay the jobs of all others.
CREATE OR REPLACE FUNCTION nex_backup.settle_stale()
RETURNS int4
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	stale record;
	lease nex_backup.leases;
	settled int4 := 0;
BEGIN
	FOR stale IN
		SELECT r.id, l.run IS NOT NULL AS is_leased
		FROM nex_backup.runs r LEFT JOIN nex_backup.leases l ON l.run = r.id
		WHERE r.state = ANY (ARRAY['starting', 'running']) AND (l.run IS NULL OR nex_backup.is_left(l))
	LOOP
		-- Read again, locking in the same order as agents do.
		SELECT l.* INTO lease FROM nex_backup.leases l WHERE l.run = stale.id FOR UPDATE SKIP LOCKED;
		CONTINUE WHEN CASE WHEN stale.is_leased THEN NOT coalesce(nex_backup.is_left(lease), false) ELSE lease.run IS NOT NULL END;
		PERFORM FROM nex_backup.runs r
		WHERE r.id = stale.id AND r.state = ANY (ARRAY['starting', 'running']) FOR UPDATE SKIP LOCKED;
		CONTINUE WHEN NOT found;
		IF lease.cancel_requested IS NOT NULL THEN
			PERFORM nex_backup.transition(stale.id, 'cancelled', format('cancelled by %s', lease.cancelled_by));
		ELSE
			PERFORM nex_backup.transition(stale.id, 'crashed', CASE WHEN coalesce(lease.in_server, true)
				THEN 'the executor is gone: the server was restarted, or the executor was killed'
				ELSE 'the agent was silent for too long' END);
		END IF;
		settled := settled + 1;
	END LOOP;
	RETURN settled;
END
$$;

-- The words of the command line of the tool.  No shell reads them.
CREATE OR REPLACE FUNCTION nex_backup.run_argv(run nex_backup.runs)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	word text;
	part text[];
	value text;
	argv text[] := '{}';
	-- Not a literal, whose meaning depends on standard_conforming_strings.
	backslash CONSTANT text := chr(92);
BEGIN
	FOREACH word IN ARRAY (SELECT k.argv FROM nex_backup.job_kinds k WHERE k.kind = run.kind) LOOP
		IF word = '%options' THEN
			argv := argv || ARRAY(SELECT format('--%s=%s', replace(o.key, '_', '-'), o.value #>> '{}')
				FROM jsonb_each(run.definition -> 'options') o WHERE run.kind <> 'copy' OR o.key <> 'after' ORDER BY o.key);
			CONTINUE;
		END IF;
		part := regexp_match(word, '^(.*)%(database|target|location|type)$');
		IF part IS NULL THEN
			argv := argv || word;
			CONTINUE;
		END IF;
		value := CASE part[2]
			WHEN 'database' THEN run.database
			-- A name with "=" in it would be taken for a connection string, so use one.
			WHEN 'target' THEN format('dbname=''%s''', replace(replace(run.database,
				backslash, backslash || backslash), '''', backslash || ''''))
			WHEN 'location' THEN run.location
			WHEN 'type' THEN run.definition ->> 'type' END;
		IF value IS NOT NULL THEN
			argv := argv || (part[1] || value);
		END IF;
	END LOOP;
	RETURN argv;
END
$$;

-- Is this process a worker reserved for short work, which only delivers alarms?
CREATE OR REPLACE FUNCTION nex_backup.claims_alarms_only()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_claims_alarms_only'
LANGUAGE C STRICT VOLATILE;

-- Give a run to an executor; run is NULL if there is none.
CREATE OR REPLACE FUNCTION nex_backup.claim(executor text, in_server bool, host text, pid int4, OUT run int8, OUT fence int8,
	OUT job text, OUT kind text, OUT database text, OUT type text, OUT attempt int4, OUT argv text[],
	OUT timeout_seconds float8, OUT kill_grace_seconds float8)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_claim(executor text, in_server bool, host text, pid int4, OUT run int8, OUT fence int8,
	OUT job text, OUT kind text, OUT database text, OUT type text, OUT attempt int4, OUT argv text[],
	OUT timeout_seconds float8, OUT kill_grace_seconds float8)
RETURNS record
LANGUAGE plpgsql
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
	-- There may be no leader and no other agent to do this; leases of dead executors must not be counted.
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
		-- Privileges are checked now; the role may have lost them since the job was defined.
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
			-- Not the fault of this run: try again later.
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
		-- The leader sees from the sequence that something was claimed.  Last, because an error does not undo it.
		PERFORM nextval('nex_backup.fences');
		RETURN;
	END LOOP;
	argv := NULL;
	timeout_seconds := NULL;
	kill_grace_seconds := NULL;
END
$$;

-- The program was started.  Returns false if the run does not belong to the caller any more, who must stop the
-- program.
CREATE OR REPLACE FUNCTION nex_backup.start(run int8, fence int8, child_pid int4 DEFAULT NULL)
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_start(run int8, fence int8, child_pid int4)
RETURNS bool
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT nex_backup.holds_lease($1, $2) THEN
		RETURN false;
	END IF;
	PERFORM nex_backup.transition($1, 'running');
	UPDATE nex_backup.leases l
	SET child_pid = $3, heartbeat = clock_timestamp(), lease_until = clock_timestamp() + nex_backup.lease_time()
	WHERE l.run = $1;
	RETURN true;
END
$$;

-- The executor is alive; progress is the last event that the tool wrote.  Returns what to do: continue, cancel
-- (stop the program, then call finish with stopped => 'cancel'), or lost (stop the program; the run belongs to
-- somebody else).
CREATE OR REPLACE FUNCTION nex_backup.heartbeat(run int8, fence int8, progress text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_heartbeat(run int8, fence int8, progress text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cancel timestamptz;
	event jsonb;
BEGIN
	-- A line of progress has a few hundred bytes; ignore anything else.
	IF octet_length($3) <= 16384 THEN
		BEGIN
			event := $3::jsonb;
		EXCEPTION WHEN data_exception OR program_limit_exceeded OR feature_not_supported THEN
			event := NULL;
		END;
	END IF;
	IF jsonb_typeof(event) <> 'object' THEN
		event := NULL;
	END IF;
	-- The lease of the worker in the server lasts as long as its process, so nothing is written without news.
	SELECT l.cancel_requested INTO cancel FROM nex_backup.leases l
	WHERE l.run = $1 AND l.fence = $2 AND l.session_role = nex_backup.role_of_call() AND l.in_server AND nex_backup.works_in_server()
		AND (event IS NULL OR event = l.progress);
	IF found THEN
		RETURN CASE WHEN cancel IS NOT NULL THEN 'cancel' ELSE 'continue' END;
	END IF;
	UPDATE nex_backup.leases l
	SET heartbeat = clock_timestamp(), lease_until = clock_timestamp() + nex_backup.lease_time(),
		progress = coalesce(event, l.progress)
	WHERE l.run = $1 AND l.fence = $2 AND l.session_role = nex_backup.role_of_call() AND (NOT l.in_server OR nex_backup.works_in_server())
	RETURNING l.cancel_requested INTO cancel;
	RETURN CASE WHEN NOT found THEN 'lost' WHEN cancel IS NOT NULL THEN 'cancel' ELSE 'continue' END;
END
$$;

-- The program has ended, or could not be started.  exit_code and signal are the result of waitpid(); stopped is
-- the reason why the executor stopped it: cancel, timeout, shutdown (of the executor), or NULL.  Returns the state
-- of the run, or 'lost'.
CREATE OR REPLACE FUNCTION nex_backup.finish(run int8, fence int8, exit_code int4, signal int4 DEFAULT NULL,
	stopped text DEFAULT NULL, error text DEFAULT NULL, log_tail text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_finish(run int8, fence int8, exit_code int4, signal int4,
	stopped text, error text, log_tail text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	lease record;
	current text;
	new_state text;
	reason text;
	retry bool := true;
BEGIN
	IF NOT nex_backup.holds_lease($1, $2) THEN
		RETURN 'lost';
	END IF;
	SELECT l.* INTO lease FROM nex_backup.leases l WHERE l.run = $1;
	IF $3 = 0 AND $4 IS NULL THEN
		new_state := 'succeeded';
	ELSIF $5 = 'cancel' OR ($5 IS NULL AND lease.cancel_requested IS NOT NULL) THEN
		new_state := 'cancelled';
		reason := format('cancelled by %s', coalesce(lease.cancelled_by, 'somebody'));
	ELSIF $5 = 'timeout' THEN
		new_state := 'timed_out';
		reason := 'it took longer than its timeout';
	ELSIF $5 = 'shutdown' THEN
		new_state := 'crashed';
		reason := 'the executor was stopped';
	ELSIF $4 IS NOT NULL THEN
		new_state := 'crashed';
		reason := format('the program was ended by signal %s', $4);
	ELSE
		new_state := 'failed';
		reason := CASE $3 WHEN 2 THEN 'wrong usage or configuration'
			WHEN 3 THEN 'a backup is damaged or incomplete, or holds SQL that nex_backup does not write'
			WHEN 4 THEN 'the repository is locked, or the same work is going on already'
			WHEN 126 THEN 'the program may not be executed'
			WHEN 127 THEN 'the program was not found'
			WHEN 130 THEN 'the program was interrupted from outside'
			ELSE CASE WHEN $3 IS NULL THEN 'the program could not be started' ELSE format('exit code %s', $3) END END;
		-- Retrying does not help with these.
		retry := $3 IS NULL OR $3 <> ALL (ARRAY[2, 3, 126, 127]);
	END IF;
	SELECT r.state INTO current FROM nex_backup.runs r WHERE r.id = $1;
	IF current = 'starting' AND new_state = ANY (ARRAY['succeeded', 'timed_out']) THEN
		PERFORM nex_backup.transition($1, 'running');
	END IF;
	PERFORM nex_backup.transition($1, new_state, reason, jsonb_build_object('exit_code', $3, 'signal', $4,
		'error', left($6, 8192), 'log_tail', right($7, 65536), 'retry', retry));
	RETURN new_state;
END
$$;
