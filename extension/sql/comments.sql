--
-- What psql shows with \dn+, \d+ and \df+.
--

COMMENT ON SCHEMA nex_backup IS 'catalog and scheduler of nex_backup';

COMMENT ON TABLE nex_backup.repositories IS 'repositories that backups were recorded from';
COMMENT ON COLUMN nex_backup.repositories.cipher IS 'how its backups are encrypted: age or aes-256-gcm; NULL if they are not';
COMMENT ON COLUMN nex_backup.repositories.recipients IS 'number of keys that open its backups';
COMMENT ON COLUMN nex_backup.repositories.vouched IS
	'was the location named by a role that may read server files (in a report, nex_backup_sync() or nex_backup_verify())?';
COMMENT ON COLUMN nex_backup.repositories.recorded_by IS 'role that reported it first';
COMMENT ON COLUMN nex_backup.repositories.mark IS
	'identifies its nex_backup.json: the same wherever the directory is mounted, different in a copy';
COMMENT ON COLUMN nex_backup.repositories.in_use_since IS
	'first of the expiries that removed no objects because others were at work there; NULL if the last one could remove them';

COMMENT ON TABLE nex_backup.copies IS 'copies of repositories in other places';
COMMENT ON COLUMN nex_backup.copies.host IS 'host that a directory is on; empty for a bucket';
COMMENT ON COLUMN nex_backup.copies.name IS 'place as it was named in the last copy: a name of the settings file, or a location';
COMMENT ON COLUMN nex_backup.copies.copied IS 'when the last copy that ended well began';
COMMENT ON COLUMN nex_backup.copies.newest IS 'newest backup that is known to be there';
COMMENT ON COLUMN nex_backup.copies.verified IS 'when a backup was last verified there';
COMMENT ON COLUMN nex_backup.copies.bad IS 'backups that were found damaged there, and are there and were not found good since; the one that was found last comes first';
COMMENT ON COLUMN nex_backup.copies.bad_inside IS 'those of them that were found damaged by a verification that looked into them: only such a one can find them good';
COMMENT ON COLUMN nex_backup.copies.in_use_since IS 'the same of this place as in nex_backup.repositories';

COMMENT ON TABLE nex_backup.backups IS 'one row for each backup in a repository';
COMMENT ON COLUMN nex_backup.backups.database IS 'name of the database, LABEL@name on another server; empty for a backup of the globals; config/SET for a set of files';
COMMENT ON COLUMN nex_backup.backups.kind IS 'database, globals (roles and tablespaces), or files (a set of configuration files)';
COMMENT ON COLUMN nex_backup.backups.verified_inside IS
	'did the last verification check the content (true), or only the stored bytes (false)?  NULL if unknown; damage found in the content stays known until a verification checks the content again';
COMMENT ON COLUMN nex_backup.backups.gone IS
	'when its manifest was first found missing from the repository, although it was not expired';

COMMENT ON TABLE nex_backup.backup_tables IS 'tables in each backup';
COMMENT ON TABLE nex_backup.restore_points IS 'named points in WAL';

COMMENT ON TABLE nex_backup.job_kinds IS 'kinds of jobs, and the command that each runs';
COMMENT ON COLUMN nex_backup.job_kinds.argv IS
	'words of the command; %database, %target, %location, %type and %options stand for what the job says';
COMMENT ON COLUMN nex_backup.job_kinds.records IS 'event that the command reports to nex_backup.record(); NULL if none';
COMMENT ON TABLE nex_backup.job_options IS 'options that a job of each kind can have';
COMMENT ON COLUMN nex_backup.job_options.pattern IS 'regular expression that the whole value must match';

COMMENT ON TABLE nex_backup.jobs IS 'scheduled jobs';
COMMENT ON COLUMN nex_backup.jobs.repository IS 'location of the repository; NULL for the one in the tool''s settings file';
COMMENT ON COLUMN nex_backup.jobs.next_run IS 'when it is due next';
COMMENT ON COLUMN nex_backup.jobs.suspended IS 'why it does not run until somebody confirms it; NULL if it does run';
COMMENT ON COLUMN nex_backup.jobs.confirmed_for IS
	'cluster, database and extension that it was defined or confirmed in; it runs in no other';

