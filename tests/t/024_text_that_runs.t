# Definitions of others that name nothing but PostgreSQL's own functions can run whatever they like
# (query_to_xml, lo_export), and so can what a table takes over from its parents, the script of an extension
# that finds other functions than its own, and a namesake of a function of the backup.  Nothing of it runs with
# more rights than those of its author when a part comes back into a live database.
use strict;
use warnings;

use NexBackup::LivePart;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $refused = qr/without running code of the live database.*HINT/s;

live_part($node, $repo);

create_database('app');
query('app', <<'SQL');
CREATE ROLE joe LOGIN;
CREATE ROLE bob LOGIN;
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app;
GRANT ALL ON SCHEMA app TO joe;
CREATE SCHEMA closed;
SQL
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user;
	RETURN 1;
END $$;
-- With the row type of its table, a constraint is an entry of its own.
CREATE TABLE joe.checked (id integer, v text);
INSERT INTO joe.checked VALUES (1, 'x');
ALTER TABLE joe.checked ADD CONSTRAINT "c ""1" CHECK ((ROW(id, v)::joe.checked) IS NOT NULL
	AND query_to_xml('SELECT joe.boom(''check'')', true, false, '') IS NOT NULL);
CREATE DOMAIN joe.d AS integer;
CREATE TYPE joe.ct AS (x joe.d);
ALTER DOMAIN joe.d ADD CONSTRAINT dc CHECK ((NULL::joe.ct) IS NULL
	AND query_to_xml('SELECT joe.boom(''domain'')', true, false, '') IS NOT NULL);
