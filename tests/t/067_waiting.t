# Whoever waits for a run holds nothing: no lock, no memory, no job.  What is done to the extension meanwhile is
# done at once or refused, and a wait that ends with an error leaves no run that nobody waits for.
use strict;
use warnings;

use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Test;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = start_scheduler('main', max_worker_processes => 40, 'nex_backup.max_concurrent_runs' => 30);
my $tool = stand_in();
my ($notes) = $tool =~ m{(.*)/tool};

# The stand-in, but "init" takes its time, too, and so does what is called "hang" and something.
write_bytes($tool, read_bytes($tool) =~ s/^(\$what = 'ok' unless)/\$what = 'hang' if \$ARGV[0] eq 'init' || \$what =~ m{^hang};\n$1/mr);
chmod 0755, $tool;
use_tool($tool);

# A session that waits; what it says.
sub waiter
{
	my ($sql) = @_;
	my %waiter = (out => '', err => '');

	$waiter{session} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', map { ('-c', $_) } split(/; */, $sql) ],
		'<', '/dev/null', '>', \$waiter{out}, '2>', \$waiter{err}, IPC::Run::timeout(180));
	return \%waiter;
}

sub waits
{
	my ($waiter) = @_;

	eval { $waiter->{session}->pump_nb };
	return $waiter->{session}->pumpable;
}

# Its end, within some seconds.
sub ended
{
	my ($waiter) = @_;
	my $done = wait_until(sub { return !waits($waiter) });

	$waiter->{session}->kill_kill unless $done;
	eval { $waiter->{session}->finish };
	return $done;
}

# A statement that may wait for 15 seconds; how long it took, or the error.
sub changed
{
	my ($sql) = @_;
	my $start = time;

	return $@ =~ s/ in:.*//sr unless eval { query('postgres', "SET lock_timeout = '15s';\n$sql"); 1 };
	return time - $start < 14 ? 'done' : 'took too long';
}

sub running_of
{
	my ($repository) = @_;

	return wait_for_run("location = '$repository' AND state = 'running'");
}

my @tables = split /\n/, query('postgres',
	q(SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'nex_backup'::regnamespace AND c.relkind = 'r' ORDER BY 1));
cmp_ok(scalar(@tables), '>=', 11, 'tables of the extension: ' . join(' ', @tables));

# ------------------------------------------------- beside sessions that wait

my $hang = "kind => 'backup', type => 'hang'";
my $run_waiter = waiter("SELECT * FROM nex_backup_run('postgres', $hang, repository => '/a')");
my $init_waiter = waiter("SELECT nex_backup_create_repository('/c')");
my $run = running_of('/a');
my $init = running_of('/c');

# But for the moment in which one looks whether it has to wait any longer.
ok(wait_until(sub { query('postgres', q(SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.query ~ '^SELECT .*nex_backup_(run|create)'
		AND a.pid <> pg_backend_pid() AND l.locktype <> 'virtualxid')) == 0 }), 'they hold no lock at all');
for my $table (@tables)
{
	is(changed("VACUUM FULL nex_backup.$table;"), 'done', "VACUUM FULL $table");
	is(changed("ALTER TABLE nex_backup.$table ADD COLUMN extra int; ALTER TABLE nex_backup.$table DROP COLUMN extra;"), 'done', "ALTER TABLE $table");
	is(changed("REINDEX TABLE nex_backup.$table;"), 'done', "REINDEX TABLE $table");
}
ok(waits($_), 'the session still waits') for $run_waiter, $init_waiter;
is(run_row('state', "id = $_"), 'running', 'its run goes on') for $run, $init;

# A transaction that keeps the tables locked for a while: the sessions look again when it is over.
query('postgres', "BEGIN; LOCK TABLE nex_backup.runs, nex_backup.leases; SELECT pg_sleep(3); COMMIT");
ok(waits($_), 'and waits on while the tables are locked') for $run_waiter, $init_waiter;

# Somebody with the tool's name, who waits for the snapshots of these sessions.
query('postgres', 'CREATE ROLE tenant LOGIN; CREATE SCHEMA tenant AUTHORIZATION tenant CREATE TABLE t (i int); ALTER TABLE tenant.t OWNER TO tenant');
my $indexer = waiter("SET SESSION AUTHORIZATION tenant; SET application_name = 'nex_backup'; SET statement_timeout = '5s'; CREATE INDEX CONCURRENTLY ON tenant.t (i)");
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted") > 0 }), 'CREATE INDEX CONCURRENTLY waits for them');
ok(ended($indexer), 'for five seconds');
ok(waits($_), 'and ends no wait') for $run_waiter, $init_waiter;
query('postgres', 'DROP SCHEMA tenant CASCADE; DROP ROLE tenant');

query('postgres', "SELECT nex_backup_cancel($_)") for $run, $init;
ok(ended($_), 'and it ends with its run') for $run_waiter, $init_waiter;
is($run_waiter->{out}, "$run|cancelled|cancelled by postgres\n", 'result of nex_backup_run()');
like($init_waiter->{err}, qr{could not create repository "/c": cancelled by postgres}, 'result of nex_backup_create_repository()');

