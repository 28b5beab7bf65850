# Whose code could run where the extension works, other than by owning a part of it: triggers, foreign keys, privileges,
# what a view or an index calls, operators where names are looked up; before, during and after an update.  And who can
# keep everybody else from it.
use strict;
use warnings;

use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Test;
use Test::More;
use Time::HiRes ();

my $node = start_scheduler('main');
my $repo = new_repository();
my ($latest) = read_bytes(top() . '/nex_backup.control') =~ /default_version = '([\d.]+)'/;

query('postgres', <<'SQL');
CREATE ROLE low LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE app LOGIN; CREATE ROLE mon LOGIN IN ROLE pg_monitor; CREATE ROLE "Odd ""One" LOGIN;
SQL

sub is_nobody_super
{
	my ($name) = @_;

	is(query('postgres', "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper AND oid >= 16384"), '', $name);
	return;
}

# What code of others would do, as whoever evaluates it, but where the test itself puts it there.
my $evil = <<'SQL';
CREATE SCHEMA %1$s AUTHORIZATION %1$s; GRANT USAGE ON SCHEMA %1$s TO PUBLIC; SET ROLE %1$s;
CREATE FUNCTION %1$s.act() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN EXECUTE 'ALTER ROLE %1$s SUPERUSER'; END $f$;
CREATE FUNCTION %1$s.evil() RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $f$ BEGIN
	IF current_setting('test.harmless', true) IS NULL AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN PERFORM %1$s.act(); END IF;
	RETURN true;
END $f$;
CREATE FUNCTION %1$s.trg() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM %1$s.evil(); RETURN coalesce(NEW, OLD); END $f$;
RESET ROLE;
SQL

sub outside
{
	my ($database) = @_;

	# All that a member, or an index, a rule, and so on of one, depends on, and that is neither initdb's nor of the extension.
	return query($database, <<'SQL');
WITH RECURSIVE ours AS (
	SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'nex_backup'
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	UNION SELECT d.classid, d.objid FROM pg_depend d JOIN ours o ON (o.classid, o.objid) = (d.refclassid, d.refobjid) WHERE d.deptype IN ('a', 'i', 'P', 'S'))
SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, 0) || ' -> ' || pg_describe_object(d.refclassid, d.refobjid, 0), '; ')
FROM ours o JOIN pg_depend d ON (o.classid, o.objid) = (d.classid, d.objid)
WHERE d.refobjid >= 16384 AND NOT EXISTS (SELECT FROM ours t WHERE (t.classid, t.objid) = (d.refclassid, d.refobjid)) AND d.refclassid <> 'pg_extension'::regclass
SQL
}

# ------------------------------------ operators and functions in the schema that it is installed in

create_database('names');
query('names', sprintf($evil, 'low') . <<'SQL');
GRANT CREATE ON SCHEMA public TO low;
SET ROLE low;
DO $$
DECLARE
	one record;
	operator text;
