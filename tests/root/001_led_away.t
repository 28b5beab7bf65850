# Commands that root runs, where another user can make symbolic links: nothing is created, appended to,
# removed or given away where such a link leads.  Root's own links, and directories all the way, are good.
#
# Needs root, and changes nothing outside a directory of its own.  "theirs" belongs to the other user,
# "common" is root's, and theirs to write into, as /var/log/postgresql is; "roots" stands for a directory
# where each file is a command that root runs.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use POSIX qw(strftime);
use Test::More;

plan skip_all => 'not root' if $> != 0;

my $base = File::Temp::tempdir(CLEANUP => 1);
my ($user, $group) = (getpwnam('nobody'))[ 2, 3 ];

delete @ENV{ grep { /^(NEX_BACKUP_|PG)/ } keys %ENV };
$ENV{NEX_BACKUP_CONFIG} = '/dev/null';
$ENV{HOME} = "$base/home";
chmod 0755, $base;
mkdir "$base/$_" for qw(home common deep roots theirs);
chown $user, $group, "$base/theirs", "$base/deep";
chown 0, $group, "$base/common";
chmod 01775, "$base/common";
my @places = ("$base/common", "$base/theirs");

# A link of the other user's.
sub their_link
{
	my ($to, $at) = @_;

	symlink $to, $at or die "$at: $!";
	system('chown', '-h', $user, $at) == 0 or die;
	return;
}

for my $place (@places)
{
	their_link("$base/roots", "$place/way");
	their_link("$base/roots/new", "$place/dangling");
}

sub day { return strftime('%Y%m%d', gmtime(time - 86400 * $_[0])); }

