# Rows as wide as COPY can carry them, and one that it cannot.
use strict;
use warnings;

use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my $repo;

# Bytes of memory that are free, for rows whose text takes a gigabyte of the server's.
sub free_memory
{
	my ($available) = read_bytes('/proc/meminfo') =~ /^MemAvailable:\s+(\d+) kB/m;

	return ($available || 0) * 1024;
}

my $node = start_server('main', shared_buffers => '64MB', fsync => 'off', wal_level => 'minimal', max_wal_senders => 0);
$repo = new_repository();

# -------------------------------------------------- a row that COPY cannot carry

# Two values of 400 MB each: either fits, their text does not fit into the gigabyte of a row.
# A function makes them out of nothing, so that no server has to store them.
SKIP:
{
	skip 'needs 4 GB of free memory', 1 if free_memory() < 4 * 1024**3;
	create_database('broad');
	query('broad', <<'SQL');
CREATE TABLE "Broad ""one""" (id integer, a bytea, b bytea);
ALTER TABLE "Broad ""one""" ALTER a SET STORAGE EXTENDED, ALTER b SET STORAGE EXTENDED;
ALTER TABLE "Broad ""one""" ALTER a SET COMPRESSION pglz;
INSERT INTO "Broad ""one""" SELECT g, 'x', 'y' FROM generate_series(1, 1000) g;
DELETE FROM "Broad ""one""" WHERE id BETWEEN 100 AND 200;
INSERT INTO "Broad ""one""" SELECT 5000, v, v FROM (SELECT decode(repeat('00', 300000000), 'hex') AS v) q;
INSERT INTO "Broad ""one""" SELECT g, 'x', 'y' FROM generate_series(6000, 6010) g;
SQL
	my $ctid = query('broad', 'SELECT ctid FROM "Broad ""one""" WHERE id = 5000');

	subtest 'P24: a row that COPY cannot carry is named by table and ctid' => sub {
		for my $options ([], [ '--chunk-blocks', 1 ])
		{
			my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'broad', '-j', 2, @$options);

			is($code, 1, 'exit code 1');
			like($err, qr/could not copy table public\."Broad ""one"""/, 'the table');
			like($err, qr/\Q$ctid\E/, "the row, $ctid");
			like($err, qr/HINT: .*ctid/, 'a hint');
		}
		is_deeply(tool_json('list', '--repo', $repo)->{backups}, [], 'no backup was made');
	};
	subtest 'P24: without it the backup is made' => sub {
		query('broad', qq(DELETE FROM "Broad ""one""" WHERE ctid = '$ctid'));
		tool_ok([ 'backup', '--repo', $repo, '-d', 'broad', '-j', 2 ], 'backup');
	};
}

# ------------------------------------------------------------- a damaged row

subtest 'a row of which a part is lost on disk is named by table and ctid' => sub {
	create_database('damaged');
	query('damaged', <<'SQL');
CREATE TABLE damaged (id integer, v text);
ALTER TABLE damaged ALTER v SET STORAGE EXTERNAL;
INSERT INTO damaged SELECT g, 'short' FROM generate_series(1, 300) g;
INSERT INTO damaged VALUES (301, repeat('long', 10000));
INSERT INTO damaged SELECT g, 'short' FROM generate_series(302, 400) g;
CHECKPOINT;
SQL
	my $ctid = query('damaged', 'SELECT ctid FROM damaged WHERE id = 301');
	my $toast = $node->data_dir . '/' . query('damaged', "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'damaged'");
	$node->stop;
	write_bytes($toast, "\0" x length(read_bytes($toast)));
	$node->start;
	my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'damaged');

	is($code, 1, 'exit code 1');
	like($err, qr/could not copy table public\.damaged, row with ctid \Q$ctid\E/, "the row, $ctid");
	like($err, qr/missing chunk/, 'what the server says');
	like($err, qr/HINT: .*damaged/, 'a hint');
};

# ----------------------------------------------------------------- 300 MB

SKIP:
{
	skip 'needs 4 GB of free memory', 1 if free_memory() < 4 * 1024**3;
	create_database('wide');
	query('wide', <<'SQL');
CREATE TABLE wide (id integer PRIMARY KEY, content bytea);
INSERT INTO wide SELECT 1, decode(repeat('005c0a09ff', 60000000), 'hex');
INSERT INTO wide SELECT g, decode(md5(g::text), 'hex') FROM generate_series(2, 20) g;
SQL
	subtest 'P24: a value of 300 MB comes back' => sub {
		my $sql = 'SELECT count(*), max(length(content)), md5(string_agg(md5(content), \',\' ORDER BY id)) FROM wide';

		tool_ok([ 'backup', '--repo', $repo, '-d', 'wide', '-j', 2, '--compress', 'zstd:1' ], 'backup');
		tool_ok([ 'restore', '--repo', $repo, 'wide', '--to', 'wide_2', '-j', 2 ], 'restore');
		is(query('wide_2', $sql), query('wide', $sql), 'the same content');
		like(query('wide', $sql), qr/^20\|300000000\|/, 'of 300 MB');
	};
}
done_testing();
