
--
-- Who decides about the queue does it alone.  Not by an advisory lock of SQL, which anybody who may connect can
-- hold, nor by one on a table, which the owner of the database holds by an ANALYZE in a transaction, nor on a row,
-- which writes WAL: by a lock that nothing but this function takes.
--
CREATE OR REPLACE FUNCTION nex_backup.lock_queue()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_lock_queue'
LANGUAGE C STRICT VOLATILE;
