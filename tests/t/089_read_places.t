# Several places of one repository: what is missing, damaged or out of reach in one of them is read from another one.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use NexBackup::Test;
use Test::More;

start_server('main');
my $scratch = File::Temp::tempdir(CLEANUP => 1);
my @none = ('--catalogue', 'none');
my $repo = new_repository();
my $copy = "$scratch/copy";
my @both = ('--repo', $repo, '--repo', $copy);

create_database('shop');
query('shop', 'CREATE TABLE t (n int, v text); CREATE TABLE u (n int)');

sub back_up
{
	my ($where) = @_;

	query('shop', 'INSERT INTO t SELECT n, md5(random()::text) FROM generate_series(1, 20000) n');
	tool_ok([ 'backup', '--repo', $where, '-d', 'shop', @none, '--chunk-blocks', 16, '-j', 2 ], 'a backup');
	return latest_id($where, 'shop');
}

my $name = 'shop';

# A restore of that from these places, and what it says.
sub restored
{
	my ($test, @places) = @_;
	my ($code, $out, $err) = tool('restore', @places, $name, '--to', 'back', @none);

	is($code, 0, "$test: restored") or diag($err);
	same_database('shop', 'back', $test);
	query('postgres', 'DROP DATABASE back');
	return $err;
}

my $first = back_up($repo);
tool_ok([ 'copy', '--from', $repo, '--to', $copy, '--create', @none ], 'copied');
unlike(restored('both are good', @both), qr/was read from|could not be used/, 'nothing to say of two good places');

# Each has what the other one lacks, in the middle of tables and at their edges.
my @objects = grep { /^objects/ } all_files($repo);
cmp_ok(scalar @objects, '>=', 6, 'there are objects');
my @mend = (damage_file("$repo/$objects[0]", 'flip'), damage_file("$repo/$objects[1]", 'remove'), damage_file("$copy/$objects[2]", 'flip'));
tool_fails([ 'restore', '--repo', $_, 'shop', '--to', 'back', @none ], 3, qr/\Qobjects\E/, "$_ alone will not do") for $repo, $copy;
my $said = restored('damaged in both', @both);
like($said, qr{file "\Q$repo/$_\E" .*; it was read from "\Q$copy\E"}, 'a file is named') for @objects[0, 1];
is(() = $said =~ /it was read from/g, 2, 'each of them once');
like($said, qr/2 files of the repository could not be used in one place, and were read from another one.*nex_backup repair/s, 'and counted');
like(restored('the other way round', '--repo', $copy, '--repo', $repo), qr{file "\Q$copy/$objects[2]\E" .*; it was read from "\Q$repo\E"}, 'says so');
my ($code, $rows) = tool('cat', @both, 'shop', '--table', 'public.t', @none);
is($code, 0, 'cat');
is(scalar(split /\n/, $rows), 20000, 'all rows');
my ($export_code, $dump) = tool('export', @both, 'shop', '-o', '-', @none);
is($export_code, 0, 'export');
tool_ok([ 'export', @both, 'shop', '-o', "$scratch/out.sql", @none ], 'export as text');
like(read_bytes("$scratch/out.sql"), qr/^COPY public\.t .*^\\\.$/ms, 'with the rows');
my ($part_code, undef, $part_said) = tool('restore', @both, 'shop', '--table', 'public.t', '--to', 'back', @none);
is($part_code, 0, 'a part') or diag($part_said);
query('postgres', 'DROP DATABASE back');

# A verification is about the first place, and says what the other one has.
tool_fails([ 'verify', @both, @none ], 3, qr{\Q$objects[1]\E.* is missing; it is good in "\Q$copy\E"}, 'verify: damage is damage');
my $json = tool_json('verify', @both, @none);
is(scalar(grep { $_->{problem} =~ /good in/ } @{ $json->{backups}[0]{bad} }), 2, 'both, in JSON, too');
ok(-e "$repo/backups/shop/$first.verified" && !-e "$copy/backups/shop/$first.verified", 'and is recorded where it was found');

# One that is good nowhere.
push @mend, damage_file("$copy/$objects[0]", 'flip');
tool_fails([ 'restore', @both, 'shop', '--to', 'back', @none ], 3, qr/\Q$objects[0]\E/, 'damaged in both places');
$_->() for @mend;
tool_ok([ 'verify', @both, @none ], 'mended');

# The files of the backup itself.
my $manifest = "$repo/backups/shop/$first.json";
my $mend = damage_file($manifest, 'flip');
like(restored('the manifest is damaged', @both), qr{file "\Q$manifest\E" .*; it was read from "\Q$copy\E"}, 'is said');
tool_fails([ 'verify', @both, @none ], 3, qr/the manifest of backup "shop\/$first" is damaged in one place, and was read from "\Q$copy\E"/, 'and found');
$mend->();
$mend = damage_file("$repo/backups/shop/$first.sha256", 'flip');
restored('the list of digests is damaged', @both);
tool_fails([ 'verify', @both, @none ], 3, qr/"backups\/shop\/$first.sha256" of backup "shop\/$first" is damaged/, 'and found');
$mend->();

