# What may happen to a server, or to one session of a backup, while the backup is under way: the
# backup fails with one clear error, soon, leaves nothing half, and the next one works.
use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::UNIX;
use NexBackup::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $node = start_server('main', restart_after_crash => 'on');
delete $ENV{PGAPPNAME};
my $repo = new_repository();
my @backup = ('backup', '--repo', $repo, '-d', 'shop', '-j', 2, '--progress', 'none', '--catalogue', 'none');
my $backups = 0;

query('postgres', 'CREATE DATABASE shop TEMPLATE template0');
query('shop', 'CREATE TABLE a AS SELECT i, md5(i::text) AS t FROM generate_series(1, 300000) i;'
	  . 'CREATE TABLE b (id serial PRIMARY KEY); INSERT INTO b DEFAULT VALUES;');

# Afterwards: one error, no backup, no session, and the next backup is good.
sub recovers
{
	my ($name, $log, $code, $pattern) = @_;
	my $said = read_bytes("$log");

	is($code, 1, "$name: exit 1") or diag($said);
	like($said, $pattern, "$name: the error says what happened");
	is(() = $said =~ /^nex_backup: error:/gm, 1, "$name: one error, no echo of it") or diag($said);
	is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, $backups, "$name: nothing was published");
	is(foreign_backends(), 0, "$name: no session is left");
	tool_ok(\@backup, "$name: the next backup works");
	tool_ok([ 'verify', '--repo', $repo, 'shop' ], "$name: and is good");
	$backups++;
	return;
}

# A backup that copies until a file is there: tables that are larger than all that the tool buffers, of which nothing
# is stored before.
my $shim = gate_shim();
my $gate = "$repo.gate";
sub start_held
{
	my ($log, @options) = @_;

	unlink $gate;
	local @ENV{ 'LD_PRELOAD', 'GATE_SHIM_FILE' } = ($shim, $gate) if $shim;
	return start_tool("$log", @backup, '--compress', $shim ? 'zstd:1' : 'zstd:15', @options);
}

sub terminate
{
	my ($which) = @_;
	return query('postgres', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'shop' AND $which");
}

# The session that holds the snapshot is ended when all rows are copied already: noticed at once.
{
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory);
	wait_until(sub { -e "$directory/done" });
	sleep(1);
	my $start = time;
	is(terminate("application_name = 'nex_backup'"), 1, 'the leader is ended');
	my $code = finish_tool($pid);
	cmp_ok(time - $start, '<', 10, 'the leader is ended: noticed within seconds, not at the end of the backup');
	recovers('the leader is ended', $log, $code,
		qr/error: lost the snapshot.*terminating connection due to administrator command.*HINT/s);
}

# A worker is ended while it copies.
{
	my $log = File::Temp->new;
	query('shop', "CREATE TABLE a_big AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 75000) i");
	my $pid = start_held($log);
	my $ended = 0;
	wait_until(sub {
		return $ended = query('postgres', "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
			  . "WHERE datname = 'shop' AND application_name = 'nex_backup' AND query LIKE '%COPY%a_big%' AND state = 'active' LIMIT 1) one");
	});
	write_bytes($gate, '');
	is($ended, 1, 'a worker is ended');
	# A server that cannot get rid of its rows cannot say why it goes, either.
	recovers('a worker is ended', $log, finish_tool($pid),
		qr/error: could not copy table public\.a_big.*(?:HINT|server closed the connection)/s);
	query('shop', 'DROP TABLE a_big');
}

# pg_dump's session is ended.
{
	my $log = File::Temp->new;
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $bindir = $node->config_data('--bindir');
	symlink("$bindir/pg_restore", "$directory/pg_restore");
	# Without its session: as if it had been ended in its midst.
	write_bytes("$directory/pg_dump",
		qq(#!/bin/sh\n[ "\$1" = --version ] && exec "$bindir/pg_dump" --version\n)
		  . qq(exec "$bindir/pg_dump" --dbname="port=1 host=/nowhere"\n));
	chmod 0755, "$directory/pg_dump";
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory);
	recovers('pg_dump fails', $log, finish_tool($pid), qr/error: pg_dump failed with exit code 1.*nowhere/s);
}

