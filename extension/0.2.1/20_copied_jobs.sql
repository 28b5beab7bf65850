
--
-- Jobs that come by a copy do not run until somebody has confirmed them, however they come.  A trigger suspends what is
-- inserted, as a load or logical replication does; but pg_restore --disable-triggers switches it off, and leaves it so that
-- others do.  So what counts is where a job was confirmed, which the copy says, and which is not where it is now.
--
ALTER TABLE nex_backup.jobs ENABLE ALWAYS TRIGGER suspend_inserted_job;

ALTER TABLE nex_backup.jobs ADD COLUMN confirmed_for text;
COMMENT ON COLUMN nex_backup.jobs.confirmed_for IS 'cluster, database and extension in which it was defined or confirmed; it runs in no other';

-- Where jobs are now.  A dump is restored into another database, or another extension of that name; a template, too.
CREATE FUNCTION nex_backup.place_of_jobs()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws('/', (SELECT c.system_identifier FROM pg_control_system() c),
		(SELECT d.oid FROM pg_database d WHERE d.datname = current_database()),
		(SELECT e.oid FROM pg_extension e WHERE e.extname = 'nex_backup'))
$$;

UPDATE nex_backup.jobs SET confirmed_for = nex_backup.place_of_jobs() WHERE suspended IS NULL;

-- Suspend what was confirmed elsewhere.  A row that somebody has locked is left to the next turn, and does not run in this one.
CREATE FUNCTION nex_backup.suspend_copied_jobs(place text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.jobs j SET suspended = 'it comes from a dump or a copy; confirm it with nex_backup_resume_jobs()'
	WHERE j.name = ANY (ARRAY(SELECT c.name FROM nex_backup.jobs c
		WHERE c.suspended IS NULL AND c.confirmed_for IS DISTINCT FROM $1 FOR UPDATE SKIP LOCKED))
$$;
