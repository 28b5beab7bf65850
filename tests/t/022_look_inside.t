# Looking into a backup without a server: info --contents, and cat.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

load_sample('invoices', 0.02);
create_database('odd');
query('odd', <<'SQL');
CREATE TABLE "A b" ("c	d" text, "e\f" integer, g integer GENERATED ALWAYS AS (1) STORED);
INSERT INTO "A b" VALUES (E'tab\t\\.\n\r\b\f\v', 1), (NULL, 2), ('', 3), (E'\\.', 4);
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
INSERT INTO none DEFAULT VALUES;
CREATE TABLE empty (a integer);
CREATE SCHEMA other;
CREATE TABLE other.empty (a integer);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', $_, '-j', 2, '--chunk-blocks', 10 ], "backup of $_") for qw(invoices odd);

# ------------------------------------------------------------------------- contents

my $contents = tool_json('info', '--repo', $repo, 'invoices', '--contents');
my %have = map { ($_->{kind} . ' ' . ($_->{schema} // '') . '.' . $_->{name} => $_) } @{ $contents->{objects} };
my %rows = map { split /\|/ } split /\n/, query('invoices', <<'SQL');
SELECT format('TABLE %s.%s', n.nspname, c.relname), (xpath('/row/n/text()', query_to_xml(
	format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname IN ('billing', 'audit')
SQL
is_deeply({ map { ($_ => $have{$_}{rows}) } grep { defined $have{$_}{rows} } keys %have }, \%rows, 'tables and their rows');
ok($have{'TABLE billing.invoice_line'}{raw_bytes} > $have{'TABLE billing.invoice_line'}{stored_bytes}, 'and sizes');
is($have{$_} && $have{$_}{owner}, 'postgres', $_)
  for 'TYPE billing.invoice_status', 'FUNCTION billing.touch_updated_at()', 'INDEX billing.invoice_open_idx',
  'FK CONSTRAINT billing.invoice invoice_customer_id_fkey', 'POLICY billing.customer customer_active', 'SCHEMA .billing',
  'SEQUENCE billing.invoice_number_seq', 'TABLE audit.log', 'MATERIALIZED VIEW billing.monthly_turnover';
is(scalar(grep { /^(COMMENT|ACL|ENCODING|DATABASE|BLOB)/ } keys %have), 0, 'and nothing that is no object');
is($contents->{large_objects}, 3, 'large objects');
my $text = tool_ok([ 'info', '--repo', $repo, 'invoices', '--contents' ], 'as text');
like($text, qr/^ VIEW +\| billing +\| open_invoice +\| postgres/m, 'a line an object');
tool_fails([ 'info', '--repo', $repo, 'nonsense', '--contents' ], 1, qr/nonsense/, 'a database that is not there');

# ------------------------------------------------------------------------------ cat

sub copy_text
{
	my ($database, $command) = @_;
	my ($out, $err);

	IPC::Run::run([ 'psql', '-Xq', '-d', $database, '-c', $command ], '>', \$out, '2>', \$err) or die $err;
	return $out;
}

for my $table (qw(billing.invoice_line billing.document audit.log_2025_01 billing.session_cache))
{
	ok(tool_ok([ 'cat', '--repo', $repo, 'invoices', '--table', $table, '-q' ], "cat $table") eq
		  copy_text('invoices', "COPY (SELECT * FROM $table) TO STDOUT")
		  || $table eq 'billing.session_cache', "$table, as COPY writes it");
}
my $columns = '"c	d", "e\f"';
is(tool_ok([ 'cat', '--repo', $repo, 'odd', '--table', '"A b"', '--header' ], 'cat --header'),
	copy_text('odd', qq{COPY "A b" TO STDOUT (HEADER)}), 'odd names and values')
  if $node->pg_version >= 15;
is(tool_ok([ 'cat', '--repo', $repo, 'odd', '--table', 'none' ], 'cat'), "\n\n", 'a table without columns');
is(tool_ok([ 'cat', '--repo', $repo, 'odd', '--table', 'other.empty' ], 'cat'), '', 'an empty table');

tool_fails([ 'cat', '--repo', $repo, 'odd', '--table', 'empty' ], 2, qr/2 tables.*"empty".*HINT/s, 'a name of two tables');
tool_fails([ 'cat', '--repo', $repo, 'odd', '--table', 'emty' ], 1, qr/no table.*"emty".*HINT.*empty/s, 'a name of none');
tool_fails([ 'cat', '--repo', $repo, 'odd' ], 2, qr/--table/, 'without --table');
tool_fails([ 'cat', '--repo', $repo, 'odd', '-t', 'a', '-t', 'b' ], 2, qr/one --table/, 'with two');
tool_fails([ 'cat', '--repo', $repo, 'odd', '-t', 'empty', '--json' ], 2, qr/no JSON/, 'with --json');

# A reader that has seen enough.
my ($out, $err) = ('', '');
IPC::Run::run([ tool_path(), 'cat', '--repo', $repo, 'invoices', '-q', '--table', 'billing.invoice_line' ],
	'2>', \$err, '|', [ 'head', '-n', 1 ], '>', \$out);
is(scalar(split /\n/, $out), 1, 'cat | head');
is($err, '', 'no complaint');

# Into another table by psql.
query('invoices', 'CREATE TABLE billing.line_copy (LIKE billing.invoice_line)');
is(system('bash', '-o', 'pipefail', '-c', tool_path() . " cat --repo $repo invoices -q -t billing.invoice_line | "
		  . "psql -Xq -d invoices -c 'COPY billing.line_copy FROM STDIN'"), 0, 'cat | psql');
is(query('invoices', 'SELECT count(*) FROM (SELECT * FROM billing.line_copy EXCEPT SELECT * FROM billing.invoice_line) x'), 0,
	'the same rows');

# Damage: exit 3, and not a byte before.
for my $how ('flip', 'truncate', 'remove')
{
	my @mend = map { damage_file("$repo/$_", $how) } grep { m{^objects/} } all_files($repo);
	my ($code, $text, $message) = tool('cat', '--repo', $repo, 'invoices', '-t', 'billing.invoice_line');
	is($code, 3, "$how: exit 3");
	is($text, '', 'no byte is written');
	like($message, qr/error:.*objects\//, 'the file is named');
	$_->() for @mend;
}

# Memory stays bounded: 64 members of one table through a limit that holds a few.
SKIP:
{
	skip 'no prlimit', 1 if !-x '/usr/bin/prlimit';
	query('odd', 'CREATE TABLE wide AS SELECT n, repeat(md5(n::text), 30) AS t FROM generate_series(1, 200000) n');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'odd', '--chunk-blocks', 512 ], 'backup of a wide table');
	IPC::Run::run([ '/usr/bin/prlimit', '--data=134217728', tool_path(), 'cat', '--repo', $repo, 'odd', '-q', '-j', 2, '-t', 'wide' ],
		'|', ['md5sum'], '>', \$out);
	my $expected = '';
	IPC::Run::run([ 'psql', '-Xq', '-d', 'odd', '-c', 'COPY wide TO STDOUT' ], '|', ['md5sum'], '>', \$expected);
	is($out, $expected, '190 MB through 128 MB of memory');
}

# What is not compressed has no checksum of its own: damage that comes between the check and the reading is seen, too.
{
	my $plain = new_repository('not_compressed');

	query('odd', "CREATE TABLE long AS SELECT i, md5(i::text) AS t FROM generate_series(1, 60000) i");
	tool_ok([ 'backup', '--repo', $plain, '-d', 'odd', '--compress', 'none', '--chunk-blocks', 10 ], 'backup without compression');
	my $log = File::Temp->new;
	my $pid = open(my $rows, '-|') // die "fork: $!";
	if (!$pid)
	{
		open(STDERR, '>', "$log");
		exec tool_path(), 'cat', '--repo', $plain, 'odd', '--table', 'long';
	}
	my $got = <$rows>;
	# It writes into the pipe, which is full.
	sleep 1;
	damage_file($_, 'flip') for grep { -s $_ > 20000 } map { "$plain/$_" } grep { /^objects/ } all_files($plain);
	$got .= $_ while <$rows>;
	close $rows;
	is($? >> 8, 3, 'cat: damage that comes meanwhile is found');
	like(read_bytes("$log"), qr{error: file "\S+/objects/\S+" does not match its digest}, 'and named');
	my $length = length $got;
	my $whole = query('odd', 'COPY long TO STDOUT') . "\n";
	ok($length < length $whole && $got eq substr($whole, 0, $length), 'nothing of it was written');
}

done_testing();
