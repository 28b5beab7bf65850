# The scheduler in the server: the first night, and what a DBA does by day.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_scheduler('main', log_min_messages => 'log');
my $directory = File::Temp::tempdir(CLEANUP => 1);
my $repo = "$directory/repo";

load_sample('invoices');

# ---------------------------------------------------------- the first night

set_clock('2027-01-07 12:00 UTC');
query('postgres', 'DROP EXTENSION nex_backup');
# The three statements of the README, on a server that has nothing yet.
my ($statements) = read_bytes(top() . '/README.md') =~ /```sql\n(CREATE EXTENSION nex_backup;\nSELECT nex_backup_create_repo.*?)```/s;
is(scalar(() = $statements =~ /;/g), 3, 'three statements');
$statements =~ s{/var/backups/pg}{$repo}g;
like(query('postgres', $statements), qr/\Q$repo\E\ninvoices daily\|.*\ninvoices weekly\|.*\ninvoices expire\|/, 'the usual jobs');
is(query('postgres', 'SELECT count(*) FROM nex_backup.runs WHERE job IS NOT NULL'), 0, 'nothing runs by day');
set_clock('2027-01-08 01:59:58 UTC');
my $run = wait_for_run("job = 'invoices daily' AND state = 'succeeded'");
is(run_row("scheduled_for = '2027-01-08 02:00+00' AND started - scheduled_for < '2 s'", "id = $run"),
	't', 'it starts within two seconds');
is(run_row('attempt, exit_code, reason IS NULL, database, backup IS NOT NULL, tool_version IS NOT NULL', "id = $run"),
	'1|0|t|invoices|t|t', 'the run, and what the tool reported of it');
like(run_row('log_tail', "id = $run"), qr/^backup invoices/m, 'and said');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'backup'"), 1, 'a run is one row');
is(query('postgres', "SELECT count(*), max(type) FROM nex_backup.backups"), '1|daily', 'the backup');
is(query('postgres', "SELECT event || ' ' || job FROM nex_backup.alarms"), 'first_success invoices daily', 'the news');
like(query('postgres', "SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'scheduler'"),
	qr/^ok running, 3 jobs, 0 runs going on, next: "invoices expire" at 2027-01-08 05:30:00/, 'status');

# Sunday: daily and weekly at the same time, one after the other, then the expiry.
set_clock('2027-01-09 12:00 UTC');
ok(wait_idle(), 'what was missed is done');
set_clock('2027-01-10 01:59:58 UTC');
wait_for_run("job = 'invoices weekly' AND state = 'succeeded'");
wait_for_run("job = 'invoices daily' AND state = 'succeeded' AND scheduled_for = '2027-01-10 02:00+00'");
is(query('postgres', "SELECT count(*) FROM nex_backup.runs a JOIN nex_backup.runs b ON a.id < b.id "
		. "AND tstzrange(a.started, a.finished) && tstzrange(b.started, b.finished) WHERE a.scheduled_for >= '2027-01-10' AND b.scheduled_for >= '2027-01-10'"),
	0, 'one run at a time in a repository');
ok(wait_idle(), 'and all end');
set_clock('2027-01-10 05:29:58 UTC');
wait_for_run("job = 'invoices expire' AND state = 'succeeded' AND scheduled_for = '2027-01-10 05:30+00'");
ok(wait_idle(), 'the week is over');

# ------------------------------------------------------------------- by day

my $unlock = hold_lock('invoices', 'billing.invoice');
my ($in, $out, $err) = ('', '', '');
my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', 'postgres', '-c', q(SELECT * FROM nex_backup_run('invoices daily')) ],
	'<', \$in, '>', \$out, '2>', \$err);
