# The agent: each run is executed once, whoever dies in between.  The catalogue is in one server, the
# database to be backed up in another.
use strict;
use warnings;

use File::Temp ();
use JSON::PP ();
use NexBackup::Sinks;
use NexBackup::Test;
use POSIX ':sys_wait_h';
use Test::More;
use Time::HiRes qw(sleep);

my $catalogue = start_server('catalogue', 'nex_backup.executor' => 'agent', 'nex_backup.max_concurrent_runs' => 10,
	'nex_backup.max_runs_per_repository' => 10);
plan skip_all => 'the extension is not installed' unless have_extension();
my $conninfo = 'host=' . $catalogue->host . ' port=' . $catalogue->port . ' dbname=postgres user=nex_agent';
my $target = start_server('target');
my $repo = new_repository();
my $logs = File::Temp::tempdir(CLEANUP => 1);
my $web = start_sink('web_sink.py');
my $config = "$logs/nex.yaml";

write_bytes($config, "repo: $repo\nno-password: true\nnotify:\n  directory: $logs/notify\n  webhook:\n    url-file: "
	  . secret_file('http://127.0.0.1:' . sink_port($web) . '/hook') . "\n");

# SQL in the catalogue.
sub ask
{
	my ($sql) = @_;
	local @ENV{qw(PGHOST PGPORT)} = ($catalogue->host, $catalogue->port);

	return query('postgres', $sql);
}

# Queue runs by hand; gives the id of the last.
sub enqueue
{
	my ($kind, $database, %definition) = @_;
	my $json = JSON::PP->new->canonical->encode(
		{ type => 'test', options => {}, max_attempts => 1, retry_delay => '0', %definition });

	return ask("SELECT nex_backup.enqueue(NULL, NULL, '$kind', '$repo', "
		  . (defined $database ? "'$database'" : 'NULL') . ", '$json')");
}

sub state_of { return ask("SELECT state FROM nex_backup.runs WHERE id = $_[0]"); }

sub agent_words { return ('agent', '--config', $config, '--catalogue', $conninfo, @_); }

sub start_agent
{
	my ($name, @more) = @_;

	return start_tool("$logs/$name.log", agent_words('--agent-name', $name, @more));
}

sub stop_agent
{
	my ($pid, $signal) = @_;

	kill $signal || 'TERM', $pid;
	return finish_tool($pid);
}

# The programs that work for a run.
sub programs
{
	my ($run) = @_;

	return grep { my $environ = eval { read_bytes("$_/environ") } || ''; $environ =~ /\bPGAPPNAME=nex_backup:run:$run\0/ }
	  grep { -r "$_/environ" } glob('/proc/[0-9]*');
}

create_database('shop');
query('shop', 'CREATE TABLE item AS SELECT generate_series(1, 1000) AS id');

# ----------------------------------------------------------- who may, and what must fit

tool_fails(['agent'], 2, qr/an agent needs a catalog/, 'no catalogue');
ask('CREATE ROLE nex_agent LOGIN');
tool_fails([ agent_words('--once') ], 2, qr/does not have the extension/, 'no extension');
ask('CREATE EXTENSION nex_backup');
ask('GRANT USAGE ON SCHEMA nex_backup TO nex_agent');
ask("GRANT EXECUTE ON FUNCTION nex_backup.$_ TO nex_agent")
  for 'advance(text, bool, text, int4)', 'claim(text, bool, text, int4)', 'start(int8, int8, int4)',
  'heartbeat(int8, int8, text)', 'finish(int8, int8, int4, int4, text, text, text)', 'record(text, jsonb)',
  'alarms_to_deliver(text)', 'alarm_delivered(int8)';
my $version = ask("SELECT extversion FROM pg_extension WHERE extname = 'nex_backup'");
ask("SET allow_system_table_mods = on; UPDATE pg_extension SET extversion = '0.1.0' WHERE extname = 'nex_backup'");
tool_fails([ agent_words('--once') ], 2, qr/the catalog is of version 0\.1\.0, this program of version/, 'another version');
ask("SET allow_system_table_mods = on; UPDATE pg_extension SET extversion = '$version' WHERE extname = 'nex_backup'");
tool_ok([ agent_words('--once') ], 'an empty queue');

