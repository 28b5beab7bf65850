# ALTER EXTENSION nex_backup UPDATE: what it makes is what CREATE EXTENSION makes, what users made stays,
# the old SQL works with the new library until then, and nothing is lost or hangs when it happens while
# jobs are due, a run is waited for, records are written and status is polled.
#
# NEXB_UPGRADES=N upgrades under load N times over (default: 2).
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Test;
use Test::More;
use Time::HiRes ();

my $node = start_server('main', shared_preload_libraries => 'nex_backup', 'nex_backup.tool_path' => tool_path(),
	max_worker_processes => 16);
plan skip_all => 'the extension is not installed' unless have_extension();
my $files = File::Temp::tempdir(CLEANUP => 1);
my ($latest) = read_bytes(top() . '/nex_backup.control') =~ /default_version = '([\d.]+)'/;
my @versions = ('0.1.0', '0.2.0', '0.2.1', '0.2.2', $latest);

# ------------------------------------------------------- what there is, without a number of an object

my %facts = (
	functions => q[SELECT p.oid::regprocedure, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.prosrc, p.probin, p.provolatile,
		p.prosecdef, p.proleakproof, p.proisstrict, p.proparallel, p.prokind, p.procost, p.prorows, l.lanname, p.proconfig, p.proretset, p.prosqlbody IS NULL
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE ours('pg_proc', p.oid)],
	relations => q[SELECT c.oid::regclass, c.relkind, c.relpersistence, c.reloptions, c.relhasindex, c.relhasrules, c.relhastriggers, c.relrowsecurity,
		c.relreplident, a.amname, pg_get_viewdef(c.oid) FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam WHERE near(c.oid)],
	columns => q[SELECT a.attrelid::regclass, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
		a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attcompression, a.attstattarget, pg_catalog.array_to_string(a.attoptions, ',') !~ 'n_distinct', co.collname, pg_get_expr(d.adbin, d.adrelid)
		FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum LEFT JOIN pg_collation co ON co.oid = a.attcollation
		WHERE near(a.attrelid) AND a.attnum > 0 AND NOT a.attisdropped],
	constraints => q[SELECT coalesce(conrelid::regclass::text, contypid::regtype::text), conname, pg_get_constraintdef(oid), convalidated, condeferrable
		FROM pg_constraint WHERE near(conrelid) OR ours('pg_type', contypid)],
	indexes => q[SELECT pg_get_indexdef(indexrelid), indisunique, indisprimary, indisvalid, indisclustered, indisreplident FROM pg_index WHERE near(indrelid)],
	sequences => q[SELECT seqrelid::regclass, seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_sequence WHERE near(seqrelid)],
	triggers => q[SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE near(tgrelid) AND NOT tgisinternal],
	rules => q[SELECT pg_get_ruledef(oid), ev_enabled FROM pg_rewrite WHERE near(ev_class)],
	policies => q[SELECT polrelid::regclass, polname, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE near(polrelid)],
	types => q[SELECT t.oid::regtype, t.typtype, t.typnotnull, t.typdefault, format_type(t.typbasetype, t.typtypmod),
		(SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid) FROM pg_type t WHERE ours('pg_type', t.oid)],
	comments => q[SELECT (i.identity).type, (i.identity).identity, i.description FROM (SELECT pg_identify_object(classoid, objoid, objsubid) AS identity, description
		FROM pg_description WHERE (classoid = 'pg_class'::regclass AND near(objoid)) OR (classoid = 'pg_proc'::regclass AND ours('pg_proc', objoid))
		OR (classoid = 'pg_namespace'::regclass AND ours('pg_namespace', objoid))
		OR (classoid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint c WHERE c.oid = objoid AND near(c.conrelid)))) i],
	members => q[SELECT (pg_identify_object(classid, objid, objsubid)).type, (pg_identify_object(classid, objid, objsubid)).identity, deptype
		FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND refobjid = extension()],
	dependencies => q[SELECT (pg_identify_object(classid, objid, objsubid)).identity, (pg_identify_object(refclassid, refobjid, refobjsubid)).identity, deptype
		FROM pg_depend WHERE ((classid = 'pg_class'::regclass AND near(objid)) OR (classid = 'pg_proc'::regclass AND ours('pg_proc', objid)))
		AND refclassid <> 'pg_extension'::regclass],
	grants => q[SELECT 'function', oid::regprocedure::text, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(proacl) a) FROM pg_proc WHERE ours('pg_proc', oid)
		UNION ALL SELECT 'relation', oid::regclass::text, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) a) FROM pg_class WHERE near(oid)
		UNION ALL SELECT 'column', attrelid::regclass || '.' || attname, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(attacl) a) FROM pg_attribute WHERE near(attrelid) AND attacl IS NOT NULL
		UNION ALL SELECT 'schema', nspname, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) a) FROM pg_namespace WHERE nspname = 'nex_backup'],
	owners => q[SELECT oid::regprocedure::text, proowner::regrole FROM pg_proc WHERE ours('pg_proc', oid) UNION ALL SELECT oid::regclass::text, relowner::regrole FROM pg_class WHERE near(oid)],
	'initial privileges' => q[SELECT (pg_identify_object(classoid, objoid, objsubid)).identity, privtype, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(initprivs) a)
		FROM pg_init_privs WHERE (classoid = 'pg_class'::regclass AND near(objoid)) OR (classoid = 'pg_proc'::regclass AND ours('pg_proc', objoid))
		OR (classoid = 'pg_namespace'::regclass AND objoid = 'nex_backup'::regnamespace)],
	extension => q[SELECT extversion, extrelocatable, extnamespace::regnamespace, c.n, c.config::regclass, x.condition FROM pg_extension e,
		LATERAL unnest(e.extconfig) WITH ORDINALITY AS c(config, n), LATERAL (SELECT e.extcondition[c.n] AS condition) x WHERE extname = 'nex_backup'],
	'shipped rows' => q[SELECT to_jsonb(k) FROM nex_backup.job_kinds k UNION ALL SELECT to_jsonb(o) FROM nex_backup.job_options o
		UNION ALL SELECT to_jsonb(s) - '{system_identifier,timeline,host,directory,last_tick,last_purge}'::text[] FROM nex_backup.scheduler s]);

