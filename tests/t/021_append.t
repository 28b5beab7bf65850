# Rows into tables that exist, in one transaction: what pg_dump --data-only would bring, conflicts
# counted, sequences only forward, and nothing at all on failure.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

load_sample('invoices', 0.02);
query('invoices', 'DROP TRIGGER invoice_audit ON billing.invoice');
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices', '-j', 2, '--chunk-blocks', 20 ], 'backup');
query('postgres', 'CREATE DATABASE reference TEMPLATE invoices');

my @append = ('restore', '--repo', $repo, 'invoices', '--append');

sub count { return query('invoices', "SELECT count(*) FROM $_[0]") }

# Same rows, definitions and sequences as the original.
sub as_it_was { return same_database('reference', 'invoices', $_[0]) }

# ------------------------------------------------------------------ rows that are gone

query('invoices', 'TRUNCATE billing.invoice, billing.invoice_line, billing.document, audit.log, billing.session_cache');
my $json = tool_json(@append, map { ('--table', $_) } qw(billing.invoice billing.*_line billing.document audit.log));
is($json->{rows}, query('reference', 'SELECT (SELECT count(*) FROM billing.invoice) + (SELECT count(*) FROM '
		  . 'billing.invoice_line) + (SELECT count(*) FROM billing.document) + (SELECT count(*) FROM audit.log)'),
	'all rows, tables that are referred to first');
is_deeply([ grep { $_->{conflicts} } @{ $json->{restored_tables} } ], [], 'no conflicts');
query('invoices', 'INSERT INTO billing.session_cache SELECT * FROM billing.session_cache');
tool_ok([ @append, '--table', 'session_cache' ], 'a name without its schema');
query('invoices', 'REFRESH MATERIALIZED VIEW billing.monthly_turnover');
as_it_was('appended to empty tables');

# Into definitions alone: materialized views stay without rows, over partitions and other views, too.
query('invoices', <<'SQL');
CREATE TABLE billing.part (i int) PARTITION BY LIST (i);
CREATE TABLE billing.part_1 PARTITION OF billing.part FOR VALUES IN (1);
INSERT INTO billing.part VALUES (1);
CREATE VIEW billing.between AS SELECT * FROM billing.part;
CREATE MATERIALIZED VIEW billing."Z first" AS SELECT * FROM billing.between;
CREATE MATERIALIZED VIEW billing.a_second AS SELECT * FROM billing."Z first";
CREATE MATERIALIZED VIEW billing.filled AS SELECT * FROM billing.part;
SQL
my $views = new_repository();
tool_ok([ 'backup', '--repo', $views, '-d', 'invoices' ], 'a backup with materialized views');
query('invoices', 'DROP TABLE billing.part CASCADE');
tool_ok([ 'restore', '--repo', $views, 'invoices', '--to', 'bones', '--schema-only' ], 'definitions alone');
query('bones', 'REFRESH MATERIALIZED VIEW billing.filled');
my $filled = tool_ok([ 'restore', '--repo', $views, 'invoices', '--to', 'bones', '--append', '--table', 'billing.part_1' ], 'then rows');
my @fill = $filled =~ /^not populated yet: (REFRESH .*)$/mg;
is_deeply(\@fill, [ 'REFRESH MATERIALIZED VIEW billing."Z first"', 'REFRESH MATERIALIZED VIEW billing.a_second' ], 'what has no rows yet is named');
query('bones', $_) for @fill;
is(query('bones', 'SELECT count(*) FROM billing.a_second'), 1, '... with the commands that fill it, in order');
query('postgres', 'DROP DATABASE bones');

# ---------------------------------------------------------------------------- conflicts

query('invoices', 'DELETE FROM billing.invoice_line WHERE line_id % 3 = 0; DELETE FROM billing.document WHERE document_id < 20');
my $before = normalized_dump('invoices');
my @both = ('--table', 'billing.invoice_line', '--table', 'billing.document');
my $lines = count('billing.invoice_line');
my $err = tool_fails([ @append, @both ], 1, qr/are in table billing\.(document|invoice_line) already.*DETAIL.*Key.*HINT.*--on-conflict=skip/s,
	'conflicts abort');
like($err, qr/table billing\.invoice_line: $lines of \d+ rows are there already/, 'and are counted');
like($err, qr/table billing\.document: \d+ of \d+ rows are there already/, 'table by table');
ok(normalized_dump('invoices') eq $before, 'nothing was changed');

$json = tool_json(@append, @both, '--on-conflict=skip');
my %result = map { $_->{name} => $_ } @{ $json->{restored_tables} };
is($result{invoice_line}{conflicts}, $lines, 'skip: conflicts of one table');
is($result{invoice_line}{rows} + $lines, query('reference', 'SELECT count(*) FROM billing.invoice_line'), 'the others were added');
is($result{document}{rows}, 19, 'and of the other table');
as_it_was('rows that were deleted are back');

