# The latest backup is the one with the latest snapshot, by the server's clock, whatever clocks the
# hosts have that make backups; and clocks that disagree are reported.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Forge;
use NexBackup::Test;
use Test::More;

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $shim = "$scratch/clock_shim.so";
system($ENV{CC} || 'cc', '-O1', '-shared', '-fPIC', '-o', $shim, top() . '/tests/fixtures/clock_shim.c') == 0
  or plan skip_all => 'no C compiler for a wrong clock';

my $node = start_server('main');
my $state = 0;
my ($minute, $hour, $day) = (60, 3600, 86400);
my $warned = qr/warning: /;

# The tool on a host whose clock is so many seconds wrong.
sub at_offset
{
	my ($offset, @arguments) = @_;
	local $ENV{LD_PRELOAD} = $shim;
	local $ENV{CLOCK_SHIM} = $offset;

	return tool(@arguments);
}

# The server, started again with another clock.
sub set_server_clock
{
	my ($offset) = @_;
	local $ENV{LD_PRELOAD} = $shim;
	local $ENV{CLOCK_SHIM} = $offset;

	$node->restart;
	return;
}

# Change the database, and back it up with a clock that is so many seconds wrong; its id.
sub backup
{
	my ($repo, $offset) = @_;

	$state++;
	query('clk', "UPDATE t SET state = $state");
	my ($code, $out, $err) = at_offset($offset, 'backup', '--repo', $repo, '-d', 'clk', '--json', '--catalogue', 'none');
	is($code, 0, "backup of state $state with a clock of $offset s") or diag($err);
	return (JSON::PP->new->utf8->decode($out)->{backup}, $err);
}

# The state that a restore brings, and what it warned of.
sub restored
{
	my ($repo, @arguments) = @_;
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'clk', '--to', 'copy', @arguments);

	return "exit $code: $err" if $code;
	my $found = query('copy', 'SELECT state FROM t');
	query('postgres', 'DROP DATABASE copy');
	return ($found, $err);
}

sub list
{
	my ($repo) = @_;
	return map { $_->{backup} } @{ tool_json('list', '--repo', $repo)->{backups} };
}

create_database('clk');
query('clk', 'CREATE TABLE t AS SELECT 0 AS state');

# One backup by a clock that is a year ahead; then the clock is right again.
{
	my $repo = new_repository('ahead');
	my ($future, $said) = backup($repo, 365 * $day);
	like($said, qr/clock of the server is 365 days behind that of this host/, 'a backup says that the clocks differ');
	(my $right, $said) = backup($repo, 0);
	like($said, qr/name of the latest backup of database "clk", \Q$future\E, is a time in the future/,
		'the next one says that a backup is dated in the future');
	(my $found, $said) = restored($repo);
	is($found, $state, 'a restore brings the later state');
	like($said, qr/\Q$future\E is dated after \Q$right\E, but its snapshot is older/, 'and says what is wrong');
	is(join(',', list($repo)), "$future,$right", 'the list is in the order of the snapshots');
	like(tool_ok([ 'verify', '--repo', $repo, 'clk' ], 'verify'), qr{clk/\Q$right\E: ok}, 'verifies the latest');
	like(tool_ok([ 'info', '--repo', $repo, 'clk' ], 'info'), qr/\Q$right\E/, 'info shows it');
	my $now = query('postgres', "SELECT to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS.US')");
	($found) = restored($repo, '--at', $now);
	is($found, $state, '--at goes by the snapshots');
	like((tool('doctor', '--repo', $repo))[1], qr/clock +.*\Q$future\E/, 'doctor tells of it');

	# Re-used is what the latest one stored, and expire keeps it.
	my ($third) = backup($repo, 0);
	my ($code, $out) = tool('expire', '--repo', $repo, '--keep-daily', 1, '--keep-weekly', 0, '--catalogue', 'none');
	is($code, 0, 'expire');
	is(join(',', list($repo)), "$right,$third", 'keeps the verified one and that with the latest snapshot');
	is((restored($repo))[0], $state, 'which restores');
}

# The clock of a host that is behind, is set back by an hour, or differs from another host's.
{
	my $repo = new_repository('behind');
	my $said;

	for my $offset (0, -365 * $day, -$hour, 10 * $minute, -10 * $minute, 0)
	{
		my ($id) = backup($repo, $offset);
		(my $found, $said) = restored($repo);
		is($found, $state, "the latest after a backup by a clock of $offset s");
		is((list($repo))[-1], $id, 'and in the list');
	}
	like($said, $warned, 'the last restore warns');
	like((tool('verify', '--repo', $repo, 'clk'))[2], $warned, 'so does a verification');
	my ($code, $out, $err) = at_offset(-2 * $hour, 'restore', '--repo', $repo, 'clk', '--to', 'copy');
	like($err, qr/clock of the server is 2 h 0 min ahead of that of this host/, 'a restore says that the clocks differ');
	query('postgres', 'DROP DATABASE copy');
}

