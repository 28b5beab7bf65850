# Databases that nobody made for this test: each extension that comes with PostgreSQL, with a
# table of each of its types, and the tables of pgbench.
use strict;
use warnings;

use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my $node = start_server('main', max_locks_per_transaction => 200);

plan skip_all => 'needs PostgreSQL 15 or later' if $node->pg_version < 15;

my $repo = new_repository();

# ------------------------------------------------------------- extensions

# Values for the types of extensions, by name; other types get NULL and their text "1", if it fits.
my %values = (
	citext => [ q('Text'), q('') ], cube => [ q('(1,2),(3,4)'), q('()') ], hstore => [ q('a=>1, "b c"=>NULL'), q('') ],
	ghstore => [], ltree => [ q('a.b.c'), q('') ], lquery => [ q('a.*{1,2}.b|c') ], ltxtquery => [ q('a & !b*') ],
	seg => [ q('1.5 .. 2.5'), q('~7') ], ean13 => [ q('978-0-393-04002-9') ], isbn13 => [ q('978-0-393-04002-9') ],
	isbn => [ q('0-393-04002-X') ], ismn => [ q('979-0-060-11561-5') ], ismn13 => [ q('979-0-060-11561-5') ],
	issn => [ q('1436-4522') ], issn13 => [ q('977-1436-452-00-8') ], upc => [ q('220356483481') ],
	query_int => [ q('1&(2|!3)') ], earth => [ q('(6378168,0,0)') ], lo => [ q(42) ]);

# They exclude each other, or write into the server's own files.
my %left_out = (nex_backup => 'the extension of this project has tests of its own');
my @extensions = split /\n/, query('postgres', <<'SQL');
SELECT e.name FROM pg_available_extensions e JOIN pg_available_extension_versions v
	ON v.name = e.name AND v.version = e.default_version
WHERE installed_version IS NULL ORDER BY coalesce(array_length(v.requires, 1), 0), e.name
SQL

create_database('extended');
my @made;
for my $extension (@extensions)
{
	if (exists $left_out{$extension})
	{
		note("$extension is left out: $left_out{$extension}");
		next;
	}
	# Every second one in a schema of its own, where it lets itself be put there.
	my $schema = @made % 2 ? 'public' : "of $extension";
	my $good = eval { query('extended', qq(CREATE SCHEMA IF NOT EXISTS "$schema"; CREATE EXTENSION "$extension" SCHEMA "$schema" CASCADE)); 1 }
	  || eval { query('extended', qq(CREATE EXTENSION IF NOT EXISTS "$extension" CASCADE)); 1 };
	$good ? push(@made, $extension) : note("$extension cannot be created here: $@");
}
cmp_ok(scalar(@made), '>=', 1, scalar(@made) . ' extensions') or BAIL_OUT('no extension can be created');
note("with @made");

# A table of each type that an extension brings; its array, and an index where there is a default one.
my @types = map { [ split /\|/ ] } split /\n/, query('extended', <<'SQL');
SELECT t.typname, format('%I.%I', n.nspname, t.typname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
WHERE t.typtype IN ('b', 'd', 'e') AND t.typelem = 0 ORDER BY 1, 2
SQL
my $number = 0;
for my $type (@types)
{
	my ($name, $qualified) = @$type;
	my @literals = @{ $values{$name} || [] };
	my $table = 'uses_' . ++$number;

	eval { query('extended', "CREATE TABLE $table (id serial PRIMARY KEY, v $qualified, many ${qualified}[])"); 1 }
	  or next;
	query('extended', "INSERT INTO $table (v) VALUES (NULL)");
	for my $literal (@literals)
	{
		ok(eval { query('extended', "INSERT INTO $table (v, many) VALUES (CAST($literal AS $qualified), ARRAY[CAST($literal AS $qualified), NULL])"); 1 },
			"a value of type $name") or diag($@);
	}
	eval { query('extended', "CREATE INDEX ON $table (v)") };
	eval { query('extended', "CREATE INDEX ON $table USING gist (v)") };
}
cmp_ok($number, '>=', 1, "tables of $number types");

# Indexes, foreign tables and functions of extensions that bring no type.
for my $sql ('CREATE TABLE words (w text, n integer, a integer[])', q(INSERT INTO words SELECT md5(g::text), g % 10, ARRAY[g, g + 1] FROM generate_series(1, 500) g),
	'CREATE INDEX ON words USING gin (w gin_trgm_ops)', 'CREATE INDEX ON words USING bloom (n)', 'CREATE INDEX ON words USING gin (n)',
	'CREATE INDEX ON words USING gist (n, w)', 'CREATE INDEX ON words USING gin (a gin__int_ops)',
	q(CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'nowhere')), q(CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (password 'p''w')),
	'CREATE FOREIGN TABLE far_table (a integer) SERVER far', 'CREATE SERVER files FOREIGN DATA WRAPPER file_fdw', q(CREATE FOREIGN TABLE a_file (l text) SERVER files OPTIONS (filename '/nowhere', format 'csv')),
	'CREATE TABLE stamped (at timestamp, by_whom text)', 'CREATE TRIGGER t BEFORE UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION moddatetime(at)',
	'CREATE TEXT SEARCH DICTIONARY numbers (TEMPLATE = intdict_template, MAXLEN = 3)', 'CREATE MATERIALIZED VIEW crossed AS SELECT * FROM crosstab($$VALUES (1, 1, 2), (1, 2, 3)$$) AS t (a integer, b integer, c integer)')
{
	eval { query('extended', 'SET search_path = public, ' . query('extended', q(SELECT coalesce(string_agg(format('%I', nspname), ', '), 'public') FROM pg_namespace WHERE nspname ~ '^of ')) . ";\n$sql"); 1 }
	  or note("left out: $sql: " . ($@ =~ /(ERROR.*)/)[0]);
}
oracle($repo, 'extended', modes => [ @modes[1, 3] ]);

# ---------------------------------------------------------------- pgbench

create_database('pgbench');
is(system('pgbench -i -q -s 1 --partitions=3 --foreign-keys pgbench >/dev/null 2>&1'), 0, 'pgbench -i, with partitions and foreign keys');
system('pgbench -n -c 2 -t 100 pgbench >/dev/null 2>&1');
oracle($repo, 'pgbench', modes => [ @modes[1, 2] ]);

done_testing();
