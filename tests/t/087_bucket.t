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
my $origin = start_bucket();
my @repo = bucket_options('nightly');

sub count_of
{
	my ($pattern, @requests) = @_;

	return scalar grep { /$pattern/ } @requests;
}

sub backups_there
{
	return scalar @{ tool_json('list', @repo)->{backups} };
}

# ------------------------------------------------------------ all commands

like(tool_ok([ 'init', @repo ], 'init'), qr{created repository "s3://bucket/nightly"}, 'it is named');
tool_ok([ 'backup', @repo, '-d', 'shop' ], 'backup');
forget_requests();
tool_ok([ 'backup', @repo, '-d', 'shop', '--jobs', 2 ], 'unchanged backup');
my @second = requests_to_bucket();
cmp_ok(scalar(@second), '<=', 60, 'few requests for a backup of nothing new')
  or diag(join("\n", @second));
is(count_of(qr{^(?:HEAD|GET) \S*/objects/}, @second), 0, 'no object is asked for by itself');
bucket_does(page => 3);
my $list = tool_json('list', @repo);
is(scalar(@{ $list->{backups} }), 2, 'list, in pages');
is($list->{repository}{location}, 's3://bucket/nightly', 'location');
tool_ok([ 'verify', @repo ], 'verify');
bucket_does(page => 1000);
tool_ok([ 'restore', @repo, 'shop', '--to', 'back' ], 'restore');
same_database('shop', 'back', 'the same database');
tool_ok([ 'info', @repo, 'shop' ], 'info');
my $directory = File::Temp::tempdir(CLEANUP => 1);
tool_ok([ 'export', @repo, 'shop', '--output', "$directory/shop.sql.zst" ], 'export');
tool_ok([ 'globals', 'backup', @repo, '-d', 'postgres' ], 'globals');
tool_ok([ 'globals', 'restore', @repo, '-d', 'postgres' ], 'globals restored');
tool_ok([ 'doctor', @repo, '-d', 'postgres' ], 'doctor');
tool_ok([ 'expire', @repo, '--keep-daily', 1, '--keep-minimum', 1 ], 'expire');
is(scalar(grep { $_->{kind} eq 'database' } @{ tool_json('list', @repo)->{backups} }), 1, 'one backup is left');
tool_ok([ 'verify', @repo ], 'and whole');

# The server itself reads no bucket, and says what does; its worker runs the program, which does.
ok(!eval { query('postgres', q{SELECT nex_backup_sync('s3://bucket/nightly')}); 1 }, 'the server reads no bucket');
like($@, qr/the server reads directories only.*HINT:.*nex_backup verify/s, 'and says what to use');
write_bytes("$directory/nex.yaml", "repo-endpoint: $origin\nrepo-secret-file: $repo[5]\n");
query('postgres', "ALTER SYSTEM SET nex_backup.config_file = '$directory/nex.yaml'");
query('postgres', 'SELECT pg_reload_conf()');
ok(wait_until(sub { query('postgres', "SELECT state FROM nex_backup_run('shop', repository => 's3://bucket/nightly')") eq 'succeeded' }),
	'a run of the worker');
like(query('postgres', 'SELECT detail FROM nex_backup_status() WHERE name = \'repository\''), qr{^s3://bucket/nightly on }, 'the status names it');

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

# --------------------------------------------------------- what is refused

my @usage = (
	[ 's3://AKIA:x@bucket/p', qr/must not hold a user name or a password/ ],
	[ 's3://bucket/a/../b', qr/names with a slash between them/ ],
	[ 's3://bucket/p?x=1', qr/separate settings/ ],
	[ 'azure://a/b', qr{must be a directory or s3://} ]);
tool_fails([ 'list', @repo[ 2 .. $#repo ], '--repo', $_->[0] ], 2, $_->[1], "$_->[0]") for @usage;
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
bucket_does(sloppy => JSON::PP::true);
tool_fails([ 'backup', @repo, '-d', 'shop' ], 1, qr/ignores If-None-Match/, 'a server without conditions cannot lock');
bucket_does(sloppy => JSON::PP::false);

# ------------------------------------------------------------------ faults

# Whatever happens to one request in the middle, the run is a success with its result.
my $try = 0;
for my $match ('PUT /bucket/nightly/objects/', 'PUT /bucket/nightly/backups/', 'GET /bucket/?')
{
	for my $fault (qw(503 500 error200 cut lost half slow expired skewed page404 bare412 page200))
	{
		next if $fault eq 'error200' && $match =~ /GET/;
		bucket_does(clear => JSON::PP::true, match => $match, times => 1, do => $fault);
		query('shop', 'CREATE TABLE IF NOT EXISTS tried (n int)');
		query('shop', 'INSERT INTO tried VALUES (' . ++$try . ')');
		my ($code) = tool('backup', @repo, '-d', 'shop');
		is($code, 0, "$fault of $match");
	}
}
bucket_does(clear => JSON::PP::true);
tool_ok([ 'verify', @repo ], 'all of these backups are whole');
tool_ok([ 'restore', @repo, 'shop', '--to', 'tried' ], 'the newest is restored');
same_database('shop', 'tried', 'and is the newest');

# What a proxy says in between tells nobody what is in the bucket.
my $known = backups_there();
for my $match ('GET /bucket/?', 'GET /bucket/nightly/nex', 'GET /bucket/nightly/backups/', 'GET /bucket/nightly/objects/')
{
	for my $fault (qw(page404 page200))
	{
		bucket_does(clear => JSON::PP::true, match => $match, after => $match =~ /[?]/ ? 1 : 0, times => 2, do => $fault);
		is(backups_there(), $known, "list: $fault of $match");
		bucket_does(clear => JSON::PP::true, match => $match, after => $match =~ /[?]/ ? 1 : 0, times => 1, do => $fault);
		tool_ok([ 'verify', @repo, 'shop' ], "verify: $fault of $match");
	}
}
bucket_does(clear => JSON::PP::true);

# What does not end is a failure, and publishes nothing.
query('shop', 'INSERT INTO tried VALUES (0)');
bucket_does(match => 'PUT /bucket/nightly/objects/', times => 1_000_000, do => '403');
tool_fails([ 'backup', @repo, '-d', 'shop' ], 1, qr/AccessDenied/, 'no right to write');
bucket_does(clear => JSON::PP::true);
is(backups_there(), $known, 'nothing was published');

# ------------------------------------------------------------------ expire

# Where a lock can be lost, nothing is removed that became unneeded a short time ago.
my @expire = ('expire', @repo, '--keep-daily', 1, '--keep-minimum', 1);
my $first = tool_json(@expire);
is($first->{objects_removed}, 0, 'objects are not, yet');
cmp_ok($first->{files_waiting}, '>', 0, 'they wait');
is(tool_json(@expire)->{objects_removed}, 0, 'nor by the next one');
bucket_does(age => 86_400);
my $later = tool_json(@expire);
cmp_ok($later->{objects_removed}, '>', 0, 'a day later they are');
tool_ok([ 'verify', @repo ], 'what is left is whole');
bucket_does(match => 'POST /bucket/?delete', times => 1, do => '503');
is((tool(@expire))[0], 0, 'a refused batch is tried again');

done_testing();
