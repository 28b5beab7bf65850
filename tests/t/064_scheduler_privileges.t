# Who may do what with jobs, and what a role gets that tries for more: a job runs a program as the
# server's user, so every word of its command line is looked at.
use strict;
use warnings;

use NexBackup::Scheduler;
use NexBackup::Test;
use Test::More;

my $node = start_scheduler('main');
my $tool = stand_in();
my ($notes) = $tool =~ m{(.*)/tool};
use_tool($tool);
# Jobs of two in the morning do not become due, whatever the time of day.
set_clock('2027-06-01 12:00 UTC');

query('postgres', <<'SQL');
CREATE ROLE nobody LOGIN;
CREATE ROLE dba LOGIN;
GRANT pg_execute_server_program TO dba;
CREATE ROLE other LOGIN;
GRANT pg_execute_server_program TO other;
CREATE ROLE night_shift LOGIN;
GRANT USAGE ON SCHEMA nex_backup TO night_shift;
GRANT pg_monitor TO night_shift;
GRANT EXECUTE ON FUNCTION nex_backup_run, nex_backup_cancel TO night_shift;
SQL
set_options('nex_backup.operator_role' => 'night_shift');

sub as
{
	my ($role, $sql) = @_;

	return query('postgres', "SET SESSION AUTHORIZATION $role; $sql");
}

sub refused
{
	my ($role, $sql, $pattern, $name) = @_;

	ok(!eval { as($role, $sql); 1 }, "$role: $name");
	like($@, $pattern, '... with the reason');
	return;
}

# ------------------------------------------------------------ who may what

for my $sql ("nex_backup_schedule('x', '* * * * *', 'postgres', '/x')", "nex_backup_unschedule('x')", "nex_backup_alter_job('x')",
	"nex_backup_run('postgres')", 'nex_backup_cancel(1)', "nex_backup_setup_default_jobs('postgres')", 'nex_backup_resume_jobs()',
	"nex_backup_create_repository('/x')", "nex_backup_next_runs('* * * * *')", "nex_backup.claim('x', true, 'x', 1)",
	"nex_backup.finish(1, 1, 0)", "nex_backup.perform('{}', true, true)", "nex_backup.run('postgres', 'backup', '/x', 'x', '{}', NULL, true)", "nex_backup.transition(1, 'failed')")
{
	refused('nobody', "SELECT $sql", qr/permission denied/, $sql);
}
for my $sql ("INSERT INTO nex_backup.jobs (name, schedule) VALUES ('x', '* * * * *')", 'DELETE FROM nex_backup.runs',
	"UPDATE nex_backup.runs SET state = 'queued'", 'DELETE FROM nex_backup.leases', "UPDATE nex_backup.job_kinds SET argv = '{/bin/sh}'",
	"INSERT INTO nex_backup.job_options VALUES ('backup', 'config', '.*')", 'UPDATE nex_backup.scheduler SET suspended = NULL',
	"SELECT nex_backup.claim('x', true, 'x', 1)", "SELECT nex_backup.perform('{\"call\": \"run\"}', true, true)",
	"SELECT nex_backup.enqueue('x', 'dba', 'backup', '/x', 'x', '{}')", "SELECT nex_backup.define_job(NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)")
{
	refused($_, $sql, qr/permission denied/, $sql) for qw(dba night_shift);
}
refused('dba', "SET nex_backup.tool_path = '/bin/sh'", qr/cannot be changed now|permission denied/, 'the program');
refused('dba', "SET nex_backup.testing_clock = '1'", qr/permission denied to set parameter/, 'the clock');

as('dba', "SELECT nex_backup_schedule('mine', '0 2 * * *', 'postgres', '/x')");
is(query('postgres', "SELECT owner FROM nex_backup.jobs WHERE name = 'mine'"), 'dba', 'a member of pg_execute_server_program defines a job');
refused('other', "SELECT nex_backup_$_", qr/permission denied for job "mine"\n.*belongs to role dba/, "nex_backup_$_ of another's job")
  for "alter_job('mine', schedule => '* * * * *')", "unschedule('mine')", "run('mine')", "resume_jobs('mine')";
refused('dba', 'SELECT nex_backup_resume_jobs()', qr/Only superusers/, 'all jobs');
is(as('night_shift', "SELECT state FROM nex_backup_run('mine')"), 'succeeded', 'an operator runs it');
refused('night_shift', "SELECT nex_backup_run('postgres', repository => '/x')", qr/permission denied to schedule/, 'an operator defines nothing');

