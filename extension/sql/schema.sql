--
-- The catalog: a mirror of what repositories hold and of what the tool did.  nex_backup_sync() rebuilds the first half
-- from a repository at any time.
--
CREATE SCHEMA nex_backup;