# The whole server goes away, in three ways.
for my $mode ('fast', 'immediate', 'kill')
{
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory);
	wait_until(sub { -e "$directory/done" });
	sleep(1);
	if ($mode eq 'kill')
	{
		# One backend crashes; the server ends all the others and comes back.
		my $victim = query('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
		kill 'KILL', $victim;
	}
	else
	{
		$node->stop($mode);
	}
	my $code = finish_tool($pid);
	if ($mode eq 'kill')
	{
		wait_until(sub { eval { query('postgres', 'SELECT 1') } });
	}
	else
	{
		$node->start;
	}
	recovers("server: $mode", $log, $code, qr/error: lost the snapshot/);
}

# A sequence that is dropped while rows are copied cannot be locked by anybody before.
{
	query('shop', "CREATE SEQUENCE lone; CREATE TABLE a_big AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 75000) i");
	my $log = File::Temp->new;
	my $pid = start_held($log, '--verbose');
	wait_until(sub { read_bytes("$log") =~ /the schema is read/ });
	query('shop', 'DROP SEQUENCE lone');
	write_bytes($gate, '');
	recovers('P16: a sequence is dropped', $log, finish_tool($pid), qr/error: a sequence was dropped or renamed while.*DETAIL: [^\n]*"lone"/s);
	query('shop', 'DROP TABLE a_big');
}

# Or it is locked for longer than we wait.
{
	query('shop', 'CREATE SEQUENCE held');
	my $log = File::Temp->new;
	my $directory = waiting_pg_dump($node);
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory, '--lock-wait-timeout', '1s');
	wait_until(sub { -e "$directory/done" });
	my $drop = background_sql('shop', 'BEGIN; DROP SEQUENCE held; SELECT pg_sleep(8); ROLLBACK;');
	sleep(1);
	write_bytes("$directory/go", '');
	my $code = finish_tool($pid);
	$drop->();
	recovers('P16: a sequence is locked', $log, $code, qr/error: (?:[^\n]*lock timeout|could not lock sequence public\.held within 1 s).*HINT/s);
}

# The connection is lost at a command: before the server gets it, or when it was done.  What is said is what is so.
sub between
{
	my ($pattern, $when, @command) = @_;
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $listener = IO::Socket::UNIX->new(Local => "$directory/.s.PGSQL.5432", Listen => 20) or die $!;
	my $target = $node->host . '/.s.PGSQL.' . $node->port;
	my $proxy = fork;
	if ($proxy == 0)
	{
		$SIG{TERM} = 'DEFAULT';
		$SIG{PIPE} = 'IGNORE';
		my ($select, %other, %is_client, $done) = (IO::Select->new($listener));
		while (my @ready = $select->can_read(60))
		{
			for my $from (@ready)
			{
				if ($from == $listener)
				{
					my $client = $listener->accept or next;
					my $server = IO::Socket::UNIX->new(Peer => $target) or do { close $client; next };
					@other{ $client, $server } = ($server, $client);
					$is_client{$client} = 1;
					$select->add($client, $server);
					next;
				}
				my $to = $other{$from} or next;
				my $length = sysread($from, my $data, 65536);
				my $cut = !$length;
				if (!$cut && !$done && $is_client{$from} && $data =~ $pattern)
				{
					$done = $cut = 1;
					if ($when ne 'before')
					{
						syswrite($to, $data);
						# Until the server answers, or says goodbye.
						IO::Select->new($to)->can_read(10);
						kill 'TERM', $$ if $when eq 'for good';
					}
				}
				elsif (!$cut)
				{
					syswrite($to, $data);
				}
				next if !$cut;
				$select->remove($from, $to);
				delete @other{ $from, $to };
				close $_ for $from, $to;
			}
		}
		POSIX::_exit(0);
	}
	close $listener;
	my ($code, $out, $err) = tool(@command, '-h', $directory, '-p', 5432, '-d', 'postgres');
	kill 'TERM', $proxy;
	waitpid($proxy, 0);
	return ($code, $out, $err);
}

