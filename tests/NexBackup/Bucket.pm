# NexBackup::Bucket
#   A bucket on an S3 server of the test's own (tests/fixtures/s3_server.py), which does wrong what the test says.
package NexBackup::Bucket;

use strict;
use warnings;

use Exporter qw(import);
use HTTP::Tiny ();
use JSON::PP ();
use NexBackup::Sinks;

our @EXPORT = qw(start_bucket bucket_options bucket_does requests_to_bucket forget_requests);

my ($access, $secret) = ('AKIATEST', 'a/secret+of=the test');
my ($origin, $keys);

# Start the server; from then on the other functions are about it.
sub start_bucket
{
	my $directory = start_sink('s3_server.py', $access, $secret);

	$origin = 'http://127.0.0.1:' . sink_port($directory);
	$keys = secret_file("aws_access_key_id = $access\naws_secret_access_key = $secret");
	return $origin;
}

# What every command is told; of a repository in the bucket "bucket".
sub bucket_options
{
	my ($prefix) = @_;

	return ('--repo', "s3://bucket/$prefix", '--repo-endpoint', $origin, '--repo-secret-file', $keys);
}

# See s3_server.py.
sub bucket_does
{
	my (%what) = @_;
	my $answer = HTTP::Tiny->new->post("$origin/_faults", { content => JSON::PP->new->canonical->encode(\%what) });

	die "$answer->{status} $answer->{content}" unless $answer->{success};
	return;
}

sub requests_to_bucket
{
	return split /\n/, HTTP::Tiny->new->get("$origin/_log")->{content};
}

sub forget_requests
{
	HTTP::Tiny->new->post("$origin/_forget", { content => '' });
	return;
}

1;
