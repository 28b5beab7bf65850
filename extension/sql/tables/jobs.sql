--
-- Jobs: definitions of scheduled work.  code/job_kinds.sql has the rows of the first two tables.
--

CREATE TABLE nex_backup.job_kinds (
	kind text PRIMARY KEY,
	argv text[] NOT NULL,
	takes_database bool NOT NULL,
	needs_database bool NOT NULL DEFAULT false,
	description text NOT NULL,
	records text
);

CREATE TABLE nex_backup.job_options (
	kind text NOT NULL REFERENCES nex_backup.job_kinds,
	option text NOT NULL,
	pattern text NOT NULL,
	PRIMARY KEY (kind, option)
);

CREATE TABLE nex_backup.jobs (
	name text PRIMARY KEY,
	kind text NOT NULL DEFAULT 'backup' REFERENCES nex_backup.job_kinds,
	schedule text NOT NULL,
	timezone text NOT NULL DEFAULT 'UTC',
	database text,
	repository text,
	type text NOT NULL DEFAULT 'daily',
	options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
	enabled bool NOT NULL DEFAULT true,
	max_attempts int4 NOT NULL DEFAULT 4 CHECK (max_attempts > 0),
	retry_delay interval NOT NULL DEFAULT '5 minutes',
	timeout interval,
	owner regrole NOT NULL DEFAULT current_user::regrole,
	created timestamptz NOT NULL DEFAULT now(),
	backoff text NOT NULL DEFAULT 'fixed' CHECK (backoff = ANY (ARRAY['fixed', 'exponential'])),
	retry_delay_max interval NOT NULL DEFAULT '1 hour',
	kill_grace interval NOT NULL DEFAULT '30 seconds',
	misfire text NOT NULL DEFAULT 'once' CHECK (misfire = ANY (ARRAY['once', 'skip'])),
	misfire_grace interval,
	overlap text NOT NULL DEFAULT 'skip' CHECK (overlap = ANY (ARRAY['skip', 'queue'])),
	next_run timestamptz,
	suspended text,
	confirmed_for text
);
CREATE INDEX jobs_next_run ON nex_backup.jobs (next_run) WHERE enabled AND suspended IS NULL;

-- Definitions travel with a dump; history belongs to the server where it happened.
SELECT pg_extension_config_dump('nex_backup.jobs', '');

