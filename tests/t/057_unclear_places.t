# What is not understood below backups/, globals/ and config/ may hide backups: then nothing is removed,
# and each command names the place.  What cannot be read is no damage.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use NexBackup::Test;
use Test::More;

plan skip_all => 'root can read everything' if $> == 0;

my $node = start_server('main');
my $work = File::Temp::tempdir(CLEANUP => 1);
my $repo = "$work/R";
my $disk = "$work/disk";
my $recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
my $encrypted = "$work/E";

for my $database ('shop', 'mini')
{
	create_database($database);
	query($database, "CREATE TABLE $database AS SELECT generate_series(1, 1000) AS id, '$database' AS name");
}
tool_ok([ 'init', '--repo', $repo ], 'a repository');
tool_ok([ 'init', '--repo', $encrypted, '--recipient', $recipient ], 'an encrypted one');
write_bytes("$work/a.conf", "a: 1\n");
tool_ok([ 'config', 'backup', '--repo', $encrypted, '--', "$work/a.conf" ], 'with a set of files');
for my $round (1, 2, 3)
{
	tool_ok([ 'backup', '--repo', $repo, '-d', $_, '-q' ], "a backup of $_") for 'shop', 'mini';
	tool_ok([ 'globals', 'backup', '--repo', $repo ], 'and of the globals');
	query('mini', "INSERT INTO mini SELECT 2000 + $round, 'more'");
	query('postgres', "CREATE ROLE role_$round");
}
tool_ok([ 'verify', '--repo', $repo ], 'all of it good');

