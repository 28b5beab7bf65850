# A part of a backup: tables with what belongs to them and what they need, under their own names
# and others, into new databases and into one that lives.  The oracle is pg_dump -t of the original.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Part;
use NexBackup::Test;
use Test::More;

my $node = start_server('main', wal_level => 'logical');

plan skip_all => 'the fixture needs PostgreSQL 15 or later' if $node->pg_version < 15;

my $repo = new_repository();

load_sample('invoices', 0.02);
create_database('every');
system('psql', '-qX', '-o', '/dev/null', '-d', 'every', '-f', top() . '/tests/fixtures/every_object.sql') == 0
  or BAIL_OUT('the fixture does not load');
# createdb -T of a database with a subscription would not be the same database.
query('every', 'DROP SUBSCRIPTION sub');
tool_ok([ 'backup', '--repo', $repo, '-d', $_, '-j', 2, '--chunk-blocks', 20 ], "backup of $_") for qw(invoices every);

sub hash_of
{
	my ($database, $table) = @_;

	return query($database, "SELECT count(*), coalesce(sum(('x' || md5(t::text))::bit(60)::bigint), 0) FROM $table t");
}

# --------------------------------------- each table by itself, into a new database

# Foreign keys and rules speak of tables that are not there; a language's grants are nobody's table.
my $not_there = qr/FOREIGN KEY|CREATE RULE also|REVOKE ALL ON LANGUAGE/;

for my $database ('every', 'invoices')
{
	my @trouble;

	for my $table (tables_of($database))
	{
		# A column of type regclass names tables that would have to be there.
		next if $table->{name} eq 's.types';
		# Of the sample database some are enough.
		next if $database eq 'invoices' && $table->{name} !~ /^(audit\.log|billing\.(customer|invoice|open_invoice))$/;
		my ($code, $out, $err) = tool('restore', '--repo', $repo, $database, '--to', 'part', '-q', '--no-analyze',
			'--table', $table->{name}, '-j', 1 + @trouble % 2);
		if ($code != 0)
		{
			push @trouble, "$table->{name}: $err";
			next;
		}
		my @patterns = map { ('-t', $_) } with_partitions($database, $table);
		my @dumps = map { statements($_, @patterns) } ($database, 'part');
		my $missing = missing_from(@dumps, $not_there);
		my $more = missing_from(reverse(@dumps), qr/^$/);
		push @trouble, "$table->{name}: missing:\n$missing\nmore:\n$more" if $missing . $more ne '';
		query('postgres', 'DROP DATABASE part');
	}
	is(join("\n", @trouble), '', "tables of \"$database\" alone are as pg_dump -t has them");
}

# ----------------------------------------------- a dropped table, into its database

query('postgres', 'CREATE DATABASE reference TEMPLATE invoices');
for my $table ('billing.document', 'audit.log', 'audit.log_2025_03', 'billing.session_cache')
{
	query('invoices', "DROP TABLE $table CASCADE");
	my $json = tool_json('restore', '--repo', $repo, 'invoices', '--table', $table);
	ok(grep({ $_ eq 'SCHEMA ' . (split /\./, $table)[0] } @{ $json->{used} }), "$table: uses the schema that is there");
	same_database('reference', 'invoices', "$table is back, and all that belongs to it");
}

# What others had of it is told, not brought.
query('invoices', 'DROP TABLE billing.customer CASCADE');
my $json = tool_json('restore', '--repo', $repo, 'invoices', '--table', 'billing.customer');
is_deeply([ grep { !/large object/ } @{ $json->{left_out} } ],
	[
		'VIEW billing.open_invoice (it refers to TABLE billing.invoice)',
		'FK CONSTRAINT billing.invoice invoice_customer_id_fkey (it refers to TABLE billing.invoice)'
	],
	'what was left out, one by one');
is_deeply([ map { "$_->{schema}.$_->{name} $_->{rows}" } @{ $json->{restored_tables} } ],
	[ 'billing.customer ' . query('reference', 'SELECT count(*) FROM billing.customer') ], 'and what was restored');
like(tool_ok([ 'restore', '--repo', $repo, 'invoices', '--table', 'billing.open_invoice' ], 'the view after it'),
	qr/used as it is: TABLE billing.customer/, 'in words, too');
query('invoices', 'ALTER TABLE billing.invoice ADD CONSTRAINT invoice_customer_id_fkey '
	  . 'FOREIGN KEY (customer_id) REFERENCES billing.customer');
