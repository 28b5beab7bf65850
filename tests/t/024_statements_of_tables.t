# Whatever pg_dump writes about a table of another role comes back into a live database, and nothing that its
# owner wrote runs with the rights of the session, also where only a statement like SET NOT NULL or a primary
# key makes the server compute a CHECK constraint.
use strict;
use warnings;

use NexBackup::LivePart;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $refused = qr/without running code of .*HINT.*--rows-as=session/s;

live_part($node, $repo);

sub definition
{
	my ($table) = @_;

	return normalized_dump($database, '-s', '-t', $table);
}

query('postgres', 'CREATE ROLE joe LOGIN; CREATE ROLE alice LOGIN');
create_database('app');
query('app', <<'SQL');
CREATE SCHEMA joe AUTHORIZATION joe;
CREATE SCHEMA app;
CREATE SCHEMA alice AUTHORIZATION alice;
GRANT USAGE ON SCHEMA alice TO PUBLIC;
CREATE FOREIGN DATA WRAPPER dummy;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER dummy;
GRANT USAGE ON FOREIGN SERVER elsewhere TO joe;
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
CREATE FUNCTION joe.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TABLE joe.par (a integer, t text);

-- All that can be said about a table, and each expression calls a function.
CREATE TABLE joe.everything (
	b integer DEFAULT joe.g(1) UNIQUE,
	id integer GENERATED ALWAYS AS IDENTITY,
	v text COLLATE "C",
	r int4range,
	CONSTRAINT evil CHECK (joe.g(1) = 1 AND joe.g(b) >= 0),
	CONSTRAINT key PRIMARY KEY (id, a),
	CONSTRAINT "no CHECK" EXCLUDE USING gist (r WITH &&) WHERE (joe.g(1) = 1)
) INHERITS (joe.par) WITH (fillfactor = 50);
ALTER TABLE ONLY joe.everything ALTER t SET NOT NULL, ALTER v SET NOT NULL, ALTER t SET DEFAULT 'x' || joe.g(1),
	ALTER v SET STATISTICS 7, ALTER v SET STORAGE EXTERNAL, ALTER v SET COMPRESSION pglz, ALTER v SET (n_distinct = 5), REPLICA IDENTITY FULL,
	ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, CLUSTER ON everything_b_key;
CREATE UNIQUE INDEX computed ON joe.everything (joe.g(b), (b + 1)) WHERE joe.g(1) = 1;
ALTER INDEX joe.computed ALTER COLUMN 2 SET STATISTICS 9;
CREATE STATISTICS joe.figures ON (joe.g(b)), a FROM joe.everything;
ALTER STATISTICS joe.figures SET STATISTICS 3;
CREATE POLICY "p;" ON joe.everything USING (joe.g(b) >= 0) WITH CHECK (joe.g(1) = 1);
CREATE POLICY "all" ON joe.everything TO PUBLIC USING (true);
CREATE TRIGGER "when" BEFORE UPDATE ON joe.everything FOR EACH ROW WHEN (joe.g(new.b) = 1) EXECUTE FUNCTION joe.fire();
CREATE TRIGGER off BEFORE UPDATE ON joe.everything FOR EACH ROW WHEN (joe.g(1) = 1) EXECUTE FUNCTION joe.fire();
CREATE CONSTRAINT TRIGGER "after" AFTER UPDATE ON joe.everything DEFERRABLE FOR EACH ROW EXECUTE FUNCTION joe.fire();
ALTER TABLE joe.everything DISABLE TRIGGER off, ENABLE REPLICA TRIGGER "when", ENABLE ALWAYS TRIGGER "after";
CREATE RULE "r;" AS ON DELETE TO joe.everything WHERE joe.g(old.b) = 2 DO ALSO (SELECT joe.g(1); SELECT 2);
CREATE RULE off AS ON UPDATE TO joe.everything DO ALSO NOTHING;
ALTER TABLE joe.everything DISABLE RULE off;
INSERT INTO joe.everything (a, t, b, v, r) VALUES (1, 'x', 1, 'v', '[1,2)');
CREATE TABLE joe.replicated (a integer NOT NULL UNIQUE, CHECK (joe.g(1) = 1));
ALTER TABLE joe.replicated REPLICA IDENTITY USING INDEX replicated_a_key;

