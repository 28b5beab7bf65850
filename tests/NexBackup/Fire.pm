# NexBackup::Fire
#   A database under fire: writers of every kind, and what must hold in any
#   consistent state of it, however it was dumped.
package NexBackup::Fire;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run ();
use NexBackup::Test;
use POSIX ();
use Time::HiRes qw(sleep);

our @EXPORT = qw(create_battlefield start_fire stop_fire violations wrong_indexes);

my %writers;
my $parent = $$;

# Also when the test dies.
END
{
	kill 'TERM', map { -$_ } values %writers if $$ == $parent;
}

# Everything that a writer does is one transaction, so each of these facts holds in each snapshot.
sub create_battlefield
{
	my ($database) = @_;

	query('postgres', "CREATE DATABASE $database TEMPLATE template0");
	query($database, <<'SQL');
CREATE SCHEMA vault;
CREATE SCHEMA scratch;
CREATE SCHEMA archive;
-- Money is only moved between the two tables; each move is in the ledger and counted.
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, note text);
CREATE TABLE vault.account (id int PRIMARY KEY, balance bigint NOT NULL, note text);
CREATE TABLE ledger (id bigserial PRIMARY KEY, amount bigint NOT NULL, kind int NOT NULL DEFAULT 0);
CREATE TABLE counter (name text PRIMARY KEY, value bigint NOT NULL);
CREATE INDEX account_balance ON account (balance);
INSERT INTO account SELECT i, 1000, repeat('a', 200) FROM generate_series(1, 1000) i;
INSERT INTO vault.account SELECT i, 1000, repeat('v', 200) FROM generate_series(1, 1000) i;
INSERT INTO counter VALUES ('transfers', 0), ('hot', 0), ('refilled', 0), ('parts', 3), ('side', 0);
-- Emptied and filled again with 100 rows of the next generation.
CREATE TABLE hot (generation bigint NOT NULL, i int NOT NULL);
INSERT INTO hot SELECT 0, i FROM generate_series(1, 100) i;
-- The same, by a new table of the same name.
CREATE TABLE refilled (generation bigint NOT NULL, i int NOT NULL);
INSERT INTO refilled SELECT 0, i FROM generate_series(1, 100) i;
-- Tables that come and go, and the list of them.
CREATE TABLE registry (name text PRIMARY KEY);
-- Partitions: attached ones have 100 rows each, detached ones lie in the schema archive.
CREATE TABLE measure (day int NOT NULL, value int NOT NULL) PARTITION BY LIST (day);
CREATE TABLE measure_1 PARTITION OF measure FOR VALUES IN (1);
CREATE TABLE measure_2 PARTITION OF measure FOR VALUES IN (2);
CREATE TABLE measure_3 PARTITION OF measure FOR VALUES IN (3);
INSERT INTO measure SELECT d, i FROM generate_series(1, 3) d, generate_series(1, 100) i;
-- Two tables that change their names.
CREATE TABLE left_side (name text NOT NULL);
CREATE TABLE right_side (name text NOT NULL);
INSERT INTO left_side VALUES ('0');
INSERT INTO right_side VALUES ('1');
-- Identity column: its sequence is never behind the rows.
CREATE TABLE ticket (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t timestamptz DEFAULT now());
SQL
	# What CREATE INDEX CONCURRENTLY leaves behind when it fails: here, because notes are not unique.
	my ($in, $err) = ('CREATE UNIQUE INDEX CONCURRENTLY account_shot ON account (note)', '');
	IPC::Run::run([ 'psql', '-Xq', '-d', $database ], '<', \$in, '2>', \$err);
	die "no invalid index: $err" unless $err =~ /could not create unique index/;
	return;
}