sub catalogue_of
{
	my ($database) = @_;
	my %found;

	for my $kind (sort keys %facts)
	{
		my $sql = $facts{$kind};

		$sql =~ s/ours\('(\w+)', ([\w.]+)\)/EXISTS (SELECT FROM pg_catalog.pg_depend o WHERE o.classid = '$1'::pg_catalog.regclass AND o.objid = $2 AND o.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND o.refobjid = extension() AND o.deptype = 'e')/g;
		$sql =~ s/near\(([\w.]+)\)/$1 IN (SELECT n.oid FROM pg_catalog.pg_class n WHERE n.relnamespace = 'nex_backup'::pg_catalog.regnamespace)/g;
		$sql =~ s/extension\(\)/(SELECT e.oid FROM pg_catalog.pg_extension e WHERE e.extname = 'nex_backup')/g;
		my @rows = split /\x1e\n?/, query($database, "SET search_path = pg_catalog; SELECT format('%s', q) || E'\\x1e' FROM ($sql) q");
		# A dropped and added column leaves a gap, TOAST tables have the number of their table.
		$found{$kind} = { map { (s/pg_toast_\d+/pg_toast_N/gr => 1) } @rows };
	}
	return \%found;
}

sub same_catalogue
{
	my ($got, $expected, $name) = @_;

	return subtest $name => sub {
		for my $kind (sort keys %facts)
		{
			my @less = grep { !$got->{$kind}{$_} } sort keys %{ $expected->{$kind} };
			my @more = grep { !$expected->{$kind}{$_} } sort keys %{ $got->{$kind} };

			ok(!@less && !@more, "$kind (" . scalar(keys %{ $expected->{$kind} }) . ')')
			  or diag(join("\n", map({ "  missing: " . substr($_, 0, 400) } @less), map({ "  added:   " . substr($_, 0, 400) } @more)));
		}
		cmp_ok(scalar(keys %{ $expected->{functions} }), '>', 30, 'there is something to compare');
	};
}

