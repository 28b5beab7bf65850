--
-- What the library knows, and what it is told.
--

CREATE OR REPLACE FUNCTION nex_backup.is_preloaded()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_is_preloaded'
LANGUAGE C STRICT STABLE;

-- The version of the library that this session has loaded.
CREATE OR REPLACE FUNCTION nex_backup.library_version()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_library_version'
LANGUAGE C STRICT STABLE;

CREATE OR REPLACE FUNCTION nex_backup.host_name()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_host_name'
LANGUAGE C STRICT STABLE;

-- A setting of ours, whether or not the library was loaded before.
CREATE OR REPLACE FUNCTION nex_backup.setting(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_setting'
LANGUAGE C STRICT STABLE;

CREATE OR REPLACE FUNCTION nex_backup.now()
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_now'
LANGUAGE C STRICT VOLATILE;

-- Has this server been a standby since it was started?  Then its new timeline is that of a promotion.
CREATE OR REPLACE FUNCTION nex_backup.was_standby()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_was_standby'
LANGUAGE C STRICT STABLE;

-- At commit, let the leader look at the queue.
CREATE OR REPLACE FUNCTION nex_backup.wake()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_wake'
LANGUAGE C STRICT VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.tell(what text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF nex_backup.setting('executor') = 'agent' AND pg_notification_queue_usage() < 0.5
		AND NOT EXISTS (SELECT FROM pg_locks l, pg_stat_get_activity(l.pid) a
			WHERE l.locktype = 'object' AND l.database = 0 AND l.classid = 'pg_database'::regclass AND l.objid = 0 AND l.granted
				AND a.wait_event = 'SyncRep') THEN
		PERFORM pg_notify('nex_backup', what);
	END IF;
END
$$;

-- What the leader of this server has last said of itself: no row without a leader in this database.  advanced: when a
-- turn last succeeded; problem: why the last one did not, and failing since when.  clock: the time it believed in then.
CREATE OR REPLACE FUNCTION nex_backup.leader_state(OUT pid int4, OUT advanced timestamptz, OUT clock timestamptz,
	OUT failing timestamptz, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_leader_state'
LANGUAGE C STRICT VOLATILE;

-- Why not; NULL if all is well.
CREATE OR REPLACE FUNCTION nex_backup.guard_problem()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_guard_problem'
LANGUAGE C STRICT VOLATILE;
