--
-- Reading repositories in the file system of the server.
--

CREATE OR REPLACE FUNCTION nex_backup.list_directory(repository text, directory text)
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'nex_backup_list_directory'
LANGUAGE C STRICT VOLATILE;

-- Directories of a repository that cannot be read.  database is NULL if they may hold backups of any database.
CREATE OR REPLACE FUNCTION nex_backup.unclear_directories(repository text, OUT directory text, OUT database text, OUT problem text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_unclear_directories'
LANGUAGE C STRICT VOLATILE;

-- Error if the file system of a repository does not answer.  What follows is read by the session itself, which
-- hangs if the file system stops answering meanwhile.
CREATE OR REPLACE FUNCTION nex_backup.check_answers(repository text)
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

-- A child process reads it, because the file system may not answer; the problem is then "does not answer", or "has
-- not answered since ...".
CREATE OR REPLACE FUNCTION nex_backup.frame_id(repository text, OUT id text, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_frame_id'
LANGUAGE C STRICT VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.file_mark(repository text, file text, OUT mark text, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_file_mark'
LANGUAGE C STRICT VOLATILE;

-- The numbers of the backups that are in none of the places given for them, up to the first one of each owner that
-- is there.  A child process looks, for two seconds at most, because the file system may not answer.
CREATE OR REPLACE FUNCTION nex_backup.missing_files(repository text, owners int4[], backups int4[], files text[])
RETURNS SETOF int4
AS 'MODULE_PATHNAME', 'nex_backup_missing_files'
LANGUAGE C STRICT VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.read_sealed(repository text, file text,
	OUT content text, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_read_sealed'
LANGUAGE C STRICT VOLATILE;

-- Entries of the long arrays of a manifest, which read_sealed() leaves out.
CREATE OR REPLACE FUNCTION nex_backup.sealed_entries(repository text, file text, key text)
RETURNS SETOF jsonb
AS 'MODULE_PATHNAME', 'nex_backup_sealed_entries'
LANGUAGE C STRICT VOLATILE;

-- A sealed file as JSON, or what is wrong with it.  read_sealed() limits its size, depth and number of values.
CREATE OR REPLACE FUNCTION nex_backup.sealed_jsonb(location text, file text, OUT content jsonb, OUT problem text)
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

CREATE OR REPLACE FUNCTION nex_backup.check_file(repository text, file text,
	bytes int8, sha256 text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_check_file'
LANGUAGE C VOLATILE;

-- Does a problem of the functions above say that the server may not or cannot look, and nothing about the file?
CREATE OR REPLACE FUNCTION nex_backup.could_not_look(problem text)
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_could_not_look'
LANGUAGE C STRICT IMMUTABLE;