CREATE TABLE joe.of_domain (i joe.d);
INSERT INTO joe.of_domain VALUES (1);
CREATE DOMAIN joe.state AS integer CHECK (query_to_xml('SELECT joe.boom(''state'')', true, false, '') IS NOT NULL);
CREATE FUNCTION joe.add(joe.state, integer) RETURNS joe.state LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE joe.number(integer) (SFUNC = joe.add, STYPE = joe.state, INITCOND = '0');
CREATE VIEW joe.numbers AS SELECT joe.number(id) FROM joe.checked;
CREATE TABLE joe.inline (id integer, v text CHECK (query_to_xml('SELECT joe.boom(''inline'')', true, false, '') IS NOT NULL));
INSERT INTO joe.inline VALUES (1, 'x');
CREATE MATERIALIZED VIEW joe.mv AS SELECT query_to_xml('SELECT joe.boom(''matview'')', true, false, '')::text;
CREATE FUNCTION joe.f(integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN joe.boom('function'); END $$;
CREATE TABLE joe.calling (id integer CHECK (joe.f(id) = 1));
INSERT INTO joe.calling VALUES (1);
CREATE FUNCTION joe.sd(t text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE t; RETURN t; END $$;
CREATE TABLE joe.sd_default (v text DEFAULT joe.sd('SELECT 1'));
CREATE VIEW joe.passwords AS SELECT rolname, rolpassword FROM pg_authid;
CREATE TABLE joe.plain (id serial PRIMARY KEY, v text NOT NULL DEFAULT 'x' CHECK (length(v) > 0), t timestamptz DEFAULT now());
CREATE INDEX ON joe.plain (lower(v));
INSERT INTO joe.plain VALUES (1, 'x');
CREATE VIEW joe.text AS SELECT query_to_xml('SELECT joe.boom(''view'')', true, false, '')::text AS t;
CREATE TABLE joe.parent (id integer, v text);
CREATE FUNCTION app.norm(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
SQL
query('app', <<'SQL');
CREATE TABLE app.child (w text) INHERITS (joe.parent);
INSERT INTO app.child VALUES (1, 'x', 'y');
CREATE TABLE app.grandchild () INHERITS (app.child);
CREATE TABLE app.bobs () INHERITS (joe.parent);
ALTER TABLE app.bobs OWNER TO bob;
CREATE TABLE joe.joes () INHERITS (joe.parent);
ALTER TABLE joe.joes OWNER TO joe;
CREATE FUNCTION app.norm(anyelement) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE MATERIALIZED VIEW app.over_view AS SELECT * FROM joe.text WITH NO DATA;
CREATE VIEW app.view AS SELECT app.norm('x'::text) AS n;
CREATE TABLE app.defaults (i integer DEFAULT app.norm('x'::text));
CREATE EXTENSION citext SCHEMA app;
CREATE TABLE app.of_citext (c app.citext);
CREATE EXTENSION hstore SCHEMA closed;
CREATE TABLE closed.of_hstore (h closed.hstore);
CREATE TABLE app.trusted (id integer, v text);
INSERT INTO app.trusted VALUES (1, 'x');
ALTER TABLE app.trusted ADD CHECK ((ROW(id, v)::app.trusted) IS NOT NULL AND length(v) > 0);
SQL
query('app', 'REFRESH MATERIALIZED VIEW app.over_view');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
query('app', <<'SQL');
DROP MATERIALIZED VIEW app.over_view, joe.mv;
DROP VIEW app.view, joe.numbers, joe.passwords, joe.text;
DROP TABLE joe.inline, joe.calling, joe.sd_default, joe.plain;
DROP FUNCTION joe.f, joe.sd;
DROP AGGREGATE joe.number(integer);
DROP FUNCTION joe.add;
DROP DOMAIN joe.state;
DROP TABLE joe.checked, joe.of_domain, app.grandchild, app.child, app.bobs, joe.joes, app.defaults, app.of_citext, closed.of_hstore, app.trusted;
DROP TYPE joe.ct CASCADE;
DROP DOMAIN joe.d;
DROP EXTENSION citext;
DROP EXTENSION hstore;
SQL
as_joe(<<'SQL');
ALTER TABLE joe.parent ADD CONSTRAINT evil CHECK (query_to_xml('SELECT joe.boom(''parent'')', true, false, '') IS NOT NULL);
CREATE FUNCTION app.norm(text) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN joe.boom(''namesake''); END';
SQL

# The constraint is validated as its author, and only then it is valid.
is_refused('a constraint of joe, without the owner', qr/with --no-owner.*HINT/s, '--table', 'joe.checked', '--no-owner');
is_restored('a constraint of joe', '--table', 'joe.checked');
is(query('app', "SELECT convalidated, pg_get_constraintdef(oid) ~ 'query_to_xml' FROM pg_constraint WHERE conname = 'c \"1'"), 't|t',
	'it is valid');
is(query('app', 'SELECT count(*) FROM joe.checked'), 1, 'with its row');
is_restored('a constraint of the session\'s role', '--table', 'app.trusted');
is(query('app', "SELECT convalidated FROM pg_constraint WHERE conrelid = 'app.trusted'::regclass"), 't', 'is valid, too');
is_refused('a constraint of a domain of joe', qr/$refused.*--rows-as=session/s, '--table', 'joe.of_domain');

# The value that an aggregate starts with is read when it is made.
my ($code) = restore('--table', 'joe.numbers');
nothing_ran("an aggregate of joe ($code)");

# Without their owners, definitions would be the superuser's.
is_refused("$_->[0], without the owner", qr/joe.*would belong to.*HINT.*--rows-as=session/s, '--table', $_->[1], '--no-owner')
  for [ 'a constraint in its table', 'joe.inline' ], [ 'a materialized view', 'joe.mv' ], [ 'a function in a constraint', 'joe.calling' ],
  [ 'a SECURITY DEFINER function', 'joe.sd_default' ], [ 'a view', 'joe.passwords' ];
is_restored('a table of a kind that calls nothing of others, without the owner', '--table', 'joe.plain', '--no-owner', '--as', 'app.plain');
is(query('app', 'SELECT count(*) FROM app.plain'), 1, 'with its row');
is_restored('a constraint in its table', '--table', 'joe.inline');
is_restored('a materialized view', '--table', 'joe.mv');
is_refused('a materialized view of a superuser over a view', $refused, '--table', 'app.over_view');

# A table takes over what its parents say now.
is_refused('a table of a superuser', qr/inherits the constraints of joe\.parent, which can be changed by "joe".*HINT/s, '--table', 'app.child');
is_refused('a table of another role', qr/inherits the constraints of joe\.parent/, '--table', 'app.bobs');
is_refused('one that would be the session\'s', qr/inherits the constraints of joe\.parent/, '--table', 'joe.joes', '--no-owner');
is_restored('a table of joe', '--table', 'joe.joes');
query('app', "CREATE TABLE app.child (id integer, v text, w text)");
query('app', 'ALTER TABLE joe.parent DROP CONSTRAINT evil; ALTER TABLE app.child INHERIT joe.parent');
is_refused('a table whose grandparent is of joe', qr/inherits the constraints of joe\.parent/, '--table', 'app.grandchild');

# Scripts of extensions run as superuser, with the search path of their schema.
is_refused('an extension in a schema of joe\'s', qr/EXTENSION citext.*"joe" can create objects in schema "app".*HINT.*CREATE EXTENSION/s,
	'--table', 'app.of_citext');
is_restored('an extension in a schema that is closed', '--table', 'closed.of_hstore');
query('app', 'CREATE EXTENSION citext SCHEMA app');
is_restored('an extension that is there', '--table', 'app.of_citext');

# A function of the name that the backup did not call.
is_refused('a view with a namesake', $refused, '--table', 'app.view');
is_refused('a default with a namesake', $refused, '--table', 'app.defaults');
query('app', 'DROP FUNCTION app.norm(text); REVOKE ALL ON SCHEMA app FROM joe; ALTER FUNCTION app.norm(integer) OWNER TO postgres');
is_restored('a view without', '--table', 'app.view');

# ------------------------------------------------------- what others wrote for other tables

# Joe wrote these texts, and they stand in tables of others: in a partition's own text, in what was taken over
# long ago, in statistics from the time when the table was Joe's.
$database = 'parents';
create_database('parents');
query('parents', <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO joe, bob;
SQL
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user;
	RETURN 1;
END $$;
CREATE TABLE joe.parent (id integer, v text, CHECK (query_to_xml('SELECT joe.boom(''parent'')', true, false, '') IS NOT NULL));
CREATE TABLE joe.root (id integer, v text, CONSTRAINT evil CHECK (query_to_xml('SELECT joe.boom(''root'')', true, false, '') IS NOT NULL))
	PARTITION BY LIST (id);
CREATE TABLE joe.joes PARTITION OF joe.root FOR VALUES IN (3);
CREATE TABLE joe.plain (id integer, v text CHECK (length(v) > 0)) PARTITION BY LIST (id);
CREATE TABLE joe.given (id integer, v text);
CREATE STATISTICS joe.of_given ON (query_to_xml('SELECT joe.boom(''statistics'')', true, false, '')::text), v FROM joe.given;
CREATE STATISTICS joe.of_columns ON id, v FROM joe.given;
SQL
query('parents', <<'SQL');
CREATE TABLE app.child (w text) INHERITS (joe.parent);
CREATE TABLE app.bobs () INHERITS (joe.parent);
CREATE TABLE app.part PARTITION OF joe.root FOR VALUES IN (1);
CREATE TABLE app.bobs_part PARTITION OF joe.root FOR VALUES IN (2);
CREATE TABLE app.sub PARTITION OF joe.root FOR VALUES IN (4, 5) PARTITION BY LIST (id);
CREATE TABLE app.leaf PARTITION OF app.sub FOR VALUES IN (4);
CREATE TABLE app.plain PARTITION OF joe.plain FOR VALUES IN (1);
ALTER TABLE app.bobs OWNER TO bob;
ALTER TABLE app.bobs_part OWNER TO bob;
INSERT INTO joe.root VALUES (1, 'x'), (2, 'x'), (3, 'x'), (4, 'x');
INSERT INTO joe.plain VALUES (1, 'x');
INSERT INTO app.child VALUES (1, 'x', 'y');
INSERT INTO app.bobs VALUES (1, 'x');
INSERT INTO joe.given VALUES (1, 'x');
ALTER TABLE joe.given OWNER TO postgres;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'parents' ], 'backup');
what_ran();
my $others = qr/without running code of others.*may come from table joe[.](?:root|parent) of "joe".*HINT/s;

query('parents', 'TRUNCATE app.child, app.bobs');
is_refused('rows of a table with a parent', $others, '--append', '--table', 'app.child');
is_refused('the same of another role', $others, '--append', '--table', 'app.bobs');
query('parents', 'DROP TABLE app.child, app.bobs; DROP TABLE joe.parent');
is_refused('a table that is restored with its parent', $others, '--table', 'app.child');
is_refused('the same of another role', $others, '--table', 'app.bobs');

# The root does not have the constraint any more, or is not there.
as_joe('ALTER TABLE joe.root DETACH PARTITION app.part');
is_refused('rows of what was a partition', $others, '--append', '--table', 'app.part');
query('parents', 'DROP TABLE app.part, app.bobs_part, joe.joes, app.plain, app.sub');
as_joe('ALTER TABLE joe.root DROP CONSTRAINT evil');
is_refused("a partition ($_)", $others, '--table', $_) for 'app.part', 'app.leaf';
is_refused('a partition of a role that does not own the root', qr/role bob could not create TABLE ATTACH app\.bobs_part.*HINT.*OWNER TO bob/s, '--table', 'app.bobs_part');
is_restored('a partition of the owner of the root', '--table', 'joe.joes');
is_restored('a partition without code', '--table', 'app.plain');
query('parents', 'DROP TABLE joe.root');
is_refused("a partition without its root ($_)", $others, '--table', $_) for 'app.part', 'app.bobs_part';

query('parents', 'DROP TABLE joe.given');
is_refused('statistics of a former owner', qr/STATISTICS joe[.]of_given.*it would be computed as the owner of joe[.]given.*HINT/s, '--table', 'joe.given');

# ------------------------------------------------------- domains that come with the part

# A value of an array or a composite type is read when the definition is, by the checks of a domain in it.  A
# domain whose author wrote nothing but immutable functions of PostgreSQL runs nothing.
$database = 'values';
create_database('values');
query('values', <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app;
SQL
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user;
	RETURN 1;
END $$;
CREATE DOMAIN joe.d AS integer CHECK (query_to_xml('SELECT joe.boom(''domain'')', true, false, '') IS NOT NULL);
CREATE TYPE joe.composite AS ("x AS ENUM (" joe.d);
CREATE TABLE joe.of_array (a joe.d[] DEFAULT '{1}'::joe.d[]);
CREATE TABLE joe.of_composite (a joe.composite DEFAULT '(1)'::joe.composite);
CREATE TABLE joe.of_row (a joe.of_array DEFAULT '({1})'::joe.of_array);
CREATE VIEW joe.of_view AS SELECT '{1}'::joe.d[] AS a;
CREATE DOMAIN joe.mail AS text CHECK (value ~ '^[a-z]+([.][a-z]+)*$' AND length(value) < 100 AND "left"(value, 1) IN ('a', 'b'));
CREATE TABLE joe.harmless (a joe.mail[] DEFAULT '{a.b}'::joe.mail[], b joe.mail DEFAULT 'a');
INSERT INTO joe.harmless DEFAULT VALUES;
CREATE DOMAIN joe.past AS timestamptz CHECK (value <= now());
CREATE TABLE joe.literal (t joe.past DEFAULT '2020-01-01');
CREATE TABLE joe.stable (t joe.past[] DEFAULT '{2020-01-01}'::joe.past[]);
CREATE TYPE joe.mood AS ENUM ('sad');
CREATE TABLE joe.of_enum (m joe.mood[] DEFAULT '{sad}'::joe.mood[]);
SQL
query('values', <<'SQL');
CREATE DOMAIN app.d AS integer CHECK (value > 0);
CREATE TABLE app.own (a app.d[] DEFAULT '{1}'::app.d[], b app.d DEFAULT 1);
CREATE INDEX ON app.own ((b + 1));
INSERT INTO app.own DEFAULT VALUES;
CREATE TABLE app.indexed (v text);
INSERT INTO app.indexed VALUES ('x');
CREATE INDEX indexed_i ON app.indexed ((v || ((1)::joe.d)::text));
CREATE TABLE app.predicate (v text);
INSERT INTO app.predicate VALUES ('x');
CREATE INDEX predicate_i ON app.predicate (v) WHERE v <> ('1'::joe.d)::text;
CREATE MATERIALIZED VIEW app.over_domain AS SELECT ('1'::joe.d)::text AS x;
CREATE VIEW app.over_mood AS SELECT 'sad'::joe.mood AS m;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'values' ], 'backup');
query('values', <<'SQL');
DROP MATERIALIZED VIEW app.over_domain;
DROP VIEW joe.of_view, app.over_mood;
DROP TABLE joe.of_row, joe.of_array, joe.of_composite, joe.harmless, joe.literal, joe.stable, joe.of_enum, app.own, app.indexed, app.predicate;
DROP TYPE joe.composite, joe.mood;
DROP DOMAIN joe.d, joe.mail, joe.past, app.d;
SQL
what_ran();
is_refused("values of $_", $refused, '--table', $_)
  for 'joe.of_array', 'joe.of_composite', 'joe.of_row', 'joe.of_view', 'joe.stable', 'app.indexed', 'app.predicate', 'app.over_domain';
is_restored("values of $_", '--table', $_) for 'joe.harmless', 'joe.literal', 'joe.of_enum', 'app.own';
is(query('values', 'SELECT a[1] FROM joe.harmless'), 'a.b', 'with its row');

# What was an enum is a domain now.
as_joe(<<'SQL');
DROP TABLE joe.of_enum;
DROP TYPE joe.mood;
CREATE DOMAIN joe.mood AS text CHECK (query_to_xml('SELECT joe.boom(''mood'')', true, false, '') IS NOT NULL);
SQL
is_refused('a type that was an enum', qr/joe[.]mood.*HINT/s, '--table', 'app.over_mood');

# ------------------------------------------------------- what names were bound to

# After the definitions are made, the server is asked what they rest on: a type that has no entry, because it was
# made part of an extension, and a table that was replaced where nobody can keep it from that.
$database = 'bound';
create_database('bound');
query('bound', <<'SQL');
CREATE ROLE dba LOGIN;
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app AUTHORIZATION dba;
GRANT CREATE ON DATABASE bound TO dba;
GRANT USAGE ON SCHEMA joe TO bob, dba;
CREATE EXTENSION hstore SCHEMA app;
CREATE TYPE joe.mood AS ENUM ('sad');
ALTER TYPE joe.mood OWNER TO joe;
ALTER EXTENSION hstore ADD TYPE joe.mood;
CREATE TABLE app.of_member (m joe.mood);
CREATE TABLE app.of_hstore (h app.hstore);
CREATE INDEX ON app.of_hstore USING gin (h);
CREATE TABLE joe.base (id integer PRIMARY KEY);
ALTER TABLE joe.base OWNER TO joe;
CREATE TYPE joe.pair AS (a integer, b text);
ALTER TYPE joe.pair OWNER TO joe;
CREATE FUNCTION joe.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION joe.f(integer) OWNER TO joe;
CREATE FUNCTION joe.row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
ALTER FUNCTION joe.row() OWNER TO joe;
CREATE SEQUENCE joe.q;
ALTER SEQUENCE joe.q OWNER TO joe;
-- Whatever a table of a superuser can rest on of joe's.
CREATE TABLE app.everything (id integer REFERENCES joe.base, v integer DEFAULT joe.f(1), q bigint DEFAULT nextval('joe.q'), s serial,
	p joe.pair, pa joe.pair[], r joe.base, ra joe.base[]);
CREATE TRIGGER t BEFORE INSERT ON app.everything FOR EACH ROW EXECUTE FUNCTION joe.row();
CREATE POLICY p ON app.everything USING (EXISTS (SELECT FROM joe.base b WHERE b.id = everything.id));
CREATE VIEW app.view AS SELECT e.*, b.id AS base, joe.f(e.id) AS f FROM app.everything e JOIN joe.base b ON b.id = e.id;
CREATE FUNCTION app.atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM joe.base; END;
CREATE VIEW app.over_atomic AS SELECT app.atomic();
CREATE TABLE app.first (id integer);
ALTER TABLE app.first OWNER TO dba;
GRANT SELECT ON joe.base TO dba;
CREATE VIEW app.of_both AS SELECT f.id, b.id AS other FROM app.first f, joe.base b;
ALTER VIEW app.of_both OWNER TO dba;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'bound' ], 'backup');
query('bound', <<'SQL');
DROP VIEW app.of_both, app.view, app.over_atomic;
DROP FUNCTION app.atomic;
DROP TABLE app.of_member, app.of_hstore, app.everything;
SQL
what_ran();
is_refused('a type that the archive does not know', qr{table app[.]of_member would use type joe[.]mood of role "joe", which it does not in the backup.*HINT}s,
	'--table', 'app.of_member');
