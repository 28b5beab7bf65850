# The catalogue and nex_backup_status() know of the globals.
use strict;
use warnings;

use NexBackup::Test;
use POSIX qw(strftime);
use Test::More;

my $node = start_server('main');
plan skip_all => 'the extension is not installed' unless have_extension();
my $repo = new_repository();

query('postgres', 'CREATE EXTENSION nex_backup');
create_database('invoices');
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices' ], 'backup of a database');
is(query('postgres', "SELECT status, detail ~ 'nex_backup globals backup' FROM nex_backup_status() WHERE name = 'globals'"),
	'warning|t', 'status warns that roles are in no backup');

tool_ok([ 'backup', '--all', '--repo', $repo, '--type', 'nightly' ], 'backup --all');
is(query('postgres', 'SELECT kind, database, type, tables, stored_bytes > 0, server_version IS NOT NULL '
		  . "FROM nex_backup.backups WHERE kind = 'globals'"),
	'globals||nightly|0|t|t', 'the catalogue has the globals');
is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE kind = 'database' AND type = 'nightly'"),
	3, 'and each of the databases');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'backup' AND state = 'succeeded'"), 5, 'one run each');
like(query('postgres', "SELECT status, detail FROM nex_backup_status() WHERE name = 'globals'"),
	qr/^ok\|\d{8}T\d{6}Z\S*, nightly \(just now\), \S+ (?:bytes|kB) stored$/, 'status: when they were backed up last');
like(query('postgres', "SELECT status, detail FROM nex_backup_status() WHERE name = 'verify of globals'"),
	qr/^warning\|never verified/, 'not verified yet');
tool_ok([ 'globals', 'verify', '--repo', $repo ], 'verify');
like(query('postgres', "SELECT status, detail FROM nex_backup_status() WHERE name = 'verify of globals'"),
	qr/^ok\|\S+ was good/, 'verified');
is(query('postgres', "SELECT count(*) FROM nex_backup_status() WHERE name ~ ' of \$'"), 0, 'no row without a name');

# Verified in the server.
my $id = query('postgres', "SELECT max(id) FROM nex_backup.backups WHERE kind = 'globals'");
my ($object) = read_bytes("$repo/globals/$id.sha256") =~ /  (\S+)/;
for my $name ('globals', "globals/$id", '', "/$id")
{
	is(query('postgres', "SELECT result, objects > 0 FROM nex_backup_verify('$name')"), 'ok|t', "nex_backup_verify('$name')");
}
is(query('postgres', "SELECT result FROM nex_backup_verify('globals', '$repo')"), 'ok', 'with a repository');
like(query('postgres', "SELECT status, detail FROM nex_backup_status() WHERE name = 'verify of globals'"),
	qr/^ok\|$id was good just now, stored bytes only/, 'status says that it was not looked inside');
my $undo = damage_file("$repo/$object", 'flip');
is(query('postgres', "SELECT result, bad[1] ~ '^$object: ' FROM nex_backup_verify('globals')"), 'failed|t', 'damage is found');
is(query('postgres', "SELECT status FROM nex_backup_status() WHERE name = 'verify of globals'"), 'critical', 'and known');
$undo->();
for my $file ("globals/$id.json", "globals/$id.sha256")
{
	$undo = damage_file("$repo/$file", 'flip 30');
	is(query('postgres', "SELECT result FROM nex_backup_verify('globals', '$repo')"), 'failed', "also in $file");
	$undo->();
}
tool_ok([ 'globals', 'verify', '--repo', $repo ], 'the tool has the last word');
ok(!eval { query('postgres', "SELECT nex_backup_verify('globals/20200101T000000Z')"); 1 }, 'one that is not there');

