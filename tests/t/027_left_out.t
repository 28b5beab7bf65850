# What a restore of a part leaves as it is in the live database, and what it says of that: a copy joins nothing,
# what is gone of other tables is named, and what others have said of a table is none of its own.
use strict;
use warnings;

use NexBackup::Part;
use NexBackup::Test;
use Test::More;

start_server('main', wal_level => 'logical');

my $repo = new_repository();

# ------------------------------------------- --as of a child, beside the live one

create_database('family');
query('family', <<'SQL');
CREATE SCHEMA s;
CREATE TABLE s.top (id integer NOT NULL);
CREATE TABLE s.sales (amount numeric DEFAULT 7 CHECK (amount > 0), CHECK (id > 0)) INHERITS (s.top);
CREATE TABLE s."Tagged, ""x""" (tag text COLLATE "C" DEFAULT 'none');
CREATE TABLE s.year (PRIMARY KEY (id), note text) INHERITS (s.sales, s."Tagged, ""x""");
ALTER TABLE s.year ALTER amount SET DEFAULT 8;
INSERT INTO s.year VALUES (1, 100, 'a', 'one'), (2, 200, 'b', 'two');
CREATE TABLE s.flat (LIKE s.year INCLUDING ALL);
CREATE TABLE s.p (id integer) PARTITION BY RANGE (id);
CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES FROM (1) TO (5);
INSERT INTO s.p VALUES (1), (2);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'family' ], 'backup');
my $sums = 'SELECT (SELECT sum(amount) FROM s.sales), (SELECT count(*) FROM s.top), (SELECT count(*) FROM s."Tagged, ""x"""), '
  . '(SELECT count(*) FROM s.p)';
is(query('family', $sums), '300|2|2|2', 'rows of the live parents');
my $out = tool_ok([ 'restore', '--repo', $repo, 'family', '--table', 's.year', '--as', 's.year_then' ], 'a child under another name');
is(query('family', $sums), '300|2|2|2', 'the live parents show no rows of the copy');
is(query('family', 'SELECT count(*), sum(amount) FROM s.year_then'), '2|300', 'which has them');
my @joins = map { "left out: INHERITS of s.year_then ($_ would show its rows, too)\n" } 's.sales', 's.Tagged, "x"';
like($out, qr/^\Q$joins[0]$joins[1]\E/m, 'and says so, for each parent');
my $columns = "SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, NULL), attcollation, attnotnull, attislocal, "
  . "attinhcount, pg_get_expr(adbin, adrelid)), '; ' ORDER BY attnum) FROM pg_attribute "
  . 'LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND attrelid =';
is(query('family', "$columns 's.year_then'::regclass"), query('family', "$columns 's.flat'::regclass"), 'its columns are its own');
is(query('family', "SELECT string_agg(pg_get_constraintdef(oid), '; ' ORDER BY 1) FROM pg_constraint WHERE contype = 'c' "
		  . "AND conislocal AND coninhcount = 0 AND conrelid = 's.year_then'::regclass"),
	'CHECK ((amount > (0)::numeric)); CHECK ((id > 0))', 'and so are its constraints');
tool_ok([ 'restore', '--repo', $repo, 'family', '--table', 's.year', '--as', 'aside.year' ], 'into a new schema');
tool_ok([ 'restore', '--repo', $repo, 'family', '--table', 's.p1', '--as', 's.p1_then' ], 'a partition under another name');
is(query('family', $sums), '300|2|2|2', 'neither joins');

# Parents that come with the copy keep it; what is brought joins nothing that lives.
query('family', 'DROP TABLE s.sales CASCADE');
$out = tool_ok([ 'restore', '--repo', $repo, 'family', '--table', 's.year', '--as', 's.year_3' ], 'a child whose parent is gone');
is(query('family', 'SELECT sum(amount) FROM s.sales'), 300, 'is one of the parent that it brings');
is(query('family', 'SELECT (SELECT count(*) FROM s.top), (SELECT count(*) FROM s."Tagged, ""x""")'), '0|0', 'and of no other');
like($out, qr/^left out: INHERITS of s\.sales \(s\.top would show its rows, too\)$/m, 'which is said');
tool_ok([ 'restore', '--repo', $repo, 'family', '--to', 'family_2', '--table', 's.year', '--as', 's.year_then' ], 'into a new database');
is(query('family_2', 'SELECT count(*) FROM s.top'), 2, 'it comes with all of its parents');
query('family', 'DROP TABLE s.sales CASCADE');
tool_ok([ 'restore', '--repo', $repo, 'family', '--table', 's.year' ], 'under its own name');
is(query('family', 'SELECT (SELECT count(*) FROM s.top), (SELECT sum(amount) FROM s.sales)'), '2|300', 'it is the child that it was');

