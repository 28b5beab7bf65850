--
-- The queue.  These functions make every decision about runs; executors (the worker in the server, and agents)
-- only do what they are told.  extension/README.md describes the contract.
--

-- A lock that only this function takes.  Anybody who may connect could hold an advisory lock of SQL, and the owner of the
-- database a lock on a table, by an ANALYZE in a transaction; a lock on a row would write WAL.
CREATE OR REPLACE FUNCTION nex_backup.acquire_queue_lock()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_lock_queue'
LANGUAGE C STRICT VOLATILE;

-- Which session has the lock: an agent that was stopped in a transaction, for example.
CREATE OR REPLACE FUNCTION nex_backup.queue_holder()
RETURNS int4
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(l.pid) FROM pg_locks l
	WHERE l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		AND l.classid = 1852143714 AND l.objid = 1 AND l.objsubid = 3 AND l.granted AND l.pid <> pg_backend_pid()
$$;

-- Lock the queue, so that two executors never decide at the same time.
CREATE OR REPLACE FUNCTION nex_backup.lock_queue()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder int4;
BEGIN
	PERFORM nex_backup.acquire_queue_lock();
EXCEPTION WHEN lock_not_available THEN
	holder := nex_backup.queue_holder();
	RAISE EXCEPTION 'lock timeout: the queue is locked by %', CASE WHEN holder IS NULL THEN 'another process' ELSE nex_backup.process_text(holder) END
		USING ERRCODE = 'lock_not_available',
			HINT = coalesce('SELECT pg_terminate_backend(' || holder || ') ends that session.', 'Try again.');
END
$$;

-- Add a run to the queue.
CREATE OR REPLACE FUNCTION nex_backup.enqueue(job text, owner regrole, kind text, location text, database text,
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
	PERFORM nex_backup.tell('queued');
	PERFORM nex_backup.wake();
	RETURN id;
END
$$;

-- Pause before the next attempt.  An exponential one is randomized, so that jobs that failed together do not retry
-- together.
CREATE OR REPLACE FUNCTION nex_backup.retry_pause(definition jsonb, attempt int4)
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

-- Queue the copies that follow a job.  One that is in progress may have missed what the job has made, so only one that has
-- not begun is enough.
CREATE OR REPLACE FUNCTION nex_backup.queue_copies(job text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.enqueue(j.name, j.owner, j.kind, j.repository, j.database, nex_backup.job_definition(j),
		reason => format('after job "%s"', $1))
	FROM nex_backup.jobs j
	WHERE j.kind = 'copy' AND j.options ->> 'after' = $1 AND j.enabled AND j.suspended IS NULL
		AND NOT EXISTS (SELECT FROM nex_backup.runs r WHERE r.job = j.name AND r.state = 'queued')
	ORDER BY j.name COLLATE "C"
$$;

-- What follows the end of a run: another attempt, an alarm, or copies of what it has made.
CREATE OR REPLACE FUNCTION nex_backup.run_ended(run nex_backup.runs, may_retry bool)
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
	PERFORM nex_backup.queue_copies(run.job);
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

-- The only function that changes the state of a run.  Keys of outcome: exit_code, signal, error, log_tail, retry.
CREATE OR REPLACE FUNCTION nex_backup.transition(run int8, new_state text, reason text DEFAULT NULL, outcome jsonb DEFAULT '{}')
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
			-- Another run of the same work started in this very microsecond.
			at := at + interval '1 microsecond';
		END;
	END LOOP;
	IF ends THEN
		DELETE FROM nex_backup.leases l WHERE l.run = $1;
		PERFORM nex_backup.run_ended(current, coalesce((outcome ->> 'retry')::bool, true));
		PERFORM nex_backup.tell('ended');
		PERFORM nex_backup.wake();
	END IF;
END
$$;

-- Request the end of a run.  A queued one ends here; another, when its executor hears of it.
CREATE OR REPLACE FUNCTION nex_backup.request_cancel(run int8, by text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	current text;
	next int8;
	who text := nex_backup.valid_text($2);
BEGIN
	PERFORM nex_backup.lock_queue();
	-- An executor that is gone would not hear of it.
	PERFORM nex_backup.settle_stale();
	SELECT r.state INTO current FROM nex_backup.runs r WHERE r.id = $1 FOR UPDATE;
	IF current = 'queued' THEN
		PERFORM nex_backup.transition($1, 'cancelled', format('cancelled by %s', who));
		RETURN 'cancelled';
	END IF;
	UPDATE nex_backup.leases l
	SET cancel_requested = coalesce(l.cancel_requested, clock_timestamp()), cancelled_by = coalesce(l.cancelled_by, who)
	WHERE l.run = $1;
	IF found THEN
		PERFORM nex_backup.tell('cancel');
	ELSE
		-- It has ended, but a next attempt may be queued.
		SELECT r.id INTO next FROM nex_backup.runs r
		WHERE r.origin = (SELECT coalesce(o.origin, o.id) FROM nex_backup.runs o WHERE o.id = $1) AND r.state = 'queued';
		IF next IS NOT NULL THEN
			PERFORM nex_backup.transition(next, 'cancelled', format('cancelled by %s', who));
		END IF;
	END IF;
	RETURN current;
END
$$;
