--
-- Functions to start and cancel runs.  The public ones are nex_backup_gate() in C, which notes the current user
-- for nex_backup.caller().  A session that waits holds nothing: the worker of the errand does everything that
-- needs tables.
--

-- Have a worker execute nex_backup.do_request(request, caller) in a transaction that commits while the current one
-- continues.  If wait, wait for the end of the run; if cancel, cancel that run when the statement is canceled.
CREATE OR REPLACE FUNCTION nex_backup.perform(request text, wait bool, cancel bool, OUT run int8, OUT state text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_perform'
LANGUAGE C STRICT VOLATILE;

-- Queue a run of a job immediately.
CREATE OR REPLACE FUNCTION nex_backup.submit_job(job nex_backup.jobs, caller regrole)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	busy int8;
BEGIN
	IF NOT nex_backup.may_operate(caller) THEN
		PERFORM nex_backup.check_may_schedule(caller);
		PERFORM nex_backup.check_owns_job(job, caller);
	END IF;
	IF job.suspended IS NULL AND job.confirmed_for IS DISTINCT FROM nex_backup.place_of_jobs() THEN
		job.suspended := 'it comes from a dump or a copy; confirm it with nex_backup_resume_jobs()';
	END IF;
	IF job.suspended IS NOT NULL THEN
		RAISE EXCEPTION 'job "%" is suspended: %', job.name, job.suspended
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	SELECT max(r.id) INTO busy FROM nex_backup.runs r
	WHERE r.job = job.name AND r.state = ANY (ARRAY['queued', 'starting', 'running']) AND r.attempt = 1;
	IF busy IS NOT NULL THEN
		RAISE EXCEPTION 'run % of job "%" has not ended yet', busy, job.name
			USING ERRCODE = 'object_in_use';
	END IF;
	RETURN nex_backup.enqueue(job.name, job.owner, job.kind, job.repository, job.database,
		nex_backup.job_definition(job) || '{"max_attempts": 1}', NULL, NULL, 1, NULL, format('started by %s', nex_backup.valid_text(caller::text)));
END
$$;

-- Queue work that is not a job; the request describes it.
CREATE OR REPLACE FUNCTION nex_backup.submit_work(request jsonb, caller regrole)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	what text := request ->> 'what';
BEGIN
	PERFORM nex_backup.check_may_schedule(caller);
	IF what IS NOT NULL AND nex_backup.setting('executor') = 'worker'
		AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = what) THEN
		RAISE EXCEPTION 'there is neither a job nor a database "%"', what USING ERRCODE = 'undefined_object';
	END IF;
	PERFORM nex_backup.check_definition(request ->> 'kind', what, request ->> 'repository', request ->> 'type',
		request -> 'options');
	RETURN nex_backup.enqueue(NULL, caller, request ->> 'kind', request ->> 'repository', what,
		jsonb_build_object('type', request -> 'type', 'options', request -> 'options', 'max_attempts', 1,
			'timeout', request -> 'timeout', 'kill_grace', interval '30 seconds'),
		NULL, NULL, 1, NULL, format('started by %s', nex_backup.valid_text(caller::text)));
END
$$;

-- Permission is checked on the row whose work is queued.
CREATE OR REPLACE FUNCTION nex_backup.submit(request jsonb, caller regrole)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job nex_backup.jobs;
	run int8;
	suspended text;
	owner record;
BEGIN
	SELECT o.rolname, o.rolsuper INTO owner
	FROM pg_extension e JOIN pg_roles o ON o.oid = e.extowner WHERE e.extname = 'nex_backup';
	IF NOT owner.rolsuper THEN
		RAISE EXCEPTION 'no runs are started, as extension "nex_backup" belongs to role %, which is no superuser', owner.rolname
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = format('ALTER ROLE %I SUPERUSER makes it one again; REASSIGN OWNED gives the extension to another role.',
					owner.rolname);
	END IF;
	PERFORM nex_backup.lock_queue();
	-- Do not wait for a run that ended in a crash of the server.  There may be no leader to find out.
	PERFORM nex_backup.settle_stale();
	SELECT j.* INTO job FROM nex_backup.jobs j WHERE j.name = request ->> 'what';
	IF job.name IS NOT NULL THEN
		run := nex_backup.submit_job(job, caller);
	ELSE
		run := nex_backup.submit_work(request, caller);
	END IF;
	IF nex_backup.setting('scheduler') <> 'on' THEN
		RAISE EXCEPTION 'no runs are started, as nex_backup.scheduler is off'
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	suspended := nex_backup.check_cluster(nex_backup.is_preloaded());
	IF suspended IS NOT NULL THEN
		RAISE EXCEPTION 'jobs are suspended: %', suspended
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	RETURN run;
END
$$;