# ------------------------------------------------------------ the same as fresh

my @grants = ('GRANT USAGE ON SCHEMA nex_backup TO invoice_app', 'GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO invoice_app WITH GRANT OPTION',
	'GRANT EXECUTE ON FUNCTION public.nex_backup_status() TO invoice_report');
my @later_grants = ('GRANT EXECUTE ON FUNCTION public.nex_backup_run(text, text, text, text, jsonb, interval, bool) TO invoice_app',
	'GRANT SELECT ON nex_backup.runs TO invoice_report', 'GRANT SELECT (name, kind) ON nex_backup.jobs TO invoice_app');

create_database($_) for qw(fresh fresh_granted);
query($_, 'CREATE EXTENSION nex_backup') for qw(fresh fresh_granted);
my $fresh = catalogue_of('fresh');
query('fresh_granted', join('; ', @grants, @later_grants));
my $granted = catalogue_of('fresh_granted');

# Scripts make functions that call what is made later, so their bodies are looked at here.
is(query('fresh', <<'SQL'), '', 'the body of each function is right');
SELECT CASE l.lanname WHEN 'sql' THEN fmgr_sql_validator(p.oid)::text WHEN 'plpgsql' THEN plpgsql_validator(p.oid)::text ELSE '' END
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'nex_backup'::regnamespace GROUP BY 1
SQL
is(query('fresh', q(SELECT p.proname FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass JOIN pg_extension e ON e.oid = d.refobjid
	WHERE e.extname = 'nex_backup' GROUP BY 1 HAVING count(*) > 1)), '', 'no two functions have one name');

for my $way ([ '0.1.0', $latest ], [ '0.1.0', '0.2.0', '0.2.1', '0.2.2', $latest ], [ '0.2.0', $latest ], [ '0.2.1', '0.2.2', $latest ], [ '0.2.2', $latest ])
{
	my ($from, @steps) = @$way;
	my $path = join(' -> ', @$way);

	create_database('stepped');
	query('stepped', "CREATE EXTENSION nex_backup VERSION '$from'");
	query('stepped', "ALTER EXTENSION nex_backup UPDATE TO '$_'") for @steps;
	same_catalogue(catalogue_of('stepped'), $fresh, "$path is as CREATE EXTENSION makes it");
	query('postgres', 'DROP DATABASE stepped');

	# With what users granted before each step.
	create_database('stepped');
	query('stepped', "CREATE EXTENSION nex_backup VERSION '$from'");
	query('stepped', join('; ', @grants));
	query('stepped', join('; ', @later_grants)) if $from ne '0.1.0';
	for my $step (@steps)
	{
		query('stepped', "ALTER EXTENSION nex_backup UPDATE TO '$step'");
		query('stepped', join('; ', @later_grants)) if $step eq '0.2.0' || ($from eq '0.1.0' && @steps == 1);
	}
	same_catalogue(catalogue_of('stepped'), $granted, "$path: grants are kept, and are no part of the extension");

	# What pg_dump says of it, which leaves out what the extension itself granted.
	is(grants_in_dump('stepped'), grants_in_dump('fresh_granted'), "$path: pg_dump has the users' grants");
	query('postgres', 'DROP DATABASE stepped');
}

sub grants_in_dump
{
	my ($database) = @_;

	return join("\n", sort grep { /^(?:GRANT|REVOKE)/ } split(/\n/, normalized_dump($database, '--schema-only')));
}

is(query('postgres', q(SELECT string_agg(version, ',' ORDER BY version) FROM pg_available_extension_versions WHERE name = 'nex_backup')),
	join(',', @versions), 'versions that can be installed');

# ------------------------------------------------- another superuser, readers of a table that became a view

