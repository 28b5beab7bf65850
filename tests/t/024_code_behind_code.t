# What a definition names need not be what runs: behind operator classes, aggregates, domains, ranges and
# extensions of superusers there can be functions of others, behind a function of PostgreSQL itself the
# partition key of another table.  A part that comes back into a live database, and rows that are added to it, run nothing of that with the rights of the session.
use strict;
use warnings;

use NexBackup::LivePart;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $refused = qr/without running code of .*HINT.*--rows-as=session/s;
my $no_rows = qr/could not add rows to table .*HINT.*--rows-as=session/s;

live_part($node, $repo);

query('postgres', 'CREATE ROLE joe LOGIN');
create_database('app');
query('app', <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO joe;
GRANT CREATE ON DATABASE app TO joe;
SQL
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user;
	RETURN 1;
END $$;
CREATE FUNCTION joe.g(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''g'') + $1 - 1; END';
CREATE FUNCTION joe.ok(i integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''ok'') = 1; END';
CREATE FUNCTION joe.cmp(integer, integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql
	AS 'BEGIN PERFORM joe.boom(''cmp''); RETURN btint4cmp($1, $2); END';
CREATE FUNCTION joe.sum(integer, integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql
	AS 'BEGIN PERFORM joe.boom(''sum''); RETURN COALESCE($1, 0) + COALESCE($2, 0); END';
CREATE DOMAIN joe.base AS integer;
CREATE EXTENSION hstore SCHEMA joe;
CREATE FUNCTION joe.member(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''member''); END';
ALTER EXTENSION hstore ADD FUNCTION joe.member(integer);
SQL
query('app', <<'SQL');
CREATE OPERATOR CLASS app.ops FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 joe.cmp(integer, integer);
CREATE OPERATOR CLASS app.good_ops FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 btint4cmp(integer, integer);
CREATE TYPE app.span AS RANGE (subtype = integer, subtype_opclass = app.ops);
CREATE AGGREGATE app.total(integer) (SFUNC = joe.sum, STYPE = integer);
CREATE DOMAIN app.checked AS integer CHECK (joe.ok(value));
CREATE DOMAIN app.over_base AS joe.base;
CREATE TABLE app.indexed (id integer);
CREATE INDEX ON app.indexed (id app.ops);
CREATE TABLE app.excluded (id integer, EXCLUDE USING btree (id app.ops WITH =));
CREATE TABLE app.spans (s app.span);
CREATE TABLE app.base (id integer);
CREATE MATERIALIZED VIEW app.totals AS SELECT app.total(id) FROM app.base;
CREATE TABLE app.computed (id integer);
CREATE INDEX ON app.computed (((id::app.checked)::integer));
CREATE TABLE app.good (id integer PRIMARY KEY);
CREATE INDEX ON app.good (id app.good_ops);
INSERT INTO app.good VALUES (1);
CREATE FUNCTION app.same(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 = $2; END';
CREATE FUNCTION app.other(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 <> $2; END';
CREATE OPERATOR app.=== (FUNCTION = app.same, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR app.!== (FUNCTION = app.other, LEFTARG = text, RIGHTARG = text, NEGATOR = OPERATOR(app.===), COMMUTATOR = OPERATOR(app.!==));
CREATE TABLE app.negated (v text CHECK (NOT (v OPERATOR(app.===) 'a')));
INSERT INTO app.negated VALUES ('b');
CREATE MATERIALIZED VIEW app.negating AS SELECT 1 WHERE NOT ('b' OPERATOR(app.===) 'a');
-- Operator classes of superusers, and what else is bound to a function that is not in its own catalog entry.
CREATE SCHEMA lib;
GRANT USAGE ON SCHEMA lib TO PUBLIC;
CREATE FUNCTION lib.cmp(integer, integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN btint4cmp($1, $2); END';
CREATE FUNCTION lib.lt(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 < $2; END';
CREATE OPERATOR lib.<< (FUNCTION = lib.lt, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR CLASS lib.ops FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 lib.cmp(integer, integer);
CREATE OPERATOR CLASS lib.operator_ops FOR TYPE integer USING btree AS OPERATOR 1 lib.<<, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 btint4cmp(integer, integer);
CREATE TABLE app.numbered (n oid DEFAULT lo_create(0), v text CHECK (app.same(v, v)));
INSERT INTO app.numbered VALUES (1, 'a');
CREATE TYPE lib.span AS RANGE (subtype = integer, subtype_opclass = lib.ops);
CREATE TABLE lib.indexed (id integer);
CREATE INDEX ON lib.indexed (id lib.ops);
INSERT INTO lib.indexed VALUES (1), (2);
CREATE TABLE lib.by_operator (id integer);
CREATE INDEX ON lib.by_operator (id lib.operator_ops);
CREATE TABLE lib.excluded (id integer, EXCLUDE USING btree (id lib.ops WITH =));
CREATE TABLE lib.parts (id integer) PARTITION BY RANGE (id lib.ops);
CREATE TABLE lib.part_1 PARTITION OF lib.parts FOR VALUES FROM (1) TO (10);
CREATE TABLE lib.literal (s lib.span DEFAULT '[1,2]'::lib.span);
CREATE TYPE lib.pair AS (a integer, b integer);
CREATE FUNCTION lib.say(lib.pair) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1.a; END';
CREATE CAST (lib.pair AS text) WITH FUNCTION lib.say(lib.pair);
CREATE MATERIALIZED VIEW lib.cast AS SELECT ROW(1, 2)::lib.pair::text;
CREATE TEXT SEARCH DICTIONARY lib.dict (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION lib.conf (PARSER = default);
ALTER TEXT SEARCH CONFIGURATION lib.conf ADD MAPPING FOR asciiword WITH lib.dict;
CREATE TABLE lib.searched (v text);
CREATE INDEX ON lib.searched (to_tsvector('lib.conf', v));
CREATE FUNCTION pg_catalog.by_hand(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE TABLE lib.calling (id integer, n integer GENERATED ALWAYS AS (by_hand(1)) STORED);

-- A constraint of a domain that is an entry of its own, and operators of two owners.
CREATE FUNCTION lib.less(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 < $2; END';
CREATE OPERATOR lib.<~ (FUNCTION = lib.less, LEFTARG = integer, RIGHTARG = integer);
CREATE DOMAIN lib.positive AS integer;
CREATE TABLE lib.of_domain (n lib.positive);
ALTER DOMAIN lib.positive ADD CONSTRAINT c CHECK (NOT (value OPERATOR(lib.<~) 0)) NOT VALID;
CREATE OPERATOR lib.=# (FUNCTION = app.same, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR lib.!# (FUNCTION = app.other, LEFTARG = text, RIGHTARG = text, NEGATOR = OPERATOR(lib.=#), COMMUTATOR = OPERATOR(lib.!#));
ALTER OPERATOR lib.=# (text, text) OWNER TO joe;
CREATE VIEW lib.linked AS SELECT 'a'::text OPERATOR(lib.!#) 'b'::text AS x;
SQL
as_joe(<<'SQL');
CREATE TABLE joe.indexed (id integer);
CREATE INDEX ON joe.indexed (id app.ops);
INSERT INTO joe.indexed VALUES (1), (2);
CREATE TABLE joe.parts (id integer) PARTITION BY RANGE (id app.ops);
CREATE TABLE joe.part_1 PARTITION OF joe.parts FOR VALUES FROM (1) TO (10);
CREATE TABLE joe.part_2 PARTITION OF joe.parts FOR VALUES FROM (10) TO (20);
INSERT INTO joe.parts VALUES (1), (11);
CREATE TABLE joe.good (id integer, v text);
CREATE INDEX ON joe.good (id app.good_ops);
INSERT INTO joe.good VALUES (1, 'x');
CREATE TABLE joe.literal (s app.span DEFAULT '[1,2]'::app.span);
CREATE TABLE joe.array (a app.checked[] DEFAULT '{1}');
CREATE TABLE joe.generated (a integer, b integer GENERATED ALWAYS AS ((a::app.checked)::integer) STORED);

-- A domain over a domain, of which one comes with the part, and one that calls a member of an extension.
CREATE DOMAIN joe.inner AS integer CHECK (joe.g(1) = 1);
CREATE DOMAIN joe.outer AS integer CHECK ((value)::joe.inner IS NOT NULL);
CREATE DOMAIN joe.member AS integer CHECK (joe.member(1) = 1);
CREATE DOMAIN joe.mild AS integer CHECK (value > 0);
CREATE TABLE joe.by_domain (a integer, b integer GENERATED ALWAYS AS ((a::joe.outer)::integer + 1) STORED);
CREATE TABLE joe.by_member (a integer, b integer GENERATED ALWAYS AS ((a::joe.member)::integer + 1) STORED);
CREATE TABLE joe.by_key (a integer) PARTITION BY RANGE (((a::joe.member)::integer));
CREATE TABLE joe.beside (a joe.mild, h joe.hstore, b integer GENERATED ALWAYS AS (1 + 2) STORED);
INSERT INTO joe.beside VALUES (1);

-- A function of PostgreSQL itself that computes the key of the table that it is given.
CREATE TABLE joe.hashed (id integer) PARTITION BY HASH ((joe.g(1) + id));
CREATE TABLE joe.asking (id integer, CHECK (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, id) IS NOT NULL));
CREATE TABLE joe.asking_generated (id integer, b boolean GENERATED ALWAYS AS (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)) STORED);
CREATE TABLE joe.asking_key (id integer) PARTITION BY LIST ((satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5) AND id > 0));
CREATE DOMAIN joe.asking_domain AS integer CHECK (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5) IS NOT NULL);
CREATE TABLE joe.asking_literal (a joe.asking_domain[] DEFAULT '{1}');
INSERT INTO joe.asking VALUES (1);
CREATE TABLE joe.big (id integer, v text);
INSERT INTO joe.big SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 1000) i;
CREATE INDEX ON joe.big ((satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)));
CREATE TABLE joe.deep (id integer, v text);
INSERT INTO joe.deep TABLE joe.big;
CREATE INDEX ON joe.deep (((1::app.over_base)::integer));
ALTER DOMAIN joe.base ADD CHECK (joe.g(1) = 1);
CREATE TABLE joe.cut (id integer, v text);
INSERT INTO joe.cut TABLE joe.big;
CREATE STATISTICS joe.of_cut ON (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)), id FROM joe.cut;

-- Bounds are values of a domain, where the text of the table does not say so in a plain way.
CREATE DOMAIN joe.bound AS integer CHECK (query_to_xml('SELECT joe.boom(''bound'')', true, false, '') IS NOT NULL);
CREATE TYPE joe.typ AS (id joe.bound, v text);
CREATE TABLE joe.typed OF joe.typ PARTITION BY RANGE (id);
CREATE TABLE joe.typed_1 PARTITION OF joe.typed FOR VALUES FROM (1) TO (10);
INSERT INTO joe.typed VALUES (1, 'x');
CREATE COLLATION joe."x)" FROM "C";

-- What a table computes when it is made is not what its other columns and constraints use, nor what its keys compare.
CREATE FUNCTION joe.plain(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION joe.equal(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 = $2';
CREATE OPERATOR joe.=== (FUNCTION = joe.equal, LEFTARG = integer, RIGHTARG = integer);
CREATE TYPE joe.state AS ENUM ('a', 'b');
CREATE FUNCTION joe.number(joe.state) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 1';
CREATE CAST (joe.state AS integer) WITH FUNCTION joe.number(joe.state) AS ASSIGNMENT;
CREATE TABLE joe.honest_columns (a integer CHECK (joe.plain(a) > 0), g integer GENERATED ALWAYS AS (a * 2) STORED, d integer DEFAULT joe.plain(1));
CREATE DOMAIN joe.honest_domain AS integer CHECK (value > 0);
CREATE TABLE joe.honest_key (a integer CHECK (joe.plain(a) > 0), m joe.honest_domain) PARTITION BY RANGE ((a % 10));
CREATE TABLE joe.honest_part PARTITION OF joe.honest_key DEFAULT;
CREATE TABLE joe.honest_parent (id integer PRIMARY KEY);
CREATE TABLE joe.honest_child (id integer REFERENCES joe.honest_parent, s joe.state, CHECK (id OPERATOR(joe.===) id));
CREATE FUNCTION joe.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE joe.honest_tree (a integer, b text) PARTITION BY RANGE (a);
CREATE TABLE joe.honest_twig PARTITION OF joe.honest_tree DEFAULT PARTITION BY LIST (b);
CREATE TABLE joe.honest_leaf PARTITION OF joe.honest_twig FOR VALUES IN ('a');
CREATE TABLE joe.other_leaf PARTITION OF joe.honest_twig DEFAULT;
CREATE TRIGGER touch BEFORE UPDATE ON joe.honest_tree FOR EACH ROW EXECUTE FUNCTION joe.touch();
ALTER TABLE joe.honest_leaf DISABLE TRIGGER touch;
INSERT INTO joe.honest_columns VALUES (1);
INSERT INTO joe.honest_key VALUES (1, 1);
INSERT INTO joe.honest_parent VALUES (1);
INSERT INTO joe.honest_child VALUES (1, 'a');
INSERT INTO joe.honest_tree VALUES (1, 'a'), (1, 'b');
CREATE TABLE joe.collated (v text, id joe.bound) PARTITION BY RANGE (v COLLATE joe."x)", id);
CREATE TABLE joe.collated_1 PARTITION OF joe.collated FOR VALUES FROM ('a', 1) TO ('z', 10);
CREATE TABLE joe.lined (v integer, id joe.bound, "x
PARTITION BY RANGE (v)" integer) PARTITION BY RANGE (id);
ALTER TABLE joe.lined ALTER "x
PARTITION BY RANGE (v)" SET STATISTICS 5;
CREATE TABLE joe.lined_1 PARTITION OF joe.lined FOR VALUES FROM (1) TO (10);

SQL
# The same on tables that a superuser took over, and what reads such tables.
as_joe(<<'SQL');
CREATE TABLE joe.taken_generated (id integer, b boolean GENERATED ALWAYS AS (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)) STORED);
CREATE TABLE joe.taken_key (id integer) PARTITION BY LIST ((satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5) AND id > 0));
CREATE TABLE joe.taken_part PARTITION OF joe.taken_key FOR VALUES IN (true);
CREATE TABLE joe.taken_index (id integer);
CREATE INDEX ON joe.taken_index ((satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)));
CREATE TABLE joe.taken_statistics (id integer, a integer);
CREATE STATISTICS joe.of_taken ON (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)), id FROM joe.taken_statistics;
CREATE TABLE joe.taken_parent (id integer);
CREATE TABLE joe.taken_child (CHECK (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5))) INHERITS (joe.taken_parent);
SQL
query('app', join '', map { "ALTER TABLE joe.$_ OWNER TO postgres; " } qw(taken_generated taken_key taken_part taken_index taken_statistics taken_parent taken_child));
query('app', 'ALTER STATISTICS joe.of_taken OWNER TO postgres');
query('app', "CREATE MATERIALIZED VIEW app.seen_$_ AS SELECT id FROM joe.taken_$_ WHERE id > 0") for qw(index statistics parent);

# A table that is read in parts is read by queries, which are planned.
what_ran();
tool_ok([ 'backup', '--repo', $repo, '-d', 'app', '--chunk-blocks', 8 ], 'backup');
nothing_ran('the backup');

# Rows.
query('app', 'TRUNCATE joe.indexed, joe.parts, joe.good, joe.asking, app.good');
is_restored("rows of $_", '--append', '--table', $_) for 'joe.indexed', 'joe.parts', 'joe.good', 'joe.asking', 'app.good';
is(query('app', 'SELECT count(*) FROM joe.indexed, joe.parts, joe.good, joe.asking, app.good'), 4, 'they are there');
is_refused("rows of $_", $no_rows, '--append', '--table', $_) for 'app.indexed', 'app.excluded', 'app.spans';

# What superusers made, and others can change.
query('app', 'DROP TABLE app.indexed, app.excluded, app.computed, app.good, joe.literal, joe.array, joe.generated, joe.parts, joe.indexed;'
	  . 'DROP MATERIALIZED VIEW app.totals');
is_refused("code behind $_", $refused, '--table', $_)
  for 'app.indexed', 'app.excluded', 'app.computed', 'app.totals', 'joe.literal', 'joe.array', 'joe.generated', 'joe.parts';
is_restored("code behind $_", '--table', $_) for 'joe.indexed', 'app.good';

# Domains and extensions.
query('app', 'DROP TABLE joe.by_domain, joe.by_member, joe.by_key, joe.beside; DROP DOMAIN joe.outer, joe.member, joe.mild');
is_refused("a table that computes $_", $refused, '--table', "joe.$_") for 'by_domain', 'by_member', 'by_key';
is_restored('a table that only has a domain', '--table', 'joe.beside');

# Keys of other tables.
query('app', 'DROP TABLE joe.asking, joe.asking_generated, joe.asking_key, joe.asking_literal; DROP DOMAIN joe.asking_domain');
is_restored('a constraint that asks for a key', '--table', 'joe.asking');
is_refused("$_, which asks for a key", $refused, '--table', "joe.$_") for 'asking_generated', 'asking_key', 'asking_literal';

query('app', 'DROP TABLE joe.taken_generated, joe.taken_part; DROP MATERIALIZED VIEW app.seen_index, app.seen_statistics, app.seen_parent');
is_refused("$_, which was taken over", qr/unction satisfies_hash_partition.*HINT.*--rows-as=session/s, '--schema-only', '--table', "joe.$_")
  for 'taken_generated', 'taken_part';
query('app', 'DROP TABLE joe.taken_key');
is_refused('a partitioned table that was taken over', qr/unction satisfies_hash_partition.*HINT.*--rows-as=session/s, '--schema-only', '--table', 'joe.taken_key');
is_refused("a view of what was taken over ($_)", qr/calls function satisfies_hash_partition.*HINT.*--rows-as=session/s, '--table', "app.seen_$_")
  for 'index', 'statistics', 'parent';

# The planner takes the negator of an operator, which no dependency names.
my $drop_negation = 'DROP MATERIALIZED VIEW IF EXISTS app.negating; DROP TABLE IF EXISTS app.negated;';
query('app', "$drop_negation DROP OPERATOR app.===(text, text), app.!==(text, text); GRANT CREATE ON SCHEMA app TO joe");
as_joe(<<'SQL');
CREATE FUNCTION joe.other(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''negator'') = 1; END';
CREATE OPERATOR app.!== (FUNCTION = joe.other, LEFTARG = text, RIGHTARG = text);
SQL
query('app', 'REVOKE CREATE ON SCHEMA app FROM joe');
is_refused("a negator of another role ($_)", qr/OPERATOR app[.]!== belongs to "joe" now, and in the backup to "postgres".*HINT/s, '--table', "app.$_")
  for 'negated', 'negating';
query('app', 'DROP OPERATOR app.!==(text, text)');
is_restored("an operator, with its negator, of $_", '--table', "app.$_") for 'negated', 'negating';
query('app', "$drop_negation ALTER FUNCTION app.other OWNER TO joe");
is_refused("a negator whose function is of another role ($_)", qr/function app[.]other\(text,text\).*HINT.*--rows-as=session/s, '--table', "app.$_") for 'negated', 'negating';
query('app', 'ALTER FUNCTION app.other OWNER TO postgres; ALTER OPERATOR app.!==(text, text) OWNER TO joe');
is_refused("a negator whose owner can change it ($_)", qr/operator app[.]!==\(text,text\).*HINT.*--rows-as=session/s, '--table', "app.$_") for 'negated', 'negating';
query('app', 'ALTER OPERATOR app.!==(text, text) OWNER TO postgres');
is_restored('with the negator back', '--table', 'app.negated');
query('app', 'TRUNCATE app.negated; ALTER FUNCTION app.other OWNER TO joe');
is_refused('rows', $no_rows, '--append', '--table', 'app.negated');
query('app', 'ALTER FUNCTION app.other OWNER TO postgres');

# Bounds.
query('app', 'DROP TABLE joe.typed, joe.collated, joe.lined');
is_restored("bounds of $_", '--table', "joe.$_", '--table', "joe.${_}_1") for 'typed', 'collated';
is_restored('bounds of a table whose key cannot be told from a name', 1, '--table', 'joe.lined', '--table', 'joe.lined_1');
is(query('app', 'SELECT count(*) FROM joe.typed'), 1, 'with their rows');
is(query('app', "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = inhrelid WHERE relname ~ '^(typed|collated)_1\$'"), 2,
	'the partitions are attached');

# A family that is there gets an operator class of joe's functions and operators, under the names of the backup.
my @built = qw(indexed by_operator excluded parts literal searched);
my $drop_built = 'DROP MATERIALIZED VIEW IF EXISTS lib.cast; ' . join '', map { "DROP TABLE IF EXISTS lib.$_; " } @built;
query('app', "$drop_built DROP TYPE lib.span; DROP FUNCTION lib.cmp, lib.say CASCADE; DROP OPERATOR lib.<<(integer, integer) CASCADE;"
	  . 'DROP TEXT SEARCH CONFIGURATION lib.conf; DROP TEXT SEARCH DICTIONARY lib.dict; GRANT CREATE ON SCHEMA lib TO joe');
is(query('app', q{SELECT string_agg(opfname, ', ' ORDER BY opfname) FROM pg_opfamily WHERE opfnamespace = 'lib'::regnamespace}), 'operator_ops, ops',
	'the families are there');
as_joe(<<'SQL');
CREATE FUNCTION lib.cmp(integer, integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql
	AS 'BEGIN PERFORM joe.boom(''cmp''); RETURN btint4cmp($1, $2); END';
CREATE FUNCTION lib.say(lib.pair) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''cast''); END';
CREATE FUNCTION joe.lt(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.boom(''lt''); RETURN $1 < $2; END';
CREATE OPERATOR lib.<< (FUNCTION = joe.lt, LEFTARG = integer, RIGHTARG = integer);
CREATE TEXT SEARCH DICTIONARY lib.dict (TEMPLATE = simple);
SQL
query('app', 'REVOKE CREATE ON SCHEMA lib FROM joe');
is_refused("lib.$_ over a function of another role", qr/(lib[.]cmp|lib[.]say|lib[.]<<|lib[.]dict).*"joe".*HINT/s, '--table', "lib.$_")
  for qw(indexed by_operator excluded parts literal cast searched);
query('app', q{DROP FUNCTION lib.cmp; CREATE FUNCTION lib.cmp(integer, integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN btint4cmp($1, $2); END'});
is_restored('lib.indexed, with its operator class', '--table', 'lib.indexed');
query('app', 'ALTER FUNCTION lib.cmp OWNER TO joe; DROP TABLE lib.indexed');
is_refused('lib.indexed, over an operator class that is there', qr/lib[.](cmp|ops).*HINT.*--rows-as=session/s, '--table', 'lib.indexed');

# The functions are joe's in the backup, too: what he builds calls them, and what others build does not.
query('app', 'DROP OPERATOR CLASS app.ops USING btree CASCADE; DROP TABLE IF EXISTS joe.indexed, joe.parts, joe.literal');
is_refused("$_, over a class that comes back", $refused, '--table', $_) for 'app.indexed', 'app.excluded', 'joe.parts', 'joe.literal';
is_restored('joe.indexed, over a class that comes back', 1, '--table', 'joe.indexed');

# A superuser's constraint that is an entry of its own, over his operator.
query('app', 'DROP TABLE lib.of_domain; DROP DOMAIN lib.positive; ALTER FUNCTION lib.less OWNER TO joe');
is_refused('a constraint of a domain over an operator whose function is of another role', qr/lib[.]<~.*others can change.*HINT.*--rows-as=session/s,
	'--table', 'lib.of_domain');
query('app', 'ALTER FUNCTION lib.less OWNER TO postgres');
is_restored('over one of a superuser', '--table', 'lib.of_domain');

# Each of two operators names the other, and neither owner could make the link.
query('app', 'DROP VIEW lib.linked; DROP OPERATOR lib.=# (text, text), lib.!# (text, text)');
is_restored('operators of two owners', '--table', 'lib.linked');
is(query('app', q{SELECT string_agg(o.oprname || pg_get_userbyid(o.oprowner) || n.oprname, ',' ORDER BY o.oprname)
	FROM pg_operator o JOIN pg_operator n ON n.oid = o.oprnegate WHERE o.oprname IN ('=#', '!#')}), '!#postgres=#,=#joe!#', 'each has its owner and its negator');

# What is restored as it is, since nothing of it computes what its owner could change.
query('app', 'DROP TABLE joe.honest_columns, joe.honest_key, joe.honest_child, joe.honest_tree, app.numbered');
is_restored("honest use: $_", '--table', $_) for 'joe.honest_columns', 'joe.honest_key', 'joe.honest_child', 'joe.honest_tree', 'app.numbered';
is(query('app', 'SELECT count(*) FROM joe.honest_columns, joe.honest_key, joe.honest_child, app.numbered WHERE g = 2'), 1, 'with their rows');
is(query('app', q{SELECT string_agg(tgenabled, '' ORDER BY tgrelid::regclass::text) FROM pg_trigger WHERE tgname = 'touch'}), 'DOOO',
	'a leaf two levels below a trigger has it in its own state');

# A function in pg_catalog, which is not in the archive, nor named with a schema.
query('app', 'DROP TABLE lib.calling');
is_restored('what calls a function that somebody made in pg_catalog', '--table', 'lib.calling');
query('app', <<'SQL');
DROP TABLE lib.calling;
CREATE OR REPLACE FUNCTION pg_catalog.by_hand(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''by_hand''); END';
ALTER FUNCTION pg_catalog.by_hand(integer) OWNER TO joe;
SQL
is_refused('the same, given to another role', qr/TABLE lib[.]calling.*Function by_hand .*changed by others.*HINT/s, '--table', 'lib.calling');
query('app', 'DROP FUNCTION pg_catalog.by_hand(integer)');

# What pg_depend can name is known by its catalog.
my $known = read_bytes(top() . '/tool/restore/live/catalog_objects.c');
is(join(', ', grep { $known !~ /["']$_["']/ } split ' ', query('app', q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class c
	WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared
	AND EXISTS (SELECT FROM pg_attribute a WHERE attrelid = c.oid AND attname = 'oid')})), '', 'catalogs that catalog_objects.c does not know');

# The default operator class of one of PostgreSQL's own types.
query('app', <<'SQL');
CREATE FUNCTION joe.jcmp(json, json) RETURNS integer IMMUTABLE LANGUAGE plpgsql
	AS 'BEGIN PERFORM joe.boom(''json''); RETURN bttextcmp($1::text, $2::text); END';
CREATE FUNCTION app.jeq(json, json) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1::text = $2::text';
CREATE OPERATOR app.=== (LEFTARG = json, RIGHTARG = json, FUNCTION = app.jeq);
CREATE OPERATOR CLASS app.json_ops DEFAULT FOR TYPE json USING btree AS OPERATOR 3 app.===, FUNCTION 1 joe.jcmp(json, json);
TRUNCATE joe.good;
SQL
is_restored('a default operator class of superusers', '--append', '--table', 'joe.good');
query('app', 'ALTER FUNCTION joe.jcmp(json, json) OWNER TO joe; TRUNCATE joe.good');
is_refused('a default operator class', qr/default operator class.*joe[.]jcmp.*changed by "joe".*HINT.*ALTER FUNCTION/s, '--append', '--table', 'joe.good');
is(query('app', "SELECT rolsuper FROM pg_roles WHERE rolname = 'joe'"), 'f', 'joe has gained nothing');

# ------------------------------------------------- what the server looks up by types

# Nothing in pg_depend leads from a key or an expression to the function of a cast, from an operator to what sorts by it,
# or, in the archive, from a call of a range type's constructor to the type.
$database = 'types';
create_database('types');
query('types', q{CREATE SCHEMA joe AUTHORIZATION joe; CREATE SCHEMA lib; CREATE SCHEMA app; GRANT USAGE ON SCHEMA lib TO PUBLIC; CREATE TYPE lib.ty AS ENUM ('1', '2'); CREATE TYPE lib.good AS ENUM ('1')});
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user;
	RETURN 1;
END $$;
CREATE FUNCTION joe.cmp(integer, integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.boom(''cmp''); RETURN btint4cmp($1, $2); END';
CREATE FUNCTION joe.cast_to_int(lib.ty) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''cast''); END';
CREATE FUNCTION joe.cast_to_int(point) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''cast of a point''); END';
CREATE FUNCTION joe.cast_to_json(lib.ty) RETURNS json IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''json'')::text::json; END';
CREATE TYPE joe.mood AS ENUM ('1');
CREATE FUNCTION joe.cast_to_int(joe.mood) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''mood''); END';
CREATE FUNCTION joe.cast_to_good(joe.mood) RETURNS lib.good IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.boom(''good''); RETURN ''1''; END';
CREATE CAST (joe.mood AS integer) WITH FUNCTION joe.cast_to_int(joe.mood) AS IMPLICIT;
CREATE CAST (joe.mood AS lib.good) WITH FUNCTION joe.cast_to_good(joe.mood) AS IMPLICIT;
CREATE TABLE joe.par (id integer PRIMARY KEY);
CREATE TABLE joe.chi (m joe.mood REFERENCES joe.par);
INSERT INTO joe.par VALUES (1);
INSERT INTO joe.chi VALUES ('1');
SQL
query('types', <<'SQL');
CREATE CAST (lib.ty AS integer) WITH FUNCTION joe.cast_to_int(lib.ty) AS IMPLICIT;
CREATE CAST (lib.ty AS json) WITH FUNCTION joe.cast_to_json(lib.ty);
CREATE CAST (point AS integer) WITH FUNCTION joe.cast_to_int(point) AS IMPLICIT;
CREATE FUNCTION lib.good_json(lib.good) RETURNS json IMMUTABLE LANGUAGE sql AS $$SELECT '1'::json$$;
CREATE CAST (lib.good AS json) WITH FUNCTION lib.good_json(lib.good);
CREATE FUNCTION lib.lt(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 < $2';
CREATE OPERATOR lib.<<< (FUNCTION = lib.lt, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR CLASS lib.sorts FOR TYPE integer USING btree AS OPERATOR 1 lib.<<<, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 joe.cmp(integer, integer);
CREATE OPERATOR CLASS lib.ops FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 joe.cmp(integer, integer);
CREATE TYPE lib.span AS RANGE (subtype = integer, subtype_opclass = lib.ops, multirange_type_name = lib.spans);
CREATE TABLE app.par (id integer PRIMARY KEY);
INSERT INTO app.par VALUES (1), (2);
GRANT USAGE ON SCHEMA app TO joe; GRANT REFERENCES ON app.par TO joe;
CREATE TABLE app.chi (id lib.ty REFERENCES app.par);
CREATE TABLE app.dots (id point REFERENCES app.par);
CREATE TABLE app.root (id lib.ty) PARTITION BY LIST (id);
CREATE TABLE app.leaf PARTITION OF app.root FOR VALUES IN ('1');
ALTER TABLE app.root ADD FOREIGN KEY (id) REFERENCES app.par;
CREATE TABLE app.said (id lib.ty CHECK (to_jsonb(id) IS NOT NULL));
CREATE TABLE app.fine (id lib.good CHECK (to_jsonb(id) IS NOT NULL));
CREATE TABLE app.sorted (id integer CHECK (ROW(id, id) OPERATOR(lib.<<<) ROW(10, id)));
INSERT INTO app.chi VALUES ('1');
INSERT INTO app.root VALUES ('1');
INSERT INTO app.dots VALUES ('(1,1)');
INSERT INTO app.said VALUES ('1');
INSERT INTO app.fine VALUES ('1');
INSERT INTO app.sorted VALUES (1), (2);
CREATE TABLE app.base (id integer, t lib.ty);
INSERT INTO app.base VALUES (1, '1'), (2, '2');
CREATE MATERIALIZED VIEW app.json AS SELECT row_to_json(b) AS j FROM app.base b;
CREATE MATERIALIZED VIEW app.ranks AS SELECT array_agg(id ORDER BY id USING OPERATOR(lib.<<<)) AS ids FROM app.base;
CREATE MATERIALIZED VIEW app.ranges AS SELECT lower(lib.span(id, id + 1)) AS l FROM app.base;
CREATE TABLE app.ind (id integer); CREATE INDEX ON app.ind (lower(lib.spans(lib.span(id, id + 1))));
CREATE TABLE app.partial (id integer); CREATE INDEX ON app.partial (id) WHERE lower(lib.span(1, 2)) = id;
CREATE TABLE app.gen (id integer, b boolean GENERATED ALWAYS AS (lower(lib.span(1, 2)) = id) STORED);
CREATE TABLE app.keyed (id integer) PARTITION BY RANGE ((id + lower(lib.span(1, 2))));
CREATE TABLE app.stat (id integer); CREATE STATISTICS app.stats ON (lower(lib.span(id, id + 1))) FROM app.stat;
INSERT INTO app.ind VALUES (1), (2);
INSERT INTO app.partial VALUES (1), (2);
INSERT INTO app.stat VALUES (1), (2);
CREATE VIEW app.below AS SELECT id FROM app.base;
CREATE VIEW app.above AS SELECT id FROM app.below;
CREATE FUNCTION lib.reads() RETURNS SETOF integer LANGUAGE sql STABLE BEGIN ATOMIC SELECT id FROM app.above; END;
CREATE FUNCTION lib.has(integer) RETURNS boolean LANGUAGE sql STABLE BEGIN ATOMIC SELECT EXISTS (SELECT FROM app.above o WHERE o.id = $1); END;
CREATE MATERIALIZED VIEW app.behind AS SELECT * FROM lib.reads();
CREATE TABLE app.asking (id integer CHECK (lib.has(id)));
INSERT INTO app.asking VALUES (1);
SQL
as_joe('CREATE TABLE joe.late (m joe.mood); INSERT INTO joe.late VALUES (\'1\'); ALTER TABLE joe.late ADD FOREIGN KEY (m) REFERENCES app.par NOT VALID');
tool_ok([ 'backup', '--repo', $repo, '-d', 'types' ], 'backup');
for my $table (qw(chi dots said sorted))
{
	query('types', "TRUNCATE app.$table");
	is_refused("rows, $table", qr/function joe[.]\w+\(.*changed by others.*$no_rows|$no_rows/s, '--append', '--table', "app.$table");
}
query('types', 'TRUNCATE app.fine');
is_restored('rows beside a cast that others made for a type of theirs', '--append', '--table', 'app.fine');
for my $part (qw(leaf root chi dots said sorted ind partial gen keyed stat json ranks ranges))
{
	query('types', ($part =~ /^(?:json|rank|range)/ ? 'DROP MATERIALIZED VIEW' : 'DROP TABLE') . " app.$part");
	is_refused("found by types, $part", qr/changed by others|others can (?:change|make casts)|of "joe"/, '--table', "app.$part");
}
query('types', 'DROP TABLE app.fine, joe.chi');
is_restored('a cast that others made for a type of theirs', '--table', 'app.fine');
is_restored('a key with casts of its owner', 1, '--table', 'joe.chi');

query('types', 'DROP TABLE joe.late');
is_restored('a key that is not valid, for which nothing is cast', '--table', 'joe.late');
is(query('types', q{SELECT convalidated FROM pg_constraint WHERE conrelid = 'joe.late'::regclass}), 'f', '... and it is not valid');

# A view behind a function whose body the server has parsed: what it calls now, and who can say what it will call.
for my $since ('', 'CREATE OR REPLACE VIEW app.below AS SELECT id + 0 * joe.cmp(id, id) AS id FROM app.base', 'CREATE OR REPLACE VIEW app.below AS SELECT id FROM app.base; ALTER VIEW app.below OWNER TO joe')
{
	query('types', "DROP MATERIALIZED VIEW app.behind; TRUNCATE app.asking; $since");
	if ($since eq '')
	{
		is_restored('a view behind a function', '--table', 'app.behind');
		is_restored('rows, with a view behind a function', '--append', '--table', 'app.asking');
		next;
	}
	is_refused("a view behind a function, after $since", qr/(?:function joe[.]cmp|view app[.]below).*others can change/, '--table', 'app.behind');
	is_refused("rows, after $since", qr/(?:function joe[.]cmp|view app[.]below).*changed by others.*$no_rows|$no_rows/s, '--append', '--table', 'app.asking');
	query('types', 'CREATE MATERIALIZED VIEW app.behind AS SELECT 1');
}

# The type comes with what calls its constructor.
query('types', 'DROP TYPE lib.span CASCADE');
my (undef, $brought) = restore('--rows-as=session', '--table', 'app.ind');
like($brought, qr/^also restored: TYPE lib\.span$/m, 'an index brings the range type whose constructor it calls');

# Views of which each has two ways to the one before: each is looked at once.
query('types', 'CREATE VIEW joe.a0 AS SELECT 1 AS i; CREATE VIEW joe.b0 AS SELECT 1 AS i');
query('types', join(';', map { my $n = $_; map { "CREATE VIEW joe.$_$n AS SELECT a.i FROM joe.a@{[$n - 1]} a, joe.b@{[$n - 1]} b" } 'a', 'b' } 1 .. 40));
query('types', 'CREATE MATERIALIZED VIEW app.wide AS SELECT i FROM joe.a40 WITH NO DATA');
tool_ok([ 'backup', '--repo', $repo, '-d', 'types', '-q' ], 'a backup of these');
query('types', 'DROP MATERIALIZED VIEW app.wide');
my $looking = time;
restore('--table', 'app.wide');
cmp_ok(time - $looking, '<', 60, 'their number is no matter');

done_testing();
