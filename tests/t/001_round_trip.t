# A backup, restored into a new database, is the same database.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

load_sample('invoices', 0.02);
query('postgres', "ALTER DATABASE invoices SET work_mem = '7MB'");
query('postgres', "COMMENT ON DATABASE invoices IS 'Rechnungen – 2026'");
query('postgres', 'GRANT CONNECT ON DATABASE invoices TO invoice_app');

my $out = tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices', '-j', 2 ], 'backup');
like($out, qr/invoices/, 'backup says what it did');
tool_ok([ 'verify', '--repo', $repo ], 'verify');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'restored', '-j', 2 ], 'restore');
same_database('invoices', 'restored', 'the restored database is the same');

is(query('restored', "SELECT setting FROM pg_settings WHERE name = 'work_mem'"),
	7 * 1024, 'settings of the database');
is( query('restored', "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
		  . "WHERE datname = current_database()"),
	'Rechnungen – 2026', 'comment of the database');
is(query('restored', "SELECT has_database_privilege('invoice_app', 'restored', 'CONNECT')"),
	't', 'privileges on the database');
isnt(query('restored', "SELECT count(*) FROM pg_stats WHERE schemaname = 'billing'"),
	0, 'statistics were collected');
is( query('restored', "SELECT last_value FROM billing.invoice_number_seq"),
	query('invoices', "SELECT last_value FROM billing.invoice_number_seq"), 'sequence');
is( query('restored', 'SELECT count(*), sum(length(lo_get(oid))) FROM pg_largeobject_metadata'),
	query('invoices', 'SELECT count(*), sum(length(lo_get(oid))) FROM pg_largeobject_metadata'),
	'large objects');

# One connection and small chunks: other paths, the same result.
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices', '-j', 1, '--chunk-blocks', 16, '--type', 'chunky' ],
	'backup in small chunks');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'chunked', '-j', 4, '--no-analyze' ],
	'restore with four connections');
same_database('invoices', 'chunked', 'the same from small chunks');

my $list = tool_json('list', '--repo', $repo);
is(scalar @{ $list->{backups} }, 2, 'two backups are listed');
is($list->{backups}[1]{type}, 'chunky', 'with their type');
like(tool_ok([ 'info', '--repo', $repo, 'invoices' ], 'info'), qr/billing\.invoice_line/, 'info names tables');

# The restored database backs up as well, into the same objects where they are equal.
tool_ok([ 'backup', '--repo', $repo, '-d', 'restored' ], 'backup of the restored database');
is(foreign_backends(), 0, 'no connection is left open');

done_testing();
