
--
-- Texts for people, which must not fail because of what a row holds.
--

-- "3 hours ago", for people.
CREATE OR REPLACE FUNCTION nex_backup.age_text(at timestamptz)
RETURNS pg_catalog.text
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

-- A number of what a tool says of its progress, which need not be one; NULL if it is none, or beyond reason.
CREATE FUNCTION nex_backup.progress_number(progress jsonb, key text)
RETURNS numeric
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN progress ->> key ~ '^[0-9]{1,18}([.][0-9]{1,40})?$' THEN (progress ->> key)::numeric END
$$;

-- How far a run is, for people.
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

-- I am still at it; progress is the last event that the tool has written.  Gives what to do: continue, cancel
-- (stop the program, then finish with stopped => 'cancel'), or lost (stop the program, the run is no longer yours).
CREATE OR REPLACE FUNCTION nex_backup.heartbeat(run int8, fence int8, progress text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cancel timestamptz;
	event jsonb;
BEGIN
	-- A line of progress has some hundred bytes; what is no such line is left out.
	IF octet_length($3) <= 16384 THEN
		BEGIN
			event := $3::jsonb;
		EXCEPTION WHEN data_exception OR program_limit_exceeded OR feature_not_supported THEN
			event := NULL;
		END;
	END IF;
	IF jsonb_typeof(event) <> 'object' THEN
		event := NULL;
	END IF;
	-- The worker in the server lives as long as its process: while there is no news, nothing is written.
	SELECT l.cancel_requested INTO cancel FROM nex_backup.leases l
	WHERE l.run = $1 AND l.fence = $2 AND l.session_role = nex_backup.role_of_call() AND l.in_server AND nex_backup.works_in_server()
		AND (event IS NULL OR event = l.progress);
	IF found THEN
		RETURN CASE WHEN cancel IS NOT NULL THEN 'cancel' ELSE 'continue' END;
	END IF;
	UPDATE nex_backup.leases l
	SET heartbeat = clock_timestamp(), lease_until = clock_timestamp() + nex_backup.lease_time(),
		progress = coalesce(event, l.progress)
	WHERE l.run = $1 AND l.fence = $2 AND l.session_role = nex_backup.role_of_call() AND (NOT l.in_server OR nex_backup.works_in_server())
	RETURNING l.cancel_requested INTO cancel;
	RETURN CASE WHEN NOT found THEN 'lost' WHEN cancel IS NOT NULL THEN 'cancel' ELSE 'continue' END;
END
$$;
