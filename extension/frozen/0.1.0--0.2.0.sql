-- Names without a schema are those of the public functions.
SET LOCAL search_path TO @extschema@, pg_temp;


--
-- Time, and who asks.  What is decided by the clock asks nex_backup.now(), which a test can
-- set (nex_backup.testing_clock); what only measures asks the server's own clock.
--
CREATE FUNCTION nex_backup.now()
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_now'
LANGUAGE C STRICT VOLATILE;

-- The first time after "after" that a schedule names; an error says what is wrong with the schedule.
CREATE FUNCTION nex_backup.next_run(schedule text, timezone text, after timestamptz)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_next_run'
LANGUAGE C STRICT STABLE;

CREATE FUNCTION nex_backup_next_runs(schedule text, timezone text DEFAULT NULL, n int4 DEFAULT 5,
	after timestamptz DEFAULT NULL, OUT run timestamptz, OUT local_time timestamp)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	zone text := coalesce($2, current_setting('TimeZone'));
BEGIN
	run := coalesce($4, nex_backup.now());
	FOR i IN 1 .. least(coalesce($3, 5), 100000) LOOP
		run := nex_backup.next_run($1, zone, run);
		EXIT WHEN run IS NULL;
		local_time := run AT TIME ZONE zone;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION nex_backup_next_runs(text, text, int4, timestamptz) IS 'when a schedule would run';

-- A setting of ours, whether or not the library was loaded before.
CREATE FUNCTION nex_backup.setting(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_setting'
LANGUAGE C STRICT STABLE;

-- The role outside of all SECURITY DEFINER functions.
CREATE FUNCTION nex_backup.caller()
RETURNS regrole
AS 'MODULE_PATHNAME', 'nex_backup_caller'
LANGUAGE C STRICT STABLE;

-- Has a role the privileges of another that is named by a setting?  Superusers have all.
CREATE FUNCTION nex_backup.has_role(role regrole, name text)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT r.rolsuper OR EXISTS (SELECT FROM pg_roles g
				WHERE g.rolname = $2 AND pg_has_role(r.oid, g.oid, 'USAGE'))
			FROM pg_roles r WHERE r.oid = $1::oid), false)
$$;

-- Who may define jobs: what a job does, the server's operating system user does.
CREATE FUNCTION nex_backup.may_schedule(role regrole)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.has_role($1, nex_backup.setting('required_role'))
$$;

-- Who may run and cancel what others have defined.
CREATE FUNCTION nex_backup.may_operate(role regrole)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.has_role($1, nex_backup.setting('operator_role'))
$$;

-- Has this server been a standby since it was started?  Then its new timeline is that of a promotion.
CREATE FUNCTION nex_backup.was_standby()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_was_standby'
LANGUAGE C STRICT STABLE;

-- At commit, let the leader look at the queue.
CREATE FUNCTION nex_backup.wake()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_wake'
LANGUAGE C STRICT VOLATILE;

GRANT EXECUTE ON FUNCTION nex_backup.now(), nex_backup.next_run(text, text, timestamptz)
	TO pg_monitor, pg_execute_server_program;