create_database('stepped');
query('postgres', 'CREATE ROLE maker SUPERUSER LOGIN');
query('stepped', "SET ROLE maker; CREATE EXTENSION nex_backup VERSION '0.2.0'; GRANT USAGE ON SCHEMA nex_backup TO invoice_report; "
	  . 'GRANT SELECT ON nex_backup.executors TO invoice_report');
query('stepped', <<'SQL');
INSERT INTO nex_backup.repositories (id, location) VALUES ('r', '/r');
INSERT INTO nex_backup.backups (repository, database, id, type, started, snapshot_at)
	SELECT 'r', d, '20260101T000000Z', 'first', now(), now() FROM unnest(ARRAY['shop', 'config/shop']) d;
INSERT INTO nex_backup.backup_tables SELECT 'r', database, id, 'public', 't', 1, 1, 1, 1, 1 FROM nex_backup.backups;
SQL
query('stepped', 'ALTER EXTENSION nex_backup UPDATE');
is(query('stepped', "SELECT string_agg(concat_ws(' ', b.database, b.kind, t.table_name), ', ' ORDER BY b.database) FROM nex_backup.backups b "
	  . 'JOIN nex_backup.backup_tables t ON (t.repository, t.database, t.backup) = (b.repository, b.database, b.id)'),
	'main@config/shop database t, shop database t', 'a database whose name a set could have is none');
is(query('stepped', 'SET ROLE invoice_report; SELECT count(*) FROM nex_backup.executors'), '0', 'who could read executors still can');
is(query('stepped', <<'SQL'), '', 'updated by another superuser, everything has one owner');
SELECT string_agg(pg_describe_object(d.classid, d.objid, 0), ', ') FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid
	AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'nex_backup' AND d.deptype = 'e'
	LEFT JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
	LEFT JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
WHERE coalesce(p.proowner, c.relowner, e.extowner) <> e.extowner
SQL
query('postgres', 'DROP DATABASE stepped');
query('postgres', 'DROP ROLE maker');

# ------------------------------------------------- old SQL, new library

my $repo = "$files/repo";

