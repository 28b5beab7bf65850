--
-- Copies of a repository in other places: what is known of each.  What is in the repository itself, nex_backup.backups has.
-- nex_backup.repositories has where that is; nothing that happens in a copy changes either.
--

-- A bucket is the same from every host.
CREATE OR REPLACE FUNCTION nex_backup.copy_host(location text, host text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN $1 ~ '^[a-z][a-z0-9+.-]*://' THEN '' ELSE coalesce($2, '') END
$$;

-- Is this place, which is not where the repository was, a copy of it even though backups are made there?  Yes, if the copy
-- is known as one, or if the server sees the repository in its place; no, if the server sees that it is not there any more,
-- or if nothing would be lost, as no backup is recorded.
CREATE OR REPLACE FUNCTION nex_backup.stays_copy(repository text, location text, host text)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.backups b WHERE b.repository = $1)
		AND d.seen !~ '^(NOT THERE|another repository)'
		AND (d.seen = 'readable by the server' OR EXISTS (SELECT FROM nex_backup.copies c
			WHERE c.repository = $1 AND c.location = nex_backup.trimmed_location($2) AND c.host = nex_backup.copy_host($2, $3)))
	FROM nex_backup.gated_repository_state($1) s, LATERAL (SELECT coalesce(s.detail, '') AS seen) d
$$;

-- Record a copy, or that it was used again: when one ended well, and the newest backup there.
CREATE OR REPLACE FUNCTION nex_backup.note_copy(repository text, location text, host text, name text, copied timestamptz,
	newest text, vouched bool)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	place CONSTANT text := nex_backup.trimmed_location($2);
	machine CONSTANT text := nex_backup.copy_host($2, $3);
	made timestamptz;
BEGIN
	PERFORM nex_backup.check_text('location of a copy', place, 1023);
	PERFORM nex_backup.check_text('name of a host', machine, 255);
	PERFORM nex_backup.check_text('name of a copy', $4, 1023);
	IF $6 !~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]{1,9})?$' THEN
		RAISE EXCEPTION 'invalid backup id "%"', left($6, 100) USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- Ids have the time of the host that made the backup.
	made := left($6, 16)::timestamptz;
	PERFORM nex_backup.check_times(made);
	-- A role can name many repositories.
	IF NOT $7 AND ((SELECT count(*) FROM nex_backup.copies c WHERE c.repository = $1) >= 100
			OR (SELECT count(*) FROM nex_backup.copies c JOIN nex_backup.repositories r ON r.id = c.repository WHERE NOT r.vouched) >= 1000)
		AND NOT EXISTS (SELECT FROM nex_backup.copies c WHERE c.repository = $1 AND c.location = place AND c.host = machine) THEN
		RAISE EXCEPTION '100 copies of repository "%" are recorded already, or 1000 of all that nobody has vouched for', $1
			USING ERRCODE = 'configuration_limit_exceeded',
				HINT = 'Delete those that are not used any more from nex_backup.copies.';
	END IF;
	INSERT INTO nex_backup.copies AS c (repository, location, host, name, copied, newest, newest_at)
	VALUES ($1, place, machine, $4, $5, $6, made)
	ON CONFLICT (repository, location, host) DO UPDATE
	SET name = coalesce(EXCLUDED.name, c.name), copied = greatest(EXCLUDED.copied, c.copied),
		newest = CASE WHEN EXCLUDED.newest_at < c.newest_at THEN c.newest ELSE coalesce(EXCLUDED.newest, c.newest) END,
		newest_at = greatest(EXCLUDED.newest_at, c.newest_at), last_seen = now();
END
$$;

-- Is a backup known to be damaged inside, in this copy?
CREATE OR REPLACE FUNCTION nex_backup.copy_is_bad_inside(repository text, location text, host text, database text, id text)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.copies c
		WHERE c.repository = $1 AND c.location = nex_backup.trimmed_location($2) AND c.host = nex_backup.copy_host($2, $3)
			AND nex_backup.backup_key($4, $5) = ANY (c.bad_inside))
$$;

-- Record the verification of a backup in a copy.  As in note_verification(), one that did not look into it says nothing of
-- the damage that another one has found there.
CREATE OR REPLACE FUNCTION nex_backup.note_copy_verified(repository text, location text, host text, database text, id text,
	at timestamptz, good bool, inside bool)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.copies c
	SET verified = greatest($6, c.verified), last_seen = now(),
		bad = (ARRAY(SELECT n.name WHERE NOT $7 OR n.known) || array_remove(c.bad, n.name))[:1000],
		bad_inside = (ARRAY(SELECT n.name WHERE NOT $7 AND $8 OR n.known) || array_remove(c.bad_inside, n.name))[:1000]
	FROM (SELECT nex_backup.backup_key($4, $5) AS name,
			nex_backup.copy_is_bad_inside($1, $2, $3, $4, $5) AND $8 IS NOT TRUE AS known) n
	WHERE c.repository = $1 AND c.location = nex_backup.trimmed_location($2) AND c.host = nex_backup.copy_host($2, $3)
