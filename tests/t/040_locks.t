# Locks and snapshot: locks come first, nobody waits behind a backup that waits itself, and
# whoever waits behind a backup that works is seen.  Pitfalls P13 to P19 and P22.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = start_server('main', max_prepared_transactions => 5, deadlock_timeout => '500ms');
# Each program by its own name.
delete $ENV{PGAPPNAME};

my $repo = new_repository();

query('postgres', 'CREATE EXTENSION nex_backup') if have_extension();
query('postgres', 'CREATE DATABASE shop TEMPLATE template0');
query('shop', <<'SQL');
CREATE TABLE a_first (id int PRIMARY KEY, note text);
CREATE TABLE m_middle (id int);
CREATE TABLE z_last (id int PRIMARY KEY);
CREATE VIEW seen AS SELECT id FROM z_last;
INSERT INTO a_first SELECT i, 'a' FROM generate_series(1, 100) i;
INSERT INTO m_middle SELECT generate_series(1, 100);
INSERT INTO z_last SELECT generate_series(1, 100);
SQL
my @backup = ('backup', '--repo', $repo, '-d', 'shop', '-j', 2, '--progress', 'none');

# P13.  The table is emptied and filled again in one transaction: it was never empty for anybody.
for my $dumper ('nex_backup', 'pg_dump')
{
	my ($in, $out) = ("BEGIN; TRUNCATE m_middle; INSERT INTO m_middle SELECT generate_series(1, 200); SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'shop' ], '<', \$in, '>', \$out, IPC::Run::timeout(60));
	$session->pump until $out =~ /held/;
	my $log = File::Temp->new;
	my $dump = File::Temp->new;
	my ($pid, $plain);
	if ($dumper eq 'pg_dump')
	{
		$plain = IPC::Run::start([ 'pg_dump', '-d', 'shop', '-f', "$dump" ], '2>', "$log");
		waits_for_lock('pg_dump');
	}
	else
	{
		$pid = start_tool("$log", @backup);
		waits_for_lock('nex_backup');
	}
	$in .= "COMMIT;\n\\q\n";
	$session->finish;
	query('postgres', 'CREATE DATABASE carried TEMPLATE template0');
	if ($dumper eq 'pg_dump')
	{
		$plain->finish;
		query('carried', read_bytes("$dump"));
		is(query('carried', 'SELECT count(*) FROM m_middle'), 0,
			'P13: pg_dump, which takes its snapshot before its locks, finds the table empty');
	}
	else
	{
		is(finish_tool($pid), 0, 'P13: a backup that waits for a TRUNCATE') or diag(read_bytes("$log"));
		query('postgres', 'DROP DATABASE carried');
		tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'carried' ], 'P13: its restore');
		is(query('carried', 'SELECT count(*) FROM m_middle'), 200, 'P13: all rows are there');
	}
	query('postgres', 'DROP DATABASE carried');
}

