# Who has a login and nothing else holds whatever he can: scheduler, agents and alarms go on.  And what really holds
# them up is said, and ends.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

my $node = start_scheduler('main', log_min_messages => 'log');
my $logs = File::Temp::tempdir(CLEANUP => 1);
my $web = start_sink('web_sink.py');
my $config = "$logs/nex.yaml";
my $conninfo = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres';
my $status = "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'scheduler'";

use_tool(stand_in());
write_bytes($config, "repo: /x\nno-password: true\nnotify:\n  directory: $logs/notify\n  webhook:\n    url-file: "
	  . secret_file('http://127.0.0.1:' . sink_port($web) . '/hook') . "\n");
query('postgres', 'CREATE ROLE joe LOGIN; CREATE ROLE owner LOGIN; ALTER DATABASE postgres OWNER TO owner');

# A session that stays as it is until the returned sub is called.
sub hold
{
	my ($sql, @options) = @_;
	my ($in, $out, $err) = ("$sql; SELECT 'held';\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', @options ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));

	$session->pump until $out =~ /held/ || $err =~ /ERROR|FATAL/;
	die $err if $err =~ /ERROR|FATAL/;
	return sub { $in .= "\\q\n"; $session->pump while $session->pumpable && length $in; $session->finish; };
}

sub due
{
	my ($job) = @_;

	query('postgres', "UPDATE nex_backup.jobs SET next_run = nex_backup.now() WHERE name = '$job'; SELECT nex_backup.wake()");
	return;
}

sub runs_of { return query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = '$_[0]' AND state = 'succeeded'"); }
sub agent { return start_tool("$logs/$_[0].log", 'agent', '--config', $config, '--catalogue', $conninfo, '--agent-name', $_[1]); }

# ------------------------------------------------------------ locks that anybody can take

my @locks = (
	[ 'the queue', 'pg_advisory_lock(1852143714, 1)' ],
	[ 'the queue, as one number', 'pg_advisory_lock((1852143714::int8 << 32) + 1)' ],
	[ 'alarms', 'pg_advisory_lock(1852143715, -1)' ],
	[ 'names of agents', "count(pg_advisory_lock(1852143715, hashtext(CASE WHEN i = 1 THEN 'vm' ELSE 'vm-' || i END))) FROM generate_series(1, 1000) i" ]);
my $job = "SELECT nex_backup_schedule('%s', '0 2 1 1 *', 'postgres', '/x', type => 'ok', timezone => 'UTC', retry => 0)";
query('postgres', sprintf($job, 'j'));
my @held = map { hold("SELECT $_->[1]", '-U', 'joe') } @locks;
# And the owner of the database, who may ANALYZE every table in it, in a transaction that he leaves open.
push @held, hold('SET client_min_messages = error; BEGIN; ANALYZE', '-U', 'owner');
is(query('postgres', "SET statement_timeout = '10s'; SELECT state FROM nex_backup_run('j')"), 'succeeded', 'joe holds what he can: a run');
due('j');
ok(wait_until(sub { runs_of('j') == 2 }), 'and a job that is due');
ok(!eval { query('postgres', "SET SESSION AUTHORIZATION joe; $_"); 1 }, "not for joe: $_")
  for 'BEGIN; LOCK TABLE nex_backup.executor_sessions IN ACCESS SHARE MODE', 'SELECT nex_backup.lock_queue()',
  'SELECT FROM nex_backup.alarms FOR UPDATE', "SELECT nex_backup.note_executor('vm', false, 'x', 1)", 'SELECT nex_backup.leader_state()',
  'SELECT * FROM nex_backup.executors';

query('postgres', 'UPDATE nex_backup.alarms SET delivered = raised WHERE delivered IS NULL');
query('postgres', "SELECT nex_backup.raise_alarm('missed', 'j', NULL, 'postgres', '{\"due\": \"2026-01-01 02:00\"}')");
my ($code, $out, $err) = tool('notify', '--config', $config, '--catalogue', $conninfo);
is($code, 0, 'an alarm is delivered');
like($out, qr/^1 message delivered/, 'and that is said');
is(query('postgres', 'SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL'), 0, 'none is left');
is(scalar(requests($web, 200)), 1, 'it has arrived');

set_options('nex_backup.executor' => 'agent');
my $agent = agent('vm', 'vm');
ok(wait_until(sub { read_bytes("$logs/vm.log") =~ /connected to the catalogue as agent "vm"/ }), 'an agent gets its name');
due('j');
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE job = 'j' AND executor = 'vm' AND finished IS NOT NULL") == 1 }), 'and does a run');
$_->() for @held;

# ------------------------------------------------------------------------ names of agents

my $second = agent('second', 'vm');
ok(wait_until(sub { read_bytes("$logs/second.log") =~ /as agent "vm-2"/ }), 'a second one gets another');
my $third = agent('third', 'leader');
ok(wait_until(sub { read_bytes("$logs/third.log") =~ /as agent "leader-2"/ }), 'that of the leader is taken, too');
is(query('postgres', 'SELECT string_agg(name, $$ $$ ORDER BY name) FROM nex_backup.executors'), 'leader leader-2 vm vm-2', 'as the view says');
query('postgres', "UPDATE nex_backup.executor_sessions SET last_seen = last_seen - interval '10 minutes' WHERE NOT in_server");
is(query('postgres', "SELECT count(*) FROM nex_backup.executors WHERE last_seen > clock_timestamp() - interval '2 minutes'"), 4,
	'an agent that is connected is seen without a word from it');
like(query('postgres', $status), qr/^ok running/, 'status: all is well');
kill 'KILL', $_ for $agent, $second, $third;
finish_tool($_) for $agent, $second, $third;
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nex_backup agent'") == 0 }), 'the agents are gone');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM nex_backup.executor_sessions WHERE session_pid IS NOT NULL AND NOT in_server") == 0 }), 'which is noted');
is(query('postgres', "SELECT count(*) FROM nex_backup.executors WHERE last_seen > clock_timestamp() - interval '2 minutes' AND NOT in_server"), 3, 'with the time');
query('postgres', "UPDATE nex_backup.executor_sessions SET last_seen = last_seen - interval '10 minutes' WHERE NOT in_server");
like(query('postgres', $status), qr/^critical no agent is there, last seen 10 minutes ago/, 'and later, status says it');
$agent = agent('again', 'vm');
ok(wait_until(sub { read_bytes("$logs/again.log") =~ /as agent "vm"\n/ }), 'the name is free again');
kill 'TERM', $agent;
is(finish_tool($agent), 0, 'an agent ends');
set_options('nex_backup.executor' => undef);

# ------------------------------------------------------------------- what really holds them up

query('postgres', 'UPDATE nex_backup.alarms SET delivered = raised WHERE delivered IS NULL');
query('postgres', "SELECT nex_backup.raise_alarm('missed', 'j', NULL, 'postgres', '{\"due\": \"2026-01-02 02:00\"}')");
my $arrived = scalar(requests($web, 200));
my $release = hold("BEGIN; SELECT count(*) FROM nex_backup.alarms_to_deliver('vm')");
($code, $out, $err) = tool('notify', '--config', $config, '--catalogue', $conninfo);
is($code, 4, 'alarms that another process holds: not in silence');
like($err, qr/alarms of the catalogue are being delivered by another process/, 'but with the reason');
$release->();
tool_ok([ 'notify', '--config', $config, '--catalogue', $conninfo ], 'when it has ended');
is(query('postgres', 'SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL'), 0, 'the alarm is delivered');
is(scalar(requests($web, 200)) - $arrived, 1, 'once');

$release = hold('BEGIN; SELECT nex_backup.lock_queue()');
query('postgres', 'SELECT nex_backup.wake()');
my $said = '';
for (1 .. 60)
{
	$said = query('postgres', $status);
	last if $said !~ /^ok/;
	sleep 1;
}
like($said, qr/^(warning|critical) running, but since .*lock timeout/, 'a leader that cannot advance: status says so within a minute');
due('j');
my $before = runs_of('j');
$release->();
ok(wait_until(sub { runs_of('j') > $before }), 'when it can again, it does');
like(query('postgres', $status), qr/^ok running/, 'and all is well');

# A table that cannot be written to is not the fault of a job.
$release = hold('BEGIN; LOCK TABLE nex_backup.runs IN EXCLUSIVE MODE');
due('j');
for (1 .. 60)
{
	$said = query('postgres', $status);
	last if $said !~ /^ok/;
	sleep 1;
}
like($said, qr/lock timeout/, 'a table is locked for long');
$before = runs_of('j');
$release->();
is(query('postgres', 'SELECT count(*) FROM nex_backup.jobs WHERE suspended IS NOT NULL'), 0, 'no job is suspended for that');
ok(wait_until(sub { runs_of('j') > $before }), 'and it runs afterwards');

# ----------------------------------------------------------------------- a clock that jumps back

query('postgres', q(SELECT nex_backup_schedule('eleven', '0 11 * * *', 'postgres', '/x', type => 'ok', timezone => 'UTC')));
my $next = "SELECT next_run FROM nex_backup.jobs WHERE name = 'eleven'";
my $tick = 'SELECT date_trunc($$hour$$, clock) FROM nex_backup.leader_state()';
set_clock('2027-06-10 12:00 UTC');
ok(wait_until(sub { query('postgres', "SELECT last_tick >= '2027-06-10 12:00+00' AND last_tick < '2027-06-10 12:01+00' FROM nex_backup.scheduler") eq 't' }), 'noon');
set_clock('2027-06-10 12:50 UTC');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', "SELECT clock >= '2027-06-10 12:50+00' FROM nex_backup.leader_state()") eq 't' }), 'the leader remembers the time');
is(query('postgres', "SELECT last_tick < '2027-06-10 12:01+00' FROM nex_backup.scheduler"), 't', 'which is not written');
is(query('postgres', $next), '2027-06-11 11:00:00+00', 'the next run');
set_clock('2027-06-10 09:45 UTC');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', $next) eq '2027-06-10 11:00:00+00' }), 'a clock set back by three hours and five minutes: the job does not sleep until it has caught up');
set_clock('2027-06-10 07:00 UTC');
query('postgres', 'SELECT nex_backup.wake()');
ok(wait_until(sub { query('postgres', "SELECT clock < '2027-06-10 07:30+00' FROM nex_backup.leader_state()") eq 't' }), 'by less');
is(query('postgres', $next), '2027-06-10 11:00:00+00', 'nothing is due twice');
clear_clock();

# ----------------------------------------------------------------------------- false colours

my $spoof = hold("SET application_name = 'nex_backup:run:7'", '-U', 'joe');
my $tool = hold("SET application_name = 'nex_backup:run:8'; BEGIN; LOCK TABLE nex_backup.run_reports");
my ($in, $waits, $error) = ('', '', '');
my @waiting = map { IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-c', 'SELECT count(*) FROM nex_backup.run_reports' ], '<', \$in, '>', \$waits, '2>', \$error) } 1, 2;
ok(wait_until(sub { query('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') == 2 }), 'two wait');
is(query('postgres', 'SELECT run, waiting_behind FROM nex_backup.connections'), '8|2', 'a session of anybody is not taken for the tool, one of a superuser is');
$tool->();
$spoof->();
$_->finish for @waiting;

done_testing();
