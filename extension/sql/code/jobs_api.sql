--
-- Functions to define jobs.
--

-- Define a job; returns the time of its first run.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_schedule(name text, schedule text, database text DEFAULT NULL, repository text DEFAULT NULL,
	type text DEFAULT 'daily', timezone text DEFAULT NULL, kind text DEFAULT 'backup', retry int4 DEFAULT 3,
	retry_delay interval DEFAULT '5 minutes', backoff text DEFAULT 'fixed', retry_delay_max interval DEFAULT '1 hour',
	timeout interval DEFAULT NULL, kill_grace interval DEFAULT '30 seconds', misfire text DEFAULT 'once',
	misfire_grace interval DEFAULT NULL, overlap text DEFAULT 'skip', options jsonb DEFAULT '{}')
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.schedule(name text, schedule text, database text, repository text,
	type text, timezone text, kind text, retry int4,
	retry_delay interval, backoff text, retry_delay_max interval,
	timeout interval, kill_grace interval, misfire text,
	misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_schedule(name text, schedule text, database text, repository text,
	type text, timezone text, kind text, retry int4,
	retry_delay interval, backoff text, retry_delay_max interval,
	timeout interval, kill_grace interval, misfire text,
	misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first timestamptz := nex_backup.define_job($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);
BEGIN
	PERFORM nex_backup.notice_if_idle($4);
	RETURN first;
END
$$;

-- Change the given attributes of a job; returns the time of its next run, or NULL if there is none.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_alter_job(name text, schedule text DEFAULT NULL, database text DEFAULT NULL,
	repository text DEFAULT NULL, type text DEFAULT NULL, timezone text DEFAULT NULL, enabled bool DEFAULT NULL,
	retry int4 DEFAULT NULL, retry_delay interval DEFAULT NULL, backoff text DEFAULT NULL,
	retry_delay_max interval DEFAULT NULL, timeout interval DEFAULT NULL, kill_grace interval DEFAULT NULL,
	misfire text DEFAULT NULL, misfire_grace interval DEFAULT NULL, overlap text DEFAULT NULL, options jsonb DEFAULT NULL)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.alter_job(name text, schedule text, database text,
	repository text, type text, timezone text, enabled bool,
	retry int4, retry_delay interval, backoff text,
	retry_delay_max interval, timeout interval, kill_grace interval,
	misfire text, misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_alter_job(name text, schedule text, database text,
	repository text, type text, timezone text, enabled bool,
	retry int4, retry_delay interval, backoff text,
	retry_delay_max interval, timeout interval, kill_grace interval,
	misfire text, misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
LANGUAGE plpgsql
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
	PERFORM nex_backup.tell('job');
	IF NOT job.enabled OR job.suspended IS NOT NULL THEN
		RETURN NULL;
	END IF;
	IF $7 THEN
		PERFORM nex_backup.notice_if_idle(coalesce(job.repository, ''));
	END IF;
	RETURN job.next_run;
END
$$;

-- Remove a job.  A run in progress continues; a queued one is canceled.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_unschedule(name text)
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.unschedule(name text)
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_unschedule(name text)
RETURNS bool
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	PERFORM nex_backup.own_job($1, nex_backup.caller());
	DELETE FROM nex_backup.jobs j WHERE j.name = $1;
	PERFORM nex_backup.transition(r.id, 'cancelled', 'the job was removed')
	FROM nex_backup.runs r WHERE r.job = $1 AND r.state = 'queued';
	RETURN true;
END
$$;

-- Confirm that jobs belong to this cluster: one job, or all jobs and the cluster itself.  Runs that they have
-- missed are not made up for.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_resume_jobs(name text DEFAULT NULL)
RETURNS int8
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.resume_jobs(name text)
RETURNS int8
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_resume_jobs(name text)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	resumed int8;
	place CONSTANT text := nex_backup.place_of_jobs();
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	IF $1 IS NOT NULL THEN
		PERFORM nex_backup.own_job($1, nex_backup.caller());
	ELSIF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = nex_backup.caller()) THEN
		RAISE EXCEPTION 'permission denied to resume all jobs'
			USING ERRCODE = 'insufficient_privilege', DETAIL = 'Only superusers may do this.';
	ELSIF (SELECT s.suspended FROM nex_backup.scheduler s) IS NOT NULL THEN
		-- Runs in progress in the original are not in progress here.
		PERFORM nex_backup.transition(r.id, 'cancelled', 'the jobs were confirmed for another cluster')
		FROM nex_backup.runs r WHERE r.state = 'queued';
		UPDATE nex_backup.scheduler SET suspended = NULL, system_identifier = NULL, timeline = NULL,
			host = NULL, directory = NULL, last_tick = NULL;
		UPDATE nex_backup.jobs j SET suspended = '' WHERE j.suspended IS NULL;
	END IF;
	UPDATE nex_backup.jobs j
	SET suspended = NULL, confirmed_for = place, next_run = nex_backup.next_run(j.schedule, j.timezone, nex_backup.now())
	WHERE (j.suspended IS NOT NULL OR j.confirmed_for IS DISTINCT FROM place) AND j.name = coalesce($1, j.name);
	GET DIAGNOSTICS resumed = ROW_COUNT;
	PERFORM nex_backup.wake();
	PERFORM nex_backup.notice_if_idle('');
	RETURN resumed;
END
$$;

-- The jobs that most databases need: a daily and a weekly backup, and an expiry that keeps 7 and 4 of them.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_setup_default_jobs(database text, repository text DEFAULT NULL, timezone text DEFAULT NULL,
	OUT job text, OUT next_run timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.setup_default_jobs(database text, repository text, timezone text,
	OUT job text, OUT next_run timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_setup_default_jobs(database text, repository text, timezone text,
	OUT job text, OUT next_run timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql
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
	PERFORM nex_backup.notice_if_idle($2);
END
$$;