# Missed backups are found by the snapshots, also beside a backup from the future.
{
	my $repo = new_repository('missed');
	my $url = "$scratch/url";
	write_bytes($url, 'http://127.0.0.1:9/');
	chmod 0600, $url;
	backup($repo, 365 * $day);
	backup($repo, 0);
	my ($code, $out, $err) = at_offset(2 * $hour, 'notify', '--check-missed', '--repo', $repo, '--notify-webhook-url-file', $url,
		'--notify-directory', "$scratch/queue", '--notify-missed-after', '1h');
	like("$out$err", qr/1 waiting/, 'an alarm although a backup is dated in the future');
}

# The clock of the server is behind, or both are: what was made last is not removed as too old.
for my $host (0, -40 * $day)
{
	my $repo = new_repository("set_back$host");
	my ($first) = backup($repo, 0);
	set_server_clock(-40 * $day);
	my ($last) = backup($repo, $host);
	my ($code, $out, $err) = tool('expire', '--repo', $repo, '--keep-daily', 1, '--keep-weekly', 0, '--keep-monthly', 0, '--keep-yearly', 0, '--catalogue', 'none');
	is($code, 0, 'expire with a clock that is behind');
	is(join(',', sort(list($repo))), join(',', sort($first, $last)), 'keeps what was made last');
	like($err, qr/database "clk": backup \Q$last\E was made after backup \Q$first\E, whose snapshot time is later\nHINT:.*set back/, 'and warns');
	like($err, qr/database "clk": a backup was made after the newest, so nothing is removed/, 'and says why');
	set_server_clock(0);
}

