# A schema with every kind of object comes back as pg_dump | psql brings it.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main', wal_level => 'logical');

plan skip_all => 'the fixture needs PostgreSQL 15 or later' if $node->pg_version < 15;

my $repo = new_repository();
my @shell = ('bash', '-o', 'pipefail', '-c');

create_database('every');
system('psql', '-qX', '-o', '/dev/null', '-d', 'every', '-f', top() . '/tests/fixtures/every_object.sql') == 0
  or BAIL_OUT('the fixture does not load');
create_database('carried');
is(system(@shell, 'pg_dump every | psql -qX -o /dev/null -v ON_ERROR_STOP=1 -d carried'), 0, 'pg_dump | psql');

for my $jobs (1, 4)
{
	tool_ok([ 'backup', '--repo', $repo, '-d', 'every', '-j', $jobs, '--chunk-blocks', 20 ],
		"backup, $jobs jobs");
	tool_ok([ 'verify', '--repo', $repo, 'every' ], 'verify');
	tool_ok([ 'restore', '--repo', $repo, 'every', '--to', "restored_$jobs", '-j', $jobs ],
		"restore, $jobs jobs");
	same_database('carried', "restored_$jobs", "as pg_dump | psql brings it, $jobs jobs");
	same_database('every', "restored_$jobs", "the same as the original, $jobs jobs");
}

# Many connections and few rows: what could deadlock in post-data meets there.
for my $round (1 .. 3)
{
	tool_ok([ 'restore', '--repo', $repo, 'every', '--to', "crowded_$round", '-j', 8 ], "8 jobs, round $round");
}
same_database('every', 'crowded_3', 'the same as the original, 8 jobs');

create_database('stock');
my $id = latest_id($repo, 'every');
is(stock_restore($repo, "backups/every/$id.sha256", 'zstd -dc', 'stock'), 0, 'stock tools restore it');
same_database('carried', 'stock', 'the same with stock tools');

# What pg_dump does not show.
for my $database ('restored_1', 'stock')
{
	is(query($database, 'SELECT count(*) FROM s.no_columns'), 2, "$database: rows without columns");
	is(query($database, 'SELECT count(*) FROM s.all_generated'), 1, "$database: rows of generated columns only");
	is(query($database, 'SELECT count(*) FROM s.enum_hashed'), 27, "$database: rows through the partition root");
	is(query($database, 'SELECT n FROM s.mv_of_mv'), 20, "$database: materialized view of one");
	is( query($database, 'SELECT last_value, is_called FROM s.down'),
		query('every', 'SELECT last_value, is_called FROM s.down'),
		"$database: a sequence half used");
	is(query($database, 'SELECT last_value, is_called FROM s.never_called'), '77|f',
		"$database: a sequence never called");
	is( query($database, "SELECT md5(string_agg(md5(lo_get(oid)), ',' ORDER BY oid)) FROM pg_largeobject_metadata"),
		query('every', "SELECT md5(string_agg(md5(lo_get(oid)), ',' ORDER BY oid)) FROM pg_largeobject_metadata"),
		"$database: large objects");
}
done_testing();
