# Many jobs: what the leader costs when nothing is due, and how soon a job starts that is.
#
# NEXB_JOBS=10000 for the measure that the documentation gives; 1000 is the default.
use strict;
use warnings;

use NexBackup::Scheduler;
use NexBackup::Test;
use POSIX ();
use Test::More;

my $node = start_scheduler('main', 'nex_backup.max_concurrent_runs' => 8, 'nex_backup.max_runs_per_repository' => 8,
	max_worker_processes => 16);
my $jobs = $ENV{NEXB_JOBS} || 1000;
my $seconds = $ENV{NEXB_JOBS} ? 60 : 15;

use_tool(stand_in());

# CPU seconds of a process.
sub cpu_of
{
	my ($pid) = @_;
	my @fields = split / /, read_bytes("/proc/$pid/stat") =~ s/^.*\) //sr;

	return ($fields[11] + $fields[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

query('postgres', "SELECT count(nex_backup_schedule('job ' || i, (i % 60) || ' ' || (i % 24) || ' * * *', 'postgres', '/x', type => 'ok', timezone => 'UTC')) "
	  . "FROM generate_series(1, $jobs) i");
set_clock(query('postgres', "SELECT date_trunc('hour', now()) + interval '30 seconds'"));
query('postgres', "SELECT nex_backup_resume_jobs(name) FROM nex_backup.jobs WHERE suspended IS NOT NULL");
query('postgres', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() + interval '1 day'");
ok(wait_idle(), "$jobs jobs are there, none is due");
select(undef, undef, undef, 2);

my $leader = leader_pid();
my $postmaster = $node->safe_psql('postgres', "SELECT 1") && (read_bytes($node->data_dir . '/postmaster.pid') =~ /^(\d+)/)[0];
my @before = (cpu_of($leader), cpu_of($postmaster));
select(undef, undef, undef, $seconds);
is(leader_pid(), $leader, 'the leader has not changed');
my $used = cpu_of($leader) - $before[0];
my $share = 100 * $used / $seconds;
cmp_ok($share, '<', 1, sprintf('idle, the leader uses %.2f %% of a core', $share));
cmp_ok(100 * (cpu_of($postmaster) - $before[1]) / $seconds, '<', 1, 'and starts no workers in vain');

# One of them is due in two seconds.
query('postgres', "SELECT nex_backup_alter_job('job 7', enabled => true)");
query('postgres', "UPDATE nex_backup.jobs SET next_run = date_trunc('second', nex_backup.now()) + interval '3 seconds' WHERE name = 'job 7'; SELECT nex_backup.wake()");
my $run = wait_for_run("job = 'job 7' AND state = 'succeeded'");
my $delay = run_row('extract(epoch FROM started - scheduled_for)', "id = $run");
cmp_ok($delay, '<', 2, sprintf('a job that is due starts after %.3f seconds', $delay));
cmp_ok($delay, '>=', 0, 'and not before');

# Many at once: the queue empties as fast as the limit lets it.
my $many = $jobs < 200 ? $jobs : 200;
query('postgres', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name IN (SELECT name FROM nex_backup.jobs WHERE name <> 'job 7' ORDER BY name LIMIT $many); SELECT nex_backup.wake()") if $ENV{NEXB_JOBS};
if ($ENV{NEXB_JOBS})
{
	my $begun = time;
	sleep 1 while query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'succeeded' AND job <> 'job 7'") < $many && time - $begun < 300;
	is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'succeeded' AND job <> 'job 7'"), $many, "$many jobs at once: done after " . (time - $begun) . ' seconds');
}

done_testing();
