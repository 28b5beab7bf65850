
--
-- Jobs that come by a copy do not run until somebody has confirmed them, however they come: also as a load with triggers
-- switched off (pg_restore --disable-triggers), and as logical replication applies rows.
--
ALTER TABLE nex_backup.jobs ENABLE ALWAYS TRIGGER suspend_inserted_job;
