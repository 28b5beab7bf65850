# A repository on an SFTP server: everything that works in a directory works there, whatever becomes of a session.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Bucket qw(commands_work);
use NexBackup::Scheduler;
use NexBackup::Sftp;
use NexBackup::Test;
use Test::More;

start_scheduler('main');
load_sample('shop');
start_sshd();
my @repo = sftp_options('nightly');
my $there = sshd_directory() . '/nightly';
my $scratch = File::Temp::tempdir(CLEANUP => 1);

sub objects_there { return map { "$there/$_" } grep { m{^objects/} } all_files($there); }

commands_work(@repo);
is_deeply([ grep { /[.]tmp/ } all_files($there) ], [], 'no temporary file is left');

# What the server's own user may read there is a repository like any other.
tool_ok([ 'verify', '--repo', $there ], 'the directory itself is whole');

# Configuration files, an encrypted repository, the worker.
my @closed = sftp_options('closed');
tool_ok([ 'keygen', '--output', "$scratch/key" ], 'keygen');
my ($recipient) = read_bytes("$scratch/key") =~ /(age1\w+)/;
push @closed, '--state-dir', "$scratch/state", '--identity', "$scratch/key";
tool_ok([ 'init', @closed, '--recipient', $recipient ], 'init, encrypted');
tool_ok([ 'backup', @closed, '-d', 'shop' ], 'backup, encrypted');
tool_ok([ 'config', 'backup', @closed, '--set', 'app', top() . '/README.md' ], 'a set of files');
tool_ok([ 'verify', @closed ], 'verify, encrypted');
my $words = join(', ', map { /^--repo-sftp-command=(.*)/ ? $1 : () } @repo);
write_bytes("$scratch/nex.yaml", "repo-sftp-command: [$words]\nrepo-sftp-known-hosts: $repo[-1]\n");
query('postgres', "ALTER SYSTEM SET nex_backup.config_file = '$scratch/nex.yaml'");
query('postgres', 'SELECT pg_reload_conf()');
ok(wait_until(sub { query('postgres', "SELECT state FROM nex_backup_run('shop', repository => '$repo[1]')") eq 'succeeded' }), 'a run of the worker');

