# ctrl-C during a backup, a verification and an export: exit 130, nothing left over; also when the
# server has fallen silent.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $node = start_server('main');
my $repo = new_repository();

load_sample('invoices', 0.1);
my @backup = ('backup', '--repo', $repo, '-d', 'invoices', '-j', 2, '--chunk-blocks', 64);

# While it waits for a lock, which no amount of patience in the client would end.
{
	my $log = File::Temp->new;
	my $release = hold_lock('invoices', 'billing.invoice');
	my $pid = start_tool("$log", @backup, '--lock-wait-timeout', '0');
	ok(wait_until(sub { backends_in('invoices') > 1 }), 'the backup waits for a lock');
	kill 'INT', $pid;
	is(finish_tool($pid), 130, 'ctrl-C while waiting for a lock: exit 130');
	ok(wait_until(sub { backends_in('invoices') == 1 }), 'its backend is gone');
	$release->();
}

for my $signal ('INT', 'TERM')
{
	for my $delay (0.02, 0.15, 0.4)
	{
		my $log = File::Temp->new;
		my $pid = start_tool("$log", @backup);
		select(undef, undef, undef, $delay);
		kill $signal, $pid;
		my $code = finish_tool($pid);
		ok($code == 130 || $code == 0, "SIG$signal after $delay s: exit $code");
		unlike(read_bytes("$log"), qr/error:/, 'an interrupt is no error') if $code == 130;
		is(foreign_backends(), 0, 'no connection is left open');
		is(scalar(grep { /\.tmp$/ } all_files($repo)), 0, 'no unfinished file is left');
	}
}
tool_ok(\@backup, 'the next backup works');
tool_ok([ 'verify', '--repo', $repo ], 'and is good');

for my $verb ([ 'verify', '--repo', $repo ], [ 'export', '--repo', $repo, 'invoices', '-o', "$repo/../x.sql.gz" ])
{
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @$verb);
	select(undef, undef, undef, 0.03);
	kill 'INT', $pid;
	my $code = finish_tool($pid);
	ok($code == 130 || $code == 0, "ctrl-C in $verb->[0]: exit $code");
	ok(!-e "$repo/../x.sql.gz" || $code == 0, 'no half export');
}
my ($verified) = @{ tool_json('list', '--repo', $repo)->{backups} };
tool_ok([ 'verify', '--repo', $repo ], 'verify again');

# After the backup is published, a signal changes nothing: here while the catalog is told of it.
SKIP:
{
	skip 'the extension is not installed', 3 unless have_extension();
	query('postgres', 'CREATE EXTENSION nex_backup');
	my $before = scalar @{ tool_json('list', '--repo', $repo)->{backups} };
	my $release = hold_lock('postgres', 'nex_backup.backups');
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @backup);

	ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%nex_backup%'") > 0 }),
		'a backup is published, and the catalog is locked');
	kill 'INT', $pid;
	is(finish_tool($pid), 0, 'ctrl-C after the publication: the backup is there, exit 0') or diag(read_bytes("$log"));
	is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, $before + 1, 'and list shows it');
	$release->();
	query('postgres', 'DROP EXTENSION nex_backup');
}

# A server that falls silent: its backends are stopped, so that they answer nobody, not even a
# cancel request.
my $seconds = 8;

sub sessions
{
	my ($which) = @_;
	return split /\n/, query('postgres', "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
		  . "AND backend_type = 'client backend' AND $which");
}