# ------------------ --as into a schema that has the same tables, one for each customer, say

create_database('customers');
query('customers', "CREATE SCHEMA $_; CREATE TABLE $_.ord (id serial PRIMARY KEY, n text UNIQUE); CREATE INDEX byn ON $_.ord (n, id); "
	  . "CREATE STATISTICS $_.st ON id, n FROM $_.ord; INSERT INTO $_.ord (n) VALUES ('$_')") for qw(a b);
tool_ok([ 'backup', '--repo', $repo, '-d', 'customers' ], 'backup');
my $live = normalized_dump('customers', '-n', 'b');
tool_ok([ 'restore', '--repo', $repo, 'customers', '--table', 'a.ord', '--as', "b.$_" ], "as b.$_") for qw(ord_then other);
is(query('customers', "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'b'::regnamespace "
		  . "AND relname !~ '^(ord_id_seq|ord_n_key|ord_pkey|ord|byn)\$'"),
	'ord_then ord_then_byn ord_then_id_seq ord_then_n_key ord_then_pkey other other_byn other_id_seq other_n_key other_pkey',
	'what comes along has a name of its own');
is(query('customers', "SELECT string_agg(stxname, ' ' ORDER BY stxname) FROM pg_statistic_ext WHERE stxnamespace = 'b'::regnamespace"),
	'ord_then_st other_st st', 'statistics, too');
is(query('customers', "INSERT INTO b.other (n) VALUES ('new') RETURNING id"), 2, 'and its own sequence');
query('customers', 'DROP TABLE b.ord_then, b.other; CREATE SEQUENCE a.then_id_seq');
is(normalized_dump('customers', '-n', 'b'), $live, 'the live tables are as they were');
tool_ok([ 'restore', '--repo', $repo, 'customers', '--table', 'a.ord', '--as', 'a.then' ], 'a name that is taken in its own schema');
is(query('customers', "SELECT pg_get_serial_sequence('a.then', 'id')"), 'a.then_id_seq_1', 'is passed by');
tool_fails([ 'restore', '--repo', $repo, 'customers', '--table', 'a.ord', '--as', 'b.ord' ], 1, qr/"b\.ord" exists already.*HINT/s,
	'that of the table is not');

# ---------------------- what DROP … CASCADE took of others, and a part does not bring back

