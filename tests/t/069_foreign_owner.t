# Whose is the extension?  The owner of the database drops it and takes its names; a role that was a superuser once, or
# was given a part of it, changes that part.  Whatever enters, nothing of theirs runs as somebody else.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

my $node = start_scheduler('main', max_prepared_transactions => 1);
my $marks = File::Temp::tempdir(CLEANUP => 1);
my $repo = new_repository();
my $conninfo = 'host=' . $node->host . ' port=' . $node->port . ' dbname=cat';

chmod 0755, $marks;
query('postgres', 'CREATE ROLE own LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE nex_agent LOGIN; CREATE ROLE dba SUPERUSER LOGIN;'
	  . 'CREATE ROLE reporter LOGIN');
query('postgres', "CREATE DATABASE $_ OWNER own") for qw(cat shop);
query('postgres', 'CREATE DATABASE other');

my @of_agents = ('advance(text, bool, text, int4)', 'claim(text, bool, text, int4)', 'start(int8, int8, int4)', 'heartbeat(int8, int8, text)',
	'finish(int8, int8, int4, int4, text, text, text)', 'record(text, jsonb)', 'alarms_to_deliver(text)', 'alarm_delivered(int8)');
my $grants = "GRANT USAGE ON SCHEMA nex_backup TO nex_agent, reporter; GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO reporter;"
  . join('', map { "GRANT EXECUTE ON FUNCTION nex_backup.$_ TO nex_agent;" } @of_agents);
my $status = "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'extension'";

# A session of a role, which stays until the returned sub gives it a last statement.
sub session
{
	my ($database, $role, $sql) = @_;
	my ($in, $out) = ("SET client_min_messages = error; $sql; SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', "dbname=$database user=$role" ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(120));

	$session->pump until $out =~ /held|ERROR|FATAL/;
	die $out if $out =~ /ERROR|FATAL/;
	return sub { $in .= "$_[0];\n\\q\n"; $session->pump while $session->pumpable && length $in; $session->finish; };
}

# One statement of a role, going on; the sub waits for what it says.
sub going
{
	my ($role, $sql) = @_;
	my $out = '';
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', "dbname=cat user=$role application_name=migration", '-c', $sql ],
		'<', \'', '>', \$out, '2>&1', IPC::Run::timeout(120));

	return sub { $session->finish; return $out; };
}

# ------------------------------------------- the owner of the database takes the name of the schema

# Everything that a function of the extension might find by its name.
my $theft = <<"SQL";
BEGIN; DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE SCHEMA nex_backup; GRANT USAGE ON SCHEMA nex_backup, public TO PUBLIC;
CREATE FUNCTION nex_backup.evil() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN
	IF current_user <> 'own' THEN
		IF pg_has_role(current_user, 'pg_execute_server_program', 'USAGE') THEN COPY (SELECT 1) TO PROGRAM 'touch $marks/pwned'; END IF;
		RAISE EXCEPTION 'evil as %', current_user;
	END IF;
	RETURN '/x';
END \$\$;
CREATE VIEW nex_backup.repositories AS SELECT 'x'::text AS id, nex_backup.evil() AS location, 'h'::text AS host;
CREATE VIEW nex_backup.leases AS SELECT 1::int8 AS run, 1::int8 AS fence, true AS in_server, NULL::jsonb AS progress, ''::name AS session_role,
	CASE WHEN nex_backup.evil() IS NULL THEN now() END AS cancel_requested;
