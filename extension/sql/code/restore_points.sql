--
-- Named points in WAL.
--

-- Create a point in WAL at which recovery can stop.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_create_restore_point(INOUT name text, OUT lsn pg_lsn,
	OUT timeline int4, OUT created timestamptz)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.create_restore_point(INOUT name text, OUT lsn pg_lsn,
	OUT timeline int4, OUT created timestamptz)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
	IF name IS NULL OR name = '' OR octet_length(name) > 63 THEN
		RAISE EXCEPTION 'the name of a restore point has 1 to 63 bytes'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF pg_is_in_recovery() THEN
		RAISE EXCEPTION 'cannot create a restore point on a standby'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = 'Call this function on the primary.';
	END IF;
	IF EXISTS (SELECT FROM nex_backup.restore_points p WHERE p.name = $1) THEN
		RAISE WARNING 'there is a restore point "%" already', $1
			USING HINT = 'A recovery stops at the first one of that name that it meets.';
	END IF;
	lsn := pg_create_restore_point(name);
	timeline := ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int4;
	created := clock_timestamp();
	INSERT INTO nex_backup.restore_points (name, lsn, timeline, created) VALUES ($1, lsn, timeline, created);
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_restore_points(OUT name text, OUT lsn pg_lsn,
	OUT timeline int4, OUT created timestamptz, OUT created_by name)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_entry'
LANGUAGE C STABLE
SET lock_timeout = '5s';

CREATE OR REPLACE FUNCTION nex_backup.restore_points(OUT name text, OUT lsn pg_lsn,
	OUT timeline int4, OUT created timestamptz, OUT created_by name)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
	SELECT p.name, p.lsn, p.timeline, p.created, p.created_by
	FROM nex_backup.restore_points p
	ORDER BY p.created DESC
$$;
