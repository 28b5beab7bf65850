--
-- Privileges and owners.
--

-- Only of what this script has made: what was there before keeps what users have granted and revoked.  Functions go by
-- their names, which are all different.  record() is for the role that the tool connects as, and what agents call for
-- theirs: that is granted by hand.
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN
		WITH made AS (
			SELECT d.classid, d.objid
			FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
				AND d.deptype = 'e' AND d.xmin = e.xmin
			WHERE e.extname = 'nex_backup'),
		functions AS (
			SELECT p.oid, p.proname FROM made m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid)
		SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.oid::regprocedure) FROM functions f
		UNION ALL
		SELECT format('GRANT EXECUTE ON FUNCTION %s TO %s', f.oid::regprocedure, g.role)
		FROM (VALUES
				('pg_monitor', '{nex_backup_status,nex_backup_restore_points,nex_backup_next_runs,
					now,next_run,setting,is_preloaded,leader_state,scheduler_state,scheduler_status,alarm_state,
					repository_state,gone_backups,archive_state,archive_text,copies_status,copies_to,job_repositories,lock_text,owner_risk,
					age_text,count_text,encryption_text,in_use_text,is_file_set,owner_text,process_text,shown,
					trimmed_location,valid_text}'::text[]),
				('pg_read_server_files', '{nex_backup_sync,nex_backup_verify}'),
				('pg_execute_server_program', '{nex_backup_schedule,nex_backup_alter_job,nex_backup_unschedule,
					nex_backup_resume_jobs,nex_backup_setup_default_jobs,nex_backup_run,nex_backup_cancel,
					nex_backup_create_repository,nex_backup_next_runs,now,next_run}')) g (role, names)
			JOIN functions f ON f.proname = ANY (g.names)
		UNION ALL
		SELECT format('GRANT SELECT ON %s TO pg_monitor', c.oid::regclass)
		FROM made m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind IN ('r', 'v')
		UNION ALL
		SELECT format('GRANT USAGE ON SCHEMA %I TO pg_monitor, pg_read_server_files, pg_execute_server_program', n.nspname)
		FROM made m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
	LOOP
		EXECUTE command;
	END LOOP;
END
$$;

-- An update by another superuser than the one who created the extension must not divide it between two owners: a
-- function runs as its owner, and needs what the others hold.
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN
		SELECT format('ALTER %s %s OWNER TO %I', m.kind, m.name, pg_get_userbyid(e.extowner))
		FROM pg_extension e
			JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
			JOIN (
				SELECT 'pg_proc'::regclass AS class, p.oid, p.proowner AS owner, 'FUNCTION' AS kind,
					p.oid::regprocedure::text AS name
				FROM pg_proc p
				UNION ALL
				SELECT 'pg_class'::regclass, c.oid, c.relowner, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
					c.oid::regclass::text
				FROM pg_class c WHERE c.relkind IN ('r', 'v')) m ON m.class = d.classid AND m.oid = d.objid
		WHERE e.extname = 'nex_backup' AND m.owner <> e.extowner
	LOOP
		EXECUTE command;
	END LOOP;
END
$$;

-- What a script of an extension grants or revokes makes PostgreSQL note all privileges of that object as the extension's
-- own, those that users have granted included, and pg_dump then leaves these out.  The owner's privileges and those of
-- predefined roles are the extension's.
UPDATE pg_init_privs i
SET initprivs = own.privileges
FROM (
	SELECT n.objoid, n.classoid, n.objsubid, array_agg(u.item ORDER BY u.place) AS privileges
	FROM pg_extension e
		JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.objsubid = 0
			AND d.deptype = 'e'
		JOIN pg_init_privs n ON n.classoid = d.classid AND n.objoid = d.objid,
		LATERAL unnest(n.initprivs) WITH ORDINALITY u (item, place)
	WHERE e.extname = 'nex_backup' AND NOT EXISTS (SELECT FROM aclexplode(ARRAY[u.item]) a
		WHERE a.grantee <> a.grantor AND a.grantee <> 0 AND pg_get_userbyid(a.grantee) !~ '^pg_')
	GROUP BY n.objoid, n.classoid, n.objsubid) own
WHERE i.objoid = own.objoid AND i.classoid = own.classoid AND i.objsubid = own.objsubid AND i.initprivs <> own.privileges;

