# P16: what the server puts into words speaks of the present, not of the snapshot.  An object that is
# renamed, rebuilt or dropped while pg_dump reads makes the backup begin again, on a new snapshot.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $bindir = $node->config_data('--bindir');

create_database('shop');
query('shop', <<'SQL');
CREATE SCHEMA stock;
CREATE TYPE stock.colour AS ENUM ('red', 'grün', 'blue');
CREATE FUNCTION stock.vat(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 0.19';
CREATE TABLE stock.item (id int, price numeric, colour stock.colour);
INSERT INTO stock.item SELECT i, i, (enum_range(NULL::stock.colour))[1 + i % 3] FROM generate_series(1, 1000) i;
CREATE INDEX item_id ON stock.item (id);
COMMENT ON INDEX stock.item_id IS 'under the name that it has';
CREATE INDEX item_vat ON stock.item (stock.vat(price));
CREATE VIEW stock.cheap AS SELECT id, stock.vat(price) AS tax FROM stock.item WHERE price < 10;
CREATE VIEW stock.cheapest AS SELECT tax FROM stock.cheap ORDER BY tax LIMIT 1;
CREATE SEQUENCE stock.numbers;
CREATE STATISTICS stock.item_stat (ndistinct) ON id, price FROM stock.item;
COMMENT ON STATISTICS stock.item_stat IS 'statistics, too';
SQL

# A directory for --pg-bindir whose pg_dump runs SQL before it does its work, the first `times` times.
sub pg_dump_after
{
	my ($times, $sql) = @_;
	my $directory = File::Temp::tempdir(CLEANUP => 1);

	symlink("$bindir/pg_restore", "$directory/pg_restore");
	write_bytes("$directory/sql", $sql);
	write_bytes("$directory/pg_dump", <<"SH");
#!/bin/sh
[ "\$1" = --version ] && exec "$bindir/pg_dump" --version
echo run >> "$directory/runs"
if [ \$(wc -l < "$directory/runs") -le $times ]
then
	PGAPPNAME= "$bindir/psql" -XqAt -v ON_ERROR_STOP=1 -v run=\$(wc -l < "$directory/runs") -d shop -f "$directory/sql" || exit 9
fi
exec "$bindir/pg_dump" "\$\@"
SH
	chmod 0755, "$directory/pg_dump";
	return $directory;
}

sub runs_of
{
	my ($directory) = @_;

	return scalar(() = read_bytes("$directory/runs") =~ /run/g);
}

# A backup while that happens: begins again, and is whole.
my %changes = (
	'an index that is renamed' => [ 'ALTER INDEX stock.item_id RENAME TO item_number', 'index stock.item_id' ],
	'and back' => [ 'ALTER INDEX stock.item_number RENAME TO item_id', 'index stock.item_number' ],
	'a function that an index uses' => [ 'ALTER FUNCTION stock.vat(numeric) RENAME TO tax_of', 'function stock.vat' ],
	'statistics' => [ 'ALTER STATISTICS stock.item_stat RENAME TO item_statistics', 'statistics stock.item_stat' ],
	'a function that is dropped' => [ 'CREATE FUNCTION stock.gone() RETURNS int LANGUAGE sql AS \'SELECT 1\'', 'DROP FUNCTION stock.gone()', 'function stock.gone' ],
	'a type' => [ 'ALTER TYPE stock.colour RENAME TO "a colour"', 'type stock.colour' ],
	'a label' => [ 'ALTER TYPE stock."a colour" RENAME VALUE \'red\' TO \'r,e"d\'', q(label 'red' of enum stock."a colour") ],
	'a view and its column' => [ 'ALTER VIEW stock.cheap RENAME COLUMN tax TO duty', 'column stock.cheap.tax' ],
	'a view that is made again' => [ 'DROP VIEW stock.cheapest; CREATE VIEW stock.cheapest AS SELECT 1 AS one', 'relation stock.cheapest' ],
	'a sequence that changes its schema' => [ 'ALTER SEQUENCE stock.numbers SET SCHEMA public', 'relation stock.numbers' ],
	# pg_dump does not find the tables that it is to lock then, which has always been a reason.
	'the schema' => [ 'ALTER SCHEMA stock RENAME TO "the stock"', undef ]);
for my $what ('an index that is renamed', 'and back', 'a function that an index uses', 'a function that is dropped', 'statistics', 'a type',
	'a label', 'a view and its column', 'a view that is made again', 'a sequence that changes its schema', 'the schema')
{
	my @steps = @{ $changes{$what} };
	my $named = pop @steps;
	my $sql = pop @steps;
	query('shop', $_) for @steps;
	my $directory = pg_dump_after(1, $sql);
	my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'shop', '--pg-bindir', $directory);
	is($code, 0, "P16: $what: the backup is made") or diag($err);
	like($err, qr/renamed, rebuilt or dropped while it was read: .*\Q$named\E.*; beginning again/, 'and says why it began again')
	  if defined $named;
	is(runs_of($directory), 2, 'once');
	my $again = join("\n", @{ tool_json('info', '--repo', $repo, 'shop')->{warnings} });
	like($again, qr/^the backup began again, because objects were renamed, .*: .*\Q$named\E/m, 'and keeps that it did')
	  if defined $named;
	query('postgres', 'DROP DATABASE IF EXISTS restored');
	tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'restored' ], 'it can be restored');
	same_database('shop', 'restored', 'and is what the database is now');
}