CREATE FOREIGN TABLE joe.remote (b integer, CHECK (joe.g(1) = 1)) INHERITS (joe.par) SERVER elsewhere;
ALTER FOREIGN TABLE ONLY joe.remote ALTER a SET NOT NULL, ALTER a OPTIONS (x 'y;'), ALTER a SET STATISTICS 5;
CREATE FOREIGN TABLE joe.generated (a integer, b integer GENERATED ALWAYS AS (joe.g(1) + a) STORED) SERVER elsewhere;
CREATE TABLE joe.strict (a integer NOT NULL, "B""(" integer NOT NULL);
CREATE TABLE joe.keyed (b integer, CHECK (joe.g(1) = 1), CONSTRAINT " PRIMARY KEY (x)" PRIMARY KEY (a, "B""(", b)) INHERITS (joe.strict);
INSERT INTO joe.keyed VALUES (1, 2, 3);
CREATE TABLE joe.plain (b integer, CHECK (b > 0)) INHERITS (joe.par);
ALTER TABLE ONLY joe.plain ALTER a SET NOT NULL;
CREATE TABLE joe.alices (b integer, CHECK (joe.g(1) = 1)) INHERITS (joe.par);
CREATE EXTENSION hstore SCHEMA joe;
CREATE TABLE joe.member (a integer, CONSTRAINT evil CHECK (joe.g(1) = 1));
ALTER EXTENSION hstore ADD TABLE joe.member;
SQL
query('app', <<'SQL');
CREATE TABLE app.par (a integer);
CREATE TABLE app.calling (b integer, CHECK (joe.g(1) = 1)) INHERITS (app.par);
ALTER TABLE ONLY app.calling ALTER a SET NOT NULL;
CREATE TABLE app.of_member (b integer) INHERITS (joe.member);
ALTER TABLE ONLY app.of_member ALTER a SET NOT NULL;
CREATE TABLE alice.of_member (b integer) INHERITS (joe.member);
ALTER TABLE ONLY alice.of_member ALTER a SET NOT NULL;
ALTER TABLE alice.of_member OWNER TO alice;
CREATE TABLE app.own (b integer, CHECK (b > 0)) INHERITS (app.par);
ALTER TABLE ONLY app.own ALTER a SET NOT NULL;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
my %before = map { $_ => definition($_) } 'joe.everything', 'joe.replicated', 'joe.remote', 'joe.keyed';

query('app', 'DROP TABLE joe.everything, joe.replicated, joe.plain, joe.keyed, app.calling, app.of_member, alice.of_member, app.own;'
	  . 'DROP FOREIGN TABLE joe.remote, joe.generated');

# Everything comes back as it was.
is_restored('a table with everything', 1, '--table', 'joe.everything');
is(definition('joe.everything'), $before{'joe.everything'}, 'with all of its definition');
is(query('app', 'SELECT count(*) FROM joe.everything'), 1, 'and its row');
is_restored('the same under another name', 1, '--table', 'joe.everything', '--as', 'joe.again');
query('app', 'DROP TABLE joe.again');
is_restored('a replica identity', 0, '--table', 'joe.replicated');
is(definition('joe.replicated'), $before{'joe.replicated'}, 'with all of its definition');
is_restored('a foreign table', 1, '--table', 'joe.remote');
is(definition('joe.remote'), $before{'joe.remote'}, 'with all of its definition');
is_refused('a foreign table with a generated column', $refused, '--table', 'joe.generated');

# Without rows, too.
query('app', 'DROP TABLE joe.everything');
is_restored('a table without rows', 1, '--table', 'joe.everything', '--schema-only');
is_refused('a table without its owner', $refused, '--table', 'joe.keyed', '--no-owner');

# A primary key sets its columns to NOT NULL, where they are not any more.
is_restored('a table with a key', 1, '--table', 'joe.keyed');
query('app', 'DROP TABLE joe.keyed; ALTER TABLE joe.strict ALTER a DROP NOT NULL, ALTER "B""(" DROP NOT NULL, ADD CHECK (joe.g(3) = 3)');
is_restored('a table with a key over a parent that was changed', 1, '--table', 'joe.keyed');
is(query('app', "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'joe.keyed'::regclass AND attnotnull AND attnum > 0"),
	'a,B"(,b', 'its columns are NOT NULL');
