-- Everything of the extension for this update, before anything is changed, and without a deadlock: what is in use is
-- waited for while nothing is held, and not for long at a time, as the one who holds it may wait for somebody who is
-- behind us.  A lock_timeout of the session bounds it all.
CREATE FUNCTION nex_backup.lock_members(members oid[])
RETURNS oid
AS 'MODULE_PATHNAME', 'nex_backup_lock_members'
LANGUAGE C STRICT VOLATILE;

DO $$
DECLARE
	extension oid := (SELECT e.oid FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup');
	in_the_way oid := extension;
	first oid;
	begun CONSTANT timestamptz := pg_catalog.clock_timestamp();
	lock_timeout CONSTANT text := pg_catalog.current_setting('lock_timeout');
	longest CONSTANT interval := lock_timeout::interval;
BEGIN
	LOOP
		first := in_the_way;
		BEGIN
			PERFORM pg_catalog.set_config('lock_timeout', '2s', true);
			in_the_way := nex_backup.lock_members(ARRAY(
				SELECT m.oid FROM (
					SELECT extension AS oid, 0 AS place
					UNION ALL
					SELECT c.oid, 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.objid
					WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
						AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
						AND d.refobjid OPERATOR(pg_catalog.=) extension AND d.deptype OPERATOR(pg_catalog.=) 'e') m
				ORDER BY m.oid OPERATOR(pg_catalog.<>) first, m.place, m.oid));
			PERFORM pg_catalog.set_config('lock_timeout', lock_timeout, true);
			EXIT WHEN in_the_way IS NULL;
			RAISE EXCEPTION USING ERRCODE = 'lock_not_available';
		EXCEPTION WHEN lock_not_available THEN
			IF longest OPERATOR(pg_catalog.>) interval '0'
				AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) begun OPERATOR(pg_catalog.>) longest THEN
				RAISE EXCEPTION 'canceling the update of nex_backup due to lock timeout, as % is in use',
						CASE WHEN in_the_way OPERATOR(pg_catalog.=) extension THEN 'the extension'
							ELSE in_the_way::pg_catalog.regclass::text END
					USING ERRCODE = 'lock_not_available', DETAIL = 'Nothing was changed.', HINT = 'Try again.';
			END IF;
		END;
		PERFORM pg_catalog.pg_sleep(0.2);
	END LOOP;
END
$$;
DROP FUNCTION nex_backup.lock_members(oid[]);