is_restored('a table with a type of an extension', '--table', 'app.of_hstore');
is_restored('a view and its table, of all kinds', '--table', 'app.view', '--schema-only');
is_restored('a function with its body', '--table', 'app.over_atomic');

{
	my $log = File::Temp->new;
	my $release = hold_lock('bound', 'app.first');
	my $pid = start_tool("$log", 'restore', '--repo', $repo, 'bound', '--to', 'bound', '--yes', '-U', 'dba', '--table', 'app.of_both');

	ok(wait_until(sub { query('postgres', q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.usename = 'dba'}) > 0 }),
		'the restore of a role that is not a superuser waits in the middle of a definition');
	as_joe('DROP TABLE joe.base CASCADE; GRANT CREATE ON SCHEMA joe TO bob');
	{
		local $ENV{PGUSER} = 'bob';
		query('bound', 'CREATE TABLE joe.base (id integer); GRANT SELECT ON joe.base TO dba');
	}
	$release->();
	is(finish_tool($pid), 1, 'what was replaced meanwhile is not used');
	like(read_bytes("$log"), qr{view app[.]of_both would use table joe[.]base of role "bob".*HINT}s, 'it says so');
	is(query('bound', "SELECT to_regclass('app.of_both')"), '', 'and nothing is left of it');
}

done_testing();
