-- Names lead to PostgreSQL's objects, or are qualified.
SET LOCAL search_path = pg_catalog, pg_temp;

-- When the clock was set back by hours, jobs and retries must not sleep until it has caught up.  False: somebody has locked
-- some of them, and they are for a later turn.
DROP FUNCTION nex_backup.follow_clock(timestamptz, timestamptz);
CREATE FUNCTION nex_backup.follow_clock(at timestamptz, last timestamptz)
RETURNS bool
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (at < last - interval '3 hours') IS NOT TRUE THEN
		RETURN true;
	END IF;
	UPDATE nex_backup.jobs j SET next_run = nex_backup.next_run(j.schedule, j.timezone, at)
	WHERE j.name = ANY (ARRAY(SELECT s.name FROM nex_backup.jobs s
		WHERE s.next_run > at AND s.enabled AND s.suspended IS NULL FOR UPDATE SKIP LOCKED));
	UPDATE nex_backup.runs r SET not_before = at
	WHERE r.id = ANY (ARRAY(SELECT s.id FROM nex_backup.runs s
		WHERE s.state = 'queued' AND s.not_before > at + interval '1 hour' FOR UPDATE SKIP LOCKED));
	RETURN NOT EXISTS (SELECT FROM nex_backup.jobs j
			WHERE j.next_run > at AND j.enabled AND j.suspended IS NULL
				AND j.next_run <> nex_backup.next_run(j.schedule, j.timezone, at))
		AND NOT EXISTS (SELECT FROM nex_backup.runs r WHERE r.state = 'queued' AND r.not_before > at + interval '1 hour');
END
$$;

-- Forget what ended long ago; nex_backup.keep_runs says when.  The last success of a job is kept, and, until the next time,
-- what somebody has locked.
CREATE OR REPLACE FUNCTION nex_backup.purge_runs(at timestamptz)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM nex_backup.runs d
	WHERE d.id = ANY (ARRAY(SELECT r.id FROM nex_backup.runs r
		WHERE (r.finished < at - nex_backup.setting('keep_runs')::int4 * interval '1 day' AND r.job IS NOT NULL
				AND NOT (r.state = 'succeeded' AND EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = r.job)
					AND NOT EXISTS (SELECT FROM nex_backup.runs k
						WHERE k.job = r.job AND k.id > r.id AND k.state = 'succeeded')))
			OR (r.finished < at - interval '7 days' AND r.job IS NULL AND r.kind = 'notify')
		FOR UPDATE SKIP LOCKED));
	DELETE FROM nex_backup.alarms d
	WHERE d.id = ANY (ARRAY(SELECT a.id FROM nex_backup.alarms a
		WHERE a.delivered IS NOT NULL AND a.raised < at - interval '90 days' FOR UPDATE SKIP LOCKED))
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
	-- The leader remembers its last turn in memory, the row that of an hour ago at most, or that from which the clock was set
	-- back, as long as not all has followed.
	last := CASE WHEN known.last_tick IS NOT NULL AND $2
		THEN greatest((SELECT l.clock FROM nex_backup.leader_state() l), known.last_tick) ELSE known.last_tick END;
	IF NOT nex_backup.follow_clock(at, last) THEN
		wait := interval '5 seconds';
		IF known.last_tick IS DISTINCT FROM last THEN
			UPDATE nex_backup.scheduler s SET last_tick = last;
		END IF;
	ELSIF known.last_tick IS NULL OR abs(extract(epoch FROM at - known.last_tick)) > 3600
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
	-- What should have begun, and did not.
	PERFORM nex_backup.alarm_waiting(w.run, w.detail)
	FROM nex_backup.waiting_runs() w WHERE w.status = 'critical' AND w.kind <> 'notify';
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

-- Queue what one job is due for, once, however many times it was missed.
CREATE OR REPLACE FUNCTION nex_backup.queue_due(job nex_backup.jobs, at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	slot timestamptz := job.next_run;
	following timestamptz;
	missed int4 := 0;
	busy int8;
	run int8;
	reason text;
	late bool;
	begun bool;
BEGIN
	LOOP
		following := nex_backup.next_run(job.schedule, job.timezone, slot);
		EXIT WHEN following IS NULL OR following > at;
		missed := missed + 1;
		slot := following;
		-- After so many, how many there were says nothing more.
		IF missed >= 1000 THEN
			following := nex_backup.next_run(job.schedule, job.timezone, at);
			EXIT;
		END IF;
	END LOOP;
	UPDATE nex_backup.jobs j SET next_run = following WHERE j.name = job.name;

	late := missed > 0 OR at - slot > interval '1 minute';
	IF late THEN
		reason := format('due %s%s, when the scheduler was not running', slot,
			CASE WHEN missed > 0 THEN format(', and %s%s before', CASE WHEN missed >= 1000 THEN 'at least ' ELSE '' END,
				nex_backup.count_text(missed, 'time')) ELSE '' END);
		PERFORM nex_backup.raise_alarm('missed', job.name, NULL, job.database,
			jsonb_build_object('due', slot, 'before', missed,
				'starts', job.misfire = 'once' AND at - slot <= coalesce(job.misfire_grace, at - slot)));
		IF job.misfire = 'skip' THEN
			reason := 'missed: ' || reason;
		ELSIF at - slot > job.misfire_grace THEN
			reason := format('missed: %s, longer ago than %s', reason, job.misfire_grace);
		ELSE
			reason := 'starts late: ' || reason;
		END IF;
	END IF;
	IF reason IS NULL OR reason LIKE 'starts late%' THEN
		SELECT max(r.id) INTO busy FROM nex_backup.runs r
		WHERE r.job = job.name AND r.state = ANY (ARRAY['queued', 'starting', 'running'])
			AND (job.overlap = 'skip' OR r.state = 'queued');
		IF busy IS NOT NULL THEN
			begun := (SELECT r.state <> 'queued' FROM nex_backup.runs r WHERE r.id = busy);
			reason := format('skipped: run %s has not %s yet', busy, CASE WHEN begun THEN 'ended' ELSE 'begun' END);
			-- A retry waits for its time, as it should.
			IF NOT begun AND EXISTS (SELECT FROM nex_backup.runs r WHERE r.id = busy AND r.not_before <= at) THEN
				PERFORM nex_backup.alarm_waiting(busy, coalesce((SELECT w.detail FROM nex_backup.waiting_runs() w
					WHERE w.run = busy), format('run %s has not begun yet', busy)));
			END IF;
		END IF;
	END IF;
	run := nex_backup.enqueue(job.name, job.owner, job.kind, job.repository, job.database,
		nex_backup.job_definition(job), slot, at, 1, NULL, reason);
	IF reason IS NOT NULL AND reason NOT LIKE 'starts late%' THEN
		PERFORM nex_backup.transition(run, 'skipped', reason);
	END IF;
END
$$;

--
-- Starting runs.
--

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
				CASE WHEN EXISTS (SELECT FROM pg_roles o WHERE o.oid = next.owner)
					THEN format('role %s may no longer run jobs', next.owner)
					ELSE 'its owner was dropped; nex_backup_schedule() defines it for another role' END, '{"retry": false}');
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
-- Alarms: a run that does not begin is one, and what could not be delivered is tried again.
--

