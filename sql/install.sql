-- Installing, looking at what is there, dropping.
CREATE EXTENSION nex_backup;
SELECT extname, extversion FROM pg_extension WHERE extname = 'nex_backup';

-- Every relation of ours
SELECT c.relkind, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'nex_backup' AND c.relkind IN ('r', 'v', 'S')
ORDER BY 1, 2;

-- Every function of ours is C or has its search_path pinned
SELECT p.proname
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'nex_backup'
	JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname <> 'c' AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false);

-- PUBLIC may do nothing with them, nor with the tables, nor see the schema
SELECT p.proname
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'nex_backup',
	LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE a.grantee = 0;
SELECT c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
	LATERAL aclexplode(c.relacl) a
WHERE n.nspname = 'nex_backup' AND a.grantee = 0;
SELECT count(*) FROM pg_namespace n, LATERAL aclexplode(n.nspacl) a
WHERE n.nspname = 'nex_backup' AND a.grantee = 0;

-- The extension cannot be moved, and goes without a trace
ALTER EXTENSION nex_backup SET SCHEMA pg_catalog;
DROP EXTENSION nex_backup;
SELECT count(*) FROM pg_namespace WHERE nspname = 'nex_backup';

-- A schema that somebody made before is not taken over
CREATE SCHEMA nex_backup;
\set SHOW_CONTEXT never
CREATE EXTENSION nex_backup;
DROP SCHEMA nex_backup;
CREATE EXTENSION nex_backup;