# What is new is no reason, nor what is dropped of what the snapshot never saw.
my $directory = pg_dump_after(1, 'CREATE FUNCTION new_one() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; CREATE TABLE t (id int PRIMARY KEY);'
	  . ' CREATE TYPE also_new AS ENUM (\'x\'); ALTER TYPE "the stock"."a colour" ADD VALUE \'yellow\'; DROP TABLE t;');
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop', '--pg-bindir', $directory ], 'new objects');
is(runs_of($directory), 1, 'are no reason to begin again');
is_deeply(tool_json('info', '--repo', $repo, 'shop')->{warnings}, [], 'and none for a warning');

# A schema of somebody else that has the same name again; in it a superuser has a table.
query('shop', <<'SQL');
CREATE ROLE joe LOGIN; GRANT CREATE ON DATABASE shop TO joe;
CREATE SCHEMA "of joe" AUTHORIZATION joe; CREATE SCHEMA fake AUTHORIZATION joe; CREATE SCHEMA his_own AUTHORIZATION joe;
CREATE TABLE "of joe".t AS SELECT 'genuine' AS v; CREATE TABLE fake.t AS SELECT 'planted' AS v; ALTER TABLE fake.t OWNER TO joe;
SQL
my $and_back = 'SET ROLE joe; ALTER SCHEMA "of joe" RENAME TO gone; ALTER SCHEMA fake RENAME TO "of joe"; ALTER SCHEMA "of joe" RENAME TO fake; ALTER SCHEMA gone RENAME TO "of joe";';
$directory = pg_dump_after(1, $and_back);
(undef, undef, my $said) = tool('backup', '--repo', $repo, '-d', 'shop', '--pg-bindir', $directory);
like($said, qr/while it was read: change of schema "of joe", which transaction \d+ has made; beginning again/, 'renamed there and back: begins again');
is(runs_of($directory), 2, 'once');
$directory = pg_dump_after(1, 'SET ROLE joe; ALTER SCHEMA his_own RENAME TO gone; ALTER SCHEMA gone RENAME TO his_own; RESET ROLE; GRANT USAGE ON SCHEMA public TO joe');
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop', '--pg-bindir', $directory ], 'a schema with nothing of others');
is(runs_of($directory), 1, 'may be, and so may one that only a superuser can rename');

# The same when pg_dump is done, but rows are not: more than the pieces of one worker hold, and none is stored before.
my $shim = gate_shim();
sub renamed_while_copied
{
	my ($sql) = @_;
	my ($log, $gate) = ("$repo.renamed.log", "$repo.gate");
	unlink $log, $gate;

	query('shop', q(CREATE TABLE IF NOT EXISTS slow AS SELECT string_agg(md5(i::text || j), '') AS t FROM generate_series(1, 30000) i, generate_series(1, 32) j GROUP BY i));
	my $pid;
	{
		local @ENV{ 'LD_PRELOAD', 'GATE_SHIM_FILE' } = ($shim, $gate) if $shim;
		$pid = start_tool($log, 'backup', '--repo', $repo, '-d', 'shop', '-j', 1, '--compress', $shim ? 'zstd:1' : 'zstd:12', '--verbose');
	}
	wait_until(sub { -e $log && read_bytes($log) =~ /the schema is read/ });
	query('shop', $sql);
	write_bytes($gate, '');
	is(finish_tool($pid), 0, 'the backup is made');
	return read_bytes($log);
}
like(renamed_while_copied($and_back), qr/while it was read: change of schema "of joe".*; beginning again/, 'while rows are copied');
query('shop', 'DROP SCHEMA "of joe", fake, his_own CASCADE; DROP OWNED BY joe; DROP ROLE joe');