# Whoever may create a database can call it "globals", or like a backup of another one.
{
	my $other = new_repository();
	my @at = ('--repo', $other, '--catalogue', 'none');

	tool_ok([ 'globals', 'backup', @at ], 'globals');
	tool_ok([ 'backup', '-d', 'postgres', @at ], 'and a database');
	my ($globals, $good) = map { tool_json(@$_, '--repo', $other)->{backups}[-1]{backup} } ['globals', 'list'], [ 'list', 'postgres' ];
	my $named = "postgres/$good";
	create_database($_) for 'globals', $named;
	sleep 1;
	tool_ok([ 'backup', '-d', "dbname='$_'", @at ], "database $_") for 'globals', $named;
	my $id = tool_json('list', 'globals', '--repo', $other)->{backups}[0]{backup};
	my %error = (globals => qr/backup "globals" is ambiguous.*HINT:.*globals\/ID/s);
	for my $name ('globals', '', "/$globals", "globals/$globals", "globals/$id", $named)
	{
		my $result = eval { query('postgres', "SELECT result FROM nex_backup_verify('$name', '$other')") } // $@;
		like($result, $error{$name} // qr/^ok$/, "nex_backup_verify('$name') beside a database of that name");
	}
	is(tool_json('info', '--repo', $other, $named)->{database}, 'postgres', 'the tool: DB/ID is the backup of DB');
	unlink glob("$other/backups/postgres/$good.*");
	tool_fails([ 'info', '--repo', $other, $named ], 2, qr/"\Q$named\E" is ambiguous.*HINT:.*"\Q$named\E\/\d{8}T/s, 'nothing else in its place');
	query('postgres', qq(DROP DATABASE globals; DROP DATABASE "$named"));
}

# Rebuilt from the repository.
my $before = query('postgres', 'SELECT kind, database, id, type, tables, stored_bytes, verified_ok FROM nex_backup.backups ORDER BY 2, 3');
query('postgres', 'DELETE FROM nex_backup.backups');
is(query('postgres', "SELECT * FROM nex_backup_sync('$repo')"), '5|0|0', 'nex_backup_sync() reads the globals, too');
is(query('postgres', 'SELECT kind, database, id, type, tables, stored_bytes, verified_ok FROM nex_backup.backups ORDER BY 2, 3'),
	$before, 'the same as before');
is(query('postgres', "SELECT * FROM nex_backup_sync('$repo')"), '5|0|0', 'and removes none of them the second time');
my ($manifest) = grep { m{^globals/.*json$} } all_files($repo);
my $mend = damage_file("$repo/$manifest", 'flip 30');
is(query('postgres', "SELECT * FROM nex_backup_sync('$repo')"), '4|0|1', 'a damaged one is counted');
is(query('postgres', "SELECT status FROM nex_backup_status() WHERE name = 'globals'"), 'critical', 'and no longer good');
$mend->();
rename("$repo/$manifest", "$repo/moved") or die;
is(query('postgres', "SELECT * FROM nex_backup_sync('$repo')"), '4|1|0', 'one that is gone is removed');
rename("$repo/moved", "$repo/$manifest") or die;
query('postgres', "SELECT nex_backup_sync('$repo')");

# A failed run, and an expiry.
tool_fails([ 'globals', 'backup', '--repo', $repo, '--pg-bindir', '/nonexistent' ], 1, qr/pg_dumpall.*HINT/s, 'no pg_dumpall');
like(query('postgres', "SELECT status, detail FROM nex_backup_status() WHERE name = 'last backup of globals'"),
	qr/^warning\|failed just now: could not find a "pg_dumpall"/, 'status knows of a run that failed');
sleep 1;
tool_ok([ 'globals', 'backup', '--repo', $repo ], 'a backup that succeeds');
is(query('postgres', "SELECT count(*) FROM nex_backup_status() WHERE name = 'last backup of globals'"), 0, 'the failure is over');
tool_ok([ 'globals', 'backup', '--repo', $repo ], 'another one');
tool_ok([ 'expire', '--repo', $repo, '--keep-daily', 1, '--keep-weekly', 0 ], 'expire');
is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE kind = 'globals'"),
	scalar @{ tool_json('globals', 'list', '--repo', $repo)->{backups} }, 'what was expired is gone from the catalogue');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE kind = 'expire' AND database = ''"), 1, 'recorded');

# A restore is recorded where it went.
tool_ok([ 'globals', 'restore', '--repo', $repo ], 'restore of the globals');
is(query('postgres', "SELECT state FROM nex_backup.runs WHERE kind = 'restore' AND database = ''"), 'succeeded', 'recorded');

# With a database of that name the word could mean either.
create_database('globals');
my %taken = map { $_->{backup} => 1 } @{ tool_json('globals', 'list', '--repo', $repo)->{backups} };
sleep 1 if $taken{ strftime('%Y%m%dT%H%M%SZ', gmtime) };    # an ID that both have would be ambiguous
tool_ok([ 'backup', '--repo', $repo, '-d', 'globals' ], 'a database called globals');
ok(!eval { query('postgres', "SELECT nex_backup_verify('globals', '$repo')"); 1 }, 'the word alone is refused');
like($@, qr/backup "globals" is ambiguous/, 'as ambiguous');
my $of_database = latest_id($repo, 'globals');
is(query('postgres', "SELECT result FROM nex_backup_verify('globals/$of_database', '$repo')"), 'ok', 'it can be verified');
is(query('postgres', "SELECT database FROM nex_backup.verifications ORDER BY run DESC LIMIT 1"), 'globals', 'by its id');
is(query('postgres', "SELECT result FROM nex_backup_verify('', '$repo')"), 'ok', 'the globals still have a name');
is(query('postgres', "SELECT database FROM nex_backup.verifications ORDER BY run DESC LIMIT 1"), '', 'of their own');

# Jobs of these kinds.
is(query('postgres', "SELECT string_agg(kind, ',' ORDER BY kind) FROM nex_backup.job_kinds WHERE kind ~ 'globals|all'"),
	'backup-all,globals', 'there are jobs for them');

done_testing();