-- Whoever raises an alarm has it delivered at once, and again and again until somebody was told: up to an hour apart,
-- for a week.
CREATE OR REPLACE FUNCTION nex_backup.raise_alarm(event text, job text, run int8, database text, details jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO nex_backup.alarms (raised, event, job, run, database, details)
	VALUES (nex_backup.now(), $1, $2, $3, $4, coalesce($5, '{}'));
	IF EXISTS (SELECT FROM nex_backup.runs r
			WHERE r.state = 'queued' AND r.kind = 'notify' AND r.job IS NULL AND r.not_before <= nex_backup.now()) THEN
		RETURN;
	END IF;
	-- The next try of an earlier delivery may be an hour away.
	PERFORM nex_backup.transition(r.id, 'cancelled', 'a newer alarm is delivered at once')
	FROM nex_backup.runs r
	WHERE r.state = 'queued' AND r.kind = 'notify' AND r.job IS NULL AND r.definition ->> 'type' = 'alarm';
	PERFORM nex_backup.enqueue(NULL, NULL, 'notify', NULL, NULL,
		'{"type": "alarm", "options": {"fail-if-waiting": true}, "max_attempts": 170, "backoff": "exponential",
			"retry_delay": "1 minute", "retry_delay_max": "1 hour", "timeout": "5 minutes", "kill_grace": "10 seconds"}');
END
$$;

INSERT INTO nex_backup.job_options (kind, option, pattern) VALUES ('notify', 'fail-if-waiting', 'true|false');

-- Is an agent there?
CREATE FUNCTION nex_backup.agent_is_there()
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.executors e
		WHERE NOT e.in_server AND e.last_seen > clock_timestamp() - interval '2 minutes')
$$;

-- "run 12 of job "x"", for people.
CREATE FUNCTION nex_backup.run_text(run int8)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT concat_ws(' ', format('run %s', $1), (SELECT format('of job "%s"', r.job) FROM nex_backup.runs r
		WHERE r.id = $1 AND r.job IS NOT NULL))
$$;

-- Why has this run not begun?  held: others that are going on keep it waiting, which ends by itself.
CREATE FUNCTION nex_backup.why_waiting(run nex_backup.runs, OUT held bool, OUT why text)
RETURNS record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	going_on text;
	worker bool := nex_backup.setting('executor') = 'worker';
BEGIN
	held := true;
	IF (SELECT count(*) FROM nex_backup.leases) >= nex_backup.setting('max_concurrent_runs')::int8 THEN
		SELECT string_agg(nex_backup.run_text(l.run), ', ' ORDER BY l.run) INTO going_on FROM nex_backup.leases l;
		why := format('as many runs are going on as nex_backup.max_concurrent_runs permits: %s', going_on);
		RETURN;
	END IF;
	SELECT string_agg(nex_backup.run_text(l.run), ', ' ORDER BY l.run) INTO going_on
	FROM nex_backup.leases l JOIN nex_backup.runs a ON a.id = l.run
	WHERE a.location IS NOT DISTINCT FROM ($1).location AND a.kind <> 'notify'
	HAVING count(*) >= nex_backup.setting('max_runs_per_repository')::int8;
	IF going_on IS NOT NULL AND ($1).kind <> 'notify' THEN
		why := format('with the same repository as many runs are going on as nex_backup.max_runs_per_repository permits: %s',
			going_on);
		RETURN;
	END IF;
	held := false;
	why := CASE WHEN nex_backup.setting('scheduler') <> 'on' THEN 'nex_backup.scheduler is off'
		WHEN (SELECT s.suspended FROM nex_backup.scheduler s) IS NOT NULL THEN 'the jobs are suspended'
		WHEN NOT worker AND NOT nex_backup.agent_is_there() THEN 'no agent is there'
		WHEN NOT worker THEN 'no agent has taken it'
		WHEN NOT nex_backup.is_preloaded() THEN 'nex_backup is not in shared_preload_libraries'
		ELSE coalesce((SELECT l.problem FROM nex_backup.leader_state() l),
			'no worker has taken it; the server''s log may say why') END;
END
$$;

-- Runs that should have begun some seconds ago.  What the server or an agent does not start is a fault at once; what
-- waits for others is one after hours.
CREATE FUNCTION nex_backup.waiting_runs(OUT run int8, OUT job text, OUT kind text, OUT database text, OUT since timestamptz,
	OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT q.id, q.job, q.kind, q.database, q.not_before,
		CASE WHEN nex_backup.now() - q.not_before > CASE WHEN w.held THEN interval '6 hours' ELSE interval '5 minutes' END
			THEN 'critical' WHEN w.held AND nex_backup.now() - q.not_before <= interval '1 hour' THEN 'ok' ELSE 'warning' END,
		format('run %s has not begun yet: it has waited since %s; %s', q.id, date_trunc('second', q.not_before), w.why)
	FROM nex_backup.runs q, nex_backup.why_waiting(q) w
	WHERE q.state = 'queued' AND q.not_before < nex_backup.now() - interval '10 seconds'
		AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.name = q.job AND j.suspended IS NOT NULL)
	ORDER BY q.id
$$;