is_restored('a table whose constraints call nothing', 0, '--table', 'joe.plain');

# A superuser's table that computes what others can change.
is_refused('a table of a superuser', $refused, '--table', 'app.calling', '--schema-only');
is_refused("what inherits from an extension's table ($_)", qr/$refused|role alice could not create TABLE alice\.of_member.*HINT/s, '--table', $_, '--schema-only')
  for 'app.of_member', 'alice.of_member';
is_restored('a table of a superuser that calls nothing', 0, '--table', 'app.own');
is(query('app', "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'app.own'::regclass AND attname = 'a'"), 't', 'it is NOT NULL');
# A table that may compute something is made by its owner, who need not have the right to create one.
query('app', <<'SQL');
DROP TABLE IF EXISTS joe.everything, joe.replicated;
CREATE TYPE app.state AS ENUM ('new', 'it''s');
GRANT USAGE, CREATE ON SCHEMA app TO joe;
CREATE FUNCTION app.made() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'joe' AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands()
		WHERE command_tag ~ '^CREATE.* TABLE' AND schema_name IN ('app', 'joe')) THEN
		RAISE LOG 'code of joe in a table runs as %', current_user;
	END IF;
END $$;
SQL
as_joe(<<'SQL');
CREATE TABLE app.generated (id integer, "b\c;" text DEFAULT E'x\\y', d integer GENERATED ALWAYS AS (id + 1) STORED, s app.state DEFAULT 'it''s',
	CONSTRAINT k CHECK ("b\c;" <> E'\\'''));
INSERT INTO app.generated (id) VALUES (1);
CREATE TABLE app.years (id integer, t date) PARTITION BY RANGE (date_part('year', t));
CREATE TABLE app.years_1 PARTITION OF app.years FOR VALUES FROM (2000) TO (2030);
INSERT INTO app.years VALUES (1, '2020-01-01');
CREATE TYPE joe.row AS (a integer, b text);
CREATE TABLE joe.of_row OF joe.row (PRIMARY KEY (a));
CREATE FOREIGN TABLE joe.away (a integer, b integer GENERATED ALWAYS AS (a + 1) STORED) SERVER elsewhere;
SQL
query('app', 'REVOKE CREATE ON SCHEMA app FROM joe');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'another backup');
my @made = ('app.generated', 'app.years', 'joe.of_row', 'joe.away');
%before = map { $_ => definition($_) } @made;
my $grants = query('app', "SELECT nspacl FROM pg_namespace WHERE nspname = 'app'");
query('app', 'DROP TABLE app.generated, app.years, joe.of_row; DROP FOREIGN TABLE joe.away;'
	  . 'CREATE EVENT TRIGGER made ON ddl_command_end EXECUTE FUNCTION app.made()');
is_restored("$_, made by its owner", 0, '--table', $_) for 'app.generated', 'joe.of_row', 'joe.away';
query('app', 'DROP EVENT TRIGGER made');
is_restored('a table with partitions', 0, '--table', 'app.years');
is(definition($_), $before{$_}, "$_ is what it was") for @made;
is(query('app', 'SELECT count(*) FROM app.generated, app.years'), 1, 'with their rows');
is(query('app', "SELECT nspacl FROM pg_namespace WHERE nspname = 'app'"), $grants, 'the schema has the grants that it had');
query('app', 'REVOKE ALL ON SCHEMA app FROM joe');
is_refused('a table whose owner cannot use its types', qr/permission denied for schema app.*HINT.*lacks a privilege/s, '--table', 'app.generated',
	'--as', 'joe.generated_2');

is(query('app', "SELECT rolsuper FROM pg_roles WHERE rolname = 'joe'"), 'f', 'joe has gained nothing');

# What was decided is done before somebody else has a turn, who could change what was seen.
create_database('pending');
$database = 'pending';
query('pending', 'CREATE SCHEMA joe AUTHORIZATION joe');
as_joe(<<'SQL');
CREATE FUNCTION joe.g(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM joe.boom('g'); RETURN 1; END $$;
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user;
	IF session_user <> 'joe' AND to_regclass('joe.second') IS NOT NULL THEN
		BEGIN
			ALTER TABLE ONLY joe.first ALTER a DROP NOT NULL;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END IF;
	IF session_user <> 'joe' AND to_regclass('joe.k1') IS NOT NULL
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'added') THEN
		BEGIN
			ALTER TABLE ONLY joe.k1 ADD CONSTRAINT added CHECK (joe.g(1) = 1);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END IF;
	RETURN 1;