$run = wait_for_run("job = 'invoices daily' AND state = 'running'");
wait_until(sub { backends_in('invoices') > 1 });
my $child = query('postgres', "SELECT child_pid FROM nex_backup.progress WHERE run = $run");
ok(kill(0, $child) || $!{EPERM}, 'the tool is at work');
is(query('postgres', 'SELECT count(*) > 0 FROM nex_backup.connections WHERE run = ' . $run), 't', 'with connections');
is(query('postgres', "SELECT pg_sleep(1.5); SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'nex_backup executor' "
		. "AND xact_start < clock_timestamp() - interval '1 second'"),
	"\n0", 'and no transaction of the executor stays open');
ok(!eval { query('postgres', q(SELECT nex_backup_run('invoices daily'))); 1 }, 'a job runs once at a time');
like($@, qr/run $run of job "invoices daily" has not ended yet/, 'and the error says which run');
$psql->signal('INT');
$psql->finish;
like($err, qr/canceling statement/, 'ctrl-C in psql');
is(wait_for_state($run, 'cancelled', 'failed', 'succeeded'), 'cancelled', 'cancels the run');
ok(wait_until(sub { !-e "/proc/$child" }), 'the tool is gone');
ok(wait_until(sub { backends_in('invoices') == 1 }), 'and its connections');

query('postgres', q(SELECT nex_backup_run('invoices daily', wait => false)));
$run = wait_for_run("job = 'invoices daily' AND state = 'running'");

# Whoever may record reports what he likes, but not of a run that is not his.
query('postgres', 'CREATE ROLE reporter; GRANT USAGE ON SCHEMA nex_backup TO reporter; '
	  . 'GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO reporter');
my $whole = "SELECT r, (SELECT count(*) FROM nex_backup.run_reports p WHERE p.run = r.id) FROM nex_backup.runs r WHERE id IN ($run, "
  . query('postgres', "SELECT max(id) FROM nex_backup.runs WHERE job = 'invoices daily' AND state = 'succeeded'") . ') ORDER BY id';
my $before = query('postgres', $whole);
my ($last) = query('postgres', "SELECT format('\"database\": \"%s\", \"backup\": \"%s\", \"started\": \"%s\"', database, backup, started) "
	  . "FROM nex_backup.runs WHERE job = 'invoices daily' AND state = 'succeeded' ORDER BY id DESC LIMIT 1");
my $repository = query('postgres', 'SELECT id FROM nex_backup.repositories');
my $rows = query('postgres', 'SELECT count(*) FROM nex_backup.runs');
for my $report (
	[ 'reporter', 'backup', '"database": "invoices", "started": "now"', 'another role' ],
	[ undef, 'verify', '"database": "invoices", "started": "now"', 'another kind' ],
	[ undef, 'backup', '"database": "postgres", "started": "now"', 'another database' ],
	[ 'reporter', 'backup', $last, 'a run that has ended' ])
{
	my ($role, $event, $facts, $name) = @$report;
	query('postgres', (defined $role ? "SET SESSION AUTHORIZATION $role; " : '')
		  . "SET application_name = 'nex_backup:run:$run'; SELECT nex_backup.record('$event', '{\"repository\": "
		  . "{\"id\": \"$repository\", \"location\": \"$repo\"}, $facts, \"state\": \"failed\", \"error\": \"a lie\"}')");
	is(query('postgres', $whole), $before, "a report of $name changes no run");
}
is(query('postgres', 'SELECT count(*) FROM nex_backup.runs') - $rows, 3, 'and stands beside them');
query('postgres', "DELETE FROM nex_backup.runs WHERE error = 'a lie'");
is(query('postgres', "SELECT nex_backup_cancel($run)"), 'cancelled', 'nex_backup_cancel() waits for the end');
is(run_row('reason', "id = $run"), 'cancelled by ' . query('postgres', 'SELECT current_user'), 'and says who it was');
is(query('postgres', "SELECT nex_backup_cancel($run)"), 'cancelled', 'twice is no error');
ok(!eval { query('postgres', 'SELECT nex_backup_cancel(123456789)'); 1 }, 'there must be a run');

