# What PostgreSQL asks of whoever makes an object, it asks only then: USAGE of a server, EXECUTE of the function of
# a trigger, whether options may name a program.  A part of a backup gives nobody more than that today.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $place = File::Temp->newdir;
chmod 0777, $place;
my $program = "$place/ran";

sub as_joe
{
	my ($database, $sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query($database, $sql);
}

sub restore
{
	my ($database, @options) = @_;

	return tool('restore', '--repo', $repo, $database, '--to', $database, '--yes', '-q', @options);
}

sub is_refused
{
	my ($name, $why, $database, @options) = @_;
	my ($code, $out, $err) = restore($database, @options);

	is($code, 1, "$name: refused");
	like($err, $why, "$name: with the reason and what helps");
	return;
}

sub is_restored
{
	my ($name, $database, @options) = @_;
	my ($code, $out, $err) = restore($database, @options);

	return is($code, 0, $name) || diag($err);
}

query('postgres', 'CREATE ROLE joe LOGIN');
create_database('app');
query('app', <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO joe;
CREATE EXTENSION file_fdw SCHEMA public;
CREATE FOREIGN DATA WRAPPER old;
GRANT USAGE ON FOREIGN DATA WRAPPER old, file_fdw TO joe;
CREATE SERVER "of FOREIGN DATA WRAPPER x" TYPE 'FOREIGN DATA WRAPPER y' FOREIGN DATA WRAPPER old;
GRANT USAGE ON FOREIGN SERVER "of FOREIGN DATA WRAPPER x" TO joe;
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
REVOKE ALL ON FUNCTION app.note() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.note() TO joe;
CREATE TABLE app.seen (a integer);
CREATE PUBLICATION out;
ALTER PUBLICATION out OWNER TO joe;
ALTER TABLE app.seen OWNER TO joe;
SQL
as_joe('app', <<"SQL");
CREATE SERVER files FOREIGN DATA WRAPPER old;
CREATE FOREIGN TABLE joe.program (l text) SERVER files OPTIONS (program 'touch $program', format 'text');
CREATE FOREIGN TABLE joe.columns (l text OPTIONS (force_null 'true'), m integer DEFAULT 3) SERVER files OPTIONS (filename '/etc/passwd');
CREATE SERVER mine VERSION 'it''s' FOREIGN DATA WRAPPER old OPTIONS (a 'b\\c');
CREATE FOREIGN TABLE joe.far (a integer OPTIONS (x 'y\\z') NOT NULL, b text DEFAULT 'a') SERVER mine OPTIONS (p 'q');
CREATE FOREIGN TABLE joe.other (a integer) SERVER "of FOREIGN DATA WRAPPER x";
CREATE TABLE joe.fires (id integer);
CREATE TRIGGER note BEFORE INSERT ON joe.fires FOR EACH ROW EXECUTE FUNCTION app.note('from joe');
ALTER PUBLICATION out ADD TABLE app.seen;
SQL
query('app', "CREATE FOREIGN TABLE app.ours (l text) SERVER files OPTIONS (program 'true')");
as_joe('app', "CREATE FUNCTION joe.leaky(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; CREATE TABLE joe.leaks (a integer CHECK (joe.leaky(a)))");
query('app', 'ALTER FUNCTION joe.leaky(integer) LEAKPROOF');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
my $before = normalized_dump('app');

# ------------------------------------------------------------------ all as it was

as_joe('app', 'DROP SERVER mine CASCADE; DROP FOREIGN TABLE joe.other; DROP TABLE joe.fires');
query('app', 'DROP SERVER "of FOREIGN DATA WRAPPER x"');
is_restored('foreign tables, servers and a trigger', 'app', '--table', 'joe.far', '--table', 'joe.other', '--table', 'joe.fires');
is(normalized_dump('app'), $before, 'they are what they were');

# ------------------------------------------- a server over another wrapper than it was

as_joe('app', 'DROP SERVER files CASCADE; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw');
for my $table ('joe.program', 'joe.columns', 'app.ours')
{
	is_refused("table $table of a server over another wrapper",
		qr/SERVER files has foreign data wrapper "file_fdw" now, and in the backup "old".*HINT/s, 'app', '--table', $table);
}

# The right to name a program was joe's at the time of the backup.
as_joe('app', 'DROP SERVER files');
query('app', 'GRANT pg_execute_server_program TO joe');
as_joe('app', "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE joe.program (l text) SERVER files OPTIONS (program 'touch $program')");
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
query('app', 'REVOKE pg_execute_server_program FROM joe');
as_joe('app', 'DROP FOREIGN TABLE joe.program');
is_refused('a program', qr/FOREIGN TABLE joe\.program.*HINT.*--rows-as=session/s, 'app', '--table', 'joe.program');
as_joe('app', 'DROP SERVER files');
is_refused('a program, with its server', qr/FOREIGN TABLE joe\.program.*HINT.*--rows-as=session/s, 'app', '--table', 'joe.program');
is(query('app', "SELECT count(*) FROM pg_foreign_server WHERE srvname = 'files'"), 0, 'nothing is left of it');
ok(!-e $program, 'nor did it run');

# USAGE of the wrapper and of the server are asked for as well.
query('app', 'REVOKE USAGE ON FOREIGN SERVER "of FOREIGN DATA WRAPPER x" FROM joe; REVOKE USAGE ON FOREIGN DATA WRAPPER old FROM joe');
as_joe('app', 'DROP SERVER mine CASCADE; DROP FOREIGN TABLE joe.other');
is_refused('a server', qr/SERVER mine.*no USAGE on FOREIGN DATA WRAPPER old.*HINT.*GRANT/s, 'app', '--table', 'joe.far');
is_refused('a foreign table', qr/TABLE joe\.other.*no USAGE on FOREIGN SERVER .*HINT.*GRANT/s, 'app', '--table', 'joe.other');

# ------------------------------------------------------------------ other rights

query('app', 'REVOKE ALL ON FUNCTION app.note() FROM joe');
as_joe('app', 'DROP TABLE joe.fires');
is_refused('the function of a trigger', qr/TRIGGER joe\.fires note.*no EXECUTE on FUNCTION app\.note.*HINT.*GRANT/s, 'app', '--table', 'joe.fires');
as_joe('app', 'DROP FUNCTION joe.leaky(integer) CASCADE; DROP TABLE joe.leaks');
is_refused('a leakproof function', qr/FUNCTION joe\.leaky.*only superuser can define a leakproof function.*HINT/s, 'app', '--table', 'joe.leaks');

done_testing();