END $$;
CREATE TABLE joe.strict (a integer NOT NULL);
CREATE TABLE joe.first (b integer, CHECK (joe.g(1) = 1), PRIMARY KEY (a)) INHERITS (joe.strict);
CREATE TABLE joe.second (b integer, CHECK (joe.g(1) = 1), PRIMARY KEY (a)) INHERITS (joe.strict);
CREATE TABLE joe.k (id integer) PARTITION BY RANGE (id);
CREATE TABLE joe.k1 PARTITION OF joe.k FOR VALUES FROM (1) TO (10);
CREATE TABLE joe.m (id integer) PARTITION BY RANGE (id);
CREATE TABLE joe.m1 PARTITION OF joe.m (CHECK (joe.g(1) = 1)) FOR VALUES FROM (1) TO (10);
CREATE TABLE joe.hashed (id integer) PARTITION BY HASH ((joe.g(1) + id));
CREATE TABLE joe.computed (id integer, b boolean GENERATED ALWAYS AS (satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)) STORED);
CREATE TABLE joe.listed (id integer) PARTITION BY LIST ((satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5) AND id > 0));
CREATE TABLE joe.indexed (id integer);
CREATE INDEX ON joe.indexed ((satisfies_hash_partition('joe.hashed'::regclass, 1, 0, 5)));
CREATE FUNCTION joe.valid(text[], oid) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM joe.boom('a validator'); END $$;
SQL
query('pending', 'CREATE FOREIGN DATA WRAPPER checked VALIDATOR joe.valid; CREATE SERVER far FOREIGN DATA WRAPPER checked;'
	  . 'GRANT USAGE ON FOREIGN SERVER far TO joe');
as_joe("CREATE FOREIGN TABLE joe.distant (a integer OPTIONS (x 'y')) SERVER far OPTIONS (p 'q')");
tool_ok([ 'backup', '--repo', $repo, '-d', 'pending' ], 'backup');
query('pending', 'DROP TABLE joe.first, joe.second, joe.k, joe.m, joe.computed, joe.listed, joe.indexed; DROP FOREIGN TABLE joe.distant;'
	  . 'ALTER TABLE joe.strict ALTER a DROP NOT NULL');
is_restored('two tables with keys', 1, '--table', 'joe.first', '--table', 'joe.second');
restore(map { ('--table', "joe.$_") } 'k', 'k1', 'm', 'm1');
nothing_ran('two partitions');
is_refused("a table that computes the key of another ($_)", $refused, '--table', "joe.$_", '--no-owner') for 'computed', 'listed', 'indexed';
is_refused('a foreign table whose options others check', qr/Function joe\.valid.*belongs to "joe".*HINT.*--rows-as=session/s, '--table', 'joe.distant');
query('pending', 'ALTER FUNCTION joe.valid(text[], oid) OWNER TO postgres');
is((restore('--table', 'joe.distant'))[0], 0, 'a function of a superuser is trusted');

# A domain that comes with the part casts to an enum of joe, for which he has made a cast since.
create_database('casts');
$database = 'casts';
query('casts', 'CREATE SCHEMA joe AUTHORIZATION joe; CREATE SCHEMA app');
as_joe(<<'SQL');
GRANT USAGE ON SCHEMA joe TO PUBLIC;
CREATE TYPE joe.en AS ENUM ('x');
CREATE DOMAIN joe.d AS text CHECK ((VALUE)::joe.en IS NOT NULL);
CREATE TABLE joe.t (c joe.d[] DEFAULT '{x}'::joe.d[]);
CREATE DOMAIN joe.over AS joe.en CHECK (length((VALUE)::text) > 0);
CREATE TABLE joe.of_over (c joe.over[] DEFAULT '{x}'::joe.over[]);
SQL
query('casts', "CREATE DOMAIN app.d AS text CHECK ((VALUE)::joe.en IS NOT NULL); CREATE TABLE app.t (c app.d[] DEFAULT '{x}'::app.d[]);"
	  . "CREATE DOMAIN app.plain AS text CHECK ((VALUE)::date IS NOT NULL); CREATE TABLE app.p (c app.plain[] DEFAULT '{2020-01-01}'::app.plain[])");
