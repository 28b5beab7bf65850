--
-- Progress of runs.
--

-- A number in the progress that a tool reported, which can be anything; NULL if it is not a number, or beyond
-- reason.
CREATE OR REPLACE FUNCTION nex_backup.progress_number(progress jsonb, key text)
RETURNS numeric
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN progress ->> key ~ '^[0-9]{1,18}([.][0-9]{1,40})?$' THEN (progress ->> key)::numeric END
$$;

-- Progress of a run, for people.
CREATE OR REPLACE FUNCTION nex_backup.progress_text(run int8)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.shown(format('run %s: %s', r.id, CASE r.state WHEN 'running' THEN concat_ws(', ',
			coalesce(left(l.progress ->> 'phase', 100), 'running'),
			nullif(concat_ws('/', nex_backup.progress_number(l.progress, 'units_done'),
				nex_backup.progress_number(l.progress, 'units_total')) || ' ' || left(l.progress ->> 'unit', 100), ''),
			pg_size_pretty(nullif(floor(nex_backup.progress_number(l.progress, 'raw_bytes')), 0)),
			pg_size_pretty(nullif(floor(nex_backup.progress_number(l.progress, 'bytes_per_second')), 0)) || '/s',
			CASE WHEN nex_backup.progress_number(l.progress, 'eta_seconds') < 1000000000
				THEN 'about ' || (nex_backup.progress_number(l.progress, 'eta_seconds')::int4 * interval '1 second')::text
					|| ' to go' END)
		ELSE r.state END))
	FROM nex_backup.runs r LEFT JOIN nex_backup.leases l ON l.run = r.id
	WHERE r.id = $1
$$;
