
--
-- The queue: every decision about runs is taken here, and the executors (the worker in the
-- server and the agent) only do what they are told.  extension/README.md has the contract.
--

-- Two executors never decide at the same time.
CREATE FUNCTION nex_backup.lock_queue()
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT pg_advisory_xact_lock(1852143714, 1)
$$;

-- How long an agent may be silent before its run is given to another.
CREATE FUNCTION nex_backup.lease_time()
RETURNS interval
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT interval '60 seconds'
$$;

-- An error, if that is not what a job can be.  Asked when it is defined, and again before it starts.
CREATE FUNCTION nex_backup.check_definition(kind text, database text, location text, type text, options jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	what record;
	given record;
	allowed record;
BEGIN
	SELECT k.* INTO what FROM nex_backup.job_kinds k WHERE k.kind = $1;
	IF what.kind IS NULL THEN
		RAISE EXCEPTION 'unknown kind of job "%"', $1
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Known are %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.kind)
					FROM nex_backup.job_kinds k));
	END IF;
	IF what.needs_database AND coalesce($2, '') = '' THEN
		RAISE EXCEPTION 'a job of kind "%" needs a database', $1
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name it with database => ''...''.';
	END IF;
	IF $2 IS NOT NULL AND (NOT what.takes_database OR $2 = '' OR octet_length($2) > 63) THEN
		RAISE EXCEPTION 'a job of kind "%" cannot have the database "%"', $1, $2
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $3 !~ '^(/|[a-z][a-z0-9+.-]*://)' OR $3 ~ '[[:cntrl:]]' OR octet_length($3) > 1024 THEN
		RAISE EXCEPTION 'invalid repository "%"', $3
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Give the full path of a directory on the server, or a URL.';
	END IF;
	IF $3 ~ '^[^/]*://[^/]*@' OR $3 ~* '[?&][^=]*(password|secret|token|key)[^=]*=' THEN
		RAISE EXCEPTION 'the location of a repository must not hold a secret'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'Jobs are readable, and part of dumps.',
				HINT = 'Put credentials into a file that nex_backup.config_file names.';
	END IF;
	IF coalesce($4, '') !~ '^[A-Za-z0-9_-]{1,32}$' THEN
		RAISE EXCEPTION 'invalid type "%"', $4
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'It must be of letters, digits, "_" and "-", 32 at most.';
	END IF;
	IF jsonb_typeof($5) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'options must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOR given IN SELECT o.key, o.value, o.value #>> '{}' AS word FROM jsonb_each($5) o LOOP
		SELECT a.* INTO allowed FROM nex_backup.job_options a
		WHERE a.kind = $1 AND a.option = replace(given.key, '_', '-');
		IF allowed.option IS NULL THEN
			RAISE EXCEPTION 'a job of kind "%" has no option "%"', $1, given.key
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Its options are: %s.', coalesce((SELECT string_agg(a.option, ', ' ORDER BY a.option)
						FROM nex_backup.job_options a WHERE a.kind = $1), 'none'));
		END IF;
		IF jsonb_typeof(given.value) <> ALL (ARRAY['string', 'number', 'boolean'])
			OR given.word !~ ('^(' || allowed.pattern || ')$') OR given.word ~ '[[:cntrl:]]' THEN
			RAISE EXCEPTION 'invalid value % of option "%"', given.value, given.key
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
END
$$;

