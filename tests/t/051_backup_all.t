# backup --all: every database, one report, and on past those that fail.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

# Names that need care, and databases that cannot or shall not be backed up.
for my $name ('invoices', 'Quoted "name"', 'test_1', 'test_2', 'closed', 'café')
{
	create_database($name);
	(my $literal = $name) =~ s/'/''/g;
	query($name, "CREATE TABLE t AS SELECT '$literal'::text AS name, i FROM generate_series(1, 10) i");
}
query('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS false');

my ($code, $out, $err) = tool('backup', '--all', '--repo', $repo, '-j', 2, '--type', 'nightly', '--exclude-database', 'test_*',
	'--exclude-database', 'nothing');
is($code, 0, 'backup --all') or diag($err);
like($out, qr/^ database +\| result +\| backup +\| rows \| +stored \| seconds \| reason/, 'a table at the end');
like($out, qr/^ \(globals\) +\| ok /m, 'the globals');
like($out, qr/^ \Q$_\E +\| ok +\| \d{8}T\d{6}Z\S* +\| +10 /m, "database $_") for ('invoices', 'Quoted "name"', 'café');
like($out, qr/^ \Q$_\E +\| ok /m, "database $_, as for pg_dumpall") for qw(postgres template1);
like($out, qr/^ closed +\| skipped .*does not allow connections/m, 'one that allows no connections is not passed over in silence');
like($err, qr/warning: database "closed" is not backed up/, 'there is a warning, too');
unlike($out, qr/test_|template0/, '--exclude-database, and never template0');
like($err, qr/warning: no database matches the pattern "nothing"/, 'a pattern that matches nothing');
my @backups = @{ tool_json('list', '--repo', $repo)->{backups} };
is(scalar @backups, 6, 'six backups');
my %snapshot = map { $_->{snapshot_at} => 1 } @backups;
is(scalar keys %snapshot, 6, 'P21: a snapshot for each database, none for all of them');
is($out =~ /\(globals\).*\n.*Quoted/ ? 1 : 0, 1, 'the globals come first');
tool_ok([ 'verify', '--repo', $repo, '-q' ], 'all of it verifies');

