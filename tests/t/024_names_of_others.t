# A definition of a backup calls functions and operators by name, and takes parents, tables and schemas by
# name. Whoever can create objects in a schema can give such a name another meaning, also while the part is
# being restored. Nothing of theirs runs with the rights of others, and no rows become theirs.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $refused = qr/without running code of the live database.*HINT.*--rows-as=session.*--to=NEWDB/s;
my $changed = qr/belongs to "joe" now, and in the backup to "postgres".*HINT.*--rows-as=session.*--to=NEWDB/s;

sub as_joe
{
	my ($sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query('app', $sql);
}

create_database('app');
query('app', <<'SQL');
CREATE ROLE joe LOGIN;
CREATE ROLE bob LOGIN;
CREATE EXTENSION refint;
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA bob AUTHORIZATION bob;
CREATE SCHEMA s;
GRANT USAGE ON SCHEMA s TO joe, bob;
GRANT CREATE ON SCHEMA s TO joe;
CREATE FUNCTION s.norm(anyelement) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION s.pick(anyelement) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION s.eq(anyelement, anyelement) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR s.=== (FUNCTION = s.eq, LEFTARG = anyelement, RIGHTARG = anyelement);
CREATE FUNCTION s.step(integer, anyelement) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE AGGREGATE s.number(anyelement) (SFUNC = s.step, STYPE = integer, INITCOND = '0');
CREATE FUNCTION s.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION s.one() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE DOMAIN s.word AS text;
CREATE TABLE s.source (v text);

CREATE TABLE s.generated (v text, g integer GENERATED ALWAYS AS (s.norm('x'::text)) STORED);
CREATE TABLE s.by_operator (v text, g boolean GENERATED ALWAYS AS ('a'::text OPERATOR(s.===) 'b'::text) STORED);
CREATE TABLE s.by_key (i integer, v text) PARTITION BY LIST ((i + s.norm('x'::text)));
CREATE TABLE s.by_call (v text) PARTITION BY RANGE (s.pick(v));
CREATE TABLE s.indexed (v text);
CREATE INDEX ON s.indexed (s.norm(v));
CREATE TABLE s.predicate (v text);
CREATE INDEX ON s.predicate (v) WHERE s.norm(v) = 1;
CREATE TABLE s.excluded (v text, EXCLUDE USING btree (s.norm(v) WITH =));
CREATE TABLE s.statistics (v text, w text);
CREATE STATISTICS s.of_norm ON (s.norm(v)), w FROM s.statistics;
CREATE MATERIALIZED VIEW s.shown AS SELECT s.norm(v) FROM s.source;
CREATE MATERIALIZED VIEW s.counted AS SELECT s.number(v) FROM s.source;
CREATE VIEW s.view AS SELECT s.norm(v) FROM s.source;
CREATE TABLE s.defaults (v text, d integer DEFAULT s.norm('x'::text));
CREATE TABLE s.checked (v text CHECK (s.norm(v) = 1));
CREATE TABLE s.bobs (v text CHECK (s.norm(v) = 1));
CREATE TABLE s.condition (v text);
CREATE TRIGGER t BEFORE INSERT ON s.condition FOR EACH ROW WHEN (s.norm(new.v) = 1) EXECUTE FUNCTION s.fire();
CREATE TABLE s.policy (v text);
ALTER TABLE s.policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON s.policy USING (s.norm(v) = 1);

-- What names nothing but tables and PostgreSQL's own, or what has one meaning only.
CREATE TABLE s.plain (v text CHECK (length(v) > 0), w s.word, t timestamptz DEFAULT now(), u integer GENERATED ALWAYS AS (length(w::text)) STORED);
CREATE INDEX ON s.plain (lower(v)) WHERE v <> '';
CREATE TABLE s.fired (v text, d integer DEFAULT s.one(), g integer GENERATED ALWAYS AS (s.one()) STORED);
CREATE TRIGGER t BEFORE INSERT ON s.fired FOR EACH ROW EXECUTE FUNCTION s.fire('s.norm(x)');

CREATE TABLE s.base (i integer, v text);
CREATE MATERIALIZED VIEW s.of_base AS SELECT i, v FROM s.base;
CREATE TABLE s.orders (y integer, v text) PARTITION BY LIST (y);
CREATE TABLE s.orders_1 PARTITION OF s.orders FOR VALUES IN (1);
CREATE TABLE s.parent (i integer);
CREATE TABLE s.child (v text) INHERITS (s.parent);
CREATE TABLE s.payments (i integer);
CREATE TABLE s.customers (i integer PRIMARY KEY);
CREATE TABLE s.bills (i integer REFERENCES s.customers ON DELETE CASCADE);
INSERT INTO s.orders VALUES (1, 'secret');
INSERT INTO s.child VALUES (1, 'secret');
INSERT INTO s.payments VALUES (1);
INSERT INTO s.customers VALUES (1);
INSERT INTO s.bills VALUES (1);

CREATE TABLE s.triggered (i integer PRIMARY KEY);
CREATE TABLE s.keys (i integer PRIMARY KEY);
CREATE TABLE s.words (w text PRIMARY KEY);
CREATE TABLE s.quiet (i integer PRIMARY KEY);
CREATE TRIGGER t BEFORE INSERT ON s.quiet FOR EACH ROW EXECUTE FUNCTION s.fire();
INSERT INTO s.triggered VALUES (1);
INSERT INTO s.keys VALUES (1);
INSERT INTO s.words VALUES ('x');
INSERT INTO s.quiet VALUES (1);
GRANT TRIGGER ON s.triggered TO joe;
GRANT ALL ON s.quiet TO joe;
GRANT REFERENCES ON s.keys, s.words TO joe;
SQL
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE FUNCTION joe.boom() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'joe' THEN
		RAISE LOG 'code of joe runs as % in a session of %', current_user, session_user;
	END IF;
	RETURN 1;
END $$;
CREATE FUNCTION joe.pure(v text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE TYPE joe.c AS (w text);
CREATE FUNCTION joe.to_text(joe.c) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1.w; END';
CREATE CAST (joe.c AS text) WITH FUNCTION joe.to_text AS IMPLICIT;
CREATE TABLE joe.refers (i integer REFERENCES s.keys);
CREATE TABLE joe.casts (c joe.c REFERENCES s.words);
CREATE TABLE joe.targets (w text PRIMARY KEY);
CREATE TABLE joe.keyed (c joe.c REFERENCES joe.targets);
INSERT INTO joe.refers VALUES (1);
INSERT INTO joe.casts VALUES (ROW('x')::joe.c);
INSERT INTO joe.targets VALUES ('x');
INSERT INTO joe.keyed VALUES (ROW('x')::joe.c);
SQL
query('app', <<'SQL');
CREATE INDEX ON s.keys (joe.pure('x'));
CREATE TABLE s.by_joe (v text, EXCLUDE USING btree (joe.pure(v) WITH =));
CREATE TABLE s.typed (c joe.c, v text);
CREATE INDEX ON s.typed ((c::text));
ALTER TABLE s.bobs OWNER TO bob;
CREATE TABLE bob.own (v text);
CREATE FUNCTION bob.norm(anyelement) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
ALTER FUNCTION bob.norm OWNER TO bob;
CREATE INDEX ON bob.own (bob.norm(v));
ALTER TABLE bob.own OWNER TO bob;
SQL
my @tables = qw(generated by_operator indexed predicate excluded statistics defaults checked bobs condition policy plain fired);
query('app', "INSERT INTO s.$_ (v) VALUES ('x')") for @tables, 'source', 'by_joe', 'typed';
query('app', "INSERT INTO bob.own VALUES ('x')");
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');

# What ran since the last question.
my $from = -s $node->logfile;

sub nothing_ran
{
	my ($name) = @_;
	my $log = substr(read_bytes($node->logfile), $from);

	$from = -s $node->logfile;
	return is(join(', ', $log =~ /code of joe (runs as .*)/g), '', "$name: nothing of joe's ran");
}

sub restore
{
	my (@options) = @_;

	return tool('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', @options);
}

sub is_refused
{
	my ($name, $why, @options) = @_;
	my ($code, $out, $err) = restore(@options);

	is($code, 1, "$name: refused");
	like($err, $why, "$name: with the reason and what helps");
	nothing_ran($name);
	return;
}

# ------------------------------------------------------------------------------- functions and operators

my @calling = (qw(generated by_operator by_key by_call indexed predicate excluded statistics shown counted view defaults checked bobs condition policy));
my @gone = ('MATERIALIZED VIEW s.shown', 'MATERIALIZED VIEW s.counted', 'VIEW s.view', map({ "TABLE s.$_" } @tables, 'by_key', 'by_call'));
query('app', join('', map { "DROP $_;" } @gone));

my $overloads = <<'SQL';
CREATE FUNCTION s.norm(text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(); END';
CREATE FUNCTION s.pick(text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(); END';
CREATE FUNCTION s.eq(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom() > 0; END';
CREATE OPERATOR s.=== (FUNCTION = s.eq, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION s.step(integer, text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(); END';
CREATE AGGREGATE s.number(text) (SFUNC = s.step, STYPE = integer, INITCOND = '0');
SQL
my $no_overloads = 'DROP AGGREGATE s.number(text); DROP OPERATOR s.=== (text, text); DROP FUNCTION s.step(integer, text), s.eq(text, text), s.norm(text), s.pick(text);';
my $originals = 'DROP AGGREGATE s.number(anyelement); DROP OPERATOR s.=== (anyelement, anyelement);'
  . 'DROP FUNCTION s.step(integer, anyelement), s.eq(anyelement, anyelement), s.norm(anyelement);';

# Joe could add one at any moment; he has; and what the backup calls is gone, so that it comes with the part.
is_refused("$_, who could", $refused, '--table', "s.$_") for @calling;
as_joe($overloads);
is_refused("$_, an overload", $refused, '--table', "s.$_") for @calling;
query('app', $originals);
is_refused("$_, an overload of what is restored", $refused, '--table', "s.$_") for @calling;
query('app', 'REVOKE CREATE ON SCHEMA s FROM joe');
is_refused("$_, an overload of the past", $refused, '--table', "s.$_") for @calling;

# What has one meaning is restored all the same.
query('app', 'GRANT CREATE ON SCHEMA s TO PUBLIC');
for my $table (qw(plain fired))
{
	tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', "s.$table" ], "$table is restored");
	is(query('app', "SELECT count(*) FROM s.$table"), 1, "$table: with its row");
	nothing_ran($table);
}
as_joe($no_overloads);
is_refused("$_, who could as anybody", qr/"PUBLIC" can create objects in schema "s"/, '--table', "s.$_") for qw(generated view bobs);
query('app', 'REVOKE CREATE ON SCHEMA s FROM PUBLIC; ALTER SCHEMA s OWNER TO joe; DROP TABLE s.plain');
is_refused("$_, the schema is joe's", qr/SCHEMA s belongs to "joe" now/, '--table', "s.$_") for qw(generated plain);
query('app', 'ALTER SCHEMA s OWNER TO postgres');

# A schema that is closed to others is as good as it was; and so is an owner's own.
for my $name (@calling)
{
	tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', "s.$name" ], "$name is restored into a closed schema");
}
is(query('app', 'SELECT g FROM s.generated'), 1, 'with its rows');
is(query('app', 'SELECT * FROM s.counted'), 1, 'and filled');
query('app', 'DROP TABLE bob.own');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'bob.own' ], 'an index of bob over a function of bob');
query('app', 'DROP TABLE bob.own; GRANT CREATE ON SCHEMA bob TO joe');
is_refused('an index of bob, in a schema of bob and joe', qr/"joe" can create objects in schema "bob"/, '--table', 'bob.own');
query('app', 'REVOKE CREATE ON SCHEMA bob FROM joe; DROP TABLE IF EXISTS bob.own; DROP FUNCTION bob.norm; DROP SCHEMA bob');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--schema', 'bob' ], 'a schema that comes with its function');
nothing_ran('closed schemas');

# Dependencies that the archive does not have, and casts of a type in an expression.
as_joe(q{CREATE OR REPLACE FUNCTION joe.pure(v text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(); END'});
query('app', 'DROP TABLE s.by_joe, s.typed');
is_refused('an exclusion constraint', $refused, '--table', 's.by_joe');
is_refused('an index over a cast', $refused, '--table', 's.typed');

# A cast that is not committed before the key is added: joe's lock keeps the restore until then.
as_joe('DROP TABLE joe.keyed; DROP TABLE joe.casts; DROP CAST (joe.c AS text)');
as_joe(q{CREATE OR REPLACE FUNCTION joe.to_text(joe.c) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.boom(); RETURN $1.w; END'});
my ($in, $ready) = ("BEGIN; LOCK TABLE joe.targets; CREATE CAST (joe.c AS text) WITH FUNCTION joe.to_text AS IMPLICIT; SELECT 'ready';\n", '');
my $joe = IPC::Run::start([ 'psql', '-XqAt', '-U', 'joe', '-d', NexBackup::Test::conninfo('app') ], '<', \$in, '>', \$ready, '2>&1');
$joe->pump until $ready =~ /ready|ERROR/;
my $log = File::Temp::tempdir(CLEANUP => 1) . '/log';
my $tool = start_tool($log, 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'joe.keyed');
ok(wait_until(sub { query('app', "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'joe.targets'::regclass") }), 'a restore waits for a table');
$in .= "COMMIT;\n\\q\n";
$joe->pump while $joe->pumpable && length $in;
$joe->finish;
is(finish_tool($tool), 0, 'a cast that comes late: the key is validated by its owner') or diag(read_bytes($log));
nothing_ran('a cast that comes late');

# ------------------------------------------------------------------------------------ kinds and owners

query('app', 'GRANT CREATE, USAGE ON SCHEMA s TO joe; DROP MATERIALIZED VIEW s.of_base; DROP TABLE s.base, s.orders, s.child, s.parent, s.payments, s.bills, s.customers');
as_joe(<<'SQL');
CREATE VIEW s.base AS SELECT joe.boom() AS i, 'x'::text AS v;
CREATE TABLE s.orders (y integer, v text) PARTITION BY LIST (y);
CREATE TABLE s.parent (i integer);
CREATE TABLE s.payments (i integer);
CREATE TABLE s.customers (i integer PRIMARY KEY);
INSERT INTO s.customers VALUES (1);
SQL
is_refused('a table that is a view', qr/TABLE s\.base is a view now.*HINT.*--to=NEWDB/s, '--table', 's.of_base');
is_refused('a partition', $changed, '--table', 's.orders_1');
is_refused('an inheriting table', $changed, '--table', 's.child');
is_refused('a referencing table', $changed, '--table', 's.bills');
is_refused('rows', $changed, '--append', '--table', 's.payments');
is_refused('rows of a partition', $changed, '--append', '--table', 's.orders_1');
as_joe('DROP VIEW s.base; CREATE TABLE s.base (i integer, v text)');
is_refused('a table of somebody else', $changed, '--table', 's.of_base');
is(as_joe('SELECT count(*) FROM s.orders') . as_joe('SELECT count(*) FROM s.parent') . as_joe('SELECT count(*) FROM s.payments'), '000', 'joe reads nothing');
query('app', 'ALTER TABLE s.orders OWNER TO postgres; ALTER TABLE s.payments OWNER TO postgres');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 's.orders_1' ], 'it is restored once the owner is right');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--append', '--table', 's.payments' ], 'and so are rows');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 's.child', '--rows-as', 'session' ], 'or if the new owner is trusted');
is(query('app', 'SELECT count(*) FROM s.orders') . query('app', 'SELECT count(*) FROM s.payments'), '11', 'with their rows');

# ------------------------------------------------------------------------------------ rows

query('app', 'DELETE FROM s.triggered; DELETE FROM s.quiet; DELETE FROM joe.refers');
as_joe(<<'SQL');
CREATE VIEW joe.view AS SELECT i AS id FROM (SELECT joe.boom()) x, generate_series(1, 100) i;
CREATE TRIGGER x BEFORE INSERT ON s.triggered FOR EACH ROW EXECUTE FUNCTION check_primary_key('i', 'joe.view', 'id');
CREATE TABLE joe.casts (c joe.c REFERENCES s.words);
SQL
for my $skip ([], ['--on-conflict=skip'])
{
	my $rights = qr/could not add rows to table .* with the rights of its owner.*HINT.*--rows-as=session/s;

	is_refused("a trigger with arguments @$skip", $rights, '--append', '--table', 's.triggered', @$skip);
	is_refused("a key to an index of a superuser @$skip", $rights, '--append', '--table', 'joe.refers', @$skip);
	is_refused("a cast to a key of a superuser @$skip", $rights, '--append', '--table', 'joe.casts', @$skip);
}
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--append', '--table', 's.quiet' ], 'a trigger without arguments');
is(query('app', 'SELECT count(*) FROM s.quiet'), 1, 'has its row');
nothing_ran('rows');

# --------------------------------------------- what is used as it is stays what it was

# The owner of a schema may drop everything in it, whoever owns that, and put something else in its place:
# between the choice of the part and the first lock, or later.
create_database('held');
query('held', <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA other AUTHORIZATION joe;
GRANT CREATE ON DATABASE held TO joe;
CREATE SCHEMA s;
CREATE EXTENSION citext SCHEMA joe;
CREATE TYPE joe.mood AS ENUM ('sad');
CREATE TABLE joe.root (id integer, v text) PARTITION BY LIST (id);
CREATE TABLE joe.base (id integer);
CREATE TABLE s.source (id integer);
INSERT INTO s.source VALUES (1);
CREATE MATERIALIZED VIEW s.of_type AS SELECT 'sad'::joe.mood AS m FROM s.source;
CREATE MATERIALIZED VIEW s.of_table AS SELECT id FROM joe.base;
CREATE MATERIALIZED VIEW s.of_extension AS SELECT id, 'a'::joe.citext AS x FROM s.source;
CREATE TABLE s.part PARTITION OF joe.root FOR VALUES IN (1);
INSERT INTO s.part VALUES (1, 'secret');
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'held' ], 'backup');
query('held', 'DROP TABLE s.part; DROP MATERIALIZED VIEW s.of_type, s.of_table, s.of_extension');
sub held_as
{
	my ($role, $sql) = @_;

	local $ENV{PGUSER} = $role;
	return query('held', $sql);
}
sub start_part { return start_tool($_[0], 'restore', '--repo', $repo, 'held', '--to', 'held', '--yes', '-U', 'postgres', '--table', $_[1]); }

# Name => what joe does while the restore waits for the names of schemas, what undoes it, and what is said.
my @replaced = (
	[ 's.of_type', 'DROP TYPE joe.mood', q{CREATE TYPE joe.mood AS ENUM ('sad')}, qr/TYPE joe[.]mood was dropped/ ],
	[ 's.of_type', q{DROP TYPE joe.mood; CREATE TYPE joe.mood AS ENUM ('sad')}, q{DROP TYPE joe.mood; CREATE TYPE joe.mood AS ENUM ('sad')}, qr/TYPE joe[.]mood was replaced/ ],
	[ 's.of_table', 'DROP TABLE joe.base', 'CREATE TABLE joe.base (id integer)', qr/TABLE joe[.]base was dropped/ ],
	[ 's.part', 'DROP TABLE joe.root', 'CREATE TABLE joe.root (id integer, v text) PARTITION BY LIST (id)', qr/TABLE joe[.]root was dropped/ ],
	[ 's.part', 'DROP TABLE joe.root; CREATE TABLE joe.root (id integer, v text) PARTITION BY LIST (id)',
		'DROP TABLE joe.root; CREATE TABLE joe.root (id integer, v text) PARTITION BY LIST (id)', qr/TABLE joe[.]root was replaced/ ],
	[ 's.of_extension', 'DROP EXTENSION citext', 'CREATE EXTENSION citext SCHEMA joe', qr/EXTENSION citext was dropped/ ]);
for my $case (@replaced)
{
	my ($name, $done, $undo, $why) = @$case;
	my $log = File::Temp->new;
	my $in = "BEGIN; ALTER SCHEMA other RENAME TO another; SELECT 'held';\n";
	my ($out, $err) = ('', '');
	local $ENV{PGUSER} = 'joe';
	my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', 'held' ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	$holder->pump until $out =~ /held/ || $err =~ /ERROR/;
	delete $ENV{PGUSER};
	my $pid = start_part("$log", $name);
	ok(wait_until(sub { query('postgres', q{SELECT count(*) FROM pg_locks WHERE NOT granted}) > 0 }), "$name: the restore waits");
	query('held', $done);
	$in .= "ROLLBACK;\n\\q\n";
	$holder->finish;
	is(finish_tool($pid), 1, "$name, $done: fails");
	like(read_bytes("$log"), qr/$why by others meanwhile.*HINT.*Try again/s, "$name, $done: and says why");
	query('held', $undo);
}

# Later nobody can do it any more; and an extension that was moved is not that of the backup.
for my $case ([ 's.of_type', 'DROP TYPE joe.mood' ], [ 's.of_type', 'ALTER TYPE joe.mood RENAME TO feeling' ], [ 's.of_extension', 'DROP EXTENSION citext' ],
	[ 's.of_extension', 'ALTER EXTENSION citext SET SCHEMA other' ])
{
	my ($name, $done) = @$case;
	my $log = File::Temp->new;
	my $release = hold_lock('held', 's.source');
	my $pid = start_part("$log", $name);

	ok(wait_until(sub { query('postgres', q{SELECT count(*) FROM pg_locks WHERE NOT granted}) > 0 }), "$name: the restore is at work");
	ok(!eval { query('held', "SET lock_timeout = '300ms'; $done"); 1 }, "$name: $done is not possible meanwhile");
	like($@, qr/lock timeout/, "$name: $done would have to wait");
	$release->();
	is(finish_tool($pid), 0, "$name is restored") or diag(read_bytes("$log"));
	query('held', "DROP MATERIALIZED VIEW $name");
}
query('held', 'ALTER EXTENSION citext SET SCHEMA other');
held_as('joe', 'CREATE DOMAIN joe.citext AS text CHECK (query_to_xml(\'SELECT 1\', true, false, \'\') IS NOT NULL)');
tool_fails([ 'restore', '--repo', $repo, 'held', '--to', 'held', '--yes', '--table', 's.of_extension' ], 1,
	qr/EXTENSION citext is in schema "other" now, and in the backup in "joe".*HINT.*--to=NEWDB/s, 'an extension that was moved');

done_testing();
