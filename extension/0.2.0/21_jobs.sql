
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
