# A database is closed to others while a restore fills it: whoever got in could put a trigger beside rows that
# arrive with the rights of a superuser.  It is given to its owner, and opened, when everything is in it.
use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run ();
use lib dirname(__FILE__) . '/..';
use NexBackup::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_server('closed', wal_level => 'logical', max_wal_senders => 4);
my $repo = new_repository();
my $facts = 'SELECT pg_get_userbyid(datdba), datconnlimit, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a) FROM pg_database WHERE datname = ';

query('postgres', 'CREATE ROLE joe LOGIN; CREATE ROLE lord CREATEDB LOGIN; CREATE ROLE maker CREATEDB LOGIN; GRANT lord TO maker');
for my $database ('app', 'plain')
{
	create_database($database);
	# Its row is not loaded before role "hold" is gone, so that the test can look meanwhile.
	query($database, <<'SQL');
CREATE FUNCTION public.slowly(a int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	WHILE a > 0 AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'hold') LOOP
		PERFORM pg_catalog.pg_sleep(0.02);
	END LOOP;
	RETURN true;
END $$;
CREATE TABLE slow (a int CHECK (public.slowly(a)));
INSERT INTO slow VALUES (0);
ALTER TABLE slow DISABLE TRIGGER USER;
SQL
	query($database, 'ALTER TABLE slow DROP CONSTRAINT slow_a_check; UPDATE slow SET a = 1; ALTER TABLE slow ADD CHECK (public.slowly(a)) NOT VALID');
}
# NOT VALID would put the constraint behind the rows.
query($_, "SET allow_system_table_mods = on; UPDATE pg_constraint SET convalidated = true WHERE conname = 'slow_a_check'") for 'app', 'plain';
query('postgres', 'ALTER DATABASE app OWNER TO lord; ALTER DATABASE app CONNECTION LIMIT 7; ALTER DATABASE plain OWNER TO lord');
query('app', 'REVOKE TEMPORARY ON DATABASE app FROM PUBLIC, lord');
tool_ok([ 'backup', '--repo', $repo, '-d', $_ ], "backup of $_") for 'app', 'plain';

# A restore whose rows wait for let_go().
sub begin_restore
{
	query('postgres', 'CREATE ROLE hold');
	return start_tool(@_);
}

sub let_go { query('postgres', 'DROP ROLE IF EXISTS hold'); return; }

# Look at the database while it is filled, as joe and as a superuser.
sub look_inside
{
	my ($name, $pattern, $pid, $closed) = @_;
	my $working = '';

	ok(wait_until(sub {
		$working = query('postgres', "SELECT datname FROM pg_stat_activity WHERE datname ~ '$pattern' AND query ~ '^COPY' LIMIT 1");
		return $working ne '';
	}), "$name: rows are being loaded");
	# Not by standard input, which a psql that is refused does not read.
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtqw', '-U', 'joe', '-d', $working, '-c', 'SELECT 1' ], '<', '/dev/null', '>', \$out, '2>', \$err);
	my $code = $?;
	isnt($code, 0, "$name: joe cannot connect");
	like($err, $closed, "$name: as it is closed");
	return query('postgres', "$facts '$working'");
}

for my $case (
	[ 'a new database', 'app', '^fresh$', 'fresh', '--to', 'fresh' ],
	[ 'one without privileges of its own', 'plain', '^fresh2$', 'fresh2', '--to', 'fresh2' ],
	[ 'the live one', 'app', '^app_restore', 'app', '--to', 'app', '--drop', '--discard-old', '--yes' ])
{
	my ($name, $source, $pattern, $target, @options) = @$case;
	my $expected = query('postgres', "$facts '$source'");
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';
	my $pid = begin_restore($log, 'restore', '--repo', $repo, $source, @options);

	like(look_inside($name, $pattern, $pid, qr/too many connections/), qr/^postgres\|0\|$/, "$name: it is ours, and closed");
	let_go();
	is(finish_tool($pid), 0, "$name: restored") or diag(slurp_file($log));
	is(query('postgres', "$facts '$target'"), $expected, "$name: owner, limit and privileges are those of the backup");
	is(query($target, 'SELECT count(*) FROM slow'), 1, "$name: with its rows");
}

# To a role that is no superuser a limit would apply, too.
{
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';
	my $pid = begin_restore($log, 'restore', '--repo', $repo, 'plain', '--to', 'made', '-U', 'maker', '--no-owner', '--no-privileges');

	look_inside('by another role', '^made$', $pid, qr/permission denied for database/);
	let_go();
	is(finish_tool($pid), 0, 'by another role: restored') or diag(slurp_file($log));
	is(query('postgres', "SELECT datconnlimit, has_database_privilege('joe', 'made', 'CONNECT') FROM pg_database WHERE datname = 'made'"),
		'-1|t', 'by another role: open in the end');
}

