--
-- When schedules are due.
--

-- The first time after "after" when a schedule is due.  If the schedule is invalid, the error says why.
CREATE OR REPLACE FUNCTION nex_backup.next_run(schedule text, timezone text, after timestamptz)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_next_run'
LANGUAGE C STRICT STABLE;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_next_runs(schedule text, timezone text DEFAULT NULL, n int4 DEFAULT 5,
	after timestamptz DEFAULT NULL, OUT run timestamptz, OUT local_time timestamp)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.next_runs(schedule text, timezone text, n int4,
	after timestamptz, OUT run timestamptz, OUT local_time timestamp)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	zone text := coalesce($2, current_setting('TimeZone'));
BEGIN
	run := coalesce($4, nex_backup.now());
	FOR i IN 1 .. least(coalesce($3, 5), 100000) LOOP
		run := nex_backup.next_run($1, zone, run);
		EXIT WHEN run IS NULL;
		local_time := run AT TIME ZONE zone;
		RETURN NEXT;
	END LOOP;
END
$$;
