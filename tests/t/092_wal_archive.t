# The WAL archive: archive_command and restore_command of a real server.  What was pushed comes back, to its
# end and to a time, over a promotion; and whatever is done to the archive, no recovery ends before its end.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Copy qw(copy);
use File::Path ();
use File::Temp ();
use IPC::Run ();
use POSIX ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $tool = tool_path();
my $repo = new_repository('archive');
like(read_bytes("$repo/nex_backup.json"), qr/"format": 1,/, 'without WAL, older versions know the repository');
my $size = 1024 * 1024;

# ---------------------------------------------------------------- what is shared

# As archive_command, or restore_command, of a repository.
sub push_command { my ($to, @more) = @_; return join(' ', $tool, "--repo=$to", @more, 'wal push %p') }
sub get_command { my ($from, @more) = @_; return join(' ', $tool, "--repo=$from", @more, 'wal get %f %p') }

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '--wal-segsize=1', '--locale=C' ]);
$primary->append_conf('postgresql.conf', <<"CONF");
archive_mode = on
archive_command = '@{[ push_command($repo) ]}'
autovacuum = off
min_wal_size = 5MB
CONF
$primary->start;
use_server($primary);
delete $ENV{PGDATABASE};

sub on { my ($node, $sql) = @_; return $node->safe_psql('postgres', $sql) }
sub rows { return on($_[0], 'SELECT count(*) FROM t') }
sub insert { my ($node, $count) = @_; return on($node, "INSERT INTO t SELECT repeat('x', 100) FROM generate_series(1, $count)") }

# Close the segment, and wait until it is archived; its name.
sub archived
{
	my ($node) = @_;
	# Where nothing was written since the last one, no segment is closed.
	on($node, q{SELECT pg_create_restore_point('closed')});
	my $name = on($node, 'SELECT pg_walfile_name(pg_switch_wal())');

	ok(wait_until(sub { (on($node, q{SELECT coalesce(max(last_archived_wal), '') FROM pg_stat_archiver}) =~ /^([0-9A-F]{24})/
				  && $1 ge $name) }), "$name is archived")
	  or diag(PostgreSQL::Test::Utils::slurp_file($node->logfile));
	return $name;
}

# The files of a repository that hold this WAL file.
sub stored { my ($in, $name) = @_; return grep { m{/\Q$name\E-[^/]*\.zst(?:\.age)?$} } map { "$in/wal/$_" } all_files("$in/wal") }

# Start a server from the base backup that recovers from a repository; what becomes of it.
sub recover
{
	my ($name, $from, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init_from_backup($primary, 'base');
	$node->append_conf('postgresql.conf', join("\n", "restore_command = '$from'", 'archive_mode = off', 'hot_standby = on', @conf, ''));
	$node->set_recovery_mode;
	$node->start(fail_ok => 1);
	my $promoted = 0;
	my $running = sub { return -e $node->data_dir . '/postmaster.pid' };
	wait_until(
		sub {
			return 1 unless $running->();
			my ($code, $out) = $node->psql('postgres', 'SELECT pg_is_in_recovery()');
			$promoted = 1 if defined $out && $out eq 'f';
			return $promoted;
		});
	return ($node, $promoted);
}

# A recovery to a good end, with so many rows; the server.
sub recovers
{
	my ($name, $from, $expected, @conf) = @_;
	my ($node, $promoted) = recover($name, $from, @conf);

	ok($promoted, "$name: the recovery ends") or diag(PostgreSQL::Test::Utils::slurp_file($node->logfile));
	is($promoted ? rows($node) : 'none', $expected, "$name: all rows");
	return $node;
}

# One that must not come to an end.
sub stops
{
	my ($name, $from, $pattern, @conf) = @_;
	my ($node, $promoted) = recover($name, $from, @conf);
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);

	ok(!$promoted, "$name: the recovery does not end");
	like($log, qr/FATAL:  could not restore file "[0-9A-F.history]+" from archive: child process exited with exit code 20\d/, "$name: the server says so");
	like($log, $pattern, "$name: and why");
	$node->teardown_node(fail_ok => 1) if -e $node->data_dir . '/postmaster.pid';
	$node->{_pid} = undef;
	return;
}

# "wal get", as the server calls it, must give a status that stops a recovery.
sub get_stops
{
	my ($from, $name, $pattern, $what, @more) = @_;
	my ($code, $out, $err) = tool("--repo=$from", 'wal', 'get', $name, "$scratch/got", @more);

	ok($code > 125 && $code != 143, "$what: status $code");
	like($err, $pattern, "$what: message");
	ok(!-e "$scratch/got", "$what: nothing is given");
	unlink "$scratch/got";
	return;
}