my $text = tool_ok([ @append, @both, '--on-conflict=skip' ], 'once more');
like($text, qr/billing\.invoice_line: 0 rows added, [\d,]+ there already/, 'there is nothing to add');
as_it_was('and nothing was');

# ------------------------------------------------ what is not added, and is not there either

query('postgres', 'CREATE ROLE shop LOGIN; CREATE DATABASE kept_out');
query('kept_out', <<'SQL');
CREATE SCHEMA shop AUTHORIZATION shop;
CREATE FUNCTION shop.even() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.i % 2 = 1 THEN RETURN NULL; END IF; RETURN new; END';
CREATE TABLE shop.swallows (i integer PRIMARY KEY);
CREATE TRIGGER even BEFORE INSERT ON shop.swallows FOR EACH ROW EXECUTE FUNCTION shop.even();
CREATE TABLE shop.no_key (i integer);
CREATE TRIGGER even BEFORE INSERT ON shop.no_key FOR EACH ROW EXECUTE FUNCTION shop.even();
CREATE TABLE shop.two_keys (i integer PRIMARY KEY, u text UNIQUE);
CREATE TABLE shop.no_primary (i integer UNIQUE, u text UNIQUE);
CREATE TABLE shop.two_columns (a "char", b varchar(5), i integer, PRIMARY KEY (b, a));
CREATE DOMAIN shop.number AS integer CHECK (VALUE > 0);
CREATE TABLE shop.by_domain (i shop.number PRIMARY KEY, present integer, added integer);
CREATE TRIGGER even BEFORE INSERT ON shop.by_domain FOR EACH ROW EXECUTE FUNCTION shop.even();
ALTER TABLE shop.swallows DISABLE TRIGGER even;
ALTER TABLE shop.no_key DISABLE TRIGGER even;
ALTER TABLE shop.by_domain DISABLE TRIGGER even;
INSERT INTO shop.swallows SELECT generate_series(1, 4);
INSERT INTO shop.no_key SELECT generate_series(1, 4);
INSERT INTO shop.two_keys SELECT i, i FROM generate_series(1, 5) i;
INSERT INTO shop.no_primary SELECT i, i FROM generate_series(1, 5) i;
INSERT INTO shop.two_columns SELECT 'a', i, i FROM generate_series(1, 5) i;
INSERT INTO shop.by_domain SELECT generate_series(1, 5);
ALTER TABLE shop.swallows ENABLE TRIGGER even;
ALTER TABLE shop.no_key ENABLE TRIGGER even;
ALTER TABLE shop.by_domain ENABLE TRIGGER even;
SQL
my @kept = qw(swallows no_key two_keys no_primary two_columns by_domain);
for my $owner ('postgres', 'shop')
{
	my $owners = join('', map { "ALTER TABLE shop.$_ OWNER TO $owner;" } @kept);

	query('kept_out', "$owners ALTER DOMAIN shop.number OWNER TO $owner; ALTER FUNCTION shop.even() OWNER TO $owner");
	tool_ok([ 'backup', '--repo', $repo, '-d', 'kept_out' ], "backup of tables of $owner");
	query('kept_out', <<'SQL');
DELETE FROM shop.swallows;
DELETE FROM shop.no_key;
DELETE FROM shop.two_keys WHERE i <= 3;
INSERT INTO shop.two_keys VALUES (7, '1'), (2, 'two');
DELETE FROM shop.no_primary WHERE i <= 3;
INSERT INTO shop.no_primary VALUES (7, '1'), (2, 'two');
DELETE FROM shop.two_columns WHERE i <= 3;
DELETE FROM shop.by_domain WHERE i < 5;
SQL
	my $before = query('kept_out', 'SELECT count(*) FROM shop.swallows');
	my @shop = ('restore', '--repo', $repo, 'kept_out', '--append');
	$err = tool_fails([ @shop, '--table', 'shop.swallows' ], 1, qr/triggers of table shop[.]swallows kept out 2 of 4 rows.*DETAIL.*even.*HINT.*--disable-triggers/s, "$owner: a trigger that swallows rows is named");
	is(query('kept_out', 'SELECT count(*) FROM shop.swallows'), 0, 'and nothing was changed');
	my $json = tool_json(@shop, '--on-conflict=skip', '--yes', map { ('--table', "shop.$_") } @kept);
	is_deeply({ map { ($_->{name} => "$_->{rows} + $_->{conflicts} + $_->{kept_out}") } @{ $json->{restored_tables} } },
		{ swallows => '2 + 0 + 2', no_key => '2 + 0 + 2', two_keys => '1 + 3 + 1', no_primary => '1 + 4 + 0', two_columns => '3 + 2 + 0', by_domain => '2 + 1 + 2' },
		"$owner: rows that are there, and rows that were kept out");
	my $again = tool_ok([ @shop, '--on-conflict=skip', '--table', 'shop.swallows' ], "$owner: as text");
	like($again, qr/shop[.]swallows: 0 rows added, 2 there already, 2 not added: kept out by a trigger or another row/, 'it says so');
	tool_ok([ @shop, '--on-conflict=skip', '--disable-triggers', '--table', 'shop.swallows' ], "$owner: without triggers") if $owner eq 'postgres';
	query('kept_out', join('', map { "TRUNCATE shop.$_;" } @kept) . 'ALTER TABLE shop.by_domain DISABLE TRIGGER even; INSERT INTO shop.by_domain SELECT generate_series(1, 5); ALTER TABLE shop.by_domain ENABLE TRIGGER even;'
		  . 'INSERT INTO shop.two_keys SELECT i, i FROM generate_series(1, 5) i; INSERT INTO shop.no_primary SELECT i, i FROM generate_series(1, 5) i; INSERT INTO shop.two_columns SELECT \'a\', i, i FROM generate_series(1, 5) i;'
		  . 'SET session_replication_role = replica; INSERT INTO shop.swallows SELECT generate_series(1, 4); INSERT INTO shop.no_key SELECT generate_series(1, 4)');
}

