--
-- Entries.  What others than the owner call, or what runs as its owner, must hold the extension before a line of it is
-- looked at: names are looked up when a function runs, and by then the schema of that name may be somebody else's.  SQL
-- comes too late for that, so each such function is a C function, nex_backup_entry(), and the one of SQL that was there
-- becomes what it calls: nex_backup.gated_heartbeat() for nex_backup.heartbeat(), nex_backup.status() for
-- nex_backup_status().  One that was SECURITY DEFINER has nex_backup_owner_entry(), which acts as the owner itself, as it
-- could not know its caller otherwise.  Whoever calls the other one directly gets nothing by it.
-- Made for all that a step has defined, so that none is forgotten; a later step replaces the SQL of a function under its
-- own name, and has this again.
--
DO $$
DECLARE
	public pg_catalog.bool;
	entry record;
	definition pg_catalog.text;
	head pg_catalog.text;
	inner_name pg_catalog.text;
BEGIN
	-- First the public ones, as what is behind them is the next.
	FOR public IN SELECT * FROM pg_catalog.unnest(ARRAY[true, false]) LOOP
		FOR entry IN
			SELECT p.oid, n.nspname, p.proname, p.provolatile, p.proisstrict, p.prosecdef, p.prosrc,
				pg_catalog.format('%I.%I(', n.nspname, p.proname) AS called,
				(SELECT s FROM pg_catalog.unnest(p.proconfig) s WHERE s OPERATOR(pg_catalog.~~) 'lock_timeout=%') AS lock_timeout
			FROM pg_catalog.pg_depend d
				JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) d.objid
				JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
				JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
				JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
			WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
				AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
				AND d.deptype OPERATOR(pg_catalog.=) 'e' AND e.extname OPERATOR(pg_catalog.=) 'nex_backup'
				AND l.lanname OPERATOR(pg_catalog.=) ANY (ARRAY['sql', 'plpgsql']::pg_catalog.name[])
				AND CASE WHEN public THEN p.proname OPERATOR(pg_catalog.~) '^nex_backup_'
					ELSE p.prosecdef AND p.proname OPERATOR(pg_catalog.!~) '^gated_' END
			ORDER BY p.oid
		LOOP
			IF entry.prosrc OPERATOR(pg_catalog.~) pg_catalog.concat(pg_catalog.chr(92), 'm', entry.proname, '[.][a-z]') THEN
				RAISE EXCEPTION 'function %) uses its own name, but has another one behind its entry', entry.called;
			END IF;
			inner_name := CASE WHEN entry.proname OPERATOR(pg_catalog.~) '^nex_backup_' THEN pg_catalog.substr(entry.proname, 12)
				ELSE pg_catalog.concat('gated_', entry.proname) END;
			definition := pg_catalog.pg_get_functiondef(entry.oid);
			head := pg_catalog.concat('CREATE OR REPLACE FUNCTION ', entry.called);
			IF NOT pg_catalog.starts_with(definition, head) THEN
				RAISE EXCEPTION 'unexpected definition of function %)', entry.called;
			END IF;
			EXECUTE pg_catalog.concat('CREATE OR REPLACE FUNCTION ', pg_catalog.format('nex_backup.%I(', inner_name),
				pg_catalog.substr(definition, pg_catalog.length(head) OPERATOR(pg_catalog.+) 1));
			EXECUTE pg_catalog.concat('ALTER FUNCTION ', pg_catalog.format('nex_backup.%I(', inner_name),
				pg_catalog.pg_get_function_identity_arguments(entry.oid), ') SECURITY INVOKER');
			EXECUTE pg_catalog.concat(head, pg_catalog.pg_get_function_arguments(entry.oid), ') RETURNS ',
				pg_catalog.pg_get_function_result(entry.oid), ' AS ''MODULE_PATHNAME'', ',
				CASE WHEN entry.proname OPERATOR(pg_catalog.=) 'nex_backup_status' THEN '''nex_backup_status_entry'''
					WHEN entry.prosecdef THEN '''nex_backup_owner_entry''' ELSE '''nex_backup_entry''' END,
				' LANGUAGE C SECURITY INVOKER ',
				CASE entry.provolatile WHEN 'v' THEN 'VOLATILE' WHEN 's' THEN 'STABLE'
				ELSE 'IMMUTABLE' END, CASE WHEN entry.proisstrict THEN ' STRICT' END,
				' SET ' OPERATOR(pg_catalog.||) pg_catalog.replace(entry.lock_timeout, '=', ' = ''') OPERATOR(pg_catalog.||) '''');
		END LOOP;
	END LOOP;
END
$$;
