# Every setting that a role can have, with odd values, given to the role, to the databases, or to
# both, of source and target: a backup holds the same text, and every way of restoring it gives the
# same database.  "make check-settings"; "make check" tries those that have done harm (034).
use strict;
use warnings;

use NexBackup::Settings;
use NexBackup::SettingsTrial;
use NexBackup::Test;
use Test::More;

plan skip_all => 'the fixture needs PostgreSQL 15 or later' if !settings_trial_begin();

my @skipped;
my @odd = odd_values(\@skipped);
my $only = $ENV{NEXB_SETTINGS};
my %tried;

@odd = grep { $_->[0] =~ /^(?:$only)$/ } @odd if defined $only;
is(join(' ', @skipped), '', 'each setting has odd values, or a reason why not');
for my $level (split /,/, $ENV{NEXB_LEVELS} // 'role,database')
{
	$tried{"source, $level"} = sweep(12, sub { try_source($level, @_) }, @odd);
	$tried{"target, $level"} = sweep(12, sub { try_target($level, @_) }, @odd);
}
note(scalar(@odd) . ' odd values; batches: ' . join('; ', map { "$_: $tried{$_}" } sort keys %tried));
done_testing();
