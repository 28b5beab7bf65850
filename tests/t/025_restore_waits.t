# Any role can hold a lock that a restore needs.  No restore waits longer than --lock-wait-timeout for one, each
# says for whom it waited, and the live database stays as it was, and open, meanwhile.
use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run ();
use lib dirname(__FILE__) . '/..';
use NexBackup::Test;
use POSIX ();
use Test::More;
use Time::HiRes ();

my $node = start_server('waits');
my $repo = new_repository();
my $log = "$repo/../restore.log";
my @bounded = ('--lock-wait-timeout', '2s');
my %holder = (eve => qr/process \d+ \(application "holder", user "eve", database "\w+"\)/,
	lord => qr/process \d+ \(application "holder", user "lord", database "\w+"\)/,
	postgres => qr/process \d+ \(application "holder", user "postgres", database "\w+"\)/);

query('postgres', 'CREATE ROLE eve LOGIN; CREATE ROLE lord LOGIN; CREATE DATABASE app OWNER lord');
query('app', <<'SQL');
GRANT CREATE ON DATABASE app TO eve;
CREATE TABLE t AS SELECT generate_series(1, 1000) i;
CREATE INDEX ON t (i);
CREATE SCHEMA js AUTHORIZATION eve;
CREATE TABLE js.x (i int);
ALTER TABLE js.x OWNER TO eve;
ALTER ROLE eve IN DATABASE app SET work_mem = '5MB';
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'app', '-q' ], 'backup');

# A session that does something and stays in its transaction; if `patient`, it tries until that works.
sub holding
{
	my ($role, $database, $sql, $patient) = @_;
	my @psql = ('psql', '-XAtq', '-d', NexBackup::Test::conninfo($database) . ' application_name=holder', '-U', $role, '-v', 'ON_ERROR_STOP=1');
	my $session = IPC::Run::start(
		[ $patient ? ('bash', '-c', 'for i in $(seq 1000); do "$@" && break; sleep 0.01; done', 'bash') : (),
			@psql, '-c', "BEGIN; $sql; SELECT pg_sleep(100)" ], '<', '/dev/null', '>', \my $out, '2>', \my $err);

	$patient
	  or wait_until(sub { query('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder' AND wait_event = 'PgSleep')) })
	  or BAIL_OUT("no lock: $err");
	return $session;
}

sub let_go
{
	my ($session) = @_;

	$session->kill_kill;
	query('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'));
	wait_until(sub { !query('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder')) });
}

my $facts = q(SELECT string_agg(format('%s %s %s %s %s', oid, datname, datdba, datconnlimit, datacl), ',' ORDER BY datname)
  FROM pg_database WHERE datname !~ '^app_restore');

for my $case (
	[ 'the swap waits for a setting of eve', 'eve', 'postgres', q(ALTER ROLE eve IN DATABASE app SET work_mem = '6MB'),
		qr/another session has a lock on the database/, '--to', 'app', '--drop', '--yes' ],
	[ 'the swap waits for a comment of the owner', 'lord', 'postgres', q(COMMENT ON DATABASE app IS 'mine'),
		qr/another session has a lock on the database/, '--to', 'app', '--drop', '--yes' ],
	[ 'the swap waits for a grant of the owner', 'lord', 'postgres', 'GRANT CONNECT ON DATABASE app TO eve',
		qr/could not swap the databases/, '--to', 'app', '--drop', '--yes' ],
	[ 'an append waits for a schema', 'eve', 'app', 'ALTER SCHEMA js RENAME TO js2', qr/could not query the server/,
		'--to', 'app', '--append', '--table', 'public.t' ],
	[ 'an append waits for its table', 'postgres', 'app', 'LOCK TABLE t', qr/could not run/,
		'--to', 'app', '--append', '--table', 'public.t' ],
	[ 'an append waits for a row of eve', 'eve', 'app', 'DELETE FROM js.x; LOCK TABLE js.x IN ACCESS EXCLUSIVE MODE',
		qr/./, '--to', 'app', '--append', '--table', 'js.x' ])
{
	my ($name, $role, $database, $sql, $message, @options) = @$case;
	my $before = query('postgres', $facts);
	my $rows = query('app', 'SELECT count(*) FROM t');
	my $session = holding($role, $database, $sql);
	my $start = Time::HiRes::time;
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', @bounded, @options);
	my $seconds = Time::HiRes::time - $start;

	is($code, 1, "$name: fails") or diag($err);
	like($err, $message, "$name: says so");
	like($err, $holder{$role}, "$name: names who holds the lock") or diag($err);
	cmp_ok($seconds, '<', 60, "$name: in time");
	let_go($session);
	is(query('postgres', $facts), $before, "$name: the databases are as they were");
	is(query('app', 'SELECT count(*) FROM t'), $rows, "$name: so are the rows");
	# What could not be swapped is kept.
	query('postgres', qq(DROP DATABASE "$_")) for grep { /^app_restore/ } @{ database_names() };
}