is(missing_from(statements('reference'), statements('invoices'), qr/^$/), '', 'and nothing is missing any more');

# Types and functions that went with the table come back with it.
create_database('typed');
query('typed', <<'SQL');
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE FUNCTION next_one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE SEQUENCE shared START 7;
CREATE TABLE t (id integer PRIMARY KEY DEFAULT next_one(), m mood, p positive, s integer DEFAULT nextval('shared'),
	g integer GENERATED ALWAYS AS (twice(p)) STORED, CHECK (twice(id) > 0));
CREATE TRIGGER trig BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trig();
CREATE INDEX ON t (twice(id));
CREATE STATISTICS st ON id, p FROM t;
COMMENT ON STATISTICS st IS 'of t';
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY pol ON t USING (twice(id) > 0);
INSERT INTO t (id, m, p) SELECT n, 'glad', n FROM generate_series(1, 10) n;
SQL
query('postgres', 'CREATE DATABASE typed_before TEMPLATE typed');
tool_ok([ 'backup', '--repo', $repo, '-d', 'typed' ], 'backup');
query('typed', 'DROP TABLE t; DROP FUNCTION twice, next_one, trig; DROP TYPE mood; DROP DOMAIN positive; DROP SEQUENCE shared');
my $out = tool_ok([ 'restore', '--repo', $repo, 'typed', '--table', 'public.t' ], 'P52: a table whose types are gone');
like($out, qr/also restored: $_/, "brings $_") for 'TYPE public.mood', 'DOMAIN public.positive', 'FUNCTION public.next_one',
  'FUNCTION public.twice', 'FUNCTION public.trig', 'SEQUENCE public.shared';
same_database('typed_before', 'typed', 'with the value of the sequence that it draws from');

# Nothing depends on a cast, but the text "c::text" means another conversion without it.
create_database('casts');
query('casts', <<'SQL');
CREATE TYPE b AS (x integer);
CREATE FUNCTION f(b) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'b' || $1.x $$;
CREATE CAST (b AS text) WITH FUNCTION f(b);
CREATE TABLE t (c b);
CREATE UNIQUE INDEX by_text ON t ((c::text));
CREATE VIEW v AS SELECT c::text AS t FROM t;
INSERT INTO t VALUES (ROW(1));
CREATE TYPE mood AS ENUM ('good');
CREATE TYPE temper AS ENUM ('calm', 'good');
CREATE CAST (mood AS temper) WITH INOUT AS IMPLICIT;
CREATE VIEW moods AS SELECT 'good'::mood::temper AS t;
CREATE VIEW good AS SELECT 'good'::mood AS m;
CREATE TABLE stripe (a integer);
CREATE FUNCTION of_stripe(stripe) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'stripe ' || $1.a $$;
CREATE CAST (stripe AS text) WITH FUNCTION of_stripe(stripe);
CREATE VIEW stripes AS SELECT stripe::text AS t FROM stripe;
INSERT INTO stripe VALUES (3);
SQL
query('postgres', 'CREATE DATABASE casts_before TEMPLATE casts');
tool_ok([ 'backup', '--repo', $repo, '-d', 'casts' ], 'backup');
my $with_cast = tool_ok([ 'restore', '--repo', $repo, 'casts', '--to', 'casts_new', '--table', 'v', '--table', 'moods', '--table', 'stripes' ],
	'views that cast, into a new database');
like($with_cast, qr/^also restored: CAST \(public\.b AS text\)$/m, 'the cast is named');
for my $view (qw(v moods stripes))
{
	is(query('casts_new', "SELECT * FROM $view"), query('casts_before', "SELECT * FROM $view"), "$view says the same there");
}
query('casts', 'DROP VIEW v, moods, stripes; DROP TABLE t; DROP FUNCTION f, of_stripe CASCADE; DROP TYPE b');
$with_cast = tool_ok([ 'restore', '--repo', $repo, 'casts', '--to', 'casts', '--yes', map { ('--table', $_) } qw(v moods stripes) ],
	'views that cast, into the database: a type that comes, or is there with its owner');
