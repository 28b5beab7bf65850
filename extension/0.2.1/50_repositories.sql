
--
-- Which places the server looks at.  A report names a place in the file system; whoever may report is not
-- thereby entitled to have the server open files there, nor to learn from the status what is where.
--
ALTER TABLE nex_backup.repositories
	ADD COLUMN vouched bool NOT NULL DEFAULT false,
	ADD COLUMN recorded_by pg_catalog.name;
COMMENT ON COLUMN nex_backup.repositories.vouched IS
	'was the location named by a role that may read server files (by a report, nex_backup_sync(), nex_backup_verify())';
COMMENT ON COLUMN nex_backup.repositories.recorded_by IS 'the role that reported it first';

-- Looked at are the places that are vouched for, and those of jobs.
CREATE FUNCTION nex_backup.may_look_at(repository nex_backup.repositories)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $1.vouched OR EXISTS (SELECT FROM nex_backup.jobs j WHERE rtrim(j.repository, '/') = rtrim($1.location, '/'))
$$;

-- An error, if that is not a text of up to so many bytes, without control characters.
CREATE FUNCTION nex_backup.check_text(what text, value text, longest int4)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF octet_length($2) > $3 OR $2 ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION 'invalid %: "%"', $1, left(regexp_replace($2, '[[:cntrl:]]', '?', 'g'), 100)
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('It may have up to %s bytes, and no control characters.', $3);
	END IF;
END
$$;

-- May a report, which vouches for the place or does not, change what is known of that repository's backups?  What a
-- transaction has changed is locked as long as it is open, so that others' reports and nex_backup_sync() wait.
CREATE FUNCTION nex_backup.may_change_backups(repository text, vouched bool, caller name)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $2 OR EXISTS (SELECT FROM nex_backup.repositories r
		WHERE r.id = $1 AND (NOT r.vouched OR r.recorded_by = $3))
$$;

-- Enter a repository, or note that it was seen again.  Who does not vouch for a place does not touch the row of a
-- repository that somebody has vouched for, not even to lock it, and can enter so many only.
CREATE FUNCTION nex_backup.note_repository(id text, location text, host text, vouched bool, caller name)
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
		vouched = $4 OR r.vouched,
		last_seen = now();
END
$$;

-- The same for nex_backup_sync() and nex_backup_verify(), whose callers may read server files.
CREATE OR REPLACE FUNCTION nex_backup.record_repository(id pg_catalog.text, location pg_catalog.text, host pg_catalog.text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.note_repository($1, $2, $3, true, nex_backup.role_of_call())
$$;

-- A child reads it, as the file system may not answer: then the problem is "does not answer", or "has not answered since ...".
CREATE FUNCTION nex_backup.frame_id(repository text, OUT id text, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_frame_id'
LANGUAGE C STRICT VOLATILE;

-- A sealed file as JSON, or what is wrong with it.  Its size, depth and number of values are bounded by read_sealed().
CREATE FUNCTION nex_backup.sealed_jsonb(location text, file text, OUT content jsonb, OUT problem text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	raw text;
BEGIN
	SELECT f.content, f.problem INTO raw, problem FROM nex_backup.read_sealed($1, $2) f;
	IF problem IS NOT NULL THEN
		RETURN;
	END IF;
	BEGIN
		content := raw::jsonb;
		IF jsonb_typeof(content) <> 'object' THEN
			content := NULL;
			problem := 'is not a JSON object';
		END IF;
	EXCEPTION WHEN data_exception OR program_limit_exceeded OR feature_not_supported THEN
		problem := CASE sqlstate WHEN '22P02' THEN 'is not JSON'
			ELSE 'holds JSON that the server cannot take: ' || sqlerrm END;
	END;
END
$$;

-- An error, if the file system of a repository does not answer.  What comes next is done in the session, which hangs if that
-- changes meanwhile, and nothing ends it.
CREATE FUNCTION nex_backup.check_answers(repository text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problem text := (SELECT f.problem FROM nex_backup.frame_id($1) f);
BEGIN
	IF problem ~ '^(does not answer|has not answered)' THEN
		RAISE EXCEPTION 'repository "%" %', $1, problem
			USING ERRCODE = 'io_error', HINT = 'Its file system is on another machine, or a device, that cannot be reached now.';
	END IF;
END
$$;

-- The id of a repository; an error if there is none.
CREATE OR REPLACE FUNCTION nex_backup.repository_id(repository pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	frame record;
BEGIN
	PERFORM nex_backup.check_answers(repository);
	SELECT i.id, f.content ->> 'format' AS format, coalesce(i.problem, f.problem) AS problem INTO frame
	FROM nex_backup.frame_id(repository) i, nex_backup.sealed_jsonb(repository, 'nex_backup.json') f;
	IF frame.problem = 'is missing' THEN
		RAISE EXCEPTION 'there is no repository in "%"', repository
			USING ERRCODE = 'undefined_file',
				HINT = 'Give the full path of a repository on the database server.';
	ELSIF frame.format <> '1' OR frame.problem IS NULL AND frame.format IS NULL THEN
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

-- Can this server see the repository that was recorded on this very host?  Only what may be looked at
-- can be asked for, so whoever may see the status needs no right to read files.
CREATE OR REPLACE FUNCTION nex_backup.repository_state(id pg_catalog.text, OUT status pg_catalog.text, OUT detail pg_catalog.text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
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

-- What nex_backup.json says of encryption: cipher, and the number of recipients.
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

-- Where a backup is that was given as DB or DB/ID: '' and /ID are the globals, and so is the word where no
-- database is called that; where one is, the word alone could be either.  What has the form of DB/ID is that,
-- whatever databases are called.  Errors if it cannot be told, and where nobody but a report says where it is.
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
	may_look bool := true;
	of_globals bool;
	of_database bool;
BEGIN
	named := substring($1 from '/([0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)$');
	database := left($1, length($1) - coalesce(length(named) + 1, 0));
	location := rtrim($2, '/');
	IF location IS NOT NULL THEN
		PERFORM nex_backup.check_answers(location);
	END IF;
	IF database = 'globals' THEN
		SELECT bool_or(owner = ''), bool_or(owner = 'globals') INTO of_globals, of_database
		FROM (SELECT b.database AS owner FROM nex_backup.backups b
				WHERE location IS NULL AND b.database IN ('', 'globals') AND b.id = coalesce(me.named, b.id)
			UNION ALL
			SELECT o FROM unnest(ARRAY['', 'globals']) o, nex_backup.list_directory(location, nex_backup.backup_directory(o)) f
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
	SELECT left(name, -length('.json')) INTO id
	FROM nex_backup.list_directory(location, nex_backup.backup_directory(database)) name
	WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND name = coalesce(me.named || '.json', name)
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
