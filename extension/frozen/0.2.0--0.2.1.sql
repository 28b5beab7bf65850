-- Names lead to PostgreSQL's objects, or are qualified: what NULLIF, IN, and the like compare by is looked up as well, and
-- in the schema of the extension others may be able to create operators.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The version of the library that this session has loaded.
CREATE FUNCTION nex_backup.library_version()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_library_version'
LANGUAGE C STRICT STABLE;

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

--
-- Who decides about the queue does it alone.  Not by an advisory lock of SQL, which anybody who may connect can
-- hold, nor by one on a table, which the owner of the database holds by an ANALYZE in a transaction, nor on a row,
-- which writes WAL: by a lock that nothing but this function takes.
--
CREATE FUNCTION nex_backup.acquire_queue_lock()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_lock_queue'
LANGUAGE C STRICT VOLATILE;

-- Who has that lock: an agent that was stopped in a transaction, for instance.
CREATE FUNCTION nex_backup.queue_holder()
RETURNS int4
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(l.pid) FROM pg_locks l
	WHERE l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		AND l.classid = 1852143714 AND l.objid = 1 AND l.objsubid = 3 AND l.granted AND l.pid <> pg_backend_pid()
$$;

CREATE OR REPLACE FUNCTION nex_backup.lock_queue()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder int4;
BEGIN
	PERFORM nex_backup.acquire_queue_lock();
EXCEPTION WHEN lock_not_available THEN
	holder := nex_backup.queue_holder();
	RAISE EXCEPTION 'lock timeout: the queue is locked by %', CASE WHEN holder IS NULL THEN 'another process' ELSE nex_backup.process_text(holder) END
		USING ERRCODE = 'lock_not_available',
			HINT = coalesce('SELECT pg_terminate_backend(' || holder || ') ends that session.', 'Try again.');
END
$$;

--
-- Who works on the queue.  A row says which session that is, and is written when that changes and once an hour.
-- That somebody is still there is known from the session, which costs no WAL.
--
ALTER TABLE nex_backup.executors RENAME TO executor_sessions;
ALTER TABLE nex_backup.executor_sessions
	ADD COLUMN session_pid pg_catalog.int4,
	ADD COLUMN session_started timestamptz;
COMMENT ON TABLE nex_backup.executor_sessions IS 'the leader in the server and the agents, and their sessions';
COMMENT ON COLUMN nex_backup.executor_sessions.last_seen IS 'as of the last change, or an hour ago at most; nex_backup.executors knows better';

-- What the leader of this server has last said of itself: no row without a leader in this database.  advanced: when a
-- turn last succeeded; problem: why the last one did not, and failing since when.  clock: the time it believed in then.
CREATE FUNCTION nex_backup.leader_state(OUT pid int4, OUT advanced timestamptz, OUT clock timestamptz,
	OUT failing timestamptz, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_leader_state'
LANGUAGE C STRICT VOLATILE;

-- Is that session still there?
CREATE FUNCTION nex_backup.session_lives(pid int4, started timestamptz)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM pg_stat_get_activity($1) a WHERE a.pid = $1 AND a.backend_start = $2)
$$;

CREATE VIEW nex_backup.executors AS
	SELECT e.name, e.in_server, e.host, e.pid,
		CASE WHEN e.in_server THEN greatest(e.last_seen, l.advanced)
			WHEN a.pid IS NULL THEN e.last_seen
			-- Without track_activities nobody knows but that it is there.
			ELSE greatest(e.last_seen, coalesce(a.state_change, pg_catalog.clock_timestamp())) END AS last_seen,
		e.detail
	FROM nex_backup.executor_sessions e
		CROSS JOIN (SELECT s.advanced FROM nex_backup.leader_state() s) l
		LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) e.session_pid
			AND a.backend_start OPERATOR(pg_catalog.=) e.session_started;
COMMENT ON VIEW nex_backup.executors IS 'the leader in the server and the agents, as they were last seen';
GRANT SELECT ON nex_backup.executors TO pg_monitor;
GRANT EXECUTE ON FUNCTION nex_backup.leader_state() TO pg_monitor;

-- Whoever could read the table of that name can read the view.
DO $$
DECLARE
	reader pg_catalog.regrole;
BEGIN
	FOR reader IN
		SELECT a.grantee FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) a
		WHERE c.oid OPERATOR(pg_catalog.=) 'nex_backup.executor_sessions'::pg_catalog.regclass
			AND a.privilege_type OPERATOR(pg_catalog.=) 'SELECT' AND a.grantee OPERATOR(pg_catalog.<>) c.relowner
			AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
	LOOP
		EXECUTE pg_catalog.format('GRANT SELECT ON nex_backup.executors TO %s', reader);
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION nex_backup.leader_state() TO %s', reader);
	END LOOP;
END
$$;

-- The role that has called the function of the extension that is at work.  Not that of the session, which may be a
-- superuser's in which somebody's code is evaluated.
CREATE FUNCTION nex_backup.role_of_call()
RETURNS name
AS 'MODULE_PATHNAME', 'nex_backup_role_of_call'
LANGUAGE C STRICT STABLE;

-- Is this a worker of the library, or a call by a superuser?
CREATE FUNCTION nex_backup.works_in_server()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_works_in_server'
LANGUAGE C STRICT VOLATILE;

-- Are agents to work, or is that the server's business?  A superuser may, as it may do anything.
CREATE FUNCTION nex_backup.agents_work()
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.setting('executor') = 'agent' OR nex_backup.works_in_server()
$$;

-- An error, if whoever asks for work says of itself what is not so, or what nobody could show.
CREATE FUNCTION nex_backup.check_executor(name text, in_server bool, host text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $2 AND NOT nex_backup.works_in_server() THEN
		RAISE EXCEPTION 'only a worker of the server may act as one'
			USING ERRCODE = 'insufficient_privilege', HINT = 'An agent gives false as the second argument.';
	END IF;
	PERFORM nex_backup.check_text('name of an executor', $1, 255);
	PERFORM nex_backup.check_text('name of a host', $3, 255);
END
$$;

-- Note who it is that looks at the queue.  False: that name belongs to another session, which is still there.
CREATE FUNCTION nex_backup.note_executor(name text, in_server bool, host text, pid int4)
RETURNS bool
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known nex_backup.executor_sessions;
	session int4 := pg_backend_pid();
	started timestamptz := (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a);
BEGIN
	PERFORM nex_backup.check_executor($1, $2, $3);
	SELECT e.* INTO known FROM nex_backup.executor_sessions e WHERE e.name = $1;
	IF (known.in_server, known.host, known.pid, known.session_pid, known.session_started)
			IS NOT DISTINCT FROM ($2, $3, $4, session, started)
		AND known.last_seen BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp() THEN
		RETURN true;
	END IF;
	IF NOT $2 AND (known.session_pid, known.session_started) IS DISTINCT FROM (session, started)
		AND nex_backup.session_lives(known.session_pid, known.session_started) THEN
		RETURN false;
	END IF;
	INSERT INTO nex_backup.executor_sessions AS e (name, in_server, host, pid, last_seen, session_pid, session_started)
	VALUES ($1, $2, $3, $4, clock_timestamp(), session, started)
	ON CONFLICT (name) DO UPDATE SET in_server = $2, host = $3, pid = $4, last_seen = clock_timestamp(),
		session_pid = session, session_started = started;
	-- A session has one name.  Of those that are gone, the last hundred are kept, and none that was not used for long.
	DELETE FROM nex_backup.executor_sessions e
	WHERE e.name <> $1 AND ((e.session_pid, e.session_started) = (session, started) OR e.name = ANY (ARRAY(
		SELECT o.name FROM nex_backup.executor_sessions o
		WHERE o.session_pid IS NULL AND NOT o.in_server
		ORDER BY o.last_seen DESC OFFSET 100))
		OR e.last_seen < clock_timestamp() - interval '90 days');
	RETURN true;
END
$$;

-- An agent that is gone was there until now, unless the server itself was away: seen once, by whoever looks at the
-- queue next.
CREATE FUNCTION nex_backup.note_departures()
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.executor_sessions e
	SET session_pid = NULL, session_started = NULL, last_seen =
		CASE WHEN e.session_started < pg_postmaster_start_time() THEN e.last_seen ELSE clock_timestamp() END
	WHERE NOT e.in_server AND e.session_pid IS NOT NULL
		AND NOT EXISTS (SELECT FROM pg_stat_activity a
			WHERE a.pid = e.session_pid AND a.backend_start = e.session_started)
$$;

--
-- Look at the clock and at the queue.  state: running, suspended, off, standby; for an agent also "name taken": all was
-- done, but another session has that name, so take another.  startable: how many runs could be claimed now.  wait: when
-- to ask again, unless something wakes you before; it is 0 only if there is more to do at once.
--
-- A turn that finds nothing to do writes nothing: no row is locked or written that need not be.
--
CREATE OR REPLACE FUNCTION nex_backup.advance(executor text, in_server bool, host text, pid int4,
	OUT state text, OUT startable int4, OUT wait interval, OUT detail text)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	at timestamptz := nex_backup.now();
	known nex_backup.scheduler;
	due nex_backup.jobs;
	last timestamptz;
	mine bool;
	handled int4 := 0;
	place CONSTANT text := nex_backup.place_of_jobs();
	most CONSTANT int4 := 200;
	slots int8;
BEGIN
	startable := 0;
	wait := interval '1 minute';
	IF pg_is_in_recovery() THEN
		state := 'standby';
		RETURN;
	END IF;
	IF nex_backup.setting('scheduler') <> 'on' THEN
		state := 'off';
		detail := 'nex_backup.scheduler is off';
		RETURN;
	END IF;
	-- Before the queue is locked: that is not for an agent that has no part in it.
	PERFORM nex_backup.check_executor($1, $2, $3);
	IF NOT $2 AND NOT nex_backup.agents_work() THEN
		state := 'off';
		detail := 'nex_backup.executor is "worker"';
		RETURN;
	END IF;
	PERFORM nex_backup.lock_queue();
	mine := nex_backup.note_executor($1, $2, $3, $4);
	PERFORM nex_backup.note_departures();
	PERFORM nex_backup.settle_stale();
	detail := nex_backup.check_cluster($2);
	IF detail IS NOT NULL THEN
		state := 'suspended';
		RETURN;
	END IF;
	state := CASE WHEN mine THEN 'running' ELSE 'name taken' END;
	SELECT s.* INTO known FROM nex_backup.scheduler s;
	-- The leader remembers its last turn in memory, the row that of an hour ago at most.
	last := CASE WHEN known.last_tick IS NOT NULL AND $2
		THEN coalesce((SELECT l.clock FROM nex_backup.leader_state() l), known.last_tick) ELSE known.last_tick END;
	PERFORM nex_backup.follow_clock(at, last);
	IF known.last_tick IS NULL OR abs(extract(epoch FROM at - known.last_tick)) > 3600
		OR at < last - interval '3 hours' THEN
		UPDATE nex_backup.scheduler s SET last_tick = at;
	END IF;
	IF known.last_purge IS NULL OR abs(extract(epoch FROM at - known.last_purge)) > 86400 THEN
		PERFORM nex_backup.purge_runs(at);
		UPDATE nex_backup.scheduler s SET last_purge = at;
	END IF;
	PERFORM nex_backup.suspend_copied_jobs(place);
	FOR due IN
		SELECT j.* FROM nex_backup.jobs j
		WHERE j.enabled AND j.suspended IS NULL AND j.confirmed_for = place AND j.next_run <= at
		ORDER BY j.next_run, j.name LIMIT most
		FOR UPDATE SKIP LOCKED
	LOOP
		handled := handled + 1;
		BEGIN
			PERFORM nex_backup.queue_due(due, at);
		EXCEPTION WHEN lock_not_available OR transaction_rollback OR insufficient_resources
			OR operator_intervention OR system_error THEN
			-- That is not the row's fault: again later.
			RAISE;
		WHEN others THEN
			-- One bad row must not keep the others from running.
			UPDATE nex_backup.jobs j SET suspended = 'the scheduler cannot handle it: ' || sqlerrm
			WHERE j.name = due.name;
			PERFORM nex_backup.raise_alarm('suspended', due.name, NULL, due.database, jsonb_build_object('reason', sqlerrm));
		END;
	END LOOP;
	slots := nex_backup.setting('max_concurrent_runs')::int8 - (SELECT count(*) FROM nex_backup.leases);
	SELECT greatest(least(coalesce(sum(CASE WHEN q.location = 'notify' THEN q.runs ELSE least(q.runs,
			nex_backup.setting('max_runs_per_repository')::int8 - (SELECT count(*) FROM nex_backup.leases l
				JOIN nex_backup.runs a ON a.id = l.run WHERE coalesce(a.location, '') = q.location
				AND a.kind <> 'notify')) END), 0), slots), 0) INTO startable
	FROM (SELECT CASE r.kind WHEN 'notify' THEN 'notify' ELSE coalesce(r.location, '') END AS location,
			count(*) AS runs
		FROM nex_backup.runs r
		WHERE r.state = 'queued' AND r.not_before <= nex_backup.now()
			AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = r.job AND j.suspended IS NOT NULL)
		GROUP BY 1) q;
	-- The next job, the next retry, the end of a lease.  Runs that wait for others are woken for.
	SELECT least(wait, min(t.at) - me.at) INTO wait
	FROM (SELECT min(j.next_run) AS at FROM nex_backup.jobs j
			WHERE j.enabled AND j.suspended IS NULL AND j.next_run > me.at
		UNION ALL
		SELECT min(r.not_before) FROM nex_backup.runs r WHERE r.state = 'queued' AND r.not_before > me.at
		UNION ALL
		-- One that has ended, and was not settled, is locked by somebody.
		SELECT min(CASE WHEN l.lease_until > clock_timestamp() THEN l.lease_until - clock_timestamp() ELSE interval '1 second' END)
			+ me.at FROM nex_backup.leases l WHERE NOT l.in_server) t;
	IF handled >= most THEN
		wait := interval '0';
	ELSIF EXISTS (SELECT FROM nex_backup.jobs j
			WHERE j.enabled AND j.suspended IS NULL AND j.next_run <= me.at) THEN
		-- Somebody is changing it; the end of that may come without a word.
		wait := least(wait, interval '5 seconds');
	END IF;
	-- What is over since the turn began, is for the next turn.
	wait := greatest(wait, CASE WHEN handled >= most THEN interval '0' ELSE interval '10 milliseconds' END);
END
$$;

--
-- Starting runs.
--
-- The words of the tool's command line for a run; nothing of them is read by a shell.
CREATE OR REPLACE FUNCTION nex_backup.run_argv(run nex_backup.runs)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	word text;
	part text[];
	value text;
	argv text[] := '{}';
	-- Not as a literal, which standard_conforming_strings gives one meaning or another.
	backslash CONSTANT text := chr(92);