# Children of a process that still run.
sub children_of
{
	my ($pid) = @_;
	return grep { ((read_stat($_))[1] // 0) == $pid } map { m{/(\d+)$} } glob('/proc/[0-9]*');
}

sub read_stat
{
	my ($pid) = @_;
	open(my $file, '<', "/proc/$pid/stat") or return;
	return (<$file> // '') =~ /\) (\S) (\d+)/;
}

# Stop these sessions, send a signal (again after a second, if so), and see how it ends.
sub ends_in_silence
{
	my ($name, $log, $pid, $sessions, $signals, $limit) = @_;
	my @children = children_of($pid);

	cmp_ok(scalar @$sessions, '>', 0, "$name: sessions are stopped");
	kill 'STOP', @$sessions;
	# Whoever does not wait for them yet soon does.
	sleep(1.5);
	my $start = time;
	for my $i (0 .. $#$signals)
	{
		sleep(1) if $i > 0;
		$start = time if $i > 0;
		kill $signals->[$i], $pid;
	}
	my $ended = wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid });
	my $code = $ended ? $? >> 8 : -1;
	my $took = time - $start;
	if (!$ended)
	{
		kill 'KILL', $pid;
		waitpid($pid, 0);
	}
	is($code, 130, "$name: exit 130") or diag(read_bytes("$log"));
	cmp_ok($took, '<', $limit, "$name: ended soon");
	is(scalar(grep { my ($state) = read_stat($_); defined $state && $state ne 'Z' } @children), 0, "$name: no child is left");
	kill 'CONT', @$sessions;
	is(foreign_backends(), 0, "$name: no session is left");
	return;
}

{
	my $copies = scalar @{ tool_json('list', '--repo', $repo)->{backups} };
	local $ENV{TMPDIR} = File::Temp::tempdir(CLEANUP => 1);

	query('postgres', 'CREATE DATABASE silent TEMPLATE template0');
	query('silent', 'CREATE TABLE big AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 200000) i');
	my @silent = ('backup', '--repo', $repo, '-d', 'silent', '-j', 2, '--progress', 'none', '--catalogue', 'none');

	# While rows are copied: all its sessions, or the one alone that holds the snapshot.
	for my $which ('true', "query NOT LIKE '%COPY%'")
	{
		my $log = File::Temp->new;
		my $pid = start_tool("$log", @silent, '--compress', 'zstd:19');
		wait_until(sub { sessions("query LIKE '%COPY%big%' AND state = 'active'") });
		ends_in_silence("a backup ($which)", $log, $pid, [ sessions("datname = 'silent' AND $which") ], ['TERM'], $seconds);
	}

	# The same, with a second ctrl-C.  What may hold secrets is gone all the same.
	{
		my $log = File::Temp->new;
		my $pid = start_tool("$log", @silent, '--compress', 'zstd:19');
		wait_until(sub { sessions("query LIKE '%COPY%big%' AND state = 'active'") });
		ends_in_silence('ctrl-C twice', $log, $pid, [ sessions("datname = 'silent'") ], [ 'INT', 'INT' ], 1);
		is(join(' ', glob("$ENV{TMPDIR}/nex_backup.*")), '', 'no temporary directory is left');
	}

	# A client program that does not end, as pg_dump does not while its cancel request gets no answer.
	{
		my $log = File::Temp->new;
		my $directory = waiting_pg_dump($node);
		write_bytes("$directory/pg_dump", read_bytes("$directory/pg_dump") =~ s/\n/\ntrap '' TERM\n/r);
		my $pid = start_tool("$log", @silent, '--pg-bindir', $directory);
		ok(wait_until(sub { -e "$directory/done" }), 'pg_dump is busy');
		ends_in_silence('a client program', $log, $pid, [ sessions("datname = 'silent'") ], ['TERM'], $seconds);
	}
	is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, $copies, 'nothing was published');
	is(scalar(grep { /\.tmp$/ } all_files($repo)), 0, 'and no unfinished file is left');

	# A restore.  Removing the database waits for the session that is stopped, and says so.
	tool_ok(\@silent, 'a backup');
	# And where the whole server is stopped, nobody lets us in again, either, to remove it.
	chomp(my $postmaster = (split /\n/, read_bytes($node->data_dir . '/postmaster.pid'))[0]);
	for my $all (0, 1)
	{
		my $name = $all ? 'a restore, the whole server' : 'a restore';
		my $log = File::Temp->new;
		my $pid = start_tool("$log", 'restore', 'silent', '--repo', $repo, '--to', 'filled', '-j', 2, '--progress', 'none', '--catalogue', 'none', '-d', 'postgres');
		wait_until(sub { sessions("query LIKE '%COPY%big%' AND state = 'active'") });
		ends_in_silence($name, $log, $pid, $all ? [ sessions('true'), $postmaster ] : [ sessions("datname = 'filled'") ],
			['TERM'], $all ? 20 : 12);
		like(read_bytes("$log"), qr/could not remove the incomplete database "filled".*DROP DATABASE IF EXISTS "?filled/s,
			"$name: it says what is left, and how to drop it");
		query('postgres', 'DROP DATABASE IF EXISTS filled WITH (FORCE)');
	}
	query('postgres', 'DROP DATABASE silent');
}

done_testing();