sub get_ends { my ($from, $name, $what) = @_; my ($code) = tool("--repo=$from", 'wal', 'get', $name, "$scratch/got"); return is($code, 1, "$what: there is no more") }

# ------------------------------------------------------------ archiving under load

on($primary, 'CREATE TABLE t (x text)');
archived($primary);
like(read_bytes("$repo/nex_backup.json"), qr/"format": 2,\n"features": \["wal"\]/, 'with WAL, they refuse it');
$primary->backup('base');

write_bytes("$scratch/load.sql", "INSERT INTO t SELECT repeat('x', 100) FROM generate_series(1, 10);\n");
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-t', '250', '-f', "$scratch/load.sql", '-d', $primary->connstr('postgres') ], '>', \my $ignored, '2>&1');
$load->finish;
is(rows($primary), 10_000, 'the load was committed');
my $early = on($primary, 'SELECT clock_timestamp()');
insert($primary, 5_000);
my $last = archived($primary);
my $total = rows($primary);

my $list = tool_json("--repo=$repo", 'wal', 'list');
my ($wal) = @{ $list->{wal} };
is(scalar @{ $list->{wal} }, 1, 'one server');
is($wal->{segment_size}, $size, 'whose segments have 1 MB');
is(scalar @{ $wal->{ranges} }, 1, 'its WAL is one range');
is($wal->{ranges}[0]{last}, $last, 'up to the last segment');
is_deeply([ $wal->{gaps}, $wal->{conflicts}, $wal->{unknown} ], [ [], [], [] ], 'nothing is missing');
tool_ok([ "--repo=$repo", 'wal', 'verify' ], 'the WAL verifies');
tool_ok([ "--repo=$repo", 'wal', 'verify', '--level=stored' ], 'by its digests alone, too');
my ($code, $text) = tool("--repo=$repo", 'wal', 'list');
like($text, qr/^ +1 \| 0{7}1.* \| $last \| /m, 'shown as text');

# Each file can be read by stock programs.
my ($file) = stored($repo, $last);
my ($digest) = $file =~ /-([0-9a-f]{64})-[0-9a-f]{16}\.zst$/;
is(sha256_hex(read_bytes($file)), $digest, 'the name of a file has its digest');
system("zstd -dcq '$file' > '$scratch/plain'");
is(sha256_hex(read_bytes("$scratch/plain")), sha256_hex(read_bytes($primary->data_dir . "/pg_wal/$last")), 'zstd gives what the server archived')
  if -e $primary->data_dir . "/pg_wal/$last";
is(-s "$scratch/plain", $size, 'all of it');

# As RECOVER.txt says; so do the parts of an encrypted one.
sub by_stock_tools
{
	my ($from, $name, $key) = @_;
	my ($line) = read_bytes("$from/RECOVER.txt") =~ /^ +(find .*)$/m;

	$line =~ s/THIS_DIRECTORY/$from/;
	$line =~ s/KEY_FILE/$key/ if $key;
	write_bytes("$scratch/get_wal", "$line\n");
	unlink "$scratch/plain";
	my $status = system('sh', "$scratch/get_wal", $name, "$scratch/plain");
	return $status == 0 ? sha256_hex(read_bytes("$scratch/plain")) : 'nothing';
}
my $by_nex_backup = sub { my ($from, @more) = @_; tool("--repo=$from", 'wal', 'get', $last, "$scratch/other", @more); return sha256_hex(read_bytes("$scratch/other")) };
is(by_stock_tools($repo, $last), $by_nex_backup->($repo), 'RECOVER.txt gives the same');
is(by_stock_tools($repo, $last =~ s/.$/F/r), 'nothing', 'and nothing where there is none') unless $last =~ /F$/;

# ------------------------------------------------------------------- recoveries

my $to_the_end = recovers('end', get_command($repo), $total);
$to_the_end->stop('immediate');

# To a time; that server goes on as timeline 2, and archives it.
my $second = recovers('time', get_command($repo), 10_000, "recovery_target_time = '$early'", q{recovery_target_action = 'promote'},
	'archive_mode = on', "archive_command = '" . push_command($repo) . "'");
insert($second, 77);
archived($second);
insert($second, 23);
my $second_last = archived($second);
ok(scalar stored($repo, '00000002.history'), 'the history of the timeline is archived');
$second->stop('immediate');
($wal) = @{ tool_json("--repo=$repo", 'wal', 'list')->{wal} };
is_deeply([ map { $_->{timeline} } @{ $wal->{ranges} } ], [ 1, 2 ], 'two timelines');
is($wal->{timelines}[0]{parent}, 1, 'the second left the first');
is_deeply($wal->{gaps}, [], 'nothing is missing at the switch');
recovers('latest', get_command($repo), 10_100)->stop('immediate');
recovers('first', get_command($repo), $total, 'recovery_target_timeline = 1')->stop('immediate');

