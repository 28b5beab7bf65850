--
-- What a job is, and where it runs.
--

-- Jobs that were copied do not run until somebody confirms them, however they were copied.  A row that
-- nex_backup_schedule() did not insert comes from a dump, and is suspended.
CREATE OR REPLACE FUNCTION nex_backup.suspend_inserted_job()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.suspended := 'restored from a dump; confirm it with nex_backup_resume_jobs()';
	RETURN NEW;
END
$$;

-- ALWAYS also covers logical replication and sessions with session_replication_role = replica.
CREATE OR REPLACE TRIGGER suspend_inserted_job BEFORE INSERT ON nex_backup.jobs
	FOR EACH ROW EXECUTE FUNCTION nex_backup.suspend_inserted_job();
ALTER TABLE nex_backup.jobs ENABLE ALWAYS TRIGGER suspend_inserted_job;

-- The place where the jobs are.  pg_restore --disable-triggers disables the trigger above, so a job runs only in
-- the place where it was confirmed.  A dump, or a database created from a template, is in another place.
CREATE OR REPLACE FUNCTION nex_backup.place_of_jobs()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws('/', (SELECT c.system_identifier FROM pg_control_system() c),
		(SELECT d.oid FROM pg_database d WHERE d.datname = current_database()),
		(SELECT e.oid FROM pg_extension e WHERE e.extname = 'nex_backup'))
$$;

-- Suspend jobs that were confirmed elsewhere.  A locked row is left to the next turn, and does not run in this
-- one.
CREATE OR REPLACE FUNCTION nex_backup.suspend_copied_jobs(place text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.jobs j SET suspended = 'it comes from a dump or a copy; confirm it with nex_backup_resume_jobs()'
	WHERE j.name = ANY (ARRAY(SELECT c.name FROM nex_backup.jobs c
		WHERE c.suspended IS NULL AND c.confirmed_for IS DISTINCT FROM $1 FOR UPDATE SKIP LOCKED))
$$;

-- Error if the definition of a job is invalid.  Checked when it is defined, and again before each run.
CREATE OR REPLACE FUNCTION nex_backup.check_definition(kind text, database text, location text, type text, options jsonb)
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
		RAISE EXCEPTION 'invalid repository "%"', left($3, 1024)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Give the full path of a directory on the server, or a URL.';
	END IF;
	-- The name of a user of ssh is none.
	IF ($3 ~ '^[^/]*://[^/]*@' AND $3 !~ '^sftp://[^/@:]+@[^/@]+/') OR $3 ~* '[?&][^=]*(password|secret|token|key)[^=]*=' THEN
		RAISE EXCEPTION 'the location of a repository must not hold a secret'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'Jobs are readable, and part of dumps.',
				HINT = 'Put credentials into a file that nex_backup.config_file names.';
	END IF;
	IF coalesce($4, '') !~ '^[A-Za-z0-9_-]{1,32}$' THEN
		RAISE EXCEPTION 'invalid type "%"', left($4, 200)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'It must be of letters, digits, "_" and "-", 32 at most.';
	END IF;
	IF jsonb_typeof($5) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'options must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $1 = 'copy' AND NOT $5 ? 'to' THEN
		RAISE EXCEPTION 'a job of kind "copy" needs the option "to"'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Give the name of a repository in the settings file, a full path, or a URL: options => ''{"to": "..."}''.';
	END IF;
	FOR given IN SELECT o.key, o.value, o.value #>> '{}' AS word FROM jsonb_each($5) o LOOP
		SELECT a.* INTO allowed FROM nex_backup.job_options a
		WHERE a.kind = $1 AND a.option = replace(given.key, '_', '-');
		IF allowed.option IS NULL THEN
			RAISE EXCEPTION 'a job of kind "%" has no option "%"', $1, left(given.key, 200)
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Its options are: %s.', coalesce((SELECT string_agg(a.option, ', ' ORDER BY a.option)
						FROM nex_backup.job_options a WHERE a.kind = $1), 'none'));
		END IF;
		IF jsonb_typeof(given.value) <> ALL (ARRAY['string', 'number', 'boolean']) OR octet_length(given.word) > 1000
			OR given.word !~ ('^(' || allowed.pattern || ')$') OR given.word ~ '[[:cntrl:]]' THEN
			RAISE EXCEPTION 'invalid value % of option "%"', left(given.value::text, 200), given.key
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
END
$$;

