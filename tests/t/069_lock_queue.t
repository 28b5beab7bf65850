# Statements that wait for a lock which their role could never use, such as CREATE RULE on a system catalog, have everybody
# queue behind them.  Whoever the extension has to wait for in this way is told to stop; and what must not be canceled is not.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Test;
use Test::More;
use Time::HiRes ();

my $node = start_scheduler('main', log_min_messages => 'log', wal_level => 'replica', max_wal_senders => 2);

use_tool(stand_in());
query('postgres', "CREATE ROLE low LOGIN; CREATE ROLE mon LOGIN IN ROLE pg_monitor; CREATE SCHEMA low AUTHORIZATION low;"
	  . "SELECT nex_backup_schedule('j', '0 2 1 1 *', 'postgres', '/x', type => 'ok', timezone => 'UTC', retry => 0)");

# A session that is connected already, as logging in needs catalogs too.
sub session
{
	my ($role, @more) = @_;
	my %session = (in => '', out => '', err => '', number => 0);

	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-U', $role, @more ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(300));
	answer(\%session, 'SELECT 1');
	return \%session;
}

# What a session answers, within the time of this test.
sub answer
{
	my ($session, $sql) = @_;
	my $end = 'end ' . ++$session->{number};

	@$session{qw(out err)} = ('', '');
	$session->{in} .= "$sql;\n\\echo $end\n";
	$session->{run}->pump until $session->{out} =~ s/^\Q$end\E\n//m;
	return $session->{out} . $session->{err};
}

# Begin a statement, and do not wait for it.
sub send_only
{
	my ($session, $sql) = @_;

	@$session{qw(out err)} = ('', '');
	$session->{in} .= "$sql;\n\\echo end\n";
	$session->{run}->pump_nb for 1 .. 5;
	return;
}

sub result
{
	my ($session) = @_;

	$session->{run}->pump until $session->{out} =~ /^end$/m;
	return $session->{err};
}