# ---------------------------------------------------------------------------- sequences

my $value = query('invoices', 'SELECT last_value FROM billing.invoice_line_line_id_seq');
query('invoices', "SELECT setval('billing.invoice_line_line_id_seq', $value + 1000)");
tool_ok([ @append, '--table', 'billing.invoice_line', '--on-conflict=skip' ], 'a sequence that is ahead');
is(query('invoices', 'SELECT last_value FROM billing.invoice_line_line_id_seq'), $value + 1000, 'is not moved back');
query('invoices', "SELECT setval('billing.invoice_line_line_id_seq', 5)");
tool_ok([ @append, '--table', 'billing.invoice_line', '--on-conflict=skip' ], 'a sequence that is behind');
is(query('invoices', 'SELECT last_value FROM billing.invoice_line_line_id_seq'), $value, 'is moved forward');

# ----------------------------------------------------- tables that are not what they were

query('postgres', 'CREATE DATABASE changed TEMPLATE reference');
my @changed = (@append, '--to', 'changed');
query('changed', <<'SQL');
TRUNCATE billing.invoice, billing.invoice_line, billing.document, audit.log;
ALTER TABLE billing.invoice ADD COLUMN channel text NOT NULL DEFAULT 'web';
ALTER TABLE billing.invoice_line DROP COLUMN delivered_on;
DROP TABLE audit.log_2025_02, audit.log_2025_03;
CREATE TABLE audit.log_spring PARTITION OF audit.log FOR VALUES FROM ('2025-02-01') TO ('2025-04-01');
ALTER TABLE audit.log DETACH PARTITION audit.log_2025_05;
DROP TABLE billing.session_cache;
CREATE VIEW billing.session_cache AS SELECT 1;
SQL
tool_ok([ @changed, '--table', 'billing.invoice' ], 'a column that is new');
is(query('changed', "SELECT count(*) FROM billing.invoice WHERE channel = 'web'"), count('billing.invoice'), 'takes its default');
tool_fails([ @changed, '--table', 'billing.invoice_line' ], 1,
	qr/column "delivered_on" of table billing\.invoice_line does not exist.*HINT.*--as/s, 'a column that is gone');
is(query('changed', 'SELECT count(*) FROM billing.invoice_line'), 0, 'nothing was added');
$text = tool_ok([ @changed, '--table', 'audit.log' ], 'partitions that differ');
is(query('changed', 'SELECT (SELECT count(*) FROM audit.log) + (SELECT count(*) FROM audit.log_2025_05)'),
	count('audit.log'), 'all rows found a place');
is(query('changed', 'SELECT count(*) FROM audit.log_spring'), query('invoices', 'SELECT count(*) FROM audit.log WHERE '
		  . "logged_at >= '2025-02-01' AND logged_at < '2025-04-01'"), 'in the partition of today');
tool_fails([ @changed, '--table', 'billing.session_cache' ], 1, qr/session_cache is not a table now/, 'a table that is a view now');
query('changed', 'CREATE TABLE billing.scans (LIKE billing.document); DROP TABLE billing.document');
tool_fails([ @changed, '--table', 'billing.document' ], 1, qr/table "billing\.document" does not exist.*HINT.*--append/s,
	'a table that is gone');
tool_ok([ @changed, '--table', 'billing.document', '--as', 'scans' ], 'rows into a table of another name');
is(query('changed', 'SELECT count(*) FROM billing.scans'), count('billing.document'), 'are all there');
query('changed', 'ALTER TABLE billing.supplier ALTER name DROP NOT NULL, DROP COLUMN name, '
	  . "ADD COLUMN name text GENERATED ALWAYS AS ('x') STORED");
