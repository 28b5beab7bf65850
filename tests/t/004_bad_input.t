# Bad input of every kind: a clear error or the right result, and nothing lost.
use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use File::Temp ();
use NexBackup::Test;
use JSON::PP ();
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

load_sample('invoices', 0.005);
load_sample('big', 0.15);

# Wrong words.
tool_fails([ 'backup', '--repo', $repo, '-d', 'no_such_database' ], 1, qr/no_such_database.*does not exist/,
	'wrong database');
tool_fails([ 'backup', '--repo', "$repo-none", '-d', 'invoices' ], 1, qr/HINT.*nex_backup init/s,
	'no repository');
tool_fails([ 'backup', '-d', 'invoices' ], 2, qr/repo/, 'no --repo');
tool_fails(['frobnicate'], 2, qr/frobnicate/, 'unknown command');
tool_fails([ 'backup', '--repo', $repo, '-j', '0' ], 2, qr/jobs|-j/, 'zero jobs');
tool_fails([ 'backup', '--repo', $repo, '--compress', 'lzma' ], 2, qr/lzma/, 'unknown codec');
tool_fails([ 'restore', '--repo', $repo, 'invoices', '--to', 'x' ], 1, qr/invoices/, 'no backup yet');

tool_fails([ 'backup', '--repo', $repo, "it's" ], 2, qr/HINT:  Name the database with -d: nex_backup backup -d 'it'\\''s'/,
	'a database named as in other commands');
tool_fails([ 'backup', '--repo', $repo, '--repo', "$repo-2", '-d', 'invoices' ], 2, qr/"--repo" was given twice/, 'two repositories');
tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices', '-dbig' ], 2, qr/"-d" was given twice/, 'two databases');
tool_ok([ 'list', '--repo', $repo, '--repo', $repo ], 'twice the same one is not a question');

# A failure in JSON.
{
	my ($code, $out) = tool('restore', '--repo', $repo, 'invoices', '--to', 'x', '--json');
	my $result = JSON::PP->new->decode($out);

	is($code, 1, 'a failure with --json');
	is_deeply([ @$result{qw(result exit_code)} ], [ 'failed', 1 ], 'an object says so');
	like($result->{error}, qr/there is no backup "invoices"/, 'with the message');
	like($result->{hint}, qr/nex_backup/, 'and the hint, which names a command');
	ok(exists $result->{detail}, 'and a place for the detail');
	($code, $out) = tool('backup', '--repo', $repo, '--json', 'x');
	is(JSON::PP->new->decode($out)->{exit_code}, 2, 'the same for an error of usage');
	($code, $out) = tool('cat', 'invoices', '--repo', $repo, '--json', '-t', 'x');
	is($out, '', 'but not where data is written');
}

# Wrong password.
query('postgres', "CREATE ROLE guarded LOGIN PASSWORD 'right'");
my $hba = read_bytes($node->data_dir . '/pg_hba.conf');
write_bytes($node->data_dir . '/pg_hba.conf', "local all guarded scram-sha-256\n$hba");
$node->reload;
{
	local $ENV{PGPASSWORD} = 'secret-but-wrong';
	my $err = tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices', '-U', 'guarded', '-w' ],
		1, qr/password authentication failed/, 'wrong password');
	unlike($err, qr/secret-but-wrong/, 'the password is not shown');
}
tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices', '-p', 1 ], 1, qr/could not connect|connection/,
	'no server there');

# No permission on a table.
query('invoices', 'GRANT USAGE ON SCHEMA billing TO invoice_app');
tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices', '-U', 'invoice_app' ],
	1, qr/permission denied/, 'a role that may not read');
is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, 0, 'no backup came of all this');

# Two at once.
{
	my $log = File::Temp->new;
	query('invoices', 'CREATE TABLE held (i integer)');
	my $holder = hold_lock('invoices', 'held');
	my $pid = start_tool("$log", 'backup', '--repo', $repo, '-d', 'invoices');
	# By then it has taken the database's place in the repository.
	ok(wait_until(sub { read_bytes("$log") =~ /waiting for table/ }), 'the first backup waits for a lock');
	tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices' ], 4, qr/invoices/, 'two backups at once');
	$holder->();
	is(finish_tool($pid), 0, 'the first one ends well') or diag(read_bytes("$log"));
}

# A lock that does not go away in time.
{
	my $holder = hold_lock('invoices', 'held');
	tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices', '--lock-wait-timeout', '1s' ],
		1, qr/lock/, 'a table is locked for too long');
	$holder->();
}

# Names that nothing has.
for my $command ('list', 'expire')
{
	tool_fails([ $command, '--repo', $repo, 'invoice' ], 1, qr/there is no backup of database "invoice".*HINT:  Perhaps you meant "invoices"/s, "$command of a misspelled name");
	tool_fails([ $command, '--repo', $repo, 'invoices/' . latest_id($repo, 'invoices') ], 1, qr/HINT:  This command takes the name of a database/, "$command of one backup");
}
is_deeply(tool_json('list', '--repo', $repo, 'nosuch')->{backups}, [], 'list --json of such a name has an empty list');