# ------------------------------------------------- what is not the end of the archive

# A copy to do something to.
sub spoiled
{
	my ($name, $spoil) = @_;
	my $copy = "$scratch/$name";

	system_or_bail('cp', '-a', $repo, $copy);
	$spoil->($copy);
	return $copy;
}

my @first = sort map { m{/([0-9A-F]{24})-} ? $1 : () } grep { m{/00000001/} } all_files("$repo/wal");
my $middle = $first[-3];
my ($path) = stored($repo, $middle);
$path = substr($path, length($repo));
my $system = $wal->{system_identifier};
my $directory = $path =~ s{/[^/]*$}{}r;

stops('gap', get_command(spoiled('r-gap', sub { unlink "$_[0]$path" })), qr/WAL file "$middle" is missing/, 'recovery_target_timeline = 1');
{
	local $ENV{PGDATABASE} = 'postgres';
	my %rows = map { $_->{name} => $_ } @{ tool_json("--repo=$repo", 'doctor')->{checks} };
	is($rows{WAL}{status}, 'ok', 'doctor: the WAL is whole');
	is($rows{archiver}{status}, 'ok', 'doctor: the server archives');
	%rows = map { $_->{name} => $_ } @{ tool_json("--repo=$scratch/r-gap", 'doctor', '--no-server')->{checks} };
	like($rows{WAL}{detail}, qr/segments are missing in 1 place/, 'doctor: a gap');
}
tool_fails([ "--repo=$scratch/r-gap", 'wal', 'verify' ], 3, qr/has 2 problems/, 'verify: a gap, and a segment that followed another');
stops('flipped', get_command(spoiled('r-flip', sub { my $b = read_bytes("$_[0]$path"); substr($b, 3000, 1) ^= "\1"; write_bytes("$_[0]$path", $b) })),
	qr/does not match the digest in its name/, 'recovery_target_timeline = 1');
stops('branch', get_command(spoiled('r-branch', sub { unlink((stored($_[0], '00000002.history'))[0]) })), qr/"00000002\.history" is missing/);

