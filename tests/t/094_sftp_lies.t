# An SFTP server that lacks what OpenSSH's has, one that lies, and one whose answers are lost.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Sftp;
use NexBackup::Test;
use Test::More;

start_server('main');
load_sample('shop');
my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $there = "$scratch/repo";

sub stub { return stub_options($there, @_); }
sub backups_there { return scalar @{ tool_json('list', stub())->{backups} }; }

# ------------------------------------------------------ without extensions

my (undef, undef, $said) = tool('init', stub());
like($said, qr/no fsync\@openssh[.]com/, 'what the server lacks is said');
(my $code, undef, $said) = tool('backup', stub(), '-d', 'shop');
is($code, 0, 'a backup without extensions');
is(scalar(() = $said =~ /can do less than a disk: it has no fsync/g), 1, 'once');
tool_ok([ 'verify', stub('small-reads') ], 'verify, of a server that gives less than it is asked for');
tool_ok([ 'list', stub('no-attributes') ], 'names without attributes are looked at');
tool_ok([ 'restore', stub(), 'shop', '--to', 'back' ], 'restore');
same_database('shop', 'back', 'the same database');
my (undef, $rows) = tool('doctor', stub(), '-d', 'postgres');
like($rows, qr/storage.*no fsync\@openssh.*storage.*no posix-rename/s, 'doctor has a row for each');
unlike($rows, qr/neither hardlink/, 'but its rename refuses to replace');
(undef, $rows) = tool('doctor', stub('overwrites'), '-d', 'postgres');
like($rows, qr/neither hardlink/, 'of one that does not, it says so');
tool_ok([ 'backup', stub('overwrites'), '-d', 'shop' ], 'a backup there');
tool_fails([ 'backup', stub('sloppy'), '-d', 'shop' ], 1, qr/nothing can be locked there/, 'a server that opens as new what is there');

# -------------------------------------------------------------------- lies

my $known = backups_there();
my @lies = (
	[ 'old', qr/SFTP of version 2/ ],
	[ 'banner', qr/first words.*HINT:.*prints something/s ],
	[ 'wrong-number', qr/nobody has asked/ ],
	[ 'twice', qr/nobody has asked/ ],
	[ 'wrong-kind', qr/another kind/ ],
	[ 'too-much', qr/more or fewer bytes/ ],
	[ 'nothing', qr/more or fewer bytes/ ],
	[ 'empty-handle', qr/a handle that is none/ ],
	[ 'long', qr/too long/ ],
	[ 'short', qr/too short/ ],
	[ 'crumbs', qr/crumbs/ ],
	[ 'slash', qr/a name that no file can have/ ],
	[ 'nul', qr/a name that no file can have/ ],
	[ 'up', qr/a name that no file can have/ ],
	[ 'endless', qr/lists nothing, and does not end/ ]);
for my $lie (@lies)
{
	my (undef, $out, $err) = tool('verify', stub($lie->[0]));

	like($err, $lie->[1], "$lie->[0]: is seen");
	unlike($err . $out, qr/\x1b/, "$lie->[0]: nothing goes to the terminal as it came");
}
is(backups_there(), $known, 'nothing has changed');
tool_fails([ 'backup', stub('full'), '-d', 'shop' ], 1, qr/no such luck/, 'writing fails');
my $fresh = "$scratch/fresh";
tool(qw(init), stub_options($fresh));
tool_fails([ 'backup', stub_options($fresh, 'full=backups/'), '-d', 'shop' ], 1, qr/no such luck/, 'writing fails at the end of a first backup');
ok(!-e "$fresh/backups", 'no empty directory is left, as of a disk that is not mounted');
tool_ok([ 'list', stub_options($fresh) ], 'so nothing is missed');
is(backups_there(), $known, 'nothing was published');

# ------------------------------------------------------------ lost answers

# Whatever is lost, and however often the server ends: a success has its result.
query('shop', 'CREATE TABLE tried (n int)');
for my $type (qw(open write close rename remove readdir read))
{
	query('shop', 'INSERT INTO tried SELECT coalesce(max(n), 0) + 1 FROM tried');
	($code) = tool('backup', stub("lost=$type:$scratch/lost_$type"), '-d', 'shop');
	is($code, 0, "a backup, though the answer to $type is lost");
	ok(-e "$scratch/lost_$type", 'it was');
}
is(backups_there(), $known + 7, 'each of them is there');

tool_ok([ 'backup', stub('ends=40'), '-d', 'shop' ], 'a backup over a server that ends after each 40 requests');
tool_ok([ 'verify', stub() ], 'all of them are whole');

# What a session leaves that ends, besides its leases, expire removes, as it does with what a backup leaves that was killed.
my @expire = ('expire', stub(), '--keep-daily', 1);
my $long_ago = time - 90_000;
utime($long_ago, $long_ago, grep { -f } glob("$there/lock/leases/* $there/lock/leases/*/*"));
tool_ok(\@expire, 'expire notes it');
utime($long_ago, $long_ago, "$there/lock/condemned");
utime($long_ago - 100, $long_ago - 100, map { "$there/$_" } grep { m{^objects/} } all_files($there));
tool_ok(\@expire, 'and removes it a day later');
is_deeply([ grep { /[.]tmp/ } all_files($there) ], [], 'no temporary file is left');
tool_ok([ 'verify', stub() ], 'what is left is whole');

done_testing();