tool_fails([ @changed, '--table', 'billing.supplier' ], 1, qr/column "name" of table billing\.supplier is generated now/,
	'a column that is generated now');

# ---------------------------------------------------------------- cycles and triggers

create_database('cyclic');
query('cyclic', <<'SQL');
CREATE TABLE a (id integer PRIMARY KEY, b integer, self integer REFERENCES a);
CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a);
ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b;
CREATE TABLE fired (what text);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.fired VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER fire AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION fire();
INSERT INTO a VALUES (1, NULL, 2), (2, NULL, 1);
INSERT INTO b VALUES (1, 1), (2, 2);
UPDATE a SET b = id;
TRUNCATE fired;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'cyclic' ], 'backup');
my @cyclic = ('restore', '--repo', $repo, 'cyclic', '--append', '--table', 'public.a', '--table', 'public.b');
query('cyclic', 'TRUNCATE a, b');
tool_fails(\@cyclic, 1, qr/refer to each other.*DETAIL.*public\.a, public\.b.*HINT.*--disable-triggers/s, 'P51: a cycle of foreign keys');
tool_ok([ @cyclic, '--disable-triggers' ], 'P51: --disable-triggers');
is(query('cyclic', 'SELECT count(*) FROM a JOIN b ON b.id = a.b'), 2, 'rows of both');
is(query('cyclic', 'SELECT count(*) FROM fired'), 0, 'nothing fired');
query('cyclic', 'TRUNCATE a, b; ALTER TABLE a ALTER CONSTRAINT a_b DEFERRABLE');
tool_ok([ @cyclic, '--on-conflict=skip' ], 'a cycle that can be deferred');
is(query('cyclic', 'SELECT count(*) FROM a JOIN b ON b.id = a.b'), 2, 'rows of both');
is(query('cyclic', 'SELECT count(*) FROM fired'), 2, 'triggers fire, as they do with pg_dump --data-only');
query('cyclic', 'CREATE ROLE plain LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO plain; TRUNCATE a, b');
tool_fails([ @cyclic, '--disable-triggers', '-U', 'plain' ], 1, qr/session_replication_role/, 'by one who is no superuser');
tool_fails([ @cyclic[ 0 .. 4 ], '--table', 'public.b' ], 1, qr/could not load table public\.b.*b_a_fkey/s,
	'rows whose partners are missing');
is(query('cyclic', 'SELECT count(*) FROM b'), 0, 'nothing was added');

# What can still fail is looked at before the sequences move: where the role does not own them, that is not taken back.
create_database('late');
query('late', <<'SQL');
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (id serial PRIMARY KEY, parent integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
INSERT INTO parent VALUES (1);
INSERT INTO child (parent) SELECT 1 FROM generate_series(1, 40);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'late' ], 'backup');
query('late', 'TRUNCATE parent, child; GRANT ALL ON ALL TABLES IN SCHEMA public TO plain; '
	  . "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain; SELECT setval('child_id_seq', 3)");
my @late = ('restore', '--repo', $repo, 'late', '--append', '--table', 'public.child');
for my $user ('plain', 'postgres')
{
	tool_fails([ @late, '-U', $user ], 1, qr/child_parent_fkey/, "$user: rows that a deferred key refuses");
	is(query('late', 'SELECT (SELECT count(*) FROM child), last_value FROM child_id_seq'), '0|3', 'no row, and no sequence moved');
}
query('late', 'CREATE TABLE twin (LIKE child)');
tool_ok([ @late, '--as', 'twin' ], '--as');
is(query('late', 'SELECT (SELECT count(*) FROM twin), last_value FROM child_id_seq'), '40|3', 'the sequence of the other table stays');
query('late', 'INSERT INTO parent VALUES (1)');
tool_ok([ @late, '-U', 'plain' ], 'when the key is content');
is(query('late', 'SELECT (SELECT count(*) FROM child), last_value FROM child_id_seq'), '40|40', 'it moves');

# Odd tables: identity ALWAYS, generated columns, no columns, odd names, rules of the encoding.
create_database('odd');
query('odd', <<'SQL');
CREATE TABLE always (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, g integer GENERATED ALWAYS AS (7) STORED, v text);
INSERT INTO always (v) SELECT 'v' || n FROM generate_series(1, 100) n;
CREATE TABLE "no""ne" ();
INSERT INTO "no""ne" DEFAULT VALUES;
CREATE TABLE "A b" ("c, d" text, "e""(f)" integer UNIQUE);
INSERT INTO "A b" VALUES (E'tab\t\\.\n', 1), (NULL, 2);
SQL
query('postgres', 'CREATE DATABASE odd_before TEMPLATE odd');
tool_ok([ 'backup', '--repo', $repo, '-d', 'odd' ], 'backup');
query('odd', 'DELETE FROM always WHERE id > 50; DELETE FROM "A b" WHERE "e""(f)" = 1; TRUNCATE "no""ne"');
tool_ok([ 'restore', '--repo', $repo, 'odd', '--data-only', '--on-conflict', 'skip', '--yes' ], '--data-only, everything');
same_database('odd_before', 'odd', 'odd tables');