BEGIN
	FOREACH word IN ARRAY (SELECT k.argv FROM nex_backup.job_kinds k WHERE k.kind = run.kind) LOOP
		IF word = '%options' THEN
			argv := argv || ARRAY(SELECT format('--%s=%s', replace(o.key, '_', '-'), o.value #>> '{}')
				FROM jsonb_each(run.definition -> 'options') o ORDER BY o.key);
			CONTINUE;
		END IF;
		part := regexp_match(word, '^(.*)%(database|target|location|type)$');
		IF part IS NULL THEN
			argv := argv || word;
			CONTINUE;
		END IF;
		value := CASE part[2]
			WHEN 'database' THEN run.database
			-- A name with "=" in it would be taken for a connection string: so give one.
			WHEN 'target' THEN format('dbname=''%s''', replace(replace(run.database,
				backslash, backslash || backslash), '''', backslash || ''''))
			WHEN 'location' THEN run.location
			WHEN 'type' THEN run.definition ->> 'type' END;
		IF value IS NOT NULL THEN
			argv := argv || (part[1] || value);
		END IF;
	END LOOP;
	RETURN argv;
END
$$;

-- Does this process deliver alarms, and nothing else?  So does a worker that is kept for what is short.
CREATE FUNCTION nex_backup.claims_alarms_only()
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_claims_alarms_only'
LANGUAGE C STRICT VOLATILE;

-- What whoever claims a run gets, and nobody else can guess.
CREATE FUNCTION nex_backup.new_fence()
RETURNS int8
AS 'MODULE_PATHNAME', 'nex_backup_new_fence'
LANGUAGE C STRICT VOLATILE;

-- Give one run to an executor, or none (run is NULL).
CREATE OR REPLACE FUNCTION nex_backup.claim(executor text, in_server bool, host text, pid int4, OUT run int8, OUT fence int8,
	OUT job text, OUT kind text, OUT database text, OUT type text, OUT attempt int4, OUT argv text[],
	OUT timeout_seconds float8, OUT kill_grace_seconds float8)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	next nex_backup.runs;
	token int8;
	per_repository int8 := nex_backup.setting('max_runs_per_repository')::int8;
BEGIN
	IF pg_is_in_recovery() OR nex_backup.setting('scheduler') <> 'on'
		OR nex_backup.setting('executor') <> (CASE WHEN $2 THEN 'worker' ELSE 'agent' END) THEN
		RETURN;
	END IF;
	PERFORM nex_backup.check_executor($1, $2, $3);
	PERFORM nex_backup.lock_queue();
	-- There may be no leader, and no other agent, whose turn would do it: what a dead run has must not be counted.
	PERFORM nex_backup.settle_stale();
	IF nex_backup.check_cluster($2) IS NOT NULL
		OR (SELECT count(*) FROM nex_backup.leases) >= nex_backup.setting('max_concurrent_runs')::int8 THEN
		RETURN;
	END IF;
	LOOP
		SELECT r.* INTO next FROM nex_backup.runs r
		WHERE r.state = 'queued' AND r.not_before <= nex_backup.now()
			AND (r.kind = 'notify' OR NOT nex_backup.claims_alarms_only())
			AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = r.job AND j.suspended IS NOT NULL)
			AND (r.kind = 'notify' OR per_repository > (SELECT count(*) FROM nex_backup.leases l
				JOIN nex_backup.runs a ON a.id = l.run
				WHERE a.location IS NOT DISTINCT FROM r.location AND a.kind <> 'notify'))
		ORDER BY r.not_before, r.id
		LIMIT 1
		FOR UPDATE SKIP LOCKED;
		EXIT WHEN next.id IS NULL;
		IF next.job IS NOT NULL AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = next.job) THEN
			PERFORM nex_backup.transition(next.id, 'cancelled', 'the job was removed');
			CONTINUE;
		END IF;
		-- Rights are those of now, not those of the day when the job was defined.
		IF next.owner IS NOT NULL AND NOT nex_backup.may_schedule(next.owner) THEN
			PERFORM nex_backup.transition(next.id, 'failed',
				format('role %s may no longer run jobs', next.owner), '{"retry": false}');
			CONTINUE;
		END IF;
		BEGIN
			PERFORM nex_backup.check_definition(next.kind, next.database, next.location,
				next.definition ->> 'type', next.definition -> 'options');
			argv := nex_backup.run_argv(next);
			timeout_seconds := extract(epoch FROM (next.definition ->> 'timeout')::interval);
			kill_grace_seconds := extract(epoch FROM coalesce((next.definition ->> 'kill_grace')::interval,
				interval '30 seconds'));
		EXCEPTION WHEN lock_not_available OR transaction_rollback OR insufficient_resources
			OR operator_intervention OR system_error THEN
			-- That is not the run's fault: again later.
			RAISE;
		WHEN others THEN
			PERFORM nex_backup.transition(next.id, 'failed', 'it cannot be started',
				jsonb_build_object('error', sqlerrm, 'retry', false));
			CONTINUE;
		END;
		run := next.id;
		token := nex_backup.new_fence();
		fence := token;
		job := next.job;
		kind := next.kind;
		database := next.database;
		type := next.definition ->> 'type';
		attempt := next.attempt;
		INSERT INTO nex_backup.leases (run, executor, in_server, session_role, fence, host, pid, session_started, heartbeat,
			lease_until)
		VALUES (next.id, $1, $2, nex_backup.role_of_call(), token, $3, $4, CASE WHEN $2 THEN
				(SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()) END,
			clock_timestamp(), clock_timestamp() + nex_backup.lease_time());
		PERFORM nex_backup.transition(run, 'starting');
		UPDATE nex_backup.runs r SET executor = $1, host = $3 WHERE r.id = next.id;
		-- The leader sees by the sequence that something was claimed.  Last, as an error does not take it back.
		PERFORM nextval('nex_backup.fences');
		RETURN;
	END LOOP;
	argv := NULL;
	timeout_seconds := NULL;
	kill_grace_seconds := NULL;
END
$$;

--
-- Alarms on their way to people.  Who delivers them locks their rows in a transaction, marks them, makes the messages and
-- commits: so nobody delivers what somebody else is about to, and no lock is left when that one dies.  Few at a time,
-- because after a crash before the commit these are delivered again.
--
CREATE FUNCTION nex_backup.note_delivery(ids int8[])
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_note_delivery'
LANGUAGE C STRICT VOLATILE;

-- Was this alarm given to this transaction, by alarms_to_deliver()?
CREATE FUNCTION nex_backup.delivers(id int8)
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_delivers'
LANGUAGE C STRICT VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.alarms_to_deliver(host text, OUT id int8, OUT raised timestamptz, OUT event text,
	OUT job text, OUT run int8, OUT kind text, OUT database text, OUT location text, OUT type text,
	OUT started timestamptz, OUT finished timestamptz, OUT exit_code int4, OUT state text, OUT reason text,
	OUT error text, OUT log_tail text, OUT details jsonb)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	wanted int8[];
	locked int8[];
BEGIN
	-- A standby has what the primary has, where it can be marked.
	IF pg_is_in_recovery() OR NOT nex_backup.agents_work() THEN
		RETURN;
	END IF;
	wanted := ARRAY(SELECT a.id FROM nex_backup.alarms a LEFT JOIN nex_backup.runs r ON r.id = a.run
		WHERE a.delivered IS NULL AND (r.host IS NULL OR r.host = $1 OR r.finished IS NULL
			OR r.finished < nex_backup.now() - interval '5 minutes')
		ORDER BY a.id LIMIT 100);
	locked := ARRAY(SELECT a.id FROM nex_backup.alarms a
		WHERE a.id = ANY (wanted) AND a.delivered IS NULL ORDER BY a.id LIMIT 10
		FOR UPDATE SKIP LOCKED);
	PERFORM nex_backup.note_delivery(locked);
	IF cardinality(locked) < least(cardinality(wanted), 10)
		AND EXISTS (SELECT FROM nex_backup.alarms a
			WHERE a.id = ANY (wanted) AND a.id <> ALL (locked) AND a.delivered IS NULL) THEN
		RAISE WARNING 'alarms are being delivered by another session'
			USING ERRCODE = 'lock_not_available',
				DETAIL = format('It holds %s of them.', cardinality(wanted) - cardinality(locked));
	END IF;
	RETURN QUERY
	SELECT a.id, a.raised, a.event, a.job, a.run, coalesce(r.kind, j.kind, 'backup'), a.database,
		coalesce(r.location, j.repository), coalesce(r.definition ->> 'type', j.type), r.started, r.finished,
		r.exit_code, r.state, r.reason, r.error, right(r.log_tail, 4000), a.details
	FROM nex_backup.alarms a
		LEFT JOIN nex_backup.runs r ON r.id = a.run
		LEFT JOIN nex_backup.jobs j ON j.name = a.job
	WHERE a.id = ANY (locked)
	ORDER BY a.id;
END
$$;

-- Somebody was told of it: by whoever has it, or a superuser.
CREATE OR REPLACE FUNCTION nex_backup.alarm_delivered(id int8)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.alarms a SET delivered = nex_backup.now()
	WHERE a.id = $1 AND a.delivered IS NULL
		AND (nex_backup.works_in_server() OR (nex_backup.agents_work() AND nex_backup.delivers($1)))
$$;

--
-- What the tool's connections do now.  Any session can give itself the tool's name: shown are those of roles that the
-- tool can work as, which are superusers, and roles that may report to the catalogue or read all data.  Whoever waits
-- is looked at once, not once for each of them.
--
CREATE OR REPLACE VIEW nex_backup.connections AS
	WITH tool AS MATERIALIZED (
		SELECT a.pid, a.datname, a.usename, a.backend_start, a.state, a.xact_start,
			pg_catalog.substring(a.application_name, '[0-9]+$')::pg_catalog.int8 AS run
		FROM pg_catalog.pg_stat_activity a
		WHERE a.application_name OPERATOR(pg_catalog.~) '^nex_backup(:run:[0-9]{1,18})?$'
			AND (pg_catalog.has_function_privilege(a.usesysid,
					'nex_backup.record(pg_catalog.text, pg_catalog.jsonb)'::pg_catalog.regprocedure, 'EXECUTE')
				OR pg_catalog.pg_has_role(a.usesysid, 'pg_read_all_data', 'USAGE'))),
	waiting AS MATERIALIZED (
		SELECT b.pid, pg_catalog.count(DISTINCT w.pid) AS waiters
		FROM pg_catalog.pg_locks w CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) b (pid)
		WHERE NOT w.granted AND EXISTS (SELECT FROM tool)
		GROUP BY b.pid)
	SELECT a.pid, a.datname AS database, a.usename AS role, a.backend_start AS connected, a.state, a.run,
		c.command, c.relid AS table_oid, c.tuples_processed AS rows, c.bytes_processed AS bytes,
		pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start AS snapshot_age,
		coalesce(w.waiters, 0) AS waiting_behind
	FROM tool a
		LEFT JOIN pg_catalog.pg_stat_progress_copy c ON c.pid OPERATOR(pg_catalog.=) a.pid
		LEFT JOIN waiting w ON w.pid OPERATOR(pg_catalog.=) a.pid;

--
-- The status of the scheduler: is there somebody who starts what is due?  The leader tells in memory when a turn of its
-- last succeeded, and what is wrong with the last one; an agent by being connected and asking.
--
CREATE OR REPLACE FUNCTION nex_backup.scheduler_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	jobs int8 := (SELECT count(*) FROM nex_backup.jobs j WHERE j.enabled);
	worker bool := nex_backup.setting('executor') = 'worker';
	reason text := (SELECT s.suspended FROM nex_backup.scheduler s);
	leader record;
	seen timestamptz;
	upcoming record;
	blocked text;
BEGIN
	SELECT max(e.last_seen) INTO seen FROM nex_backup.executors e WHERE e.in_server = worker;
	SELECT l.* INTO leader FROM nex_backup.leader_state() l;
	SELECT format('it has waited since %s for a lock of %s', date_trunc('second', min(l.waitstart)),
		string_agg(DISTINCT nex_backup.process_text(b.pid), ', ')) INTO blocked
	FROM pg_locks l, unnest(pg_blocking_pids(l.pid)) b (pid)
	WHERE l.pid = leader.pid AND NOT l.granted AND l.waitstart < clock_timestamp() - interval '2 seconds'
	HAVING count(*) > 0;
	SELECT j.name, j.next_run INTO upcoming FROM nex_backup.jobs j
	WHERE j.enabled AND j.suspended IS NULL AND j.next_run IS NOT NULL ORDER BY j.next_run, j.name LIMIT 1;
	status := 'ok';
	IF pg_is_in_recovery() THEN
		detail := 'waiting: this is a standby';
	ELSIF current_database() <> nex_backup.setting('database') THEN
		detail := format('the jobs are in database "%s"', nex_backup.setting('database'));
	ELSIF nex_backup.setting('scheduler') <> 'on' THEN
		status := 'warning';
		detail := 'off: nex_backup.scheduler is off, so no job starts';
	ELSIF reason IS NOT NULL THEN
		status := 'critical';
		detail := format('suspended: %s; nex_backup_resume_jobs() confirms the jobs', reason);
	ELSIF worker AND NOT nex_backup.is_preloaded() THEN
		status := CASE WHEN jobs > 0 THEN 'critical' ELSE 'ok' END;
		detail := 'off: nex_backup is not in shared_preload_libraries, so no job starts by itself';
	ELSIF seen IS NULL OR seen < clock_timestamp() - interval '3 minutes' THEN
		status := CASE WHEN jobs > 0 THEN 'critical' ELSE 'ok' END;
		detail := concat_ws(': ', format('%s, last seen %s',
			CASE WHEN NOT worker THEN 'no agent is there' WHEN leader.failing IS NULL THEN 'the leader does not answer'
				ELSE 'the leader cannot look at the queue' END,
			CASE WHEN seen IS NULL THEN 'never' ELSE nex_backup.age_text(seen) END), leader.problem, blocked);
	ELSIF worker AND leader.problem IS NOT NULL THEN
		status := CASE WHEN leader.failing < clock_timestamp() - interval '1 minute' AND jobs > 0
			THEN 'critical' ELSE 'warning' END;
		detail := format('running, but since %s: %s', date_trunc('second', leader.failing),
			concat_ws('; ', leader.problem, blocked));
	ELSIF worker AND blocked IS NOT NULL THEN
		status := 'warning';
		detail := 'running, but ' || blocked;
	ELSIF jobs = 0 THEN
		detail := 'running, but there are no jobs; nex_backup_setup_default_jobs() makes some';
	ELSE
		detail := format('running, %s, %s going on, next: %s', nex_backup.count_text(jobs, 'job'),
			nex_backup.count_text((SELECT count(*) FROM nex_backup.leases), 'run'),
			CASE WHEN upcoming.name IS NULL THEN 'none'
				ELSE format('"%s" at %s', upcoming.name, date_trunc('second', upcoming.next_run)) END);
	END IF;
END
$$;

--
-- Changes of runs, and hints to agents.
--
-- The queue of notifications is one for the whole cluster, and anybody who may connect to any database can fill it and
-- keep it full; a transaction that notifies then fails.  So nothing depends on it: only agents are told, and only while
-- there is room.  Without a hint an agent looks within a minute.  The leader is woken in memory.
--
CREATE FUNCTION nex_backup.tell(what text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF nex_backup.setting('executor') = 'agent' AND pg_notification_queue_usage() < 0.5 THEN
		PERFORM pg_notify('nex_backup', what);
	END IF;
END
$$;

-- Enter a run into the queue.
CREATE OR REPLACE FUNCTION nex_backup.enqueue(job text, owner regrole, kind text, location text, database text,
	definition jsonb, scheduled_for timestamptz DEFAULT NULL, not_before timestamptz DEFAULT NULL,
	attempt int4 DEFAULT 1, origin int8 DEFAULT NULL, reason text DEFAULT NULL)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id int8;
BEGIN
	INSERT INTO nex_backup.runs AS r (job, owner, kind, location, database, definition, state, scheduled_for,
		queued, not_before, attempt, origin, reason)
	VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, nex_backup.now(), coalesce($8, nex_backup.now()), $9, $10, $11)
	RETURNING r.id INTO id;
	PERFORM nex_backup.tell('queued');
	PERFORM nex_backup.wake();
	RETURN id;
END
$$;