create_database('lost');
query('lost', <<'SQL');
CREATE SCHEMA s;
CREATE SCHEMA lib;
CREATE FUNCTION lib.log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION lib.ok(integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 0';
CREATE FUNCTION lib.at_end() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TYPE lib.mood AS ENUM ('sad', 'glad');
CREATE TYPE lib.pair AS (a integer, b integer);
CREATE SEQUENCE lib.number;
CREATE TABLE s.c (id integer CHECK (lib.ok(id)), d boolean DEFAULT lib.ok(1), n bigint DEFAULT nextval('lib.number'), m lib.mood, t text);
ALTER TABLE s.c ADD CONSTRAINT late CHECK (lib.ok(id)) NOT VALID;
ALTER TABLE s.c ADD CONSTRAINT one UNIQUE (m);
CREATE INDEX c_ok ON s.c (id) WHERE lib.ok(id);
CREATE INDEX c_t ON s.c (t);
CREATE INDEX c_m ON s.c (m);
ALTER TABLE s.c ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON s.c AS RESTRICTIVE USING (lib.ok(id));
CREATE POLICY moods ON s.c USING (m IS NOT NULL);
CREATE POLICY every ON s.c USING (true);
CREATE TRIGGER log BEFORE INSERT ON s.c FOR EACH ROW EXECUTE FUNCTION lib.log();
CREATE TABLE s.typed OF lib.pair;
CREATE TYPE s.whole AS (p lib.pair, q lib.pair, x integer);
CREATE DOMAIN s.positive AS integer CHECK (lib.ok(VALUE));
CREATE VIEW s.v AS SELECT lib.ok(1) AS ok;
CREATE VIEW s.w AS SELECT ok FROM s.v;
CREATE VIEW s.again AS SELECT lib.ok(2) AS ok;
CREATE VIEW s.of_t AS SELECT t FROM s.c;
CREATE FUNCTION s.atomic() RETURNS boolean RETURN lib.ok(3);
CREATE OPERATOR s.#? (FUNCTION = lib.ok, RIGHTARG = integer);
CREATE EVENT TRIGGER at_end ON ddl_command_end EXECUTE FUNCTION lib.at_end();
CREATE VIEW s.of_ok AS SELECT lib.ok(4) AS ok;
CREATE TABLE s."b""" (id integer);
CREATE POLICY "8 p" ON s."b""" USING (lib.ok(id));
CREATE TABLE s."b"" 8" (id integer);
CREATE POLICY p ON s."b"" 8" USING (true);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'lost' ], 'backup');
my $left_out = sub {
	my $json = tool_json('restore', '--repo', $repo, 'lost', @_);
	return join("\n", sort grep { !/^settings, grants/ } @{ $json->{left_out} });
};
query('lost', 'DROP SCHEMA lib CASCADE; CREATE VIEW s.again AS SELECT true AS ok');
is($left_out->('--schema', 'lib'), join("\n", sort(split(/\n/, <<'TEXT'))), 'a schema that others used: each thing that is gone is named');
CHECK CONSTRAINT s.c late (it uses FUNCTION lib.ok(integer); it was not asked for)
CONSTRAINT s.c one (it was not asked for)
EVENT TRIGGER at_end (it uses FUNCTION lib.at_end(); it was not asked for)
FUNCTION s.atomic() (it uses FUNCTION lib.ok(integer); it was not asked for)
INDEX s.c_m (it was not asked for)
INDEX s.c_ok (it uses FUNCTION lib.ok(integer); it was not asked for)
OPERATOR s.#? (it uses FUNCTION lib.ok(integer); it was not asked for)
POLICY s.b" 8 p (it uses FUNCTION lib.ok(integer); it was not asked for)
POLICY s.c few (it uses FUNCTION lib.ok(integer); it was not asked for; without it more rows are visible)
POLICY s.c moods (it was not asked for)
TABLE s.typed (it uses TYPE lib.pair; it was not asked for)
TRIGGER s.c log (it uses FUNCTION lib.log(); it was not asked for)
VIEW s.of_ok (it uses FUNCTION lib.ok(integer); it was not asked for)
VIEW s.v (it uses FUNCTION lib.ok(integer); it was not asked for)
VIEW s.w (it uses VIEW s.v; it was not asked for)
parts of DOMAIN s.positive (columns, defaults or constraints that use FUNCTION lib.ok(integer))
parts of TABLE s.c (columns, defaults or constraints that use FUNCTION lib.ok(integer), SEQUENCE lib.number, TYPE lib.mood)
parts of TYPE s.whole (columns, defaults or constraints that use TYPE lib.pair)
TEXT
is($left_out->('--schema', 'lib', '--to', 'lost_2'), 'TABLE s.c (it was not asked for)', 'into a new database only what uses a sequence');

