# A repository in a bucket of Google Cloud Storage: all commands, all sources of keys, and faults.  No server of Google's
# XML interface can be had for tests but one of the tests' own, which checks signatures and tokens.
use strict;
use warnings;

use JSON::PP ();
use NexBackup::Bucket;
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

start_scheduler('main');
load_sample('shop');
my $origin = start_bucket('google');
my @repo = bucket_options('nightly');
my @bare = @repo[ 0 .. 3 ];

commands_work(@repo);

# --------------------------------------------------------- what is refused

tool_fails([ 'list', @repo[ 2 .. $#repo ], '--repo', 'gs://user@bucket/x' ], 2, qr/must not hold a user name/, 'a user');
tool_fails([ 'list', @repo[ 2 .. $#repo ], '--repo', 'gs://other/x' ], 1, qr/NoSuchBucket/, 'no bucket is not an empty one');
my $error = tool_fails([ 'list', @bare, '--repo-secret-file', secret_file('GOOGTEST wrongwrong') ], 1, qr/SignatureDoesNotMatch/, 'a wrong secret');
unlike($error, qr/wrongwrong/, 'is not shown');
tool_fails([ 'list', @bare, '--repo-secret-file', secret_file('{"type": "external_account"}') ], 1, qr/but something of type "external_account"/, 'another kind of file');

# ---------------------------------------------------------- sources of keys

my $account = JSON::PP->new->decode(read_bytes(bucket_directory() . '/service_account.json'));

sub account_file { return secret_file(JSON::PP->new->encode({ %$account, @_ })); }

bucket_does(match => 'GET /bucket/?', do => 'expired');
tool_ok([ 'list', @bare, '--repo-secret-file', account_file() ], 'a service account, whose token ends');
tool_ok([ 'backup', @bare, '--repo-secret-file', account_file(), '-d', 'shop' ], 'a backup with tokens');
tool_fails([ 'list', @bare, '--repo-secret-file', account_file(client_email => 'other@example.com') ], 1,
	qr/the token service answered 400: claims/, 'a service account that is refused');
$error = tool_fails([ 'list', @bare, '--repo-secret-file', account_file(private_key => 'wrongwrong') ], 1, qr/private key in file .* cannot be used/, 'no key');
unlike($error, qr/wrongwrong/, 'is not shown');
tool_fails([ 'list', @bare, '--repo-secret-file', account_file(token_uri => 'http://example.com/token') ], 1, qr{not one that begins with https://}, 'a token is not fetched in clear');
{
	local $ENV{GOOGLE_APPLICATION_CREDENTIALS} = account_file();
	tool_ok([ 'list', @bare ], 'a service account from the environment');
}
{
	local $ENV{GCE_METADATA_HOST} = $origin =~ s{^http://}{}r;
	tool_ok([ 'list', @bare, '--repo-credentials', 'instance' ], 'the account of the machine');
	tool_fails([ 'list', @bare, '--repo-credentials', 'instance', '--repo-profile', 'other' ], 1, qr/the metadata server answered/, 'an account that the machine has not');
}
my $user = secret_file(qq({"type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "again", "token_uri": "$origin/token"}));
tool_ok([ 'list', @bare, '--repo-secret-file', $user ], 'the login of a user');

# ------------------------------------------------------------------- locks

bucket_does(put => 'nightly/lock/backup-shop');
tool_fails([ 'backup', @repo, '-d', 'shop' ], 4, qr/another backup of database "shop"/, 'a lease in time');
bucket_does(age => 121);
tool_ok([ 'backup', @repo, '-d', 'shop' ], 'a lease that nobody renews');
nothing_can_be_locked(@repo);

# ------------------------------------------------------- faults and expire

faults_survived(\@repo, qw(503 500 error200 cut lost half slow skewed page404 bare412 page200));
expire_in_two_steps(\@repo, 'POST /bucket/?delete');
locked_as_a_whole('safe', 'COMPLIANCE');

done_testing();
