# What executors and reporters say of themselves and of others: believed is what they can prove, and taken is what a
# catalogue can hold and show.
use strict;
use warnings;

use IPC::Run ();
use NexBackup::Forge;
use NexBackup::Scheduler;
use NexBackup::Test;
use Test::More;

my $node = start_scheduler('main', max_prepared_transactions => 1, 'nex_backup.tool_path' => stand_in());
my $repo = new_repository();
my @of_agents = ('advance(text, bool, text, int4)', 'claim(text, bool, text, int4)', 'start(int8, int8, int4)', 'heartbeat(int8, int8, text)',
	'finish(int8, int8, int4, int4, text, text, text)');

query('postgres', "CREATE ROLE $_ LOGIN; GRANT USAGE ON SCHEMA nex_backup TO $_") for qw(agent1 agent2 reporter);
for my $agent (qw(agent1 agent2))
{
	query('postgres', join('', map { "GRANT EXECUTE ON FUNCTION nex_backup.$_ TO $agent;" } @of_agents));
}
query('postgres', 'GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO reporter');

sub as { return query('postgres', "SET SESSION AUTHORIZATION $_[0]; $_[1]"); }

sub refused
{
	my ($role, $sql, $pattern, $name) = @_;

	ok(!eval { as($role, $sql); 1 } && $@ =~ $pattern, $name) or diag($@);
	return;
}

# ------------------------------------------------------------------------- whose run it is

query('postgres', "SELECT nex_backup_schedule('nightly', '0 2 1 1 *', 'postgres', '/x', type => 'hang', timezone => 'UTC', retry => 0)");
my $run = query('postgres', "SELECT run FROM nex_backup_run('nightly', wait => false)");
my $state = "SELECT state FROM nex_backup.runs WHERE id = $run";
ok(wait_until(sub { query('postgres', $state) eq 'running' }), 'a run of the worker');
my $fence = query('postgres', "SELECT fence FROM nex_backup.leases WHERE run = $run");
ok($fence > 1000000, 'its fence is not the next of a sequence');
is(as('agent1', "SELECT count(*) FROM (SELECT nex_backup.finish($run, g, 0) AS f FROM generate_series(1, 50) g) x WHERE f <> 'lost'"), '0', 'an agent that guesses');
is(as('agent1', "SELECT nex_backup.finish($run, $fence, 0)"), 'lost', 'an agent that knows: finish()');
is(as('agent1', "SELECT nex_backup.heartbeat($run, $fence)"), 'lost', 'heartbeat()');
is(as('agent1', "SELECT nex_backup.heartbeat($run, $fence, '{\"phase\": \"false\"}')"), 'lost', 'heartbeat() with progress');
is(as('agent1', "SELECT nex_backup.start($run, $fence)"), 'f', 'start()');
refused('agent1', "SELECT nex_backup.claim('x', true, 'x', 1)", qr/only a worker of the server may act as one/, 'claim() as the server');
refused('agent1', "SELECT nex_backup.advance('leader', true, 'x', 1)", qr/only a worker of the server may act as one/, 'advance() as the server');
is(query('postgres', $state), 'running', 'the run goes on');
is(query('postgres', "SELECT count(*) FROM nex_backup.leases WHERE progress ->> 'phase' = 'false'"), '0', 'with its own progress');
query('postgres', "SELECT nex_backup_cancel($run)");

set_options('nex_backup.executor' => 'agent');
$run = query('postgres', "SELECT run FROM nex_backup_run('nightly', wait => false)");
$fence = as('agent1', "SELECT fence FROM nex_backup.claim('a1', false, 'h', 1)");
is(as('agent2', "SELECT nex_backup.finish($run, $fence, 0), nex_backup.heartbeat($run, $fence), nex_backup.start($run, $fence)"), 'lost|lost|f',
	'an agent of another role');