# No database named: the default one, said loudly.
{
	local $ENV{PGDATABASE};
	delete $ENV{PGDATABASE};
	local $ENV{PGUSER} = query('postgres', 'SELECT current_user');
	create_database($ENV{PGUSER}) if $ENV{PGUSER} ne 'postgres' && !grep { $_ eq $ENV{PGUSER} } @{ database_names() };
	my ($code, $out, $err) = tool('backup', '--repo', $repo);
	is($code, 0, 'a backup of the default database');
	like($err, qr/warning: no database was named, so the default one, "\Q$ENV{PGUSER}\E", was backed up\nHINT:.*--all/, 'with a warning');
	($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'invoices', '--json');
	unlike($err, qr/no database was named/, 'none with a name');
	my ($seconds) = $out =~ /"seconds": ([0-9.]+)/;
	cmp_ok(length($seconds), '<', 8, "seconds in JSON have no more digits than mean something ($seconds)");
}

my $other = new_repository();

# What the server warns of is a line of the log.
{
	query('postgres', "UPDATE pg_database SET datcollversion = '0.1' WHERE datname IN ('big', 'postgres', 'template1')");
	for my $command ([ 'backup', '-d', 'big' ], [ 'globals', 'backup', '-d', 'postgres' ])
	{
		my ($code, $out, $err) = tool(@$command, '--repo', $other, '--log-format=json', '-q', '--progress', 'none', '--catalogue', 'none');
		my @lines = map { eval { JSON::PP->new->decode($_) } // { message => "no JSON: $_" } } split /\n/, $err;
		my %of;

		$of{$_}++ for map { $_->{message} =~ /database "(\w+)" has .*collation version/ } @lines;
		is(join(',', values %of), 1, "@$command: a warning of the server comes once, as JSON") or diag($err);
		unlike(join("\n", map { $_->{message} } @lines), qr/WARNING:|DETAIL:|HINT:|\n|no JSON/, "@$command: without words of another format");
	}
	query('postgres', "UPDATE pg_database SET datcollversion = NULL WHERE datname IN ('big', 'postgres', 'template1')");
}

# A role that may only read by default.
query('postgres', 'CREATE ROLE careful SUPERUSER LOGIN');
query('postgres', 'ALTER ROLE careful SET default_transaction_read_only = on');
query('postgres', "ALTER DATABASE big SET default_transaction_read_only = on");
tool_ok([ 'backup', '--repo', $other, '-d', 'big', '-U', 'careful', '--catalogue', 'none' ], 'a backup by a role that may only read');
tool_ok([ 'restore', '--repo', $other, 'big', '-U', 'careful', '--to', 'by_careful', '--catalogue', 'none' ], 'and a restore');
is(query('by_careful', 'SHOW default_transaction_read_only'), 'on', 'the setting of the database is back');

# Too few connections.
query('postgres', "CREATE ROLE narrow LOGIN IN ROLE pg_read_all_data CONNECTION LIMIT 2");
tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices', '-U', 'narrow', '-j', 4 ], 1, qr/too many connections for role.*HINT:  Use fewer connections \(--jobs\)/s, 'too many connections for a role');

query('postgres', "ALTER ROLE narrow CREATEDB");
for my $limit (1 .. 3)
{
	query('postgres', "ALTER ROLE narrow CONNECTION LIMIT $limit");
	my ($code, $out, $err) = tool('restore', '--repo', $other, 'big', '-U', 'narrow', '-j', 4, '--no-owner', '--to', "narrow_$limit", '--catalogue', 'none');
	like($err, qr/too many connections for role.*HINT:  Use fewer connections \(--jobs\)/s, "restore with $limit: the hint") if $code != 0;
	is($code, 1, 'two are too few') if $limit == 2;
}

# Over an existing database.
query('postgres', 'CREATE DATABASE taken');
query('taken', 'CREATE TABLE precious AS SELECT 42 AS answer');
tool_fails([ 'restore', '--repo', $repo, 'invoices', '--to', 'taken' ], 1, qr/taken.*HINT/s,
	'restore over a database that is not empty');
is(query('taken', 'SELECT answer FROM precious'), 42, 'its content is there');

# A read-only repository: no backup into it, but restores out of it.
SKIP:
{
	skip 'root may write anywhere', 6 if $> == 0;
	system('chmod', '-R', 'a-w', $repo);
	tool_fails([ 'backup', '--repo', $repo, '-d', 'invoices' ], 1, qr/[Pp]ermission denied|[Rr]ead-only/,
		'backup into a read-only repository');
	tool_fails([ 'backup', '--repo', $repo, '-d', 'taken' ], 1, qr/could not (lock|write) file .*: (Permission denied|Read-only file system)\nHINT/,
		'of a database that has no backup there: the cause is the same');
	tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'from_read_only' ],
		'restore from a read-only repository');
	tool_ok([ 'list', '--repo', $repo ], 'list a read-only repository');
	tool_fails([ 'expire', '--repo', $repo, '--keep-minimum', 99 ], 1, qr/could not lock repository .*: (Permission denied|Read-only file system)/,
		'expire in a read-only repository: nobody uses it, but it cannot be locked');
	system('chmod', '-R', 'u+w', $repo);
	chmod(0, $repo) or die $!;
	tool_fails([ 'list', '--repo', $repo ], 1, qr/could not open repository .*: Permission denied\nHINT: .*chown/, 'one that may not be read');
	chmod(0700, $repo) or die $!;
}