CREATE VIEW nex_backup.alarms AS SELECT 1::int8 AS id, NULL::timestamptz AS delivered, nex_backup.evil() AS event, 1::int8 AS run;
CREATE VIEW nex_backup.runs AS SELECT 1::int8 AS id, nex_backup.evil() AS host, NULL::timestamptz AS finished, ''::text AS state, ''::text AS kind;
CREATE VIEW nex_backup.jobs AS SELECT nex_backup.evil() AS name, true AS enabled, ''::text AS suspended;
CREATE VIEW nex_backup.restore_points AS SELECT nex_backup.evil()::name AS name;
CREATE FUNCTION nex_backup.setting(text) RETURNS text LANGUAGE sql AS 'SELECT nex_backup.evil()';
CREATE FUNCTION nex_backup.manifest_text(jsonb) RETURNS text LANGUAGE sql AS 'SELECT nex_backup.evil()';
CREATE FUNCTION nex_backup.check_caller() RETURNS void LANGUAGE sql AS 'SELECT nex_backup.evil()';
CREATE FUNCTION nex_backup.caller() RETURNS regrole LANGUAGE sql AS 'SELECT nex_backup.evil()::regrole';
CREATE FUNCTION nex_backup.record(event text, payload jsonb) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT nex_backup.evil()';
CREATE FUNCTION nex_backup.take_report(event text, payload jsonb, caller oid, vouched bool) RETURNS void LANGUAGE sql AS 'SELECT nex_backup.evil()';
CREATE FUNCTION nex_backup.gated_heartbeat(run int8, fence int8, progress text) RETURNS text LANGUAGE sql AS 'SELECT nex_backup.evil()';
CREATE FUNCTION nex_backup.status(OUT name text, OUT status text, OUT detail text) RETURNS SETOF record LANGUAGE sql AS 'SELECT nex_backup.evil(), NULL, NULL'
SQL

query('cat', "CREATE EXTENSION nex_backup; GRANT pg_monitor TO own; $grants");
like(query('cat', $status), qr/^critical .*database cat .*belongs to role own/, 'a catalogue in a database of others: status');
for (
	[ 'own', "SELECT * FROM nex_backup.repository_state('x')" ],
	[ 'own', 'SELECT * FROM nex_backup.scheduler_state()' ],
	[ 'own', 'SELECT * FROM nex_backup.scheduler_status()' ],
	[ 'own', 'SELECT * FROM nex_backup.alarm_state()' ],
	[ 'nex_agent', 'SELECT nex_backup.heartbeat(1, 1)' ],
	[ 'nex_agent', 'SELECT nex_backup.start(1, 1)' ],
	[ 'nex_agent', 'SELECT nex_backup.finish(1, 1, 0)' ],
	[ 'nex_agent', "SELECT * FROM nex_backup.claim('a', false, 'h', 1)" ],
	[ 'nex_agent', "SELECT * FROM nex_backup.advance('a', false, 'h', 1)" ],
	[ 'nex_agent', "SELECT * FROM nex_backup.alarms_to_deliver('h')" ],
	[ 'nex_agent', 'SELECT nex_backup.alarm_delivered(1)' ],
	[ 'nex_agent', "SELECT nex_backup.record('backup', '{}')" ],
	[ 'dba', 'SELECT * FROM nex_backup_status()' ],
	[ 'dba', "SELECT * FROM nex_backup_sync('$repo')" ],
	[ 'dba', "SELECT nex_backup_unschedule('x')" ],
	[ 'dba', "SELECT nex_backup_create_restore_point('x')" ])
{
	my ($role, $sql) = @$_;
	my $thief = session('cat', 'own', $theft);
	my $call = going($role, $sql);

	ok(waits_for_lock('migration'), "$role: $sql: waits");
	$thief->('COMMIT');
	like($call->(), qr/extension "nex_backup" does not exist/, '... and finds that the extension is gone');
	ok(!-e "$marks/pwned", '... nothing of the thief has run');
	query('cat', "SET client_min_messages = error; DROP SCHEMA nex_backup CASCADE; CREATE EXTENSION nex_backup; $grants");
}

