# archive_library = 'nex_backup': a program stores the WAL, and whatever becomes of it, of the archiver or of the
# server, no segment that the server takes for archived is missing or damaged.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $repo = new_repository('archive');
my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1, extra => [ '--wal-segsize=1', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<"CONF");
archive_mode = on
archive_library = 'nex_backup'
nex_backup.archive_repository = '$repo'
nex_backup.tool_path = '@{[ tool_path() ]}'
autovacuum = off
wal_keep_size = 60MB
min_wal_size = 5MB
restart_after_crash = on
log_line_prefix = '%b: '
CONF
$node->start;
use_server($node);
plan skip_all => 'archive modules are new in PostgreSQL 15' if query('postgres', 'SHOW server_version_num') < 150000;

sub on { my ($sql) = @_; return query('postgres', $sql) }
# No session knows the settings before it has loaded the library.
sub setting { my ($name, $value) = @_; on("LOAD 'nex_backup';\nALTER SYSTEM SET $name = '$value'"); $node->reload; return }
sub server_log { return PostgreSQL::Test::Utils::slurp_file($node->logfile) }
sub insert { my ($count) = @_; on("INSERT INTO t SELECT repeat('x', 100) FROM generate_series(1, $count)"); return }
sub status_directory { return $node->data_dir . '/pg_wal/archive_status' }
sub status_files { my ($ending) = @_; my @names = sort map { m{([^/]+)\.$ending$} ? $1 : () } glob(status_directory() . "/*.$ending"); return @names }

# Close the segment, and wait until it is archived; its name.
sub archived
{
	my ($what) = @_;
	on(q{SELECT pg_create_restore_point('closed')});
	my $name = on('SELECT pg_walfile_name(pg_switch_wal())');
	ok(wait_until(sub { on(q{SELECT coalesce(max(last_archived_wal), '') FROM pg_stat_archiver}) ge $name }), "$what: $name is archived") or diag(server_log());
	return $name;
}

# The program: a child of the archiver.
sub processes { my ($pattern) = @_; return map { /^\s*(\d+)/ } grep { /$pattern/ } split /\n/, `ps -eo pid,ppid,args` }
sub postmaster { return (split /\n/, read_bytes($node->data_dir . '/postmaster.pid'))[0] }
sub archiver { my $parent = postmaster(); return (processes(qr/^\s*\d+ +$parent .*archiver/))[0] }
sub helper { my $parent = archiver() or return; return (processes(qr/^\s*\d+ +$parent .*archive-helper/))[0] }

# All that the server takes for archived is there, and it is all one range.
sub is_whole
{
	my ($what, $in, @more) = @_;
	my ($wal) = @{ tool_json("--repo=$in", @more, 'wal', 'list')->{wal} };
	my %stored = map { m{/([0-9A-F]{24})-} ? ($1 => 1) : () } all_files("$in/wal");

	is_deeply([ map { scalar @{ $wal->{$_} } } qw(ranges gaps conflicts unknown) ], [ 1, 0, 0, 0 ], "$what: nothing is missing");
	is_deeply([ grep { /^[0-9A-F]{24}$/ && !$stored{$_} && $_ ge $wal->{ranges}[0]{first} } status_files('done') ], [], "$what: all that is archived is there");
	tool_ok([ "--repo=$in", @more, 'wal', 'verify', '--level=stored' ], "$what: all of it is good");
	return $wal->{ranges}[0];
}

on('CREATE TABLE t (x text)');
my $first = archived('first');
my $helper = helper();
ok($helper, 'a program does the work');
is(on(q{SELECT count(*) FROM pg_proc WHERE proname = 'nex_backup_status'}), 0, 'without the extension');
insert(20_000);
my $last = archived('more');
is(is_whole('more', $repo)->{last}, $last, 'up to the last one');
is(helper(), $helper, 'by the same process');

# The status of the extension says how it goes, to whoever may monitor.
on('CREATE EXTENSION nex_backup');
on('CREATE ROLE watcher; GRANT pg_monitor TO watcher');
sub status { return on(q{SET ROLE watcher; SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'archive'}) }
archived('with the extension');
like(status(), qr/^ok [0-9A-F]{24} was archived just now$/, 'status: all is archived');
is(on('SET ROLE watcher; SELECT timeline, ready_files, is_failing FROM nex_backup.archive'), '1|0|f', 'and the view');

insert(10);
my $up_to = on('SELECT nex_backup_archive_now()');
ok(-e status_directory() . '/' . on("SELECT pg_walfile_name('$up_to')") . '.done', 'archive_now() waits until it is archived');
is(on('SELECT nex_backup_archive_now()') ge $up_to, 1, 'also if nothing was written since');
like(($node->psql('postgres', 'SET ROLE watcher; SELECT nex_backup_archive_now()'))[2], qr/permission denied for function nex_backup_archive_now/, 'it is granted to nobody');