# What is only needed tells of what nobody misses: it may be another database.
query('lost', 'DROP SCHEMA lib CASCADE');
query('lost_2', 'DROP SCHEMA lib CASCADE');
my $json = tool_json('restore', '--repo', $repo, 'lost', '--table', 's.of_ok', '--to', 'lost_2');
is(join("\n", @{ $json->{left_out} }), '', 'a view that brings functions, into another database');
$json = tool_json('restore', '--repo', $repo, 'lost', '--table', 's.of_ok');
is(join("\n", sort @{ $json->{left_out} }), <<'TEXT' =~ s/\n\z//r, 'and into one with tables that used them');
CHECK CONSTRAINT s.c late (it uses FUNCTION lib.ok(integer); it was not asked for)
CONSTRAINT s.c one (it was not asked for)
INDEX s.c_m (it was not asked for)
INDEX s.c_ok (it uses FUNCTION lib.ok(integer); it was not asked for)
POLICY s.b" 8 p (it uses FUNCTION lib.ok(integer); it was not asked for)
POLICY s.c few (it uses FUNCTION lib.ok(integer); it was not asked for; without it more rows are visible)
POLICY s.c moods (it was not asked for)
TRIGGER s.c log (it was not asked for)
parts of DOMAIN s.positive (columns, defaults or constraints that use FUNCTION lib.ok(integer))
parts of TABLE s.c (columns, defaults or constraints that use FUNCTION lib.ok(integer))
TEXT

# The archive does not say what exclusion constraints use; their texts do.
query('lost', 'DROP SCHEMA s, lib CASCADE');
query('lost', <<'SQL');
CREATE SCHEMA s;
CREATE SCHEMA lib;
CREATE FUNCTION lib.room(text) RETURNS int4range IMMUTABLE LANGUAGE sql AS $$ SELECT '[1,2)'::int4range $$;
CREATE DOMAIN lib.code AS text;
CREATE OPERATOR CLASS lib.ops FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE COLLATION lib."C" FROM "C";
CREATE TABLE s.booking (id integer, room text, t text, other text,
  CONSTRAINT rooms EXCLUDE USING gist (lib.room(room) WITH &&), CONSTRAINT codes EXCLUDE USING btree (((t::lib.code)::text) WITH =),
  CONSTRAINT ids EXCLUDE USING btree (id lib.ops WITH =), CONSTRAINT "lib.code EXCLUDE (" EXCLUDE USING btree (t COLLATE lib."C" WITH =),
  CONSTRAINT plain EXCLUDE USING btree (other WITH =) WHERE (other <> 'lib.room(x), ::lib.code'));
INSERT INTO s.booking VALUES (1, 'a', 'b', 'c');
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'lost' ], 'backup');
query('lost', 'DROP SCHEMA lib CASCADE');
is($left_out->('--schema', 'lib'), <<'TEXT' =~ s/\n\z//r, 'exclusion constraints that are gone');
CONSTRAINT s.booking codes (it uses DOMAIN lib.code; it was not asked for)
CONSTRAINT s.booking ids (it uses OPERATOR CLASS lib.ops; it was not asked for)
CONSTRAINT s.booking lib.code EXCLUDE ( (it uses COLLATION lib.C; it was not asked for)
CONSTRAINT s.booking rooms (it uses FUNCTION lib.room(text); it was not asked for)
TEXT
query('lost', 'DROP SCHEMA s, lib CASCADE; CREATE SCHEMA s');
tool_ok([ 'restore', '--repo', $repo, 'lost', '--table', 's.booking' ], 'a table with exclusion constraints');
is(query('lost', q{SELECT count(*) FROM pg_constraint WHERE contype = 'x'}), 5, 'brings what they use');

# The constructor of a range type, or of its multirange type, has no entry: whoever calls it needs the type.
query('lost', 'DROP SCHEMA s CASCADE; DROP SCHEMA lib CASCADE');
query('lost', <<'SQL');
CREATE SCHEMA s;
CREATE SCHEMA lib;
CREATE SCHEMA m;
CREATE TYPE lib.hours AS RANGE (subtype = time, multirange_type_name = m."all hours");
CREATE TABLE s.shift (a time, b time, plain text DEFAULT 'lib.hours(a, b)', CONSTRAINT ok CHECK (NOT isempty(lib.hours(a, b))));
CREATE INDEX shift_long ON s.shift (upper(lib."all hours"(lib.hours(a, b))));
ALTER TABLE s.shift ENABLE ROW LEVEL SECURITY;
CREATE POLICY early ON s.shift AS RESTRICTIVE USING (upper(lib.hours(a, b)) < '20:00');
CREATE VIEW s.length AS SELECT upper(lib.hours(a, b)) AS until FROM s.shift;
CREATE VIEW s.other AS SELECT a FROM s.shift;
INSERT INTO s.shift VALUES ('8:00', '9:00');
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'lost' ], 'backup');
query('lost', 'DROP SCHEMA lib CASCADE');
is($left_out->('--schema', 'lib'), <<'TEXT' =~ s/\n\z//r, 'what calls a constructor is gone with the range type');
INDEX s.shift_long (it uses TYPE lib.hours; it was not asked for)
POLICY s.shift early (it uses TYPE lib.hours; it was not asked for; without it more rows are visible)
VIEW s.length (it uses TYPE lib.hours; it was not asked for)
parts of TABLE s.shift (columns, defaults or constraints that use TYPE lib.hours)
TEXT
query('lost', 'DROP SCHEMA lib, s CASCADE; CREATE SCHEMA s');
tool_ok([ 'restore', '--repo', $repo, 'lost', '--table', 's.shift' ], 'a table whose parts call it');
is(query('lost', q{SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 's.shift'::regclass AND contype = 'c'}), 'CHECK ((NOT isempty(lib.hours(a, b))))', 'brings the type');

# A foreign key to a partitioned table goes with each of its partitions.
query('lost', <<'SQL');
DROP SCHEMA s CASCADE;
CREATE SCHEMA s;
CREATE TABLE s.orders (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE s.orders_1 PARTITION OF s.orders FOR VALUES FROM (1) TO (100);
CREATE TABLE s.orders_2 PARTITION OF s.orders FOR VALUES FROM (100) TO (300) PARTITION BY RANGE (id);
CREATE TABLE s.orders_20 PARTITION OF s.orders_2 DEFAULT;
CREATE TABLE s.line (id integer, CONSTRAINT whole FOREIGN KEY (id) REFERENCES s.orders, CONSTRAINT part FOREIGN KEY (id) REFERENCES s.orders_1);
CREATE TABLE s.tree (id integer, parent integer, r integer, PRIMARY KEY (id, r), CONSTRAINT up FOREIGN KEY (parent, r) REFERENCES s.tree,
  CONSTRAINT "REFERENCES s.tree" FOREIGN KEY (id) REFERENCES s.orders) PARTITION BY LIST (r);
CREATE TABLE s.tree_1 PARTITION OF s.tree FOR VALUES IN (1);
INSERT INTO s.orders VALUES (1), (200);
INSERT INTO s.line VALUES (1);
INSERT INTO s.tree VALUES (1, 1, 1);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'lost' ], 'backup');
query('lost', 'DROP TABLE s.tree_1 CASCADE');
is($left_out->('--table', 's.tree_1'), 'FK CONSTRAINT s.tree up (it uses TABLE s.tree_1; it was not asked for)', 'a partition of a table that refers to itself: the foreign key went with it');
query('lost', 'DROP TABLE s.tree; DROP TABLE s.orders_20 CASCADE');
is($left_out->('--table', 's.orders_20'), 'FK CONSTRAINT s.line whole (it uses TABLE s.orders_20; it was not asked for)', 'a partition that is back: the foreign key that went with it is named');
query('lost', 'ALTER TABLE s.line ADD CONSTRAINT whole FOREIGN KEY (id) REFERENCES s.orders; DROP TABLE s.orders_1 CASCADE');
is($left_out->('--table', 's.orders_1'), "FK CONSTRAINT s.line part (it refers to TABLE s.line)\nFK CONSTRAINT s.line whole (it uses TABLE s.orders_1; it was not asked for)", '... and both');
query('lost', 'DELETE FROM s.line; ALTER TABLE s.line ADD CONSTRAINT whole FOREIGN KEY (id) REFERENCES s.orders, ADD CONSTRAINT part FOREIGN KEY (id) REFERENCES s.orders_1');
query('lost', 'ALTER TABLE s.orders_2 DETACH PARTITION s.orders_20; ALTER TABLE s.orders_20 RENAME TO was_20; ALTER INDEX s.orders_20_pkey RENAME TO was_20_pkey');
is($left_out->('--table', 's.orders_20'), '', '... none if it is there');
query('lost', 'DROP SCHEMA s, lib CASCADE; CREATE SCHEMA s; CREATE SCHEMA lib');

