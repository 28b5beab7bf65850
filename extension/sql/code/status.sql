--
-- nex_backup_status().
--

-- Which session has locked the catalog.  Reads no table of it.
CREATE OR REPLACE FUNCTION nex_backup.lock_text()
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

-- Roles that are not superusers and could harm the extension.  The owner of the database or of the schema that it
-- was created in can drop it.  A function of the same name there, or in a schema named like a superuser ("$user"),
-- is called instead of that of the extension: always, if its schema comes first; in the same schema, if its
-- argument types fit a call better.
CREATE OR REPLACE FUNCTION nex_backup.owner_risk()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT o.risk
	FROM (SELECT 1 AS place, d.datdba AS owner, '' AS name,
			format('database %I belongs to role %s, which is not a superuser and can drop the extension with its catalog',
				d.datname, d.datdba::regrole) AS risk
			FROM pg_database d WHERE d.datname = current_database()
		UNION ALL
		SELECT 2, n.nspowner, '',
			format('schema %I belongs to role %s, which is not a superuser and can drop the extension with its catalog',
				n.nspname, n.nspowner::regrole)
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'nex_backup' AND n.nspowner <> 'pg_database_owner'::regrole
		UNION ALL
		SELECT 3, p.proowner, f.name,
			format('%s of role %s can be called in the place of a function of the extension: DROP %s removes it', f.name,
				p.proowner::regrole, f.name)
		FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
				AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
			JOIN pg_proc m ON m.oid = d.objid AND m.pronamespace = e.extnamespace
			JOIN pg_proc p ON p.proname = m.proname
			JOIN pg_namespace n ON n.oid = p.pronamespace,
			LATERAL (SELECT format('%s %s', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
				format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))) AS name) f
		WHERE e.extname = 'nex_backup'
			AND (n.oid = e.extnamespace OR EXISTS (SELECT FROM pg_roles s WHERE s.rolsuper AND s.rolname = n.nspname))
			AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = 'pg_proc'::regclass AND o.objid = p.oid
				AND o.refclassid = 'pg_extension'::regclass AND o.refobjid = e.oid AND o.deptype = 'e')) o
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = o.owner AND r.rolsuper)
	ORDER BY o.place, o.name LIMIT 1
$$;

