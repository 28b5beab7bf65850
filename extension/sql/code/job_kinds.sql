--
-- What a job can do.  A new kind is a row in both tables.
--

-- argv has the words of the command.  %database, %target, %location and %type stand for a column of the job,
-- %options for all of its options.
INSERT INTO nex_backup.job_kinds (kind, argv, takes_database, needs_database, description, records) VALUES
	('backup', '{backup,--no-password,--repo=%location,--dbname=%target,--type=%type,%options}', true, true,
		'back up a database', 'backup'),
	('verify', '{verify,--repo=%location,%options,--,%database}', true, false,
		'verify the latest backup of a database, or all backups', 'verify'),
	('expire', '{expire,--repo=%location,%options,--,%database}', true, false,
		'remove the backups that no keep rule needs', 'expire'),
	('init', '{init,--repo=%location}', false, false, 'create a repository', NULL),
	('notify', '{notify,--repo=%location,%options}', false, false, 'deliver notifications', NULL),
	('globals', '{globals,backup,--no-password,--repo=%location,--type=%type,%options}', false, false,
		'back up roles and tablespaces', 'backup'),
	('backup-all', '{backup,--all,--no-password,--repo=%location,--type=%type,%options}', false, false,
		'back up roles and tablespaces, and every database', 'backup'),
	-- The settings file names the files and who can read them, so that a job cannot be used to read other files.
	('config', '{config,backup,--repo=%location,--type=%type,%options}', false, false,
		'back up a set of configuration files', 'backup'),
	-- Never --create: a place that is missing may be a disk that is not mounted.
	('copy', '{copy,--repo=%location,%options,--,%database}', true, false,
		'copy backups to another place of the repository', 'copy')
ON CONFLICT (kind) DO UPDATE SET argv = EXCLUDED.argv, takes_database = EXCLUDED.takes_database,
	needs_database = EXCLUDED.needs_database, description = EXCLUDED.description, records = EXCLUDED.records;

-- Options that a job of each kind can have.  pattern is a regular expression that the whole value must match.
INSERT INTO nex_backup.job_options (kind, option, pattern) VALUES
	('backup', 'jobs', '[1-9][0-9]?'),
	('backup', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('backup', 'chunk-blocks', '[1-9][0-9]{0,5}'),
	('backup', 'lock-wait-timeout', '[0-9]{1,6}(s|min|h|d)?'),
	('backup', 'server', '[A-Za-z0-9_-]{1,32}'),
	('verify', 'jobs', '[1-9][0-9]?'),
	('verify', 'server', '[A-Za-z0-9_-]{1,32}'),
	('expire', 'keep-daily', '[0-9]{1,5}'),
	('expire', 'keep-weekly', '[0-9]{1,5}'),
	('expire', 'keep-monthly', '[0-9]{1,5}'),
	('expire', 'keep-yearly', '[0-9]{1,5}'),
	('expire', 'keep-minimum', '[0-9]{1,5}'),
	('expire', 'keep-pitr', '[0-9]{1,6}(s|min|h|d)?'),
	('expire', 'server', '[A-Za-z0-9_-]{1,32}'),
	('notify', 'check-missed', 'true|false'),
	('notify', 'flush', 'true|false'),
	('notify', 'fail-if-waiting', 'true|false'),
	('notify', 'server', '[A-Za-z0-9_-]{1,32}'),
	('globals', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('globals', 'server', '[A-Za-z0-9_-]{1,32}'),
	('backup-all', 'jobs', '[1-9][0-9]?'),
	('backup-all', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	('backup-all', 'chunk-blocks', '[1-9][0-9]{0,5}'),
	('backup-all', 'lock-wait-timeout', '[0-9]{1,6}(s|min|h|d)?'),
	('backup-all', 'exclude-database', '[^"=]{1,200}'),
	('backup-all', 'server', '[A-Za-z0-9_-]{1,32}'),
	('config', 'set', '[A-Za-z0-9_-]{1,32}'),
	('config', 'compress', '(zstd|gzip|none)(:[0-9]{1,2})?'),
	-- A name of the settings file, a directory, or a bucket.
	('copy', 'to', '[A-Za-z0-9_-]{1,32}|/.*|[a-z][a-z0-9+.-]*://[^@?]+|sftp://[^/@:]+@[^/@]+/[^?]*'),
	-- The job after whose success it runs, besides its own schedule.
	('copy', 'after', '.{1,200}'),
	('copy', 'last', '[1-9][0-9]{0,4}'),
	('copy', 'kind', 'database|globals|files'),
	('copy', 'jobs', '[1-9][0-9]?'),
	('copy', 'server', '[A-Za-z0-9_-]{1,32}')
ON CONFLICT (kind, option) DO UPDATE SET pattern = EXCLUDED.pattern;