# ------------------------------------------------------------------------- bad input

tool_fails([ @append, '--to', 'nowhere' ], 1, qr/database "nowhere" does not exist.*HINT.*--to/s, 'a database that is not there');
tool_fails([ @append, '--table', 'billing.open_invoice' ], 1, qr/none of the chosen objects has rows/, 'a view');
tool_fails([ @append, '--schema-only' ], 2, qr/--append and --schema-only do not go together/, '--schema-only');
tool_fails([ @append, '--drop', '--yes' ], 2, qr/--drop and --append do not go together/, '--drop');
tool_fails([ @append, '--no-owner' ], 2, qr/--append and --no-owner/, '--no-owner');
# ------------------------------------------ skip, where nothing tells rows apart

create_database('keyless');
query('keyless', <<'SQL');
CREATE TABLE bare (id int, v text); CREATE TABLE nullable (id int UNIQUE, v text); CREATE TABLE partial (id int NOT NULL, v text);
CREATE UNIQUE INDEX ON partial (id) WHERE id > 4; CREATE TABLE expression (id int NOT NULL, v text); CREATE UNIQUE INDEX ON expression ((id + 1));
CREATE TABLE parted (id int NOT NULL, v text) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (5);
CREATE TABLE parted_2 PARTITION OF parted (PRIMARY KEY (id)) FOR VALUES FROM (5) TO (100);
CREATE TABLE second (a int NOT NULL, b int, UNIQUE (a) INCLUDE (b)); CREATE TABLE excluded (r int4range NOT NULL, EXCLUDE USING gist (r WITH &&));
CREATE TABLE many (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE many_2 (id int PRIMARY KEY, v text);
CREATE TABLE many_1 PARTITION OF many FOR VALUES FROM (0) TO (5); CREATE TABLE many_3 PARTITION OF many FOR VALUES FROM (5) TO (100);
CREATE TABLE keyed (id int PRIMARY KEY, v text);
INSERT INTO second SELECT g FROM generate_series(1, 8) g; INSERT INTO excluded SELECT int4range(g, g + 1) FROM generate_series(1, 8) g;
SQL
query('keyless', "INSERT INTO $_ SELECT g, 'v' FROM generate_series(1, 8) g") for qw(bare nullable partial expression parted keyed many many_2);
query('keyless', "INSERT INTO nullable VALUES (NULL, 'n')");
tool_ok([ 'backup', '--repo', $repo, '-d', 'keyless' ], 'tables with and without keys');
my @keyless = ('restore', '--repo', $repo, 'keyless', '--append', '--on-conflict=skip');
my %keyless = (bare => 'bare', partial => 'partial', expression => 'expression', 'parted*' => 'parted_1');
for my $table (sort keys %keyless)
{
	my $before = normalized_dump('keyless');
	tool_fails([ @keyless, '--table', $table ], 1,
		qr/error: --on-conflict=skip cannot tell which rows are there already: 1 table has @{[ $table =~ m{^[pe].*n$|l$} ? 'a unique index on an expression or with a condition only' : 'no unique key' ]}\nDETAIL:  public\.$keyless{$table}\.\nHINT: .*--yes/,
		"skip is refused: $table");
	ok(normalized_dump('keyless') eq $before, '... and nothing was done');
}
tool_fails([ @keyless ], 1, qr/2 tables have no .*\nDETAIL:  public\.bare, public\.parted_1\.\n.*2 tables have a .*\nDETAIL:  public\.expression, public\.partial\./s, 'all of them are named');
# What keeps a row out is not known there: neither "there already" nor "kept out" is said for certain.
query('keyless', 'CREATE ROLE keeper; DELETE FROM expression WHERE id > 6');
for my $owner ('postgres', 'keeper')
{
	query('keyless', "ALTER TABLE expression OWNER TO $owner");
	my @as = $owner eq 'keeper' ? '--rows-as=session' : ();
	my $conflict = tool_fails([ 'restore', '--repo', $repo, 'keyless', '--append', '--table', 'expression', @as ], 1, qr/rows of the backup are in table public\.expression already/, "$owner: a conflict");
	like($conflict, qr/public\.expression: 6 of 8 rows are there already, or would be kept out by a trigger or another row$/m, 'says what it does not know');
	my ($skipped, $kept, $told) = tool(@keyless, '--table', 'expression', '--yes', @as);
	is($skipped, 0, 'with --yes the index skips') or diag($told);
	like($told, qr/warning: rows that no unique index keeps out are added though .* on an expression or has a condition: table public\.expression$/m, 'with a warning');
	like($kept, qr/^public\.expression: 2 rows added, 6 not added: there already, or kept out by a trigger or another row$/m, 'and what is true');
	query('keyless', 'DELETE FROM expression WHERE id > 6');
}
query('keyless', 'CREATE TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); INSERT INTO late VALUES (1);'
	. 'CREATE TABLE refers (id int PRIMARY KEY, late int REFERENCES keyed DEFERRABLE INITIALLY DEFERRED); INSERT INTO refers VALUES (1, 1)');
tool_ok([ 'backup', '--repo', $repo, '-d', 'keyless' ], 'with keys that wait');
tool_fails([ 'restore', '--repo', $repo, 'keyless', '--append', '--table', 'late' ], 1,
	qr/error: rows of the backup are in table "late" already\nDETAIL: .*duplicate key.*\nHINT:  Nothing was changed\. .*--as/, 'a conflict that waits');
query('keyless', 'DELETE FROM refers; DELETE FROM keyed WHERE id = 1');
tool_fails([ 'restore', '--repo', $repo, 'keyless', '--append', '--table', 'refers' ], 1,
	qr/error: a constraint that is deferred refuses rows of the backup\nDETAIL: .*violates foreign key/, 'and a reference');
query('keyless', "DROP TABLE late, refers; ALTER TABLE expression OWNER TO postgres; INSERT INTO keyed VALUES (1, 'v')");
query('keyless', "INSERT INTO expression SELECT g, 'v' FROM generate_series(7, 8) g");
is(tool_json(@keyless, '--table', $_)->{rows}, 0, "with a key it skips: $_") for qw(keyed second excluded);
query('keyless', 'TRUNCATE bare');
is(tool_json(@keyless, '--table', 'bare')->{rows}, 8, 'a table without rows takes all');
query('keyless', 'DELETE FROM nullable WHERE id > 3');
my ($sure, $added, $warned) = tool(@keyless, '--table', 'bare', '--table', 'nullable', '--yes');
is($sure, 0, 'with --yes') or diag($warned);
like($warned, qr/warning: all rows are added though they may be there already, as there is no unique key: table public\.bare$/m, '... with a warning');
like($warned, qr/warning: rows with NULL in their key, if there are any, are added though they may be there already: table public\.nullable$/m, '... and one for NULLs');
like($added, qr/^public\.bare: 8 rows added$/m, '... and counted');
like($added, qr/^public\.nullable: 6 rows added, 3 there already$/m, '... a row with NULL, too');
is(query('keyless', 'SELECT (SELECT count(*) FROM bare), (SELECT count(*) FROM nullable)'), '16|10', '... as they are');
my $parts = tool_ok([ @keyless, '--table', 'many*' ], 'partitions, and a table between them');
is(join(' ', $parts =~ /^public\.(many\w*): /mg), 'many many_2', '... one line for each table that takes rows');
like($parts, qr/^public\.many: 0 rows added, 8 there already$/m, '... with the sum');
tool_fails([ @keyless, '--table', 'keyed', '--as', 'bare' ], 1, qr/DETAIL:  public\.bare\./, 'the table that takes the rows counts');

# ------------------------------------------ values that columns of now would alter

create_database('altered');
query('altered', <<'SQL');
CREATE DOMAIN amount AS numeric(12,4); CREATE TYPE pair AS (a numeric(12,4), b text); CREATE TYPE pairs AS (p pair[]);
CREATE TYPE mood AS ENUM ('glad');
CREATE TABLE n (id int PRIMARY KEY, v numeric(12,4), d float8, ts timestamptz, iv interval, dt timestamp, s varchar(10), bo bool);
INSERT INTO n VALUES (1, 1.2345, 0.1234567890123, '2026-01-01 12:00:00.123456+02', '1 day 02:03:04.567', '2026-01-01 12:00', 'x   ', true);
CREATE TABLE gen (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) STORED); INSERT INTO gen VALUES (1);
CREATE TABLE widened (id int PRIMARY KEY, a int, b varchar(10), c text, d numeric(10,2), e real, f date, g mood, h int[], i text, j cidr);
INSERT INTO widened VALUES (1, 2, 'ab', 't', 1.23, 0.1, '2026-01-01', 'glad', '{1,2}', 'glad', '10.0.0.0/8');
CREATE TABLE domains (id int PRIMARY KEY, d amount, a amount[]); INSERT INTO domains VALUES (1, 1.2345, '{1.2345}');
CREATE TABLE rowtypes (id int PRIMARY KEY, c pairs); INSERT INTO rowtypes VALUES (1, ROW(ARRAY[ROW(1.2345, 'x')::pair]));
CREATE TABLE parent (id int PRIMARY KEY, v numeric(12,4)); CREATE TABLE child (w text) INHERITS (parent); INSERT INTO child VALUES (1, 1.2345, 'w');
CREATE TABLE typed OF pair; INSERT INTO typed VALUES (1.2345, 'w');
CREATE TABLE range (id int, v numeric(12,4)) PARTITION BY RANGE (id); CREATE TABLE range_1 PARTITION OF range FOR VALUES FROM (0) TO (10);
INSERT INTO range VALUES (1, 1.2345);
CREATE TABLE "o""dd, (x)" ("a b" varchar(10) COLLATE "C" DEFAULT 'x,)' NOT NULL, tags text[] DEFAULT ARRAY['a', 'b'], "GENERATED" numeric(4,2) CHECK ("GENERATED" > 0),
	CONSTRAINT "CONSTRAINT" CHECK ("a b" <> ')')); INSERT INTO "o""dd, (x)" VALUES ('y', NULL, 1.23);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'altered' ], 'backup');
