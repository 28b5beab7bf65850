# A restore sends rows in COPY's binary format.  What it makes of a backup's text must be, byte for
# byte, what the server itself has: every type with a writer, its extremes and random values; and
# what has no binary form here is sent as text.
use strict;
use warnings;

use Digest::SHA ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

create_database('source');
query('source', <<'SQL');
SELECT setseed(0.4711);
CREATE FUNCTION digits(count int) RETURNS text LANGUAGE sql VOLATILE AS
	$$ SELECT string_agg(trunc(random() * 10)::int::text, '') FROM generate_series(1, count) $$;

CREATE TABLE bools (n serial, v bool);
INSERT INTO bools (v) VALUES (true), (false), (NULL);
CREATE TABLE integers (n serial, i2 int2, i4 int4, i8 int8, o oid);
INSERT INTO integers (i2, i4, i8, o) VALUES (0, 0, 0, 0), (NULL, NULL, NULL, NULL), (-1, -1, -1, 1),
	(32767, 2147483647, 9223372036854775807, 4294967295), (-32768, -2147483648, -9223372036854775808, 2147483648);
INSERT INTO integers (i2, i4, i8, o) SELECT (random() * 65534 - 32767)::int2, (random() * 4294967294 - 2147483647)::int4,
	(random() * 1.8e19 - 9e18)::int8 >> (random() * 60)::int, (random() * 4294967295)::int8::oid FROM generate_series(1, 5000);
CREATE TABLE floats (n serial, f4 float4, f8 float8);
INSERT INTO floats (f4, f8) VALUES (0, 0), ('-0', '-0'), ('NaN', 'NaN'), ('Infinity', 'Infinity'), ('-Infinity', '-Infinity'),
	(NULL, NULL), ('3.4028235e+38', '1.7976931348623157e+308'), ('1e-45', '4.9406564584124654e-324'),
	('1.17549435e-38', '2.2250738585072014e-308'), ('-1.1754942e-38', '2.225073858507201e-308'), (0.1, 0.1), (1e15, 1e15), (123456, 1e22);
INSERT INTO floats (f4, f8) SELECT (random() - 0.5) * 10::float8 ^ (random() * 74 - 37), (random() - 0.5) * 10::float8 ^ (random() * 600 - 300)
FROM generate_series(1, 5000);
CREATE TABLE numerics (n serial, v numeric, p numeric(12,2), rounded numeric(5,-2), small numeric(3,5), scaled numeric(1000,900));
INSERT INTO numerics (v) VALUES (0), (NULL), ('NaN'), ('Infinity'), ('-Infinity'), ('0.00'), ('-0.0'), ('1'), ('-1'), ('10'), ('9999'),
	('10000'), ('100000000'), ('0.1'), ('0.0001'), ('0.00001'), ('-0.00000000000000010'), ('12345.6789'), ('1.0000'), ('10000.0001'),
	('99999999999999.99990000'), (repeat('9', 131072)::numeric), (('-1' || repeat('0', 131071) || '.' || repeat('0', 16382) || '1')::numeric),
	(('0.' || repeat('0', 16382) || '7')::numeric), ((repeat('1230', 32768) || '.' || repeat('4', 16383))::numeric);
INSERT INTO numerics (v, p, rounded, small, scaled)
SELECT (CASE WHEN random() < 0.5 THEN '-' ELSE '' END || digits(1 + (random() * 30)::int)
	|| CASE WHEN random() < 0.7 THEN '.' || digits(1 + (random() * 30)::int) ELSE '' END)::numeric * 10::numeric ^ ((random() * 20)::int - 10),
	(digits(9) || '.' || digits(2))::numeric, (random() * 9000000)::int, (random() / 110)::numeric, (digits(100) || '.' || digits(900))::numeric
