# What the scheduler costs where there is nothing to do, in every state: CPU of the leader, and WAL of the server.
#
# NEXB_IDLE_SECONDS=60 for the measure that the documentation gives, on a quiet machine; 20 is the default, scaled
# to a minute, where the same work costs up to twice as much beside other tests.  A loop costs far more.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes ();

my $seconds = $ENV{NEXB_IDLE_SECONDS} || 20;
my $most = $ENV{NEXB_IDLE_SECONDS} ? 60 : 120;    # ms of CPU a minute; 60 is 0.1 % of a core
my $tool = stand_in();
my $logs = File::Temp::tempdir(CLEANUP => 1);
my @sessions;

# ------------------------------------------------------------------ one server for each state

my $template = PostgreSQL::Test::Cluster->new('template');
$template->init(allows_streaming => 1, extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$template->append_conf('postgresql.conf', "$_->[0] = '$_->[1]'")
  for [ shared_preload_libraries => 'nex_backup' ], [ autovacuum => 'off' ], [ wal_log_hints => 'off' ], [ shared_buffers => '16MB' ], [ max_connections => 20 ];
$template->backup_fs_cold('copy');

# A session that stays, with a transaction open.
sub hold
{
	my ($sql) = @_;
	my ($in, $out, $err) = ("BEGIN; $sql; SELECT 'held';\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres' ], '<', \$in, '>', \$out, '2>', \$err);

	$session->pump until $out =~ /held/ || $err =~ /ERROR/;
	die $err if $err =~ /ERROR/;
	push @sessions, [ $session, \$in ];
	return;
}

my $job = "SELECT nex_backup_schedule('%s', '0 2 1 1 *', 'postgres', '/x', type => '%s', timezone => 'UTC')";
my $due = "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = '%s'; SELECT nex_backup.wake()";

my @states = (
	{ name => 'no jobs' },
	{ name => 'scheduler off', settings => { 'nex_backup.scheduler' => 'off' } },
	{ name => 'one job, disabled', sql => sprintf($job, 'j', 'ok') . "; SELECT nex_backup_alter_job('j', enabled => false); " . sprintf($due, 'j') },
	{ name => 'suspended', sql => sprintf($job, 'j', 'ok') . "; UPDATE nex_backup.scheduler SET system_identifier = '1'; " . sprintf($due, 'j') },
	{ name => 'agent mode, an agent idle', settings => { 'nex_backup.executor' => 'agent' }, agent => 1 },
	{ name => 'one job, next year', sql => sprintf($job, 'j', 'ok') },
	{ name => 'a blocked queue', settings => { 'nex_backup.max_concurrent_runs' => 1 },
		sql => "SELECT nex_backup_run('postgres', repository => '/x', type => 'hang', wait => false)",
		wait => "SELECT count(*) FROM nex_backup.runs WHERE state = 'running'",
		then => "SELECT nex_backup_run('postgres', repository => '/x', type => 'ok', wait => false)" },
	{ name => 'no worker slot', settings => { max_worker_processes => 1, max_logical_replication_workers => 0 },
		sql => sprintf($job, 'j', 'ok') . '; ' . sprintf($due, 'j') },
	{ name => 'an alarm that nobody delivers', sql => "SELECT nex_backup.raise_alarm('missed', 'j', NULL, 'postgres', '{}')",
		wait => "SELECT count(*) FROM nex_backup.runs WHERE kind = 'notify' AND finished IS NOT NULL" },
	{ name => 'a due job that is locked', sql => sprintf($job, 'j', 'ok') . "; UPDATE nex_backup.jobs SET next_run = nex_backup.now() + interval '2 seconds'",
		hold => 'SELECT FROM nex_backup.jobs FOR UPDATE' },
	{ name => 'a queued run that is locked', settings => { 'nex_backup.max_concurrent_runs' => 1 },
		sql => "SELECT nex_backup_run('postgres', repository => '/x', type => 'hang', wait => false)",
		wait => "SELECT count(*) FROM nex_backup.runs WHERE state = 'running'",
		then => "SELECT nex_backup_run('postgres', repository => '/x', type => 'ok', wait => false)",
		hold => "SELECT FROM nex_backup.runs WHERE state = 'queued' FOR UPDATE",
		last => "SELECT nex_backup_cancel(id) FROM nex_backup.runs WHERE state = 'running'" });

my $n = 0;
for my $state (@states)
{
	my $node = PostgreSQL::Test::Cluster->new('idle' . ++$n);

	$node->init_from_backup($template, 'copy');
	$node->append_conf('postgresql.conf', "nex_backup.tool_path = '$tool'");
	$node->append_conf('postgresql.conf', "$_ = '$state->{settings}{$_}'") for sort keys %{ $state->{settings} || {} };
	$node->start;
	use_server($node);
	query('postgres', 'CREATE EXTENSION nex_backup');
	query('postgres', $state->{sql}) if $state->{sql};
	ok(wait_until(sub { query('postgres', $state->{wait}) > 0 }), "$state->{name}: as wanted") if $state->{wait};
	query('postgres', $state->{then}) if $state->{then};
	hold($state->{hold}) if $state->{hold};
	query('postgres', $state->{last}) if $state->{last};
	if ($state->{agent})
	{
		$state->{agent} = start_tool("$logs/agent.log", 'agent', '--config=/dev/null', '--repo=/x', '--catalogue',
			'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres', '--agent-name=idle');
		ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.executors WHERE name = 'idle'") > 0 }), 'the agent is there');
		$state->{backend} = query('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'nex_backup agent'");
	}
	$state->{node} = $node;
	$state->{leader} = leader_pid();
	cmp_ok($state->{leader}, '>', 0, "$state->{name}: there is a leader");
	($state->{postmaster}) = read_bytes($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
}

# The standby of the first.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$states[0]{node}->backup('base');
$standby->init_from_backup($states[0]{node}, 'base', has_streaming => 1);
$standby->start;
use_server($standby);
ok(wait_until(sub { my $there = eval { query('postgres', "SELECT count(*) FROM pg_extension WHERE extname = 'nex_backup'") }; $there }), 'a standby');
push @states, { name => 'standby', node => $standby, leader => leader_pid() };
is($states[-1]{leader}, 0, 'without a leader');
($states[-1]{postmaster}) = read_bytes($standby->data_dir . '/postmaster.pid') =~ /^(\d+)/;

# ------------------------------------------------------------------ measure

# ms of CPU that a process has had.
sub cpu
{
	my ($pid) = @_;

	return $pid ? (split / /, read_bytes("/proc/$pid/schedstat"))[0] / 1e6 : 0;
}

# ms of CPU that the ended children of a process had: a postmaster's are its workers and sessions.
sub cpu_of_children
{
	my ($pid) = @_;
	my @fields = split / /, read_bytes("/proc/$pid/stat") =~ s/^.*\) //sr;

	return 10 * ($fields[13] + $fields[14]);
}

sub measure
{
	my ($state) = @_;

	use_server($state->{node});
	return {
		at => Time::HiRes::time(),
		wal => query('postgres', 'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END - $$0/0$$::pg_lsn'),
		leader => cpu($state->{leader}), agent => cpu($state->{agent}), backend => cpu($state->{backend}),
		postmaster => cpu($state->{postmaster}), children => cpu_of_children($state->{postmaster}) };
}

# What was written since the measure began, without what the server writes by itself after a checkpoint: which
# transactions there are, for standbys.
sub wal_since
{
	my ($state) = @_;
	my $from = sprintf('%X/%X', $state->{before}{wal} / 2**32, $state->{before}{wal} % 2**32);
	my ($out, $err) = ('', '');

	use_server($state->{node});
	IPC::Run::run([ 'pg_waldump', '-p', $state->{node}->data_dir . '/pg_wal', '-s', $from ], '>', \$out, '2>', \$err);
	return join("\n", grep { !/RUNNING_XACTS/ } split /\n/, $out);
}

for my $state (@states)
{
	use_server($state->{node});
	# Autovacuum is off: who reads what CREATE EXTENSION has left there would clean it up.
	query('postgres', 'VACUUM pg_catalog.pg_proc') if $state->{name} ne 'standby';
	query('postgres', 'CHECKPOINT');
}
# After that it writes for standbys which transactions there are, within 25 seconds.
sleep($ENV{NEXB_IDLE_SECONDS} ? 28 : 3);
$_->{before} = measure($_) for @states;
sleep $seconds / 2;
$_->{middle} = measure($_) for @states;
sleep $seconds / 2;
for my $state (@states)
{
	my ($before, $middle, $after) = (@$state{qw(before middle)}, measure($state));

	$state->{wal_used} = $after->{wal} - $before->{wal};
	# The lesser half counts: what other tests do to the caches costs a moment, and a loop costs both.
	for my $what (qw(leader agent backend postmaster children))
	{
		my @halves = map { 60 * ($_->[1]{$what} - $_->[0]{$what}) / ($_->[1]{at} - $_->[0]{at}) } [ $before, $middle ], [ $middle, $after ];

		$state->{ $what . '_used' } = $halves[0] < $halves[1] ? $halves[0] : $halves[1];
	}
	is(leader_pid(), $state->{leader}, "$state->{name}: the leader has not changed");
}

note(sprintf('%-30s %10s %10s %10s %10s %12s %8s', "a minute ($seconds s), ms of CPU:", qw(leader agent backend postmaster children WAL)));
for my $state (@states)
{
	note(sprintf('%-30s %10.2f %10.2f %10.2f %10.2f %12.0f %8d', "  $state->{name}", map { $state->{$_ . '_used'} } qw(leader agent backend postmaster children wal)));
}
for my $state (@states)
{
	cmp_ok($state->{$_ . '_used'}, '<=', $most, "$state->{name}: CPU of the $_") for qw(leader agent backend);
	is($state->{wal_used} > 0 ? wal_since($state) : '', '', "$state->{name}: no WAL");
}
# Our own sessions are among the children.
my ($locked) = grep { $_->{name} =~ /queued run that is locked/ } @states;
cmp_ok($locked->{children_used}, '<', 1000, 'no executors are started again and again for a run that nobody can claim');

# ------------------------------------------------------------------ what holds up, ends

my ($slots) = grep { $_->{name} eq 'no worker slot' } @states;
use_server($slots->{node});
like(query('postgres', "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'scheduler'"),
	qr/^(warning|critical) running, but since .*: no slot for a background worker is free/, 'status tells of the missing slot');

for my $session (@sessions)
{
	${ $session->[1] } .= "COMMIT;\n\\q\n";
	$session->[0]->finish;
}
use_server($locked->{node});
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'succeeded'") == 1 }), 'the run that was locked is done');
my ($due_job) = grep { $_->{name} =~ /due job that is locked/ } @states;
use_server($due_job->{node});
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = 'j' AND state = 'succeeded'") == 1 }), 'so is the job');

# An alarm and a job after a minute of nothing: at once.
use_server($states[0]{node});
query('postgres', sprintf($job, 'late', 'ok') . '; ' . sprintf($due, 'late'));
my $begun = Time::HiRes::time();
my $run = wait_for_run("job = 'late' AND state = 'succeeded'");
cmp_ok(Time::HiRes::time() - $begun, '<', 5, 'who sleeps is woken');

# ------------------------------------------------------------------ anybody may NOTIFY

my ($agents) = grep { $_->{agent} } @states;
use_server($agents->{node});
query('postgres', 'CREATE ROLE joe LOGIN');
my $before = measure($agents);
my ($in, $out, $err) = ('', '', '');
my $flood = IPC::Run::start([ 'pgbench', '-n', '-U', 'joe', '-T', '10', '-f', '-', 'postgres' ], '<', \"NOTIFY nex_backup, 'queued';\n", '>', \$out, '2>', \$err);
sleep 5;
$begun = Time::HiRes::time();
query('postgres', "SELECT nex_backup.enqueue(NULL, NULL, 'verify', '/nowhere', 'postgres', '{\"type\": \"x\", \"options\": {}, \"max_attempts\": 1}')");
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'verify' AND (started IS NOT NULL OR finished IS NOT NULL)") > 0 }), 'in a flood of notifications, a run starts');
cmp_ok(Time::HiRes::time() - $begun, '<', 3, 'soon');
$flood->finish;
my ($notified) = $out =~ /transactions actually processed: (\d+)/;
my $after = measure($agents);
my $share = ($after->{agent} - $before->{agent}) / 10 / ($after->{at} - $before->{at});
cmp_ok($notified, '>', 1000, "$notified notifications");
cmp_ok($share, '<', 5, sprintf('cost the agent %.2f %% of a core', $share));

kill 'TERM', $agents->{agent};
is(finish_tool($agents->{agent}), 0, 'the agent ends');
done_testing();
