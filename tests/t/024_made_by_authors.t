# Objects of ordinary roles are made by these roles when a part is restored into a live database. Nobody
# notices: whatever an ordinary role, or two with grants, can have comes back as pg_dump has it in the
# original, by table and by schema, with what it needs. Nor does a look at the text decide any more by
# whom an entry is made: what can compute something is made by its author, in each kind of entry.
use strict;
use warnings;

use NexBackup::Part;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');

my $repo = new_repository();
my $hstore = query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'");

sub as_role
{
	my ($role, $database, $sql) = @_;

	local $ENV{PGUSER} = $role;
	return query($database, $sql);
}

query('postgres', 'CREATE ROLE shop LOGIN; CREATE ROLE lib LOGIN; CREATE ROLE reader');
create_database('zoo');
query('zoo', 'CREATE SCHEMA shop AUTHORIZATION shop; CREATE SCHEMA lib AUTHORIZATION lib');
query('zoo', 'CREATE EXTENSION hstore SCHEMA public') if $hstore;
as_role('lib', 'zoo', <<'SQL');
GRANT USAGE ON SCHEMA lib TO shop, reader;
CREATE TYPE lib.state AS ENUM ('new', 'it''s', 'done');
CREATE DOMAIN lib.name AS text COLLATE "C" DEFAULT 'none'::text NOT NULL CONSTRAINT short CHECK (length(VALUE) < 50);
CREATE DOMAIN lib.names AS text[] CHECK (cardinality(VALUE) < 10);
CREATE TYPE lib.price AS (amount numeric(10,2), currency text);
CREATE TYPE lib.span AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE FUNCTION lib.net(amount numeric, rate numeric DEFAULT 0.19) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount / (1 + rate)';
CREATE FUNCTION lib.touch() RETURNS trigger LANGUAGE plpgsql SET search_path TO 'lib', 'pg_temp' AS $$ BEGIN RETURN new; END $$;
REVOKE EXECUTE ON FUNCTION lib.touch() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lib.touch() TO shop;
CREATE FUNCTION lib.add(double precision, double precision) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE AGGREGATE lib.total(double precision) (SFUNC = lib.add, STYPE = double precision, INITCOND = '0');
CREATE FUNCTION lib.same(lib.state, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2';
CREATE FUNCTION lib.other(lib.state, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text <> $2';
CREATE OPERATOR lib.=== (FUNCTION = lib.same, LEFTARG = lib.state, RIGHTARG = text, NEGATOR = OPERATOR(lib.!==));
CREATE OPERATOR lib.!== (FUNCTION = lib.other, LEFTARG = lib.state, RIGHTARG = text, NEGATOR = OPERATOR(lib.===));
CREATE TABLE lib.country (code text PRIMARY KEY, title lib.name, tags lib.names DEFAULT '{a,b}'::lib.names);
GRANT SELECT, REFERENCES ON lib.country TO shop;
INSERT INTO lib.country VALUES ('de', 'Deutschland'), ('fr', 'France');
CREATE VIEW lib.long_title AS SELECT code, title || '!' AS title FROM lib.country WHERE title <> ''::text;
GRANT SELECT ON lib.long_title TO shop, reader;
SQL
as_role('shop', 'zoo', <<'SQL');
GRANT USAGE ON SCHEMA shop TO reader;
CREATE SEQUENCE shop.number START 100 INCREMENT BY 5;
CREATE TABLE shop.customer (id serial PRIMARY KEY, kind lib.state DEFAULT 'new'::lib.state NOT NULL, name lib.name, country text REFERENCES lib.country,
	note text DEFAULT E'a\\b', born date DEFAULT CURRENT_DATE CHECK (born > '1900-01-01'), UNIQUE (name, country),
	length integer GENERATED ALWAYS AS (length(name::text)) STORED);
ALTER TABLE shop.customer ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE shop.customer IS 'who buys';
COMMENT ON COLUMN shop.customer.name IS 'of him';
CREATE INDEX customer_lower ON shop.customer (lower(name::text)) WHERE kind <> 'done'::lib.state;
ALTER INDEX shop.customer_lower ALTER COLUMN 1 SET STATISTICS 300;
CREATE INDEX customer_note ON shop.customer USING hash (note);
ALTER TABLE shop.customer CLUSTER ON customer_pkey;
CREATE STATISTICS shop.customer_both (dependencies) ON country, kind FROM shop.customer;
CREATE STATISTICS shop.customer_lower_of ON lower(note), (length(note)) FROM shop.customer;
ALTER STATISTICS shop.customer_both SET STATISTICS 50;
CREATE TRIGGER touch BEFORE UPDATE OF name ON shop.customer FOR EACH ROW WHEN (old.name IS DISTINCT FROM new.name) EXECUTE FUNCTION lib.touch();
CREATE TRIGGER touch_all AFTER INSERT ON shop.customer REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION lib.touch('a', 'b');
ALTER TABLE shop.customer DISABLE TRIGGER touch_all;
ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON shop.customer FOR SELECT TO reader USING (name = CURRENT_USER::text AND kind OPERATOR(lib.===) 'new');
CREATE POLICY all_of_it ON shop.customer TO shop USING (true) WITH CHECK (kind <> 'it''s'::lib.state);
ALTER TABLE shop.customer ALTER COLUMN kind SET STATISTICS 200;
GRANT SELECT (id, name), UPDATE (note) ON shop.customer TO reader;
INSERT INTO shop.customer (name, country) SELECT 'name ' || i, 'de' FROM generate_series(1, 20) i;
CREATE TABLE shop.plain (id integer NOT NULL, t text, n numeric(10,2) DEFAULT 0, v character varying(20) DEFAULT 'x'::character varying, at timestamp with time zone DEFAULT now(), a integer[])
	WITH (fillfactor = 70);
INSERT INTO shop.plain VALUES (1, 'a');
CREATE TABLE shop.child (more text DEFAULT lib.net(1)::text) INHERITS (shop.plain);
CREATE TABLE shop.child_2 () INHERITS (shop.plain);
INSERT INTO shop.child VALUES (2, 'b');
CREATE TABLE shop.sale (id bigint GENERATED ALWAYS AS IDENTITY, customer integer REFERENCES shop.customer ON DELETE CASCADE, day date NOT NULL,
	price lib.price DEFAULT ROW(1, 'EUR')::lib.price, valid lib.span, number integer DEFAULT nextval('shop.number'), state lib.state DEFAULT 'new',
	CONSTRAINT paid CHECK ((price).amount >= 0), PRIMARY KEY (id, day, state)) PARTITION BY RANGE (day);
CREATE TABLE shop.sale_2024 PARTITION OF shop.sale FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE shop.sale_rest PARTITION OF shop.sale DEFAULT PARTITION BY LIST (state);
CREATE TABLE shop.sale_rest_new PARTITION OF shop.sale_rest FOR VALUES IN ('new', 'done');
CREATE INDEX sale_month ON shop.sale ((date_trunc('month', day::timestamp)));
CREATE TRIGGER touch AFTER INSERT ON shop.sale FOR EACH ROW WHEN (new.number > 0) EXECUTE FUNCTION lib.touch();
INSERT INTO shop.sale (customer, day, valid) VALUES (1, '2024-05-05', '[1,2)'), (2, '2025-05-05', '[3,4]');
CREATE TABLE shop.booking (room integer, during tsrange, EXCLUDE USING gist (during WITH &&) WHERE (room > 0));
INSERT INTO shop.booking VALUES (1, '[2024-01-01,2024-01-02)');
CREATE TABLE shop.pair (a integer, b integer);
ALTER TABLE shop.pair ADD CONSTRAINT sane CHECK (pair.* IS NOT NULL);
ALTER TABLE shop.pair ADD CONSTRAINT later CHECK (a > 0) NOT VALID;
INSERT INTO shop.pair VALUES (1, 2);
CREATE RULE quiet AS ON DELETE TO shop.customer WHERE old.kind = 'done'::lib.state DO INSTEAD (UPDATE shop.customer SET note = 'x;y'; DELETE FROM shop.pair WHERE a = 7);
CREATE VIEW shop.overview WITH (security_barrier = true) AS SELECT c.id, c.name, t.title, lib.net(3) AS net, '{a}'::lib.names AS names
	FROM shop.customer c JOIN lib.long_title t ON t.code = c.country WHERE c.kind OPERATOR(lib.!==) 'done';
ALTER VIEW shop.overview ALTER COLUMN name SET DEFAULT 'somebody'::lib.name;
COMMENT ON VIEW shop.overview IS 'all';
GRANT SELECT ON shop.overview TO reader;
CREATE VIEW shop.editable AS SELECT id, note FROM shop.customer WHERE id > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW shop.grouped AS SELECT id, name, kind FROM shop.customer GROUP BY id;
CREATE VIEW shop.of_grouped AS SELECT name FROM shop.grouped;
CREATE MATERIALIZED VIEW shop.sums WITH (fillfactor = 90) AS SELECT customer, lib.total(number) AS total FROM shop.sale GROUP BY customer;
CREATE UNIQUE INDEX ON shop.sums (customer);
CREATE INDEX ON shop.sums ((total + 1));
CREATE MATERIALIZED VIEW shop.empty AS SELECT 1 AS one WITH NO DATA;
CREATE FUNCTION shop.plain_one(a integer, OUT b text, VARIADIC c lib.state[]) LANGUAGE plpgsql STABLE COST 5 AS $_$ BEGIN b := 'x;$1'; END $_$;
CREATE FUNCTION shop.with_default(a lib.state DEFAULT 'new'::lib.state, b text[] DEFAULT '{}'::text[]) RETURNS SETOF shop.customer LANGUAGE sql STABLE ROWS 5 AS 'SELECT * FROM shop.customer';
CREATE FUNCTION shop.atomic(a integer DEFAULT 1) RETURNS numeric LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a > 1 THEN lib.net(a) END; END;
CREATE FUNCTION shop.returned() RETURNS text LANGUAGE sql RETURN 'new'::lib.state::text;
CREATE FUNCTION shop.listed() RETURNS TABLE(a integer, b lib.name) LANGUAGE sql SECURITY DEFINER SET search_path TO '' AS 'SELECT 1, ''x''';
CREATE PROCEDURE shop.run(INOUT a integer DEFAULT 3) LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
SQL
SKIP:
{
	skip 'hstore is not there', 1 unless $hstore;
	as_role('shop', 'zoo', <<'SQL');
CREATE TABLE shop.bag (id integer PRIMARY KEY, h public.hstore DEFAULT 'a=>1'::public.hstore, CHECK (h OPERATOR(public.?) 'a'));
CREATE INDEX ON shop.bag USING gin (h);
CREATE INDEX ON shop.bag ((h OPERATOR(public.->) 'a'::text));
CREATE VIEW shop.bags AS SELECT id, h OPERATOR(public.->) 'a' AS a FROM shop.bag;
INSERT INTO shop.bag VALUES (1, 'a=>2');
SQL
	pass('objects of an extension are used');
}
tool_ok([ 'backup', '--repo', $repo, '-d', 'zoo' ], 'backup');

# ------------------------------------------------------- parts, with what they need

create_database('live');
query('live', 'CREATE TABLE there (i integer); REVOKE CREATE ON SCHEMA public FROM PUBLIC');
query('live', 'CREATE EXTENSION hstore SCHEMA public') if $hstore;

my $not_there = qr/FOREIGN KEY|CREATE RULE|CREATE TRIGGER|CREATE POLICY/;
my @trouble;

for my $table (grep { $_->{name} =~ /^(?:shop|lib)\./ } tables_of('zoo'))
{
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'zoo', '--to', 'live', '-q', '--no-analyze', '--table', $table->{name});

	if ($code != 0)
	{
		push @trouble, "$table->{name}: $err";
		next;
	}
	my @patterns = map { ('-t', $_) } with_partitions('zoo', $table);
	my @dumps = map { statements($_, @patterns) } ('zoo', 'live');
	my $missing = missing_from(@dumps, $not_there);
	my $more = missing_from(reverse(@dumps), qr/^$/);

	push @trouble, "$table->{name}: missing:\n$missing\nmore:\n$more" if $missing . $more ne '';
	query('live', 'DROP SCHEMA IF EXISTS shop, lib CASCADE');
}
is(join("\n", @trouble), '', 'each table and view, with what it needs, is as pg_dump -t has it');

# Who makes what: the event trigger runs as whoever does.
query('live', <<'SQL');
CREATE TABLE made (tag text, who text DEFAULT current_user, what text DEFAULT '');
GRANT INSERT ON made TO PUBLIC;
CREATE FUNCTION made() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.made VALUES (tg_tag); END';
CREATE EVENT TRIGGER made ON ddl_command_start EXECUTE FUNCTION made();
SQL
tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'live', '--schema', 'shop', '--schema', 'lib' ], 'both schemas');
query('live', 'DROP EVENT TRIGGER made');
is(query('live', "SELECT string_agg(DISTINCT tag, ', ' ORDER BY tag) FROM made WHERE who <> 'postgres' AND tag LIKE 'CREATE%'"),
	join(', ', map { "CREATE $_" } 'AGGREGATE', 'DOMAIN', 'FUNCTION', 'INDEX', 'MATERIALIZED VIEW', 'OPERATOR', 'POLICY', 'PROCEDURE', 'RULE', 'STATISTICS', 'TABLE', 'TRIGGER', 'TYPE', 'VIEW'),
	'what the authors make');
