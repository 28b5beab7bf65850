--
-- Verifying a backup in the server.  Encrypted backups are verified by the digests of the stored bytes, which
-- needs no key.
--

-- Find a backup given as DB or DB/ID.  '' and /ID are the globals, and so is the word globals if no database has
-- that name; if one has, the word could be either.  What has the form DB/ID is taken as that, whatever databases
-- are called.  An error if it is ambiguous, or if its place is known only from a report.
CREATE OR REPLACE FUNCTION nex_backup.find_backup(backup text, repository text,
	OUT location text, OUT repository_id text, OUT database text, OUT id text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	named text;
	directory text;
	label text;
	plain text;
	may_look bool := true;
	of_globals bool;
	of_database bool;
BEGIN
	named := substring($1 from '/([0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)$');
	database := left($1, length($1) - coalesce(length(named) + 1, 0));
	location := nex_backup.trimmed_location($2);
	IF location IS NOT NULL THEN
		PERFORM nex_backup.check_answers(location);
	END IF;
	IF database = 'globals' THEN
		SELECT bool_or(owner = ''), bool_or(owner = 'globals') INTO of_globals, of_database
		FROM (SELECT b.database AS owner FROM nex_backup.backups b
				WHERE location IS NULL AND b.database IN ('', 'globals') AND b.id = coalesce(me.named, b.id)
			UNION ALL
			SELECT o FROM unnest(ARRAY['', 'globals']) o, nex_backup.list_directory(location, nex_backup.owner_directory(location, o)) f
				WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND f = coalesce(me.named || '.json', f)) known;
		IF of_globals AND of_database THEN
			RAISE EXCEPTION 'backup "%" is ambiguous', $1
				USING ERRCODE = 'ambiguous_parameter',
					DETAIL = 'There are backups of the globals, and of a database that is called "globals".',
					HINT = 'Write '''' or /ID for the globals, globals/ID for the database.';
		ELSIF of_database IS NOT TRUE THEN
			database := '';
		END IF;
	END IF;
	IF location IS NULL THEN
		SELECT r.location, r.may_look INTO location, me.may_look
		FROM (SELECT p.id, p.location, nex_backup.may_look_at(p) AS may_look FROM nex_backup.repositories p OFFSET 0) r
			JOIN nex_backup.backups b ON r.id = b.repository
		WHERE b.database = find_backup.database AND b.id = coalesce(me.named, b.id)
		ORDER BY r.may_look DESC, b.snapshot_at DESC LIMIT 1;
	END IF;
	IF location IS NULL THEN
		RAISE EXCEPTION 'backup "%" is not known', $1
			USING ERRCODE = 'undefined_object',
				HINT = 'Write DATABASE or DATABASE/ID, and read the repository with nex_backup_sync() first.';
	ELSIF NOT may_look THEN
		RAISE EXCEPTION 'that backup "%" is in "%" was only reported', $1, location
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'The role that reported it may not read server files, so what it names is not opened.',
				HINT = 'Give that repository as the second argument, if it is one, or call nex_backup_sync() for it.';
	END IF;
	repository_id := nex_backup.repository_id(location);
	directory := nex_backup.owner_directory(location, database);
	-- A database of main may be called like one of another server, and must not be taken for it.
	label := substring(database FROM '^([A-Za-z0-9_-]{1,32})@');
	plain := CASE WHEN octet_length(database) <= 63 THEN nex_backup.backup_directory(database) END;
	IF label IS NOT NULL AND EXISTS (SELECT FROM nex_backup.list_directory(location, plain) f
		WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND f = coalesce(me.named || '.json', f)) THEN
		IF named IS NOT NULL AND (directory = plain OR NOT EXISTS (SELECT FROM nex_backup.list_directory(location, directory) f
				WHERE f = named || '.json')) THEN
			directory := plain;
			database := 'main@' || database;
		ELSIF directory <> plain OR label = 'main' OR EXISTS (SELECT FROM nex_backup.list_directory(location, 'servers/' || label)) THEN
			RAISE EXCEPTION 'backup "%" is ambiguous', $1
				USING ERRCODE = 'ambiguous_parameter',
					DETAIL = format('It may be database "%s" of server "main", or database "%s" of server "%s".', database,
						substr(database, length(label) + 2), label),
					HINT = format('Write "main@%s" for the former. For the latter, use the program with --server=%s.', database, label);
		ELSE
			database := 'main@' || database;
		END IF;
	END IF;
	SELECT left(name, -length('.json')) INTO id
	FROM nex_backup.list_directory(location, directory) name
	WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND name = coalesce(me.named || '.json', name)
	-- The latest snapshot, by the clock of the server; ids are made from the clocks of hosts.
	ORDER BY CASE WHEN me.named IS NULL THEN nex_backup.snapshot_time(location, repository_id, database, directory,
		left(name, -length('.json'))) END DESC, left(name, 16) DESC, length(name) DESC, name DESC LIMIT 1;
	-- A backup that is in the catalog but not in the repository is damaged.
	IF id IS NULL THEN
		SELECT b.id INTO id FROM nex_backup.backups b
		WHERE b.repository = repository_id AND b.database = find_backup.database AND b.id = me.named;
	END IF;
	IF id IS NULL THEN
		RAISE EXCEPTION 'there is no backup "%" in repository "%"', $1, location
			USING ERRCODE = 'undefined_object',
				HINT = CASE WHEN EXISTS (SELECT FROM nex_backup.list_directory(location, 'config') name WHERE name = find_backup.database)
					THEN format('For the set of configuration files, write "config/%s".', database)
					ELSE 'Write DATABASE, DATABASE/ID, globals, or config/SET.' END;
	END IF;
END
$$;

-- Hash every file of a backup (DB for its latest, or DB/ID; globals) and record the result.  It is an error, and nothing
-- is recorded, if no file is damaged and some could not be looked at.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_verify(backup text, repository text DEFAULT NULL,
	OUT result text, OUT objects int8, OUT bytes int8, OUT bad text[])
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

CREATE OR REPLACE FUNCTION nex_backup.verify(backup text, repository text,
	OUT result text, OUT objects int8, OUT bytes int8, OUT bad text[])
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_verify(backup text, repository text,
	OUT result text, OUT objects int8, OUT bytes int8, OUT bad text[])
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	place record;
	directory text;
	base text;
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
	wrong int8 := 0;
	-- Files that could not be looked at, and the first of them.
	unseen int8 := 0;
	first_unseen text;
	of_copy bool;
	known_inside bool;
	-- This many are listed; of the others, the number.
	most CONSTANT int4 := 1000;
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	directory := nex_backup.owner_directory(place.location, place.database);
	path := format('%s/%s', directory, place.id);
	base := nex_backup.server_base(directory);
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
	IF nex_backup.could_not_look(problem) THEN
		unseen := 1;
		first_unseen := format('%s.json: %s', path, problem);
	ELSIF problem IS NOT NULL THEN
		bad := bad || format('%s.json: %s', path, problem);
		wrong := wrong + 1;
	ELSE
		suffix := nex_backup.object_suffix(manifest);

		-- The listing follows from the manifest.
		SELECT coalesce(string_agg(format(E'%s  %sobjects/%s/%s%s\n', o ->> 'id', base, left(o ->> 'id', 2), o ->> 'id',
			suffix), '' ORDER BY position), '')
		INTO listing
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') WITH ORDINALITY e(o, position);
		problem := nex_backup.check_file(place.location, path || '.sha256', octet_length(listing),
			encode(sha256(convert_to(listing, 'UTF8')), 'hex'));
		IF nex_backup.could_not_look(problem) THEN
			unseen := 1;
			first_unseen := format('%s.sha256: %s', path, problem);
		ELSIF problem IS NOT NULL THEN
			bad := bad || format('%s.sha256: %s', path, problem);
			wrong := wrong + 1;
		END IF;

		SELECT count(DISTINCT o ->> 'id') INTO total
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o;
		FOR object IN
			SELECT DISTINCT ON (o ->> 'id') format('%sobjects/%s/%s%s', base, left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
				(o ->> 'bytes')::int8 AS bytes, o ->> 'id' AS id
			FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
		LOOP
			problem := nex_backup.check_file(place.location, object.path, object.bytes, object.id);
			IF nex_backup.could_not_look(problem) THEN
				unseen := unseen + 1;
				first_unseen := coalesce(first_unseen, format('%s: %s', object.path, problem));
			ELSIF problem IS NOT NULL THEN
				wrong := wrong + 1;
				IF wrong <= most THEN
					bad := bad || format('%s: %s', object.path, problem);
				END IF;
			END IF;
			objects := objects + 1;
			bytes := bytes + object.bytes;
			IF clock_timestamp() > last_notice + interval '10 seconds' THEN
				RAISE NOTICE '% of % objects verified, %', objects, total, pg_size_pretty(bytes);
				last_notice := clock_timestamp();
			END IF;
		END LOOP;

		-- expire removes the manifest first; then missing objects are not damage.
		IF cardinality(bad) > 0 AND EXISTS (SELECT FROM nex_backup.read_sealed(place.location, path || '.json') f
			WHERE f.problem = 'is missing') THEN
			RAISE EXCEPTION 'backup "%" was removed while it was verified',
				nex_backup.backup_text(place.database, place.id)
				USING ERRCODE = 'undefined_object';
		END IF;
	END IF;

	-- That is not damage: nothing is recorded, unless other files are damaged.
	IF unseen > 0 AND wrong = 0 THEN
		RAISE EXCEPTION 'backup "%" could not be verified', nex_backup.backup_text(place.database, place.id)
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('%s of its files could not be looked at. %s', unseen, first_unseen),
				HINT = 'No file is known to be damaged. Run "nex_backup verify" as the user whose repository it is, or let the server read it.';
	ELSIF unseen > 0 THEN
		RAISE WARNING '% other files could not be looked at', unseen
			USING DETAIL = first_unseen;
	END IF;
	IF wrong > most THEN
		bad := bad || format('and %s more', wrong - most);
	END IF;
	-- A result about a copy says nothing about the repository, nor the other way round.
	of_copy := nex_backup.is_copy(place.repository_id, place.location, nex_backup.host_name(),
		(SELECT f.mark FROM nex_backup.file_mark(place.location, 'nex_backup.json') f), true);
	known_inside := CASE WHEN of_copy THEN nex_backup.copy_is_bad_inside(place.repository_id, place.location, nex_backup.host_name(),
			place.database, place.id)
		ELSE EXISTS (SELECT FROM nex_backup.backups b
			WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id
				AND b.verified_inside AND NOT b.verified_ok) END;
	result := CASE WHEN wrong = 0 AND NOT known_inside THEN 'ok' ELSE 'failed' END;
	IF known_inside AND wrong = 0 THEN
		RAISE WARNING 'backup "%" is still known to be damaged',
			nex_backup.backup_text(place.database, place.id)
			USING DETAIL = 'Its stored bytes are good, but a verification that looked into them has found damage.',
				HINT = 'Run "nex_backup verify" for it, with the key if it is encrypted.';
	ELSIF wrong > 0 THEN
		-- The server can only read there, so it cannot note what is damaged for the next backup.
		RAISE WARNING 'backup "%" is damaged', nex_backup.backup_text(place.database, place.id)
			USING HINT = 'Run "nex_backup verify" for this repository: then the next backup writes the damaged files again.';
	END IF;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	IF of_copy THEN
		PERFORM nex_backup.note_copy_verified(place.repository_id, place.location, nex_backup.host_name(), place.database, place.id,
			clock_timestamp(), wrong = 0, false);
	ELSE
		PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
		PERFORM nex_backup.note_encryption(place.repository_id, nex_backup.frame_encryption(place.location));
		PERFORM nex_backup.note_verification(place.repository_id, place.database, place.id, clock_timestamp(), wrong = 0,
			false);
	END IF;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END,
		CASE result WHEN 'failed' THEN coalesce(bad[1], 'a verification that looked into it has found damage there') END,
		nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'bad_count', wrong, 'objects', objects, 'bytes', bytes)
			|| CASE WHEN of_copy THEN jsonb_build_object('copy', jsonb_build_object('location', place.location,
				'host', nex_backup.host_name())) ELSE '{}' END);
END
$$;
