--
-- Default privileges of whoever creates the extension are for what that role makes for its users.  While a step makes
-- something, they are out of the way.
--
UPDATE pg_default_acl a
SET defaclrole = 0
FROM pg_roles r
WHERE r.oid = a.defaclrole AND r.rolname = CURRENT_USER;

