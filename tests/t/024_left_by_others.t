# What a role has left in a live database from the time when it could do more, or was the owner: event triggers,
# triggers, constraints of tables, domains and views that were taken over, extensions that others require.  A
# part of a backup, and an append, run none of it with the rights of the session.
use strict;
use warnings;

use NexBackup::LivePart;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

live_part($node, $repo);

# A database with a function of joe's that takes what it can get, and two of joe's tables.
sub prepare
{
	my ($name, $sql) = @_;

	$database = $name;
	create_database($name);
	query($name, <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET ROLE joe;
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user;
	RETURN 1;
END $$;
CREATE TABLE joe.t (id integer PRIMARY KEY, v text);
CREATE TABLE joe.checked (id integer PRIMARY KEY, v text, CHECK (joe.boom('check') = 1));
INSERT INTO joe.t VALUES (1, 'a'), (2, 'b');
INSERT INTO joe.checked VALUES (1, 'a');
SQL
	query($name, $sql);
	tool_ok([ 'backup', '--repo', $repo, '-d', $name ], "backup of $name");
	return;
}

query('postgres', 'CREATE ROLE joe LOGIN; CREATE ROLE dba LOGIN');

# ------------------------------------------------------------------------- event triggers

# PostgreSQL leaves an event trigger to a role that is a superuser no more.
prepare('events', <<'SQL');
CREATE TABLE app.s (id integer PRIMARY KEY, v text);
INSERT INTO app.s VALUES (1, 'a');
CREATE FUNCTION app.watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'watched: %', tg_tag; END $$;
CREATE FUNCTION joe.watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM joe.boom('an event trigger'); END $$;
ALTER FUNCTION joe.watch() OWNER TO joe;
SQL

my @append = ('--append', '--table', 'app.s');
my $hint = qr/HINT.*ALTER EVENT TRIGGER.*--rows-as=session/s;

sub drop_all
{
	my ($database_name) = @_;

	query('events', 'ALTER EVENT TRIGGER e DISABLE; DROP TABLE IF EXISTS joe.t; TRUNCATE app.s, joe.checked; ALTER EVENT TRIGGER e ENABLE');
	return;
}

# Refused or not: whose trigger, whose function, what else.
for my $case (
	[ 'of joe, with joe\'s function', 'joe', 'joe.watch', qr/event trigger "e" .*It belongs to "joe".*$hint/s ],
	[ 'of joe, with a superuser\'s function', 'joe', 'app.watch', qr/event trigger "e" .*It belongs to "joe".*$hint/s ],
	[ 'of a superuser, with joe\'s function', 'postgres', 'joe.watch', qr/event trigger "e" .*function joe[.]watch\(\) belongs to "joe".*$hint/s ],
	[ 'with a security-definer function', 'postgres', 'joe.watch', qr/function joe[.]watch\(\) belongs to "joe"/,
		'ALTER FUNCTION joe.watch() SECURITY DEFINER' ],
	[ 'for other statements', 'joe', 'joe.watch', qr/It belongs to "joe"/, undef, "WHEN TAG IN ('DROP FUNCTION')" ],
	[ 'of a superuser', 'postgres', 'app.watch' ])
{
	my ($name, $owner, $function, $why, $more, $when) = @$case;

	query('events', 'ALTER FUNCTION joe.watch() SECURITY INVOKER; CREATE EVENT TRIGGER e ON ddl_command_end '
		  . ($when // '') . " EXECUTE FUNCTION $function(); " . ($more // ''));
	query('events', 'ALTER ROLE joe SUPERUSER; ALTER EVENT TRIGGER e OWNER TO joe; ALTER ROLE joe NOSUPERUSER') if $owner eq 'joe';
	drop_all();
	if ($why)
	{
		is_refused("a part, a trigger $name", $why, '--table', 'joe.t');
		if ($name =~ /joe's function/)
		{
			is_refused("staged rows, a trigger $name", $why, @append, '--on-conflict=skip');
			is_refused("rows by their owner, a trigger $name", $why, '--append', '--table', 'joe.checked');
			is(query('events', 'SELECT count(*) FROM joe.checked'), 0, 'no row came');
			is_restored("rows by COPY, a trigger $name", @append);
			is(query('events', 'SELECT count(*) FROM app.s'), 1, 'they came');
		}

		# Joe could enable it again at any time.
		query('events', 'ALTER EVENT TRIGGER e DISABLE');
		$owner eq 'joe'
		  ? is_refused("a part, a disabled trigger $name", $why, '--table', 'joe.t')
		  : is_restored("a part, a disabled trigger $name", '--table', 'joe.t');
	}
	else
	{
		my $start = -s $node->logfile;

		is_restored("a part, a trigger $name", '--table', 'joe.t');
		is_restored("staged rows, a trigger $name", @append, '--on-conflict=skip');
		is_restored("rows by their owner, a trigger $name", '--append', '--table', 'joe.checked');
		like(substr(read_bytes($node->logfile), $start), qr/watched: CREATE TABLE\n.*watched: CREATE TABLE AS/s, 'and it watched');
	}
	query('events', 'DROP EVENT TRIGGER e');
}

# Roles that are no superusers, and who trusts joe.
query('events', <<'SQL');
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION joe.watch();
GRANT CREATE ON DATABASE events TO dba;
SQL
drop_all();
is_refused('a part restored by another role', qr/belongs to "joe".*$hint/s, '-U', 'dba', '--no-owner', '--table', 'joe.t');
is_refused('a part restored as another role', qr/belongs to "joe".*$hint/s, '--role', 'dba', '--no-owner', '--table', 'joe.t');
my ($code, $out, $err) = tool('restore', '--repo', $repo, 'events', '--to', 'events', '--yes', '--table', 'joe.t', '--rows-as=session');
is($code, 0, 'a part of those whom one trusts') or diag($err);
is(query('events', 'SELECT count(*) FROM joe.t'), 2, 'is there');
query('events', 'ALTER FUNCTION joe.watch() OWNER TO dba; GRANT ALL ON SCHEMA joe TO dba');
drop_all();
($code, $out, $err) = tool('restore', '--repo', $repo, 'events', '--to', 'events', '--yes', '-U', 'dba', '--no-owner', '--schema-only', '--table', 'joe.t');
is($code, 0, 'a part restored by the owner of the function') or diag($err);
is_refused('a part restored by a superuser', qr/belongs to "dba".*$hint/s, '--table', 'joe.t', '--as', 'app.t');

# ------------------------------------------------------------------------- former owners

# Functions of PostgreSQL that run what they are given, where a superuser's table has them from others.
prepare('former', <<'SQL');
GRANT ALL ON SCHEMA app TO joe;
SET ROLE joe;
CREATE FUNCTION joe.run(place text) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT joe.boom(%L)', place) $$;
CREATE VIEW joe.view AS SELECT joe.boom('a view');
CREATE TABLE app.taken (id integer PRIMARY KEY, CHECK (query_to_xml('SELECT joe.boom(''taken'')', true, false, '') IS NOT NULL));
CREATE TABLE app.stable (id integer PRIMARY KEY, CHECK (table_to_xml('joe.view', true, false, '') IS NOT NULL));
CREATE DOMAIN app.d AS integer CHECK (query_to_xml('SELECT joe.boom(''a domain'')', true, false, '') IS NOT NULL);
CREATE TABLE app.of_domain (id app.d);
CREATE TABLE app.late (id integer, v text);
ALTER TABLE app.late ADD CHECK ((ROW(id, v)::app.late) IS NOT NULL
	AND query_to_xml('SELECT joe.boom(''late'')', true, false, '') IS NOT NULL);
CREATE MATERIALIZED VIEW app.seen AS SELECT query_to_xml('SELECT joe.boom(''seen'')', true, false, '')::text;
CREATE TABLE app.root (id integer) PARTITION BY LIST (id);
CREATE TABLE app.leaf PARTITION OF app.root (CHECK (query_to_xml('SELECT joe.boom(''leaf'')', true, false, '') IS NOT NULL)) FOR VALUES IN (1);
RESET ROLE;
REVOKE ALL ON SCHEMA app FROM joe;
GRANT USAGE ON SCHEMA app TO joe;
INSERT INTO app.taken VALUES (1);
INSERT INTO app.stable VALUES (1);
INSERT INTO app.of_domain VALUES (1);
INSERT INTO app.late VALUES (1, 'a');
INSERT INTO app.root VALUES (1);
ALTER TABLE app.taken OWNER TO postgres;
ALTER TABLE app.stable OWNER TO postgres;
ALTER TABLE app.of_domain OWNER TO postgres;
ALTER DOMAIN app.d OWNER TO postgres;
ALTER TABLE app.late OWNER TO postgres;
ALTER MATERIALIZED VIEW app.seen OWNER TO postgres;
ALTER TABLE app.root OWNER TO postgres;
ALTER TABLE app.leaf OWNER TO postgres;
CREATE TABLE app.s (id integer PRIMARY KEY, v text);
INSERT INTO app.s VALUES (1, 'a');
GRANT TRIGGER ON app.s TO joe;
SET ROLE joe;
CREATE TRIGGER zz BEFORE INSERT ON app.s FOR EACH ROW WHEN (query_to_xml('SELECT joe.boom(''when'')', true, false, '') IS NULL)
	EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
REVOKE TRIGGER ON app.s FROM joe;
CREATE DOMAIN app.mail AS text CHECK (value ~ '@' AND length(value) < 100);
CREATE TABLE app.usual (id serial PRIMARY KEY, m app.mail, t timestamptz DEFAULT clock_timestamp() CHECK (t <= clock_timestamp() AND t < now() + '1 day'
	AND to_char(t, 'YYYY') > '2000'), u uuid DEFAULT gen_random_uuid() CHECK (u <> gen_random_uuid()), w text CHECK (w <> current_user));
INSERT INTO app.usual (m) VALUES ('a@b');
CREATE TRIGGER touched BEFORE UPDATE ON app.usual FOR EACH ROW WHEN (NEW.t > now() - interval '1 day' AND random() < 2)
	EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE MATERIALIZED VIEW app.sizes AS SELECT relname, pg_total_relation_size(oid), clock_timestamp() FROM pg_class WHERE relname = 'usual';
SQL

my $given = qr/calls function \w+_to_xml\(\).*HINT.*--rows-as=session/s;

for my $table ('taken', 'stable', 'of_domain', 'root')
{
	query('former', "TRUNCATE app.$table");
	is_refused("rows of a table that was taken over ($table)", $given, '--append', '--table', "app.$table");
	query('former', "DROP TABLE app.$table");
	is_refused("a table that was taken over ($table)", $given, '--table', "app.$table", $table eq 'root' ? ('--table', 'app.leaf') : ());
}
query('former', 'TRUNCATE app.s');
is_refused('rows of a table with a trigger of others', $given, '--append', '--table', 'app.s');
is_refused('the same, where keys are looked for', $given, '--append', '--on-conflict=skip', '--table', 'app.s');
query('former', 'DROP TABLE app.late; DROP MATERIALIZED VIEW app.seen');
is_refused('a constraint that comes after the rows', $given, '--table', 'app.late');
is_refused('a materialized view', $given, '--table', 'app.seen');
query('former', 'DROP TRIGGER zz ON app.s');
is_restored('rows without the trigger', '--append', '--table', 'app.s');
query('former', 'TRUNCATE app.usual');
is_restored('rows of a table as they are', '--append', '--table', 'app.usual');
query('former', 'DROP TABLE app.usual; DROP MATERIALIZED VIEW app.sizes');
is_restored('such a table', '--table', 'app.usual');
is(query('former', 'SELECT count(*) FROM app.usual'), 1, 'with its row');
is_restored('a materialized view that tells something', '--table', 'app.sizes');

# Those of extensions.  uuid-ossp has volatile functions, too, and unaccent() is stable and takes text: they run nothing.
SKIP:
{
	my @extensions = qw(tablefunc dblink uuid-ossp unaccent);
	my $list = join ', ', map { "'$_'" } @extensions;
	my $usual = "DEFAULT public.uuid_generate_v4() CHECK (public.uuid_generate_v4() IS NOT NULL)";
	my $query = q{'SELECT joe.boom(''a query'')::text, ''a''::text, ''b''::text'};

	skip 'the extensions are not there', 1
	  if query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name IN ($list)") < @extensions;
	prepare('extended', join('', map { qq{CREATE EXTENSION "$_" SCHEMA public; } } @extensions) . <<"SQL");
GRANT ALL ON SCHEMA app TO joe;
SET ROLE joe;
CREATE MATERIALIZED VIEW app.seen AS SELECT * FROM public.crosstab($query) AS c (a text, b text);
CREATE TABLE app.taken (id integer, CHECK (public.dblink_get_connections() IS NULL OR public.dblink_exec('', 'SELECT 1') = ''));
RESET ROLE;
REVOKE ALL ON SCHEMA app FROM joe;
GRANT USAGE ON SCHEMA app TO joe;
INSERT INTO app.taken VALUES (1);
ALTER TABLE app.taken OWNER TO postgres;
ALTER MATERIALIZED VIEW app.seen OWNER TO postgres;
CREATE TABLE app.usual (u uuid $usual, t text CHECK (public.unaccent(t) <> 'b'));
INSERT INTO app.usual (t) VALUES ('a');
CREATE MATERIALIZED VIEW app.plain AS SELECT public.unaccent(t), u FROM app.usual WHERE public.uuid_generate_v4() IS NOT NULL;
SQL
	query('extended', 'DROP MATERIALIZED VIEW app.seen, app.plain; TRUNCATE app.taken; DROP TABLE app.usual');
	is_refused('a view that gives a query to a function', qr/calls function crosstab\(\).*HINT.*--rows-as=session/s, '--table', 'app.seen');
	query('extended', 'DROP EXTENSION tablefunc');
	is_refused('with the extension', qr/calls function crosstab\(\).*HINT.*--rows-as=session/s, '--table', 'app.seen');
	is_refused('rows that a function of an extension sees', qr/calls function dblink_exec\(\).*HINT.*--rows-as=session/s,
		'--append', '--table', 'app.taken');
	is_restored('what calls others', '--table', 'app.usual', '--table', 'app.plain');
}

# ------------------------------------------------------------------------- behind what is computed

# The superuser's own definitions, over what a superuser has taken over: views, domains, operators, aggregates.
prepare('behind', <<'SQL');
GRANT ALL ON SCHEMA app TO joe;
CREATE SEQUENCE app.seq;
SET ROLE joe;
CREATE VIEW app.v AS SELECT query_to_xml('SELECT joe.boom(''v'')', true, false, '')::text AS x;
CREATE DOMAIN app.d AS text CHECK (query_to_xml('SELECT joe.boom(''d'')', true, false, '')::text <> VALUE);
CREATE TYPE app.c AS (a app.d);
CREATE OPERATOR app.!! (FUNCTION = setval, LEFTARG = regclass, RIGHTARG = bigint);
CREATE AGGREGATE app.agg(oid) (SFUNC = oidlarger, STYPE = oid, FINALFUNC = lo_get);
CREATE OPERATOR app.<!> (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
RESET ROLE;
REVOKE ALL ON SCHEMA app FROM joe;
GRANT USAGE ON SCHEMA app TO joe;
ALTER VIEW app.v OWNER TO postgres;
ALTER DOMAIN app.d OWNER TO postgres;
ALTER TYPE app.c OWNER TO postgres;
ALTER OPERATOR app.!! (regclass, bigint) OWNER TO postgres;
ALTER AGGREGATE app.agg(oid) OWNER TO postgres;
CREATE VIEW app.upper AS SELECT x FROM app.v;
CREATE MATERIALIZED VIEW app.of_view AS SELECT x FROM app.upper;
CREATE MATERIALIZED VIEW app.of_cast AS SELECT w::app.d AS x FROM (VALUES ('a'::text)) v (w);
CREATE MATERIALIZED VIEW app.of_operator AS SELECT 'app.seq'::regclass OPERATOR(app.!!) 5::bigint AS x;
CREATE MATERIALIZED VIEW app.of_aggregate AS SELECT app.agg(oid) FROM pg_class WHERE false;
CREATE FUNCTION app.reads(text) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT count(*) > 0 FROM app.upper; END;
CREATE TABLE app.of_function (a text, CHECK (app.reads(a)));
INSERT INTO app.of_function VALUES ('a');
CREATE VIEW app.of_array AS SELECT '{a}'::app.d[] AS x;
CREATE VIEW app.of_composite AS SELECT '(a)'::app.c AS x;
CREATE TABLE app.of_default (x text[] DEFAULT '{a}'::app.d[]::text[], y integer);
CREATE TABLE app.p (x app.d) PARTITION BY LIST (x);
CREATE TABLE app.of_bound PARTITION OF app.p FOR VALUES IN ('a');
CREATE TABLE app.has (x app.d, n integer CHECK (n > 0 OR query_to_xml('SELECT 1', true, false, '') IS NULL));
CREATE MATERIALIZED VIEW app.read AS SELECT x::text AS x FROM app.has;
CREATE VIEW app.unread AS SELECT 'a'::app.d AS x;
CREATE TABLE app.numbers (a integer, b integer);
INSERT INTO app.numbers VALUES (1, 1), (1, 2);
CREATE MATERIALIZED VIEW app.of_joe AS SELECT a FROM app.numbers WHERE a OPERATOR(app.<!>) b;
CREATE TYPE joe.mood AS ENUM ('good');
GRANT USAGE ON TYPE joe.mood TO postgres;
ALTER TYPE joe.mood OWNER TO joe;
CREATE FUNCTION app.rank(joe.mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (joe.mood AS integer) WITH FUNCTION app.rank(joe.mood);
CREATE TABLE app.of_mood (m joe.mood, r integer GENERATED ALWAYS AS (m::integer) STORED);
CREATE FUNCTION app.same(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR app.=== (FUNCTION = app.same, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR app.@@@ (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
CREATE AGGREGATE app.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE DOMAIN app.mail AS text CHECK (value ~ '^[^@]+@[^@]+$');
CREATE TYPE app.name AS (n text);
CREATE FUNCTION app.name_of(app.name) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ($1).n';
CREATE CAST (app.name AS text) WITH FUNCTION app.name_of(app.name);
CREATE VIEW app.honest AS SELECT app.total(a) AS t, max(clock_timestamp()) AS c, '{a@b}'::app.mail[] AS m, (ROW('n')::app.name)::text AS n
	FROM app.numbers WHERE a OPERATOR(app.===) b AND a OPERATOR(app.@@@) b;
CREATE MATERIALIZED VIEW app.usual AS SELECT t, c, m, 'c@d'::text::app.mail AS d, n FROM app.honest;
SQL

$given = qr/calls function (?:query_to_xml|setval|lo_get)\(\).*HINT.*--rows-as=session/s;
my %computed = (
	of_view => 'MATERIALIZED VIEW', of_cast => 'MATERIALIZED VIEW', of_operator => 'MATERIALIZED VIEW', of_aggregate => 'MATERIALIZED VIEW',
	of_array => 'VIEW', of_composite => 'VIEW', of_default => 'TABLE', of_bound => 'TABLE', of_function => 'TABLE');

query('behind', 'INSERT INTO app.numbers VALUES (2, 2); DROP MATERIALIZED VIEW app.usual, app.of_joe; DROP VIEW app.unread; DROP MATERIALIZED VIEW app.read; DROP TABLE app.of_mood; ALTER SEQUENCE app.seq RESTART');
query('behind', "DROP $computed{$_} app.$_") for sort keys %computed;
for my $name (sort keys %computed)
{
	is_refused("what a superuser took over, behind $name", $given, '--table', "app.$name");
}
is_refused('code behind the operator of another role', qr/operator app\.<!>\(integer,integer\) is there, which others can change/, '--table', 'app.of_joe');
is_refused('a cast of a type of another role', qr/values of type joe\.mood, for which others can make casts/, '--table', 'app.of_mood');
is_restored('a literal of a domain that nothing computes', '--table', 'app.unread');
is_restored('what only reads such a domain', '--table', 'app.read');
is_restored('a superuser\'s own operators, aggregates, casts and domains', '--table', 'app.usual');
is(query('behind', 'SELECT t, m, d, n FROM app.usual'), '3|{a@b}|c@d|n', 'the materialized view is filled');
query('behind', 'DROP MATERIALIZED VIEW app.usual; DROP VIEW app.honest; DROP DOMAIN app.mail');
is_restored('the same, with what comes along', '--table', 'app.usual');
query('behind', 'DROP VIEW app.unread; DROP VIEW app.v CASCADE; DROP TABLE app.p, app.has CASCADE; DROP TYPE app.c; DROP DOMAIN app.d');
is_refused("behind $_, which comes along", $given, '--table', "app.$_") for qw(of_view of_cast of_array of_composite of_default);
is_refused('behind bounds whose type comes along', $given, '--table', 'app.p', '--table', 'app.of_bound');
is(query('behind', 'SELECT is_called FROM app.seq'), 'f', 'no number was set');

# Operators of extensions.
SKIP:
{
	my @extensions = qw(pg_trgm btree_gist citext);
	my $list = join ', ', map { "'$_'" } @extensions;

	skip 'the extensions are not there', 1
	  if query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name IN ($list)") < @extensions;
	prepare('honest', join('', map { "CREATE EXTENSION $_ SCHEMA public; " } @extensions) . <<'SQL');
CREATE DOMAIN app.mail AS public.citext CHECK (value OPERATOR(public.~) '^[^@]+@[^@]+$');
CREATE TABLE app.t (a integer, m app.mail, t text, EXCLUDE USING gist (a WITH =, t WITH <>));
CREATE INDEX ON app.t USING gin (t public.gin_trgm_ops);
INSERT INTO app.t VALUES (1, 'A@b', 'hello');
CREATE VIEW app.v AS SELECT *, '{c@d}'::app.mail[] AS l, public.similarity(t, 'help') AS s FROM app.t
	WHERE t OPERATOR(public.%) 'hello' AND m OPERATOR(public.=) 'a@B'::public.citext;
CREATE MATERIALIZED VIEW app.m AS SELECT *, (t || '@x')::app.mail IS NULL AS n FROM app.v WHERE t IS NULL OR s > 0;
SQL
	query('honest', 'DROP MATERIALIZED VIEW app.m');
	is_restored('a materialized view with operators of extensions', '--table', 'app.m');
	is(query('honest', 'SELECT count(*) FROM app.m WHERE NOT n'), 1, 'is filled');
	query('honest', 'DROP TABLE app.t CASCADE');
	is_restored('with all that it needs', '--table', 'app.m');
	query('honest', 'TRUNCATE app.t');
	is_restored('rows that extensions index', '--append', '--table', 'app.t');
}

# ------------------------------------------------------------------------- required extensions

# The script of an extension also looks for names in the schemas of those that it requires.
prepare('required', <<'SQL');
GRANT CREATE ON DATABASE required TO joe;
SET ROLE joe;
CREATE EXTENSION cube SCHEMA joe;
RESET ROLE;
CREATE EXTENSION earthdistance SCHEMA app;
CREATE TABLE app.places (p app.earth);
SQL
query('required', 'DROP TABLE app.places; DROP EXTENSION earthdistance');
is_refused('an extension that requires one in a schema of joe\'s',
	qr/EXTENSION earthdistance.*"joe" can create objects in schema "joe".*HINT.*CREATE EXTENSION/s, '--table', 'app.places');
query('required', 'ALTER SCHEMA joe OWNER TO postgres');
is_restored('the same in a schema that is closed', '--table', 'app.places');

# ------------------------------------------------------------------------- rights that are asked for once

# To inherit, to be a partition, to refer to a table, to call a function by a trigger, to have a column of a type:
# whoever has lost the right since the backup does not get it back with the part.
prepare('once', <<'SQL');
CREATE TABLE app.pk (id integer PRIMARY KEY, "x,y" integer UNIQUE);
CREATE TABLE app.own (id integer PRIMARY KEY);
INSERT INTO app.pk VALUES (1, 1);
CREATE TYPE app.mood AS ENUM ('good');
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp AS 'BEGIN RETURN new; END';
REVOKE ALL ON FUNCTION app.note() FROM PUBLIC;
REVOKE ALL ON TYPE app.mood FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.note() TO joe;
GRANT USAGE ON TYPE app.mood TO joe;
GRANT REFERENCES ON app.pk TO joe;
CREATE FOREIGN DATA WRAPPER dummy;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER dummy;
GRANT USAGE ON FOREIGN SERVER elsewhere TO joe;
SET ROLE joe;
CREATE TABLE joe.root (id integer) PARTITION BY LIST (id);
CREATE TABLE joe.leaf PARTITION OF joe.root FOR VALUES IN (1);
CREATE TABLE joe.parent (id integer);
CREATE TABLE joe.child () INHERITS (joe.parent);
CREATE FUNCTION joe.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM joe.boom(''trigger''); RETURN new; END';
CREATE TRIGGER fire BEFORE INSERT OR UPDATE ON joe.leaf FOR EACH ROW EXECUTE FUNCTION joe.fire();
CREATE TRIGGER fire BEFORE INSERT OR UPDATE ON joe.child FOR EACH ROW EXECUTE FUNCTION joe.fire();
CREATE TABLE joe.refers (id integer REFERENCES app.pk ON DELETE CASCADE);
CREATE TABLE joe.refers_other (id integer REFERENCES app.pk ("x,y"));
CREATE TABLE joe.noted (id integer);
CREATE TRIGGER note BEFORE INSERT ON joe.noted FOR EACH ROW EXECUTE FUNCTION app.note('EXECUTE FUNCTION');
CREATE TABLE joe.moods (m app.mood, a app.mood[]);
CREATE FUNCTION joe.spoken() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE TABLE joe.speaks (a integer DEFAULT joe.spoken());
CREATE FOREIGN TABLE joe.far (a integer) SERVER elsewhere;
SQL

my @once = qw(leaf child refers refers_other noted moods far speaks);

sub take_away
{
	query('once', 'DROP TABLE IF EXISTS ' . join(', ', map { "joe.$_" } grep { $_ ne 'far' } @once));
	query('once', 'DROP FOREIGN TABLE IF EXISTS joe.far; DROP FUNCTION IF EXISTS joe.spoken');
	return;
}

take_away();
is_restored('what is joe\'s right still', map { ('--table', "joe.$_") } @once);
take_away();
query('once', <<'SQL');
ALTER TABLE joe.root OWNER TO dba;
ALTER ROLE dba SUPERUSER;
ALTER TABLE joe.parent OWNER TO postgres;
REVOKE ALL ON app.pk FROM joe;
GRANT REFERENCES (id) ON app.pk TO joe;
REVOKE ALL ON FUNCTION app.note() FROM joe;
REVOKE ALL ON TYPE app.mood FROM joe;
REVOKE ALL ON FOREIGN SERVER elsewhere FROM joe;
REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC;
SQL
is_refused('a partition of a table that a superuser has taken over', qr/"?joe"? could not create TABLE ATTACH.*HINT.*ALTER TABLE joe\.root OWNER TO joe/s, '--table', 'joe.leaf');
is_refused('a child of such a table', qr/could not create TABLE joe\.child.*HINT.*ALTER TABLE joe\.parent OWNER TO joe/s, '--table', 'joe.child');
is_refused('a foreign key to another column than the one that is left', qr/no REFERENCES.*HINT.*GRANT REFERENCES ON TABLE app\.pk TO joe/s, '--table', 'joe.refers_other');
is_restored('a foreign key to that column', '--table', 'joe.refers');
is_refused('a trigger', qr/no EXECUTE.*HINT.*GRANT EXECUTE ON FUNCTION app\.note\(\) TO joe/s, '--table', 'joe.noted');
is_refused('columns of a type', qr/no USAGE.*HINT.*GRANT USAGE ON TYPE app\.mood TO joe/s, '--table', 'joe.moods');
is_refused('a foreign table', qr/no USAGE.*HINT.*GRANT USAGE ON FOREIGN SERVER elsewhere TO joe/s, '--table', 'joe.far');
is_refused('a function', qr/no USAGE.*HINT.*GRANT USAGE ON LANGUAGE plpgsql TO joe/s, '--table', 'joe.speaks');
query('once', 'GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC; GRANT REFERENCES ON TABLE app.pk TO joe');
query('once', 'GRANT EXECUTE ON FUNCTION app.note() TO joe; GRANT USAGE ON TYPE app.mood TO joe; GRANT USAGE ON FOREIGN SERVER elsewhere TO joe');
is_restored('what was granted again', map { ('--table', "joe.$_") } qw(refers_other noted moods far speaks));
is_refused('and what was not', qr/could not create TABLE/, '--table', 'joe.leaf', '--table', 'joe.child');
query('once', 'GRANT dba TO joe');
is_restored('a partition, by way of a role that joe has now', '--table', 'joe.leaf');
# Default privileges of a schema that is there are its own, as its grants are: what was revoked is not given back.
prepare('defaults', <<'SQL');
CREATE SCHEMA fresh;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO joe;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT ALL ON TABLES TO joe;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO joe;
ALTER DEFAULT PRIVILEGES IN SCHEMA fresh GRANT SELECT ON TABLES TO joe;
CREATE TABLE app.x (a integer);
CREATE TABLE public.y (a integer);
SQL
query('defaults', <<'SQL');
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON SEQUENCES FROM joe;
ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE ALL ON TABLES FROM joe;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM joe;
DROP TABLE app.x, public.y;
DROP SCHEMA fresh CASCADE;
SQL
my $told = tool_ok([ 'restore', '--repo', $repo, 'defaults', '--to', 'defaults', '--yes', map { ('--schema', $_) } qw(app public fresh) ],
	'schemas with default privileges');
like($told, qr/^left out: DEFAULT PRIVILEGES FOR TABLES of role postgres in schema $_ \(the schema exists/m, "$_ keeps its own") for qw(app public);
unlike($told, qr/PRIVILEGES.*schema fresh/, 'fresh has none');
is(query('defaults', 'SELECT defaclnamespace::regnamespace, defaclacl FROM pg_default_acl'), 'fresh|{joe=r/postgres}', 'and gets those of the backup');

done_testing();
