# NexBackup::Scheduler
#   What the tests of the scheduler share: a server that has one, its clock, and a
#   program that stands in for the tool where the tool cannot be made to behave
#   that badly: to ignore SIGTERM, to die of a signal, to end with any exit code.
package NexBackup::Scheduler;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  start_scheduler set_clock clear_clock set_options run_row wait_for_state wait_for_run
  wait_idle stand_in use_tool last_run leader_pid processes_named);

# A server with the library preloaded, the extension, and the tool of this source tree.
sub start_scheduler
{
	my ($name, %settings) = @_;
	my $node = start_server($name, shared_preload_libraries => 'nex_backup',
		'nex_backup.tool_path' => tool_path(), %settings);

	query('postgres', 'CREATE EXTENSION nex_backup');
	return $node;
}

# Settings that a reload brings.
sub set_options
{
	my (%settings) = @_;

	for my $name (sort keys %settings)
	{
		query('postgres', defined $settings{$name}
			? "ALTER SYSTEM SET $name = '$settings{$name}'" : "ALTER SYSTEM RESET $name");
	}
	query('postgres', 'SELECT pg_reload_conf()');
	# Sessions that start from now on read the new file.
	return;
}

# Let the scheduler believe that it is some time now, and go on from there.
# Not before that time: a turn of the leader within the first second would see the hour before.
sub set_clock
{
	my ($time) = @_;
	my $offset = query('postgres', "SELECT ceil(extract(epoch FROM timestamptz '$time' - clock_timestamp()))::int8");

	set_options('nex_backup.testing_clock' => ($offset < 0 ? $offset : "+$offset"));
	return;
}

sub clear_clock
{
	set_options('nex_backup.testing_clock' => undef);
	return;
}

# Columns of a run, or of the one that a condition finds.
sub run_row
{
	my ($columns, $where) = @_;

	return query('postgres', "SELECT $columns FROM nex_backup.runs WHERE $where ORDER BY id DESC LIMIT 1");
}

sub last_run
{
	my ($job) = @_;

	return query('postgres', "SELECT max(id) FROM nex_backup.runs WHERE job = '$job'");
}

# Wait until a run is in one of these states; its state.
sub wait_for_state
{
	my ($run, @states) = @_;
	my $state = '';

	wait_until(sub { $state = run_row('state', "id = $run"); return grep { $_ eq $state } @states });
	return $state;
}

# Wait until there is a run that meets a condition; its id.
sub wait_for_run
{
	my ($where) = @_;
	my $id = '';

	wait_until(sub { return ($id = run_row('id', $where)) ne '' })
	  or diag(query('postgres', 'SELECT id, job, state, attempt, reason FROM nex_backup.runs ORDER BY id'));
	return $id;
}

# Wait until nothing is due, queued to start now, or going on.
sub wait_idle
{
	return wait_until(
		sub {
			return query('postgres', "SELECT (SELECT count(*) FROM nex_backup.leases) + (SELECT count(*) FROM nex_backup.runs "
				  . "WHERE state IN ('starting', 'running') OR (state = 'queued' AND not_before <= nex_backup.now())) "
				  . "+ (SELECT count(*) FROM nex_backup.jobs WHERE enabled AND suspended IS NULL AND next_run <= nex_backup.now())") == 0;
		});
}

sub leader_pid
{
	return query('postgres', "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE backend_type = 'nex_backup leader'");
}

# A program that behaves as the type of the run says, and leaves notes in a directory.
sub stand_in
{
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $program = "$directory/tool";

	chmod 0755, $directory;
	write_bytes($program, <<'PROGRAM' =~ s/DIRECTORY/$directory/r);
#!/usr/bin/perl
use strict;
use warnings;
my $notes = 'DIRECTORY';
$| = 1;
my ($what) = map { /^--type=(.*)/ } @ARGV;
my ($run) = $ENV{PGAPPNAME} =~ /(\d+)$/;
open(my $note, '>', "$notes/run.$run") or die;
print $note join("\n", "pid $$", 'group ' . getpgrp(), map({ "argv $_" } @ARGV),
	map({ "env $_=$ENV{$_}" } sort keys %ENV), map({ "fd $_" } grep { $_ != 3 || 1 } map { m{(\d+)$} } glob("/proc/$$/fd/*"))), "\n";
close $note;
$what = 'ok' unless defined $what;
if ($what =~ /^exit(\d+)/) { print STDERR qq(nex_backup: warning: about to\n{"event":"error","message":"told to fail"}\nnex_backup: error: told to "fail"\nHINT:  None.\n)
	  . qq({"event":"error","message":"and then some"}\nnex_backup: error: and then some\n); exit $1 }
if ($what =~ /^signal(\d+)/) { kill $1, $$; sleep 10 }
if ($what eq 'hang') { sleep 600 }
if ($what eq 'ignore') { $SIG{TERM} = 'IGNORE'; $SIG{INT} = 'IGNORE'; sleep 1 while 1 }
if ($what eq 'slow') { select(undef, undef, undef, 1.5) }
if ($what eq 'flaky') { exit(-e "$notes/second" ? 0 : do { open(my $f, '>', "$notes/second"); 1 }) }
if ($what eq 'noise') { print STDERR "line $_ " . ('x' x 90) . "\n" for 1 .. 20000; print STDERR "bad \xff\x00 bytes\n" }
if ($what eq 'progress')
{
	print STDERR qq({"event":"progress","phase":"copying","unit":"tables","units_done":3,"units_total":9,)
	  . qq("weight_done":30,"weight_total":90,"raw_bytes":1000,"stored_bytes":10,"bytes_per_second":500.0,"eta_seconds":7.0}\n);
	sleep 600;
}
exit 0;
PROGRAM
	chmod 0755, $program or die;
	return $program;
}

sub use_tool
{
	my ($program) = @_;

	set_options('nex_backup.tool_path' => $program);
	return;
}

# Processes whose command line holds a text.
sub processes_named
{
	my ($text) = @_;
	my @found;

	for my $file (glob('/proc/[0-9]*/cmdline'))
	{
		open(my $in, '<', $file) or next;
		local $/;
		my $line = <$in>;
		push @found, $file =~ /(\d+)/ if defined $line && index($line, $text) >= 0;
	}
	return @found;
}

1;
