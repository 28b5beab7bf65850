# A role that may report what it did, and nothing else, holds what it has changed in a transaction that it leaves open:
# backups, verifications and nex_backup_sync() of a repository that somebody has vouched for go on.
use strict;
use warnings;

use IPC::Run ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main', wal_level => 'replica', max_wal_senders => 2, max_prepared_transactions => 1);
plan skip_all => 'the extension is not installed' unless have_extension();
my $repo = new_repository();

query('postgres', 'CREATE EXTENSION nex_backup; CREATE ROLE bk LOGIN; GRANT USAGE ON SCHEMA nex_backup TO bk; GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO bk');
create_database('shop');
query('shop', 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');
my @catalogue = ('--catalogue', 'dbname=postgres');
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop', @catalogue ], 'a backup');
my ($id, $known) = split /\|/, query('postgres', 'SELECT r.id, b.id FROM nex_backup.repositories r JOIN nex_backup.backups b ON b.repository = r.id');

# A session that stays as it is until the returned sub is called, which gives its pid before.
sub hold
{
	my ($sql, @options) = @_;
	my ($in, $out, $err) = ("$sql; SELECT 'held', pg_backend_pid();\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', @options ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));

	$session->pump until $out =~ /held/ || $err =~ /ERROR:  (?!division|current transaction is aborted)|FATAL/;
	die $err if $err =~ /ERROR:  (?!division|current transaction is aborted)|FATAL/;
	my ($pid) = $out =~ /held\|(\d+)/;
	return ($pid, sub { $in .= "\\q\n"; eval { $session->pump while $session->pumpable && length $in; $session->finish; 1 } or $session->kill_kill; });
}

sub report
{
	my ($event, $rest) = @_;

	return "SELECT nex_backup.record('$event', jsonb_build_object('repository', jsonb_build_object('id', '$id', 'location', '/x', 'host', 'vm', 'cipher', 'none'),"
	  . "'state', 'succeeded', 'started', now()$rest))";
}

my $manifest = q(, 'manifest', jsonb_build_object('snapshot_at', now(), 'warnings', '[]'::jsonb, 'tables', '[]'::jsonb));
my %reports = (
	'a run' => report('verify', ''),
	'a verification' => report('verify', ", 'database', 'shop', 'backup', '$known', 'result', 'failed'"),
	'a removal' => report('expire', ", 'removed', '[{\"database\": \"shop\", \"backup\": \"$known\"}]'::jsonb"),
	'the same backup' => report('backup', ", 'database', 'shop', 'backup', '$known'$manifest"),
	'another backup' => report('backup', ", 'database', 'shop', 'backup', '20200101T000000Z'$manifest"));
my $rows = 0;
for my $what (sort keys %reports)
{
	my (undef, $release) = hold("BEGIN; $reports{$what}", '-U', 'bk');
	my $begun = time;
	my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'shop', @catalogue);

	is($code, 0, "$what, in a transaction that stays open: a backup is made");
	unlike($err, qr/could not record/, '... and recorded');
	is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE repository = '$id'"), ++$rows + 1, '... as one more');
	is((tool('verify', '--repo', $repo, 'shop', @catalogue))[2] =~ /could not record/ ? 'waited' : 'done', 'done', '... a verification is');
	ok(eval { query('postgres', "SET statement_timeout = '15s'; SELECT nex_backup_sync('$repo')"); 1 }, '... nex_backup_sync() does not wait') or diag($@);
	ok(eval { query('postgres', "SET statement_timeout = '15s'; SELECT nex_backup_verify('shop/$known', '$repo')"); 1 }, '... nor does nex_backup_verify()') or diag($@);
	cmp_ok(time - $begun, '<', 30, '... in short time');
	$release->();
}

# It cannot hold any of it for long: whoever waits for a table, and whoever waits behind, has its turn.
my $record = report('verify', '');
my %stays = (
	'idle' => "BEGIN; $record",
	'with settings of its own' => "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; BEGIN; $record; SET LOCAL statement_timeout = 0",
	'after an error' => "BEGIN; $record; SAVEPOINT s; SELECT 1/0; ROLLBACK TO s",
	'after an error in what was aborted' => "BEGIN; $record; SAVEPOINT s; SELECT 1/0; SELECT 1; ROLLBACK TO s",
	'aborted still' => "BEGIN; $record; SELECT 'held', pg_backend_pid(); SAVEPOINT s; SELECT 1/0; SELECT 1",
	'after an error in a block' => "BEGIN; $record; DO 'BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END'; SAVEPOINT s; SAVEPOINT t; SELECT 1/0; ROLLBACK TO s",
	'in a savepoint' => "BEGIN; SAVEPOINT s; $record; RELEASE s",
	'in one of two savepoints' => "BEGIN; SAVEPOINT s; SAVEPOINT t; $record; RELEASE t; SAVEPOINT u; $record; ROLLBACK TO u",
	'in a cursor from before a savepoint' => "BEGIN; DECLARE c CURSOR FOR $record; SAVEPOINT s; FETCH c; ROLLBACK TO s",
	'in a cursor after another call' => "BEGIN; DECLARE c CURSOR FOR $record; SAVEPOINT s; $record; FETCH c; ROLLBACK TO s",
	'again after a savepoint' => "BEGIN; SAVEPOINT s; $record; ROLLBACK TO s; $record");
# What went back to before the report has none of its locks, and goes on.
my %goes_on = (
	'back to a savepoint' => "BEGIN; SAVEPOINT s; $record; ROLLBACK TO s",
	'back to an outer savepoint' => "BEGIN; SAVEPOINT s; SAVEPOINT t; $record; RELEASE t; SAVEPOINT u; $record; ROLLBACK TO s",
	'an error in a block' => "BEGIN; DO \$\$ BEGIN PERFORM " . ($record =~ s/^SELECT //r) . "; PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END \$\$");
my %going = map { $_ => (hold($goes_on{$_}, '-U', 'bk'))[0] } sort keys %goes_on;
my @busy = ("BEGIN; $record; SELECT pg_sleep(100)", "DO \$\$ BEGIN PERFORM " . ($record =~ s/^SELECT //r) . "; PERFORM pg_sleep(100); END \$\$");
my @sessions = map { IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-U', 'bk', '-c', $_ ], '<', \my $in, '>', \my $out, '2>', \my $err) } @busy;
my %held = map { $_ => (hold($stays{$_}, '-U', 'bk'))[0] } sort keys %stays;
my ($root) = hold("BEGIN; $record");
my $others = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'bk'";
ok(wait_until(sub { query('postgres', $others) == 16 }), 'sessions that stay in a transaction');
ok(eval { query('postgres', "SELECT pg_terminate_backend($root)"); query('postgres', "BEGIN; SET LOCAL lock_timeout = '15s'; LOCK TABLE nex_backup.runs; ROLLBACK"); 1 },
	'one that waits for the whole table gets it') or diag($@);
is(query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $held{$_}"), 0, "$_: ended") for sort keys %held;
is(query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $going{$_}"), 1, "$_: goes on") for sort keys %going;
is(query('postgres', "$others AND pid NOT IN (" . join(',', values %going) . ')'), 0, 'and those that were busy are ended');
query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bk'");
$_->finish for @sessions;
{
	my ($pid, $release) = hold('SELECT 1', '-U', 'bk');
	query('postgres', "SET SESSION AUTHORIZATION bk; $record");
	my ($mine, $end) = hold("$record; BEGIN; SELECT 1", '-U', 'bk');

	# One that waits in its COMMIT for what it may still fail for, a temporary table that is to be emptied, has not ended.
	query('postgres', 'CREATE SCHEMA bk AUTHORIZATION bk; SET SESSION AUTHORIZATION bk; CREATE TABLE bk.parent (i int)');
	my ($in, $out, $err) = ("CREATE TEMP TABLE x () INHERITS (bk.parent) ON COMMIT DELETE ROWS; SELECT 'made';\n", '', '');
	my $emptying = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-U', 'bk' ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	$emptying->pump until $out =~ /made\n/;
	my (undef, $let_go) = hold('BEGIN; LOCK TABLE bk.parent IN ACCESS SHARE MODE', '-U', 'bk');
	$in .= "BEGIN; SELECT FROM x; $record; COMMIT;\n";
	$emptying->pump while length $in;

	# One that is committed, and waits for a synchronous standby that is not there, has reported: its session goes on.
	query('postgres', "ALTER SYSTEM SET synchronous_standby_names = 'gone'");
	query('postgres', 'SELECT pg_reload_conf()');
	sleep 1;
	my $recorded = query('postgres', 'SELECT count(*) FROM nex_backup.runs');
	my $perform = 'PERFORM ' . ($record =~ s/^SELECT //r);
	my %commits = (
		'by itself' => [$record],
		'in a block' => [ 'BEGIN', $record, 'SAVEPOINT s', 'SELECT 1', 'COMMIT' ],
		'in one that goes on' => [ 'BEGIN', $record, 'COMMIT AND CHAIN', 'SELECT pg_sleep(2)' ],
		'in a procedure' => ["DO \$\$ BEGIN $perform; COMMIT; PERFORM pg_sleep(2); END \$\$"],
		'with what a role may set' => [ "SET synchronous_commit = 'remote_apply'", 'SET statement_timeout = 0', $record ]);
	my %waiting;
	for my $how (sort keys %commits)
	{
		my $session = $waiting{$how} = { out => '', err => '' };

		$session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-U', 'bk', map({ ('-c', $_) } @{ $commits{$how} }, "SELECT 'goes on'") ],
			'<', '/dev/null', '>', \$session->{out}, '2>', \$session->{err}, IPC::Run::timeout(180));
	}
	my ($code, undef, $said) = tool('backup', '--repo', $repo, '-d', 'shop', '--catalogue', 'dbname=postgres user=bk');
	is($code, 0, 'a standby that is lost: a backup is made');
	unlike($said, qr/could not record/, '... and recorded');
	unlike(read_bytes($node->logfile), qr/ nex_backup\S* WARNING:  canceling wait for synchronous replication/, '... without a wait for it');
	for my $how (sort keys %waiting)
	{
		my $session = $waiting{$how};

		ok($session->{run}->finish, "... a report that is committed $how");
		like($session->{err}, qr/canceling wait for synchronous replication.*The transaction has already committed locally/s, '... is told so');
		unlike($session->{err}, qr/ERROR|FATAL/, '... has no error');
		like($session->{out}, qr/^goes on$/m, '... and goes on');
	}
	cmp_ok(query('postgres', 'SELECT count(*) FROM nex_backup.runs'), '>=', $recorded + 6, '... all is recorded');
	query('postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
	query('postgres', 'SELECT pg_reload_conf()');
	eval { $emptying->pump while $emptying->pumpable; $emptying->finish; 1 } or $emptying->kill_kill;
	like($err, qr/terminating connection due to administrator command/, 'one that waits before it is committed is ended');
	is(query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pid, $mine)"), 2, 'a transaction that has reported nothing stays');
	$_->() for $release, $end, $let_go;
}

# What is done in the end: something is added, nothing of others is changed.
my $before = query('postgres', "SELECT b.* FROM nex_backup.backups b WHERE b.id = '$known'");
query('postgres', "SET SESSION AUTHORIZATION bk; $reports{$_}") for sort keys %reports;
is(query('postgres', "SELECT b.* FROM nex_backup.backups b WHERE b.id = '$known'"), $before, 'the backup is as it was');
is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE id = '20200101T000000Z'"), 1, 'what it adds is there');
is(query('postgres', 'SELECT location, cipher FROM nex_backup.repositories'), "$repo|", 'the place is as it was');

# Its own repositories are its own.
my ($mine) = map { s/'id', '\Q$id\E'/'id', 'own'/r } report('backup', ", 'database', 'd', 'backup', '20260101T000000Z'$manifest");
my ($verified) = map { s/'id', '\Q$id\E'/'id', 'own'/r } report('verify', ", 'database', 'd', 'backup', '20260101T000000Z', 'result', 'ok'");
my ($removed) = map { s/'id', '\Q$id\E'/'id', 'own'/r } report('expire', ", 'removed', '[{\"database\": \"d\", \"backup\": \"20260101T000000Z\"}]'::jsonb");
query('postgres', "SET SESSION AUTHORIZATION bk; $mine; $verified");
is(query('postgres', "SELECT verified_ok FROM nex_backup.backups WHERE repository = 'own'"), 't', 'in its own repository it reports a verification');
query('postgres', "SET SESSION AUTHORIZATION bk; $removed");
is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE repository = 'own'"), 0, 'and a removal');

# Nor is anything held by a transaction that has no session.
for my $call ("nex_backup_sync('$repo')", "nex_backup_verify('shop/$known', '$repo')", "nex_backup_create_restore_point('p')", $record =~ s/^SELECT //r)
{
	ok(!eval { query('postgres', "BEGIN; SELECT $call; PREPARE TRANSACTION 'x'"); 1 }, "prepared: $call");
	like($@, qr/cannot PREPARE a transaction that has changed or locked something of nex_backup/, '... is refused');
}

# Whoever may hold the row: the wait ends, with the reason.
my ($pid, $release) = hold("BEGIN; UPDATE nex_backup.repositories SET host = host WHERE id = '$id'");
ok(!eval { query('postgres', "SET statement_timeout = '60s'; SELECT nex_backup_sync('$repo')"); 1 }, 'a row that a superuser holds: nex_backup_sync() ends');
like($@, qr/ERROR:  could not lock the rows of repository "\Q$repo\E" in the catalog in time.*DETAIL:  Process $pid of role .*HINT:  .*pg_terminate_backend\($pid\)/s, 'and says who holds it');
$release->();
ok(eval { query('postgres', "SELECT nex_backup_sync('$repo')"); 1 }, 'and works afterwards');

done_testing();
