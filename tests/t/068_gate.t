# Whose authority counts: code of an operator, which a superuser or autovacuum sets off, is not theirs.  The SQL
# half is tested by sql/gate.sql; this is what needs a scheduler, autovacuum and a real repository.
use strict;
use warnings;

use NexBackup::Scheduler;
use NexBackup::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_scheduler('main', autovacuum => 'on', autovacuum_naptime => '1s', log_min_messages => 'log');
my $repo = new_repository();

query('postgres', <<'SQL');
CREATE ROLE operators;
CREATE ROLE op LOGIN IN ROLE operators;
CREATE ROLE dba LOGIN IN ROLE pg_execute_server_program;
GRANT USAGE ON SCHEMA nex_backup TO operators;
GRANT EXECUTE ON FUNCTION nex_backup_run, nex_backup_cancel TO operators;
CREATE SCHEMA op AUTHORIZATION op;
CREATE TABLE rows (a int);
SQL
set_options('nex_backup.operator_role' => 'operators');
is(query('postgres', "SELECT state FROM nex_backup_run('postgres', repository => '$repo')"), 'succeeded', 'a backup')
  for 1 .. 3;

sub as
{
	my ($role, $sql) = @_;

	return query('postgres', "SET SESSION AUTHORIZATION $role;\n$sql");
}

# ------------------------------------------- an index, and what maintains it

