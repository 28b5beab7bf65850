--
-- Which repositories there are, and at which places the server looks.  A report names a place in the file system,
-- but whoever may report is not therefore entitled to have the server open files there, or to learn from the
-- status which files exist.
--

-- Does this version know the format that nex_backup.json names?  Format 2 is format 1 with the features that it lists.
CREATE OR REPLACE FUNCTION nex_backup.knows_format(frame jsonb)
RETURNS bool
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(CASE $1 ->> 'format'
		WHEN '1' THEN $1 -> 'features' IS NULL
		WHEN '2' THEN jsonb_typeof($1 -> 'features') = 'array' AND $1 -> 'features' <@ '["wal"]'
	END, false)
$$;

-- Id of a repository; an error if there is none.
CREATE OR REPLACE FUNCTION nex_backup.repository_id(repository text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	frame record;
BEGIN
	PERFORM nex_backup.check_answers(repository);
	SELECT i.id, f.content ->> 'format' AS format, nex_backup.knows_format(f.content) AS known,
			coalesce(i.problem, f.problem) AS problem INTO frame
	FROM nex_backup.frame_id(repository) i, nex_backup.sealed_jsonb(repository, 'nex_backup.json') f;
	IF frame.problem = 'is missing' THEN
		RAISE EXCEPTION 'there is no repository in "%"', repository
			USING ERRCODE = 'undefined_file',
				HINT = 'Give the full path of a repository on the database server.';
	ELSIF NOT frame.known AND (frame.problem IS NULL OR frame.format IS NOT NULL) THEN
		RAISE EXCEPTION 'repository "%" has format %, which is unknown to this version of nex_backup',
			repository, left(coalesce(frame.format, 'none'), 20)
			USING ERRCODE = 'feature_not_supported';
	ELSIF frame.problem IS NOT NULL THEN
		RAISE EXCEPTION 'file "%/nex_backup.json" %', repository, frame.problem
			USING ERRCODE = 'data_corrupted';
	END IF;
	RETURN frame.id;
END
$$;

-- Encryption according to nex_backup.json: cipher and number of recipients.
CREATE OR REPLACE FUNCTION nex_backup.frame_encryption(location text)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('cipher', f.content ->> 'cipher', 'recipients', CASE jsonb_typeof(f.content -> 'recipients')
		WHEN 'array' THEN jsonb_array_length(f.content -> 'recipients') END)
	FROM nex_backup.sealed_jsonb($1, 'nex_backup.json') f
$$;

CREATE OR REPLACE FUNCTION nex_backup.note_encryption(repository text, encryption jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.repositories r
	SET cipher = left(regexp_replace($2 ->> 'cipher', '[[:cntrl:]]', '?', 'g'), 32),
		recipients = CASE WHEN $2 ->> 'recipients' ~ '^[0-9]{1,9}$' THEN ($2 ->> 'recipients')::int4 END
	WHERE r.id = $1
$$;

-- May the server look at the place of a repository?  It may if somebody vouched for the place, or if a job names
-- it.
CREATE OR REPLACE FUNCTION nex_backup.may_look_at(repository nex_backup.repositories)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $1.vouched OR EXISTS (SELECT FROM nex_backup.jobs j WHERE rtrim(j.repository, '/') = rtrim($1.location, '/'))
$$;

-- May a report, which vouches for the place or does not, change what is recorded of the backups of the repository?
-- What a transaction has changed is locked until it ends, and the reports of others and nex_backup_sync() wait.
CREATE OR REPLACE FUNCTION nex_backup.may_change_backups(repository text, vouched bool, caller name)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $2 OR EXISTS (SELECT FROM nex_backup.repositories r
		WHERE r.id = $1 AND (NOT r.vouched OR r.recorded_by = $3))
$$;

-- Is this a copy of the repository that has this id in the catalog?
CREATE OR REPLACE FUNCTION nex_backup.is_copy(repository text, location text, host text, mark text, vouched bool)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.repositories r
		WHERE r.id = $1 AND (r.vouched OR NOT $5)
			AND NOT (rtrim(r.location, '/') = rtrim($2, '/') AND (r.host = $3) IS NOT FALSE)
			AND (r.mark = $4) IS NOT TRUE)
$$;

-- Record a repository, or that it was seen again.  A role that does not vouch for the place does not touch the row
-- of a repository that somebody has vouched for, not even to lock it, and can record a limited number.
CREATE OR REPLACE FUNCTION nex_backup.note_repository(id text, location text, host text, vouched bool, caller name)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known nex_backup.repositories;
BEGIN
	IF $1 = '' OR $1 ~ '[[:space:]]' THEN
		RAISE EXCEPTION 'invalid id of a repository: "%"', left($1, 100) USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM nex_backup.check_text('id of a repository', $1, 64);
	-- MAXPGPATH
	PERFORM nex_backup.check_text('location of a repository', $2, 1023);
	PERFORM nex_backup.check_text('name of a host', $3, 255);
	SELECT r.* INTO known FROM nex_backup.repositories r WHERE r.id = $1;
	IF NOT $4 AND known.vouched THEN
		RETURN;
	END IF;
	IF NOT $4 AND known.id IS NULL
		AND (SELECT count(*) FROM nex_backup.repositories r WHERE r.recorded_by = $5 AND NOT r.vouched) >= 100 THEN
		RAISE EXCEPTION 'role "%" has recorded 100 repositories already', $5
			USING ERRCODE = 'configuration_limit_exceeded',
				DETAIL = 'So many are taken from a role that may not read server files.',
				HINT = 'Call nex_backup_sync() for those that are in use, and delete the others from nex_backup.repositories.';
	END IF;
	INSERT INTO nex_backup.repositories AS r (id, location, host, vouched, recorded_by)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (id) DO UPDATE
	SET location = CASE WHEN $4 OR NOT r.vouched THEN EXCLUDED.location ELSE r.location END,
		host = CASE WHEN $4 OR NOT r.vouched THEN coalesce(EXCLUDED.host, r.host) ELSE r.host END,
		-- The mark of another place means nothing here.
		mark = CASE WHEN ($4 OR NOT r.vouched) AND (EXCLUDED.location <> r.location OR EXCLUDED.host <> r.host) THEN NULL ELSE r.mark END,
		vouched = $4 OR r.vouched,
		last_seen = now();
END
$$;

-- The same for nex_backup_sync() and nex_backup_verify(), whose callers may read server files.
CREATE OR REPLACE FUNCTION nex_backup.record_repository(id text, location text, host text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.note_repository($1, $2, $3, true, nex_backup.role_of_call())
$$;

-- Record since when a repository, or a copy in this location, was in use at each expire, so that no objects were removed;
-- NULL: they were.
CREATE OR REPLACE FUNCTION nex_backup.note_in_use(repository text, copy text, host text, since timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM nex_backup.check_times($4);
	IF $2 IS NULL THEN
		UPDATE nex_backup.repositories r SET in_use_since = $4 WHERE r.id = $1 AND r.in_use_since IS DISTINCT FROM $4;
	ELSE
		UPDATE nex_backup.copies c SET in_use_since = $4
		WHERE c.repository = $1 AND c.location = nex_backup.trimmed_location($2) AND c.host = nex_backup.copy_host($2, $3)
			AND c.in_use_since IS DISTINCT FROM $4;
	END IF;
END
$$;

-- That as text, if it has been so for too long; else NULL.
CREATE OR REPLACE FUNCTION nex_backup.in_use_text(since timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'REMOVES NO OBJECTS: in use at each expire, first ' || nex_backup.age_text($1)
	WHERE $1 < now() - interval '@IN_USE_LATE_HOURS@ hours'
$$;

-- The backups in a list that a report has of all that are there.  A database of main that is called like one of another
-- server has two names here.
CREATE OR REPLACE FUNCTION nex_backup.present_backups(present jsonb, OUT database text, OUT id text, OUT of_set bool)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT n.name, i.id, o ? 'set'
	FROM jsonb_array_elements($1) o, jsonb_array_elements_text(o -> 'backups') i (id),
		nex_backup.reported_owner(nex_backup.manifest_text(o -> 'database'), o ->> 'set') d (name),
		LATERAL unnest(ARRAY[d.name, CASE WHEN d.name ~ '^[A-Za-z0-9_-]{1,32}@' THEN 'main@' || d.name END]) n (name)
$$;

-- Compare with a list of all backups of a repository.  A backup made meanwhile may not be in the list; if it is
-- marked as gone, the next list corrects that.  Versions before 0.3.0 list no sets of files: a list without any says
-- nothing of them.
CREATE OR REPLACE FUNCTION nex_backup.note_present(repository text, present jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH listed AS MATERIALIZED (
		SELECT p.database, p.id, p.of_set FROM nex_backup.present_backups($2) p
	)
	UPDATE nex_backup.backups b
	SET gone = CASE WHEN s.missing THEN clock_timestamp() END
	FROM (SELECT k.database, k.id, l.id IS NULL AS missing
		FROM nex_backup.backups k LEFT JOIN listed l ON l.database = k.database AND l.id = k.id
		WHERE k.repository = $1 AND (k.kind <> 'files' OR EXISTS (SELECT FROM listed s WHERE s.of_set))
			AND (l.id IS NULL) <> (k.gone IS NOT NULL)
			AND (l.id IS NOT NULL OR coalesce(k.finished, k.started) < clock_timestamp() - interval '10 minutes')) s
	WHERE b.repository = $1 AND b.database = s.database AND b.id = s.id
$$;

-- Backups in the catalog whose manifests are gone: from the latest of each database to the first one that is
-- there.  Only repositories that this server can read are looked at; what cannot be examined is not reported as
-- gone.
CREATE OR REPLACE FUNCTION nex_backup.gone_backups(OUT repository text, OUT database text, OUT id text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.gated_gone_backups(OUT repository text, OUT database text, OUT id text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	place record;
	suspects text[];
	known record;
	missing int4[];
BEGIN
	FOR place IN SELECT r.id, r.location FROM nex_backup.repositories r
		WHERE (nex_backup.repository_state(r.id)).detail = 'readable by the server'
	LOOP
		-- First the latest of each database, which usually is there; then all backups of those whose latest is
		-- not.
		suspects := NULL;
		LOOP
			SELECT array_agg(k.database ORDER BY k.database COLLATE "C", k.nth) AS databases,
				array_agg(k.id ORDER BY k.database COLLATE "C", k.nth) AS ids INTO known
			FROM (SELECT b.database, b.id,
					row_number() OVER (PARTITION BY b.database COLLATE "C" ORDER BY b.snapshot_at DESC, b.id) AS nth
				FROM nex_backup.backups b
				-- A name that valid_text() may have changed has another directory; the tool reports what is there.
				WHERE b.repository = place.id AND b.database !~ concat(chr(92), chr(92), 'x[89a-f][0-9a-f]')
					AND (suspects IS NULL OR b.database = ANY (suspects))) k
			WHERE k.nth = 1 OR suspects IS NOT NULL;
			EXIT WHEN known.ids IS NULL;
			SELECT ARRAY(SELECT nex_backup.missing_files(place.location, array_agg(f.owner ORDER BY f.number),
				array_agg(f.number ORDER BY f.number), array_agg(f.file ORDER BY f.number))) INTO missing
			FROM (SELECT u.number::int4 AS number, (dense_rank() OVER (ORDER BY u.database COLLATE "C"))::int4 AS owner,
					format('%s/%s.json', d.directory, u.id) AS file
				FROM unnest(known.databases, known.ids) WITH ORDINALITY u (database, id, number),
					LATERAL unnest(nex_backup.possible_directories(u.database)) d (directory)) f;
			IF suspects IS NOT NULL THEN
				RETURN QUERY SELECT place.id, known.databases[m.number], known.ids[m.number] FROM unnest(missing) m (number);
				EXIT;
			END IF;
			suspects := ARRAY(SELECT known.databases[m.number] FROM unnest(missing) m (number));
			EXIT WHEN suspects = '{}';
		END LOOP;
	END LOOP;
END
$$;

-- Can this server see the repository that was recorded on this host?  Only places that may be looked at are, so a
-- role that may see the status needs no privilege to read files.
CREATE OR REPLACE FUNCTION nex_backup.repository_state(id text, OUT status text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.gated_repository_state(id text, OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	frame record;
BEGIN
	status := 'ok';
	SELECT r.location, r.host, nex_backup.may_look_at(r) AS may_look INTO known
	FROM nex_backup.repositories r WHERE r.id = $1;
	IF known.location IS NULL OR known.location !~ '^/' OR known.host IS DISTINCT FROM nex_backup.host_name() THEN
		RETURN;
	END IF;
	IF NOT known.may_look THEN
		detail := 'not looked at, as only a role that may not read server files has named it; nex_backup_sync() has it looked at';
		RETURN;
	END IF;
	SELECT f.id, f.problem INTO frame FROM nex_backup.frame_id(known.location) f;
	IF frame.problem = 'may not be read by the server' THEN
		detail := frame.problem;
	ELSIF frame.problem = 'is missing' THEN
		status := 'warning';
		detail := 'NOT THERE as this server sees it';
	ELSIF frame.problem ~ '^(does not answer|is not looked at)' THEN
		status := 'warning';
		detail := frame.problem;
	ELSIF frame.problem ~ '^has not answered' THEN
		status := 'critical';
		detail := frame.problem;
	ELSIF frame.problem IS NOT NULL THEN
		status := 'critical';
		detail := format('nex_backup.json %s', frame.problem);
	ELSIF frame.id IS DISTINCT FROM $1 THEN
		status := 'critical';
		detail := 'another repository is there now';
	ELSE
		detail := 'readable by the server';
	END IF;
END
$$;
