
--
-- nex_backup_status(): the one definition of this step. Whoever has something to say adds rows here.
--

-- Who keeps everybody from reading the catalogue.  It looks at no table of it.
CREATE FUNCTION nex_backup.lock_text()
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT CASE WHEN l.granted
				THEN format('locked by %s: %s of %s', nex_backup.process_text(l.pid), l.mode, c.relname)
				ELSE format('locked: %s waits for an %s of %s behind %s', nex_backup.process_text(l.pid), l.mode, c.relname,
					(SELECT string_agg(nex_backup.process_text(b.pid), ', ' ORDER BY b.pid)
						FROM unnest(pg_blocking_pids(l.pid)) b (pid))) END
			FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
			WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
				AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
				AND c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'nex_backup')
			ORDER BY l.granted DESC, l.waitstart, l.pid LIMIT 1),
		'it was locked for five seconds, by whom is not known')
$$;

-- Who can drop the extension, with all that the catalogue knows, and is not a superuser: the owner of the database or of
-- the schema that it was created in.
CREATE FUNCTION nex_backup.owner_risk()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s belongs to role %s, which is not a superuser and can drop the extension with its catalogue', o.what, o.owner)
	FROM (SELECT 1 AS place, format('database %I', d.datname) AS what, d.datdba::regrole AS owner
			FROM pg_database d WHERE d.datname = current_database()
		UNION ALL
		SELECT 2, format('schema %I', n.nspname), n.nspowner::regrole
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'nex_backup' AND n.nspowner <> 'pg_database_owner'::regrole) o
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = o.owner AND r.rolsuper)
	ORDER BY o.place LIMIT 1
$$;

