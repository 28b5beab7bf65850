
--
-- Names and texts from outside, for people and for scripts that read lines.
--

-- A text with \xNN for each byte that is no part of a character of this database's encoding: names of databases and roles
-- were given in some other database, and whatever looks at characters fails with them.
CREATE FUNCTION nex_backup.valid_text(text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_valid_text'
LANGUAGE C STRICT STABLE;

-- A text with the bytes of what cannot be seen, or hides what can, as \xNN: control characters, line breaks, characters
-- that change the direction of text, and invisible ones.  As the program shows them.  Of a long text the beginning, before
-- its characters are looked at one by one: monitoring asks often.
CREATE FUNCTION nex_backup.shown(text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN s.v !~ '[[:cntrl:]]' AND octet_length(s.v) = char_length(s.v) THEN s.v
		ELSE (SELECT string_agg(CASE WHEN t.c ~ '[[:cntrl:]]' OR CASE WHEN getdatabaseencoding() = 'UTF8' THEN
					'{[128,159],[173,173],[847,847],[1564,1564],[4447,4448],[6068,6069],[6155,6159],[8203,8207],[8232,8238],
						[8288,8303],[12644,12644],[64976,65007],[65279,65279],[65440,65440],[65520,65531],[65534,65535],
						[113824,113827],[119155,119162],[917504,921599]}'::int4multirange @> ascii(t.c) ELSE false END
				-- No backslash in a literal, which standard_conforming_strings gives one meaning or another.
				THEN regexp_replace(encode(convert_to(t.c, getdatabaseencoding()), 'hex'), '(..)',
					repeat(chr(92), 2) || 'x' || chr(92) || '1', 'g')
				ELSE t.c END, '' ORDER BY t.place)
			FROM string_to_table(s.v, NULL) WITH ORDINALITY t (c, place)) END
	FROM (SELECT CASE WHEN octet_length(g.v) > 10000 THEN left(g.v, 10000) || ' ...' ELSE g.v END AS v
		FROM (SELECT nex_backup.valid_text($1) AS v OFFSET 0) g) s
$$;

-- "process 4711 of role joe (since ...)", for people.  0 or NULL: what pg_blocking_pids() and pg_locks give of a prepared
-- transaction.
CREATE FUNCTION nex_backup.process_text(pid int4)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN coalesce($1, 0) = 0 THEN 'a prepared transaction (see pg_prepared_xacts)' ELSE
		concat_ws(' ', format('process %s', $1), 'of role ' || nex_backup.shown(a.usename), '(since ' || date_trunc('second', a.xact_start) || ')') END
	FROM (SELECT $1 AS pid) p LEFT JOIN pg_stat_activity a ON a.pid = p.pid
$$;