-- Error if a job is invalid, whether it is new or changed.
CREATE OR REPLACE FUNCTION nex_backup.check_job(job nex_backup.jobs)
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
	IF job.kind = 'copy' AND NOT EXISTS (SELECT FROM nex_backup.jobs j
			WHERE j.name = coalesce(job.options ->> 'after', j.name) AND j.kind <> 'copy') AND job.options ? 'after' THEN
		RAISE EXCEPTION 'there is no job "%" to copy after', job.options ->> 'after'
			USING ERRCODE = 'undefined_object',
				HINT = 'SELECT name FROM nex_backup.jobs lists them; a copy cannot follow a copy.';
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

-- Error unless a role may change a job: its own, or that of a role whose privileges it has.
CREATE OR REPLACE FUNCTION nex_backup.check_owns_job(job nex_backup.jobs, role regrole)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT coalesce((SELECT r.rolsuper OR EXISTS (SELECT FROM pg_roles o
			WHERE o.oid = job.owner AND pg_has_role(r.oid, o.oid, 'USAGE'))
		FROM pg_roles r WHERE r.oid = $2), false) THEN
		RAISE EXCEPTION 'permission denied for job "%"', job.name
			USING ERRCODE = 'insufficient_privilege', DETAIL = format('It belongs to role %s.', job.owner);
	END IF;
END
$$;

-- Lock a job that the role may change.
CREATE OR REPLACE FUNCTION nex_backup.own_job(name text, role regrole)
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
	PERFORM nex_backup.check_owns_job(job, $2);
	PERFORM nex_backup.wake();
	RETURN job;
END
$$;

-- What a run keeps of the definition of its job.
CREATE OR REPLACE FUNCTION nex_backup.job_definition(job nex_backup.jobs)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('type', $1.type, 'options', $1.options, 'max_attempts', $1.max_attempts,
		'retry_delay', $1.retry_delay, 'backoff', $1.backoff, 'retry_delay_max', $1.retry_delay_max,
		'timeout', $1.timeout, 'kill_grace', $1.kill_grace)
$$;

-- Define a job; returns the time of its first run.
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

-- Notice if jobs will not run for now.  repository is that of the job; if NULL, the settings file must name it.
CREATE OR REPLACE FUNCTION nex_backup.notice_if_idle(repository text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	worker bool := nex_backup.setting('executor') = 'worker';
	suspended text := (SELECT s.suspended FROM nex_backup.scheduler s);
BEGIN
	IF nex_backup.setting('scheduler') <> 'on' THEN
		RAISE NOTICE 'no job runs, as nex_backup.scheduler is off'
			USING HINT = 'Set nex_backup.scheduler to on and reload the configuration.';
	ELSIF worker AND NOT nex_backup.is_preloaded() THEN
		RAISE NOTICE 'no job runs by itself before nex_backup is in shared_preload_libraries'
			USING HINT = 'Add it to shared_preload_libraries and restart the server.';
	ELSIF suspended IS NOT NULL THEN
		RAISE NOTICE 'no job runs, as the jobs are suspended: %', suspended
			USING HINT = 'SELECT nex_backup_resume_jobs() confirms them.';
	ELSIF NOT worker AND NOT nex_backup.agent_is_there() THEN
		RAISE NOTICE 'no job runs before an agent is there' USING HINT = 'Start "nex_backup agent".';
	END IF;
	IF worker AND $1 IS NULL AND coalesce(nex_backup.setting('config_file'), '') = ''
		AND (pg_stat_file('/etc/nex_backup.yaml', true)).size IS NULL THEN
		RAISE NOTICE 'no repository is named, and there is no settings file "/etc/nex_backup.yaml" that could name one'
			USING HINT = 'Name one with repository => ''...'', or in a settings file.';
	END IF;
END
$$;
