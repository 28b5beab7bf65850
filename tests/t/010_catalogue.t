# The tool records in the extension's catalogue; the extension's own verification
# and rebuilding agree; and a catalogue that is down never fails a backup.
use strict;
use warnings;

use Cwd qw(getcwd);
use NexBackup::Test;
use Test::More;

my $node = start_server('main');

plan skip_all => 'the extension is not installed' unless have_extension();

my $repo = new_repository();

load_sample('invoices', 0.005);

# Without the extension: no word about it.
my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'invoices');
is($code, 0, 'backup without the extension');
unlike($err, qr/catalogue/, 'says nothing of a catalogue');

query('postgres', 'CREATE EXTENSION nex_backup');
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices' ], 'backup with it, in database postgres');
my $id = latest_id($repo, 'invoices');
my $backups = 'SELECT count(*) FROM nex_backup.backups';
is(query('postgres', $backups), 1, 'one backup in the catalogue');
ok(query('postgres', "SELECT count(*) FROM nex_backup.backups b WHERE b::text LIKE '%$id%'"), 'with its id');
tool_ok([ 'verify', '--repo', $repo, 'invoices' ], 'verify');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'restored' ], 'restore');

# Status reads well both ways.
like(query('postgres', 'SELECT * FROM nex_backup_status()'), qr/\|(?:ok|warning|critical)\|/, 'status, FROM');
like(query('postgres', 'SELECT nex_backup_status()'), qr/ok|warning|critical/, 'status, SELECT');

# The server has a working directory of its own: it needs the absolute path.
(my $parent = $repo) =~ s{/repo$}{};
{
	my $here = getcwd();
	chdir $parent or die "$parent: $!";
	tool_ok([ 'verify', '--repo', 'repo', 'invoices' ], 'verify with a relative path');
	chdir $here or die "$here: $!";
}
is(query('postgres', 'SELECT location FROM nex_backup.repositories'), $repo, 'an absolute path is recorded');

# The catalogue is rebuilt from the repository.
(my $literal = $repo) =~ s/'/''/g;
query('postgres', "SELECT nex_backup_sync('$literal')");
is(query('postgres', $backups), 2, 'sync finds the backup made before the extension');
query('postgres', "SELECT nex_backup_sync('$literal')");
is(query('postgres', $backups), 2, 'and is repeatable');

# The extension's verification agrees with the tool's.
my $latest = latest_id($repo, 'invoices');
open(my $lines, '<', "$repo/backups/invoices/$latest.sha256") or die $!;
my ($object) = map { /^\w+  (.*)$/ ? $1 : () } <$lines>;
close($lines);
my $verify = "SELECT row_to_json(v)::text FROM nex_backup_verify('invoices') v";
my $good = eval { query('postgres', $verify) };
ok(defined $good, 'the extension verifies') or diag($@);
my $mend = damage_file("$repo/$object", 'flip');
my $bad = eval { query('postgres', $verify) } // $@;
isnt($bad, $good // '', 'and finds damage');
is((tool('verify', '--repo', $repo, '--catalogue', 'none'))[0], 3, 'as the tool does');
like((tool('list', '--repo', $repo))[1], qr/failed/, 'which writes it down');
$mend->();
my $whole = read_bytes("$repo/$object");
write_bytes("$repo/$object", "${whole}x");
like(query('postgres', $verify), qr/has \d+ bytes instead of \d+/, 'a file that grew');
write_bytes("$repo/$object", substr($whole, 0, -1));
like(query('postgres', $verify), qr/has \d+ bytes instead of \d+/, 'one that was cut');
rename("$repo/$object", "$repo/elsewhere") or die $!;
write_bytes("$repo/elsewhere", $whole);
symlink("$repo/elsewhere", "$repo/$object") or die $!;
like(query('postgres', $verify), qr/is not a regular file/, 'a link in its place, to the same bytes');
rename("$repo/elsewhere", "$repo/$object") or die $!;
my $manifest = "$repo/backups/invoices/$latest.json";
my $sealed = read_bytes($manifest);
write_bytes($manifest, $sealed =~ s/"rows": ?(\d)/'"rows": ' . (9 - $1)/er);
isnt(read_bytes($manifest), $sealed, 'another number in the manifest');
like(eval { query('postgres', $verify) } // $@, qr/seal|damaged|does not match/, 'breaks its seal');
write_bytes($manifest, $sealed);
is(query('postgres', $verify), $good, 'all as before');

# Down, wrong or forbidden: a warning, never a failure.
for my $where ("host=/nonexistent dbname=postgres", "dbname=no_such_database", "nonsense = =")
{
	($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'invoices', '--catalogue', $where);
	is($code, 0, "catalogue \"$where\": the backup succeeds");
	like($err, qr/warning/i, 'with a warning');
}
query('postgres', 'CREATE ROLE plain LOGIN SUPERUSER; REVOKE ALL ON SCHEMA nex_backup FROM PUBLIC');
($code) = tool('backup', '--repo', $repo, '-d', 'invoices', '--catalogue', 'none');
is($code, 0, '--catalogue none');

# In the very database that is backed up, the catalogue is data like any other.
query('invoices', 'CREATE EXTENSION nex_backup');
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices' ], 'backup of a database with the extension');
is(query('invoices', $backups), 1, 'recorded there');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'with_extension' ], 'and restored');
is(query('with_extension', "SELECT count(*) FROM pg_extension WHERE extname = 'nex_backup'"), 1,
	'with the extension');

# A failed backup is a run as well.
($code) = tool('backup', '--repo', $repo, '-d', 'invoices', '-U', 'invoice_report', '--catalogue', 'dbname=postgres');
is($code, 1, 'a backup that fails');

# Expire takes the removed backups out of the catalogue.
tool_ok([ 'expire', '--repo', $repo ], 'expire');
query('postgres', "SELECT nex_backup_sync('$literal')");
is(query('postgres', "$backups WHERE NOT coalesce(removed, false)")
	  // 0, scalar @{ tool_json('list', '--repo', $repo)->{backups} }, 'as many as in the repository')
  if query('postgres', "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'nex_backup' "
	  . "AND table_name = 'backups' AND column_name = 'removed'");

done_testing();
