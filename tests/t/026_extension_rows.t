# Rows of extensions' configuration tables in a part of a backup: they come with the extension, they can be
# chosen by name and by schema, and whatever does not come is said.
use strict;
use warnings;

use NexBackup::Forge;
use NexBackup::Test;
use Test::More;

my $config = $ENV{PG_CONFIG} || 'pg_config';
chomp(my $share = `"$config" --sharedir`);
plan skip_all => 'no extension can be installed here' unless -w "$share/extension";

# Like postgis: a type, a table with rows of its own and of the user. Like pg_cron: a schema of its own, no type.
my %extensions = (
	nexb_places => [ '', <<'SQL' ],
CREATE TYPE place AS (x int, srs int);
CREATE TABLE srs (id int PRIMARY KEY, name text);
INSERT INTO srs VALUES (1, 'shipped');
SELECT pg_catalog.pg_extension_config_dump('srs', 'WHERE id > 100');
SQL
	nexb_jobs => [ "schema = 'jobs'\n", <<'SQL' ]);
CREATE SEQUENCE job_id; CREATE SEQUENCE not_dumped;
CREATE TABLE job (id int PRIMARY KEY DEFAULT nextval('job_id'), what text);
CREATE TABLE detail (job int PRIMARY KEY REFERENCES job, what text); CREATE TABLE nothing (a int);
SELECT pg_catalog.pg_extension_config_dump('job', ''); SELECT pg_catalog.pg_extension_config_dump('detail', '');
SELECT pg_catalog.pg_extension_config_dump('nothing', ''); SELECT pg_catalog.pg_extension_config_dump('job_id', '');
SQL
for my $name (keys %extensions)
{
	my ($control, $sql) = @{ $extensions{$name} };
	write_bytes("$share/extension/$name.control", "default_version = '1'\nrelocatable = false\n$control");
	write_bytes("$share/extension/$name--1.sql", $sql);
}
END { unlink map { glob("$share/extension/$_*") } keys %extensions; }

my $node = start_server();
my $repo = new_repository();
create_database('source');
query('source', <<'SQL');
CREATE EXTENSION nexb_places; CREATE EXTENSION nexb_jobs;
INSERT INTO srs VALUES (990001, 'site grid');
INSERT INTO jobs.job (what) VALUES ('one'), ('two'), ('three'); INSERT INTO jobs.detail VALUES (2, 'more');
SELECT nextval('jobs.not_dumped');
CREATE TABLE site (id int, at place); INSERT INTO site VALUES (1, ROW(7, 990001));
CREATE SCHEMA other; CREATE TABLE other.plain AS SELECT 1 AS i;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'source' ], 'a backup');
my $number = 0;

# Restore a part into a new database: output, and what is there.
sub part
{
	my ($options, $code) = @_;
	my $to = 'part_' . ++$number;
	my ($got, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', $to, @$options);

	is($got, $code // 0, "restore @$options") or diag($err);
	return ($to, $out, $err);
}

sub rows_of { my ($database, $table) = @_; return query($database, "SELECT count(*) FROM $table"); }
sub has { my ($database, $extension) = @_; return query($database, "SELECT count(*) FROM pg_extension WHERE extname = '$extension'"); }

# Of a table: 1 if it has its own row and that of the user.
my $srs = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM srs";
my ($to, $out, $err);

# ---- into a new database

for my $options ([ '-n', 'public' ], [ '-t', 'site' ], [ '-t', 'srs' ], [ '-n', 'public', '-t', 'jobs.*' ], [ '-t', '*' ])
{
	($to, $out) = part($options);
	is(query($to, $srs), '1 990001', '... brings the rows of the extension');
	is(has($to, 'nexb_jobs'), "@$options" =~ /jobs|\*/ ? 1 : 0, '... and no other extension');
	unlike($out, qr/left out: .*srs/, '... and says nothing of them');
}
for my $options ([ '-n', 'jobs' ], [ '-t', 'jobs.job' ], [ '-t', 'jobs.job', '-n', 'other' ], [ '-n', 'j*' ])
{
	($to, $out) = part($options);
	is(query($to, 'SELECT string_agg(what, $$ $$ ORDER BY id) FROM jobs.job'), 'one two three', '... brings the extension and its rows');
	is(rows_of($to, 'jobs.detail'), 1, '... all of them');
	is(query($to, q(SELECT nextval('jobs.job_id'), nextval('jobs.not_dumped'))), '4|1', '... and where its sequence was');
	like($out, qr/^also restored: EXTENSION nexb_jobs$/m, '... and says that it brought the extension');
}
($to, $out) = part([ '-n', 'public', '-T', 'srs' ]);
is(query($to, $srs), 1, '... leaves rows out that are excluded');
($to, $out) = part([ '-T', 'jobs.detail' ]);
is(rows_of($to, 'jobs.detail') . rows_of($to, 'jobs.job'), '03', '... and no others');
($to, $out) = part([ '-n', 'jobs', '--schema-only' ]);
is(has($to, 'nexb_jobs') . rows_of($to, 'jobs.job'), '10', '... brings definitions only');
($to, $out) = part([ '-n', 'other' ]);
is(has($to, 'nexb_jobs') . has($to, 'nexb_places'), '00', '... brings no extension');
part([ '-t', 'jobs.not_configuration' ], 1);
($to, $out, $err) = part([ '-t', 'jobs.job', '--as', 'job_then' ], 1);
like($err, qr/error: tables of extensions cannot be restored under another name\nDETAIL:  Table "jobs.job" is a configuration table of extension "nexb_jobs"\.\nHINT:  .*--append/, '... says why');

# ---- into a database that exists

create_database('live');
query('live', 'CREATE TABLE mine (a int)');
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '-n', 'jobs');
is($to, 0, 'into a live database without the extension') or diag($err);
is(rows_of('live', 'jobs.job'), 3, '... brings extension and rows');
is(query('live', q(SELECT nextval('jobs.job_id'))), 4, '... and its sequence');
query('live', 'DELETE FROM jobs.detail; DELETE FROM jobs.job WHERE id > 1');
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '-n', 'jobs', '-n', 'other');
is($to, 0, 'with the extension there') or diag($err);
is(rows_of('live', 'jobs.job'), 1, '... rows are not mixed');
like($out, qr/^left out: 3 rows of jobs\.job \(it comes with extension "nexb_jobs", which is not restored; --append adds them\)$/m, '... but said');
tool_fails([ 'restore', '--repo', $repo, 'source', '--to', 'live', '-t', 'jobs.job' ], 1,
	qr/error: table "jobs.job" exists already\nDETAIL:  .*extension "nexb_jobs"\.\nHINT:  Add its rows with --append/, 'by its name');
