# NexBackup::Sftp
#   A repository on an SFTP server: OpenSSH's own sshd, on the loopback interface, as the user who runs the test; and a
#   server of the test's own (tests/fixtures/sftp_server.py), which does wrong what the test says.
package NexBackup::Sftp;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use IO::Socket::INET ();
use NexBackup::Test;
use POSIX ();

our @EXPORT = qw(start_sshd stop_sshd sshd_directory sftp_options end_sessions stub_options);

my ($directory, $port, $pid);
my $sshd = '/usr/sbin/sshd';

sub run_quietly
{
	my @command = @_;
	my $out = '';

	IPC::Run::run(\@command, '<', \'', '>&', \$out) or die "@command: $out";
	return;
}

# The directory of its keys and of the repositories.
sub sshd_directory { return $directory; }

# Start it, with further lines of its configuration.
sub start_sshd
{
	my (@lines) = @_;

	$directory //= File::Temp::tempdir(CLEANUP => 1);
	unless ($port)
	{
		my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "socket: $!";

		$port = $socket->sockport;
		close($socket);
		run_quietly('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', "$directory/$_") for qw(host user other);
		my ($key) = read_bytes("$directory/host.pub") =~ /^(\S+ \S+)/;
		write_bytes("$directory/known_hosts", "[127.0.0.1]:$port $key\n");
		write_bytes("$directory/authorized_keys", read_bytes("$directory/user.pub"));
	}
	write_bytes(
		"$directory/sshd_config",
		join("\n",
			"Port $port", 'ListenAddress 127.0.0.1', "HostKey $directory/host", "PidFile $directory/pid",
			"AuthorizedKeysFile $directory/authorized_keys",
			'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'StrictModes no', 'UsePAM no', 'MaxStartups 100',
			@lines, 'Subsystem sftp internal-sftp', ''));
	$pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', "$directory/log");
		open(STDERR, '>&', \*STDOUT);
		exec { $sshd } $sshd, '-D', '-e', '-f', "$directory/sshd_config"
		  or POSIX::_exit(127);
	}
	wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) }) or die "sshd: " . read_bytes("$directory/log");
	return;
}

# The processes of its sessions.
sub sessions
{
	return split ' ', `ps -o pid= --ppid $pid`;
}

# End all sessions, as a firewall or an impatient server does; true if there was one.
sub end_sessions
{
	return kill('KILL', sessions()) > 0;
}

sub stop_sshd
{
	return unless $pid;
	kill 'KILL', sessions(), $pid;
	waitpid($pid, 0);
	$pid = undef;
	return;
}

# What every command is told, of a repository in a directory of the server's.
sub sftp_options
{
	my ($name) = @_;
	my $user = getpwuid($>);

	return (
		'--repo', "sftp://$user\@127.0.0.1:$port$directory/$name",
		(map { "--repo-sftp-command=$_" } 'ssh', '-F', '/dev/null', '-i', "$directory/user", '-o', 'IdentitiesOnly=yes'),
		'--repo-sftp-known-hosts', "$directory/known_hosts");
}

# The same of the test's own server, which does what its arguments say.
sub stub_options
{
	my ($path, @does) = @_;

	return ('--repo', "sftp://stub$path", map { "--repo-sftp-command=$_" } '/usr/bin/python3', top() . '/tests/fixtures/sftp_server.py', @does, '--');
}

END
{
	my $status = $?;
	stop_sshd();
	$? = $status;
}

1;