# --------------------------------------------------------------------------- a job that is due

# Due when the test says so, and not by itself while it runs.
my ($minute, $hour) = (gmtime(time + 12 * 3600))[ 1, 2 ];
ask("SELECT nex_backup_schedule('nightly', '$minute $hour * * *', timezone => 'UTC', database => 'shop', repository => '$repo', retry => 0)");
ask("UPDATE nex_backup.jobs SET next_run = now() - interval '1 second'");
tool_ok([ agent_words('--once') ], 'a job that is due');
is(ask("SELECT state, exit_code, executor IS NOT NULL, database, attempt FROM nex_backup.runs WHERE job = 'nightly'"),
	'succeeded|0|t|shop|1', 'is run');
my $id = latest_id($repo, 'shop');
is(ask("SELECT database, id FROM nex_backup.backups"), "shop|$id", 'and recorded where it was queued');
is(ask("SELECT job, backup, repository IS NOT NULL, details ->> 'type' FROM nex_backup.runs WHERE kind <> 'notify'"),
	"nightly|$id|t|daily", 'as one run');

# A set of files, as the worker does it in 061_scheduler.
tool_ok([ 'config', 'keygen', '-o', "$logs/id" ], 'a key pair');
my ($recipient) = read_bytes("$logs/id") =~ /public key: (age1\S+)/;
write_bytes("$logs/app.yaml", "port: 1\n");
write_bytes("$logs/files.yaml", "repo: $repo\nrecipient: $recipient\nfile-sets:\n  etc: [ '$logs/app.yaml' ]\n"
	  . "repositories:\n  offsite: {repo: '$logs/offsite'}\n  other: {repo: '$logs/other'}\n");
my $set = enqueue('config', undef, options => { set => 'etc' });
tool_ok([ 'agent', '--config', "$logs/files.yaml", '--catalogue', $conninfo, '--once' ], 'a set of files');
is(ask("SELECT r.state, r.file_set, b.database, b.kind FROM nex_backup.runs r JOIN nex_backup.backups b ON b.id = r.backup AND b.database = 'config/' || r.file_set WHERE r.id = $set AND r.kind = 'config'"),
	'succeeded|etc|config/etc|files', 'is recorded, as that run');
ask("DELETE FROM nex_backup.backups WHERE kind = 'files'");

# A copy, to a place that the agent's settings name.
tool_ok([ 'copy', '--repo', $repo, '--to', "$logs/offsite", '--create', '--kind', 'database', '--catalogue', 'none' ], 'a place for copies');
# Somebody else's repository of the same id: neither a source nor a target.
system('cp', '-a', $repo, "$logs/forged") == 0 or die 'cp';
my @copies = map { enqueue('copy', 'shop', options => { to => $_ }) } 'offsite', 's3://bucket/x', "$logs/forged", "$logs/offsite/";
push(@copies, map { ask("SELECT nex_backup.enqueue(NULL, NULL, 'copy', '$$_[0]', 'shop', '{\"type\": \"test\", \"options\": {\"to\": \"$$_[1]\"}, \"max_attempts\": 1, \"retry_delay\": \"0\"}')") }
	[ "$logs/forged", 'offsite' ], [ "$logs/offsite", $repo ], [ "$logs/offsite", 'other' ]);
tool('agent', '--config', "$logs/files.yaml", '--catalogue', $conninfo, '--once');
is(ask("SELECT r.state, r.database, r.copy IS NOT NULL, p.count FROM nex_backup.runs r, LATERAL (SELECT count(*) FROM nex_backup.run_reports p WHERE p.run = r.id) p WHERE r.id = $copies[0]"),
	'succeeded|shop|t|1', 'is a run');