is(as('agent1', "SELECT nex_backup.start($run, $fence), nex_backup.heartbeat($run, $fence)"), 't|continue', 'the one that has claimed it');
refused('agent1', "SELECT nex_backup.advance(E'a\\nb', false, 'x', 1)", qr/invalid name of an executor/, 'a name of two lines');
refused('agent1', "SELECT nex_backup.advance('a', false, repeat('x', 300), 1)", qr/invalid name of a host/, 'a long name of a host');

# ------------------------------------------------------------------------- how much is taken

is(as('agent1', "SELECT nex_backup.finish($run, $fence, 2, NULL, NULL, repeat(E'\\x01 \\u00e4b', 1000000), NULL)"), 'failed', 'an error of megabytes');
is(query('postgres', "SELECT char_length(error) FROM nex_backup.runs WHERE id = $run"), '8192', 'its beginning is kept');
my ($longest) = query('postgres', 'SELECT max(char_length(detail)) FROM nex_backup_status()');
ok($longest < 100000, 'and shown') or diag($longest);
is(query('postgres', "SELECT char_length(nex_backup.shown(repeat('x', 1000000)))"), '10004', 'of any text, the beginning');

# Of reports that belong to a run, and of names of agents, as many as one likes.
query('postgres', "SELECT nex_backup.transition(id, 'cancelled') FROM nex_backup.runs WHERE state = 'queued' AND kind = 'notify'");
$run = query('postgres', "SELECT run FROM nex_backup_run('nightly', wait => false)");
$fence = as('agent1', "SELECT fence FROM nex_backup.claim('a1', false, 'h', 1)");
query('postgres', 'GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO agent1');
my $one = q(nex_backup.record('backup', jsonb_build_object('repository', '{"id": "rx", "location": "/x", "host": "h"}'::jsonb, 'database', 'postgres', 'state', 'failed',
	'started', now() - i * interval '1 s', 'error', repeat('e', 300), 'junk', (SELECT string_agg(md5(random()::text || g), '') FROM generate_series(1, 2000) g))));
as('agent1', "SET application_name = 'nex_backup:run:$run'; SELECT count(x.r::text) FROM (SELECT $one AS r FROM generate_series(1, 40) i OFFSET 0) x");
is(query('postgres', "SELECT count(*), sum(pg_column_size(details)) BETWEEN 800000 AND 1048576, max(char_length(error)), min(char_length(error)) FROM nex_backup.run_reports WHERE run = $run"),
	'40|t|300|200', 'of 40 reports with 64 kB each, all are kept, and the details of the first');
query('postgres', "INSERT INTO nex_backup.run_reports (run, event, repository, state, started) SELECT $run, 'backup', 'rx', 'failed', '2026-01-01'::timestamptz + i * interval '1 s' FROM generate_series(1, 10000) i");
refused('agent1', "SET application_name = 'nex_backup:run:$run'; SELECT $one FROM generate_series(50, 50) i", qr/10000 reports of run $run are recorded already/, 'one more than ten thousand');
as('agent1', "SELECT nex_backup.finish($run, $fence, 1)");
as('agent1', "SELECT count(a.state) FROM generate_series(1, 30) i, nex_backup.advance('many' || i, false, 'h', i) a");
is(query('postgres', "SELECT string_agg(name, ',') FROM nex_backup.executor_sessions WHERE name LIKE 'many%'"), 'many30', 'a session has one name');
query('postgres', "INSERT INTO nex_backup.executor_sessions (name, in_server, host, pid, last_seen) SELECT 'gone' || i, false, 'h', 1, now() - i * interval '1 s' FROM generate_series(1, 150) i");
as('agent1', "SELECT state FROM nex_backup.advance('a1', false, 'h', 1)");
is(query('postgres', "SELECT count(*) FILTER (WHERE name LIKE 'gone%') BETWEEN 90 AND 100 FROM nex_backup.executor_sessions"), 't', '... and of those that are gone, a hundred are known');
set_options('nex_backup.executor' => undef);

