# Copies of backups in other places: byte for byte, right at every moment, and never of anything damaged.
use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use File::Temp ();
use JSON::PP ();
use NexBackup::Bucket;
use NexBackup::Faults;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

start_server('main');
my $scratch = File::Temp::tempdir(CLEANUP => 1);
my @none = ('--catalogue', 'none');
my $repo = new_repository();

create_database('shop');
query('shop', 'CREATE TABLE t (n int, v text); CREATE TABLE u (n int)');

# A backup of the database after a change; its id.
sub back_up
{
	my ($where) = @_;

	query('shop', "INSERT INTO t SELECT n, md5(random()::text) FROM generate_series(1, 3000) n");
	my ($code, $out, $err) = tool('backup', '--repo', $where, '-d', 'shop', '--json', @none, '--chunk-blocks', 16, '-j', 2);
	is($code, 0, 'a backup') or diag($err);
	return JSON::PP->new->utf8->decode($out)->{backup};
}

# The files that a copy brings: all but what was found out about one place, and what was left by a killed one.
sub copied_files
{
	my ($directory) = @_;

	return grep { !/\.verified$|\.tmp$|^damaged/ } all_files($directory);
}

sub same_places
{
	my ($from, $to, $name) = @_;
	my @from = copied_files($from);

	is_deeply([ copied_files($to) ], \@from, "$name: the same files");
	is(scalar(grep { read_bytes("$from/$_") ne read_bytes("$to/$_") } @from), 0, "$name: byte for byte");
	return;
}

sub results_of
{
	my ($copy) = @_;

	return { map { $_->{backup} => $_->{result} } grep { $_->{kind} eq 'database' && $_->{server} eq 'main' } @{ $copy->{backups} } };
}

my $first = back_up($repo);
my $second = back_up($repo);
tool_ok([ 'globals', 'backup', '--repo', $repo, '-d', 'postgres', @none ], 'globals');
tool_ok([ 'keygen', '--output', "$scratch/key" ], 'keygen');
my ($recipient) = read_bytes("$scratch/key") =~ /(age1\w+)/;
write_bytes("$scratch/app.env", "PASSWORD=secret\n");
tool_ok([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient, "$scratch/app.env", @none ], 'configuration files');
tool_ok([ 'backup', '--repo', $repo, '--server', 'other', '-d', 'shop', '--same-server', @none ], 'of another server');

# --------------------------------------------------------- to a directory

my $copy = "$scratch/copy";
tool_fails([ 'copy', '--from', $repo, '--to', $copy, @$_ ], 1, qr/there is no copy of .*mount it.*--create/s, "a place that is missing: @$_")
  for [], ['--dry-run'];
tool_fails([ 'copy', '--from', $repo, '--to', $copy, '--create', 'nothing' ], 1, qr/there is no backup of/, 'a name that means nothing');
ok(!-e $copy, 'nothing is made');
my $dry = tool_json('copy', '--from', $repo, '--to', $copy, '--create', '--dry-run');
is($dry->{copied}, 5, 'a dry run says what it would copy');
ok(!-e $copy, 'and makes nothing');
my $done = tool_json('copy', '--from', $repo, '--to', $copy, '--create');
is($done->{copied}, 5, 'five backups, of all kinds');
is_deeply([ @$done{qw(objects_sent bytes_sent)} ], [ @$dry{qw(objects_sent bytes_sent)} ], 'as many objects as it said');
same_places($repo, $copy, 'copied');
tool_ok([ 'verify', '--repo', $copy, @none ], 'it verifies');
tool_ok([ 'restore', '--repo', $copy, 'shop', '--to', 'back', @none ], 'it restores');
same_database('shop', 'back', 'the same database');
my $again = tool_json('copy', '--repo', $repo, '--to', $copy);
is_deeply([ @$again{qw(copied present failed objects_sent)} ], [ 0, 5, 0, 0 ], 'again: nothing to do');
tool_fails([ 'copy', '--from', $repo, '--to', $copy, '--create' ], 1, qr/is a repository already/, 'it is made once');