{
	my $kept = new_repository('commit');
	my $rows = sub { query('lost', 'SELECT count(*) FROM nk') };
	my $commit = qr/COMMIT\0/;
	my ($code, $out, $err);

	query('postgres', 'CREATE DATABASE lost; CREATE ROLE lost_role');
	query('lost', 'CREATE TABLE nk AS SELECT g FROM generate_series(1, 10) g');
	tool_ok([ 'backup', '--repo', $kept, '-d', 'lost', '--catalogue', 'none' ], 'backup');
	tool_ok([ 'globals', 'backup', '--repo', $kept, '--catalogue', 'none' ], 'globals');
	query('postgres', 'DROP ROLE lost_role');
	my @restore = ('restore', '--repo', $kept, '--catalogue', 'none', 'lost');

	($code, $out, $err) = between($commit, 'after', @restore, '--append', '--table', 'nk');
	is("$code " . $rows->(), '0 20', '--append: committed, and the connection lost') or diag($err);
	like($err, qr/warning: the restore was committed, although the connection was lost meanwhile/, 'is said');
	unlike($err, qr/error:/, 'is no error');
	like($out, qr/10 rows added/, 'with its rows');
	($code, $out, $err) = between($commit, 'before', @restore, '--append', '--table', 'nk');
	is("$code " . $rows->(), '1 20', '--append: lost before it was committed') or diag($err);
	like($err, qr/error: the connection was lost while committing, and the restore was not committed\n.*HINT: +Nothing of it was done; do it again/s, 'is said');
	is(() = $err =~ /error:/g, 1, 'once');
	($code, $out, $err) = between($commit, 'after', @restore, '--table', 'nk', '--as', 'nk_then');
	is($code . query('lost', 'SELECT count(*) FROM nk_then'), '010', '--table: committed, and the connection lost') or diag($err);
	like($err, qr/although the connection was lost meanwhile.*the restored tables were not analyzed/s, 'is said');
	($code, $out, $err) = between($commit, 'after', 'globals', 'restore', '--repo', $kept, '--catalogue', 'none', '--yes');
	is($code . query('postgres', "SELECT count(*) FROM pg_roles WHERE rolname = 'lost_role'"), '01', 'globals: committed, and the connection lost') or diag($err);
	like($err, qr/warning: the restore of the globals was committed, although/, 'is said');
	{
		local $ENV{PGCONNECT_TIMEOUT} = 2;
		my $start = time;
		($code, $out, $err) = between($commit, 'for good', @restore, '--append', '--table', 'nk');
		is("$code " . $rows->(), '1 30', '--append: committed, and nobody answers any more') or diag($err);
		like($err, qr/error: the connection was lost while committing, and it is not known whether the restore was committed\n.*HINT: +Look whether it is there before.*pg_xact_status\('\d+'\)/s, 'is said');
		cmp_ok(time - $start, '<', 60, 'soon');
	}

	($code, $out, $err) = between(qr/DROP DATABASE.*FORCE/, 'after', @restore, '--drop', '--discard-old', '--yes');
	is($code . $rows->(), '010', '--discard-old, and the connection lost at DROP DATABASE') or diag($err);
	is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname LIKE 'lost_old%'"), '0', 'it is gone');
	unlike("$out$err", qr/could not be dropped|is kept as/, 'and nothing else is said');
	($code, $out, $err) = between(qr/DROP DATABASE.*FORCE/, 'before', @restore, '--drop', '--discard-old', '--yes');
	is($code . query('postgres', "SELECT count(*) FROM pg_database WHERE datname LIKE 'lost_old%'"), '00', 'lost before: it is dropped after all') or diag($err);
	unlike("$out$err", qr/could not be dropped|is kept as/, 'and nothing else is said');
}

