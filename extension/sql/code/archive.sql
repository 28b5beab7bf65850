--
-- Whether the WAL of this server is archived, by whatever archives it.
--

-- What waits is counted in pg_wal: what the server counts itself leaves out an archive_command that is not found, or that a
-- signal ended.  No row of interest (mode "off") if nothing is to be archived.
CREATE OR REPLACE FUNCTION nex_backup.archive_state(OUT mode text, OUT last_archived text, OUT last_time timestamptz,
	OUT ready_files int8, OUT ready_bytes int8, OUT waiting_since timestamptz, OUT last_failed text, OUT last_failed_time timestamptz,
	OUT is_failing bool)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.gated_archive_state(OUT mode text, OUT last_archived text, OUT last_time timestamptz,
	OUT ready_files int8, OUT ready_bytes int8, OUT waiting_since timestamptz, OUT last_failed text, OUT last_failed_time timestamptz,
	OUT is_failing bool)
RETURNS record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT current_setting('archive_mode'), s.last_archived_wal, s.last_archived_time, w.files, w.bytes, w.since, s.last_failed_wal,
		s.last_failed_time, s.last_failed_time IS NOT NULL AND s.last_failed_time > coalesce(s.last_archived_time, '-infinity')
	FROM pg_stat_archiver s,
		LATERAL (SELECT count(*) AS files, min(f.modification) AS since,
				count(*) FILTER (WHERE f.name ~ '^[0-9A-F]{24}[.]') * pg_size_bytes(current_setting('wal_segment_size')) AS bytes
			FROM pg_ls_archive_statusdir() f WHERE f.name ~ '[.]ready$') w
$$;

-- The row of the status.
CREATE OR REPLACE FUNCTION nex_backup.archive_text(waiting text, last_archived text, last_time timestamptz, last_failed text,
	last_failed_time timestamptz)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(', ', CASE WHEN last_time IS NULL THEN 'nothing was archived yet'
			ELSE format('%s was archived %s', last_archived, nex_backup.age_text(last_time)) END,
		waiting, CASE WHEN last_failed IS NOT NULL THEN format('%s could not be archived %s; the server''s log says why', last_failed,
			nex_backup.age_text(last_failed_time)) END)
$$;

-- Close the segment that is being written and wait until it is archived: then all that was committed before is.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_archive_now(patience interval DEFAULT '1 minute')
RETURNS pg_lsn
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

-- The server removes the ".ready" of a file when it is archived; statistics could be those of a file that came before.  There
-- is one as soon as the segment is closed.  Those before it may still wait, too.
CREATE OR REPLACE FUNCTION nex_backup.archive_now(patience interval)
RETURNS pg_lsn
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	until CONSTANT timestamptz := clock_timestamp() + patience;
	lsn pg_lsn;
	segment text;
	next_look timestamptz := clock_timestamp();
BEGIN
	IF patience IS NULL OR patience < interval '0' OR patience > interval '1 hour' THEN
		RAISE EXCEPTION 'the time to wait is between 0 and 1 hour' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF pg_is_in_recovery() OR current_setting('archive_mode') = 'off' THEN
		RAISE EXCEPTION 'this server does not archive WAL of its own' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = CASE WHEN pg_is_in_recovery() THEN 'Call this function on the primary.' ELSE 'Set archive_mode to on.' END;
	END IF;
	lsn := pg_switch_wal();
	-- Where two segments meet, PostgreSQL 17 means the second one.
	segment := pg_walfile_name(lsn - 1);
	WHILE EXISTS (SELECT FROM pg_ls_archive_statusdir() f
		WHERE f.name ~ '^[0-9A-F]{24}[.]ready$' AND left(f.name, 24) COLLATE "C" <= segment COLLATE "C") LOOP
		IF clock_timestamp() > until THEN
			RAISE EXCEPTION 'WAL file "%" was not archived within %', segment, patience
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'nex_backup_status() says why.';
		END IF;
		-- A lock on a table of the extension is kept until the end, and whoever changes the extension waits for it.
		IF clock_timestamp() > next_look THEN
			next_look := clock_timestamp() + interval '1 second';
			IF EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid))) THEN
				RAISE EXCEPTION 'WAL file "%" is not archived yet, and another session waits for a lock of this one', segment
					USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call this function again.';
			END IF;
		END IF;
		PERFORM pg_sleep(0.05);
	END LOOP;
	RETURN lsn;
END
$$;