# Nor does it say that operators are linked; one without the other would leave a shell.
query('lost', <<'SQL');
CREATE SCHEMA o;
CREATE SCHEMA p;
CREATE TYPE o."x, (y" AS ENUM ('a', 'b');
CREATE FUNCTION o.same(text, o."x, (y") RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 = $2::text; END';
CREATE FUNCTION o.same(o."x, (y", text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1::text = $2; END';
CREATE FUNCTION o.other(text, o."x, (y") RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 <> $2::text; END';
CREATE OPERATOR o.=== (FUNCTION = o.same, LEFTARG = text, RIGHTARG = o."x, (y");
CREATE OPERATOR p.=== (FUNCTION = o.same, LEFTARG = o."x, (y", RIGHTARG = text, COMMUTATOR = OPERATOR(o.===));
CREATE OPERATOR o.!== (FUNCTION = o.other, LEFTARG = text, RIGHTARG = o."x, (y", NEGATOR = OPERATOR(o.===));
CREATE OPERATOR o.!== (FUNCTION = textne, LEFTARG = text, RIGHTARG = text);
CREATE VIEW o.v AS SELECT t OPERATOR(o.===) 'a'::o."x, (y" AS c FROM (VALUES ('a'), ('b')) v (t);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'lost' ], 'backup');
for my $shell (0, 1)
{
	query('lost', 'DROP SCHEMA o, p CASCADE; CREATE SCHEMA o; CREATE SCHEMA p');
	query('lost', q{CREATE TYPE o."x, (y" AS ENUM ('a', 'b'); CREATE FUNCTION o.same(text, o."x, (y") RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 = $2::text; END'; CREATE OPERATOR o.!+ (FUNCTION = o.same, LEFTARG = text, RIGHTARG = o."x, (y", NEGATOR = OPERATOR(o.!==)); DROP OPERATOR o.!+ (text, o."x, (y"); DROP FUNCTION o.same(text, o."x, (y")}) if $shell;
	tool_ok([ 'restore', '--repo', $repo, 'lost', '--table', 'o.v' ], 'a view with an operator' . ($shell ? ', where its negator is a shell' : ''));
	is(query('lost', q{SELECT string_agg(oid::regoperator || ' ' || (oprcode <> 0), '; ' ORDER BY oid::regoperator::text) FROM pg_operator WHERE oid >= 16384}),
		'o.!==(text,o."x, (y") true; o.===(text,o."x, (y") true; p.===(o."x, (y",text) true', '... brings the negator and the commutator, and no other');
	is(query('lost', q{SELECT count(*) FROM o.v WHERE NOT c}), 1, '... which are called');
}

# -------------------------- publications of others, where the owner of a schema restores it

create_database('published');
query('published', <<'SQL');
CREATE ROLE keeper LOGIN;
CREATE ROLE sender LOGIN;
GRANT CREATE ON DATABASE published TO keeper, sender;
CREATE SCHEMA s AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE s.t (id integer PRIMARY KEY);
CREATE TABLE s.u (id integer PRIMARY KEY);
INSERT INTO s.t VALUES (1);
RESET ROLE;
GRANT keeper TO sender;
CREATE PUBLICATION everybody FOR TABLE s.t, s.u;
SET ROLE sender;
CREATE PUBLICATION of_sender FOR TABLE s.t;
SET ROLE keeper;
CREATE PUBLICATION of_keeper FOR TABLE s.t;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'published' ], 'backup');
query('published', 'DROP SCHEMA s CASCADE');
my @part = ('--repo', $repo, 'published', '--schema', 's');
my $published = q{SELECT string_agg(concat_ws('.', pubname, tablename), ' ' ORDER BY pubname, tablename) FROM pg_publication_tables};
$json = tool_json('restore', @part, '-U', 'keeper');
is_deeply([ sort @{ $json->{left_out} } ],
	[ map { my ($name, $table) = @$_; "PUBLICATION TABLE s.$name $table (the session may not change publication $name)" }
		[ everybody => 't' ], [ everybody => 'u' ], [ of_sender => 't' ] ], 'publications of others stay as they are, which is said');
