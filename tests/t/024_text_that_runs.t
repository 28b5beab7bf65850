# Definitions of others that name nothing but PostgreSQL's own functions can run whatever they like
# (query_to_xml, lo_export), and so can what a table takes over from its parents, the script of an extension
# that finds other functions than its own, and a namesake of a function of the backup.  Nothing of it runs with
# more rights than those of its author when a part comes back into a live database.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $refused = qr/without running code of the live database.*HINT/s;

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

my $from = -s $node->logfile;

# What ran as somebody else than joe since the last question.
sub nothing_ran
{
	my ($name) = @_;
	my $log = substr(read_bytes($node->logfile), $from);

	$from = -s $node->logfile;
	return is(join(', ', grep { !/runs as joe / } $log =~ /code of joe (in .*)/g), '', "$name: nothing of joe's ran as others");
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

sub is_restored
{
	my ($name, @options) = @_;
	my ($code, $out, $err) = restore(@options);

	is($code, 0, "$name: restored") or diag($err);
	nothing_ran($name);
	return;
}

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

done_testing();