sub finish { my ($session) = @_; $session->{in} .= "\\q\n"; $session->{run}->finish; return; }
sub waiters { my ($session) = @_; return answer($session, q(SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock')) + 0; }
sub pid_of { my ($session) = @_; return answer($session, 'SELECT pg_backend_pid()') + 0; }

# Until what was sent there waits for a lock, or has one that it should not have; or it is over, as the extension was quicker.
sub in_the_way
{
	my ($session, $pid, $looker) = @_;

	return wait_until(sub {
		$session->{run}->pump_nb if $session->{run}->pumpable;
		return $session->{out} =~ /^end$/m || $session->{err} =~ /FATAL/ || locks_of($looker, $pid) > 0;
	});
}

# Once before there is one to look at, so that the catalogs that this needs are not needed then.
sub locks_of
{
	my ($looker, $pid) = @_;

	return answer($looker, "SELECT count(*) FROM pg_locks WHERE pid = $pid AND (NOT granted OR "
		  . "(relation IS NOT NULL AND mode IN ('AccessExclusiveLock', 'ShareRowExclusiveLock')))") + 0;
}

# An error in a function of the extension, caught: whoever called it is as others are from then on.
my $in_block = q(BEGIN; DO $$ BEGIN BEGIN PERFORM nex_backup_next_runs('no schedule'); EXCEPTION WHEN others THEN NULL; END; PERFORM pg_sleep(4); END $$);
my $in_savepoint = q(BEGIN; SAVEPOINT s; SELECT nex_backup_next_runs('no schedule'); ROLLBACK TO s);
my @queues = (
	[ 'a catalog', 'low', 'SELECT count(*) FROM pg_catalog.pg_extension', 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO NOTHING' ],
	[ 'an index of the extension', 'mon', 'SELECT count(*) FROM nex_backup.runs',
		'CREATE TEMP TABLE pt (id int8 PRIMARY KEY) PARTITION BY RANGE (id); ALTER INDEX pt_pkey ATTACH PARTITION nex_backup.runs_pkey' ],
	[ 'an index of a catalog', 'low', 'SELECT count(*) FROM pg_catalog.pg_depend WHERE objid = 1',
		'CREATE TEMP TABLE pt (a oid, b oid, c int) PARTITION BY RANGE (a); CREATE INDEX pi ON pt (a, b, c); ALTER INDEX pi ATTACH PARTITION pg_catalog.pg_depend_depender_index' ],
	[ 'a catalog of all databases', 'low', 'SELECT count(*) FROM pg_catalog.pg_database', 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_database DO NOTHING' ],
	[ 'the database', 'low', q(ALTER ROLE low IN DATABASE postgres SET work_mem = '4MB'), 'DROP DATABASE postgres' ],
	[ 'after an error in a block', 'mon', 'SELECT count(*) FROM nex_backup.runs', 'CREATE RULE r AS ON INSERT TO nex_backup.runs DO NOTHING', $in_block ],
	[ 'after an error in a savepoint', 'mon', 'SELECT count(*) FROM nex_backup.runs', 'CREATE RULE r AS ON INSERT TO nex_backup.runs DO NOTHING', $in_savepoint ],
	[ 'roles', 'low', 'SELECT count(*) FROM pg_catalog.pg_roles', 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_authid DO NOTHING' ]);
my $dba = session('postgres');
for my $queue (@queues)
{
	my ($name, $role, $keeps, $waits, $before) = @$queue;
	my ($keeper, $waiter) = (session($role), session($role));
	my $pid = pid_of($waiter);
	my $begun;

	answer($keeper, "BEGIN; $keeps");
	answer($waiter, $before) if defined $before;
	send_only($waiter, $waits);
	# By a session that has all it needs: the DBA's may be behind it already, which is what this is about.
	in_the_way($waiter, $pid, $keeper);
	$begun = Time::HiRes::time();
	like(answer($dba, 'SELECT name, status FROM nex_backup_status()'), qr/^extension\|ok$/m, "$name: the status");
	is(answer($dba, "SELECT state FROM nex_backup_run('j')"), "succeeded\n", '... a run');
	cmp_ok(Time::HiRes::time() - $begun, '<', 30, '... soon');
	like(result($waiter), qr/canceling statement due to user request/, '... as what could never have it is canceled');
	like(answer($keeper, 'SELECT count(*) FROM pg_class'), qr/^\d+$/m, '... and who only reads is not');
	finish($_) for $keeper, $waiter;
}
like(read_bytes($node->logfile), qr/nex_backup canceled a statement of process \d+, which waited for a lock in vain/, 'the log says so');

# Who has the lock already, as nobody else had it, and could not keep it: while a name in its statement is looked up, it waits for
# another lock, or runs code of its own, which may catch that it is canceled.
query('postgres', 'CREATE TABLE low.own (i int); ALTER TABLE low.own OWNER TO low; CREATE SCHEMA mon AUTHORIZATION mon; CREATE TABLE mon.own (i int); ALTER TABLE mon.own OWNER TO mon');
query('postgres', <<'SQL');
SET SESSION AUTHORIZATION low;
CREATE FUNCTION low.slow() RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(300); RETURN true; END';
CREATE FUNCTION low.stubborn() RETURNS bool LANGUAGE plpgsql AS 'BEGIN LOOP BEGIN PERFORM pg_sleep(300); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END';
CREATE DOMAIN low.slow AS int CHECK (low.slow());
CREATE DOMAIN low.stubborn AS int CHECK (low.stubborn());
CREATE TYPE low.slow_row AS (i low.slow);
CREATE TYPE low.stubborn_row AS (i low.stubborn);
SQL
my $canceled_by_us = qr/canceling statement due to user request/;
my @held = (
	[ 'a catalog, behind a table of its own', 'low', 'LOCK TABLE low.own', 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO ALSO SELECT * FROM low.own', $canceled_by_us ],
	[ 'a catalog, busy', 'low', 'SELECT 1', q(CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO ALSO SELECT '(1)'::low.slow_row), $canceled_by_us ],
	[ 'a catalog, and will not be canceled', 'low', 'SELECT 1', q(CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO ALSO SELECT '(1)'::low.stubborn_row), qr/terminating connection/ ],
	[ 'roles', 'low', 'LOCK TABLE low.own', 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_authid WHERE EXISTS (SELECT FROM low.own) DO NOTHING', qr/canceling|permission denied/ ],
	[ 'a table of the extension', 'mon', 'LOCK TABLE mon.own', 'CREATE RULE r AS ON INSERT TO nex_backup.runs DO ALSO SELECT * FROM mon.own', $canceled_by_us ],
	[ 'a table of the extension from writers', 'mon', 'LOCK TABLE mon.own', 'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON nex_backup.runs FROM mon.own FOR EACH ROW EXECUTE FUNCTION pg_catalog.tsvector_update_trigger()', $canceled_by_us ]);
for my $held (@held)
{
	my ($name, $role, $keeps, $has, $end) = @$held;
	my ($keeper, $holder) = (session($role), session($role));
	my $pid = pid_of($holder);
	my $begun;

	answer($keeper, "BEGIN; $keeps");
	locks_of($keeper, $pid);
	$holder->{in} .= "$has;\n\\echo end\n";
	@$holder{qw(out err)} = ('', '');
	in_the_way($holder, $pid, $keeper);
	$begun = Time::HiRes::time();
	like(answer($dba, 'SELECT name, status FROM nex_backup_status()'), qr/^extension\|ok$/m, "somebody has $name: the status");
	is(answer($dba, "SELECT state FROM nex_backup_run('j')"), "succeeded\n", '... a run');
	cmp_ok(Time::HiRes::time() - $begun, '<', 30, '... soon');
	eval { $holder->{run}->pump while $holder->{run}->pumpable && $holder->{out} !~ /^end$/m; 1 };
	like($holder->{err}, $end, '... as it is ended');
	like(answer($keeper, 'SELECT count(*) FROM pg_class'), qr/^\d+$/m, '... and what it waited for is not');
	finish($keeper);
	eval { finish($holder); 1 } or $holder->{run}->kill_kill;
}
like(read_bytes($node->logfile), qr/nex_backup terminated process \d+, which held a lock that is a superuser's/, 'the log says so');

# Again and again, by several sessions: whoever waits keeps its place.
my @loops = map { session('low') } 1 .. 4;
my @pids = map { pid_of($_) } @loops;
my $reader = session('low');
answer($reader, 'BEGIN; SELECT count(*) FROM pg_catalog.pg_depend');
send_only($_, <<'SQL') for @loops;
DO $$ BEGIN
	FOR i IN 1 .. 100000 LOOP
		BEGIN EXECUTE 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_depend DO NOTHING';
		EXCEPTION WHEN query_canceled OR insufficient_privilege THEN NULL; END;
		EXIT WHEN clock_timestamp() > statement_timestamp() + interval '20 seconds';
	END LOOP;
END $$
SQL
in_the_way($loops[0], $pids[0], $reader);
is(answer($dba, "SELECT state FROM nex_backup_run('j')"), "succeeded\n", 'repeated in a loop: a run');
like(answer($dba, 'SELECT name, status FROM nex_backup_status()'), qr/^extension\|ok$/m, '... and the status');
$_->{run}->kill_kill for @loops;
finish($reader);

# A superuser's statement waits as long as it likes, and the others do not wait for longer than they say.
my ($keeper, $super) = (session('low'), session('postgres'));
my $super_pid = pid_of($super);
answer($keeper, 'BEGIN; SELECT count(*) FROM pg_catalog.pg_extension');
send_only($super, 'BEGIN; LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE');
in_the_way($super, $super_pid, $keeper);
my $from = Time::HiRes::time();
like(answer($dba, 'SELECT name, status, detail FROM nex_backup_status()'),
	qr/^catalogue\|critical\|locked: process \d+ of role postgres waits for an AccessExclusiveLock of pg_extension, and everybody else behind it\n$/, 'a superuser waits: the status is one row');
cmp_ok(Time::HiRes::time() - $from, '<', 15, '... after five seconds');
like(answer($dba, "SET lock_timeout = '2s'; SELECT state FROM nex_backup_run('j'); RESET lock_timeout"), qr/canceling statement due to lock timeout/, '... a run fails in time');
is($super->{err}, '', '... and the superuser goes on waiting');
# An error that the status does not answer ends the statement alone.  The session goes on.
like(answer($dba, "SET statement_timeout = '1s'; SELECT count(*) FROM nex_backup_status()"), qr/canceling statement due to statement timeout/, '... a statement timeout ends the status');
is(answer($dba, 'RESET statement_timeout; SELECT 1'), "1\n", '... and not the session');
answer($keeper, 'COMMIT');
result($super);
like(answer($dba, 'SELECT name, status, detail FROM nex_backup_status()'), qr/^catalogue\|critical\|locked by process \d+ of role postgres: AccessExclusiveLock of pg_extension\n$/, 'or has it');
answer($super, 'ROLLBACK');
finish($_) for $keeper, $super;

# Code of others in a session of a superuser, as in autovacuum's ANALYZE of their table, or in their function.
query('postgres', <<'SQL');
SET SESSION AUTHORIZATION low;
CREATE FUNCTION low.f(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
	IF session_user <> 'low' THEN
		BEGIN EXECUTE 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO NOTHING'; EXCEPTION WHEN query_canceled OR insufficient_privilege THEN NULL; END;
	END IF;
	RETURN i;
END $$;
CREATE FUNCTION low.fi(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN low.f(i); END';
CREATE FUNCTION low.sd() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT low.f(1)';
CREATE TABLE low.av (a int) WITH (autovacuum_enabled = off);
CREATE INDEX ON low.av (low.fi(a));
INSERT INTO low.av SELECT 1;
SQL
for my $statement ('ANALYZE low.av', 'SELECT low.sd()')
{
	my ($reader, $super) = (session('low'), session('postgres'));

	answer($reader, 'BEGIN; SELECT count(*) FROM pg_catalog.pg_extension');
	send_only($super, $statement);
	ok(wait_until(sub { waiters($reader) == 1 || $super->{out} =~ /^end$/m }), "a superuser's $statement waits in the way");
	is(answer($dba, "SELECT state FROM nex_backup_run('j')"), "succeeded\n", '... a run');
	like(answer($dba, 'SELECT name, status FROM nex_backup_status()'), qr/^extension\|ok$/m, '... the status');
	is(result($super), '', '... and the statement goes on without what was not the superuser\'s');
	finish($_) for $reader, $super;
}

# Whoever writes an error to a client that does not read keeps its locks, and is not interrupted.
{
	my $deaf = session('low');

	send_only($deaf, q(DO $$ BEGIN PERFORM pg_sleep(2); EXECUTE 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO NOTHING --' || repeat('x', 20000000); END $$));
	Time::HiRes::sleep(0.5);
	$deaf->{run}->signal('STOP');
	Time::HiRes::sleep(3);
	is(answer($dba, "SELECT state FROM nex_backup_run('j')"), "succeeded\n", 'a client that does not read: a run');
	like(answer($dba, 'SELECT name, status FROM nex_backup_status()'), qr/^extension\|ok$/m, '... the status');
	like(read_bytes($node->logfile), qr/nex_backup cut the connection of process \d+, which held a lock/, '... as its connection is cut');
	$deaf->{run}->signal('CONT');
	$deaf->{run}->kill_kill;
}

# Commits that NOTIFY have a lock that looks like one of a database, and may wait for a standby, and all others that NOTIFY for them.
my $apart = session('postgres');
my $app = session('low');
answer($app, 'CREATE TABLE low.noted (i int)');
set_options(synchronous_standby_names => 'gone', 'nex_backup.executor' => 'agent');
wait_until(sub { answer($app, 'SHOW synchronous_standby_names') =~ /gone/ });
my $sync_waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'low'";
my $waits = 0;
# The first ones may come before the server knows that there is a standby.
for (1 .. 20)
{
	send_only($app, 'SET synchronous_commit = on; BEGIN; INSERT INTO low.noted VALUES (1); NOTIFY x; COMMIT');
	for (1 .. 15)
	{
		$waits = answer($apart, $sync_waits) + 0;
		last if $waits || $app->{out} =~ /^end$/m;
		$app->{run}->pump_nb;
		Time::HiRes::sleep(0.1);
	}
	last if $waits;
	result($app);
}
is($waits, 1, 'a commit that notifies waits for a standby');
like(answer($dba, "SET synchronous_commit = local; SET lock_timeout = '20s'; SELECT state FROM nex_backup_run('j', wait => false)"),
	qr/^queued$/m, '... and the extension does without: a run is queued');
tool('agent', '--once', '--catalogue', 'dbname=postgres', '--repo', '/x');
is(answer($apart, q(SELECT state || ' ' || (executor IS NOT NULL) FROM nex_backup.runs WHERE job = $$j$$ ORDER BY id DESC LIMIT 1)), "failed true\n", '... and an agent ends it');
is(answer($apart, $sync_waits), "1\n", '... while the commit waits, which nobody cancels');
answer($apart, 'ALTER SYSTEM RESET synchronous_standby_names');
answer($apart, 'ALTER SYSTEM RESET nex_backup.executor');
answer($apart, 'SELECT pg_reload_conf()');
is(result($app), '', '... so its client is not told otherwise');
finish($_) for $apart, $app;
answer($dba, 'RESET ALL');

# Tables of others are not the extension's business, whoever waits for them in the meantime.
query('postgres', 'CREATE TABLE low.t (i int); ALTER TABLE low.t OWNER TO low');
my ($holder, $owner) = (session('low'), session('low'));
answer($holder, 'BEGIN; SELECT FROM low.t');
send_only($owner, 'ALTER TABLE low.t ADD j int');
is(answer($dba, "SELECT state FROM nex_backup_run('j')"), "succeeded\n", 'a run');
Time::HiRes::sleep(1);
answer($holder, 'COMMIT');
is(result($owner), '', 'an ALTER TABLE of others that waits is not canceled');
finish($_) for $holder, $owner;

# Nor after such an error, whose transaction goes on with tables of others.
query('postgres', 'GRANT USAGE ON SCHEMA low TO mon');
for my $before ($in_block, $in_savepoint)
{
	my ($holder, $owner, $monitor) = (session('low'), session('low'), session('mon'));
	my $pid = pid_of($owner);

	answer($monitor, $before);
	answer($holder, 'BEGIN; SELECT FROM low.t');
	send_only($owner, 'ALTER TABLE low.t ALTER i SET NOT NULL');
	in_the_way($owner, $pid, $holder);
	send_only($monitor, 'PREPARE x AS SELECT * FROM low.t');
	Time::HiRes::sleep(5);
	answer($holder, 'COMMIT');
	is(result($owner), '', 'an ALTER TABLE that a monitoring role waits for is not canceled');
	result($monitor);
	finish($_) for $holder, $owner, $monitor;
}

# What is canceled is what was seen waiting, and not what its session does next.
sub script_of { my $file = File::Temp->new; print $file $_[0]; $file->flush; return $file; }
my $statements = script_of("CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO NOTHING;\nSELECT pg_sleep(0.01), 'next';\n" x 200);
my $asks = script_of("SELECT count(*) FROM nex_backup_status();\n");
$keeper = session('low');
answer($keeper, 'BEGIN; SELECT count(*) FROM pg_catalog.pg_extension');
my ($next, $canceled) = ('', '');
my @askers = map { IPC::Run::start([ 'pgbench', '-n', '-T', '60', '-f', $asks->filename, 'postgres' ], '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null') } 1, 2;
my $turns = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-U', 'low', '-f', $statements->filename ], '<', '/dev/null', '>', \$next, '2>', \$canceled, IPC::Run::timeout(90));
$turns->finish;
$_->kill_kill for @askers;
cmp_ok(scalar(() = $canceled =~ /canceling statement/g), '>', 20, 'a statement that is canceled again and again');
is(scalar(() = $next =~ /next$/mg), 200, '... and never the one that comes next');
finish($keeper);

sub restart_with
{
	$node->append_conf('postgresql.conf', $_[0]);
	$node->restart;
	return wait_until(sub { query('postgres', "SELECT status FROM nex_backup_status() WHERE name = 'scheduler'") eq 'ok' });
}

my $guard = "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'lock guard'";
is(query('postgres', $guard), '', 'the guard is there: the status has no word of it');
my ($postmaster) = read_bytes($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
my ($pid) = grep { read_bytes("/proc/$_/status") =~ /^PPid:\s*$postmaster$/m } processes_named('nex_backup lock guard');
finish($dba);

# Whatever others are there: without reserved workers, and after it was told to go.
ok(restart_with('nex_backup.reserved_executors = 0'), 'a server without reserved workers');
($postmaster) = read_bytes($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
($pid) = grep { read_bytes("/proc/$_/status") =~ /^PPid:\s*$postmaster$/m } processes_named('nex_backup lock guard');
kill 'TERM', $pid;
kill 'INT', $pid;
$keeper = session('mon');
answer($keeper, 'BEGIN; SELECT count(*) FROM nex_backup.runs');
my $rules = script_of("CREATE RULE r AS ON INSERT TO nex_backup.runs DO NOTHING;\n" x 20000);
@loops = map { IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-U', 'mon', '-f', $rules->filename ], '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null') } 1, 2;
Time::HiRes::sleep(0.5);
is(query('postgres', "SELECT state FROM nex_backup_run('j')"), 'succeeded', '... a run, beside statements that are repeated');
my $done = query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = 'j' AND state = 'succeeded'");
query('postgres', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = 'j'; SELECT nex_backup.wake()");
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = 'j' AND state = 'succeeded'") == $done + 1 }), '... and a job that is due');
$_->kill_kill for @loops;
finish($keeper);

# Whoever cancels need not have been told by a worker, which may never have been let in.
$node->append_conf('postgresql.conf', "nex_backup.database = 'not_there'");
$node->restart;
{
	my ($keeper, $waiter) = (session('low'), session('low'));
	my $pid = pid_of($waiter);

	answer($keeper, 'BEGIN; SELECT count(*) FROM pg_catalog.pg_extension');
	send_only($waiter, 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO NOTHING');
	in_the_way($waiter, $pid, $keeper);
	like(query('postgres', 'SELECT name, status FROM nex_backup_status()'), qr/^extension\|ok$/m, 'no worker has been in the database: the status');
	like(result($waiter), $canceled_by_us, '... as what could never have the lock is canceled');
	finish($_) for $keeper, $waiter;
}
$node->append_conf('postgresql.conf', "nex_backup.database = 'postgres'");

# Where there is no slot for it, whoever has waited does it, later, and the status says so.
$node->append_conf('postgresql.conf', "max_worker_processes = 1\nmax_logical_replication_workers = 0");
$node->restart;
($keeper, my $waiter) = (session('low'), session('low'));
answer($keeper, 'BEGIN; SELECT count(*) FROM pg_catalog.pg_extension');
send_only($waiter, 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_extension DO NOTHING');
query('postgres', 'SELECT pg_reload_conf()');
like(result($waiter), qr/canceling statement due to user request/, 'without a slot for the guard, the leader cancels, too');
like(query('postgres', $guard), qr/^warning the worker that keeps others from locking up the extension is not running: increase max_worker_processes, and restart the server$/, '... and the status says so');
finish($_) for $keeper, $waiter;

done_testing();
