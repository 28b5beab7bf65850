--
-- Privileges: nothing of this step is for PUBLIC.
--
REVOKE ALL ON ALL TABLES IN SCHEMA nex_backup FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA nex_backup FROM PUBLIC;
