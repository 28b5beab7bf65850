# The tool records in the extension's catalogue; the extension's own verification
# and rebuilding agree; and a catalogue that is down never fails a backup.
use strict;
use warnings;

use Cwd qw(abs_path getcwd);
use File::Temp ();
use IPC::Run ();
use NexBackup::Forge;
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
my $manifest = "$repo/backups/invoices/$latest.json";
my $known = "SELECT verified, verified_ok FROM nex_backup.backups WHERE id = '$latest' UNION ALL"
  . " SELECT max(finished), count(*) > 0 FROM nex_backup.runs WHERE kind = 'verify'";
query('postgres', "SELECT nex_backup_sync('$literal')");
my $recorded = query('postgres', $known);

# What could not be looked at is not damaged, and nothing is recorded, as the tool does it.
sub not_looked_at
{
	my ($why, $what) = @_;

	like(eval { query('postgres', $verify) } // $@, qr/ERROR: .* could not be verified\nDETAIL: +\d+ of its files could not be looked at. .* $why/, $what);
	is((tool('verify', '--repo', $repo, '--catalogue', 'none'))[0], 1, '... as the tool does it');
	query('postgres', "SELECT nex_backup_sync('$literal')");
	is(query('postgres', $known), $recorded, '... and nothing is recorded');
	return;
}
not_looked_at('is a symbolic link', 'a link in its place, to the same bytes');
rename("$repo/elsewhere", "$repo/$object") or die $!;
for my $hidden ($object, $object =~ s{/[^/]*$}{}r)
{
	my $mode = (stat "$repo/$hidden")[2] & 07777;
	chmod(0, "$repo/$hidden") or die $!;
	not_looked_at('may not be read by the server', "$hidden that nobody may read");
	chmod($mode, "$repo/$hidden") or die $!;
}
rename($manifest, "$repo/elsewhere") or die $!;
symlink("$repo/elsewhere", $manifest) or die $!;
not_looked_at('is a symbolic link', 'a manifest behind a link');
rename("$repo/elsewhere", $manifest) or die $!;
for my $directory ($object =~ s{/[^/]*$}{}r, 'objects')
{
	rename("$repo/$directory", "$repo/elsewhere") or die $!;
	symlink("$repo/elsewhere", "$repo/$directory") or die $!;
	if ($directory eq 'objects')
	{
		like(query('postgres', $verify), qr/"bad":\[\]/, 'a link of our own at the top level is followed');
	}
	else
	{
		not_looked_at('is a symbolic link', 'a directory below it that is a link');
	}
	unlink "$repo/$directory";
	rename("$repo/elsewhere", "$repo/$directory") or die $!;
}
my $sealed = read_bytes($manifest);
write_bytes($manifest, $sealed =~ s/"rows": ?(\d)/'"rows": ' . (9 - $1)/er);
isnt(read_bytes($manifest), $sealed, 'another number in the manifest');
like(eval { query('postgres', $verify) } // $@, qr/seal|damaged|does not match/, 'breaks its seal');
write_bytes($manifest, $sealed);
tool_ok([ 'verify', '--repo', $repo, '--catalogue', 'dbname=postgres' ], 'it is whole, as the tool finds by looking into it');
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

my $status = 'SELECT concat_ws(\'|\', name, status, detail) FROM nex_backup_status()';

# A clock that was ahead once does not hide that backups have stopped.
for my $of ([ 'all of them', '1 day', qr/^backup of invoices\|warning\|.*in the future.*clock/m ], [ 'the latest', '-3 days', qr/^backup of invoices\|critical\|.*days ago/m ])
{
	my ($which, $others, $seen) = @$of;
	my $ahead = "CASE WHEN id = (SELECT max(id) FROM nex_backup.backups WHERE database = 'invoices') THEN interval '20 days' ELSE interval '$others' END";

	like(query('postgres', "BEGIN; UPDATE nex_backup.backups SET snapshot_at = now() + $ahead, verified = now() + interval '20 days' WHERE database = 'invoices'; $status; ROLLBACK"), $seen, "$which dated in the future");
}

# A copy of the repository: what is found out about it is not told of the repository.
my $copy = "$parent/copy";
my @catalogue = ('--catalogue', 'dbname=postgres');
tool_ok([ 'verify', '--repo', $repo, 'invoices', @catalogue ], 'the repository is good');
system('cp', '-a', $repo, $copy) == 0 or die 'cp';
$latest = latest_id($repo, 'invoices');
my $verified = "SELECT verified_ok FROM nex_backup.backups WHERE id = '$latest' AND database = 'invoices'";
my $flipped = damage_file($manifest = "$repo/backups/invoices/$latest.json", 'flip');
is((tool('verify', '--repo', $repo, "invoices/$latest", @catalogue))[0], 3, 'and then it is not');
tool_ok([ 'verify', '--repo', $copy, "invoices/$latest", @catalogue ], 'but the copy is');
is(query('postgres', $verified), 'f', 'which does not make the original good');
(my $copied = $copy) =~ s/'/''/g;
like(query('postgres', "SELECT result FROM nex_backup_verify('invoices/$latest', '$copied')"), qr/^ok$/, 'verified in SQL as well');
is(query('postgres', $verified), 'f', 'nor does that');
is(query('postgres', 'SELECT location FROM nex_backup.repositories'), $repo, 'and the repository is where it was');
tool_ok([ 'expire', '--repo', $copy, @catalogue ], 'expire in the copy');
tool_ok([ 'restore', '--repo', $copy, "invoices/$latest", '--to', 'from_copy', @catalogue ], 'a restore from it');
is(query('postgres', 'SELECT location FROM nex_backup.repositories'), $repo, 'and still is');
$flipped->();
tool_ok([ 'verify', '--repo', $repo, "invoices/$latest", @catalogue ], 'the repository is good again');
my $flipped_copy = damage_file("$copy/backups/invoices/$latest.json", 'flip');
is((tool('verify', '--repo', $copy, "invoices/$latest", @catalogue))[0], 3, 'now the copy is damaged');
is(query('postgres', $verified), 't', 'the original is not');
like(query('postgres', $status), qr/^last verify of invoices\|warning\|copy in \Q$copy\E on .*failed/m, 'the status names the copy');

# The same directory by another name is no copy.
symlink($repo, "$parent/by_link") or die $!;
tool_ok([ 'verify', '--repo', "$parent/by_link", "invoices/$latest", @catalogue ], 'verify by another path');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE details -> 'copy' ->> 'location' ~ 'by_link'"), 0, 'no copy');

# Runs that begin in one second are as many runs.
{
	my $runs = 'SELECT count(*) FROM nex_backup.runs';
	my $before = query('postgres', $runs);
	my @pids = map { start_tool("$parent/at_once.$_", 'verify', '--repo', $repo, "invoices/$latest", @catalogue) } 1 .. 4;
	is(join(' ', map { finish_tool($_) } @pids), '0 0 0 0', 'four verifications at once');
	is(query('postgres', $runs) - $before, 4, '... are four runs');
	is(query('postgres', "$runs WHERE finished < started"), 0, 'no run ends before it began');
}

# Backups whose files are gone are not called good: the server looks, and the program tells what it has seen.
query('postgres', 'CREATE DATABASE lost');
tool_ok([ 'backup', '--repo', $repo, '-d', 'lost', @catalogue ], 'a backup of another database');
like(query('postgres', $status), qr/^backup of lost\|ok/m, 'it is good');
unlike(query('postgres', $status), qr/gone/, 'and nothing is gone');
rename("$repo/backups/lost", "$parent/lost") or die $!;
my $looked = query('postgres', $status);
like($looked, qr/^backup of lost\|critical\|no good backup is left/m, 'not any more');
like($looked, qr/^backups gone of lost\|critical\|1 backup is not in "\Q$repo\E" any more, .*nex_backup_sync/m, 'and it is named');
unlike($looked, qr/^verify of lost\|ok/m, 'its verification is not called good either');
like((tool('doctor', '--repo', $repo, '-d', 'postgres'))[1], qr/^critical +backups +lost: 1 backup is not in/m, 'doctor says so');
# Whoever is asked: from which age on a backup is late.
my ($late) = (tool('notify', '--help'))[1] =~ /--notify-missed-after=TIME\b.*?(\d+)h\b/s;
like(query('postgres', q{SELECT prosrc FROM pg_proc WHERE oid = 'nex_backup.status'::regproc}), qr/snapshot_at > now\(\) - interval '$late hours'/, 'status and notify agree');
my $rpo = "SELECT count(*) FROM nex_backup.backups WHERE database = 'lost' AND gone IS NULL";
query('postgres', "UPDATE nex_backup.backups SET finished = finished - interval '1 hour'");
tool_ok([ 'expire', '--repo', $repo, @catalogue ], 'expire, which tells the catalogue what is there');
is(query('postgres', $rpo), 0, 'it is known to be gone');
rename($repo, "$parent/away") or die $!;
$looked = query('postgres', $status);
like($looked, qr/^repository\|warning\|.*NOT THERE/m, 'a repository that is not there');
like($looked, qr/^backup of invoices\|ok/m, 'does not mean that its backups are gone');
rename("$parent/away", $repo) or die $!;
rename("$parent/lost", "$repo/backups/lost") or die $!;
tool_ok([ 'expire', '--repo', $repo, @catalogue ], 'the files are back');
is(query('postgres', $rpo), 1, 'and so is the backup');
like(query('postgres', $status), qr/^backup of lost\|ok/m, 'says the status');
unlink(glob("'$repo/backups/lost/*'"));
rmdir("$repo/backups/lost") or die $!;
query('postgres', "SELECT nex_backup_sync('$literal')");
unlike(query('postgres', $status), qr/of lost/, 'nex_backup_sync() forgets it');
is(query('postgres', 'SELECT count(*) FROM nex_backup.backups WHERE gone IS NOT NULL'), 0, 'nothing else is gone');

# Damage in what the stored bytes hold: a verification of those bytes alone says nothing of it.
{
	my ($of, $seen) = ("$repo/backups/within/", "SELECT verified_ok, verified_inside FROM nex_backup.backups WHERE database = 'within'");

	query('postgres', 'CREATE DATABASE within');
	query('within', 'CREATE TABLE t AS SELECT n FROM generate_series(1, 20) n');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'within', @catalogue ], 'a backup');
	$of .= latest_id($repo, 'within');
	my $good = read_bytes("$of.json");
	reseal("$of.json", sub { return $_[0] =~ s/("rows": ?)20\b/${1}21/gr });
	is((tool('verify', '--repo', $repo, 'within', @catalogue))[0], 3, 'with another number of rows than it says');
	for my $level ('stored', 'present')
	{
		my ($code, undef, $err) = tool('verify', '--repo', $repo, 'within', "--level=$level", @catalogue);

		is($code, 3, "--level=$level does not make it good");
		like($err, qr{error: backup "within/\w+" is still known to be damaged}, '... and says so');
	}
	is(tool_json('verify', '--repo', $repo, 'within', '--level=stored', '--catalogue', 'none')->{backups}[0]{result}, 'failed', 'nor in JSON');
	is(query('postgres', "SELECT result FROM nex_backup_verify('within', '$literal')"), 'failed', 'nor does the server');
	query('postgres', "SELECT nex_backup_sync('$literal')");
	is(query('postgres', $seen), 'f|t', 'the catalogue knows it');
	like(query('postgres', $status), qr/^verify of within\|critical\|.* IS DAMAGED/m, 'and the status');
	query('postgres', "UPDATE nex_backup.backups SET verified = now(), verified_ok = true, verified_inside = false WHERE database = 'within'");
	query('postgres', "SELECT nex_backup_sync('$literal')");
	is(query('postgres', $seen), 'f|t', 'nex_backup_sync() finds it in the repository');
	write_bytes("$of.json", $good);
	tool_ok([ 'verify', '--repo', $repo, 'within', @catalogue ], 'when somebody has looked into it again');
	is(query('postgres', $seen), 't|t', 'it is good');
	is(query('postgres', "SELECT result FROM nex_backup_verify('within', '$literal')"), 'ok', 'for the server, too');
}