# A whole restore, whose connection is lost near its end: it is all there and said so, or the same command can be given once more.
{
	my $kept = new_repository('late');
	my $state = "SELECT concat_ws('|', pg_get_userbyid(datdba), datconnlimit, datallowconn, shobj_description(oid, 'pg_database'), ARRAY(SELECT unnest(datacl)::text ORDER BY 1),"
	  . " (SELECT string_agg(setrole || setconfig::text, ',' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)) FROM pg_database d WHERE datname =";

	query('postgres', 'CREATE DATABASE late CONNECTION LIMIT 7; CREATE ROLE late_role; CREATE ROLE late_owner');
	query('late', "CREATE TABLE t AS SELECT g FROM generate_series(1, 10) g; CREATE INDEX ON t (g); ALTER DATABASE late SET work_mem = '5MB';"
		  . "GRANT CREATE ON DATABASE late TO late_role; ALTER ROLE late_role IN DATABASE late SET work_mem = '6MB'");
	tool_ok([ 'backup', '--repo', $kept, '-d', 'late', '--catalogue', 'none' ], 'backup');
	my @restore = ('restore', '--repo', $kept, '--catalogue', 'none', 'late', '--to', 'late_again', '--no-analyze');
	my $good = query('postgres', "$state 'late'");
	my $drop = sub { query('postgres', 'DROP DATABASE IF EXISTS late_again WITH (FORCE)') };
	my $is_there = sub { eval { query('postgres', "$state 'late_again'") } // '' };
	my ($code, $out, $err);

	# A question of which nothing depends.
	($code, $out, $err) = between(qr/restrict_nonsystem_relation_kind' AND reset_val/, 'before', @restore);
	is($code . $is_there->(), "0$good", 'lost at a question: all is done') or diag($err);
	is($err, '', 'nothing is said');
	$drop->();

	# The last step, as one of its own and behind the privileges; for good, nobody knows.
	for my $when ('before', 'after')
	{
		($code, $out, $err) = between(qr/CONNECTION LIMIT 7/, $when, @restore);
		is($code . $is_there->(), "0$good", "lost $when the last step: all is done") or diag($err);
		like($err, qr/\Anex_backup: warning: the connection to the server was lost, and made again\n\z/, 'is said');
		$drop->();
	}
	local $ENV{PGCONNECT_TIMEOUT} = 2;
	($code, $out, $err) = between(qr/CONNECTION LIMIT 7/, 'for good', @restore);
	is($code . $is_there->(), "1$good", 'lost for good at the last step') or diag($err);
	like($err, qr/could not remove database "late_again", of which it is not known whether it is complete/, 'it is not known whether it is complete');
	$drop->();

	# Before that it is the work of a restore that has not ended, and the next one replaces it.
	query('postgres', 'COMMENT ON DATABASE late IS $$The latest$$');
	tool_ok([ 'backup', '--repo', $kept, '-d', 'late', '--catalogue', 'none' ], 'backup');
	$good = query('postgres', "$state 'late'");
	for my $step (qr/ALTER DATABASE late_again OWNER TO|ALTER DATABASE "late_again" OWNER TO/, qr/late_role.*work_mem/)
	{
		($code, $out, $err) = between($step, 'for good', @restore);
		is($code, 1, "lost for good at $step") or diag($err);
		like($err, qr/could not remove the incomplete database "late_again";.* or the same restore again/, 'is said');
		tool_ok([ @restore, '-d', 'postgres' ], 'the same restore again');
		is($is_there->(), $good, 'all is done');
		$drop->();
	}
	query('postgres', 'DROP DATABASE late');

	# The same as the owner, who is no superuser.
	query('postgres', 'ALTER ROLE late_owner LOGIN CREATEDB; CREATE DATABASE late OWNER late_owner CONNECTION LIMIT 7');
	query('late', 'SET ROLE late_owner; CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS g; GRANT CREATE ON DATABASE late TO late_role; REVOKE TEMPORARY ON DATABASE late FROM PUBLIC');
	tool_ok([ 'backup', '--repo', $kept, '-d', 'late', '--catalogue', 'none', '--type', 'owner' ], 'backup of another database');
	local $ENV{PGUSER} = 'late_owner';
	my $of_owner = "$state 'late'";
	for my $when ('for good', 'after')
	{
		($code, $out, $err) = between($when eq 'after' ? qr/CONNECTION LIMIT 7/ : qr/late_again"? OWNER TO/, $when, @restore);
		is($code, $when eq 'after' ? 0 : 1, "as the owner, lost $when") or diag($err);
		tool_ok([ @restore, '-d', 'postgres' ], 'the same restore again') if $code != 0;
		is($is_there->(), query('postgres', $of_owner), 'all is done');
		$drop->();
	}
	delete $ENV{PGUSER};
	query('postgres', 'DROP DATABASE late; DROP ROLE late_role; DROP ROLE late_owner');
}

done_testing();