# Joe connects as soon as a new database is there, before it is closed to PUBLIC.
{
	my @loops = map {
		IPC::Run::start([ 'bash', '-c', 'while [ ! -e "$0" ]; do psql -XAtq -U joe -d made2 -c "SELECT 1; SELECT pg_sleep(60)"; done',
			"$repo/../stop" ], '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null') } 1 .. 12;
	my @got_in = (0) x 3;

	for (@got_in)
	{
		my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';
		my $pid = begin_restore($log, 'restore', '--repo', $repo, 'plain', '--to', 'made2', '-U', 'maker', '--no-owner', '--no-privileges');

		wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'made2' AND query ~ '^COPY'") });
		$_ = query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'made2' AND usename = 'joe'");
		kill 'INT', $pid;
		is(finish_tool($pid), 130, 'a new one of another role: interrupted') or diag(slurp_file($log));
		let_go();
	}
	is("@got_in", '0 0 0', 'nobody got in before it was closed');
	PostgreSQL::Test::Utils::append_to_file("$repo/../stop", '');
	query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'joe'");
	$_->finish for @loops;
}

# Nobody else's empty database is taken for the one that was lost.
query('postgres', 'CREATE ROLE thief LOGIN CREATEDB; ALTER DATABASE plain RENAME TO plain_away');
query('postgres', q(SET ROLE thief; CREATE DATABASE plain; ALTER DATABASE plain SET search_path = evil, public));
{
	my $before = query('postgres', "$facts 'plain'");

	tool_fails([ 'restore', '--repo', $repo, 'plain' ], 1,
		qr/database "plain" exists, is empty, and belongs to role "thief", not to "lord".*HINT.*Drop it/s, 'of a thief: refused');
	is(query('postgres', "$facts 'plain'"), $before, 'of a thief: as it was');
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'plain', '--to', 'plain');
	is($code, 0, 'unless --to names it') or diag($err);
	like($err, qr/warning: database "plain" belongs to role "thief", not to "lord"/, 'but it is said');
	unlike($err, qr/warning: database "plain".*warning: database "plain"/s, 'once');
}
query('postgres', 'DROP DATABASE plain; ALTER DATABASE plain_away RENAME TO plain');

# An empty database that was there is closed, and as it was after a failure.
{
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';

	query('postgres', 'CREATE DATABASE given TEMPLATE template0 OWNER joe CONNECTION LIMIT 3');
	my $pid = begin_restore($log, 'restore', '--repo', $repo, 'plain', '--to', 'given');
	like(look_inside('an empty one', '^given$', $pid, qr/too many connections/), qr/^postgres\|0\|/, 'an empty one: ours, and closed');
	kill 'INT', $pid;
	is(finish_tool($pid), 130, 'an empty one: interrupted');
	let_go();
	like(query('postgres', "$facts 'given'"), qr/^joe\|3\|/, 'an empty one: as it was');
}