# The name of a database is whatever bytes a session of some other database has sent.
query('postgres', q(CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'));
query('ascii', qq(SET client_encoding = 'SQL_ASCII'; CREATE DATABASE "$_" ENCODING 'UTF8' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'))
  for "caf\xe8", "caf\xe9";
query('ascii', qq(SET client_encoding = 'SQL_ASCII'; CREATE ROLE "caf\xe9" SUPERUSER));
like(query('postgres', $status), qr/^databases without backup\|warning\|.*"caf\\xe8", "caf\\xe9"/m, 'a name that is no text does not end the status');
tool_ok([ 'backup', '--repo', $repo, '-d', "caf\xe9", @catalogue ], 'its backup');
$looked = query('postgres', $status);
like($looked, qr/^backup of caf\\xe9\|ok/m, 'is recorded by the name that is shown');
like($looked, qr/^databases without backup\|warning\|.*"caf\\xe8"/m, 'and is not that of another one');
unlike($looked, qr/^databases without backup\|.*"caf\\xe9"/m, 'which is what the status compares');
like(query('postgres', qq(SELECT nex_backup.shown(r.rolname) FROM pg_roles r WHERE r.rolname ~~ 'caf%')), qr/^caf\\xe9$/, 'the name of a role');
is(query('postgres', q(SELECT nex_backup.valid_text(E'caf\u00e9 \\\\xe9'))), "caf\xc3\xa9 \\xe9", 'what is text stays as it is');

# A repository whose file system does not answer, as one on a network whose server is away.
my $shim = File::Temp::tempdir(CLEANUP => 1);
my $dead = "$shim/dead";
chmod 0755, $shim;
system($ENV{CC} || 'cc', '-O1', '-shared', '-fPIC', '-o', "$shim/shim.so", top() . '/tests/fixtures/dead_shim.c', '-ldl') == 0 or die 'cc';
{
	local $ENV{LD_PRELOAD} = "$shim/shim.so";
	local $ENV{DEAD_PLACE} = $repo;
	local $ENV{DEAD_WHILE} = $dead;

	$node->restart;
}

# What psql says, or that it hangs; then the file system answers again, so that nothing hangs with it.
sub patiently
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	eval { IPC::Run::run([ 'psql', '-XAtq', '-d', 'postgres', '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120)) };
	return "$out$err" unless $@;
	unlink $dead;
	return "hangs: $@";
}

# Processes that have the lock of a place.
sub lookers
{
	my $data = abs_path($node->data_dir);

	return grep { (readlink($_) || '') =~ m{^\Q$data\E/pg_stat_tmp/nex_backup[.]} } glob('/proc/[0-9]*/fd/*');
}

like(patiently($status), qr/^repository\|ok\|.*readable by the server/m, 'a file system that answers');
is(scalar lookers(), 0, 'nobody looks any more');

# A repository with archived WAL is of format 2; what else there may be, another version knows.
{
	my $frame = read_bytes("$repo/nex_backup.json");

	for my $case ([ 2, '["wal"]', 1 ], [ 1, '["wal"]', 0 ], [ 2, '["wal", "more"]', 0 ], [ 2, '"wal"', 0 ], [ 2, undef, 0 ], [ 3, '[]', 0 ])
	{
		my ($format, $features, $known) = @$case;
		my $name = "format $format, features " . ($features // 'none');

		write_bytes("$repo/nex_backup.json", $frame);
		reseal("$repo/nex_backup.json", sub { my ($text) = @_; $text =~ s/"format": 1/"format": $format/; return $text . (defined $features ? ",\n\"features\": $features" : '') });
		for my $call ("verify('invoices')", "sync('$literal')")
		{
			my $said = patiently("SELECT nex_backup_$call");

			$known ? unlike($said, qr/ERROR/, "$name: $call") : like($said, qr/ERROR: .*has format $format, which is unknown/, "$name: $call");
		}
	}
	write_bytes("$repo/nex_backup.json", $frame);
}

# It stops to answer while a statement reads it, which then ends as any other.
sub readers { return grep { (readlink("$_/cwd") || '') eq '/' && (eval { read_bytes("$_/maps") } || '') =~ /\Q$shim\E/ } glob('/proc/[0-9]*'); }
for my $case ([ '/objects/', "verify('invoices')" ], [ '/backups/', "verify('invoices')" ], [ '/backups/', "sync('$literal')" ])
{
	my ($part, $call) = @$case;

	write_bytes($dead, $part);
	like(patiently("SET statement_timeout = '2s'; SELECT nex_backup_$call"), qr/canceling statement due to statement timeout/, "$call, without $part");
	cmp_ok(scalar readers(), '>', 0, '... leaves who reads');
	unlink $dead or die $!;
	ok(wait_until(sub { !readers() }), '... who ends when it answers');
}
write_bytes($dead, '/objects/');
my $reading = background_sql('postgres', "SELECT nex_backup_verify('invoices')");
ok(wait_until(sub { readers() }), 'one that hangs');
query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT nex_backup_verify'");
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT nex_backup_verify'") == 0 }), '... is terminated');
unlink $dead or die $!;
$reading->();
unlike(patiently("SELECT nex_backup_verify('invoices')"), qr/hangs|ERROR/, 'and the next one reads all');
write_bytes($dead, '');
for my $time (1, 2)
{
	my $seen = patiently($status);

	like($seen, qr/^repository\|warning\|.*does not answer/m, "one that does not, look $time");
	like($seen, qr/^backup of invoices\|ok/m, 'its backups are not gone');
}
is(scalar lookers(), 1, 'one process waits for it, however often somebody looks');
my ($lock) = map { readlink } lookers();
utime(time - 120, time - 120, $lock) or die "$lock: $!";
like(patiently($status), qr/^repository\|critical\|.*has not answered since 20\d\d-/m, 'after some time that is critical');
like(patiently("SELECT nex_backup_$_"), qr/ERROR:  repository "\Q$repo\E" (?:does not answer|has not answered)/, $_)
  for "verify('invoices')", "verify('globals', '$literal')", "sync('$literal')";
$node->stop('fast');
is(scalar lookers(), 1, 'the server stops all the same');
$node->start;
like(patiently($status), qr/^repository\|critical\|.*has not answered since 20\d\d-/m, 'and starts');
unlink $dead or die $!;
ok(wait_until(sub { !lookers() }), 'the process ends when it answers');
like(patiently($status), qr/^repository\|ok\|.*readable by the server/m, 'and all is well again');

done_testing();
