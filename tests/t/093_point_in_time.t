# docs/point_in_time.md: each command of it works, in its order, and brings back the moment that it promises.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Document;
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $repo = new_repository('pitr');
my $node = PostgreSQL::Test::Cluster->new('main');

$node->init(allows_streaming => 1, extra => [ '--wal-segsize=1', '--locale=C' ]);
use_server($node);
# What the page says is set up: the program in PATH, and the repository known to the server.
symlink(tool_path(), "$scratch/nex_backup") or die;
$ENV{PATH} = "$scratch:$ENV{PATH}";
$ENV{NEX_BACKUP_REPO} = $repo;
$ENV{PGDATA} = $node->data_dir;
$ENV{NEW} = "$scratch/new";
$ENV{NEWPORT} = PostgreSQL::Test::Cluster->new("recovered")->port;
$node->start;

my %command = (sh => [ 'bash', '-e' ], sql => [ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', '-' ]);

sub archived
{
	my $name = query('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');

	return wait_until(sub { query('postgres', "SELECT last_archived_wal >= '$name' FROM pg_stat_archiver") eq 't' });
}

for my $block (blocks_of('docs/point_in_time.md', read_bytes(top() . '/docs/point_in_time.md')))
{
	my $out = '';
	my $script = $block->{text};

	next if $block->{tag} eq 'text';
	# Between base backup and recovery, work is done, and a mistake made.
	if ($script =~ /restore .*--dry-run/)
	{
		query('postgres', 'CREATE DATABASE app');
		query($_, "CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id") for 'postgres', 'app';
		$ENV{MOMENT} = query('postgres', 'SELECT clock_timestamp()');
		query('postgres', 'DELETE FROM orders');
		query('app', 'DROP TABLE orders');
		ok(archived(), 'the work is archived');
	}
	IPC::Run::run($command{ $block->{tag} }, '<', \$script, '>', "$scratch/out", '2>&1');
	is($?, 0, "line $block->{line} ($block->{heading}), $block->{tag}") or diag(read_bytes("$scratch/out"));
	ok(archived(), 'segments are archived') if $script =~ /pg_switch_wal/;
}

is(query('app', 'SELECT count(*) FROM orders'), '1000', 'the table that was dropped is back in the live database');
my @there = ('-p', $ENV{NEWPORT}, '-d', 'postgres', '-XAtc');
ok(wait_until(sub { my $out = ''; IPC::Run::run([ 'psql', @there, 'SELECT pg_is_in_recovery()' ], '>', \$out, '2>', \my $ignored); $out eq "f\n" }),
	'the recovery ends') or diag(read_bytes("$ENV{NEW}.log"));
IPC::Run::run([ 'psql', @there, 'SELECT count(*) FROM orders' ], '>', \my $rows);
is($rows, "1000\n", 'the moment before the mistake is back');
system('pg_ctl', '-D', $ENV{NEW}, '-m', 'immediate', '-w', 'stop');
# pg_ctl has started it anew.
system('pg_ctl', '-D', $ENV{PGDATA}, '-m', 'immediate', '-w', 'stop');
$node->{_pid} = undef;
done_testing();