-- What is locked is a row as well (and what belongs to others, see status_entry.c), and not an error: monitoring must get an answer.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_status(OUT name pg_catalog.text, OUT status pg_catalog.text, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
#variable_conflict use_column
BEGIN
	BEGIN
		RETURN QUERY
		WITH latest AS (
			SELECT DISTINCT ON (b.database) b.*
			FROM nex_backup.backups b
			WHERE b.verified_ok IS DISTINCT FROM false
			ORDER BY b.database, b.snapshot_at DESC
		),
		checked AS (
			SELECT DISTINCT ON (b.database) b.database, b.id, b.verified, b.verified_ok, b.verified_inside
			FROM nex_backup.backups b
			WHERE b.verified IS NOT NULL
			ORDER BY b.database, b.verified DESC
		),
		last_run AS (
			-- Runs of jobs have their own rows, from scheduler_status().
			SELECT DISTINCT ON (r.kind, r.database) r.*
			FROM nex_backup.runs r
			WHERE r.finished IS NOT NULL AND r.state <> 'skipped' AND r.kind <> 'notify'
			ORDER BY r.kind, r.database, r.finished DESC, r.id DESC
		)
		SELECT nex_backup.shown(c.name), c.status, nex_backup.shown(c.detail)
		FROM (
			SELECT 1 AS place, '' AS key, 'extension' AS name, CASE WHEN k.risk IS NULL THEN 'ok' ELSE 'critical' END AS status,
				concat_ws(', ', format('version %s, %s', e.extversion, CASE WHEN nex_backup.is_preloaded() THEN 'preloaded'
					ELSE 'not in shared_preload_libraries' END), k.risk) AS detail
			FROM pg_extension e, nex_backup.owner_risk() k (risk) WHERE e.extname = 'nex_backup'
			UNION ALL
			SELECT 2, r.location, 'repository', (r.seen).status,
				concat_ws(', ', r.location || coalesce(' on ' || r.host, ''), (r.seen).detail,
					nex_backup.count_text(b.backups, 'backup'), pg_size_pretty(b.bytes), r.encryption,
					'last used ' || nex_backup.age_text(r.last_seen))
			FROM (SELECT *, nex_backup.repository_state(p.id) AS seen, nex_backup.encryption_text(p) AS encryption
					FROM nex_backup.repositories p OFFSET 0) r,
				LATERAL (SELECT count(*) AS backups, coalesce(sum(new_bytes), 0) AS bytes
					FROM nex_backup.backups WHERE repository = r.id) b
			UNION ALL
			SELECT 3, '', 'backup', 'critical',
				'no backup is recorded; run "nex_backup backup", or read a repository with nex_backup_sync()'
			WHERE NOT EXISTS (SELECT FROM nex_backup.backups)
			UNION ALL
			SELECT 3, l.database, nex_backup.owner_text('backup', l.database),
				CASE WHEN l.snapshot_at > now() - interval '24 hours' THEN 'ok'
					WHEN l.snapshot_at > now() - interval '48 hours' THEN 'warning' ELSE 'critical' END,
				concat_ws(', ', l.id, format('%s (%s)', l.type, nex_backup.age_text(l.snapshot_at)),
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.tables, 'table') END,
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.rows, 'row') END,
					pg_size_pretty(coalesce(l.stored_bytes, 0)) || ' stored')
			FROM latest l
			UNION ALL
			SELECT 3, '', 'globals', 'warning',
				'roles and tablespaces are in no backup; run "nex_backup globals backup", or "nex_backup backup --all"'
			WHERE EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'database')
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'globals')
			UNION ALL
			-- A database all of whose backups are damaged
			SELECT DISTINCT 3, b.database, nex_backup.owner_text('backup', b.database), 'critical', 'no good backup is left'
			FROM nex_backup.backups b
			WHERE NOT EXISTS (SELECT FROM latest l WHERE l.database = b.database)
			UNION ALL
			-- Only a catalogue of more than its own database can be expected to know of the others.
			SELECT 3, 'uncovered', 'databases without backup', 'warning',
				string_agg(format('%I', nex_backup.valid_text(d.datname)), ', ' ORDER BY d.datname)
			FROM pg_database d
			WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> 'postgres'
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = nex_backup.valid_text(d.datname))
				AND EXISTS (SELECT FROM latest l WHERE l.database <> current_database() AND l.kind = 'database'
					AND l.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c))
			HAVING count(*) > 0
			UNION ALL
			SELECT 4, l.database, nex_backup.owner_text('verify', l.database),
				CASE WHEN NOT c.verified_ok THEN 'critical'
					WHEN c.verified > now() - interval '30 days' THEN 'ok' ELSE 'warning' END,
				CASE WHEN c.id IS NULL THEN 'never verified; run "nex_backup verify" or nex_backup_verify()'
					ELSE concat_ws(', ', format('%s %s %s', c.id, CASE WHEN c.verified_ok THEN 'was good'
							ELSE 'IS DAMAGED, found' END, nex_backup.age_text(c.verified)),
						CASE WHEN c.verified_ok AND NOT c.verified_inside
							THEN 'stored bytes only: what is in it was not looked at' END) END
			FROM (SELECT database FROM latest UNION SELECT database FROM checked) l LEFT JOIN checked c USING (database)
			UNION ALL
			SELECT 5, r.kind || r.database, nex_backup.owner_text('last ' || r.kind, coalesce(r.database, 'all')), 'warning',
				format('%s %s: %s', r.state, nex_backup.age_text(coalesce(r.finished, r.started)),
					coalesce(r.error, r.reason, 'no reason given'))
			FROM last_run r
			WHERE r.state = ANY (ARRAY['failed', 'timed_out', 'crashed']) AND r.job IS NULL
			UNION ALL
			SELECT 6, '', 'restore points', 'ok',
				CASE WHEN count(*) = 0 THEN 'none'
					ELSE format('%s, the latest "%s" %s', count(*), (array_agg(p.name ORDER BY p.created DESC))[1],
						nex_backup.age_text(max(p.created))) END
			FROM nex_backup.restore_points p
			UNION ALL
			SELECT s.place, s.key, s.name, s.status, s.detail FROM nex_backup.scheduler_status() s
		) c
		ORDER BY c.place, c.key;
	EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
		name := 'catalogue';
		status := 'critical';
		detail := nex_backup.shown(nex_backup.lock_text());
		RETURN NEXT;
	END;
END
$$;

ALTER FUNCTION @extschema@.nex_backup_restore_points() SET lock_timeout = '5s';

-- Whoever was granted the parts that the status is made of, gets the new ones.
DO $$
DECLARE
	reader pg_catalog.regrole;
BEGIN
	FOR reader IN
		SELECT a.grantee FROM pg_catalog.pg_proc p, LATERAL pg_catalog.aclexplode(p.proacl) a
		WHERE p.oid OPERATOR(pg_catalog.=) 'nex_backup.age_text(timestamptz)'::pg_catalog.regprocedure
			AND a.privilege_type OPERATOR(pg_catalog.=) 'EXECUTE' AND a.grantee OPERATOR(pg_catalog.<>) p.proowner
			AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
	LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION nex_backup.valid_text(pg_catalog.text), nex_backup.shown(pg_catalog.text), '
			'nex_backup.process_text(pg_catalog.int4), nex_backup.lock_text(), nex_backup.owner_risk() TO %s', reader);
	END LOOP;
END
$$;