is(query('postgres', "SELECT state FROM nex_backup_run('invoices', repository => '$repo', timeout => '1 second')"),
	'timed_out', 'a run that takes too long is stopped');
ok(wait_until(sub { backends_in('invoices') == 1 }), 'with its connections');
$unlock->();

# Of a server that has a name.
my $shared = new_repository();
query('postgres', "SELECT nex_backup_schedule('of west', '0 0 1 1 *', 'invoices', '$shared', options => '{\"server\": \"west\"}')");
is(query('postgres', "SELECT state FROM nex_backup_run('of west')"), 'succeeded', 'a job of another server');
is_deeply([ map { "$_->{server} $_->{database}" } @{ tool_json('list', '--repo', $shared)->{backups} } ], ['west west@invoices'], 'under its name');
ok(!-e "$shared/backups/invoices", 'and no other');
is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE database = 'west\@invoices'"), 1, 'recorded, too');
query('postgres', "SELECT nex_backup_unschedule('of west'); DELETE FROM nex_backup.backups WHERE database = 'west\@invoices'");

is(query('postgres', "SELECT state FROM nex_backup_run('invoices', repository => '$repo', options => '{\"jobs\": 2}')"),
	'succeeded', 'a backup without a job');
is(query('postgres', "SELECT state || ' ' || detail FROM nex_backup_run('invoices', kind => 'verify', repository => '$repo')"),
	'succeeded started by ' . query('postgres', 'SELECT current_user'), 'a verification');
is(query('postgres', 'SELECT count(*) FROM nex_backup.verifications'), 1, 'is one verification');
is(query('postgres', "SELECT count(*), bool_and(backup IS NOT NULL AND repository IS NOT NULL AND details ->> 'result' = 'ok') "
		. "FROM nex_backup.runs WHERE kind = 'verify'"), '1|t', 'and one run, which knows what it was about');
ok(!eval { query('postgres', "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT nex_backup_run('invoices', repository => '$repo')"); 1 },
	'nothing waits in a transaction that cannot see the end');
ok(!eval { query('postgres', "SELECT nex_backup_run('nosuch')"); 1 }, 'there must be a job or a database');
like($@, qr/there is neither a job nor a database "nosuch"/, 'and the error says so');
is(query('postgres', "SELECT state || ' ' || detail FROM nex_backup_run('invoices', repository => '/nowhere')"),
	'failed there is no repository in "/nowhere"', 'an error of the tool comes through');

is(query('postgres', "SELECT state FROM nex_backup_run(NULL, kind => 'globals', repository => '$repo')"),
	'succeeded', 'the globals');
is(query('postgres', "SELECT kind, database IS NULL, backup IS NOT NULL FROM nex_backup.runs WHERE kind = 'globals' OR database = ''"),
	'globals|t|t', 'are one run');

# A set of files, as the settings file names it.
tool_ok([ 'init', '--repo', "$directory/files" ], 'a repository for files');
tool_ok([ 'config', 'keygen', '-o', "$directory/id" ], 'a key pair');
my ($recipient) = read_bytes("$directory/id") =~ /public key: (age1\S+)/;
write_bytes("$directory/app.yaml", "port: 1\n");
write_bytes("$directory/nex.yaml", "recipient: $recipient\nfile-sets:\n  etc: [ '$directory/app.yaml' ]\n"
	  . "repositories:\n  offsite: {repo: '$directory/offsite'}\n");