is(query('live', "SELECT count(*) FROM made WHERE who = 'postgres' AND tag IN ('CREATE AGGREGATE', 'CREATE DOMAIN', 'CREATE MATERIALIZED VIEW', 'CREATE OPERATOR',"
	  . "'CREATE POLICY', 'CREATE PROCEDURE', 'CREATE RULE', 'CREATE VIEW', 'ALTER VIEW')"),
	0, 'and nobody else');
my @dumps = map { statements($_, '-n', 'shop', '-n', 'lib') } ('zoo', 'live');
is(missing_from(@dumps, qr/^$/), '', 'nothing is missing');
is(missing_from(reverse(@dumps), qr/^$/), '', 'nor is there anything else');
is(query('live', 'SELECT count(*) FROM shop.overview, shop.sums, shop.of_grouped'), query('zoo', 'SELECT count(*) FROM shop.overview, shop.sums, shop.of_grouped'),
	'the views read what they did');

# --------------------------------------------- one schema, beside the other role's

for my $view ('VIEW shop.overview', 'VIEW shop.editable', 'MATERIALIZED VIEW shop.sums', 'TABLE shop.booking', 'TABLE shop.plain')
{
	my ($name) = $view =~ /(\S+)$/;

	query('live', "DROP $view CASCADE");
	tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'live', '--table', $name, $name eq 'shop.plain' ? ('--table', 'shop.child', '--table', 'shop.child_2') : () ],
		"$view, which uses what the other role has there");
}
@dumps = map { statements($_, '-n', 'shop', '-n', 'lib') } ('zoo', 'live');
is(missing_from(@dumps, qr/^$/), '', 'nothing is missing');
is(missing_from(reverse(@dumps), qr/^$/), '', 'nor is there anything else');

