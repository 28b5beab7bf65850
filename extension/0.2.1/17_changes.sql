
--
-- Changes of runs, and hints to agents.
--
-- The queue of notifications is one for the whole cluster, and anybody who may connect to any database can fill it and
-- keep it full; a transaction that notifies then fails.  So nothing depends on it: only agents are told, and only while
-- there is room.  Without a hint an agent looks within a minute.  The leader is woken in memory.
--
CREATE FUNCTION nex_backup.tell(what text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF nex_backup.setting('executor') = 'agent' AND pg_notification_queue_usage() < 0.5 THEN
		PERFORM pg_notify('nex_backup', what);
	END IF;
END
$$;

-- Enter a run into the queue.
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

-- The one function that changes the state of a run.  "outcome": exit_code, signal, error, log_tail, retry.
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
			-- Another run of the same work has started in this very microsecond.
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

-- Does the lease still belong to whoever has the fencing token, and is it a lease of the role that calls?  Locks it.
CREATE OR REPLACE FUNCTION nex_backup.holds_lease(run int8, fence int8)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.leases l
		WHERE l.run = $1 AND l.fence = $2 AND l.session_role = nex_backup.role_of_call() AND (NOT l.in_server OR nex_backup.works_in_server())
		FOR UPDATE)
$$;

-- The program has ended, or could not be started.  exit_code and signal are what waitpid() gave; stopped says why the
-- executor stopped it: cancel, timeout, shutdown (of the executor), or NULL.  Gives the state of the run, or 'lost'.
CREATE OR REPLACE FUNCTION nex_backup.finish(run int8, fence int8, exit_code int4, signal int4 DEFAULT NULL,
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
		-- Trying again does not repair these.
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

-- Ask for the end of a run.  A queued one ends here, another when its executor hears of it.
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
	-- Nobody would hear of it who is gone.
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
		-- It has ended; but a next attempt may be waiting.
		SELECT r.id INTO next FROM nex_backup.runs r
		WHERE r.origin = (SELECT coalesce(o.origin, o.id) FROM nex_backup.runs o WHERE o.id = $1) AND r.state = 'queued';
		IF next IS NOT NULL THEN
			PERFORM nex_backup.transition(next, 'cancelled', format('cancelled by %s', who));
		END IF;
	END IF;
	RETURN current;
END
$$;

-- Is nobody at work on that run any more?
CREATE FUNCTION nex_backup.is_left(lease nex_backup.leases)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN ($1).in_server THEN NOT nex_backup.session_lives(($1).pid, ($1).session_started)
		ELSE ($1).lease_until < clock_timestamp() END
$$;

-- End the runs whose executor is gone.  One that somebody has locked, or its lease, is left to a later turn: that must not
-- keep the jobs of all others waiting.
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
		-- As it is now, in the order in which an agent locks them.
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

-- Define a job; gives the time of its first run.
CREATE OR REPLACE FUNCTION nex_backup.define_job(name text, schedule text, database text, repository text, type text,
	timezone text, kind text, retry int4, retry_delay interval, backoff text, retry_delay_max interval,
	timeout interval, kill_grace interval, misfire text, misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	job nex_backup.jobs;
	zone text := coalesce($6, current_setting('TimeZone'));
	first timestamptz;
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	first := nex_backup.next_run($2, zone, nex_backup.now());
	PERFORM nex_backup.check_definition($7, $3, $4, $5, $17);
	IF EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = $1) THEN
		RAISE EXCEPTION 'there is a job "%" already', $1
			USING ERRCODE = 'duplicate_object',
				HINT = 'nex_backup_alter_job() changes it, nex_backup_unschedule() removes it.';
	END IF;
	INSERT INTO nex_backup.jobs AS j (name, schedule, database, repository, type, timezone, kind, max_attempts,
		retry_delay, backoff, retry_delay_max, timeout, kill_grace, misfire, misfire_grace, overlap, options, owner)
	VALUES ($1, $2, $3, $4, $5, zone, $7, $8 + 1, $9, $10, $11, $12, $13, $14, $15, $16, $17, nex_backup.caller());
	UPDATE nex_backup.jobs j SET suspended = NULL, confirmed_for = nex_backup.place_of_jobs(), next_run = first
	WHERE j.name = $1 RETURNING j.* INTO job;
	PERFORM nex_backup.check_job(job);
	PERFORM nex_backup.wake();
	PERFORM nex_backup.tell('job');
	IF job.next_run IS NULL THEN
		RAISE WARNING 'schedule "%" never comes', $2;
	END IF;
	RETURN job.next_run;
END
$$;
