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

my $node = start_server('closed');
my $repo = new_repository();
my $facts = 'SELECT pg_get_userbyid(datdba), datconnlimit, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a) FROM pg_database WHERE datname = ';

query('postgres', 'CREATE ROLE joe LOGIN; CREATE ROLE lord CREATEDB LOGIN; CREATE ROLE maker CREATEDB LOGIN; GRANT lord TO maker');
for my $database ('app', 'plain')
{
	create_database($database);
	# Its row takes a while to load, so that the test can look meanwhile.
	query($database, <<'SQL');
CREATE FUNCTION public.slowly(a int) RETURNS bool LANGUAGE sql AS 'SELECT pg_catalog.pg_sleep(5 * a) IS NOT NULL';
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
	my $pid = start_tool($log, 'restore', '--repo', $repo, $source, @options);

	like(look_inside($name, $pattern, $pid, qr/too many connections/), qr/^postgres\|0\|$/, "$name: it is ours, and closed");
	is(finish_tool($pid), 0, "$name: restored") or diag(slurp_file($log));
	is(query('postgres', "$facts '$target'"), $expected, "$name: owner, limit and privileges are those of the backup");
	is(query($target, 'SELECT count(*) FROM slow'), 1, "$name: with its rows");
}

# To a role that is no superuser a limit would apply, too.
{
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';
	my $pid = start_tool($log, 'restore', '--repo', $repo, 'plain', '--to', 'made', '-U', 'maker', '--no-owner', '--no-privileges');

	look_inside('by another role', '^made$', $pid, qr/permission denied for database/);
	is(finish_tool($pid), 0, 'by another role: restored') or diag(slurp_file($log));
	is(query('postgres', "SELECT datconnlimit, has_database_privilege('joe', 'made', 'CONNECT') FROM pg_database WHERE datname = 'made'"),
		'-1|t', 'by another role: open in the end');
}

# An empty database that was there is closed, and as it was after a failure.
{
	my $log = PostgreSQL::Test::Utils::tempdir() . '/restore.log';

	query('postgres', 'CREATE DATABASE given TEMPLATE template0 OWNER joe CONNECTION LIMIT 3');
	my $pid = start_tool($log, 'restore', '--repo', $repo, 'plain', '--to', 'given');
	like(look_inside('an empty one', '^given$', $pid, qr/too many connections/), qr/^joe\|0\|/, 'an empty one: closed');
	kill 'INT', $pid;
	is(finish_tool($pid), 130, 'an empty one: interrupted');
	like(query('postgres', "$facts 'given'"), qr/^joe\|3\|/, 'an empty one: as it was');
}

done_testing();