# Code that runs meanwhile changes no other definition.
my @changes = (
	[ 'another function', "CREATE FUNCTION lib.more() RETURNS integer LANGUAGE sql AS 'SELECT 1'" ],
	[ 'another view', 'CREATE VIEW lib.more AS SELECT 1' ],
	[ 'a cast', 'CREATE CAST (lib.state AS text) WITH INOUT' ],
	[ 'a constraint of a domain', 'ALTER DOMAIN lib.name ADD CHECK (true)' ],
	[ 'a type that was taken back', 'BEGIN CREATE TYPE lib.more AS ENUM (); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END' ]);

query('live', 'DROP VIEW shop.editable');
for my $change (@changes)
{
	my ($name, $plan) = @$change;

	# The superuser's own trigger stands for whatever might run.
	query('live', "CREATE OR REPLACE FUNCTION made() RETURNS event_trigger LANGUAGE plpgsql AS \$f\$ BEGIN"
		  . " IF tg_tag = 'CREATE VIEW' AND current_user = 'shop' THEN PERFORM public.change(); END IF; END \$f\$;"
		  . "CREATE OR REPLACE FUNCTION public.change() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS \$f\$ BEGIN $plan; END \$f\$;"
		  . 'CREATE EVENT TRIGGER made ON ddl_command_end EXECUTE FUNCTION made()');
	tool_fails([ 'restore', '--repo', $repo, 'zoo', '--to', 'live', '--table', 'shop.editable' ],
		1, qr/definitions of objects were changed while VIEW shop\.editable was restored/, "$name, by code that runs while a view is made");
	query('live', 'DROP EVENT TRIGGER made');
}
tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'live', '--table', 'shop.editable' ], 'without that it is made');

