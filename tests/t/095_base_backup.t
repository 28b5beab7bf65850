# Base backups: of a server that works on, with a tablespace and unlogged tables; complete only with its WAL; damaged
# pages named; nothing left by one that is killed; and no other command takes their objects for leftovers.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $tool = tool_path();
my $repo = new_repository('base');
my $node = PostgreSQL::Test::Cluster->new('primary');

$node->init(allows_streaming => 1, extra => [ '--wal-segsize=1', '--locale=C', '--data-checksums' ]);
$node->append_conf('postgresql.conf', "archive_mode = on\narchive_command = ''\nautovacuum = off\nmax_wal_size = 64MB\n");
$node->start;
use_server($node);
delete $ENV{PGDATABASE};

sub on { return $node->safe_psql('postgres', $_[0]) }
sub archive_by { on("ALTER SYSTEM SET archive_command = '$_[0]'"); return on('SELECT pg_reload_conf()') }

my @backup = ("--repo=$repo", 'base', 'backup', '--checkpoint=fast', '-j2');

sub manifests { return map { "base/$_" } grep { /\.json$/ } -d "$repo/base" ? all_files("$repo/base") : () }
sub objects { return grep { !/\.tmp$/ } all_files("$repo/objects") }

# ------------------------------------------------------------ refused before anything is done

tool_fails([@backup], 1, qr/does not archive its WAL: archive_command is empty.*HINT:.*wal push %p/s, 'a server that does not archive');
ok(!-e "$repo/base" && !-e "$repo/objects", 'nothing was written');
archive_by('true');
on('SELECT pg_switch_wal()');
ok(wait_until(sub { on('SELECT archived_count > 0 FROM pg_stat_archiver') eq 't' }), 'it archives, but not here');
tool_fails([@backup], 1, qr/archives its WAL, but there is none of it in repository/, 'WAL that goes elsewhere');
archive_by("$tool --repo=$repo wal push %p");
on(q{SELECT pg_create_restore_point('a'); SELECT pg_switch_wal()});
ok(wait_until(sub { -d "$repo/wal" }), 'WAL is archived');

# ------------------------------------------------------------ under load