# While it waits for a lock, the live database is open.
{
	my $session = holding('eve', 'postgres', q(ALTER ROLE eve IN DATABASE app SET work_mem = '6MB'));
	my $tool = start_tool($log, 'restore', '--repo', $repo, 'app', '--to', 'app', '--drop', '--discard-old', '--yes',
		'--lock-wait-timeout', '60s');
	my $oid = query('postgres', q(SELECT oid FROM pg_database WHERE datname = 'app'));

	ok(wait_until(sub { query('postgres', q(SELECT count(*) FROM pg_database d
		WHERE d.datname ~ '^app_restore' AND shobj_description(d.oid, 'pg_database') IS NULL)) }), 'it is about to swap');
	for (1 .. 8)
	{
		my $start = Time::HiRes::time;
		is(query('app', 'SELECT count(*) FROM t'), 1000, 'the live database can be used');
		cmp_ok(Time::HiRes::time - $start, '<', 20, 'at once');
		Time::HiRes::sleep(0.5);
	}
	let_go($session);
	is(finish_tool($tool), 0, 'it swaps when the lock is free') or diag(read_bytes($log));
	isnt(query('postgres', q(SELECT oid FROM pg_database WHERE datname = 'app')), $oid, 'and the database is the new one');
}

# Killed while the server waits: it must not swap by itself later.
{
	my $session = holding('lord', 'postgres', 'GRANT CONNECT ON DATABASE app TO eve');
	my $tool = start_tool($log, 'restore', '--repo', $repo, 'app', '--to', 'app', '--drop', '--yes', '--lock-wait-timeout', '600s');
	my $oid = query('postgres', q(SELECT oid FROM pg_database WHERE datname = 'app'));

	ok(wait_until(sub { query('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE query ~ 'RENAME TO' AND wait_event_type = 'Lock')) }),
		'the server waits in the swap');
	kill('KILL', $tool);
	is(finish_tool($tool), 137, 'the tool is killed');
	ok(wait_until(sub { !query('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE query ~ 'RENAME TO' AND pid <> pg_backend_pid())) }),
		'soon it waits no longer');
	let_go($session);
	sleep 1;
	is(query('postgres', q(SELECT oid FROM pg_database WHERE datname = 'app')), $oid, 'the live database is the old one');
	query('postgres', 'DROP DATABASE "' . query('postgres', q(SELECT datname FROM pg_database WHERE datname ~ '^app_restore')) . '"');
}

# A new database: eve need not connect to it.
{
	my $session = holding('eve', 'postgres', q(ALTER ROLE eve IN DATABASE new SET work_mem = '6MB'), 1);
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', @bounded, '--to', 'new');

	is($code, 1, 'a setting that is locked is an error') or diag($err);
	like($err, qr/database is complete, but for a setting.*ALTER ROLE eve IN DATABASE new SET work_mem/s, 'which says what is missing');
	like($err, $holder{eve}, 'and who has it');
	is(query('new', 'SELECT count(*) FROM t'), 1000, 'the database is there');
	is(query('postgres', q(SELECT datname FROM pg_database WHERE datname = 'new' AND datconnlimit = -1 AND datdba = 'lord'::regrole)),
		'new', 'complete and open');
	let_go($session);
	query('postgres', 'DROP DATABASE new');
}

# pg_restore has no timeout of its own.
{
	my $session = holding('postgres', 'new', 'LOCK TABLE t IN ROW EXCLUSIVE MODE', 1);
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', @bounded, '--to', 'new');

	is($code, 1, 'what pg_restore waits for is bounded, too') or diag($err);
	like($err, qr/could not get a lock within 2 s.*$holder{postgres}/s, 'and named');
	let_go($session);
	is(query('postgres', q(SELECT count(*) FROM pg_database WHERE datname = 'new')), 0, 'nothing is left');
}

# Who watches the others waits no longer itself, for pg_authid.
{
	my $session = holding('postgres', 'new', q(SET LOCAL client_connection_check_interval = '500ms'; LOCK TABLE t IN ROW EXCLUSIVE MODE;
		DO $$ BEGIN LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 't'::regclass); PERFORM pg_sleep(0.02); END LOOP; END $$;
		LOCK TABLE pg_catalog.pg_authid), 1);
	my $start = Time::HiRes::time;
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', @bounded, '--to', 'new');

	is($code, 1, 'what pg_restore waits for is bounded where nobody can be named') or diag($err);
	like($err, qr/could not get a lock within 2 s.*a session that is not known/s, '... and said');
	cmp_ok(Time::HiRes::time - $start, '<', 60, '... in time');
	let_go($session);
	query('postgres', 'DROP DATABASE IF EXISTS new');
}

# Programs and sessions that nobody watches.
for my $case ([ 'pg_parameter_acl', qr/pg_dumpall failed/ ], [ 'pg_tablespace', qr/lock timeout|could not get a lock/ ])
{
	my ($catalog, $message) = @$case;

	next if $catalog eq 'pg_parameter_acl' && $node->pg_version < 15;
	my $session = holding('postgres', 'postgres', "LOCK TABLE pg_catalog.$catalog");
	my $start = Time::HiRes::time;
	my ($code, $out, $err) = tool('globals', 'backup', '--repo', $repo, @bounded);

	is($code, 1, "a backup of the globals waits no longer for $catalog") or diag($err);
	like($err, $message, '... and says so');
	cmp_ok(Time::HiRes::time - $start, '<', 30, '... in time');
	let_go($session);
}

# Globals.
query('postgres', q(ALTER ROLE eve SET work_mem = '7MB'));
tool_ok([ 'globals', 'backup', '--repo', $repo, '-q' ], 'backup of the globals');
{
	my $session = holding('eve', 'postgres', q(ALTER ROLE eve SET work_mem = '6MB'));
	my ($code, $out, $err) = tool('globals', 'restore', '--repo', $repo, @bounded);

	is($code, 1, 'globals restore ends as well') or diag($err);
	like($err, qr/restored without a statement that the server does not take: ALTER ROLE eve SET work_mem.*$holder{eve}/s, 'and says for whom it waited');
	let_go($session);
}

# A role that may not end a superuser's session: it is waited for, and no error is reported where there is none.
query('postgres', 'ALTER ROLE lord CREATEDB; CREATE DATABASE lords OWNER lord; GRANT pg_read_all_data TO lord');
query('lords', 'CREATE TABLE t AS SELECT 1 AS i; ALTER TABLE t OWNER TO lord');
{
	local $ENV{PGUSER} = 'lord';
	tool_ok([ 'backup', '--repo', $repo, '-d', 'lords', '-q' ], 'backup by an owner');
	my $session = do { local $ENV{PGUSER} = 'postgres'; background_sql('lords', 'SELECT pg_sleep(6)') };
	wait_until(sub { backends_in('lords') > 0 });
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'lords', '--drop', '--yes', '--discard-old');
	is($code, 0, 'an owner restores beside a session of a superuser') or diag($err);
	unlike($err, qr/error:|connection was lost/, 'without an error that is none');
	$session->();
}

# Code of a tenant's that does not end, in its turn.
query('postgres', 'CREATE DATABASE live OWNER lord');
query('live', <<'SQL');
GRANT CREATE ON DATABASE live TO eve;
SET SESSION AUTHORIZATION eve;
CREATE SCHEMA eve;
CREATE FUNCTION eve.f(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
CREATE FUNCTION eve.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE eve.rows AS SELECT 1 AS i;
CREATE TRIGGER t BEFORE INSERT ON eve.rows FOR EACH ROW EXECUTE FUNCTION eve.t();
CREATE TABLE eve.made AS SELECT 1 AS i;
CREATE INDEX by_f ON eve.made (eve.f(i));
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'live', '-q' ], 'backup of a tenant');
query('live', 'DROP TABLE eve.made');
my %sleeps = ('sleeps' => 'PERFORM pg_sleep(1000);',
	'cannot be canceled' => q(PERFORM set_config('client_connection_check_interval', '0', false), set_config('statement_timeout', '0', false);
		LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;));
for my $how (sort keys %sleeps)
{
	query('live', "CREATE OR REPLACE FUNCTION eve.f(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$BEGIN $sleeps{$how} RETURN i; END\$\$;"
		  . "CREATE OR REPLACE FUNCTION eve.t() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN $sleeps{$how} RETURN new; END\$\$");
	for my $case ([ 'rows', qr/could not load table eve\.rows/, '--append' ], [ 'made', qr/could not restore INDEX eve\.by_f/ ])
	{
		my ($table, $message, @options) = @$case;
		my ($code, $out, $err) = tool('restore', '--repo', $repo, 'live', '--to', 'live', '--table', "eve.$table", @options, '--owner-timeout', '1s');

		is($code, 1, "a tenant's code that $how ends a restore of $table") or diag($err);
		like($err, qr/error: $message: code of role "eve" took longer than 1 s\nHINT:.*--owner-timeout/, '... with its name') or diag($err);
		ok(wait_until(sub { backends_in('live') == 0 }), '... and holds nothing any more');
	}
}
# In the end ANALYZE calls the function of the index.
query('live', "CREATE OR REPLACE FUNCTION eve.f(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN IF current_query() ~ ''ANALYZE'' THEN PERFORM pg_sleep(1000); END IF; RETURN i; END'");
my ($code, $out, $err) = tool('restore', '--repo', $repo, 'live', '--to', 'live', '--table', 'eve.made', '--owner-timeout', '2s');
is($code, 0, 'a function that does not end when it is analyzed') or diag($err);
like($err, qr/warning: could not analyze table "?eve"?."?made"?: code of its owner took longer than 2 s/, '... is a warning');
query('live', 'DROP TABLE eve.made');
query('live', "CREATE OR REPLACE FUNCTION eve.f(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN i; END'");
tool_ok([ 'restore', '--repo', $repo, 'live', '--to', 'live', '--table', 'eve.made', '--owner-timeout', '0', '-q' ], 'one that only takes its time is let');
is(query('live', 'SELECT count(*) FROM eve.made'), 1, '... and all is there');

# The session that watches locks falls silent: nothing waits for that in the end.
{
	my $session = holding('postgres', 'app', 'LOCK TABLE t');
	my $tool = start_tool($log, 'restore', '--repo', $repo, 'app', '--to', 'app', '--append', '--table', 'public.t');
	my $looks = q(FROM pg_stat_activity WHERE query ~ 'pg_blocking_pids' AND pid <> pg_backend_pid());

	ok(wait_until(sub { query('postgres', "SELECT count(*) $looks") }), 'somebody looks for locks');
	my $watch = query('postgres', "SELECT pid $looks");
	kill('STOP', $watch);
	# It looks once a second.
	Time::HiRes::sleep(2);
	let_go($session);
	ok(wait_until(sub { waitpid($tool, POSIX::WNOHANG()) == $tool }), 'the restore ends') or kill('KILL', $tool);
	is($?, 0, '... well') or diag(read_bytes($log));
	kill('CONT', $watch);
}

done_testing();