-- The one function that changes the state of a run.  "outcome": exit_code, signal, error, log_tail, retry.
CREATE OR REPLACE FUNCTION nex_backup.transition(run int8, new_state text, reason text DEFAULT NULL, outcome jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	current nex_backup.runs;
	at timestamptz := nex_backup.now();
	ends bool := new_state <> ALL (ARRAY['queued', 'starting', 'running']);
BEGIN
	SELECT r.* INTO current FROM nex_backup.runs r WHERE r.id = $1 FOR UPDATE;
	IF current.id IS NULL THEN
		RAISE EXCEPTION 'there is no run %', $1 USING ERRCODE = 'undefined_object';
	END IF;
	IF (current.state || ' ' || new_state) <> ALL (ARRAY[
		'queued starting', 'queued failed', 'queued cancelled', 'queued skipped',
		'starting running', 'starting failed', 'starting cancelled', 'starting crashed',
		'running succeeded', 'running failed', 'running cancelled', 'running timed_out', 'running crashed']) THEN
		RAISE EXCEPTION 'run % cannot become "%" from "%"', $1, new_state, current.state
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	LOOP
		BEGIN
			UPDATE nex_backup.runs r
			SET state = new_state,
				started = CASE WHEN new_state = 'running' THEN at ELSE r.started END,
				finished = CASE WHEN ends THEN greatest(at, r.started) END,
				reason = coalesce($3, r.reason),
				exit_code = coalesce((outcome ->> 'exit_code')::int4, r.exit_code),
				signal = coalesce((outcome ->> 'signal')::int4, r.signal),
				error = coalesce(r.error, outcome ->> 'error'),
				log_tail = coalesce(outcome ->> 'log_tail', r.log_tail)
			WHERE r.id = $1
			RETURNING r.* INTO current;
			EXIT;
		EXCEPTION WHEN unique_violation THEN
			-- Another run of the same work has started in this very microsecond.
			at := at + interval '1 microsecond';
		END;
	END LOOP;
	IF ends THEN
		DELETE FROM nex_backup.leases l WHERE l.run = $1;
		PERFORM nex_backup.run_ended(current, coalesce((outcome ->> 'retry')::bool, true));
		PERFORM nex_backup.tell('ended');
		PERFORM nex_backup.wake();
	END IF;
END
$$;

-- Does the lease still belong to whoever has the fencing token, and is it a lease of the role that calls?  Locks it.
CREATE OR REPLACE FUNCTION nex_backup.holds_lease(run int8, fence int8)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.leases l
		WHERE l.run = $1 AND l.fence = $2 AND l.session_role = nex_backup.role_of_call() AND (NOT l.in_server OR nex_backup.works_in_server())
		FOR UPDATE)
$$;