tool_ok([ 'backup', '--repo', $repo, '-d', 'casts' ], 'backup');
query('casts', 'DROP TABLE joe.t, joe.of_over, app.t, app.p; DROP DOMAIN joe.d, joe.over, app.d, app.plain');
as_joe(<<'SQL');
CREATE FUNCTION joe.f(text) RETURNS joe.en IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN RAISE LOG 'code of joe in a cast runs as % in a session of %', current_user, session_user; RETURN 'x'; END $$;
CREATE CAST (text AS joe.en) WITH FUNCTION joe.f(text);
SQL
is_refused("a domain that casts to what can have got a cast ($_)", $refused, '--table', $_) for 'joe.t', 'joe.of_over', 'app.t';
is_refused("the same, without the owner ($_)", $refused, '--table', $_, '--no-owner') for 'joe.t', 'joe.of_over';
is_restored('a domain that casts to a type of PostgreSQL', 0, '--table', 'app.p');

# A constraint of a domain that is not valid is an entry of its own, and counts for what is read after it.
create_database('late');
$database = 'late';
query('late', 'CREATE SCHEMA joe AUTHORIZATION joe');
as_joe(<<'SQL');
CREATE FUNCTION joe.boom(place text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN RAISE LOG 'code of joe in % runs as % in a session of %', place, current_user, session_user; RETURN 1; END $$;
CREATE DOMAIN joe.d AS text;
CREATE TABLE joe.t (c joe.d[]);
CREATE POLICY p ON joe.t USING (c = '{x}'::joe.d[]);
ALTER DOMAIN joe.d ADD CONSTRAINT k CHECK (query_to_xml('select joe.boom(''a domain'')', true, true, '') IS NOT NULL) NOT VALID;
CREATE FUNCTION joe.h(a record, k integer DEFAULT 1) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE VIEW joe.v AS SELECT joe.h(ROW('{x}', 1)) AS x;
CREATE TABLE joe.bare (c integer DEFAULT joe.h(ROW('{x}', 1)));
CREATE VIEW joe.typed AS SELECT joe.h(ROW('x'::text, 1)) AS y;
CREATE TYPE joe.en AS ENUM ('x');
CREATE TABLE joe.root (id integer) PARTITION BY LIST (id);
CREATE TABLE joe.part PARTITION OF joe.root FOR VALUES IN (1);
CREATE TABLE joe.by_enum (id joe.en) PARTITION BY LIST (id);
CREATE TABLE joe.of_enum PARTITION OF joe.by_enum FOR VALUES IN ('x');
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'late' ], 'backup');
query('late', 'DROP TABLE joe.t, joe.root, joe.of_enum, joe.bare; DROP VIEW joe.v, joe.typed; DROP DOMAIN joe.d');
as_joe(<<'SQL');
CREATE TABLE joe.root (id joe.en) PARTITION BY LIST (id);
CREATE FUNCTION joe.f(integer) RETURNS joe.en IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM joe.boom('a cast'); RETURN 'x'; END $$;
CREATE CAST (integer AS joe.en) WITH FUNCTION joe.f(integer) AS ASSIGNMENT;
SQL
is_refused('a constraint of a domain that is not valid', $refused, '--table', 'joe.t');
isnt((restore('--table', 'joe.part'))[0], 0, 'a partition of what has another type now');
nothing_ran('a bound that would be cast');
is_restored('a partition by an enum', 0, '--table', 'joe.of_enum');

# A literal inside of a row has no type in the archive, and is read by the function that fits best now.
as_joe(<<'SQL');
DROP FUNCTION joe.h(record, integer);
CREATE FUNCTION joe.h(a record, k integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION joe.h(a record) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE DOMAIN joe.checked AS text CHECK (joe.boom('a literal in a row') = 1);
CREATE TYPE joe.comp AS (q joe.checked[], n integer);
CREATE FUNCTION joe.h(a joe.comp) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
SQL
is_refused("a literal without a type ($_)", $refused, '--table', $_) for 'joe.v', 'joe.bare';
is_refused("the same, without the owner ($_)", $refused, '--table', $_, '--no-owner') for 'joe.bare';
is_restored('a row of literals with types', 0, '--table', 'joe.typed');

done_testing();