# What each writer does, over and over; a sub gives the commands of one round.  Commands of one
# round are sent as they are, so what must be one transaction says BEGIN and COMMIT.
my %work = (
	transfer => sub {
		my $sql = '';
		for (1 .. 20)
		{
			my ($from, $to, $amount) = (1 + int(rand(1000)), 1 + int(rand(1000)), int(rand(100)));
			my ($a, $b) = rand() < 0.5 ? ('account', 'vault.account') : ('vault.account', 'account');
			$sql .= "BEGIN; UPDATE $a SET balance = balance - $amount WHERE id = $from; "
			  . "UPDATE $b SET balance = balance + $amount WHERE id = $to; "
			  . "INSERT INTO ledger (amount) VALUES ($amount); "
			  . "UPDATE counter SET value = value + 1 WHERE name = 'transfers'; "
			  . "INSERT INTO ticket DEFAULT VALUES; COMMIT;\n";
		}
		return $sql;
	},
	truncate => sub {
		return "BEGIN; TRUNCATE hot; UPDATE counter SET value = value + 1 WHERE name = 'hot'; "
		  . "INSERT INTO hot SELECT value, i FROM counter, generate_series(1, 100) i WHERE name = 'hot'; COMMIT;\n";
	},
	replace => sub {
		return "BEGIN; DROP TABLE refilled; CREATE TABLE refilled (generation bigint NOT NULL, i int NOT NULL); "
		  . "UPDATE counter SET value = value + 1 WHERE name = 'refilled'; "
		  . "INSERT INTO refilled SELECT value, i FROM counter, generate_series(1, 100) i WHERE name = 'refilled'; COMMIT;\n";
	},
	rewrite => sub {
		my $type = rand() < 0.5 ? 'int' : 'bigint';
		return (
			"VACUUM FULL account;\n",
			"CLUSTER vault.account USING account_pkey;\n",
			"ALTER TABLE ledger ALTER COLUMN kind TYPE $type;\n",
			"VACUUM FULL ledger;\n",
			"VACUUM counter;\n",
			"ALTER TABLE account ADD COLUMN extra text DEFAULT clock_timestamp()::text; ALTER TABLE account DROP COLUMN extra;\n"
		)[ int(rand(6)) ];
	},
	create => sub {
		my $name = 't' . int(rand(20));
		return "BEGIN; INSERT INTO registry VALUES ('$name'); CREATE TABLE scratch.$name AS "
		  . "SELECT i FROM generate_series(1, 50) i; COMMIT;\n"
		  if rand() < 0.6;
		return "BEGIN; DELETE FROM registry WHERE name = '$name'; DROP TABLE scratch.$name; COMMIT;\n";
	},
	partition => sub {
		my $day = 1 + int(rand(3));
		return "BEGIN; ALTER TABLE measure DETACH PARTITION measure_$day; "
		  . "ALTER TABLE measure_$day SET SCHEMA archive; "
		  . "UPDATE counter SET value = value - 1 WHERE name = 'parts'; COMMIT;\n"
		  if rand() < 0.5;
		return "BEGIN; ALTER TABLE archive.measure_$day SET SCHEMA public; "
		  . "ALTER TABLE measure ATTACH PARTITION measure_$day FOR VALUES IN ($day); "
		  . "UPDATE counter SET value = value + 1 WHERE name = 'parts'; COMMIT;\n";
	},
	rename => sub {
		return "BEGIN; ALTER TABLE left_side RENAME TO middle_side; ALTER TABLE right_side RENAME TO left_side; "
		  . "ALTER TABLE middle_side RENAME TO right_side; "
		  . "UPDATE counter SET value = 1 - value WHERE name = 'side'; COMMIT;\n";
	},
	index => sub {
		return (
			"CREATE INDEX IF NOT EXISTS ledger_amount ON ledger (amount);\n",
			"DROP INDEX IF EXISTS ledger_amount;\n",
			"REINDEX TABLE account;\n",
			"REINDEX INDEX vault.account_pkey;\n",
			"REINDEX INDEX CONCURRENTLY account_balance;\n",
			"ANALYZE;\n"
		)[ int(rand(6)) ];
	});

# Start a writer of each kind; pause is the mean time between two rounds of one.
sub start_fire
{
	my ($database, $pause) = @_;

	for my $kind (sort keys %work)
	{
		my $pid = fork;
		die "fork: $!" unless defined $pid;
		if ($pid)
		{
			$writers{$kind} = $pid;
			next;
		}
		# From PostgreSQL 17 on its handler would end the servers of the test.
		$SIG{TERM} = 'DEFAULT';
		setpgrp(0, 0);
		srand($$);
		$ENV{PGAPPNAME} = "fire_$kind";
		# Errors are part of the game: a name that is taken, a lock that another has.
		open(my $psql, '|-', 'psql', '-XAtq', '-d', $database, '-o', '/dev/null')
		  or POSIX::_exit(1);
		open(STDERR, '>', '/dev/null');
		$psql->autoflush(1);
		while (1)
		{
			# The pause is the server's, so that commands do not pile up in the pipe.
			print $psql $work{$kind}->(), 'ROLLBACK; SELECT pg_sleep(', rand(2 * $pause), ");\n"
			  or last;
			sleep($pause / 2);
		}
		POSIX::_exit(0);
	}
	return;
}

sub stop_fire
{
	kill 'TERM', map { -$_ } values %writers;
	waitpid($_, 0) for values %writers;
	%writers = ();
	# 10 seconds for each to end, in milliseconds.
	query('postgres', "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'fire_%'");
	return;
}

