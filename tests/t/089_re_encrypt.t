# Copies to a repository with other keys: the same rows and members, under other keys, and never plain by mistake.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use JSON::PP ();
use NexBackup::Test;
use Test::More;

start_server('main');
my $scratch = File::Temp::tempdir(CLEANUP => 1);
my @none = ('--catalogue', 'none', '--state-dir', "$scratch/state");
my $plain = new_repository();
my ($closed, $other) = ("$scratch/closed", "$scratch/other");
my %recipient;

for my $name ('key', 'key2')
{
	tool_ok([ 'keygen', '--output', "$scratch/$name" ], $name);
	($recipient{$name}) = read_bytes("$scratch/$name") =~ /(age1\w+)/;
}
create_database('shop');
query('shop', 'CREATE TABLE t (n int, v text); CREATE TABLE u (n int); CREATE VIEW w AS SELECT count(*) FROM t');

sub back_up
{
	query('shop', 'INSERT INTO t SELECT n, md5(random()::text) FROM generate_series(1, 3000) n');
	tool_ok([ 'backup', '--repo', $plain, '-d', 'shop', @none, '--chunk-blocks', 16, '-j', 2 ], 'a backup');
	return latest_id($plain, 'shop');
}

# The SHA-256 of a backup's text, whoever keeps it.
sub text_of
{
	my ($repo, $id, @keys) = @_;

	tool_ok([ 'export', '--repo', $repo, "shop/$id", '-o', "$scratch/text.sql", '--yes', @none, @keys ], 'export');
	return sha256_hex(read_bytes("$scratch/text.sql"));
}

my @kinds = ('--kind', 'database', '--kind', 'globals');
my @opened = ('--identity', "$scratch/key");
my $first = back_up();
my $second = back_up();
tool_ok([ 'globals', 'backup', '--repo', $plain, '-d', 'postgres', @none ], 'globals');
write_bytes("$scratch/app.env", "PASSWORD=secret\n");
tool_ok([ 'config', 'backup', '--repo', $plain, '--recipient', $recipient{key}, "$scratch/app.env", @none ], 'configuration files');

# From a plain repository to an encrypted one.
tool_fails([ 'copy', '--from', $plain, '--to', $closed, '--re-encrypt', @none ], 1, qr/there is no repository in/, 'it must be there');
tool_ok([ 'init', '--repo', $closed, '--recipient', $recipient{key}, @none ], 'init, encrypted');
tool_fails([ 'copy', '--from', $plain, '--to', $closed, @none ], 1, qr/is another repository/, 'not byte for byte');
my $dry = tool_json('copy', '--from', $plain, '--to', $closed, '--re-encrypt', '--dry-run', @none);
is_deeply([ map { $_->{result} } @{ $dry->{backups} } ], [ ('pending') x 3, 'failed' ], 'a dry run');
my $done = tool_json('copy', '--from', $plain, '--to', $closed, '--re-encrypt', @none, @kinds);
is_deeply([ @$done{qw(copied failed)} ], [ 3, 0 ], 'copied');
tool_fails([ 'copy', '--from', $plain, '--to', $closed, '--re-encrypt', @none ],
	1, qr/sets of configuration files are not copied.*nex_backup config backup/s, 'files that are encrypted for others by themselves are not');
is(scalar(grep { /^config/ } all_files($closed)), 0, 'nothing of them');
tool_ok([ 'verify', '--repo', $closed, @opened, @none ], 'verified');
is(scalar(grep { index(read_bytes("$closed/$_"), 'SELECT') >= 0 || index(read_bytes("$closed/$_"), 'public') >= 0 } grep { !/^RECOVER/ } all_files($closed)), 0, 'nothing of it is plain');
is(text_of($closed, $_, @opened), text_of($plain, $_), "the same text of $_") for $first, $second;
my ($before, $after) = map { JSON::PP->new->decode((tool('info', '--repo', @$_, "shop/$second", '--json', @none))[1]) } [$plain], [ $closed, @opened ];
is_deeply([ @$after{qw(snapshot_at rows raw_bytes type)} ], [ @$before{qw(snapshot_at rows raw_bytes type)} ], 'what it says of itself');
my ($id) = read_bytes("$plain/nex_backup.json") =~ /"id": "([^"]+)"/;
like(read_bytes("$closed/backups/shop/$second.json"), qr/"copied_from": ?\{"repository": ?"$id", ?"id": ?"$second"\}/, 'and where it comes from');
tool_ok([ 'restore', '--repo', $closed, 'shop', '--to', 'back', @opened, @none ], 'restored');
same_database('shop', 'back', 'the same database');
my $again = tool_json('copy', '--from', $plain, '--to', $closed, '--re-encrypt', @none, @kinds);
is_deeply([ @$again{qw(copied present objects_sent)} ], [ 0, 3, 0 ], 'again: nothing to do');

