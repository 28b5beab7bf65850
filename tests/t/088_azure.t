# A repository in a container of Azure: all commands, all sources of keys, and faults.  The server is one of the tests' own,
# which checks signatures; or Azurite, if AZURITE names its program (see "make check-azurite").
use strict;
use warnings;

use NexBackup::Azurite;
use NexBackup::Bucket;
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

start_scheduler('main');
load_sample('shop');
my $origin = start_bucket('azure');
my @repo = bucket_options('nightly');
my ($place) = $repo[1] =~ m{^(.*)/};

commands_work(@repo);

# --------------------------------------------------------- what is refused

my @usage = (
	[ 'azure://user:x@account/container', qr/must not hold a user name or a password/ ],
	[ 'azure://Account/container/p', qr/name of a storage account/ ],
	[ 'azure://account/', qr/name of a container/ ],
	[ 'azure://account/container/../b', qr/names with a slash between them/ ],
	[ 'azure://account/container?sv=1', qr/separate settings/ ]);
tool_fails([ 'list', @repo[ 2 .. $#repo ], '--repo', $_->[0] ], 2, $_->[1], "$_->[0]") for @usage;
tool_fails([ 'list', bucket_options('none') ], 1, qr/there is no repository in "azure:/, 'no repository');
tool_fails([ 'list', @repo[ 2 .. $#repo ], '--repo', "$place-no/nightly" ], 1, qr/ContainerNotFound/, 'no container is not an empty one');
my $wrong = secret_file('d3Jvbmd3cm9uZw==');
my $error = tool_fails([ 'list', @repo, '--repo-secret-file', $wrong ], 1, qr/Authenticat\w+Fail|AuthorizationFailure/, 'a wrong key');
unlike($error, qr/d3Jvbmd3/, 'is not shown');
tool_fails([ 'list', @repo, '--repo-secret-file', secret_file('no key') ], 1, qr/holds neither the key of a storage account nor/, 'no key at all');

if (azurite_program())
{
	diag('skipped with Azurite, which does nothing wrong: faults, tokens, the end of leases, expire a day later');
	done_testing();
	exit 0;
}

# ---------------------------------------------------------- sources of keys

# A shared access signature, as Azure shows it: from a file, or from the environment.
my $signature = 'sv=2021-08-06&sp=racwdl&sig=a%2Fb%3D';
my @bare = @repo[ 0 .. 3 ];
tool_ok([ 'list', @bare, '--repo-secret-file', secret_file("?$signature") ], 'a shared access signature');
{
	local $ENV{AZURE_STORAGE_SAS_TOKEN} = $signature;
	tool_ok([ 'list', @bare ], 'a signature from the environment');
	$error = tool_fails([ 'list', @bare[ 2, 3 ], '--repo', "$place-no/nightly" ], 1, qr/ContainerNotFound/, 'in an error');
	unlike($error, qr/a%2Fb|a\/b/, 'the signature is not shown');
}

# Tokens of the machine, of a container, and in exchange for one of the platform; they end, and are renewed.
bucket_does(match => "GET /testaccount/bucket?", do => 'expired');
{
	local $ENV{AZURE_POD_IDENTITY_AUTHORITY_HOST} = $origin;
	tool_ok([ 'list', @bare ], 'the identity of the machine, whose token ends');
}
{
	local $ENV{IDENTITY_ENDPOINT} = "$origin/identity";
	local $ENV{IDENTITY_HEADER} = 'a secret';
	tool_ok([ 'list', @bare ], 'the identity of the container');
	$ENV{IDENTITY_HEADER} = 'another';
	tool_fails([ 'list', @bare ], 1, qr/the container's service for tokens answered 400: not so/, 'one that is refused');
}
{
	local $ENV{AZURE_FEDERATED_TOKEN_FILE} = secret_file('a.federated.token');
	local $ENV{AZURE_CLIENT_ID} = 'client';
	local $ENV{AZURE_TENANT_ID} = 'tenant';
	local $ENV{AZURE_AUTHORITY_HOST} = $origin;
	tool_ok([ 'list', @bare ], 'a workload');
}

# ------------------------------------------------------------------- locks

bucket_does(put => 'nightly/lock/backup-shop');
tool_fails([ 'backup', @repo, '-d', 'shop' ], 4, qr/another backup of database "shop"/, 'a lease in time');
bucket_does(age => 121);
tool_ok([ 'backup', @repo, '-d', 'shop' ], 'a lease that nobody renews');
nothing_can_be_locked(@repo);

# ------------------------------------------------------- faults and expire

faults_survived(\@repo, qw(503 500 error200 cut lost half slow skewed page404 bare412 page200));
expire_in_two_steps(\@repo, 'DELETE /testaccount/bucket/nightly/objects/');
locked_as_a_whole('safe', 'locked');

done_testing();
