# A sweep over faults: of single system calls of each command, of damage in a repository, of the
# connection and of the server.  "make check-faults"; "make check" tries a sample (048).
#
#   NEXB_FAULTS_MINUTES=25   how long, over all parts
#   NEXB_FAULTS_PARTS=calls,damage,connection,server
#   NEXB_FAULTS_OTHERS=35    of calls that read, how many for each command; "all": each call of any
#                            kind, with each fault (for a night)
#   NEXB_FAULTS_PLACES=8     faults of the connection: at how many places of what is sent
#   NEXB_FAULTS_WORKERS=3    servers, each with trials of its own
#   NEXB_FAULTS_SEED=N       the same choice once more
#   NEXB_FAULTS_ONLY=REGEX   trials whose names match, such as "^restore write:12:"
use strict;
use warnings;

use File::Temp ();
use List::Util qw(shuffle);
use NexBackup::FaultDamage;
use NexBackup::FaultOperations;
use NexBackup::FaultProxy;
use NexBackup::FaultSweep;
use NexBackup::Faults;
use NexBackup::Test;
use Test::More;

my $seed = $ENV{NEXB_FAULTS_SEED} || time;
my $others = $ENV{NEXB_FAULTS_OTHERS} || 35;
my $only = $ENV{NEXB_FAULTS_ONLY};
my $directory = File::Temp::tempdir(CLEANUP => 1);
my $shim = build_shim($directory) or plan skip_all => 'no C compiler for the faults';
my @worlds;

srand($seed);
note("NEXB_FAULTS_SEED=$seed");
for my $n (1 .. $ENV{NEXB_FAULTS_WORKERS} || 3)
{
	my $node = start_server("world$n", restart_after_crash => 'on');
	mkdir "$directory/$n";
	push @worlds, new_world($node, $shim, "$directory/$n");
}
enter_world($worlds[0]);

# What talks to a server.
my @talkers = grep { $_->{name} =~ /^(?:backup|globals backup|restore|restore --.*|globals restore)$/ } fault_operations();
my $places = $ENV{NEXB_FAULTS_PLACES} || 8;
my %part = (
	calls => sub { call_trials($worlds[0], $others eq 'all' ? undef : $others, fault_operations()) },
	damage => sub { damage_trials($worlds[0], 'plain', 'encrypted') },
	connection => sub { connection_trials($worlds[0], $places, @talkers) },
	server => sub { server_trials($worlds[0], $places / 4, @talkers) });
my @trials = map { $part{$_}->() } split /,/, $ENV{NEXB_FAULTS_PARTS} || 'calls,damage,connection,server';
@trials = grep { $_->{name} =~ /$only/ } @trials if defined $only;
my @results = run_sweep($ENV{NEXB_FAULTS_MINUTES} || 25, \@worlds, shuffle(@trials));
report_sweep(scalar @trials, @results);
done_testing();
