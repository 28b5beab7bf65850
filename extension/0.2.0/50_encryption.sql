--
-- Encrypted repositories: their objects have one more suffix, and are verified by the digests of
-- the stored bytes, for which no key is needed.
--
ALTER TABLE nex_backup.repositories
	ADD COLUMN cipher text,
	ADD COLUMN recipients pg_catalog.int4;
COMMENT ON COLUMN nex_backup.repositories.cipher IS 'how its backups are encrypted: age or aes-256-gcm; NULL: they are not';
COMMENT ON COLUMN nex_backup.repositories.recipients IS 'how many keys open its backups';
ALTER TABLE nex_backup.backups ADD COLUMN verified_inside bool;
COMMENT ON COLUMN nex_backup.backups.verified_inside IS
	'did the last verification look at the content, or (false) at the stored bytes alone; NULL: not known';

-- What nex_backup.json says of encryption: cipher, and the number of recipients.
CREATE FUNCTION nex_backup.frame_encryption(location text)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('cipher', j ->> 'cipher', 'recipients', CASE jsonb_typeof(j -> 'recipients')
		WHEN 'array' THEN jsonb_array_length(j -> 'recipients') END)
	FROM (SELECT f.content::jsonb AS j FROM nex_backup.read_sealed($1, 'nex_backup.json') f) frame
$$;

CREATE FUNCTION nex_backup.note_encryption(repository text, encryption jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.repositories r
	SET cipher = $2 ->> 'cipher', recipients = ($2 ->> 'recipients')::int4
	WHERE r.id = $1
$$;

-- "encrypted (age), 2 recipients"; NULL where nothing is encrypted.
CREATE FUNCTION nex_backup.encryption_text(repository nex_backup.repositories)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ', format('encrypted (%s)', $1.cipher),
		CASE WHEN $1.recipients IS NOT NULL THEN nex_backup.count_text($1.recipients, 'recipient') END)
	WHERE $1.cipher IS NOT NULL
$$;
GRANT EXECUTE ON FUNCTION nex_backup.encryption_text(nex_backup.repositories) TO pg_monitor;