# A disk that is not mounted there is not replaced by the one below.
for my $missing (['backups/shop', 'copy'], ['objects', 'copy'], ['objects', 'repair'])
{
	my ($place, $command) = @$missing;

	rename "$copy/$place", "$scratch/disk" or die;
	mkdir "$copy/$place" or die;
	tool_fails([ $command, '--from', $repo, '--to', $copy, @none ], 1, qr{nothing is stored in "\Q$copy\E/$place", where a disk may be missing}, "$command, with an empty $place");
	rmdir "$copy/$place" or die "what is not mounted was filled";
	rename "$scratch/disk", "$copy/$place" or die;
}

# What is chosen.
my $part = "$scratch/part";
is(tool_json('copy', '--from', $repo, '--to', $part, '--create', '--last', 1, 'shop')->{backups}[0]{backup}, $second, 'the last one');
is(tool_json('copy', '--from', $repo, '--to', $part, "shop/$first")->{copied}, 1, 'one by its id');
is(tool_json('copy', '--from', $repo, '--to', $part, '--kind', 'globals')->{backups}[0]{kind}, 'globals', 'of one kind');
is(tool_json('copy', '--from', $repo, '--to', $part, '--since', '2020-01-01', 'shop')->{present}, 2, 'since a time');
tool_fails([ 'copy', '--from', $repo, '--to', $part, @$_ ], 1, qr/no backup in .* is meant/, "none is meant: @$_")
  for [ '--since', '2100-01-01' ], [ 'shop', '--kind', 'globals' ];
is(tool_json('copy', '--from', $repo, '--to', $part, '--server', 'other')->{copied}, 1, 'of one server');
tool_ok([ 'verify', '--repo', $part, @none ], 'what was copied is whole');
tool_fails([ 'copy', '--from', $repo ], 2, qr/needs a place to copy to/, 'no place');
tool_fails([ 'copy', '--to', $part ], 2, qr/needs a repository to copy from/, 'no source');
tool_fails([ 'copy', '--from', $repo, '--to', new_repository() ], 1, qr/is another repository/, 'another repository');
symlink($repo, "$scratch/link") or die;
tool_fails([ $_->[0], '--from', $_->[1], '--to', $_->[2] ], 2, qr/are the same place/, "$_->[0] to itself")
  for [ 'copy', $repo, $repo ], [ 'copy', "$scratch/link/", $repo ], [ 'repair', $repo, "$scratch/link" ], [ 'copy', 's3://bucket/a', 's3://bucket/a/' ];
tool_fails([ 'copy', '--from', $_->[0], '--to', $_->[1], '--create' ], 2, qr/lies in the other/, 'a place in another')
  for [ $repo, "$repo/backups/x" ], [ "$scratch/link/x/y", $repo ], [ 's3://bucket', 's3://bucket/a' ];
tool_fails([ 'copy', '--from', $repo, '--to', $_, '--create' ], 2, qr/is not a location/, "a mistyped URL: $_")
  for 's3:/bucket/pg', 's3:bucket', 'azure:/a/b', 's3://user:secret@bucket/pg';
tool_fails([ 'list', '--repo', 's3:/bucket/pg' ], 2, qr{"://"}, 'of a repository, too');
make_path("$scratch/full/of");
chmod 0700, $scratch;
mkdir "$scratch/notify", 0700;
write_bytes("$scratch/notify.yaml", "notify-directory: $scratch/notify\nnotify-webhook-url-file: $scratch/url\n");
write_bytes("$scratch/url", "http://127.0.0.1:9/\n");
chmod 0600, "$scratch/url", "$scratch/notify.yaml";
tool('copy', '--config', "$scratch/notify.yaml", '--from', $repo, '--to', "$scratch/full");
my ($message) = map { JSON::PP->new->decode(read_bytes($_))->{event} } glob("$scratch/notify/queue/*.json");
is_deeply([ @$message{qw(event repository)} ], [ 'copy.failed', "$scratch/full" ], 'a copy that fails is told of, by its place');
tool_fails([ 'copy', '--from', $repo, '--to', "$scratch/full" ], 1, qr/neither empty nor a repository/, 'something else');

# Retention of the place is its own, and a copy brings nothing back that is not asked for.
tool_ok([ 'expire', '--repo', $copy, '--keep-daily', 1, '--keep-weekly', 0, '--keep-minimum', 1, 'shop', @none ], 'expire there');
ok(!-e "$copy/backups/shop/$first.json", 'one is gone');
is(tool_json('copy', '--from', $repo, '--to', $copy, '--last', 1)->{copied}, 0, 'the last ones are there');
is(tool_json('copy', '--from', $repo, '--to', $copy)->{copied}, 1, 'all of them: it is copied again');
same_places($repo, $copy, 'whole again');