# Everything that a database has beside what is in it, and a little of that.
my $all_of = <<'SQL';
SELECT (to_jsonb(d) - 'datfrozenxid' - 'datminmxid' - 'datacl')::text, shobj_description(d.oid, 'pg_database'),
 (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(d.datacl) a),
 (SELECT array_agg((setrole, setconfig)::text ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid),
 (SELECT array_agg(slot_name) FROM pg_replication_slots WHERE datoid = d.oid),
 (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public')
FROM pg_database d WHERE datname = current_database()
SQL

# A database of joe with something of everything, which a restore must not change.
sub give
{
	my ($name) = @_;

	query('postgres', qq(SET allow_in_place_tablespaces = on; CREATE TABLESPACE aside LOCATION ''))
	  if query('postgres', "SELECT count(*) FROM pg_tablespace WHERE spcname = 'aside'") == 0;
	query('postgres', <<"SQL");
CREATE DATABASE $name TEMPLATE template0 OWNER joe CONNECTION LIMIT 3 TABLESPACE aside ENCODING LATIN1 LOCALE 'C' IS_TEMPLATE true;
SQL
	query($name, <<"SQL");
COMMENT ON DATABASE $name IS 'the one of joe; before: {"owner": 1}';
REVOKE TEMPORARY ON DATABASE $name FROM PUBLIC;
GRANT CREATE ON DATABASE $name TO lord WITH GRANT OPTION;
GRANT CREATE ON DATABASE $name TO CURRENT_USER;
ALTER DATABASE $name SET work_mem = '5MB';
ALTER ROLE joe IN DATABASE $name SET work_mem = '6MB';
GRANT CREATE ON SCHEMA public TO lord;
SQL
	return query($name, $all_of);
}

# A session in a database, idle once its command is done; sub to end it.
sub session
{
	my ($database, $role, $sql) = @_;
	my ($in, $out, $err) = ("SELECT 'here';\n$sql\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $database, '-U', $role ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));

	$session->pump until $out =~ /here/ || $err ne '';
	return sub { $session->kill_kill; };
}

# Rows of joe's that arrive with the rights of a superuser, after others that give joe the time to do something.
create_database('tenant');
query('tenant', <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE TABLE pad AS SELECT i, repeat('x', 50) AS t FROM generate_series(1, 400000) i;
CREATE TABLE joe.z AS SELECT 1 AS a;
ALTER TABLE joe.z OWNER TO joe;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'tenant' ], 'backup of tenant');
my $attack = <<'SQL';
DO $$
BEGIN
	FOR i IN 1..2000 LOOP
		PERFORM pg_catalog.pg_sleep(0.01);
		EXIT WHEN EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'z');
	END LOOP;
	CREATE FUNCTION joe.evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN ALTER ROLE joe SUPERUSER; END IF; RETURN NEW; END';
	CREATE TRIGGER evil BEFORE INSERT ON joe.z FOR EACH ROW EXECUTE FUNCTION joe.evil();
END $$;
SQL
# joe was there before; or comes in while it is filled, and lifts the limit for that.
for my $before (1, 0)
{
	my $name = $before ? 'a session that was there' : 'a session that lifts the limit';
	my $expected = give('prey');
	my $lift = "$ENV{PGHOST}/lift.sh";
	my ($end, $loop);

	write_bytes($lift, "while :; do psql -XAtq -U joe -d postgres -c 'ALTER DATABASE prey CONNECTION LIMIT 3'; psql -XAtq -U joe -d prey -f '$lift.sql'; done >/dev/null 2>&1\n");
	write_bytes("$lift.sql", $attack);
	$end = session('prey', 'joe', $attack) if $before;
	$loop = IPC::Run::start([ 'sh', $lift ]) unless $before;
	tool_ok([ 'restore', '--repo', $repo, 'tenant', '--to', 'prey', '-j', '1' ], "$name: restored");
	$end->() if $before;
	$loop->kill_kill unless $before;
	is(query('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'joe'"), 'f', "$name: joe is no superuser");
	is(query('prey', "SELECT count(*) FROM pg_trigger WHERE tgname = 'evil' AND xmin::text::bigint < (SELECT min(xmin::text::bigint) FROM joe.z)"), 0,
		"$name: nothing of joe's was there before the rows");
	is(query('prey', $all_of), $expected, "$name: the database is what it was");
	query('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'joe'; ALTER DATABASE prey IS_TEMPLATE false; ALTER ROLE joe NOSUPERUSER));
	query('postgres', 'DROP DATABASE prey WITH (FORCE)');
}

# The database has a slot; we are connected to it, and so is joe, with a table that ends with that session.
{
	my $expected;
	give('prey');
	my $end = session('prey', 'joe', 'CREATE TEMPORARY TABLE mine (a int);');

	query('prey', "SELECT pg_create_logical_replication_slot('of_prey', 'pgoutput')");
	$expected = query('prey', $all_of);
	$end->();
	tool_ok([ 'restore', '--repo', $repo, 'tenant', '--to', 'prey', '-d', 'prey' ], 'from a connection to the very database');
	is(query('prey', $all_of), $expected, 'and with its slot');
	query('postgres', "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots; ALTER DATABASE prey IS_TEMPLATE false");
	query('postgres', 'DROP DATABASE prey');
}

# Killed at several points, and repeated.
for my $delay (0, 0.1, 1)
{
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';
	my $expected = give('prey');
	my $pid = begin_restore($log, 'restore', '--repo', $repo, 'plain', '--to', 'prey');

	wait_until(sub { query('postgres', "SELECT datconnlimit FROM pg_database WHERE datname = 'prey'") == 0 });
	select(undef, undef, undef, $delay);
	kill 'KILL', $pid;
	finish_tool($pid);
	let_go();
	wait_until(sub { backends_in('prey') == 0 });
	isnt(query('prey', $all_of), $expected, "killed after $delay s: it is still taken");
	query('prey', 'DROP TABLE IF EXISTS slow; DROP FUNCTION IF EXISTS slowly');
	my ($found) = grep { $_->{name} eq 'databases' && $_->{detail} =~ /"prey"/ } @{ tool_json('doctor', '--repo', $repo, '-d', 'postgres')->{checks} };
	like($found->{hint}, qr/ALTER DATABASE prey OWNER TO joe; ALTER DATABASE prey CONNECTION LIMIT 3;/, "killed after $delay s: doctor says how it was");
	tool_ok([ 'restore', '--repo', $repo, 'tenant', '--to', 'prey' ], "killed after $delay s: restored then");
	is(query('prey', $all_of), $expected, "killed after $delay s: and as it was");
	query('postgres', 'ALTER DATABASE prey IS_TEMPLATE false');
	query('postgres', 'DROP DATABASE prey');
}

# All its connections broken: it connects again to give the database back.
{
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';

	give('prey');
	my $expected = query('postgres', "$facts 'prey'");
	my $pid = begin_restore($log, 'restore', '--repo', $repo, 'plain', '--to', 'prey');
	look_inside('broken', '^prey$', $pid, qr/too many connections/);
	query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
	is(finish_tool($pid), 1, 'broken: failed');
	let_go();
	is(query('postgres', "$facts 'prey'"), $expected, 'broken: given back all the same');
	query('postgres', 'ALTER DATABASE prey IS_TEMPLATE false');
	query('postgres', 'DROP DATABASE prey WITH (FORCE)');
}

# A limit of 0 may be that of somebody who lets the application in later.
query('postgres', 'CREATE DATABASE later TEMPLATE template0 CONNECTION LIMIT 0');
tool_ok([ 'restore', '--repo', $repo, 'tenant', '--to', 'later' ], 'into one that lets nobody in');
like(query('postgres', "$facts 'later'"), qr/\|0\|/, 'which stays so');

# Roles that are no superusers close what they can: lord may create databases, joe may not.
for my $role ('lord', 'joe')
{
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';

	query('postgres', "CREATE ROLE guest LOGIN; CREATE DATABASE own TEMPLATE template0 OWNER $role CONNECTION LIMIT 9");
	my $end = session('own', 'guest', '');
	my $pid = begin_restore($log, 'restore', '--repo', $repo, 'plain', '--to', 'own', '-U', $role, '--no-owner', '--no-privileges');
	ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'own' AND query ~ '^COPY'") > 0 }), "$role: fills it");
	is(query('postgres', "SELECT has_database_privilege('guest', 'own', 'CONNECT')"), 'f', "$role: closed to others");
	let_go();
	is(finish_tool($pid), 0, "$role: restored") or diag(slurp_file($log));
	like(slurp_file($log), qr/warning: 1 other session of database "own" cannot be ended/, "$role: whom it cannot end, it names");
	is(query('postgres', "SELECT pg_get_userbyid(datdba), datconnlimit, has_database_privilege('guest', 'own', 'CONNECT') AND has_database_privilege('guest', 'own', 'TEMPORARY'), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'own'"),
		"$role|9|t|", "$role: open in the end, as it was");
	$end->();
	query('postgres', 'DROP DATABASE own WITH (FORCE)');
	query('postgres', 'DROP ROLE guest');
}

# A superuser's session that acts as another role: it stays that role's, but closed, with its sessions ended.
{
	query('postgres', 'CREATE DATABASE own TEMPLATE template0 OWNER lord CONNECTION LIMIT 9');
	my $end = session('own', 'lord', '');
	tool_ok([ 'restore', '--repo', $repo, 'tenant', '--to', 'own', '--role', 'lord', '--no-owner' ], 'as a role: restored');
	is(query('postgres', "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = 'own'), pg_get_userbyid(datdba), datconnlimit FROM pg_database WHERE datname = 'own'"),
		'0|lord|9', 'as a role: without the sessions that were there');
	is(query('own', "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'pad'"), 'lord', 'as a role: its objects');
	$end->();
}

# What would stop the live database from being dropped is said before the work, and not after it.
create_database('live');
query('live', "CREATE SUBSCRIPTION ours CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)");
my @replace = ('restore', '--repo', $repo, 'tenant', '--to', 'live', '--drop', '--yes');
tool_fails([ @replace, '--discard-old' ], 1, qr/"live" has subscriptions \(1\), so that it cannot be dropped\nHINT:  Leave out --discard-old/, 'a subscription');
query('live', 'ALTER SUBSCRIPTION ours SET (slot_name = NONE); DROP SUBSCRIPTION ours');
query('live', "SELECT pg_create_logical_replication_slot('of_live', 'pgoutput')");
tool_fails([ @replace, '--discard-old' ], 1, qr/"live" has replication slots \(1\), which would be dropped with it/, 'a slot');
is(query('live', "SELECT count(*) FROM pg_replication_slots WHERE database = 'live'"), 1, 'it is still there');
is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname ~ '^live_'"), 0, 'nothing was begun');
query('live', "CREATE SUBSCRIPTION ours CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)");
{
	my ($code, $out, $err) = tool(@replace);
	is($code, 0, 'a database that is kept may have slots') or diag($err);
	like($err, qr/warning: replication slot "of_live" stays with the present database "live", which gets another name\nHINT: .*WAL/, 'which are named before');
	like($err, qr/warning: subscription "ours" stays with the present database "live"/, 'and subscriptions');
	my ($kept) = $out =~ /is kept as "(live_old_\w+)"/;
	like($err, qr/warning: replication slot "of_live" belongs to the kept database "$kept" now, not to "live"\nHINT: .*pg_drop_replication_slot/, 'and after');
	like($err, qr/warning: subscription "ours" belongs to the kept database "$kept" now.*\nHINT: .*\(ALTER SUBSCRIPTION/, 'with what to do');
	like($out, qr/^stays with it: replication slot "of_live"\nstays with it: subscription "ours"$/m, 'and in the summary');
}
like(query('postgres', 'SELECT database FROM pg_replication_slots'), qr/^live_old_/, 'and keeps them');

# A subscription takes rows to the kept database, none is lost, until the other one takes over as the guide says.
{
	my $rows = sub { query($_[0], "SELECT coalesce(string_agg(a::text, ',' ORDER BY a), '') FROM t") };
	create_database($_) for 'sender', 'taker';
	query('sender', "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION p FOR TABLE t; SELECT pg_create_logical_replication_slot('of_sender', 'pgoutput')");
	query('taker', "CREATE TABLE t (a int PRIMARY KEY)");
	query('taker', "CREATE SUBSCRIPTION su CONNECTION 'host=" . $node->host . ' port=' . $node->port . " dbname=sender' PUBLICATION p WITH (create_slot = false, slot_name = of_sender)");
	ok(wait_until(sub { $rows->('taker') eq '1' && query('taker', "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'") }), 'a subscription');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'taker' ], 'backup');
	query('sender', 'INSERT INTO t VALUES (2)');
	ok(wait_until(sub { $rows->('taker') eq '1,2' }), 'and a row since');
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'taker', '--drop', '--yes');
	my ($kept) = $out =~ /is kept as "(taker_old_\w+)"/;
	is($code . $rows->('taker'), '01', 'restored') or diag($err);
	query('sender', 'INSERT INTO t VALUES (3)');
	ok(wait_until(sub { $rows->($kept) eq '1,2,3' }), 'rows go on to the kept one');
	like($err, qr/HINT: +It keeps adding rows there.*\(ALTER SUBSCRIPTION \.\.\. DISABLE\).*TRUNCATE.*ENABLE.*REFRESH PUBLICATION/, 'what to do');
	query($kept, 'ALTER SUBSCRIPTION su DISABLE');
	ok(wait_until(sub { query('postgres', "SELECT active FROM pg_replication_slots WHERE slot_name = 'of_sender'") eq 'f' }), 'it ends there');
	query('sender', 'INSERT INTO t VALUES (4)');
	query('taker', 'TRUNCATE t');
	query('taker', $_) for 'ALTER SUBSCRIPTION su ENABLE', 'ALTER SUBSCRIPTION su REFRESH PUBLICATION';
	query('sender', 'INSERT INTO t VALUES (5)');
	ok(wait_until(sub { $rows->('taker') eq '1,2,3,4,5' }), 'the restored one has them all') or diag($rows->('taker'));
	query($_, 'ALTER SUBSCRIPTION su DISABLE; ALTER SUBSCRIPTION su SET (slot_name = NONE); DROP SUBSCRIPTION su') for $kept, 'taker';
}

# What is in a database that is not quite empty is not lost.
query('postgres', 'CREATE DATABASE extended TEMPLATE template0');
query('extended', 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO joe');
tool_fails([ 'restore', '--repo', $repo, 'plain', '--to', 'extended' ], 1, qr/exists and is not empty/, 'default privileges are something');
is(query('extended', 'SELECT count(*) FROM pg_default_acl'), 1, 'which stays');

done_testing();
