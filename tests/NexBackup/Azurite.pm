# NexBackup::Azurite
#   Azurite, Microsoft's own server of blobs for developers, where somebody has it: AZURITE in the environment names its
#   program azurite-blob ("make check-azurite" does, and installs it).  It is no part of "make check", as it comes from npm
#   with some 370 packages.
package NexBackup::Azurite;

use strict;
use warnings;

use Digest::SHA ();
use Exporter qw(import);
use File::Temp ();
use HTTP::Tiny ();
use IO::Socket::INET ();
use MIME::Base64 ();
use NexBackup::Test;
use POSIX ();

our @EXPORT = qw(azurite_program start_azurite);

# Of every Azurite, as published.
my $account = 'devstoreaccount1';
my $key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
my $pid;

sub azurite_program { return $ENV{AZURITE}; }

# Make the container "bucket"; true if it is there.
sub create_container
{
	my ($origin) = @_;
	my $date = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime);
	my $text = "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:$date\nx-ms-version:2021-08-06\n/$account/$account/bucket\nrestype:container";
	my $signature = Digest::SHA::hmac_sha256_base64($text, MIME::Base64::decode_base64($key));
	my $answer = HTTP::Tiny->new->put("$origin/$account/bucket?restype=container",
		{ content => '', headers => { 'x-ms-date' => $date, 'x-ms-version' => '2021-08-06', authorization => "SharedKey $account:$signature=" } });

	return $answer->{status} == 201;
}

# Start it; gives its address, its key, and the URL of a container.
sub start_azurite
{
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "socket: $!";
	my $port = $socket->sockport;
	my $origin = "http://127.0.0.1:$port";

	close($socket);
	$pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$directory/log");
		open(STDERR, '>&', \*STDOUT);
		exec { $ENV{AZURITE} } $ENV{AZURITE}, '--location', $directory, '--blobHost', '127.0.0.1', '--blobPort', $port, '--disableTelemetry', '--silent'
		  or POSIX::_exit(127);
	}
	wait_until(sub { create_container($origin) }) or die 'Azurite: ' . read_bytes("$directory/log");
	return ($origin, $key, "azure://$account/bucket");
}

END
{
	my $status = $?;
	if ($pid)
	{
		kill 'KILL', $pid;
		waitpid($pid, 0);
	}
	$? = $status;
}

1;