# ------------------------------------------------ the same again, and something else

sub offer_again { my ($name) = @_; rename(status_directory() . "/$name.done", status_directory() . "/$name.ready") or die; return }
sub is_done { my ($name) = @_; return -e status_directory() . "/$name.done" }
my ($stored) = map { "$repo/wal/$_" } grep { m{/$last-} } all_files("$repo/wal");
my @stat = stat $stored;
offer_again($last);
$node->reload;
ok(wait_until(sub { is_done($last) }), 'a segment that is offered again is taken');
is_deeply([ (stat $stored)[ 1, 9, 10 ] ], [ @stat[ 1, 9, 10 ] ], 'and not written again');

my $path = $node->data_dir . "/pg_wal/$last";
my $good = read_bytes($path);
(my $bad = $good) =~ s/^(.{8292}).(.*)$/$1\x01$2/s;
write_bytes($path, $bad);
on(q{SELECT pg_create_restore_point('closed')});
offer_again($last);
on('SELECT pg_switch_wal()');
ok(wait_until(sub { server_log() =~ /archiver: WARNING:  could not archive "$last" by nex_backup: repository .* has another file "$last"/ }), 'another content is refused');
like(server_log(), qr/archiver: DETAIL:  The content there has the digest [0-9a-f]{16}, this one [0-9a-f]{16}\. They differ from /, 'with both digests, and where');
like(server_log(), qr/archiver: HINT:  Two servers write the same timeline/, 'and what helps');
ok(!is_done($last), 'it is not archived');
ok(wait_until(sub { server_log() =~ /archiving write-ahead log file "$last" failed too many times/ }), 'the server tries again');
is(scalar(() = server_log() =~ /could not archive "$last" by/g), 1, 'which is said once');
like(status(), qr/^warning .*, 2 files \(2048 kB\) to be archived, the first since .*, $last could not be archived just now; the server's log says why$/, 'status: it fails');
like(($node->psql('postgres', q{SELECT nex_backup_archive_now('0.2 s')}))[2], qr/WAL file "[0-9A-F]{24}" was not archived within 00:00:00\.2/, "and archive_now() fails, $_") for 'at first', 'again';
utime time, time - 60 * 11, status_directory() . "/$last.ready" or die;
like(status(), qr/^critical /, 'for more than ten minutes');
my $next = (status_files('ready'))[1];
ok($next && !grep({ /\Q$next\E-/ } all_files("$repo/wal")), 'what comes after it is not stored before it');
write_bytes($path, $good);
$node->reload;
archived('the right content');
like(server_log(), qr/archiver: LOG:  nex_backup archives WAL again, from "$last" on/, 'that it goes on is said');

# ------------------------------------------------------------------ killed

write_bytes("$scratch/load.sql", "INSERT INTO t SELECT repeat('x', 100) FROM generate_series(1, 100);\n");
sub load { my ($seconds) = @_; return IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', $seconds, '-f', "$scratch/load.sql", '-d', $node->connstr('postgres') ], '>', \my $out, '2>', \my $err) }
my $load = load(5);
for my $i (1 .. 12)
{
	Time::HiRes::sleep(0.03 * $i);
	on('SELECT pg_switch_wal()');
	my $pid = helper();
	kill 'KILL', $pid if $pid;
}
$load->finish;
archived('after kill -9 of the program');
is_whole('after kill -9 of the program', $repo);
like(server_log(), qr/the program that stores WAL was ended by signal 9/, 'the server said so');

for my $who ('archiver', 'postmaster')
{
	$load = load(3);
	ok(wait_until(sub { helper() }), 'a program runs');
	Time::HiRes::sleep(0.7);
	my $orphan = helper();
	my $victim = $who eq 'archiver' ? archiver() : postmaster();
	kill 'KILL', $victim;
	$load->finish;
	ok(wait_until(sub { !$orphan || !kill(0, $orphan) }), "after kill -9 of the $who, its program ends");
	if ($who eq 'postmaster')
	{
		my $data = $node->data_dir;
		ok(wait_until(sub { !(grep { (readlink($_) // '') eq $data } glob('/proc/[0-9]*/cwd')) && !kill(0, $victim) }), 'all of the server ends');
		$node->{_pid} = undef;
		$node->start;
	}
	ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is back');
	archived("after kill -9 of the $who");
	is_whole("after kill -9 of the $who", $repo);
}

# ------------------------------------------- a program that hangs, or is another one

kill 'STOP', helper();
archived('a program that hangs');
like(server_log(), qr/the program that stores WAL has said nothing for 15 seconds, and is ended/, 'is ended, which is said');

my $path_of_tool = on('SHOW nex_backup.tool_path');
write_bytes("$scratch/babble", "#!/bin/sh\nexec yes\n");
write_bytes("$scratch/fails", "#!/bin/sh\necho 'no luck today' >&2\nexit 7\n");
chmod 0755, "$scratch/babble", "$scratch/fails", $scratch;
for (
	[ "$scratch/babble", qr/the program that stores WAL says what is not understood, and is ended/ ],
	[ "$scratch/fails", qr/the program that stores WAL has ended with exit code 7\n.*DETAIL:  It said: no luck today/ ],
	[ '/nowhere/nex_backup', qr{could not start program "/nowhere/nex_backup": it is not there\n.*HINT:  "nex_backup.tool_path" names} ])
{
	my ($program, $pattern) = @$_;
	setting('nex_backup.tool_path', $program);
	insert(10);
	my $name = on('SELECT pg_walfile_name(pg_switch_wal())');
	ok(wait_until(sub { server_log() =~ $pattern }), "$program is refused") or diag(server_log());
	ok(!is_done($name), 'nothing is archived');
	setting('nex_backup.tool_path', $path_of_tool);
	archived("after $program");
}
is_whole('after other programs', $repo);

# --------------------------------------------------------- not configured, and away

setting('nex_backup.archive_repository', '');
insert(10);
on('SELECT pg_switch_wal()');
ok(wait_until(sub { server_log() =~ /archiver: WARNING:  archive_mode enabled, yet archiving is not configured/ }), 'without a repository, nothing is configured');
setting('nex_backup.archive_repository', $repo);
archived('configured');

my ($failures) = on('SELECT failed_count FROM pg_stat_archiver');
rename $repo, "$repo.away" or die;
$load = load(4);
$load->finish;
ok(wait_until(sub { on('SELECT failed_count FROM pg_stat_archiver') > $failures }), 'without the repository, archiving fails');
like(server_log(), qr/could not archive "[0-9A-F]{24}" by nex_backup: there is no repository/, 'and the server says why');
my $waiting = status_files('ready');
cmp_ok($waiting, '>', 3, 'the WAL waits');
my $began = time;
$node->stop('fast');
cmp_ok(time - $began, '<', 30, 'a shutdown does not wait for the repository');
$node->start;
is(status_files('ready') >= $waiting, 1, 'all of it is still there');
rename "$repo.away", $repo or die;
$node->reload;
$last = archived('back');
is(is_whole('back', $repo)->{last}, $last, 'then all of it is archived');

# ---------------------------------------------------------------------- many at once

setting('nex_backup.archive_repository', '');
on(q{DO $$ BEGIN FOR i IN 1 .. 150 LOOP PERFORM pg_create_restore_point('x'); PERFORM pg_switch_wal(); END LOOP; END $$});
cmp_ok(scalar status_files('ready'), '>=', 150, 'many are to be archived');
setting('nex_backup.archive_repository', $repo);
archived('many');
is_whole('many', $repo);
my ($most) = read_bytes('/proc/' . helper() . '/status') =~ /^VmHWM:\s+(\d+) kB/m;
cmp_ok($most, '<', 200_000, 'in less than 200 MB');

# ------------------------------------------------------------------------ encrypted

system("age-keygen -o '$scratch/identity' 2>/dev/null") == 0 or BAIL_OUT('age-keygen does not run');
my ($recipient) = read_bytes("$scratch/identity") =~ /^# public key: (age1\S+)$/m;
my $sealed = "$scratch/sealed";
write_bytes("$scratch/config.yaml", "state-dir: $scratch/nowhere\n");
tool_ok([ 'init', '--repo', $sealed, '--recipient', $recipient, '--state-dir', "$scratch/state" ], 'an encrypted repository');
setting('nex_backup.config_file', "$scratch/config.yaml");
setting('nex_backup.archive_repository', $sealed);
insert(3_000);
on('SELECT pg_switch_wal()');
ok(wait_until(sub { server_log() =~ /could not archive .* the writer key .* is not on this host/ }), 'the state directory is wrong');
write_bytes("$scratch/config.yaml", "state-dir: $scratch/state\n");
$node->reload;
$last = archived('encrypted, with the settings file put right');
$helper = helper();
write_bytes("$scratch/config.yaml", "state-dir: $scratch/state\n# changed\n");
$last = archived('settings changed');
isnt(helper(), $helper, 'by a program that knows them');
is(is_whole('encrypted', $sealed, "--state-dir=$scratch/reader")->{last}, $last, 'no key is on the server');
tool_ok([ "--repo=$sealed", "--state-dir=$scratch/reader", "--identity=$scratch/identity", 'wal', 'verify' ], 'with the key, it is what was archived');

$node->stop('fast');
is_deeply([ processes(qr/archive-helper.*\Q$scratch\E/) ], [], 'the program ends with the server');
done_testing();