# What is lost there is copied again, once it is known; by other bytes, so as a whole.
my @there = grep { /^objects/ } all_files($closed);
unlink "$closed/$there[0]" or die $!;
damage_file("$closed/$there[1]", 'flip');
tool_fails([ 'verify', '--repo', $closed, @opened, @none ], 3, qr/is missing/, 'lost there');
tool_ok([ 'copy', '--from', $plain, '--to', $closed, '--re-encrypt', @none, @kinds ], 'copied again');
tool_ok([ 'verify', '--repo', $closed, @opened, @none ], 'whole again');
is(text_of($closed, $_, @opened), text_of($plain, $_), "the same text of $_") for $first, $second;
my $third = back_up();
my $next = tool_json('copy', '--from', $plain, '--to', $closed, '--re-encrypt', @none, 'shop');
is($next->{copied}, 1, 'the next one');
my ($objects) = map { JSON::PP->new->decode((tool('info', '--repo', $plain, "shop/$third", '--json', @none))[1])->{objects} } 1;
cmp_ok($next->{objects_sent}, '<', $objects, 'what is there in the backup before is used again');

# To other keys; the ones that it is encrypted for must be at hand.
tool_ok([ 'init', '--repo', $other, '--recipient', $recipient{key2}, @none ], 'init, for another key');
tool_fails([ 'copy', '--from', $closed, '--to', $other, '--re-encrypt', @none ], 1, qr/is encrypted, and/, 'without the key');
tool_ok([ 'copy', '--from', $closed, '--to', $other, '--re-encrypt', @opened, @none ], 'with it');
tool_ok([ 'verify', '--repo', $other, '--identity', "$scratch/key2", @none ], 'verified with the other one');

# A signer, which an identity file can name, is that of what is read; the other one is known by its writer's key.
my ($signer) = read_bytes("$closed/nex_backup.json") =~ /(nex-signer-1\w+)/;
ok($signer, 'the signer is known');
write_bytes("$scratch/with_signer", read_bytes("$scratch/key") . "# nex_backup signer: $signer\n");
chmod 0600, "$scratch/with_signer";
my @signed = ('--identity', "$scratch/with_signer");
tool_ok([ 'copy', '--from', $closed, '--to', $other, '--re-encrypt', @signed, @none ], 'a signer of the source');
tool_fails([ 'copy', '--from', $other, '--to', $closed, '--re-encrypt', @signed, @none ], 3, qr/is signed by none of the given signers/, 'that has not signed it');
tool_fails([ 'copy', '--from', $plain, '--to', $closed, '--re-encrypt', '--allow-plain', @signed, @none ], 3, qr/is not encrypted/, 'a plain source where an encrypted one is meant');
is(text_of($other, $third, '--identity', "$scratch/key2"), text_of($plain, $third), 'the same text');
tool_fails([ 'restore', '--repo', $other, 'shop', '--to', 'no', @opened, @none ], 1, qr/not encrypted for any of the given/, 'the first key opens nothing');

# Never plain by mistake.
my $bare = new_repository();
tool_fails([ 'copy', '--from', $closed, '--to', $bare, '--re-encrypt', @opened, @none ], 1, qr/is encrypted, and "\Q$bare\E" is not.*--allow-plain/s, 'not to a plain one');
is(scalar(grep { /^(objects|backups)/ } all_files($bare)), 0, 'nothing is written');
tool_ok([ 'copy', '--from', $closed, '--to', $bare, '--re-encrypt', '--allow-plain', @opened, @none ], 'unless it is said');
tool_ok([ 'verify', '--repo', $bare, @none ], 'verified without a key');
is(text_of($bare, $third), text_of($plain, $third), 'the same text');