# The program, whose function is found by its name.
tool_ok([ 'backup', "--repo=$repo", '-d', 'cat' ], 'a backup that is recorded');
is(query('cat', 'SELECT count(*) FROM nex_backup.backups'), '1', 'in a database of others');
session('cat', 'own', $theft)->('COMMIT');
my ($code, undef, $err) = tool('backup', "--repo=$repo", '-d', 'cat', '--catalogue=cat');
is($code, 0, 'a backup where the extension is gone');
like($err, qr/the extension nex_backup is not there/, '... and is not called');
ok(!-e "$marks/pwned", '... nor is what has its name');
query('cat', "SET client_min_messages = error; DROP SCHEMA nex_backup CASCADE; CREATE EXTENSION nex_backup; $grants");
# What only mentions the schema is anybody's, and changes nothing.
my $mentions = session('cat', 'bob', "CREATE FUNCTION pg_temp.record(a regnamespace DEFAULT 'nex_backup') RETURNS int LANGUAGE sql AS 'SELECT 1';"
	  . "CREATE TEMP TABLE runs (i int); CREATE INDEX ON runs ((CASE WHEN 'nex_backup'::regnamespace::oid IS NULL THEN i END))");
($code, undef, $err) = tool('backup', "--repo=$repo", '-d', 'cat', '--catalogue=cat');
is("$code $err", '0 ', 'where somebody mentions the schema, a backup is recorded');
is(query('cat', 'SELECT count(*) FROM nex_backup.backups'), '1', '... there');
write_bytes("$marks/nex.yaml", "repo: $repo\nno-password: true\n");
($code, undef, $err) = tool('agent', '--once', '--config', "$marks/nex.yaml", '--catalogue', "$conninfo user=nex_agent");
unlike($err, qr/could not be asked|belongs to/, '... and an agent asks');
$mentions->('SELECT 1');
for ([ 'FUNCTION nex_backup.record(text, json)', 'CREATE FUNCTION nex_backup.record(text, json) RETURNS void LANGUAGE sql AS $$SELECT NULL$$', 'function nex_backup.record' ],
	[ 'DOMAIN nex_backup.setting', 'CREATE DOMAIN nex_backup.setting AS text', 'type nex_backup.setting' ],
	[ 'FUNCTION nex_backup.shown(text)', 'SELECT 1', 'function nex_backup.shown' ])
{
	my ($object, $create, $named) = @$_;

	query('cat', "$create; ALTER $object OWNER TO bob");
	($code, undef, $err) = tool('backup', "--repo=$repo", '-d', 'cat', '--catalogue=cat');
	like($err, qr/\Q$named\E belongs to role bob, which is not a superuser/, "$named, in the schema, does");
	query('cat', $create eq 'SELECT 1' ? "ALTER $object OWNER TO postgres" : "DROP $object");
}
my $held = session('cat', 'nex_agent', 'BEGIN; PREPARE p AS SELECT FROM nex_backup.runs');
my $drop = going('own', 'DROP SCHEMA public CASCADE');
ok(waits_for_lock('migration'), 'what the program holds cannot be dropped, without a right on the table');
$held->('COMMIT');
$drop->();

# --------------------------------------------------------- parts that belong to somebody else