# What the operator would like to have done, whenever somebody else's session evaluates the index.
as('op', <<"SQL");
CREATE TABLE op.t (a int);
CREATE FUNCTION op.f(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$
DECLARE
	r record;
BEGIN
	IF session_user <> 'op' THEN
		SELECT * INTO r FROM public.nex_backup_run(NULL, kind => 'expire', repository => '$repo',
			options => '{"keep-daily": "0", "keep-weekly": "0", "keep-minimum": "1"}', wait => false);
		RAISE LOG 'attempt by % as %: run %', session_user, current_user, r.run;
	END IF;
	RETURN 1;
EXCEPTION WHEN others THEN
	RAISE LOG 'attempt by % as %: %', session_user, current_user, sqlerrm;
	RETURN 1;
END
\$\$;
CREATE INDEX ON op.t (op.f(a));
CREATE MATERIALIZED VIEW op.m AS SELECT op.f(a) FROM op.t;
INSERT INTO op.t SELECT generate_series(1, 200);
SQL

# In place of waiting for autovacuum's own choice of a moment only: all others now.
sub attempts { return scalar(() = read_bytes($node->logfile) =~ /LOG:  attempt by postgres as op: nex_backup does nothing within a security-restricted operation/g) }

ok(wait_until(sub { return read_bytes($node->logfile) =~ /LOG:  attempt by postgres/ }), 'autovacuum has evaluated the index');
query('postgres', 'ALTER TABLE op.t SET (autovacuum_enabled = false)');
wait_until(sub { return query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query ~ 'op.t'") == 0 });
for my $sql ('ANALYZE op.t', 'VACUUM (ANALYZE) op.t', 'REINDEX TABLE op.t', 'CREATE INDEX ON op.t (op.f(a), a)', 'VACUUM FULL op.t',
	'CLUSTER op.t USING t_f_idx', 'REFRESH MATERIALIZED VIEW op.m')
{
	my $before = attempts();

	query('postgres', $sql);
	cmp_ok(attempts(), '>', $before, "$sql: the index was evaluated, and nothing done");
}
unlike(read_bytes($node->logfile), qr/LOG:  attempt by \S+ as \S+: run/, 'no attempt has got a run');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'expire'"), 0, 'none is in the queue');
is(query('postgres', 'SELECT count(*) FROM nex_backup.backups'), 3, 'all backups are there');

# --------------------------------------- triggers and functions, own and others'

as('op', <<"SQL");
CREATE FUNCTION op.trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \$\$
BEGIN
	PERFORM public.nex_backup_run(NULL, kind => 'init', repository => '$repo.evil');
	RETURN NEW;
END
\$\$;
CREATE TABLE op.u (a int);
CREATE TRIGGER t BEFORE INSERT ON op.u FOR EACH ROW EXECUTE FUNCTION op.trigger();
SQL
ok(!eval { query('postgres', 'INSERT INTO op.u VALUES (1)'); 1 }, 'a trigger under SECURITY DEFINER');
like($@, qr/permission denied to schedule backups/, '... has the authority of its owner');
ok(!-e "$repo.evil", '... and nothing was made');

query('postgres', q(SELECT nex_backup_schedule('nightly', '0 2 * * *', 'postgres', '/x');
	GRANT EXECUTE ON FUNCTION nex_backup_setup_default_jobs, nex_backup_unschedule TO op;));
query('postgres', <<'SQL');
GRANT CREATE ON SCHEMA public TO dba;
SET ROLE dba;
CREATE FUNCTION public.usual_jobs() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT j.job FROM public.nex_backup_setup_default_jobs('postgres', '/x') j $$;
SQL
ok(!eval { as('op', "SELECT * FROM nex_backup_setup_default_jobs('postgres', '/x')"); 1 }, 'an operator defines no jobs');
is(as('op', 'SELECT count(*) FROM usual_jobs()'), 3, 'but may be given a function that does it for them');
is(query('postgres', "SELECT string_agg(DISTINCT owner::text, ' ') FROM nex_backup.jobs WHERE name LIKE 'postgres %'"), 'dba', '... in the name of its owner');
ok(!eval { as('op', "SELECT nex_backup_unschedule('postgres daily')"); 1 }, '... and no more than that');

# SET ROLE gives authority, and takes it.
is(query('postgres', "SET ROLE dba; SELECT nex_backup_unschedule('postgres daily')"), 't', 'SET ROLE to the owner');
ok(!eval { query('postgres', "SET ROLE dba; SELECT nex_backup_unschedule('nightly')"); 1 }, "SET ROLE of a superuser gives the superuser's authority up");
like($@, qr/permission denied for job "nightly"\nDETAIL:  It belongs to role postgres/, '... with the reason');
is(query('postgres', "SET ROLE dba; SELECT job FROM nex_backup_setup_default_jobs('template1', '/x')"), "template1 daily\ntemplate1 weekly\ntemplate1 expire", 'several rows');
is(query('postgres', "SET ROLE dba; SELECT (nex_backup_run('template1 daily', wait => false)).state"), 'queued', 'a row, as a value');
is(query('postgres', "SELECT owner FROM nex_backup.runs WHERE job = 'template1 daily'"), 'dba', '... in the name of the role');
is(query('postgres', "DO \$\$ BEGIN SET ROLE dba; PERFORM nex_backup_unschedule('template1 weekly'); END \$\$; RESET ROLE; SELECT count(*) FROM nex_backup.jobs WHERE name = 'template1 weekly'"), 0, 'in a DO block');
ok(!eval { query('postgres', "SELECT nex_backup_unschedule(NULL)"); 1 }, 'NULL in place of a name');
like($@, qr/there is no job "<NULL>"/, '... is no job');

# ------------------------------------------------ what a function leaves behind

# Between two public functions nobody's authority is known, however the first one ended.
for my $first ('SELECT count(*) FROM nex_backup_run(NULL, kind => $$expire$$, wait => false, repository => $$/x$$)', "DO \$\$ BEGIN PERFORM nex_backup_unschedule('no such job'); EXCEPTION WHEN others THEN NULL; END \$\$")
{
	ok(!eval { query('postgres', "$first;\nSELECT nex_backup.caller()"); 1 }, 'an internal function behind a public one');
	like($@, qr/an internal function of nex_backup was called directly/, '... does not act for its caller');
}

# Only what is a part of the extension is called, and nobody can put something beside it.
my $signature = query('postgres', "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'nex_backup'::regnamespace AND proname = 'unschedule'");
query('postgres', "ALTER EXTENSION nex_backup DROP FUNCTION $signature");
ok(!eval { query('postgres', "SELECT nex_backup_unschedule('nightly')"); 1 }, 'a function that is no part of the extension');
like($@, qr/extension "nex_backup" has no function "nex_backup\.unschedule"/, '... is not called');
query('postgres', "ALTER EXTENSION nex_backup ADD FUNCTION $signature");
query('postgres', 'GRANT CREATE ON SCHEMA nex_backup TO PUBLIC');
ok(!eval { query('postgres', "SELECT nex_backup_unschedule('nightly')"); 1 }, 'where everybody can put a function beside it');
like($@, qr/as role PUBLIC may create objects in schema nex_backup/, '... none is');
query('postgres', 'REVOKE CREATE ON SCHEMA nex_backup FROM PUBLIC');
query('postgres', "SELECT nex_backup_unschedule('nightly')");

done_testing();