# While the backup waits for one table it holds no other: neither does a schema change of that wait,
# nor do readers behind it, nor is the session that the backup waits for ended as a deadlock.
{
	my $log = File::Temp->new;
	my ($in, $out) = ("BEGIN; ALTER TABLE z_last ADD COLUMN x int; SELECT 'held';\n", '');
	my $migration = IPC::Run::start([ 'psql', '-XAt', '-d', 'shop' ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(60));
	$migration->pump until $out =~ /held/;
	my $pid = start_tool("$log", @backup);
	ok(waits_for_lock('nex_backup'), 'P17: the backup waits for a table');
	my ($code, $said, $seconds) =
	  background_sql('shop', "SET lock_timeout = '3s'; ALTER TABLE a_first ADD COLUMN y int;")->();
	is($code, 0, 'P17: meanwhile another table can be changed') or diag($said);
	cmp_ok($seconds, '<', 3, 'P17: at once');
	$in .= "ALTER TABLE a_first ADD COLUMN x int; ALTER TABLE m_middle ADD COLUMN x int; SELECT 'more';\n";
	$migration->pump until $out =~ /more|ERROR/;
	like($out, qr/more/, 'P17: and the session that the backup waits for gets what it wants');
	sleep(1);
	$in .= "COMMIT;\n\\q\n";
	$migration->finish;
	unlike($out, qr/deadlock/, 'P17: no deadlock');
	is(finish_tool($pid), 0, 'P17: then the backup goes on') or diag(read_bytes("$log"));
	like(read_bytes("$log"), qr/waiting for table public\.\w+, which process \d+ \(application "psql"/,
		'P17: it says for what and for whom it waited');
}

# The wait is bounded, and the error names who is in the way.
{
	my $release = hold_lock('shop', 'z_last');
	my $start = time;
	my $err = tool_fails([ @backup, '--lock-wait-timeout', '1s' ], 1, qr/could not lock all tables within 1 seconds/,
		'P17: a bounded wait');
	cmp_ok(time - $start, '<', 10, 'P17: bounded in time');
	like($err, qr/process \d+ \(application "psql", user "\w+"\) holds an ACCESS EXCLUSIVE lock on table public\.z_last/,
		'P17: the error says who holds it');
	$release->();
}

# P17: somebody wants to lock a table while the backup is under way, and readers come behind.
for my $policy ('wait', 'abort')
{
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $pid = start_tool("$log", @backup, '--on-lock-conflict', $policy, '--pg-bindir', $directory, '--progress', 'json');
	ok(wait_until(sub { -e "$directory/done" }), "P17: a backup with --on-lock-conflict=$policy is under way");
	my $migration = background_sql('shop', 'ALTER TABLE z_last ADD COLUMN IF NOT EXISTS z int');
	waits_for_lock('migration');
	my $reader = background_sql('shop', 'SELECT count(*) FROM z_last');
	if ($policy eq 'wait')
	{
		sleep(3);
		is(query('postgres', 'SELECT count(*), max(waiting_behind), min(snapshot_age) > interval $$2 s$$ FROM nex_backup.connections'),
			'1|1|t', 'P17, P19: age and waiters in the view')
		  if have_extension();
		write_bytes("$directory/go", '');
	}
	my $code = finish_tool($pid);
	my $said = read_bytes("$log");
	my @waited = ($migration->())[ 0, 2 ];
	is($waited[0], 0, 'P17: the schema change goes through');
	is(($reader->())[0], 0, 'P17: so does the reader behind it');
	if ($policy eq 'wait')
	{
		is($code, 0, 'P17: wait: the backup succeeds') or diag($said);
		like($said, qr/process \d+ \(application "migration", user "\w+"\) has waited \d+ s to lock public\.z_last.*behind it: 1/,
			'P17: wait: with a warning in the log');
		like($said, qr/"snapshot_age_seconds":\d.*"lock_waiters":[12]/, 'P17, P19: age and waiters in the progress');
		my $info = tool_json('info', '--repo', $repo, 'shop');
		like(join(' ', @{ $info->{warnings} }), qr/application "migration".*waited \d+ s or more to lock public\.z_last/,
			'P17: wait: and in the backup');
	}
	else
	{
		is($code, 1, 'P17: abort: the backup fails');
		like($said, qr/error: canceled because process \d+ \(application "migration".*lock public\.z_last/, 'P17: abort: and says to whom');
		like($said, qr/1 session behind it/, 'P17: abort: and how many wait');
		like($said, qr/HINT/i, 'P17: abort: with a hint');
		cmp_ok($waited[1], '<', 15, 'P17: abort: within seconds');
		is(() = $said =~ /error:/g, 1, 'P17: abort: one error, no echo of it');
	}
}

# P14: a table that somebody wants to lock before its turn has come: workers have it locked already,
# or do not wait for it.
query('shop', "CREATE TABLE b_big AS SELECT i, md5(i::text) || md5((i + 1)::text) AS t FROM generate_series(1, 250000) i");
for my $policy ('wait', 'abort')
{
	my $log = File::Temp->new;
	my $other = new_repository();
	my $pid = start_tool("$log", 'backup', '--repo', $other, '-d', 'shop', '-j', 1, '--chunk-blocks', 64,
		'--compress', 'zstd:15', '--on-lock-conflict', $policy);
	wait_until(sub { scalar(grep { /\.zst$/ } all_files("$other/objects")) >= 1 });
	my $migration = background_sql('shop', 'ALTER TABLE z_last ADD COLUMN IF NOT EXISTS z int');
	my $code = finish_tool($pid);
	is(($migration->())[0], 0, 'P14: the schema change goes through');
	is($code, $policy eq 'wait' ? 0 : 1, "P14: $policy: exit $code") or diag(read_bytes("$log"));
}

# An index that is newer than the snapshot, which workers open, too, is what is waited for.
{
	my $log = File::Temp->new;
	my $other = new_repository();
	# More than the tool buffers, and seconds of compressing: it still reads the table after both stops.
	query('shop', "INSERT INTO b_big SELECT i, (SELECT string_agg(md5(i || 'x' || j), '') FROM generate_series(1, 30) j) "
		  . 'FROM generate_series(1, 100000) i');
	my $pid = start_tool("$log", 'backup', '--repo', $other, '-d', 'shop', '-j', 1, '--chunk-blocks', 64,
		'--compress', 'zstd:12');
	wait_until(sub { scalar(grep { /\.zst$/ } all_files("$other/objects")) >= 1 });
	kill 'STOP', $pid;
	query('shop', 'CREATE INDEX b_new ON b_big (i) WHERE i = 1');
	kill 'CONT', $pid;
	ok(wait_until(sub { query('shop', "SELECT count(*) FROM pg_locks WHERE relation = 'b_new'::regclass") > 0 }),
		'P17: a worker opens an index that is newer than the snapshot');
	# However fast the machine is, the other session waits for some seconds.
	kill 'STOP', $pid;
	my $reindex = background_sql('shop', 'REINDEX INDEX b_new');
	waits_for_lock('migration');
	sleep(3);
	kill 'CONT', $pid;
	is(finish_tool($pid), 0, 'P17: an index that is newer than the snapshot is rebuilt') or diag(read_bytes("$log"));
	is(($reindex->())[0], 0, 'P17: afterwards');
	like(read_bytes("$log"), qr/has waited \d+ s to lock public\.b_new/, 'P17: and is named');
	query('shop', 'DELETE FROM b_big WHERE length(t) > 100');
	query('shop', 'VACUUM FULL b_big');
}
query('shop', 'DROP TABLE b_big');

# P15: timeouts of the role and of the database do not end a backup.
for my $scope ('ROLE CURRENT_USER', 'DATABASE shop')
{
	my @settings = qw(statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout);
	push @settings, 'transaction_timeout' if query('postgres', 'SHOW server_version_num') >= 170000;
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $release = hold_lock('shop', 'z_last');
	query('postgres', "ALTER $scope SET $_ = '700ms'") for @settings;
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory);
	waits_for_lock('nex_backup');
	sleep(1.5);
	$release->();
	wait_until(sub { -e "$directory/done" });
	sleep(1.5);
	write_bytes("$directory/go", '');
	is(finish_tool($pid), 0, "P15: all timeouts set by ALTER $scope") or diag(read_bytes("$log"));
	query('postgres', "SET statement_timeout = 0; ALTER $scope RESET ALL");
}

# P16: a view cannot be locked; replaced meanwhile it is in the backup in its old or its new form.
{
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory);
	wait_until(sub { -e "$directory/done" });
	query('shop', 'CREATE OR REPLACE VIEW seen AS SELECT id, 1 AS one FROM z_last');
	write_bytes("$directory/go", '');
	is(finish_tool($pid), 0, 'P16: a view is replaced during the backup') or diag(read_bytes("$log"));
	tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'with_view' ], 'P16: the backup restores');
	is(query('with_view', 'SELECT count(*) FROM seen'), 100, 'P16: and the view works');
}

