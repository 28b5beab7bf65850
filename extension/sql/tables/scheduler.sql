--
-- What the scheduler knows of itself.
--

-- A row is written when the session changes, and once an hour.  Whether somebody is still there is known from the
-- session, which costs no WAL.
CREATE TABLE nex_backup.executor_sessions (
	name text PRIMARY KEY,
	in_server bool NOT NULL,
	host text,
	pid int4,
	last_seen timestamptz NOT NULL,
	detail text,
	session_pid int4,
	session_started timestamptz
);

-- One row.
CREATE TABLE nex_backup.scheduler (
	singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier text,
	timeline int4,
	host text,
	directory text,
	suspended text,
	last_tick timestamptz,
	last_purge timestamptz
);
INSERT INTO nex_backup.scheduler DEFAULT VALUES;