COMMENT ON TABLE nex_backup.runs IS 'one row for each run of a job, and for each backup, verify, restore, expire or copy reported by the tool';
COMMENT ON COLUMN nex_backup.runs.error IS 'what went wrong';
COMMENT ON COLUMN nex_backup.runs.reason IS 'why the scheduler skipped, stopped or repeated it';
COMMENT ON COLUMN nex_backup.runs.location IS 'location of the repository that the job names';
COMMENT ON COLUMN nex_backup.runs.definition IS 'definition of the job when the run was queued';
COMMENT ON COLUMN nex_backup.runs.scheduled_for IS 'scheduled time that the run is for';
COMMENT ON COLUMN nex_backup.runs.not_before IS 'a queued run does not start before this time';
COMMENT ON COLUMN nex_backup.runs.origin IS 'first attempt, if this run repeats another';
COMMENT ON COLUMN nex_backup.runs.file_set IS 'set of configuration files';
COMMENT ON COLUMN nex_backup.runs.copy IS 'copy of the repository that was used, if it was not the repository itself, or that was written by kind copy';
COMMENT ON TABLE nex_backup.run_reports IS 'what the tool reported while it worked for a run of the scheduler';

COMMENT ON TABLE nex_backup.leases IS 'which executor works on which run';
COMMENT ON COLUMN nex_backup.leases.session_role IS 'role that the executor, and the tool that it starts, connects as';
COMMENT ON COLUMN nex_backup.leases.fence IS 'token that only the current holder of the run has';
COMMENT ON TABLE nex_backup.executor_sessions IS 'leader in the server and agents, with their sessions';
COMMENT ON COLUMN nex_backup.executor_sessions.last_seen IS
	'when the row last changed, or an hour ago at most; nex_backup.executors has the exact time';
COMMENT ON TABLE nex_backup.scheduler IS 'cluster that the jobs were confirmed for, and why they are suspended';
COMMENT ON TABLE nex_backup.alarms IS 'failures, recoveries and missed runs to report to somebody';

COMMENT ON VIEW nex_backup.verifications IS 'every verification, by the tool or in the server';
COMMENT ON VIEW nex_backup.places IS 'where repositories are, and their copies';
COMMENT ON VIEW nex_backup.archive IS 'whether the WAL of this server is archived, and what waits';
COMMENT ON VIEW nex_backup.executors IS 'leader in the server and agents, and when each was last seen';
COMMENT ON VIEW nex_backup.connections IS
	'connections of the tool to this server: what they are doing, how old their snapshots are, and how many sessions wait behind their locks';
COMMENT ON VIEW nex_backup.progress IS 'runs in progress';

COMMENT ON FUNCTION @extschema@.nex_backup_status() IS 'state of backups, repositories, jobs and scheduler';
COMMENT ON FUNCTION @extschema@.nex_backup_sync(text) IS 'read a repository into the catalog';
COMMENT ON FUNCTION @extschema@.nex_backup_verify(text, text) IS 'check the files of a backup against their checksums';
COMMENT ON FUNCTION @extschema@.nex_backup_archive_now(interval) IS 'close the present segment of WAL, and wait until it is archived';
COMMENT ON FUNCTION @extschema@.nex_backup_create_restore_point(text) IS 'create a named point in WAL, and record it';
COMMENT ON FUNCTION @extschema@.nex_backup_restore_points() IS 'named points in WAL, latest first';
COMMENT ON FUNCTION @extschema@.nex_backup_next_runs(text, text, int4, timestamptz) IS 'times when a schedule is due';
COMMENT ON FUNCTION @extschema@.nex_backup_schedule(text, text, text, text, text, text, text, int4, interval, text, interval, interval,
	interval, text, interval, text, jsonb) IS 'define a job';
COMMENT ON FUNCTION @extschema@.nex_backup_alter_job(text, text, text, text, text, text, bool, int4, interval, text, interval, interval,
	interval, text, interval, text, jsonb) IS 'change a job';
COMMENT ON FUNCTION @extschema@.nex_backup_unschedule(text) IS 'remove a job';
COMMENT ON FUNCTION @extschema@.nex_backup_resume_jobs(text) IS 'confirm suspended jobs, so that they run';
COMMENT ON FUNCTION @extschema@.nex_backup_setup_default_jobs(text, text, text) IS 'define jobs that back up, verify and expire';
COMMENT ON FUNCTION @extschema@.nex_backup_run(text, text, text, text, jsonb, interval, bool) IS 'run a job, or back up a database, now';
COMMENT ON FUNCTION @extschema@.nex_backup_cancel(int8, bool) IS 'cancel a run';
COMMENT ON FUNCTION @extschema@.nex_backup_create_repository(text) IS 'create a repository';
COMMENT ON FUNCTION nex_backup.record(text, jsonb) IS 'report of the tool about a backup, verify, restore, expire or copy';