# Names of every kind.
my %seen;
my @names = (q(it's "quoted"), "new\nline", 'ünï©ødé 数据库', '../etc', 'a/b', '-rf', 'per%cent', 'sp ace ', 'x=y');
for my $name (map { encode_utf8($_) } @names)
{
	(my $printable = $name) =~ s/\n/\\n/g;
	(my $quoted = $name) =~ s/"/""/g;
	(my $literal = $name) =~ s/'/''/g;
	create_database($name);
	query($name, <<"SQL");
CREATE SCHEMA "$quoted";
CREATE TABLE "$quoted"."$quoted" ("$quoted" text, n serial PRIMARY KEY);
INSERT INTO "$quoted"."$quoted" VALUES ('$literal'), (E'\\\\.'), (NULL), (''), (E'a\\tb\\nc\\\\');
COMMENT ON TABLE "$quoted"."$quoted" IS '$literal';
CREATE INDEX "i $quoted" ON "$quoted"."$quoted" ("$quoted");
SQL
	(my $conninfo = $name) =~ s/([\\'])/\\$1/g;
	tool_ok([ 'backup', '--repo', $repo, '-d', "dbname='$conninfo'" ], "backup of \"$printable\"");
	tool_ok([ 'verify', '--repo', $repo, '--', $name ], "verify of \"$printable\"");
	tool_ok([ 'restore', '--repo', $repo, '--to', "r $name", '--', $name ], "restore of \"$printable\"");
	same_database($name, "r $name", "\"$printable\" is the same");
	my ($listing) = grep { /\.sha256$/ && !m{^backups/invoices/} && !$seen{$_}++ } all_files($repo);
	create_database("s $name");
	is(stock_restore($repo, $listing, 'zstd -dc', "s $name"), 0, "stock tools restore \"$printable\"");
	same_database($name, "s $name", "\"$printable\" is the same with stock tools");
}
like((tool('list', '--repo', $repo))[1], qr/new\\nline|new\\x0aline|new\?line/i,
	'a newline in a name does not break the list');

# Nothing in it.
create_database('empty');
tool_ok([ 'backup', '--repo', $repo, '-d', 'empty' ], 'backup of an empty database');
tool_ok([ 'verify', '--repo', $repo, 'empty' ], 'verify of it');
tool_ok([ 'restore', '--repo', $repo, 'empty', '--to', 'empty_again' ], 'restore of it');
same_database('empty', 'empty_again', 'still empty');

# The repository's disk is full.
SKIP:
{
	my ($small, $why) = small_directory();
	skip "no small file system: $why", 7 unless $small;
	is((tool('init', '--repo', "$small/repo"))[0], 0, 'init');
	tool_ok([ 'backup', '--repo', "$small/repo", '-d', 'invoices' ], 'a small database fits');
	tool_fails([ 'backup', '--repo', "$small/repo", '-d', 'big', '--compress', 'none' ],
		1, qr/No space left on device/, 'a big one does not');
	tool_ok([ 'verify', '--repo', "$small/repo" ], 'what was there is good');
	tool_ok([ 'expire', '--repo', "$small/repo" ], 'expire makes room');
	tool_ok([ 'backup', '--repo', "$small/repo", '-d', 'invoices' ], 'the next backup fits');
	is(foreign_backends(), 0, 'no connection is left open');
}

# The server stops midway: while the backup waits, and while it stores.
for my $moment ('waiting for a lock', 'storing objects')
{
	my $log = File::Temp->new;
	my $other = new_repository();
	my $release = $moment =~ /lock/ ? hold_lock('big', 'billing.invoice') : undef;
	my $pid = start_tool("$log", 'backup', '--repo', $other, '-d', 'big', '--lock-wait-timeout', '0',
		'--chunk-blocks', 8, '-j', 1);

	ok(wait_until(sub { $release ? backends_in('big') > 1 : scalar(() = all_files("$other/objects")) > 2 }),
		"the backup is $moment");
	$node->stop('immediate');
	is(finish_tool($pid), 1, 'the server stops: exit 1') or diag(read_bytes("$log"));
	like(read_bytes("$log"), qr/error:/, 'and an error');
	eval { $release->() } if $release;
	$node->start;
	is(scalar @{ tool_json('list', '--repo', $other)->{backups} }, 0, 'no half backup');
	tool_ok([ 'backup', '--repo', $other, '-d', 'big' ], 'the next backup works');
	tool_ok([ 'verify', '--repo', $other ], 'and is good');
}

done_testing();