# Whoever may not have a repository made does not have the server look into directories either.
SKIP:
{
	my $directory = new_repository();
	my $read = sub { my ($look) = @_; utime(1_000_000_000, time, "$directory/backups") or die; $look->(); return (stat "$directory/backups")[8] != 1_000_000_000 };
	my $create = sub { my ($role) = @_; return sub { eval { as($role, "SELECT nex_backup_create_repository('$directory')") } } };

	mkdir "$directory/backups";
	query('postgres', 'GRANT EXECUTE ON FUNCTION nex_backup_create_repository TO night_shift');
	skip 'the file system does not note when a directory is read', 4 unless $read->(sub { opendir(my $handle, "$directory/backups") or die; my @names = readdir $handle; closedir $handle });
	ok($read->($create->('dba')), 'creating a repository looks for backups in the directory');
	ok(!$read->($create->('night_shift')), '... not for a role that may not create one');
	refused('night_shift', "SELECT nex_backup_create_repository('$directory')", qr/permission denied to schedule/, 'an operator creates no repository');
}
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE owner <> 'dba'::regrole"), 0, 'the run belongs to the owner of the job');
query('postgres', "SELECT nex_backup_alter_job('mine', type => 'hang', kill_grace => '1 second')");
as('dba', "SELECT nex_backup_run('mine', wait => false)");
my $run = wait_for_run("job = 'mine' AND state = 'running'");
refused('other', "SELECT nex_backup_cancel($run)", qr/permission denied to cancel run/, "another's run");
is(as('night_shift', "SELECT nex_backup_cancel($run)"), 'cancelled', 'an operator cancels it');

# Rights are those of now.
query('postgres', 'REVOKE pg_execute_server_program FROM dba');
is(as('night_shift', "SELECT state || ': ' || detail FROM nex_backup_run('mine')"), 'failed: role dba may no longer run jobs', 'who has lost the right runs nothing');
query('postgres', 'GRANT pg_execute_server_program TO dba');
set_options('nex_backup.required_role' => 'nobody');
refused('dba', "SELECT nex_backup_schedule('y', '* * * * *', 'postgres', '/x')", qr/Only roles with privileges of nobody/, 'another role is required now');
set_options('nex_backup.required_role' => undef);
is(query('postgres', "SELECT nex_backup.has_role('dba', 'no such role'), nex_backup.has_role('dba', '')"), 'f|f', 'a role that is not there has no members');

# ------------------------------------------------- words of the command line

my $schedule = "SELECT nex_backup_schedule('bad', '0 2 * * *', 'postgres', repository => '/x'";
refused('dba', "$schedule, $_->[0])", $_->[1], $_->[0])
  for [ q(type => '--config=/tmp/evil'), qr/invalid type/ ], [ q(type => 'a b'), qr/invalid type/ ], [ q(type => E'a\nb'), qr/invalid type/ ],
  [ q(type => '$(id)'), qr/invalid type/ ], [ q(options => '{"config": "/tmp/evil"}'), qr/has no option "config"/ ],
  [ q(options => '{"pg-bindir": "/tmp"}'), qr/has no option "pg-bindir"/ ], [ q(options => '{"log-file": "/etc/passwd"}'), qr/has no option/ ],
  [ q(options => '{"catalogue": "host=evil"}'), qr/has no option/ ], [ q(options => '{"jobs": "4 --config=/tmp/evil"}'), qr/invalid value/ ],
  [ q(options => '{"jobs": "4\n--config=/tmp/evil"}'), qr/invalid value/ ], [ q(options => '{"jobs": "4\n"}'), qr/invalid value/ ],
  [ q(options => '{"jobs": [4]}'), qr/invalid value/ ], [ q(options => '{"jobs": null}'), qr/invalid value/ ],
  [ q(options => '{"compress": "zstd:1;id"}'), qr/invalid value/ ], [ q(options => '{"jobs=4 --drop": "1"}'), qr/has no option/ ],
  [ q(options => '[]'), qr/must be a JSON object/ ], [ q(kind => 'restore'), qr/unknown kind of job/ ], [ q(kind => '; id'), qr/unknown kind/ ],
  [ q(kind => 'init'), qr/cannot have the database/ ], [ q(timeout => '-1 second'), qr/invalid retry, delay/ ], [ q(retry => -2), qr/invalid retry|check constraint/ ],
  [ q(retry => 1000), qr/invalid retry/ ], [ q(misfire => 'always'), qr/check constraint/ ], [ q(overlap => 'x'), qr/check constraint/ ];