# ------------------- beside transactions that have locked the tables themselves

# Some of them, or all: each takes seconds.
my @read = $ENV{NEXB_WAITING} ? @tables : qw(alarms jobs leases runs);
my %in_transaction = map { $_ => waiter("BEGIN; SELECT FROM nex_backup.$_ LIMIT 0; SELECT * FROM nex_backup_run('postgres', $hang, repository => '/b/$_');") } @read;
my %runs = map { $_ => running_of("/b/$_") } @read;
for my $table (@read)
{
	is(changed("VACUUM FULL nex_backup.$table;"), 'done', "VACUUM FULL $table beside a transaction that has read it");
	ok(ended($in_transaction{$table}), '... whose wait has ended');
	like($in_transaction{$table}{err}, qr/ERROR:  cannot wait for run $runs{$table}, because process \d+ \(067_waiting\.t\) waits for a lock of this transaction\n.*DETAIL:  The run goes on\.\nHINT:  SELECT \* FROM nex_backup\.runs WHERE id = $runs{$table} shows it/s, '... and says why');
	is(run_row('state', "id = $runs{$table}"), 'running', '... and the run goes on');
}
query('postgres', "SELECT nex_backup_cancel($_)") for values %runs;

# The same circle by a table that the backup wants to read: directly, and behind another session.
use_tool(tool_path());
my $repo = new_repository();
query('postgres', 'CREATE TABLE wanted (a int)');
my $holder = waiter("BEGIN; LOCK TABLE wanted; SELECT * FROM nex_backup_run('postgres', repository => '$repo');");
ok(ended($holder), 'a run that waits for the session that waits for it');
like($holder->{err}, qr/cannot wait for run \d+, because process \d+ \(nex_backup:run:\d+\) waits for a lock/, '... is noticed');
is(wait_for_state(query('postgres', 'SELECT max(id) FROM nex_backup.runs'), 'succeeded', 'failed'), 'succeeded', '... and done then');
$holder = waiter("BEGIN; SELECT FROM wanted; SELECT * FROM nex_backup_run('postgres', repository => '$repo');");
my $between = background_sql('postgres', 'ALTER TABLE wanted ADD COLUMN b int');
ok(ended($holder), 'the same with another session in between');
$between->();
is(wait_for_state(query('postgres', 'SELECT max(id) FROM nex_backup.runs'), 'succeeded', 'failed'), 'succeeded', '... and done then');

# Others who wait for a lock of that transaction, and have nothing to do with the run, are its own business.
use_tool($tool);
$holder = waiter("BEGIN; LOCK TABLE wanted; SELECT * FROM nex_backup_run('postgres', $hang, repository => '/others');");
$run = running_of('/others');
my $other = background_sql('postgres', 'SELECT count(*) FROM wanted');
sleep 3;
ok(waits($holder), 'a session that waits for something else changes nothing');
query('postgres', "SELECT nex_backup_cancel($run)");
ended($holder);
$other->();

# ------------------------------------------------------------------- memory

sub used_memory
{
	my ($pid) = @_;
	my $before = () = read_bytes($node->logfile) =~ /Grand total/g;
	my @totals;

	query('postgres', "SELECT pg_log_backend_memory_contexts($pid)");
	wait_until(sub { @totals = read_bytes($node->logfile) =~ /Grand total: .* (\d+) used/g; return @totals > $before }) or die;
	return $totals[-1];
}

# Also a progress that cannot be told is no reason to end.
query('postgres', q(ALTER EXTENSION nex_backup DROP FUNCTION nex_backup.progress_text(int8);
	CREATE OR REPLACE FUNCTION nex_backup.progress_text(run int8) RETURNS text LANGUAGE sql AS 'SELECT (1 / (run - run))::text'));
