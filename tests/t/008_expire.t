# expire removes what no rule keeps, then the objects that no backup needs.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

create_database('db');
query('db', 'CREATE TABLE steady AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g');
query('db', 'CREATE TABLE changing (n integer, filler text)');

sub backup
{
	my ($n) = @_;

	query('db', "TRUNCATE changing; INSERT INTO changing SELECT $n, md5(g::text || $n) "
		  . 'FROM generate_series(1, 20000) g');
	my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'db', '--catalogue', 'none');
	diag($err) if $code;
	return $code;
}

sub ids
{
	return map { $_->{backup} // $_->{id} } @{ tool_json('list', '--repo', $repo)->{backups} };
}

sub objects
{
	return scalar(grep { m{^objects/} } all_files($repo));
}

is(backup($_), 0, "backup $_") for 1 .. 4;
my @all = ids();
is(scalar @all, 4, 'four backups');
is(scalar(keys %{ { map { $_ => 1 } @all } }), 4, 'of four names, though made within seconds');
my $objects = objects();

# All of one day: the newest stays.
my $dry = tool_ok([ 'expire', '--repo', $repo, '--dry-run' ], 'a dry run');
like($dry, qr/\Q$all[0]\E.*remove/, 'says what would go');
like($dry, qr/\Q$all[3]\E.*keep/, 'and what stays');
is(scalar(ids()), 4, 'and removes nothing');
is(objects(), $objects, 'no object either');

# The newest verified backup is never removed.
tool_ok([ 'verify', '--repo', $repo, "db/$all[1]", '--catalogue', 'none' ], 'verify the second');
my $out = tool_ok([ 'expire', '--repo', $repo, '--catalogue', 'none' ], 'expire');
is(join(',', ids()), "$all[1],$all[3]", 'the newest and the newest verified are kept');
like($out, qr/verified/, 'and it says why');
ok(objects() < $objects, 'objects went with the others');
tool_ok([ 'verify', '--repo', $repo ], 'what is left is good');
tool_ok([ 'restore', '--repo', $repo, "db/$all[1]", '--to', 'second' ], 'and restores');
is(query('second', 'SELECT DISTINCT n FROM changing'), 2, 'as it was then');

# Now the newest is verified: only that is left.
tool_ok([ 'expire', '--repo', $repo, '--catalogue', 'none' ], 'expire again');
is(join(',', ids()), $all[3], 'one is left');
tool_ok([ 'expire', '--repo', $repo, '--keep-minimum', 3, '--catalogue', 'none' ], 'and stays');

# The minimum.  (A new second: an id that was just removed is free again.)
sleep 1;
is(backup($_), 0, "backup $_") for 5 .. 7;
tool_ok([ 'expire', '--repo', $repo, '--keep-minimum', 3, '--catalogue', 'none' ], 'expire with a minimum');
is(scalar(ids()), 4, 'three newest and the verified one');

# Leftovers of a killed backup go, objects in use stay.
write_bytes("$repo/objects/aa-none.tmp", 'x') if -d "$repo/objects";
mkdir "$repo/objects/ab";
write_bytes("$repo/objects/ab/ab" . '0' x 62 . '.sql.zst', 'nobody needs me');
tool_ok([ 'expire', '--repo', $repo, '--keep-minimum', 3, '--catalogue', 'none' ], 'expire with leftovers');
ok(!-e "$repo/objects/ab/ab" . '0' x 62 . '.sql.zst', 'an object that nobody needs is removed');
tool_ok([ 'verify', '--repo', $repo ], 'the rest is good');

# While a backup runs, no object is removed.
{
	my $log = File::Temp->new;
	my $orphan = "$repo/objects/ab/ab" . '1' x 62 . '.sql.zst';
	mkdir "$repo/objects/ab";
	write_bytes($orphan, 'perhaps of the backup that runs');
	my $release = hold_lock('db', 'steady');
	my $pid = start_tool("$log", 'backup', '--repo', $repo, '-d', 'db', '--catalogue', 'none');
	ok(wait_until(sub { backends_in('db') > 1 }), 'a backup is running');
	my ($code) = tool('expire', '--repo', $repo, '--keep-minimum', 3, '--catalogue', 'none');
	ok($code == 0 || $code == 4, "expire beside a backup: exit $code");
	ok(-e $orphan, 'takes no object away');
	my $note = "$repo/lock/in_use_since";
	like(read_bytes($note), qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'but notes when it first did not');
	my @again = ('expire', '--repo', $repo, '--keep-minimum', 3, '--catalogue', 'none');
	my ($again, $said, $warned) = tool(@again);
	like($said, qr/objects were left alone: the repository is in use, by a backup, copy.*the next expire that begins while none is running removes them/, 'and says so');
	unlike($warned, qr/no objects were removed/, 'once is no reason to warn');
	write_bytes($note, '2026-01-02T03:04:05Z');
	is(tool_json(@again)->{in_use_since}, '2026-01-02T03:04:05Z', 'since when it is so');
	like((tool(@again))[2], qr/warning: no objects were removed from repository .* in use at each expire since 2026-01-02 03:04:05/, 'each time is one');
	my ($check) = grep { $_->{name} eq 'expire' } @{ tool_json('doctor', '--repo', $repo, '--no-server')->{checks} };
	is($check->{status}, 'warning', 'for doctor, too');
	$release->();
	is(finish_tool($pid), 0, 'the backup ends well');
	tool_ok([ 'expire', '--repo', $repo, '--keep-minimum', 3, '--catalogue', 'none' ], 'the next expire');
	ok(!-e $orphan, 'takes it');
	ok(!-e $note, 'and forgets the note');
}

# A damaged manifest: which objects it needs is unknown, so none is removed.
my @left = ids();
my $mend = damage_file("$repo/backups/db/$left[0].json", 'flip');
my $before = objects();
my ($code, $text, $err) = tool('expire', '--repo', $repo, '--catalogue', 'none');
is($code, 3, 'a damaged manifest: exit 3');
is(objects(), $before, 'no object is removed');
$mend->();
tool_ok([ 'verify', '--repo', $repo ], 'all is good after mending');

# What another expire removes while a command goes on is no damage.
SKIP:
{
	my $shim = removal_shim() or skip('no C compiler', 1);
	my $beside = new_repository();

	create_database('aa');
	tool_ok([ 'backup', '--repo', $beside, '-d', 'aa', '--catalogue', 'none' ], 'a database that is looked at first');
	tool_ok([ 'backup', '--repo', $beside, '-d', 'db', '--catalogue', 'none' ], "backup $_ of another") for 1 .. 3;
	tool_ok([ 'verify', '--repo', $beside, '--catalogue', 'none' ], 'verified');
	my @three = map { $_->{backup} } grep { $_->{database} eq 'db' } @{ tool_json('list', '--repo', $beside)->{backups} };
	my $first = latest_id($beside, 'aa');

	# Run it on a copy, from which these files of "db" are taken when the other database is read.
	my $run = sub {
		my ($at, $files, @command) = @_;
		my $copy = File::Temp::tempdir(CLEANUP => 1) . '/copy';

		system('cp', '-a', $beside, $copy) == 0 or die;
		local @ENV{qw(LD_PRELOAD REMOVAL_SHIM_AT REMOVAL_SHIM_FILES)} = ($shim, $at, join("\n", map { "$copy/backups/db/$_" } @$files));
		return ($copy, tool(@command, '--repo', $copy, $command[0] eq 'list' ? () : ('--catalogue', 'none')));
	};
	my @gone = (map({ "$three[0]$_" } '.json', '.sha256', '.verified'), "$three[1].json");
	for my $command ([ 'verify', '--jobs', 1 ], [ 'verify', '--json' ], ['list'], [ 'expire', '--dry-run' ], ['expire'])
	{
		my ($copy, $code, $out, $err) = $run->("$first.json", \@gone, @$command);

		is($code, 0, "@$command beside expire") or diag($err);
		unlike("$out$err", qr/damaged|missing|FAILED/i, '... no damage is reported');
		like("$out$err", qr/$three[2]/, '... what is left is there');
		unlike($out, qr/$three[1](?!-)/, '... what is gone is not');
		ok(!-e "$copy/backups/db/$three[0].verified", '... nor is anything written for it');
	}
	my ($copy, $code, $out, $err) = $run->("$first.json", \@gone, 'doctor', '-d', 'db');
	unlike($out, qr/is missing/, 'doctor beside expire');
	($copy, $code, $out, $err) = $run->('objects', \@gone, 'verify', "db/$three[0]");
	is($code, 1, 'one that was asked for');
	like($err, qr/backup "db\/$three[0]" was removed while it was verified/, 'is named');
	ok(!-e "$copy/backups/db/$three[0].verified", 'and has no result');
	($copy, $code, $out, $err) = $run->("$first.json", [ map { "$_.json" } @three ], 'verify');
	is($code, 3, 'where nothing is left, it was no expire');
}

done_testing();