same_database('casts_before', 'casts', 'with their casts');
query('casts', 'DROP CAST (mood AS temper); DROP VIEW good');
$with_cast = tool_ok([ 'restore', '--repo', $repo, 'casts', '--to', 'casts', '--yes', '--table', 'good' ], 'a type that is there without its cast');
like($with_cast, qr/^left out: CAST \(public\.mood AS public\.temper\) \(it is not there/m, 'the cast is named');
unlike($with_cast, qr/public\.b AS/, 'no other one is');

# A view that pg_dump takes apart, as its GROUP BY needs the primary key: in pre-data it has no query.
create_database('grouped');
query('grouped', <<'SQL');
CREATE TABLE base (id integer PRIMARY KEY, v text);
INSERT INTO base VALUES (1, 'one'), (2, 'two');
CREATE VIEW by_key AS SELECT id, v FROM base GROUP BY id;
CREATE VIEW upon AS SELECT v FROM by_key WHERE id > 1;
GRANT SELECT ON by_key TO invoice_report;
CREATE TABLE secret (id integer);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON secret AS RESTRICTIVE USING (id IN (SELECT id FROM base));
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'grouped' ], 'backup');
for my $view ('by_key', 'upon')
{
	tool_ok([ 'restore', '--repo', $repo, 'grouped', '--to', "grouped_$view", '--table', "public.$view" ], "the view $view");
	my @dumps = map { statements($_, '-t', 'public.by_key') } ('grouped', "grouped_$view");
	is(missing_from(@dumps, qr/^$/), '', 'with the query of the one that was taken apart');
	is(query("grouped_$view", 'SELECT count(*) FROM by_key'), 2, 'and its table, which it reads');
}
tool_ok([ 'restore', '--repo', $repo, 'grouped', '--to', 'grouped_base', '--table', 'public.by_key', '--table', 'public.base' ],
	'the view and its table');
is(query('grouped_base', 'SELECT * FROM by_key ORDER BY id'), "1|one\n2|two", 'with rows');
$out = tool_ok([ 'restore', '--repo', $repo, 'grouped', '--to', 'grouped_without', '--schema', 'public', '--exclude-table', 'public.base',
		'--exclude-table', 'public.secret' ],
	'without the table');
is(query('grouped_without', "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), 0, 'no view without a query');
like($out, qr/left out: VIEW public\.by_key \(it refers to TABLE public\.base\)\nleft out: VIEW public\.upon \(it refers to VIEW public\.by_key\)/,
	'which is said');
like(tool_ok([ 'restore', '--repo', $repo, 'grouped', '--to', 'grouped_secret', '--table', 'public.secret' ], 'a policy without its table'),
	qr/left out: POLICY public\.secret few \(it refers to TABLE public\.base; without it more rows are visible\)/,
	'a restrictive policy is not left out without a word');
query('grouped', 'DROP VIEW by_key CASCADE');
tool_ok([ 'restore', '--repo', $repo, 'grouped', '--table', 'public.upon' ], 'in the live database');
is(query('grouped', 'SELECT v FROM upon'), 'two', 'its query reads what is there');

# ---------------------------- what is granted on objects that the archive does not have

create_database('shut');
query('shut', <<'SQL');
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO invoice_app WITH GRANT OPTION;
COMMENT ON SCHEMA public IS 'for few';
CREATE TABLE t AS SELECT 1 AS a;
CREATE SCHEMA s;
CREATE TABLE s.t AS SELECT 1 AS a;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'shut' ], 'backup of a schema public that is shut');
my $public = "SELECT nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'public'";
my $shut = query('shut', $public);
my $open = query('template1', $public);
for my $case ([ $shut, '--schema', 'public' ], [ $shut, '--schema', 'p*', '--schema', 's' ], [ $shut, '--table', 'public.t' ],
	[ $shut, '-T', 's.t' ], [ $shut, '--schema-only' ], [ $open, '--table', 's.t' ], [ $open =~ s/[^|]*$/for few/r, '--schema', 'public', '--no-privileges' ])
{
	my ($expected, @options) = @$case;
	tool_ok([ 'restore', '--repo', $repo, 'shut', '--to', 'shut_2', @options ], "@options");
	is(query('shut_2', $public), $expected, 'grants and comment of schema public');
	query('postgres', 'DROP DATABASE shut_2');
}
create_database('shut_live');
for my $options ([ '--schema', 'public' ], [ '-T', 'public.t' ])
{
	tool_ok([ 'restore', '--repo', $repo, 'shut', '--to', 'shut_live', @$options ], "@$options, into a database that exists");
	is(query('shut_live', $public), $open, 'where the schema stays as it is');
}
query('shut', 'ALTER SCHEMA public OWNER TO invoice_app');
tool_ok([ 'backup', '--repo', $repo, '-d', 'shut' ], 'backup with another owner');
tool_ok([ 'restore', '--repo', $repo, 'shut', '--to', 'shut_2', '--schema', 'public' ], 'a part with schema public');
is(query('shut_2', $public), query('shut', $public), 'owner, grants and comment');

