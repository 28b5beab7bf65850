# NexBackup::StopAtFirst
#   Ends a test at its first failure, when one failure says all that is asked: whether a fault is seen
#   (scripts/check_mutants.pl).  By exit(), not a signal, so that the servers of the test are stopped.
package NexBackup::StopAtFirst;

use strict;
use warnings;

use Test::Builder;

my $ok = \&Test::Builder::ok;

no warnings 'redefine';
*Test::Builder::ok = sub {
	my ($self, @arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $good = $ok->($self, @arguments);

	exit 1 unless $good || $self->in_todo;
	return $good;
};

1;