# ------------------------------------------------------------ what is lost

# There: each kind of file, missing or damaged, is brought again by the next copy, once it is known.
my ($object) = grep { /^objects/ } all_files($copy);
for my $how (qw(remove truncate extend flip))
{
	damage_file("$copy/$object", $how);
	tool('verify', '--repo', $copy, @none) if $how eq 'flip';
	my ($code) = tool('copy', '--from', $repo, '--to', $copy, @none);
	is($code, 0, "an object, $how: mended");
	is(read_bytes("$copy/$object"), read_bytes("$repo/$object"), 'the same again');
	is(scalar(glob("$copy/damaged/*")), undef, 'no record of damage is left');
}
damage_file("$copy/backups/shop/$second.sha256", $_), tool_ok([ 'copy', '--from', $repo, '--to', $copy ], "digests: $_")
  for qw(remove truncate);
damage_file("$copy/backups/shop/$second.json", 'remove');
tool_ok([ 'copy', '--from', $repo, '--to', $copy ], 'a manifest that is lost');
damage_file("$copy/backups/shop/$second.json", 'truncate');
tool_fails([ 'copy', '--from', $repo, '--to', $copy ], 3, qr/is not the same as in/, 'one that is not the same is not replaced');
unlink "$copy/backups/shop/$second.json";
tool_ok([ 'copy', '--from', $repo, '--to', $copy ], 'but copied when it is removed');
same_places($repo, $copy, 'mended');

# Here: what is damaged is not copied, what does not need it is.
my %needed = map { my $id = $_; $id => { map { $_ => 1 } read_bytes("$repo/backups/shop/$id.sha256") =~ /(objects\S+)/g } } $first, $second;
my ($only_second) = grep { !$needed{$first}{$_} } sort keys %{ $needed{$second} };
for my $how (qw(remove truncate flip))
{
	my $mend = damage_file("$repo/$only_second", $how);
	my $place = "$scratch/from_damaged";
	my ($code, $out, $err) = tool('copy', '--from', $repo, '--to', $place, '--create', '--json');
	is($code, 3, "an object here, $how: exit code 3");
	like($err, qr/\Q$only_second\E/, 'it is named');
	my $copied = JSON::PP->new->utf8->decode($out);
	is(results_of($copied)->{$second}, 'damaged', 'its backup is not copied');
	is($copied->{copied}, 4, 'the others are');
	ok(!-e "$place/backups/shop/$second.json", 'it is not there');
	tool_ok([ 'verify', '--repo', $place, @none ], 'what is there is whole');
	$mend->();
	tool_ok([ 'copy', '--from', $repo, '--to', $place ], 'mended: it is copied');
	same_places($repo, $place, 'after the damage');
	remove_tree($place);
}
for my $suffix (qw(json sha256))
{
	my $mend = damage_file("$repo/backups/shop/$second.$suffix", 'flip 100');
	my $copied = tool_json('copy', '--from', $repo, '--to', "$scratch/by_$suffix", '--create');
	is(results_of($copied)->{$second}, 'damaged', "a damaged .$suffix");
	is($copied->{copied}, 4, 'the others are copied');
	$mend->();
}
tool_ok([ 'verify', '--repo', $repo, @none ], 'all is well here');

# ------------------------------------------------------------------ repair