is(query('published', $published), 'of_keeper.t', 'its own has its table back');
query('published', 'DROP SCHEMA s CASCADE');
unlike(tool_ok([ 'restore', @part ], 'as a superuser'), qr/left out/, 'nothing is left out');
is(query('published', $published), 'everybody.t everybody.u of_keeper.t of_sender.t', 'all publications have theirs back');
query('published', 'DROP SCHEMA s CASCADE; DROP PUBLICATION everybody');
$json = tool_json('restore', @part, '-U', 'keeper');
is(scalar(@{ $json->{left_out} }), 3, 'a publication of a superuser that is gone is not made by others');
query('published', 'DROP SCHEMA s CASCADE; REVOKE CREATE ON DATABASE published FROM keeper');
tool_fails([ 'restore', @part, '-U', 'keeper' ], 1, qr/permission denied for database.*HINT: .*by a superuser/s, 'a right that is missing: what helps');

# ---------------------------------- a function of the owner: no right on the schema is the cause

create_database('called');
query('called', <<'SQL');
CREATE SCHEMA s;
GRANT ALL ON SCHEMA s TO keeper;
SET ROLE keeper;
CREATE FUNCTION s.g(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
CREATE TABLE s.art (id integer PRIMARY KEY, t text, g text GENERATED ALWAYS AS (s.g(t)) STORED);
INSERT INTO s.art VALUES (1, 'A');
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'called' ], 'backup');
query('called', 'DROP TABLE s.art');
my @called = ('--repo', $repo, 'called', '--table', 's.art');
my $said = tool_fails([ 'restore', @called ], 1, qr/s\.g\(text\) is there, which others can change.*HINT: .*-U OWNER/s, 'as a superuser');
unlike($said, qr/REVOKE CREATE/, 'the hint is none that does not help');
tool_ok([ 'restore', @called, '-U', 'keeper' ], 'what it says helps');

