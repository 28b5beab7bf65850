# restore DB --target-time: a table, or a database, as it was at a moment, by one command; what others have put into the
# cluster runs nothing meanwhile, and nothing is left of the server that is in between.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $tool = tool_path();
my $repo = new_repository('plain');
my $locked = "$scratch/locked";
my $node = PostgreSQL::Test::Cluster->new('primary');

tool_ok([ 'keygen', '--state-dir', "$scratch/none", '-o', "$scratch/key" ], 'a key');
my ($recipient) = read_bytes("$scratch/key") =~ /(age1\w+)/;
my @state = ("--state-dir=$scratch/state");
tool_ok([ 'init', "--repo=$locked", "--recipient=$recipient", @state ], 'an encrypted repository');

$node->init(allows_streaming => 1, extra => [ '--wal-segsize=1', '--locale=C', '--data-checksums' ]);
$node->append_conf('postgresql.conf', <<"CONF");
archive_mode = on
archive_command = '$tool --repo=$repo wal push %p && $tool --repo=$locked @state wal push %p'
max_wal_size = 64MB
max_prepared_transactions = 5
CONF
$node->start;
use_server($node);
delete $ENV{PGDATABASE};
mkdir "$scratch/work" or die;
mkdir "$scratch/space" or die;

sub on
{
	my ($sql, $database) = @_;
	return $node->safe_psql($database // 'postgres', $sql);
}

sub archived
{
	my $name = on('SELECT pg_create_restore_point(\'closed\'); SELECT pg_walfile_name(pg_switch_wal())') =~ s/.*\n//sr;

	return ok(wait_until(sub { on("SELECT coalesce(max(last_archived_wal), '') >= '$name' FROM pg_stat_archiver") eq 't' }), "$name is archived");
}

# ------------------------------------------------------------ a cluster with traps

on("CREATE ROLE mallory LOGIN; CREATE ROLE old_owner; CREATE TABLESPACE space LOCATION '$scratch/space'; CREATE DATABASE app");
on(<<"SQL", 'app');
CREATE TABLE orders (id int PRIMARY KEY, what text);
CREATE TABLE kept (id int) TABLESPACE space;
CREATE SCHEMA m AUTHORIZATION mallory;
-- Whatever runs it as a superuser is seen.
CREATE FUNCTION m.trap(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN
	IF current_setting('is_superuser') = 'on' AND current_setting('cluster_name') = 'nex_backup' THEN
		EXECUTE 'COPY (SELECT 1) TO ''$scratch/hit_function''';
	END IF;
	RETURN \$1;
END\$\$;
ALTER FUNCTION m.trap(int) OWNER TO mallory;
CREATE TABLE m.t (id int CHECK (m.trap(id) >= 0));
ALTER TABLE m.t OWNER TO mallory;
CREATE INDEX ON m.t (m.trap(id));
INSERT INTO m.t SELECT generate_series(1, 1000);
INSERT INTO orders SELECT g, 'order ' || g FROM generate_series(1, 500) g;
INSERT INTO kept VALUES (1);
CREATE TABLE by_old (i int); ALTER TABLE by_old OWNER TO old_owner; INSERT INTO by_old VALUES (1);
SQL
my $has_login = on('SELECT current_setting(\'server_version_num\')::int >= 170000') eq 't';
on("CREATE FUNCTION m.login() RETURNS event_trigger LANGUAGE plpgsql AS \$\$BEGIN IF current_setting('cluster_name') = 'nex_backup' THEN COPY (SELECT 1) TO '$scratch/hit_login'; END IF; END\$\$; CREATE EVENT TRIGGER login ON login EXECUTE FUNCTION m.login(); ALTER EVENT TRIGGER login ENABLE ALWAYS", 'app') if $has_login;

# What the settings of the server say is for that server; this one is not started again.
append_to_file($node->data_dir . '/postgresql.auto.conf', <<"CONF");
shared_preload_libraries = 'nowhere'
archive_command = 'touch $scratch/hit_archive'
restore_command = 'touch $scratch/hit_restore'
recovery_end_command = 'touch $scratch/hit_end'
archive_cleanup_command = 'touch $scratch/hit_cleanup'
external_pid_file = '$scratch/hit_pid'
logging_collector = on
log_directory = '$scratch/hit_log'
hba_file = '$scratch/nowhere_hba'
unix_socket_directories = '$scratch'
listen_addresses = '*'
ssl = on
ssl_passphrase_command = 'touch $scratch/hit_ssl'
event_source = 'x'
cluster_name = 'other'
CONF

my @base = ('base', 'backup', '--checkpoint=fast', '-j2');
my $base = tool_json("--repo=$repo", @base) or BAIL_OUT('no base backup');
tool_ok([ "--repo=$locked", @base, @state ], 'a base backup in the encrypted repository');
on('CREATE DATABASE later');
on('INSERT INTO orders VALUES (501, \'the last one\'); BEGIN; INSERT INTO orders VALUES (999, \'prepared\'); LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION \'waits\'', 'app');
on("ALTER ROLE mallory SET local_preload_libraries = 'nowhere'");
# While this is set nobody gets in, but for the session that sets it.
my $moment = on(<<"SQL") =~ s/^\s+|\s+$//gr;
ALTER ROLE ALL SET session_preload_libraries = 'nowhere';
SELECT pg_sleep(0.01);
SELECT clock_timestamp();
SELECT pg_sleep(0.01);
ALTER ROLE ALL RESET session_preload_libraries;
SQL
on("ROLLBACK PREPARED 'waits'", 'app');
on('DROP TABLE orders; UPDATE kept SET id = 2; CREATE TABLE orders_today (i int); DROP OWNED BY old_owner', 'app');
on('DROP ROLE old_owner; DROP DATABASE later');
archived();

# ------------------------------------------------------------ what comes back

my @restore = ("--repo=$repo", 'restore', 'app', "--target-time=$moment", "--work-dir=$scratch/work", '-j2');

# Nothing is left, and nothing was run.
sub clean
{
	my ($name) = @_;

	is_deeply([ map { s{.*/}{}r } glob("$scratch/hit* $scratch/work/*") ], [], "$name: nothing was run, and nothing is left");
	return;
}

my $plan = tool_json(@restore, '--dry-run');
is($plan->{backup}, $base->{backup}, '--dry-run shows the base backup');
clean('--dry-run');
my $out = tool_ok([ @restore, '--table=orders' ], 'a table that was dropped');
like($out, qr/^restored app at \d{4}-\S+ \S+ \(base backup \Q$base->{backup}\E\) into database "app": 1 table, 501 rows/m, 'what is said of it');
is(on('SELECT count(*), max(what) FILTER (WHERE id = 501) FROM orders', 'app'), '501|the last one', 'it is back in the live database, as it was at the moment');
is(on('SELECT id FROM kept', 'app'), '2', 'and nothing else is');
clean('a table');
{
	# None of these may lead to another server than the private one.
	local $ENV{PGOPTIONS} = '-c statement_timeout=0';
	local $ENV{PGAPPNAME} = 'x';
	my $json = tool_json(@restore, '--table=orders', '--as=orders_then');

	is($json->{backup}, $base->{backup}, 'JSON names the base backup');
	is($json->{moment}{last_transaction}{time} =~ s/ .*//r, substr($moment, 0, 10), 'and the moment');
	is(on('SELECT count(*) FROM orders_then', 'app'), '501', 'under another name');
}
on('DELETE FROM orders WHERE id > 490', 'app');
tool_ok([ @restore, '--table=orders', '--append', '--on-conflict=skip' ], '--append');
is(on('SELECT count(*) FROM orders', 'app'), '501', 'the rows are back');

# The whole database: a role that is gone is what it is for every restore.
tool_fails([ @restore, '--to=app_then' ], 1, qr/old_owner/, 'a role that is not there any more');
on('CREATE ROLE old_owner');
my $hba = read_bytes($node->data_dir . '/pg_hba.conf');
tool_ok([ @restore, '--to=app_then' ], 'the whole database, under another name');
is(on('SELECT (SELECT count(*) FROM orders), (SELECT id FROM kept), (SELECT count(*) FROM m.t), (SELECT i FROM by_old)', 'app_then'), '501|1|1000|1', 'as it was');
is(on("SELECT tableowner FROM pg_tables WHERE tablename = 't' AND schemaname = 'm'", 'app_then'), 'mallory', 'with its owners');
clean('a database');
is(read_bytes($node->data_dir . '/pg_hba.conf'), $hba, 'no file of the server was changed');
is(on('SELECT count(*) FROM pg_roles WHERE rolname LIKE \'nex_backup_private%\''), '0', 'and no role made');

# An encrypted repository; the temporary one needs no key.
on('DROP TABLE orders', 'app');
tool_fails([ "--repo=$locked", 'restore', 'app', '-t', 'orders', "--target-time=$moment", "--work-dir=$scratch/work" ], 1, qr/is encrypted/, 'an encrypted one needs a key');
tool_ok([ "--repo=$locked", "--identity=$scratch/key", 'restore', 'app', '-t', 'orders', "--target-time=$moment", "--work-dir=$scratch/work" ], 'and with it, the table is back');
is(on('SELECT count(*) FROM orders', 'app'), '501', 'with its rows');
clean('encrypted');

# ------------------------------------------------------------ what cannot be

tool_fails([ @restore ], 1, qr/database "app" exists and is not empty/, 'a database that is there');
tool_fails([ @restore, '--drop' ], 2, qr/would be replaced, and there is no terminal/, 'a question that nobody can answer');
tool_fails([ @restore, '--append', '--to=nowhere', '-t', 'orders' ], 1, qr/database "nowhere" does not exist/, '--append to one that is not');
tool_fails([ "--repo=$repo", 'restore', 'later', '--target=immediate', "--work-dir=$scratch/work" ], 1, qr/there was no database "later" at the end of base backup.*There were: app, postgres, template1/s, 'before the database existed');
tool_fails([ "--repo=$repo", 'restore', 'app', '--target-time=2020-01-01', '--to=x', "--work-dir=$scratch/work" ], 1, qr/before the base backup is consistent/, 'before the first base backup');
tool_fails([ "--repo=$repo", 'restore', 'app', '--target-time=2099-01-01', '--to=x', "--work-dir=$scratch/work" ], 1, qr/cannot be reached/, 'after all that is archived');
tool_fails([ @restore, '--all', '--to=x' ], 2, qr/--all/, '--all');
tool_fails([ @restore, '--to=x', '--at=2026-01-01' ], 2, qr/a target of a recovery and --at do not go together/, 'two moments');
tool_fails([ "--repo=$repo", 'restore', 'app', '--to=x', '--timeline=1' ], 2, qr/--timeline needs --cluster, or a target/, 'no moment');
tool_fails([ @restore, '--to=x', "--work-dir=$scratch/none" ], 1, qr/--work-dir/, 'a directory that is not there');
tool_fails([ @restore, '--to=x', "--pg-bindir=$scratch" ], 1, qr/could not find a "postgres"/, 'a server that is not there');
clean('what cannot be');

# ------------------------------------------------------------ ends

# Stopped: all of it is removed.
my $log = "$scratch/stopped.log";
sub stopped
{
	my ($signal) = @_;
	my $pid = start_tool($log, @restore, '--to=app_stopped', '--progress=none');

	ok(wait_until(sub { my ($file) = glob("$scratch/work/*/data/postmaster.pid"); $file && read_bytes($file) =~ /\A\d+/ }), "$signal: a server runs");
	kill $signal, $pid;
	return finish_tool($pid);
}
is(stopped('INT'), 130, 'SIGINT');
clean('SIGINT');

# Two at a time: neither takes the other's for what was left.
my $first = start_tool($log, @restore, '--table=orders', '--as=orders_one', '--progress=none');
ok(wait_until(sub { glob("$scratch/work/*/data/PG_VERSION") }), 'one is at work');
kill 'STOP', $first;
tool_ok([ @restore, '--table=orders', '--as=orders_two' ], 'another one meanwhile');
kill 'CONT', $first;
is(finish_tool($first), 0, 'and the first one goes on') or diag(read_bytes($log));
is(on('SELECT (SELECT count(*) FROM orders_one), (SELECT count(*) FROM orders_two)', 'app'), '501|501', 'both have the table');
clean('two at a time');

# Killed: its server ends with it, and the next one removes what is left.
is(stopped('KILL'), 128 + 9, 'SIGKILL');
my ($left) = glob("$scratch/work/*");
ok($left, 'a directory is left');
is((stat $left)[2] & 0777, 0700, 'which nobody else can enter');
my ($server) = (read_bytes("$left/data/postmaster.pid") // '') =~ /\A(\d+)/;
ok(wait_until(sub { !glob("$left/data/postmaster.pid") }), 'the server has ended');
write_bytes("$scratch/settings.yaml", "work-dir: $scratch/work\n");
like((tool("--config=$scratch/settings.yaml", "--repo=$repo", 'doctor', '--no-server'))[1], qr/"\Q$left\E" was left by a process that was killed/, 'doctor names it');
tool_ok([ @restore, '--table=orders', '--as=orders_again' ], 'the next one');
clean('SIGKILL');

$node->stop;
done_testing();
