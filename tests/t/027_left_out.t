# What a restore of a part leaves as it is in the live database, and what it says of that: a copy joins nothing,
# and what is gone of other tables is named.
use strict;
use warnings;

use NexBackup::Part;
use NexBackup::Test;
use Test::More;

start_server('main');

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

done_testing();
