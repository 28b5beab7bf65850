# restore --cluster: what was committed until the moment, and nothing else, whichever way the moment is given; and
# nothing is written where it cannot be reached.
use strict;
use warnings;

use Cwd ();
use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $tool = tool_path();
my $repo = new_repository('plain');
my $locked = "$scratch/locked";
my $node = PostgreSQL::Test::Cluster->new('primary');
my $port = PostgreSQL::Test::Cluster->new('restored')->port;
my $seed = $ENV{NEX_SEED} // time;

srand($seed);
print "# seed $seed\n";
tool_ok([ 'keygen', '--state-dir', "$scratch/none", '-o', "$scratch/key" ], 'a key');
my ($recipient) = read_bytes("$scratch/key") =~ /(age1\w+)/;
my @state = ("--state-dir=$scratch/state");
tool_ok([ 'init', "--repo=$locked", "--recipient=$recipient", @state ], 'an encrypted repository');

$node->init(allows_streaming => 1, extra => [ '--wal-segsize=1', '--locale=C', '--data-checksums' ]);
$node->append_conf('postgresql.conf', <<"CONF");
archive_mode = on
archive_command = '$tool --repo=$repo wal push %p && $tool --repo=$locked @state wal push %p'
max_wal_size = 64MB
recovery_min_apply_delay = 1h
CONF
$node->start;
use_server($node);
delete $ENV{PGDATABASE};

sub on { return $node->safe_psql('postgres', $_[0]) }

# Close the segment, and wait until it is archived.
sub archived
{
	on(q{SELECT pg_create_restore_point('closed')});
	my $name = on('SELECT pg_walfile_name(pg_switch_wal())');

	return ok(wait_until(sub { on("SELECT coalesce(max(last_archived_wal), '') >= '$name' FROM pg_stat_archiver") eq 't' }), "$name is archived");
}

# ------------------------------------------------------------ a history

mkdir "$scratch/space" or die;
symlink($scratch, $node->data_dir . '/outside') or die;
on(<<"SQL");
CREATE TABLESPACE space LOCATION '$scratch/space';
CREATE TABLE w (i int, pad text DEFAULT repeat('x', 200)) TABLESPACE space;
CREATE INDEX ON w (i);
CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS i;
CREATE EXTENSION amcheck;
SQL
my @backup = ('base', 'backup', '--checkpoint=fast', '-j2');
# One row a transaction: what comes back must be a prefix.
my (@after, @time, @xid);

sub write_rows
{
	my ($count) = @_;
	my $from = @after;
	my $sql = join('', map { "INSERT INTO w (i) VALUES ($_) RETURNING xmin; SELECT pg_current_wal_insert_lsn(), clock_timestamp();\n" } $from .. $from + $count - 1);
	my @lines = split /\n/, on($sql);

	while (my ($xid, $state) = splice(@lines, 0, 2))
	{
		my ($lsn, $at) = split /\|/, $state;
		push @xid, $xid;
		push @after, $lsn;
		push @time, $at;
	}
	return;
}

write_rows(20);
archived();
my $first = tool_json("--repo=$repo", @backup) or BAIL_OUT('no base backup');
write_rows(60);
on(q{SELECT pg_create_restore_point('it''s half')});
my $half = @after;
on('CREATE TABLE more AS SELECT g, md5(g::text) FROM generate_series(1, 5000) g; UPDATE more SET md5 = reverse(md5); VACUUM more');
write_rows(40);
tool_ok([ "--repo=$locked", @backup, @state, '--checkpoint=fast' ], 'a base backup in the encrypted repository');
my $second = tool_json("--repo=$repo", @backup);
write_rows(60);
on('DELETE FROM more WHERE g % 2 = 0');
archived();

# ------------------------------------------------------------ what comes back

my $number = 0;

sub restore
{
	my ($to, @options) = @_;

	return tool("--repo=$repo", 'restore', '--cluster', "--data-dir=$to", "--tablespace-mapping=$scratch/space=$to.space", '-j2', @options);
}

sub there
{
	my ($sql) = @_;

	IPC::Run::run([ 'psql', '-XAt', '-p', $port, '-d', 'postgres', '-c', $sql ], '>', \my $out, '2>', \my $err);
	chomp $out;
	return $out;
}

