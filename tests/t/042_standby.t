# Backups from a streaming standby under replay: P20, and the snapshots of P15 and P17 there.
use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::UNIX;
use NexBackup::Forge;
use NexBackup::Test;
use POSIX ();
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep);

my $primary = start_server('primary', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
delete $ENV{PGAPPNAME};
my $repo = new_repository();

# Money is only ever moved between the two tables.
query('postgres', 'CREATE DATABASE bank TEMPLATE template0');
query('bank', <<'SQL');
CREATE SCHEMA vault;
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE vault.account (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE transfer (id serial PRIMARY KEY, amount int NOT NULL);
CREATE TABLE moved (count bigint NOT NULL);
CREATE TABLE doomed AS SELECT i, repeat('x', 100) AS t FROM generate_series(1, 5000) i;
CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS i;
INSERT INTO account SELECT i, 1000 FROM generate_series(1, 500) i;
INSERT INTO vault.account SELECT i, 1000 FROM generate_series(1, 500) i;
INSERT INTO moved VALUES (0);
SQL
query('bank', 'CREATE EXTENSION nex_backup') if have_extension();

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1s\n");
$standby->start;

sub caught_up
{
	use_server($primary);
	my $lsn = query('postgres', 'SELECT pg_current_wal_insert_lsn()');
	use_server($standby);
	return wait_until(sub { query('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'") eq 't' });
}

sub on_primary
{
	my ($sql) = @_;
	use_server($primary);
	query('bank', $sql);
	use_server($standby);
	return;
}

sub set_standby
{
	my (%settings) = @_;
	$standby->append_conf('postgresql.conf', "$_ = '$settings{$_}'") for sort keys %settings;
	$standby->reload;
	# Until the new settings are those of the server, and the primary has heard of them.
	sleep(1.5);
	return;
}

my @backup = ('backup', '--repo', $repo, '-d', 'bank', '-j', 4, '--chunk-blocks', 8, '--progress', 'none');

# A server whose minor release is from before 2026-11-12 must be refused, and that is all.
{
	use_server($standby);
	my $fixed = server_lacks(14 => 25, 15 => 20, 16 => 16, 17 => 12, 18 => 7, 19 => 1);
	if ($fixed)
	{
		tool_fails(\@backup, 1, qr/cannot back up from a standby of version .*came with \Q$fixed\E/,
			"P20: a standby of a version before $fixed is refused");
		note('the rest needs a server that has the fix');
		done_testing();
		exit;
	}
}

# Under replay: rows, WAL of vacuum, and schema changes stream in all the time.
{
	use_server($primary);
	my $stop = File::Temp::tempdir(CLEANUP => 1) . '/stop';
	my $writer = fork;
	if ($writer == 0)
	{
		my $round = 0;
		until (-e $stop)
		{
			$round++;
			query('bank', <<"SQL");
DO \$\$
DECLARE f int; t int; a int;
BEGIN
	FOR i IN 1..50 LOOP
		f := 1 + random() * 499; t := 1 + random() * 499; a := random() * 100;
		UPDATE account SET balance = balance - a WHERE id = f;
		UPDATE vault.account SET balance = balance + a WHERE id = t;
		INSERT INTO transfer (amount) VALUES (a);
		UPDATE moved SET count = count + 1;
		COMMIT;
	END LOOP;
END \$\$;
VACUUM account; VACUUM moved;
DROP TABLE IF EXISTS scratch; CREATE TABLE scratch AS SELECT $round AS round;
SELECT pg_sleep(0.5);
SQL
		}
		POSIX::_exit(0);
	}
	use_server($standby);
	my ($done, $wrong) = (0, 0);
	for my $round (1 .. 6)
	{
		my ($code, $out, $err) = tool(@backup);
		$done++ if $code == 0;
		if ($code != 0)
		{
			diag($err);
			next;
		}
		use_server($primary);
		tool_ok([ 'restore', '--repo', $repo, 'bank', '--to', "bank_$round" ], "P20: restore of backup $round") or $wrong++;
		my $facts = query("bank_$round", 'SELECT (SELECT sum(balance) FROM account) + (SELECT sum(balance) FROM vault.account), '
			  . '(SELECT count(*) FROM transfer) = (SELECT count FROM moved), '
			  . "(SELECT last_value FROM transfer_id_seq) >= (SELECT coalesce(max(id), 0) FROM transfer)");
		$wrong++ if $facts ne '1000000|t|t';
		note("backup $round: $facts");
		query('postgres', "DROP DATABASE bank_$round");
		use_server($standby);
	}
	is($done, 6, 'P20: backups from a standby under replay, hot_standby_feedback on');
	is($wrong, 0, 'P20: each of them consistent');
	open(my $out, '>', $stop);
	close $out;
	waitpid($writer, 0);
	is($?, 0, 'the writer had no error');
	caught_up();
	my $info = tool_json('info', '--repo', $repo, 'bank');
	ok($info->{server}{in_recovery}, 'the backup knows that it is from a standby');
	like(join(' ', @{ $info->{warnings} }), qr/standby: unlogged tables are not in this backup/,
		'and that unlogged tables are not in it');
	my ($code, $out2, $err) = tool(@backup);
	unlike($err, qr/catalogue/, 'P20: the catalogue is not written on a standby, without a complaint');
	use_server($primary);
	tool_ok([ 'restore', '--repo', $repo, 'bank', '--to', 'bank_again' ], 'restore');
	query('bank', 'TRUNCATE fleeting');
	# A standby knows of a sequence only what is in WAL, which is up to 32 values ahead.
	my $ahead = query('bank_again', 'SELECT last_value FROM transfer_id_seq')
	  - query('bank', 'SELECT last_value FROM transfer_id_seq');
	ok($ahead >= 0 && $ahead <= 32, 'the sequence is not behind');
	query('bank_again', "SELECT setval('transfer_id_seq', last_value - $ahead) FROM transfer_id_seq") if $ahead;
	same_database('bank', 'bank_again', 'the same database');
	use_server($standby);
}

# Start a backup that is under way until the file "go" is made in the directory.
sub start_long_backup
{
	my ($log, @more) = @_;
	my $directory = waiting_pg_dump($standby);
	my $pid = start_tool("$log", @backup, '--pg-bindir', $directory, @more);
	wait_until(sub { -e "$directory/done" }) or diag(read_bytes("$log"));
	return ($pid, $directory);
}

# Rows that the snapshot sees are removed on the primary.
set_standby(hot_standby_feedback => 'off', max_standby_streaming_delay => '500ms');
{
	my $log = File::Temp->new;
	my ($pid) = start_long_backup($log);
	on_primary('DELETE FROM doomed; VACUUM doomed;');
	is(finish_tool($pid), 1, 'P20: a recovery conflict ends the backup');
	my $said = read_bytes("$log");
	like($said, qr/error: .*conflict with recovery/s, 'P20: the error says so');
	like($said, qr/HINT: .*cannot be taken up again.*hot_standby_feedback.*max_standby_streaming_delay/s, 'P20: with a hint');
	is(() = $said =~ /error:/g, 1, 'P20: one error');
	caught_up();
	tool_ok(\@backup, 'P20: the next one works');
}

# The same with feedback: the primary keeps the rows.
set_standby(hot_standby_feedback => 'on');
on_primary('INSERT INTO doomed SELECT i FROM generate_series(1, 1000) i');
caught_up();
{
	my $log = File::Temp->new;
	my ($pid, $directory) = start_long_backup($log);
	sleep(1.5);
	on_primary('DELETE FROM doomed; VACUUM doomed;');
	sleep(2);
	write_bytes("$directory/go", '');
	is(finish_tool($pid), 0, 'P20: with hot_standby_feedback the rows are kept') or diag(read_bytes("$log"));
}

# A lock that replay wants: feedback does not help against it.
{
	my $log = File::Temp->new;
	my ($pid) = start_long_backup($log);
	on_primary('TRUNCATE doomed');
	is(finish_tool($pid), 1, 'P20: a lock of replay ends the backup');
	like(read_bytes("$log"), qr/conflict with recovery.*HINT/s, 'P20: with the same hint');
}
caught_up();
set_standby(max_standby_streaming_delay => '-1');
for my $policy ('wait', 'abort')
{
	my $log = File::Temp->new;
	my ($pid, $directory) = start_long_backup($log, '--on-lock-conflict', $policy);
	on_primary('TRUNCATE doomed');
	if ($policy eq 'wait')
	{
		sleep(4);
		write_bytes("$directory/go", '');
	}
	is(finish_tool($pid), $policy eq 'wait' ? 0 : 1, "P17, P20: replay waits for a lock, policy $policy")
	  or diag(read_bytes("$log"));
	like(read_bytes("$log"), $policy eq 'wait' ? qr/warning: process \d+ .*has waited/ : qr/canceled because process \d+/,
		'and is seen');
	caught_up();
}

# A standby whose minor release imports snapshots wrongly, by what it says of itself.
{
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $listener = IO::Socket::UNIX->new(Local => "$directory/.s.PGSQL.$port", Listen => 5) or die $!;
	my $target = $standby->host . '/.s.PGSQL.' . $standby->port;
	my $proxy = fork;
	if ($proxy == 0)
	{
		# From PostgreSQL 17 on its handler would end the servers of the test.
		$SIG{TERM} = 'DEFAULT';
		while (my $client = $listener->accept)
		{
			my $server = IO::Socket::UNIX->new(Peer => $target) or last;
			my $select = IO::Select->new($client, $server);
			while (my @ready = $select->can_read(30))
			{
				my $ended = 0;
				for my $from (@ready)
				{
					$ended = 1, last unless sysread($from, my $data, 65536);
					$data =~ s/(server_version\0\d+\.)(\d+)/$1 . '0' x length($2)/e if $from == $server;
					syswrite($from == $server ? $client : $server, $data);
				}
				last if $ended;
			}
		}
		POSIX::_exit(0);
	}
	close $listener;
	my $err = tool_fails([ @backup, '-h', $directory, '-p', $port ], 1,
		qr/cannot back up from a standby of version \d+\.0+ .*: it lacks a fix that came with \d+\.\d+/,
		'P20: an old standby is refused');
	like($err, qr/HINT: .*back up the primary/, 'P20: with a hint');
	kill 'TERM', $proxy;
	waitpid($proxy, 0);
}

# What others do on the primary server no lock on the standby keeps away.
{
	my $log = File::Temp->new;
	my $other = new_repository();
	use_server($primary);
	query('postgres', 'CREATE ROLE indexer; CREATE DATABASE indexed TEMPLATE template0');
	query('indexed', <<'SQL');
CREATE TABLE mine AS SELECT i, md5(i::text) AS t FROM generate_series(1, 150000) i;
CREATE TABLE theirs AS SELECT i, md5(i::text) AS t FROM generate_series(1, 150000) i;
ALTER TABLE theirs OWNER TO indexer;
CREATE FUNCTION g(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'CODE OF THE INDEXER as %', current_user; RETURN $1; END $$;
ALTER FUNCTION g OWNER TO indexer;
SQL
	caught_up();
	my $from = -s $standby->logfile;
	my $pid = start_tool("$log", 'backup', '--repo', $other, '-d', 'indexed', '-j', 1, '--chunk-blocks', 64, '--compress', 'zstd:15', '--verbose');
	wait_until(sub { scalar(grep { /\.zst$/ } all_files("$other/objects")) >= 1 });
	kill 'STOP', $pid;
	use_server($primary);
	query('indexed', 'CREATE INDEX ON theirs ((g(1)))');
	caught_up();
	kill 'CONT', $pid;
	is(finish_tool($pid), 0, 'a table of another user on a standby, which gets an index meanwhile') or diag(read_bytes("$log"));
	unlike(substr(PostgreSQL::Test::Utils::slurp_file($standby->logfile), $from), qr/CODE OF THE INDEXER/, 'runs no code of its owner');
	like(read_bytes("$log"), qr/big tables read whole.*: 1$/m, 'and is read whole, the other is not');
	use_server($primary);
	tool_ok([ 'restore', '--repo', $other, 'indexed', '--to', 'indexed_2' ], 'restore');
	is(query('indexed_2', 'SELECT count(*), count(DISTINCT i) FROM theirs'), '150000|150000', 'with all its rows');
	use_server($standby);
}

# A standby that does not follow its primary any more has data of long ago.
{
	my $old = new_repository('old');
	my @old = ('backup', '--repo', $old, '-d', 'bank', '--progress', 'none', '--catalogue', 'none');
	my $conninfo = query('postgres', 'SHOW primary_conninfo') =~ s/'/''/gr;
	my ($code, $out, $err) = tool(@old);

	is("$code $err", '0 ', 'one that follows it');
	query('postgres', 'SELECT pg_wal_replay_pause()');
	($code, $out, $err) = tool(@old);
	like("$code $err", qr/^0 .*warning: replay is paused on the standby: the backup has the state of its last transaction, \d+-\d\d-\d\d [\d:]+ UTC\nHINT:/s, 'one whose replay is paused');
	query('postgres', 'SELECT pg_wal_replay_resume()');
	set_standby(primary_conninfo => '');
	wait_until(sub { query('postgres', 'SELECT count(*) FROM pg_stat_wal_receiver') == 0 });
	on_primary('CREATE TABLE of_today AS SELECT 1 AS i');
	tool_ok(\@old, 'one that receives nothing');
	my $warnings = tool_json('info', '--repo', $old, 'bank')->{warnings};
	like($warnings->[0], qr/^the standby receives no WAL: the backup has the state of its last transaction, 2/, 'which the manifest says');
	use_server($primary);
	tool_ok(\@old, 'the primary');
	use_server($standby);
	$err = tool_fails(\@old, 1, qr/the latest backup .* is of a later state than that of this server/, 'then the standby is refused');
	like($err, qr/HINT: .*Wait until the standby has replayed/, 'with a hint');

	# Versions before 0.2.2 made such backups.
	my ($stale_id, $good_id) = map { $_->{backup} } @{ tool_json('list', '--repo', $old)->{backups} }[ -2, -1 ];
	my ($stale, $good) = map { "$old/backups/bank/$_.json" } $stale_id, $good_id;
	my ($at) = read_bytes($good) =~ /"finished": "([^"]*)"/;
	my $as_made = read_bytes($stale);
	reseal($stale, sub { $_[0] =~ s/"snapshot_at": "[^"]*"/"snapshot_at": "$at"/r });
	($code, $out, $err) = tool('verify', '--repo', $old, 'bank', '--catalogue', 'none');
	like("$code $err", qr/^0 .*backup \Q$stale_id\E has the latest snapshot, but is of a standby that had not replayed what backup \Q$good_id\E has\nHINT: .*name it/s,
		'one that was made nevertheless is not taken in silence');
	($code, $out, $err) = tool('expire', '--repo', $old, '--keep-daily=1', '--keep-weekly=0', '--keep-minimum=1', '--catalogue', 'none');
	like("$code $err", qr/^0 .*backup \Q$good_id\E shows a later state than the newest backup, \Q$stale_id\E, which is of a standby/s,
		'expire warns, too');
	like("$out$err", qr/so nothing is removed.*0 of 4 backups removed|0 of 4 backups removed.*so nothing is removed/s, 'and removes nothing');
	write_bytes($stale, $as_made);

	set_standby(primary_conninfo => $conninfo);
	tool_ok(\@old, 'when it follows again, it is not');
	my $last = tool_json('list', '--repo', $old)->{backups}[-1]{backup};
	like(read_bytes("$old/backups/bank/$last.json"), qr/"replayed_until":"20\d\d-[^"]*Z"/, 'the manifest has the time of what was replayed last');
	like(tool_ok([ 'info', '--repo', $old, 'bank' ], 'info'), qr/last transaction replayed: 20/, 'which info shows');
	use_server($primary);
	tool_ok([ 'restore', '--repo', $old, 'bank', '--to', 'of_today', '-t', 'of_today' ], 'and is the latest');
	is(query('of_today', 'SELECT i FROM of_today'), 1, 'with what came last');
	query('bank', 'DROP TABLE of_today');
	use_server($standby);
}

# A load balancer leads each session to another server: which sessions, depends on how many came before.
{
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $listener = IO::Socket::UNIX->new(Local => "$directory/.s.PGSQL.$port", Listen => 20) or die $!;
	my @targets = map { $_->host . '/.s.PGSQL.' . $_->port } $primary, $standby;
	my $balancer = fork;
	if ($balancer == 0)
	{
		$SIG{TERM} = 'DEFAULT';
		$SIG{CHLD} = 'IGNORE';
		for (my $n = 0; my $client = $listener->accept; $n++)
		{
			next if fork;
			my $server = IO::Socket::UNIX->new(Peer => $targets[ $n % 2 ]) or POSIX::_exit(1);
			my $select = IO::Select->new($client, $server);
			while (my @ready = $select->can_read(30))
			{
				for my $from (@ready)
				{
					sysread($from, my $data, 65536) or POSIX::_exit(0);
					syswrite($from == $server ? $client : $server, $data);
				}
			}
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	close $listener;
	for my $jobs (1, 4)
	{
		my $err = tool_fails([ @backup, '-h', $directory, '-p', $port, '-j', $jobs, '--catalogue', 'none' ], 1,
			qr/the sessions of the backup reached different servers|pg_dump does not know the snapshot/, "a load balancer, $jobs jobs");
		like($err, qr/HINT: .*not a load balancer/, 'with a hint');
	}
	kill 'TERM', $balancer;
	waitpid($balancer, 0);
}

# The standby is promoted while it is backed up.
{
	my $log = File::Temp->new;
	my ($pid, $directory) = start_long_backup($log);
	$standby->promote;
	query('bank', "UPDATE account SET balance = 0; DELETE FROM transfer; INSERT INTO doomed VALUES (1)");
	write_bytes("$directory/go", '');
	is(finish_tool($pid), 0, 'P20: the standby is promoted during a backup') or diag(read_bytes("$log"));
	tool_ok([ 'restore', '--repo', $repo, 'bank', '--to', 'as_before' ], 'P20: it restores');
	is(query('as_before', 'SELECT (SELECT sum(balance) FROM account) + (SELECT sum(balance) FROM vault.account), '
			  . '(SELECT count(*) FROM transfer) = (SELECT count FROM moved)'),
		'1000000|t', 'P20: as it was before the promotion');
}

done_testing();