# From the other place, whatever is damaged: first it is found, then brought back.
my @files = ($only_second, "backups/shop/$second.json", "backups/shop/$second.sha256");
for my $file (@files)
{
	for my $how (grep { $_ ne 'remove' || $file !~ /json/ } qw(remove truncate flip))
	{
		my $before = read_bytes("$repo/$file");
		damage_file("$repo/$file", $how eq 'flip' ? 'flip 100' : $how) if length $before > 100;
		damage_file("$repo/$file", $how eq 'flip' ? 'flip 1' : $how) if length $before <= 100;
		is((tool('verify', '--repo', $repo, @none))[0], 3, "$file, $how: found");
		my $dry = tool_json('repair', '--from', $copy, '--to', $repo, '--dry-run');
		cmp_ok($dry->{repaired}, '>=', 1, 'a dry run says so');
		isnt(-e "$repo/$file" ? read_bytes("$repo/$file") : undef, $before, 'and changes nothing');
		tool_ok([ 'repair', '--from', $copy, '--to', $repo, '-j', 2 ], 'repaired');
		is(read_bytes("$repo/$file"), $before, 'the same again');
		tool_ok([ 'verify', '--repo', $repo, @none ], 'and good');
	}
}
is(tool_json('repair', '--repo', $repo, '--from', $copy)->{objects_sent}, 0, 'nothing to do');
{
	# What several backups need is brought once, and counted for each; what is lost is named once.
	my ($both) = grep { $needed{$second}{$_} } sort keys %{ $needed{$first} };
	damage_file("$repo/$both", 'remove');
	my $shared = tool_json('repair', '--repo', $repo, '--from', $copy, 'shop');
	is_deeply([ map { [ @$_{qw(result objects_sent objects_shared)} ] } @{ $shared->{backups} } ], [ [ 'repaired', 1, 0 ], [ 'repaired', 0, 1 ] ], 'a shared one');
	my @mend = map { damage_file("$_/$both", 'remove') } $repo, $copy;
	my $error = tool_fails([ 'repair', '--from', $copy, '--to', $repo, 'shop' ], 3, qr/\Q$both\E" is missing or damaged/, 'one that is lost');
	is(scalar(() = $error =~ /missing or damaged/g), 1, 'is named once');
	my (undef, $said, $errors) = tool('verify', '--repo', $repo, @none);
	is(scalar(() = $errors =~ /error: file "\Q$both\E"/g), 1, 'by verify, too') or diag($errors);
	like($errors, qr/warning: 2 backups need the bad file "\Q$both\E", from "shop\/$first" to "shop\/$second"/, 'with the backups that need it');
	is(scalar(() = $said =~ /^  \Q$both\E is missing/mg), 1, 'on standard output, too') or diag($said);
	like($said, qr/^shop\/$second: FAILED \(1 bad file\)\n  1 bad file named above$/m, 'of the next one, that it is bad');
	$error = tool_fails([ 'copy', '--from', $repo, '--to', "$copy.shared", '--create', 'shop', @none ], 3, qr/error: file .*\Q$both\E/, 'a copy');
	is(scalar(() = $error =~ /error: /g), 2, 'names it once') or diag($error);
	like($error, qr/error: 2 backups were not copied, from "shop\/$first" to "shop\/$second": objects of them are damaged or missing/, 'and what is not there');
	$_->() for @mend;
	tool_ok([ 'verify', '--repo', $repo, @none ], 'good again');

	# nex_backup.json, too, by both commands.
	for my $command ([ 'repair', '--from', $repo, '--to', $copy ], [ 'copy', '--from', $repo, '--to', $copy ])
	{
		for my $how ('remove', $command->[0] eq 'repair' ? 'truncate' : ())
		{
			damage_file("$copy/nex_backup.json", $how);
			tool_ok($command, "nex_backup.json, $how: $command->[0]");
			is(read_bytes("$copy/nex_backup.json"), read_bytes("$repo/nex_backup.json"), 'is brought back');
		}
	}
}
{
	my @mend = map { damage_file("$_/$only_second", 'truncate') } $repo, $copy;
	tool_fails([ 'repair', '--from', $copy, '--to', $repo ], 3, qr/\Q$only_second\E.* is missing or damaged in .* and in/, 'good in neither');
	$_->() for @mend;
}
tool_fails([ 'repair', '--from', new_repository(), '--to', $repo ], 1, qr/is another repository/, 'from another repository');
tool_fails([ 'repair', '--to', $repo ], 2, qr/needs another place/, 'from nowhere');
tool_ok([ 'verify', '--repo', $_, @none ], 'both are whole') for $repo, $copy;

# ------------------------------------------------------------------ levels

# What each level finds in an object; only all bytes prove anything.
my %finds = (remove => 'present sample:100 stored full', truncate => 'present sample:100 stored full', flip => 'sample:100 stored full');
my $place = "$scratch/levels";
tool_ok([ 'copy', '--from', $repo, '--to', $place, '--create' ], 'a place to look at');
for my $level ('present', 'sample:100', 'stored', 'full')
{
	my $good = tool_json('verify', '--repo', $place, "--level=$level", @none);
	(my $name = $level) =~ s/:.*//;
	is($good->{level}, $name, "$level: says so");
	is(scalar(grep { $_->{result} ne 'ok' } @{ $good->{backups} }), 0, 'all is well');
	my ($shop) = grep { $_->{backup} eq $second && $_->{server} eq 'main' } @{ $good->{backups} };
	is($shop->{objects_read}, $level eq 'present' ? 0 : $shop->{objects}, 'what it has read');
	is($shop->{inside} ? 1 : 0, $level eq 'full' ? 1 : 0, 'whether it looked inside');
	my ($listed) = grep { $_->{backup} eq $second && $_->{server} eq 'main' } @{ tool_json('list', '--repo', $place)->{backups} };
	is(defined $listed->{verified} ? 1 : 0, $level =~ /stored|full/ ? 1 : 0, 'whether that is recorded');
	for my $how (sort keys %finds)
	{
		my $mend = damage_file("$place/$only_second", $how);
		my ($code, $out) = tool('verify', '--repo', $place, "--level=$level", 'shop', @none);
		is($code, (grep { $_ eq $level } split / /, $finds{$how}) ? 3 : 0, "$level: $how");
		$mend->();
		remove_tree("$place/damaged");
		unlink "$place/backups/shop/$second.verified";
	}
}
my $sample = tool_json('verify', '--repo', $place, '--level=sample:1', 'shop', @none)->{backups}[0];
cmp_ok($sample->{objects_read}, '<', $sample->{objects}, 'a sample');
cmp_ok($sample->{objects_read}, '>', 0, 'of one at least');
tool_fails([ 'verify', '--repo', $place, "--level=$_" ], 2, qr/level/, "no level: $_") for 'sample:0', 'sample:101', 'present:5', 'some';

# ------------------------------------------------------ killed, and at once

my $shim = build_shim($scratch);
SKIP:
{
	skip 'no C compiler for the faults', 1 unless defined $shim;
	my $world = { shim => $shim, trial => $scratch };
	make_path("$scratch/tmp", "$scratch/home");
	$place = "$scratch/killed";
	my @copy = ('copy', '--from', $repo, '--to', $place, '-j', 1);
	my $calls = run_faulted($world, '', [ @copy, '--create' ])->{calls};
	my ($killed, $bad, $unfinished) = (0, 0, 0);

	for my $point (map { my $kind = $_; map { [ $kind, $_ ] } 1 .. 4 } qw(write rename sync))
	{
		my ($kind, $step) = @$point;
		remove_tree($place);
		my $run = run_faulted($world, "$kind:" . (1 + int($calls->{$kind} * ($step - 0.5) / 4)) . ':kill', [ @copy, '--create' ]);
		$killed++ if $run->{code} == 137;
		if (-e "$place/nex_backup.json")
		{
			$bad++ if (tool('verify', '--repo', $place, @none))[0] != 0;
		}
		my ($code) = tool(@copy, -e "$place/nex_backup.json" ? () : '--create');
		$unfinished++ if $code != 0 || join(' ', copied_files($place)) ne join(' ', copied_files($repo));
	}
	is($killed, 12, 'killed at twelve points');
	is($bad, 0, 'what was there was whole each time');
	is($unfinished, 0, 'and the next copy finished it');
	tool_ok([ 'verify', '--repo', $place, @none ], 'the last of them is whole');

	# A large backup: what was brought before the end came is not brought again.
	my $large = new_repository();
	query('shop', 'CREATE TABLE large AS SELECT n, md5(n::text) AS v FROM generate_series(1, 40000) n');
	tool_ok([ 'backup', '--repo', $large, '-d', 'shop', '--chunk-blocks', 1, @none ], 'a backup of many objects');
	query('shop', 'DROP TABLE large');
	my @large = ('copy', '--from', $large, '--to', "$scratch/large", '-j', 1);
	my $sent = tool_json(@large, '--create', '--dry-run')->{objects_sent};
	cmp_ok($sent, '>', 300, 'many objects');
	my $cut = run_faulted($world, 'rename:290:kill', [ @large, '--create' ]);
	is($cut->{code}, 137, 'its copy is killed');
	ok(!-e "$scratch/large/backups", 'it is not there');
	cmp_ok(tool_json(@large)->{objects_sent}, '<=', $sent - 256, 'and not all of it is sent again');
	same_places($large, "$scratch/large", 'the large one');
	ok(!-e "$scratch/large/lock/copied", 'the note is gone');

	# An error is one, and nothing of it is left.
	remove_tree($place);
	my $full = run_faulted($world, 'write:' . int($calls->{write} / 2) . ':ENOSPC+', [ @copy, '--create' ]);
	is($full->{code}, 1, 'a full disk');
	like($full->{err}, qr/No space left on device/, 'is named');
	tool_ok([ 'verify', '--repo', $place, @none ], 'what is there is whole');
	like($full->{err}, qr/Free some space in the place/, 'with what helps');
	tool_ok(\@copy, 'and the next one goes on');
	same_places($repo, $place, 'after a full disk');
}

# Two at once: the second one is refused, or finds all of it.
$place = "$scratch/two";
tool_ok([ 'copy', '--from', $repo, '--to', $place, '--create', '--kind', 'globals' ], 'a place for two');
my @pids = map { start_tool("$scratch/log$_", 'copy', '--from', $repo, '--to', $place) } 1, 2;
my @codes = map { finish_tool($_) } @pids;
like(join(' ', sort @codes), qr/^0 [04]$/, 'two at once: one of them may be refused');
same_places($repo, $place, 'after two at once');

# Beside a backup here and an expire there.
my @beside = (
	start_tool("$scratch/backup", 'backup', '--repo', $repo, '-d', 'shop', @none),
	start_tool("$scratch/copy_log", 'copy', '--from', $repo, '--to', $place),
	start_tool("$scratch/expire", 'expire', '--repo', $place, '--keep-daily', 1, @none));
is(join(' ', map { finish_tool($_) } @beside), '0 0 0', 'beside a backup and an expire');
tool_ok([ 'verify', '--repo', $place, @none ], 'whole all the same');
tool_ok([ 'copy', '--from', $repo, '--to', $place ], 'and complete with the next one');

# --------------------------------------------------------------- encrypted

my $closed = "$scratch/closed";
my @state = ('--state-dir', "$scratch/state");
tool_ok([ 'init', '--repo', $closed, '--recipient', $recipient, @state ], 'init, encrypted');
tool_ok([ 'backup', '--repo', $closed, '-d', 'shop', @state, @none ], 'backup, encrypted');
my $closed_copy = "$scratch/closed_copy";
tool_ok([ 'copy', '--from', $closed, '--to', $closed_copy, '--create', '--state-dir', "$scratch/nothing" ], 'copied without any key');
same_places($closed, $closed_copy, 'encrypted');
tool_ok([ 'verify', '--repo', $closed_copy, '--identity', "$scratch/key", @state, @none ], 'verified with the key');
tool_ok([ 'restore', '--repo', $closed_copy, 'shop', '--to', 'opened', '--identity', "$scratch/key", @state, @none ], 'restored');
same_database('shop', 'opened', 'the same database');
tool_ok([ 'keygen', '--output', "$scratch/key2" ], 'another key');
my ($other) = read_bytes("$scratch/key2") =~ /(age1\w+)/;
tool_ok([ 'key', 'add', '--recipient', $other, '--repo', $closed, @state ], 'is added');
tool_ok([ 'backup', '--repo', $closed, '-d', 'shop', @state, @none ], 'and used');
tool_ok([ 'copy', '--from', $closed, '--to', $closed_copy, @state ], 'the copy follows');
same_places($closed, $closed_copy, 'after a change of keys');
tool_ok([ 'verify', '--repo', $closed_copy, '--identity', "$scratch/key2", @state, @none ], 'and opens with it');
tool_fails([ 'copy', '--from', $closed, '--to', $copy, @state ], 1, qr/is another repository/, 'not into a plain one');

# ---------------------------------------------------------------- a bucket

start_bucket();
my @bucket = bucket_options('copy');
my @to_bucket = ('copy', '--from', $repo, '--to', 's3://bucket/copy', @bucket[ 2 .. $#bucket ]);
tool_fails(\@to_bucket, 1, qr/there is no copy of/, 'to a bucket where nothing is');
tool_ok([ @to_bucket, '--create' ], 'to a bucket');
forget_requests();
tool_ok([ 'verify', @bucket, '--level=present', @none ], 'where all is present');
is(scalar(grep { m{^(GET|HEAD) \S*/objects/} } requests_to_bucket()), 0, 'without a request for any object');
tool_ok([ 'verify', @bucket, @none ], 'which is whole');
forget_requests();
tool_ok(\@to_bucket, 'again');
my @requests = requests_to_bucket();
cmp_ok(scalar(@requests), '<=', 40, 'with few requests') or diag(join("\n", @requests));
is(scalar(grep { m{^(GET|HEAD|PUT) \S*/(objects|backups)/} } @requests), 0, 'none of them for a file of a backup');
back_up($repo);
my $log = "$scratch/bucket_log";
bucket_does(match => 'PUT /bucket/copy/objects/', times => 1_000_000, do => '503');
my $pid = start_tool($log, @to_bucket);
ok(wait_until(sub { grep { m{^PUT \S*/objects/} } requests_to_bucket() }), 'objects are sent');
kill 'KILL', $pid;
finish_tool($pid);
tool_fails(\@to_bucket, 4, qr/free after two minutes/, 'the lock of a killed one is not free at once');
bucket_does(clear => JSON::PP::true, age => 121);
tool_ok([ 'verify', @bucket, @none ], 'killed: whole');
for my $fault (qw(503 lost cut))
{
	bucket_does(clear => JSON::PP::true, match => 'PUT /bucket/copy/', times => 2, do => $fault);
	tool_ok(\@to_bucket, "finished, beside $fault");
	back_up($repo);
}
bucket_does(clear => JSON::PP::true);
tool_ok(\@to_bucket, 'all of it');

# Between two buckets of the same name, on two servers with two keys, by names of the settings file.
my $second_server = 'http://127.0.0.1:' . sink_port(start_sink('s3_server.py', 'AKIAOTHER', 'another/secret'));
my $places = "$scratch/places.yaml";
write_bytes("$scratch/other_key", "aws_access_key_id = AKIAOTHER\naws_secret_access_key = another/secret\n");
write_bytes($places, "repo: here\nrepositories:\n  here: {repo: '$repo'}\n"
	  . "  first: {repo: 's3://bucket/copy', repo-endpoint: '$bucket[3]', repo-secret-file: '$bucket[5]'}\n"
	  . "  second:\n    repo: s3://bucket/copy\n    repo-endpoint: $second_server\n    repo-secret-file: $scratch/other_key\n");
chmod 0600, "$scratch/other_key";
my @places = ('--config', $places);
tool_ok([ 'copy', @places, '--from', 'first', '--to', 'second', '--create' ], 'from one provider to another');
tool_ok([ 'verify', @places, '--repo', 'second', @none ], 'where it is whole');
tool_ok([ 'copy', @places, '--to', 'second' ], 'from the repository of the settings file, which is a name, too');
is(tool_json('list', @places, '--repo', 'second')->{repository}{location}, 's3://bucket/copy', 'shown by its location');
bucket_does(match => 'GET /bucket/copy/', times => 1_000_000, do => '403');
is(tool_json('repair', @places, '--from', 'second')->{failed}, 0, 'repair asks the one that is named');
bucket_does(clear => JSON::PP::true);
tool_fails([ 'copy', @places, '--from', 'first', '--to', 'first' ], 2, qr/are the same place/, 'the same name');
tool_fails([ 'verify', @places, '--repo', 'second', '--repo-region', 'x', @none ],
	2, qr/"--repo-region" is not for a repository that is named/, 'an option for a location');
tool_fails([ 'copy', @places, '--from', 'first', '--to', 'third' ], 1, qr/there is no copy of the repository in "third"/, 'no such name');

# From there, when the host is gone.
my $returned = "$scratch/returned";
tool_ok([ 'copy', '--from', 's3://bucket/copy', '--to', $returned, '--create', @bucket[ 2 .. $#bucket ] ], 'from the bucket');
same_places($repo, $returned, 'there and back');
tool_ok([ 'restore', '--repo', $returned, 'shop', '--to', 'returned', @none ], 'restored from it');
same_database('shop', 'returned', 'the same database');

done_testing();
