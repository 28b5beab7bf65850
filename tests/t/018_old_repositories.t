# Repositories that version 0.2.0 made, in clear and encrypted: this version lists, verifies, shows and restores what is in
# them, reads them into a catalog, adds backups, and expires the old ones.  tests/fixtures/made_by_0.2.0/made.sh made them.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use Test::More;

my $fixture = top() . '/tests/fixtures/made_by_0.2.0';
my $other = start_server('other');
my $node = start_server('main');
my $files = File::Temp::tempdir(CLEANUP => 1);
my ($said, %ids);

is(system('tar', '-xzf', "$fixture/repositories.tar.gz", '-C', $files), 0, 'what 0.2.0 has made');
my %repo = (
	plain => [ '--repo', "$files/plain" ],
	age => [ '--repo', "$files/age", '--identity', "$files/reader.key", '--state-dir', "$files/state" ],
	aes => [ '--repo', "$files/aes", '--key-file', "$files/symmetric.key", '--state-dir', "$files/state" ]);

# What was backed up, made again.
ok(IPC::Run::run([ 'psql', '-Xq', '-o', '/dev/null', '-d', 'postgres', '-f', "$fixture/databases.sql" ], '>', \$said, '2>&1'), 'the databases')
  or diag($said);
query('shop', "UPDATE sales.item SET note = note || '!' WHERE id > 500; SELECT setval('sales.item_id_seq', 4000)");
my %original = map { ($_ => normalized_dump($_)) } qw(shop old);

for my $name (sort keys %repo)
{
	my $backups = tool_json('list', @{ $repo{$name} })->{backups};

	is(join(' ', sort map { $_->{database} // $_->{set} // $_->{kind} } @$backups), $name eq 'plain' ? 'globals old shop shop shop' : 'shop', "$name: the list");
	$ids{$name} = [ sort map { $_->{backup} } grep { ($_->{database} // '') eq 'shop' } @$backups ];
	is(tool_json('info', @{ $repo{$name} }, "shop/$_")->{tool}, '0.2.0', "$name: a backup of 0.2.0") for @{ $ids{$name} };
	tool_ok([ 'verify', @{ $repo{$name} } ], "$name: everything is verified");
	tool_ok([ 'restore', @{ $repo{$name} }, 'shop', '--to', "shop_$name" ], "$name: restored");
	ok(normalized_dump("shop_$name") eq $original{shop}, "$name: and the same");
}

# The first backup, before the change; a part; a file of SQL.
my ($first) = @{ $ids{plain} };
unlike(tool_ok([ 'cat', @{ $repo{plain} }, "shop/$first", '--table', 'sales.item' ], 'rows of the first backup'), qr/!/, 'as they were then');
query('shop_plain', 'DROP TABLE sales.item CASCADE');
tool_ok([ 'restore', @{ $repo{plain} }, 'shop', '--table', 'sales.item', '--to', 'shop_plain' ], 'a table into a live database');
is(query('shop_plain', 'SELECT count(*), max(note) FROM sales.item'), query('shop', 'SELECT count(*), max(note) FROM sales.item'), 'its rows');
tool_ok([ 'export', @{ $repo{plain} }, 'old', '-o', "$files/old.sql" ], 'a file of SQL');
query('postgres', 'CREATE DATABASE old_exported TEMPLATE template0');
ok(IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', 'old_exported', '-f', "$files/old.sql" ], '>', \$said, '2>&1'), 'psql runs it')
  or diag($said);
ok(normalized_dump('old_exported') eq $original{old}, 'and it is the same, whatever standard_conforming_strings was');
tool_ok([ 'config', 'restore', @{ $repo{plain} }, '--set', 'shop', '--identity', "$files/reader.key", '--restore-dir', "$files/config", '--yes' ], 'a set of configuration files');
like(join('', map { read_bytes($_) } grep { /shop\.yaml$/ } map { "$files/config/$_" } all_files("$files/config")), qr/not-a-secret/, 'in clear again');

# A whole cluster.
use_server($other);
tool_ok([ 'restore', '--all', @{ $repo{plain} }, '--yes' ], 'roles and all databases onto an empty server');
ok(normalized_dump($_) eq $original{$_}, "$_ is the same there") for sort keys %original;
is(query('old', 'SHOW standard_conforming_strings'), 'off', 'with its setting');
use_server($node);

SKIP:
{
	skip 'the extension is not installed', 3 unless have_extension();
	query('postgres', 'CREATE EXTENSION nex_backup');
	is(query('postgres', "SELECT * FROM nex_backup_sync('$files/plain')"), '5|0|0', 'read into a catalog, with the set of files');
	is(query('postgres', "SELECT result, bad FROM nex_backup_verify('shop', '$files/plain')"), 'ok|{}', 'verified by the server');
	is(query('postgres', "SELECT result, bad FROM nex_backup_verify('shop', '$files/age')"), 'ok|{}', 'an encrypted one, too');
}

# New backups beside the old ones, and in their place.
for my $name (sort keys %repo)
{
	tool_ok([ 'backup', @{ $repo{$name} }, '-d', 'shop', '--same-server' ], "$name: a new backup");
	tool_ok([ 'verify', @{ $repo{$name} } ], "$name: everything is verified again");
	tool_ok([ 'expire', @{ $repo{$name} }, '--keep-daily', 0, '--keep-weekly', 0 ], "$name: the old backups expire");
	is(scalar(@{ tool_json('list', @{ $repo{$name} }, 'shop')->{backups} }), 1, "$name: one is left");
	tool_ok([ 'restore', @{ $repo{$name} }, 'shop', '--to', "again_$name" ], "$name: restored");
	ok(normalized_dump("again_$name") eq $original{shop}, "$name: and the same");
}
done_testing();