# What pg_dump waits for when it asks for the text of a view, which no timeout of its own bounds.
{
	my ($in, $out) = ("BEGIN; REFRESH MATERIALIZED VIEW stored; SELECT 'held';\n", '');
	query('shop', 'CREATE MATERIALIZED VIEW stored AS SELECT 1 AS one; CREATE VIEW of_stored AS SELECT * FROM stored');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'shop' ], '<', \$in, '>', \$out, IPC::Run::timeout(60));
	$session->pump until $out =~ /held/;
	my $start = time;
	my $err = tool_fails([ @backup, '--lock-wait-timeout', '3s' ], 1, qr/pg_dump could not lock public\.stored within 3 s/, 'pg_dump waits for a materialized view');
	cmp_ok(time - $start, '<', 15, 'and not for ever');
	like($err, qr/pg_dump waits for public\.stored, which process \d+ \(application "psql".*DETAIL:  process \d+.* has it locked/s, 'it says for whom');
	is(foreign_backends(), 1, 'no session of the backup is left');
	$in .= "COMMIT;\n\\q\n";
	$session->finish;
	query('shop', 'DROP MATERIALIZED VIEW stored CASCADE');
}

# As many short waits are a long one: each view is let go of when pg_dump has waited for it a little.
sub locks_in_turn
{
	my ($views, $seconds) = @_;
	my ($in, $out) = ("BEGIN;\n", '');
	$in .= "SAVEPOINT s$_; LOCK TABLE v$_;\n" for reverse 1 .. $views;
	$in .= "SELECT 'held';\n";
	for my $view (1 .. $views)
	{
		$in .= "DO \$\$ BEGIN FOR i IN 1 .. 1000 LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted "
		  . "AND relation = 'v$view'::regclass AND waitstart < clock_timestamp() - interval '$seconds s'); "
		  . "PERFORM pg_sleep(0.02); END LOOP; END \$\$; ROLLBACK TO s$view;\n";
	}
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'shop' ], '<', \$in, '>', \$out, IPC::Run::timeout(60));
	$session->pump until $out =~ /held/;
	return $session;
}
query('shop', join('', map { "CREATE VIEW v$_ AS SELECT 1 AS one; CREATE VIEW w$_ AS SELECT * FROM v$_;" } 1 .. 9));
{
	my $session = locks_in_turn(9, 0.8);
	my $err = tool_fails([ @backup, '--lock-wait-timeout', '1s' ], 1,
		qr/pg_dump could not lock public\.v\d within 3 s, which is the most for all its waits together/,
		'waits that are short each come to too much');
	like($err, qr/DETAIL:  process \d+ .* has it locked/, 'and it says whose');
	$session->kill_kill;
	$session = locks_in_turn(3, 1.3);
	my ($code, undef, $said) = tool(@backup);
	is($code, 0, 'some waits are allowed') or diag($said);
	like($said, qr/warning: pg_dump waits for public\.v\d, which process \d+ \(application "psql"/, 'with a warning');
	like(join(' ', @{ tool_json('info', '--repo', $repo, 'shop')->{warnings} }),
		qr/pg_dump waited \d s or more in all for locks of others, at last for public\.v\d, which process/,
		'and in the backup');
	$session->kill_kill;
	query('shop', join('', map { "DROP VIEW v$_ CASCADE;" } 1 .. 9));
}

# An open ALTER SEQUENCE: seen before anything is copied, and waited for, or named.
sub open_transaction
{
	my ($sql, @user) = @_;
	my ($in, $out) = ("BEGIN; $sql; SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'shop', @user ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(60));
	$session->pump until $out =~ /held|ERROR/;
	return sub {
		my ($more) = @_;
		$in .= $more;
		while (length $in) { $session->pump_nb; sleep(0.02); }
		return if $more !~ /\\q/;
		$session->finish;
		return $out;
	};
}
query('shop', 'CREATE SEQUENCE alpha; CREATE SEQUENCE sold; SELECT nextval($$sold$$)');
{
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	# Which does not wait: if it is started at all, that is seen, and the test goes on.
	write_bytes("$directory/go", '');
	my $session = open_transaction('ALTER SEQUENCE sold INCREMENT 2');
	my $err = tool_fails([ @backup, '--lock-wait-timeout', '1s', '--pg-bindir', $directory ], 1,
		qr/could not lock sequence public\.sold within 1 s/, 'a sequence that is being altered');
	like($err, qr/DETAIL:  process \d+ \(application "psql", user "\w+"\) has it locked\.\nHINT:  Run the backup again when/,
		'with its holder');
	ok(!-e "$directory/done", 'before anything is read');
	my $pid = start_tool("$log", @backup);
	ok(wait_until(sub { read_bytes("$log") =~ /waiting for sequence public\.sold, which process \d+ \(application "psql"/ }),
		'a backup waits for it');
	$session->("ALTER SEQUENCE alpha INCREMENT 2; ALTER TABLE z_last ADD COLUMN q int; COMMIT;\n\\q\n");
	is(finish_tool($pid), 0, 'and goes on when that is done') or diag(read_bytes("$log"));
}
# One that comes when the rows are being copied.
for my $more ('', 'ALTER TABLE z_last ADD COLUMN r int')
{
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory, $more eq '' ? ('--lock-wait-timeout', '1s') : ());
	ok(wait_until(sub { -e "$directory/done" }), 'a backup is under way');
	my $session = open_transaction('ALTER SEQUENCE sold INCREMENT 3');
	$session->("$more;\n") if $more ne '';
	waits_for_lock('psql') if $more ne '';
	my $start = time;
	write_bytes("$directory/go", '');
	is(finish_tool($pid), 1, 'a sequence that is locked at the end');
	cmp_ok(time - $start, '<', 20, 'is not waited for by those who wait for each other') if $more ne '';
	my $how = $more eq '' ? qr/ within 1 s\nDETAIL:  process \d+ .*has it locked\./
	  : qr/\nDETAIL:  process \d+ .*has it locked, and waits to lock what this backup has locked\./;
	like(read_bytes("$log"), qr/could not lock sequence public\.sold$how\nHINT/, 'is named, with its holder');
	unlike($session->("COMMIT;\n\\q\n"), qr/ERROR/, 'and the other session goes on');
}
# The same for schemas that are being renamed, where sequences have to be read by their names.
{
	query('shop', 'CREATE ROLE tenant LOGIN; CREATE SCHEMA theirs AUTHORIZATION tenant; CREATE SEQUENCE theirs.unused;'
		  . 'GRANT CREATE ON DATABASE shop TO tenant');
	my $session = open_transaction('ALTER SCHEMA theirs RENAME TO other', '-U', 'tenant');
	if (query('postgres', 'SHOW server_version_num') < 180000)
	{
		my $err = tool_fails([ @backup, '--lock-wait-timeout', '1s' ], 1,
			qr/could not lock the list of schemas \(pg_catalog\.pg_namespace\) within 1 s/, 'a schema that is being renamed');
		like($err, qr/DETAIL:  process \d+ \(application "psql", user "tenant"\) has it locked/, 'with who does');
	}
	$session->("ROLLBACK;\n\\q\n");
	query('shop', 'DROP SCHEMA theirs CASCADE; REVOKE CREATE ON DATABASE shop FROM tenant; DROP ROLE tenant; DROP SEQUENCE alpha, sold');
}

# Any role can ask for an exclusive lock of a catalog, CREATE RULE before privileges are looked at, and
# then waits for the leader's transaction; each new connection waits behind it, that of pg_dump, too.
sub late_pg_dump
{
	my $directory = waiting_pg_dump($node);
	my $bindir = $node->config_data('--bindir');

	write_bytes("$directory/pg_dump", <<"SH");
#!/bin/sh
[ "\$1" = --version ] && exec "$bindir/pg_dump" "\$\@"
touch "$directory/done"
while [ ! -e "$directory/go" ]; do sleep 0.1; done
exec "$bindir/pg_dump" "\$\@"
SH
	return $directory;
}
query('postgres', 'CREATE ROLE eve LOGIN; CREATE DATABASE eves; CREATE ROLE nightly LOGIN; GRANT pg_read_all_data TO nightly');
my $rule = 'CREATE RULE r AS ON INSERT TO pg_catalog.%s DO INSTEAD NOTHING';
for my $case (
	[ 'eve', 'eves', sprintf($rule, 'pg_database'), [], 0, qr/warning: canceled a statement of process \d+ \(application "waiter", user "eve"\), which had waited \d+ s to lock pg_database; behind it: \d/, qr/canceling statement due to user request/ ],
	[ 'eve', 'shop', sprintf($rule, 'pg_class'), [], 0, qr/warning: canceled a statement of process \d+ \(application "waiter", user "eve"\), which had waited \d+ s to lock pg_class/, qr/canceling statement/ ],
	[ 'eve', 'eves', sprintf($rule, 'pg_database'), [ '-U', 'nightly' ], 1, qr/error: canceled because process \d+ \(application "waiter", user "eve"\) is waiting to lock pg_database\nDETAIL:.*sessions of the backup among them.*\nHINT:.*pg_signal_backend/, qr/permission denied/ ],
	[ undef, 'postgres', 'BEGIN; LOCK TABLE pg_database; COMMIT', [], 1, qr/error: canceled because process \d+ \(application "waiter".*is waiting to lock pg_database\n/, qr/^$/ ])
{
	my ($user, $database, $sql, $options, $expected, $message, $answer) = @$case;
	my $log = File::Temp->new;
	my $directory = late_pg_dump();
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory, @$options);
	my ($in, $out, $seen) = ('', '', '');
	# Nobody can connect to look, then.
	my $observer = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres' ], '<', \$in, '>', \$seen, IPC::Run::timeout(60));
	$in = "SELECT 'there', count(*) FROM pg_stat_activity, pg_locks;\n";
	$observer->pump until $seen =~ /there/;

	ok(wait_until(sub { -e "$directory/done" }), 'a backup has its snapshot, but no pg_dump yet');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', "dbname=$database application_name=waiter", defined $user ? ('-U', $user) : (), '-c', $sql ],
		'<', '/dev/null', '>', \$out, '2>&1', IPC::Run::timeout(60));
	$in = "DO \$\$ BEGIN FOR i IN 1 .. 1000 LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted "
	  . "AND mode = 'AccessExclusiveLock'); PERFORM pg_sleep(0.02); END LOOP; END \$\$; SELECT 'waits';\n\\q\n";
	$observer->finish;
	write_bytes("$directory/go", '');
	my $start = time;
	is(finish_tool($pid), $expected, "$sql: exit code $expected") or diag(read_bytes("$log"));
	cmp_ok(time - $start, '<', 25, 'in time');
	like(read_bytes("$log"), $message, 'it says whose statement it was');
	$session->finish;
	like($out, $answer, 'and the statement has ended');
}
like(join(' ', @{ tool_json('info', '--repo', $repo, 'shop')->{warnings} }),
	qr/statements canceled because others waited behind them, and they behind this backup: \d+, at last one of process \d+ \(application "waiter", user "eve"\), which wanted to lock pg_class/,
	'and so does the backup');
# Again and again, until it waits for the leader: workers need the catalog, too.
{
	my ($endless, $out) = ("CREATE RULE r AS ON INSERT TO pg_catalog.pg_class DO INSTEAD NOTHING;\n" x 200_000, '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-U', 'eve', '-d', 'shop' ], '<', \$endless, '>', '/dev/null', '2>&1');
	my $start = time;

	my ($code, undef, $said) = tool(@backup);
	is($code, 0, 'statements one after the other that lock a catalog: the backup ends well') or diag($said);
	cmp_ok(time - $start, '<', 40, 'and soon');
	$session->kill_kill;
}

