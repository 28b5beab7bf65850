--
-- The end of each script: undoes what its beginning has made or changed.  A script before this may have had other names.
--
SET LOCAL search_path TO pg_catalog, pg_temp;

DROP FUNCTION pg_catalog.nex_backup_step_version(), pg_catalog.nex_backup_step_lock(oid[]),
	pg_catalog.nex_backup_step_check();

UPDATE pg_default_acl a
SET defaclrole = r.oid
FROM pg_roles r
WHERE a.defaclrole = 0 AND r.rolname = CURRENT_USER;
