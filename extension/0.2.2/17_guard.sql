
--
-- Is the worker there that cancels what keeps the extension from its tables?
--

-- Why not; NULL if all is well.
CREATE FUNCTION nex_backup.guard_problem()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_guard_problem'
LANGUAGE C STRICT VOLATILE;