$$;

-- Forget what was found damaged in a copy and is not there any more, by a list of all backups that are.
CREATE OR REPLACE FUNCTION nex_backup.note_copy_present(repository text, location text, host text, present jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.copies c
	SET bad = ARRAY(SELECT w.name FROM unnest(c.bad) WITH ORDINALITY w (name, place) WHERE w.name = ANY (l.names) ORDER BY w.place),
		bad_inside = ARRAY(SELECT w.name FROM unnest(c.bad_inside) WITH ORDINALITY w (name, place) WHERE w.name = ANY (l.names) ORDER BY w.place)
	FROM (SELECT coalesce(array_agg(nex_backup.backup_key(b.database, b.id)), '{}') AS names
		FROM nex_backup.present_backups($4) b) l
	WHERE c.repository = $1 AND c.location = nex_backup.trimmed_location($2) AND c.host = nex_backup.copy_host($2, $3)
		AND c.bad <> '{}'
$$;

-- A copy becomes the repository, if it is one.  What verifications have found is of one place: what they found in the copy
-- counts now, and where nothing bad is known there, nothing is known.
CREATE OR REPLACE FUNCTION nex_backup.promote_copy(repository text, location text, host text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH copy AS (
		DELETE FROM nex_backup.copies c
		WHERE c.repository = $1 AND c.location = nex_backup.trimmed_location($2) AND c.host = nex_backup.copy_host($2, $3)
		RETURNING c.bad, c.bad_inside, c.verified, c.in_use_since
	), place AS (
		UPDATE nex_backup.repositories r SET in_use_since = c.in_use_since FROM copy c WHERE r.id = $1
	)
	UPDATE nex_backup.backups b
	SET (verified, verified_ok, verified_inside) = (SELECT c.verified, false, n.name = ANY (c.bad_inside)
		FROM nex_backup.backup_key(b.database, b.id) n (name) WHERE n.name = ANY (c.bad))
	FROM copy c
	WHERE b.repository = $1
$$;

-- Is this where a job copies to?
CREATE OR REPLACE FUNCTION nex_backup.copies_to(options jsonb, copy nex_backup.copies)
RETURNS bool
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce($1 ->> 'to' = $2.name OR nex_backup.trimmed_location($1 ->> 'to') = $2.location, false)
$$;

-- The repository that a job works on, which its last run knew.  If none has run yet, those at its place, which may be on
-- several hosts.
CREATE OR REPLACE FUNCTION nex_backup.job_repositories(job nex_backup.jobs)
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH last AS MATERIALIZED (
		SELECT r.repository FROM nex_backup.runs r
		WHERE r.job = $1.name AND r.repository IS NOT NULL AND r.location IS NOT DISTINCT FROM $1.repository ORDER BY r.id DESC LIMIT 1
	)
	SELECT l.repository FROM last l
	UNION ALL
	SELECT r.id FROM nex_backup.repositories r
	WHERE NOT EXISTS (SELECT FROM last) AND r.location = nex_backup.trimmed_location($1.repository)
		AND (r.vouched OR NOT EXISTS (SELECT FROM nex_backup.repositories v WHERE v.location = r.location AND v.vouched))
$$;

-- Rows of the status: how many copies there are and how old what is off-site is, and each of them.  A copy is late if its job
-- has come twice since a backup, and there was no copy.  Of repositories that nobody has vouched for, anybody who may report
-- can enter many; those that are bad, and the latest, are shown.
CREATE OR REPLACE FUNCTION nex_backup.copies_status(OUT key text, OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH jobs AS MATERIALIZED (
		SELECT j.name, j.suspended, j.schedule, j.timezone, j.database, j.options, nullif(j.options ->> 'server', 'main') || '@' AS label,
			o.repository
		FROM nex_backup.jobs j LEFT JOIN LATERAL nex_backup.job_repositories(j) o (repository) ON true
		WHERE j.kind = 'copy' AND j.enabled
	),
	due AS MATERIALIZED (
		SELECT j.name AS job, b.repository, b.finished
		FROM jobs j JOIN nex_backup.backups b ON b.repository = j.repository
		WHERE b.gone IS NULL AND b.verified_ok IS DISTINCT FROM false AND (j.database IS NULL OR b.database = concat(j.label, j.database))
			AND (j.label IS NULL OR starts_with(b.database, j.label)) AND b.kind = coalesce(j.options ->> 'kind', b.kind)
	),
	-- Of the backups behind each copy the oldest one, in one pass over both: there may be many of either.
	behind AS (
		SELECT e.*, min(e.at) FILTER (WHERE e.location IS NULL)
			OVER (PARTITION BY e.job, e.repository ORDER BY e.at DESC, e.location IS NULL ROWS UNBOUNDED PRECEDING) AS oldest
		FROM (
			SELECT j.name AS job, j.schedule, j.timezone, c.repository, c.location, c.host, coalesce(c.copied, '-infinity') AS at
			FROM jobs j JOIN nex_backup.copies c ON c.repository = j.repository AND nex_backup.copies_to(j.options, c)
			UNION ALL
			SELECT d.job, NULL, NULL, d.repository, NULL, NULL, d.finished FROM due d
		) e
	),
	late AS MATERIALIZED (
		SELECT b.repository, b.location, b.host, min(b.oldest) AS late
		FROM behind b
		WHERE b.location IS NOT NULL
			AND nex_backup.next_run(b.schedule, b.timezone, nex_backup.next_run(b.schedule, b.timezone, b.oldest)) < nex_backup.now()
		GROUP BY b.repository, b.location, b.host
	),
	known AS MATERIALIZED (
		SELECT c.*, r.location AS original, l.late, c.host <> coalesce(r.host, '') AS off_site,
			nex_backup.in_use_text(c.in_use_since) AS in_use,
			CASE WHEN NOT r.vouched THEN row_number() OVER (PARTITION BY r.vouched
				ORDER BY c.bad <> '{}' DESC, l.late IS NOT NULL OR nex_backup.in_use_text(c.in_use_since) IS NOT NULL DESC, c.last_seen DESC) END AS place
		FROM nex_backup.copies c JOIN nex_backup.repositories r ON r.id = c.repository
			LEFT JOIN late l ON l.repository = c.repository AND l.location = c.location AND l.host = c.host
	),
	shown AS (
		SELECT * FROM known k WHERE k.place IS NULL OR k.place <= 100
	)
	SELECT d.original || ' copies', 'copies', 'ok',
		concat_ws(', ', CASE count(*) WHEN 1 THEN '1 copy' ELSE format('%s copies', count(*)) END || ' of ' || d.original,
			CASE WHEN bool_or(d.off_site AND d.newest IS NOT NULL) THEN 'the newest backup off-site is of ' || nex_backup.age_text(max(d.newest_at) FILTER (WHERE d.off_site))
				ELSE 'none on another host or in a bucket' END)
	FROM shown d GROUP BY d.repository, d.original
	UNION ALL
	SELECT d.original || ' copy ' || d.location, 'copy in ' || d.location,
		CASE WHEN d.bad <> '{}' THEN 'critical' WHEN d.late IS NOT NULL OR d.in_use IS NOT NULL THEN 'warning' ELSE 'ok' END,
		concat_ws(', ', 'on ' || nullif(d.host, ''), CASE WHEN d.copied IS NULL THEN 'no copy ended well yet'
				ELSE 'copied ' || nex_backup.age_text(d.copied) END,
			CASE WHEN d.late IS NOT NULL THEN 'LACKS a backup of ' || nex_backup.age_text(d.late) END,
			'newest backup ' || d.newest, d.in_use,
			regexp_replace(d.bad[1], '^/', 'globals/') || CASE cardinality(d.bad) WHEN 1 THEN ' IS DAMAGED there'
				ELSE format(' and %s ARE DAMAGED there', nex_backup.count_text(cardinality(d.bad) - 1, 'other backup')) END,
			CASE WHEN d.verified IS NULL THEN 'never verified there' ELSE 'verified ' || nex_backup.age_text(d.verified) END)
	FROM shown d
	UNION ALL
	SELECT 'zz', 'other copies', CASE WHEN bool_or(k.bad <> '{}') THEN 'critical'
			WHEN bool_or(k.late IS NOT NULL OR k.in_use IS NOT NULL) THEN 'warning' ELSE 'ok' END,
		concat_ws(', ', format('%s more of repositories that nobody has vouched for', count(*)),
			nullif(count(*) FILTER (WHERE k.bad <> '{}'), 0) || ' OF THEM DAMAGED', 'see nex_backup.copies')
	FROM known k WHERE k.place > 100 HAVING count(*) > 0
	UNION ALL
	SELECT ' ' || j.name, format('copy of job %s', j.name), 'warning', format('nothing was copied to "%s" yet', j.options ->> 'to')
	FROM jobs j LEFT JOIN nex_backup.copies c ON c.repository = j.repository AND nex_backup.copies_to(j.options, c)
	WHERE j.suspended IS NULL
	GROUP BY j.name, j.options HAVING count(c.repository) = 0
$$;
