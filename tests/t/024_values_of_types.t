# Values in definitions are read by the types of the live database, as soon as a definition is restored. Whoever
# owns such a type may have made something else of it since the backup; nothing of it runs with the rights of the
# restore, be they a superuser's or those of any other role.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $refused = qr/(?:without running code of the live database|is a domain now).*HINT.*--rows-as=session.*--to=NEWDB/s;

sub as_joe
{
	my ($sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query('app', $sql);
}

create_database('app');
query('app', <<'SQL');
CREATE ROLE joe LOGIN;
CREATE ROLE alice LOGIN;
CREATE ROLE ops LOGIN IN ROLE pg_execute_server_program;
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA s AUTHORIZATION alice;
CREATE SCHEMA z AUTHORIZATION alice;
GRANT CREATE, USAGE ON SCHEMA s TO ops;
SQL
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE TABLE joe.log (who text);
GRANT INSERT ON joe.log TO PUBLIC;
CREATE FUNCTION joe.g(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
CREATE DOMAIN joe.pos AS integer CHECK (joe.g(VALUE) > 0);
CREATE FUNCTION joe.add(i joe.pos, j integer) RETURNS joe.pos IMMUTABLE LANGUAGE sql AS 'SELECT i + j';
CREATE TYPE joe.span AS RANGE (subtype = joe.pos, multirange_type_name = joe.spans);
CREATE TYPE joe.pair AS (a joe.pos, b text);
CREATE TYPE joe.mood AS ENUM ('sad', 'glad');
CREATE TYPE joe.e AS ENUM ('{1}', '{2}');
CREATE TABLE joe.rows (a joe.pos, b text);
CREATE FUNCTION joe.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
SQL
query('app', <<'SQL');
SET ROLE alice;
CREATE TABLE s.multirange (i integer, a joe.spans DEFAULT '{[1,2]}'::joe.spans);
CREATE TABLE s.enum (i integer, a joe.e DEFAULT '{1}'::joe.e);
CREATE TABLE s.array (i integer, a joe.pos[] DEFAULT '{1}'::joe.pos[]);
CREATE TABLE s.composite (i integer, a joe.pair[] DEFAULT '{"(1,a)"}'::joe.pair[]);
CREATE TABLE s.row (i integer, a joe.rows DEFAULT '(1,a)'::joe.rows);
CREATE VIEW s.view AS SELECT '[1,2]'::joe.span AS a;
CREATE FUNCTION s.argument(a joe.pos[] DEFAULT '{1}'::joe.pos[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TABLE s.part (i integer, k joe.pos) PARTITION BY LIST (k);
CREATE TABLE s.part_1 PARTITION OF s.part FOR VALUES IN (1);
CREATE TABLE s.generated (i integer, a integer GENERATED ALWAYS AS (joe.g(1)) STORED);
CREATE AGGREGATE z.sum(integer) (SFUNC = joe.add, STYPE = joe.pos, INITCOND = '1');
CREATE TABLE s.plain (i integer PRIMARY KEY, d joe.pos, m joe.mood DEFAULT 'sad', p joe.pair, t text DEFAULT 'x', u timestamptz DEFAULT '2020-01-01', CHECK (t <> ''));
CREATE TABLE s.by_date (d date, p joe.pos, m joe.mood DEFAULT 'glad') PARTITION BY RANGE (d);
CREATE TABLE s.by_date_1 PARTITION OF s.by_date FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE s.by_mood (m joe.mood, p joe.pos) PARTITION BY LIST (m);
CREATE TABLE s.by_mood_1 PARTITION OF s.by_mood FOR VALUES IN ('glad');
CREATE TABLE s.root (i integer) PARTITION BY LIST (i);
CREATE TABLE s.root_1 PARTITION OF s.root FOR VALUES IN (1);
CREATE TABLE s.indexed (i integer);
CREATE INDEX ON s.indexed (joe.g(i));
INSERT INTO s.plain VALUES (1, 2, 'glad', '(3,c)');
INSERT INTO s.by_date VALUES ('2020-02-02', 1);
INSERT INTO s.by_mood VALUES ('glad', 1);
INSERT INTO s.root VALUES (1);
INSERT INTO s.indexed VALUES (1);
RESET ROLE;
CREATE TABLE s.fired (i integer);
CREATE TRIGGER t BEFORE INSERT ON s.fired FOR EACH ROW EXECUTE FUNCTION joe.fire();
ALTER TABLE s.fired OWNER TO ops;
INSERT INTO s.fired VALUES (1);
SQL
as_joe('CREATE TABLE joe.counted (i integer); INSERT INTO joe.counted VALUES (1), (2)');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');

# From now on whatever calls joe's functions is written down; and what was an enum is a domain.
as_joe(<<'SQL');
CREATE OR REPLACE FUNCTION joe.g(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'code of joe runs as %', current_user;
	RETURN i;
END $$;
CREATE OR REPLACE FUNCTION joe.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'code of joe runs as %', current_user;
	RETURN new;
END $$;
SQL
query('app', 'DROP SCHEMA z CASCADE; CREATE SCHEMA z AUTHORIZATION alice; DROP TABLE s.enum');
as_joe('DROP TYPE joe.e; CREATE DOMAIN joe.e AS joe.pos[]');

# What of it ran as somebody but its table's owner, by the log of the server.
sub ran
{
	my ($restore) = @_;
	my $before = -s $node->logfile;
	my @result = tool(@$restore);
	my $log = substr(read_bytes($node->logfile), $before);

	return (join(',', $log =~ /code of joe runs as (\w+)/g), @result);
}

sub is_refused
{
	my ($name, @restore) = @_;
	my ($ran, $code, $out, $err) = ran([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', @restore ]);

	is($ran, '', "$name: nothing of joe's ran");
	is($code, 1, "$name: refused");
	like($err, $refused, "$name: with the reason and what helps");
	return;
}

my %drop = (map({ ($_ => "DROP TABLE IF EXISTS s.$_") } qw(multirange enum array composite row part generated)), view => 'DROP VIEW s.view');

for my $name (sort keys %drop)
{
	query('app', $drop{$name});
	my @parts = $name eq 'part' ? ('--table', 's.part_1') : ();
	is_refused("$name$_->[0]", '--table', "s.$name", @parts, @{ $_->[1] })
	  for ([ '', [] ], [ ' as ops', [ '-U', 'ops', '--no-owner', '--no-privileges' ] ]);
}
is_refused('initial condition', '--schema', 'z');

# What only has columns of such types, or values of others, is restored.
for my $name (qw(plain by_date by_mood))
{
	my @parts = $name eq 'plain' ? () : ('--table', "s.${name}_1");

	query('app', "DROP TABLE s.$name");
	tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', "s.$name", @parts ], "$name is restored");
	is(query('app', "SELECT count(*) FROM s.$name"), 1, "$name: with its row");
}

# ------------------------------------------------- a partition of a table that has changed

query('app', 'DROP TABLE s.root_1; SET ROLE alice; CREATE INDEX root_index ON s.root (joe.g(i))');
my @partition = ('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 's.root_1');
my ($ran, $code, $out, $err) = ran([ @partition, '--no-owner' ]);
is($ran, '', "an index of the root, --no-owner: nothing of joe's ran");
isnt($code, 0, 'and it is refused');
like($err, qr/could not attach a partition to s\.root without.*--to=NEWDB/s, 'with the reason');
($ran, $code, $out, $err) = ran(\@partition);
is($code, 0, 'the index of the root with its owner') or diag($err);
unlike($ran, qr/postgres/, 'is built as that one');

# ------------------------------------------------------------- a role that is no superuser

query('app', 'DROP TABLE s.indexed; TRUNCATE s.fired');
is_refused('an index, as ops', '--table', 's.indexed', '-U', 'ops', '--no-owner', '--no-privileges');
for my $owner ([ 'alice', qr/schema s belongs to "alice"/ ], [ 'ops', qr/It belongs to you, but function joe\.fire\(\) can be changed by others/ ])
{
	query('app', "ALTER SCHEMA s OWNER TO $owner->[0]");
	($ran, $code, $out, $err) = ran([ 'restore', '--repo', $repo, 'app', '--append', '--yes', '--table', 's.fired', '-U', 'ops' ]);
	is($ran, '', "a trigger of a table of ops, as ops, in a schema of $owner->[0]: nothing of joe's ran");
	is($code, 1, 'and it is refused');
	like($err, $owner->[1], 'with the reason');
}
tool_ok([ 'restore', '--repo', $repo, 'app', '--append', '--yes', '--table', 's.fired', '-U', 'ops', '--rows-as=session' ], 'ops may trust joe');

# ---------------------------------------------------------------- rows that code counts

as_joe(<<'SQL');
CREATE FUNCTION joe.count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE TG_ARGV[0];
	RETURN NULL;
END $$;
SQL
for my $count ('VALUES (99)', 'VALUES (1)', 'VALUES (NULL)', 'VALUES (-1)')
{
	for my $options ([], ['--on-conflict=skip'])
	{
		(my $insert = "INSERT INTO pg_temp.nex_backup_added $count") =~ s/'/''/g;
		as_joe("TRUNCATE joe.counted; CREATE OR REPLACE TRIGGER t BEFORE INSERT ON joe.counted FOR EACH ROW EXECUTE FUNCTION joe.count('$insert')");
		tool_fails([ 'restore', '--repo', $repo, 'app', '--append', '--table', 'joe.counted', @$options ],
			3, qr/code of table joe\.counted changed the number of rows/, "a number of rows by a trigger, $count @$options");
		is(query('app', 'SELECT count(*) FROM joe.counted'), 0, 'nothing is added');
	}
}

done_testing();