# ------------------------------------------------------- many of one owner

# How often anything is asked or done for a part of so many tables, and so many partitions.
sub statements_for
{
	my ($count) = @_;
	my $database = "many_$count";

	create_database($database);
	query($database, 'CREATE SCHEMA many AUTHORIZATION shop');
	as_role('shop', $database, join('', "CREATE TYPE many.state AS ENUM ('new', 'old');",
		(map { "CREATE TABLE many.t$_ (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, other bigint REFERENCES many.t$_, state many.state DEFAULT 'new',"
			  . " t text CHECK (length(t) > 1)); CREATE INDEX ON many.t$_ (lower(t)); INSERT INTO many.t$_ (t) VALUES ('abc');" } 1 .. $count),
		'CREATE TABLE many.root (day integer PRIMARY KEY, state many.state) PARTITION BY RANGE (day); CREATE INDEX ON many.root (state);',
		(map { "CREATE TABLE many.p$_ PARTITION OF many.root FOR VALUES FROM ($_) TO ($_ + 1); COMMENT ON TABLE many.p$_ IS 'day $_';" } 1 .. $count),
		"INSERT INTO many.root SELECT i FROM generate_series(1, $count) i"));
	tool_ok([ 'backup', '--repo', $repo, '-d', $database ], "$count tables: backup");
	query($database, 'DROP SCHEMA many CASCADE');
	query('postgres', "ALTER DATABASE $database SET log_statement = 'all'");
	my $offset = -s $node->logfile;
	tool_ok([ 'restore', '--repo', $repo, $database, '--to', $database, '--schema', 'many', '--no-analyze' ], "$count tables: restored");
	query('postgres', "ALTER DATABASE $database RESET log_statement");
	my $log = substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $offset);
	is(query($database, 'SELECT count(*) FROM many.root') + query($database, "SELECT count(*) FROM many.t$count"), $count + 1, '... with rows');
	return (
		turns => scalar(() = $log =~ /CREATE TEMPORARY TABLE nex_backup_turn/g),
		locks => scalar(() = $log =~ /LOCK TABLE ONLY many\.\w+, /g),
		all => scalar(() = $log =~ /LOG:  (?:statement|execute)/g));
}