query('postgres', 'CREATE DATABASE altered_before TEMPLATE altered');
query('altered', <<'SQL');
TRUNCATE n, gen, widened, child, range, "o""dd, (x)"; DROP TABLE domains, rowtypes, typed; DROP TYPE pairs; DROP DOMAIN amount;
ALTER TABLE n ALTER v TYPE numeric(10,2), ALTER d TYPE real, ALTER ts TYPE timestamp, ALTER iv TYPE interval day, ALTER dt TYPE date,
	ALTER s TYPE varchar(2), ALTER bo TYPE text;
ALTER TABLE gen DROP b, ADD b int;
ALTER TABLE widened ALTER a TYPE bigint, ALTER b TYPE varchar(20), ALTER c TYPE varchar, ALTER d TYPE numeric(12,3), ALTER e TYPE float8,
	ALTER f TYPE timestamp, ALTER g TYPE text, ALTER h TYPE text USING h::text, ALTER i TYPE mood USING i::mood, ALTER j TYPE inet, ADD k int DEFAULT 7, ADD l int;
CREATE DOMAIN amount AS numeric(10,2); ALTER TYPE pair ALTER ATTRIBUTE a TYPE numeric(10,2); CREATE TYPE pairs AS (p pair[]);
ALTER TABLE parent ALTER v TYPE numeric(8,1); ALTER TABLE range ALTER v TYPE numeric(8,1);
ALTER TABLE "o""dd, (x)" ALTER "GENERATED" TYPE numeric(4,1), ALTER "a b" TYPE varchar(11);
SQL
my @altered = ('restore', '--repo', $repo, 'altered', '--to', 'altered');
my $n = join '; ', map { qq{Column "$_->[0]" of table public.n: $_->[1] in the backup, $_->[2] now} } (
	[ v => 'numeric(12,4)', 'numeric(10,2)' ], [ d => 'double precision', 'real' ], [ ts => 'timestamp with time zone', 'timestamp without time zone' ],
	[ iv => 'interval', 'interval day' ], [ dt => 'timestamp without time zone', 'date' ], [ s => 'character varying(10)', 'character varying(2)' ],
	[ bo => 'boolean', 'text' ]);
