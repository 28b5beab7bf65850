# NexBackup::LivePart
#   What the tests share that restore parts of a backup into a live database in
#   which a role joe has code: as whom did it run?
#
#   Functions of joe's say so in the server's log, "code of joe in PLACE runs as
#   ROLE".  Each restore looks at what came since it began.
package NexBackup::LivePart;

use strict;
use warnings;

use Exporter qw(import);
use NexBackup::Test;
use Test::More;

our @EXPORT = qw($database live_part as_role as_joe what_ran nothing_ran restore is_refused is_restored);

# The database that is backed up, restored into, and asked.
our $database = 'app';

my ($node, $repo);
my $from = 0;

# The server and the repository; call it once.
sub live_part
{
	($node, $repo) = @_;
	return;
}

sub as_role
{
	my ($role, $sql) = @_;

	local $ENV{PGUSER} = $role;
	return query($database, $sql);
}

sub as_joe { return as_role('joe', $_[0]) }

# What ran since the last question, as whom: a list, a line each.
sub what_ran
{
	my $log = substr(read_bytes($node->logfile), $from);

	$from = -s $node->logfile;
	return $log =~ /code of joe (.*)/g;
}

# Nothing ran as somebody else than joe; "computed": but as joe it did.
sub nothing_ran
{
	my ($name, $computed) = @_;
	my @ran = what_ran();

	cmp_ok(scalar(grep { /runs as joe / } @ran), '>', 0, "$name: the owner computes it") if $computed;
	return is(join(', ', grep { !/runs as joe / } @ran), '', "$name: nothing of joe's ran as others");
}

sub restore
{
	my (@options) = @_;

	what_ran();
	return tool('restore', '--repo', $repo, $database, '--to', $database, '--yes', @options);
}

sub is_refused
{
	my ($name, $why, @options) = @_;
	my ($code, $out, $err) = restore(@options);

	is($code, 1, "$name: refused");
	like($err, $why, "$name: with the reason and what helps");
	nothing_ran($name);
	return;
}

# The options may begin with a 1: joe's code is run, as joe; or a 0, which says nothing.
sub is_restored
{
	my ($name, @options) = @_;
	my $computed = @options && $options[0] =~ /^[01]?$/ ? shift @options : 0;
	my ($code, $out, $err) = restore(@options);

	is($code, 0, "$name: restored") or diag($err);
	nothing_ran($name, $computed);
	return;
}

1;