my %few = statements_for(4);
my %more = statements_for(24);
cmp_ok($more{turns}, '<=', $few{turns}, 'tables and indexes of one owner are made in as many turns, however many they are');
cmp_ok($more{locks}, '<=', $few{locks}, 'what is planned over all of them is looked at once');
cmp_ok(($more{all} - $few{all}) / 20, '<', 60, 'a table and a partition cost some dozens of statements');

# What goes wrong in such a turn is said of the right table, and what is made beside them is found.
create_database('group');
query('group', 'CREATE SCHEMA many AUTHORIZATION shop');
as_role('shop', 'group', "CREATE TYPE many.state AS ENUM ('new', 'old');"
	  . join('', map { "CREATE TABLE many.t$_ (s many.state DEFAULT 'new', t text CHECK (length(t) > 1));" } 1 .. 4));
tool_ok([ 'backup', '--repo', $repo, '-d', 'group' ], 'backup of tables that are made together');
query('group', 'DROP TABLE many.t1, many.t2, many.t3, many.t4');
for my $trial ([ "RAISE 'not this one'", qr/could not restore TABLE many\.t3.*not this one/s, 'an error is that of its table' ],
	[ 'CREATE TABLE many.more (i integer)', qr/definitions of objects were changed while TABLE many\.t1 and 3 others of "shop" were restored/, 'one table more' ],
	[ 'CREATE VIEW many.more AS SELECT 1', qr/definitions of objects were changed while TABLE many\.t1 and 3 others/, 'something else' ],
	[ 'ALTER TABLE many.t1 RENAME TO t0', qr/definitions of objects were changed while TABLE many\.t1 and 3 others/, 'one that was just made gets another name' ])
{
	my ($plan, $message, $name) = @$trial;

	query('group', "CREATE OR REPLACE FUNCTION public.made() RETURNS event_trigger LANGUAGE plpgsql AS \$f\$ BEGIN"
		  . " IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'many.t3' AND command_tag = 'CREATE TABLE') THEN $plan; END IF; END \$f\$;"
		  . "CREATE EVENT TRIGGER made ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.made()");
	tool_fails([ 'restore', '--repo', $repo, 'group', '--to', 'group', '--table', 'many.*' ], 1, $message, $name);
	query('group', 'DROP EVENT TRIGGER made');
}
tool_ok([ 'restore', '--repo', $repo, 'group', '--to', 'group', '--table', 'many.*' ], 'without that they are made');