$n =~ s/; C/; c/g;
tool_fails([ @altered, '--append', '--table', 'n' ], 1,
	qr/error: values would be altered, as columns have changed since the backup\nDETAIL:  \Q$n\E\.\nHINT:  .*--as.*INSERT.*--yes/, 'types that take less');
tool_fails([ @altered, '--append', '--table', 'gen' ], 1, qr/DETAIL:  Column "b" of table public\.gen: generated in the backup/, 'a column that was generated');
tool_fails([ @altered, '--append', '--table', 'range*' ], 1, qr/DETAIL:  Column "v" of table public\.range: numeric\(12,4\) in the backup, numeric\(8,1\) now\.\n/, 'of a partitioned table');
tool_fails([ @altered, '--append', '--table', 'child' ], 1, qr/Column "v" of table public\.child: numeric\(12,4\)/, 'of a parent');
tool_fails([ @altered, '--append', '--table', '"o""dd, (x)"' ], 1, qr/DETAIL:  Column "GENERATED" of table public\."o""dd, \(x\)": numeric\(4,2\) in the backup, numeric\(4,1\) now\.\n/, 'of odd names');
is(query('altered', 'SELECT (SELECT count(*) FROM n) + (SELECT count(*) FROM gen) + (SELECT count(*) FROM range) + (SELECT count(*) FROM parent) + (SELECT count(*) FROM "o""dd, (x)")'),
	0, 'nothing was added');
my ($kept, undef, $defaults) = tool(@altered, '--append', '--table', 'widened');
is($kept, 0, 'types that take more') or diag($defaults);
like($defaults, qr/warning: added rows get defaults in columns that the backup does not have: table public\.widened: "k", "l"\./, '... and new columns, named');
is(query('altered', 'SELECT w FROM widened w'), '(1,2,ab,t,1.230,0.1,"2026-01-01 00:00:00",glad,"{1,2}",glad,10.0.0.0/8,7,)', '... with their values');
my ($meant, undef, $said) = tool(@altered, '--append', '--table', 'n', '--yes');
is($meant, 0, 'with --yes') or diag($said);
like($said, qr/warning: values may be altered, as columns have changed since the backup\.  Column "v"/, '... with a warning');
is(query('altered', 'SELECT v, dt FROM n'), '1.23|2026-01-01', '... as the server reads them');
tool_ok([ @altered, '--table', 'n', '--as', 'n_before' ], 'what the hint says');
is(query('altered', 'SELECT n FROM n_before n'), query('altered_before', 'SELECT n FROM n'), '... brings them back');