# Times to come, and transactions that nobody could end.
my $report = q('repository', '{"id": "r1", "location": "/x", "host": "h"}'::jsonb, 'started', now(), 'finished', now(), 'state', 'succeeded',
	'database', 'shop', 'manifest', '{"snapshot_at": "2026-01-01", "codec": "x", "server": {"version": "15", "system_identifier": "1"},
	"totals": {"tables": 0, "rows": 0, "raw_bytes": 0, "stored_bytes": 0, "new_bytes": 0}, "tables": [], "warnings": []}'::jsonb);
my $future = "to_char(now() AT TIME ZONE 'UTC' + interval '10 minutes', 'YYYYMMDD\"T\"HH24MISS\"Z\"')";
query('postgres', "SELECT nex_backup.record('backup', jsonb_build_object($report, 'backup', '20260101T000000Z'))");
refused('reporter', "SELECT nex_backup.record('backup', jsonb_build_object($report, 'backup', $future))", qr/is of a time to come/, 'a backup of others, to come');
is(as('reporter', "SELECT nex_backup.record('backup', jsonb_build_object($report, 'backup', '20260102T000000Z'))"), '', 'one that was made');
for my $role (qw(reporter postgres))
{
	refused($role, "BEGIN; SELECT nex_backup.record('backup', jsonb_build_object($report, 'backup', '20260103T000000Z')); PREPARE TRANSACTION 'p'",
		qr/cannot PREPARE a transaction that has changed or locked/, "$role: a report in a prepared transaction");
}

# Reports of databases and sets that nobody knows: the status says how many, and stays short; the catalogue takes so many.
my $failure = q('repository', jsonb_build_object('id', 'invented', 'location', '/x', 'host', 'h'), 'state', 'failed', 'started', now(),
	'finished', now(), 'error', repeat(U&'\00e4', 4096));
my $before = query('postgres', 'SELECT count(*) FROM nex_backup_status()');
as('reporter', "SELECT count(nex_backup.record('verify', jsonb_build_object($failure, 'database', 'db' || g))::text) FROM generate_series(1, 90) g");
as('reporter', "SELECT count(nex_backup.record('backup', jsonb_build_object($failure, 'set', repeat('s', 200) || g, 'backup', '20200101T000000Z-' || g))::text) FROM generate_series(1, 60) g");
as('reporter', "SELECT nex_backup.record('verify', jsonb_build_object($failure, 'database', 'postgres'))");
is(query('postgres', 'SELECT count(*) FROM nex_backup_status()') - $before, 103, 'of 150 failures of things that nobody knows, 100 are shown');
is(query('postgres', q(SELECT detail FROM nex_backup_status() WHERE name = 'other failures')),
	'50 more of databases of other servers and of sets of files; see nex_backup.runs', 'and the rest is counted');
like(query('postgres', q(SELECT detail FROM nex_backup_status() WHERE name = 'last verify of postgres')), qr/^failed .*: \S+ \.\.\.\z/, 'those of a database that is here are all shown');
cmp_ok(query('postgres', q(SELECT max(char_length(name || detail)) FROM nex_backup_status() WHERE name LIKE 'last %')), '<', 1000, 'each short');

# What the status costs does not grow with what reports hold: that is not read.
sub status_blocks
{
	my $plan = query('postgres', "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT count(*) FROM nex_backup_status()");

	return ($plan =~ /"Shared Hit Blocks": (\d+)/)[0] + ($plan =~ /"Shared Read Blocks": (\d+)/)[0];
}
status_blocks();
my $blocks = status_blocks();
as('reporter', "WITH large AS MATERIALIZED (SELECT string_agg(md5(g::text), '') AS t FROM generate_series(1, 30000) g) "
	  . "SELECT count(nex_backup.record('verify', jsonb_build_object($failure, 'set', t, 'started', now() - g * interval '1 minute'))::text) "
	  . 'FROM large, generate_series(1, 20) g');