# The right to create objects in a schema is given for the moment alone.
query('live', 'DROP VIEW shop.editable; ALTER SCHEMA shop OWNER TO postgres; REVOKE ALL ON SCHEMA shop FROM shop');
tool_fails([ 'restore', '--repo', $repo, 'zoo', '--to', 'live', '--table', 'shop.editable' ],
	1, qr/could not restore VIEW shop\.editable.*permission denied for schema shop.*HINT: .*GRANT USAGE ON SCHEMA/s, 'in a schema where the owner may do nothing');
query('live', 'GRANT USAGE ON SCHEMA shop TO shop');
tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'live', '--table', 'shop.editable' ], 'in a schema where the owner may create nothing');
is(query('live', "SELECT has_schema_privilege('shop', 'shop', 'CREATE')"), 'f', 'and may not afterwards');

# What has no schema: servers, publications, and functions in a language of its own.
create_database('links');
query('links', <<'SQL');
CREATE SCHEMA shop AUTHORIZATION shop;
CREATE FOREIGN DATA WRAPPER wrap;
GRANT USAGE ON FOREIGN DATA WRAPPER wrap TO shop;
CREATE TRUSTED LANGUAGE mine HANDLER plpgsql_call_handler VALIDATOR plpgsql_validator;
REVOKE USAGE ON LANGUAGE mine FROM PUBLIC;
GRANT USAGE ON LANGUAGE mine TO shop;
GRANT CREATE ON DATABASE links TO shop;
SQL
as_role('shop', 'links', <<'SQL');
SET client_min_messages = error;
CREATE SERVER far FOREIGN DATA WRAPPER wrap OPTIONS (host 'it''s');
CREATE USER MAPPING FOR shop SERVER far OPTIONS ("user" 'me');
CREATE FOREIGN TABLE shop.f (i integer) SERVER far;
CREATE FUNCTION shop.one() RETURNS integer LANGUAGE mine AS 'BEGIN RETURN 1; END';
CREATE TABLE shop.t (i integer);
CREATE PUBLICATION pub FOR TABLE shop.t;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'links' ], 'backup of servers and publications');
my $gone = 'DROP PUBLICATION pub; DROP TABLE shop.t; DROP FUNCTION shop.one(); DROP SERVER far CASCADE';
as_role('shop', 'links', "SET client_min_messages = error; $gone");
query('links', "CREATE FUNCTION public.made() RETURNS event_trigger LANGUAGE plpgsql AS \$f\$ BEGIN RAISE LOG 'links: % by %', tg_tag, current_user; END \$f\$;"
	  . 'CREATE EVENT TRIGGER made ON ddl_command_end EXECUTE FUNCTION public.made()');
tool_ok([ 'restore', '--repo', $repo, 'links', '--to', 'links', '--schema', 'shop' ], 'a part with them');
my $said = PostgreSQL::Test::Utils::slurp_file($node->logfile);
like($said, qr/links: $_ by shop/, "$_: its author's work") for 'CREATE SERVER', 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE PUBLICATION', 'ALTER PUBLICATION';
is(query('links', "SELECT srvowner::regrole, srvoptions, (SELECT pubowner::regrole FROM pg_publication), (SELECT tablename FROM pg_publication_tables), shop.one()"
	  . ' FROM pg_foreign_server'), "shop|{host=it's}|shop|t|1", '... and there');
for my $right ([ 'CREATE ON DATABASE links', qr/could not restore PUBLICATION pub/ ], [ 'USAGE ON LANGUAGE mine', qr/no USAGE on LANGUAGE mine/ ],
	[ 'USAGE ON FOREIGN DATA WRAPPER wrap', qr/no USAGE on FOREIGN DATA WRAPPER wrap/ ])
{
	as_role('shop', 'links', "SET client_min_messages = error; $gone");
	query('links', "REVOKE $right->[0] FROM shop");
	tool_fails([ 'restore', '--repo', $repo, 'links', '--to', 'links', '--schema', 'shop' ], 1, $right->[1], "without $right->[0]");
	query('links', "GRANT $right->[0] TO shop");
	tool_ok([ 'restore', '--repo', $repo, 'links', '--to', 'links', '--schema', 'shop' ], '... and with it');
}

done_testing();