# Each has its own retention: a backup of one place only is none that the other has lost.
my $second = back_up($copy);
unlike(restored('the latest is in the second', @both), qr/was read from/, 'is no damage of the first');
tool_ok([ 'verify', @both, @none ], 'nor for a verification');
ok(-e "$copy/backups/shop/$second.verified", 'which looked at it where it is');

# Two backups of one id: one of them is restored, whole, and never half of each.
my $other = read_bytes("$repo/backups/shop/$first.json");
$other =~ s/"type": "\w+"/"type": "weekly"/ or die 'no type';
$other =~ s/,\n"seal": "[0-9a-f]+"\n\}\n\z//;
$mend = damage_file("$copy/backups/shop/$first.json", 'flip');
write_bytes("$copy/backups/shop/$first.json", "$other,\n\"seal\": \"" . sha256_hex($other) . "\"\n}\n");
my $mend_object = damage_file("$repo/$objects[0]", 'remove');
tool_ok([ 'restore', @both, "shop/$first", '--to', 'back', @none ], 'two that differ');
is(query('back', 'SELECT count(*) FROM t'), 20000, 'the first one');
query('postgres', 'DROP DATABASE back');
$mend_object->();
$mend->();

# A place that is not there, or is another one.
rename($repo, "$scratch/away") or die $!;
tool_fails([ 'restore', @both, 'shop', '--to', 'back', @none ], 1, qr/not all backups are known, as "\Q$repo\E" could not be looked at.*DB\/ID/s, 'the latest one is not known then');
$name = "shop/$second";
like(restored('the first is away', @both), qr/there is no repository in "\Q$repo\E".*reading from the places that could be opened, "\Q$copy\E" first/s, 'is said');
tool_fails([ 'verify', @both, @none ], 1, qr/there is no repository in/, 'a verification must see all');
like((tool('verify', @both, @none))[1], qr{\bshop/$second: ok }, '… but does what it can');
tool_fails([ 'restore', '--repo', $repo, '--repo', "$scratch/nowhere", 'shop', '--to', 'back', @none ], 1, qr/there is no repository in "\Q$repo\E"/, 'none is there');
rename("$scratch/away", $repo) or die $!;
rename("$repo/backups", "$repo/moved") or die $!;
mkdir "$repo/backups" or die $!;
tool_fails([ 'restore', @both, 'shop', '--to', 'back', @none ], 1, qr/not all backups are known, as "\Q$repo\E"/, 'nor if a disk is not mounted');
restored('but that one can be restored', @both);
rmdir "$repo/backups" or die $!;
rename("$repo/moved", "$repo/backups") or die $!;
$name = 'shop';
my $stranger = new_repository();
tool_fails([ 'restore', '--repo', $repo, '--repo', $stranger, 'shop', '--to', 'back', @none ], 1, qr/"\Q$stranger\E" is another repository than "\Q$repo\E"/, 'another repository');
tool_fails([ 'backup', @both, '-d', 'shop', @none ], 2, qr/"--repo" was given twice/, 'only for reading');

# Encrypted places of one repository; one that somebody has made with keys of his own is none.
my ($closed, $closed_copy) = ("$scratch/closed", "$scratch/closed_copy");
my @state = ('--state-dir', "$scratch/state");
tool_ok([ 'keygen', '--output', "$scratch/key" ], 'keygen');
my ($recipient) = read_bytes("$scratch/key") =~ /(age1\w+)/;
tool_ok([ 'init', '--repo', $closed, '--recipient', $recipient, @state ], 'init, encrypted');
tool_ok([ 'backup', '--repo', $closed, '-d', 'shop', @state, @none ], 'backup, encrypted');
tool_ok([ 'copy', '--from', $closed, '--to', $closed_copy, '--create', @state, @none ], 'copied');
damage_file("$closed/$_", 'flip') for (grep { /^objects/ } all_files($closed))[0];
damage_file("$closed/$_", 'flip') for grep { m{^backups/.*json$} } all_files($closed);
tool_ok([ 'restore', '--repo', $closed, '--repo', $closed_copy, 'shop', '--to', 'back', '--identity', "$scratch/key", @state, @none ], 'encrypted: restored');
same_database('shop', 'back', 'encrypted');
query('postgres', 'DROP DATABASE back');
tool_fails([ 'cat', '--repo', $closed, '--repo', $repo, 'shop', '--table', 'public.u', @state, @none ], 1, qr/is another repository/, 'a plain one');

# By names of the settings file; and the same one twice is one.
write_bytes("$scratch/places.yaml", "repo: here\nrepositories:\n  here: {repo: '$repo'}\n  there: {repo: '$copy'}\n");
$mend = damage_file("$repo/$objects[0]", 'flip');
restored('by names', '--config', "$scratch/places.yaml", '--repo', 'here', '--repo', 'there', '--repo', 'here');
$mend->();

done_testing();