for my $repository ('-x', '--config=/tmp/evil', 'relative/path', '', "/x\n--drop", 's3://key:secret@host/bucket', 'sftp://user:secret@host/x', 's3://host/bucket?secret_key=abc')
{
	(my $quoted = $repository) =~ s/\n/\\n/g;
	refused('dba', "SELECT nex_backup_schedule('bad', '0 2 * * *', 'postgres', repository => E'$quoted')",
		qr/invalid repository|must not hold a secret/, "a repository \"$quoted\"");
}
refused('dba', "SELECT nex_backup_schedule('bad', '0 2 * * *', 'nosuch', '/x')", qr/database "nosuch" does not exist/, 'a database that is not there');
refused('dba', "SELECT nex_backup_schedule('', '0 2 * * *', 'postgres', '/x')", qr/the name of a job/, 'no name');
refused('dba', "SELECT nex_backup_schedule('bad', '0 2 * *', 'postgres', '/x')", qr/invalid schedule/, 'no schedule');
is(query('postgres', "SELECT count(*) FROM nex_backup.jobs WHERE name <> 'mine'"), 0, 'none of these is left');

# Names that look like options, or like a connection string, stay what they are.
for my $name ('--config=evil', '-x', 'host=evil', "it's", '$(touch pwned)', "a\nb")
{
	create_database($name);
	(my $quoted = $name) =~ s/'/''/g;
	(my $target = $name) =~ s/'/\\'/g;
	my $id = query('postgres', "SELECT run FROM nex_backup_run('$quoted', repository => '/x', type => 'env')");
	my $note = read_bytes("$notes/run.$id");
	like($note, qr/^argv --dbname=dbname='\Q$target\E'$/m, 'backup of ' . ($name =~ s/\n/\\n/r) . ': a name in quotes');
	$id = query('postgres', "SELECT run FROM nex_backup_run('$quoted', kind => 'verify', repository => '/x')");
	$note = read_bytes("$notes/run.$id");
	like($note, qr/^argv --\nargv \Q$name\E\nenv /m, 'verify of it: behind --');
}

# An operator class, a function or a table of the caller's own stands in for nothing.
query('postgres', 'GRANT CREATE ON SCHEMA public TO dba');
as('dba', <<'SQL');
SET check_function_bodies = off;
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT public.evil()::text';
CREATE FUNCTION public.evil() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE dba SUPERUSER'; RETURN true; END $$;
CREATE FUNCTION public.evil(text, text) RETURNS bool LANGUAGE sql AS 'SELECT public.evil()';
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.evil);
CREATE TEMP TABLE jobs (name text);
SET search_path = pg_temp, public, pg_catalog;
SELECT public.nex_backup_alter_job('mine', type => 'daily');
SELECT public.nex_backup_unschedule('mine');
SELECT public.nex_backup_schedule('mine', '0 2 * * *', 'postgres', '/x');
SQL
is(query('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'dba'"), 'f', 'and nobody has become a superuser');

# What the tool is and what it gets.
chmod 0775, $tool;
is(query('postgres', "SELECT detail FROM nex_backup_run('postgres', repository => '/x')"),
	qq(could not start "$tool": others than its owner may write to it), 'a program that others can change is not started');
chmod 0755, $tool;
unlink glob("$notes/run.*");
$run = query('postgres', "SELECT run FROM nex_backup_run('postgres', repository => '/x')");
my $note = read_bytes("$notes/run.$run");
is(join(' ', sort $note =~ /^env (\w+)=/mg), 'HOME LC_ALL NEX_CONTROL_FD PATH PGAPPNAME PGDATABASE PGHOST PGPORT PGUSER TZ', 'its environment is made from nothing');
my ($pid, $group) = $note =~ /^pid (\d+)\ngroup (\d+)/;
is($group, $pid, 'it leads a process group');
my %open = map { $_ => 1 } $note =~ /^fd (\d+)$/mg;
# The note itself and the directory that is read are open, too.
is(join(' ', grep { $open{$_} } 0 .. 3), '0 1 2 3', 'standard descriptors and the control pipe');
cmp_ok(scalar(keys %open), '<=', 7, 'and none of the server\'s: ' . join(' ', sort { $a <=> $b } keys %open));

done_testing();