-- Tell of a run that does not begin, once.
CREATE FUNCTION nex_backup.alarm_waiting(run int8, reason text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	waiting nex_backup.runs;
BEGIN
	SELECT r.* INTO waiting FROM nex_backup.runs r WHERE r.id = $1 AND r.state = 'queued';
	IF waiting.id IS NULL OR waiting.kind = 'notify' OR EXISTS (SELECT FROM nex_backup.alarms a
		WHERE a.event = 'missed' AND a.details ->> 'waiting' = $1::text) THEN
		RETURN;
	END IF;
	-- Not as an alarm of that run, whose end is told as well.
	PERFORM nex_backup.raise_alarm('missed', waiting.job, NULL, waiting.database, jsonb_build_object('waiting', $1,
		'due', coalesce(waiting.scheduled_for, waiting.queued), 'starts', true, 'reason', $2));
END
$$;

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
	ELSIF jobs > 0 AND NOT EXISTS (SELECT FROM nex_backup.jobs j WHERE j.enabled AND j.suspended IS NULL) THEN
		status := 'critical';
		detail := 'running, but all jobs are suspended; nex_backup_resume_jobs() confirms them';
	ELSIF worker AND leader.problem IS NOT NULL THEN
		status := CASE WHEN leader.failing < clock_timestamp() - interval '1 minute' AND jobs > 0
			THEN 'critical' ELSE 'warning' END;
		detail := format('running, but since %s: %s', date_trunc('second', leader.failing),
			concat_ws('; ', leader.problem, blocked));
	ELSIF worker AND blocked IS NOT NULL THEN
		status := 'warning';
		detail := 'running, but ' || blocked;
	ELSIF jobs = 0 AND EXISTS (SELECT FROM nex_backup.jobs) THEN
		detail := 'running, but no job is enabled';
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
-- Is the worker there that cancels what keeps the extension from its tables?
--

-- Why not; NULL if all is well.
CREATE FUNCTION nex_backup.guard_problem()
RETURNS text
AS 'MODULE_PATHNAME', 'nex_backup_guard_problem'
LANGUAGE C STRICT VOLATILE;

--
-- The latest runs of everything, for the status: asked often, and of all runs that there are.  What they are told apart by
-- is in columns of its own, as a role that may report can put a MB into the details of each, which would all be read.  They
-- are as long as an entry of the index has room for.
--
ALTER TABLE nex_backup.runs
	ADD COLUMN file_set text GENERATED ALWAYS AS (left(details ->> 'set', 220)) STORED,
	ADD COLUMN copy text GENERATED ALWAYS AS (left('copy in ' || (details #>> '{copy,location}')
		|| coalesce(' on ' || (details #>> '{copy,host}'), ''), 300)) STORED;
COMMENT ON COLUMN nex_backup.runs.file_set IS 'the set of configuration files';
COMMENT ON COLUMN nex_backup.runs.copy IS 'of which copy of the repository it is, if not of the repository itself';

CREATE INDEX runs_latest_idx ON nex_backup.runs (kind COLLATE "C", database COLLATE "C", file_set COLLATE "C",
		copy COLLATE "C", finished DESC, id DESC)
	WHERE finished IS NOT NULL AND state <> 'skipped' AND kind <> 'notify';

--
-- The status of the scheduler, for nex_backup_status().
--

-- Is anybody told of what goes wrong?  What waits in a tool's own queue for a mail server is why its run fails.
CREATE OR REPLACE FUNCTION nex_backup.alarm_state(OUT status text, OUT detail text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	late record;
	told timestamptz := (SELECT max(a.delivered) FROM nex_backup.alarms a);
	latest nex_backup.runs;
	again timestamptz;
	waits text := (SELECT w.detail FROM nex_backup.waiting_runs() w WHERE w.kind = 'notify' ORDER BY w.run LIMIT 1);
	failing bool;
BEGIN
	SELECT count(*) AS alarms, min(a.raised) AS oldest INTO late FROM nex_backup.alarms a
	WHERE a.delivered IS NULL AND a.event <> 'first_success';
	SELECT r.* INTO latest FROM nex_backup.runs r
	WHERE r.kind = 'notify' AND r.state = ANY (ARRAY['succeeded', 'failed', 'timed_out', 'crashed'])
	ORDER BY r.id DESC LIMIT 1;
	SELECT min(r.not_before) INTO again FROM nex_backup.runs r
	WHERE r.kind = 'notify' AND r.state = 'queued' AND r.not_before > nex_backup.now();
	failing := coalesce(latest.state <> 'succeeded', false);
	IF NOT failing AND waits IS NULL AND coalesce(late.oldest >= nex_backup.now() - interval '15 minutes', true) THEN
		RETURN;
	END IF;
	status := CASE WHEN (failing OR waits IS NOT NULL) AND late.oldest < nex_backup.now() - interval '1 hour' THEN 'critical'
		WHEN failing OR waits IS NOT NULL OR told IS NOT NULL THEN 'warning' ELSE 'ok' END;
	detail := concat_ws('; ',
		CASE WHEN late.alarms > 0 THEN format('nobody was told of %s, the oldest of %s',
			nex_backup.count_text(late.alarms, 'alarm'), nex_backup.age_text(late.oldest)) END,
		CASE WHEN failing THEN format('run %s, which delivers them, %s %s: %s', latest.id, latest.state,
			nex_backup.age_text(latest.finished), coalesce(latest.error, latest.reason, 'no reason given')) END,
		'tried again at ' || date_trunc('second', again), waits,
		CASE WHEN told IS NOT NULL THEN format('the last was delivered %s', nex_backup.age_text(told))
			WHEN NOT failing AND waits IS NULL THEN 'no notification is configured' END);
END
$$;

-- The scheduler, and each job that somebody should look at.  And that there is no backup: where the jobs write to is not
-- for every reader of the status to select.
CREATE OR REPLACE FUNCTION nex_backup.scheduler_status(OUT place int4, OUT key text, OUT name text, OUT status text, OUT detail text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 3, '', 'backup', 'critical',
		format('no backup is recorded; run "nex_backup backup", or, if there are backups, nex_backup_sync(%s), which reads them',
			coalesce((SELECT quote_literal(min(k.location))
				FROM (SELECT j.repository FROM nex_backup.jobs j
					UNION ALL SELECT r.location FROM nex_backup.repositories r) k (location)
				WHERE k.location LIKE '/%'), '''/path/of/the/repository'''))
	WHERE NOT EXISTS (SELECT FROM nex_backup.backups)
	UNION ALL
	SELECT 7, '', 'scheduler', s.status, s.detail FROM nex_backup.scheduler_state() s
	UNION ALL
	SELECT 7, 'guard', 'lock guard', 'warning', g.problem FROM nex_backup.guard_problem() g (problem)
	WHERE g.problem IS NOT NULL
	UNION ALL
	SELECT 7, 'notifications', 'notifications', s.status, s.detail FROM nex_backup.alarm_state() s
	WHERE s.status IS NOT NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'critical', concat_ws(': ', 'suspended', nullif(j.suspended, ''))
	FROM nex_backup.jobs j
	WHERE j.suspended IS NOT NULL AND j.enabled
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'warning',
		format('disabled, so it does not run; nex_backup_alter_job(%1$L, enabled => true) enables it, nex_backup_unschedule(%1$L) removes it',
			j.name)
	FROM nex_backup.jobs j
	WHERE NOT j.enabled
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), 'warning', format('its schedule "%s" never comes', j.schedule)
	FROM nex_backup.jobs j
	WHERE j.enabled AND j.suspended IS NULL AND j.next_run IS NULL
	UNION ALL
	SELECT 8, coalesce(w.job, ''), CASE WHEN w.job IS NULL THEN format('run %s', w.run) ELSE format('job %s', w.job) END,
		w.status, w.detail
	FROM nex_backup.waiting_runs() w
	WHERE w.kind <> 'notify' OR w.job IS NOT NULL
	UNION ALL
	SELECT 8, j.name, format('job %s', j.name), CASE WHEN again.not_before IS NULL THEN 'critical' ELSE 'warning' END,
		concat_ws('; ',
			format('run %s %s %s: %s', l.id, l.state, nex_backup.age_text(l.finished),
				coalesce(l.error, l.reason, 'no reason given')),
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
-- What the tool reports of a run whose executor was killed belongs to that run, which is not two.
--

-- The run that this session works for, if it may say so, and locks it.  The application_name is anybody's to set:
-- so the run must be going on, be executed by the very role that reports, and be of a kind and a database that
-- report this.  What is then written never changes the state of the run, which is the executor's.  When the server's
-- worker was killed, the run may be settled before the tool, which then stops, has said so: that is a superuser's session.
CREATE OR REPLACE FUNCTION nex_backup.run_of_session(event text, repository text, database text)
RETURNS int8
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.id
	FROM nex_backup.runs r
		JOIN nex_backup.job_kinds k ON k.kind = r.kind
	WHERE r.id = substring(current_setting('application_name') FROM '^nex_backup:run:([0-9]{1,18})$')::int8
		AND CASE WHEN r.state = ANY (ARRAY['starting', 'running'])
				THEN EXISTS (SELECT FROM nex_backup.leases l WHERE l.run = r.id AND l.session_role = nex_backup.role_of_call()
					AND (l.in_server OR l.lease_until > clock_timestamp()))
			ELSE r.state = 'crashed' AND r.executor IS NOT NULL AND r.finished > nex_backup.now() - interval '10 minutes'
				AND (SELECT o.rolsuper FROM pg_roles o WHERE o.rolname = nex_backup.role_of_call()) END
		AND k.records = $1
		AND (r.repository IS NULL OR r.repository = $2)
		-- Of another server than main, reports name LABEL@database.
		AND (r.database IS NULL OR r.database = $3 OR (r.definition #>> '{options,server}') || '@' || r.database = $3)
		AND (r.kind <> 'globals' OR $3 = coalesce(nullif(r.definition #>> '{options,server}', 'main') || '@', ''))
	FOR UPDATE OF r
$$;

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

--
-- What a DBA calls to define jobs: none of these promises a run that will not come.
--

-- Say why jobs will not run for now.  repository: that of the job; NULL if the settings file must name it.
CREATE FUNCTION nex_backup.notice_if_idle(repository text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	worker bool := nex_backup.setting('executor') = 'worker';
	suspended text := (SELECT s.suspended FROM nex_backup.scheduler s);
BEGIN
	IF nex_backup.setting('scheduler') <> 'on' THEN
		RAISE NOTICE 'no job runs, as nex_backup.scheduler is off'
			USING HINT = 'Set nex_backup.scheduler to on and reload the configuration.';
	ELSIF worker AND NOT nex_backup.is_preloaded() THEN
		RAISE NOTICE 'no job runs by itself before nex_backup is in shared_preload_libraries'
			USING HINT = 'Add it to shared_preload_libraries and restart the server.';
	ELSIF suspended IS NOT NULL THEN
		RAISE NOTICE 'no job runs, as the jobs are suspended: %', suspended
			USING HINT = 'SELECT nex_backup_resume_jobs() confirms them.';
	ELSIF NOT worker AND NOT nex_backup.agent_is_there() THEN
		RAISE NOTICE 'no job runs before an agent is there' USING HINT = 'Start "nex_backup agent".';
	END IF;
	IF worker AND $1 IS NULL AND coalesce(nex_backup.setting('config_file'), '') = ''
		AND (pg_stat_file('/etc/nex_backup.yaml', true)).size IS NULL THEN
		RAISE NOTICE 'no repository is named, and there is no settings file "/etc/nex_backup.yaml" that could name one'
			USING HINT = 'Name one with repository => ''...'', or in a settings file.';
	END IF;
END
$$;

-- Define a job.
CREATE OR REPLACE FUNCTION nex_backup.schedule(name text, schedule text, database text, repository text,
	type text, timezone text, kind text, retry int4,
	retry_delay interval, backoff text, retry_delay_max interval,
	timeout interval, kill_grace interval, misfire text,
	misfire_grace interval, overlap text, options jsonb)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	first timestamptz := nex_backup.define_job($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);
BEGIN
	PERFORM nex_backup.notice_if_idle($4);
	RETURN first;
END
$$;

-- Change what is given of a job; gives the time of its next run, NULL if there is none.
CREATE OR REPLACE FUNCTION nex_backup.alter_job(name text, schedule text, database text,
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
	IF NOT job.enabled OR job.suspended IS NOT NULL THEN
		-- No time of what will not come.
		RETURN NULL;
	END IF;
	IF $7 THEN
		PERFORM nex_backup.notice_if_idle(coalesce(job.repository, ''));
	END IF;
	RETURN job.next_run;
END
$$;

-- Confirm that jobs belong to this cluster: one job, or all and the cluster itself.  What they have missed is forgotten.
CREATE OR REPLACE FUNCTION nex_backup.resume_jobs(name text)
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
	PERFORM nex_backup.notice_if_idle('');
	RETURN resumed;
END
$$;

-- The jobs that most databases need: a daily and a weekly backup, and an expiry that keeps 7 and 4 of them.
CREATE OR REPLACE FUNCTION nex_backup.setup_default_jobs(database text, repository text, timezone text,
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
	PERFORM nex_backup.notice_if_idle($2);
END
$$;

--
-- What is recorded of a repository, of its copies, and of backups that are there no more.
--

ALTER TABLE nex_backup.repositories ADD COLUMN mark pg_catalog.text;
COMMENT ON COLUMN nex_backup.repositories.mark IS
	'which file its nex_backup.json is: the same wherever the directory is mounted, another one for a copy';
ALTER TABLE nex_backup.backups ADD COLUMN gone timestamptz;
COMMENT ON COLUMN nex_backup.backups.gone IS
	'since when its manifest is known not to be in the repository, though nothing has expired it';

CREATE FUNCTION nex_backup.file_mark(repository text, file text, OUT mark text, OUT problem text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_file_mark'
LANGUAGE C STRICT VOLATILE;

-- Is that a copy of the repository that the catalogue knows by this id?
CREATE FUNCTION nex_backup.is_copy(repository text, location text, host text, mark text, vouched bool)
RETURNS bool
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM nex_backup.repositories r
		WHERE r.id = $1 AND (r.vouched OR NOT $5)
			AND NOT (rtrim(r.location, '/') = rtrim($2, '/') AND (r.host = $3) IS NOT FALSE)
			AND (r.mark = $4) IS NOT TRUE)
$$;

-- Enter a repository, or note that it was seen again.  Who does not vouch for a place does not touch the row of a
-- repository that somebody has vouched for, not even to lock it, and can enter so many only.
CREATE OR REPLACE FUNCTION nex_backup.note_repository(id text, location text, host text, vouched bool, caller name)
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
		-- That of another place tells nothing here.
		mark = CASE WHEN ($4 OR NOT r.vouched) AND (EXCLUDED.location <> r.location OR EXCLUDED.host <> r.host) THEN NULL ELSE r.mark END,
		vouched = $4 OR r.vouched,
		last_seen = now();
END
$$;

-- Somebody has listed all backups of a repository.  One that was made meanwhile may not be in the list yet; if it is marked
-- nevertheless, the next list makes it good.
CREATE FUNCTION nex_backup.note_present(repository text, present jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH listed AS (
		-- A database of main that is called like one of another server has two names here.
		SELECT DISTINCT n.name AS database, i.id
		FROM jsonb_array_elements($2) o, jsonb_array_elements_text(o -> 'backups') i (id),
			nex_backup.manifest_text(o -> 'database') d (name),
			LATERAL unnest(ARRAY[d.name, CASE WHEN d.name ~ '^[A-Za-z0-9_-]{1,32}@' THEN 'main@' || d.name END]) n (name)
	)
	UPDATE nex_backup.backups b
	SET gone = CASE WHEN s.missing THEN clock_timestamp() END
	FROM (SELECT k.database, k.id, l.id IS NULL AS missing
		FROM nex_backup.backups k LEFT JOIN listed l ON l.database = k.database AND l.id = k.id
		WHERE k.repository = $1 AND (l.id IS NULL) <> (k.gone IS NOT NULL)
			AND (l.id IS NOT NULL OR coalesce(k.finished, k.started) < clock_timestamp() - interval '10 minutes')) s
	WHERE b.repository = $1 AND b.database = s.database AND b.id = s.id
$$;

-- The numbers of the backups that are in none of the places that are given for them, of each owner until one is there.  A child
-- looks, for two seconds at most, as the file system may not answer.
CREATE FUNCTION nex_backup.missing_files(repository text, owners int4[], backups int4[], files text[])
RETURNS SETOF int4
AS 'MODULE_PATHNAME', 'nex_backup_missing_files'
LANGUAGE C STRICT VOLATILE;

-- Where the backups of an owner may lie: LABEL@database can be the name of a database, too.  Which it is, owner_directory()
-- can tell, as it lists the directories.
CREATE FUNCTION nex_backup.possible_directories(database text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN octet_length($1) <= 63 THEN ARRAY[nex_backup.backup_directory($1)] ELSE '{}' END
		|| CASE WHEN octet_length(substr($1, length(n.label) + 2)) <= 63
			THEN ARRAY[CASE n.label WHEN 'main' THEN '' ELSE format('servers/%s/', n.label) END
				|| nex_backup.backup_directory(substr($1, length(n.label) + 2))] ELSE '{}' END
	FROM (SELECT substring($1 FROM '^([A-Za-z0-9_-]{1,32})@') AS label) n
$$;

-- Backups of which the catalogue knows and whose manifests are gone: from the latest of each database on, until one is there.
-- Looked at are repositories that this server can read; what cannot be told is not gone.
CREATE FUNCTION nex_backup.gone_backups(OUT repository text, OUT database text, OUT id text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	place record;
	suspects text[];
	known record;
	missing int4[];
BEGIN
	FOR place IN SELECT r.id, r.location FROM nex_backup.repositories r
		WHERE (nex_backup.repository_state(r.id)).detail = 'readable by the server'
	LOOP
		-- The latest of each database first, which is there as a rule; then all of those whose latest is not.
		suspects := NULL;
		LOOP
			SELECT array_agg(k.database ORDER BY k.database COLLATE "C", k.nth) AS databases,
				array_agg(k.id ORDER BY k.database COLLATE "C", k.nth) AS ids INTO known
			FROM (SELECT b.database, b.id,
					row_number() OVER (PARTITION BY b.database COLLATE "C" ORDER BY b.snapshot_at DESC, b.id) AS nth
				FROM nex_backup.backups b
				-- The directory of what valid_text() may have written is another one; the program says what of it is there.
				WHERE b.repository = place.id AND b.database !~ concat(chr(92), chr(92), 'x[89a-f][0-9a-f]')
					AND (suspects IS NULL OR b.database = ANY (suspects))) k
			WHERE k.nth = 1 OR suspects IS NOT NULL;
			EXIT WHEN known.ids IS NULL;
			SELECT ARRAY(SELECT nex_backup.missing_files(place.location, array_agg(f.owner ORDER BY f.number),
				array_agg(f.number ORDER BY f.number), array_agg(f.file ORDER BY f.number))) INTO missing
			FROM (SELECT u.number::int4 AS number, (dense_rank() OVER (ORDER BY u.database COLLATE "C"))::int4 AS owner,
					format('%s/%s.json', d.directory, u.id) AS file
				FROM unnest(known.databases, known.ids) WITH ORDINALITY u (database, id, number),
					LATERAL unnest(nex_backup.possible_directories(u.database)) d (directory)) f;
			IF suspects IS NOT NULL THEN
				RETURN QUERY SELECT place.id, known.databases[m.number], known.ids[m.number] FROM unnest(missing) m (number);
				EXIT;
			END IF;
			suspects := ARRAY(SELECT known.databases[m.number] FROM unnest(missing) m (number));
			EXIT WHEN suspects = '{}';
		END LOOP;
	END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION nex_backup.gone_backups() TO pg_monitor;

-- Of a report, what has no column of its own, and of long lists the beginning.  Whoever takes keys away one by one copies the
-- whole each time, entry by entry.
CREATE FUNCTION nex_backup.report_details(payload jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(e.key, CASE WHEN e.key = ANY (ARRAY['bad', 'removed']) AND jsonb_typeof(e.value) = 'array'
		THEN jsonb_path_query_array(e.value, '$[0 to 999]') ELSE e.value END), '{}')
	FROM jsonb_each($1) e
	WHERE e.key <> ALL (ARRAY['repository', 'manifest', 'database', 'backup', 'started', 'finished', 'state', 'exit_code', 'error',
		'tool', 'present', 'copy'])
$$;

-- The tool's report of something done; extension/README.md describes the payload.  Called by record(), as the owner, which
-- has looked who reports: vouched says whether that role may have the server look at the place that it names.  No entry,
-- and no SECURITY DEFINER: whoever calls it directly could say so itself.
CREATE OR REPLACE FUNCTION nex_backup.take_report(event text, payload jsonb, caller oid, vouched bool)
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
	details jsonb;
	present jsonb := payload -> 'present';
	mark text := left(payload #>> '{repository,mark}', 64);
	run int8;
	mine bool;
	of_copy bool;
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
	details := nex_backup.report_details(payload);
	IF octet_length(details::text) > 1048576 THEN
		RAISE EXCEPTION 'the payload is too large' USING ERRCODE = 'program_limit_exceeded';
	END IF;

	-- Only a new backup makes another place the repository.
	of_copy := (event <> 'backup' OR state <> 'succeeded') AND nex_backup.is_copy(repository, location, host, mark, vouched);
	mine := nex_backup.may_change_backups(repository, vouched, pg_get_userbyid(caller));
	IF of_copy THEN
		details := details || jsonb_build_object('copy', jsonb_build_object('location', location, 'host', host));
	ELSE
		PERFORM nex_backup.note_repository(repository, location, host, vouched, pg_get_userbyid(caller));
		mine := nex_backup.may_change_backups(repository, vouched, pg_get_userbyid(caller));
		UPDATE nex_backup.repositories r SET mark = me.mark
		WHERE r.id = me.repository AND me.mark IS NOT NULL AND r.mark IS DISTINCT FROM me.mark AND (vouched OR NOT r.vouched);
	END IF;
	-- The key of a row that is not committed yet is a lock: nobody is to hold those of others' backups to come.
	IF NOT mine AND left(backup, 16) > to_char((greatest(clock_timestamp(), nex_backup.now()) + interval '1 minute')
		AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') THEN
		RAISE EXCEPTION 'backup id "%" is of a time to come', backup USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF payload -> 'repository' ? 'cipher' AND NOT of_copy AND (vouched OR NOT EXISTS (SELECT FROM nex_backup.repositories r
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
	ELSIF event = 'verify' AND backup IS NOT NULL AND payload ? 'result' AND mine AND NOT of_copy THEN
		UPDATE nex_backup.backups b
		SET verified = coalesce(me.finished, now()), verified_ok = payload ->> 'result' = 'ok',
			verified_inside = (payload ->> 'inside')::bool
		WHERE b.repository = me.repository AND b.database = me.database AND b.id = me.backup;
	ELSIF event = 'expire' AND mine AND NOT of_copy THEN
		DELETE FROM nex_backup.backups b
		USING jsonb_array_elements(coalesce(payload -> 'removed', '[]')) removed
		WHERE b.repository = me.repository AND b.database = nex_backup.manifest_text(removed -> 'database')
			AND b.id = removed ->> 'backup';
	END IF;
	IF mine AND NOT of_copy AND jsonb_typeof(present) = 'array' THEN
		PERFORM nex_backup.note_present(repository, present);
	END IF;
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;
DROP FUNCTION nex_backup.shortened(jsonb, text);

--
-- Several servers in one repository.  What the catalogue calls a database of another server than main is LABEL@database,
-- and its globals LABEL@; main's are called as they were.  A database of main that has such a name is main@LABEL@database.
--

-- Where the backups of an owner lie in a repository.
CREATE FUNCTION nex_backup.owner_directory(location text, database text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	label text := substring($2 FROM '^([A-Za-z0-9_-]{1,32})@');
	rest text := substr($2, length(label) + 2);
	plain text;
	other text;
BEGIN
	IF label IS NULL THEN
		RETURN nex_backup.backup_directory($2);
	END IF;
	other := CASE label WHEN 'main' THEN '' ELSE format('servers/%s/', label) END || nex_backup.backup_directory(rest);
	IF octet_length($2) > 63 THEN
		RETURN other;
	END IF;
	plain := nex_backup.backup_directory($2);
	RETURN CASE WHEN EXISTS (SELECT FROM nex_backup.list_directory($1, other) f WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$')
			OR NOT EXISTS (SELECT FROM nex_backup.list_directory($1, plain) f WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$')
		THEN other ELSE plain END;
END
$$;

-- What stands before backups/, globals and objects/ of a server, of the directory of an owner.
CREATE FUNCTION nex_backup.server_base(directory text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(substring($1 FROM '^servers/[^/]+/'), '')
$$;

-- All owners whose backups a repository may hold, without what is unclear.
CREATE FUNCTION nex_backup.owner_directories(location text, unclear text[],
	OUT database text, OUT of_globals bool, OUT directory text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH servers AS (
		SELECT '' AS label, '' AS base
		UNION ALL
		SELECT s, format('servers/%s/', s)
		FROM nex_backup.list_directory($1, CASE WHEN 'servers' = ANY ($2) THEN 'nowhere' ELSE 'servers' END) s
		WHERE s ~ '^[A-Za-z0-9_-]{1,32}$' AND s <> 'main' AND 'servers/' || s <> ALL ($2)
	), owners AS (
		SELECT v.label, nex_backup.directory_database(d) AS name, false AS of_globals, format('%sbackups/%s', v.base, d) AS directory
		FROM servers v, nex_backup.list_directory($1, CASE WHEN v.base || 'backups' = ANY ($2) THEN 'nowhere'
			ELSE v.base || 'backups' END) d
		WHERE format('%sbackups/%s', v.base, d) <> ALL ($2)
		UNION ALL
		SELECT v.label, '', true, v.base || 'globals' FROM servers v WHERE v.base || 'globals' <> ALL ($2)
	)
	SELECT CASE WHEN o.label <> '' THEN format('%s@%s', o.label, o.name)
			WHEN o.name ~ '^[A-Za-z0-9_-]{1,32}@' THEN 'main@' || o.name ELSE o.name END, o.of_globals, o.directory
	FROM owners o
$$;

-- When the snapshot of a backup was taken, by the time of its server; by its id where its manifest cannot tell.
CREATE FUNCTION nex_backup.snapshot_time(location text, repository text, database text, directory text, id text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	of_id timestamptz := (left($5, 8) || ' ' || substr($5, 10, 6) || '+00')::timestamptz;
	snapshot timestamptz;
BEGIN
	SELECT b.snapshot_at INTO snapshot FROM nex_backup.backups b
	WHERE b.repository = $2 AND b.database = $3 AND b.id = $5;
	IF snapshot IS NULL THEN
		SELECT (f.content ->> 'snapshot_at')::timestamptz INTO snapshot
		FROM nex_backup.sealed_jsonb($1, format('%s/%s.json', $4, $5)) f WHERE f.problem IS NULL;
	END IF;
	RETURN coalesce(snapshot, of_id);
EXCEPTION WHEN data_exception THEN
	RETURN '-infinity';
END
$$;

-- What is wrong with a manifest that was found under the name of this backup; the label is that of its server.
CREATE OR REPLACE FUNCTION nex_backup.manifest_problem(manifest pg_catalog.jsonb, repository pg_catalog.text,
	database pg_catalog.text, id pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN $1 ->> 'format' IS DISTINCT FROM '1'
			THEN format('has format %s, which is unknown to this version', coalesce($1 ->> 'format', 'none'))
		WHEN $1 ->> 'repository' IS DISTINCT FROM $2 THEN 'belongs to another repository'
		WHEN $3 = coalesce($1 #>> '{server,label}' || '@', '') AND $1 ->> 'kind' IS DISTINCT FROM 'globals'
			THEN 'is not that of a backup of the globals'
		WHEN coalesce($1 #>> '{server,label}' || '@', '') || coalesce(nex_backup.manifest_text($1 #> '{database,name}'), '')
				IS DISTINCT FROM $3
			AND ($1 #> '{server,label}' IS NOT NULL OR $1 ->> 'kind' IS NOT DISTINCT FROM 'globals'
				OR 'main@' || nex_backup.manifest_text($1 #> '{database,name}') IS DISTINCT FROM $3)
			THEN 'belongs to another database'
		WHEN $1 ->> 'id' IS DISTINCT FROM $4 THEN 'belongs to another backup'
		WHEN coalesce($1 ->> 'codec', '') <> ALL (ARRAY['zstd', 'gzip', 'none']) THEN 'names an unknown codec'
		WHEN jsonb_typeof($1 -> 'objects') IS DISTINCT FROM 'array' THEN 'has no list of objects'
		END
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
	directory text;
	label text;
	plain text;
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
			SELECT o FROM unnest(ARRAY['', 'globals']) o, nex_backup.list_directory(location, nex_backup.owner_directory(location, o)) f
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
	directory := nex_backup.owner_directory(location, database);
	-- A database of main may be called like one of another server: never taken for it.
	label := substring(database FROM '^([A-Za-z0-9_-]{1,32})@');
	plain := CASE WHEN octet_length(database) <= 63 THEN nex_backup.backup_directory(database) END;
	IF label IS NOT NULL AND EXISTS (SELECT FROM nex_backup.list_directory(location, plain) f
		WHERE f ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND f = coalesce(me.named || '.json', f)) THEN
		IF named IS NOT NULL AND (directory = plain OR NOT EXISTS (SELECT FROM nex_backup.list_directory(location, directory) f
				WHERE f = named || '.json')) THEN
			directory := plain;
			database := 'main@' || database;
		ELSIF directory <> plain OR label = 'main' OR EXISTS (SELECT FROM nex_backup.list_directory(location, 'servers/' || label)) THEN
			RAISE EXCEPTION 'backup "%" is ambiguous', $1
				USING ERRCODE = 'ambiguous_parameter',
					DETAIL = format('It may be database "%s" of server "main", or database "%s" of server "%s".', database,
						substr(database, length(label) + 2), label),
					HINT = format('Write "main@%s" for the former. For the latter, use the program with --server=%s.', database, label);
		ELSE
			database := 'main@' || database;
		END IF;
	END IF;
	SELECT left(name, -length('.json')) INTO id
	FROM nex_backup.list_directory(location, directory) name
	WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?[.]json$' AND name = coalesce(me.named || '.json', name)
	-- The latest snapshot, by the time of the server.  Ids are made from the clocks of hosts.
	ORDER BY CASE WHEN me.named IS NULL THEN nex_backup.snapshot_time(location, repository_id, database, directory,
		left(name, -length('.json'))) END DESC, left(name, 16) DESC, length(name) DESC, name DESC LIMIT 1;
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
	path text := format('%s/%s', nex_backup.owner_directory($1, $3), $4);
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

-- Read the manifest of a backup of a server's globals into the catalogue.
CREATE FUNCTION nex_backup.sync_globals(location text, repository text, database text, directory text, id text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	manifest jsonb := nex_backup.manifest_head($1, format('%s/%s', $4, $5), $2, $3, $5);
BEGIN
	PERFORM nex_backup.record_backup($2, $3, $5, manifest || '{"tables": []}', manifest ->> 'type',
		(manifest ->> 'started')::timestamptz, (manifest ->> 'finished')::timestamptz);
END
$$;

-- Hash every file of a backup, and record the result.
CREATE OR REPLACE FUNCTION nex_backup.verify(backup pg_catalog.text, repository pg_catalog.text,
	OUT result pg_catalog.text, OUT objects pg_catalog.int8, OUT bytes pg_catalog.int8, OUT bad pg_catalog.text[])
RETURNS record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	place record;
	directory text;
	base text;
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
	of_copy bool;
	-- So many are told; of the others, how many.
	most CONSTANT int4 := 1000;
BEGIN
	PERFORM nex_backup.check_caller();
	SELECT f.location, f.repository_id, f.database, f.id INTO place FROM nex_backup.find_backup($1, $2) f;
	directory := nex_backup.owner_directory(place.location, place.database);
	path := format('%s/%s', directory, place.id);
	base := nex_backup.server_base(directory);
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
		SELECT coalesce(string_agg(format(E'%s  %sobjects/%s/%s%s\n', o ->> 'id', base, left(o ->> 'id', 2), o ->> 'id',
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
			SELECT DISTINCT ON (o ->> 'id') format('%sobjects/%s/%s%s', base, left(o ->> 'id', 2), o ->> 'id', suffix) AS path,
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
	IF wrong > 0 THEN
		-- The server may only read there, so that it cannot take down for the next backup what is damaged.
		RAISE WARNING 'backup "%/%" is damaged', CASE place.database WHEN '' THEN 'globals' ELSE place.database END, place.id
			USING HINT = 'Run "nex_backup verify" for this repository: then the next backup writes the damaged files again.';
	END IF;
	IF current_setting('transaction_read_only')::bool THEN
		RAISE NOTICE 'the result is not recorded, because this transaction is read-only';
		RETURN;
	END IF;
	-- What is said of a copy is not said of the repository.
	of_copy := nex_backup.is_copy(place.repository_id, place.location, nex_backup.host_name(),
		(SELECT f.mark FROM nex_backup.file_mark(place.location, 'nex_backup.json') f), true);
	IF NOT of_copy THEN
		PERFORM nex_backup.record_repository(place.repository_id, place.location, nex_backup.host_name());
		PERFORM nex_backup.note_encryption(place.repository_id, nex_backup.frame_encryption(place.location));
		UPDATE nex_backup.backups b
		SET verified = clock_timestamp(), verified_ok = me.outcome = 'ok', verified_inside = false
		WHERE b.repository = place.repository_id AND b.database = place.database AND b.id = place.id;
	END IF;
	INSERT INTO nex_backup.runs (kind, repository, database, backup, state, started, finished, exit_code, error, host,
		details)
	VALUES ('verify', place.repository_id, place.database, place.id,
		CASE result WHEN 'ok' THEN 'succeeded' ELSE 'failed' END, started, clock_timestamp(),
		CASE result WHEN 'ok' THEN 0 ELSE 3 END, bad[1], nex_backup.host_name(),
		jsonb_build_object('result', result, 'bad', bad, 'bad_count', wrong, 'objects', objects, 'bytes', bytes)
			|| CASE WHEN of_copy THEN jsonb_build_object('copy', jsonb_build_object('location', place.location,
				'host', nex_backup.host_name())) ELSE '{}' END);
END
$$;

-- Rebuild the catalogue of a repository.
CREATE OR REPLACE FUNCTION nex_backup.sync(repository pg_catalog.text, OUT backups pg_catalog.int8,
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
	UPDATE nex_backup.repositories r SET mark = f.mark
	FROM nex_backup.file_mark(me.location, 'nex_backup.json') f
	WHERE r.id = me.repository_id AND f.mark IS NOT NULL;
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
		SELECT o.database, o.of_globals, o.directory, left(name, -length('.json')) AS id
		FROM nex_backup.owner_directories(location, unclear) o, nex_backup.list_directory(location, o.directory) name
		WHERE name ~ '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?\.json$'
		ORDER BY directory, id
	LOOP
		BEGIN
			IF entry.of_globals THEN
				PERFORM nex_backup.sync_globals(location, repository_id, entry.database, entry.directory, entry.id);
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
			ELSE NOT any_database AND b.database <> ALL (of_databases)
				AND regexp_replace(b.database, '^main@', '') <> ALL (of_databases) END;
	GET DIAGNOSTICS removed = ROW_COUNT;
	UPDATE nex_backup.backups b SET gone = NULL
	WHERE b.repository = me.repository_id AND b.gone IS NOT NULL AND b.database || '/' || b.id = ANY (seen);
EXCEPTION WHEN lock_not_available THEN
	PERFORM nex_backup.raise_locked(location);
END
$$;

-- Which server a job is for.
INSERT INTO nex_backup.job_options (kind, option, pattern)
SELECT k.kind, 'server', '[A-Za-z0-9_-]{1,32}'
FROM nex_backup.job_kinds k
WHERE k.kind = ANY (ARRAY['backup', 'backup-all', 'globals', 'verify', 'expire', 'notify']);

--
-- Who can do harm to the extension, or take the place of its functions, and is not a superuser.
--

-- The owner of the database or of the schema that it was created in can drop it.  A function of the same name, there or in
-- a schema that is called as a superuser is ("$user"), is called in the place of a function of it: always, if its schema
-- comes first; in the same schema, if the types of its arguments fit a call better.
CREATE OR REPLACE FUNCTION nex_backup.owner_risk()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT o.risk
	FROM (SELECT 1 AS place, d.datdba AS owner, '' AS name,
			format('database %I belongs to role %s, which is not a superuser and can drop the extension with its catalogue',
				d.datname, d.datdba::regrole) AS risk
			FROM pg_database d WHERE d.datname = current_database()
		UNION ALL
		SELECT 2, n.nspowner, '',
			format('schema %I belongs to role %s, which is not a superuser and can drop the extension with its catalogue',
				n.nspname, n.nspowner::regrole)
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'nex_backup' AND n.nspowner <> 'pg_database_owner'::regrole
		UNION ALL
		SELECT 3, p.proowner, f.name,
			format('%s of role %s can be called in the place of a function of the extension: DROP %s removes it', f.name,
				p.proowner::regrole, f.name)
		FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
				AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
			JOIN pg_proc m ON m.oid = d.objid AND m.pronamespace = e.extnamespace
			JOIN pg_proc p ON p.proname = m.proname
			JOIN pg_namespace n ON n.oid = p.pronamespace,
			LATERAL (SELECT format('%s %s', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
				format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))) AS name) f
		WHERE e.extname = 'nex_backup'
			AND (n.oid = e.extnamespace OR EXISTS (SELECT FROM pg_roles s WHERE s.rolsuper AND s.rolname = n.nspname))
			AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = 'pg_proc'::regclass AND o.objid = p.oid
				AND o.refclassid = 'pg_extension'::regclass AND o.refobjid = e.oid AND o.deptype = 'e')) o
	WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = o.owner AND r.rolsuper)
	ORDER BY o.place, o.name LIMIT 1
$$;

-- PostgreSQL's own advice: extensions that others call go where only trusted roles may create something.
DO $$
DECLARE
	place record;
BEGIN
	SELECT n.nspname, string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ') AS roles
	INTO place
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace, LATERAL aclexplode(n.nspacl) a
	WHERE e.extname = 'nex_backup' AND a.privilege_type = 'CREATE' AND a.grantee <> 'pg_database_owner'::regrole
		AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee AND r.rolsuper)
	GROUP BY n.nspname;
	IF FOUND THEN
		RAISE WARNING '%', format('schema %I, which has the functions of nex_backup, is open to objects of others', place.nspname)
			USING DETAIL = format('Functions of the same names there can be called in their place, with the rights of whoever calls.'),
				HINT = format('REVOKE CREATE ON SCHEMA %I FROM %s; or use CREATE EXTENSION nex_backup SCHEMA with a schema of its own.',
					place.nspname, place.roles);
	END IF;
END
$$;

--
-- nex_backup_status(): the one definition of this step. Whoever has something to say adds rows here.
--

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
		WITH excepted AS (
			SELECT CASE n.name WHEN 'globals' THEN '' ELSE n.name END AS database
			FROM unnest(string_to_array(current_setting('nex_backup.missed_except', true), ',')) s (word),
				LATERAL (SELECT trim(s.word, ' "') AS name) n
		),
		databases AS MATERIALIZED (
			SELECT nex_backup.valid_text(d.datname) AS name, d.datallowconn AND NOT d.datistemplate AND d.datname <> 'postgres' AS is_used
			FROM pg_database d
		),
		-- Where the server can look, it does; of others the program has said what is gone.
		gone AS MATERIALIZED (
			SELECT g.repository, g.database, g.id FROM nex_backup.gone_backups() g
			UNION
			SELECT b.repository, b.database, b.id FROM nex_backup.backups b WHERE b.gone IS NOT NULL
		),
		kept AS (
			SELECT b.* FROM nex_backup.backups b
			WHERE NOT EXISTS (SELECT FROM gone g WHERE g.repository = b.repository AND g.database = b.database AND g.id = b.id)
		),
		latest AS (
			SELECT DISTINCT ON (b.database) b.*
			FROM kept b
			WHERE b.verified_ok IS DISTINCT FROM false
			ORDER BY b.database, b.snapshot_at DESC
		),
		checked AS (
			SELECT DISTINCT ON (b.database) b.database, b.id, b.verified, b.verified_ok, b.verified_inside
			FROM kept b
			WHERE b.verified IS NOT NULL
			ORDER BY b.database, b.verified DESC
		),
		last_run AS (
			-- Runs of jobs have their own rows, from scheduler_status().  No column is read that may be large.
			SELECT r.id, r.kind, r.repository, r.database, r.file_set, r.copy, r.state, r.job, r.finished
			FROM (SELECT DISTINCT ON (r.kind COLLATE "C", r.database COLLATE "C", r.file_set COLLATE "C", r.copy COLLATE "C") r.id
					FROM nex_backup.runs r
					WHERE r.finished IS NOT NULL AND r.state <> 'skipped' AND r.kind <> 'notify'
					ORDER BY r.kind COLLATE "C", r.database COLLATE "C", r.file_set COLLATE "C", r.copy COLLATE "C",
						r.finished DESC, r.id DESC) l
				JOIN nex_backup.runs r USING (id)
		),
		failures AS (
			SELECT r.id, CASE WHEN NOT r.is_here THEN row_number() OVER (PARTITION BY r.is_here ORDER BY r.is_known DESC, r.finished DESC) END AS place
			FROM (SELECT l.*, CASE WHEN l.copy IS NOT NULL THEN false WHEN l.database IS NULL THEN l.file_set IS NULL
						ELSE l.database = '' OR EXISTS (SELECT FROM databases d WHERE d.name = regexp_replace(l.database, '^main@', '')) END AS is_here,
					EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = l.database AND b.repository = l.repository) AS is_known
				FROM last_run l
				WHERE l.state = ANY (ARRAY['failed', 'timed_out', 'crashed']) AND l.job IS NULL) r
		)
		SELECT nex_backup.shown(c.name), c.status, nex_backup.shown(c.detail)
		FROM (
			SELECT 1 AS place, '' AS key, 'extension' AS name,
				CASE WHEN k.risk IS NOT NULL THEN 'critical' WHEN o.roles IS NOT NULL THEN 'warning' ELSE 'ok' END AS status,
				concat_ws(', ', format('version %s, %s', e.extversion, CASE WHEN nex_backup.is_preloaded() THEN 'preloaded'
					ELSE 'not in shared_preload_libraries' END), k.risk,
					CASE WHEN k.risk IS NULL AND o.roles IS NOT NULL THEN
						format('others can put functions beside those of the extension: REVOKE CREATE ON SCHEMA %I FROM %s', o.schema, o.roles) END) AS detail
			FROM pg_extension e LEFT JOIN (
					SELECT n.oid, n.nspname AS schema,
						string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ') AS roles
					FROM pg_namespace n, LATERAL aclexplode(n.nspacl) a
					WHERE a.privilege_type = 'CREATE' AND a.grantee <> 'pg_database_owner'::regrole
						AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee AND r.rolsuper)
					GROUP BY n.oid, n.nspname) o ON o.oid = e.extnamespace,
				nex_backup.owner_risk() k (risk)
			WHERE e.extname = 'nex_backup'
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
			SELECT 3, l.database, nex_backup.owner_text('backup', l.database),
				CASE WHEN l.snapshot_at > now() - interval '24 hours' OR x.database IS NOT NULL THEN 'ok'
					WHEN l.snapshot_at > now() - interval '48 hours' THEN 'warning' ELSE 'critical' END,
				concat_ws(', ', l.id, concat_ws(' ', l.type, format('(%s)', nex_backup.age_text(l.snapshot_at))),
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.tables, 'table') END,
					CASE WHEN l.kind = 'database' THEN nex_backup.count_text(l.rows, 'row') END,
					pg_size_pretty(coalesce(l.stored_bytes, 0)) || ' stored',
					CASE WHEN l.snapshot_at <= now() - interval '24 hours'
						AND x.database IS NOT NULL THEN 'no newer one is expected (nex_backup.missed_except)' END)
			FROM latest l LEFT JOIN excepted x USING (database)
			UNION ALL
			SELECT 3, '', 'globals', 'warning',
				'roles and tablespaces are in no backup; run "nex_backup globals backup", or "nex_backup backup --all"'
			WHERE EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'database')
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.kind = 'globals')
			UNION ALL
			-- A database all of whose backups are damaged, or gone
			SELECT DISTINCT 3, b.database, nex_backup.owner_text('backup', b.database), 'critical', 'no good backup is left'
			FROM nex_backup.backups b
			WHERE NOT EXISTS (SELECT FROM latest l WHERE l.database = b.database)
			UNION ALL
			SELECT 3, g.database || ' gone', nex_backup.owner_text('backups gone', g.database),
				CASE WHEN EXISTS (SELECT FROM latest l WHERE l.database = g.database) THEN 'warning' ELSE 'critical' END,
				format('%s not in "%s" any more, the latest %s; if they were removed on purpose, nex_backup_sync() forgets them',
					CASE g.count WHEN 1 THEN '1 backup is' ELSE format('%s backups are', g.count) END, r.location, g.latest)
			FROM (SELECT g.repository, g.database, count(*) AS count, max(g.id) AS latest FROM gone g GROUP BY 1, 2) g
				JOIN nex_backup.repositories r ON r.id = g.repository
			UNION ALL
			-- Only a catalogue of more than its own database can be expected to know of the others.
			SELECT 3, 'uncovered', 'databases without backup', 'warning',
				string_agg(format('%I', d.name), ', ' ORDER BY d.name COLLATE "C")
			FROM databases d
			WHERE d.is_used
				AND NOT EXISTS (SELECT FROM nex_backup.backups b WHERE b.database = ANY (ARRAY[d.name, 'main@' || d.name]))
				AND NOT EXISTS (SELECT FROM excepted x WHERE x.database = d.name)
				AND EXISTS (SELECT FROM latest l WHERE l.database <> current_database() AND l.kind = 'database'
					AND l.system_identifier = (SELECT c.system_identifier::text FROM pg_control_system() c))
			HAVING count(*) > 0
			UNION ALL
			SELECT 4, l.database, nex_backup.owner_text('verify', l.database),
				CASE WHEN NOT c.verified_ok THEN 'critical'
					WHEN c.verified > now() - interval '30 days' OR x.database IS NOT NULL THEN 'ok' ELSE 'warning' END,
				CASE WHEN c.id IS NULL THEN 'never verified; run "nex_backup verify" or nex_backup_verify()'
					ELSE concat_ws(', ', format('%s %s %s', c.id, CASE WHEN c.verified_ok THEN 'was good'
							ELSE 'IS DAMAGED, found' END, nex_backup.age_text(c.verified)),
						CASE WHEN c.verified_ok AND NOT c.verified_inside
							THEN 'stored bytes only: what is in it was not looked at' END) END
			FROM (SELECT database FROM latest UNION SELECT database FROM checked) l LEFT JOIN checked c USING (database)
				LEFT JOIN excepted x USING (database)
			UNION ALL
			SELECT 5, r.kind || coalesce(r.database, ''),
				-- What is called a database or a set may be anything that somebody has reported.
				CASE WHEN r.database IS NULL AND r.file_set IS NOT NULL THEN format('last %s of files of set %s', r.kind, left(r.file_set, 100))
					ELSE nex_backup.owner_text('last ' || r.kind, coalesce(r.database, 'all')) END, 'warning',
				concat_ws(', ', r.copy, format('%s %s: %s', r.state, nex_backup.age_text(r.finished), coalesce(
					CASE WHEN char_length(r.error) > 500 THEN left(r.error, 500) || ' ...' ELSE r.error END, r.reason, 'no reason given')))
			FROM failures f JOIN nex_backup.runs r USING (id)
			WHERE f.place IS NULL OR f.place <= 100
			UNION ALL
			SELECT 5, 'w', 'other failures', 'warning',
				format('%s more of databases of other servers and of sets of files; see nex_backup.runs', count(*))
			FROM failures r
			WHERE r.place > 100
			HAVING count(*) > 0
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