# ------------------------------------------- rows that subscribers would get, and stop at

create_database('sent');
query('sent', 'CREATE TABLE t (id integer); INSERT INTO t VALUES (1); CREATE TABLE none (id integer);'
	  . 'CREATE TABLE p (id integer) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); INSERT INTO p VALUES (1);'
	  . 'CREATE UNLOGGED TABLE u AS SELECT 1 AS id');
tool_ok([ 'backup', '--repo', $repo, '-d', 'sent' ], 'backup');
my @sent = ('--repo', $repo, 'sent', '--table');
query('sent', 'CREATE PUBLICATION "all" FOR ALL TABLES WITH (publish_via_partition_root)');
tool_ok([ 'restore', @sent, 't', '--as', 't_0' ], 'nobody gets it: there is no slot');
query('sent', "SELECT pg_create_logical_replication_slot('far', 'pgoutput')");
for my $table (qw(t p))
{
	my $message = tool_fails([ 'restore', @sent, $table, '--as', "${table}_then" ], 1,
		qr/rows of public\.${table}_then.* would be sent to subscribers.*Publication "all".*slot "far".*HINT: .*--to.*--yes/s,
		"table $table would be sent");
	is(query('sent', "SELECT to_regclass('${table}_then')"), '', 'nothing was made');
}
query('sent', 'DROP TABLE t');
tool_fails([ 'restore', @sent, 't' ], 1, qr/rows of public\.t would be sent/, 'under its own name, too');
like((tool('restore', @sent, 't', '--yes'))[2], qr/warning: rows of public\.t would be sent to subscribers/, '--yes says that it is meant');
is(query('sent', 'SELECT count(*) FROM t'), 1, 'and it is restored');
tool_ok([ 'restore', @sent, $_, '--as', "${_}_then" ], "of $_ nothing would be sent") for qw(none u);
query('sent', q{ALTER PUBLICATION "all" SET (publish = 'delete')});
tool_ok([ 'restore', @sent, 't', '--as', 't_then' ], 'nor by a publication of other changes');
query('sent', "SELECT pg_drop_replication_slot('far')");

# ------------------------------------------- what others have said of a table is no part of it