# Everything in the repository and on the other disk but records of verifications.
sub content
{
	my ($place) = @_;

	return join("\n", grep { !/\.verified$|^lock\// } all_files($place));
}

my @removing = ([ 'expire', '--keep-daily', 0, '--keep-weekly', 0, '--keep-minimum', 1 ],
	[ 'expire', 'mini', '--keep-daily', 0, '--keep-weekly', 0, '--keep-minimum', 1 ], [ 'doctor', '--fix' ]);

# Nothing is removed, and the place is named with a remedy, by each command.
sub check_place
{
	my ($name, $where, $place, $remedy, $check) = @_;
	my @before = (content($where), -d $disk ? content($disk) : '');
	my ($code, $out, $err);

	for my $command (@removing, [ 'expire', '--dry-run' ])
	{
		($code, $out, $err) = tool(@$command, '--repo', $where);
		is($code, 1, "$name: @$command[0, 1] fails");
		like($err, qr/warning: "\Q$where\E\/\Q$place\E"/, '… names the place');
		like($err, $remedy, '… and the remedy');
		like($out, qr/^0 of \d+ backups (would be )?removed\nobjects were left alone: not all/m, '… and says that nothing was removed')
		  if $command->[0] eq 'expire' && $err !~ /could not list the backups/;
		is_deeply([ content($where), -d $disk ? content($disk) : '' ], \@before, '… and removes nothing');
	}
	for my $command ($place =~ /^objects/ ? () : ['list'], ['verify'], ['doctor'])
	{
		($code, $out, $err) = tool(@$command, '--repo', $where);
		is($code, 1, "$name: $command->[0] fails");
		like($err, qr/warning: "\Q$where\E\/\Q$place\E"/, '… and names the place');
		unlike("$out$err", qr/is damaged|FAILED/, '… but calls nothing damaged');
	}
	my ($found) = grep { $_->{name} eq $check } @{ tool_json('doctor', '--repo', $where)->{checks} };
	is($found->{status}, 'critical', "$name: doctor has a check \"$check\"");
	like($found->{detail}, qr/\Q$place\E/, '… about the place');
	like("HINT: $found->{hint}", $remedy, '… with a hint');
	return;
}

sub good_again
{
	my ($name) = @_;

	tool_ok([ $_, '--repo', $repo ], "$name: $_ is good afterwards") for 'list', 'verify', 'doctor';
	return;
}

# ---------------------------------------------------------------- links below

sub with_link
{
	my ($where, $place, $target) = @_;

	rename "$where/$place", $disk or die "$place: $!";
	symlink $target // $disk, "$where/$place" or die;
	check_place("a link $place", $where, $place, qr/HINT: .*mount --bind/, 'symbolic link');
	unlink "$where/$place";
	rename $disk, "$where/$place" or die;
	return;
}

with_link($repo, 'backups/shop');
with_link($repo, 'backups/shop', "$work/nowhere");
my ($two) = map { m{/([^/]+)$} } glob("$repo/objects/*");
with_link($repo, "objects/$two");
my ($manifest) = map { substr($_, length("$repo/")) } glob("$repo/backups/shop/*.json");
with_link($repo, $manifest);
with_link($encrypted, 'config/default');
good_again('after the links');

# A backup of another database goes on.
rename "$repo/backups/shop", $disk or die;
symlink $disk, "$repo/backups/shop" or die;
my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'mini');
is($code, 0, 'a backup works beside a link');
like($err, qr/warning: "\Q$repo\E\/backups\/shop"/, 'and warns');
tool_fails([ 'restore', '--all', '--repo', $repo ], 1, qr/1 place of repository "\Q$repo\E" could not be looked at, so not all backups are known/,
	'restore --all does not leave out what it cannot find');
tool_fails([ 'list', 'shop', '--repo', $repo ], 1, qr/could not list the backups in "\Q$repo\E\/backups\/shop"/, 'list of the database names it');
unlink "$repo/backups/shop";
rename $disk, "$repo/backups/shop" or die;

# ----------------------------------------------------------- links at the top

for my $tree ('backups', 'globals')
{
	rename "$repo/$tree", $disk or die;
	symlink "$work/nowhere", "$repo/$tree" or die;
	check_place("a link $tree that leads nowhere", $repo, $tree, qr/HINT: .*mount --bind/, 'symbolic link');
	unlink "$repo/$tree";
	rename $disk, "$repo/$tree" or die;
}

# Objects behind a link that is not followed are not damaged.
my @records = map { "$_ " . read_bytes($_) } grep { /\.verified$/ } map { "$repo/$_" } all_files($repo);
rename "$repo/objects", $disk or die;
symlink "$work/nowhere", "$repo/objects" or die;
check_place('objects behind a link', $repo, 'objects', qr/HINT: .*mount --bind/, 'symbolic link');
($code, $out, $err) = tool('verify', 'mini', '--repo', $repo);
is($code, 1, 'verify of one backup cannot tell');
like($err, qr/Nothing is known to be damaged/, 'and says so');
like($out, qr/NOT VERIFIED/, 'and not that it failed');
unlink "$repo/objects";
rename $disk, "$repo/objects" or die;
is_deeply([ map { "$_ " . read_bytes($_) } grep { /\.verified$/ } map { "$repo/$_" } all_files($repo) ], \@records,
	'no result was recorded');

# Each object and each backup of files by itself.
my ($object) = map { substr($_, length("$encrypted/")) } glob("$encrypted/objects/*/*");
my ($set) = map { substr($_, length("$encrypted/")) } glob("$encrypted/config/default/*.json");
for my $file ($object, $set)
{
	unlink glob("$encrypted/config/default/*.verified");
	chmod 0, "$encrypted/$file" or die;
	for my $command (['verify'], [ 'config', 'verify' ])
	{
		($code, $out, $err) = tool(@$command, '--repo', $encrypted);
		is($code, 1, "unreadable $file: @$command cannot tell");
		like($err, qr/\Q$file\E.*Permission denied/, '… and names it');
		is(scalar(grep { /verified$/ } all_files($encrypted)), 0, '… and records nothing');
	}
	chmod 0600, "$encrypted/$file" or die;
}
tool_ok([ 'config', 'verify', '--repo', $encrypted ], 'readable again, and good');
good_again('after links at the top');

# ------------------------------------------------------------- names and files

for my $name ('shop.old', 'shop copy', '.shop', "shop\n")
{
	rename "$repo/backups/shop", "$repo/backups/$name" or die;
	check_place("a directory $name", $repo, "backups/$name", qr/HINT:\s+If there are backups/, 'unknown file')
	  if $name !~ /\n/;
	if ($name =~ /\n/)
	{
		my $before = content($repo);

		($code) = tool(@{ $removing[0] }, '--repo', $repo);
		is($code, 1, 'a name with a line break: expire fails');
		is(content($repo), $before, 'and removes nothing');
	}
	rename "$repo/backups/$name", "$repo/backups/shop" or die;
}
for my $file ('backups/notes.txt', 'backups/shop/20260101T000000Z.json.bak', 'globals/copy.json', 'backups/mini/old/')
{
	$file =~ m{/$} ? mkdir("$repo/$file") : write_bytes("$repo/$file", 'x');
	check_place("a foreign $file", $repo, $file =~ s{/$}{}r, qr/HINT:\s+If there are backups/, 'unknown file');
	$file =~ m{/$} ? rmdir("$repo/$file") : unlink("$repo/$file");
}
# A directory in the place of a manifest.
rename "$repo/$manifest", $disk or die;
mkdir "$repo/$manifest" or die;
check_place('a directory in place of a manifest', $repo, $manifest, qr/HINT:\s+If there are backups/, 'unknown file');
rmdir "$repo/$manifest";
rename $disk, "$repo/$manifest" or die;
rename "$repo/backups", "$repo/backups.old" or die;
check_place('a renamed tree', $repo, 'backups.old', qr/HINT:\s+If there are backups/, 'unknown file');
rename "$repo/backups.old", "$repo/backups" or die;

# By any other name, too, and in another place: what is in it tells.
for my $moved ([ $encrypted, 'config', 'conf' ], [ $repo, 'globals', 'g/of/2026' ], [ $repo, 'backups', 'srv/other/backups' ],
	[ $repo, 'backups/shop', 'shop' ], [ $repo, 'backups/shop', 'objects/shop' ])
{
	my ($where, $from, $to) = @$moved;
	my $place = $to =~ /^objects/ ? $to : $to =~ s{/.*}{}r;

	make_path(dirname("$where/$to"));
	rename "$where/$from", "$where/$to" or die "$to: $!";
	my $kept = content($where);
	($code, $out, $err) = tool('expire', '--keep-daily', 0, '--keep-weekly', 0, '--keep-minimum', 1, '--repo', $where);
	is($code, 1, "$from moved to $to: expire fails");
	like($err, qr/warning: "\Q$where\E\/\Q$place\E" is not what nex_backup keeps there.*\nHINT:\s+If there are backups/, '… names the place');
	is(content($where), $kept, '… and removes nothing');
	rename "$where/$to", "$where/$from" or die;
	remove_tree("$where/$place") if $place ne 'objects/shop';
}

# A repository in it is one by itself, and other files say nothing.
make_path("$repo/.snapshot/daily/backups/shop", "$repo/logs", "$repo/objects/tmp");
write_bytes("$repo/.snapshot/daily/$_", 'x') for 'nex_backup.json', 'backups/shop/20260101T000000Z.json';
write_bytes("$repo/$_", 'x') for 'logs/today.json', 'objects/tmp/20260101T000000Z.txt';
good_again('beside snapshots and logs');
tool_ok([ 'expire', '--dry-run', '--repo', $repo ], '… and so is expire');
remove_tree(map { "$repo/$_" } '.snapshot', 'logs', 'objects/tmp');
# A disk that is not mounted leaves an empty directory: objects of what is on it are needed.
tool_ok([ @$_, '--repo', $repo, '--server', 'staging', '--same-server' ], "of another server: $_->[0]") for [ 'backup', '-d', 'mini', '-q' ], [ 'globals', 'backup' ];
for my $empty ((map { [ $repo, "servers/staging/$_" ] } 'backups/mini', 'backups', 'globals'), [ $repo, 'backups/shop' ], [ $repo, 'globals' ], [ $encrypted, 'config' ], [ $repo, 'backups' ])
{
	my ($where, $place) = @$empty;

	rename "$where/$place", $disk or die;
	make_path("$where/$place", $place =~ /globals/ ? "$where/$place/lost+found" : ());
	my $kept = content($where);
	my @adding = $place =~ /servers/ ? () : $place =~ /config/ ? ([ 'config', 'backup', "$work/a.conf" ]) : $place =~ /globals/ ? ([ 'globals', 'backup' ]) : map { [ 'backup', '-d', $_ ] } $place =~ m{/} ? 'shop' : ('shop', 'postgres');
	for my $command ($removing[0], $removing[2], ['list'], ['verify'], @adding)
	{
		($code, $out, $err) = tool(@$command, '--repo', $where);
		is($code, 1, "an empty $place: $command->[0] fails");
		like($err, qr/warning: directory "\Q$where\E\/$place" is empty, where backups were\nHINT:\s+If a disk belongs there, mount it/,
			'… and says what may be');
		is(content($where), $kept, '… and nothing is removed');
	}
	like($err, qr{error: nothing is stored in "\Q$where\E/$place", where a disk may be missing\nHINT:  If a disk belongs there, mount it.*"\Q$where\E/lock/held/$place"}, 'no backup is stored there') if @adding > 0;
	if ($place eq 'backups/shop')
	{
		tool_fails([ 'restore', 'shop', '--repo', $repo, '--to', 'back' ], 1, qr{shop" is empty, where backups were}, 'a restore says that, too');
		tool_ok([ 'backup', '-d', 'mini', '--repo', $repo, '-q' ], 'other backups go on');
	}
	remove_tree("$where/$place");
	rename $disk, "$where/$place" or die;
}
good_again('after the empty directories');
# Where no backups were, an empty directory is a new disk, or what a process left that was killed.
mkdir "$repo/$_" or die "$_: $!" for 'backups/postgres', 'base';
tool_ok([ $_, '--repo', $repo ], "empty directories where nothing was: $_") for 'list', 'verify';
tool_ok([ 'backup', '-d', 'postgres', '--repo', $repo, '-q' ], '… and a first backup');
rmdir "$repo/base" or die;
# Another repository below it is not taken for this one, until somebody says that it is meant; disks can take turns.
tool_ok([ 'init', '--repo', "$work/below" ], 'another repository');
rename $repo, $disk or die;
rename "$work/below", $repo or die;
tool_fails([ 'backup', '-d', 'postgres', '--repo', $repo ], 1, qr/is another repository than the one that this host has written to there before\nHINT:  If a disk belongs there, mount it.*"nex_backup init"/, 'another repository in its place');
($code, $out, $err) = tool('init', '--repo', $repo);
is($code, 0, 'init');
like($err, qr/warning: this host has written to another repository in "\Q$repo\E" before/, '… says so, too');
tool_ok([ 'backup', '-d', 'postgres', '--repo', $repo, '-q' ], '… and means this one');
rename $repo, "$work/below" or die;
rename $disk, $repo or die;
tool_ok([ 'backup', '-d', 'postgres', '--repo', $repo, '-q' ], 'the first one is still known');
# So it is when somebody says so.
rename "$repo/objects", $disk or die;
mkdir "$repo/objects";
tool_fails([ 'backup', '-d', 'mini', '--repo', $repo ], 1, qr{nothing is stored in "\Q$repo\E/objects"}, 'a disk of objects that is missing');
is_deeply([ glob("$repo/objects/*") ], [], '… is not filled');
unlink "$repo/lock/held/objects" or die;
tool_ok([ 'backup', '-d', 'postgres', '--repo', $repo, '-q' ], 'without the note, it is a new one');
ok(-f "$repo/lock/held/objects", '… of which there is a note');
unlink glob("$repo/backups/postgres/*") or die;
remove_tree("$repo/objects", "$repo/backups/postgres");
rename $disk, "$repo/objects" or die;
good_again('with its objects');
# What fails does not take such a directory away, whoever made it.
rename "$repo/backups/shop", $disk or die;
mkdir "$repo/backups/shop";
my $programs = File::Temp::tempdir(CLEANUP => 1);
write_bytes("$programs/$_", "#!/bin/sh\n[ \"\$1\" = --version ] && exec /bin/echo '$_ (PostgreSQL) 18.0'\nexit 1\n") for 'pg_dump', 'pg_restore', 'pg_dumpall';
chmod 0755, glob("$programs/*");
rename "$repo/lock/held/backups/shop", "$work/note" or die;
tool_fails([ 'backup', '--repo', $repo, '-d', 'shop', '--pg-bindir', $programs ], 1, qr/pg_dump failed/, 'a backup into an empty directory that fails');
rename "$work/note", "$repo/lock/held/backups/shop" or die;
ok(-d "$repo/backups/shop", 'leaves that');
is((tool(@{ $removing[0] }, '--repo', $repo))[0], 1, 'so expire still removes nothing');
rmdir "$repo/backups/shop" or die;
rename $disk, "$repo/backups/shop" or die;
good_again('after a backup that failed');
mkdir "$repo/backups/lost+found";
write_bytes("$repo/backups/shop/notes.tmp", 'x');
good_again('after the names, with lost+found');

# ------------------------------------------------------------------ unreadable

my ($record) = map { substr($_, length("$repo/")) } glob("$repo/backups/shop/*.verified");
for my $place ('backups/shop', 'globals', 'backups', "objects/$two", $manifest, $manifest =~ s/json$/sha256/r)
{
	my $mode = (stat("$repo/$place"))[2] & 07777;

	chmod 0, "$repo/$place" or die;
	my $before = scalar(all_files($repo));
	for my $command (@removing, ['list'], ['verify'], ['doctor'])
	{
		next if $command->[0] =~ /list/ && $place =~ /objects/;
		($code, $out, $err) = tool(@$command, '--repo', $repo);
		is($code, 1, "unreadable $place: $command->[0] fails");
		like($err, qr/\Q$place\E.*(Permission denied|cannot be read)/, '… names it');
		unlike("$out$err", qr/is damaged|FAILED/, '… and calls nothing damaged');
		is(scalar(all_files($repo)), $before, '… and removes nothing') if $command->[0] ne 'verify';
	}
	tool_fails([ 'backup', '--repo', $repo, '-d', 'shop' ], 1, qr/Permission denied\nHINT:  .*"chown"/, 'a backup says what helps')
	  if $place eq 'backups/shop';
	chmod $mode, "$repo/$place" or die;
}
chmod 0, "$repo/$record" or die;
my $before = content($repo);
($code, $out, $err) = tool(@{ $removing[0] }, '--repo', $repo);
is($code, 1, 'a record of a verification that cannot be read decides nothing: expire fails');
is(content($repo), $before, 'and removes nothing');
($code, $out, $err) = tool('list', '--repo', $repo);
is($code, 0, 'list goes on');
like($err, qr/warning: "\Q$repo\E\/\Q$record\E" cannot be read/, 'with a warning');
unlike($err, qr/error/, 'and without an error');
good_again('afterwards, and the record was written again');

# ----------------------------------------------------------- the catalogue's sync

SKIP:
{
	skip 'the extension is not installed', 1 unless have_extension();
	my $rows = "SELECT string_agg(database, ',' ORDER BY database, id) FROM nex_backup.backups";

	sub sync
	{
		my ($name, $expected) = @_;
		my ($status, $stdout, $stderr) = $node->psql('postgres', "SELECT removed FROM nex_backup_sync('$repo')");

		is($status, 0, "sync, $name");
		is($stdout, 0, '… removes no row');
		like($stderr, $expected, '… and names the place');
		return;
	}
	query('postgres', 'CREATE EXTENSION nex_backup');
	query('postgres', "SELECT nex_backup_sync('$repo')");
	my $known = query('postgres', $rows);

	like($known, qr/shop,shop,shop/, 'the catalogue knows all backups');
	for my $tree ('backups/shop', 'backups', 'globals')
	{
		rename "$repo/$tree", $disk or die;
		symlink $tree =~ m{/} ? $disk : "$work/nowhere", "$repo/$tree" or die;
		sync("a link $tree", qr/WARNING:\s+"\Q$repo\E\/$tree" is a symbolic link/);
		is(query('postgres', $rows), $known, '… all rows stay');
		unlink "$repo/$tree";
		rename $disk, "$repo/$tree" or die;
	}
	for my $tree ('backups/shop', 'backups', 'globals')
	{
		rename "$repo/$tree", $disk or die;
		mkdir "$repo/$tree" or die;
		sync("an empty $tree", qr/WARNING:\s+"\Q$repo\E\/$tree" is empty, where backups were.*If a disk belongs there, mount it/s);
		is(query('postgres', $rows), $known, '… all rows stay');
		rmdir "$repo/$tree";
		rename $disk, "$repo/$tree" or die;
	}
	# Sets of files, whose directories say nothing of databases.
	my $files = q(SELECT string_agg(database, ',') FROM nex_backup.backups WHERE kind = 'files');
	my $set = query('postgres', "INSERT INTO nex_backup.backups (repository, database, kind, id, started, snapshot_at) "
		  . "SELECT id, 'config/etc', 'files', '20260101T000000Z', now(), now() FROM nex_backup.repositories");
	rename "$repo/config", "$work/config" if -e "$repo/config";
	symlink "$work/nowhere", "$repo/config" or die;
	sync('a link config', qr/WARNING:\s+"\Q$repo\E\/config" is a symbolic link/);
	is(query('postgres', $files), 'config/etc', '… the rows of sets stay');
	unlink "$repo/config";
	mkdir "$repo/config" or die;
	symlink "$work/nowhere", "$repo/config/etc" or die;
	sync('a link config/etc', qr/WARNING:\s+"\Q$repo\E\/config\/etc" is a symbolic link/);
	is(query('postgres', $files), 'config/etc', '… and those of this one');
	unlink "$repo/config/etc";
	is(query('postgres', "SELECT removed FROM nex_backup_sync('$repo')"), 1, '… and go when there is none');
	rmdir "$repo/config";
	rename "$work/config", "$repo/config" if -e "$work/config";
	for my $name ('shop.old', 'shop copy', '.shop', "sho\xe9p")
	{
		rename "$repo/backups/shop", "$repo/backups/$name" or die;
		sync("a directory $name", qr/WARNING:\s+"\Q$repo\E\/backups\/@{[ $name =~ s{[^ -~]}{\\?}r ]}" is not the directory of a database/);
		is(query('postgres', $rows), $known, '… all rows stay');
		rename "$repo/backups/$name", "$repo/backups/shop" or die;
	}
	for my $tree ('backups/shop', 'backups', 'globals')
	{
		chmod 0, "$repo/$tree" or die;
		sync("unreadable $tree", qr/WARNING:\s+"\Q$repo\E\/$tree" may not be read by the server/);
		is(query('postgres', $rows), $known, '… all rows stay');
		chmod 0700, "$repo/$tree" or die;
	}
	chmod 0, "$repo/$manifest" or die;
	sync('an unreadable manifest', qr/WARNING:\s+file "\Q$repo\E\/\Q$manifest\E" may not be read by the server/);
	is(query('postgres', 'SELECT count(*) FROM nex_backup.backups WHERE NOT verified_ok'), 0, '… and is not called bad');
	chmod 0600, "$repo/$manifest" or die;
	write_bytes("$repo/backups/notes.txt", 'x');
	sync('a foreign file', qr/WARNING:\s+"\Q$repo\E\/backups\/notes.txt" is not a directory/);
	unlink "$repo/backups/notes.txt";
	rename "$repo/backups/shop", $disk or die;
	is(query('postgres', "SELECT removed FROM nex_backup_sync('$repo')"), 3, 'rows of a directory that is gone go');
	rename $disk, "$repo/backups/shop" or die;
	query('postgres', "SELECT nex_backup_sync('$repo')");
	is(query('postgres', $rows), $known, 'and come back with it');
}

# ------------------------------------------------------------------- all clear

tool_ok([ @{ $removing[0] }, '--repo', $repo ], 'expire works again');
is(scalar(grep { /\.json$/ } all_files("$repo/backups/shop")), 1, 'and removes');
good_again('at the end');

done_testing();
