--
-- Texts for people, and for scripts that read lines; limits of texts and times.
--

-- A text with \xNN for each byte that is not part of a character in the encoding of this database.  Names of
-- databases and roles may have been given in another database, and functions that look at characters fail on them.
CREATE OR REPLACE FUNCTION nex_backup.valid_text(text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_valid_text'
LANGUAGE C STRICT STABLE;

-- A text with invisible or misleading characters as \xNN, as the tool shows them: control characters, line breaks,
-- characters that change the direction of text, and invisible ones.  Of a long text, the beginning, before
-- characters are examined one by one: monitoring calls this often.
CREATE OR REPLACE FUNCTION nex_backup.shown(text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN s.v !~ '[[:cntrl:]]' AND octet_length(s.v) = char_length(s.v) THEN s.v
		ELSE (SELECT string_agg(CASE WHEN t.c ~ '[[:cntrl:]]' OR CASE WHEN getdatabaseencoding() = 'UTF8' THEN
					'{[128,159],[173,173],[847,847],[1564,1564],[4447,4448],[6068,6069],[6155,6159],[8203,8207],[8232,8238],
						[8288,8303],[12644,12644],[64976,65007],[65279,65279],[65440,65440],[65520,65531],[65534,65535],
						[113824,113827],[119155,119162],[917504,921599]}'::int4multirange @> ascii(t.c) ELSE false END
				-- No backslash in a literal, whose meaning depends on standard_conforming_strings.
				THEN regexp_replace(encode(convert_to(t.c, getdatabaseencoding()), 'hex'), '(..)',
					repeat(chr(92), 2) || 'x' || chr(92) || '1', 'g')
				ELSE t.c END, '' ORDER BY t.place)
			FROM string_to_table(s.v, NULL) WITH ORDINALITY t (c, place)) END
	FROM (SELECT CASE WHEN octet_length(g.v) > 10000 THEN left(g.v, 10000) || ' ...' ELSE g.v END AS v
		FROM (SELECT nex_backup.valid_text($1) AS v OFFSET 0) g) s
$$;

-- "process 4711 of role joe (since ...)", for people.  0 or NULL is what pg_blocking_pids() and pg_locks have for
-- a prepared transaction.
CREATE OR REPLACE FUNCTION nex_backup.process_text(pid int4)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN coalesce($1, 0) = 0 THEN 'a prepared transaction (see pg_prepared_xacts)' ELSE
		concat_ws(' ', format('process %s', $1), 'of role ' || nex_backup.shown(a.usename), '(since ' || date_trunc('second', a.xact_start) || ')') END
	FROM (SELECT $1 AS pid) p LEFT JOIN pg_stat_activity a ON a.pid = p.pid
$$;

-- "1 backup", "2 backups"
CREATE OR REPLACE FUNCTION nex_backup.count_text(n int8, noun text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s %s%s', coalesce(n, 0), noun, CASE WHEN n = 1 THEN '' ELSE 's' END)
$$;

-- "3 hours ago", for people.
CREATE OR REPLACE FUNCTION nex_backup.age_text(at timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN at IS NULL THEN 'never'
		WHEN at = 'infinity' THEN 'in the future'
		WHEN at = '-infinity' THEN 'at no known time'
		WHEN seconds < 0 THEN 'in the future'
		WHEN seconds < 120 THEN 'just now'
		WHEN seconds < 7200 THEN format('%s minutes ago', floor(seconds / 60))
		WHEN seconds < 172800 THEN format('%s hours ago', floor(seconds / 3600))
		ELSE format('%s days ago', floor(seconds / 86400)) END
	FROM (SELECT CASE WHEN isfinite(at) THEN extract(epoch FROM now()) - extract(epoch FROM at) END AS seconds) s
$$;

-- A location without slashes at its end.
CREATE OR REPLACE FUNCTION nex_backup.trimmed_location(location text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN $1 ~ '^/+$' THEN '/' ELSE rtrim($1, '/') END
$$;

-- "invoices/20261123T020000Z", "globals/20261123T020000Z"
CREATE OR REPLACE FUNCTION nex_backup.backup_text(database text, id text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s/%s', CASE $1 WHEN '' THEN 'globals' ELSE $1 END, $2)
$$;

-- The same as a key: a database can be called "globals".
CREATE OR REPLACE FUNCTION nex_backup.backup_key(database text, id text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s/%s', $1, $2)
$$;

-- "backup of invoices", "globals", "verify of globals", "backup of files of set etc"
CREATE OR REPLACE FUNCTION nex_backup.owner_text(what text, database text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN nex_backup.is_file_set(database) THEN format('%s of files of set %s', what, substr(database, length('config/') + 1))
		WHEN database <> '' THEN format('%s of %s', what, CASE database WHEN 'globals' THEN '"globals"' ELSE database END)
		WHEN what = 'backup' THEN 'globals' ELSE what || ' of globals' END
$$;

-- "encrypted (age), 2 recipients"; NULL where nothing is encrypted.
CREATE OR REPLACE FUNCTION nex_backup.encryption_text(repository nex_backup.repositories)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ', format('encrypted (%s)', $1.cipher),
		CASE WHEN $1.recipients IS NOT NULL THEN nex_backup.count_text($1.recipients, 'recipient') END)
	WHERE $1.cipher IS NOT NULL
$$;

-- Error if a text is longer than this number of bytes, or has control characters.
CREATE OR REPLACE FUNCTION nex_backup.check_text(what text, value text, longest int4)
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

-- Error if a time cannot be that of a backup or a run: not finite, before 1970, or more than a day ahead.
CREATE OR REPLACE FUNCTION nex_backup.check_times(VARIADIC times timestamptz[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at timestamptz;
BEGIN
	FOREACH at IN ARRAY $1 LOOP
		IF NOT isfinite(at) OR at < '1970-01-01 00:00+00' OR at > greatest(clock_timestamp(), nex_backup.now()) + interval '1 day' THEN
			RAISE EXCEPTION 'time "%" cannot be that of a backup or a run', at
				USING ERRCODE = 'datetime_field_overflow',
					DETAIL = 'It must be after 1970, and not more than a day ahead.';
		END IF;
	END LOOP;
END
$$;