REVOKE ALL ON FUNCTION nex_backup_next_runs(text, text, int4, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nex_backup_next_runs(text, text, int4, timestamptz)
	TO pg_monitor, pg_execute_server_program;
GRANT USAGE ON SCHEMA nex_backup TO pg_execute_server_program;

--
-- Jobs: definitions of scheduled work.
--

-- What a job can be: the command of the tool, and in which words typed columns become arguments.
-- %database, %target, %location and %type stand for a column; %options for those of job_options.
CREATE TABLE nex_backup.job_kinds (
	kind text PRIMARY KEY,
	argv text[] NOT NULL,
	takes_database bool NOT NULL,
	needs_database bool NOT NULL DEFAULT false,
	description text NOT NULL,
	records text
);
COMMENT ON TABLE nex_backup.job_kinds IS 'what a job can do, and the command that does it';
COMMENT ON COLUMN nex_backup.job_kinds.records IS 'the event that the command reports to nex_backup.record(); NULL: none';

INSERT INTO nex_backup.job_kinds (kind, argv, takes_database, needs_database, description, records) VALUES
	('backup', '{backup,--no-password,--repo=%location,--dbname=%target,--type=%type,%options}', true, true,
		'back up a database', 'backup'),
	('verify', '{verify,--repo=%location,%options,--,%database}', true, false,
		'verify the latest backup of a database, or all backups', 'verify'),
	('expire', '{expire,--repo=%location,%options,--,%database}', true, false,
		'remove the backups that no keep rule needs', 'expire'),
	('init', '{init,--repo=%location}', false, false, 'create a repository', NULL);

-- What may stand in a job's options, and as what.
CREATE TABLE nex_backup.job_options (
	kind text NOT NULL REFERENCES nex_backup.job_kinds,
	option text NOT NULL,
	pattern text NOT NULL,
	PRIMARY KEY (kind, option)
);
COMMENT ON TABLE nex_backup.job_options IS 'options that a job of a kind may have';

INSERT INTO nex_backup.job_options (kind, option, pattern) VALUES
	('backup', 'jobs', '[1-9][0-9]?'),
	('backup', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('backup', 'chunk-blocks', '[1-9][0-9]{0,5}'),
	('backup', 'lock-wait-timeout', '[0-9]{1,6}(s|min|h|d)?'),
	('verify', 'jobs', '[1-9][0-9]?'),
	('expire', 'keep-daily', '[0-9]{1,5}'),
	('expire', 'keep-weekly', '[0-9]{1,5}'),
	('expire', 'keep-monthly', '[0-9]{1,5}'),
	('expire', 'keep-yearly', '[0-9]{1,5}'),
	('expire', 'keep-minimum', '[0-9]{1,5}');

ALTER TABLE nex_backup.jobs
	DROP CONSTRAINT jobs_kind_check,
	ADD CONSTRAINT jobs_kind_fkey FOREIGN KEY (kind) REFERENCES nex_backup.job_kinds,
	ALTER COLUMN repository DROP NOT NULL,
	ALTER COLUMN max_attempts SET DEFAULT 4,
	ADD COLUMN backoff text NOT NULL DEFAULT 'fixed'
		CHECK (backoff OPERATOR(pg_catalog.=) ANY (ARRAY['fixed', 'exponential'])),
	ADD COLUMN retry_delay_max pg_catalog."interval" NOT NULL DEFAULT '1 hour',
	ADD COLUMN kill_grace pg_catalog."interval" NOT NULL DEFAULT '30 seconds',
	ADD COLUMN misfire text NOT NULL DEFAULT 'once'
		CHECK (misfire OPERATOR(pg_catalog.=) ANY (ARRAY['once', 'skip'])),
	ADD COLUMN misfire_grace pg_catalog."interval",
	ADD COLUMN overlap text NOT NULL DEFAULT 'skip'
		CHECK (overlap OPERATOR(pg_catalog.=) ANY (ARRAY['skip', 'queue'])),
	ADD COLUMN next_run timestamptz,
	ADD COLUMN suspended text;
COMMENT ON COLUMN nex_backup.jobs.repository IS 'location of the repository; NULL: that of the tool''s configuration';
COMMENT ON COLUMN nex_backup.jobs.next_run IS 'when it is due; kept over restarts';
COMMENT ON COLUMN nex_backup.jobs.suspended IS 'why it does not run until somebody says so; NULL: it does run';
CREATE INDEX jobs_next_run ON nex_backup.jobs (next_run)
	WHERE enabled AND suspended IS NULL;

-- A row that does not come from nex_backup_schedule() comes from a dump: it waits for confirmation.
CREATE FUNCTION nex_backup.suspend_inserted_job()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.suspended := 'restored from a dump; confirm it with nex_backup_resume_jobs()';
	RETURN NEW;
END
$$;
CREATE TRIGGER suspend_inserted_job BEFORE INSERT ON nex_backup.jobs
	FOR EACH ROW EXECUTE FUNCTION nex_backup.suspend_inserted_job();
UPDATE nex_backup.jobs SET suspended = 'made before there was a scheduler; confirm it with nex_backup_resume_jobs()';

--
-- Runs: a job's execution, one row per attempt.
--
ALTER TABLE nex_backup.runs
	ADD COLUMN owner regrole,
	ADD COLUMN location text,
	ADD COLUMN definition pg_catalog.jsonb,
	ADD COLUMN scheduled_for timestamptz,
	ADD COLUMN not_before timestamptz,
	ADD COLUMN origin pg_catalog.int8,
	ADD COLUMN executor text;
COMMENT ON COLUMN nex_backup.runs.location IS 'location of the repository that the job names';
COMMENT ON COLUMN nex_backup.runs.definition IS 'what the job said when the run was queued';
COMMENT ON COLUMN nex_backup.runs.scheduled_for IS 'the time in the schedule that the run is for';
COMMENT ON COLUMN nex_backup.runs.not_before IS 'a queued run does not start before';
COMMENT ON COLUMN nex_backup.runs.origin IS 'the first attempt, of a run that repeats another';
CREATE INDEX runs_queue ON nex_backup.runs (not_before, id) WHERE state OPERATOR(pg_catalog.=) 'queued';
CREATE INDEX runs_active ON nex_backup.runs (job)
	WHERE state OPERATOR(pg_catalog.=) ANY (ARRAY['queued', 'starting', 'running']);
CREATE INDEX runs_job ON nex_backup.runs (job, id);

-- Who works on which run.  What changes every second is here and not in runs, to keep that small.
CREATE TABLE nex_backup.leases (
	run pg_catalog.int8 PRIMARY KEY,
	executor text NOT NULL,
	in_server bool NOT NULL,
	session_role pg_catalog.name NOT NULL DEFAULT session_user,
	fence pg_catalog.int8 NOT NULL,
	host text,
	pid pg_catalog.int4,
	child_pid pg_catalog.int4,
	session_started timestamptz,
	heartbeat timestamptz NOT NULL,
	lease_until timestamptz NOT NULL,
	cancel_requested timestamptz,
	cancelled_by text,
	progress pg_catalog.jsonb
) WITH (fillfactor = 50);
COMMENT ON TABLE nex_backup.leases IS 'who works on which run now';
COMMENT ON COLUMN nex_backup.leases.session_role IS 'whom the executor, and the tool that it starts, connects as';
CREATE SEQUENCE nex_backup.fences;

-- Who has looked at the queue, and when.
CREATE TABLE nex_backup.executors (
	name text PRIMARY KEY,
	in_server bool NOT NULL,
	host text,
	pid pg_catalog.int4,
	last_seen timestamptz NOT NULL,
	detail text
);
COMMENT ON TABLE nex_backup.executors IS 'the leader in the server and the agents, as they were last seen';

-- The one row of what the scheduler as a whole knows.
CREATE TABLE nex_backup.scheduler (
	singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier text,
	timeline pg_catalog.int4,
	host text,
	directory text,
	suspended text,
	last_tick timestamptz,
	last_purge timestamptz
);
COMMENT ON TABLE nex_backup.scheduler IS 'the cluster that the jobs were confirmed for, and why they are suspended';
INSERT INTO nex_backup.scheduler DEFAULT VALUES;

-- What a DBA should hear of; whoever delivers it marks it with nex_backup.alarm_delivered().
CREATE TABLE nex_backup.alarms (
	id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	raised timestamptz NOT NULL,
	event text NOT NULL CHECK (event OPERATOR(pg_catalog.=) ANY
		(ARRAY['failure', 'recovery', 'missed', 'first_success', 'suspended'])),
	job text,
	run pg_catalog.int8,
	database text,
	details pg_catalog.jsonb NOT NULL DEFAULT '{}',
	delivered timestamptz
);
COMMENT ON TABLE nex_backup.alarms IS 'failures, recoveries and missed runs to tell somebody of';
CREATE INDEX alarms_pending ON nex_backup.alarms (id) WHERE delivered IS NULL;

GRANT SELECT ON nex_backup.job_kinds, nex_backup.job_options, nex_backup.leases, nex_backup.executors,
	nex_backup.scheduler, nex_backup.alarms TO pg_monitor;

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

--
-- What the leader, or the first agent that comes, does at every turn: nex_backup.advance().
--

-- Why the jobs must wait for confirmation, or NULL.  A copy of a cluster must not expire the backups of
-- the original.  A new timeline is that of a promotion only if this server has been a standby before.
CREATE FUNCTION nex_backup.check_cluster(in_server bool)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	known nex_backup.scheduler;
	system_identifier text := (SELECT c.system_identifier::text FROM pg_control_system() c);
	timeline int4 := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int4;
	host text := nex_backup.host_name();
	directory text := current_setting('data_directory');
	reason text;
BEGIN
	SELECT s.* INTO known FROM nex_backup.scheduler s;
	IF known.suspended IS NOT NULL THEN
		RETURN known.suspended;
	END IF;
	IF (known.system_identifier, known.timeline, known.host, known.directory)
		IS NOT DISTINCT FROM (me.system_identifier, me.timeline, me.host, me.directory) THEN
		RETURN NULL;
	END IF;
	IF known.system_identifier <> me.system_identifier THEN
		reason := format('the jobs belong to another cluster (system identifier %s, this one has %s)',
			known.system_identifier, me.system_identifier);
	ELSIF known.timeline <> me.timeline AND in_server AND NOT nex_backup.was_standby() THEN
		reason := format('this cluster was restored to a point in time (timeline %s, before %s)',
			me.timeline, known.timeline);
	ELSIF known.timeline = me.timeline AND in_server AND (known.host, known.directory) <> (me.host, me.directory) THEN
		reason := format('this cluster is a copy of the one in "%s" on %s, or has moved', known.directory, known.host);
	END IF;
	UPDATE nex_backup.scheduler s
	SET suspended = me.reason,
		system_identifier = CASE WHEN me.reason IS NULL THEN me.system_identifier ELSE s.system_identifier END,
		timeline = CASE WHEN me.reason IS NULL THEN me.timeline ELSE s.timeline END,
		host = CASE WHEN me.reason IS NULL THEN me.host ELSE s.host END,
		directory = CASE WHEN me.reason IS NULL THEN me.directory ELSE s.directory END;
	IF reason IS NOT NULL THEN
		PERFORM nex_backup.raise_alarm('suspended', NULL, NULL, NULL, jsonb_build_object('reason', reason));
	END IF;
	RETURN reason;
END
$$;

-- Queue what one job is due for, once, however many times it was missed.
CREATE FUNCTION nex_backup.queue_due(job nex_backup.jobs, at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	slot timestamptz := job.next_run;
	following timestamptz;
	missed int4 := 0;
	busy int8;
	run int8;
	reason text;
	late bool;
BEGIN
	LOOP
		following := nex_backup.next_run(job.schedule, job.timezone, slot);
		EXIT WHEN following IS NULL OR following > at;
		missed := missed + 1;
		slot := following;
		-- After so many, how many there were says nothing more.
		IF missed >= 1000 THEN
			following := nex_backup.next_run(job.schedule, job.timezone, at);
			EXIT;
		END IF;
	END LOOP;
	UPDATE nex_backup.jobs j SET next_run = following WHERE j.name = job.name;

	late := missed > 0 OR at - slot > interval '1 minute';
	IF late THEN
		reason := format('due %s%s, when the scheduler was not running', slot,
			CASE WHEN missed > 0 THEN format(', and %s%s before', CASE WHEN missed >= 1000 THEN 'at least ' ELSE '' END,
				nex_backup.count_text(missed, 'time')) ELSE '' END);
		PERFORM nex_backup.raise_alarm('missed', job.name, NULL, job.database,
			jsonb_build_object('due', slot, 'before', missed,
				'starts', job.misfire = 'once' AND at - slot <= coalesce(job.misfire_grace, at - slot)));
		IF job.misfire = 'skip' THEN
			reason := 'missed: ' || reason;
		ELSIF at - slot > job.misfire_grace THEN
			reason := format('missed: %s, longer ago than %s', reason, job.misfire_grace);
		ELSE
			reason := 'starts late: ' || reason;
		END IF;
	END IF;
	IF reason IS NULL OR reason LIKE 'starts late%' THEN
		SELECT max(r.id) INTO busy FROM nex_backup.runs r
		WHERE r.job = job.name AND r.state = ANY (ARRAY['queued', 'starting', 'running'])
			AND (job.overlap = 'skip' OR r.state = 'queued');
		IF busy IS NOT NULL THEN
			reason := format('skipped: run %s has not ended yet', busy);
		END IF;
	END IF;
	run := nex_backup.enqueue(job.name, job.owner, job.kind, job.repository, job.database,
		nex_backup.job_definition(job), slot, at, 1, NULL, reason);
	IF reason IS NOT NULL AND reason NOT LIKE 'starts late%' THEN
		PERFORM nex_backup.transition(run, 'skipped', reason);
	END IF;
END
$$;

-- After the clock was set back by hours, what was due then is due again, or jobs would sleep until it has caught up.
CREATE FUNCTION nex_backup.follow_clock(at timestamptz, last timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF at < last - interval '3 hours' THEN
		UPDATE nex_backup.jobs j
		SET next_run = nex_backup.next_run(j.schedule, j.timezone, at)
		WHERE j.next_run > at AND j.enabled AND j.suspended IS NULL;
		UPDATE nex_backup.runs r SET not_before = at WHERE r.state = 'queued' AND r.not_before > at + interval '1 hour';
	END IF;
END
$$;

-- Forget what ended long ago; nex_backup.keep_runs says when.  The last success of a job is kept.
CREATE FUNCTION nex_backup.purge_runs(at timestamptz)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM nex_backup.runs r
	WHERE r.finished < at - nex_backup.setting('keep_runs')::int4 * interval '1 day' AND r.job IS NOT NULL
		AND NOT (r.state = 'succeeded' AND EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = r.job)
			AND NOT EXISTS (SELECT FROM nex_backup.runs k
				WHERE k.job = r.job AND k.id > r.id AND k.state = 'succeeded'));
	DELETE FROM nex_backup.runs r
	WHERE r.finished < at - interval '7 days' AND r.job IS NULL AND r.kind = 'notify';
	DELETE FROM nex_backup.alarms a WHERE a.delivered IS NOT NULL AND a.raised < at - interval '90 days'
$$;

-- Look at the clock and at the queue.  state: running, suspended, off, standby.  startable: how many runs could be
-- claimed now.  wait: when to ask again, unless something wakes you before.
CREATE FUNCTION nex_backup.advance(executor text, in_server bool, host text, pid int4,
	OUT state text, OUT startable int4, OUT wait interval, OUT detail text)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	at timestamptz := nex_backup.now();
	known nex_backup.scheduler;
	due nex_backup.jobs;
	slots int8;
BEGIN
	startable := 0;
	wait := interval '1 minute';
	IF pg_is_in_recovery() THEN
		state := 'standby';
		RETURN;
	END IF;
	IF nex_backup.setting('scheduler') <> 'on' THEN
		state := 'off';
		detail := 'nex_backup.scheduler is off';
		RETURN;
	END IF;
	PERFORM nex_backup.lock_queue();
	INSERT INTO nex_backup.executors AS e (name, in_server, host, pid, last_seen)
	VALUES ($1, $2, $3, $4, clock_timestamp())
	ON CONFLICT (name) DO UPDATE SET in_server = $2, host = $3, pid = $4, last_seen = clock_timestamp()
	WHERE e.last_seen < clock_timestamp() - interval '20 seconds' OR e.pid IS DISTINCT FROM $4
		OR e.last_seen > clock_timestamp();
	PERFORM nex_backup.settle_stale();
	detail := nex_backup.check_cluster($2);
	IF detail IS NOT NULL THEN
		state := 'suspended';
		RETURN;
	END IF;
	state := 'running';
	SELECT s.* INTO known FROM nex_backup.scheduler s;
	PERFORM nex_backup.follow_clock(at, known.last_tick);
	IF known.last_tick IS NULL OR abs(extract(epoch FROM at - known.last_tick)) > 20 THEN
		UPDATE nex_backup.scheduler s SET last_tick = at;
	END IF;
	IF known.last_purge IS NULL OR abs(extract(epoch FROM at - known.last_purge)) > 86400 THEN
		PERFORM nex_backup.purge_runs(at);
		UPDATE nex_backup.scheduler s SET last_purge = at;
	END IF;
	FOR due IN
		SELECT j.* FROM nex_backup.jobs j
		WHERE j.enabled AND j.suspended IS NULL AND j.next_run <= at
		ORDER BY j.next_run, j.name LIMIT 200
		FOR UPDATE SKIP LOCKED
	LOOP
		BEGIN
			PERFORM nex_backup.queue_due(due, at);
		EXCEPTION WHEN others THEN
			-- One bad row must not keep the others from running.
			UPDATE nex_backup.jobs j SET suspended = 'the scheduler cannot handle it: ' || sqlerrm
			WHERE j.name = due.name;
			PERFORM nex_backup.raise_alarm('suspended', due.name, NULL, due.database, jsonb_build_object('reason', sqlerrm));
		END;
	END LOOP;
	slots := nex_backup.setting('max_concurrent_runs')::int8 - (SELECT count(*) FROM nex_backup.leases);
	SELECT greatest(least(coalesce(sum(CASE WHEN q.location = 'notify' THEN q.runs ELSE least(q.runs,
			nex_backup.setting('max_runs_per_repository')::int8 - (SELECT count(*) FROM nex_backup.leases l
				JOIN nex_backup.runs a ON a.id = l.run WHERE coalesce(a.location, '') = q.location
				AND a.kind <> 'notify')) END), 0), slots), 0) INTO startable
	FROM (SELECT CASE r.kind WHEN 'notify' THEN 'notify' ELSE coalesce(r.location, '') END AS location,
			count(*) AS runs
		FROM nex_backup.runs r
		WHERE r.state = 'queued' AND r.not_before <= nex_backup.now()
			AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = r.job AND j.suspended IS NOT NULL)
		GROUP BY 1) q;
	-- The next job, the next retry, the end of a lease.
	SELECT least(wait, greatest(min(t.at) - me.at, interval '0')) INTO wait
	FROM (SELECT min(j.next_run) AS at FROM nex_backup.jobs j WHERE j.enabled AND j.suspended IS NULL
		UNION ALL
		SELECT min(r.not_before) FROM nex_backup.runs r WHERE r.state = 'queued' AND r.not_before > at
		UNION ALL
		SELECT min(l.lease_until) - clock_timestamp() + at FROM nex_backup.leases l WHERE NOT l.in_server) t;
	wait := coalesce(wait, interval '1 minute');
END
$$;

--
-- What a DBA calls to define jobs.
--

-- An error, unless this is the scheduler's database and that role may define jobs.
CREATE FUNCTION nex_backup.check_may_schedule(role regrole)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF current_database() <> nex_backup.setting('database') THEN
		RAISE EXCEPTION 'the scheduler has its jobs in database "%"', nex_backup.setting('database')
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Connect to that database; its jobs reach all others. The setting nex_backup.database chooses it.';
	END IF;
	IF NOT nex_backup.may_schedule(role) THEN
		RAISE EXCEPTION 'permission denied to schedule backups'
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = format('Only roles with privileges of %I may do this.', nex_backup.setting('required_role'));
	END IF;
END
$$;

-- A job that a role may change: its own, or that of a role whose privileges it has.
CREATE FUNCTION nex_backup.own_job(name text, role regrole)
RETURNS nex_backup.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	job nex_backup.jobs;
BEGIN
	SELECT j.* INTO job FROM nex_backup.jobs j WHERE j.name = $1 FOR UPDATE;
	IF job.name IS NULL THEN
		RAISE EXCEPTION 'there is no job "%"', $1
			USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM nex_backup.jobs lists them.';
	END IF;
	IF NOT (SELECT r.rolsuper OR EXISTS (SELECT FROM pg_roles o
			WHERE o.oid = job.owner AND pg_has_role(r.oid, o.oid, 'USAGE'))
		FROM pg_roles r WHERE r.oid = $2) THEN
		RAISE EXCEPTION 'permission denied for job "%"', $1
			USING ERRCODE = 'insufficient_privilege', DETAIL = format('It belongs to role %s.', job.owner);
	END IF;
	RETURN job;
END
$$;

-- What is checked of a job, whether new or changed.
CREATE FUNCTION nex_backup.check_job(job nex_backup.jobs)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF coalesce(job.name, '') = '' OR octet_length(job.name) > 200 OR job.name ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION 'the name of a job has 1 to 200 bytes, and no control characters'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM nex_backup.check_definition(job.kind, job.database, job.repository, job.type, job.options);
	IF job.kind = 'backup' AND nex_backup.setting('executor') = 'worker'
		AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = job.database) THEN
		RAISE EXCEPTION 'database "%" does not exist', job.database USING ERRCODE = 'invalid_catalog_name';
	END IF;
	IF job.max_attempts NOT BETWEEN 1 AND 100 OR least(job.retry_delay, job.retry_delay_max, job.kill_grace,
			coalesce(job.misfire_grace, '0'), coalesce(job.timeout, '1 second')) < interval '0'
		OR job.timeout = interval '0' OR greatest(job.timeout, job.kill_grace, job.retry_delay) > interval '366 days' THEN
		RAISE EXCEPTION 'invalid retry, delay, grace or timeout of job "%"', job.name
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'retry is 0 to 99; the others are intervals of at most a year, not negative.';
	END IF;
END
$$;

-- Define a job; gives the time of its first run.
CREATE FUNCTION nex_backup.define_job(name text, schedule text, database text, repository text, type text,
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
	UPDATE nex_backup.jobs j SET suspended = NULL, next_run = first WHERE j.name = $1 RETURNING j.* INTO job;
	PERFORM nex_backup.check_job(job);
	PERFORM nex_backup.wake();
	PERFORM pg_notify('nex_backup', 'job');
	IF job.next_run IS NULL THEN
		RAISE WARNING 'schedule "%" never comes', $2;
	END IF;
	RETURN job.next_run;
END
$$;

CREATE FUNCTION nex_backup_schedule(name text, schedule text, database text DEFAULT NULL, repository text DEFAULT NULL,
	type text DEFAULT 'daily', timezone text DEFAULT NULL, kind text DEFAULT 'backup', retry int4 DEFAULT 3,
	retry_delay interval DEFAULT '5 minutes', backoff text DEFAULT 'fixed', retry_delay_max interval DEFAULT '1 hour',
	timeout interval DEFAULT NULL, kill_grace interval DEFAULT '30 seconds', misfire text DEFAULT 'once',
	misfire_grace interval DEFAULT NULL, overlap text DEFAULT 'skip', options jsonb DEFAULT '{}')
RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.define_job($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
$$;

-- Change what is given of a job; gives the time of its next run.
CREATE FUNCTION nex_backup_alter_job(name text, schedule text DEFAULT NULL, database text DEFAULT NULL,
	repository text DEFAULT NULL, type text DEFAULT NULL, timezone text DEFAULT NULL, enabled bool DEFAULT NULL,
	retry int4 DEFAULT NULL, retry_delay interval DEFAULT NULL, backoff text DEFAULT NULL,
	retry_delay_max interval DEFAULT NULL, timeout interval DEFAULT NULL, kill_grace interval DEFAULT NULL,
	misfire text DEFAULT NULL, misfire_grace interval DEFAULT NULL, overlap text DEFAULT NULL, options jsonb DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	old nex_backup.jobs;
	job nex_backup.jobs;
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	old := nex_backup.own_job($1, nex_backup.caller());
	UPDATE nex_backup.jobs j
	SET schedule = coalesce($2, j.schedule), database = coalesce($3, j.database),
		repository = coalesce($4, j.repository), type = coalesce($5, j.type), timezone = coalesce($6, j.timezone),
		enabled = coalesce($7, j.enabled), max_attempts = coalesce($8 + 1, j.max_attempts),
		retry_delay = coalesce($9, j.retry_delay), backoff = coalesce($10, j.backoff),
		retry_delay_max = coalesce($11, j.retry_delay_max), timeout = coalesce($12, j.timeout),
		kill_grace = coalesce($13, j.kill_grace), misfire = coalesce($14, j.misfire),
		misfire_grace = coalesce($15, j.misfire_grace), overlap = coalesce($16, j.overlap),
		options = coalesce($17, j.options)
	WHERE j.name = $1
	RETURNING j.* INTO job;
	PERFORM nex_backup.check_job(job);
	IF (job.schedule, job.timezone) <> (old.schedule, old.timezone) OR (job.enabled AND NOT old.enabled)
		OR job.next_run IS NULL THEN
		UPDATE nex_backup.jobs j SET next_run = nex_backup.next_run(job.schedule, job.timezone, nex_backup.now())
		WHERE j.name = $1
		RETURNING j.* INTO job;
	END IF;
	PERFORM nex_backup.wake();
	PERFORM pg_notify('nex_backup', 'job');
	RETURN job.next_run;
END
$$;

-- Remove a job.  A run that is going on goes on; one that waits is cancelled.
CREATE FUNCTION nex_backup_unschedule(name text)
RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	PERFORM nex_backup.own_job($1, nex_backup.caller());
	DELETE FROM nex_backup.jobs j WHERE j.name = $1;
	PERFORM nex_backup.lock_queue();
	PERFORM nex_backup.transition(r.id, 'cancelled', 'the job was removed')
	FROM nex_backup.runs r WHERE r.job = $1 AND r.state = 'queued';
	RETURN true;
END
$$;

-- Confirm that jobs belong to this cluster: one job, or all and the cluster itself.  What they have missed is forgotten.
CREATE FUNCTION nex_backup_resume_jobs(name text DEFAULT NULL)
RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	resumed int8;
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	PERFORM nex_backup.lock_queue();
	IF $1 IS NOT NULL THEN
		PERFORM nex_backup.own_job($1, nex_backup.caller());
	ELSIF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = nex_backup.caller()) THEN
		RAISE EXCEPTION 'permission denied to resume all jobs'
			USING ERRCODE = 'insufficient_privilege', DETAIL = 'Only superusers may do this.';
	ELSIF (SELECT s.suspended FROM nex_backup.scheduler s) IS NOT NULL THEN
		-- What was going on in the original does not go on here.
		PERFORM nex_backup.transition(r.id, 'cancelled', 'the jobs were confirmed for another cluster')
		FROM nex_backup.runs r WHERE r.state = 'queued';
		UPDATE nex_backup.scheduler SET suspended = NULL, system_identifier = NULL, timeline = NULL,
			host = NULL, directory = NULL, last_tick = NULL;
		UPDATE nex_backup.jobs j SET suspended = '' WHERE j.suspended IS NULL;
	END IF;
	UPDATE nex_backup.jobs j
	SET suspended = NULL, next_run = nex_backup.next_run(j.schedule, j.timezone, nex_backup.now())
	WHERE j.suspended IS NOT NULL AND j.name = coalesce($1, j.name);
	GET DIAGNOSTICS resumed = ROW_COUNT;
	PERFORM nex_backup.wake();
	RETURN resumed;
END
$$;

-- The jobs that most databases need: a daily and a weekly backup, and an expiry that keeps 7 and 4 of them.
CREATE FUNCTION nex_backup_setup_default_jobs(database text, repository text DEFAULT NULL, timezone text DEFAULT NULL,
	OUT job text, OUT next_run timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	FOR job, next_run IN
		SELECT d.job, nex_backup.define_job(d.job, d.schedule, $1, $2, d.type, $3, d.kind, 3, '5 minutes', 'fixed',
			'1 hour', '2 hours', '30 seconds', 'once', NULL, 'skip', d.options::jsonb)
		FROM (VALUES ($1 || ' daily', '0 2 * * *', 'backup', 'daily', '{}'),
			($1 || ' weekly', '0 2 * * 0', 'backup', 'weekly', '{}'),
			($1 || ' expire', '30 5 * * *', 'expire', 'daily', '{"keep-daily": 7, "keep-weekly": 4}'))
			AS d (job, schedule, kind, type, options)
	LOOP
		RETURN NEXT;
	END LOOP;
END
$$;

REVOKE ALL ON FUNCTION nex_backup_schedule(text, text, text, text, text, text, text, int4, interval, text, interval,
	interval, interval, text, interval, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_alter_job(text, text, text, text, text, text, bool, int4, interval, text, interval,
	interval, interval, text, interval, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_unschedule(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_resume_jobs(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION nex_backup_setup_default_jobs(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nex_backup_schedule(text, text, text, text, text, text, text, int4, interval, text, interval,
	interval, interval, text, interval, text, jsonb) TO pg_execute_server_program;
GRANT EXECUTE ON FUNCTION nex_backup_alter_job(text, text, text, text, text, text, bool, int4, interval, text, interval,
	interval, interval, text, interval, text, jsonb) TO pg_execute_server_program;
GRANT EXECUTE ON FUNCTION nex_backup_unschedule(text) TO pg_execute_server_program;
GRANT EXECUTE ON FUNCTION nex_backup_resume_jobs(text) TO pg_execute_server_program;
GRANT EXECUTE ON FUNCTION nex_backup_setup_default_jobs(text, text, text) TO pg_execute_server_program;

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

--
-- The status of the scheduler, for nex_backup_status().
--

-- Is there somebody who starts what is due?
CREATE FUNCTION nex_backup.scheduler_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	jobs int8 := (SELECT count(*) FROM nex_backup.jobs j WHERE j.enabled);
	worker bool := nex_backup.setting('executor') = 'worker';
	reason text := (SELECT s.suspended FROM nex_backup.scheduler s);
	seen timestamptz;
	upcoming record;
BEGIN
	SELECT max(e.last_seen) INTO seen FROM nex_backup.executors e WHERE e.in_server = worker;
	SELECT j.name, j.next_run INTO upcoming FROM nex_backup.jobs j
	WHERE j.enabled AND j.suspended IS NULL AND j.next_run IS NOT NULL ORDER BY j.next_run, j.name LIMIT 1;
	status := 'ok';
	IF pg_is_in_recovery() THEN
		detail := 'waiting: this is a standby';
	ELSIF current_database() <> nex_backup.setting('database') THEN
		detail := format('the jobs are in database "%s"', nex_backup.setting('database'));
	ELSIF nex_backup.setting('scheduler') <> 'on' THEN
		status := 'warning';
		detail := 'off: nex_backup.scheduler is off, so no job starts';
	ELSIF reason IS NOT NULL THEN
		status := 'critical';
		detail := format('suspended: %s; nex_backup_resume_jobs() confirms the jobs', reason);
	ELSIF worker AND NOT nex_backup.is_preloaded() THEN
		status := CASE WHEN jobs > 0 THEN 'critical' ELSE 'ok' END;
		detail := 'off: nex_backup is not in shared_preload_libraries, so no job starts by itself';
	ELSIF seen IS NULL OR seen < clock_timestamp() - interval '3 minutes' THEN
		status := CASE WHEN jobs > 0 THEN 'critical' ELSE 'ok' END;
		detail := format('%s, last seen %s', CASE WHEN worker THEN 'the leader does not answer' ELSE 'no agent is there' END,
			coalesce(nex_backup.age_text(seen), 'never'));
	ELSIF jobs = 0 THEN
		detail := 'running, but there are no jobs; nex_backup_setup_default_jobs() makes some';
	ELSE
		detail := format('running, %s, %s going on, next: %s', nex_backup.count_text(jobs, 'job'),
			nex_backup.count_text((SELECT count(*) FROM nex_backup.leases), 'run'),
			coalesce(format('"%s" at %s', upcoming.name, date_trunc('second', upcoming.next_run)), 'none'));
	END IF;
END
$$;

-- Is anybody told of what goes wrong?  What waits in a tool's own queue for a mail server, only the tool knows.
CREATE FUNCTION nex_backup.alarm_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN told.latest IS NULL THEN 'ok' ELSE 'warning' END,
		concat_ws(', ', format('nobody was told of %s', nex_backup.count_text(late.alarms, 'alarm')),
			format('the oldest of %s', nex_backup.age_text(late.oldest)),
			CASE WHEN told.latest IS NULL THEN 'as no notification is configured'
				ELSE format('the last was delivered %s', nex_backup.age_text(told.latest)) END)
	FROM (SELECT count(*) AS alarms, min(a.raised) AS oldest FROM nex_backup.alarms a
			WHERE a.delivered IS NULL AND a.event <> 'first_success'
				AND a.raised < nex_backup.now() - interval '15 minutes') late,
		(SELECT max(a.delivered) AS latest FROM nex_backup.alarms a) told
	WHERE late.alarms > 0
$$;

-- The scheduler, and each job that somebody should look at.
CREATE FUNCTION nex_backup.scheduler_status(OUT place int4, OUT key text, OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 7, '', 'scheduler', s.status, s.detail FROM nex_backup.scheduler_state() s
	UNION ALL
	SELECT 7, 'notifications', 'notifications', s.status, s.detail FROM nex_backup.alarm_state() s
	WHERE s.status IS NOT NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'critical', format('suspended: %s', j.suspended)
	FROM nex_backup.jobs j
	WHERE j.suspended IS NOT NULL AND j.enabled
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), CASE WHEN again.not_before IS NULL THEN 'critical' ELSE 'warning' END,
		concat_ws('; ',
			format('run %s %s %s: %s', l.id, l.state, nex_backup.age_text(l.finished), coalesce(l.error, l.reason)),
			coalesce((SELECT 'last good run ' || nex_backup.age_text(g.finished) FROM nex_backup.runs g
				WHERE g.job = j.name AND g.state = 'succeeded' ORDER BY g.id DESC LIMIT 1), 'no good run yet'),
			format('tried again at %s', date_trunc('second', again.not_before)))
	FROM nex_backup.jobs j
		CROSS JOIN LATERAL (SELECT r.* FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
			ORDER BY r.id DESC LIMIT 1) l
		LEFT JOIN LATERAL (SELECT r.not_before FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = 'queued' AND r.attempt > 1 ORDER BY r.id DESC LIMIT 1) again ON true
	WHERE j.enabled AND j.suspended IS NULL AND l.state <> 'succeeded'
$$;
REVOKE ALL ON FUNCTION nex_backup.scheduler_state(), nex_backup.alarm_state(), nex_backup.scheduler_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nex_backup.scheduler_state(), nex_backup.alarm_state(), nex_backup.scheduler_status() TO pg_monitor;

-- A leader that has waited for this extension need not wait longer.
SELECT nex_backup.wake();

--
-- Alarms on their way to people: a kind of job that delivers them, so that raising one starts the
-- program, and what that program asks.
--
INSERT INTO nex_backup.job_kinds (kind, argv, takes_database, needs_database, description) VALUES
	('notify', '{notify,--repo=%location,%options}', false, false, 'deliver notifications');
INSERT INTO nex_backup.job_options (kind, option, pattern) VALUES
	('notify', 'check-missed', 'true|false'),
	('notify', 'flush', 'true|false');

-- Alarms that somebody on this host should deliver.  A run's own host comes first, because the tool there knows
-- whether it has told of the run already; if that host is gone, so is what it knew, and others take over.
CREATE FUNCTION nex_backup.alarms_to_deliver(host text, OUT id int8, OUT raised timestamptz, OUT event text,
	OUT job text, OUT run int8, OUT kind text, OUT database text, OUT location text, OUT type text,
	OUT started timestamptz, OUT finished timestamptz, OUT exit_code int4, OUT state text, OUT reason text,
	OUT error text, OUT log_tail text, OUT details jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.id, a.raised, a.event, a.job, a.run, coalesce(r.kind, j.kind, 'backup'), a.database,
		coalesce(r.location, j.repository), coalesce(r.definition ->> 'type', j.type), r.started, r.finished,
		r.exit_code, r.state, r.reason, r.error, right(r.log_tail, 4000), a.details
	FROM nex_backup.alarms a
		LEFT JOIN nex_backup.runs r ON r.id = a.run
		LEFT JOIN nex_backup.jobs j ON j.name = a.job
	WHERE a.delivered IS NULL AND (r.host IS NULL OR r.host = $1 OR r.finished IS NULL
		OR r.finished < nex_backup.now() - interval '5 minutes')
	ORDER BY a.id LIMIT 100
$$;

--
-- Backups of the globals: roles and tablespaces. Their database is '', which no database is called.
--
ALTER TABLE nex_backup.backups ADD COLUMN kind pg_catalog.text
	GENERATED ALWAYS AS (CASE WHEN database OPERATOR(pg_catalog.=) '' THEN 'globals' ELSE 'database' END) STORED;
COMMENT ON COLUMN nex_backup.backups.database IS 'name of the database; empty for a backup of the globals';
COMMENT ON COLUMN nex_backup.backups.kind IS 'database, or globals: roles and tablespaces';

-- "backup of invoices", "globals", "verify of globals"
CREATE FUNCTION nex_backup.owner_text(what pg_catalog.text, database pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN database <> '' THEN format('%s of %s', what, database)
		WHEN what = 'backup' THEN 'globals' ELSE what || ' of globals' END
$$;
GRANT EXECUTE ON FUNCTION nex_backup.owner_text(pg_catalog.text, pg_catalog.text) TO pg_monitor;

-- What makes a manifest, whose seal is good, not the one that must stand in its place; NULL if nothing does.
CREATE OR REPLACE FUNCTION nex_backup.manifest_problem(manifest pg_catalog.jsonb, repository pg_catalog.text,
	database pg_catalog.text, id pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN $1 ->> 'format' IS DISTINCT FROM '1'
			THEN format('has format %s, which is unknown to this version', coalesce($1 ->> 'format', 'none'))
		WHEN $1 ->> 'repository' IS DISTINCT FROM $2 THEN 'belongs to another repository'
		WHEN $3 = '' AND $1 ->> 'kind' IS DISTINCT FROM 'globals' THEN 'is not that of a backup of the globals'
		WHEN $3 <> '' AND nex_backup.manifest_text($1 #> '{database,name}') IS DISTINCT FROM $3
			THEN 'belongs to another database'
		WHEN $1 ->> 'id' IS DISTINCT FROM $4 THEN 'belongs to another backup'
		WHEN coalesce($1 ->> 'codec', '') <> ALL (ARRAY['zstd', 'gzip', 'none']) THEN 'names an unknown codec'
		WHEN jsonb_typeof($1 -> 'objects') IS DISTINCT FROM 'array' THEN 'has no list of objects'
		END
$$;

-- Read the manifest of a backup of the globals into the catalogue.
CREATE FUNCTION nex_backup.sync_globals(location pg_catalog.text, repository pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	path text := 'globals/' || $3;
	file record;
	manifest jsonb;
	problem text;
BEGIN
	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed($1, path || '.json') f;
	problem := file.problem;
	IF problem IS NULL THEN
		manifest := file.content::jsonb;
		problem := nex_backup.manifest_problem(manifest, $2, '', $3);
	END IF;
	IF problem IS NOT NULL THEN
		RAISE EXCEPTION '%', problem
			USING ERRCODE = CASE problem WHEN 'is missing' THEN 'undefined_file' ELSE 'data_corrupted' END;
	END IF;
	PERFORM nex_backup.record_backup($2, '', $3, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
END
$$;

-- Read the tool's record of a backup's last verification.  The catalogue may know of a later one, in the server.
CREATE FUNCTION nex_backup.sync_verification(location pg_catalog.text, directory pg_catalog.text,
	repository pg_catalog.text, database pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	record jsonb;
	verified timestamptz;
BEGIN
	SELECT f.content::jsonb INTO record
	FROM nex_backup.read_sealed($1, format('%s/%s.verified', $2, $5)) f
	WHERE f.problem IS NULL;
	IF record ->> 'backup' = $5 THEN
		verified := (record ->> 'verified')::timestamptz;
		UPDATE nex_backup.backups b
		SET verified = me.verified, verified_ok = record ->> 'result' = 'ok',
			verified_inside = record -> 'checked' ? 'decompressed'
		WHERE b.repository = $3 AND b.database = $4 AND b.id = $5
			AND (b.verified IS NULL OR b.verified <= me.verified);
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION nex_backup_sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
	OUT removed pg_catalog.int8, OUT damaged pg_catalog.int8)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := rtrim(repository, '/');
	repository_id text;
	entry record;
	seen text[] := '{}';
	last_notice timestamptz := clock_timestamp();
BEGIN
	PERFORM nex_backup.check_caller();
	repository_id := nex_backup.repository_id(location);
	backups := 0;
	damaged := 0;
	PERFORM nex_backup.record_repository(repository_id, location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(repository_id, nex_backup.frame_encryption(location));
	FOR entry IN
		SELECT nex_backup.directory_database(substr(directory, length('backups/') + 1)) AS database, directory,
			left(name, -length('.json')) AS id
		FROM (SELECT 'backups/' || d AS directory FROM nex_backup.list_directory(location, 'backups') d) directories,
			nex_backup.list_directory(location, directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		UNION ALL
		SELECT '', 'globals', left(name, -length('.json'))
		FROM nex_backup.list_directory(location, 'globals') name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
		IF entry.database IS NULL THEN
			damaged := damaged + 1;
			RAISE WARNING '"%/%" is not the directory of a database', location, entry.directory;
			CONTINUE;
		END IF;
		BEGIN
			IF entry.database = '' THEN
				PERFORM nex_backup.sync_globals(location, repository_id, entry.id);
			ELSE
				PERFORM nex_backup.sync_backup(location, repository_id, entry.database, entry.id);
			END IF;
			PERFORM nex_backup.sync_verification(location, entry.directory, repository_id, entry.database, entry.id);
			backups := backups + 1;
			seen := seen || (entry.database || '/' || entry.id);
		EXCEPTION
			WHEN undefined_file THEN
				-- Expired since the directory was read.
				NULL;
			WHEN data_exception OR data_corrupted OR integrity_constraint_violation OR program_limit_exceeded THEN
				damaged := damaged + 1;
				RAISE WARNING 'file "%/%/%.json" %', location, entry.directory, entry.id, sqlerrm;
				-- It is still there, but no longer good, unless the catalogue alone cannot hold it.
				seen := seen || (entry.database || '/' || entry.id);
				UPDATE nex_backup.backups b
				SET verified = clock_timestamp(), verified_ok = false
				WHERE b.repository = me.repository_id AND b.database = entry.database AND b.id = entry.id
					AND sqlstate = 'XX001';
		END;
		IF clock_timestamp() > last_notice + interval '10 seconds' THEN
			RAISE NOTICE '% backups read', backups;
			last_notice := clock_timestamp();
		END IF;
	END LOOP;
	DELETE FROM nex_backup.backups b
	WHERE b.repository = me.repository_id AND b.database || '/' || b.id <> ALL (seen);
	GET DIAGNOSTICS removed = ROW_COUNT;
END
$$;

--
-- Scheduled, like everything else.
--
INSERT INTO nex_backup.job_kinds (kind, argv, takes_database, needs_database, description, records) VALUES
	('globals', '{globals,backup,--no-password,--repo=%location,--type=%type,%options}', false, false,
		'back up roles and tablespaces', 'backup'),
	('backup-all', '{backup,--all,--no-password,--repo=%location,--type=%type,%options}', false, false,
		'back up roles and tablespaces, and every database', 'backup');
INSERT INTO nex_backup.job_options (kind, option, pattern) VALUES
	('globals', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('backup-all', 'jobs', '[1-9][0-9]?'),
	('backup-all', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('backup-all', 'chunk-blocks', '[1-9][0-9]{0,5}'),
	('backup-all', 'lock-wait-timeout', '[0-9]{1,6}(s|min|h|d)?'),
	('backup-all', 'exclude-database', '[^"=]{1,200}');

--
-- Encrypted repositories: their objects have one more suffix, and are verified by the digests of
-- the stored bytes, for which no key is needed.
--
ALTER TABLE nex_backup.repositories
	ADD COLUMN cipher text,
	ADD COLUMN recipients pg_catalog.int4;
COMMENT ON COLUMN nex_backup.repositories.cipher IS 'how its backups are encrypted: age or aes-256-gcm; NULL: they are not';
COMMENT ON COLUMN nex_backup.repositories.recipients IS 'how many keys open its backups';
ALTER TABLE nex_backup.backups ADD COLUMN verified_inside bool;
COMMENT ON COLUMN nex_backup.backups.verified_inside IS
	'did the last verification look at the content, or (false) at the stored bytes alone; NULL: not known';

-- What nex_backup.json says of encryption: cipher, and the number of recipients.
CREATE FUNCTION nex_backup.frame_encryption(location text)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('cipher', j ->> 'cipher', 'recipients', CASE jsonb_typeof(j -> 'recipients')
		WHEN 'array' THEN jsonb_array_length(j -> 'recipients') END)
	FROM (SELECT f.content::jsonb AS j FROM nex_backup.read_sealed($1, 'nex_backup.json') f) frame
$$;

CREATE FUNCTION nex_backup.note_encryption(repository text, encryption jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.repositories r
	SET cipher = $2 ->> 'cipher', recipients = ($2 ->> 'recipients')::int4
	WHERE r.id = $1
$$;

-- "encrypted (age), 2 recipients"; NULL where nothing is encrypted.
CREATE FUNCTION nex_backup.encryption_text(repository nex_backup.repositories)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ', format('encrypted (%s)', $1.cipher),
		CASE WHEN $1.recipients IS NOT NULL THEN nex_backup.count_text($1.recipients, 'recipient') END)
	WHERE $1.cipher IS NOT NULL
$$;
GRANT EXECUTE ON FUNCTION nex_backup.encryption_text(nex_backup.repositories) TO pg_monitor;

-- The directory of a database's backups, or of those of the globals.
CREATE FUNCTION nex_backup.backup_directory(database text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN $1 = '' THEN 'globals' ELSE 'backups/' || nex_backup.database_directory($1) END
$$;

-- Where a backup is that was given as DB or DB/ID: '' and /ID are the globals, and so is the word, unless a
-- database is called that.  Errors if it cannot be told.
CREATE OR REPLACE FUNCTION nex_backup.find_backup(backup pg_catalog.text, repository pg_catalog.text,
	OUT location pg_catalog.text, OUT repository_id pg_catalog.text, OUT database pg_catalog.text, OUT id pg_catalog.text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	named text;
BEGIN
	named := substring($1 from '/([0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)$');
	database := left($1, length($1) - coalesce(length(named) + 1, 0));
	location := rtrim($2, '/');
	IF database = 'globals' AND (location IS NOT NULL OR NOT EXISTS (SELECT FROM nex_backup.backups b
			WHERE b.database = 'globals'))
		AND (location IS NULL OR NOT EXISTS (SELECT FROM nex_backup.list_directory(location, 'backups') name
			WHERE name = 'globals')) THEN
		database := '';
	END IF;
	IF location IS NULL THEN
		SELECT r.location INTO location
		FROM nex_backup.backups b JOIN nex_backup.repositories r ON r.id = b.repository
		WHERE b.database = find_backup.database AND b.id = coalesce(me.named, b.id)
		ORDER BY b.snapshot_at DESC LIMIT 1;
	END IF;
	IF location IS NULL THEN
		RAISE EXCEPTION 'backup "%" is not known', $1
			USING ERRCODE = 'undefined_object',
				HINT = 'Write DATABASE or DATABASE/ID, and read the repository with nex_backup_sync() first.';
	END IF;
	repository_id := nex_backup.repository_id(location);
	SELECT left(name, -length('.json')) INTO id
	FROM nex_backup.list_directory(location, nex_backup.backup_directory(database)) name
	WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$' AND name = coalesce(me.named || '.json', name)
	ORDER BY left(name, 16) DESC, length(name) DESC, name DESC LIMIT 1;
	-- One that the catalogue knows, and that is gone, is damage.
	IF id IS NULL THEN
		SELECT b.id INTO id FROM nex_backup.backups b
		WHERE b.repository = repository_id AND b.database = find_backup.database AND b.id = me.named;
	END IF;
	IF id IS NULL THEN
		RAISE EXCEPTION 'there is no backup "%" in repository "%"', $1, location
			USING ERRCODE = 'undefined_object',
				HINT = CASE WHEN EXISTS (SELECT FROM nex_backup.list_directory(location, 'config') name
						WHERE name = regexp_replace(find_backup.database, '^config[ /]', ''))
					THEN 'That is a set of configuration files, which "nex_backup verify" verifies.'
					ELSE 'Write DATABASE, DATABASE/ID, or globals.' END;
	END IF;
END
$$;

-- What the names of a backup's objects end in.
CREATE FUNCTION nex_backup.object_suffix(manifest pg_catalog.jsonb)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE $1 ->> 'codec' WHEN 'zstd' THEN '.sql.zst' WHEN 'gzip' THEN '.sql.gz' ELSE '.sql' END
		|| CASE $1 ->> 'cipher' WHEN 'age' THEN '.age' WHEN 'aes-256-gcm' THEN '.nxb' ELSE '' END
$$;

-- Hash every file of a backup (DB, its latest, or DB/ID; globals) and record the result.
CREATE OR REPLACE FUNCTION nex_backup_verify(backup pg_catalog.text, repository pg_catalog.text DEFAULT NULL,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	place record;
	path text;
	file record;
	manifest jsonb;
	suffix text;
	listing text;
	problem text;
	object record;
	total int8;
	started timestamptz := clock_timestamp();
	last_notice timestamptz := clock_timestamp();
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	path := format('%s/%s', nex_backup.backup_directory(place.database), place.id);
	objects := 0;
	bytes := 0;
	bad := '{}';

	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed(place.location, path || '.json') f;
	problem := file.problem;
	IF problem IS NULL THEN
		BEGIN
			manifest := file.content::jsonb;
			problem := nex_backup.manifest_problem(manifest, place.repository_id, place.database, place.id);
			IF problem IS NULL AND EXISTS (SELECT
				FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
				WHERE NOT (coalesce(o ->> 'id', '') ~ '^[0-9a-f]{64}$'
					AND coalesce(o ->> 'bytes', '') ~ '^[0-9]{1,18}$')) THEN
				problem := 'names an object that cannot be one';
			END IF;
		EXCEPTION WHEN data_exception THEN
			problem := 'is not JSON';
		END;
	END IF;
	IF problem IS NOT NULL THEN
		bad := bad || format('%s.json: %s', path, problem);
	ELSE
		suffix := nex_backup.object_suffix(manifest);

		-- The listing is a function of the manifest.
		SELECT coalesce(string_agg(format(E'%s  objects/%s/%s%s\n', o ->> 'id', left(o ->> 'id', 2), o ->> 'id',
			suffix), '' ORDER BY position), '')
		INTO listing
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') WITH ORDINALITY e(o, position);
		problem := nex_backup.check_file(place.location, path || '.sha256', octet_length(listing),
			encode(sha256(convert_to(listing, 'UTF8')), 'hex'));
		IF problem IS NOT NULL THEN
			bad := bad || format('%s.sha256: %s', path, problem);
		END IF;

		SELECT count(DISTINCT o ->> 'id') INTO total
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o;
		FOR object IN
			SELECT DISTINCT ON (o ->> 'id') format('objects/%s/%s%s', left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
				(o ->> 'bytes')::int8 AS bytes, o ->> 'id' AS id
			FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
		LOOP
			problem := nex_backup.check_file(place.location, object.path, object.bytes, object.id);
			IF problem IS NOT NULL THEN
				bad := bad || format('%s: %s', object.path, problem);
			END IF;
			objects := objects + 1;
			bytes := bytes + object.bytes;
			IF clock_timestamp() > last_notice + interval '10 seconds' THEN
				RAISE NOTICE '% of % objects verified, %', objects, total, pg_size_pretty(bytes);
				last_notice := clock_timestamp();
			END IF;
		END LOOP;

		-- The manifest is what goes first when a backup expires: then missing objects are no damage.
		IF cardinality(bad) > 0 AND EXISTS (SELECT FROM nex_backup.read_sealed(place.location, path || '.json') f
			WHERE f.problem = 'is missing') THEN
			RAISE EXCEPTION 'backup "%/%" was removed while it was verified',
				CASE place.database WHEN '' THEN 'globals' ELSE place.database END, place.id
				USING ERRCODE = 'undefined_object';
		END IF;
	END IF;

	result := CASE WHEN cardinality(bad) = 0 THEN 'ok' ELSE 'failed' END;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(place.repository_id, nex_backup.frame_encryption(place.location));
	UPDATE nex_backup.backups b
	SET verified = clock_timestamp(), verified_ok = nex_backup_verify.result = 'ok', verified_inside = false
	WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1], nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'objects', objects, 'bytes', bytes));
END
$$;

--
-- What the tool reports.  While it works for a run that is being executed now, what it reports becomes
-- part of that run, which stays one row of nex_backup.runs however many backups it was about.
--
CREATE TABLE nex_backup.run_reports (
	run pg_catalog.int8 NOT NULL REFERENCES nex_backup.runs ON DELETE CASCADE,
	event text NOT NULL,
	repository text NOT NULL,
	database text,
	backup text,
	state text NOT NULL,
	started timestamptz NOT NULL,
	finished timestamptz,
	exit_code pg_catalog.int4,
	error text,
	details pg_catalog.jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE nex_backup.run_reports IS 'what the tool reported while it worked for a run of the scheduler';
-- As for runs: what is reported twice is there once.
CREATE UNIQUE INDEX run_reports_once ON nex_backup.run_reports
	(run, event, repository, COALESCE(database, ''), COALESCE(backup, ''), started);
GRANT SELECT ON nex_backup.run_reports TO pg_monitor;

-- The run that this session works for, if it may say so, and locks it.  The application_name is anybody's to set:
-- so the run must be going on, be executed by the very role of this session, and be of a kind and a database that
-- report this.  What is then written never changes the state of the run, which is the executor's.
CREATE FUNCTION nex_backup.run_of_session(event text, repository text, database text)
RETURNS int8
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.id
	FROM nex_backup.runs r
		JOIN nex_backup.leases l ON l.run = r.id
		JOIN nex_backup.job_kinds k ON k.kind = r.kind
	WHERE r.id = substring(current_setting('application_name') FROM '^nex_backup:run:([0-9]{1,18})$')::int8
		AND r.state = ANY (ARRAY['starting', 'running'])
		AND l.session_role = session_user AND (l.in_server OR l.lease_until > clock_timestamp())
		AND k.records = $1
		AND (r.repository IS NULL OR r.repository = $2)
		AND (r.database IS NULL OR r.database = $3)
		AND (r.kind <> 'globals' OR $3 = '')
	FOR UPDATE OF r
$$;

-- Add a report to its run.  Of a single one, the run tells all; of several, what they have in common.
CREATE FUNCTION nex_backup.add_report(report nex_backup.run_reports, tool text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	reports int8;
BEGIN
	INSERT INTO nex_backup.run_reports SELECT report.*
	ON CONFLICT (run, event, repository, COALESCE(database, ''), COALESCE(backup, ''), started) DO UPDATE
	SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
		error = EXCLUDED.error, details = EXCLUDED.details;
	SELECT count(*) INTO reports FROM (SELECT FROM nex_backup.run_reports p WHERE p.run = report.run LIMIT 2) p;
	UPDATE nex_backup.runs r
	SET repository = report.repository, tool_version = $2,
		backup = CASE WHEN reports = 1 THEN report.backup END,
		error = CASE WHEN reports = 1 THEN report.error ELSE coalesce(r.error, report.error) END,
		details = CASE WHEN reports = 1 THEN report.details ELSE '{}' END
	WHERE r.id = report.run;
END
$$;

-- The tool's report of something done; extension/README.md describes the payload.
CREATE OR REPLACE FUNCTION nex_backup.record(event pg_catalog.text, payload pg_catalog.jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	repository text := payload #>> '{repository,id}';
	location text := nex_backup.manifest_text(payload #> '{repository,location}');
	host text := nex_backup.manifest_text(payload #> '{repository,host}');
	database text := nex_backup.manifest_text(payload -> 'database');
	backup text := payload ->> 'backup';
	started timestamptz := (payload ->> 'started')::timestamptz;
	finished timestamptz := (payload ->> 'finished')::timestamptz;
	state text := payload ->> 'state';
	exit_code int4 := (payload ->> 'exit_code')::int4;
	error text := nex_backup.manifest_text(payload -> 'error');
	details jsonb := payload - 'repository' - 'manifest' - 'database' - 'backup' - 'started' - 'finished' - 'state'
		- 'exit_code' - 'error' - 'tool';
	run int8;
BEGIN
	IF event IS NULL OR event <> ALL (ARRAY['backup', 'verify', 'restore', 'expire']) THEN
		RAISE EXCEPTION 'unknown event "%"', event
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are backup, verify, restore and expire.';
	END IF;
	IF repository IS NULL OR location IS NULL OR state IS NULL OR started IS NULL THEN
		RAISE EXCEPTION 'the payload lacks a repository, a state or a start time'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF state <> ALL (ARRAY['succeeded', 'failed', 'cancelled']) THEN
		RAISE EXCEPTION 'unknown state "%"', state
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF backup !~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$' THEN
		RAISE EXCEPTION 'invalid backup id "%"', backup
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF event = 'backup' AND state = 'succeeded' AND (database IS NULL OR backup IS NULL
		OR payload #>> '{manifest,snapshot_at}' IS NULL) THEN
		RAISE EXCEPTION 'the payload of a backup that succeeded lacks a database, an id or a manifest'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	PERFORM nex_backup.record_repository(repository, location, host);
	IF payload -> 'repository' ? 'cipher' THEN
		PERFORM nex_backup.note_encryption(repository, payload -> 'repository');
	END IF;

	run := nex_backup.run_of_session(event, repository, database);
	IF run IS NOT NULL THEN
		PERFORM nex_backup.add_report((run, event, repository, database, backup, state, started, finished, exit_code,
			error, details), payload ->> 'tool');
	ELSE
		INSERT INTO nex_backup.runs AS r (kind, repository, database, backup, state, started, finished,
			exit_code, error, tool_version, host, details)
		VALUES (event, repository, database, backup, state, started, finished, exit_code, error, payload ->> 'tool',
			host, details)
		ON CONFLICT (kind, COALESCE(repository, ''), COALESCE(database, ''), COALESCE(backup, ''), started) DO UPDATE
		SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
			error = EXCLUDED.error, tool_version = EXCLUDED.tool_version, host = EXCLUDED.host,
			details = EXCLUDED.details
		-- A run of the scheduler is never rewritten from outside.
		WHERE r.definition IS NULL;
	END IF;

	IF event = 'backup' AND state = 'succeeded' THEN
		PERFORM nex_backup.record_backup(repository, database, backup, payload -> 'manifest',
			payload ->> 'type', started, finished);
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' THEN
		UPDATE nex_backup.backups b
		SET verified = coalesce(me.finished, now()), verified_ok = payload ->> 'result' = 'ok',
			verified_inside = (payload ->> 'inside')::bool
		WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup;
	ELSIF event = 'expire' THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository AND b.database = nex_backup.manifest_text(removed -> 'database')
			AND b.id = removed ->> 'backup';
	END IF;
END
$$;

-- A verification by a run is as many as it reported.
CREATE OR REPLACE VIEW nex_backup.verifications AS
	SELECT r.id AS run, r.repository, r.database, r.backup, r.finished AS verified,
		r.details OPERATOR(pg_catalog.->>) 'result' AS result,
		r.details OPERATOR(pg_catalog.->) 'bad' AS bad
	FROM nex_backup.runs r
	WHERE r.kind OPERATOR(pg_catalog.=) 'verify' AND r.finished IS NOT NULL AND r.definition IS NULL
	UNION ALL
	SELECT p.run, p.repository, p.database, p.backup, p.finished,
		p.details OPERATOR(pg_catalog.->>) 'result',
		p.details OPERATOR(pg_catalog.->) 'bad'
	FROM nex_backup.run_reports p
	WHERE p.event OPERATOR(pg_catalog.=) 'verify' AND p.finished IS NOT NULL;

--
-- nex_backup_status(): the one definition of this step. Whoever has something to say adds rows here.
--
CREATE OR REPLACE FUNCTION nex_backup_status(OUT name pg_catalog.text, OUT status pg_catalog.text, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH latest AS (
		SELECT DISTINCT ON (b.database) b.*
		FROM nex_backup.backups b
		WHERE b.verified_ok IS DISTINCT FROM false
		ORDER BY b.database, b.snapshot_at DESC
	),
	checked AS (
		SELECT DISTINCT ON (b.database) b.database, b.id, b.verified, b.verified_ok, b.verified_inside
		FROM nex_backup.backups b
		WHERE b.verified IS NOT NULL
		ORDER BY b.database, b.verified DESC
	),
	last_run AS (
		-- Runs of jobs have their own rows, from scheduler_status().
		SELECT DISTINCT ON (r.kind, r.database) r.*
		FROM nex_backup.runs r
		WHERE r.finished IS NOT NULL AND r.state <> 'skipped' AND r.kind <> 'notify'
		ORDER BY r.kind, r.database, r.finished DESC, r.id DESC
	)
	SELECT c.name, c.status, c.detail
	FROM (
		SELECT 1 AS place, '' AS key, 'extension' AS name, 'ok' AS status,
			format('version %s, %s', e.extversion, CASE WHEN nex_backup.is_preloaded() THEN 'preloaded'
				ELSE 'not in shared_preload_libraries' END) AS detail
		FROM pg_extension e WHERE e.extname = 'nex_backup'
		UNION ALL
		SELECT 2, r.location, 'repository', (r.seen).status,
			concat_ws(', ', r.location || coalesce(' on ' || r.host, ''), (r.seen).detail,
				nex_backup.count_text(b.backups, 'backup'), pg_size_pretty(b.bytes), r.encryption,
				'last used ' || nex_backup.age_text(r.last_seen))
		FROM (SELECT *, nex_backup.repository_state(p.id) AS seen, nex_backup.encryption_text(p) AS encryption
				FROM nex_backup.repositories p OFFSET 0) r,
			LATERAL (SELECT count(*) AS backups, coalesce(sum(new_bytes), 0) AS bytes
				FROM nex_backup.backups WHERE repository = r.id) b
		UNION ALL
		SELECT 3, '', 'backup', 'critical',
			'no backup is recorded; run "nex_backup backup", or read a repository with nex_backup_sync()'
		WHERE NOT EXISTS (SELECT FROM nex_backup.backups)
		UNION ALL
		SELECT 3, l.database, nex_backup.owner_text('backup', l.database),
			CASE WHEN l.snapshot_at > now() - interval '24 hours' THEN 'ok'
				WHEN l.snapshot_at > now() - interval '48 hours' THEN 'warning' ELSE 'critical' END,
			concat_ws(', ', l.id, format('%s (%s)', l.type, nex_backup.age_text(l.snapshot_at)),
				CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.tables, 'table') END,
				CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.rows, 'row') END,
				pg_size_pretty(coalesce(l.stored_bytes, 0)) || ' stored')
		FROM latest l
		UNION ALL
		SELECT 3, '', 'globals', 'warning',
			'roles and tablespaces are in no backup; run "nex_backup globals backup", or "nex_backup backup --all"'
		WHERE EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'database')
			AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'globals')
		UNION ALL
		-- A database all of whose backups are damaged
		SELECT DISTINCT 3, b.database, nex_backup.owner_text('backup', b.database), 'critical', 'no good backup is left'
		FROM nex_backup.backups b
		WHERE NOT EXISTS (SELECT FROM latest l WHERE l.database = b.database)
		UNION ALL
		-- Only a catalogue of more than its own database can be expected to know of the others.
		SELECT 3, 'uncovered', 'databases without backup', 'warning',
			string_agg(format('%I', d.datname), ', ' ORDER BY d.datname)
		FROM pg_database d
		WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> 'postgres'
			AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = d.datname)
			AND EXISTS (SELECT FROM latest l WHERE l.database <> current_database() AND l.kind = 'database'
				AND l.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c))
		HAVING count(*) > 0
		UNION ALL
		SELECT 4, l.database, nex_backup.owner_text('verify', l.database),
			CASE WHEN NOT c.verified_ok THEN 'critical'
				WHEN c.verified > now() - interval '30 days' THEN 'ok' ELSE 'warning' END,
			CASE WHEN c.id IS NULL THEN 'never verified; run "nex_backup verify" or nex_backup_verify()'
				ELSE concat_ws(', ', format('%s %s %s', c.id, CASE WHEN c.verified_ok THEN 'was good'
						ELSE 'IS DAMAGED, found' END, nex_backup.age_text(c.verified)),
					CASE WHEN c.verified_ok AND NOT c.verified_inside
						THEN 'stored bytes only: what is in it was not looked at' END) END
		FROM (SELECT database FROM latest UNION SELECT database FROM checked) l LEFT JOIN checked c USING (database)
		UNION ALL
		SELECT 5, r.kind || r.database, nex_backup.owner_text('last ' || r.kind, coalesce(r.database, 'all')), 'warning',
			format('%s %s: %s', r.state, nex_backup.age_text(coalesce(r.finished, r.started)),
				coalesce(r.error, r.reason, 'no reason given'))
		FROM last_run r
		WHERE r.state = ANY (ARRAY['failed', 'timed_out', 'crashed']) AND r.job IS NULL
		UNION ALL
		SELECT 6, '', 'restore points', 'ok',
			CASE WHEN count(*) = 0 THEN 'none'
				ELSE format('%s, the latest "%s" %s', count(*), (array_agg(p.name ORDER BY p.created DESC))[1],
					nex_backup.age_text(max(p.created))) END
		FROM nex_backup.restore_points p
		UNION ALL
		SELECT s.place, s.key, s.name, s.status, s.detail FROM nex_backup.scheduler_status() s
	) c
	ORDER BY c.place, c.key
$$;

--
-- Privileges: nothing of this step is for PUBLIC.
--
REVOKE ALL ON ALL TABLES IN SCHEMA nex_backup FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA nex_backup FROM PUBLIC;