my $id = $system;
get_stops("$scratch/r-branch", "00000002.history", qr/"00000002\.history" is missing/, "the history of a timeline that is there", $id);
my %spoil = (
	truncated => [ sub { my $b = read_bytes("$_[0]$path"); write_bytes("$_[0]$path", substr($b, 0, 5000)) }, qr/does not match the digest/ ],
	empty => [ sub { write_bytes("$_[0]$path", '') }, qr/does not match the digest/ ],
	'in the place of another' => [ sub { my ($other) = stored($_[0], $first[-2]); my ($tail) = $other =~ /(-[^-]*-[^-]*)$/; unlink "$_[0]$path"; copy($other, "$_[0]$directory/$middle$tail") },
		qr/is another file than its name says/ ],
	'of two contents' => [ sub { my ($other) = stored($_[0], $first[-2]); my ($tail) = $other =~ /(-[^-]*-[^-]*)$/; copy($other, "$_[0]$directory/$middle$tail") },
		qr/two different files "$middle"/ ],
	'without cluster.json' => [ sub { unlink glob("$_[0]/wal/*/cluster.json") }, qr/no WAL of system identifier $system/ ],
	'without any WAL' => [ sub { File::Path::remove_tree("$_[0]/wal") }, qr/no WAL of system identifier $system/ ],
	'without the repository' => [ sub { rename "$_[0]/nex_backup.json", "$_[0]/x.json" }, qr/nex_backup\.json" is missing/ ],
	'moved aside' => [ sub { rename $_[0], "$_[0].old" }, qr/there is no repository/ ],
	'that cannot be listed' => [ sub { chmod 0, "$_[0]$directory" }, qr/could not list|Permission denied/ ]);
for my $what (sort keys %spoil)
{
	my $copy = spoiled('r-' . ($what =~ s/\W/-/gr), $spoil{$what}[0]);
	get_stops($copy, $middle, $spoil{$what}[1], "a segment $what", $id);
	chmod 0700, "$copy$directory" if -d $copy;
	File::Path::remove_tree($copy, "$copy.old");
}

# What is there, but no file, is not what nothing comes after.
for my $how ('a link', 'a directory', 'a pipe')
{
	my $copy = spoiled('r-last', sub {
		my ($last) = stored($_[0], $second_last);
		rename $last, "$_[0]/elsewhere" or die;
		$how eq 'a link' ? symlink("$_[0]/elsewhere", $last) : $how eq 'a directory' ? mkdir($last) : POSIX::mkfifo($last, 0600) or die;
	});
	get_stops($copy, $second_last, qr/\Q$second_last\E.*is not what nex_backup keeps there/, "the last segment, which is $how", $id);
	File::Path::remove_tree($copy);
}

# Directories that have lost what lay in them, as a disk that is not mounted has.
my $timeline = $directory =~ s{/[0-9A-F]{8}$}{}r;
my $first_only = sub { File::Path::remove_tree(glob("$_[0]/wal/*/00000002")); unlink(map { stored($_[0], $_) } '00000002.history') };
for my $lost (
	[ 'the directory of the log', sub { unlink glob("$_[0]$directory/*") }, qr{\Q$directory\E" is empty, where WAL was} ],
	[ 'the directory of the timeline', sub { File::Path::remove_tree("$_[0]$timeline", { keep_root => 1 }) }, qr{\Q$timeline\E" is empty, where WAL was} ],
	[ 'the timeline', sub { File::Path::remove_tree("$_[0]$timeline") }, qr/has nothing of timeline 1, so its end is not known/ ])
{
	my $copy = spoiled('r-lost', sub { $first_only->(@_); unlink glob("$_[0]/wal/*/history/*.backup-*"); $lost->[1]->(@_) });
	get_stops($copy, $middle, $lost->[2], "a segment where $lost->[0] is lost", $id);
	File::Path::remove_tree($copy);
}

# Directories whose first file is on its way have lost nothing.
{
	my $copy = spoiled('r-begun', sub { $first_only->(@_); unlink glob("$_[0]$directory/*"), glob("$_[0]/wal/*/history/*.backup-*"); write_bytes("$_[0]$directory/$middle-x.zst.1-2-3.tmp", 'x') });
	get_ends($copy, $middle, 'a segment whose directory has a file that is being written');
	mkdir("$copy$timeline/00000001") or die;
	get_ends($copy, '000000010000000100000000', 'the first segment of a new directory');
	File::Path::remove_tree($copy);
}

# A base backup began there, so there was something.
{
	my ($label) = map { m{/([0-9A-F]{24})\.[0-9A-F]{8}\.backup-} ? $1 : () } all_files("$repo/wal");
	my $copy = spoiled('r-label', sub { my ($in) = @_; $first_only->($in); unlink(map { stored($in, $_) } grep { $_ ge $label } @first) });
	get_stops($copy, $label, qr/"$label" is missing from .*, which has "$label\.[0-9A-F]{8}\.backup"/, 'the segment that a base backup began in', $id);
	File::Path::remove_tree($copy);
}

# Behind the end of a timeline that another one left, and at the very end.
my ($n) = $first[-1] =~ /^(.{24})$/;
my $after = sprintf('%s%08X', substr($second_last, 0, 16), hex(substr($second_last, 16)) + 1);
get_ends($repo, $after, 'behind the last segment');
get_ends($repo, '00000003.history', 'a timeline that nobody began');
get_stops($repo, '00000001' . ('F' x 16), qr/there is no segment/, 'no segment of that size', $id);
get_stops($repo, $_, qr/is not the name of a WAL file/, "\"$_\"", $id) for '0000000100000000', 'x', '../x', lc '0000000A00000000000000AF';
my $renamed = spoiled('r-renamed', sub { rename((glob("$_[0]/wal/*/00000002"))[0], (glob("$_[0]/wal/*"))[0] . '/00000002.old') });
get_stops($renamed, $after, qr/00000002\.old.*is not what nex_backup keeps there/, 'a timeline that was renamed', $id);
my $headless = spoiled('r-headless', sub { File::Path::remove_tree(glob("$_[0]/wal/*/history")) });
get_stops($headless, $last =~ s/.$/F/r, qr/history/, 'without the histories', $id) if $last !~ /F$/;


# The last segment that a timeline needs, as another one began behind it, though nothing of its own follows.
my ($switch) = map { my ($high, $low) = split m{/}, $_->{begins_at}; hex($low) / $size } @{ $wal->{timelines} };
my $needed = sprintf('%s%08X', substr($first[0], 0, 16), int($switch) - 1);
my $cut = spoiled('r-cut', sub { my ($in) = @_; unlink(map { stored($in, $_) } grep { $_ ge $needed } @first) });
get_stops($cut, $needed, qr/"$needed" is missing from .*, which has "00000002\.history"/, 'the last segment before a switch', $id);
get_ends($repo, sprintf('%s%08X', substr($first[0], 0, 16), hex(substr($first[-1], 16)) + 1), 'behind the end of a timeline that was left');

# Whatever else goes wrong, the server is not told that there is no more.
for (
	[ [ "--repo=$repo", 'wal', 'get' ], 'no file' ],
	[ [ "--repo=$repo", 'wal', 'get', $middle ], 'no path' ],
	[ [ "--repo=$repo", 'wal', 'get', $middle, "$scratch/got", '--no-such-option' ], 'an unknown option' ],
	[ [ 'wal', 'get', $middle, "$scratch/got" ], 'no repository' ],
	[ [ '--repo=/nowhere', 'wal', 'get', $middle, "$scratch/got" ], 'one that is not there' ],
	[ [ "--repo=$repo", '--config=/nowhere', 'wal', 'get', $middle, "$scratch/got" ], 'no configuration file' ],
	[ [ "--repo=$repo", 'wal', 'get', $middle, "$scratch/no/such/directory" ], 'no directory for the file' ],
	[ [ "--repo=$repo", 'wal', 'get', $middle, "$scratch/got", '1' ], 'another server' ],
	[ [ "--repo=$repo", 'wal', 'get', $middle, "$scratch/got", 'main' ], 'a server by a name' ],
	[ [ "--repo=$repo", 'wal', 'get', $middle, "$scratch/got", '--identity=/nowhere' ], 'no identity file' ],
	[ [ "--repo=$repo", 'wal', 'gte', $middle, "$scratch/got" ], 'a wrong word' ],
	[ [ "--repo=$repo", 'wal', $middle, "$scratch/got" ], 'no word' ],
	[ [ "--repo=$repo", 'restore', $middle, "$scratch/got" ], 'another command' ],
	[ [ "--repo=$repo", 'get', '00000007.history', "$scratch/got" ], 'not even wal' ])
{
	my ($status) = tool(@{ $_->[0] });
	ok($status > 200, "$_->[1]: status $status");
}

# ------------------------------------------------------------------ what is refused

my $wal_directory = "$scratch/data/pg_wal";
File::Path::make_path($wal_directory, "$scratch/data/global");
copy($primary->data_dir . '/global/pg_control', "$scratch/data/global/pg_control");
tool_ok([ "--repo=$repo", 'wal', 'get', $middle, "$wal_directory/$middle" ], 'a segment comes back');
my $segment = read_bytes("$wal_directory/$middle");

my ($before) = stored($repo, $middle);
my @stat = stat $before;
is_deeply([ (tool("--repo=$repo", 'wal', 'push', "$wal_directory/$middle"))[0], (stat $before)[ 1, 9, 10 ] ], [ 0, @stat[ 1, 9, 10 ] ],
	'the same content is not written again');
is(tool_json("--repo=$repo", 'wal', 'push', "$wal_directory/$middle")->{result}, 'was_there', 'and that is said');

# The server removes its file when it is told that it is stored; so what is damaged is stored again.
for my $how ('truncate', 'flip 100')
{
	my ($stored, @more) = stored($repo, $middle);
	is_deeply(\@more, [], 'one file');
	damage_file($stored, $how);
	isnt((tool("--repo=$repo", 'wal', 'get', $middle, "$scratch/got", $id))[0], 0, "$how: cannot be given");
	my ($code, $out, $err) = tool("--repo=$repo", 'wal', 'push', "$wal_directory/$middle", '--json');
	is($code, 0, 'and is pushed');
	like($err, qr/warning: WAL file "$middle" .*does not match the digest in its name, and is stored again/, 'with a warning');
	unlike($out, qr/was_there/, 'not as one that was there');
	tool_ok([ "--repo=$repo", 'wal', 'get', $middle, "$scratch/got", $id ], 'is given');
	is(read_bytes("$scratch/got"), $segment, 'as it was');
	unlink "$scratch/got";
}

sub refused
{
	my ($name, $bytes, $exit, $pattern, $what, @more) = @_;

	write_bytes("$wal_directory/$name", $bytes);
	tool_fails([ "--repo=$repo", 'wal', 'push', "$wal_directory/$name", @more ], $exit, $pattern, $what);
	unlink "$wal_directory/$name";
	return;
}

my $changed = $segment;
substr($changed, 500_000, 1) ^= "\1";
my $lsn = sprintf('%X/%X', hex(substr($middle, 8, 8)), hex(substr($middle, 16)) * $size + 500_000);
my $files = join ' ', all_files($repo);
refused($middle, $changed, 3, qr/another file "$middle".*digest [0-9a-f]{16}, this one [0-9a-f]{16}\. They differ from \Q$lsn\E on.*move "wal\/[0-9a-f]+\/00000001\/[0-9A-F]+\/$middle-\S+\.zst" out of the repository/s, 'another content');
refused($middle, substr($segment, 0, $size - 8192), 3, qr/has \d+ bytes, and says that a segment has 1048576/, 'half a segment');
refused($middle, "$segment\0", 3, qr/has 1048577 bytes/, 'more than one');
refused($middle, "\0" x $size, 3, qr/does not begin as WAL/, 'no WAL');
refused($first[-2], $segment, 3, qr/begins at .*, and by its name at/, 'under another name');
(my $foreign = $segment) =~ s/^(.{24})(.{8})/$1 . ("\7" x 8)/es;
refused($middle, $foreign, 3, qr/has WAL of system identifier \d+, not of this server, $system/, 'of another server');
my $page = $segment;
substr($page, 8192 * 20 + 8, 8) = substr($page, 8192 * 21 + 8, 8);
refused($middle, $page, 3, qr/bad page at .*: it is of another place in the WAL/, 'with a page of another place');
$page = $segment;
substr($page, 8192 * 20, 8192) = "\0" x 8192;
refused($middle, $page, 3, qr/has an empty page at/, 'with an empty page in the middle');
refused('00000002.history', "1\t0/0\tno reason\n", 3, qr/another file "00000002\.history"/, 'another history of a timeline');
refused('00000003.history', "4\t0/0\tno reason\n", 3, qr/is not the history of its timeline/, 'no history');
refused("$middle.00000028.backup", "x\n", 3, qr/is not what a base backup leaves/, 'no backup file');
refused($_, $segment, 2, qr/is not the name of a WAL file/, "\"$_\"") for 'RECOVERYXLOG', "$middle.tmp", lc('0000000a00000000000000af');
tool_fails([ "--repo=$repo", 'wal', 'push', "$wal_directory/$first[0]" ], 1, qr/could not read file/, 'no file');
is(join(' ', all_files($repo)), $files, 'nothing of that was stored');
write_bytes("$wal_directory/$middle.partial", $segment);
tool_ok([ "--repo=$repo", 'wal', 'push', "$wal_directory/$middle.partial" ], 'a partial segment has a name of its own');

# The other commands leave WAL alone.
tool_ok([ "--repo=$repo", 'list' ], 'list');
tool_ok([ "--repo=$repo", 'expire' ], 'expire');
tool_ok([ "--repo=$repo", 'verify' ], 'verify');
my ($ignored_code, undef, $message) = tool('copy', '--from', $repo, '--to', "$scratch/copy", '--create');
like($message, qr/WAL is not copied/, 'copy says that it leaves WAL out');
ok(!-e "$scratch/copy/wal", 'and does');
is(join(' ', grep { m{^wal/} && !/partial/ } all_files($repo)), join(' ', grep { m{^wal/} } split / /, $files), 'expire removes no WAL');

# --------------------------------------------------------------- killed, and away

# Killed at any moment: what was answered is there, the next push mends the rest, and nobody else is told otherwise.
my $killed = new_repository('killed');
for my $i (0 .. 23)
{
	my $name = $first[ $i % @first ];
	my $pid = start_tool("$scratch/push.log", "--repo=$killed", 'wal', 'push', $primary->data_dir . "/pg_wal/$name", $id) if -e $primary->data_dir . "/pg_wal/$name";

	next unless defined $pid;
	Time::HiRes::sleep(0.002 * ($i % 12));
	kill 'KILL', $pid;
	finish_tool($pid);
}
for my $name (@first)
{
	my ($status) = tool("--repo=$repo", 'wal', 'get', $name, "$wal_directory/$name");
	is((tool("--repo=$killed", 'wal', 'push', "$wal_directory/$name"))[0], 0, "$name is pushed again") if $status == 0;
}
tool_ok([ "--repo=$killed", 'wal', 'verify' ], 'after kill -9, all of it is good');
is(scalar(my @twice = stored($killed, $middle)), 1, 'and there once');

# The repository is away: the server keeps its WAL, and all of it follows in order.
rename $repo, "$repo.away" or die;
insert($primary, 3_000) && on($primary, 'SELECT pg_switch_wal()') for 1 .. 3;
ok(wait_until(sub { on($primary, 'SELECT failed_count FROM pg_stat_archiver') > 0 }), 'without the repository, archiving fails');
rename "$repo.away", $repo or die;
$primary->reload;
$last = archived($primary);
($wal) = @{ tool_json("--repo=$repo", 'wal', 'list')->{wal} };
is_deeply([ $wal->{gaps}, $wal->{ranges}[0]{last} ], [ [], $last ], 'back, it gets all of it');
$total = rows($primary);
recovers('away', get_command($repo), $total, 'recovery_target_timeline = 1')->stop('immediate');

# ------------------------------------------------------------- nex_backup.json and wal/

my $small = new_repository('small');
write_bytes("$wal_directory/$middle", $segment);
mkdir "$small/wal";
tool_ok([ "--repo=$small", 'wal', 'push', "$wal_directory/$middle" ], 'the first segment, on a new disk');
for my $disk ("$small/wal", glob("$small/wal/*"))
{
	rename $disk, "$small/disk" or die;
	mkdir $disk;
	tool_fails([ "--repo=$small", 'wal', 'push', "$wal_directory/$middle" ], 1, qr/"\Q$disk\E" is empty, where WAL was/, 'a disk that is not mounted');
	rmdir $disk or die;
	rename "$small/disk", $disk or die;
}
File::Path::remove_tree("$small/wal");
tool_ok([ "--repo=$small", 'wal', 'push', "$wal_directory/$middle" ], 'no directory is fine');
my ($kept) = read_bytes("$small/nex_backup.json") =~ /("features".*\n"id": .*)/;
unlink "$small/nex_backup.json";
get_stops($small, $middle, qr/nex_backup\.json" is missing/, 'without nex_backup.json', $id);
tool_ok([ 'init', '--repo', $small ], 'init writes it again');
is((read_bytes("$small/nex_backup.json") =~ /("features".*\n"id": .*)/)[0], $kept, 'with the same id, and the feature');
write_bytes("$small/nex_backup.json", do { my $json = read_bytes("$small/nex_backup.json"); $json =~ s/"wal"/"more"/; $json =~ s/,\n"seal": "[0-9a-f]{64}"\n\}\n\z//; qq($json,\n"seal": ") . sha256_hex($json) . qq("\n}\n) });
get_stops($small, $middle, qr/has an unknown format/, 'a feature that is not known', $id);

# A key file opens, and encrypts.
my @key = ('--key-file', "$scratch/key", "--state-dir=$scratch/key-state");
tool_ok([ 'keygen', '--symmetric', '--output', "$scratch/key" ], 'a key file');
tool_ok([ 'init', '--repo', "$scratch/keyed", @key ], 'a repository with it');
tool_ok([ "--repo=$scratch/keyed", @key, 'wal', 'push', "$wal_directory/$middle" ], 'wal push');
is(tool_json("--repo=$scratch/keyed", @key, 'wal', 'push', "$wal_directory/$middle")->{result}, 'was_there', 'the same again');
tool_ok([ "--repo=$scratch/keyed", @key, 'wal', 'get', $middle, "$scratch/keyed-got", $id ], 'wal get');
is(sha256_hex(read_bytes("$scratch/keyed-got")), sha256_hex($segment), 'the same WAL');

# ------------------------------------------------------------------------ encrypted

my $state = "$scratch/state";
my $sealed = "$scratch/sealed";
system("age-keygen -o '$scratch/identity' 2>/dev/null") == 0 or BAIL_OUT('age-keygen does not run');
my ($recipient) = read_bytes("$scratch/identity") =~ /^# public key: (age1\S+)$/m;
tool_ok([ 'init', '--repo', $sealed, '--recipient', $recipient, '--state-dir', $state ], 'an encrypted repository');
on($primary, $_) for "ALTER SYSTEM SET archive_command = '" . push_command($sealed, "--state-dir=$state") . "'", 'SELECT pg_reload_conf()';
archived($primary);
$primary->backup('sealed');
insert($primary, 500);
my $sealed_last = archived($primary);
my @reader = ("--state-dir=$scratch/reader");
my $with_key = get_command($sealed, @reader, "--identity=$scratch/identity");

tool_ok([ "--repo=$sealed", 'wal', 'list', @reader ], 'listed without a key');
tool_ok([ "--repo=$sealed", 'wal', 'verify', '--level=stored', @reader ], 'verified without a key');
tool_fails([ "--repo=$sealed", 'wal', 'verify', @reader ], 1, qr/could not be looked at/, 'not all of it');
tool_ok([ "--repo=$sealed", 'wal', 'verify', @reader, "--identity=$scratch/identity" ], 'with the key, all of it');
get_stops($sealed, $sealed_last, qr/cannot be opened: no identity was given/, 'without a key', $id, @reader);
$last = $sealed_last;
is(by_stock_tools($sealed, $last, "$scratch/identity"), $by_nex_backup->($sealed, @reader, "--identity=$scratch/identity"), 'RECOVER.txt opens it');
unlike(join('', map { read_bytes($_) } stored($sealed, $sealed_last)), qr/system_identifier|xxxxxxxx/, 'nothing of it is shown');

# The writer can tell what is the same, and what is not, without any key that opens it.
my @writer = ("--repo=$sealed", "--state-dir=$state", 'wal', 'push');
tool_ok([ "--repo=$sealed", 'wal', 'get', $sealed_last, "$wal_directory/$sealed_last", @reader, "--identity=$scratch/identity" ], 'with the key, it comes back');
($before) = stored($sealed, $sealed_last);
@stat = stat $before;
tool_ok([ @writer, "$wal_directory/$sealed_last" ], 'the same again');
is_deeply([ (stat $before)[ 1, 9, 10 ] ], [ @stat[ 1, 9, 10 ] ], 'is not written');
$changed = read_bytes("$wal_directory/$sealed_last");
substr($changed, 8192 + 100, 1) ^= "\1";
write_bytes("$wal_directory/$sealed_last", $changed);
tool_fails([ @writer, "$wal_directory/$sealed_last" ], 3, qr/another file "$sealed_last".*has the digest [0-9a-f]{16}, this one/s, 'another content is refused');
like((tool(@writer, "$wal_directory/$sealed_last"))[2], qr/HINT: +With a key, "nex_backup wal verify" says whether .* If it was: Two servers write/, 'without a key, nobody knows whose the other is');
(my $forged = $before) =~ s/$sealed_last/$middle/;
copy($before, $forged);
tool_fails([ @writer, "$wal_directory/$middle" ], 3, qr/another file "$middle" of .*, which is damaged or no server's\n.*has the bytes of "$sealed_last"\.\nHINT: +Move "wal.*$middle-.*" out of the repository/s, 'but that this one is none');
write_bytes($forged, 'x');
tool_fails([ @writer, "$wal_directory/$middle" ], 3, qr/which is damaged or no server's/, 'nor this');
unlink $forged;
tool_fails([ "--repo=$sealed", @reader, 'wal', 'push', "$wal_directory/$sealed_last" ], 1, qr/writer key|cannot be written/, 'no writer, no push');

{
	my $node = PostgreSQL::Test::Cluster->new('opened');
	$node->init_from_backup($primary, 'sealed');
	$node->append_conf('postgresql.conf', "restore_command = '$with_key'\narchive_mode = off\n");
	$node->set_recovery_mode;
	$node->start;
	ok($node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'an encrypted archive is recovered from');
	is(rows($node), $total + 500, 'with all rows');
	$node->stop('immediate');
}
tool_ok([ 'key', 'list', "--repo=$sealed", @reader ], 'nex_backup.json of format 2 is signed');

# ------------------------------------------------------------- what doctor says of the server

sub archiver
{
	my (@of) = @_;
	local $ENV{PGDATABASE} = 'postgres';
	my ($row) = grep { $_->{name} eq 'archiver' } @{ tool_json(@of, 'doctor')->{checks} };
	return "$row->{status} $row->{detail}";
}
like(archiver("--repo=$sealed", @reader), qr/^ok the last WAL was archived at [-0-9: ]+ UTC$/, 'doctor: archived to this repository');
like(archiver("--repo=$repo"), qr/^critical the server has archived "[0-9A-F.a-z]+" at .* but not to this repository/, 'to another one than before');
like(archiver('--repo=' . new_repository('other')), qr/^ok the last WAL was archived at .*, but not to this repository$/, 'to another one than this, which has none');
on($primary, $_) for q{ALTER SYSTEM SET archive_command = '/nowhere/nex_backup wal push %p'}, 'SELECT pg_reload_conf()';
insert($primary, 10);
my $waiting = on($primary, 'SELECT pg_walfile_name(pg_switch_wal())');
my $ready = $primary->data_dir . "/pg_wal/archive_status/$waiting.ready";
ok(wait_until(sub { -e $ready }), 'a segment is to be archived');
for my $minutes (6, 11)
{
	utime time, time - 60 * $minutes, $ready or die;
	like(archiver("--repo=$sealed", @reader), ($minutes < 10 ? qr/^warning/ : qr/^critical/) , "by a program that is not there: after $minutes minutes");
}
like(archiver("--repo=$sealed", @reader), qr/ 1 file waits in pg_wal to be archived, the first for .*; the last WAL was archived at/, 'and for how long');

$primary->stop('immediate');
done_testing();