query('live', 'CREATE EXTENSION nexb_places');
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '-t', 'site');
is($to, 0, 'a table whose type is of an extension that is there') or diag($err);
like($out, qr/^left out: 1 row of public\.srs \(it comes with extension "nexb_places", which is used as it is; --append with --on-conflict=skip adds those/m,
	'... says that rows which it may need do not come along');
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '--append', '--on-conflict', 'skip', '-t', 'srs');
is(query('live', 'SELECT name FROM srs WHERE id = 990001'), 'site grid', '... and can be added') or diag($err);
query('live', q(SELECT setval('jobs.job_id', 1)));
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '--append', '--on-conflict', 'skip', '-t', 'jobs.job', '-t', 'jobs.detail');
is($to, 0, 'with --append') or diag($err);
is(rows_of('live', 'jobs.job') . rows_of('live', 'jobs.detail'), '31', '... the rows are back');
like($out, qr/^jobs\.job: 2 rows added, 1 there already$/m, '... and counted');
is(query('live', q(SELECT nextval('jobs.job_id'))), 4, '... and the sequence has moved');
query('live', 'TRUNCATE jobs.job, jobs.detail');
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '--append', '-n', 'jobs');
is("$to " . rows_of('live', 'jobs.job'), '0 3', 'by the schema') or diag($err);
query('live', 'CREATE TABLE job_then (id int, what text)');
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '--append', '-t', 'jobs.job', '--as', 'public.job_then');
is("$to " . rows_of('live', 'job_then'), '0 3', 'into a table of another name') or diag($err);

# ---- what is shown

like(tool_ok([ 'info', '--repo', $repo, 'source', '--contents' ], 'info --contents'), qr/^ TABLE +\| jobs +\| job +\| \(extension nexb_jobs\) +\| +3 /m,
	'lists such tables');
my ($shown) = grep { $_->{name} eq 'srs' } @{ tool_json('info', '--repo', $repo, 'source', '--contents')->{objects} };
is("$shown->{kind} $shown->{rows} $shown->{extension}", 'TABLE 1 nexb_places', '... in JSON, too');
($shown) = grep { $_->{name} eq 'srs' } @{ tool_json('info', '--repo', $repo, 'source')->{tables} };
is($shown->{extension}, 'nexb_places', 'info --json names the extension');

# ---- a backup of 0.2.1, which does not say whose the tables are

my ($path) = glob("$repo/backups/source/*.json");
reseal($path, sub { my ($text) = @_; cmp_ok($text =~ s/, ?"extension": ?"[^"]*"//g, '==', 4, 'an older backup'); return $text; });
($to) = part([ '-n', 'public' ]);
is(query($to, $srs), '1 990001', '... brings the rows of the extensions that are restored');
($to, $out) = part([ '-t', 'site', '-n', 'jobs' ]);
is(query($to, $srs) . has($to, 'nexb_jobs'), '1 9900010', '... and no others');
like($out, qr/^left out: 3 rows of jobs\.job \(no extension that is restored has it\)$/m, '... which it says');
unlike($out, qr/jobs\.nothing/, '... where there are rows');
(undef, undef, $err) = part([ '-t', 'jobs.job' ], 1);
like($err, qr/error: the backup does not say which extension table "jobs.job" comes with\nDETAIL.*\nHINT:  Add its rows with --append/, '... says what to do');
query('live', 'TRUNCATE jobs.job, jobs.detail');
($to, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'live', '--append', '-t', 'jobs.job');
is("$to " . rows_of('live', 'jobs.job'), '0 3', '... which works') or diag($err);

done_testing();