-- Request the end of a run, if the role may do that.
CREATE OR REPLACE FUNCTION nex_backup.cancel_for(target int8, caller regrole)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner regrole;
BEGIN
	SELECT r.owner INTO owner FROM nex_backup.runs r WHERE r.id = target;
	IF NOT found THEN
		RAISE EXCEPTION 'there is no run %', target USING ERRCODE = 'undefined_object';
	END IF;
	IF NOT nex_backup.may_operate(caller) AND NOT coalesce(pg_has_role(caller::oid, owner::oid, 'USAGE'), false) THEN
		RAISE EXCEPTION 'permission denied to cancel run %', target
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'Only its owner and members of nex_backup.operator_role may do this.';
	END IF;
	PERFORM nex_backup.request_cancel(target, caller::text);
END
$$;

-- What the worker of the errand does on behalf of a role.  Returns the run, and what to tell the caller.
CREATE OR REPLACE FUNCTION nex_backup.do_request(request jsonb, caller regrole, OUT run int8, OUT notice text, OUT hint text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF request ->> 'call' = 'cancel' THEN
		run := (request ->> 'run')::int8;
		PERFORM nex_backup.cancel_for(run, caller);
		RETURN;
	END IF;
	run := nex_backup.submit(request, caller);
	IF nex_backup.setting('executor') = 'agent' AND NOT EXISTS (SELECT FROM nex_backup.executors e
		WHERE NOT e.in_server AND e.last_seen > clock_timestamp() - interval '2 minutes') THEN
		notice := 'no agent was seen in the last two minutes';
		hint := 'Start "nex_backup agent".';
	END IF;
END
$$;

-- Run a job, or back up a database (or do another kind of work) immediately, and wait for its end.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_run(what text, kind text DEFAULT 'backup', repository text DEFAULT NULL,
	type text DEFAULT 'manual', options jsonb DEFAULT '{}', timeout interval DEFAULT NULL, wait bool DEFAULT true,
	OUT run int8, OUT state text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.run(what text, kind text, repository text, type text, options jsonb, timeout interval,
	wait bool, OUT run int8, OUT state text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_run(what text, kind text, repository text, type text, options jsonb, timeout interval,
	wait bool, OUT run int8, OUT state text, OUT detail text)
RETURNS record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.run, p.state, p.detail
	FROM nex_backup.perform(jsonb_build_object('call', 'run', 'what', $1, 'kind', $2, 'repository', $3, 'type', $4,
		'options', $5, 'timeout', $6)::text, coalesce($7, false), true) p
$$;

-- Cancel a run, and wait until it has stopped.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_cancel(run int8, wait bool DEFAULT true)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.cancel(run int8, wait bool)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_cancel(run int8, wait bool)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.state
	FROM nex_backup.perform(jsonb_build_object('call', 'cancel', 'run', $1)::text, coalesce($2, false), false) p
$$;

-- Create a repository for jobs.  It may exist already, with backups that are not in the catalog.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_create_repository(repository text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- Look first, because nothing of the extension is held after waiting for the run.
CREATE OR REPLACE FUNCTION nex_backup.create_repository(repository text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_create_repository(repository text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := nex_backup.trimmed_location(repository);
	has_backups bool := false;
	ended record;
BEGIN
	IF location ~ '^/' THEN
		BEGIN
			-- Do not look on behalf of a role that may not do this; the error is reported by the run below.
			PERFORM nex_backup.check_may_schedule(nex_backup.caller());
			-- It may be on another host, or not readable by the server.
			has_backups := (SELECT f.problem IS NULL FROM nex_backup.frame_id(me.location) f) AND EXISTS (SELECT
				FROM nex_backup.owner_directories(me.location, '{}') o, nex_backup.list_directory(me.location, o.directory) name
				WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$');
			-- Release the locks of all this while waiting for the run; variables keep their values.
			RAISE EXCEPTION 'looked';
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END IF;
	SELECT p.state, p.detail INTO ended
	FROM nex_backup.perform(jsonb_build_object('call', 'run', 'kind', 'init', 'repository', $1, 'type', 'manual',
		'options', '{}'::jsonb)::text, true, true) p;
	IF ended.state IS DISTINCT FROM 'succeeded' THEN
		RAISE EXCEPTION 'could not create repository "%": %', $1, coalesce(ended.detail, ended.state, 'its run is gone');
	END IF;
	IF has_backups THEN
		RAISE NOTICE 'repository "%" exists, and has backups', location
			USING HINT = format('If the catalog does not know them: SELECT nex_backup_sync(%L);', location);
	END IF;
	RETURN $1;
END
$$;