BEGIN
	FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '>', '||', '~', '->>', '/', '*', '-'] LOOP
		FOR one IN SELECT a AS first, b AS second FROM unnest(ARRAY['numeric', 'int4', 'int8', 'float8', 'text', 'name', 'jsonb', 'timestamptz', 'bool', 'interval', 'oid']) a,
			unnest(ARRAY['numeric', 'int4', 'int8', 'float8', 'text', 'name', 'jsonb', 'timestamptz', 'bool', 'interval', 'oid']) b LOOP
			IF NOT EXISTS (SELECT FROM pg_operator WHERE oprname = operator AND oprleft = one.first::regtype AND oprright = one.second::regtype) THEN
				EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS bool LANGUAGE sql AS ''SELECT low.evil()''', 'op' || md5(operator), one.first, one.second);
				EXECUTE format('CREATE OPERATOR public.%s (leftarg = %s, rightarg = %s, function = public.%I)', operator, one.first, one.second, 'op' || md5(operator));
			END IF;
		END LOOP;
	END LOOP;
END
$$;
RESET ROLE;
SQL
for my $way ([], ['0.1.0'], ['0.2.0'], [ '0.2.0', '0.2.1', '0.2.2' ])
{
	my ($version, @steps) = @$way;

	query('names', 'CREATE EXTENSION nex_backup' . ($version ? " VERSION '$version'" : ''));
	query('names', "ALTER EXTENSION nex_backup UPDATE TO '$_'") for @steps;
	query('names', 'ALTER EXTENSION nex_backup UPDATE');
	is(outside('names'), '', 'beside hostile operators, ' . join(' -> ', @$way, 'the latest') . ': nothing of it depends on them');
	query('names', "INSERT INTO nex_backup.runs (id, kind, state, queued, not_before, definition) OVERRIDING SYSTEM VALUE VALUES (1, 'backup', 'running', now(), now(), '{}');"
		  . q(INSERT INTO nex_backup.leases (run, executor, in_server, fence, heartbeat, progress, lease_until) VALUES (1, 'x', false, 1, now(), '{"weight_done": 3, "weight_total": 4}', 'infinity')));
	is(query('names', 'SELECT percent FROM nex_backup.progress'), '75.0', '... and its view gives what it should');
	like(query('names', "SELECT status || detail FROM nex_backup_status() WHERE name = 'extension'"),
		qr/^warning.*others can put functions beside those of the extension: REVOKE CREATE ON SCHEMA public FROM low$/, '... and says who may make more of them');
	query('names', 'DROP EXTENSION nex_backup');
}
is_nobody_super('no operator of low has run');

# A function that fits a call better, or lies in a schema that is looked into first, is called in the place of one of it.
my $made = '';
IPC::Run::run([ 'psql', '-XAtq', '-d', 'names', '-c', 'CREATE EXTENSION nex_backup' ], '<', \'', '2>', \$made);
like($made, qr/WARNING:  schema public, which has the functions of nex_backup, is open to objects of others.*HINT:  REVOKE CREATE ON SCHEMA public FROM low;/s,
	'CREATE EXTENSION warns of a schema that others may create in');
my $of_low = 'RETURNS text LANGUAGE sql AS $$ SELECT low.evil()::text $$';
my @in_place = (
	[ 'public.nex_backup_cancel(run integer, hard boolean)', "CREATE FUNCTION public.nex_backup_cancel(run int4, hard bool DEFAULT false) $of_low" ],
	[ 'public.nex_backup_schedule(name text, schedule text, retry_delay text)', "CREATE FUNCTION public.nex_backup_schedule(name text, schedule text, retry_delay text DEFAULT NULL) $of_low" ],
	[ 'postgres.nex_backup_status()', "CREATE SCHEMA postgres; CREATE FUNCTION postgres.nex_backup_status() $of_low" ]);
query('names', 'GRANT CREATE ON DATABASE names TO low');
for my $case (@in_place)
{
	my ($function, $sql) = @$case;

	query('names', "SET ROLE low; $sql");
	like(query('names', "SELECT status || ' ' || detail FROM public.nex_backup_status() WHERE name = 'extension'"),
		qr/^critical .*function \Q$function\E of role low can be called in the place of a function of the extension: DROP function \Q$function\E removes it$/, "critical: $function");
	query('names', "DROP FUNCTION $function");
}
query('names', 'REVOKE CREATE ON DATABASE names FROM low; REVOKE CREATE ON SCHEMA public FROM low; CREATE FUNCTION public.nex_backup_cancel(text) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$');
like(query('names', "SELECT status FROM public.nex_backup_status() WHERE name = 'extension'"), qr/^ok$/, 'one of a superuser is nobody\'s business, and with the REVOKE all is well');
query('names', 'DROP EXTENSION nex_backup');

# ------------------------------------------------------------- default privileges

my $defaults = 'GRANT ALL ON TABLES TO app, PUBLIC; GRANT ALL ON SEQUENCES TO app; GRANT ALL ON FUNCTIONS TO app; GRANT ALL ON SCHEMAS TO app; GRANT ALL ON TABLES TO pg_monitor; GRANT ALL ON TYPES TO app';
my $granted = q(SELECT count(*) FROM (SELECT relacl FROM pg_class WHERE relnamespace = 'nex_backup'::regnamespace UNION ALL SELECT proacl FROM pg_proc
	WHERE pronamespace = 'nex_backup'::regnamespace OR proname ~ '^nex_backup' UNION ALL SELECT nspacl FROM pg_namespace WHERE nspname = 'nex_backup') o (acl), aclexplode(acl) a
	WHERE a.grantee = 0 OR a.grantee = 'app'::regrole OR (a.grantee = 'pg_monitor'::regrole AND a.privilege_type NOT IN ('SELECT', 'EXECUTE', 'USAGE')));
my $default_acl = "SELECT string_agg(d.defaclrole::regrole::text || ' ' || d.defaclobjtype::text || ' ' || d.defaclacl::text, ',' ORDER BY d.oid) FROM pg_default_acl d";

create_database('defaults');
query('defaults', join(';', map { "ALTER DEFAULT PRIVILEGES $_" } split(/;/, $defaults)));
my $before = query('defaults', $default_acl);
for my $way ([$latest], [ '0.1.0', $latest ], [ '0.2.0', '0.2.1', '0.2.2', $latest ])
{
	my ($version, @steps) = @$way;

	query('defaults', "CREATE EXTENSION nex_backup VERSION '$version'");
	query('defaults', 'REVOKE ALL ON ALL TABLES IN SCHEMA nex_backup FROM app, PUBLIC; REVOKE ALL ON ALL FUNCTIONS IN SCHEMA nex_backup FROM app; REVOKE ALL ON SCHEMA nex_backup FROM app;'
		  . ' REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA nex_backup FROM pg_monitor; REVOKE ALL ON FUNCTION nex_backup_create_restore_point(text),'
		  . ' nex_backup_restore_points(), nex_backup_status(), nex_backup_sync(text), nex_backup_verify(text, text) FROM app; REVOKE ALL ON ALL SEQUENCES IN SCHEMA nex_backup FROM app') if $version eq '0.1.0';
	query('defaults', "ALTER EXTENSION nex_backup UPDATE TO '$_'") for @steps;
	is(query('defaults', $granted), '0', 'default privileges give nobody anything: ' . join(' -> ', @$way));
	is(query('defaults', $default_acl), $before, '... and are as they were');
	like(query('defaults', "SELECT status FROM nex_backup_status() WHERE name = 'extension'"), qr/^ok/, '... it is well');
	is(query('defaults', "SELECT count(*) FROM pg_proc WHERE proname ~ '^nex_backup_step'"), '0', '... and nothing of the steps is left');
	query('defaults', 'DROP EXTENSION nex_backup');
}
query('postgres', 'DROP DATABASE defaults');

# ------------------------------------------- what others have added, or may add

query('postgres', sprintf($evil, $_)) for qw(bob low);
query('postgres', 'GRANT USAGE ON SCHEMA nex_backup TO bob');
my $ok = query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'extension'");
like($ok, qr/^ok/, 'all is well');
my @states = (
	[ 'GRANT TRIGGER ON nex_backup.runs TO bob; SET ROLE bob; CREATE TRIGGER z BEFORE UPDATE ON nex_backup.runs FOR EACH ROW WHEN (bob.evil()) EXECUTE FUNCTION suppress_redundant_updates_trigger(); RESET ROLE; REVOKE TRIGGER ON nex_backup.runs FROM bob',
		qr/trigger z on table nex_backup\.runs is not a part of it/, 'DROP TRIGGER z ON nex_backup.runs' ],
	[ 'CREATE OR REPLACE TRIGGER suspend_inserted_job BEFORE INSERT ON nex_backup.jobs FOR EACH ROW WHEN (bob.evil()) EXECUTE FUNCTION nex_backup.suspend_inserted_job()',
		qr/trigger suspend_inserted_job on table nex_backup\.jobs is not a part of it/,
		'CREATE OR REPLACE TRIGGER suspend_inserted_job BEFORE INSERT ON nex_backup.jobs FOR EACH ROW EXECUTE FUNCTION nex_backup.suspend_inserted_job(); ALTER TABLE nex_backup.jobs ENABLE ALWAYS TRIGGER suspend_inserted_job' ],
	[ 'GRANT REFERENCES ON nex_backup.leases TO bob; SET ROLE bob; CREATE TABLE bob.c (run int8 REFERENCES nex_backup.leases (run) ON DELETE CASCADE); RESET ROLE; REVOKE REFERENCES ON nex_backup.leases FROM bob',
		qr/a foreign key connects table nex_backup\.leases with table bob\.c/, 'DROP TABLE bob.c' ],
	[ 'GRANT ALL ON nex_backup.runs TO bob', qr/role bob has privilege INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES on table nex_backup\.runs/, 'REVOKE ALL ON nex_backup.runs FROM bob' ],
	[ 'GRANT UPDATE (argv) ON nex_backup.job_kinds TO "Odd ""One"', qr/role "Odd ""One" has privilege UPDATE on a column of table nex_backup\.job_kinds/, 'REVOKE UPDATE (argv) ON nex_backup.job_kinds FROM "Odd ""One"' ],
	[ 'GRANT INSERT ON nex_backup.runs TO PUBLIC', qr/role PUBLIC has privilege INSERT on table nex_backup\.runs/, 'REVOKE INSERT ON nex_backup.runs FROM PUBLIC' ],
	[ 'GRANT UPDATE ON SEQUENCE nex_backup.fences TO bob', qr/role bob has privilege UPDATE on sequence nex_backup\.fences/, 'REVOKE UPDATE ON SEQUENCE nex_backup.fences FROM bob' ],
	[ 'CREATE RULE r AS ON UPDATE TO nex_backup.runs DO ALSO SELECT bob.evil()', qr/rule r on table nex_backup\.runs is not a part of it/, 'DROP RULE r ON nex_backup.runs' ],
	[ 'CREATE INDEX i ON nex_backup.runs ((bob.evil()))', qr/index nex_backup\.i depends on function bob\.evil\(\)/, 'DROP INDEX nex_backup.i' ],
	[ 'CREATE STATISTICS nex_backup.s ON (bob.evil()), id FROM nex_backup.runs', qr/statistics object nex_backup\.s depends on function bob\.evil\(\)/, 'DROP STATISTICS nex_backup.s' ],
	[ 'ALTER TABLE nex_backup.runs ADD CONSTRAINT k CHECK (bob.evil()) NOT VALID', qr/constraint k on table nex_backup\.runs depends on function bob\.evil\(\)/, 'ALTER TABLE nex_backup.runs DROP CONSTRAINT k' ],
	[ 'CREATE POLICY p ON nex_backup.runs USING (bob.evil())', qr/policy p on table nex_backup\.runs depends on function bob\.evil\(\)/, 'DROP POLICY p ON nex_backup.runs' ],
	[ 'CREATE TABLE bob.kid () INHERITS (nex_backup.runs)', qr/table bob\.kid inherits from a table of it/, 'DROP TABLE bob.kid' ],
	[ 'CREATE DOMAIN bob.d AS text CHECK (bob.evil()); ALTER TABLE nex_backup.runs ADD x bob.d', qr/table nex_backup\.runs depends on type bob\.d/, 'ALTER TABLE nex_backup.runs DROP x; DROP DOMAIN bob.d' ],
	[ 'ALTER TABLE nex_backup.runs ALTER error SET DEFAULT bob.evil()::text', qr/default value for column error of table nex_backup\.runs depends on function bob\.evil\(\)/, 'ALTER TABLE nex_backup.runs ALTER error DROP DEFAULT' ],
	[ 'CREATE INDEX i ON nex_backup.runs (id) WHERE bob.evil()', qr/index nex_backup\.i depends on function bob\.evil\(\)/, 'DROP INDEX nex_backup.i' ],
	[ 'ALTER TABLE nex_backup.runs ADD CONSTRAINT x EXCLUDE USING btree ((bob.evil()) WITH =)', qr/(?:index|constraint).* depends on function bob\.evil\(\)/, 'ALTER TABLE nex_backup.runs DROP CONSTRAINT x' ],
	[ 'GRANT CREATE ON SCHEMA nex_backup TO bob', qr/role bob may create objects in schema nex_backup/, 'REVOKE CREATE ON SCHEMA nex_backup FROM bob' ]);
for my $state (@states)
{
	my ($sql, $pattern, $back) = @$state;
	my $short = substr($sql, 0, 90);

	query('postgres', "SET test.harmless = on; $sql");
	like(query('postgres', "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'extension'"), qr/^critical $pattern/, "$short: the status says so");
	ok(!eval { query('postgres', "SELECT nex_backup_run('postgres', repository => '$repo', wait => false)"); 1 } && $@ =~ /nothing of extension "nex_backup" is run, as $pattern/, '... nothing is run');
	if ($@ =~ /HINT:  ((?:REVOKE|DROP TRIGGER) .*)/ && $sql =~ /^GRANT/ && $back =~ /^(?:REVOKE|DROP TRIGGER)/)
	{
		query('postgres', $1);
		pass("... the hint does it: $1") for query('postgres', "SELECT 1 FROM nex_backup_status() WHERE name = 'extension' AND status = 'ok'") || ();
	}
	query('postgres', "SET test.harmless = on; $back") if query('postgres', "SELECT status FROM nex_backup_status() WHERE name = 'extension'") ne 'ok';
	is(query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'extension'"), $ok, '... and back');
}
query('postgres', 'CREATE INDEX mine ON nex_backup.runs (host); CREATE VIEW public.mine AS SELECT count(*) FROM nex_backup.runs; GRANT SELECT ON ALL TABLES IN SCHEMA nex_backup TO app;'
	  . ' GRANT USAGE ON SCHEMA nex_backup TO app; GRANT EXECUTE ON FUNCTION nex_backup.claim(text, bool, text, int4), nex_backup_run(text, text, text, text, jsonb, interval, bool), nex_backup.shown(text) TO app');
is(query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'extension'"), $ok, 'what a superuser adds, and grants for reading and calling, are in nobody\'s way');
is_nobody_super('nothing of bob has run');

# Others may have any number of views over its tables: they cost whoever looks nothing.
sub time_of_status { my $from = Time::HiRes::time(); query('postgres', 'SELECT count(*) FROM nex_backup_status()') for 1 .. 3; return Time::HiRes::time() - $from; }
my $without = time_of_status();
query('postgres', <<'SQL');
SET SESSION AUTHORIZATION bob;
DO $$
DECLARE
	everything text := (SELECT format('SELECT %s FROM %s', string_agg(format('%I.%I AS c%s', c.relname, a.attname, c.oid::text || '_' || a.attnum), ', '),
			string_agg(DISTINCT format('nex_backup.%I', c.relname), ', '))
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'nex_backup'::regnamespace AND c.relkind = 'r');
BEGIN
	FOR i IN 1 .. 500 LOOP EXECUTE format('CREATE VIEW bob.view_%s AS %s', i, everything); END LOOP;
END
$$;
SQL
cmp_ok(time_of_status(), '<', 2 * $without + 0.5, 'hundreds of views of others do not make the status slower');
is(query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'extension'"), $ok, '... and are in nobody\'s way');
SKIP:
{
	skip 'no hstore here', 2 unless query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'");
	query('postgres', 'GRANT CREATE ON DATABASE postgres TO low; SET SESSION AUTHORIZATION low; CREATE EXTENSION hstore SCHEMA nex_backup');
	is(query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'extension'"), $ok, 'a trusted extension that somebody puts into its schema stops nothing');
	query('postgres', 'DROP EXTENSION hstore; REVOKE CREATE ON DATABASE postgres FROM low');
	query('postgres', 'CREATE FUNCTION nex_backup.shown(varchar) RETURNS text LANGUAGE sql AS $$SELECT $1$$; ALTER FUNCTION nex_backup.shown(varchar) OWNER TO bob');
	like(query('postgres', "SELECT detail FROM nex_backup_status() WHERE name = 'extension'"), qr/belongs to role bob.*It is not a part of the extension, and DROP removes it/, 'a function of others there has a hint of its own');
	query('postgres', 'DROP FUNCTION nex_backup.shown(varchar)');
}

# ---------------------------------------------------------- an update of it

my @updates = (
	[ 'REASSIGN OWNED BY alice TO bob; SET ROLE bob; CREATE TRIGGER a BEFORE INSERT ON nex_backup.job_options FOR EACH STATEMENT EXECUTE FUNCTION bob.trg(); RESET ROLE', qr/belongs to role bob/ ],
	[ 'ALTER TABLE nex_backup.job_options OWNER TO bob; SET ROLE bob; CREATE RULE r AS ON INSERT TO nex_backup.job_options DO ALSO SELECT bob.evil(); RESET ROLE', qr/table nex_backup\.job_options belongs to role bob/ ],
	[ 'GRANT TRIGGER ON ALL TABLES IN SCHEMA nex_backup TO bob; SET ROLE bob; CREATE TRIGGER a BEFORE INSERT ON nex_backup.job_options FOR EACH ROW WHEN (bob.evil()) EXECUTE FUNCTION suppress_redundant_updates_trigger(); RESET ROLE',
		qr/role bob has privilege TRIGGER|trigger a on table nex_backup\.job_options is not a part of it/ ],
	[ 'CREATE INDEX i ON nex_backup.job_options ((bob.evil()))', qr/index nex_backup\.i depends on function bob\.evil/ ],
	[ 'GRANT CREATE ON SCHEMA nex_backup TO bob; ALTER FUNCTION nex_backup.now() OWNER TO bob; SET ROLE bob; CREATE OR REPLACE FUNCTION nex_backup.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT CASE WHEN bob.evil() THEN pg_catalog.now() END$$; RESET ROLE', qr/function nex_backup\.now\(\) belongs to role bob/ ],
	[ '', undef ]);

create_database('old');
query('old', sprintf($evil, 'bob'));
for my $version ('0.1.0', '0.2.0', '0.2.2')
{
	for my $update (@updates)
	{
		my ($sql, $pattern) = @$update;

		$sql =~ s/job_options/backups/g if $version eq '0.1.0';
		next if $version eq '0.1.0' && $sql =~ /nex_backup\.now/;
		query('old', "CREATE ROLE alice SUPERUSER LOGIN; SET SESSION AUTHORIZATION alice; CREATE EXTENSION nex_backup VERSION '$version'; GRANT USAGE ON SCHEMA nex_backup TO bob");
		$sql .= '; ALTER FUNCTION nex_backup.library_version() OWNER TO bob; SET ROLE bob; CREATE OR REPLACE FUNCTION nex_backup.library_version() RETURNS text STRICT STABLE LANGUAGE sql AS $$SELECT bob.evil()::text$$; RESET ROLE'
		  if $version eq '0.2.2' && $sql =~ /REASSIGN/;
		query('old', "SET test.harmless = on; $sql") if $sql;
		if (!$pattern)
		{
			query('old', 'ALTER EXTENSION nex_backup UPDATE');
			pass("$version: an update where all is well");
		}
		else
		{
			(my $said = $pattern) =~ s/job_options/backups/g if $version eq '0.1.0';
			$pattern = qr/$said/ if $version eq '0.1.0';
			ok(!eval { query('old', 'ALTER EXTENSION nex_backup UPDATE'); 1 } && $@ =~ /extension "nex_backup" is not updated, as .*$pattern.*DETAIL:.*Nothing was changed.*HINT/s && $@ !~ /REASSIGN OWNED|ALTER ROLE/, "$version, " . substr($sql, 0, 60) . ': refused')
			  or diag($@);
			is(query('old', "SELECT extversion FROM pg_extension WHERE extname = 'nex_backup'"), $version, '... nothing was changed');
		}
		is_nobody_super_but_alice('... and nothing of bob has run');
		query('old', 'DROP EXTENSION nex_backup CASCADE; REASSIGN OWNED BY alice TO postgres; DROP ROLE alice');
	}
}

sub is_nobody_super_but_alice
{
	my ($name) = @_;

	is(query('postgres', "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper AND oid >= 16384"), 'alice', $name);
	return;
}

# ------------------------------------------------------- locks that are anybody's

sub session
{
	my ($role, $sql) = @_;
	my ($in, $out) = ("SET client_min_messages = error; $sql; SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', "dbname=postgres user=$role application_name=holder" ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(120));

	$session->pump until $out =~ /held|ERROR|FATAL/;
	die $out if $out =~ /ERROR|FATAL/;
	return sub { $in .= "ROLLBACK;\n\\q\n"; $session->pump while $session->pumpable && length $in; $session->finish; };
}

sub all_goes_on
{
	my ($name) = @_;
	my $begun = Time::HiRes::time;

	is(query('postgres', "SET statement_timeout = '60s'; SELECT state FROM nex_backup_run('postgres', repository => '$repo')"), 'succeeded', "$name: a backup is made");
	is(query('postgres', "SELECT status || detail FROM nex_backup_status() WHERE name = 'extension'"), $ok, '... the status is as ever');
	cmp_ok(Time::HiRes::time- $begun, '<', 30, '... at once');
	is(query('postgres', "SELECT count(*) FROM nex_backup_status() WHERE name = 'catalogue'"), 0, '... and complains of nothing');
	return;
}

my $release = session('postgres', q(BEGIN; COMMENT ON EXTENSION nex_backup IS 'mine'));
all_goes_on('somebody has locked the extension');
$release->();

# Others depend on the extension nowhere; to name its schema makes nothing a part of it.
ok(!eval { query('postgres', q(SET SESSION AUTHORIZATION low; CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
	DO $$ BEGIN ALTER FUNCTION pg_temp.f() DEPENDS ON EXTENSION nex_backup; END $$)); 1 }, 'a role without any right makes its function depend on the extension');
like($@, qr/permission denied to make an object depend on extension "nex_backup"/, '... which is refused');
query('postgres', q(SET SESSION AUTHORIZATION low; CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
	ALTER FUNCTION pg_temp.f() DEPENDS ON EXTENSION plpgsql; ALTER FUNCTION pg_temp.f() NO DEPENDS ON EXTENSION nex_backup));
$release = session('low', q(CREATE FUNCTION pg_temp.f() RETURNS regnamespace LANGUAGE sql BEGIN ATOMIC SELECT 'nex_backup'::regnamespace; END;
	CREATE TEMP TABLE t (a int); CREATE INDEX ON t ((a + 'nex_backup'::regnamespace::oid::int))));
is(query('postgres', "SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'nex_backup'::regnamespace"
	  . " AND (classid, objid) IN (SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace <> 'nex_backup'::regnamespace)"), 1, 'a function of a role without any right names the schema');
all_goes_on('somebody has named the schema');
$release->();
my $stay = session('mon', 'BEGIN; SELECT count(*) FROM nex_backup_status()');
my ($out, $in) = ('', '');
my $drop = IPC::Run::start([ 'psql', '-XAtq', '-d', 'dbname=postgres user=low application_name=dropper', '-c', 'DROP EXTENSION nex_backup' ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(60));
$drop->finish;
like($out, qr/must be owner of extension nex_backup/, 'whoever may not drop it waits for nothing');
all_goes_on('beside a monitor that stays in its transaction');
$stay->();

# What waits for a lock before PostgreSQL looks who asks: the leader ends it.
query('postgres', 'GRANT SELECT ON nex_backup.jobs TO low; GRANT USAGE ON SCHEMA nex_backup TO low');
$stay = session('low', 'BEGIN; SELECT count(*) FROM nex_backup.jobs');
$out = '';
my $wait = IPC::Run::start([ 'psql', '-XAtq', '-d', 'dbname=postgres user=low', '-c', 'CREATE RULE r AS ON INSERT TO nex_backup.jobs DO NOTHING' ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(180));
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'") eq '1' }), 'a role that may read waits to change a table');
query('postgres', 'SELECT nex_backup.wake()');
$wait->finish;
like($out, qr/canceling statement due to user request/, '... and is told to stop, though another session of it stays');
like(query('postgres', 'SELECT count(*) FROM nex_backup.jobs'), qr/^\d+$/, '... so others go on');
$stay->();

# ------------------------------------------------- whose call is it?  Agents, in sessions of others

my @of_agents = ('advance(text, bool, text, int4)', 'claim(text, bool, text, int4)', 'start(int8, int8, int4)', 'heartbeat(int8, int8, text)',
	'finish(int8, int8, int4, int4, text, text, text)', 'record(text, jsonb)', 'alarms_to_deliver(text)', 'alarm_delivered(int8)');

query('postgres', 'CREATE ROLE nex_agent LOGIN; CREATE SCHEMA ag AUTHORIZATION nex_agent; GRANT USAGE ON SCHEMA nex_backup, ag TO nex_agent, PUBLIC;'
	  . join('', map { "GRANT EXECUTE ON FUNCTION nex_backup.$_ TO nex_agent;" } @of_agents) . <<'SQL');
SET SESSION AUTHORIZATION nex_agent;
CREATE FUNCTION ag.try(OUT what text, OUT said text) RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN
	FOREACH what IN ARRAY ARRAY['claim(''worker 1'', true, ''h'', 1)', 'advance(''leader'', true, ''h'', 1)', 'finish(1, 1, 0)', 'heartbeat(1, 1)', 'start(1, 1, 1)', 'alarms_to_deliver(''h'')',
		'alarm_delivered(1)', 'record(''verify'', ''{}'')'] LOOP
		BEGIN
			EXECUTE 'SELECT nex_backup.' || what INTO said;
			RETURN NEXT;
		EXCEPTION WHEN others THEN
			said := sqlerrm;
			RETURN NEXT;
		END;
	END LOOP;
END $$;
CREATE FUNCTION ag.lent(OUT text, OUT text) RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM ag.try()';
CREATE FUNCTION ag.ending(bigint, bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT nex_backup.finish($1, $2, 0)';
CREATE TABLE ag.said (what text, said text);
CREATE FUNCTION ag.g(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ DECLARE one record; BEGIN
	FOR one IN SELECT * FROM ag.try() LOOP RAISE LOG 'tried % by %: %', one.what, session_user, one.said; END LOOP;
	RETURN 1;
END $$;
CREATE TABLE ag.t (i int);
CREATE INDEX ON ag.t (ag.g(i));
INSERT INTO ag.t VALUES (1);
SQL
my $from = -s $node->logfile;
query('postgres', 'ANALYZE ag.t');
my @tried = substr(read_bytes($node->logfile), $from) =~ /LOG:  (tried .*)/g;
cmp_ok(scalar(@tried), '>=', 8, 'an index of an agent, in a superuser\'s ANALYZE');
is(join("\n", grep { !/by postgres: nex_backup does nothing within a security-restricted operation/ } @tried), '', '... gets nothing done');
is(query('postgres', 'SELECT count(*) FROM nex_backup_status()') > 1, 1, 'the status');
query('postgres', 'CREATE MATERIALIZED VIEW ag.status AS SELECT * FROM nex_backup_status()');
pass('... also in a materialized view');

my $lent = query('postgres', 'SELECT * FROM ag.lent()');
like($lent, qr/^claim.*only a worker of the server may act as one.*advance.*only a worker of the server may act as one.*finish[^|]*\|lost.*heartbeat[^|]*\|lost/s, 'a function of an agent, called by a superuser, is the agent')
  or diag($lent);
set_options('nex_backup.executor' => 'agent');
my $run = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '$repo', wait => false)");
my ($claimed, $fence) = split /\|/, query('postgres', "SELECT run, fence FROM nex_backup.claim('me', false, 'h', 1)");
is($claimed, $run, 'a superuser claims a run as an agent does');
is(query('postgres', "SELECT ag.ending($run, $fence)"), 'lost', '... which the agent cannot end in its session');
is(query('postgres', "SELECT nex_backup.finish($run, $fence, 0)"), 'succeeded', '... as the superuser can');

# Alarms are marked by whoever has been given them.
sub undelivered { return query('postgres', 'SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL') }
sub as_agent { return query('postgres', "SET SESSION AUTHORIZATION nex_agent; $_[0]") }
query('postgres', "UPDATE nex_backup.alarms SET delivered = now(); SELECT nex_backup.raise_alarm('missed', NULL, NULL, 'x$_', '{}')") for 1 .. 2;
query('postgres', 'UPDATE nex_backup.alarms SET delivered = NULL WHERE database ~ \'^x\'');
as_agent('SELECT nex_backup.alarm_delivered(g) FROM generate_series(1, 100) g');
is(undelivered(), 2, 'an agent cannot mark alarms that it was not given');
as_agent("BEGIN; SELECT id FROM nex_backup.alarms_to_deliver('h'); ROLLBACK; SELECT nex_backup.alarm_delivered(g) FROM generate_series(1, 100) g");
is(undelivered(), 2, '... nor those of another transaction');
set_options('nex_backup.executor' => 'worker');
is(as_agent("BEGIN; SELECT id FROM nex_backup.alarms_to_deliver('h'); SELECT nex_backup.alarm_delivered(g) FROM generate_series(1, 100) g; COMMIT"), join("\n", ('') x 100), '... and none while the server does the work');
is(undelivered(), 2, '... which are not marked');
is(as_agent("SELECT state FROM nex_backup.advance('a', false, 'h', 1)"), 'off', '... nor does it touch the queue then');
set_options('nex_backup.executor' => 'agent');
as_agent("BEGIN; SELECT nex_backup.alarm_delivered(id) FROM nex_backup.alarms_to_deliver('h'); COMMIT");
is(undelivered(), 0, 'those that it was given are');
set_options('nex_backup.executor' => 'worker');
ok(wait_idle(), 'what waited is done');

# EXECUTE on everything gives nothing.
query('postgres', 'CREATE ROLE ex LOGIN; GRANT USAGE ON SCHEMA nex_backup TO ex; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nex_backup TO ex');
ok(!eval { query('postgres', "SET SESSION AUTHORIZATION ex; $_"); 1 } && $@ =~ /an internal function of nex_backup was called directly|permission denied/, "granted, and of no use: $_")
  for "SELECT nex_backup.take_report('verify', jsonb_build_object('repository', jsonb_build_object('id', 'rx', 'location', '/etc', 'host', 'h'), 'state', 'failed', 'started', now()), 10, true)",
  'SELECT nex_backup.acquire_queue_lock()', "SELECT nex_backup.note_repository('rx', '/etc', 'h', true, 'ex')", "SELECT nex_backup.note_delivery('{1}')";
query('postgres', 'REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA nex_backup FROM ex');

# ------------------------------------------------ a claim that fails does not keep the postmaster forking

query('postgres', 'ALTER TABLE nex_backup.leases ADD CONSTRAINT none CHECK (run < 0) NOT VALID');
$from = -s $node->logfile;
$run = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '$repo', wait => false)");
sleep 6;
my $failed = () = substr(read_bytes($node->logfile), $from) =~ /violates check constraint "none"/g;
cmp_ok($failed, '>', 1, 'a claim that fails is tried again');
cmp_ok($failed, '<', 15, '... more and more seldom') or diag("$failed times");
query('postgres', 'ALTER TABLE nex_backup.leases DROP CONSTRAINT none');
ok(wait_until(sub { run_row('state', "id = $run") eq 'succeeded' }), '... and succeeds when it can');
is_nobody_super('nobody else is a superuser');

done_testing;
