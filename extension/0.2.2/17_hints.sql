
--
-- Hints to agents, which nobody else can hold up.
--
-- A commit that notifies has a lock that all others of the cluster that notify wait for, and keeps it while it waits for a
-- synchronous standby.  With a standby that is lost, whoever reported the end of a run would wait behind it, and not be
-- committed.  So no hint is given then; without one, an agent looks within a minute.
--
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