$run_waiter = waiter("SELECT * FROM nex_backup_run('postgres', $hang, repository => '/m')");
$run = running_of('/m');
my $pid = query('postgres', q(SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT * FROM nex_backup_run%/m%' AND pid <> pg_backend_pid()));
sleep 12;
my $first = used_memory($pid);
sleep 25;
my $second = used_memory($pid);
# A megabyte an hour were 7281 bytes in 25 seconds.
cmp_ok($second - $first, '<=', 4096, "memory does not grow: $first, and $second bytes after 25 s");
ok(waits($run_waiter), 'and the session still waits');
query('postgres', "SELECT nex_backup_cancel($run)");
ended($run_waiter);
query('postgres', 'ALTER EXTENSION nex_backup ADD FUNCTION nex_backup.progress_text(int8)');

# -------------------------------------------------------- a job is not locked

set_clock('2027-06-01 12:00:10 UTC');
query('postgres', q(CREATE ROLE sched LOGIN; GRANT pg_execute_server_program TO sched;
	SET SESSION AUTHORIZATION sched;
	SELECT nex_backup_schedule('every minute', '* * * * *', 'postgres', '/j', type => 'hang')));
$run_waiter = waiter("SET SESSION AUTHORIZATION sched; SELECT * FROM nex_backup_run('every minute')");
$run = running_of('/j');
set_clock('2027-06-01 12:00:58 UTC');
is(run_row('state', 'id = ' . wait_for_run("job = 'every minute' AND scheduled_for IS NOT NULL")), 'skipped', 'a job that somebody waits for is looked at when it is due');
is(query('postgres', "SELECT count(*) FROM nex_backup.alarms WHERE event = 'missed'"), 0, 'and nothing was missed');
is(changed(q(SELECT nex_backup_alter_job('every minute', enabled => false);)), 'done', 'it can be changed');
is(changed(q(SELECT nex_backup_unschedule('every minute');)), 'done', 'and removed');
query('postgres', "SELECT nex_backup_cancel($run)");
ok(ended($run_waiter), 'until the run ends');
is($run_waiter->{out}, "$run|cancelled|cancelled by postgres\n", 'which is what the owner is told');
clear_clock();

# ----------------------------------------- a wait that ends leaves no run behind

for my $wait ('true', 'false')
{
	my $failed = 0;
	my @left;

	for my $milliseconds (1 .. 60)
	{
		my $type = "short-$wait-$milliseconds";
		my $good = eval { query('postgres', "SET statement_timeout = '${milliseconds}ms'; SELECT nex_backup_run('postgres', type => 'hang-$type', repository => '/t', wait => $wait)"); 1 };

		next if $good;
		$failed++;
		push @left, "hang-$type";
	}
	my $list = join(', ', map { "'$_'" } @left, '');
	my $alive = "state IN ('queued', 'starting', 'running')";
	wait_until(sub { return query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE definition ->> 'type' IN ($list) AND $alive") == 0 });
	cmp_ok($failed, '>', 5, "60 short timeouts, wait => $wait, of which $failed ended the statement");
	my $done = query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE definition ->> 'type' IN ($list) AND state <> 'cancelled'");
	# The timeout may come when the function has returned already, or the run has ended, but not the statement.
	cmp_ok($done, '<=', 2, '... and none of their runs was done');
	query('postgres', "SELECT nex_backup_cancel(r.id) FROM nex_backup.runs r WHERE $alive");
}
ok(!eval { query('postgres', "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT nex_backup_run('postgres', repository => '/iso')"); 1 }, 'an isolation level that cannot wait');
like($@, qr/cannot wait for a run in a transaction of this isolation level/, '... is refused');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE location = '/iso'"), 0, '... before anything is begun');

# ------------------------------------------------- the extension goes away

sub children { return scalar(processes_named("$tool\0")) }

for my $session ("SELECT * FROM nex_backup_run('postgres', $hang, repository => '/d')",
	"BEGIN; SELECT FROM nex_backup.runs; SELECT * FROM nex_backup_run('postgres', $hang, repository => '/d');",
	"SELECT nex_backup_create_repository('/d')")
{
	my $gone = waiter($session);
	my $beside = waiter("SELECT * FROM nex_backup_run('postgres', $hang, repository => '/e')");

	running_of($_) for '/d', '/e';
	is(changed('DROP EXTENSION nex_backup;'), 'done', "DROP EXTENSION beside $session");
	ok(ended($_), '... the session ends') for $gone, $beside;
	like($gone->{err}, qr/ERROR:  (extension "nex_backup" was dropped during run \d+|cannot wait for run \d+, because process)/, '... with a reason');
	like($beside->{err}, qr/ERROR:  extension "nex_backup" was dropped during run \d+$/m, '... and one without locks, with this');
	ok(wait_until(sub { return children() == 0 }), '... and so do the programs');
	ok(wait_until(sub { return query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^nex_backup (executor|errand)'") == 0 }), '... and the workers');
	query('postgres', 'CREATE EXTENSION nex_backup');
	is(query('postgres', "SELECT state FROM nex_backup_run('postgres', repository => '/f')"), 'succeeded', '... and it works again after CREATE EXTENSION');
}

# ----------------------------------------------------- it is updated meanwhile

query('postgres', "DROP EXTENSION nex_backup; CREATE EXTENSION nex_backup VERSION '0.2.0'");
my $old_waiter = waiter("SELECT * FROM nex_backup_run('postgres', $hang, repository => '/u')");
$run = running_of('/u');
is(changed('ALTER EXTENSION nex_backup UPDATE;'), 'done', 'ALTER EXTENSION UPDATE beside a session that began to wait before');
query('postgres', "SELECT nex_backup_cancel($run)");
ok(ended($old_waiter), 'which ends');
like($old_waiter->{out} . $old_waiter->{err}, qr/^$run\|cancelled\||cannot wait for run $run, because process/, 'with its run, or a reason');
is(query('postgres', "SELECT state FROM nex_backup_run('postgres', repository => '/f')"), 'succeeded', 'and the new version works');

done_testing();