query('postgres', "ALTER SYSTEM SET nex_backup.config_file = '$directory/nex.yaml'");
query('postgres', 'SELECT pg_reload_conf()');
ok(wait_until(sub { query('postgres', 'SHOW nex_backup.config_file') ne '' }), 'a settings file');
# The worker reads its settings again a moment after a new session has them.
ok(wait_until(sub {
	query('postgres', "SELECT state FROM nex_backup_run(NULL, kind => 'config', repository => '$directory/files', options => '{\"set\": \"etc\"}')") eq
	  'succeeded';
}), 'a set of files');
is(scalar(@{ tool_json('config', 'list', '--repo', "$directory/files", 'etc')->{backups} }), 1, 'is backed up');
is(query('postgres', "SELECT r.kind, r.file_set, r.backup = b.id, b.database, b.kind, b.verified_ok FROM nex_backup.runs r JOIN nex_backup.backups b USING (repository)
	WHERE r.kind = 'config' AND r.state = 'succeeded'"), 'config|etc|t|config/etc|files|', '... and in the catalog, once, as that run');
query('postgres', "DELETE FROM nex_backup.backups WHERE kind = 'files'");
like(query('postgres', "SELECT state || ' ' || detail FROM nex_backup_run(NULL, kind => 'config', repository => '$directory/files', options => '{\"set\": \"none\"}')"),
	qr/^failed the set "none" has no files/, 'a set that is not there');

# A copy to a place that has a name in the settings file, by itself and after another job.
sub copies
{
	my ($clause) = @_;
	return query('postgres', "SELECT string_agg(state, ' ' ORDER BY id) FROM nex_backup.runs WHERE kind = 'copy'" . ($clause // ''));
}
my $files = "$directory/files";
my $copy_now = "SELECT state || ' ' || detail FROM nex_backup_run(NULL, kind => 'copy', repository => '$files', options => '{\"to\": \"%s\"}')";
for my $case ([ '{}', 'needs the option "to"' ], [ '{"to": "relative/path"}', 'invalid value' ], [ '{"to": "s3://user:secret@bucket"}', 'invalid value' ],
	[ '{"to": "offsite", "after": "none"}', 'there is no job "none" to copy after' ], [ '{"to": "offsite", "after": "off-site"}', 'there is no job' ],
	[ '{"to": "offsite", "create": true}', 'has no option "create"' ])
{
	ok(!eval { query('postgres', "SELECT nex_backup_schedule('off-site', '0 0 1 1 *', kind => 'copy', repository => '$files', options => '$case->[0]')"); 1 }, $case->[0]);
	like($@, qr/\Q$case->[1]\E/, 'is refused');
}
like(query('postgres', sprintf($copy_now, 'offsite')), qr/^failed there is no copy of the repository/, 'a place that is missing is not made');
like(query('postgres', sprintf($copy_now, 'elsewhere')), qr/^failed there is no repository "elsewhere" in the settings file/, 'nor is a name a directory');
tool_ok([ 'copy', '--repo', $files, '--to', "$directory/offsite", '--create', '--catalogue', 'none' ], 'the place');
query('postgres', "SELECT nex_backup_schedule('files', '0 0 1 1 *', kind => 'config', repository => '$files', options => '{\"set\": \"etc\"}');
	SELECT nex_backup_schedule('off-site', '0 0 1 1 *', kind => 'copy', repository => '$files', options => '{\"to\": \"offsite\", \"after\": \"files\"}')");
is(query('postgres', "SELECT state FROM nex_backup_run('files')"), 'succeeded', 'a job that a copy follows');
ok(wait_until(sub { (copies(" AND job = 'off-site'") // '') eq 'succeeded' }), 'it follows') or diag(query('postgres', "SELECT * FROM nex_backup.runs WHERE kind = 'copy'"));
is(scalar(@{ tool_json('config', 'list', '--repo', "$directory/offsite", 'etc')->{backups} }), 2, 'and both are there');
is(query('postgres', "SELECT r.repository = (SELECT b.repository FROM nex_backup.backups b WHERE b.kind = 'files' LIMIT 1), r.copy ~ '^copy in $directory/offsite on ',
	r.details ->> 'copied', r.reason FROM nex_backup.runs r WHERE r.job = 'off-site'"), 't|t|1|after job "files"', 'recorded as that run');
is(query('postgres', "SELECT count(*) FROM nex_backup.run_reports p JOIN nex_backup.runs r ON r.id = p.run WHERE r.kind = 'copy'"), 2, 'as is the one that found no place');
query('postgres', "SELECT nex_backup_unschedule('files')");
like(query('postgres', "SELECT detail FROM nex_backup_status() WHERE name = 'job off-site'"), qr/^there is no job "files" that it could follow/, 'what it follows is gone');
query('postgres', "SELECT nex_backup_unschedule('off-site'); DELETE FROM nex_backup.runs WHERE kind = 'copy'; DELETE FROM nex_backup.backups WHERE kind = 'files'");
query('postgres', 'ALTER SYSTEM RESET nex_backup.config_file');
query('postgres', 'SELECT pg_reload_conf()');
my $backups = query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'backup'");
is(query('postgres', "SELECT state FROM nex_backup_run(NULL, kind => 'backup-all', repository => '$repo', "
		. "options => '{\"exclude-database\": \"invoices\"}')"), 'succeeded', 'all databases');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'backup'"), $backups, 'are no more runs');
is(query('postgres', "SELECT r.backup IS NULL, string_agg(p.database, ',' ORDER BY p.database) FROM nex_backup.runs r "
		. "JOIN nex_backup.run_reports p ON p.run = r.id WHERE r.kind = 'backup-all' GROUP BY r.id"),
	't|,postgres,template1', 'but reports of one');
is(query('postgres', "SELECT state FROM nex_backup_run(NULL, kind => 'verify', repository => '$repo')"), 'succeeded', 'all backups verified');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'verify'"), 2, 'is one run');
is(query('postgres', 'SELECT count(*) FROM nex_backup.verifications v WHERE v.run = (SELECT max(run) FROM nex_backup.verifications)'),
	query('postgres', 'SELECT count(*) FROM nex_backup.backups'), 'with a verification of each');

# A database of any name goes through as a name.
for my $name ('we=ird', q(it's "odd" \\), '-x', 'host=evil dbname=postgres')
{
	create_database($name);
	(my $quoted = $name) =~ s/'/''/g;
	is(query('postgres', "SELECT state FROM nex_backup_run(E'" . ($quoted =~ s/\\/\\\\/gr) . "', repository => '$repo')"),
		'succeeded', "a database named $name");
}
is(query('postgres', "SELECT count(DISTINCT database) FROM nex_backup.backups"), 8, 'each has its backup');

is(query('postgres', "SELECT nex_backup_unschedule('invoices weekly')"), 't', 'a job can be removed');
ok(!eval { query('postgres', "SELECT nex_backup_unschedule('invoices weekly')"); 1 }, 'once');

# ------------------------------------------------------- coming and going

my $leader = leader_pid();
query('postgres', "SELECT pg_terminate_backend($leader)");
ok(wait_until(sub { my $pid = leader_pid(); $pid != 0 && $pid != $leader }), 'a leader that was terminated comes back');
query('postgres', 'DROP EXTENSION nex_backup');
query('postgres', 'CREATE EXTENSION nex_backup');
clear_clock();
query('postgres', "SELECT nex_backup_schedule('often', '* * * * *', 'invoices', '$repo')");
set_clock('2027-02-01 00:00:58 UTC');
ok(wait_for_run("job = 'often' AND state = 'succeeded'"), 'the extension was dropped and created: it goes on');
create_database('transient');
query('postgres', 'DROP DATABASE transient');
pass('DROP DATABASE does not wait for the leader');
query('postgres', "SELECT nex_backup_unschedule('often')");
ok(wait_idle(), 'a quiet moment');
# A leader that is just coming back is in the way for that moment, as any session.
ok(wait_until(sub { eval { query('template1', 'DROP DATABASE postgres WITH (FORCE)'); 1 } }), 'nor for that of its own database');
query('template1', 'CREATE DATABASE postgres TEMPLATE template0');
ok(wait_until(sub { leader_pid() != 0 }), 'when there is one again, so is the leader');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|server process .* exited with exit code [2-9]/, 'and nothing crashed');

done_testing();