# What does not hold in a state of the database, restored or not; empty when all is well.
sub violations
{
	my ($database) = @_;

	return query($database, <<'SQL');
SELECT 'money: ' || s FROM (SELECT (SELECT sum(balance) FROM account) + (SELECT sum(balance) FROM vault.account) AS s) x
	WHERE s IS DISTINCT FROM 2000000
UNION ALL
SELECT format('ledger: %s rows, %s transfers', c, value) FROM (SELECT count(*) AS c FROM ledger) x, counter
	WHERE name = 'transfers' AND c <> value
UNION ALL
SELECT format('tickets: %s, %s transfers', c, value) FROM (SELECT count(*) AS c FROM ticket) x, counter
	WHERE name = 'transfers' AND c <> value
UNION ALL
SELECT format('account: %s and %s rows', a, v) FROM (SELECT (SELECT count(*) FROM account) AS a,
	(SELECT count(*) FROM vault.account) AS v) x WHERE a <> 1000 OR v <> 1000
UNION ALL
SELECT format('hot: %s rows of generation %s, should be %s', c, g, value)
	FROM (SELECT count(*) AS c, max(generation) AS g, min(generation) AS l FROM hot) x, counter
	WHERE name = 'hot' AND (c <> 100 OR g <> l OR g IS DISTINCT FROM value)
UNION ALL
SELECT format('refilled: %s rows of generation %s, should be %s', c, g, value)
	FROM (SELECT count(*) AS c, max(generation) AS g, min(generation) AS l FROM refilled) x, counter
	WHERE name = 'refilled' AND (c <> 100 OR g <> l OR g IS DISTINCT FROM value)
UNION ALL
SELECT 'registry: ' || coalesce(r.name, t.relname) FROM registry r FULL JOIN
	(SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'scratch'::regnamespace) t ON t.relname = r.name
	WHERE r.name IS NULL OR t.relname IS NULL
UNION ALL
SELECT format('scratch.%s: %s rows', relname, n) FROM (SELECT relname,
	(xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM scratch.%I', relname), false, true, '')))[1]::text AS n
	FROM pg_class WHERE relkind = 'r' AND relnamespace = 'scratch'::regnamespace) x WHERE n <> '50'
UNION ALL
SELECT format('measure: %s rows, %s partitions', c, value) FROM (SELECT count(*) AS c FROM measure) x, counter
	WHERE name = 'parts' AND c <> 100 * value
UNION ALL
SELECT format('archive.%s: %s rows', relname, n) FROM (SELECT relname,
	(xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM archive.%I', relname), false, true, '')))[1]::text AS n
	FROM pg_class WHERE relkind = 'r' AND relnamespace = 'archive'::regnamespace) x WHERE n <> '100'
UNION ALL
SELECT format('parts: %s', c) FROM (SELECT count(*) AS c FROM pg_class WHERE relkind = 'r' AND relname LIKE 'measure\__') x
	WHERE c <> 3
UNION ALL
SELECT format('side: %s and %s, should be %s', l.name, r.name, value) FROM left_side l, right_side r, counter c
	WHERE c.name = 'side' AND (l.name <> value::text OR r.name <> (1 - value)::text)
UNION ALL
SELECT 'sides missing' WHERE (SELECT count(*) FROM left_side) <> 1 OR (SELECT count(*) FROM right_side) <> 1
UNION ALL
SELECT format('sequence of ledger: %s, rows up to %s', last_value, m) FROM ledger_id_seq,
	(SELECT coalesce(max(id), 0) AS m FROM ledger) x WHERE last_value < m
UNION ALL
SELECT format('sequence of ticket: %s, rows up to %s', last_value, m) FROM ticket_id_seq,
	(SELECT coalesce(max(id), 0) AS m FROM ticket) x WHERE last_value < m
SQL
}

# What is wrong with the indexes of a restored database; empty when all is well.  The original has an
# invalid one from the start, and each REINDEX CONCURRENTLY that is shot leaves one more.
sub wrong_indexes
{
	my ($database) = @_;

	return query($database, <<'SQL');
SELECT 'invalid index: ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid
UNION ALL
SELECT 'index that was invalid: ' || relname FROM pg_class WHERE relkind = 'i' AND (relname = 'account_shot' OR relname ~ '_cc(new|old)')
UNION ALL
SELECT 'missing index: ' || name FROM unnest('{account_balance,account_pkey,vault.account_pkey,ledger_pkey,ticket_pkey}'::text[]) name
	WHERE to_regclass(name) IS NULL
SQL
}

1;