cmp_ok(query('postgres', 'SELECT max(octet_length(details::text)) FROM nex_backup.runs'), '>', 900000, 'reports of nearly a MB');
status_blocks();
cmp_ok(status_blocks() - $blocks, '<', 1000, 'which the status does not read');
query('postgres', q(INSERT INTO nex_backup.repositories (id, location, host, vouched, recorded_by) VALUES ('invented2', '/y', 'h', false, 'reporter'), ('real', '/z', 'h', true, 'postgres');
	INSERT INTO nex_backup.runs (kind, repository, database, state, started, finished)
	SELECT 'verify', r, r || '-' || g, 'succeeded', now(), now() FROM generate_series(1, 1000) g, unnest(ARRAY['invented', 'invented2', 'real']) r));
for my $id ('invented', 'another', 'real')
{
	my $one = $failure =~ s/invented/$id/r;

	refused('reporter', "SELECT nex_backup.record('restore', jsonb_build_object($one, 'database', 'more'))",
		$id eq 'real' ? qr/reports of 1000 databases are recorded for repository "real"\n/ : qr/reports of 2000 databases are recorded.* and others/, "one more database in repository $id");
	is(as('reporter', "SELECT nex_backup.record('expire', jsonb_build_object($one, 'database', '" . ($id eq 'real' ? 'real-7' : 'invented-7') . "'))"), '', 'one that is known');
	is(query('postgres', "SELECT nex_backup.record('restore', jsonb_build_object($one, 'database', 'more'))"), '', 'a superuser may') if $id eq 'real';
}
query('postgres', q(INSERT INTO nex_backup.backups (repository, database, id, type, started, snapshot_at, finished)
	SELECT 'invented', 'db1', to_char('2020-01-01'::timestamp + g * interval '1 second', 'YYYYMMDD"T"HH24MISS"Z"'), 'x', now(), now(), now() FROM generate_series(1, 100000) g));
(my $backup = $report) =~ s/"r1"/"invented2"/;
refused('reporter', "SELECT nex_backup.record('backup', jsonb_build_object($backup, 'database', 'db1', 'backup', '20260105T000000Z'))",
	qr/100000 backups are recorded in repository "invented2", or in all that nobody has vouched for/, 'backups without end');
my $long = "'invented', 'location', '/x', 'host', 'h'), 'state', 'failed', 'started', now(), 'error', repeat('e', 300), 'set', 's', 'more', 'm'";
as('reporter', "SELECT nex_backup.record('expire', jsonb_build_object('repository', jsonb_build_object('id', $long))");
is(query('postgres', "SELECT char_length(error), details FROM nex_backup.runs WHERE kind = 'expire' AND repository = 'invented' ORDER BY id DESC LIMIT 1"), '300|{"set": "s", "more": "m"}', 'what is reported is kept');
query('postgres', q(ALTER TABLE nex_backup.runs ALTER COLUMN details SET STORAGE EXTERNAL; INSERT INTO nex_backup.runs (kind, repository, state, started, finished, details)
	SELECT 'expire', 'invented', 'succeeded', now() - g * interval '1 h', now(), jsonb_build_object('junk', repeat('x', 64 * 1048576)) FROM generate_series(1, 1) g;
	ALTER TABLE nex_backup.runs ALTER COLUMN details SET STORAGE EXTENDED));
as('reporter', "SELECT nex_backup.record('expire', jsonb_build_object('repository', jsonb_build_object('id', $long))");
is(query('postgres', "SELECT char_length(error), details FROM nex_backup.runs WHERE kind = 'expire' AND repository = 'invented' ORDER BY id DESC LIMIT 1"), '200|{"set": "s"}', '... and little of it, when there is much');
# Work without end for one call; a key that is not even kept.
(my $much = $long) =~ s/, 'more', 'm'//;
refused('reporter', "SELECT nex_backup.record('expire', jsonb_build_object('repository', jsonb_build_object('id', $much, 'present', repeat('x', 64 * 1048576)))", qr/the payload is too large\n.*64 MB/, 'a report of 64 MB');
query('postgres', "SELECT nex_backup.record('expire', jsonb_build_object('repository', jsonb_build_object('id', $much, 'started', now(), 'removed', (SELECT jsonb_agg(i) FROM generate_series(1, 1500) i), 'bad', '{}'::jsonb))");
is(query('postgres', "SELECT jsonb_array_length(details -> 'removed'), details -> 'removed' -> 999, details - 'removed' FROM nex_backup.runs WHERE kind = 'expire' AND repository = 'invented' ORDER BY id DESC LIMIT 1"),
	'1000|1000|{"bad": {}, "set": "s"}', 'of a long list, the beginning is kept');