# One fails for a lock, one because another backup of it runs; the rest goes on.
my $release = hold_lock('invoices', 't');
my $json = tool_json('backup', '--all', '--repo', $repo, '--lock-wait-timeout', '1s', '--exclude-database', 'test_?');
$release->();
is($json->{failed}, 1, 'P20: one database failed');
my %result = map { ($_->{database} // '(globals)') => $_ } @{ $json->{databases} };
is($result{invoices}{result}, 'failed', 'it is the locked one');
like($result{invoices}{reason}, qr/lock/, 'with its reason');
is($result{invoices}{exit_code}, 1, 'and its own exit code');
is($result{$_}{result}, 'ok', "$_ was backed up") for ('(globals)', 'Quoted "name"', "caf\x{e9}", 'postgres', 'template1');
is($result{"caf\x{e9}"}{rows}, 10, 'rows');
is($result{"caf\x{e9}"}{exit_code}, 0, 'the failure of another database is not its own');
is($result{'(globals)'}{kind}, 'globals', 'kind');
is($result{closed}{result}, 'skipped', 'skipped');

# Without --json the exit code tells.
$release = hold_lock('invoices', 't');
$err = tool_fails([ 'backup', '--all', '--repo', $repo, '--lock-wait-timeout', '1s' ], 1, qr/1 of 9 backups failed.*HINT/s,
	'exit code 1');
$release->();

# A database that another backup is at work on: exit 4 for itself, a failure with its reason here.
my $slow = hold_lock('test_1', 't');
my $log = File::Temp->new;
my $pid = start_tool("$log", 'backup', '--repo', $repo, '-d', 'test_1', '--lock-wait-timeout', '60s');
wait_until(sub { query('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0 });
$json = tool_json('backup', '--all', '--repo', $repo, '--exclude-database', '"Quoted ""name"""');
%result = map { ($_->{database} // '(globals)') => $_ } @{ $json->{databases} };
is($result{test_1}{result}, 'failed', 'one that is being backed up already counts as failed');
is($result{test_1}{exit_code}, 4, 'locked');
like($result{test_1}{reason}, qr/another backup of database "test_1" is running/, 'with its reason');
like($result{test_1}{hint}, qr/\w/, 'and a hint') or diag(explain($result{test_1}));
ok(!exists $result{'Quoted "name"'}, 'a quoted pattern');
$slow->();
is(finish_tool($pid), 0, 'and the other one ends well');

# ctrl-C stops all of it.
$slow = hold_lock('invoices', 't');
$log = File::Temp->new;
$pid = start_tool("$log", 'backup', '--all', '--json', '--repo', $repo, '--lock-wait-timeout', '60s');
wait_until(sub { query('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0 });
kill 'INT', $pid;
is(finish_tool($pid), 130, 'ctrl-C: exit 130');
$slow->();
my $text = read_bytes("$log");
like($text, qr/"result": "ok".*"result": "interrupted"/s, 'the report says what was done');
is(foreign_backends(), 0, 'no connection is left');

# Progress says which of how many.
(undef, undef, $err) = tool('backup', '--all', '--repo', $repo, '--progress', 'json', '--exclude-database', '?*t*');
like($err, qr/"item":\d+,"items":\d+,"item_name":"\w+"/, 'progress tells which of how many');

# Its owner, who is no superuser, can close a database to hide it from the backups.
query('postgres', 'ALTER DATABASE test_1 ALLOW_CONNECTIONS false');
$json = tool_json('backup', '--all', '--repo', $repo);
%result = map { ($_->{database} // '(globals)') => $_ } @{ $json->{databases} };
is($result{test_1}{result}, 'failed', 'one that has backups and allows no connections any more counts as failed');
is($result{closed}{result}, 'skipped', 'one that has none is skipped');
tool_fails([ 'backup', '--all', '--repo', $repo ], 1,
	qr/"test_1", which has backups, is not backed up: it does not allow connections.*HINT.*--exclude-database/s, 'an error');
tool_ok([ 'backup', '--all', '--repo', $repo, '--exclude-database', 'test_1' ], 'which can be left out');
query('postgres', 'ALTER DATABASE test_1 ALLOW_CONNECTIONS true');

# Databases that are dropped or renamed after the list was made, and one that is dropped while it is backed up.
create_database("gone_$_") for 1 .. 4;
query("gone_$_", "CREATE TABLE t AS SELECT $_ AS i") for 1 .. 4;
$slow = hold_lock('gone_1', 't');
$log = File::Temp->new;
$pid = start_tool("$log", 'backup', '--all', '--json', '--repo', $repo, '--lock-wait-timeout', '60s', map { ('--exclude-database', $_) } qw(?*é inv* Q* t* post* closed left_out));
wait_until(sub { query('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0 });
query('postgres', $_) for 'DROP DATABASE gone_2', 'ALTER DATABASE gone_3 RENAME TO gone_9', 'ALTER DATABASE gone_4 RENAME TO left_out', 'DROP DATABASE gone_1 WITH (FORCE)';
eval { $slow->() };
is(finish_tool($pid), 0, 'databases that are dropped or renamed meanwhile are no failure') or diag(read_bytes("$log"));
$text = read_bytes("$log");
like($text, qr/warning: database "gone_$_" is not backed up: (?:it was dropped meanwhile|invalid: its DROP DATABASE goes on)/, "gone_$_ is named") for 1, 2;
like($text, qr/database "gone_3" was renamed to "gone_9" meanwhile/, 'so is the new name');
like($text, qr/warning: database "left_out" is not backed up: it was renamed/, 'or why that is left out');
is(join(' ', map { $_->{database} =~ /gone|left/ ? $_->{database} : () } grep { $_->{kind} eq 'database' } @{ tool_json('list', '--repo', $repo)->{backups} }), 'gone_9', 'which is backed up');
like($text, qr/"failed": 0/, 'none has failed');

# Settings from a file, and wrong usage.
my $config = File::Temp->new(SUFFIX => '.yaml');
write_bytes("$config", "repo: $repo\nexclude-database:\n  - '*e*'\n  - invoice?\n");
$json = tool_json('backup', '--all', '--config', "$config");
is(join(',', map { $_->{database} // '' } @{ $json->{databases} }), ",caf\x{e9}", 'patterns as a YAML list');
$json = tool_json('backup', '--all', '--config', "$config", '--exclude-database', '*[*', '--exclude-database', 'c*');
ok(scalar(grep { ($_->{database} // '') eq 'postgres' } @{ $json->{databases} }), 'those of the command line replace them');
write_bytes("$config", "repo: $repo\nexclude-database:\n  - {a: b}\n");
tool_fails([ 'backup', '--all', '--config', "$config" ], 2, qr/single value/, 'a list of something else');
tool_fails([ 'backup', '-d', 'invoices', '--repo', $repo, '--exclude-database', 'x' ], 2, qr/needs "--all".*HINT/s,
	'--exclude-database without --all');
tool_fails([ 'backup', '--all', '--repo', $repo, '--exclude-database', '"x' ], 2, qr/not closed/, 'an open quotation mark');
tool_fails([ 'backup', '--all', '--repo', $repo, '-p', '1' ], 1, qr/could not connect.*HINT/s, 'no server');

done_testing();
