# Finding A2 and its kind: while a backup copies rows, when pg_dump is done, the owner of a schema gives
# the name of one relation to another of another kind, whose content is SQL.  Whatever the backup does, it
# ends without a word of it in the text: it fails, begins again, or holds what its snapshot saw; a view is
# not even run.
use strict;
use warnings;

use NexBackup::Hostile;
use NexBackup::Test;
use Test::More;

my $node = hostile_server('main');
my $repo = new_repository();

query('postgres', 'CREATE ROLE joe LOGIN; CREATE DATABASE app TEMPLATE template0');
query('app', <<'SQL');
CREATE SCHEMA j AUTHORIZATION joe;
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER far FOREIGN DATA WRAPPER w;
GRANT USAGE ON FOREIGN SERVER far TO joe;
-- Enough to copy for a second, so that there is a time between pg_dump's end and the sequences.
CREATE TABLE j.big AS SELECT string_agg(md5(i::text || k), '') AS t FROM generate_series(1, 5000) i, generate_series(1, 32) k GROUP BY i;
ALTER TABLE j.big OWNER TO joe;
SQL
watch_from($node);

sub joe
{
	my ($sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query('app', "SET search_path = j; SET client_min_messages = error; $sql");
}

# A backup that is stopped when the schema is read, and goes on after the swap; exit code and messages.
sub backup_with
{
	my ($swap) = @_;
	my $log = "$repo.log";

	unlink $log;
	my $pid = start_tool($log, 'backup', '--repo', $repo, '-d', 'app', '-j', 2, '--compress', 'zstd:16', '--verbose');
	my $read = wait_until(sub { read_bytes($log) =~ /the schema is read/ });
	kill 'STOP', $pid;
	ok($read && read_bytes($log) !~ /sequences/, 'the schema is read, and not more');
	my $done = eval { joe($swap); 1 };
	my $why = $@;
	kill 'CONT', $pid;
	my $code = finish_tool($pid);
	return ($code, read_bytes($log), $done, $why);
}

# Values that step out of setval(), and out of COPY's rows.
my $escape = q[E'1, true);\nCREATE ROLE pwned_%1$d;\nSELECT (1'::text AS last_value, true AS is_called, 0::bigint AS log_cnt];
my $spy = q[CREATE FUNCTION spy_%1$d() RETURNS text LANGUAGE plpgsql AS 'BEGIN IF current_user <> ''joe'' THEN EXECUTE ''CREATE ROLE pwned_%1$d''; END IF; RETURN ''1''; END'];
my $swap = 'ALTER %2$s n%1$d RENAME TO old_%1$d; ALTER %3$s other_%1$d RENAME TO n%1$d';

my @swaps = (
	[ 'sequence and materialized view', 'CREATE SEQUENCE n%1$d; SELECT nextval(\'n%1$d\')', "CREATE MATERIALIZED VIEW other_%1\$d AS SELECT $escape", 'SEQUENCE', 'MATERIALIZED VIEW' ],
	[ 'sequence and view', 'CREATE SEQUENCE n%1$d', "$spy; CREATE VIEW other_%1\$d AS SELECT spy_%1\$d()::text AS last_value, true AS is_called", 'SEQUENCE', 'VIEW' ],
	[ 'sequence and table', 'CREATE SEQUENCE n%1$d', "CREATE TABLE other_%1\$d AS SELECT $escape", 'SEQUENCE', 'TABLE' ],
	[ 'sequence and foreign table', 'CREATE SEQUENCE n%1$d', 'CREATE FOREIGN TABLE other_%1$d (last_value text, is_called bool) SERVER far', 'SEQUENCE', 'FOREIGN TABLE' ],
	[ 'sequence and another sequence', 'CREATE SEQUENCE n%1$d START 7', 'CREATE SEQUENCE other_%1$d START 99', 'SEQUENCE', 'SEQUENCE' ],
	[ 'sequence of a column and a materialized view', 'CREATE TABLE t%1$d (n%1$d int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME n%1$d))', "CREATE MATERIALIZED VIEW other_%1\$d AS SELECT $escape", 'SEQUENCE', 'MATERIALIZED VIEW' ],
	[ 'sequence, by names of schemas', undef ],
	[ 'materialized view and view', "CREATE MATERIALIZED VIEW n%1\$d AS SELECT $escape", "$spy; CREATE VIEW other_%1\$d AS SELECT spy_%1\$d() AS last_value", 'MATERIALIZED VIEW', 'VIEW' ],
	[ 'sequence in two columns of other types', 'CREATE SEQUENCE n%1$d', q[CREATE MATERIALIZED VIEW other_%1$d AS SELECT 'NaN'::float8 AS last_value, E't);\nCREATE ROLE pwned_%1$d;\n--'::text AS is_called], 'SEQUENCE', 'MATERIALIZED VIEW' ],
	[ 'enum label', 'CREATE TYPE e%1$d AS ENUM (\'a\', \'b\'); CREATE TABLE n%1$d (e e%1$d); INSERT INTO n%1$d VALUES (\'a\')', undef, undef, undef,
		q[ALTER TYPE e%1$d RENAME VALUE 'a' TO E'\\\\.\n;CREATE ROLE pwned_%1$d;\n'] ],
	[ 'table and view', 'CREATE TABLE n%1$d (v text); INSERT INTO n%1$d VALUES (\'row\')', "$spy; CREATE VIEW other_%1\$d AS SELECT spy_%1\$d() AS v", 'TABLE', 'VIEW' ],
	[ 'column of a view', 'CREATE VIEW n%1$d AS SELECT 1 AS a', undef, undef, undef, q[ALTER VIEW n%1$d RENAME a TO "x;CREATE ROLE pwned_%1$d;--"] ],
	[ 'sequence that is dropped and made as a materialized view', 'CREATE SEQUENCE n%1$d', undef, undef, undef, "DROP SEQUENCE n%1\$d; CREATE MATERIALIZED VIEW n%1\$d AS SELECT $escape" ]);

# By default those that have, or had, a way in.
@swaps = grep { $_->[0] =~ /^(?:sequence and (?:materialized )?view|sequence, by|enum label)/ } @swaps unless $ENV{NEXB_HOSTILE};
for my $case (@swaps)
{
	my ($name, $one, $other, $kind, $other_kind, $change) = @$case;
	my $n = new_number("swap of $name");

	if (!defined $one)
	{
		query('app', "CREATE SCHEMA k$n AUTHORIZATION joe; CREATE SCHEMA l$n AUTHORIZATION joe");
		joe(sprintf("CREATE SEQUENCE k%1\$d.n; CREATE MATERIALIZED VIEW l%1\$d.n AS SELECT $escape", $n));
		$change = "ALTER SCHEMA k$n RENAME TO m$n; ALTER SCHEMA l$n RENAME TO k$n";
		# It takes the owner of the database to rename a schema.
		query('app', "GRANT CREATE ON DATABASE app TO joe");
	}
	else
	{
		joe(sprintf(join('; ', grep { defined } ($one, $other)), $n));
		$change = sprintf($change // $swap, $n, $kind // '', $other_kind // '');
	}
	my ($code, $log, $done, $why) = backup_with("BEGIN; SET LOCAL lock_timeout = '2s'; $change; COMMIT");
	note("$name: the swap was " . ($done ? 'made' : "refused: $why") . "; exit $code");
	quiet("$name: backup");
	# A backup that fails says why, and leaves nothing.
	like($log, qr/error: /, "$name: it failed with a message") if $code != 0;
	if ($code == 0)
	{
		my $id = latest_id($repo, 'app');
		tool_ok([ 'export', '--repo', $repo, "app/$id", '-o', "$repo.sql", '--yes' ], "$name: export");
		tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app_new' ], "$name: restore");
		quiet("$name: restore");
		query('postgres', 'DROP DATABASE IF EXISTS app_new; CREATE DATABASE app_psql TEMPLATE template0');
		system("psql -qX -o /dev/null -d app_psql -f $repo.sql 2>/dev/null");
		quiet("$name: export | psql");
		query('postgres', 'DROP DATABASE app_psql');
	}
}

# The next one, when all is quiet, is whole.
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'a backup afterwards');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app_new' ], 'restore');
quiet('restore of a backup afterwards');
same_database('app', 'app_new', 'it is whole');
is(foreign_backends(), 0, 'no connection is left open');

done_testing();
