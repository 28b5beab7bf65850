--
-- Repositories, and the backups in them.
--

CREATE TABLE nex_backup.repositories (
	id text PRIMARY KEY,
	location text NOT NULL,
	host text,
	last_seen timestamptz NOT NULL DEFAULT now(),
	cipher text,
	recipients int4,
	vouched bool NOT NULL DEFAULT false,
	recorded_by name,
	mark text,
	in_use_since timestamptz
);

-- Other places of a repository.  host is empty for a bucket.
CREATE TABLE nex_backup.copies (
	repository text NOT NULL REFERENCES nex_backup.repositories ON DELETE CASCADE,
	location text NOT NULL,
	host text NOT NULL,
	name text,
	copied timestamptz,
	newest text,
	newest_at timestamptz,
	verified timestamptz,
	bad text[] NOT NULL DEFAULT '{}',
	bad_inside text[] NOT NULL DEFAULT '{}',
	in_use_since timestamptz,
	last_seen timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (repository, location, host)
);

-- What is in database, code/manifests.sql says: the globals (roles and tablespaces) have '', which no database is
-- called, and a set of configuration files config/SET.
CREATE TABLE nex_backup.backups (
	repository text NOT NULL REFERENCES nex_backup.repositories ON DELETE CASCADE,
	database text NOT NULL,
	id text NOT NULL,
	type text,
	started timestamptz NOT NULL,
	snapshot_at timestamptz NOT NULL,
	finished timestamptz,
	server_version text,
	system_identifier text,
	timeline int4,
	lsn pg_lsn,
	codec text,
	tables int8,
	rows int8,
	raw_bytes int8,
	stored_bytes int8,
	new_bytes int8,
	warnings text[],
	verified timestamptz,
	verified_ok bool,
	kind text DEFAULT 'database',
	verified_inside bool,
	gone timestamptz,
	PRIMARY KEY (repository, database, id)
);

CREATE TABLE nex_backup.backup_tables (
	repository text NOT NULL,
	database text NOT NULL,
	backup text NOT NULL,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	rows int8 NOT NULL,
	members int8 NOT NULL,
	raw_bytes int8 NOT NULL,
	stored_bytes int8 NOT NULL,
	heap_bytes int8 NOT NULL,
	PRIMARY KEY (repository, database, backup, schema_name, table_name),
	FOREIGN KEY (repository, database, backup) REFERENCES nex_backup.backups ON DELETE CASCADE
);

CREATE TABLE nex_backup.restore_points (
	name text NOT NULL,
	lsn pg_lsn NOT NULL,
	timeline int4 NOT NULL,
	created timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by name NOT NULL DEFAULT session_user
);

