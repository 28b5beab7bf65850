# What the owner of a database sets, or defines, costs no more than it must: a table that is read in chunks is
# read once, an ANALYZE holds its locks no longer than it works, and what is deep is printed, restored, or named.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

sub as_joe
{
	my ($sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query('app', $sql);
}

create_database('app');
query('app', 'CREATE ROLE joe LOGIN; ALTER DATABASE app OWNER TO joe; CREATE SCHEMA deep AUTHORIZATION joe');

as_joe(q(CREATE TABLE deep.large WITH (fillfactor = 10) AS SELECT i, repeat('x', 500) AS t FROM generate_series(1, 300) i; ANALYZE deep.large));
for my $setting ("random_page_cost = '1e300'", 'jit_above_cost = 0', "vacuum_cost_delay = '100ms'", 'vacuum_cost_limit = 1', 'vacuum_cost_page_hit = 10000', 'vacuum_cost_page_miss = 10000')
{
	as_joe("ALTER DATABASE app SET $setting");
}
query('app', 'SELECT pg_stat_reset()');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app', '-j', 1, '--chunk-blocks', 50 ], 'a backup under the settings of the owner');
my $blocks = query('app', "SELECT pg_relation_size('deep.large') / current_setting('block_size')::integer");
my $read = 0;
wait_until(sub { $read = query('app', "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relid = 'deep.large'::regclass"); $read >= $blocks });
cmp_ok($read, '<', 2 * $blocks, "reads a table of $blocks blocks once");
as_joe('DROP TABLE deep.large CASCADE');
my $began = time;
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--table', 'deep.large', '--yes' ], 'the table comes back');
cmp_ok(time - $began, '<', 60, 'and its ANALYZE does not nap');

# The server needs more stack to print what it has read.
as_joe('CREATE VIEW deep.calls AS SELECT ' . 'abs(' x 4500 . 'i' . ')' x 4500 . ' AS i FROM deep.large');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'a view is backed up that takes much of the stack');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'deeper' ], 'restored');
is(query('deeper', "SELECT count(*) FROM pg_views WHERE viewname = 'calls'"), 1, 'and is there');
query('app', 'ALTER DATABASE app RESET ALL');

# What the server writes, it may not read: its parser has an end.
as_joe('CREATE VIEW deep.denied AS SELECT ' . 'NOT ' x 6500 . 'true AS b');
my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'app');
is($code, 0, 'a view that no server reads back is backed up');
like($err, qr/warning: VIEW deep\.denied has [\d,]+ parentheses in one another/, 'with a warning that names it');
($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--to', 'denied');
isnt($code, 0, 'and not restored');
cmp_ok(length $err, '<', 8000, 'which is said in few words');

done_testing();