mkdir "$scratch/space" or die;
on(<<"SQL");
CREATE TABLESPACE space LOCATION '$scratch/space';
CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 5) AS t FROM generate_series(1, 60000) g;
CREATE TABLE there TABLESPACE space AS SELECT * FROM big LIMIT 20000;
CREATE UNLOGGED TABLE unlogged AS SELECT * FROM big LIMIT 1000;
CREATE INDEX ON big (id);
SQL
my $unlogged = on(q{SELECT pg_relation_filepath('unlogged')});
my $load = background_sql('postgres', q{DO $$ BEGIN FOR i IN 1..100000 LOOP UPDATE big SET t = t || 'x' WHERE id % 5000 = i % 5000; COMMIT; END LOOP; END $$});
my $made = tool_json(@backup);
is($made->{kind}, 'cluster', 'a base backup under load') or BAIL_OUT('no base backup');
is($made->{damaged_pages}, 0, 'pages that are read while they are written are no damage');
on(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %'});
$load->();
is_deeply([ map { $_->{path} } @{ $made->{tablespaces} } ], ["$scratch/space"], 'the tablespace is known');
like(read_bytes("$repo/nex_backup.json"), qr/"format": 2,\n"features": \["wal", "cluster"\]/, 'older versions refuse the repository');
like(tool_ok([ "--repo=$repo", 'base', 'list' ], 'base list'), qr/\(base [0-9a-f]{16}\) \| $made->{backup}/, 'it is listed');
like(tool_ok([ "--repo=$repo", 'list' ], 'list'), qr/\(base [0-9a-f]{16}\) \| $made->{backup}/, '… among all backups');
like(tool_ok([ "--repo=$repo", 'base', 'info' ], 'base info'), qr/Checksums +all pages are good/, 'info');
like(tool_ok([ "--repo=$repo", 'base', 'verify' ], 'base verify'), qr/: ok \(/, 'it is whole');
tool_ok([ "--repo=$repo", 'base', 'verify', $made->{backup} ], 'verified by its name');

# A second reader, with stock tools: the names in the maps.
my $objects = join(' ', map { "$repo/objects/$_" } objects());
my $names = qx{zstd -dcq $objects | strings -n 4};
like($names, qr{pg_tblspc/\d+/PG_\d+_\d+/\d+/\d+}, 'files of the tablespace are in it');
like($names, qr/\Q${unlogged}\E_init/, 'of an unlogged table the empty file is');
unlike($names, qr{\Q$unlogged\E\n|postmaster\.pid|pg_internal\.init}, '… and nothing else, nor what is the server\'s alone');

# ------------------------------------------------------------ what did not change

on('CHECKPOINT');
tool_ok([@backup], 'a backup after the load');
my $again = tool_json(@backup);
cmp_ok($again->{new_bytes}, '<', $made->{stored_bytes} / 4, 'what did not change is not stored again');
my @before = objects();
tool_ok([ "--repo=$repo", 'expire', '--keep-minimum=100' ], 'expire');
is(scalar objects(), scalar @before, 'expire takes none of their objects for a leftover');
tool_ok([ "--repo=$repo", 'verify', '--level=present' ], 'all of it is there');
unlike((tool("--repo=$repo", 'doctor', '--no-server'))[1], qr/unclear|not understood|interrupted or running/, 'doctor has nothing against it');

# ------------------------------------------------------------ tablespaces that come and go while it waits for the checkpoint

sub replace_file { my ($path, $content) = @_; write_bytes("$path.new", $content); return rename("$path.new", $path) }

my $data = $node->data_dir;
my %before = ('extra.conf' => "# a\n", 'empty.conf' => '', 'shorter.conf' => "# long\n" x 100);
my %after = ('extra.conf' => "# more\n" x 100, 'empty.conf' => "# not now\n", 'shorter.conf' => '');
write_bytes("$data/$_", $before{$_}) for keys %before;
mkdir "$scratch/$_" or die for 'early', 'late', 'elsewhere';
rmdir "$data/pg_snapshots" and symlink("$scratch/elsewhere", "$data/pg_snapshots") or die;
on("CREATE TABLESPACE early LOCATION '$scratch/early'; UPDATE big SET t = reverse(t)");
my $checkpointer = on(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'});
my $had = objects();
kill STOP => $checkpointer;
my $waiting = start_tool("$scratch/moved", @backup, '--rate=8');
ok(wait_until(sub { on(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'CheckpointStart'}) eq '1' }), 'the backup waits for a checkpoint');
on("CREATE TABLESPACE late LOCATION '$scratch/late'; CREATE TABLE lost TABLESPACE late AS SELECT * FROM big LIMIT 1000; DROP TABLESPACE early");
kill CONT => $checkpointer;

# Large files are read first, so the small ones change between the look at the files and the reading.
ok(wait_until(sub { objects() > $had }), 'it reads');
kill STOP => $waiting;
replace_file("$data/$_", $after{$_}) or die for keys %after;
on(q{ALTER SYSTEM SET work_mem = '5MB'; SELECT pg_replication_origin_create('a'), pg_replication_origin_create('b')});
on(q{SELECT pg_replication_origin_advance('a', '0/1'), pg_replication_origin_advance('b', '0/2'); CHECKPOINT});
kill CONT => $waiting;
is(finish_tool($waiting), 0, 'it is made');
$again = tool_json("--repo=$repo", 'base', 'info');
is_deeply([ sort map { $_->{path} } @{ $again->{tablespaces} } ], [ "$scratch/late", "$scratch/space" ], 'it has the tablespaces that were there when it began');
tool_ok([ "--repo=$repo", 'restore', '--cluster', '-D', "$scratch/restored", map { "--tablespace-mapping=$scratch/$_=$scratch/restored_$_" } 'late', 'space' ], 'restored');
my $lost = on(q{SELECT pg_relation_filepath('lost')});
is(-s "$scratch/restored/$lost", -s "$data/$lost", '… with what is in the new one');
is(read_bytes("$scratch/restored/$_"), $after{$_}, "$_ as it was when it was read") for sort keys %after;
like(read_bytes("$scratch/restored/postgresql.auto.conf"), qr/^work_mem = '5MB'$/m, 'and so the settings');
is(-s "$scratch/restored/pg_logical/replorigin_checkpoint", -s "$data/pg_logical/replorigin_checkpoint", 'and what the server replaces');
ok(-d "$scratch/restored/pg_snapshots" && !-l "$scratch/restored/pg_snapshots", 'a directory that is emptied is one, not a link');

symlink("$scratch/elsewhere", "$data/base/4711") or die;
tool_fails([@backup], 1, qr{base/4711" is a symbolic link.*HINT}s, 'a link to files of the server that would not be in it');
unlink "$data/base/4711";

# ------------------------------------------------------------ killed, interrupted

sub sessions { return on(q{SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'nex_backup%'}) }

for my $signal ('KILL', 'INT')
{
	my $count = manifests();
	my $stored = objects();

	on('UPDATE big SET t = reverse(t)');
	my $pid = start_tool("$scratch/$signal", @backup, '--rate=2', '--compress=none');
	ok(wait_until(sub { objects() > $stored || -z "$scratch/none" }), "$signal: it has begun to store");
	kill $signal => $pid;
	is(finish_tool($pid), $signal eq 'KILL' ? 137 : 130, "$signal: it ends");
	is(scalar manifests(), $count, "$signal: nothing is published");
	ok(wait_until(sub { sessions() eq '0' }), "$signal: the server has no session of it, and is out of backup mode");
}
my $left = objects();
tool_ok([ "--repo=$repo", 'expire', '--keep-minimum=100' ], 'expire');
cmp_ok(scalar objects(), '<', $left, 'what they left is removed');
like(tool_ok([ "--repo=$repo", 'base', 'verify' ], 'base verify'), qr/: ok .*: ok /s, 'and nothing that is needed');

# ------------------------------------------------------------ WAL that does not come

archive_by('false');
my $published = manifests();
tool_fails([ @backup, '--archive-wait=2s' ], 1, qr/segment [0-9A-F]{24}, which the backup needs, was not archived.*within 2 seconds/s, 'the WAL of the backup is not archived');
is(scalar manifests(), $published, 'without it nothing is published');
archive_by("$tool --repo=$repo wal push %p");

# ------------------------------------------------------------ damage

on('CREATE TABLE cold AS SELECT * FROM big LIMIT 5000; CHECKPOINT');
my $cold = $node->data_dir . '/' . on(q{SELECT pg_relation_filepath('cold')});
my $good = read_bytes($cold);
my $bad = $good;
substr($bad, 3 * 8192 + 4000, 1) ^= "\x01";
substr($bad, 5 * 8192, 8) = "\xff" x 8; # an LSN that no WAL has reached
write_bytes($cold, $bad);
my ($code, $out, $err) = tool(@backup);
is($code, 3, 'a damaged page is an error');
like($err, qr{file "base/\d+/\d+": block 5 has a wrong checksum}, 'also one that looks new');
like($err, qr{block 3 of file "base/\d+/\d+"}, 'its place is named');
like($out, qr/^base backup \S+: /m, 'the backup is there all the same');
like(tool_ok([ "--repo=$repo", 'base', 'info' ], 'base info'), qr/damaged page.*block 3 of "base/s, 'info shows it');
write_bytes($cold, $good);
my ($damaged) = $out =~ /^base backup (\S+): /m;
tool_ok([ "--repo=$repo", 'base', 'verify', $damaged ], 'its files are as they were stored');
for my $list ('list', 'base list')
{
	like(tool_ok([ "--repo=$repo", split(/ /, $list) ], $list), qr/\Q$damaged\E.*ok \S+, DAMAGED PAGES/, "… but $list has a mark");
}
like((tool("--repo=$repo", 'doctor', '--no-server'))[1],
	qr/pages .*base backup \Q$damaged\E has 2 damaged pages of the server; the last one without any is $again->{backup}/, 'doctor: critical');
like(tool_ok([ "--repo=$repo", 'expire', '--keep-minimum=1', '--dry-run' ], 'expire'), qr/$again->{backup}.*newest undamaged/,
	'and the last one without them stays');

# ------------------------------------------------------------ another place

tool_ok([ 'copy', "--from=$repo", "--to=$scratch/copy", '--create' ], 'copy');
like(tool_ok([ "--repo=$scratch/copy", 'base', 'verify' ], 'verify the copy'), qr/base .*: ok/, 'base backups are copied');
like(read_bytes("$scratch/copy/nex_backup.json"), qr/"cluster"/, 'older versions refuse the copy, too');

tool_ok([ 'init', "--repo=$scratch/other" ], 'another repository');
tool_fails([ 'copy', "--from=$repo", "--to=$scratch/other", '--re-encrypt' ], 1, qr/base backup|"base \S+" cannot be copied with --re-encrypt/, 'with other keys they cannot be copied');
ok(!-e "$scratch/other/base", 'and are not');

# ------------------------------------------------------------ names

my ($system) = map { m{^base/([0-9a-f]{16})/} } manifests();
my $decimal = on('SELECT system_identifier FROM pg_control_system()');
my ($oldest) = sort map { m{/(\w+)\.json$} } manifests();

for my $name ($oldest, "$system/$oldest", "$decimal/$oldest")
{
	like(tool_ok([ "--repo=$repo", 'base', 'info', $name ], $name), qr/\b$oldest\b/, '… is that base backup');
}
unlike(tool_ok([ "--repo=$repo", 'base', 'info', $_ ], $_), qr/\b$oldest\b/, '… is the latest') for $system, $decimal;
tool_fails([ "--repo=$repo", 'base', $$_[0], $$_[1] ], $$_[2], qr/there is no base backup "\Q$$_[1]\E"/, "$$_[0] $$_[1]")
  for [ 'info', "nosuch/$oldest", 2 ], [ 'verify', "main/$oldest", 2 ], [ 'info', 'nosuch', 2 ],
  [ 'info', "$system/20200101T000000Z", 1 ], [ 'info', ('0' x 15) . "1/$oldest", 1 ];

# ------------------------------------------------------------ its WAL

my $info = tool_json("--repo=$repo", "base", "info", $again->{backup});
my ($high, $low) = map { hex } split m{/}, $info->{start};
my $label = sprintf("%08X%08X%08X", $info->{timeline}, $high, $low >> 20);
my ($segment) = grep { m{\Q$label\E-} } all_files("$repo/wal");
my $stored = read_bytes("$repo/wal/$segment");
my @doctor = ("--repo=$repo", 'doctor', '--no-server');
unlike((tool(@doctor))[1], qr/WAL of the time/, 'doctor: all WAL is there');
substr(my $flipped = $stored, 100, 1) ^= "\x01";
write_bytes("$repo/wal/$segment", $flipped);
($code, $out) = tool("--repo=$repo", 'base', 'verify', '--level=stored');
is($code, 3, 'a damaged segment is found');
like($out, qr/FAILED \(1 bad file\)\n  wal\S+\Q$label\E\S* does not match/, 'and named');
unlink "$repo/wal/$segment" or die;
for my $level ('full', 'stored', 'present')
{
	($code, $out) = tool("--repo=$repo", 'verify', "--level=$level");
	is($code, 3, "$level: a missing segment is found");
	like($out, qr{FAILED \(1 bad file\)\n  wal/\S+/\Q$label\E is missing}, '… and named');
}
like((tool(@doctor))[1], qr/WAL of the time of "base \S+" is missing, so it cannot be restored/, 'doctor: critical');
write_bytes("$repo/wal/$segment", $stored);
like(tool_ok([ "--repo=$repo", 'base', 'verify' ], 'verified with it again'), qr/: ok \(/, 'that forgets it');
like(tool_ok([ "--repo=$scratch/copy", 'base', 'verify' ], 'a copy'), qr/base .*: ok .*\n  its WAL is not here/, 'says that it has no WAL');
like((tool("--repo=$scratch/copy", 'doctor', '--no-server'))[1], qr/its base backups are here, and its WAL is not/, 'as doctor does');

# ------------------------------------------------------------ removed by rules

tool_ok([ "--repo=$repo", 'backup', '--server=second', '-d', 'postgres' ], 'another server has backups there, too');
$published = manifests();
tool_ok([ "--repo=$repo", 'expire' ], 'expire');
tool_ok([ "--repo=$repo", 'expire', '--server=second' ], 'expire of the other server');
is(scalar manifests(), $published, 'it is not known whose the base backups are, so all are left alone');
like((tool("--repo=$repo", 'expire'))[2], qr/base backups are left alone.*several servers.*HINT: .*base expire SYSTEM/s, '… which is said');
tool_fails([ "--repo=$repo", 'base', 'expire', "$system/$oldest" ], 2, qr/takes a system identifier, and no ID/, 'rules for one backup');
tool_ok([ "--repo=$repo", 'base', 'expire', '--dry-run' ], 'base expire --dry-run');
is(scalar manifests(), $published, 'removes nothing');
# WAL goes with them: all that comes before those that are left, and nothing behind it.
sub segments { my ($wal) = @{ tool_json("--repo=$repo", 'wal', 'list')->{wal} }; return $wal }
ok(wait_until(sub { on(q{SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'}) eq '0' }), 'the archiver is at rest');
my $segments = segments();
my $windows = tool_json("--repo=$repo", 'base', 'windows', $decimal)->{systems}[0]{windows};
is(scalar @$windows, 1, 'one window');
my $kept = tool_json("--repo=$repo", 'base', 'expire', '--dry-run', '--keep-pitr=1d');
is_deeply([ map { $_->{backup} } grep { $_->{reason} =~ /keep-pitr/ } @{ $kept->{backups} } ], [ $windows->[0]{oldest} ], 'keep-pitr keeps the oldest good one');
is(tool_json("--repo=$repo", 'base', 'expire', '--dry-run', $decimal)->{wal_removed}, 0, 'without keep-pitr WAL is left alone');
my $expected = tool_json("--repo=$repo", 'base', 'expire', '--dry-run', '--keep-pitr=1s', $decimal);
is(segments()->{segments}, $segments->{segments}, 'a dry run removes no WAL');
cmp_ok($expected->{wal_removed}, '>', 0, 'but says how much it would');
my $expired = tool_json("--repo=$repo", 'base', 'expire', '--keep-pitr=1s', $decimal);
cmp_ok(scalar manifests(), '<', $published, 'those that no rule keeps are removed');
is($expired->{wal_removed}, $expected->{wal_removed}, 'WAL that none of the others needs is removed');
my $after = segments();
is($after->{segments}, $segments->{segments} - $expired->{wal_removed}, '… and no other');
is_deeply([ scalar @{ $after->{ranges} }, $after->{gaps} ], [ 1, [] ], '… from the beginning');
is($after->{ranges}[0]{last}, $segments->{ranges}[0]{last}, '… which does not change the end');
tool_ok([ "--repo=$repo", 'wal', 'verify' ], 'what is left is whole');
my $window = tool_json("--repo=$repo", 'base', 'windows')->{systems}[0]{windows};
is_deeply([ map { [ @$_{qw(timeline to to_lsn newest)} ] } @$window ], [ map { [ @$_{qw(timeline to to_lsn newest)} ] } @$windows ], 'the window ends where it did');
is(tool_json("--repo=$repo", 'base', 'expire', '--keep-pitr=1s', $decimal)->{wal_removed}, 0, 'there is nothing more to remove');
like(tool_ok([ "--repo=$repo", 'base', 'verify' ], 'base verify'), qr/: ok \(/, 'and the others are whole');

# ------------------------------------------------------------ a damaged repository

my ($largest) = sort { -s "$repo/objects/$b" <=> -s "$repo/objects/$a" } objects();
damage_file("$repo/objects/$largest", 'flip');
($code) = tool("--repo=$repo", 'base', 'verify');
is($code, 3, 'a damaged object is found');

# ------------------------------------------------------------ WAL of another server

# As after a copy of the server was started: it archives under the same names, and this one is refused.
archive_by('false');
my ($stored_segment) = sort glob("$repo/wal/*/00000001/*/0*");
my ($place, $names) = $stored_segment =~ m{^(.*)/[0-9A-F]{24}(-[^/]+)$} or die;
my @others = map { "$place/" . on("SELECT pg_walfile_name(pg_current_wal_lsn() + $_ * 1048576)") . $names } 0 .. 3;

write_bytes($_, read_bytes($stored_segment)) for @others;
my $before_that = manifests();
tool_fails([@backup], 3, qr/has another segment "[0-9A-F]{24}" than this server.*HINT: .*pg_resetwal/s, 'WAL of another server');
is(scalar manifests(), $before_that, 'no base backup rests on it');
unlink @others;
archive_by("$tool --repo=$repo wal push %p");

# ------------------------------------------------------------ a timeline without its history

$node->stop;
$node->append_conf('postgresql.conf', "restore_command = 'false'");
$node->set_recovery_mode;
$node->start;
ok(wait_until(sub { on('SELECT pg_is_in_recovery()') eq 'f' }), 'another timeline');
my $later = tool_json(@backup);
my ($history) = glob("$repo/wal/*/history/00000002.history*");
$stored = read_bytes($history);
unlink $history or die;
for my $level ('full', 'stored', 'present')
{
	($code, $out) = tool("--repo=$repo", 'base', 'verify', "--level=$level", $later->{backup});
	is($code, 3, "$level: without the history it is not whole");
	like($out, qr{wal/\S+/history/00000002\.history is missing}, '… which is named');
}
like((tool(@doctor))[1], qr/"00000002\.history" is missing, so "base \S+" cannot be restored/, 'doctor: critical');
write_bytes($history, substr($stored, 0, -1));
($code, $out) = tool("--repo=$repo", 'base', 'verify', $later->{backup});
is($code, 3, 'nor with one that is damaged');
write_bytes($history, $stored);
like(tool_ok([ "--repo=$repo", 'base', 'verify', $later->{backup} ], 'verified with it again'), qr/: ok \(/, 'that forgets it');
unlink "$data/pg_wal/00000002.history", glob("$repo/wal/*/history/00000002.history*") or die;
tool_fails([@backup], 1, qr/history of timeline 2 .*00000002\.history.*HINT/s, 'without the history it could not be recovered');

$node->stop;
done_testing();