# A symmetric key; that of the other repository does not make the plain one suspicious, if that is said.
my $secret = "$scratch/secret";
tool_ok([ 'keygen', '--symmetric', '--output', "$scratch/symmetric" ], 'a symmetric key');
tool_ok([ 'init', '--repo', $secret, '--key-file', "$scratch/symmetric", @none ], 'init with it');
my @by_key = ('copy', '--from', $plain, '--to', $secret, '--re-encrypt', '--key-file', "$scratch/symmetric", @none, 'shop');
tool_fails(\@by_key, 3, qr/is not encrypted/, 'a plain one where a key is given');
tool_ok([ @by_key, '--allow-plain' ], 'as it is said');
is(text_of($secret, $third, '--key-file', "$scratch/symmetric"), text_of($plain, $third), 'the same text');

# From one key file to another there is no way but by a third repository; an identity and a key file are two keys.
tool_ok([ 'keygen', '--symmetric', '--output', "$scratch/symmetric2" ], 'another symmetric key');
tool_ok([ 'init', '--repo', "$scratch/secret2", '--key-file', "$scratch/symmetric2", @none ], 'init with it');
tool_fails([ 'copy', '--from', $secret, '--to', "$scratch/secret2", '--re-encrypt', '--key-file', "$scratch/$_", @none ],
	1, qr/the key file is not that of.*by way of a repository/s, "one key file: $_") for 'symmetric', 'symmetric2';
tool_ok([ 'copy', '--from', $closed, '--to', "$scratch/secret2", '--re-encrypt', @opened, '--key-file', "$scratch/symmetric2", @none ], 'by way of another one');
is(text_of("$scratch/secret2", $third, '--key-file', "$scratch/symmetric2"), text_of($plain, $third), 'the same text');

# Damage is not copied, and stops only what needs it.
sub needed_by
{
	my ($object) = @_;
	my $id = (split m{/}, $object)[-1] =~ s/\..*//r;

	return grep { index(read_bytes("$plain/$_"), $id) >= 0 } grep { m{^backups/shop/.*json$} } all_files($plain);
}

my ($object) = grep { m{^objects/} && needed_by($_) } all_files($plain);
my @hurt = needed_by($object);
my $mend = damage_file("$plain/$object", 'flip');
my $target = "$scratch/target";
tool_ok([ 'init', '--repo', $target, '--recipient', $recipient{key}, @none ], 'init');
my ($code, $out) = tool('copy', '--from', $plain, '--to', $target, '--re-encrypt', '--json', @none, @kinds);
is($code, 3, 'damage is found');
my %result = map { $_->{backup} => $_->{result} } grep { $_->{kind} eq 'database' } @{ JSON::PP->new->decode($out)->{backups} };
is(scalar(grep { $_ eq 'damaged' } values %result), scalar(@hurt), 'of those that need it');
tool_ok([ 'verify', '--repo', $target, @opened, @none ], 'what is there is whole');
$mend->();
tool_ok([ 'copy', '--from', $plain, '--to', $target, '--re-encrypt', @none, @kinds ], 'mended: the rest');
tool_ok([ 'verify', '--repo', $target, @opened, @none ], 'all of it');

# Another backup of that id is left alone.
my $foreign = new_repository();
system('cp', '-a', "$plain/.", $foreign) == 0 or die 'cp';
unlink "$foreign/nex_backup.json", "$foreign/RECOVER.txt";
my $strange = new_repository();
system("cp -a $strange/nex_backup.json $strange/RECOVER.txt $foreign/") == 0 or die 'cp';
tool_fails([ 'copy', '--from', $plain, '--to', $foreign, '--re-encrypt', "shop/$first", @none ], 1, qr/another backup of that id/, 'another one of that id');
tool_fails([ 'copy', '--from', $plain, '--to', $closed, '--re-encrypt', '--create', @none ], 2, qr/exclude each other/, 'init makes it');
tool_fails([ 'copy', '--from', $plain, '--to', $closed, '--allow-plain', @none ], 2, qr/needs "--re-encrypt"/, 'an option for that');

done_testing();