like(ask("SELECT state || ' ' || error FROM nex_backup.runs WHERE id = $copies[1]"), qr/^failed .*a job can copy to the full path/, 'a URL is not for a job to say');
like(ask("SELECT state || ' ' || error FROM nex_backup.runs WHERE id = $copies[$_]"), $_ == 2 ? qr{^failed .*only to repositories of its settings, which do not know "\Q$logs\E/forged"} : qr/^failed .*copies only from the repository of its settings/,
	'nor a directory that the agent\'s settings do not know, nor from one of their copies') for 2, 4, 6;
is(ask("SELECT state FROM nex_backup.runs WHERE id = $copies[3]"), 'succeeded', 'but one that they do');
like(ask("SELECT state || ' ' || error FROM nex_backup.runs WHERE id = $copies[5]"), qr/^failed .*copies only from the repository of its settings/, 'and not back into its repository');
# Which one is copied, no job says.
my @undecided = map { ask("SELECT nex_backup.enqueue(NULL, NULL, 'copy', '$$_[0]', 'shop', '{\"type\": \"test\", \"options\": {\"to\": \"$$_[1]\"}, \"max_attempts\": 1, \"retry_delay\": \"0\"}')") }
	[ $repo, 'offsite' ], [ "$logs/offsite", 'main' ];
write_bytes("$logs/places.yaml", "repositories:\n  main: {repo: '$repo'}\n  offsite: {repo: '$logs/offsite'}\n");
tool('agent', '--config', "$logs/places.yaml", '--catalogue', $conninfo, '--once');
like(ask("SELECT state || ' ' || error FROM nex_backup.runs WHERE id = $_"), qr/^failed .*copies only from the repository of its settings, "repo", which/, 'an agent without a repository copies nothing') for @undecided;
ask("DELETE FROM nex_backup.runs WHERE kind = 'copy'");

# A failure: what the program wrote is kept, and the alarm is told once.
my @events = map { JSON::PP->new->decode($_->{body}) } requests($web, 200);
is(join(' ', map { $_->{event} } @events), 'backup.succeeded', 'the first success is told, once');
ask("SELECT nex_backup_alter_job('nightly', database => 'absent')");
ask("UPDATE nex_backup.jobs SET next_run = now() - interval '1 second'");
tool_fails([ agent_words('--once') ], 1, qr/1 of 1 runs did not succeed/, 'a job that fails');
is(ask("SELECT state, exit_code FROM nex_backup.runs WHERE kind = 'backup' ORDER BY id DESC LIMIT 1"), 'failed|1', 'is recorded');
like(ask("SELECT log_tail FROM nex_backup.runs WHERE kind = 'backup' ORDER BY id DESC LIMIT 1"), qr/database "absent" does not exist/, 'with what it wrote');
tool_ok([ agent_words('--once') ], 'nothing more to do');
@events = map { JSON::PP->new->decode($_->{body}) } requests($web, 200);
is(join(' ', map { $_->{event} } @events), 'backup.succeeded backup.failed', 'the failure is told, once');
is(ask('SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL'), 0, 'no alarm is left');

# What only the scheduler knows.
ask("SELECT nex_backup.raise_alarm('missed', 'nightly', NULL, 'shop', '{\"due\": \"2026-01-01 02:00\", \"starts\": false}')");
my $untold = "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'notifications'";
is(ask($untold), '', 'status waits a while');
ask("UPDATE nex_backup.alarms SET raised = raised - interval '3 hours' WHERE delivered IS NULL");
like(ask($untold), qr/^warning nobody was told of 1 alarm, the oldest of 3 hours ago; the last was delivered just now$/,
	'then it says that nobody was told');
tool_ok([ 'notify', '--config', $config, '--catalogue', $conninfo ], 'an alarm of the scheduler');
is(ask($untold), '', 'told: no word of it');
tool_ok([ 'notify', '--config', $config, '--catalogue', $conninfo ], 'twice');
@events = map { JSON::PP->new->decode($_->{body}) } requests($web, 200);
is("$events[-1]{event} $events[-1]{job} $events[-1]{database}", 'backup.missed nightly shop', 'is told');
is(scalar @events, 3, 'once');
like($events[-1]{error}, qr/it was due 2026-01-01 02:00/, 'with what was missed');
ask("SELECT nex_backup_unschedule('nightly')");

