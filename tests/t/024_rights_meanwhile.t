# While a part is restored into a live database, code of ordinary roles runs in their turns. What it can
# reach then is what it can reach before and afterwards: nothing is open for a moment, neither tables without
# their row security, policies and triggers, nor functions before they are revoked, nor schemas.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

query('postgres', 'CREATE ROLE joe LOGIN; CREATE ROLE eve LOGIN');

sub as_joe
{
	my ($database, $sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query($database, $sql);
}

# A database in which joe has a schema, and public.loot tells what his code got hold of. His functions
# do what joe.go() does, which is given, and hide errors: what fails is not to be seen.
sub hostile_database
{
	my ($name, $go) = @_;

	create_database($name);
	query($name, 'CREATE SCHEMA joe AUTHORIZATION joe; CREATE SCHEMA app; CREATE TABLE public.loot (what text); GRANT INSERT ON public.loot TO joe');
	as_joe($name, <<"SQL");
CREATE FUNCTION joe.go() RETURNS integer LANGUAGE plpgsql AS \$f\$ BEGIN
	INSERT INTO public.loot VALUES ('ran');
	BEGIN $go; EXCEPTION WHEN OTHERS THEN NULL; END;
	RETURN 1;
END \$f\$;
CREATE FUNCTION joe.f(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN joe.go(); END';
CREATE FUNCTION joe.look(integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM joe.go(); RETURN true; END';
SQL
	return;
}

sub loot { return query($_[0], q{SELECT coalesce(string_agg(DISTINCT what, ',' ORDER BY what), 'nothing') FROM public.loot}) }

sub backup
{
	my ($name) = @_;

	tool_ok([ 'backup', '--repo', $repo, '-q', '-d', $name ], "$name: backup");
	query($name, 'TRUNCATE public.loot');
	return;
}

sub restore { return ('restore', '--repo', $repo, $_[0], '--to', $_[0], '--no-analyze', @_[ 1 .. $#_ ]) }

my $definer = 'LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN INSERT INTO public.loot VALUES (what); END $f$';
my $tenants = <<'SQL';
GRANT USAGE ON SCHEMA app TO joe;
CREATE TABLE app.salaries (tenant text, amount integer);
INSERT INTO app.salaries VALUES ('joe', 1), ('eve', 777), ('postgres', 999);
CREATE POLICY own ON app.salaries USING (tenant = current_user);
SQL

# ------------------------------------------------- schemas that are protected by USAGE alone

hostile_database('named', q{PERFORM admin.run('admin.run()')});
query('named', "CREATE SCHEMA admin; CREATE FUNCTION admin.run(what text) RETURNS void $definer");
as_joe('named', 'CREATE TABLE joe.t (c integer); INSERT INTO joe.t VALUES (1); CREATE INDEX admin ON joe.t (joe.f(c))');
backup('named');
query('named', 'DROP TABLE joe.t; DROP SCHEMA admin CASCADE');
tool_ok([ restore('named', '--schema', 'admin', '--table', 'joe.t') ], 'a schema of the part that the author names');
is(loot('named'), 'ran', 'is not open for it');

hostile_database('revoked', q{PERFORM admin.run('admin.run()')});
query('revoked', "CREATE SCHEMA admin; CREATE FUNCTION admin.run(what text) RETURNS void $definer; GRANT USAGE, CREATE ON SCHEMA admin TO joe");
as_joe('revoked', 'CREATE TABLE admin.t (c integer); INSERT INTO admin.t VALUES (1); CREATE INDEX i ON admin.t (joe.f(c))');
backup('revoked');
query('revoked', 'REVOKE ALL ON SCHEMA admin FROM joe; DROP TABLE admin.t');
tool_fails([ restore('revoked', '--table', 'admin.t') ], 1, qr/permission denied for schema admin.*HINT: .*GRANT USAGE ON SCHEMA/s,
	'a live schema that the author may not use any more');
is(loot('revoked'), 'nothing', 'is not open for it');

# With the grants of the backup on a schema of the part, its objects can be used at once.
hostile_database('granted', 'RETURN 1');
query('granted', 'CREATE SCHEMA lib; CREATE DOMAIN lib.d AS integer; GRANT USAGE ON SCHEMA lib TO joe');
as_joe('granted', q{CREATE TABLE joe.t (c lib.d DEFAULT '1'::lib.d); CREATE VIEW joe.v AS SELECT '1'::lib.d AS d FROM joe.t});
backup('granted');
query('granted', 'DROP SCHEMA lib CASCADE; DROP TABLE joe.t CASCADE');
tool_ok([ restore('granted', '--schema', 'lib', '--table', 'joe.t', '--table', 'joe.v') ], 'what uses a schema of the part is made by its author');
query('granted', 'DROP SCHEMA lib CASCADE; DROP TABLE joe.t CASCADE; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO eve');
tool_ok([ restore('granted', '--schema', 'lib', '--table', 'joe.t') ], 'where schemas have default privileges');
is(query('granted', q{SELECT has_schema_privilege('joe', 'lib', 'USAGE') || ' ' || has_schema_privilege('eve', 'lib', 'USAGE')}), 'true false', 'the schema has those of the backup');

# ---------------------------------------------------------------- functions of others

for my $case ([ 'functions', '' ], [ 'defaults', 'ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO joe' ])
{
	my ($name, $live) = @$case;

	hostile_database($name, q{PERFORM app.admin('app.admin()')});
	query($name, "GRANT USAGE ON SCHEMA app TO joe; CREATE FUNCTION app.admin(what text) RETURNS void $definer; REVOKE ALL ON FUNCTION app.admin(text) FROM PUBLIC");
	as_joe($name,
		'CREATE TABLE joe.par (a integer); CREATE TABLE joe.ch (CHECK (joe.f(1) = 1)) INHERITS (joe.par); ALTER TABLE joe.ch ALTER a SET NOT NULL;'
		  . "CREATE TABLE joe.gen (a integer, b integer DEFAULT joe.f(1)); CREATE INDEX ON joe.gen (joe.f(a)); INSERT INTO joe.gen VALUES (1)");
	backup($name);
	query($name, "DROP TABLE joe.ch, joe.gen; DROP FUNCTION app.admin(text); $live");
	tool_ok([ restore($name, '--schema', 'app', '--table', 'joe.ch', '--table', 'joe.gen') ], "$name that are revoked");
	is(loot($name), 'ran', 'are not open meanwhile');
	is(query($name, q{SELECT has_function_privilege('joe', 'app.admin(text)', 'EXECUTE')}), 'f', 'nor afterwards');
}

# A function that needs a primary key comes behind it.
hostile_database('late', q{PERFORM app.report('app.report()')});
query('late', 'GRANT USAGE ON SCHEMA app TO joe; CREATE TABLE app.k (id integer PRIMARY KEY, n text);'
	  . 'CREATE FUNCTION app.report(what text) RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC INSERT INTO public.loot VALUES (what);'
	  . 'SELECT count(*) FROM (SELECT id, n FROM app.k GROUP BY id) x; END; REVOKE ALL ON FUNCTION app.report(text) FROM PUBLIC');
as_joe('late', 'CREATE TABLE joe.t (c integer); INSERT INTO joe.t VALUES (1); CREATE INDEX z ON joe.t (joe.f(c))');
backup('late');
query('late', 'DROP TABLE app.k CASCADE; DROP TABLE joe.t; ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO joe');
tool_ok([ restore('late', '--schema', 'app', '--table', 'joe.t') ], 'a function that comes after the rows');
is(loot('late'), 'ran', 'is not open meanwhile');
is(query('late', q{SELECT has_function_privilege('joe', 'app.report(text)', 'EXECUTE')}), 'f', 'nor afterwards');

# With --no-privileges, what PUBLIC could not use is its owner's alone, at once and afterwards.
my @revoked = ('FUNCTION app.admin(text)', 'PROCEDURE app.run(text)', 'FUNCTION app.total(text)', 'FUNCTION app.told(text)', 'FUNCTION app.mine()',
	'TYPE app.mood', 'TYPE app.d', 'LANGUAGE own');
my $tries = join(' ', map { "BEGIN $_; EXCEPTION WHEN OTHERS THEN NULL; END;" } q{PERFORM app.admin('app.admin()')}, q{CALL app.run('app.run()')},
	q{PERFORM app.total('app.total()')}, q{PERFORM app.told('app.told()')});

hostile_database('alone', "$tries PERFORM app.open('app.open()')");
query('alone', <<"SQL");
GRANT USAGE ON SCHEMA app TO joe;
CREATE FUNCTION app.handler() RETURNS language_handler LANGUAGE c AS '\$libdir/plpgsql', 'plpgsql_call_handler';
CREATE TRUSTED LANGUAGE own HANDLER app.handler;
CREATE FUNCTION app.admin(what text) RETURNS void $definer;
CREATE FUNCTION app.open(what text) RETURNS void $definer;
CREATE PROCEDURE app.run(what text) $definer;
CREATE FUNCTION app.step(integer, what text) RETURNS integer LANGUAGE own SECURITY DEFINER AS 'BEGIN INSERT INTO public.loot VALUES (what); RETURN 1; END';
CREATE AGGREGATE app.total(text) (SFUNC = app.step, STYPE = integer);
CREATE TABLE app.k (id integer PRIMARY KEY, n text);
CREATE FUNCTION app.told(what text) RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC INSERT INTO public.loot VALUES (what);
	SELECT count(*) FROM (SELECT id, n FROM app.k GROUP BY id) x; END;
CREATE FUNCTION app.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION app.mine() OWNER TO joe;
CREATE TYPE app.mood AS ENUM ('good');
CREATE DOMAIN app.d AS integer;
CREATE TABLE app.uses (m app.mood, d app.d);
CREATE EXTENSION cube SCHEMA app;
CREATE TABLE app.points (p app.cube);
REVOKE ALL ON FUNCTION app.cube_dim(app.cube) FROM PUBLIC;
SQL
query('alone', join(';', map { "REVOKE ALL ON $_ FROM PUBLIC" } @revoked) . '; GRANT EXECUTE ON FUNCTION app.admin(text), app.mine() TO eve');
as_joe('alone', 'CREATE TABLE joe.par (a integer); CREATE TABLE joe.ch (CHECK (joe.f(1) = 1)) INHERITS (joe.par); ALTER TABLE joe.ch ALTER a SET NOT NULL;'
	  . 'CREATE TABLE joe.t (c integer); INSERT INTO joe.t VALUES (1); CREATE INDEX z ON joe.t (joe.f(c))');
backup('alone');
sub is_told
{
	my ($told, @objects) = @_;

	is(join(', ', sort($told =~ /^left out: grants on (\S.*?) \(PUBLIC cannot use it/mg)), join(', ', sort @objects), 'the report says so');
	return;
}

for my $way ([], ['--rows-as=session'])
{
	query('alone', 'TRUNCATE public.loot; DROP TABLE joe.ch, joe.t; DROP SCHEMA app CASCADE; CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO joe, eve;'
		  . 'ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO joe; ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO joe');
	my $told = tool_ok([ restore('alone', '--schema', 'app', '--table', 'joe.ch', '--table', 'joe.t', '--no-privileges', @$way) ], "without privileges @$way");
	is(loot('alone'), 'app.open(),ran', 'what was revoked is not open meanwhile') if !@$way;
	is(query('alone', <<'SQL'), 'eve 1, joe 2', 'nor open afterwards, but to its owner');
SELECT string_agg(r || ' ' || n, ', ' ORDER BY r) FROM (SELECT r, count(*) FILTER (WHERE has_function_privilege(r, oid, 'EXECUTE'))
	+ 10 * count(*) FILTER (WHERE has_type_privilege(r, 'app.mood', 'USAGE') OR has_type_privilege(r, 'app.d', 'USAGE') OR has_language_privilege(r, 'own', 'USAGE')) AS n
	FROM pg_proc, unnest('{joe,eve}'::text[]) r WHERE pronamespace = 'app'::regnamespace AND proname IN ('admin', 'run', 'total', 'told', 'mine', 'open') GROUP BY r) x
SQL
	is(query('alone', q{SELECT has_function_privilege('eve', 'app.cube_dim(app.cube)', 'EXECUTE') || ' ' || has_function_privilege('eve', 'app.cube_size(app.cube)', 'EXECUTE')}),
		'false true', 'so it is with objects of extensions');
	is_told($told, 'FUNCTION app.admin(text)', 'PROCEDURE app.run(text)', 'AGGREGATE app.total(text)', 'FUNCTION app.told(text)', 'FUNCTION app.mine()', 'TYPE app.mood', 'DOMAIN app.d',
		'PROCEDURAL LANGUAGE own', 'FUNCTION cube_dim(app.cube)');
}
query('alone', 'DROP TABLE app.uses; DROP TYPE app.mood; DROP DOMAIN app.d');
is_told(tool_ok([ restore('alone', '--table', 'app.uses', '--no-privileges', '--no-owner') ], 'of the session alone'), 'TYPE app.mood', 'DOMAIN app.d');
is(query('alone', q{SELECT has_type_privilege('joe', 'app.mood', 'USAGE') OR has_type_privilege('eve', 'app.d', 'USAGE')}), 'f', 'the types are closed');

# ---------------------------------------------------------------- rights for one object alone

# For its turn joe gets CREATE on the schema and on the tablespace of an index. In joe.does is what his code does meanwhile.
my $space = query('postgres', 'SHOW server_version_num') >= 150000 ? 'TABLESPACE given' : '';
query('postgres', q(SET allow_in_place_tablespaces = on; CREATE TABLESPACE given LOCATION '')) if $space;
hostile_database('lent', 'EXECUTE (SELECT what FROM joe.does)');
query('lent', 'GRANT USAGE ON SCHEMA app TO joe; CREATE OPERATOR FAMILY joe.family USING btree; ALTER OPERATOR FAMILY joe.family USING btree OWNER TO joe;'
	  . 'CREATE OPERATOR CLASS joe.class FOR TYPE integer USING hash AS OPERATOR 1 =; ALTER OPERATOR CLASS joe.class USING hash OWNER TO joe');
query('lent', 'CREATE SEQUENCE app.own; CREATE TABLE app.table (a integer); CREATE INDEX own_i ON app.table (a); ALTER SEQUENCE app.own OWNER TO joe; ALTER TABLE app.table OWNER TO joe');
query('lent', 'GRANT CREATE ON TABLESPACE given TO joe') if $space;
as_joe('lent', <<"SQL");
CREATE TABLE joe.does (what text);
CREATE TABLE joe.t (c integer);
INSERT INTO joe.t VALUES (1);
CREATE INDEX i ON joe.t (joe.f(c)) $space;
CREATE SEQUENCE joe.s;
CREATE TABLE joe.big (a integer PRIMARY KEY);
CREATE VIEW joe.v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW joe.m AS SELECT 1 AS a;
CREATE TYPE joe.e AS ENUM ('a');
CREATE TYPE joe.c AS (a integer);
CREATE TYPE joe.r AS RANGE (SUBTYPE = integer);
CREATE DOMAIN joe.d AS integer;
CREATE FUNCTION joe.fn(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE joe.p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE joe.agg(integer) (SFUNC = joe.fn, STYPE = integer);
CREATE OPERATOR joe.=== (FUNCTION = joe.fn, LEFTARG = integer, RIGHTARG = integer);
CREATE COLLATION joe.coll FROM pg_catalog."C";
CREATE CONVERSION joe.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH CONFIGURATION joe.conf (COPY = pg_catalog.simple);
CREATE TEXT SEARCH DICTIONARY joe.dict (TEMPLATE = pg_catalog.simple);
CREATE TABLE joe.two (a integer, b integer);
CREATE STATISTICS joe.stat ON a, b FROM joe.two;
SQL
backup('lent');
query('lent', 'REVOKE CREATE ON TABLESPACE given FROM joe') if $space;

my @moves = map { "ALTER $_ SET SCHEMA app" } 'SEQUENCE joe.s', 'TABLE joe.big', 'VIEW joe.v', 'MATERIALIZED VIEW joe.m', 'TYPE joe.e', 'TYPE joe.c', 'TYPE joe.r', 'DOMAIN joe.d',
  'FUNCTION joe.fn', 'PROCEDURE joe.p', 'AGGREGATE joe.agg(integer)', 'OPERATOR joe.=== (integer, integer)', 'COLLATION joe.coll', 'CONVERSION joe.conv', 'TEXT SEARCH CONFIGURATION joe.conf',
  'TEXT SEARCH DICTIONARY joe.dict', 'STATISTICS joe.stat', 'OPERATOR FAMILY joe.family USING btree', 'OPERATOR CLASS joe.class USING hash';
push @moves, map { "ALTER $_ RENAME TO taken" } 'SEQUENCE app.own', 'INDEX app.own_i', 'TABLE app.table';
push @moves, map { "ALTER $_ SET TABLESPACE given" } 'TABLE joe.big', 'INDEX joe.big_pkey', 'MATERIALIZED VIEW joe.m', 'INDEX app.own_i' if $space;
for my $move (@moves)
{
	query('lent', "TRUNCATE joe.does; INSERT INTO joe.does VALUES ('$move')");
	tool_fails([ restore('lent', '--table', 'joe.t', '--as', 'app.copy') ], 1, qr/was changed while|were changed while/, $move);
}
query('lent', "TRUNCATE joe.does; INSERT INTO joe.does VALUES ('SELECT 1')");
tool_ok([ restore('lent', '--table', 'joe.t', '--as', 'app.copy') ], 'what changes nothing is done');
is(query('lent', q{SELECT has_schema_privilege('joe', 'app', 'CREATE') || ' ' || (SELECT relowner::regrole FROM pg_class WHERE oid = 'app.copy'::regclass)}),
	'false joe', 'and the rights are gone');

# -------------------------------------------------------- rows of tenants in one table

my %turns = (
	'CHECK' => 'CREATE TABLE joe.t (c integer CHECK (joe.look(c))); INSERT INTO joe.t VALUES (1)',
	'index' => 'CREATE TABLE joe.t (c integer); INSERT INTO joe.t VALUES (1); CREATE INDEX i ON joe.t (joe.f(c))',
	'SET NOT NULL' => 'CREATE TABLE joe.par (a integer); CREATE TABLE joe.t (CHECK (joe.f(1) = 1)) INHERITS (joe.par); ALTER TABLE joe.t ALTER a SET NOT NULL');
my $grants = 'GRANT SELECT, INSERT, UPDATE, DELETE ON app.salaries TO joe, eve; GRANT SELECT (amount) ON app.salaries TO joe';
my @ways = (
	[ '', $grants, '', [] ],
	[ ' by default privileges', 'GRANT SELECT ON app.salaries TO eve', 'ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT ALL ON TABLES TO joe', [] ],
	[ ' with --no-privileges', $grants, 'ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT ALL ON TABLES TO joe', ['--no-privileges'] ],
);
my $number = 0;
for my $turn (sort keys %turns)
{
	for my $way (@ways)
	{
		my ($what, $given, $live, $options) = @$way;
		my $name = 'rows' . ++$number;
		my $rows = q{SELECT string_agg(tenant || ' ' || amount, ', ' ORDER BY amount) FROM app.salaries};

		hostile_database($name,
			q{INSERT INTO public.loot SELECT tenant FROM app.salaries WHERE tenant <> 'joe'; UPDATE app.salaries SET amount = 1000 WHERE tenant = 'joe';}
			  . q{DELETE FROM app.salaries WHERE tenant = 'eve'; INSERT INTO app.salaries VALUES ('postgres', -5)});
		query($name, "$tenants; ALTER TABLE app.salaries ENABLE ROW LEVEL SECURITY; $given;"
			  . q{CREATE FUNCTION app.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$frozen$$; END';}
			  . 'CREATE TRIGGER frozen BEFORE INSERT OR UPDATE OR DELETE ON app.salaries FOR EACH ROW EXECUTE FUNCTION app.no()');
		as_joe($name, $turns{$turn});
		my $before = query($name, $rows);
		backup($name);
		query($name, "DROP TABLE app.salaries, joe.t; DROP FUNCTION app.no(); $live");
		tool_ok([ restore($name, '--schema', 'app', '--table', 'joe.t', @$options) ], "$turn, rights on a table$what");
		is(loot($name), 'ran', 'its rows cannot be read meanwhile');
		is(query($name, $rows), $before, 'nor changed');
		is(query($name, q{SELECT has_table_privilege('joe', 'app.salaries', 'INSERT') || ' ' || has_table_privilege('eve', 'app.salaries', 'INSERT')}),
			$what eq '' ? 'true true' : $what =~ /default/ ? 'false false' : 'true false', 'afterwards the rights are there');
		query('postgres', "DROP DATABASE $name");
	}
}

# ------------------------------------------------- what needs rights on tables of others

hostile_database('shop', 'RETURN 1');
query('shop', <<'SQL');
GRANT USAGE ON SCHEMA app TO joe;
CREATE TABLE app.country (code text PRIMARY KEY);
INSERT INTO app.country VALUES ('de'), ('fr');
GRANT SELECT, REFERENCES ON app.country TO joe;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
REVOKE ALL ON FUNCTION app.touch() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.touch() TO joe;
SQL
as_joe('shop', <<'SQL');
CREATE TABLE joe.t (c text REFERENCES app.country, i integer);
INSERT INTO joe.t VALUES ('de', 1);
CREATE INDEX ON joe.t (joe.f(i));
CREATE TRIGGER touch BEFORE INSERT ON joe.t FOR EACH ROW WHEN (new.i > 0) EXECUTE FUNCTION app.touch();
CREATE POLICY known ON joe.t USING (c IN (SELECT code FROM app.country));
CREATE VIEW joe.v AS SELECT c, length(code) FROM joe.t JOIN app.country ON code = c;
CREATE MATERIALIZED VIEW joe.m AS SELECT c, length(code), joe.f(i) FROM joe.t JOIN app.country ON code = c;
CREATE INDEX ON joe.m (upper(c));
SQL
backup('shop');
query('shop', 'DROP SCHEMA app CASCADE; DROP TABLE joe.t CASCADE');
tool_ok([ restore('shop', '--schema', 'app', '--table', 'joe.t', '--table', 'joe.v', '--table', 'joe.m') ], 'keys, triggers, policies and views over tables of others');
is(as_joe('shop', 'SELECT count(*) FROM joe.v'), '1', 'a view works');
is(as_joe('shop', 'SELECT count(*) FROM joe.m'), '1', 'a materialized view is filled');
is(query('shop', "SELECT bool_and(convalidated) FROM pg_constraint WHERE conrelid = 'joe.t'::regclass AND contype = 'f'"), 't', 'the foreign key is valid');
query('shop', 'DROP SCHEMA app CASCADE; DROP TABLE joe.t CASCADE');
tool_ok([ restore('shop', '--rows-as', 'session', '--schema', 'app', '--table', 'joe.t', '--table', 'joe.v', '--table', 'joe.m') ], 'the same as the session');
is(as_joe('shop', 'SELECT count(*) FROM joe.m'), '1', 'the materialized view is filled');

# ------------------------------------- what others may do by functions of a table's owner

# Tables without grants, and functions with the rights of their owner for all access, which rely on what protects
# the tables: joe's turns call them in the restore. In app.book is one row.
my $add = 'CREATE FUNCTION app.add(w text, a integer) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = app AS $f$ INSERT INTO book VALUES (w, a) $f$';
my $list = 'CREATE FUNCTION app.list() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = app AS $f$ BEGIN RETURN QUERY SELECT who FROM app.book; END $f$';
my $book = 'CREATE TABLE app.book (who text, amount integer)';
my $check = q{CREATE FUNCTION app.chk() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN IF new.amount > 100 THEN RAISE EXCEPTION 'too much'; END IF; RETURN new; END $f$};
my $trigger = 'CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON app.book FOR EACH ROW EXECUTE FUNCTION app.chk()';
my $secret = 'ALTER TABLE app.book ENABLE ROW LEVEL SECURITY; ALTER TABLE app.book FORCE ROW LEVEL SECURITY; CREATE POLICY own ON app.book USING (who = session_user)';
my $one = "INSERT INTO app.book VALUES ('eve', 7)";
my $writes = q{PERFORM app.add('joe', 1000000)};
my $reads = q{INSERT INTO public.loot SELECT what FROM app.list() what};
my $part = [ '--schema', 'app' ];

# What the owner of app makes, what joe's code tries, and what is restored with joe.t.
my %protected = (
	'a trigger' => [ "$book; $check; $trigger; $one", $writes, $part ],
	'a trigger, table by table' => [ "$book; $check; $trigger; $one", $writes, [ '--table', 'app.book' ], 'DROP TABLE app.book' ],
	'a trigger of a partitioned table' => [
		"$book PARTITION BY LIST (who); CREATE TABLE app.p1 PARTITION OF app.book FOR VALUES IN ('eve'); CREATE TABLE app.p2 PARTITION OF app.book DEFAULT; $check; $trigger; $one",
		$writes, $part ],
	'a trigger of a partition' => [
		"$book PARTITION BY LIST (who); CREATE TABLE app.p1 PARTITION OF app.book FOR VALUES IN ('eve'); CREATE TABLE app.p2 PARTITION OF app.book DEFAULT; $check; $one;"
		  . 'CREATE TRIGGER chk BEFORE INSERT ON app.p2 FOR EACH ROW EXECUTE FUNCTION app.chk()', $writes, $part ],
	'a trigger of a view' => [
		"$book; $one; CREATE VIEW app.v AS SELECT * FROM app.book; " . ($check =~ s/RETURN new/RETURN NULL/r)
		  . '; CREATE TRIGGER chk INSTEAD OF INSERT ON app.v FOR EACH ROW EXECUTE FUNCTION app.chk()',
		$writes, $part, undef, 'INSERT INTO v' ],
	'a rule' => [ "$book; CREATE RULE r AS ON INSERT TO app.book WHERE new.amount > 100 DO INSTEAD NOTHING; $one", $writes, $part ],
	'a rule that needs a key' => [
		"$book; CREATE TABLE app.much (who text CONSTRAINT much_key PRIMARY KEY); INSERT INTO app.much VALUES ('eve'); $one;"
		  . 'CREATE RULE r AS ON INSERT TO app.book WHERE new.amount > 100 DO INSTEAD INSERT INTO app.much VALUES (new.who) ON CONFLICT ON CONSTRAINT much_key DO NOTHING', $writes, $part ],
	'a CHECK constraint that is not valid' => [ "$book; $one; ALTER TABLE app.book ADD CHECK (amount < 5) NOT VALID", $writes, [ @$part, '--schema', 'joe' ], 'DROP SCHEMA app, joe CASCADE' ],
	'a foreign key that is not valid' => [
		"CREATE TABLE app.amounts (a integer PRIMARY KEY); INSERT INTO app.amounts VALUES (5); $book; $one; ALTER TABLE app.book ADD FOREIGN KEY (amount) REFERENCES app.amounts NOT VALID",
		$writes, $part ],
	'a policy' => [ "$book; $one; $secret", $reads, $part ],
	'a policy of a parent' => [
		"$book; $secret; CREATE TABLE app.aaa () INHERITS (app.book); INSERT INTO app.aaa VALUES ('eve', 7)", $reads, $part ],
	'a policy of a partitioned table' => [
		"$book PARTITION BY LIST (who); CREATE TABLE app.p1 PARTITION OF app.book DEFAULT; $one; $secret", $reads, $part ],
	'policies that need a key' => [
		"$book; CREATE TABLE app.many (id integer PRIMARY KEY, n text); $one; INSERT INTO app.many VALUES (1, 'joe');"
		  . 'CREATE FUNCTION app.known() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT n FROM app.many GROUP BY id; END;'
		  . 'ALTER TABLE app.book ENABLE ROW LEVEL SECURITY; ALTER TABLE app.book FORCE ROW LEVEL SECURITY; CREATE POLICY a ON app.book USING (true);'
		  . 'CREATE POLICY b ON app.book AS RESTRICTIVE USING (who IN (SELECT app.known()) OR current_user = $$none$$)', $reads, $part ],
	'a policy that asks another table' => [
		"$book; CREATE TABLE app.zzz_blocked (who text); INSERT INTO app.zzz_blocked VALUES ('postgres'); $one; ALTER TABLE app.book ENABLE ROW LEVEL SECURITY; ALTER TABLE app.book FORCE ROW LEVEL SECURITY;"
		  . 'CREATE POLICY own ON app.book USING (NOT EXISTS (SELECT FROM app.zzz_blocked b WHERE b.who = session_user))', $reads, $part ],
);
query('postgres', 'CREATE ROLE app LOGIN');
$protected{'a policy, and pg_read_all_data'} = [ "$book; $one; $secret", q{INSERT INTO public.loot SELECT who FROM app.book}, $part, undef, undef, 'pg_read_all_data' ];
$protected{'a trigger, and pg_write_all_data'} = [ "$book; $check; $trigger; $one", q{INSERT INTO app.book VALUES ('joe', 1000000)}, $part, undef, undef, 'pg_write_all_data' ];
$number = 0;
for my $what (sort keys %protected)
{
	my ($made, $go, $options, $drop, $into, $member) = @{ $protected{$what} };
	my $name = 'protected' . ++$number;
	my $rows = q{SELECT string_agg(who || ' ' || amount, ', ' ORDER BY amount) FROM app.book};
	# The functions are the owner's, or a superuser's, whom policies do not bind.
	my $of = $number % 2 && $go eq $writes ? 'postgres' : 'app';

	hostile_database($name, $go);
	query($name, 'DROP SCHEMA app; CREATE SCHEMA app AUTHORIZATION app; GRANT USAGE ON SCHEMA app TO joe');
	{
		local $ENV{PGUSER} = 'app';
		query($name, "$made; " . ($go eq $writes ? ($into ? $add =~ s/INSERT INTO book/$into/r : $add) : $list));
	}
	query($name, "ALTER FUNCTION app.add(text, integer) OWNER TO $of") if $go eq $writes;
	# joe has turns when rows come, when SET NOT NULL is said, and when indexes are built.
	as_joe($name, 'CREATE TABLE joe.par (a integer); CREATE TABLE joe.t (c integer CHECK (joe.look(c))) INHERITS (joe.par); INSERT INTO joe.t VALUES (1); CREATE INDEX i ON joe.t (joe.f(c))');
	my $before = query($name, $rows);
	query($name, "GRANT $member TO joe") if $member;
	backup($name);
	query($name, 'DROP TABLE joe.t;' . ($drop // 'DROP SCHEMA app CASCADE'));
	# With --no-privileges the functions can be used in a schema that is there.
	query($name, 'CREATE SCHEMA app AUTHORIZATION app; GRANT USAGE ON SCHEMA app TO joe') if $number % 2 == 0 && !defined $drop;
	tool_ok([ restore($name, @$options, '--table', 'joe.t', $number % 2 ? () : '--no-privileges') ], "$what, and functions of $of");
	like(loot($name), qr/^ran$/, 'others see no more by them');
	is(query($name, $rows), $before, 'nor change anything');
	query('postgres', "DROP DATABASE $name");
	query('postgres', "REVOKE $member FROM joe") if $member;
}

# In pre-data tables are empty; what comes then is found.
hostile_database('early', $writes);
query('early', 'DROP SCHEMA app; CREATE SCHEMA app AUTHORIZATION app; GRANT USAGE ON SCHEMA app TO joe');
{
	local $ENV{PGUSER} = 'app';
	query('early', "$book; $check; $trigger; $one; $add");
}
as_joe('early', $turns{'SET NOT NULL'});
backup('early');
query('early', 'DROP TABLE app.book, joe.t');
tool_fails([ restore('early', '--table', 'app.book', '--table', 'joe.t') ], 1, qr/table app\.book has rows already.*Code of another role.*wrote to it/s, 'rows that come before those of the backup');
is(query('early', q{SELECT to_regclass('app.book') IS NULL}), 't', 'nothing is restored');
tool_fails([ restore('early', '--table', 'app.book', '--table', 'joe.t', '--schema-only') ], 1, qr/table app\.book has rows already/, 'the same without rows');

# A partition of a table that is there has its triggers when it is attached.
hostile_database('attached', $writes =~ s/add/put/r);
query('attached', 'DROP SCHEMA app; CREATE SCHEMA app AUTHORIZATION app; GRANT USAGE ON SCHEMA app TO joe');
{
	local $ENV{PGUSER} = 'app';
	query('attached', "$book PARTITION BY LIST (who); CREATE TABLE app.p1 PARTITION OF app.book DEFAULT; $check; $trigger; $one; " . ($add =~ s/add/put/r =~ s/INTO book/INTO p1/r));
}
as_joe('attached', $turns{'index'});
backup('attached');
query('attached', 'DROP TABLE app.p1, joe.t');
tool_fails([ restore('attached', '--table', 'app.p1', '--table', 'joe.t') ], 1, qr/rows of table app\.p1 were changed.*before everything that protects it was there/s,
	'rows of a partition that is attached at the end');
as_joe('attached', 'CREATE OR REPLACE FUNCTION joe.go() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$');
tool_ok([ restore('attached', '--table', 'app.p1', '--table', 'joe.t') ], 'it comes if nobody touches it');

# Owners check foreign keys of rows that FORCE ROW LEVEL SECURITY hides from them.
hostile_database('forced', 'RETURN 1');
query('forced', 'DROP SCHEMA app; CREATE SCHEMA app AUTHORIZATION app');
{
	local $ENV{PGUSER} = 'app';
	query('forced', <<'SQL');
CREATE FUNCTION app.f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE TABLE app.a (id integer PRIMARY KEY);
CREATE TABLE app.b (a integer REFERENCES app.a);
CREATE INDEX ON app.a (app.f(id));
INSERT INTO app.a VALUES (1);
INSERT INTO app.b VALUES (1);
CREATE TABLE app.c (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE app.c1 PARTITION OF app.c DEFAULT;
CREATE TABLE app.d (c integer REFERENCES app.c);
CREATE INDEX ON app.c (app.f(id));
INSERT INTO app.c VALUES (1);
INSERT INTO app.d VALUES (1);
SQL
	query('forced', "ALTER TABLE app.$_ ENABLE ROW LEVEL SECURITY; ALTER TABLE app.$_ FORCE ROW LEVEL SECURITY; CREATE POLICY p ON app.$_ USING (false)") for qw(a c c1);
}
backup('forced');
query('forced', 'DROP SCHEMA app CASCADE');
tool_ok([ restore('forced', '--schema', 'app') ], 'foreign keys of tables with forced row security');
is(query('forced', q{SELECT string_agg(DISTINCT relrowsecurity || ' ' || relforcerowsecurity, ',') FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relname IN ('a', 'c', 'c1')}),
	'true true', 'which is there afterwards');
is(query('forced', q{SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'}), 't', 'and the keys are valid');

# The owner who checks a foreign key does not compute what the owner of the other table wrote for its index.
create_database('keys');
query('keys', 'CREATE SCHEMA app AUTHORIZATION app; CREATE SCHEMA eve AUTHORIZATION eve; GRANT USAGE ON SCHEMA app TO eve; GRANT USAGE ON SCHEMA eve TO app; CREATE TABLE public.loot (what text); GRANT INSERT ON public.loot TO PUBLIC');
sub as_role { my ($role, $sql) = @_; local $ENV{PGUSER} = $role; return query('keys', $sql) }
as_role('eve', 'CREATE TABLE eve.pk (id integer PRIMARY KEY); INSERT INTO eve.pk VALUES (1), (2); GRANT SELECT, REFERENCES ON eve.pk TO app');
as_role('app', q{CREATE TABLE app.secret (x text); INSERT INTO app.secret VALUES ('secret'); CREATE TABLE app.t (c integer REFERENCES eve.pk); INSERT INTO app.t VALUES (1), (2)});
my $index = <<'SQL';
CREATE FUNCTION eve.go() RETURNS integer LANGUAGE plpgsql AS $f$ BEGIN
	INSERT INTO public.loot VALUES ('ran');
	BEGIN INSERT INTO public.loot SELECT x FROM app.secret; EXCEPTION WHEN OTHERS THEN NULL; END;
	RETURN 1;
END $f$;
CREATE FUNCTION eve.k(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN eve.go(); END';
CREATE INDEX ON eve.pk ((id + eve.k(1)));
SQL
my $valid = q{SELECT count(*) || ' ' || bool_and(convalidated) FROM pg_constraint WHERE conrelid = 'app.t'::regclass AND contype = 'f'};
for my $more ([], [ '--schema', 'eve' ])
{
	as_role('eve', $index) if !@$more;
	backup('keys');
	query('keys', 'DROP TABLE app.t; ' . (@$more ? 'DROP SCHEMA eve CASCADE; ' : '') . 'TRUNCATE public.loot');
	tool_ok([ restore('keys', '--table', 'app.t', @$more) ], 'a foreign key to a table of others' . (@$more ? ' that comes with it' : ''));
	is(loot('keys'), 'ran', 'code of its owner runs as that');
	is(query('keys', $valid), '1 true', 'and the key is valid');
	is(as_role('app', q{SELECT count(*) FROM app.t}), '2', 'its owner can read it afterwards');
}

done_testing();
