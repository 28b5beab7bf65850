# NexBackup::Machine
#   A machine of its own for a test: what is installed on this one, but with its own files, processes,
#   network and name, so that a test may install programs, make clusters in the usual places with the
#   distribution's tools, and lose the machine.
#
#   It is namespaces and an overlay of "/" whose upper layer is in memory; nothing of it is seen outside,
#   and all ends with the test.  Other tests use servers in private directories (PostgreSQL::Test::Cluster),
#   which need no root; here the usual places are what is tested.
package NexBackup::Machine;

use strict;
use warnings;

use File::Temp ();
use IPC::Run ();

my @machines;

my $init = <<'BASH';
name=$1 dir=$2
read -r outer _ </proc/self/stat
mount -t tmpfs -o mode=755 tmpfs "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root"
cd "$dir/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs run
rm -rf etc/postgresql/* var/lib/postgresql/* var/log/postgresql/* var/backups/pg*
# There is no way out to look for newer packages than those that are installed.
rm -rf var/lib/apt/lists/*
install -d -m 2775 -o postgres -g postgres run/postgresql
hostname "$name"
ip link set lo up
exec chroot . bash -c 'echo "machine $1"; while read -r line; do :; done' bash "$outer"
BASH

# Why there can be no machine here, or undef.
sub unavailable
{
	return 'it must be run as root' if $> != 0;
	for my $program (qw(unshare nsenter mount ip pg_createcluster pg_ctlcluster runuser))
	{
		return "there is no $program" unless grep { -x "$_/$program" } qw(/usr/bin /usr/sbin /bin /sbin);
	}
	my $machine = eval { NexBackup::Machine->new('trial') };
	return $@ =~ s/\s+/ /gr unless $machine;
	$machine->lose;
	return;
}

sub new
{
	my ($class, $name) = @_;
	my $self = bless { name => $name, in => '', out => '', err => '', dir => File::Temp->newdir('nexb_machine_XXXXXX', TMPDIR => 1) }, $class;

	$self->{run} = IPC::Run::start(
		[ qw(unshare --mount --net --ipc --uts --pid --fork --kill-child -- bash -ec), $init, 'bash', $name, "$self->{dir}" ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err});
	$self->{run}->pump while $self->{out} !~ /machine \d+\n/ && $self->{run}->pumpable;
	($self->{pid}) = $self->{out} =~ /machine (\d+)\n/ or die "cannot make a machine: $self->{err}\n";
	push @machines, $self;
	return $self;
}

# Where a file of the machine lies on this one.
sub path
{
	my ($self, $path) = @_;

	return "/proc/$self->{pid}/root$path";
}

sub write_file
{
	my ($self, $path, $mode, $text) = @_;

	open(my $out, '>', $self->path($path)) or die "$path: $!";
	print $out $text;
	close $out or die "$path: $!";
	chmod $mode, $self->path($path);
	return;
}

# A directory into one that is not there; the copy belongs to root.
sub copy_in
{
	my ($self, $from, $to) = @_;

	mkdir $self->path($to) or die "$to: $!";
	IPC::Run::run([ 'tar', '-C', $from, '--exclude=./.git', '--exclude=./tmp_check', '--exclude=./tests/unit', '--exclude=./tests/fuzz', '-cf', '-', '.' ], '|',
		[ 'tar', '-C', $self->path($to), '--no-same-owner', '-xpf', '-' ]) or die "cannot copy $from\n";
	return;
}

# Run a script in a login shell of a user, with nothing in its environment but what the login gives:
# exit code, output, errors.
sub run
{
	my ($self, $user, $script, %options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[ 'nsenter', '-t', $self->{pid}, qw(-m -n -i -u -p -r -w /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin runuser -l), $user, '-c',
			$options{shell} || 'exec bash -e' ],
		'<', \$script, '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $out, $err);
}

# The power goes off, and the disk is gone.
sub lose
{
	my ($self) = @_;

	my $run = delete $self->{run} or return;
	$run->kill_kill(grace => 0);
	return;
}

# Not left to the end of the program, when not all that IPC::Run needs is there.
END
{
	local $?;
	$_->lose for @machines;
}

1;