# Start what was restored, and wait until it can be written to; or is paused.
sub start
{
	my ($to, $paused) = @_;

	open(my $conf, '>>', "$to/postgresql.conf") or die;
	print $conf "data_directory = '$to'\nport = $port\nfsync = off\n";
	close $conf;
	is(system("pg_ctl -D $to -l $to.log -w start >/dev/null"), 0, 'it starts') or diag(read_bytes("$to.log"));
	ok(wait_until(sub { there($paused ? 'SELECT pg_get_wal_replay_pause_state()' : 'SELECT pg_is_in_recovery()') eq ($paused ? 'paused' : 'f') }), 'and comes to its end')
	  or diag(read_bytes("$to.log"));
	return;
}

sub stop { my ($to) = @_; return system("pg_ctl -D $to -m fast -w stop >/dev/null") }

# Restore to a moment: rows 0 to count - 1 are there, and all of it is sound.
sub comes_back
{
	my ($what, $count, @options) = @_;
	my $to = "$scratch/new" . ++$number;

	subtest $what => sub {
		my ($code, $out, $err) = restore($to, '--action=promote', @options);

		is($code, 0, 'restored') or diag($err), return;
		start($to);
		is(there('SELECT count(*), count(DISTINCT i), coalesce(max(i), -1) FROM w'), "$count|$count|" . ($count - 1), 'the rows that were committed, and no others');
		is(there("SELECT count(*) FROM (SELECT bt_index_check(c.oid, true) FROM pg_class c WHERE relkind = 'i' AND relam = 403 AND relpersistence = 'p') s") > 100, 1, 'indexes are sound');
		is(there("SELECT count(*) FROM pg_class c, LATERAL verify_heapam(c.oid) WHERE relkind = 'r' AND relpersistence = 'p'"), '0', 'tables are');
		is(there('SELECT count(*) FROM unlogged'), '0', 'unlogged tables are empty');
		is(stop($to), 0, 'it stops');
		is(system("pg_checksums -D $to >$to.checksums 2>&1"), 0, 'checksums are good') or diag(read_bytes("$to.checksums"));
	};
	return $to;
}

for (1 .. 2)
{
	my $i = 25 + int(rand(@after - 30));
	my $way = int(rand(2));

	# The record that is stopped at is an insertion, whose transaction is never committed.
	comes_back("row $i by its " . ($way ? 'transaction' : 'position'), $way ? $i + 1 : $i, $way ? "--target-xid=$xid[$i]" : "--target-lsn=$after[$i - 1]");
}
my $i = 85 + int(rand(30));
my $plan = tool_json("--repo=$repo", 'restore', '--cluster', "--data-dir=$scratch/dry", "--tablespace-mapping=$scratch/space=$scratch/dry.space", '--dry-run', "--target-time=$time[$i]");
is($plan->{backup}, $i < 120 ? $first->{backup} : $second->{backup}, 'the base backup is chosen by the time');
cmp_ok($plan->{segments_left_out}, '>=', 1, 'what is left out is said');
ok(!-e "$scratch/dry" && !-e "$scratch/dry.space", '--dry-run writes nothing');
comes_back("the time behind row $i", $i + 1, "--target-time=$time[$i]");
comes_back('before a transaction', 150, "--target-xid=$xid[150]", '--exclusive');
comes_back('a restore point', $half, "--target-name=it's half");

