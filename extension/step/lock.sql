--
-- An update runs as a superuser, writes tables of the extension, and calls its functions.  So before that, all of it is
-- locked here, and looked at in look.sql.
--

-- Everything of the extension, before anything is changed, and without a deadlock: what is in use is waited for while
-- nothing is held, and not for long at a time, as the one who holds it may wait for somebody who is behind us.  A
-- lock_timeout of the session bounds it all.
DO $$
DECLARE
	extension CONSTANT oid := (SELECT e.oid FROM pg_extension e
		WHERE e.extname = 'nex_backup');
	in_the_way oid;
	first oid;
	begun CONSTANT timestamptz := clock_timestamp();
	lock_timeout CONSTANT text := current_setting('lock_timeout');
	longest CONSTANT interval := lock_timeout::interval;
BEGIN
	LOOP
		first := in_the_way;
		BEGIN
			PERFORM set_config('lock_timeout', '2s', true);
			in_the_way := pg_catalog.nex_backup_step_lock(ARRAY(
				SELECT c.oid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
				WHERE d.classid = 'pg_class'::regclass
					AND d.refclassid = 'pg_extension'::regclass
					AND d.refobjid = extension AND d.deptype = 'e'
				ORDER BY COALESCE(c.oid <> first, true), c.oid));
			PERFORM set_config('lock_timeout', lock_timeout, true);
			EXIT WHEN in_the_way IS NULL;
			RAISE EXCEPTION USING ERRCODE = 'lock_not_available';
		EXCEPTION WHEN lock_not_available THEN
			IF longest > interval '0'
				AND clock_timestamp() - begun > longest THEN
				RAISE EXCEPTION 'canceling the update of nex_backup due to lock timeout, as % is in use',
						COALESCE(in_the_way::regclass::text, 'a table of it')
					USING ERRCODE = 'lock_not_available', DETAIL = 'Nothing was changed.', HINT = 'Try again.';
			END IF;
		END;
		PERFORM pg_sleep(0.2);
	END LOOP;
END
$$;

