
-- The end of each step: what its beginning has made.
DROP FUNCTION pg_catalog.nex_backup_step_version(), pg_catalog.nex_backup_step_lock(pg_catalog.oid[]),
	pg_catalog.nex_backup_step_check();

UPDATE pg_catalog.pg_default_acl a
SET defaclrole = r.oid
FROM pg_catalog.pg_roles r
WHERE a.defaclrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid AND r.rolname OPERATOR(pg_catalog.=) CURRENT_USER;
