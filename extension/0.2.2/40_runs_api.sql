
--
-- A repository for the jobs to come may be one that exists, with backups that the catalogue has not heard of.
--

-- The server looks before, as nothing of the extension is held after waiting for the run.
CREATE OR REPLACE FUNCTION nex_backup.create_repository(repository text)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := rtrim(repository, '/');
	has_backups bool := false;
	ended record;
BEGIN
	IF location ~ '^/' THEN
		BEGIN
			-- Nothing is looked at for somebody who may not have it done; that is an error here, and the run says so below.
			PERFORM nex_backup.check_may_schedule(nex_backup.caller());
			-- It may be on another host, or nothing that the server may read.
			has_backups := (SELECT f.problem IS NULL FROM nex_backup.frame_id(me.location) f) AND EXISTS (SELECT
				FROM nex_backup.owner_directories(me.location, '{}') o, nex_backup.list_directory(me.location, o.directory) name
				WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$');
			-- The locks of all that are not held while the run is waited for; what is in a variable stays.
			RAISE EXCEPTION 'looked';
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END IF;
	SELECT p.state, p.detail INTO ended
	FROM nex_backup.perform(jsonb_build_object('call', 'run', 'kind', 'init', 'repository', $1, 'type', 'manual',
		'options', '{}'::jsonb)::text, true, true) p;
	IF ended.state IS DISTINCT FROM 'succeeded' THEN
		RAISE EXCEPTION 'could not create repository "%": %', $1, coalesce(ended.detail, ended.state, 'its run is gone');
	END IF;
	IF has_backups THEN
		RAISE NOTICE 'repository "%" exists, and has backups', location
			USING HINT = format('If the catalog does not know them: SELECT nex_backup_sync(%L);', location);
	END IF;
	RETURN $1;
END
$$;
