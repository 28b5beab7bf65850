--
-- What the leader, or the first agent to come, does at each turn.
--

-- The reason why the jobs must wait for confirmation, or NULL.  A copy of a cluster must not expire the backups of
-- the original.  A new timeline is that of a promotion only if this server has been a standby.
CREATE OR REPLACE FUNCTION nex_backup.check_cluster(in_server bool)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	known nex_backup.scheduler;
	system_identifier text := (SELECT c.system_identifier::text FROM pg_control_system() c);
	timeline int4 := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int4;
	host text := nex_backup.host_name();
	directory text := current_setting('data_directory');
	reason text;
BEGIN
	SELECT s.* INTO known FROM nex_backup.scheduler s;
	IF known.suspended IS NOT NULL THEN
		RETURN known.suspended;
	END IF;
	IF (known.system_identifier, known.timeline, known.host, known.directory)
		IS NOT DISTINCT FROM (me.system_identifier, me.timeline, me.host, me.directory) THEN
		RETURN NULL;
	END IF;
	IF known.system_identifier <> me.system_identifier THEN
		reason := format('the jobs belong to another cluster (system identifier %s, this one has %s)',
			known.system_identifier, me.system_identifier);
	ELSIF known.timeline <> me.timeline AND in_server AND NOT nex_backup.was_standby() THEN
		reason := format('this cluster was restored to a point in time (timeline %s, before %s)',
			me.timeline, known.timeline);
	ELSIF known.timeline = me.timeline AND in_server AND (known.host, known.directory) <> (me.host, me.directory) THEN
		reason := format('this cluster is a copy of the one in "%s" on %s, or has moved', known.directory, known.host);
	END IF;
	UPDATE nex_backup.scheduler s
	SET suspended = me.reason,
		system_identifier = CASE WHEN me.reason IS NULL THEN me.system_identifier ELSE s.system_identifier END,
		timeline = CASE WHEN me.reason IS NULL THEN me.timeline ELSE s.timeline END,
		host = CASE WHEN me.reason IS NULL THEN me.host ELSE s.host END,
		directory = CASE WHEN me.reason IS NULL THEN me.directory ELSE s.directory END;
	IF reason IS NOT NULL THEN
		PERFORM nex_backup.raise_alarm('suspended', NULL, NULL, NULL, jsonb_build_object('reason', reason));
	END IF;
	RETURN reason;
END
$$;

-- Queue a job that is due: one run, however many times it was missed.
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
		-- Beyond this, the exact number does not matter.
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
			-- A retry may wait until it is due.
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

-- When the clock was set back by hours, jobs and retries must not sleep until it has caught up.  Returns false if
-- some of them are locked, and left to a later turn.
CREATE OR REPLACE FUNCTION nex_backup.follow_clock(at timestamptz, last timestamptz)
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

-- Delete runs that ended more than nex_backup.keep_runs days ago.  The last success of each job is kept, and
-- locked rows are left to the next time.
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

-- One turn.  state: running, suspended, off or standby; for an agent also "name taken": the turn was made, but
-- another session has that name, so choose another.  startable: number of runs that could be claimed now.  wait:
-- time until the next call, unless something wakes the caller earlier; 0 only if there is more to do immediately.
-- A turn that finds nothing to do locks and writes no row.
CREATE OR REPLACE FUNCTION nex_backup.advance(executor text, in_server bool, host text, pid int4,
	OUT state text, OUT startable int4, OUT wait interval, OUT detail text)
RETURNS record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_advance(executor text, in_server bool, host text, pid int4,
	OUT state text, OUT startable int4, OUT wait interval, OUT detail text)
RETURNS record
LANGUAGE plpgsql
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
	-- Before locking the queue, which an agent without work to do has no business with.
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
	-- The leader remembers its last turn in memory.  The row has the time of a turn at most an hour ago, or the
	-- time before the clock was set back, until everything has followed.
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
			-- Not the fault of this row: try again later.
			RAISE;
		WHEN others THEN
			-- One bad row must not keep the others from running.
			UPDATE nex_backup.jobs j SET suspended = 'the scheduler cannot handle it: ' || sqlerrm
			WHERE j.name = due.name;
			PERFORM nex_backup.raise_alarm('suspended', due.name, NULL, due.database, jsonb_build_object('reason', sqlerrm));
		END;
	END LOOP;
	-- Runs that should have started, and did not.
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
	-- The next job, the next retry, the end of a lease.  Runs that wait for other runs are started when those end.
	SELECT least(wait, min(t.at) - me.at) INTO wait
	FROM (SELECT min(j.next_run) AS at FROM nex_backup.jobs j
			WHERE j.enabled AND j.suspended IS NULL AND j.next_run > me.at
		UNION ALL
		SELECT min(r.not_before) FROM nex_backup.runs r WHERE r.state = 'queued' AND r.not_before > me.at
		UNION ALL
		-- A lease that has ended and was not settled is locked by somebody.
		SELECT min(CASE WHEN l.lease_until > clock_timestamp() THEN l.lease_until - clock_timestamp() ELSE interval '1 second' END)
			+ me.at FROM nex_backup.leases l WHERE NOT l.in_server) t;
	IF handled >= most THEN
		wait := interval '0';
	ELSIF EXISTS (SELECT FROM nex_backup.jobs j
			WHERE j.enabled AND j.suspended IS NULL AND j.next_run <= me.at) THEN
		-- Somebody is changing it, and may end without waking anyone.
		wait := least(wait, interval '5 seconds');
	END IF;
	-- What became due since the turn began is left to the next turn.
	wait := greatest(wait, CASE WHEN handled >= most THEN interval '0' ELSE interval '10 milliseconds' END);
END
$$;
