# Who can write into a repository leads no command out of it: links in the place of directories and
# files at each level, and files that only look like leftovers.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use POSIX ();
use Test::More;

my $node = start_server('main');
my $work = File::Temp::tempdir(CLEANUP => 1);

create_database('shop');
query('shop', 'CREATE TABLE item AS SELECT generate_series(1, 1000) AS id');
my $repo = "$work/A";
my $other = "$work/B";
my $victim = "$work/victim";
for my $place ($repo, $other)
{
	tool_ok([ 'init', '--repo', $place ], 'a repository');
	tool_ok([ 'backup', '--repo', $place, '-d', 'shop' ], 'with a backup');
	tool_ok([ 'globals', 'backup', '--repo', $place ], 'and one of the globals');
	tool_ok([ 'verify', '--repo', $place ], 'all of it good');
}
my @foreign = ('important.tmp', 'distro.iso.sha256', 'distro.verified', 'x.12-ab-1.tmp', '20200101T000000Z.sha256');

sub fill_victim
{
	mkdir $victim;
	mkdir "$victim/ab";
	for my $file (@foreign, 'ab/' . 'ab' x 32 . '.sql.zst', 'ab/x.12-ab-1.tmp')
	{
		write_bytes("$victim/$file", 'foreign');
	}
	return;
}

fill_victim();
my $before_other = join("\n", map { "$_ " . length(read_bytes("$other/$_")) } all_files($other));
my $before_victim = join("\n", all_files($victim));

sub nothing_outside
{
	my ($name) = @_;

	is(join("\n", map { "$_ " . length(read_bytes("$other/$_")) } all_files($other)), $before_other, "$name: nothing of another repository");
	is(join("\n", all_files($victim)), $before_victim, "$name: nothing of another directory");
	return;
}

