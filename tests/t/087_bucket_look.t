# A look at a repository in a bucket costs few requests, and what was read before is trusted no more than the bucket.
use strict;
use warnings;

use File::Temp ();
use JSON::PP ();
use NexBackup::Bucket;
use NexBackup::Test;
use Test::More;

start_bucket('s3');
my $scratch = File::Temp::tempdir(CLEANUP => 1);
my @repo = (bucket_options('pg'), '--state-dir', "$scratch/state");

tool_ok([ 'init', @repo ], 'init');
tool_ok([ 'keygen', '--output', "$scratch/key" ], 'keygen');
my ($recipient) = read_bytes("$scratch/key") =~ /(age1\w+)/;
for my $n (1 .. 30)
{
	write_bytes("$scratch/app.conf", "number = $n\n");
	my ($code, undef, $err) = tool('config', 'backup', @repo, '--recipient', $recipient, '--set', "set$n", "$scratch/app.conf");
	die $err if $code != 0;
}

# What a command answers, and how many requests it took; "list" unless another one is named.
sub look
{
	my (@arguments) = @_;

	forget_requests();
	my ($code, $out, $err) = tool('list', @repo, '--json', @arguments);
	my @requests = requests_to_bucket();
	is($code, 0, 'a look') or diag($err);
	return (scalar(@requests), JSON::PP->new->canonical->encode(JSON::PP->new->decode($out)), "@requests");
}

sub kept { return grep { m{^cache/} } all_files("$scratch/state"); }

my ($cold, $first) = look();
is(scalar(@{ JSON::PP->new->decode($first)->{backups} }), 30, '30 backups');
cmp_ok($cold, '<=', 40, 'in few requests');
my ($warm, $again, $requests) = look();
is($again, $first, 'again: the same');
cmp_ok($warm, '<=', 4, 'in fewer') or diag($requests);
is((stat "$scratch/state/cache")[2] & 07777, 0700, 'the directory is this user\'s');
is((stat "$scratch/state/" . (kept())[0])[2] & 07777, 0600, 'and the files');

# What is damaged, empty or another file's is not there, and is put right.
my @kept = kept();
is(scalar(@kept), 30, 'one for each manifest');
damage_file("$scratch/state/$kept[0]", 'flip');
write_bytes("$scratch/state/$kept[1]", '');
write_bytes("$scratch/state/$kept[2]", read_bytes("$scratch/state/$kept[3]"));
write_bytes("$scratch/state/cache/foreign", 'x' x 100);
my ($mended, $then) = look();
is($then, $first, 'a damaged cache: the same');
is($mended, $warm + 3, 'three files are read again');
is((look())[0], $warm, 'once');

# Where nothing can be kept, it is remembered as long as the command runs.
for my $state ("$scratch/new", '/proc/none')
{
	forget_requests();
	tool_ok([ 'list', @repo[ 0 .. 5 ], '--state-dir', $state ], 'a look without a cache');
	cmp_ok(scalar(requests_to_bucket()), '<=', 40, 'in few requests');
}

# Without HOME, that of the password database is used, or none.
my $out = qx(env -i PATH="$ENV{PATH}" @{[ tool_path() ]} list @repo[0 .. 5] 2>&1);
is($?, 0, 'an empty environment');
like($out, qr/set12/, 'will do');

# What is replaced, removed or damaged in the bucket is seen.
my ($path) = map { $_->{set} eq 'set7' ? "pg/config/set7/$_->{backup}.json" : () } @{ JSON::PP->new->decode($first)->{backups} };
my ($manifest) = map { "$scratch/state/$_" } grep { index(read_bytes("$scratch/state/$_"), "config/set7/") >= 0 } kept();
my $before = read_bytes($manifest);
bucket_does(put => $path);
tool_fails([ 'list', @repo ], 3, qr/backup "config set7.*" is damaged/, 'a manifest that somebody has replaced');
write_bytes($manifest, $before);
tool_fails([ 'list', @repo ], 3, qr/backup "config set7.*" is damaged/, 'whatever was kept of it');

done_testing();
