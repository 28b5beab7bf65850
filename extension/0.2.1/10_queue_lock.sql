
--
-- Who decides about the queue does it alone.  Not by an advisory lock of SQL, which anybody who may connect can
-- hold, nor by one on a table, which the owner of the database holds by an ANALYZE in a transaction, nor on a row,
-- which writes WAL: by a lock that nothing but this function takes.
--
CREATE FUNCTION nex_backup.acquire_queue_lock()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_lock_queue'
LANGUAGE C STRICT VOLATILE;

-- Who has that lock: an agent that was stopped in a transaction, for instance.
CREATE FUNCTION nex_backup.queue_holder()
RETURNS int4
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(l.pid) FROM pg_locks l
	WHERE l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		AND l.classid = 1852143714 AND l.objid = 1 AND l.objsubid = 3 AND l.granted AND l.pid <> pg_backend_pid()
$$;

CREATE OR REPLACE FUNCTION nex_backup.lock_queue()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder int4;
BEGIN
	PERFORM nex_backup.acquire_queue_lock();
EXCEPTION WHEN lock_not_available THEN
	holder := nex_backup.queue_holder();
	RAISE EXCEPTION 'lock timeout: the queue is locked by %', CASE WHEN holder IS NULL THEN 'another process' ELSE nex_backup.process_text(holder) END
		USING ERRCODE = 'lock_not_available',
			HINT = coalesce('SELECT pg_terminate_backend(' || holder || ') ends that session.', 'Try again.');
END
$$;