query('postgres', q(DELETE FROM nex_backup.backups WHERE repository = 'invented'; DELETE FROM nex_backup.runs WHERE repository IN ('invented', 'invented2', 'real')));

# A message that is cut, is cut between characters.
my ($out, $err) = ('', '');
IPC::Run::run([ 'psql', '-XAtq', '-d', 'postgres', '-c', q(SELECT * FROM nex_backup_next_runs('@'||'x'||repeat(U&'\00e4', 400))) ],
	'>', \$out, '2>', \$err);
like($err, qr/invalid schedule/, 'a long word in a schedule');
ok(utf8::decode(my $copy = $err), '... is shown in whole characters');

# Jobs that a load puts in without their trigger.
query('postgres', "SET session_replication_role = replica; INSERT INTO nex_backup.jobs (name, kind, schedule, repository, next_run)
	VALUES ('copied', 'expire', '* * * * *', '/x', now())");
like(query('postgres', "SELECT suspended FROM nex_backup.jobs WHERE name = 'copied'"), qr/restored from a dump/, 'a job that was loaded with triggers switched off');

# --------------------------------------------- a catalogue whose encoding lacks characters, and much damage

query('postgres', 'CREATE DATABASE shop');
query('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
query('shop', "CREATE TABLE \"\x{e6}\x{97}\x{a5}\x{e6}\x{9c}\x{ac}\" AS SELECT 1 AS i; CREATE TABLE \"\x{e6}\x{9c}\x{ac}\" AS SELECT 1 AS i");
query('shop', "CREATE TABLE \"na\x{c3}\x{af}ve\" AS SELECT 1 AS i");
use_tool(tool_path());
tool_ok([ 'backup', "--repo=$repo", '-d', 'shop', '--catalogue=none', '--compress=none' ], 'a backup of names that LATIN1 lacks');
query('latin', 'CREATE EXTENSION nex_backup');
is(query('latin', "SELECT * FROM nex_backup_sync('$repo')"), '1|0|0', 'is read into a catalogue in LATIN1');
is(query('latin', q(SELECT string_agg(table_name, ' ' ORDER BY table_name COLLATE "C") FROM nex_backup.backup_tables WHERE octet_length(table_name) <> 5)),
	'\u65E5\u672C \u672C', 'with names that can be told from each other');
is(query('latin', "SELECT convert_to(table_name, 'UTF8') FROM nex_backup.backup_tables WHERE octet_length(table_name) = 5"), '\x6e61c3af7665', 'and those that it has');
is(query('latin', "SELECT result FROM nex_backup_verify('shop', '$repo')"), 'ok', 'and verified');
my $id = latest_id($repo, 'shop');
reseal("$repo/backups/shop/$id.json", sub {
	my ($text) = @_;

	my $more = join(',', map { sprintf('{"id":"%064x","bytes":1}', $_) } 1 .. 1500);
	$text =~ s/("objects":\s*\[)/$1$more,/ or die 'no objects';
	return $text;
});
is(query('latin', "SELECT result, array_length(bad, 1), bad[array_length(bad, 1)] FROM nex_backup_verify('shop', '$repo')"), 'failed|1001|and 501 more',
	'of 1501 that are wrong (the list is the other one), a thousand are named');
is(query('latin', "SELECT details ->> 'bad_count' FROM nex_backup.runs WHERE kind = 'verify' ORDER BY id DESC LIMIT 1"), '1501', 'and all counted');
like(query('latin', "SELECT string_agg(status, ' ') FROM nex_backup_status()"), qr/ok/, 'and the status answers');

done_testing;
