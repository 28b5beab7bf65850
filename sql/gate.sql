-- Whose authority counts: that of the call, not that of the session.
SET client_min_messages = warning;
\set VERBOSITY terse
\set SHOW_CONTEXT never
CREATE ROLE regress_nex_reader2;
GRANT pg_read_server_files TO regress_nex_reader2;
CREATE ROLE regress_nex_op;
CREATE SCHEMA regress_nex_op AUTHORIZATION regress_nex_op;
GRANT EXECUTE ON FUNCTION nex_backup_sync(text), nex_backup_verify(text, text), nex_backup_run(text, text, text, text, jsonb, interval, bool),
	nex_backup_cancel(int8, bool), nex_backup_create_repository(text), nex_backup_unschedule(text), nex_backup_resume_jobs(text),
	nex_backup_setup_default_jobs(text, text, text) TO regress_nex_op;
GRANT USAGE ON SCHEMA regress_nex_op TO regress_nex_reader2;
GRANT EXECUTE ON FUNCTION nex_backup_sync(text) TO regress_nex_reader2;

-- The role itself may call them, and gets nowhere
SET ROLE regress_nex_op;
SELECT nex_backup_sync('/nonexistent/repository');
SELECT nex_backup_verify('x', '/nonexistent/repository');
RESET ROLE;
SET ROLE regress_nex_reader2;
SELECT nex_backup_sync('/nonexistent/repository');
RESET ROLE;

-- Code of the role in what a superuser does to its tables: each public function, in each way
SET ROLE regress_nex_op;
CREATE TABLE regress_nex_op.armed (armed bool);
INSERT INTO regress_nex_op.armed VALUES (false);
CREATE FUNCTION regress_nex_op.attempt(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	IF NOT (SELECT a.armed FROM regress_nex_op.armed a) THEN
		RETURN i;
	END IF;
	FOREACH statement IN ARRAY ARRAY['nex_backup_sync(''/nonexistent/repository'')', 'nex_backup_verify(''x'', ''/nonexistent/repository'')',
		'nex_backup_run(''nosuch'')', 'nex_backup_cancel(1)', 'nex_backup_create_repository(''relative'')', 'nex_backup_unschedule(''x'')',
		'nex_backup_resume_jobs(''x'')', 'nex_backup_setup_default_jobs(''nosuch'')'] LOOP
		BEGIN
			EXECUTE 'SELECT public.' || statement;
			RAISE WARNING '%: done', statement;
		EXCEPTION WHEN others THEN
			RAISE WARNING '%: %', split_part(statement, '(', 1), sqlerrm;
		END;
	END LOOP;
	RETURN i;
END
$$;
CREATE TABLE regress_nex_op.t (i int);
INSERT INTO regress_nex_op.t VALUES (1);
CREATE INDEX t_attempt ON regress_nex_op.t (regress_nex_op.attempt(i));
CREATE MATERIALIZED VIEW regress_nex_op.m AS SELECT regress_nex_op.attempt(i) FROM regress_nex_op.t;
UPDATE regress_nex_op.armed SET armed = true;
RESET ROLE;
ANALYZE regress_nex_op.t;
VACUUM (ANALYZE) regress_nex_op.t;
VACUUM FULL regress_nex_op.t;
REINDEX INDEX regress_nex_op.t_attempt;
CLUSTER regress_nex_op.t USING t_attempt;
REFRESH MATERIALIZED VIEW regress_nex_op.m;
CREATE INDEX t_again ON regress_nex_op.t (regress_nex_op.attempt(i));
CREATE INDEX CONCURRENTLY t_twice ON regress_nex_op.t (regress_nex_op.attempt(i));

-- A function of the role, which a superuser calls or sets off, has the authority of the role if it is
-- SECURITY DEFINER, and else that of the superuser, as all SQL
SET ROLE regress_nex_op;
CREATE FUNCTION regress_nex_op.as_definer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM public.nex_backup_sync('/nonexistent/repository');
	RETURN NEW;
END
$$;
CREATE TABLE regress_nex_op.u (i int);
CREATE TRIGGER as_definer BEFORE INSERT ON regress_nex_op.u FOR EACH ROW EXECUTE FUNCTION regress_nex_op.as_definer();
RESET ROLE;
INSERT INTO regress_nex_op.u VALUES (1);

-- A SECURITY DEFINER function of somebody who may is a way to let others do just that
CREATE FUNCTION regress_nex_op.for_others() RETURNS record LANGUAGE sql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS $$ SELECT public.nex_backup_sync('/nonexistent/repository') $$;
SET ROLE regress_nex_op;
SELECT regress_nex_op.for_others();
SELECT nex_backup_sync('/nonexistent/repository');
RESET ROLE;

-- The role is that of each call, also of a statement that was prepared by another
PREPARE again AS SELECT nex_backup_sync('/nonexistent/repository');
EXECUTE again;
SET ROLE regress_nex_op;
EXECUTE again;
RESET ROLE;
EXECUTE again;
DEALLOCATE again;

-- Internal functions, where somebody granted them, know of no caller, even after one that ended with an error
DO $$
BEGIN
	BEGIN
		INSERT INTO regress_nex_op.u VALUES (1);
	EXCEPTION WHEN insufficient_privilege THEN
		RAISE WARNING '%', sqlerrm;
	END;
	PERFORM nex_backup.caller();
END
$$;
GRANT USAGE ON SCHEMA nex_backup TO regress_nex_op;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nex_backup TO regress_nex_op;
SET ROLE regress_nex_op;
SELECT nex_backup.caller();
SELECT nex_backup.check_caller();
SELECT nex_backup.perform('{"call": "cancel", "run": 1}', false, false);
SELECT nex_backup.run('x', 'backup', '/x', 'manual', '{}', NULL, false);
SELECT nex_backup.sync('/nonexistent/repository');
SELECT nex_backup.resume_jobs(NULL);
SELECT nex_backup.take_report('verify', '{}', 10, true);
SELECT nex_backup.acquire_queue_lock();
SELECT nex_backup.role_of_call();
SELECT nex_backup.note_delivery('{1}');
RESET ROLE;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA nex_backup FROM regress_nex_op;

-- Nobody but the owner may execute what is behind the gate, and everything there acts as its owner
SELECT p.oid::regprocedure
FROM pg_proc g
	JOIN pg_proc p ON p.proname = substr(g.proname, 12) AND p.proargtypes = g.proargtypes
		AND p.pronamespace = 'nex_backup'::regnamespace
WHERE g.prosrc = 'nex_backup_gate' AND (p.prosrc <> 'nex_backup_owner_entry' OR p.proretset <> g.proretset OR p.prorettype <> g.prorettype
	OR EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee <> p.proowner));
SELECT count(*) FROM pg_proc g WHERE g.prosrc = 'nex_backup_gate';
-- No function is SECURITY DEFINER, as it would not know its caller
SELECT p.oid::regprocedure FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'nex_backup') AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	AND p.prosecdef;

-- No SQL runs as its owner but behind an entry, which holds the extension first
SELECT p.oid::regprocedure FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid JOIN pg_language l ON l.oid = p.prolang
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'nex_backup') AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	AND l.lanname <> 'c' AND (p.prosecdef OR p.proname ~ '^nex_backup_');

DROP FUNCTION regress_nex_op.for_others();
DROP OWNED BY regress_nex_op;
DROP ROLE regress_nex_op;
DROP OWNED BY regress_nex_reader2;
DROP ROLE regress_nex_reader2;