# Copies, and what they mend.
my @away = ('--to', (sftp_options('away'))[1], @repo[ 2 .. $#repo ]);
tool_ok([ 'copy', '--from', $repo[1], @away, '--create' ], 'a copy from server to server');
damage_file($_, 'flip') for objects_there();
tool_fails([ 'verify', @repo ], 3, qr/damaged|digest/, 'a damaged object is found');
tool_ok([ 'repair', '--from', (sftp_options('away'))[1], '--to', $repo[1], @repo[ 2 .. $#repo ] ], 'and brought back');
tool_ok([ 'verify', @repo ], 'all is whole');

# --------------------------------------------------------- what is refused

sub with { my ($option, $value) = @_; return (grep { !/^\Q$option\E/ } @repo), "$option=$value"; }

my @usage = (
	[ 'sftp://pg:word@host/x', qr/must not hold a password/ ],
	[ 'sftp://-oProxyCommand=x/y', qr/name of a host/ ],
	[ 'sftp://host/a/../b', qr/names with a slash between them/ ],
	[ 'sftp://host', qr/path of a directory/ ]);
tool_fails([ 'list', @repo[ 2 .. $#repo ], '--repo', $_->[0] ], 2, $_->[1], $_->[0]) for @usage;
tool_fails([ 'list', sftp_options('none') ], 1, qr/there is no repository in "sftp:/, 'no repository');
write_bytes("$scratch/nobody", '');
tool_fails([ 'list', @repo[ 0 .. $#repo - 1 ], "$scratch/nobody" ], 1, qr/Host key verification failed.*HINT:.*known_hosts/s, 'a server that is not known');
my @other = map { s{/user$}{/other}r } @repo;
tool_fails([ 'list', @other ], 1, qr/Permission denied \(publickey\).*HINT:.*BatchMode/s, 'a key that the server does not know');
tool_fails([ 'list', '--repo', $repo[1], '--repo-sftp-command', '/no/such/program' ], 1, qr/could not start "\/no\/such\/program"/, 'no ssh');
tool_fails([ 'list', '--repo', $repo[1], '--repo-sftp-command', '/bin/false' ], 1, qr/the connection has ended/, 'a program that ends at once');

# A link in the repository leads nowhere.
rename("$there/backups", "$scratch/backups");
symlink("$scratch/backups", "$there/backups");
tool_fails([ 'verify', @repo ], 1, qr/symbolic link that is not followed.*HINT:.*Links below a repository/s, 'a link is not followed');
unlink("$there/backups");
rename("$scratch/backups", "$there/backups");

SKIP:
{
	skip 'root may write everywhere', 2 if $> == 0;
	chmod 0500, $there, "$there/lock", "$there/backups", "$there/backups/shop", glob("$there/objects $there/objects/*");
	tool_fails([ 'backup', @repo, '-d', 'shop' ], 1, qr/Permission denied/, 'a directory that cannot be written to');
	tool_ok([ 'verify', @repo, 'shop' ], 'can be read');
	chmod 0700, $there, "$there/lock", "$there/backups", "$there/backups/shop", glob("$there/objects $there/objects/*");
}

# ------------------------------------------------------------------- locks

# Somebody else's lease: in time, it is respected; left behind, it ends by itself, by the server's clock.
my $lease = "$there/lock/leases/backup-shop";
write_bytes($lease, "somebody\n");
tool_fails([ 'backup', @repo, '-d', 'shop' ], 4, qr/another backup of database "shop"/, 'a lease in time');
utime(time - 121, time - 121, $lease);
tool_ok([ 'backup', @repo, '-d', 'shop' ], 'a lease that nobody renews');
ok(!-e $lease, 'it is given back');

# In the directory itself the kernel would keep the locks, which nobody sees from elsewhere.
tool_fails([ 'expire', '--repo', $there, '--keep-daily', 1 ], 1, qr/used by SFTP/, 'no expire beside them');

# ------------------------------------------------------------------ deaths

# Sessions that are ended all the time; a backup that waits until the session is gone before it publishes.
query('shop', 'CREATE TABLE big AS SELECT i, md5(i::text) AS t FROM generate_series(1, 300000) i');
my $pid = start_tool("$scratch/log", 'backup', @repo, '-d', 'shop', '--chunk-blocks', 64, '-v');
my $ended = 0;
wait_until(
	sub {
		$ended++ if end_sessions();
		return $ended >= 3 || kill(0, $pid) == 0;
	});
is(finish_tool($pid), 0, 'a backup whose sessions end') or diag(read_bytes("$scratch/log"));
cmp_ok($ended, '>=', 1, 'and they did');
tool_ok([ 'verify', @repo, 'shop' ], 'is whole');

# Killed, it leaves nothing that is listed and not whole.
query('shop', 'UPDATE big SET t = md5(t)');
my $before = @{ tool_json('list', @repo)->{backups} };
$pid = start_tool("$scratch/log", 'backup', @repo, '-d', 'shop', '--chunk-blocks', 64);
my $objects = objects_there();
wait_until(sub { objects_there() > $objects + 3 });
kill('KILL', $pid);
is(finish_tool($pid), 137, 'a backup is killed');
is(scalar(@{ tool_json('list', @repo)->{backups} }), $before, 'it is not there');
utime(time - 121, time - 121, grep { -f } glob("$there/lock/leases/* $there/lock/leases/*/*"));
tool_ok([ 'backup', @repo, '-d', 'shop' ], 'the next one takes its lock');
tool_ok([ 'verify', @repo ], 'all is whole');

# What no backup needs goes in two steps.
my @expire = ('expire', @repo, '--keep-daily', 1, '--keep-minimum', 1);
my $first = tool_json(@expire);
is($first->{objects_removed}, 0, 'expire only notes objects');
cmp_ok($first->{files_waiting}, '>', 0, 'which wait');
my $long_ago = time - 90_000;
utime($long_ago, $long_ago, "$there/lock/condemned");
utime($long_ago - 100, $long_ago - 100, objects_there());
cmp_ok(tool_json(@expire)->{objects_removed}, '>', 0, 'a day later they are removed');
tool_ok([ 'verify', @repo ], 'what is left is whole');

# The commands of the document, by an ssh that knows "nas"; what needs a password is not run.
{
	my $user = getpwuid($>);
	my ($block) = read_bytes(top() . '/docs/storage.md') =~ /^## SFTP\n.*?^```console\n(.*?)^```/ms;
	my @commands = map { /^\$ (nex_backup .*)/ ? $1 : () } split(/\n/, $block);
	my ($port) = $repo[1] =~ /:(\d+)/;

	write_bytes("$scratch/config", "Host nas\n  HostName 127.0.0.1\n  Port $port\n  User $user\n  IdentityFile " . sshd_directory() . '/user' .
		"\n  UserKnownHostsFile " . sshd_directory() . "/known_hosts\n");
	mkdir("$scratch/bin");
	write_bytes("$scratch/bin/ssh", "#!/bin/sh\nexec /usr/bin/ssh -F $scratch/config \"\$\@\"\n");
	chmod 0755, "$scratch/bin/ssh";
	query('postgres', 'CREATE DATABASE invoices');
	local $ENV{PATH} = "$scratch/bin:$ENV{PATH}";
	is(scalar(@commands), 2, 'the document has two commands of ours');
	for my $command (@commands)
	{
		# Nobody here is called "backup", and nobody's home is to be written to.
		$command =~ s{sftp://backup\@nas/~/pg}{"sftp://$user\@nas" . sshd_directory() . '/pg'}e or fail("no place in: $command");
		my (undef, @words) = split ' ', $command;
		tool_ok(\@words, $command);
	}
}

# No server at all: the failure comes in a bounded time.
stop_sshd();
tool_fails([ 'list', @repo ], 1, qr/Connection refused/, 'no server');

done_testing();
