# Indexes and constraints of big tables are built while other tables are still loaded; nothing of
# the schema is lost by that, and an index that cannot be built so early is built later.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

create_database('source');
query('source', <<'SQL');
-- Big enough to be worth it: 16 MB of COPY text each.
CREATE TABLE big (id integer NOT NULL, code text NOT NULL, day date NOT NULL, filler text NOT NULL);
INSERT INTO big SELECT g, 'code ' || g, date '2026-01-01' + g % 300, repeat('x', 100)
FROM generate_series(1, 160000) g;
ALTER TABLE big ADD PRIMARY KEY (id), ADD CONSTRAINT big_code_key UNIQUE (code) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX big_day_idx ON big (day DESC NULLS LAST) INCLUDE (code) WITH (fillfactor = 70);
CREATE INDEX big_part_idx ON big (filler) WHERE id % 1000 = 0;
COMMENT ON INDEX big_day_idx IS 'a comment on an early index';
COMMENT ON CONSTRAINT big_code_key ON big IS 'and on an early constraint';
ALTER TABLE big CLUSTER ON big_day_idx;
ALTER TABLE big REPLICA IDENTITY USING INDEX big_pkey;
CREATE STATISTICS big_statistics (dependencies) ON id, day FROM big;
CREATE INDEX big_expression_idx ON big ((id % 7), lower(code));
ALTER INDEX big_expression_idx ALTER COLUMN 1 SET STATISTICS 500;
CREATE TABLE child (id integer PRIMARY KEY, big_id integer REFERENCES big, note text);
INSERT INTO child SELECT g, g, g::text FROM generate_series(1, 1000) g;

-- Foreign keys of a big table, which need the keys of others: big, small, empty, its own.
CREATE TABLE kind (code text NOT NULL, name text);
CREATE UNIQUE INDEX kind_code_idx ON kind (code);
INSERT INTO kind VALUES ('a', 'first'), ('b', NULL);
CREATE TABLE nothing (id integer PRIMARY KEY);
CREATE TABLE line (
	id integer PRIMARY KEY,
	big_id integer REFERENCES big ON DELETE CASCADE,
	code text NOT NULL REFERENCES kind (code) DEFERRABLE,
	nothing_id integer REFERENCES nothing,
	before integer REFERENCES line,
	filler text NOT NULL);
INSERT INTO line SELECT g, g, CASE WHEN g % 3 = 0 THEN 'a' ELSE 'b' END, NULL, nullif(g - 1, 0), repeat('l', 100)
FROM generate_series(1, 160000) g;
COMMENT ON CONSTRAINT line_big_id_fkey ON line IS 'a comment on an early foreign key';

-- Partitions: the index of a partition belongs to that of its root.
CREATE TABLE parted (id integer, day date, filler text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
CREATE INDEX parted_day_idx ON parted (day);
CREATE INDEX parted_1_own_idx ON parted_1 (id DESC);
INSERT INTO parted SELECT g, date '2026-01-01' + g % 200, repeat('y', 120) FROM generate_series(1, 160000) g;

-- An index that cannot be built before another table has its rows.  No index should be so, but some are.
CREATE TABLE rate (rate numeric NOT NULL);
INSERT INTO rate VALUES (1.5);
CREATE FUNCTION rated(integer) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ DECLARE result numeric; BEGIN SELECT $1 * rate INTO STRICT result FROM public.rate; RETURN result; END $$;
CREATE TABLE needy (id integer, filler text);
INSERT INTO needy SELECT g, repeat('z', 120) FROM generate_series(1, 140000) g;
CREATE INDEX needy_rated_idx ON needy (rated(id)) WHERE id <= 1000;
SQL

tool_ok([ 'backup', '--repo', $repo, '-d', 'source', '-j', 2 ], 'backup');
for my $jobs (1, 2, 4)
{
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'source', '--to', "target_$jobs", '-j', $jobs, '-v');
	is($code, 0, "restore with $jobs jobs") or diag($err);
	my $early = () = $err =~ /built early/g;
	if ($jobs == 1)
	{
		is($early, 0, 'one connection builds nothing early');
	}
	else
	{
		# Six indexes and keys, the key and four foreign keys of "line", two keys that those need;
		# by chance of timing also the one of "needy".
		cmp_ok($early, '>=', 13, 'indexes, keys and foreign keys are built early');
	}
	same_database('source', "target_$jobs", "$jobs jobs");
	is(query("target_$jobs", 'SELECT count(*) FROM pg_index WHERE NOT indisvalid'), 0, 'all indexes are valid');
	is(query("target_$jobs", 'SELECT count(*) FROM pg_constraint WHERE NOT convalidated'), 0,
		'all constraints are valid');
}

done_testing();
