# The owner of a database, who is no superuser, gives it every setting that he can, with an odd value: leader, errand,
# executor, agent and the tool do their work all the same.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Scheduler;
use NexBackup::Test;
use Test::More;

my $node = start_scheduler('main', log_min_messages => 'log');
my $repo = new_repository();

query('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE joe LOGIN; GRANT joe TO owner; CREATE ROLE nex_agent LOGIN');
query('postgres', 'GRANT USAGE ON SCHEMA nex_backup TO nex_agent');
query('postgres', "GRANT EXECUTE ON FUNCTION nex_backup.$_ TO nex_agent")
  for 'advance(text, bool, text, int4)', 'claim(text, bool, text, int4)', 'start(int8, int8, int4)',
  'heartbeat(int8, int8, text)', 'finish(int8, int8, int4, int4, text, text, text)', 'record(text, jsonb)',
  'alarms_to_deliver(text)', 'alarm_delivered(int8)';
create_database('shop');
query('shop', q(CREATE TABLE item AS SELECT i AS id, E'a\\\\b''c' || i AS name, ARRAY[NULL, 'x'] AS words, now() AS at, interval '-1 day 2 h' AS i FROM generate_series(1, 1000) i;
CREATE TABLE secret (s text); INSERT INTO secret VALUES ('s'); CREATE VIEW v AS SELECT id FROM item WHERE name LIKE E'%\\\\%';
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '\' $$;));
my $content = "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM item t";
my $before = query('shop', $content);

# Sessions of the test itself are no part of it.
my $newer = query('postgres', 'SHOW server_version_num') >= 170000 ? '-c transaction_timeout=0 ' : '';
sub sane
{
	my ($database, $sql) = @_;
	local $ENV{PGOPTIONS} = $newer . '-c statement_timeout=0 -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0 '
	  . '-c lock_timeout=0 -c default_transaction_isolation=read\ committed -c default_transaction_read_only=off '
	  . '-c default_transaction_deferrable=off -c standard_conforming_strings=on -c role=none -c client_min_messages=error '
	  . '-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c client_encoding=UTF8 -c search_path=public '
	  . '-c transform_null_equals=off -c array_nulls=on -c bytea_output=hex -c row_security=on -c extra_float_digits=1 -c local_preload_libraries= -c exit_on_error=off';

	return query($database, $sql);
}

# Plant odd values in a database, as its owner; how many that were.
sub plant
{
	my ($database, $kind) = @_;
	my $number = { low => 'min_val', one => "CASE WHEN min_val::numeric <= 1 AND max_val::numeric >= 1 THEN '1' ELSE min_val END",
		high => 'max_val' }->{$kind};
	my $enum = $kind eq 'high' ? 'enumvals[array_upper(enumvals, 1)]' : 'enumvals[1]';

	return sane('postgres', <<"SQL") =~ /(\d+)\s*\z/ && $1;
ALTER DATABASE $database OWNER TO owner;
SET SESSION AUTHORIZATION owner;
DO \$do\$
DECLARE
	odd record;
	planted int := 0;
BEGIN
	FOR odd IN
		SELECT name, CASE vartype
				WHEN 'bool' THEN CASE boot_val WHEN 'on' THEN 'off' ELSE 'on' END
				WHEN 'enum' THEN CASE WHEN $enum = boot_val THEN enumvals[2] ELSE $enum END
				WHEN 'string' THEN CASE name WHEN 'search_path' THEN 'evil, pg_temp' WHEN 'DateStyle' THEN 'German'
					WHEN 'TimeZone' THEN 'Asia/Kathmandu' WHEN 'client_encoding' THEN 'LATIN1'
					WHEN 'default_text_search_config' THEN 'pg_catalog.german' ELSE 'C' END
				ELSE $number END AS value
		FROM pg_settings WHERE context IN ('user', 'superuser') AND name NOT LIKE 'debug_print%'
		UNION ALL VALUES ('role', 'joe'), ('session_authorization', 'owner')
	LOOP
		BEGIN
			EXECUTE format('ALTER DATABASE $database SET %I = %L', odd.name, odd.value);
			planted := planted + 1;
		EXCEPTION WHEN others THEN
			NULL;
		END;
	END LOOP;
	PERFORM set_config('nexb.planted', planted::text, false);
END
\$do\$;
SELECT current_setting('nexb.planted');
SQL
}

for my $kind (qw(low one high))
{
	my @planted = map { plant($_, $kind) } qw(postgres shop);
	cmp_ok($planted[1], '>', 100, "$kind: $planted[0] and $planted[1] settings");
	my $entry = "SELECT string_agg(c, ' ' ORDER BY c) FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase IN (SELECT oid FROM pg_database WHERE datname IN ('postgres', 'shop')) AND c IN ('role=joe', 'standard_conforming_strings=off', 'default_transaction_read_only=on')";
	is(sane('postgres', $entry), join(' ', map { ($_) x 2 } 'default_transaction_read_only=on', 'role=joe', 'standard_conforming_strings=off'), "$kind: among them role, strings, read-only");

	# A leader that begins under them.
	my $leader = sane('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'nex_backup leader'");
	sane('postgres', "SELECT pg_terminate_backend($leader)");
	ok(wait_until(sub { sane('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'nex_backup leader' AND pid <> $leader") > 0 }), "$kind: a new leader");

	# Leader and executor: a job that is due.  Errand and executor: a run.
	sane('postgres', "SELECT nex_backup_schedule('j $kind', '0 2 1 1 *', 'shop', '$repo', type => '$kind', timezone => 'UTC', retry => 0); "
		  . "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = 'j $kind'; SELECT nex_backup.wake()");
	my $state = '';
	wait_until(sub { $state = sane('postgres', "SELECT state FROM nex_backup.runs WHERE job = 'j $kind' AND finished IS NOT NULL"); $state ne '' });
	is($state, 'succeeded', "$kind: a job that is due") or diag(sane('postgres', "SELECT error, reason, log_tail FROM nex_backup.runs WHERE job = 'j $kind'"));
	is(sane('postgres', "SELECT state || coalesce(' ' || detail, '') FROM nex_backup_run('j $kind')"),
		'succeeded started by ' . query('template1', 'SELECT current_user'), "$kind: a run of it");
	is(sane('postgres', "SELECT count(*) FROM nex_backup.backups WHERE type = '$kind'"), 2, "$kind: both are recorded");

	# The tool by hand.
	my $catalogue = '--catalogue=dbname=postgres';
	tool_ok([ 'backup', '--repo', $repo, '-d', 'shop', '--type', "hand-$kind", $catalogue ], "$kind: a backup by hand");
	is(sane('postgres', "SELECT count(*) FROM nex_backup.backups WHERE type = 'hand-$kind'"), 1, "$kind: is recorded");
	tool_ok([ 'globals', 'backup', '--repo', $repo, '-d', 'postgres', $catalogue ], "$kind: the globals");
	tool_ok([ 'restore', 'shop', '--to', "restored_$kind", '--repo', $repo, $catalogue ], "$kind: a restore");
	is(sane("restored_$kind", $content), $before, "$kind: is what it was");
	sane('shop', 'DROP VIEW v; DROP TABLE item');
	tool_ok([ 'restore', 'shop', '--table', 'item', '--to', 'shop', '--repo', $repo, '--yes' ], "$kind: a table, into the database itself");
	is(sane('shop', $content), $before, "$kind: is what it was");
	sane('shop', q(CREATE VIEW v AS SELECT id FROM item WHERE name LIKE E'%\\\\%'));

	# The agent.
	sane('template1', "ALTER SYSTEM SET nex_backup.executor = 'agent'");
	sane('template1', 'SELECT pg_reload_conf()');
	sane('postgres', "SELECT pg_sleep(0.5); SELECT nex_backup.enqueue(NULL, NULL, 'backup', '$repo', 'shop', '{\"type\": \"agent-$kind\", \"options\": {}, \"max_attempts\": 1}')");
	tool_ok([ 'agent', '--once', '--repo', $repo, '--catalogue', 'dbname=postgres user=nex_agent' ], "$kind: an agent");
	is(sane('postgres', "SELECT count(*) FROM nex_backup.backups WHERE type = 'agent-$kind'"), 1, "$kind: has done a run");
	sane('template1', 'ALTER SYSTEM RESET nex_backup.executor');
	sane('template1', 'SELECT pg_reload_conf()');
	is(sane('postgres', "SELECT count(*) FROM nex_backup_status() WHERE name = 'scheduler' AND status = 'ok'"), 1, "$kind: all is well");
	for my $database (qw(postgres shop))
	{
		sane('template1', "ALTER DATABASE $database RESET ALL");
	}
	sane('postgres', "SELECT nex_backup_unschedule('j $kind')");
}

# A role that an administrator has given to a role is left: it is why that role may read.
query('postgres', 'CREATE ROLE reader; GRANT pg_read_all_data TO reader; CREATE ROLE backup_login LOGIN NOINHERIT; GRANT reader TO backup_login; '
	  . 'ALTER ROLE backup_login SET role = reader');
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop', '-U', 'backup_login', '--type', 'group' ], 'ALTER ROLE … SET role still works');
query('postgres', 'ALTER DATABASE shop SET role = joe');
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop', '-U', 'backup_login', '--type', 'group' ], 'and wins over that of the database');

done_testing();
