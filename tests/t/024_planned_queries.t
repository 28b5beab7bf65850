# Whoever plans a query over a table, or opens it to add a row, computes constant parts of the expressions
# that its owner put on it: of indexes, valid or not, statistics, rules. A superuser who restores into a
# live database does that for nobody's table but a superuser's, and only while all of it is a superuser's.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $rights = qr/HINT.*--rows-as=session/s;

sub as_joe
{
	my ($sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query('app', $sql);
}

# What of joe's ran as a superuser, also where that was taken back; and is it one now?
sub gained
{
	my $ran = query('app', 'SELECT is_called FROM joe.ran');
	my $super = query('app', "SELECT rolsuper FROM pg_roles WHERE rolname = 'joe'");

	query('app', "ALTER ROLE joe NOSUPERUSER; ALTER SEQUENCE joe.ran RESTART; SELECT setval('joe.ran', 1, false)");
	return ($ran eq 't' ? 'ran as a superuser' : '') . ($super eq 't' ? '; joe is superuser' : '');
}

create_database('app');
query('app', 'CREATE ROLE joe LOGIN; CREATE SCHEMA joe AUTHORIZATION joe; CREATE SCHEMA p');
as_joe(<<'SQL');
CREATE SEQUENCE joe.ran;
CREATE FUNCTION joe.evil() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
		PERFORM nextval('joe.ran');
		ALTER ROLE joe SUPERUSER;
	END IF;
	RETURN 1;
END $$;
CREATE FUNCTION joe.g(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(); RETURN i; END';
CREATE FUNCTION joe.norm(v text) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 1';
SQL

# ------------------------------------------------------------------------- --append

# Name => what is put on the table, of joe's or (super) of a superuser's, after the backup; whether that is refused.
my @tables = (
	[ 'statistics', 'CREATE STATISTICS joe.e_%2$s ON (joe.g(1)), v FROM %1$s' ],
	[ 'two_expressions', 'CREATE STATISTICS joe.e_%2$s ON (lower(v)), ((joe.g(1) + id)) FROM %1$s' ],
	[ 'of_root', 'CREATE STATISTICS joe.e_%2$s ON (joe.g(1)), v FROM %1$s', 'parts' ],
	[ 'of_partition', 'CREATE STATISTICS joe.e_%2$s ON (joe.g(1)), v FROM %1$s_1', 'parts' ],
	[ 'of_index', 'CREATE INDEX e_%2$s ON %1$s ((joe.g(1)))' ],
	[ 'not_valid', 'CREATE INDEX e_%2$s ON %1$s ((joe.g(1)))' ],
	[ 'of_child', 'CREATE TABLE %1$s_child () INHERITS (%1$s); CREATE STATISTICS joe.e_%2$s ON (joe.g(1)), v FROM %1$s_child' ],
	[ 'rule', 'CREATE RULE e AS ON INSERT TO %1$s DO ALSO SELECT joe.g(1)', 'rule' ],
	[ 'plain', 'CREATE STATISTICS joe.e_%2$s ON (lower(v)), id FROM %1$s; CREATE INDEX ON %1$s (upper(v)) WHERE id > 0' ]);

for my $table (@tables)
{
	my ($name, $planted, $kind) = @$table;

	as_joe("CREATE TABLE joe.$name (id integer PRIMARY KEY, v text)"
		  . (($kind // '') eq 'parts' ? " PARTITION BY RANGE (id); CREATE TABLE joe.${name}_1 PARTITION OF joe.$name DEFAULT;" : ';')
		  . "INSERT INTO joe.$name SELECT i, 'v' || i FROM generate_series(1, 10) i");
}
# A superuser's, with a type and operators of its own in a schema where everybody may create.
query('app', <<'SQL');
GRANT CREATE, USAGE ON SCHEMA p TO joe;
CREATE TABLE p.s (id integer PRIMARY KEY, v text);
CREATE STATISTICS p.st ON (joe.norm(v)), id FROM p.s;
CREATE TABLE p.ruled (id integer PRIMARY KEY, v text);
CREATE TABLE p.fine (id integer PRIMARY KEY, v text);
CREATE STATISTICS p.fine_st ON (lower(v)), id FROM p.fine;
CREATE FUNCTION p.code_in(cstring) RETURNS p.code IMMUTABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION p.code_out(p.code) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
CREATE TYPE p.code (INPUT = p.code_in, OUTPUT = p.code_out, LIKE = text, COLLATABLE = true);
CREATE FUNCTION p.lt(p.code, p.code) RETURNS boolean IMMUTABLE STRICT LANGUAGE internal AS 'text_lt';
CREATE FUNCTION p.le(p.code, p.code) RETURNS boolean IMMUTABLE STRICT LANGUAGE internal AS 'text_le';
CREATE FUNCTION p.eq(p.code, p.code) RETURNS boolean IMMUTABLE STRICT LANGUAGE internal AS 'texteq';
CREATE FUNCTION p.ge(p.code, p.code) RETURNS boolean IMMUTABLE STRICT LANGUAGE internal AS 'text_ge';
CREATE FUNCTION p.gt(p.code, p.code) RETURNS boolean IMMUTABLE STRICT LANGUAGE internal AS 'text_gt';
CREATE FUNCTION p.cmp(p.code, p.code) RETURNS integer IMMUTABLE STRICT LANGUAGE internal AS 'bttextcmp';
CREATE OPERATOR p.< (FUNCTION = p.lt, LEFTARG = p.code, RIGHTARG = p.code);
CREATE OPERATOR p.<= (FUNCTION = p.le, LEFTARG = p.code, RIGHTARG = p.code);
CREATE OPERATOR p.= (FUNCTION = p.eq, LEFTARG = p.code, RIGHTARG = p.code);
CREATE OPERATOR p.>= (FUNCTION = p.ge, LEFTARG = p.code, RIGHTARG = p.code);
CREATE OPERATOR p.> (FUNCTION = p.gt, LEFTARG = p.code, RIGHTARG = p.code);
CREATE OPERATOR CLASS p.code_ops DEFAULT FOR TYPE p.code USING btree AS OPERATOR 1 p.<, OPERATOR 2 p.<=, OPERATOR 3 p.=, OPERATOR 4 p.>=,
	OPERATOR 5 p.>, FUNCTION 1 p.cmp(p.code, p.code);
CREATE DOMAIN p.code_domain AS p.code;
CREATE TABLE p.coded (id p.code_domain PRIMARY KEY, v text);
INSERT INTO p.s SELECT i, 'v' || i FROM generate_series(1, 10) i;
INSERT INTO p.ruled SELECT i, 'v' || i FROM generate_series(1, 10) i;
INSERT INTO p.fine SELECT i, 'v' || i FROM generate_series(1, 10) i;
INSERT INTO p.coded SELECT i::text::p.code, 'v' || i FROM generate_series(1, 10) i;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
for my $table (@tables)
{
	my ($name, $planted) = @$table;

	as_joe(sprintf($planted, "joe.$name", $name));
}
query('app', "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'joe.e_not_valid'::regclass");
as_joe(<<'SQL');
CREATE OR REPLACE FUNCTION joe.norm(v text) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT joe.g(1)';
CREATE FUNCTION p.eq(p.code_domain, p.code_domain) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(); RETURN true; END';
CREATE OPERATOR p.= (FUNCTION = p.eq, LEFTARG = p.code_domain, RIGHTARG = p.code_domain);
SQL
query('app', 'CREATE RULE e AS ON INSERT TO p.ruled DO ALSO SELECT joe.norm(NEW.v)');

my @append = ('restore', '--repo', $repo, 'app', '--append', '-U', 'postgres');

for my $table (@tables)
{
	my ($name, $planted, $kind) = @$table;

	$table = "joe.$name";
	as_joe("DELETE FROM $table WHERE id > 5");
	my ($code, $out, $err) = tool(@append, '--on-conflict=skip', '--table', $table, '-v');
	is(gained(), '', "skip, $name: nothing ran as a superuser");
	if ($kind && $kind eq 'rule')
	{
		is($code, 1, "skip, $name: refused");
		like($err, qr/Rule "e" would act.*$rights/s, "skip, $name: and says why");
		is(as_joe("SELECT count(*) FROM ONLY $table"), 5, "skip, $name: nothing was added");
	}
	else
	{
		is($code, 0, "skip, $name: rows are added");
		like("$out$err", qr/\Q$table\E: 5 rows added, 5 there already/, "skip, $name: and counted");
		$name eq 'plain' ? unlike($err, qr/added as "joe"/, "skip, $name: directly") : like($err, qr/added as "joe" because of (?:statistics|index) e_$name/, "skip, $name: by joe");
	}
	as_joe("DELETE FROM $table WHERE id > 5");
	($code, $out, $err) = tool(@append, '--table', $table);
	is(gained(), '', "$name: nothing ran as a superuser");
	is($code, 1, "$name: conflicts");
	like($err, qr/are in table \Q$table\E already/, "$name: are reported");
	like($err, qr/\Q$table\E: 5 of 10 rows are there already/, "$name: and counted") if !$kind || $kind ne 'rule';
	as_joe("TRUNCATE $table");
	($code, $out, $err) = tool(@append, '--table', $table);
	is(gained(), '', "no conflict, $name: nothing ran as a superuser");
	is($code, 0, "no conflict, $name: rows are added");
}

# Of a superuser's table: refused if others can change what the planner, or a rule, computes.
for my $case ([ 's', qr/It belongs to a superuser, but statistics st of table p[.]s can be changed by others/ ], [ 'ruled', qr/Rule "e" would act/ ])
{
	my ($name, $why) = @$case;

	query('app', "TRUNCATE p.$name; COPY p.$name FROM stdin;\n1\tv1\n2\tv2\n\\.\n");
	# TRUNCATE builds indexes, for which their table is looked at as by the planner.
	gained();
	tool_fails([ @append, '--on-conflict=skip', '--table', "p.$name" ], 1, qr/$why.*$rights/s, "skip, p.$name: refused");
	is(gained(), '', "skip, p.$name: nothing ran as a superuser");
	tool_fails([ @append, '--table', "p.$name" ], 1, qr/are in table p[.]$name already/, "p.$name: conflicts");
	is(gained(), '', "p.$name: nothing ran as a superuser");
	query('app', "TRUNCATE p.$name");
	gained();
	tool_ok([ @append, '--table', "p.$name" ], "no conflict, p.$name: rows are added");
	is(gained(), '', "no conflict, p.$name: nothing ran as a superuser");
}
for my $name ('fine', 'coded')
{
	query('app', "TRUNCATE p.$name; COPY p.$name FROM stdin;\n1\tv1\n2\tv2\n\\.\n");
	my $text = tool_ok([ @append, '--on-conflict=skip', '--table', "p.$name" ], "skip, p.$name");
	like($text, qr/8 rows added, 2 there already/, "skip, p.$name: rows are added and counted");
	is(gained(), '', "skip, p.$name: nothing ran as a superuser");
}

# ------------------------------------------------------------- while rows are on their way

as_joe("CREATE TABLE joe.big (id integer PRIMARY KEY, v text); INSERT INTO joe.big SELECT i, 'v' FROM generate_series(1, 300000) i");
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
for my $planted ('CREATE INDEX CONCURRENTLY e_big ON joe.big ((joe.g(1)))', 'CREATE STATISTICS joe.st_big ON (joe.g(1)), v FROM joe.big')
{
	as_joe('TRUNCATE joe.big; INSERT INTO joe.big VALUES (1, \'v\')');
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @append, '--on-conflict=skip', '--table', 'joe.big');
	ok(wait_until(sub { query('app', q{SELECT count(*) FROM pg_locks WHERE relation = 'joe.big'::regclass AND mode = 'RowExclusiveLock'}) > 0 }), 'the restore holds the table');
	local $ENV{PGUSER} = 'joe';
	my $others = background_sql('app', $planted);
	delete $ENV{PGUSER};
	is(finish_tool($pid), 0, "$planted meanwhile: rows are added");
	$others->();
	is(gained(), '', "$planted meanwhile: nothing ran as a superuser");
	as_joe('DROP INDEX IF EXISTS joe.e_big');
}

# Two keys, and a database whose owner has taken every way to look one up: rows are counted all the same.
as_joe('CREATE TABLE joe.keys (a integer UNIQUE, b integer UNIQUE); INSERT INTO joe.keys SELECT i, i FROM generate_series(1, 40000) i');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
as_joe('DELETE FROM joe.keys WHERE a > 39990; INSERT INTO joe.keys VALUES (39995, 50000), (50001, 39996)');
query('app', "ALTER DATABASE app SET $_ = off") for qw(enable_hashjoin enable_mergejoin enable_indexscan enable_indexonlyscan enable_bitmapscan);
like(tool_ok([ @append, '--on-conflict=skip', '--table', 'joe.keys' ], 'skip, two keys'), qr/8 rows added, 39,992 there already/, 'two keys: either counts');
query('app', "ALTER DATABASE app RESET ALL");

# ------------------------------------------------------ a superuser's materialized view

# It is filled as its owner, and reads what others have changed since the backup.
as_joe(<<'SQL');
CREATE TABLE joe.read (id integer PRIMARY KEY, v text);
INSERT INTO joe.read VALUES (1, 'v');
CREATE TABLE joe.written (id integer);
INSERT INTO joe.written VALUES (1);
CREATE TYPE joe.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN joe.number AS integer;
CREATE TABLE joe.moods (id integer, m joe.mood);
INSERT INTO joe.moods VALUES (1, 'sad');
CREATE FUNCTION joe.to_json(joe.read) RETURNS json LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(); RETURN ''{}''; END';
CREATE FUNCTION joe.to_json(joe.mood) RETURNS json LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(); RETURN ''{}''; END';
CREATE FUNCTION joe.to_text(joe.mood) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(); RETURN ''x''; END';
CREATE VIEW joe.shown AS SELECT query_to_xml('SELECT joe.evil()', true, false, '')::text AS x;
CREATE MATERIALIZED VIEW joe.kept AS SELECT id, v FROM joe.read;
CREATE FUNCTION joe.plant() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE MATERIALIZED VIEW joe.first AS SELECT joe.plant() FROM joe.written;
SQL
query('app', <<'SQL');
CREATE MATERIALIZED VIEW p.of_rows AS SELECT id, v FROM joe.read;
CREATE MATERIALIZED VIEW p.of_json AS SELECT to_jsonb(t) AS j FROM joe.read t;
CREATE MATERIALIZED VIEW p.of_column AS SELECT json_build_array(t.m) AS j FROM joe.moods t;
CREATE MATERIALIZED VIEW p.of_view AS SELECT x FROM joe.shown;
CREATE MATERIALIZED VIEW p.of_kept AS SELECT id FROM joe.kept;
CREATE MATERIALIZED VIEW p.z_after AS SELECT count(*) AS n FROM joe.read;
CREATE VIEW p.between AS SELECT id FROM joe.read;
CREATE MATERIALIZED VIEW p.of_between AS SELECT id FROM p.between;
CREATE MATERIALIZED VIEW p.of_moods AS SELECT max(id), m, count(*) FROM joe.moods WHERE m <> 'glad' AND m = ANY (ARRAY['sad', 'glad']::joe.mood[]) GROUP BY m;
CREATE MATERIALIZED VIEW p.of_words AS SELECT t.m || 'x' AS j FROM joe.moods t;
CREATE MATERIALIZED VIEW p.of_domain AS SELECT id, '1'::joe.number AS n FROM p.fine;
SQL
gained();
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
my @views = (
	[ 'of_rows', 'CREATE STATISTICS joe.e ON (joe.g(1)), v FROM joe.read', 'DROP STATISTICS joe.e', qr/statistics e of table joe[.]read/ ],
	[ 'of_rows', 'CREATE INDEX e ON joe.read ((joe.g(1)))', 'DROP INDEX joe.e', qr/index e of table joe[.]read/ ],
	[ 'of_rows', 'CREATE TABLE joe.under () INHERITS (joe.read); CREATE STATISTICS joe.e ON (joe.g(1)), v FROM joe.under', 'DROP TABLE joe.under', qr/statistics e of table joe[.]under/ ],
	[ 'of_between', 'CREATE STATISTICS joe.e ON (joe.g(1)), v FROM joe.read', 'DROP STATISTICS joe.e', qr/statistics e of table joe[.]read/ ],
	[ 'of_json', 'CREATE CAST (joe.read AS json) WITH FUNCTION joe.to_json(joe.read)', 'DROP CAST (joe.read AS json)', qr{TABLE joe[.]read|type joe[.]read} ],
	[ 'of_column', 'CREATE CAST (joe.mood AS json) WITH FUNCTION joe.to_json(joe.mood)', 'DROP CAST (joe.mood AS json)', qr/values of type joe[.]mood/ ],
	[ 'of_view', 'SELECT 1', 'SELECT 1', qr/VIEW joe[.]shown|view joe[.]shown/ ],
	[ 'of_kept', 'CREATE INDEX e ON joe.kept ((joe.g(1)))', 'DROP INDEX joe.e', qr/(?i:materialized view) joe[.]kept/ ],
	[ 'of_rows', 'CREATE STATISTICS joe.e ON (lower(v)), id FROM joe.read', 'DROP STATISTICS joe.e' ],
	[ 'of_words', 'CREATE CAST (joe.mood AS text) WITH FUNCTION joe.to_text(joe.mood)', 'DROP CAST (joe.mood AS text)', qr/TYPE joe[.]mood|values of type joe[.]mood/ ],
	[ 'of_words', 'SELECT 1', 'SELECT 1', qr/values of type joe[.]mood/ ],
	[ 'of_column', 'SELECT 1', 'SELECT 1', qr/values of type joe[.]mood/ ],
	[ 'of_domain', 'SELECT 1', 'SELECT 1', qr/DOMAIN joe[.]number|values of type joe[.]number/ ],
	[ 'of_moods', 'SELECT 1', 'SELECT 1' ]);
for my $case (@views)
{
	my ($name, $planted, $undo, $why) = @$case;
	my @part = ('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', "p.$name");

	query('app', "DROP MATERIALIZED VIEW p.$name");
	as_joe($planted);
	if ($why)
	{
		tool_fails(\@part, 1, qr/without running code of the live database.*$why.*$rights/s, "p.$name after $planted: refused");
		is(gained(), '', "p.$name after $planted: nothing ran as a superuser");
		as_joe($undo);
		tool_ok([ @part, '--rows-as=session' ], "p.$name with the rights of the session");
		gained();
	}
	else
	{
		tool_ok(\@part, "p.$name after $planted");
		is(gained(), '', "p.$name after $planted: nothing ran as a superuser");
		as_joe($undo);
	}
}
# Joe's is filled first, and puts statistics on his table meanwhile.
query('app', 'DROP MATERIALIZED VIEW p.z_after, joe.first');
as_joe(q{CREATE OR REPLACE FUNCTION joe.plant() RETURNS integer LANGUAGE plpgsql AS 'BEGIN CREATE STATISTICS joe.e ON (joe.g(1)), v FROM joe.read; RETURN 1; END'});
tool_fails([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'p.z_after', '--table', 'joe.first' ], 1,
	qr/statistics e of table joe[.]read.*$rights/s, 'statistics made while a view of joe is filled');
is(gained(), '', 'nothing ran as a superuser');

# ----------------------------------------------------------- who can lock nothing

# Others could add an index between the look at a table and the foreign key, so whose the tables are decides.
query('app', 'CREATE ROLE dba LOGIN; CREATE ROLE kim LOGIN IN ROLE joe; CREATE SCHEMA dba AUTHORIZATION dba; GRANT USAGE ON SCHEMA joe TO dba, kim; GRANT USAGE ON SCHEMA p TO dba');
as_joe(<<'SQL');
CREATE TABLE joe.par (id integer PRIMARY KEY);
INSERT INTO joe.par VALUES (1);
GRANT REFERENCES, SELECT ON joe.par TO dba;
CREATE TABLE joe.chi (id integer REFERENCES joe.par);
INSERT INTO joe.chi VALUES (1);
CREATE TABLE joe.root (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE joe.root_1 PARTITION OF joe.root DEFAULT;
INSERT INTO joe.root VALUES (1);
SQL
query('app', <<'SQL');
CREATE TABLE p.par (id integer PRIMARY KEY);
INSERT INTO p.par VALUES (1);
GRANT REFERENCES, SELECT ON p.par TO dba;
SET ROLE dba;
CREATE TABLE dba.par (id integer PRIMARY KEY);
INSERT INTO dba.par VALUES (1);
CREATE TABLE dba.to_joe (id integer REFERENCES joe.par);
CREATE TABLE dba.to_super (id integer REFERENCES p.par);
CREATE TABLE dba.to_own (id integer REFERENCES dba.par);
INSERT INTO dba.to_joe VALUES (1);
INSERT INTO dba.to_super VALUES (1);
INSERT INTO dba.to_own VALUES (1);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
for my $case ([ dba => 'dba.to_joe', qr/could be added to (?:schema joe|table joe[.]par) meanwhile, which others can change.*$rights/s ], [ dba => 'dba.to_super' ], [ dba => 'dba.to_own' ], [ kim => 'joe.chi' ], [ kim => 'joe.root_1' ])
{
	my ($role, $table, $why) = @$case;
	my @part = ('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', $table, '-U', $role);

	query('app', "DROP TABLE $table");
	if ($why)
	{
		tool_fails(\@part, 1, $why, "$role: $table is refused");
		is(query('app', "SELECT to_regclass('$table') IS NULL"), 't', "$role: $table is not there");
		tool_ok([ @part, '--rows-as=session' ], "$role: $table with the rights of the session");
	}
	else
	{
		tool_ok(\@part, "$role: $table");
	}
	is(query('app', "SELECT count(*) FROM $table"), 1, "$role: $table has its row");
}

# The value of a sequence is read by its name: in the turn of its owner.
as_joe('CREATE TABLE joe.numbered (id serial PRIMARY KEY); INSERT INTO joe.numbered SELECT FROM generate_series(1, 3)');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
for my $role ('kim', 'joe', 'postgres')
{
	as_joe('TRUNCATE joe.numbered RESTART IDENTITY');
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--append', '-v', '--table', 'joe.numbered', '-U', $role);
	is($code, 0, "$role: rows are added");
	unlike("$out$err", qr/value of SEQUENCE/, "$role: nothing is left out");
	is(as_joe("SELECT nextval('joe.numbered_id_seq')"), 4, "$role: the sequence is moved");
}

done_testing();