FROM generate_series(1, 3000);
INSERT INTO numerics (p) VALUES ('NaN');
CREATE TABLE times (n serial, d date, t time, ts timestamp, tz timestamptz, t3 time(3), ts0 timestamp(0));
INSERT INTO times (d, t, ts, tz) VALUES (NULL, NULL, NULL, NULL), ('infinity', '24:00:00', 'infinity', 'infinity'),
	('-infinity', '00:00:00', '-infinity', '-infinity'), ('0001-01-01', '23:59:59.999999', '0001-01-01 00:00:00', '0001-01-01 00:00:00+00'),
	('9999-12-31', '00:00:00.000001', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00'),
	('2000-01-01', '12:00:00.5', '2000-01-01 00:00:00', '2000-01-01 00:00:00+00'), ('1999-12-31', '12:30', '1999-12-31 23:59:59.9', '1999-12-31 23:59:59.9+00'),
	('1900-02-28', '12:30', '1900-03-01', '1900-03-01'), ('2000-02-29', '12:30', '2000-02-29 01:02:03.000400', '2000-02-29'), ('1600-02-29', NULL, NULL, NULL);
INSERT INTO times (d) SELECT date '0001-01-01' + g FROM generate_series(0, 3652058, 1111) g;
INSERT INTO times (d) SELECT date '1896-01-01' + g FROM generate_series(0, 3000) g;
INSERT INTO times (t, ts, tz, t3, ts0) SELECT time '00:00' + random() * interval '24 hours', timestamp '0001-01-01' + random() * interval '9998 years',
	timestamptz '1883-01-01' + random() * interval '400 years', time '00:00' + random() * interval '24 hours', timestamp '1970-01-01' + random() * interval '99 years'
FROM generate_series(1, 5000);
CREATE TABLE strings (n serial, t text, v varchar(40), c char(12), j json, jb jsonb, b bytea, u uuid);
INSERT INTO strings (t, v, c, j, jb, b, u) VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('', '', '', '""', '""', '', '00000000-0000-0000-0000-000000000000'),
	('\N', '\N', '\N', '"\\N"', '"\\N"', '\x5c4e', 'ffffffff-ffff-ffff-ffff-ffffffffffff'), ('\.', '\.', '\.', 'null', 'null', '\x5c2e0a', NULL),
	(E'\t\n\r\b\f\v\\', E'\t\n\r\b\f\v\\', E'\t\n\\t', E'{"a" :\n\t"\\u00fc\\\\"}', E'{"a" :\n\t"\\u00fc\\\\"}', '\x00010203ff5c', NULL),
	('NULL', 'null', ' x ', '[ ]', '[ ]', NULL, NULL), (repeat('ü\', 100000), 'Zażółć 東京', 'ü', NULL, NULL, decode(repeat('00ff', 100000), 'hex'), NULL);
INSERT INTO strings (t, v, c, j, jb, b, u) SELECT (SELECT string_agg(chr(1 + (random() * 300)::int), '') FROM generate_series(0, g % 40)),
	md5(g::text), left(md5(g::text), g % 12), to_json(chr(1 + g % 500)), jsonb_build_object(g, chr(1 + g % 500)),
	decode(repeat(md5(random()::text), g % 7), 'hex'), gen_random_uuid() FROM generate_series(1, 3000) g;

-- Types that users make, and tables that are not plain.
CREATE TYPE mood AS ENUM ('fine', E'tab\tand \\', '', 'ü''"');
CREATE DOMAIN grade AS numeric(3,1) NOT NULL CHECK (VALUE BETWEEN 0 AND 10);
CREATE DOMAIN feeling AS mood CHECK (VALUE <> '');
CREATE TABLE made (n serial, m mood, g grade, f feeling);
INSERT INTO made (m, g, f) SELECT (enum_range(NULL::mood))[1 + i % 4], i % 100 / 10.0, (enum_range(NULL::mood))[1 + i % 2] FROM generate_series(1, 200) i;
CREATE TABLE elder (a int, b date, dropped float8, c text, twice int GENERATED ALWAYS AS (a * 2) STORED);
ALTER TABLE elder DROP COLUMN dropped;
CREATE TABLE younger (c text, "a strange, name" bool, a int);
ALTER TABLE younger ADD COLUMN b date, ADD COLUMN twice int GENERATED ALWAYS AS (a * 2) STORED;
ALTER TABLE younger INHERIT elder;
INSERT INTO elder SELECT i, date '2026-01-01' + i, 'elder' || i FROM generate_series(1, 300) i;
INSERT INTO younger SELECT 'younger' || i, i % 2 = 0, i, date '2026-01-01' + i FROM generate_series(1, 300) i;
CREATE TABLE hashed (kind mood, n int) PARTITION BY HASH (kind);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE hashed_2 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO hashed SELECT (enum_range(NULL::mood))[1 + i % 4], i FROM generate_series(1, 400) i;
CREATE TABLE alone (t text);
INSERT INTO alone VALUES (''), ('\.'), (NULL), (E'\n'), ('x');
CREATE TABLE wide AS SELECT 1 AS n, repeat('0123456789', 300000) AS t, decode(repeat('00010203', 700000), 'hex') AS b;

-- These are sent as text: a type without writer, no columns.
CREATE TABLE of_arrays (n int, v int[]);
INSERT INTO of_arrays SELECT i, ARRAY[i, NULL] FROM generate_series(1, 100) i;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE of_composites (n int, v pair);
INSERT INTO of_composites SELECT i, ROW(i, NULL)::pair FROM generate_series(1, 100) i;
CREATE TABLE of_nothing ();
INSERT INTO of_nothing SELECT FROM generate_series(1, 100);

-- And these from some row on.
CREATE TABLE caesar (n int, d date, filler text);
INSERT INTO caesar SELECT i, CASE WHEN i = 7000 THEN date '0044-03-15 BC' ELSE date '2026-01-01' + i END, repeat('x', 50) FROM generate_series(1, 10000) i;
CREATE TABLE giant AS SELECT i AS n, CASE i WHEN 2 THEN decode(repeat('00010203', 2200000), 'hex') END AS b FROM generate_series(1, 3) i;
CREATE TABLE far_away (n int, t timestamp, z timestamptz, d date);
INSERT INTO far_away VALUES (1, '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '5874897-12-31'),
	(2, '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '4713-01-01 BC'), (3, '2026-01-01', '2026-01-01', '2026-01-01');
SQL

# Digests of each table's rows in the server's own binary form.
sub binary_pictures
{
	my ($database) = @_;
	my %pictures;

	# Columns by name: those that a child inherits may change places.
	for (split /\n/, query($database, <<'SQL'))
SELECT attrelid::regclass || '|' || string_agg(quote_ident(attname), ', ' ORDER BY attname)
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY attrelid
SQL
	{
		my ($table, $columns) = split /\|/;
		my ($out, $err) = ('', '');
		# Leaves of the hash of an enum may change places.
		my $from = $table =~ /^hashed/ ? 'hashed' : "ONLY $table";
		IPC::Run::run([ 'psql', '-X', '-d', $database, '-c',
				"COPY (SELECT $columns FROM $from ORDER BY ROW($columns)::text COLLATE \"C\") TO STDOUT (FORMAT binary)" ],
			'>', \$out, '2>', \$err)
		  or die $err;
		$pictures{$table} = length($out) . ' ' . Digest::SHA::sha256_hex($out);
	}
	return \%pictures;
}

# Tables that a restore sent as text, and those that it went on with as text, as its log says.
sub sent_as_text
{
	my ($log) = @_;
	my %whole = map { $_ => 1 } $log =~ /rows of table "(\S+)" are sent as text/g;
	my %rest = map { $_ => 1 } $log =~ /a row of table "(\S+)" has no binary form/g;

	return (join(' ', sort keys %whole), join(' ', sort keys %rest));
}

my $original = binary_pictures('source');
my %modes = (
	'one job' => { backup => [ '-j', 1 ], restore => [ '-j', 1 ] },
	'four jobs' => { backup => [ '-j', 4, '--chunk-blocks', 1 ], restore => [ '-j', 4 ] },
	'as text' => { backup => [], restore => [ '--copy-format', 'text' ] });

for my $mode (sort keys %modes)
{
	query('postgres', 'DROP DATABASE IF EXISTS restored');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'source', @{ $modes{$mode}{backup} } ], "backup, $mode");
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', 'restored', '--verbose', @{ $modes{$mode}{restore} });
	is($code, 0, "restore, $mode") or diag($err);
	my ($whole, $rest) = sent_as_text($err);
	is($whole, $mode eq 'as text' ? '' : 'public.of_arrays public.of_composites public.of_nothing', "$mode: sent as text");
	is($rest, $mode eq 'as text' ? '' : 'public.caesar public.far_away public.giant', "$mode: in part");
	is_deeply(binary_pictures('restored'), $original, "$mode: every byte is as it was");
	is(query('restored', 'SELECT count(*) FROM of_nothing'), 100, "$mode: rows without columns");
}

# What the server does not take ends the restore, and is told as it is with text.
query('source', 'CREATE TABLE strict (n int, t text); INSERT INTO strict SELECT i, i FROM generate_series(1, 1000) i;'
	  . ' CREATE FUNCTION fits(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN current_database() = \'source\' OR $1 <> \'700\'; END $$;'
	  . ' ALTER TABLE strict ADD CONSTRAINT fits CHECK (public.fits(t))');
tool_ok([ 'backup', '--repo', $repo, '-d', 'source' ], 'a table that refuses a row elsewhere');
for my $format ('binary', 'text')
{
	tool_fails([ 'restore', '--repo', $repo, 'source', '--to', 'refused', '--copy-format', $format ], 1,
		qr/could not load table public\.strict.*new row for relation "strict" violates check constraint "fits"/s, "a row that is refused, $format");
	is(query('postgres', q[SELECT count(*) FROM pg_database WHERE datname = 'refused']), 0, 'and nothing is left behind');
}
tool_fails([ 'restore', '--repo', $repo, 'source', '--to', 'x', '--copy-format', 'csv' ], 2, qr/binary, text/, 'a format that is none');

# Rows of an encoding that the target converts.
query('postgres', q[CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C']);
query('latin', q[CREATE TABLE words (n serial, t text, j jsonb); INSERT INTO words (t, j) SELECT convert_from(decode(to_hex(c), 'hex'), 'LATIN1'), to_jsonb(convert_from(decode(to_hex(c), 'hex'), 'LATIN1')) FROM generate_series(160, 255) c]);
tool_ok([ 'backup', '--repo', $repo, '-d', 'latin' ], 'backup of LATIN1');
tool_ok([ 'restore', '--repo', $repo, 'latin', '--to', 'latin_restored' ], 'restore of LATIN1');
is_deeply(binary_pictures('latin_restored'), binary_pictures('latin'), 'LATIN1: every byte is as it was');

done_testing();