query('postgres', "CREATE EXTENSION nex_backup VERSION '0.2.0'");
create_database('shop');
query('shop', 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');
tool_ok([ 'init', '--repo', $repo ], 'a repository');
query('postgres', "SELECT nex_backup_schedule('due', '0 0 1 1 *', 'shop', '$repo', timezone => 'UTC', retry => 0)");

sub job_runs
{
	my ($when) = @_;
	ok(wait_idle(), "$when: nothing goes on");
	my $before = query('postgres', 'SELECT coalesce(max(id), 0) FROM nex_backup.runs');

	query('postgres', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = 'due'; SELECT nex_backup.wake()");
	my $run = wait_for_run("job = 'due' AND state NOT IN ('queued', 'starting', 'running', 'skipped') AND id > $before");
	is(run_row('state', "id = $run"), 'succeeded', "$when: a job that is due is done") if $run;
	ok($run, "$when: a job that is due is begun");
	return;
}

sub whole_status
{
	my ($when) = @_;

	is(query('postgres', q(SELECT status FROM nex_backup_status() WHERE name = 'scheduler')), 'ok', "$when: the scheduler is well")
	  or diag(query('postgres', 'SELECT * FROM nex_backup_status()'));
	return;
}

ok(wait_until(sub { read_bytes($node->logfile) =~ /WARNING:  database "postgres" has version 0\.2\.0 of nex_backup, but the library that the server has loaded is of version \Q$latest\E\n.*HINT:  Run ALTER EXTENSION nex_backup UPDATE/ }),
	'old SQL, new library: the leader says so');
job_runs('old SQL, new library');
whole_status('old SQL, new library');
query('postgres', "SELECT * FROM nex_backup_run('due')");
is(run_row('state', "job = 'due'"), 'succeeded', 'old SQL, new library: nex_backup_run() waits for its run');
my ($code, undef, $said) = tool('backup', '-d', 'shop', '--repo', $repo);
is($code, 0, 'old SQL, new tool: a backup');
my $another = qr/the catalog in database "postgres" is of version 0\.2\.0, this program of version \Q$latest\E.*ALTER EXTENSION nex_backup UPDATE/s;
like($said, $another, 'old SQL, new tool: it says so');
is(scalar(() = (tool('verify', '--repo', $repo, '--catalogue', 'dbname=postgres'))[2] =~ /is of version/g), 1, 'old SQL, new tool: once for all that is recorded');
is(query('postgres', "SELECT count(*) > 2 FROM nex_backup.backups"), 't', 'old SQL, new tool: it is recorded');
is(query('postgres', "SELECT count(*) FROM nex_backup_verify('shop', '$repo')"), 1, 'old SQL, new library: nex_backup_verify()');
query('postgres', "SELECT * FROM nex_backup_sync('$repo')");
pass('old SQL, new library: nex_backup_sync()');
query('postgres', join('; ', @grants, @later_grants));

# ------------------------------- beside transactions that take its tables one after another, in any order

create_database('locks');
for my $order ('c.relname', 'c.relname DESC', 'c.oid', 'c.oid DESC', 'md5(c.relname)')
{
	query('locks', "DROP EXTENSION IF EXISTS nex_backup; CREATE EXTENSION nex_backup VERSION '0.2.0'");
	my ($first, @others) = split /\n/, query('locks', "SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'nex_backup'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY $order");
	my $finish = background_sql('locks', join('; ', 'BEGIN', "SELECT FROM $first LIMIT 0", 'SELECT pg_sleep(1.5)', map({ ("SELECT FROM $_ LIMIT 0", 'SELECT pg_sleep(0.05)') } @others), 'COMMIT'));

	ok(wait_until(sub { query('locks', "SELECT count(*) FROM pg_locks WHERE relation = '$first'::regclass") > 0 }), "a transaction has $first");
	ok(eval { query('locks', "SET statement_timeout = '60s'; ALTER EXTENSION nex_backup UPDATE"); 1 }, '... beside it, the update is made') or diag($@);
	my ($failed, $said) = $finish->();
	ok(!$failed, '... and it takes the others meanwhile, without a deadlock') or diag($said);
	is(query('locks', "SELECT extversion FROM pg_extension WHERE extname = 'nex_backup'"), $latest, '... the update is there');
}
query('postgres', 'DROP DATABASE locks');

# --------------------------------------------------------- under load

my $stop = "$files/stop";
my @load;

# A statement again and again, as somebody else does; what it says goes to a file.
sub keep_doing
{
	my ($name, $sql, $pause) = @_;

	write_bytes("$files/$name.sql", $sql);
	push @load, IPC::Run::start([ 'bash', '-c', 'while [ ! -e "$1" ]; do psql -XAtq -v VERBOSITY=verbose -d postgres -f "$2" >>"$3" 2>&1; sleep "$4"; done',
			'bash', $stop, "$files/$name.sql", "$files/$name.log", $pause ], '<', '/dev/null');
	return;
}

my $agent;

sub begin_load
{
	unlink $stop;
	@load = ();
	keep_doing('due', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = 'due' AND next_run > nex_backup.now(); SELECT nex_backup.wake();", 0.5);
	keep_doing('waiter', "SELECT run FROM nex_backup_run('by hand');", 0.1);
	keep_doing('status', "SELECT count(*) FROM nex_backup_status(); SELECT count(*) FROM nex_backup.progress; SELECT count(*) FROM nex_backup.connections;", 0.1);
	keep_doing('recorder', "SELECT nex_backup.record('verify', jsonb_build_object('repository', jsonb_build_object('id', 'r', 'location', '$repo', 'host', 'vm'), 'state', 'failed', 'started', now()::text));", 0.1);
	return;
}

sub end_load
{
	write_bytes($stop, '');
	for my $one (@load)
	{
		my $deadline = time + 90;

		$one->pump_nb, select(undef, undef, undef, 0.1) while $one->pumpable && time < $deadline;
		if ($one->pumpable)
		{
			fail('what goes on beside an upgrade ends');
			diag(query('postgres', "SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), left(query, 80) FROM pg_stat_activity WHERE backend_type <> 'walwriter' AND pid <> pg_backend_pid()"));
			query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'nex_backup' AND pid <> pg_backend_pid() AND backend_type = 'client backend'");
		}
		$one->finish;
	}
	return;
}

# A change of the extension is done or refused in time; how often it was tried.
sub change
{
	my ($sql) = @_;

	for my $try (1 .. 20)
	{
		my $begun = Time::HiRes::time;
		my $done = eval { query('postgres', "SET lock_timeout = '5s'; SET statement_timeout = '30s'; $sql"); 1 };
		my $seconds = Time::HiRes::time - $begun;
		my $error = $@;

		return ($try, $seconds) if $done;
		note(sprintf('%s: refused after %.1f seconds: %s', $sql, $seconds, $error =~ /(ERROR:[^\n]*)/));
		return (0, $seconds, $error) if $error !~ /lock timeout|deadlock detected/;
		select(undef, undef, undef, 0.3);
	}
	return (0, 0, 'never');
}

sub changed
{
	my ($sql) = @_;
	my ($tries, $seconds, $error) = change($sql);

	ok($tries > 0, sprintf('under load: %s: done at attempt %d, in %.1f seconds', $sql, $tries, $seconds)) or diag($error);
	return;
}

sub make_jobs
{
	query('postgres', "SELECT nex_backup_schedule('due', '0 0 1 1 *', 'shop', '$repo', timezone => 'UTC', retry => 0);"
		  . "SELECT nex_backup_schedule('by hand', '0 0 1 1 *', 'shop', '$repo', timezone => 'UTC', retry => 0)");
	return;
}

# Everything that must be the same after an update.
sub kept
{
	return query('postgres', q(SELECT jsonb_object_agg(name, to_jsonb(j) - 'next_run' - 'enabled_at' - 'confirmed_for') FROM nex_backup.jobs j))
	  . "\n" . query('postgres', q(SELECT string_agg(p.oid::regprocedure || ' ' || a, ',' ORDER BY p.oid::regprocedure::text, a::text) FROM pg_proc p, unnest(proacl) a WHERE p.proname ~ '^nex_backup|^record$' AND a::text ~ '^invoice'));
}

my $log_from = -s $node->logfile;
query('postgres', "SELECT nex_backup_unschedule('due')");
make_jobs();
for my $round (1 .. $ENV{NEXB_UPGRADES} || 2)
{
	my $from = $round % 2 ? '0.2.0' : '0.2.2';

	if ($round > 1)
	{
		begin_load();
		select(undef, undef, undef, 1);
		changed('DROP EXTENSION nex_backup');
		changed("CREATE EXTENSION nex_backup VERSION '$from'");
		make_jobs();
		query('postgres', join('; ', @grants, @later_grants));
	}
	else
	{
		begin_load();
	}
	# A run is being waited for when it begins.
	ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = 'by hand' AND state IN ('starting', 'running', 'succeeded')") > 0 }), 'there is load');
	my $before = kept();
	my ($runs, $newest) = split /\|/, query('postgres', 'SELECT count(*), max(id) FROM nex_backup.runs');
	changed('ALTER EXTENSION nex_backup UPDATE');
	is(kept(), $before, 'jobs and grants are kept');
	is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE id <= $newest"), $runs, 'runs are kept');
	is(query('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'nex_backup'"), $latest, 'it is the new version');
	select(undef, undef, undef, 2);
	end_load();
	ok(wait_idle(), 'all that was begun ends') or diag(query('postgres', 'SELECT id, job, state, reason FROM nex_backup.runs ORDER BY id DESC LIMIT 5'));
	job_runs("after update $round");
	whole_status("after update $round");
	is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE id > $newest AND job IS NOT NULL AND state NOT IN ('succeeded', 'queued', 'skipped')"), 0, 'no run was lost or failed by it')
	  or diag(query('postgres', "SELECT id, job, state, exit_code, reason, left(log_tail, 300) FROM nex_backup.runs WHERE id > $newest AND job IS NOT NULL AND state <> 'succeeded' ORDER BY id DESC LIMIT 5"));
	my $state = catalogue_of('postgres');
	same_catalogue($state, $granted, "update $round under load: as CREATE EXTENSION makes it");
}
# What the others saw: errors of a schema that was not there, or that changed (also within a function of the old version), and no others.
for my $name (qw(due waiter status recorder))
{
	my $text = -e "$files/$name.log" ? read_bytes("$files/$name.log") : '';
	my @errors = grep { !/ERROR:  (?:42883|42P01|42704|3F000|42703|55006|57014|40P01|55P03|P0002)|no job|not ended yet|is being changed|was dropped during run|XX000: (?:could not open relation with OID|cache lookup failed for function)|an internal function of nex_backup was called directly/ } $text =~ /^(psql:.*(?:ERROR|FATAL|PANIC):.*)$/mg;

	is(join("\n", @errors), '', "$name: no other errors than that the extension is gone or being changed");
	# That a table or a function was dropped while a query waited for it, or was read, has no other words: PostgreSQL
	# takes no locks on functions.
	$text =~ s/XX000: (?:could not open relation with OID|cache lookup failed for function)//g;
	unlike($text, qr/server closed the connection|XX000|XX001/, "$name: no crash, no internal error");
}
my $log = substr(read_bytes($node->logfile), $log_from);
unlike($log, qr/PANIC|terminated by signal|cache lookup failed for (?!function)|XX000|TRAP/, "the server's log: no crash, no internal error");
is(foreign_backends(), 0, 'no session is left');

# ---------------------------------------------- with an agent in place of the worker

SKIP:
{
	set_options('nex_backup.executor' => 'agent');
	$node->restart;
	my $conninfo = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
	write_bytes("$files/agent.yaml", "repo: $repo\nno-password: true\n");
	changed('DROP EXTENSION nex_backup');
	changed("CREATE EXTENSION nex_backup VERSION '0.2.0'");
	make_jobs();
	my @agent = ("$files/agent.log", 'agent', '--config', "$files/agent.yaml", '--catalogue', $conninfo, '--agent-name', 'upgrader');
	# It is started again, as systemd does.
	is(finish_tool(start_tool(@agent)), 2, 'an agent refuses the old catalogue') or diag(read_bytes("$files/agent.log"));
	changed('ALTER EXTENSION nex_backup UPDATE');
	my $pid = start_tool(@agent);
	job_runs('an agent, after the update');
	kill 'TERM', $pid;
	is(finish_tool($pid), 0, 'the agent ends when it is told') or diag(read_bytes("$files/agent.log"));
}

# ------------------------------------------------------------- pg_dump of the catalogue

query('postgres', "SELECT nex_backup_alter_job('due', enabled => false)");
my @tables = split /\n/, query('postgres', "SELECT c::regclass FROM pg_extension, unnest(extconfig) c WHERE extname = 'nex_backup' ORDER BY 1");
cmp_ok(scalar(@tables), '>=', 1, "tables that pg_dump takes: @tables");
create_database('moved');
is(system('bash', '-o', 'pipefail', '-c', 'pg_dump -d postgres | psql -qX -o /dev/null -v ON_ERROR_STOP=1 -d moved'), 0, 'pg_dump | psql of the catalogue');
for my $table (@tables)
{
	# Jobs wait until somebody says that this is no copy of a server that goes on.
	my $sql = "SELECT to_jsonb(t) - 'suspended' FROM $table t";
	my %got = map { ($_ => 1) } split /\n/, query('moved', $sql);
	my @lost = grep { !delete $got{$_} } split(/\n/, query('postgres', $sql));
	is(join("\n", @lost, keys %got), '', "pg_dump keeps $table");
}
is(query('moved', "SELECT string_agg(name, ',' ORDER BY name) FROM nex_backup.jobs WHERE suspended ~ 'restored from a dump'"), 'by hand,due', 'the jobs are there');
is(grants_in_dump('moved'), grants_in_dump('postgres'), 'and grants');

done_testing();