# Again and again.
my @before = all_files("$repo/backups");
query('shop', 'ALTER INDEX "the stock".item_id RENAME TO item_0');
$directory = pg_dump_after(1000, '\set before `expr :run - 1`' . "\n" . '\set before item_ :before' . "\n" . '\set after item_ :run' . "\n"
	  . 'ALTER INDEX "the stock".:before RENAME TO :after;');
tool_fails([ 'backup', '--repo', $repo, '-d', 'shop', '--pg-bindir', $directory ], 1,
	qr/in each of 5 attempts.*DETAIL.*index "the stock"\.item_4.*HINT/s, 'a schema that never stays as it is');
is(runs_of($directory), 5, 'was read five times');
is_deeply([ all_files("$repo/backups") ], \@before, 'and nothing was published');
query('shop', 'ALTER INDEX "the stock".item_5 RENAME TO item_id');

# A label that is renamed when pg_dump is done, but rows are not.
my $pid;
like(renamed_while_copied(q[ALTER TYPE "the stock"."a colour" RENAME VALUE 'blue' TO 'azure']), qr/while it was read: label 'blue' of enum "the stock"\."a colour"; beginning again/, 'on a new snapshot');
query('postgres', 'DROP DATABASE IF EXISTS restored');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'restored' ], 'it can be restored');
same_database('shop', 'restored', 'and is what the database is now');

# A schema that is renamed while rows are copied: a lock on a table does not hold the name that it is read by.
query('shop', <<'SQL');
CREATE SCHEMA blue; CREATE SCHEMA green;
CREATE TABLE blue.wide AS SELECT 'blue ' || t AS t FROM slow LIMIT 12000;
CREATE TABLE green.wide AS SELECT 'green ' || t AS t FROM slow LIMIT 12000;
CREATE TABLE blue.item AS SELECT 1 AS id;
SQL
my $swap = 'BEGIN; ALTER SCHEMA blue RENAME TO other; ALTER SCHEMA green RENAME TO blue; ALTER SCHEMA other RENAME TO green; COMMIT';
my $there = q(DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query ~ 'COPY .*wide') LOOP
	PERFORM pg_stat_clear_snapshot(), pg_sleep(0.005); END LOOP; PERFORM pg_sleep(0.3); END $$);
my %renames = (
	'another schema takes its place' => [ '(?:schema|table) blue', 'BEGIN; ALTER SCHEMA blue RENAME TO old; CREATE SCHEMA blue; CREATE TABLE blue.item (id int); CREATE TABLE blue.wide (t text); COMMIT' ],
	'two change places, and back' => [ '(?:schema|table) (?:blue|green)', $swap, $there, $swap ]);
for my $what ('two change places, and back', 'another schema takes its place')
{
	my ($named, @steps) = @{ $renames{$what} };

	# There and back, a table must be copied all the while, others before and after: here the gate would hold only one.
	my $at_gate = $shim && @steps == 1;
	unlink "$repo.log", "$repo.gate";
	{
		local @ENV{ 'LD_PRELOAD', 'GATE_SHIM_FILE' } = ($shim, "$repo.gate") if $at_gate;
		$pid = start_tool("$repo.log", 'backup', '--repo', $repo, '-d', 'shop', '-j', 1, '--compress', $at_gate ? 'zstd:1' : 'zstd:12', '--verbose');
	}
	ok(wait_until(sub { -e "$repo.log" && read_bytes("$repo.log") =~ /the schema is read/ }), 'the schema is read');
	query('shop', "SET statement_timeout = '60s'; $_") for @steps;
	write_bytes("$repo.gate", '');
	is(finish_tool($pid), 0, "$what: the backup is made");
	like(read_bytes("$repo.log"), qr/while it was read: $named.*; beginning again/, 'on a new snapshot');
	query('postgres', 'DROP DATABASE IF EXISTS restored');
	tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'restored' ], 'it can be restored');
	same_database('shop', 'restored', 'and is what the database is now');
	is(query('restored', 'SELECT count(*), min(left(t, 4)), max(left(t, 4)) FROM blue.wide'), '12000|blue|blue', 'with its own rows') if @steps > 1;
}
is(foreign_backends(), 0, 'no connection is left open');

done_testing();