# A job of a server that has a name, in a repository that the agent's settings do not name.
my $shared = new_repository();
ask("SELECT nex_backup_schedule('of west', '$minute $hour * * *', timezone => 'UTC', database => 'shop', repository => '$shared', retry => 0, "
	  . "options => '{\"server\": \"west\"}')");
ask("UPDATE nex_backup.jobs SET next_run = now() - interval '1 second' WHERE name = 'of west'");
tool_ok([ agent_words('--once') ], 'a job of another server');
is(ask("SELECT state FROM nex_backup.runs WHERE job = 'of west'"), 'succeeded', 'is run')
  or diag(ask("SELECT reason || log_tail FROM nex_backup.runs WHERE job = 'of west'"));
is_deeply([ map { "$_->{server} $_->{database}" } @{ tool_json('list', '--repo', $shared)->{backups} } ], ['west west@shop'], 'under its name');
ok(!-e "$shared/backups/shop", 'and no other');
is(ask("SELECT count(*) FROM nex_backup.backups WHERE database = 'west\@shop'"), 1, 'recorded, too');
ask("SELECT nex_backup_unschedule('of west')");

# What the agent is told on its command line holds for its programs.
{
	my ($keys, $other) = (File::Temp::tempdir(CLEANUP => 1), new_repository());
	my $encrypted = "$keys/encrypted";
	my $due = "UPDATE nex_backup.jobs SET next_run = now() - interval '1 second' WHERE name = 'told'";
	my $last = "SELECT state || ' ' || coalesce(log_tail, '') FROM nex_backup.runs WHERE job = 'told' ORDER BY id DESC LIMIT 1";

	tool_ok([ 'keygen', '-o', "$keys/id" ], 'a key');
	my ($recipient) = read_bytes("$keys/id") =~ /(age1\w+)/;
	my ($code, $out, $err) = tool('init', '--repo', $encrypted, '--recipient', $recipient, '--state-dir', "$keys/state");
	my ($signer) = "$out$err" =~ /(nex-signer-1\w+)/;
	my @told = ('--signer', $signer, '--identity', "$keys/id", '--state-dir', "$keys/state", '--server', 'north');
	ask("SELECT nex_backup_schedule('told', '$minute $hour * * *', timezone => 'UTC', database => 'shop', repository => '$other', retry => 0)");
	ask($due);
	tool_fails([ agent_words('--once', @told) ], 1, qr/1 of 1 runs did not succeed/, 'a repository that is not encrypted, where a signer is named');
	like(ask($last), qr/^failed .*not encrypted/s, 'is refused');
	is_deeply([ grep { m{^(?:backups|servers|objects)/} } all_files($other) ], [], 'and not written to');
	ask("SELECT nex_backup_alter_job('told', repository => '$encrypted')");
	ask($due);
	tool_ok([ agent_words('--once', @told) ], 'the encrypted one, with keys from the command line');
	my @backups = @{ tool_json('list', '--repo', $encrypted, '--identity', "$keys/id")->{backups} };
	is(join(' ', map { $_->{server} // 'main' } @backups), 'north', 'is written to, for the server that was named');
	tool_fails([ agent_words('--once', '--passphrase-fd', '0') ], 2, qr/cannot hand on --passphrase-fd/, 'a descriptor is refused');
	ask("SELECT nex_backup_unschedule('told')");
}

# ------------------------------------------------------ three agents, and fifty runs for them

my $first = ask('SELECT coalesce(max(id), 0) FROM nex_backup.runs');
enqueue('verify', 'shop') for 1 .. 50;
my @agents = map { start_agent("race$_", '--max-runs', 4) } 1 .. 3;
ok(wait_until(sub { ask("SELECT count(*) FROM nex_backup.runs WHERE id > $first AND kind = 'verify' AND state IN ('queued', 'starting', 'running')") == 0 })
	  || wait_until(sub { ask("SELECT count(*) FROM nex_backup.runs WHERE id > $first AND kind = 'verify' AND state IN ('queued', 'starting', 'running')") == 0 }),
	'fifty runs end');
is(ask("SELECT state, count(*) FROM nex_backup.runs WHERE id > $first AND kind = 'verify' GROUP BY 1"), 'succeeded|50', 'all succeed');
is(stop_agent($_), 0, 'an agent ends well when it is told to') for @agents;
my %started;
for my $n (1 .. 3)
{
	$started{$_}++ for read_bytes("$logs/race$n.log") =~ /run (\d+): verify of job/g;
}
is(scalar(grep { $started{$_} == 1 } keys %started), 50, 'each was started once');
cmp_ok(ask("SELECT count(DISTINCT executor) FROM nex_backup.runs WHERE id > $first AND kind = 'verify'"), '>', 1, 'by more than one agent');
is(ask('SELECT count(*) FROM nex_backup.leases'), 0, 'no lease is left');

# --------------------------------------------------------------- cancel, timeout, kill -9

my $agent = start_agent('one');
my $release = hold_lock('shop', 'item');
my $run = enqueue('backup', 'shop');
ok(wait_until(sub { query('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') > 0 }), 'a run waits for a lock');
is(state_of($run), 'running', 'it is running');
ask("SELECT nex_backup.request_cancel($run, 'a test')");
ok(wait_until(sub { state_of($run) eq 'cancelled' }), 'and is cancelled');
# A backup that nobody stops ends, too, when it has waited too long for the lock.
is(ask("SELECT exit_code FROM nex_backup.runs WHERE id = $run"), 130, 'its program was stopped');
ok(wait_until(sub { !programs($run) }), 'its program is gone');
ok(wait_until(sub { backends_in('shop') == 1 }), 'and so are its sessions');

$run = enqueue('backup', 'shop', timeout => '1 second', kill_grace => '5 seconds');
ok(wait_until(sub { state_of($run) eq 'timed_out' }), 'a run that takes too long is stopped');
ok(wait_until(sub { !programs($run) }), 'its program is gone');

# The agent is killed in the middle of a run: the program ends, and another agent does the work.
$run = enqueue('backup', 'shop', max_attempts => 2);
ok(wait_until(sub { state_of($run) eq 'running' && programs($run) }), 'a run is going on');
my $before = @{ tool_json('list', '--repo', $repo, 'shop')->{backups} };
is(stop_agent($agent, 'KILL'), 128 + 9, 'the agent is killed');
ok(wait_until(sub { !programs($run) }), 'the program dies with it');
is(state_of($run), 'running', 'the run is still its own, for a minute');
$agent = start_agent('two');
ok(wait_until(sub { read_bytes("$logs/two.log") =~ /as agent "two"/ }), 'another agent looks');
is(state_of($run), 'running', 'also when another agent looks');
ask("UPDATE nex_backup.leases SET lease_until = clock_timestamp()");
$release->();
ok(wait_until(sub { state_of($run) eq 'crashed' || ask('SELECT pg_notify($$nex_backup$$, $$queued$$)') && 0 }), 'then it is settled');
ok(wait_until(sub { ask("SELECT state FROM nex_backup.runs WHERE origin = $run") eq 'succeeded' }), 'and repeated');
is(scalar @{ tool_json('list', '--repo', $repo, 'shop')->{backups} }, $before + 1, 'one backup was made, not two');
is(ask('SELECT count(*) FROM nex_backup.leases'), 0, 'no lease is left');

# ------------------------------------------------------- a catalogue that is restarted midway

$release = hold_lock('shop', 'item');
$run = enqueue('backup', 'shop');
ok(wait_until(sub { state_of($run) eq 'running' && query('postgres', 'SELECT count(*) FROM pg_locks WHERE NOT granted') > 0 }),
	'a run is going on');
$catalogue->stop('immediate');
$release->();
ok(wait_until(sub { read_bytes("$logs/two.log") =~ /trying again/ }), 'the catalogue is gone');
$catalogue->start;
ok(wait_until(sub { (eval { state_of($run) } || '') eq 'succeeded' }), 'a run outlives a crash of the catalogue');
like(read_bytes("$logs/two.log"), qr/could not connect to the catalog, trying again/, 'the agent has noticed');
is(() = read_bytes("$logs/two.log") =~ /could not connect to the catalog/g, 1, 'and said so once');

# ------------------------------------------------------------------------ the end of an agent

$release = hold_lock('shop', 'item');
$run = enqueue('backup', 'shop');
ok(wait_until(sub { state_of($run) eq 'running' }), 'a run is going on');
kill 'TERM', $agent;
ok(wait_until(sub { read_bytes("$logs/two.log") =~ /asked to stop: waiting for 1 running programs/ }), 'the agent was told to stop, and waits');
is(state_of($run), 'running', '... for the run');
my $late = enqueue('verify', 'shop');
$release->();
is(finish_tool($agent), 0, 'then it ends');
is(state_of($run), 'succeeded', 'with the run');
is(state_of($late), 'queued', 'and has begun no other');

$agent = start_agent('three', '--stop-timeout', 0);
ok(wait_until(sub { state_of($late) eq 'succeeded' }), 'the next agent does it');
$release = hold_lock('shop', 'item');
$run = enqueue('backup', 'shop', max_attempts => 2);
ok(wait_until(sub { state_of($run) eq 'running' }), 'a run is going on');
is(stop_agent($agent), 0, 'an agent that must not wait ends at once');
is(ask("SELECT state, reason FROM nex_backup.runs WHERE id = $run"), 'crashed|the executor was stopped', 'its run is given back');
is(ask("SELECT state FROM nex_backup.runs WHERE origin = $run"), 'queued', 'and waits for another agent');
ok(wait_until(sub { !programs($run) }), 'no program is left');
$release->();
tool_ok([ agent_words('--once') ], 'which comes');
is(ask("SELECT state FROM nex_backup.runs WHERE origin = $run"), 'succeeded', 'and does it');

# ------------------------------------------------- a session with the catalogue that is silent

$release = hold_lock('shop', 'item');
$run = enqueue('backup', 'shop', max_attempts => 2);
$agent = start_agent('four', '--stop-timeout', 1);
ok(wait_until(sub { state_of($run) eq 'running' && programs($run) }), 'a run is going on');
# Not that of a program that it has started.
my $backend = ask("SELECT pid FROM pg_stat_activity WHERE usename = 'nex_agent' AND application_name NOT LIKE 'nex_backup:%'");
kill 'STOP', $backend;
sleep 2.5;
kill 'TERM', $agent;
ok(wait_until(sub { !programs($run) }), 'its program is stopped, although the agent waits for an answer');
my $ended = wait_until(sub { waitpid($agent, WNOHANG) == $agent });
ok($ended, 'and the agent ends');
is(ask("SELECT state, reason FROM nex_backup.runs WHERE id = $run"), 'crashed|the executor was stopped',
	'what it could not say in one session, it has said in another');
kill 'CONT', $backend;
finish_tool($agent) unless $ended;
$release->();
tool_ok([ agent_words('--once') ], 'the next agent');
is(ask("SELECT state FROM nex_backup.runs WHERE origin = $run"), 'succeeded', 'does the work');

# Refused again and again, it does not ask again at once.
ask('REVOKE EXECUTE ON FUNCTION nex_backup.advance(text, bool, text, int4) FROM nex_agent');
$agent = start_agent('five');
sleep 2.5;
cmp_ok(() = read_bytes("$logs/five.log") =~ /permission denied/g, '<', 5, 'a catalogue that refuses is not asked without a pause');
stop_agent($agent);
ask('GRANT EXECUTE ON FUNCTION nex_backup.advance(text, bool, text, int4) TO nex_agent');

# --------------------------------------------------------- a catalogue that cannot be trusted

my $evil = "$logs/evil";
mkdir $evil;
write_bytes("$evil/pg_dump", "#!/bin/sh\ntouch $evil/was_here\n");
chmod 0755, "$evil/pg_dump";
for my $words ("backup,--pg-bindir=$evil,--dbname=shop", "backup,--config=$evil/x,--dbname=shop", "backup,-d,shop",
	"restore,shop,--yes", "export,--output=$evil/x,shop", "verify,--log-file=$evil/x", "notify,--notify-directory=$evil", "globals,restore", "globals", "verify,--passphrase-command=$evil/x", "backup,--state-dir=$evil,--dbname=shop")
{
	ask("SELECT nex_backup.finish(run, fence, 0) FROM nex_backup.leases");
	ask("UPDATE nex_backup.job_kinds SET argv = '{$words}' WHERE kind = 'verify'");
	$run = enqueue('verify', undef);
	tool('agent', '--config', $config, '--catalogue', $conninfo, '--once');
	like(ask("SELECT error FROM nex_backup.runs WHERE id = $run"), qr/is none that a job may have/, "refused: $words");
}
is(join(' ', map { s{.*/}{}r } glob("$evil/*")), 'pg_dump', 'nothing was run or written');

# A password in the connection string reaches the program in a private file.
ask("UPDATE nex_backup.job_kinds SET argv = '{backup,--repo=%location,--dbname=%target}' WHERE kind = 'backup'");
$release = hold_lock('shop', 'item');
$run = enqueue('backup', 'shop');
$agent = start_tool("$logs/secret.log", 'agent', '--config', $config, '--catalogue', "$conninfo password=Very-Secret");
ok(wait_until(sub { programs($run) && state_of($run) eq 'running' }), 'a run of an agent with a password');
my ($program) = programs($run);
my $words = read_bytes("$program/cmdline");
unlike($words . read_bytes("$program/environ"), qr/Very-Secret/, 'it is in no argument or environment of the program');
my ($passfile) = $words =~ /passfile='([^']+)'/;
is((stat $passfile)[2] & 0777, 0600, 'but in a private file');
$release->();
ok(wait_until(sub { state_of($run) eq 'succeeded' }), 'the run succeeds');
stop_agent($agent);
ok(!-e $passfile, 'and the file is removed');

# A catalogue that sends a lot, and has work that cannot be done, over and over.
ask(q{CREATE OR REPLACE FUNCTION nex_backup.advance(executor text, in_server bool, host text, pid int4, OUT state text, OUT startable int4,
	OUT wait interval, OUT detail text) LANGUAGE sql AS $$SELECT repeat('x', 100000000), 1, interval '0', repeat('y', 100000000)$$});
ask(q{CREATE OR REPLACE FUNCTION nex_backup.claim(executor text, in_server bool, host text, pid int4, OUT run int8, OUT fence int8, OUT job text,
	OUT kind text, OUT database text, OUT type text, OUT attempt int4, OUT argv text[], OUT timeout_seconds float8, OUT kill_grace_seconds float8)
	LANGUAGE sql AS $$SELECT 1, 1, repeat('j', 10000000), 'backup', repeat('d', 10000000), 'daily', 1, '{restore,x}'::text[], 1.0, 1.0$$});
ask(q{CREATE OR REPLACE FUNCTION nex_backup.finish(run int8, fence int8, exit_code int4, signal int4 DEFAULT NULL, stopped text DEFAULT NULL,
	error text DEFAULT NULL, log_tail text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$SELECT repeat('f', 10000000)$$});
$agent = start_agent('loud');
ok(wait_until(sub { -s "$logs/loud.log" }), 'an agent of a catalogue that cannot be trusted');
sleep 5;
my ($most) = read_bytes("/proc/$agent/status") =~ /VmHWM:\s+(\d+)/;
cmp_ok($most, '<', 60_000, 'takes no memory for what it has no use for');
cmp_ok(() = read_bytes("$logs/loud.log") =~ /\n/g, '<', 80, 'asks not without a pause');
cmp_ok(-s "$logs/loud.log", '<', 100_000, 'and does not fill its log');
stop_agent($agent);

# The units that come along say nothing that the program does not understand.
for my $unit (glob(top() . '/docs/systemd/*.service'))
{
	for my $line (read_bytes($unit) =~ /^ExecStart=(.*)$/mg)
	{
		my (undef, @words) = split / /, $line;
		tool_ok([ @words, '--help' ], "$unit: $words[0]");
	}
}

done_testing();