SKIP:
{
	skip 'hstore is not installed', 15
	  if query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name IN ('hstore', 'pg_stat_statements')") < 2;
	create_database('granted');
	query('granted', <<'SQL');
CREATE SCHEMA e;
CREATE EXTENSION hstore SCHEMA e;
CREATE EXTENSION pg_stat_statements SCHEMA e;
REVOKE ALL ON FUNCTION e.hstore(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION e.pg_stat_statements_reset, e.hstore(text, text) TO invoice_app;
REVOKE USAGE ON TYPE e.hstore FROM PUBLIC;
REVOKE SELECT ON e.pg_stat_statements FROM PUBLIC;
GRANT SELECT (query) ON e.pg_stat_statements TO invoice_app;
CREATE TABLE e.t AS SELECT 1 AS a;
CREATE TABLE h (h e.hstore);
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'granted' ], 'backup of grants on what extensions have');
	my $acl = "SELECT proname, proacl::text FROM pg_proc WHERE oid::regprocedure::text ~ '^(e\\.)?(hstore.text,text|pg_stat_statements_reset)' "
	  . "UNION ALL SELECT typname, typacl::text FROM pg_type WHERE typname = 'hstore' UNION ALL SELECT relname, relacl::text FROM pg_class "
	  . "WHERE relname = 'pg_stat_statements' UNION ALL SELECT attname, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL AND "
	  . "attrelid >= 16384 ORDER BY 1, 2";
	my $all = query('granted', $acl);
	my $of_hstore = join("\n", grep { /^hstore/ } split(/\n/, $all));
	like(tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_e', '--schema', 'e' ], '--schema, without the extensions'),
		qr/left out: grants on 5 objects of extensions that are not restored/, 'says that their grants are left out');
	is(query('granted_e', 'SELECT a FROM e.t') . query('granted_e', $acl), 1, 'and restores the rest');
	tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_h', '--table', 'h' ], 'a table that brings an extension');
	is(query('granted_h', $acl), $of_hstore, 'brings the grants on its objects, too');
	tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_n', '--table', 'h', '--no-privileges' ], '--no-privileges');
	unlike(query('granted_n', $acl), qr/invoice_app/, 'does not');
	tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_t', '-T', 'e.t' ], 'all but a table');
	is(query('granted_t', $acl), $all, 'brings all grants');
	create_database('granted_live');
	tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_live', '--table', 'h' ], 'into a database that exists');
	is(query('granted_live', $acl), $of_hstore, 'with the extension');
	create_database('granted_there');
	query('granted_there', 'CREATE SCHEMA e; CREATE EXTENSION hstore SCHEMA e; CREATE EXTENSION pg_stat_statements SCHEMA e');
	my $there = query('granted_there', $acl);
	tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_there', '--table', 'h' ], 'where the extensions are');
	tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_there', '-T', 'public.h' ], 'and all but that table');
	is(query('granted_there', $acl), $there, 'what they have stays as it is');
}

# The schema of a multirange type, which comes with its range type.
create_database('ranges');
query('ranges', <<'SQL');
CREATE SCHEMA s1;
CREATE SCHEMA "s. ""2";
CREATE TYPE s1.r AS RANGE (SUBTYPE = inet, MULTIRANGE_TYPE_NAME = "s. ""2"."m r");
CREATE TABLE s1.t AS SELECT s1.r('10.0.0.0', '10.0.0.9') AS r;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'ranges' ], 'backup of a multirange type');
create_database('ranges_live');
for my $to ('ranges_new', 'ranges_live')
{
	tool_ok([ 'restore', '--repo', $repo, 'ranges', '--to', $to, '--table', 's1.t' ], "its range's table into $to");
	is(query($to, q{SELECT pg_typeof(s1."m r"(r)) FROM s1.t}), q{"s. ""2"."m r"}, 'it is there');
}

# ------------------------------------------------------------- another name, beside