create_database('spoken');
query('postgres', 'CREATE ROLE carol LOGIN; CREATE ROLE joe LOGIN');
query('spoken', <<'SQL');
CREATE SCHEMA s;
GRANT ALL ON SCHEMA s TO joe, carol;
CREATE SCHEMA j AUTHORIZATION joe;
CREATE TYPE s.word AS ENUM ('a');
SET ROLE carol;
CREATE TABLE s.orders (id integer PRIMARY KEY, v integer);
INSERT INTO s.orders VALUES (1, 1);
CREATE POLICY "x c" ON s.orders AS RESTRICTIVE USING (id > 0);
CREATE RULE "x _RETURN" AS ON DELETE TO s.orders DO INSTEAD NOTHING;
CREATE STATISTICS s."x FROM" ON (id + 1), v FROM s.orders;
CREATE TRIGGER " ON " BEFORE UPDATE OF v ON s.orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE CAST (s.orders AS text) WITH INOUT;
RESET ROLE;
GRANT carol TO joe;
SET ROLE joe;
CREATE TYPE j.x AS (a integer);
CREATE FUNCTION j.f(j.x) RETURNS s.orders LANGUAGE sql AS 'SELECT NULL::s.orders';
CREATE CAST (j.x AS s.orders) WITH FUNCTION j.f(j.x) AS IMPLICIT;
CREATE TYPE j.y AS ENUM ('a');
CREATE CAST (j.y AS s.orders) WITH INOUT;
CREATE TABLE j.t (id integer);
CREATE STATISTICS j.st ON (id > 0), (NULLIF(ROW(id, id)::s.orders, NULL) IS NULL) FROM j.t;
CREATE TABLE s."orders x" (id integer REFERENCES s.orders);
CREATE INDEX near ON s."orders x" ((ROW(id, id)::s.orders IS NULL));
CREATE RULE c AS ON INSERT TO s."orders x" DO ALSO SELECT * FROM s.orders;
CREATE RULE _RETURN_ AS ON UPDATE TO s."orders x" DO ALSO SELECT * FROM s.orders;
CREATE POLICY c ON s."orders x" USING (EXISTS (SELECT FROM s.orders));
RESET ROLE;
REVOKE carol FROM joe;
SET ROLE carol;
CREATE CAST (s.word AS s.orders) WITH INOUT;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'spoken' ], 'backup');

my $parts = <<'SQL';
SELECT string_agg(part, ',' ORDER BY part COLLATE "C") FROM (
  SELECT polname FROM pg_policy WHERE polrelid = 's.orders'::regclass UNION ALL SELECT rulename FROM pg_rewrite WHERE ev_class = 's.orders'::regclass
  UNION ALL SELECT tgname FROM pg_trigger WHERE tgrelid = 's.orders'::regclass AND NOT tgisinternal
  UNION ALL SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 's.orders'::regclass
  UNION ALL SELECT castsource::regtype || '-' || casttarget::regtype FROM pg_cast WHERE 's.orders'::regtype IN (castsource, casttarget)) AS all_of (part)
SQL
query('spoken', 'ALTER TABLE s.orders RENAME TO broken; ALTER INDEX s.orders_pkey RENAME TO broken_pkey; DROP STATISTICS s."x FROM"');
tool_ok([ 'restore', '--repo', $repo, 'spoken', '--table', 's.orders' ], 'a table of which others speak, renamed meanwhile');
is(query('spoken', $parts), ' ON ,s.orders-text,s.word-s.orders,x FROM,x _RETURN,x c', 'it has what is its own');
query('spoken', 'DROP TABLE s.orders, s.broken CASCADE');
$out = tool_ok([ 'restore', '--repo', $repo, 'spoken', '--table', 's.orders' ], '... and dropped');
is(query('spoken', $parts), ' ON ,s.orders-text,s.word-s.orders,x FROM,x _RETURN,x c', 'it has what is its own');
like($out, qr/^left out: \Q$_\E \(/m, "left out, and named: $_")
  for 'CAST (j.x AS s.orders)', 'CAST (j.y AS s.orders)', 'STATISTICS j.st', 'RULE s.orders x c', 'POLICY s.orders x c', 'FK CONSTRAINT s.orders x orders x_id_fkey', 'INDEX s.near';
tool_ok([ 'restore', '--repo', $repo, 'spoken', '--table', 's.orders', '--as', 's."orders x y"' ], '... and beside it, under another name');

done_testing();