-- The directory of a database's backups, or of those of the globals.
CREATE FUNCTION nex_backup.backup_directory(database text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN $1 = '' THEN 'globals' ELSE 'backups/' || nex_backup.database_directory($1) END
$$;

-- Where a backup is that was given as DB or DB/ID: '' and /ID are the globals, and so is the word, unless a
-- database is called that.  Errors if it cannot be told.
CREATE OR REPLACE FUNCTION nex_backup.find_backup(backup pg_catalog.text, repository pg_catalog.text,
	OUT location pg_catalog.text, OUT repository_id pg_catalog.text, OUT database pg_catalog.text, OUT id pg_catalog.text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	named text;
BEGIN
	named := substring($1 from '/([0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)$');
	database := left($1, length($1) - coalesce(length(named) + 1, 0));
	location := rtrim($2, '/');
	IF database = 'globals' AND (location IS NOT NULL OR NOT EXISTS (SELECT FROM nex_backup.backups b
			WHERE b.database = 'globals'))
		AND (location IS NULL OR NOT EXISTS (SELECT FROM nex_backup.list_directory(location, 'backups') name
			WHERE name = 'globals')) THEN
		database := '';
	END IF;
	IF location IS NULL THEN
		SELECT r.location INTO location
		FROM nex_backup.backups b JOIN nex_backup.repositories r ON r.id = b.repository
		WHERE b.database = find_backup.database AND b.id = coalesce(me.named, b.id)
		ORDER BY b.snapshot_at DESC LIMIT 1;
	END IF;
	IF location IS NULL THEN
		RAISE EXCEPTION 'backup "%" is not known', $1
			USING ERRCODE = 'undefined_object',
				HINT = 'Write DATABASE or DATABASE/ID, and read the repository with nex_backup_sync() first.';
	END IF;
	repository_id := nex_backup.repository_id(location);
	SELECT left(name, -length('.json')) INTO id
	FROM nex_backup.list_directory(location, nex_backup.backup_directory(database)) name
	WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$' AND name = coalesce(me.named || '.json', name)
	ORDER BY left(name, 16) DESC, length(name) DESC, name DESC LIMIT 1;
	-- One that the catalogue knows, and that is gone, is damage.
	IF id IS NULL THEN
		SELECT b.id INTO id FROM nex_backup.backups b
		WHERE b.repository = repository_id AND b.database = find_backup.database AND b.id = me.named;
	END IF;
	IF id IS NULL THEN
		RAISE EXCEPTION 'there is no backup "%" in repository "%"', $1, location
			USING ERRCODE = 'undefined_object',
				HINT = CASE WHEN EXISTS (SELECT FROM nex_backup.list_directory(location, 'config') name
						WHERE name = regexp_replace(find_backup.database, '^config[ /]', ''))
					THEN 'That is a set of configuration files, which "nex_backup verify" verifies.'
					ELSE 'Write DATABASE, DATABASE/ID, or globals.' END;
	END IF;
END
$$;

-- What the names of a backup's objects end in.
CREATE FUNCTION nex_backup.object_suffix(manifest pg_catalog.jsonb)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE $1 ->> 'codec' WHEN 'zstd' THEN '.sql.zst' WHEN 'gzip' THEN '.sql.gz' ELSE '.sql' END
		|| CASE $1 ->> 'cipher' WHEN 'age' THEN '.age' WHEN 'aes-256-gcm' THEN '.nxb' ELSE '' END
$$;

-- Hash every file of a backup (DB, its latest, or DB/ID; globals) and record the result.
CREATE OR REPLACE FUNCTION nex_backup_verify(backup pg_catalog.text, repository pg_catalog.text DEFAULT NULL,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	place record;
	path text;
	file record;
	manifest jsonb;
	suffix text;
	listing text;
	problem text;
	object record;
	total int8;
	started timestamptz := clock_timestamp();
	last_notice timestamptz := clock_timestamp();
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	path := format('%s/%s', nex_backup.backup_directory(place.database), place.id);
	objects := 0;
	bytes := 0;
	bad := '{}';

	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed(place.location, path || '.json') f;
	problem := file.problem;
	IF problem IS NULL THEN
		BEGIN
			manifest := file.content::jsonb;
			problem := nex_backup.manifest_problem(manifest, place.repository_id, place.database, place.id);
			IF problem IS NULL AND EXISTS (SELECT
				FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
				WHERE NOT (coalesce(o ->> 'id', '') ~ '^[0-9a-f]{64}$'
					AND coalesce(o ->> 'bytes', '') ~ '^[0-9]{1,18}$')) THEN
				problem := 'names an object that cannot be one';
			END IF;
		EXCEPTION WHEN data_exception THEN
			problem := 'is not JSON';
		END;
	END IF;
	IF problem IS NOT NULL THEN
		bad := bad || format('%s.json: %s', path, problem);
	ELSE
		suffix := nex_backup.object_suffix(manifest);

		-- The listing is a function of the manifest.
		SELECT coalesce(string_agg(format(E'%s  objects/%s/%s%s\n', o ->> 'id', left(o ->> 'id', 2), o ->> 'id',
			suffix), '' ORDER BY position), '')
		INTO listing
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') WITH ORDINALITY e(o, position);
		problem := nex_backup.check_file(place.location, path || '.sha256', octet_length(listing),
			encode(sha256(convert_to(listing, 'UTF8')), 'hex'));
		IF problem IS NOT NULL THEN
			bad := bad || format('%s.sha256: %s', path, problem);
		END IF;

		SELECT count(DISTINCT o ->> 'id') INTO total
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o;
		FOR object IN
			SELECT DISTINCT ON (o ->> 'id') format('objects/%s/%s%s', left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
				(o ->> 'bytes')::int8 AS bytes, o ->> 'id' AS id
			FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
		LOOP
			problem := nex_backup.check_file(place.location, object.path, object.bytes, object.id);
			IF problem IS NOT NULL THEN
				bad := bad || format('%s: %s', object.path, problem);
			END IF;
			objects := objects + 1;
			bytes := bytes + object.bytes;
			IF clock_timestamp() > last_notice + interval '10 seconds' THEN
				RAISE NOTICE '% of % objects verified, %', objects, total, pg_size_pretty(bytes);
				last_notice := clock_timestamp();
			END IF;
		END LOOP;

		-- The manifest is what goes first when a backup expires: then missing objects are no damage.
		IF cardinality(bad) > 0 AND EXISTS (SELECT FROM nex_backup.read_sealed(place.location, path || '.json') f
			WHERE f.problem = 'is missing') THEN
			RAISE EXCEPTION 'backup "%/%" was removed while it was verified',
				CASE place.database WHEN '' THEN 'globals' ELSE place.database END, place.id
				USING ERRCODE = 'undefined_object';
		END IF;
	END IF;

	result := CASE WHEN cardinality(bad) = 0 THEN 'ok' ELSE 'failed' END;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(place.repository_id, nex_backup.frame_encryption(place.location));
	UPDATE nex_backup.backups b
	SET verified = clock_timestamp(), verified_ok = nex_backup_verify.result = 'ok', verified_inside = false
	WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1], nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'objects', objects, 'bytes', bytes));
END
$$;
