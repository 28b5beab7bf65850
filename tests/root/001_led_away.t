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

done_testing();
