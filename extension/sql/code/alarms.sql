--
-- Alarms, and their way to people.  Whoever delivers alarms locks their rows in a transaction, marks them, creates
-- the messages and commits.  So nobody delivers what another session is about to deliver, and no lock is left when
-- that session dies.  A few at a time, because after a crash before the commit these are delivered again.
--

-- Raise an alarm, and queue a run that delivers it.  Delivery is retried for a week, at most an hour apart.
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
	-- The next attempt of an earlier delivery may be an hour away.
	PERFORM nex_backup.transition(r.id, 'cancelled', 'a newer alarm is delivered at once')
	FROM nex_backup.runs r
	WHERE r.state = 'queued' AND r.kind = 'notify' AND r.job IS NULL AND r.definition ->> 'type' = 'alarm';
	PERFORM nex_backup.enqueue(NULL, NULL, 'notify', NULL, NULL,
		'{"type": "alarm", "options": {"fail-if-waiting": true}, "max_attempts": 170, "backoff": "exponential",
			"retry_delay": "1 minute", "retry_delay_max": "1 hour", "timeout": "5 minutes", "kill_grace": "10 seconds"}');
END
$$;

-- Remember the alarms that this transaction delivers.
CREATE OR REPLACE FUNCTION nex_backup.note_delivery(ids int8[])
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_note_delivery'
LANGUAGE C STRICT VOLATILE;

-- Did alarms_to_deliver() return this alarm in this transaction?
CREATE OR REPLACE FUNCTION nex_backup.delivers(id int8)
RETURNS bool
AS 'MODULE_PATHNAME', 'nex_backup_delivers'
LANGUAGE C STRICT VOLATILE;

-- Alarms that somebody on this host should deliver.  The host of a run comes first, because the tool there knows
-- whether it has already reported the run; when that host is gone, so is its knowledge, and others take over.
CREATE OR REPLACE FUNCTION nex_backup.alarms_to_deliver(host text, OUT id int8, OUT raised timestamptz, OUT event text,
	OUT job text, OUT run int8, OUT kind text, OUT database text, OUT location text, OUT type text,
	OUT started timestamptz, OUT finished timestamptz, OUT exit_code int4, OUT state text, OUT reason text,
	OUT error text, OUT log_tail text, OUT details jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_alarms_to_deliver(host text, OUT id int8, OUT raised timestamptz, OUT event text,
	OUT job text, OUT run int8, OUT kind text, OUT database text, OUT location text, OUT type text,
	OUT started timestamptz, OUT finished timestamptz, OUT exit_code int4, OUT state text, OUT reason text,
	OUT error text, OUT log_tail text, OUT details jsonb)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
<<me>>
DECLARE
	wanted int8[];
	locked int8[];
BEGIN
	-- A standby has the same alarms as the primary, and cannot mark them.
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

-- Mark an alarm as delivered.  For whoever was given it, and superusers.
CREATE OR REPLACE FUNCTION nex_backup.alarm_delivered(id int8)
RETURNS void
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C VOLATILE;

CREATE OR REPLACE FUNCTION nex_backup.gated_alarm_delivered(id int8)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE nex_backup.alarms a SET delivered = nex_backup.now()
	WHERE a.id = $1 AND a.delivered IS NULL
		AND (nex_backup.works_in_server() OR (nex_backup.agents_work() AND nex_backup.delivers($1)))
$$;

CREATE OR REPLACE FUNCTION nex_backup.pending_alarms(most int4 DEFAULT 100)
RETURNS SETOF nex_backup.alarms
AS 'MODULE_PATHNAME', 'nex_backup_owner_entry'
LANGUAGE C STABLE;

CREATE OR REPLACE FUNCTION nex_backup.gated_pending_alarms(most int4)
RETURNS SETOF nex_backup.alarms
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.* FROM nex_backup.alarms a WHERE a.delivered IS NULL ORDER BY a.id LIMIT $1
$$;
