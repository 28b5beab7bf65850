
--
-- The hint in ASCII, as every encoding of a database has it, and words of bounded length.
--

-- An error, if that is not what a job can be.  Asked when it is defined, and again before it starts.
CREATE OR REPLACE FUNCTION nex_backup.check_definition(kind text, database text, location text, type text, options jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	what record;
	given record;
	allowed record;
BEGIN
	SELECT k.* INTO what FROM nex_backup.job_kinds k WHERE k.kind = $1;
	IF what.kind IS NULL THEN
		RAISE EXCEPTION 'unknown kind of job "%"', $1
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Known are %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.kind)
					FROM nex_backup.job_kinds k));
	END IF;
	IF what.needs_database AND coalesce($2, '') = '' THEN
		RAISE EXCEPTION 'a job of kind "%" needs a database', $1
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name it with database => ''...''.';
	END IF;
	IF $2 IS NOT NULL AND (NOT what.takes_database OR $2 = '' OR octet_length($2) > 63) THEN
		RAISE EXCEPTION 'a job of kind "%" cannot have the database "%"', $1, $2
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $3 !~ '^(/|[a-z][a-z0-9+.-]*://)' OR $3 ~ '[[:cntrl:]]' OR octet_length($3) > 1024 THEN
		RAISE EXCEPTION 'invalid repository "%"', left($3, 1024)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Give the full path of a directory on the server, or a URL.';
	END IF;
	IF $3 ~ '^[^/]*://[^/]*@' OR $3 ~* '[?&][^=]*(password|secret|token|key)[^=]*=' THEN
		RAISE EXCEPTION 'the location of a repository must not hold a secret'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'Jobs are readable, and part of dumps.',
				HINT = 'Put credentials into a file that nex_backup.config_file names.';
	END IF;
	IF coalesce($4, '') !~ '^[A-Za-z0-9_-]{1,32}$' THEN
		RAISE EXCEPTION 'invalid type "%"', left($4, 200)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'It must be of letters, digits, "_" and "-", 32 at most.';
	END IF;
	IF jsonb_typeof($5) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'options must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOR given IN SELECT o.key, o.value, o.value #>> '{}' AS word FROM jsonb_each($5) o LOOP
		SELECT a.* INTO allowed FROM nex_backup.job_options a
		WHERE a.kind = $1 AND a.option = replace(given.key, '_', '-');
		IF allowed.option IS NULL THEN
			RAISE EXCEPTION 'a job of kind "%" has no option "%"', $1, left(given.key, 200)
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Its options are: %s.', coalesce((SELECT string_agg(a.option, ', ' ORDER BY a.option)
						FROM nex_backup.job_options a WHERE a.kind = $1), 'none'));
		END IF;
		IF jsonb_typeof(given.value) <> ALL (ARRAY['string', 'number', 'boolean']) OR octet_length(given.word) > 1000
			OR given.word !~ ('^(' || allowed.pattern || ')$') OR given.word ~ '[[:cntrl:]]' THEN
			RAISE EXCEPTION 'invalid value % of option "%"', left(given.value::text, 200), given.key
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
END
$$;