my @names;
my $turn = 0;
for my $table (grep { $_->{kind} =~ /[rp]/ && $_->{name} ne 's.parent' } tables_of('every'))
{
	# Each of them for a third of the tables.
	for my $as (('aside.copy', '"An other"."na.me"', 'copy beside')[ $turn++ % 3 ])
	{
		my ($code, $text, $err) = tool('restore', '--repo', $repo, 'every', '--table', $table->{name}, '--as', $as, '-q');
		(my $schema = $table->{name}) =~ s/^("(?:[^"]|"")*"|\w+)\..*/$1/s;
		my $target = $as eq 'copy beside' ? "$schema.\"copy beside\"" : $as;
		if ($code != 0)
		{
			push @names, "$table->{name} as $as: $err";
			next;
		}
		push @names, "$table->{name} as $as: other rows" if hash_of('every', $table->{name}) ne hash_of('every', $target);
		my @counts = map {
			(my $literal = $_) =~ s/'/''/g;
			query('every', "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = r), (SELECT count(*) FROM "
				  . "pg_trigger WHERE tgrelid = r AND NOT tgisinternal), (SELECT count(*) FROM pg_constraint WHERE conrelid "
				  . "= r AND contype <> 'f'), (SELECT count(*) FROM pg_policy WHERE polrelid = r), (SELECT relacl FROM "
				  . "pg_class WHERE oid = r) FROM (SELECT '$literal'::regclass AS r) x")
		} ($table->{name}, $target);
		push @names, "$table->{name} as $as: @counts" if $counts[0] ne $counts[1];
		query('every', "DROP TABLE $target; DROP SCHEMA IF EXISTS aside, \"An other\"");
	}
}
is(join("\n", @names), '', 'each table under another name, in its schema or in a new one');

query('postgres', 'CREATE DATABASE beside TEMPLATE invoices');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'beside', '--table', 'billing.invoice', '--as', 'invoice_old' ],
	'beside the live one');
for my $options ([], ['--as', 'renamed.invoice_old'])
{
	# Into an empty database, too: the same name or another one.
	tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'new_one', '--table', 'billing.invoice', @$options ],
		"into a new database (@$options)");
	is(hash_of('new_one', @$options ? $options->[1] : 'billing.invoice'), hash_of('reference', 'billing.invoice'), 'its rows');
	query('postgres', 'DROP DATABASE new_one');
}
my $dump = normalized_dump('beside', '-t', 'billing.invoice_old');
$dump =~ s/invoice_old_(customer_idx|number_key|open_idx|pkey|number_seq|invoice_id_seq)/invoice_$1/g;
$dump =~ s/\binvoice_old\b/invoice/g;
(my $original = normalized_dump('reference', '-t', 'billing.invoice')) =~ s/^ALTER TABLE ONLY [^;]*FOREIGN KEY[^;]*;\n//gm;
is_deeply([ split /\n/, $dump ], [ split /\n/, $original ], 'is the same table but for names and foreign keys');
tool_fails([ 'restore', '--repo', $repo, 'invoices', '--to', 'beside', '--table', 'billing.invoice', '--as', 'invoice_old' ],
	1, qr/"billing\.invoice_old" exists already.*HINT/s, 'a name that is taken');
like(normalized_dump('beside', '-t', 'billing.invoice_old*', '-s'), qr/nextval\('billing\.invoice_old_number_seq'/,
	'its default draws from its own sequence');

# ------------------------------------------------------------- schemas and the rest

tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'audit_only', '--schema', 'audit', '-j', 2 ], '--schema');
is(missing_from(statements('reference', '-n', 'audit'), statements('audit_only', '-n', 'audit'), qr/^$/), '', 'all of it');
is(query('audit_only', "SELECT count(*) FROM pg_namespace WHERE nspname = 'billing'"), 0, 'and nothing else');

$out = tool_ok([
		'restore', '--repo', $repo, 'invoices', '--to', 'without', '-T', 'billing.invoice_line', '-T', 'audit.log', '-j', 2
	],
	'--exclude-table, twice');
is(query('without', "SELECT count(*) FROM pg_class WHERE relname ~ '^(invoice_line|log_20)'"), 0, 'without them and partitions');
is(missing_from(statements('reference'), statements('without'),
		qr/invoice_line|audit\.log|log_id|log_20|log_default|lo_|lowrite|LARGE OBJECT|BEGIN;|COMMIT;/),
	'', 'and with all else');

tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'bare', '--schema-only', '-j', 2 ], '--schema-only');
is(missing_from(statements('reference', '-s'), statements('bare'), qr/REFRESH|LARGE OBJECT/), '', 'all definitions');
is(query('bare', 'SELECT count(*) FROM billing.invoice'), 0, 'no rows');

tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'mine', '--no-owner', '--no-privileges', '--role', 'invoice_app' ],
	'--no-owner --no-privileges --role')
  if query('postgres', 'ALTER ROLE invoice_app SUPERUSER') eq '';
is(query('mine', "SELECT string_agg(DISTINCT pg_get_userbyid(relowner)::text, ',') FROM pg_class c JOIN pg_namespace n ON n.oid = "
		  . "relnamespace WHERE nspname IN ('billing', 'audit')"),
	'invoice_app', 'all belongs to the role');
is(query('mine', "SELECT count(*) FROM pg_class WHERE relacl IS NOT NULL AND oid >= 16384"), 0, 'nothing is granted');
is(query('mine', "SELECT string_agg(DISTINCT pg_get_userbyid(lomowner)::text || coalesce(lomacl::text, ''), ',') "
		  . 'FROM pg_largeobject_metadata'),
	'invoice_app', 'large objects neither');
query('postgres', 'ALTER ROLE invoice_app NOSUPERUSER');

# Names that hold what ends names, literals and statements.
my %name = (owner => q{o'neil}, grantee => qq{say "it's";\n--}, schema => q{o's}, table => qq{it's "t"; /*}, column => q{'; $$});
my %quoted = map { my $text = $name{$_}; $text =~ s/"/""/g; ($_ => qq{"$text"}) } keys %name;
my $place = "$quoted{schema}.$quoted{table}";
create_database('confusing');
query('confusing', <<"SQL");
CREATE ROLE $quoted{owner};
CREATE ROLE $quoted{grantee};
CREATE SCHEMA $quoted{schema} AUTHORIZATION $quoted{owner};
SET search_path = $quoted{schema};
CREATE TABLE $quoted{table} (id serial PRIMARY KEY, $quoted{column} text DEFAULT E'\\\\\\'; "', CHECK ($quoted{column} <> '\$a\$'));
INSERT INTO $quoted{table} ($quoted{column}) SELECT 'it''s ' || n FROM generate_series(1, 9) n;
COMMENT ON TABLE $quoted{table} IS E'it''s "t"; -- \\\\\\n\$\$;';
CREATE INDEX "i'" ON $quoted{table} ($quoted{column});
ALTER TABLE $quoted{table} OWNER TO $quoted{owner};
GRANT SELECT ON $quoted{table} TO $quoted{grantee};
ALTER DATABASE confusing SET confusing.text = E'it''s; \\\\ "';
GRANT TEMPORARY ON DATABASE confusing TO $quoted{grantee};
DO \$\$ BEGIN FOR n IN 1 .. 3 LOOP
	PERFORM lo_from_bytea(n, convert_to(repeat('x', n), 'UTF8'));
	EXECUTE format('ALTER LARGE OBJECT %s OWNER TO %I', n, 'o''neil');
	EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO %I', n, E'say "it''s";\\n--');
	EXECUTE format('COMMENT ON LARGE OBJECT %s IS %L', n, 'it''s;' || chr(10) || 'GRANT ' || chr(92));
END LOOP; END \$\$;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'confusing' ], 'backup of confusing names');
tool_ok([ 'restore', '--repo', $repo, 'confusing', '--to', 'confused' ], 'all of it');
same_database('confusing', 'confused', 'comes back');
my $objects = "SELECT string_agg(convert_from(lo_get(oid), 'UTF8') || obj_description(oid, 'pg_largeobject'), ',' ORDER BY oid) "
  . 'FROM pg_largeobject_metadata';
my $others = "SELECT (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'S') AND pg_get_userbyid(relowner) = 'o''neil'), "
  . "(SELECT count(*) FROM pg_largeobject_metadata WHERE pg_get_userbyid(lomowner) = 'o''neil'), "
  . '(SELECT count(*) FROM pg_class WHERE relacl::text ~ $$say$$), '
  . '(SELECT count(*) FROM pg_largeobject_metadata WHERE lomacl::text ~ $$say$$), '
  . '(SELECT count(*) FROM pg_database WHERE datname = current_database() AND datacl::text ~ $$say$$)';
is(query('confusing', $others), '2|3|1|3|1', 'owners and grants of the original');
for my $case ([ '0|0|1|3|1', '--no-owner' ], [ '2|3|0|0|0', '--no-privileges' ], [ '0|0|0|0|0', '--no-owner', '--no-privileges' ])
{
	my ($expected, @options) = @$case;
	tool_ok([ 'restore', '--repo', $repo, 'confusing', '--to', 'confused_2', '-j', 2, @options ], "@options");
	is(query('confused_2', $others), $expected, 'what was wanted of owners and grants');
	is(query('confused_2', $objects), query('confusing', $objects), 'all of the large objects');
	is(query('confused_2', 'SHOW confusing.text'), query('confusing', 'SHOW confusing.text'), 'the setting of the database');
	query('postgres', 'DROP DATABASE confused_2');
}
my @copies = ([ q{"as 'it'"}, qq{$quoted{schema}."as 'it'"}, 't' ],
	[ q{elsewhere."'"}, q{elsewhere."'"}, 'f', '--no-owner', '--no-privileges' ]);
for my $copy (@copies)
{
	my ($as, $target, $owned, @options) = @$copy;
	my @tables = ($place, $target);
	tool_ok([ 'restore', '--repo', $repo, 'confusing', '--table', $place, '--as', $as, @options ], "--as $as @options");
	is(hash_of('confusing', $target), hash_of('confusing', $place), 'its rows');
	my ($original_comment, $comment) = map {
		(my $literal = $_) =~ s/'/''/g;
		query('confusing', "SELECT obj_description('$literal'::regclass)")
	} @tables;
	is($comment, $original_comment, 'its comment');
	(my $literal = $target) =~ s/'/''/g;
	is(query('confusing', "SELECT pg_get_userbyid(relowner) = 'o''neil' FROM pg_class WHERE oid = '$literal'::regclass"),
		$owned, 'its owner');
	is(query('confusing', "SELECT relacl IS NOT NULL FROM pg_class WHERE oid = '$literal'::regclass"), $owned, 'its grants');
	query('confusing', "INSERT INTO $target DEFAULT VALUES");
	is(query('confusing', "SELECT $quoted{column} FROM $target WHERE $quoted{column} !~ 's'"), q{\'; "}, 'its default');
}
is(query('confusing', qq{SELECT last_value, is_called FROM $quoted{schema}."it's ""t""; /*_id_seq"}), '9|t',
	'nothing draws from the sequence of the original');

# -------------------------------------- what reads like the name, and what calls itself

create_database('called');
query('called', <<'SQL');
CREATE SCHEMA customer;
CREATE TABLE customer.customer (id int, address text, address_old text);
INSERT INTO customer.customer VALUES (1, 'new street', 'old street');
CREATE VIEW customer.address AS SELECT customer.id, customer.address FROM customer.customer;
CREATE TABLE customer.t (id int PRIMARY KEY, v int, CHECK (t.* IS NOT NULL));
CREATE INDEX t_row ON customer.t ((t.* IS NOT NULL));
CREATE POLICY p ON customer.t USING (v IN (SELECT other.v FROM customer.t other WHERE other.id = t.id));
CREATE RULE r AS ON DELETE TO customer.t DO INSTEAD UPDATE customer.t SET v = 0 WHERE t.id = OLD.id;
INSERT INTO customer.t VALUES (1, 5), (2, 6);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'called' ], 'backup of columns called like relations');
tool_ok([ 'restore', '--repo', $repo, 'called', '--table', 'customer.address', '--as', 'customer.address_old' ], 'a view');
is(query('called', 'SELECT address FROM customer.address_old'), 'new street', 'shows the columns that it showed');
tool_ok([ 'restore', '--repo', $repo, 'called', '--table', 'customer.t', '--as', 'copy' ], 'a table that speaks of its rows');
query('called', 'DELETE FROM customer.copy WHERE id = 1');
is(query('called', 'SELECT (SELECT string_agg(v::text, $$,$$ ORDER BY id) FROM customer.copy), '
		  . '(SELECT string_agg(v::text, $$,$$ ORDER BY id) FROM customer.t)'), '0,6|5,6', 'and its rule changes the copy alone');

# --------------------------------------------------------------------- another server

my $other = PostgreSQL::Test::Cluster->new('other');
$other->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$other->start;
tool_ok([
		'restore', '--repo', $repo, 'invoices', '--to', 'over_there', '--table', 'billing.supplier', '-h', $other->host, '-p',
		$other->port, '-d', 'template1', '--no-privileges'
	],
	'to another server');
is($other->safe_psql('over_there', 'SELECT count(*) FROM billing.supplier'),
	query('reference', 'SELECT count(*) FROM billing.supplier'), 'it is there');
$other->stop;

# ---------------------------------------------- whatever fails leaves all as it was

my $before = normalized_dump('beside');
my @into = ('--repo', $repo, 'invoices', '--to', 'beside');
tool_fails([ 'restore', @into, '--table', 'billing.invoice' ], 1,
	qr/objects to be restored exist already.*TABLE billing\.invoice,.*HINT.*--append.*--as/s, 'a table that exists');
tool_fails([ 'restore', @into, '--table', 'billing.invoce' ], 1, qr/no table.*"billing\.invoce".*HINT.*billing\.invoice/s,
	'a table that is not in the backup');
tool_fails([ 'restore', @into, '--table', 'nothing*' ], 1, qr/no table.*matches "nothing\*".*HINT.*--contents/s,
	'a pattern that matches nothing');
tool_fails([ 'restore', @into, '--schema', 'biling' ], 1, qr/no schema.*"biling".*HINT.*"billing"/s, 'a schema, too');
tool_fails([ 'restore', @into, '--table', 'a.b.c' ], 2, qr/too many dots/, 'a name with two dots');
tool_fails([ 'restore', @into, '--table', '"open' ], 2, qr/not closed/, 'an open quote');
tool_fails([ 'restore', @into, '--table', 'billing.*', '--as', 'x' ], 2, qr/--as gives one table another name/,
	'--as with several tables');
tool_fails([ 'restore', @into, '--table', 'billing.invoice', '--as', 'x*' ], 2, qr/--as/, '--as with a wildcard');
tool_fails([ 'restore', @into, '--as', 'x' ], 2, qr/--as needs --table/, '--as without --table');
tool_fails([ 'restore', @into, '--table', 'billing.invoice', '--drop', '--yes' ], 2, qr/--drop and --table do not go together/,
	'--drop with --table');
tool_fails([ 'restore', @into, '--schema', 'audit', '--as', 'x' ], 2, qr/--as and --schema/, '--as with --schema');
tool_fails([ 'restore', @into, '--table', 'audit.log', '--as', 'log_beside', '--role', 'invoice_report' ], 1,
	qr/permission denied/, 'a role that may not');
tool_fails([ 'restore', @into, '--table', 'audit.log', '--as', 'log_beside', '--role', 'nobody' ], 1, qr/nobody/,
	'a role that is not there');

# A foreign key that does not hold any more is found when all rows are in.
query('beside', 'DROP TABLE billing.document; DELETE FROM billing.invoice WHERE invoice_id = (SELECT min(invoice_id) FROM '
	  . 'billing.invoice_line)');
query('beside', 'ALTER TABLE billing.invoice_line DROP CONSTRAINT invoice_line_invoice_fkey; DELETE FROM billing.invoice');
$before = normalized_dump('beside');
my $message = tool_fails([ 'restore', @into, '--table', 'billing.document' ], 1, qr/document_invoice_id_fkey/,
	'a foreign key that does not hold');
ok(normalized_dump('beside') eq $before, 'nothing is left of the table');

# ctrl-C, kill -9.
for my $delay (0.1, 0.25, 0.4)
{
	for my $signal ('INT', 'KILL')
	{
		my $log = File::Temp->new;
		my $pid = start_tool("$log", 'restore', @into, '--table', 'billing.invoice_line', '--as', 'line_beside');
		select(undef, undef, undef, $delay);
		kill $signal, $pid;
		my $ended = finish_tool($pid);
		foreign_backends();
		# All or nothing: the signal may come when the rows are in.
		if ($ended == 0 || query('beside', "SELECT to_regclass('billing.line_beside')") ne '')
		{
			is(query('beside', 'SELECT count(*) FROM billing.line_beside'),
				query('reference', 'SELECT count(*) FROM billing.invoice_line'), "SIG$signal after $delay s: too late");
			query('beside', 'DROP TABLE billing.line_beside');
		}
		ok(normalized_dump('beside') eq $before, "SIG$signal after $delay s: as it was");
	}
}

# Damage is found before anything is done.
my @mend = map { damage_file("$repo/$_", 'flip') } grep { m{^objects/} } all_files($repo);
tool_fails([ 'restore', @into, '--table', 'billing.invoice_line', '--as', 'line_beside' ], 3, qr/digest|sha256|SHA-256|hash/i,
	'damaged objects');
ok(normalized_dump('beside') eq $before, 'nothing was changed');
$_->() for @mend;

done_testing();