-- The program has ended, or could not be started.  exit_code and signal are what waitpid() gave; stopped says why the
-- executor stopped it: cancel, timeout, shutdown (of the executor), or NULL.  Gives the state of the run, or 'lost'.
CREATE OR REPLACE FUNCTION nex_backup.finish(run int8, fence int8, exit_code int4, signal int4 DEFAULT NULL,
	stopped text DEFAULT NULL, error text DEFAULT NULL, log_tail text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	lease record;
	current text;
	new_state text;
	reason text;
	retry bool := true;
BEGIN
	IF NOT nex_backup.holds_lease($1, $2) THEN
		RETURN 'lost';
	END IF;
	SELECT l.* INTO lease FROM nex_backup.leases l WHERE l.run = $1;
	IF $3 = 0 AND $4 IS NULL THEN
		new_state := 'succeeded';
	ELSIF $5 = 'cancel' OR ($5 IS NULL AND lease.cancel_requested IS NOT NULL) THEN
		new_state := 'cancelled';
		reason := format('cancelled by %s', coalesce(lease.cancelled_by, 'somebody'));
	ELSIF $5 = 'timeout' THEN
		new_state := 'timed_out';
		reason := 'it took longer than its timeout';
	ELSIF $5 = 'shutdown' THEN
		new_state := 'crashed';
		reason := 'the executor was stopped';
	ELSIF $4 IS NOT NULL THEN
		new_state := 'crashed';
		reason := format('the program was ended by signal %s', $4);
	ELSE
		new_state := 'failed';
		reason := CASE $3 WHEN 2 THEN 'wrong usage or configuration'
			WHEN 3 THEN 'a backup is damaged or incomplete, or holds SQL that nex_backup does not write'
			WHEN 4 THEN 'the repository is locked, or the same work is going on already'
			WHEN 126 THEN 'the program may not be executed'
			WHEN 127 THEN 'the program was not found'
			WHEN 130 THEN 'the program was interrupted from outside'
			ELSE CASE WHEN $3 IS NULL THEN 'the program could not be started' ELSE format('exit code %s', $3) END END;
		-- Trying again does not repair these.
		retry := $3 IS NULL OR $3 <> ALL (ARRAY[2, 3, 126, 127]);
	END IF;
	SELECT r.state INTO current FROM nex_backup.runs r WHERE r.id = $1;
	IF current = 'starting' AND new_state = ANY (ARRAY['succeeded', 'timed_out']) THEN
		PERFORM nex_backup.transition($1, 'running');
	END IF;
	PERFORM nex_backup.transition($1, new_state, reason, jsonb_build_object('exit_code', $3, 'signal', $4,
		'error', left($6, 8192), 'log_tail', right($7, 65536), 'retry', retry));
	RETURN new_state;
END
$$;

-- Ask for the end of a run.  A queued one ends here, another when its executor hears of it.
CREATE OR REPLACE FUNCTION nex_backup.request_cancel(run int8, by text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	current text;
	next int8;
	who text := nex_backup.valid_text($2);
BEGIN
	PERFORM nex_backup.lock_queue();
	-- Nobody would hear of it who is gone.
	PERFORM nex_backup.settle_stale();
	SELECT r.state INTO current FROM nex_backup.runs r WHERE r.id = $1 FOR UPDATE;
	IF current = 'queued' THEN
		PERFORM nex_backup.transition($1, 'cancelled', format('cancelled by %s', who));
		RETURN 'cancelled';
	END IF;
	UPDATE nex_backup.leases l
	SET cancel_requested = coalesce(l.cancel_requested, clock_timestamp()), cancelled_by = coalesce(l.cancelled_by, who)
	WHERE l.run = $1;
	IF found THEN
		PERFORM nex_backup.tell('cancel');
	ELSE
		-- It has ended; but a next attempt may be waiting.
		SELECT r.id INTO next FROM nex_backup.runs r
		WHERE r.origin = (SELECT coalesce(o.origin, o.id) FROM nex_backup.runs o WHERE o.id = $1) AND r.state = 'queued';
		IF next IS NOT NULL THEN
			PERFORM nex_backup.transition(next, 'cancelled', format('cancelled by %s', who));
		END IF;
	END IF;
	RETURN current;
END
$$;

-- Is nobody at work on that run any more?
CREATE FUNCTION nex_backup.is_left(lease nex_backup.leases)
RETURNS bool
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN ($1).in_server THEN NOT nex_backup.session_lives(($1).pid, ($1).session_started)
		ELSE ($1).lease_until < clock_timestamp() END
$$;

-- End the runs whose executor is gone.  One that somebody has locked, or its lease, is left to a later turn: that must not
-- keep the jobs of all others waiting.
CREATE OR REPLACE FUNCTION nex_backup.settle_stale()
RETURNS int4
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	stale record;
	lease nex_backup.leases;
	settled int4 := 0;
BEGIN
	FOR stale IN
		SELECT r.id, l.run IS NOT NULL AS is_leased
		FROM nex_backup.runs r LEFT JOIN nex_backup.leases l ON l.run = r.id
		WHERE r.state = ANY (ARRAY['starting', 'running']) AND (l.run IS NULL OR nex_backup.is_left(l))
	LOOP
		-- As it is now, in the order in which an agent locks them.
		SELECT l.* INTO lease FROM nex_backup.leases l WHERE l.run = stale.id FOR UPDATE SKIP LOCKED;
		CONTINUE WHEN CASE WHEN stale.is_leased THEN NOT coalesce(nex_backup.is_left(lease), false) ELSE lease.run IS NOT NULL END;
		PERFORM FROM nex_backup.runs r
		WHERE r.id = stale.id AND r.state = ANY (ARRAY['starting', 'running']) FOR UPDATE SKIP LOCKED;
		CONTINUE WHEN NOT found;
		IF lease.cancel_requested IS NOT NULL THEN
			PERFORM nex_backup.transition(stale.id, 'cancelled', format('cancelled by %s', lease.cancelled_by));
		ELSE
			PERFORM nex_backup.transition(stale.id, 'crashed', CASE WHEN coalesce(lease.in_server, true)
				THEN 'the executor is gone: the server was restarted, or the executor was killed'
				ELSE 'the agent was silent for too long' END);
		END IF;
		settled := settled + 1;
	END LOOP;
	RETURN settled;
END
$$;

-- Define a job; gives the time of its first run.
CREATE OR REPLACE FUNCTION nex_backup.define_job(name text, schedule text, database text, repository text, type text,
	timezone text, kind text, retry int4, retry_delay interval, backoff text, retry_delay_max interval,
	timeout interval, kill_grace interval, misfire text, misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	job nex_backup.jobs;
	zone text := coalesce($6, current_setting('TimeZone'));
	first timestamptz;
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	first := nex_backup.next_run($2, zone, nex_backup.now());
	PERFORM nex_backup.check_definition($7, $3, $4, $5, $17);
	IF EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = $1) THEN
		RAISE EXCEPTION 'there is a job "%" already', $1
			USING ERRCODE = 'duplicate_object',
				HINT = 'nex_backup_alter_job() changes it, nex_backup_unschedule() removes it.';
	END IF;
	INSERT INTO nex_backup.jobs AS j (name, schedule, database, repository, type, timezone, kind, max_attempts,
		retry_delay, backoff, retry_delay_max, timeout, kill_grace, misfire, misfire_grace, overlap, options, owner)
	VALUES ($1, $2, $3, $4, $5, zone, $7, $8 + 1, $9, $10, $11, $12, $13, $14, $15, $16, $17, nex_backup.caller());
	UPDATE nex_backup.jobs j SET suspended = NULL, confirmed_for = nex_backup.place_of_jobs(), next_run = first
	WHERE j.name = $1 RETURNING j.* INTO job;
	PERFORM nex_backup.check_job(job);
	PERFORM nex_backup.wake();
	PERFORM nex_backup.tell('job');
	IF job.next_run IS NULL THEN
		RAISE WARNING 'schedule "%" never comes', $2;
	END IF;
	RETURN job.next_run;
END
$$;

-- The scheduler, and each job that somebody should look at.
CREATE OR REPLACE FUNCTION nex_backup.scheduler_status(OUT place int4, OUT key text, OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 7, '', 'scheduler', s.status, s.detail FROM nex_backup.scheduler_state() s
	UNION ALL
	SELECT 7, 'notifications', 'notifications', s.status, s.detail FROM nex_backup.alarm_state() s
	WHERE s.status IS NOT NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'critical', format('suspended: %s', j.suspended)
	FROM nex_backup.jobs j
	WHERE j.suspended IS NOT NULL AND j.enabled
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), CASE WHEN again.not_before IS NULL THEN 'critical' ELSE 'warning' END,
		concat_ws('; ',
			format('run %s %s %s: %s', l.id, l.state, nex_backup.age_text(l.finished), coalesce(l.error, l.reason)),
			coalesce((SELECT 'last good run ' || nex_backup.age_text(g.finished) FROM nex_backup.runs g
				WHERE g.job = j.name AND g.state = 'succeeded' ORDER BY g.id DESC LIMIT 1), 'no good run yet'),
			'tried again at ' || date_trunc('second', again.not_before))
	FROM nex_backup.jobs j
		CROSS JOIN LATERAL (SELECT r.* FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
			ORDER BY r.id DESC LIMIT 1) l
		LEFT JOIN LATERAL (SELECT r.not_before FROM nex_backup.runs r
			WHERE r.job = j.name AND r.state = 'queued' AND r.attempt > 1 ORDER BY r.id DESC LIMIT 1) again ON true
	WHERE j.enabled AND j.suspended IS NULL AND l.state <> 'succeeded'
$$;

--
-- Jobs that come by a copy do not run until somebody has confirmed them, however they come.  A trigger suspends what is
-- inserted, as a load or logical replication does; but pg_restore --disable-triggers switches it off, and leaves it so that
-- others do.  So what counts is where a job was confirmed, which the copy says, and which is not where it is now.
--
ALTER TABLE nex_backup.jobs ENABLE ALWAYS TRIGGER suspend_inserted_job;

ALTER TABLE nex_backup.jobs ADD COLUMN confirmed_for text;
COMMENT ON COLUMN nex_backup.jobs.confirmed_for IS 'cluster, database and extension in which it was defined or confirmed; it runs in no other';

-- Where jobs are now.  A dump is restored into another database, or another extension of that name; a template, too.
CREATE FUNCTION nex_backup.place_of_jobs()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws('/', (SELECT c.system_identifier FROM pg_control_system() c),
		(SELECT d.oid FROM pg_database d WHERE d.datname = current_database()),
		(SELECT e.oid FROM pg_extension e WHERE e.extname = 'nex_backup'))
$$;

UPDATE nex_backup.jobs SET confirmed_for = nex_backup.place_of_jobs() WHERE suspended IS NULL;

-- Suspend what was confirmed elsewhere.  A row that somebody has locked is left to the next turn, and does not run in this one.
CREATE FUNCTION nex_backup.suspend_copied_jobs(place text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.jobs j SET suspended = 'it comes from a dump or a copy; confirm it with nex_backup_resume_jobs()'
	WHERE j.name = ANY (ARRAY(SELECT c.name FROM nex_backup.jobs c
		WHERE c.suspended IS NULL AND c.confirmed_for IS DISTINCT FROM $1 FOR UPDATE SKIP LOCKED))
$$;

--
-- What a DBA calls to run and cancel.  Authority is that of the call: a public function is nex_backup_gate() in C,
-- which notes the current user for nex_backup.caller() and calls the function of the same name and arguments in
-- this schema.  A session that waits holds nothing: whatever looks at tables is done by the errand's worker.
--

CREATE OR REPLACE FUNCTION nex_backup.caller()
RETURNS regrole
AS 'MODULE_PATHNAME', 'nex_backup_gate_caller'
LANGUAGE C STRICT STABLE;

-- An error, unless the caller may read server files.
CREATE OR REPLACE FUNCTION nex_backup.check_caller()
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_gate_check_caller'
LANGUAGE C STRICT VOLATILE;

-- Have nex_backup.do_request(request, caller) done in a transaction that is committed while this one goes on; wait
-- for the end of its run, if that is wanted; and cancel that run if the statement is cancelled, if that is wanted.
CREATE FUNCTION nex_backup.perform(request text, wait bool, cancel bool, OUT run int8, OUT state text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_perform'
LANGUAGE C STRICT VOLATILE;

-- An error, unless a role may change a job: its own, or that of a role whose privileges it has.
CREATE FUNCTION nex_backup.check_owns_job(job nex_backup.jobs, role regrole)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT coalesce((SELECT r.rolsuper OR EXISTS (SELECT FROM pg_roles o
			WHERE o.oid = job.owner AND pg_has_role(r.oid, o.oid, 'USAGE'))
		FROM pg_roles r WHERE r.oid = $2), false) THEN
		RAISE EXCEPTION 'permission denied for job "%"', job.name
			USING ERRCODE = 'insufficient_privilege', DETAIL = format('It belongs to role %s.', job.owner);
	END IF;
END
$$;

-- A job that a role may change, locked.
CREATE OR REPLACE FUNCTION nex_backup.own_job(name text, role regrole)
RETURNS nex_backup.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	job nex_backup.jobs;
BEGIN
	SELECT j.* INTO job FROM nex_backup.jobs j WHERE j.name = $1 FOR UPDATE;
	IF job.name IS NULL THEN
		RAISE EXCEPTION 'there is no job "%"', $1
			USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM nex_backup.jobs lists them.';
	END IF;
	PERFORM nex_backup.check_owns_job(job, $2);
	PERFORM nex_backup.wake();
	RETURN job;
END
$$;

-- Enter a run of a job that somebody wants to have done at once.
CREATE FUNCTION nex_backup.submit_job(job nex_backup.jobs, caller regrole)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	busy int8;
BEGIN
	IF NOT nex_backup.may_operate(caller) THEN
		PERFORM nex_backup.check_may_schedule(caller);
		PERFORM nex_backup.check_owns_job(job, caller);
	END IF;
	IF job.suspended IS NULL AND job.confirmed_for IS DISTINCT FROM nex_backup.place_of_jobs() THEN
		job.suspended := 'it comes from a dump or a copy; confirm it with nex_backup_resume_jobs()';
	END IF;
	IF job.suspended IS NOT NULL THEN
		RAISE EXCEPTION 'job "%" is suspended: %', job.name, job.suspended
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	SELECT max(r.id) INTO busy FROM nex_backup.runs r
	WHERE r.job = job.name AND r.state = ANY (ARRAY['queued', 'starting', 'running']) AND r.attempt = 1;
	IF busy IS NOT NULL THEN
		RAISE EXCEPTION 'run % of job "%" has not ended yet', busy, job.name
			USING ERRCODE = 'object_in_use';
	END IF;
	RETURN nex_backup.enqueue(job.name, job.owner, job.kind, job.repository, job.database,
		nex_backup.job_definition(job) || '{"max_attempts": 1}', NULL, NULL, 1, NULL, format('started by %s', nex_backup.valid_text(caller::text)));
END
$$;

-- Enter work that is no job: what it is, is in the request.
CREATE FUNCTION nex_backup.submit_work(request jsonb, caller regrole)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	what text := request ->> 'what';
BEGIN
	PERFORM nex_backup.check_may_schedule(caller);
	IF what IS NOT NULL AND nex_backup.setting('executor') = 'worker'
		AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = what) THEN
		RAISE EXCEPTION 'there is neither a job nor a database "%"', what USING ERRCODE = 'undefined_object';
	END IF;
	PERFORM nex_backup.check_definition(request ->> 'kind', what, request ->> 'repository', request ->> 'type',
		request -> 'options');
	RETURN nex_backup.enqueue(NULL, caller, request ->> 'kind', request ->> 'repository', what,
		jsonb_build_object('type', request -> 'type', 'options', request -> 'options', 'max_attempts', 1,
			'timeout', request -> 'timeout', 'kill_grace', interval '30 seconds'),
		NULL, NULL, 1, NULL, format('started by %s', nex_backup.valid_text(caller::text)));
END
$$;

-- The permission is that for the very row whose work is queued.
CREATE FUNCTION nex_backup.submit(request jsonb, caller regrole)
RETURNS int8
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job nex_backup.jobs;
	run int8;
	suspended text;
	owner record;
BEGIN
	SELECT o.rolname, o.rolsuper INTO owner
	FROM pg_extension e JOIN pg_roles o ON o.oid = e.extowner WHERE e.extname = 'nex_backup';
	IF NOT owner.rolsuper THEN
		RAISE EXCEPTION 'no runs are started, as extension "nex_backup" belongs to role %, which is no superuser', owner.rolname
			USING ERRCODE = 'object_not_in_prerequisite_state',
				HINT = format('ALTER ROLE %I SUPERUSER makes it one again; REASSIGN OWNED gives the extension to another role.',
					owner.rolname);
	END IF;
	PERFORM nex_backup.lock_queue();
	-- A run that a crash of the server has ended is no reason to wait for it.  There may be no leader to find that out.
	PERFORM nex_backup.settle_stale();
	SELECT j.* INTO job FROM nex_backup.jobs j WHERE j.name = request ->> 'what';
	IF job.name IS NOT NULL THEN
		run := nex_backup.submit_job(job, caller);
	ELSE
		run := nex_backup.submit_work(request, caller);
	END IF;
	IF nex_backup.setting('scheduler') <> 'on' THEN
		RAISE EXCEPTION 'no runs are started, as nex_backup.scheduler is off'
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	suspended := nex_backup.check_cluster(nex_backup.is_preloaded());
	IF suspended IS NOT NULL THEN
		RAISE EXCEPTION 'jobs are suspended: %', suspended
			USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	RETURN run;
END
$$;

-- Ask for the end of a run, if a role may do that.
CREATE FUNCTION nex_backup.cancel_for(target int8, caller regrole)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner regrole;
BEGIN
	SELECT r.owner INTO owner FROM nex_backup.runs r WHERE r.id = target;
	IF NOT found THEN
		RAISE EXCEPTION 'there is no run %', target USING ERRCODE = 'undefined_object';
	END IF;
	IF NOT nex_backup.may_operate(caller) AND NOT coalesce(pg_has_role(caller::oid, owner::oid, 'USAGE'), false) THEN
		RAISE EXCEPTION 'permission denied to cancel run %', target
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'Only its owner and members of nex_backup.operator_role may do this.';
	END IF;
	PERFORM nex_backup.request_cancel(target, caller::text);
END
$$;

-- What the errand's worker does in the name of a role.  The run, and what the caller should be told.
CREATE FUNCTION nex_backup.do_request(request jsonb, caller regrole, OUT run int8, OUT notice text, OUT hint text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF request ->> 'call' = 'cancel' THEN
		run := (request ->> 'run')::int8;
		PERFORM nex_backup.cancel_for(run, caller);
		RETURN;
	END IF;
	run := nex_backup.submit(request, caller);
	IF nex_backup.setting('executor') = 'agent' AND NOT EXISTS (SELECT FROM nex_backup.executors e
		WHERE NOT e.in_server AND e.last_seen > clock_timestamp() - interval '2 minutes') THEN
		notice := 'no agent was seen in the last two minutes';
		hint := 'Start "nex_backup agent".';
	END IF;
END
$$;

-- Run a job, or do a backup (or another kind of work) at once, and wait for its end.
CREATE FUNCTION nex_backup.run(what text, kind text, repository text, type text, options jsonb, timeout interval,
	wait bool, OUT run int8, OUT state text, OUT detail text)
RETURNS record
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.run, p.state, p.detail
	FROM nex_backup.perform(jsonb_build_object('call', 'run', 'what', $1, 'kind', $2, 'repository', $3, 'type', $4,
		'options', $5, 'timeout', $6)::text, coalesce($7, false), true) p
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_run(what text, kind text DEFAULT 'backup', repository text DEFAULT NULL,
	type text DEFAULT 'manual', options jsonb DEFAULT '{}', timeout interval DEFAULT NULL, wait bool DEFAULT true,
	OUT run int8, OUT state text, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- Stop a run, and wait until it has stopped.
CREATE FUNCTION nex_backup.cancel(run int8, wait bool)
RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.state
	FROM nex_backup.perform(jsonb_build_object('call', 'cancel', 'run', $1)::text, coalesce($2, false), false) p
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_cancel(run int8, wait bool DEFAULT true)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- A repository for the jobs to come.
CREATE FUNCTION nex_backup.create_repository(repository text)
RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ended record;
BEGIN
	SELECT p.state, p.detail INTO ended
	FROM nex_backup.perform(jsonb_build_object('call', 'run', 'kind', 'init', 'repository', $1, 'type', 'manual',
		'options', '{}'::jsonb)::text, true, true) p;
	IF ended.state IS DISTINCT FROM 'succeeded' THEN
		RAISE EXCEPTION 'could not create repository "%": %', $1, coalesce(ended.detail, ended.state, 'its run is gone');
	END IF;
	RETURN $1;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_create_repository(repository text)
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- What version 0.2.0 had in place of these.
DROP FUNCTION nex_backup.do_errand(jsonb);
DROP FUNCTION nex_backup.submit(regrole, text, text, text, text, jsonb, interval);
DROP FUNCTION nex_backup.await_run(int8, bool);
DROP FUNCTION nex_backup.errand(text);

--
-- What a DBA calls to define jobs, behind the gate (see 40_runs_api.sql).
--

-- Define a job.
CREATE FUNCTION nex_backup.schedule(name text, schedule text, database text, repository text,
	type text, timezone text, kind text, retry int4,
	retry_delay interval, backoff text, retry_delay_max interval,
	timeout interval, kill_grace interval, misfire text,
	misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.define_job($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_schedule(name text, schedule text, database text DEFAULT NULL, repository text DEFAULT NULL,
	type text DEFAULT 'daily', timezone text DEFAULT NULL, kind text DEFAULT 'backup', retry int4 DEFAULT 3,
	retry_delay interval DEFAULT '5 minutes', backoff text DEFAULT 'fixed', retry_delay_max interval DEFAULT '1 hour',
	timeout interval DEFAULT NULL, kill_grace interval DEFAULT '30 seconds', misfire text DEFAULT 'once',
	misfire_grace interval DEFAULT NULL, overlap text DEFAULT 'skip', options jsonb DEFAULT '{}')
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- Change what is given of a job; gives the time of its next run.
CREATE FUNCTION nex_backup.alter_job(name text, schedule text, database text,
	repository text, type text, timezone text, enabled bool,
	retry int4, retry_delay interval, backoff text,
	retry_delay_max interval, timeout interval, kill_grace interval,
	misfire text, misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	old nex_backup.jobs;
	job nex_backup.jobs;
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	old := nex_backup.own_job($1, nex_backup.caller());
	UPDATE nex_backup.jobs j
	SET schedule = coalesce($2, j.schedule), database = coalesce($3, j.database),
		repository = coalesce($4, j.repository), type = coalesce($5, j.type), timezone = coalesce($6, j.timezone),
		enabled = coalesce($7, j.enabled), max_attempts = coalesce($8 + 1, j.max_attempts),
		retry_delay = coalesce($9, j.retry_delay), backoff = coalesce($10, j.backoff),
		retry_delay_max = coalesce($11, j.retry_delay_max), timeout = coalesce($12, j.timeout),
		kill_grace = coalesce($13, j.kill_grace), misfire = coalesce($14, j.misfire),
		misfire_grace = coalesce($15, j.misfire_grace), overlap = coalesce($16, j.overlap),
		options = coalesce($17, j.options)
	WHERE j.name = $1
	RETURNING j.* INTO job;
	PERFORM nex_backup.check_job(job);
	IF (job.schedule, job.timezone) <> (old.schedule, old.timezone) OR (job.enabled AND NOT old.enabled)
		OR job.next_run IS NULL THEN
		UPDATE nex_backup.jobs j SET next_run = nex_backup.next_run(job.schedule, job.timezone, nex_backup.now())
		WHERE j.name = $1
		RETURNING j.* INTO job;
	END IF;
	PERFORM nex_backup.wake();
	PERFORM nex_backup.tell('job');
	RETURN job.next_run;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_alter_job(name text, schedule text DEFAULT NULL, database text DEFAULT NULL,
	repository text DEFAULT NULL, type text DEFAULT NULL, timezone text DEFAULT NULL, enabled bool DEFAULT NULL,
	retry int4 DEFAULT NULL, retry_delay interval DEFAULT NULL, backoff text DEFAULT NULL,
	retry_delay_max interval DEFAULT NULL, timeout interval DEFAULT NULL, kill_grace interval DEFAULT NULL,
	misfire text DEFAULT NULL, misfire_grace interval DEFAULT NULL, overlap text DEFAULT NULL, options jsonb DEFAULT NULL)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- Neither of the next two takes the lock of the queue, as their caller's transaction may stay open.  The locks of the
-- job's row and of the runs that wait are enough: turns and claims skip rows that are locked.  A run that was entered at
-- the same time ends when somebody would claim it.

-- Remove a job.  A run that is going on goes on; one that waits is cancelled.
CREATE FUNCTION nex_backup.unschedule(name text)
RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	PERFORM nex_backup.own_job($1, nex_backup.caller());
	DELETE FROM nex_backup.jobs j WHERE j.name = $1;
	PERFORM nex_backup.transition(r.id, 'cancelled', 'the job was removed')
	FROM nex_backup.runs r WHERE r.job = $1 AND r.state = 'queued';
	RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_unschedule(name text)
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- Confirm that jobs belong to this cluster: one job, or all and the cluster itself.  What they have missed is forgotten.
CREATE FUNCTION nex_backup.resume_jobs(name text)
RETURNS int8
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	resumed int8;
	place CONSTANT text := nex_backup.place_of_jobs();
BEGIN
	PERFORM nex_backup.check_may_schedule(nex_backup.caller());
	IF $1 IS NOT NULL THEN
		PERFORM nex_backup.own_job($1, nex_backup.caller());
	ELSIF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = nex_backup.caller()) THEN
		RAISE EXCEPTION 'permission denied to resume all jobs'
			USING ERRCODE = 'insufficient_privilege', DETAIL = 'Only superusers may do this.';
	ELSIF (SELECT s.suspended FROM nex_backup.scheduler s) IS NOT NULL THEN
		-- What was going on in the original does not go on here.
		PERFORM nex_backup.transition(r.id, 'cancelled', 'the jobs were confirmed for another cluster')
		FROM nex_backup.runs r WHERE r.state = 'queued';
		UPDATE nex_backup.scheduler SET suspended = NULL, system_identifier = NULL, timeline = NULL,
			host = NULL, directory = NULL, last_tick = NULL;
		UPDATE nex_backup.jobs j SET suspended = '' WHERE j.suspended IS NULL;
	END IF;
	UPDATE nex_backup.jobs j
	SET suspended = NULL, confirmed_for = place, next_run = nex_backup.next_run(j.schedule, j.timezone, nex_backup.now())
	WHERE (j.suspended IS NOT NULL OR j.confirmed_for IS DISTINCT FROM place) AND j.name = coalesce($1, j.name);
	GET DIAGNOSTICS resumed = ROW_COUNT;
	PERFORM nex_backup.wake();
	RETURN resumed;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_resume_jobs(name text DEFAULT NULL)
RETURNS int8
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- The jobs that most databases need: a daily and a weekly backup, and an expiry that keeps 7 and 4 of them.
CREATE FUNCTION nex_backup.setup_default_jobs(database text, repository text, timezone text,
	OUT job text, OUT next_run timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	FOR job, next_run IN
		SELECT d.job, nex_backup.define_job(d.job, d.schedule, $1, $2, d.type, $3, d.kind, 3, '5 minutes', 'fixed',
			'1 hour', '2 hours', '30 seconds', 'once', NULL, 'skip', d.options::jsonb)
		FROM (VALUES ($1 || ' daily', '0 2 * * *', 'backup', 'daily', '{}'),
			($1 || ' weekly', '0 2 * * 0', 'backup', 'weekly', '{}'),
			($1 || ' expire', '30 5 * * *', 'expire', 'daily', '{"keep-daily": 7, "keep-weekly": 4}'))
			AS d (job, schedule, kind, type, options)
	LOOP
		RETURN NEXT;
	END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_setup_default_jobs(database text, repository text DEFAULT NULL, timezone text DEFAULT NULL,
	OUT job text, OUT next_run timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

--
-- What reads repositories in the name of its caller, behind the gate (see 40_runs_api.sql).
--

-- Hash every file of a backup, and record the result.
CREATE FUNCTION nex_backup.verify(backup pg_catalog.text, repository pg_catalog.text,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	place record;
	path text;
	file record;
	manifest jsonb;
	suffix text;
	listing text;
	problem text;
	object record;
	total int8;
	started timestamptz := clock_timestamp();
	last_notice timestamptz := clock_timestamp();
	outcome text;
	wrong int8 := 0;
	-- So many are told; of the others, how many.
	most CONSTANT int4 := 1000;
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	path := format('%s/%s', nex_backup.backup_directory(place.database), place.id);
	objects := 0;
	bytes := 0;
	bad := '{}';

	SELECT f.content, f.problem INTO file FROM nex_backup.read_sealed(place.location, path || '.json') f;
	problem := file.problem;
	IF problem IS NULL THEN
		BEGIN
			manifest := file.content::jsonb;
			problem := nex_backup.manifest_problem(manifest, place.repository_id, place.database, place.id);
			IF problem IS NULL AND EXISTS (SELECT
				FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
				WHERE NOT (coalesce(o ->> 'id', '') ~ '^[0-9a-f]{64}$'
					AND coalesce(o ->> 'bytes', '') ~ '^[0-9]{1,18}$')) THEN
				problem := 'names an object that cannot be one';
			END IF;
		EXCEPTION WHEN data_exception THEN
			problem := 'is not JSON';
		END;
	END IF;
	IF problem IS NOT NULL THEN
		bad := bad || format('%s.json: %s', path, problem);
		wrong := wrong + 1;
	ELSE
		suffix := nex_backup.object_suffix(manifest);

		-- The listing is a function of the manifest.
		SELECT coalesce(string_agg(format(E'%s  objects/%s/%s%s\n', o ->> 'id', left(o ->> 'id', 2), o ->> 'id',
			suffix), '' ORDER BY position), '')
		INTO listing
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') WITH ORDINALITY e(o, position);
		problem := nex_backup.check_file(place.location, path || '.sha256', octet_length(listing),
			encode(sha256(convert_to(listing, 'UTF8')), 'hex'));
		IF problem IS NOT NULL THEN
			bad := bad || format('%s.sha256: %s', path, problem);
			wrong := wrong + 1;
		END IF;

		SELECT count(DISTINCT o ->> 'id') INTO total
		FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o;
		FOR object IN
			SELECT DISTINCT ON (o ->> 'id') format('objects/%s/%s%s', left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
				(o ->> 'bytes')::int8 AS bytes, o ->> 'id' AS id
			FROM nex_backup.sealed_entries(place.location, path || '.json', 'objects') o
		LOOP
			problem := nex_backup.check_file(place.location, object.path, object.bytes, object.id);
			IF problem IS NOT NULL THEN
				wrong := wrong + 1;
				IF wrong <= most THEN
					bad := bad || format('%s: %s', object.path, problem);
				END IF;
			END IF;
			objects := objects + 1;
			bytes := bytes + object.bytes;
			IF clock_timestamp() > last_notice + interval '10 seconds' THEN
				RAISE NOTICE '% of % objects verified, %', objects, total, pg_size_pretty(bytes);
				last_notice := clock_timestamp();
			END IF;
		END LOOP;

		-- The manifest is what goes first when a backup expires: then missing objects are no damage.
		IF cardinality(bad) > 0 AND EXISTS (SELECT FROM nex_backup.read_sealed(place.location, path || '.json') f
			WHERE f.problem = 'is missing') THEN
			RAISE EXCEPTION 'backup "%/%" was removed while it was verified',
				CASE place.database WHEN '' THEN 'globals' ELSE place.database END, place.id
				USING ERRCODE = 'undefined_object';
		END IF;
	END IF;

	IF wrong > most THEN
		bad := bad || format('and %s more', wrong - most);
	END IF;
	outcome := CASE WHEN wrong = 0 THEN 'ok' ELSE 'failed' END;
	result := outcome;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(place.repository_id, nex_backup.frame_encryption(place.location));
	UPDATE nex_backup.backups b
	SET verified = clock_timestamp(), verified_ok = me.outcome = 'ok', verified_inside = false
	WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1], nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'bad_count', wrong, 'objects', objects, 'bytes', bytes));
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_verify(backup pg_catalog.text, repository pg_catalog.text DEFAULT NULL,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

-- What cannot be looked into below a repository; database NULL: it may hold backups of any.
CREATE FUNCTION nex_backup.unclear_directories(repository text, OUT directory text, OUT database text, OUT problem text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_unclear_directories'
LANGUAGE C STRICT VOLATILE;

-- Who holds rows of the catalogue that could not be locked in time: the error.
CREATE FUNCTION nex_backup.raise_locked(location text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	holder record;
BEGIN
	SELECT a.pid, a.usename, a.xact_start INTO holder
	FROM pg_stat_activity a
	WHERE a.pid <> pg_backend_pid() AND a.xact_start < clock_timestamp() - interval '10 seconds'
		AND EXISTS (SELECT FROM pg_locks l
			WHERE l.pid = a.pid AND l.granted AND l.relation = ANY (ARRAY['nex_backup.repositories'::regclass,
				'nex_backup.backups'::regclass, 'nex_backup.backup_tables'::regclass]) AND l.mode <> 'AccessShareLock')
	ORDER BY a.xact_start LIMIT 1;
	RAISE EXCEPTION 'could not lock the rows of repository "%" in the catalogue in time', $1
		USING ERRCODE = 'lock_not_available',
			DETAIL = coalesce(format('Process %s of role "%s" has changed the catalogue in a transaction that it began at %s.',
				holder.pid, holder.usename, holder.xact_start), 'Another session had locked them.'),
			HINT = coalesce(format('When it has ended, or is ended by SELECT pg_terminate_backend(%s), try again.', holder.pid),
				'Try again.');
END
$$;

-- Rebuild the catalogue of a repository.
CREATE FUNCTION nex_backup.sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
	OUT removed pg_catalog.int8, OUT damaged pg_catalog.int8)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '20s'
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	location text := rtrim(repository, '/');
	repository_id text;
	entry record;
	seen text[] := '{}';
	unclear text[] := '{}';
	of_databases text[] := '{}';
	any_database bool := false;
	last_notice timestamptz := clock_timestamp();
BEGIN
	PERFORM nex_backup.check_caller();
	repository_id := nex_backup.repository_id(location);
	backups := 0;
	damaged := 0;
	PERFORM nex_backup.record_repository(repository_id, location, nex_backup.host_name());
	PERFORM nex_backup.note_encryption(repository_id, nex_backup.frame_encryption(location));
	-- What cannot be looked into may hold the backups that the catalogue knows: their rows stay.
	FOR entry IN SELECT u.directory, u.database, u.problem FROM nex_backup.unclear_directories(location) u ORDER BY u.directory
	LOOP
		damaged := damaged + 1;
		unclear := unclear || entry.directory;
		of_databases := of_databases || coalesce(entry.database, '');
		any_database := any_database OR entry.database IS NULL;
		RAISE WARNING '"%/%" %', location, entry.directory, entry.problem
			USING DETAIL = 'What the catalogue knows of the backups that may be there is kept.',
				HINT = CASE WHEN entry.problem ~ 'symbolic link'
					THEN 'Mount the other disk there ("mount --bind"), or put the directory itself in its place.'
					ELSE 'Give it back its name, place and owner, or move it out of the repository if there are no backups in it.' END;
	END LOOP;
	FOR entry IN
		SELECT nex_backup.directory_database(substr(directory, length('backups/') + 1)) AS database, directory,
			left(name, -length('.json')) AS id
		FROM (SELECT 'backups/' || d AS directory FROM nex_backup.list_directory(location, CASE WHEN 'backups' = ANY (unclear)
				THEN 'nowhere' ELSE 'backups' END) d WHERE 'backups/' || d <> ALL (unclear)) directories,
			nex_backup.list_directory(location, directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		UNION ALL
		SELECT '', 'globals', left(name, -length('.json'))
		FROM nex_backup.list_directory(location, CASE WHEN 'globals' = ANY (unclear) THEN 'nowhere' ELSE 'globals' END) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
		BEGIN
			IF entry.database = '' THEN
				PERFORM nex_backup.sync_globals(location, repository_id, entry.id);
			ELSE
				PERFORM nex_backup.sync_backup(location, repository_id, entry.database, entry.id);
			END IF;
			PERFORM nex_backup.sync_verification(location, entry.directory, repository_id, entry.database, entry.id);
			backups := backups + 1;
			seen := seen || (entry.database || '/' || entry.id);
		EXCEPTION
			WHEN undefined_file THEN
				-- Expired since the directory was read.
				NULL;
			WHEN data_exception OR data_corrupted OR integrity_constraint_violation OR program_limit_exceeded THEN
				damaged := damaged + 1;
				RAISE WARNING 'file "%/%/%.json" %', location, entry.directory, entry.id, sqlerrm;
				-- It is still there, but no longer good, unless the catalogue alone cannot hold it.
				seen := seen || (entry.database || '/' || entry.id);
				UPDATE nex_backup.backups b
				SET verified = clock_timestamp(), verified_ok = false
				WHERE b.repository = me.repository_id AND b.database = entry.database AND b.id = entry.id
					AND sqlstate = 'XX001' AND sqlerrm <> 'may not be read by the server';
		END;
		IF clock_timestamp() > last_notice + interval '10 seconds' THEN
			RAISE NOTICE '% backups read', backups;
			last_notice := clock_timestamp();
		END IF;
	END LOOP;
	DELETE FROM nex_backup.backups b
	WHERE b.repository = me.repository_id AND b.database || '/' || b.id <> ALL (seen)
		AND CASE WHEN b.database = '' THEN 'globals' <> ALL (unclear)
			ELSE NOT any_database AND b.database <> ALL (of_databases) END;
	GET DIAGNOSTICS removed = ROW_COUNT;
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;

CREATE OR REPLACE FUNCTION @extschema@.nex_backup_sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
	OUT removed pg_catalog.int8, OUT damaged pg_catalog.int8)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_gate'
LANGUAGE C VOLATILE SECURITY INVOKER;

--
-- Named points in WAL.  As before, but the body does not use its own name, which is another one behind its entry.
--
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_create_restore_point(INOUT name pg_catalog.text, OUT lsn pg_lsn,
	OUT timeline pg_catalog.int4, OUT created timestamptz)
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
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

--
-- Which places the server looks at.  A report names a place in the file system; whoever may report is not
-- thereby entitled to have the server open files there, nor to learn from the status what is where.
--
ALTER TABLE nex_backup.repositories
	ADD COLUMN vouched bool NOT NULL DEFAULT false,
	ADD COLUMN recorded_by pg_catalog.name;
COMMENT ON COLUMN nex_backup.repositories.vouched IS
	'was the location named by a role that may read server files (by a report, nex_backup_sync(), nex_backup_verify())';
COMMENT ON COLUMN nex_backup.repositories.recorded_by IS 'the role that reported it first';

-- Looked at are the places that are vouched for, and those of jobs.
CREATE FUNCTION nex_backup.may_look_at(repository nex_backup.repositories)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $1.vouched OR EXISTS (SELECT FROM nex_backup.jobs j WHERE rtrim(j.repository, '/') = rtrim($1.location, '/'))
$$;

-- An error, if that is not a text of up to so many bytes, without control characters.
CREATE FUNCTION nex_backup.check_text(what text, value text, longest int4)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF octet_length($2) > $3 OR $2 ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION 'invalid %: "%"', $1, left(regexp_replace($2, '[[:cntrl:]]', '?', 'g'), 100)
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = format('It may have up to %s bytes, and no control characters.', $3);
	END IF;
END
$$;

-- May a report, which vouches for the place or does not, change what is known of that repository's backups?  What a
-- transaction has changed is locked as long as it is open, so that others' reports and nex_backup_sync() wait.
CREATE FUNCTION nex_backup.may_change_backups(repository text, vouched bool, caller name)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $2 OR EXISTS (SELECT FROM nex_backup.repositories r
		WHERE r.id = $1 AND (NOT r.vouched OR r.recorded_by = $3))
$$;

-- Enter a repository, or note that it was seen again.  Who does not vouch for a place does not touch the row of a
-- repository that somebody has vouched for, not even to lock it, and can enter so many only.
CREATE FUNCTION nex_backup.note_repository(id text, location text, host text, vouched bool, caller name)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known nex_backup.repositories;
BEGIN
	IF $1 = '' OR $1 ~ '[[:space:]]' THEN
		RAISE EXCEPTION 'invalid id of a repository: "%"', left($1, 100) USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM nex_backup.check_text('id of a repository', $1, 64);
	-- MAXPGPATH
	PERFORM nex_backup.check_text('location of a repository', $2, 1023);
	PERFORM nex_backup.check_text('name of a host', $3, 255);
	SELECT r.* INTO known FROM nex_backup.repositories r WHERE r.id = $1;
	IF NOT $4 AND known.vouched THEN
		RETURN;
	END IF;
	IF NOT $4 AND known.id IS NULL
		AND (SELECT count(*) FROM nex_backup.repositories r WHERE r.recorded_by = $5 AND NOT r.vouched) >= 100 THEN
		RAISE EXCEPTION 'role "%" has recorded 100 repositories already', $5
			USING ERRCODE = 'configuration_limit_exceeded',
				DETAIL = 'So many are taken from a role that may not read server files.',
				HINT = 'Call nex_backup_sync() for those that are in use, and delete the others from nex_backup.repositories.';
	END IF;
	INSERT INTO nex_backup.repositories AS r (id, location, host, vouched, recorded_by)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (id) DO UPDATE
	SET location = CASE WHEN $4 OR NOT r.vouched THEN EXCLUDED.location ELSE r.location END,
		host = CASE WHEN $4 OR NOT r.vouched THEN coalesce(EXCLUDED.host, r.host) ELSE r.host END,
		vouched = $4 OR r.vouched,
		last_seen = now();
END
$$;

-- The same for nex_backup_sync() and nex_backup_verify(), whose callers may read server files.
CREATE OR REPLACE FUNCTION nex_backup.record_repository(id pg_catalog.text, location pg_catalog.text, host pg_catalog.text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT nex_backup.note_repository($1, $2, $3, true, nex_backup.role_of_call())
$$;

-- A child reads it, as the file system may not answer: then the problem is "does not answer", or "has not answered since ...".
CREATE FUNCTION nex_backup.frame_id(repository text, OUT id text, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_frame_id'
LANGUAGE C STRICT VOLATILE;

-- A sealed file as JSON, or what is wrong with it.  Its size, depth and number of values are bounded by read_sealed().
CREATE FUNCTION nex_backup.sealed_jsonb(location text, file text, OUT content jsonb, OUT problem text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	raw text;
BEGIN
	SELECT f.content, f.problem INTO raw, problem FROM nex_backup.read_sealed($1, $2) f;
	IF problem IS NOT NULL THEN
		RETURN;
	END IF;
	BEGIN
		content := raw::jsonb;
		IF jsonb_typeof(content) <> 'object' THEN
			content := NULL;
			problem := 'is not a JSON object';
		END IF;
	EXCEPTION WHEN data_exception OR program_limit_exceeded OR feature_not_supported THEN
		problem := CASE sqlstate WHEN '22P02' THEN 'is not JSON'
			ELSE 'holds JSON that the server cannot take: ' || sqlerrm END;
	END;
END
$$;

-- An error, if the file system of a repository does not answer.  What comes next is done in the session, which hangs if that
-- changes meanwhile, and nothing ends it.
CREATE FUNCTION nex_backup.check_answers(repository text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problem text := (SELECT f.problem FROM nex_backup.frame_id($1) f);
BEGIN
	IF problem ~ '^(does not answer|has not answered)' THEN
		RAISE EXCEPTION 'repository "%" %', $1, problem
			USING ERRCODE = 'io_error', HINT = 'Its file system is on another machine, or a device, that cannot be reached now.';
	END IF;
END
$$;

-- The id of a repository; an error if there is none.
CREATE OR REPLACE FUNCTION nex_backup.repository_id(repository pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	frame record;
BEGIN
	PERFORM nex_backup.check_answers(repository);
	SELECT i.id, f.content ->> 'format' AS format, coalesce(i.problem, f.problem) AS problem INTO frame
	FROM nex_backup.frame_id(repository) i, nex_backup.sealed_jsonb(repository, 'nex_backup.json') f;
	IF frame.problem = 'is missing' THEN
		RAISE EXCEPTION 'there is no repository in "%"', repository
			USING ERRCODE = 'undefined_file',
				HINT = 'Give the full path of a repository on the database server.';
	ELSIF frame.format <> '1' OR frame.problem IS NULL AND frame.format IS NULL THEN
		RAISE EXCEPTION 'repository "%" has format %, which is unknown to this version of nex_backup',
			repository, left(coalesce(frame.format, 'none'), 20)
			USING ERRCODE = 'feature_not_supported';
	ELSIF frame.problem IS NOT NULL THEN
		RAISE EXCEPTION 'file "%/nex_backup.json" %', repository, frame.problem
			USING ERRCODE = 'data_corrupted';
	END IF;
	RETURN frame.id;
END
$$;

-- Can this server see the repository that was recorded on this very host?  Only what may be looked at
-- can be asked for, so whoever may see the status needs no right to read files.
CREATE OR REPLACE FUNCTION nex_backup.repository_state(id pg_catalog.text, OUT status pg_catalog.text, OUT detail pg_catalog.text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	frame record;
BEGIN
	status := 'ok';
	SELECT r.location, r.host, nex_backup.may_look_at(r) AS may_look INTO known
	FROM nex_backup.repositories r WHERE r.id = $1;
	IF known.location IS NULL OR known.location !~ '^/' OR known.host IS DISTINCT FROM nex_backup.host_name() THEN
		RETURN;
	END IF;
	IF NOT known.may_look THEN
		detail := 'not looked at, as only a role that may not read server files has named it; nex_backup_sync() has it looked at';
		RETURN;
	END IF;
	SELECT f.id, f.problem INTO frame FROM nex_backup.frame_id(known.location) f;
	IF frame.problem = 'may not be read by the server' THEN
		detail := frame.problem;
	ELSIF frame.problem = 'is missing' THEN
		status := 'warning';
		detail := 'NOT THERE as this server sees it';
	ELSIF frame.problem ~ '^(does not answer|is not looked at)' THEN
		status := 'warning';
		detail := frame.problem;
	ELSIF frame.problem ~ '^has not answered' THEN
		status := 'critical';
		detail := frame.problem;
	ELSIF frame.problem IS NOT NULL THEN
		status := 'critical';
		detail := format('nex_backup.json %s', frame.problem);
	ELSIF frame.id IS DISTINCT FROM $1 THEN
		status := 'critical';
		detail := 'another repository is there now';
	ELSE
		detail := 'readable by the server';
	END IF;
END
$$;

-- What nex_backup.json says of encryption: cipher, and the number of recipients.
CREATE OR REPLACE FUNCTION nex_backup.frame_encryption(location text)
RETURNS jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('cipher', f.content ->> 'cipher', 'recipients', CASE jsonb_typeof(f.content -> 'recipients')
		WHEN 'array' THEN jsonb_array_length(f.content -> 'recipients') END)
	FROM nex_backup.sealed_jsonb($1, 'nex_backup.json') f
$$;

CREATE OR REPLACE FUNCTION nex_backup.note_encryption(repository text, encryption jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.repositories r
	SET cipher = left(regexp_replace($2 ->> 'cipher', '[[:cntrl:]]', '?', 'g'), 32),
		recipients = CASE WHEN $2 ->> 'recipients' ~ '^[0-9]{1,9}$' THEN ($2 ->> 'recipients')::int4 END
	WHERE r.id = $1
$$;

-- Where a backup is that was given as DB or DB/ID: '' and /ID are the globals, and so is the word where no
-- database is called that; where one is, the word alone could be either.  What has the form of DB/ID is that,
-- whatever databases are called.  Errors if it cannot be told, and where nobody but a report says where it is.
CREATE OR REPLACE FUNCTION nex_backup.find_backup(backup pg_catalog.text, repository pg_catalog.text,
	OUT location pg_catalog.text, OUT repository_id pg_catalog.text, OUT database pg_catalog.text, OUT id pg_catalog.text)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	named text;
	may_look bool := true;
	of_globals bool;
	of_database bool;
BEGIN
	named := substring($1 from '/([0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)$');
	database := left($1, length($1) - coalesce(length(named) + 1, 0));
	location := rtrim($2, '/');
	IF location IS NOT NULL THEN
		PERFORM nex_backup.check_answers(location);
	END IF;
	IF database = 'globals' THEN
		SELECT bool_or(owner = ''), bool_or(owner = 'globals') INTO of_globals, of_database
		FROM (SELECT b.database AS owner FROM nex_backup.backups b
				WHERE location IS NULL AND b.database IN ('', 'globals') AND b.id = coalesce(me.named, b.id)
			UNION ALL
			SELECT o FROM unnest(ARRAY['', 'globals']) o, nex_backup.list_directory(location, nex_backup.backup_directory(o)) f
				WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND f = coalesce(me.named || '.json', f)) known;
		IF of_globals AND of_database THEN
			RAISE EXCEPTION 'backup "%" is ambiguous', $1
				USING ERRCODE = 'ambiguous_parameter',
					DETAIL = 'There are backups of the globals, and of a database that is called "globals".',
					HINT = 'Write '''' or /ID for the globals, globals/ID for the database.';
		ELSIF of_database IS NOT TRUE THEN
			database := '';
		END IF;
	END IF;
	IF location IS NULL THEN
		SELECT r.location, r.may_look INTO location, me.may_look
		FROM (SELECT p.id, p.location, nex_backup.may_look_at(p) AS may_look FROM nex_backup.repositories p OFFSET 0) r
			JOIN nex_backup.backups b ON r.id = b.repository
		WHERE b.database = find_backup.database AND b.id = coalesce(me.named, b.id)
		ORDER BY r.may_look DESC, b.snapshot_at DESC LIMIT 1;
	END IF;
	IF location IS NULL THEN
		RAISE EXCEPTION 'backup "%" is not known', $1
			USING ERRCODE = 'undefined_object',
				HINT = 'Write DATABASE or DATABASE/ID, and read the repository with nex_backup_sync() first.';
	ELSIF NOT may_look THEN
		RAISE EXCEPTION 'that backup "%" is in "%" was only reported', $1, location
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'The role that reported it may not read server files, so what it names is not opened.',
				HINT = 'Give that repository as the second argument, if it is one, or call nex_backup_sync() for it.';
	END IF;
	repository_id := nex_backup.repository_id(location);
	SELECT left(name, -length('.json')) INTO id
	FROM nex_backup.list_directory(location, nex_backup.backup_directory(database)) name
	WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND name = coalesce(me.named || '.json', name)
	ORDER BY left(name, 16) DESC, length(name) DESC, name DESC LIMIT 1;
	-- One that the catalogue knows, and that is gone, is damage.
	IF id IS NULL THEN
		SELECT b.id INTO id FROM nex_backup.backups b
		WHERE b.repository = repository_id AND b.database = find_backup.database AND b.id = me.named;
	END IF;
	IF id IS NULL THEN
		RAISE EXCEPTION 'there is no backup "%" in repository "%"', $1, location
			USING ERRCODE = 'undefined_object',
				HINT = CASE WHEN EXISTS (SELECT FROM nex_backup.list_directory(location, 'config') name
						WHERE name = regexp_replace(find_backup.database, '^config[ /]', ''))
					THEN 'That is a set of configuration files, which "nex_backup verify" verifies.'
					ELSE 'Write DATABASE, DATABASE/ID, or globals.' END;
	END IF;
END
$$;

--
-- What is recorded: times, numbers and texts that a catalogue can hold and its status can show.
--

-- An error, if that is no time of something that was done: not finite, before 1970, or more than a day ahead.
CREATE FUNCTION nex_backup.check_times(VARIADIC times timestamptz[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	at timestamptz;
BEGIN
	FOREACH at IN ARRAY $1 LOOP
		IF NOT isfinite(at) OR at < '1970-01-01 00:00+00' OR at > greatest(clock_timestamp(), nex_backup.now()) + interval '1 day' THEN
			RAISE EXCEPTION 'time "%" cannot be that of a backup or a run', at
				USING ERRCODE = 'datetime_field_overflow',
					DETAIL = 'It must be after 1970, and not more than a day ahead.';
		END IF;
	END LOOP;
END
$$;

-- What earlier versions took, and what must not be the latest backup of a database until the end of time.
DELETE FROM nex_backup.backups b
WHERE NOT (pg_catalog.isfinite(b.started) AND pg_catalog.isfinite(b.snapshot_at)
	AND pg_catalog.isfinite(COALESCE(b.finished, b.started)) AND pg_catalog.isfinite(COALESCE(b.verified, b.started)));
UPDATE nex_backup.runs r SET error = pg_catalog.left(r.error, 8192) WHERE pg_catalog.octet_length(r.error) OPERATOR(pg_catalog.>) 32768;
DELETE FROM nex_backup.runs r
WHERE NOT (pg_catalog.isfinite(COALESCE(r.started, '1970-01-01 00:00+00'))
	AND pg_catalog.isfinite(COALESCE(r.finished, '1970-01-01 00:00+00')));

-- Enter a backup; manifest has the keys of a manifest file, with the number of members in each table.
CREATE OR REPLACE FUNCTION nex_backup.record_backup(repository pg_catalog.text, database pg_catalog.text,
	id pg_catalog.text, manifest pg_catalog.jsonb, type pg_catalog.text, started timestamptz, finished timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	snapshot_at timestamptz := (manifest ->> 'snapshot_at')::timestamptz;
	wrong text;
BEGIN
	PERFORM nex_backup.check_times($6, snapshot_at, $7);
	SELECT n.key INTO wrong
	FROM (VALUES ('totals,tables'), ('totals,rows'), ('totals,raw_bytes'), ('totals,stored_bytes'), ('totals,new_bytes'))
		n(key)
	WHERE manifest #>> string_to_array(n.key, ',') !~ '^[0-9]{1,18}$' LIMIT 1;
	IF manifest #>> '{server,timeline}' !~ '^[0-9]{1,9}$' THEN
		wrong := 'server,timeline';
	END IF;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'key "%" is no number in its range', replace(wrong, ',', '.') USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO nex_backup.backups AS b (repository, database, id, type, started, snapshot_at, finished,
		server_version, system_identifier, timeline, lsn, codec, tables, rows, raw_bytes, stored_bytes,
		new_bytes, warnings)
	VALUES ($1, $2, $3, left($5, 64), $6, snapshot_at, $7,
		left(manifest #>> '{server,version}', 100), left(manifest #>> '{server,system_identifier}', 32),
		(manifest #>> '{server,timeline}')::int4, (manifest #>> '{server,lsn}')::pg_lsn,
		left(manifest ->> 'codec', 16),
		(manifest #>> '{totals,tables}')::int8, (manifest #>> '{totals,rows}')::int8,
		(manifest #>> '{totals,raw_bytes}')::int8, (manifest #>> '{totals,stored_bytes}')::int8,
		(manifest #>> '{totals,new_bytes}')::int8,
		ARRAY(SELECT left(nex_backup.manifest_text(w), 2000) FROM jsonb_array_elements(manifest -> 'warnings') w LIMIT 1000))
	ON CONFLICT (repository, database, id) DO UPDATE
	SET type = EXCLUDED.type, started = EXCLUDED.started, snapshot_at = EXCLUDED.snapshot_at,
		finished = EXCLUDED.finished, server_version = EXCLUDED.server_version,
		system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, lsn = EXCLUDED.lsn,
		codec = EXCLUDED.codec, tables = EXCLUDED.tables, rows = EXCLUDED.rows,
		raw_bytes = EXCLUDED.raw_bytes, stored_bytes = EXCLUDED.stored_bytes,
		new_bytes = EXCLUDED.new_bytes, warnings = EXCLUDED.warnings;

	DELETE FROM nex_backup.backup_tables t
	WHERE t.repository = $1 AND t.database = $2 AND t.backup = $3;

	SELECT format('table %s: a key is missing, too long, or no number in its range', place) INTO wrong
	FROM jsonb_array_elements(manifest -> 'tables') WITH ORDINALITY e(t, place)
	WHERE (concat_ws('/', t ->> 'rows', t ->> 'raw_bytes', t ->> 'stored_bytes', t ->> 'heap_bytes',
			coalesce(t ->> 'members', '0')) ~ '^([0-9]{1,18}/){4}[0-9]{1,18}$'
		-- Names of 63 bytes, in base64 for instance.
		AND octet_length(t ->> 'schema') <= 300 AND octet_length(t ->> 'name') <= 300) IS NOT TRUE LIMIT 1;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION '%', wrong USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO nex_backup.backup_tables (repository, database, backup, schema_name, table_name, rows,
		members, raw_bytes, stored_bytes, heap_bytes)
	SELECT $1, $2, $3, nex_backup.manifest_text(t -> 'schema'), nex_backup.manifest_text(t -> 'name'),
		(t ->> 'rows')::int8, coalesce((t ->> 'members')::int8, 0), (t ->> 'raw_bytes')::int8,
		(t ->> 'stored_bytes')::int8, (t ->> 'heap_bytes')::int8
	FROM jsonb_array_elements(manifest -> 'tables') t;
END
$$;

-- An array of a report, of which the catalogue keeps the first thousand entries.
CREATE FUNCTION nex_backup.shortened(details jsonb, key text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN jsonb_typeof($1 -> $2) = 'array'
		THEN jsonb_set($1, ARRAY[$2], jsonb_path_query_array($1 -> $2, '$[0 to 999]')) ELSE $1 END
$$;

-- Of the details of a report, what says which it is of.
CREATE FUNCTION nex_backup.short_details(details jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') FROM jsonb_each($1) d
	WHERE d.key = ANY (ARRAY['set', 'copy']) AND octet_length(d.value::text) < 2000
$$;

-- What is kept of a report that belongs to a run, and of its details: of one that a role without a right to read server files
-- makes, little once there is a megabyte of them, and none that is new beyond so many.
CREATE FUNCTION nex_backup.bounded_report(report nex_backup.run_reports, vouched bool)
RETURNS nex_backup.run_reports
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounded nex_backup.run_reports := report;
	reports int8;
	bytes int8;
BEGIN
	IF vouched THEN
		RETURN report;
	END IF;
	SELECT count(*), sum(p.bytes) INTO reports, bytes
	FROM (SELECT pg_column_size(p.details) + coalesce(pg_column_size(p.error), 0) AS bytes FROM nex_backup.run_reports p
		WHERE p.run = report.run LIMIT 10000) p;
	IF reports >= 10000 AND NOT EXISTS (SELECT FROM nex_backup.run_reports p
			WHERE p.run = report.run AND p.event = report.event AND p.repository = report.repository
				AND coalesce(p.database, '') = coalesce(report.database, '') AND coalesce(p.backup, '') = coalesce(report.backup, '')
				AND p.started = report.started) THEN
		RAISE EXCEPTION '10000 reports of run % are recorded already', report.run
			USING ERRCODE = 'configuration_limit_exceeded';
	END IF;
	IF bytes + octet_length(report.details::text) > 1048576 THEN
		bounded.details := nex_backup.short_details(report.details);
		bounded.error := left(report.error, 200);
	END IF;
	RETURN bounded;
END
$$;

-- Make room for another report: of those that roles without a right to read server files may make without end, so many
-- are kept, by kind and repository, and so many databases and backups of a repository.  All repositories that nobody has
-- vouched for count as one, as whoever reports can name as many as it likes.  False: only little can be kept of this one.
CREATE FUNCTION nex_backup.bound_reports(event text, repository text, database text)
RETURNS bool
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	few text[] := ARRAY[$2];
	most int8 := 1000;
	reports int8;
	bytes int8;
BEGIN
	IF NOT EXISTS (SELECT FROM nex_backup.repositories r WHERE r.id = $2 AND r.vouched) THEN
		SELECT array_agg(r.id) INTO few FROM nex_backup.repositories r WHERE NOT r.vouched;
		most := 2000;
	END IF;
	SELECT count(*), sum(c.bytes) INTO reports, bytes
	FROM unnest(few) f (id), LATERAL (SELECT pg_column_size(r.details) + coalesce(pg_column_size(r.error), 0) AS bytes
		FROM nex_backup.runs r WHERE r.kind = $1 AND COALESCE(r.repository, '') = f.id LIMIT 100000) c;
	IF reports >= 100000 THEN
		DELETE FROM nex_backup.runs d WHERE d.id IN (SELECT r.id FROM nex_backup.runs r
			WHERE r.kind = $1 AND COALESCE(r.repository, '') = ANY (few) AND r.job IS NULL AND r.definition IS NULL
			ORDER BY r.id LIMIT 1000 FOR UPDATE SKIP LOCKED);
	END IF;
	IF $1 = 'backup' AND (SELECT sum(n) FROM unnest(few) f (id), LATERAL (SELECT count(*) AS n FROM (SELECT FROM nex_backup.backups b
			WHERE b.repository = f.id LIMIT 100000) l) c) >= 100000 THEN
		RAISE EXCEPTION '100000 backups are recorded in repository "%", or in all that nobody has vouched for, already', $2
			USING ERRCODE = 'configuration_limit_exceeded',
				HINT = 'nex_backup_sync() records as many as the repository holds, and removes those that it does not hold.';
	END IF;
	IF $3 IS NULL OR EXISTS (SELECT FROM nex_backup.backups b WHERE b.repository = ANY (few) AND b.database = $3)
		OR EXISTS (SELECT FROM unnest(few) f (id), unnest(ARRAY['backup', 'verify', 'restore', 'expire']) k (kind), nex_backup.runs r
			WHERE r.kind = k.kind AND COALESCE(r.repository, '') = f.id AND COALESCE(r.database, '') = $3) THEN
		RETURN coalesce(bytes, 0) < 67108864;
	END IF;
	IF (SELECT count(*) FROM (SELECT b.database FROM nex_backup.backups b WHERE b.repository = ANY (few)
			UNION SELECT r.database FROM nex_backup.runs r WHERE COALESCE(r.repository, '') = ANY (few)) d) >= most THEN
		RAISE EXCEPTION 'reports of % databases are recorded for repository "%"%', most, $2,
			CASE WHEN most > 1000 THEN ' and others that nobody has vouched for' ELSE '' END
			USING ERRCODE = 'configuration_limit_exceeded',
				HINT = 'nex_backup_sync() records as many as the repository holds.';
	END IF;
	RETURN coalesce(bytes, 0) < 67108864;
END
$$;

-- The tool's report of something done; extension/README.md describes the payload.  Called by record(), as the owner, which
-- has looked who reports: vouched says whether that role may have the server look at the place that it names.  No entry,
-- and no SECURITY DEFINER: whoever calls it directly could say so itself.
CREATE FUNCTION nex_backup.take_report(event text, payload jsonb, caller oid, vouched bool)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '20s'
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	repository text := payload #>> '{repository,id}';
	location text := nex_backup.manifest_text(payload #> '{repository,location}');
	host text := nex_backup.manifest_text(payload #> '{repository,host}');
	database text := nex_backup.manifest_text(payload -> 'database');
	backup text := payload ->> 'backup';
	started timestamptz := (payload ->> 'started')::timestamptz;
	finished timestamptz := (payload ->> 'finished')::timestamptz;
	state text := payload ->> 'state';
	exit_code int4 := (payload ->> 'exit_code')::int4;
	error text := left(nex_backup.manifest_text(payload -> 'error'), 8192);
	tool text := left(payload ->> 'tool', 64);
	details jsonb := payload - 'repository' - 'manifest' - 'database' - 'backup' - 'started' - 'finished' - 'state'
		- 'exit_code' - 'error' - 'tool';
	run int8;
	mine bool;
BEGIN
	PERFORM nex_backup.role_of_call();
	IF event IS NULL OR event <> ALL (ARRAY['backup', 'verify', 'restore', 'expire']) THEN
		RAISE EXCEPTION 'unknown event "%"', left(event, 100)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Known are backup, verify, restore and expire.';
	END IF;
	IF repository IS NULL OR location IS NULL OR state IS NULL OR started IS NULL THEN
		RAISE EXCEPTION 'the payload lacks a repository, a state or a start time'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF state <> ALL (ARRAY['succeeded', 'failed', 'cancelled']) THEN
		RAISE EXCEPTION 'unknown state "%"', left(state, 100)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF backup !~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]{1,9})?$' THEN
		RAISE EXCEPTION 'invalid backup id "%"', left(backup, 100)
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF event = 'backup' AND state = 'succeeded' AND (database IS NULL OR backup IS NULL
		OR payload #>> '{manifest,snapshot_at}' IS NULL) THEN
		RAISE EXCEPTION 'the payload of a backup that succeeded lacks a database, an id or a manifest'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM nex_backup.check_times(started, finished);
	-- A name of 63 bytes that are not UTF-8 has four times as many here.
	IF octet_length(database) > 252 THEN
		RAISE EXCEPTION 'invalid name of a database' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF exit_code NOT BETWEEN 0 AND 255 THEN
		RAISE EXCEPTION 'invalid exit code %', exit_code USING ERRCODE = 'invalid_parameter_value';
	END IF;
	details := nex_backup.shortened(nex_backup.shortened(details, 'bad'), 'removed');
	IF octet_length(details::text) > 1048576 THEN
		RAISE EXCEPTION 'the payload is too large' USING ERRCODE = 'program_limit_exceeded';
	END IF;

	PERFORM nex_backup.note_repository(repository, location, host, vouched, pg_get_userbyid(caller));
	mine := nex_backup.may_change_backups(repository, vouched, pg_get_userbyid(caller));
	-- The key of a row that is not committed yet is a lock: nobody is to hold those of others' backups to come.
	IF NOT mine AND left(backup, 16) > to_char((greatest(clock_timestamp(), nex_backup.now()) + interval '1 minute')
		AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') THEN
		RAISE EXCEPTION 'backup id "%" is of a time to come', backup USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF payload -> 'repository' ? 'cipher' AND (vouched OR NOT EXISTS (SELECT FROM nex_backup.repositories r
			WHERE r.id = me.repository AND r.vouched)) THEN
		PERFORM nex_backup.note_encryption(repository, payload -> 'repository');
	END IF;
	IF NOT vouched AND NOT nex_backup.bound_reports(event, repository, database) THEN
		details := nex_backup.short_details(details);
		error := left(error, 200);
	END IF;

	run := nex_backup.run_of_session(event, repository, database);
	IF run IS NOT NULL THEN
		PERFORM nex_backup.add_report(nex_backup.bounded_report((run, event, repository, database, backup, state, started,
			finished, exit_code, error, details), vouched), tool);
	ELSIF mine OR NOT EXISTS (SELECT FROM nex_backup.runs r
			WHERE r.kind = event AND COALESCE(r.repository, '') = me.repository
				AND COALESCE(r.database, '') = COALESCE(me.database, '')
				AND COALESCE(r.backup, '') = COALESCE(me.backup, '') AND r.started = me.started) THEN
		INSERT INTO nex_backup.runs AS r (kind, repository, database, backup, state, started, finished,
			exit_code, error, tool_version, host, details)
		VALUES (event, repository, database, backup, state, started, finished, exit_code, error, tool,
			host, details)
		ON CONFLICT (kind, COALESCE(repository, ''), COALESCE(database, ''), COALESCE(backup, ''), started) DO UPDATE
		SET state = EXCLUDED.state, finished = EXCLUDED.finished, exit_code = EXCLUDED.exit_code,
			error = EXCLUDED.error, tool_version = EXCLUDED.tool_version, host = EXCLUDED.host,
			details = EXCLUDED.details
		-- A run of the scheduler is never rewritten from outside.
		WHERE r.definition IS NULL;
	END IF;

	-- Of others' backups a report can add one, but change none.
	IF event = 'backup' AND state = 'succeeded' AND (mine OR NOT EXISTS (SELECT FROM nex_backup.backups b
			WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup)) THEN
		PERFORM nex_backup.record_backup(repository, database, backup, payload -> 'manifest',
			payload ->> 'type', started, finished);
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' AND mine THEN
		UPDATE nex_backup.backups b
		SET verified = coalesce(me.finished, now()), verified_ok = payload ->> 'result' = 'ok',
			verified_inside = (payload ->> 'inside')::bool
		WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup;
	ELSIF event = 'expire' AND mine THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository AND b.database = nex_backup.manifest_text(removed -> 'database')
			AND b.id = removed ->> 'backup';
	END IF;
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;

-- It runs as its caller, in order to see who that is, and calls take_report() as the owner.
CREATE OR REPLACE FUNCTION nex_backup.record(event pg_catalog.text, payload pg_catalog.jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_record'
LANGUAGE C VOLATILE;

--
-- Reading manifests into the catalogue.  What is wrong with one is its own warning, by name, and not an error
-- of nex_backup_sync(): so everything that can be wrong must be an error that it expects.
--

-- The head of a manifest that stands in its place; an error if it is not good.
CREATE FUNCTION nex_backup.manifest_head(location text, path text, repository text, database text, id text)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	file record;
BEGIN
	SELECT f.content, coalesce(f.problem, nex_backup.manifest_problem(f.content, $3, $4, $5)) AS problem INTO file
	FROM nex_backup.sealed_jsonb($1, $2 || '.json') f;
	IF file.problem IS NOT NULL THEN
		RAISE EXCEPTION '%', file.problem
			USING ERRCODE = CASE file.problem WHEN 'is missing' THEN 'undefined_file' ELSE 'data_corrupted' END;
	END IF;
	RETURN file.content;
END
$$;

-- Read one backup's manifest into the catalogue; an error if it is not good.  Its tables go there one by one, as they are
-- read, because a manifest may have very many.
CREATE OR REPLACE FUNCTION nex_backup.sync_backup(location pg_catalog.text, repository pg_catalog.text,
	database pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	path text := format('backups/%s/%s', nex_backup.database_directory($3), $4);
	manifest jsonb := nex_backup.manifest_head($1, path, $2, $3, $4);
BEGIN
	PERFORM nex_backup.record_backup($2, $3, $4, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
	INSERT INTO nex_backup.backup_tables (repository, database, backup, schema_name, table_name, rows,
		members, raw_bytes, stored_bytes, heap_bytes)
	SELECT $2, $3, $4, nex_backup.manifest_text(t -> 'schema'), nex_backup.manifest_text(t -> 'name'),
		(t ->> 'rows')::int8, coalesce(m.members, 0), (t ->> 'raw_bytes')::int8,
		(t ->> 'stored_bytes')::int8, (t ->> 'heap_bytes')::int8
	FROM (SELECT CASE WHEN concat_ws('/', e.t ->> 'rows', e.t ->> 'raw_bytes', e.t ->> 'stored_bytes', e.t ->> 'heap_bytes')
					~ '^([0-9]{1,18}/){3}[0-9]{1,18}$'
				AND octet_length(e.t ->> 'schema') <= 300 AND octet_length(e.t ->> 'name') <= 300 THEN e.t END AS t, e.place
			FROM nex_backup.sealed_entries($1, path || '.json', 'tables') WITH ORDINALITY e(t, place)
			-- Once for each.
			OFFSET 0) e
		LEFT JOIN (SELECT (member ->> 'table')::int8 AS place, count(*) AS members
			FROM nex_backup.sealed_entries($1, path || '.json', 'members') member
			WHERE member ->> 'kind' = 'data' AND member ->> 'table' ~ '^[0-9]{1,9}$'
			GROUP BY 1) m ON e.place = m.place + 1;
EXCEPTION WHEN feature_not_supported OR not_null_violation THEN
	RAISE EXCEPTION '%', CASE sqlstate WHEN '23502' THEN 'has a table whose key is missing, too long, or no number in its range'
		ELSE sqlerrm END USING ERRCODE = 'data_corrupted';
END
$$;

-- Read the manifest of a backup of the globals into the catalogue.
CREATE OR REPLACE FUNCTION nex_backup.sync_globals(location pg_catalog.text, repository pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	manifest jsonb := nex_backup.manifest_head($1, 'globals/' || $3, $2, '', $3);
BEGIN
	PERFORM nex_backup.record_backup($2, '', $3, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
END
$$;

-- Read the tool's record of a backup's last verification.  The catalogue may know of a later one, in the server.
-- A record that is not good says nothing of the backup.
CREATE OR REPLACE FUNCTION nex_backup.sync_verification(location pg_catalog.text, directory pg_catalog.text,
	repository pg_catalog.text, database pg_catalog.text, id pg_catalog.text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	path text := format('%s/%s.verified', $2, $5);
	file record;
	verified timestamptz;
BEGIN
	SELECT f.content, f.problem INTO file FROM nex_backup.sealed_jsonb($1, path) f;
	IF file.problem = 'is missing' THEN
		RETURN;
	END IF;
	IF file.problem IS NULL THEN
		BEGIN
			verified := (file.content ->> 'verified')::timestamptz;
			PERFORM nex_backup.check_times(verified);
			file.problem := CASE WHEN file.content ->> 'backup' IS DISTINCT FROM $5 OR verified IS NULL
				THEN 'is no verification record of this backup' END;
		EXCEPTION WHEN data_exception THEN
			file.problem := format('is no verification record: %s', sqlerrm);
		END;
	END IF;
	IF file.problem IS NOT NULL THEN
		RAISE WARNING 'file "%/%" %', $1, path, file.problem
			USING HINT = 'Run "nex_backup verify" for this backup; it writes the record again.';
		RETURN;
	END IF;
	UPDATE nex_backup.backups b
	SET verified = me.verified, verified_ok = coalesce(file.content ->> 'result' = 'ok', false),
		verified_inside = coalesce(file.content -> 'checked' ? 'decompressed', false)
	WHERE b.repository = $3 AND b.database = $4 AND b.id = $5
		AND (b.verified IS NULL OR b.verified <= me.verified);
END
$$;

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

--
-- How far runs are.
--

-- No function of this schema in it: whoever was granted the view need not have been granted that.
CREATE OR REPLACE VIEW nex_backup.progress AS
	SELECT r.id AS run, r.job, r.kind, r.database, r.state, r.attempt, r.started,
		l.progress OPERATOR(pg_catalog.->>) 'phase' AS phase,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'weight_done') OPERATOR(pg_catalog.~) '^[0-9]{1,18}([.][0-9]{1,40})?$'
				AND (l.progress OPERATOR(pg_catalog.->>) 'weight_total') OPERATOR(pg_catalog.~) '^[0-9]{1,18}([.][0-9]{1,40})?$'
			-- Not by zero; without NULLIF, which looks for an operator by the search_path.
			THEN CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'weight_total')::pg_catalog."numeric"
					OPERATOR(pg_catalog.>) 0::pg_catalog."numeric"
				THEN pg_catalog.round(100::pg_catalog."numeric"
					OPERATOR(pg_catalog.*) (l.progress OPERATOR(pg_catalog.->>) 'weight_done')::pg_catalog."numeric"
					OPERATOR(pg_catalog./) (l.progress OPERATOR(pg_catalog.->>) 'weight_total')::pg_catalog."numeric", 1) END
			END AS percent,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'units_done') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'units_done')::pg_catalog.int8 END AS units_done,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'units_total') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'units_total')::pg_catalog.int8 END AS units_total,
		l.progress OPERATOR(pg_catalog.->>) 'unit' AS unit,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'raw_bytes') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'raw_bytes')::pg_catalog.int8 END AS bytes,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'stored_bytes') OPERATOR(pg_catalog.~) '^[0-9]{1,18}$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'stored_bytes')::pg_catalog.int8 END AS stored_bytes,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'bytes_per_second') OPERATOR(pg_catalog.~) '^[0-9]{1,18}([.][0-9]{1,40})?$'
			THEN (l.progress OPERATOR(pg_catalog.->>) 'bytes_per_second')::pg_catalog.float8 END AS bytes_per_second,
		CASE WHEN (l.progress OPERATOR(pg_catalog.->>) 'eta_seconds') OPERATOR(pg_catalog.~) '^[0-9]{1,9}([.][0-9]{1,40})?$'
			THEN pg_catalog.make_interval(secs => (l.progress OPERATOR(pg_catalog.->>) 'eta_seconds')::pg_catalog.float8)
			END AS eta,
		l.executor, l.host, l.child_pid, l.heartbeat, l.cancel_requested
	FROM nex_backup.leases l JOIN nex_backup.runs r ON r.id OPERATOR(pg_catalog.=) l.run;

--
-- The hint in ASCII, as every encoding of a database has it, and words of bounded length.
--

-- An error, if that is not what a job can be.  Asked when it is defined, and again before it starts.
CREATE OR REPLACE FUNCTION nex_backup.check_definition(kind text, database text, location text, type text, options jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	what record;
	given record;
	allowed record;
BEGIN
	SELECT k.* INTO what FROM nex_backup.job_kinds k WHERE k.kind = $1;
	IF what.kind IS NULL THEN
		RAISE EXCEPTION 'unknown kind of job "%"', $1
			USING ERRCODE = 'invalid_parameter_value',
				HINT = format('Known are %s.', (SELECT string_agg(k.kind, ', ' ORDER BY k.kind)
					FROM nex_backup.job_kinds k));
	END IF;
	IF what.needs_database AND coalesce($2, '') = '' THEN
		RAISE EXCEPTION 'a job of kind "%" needs a database', $1
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name it with database => ''...''.';
	END IF;
	IF $2 IS NOT NULL AND (NOT what.takes_database OR $2 = '' OR octet_length($2) > 63) THEN
		RAISE EXCEPTION 'a job of kind "%" cannot have the database "%"', $1, $2
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF $3 !~ '^(/|[a-z][a-z0-9+.-]*://)' OR $3 ~ '[[:cntrl:]]' OR octet_length($3) > 1024 THEN
		RAISE EXCEPTION 'invalid repository "%"', left($3, 1024)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Give the full path of a directory on the server, or a URL.';
	END IF;
	IF $3 ~ '^[^/]*://[^/]*@' OR $3 ~* '[?&][^=]*(password|secret|token|key)[^=]*=' THEN
		RAISE EXCEPTION 'the location of a repository must not hold a secret'
			USING ERRCODE = 'invalid_parameter_value',
				DETAIL = 'Jobs are readable, and part of dumps.',
				HINT = 'Put credentials into a file that nex_backup.config_file names.';
	END IF;
	IF coalesce($4, '') !~ '^[A-Za-z0-9_-]{1,32}$' THEN
		RAISE EXCEPTION 'invalid type "%"', left($4, 200)
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'It must be of letters, digits, "_" and "-", 32 at most.';
	END IF;
	IF jsonb_typeof($5) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'options must be a JSON object'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	FOR given IN SELECT o.key, o.value, o.value #>> '{}' AS word FROM jsonb_each($5) o LOOP
		SELECT a.* INTO allowed FROM nex_backup.job_options a
		WHERE a.kind = $1 AND a.option = replace(given.key, '_', '-');
		IF allowed.option IS NULL THEN
			RAISE EXCEPTION 'a job of kind "%" has no option "%"', $1, left(given.key, 200)
				USING ERRCODE = 'invalid_parameter_value',
					HINT = format('Its options are: %s.', coalesce((SELECT string_agg(a.option, ', ' ORDER BY a.option)
						FROM nex_backup.job_options a WHERE a.kind = $1), 'none'));
		END IF;
		IF jsonb_typeof(given.value) <> ALL (ARRAY['string', 'number', 'boolean']) OR octet_length(given.word) > 1000
			OR given.word !~ ('^(' || allowed.pattern || ')$') OR given.word ~ '[[:cntrl:]]' THEN
			RAISE EXCEPTION 'invalid value % of option "%"', left(given.value::text, 200), given.key
				USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
END
$$;

--
-- nex_backup_status(): the one definition of this step. Whoever has something to say adds rows here.
--

-- Who keeps everybody from reading the catalogue.  It looks at no table of it.
CREATE FUNCTION nex_backup.lock_text()
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT CASE WHEN l.granted
				THEN format('locked by %s: %s of %s', nex_backup.process_text(l.pid), l.mode, c.relname)
				ELSE format('locked: %s waits for an %s of %s behind %s', nex_backup.process_text(l.pid), l.mode, c.relname,
					(SELECT string_agg(nex_backup.process_text(b.pid), ', ' ORDER BY b.pid)
						FROM unnest(pg_blocking_pids(l.pid)) b (pid))) END
			FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
			WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
				AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
				AND c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'nex_backup')
			ORDER BY l.granted DESC, l.waitstart, l.pid LIMIT 1),
		'it was locked for five seconds, by whom is not known')
$$;

-- Who can drop the extension, with all that the catalogue knows, and is not a superuser: the owner of the database or of
-- the schema that it was created in.
CREATE FUNCTION nex_backup.owner_risk()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s belongs to role %s, which is not a superuser and can drop the extension with its catalogue', o.what, o.owner)
	FROM (SELECT 1 AS place, format('database %I', d.datname) AS what, d.datdba::regrole AS owner
			FROM pg_database d WHERE d.datname = current_database()
		UNION ALL
		SELECT 2, format('schema %I', n.nspname), n.nspowner::regrole
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'nex_backup' AND n.nspowner <> 'pg_database_owner'::regrole) o
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = o.owner AND r.rolsuper)
	ORDER BY o.place LIMIT 1
$$;

-- What is locked is a row as well (and what belongs to others, see status_entry.c), and not an error: monitoring must get an answer.
CREATE OR REPLACE FUNCTION @extschema@.nex_backup_status(OUT name pg_catalog.text, OUT status pg_catalog.text, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
#variable_conflict use_column
BEGIN
	BEGIN
		RETURN QUERY
		WITH latest AS (
			SELECT DISTINCT ON (b.database) b.*
			FROM nex_backup.backups b
			WHERE b.verified_ok IS DISTINCT FROM false
			ORDER BY b.database, b.snapshot_at DESC
		),
		checked AS (
			SELECT DISTINCT ON (b.database) b.database, b.id, b.verified, b.verified_ok, b.verified_inside
			FROM nex_backup.backups b
			WHERE b.verified IS NOT NULL
			ORDER BY b.database, b.verified DESC
		),
		last_run AS (
			-- Runs of jobs have their own rows, from scheduler_status().
			SELECT DISTINCT ON (r.kind, r.database) r.*
			FROM nex_backup.runs r
			WHERE r.finished IS NOT NULL AND r.state <> 'skipped' AND r.kind <> 'notify'
			ORDER BY r.kind, r.database, r.finished DESC, r.id DESC
		)
		SELECT nex_backup.shown(c.name), c.status, nex_backup.shown(c.detail)
		FROM (
			SELECT 1 AS place, '' AS key, 'extension' AS name, CASE WHEN k.risk IS NULL THEN 'ok' ELSE 'critical' END AS status,
				concat_ws(', ', format('version %s, %s', e.extversion, CASE WHEN nex_backup.is_preloaded() THEN 'preloaded'
					ELSE 'not in shared_preload_libraries' END), k.risk) AS detail
			FROM pg_extension e, nex_backup.owner_risk() k (risk) WHERE e.extname = 'nex_backup'
			UNION ALL
			SELECT 2, r.location, 'repository', (r.seen).status,
				concat_ws(', ', r.location || coalesce(' on ' || r.host, ''), (r.seen).detail,
					nex_backup.count_text(b.backups, 'backup'), pg_size_pretty(b.bytes), r.encryption,
					'last used ' || nex_backup.age_text(r.last_seen))
			FROM (SELECT *, nex_backup.repository_state(p.id) AS seen, nex_backup.encryption_text(p) AS encryption
					FROM nex_backup.repositories p OFFSET 0) r,
				LATERAL (SELECT count(*) AS backups, coalesce(sum(new_bytes), 0) AS bytes
					FROM nex_backup.backups WHERE repository = r.id) b
			UNION ALL
			SELECT 3, '', 'backup', 'critical',
				'no backup is recorded; run "nex_backup backup", or read a repository with nex_backup_sync()'
			WHERE NOT EXISTS (SELECT FROM nex_backup.backups)
			UNION ALL
			SELECT 3, l.database, nex_backup.owner_text('backup', l.database),
				CASE WHEN l.snapshot_at > now() - interval '24 hours' THEN 'ok'
					WHEN l.snapshot_at > now() - interval '48 hours' THEN 'warning' ELSE 'critical' END,
				concat_ws(', ', l.id, format('%s (%s)', l.type, nex_backup.age_text(l.snapshot_at)),
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.tables, 'table') END,
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.rows, 'row') END,
					pg_size_pretty(coalesce(l.stored_bytes, 0)) || ' stored')
			FROM latest l
			UNION ALL
			SELECT 3, '', 'globals', 'warning',
				'roles and tablespaces are in no backup; run "nex_backup globals backup", or "nex_backup backup --all"'
			WHERE EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'database')
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'globals')
			UNION ALL
			-- A database all of whose backups are damaged
			SELECT DISTINCT 3, b.database, nex_backup.owner_text('backup', b.database), 'critical', 'no good backup is left'
			FROM nex_backup.backups b
			WHERE NOT EXISTS (SELECT FROM latest l WHERE l.database = b.database)
			UNION ALL
			-- Only a catalogue of more than its own database can be expected to know of the others.
			SELECT 3, 'uncovered', 'databases without backup', 'warning',
				string_agg(format('%I', nex_backup.valid_text(d.datname)), ', ' ORDER BY d.datname)
			FROM pg_database d
			WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> 'postgres'
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = nex_backup.valid_text(d.datname))
				AND EXISTS (SELECT FROM latest l WHERE l.database <> current_database() AND l.kind = 'database'
					AND l.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c))
			HAVING count(*) > 0
			UNION ALL
			SELECT 4, l.database, nex_backup.owner_text('verify', l.database),
				CASE WHEN NOT c.verified_ok THEN 'critical'
					WHEN c.verified > now() - interval '30 days' THEN 'ok' ELSE 'warning' END,
				CASE WHEN c.id IS NULL THEN 'never verified; run "nex_backup verify" or nex_backup_verify()'
					ELSE concat_ws(', ', format('%s %s %s', c.id, CASE WHEN c.verified_ok THEN 'was good'
							ELSE 'IS DAMAGED, found' END, nex_backup.age_text(c.verified)),
						CASE WHEN c.verified_ok AND NOT c.verified_inside
							THEN 'stored bytes only: what is in it was not looked at' END) END
			FROM (SELECT database FROM latest UNION SELECT database FROM checked) l LEFT JOIN checked c USING (database)
			UNION ALL
			SELECT 5, r.kind || r.database, nex_backup.owner_text('last ' || r.kind, coalesce(r.database, 'all')), 'warning',
				format('%s %s: %s', r.state, nex_backup.age_text(coalesce(r.finished, r.started)),
					coalesce(r.error, r.reason, 'no reason given'))
			FROM last_run r
			WHERE r.state = ANY (ARRAY['failed', 'timed_out', 'crashed']) AND r.job IS NULL
			UNION ALL
			SELECT 6, '', 'restore points', 'ok',
				CASE WHEN count(*) = 0 THEN 'none'
					ELSE format('%s, the latest "%s" %s', count(*), (array_agg(p.name ORDER BY p.created DESC))[1],
						nex_backup.age_text(max(p.created))) END
			FROM nex_backup.restore_points p
			UNION ALL
			SELECT s.place, s.key, s.name, s.status, s.detail FROM nex_backup.scheduler_status() s
		) c
		ORDER BY c.place, c.key;
	EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
		name := 'catalogue';
		status := 'critical';
		detail := nex_backup.shown(nex_backup.lock_text());
		RETURN NEXT;
	END;
END
$$;

ALTER FUNCTION @extschema@.nex_backup_restore_points() SET lock_timeout = '5s';

-- Whoever was granted the parts that the status is made of, gets the new ones.
DO $$
DECLARE
	reader pg_catalog.regrole;
BEGIN
	FOR reader IN
		SELECT a.grantee FROM pg_catalog.pg_proc p, LATERAL pg_catalog.aclexplode(p.proacl) a
		WHERE p.oid OPERATOR(pg_catalog.=) 'nex_backup.age_text(timestamptz)'::pg_catalog.regprocedure
			AND a.privilege_type OPERATOR(pg_catalog.=) 'EXECUTE' AND a.grantee OPERATOR(pg_catalog.<>) p.proowner
			AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
	LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION nex_backup.valid_text(pg_catalog.text), nex_backup.shown(pg_catalog.text), '
			'nex_backup.process_text(pg_catalog.int4), nex_backup.lock_text(), nex_backup.owner_risk() TO %s', reader);
	END LOOP;
END
$$;

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

--
-- Privileges: nothing of this step is for PUBLIC.  What a step of an extension grants or revokes makes PostgreSQL note
-- all privileges of that object as the extension's own, those that users have granted included, and pg_dump then leaves
-- these out.  So only what is new is touched, and what steps before (0.2.0's, which revoked from all functions) noted
-- of users' grants is taken out again.
--

DO $$
DECLARE
	extension oid := (SELECT e.oid FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'nex_backup');
	open_to_all pg_catalog.regprocedure;
	command pg_catalog.text;
BEGIN
	FOR open_to_all IN
		SELECT p.oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) d.objid
		WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.refobjid OPERATOR(pg_catalog.=) extension AND d.deptype OPERATOR(pg_catalog.=) 'e'
			AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
				WHERE a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid)
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', open_to_all);
	END LOOP;

	-- An update by another superuser than the one who created the extension must not divide it between two owners: a
	-- function runs as its owner, and needs what the others hold.
	FOR command IN
		SELECT pg_catalog.format('ALTER %s %s OWNER TO %I', m.kind, m.name, pg_catalog.pg_get_userbyid(e.extowner))
		FROM pg_catalog.pg_extension e
			JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
				AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
			JOIN (
				SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass AS class, p.oid, p.proowner AS owner, 'FUNCTION' AS kind,
					p.oid::pg_catalog.regprocedure::pg_catalog.text AS name
				FROM pg_catalog.pg_proc p
				UNION ALL
				SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relowner,
					CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::pg_catalog.regclass::pg_catalog.text
				FROM pg_catalog.pg_class c WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'v']::"char"[])) m
			ON m.class OPERATOR(pg_catalog.=) d.classid AND m.oid OPERATOR(pg_catalog.=) d.objid
		WHERE e.oid OPERATOR(pg_catalog.=) extension AND m.owner OPERATOR(pg_catalog.<>) e.extowner
	LOOP
		EXECUTE command;
	END LOOP;

	-- The owner's privileges and those of predefined roles are the extension's.
	UPDATE pg_catalog.pg_init_privs i
	SET initprivs = own.privileges
	FROM (
		SELECT n.objoid, n.classoid, n.objsubid, pg_catalog.array_agg(u.item ORDER BY u.place) AS privileges
		FROM pg_catalog.pg_init_privs n
			JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) n.classoid
				AND d.objid OPERATOR(pg_catalog.=) n.objoid AND d.objsubid OPERATOR(pg_catalog.=) 0
				AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
				AND d.refobjid OPERATOR(pg_catalog.=) extension AND d.deptype OPERATOR(pg_catalog.=) 'e',
			LATERAL pg_catalog.unnest(n.initprivs) WITH ORDINALITY u(item, place)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.aclexplode(ARRAY[u.item]) a
			WHERE a.grantee OPERATOR(pg_catalog.<>) a.grantor AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
				AND pg_catalog.pg_get_userbyid(a.grantee) OPERATOR(pg_catalog.!~) '^pg_')
		GROUP BY n.objoid, n.classoid, n.objsubid) own
	WHERE i.objoid OPERATOR(pg_catalog.=) own.objoid AND i.classoid OPERATOR(pg_catalog.=) own.classoid
		AND i.objsubid OPERATOR(pg_catalog.=) own.objsubid
		AND i.initprivs OPERATOR(pg_catalog.<>) own.privileges;
END
$$;

