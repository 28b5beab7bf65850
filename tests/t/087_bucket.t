# A repository in a bucket: everything that works in a directory works there, with few requests, and no
# failure of the server is taken for a success.
use strict;
use warnings;

use File::Temp ();
use JSON::PP ();
use NexBackup::Bucket;
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

start_scheduler('main');
load_sample('shop');
my $origin = start_bucket('s3');
my @repo = bucket_options('nightly');

commands_work(@repo);
my $directory = File::Temp::tempdir(CLEANUP => 1);

# The server itself reads no bucket, and says what does; its worker runs the program, which does.
ok(!eval { query('postgres', q{SELECT nex_backup_sync('s3://bucket/nightly')}); 1 }, 'the server reads no bucket');
like($@, qr/the server reads directories only.*HINT:.*nex_backup verify/s, 'and says what to use');
write_bytes("$directory/nex.yaml", "repo-endpoint: $origin\nrepo-secret-file: $repo[5]\n");
query('postgres', "ALTER SYSTEM SET nex_backup.config_file = '$directory/nex.yaml'");
query('postgres', 'SELECT pg_reload_conf()');
ok(wait_until(sub { query('postgres', "SELECT state FROM nex_backup_run('shop', repository => 's3://bucket/nightly')") eq 'succeeded' }),
	'a run of the worker');
like(query('postgres', 'SELECT detail FROM nex_backup_status() WHERE name = \'repository\''), qr{^s3://bucket/nightly at http://\S+ on }, 'the status names it');

# An encrypted one.
my @closed = bucket_options('closed');
tool_ok([ 'keygen', '--output', "$directory/key" ], 'keygen');
my ($recipient) = read_bytes("$directory/key") =~ /(age1\w+)/;
push @closed, '--state-dir', "$directory/state", '--identity', "$directory/key";
tool_ok([ 'init', @closed, '--recipient', $recipient ], 'init, encrypted');
tool_ok([ 'backup', @closed, '-d', 'shop' ], 'backup, encrypted');
tool_ok([ 'verify', @closed ], 'verify, encrypted');
tool_ok([ 'restore', @closed, 'shop', '--to', 'opened' ], 'restore, encrypted');
same_database('shop', 'opened', 'the same database, from the encrypted repository');

# The same name of bucket and prefix on another server is another place for the writer's memory.
my $second = 'http://127.0.0.1:' . sink_port(start_sink('s3_server.py', 'AKIATEST', 'a/secret+of=the test'));
my @second_site = map { $_ eq $origin ? $second : $_ } @closed;
tool_ok([ 'init', @second_site, '--recipient', $recipient ], 'init of a second site');
tool_ok([ 'backup', @second_site, '-d', 'shop' ], 'backup to it');
tool_ok([ 'backup', @closed, '-d', 'shop' ], 'and to the first one, as before');

# --------------------------------------------------------- what is refused

my @usage = (
	[ 's3://AKIA:x@bucket/p', qr/must not hold a user name or a password/ ],
	[ 's3://bucket/a/../b', qr/names with a slash between them/ ],
	[ 's3://bucket/p?x=1', qr/separate settings/ ],
	[ 'ftp://a/b', qr{must be a directory, s3://} ]);
tool_fails([ 'list', @repo[ 2 .. $#repo ], '--repo', $_->[0] ], 2, $_->[1], "$_->[0]") for @usage;
unlike(tool_fails([ 'copy', @repo, '--to', 's3://AKIA:PASSsecret@bucket/p' ], 2, qr{"s3://\*\*\*\@bucket/p"}, 'a place with a password'),
	qr/PASSsecret/, 'which is not shown');
tool_fails([ 'list', '--repo', 's3://bucket/x', '--repo-endpoint', 'http://example.com' ],
	2, qr/must begin with https/, 'plain HTTP to another machine');
tool_fails([ 'list', bucket_options('none') ], 1, qr/there is no repository in "s3:/, 'no repository');
my @elsewhere = @repo;
$elsewhere[1] = 's3://other/nightly';
tool_fails([ 'list', @elsewhere ], 1, qr/NoSuchBucket/, 'no bucket is not an empty one');
my $wrong = secret_file("aws_access_key_id = AKIATEST\naws_secret_access_key = wrongwrong");
my $error = tool_fails([ 'list', @repo, '--repo-secret-file', $wrong ], 1, qr/SignatureDoesNotMatch/, 'a wrong secret');
unlike($error, qr/wrongwrong/, 'is not shown');

# ------------------------------------------------------------------- locks

# Somebody else's lease: in time, it is respected; left behind, it ends by itself.
bucket_does(put => 'nightly/lock/backup-shop');
tool_fails([ 'backup', @repo, '-d', 'shop' ], 4, qr/another backup of database "shop"/, 'a lease in time');
bucket_does(age => 121);
tool_ok([ 'backup', @repo, '-d', 'shop' ], 'a lease that nobody renews');
nothing_can_be_locked(@repo);
bucket_does(sloppy => JSON::PP::true);
like((tool('doctor', @repo, '--no-server'))[1], qr/stores what is not as its digest says.*conditions: no, digests: no/s, 'and that digests are ignored');
like((tool('init', bucket_options('sloppy')))[2], qr/warning: bucket .*the server ignores conditions/, 'as does init');
bucket_does(sloppy => JSON::PP::false);
like((tool('doctor', @repo, '--no-server'))[1], qr/can remove backups for good, and nothing protects.*conditions: yes, digests: yes, versions: no/s, 'what a good server does');

# ------------------------------------------------------- faults and expire

faults_survived(\@repo, qw(503 500 error200 cut lost half slow expired skewed page404 bare412 page200 twice));
expire_in_two_steps(\@repo, 'POST /bucket/?delete');

done_testing();