# Everything that removes or writes.
sub try_all
{
	my ($name, $expected) = @_;
	my $messages = '';

	for my $command ([ 'expire', '--keep-minimum', 1 ], [ 'expire', '--keep-daily', 0, '--keep-weekly', 0, '--keep-minimum', 1 ],
		[ 'doctor', '--fix' ], [ 'verify' ], [ 'backup', '-d', 'shop' ], [ 'globals', 'backup' ],
		[ 'config', 'backup', '--recipient', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p', '--', '/etc/hostname' ])
	{
		my ($code, $out, $err) = tool(@$command, '--repo', $repo);

		$messages .= $err;
		isnt($code, 139, "$name: $command->[0] does not crash");
	}
	nothing_outside($name);
	like($messages, $expected, "$name: what it is, is said") if defined $expected;
	return;
}

# --------------------------------------------------------------- the review's commands

rename "$repo/objects", "$repo/objects.old";
rename "$repo/globals", "$repo/globals.old";
symlink '../B/objects', "$repo/objects" or die;
symlink $victim, "$repo/globals" or die;
unlink "$victim/20200101T000000Z.sha256", "$victim/x.12-ab-1.tmp";
$before_victim = join("\n", all_files($victim));
tool('expire', '--repo', $repo, '--keep-minimum', 1);
nothing_outside('expire');
tool_ok([ 'verify', '--repo', $other ], 'the other repository is whole');
my ($code, $out, $err);
($code, $out, $err) = tool('doctor', '--repo', $repo);
like($err, qr{symbolic link "\Q$repo\E/objects" leads into another repository: files behind it are read, but not written or removed}, 'the link is named');
like($err, qr/HINT:.*mount --bind/, '… with the remedy');
unlink "$repo/globals";
rename "$repo/globals.old", "$repo/globals";
try_all('objects of another repository', qr/leads into another repository/);
unlink "$repo/objects";
system('cp', '-r', "$repo/objects.old", "$other/spare");
symlink "$other/spare", "$repo/objects" or die;
tool_ok([ 'restore', 'shop', '--to', 'shop2', '--repo', $repo ], 'what is readable behind such a link can be restored');
unlink "$repo/objects";
system('rm', '-r', "$other/spare");
symlink $other, "$repo/objects";
try_all('the repository itself');
unlink "$repo/objects";
rename "$repo/objects.old", "$repo/objects";

# ------------------------------------------------------------------ each level below

fill_victim();
$before_victim = join("\n", all_files($victim));
my ($two) = map { m{/([^/]+)$} } glob("$repo/objects/*");
for my $place ("objects/$two", 'objects/ab', 'backups/shop', 'backups/new', 'config/set')
{
	my $saved = -e "$repo/$place";
	my ($above) = $place =~ m{^(.*)/};

	mkdir "$repo/$above";
	rename "$repo/$place", "$repo/saved" if $saved;
	symlink $victim, "$repo/$place" or die "$place: $!";
	try_all("$place is a link");
	unlink "$repo/$place";
	system('rm', '-rf', "$repo/$place");
	rename "$repo/saved", "$repo/$place" if $saved;
	rmdir "$repo/$above"; # an empty one would mean a disk that is missing
}

# ------------------------------------------------------------------------ files

my ($manifest) = glob("$repo/backups/shop/*.json");
for my $file ($manifest, $manifest =~ s/json$/sha256/r, $manifest =~ s/json$/verified/r, glob("$repo/lock/*"), (glob("$repo/objects/$two/*"))[0])
{
	for my $way ('symbolic', 'hard', 'pipe')
	{
		rename $file, "$work/saved.file" if -e $file;
		symlink "$victim/important.tmp", $file if $way eq 'symbolic';
		link "$victim/important.tmp", $file if $way eq 'hard';
		POSIX::mkfifo($file, 0600) if $way eq 'pipe';
		alarm 100;
		for my $command ([ 'expire', '--keep-minimum', 1 ], ['verify'], [ 'list' ])
		{
			tool(@$command, '--repo', $repo);
		}
		alarm 0;
		is(read_bytes("$victim/important.tmp"), 'foreign', "$way link for " . $file =~ s{^\Q$repo\E/}{}r) if $way ne 'pipe';
		nothing_outside("$way in place of " . $file =~ s{^\Q$repo\E/}{}r);
		unlink $file;
		rename "$work/saved.file", $file if -e "$work/saved.file";
	}
}
tool_ok([ 'verify', '--repo', $repo ], 'the repository is good again');

# ----------------------------------------------------- a link of ours to another disk

rename "$repo/objects", "$work/disk";
symlink "$work/disk", "$repo/objects" or die;
query('shop', 'INSERT INTO item SELECT generate_series(2000, 3000)');
for my $command ([ 'backup', '-d', 'shop' ], [ 'verify' ], [ 'expire', '--keep-daily', 0, '--keep-weekly', 0, '--keep-minimum', 1 ],
	[ 'restore', 'shop', '--to', 'shop3' ], [ 'doctor' ])
{
	($code, $out, $err) = tool(@$command, '--repo', $repo);
	is($code, 0, "objects on another disk: $command->[0]");
	unlike($err, qr/symbolic link/, 'without a warning');
}
is(query('shop3', 'SELECT count(*) FROM item'), 2001, 'with all rows');

# What is a leftover of ours behind it is removed; what only ends like one is not.
my ($kept) = map { m{([^/]+)$} } grep { -d } glob("$work/disk/*");
write_bytes("$work/disk/$kept/" . 'ab' x 32 . '.sql.zst.123-0badcafe-4.tmp', 'x');
write_bytes("$work/disk/$kept/notes.tmp", 'x');
tool_ok([ 'expire', '--repo', $repo, '--keep-minimum', 1 ], 'expire');
is(scalar(grep { /0badcafe/ } all_files("$work/disk")), 0, 'an unfinished file of ours is removed');
ok(-e "$work/disk/$kept/notes.tmp", 'what only ends like one is left alone');

done_testing();
