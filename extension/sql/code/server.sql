--
-- What the library knows, and what it is told.  Decisions that depend on the time use nex_backup.now(), which a
-- test can set (nex_backup.testing_clock); measurements use the clock of the server.
--

CREATE OR REPLACE FUNCTION nex_backup.is_preloaded()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_is_preloaded'
LANGUAGE C STRICT STABLE;

-- Version of the library that this session has loaded.
CREATE OR REPLACE FUNCTION nex_backup.library_version()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_library_version'
LANGUAGE C STRICT STABLE;

CREATE OR REPLACE FUNCTION nex_backup.host_name()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_host_name'
LANGUAGE C STRICT STABLE;

-- A setting of nex_backup, whether or not the library was loaded before.
CREATE OR REPLACE FUNCTION nex_backup.setting(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_setting'
LANGUAGE C STRICT STABLE;

CREATE OR REPLACE FUNCTION nex_backup.now()
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_now'
LANGUAGE C STRICT VOLATILE;

-- Has this server been a standby since it started?  Then a new timeline is that of a promotion.
CREATE OR REPLACE FUNCTION nex_backup.was_standby()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_was_standby'
LANGUAGE C STRICT STABLE;

-- Wake the leader at commit.
CREATE OR REPLACE FUNCTION nex_backup.wake()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_wake'
LANGUAGE C STRICT VOLATILE;

-- Give a hint to agents.  The queue of notifications is one for the whole cluster, and anybody who may connect to any
-- database can fill it; a transaction that notifies then fails.  A commit that notifies holds a lock that all others of
-- the cluster that notify wait for, also while it waits for a synchronous standby.  So only agents get hints, only while
-- there is room, and not while such a commit waits.  Without a hint, an agent looks within a minute.
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

-- State of the leader of this server; no row without a leader in this database.  advanced: when a turn last
-- succeeded.  problem and failing: what went wrong in the last turn, and since when.  clock: the time that it used
-- in its last turn.
CREATE OR REPLACE FUNCTION nex_backup.leader_state(OUT pid int4, OUT advanced timestamptz, OUT clock timestamptz,
	OUT failing timestamptz, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_leader_state'
LANGUAGE C STRICT VOLATILE;

-- What is wrong with the worker that cancels statements in the way of the extension (guard.c); NULL if nothing.
CREATE OR REPLACE FUNCTION nex_backup.guard_problem()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_guard_problem'
LANGUAGE C STRICT VOLATILE;