# A new table over types and a parent that are there: they are read as those.
my %made = (
	domains => 'column "d" of table public\.domains: public\.amount \(numeric\(12,4\)\) in the backup, public\.amount \(numeric\(10,2\)\) now; .*"a".*public\.amount\[\]',
	rowtypes => 'column "c" of table public\.rowtypes: attribute "p" of public\.pairs is attribute "a" of public\.pair is numeric\(12,4\)',
	typed => 'column "a" of table public\.typed: numeric\(12,4\) in the backup');
for my $table (sort keys %made)
{
	tool_fails([ @altered, '--table', $table ], 1, qr/error: values would be altered, as types or parents.*DETAIL:  $made{$table}.*HINT:  .*--to/si, "$table: made over types of now");
	is(query('altered', "SELECT to_regclass('$table')"), '', '... and nothing is left');
}
tool_fails([ @altered, '--table', 'child', '--as', 'young' ], 1, qr/column "v" of table public\.young: numeric\(12,4\)/i, 'a child of a parent of now');

tool_fails([ @append, '--on-conflict=ignore' ], 2, qr/abort, skip/, 'an action that is none');
tool_fails([ 'restore', '--repo', $repo, 'invoices', '--to', 'x', '--on-conflict=skip' ], 2, qr/needs --append/,
	'--on-conflict without --append');
query('invoices', 'TRUNCATE billing.document; GRANT USAGE ON SCHEMA billing TO invoice_report');
tool_fails([ @append, '--table', 'billing.document', '--role', 'invoice_report' ], 1, qr/permission denied/, 'a role that may only read');
tool_fails([ @append, '--table', 'billing.document', '-U', 'invoice_report' ], 1, qr/permission denied/, 'and a user');
is(count('billing.document'), 0, 'nothing was added');

# ------------------------------------------------------------------------ interrupted

query('invoices', 'DELETE FROM billing.invoice_line');
my $release = hold_lock('invoices', 'billing.document');
for my $signal ('INT', 'KILL')
{
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @append, @both);

	# The lines are in, as far as the transaction is concerned, when it waits for the other table.
	ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") }), 'it waits');
	kill $signal, $pid;
	my $code = finish_tool($pid);
	is($code, $signal eq 'INT' ? 130 : 137, "SIG$signal: exit $code");
	ok(wait_until(sub { backends_in('invoices') <= 1 || query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE "
				  . "wait_event_type = 'Lock'") == 0 }), 'the server noticed') if $signal eq 'INT';
	query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'nex_backup%'");
}
$release->();
for my $delay (0.1, 0.3, 0.5)
{
	for my $signal ('INT', 'KILL')
	{
		my $log = File::Temp->new;
		my $pid = start_tool("$log", @append, '--table', 'billing.invoice_line');
		select(undef, undef, undef, $delay);
		kill $signal, $pid;
		my $ended = finish_tool($pid);
		foreign_backends();
		my $rows = count('billing.invoice_line');
		ok($rows == 0 || ($ended == 0 && $rows > 0), "SIG$signal after $delay s: all or nothing");
		query('invoices', 'DELETE FROM billing.invoice_line') if $rows;
	}
}

# What code of a table needs, and what cannot be skipped: the hint says what helps.
create_database('hints');
query('hints', <<'SQL');
CREATE TABLE audit (i int);
CREATE TABLE t (i int);
INSERT INTO t VALUES (1);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (new.i); RETURN new; END';
CREATE TRIGGER note AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE late_key (i int PRIMARY KEY DEFERRABLE);
INSERT INTO late_key VALUES (1);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'hints' ], 'backup');
query('hints', 'DELETE FROM t');
my @hints = ('restore', '--repo', $repo, 'hints', '--to', 'hints', '--append', '--yes');
tool_fails([ @hints, '--table', 't' ], 1, qr/relation "audit" does not exist.*HINT:  .*empty search_path.*SET search_path.*--disable-triggers/s,
	'a trigger with a name without schema');
tool_ok([ @hints, '--table', 't', '--disable-triggers' ], 'without triggers');
tool_fails([ @hints, '--table', 'late_key', '--on-conflict=skip' ], 1, qr/error: --on-conflict=skip cannot skip rows where a unique key is deferrable: 1 table has one\nDETAIL:  public\.late_key\.\nHINT:  .*--as/, 'a key that is deferrable');

done_testing();
