# NexBackup::Clusters
#   The first cluster of a test file is a copy of one that initdb made for all of them: a hundred
#   files would wait for initdb a hundred times.  PostgreSQL's modules do this themselves since
#   version 16 (INITDB_TEMPLATE), but for the second cluster of a file as well, and a copy has the
#   system identifier of the first: to us these would be one server.
#
#   NEXB_CLUSTERS is the directory of the copies, one for each set of options; without it, initdb
#   runs each time.
package NexBackup::Clusters;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock);
use PostgreSQL::Test::Utils ();

my $system_or_bail = \&PostgreSQL::Test::Utils::system_or_bail;
my $copied = 0;

# The copy for these options, made if there is none.
sub template
{
	my (@options) = @_;
	my $path = "$ENV{NEXB_CLUSTERS}/" . substr(sha256_hex(join("\0", @options)), 0, 16);

	open(my $lock, '>', "$path.lock") or die "$path.lock: $!";
	flock($lock, LOCK_EX) or die "$path.lock: $!";
	if (!-e "$path.made")
	{
		$system_or_bail->('initdb', '-D', $path, @options);
		open(my $made, '>', "$path.made") or die "$path.made: $!";
	}
	return $path;
}

# In place of the function of this name, which PostgreSQL::Test::Cluster runs initdb with.
sub initdb_or_other
{
	my (@command) = @_;

	goto &$system_or_bail
	  unless $ENV{NEXB_CLUSTERS} && $command[0] eq 'initdb' && $command[1] eq '-D' && !$copied++;
	return $system_or_bail->('cp', '-R', '-p', template(@command[ 3 .. $#command ]), $command[2]);
}

{
	no warnings 'redefine';
	*PostgreSQL::Test::Utils::system_or_bail = \&initdb_or_other;
}
delete $ENV{INITDB_TEMPLATE};

1;
