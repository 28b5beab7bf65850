# NexBackup::Radosgw
#   Ceph's object gateway with what it needs, on the loopback interface and in memory, where RADOSGW is in the environment
#   ("make check-radosgw").  It is no part of "make check": it takes some 15 seconds and 200 MB of packages (radosgw,
#   ceph-mon, ceph-osd, ceph-base).
package NexBackup::Radosgw;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use HTTP::Tiny ();
use IO::Socket::INET ();
use NexBackup::Test;
use POSIX ();

our @EXPORT = qw(radosgw_is_wanted start_radosgw radosgw_keys);

my @keys = ('RGWOWNER', 'SecretOfTheOwner', 'RGWWRITER', 'SecretOfTheWriter');
my ($directory, @pids);

sub radosgw_is_wanted { return $ENV{RADOSGW}; }

# Those of the owner of the buckets, and of another user, "writer".
sub radosgw_keys { return @keys; }

sub free_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "socket: $!";

	return $socket->sockport;
}

sub configuration
{
	my ($d, $monitor, $gateway) = @_;
	my $fsid = read_bytes('/proc/sys/kernel/random/uuid') =~ s/\n//r;

	return <<"END";
[global]
fsid = $fsid
mon_initial_members = a
mon_host = v2:127.0.0.1:$monitor
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = $d/keyring
run_dir = $d
admin_socket = $d/\$name.asok
pid_file = $d/\$name.pid
log_file = $d/\$name.log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
mon_max_pg_per_osd = 1000
ms_bind_ipv6 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
mon_data_avail_crit = 1
mon_data_avail_warn = 1
[mon.a]
mon_data = $d/mon
[osd.0]
osd_data = $d/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
[client.rgw]
rgw_data = $d/rgw
rgw_frontends = beast endpoint=127.0.0.1:$gateway
END
}

sub must
{
	my @command = @_;
	my $out = '';

	IPC::Run::run(\@command, '<', \'', '>&', \$out) or die "@command: $out";
	return;
}

# Start a program that stays in the foreground.
sub start
{
	my @command = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', "$directory/out");
		open(STDERR, '>&', \*STDOUT);
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	push @pids, $pid;
	return;
}

# Start all of it; gives its address.
sub start_radosgw
{
	my ($monitor, $gateway) = (free_port(), free_port());
	my $origin = "http://127.0.0.1:$gateway";

	$directory = File::Temp::tempdir(CLEANUP => 1);
	local $ENV{CEPH_CONF} = "$directory/ceph.conf";
	my $keyring = "$directory/keyring";
	write_bytes($ENV{CEPH_CONF}, configuration($directory, $monitor, $gateway));
	mkdir "$directory/$_" for qw(mon osd rgw);
	must('ceph-authtool', '-C', $keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
	must('ceph-authtool', $keyring, '--gen-key', '-n', $_, map { ('--cap', $_, 'allow *') } qw(mon osd mgr))
	  for qw(client.admin client.rgw osd.0);
	must('monmaptool', '--create', '--addv', 'a', "[v2:127.0.0.1:$monitor]", "$directory/monmap");
	must('ceph-mon', '--mkfs', '-i', 'a', '--monmap', "$directory/monmap", '--keyring', $keyring);
	start('ceph-mon', '-f', '-i', 'a');
	must('timeout', '60', 'ceph', 'osd', 'create');
	must('timeout', '60', 'ceph-osd', '-i', '0', '--mkfs', '--no-mon-config');
	start('ceph-osd', '-f', '-i', '0', '--no-mon-config');
	start('radosgw', '-f', '-n', 'client.rgw', '--keyring', $keyring, '--no-mon-config');
	wait_until(sub { HTTP::Tiny->new(timeout => 2)->get("$origin/")->{status} < 500 }) or die 'radosgw: ' . read_bytes("$directory/out");
	for my $user ([ 'owner', @keys[ 0, 1 ] ], [ 'writer', @keys[ 2, 3 ] ])
	{
		must('radosgw-admin', 'user', 'create', '--uid', $user->[0], '--display-name', $user->[0], '--access-key', $user->[1],
			'--secret', $user->[2], '--keyring', $keyring, '--no-mon-config');
	}
	return $origin;
}

END
{
	my $status = $?;

	kill 'KILL', @pids;
	waitpid($_, 0) for @pids;
	$? = $status;
}

1;
