--
-- From 0.2.2: what its tables lack, and what cannot be replaced in its place.
--

-- Builds of 0.2.2, which was not released, may be without some of this.
ALTER TABLE nex_backup.jobs ADD COLUMN IF NOT EXISTS confirmed_for text;
ALTER TABLE nex_backup.repositories
	ADD COLUMN IF NOT EXISTS mark text,
	ADD COLUMN IF NOT EXISTS in_use_since timestamptz;
ALTER TABLE nex_backup.backups ADD COLUMN IF NOT EXISTS gone timestamptz;
ALTER TABLE nex_backup.runs
	ADD COLUMN IF NOT EXISTS file_set text GENERATED ALWAYS AS (left(details ->> 'set', 220)) STORED,
	ADD COLUMN IF NOT EXISTS copy text GENERATED ALWAYS AS (left('copy in ' || (details #>> '{copy,location}')
		|| coalesce(' on ' || (details #>> '{copy,host}'), ''), 300)) STORED;
CREATE INDEX IF NOT EXISTS runs_latest_idx ON nex_backup.runs (kind COLLATE "C", database COLLATE "C", file_set COLLATE "C",
		copy COLLATE "C", finished DESC, id DESC)
	WHERE finished IS NOT NULL AND state <> 'skipped' AND kind <> 'notify';
CREATE TABLE IF NOT EXISTS nex_backup.copies (
	repository text NOT NULL REFERENCES nex_backup.repositories ON DELETE CASCADE,
	location text NOT NULL,
	host text NOT NULL,
	name text,
	copied timestamptz,
	newest text,
	newest_at timestamptz,
	verified timestamptz,
	bad text[] NOT NULL DEFAULT '{}',
	bad_inside text[] NOT NULL DEFAULT '{}',
	in_use_since timestamptz,
	last_seen timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (repository, location, host)
);
-- A stored expression cannot be replaced before PostgreSQL 17, and the column cannot be dropped where views use it.
ALTER TABLE nex_backup.backups ALTER COLUMN kind DROP EXPRESSION IF EXISTS, ALTER COLUMN kind SET DEFAULT 'database';
-- A name that a set of configuration files has now.
WITH renamed AS (
	UPDATE nex_backup.backups b SET database = 'main@' || b.database
	WHERE b.kind = 'database' AND b.database ~ '^config/[A-Za-z0-9_-]{1,32}$'
)
UPDATE nex_backup.backup_tables t SET database = 'main@' || t.database
FROM nex_backup.backups b
WHERE b.repository = t.repository AND b.database = t.database AND b.id = t.backup AND b.kind = 'database'
	AND t.database ~ '^config/[A-Za-z0-9_-]{1,32}$';
DROP FUNCTION IF EXISTS nex_backup.follow_clock(timestamptz, timestamptz), nex_backup.shortened(jsonb, text);

-- What a command did to several sets of configuration files is a run for each.
DROP INDEX nex_backup.runs_once, nex_backup.run_reports_once;
CREATE UNIQUE INDEX runs_once ON nex_backup.runs
	(kind, coalesce(repository, ''), coalesce(database, ''), coalesce(backup, ''), coalesce(file_set, ''), started);
CREATE UNIQUE INDEX run_reports_once ON nex_backup.run_reports
	(run, event, repository, coalesce(database, ''), coalesce(backup, ''), coalesce(left(details ->> 'set', 220), ''), started);

-- The table was renamed by 0.2.1, its constraints were not; from PostgreSQL 18 on, NOT NULL is one with a name, too.
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN
		SELECT format('ALTER TABLE nex_backup.executor_sessions RENAME CONSTRAINT %I TO %I', c.conname,
			regexp_replace(c.conname::text, '^executors_', 'executor_sessions_'))
		FROM pg_constraint c
		WHERE c.conrelid = 'nex_backup.executor_sessions'::regclass AND c.conname ~ '^executors_'
	LOOP
		EXECUTE command;
	END LOOP;
END
$$;

-- Not called any more, or with other arguments.
DROP FUNCTION nex_backup.sync_globals(text, text, text), nex_backup.sync_globals(text, text, text, text, text),
	nex_backup.sync_backup(text, text, text, text), nex_backup.owner_directories(text, text[]),
	nex_backup.run_of_session(text, text, text);

-- Behind their entries, which have the defaults of arguments.
DROP FUNCTION nex_backup.gated_start(int8, int8, int4), nex_backup.gated_heartbeat(int8, int8, text),
	nex_backup.gated_finish(int8, int8, int4, int4, text, text, text), nex_backup.gated_pending_alarms(int4),
	nex_backup.next_runs(text, text, int4, timestamptz);