query('other', "CREATE EXTENSION nex_backup; $grants");
my $ok = query('other', $status);
like($ok, qr/^ok /, 'all belongs to a superuser');
for (
	[ 'ALTER FUNCTION nex_backup.shown(text) OWNER TO %s', qr/function nex_backup\.shown\(text\) belongs to role bob/ ],
	[ 'ALTER FUNCTION nex_backup_status() OWNER TO %s', qr/function nex_backup_status\(\) belongs to role bob/ ],
	[ 'ALTER TABLE nex_backup.runs OWNER TO %s', qr/(?:table nex_backup\.runs|sequence nex_backup\.runs_id_seq) belongs to role bob/ ],
	[ 'ALTER VIEW nex_backup.executors OWNER TO %s', qr/view nex_backup\.executors belongs to role bob/ ],
	[ 'ALTER SEQUENCE nex_backup.fences OWNER TO %s', qr/sequence nex_backup\.fences belongs to role bob/ ],
	[ 'ALTER SCHEMA nex_backup OWNER TO %s', qr/schema nex_backup belongs to role bob/ ],
	[ 'REASSIGN OWNED BY dba TO bob', qr/extension nex_backup belongs to role bob/ ],
	[ 'GRANT CREATE ON SCHEMA nex_backup TO bob', qr/role bob may create objects in schema nex_backup/, 'REVOKE CREATE ON SCHEMA nex_backup FROM bob' ],
	[ 'CREATE FUNCTION nex_backup.shown(varchar) RETURNS text LANGUAGE sql AS $$SELECT $1$$; ALTER FUNCTION nex_backup.shown(varchar) OWNER TO bob',
		qr/function nex_backup\.shown\(character varying\) belongs to role bob/, 'DROP FUNCTION nex_backup.shown(varchar)' ],
	[ 'CREATE DOMAIN nex_backup.shown AS text; ALTER DOMAIN nex_backup.shown OWNER TO bob', qr/type nex_backup\.shown belongs to role bob/, 'DROP DOMAIN nex_backup.shown' ],
	[ 'CREATE FUNCTION public.t() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$; ALTER FUNCTION public.t() OWNER TO bob;'
		  . 'CREATE TRIGGER t BEFORE UPDATE ON nex_backup.runs FOR EACH ROW EXECUTE FUNCTION public.t()',
		qr/trigger t on table nex_backup\.runs is not a part of it/, 'DROP TRIGGER t ON nex_backup.runs; DROP FUNCTION public.t()' ])
{
	my ($sql, $pattern, $back) = @$_;
	my $name = sprintf($sql, 'bob');

	query('other', 'DROP EXTENSION nex_backup; SET SESSION AUTHORIZATION dba; CREATE EXTENSION nex_backup') if $sql =~ /^REASSIGN/;
	query('other', $name);
	like(query('other', $status), qr/^critical $pattern/, "$name: status");
	for my $call ("SELECT nex_backup_run('postgres', repository => '/x', wait => false)", "SELECT nex_backup.record('backup', '{}')",
		"SELECT nex_backup_schedule('x', '* * * * *', 'postgres', '/x')", 'SELECT * FROM nex_backup_restore_points()')
	{
		ok(!eval { query('other', $call); 1 } && $@ =~ /nothing of extension "nex_backup" is run, as $pattern.*HINT/s, "... $call");
	}
	if ($sql =~ /^REASSIGN/)
	{
		query('other', "DROP EXTENSION nex_backup; CREATE EXTENSION nex_backup; $grants");
	}
	else
	{
		query('other', $back // sprintf($sql, 'CURRENT_USER'));
	}
	is(query('other', $status), $ok, '... and back');
}

# A former superuser changes what workers, callers and the program run.
query('other', 'DROP EXTENSION nex_backup; SET SESSION AUTHORIZATION dba; CREATE EXTENSION nex_backup; RESET SESSION AUTHORIZATION;'
	  . "REASSIGN OWNED BY dba TO bob; $grants SET SESSION AUTHORIZATION bob;" . join('', map {
		"CREATE OR REPLACE FUNCTION nex_backup.$_ LANGUAGE plpgsql AS \$\$ BEGIN ALTER ROLE bob SUPERUSER; END \$\$;" }
	'do_request(request jsonb, caller regrole, OUT run int8, OUT notice text, OUT hint text) RETURNS record',
	'take_report(event text, payload jsonb, caller oid, vouched bool) RETURNS void', 'record(event text, payload jsonb) RETURNS void',
	'advance(executor text, in_server bool, host text, pid int4, OUT state text, OUT startable int4, OUT wait interval, OUT detail text) RETURNS record',
	'alarms_to_deliver(host text, OUT id int8, OUT raised timestamptz, OUT event text, OUT job text, OUT run int8, OUT kind text, OUT database text, '
	  . 'OUT location text, OUT type text, OUT started timestamptz, OUT finished timestamptz, OUT exit_code int4, OUT state text, OUT reason text, '
	  . 'OUT error text, OUT log_tail text, OUT details jsonb) RETURNS SETOF record'));
eval { query('other', "SET SESSION AUTHORIZATION bob; SELECT * FROM nex_backup_run('x', wait => false)") };
like($@, qr/belongs to role bob, which is not a superuser/, 'a run of a former superuser');
($code, undef, $err) = tool('backup', "--repo=$repo", '-d', 'other');
is($code, 0, 'a backup of that database');
like($err, qr/could not record this in the catalog: extension nex_backup belongs to role bob, which is not a superuser.*HINT:  This does not affect the outcome of the command[.] .*list of backups in the catalog up to date/s, '... says so');
my $hook = secret_file("http://127.0.0.1:9/x");
write_bytes("$marks/nex.yaml", "repo: $repo\nno-password: true\nnotify:\n  directory: $marks/notify\n  webhook:\n    url-file: $hook\n");
set_options('nex_backup.executor' => 'agent');
(my $there = $conninfo) =~ s/cat$/other/;
my $agent = start_tool("$marks/agent.log", 'agent', '--config', "$marks/nex.yaml", '--catalogue', $there);
ok(wait_until(sub { read_bytes("$marks/agent.log") =~ /belongs to role bob, which is not a superuser/ }), '... an agent says so');
kill 'TERM', $agent;
finish_tool($agent);
($code, undef, $err) = tool('notify', '--config', "$marks/nex.yaml", '--catalogue', $there);
like($err, qr/belongs to role bob, which is not a superuser/, '... and so does what delivers alarms');
is(query('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'bob'"), 'f', 'nothing of bob has run');
set_options('nex_backup.executor' => undef, 'nex_backup.database' => 'other');
my $log = $node->logfile;
ok(wait_until(sub { read_bytes($log) =~ /nothing of extension "nex_backup" is run, as extension nex_backup belongs to role bob/ }), '... the leader says so');
is(query('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'bob'"), 'f', 'nor as the leader');

# The status, too, is asked for only where it is the extension's.
my $status_of = sub { "CREATE OR REPLACE FUNCTION nex_backup_status(OUT name text, OUT status text, OUT detail text) RETURNS SETOF record LANGUAGE plpgsql AS \$\$ BEGIN"
	  . " IF current_user <> '$_[0]' THEN ALTER ROLE $_[0] SUPERUSER; END IF; RETURN QUERY SELECT 'scheduler', 'ok', 'running'; END \$\$" };
query('other', 'GRANT CREATE ON SCHEMA public TO bob; SET SESSION AUTHORIZATION bob;' . $status_of->('bob'));
($code, my $report) = tool('doctor', "--repo=$repo", '-d', 'shop');
like($report, qr/critical +extension +extension nex_backup belongs to role bob, which is not a superuser, so nothing of it is called/, 'doctor says whose extension it is');
create_database('owned');
query('owned', 'GRANT CREATE ON SCHEMA public TO bob; CREATE EXTENSION nex_backup; ALTER FUNCTION nex_backup_status() OWNER TO bob; SET SESSION AUTHORIZATION bob;' . $status_of->('bob'));
set_options('nex_backup.database' => 'owned');
($code, $report) = tool('doctor', "--repo=$repo", '-d', 'shop');
like($report, qr/critical +extension +function nex_backup_status belongs to role bob, which is not a superuser, so nothing of it is called/, '... or that function of it');
query('owned', 'DROP EXTENSION nex_backup; ALTER DATABASE owned OWNER TO own; CREATE EXTENSION nex_backup');
($code, $report) = tool('doctor', "--repo=$repo", '-d', 'shop');
like($report, qr/ scheduler +/, '... and asks for the status in a database of somebody else');
unlike($report, qr/not looked at/, '... too');
is(query('postgres', "SELECT count(*) FROM pg_roles WHERE rolsuper AND rolname <> 'postgres' AND rolname <> 'dba'"), '0', 'nothing of bob has run');
set_options('nex_backup.database' => undef);

done_testing;