# To the end: as the server itself has it, but for what is logged nowhere.
on('TRUNCATE unlogged');
my $all = comes_back('all of it', scalar @after);
is(system("pg_ctl -D $all -l $all.log -w start >/dev/null"), 0, 'it starts again');
my @dumps = map { my $out = qx{pg_dumpall -p $_}; $out =~ s/^\\(?:un)?restrict .*$//mg; $out =~ s{\Q$all.space\E}{$scratch/space}g; $out } ($node->port, $port);
ok(length($dumps[0]) > 10000 && $dumps[0] eq $dumps[1], 'pg_dumpall says the same of both');
is(there('SHOW archive_mode'), 'off', 'it does not archive until somebody says so');
ok(!-l "$all/outside", 'a link that leads to what another server may use is not made');
stop($all);

# It stops, and is a standby as long as nobody says more.
my $paused = "$scratch/paused";
my ($result, undef, $left_out) = restore($paused, '--target=immediate');
is($result, 0, 'as soon as it is consistent');
like($left_out, qr{link "outside" to "\Q$scratch\E" was left out}, 'a link that is left out is named');
start($paused, 1);
{
	local $ENV{PGPORT} = $port;
	tool_fails([ "--repo=$repo", @backup ], 1, qr/the server is a standby/, 'no base backup of a standby');
}
there('SELECT pg_wal_replay_resume()');
ok(wait_until(sub { there('SELECT pg_is_in_recovery()') eq 'f' }), 'it is opened by the statement that was shown');

# It takes the place of the old server: another timeline.
there('ALTER SYSTEM SET archive_mode = on');
there('CREATE TABLE only_here AS SELECT 1 AS i');
is(system("pg_ctl -D $paused -l $paused.log -w restart >/dev/null"), 0, 'restarted');
there('INSERT INTO only_here VALUES (2)');
my $name = there('SELECT pg_walfile_name(pg_switch_wal())');
ok(wait_until(sub { there("SELECT coalesce(max(last_archived_wal), '') >= '$name' FROM pg_stat_archiver") eq 't' }), 'it archives');
stop($paused);
comes_back('the old timeline', scalar @after, '--timeline=1');
my @dry = ('restore', '--cluster', "--data-dir=$scratch/dry", "--tablespace-mapping=$scratch/space=$scratch/dry.space", '--dry-run');
$plan = tool_json("--repo=$repo", @dry);
is_deeply([ map { $_->{timeline} } @{ $plan->{path} } ], [ 1, 2 ], 'without a word the newest is taken');
my $again = comes_back('a moment before that timeline begins', 86, "--target-xid=$xid[85]");
is_deeply([ map { read_bytes($_) =~ /^(\d+)\t/mg } glob("$again/pg_wal/00000003.history") ], [1], 'the next one comes from the timeline of that moment');


# Both timelines are in reach from both base backups; and stay so for the time of keep-pitr, or from what is left.
my $windows = tool_json("--repo=$repo", 'base', 'windows')->{systems}[0]{windows};
is_deeply([ map { [ @$_{qw(timeline oldest newest base_backups)} ] } @$windows ], [ map { [ $_, $first->{backup}, $second->{backup}, 2 ] } 1, 2 ], 'windows');
is($windows->[1]{to}, $plan->{newest_transaction}{time}, 'a window ends with the last transaction');
my @expire = ('base', 'expire', '--keep-daily=0', '--keep-weekly=0', '--dry-run');
like(tool_json("--repo=$repo", @expire, '--keep-pitr=1h')->{backups}[0]{reason}, qr/^keep-pitr$/, 'the base backup from which all of it is reached is kept');
is_deeply(tool_json("--repo=$repo", @expire)->{wal_unneeded}, [], 'without keep-pitr no WAL goes');
my $expired = tool_json("--repo=$repo", @expire, '--keep-pitr=1s');
is_deeply([ map { $_->{keep} ? 1 : 0 } @{ $expired->{backups} } ], [ 0, 1 ], 'with a shorter time it is removed');
is_deeply([ map { $_->{timeline} } @{ $expired->{wal_unneeded} } ], [1], 'with WAL of its timeline alone');
my ($next) = $expired->{wal_unneeded}[0]{last} =~ /(.{8})$/;
is(hex($next) + 1, (hex(($second->{start} =~ m{/(.*)})[0]) >> 20), 'up to the beginning of the next one');

# A base backup of the timeline that was left is newer; what that recovery undid must not come back.
$node->append_conf('postgresql.conf', "data_directory = '" . $node->data_dir . "'");
my $left = tool_json("--repo=$repo", @backup);
on(q{SELECT pg_create_restore_point('just before')});
archived();
my $before_that = @after;
write_rows(2);
my $behind = on('SELECT pg_walfile_name(pg_current_wal_lsn())');
archived();
for my $options ([], [ '--timeline=2' ], [ '--target-lsn=' . $plan->{newest_transaction}{lsn} ])
{
	my $newer = tool_json("--repo=$repo", @dry, @$options);
	is($newer->{backup}, $second->{backup}, "the base backup leads to timeline 2 (@$options)");
	is_deeply($newer->{path}, $plan->{path}, 'and the path does');
}
like((tool("--repo=$repo", @dry))[2], qr/base backup \Q$left->{backup}\E is passed over: it is of timeline 1 behind/, 'the other one is named');
my $warning = qr/timeline 1, which timeline 2 has left, goes on: its last transaction is that of .*HINT: .*--timeline=1/s;
like((tool("--repo=$repo", @dry))[2], $warning, 'that the older server goes on is said');
unlike((tool("--repo=$repo", @dry, '--timeline=2'))[2], $warning, '… unless a timeline is named');
is(tool_json("--repo=$repo", @dry, $left->{backup})->{path}[-1]{timeline}, 1, 'it can be named');
is(tool_json("--repo=$repo", @dry, '--timeline=1')->{backup}, $left->{backup}, 'or its timeline');

# One that cannot be read may be the one that leads to the newest timeline.
my @leading = map { my $id = $_->{backup}; grep { m{/\Q$id\E\.json$} } map { "$repo/$_" } all_files($repo) } $first, $second;
chmod 0, @leading or die;
my ($unread, undef, $reason) = tool("--repo=$repo", @dry);
is($unread, 1, 'no other timeline is taken for want of a manifest');
like($reason, qr/cannot be read, and none of the others leads to timeline 2.*HINT: .*--timeline/s, 'with the reason');
is((tool("--repo=$repo", @dry, '--timeline=1'))[0], 0, 'it can be named');
chmod 0600, @leading or die;

# A setting for the directory of the old server, as Debian has it, does not make that one start.
my $debian = "$scratch/as it's";
my (undef, $next, $said) = restore($debian, '--target=immediate', '--timeline=1');
my ($command) = $next =~ /^  (pg_ctl -D .* start)$/m;
like($command // '', qr/ -o .*data_directory=/, 'the way to start it has its directory') or diag($said);
unlike($command // '', qr/hba_file|ident_file/, 'and no file that says who may connect');
append_to_file("$debian/postgresql.conf", "port = $port\n");
is(system("$command -w >/dev/null"), 0, 'it starts');
is(there('SHOW data_directory'), $debian, 'and not the old one');
is(there('SHOW hba_file'), "$debian/pg_hba.conf", 'nor with its files');
is(system('pg_ctl', '-s', '-D', $debian, '-m', 'immediate', '-w', 'stop'), 0, 'it stops');

# ------------------------------------------------------------ encrypted

my $open = "$scratch/open";
my ($code, $out, $err) = tool("--repo=$locked", 'restore', '--cluster', "--data-dir=$open", "--tablespace-mapping=$scratch/space=$open.space");
is($code, 1, 'an encrypted one needs a key');
{
	local $ENV{NEX_BACKUP_IDENTITY} = "$scratch/key";
	like(tool_json("--repo=$locked", @dry)->{restore_command}, qr{ --identity=\Q$scratch/key\E }, 'that of the environment is in the restore_command');
}
($code, $out, $err) = tool("--repo=$locked", "--identity=$scratch/key", 'restore', '--cluster', "--data-dir=$open", "--tablespace-mapping=$scratch/space=$open.space", "--target-xid=$xid[-5]", '--timeline=1', '--action=promote');
is($code, 0, 'and is restored with it') or diag($err);
start($open);
is(there('SELECT count(*) FROM w'), @after - 4, 'encrypted: the rows');
stop($open);

# ------------------------------------------------------------ what cannot be

sub refused
{
	my ($what, $exit, $pattern, @options) = @_;
	my $to = "$scratch/refused";
	my ($got, $said, $error) = restore($to, @options);

	is($got, $exit, "$what: refused");
	like($error, $pattern, "$what: message");
	ok(!-e $to && !-e "$to.space", "$what: nothing is written");
	return;
}

refused('before the first base backup', 1, qr/the target is before the base backup is consistent/, "--target-time=$time[3]");
refused('after all that is archived', 1, qr/cannot be reached.*last transaction ended at \d{4}-/s, '--target-time=2099-01-01', '--timeline=1');
refused('a position after it', 1, qr/cannot be reached/, '--target-lsn=FF/0');
refused('an unknown restore point', 1, qr/cannot be reached/, '--target-name=nowhere');
refused('an unknown timeline', 1, qr/no history of timeline 7/, '--timeline=7');
refused('two targets', 2, qr/exclude each other/, '--target-lsn=FF/0', '--target-name=nowhere');
refused('an unknown base backup', 1, qr/there is no base backup "20200101T000000Z"/, '20200101T000000Z');
tool_fails([ "--repo=$repo", 'restore', '--cluster', '--data-dir=' . Cwd::abs_path($node->data_dir) ], 1, qr/directory ".*" is not empty/, 'a directory of a server');
mkdir "$scratch/refused.link" or die;
my $pgdata = Cwd::abs_path($node->data_dir);
symlink("$pgdata/base", "$scratch/refused.link/inside") or die;
for my $inside ("$pgdata/new", "$scratch/refused.link/inside/a/b")
{
	tool_fails([ "--repo=$repo", 'restore', '--cluster', "--data-dir=$inside", "--tablespace-mapping=$scratch/space=$scratch/refused.space" ], 1, qr/would be in ".*", which belongs to a server/, 'a directory in that of a server');
	ok(!-e $inside, '… which is not made');
	tool_fails([ "--repo=$repo", 'restore', '--cluster', "--data-dir=$scratch/refused", "--tablespace-mapping=$scratch/space=$inside" ], 1, qr/would be in ".*", which belongs to a server/, 'nor a tablespace');
}
tool_fails([ "--repo=$repo", 'restore', '--cluster', "--data-dir=$scratch/refused" ], 1, qr{directory "\Q$scratch/space\E" is not empty.*--tablespace-mapping}s, 'a tablespace that is there');
tool_fails([ "--repo=$repo", 'restore', 'w', '--target=immediate', "--data-dir=$scratch/x" ], 2, qr/--data-dir needs --cluster/, 'a data directory without --cluster');

# Without its history, the server would not start on a timeline, nor does anybody know which is the newest.
my ($history) = grep { m{/00000002\.history} } map { "$repo/$_" } all_files($repo);
my $bytes = read_bytes($history);
unlink $history or die;
refused('a timeline without history', 3, qr/file "00000002\.history" is not in the archive/);
refused('it is asked for', 3, qr/file "00000002\.history" is not in the archive/, '--timeline=2');
# Nor would "wal get" tell it that timeline 1 ends; but a target is found before the end.
refused('the end of an older timeline', 3, qr/"00000002\.history" is missing.*so the end of timeline 1 is not known/, '--timeline=1');
is((tool("--repo=$repo", @dry, '--timeline=1', "--target-lsn=$after[-2]"))[0], 0, 'a target before the end of it can be reached');
write_bytes($history, substr($bytes, 0, -1));
refused('a damaged history', 3, qr/file "00000002\.history" of the archive cannot be read.*does not match the digest/s);
write_bytes($history, $bytes);

(my $twice = $history) =~ s/([0-9a-f])(?=\.\w+$)/$1 eq '0' ? '1' : '0'/e;
write_bytes($twice, $bytes);
refused('two histories', 3, qr/file 00000002\.history, .* is there twice/, '--target=immediate');
unlink $twice or die;

# While nothing of timeline 2 but its history is archived, the server would go on along the timeline that was left.
my ($second_timeline) = map { m{^((?:\./)?wal/[0-9a-f]{16}/00000002)/} ? "$repo/$1" : () } all_files($repo);
rename $second_timeline, "$scratch/second_timeline" or die;
($code, $out, $err) = tool("--repo=$repo", @dry, $first->{backup});
is($code, 3, 'a timeline without WAL behind one that goes on: refused');
like($err, qr/WAL segment 00000002\w+ is missing, and the archive has 00000001\w+ of the timeline that was left/, 'with the reason');
my ($where) = $err =~ /(--target-lsn=\S+ --exclusive)/;
is((tool("--repo=$repo", @dry, $first->{backup}, '--timeline=1', split(/ /, $where // '--none')))[0], 0, 'and the way to where it begins');
like((tool("--repo=$repo", @dry, $first->{backup}, '--target-lsn=FF/0'))[2], qr/cannot be reached.*--timeline=1 recovers along the older timeline/s, 'a target: the same way');
rename "$scratch/second_timeline", $second_timeline or die;

# The recovery creates a tablespace in the directory that it had, which is that of the server.
mkdir "$scratch/later" or die;
on("CREATE TABLESPACE later LOCATION '$scratch/later'");
on('CREATE TABLE in_later TABLESPACE later AS SELECT 1 AS i');
write_rows(1);
archived();
refused('a tablespace that the recovery creates', 1, qr{directory "\Q$scratch/later\E", in which the recovery creates a tablespace, is not empty.*The WAL creates tablespace \d+ there at [0-9A-F]+/}s, '--timeline=1');
is_deeply(tool_json("--repo=$repo", @dry, "--target-lsn=$after[-2]", '--timeline=1')->{tablespaces_created}, [], 'a target before it can be reached');
on('DROP TABLE in_later');
on('DROP TABLESPACE later');
write_rows(1);
archived();
rmdir "$scratch/later" or die;
is(tool_json("--repo=$repo", @dry, '--timeline=1')->{tablespaces_created}[0]{path}, "$scratch/later", 'the plan names it');
comes_back('a directory that is absent is made for it', scalar @after, '--timeline=1');
refused('a tablespace that there is not', 2, qr{has no tablespace in this directory}, "--tablespace-mapping=$scratch/spaec=$scratch/refused.space");
write_bytes("$scratch/settings.yaml", "tablespace-mapping: [ '$scratch/of_another=$scratch/x', '$scratch/space=$scratch/dry.space' ]\n");
is((tool("--config=$scratch/settings.yaml", "--repo=$repo", 'restore', '--cluster', "--data-dir=$scratch/dry", '--dry-run', '--target=immediate', '--timeline=1'))[0], 0, 'in the settings file it may be that of another server');

# What is behind the target may be damaged: the server does not ask for it.
$plan = tool_json("--repo=$repo", @dry, '--timeline=1');
my ($middle) = grep { m{/wal/[0-9a-f]{16}/00000001/.*/\Q$plan->{last_segment}\E-} } map { "$repo/$_" } all_files($repo);
$bytes = read_bytes($middle);
substr(my $damaged = $bytes, length($bytes) / 2, 1) ^= "\1";
write_bytes($middle, $damaged);
for my $target ('--target=immediate', "--target-time=$time[$i]", "--target-time=$time[150]", "--target-lsn=$after[150]", "--target-xid=$xid[150]", "--target-xid=$xid[85]")
{
	($code, $out, $err) = tool("--repo=$repo", @dry, '--timeline=1', $target);
	is($code, 0, "the last segment is damaged: $target") or diag($err);
}
like($err, qr/base backup \Q$left->{backup}\E cannot be used: WAL file .* so it is passed over/, 'a newer base backup that does not come to the target is named');
refused('a target behind a damaged segment', 3, qr/does not match the digest in its name.*server would stop there/s, '--timeline=1', '--target-time=2099-01-01');
write_bytes($middle, $bytes);

# A part of a later segment tells that some are missing, too: "wal get" would say so.
my $part = $middle =~ s{(\Q$plan->{last_segment}\E)-}{sprintf('%s%08X.partial-', substr($1, 0, 16), hex(substr($1, 16)) + 2)}er;
write_bytes($part, $bytes);
refused('a part of a later segment', 3, qr/WAL segment \w+ is missing or there twice, and the archive has \w+\.partial.*HINT: .*--target-lsn=/s, '--timeline=1');
($where) = (tool("--repo=$repo", @dry, '--timeline=1'))[2] =~ /(--target-lsn=[0-9A-F]+\/[0-9A-F]+)/;
is((tool("--repo=$repo", @dry, '--timeline=1', $where // '--none'))[0], 0, 'and the way to where it ends');
unlink $part or die;

# A name that is used again: the server stops at the first one, also where the base backup is not consistent yet.
$node->start if !-e $node->data_dir . '/postmaster.pid';
my $points = background_sql('postgres', q{DO $$ BEGIN FOR i IN 1..400 LOOP PERFORM pg_create_restore_point('again'); COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$});
my $busy = tool_json("--repo=$repo", @backup, '--rate=20');
on(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %'});
$points->();
archived();
isnt(tool_json("--repo=$repo", @dry, '--timeline=1', '--target-name=again')->{backup}, $busy->{backup}, 'a restore point during a base backup: an older one is taken');
refused('that base backup by its name', 1, qr/the target is before the base backup is consistent/, '--timeline=1', '--target-name=again', $busy->{backup});

# The server reads ahead, but nothing behind the target.
my ($next_one) = grep { m{/wal/[0-9a-f]{16}/00000001/.*/\Q$behind\E-} } map { "$repo/$_" } all_files($repo);
rename $next_one, "$scratch/behind" or die;
comes_back('the segment behind the target is missing', $before_that, '--timeline=1', '--target-name=just before');
rename "$scratch/behind", $next_one or die;

# An object that is missing is seen before anything is written, too.
my ($largest) = sort { -s $b <=> -s $a } map { "$repo/$_" } grep { m{^(?:\./)?objects/} } all_files($repo);
rename $largest, "$scratch/object" or die;
refused('an object that is missing', 3, qr{is missing});
rename "$scratch/object", $largest or die;

# A segment that is missing, in the middle.
$plan = tool_json("--repo=$repo", 'restore', '--cluster', "--data-dir=$scratch/dry", "--tablespace-mapping=$scratch/space=$scratch/dry.space", '--dry-run', '--timeline=1');
($middle) = grep { m{/wal/[0-9a-f]{16}/00000001/.*/\Q$plan->{first_segment}\E-} } map { "$repo/$_" } grep { m{^wal/} } map { s{^\./}{}r } all_files($repo);
$bytes = read_bytes($middle);
unlink $middle or die;
refused('a segment that the base backup needs', 3, qr/WAL segment \Q$plan->{first_segment}\E, without which base backup .* is missing/, '--timeline=1');
write_bytes($middle, $bytes);
my $before = sprintf('%s%08X', substr($plan->{last_segment}, 0, 16), hex(substr($plan->{last_segment}, 16)) - 1);
($middle) = grep { m{/wal/[0-9a-f]{16}/00000001/.*/$before-} } map { "$repo/$_" } all_files($repo);
$bytes = read_bytes($middle);
unlink $middle or die;
refused('a segment in the middle', 3, qr/WAL segment $before is missing.*last transaction before the gap/s, '--timeline=1', $first->{backup});
substr($damaged = $bytes, length($bytes) / 2, 1) ^= "\1";
write_bytes($middle, $damaged);
refused('a damaged segment in the middle', 3, qr/WAL file "$before" .* does not match the digest in its name.*server would stop there/s, '--timeline=1', $first->{backup});
tool_fails([ "--repo=$repo", @dry, '--timeline=1', $first->{backup} ], 3, qr/does not match the digest/, 'and by --dry-run');
write_bytes($middle, $bytes);

# Settings that a recovery cannot do with: they are in the WAL, and in no file that is restored.
$node->append_conf('postgresql.conf', "max_connections = 150\n");
$node->restart;
write_rows(1);
archived();
($code, $out, $err) = tool("--repo=$repo", @dry, '--timeline=1');
is($code, 0, 'a server with greater settings');
like($err, qr/settings of the server were changed .* at least max_connections = 150, /, '… which are named');
$node->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\narchive_mode = off\n");
$node->restart;
$node->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 10\narchive_mode = on\n");
$node->restart;
write_rows(1);
archived();
refused('a phase without the WAL that a recovery needs', 3, qr/no recovery gets past \S+, where the server was started with wal_level = minimal/, '--timeline=1');
($where) = (tool("--repo=$repo", @dry, '--timeline=1'))[2] =~ /(--target-lsn=\S+ --exclusive)/;
is((tool("--repo=$repo", @dry, '--timeline=1', split(/ /, $where // '--none')))[0], 0, 'a target before it can be reached');

$node->stop;
done_testing();