-- Monitoring must get an answer, so a locked catalog is a row, not an error (as is what belongs to others, see
-- status_entry.c).
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_status(OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_status_entry'
LANGUAGE C STABLE
SET lock_timeout = '5s';

CREATE OR REPLACE FUNCTION nex_backup.status(OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
#variable_conflict use_column
BEGIN
	BEGIN
		RETURN QUERY
		WITH excepted AS (
			SELECT CASE n.name WHEN 'globals' THEN '' ELSE n.name END AS database
			FROM unnest(string_to_array(current_setting('nex_backup.missed_except', true), ',')) s (word),
				LATERAL (SELECT trim(s.word, ' "') AS name) n
		),
		databases AS MATERIALIZED (
			SELECT nex_backup.valid_text(d.datname) AS name, d.datallowconn AND NOT d.datistemplate AND d.datname <> 'postgres' AS is_used
			FROM pg_database d
		),
		-- Where the server can read, it looks; of other repositories, the tool has reported what is gone.
		gone AS MATERIALIZED (
			SELECT g.repository, g.database, g.id FROM nex_backup.gone_backups() g
			UNION
			SELECT b.repository, b.database, b.id FROM nex_backup.backups b WHERE b.gone IS NOT NULL
		),
		kept AS (
			SELECT b.* FROM nex_backup.backups b
			WHERE NOT EXISTS (SELECT FROM gone g WHERE g.repository = b.repository AND g.database = b.database AND g.id = b.id)
		),
		-- One that a clock which was ahead has dated in the future would stay the latest until then.
		latest AS (
			SELECT DISTINCT ON (b.database) b.*, b.snapshot_at > now() + interval '5 minutes' AS is_ahead
			FROM kept b
			WHERE b.verified_ok IS DISTINCT FROM false
			ORDER BY b.database, b.snapshot_at > now() + interval '5 minutes', b.snapshot_at DESC
		),
		checked AS (
			SELECT DISTINCT ON (b.database) b.database, b.id, b.verified, b.verified_ok, b.verified_inside
			FROM kept b
			WHERE b.verified IS NOT NULL
			ORDER BY b.database, b.verified > now() + interval '5 minutes', b.verified DESC
		),
		last_run AS (
			-- Runs of jobs have rows from scheduler_status().  Do not read columns that may be large.
			SELECT r.id, r.kind, r.repository, r.database, r.file_set, r.copy, r.state, r.job, r.finished
			FROM (SELECT DISTINCT ON (r.kind COLLATE "C", r.database COLLATE "C", r.file_set COLLATE "C", r.copy COLLATE "C") r.id
					FROM nex_backup.runs r
					WHERE r.finished IS NOT NULL AND r.state <> 'skipped' AND r.kind <> 'notify'
					ORDER BY r.kind COLLATE "C", r.database COLLATE "C", r.file_set COLLATE "C", r.copy COLLATE "C",
						r.finished DESC, r.id DESC) l
				JOIN nex_backup.runs r USING (id)
		),
		failures AS (
			SELECT r.id, CASE WHEN NOT r.is_here THEN row_number() OVER (PARTITION BY r.is_here ORDER BY r.is_known DESC, r.finished DESC) END AS place
			FROM (SELECT l.*, CASE WHEN l.copy IS NOT NULL THEN false WHEN l.database IS NULL THEN l.file_set IS NULL
						ELSE l.database = '' OR EXISTS (SELECT FROM databases d WHERE d.name = regexp_replace(l.database, '^main@', '')) END AS is_here,
					EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = l.database AND b.repository = l.repository) AS is_known
				FROM last_run l
				WHERE l.state = ANY (ARRAY['failed', 'timed_out', 'crashed']) AND l.job IS NULL) r
		)
		SELECT nex_backup.shown(c.name), c.status, nex_backup.shown(c.detail)
		FROM (
			SELECT 1 AS place, '' AS key, 'extension' AS name,
				CASE WHEN k.risk IS NOT NULL THEN 'critical' WHEN o.roles IS NOT NULL THEN 'warning' ELSE 'ok' END AS status,
				concat_ws(', ', format('version %s, %s', e.extversion, CASE WHEN nex_backup.is_preloaded() THEN 'preloaded'
					ELSE 'not in shared_preload_libraries' END), k.risk,
					CASE WHEN k.risk IS NULL AND o.roles IS NOT NULL THEN
						format('others can put functions beside those of the extension: REVOKE CREATE ON SCHEMA %I FROM %s', o.schema, o.roles) END) AS detail
			FROM pg_extension e LEFT JOIN (
					SELECT n.oid, n.nspname AS schema,
						string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ') AS roles
					FROM pg_namespace n, LATERAL aclexplode(n.nspacl) a
					WHERE a.privilege_type = 'CREATE' AND a.grantee <> 'pg_database_owner'::regrole
						AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee AND r.rolsuper)
					GROUP BY n.oid, n.nspname) o ON o.oid = e.extnamespace,
				nex_backup.owner_risk() k (risk)
			WHERE e.extname = 'nex_backup'
			UNION ALL
			SELECT 2, r.location, 'repository', CASE WHEN (r.seen).status = 'ok' AND r.in_use IS NOT NULL THEN 'warning' ELSE (r.seen).status END,
				concat_ws(', ', r.location || coalesce(' on ' || r.host, ''), (r.seen).detail, r.in_use,
					nex_backup.count_text(b.backups, 'backup'), pg_size_pretty(b.bytes), r.encryption,
					'last used ' || nex_backup.age_text(r.last_seen))
			FROM (SELECT *, nex_backup.repository_state(p.id) AS seen, nex_backup.encryption_text(p) AS encryption,
						nex_backup.in_use_text(p.in_use_since) AS in_use
					FROM nex_backup.repositories p OFFSET 0) r,
				LATERAL (SELECT count(*) AS backups, coalesce(sum(new_bytes), 0) AS bytes
					FROM nex_backup.backups WHERE repository = r.id) b
			UNION ALL
			SELECT 2, s.key, s.name, s.status, s.detail FROM nex_backup.copies_status() s
			UNION ALL
			SELECT 3, l.database, nex_backup.owner_text('backup', l.database),
				CASE WHEN l.is_ahead AND x.database IS NULL THEN 'warning'
					WHEN l.snapshot_at > now() - interval '@BACKUP_LATE_HOURS@ hours' OR x.database IS NOT NULL THEN 'ok'
					WHEN l.snapshot_at > now() - interval '@BACKUP_LOST_HOURS@ hours' THEN 'warning' ELSE 'critical' END,
				concat_ws(', ', l.id, concat_ws(' ', l.type, format('(%s)', nex_backup.age_text(l.snapshot_at))),
					CASE WHEN l.is_ahead THEN 'the clock of the server or its host was ahead; make another backup' END,
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.tables, 'table') END,
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.rows, 'row') END,
					pg_size_pretty(coalesce(l.stored_bytes, 0)) || ' stored',
					CASE WHEN l.snapshot_at <= now() - interval '@BACKUP_LATE_HOURS@ hours'
						AND x.database IS NOT NULL THEN 'no newer one is expected (nex_backup.missed_except)' END)
			FROM latest l LEFT JOIN excepted x USING (database)
			UNION ALL
			SELECT 3, '', 'globals', 'warning',
				'roles and tablespaces are in no backup; run "nex_backup globals backup", or "nex_backup backup --all"'
			WHERE EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'database')
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'globals')
			UNION ALL
			-- A database all of whose backups are damaged or gone
			SELECT DISTINCT 3, b.database, nex_backup.owner_text('backup', b.database), 'critical', 'no good backup is left'
			FROM nex_backup.backups b
			WHERE NOT EXISTS (SELECT FROM latest l WHERE l.database = b.database)
			UNION ALL
			SELECT 3, g.database || ' gone', nex_backup.owner_text('backups gone', g.database),
				CASE WHEN EXISTS (SELECT FROM latest l WHERE l.database = g.database) THEN 'warning' ELSE 'critical' END,
				format('%s not in "%s" any more, the latest %s; if they were removed on purpose, nex_backup_sync() forgets them',
					CASE g.count WHEN 1 THEN '1 backup is' ELSE format('%s backups are', g.count) END, r.location, g.latest)
			FROM (SELECT g.repository, g.database, count(*) AS count, max(g.id) AS latest FROM gone g GROUP BY 1, 2) g
				JOIN nex_backup.repositories r ON r.id = g.repository
			UNION ALL
			-- Only a catalog that has backups of other databases can be expected to know all of them.
			SELECT 3, 'uncovered', 'databases without backup', 'warning',
				string_agg(format('%I', d.name), ', ' ORDER BY d.name COLLATE "C")
			FROM databases d
			WHERE d.is_used
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = ANY (ARRAY[d.name, 'main@' || d.name]))
				AND NOT EXISTS (SELECT FROM excepted x WHERE x.database = d.name)
				AND EXISTS (SELECT FROM latest l WHERE l.database <> current_database() AND l.kind = 'database'
					AND l.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c))
			HAVING count(*) > 0
			UNION ALL
			-- A set of files all of whose backups were forgotten, or that was not backed up yet
			SELECT 3, s.database, nex_backup.owner_text('backup', s.database), 'warning',
				format('no backup is known, though job "%s" makes them', s.job)
			FROM (SELECT 'config/' || coalesce(j.options ->> 'set', 'default') AS database, min(j.name COLLATE "C") AS job
					FROM nex_backup.jobs j WHERE j.kind = 'config' AND j.enabled GROUP BY 1) s
			WHERE NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = s.database)
				AND NOT EXISTS (SELECT FROM excepted x WHERE x.database = s.database)
			UNION ALL
			SELECT 4, l.database, nex_backup.owner_text('verify', l.database),
				CASE WHEN NOT c.verified_ok THEN 'critical'
					WHEN c.verified > now() + interval '5 minutes' AND x.database IS NULL THEN 'warning'
					WHEN c.verified > now() - interval '@VERIFY_LATE_DAYS@ days' OR x.database IS NOT NULL THEN 'ok' ELSE 'warning' END,
				CASE WHEN c.id IS NULL THEN 'never verified; run "nex_backup verify" or nex_backup_verify()'
					ELSE concat_ws(', ', format('%s %s %s', c.id, CASE WHEN c.verified_ok THEN 'was good'
							ELSE 'IS DAMAGED, found' END, nex_backup.age_text(c.verified)),
						CASE WHEN c.verified_ok AND NOT c.verified_inside
							THEN 'stored bytes only: what is in it was not looked at' END) END
			FROM (SELECT database FROM latest UNION SELECT database FROM checked) l LEFT JOIN checked c USING (database)
				LEFT JOIN excepted x USING (database)
			UNION ALL
			SELECT 5, r.kind || coalesce(r.database, ''),
				-- The name of a database or a set may be anything that somebody reported.
				CASE WHEN r.database IS NULL AND r.file_set IS NOT NULL THEN format('last %s of files of set %s', r.kind, left(r.file_set, 100))
					ELSE nex_backup.owner_text('last ' || r.kind, coalesce(r.database, 'all')) END, 'warning',
				concat_ws(', ', r.copy, format('%s %s: %s', r.state, nex_backup.age_text(r.finished), coalesce(
					CASE WHEN char_length(r.error) > 500 THEN left(r.error, 500) || ' ...' ELSE r.error END, r.reason, 'no reason given')))
			FROM failures f JOIN nex_backup.runs r USING (id)
			WHERE f.place IS NULL OR f.place <= 100
			UNION ALL
			SELECT 5, 'w', 'other failures', 'warning',
				format('%s more of databases of other servers and of sets of files; see nex_backup.runs', count(*))
			FROM failures r
			WHERE r.place > 100
			HAVING count(*) > 0
			UNION ALL
			SELECT 6, '', 'restore points', 'ok',
				CASE WHEN count(*) = 0 THEN 'none'
					ELSE format('%s, the latest "%s" %s', count(*), (array_agg(p.name ORDER BY p.created DESC))[1],
						nex_backup.age_text(max(p.created))) END
			FROM nex_backup.restore_points p
			UNION ALL
			SELECT 6, 'wal', 'archive',
				CASE WHEN a.waiting_since < now() - interval '@ARCHIVE_LOST_MINUTES@ minutes' THEN 'critical'
					WHEN a.is_failing OR a.waiting_since < now() - interval '@ARCHIVE_LATE_MINUTES@ minutes' THEN 'warning' ELSE 'ok' END,
				nex_backup.archive_text(CASE WHEN a.ready_files > 0 THEN format('%s (%s) to be archived, the first since %s',
						nex_backup.count_text(a.ready_files, 'file'), pg_size_pretty(a.ready_bytes), a.waiting_since) END,
					a.last_archived, a.last_time, CASE WHEN a.is_failing THEN a.last_failed END, a.last_failed_time)
			FROM nex_backup.archive_state() a
			WHERE a.mode <> 'off'
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