sub owner { return (stat $_[0])[4] // "$_[0] is not there"; }

# What lies in a directory of root's, each file with its owner.
my $before = '';
sub roots_are_as_before
{
	my ($name) = @_;

	is(join(' ', map { "$_:" . owner("$base/roots/$_") } all_files("$base/roots")), $before, $name);
	return;
}

my $old = 'verify_' . day(100) . '.log';
write_bytes("$base/roots/$old", '');
$before = "$old:0";

# Around midnight in UTC the day may change within a test.
sleep 61 if (gmtime)[2] == 23 && (gmtime)[1] == 59;
my $today = 'verify_' . day(0) . '.log';
my $kept = new_repository('of_nobody');
chmod 0755, $kept =~ s{/[^/]+$}{}r;
system('chown', '-R', "$user:$group", $kept);

# ---- logs ----

my $log_warning = qr/^0\w+: warning: could not open log file ".*": Too many levels of symbolic links\n/;
for my $place (@places)
{
	for my $log ([ '--log-directory', "$place/way" ], [ '--log-directory', "$place/way/new" ], [ '--log-directory', "$place/dangling" ],
		[ '--log-file', "$place/way/log" ], [ '--log-file', "$place/dangling" ])
	{
		my ($code, undef, $err) = tool('verify', '--repo', $kept, @$log);
		like("$code$err", $log_warning, "@$log: a warning");
	}
}
roots_are_as_before('no log is created or removed behind a link of somebody else');

# Directories all the way, the last of them root's, below one of theirs; a file that has another name.
mkdir "$base/deep/own";
tool('verify', '--repo', $kept, '--log-file', "$base/deep/own/log", '--log-directory', "$base/deep/own/logs");
is(owner($_), 0, "$_: where only root writes, below a directory of somebody else, it stays root's")
	for "$base/deep/own/log", "$base/deep/own/logs", "$base/deep/own/logs/$today";
write_bytes("$base/roots/$old", "old\n");
link "$base/roots/$old", "$base/theirs/linked";
my (undef, undef, $linked) = tool('verify', '--repo', $kept, '--log-file', "$base/theirs/linked");
like($linked, qr/^\w+: warning: could not open log file ".*": Too many links\n/, 'a file of root\'s by a second name: a warning');
is(read_bytes("$base/roots/$old"), "old\n", 'and nothing is written');
unlink "$base/theirs/linked";
POSIX::mkfifo("$base/theirs/pipe", 0600);
chown $user, $group, "$base/theirs/pipe";
open(my $reader, '+<', "$base/theirs/pipe") or die;
my (undef, undef, $piped) = tool('verify', '--repo', $kept, '--log-file', "$base/theirs/pipe");
like($piped, qr/^\w+: warning: could not open log file ".*": Operation not permitted\n/, 'a pipe of somebody else: a warning');
close $reader;

# What root creates where nobody could have led it elsewhere, the owner of the repository can write.
symlink "$base/common", "$base/to_common";
mkdir "$base/open";
chmod 0777, "$base/open";
for my $place ("$base/to_common", "$base/open", "$base/theirs", $base)
{
	tool('verify', '--repo', $kept, '--log-file', "$place/log", '--log-directory', "$place/logs");
	is(owner($_), $user, "$_: of the owner of the repository") for "$place/log", "$place/logs", "$place/logs/$today";
}
symlink '/dev/stderr', "$base/stderr";
for my $log ('/dev/stderr', "$base/stderr")
{
	my $written = (tool('verify', '--repo', $kept, '--log-file', $log, 'absent'))[2];
	like($written, qr/^\d{4}-.* UTC \[\d+\] ERROR:  /m, "$log: a log on standard error");
}

# ---- everything else that is written at a place that somebody has named ----

my $private_cluster = top() . '/scripts/private_cluster.sh';
chomp(my $cluster = `"$private_cluster" start --no-fsync`);
BAIL_OUT('the server did not start') if $? != 0;
END { my $status = $?; system($private_cluster, 'stop', $cluster) if $cluster; $? = $status; }
@ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($cluster, 5432, 'postgres', 'postgres');
chomp(my $bindir = `"\${PG_CONFIG:-pg_config}" --bindir`);
$ENV{PATH} = "$bindir:$ENV{PATH}";
create_database('shop');
query('shop', "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p);
	SET session_replication_role = replica; INSERT INTO c VALUES (1)");

my $repo = new_repository('of_root');
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop' ], 'a backup');
write_bytes("$base/home/url", "http://127.0.0.1:9/x\n");
chmod 0600, "$base/home/url";
write_bytes("$base/home/app.conf", "port: 1\n");
tool_ok([ 'keygen', '-o', "$base/home/key" ], 'a key');
my ($recipient) = read_bytes("$base/home/key") =~ /(age1\w+)/;
tool_ok([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient, "$base/home/app.conf" ], 'a backup of files');

# A command whose messages wait in a directory, where nobody answers.
sub with_messages
{
	my ($directory) = @_;

	write_bytes("$base/home/settings.yaml", "repo: $repo\nnotify:\n  directory: $directory\n  ping-url-file: $base/home/url\n");
	return tool('verify', '--config', "$base/home/settings.yaml");
}

# Each with a path to write to; what it then has made there, of those that write a file there.
my %writers = (
	'export' => [ 'file.sql', sub { return [ 'export', '--repo', $repo, 'shop', '-o', $_[0] ] } ],
	'keygen' => [ 'key', sub { return [ 'keygen', '-o', $_[0] ] } ],
	'config restore' => [ 'files', sub { return [ 'config', 'restore', '--yes', '--repo', $repo, '--identity', "$base/home/key", '--restore-dir', $_[0] ] },
		"files$base/home/app.conf" ],
	'restore' => [ 'errors.sql', sub { return [ 'restore', '--repo', $repo, 'shop', '--to', 'new', '--on-object-error=skip', '--object-errors-file', $_[0] ] } ],
	'init' => [ 'state', sub { return [ 'init', '--repo', File::Temp::tempdir(CLEANUP => 1) . '/repo', '--recipient', $recipient, '--state-dir', $_[0] ] } ]);

for my $place (@places)
{
	for my $name (sort keys %writers)
	{
		my ($file, $command) = @{ $writers{$name} };

		for my $path ("$place/way/$file", "$place/dangling/$file", $name =~ /config|init/ ? ("$place/way", "$place/dangling") : ())
		{
			tool_fails($command->($path), 1, qr/Too many levels of symbolic links/, "$name: $path");
		}
	}
	for my $path ("$place/way", "$place/way/new", "$place/dangling")
	{
		my ($code, undef, $err) = with_messages($path);
		is($code, 0, "messages in $path: the command is run");
		like($err, qr/^\w+: warning: could not prepare notifications: .*symbolic links$/m, 'with a warning');
	}
	local $ENV{TMPDIR} = "$place/way";
	tool_fails([ 'backup', '--repo', $repo, '-d', 'shop' ], 1, qr/another user could exchange files in temporary directory/, "temporary files in $place/way");
}
for my $directory ("$base/theirs", "$base/deep/own")
{
	local $ENV{TMPDIR} = $directory;
	tool_fails([ 'backup', '--repo', $repo, '-d', 'shop' ], 1, qr/another user could exchange files in temporary directory/, "temporary files in $directory");
}
roots_are_as_before('nothing is created behind a link of somebody else');
is(database_names()->[0], 'postgres', 'nor is the database restored');

# By root's link, and in directories of somebody else, all is written, and stays root's.
for my $place ("$base/to_common", "$base/theirs")
{
	for my $name (sort keys %writers)
	{
		my ($file, $command, $made) = @{ $writers{$name} };
		my ($code, undef, $err) = tool(@{ $command->("$place/$file") });

		is($code, $name eq 'restore' ? 1 : 0, "$name: $place/$file") or diag($err);
		is(owner("$place/" . ($made // $file)), 0, 'and it is root\'s');
		query('postgres', 'DROP DATABASE IF EXISTS new');
	}
	my ($code, undef, $err) = with_messages("$place/notify");
	is($code, 0, 'a command with messages');
	ok(-d "$place/notify/queue", "which wait in $place/notify");
}

done_testing();