-- The words of the tool's command line for a run; nothing of them is read by a shell.
CREATE FUNCTION nex_backup.run_argv(run nex_backup.runs)
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
BEGIN
	FOREACH word IN ARRAY (SELECT k.argv FROM nex_backup.job_kinds k WHERE k.kind = run.kind) LOOP
		IF word = '%options' THEN
			argv := argv || ARRAY(SELECT format('--%s=%s', replace(o.key, '_', '-'), o.value #>> '{}')
				FROM jsonb_each(run.definition -> 'options') o ORDER BY o.key);
			CONTINUE;
		END IF;
		part := regexp_match(word, '^(.*)%(database|target|location|type)$');
		IF part IS NULL THEN
			argv := argv || word;
			CONTINUE;
		END IF;
		value := CASE part[2]
			WHEN 'database' THEN run.database
			-- A name with "=" in it would be taken for a connection string: so give one.
			WHEN 'target' THEN format('dbname=''%s''', replace(replace(run.database, '\', '\\'), '''', '\'''))
			WHEN 'location' THEN run.location
			WHEN 'type' THEN run.definition ->> 'type' END;
		IF value IS NOT NULL THEN
			argv := argv || (part[1] || value);
		END IF;
	END LOOP;
	RETURN argv;
END
$$;

-- What a run keeps of its job.
CREATE FUNCTION nex_backup.job_definition(job nex_backup.jobs)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('type', $1.type, 'options', $1.options, 'max_attempts', $1.max_attempts,
		'retry_delay', $1.retry_delay, 'backoff', $1.backoff, 'retry_delay_max', $1.retry_delay_max,
		'timeout', $1.timeout, 'kill_grace', $1.kill_grace)
$$;

-- Enter a run into the queue.
CREATE FUNCTION nex_backup.enqueue(job text, owner regrole, kind text, location text, database text,
	definition jsonb, scheduled_for timestamptz DEFAULT NULL, not_before timestamptz DEFAULT NULL,
	attempt int4 DEFAULT 1, origin int8 DEFAULT NULL, reason text DEFAULT NULL)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id int8;
BEGIN
	INSERT INTO nex_backup.runs AS r (job, owner, kind, location, database, definition, state, scheduled_for,
		queued, not_before, attempt, origin, reason)
	VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, nex_backup.now(), coalesce($8, nex_backup.now()), $9, $10, $11)
	RETURNING r.id INTO id;
	PERFORM pg_notify('nex_backup', 'queued');
	PERFORM nex_backup.wake();
	RETURN id;
END
$$;

-- Note that a DBA should hear of something, and have it delivered, if there is what delivers.
CREATE FUNCTION nex_backup.raise_alarm(event text, job text, run int8, database text, details jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO nex_backup.alarms (raised, event, job, run, database, details)
	VALUES (nex_backup.now(), $1, $2, $3, $4, coalesce($5, '{}'));
	IF EXISTS (SELECT FROM nex_backup.job_kinds k WHERE k.kind = 'notify')
		AND NOT EXISTS (SELECT FROM nex_backup.runs r WHERE r.state = 'queued' AND r.kind = 'notify') THEN
		PERFORM nex_backup.enqueue(NULL, NULL, 'notify', NULL, NULL,
			'{"type": "alarm", "options": {}, "max_attempts": 1, "timeout": "5 minutes", "kill_grace": "10 seconds"}');
	END IF;
END
$$;

CREATE FUNCTION nex_backup.pending_alarms(most int4 DEFAULT 100)
RETURNS SETOF nex_backup.alarms
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.* FROM nex_backup.alarms a WHERE a.delivered IS NULL ORDER BY a.id LIMIT $1
$$;

CREATE FUNCTION nex_backup.alarm_delivered(id int8)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.alarms a SET delivered = nex_backup.now() WHERE a.id = $1 AND a.delivered IS NULL
$$;

-- The pause before the next attempt, exponential with jitter, so that jobs that failed together do not retry together.
CREATE FUNCTION nex_backup.retry_pause(definition jsonb, attempt int4)
RETURNS interval
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE $1 ->> 'backoff' WHEN 'exponential'
		THEN least(pause * (2.0 ^ least($2 - 1, 30)), coalesce(($1 ->> 'retry_delay_max')::interval, interval '1 hour'))
			* (0.875 + random() / 4)
		ELSE pause END
	FROM (SELECT coalesce(($1 ->> 'retry_delay')::interval, interval '5 minutes') AS pause) p
$$;

-- What follows from the end of a run: another attempt, or an alarm.
CREATE FUNCTION nex_backup.run_ended(run nex_backup.runs, may_retry bool)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bad bool := run.state = ANY (ARRAY['failed', 'timed_out', 'crashed']);
	alive bool := run.job IS NULL
		OR EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = run.job AND j.enabled AND j.suspended IS NULL);
	pause interval;
	before text;
BEGIN
	IF bad AND may_retry AND alive AND run.attempt < coalesce((run.definition ->> 'max_attempts')::int4, 1) THEN
		pause := nex_backup.retry_pause(run.definition, run.attempt);
		PERFORM nex_backup.enqueue(run.job, run.owner, run.kind, run.location, run.database, run.definition,
			run.scheduled_for, nex_backup.now() + pause, run.attempt + 1, coalesce(run.origin, run.id),
			format('attempt %s, because run %s %s', run.attempt + 1, run.id, run.state));
		RETURN;
	END IF;
	IF run.job IS NULL OR NOT (bad OR run.state = 'succeeded') THEN
		RETURN;
	END IF;
	IF bad THEN
		PERFORM nex_backup.raise_alarm('failure', run.job, run.id, run.database,
			jsonb_build_object('state', run.state, 'kind', run.kind, 'reason', run.reason, 'error', run.error,
				'attempt', run.attempt));
		RETURN;
	END IF;
	SELECT r.state INTO before FROM nex_backup.runs r
	WHERE r.job = run.job AND r.id < coalesce(run.origin, run.id)
		AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
	ORDER BY r.id DESC LIMIT 1;
	IF before <> 'succeeded' THEN
		PERFORM nex_backup.raise_alarm('recovery', run.job, run.id, run.database,
			jsonb_build_object('kind', run.kind, 'attempt', run.attempt));
	ELSIF before IS NULL THEN
		PERFORM nex_backup.raise_alarm('first_success', run.job, run.id, run.database,
			jsonb_build_object('kind', run.kind, 'attempt', run.attempt));
	END IF;
END
$$;

-- The one function that changes the state of a run.  "outcome": exit_code, signal, error, log_tail, retry.
CREATE FUNCTION nex_backup.transition(run int8, new_state text, reason text DEFAULT NULL, outcome jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	current nex_backup.runs;
	at timestamptz := nex_backup.now();
	ends bool := new_state <> ALL (ARRAY['queued', 'starting', 'running']);
BEGIN
	SELECT r.* INTO current FROM nex_backup.runs r WHERE r.id = $1 FOR UPDATE;
	IF current.id IS NULL THEN
		RAISE EXCEPTION 'there is no run %', $1 USING ERRCODE = 'undefined_object';
	END IF;
	IF (current.state || ' ' || new_state) <> ALL (ARRAY[
		'queued starting', 'queued failed', 'queued cancelled', 'queued skipped',
		'starting running', 'starting failed', 'starting cancelled', 'starting crashed',
		'running succeeded', 'running failed', 'running cancelled', 'running timed_out', 'running crashed']) THEN
		RAISE EXCEPTION 'run % cannot become "%" from "%"', $1, new_state, current.state
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	LOOP
		BEGIN
			UPDATE nex_backup.runs r
			SET state = new_state,
				started = CASE WHEN new_state = 'running' THEN at ELSE r.started END,
				finished = CASE WHEN ends THEN greatest(at, r.started) END,
				reason = coalesce($3, r.reason),
				exit_code = coalesce((outcome ->> 'exit_code')::int4, r.exit_code),
				signal = coalesce((outcome ->> 'signal')::int4, r.signal),
				error = coalesce(r.error, outcome ->> 'error'),
				log_tail = coalesce(outcome ->> 'log_tail', r.log_tail)
			WHERE r.id = $1
			RETURNING r.* INTO current;
			EXIT;
		EXCEPTION WHEN unique_violation THEN
			-- Another run of the same work has started in this very microsecond.
			at := at + interval '1 microsecond';
		END;
	END LOOP;
	IF ends THEN
		DELETE FROM nex_backup.leases l WHERE l.run = $1;
		PERFORM nex_backup.run_ended(current, coalesce((outcome ->> 'retry')::bool, true));
		PERFORM pg_notify('nex_backup', 'ended');
		PERFORM nex_backup.wake();
	END IF;
END
$$;

-- Does the lease still belong to whoever has the fencing token?  Locks it.
CREATE FUNCTION nex_backup.holds_lease(run int8, fence int8)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.leases l WHERE l.run = $1 AND l.fence = $2 FOR UPDATE)
$$;

-- Give one run to an executor, or none (run is NULL).
CREATE FUNCTION nex_backup.claim(executor text, in_server bool, host text, pid int4, OUT run int8, OUT fence int8,
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
	per_repository int8 := nex_backup.setting('max_runs_per_repository')::int8;
BEGIN
	IF pg_is_in_recovery() OR nex_backup.setting('scheduler') <> 'on'
		OR nex_backup.setting('executor') <> (CASE WHEN $2 THEN 'worker' ELSE 'agent' END) THEN
		RETURN;
	END IF;
	PERFORM nex_backup.lock_queue();
	IF nex_backup.check_cluster($2) IS NOT NULL
		OR (SELECT count(*) FROM nex_backup.leases) >= nex_backup.setting('max_concurrent_runs')::int8 THEN
		RETURN;
	END IF;
	LOOP
		SELECT r.* INTO next FROM nex_backup.runs r
		WHERE r.state = 'queued' AND r.not_before <= nex_backup.now()
			AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = r.job AND j.suspended IS NOT NULL)
			AND (r.kind = 'notify' OR per_repository > (SELECT count(*) FROM nex_backup.leases l
				JOIN nex_backup.runs a ON a.id = l.run
				WHERE a.location IS NOT DISTINCT FROM r.location AND a.kind <> 'notify'))
		ORDER BY r.not_before, r.id
		LIMIT 1
		FOR UPDATE SKIP LOCKED;
		EXIT WHEN next.id IS NULL;
		-- Rights are those of now, not those of the day when the job was defined.
		IF next.owner IS NOT NULL AND NOT nex_backup.may_schedule(next.owner) THEN
			PERFORM nex_backup.transition(next.id, 'failed',
				format('role %s may no longer run jobs', next.owner), '{"retry": false}');
			CONTINUE;
		END IF;
		BEGIN
			PERFORM nex_backup.check_definition(next.kind, next.database, next.location,
				next.definition ->> 'type', next.definition -> 'options');
			argv := nex_backup.run_argv(next);
			timeout_seconds := extract(epoch FROM (next.definition ->> 'timeout')::interval);
			kill_grace_seconds := extract(epoch FROM coalesce((next.definition ->> 'kill_grace')::interval,
				interval '30 seconds'));
		EXCEPTION WHEN others THEN
			PERFORM nex_backup.transition(next.id, 'failed', 'it cannot be started',
				jsonb_build_object('error', sqlerrm, 'retry', false));
			CONTINUE;
		END;
		run := next.id;
		fence := nextval('nex_backup.fences');
		job := next.job;
		kind := next.kind;
		database := next.database;
		type := next.definition ->> 'type';
		attempt := next.attempt;
		INSERT INTO nex_backup.leases (run, executor, in_server, fence, host, pid, session_started, heartbeat, lease_until)
		VALUES (claim.run, $1, $2, claim.fence, $3, $4, CASE WHEN $2 THEN
				(SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()) END,
			clock_timestamp(), clock_timestamp() + nex_backup.lease_time());
		PERFORM nex_backup.transition(run, 'starting');
		UPDATE nex_backup.runs r SET executor = $1, host = $3 WHERE r.id = claim.run;
		RETURN;
	END LOOP;
	argv := NULL;
	timeout_seconds := NULL;
	kill_grace_seconds := NULL;
END
$$;

-- The program was started.  False: the run is no longer yours; stop what you started.
CREATE FUNCTION nex_backup.start(run int8, fence int8, child_pid int4 DEFAULT NULL)
RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER
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

-- I am still at it; progress is the last event that the tool has written.  Gives what to do: continue, cancel
-- (stop the program, then finish with stopped => 'cancel'), or lost (stop the program, the run is no longer yours).
CREATE FUNCTION nex_backup.heartbeat(run int8, fence int8, progress text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cancel timestamptz;
	event jsonb;
BEGIN
	BEGIN
		event := $3::jsonb;
	EXCEPTION WHEN data_exception THEN
		event := NULL;
	END;
	UPDATE nex_backup.leases l
	SET heartbeat = clock_timestamp(), lease_until = clock_timestamp() + nex_backup.lease_time(),
		progress = coalesce(event, l.progress)
	WHERE l.run = $1 AND l.fence = $2
	RETURNING l.cancel_requested INTO cancel;
	RETURN CASE WHEN NOT found THEN 'lost' WHEN cancel IS NOT NULL THEN 'cancel' ELSE 'continue' END;
END
$$;

-- The program has ended, or could not be started.  exit_code and signal are what waitpid() gave; stopped says why the
-- executor stopped it: cancel, timeout, shutdown (of the executor), or NULL.  Gives the state of the run, or 'lost'.
CREATE FUNCTION nex_backup.finish(run int8, fence int8, exit_code int4, signal int4 DEFAULT NULL,
	stopped text DEFAULT NULL, error text DEFAULT NULL, log_tail text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
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
	SELECT l.* INTO lease FROM nex_backup.leases l WHERE l.run = $1 AND l.fence = $2 FOR UPDATE;
	IF lease.run IS NULL THEN
		RETURN 'lost';
	END IF;
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
			WHEN 3 THEN 'a backup is damaged or incomplete'
			WHEN 4 THEN 'the repository is locked, or the same work is going on already'
			WHEN 126 THEN 'the program may not be executed'
			WHEN 127 THEN 'the program was not found'
			WHEN 130 THEN 'the program was interrupted from outside'
			ELSE CASE WHEN $3 IS NULL THEN 'the program could not be started' ELSE format('exit code %s', $3) END END;
		-- Repeating does not mend these.
		retry := $3 IS NULL OR $3 <> ALL (ARRAY[2, 3, 126, 127]);
	END IF;
	SELECT r.state INTO current FROM nex_backup.runs r WHERE r.id = $1;
	IF current = 'starting' AND new_state = ANY (ARRAY['succeeded', 'timed_out']) THEN
		PERFORM nex_backup.transition($1, 'running');
	END IF;
	PERFORM nex_backup.transition($1, new_state, reason, jsonb_build_object('exit_code', $3, 'signal', $4,
		'error', $6, 'log_tail', right($7, 65536), 'retry', retry));
	RETURN new_state;
END
$$;

-- Ask for the end of a run.  A queued one ends here, another when its executor hears of it.
CREATE FUNCTION nex_backup.request_cancel(run int8, by text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	current text;
	next int8;
BEGIN
	PERFORM nex_backup.lock_queue();
	SELECT r.state INTO current FROM nex_backup.runs r WHERE r.id = $1 FOR UPDATE;
	IF current = 'queued' THEN
		PERFORM nex_backup.transition($1, 'cancelled', format('cancelled by %s', $2));
		RETURN 'cancelled';
	END IF;
	UPDATE nex_backup.leases l
	SET cancel_requested = coalesce(l.cancel_requested, clock_timestamp()), cancelled_by = coalesce(l.cancelled_by, $2)
	WHERE l.run = $1;
	IF found THEN
		PERFORM pg_notify('nex_backup', 'cancel');
	ELSE
		-- It has ended; but a next attempt may be waiting.
		SELECT r.id INTO next FROM nex_backup.runs r
		WHERE r.origin = (SELECT coalesce(o.origin, o.id) FROM nex_backup.runs o WHERE o.id = $1) AND r.state = 'queued';
		IF next IS NOT NULL THEN
			PERFORM nex_backup.transition(next, 'cancelled', format('cancelled by %s', $2));
		END IF;
	END IF;
	RETURN current;
END
$$;

-- End the runs whose executor is gone.
CREATE FUNCTION nex_backup.settle_stale()
RETURNS int4
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	stale record;
	settled int4 := 0;
BEGIN
	FOR stale IN
		SELECT r.id, l.run IS NULL OR l.in_server AS in_server, l.cancel_requested, l.cancelled_by
		FROM nex_backup.runs r LEFT JOIN nex_backup.leases l ON l.run = r.id
		WHERE r.state = ANY (ARRAY['starting', 'running']) AND (l.run IS NULL
			OR CASE WHEN l.in_server THEN NOT EXISTS (SELECT FROM pg_stat_activity a
					WHERE a.pid = l.pid AND a.backend_start = l.session_started)
				ELSE l.lease_until < clock_timestamp() END)
	LOOP
		IF stale.cancel_requested IS NOT NULL THEN
			PERFORM nex_backup.transition(stale.id, 'cancelled', format('cancelled by %s', stale.cancelled_by));
		ELSE
			PERFORM nex_backup.transition(stale.id, 'crashed', CASE WHEN stale.in_server
				THEN 'the executor is gone: the server was restarted, or the executor was killed'
				ELSE 'the agent was silent for too long' END);
		END IF;
		settled := settled + 1;
	END LOOP;
	RETURN settled;
END
$$;

GRANT EXECUTE ON FUNCTION nex_backup.setting(text) TO pg_monitor;
