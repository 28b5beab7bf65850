# NexBackup::Sinks
#   Servers on the loopback interface to which notifications are sent: mail and
#   web, with certificates of an authority made for the occasion.
package NexBackup::Sinks;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();
use NexBackup::Test;
use POSIX ();

our @EXPORT = qw(make_certificates start_sink stop_sink sink_port mails requests answers secret_file decoded_body);

my $python = '/usr/bin/python3';
my %pid;

# An authority, and a certificate of it for 127.0.0.1; gives authority, certificate, key.
sub make_certificates
{
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my @new = ('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-days', 2);
	my $quiet = "$directory/log";

	for my $command (
		[ @new, '-subj', '/CN=authority', '-keyout', "$directory/ca.key", '-out', "$directory/ca.pem" ],
		[   'openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj',
			'/CN=127.0.0.1', '-keyout', "$directory/server.key", '-out', "$directory/server.csr" ],
		[   'openssl', 'x509', '-req', '-in', "$directory/server.csr", '-CA', "$directory/ca.pem", '-CAkey',
			"$directory/ca.key", '-CAcreateserial', '-days', 2, '-extfile', "$directory/names", '-out',
			"$directory/server.pem" ])
	{
		write_bytes("$directory/names", "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
		my $out = '';
		IPC::Run::run($command, '<', \'', '>&', \$out) or die "@$command: $out";
	}
	return ("$directory/ca.pem", "$directory/server.pem", "$directory/server.key");
}

# Start smtp_sink.py or web_sink.py; gives the directory of what it gets.
sub start_sink
{
	my ($script, @arguments) = @_;
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$directory/log");
		open(STDERR, '>&', \*STDOUT);
		exec { $python } $python, top() . "/tests/fixtures/$script", $directory, @arguments
		  or POSIX::_exit(127);
	}
	$pid{$directory} = $pid;
	wait_until(sub { -e "$directory/port" }) or die "$script: " . read_bytes("$directory/log");
	return $directory;
}

sub stop_sink
{
	my ($directory) = @_;
	my $pid = delete $pid{$directory} or return;

	kill 'KILL', $pid;
	waitpid($pid, 0);
	return;
}

END
{
	my $status = $?;
	stop_sink($_) for keys %pid;
	$? = $status;
}

sub sink_port { return read_bytes("$_[0]/port"); }

# The mails that arrived, oldest first, as text.
sub mails
{
	my ($directory) = @_;

	return map { my $text = read_bytes($_); $text =~ s/\r\n/\n/g; $text }
	  sort { ($a =~ /(\d+)\.eml/)[0] <=> ($b =~ /(\d+)\.eml/)[0] } glob("$directory/*.eml");
}

# The body of a mail, whatever its encoding.
sub decoded_body
{
	my ($mail) = @_;
	my ($head, $body) = split /\n\n/, $mail, 2;

	return $head =~ /^Content-Transfer-Encoding: base64$/m ? MIME::Base64::decode_base64($body) : $body;
}

# The requests that a web sink has got; with a status, those that were answered so.
sub requests
{
	my ($directory, $answer) = @_;

	return () unless -e "$directory/requests";
	return grep { !defined $answer || $_->{answer} eq $answer }
	  map { JSON::PP->new->utf8->decode($_) } split /\n/, read_bytes("$directory/requests");
}

# Set the next answers of a web sink.
sub answers
{
	my ($directory, @answers) = @_;

	write_bytes("$directory/answers", join("\n", @answers));
	return;
}

# A file of mode 0600 with a secret in it.
sub secret_file
{
	my ($text, $mode) = @_;
	my $path = File::Temp::tempdir(CLEANUP => 1) . '/secret';

	write_bytes($path, "$text\n");
	chmod $mode // 0600, $path;
	return $path;
}

1;
