
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