# Who has such a lock, and keeps it, because the statement waits for another one.
{
	my @globals = ('globals', 'backup', '--repo', $repo);
	my @restore = ('globals', 'restore', '--repo', $repo, '--existing-roles', 'keep', '--yes');
	my @short = ('--lock-wait-timeout', '2s');

	query('eves', 'CREATE TABLE public.kept (); ALTER TABLE public.kept OWNER TO eve');
	tool_ok(\@globals, 'a backup of the globals');
	for my $catalog ('pg_auth_members', 'pg_tablespace')
	{
		my $out;
		my $release = hold_lock('eves', 'public.kept');
		my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'dbname=eves application_name=keeper user=eve', '-c',
				"CREATE RULE r AS ON INSERT TO pg_catalog.$catalog DO ALSO SELECT * FROM public.kept" ], '<', '/dev/null', '>', \$out, '2>&1', IPC::Run::timeout(120));

		waits_for_lock('keeper');
		for my $command (\@globals, \@restore)
		{
			my $start = time;
			my $name = "$command->[1] of the globals, $catalog being locked";
			my ($code, undef, $said) = tool(@$command, @short);

			is($code, 1, "$name: an error");
			cmp_ok(time - $start, '<', 25, 'in time');
			like($said, qr/could not get a lock within 2 s|due to lock timeout/, 'that says why');
			like($said, qr/process \d+ \(application "keeper", user "eve", database "eves"\)/, 'and because of whom') if $catalog eq 'pg_auth_members';
			like($said, qr/--lock-wait-timeout/, 'and what helps');
			unlike($said, qr/pgpass/, 'not a password');
		}
		$release->();
		$session->finish;
		like($out, qr/permission denied/, 'the statement itself was not allowed');
	}
	tool_ok(\@globals, 'afterwards all is well');
}

