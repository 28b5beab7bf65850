--
-- Runs, and what hangs on them.
--

CREATE TABLE nex_backup.runs (
	id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job text,
	kind text NOT NULL,
	repository text,
	database text,
	backup text,
	state text NOT NULL CHECK (state = ANY (ARRAY['queued', 'starting', 'running', 'succeeded', 'failed', 'cancelled',
		'timed_out', 'crashed', 'skipped'])),
	attempt int4 NOT NULL DEFAULT 1,
	queued timestamptz,
	started timestamptz,
	finished timestamptz,
	exit_code int4,
	signal int4,
	error text,
	reason text,
	log_tail text,
	host text,
	tool_version text,
	details jsonb NOT NULL DEFAULT '{}',
	owner regrole,
	location text,
	definition jsonb,
	scheduled_for timestamptz,
	not_before timestamptz,
	origin int8,
	executor text,
	-- What the status tells runs apart by.  In separate columns, because a role that may report can put a megabyte into
	-- the details of each run, all of which would be read; and no longer than an index entry has room for.
	file_set text GENERATED ALWAYS AS (left(details ->> 'set', 220)) STORED,
	copy text GENERATED ALWAYS AS (left('copy in ' || (details #>> '{copy,location}')
		|| coalesce(' on ' || (details #>> '{copy,host}'), ''), 300)) STORED
);
CREATE INDEX runs_finished ON nex_backup.runs (finished);
-- A run that is reported twice is one row; what a command did to several sets of configuration files is one for each.  A
-- failed backup has no id, hence COALESCE.
CREATE UNIQUE INDEX runs_once ON nex_backup.runs
	(kind, coalesce(repository, ''), coalesce(database, ''), coalesce(backup, ''), coalesce(file_set, ''), started);
CREATE INDEX runs_queue ON nex_backup.runs (not_before, id) WHERE state = 'queued';
CREATE INDEX runs_active ON nex_backup.runs (job) WHERE state = ANY (ARRAY['queued', 'starting', 'running']);
CREATE INDEX runs_job ON nex_backup.runs (job, id);
CREATE INDEX runs_latest_idx ON nex_backup.runs (kind COLLATE "C", database COLLATE "C", file_set COLLATE "C",
		copy COLLATE "C", finished DESC, id DESC)
	WHERE finished IS NOT NULL AND state <> 'skipped' AND kind <> 'notify';

CREATE TABLE nex_backup.run_reports (
	run int8 NOT NULL REFERENCES nex_backup.runs ON DELETE CASCADE,
	event text NOT NULL,
	repository text NOT NULL,
	database text,
	backup text,
	state text NOT NULL,
	started timestamptz NOT NULL,
	finished timestamptz,
	exit_code int4,
	error text,
	details jsonb NOT NULL DEFAULT '{}'
);
-- As for runs: what is reported twice is one row.
CREATE UNIQUE INDEX run_reports_once ON nex_backup.run_reports
	(run, event, repository, coalesce(database, ''), coalesce(backup, ''), coalesce(left(details ->> 'set', 220), ''), started);

-- What changes every second is here and not in runs, to keep that small.
CREATE TABLE nex_backup.leases (
	run int8 PRIMARY KEY,
	executor text NOT NULL,
	in_server bool NOT NULL,
	session_role name NOT NULL DEFAULT session_user,
	fence int8 NOT NULL,
	host text,
	pid int4,
	child_pid int4,
	session_started timestamptz,
	heartbeat timestamptz NOT NULL,
	lease_until timestamptz NOT NULL,
	cancel_requested timestamptz,
	cancelled_by text,
	progress jsonb
) WITH (fillfactor = 50);
CREATE SEQUENCE nex_backup.fences;

-- Whoever delivers an alarm marks it with nex_backup.alarm_delivered().
CREATE TABLE nex_backup.alarms (
	id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	raised timestamptz NOT NULL,
	event text NOT NULL CHECK (event = ANY (ARRAY['failure', 'recovery', 'missed', 'first_success', 'suspended'])),
	job text,
	run int8,
	database text,
	details jsonb NOT NULL DEFAULT '{}',
	delivered timestamptz
);
CREATE INDEX alarms_pending ON nex_backup.alarms (id) WHERE delivered IS NULL;