# The clock of the server was ahead, and was set back: its time decides, and the position in the WAL
# tells that it must not.
{
	my $repo = new_repository('server');
	set_server_clock(2 * $hour);
	my ($before, $said) = backup($repo, 0);
	like($said, qr/clock of the server is 2 h 0 min ahead/, 'a server whose clock is ahead');
	set_server_clock(0);
	(my $after, $said) = backup($repo, 0);
	like($said, qr/latest backup of database "clk", \Q$before\E, is dated in the future/, 'the next backup says so');
	unlike($said, qr/there may be two/, 'and takes it for no other server');

	# As it looks some days later, when that is not the future any more.
	my ($old_id, $new_id) = ('20261001T000000Z', '20261001T010000Z');
	for ([ $before, $old_id, '2026-10-01T02:00:00.000Z' ], [ $after, $new_id, '2026-10-01T01:00:00.000Z' ])
	{
		my ($from, $to, $when) = @$_;
		rename("$repo/backups/clk/$from.$_", "$repo/backups/clk/$to.$_") for qw(json sha256);
		reseal("$repo/backups/clk/$to.json",
			sub { $_[0] =~ s/"id": "\Q$from\E"/"id": "$to"/r =~ s/"snapshot_at": "[^"]*"/"snapshot_at": "$when"/r });
	}
	(my $found, $said) = restored($repo);
	like($said, qr/\Q$new_id\E was made after it: the clock of the server was set back/, 'the WAL shows it');
	like($said, qr/HINT: .*\Q$new_id\E is the newer one/, 'and the hint names the newer one');
	is($found, $state - 1, 'the time of the snapshot decides');

	# Two snapshots of one instant: the position in the WAL decides, not the name.
	my $earlier_name = '20260901T000000Z';
	rename("$repo/backups/clk/$new_id.$_", "$repo/backups/clk/$earlier_name.$_") for qw(json sha256);
	reseal("$repo/backups/clk/$earlier_name.json",
		sub { $_[0] =~ s/"id": "\Q$new_id\E"/"id": "$earlier_name"/r =~ s/"snapshot_at": "[^"]*"/"snapshot_at": "2026-10-01T02:00:00.000Z"/r });
	($found) = restored($repo);
	is($found, $state, 'of two snapshots of one instant the one with the later position is the latest');
}

# A damaged byte must not make the latest one older in silence.
{
	my $repo = new_repository('damaged');
	my @ids = map { (backup($repo, 0))[0] } 1 .. 2;
	my $path = "$repo/backups/clk/$ids[1].json";
	my $text = read_bytes($path);
	(my $changed = $text) =~ s/"snapshot_at": "2/"snapshot_at": "1/;
	write_bytes($path, $changed);
	tool_fails([ 'restore', '--repo', $repo, 'clk', '--to', 'copy' ], 3, qr/\Q$ids[1]\E.*damaged|does not match|digest/,
		'a time that was changed is damage');
	($changed = $text) =~ s/"snapshot_at": "2/"snapshot_at": "3/;
	write_bytes($path, $changed);
	tool_fails([ 'restore', '--repo', $repo, 'clk', '--to', 'copy' ], 3, qr/\Q$ids[1]\E/, 'to a later one, too');
	write_bytes($path, $text);

	# An old one that claims to be the latest does not stand in the way.
	$path = "$repo/backups/clk/$ids[0].json";
	$text = read_bytes($path);
	($changed = $text) =~ s/"snapshot_at": "2/"snapshot_at": "3/;
	write_bytes($path, $changed);
	is((restored($repo))[0], $state, 'an old backup with a damaged time is not the latest');
}

# Encrypted repositories and the globals.
{
	my $repo = "$scratch/encrypted";
	write_bytes("$scratch/phrase", "correct horse battery staple\n");
	chmod 0600, "$scratch/phrase";
	local $ENV{NEX_BACKUP_PASSPHRASE_FILE} = "$scratch/phrase";
	local $ENV{NEX_BACKUP_STATE_DIR} = "$scratch/state";
	tool_ok([ 'init', '--repo', $repo, '--cipher', 'aes-256-gcm', '--passphrase-file', "$scratch/phrase" ], 'an encrypted repository');
	backup($repo, 30 * $day);
	backup($repo, 0);
	is((restored($repo))[0], $state, 'the latest of an encrypted repository');

	at_offset(30 * $day, 'globals', 'backup', '--repo', $repo, '--catalogue', 'none');
	query('postgres', 'CREATE ROLE made_later');
	tool_ok([ 'globals', 'backup', '--repo', $repo, '--catalogue', 'none' ], 'globals again');
	my ($code, $out, $err) = tool('globals', 'list', '--repo', $repo, '--json');
	my @all = @{ JSON::PP->new->utf8->decode($out)->{backups} };
	cmp_ok($all[0]{backup}, 'gt', $all[1]{backup}, 'the one by the wrong clock has the later name');
	cmp_ok($all[0]{snapshot_at}, 'lt', $all[1]{snapshot_at}, 'and the earlier time, which is the server\'s');
	($code, $out) = tool('globals', 'verify', '--repo', $repo);
	like($out, qr/\Q$all[1]{backup}\E/, 'the latest of the globals is verified');
}

# Configuration files have no server's clock: what is dated in the future is passed over, and said so.
{
	my $repo = new_repository('files');
	my $keygen = tool_ok([ 'config', 'keygen', '-o', "$scratch/config.key" ], 'a key');
	my ($recipient) = join('', read_bytes("$scratch/config.key"), $keygen) =~ /(age1[0-9a-z]+)/;
	my $file = "$scratch/app.env";

	for my $made ([ 365 * $day, 'STATE=old' ], [ 0, 'STATE=new' ])
	{
		write_bytes($file, $made->[1]);
		my ($code, $out, $err) = at_offset($made->[0], 'config', 'backup', '--repo', $repo, '--recipient', $recipient, $file);
		is($code, 0, "files with a clock of $made->[0] s") or diag($err);
		unlike($err, $warned, 'no warning by the wrong clock itself') if $made->[0];
		like($err, qr/warning: of the files of set "default", backup \S+ is dated in the future; \S+ counts as the latest\nHINT: .*name it/,
			'the backup by the right clock is warned') unless $made->[0];
	}
	my ($code, $out, $err) = tool('config', 'restore', '--repo', $repo, '--identity', "$scratch/config.key", "--restore-dir=$scratch/restored", '--yes');
	is($code, 0, 'the files are restored') or diag($err);
	like($err, qr/is dated in the future; \S+ counts as the latest/, 'with the warning');
	my ($restored) = all_files("$scratch/restored");
	is(read_bytes("$scratch/restored/$restored"), 'STATE=new', 'the latest that is not in the future');
	($code, $out, $err) = tool('config', 'list', '--repo', $repo, '--json');
	my ($future) = sort { $b cmp $a } map { $_->{backup} } @{ JSON::PP->new->utf8->decode($out)->{backups} };
	($code, $out, $err) = tool('config', 'restore', '--repo', $repo, '--identity', "$scratch/config.key", "--restore-dir=$scratch/named", '--yes', $future);
	is($code, 0, 'the other one by its name') or diag($err);
	is(read_bytes("$scratch/named/$restored"), 'STATE=old', 'is that one');
}

done_testing();