# The same by code of others that a superuser runs: a function of an index, in autovacuum.
{
	query('postgres', "ALTER SYSTEM SET $_") for 'autovacuum = on', "autovacuum_naptime = '1s'";
	query('postgres', 'SELECT pg_reload_conf()');
	query('eves', <<'SQL');
CREATE SCHEMA eve AUTHORIZATION eve;
SET SESSION AUTHORIZATION eve;
CREATE FUNCTION eve.f(i int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	until timestamptz := clock_timestamp() + interval '40 seconds';
BEGIN
	WHILE session_user <> 'eve' AND clock_timestamp() < until LOOP
		BEGIN
			EXECUTE 'CREATE RULE r AS ON INSERT TO pg_catalog.pg_database DO NOTHING';
		EXCEPTION WHEN query_canceled OR insufficient_privilege THEN NULL;
		END;
		PERFORM pg_sleep(0.002);
	END LOOP;
	RETURN i;
END $$;
CREATE FUNCTION eve.fi(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN eve.f(i); END';
CREATE TABLE eve.av (a int) WITH (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);
CREATE INDEX ON eve.av (eve.fi(a));
INSERT INTO eve.av SELECT generate_series(1, 300);
SQL
	ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^autovacuum.*eve.av'") }), 'autovacuum runs code of a role');
	my ($code, undef, $said) = tool(@backup);
	is($code, 0, '... that locks a catalog: the backup ends well') or diag($said);
	like($said, qr/warning: canceled a statement of process \d+ \(application "autovacuum worker", user ""\) \(autovacuum: (?:VACUUM )?ANALYZE eve\.av\)/, '... and says whose table it is');
	query('postgres', 'ALTER SYSTEM SET autovacuum = off');
	query('postgres', 'SELECT pg_reload_conf()');
	wait_until(sub { query('postgres', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query ~ '^autovacuum.*eve.av'") == 0 });
	query('eves', 'DROP TABLE eve.av');
	query('postgres', "ALTER SYSTEM RESET $_") for qw(autovacuum autovacuum_naptime);
	query('postgres', 'SELECT pg_reload_conf()');
}

# P19: the snapshot may not get older than allowed.
{
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory, '--max-snapshot-age', '2s');
	is(finish_tool($pid), 1, 'P19: a snapshot that gets too old ends the backup');
	like(read_bytes("$log"), qr/error: snapshot is \d+ s old, more than the 2 s allowed.*HINT.*--max-snapshot-age/si,
		'P19: and the error says why');
	is(foreign_backends(), 0, 'P19: no snapshot is left');
}

# P22: prepared transactions.
{
	query('shop', "BEGIN; INSERT INTO m_middle (id) VALUES (-1); PREPARE TRANSACTION 'rows';");
	tool_ok(\@backup, 'P22: with a prepared transaction around');
	tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'without_prepared' ], 'P22: the restore');
	is(query('without_prepared', 'SELECT count(*) FROM m_middle WHERE id < 0'), 0, 'P22: its rows are not in the backup');
	query('shop', "COMMIT PREPARED 'rows'");
	query('shop', "BEGIN; ALTER TABLE m_middle ADD COLUMN p int; PREPARE TRANSACTION 'ddl';");
	my $err = tool_fails([ @backup, '--lock-wait-timeout', '1s' ], 1, qr/could not lock all tables/,
		'P22: a prepared transaction holds a lock');
	like($err, qr/a prepared transaction holds an ACCESS EXCLUSIVE lock on table public\.m_middle/, 'P22: and is named');
	query('shop', "ROLLBACK PREPARED 'ddl'");
}

# Locks that a new session waits for before anything can be asked of it.
{
	my $release = hold_lock('shop', 'pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE');
	my $began = time;
	my ($code, $out, $err) = tool(@backup, '--lock-wait-timeout', '1s');

	cmp_ok(time - $began, '<', 14, "a catalog is locked: --lock-wait-timeout bounds the wait of a new session, too");
	is($code, 1, '... and the backup fails');
	like($err, qr/could not connect to the database\nDETAIL: .*(did not answer within \d+ s|due to lock timeout)/, '... with the reason');
	like($err, qr/Process \d+ of role \S+ holds an AccessExclusiveLock of a catalog of the database/, '... and whose lock it is');
	$release->();
}
{
	my ($in, $out) = ("BEGIN; ALTER ROLE CURRENT_USER IN DATABASE shop SET work_mem = '4MB'; SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres' ], '<', \$in, '>', \$out, IPC::Run::timeout(60));

	$session->pump until $out =~ /held/;
	my $drop = background_sql('postgres', 'DROP DATABASE shop');
	waits_for_lock('migration');
	my ($code, $o, $err) = tool(@backup, '--lock-wait-timeout', '1s');
	is($code, 1, 'somebody wants to drop the database');
	like($err, qr/DETAIL: .*Process \d+ of role \S+ waits, and new sessions wait behind it, for an AccessExclusiveLock of the database/, '... who is named');
	like($err, qr/HINT:  pg_terminate_backend\(\)/, '... with what helps');
	query('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'migration'");
	$drop->();
	$in .= "ROLLBACK;\n\\q\n";
	$session->finish;
}
$node->stop;

# P18: more tables than the server has room for locks.
my $small = start_server('small', max_locks_per_transaction => 10, max_worker_processes => 0,
	max_wal_senders => 0, autovacuum_max_workers => 1);
query('postgres', 'CREATE DATABASE many TEMPLATE template0');
query('many', "SELECT format('CREATE TABLE t%s (i int)', i) FROM generate_series(1, 700) i \\gexec");
@backup = ('backup', '--repo', new_repository(), '-d', 'many', '-j', 2);
my $err = tool_fails(\@backup, 1, qr/no room for the locks of 700 tables/, 'P18: too many tables');
like($err, qr/Set max_locks_per_transaction to (\d+) or more \(it is 10\)/, 'P18: the hint names the number');
my ($needed) = $err =~ /max_locks_per_transaction to (\d+)/;
$small->append_conf('postgresql.conf', "max_locks_per_transaction = $needed");
$small->restart;
tool_ok(\@backup, "P18: with max_locks_per_transaction = $needed it works");

done_testing();
