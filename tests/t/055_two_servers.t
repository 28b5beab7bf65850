# Two servers in one repository: each has a name there, and nothing of one is taken for the other's.
use strict;
use warnings;

use Cwd ();
use File::Temp ();
use NexBackup::Forge;
use NexBackup::Test;
use Test::More;

my $scratch = File::Temp::tempdir(CLEANUP => 1);
my $production = start_server('production', wal_level => 'replica', max_wal_senders => 2);
my $staging = start_server('staging');
our $repo = new_repository();
my @none = ('--catalogue', 'none');

sub on
{
	my ($node, $code) = @_;

	use_server($node);
	my @result = wantarray ? $code->() : scalar($code->());
	use_server($production);
	return wantarray ? @result : $result[0];
}

sub backup
{
	my ($node, @arguments) = @_;
	my ($code, $out, $err) = on($node, sub { tool('backup', '--repo', $repo, '--json', @none, @arguments) });

	is($code, 0, "backup @arguments") or diag($err);
	return $code ? undef : JSON::PP->new->utf8->decode($out);
}

sub list
{
	return map { "$_->{server}:" . ($_->{database} // '') . "/$_->{backup}" } @{ tool_json('list', '--repo', $repo, @_)->{backups} };
}

# The file of the latest backup of crm.
sub latest_manifest
{
	return "$repo/backups/crm/" . tool_json('list', '--repo', $repo)->{backups}[-1]{backup} . '.json';
}

# What a restore of this name brings, on production.
sub restored
{
	my (@arguments) = @_;
	my ($code, $out, $err) = tool('restore', '--repo', $repo, @none, @arguments, '--to', 'copy');

	return "exit $code: $err" if $code;
	my $found = query('copy', 'SELECT v FROM t');
	query('postgres', 'DROP DATABASE copy');
	return $found;
}

for ([ $production, 'production' ], [ $staging, 'staging' ])
{
	my ($node, $name) = @$_;
	use_server($node);
	create_database('crm');
	query('crm', "CREATE TABLE t AS SELECT '$name'::text AS v; INSERT INTO t SELECT v FROM t WHERE false");
	query('postgres', "CREATE ROLE only_$name");
}
use_server($production);

# The second server is refused under the name of the first, with both ways out.
my $first = backup($production, '-d', 'crm');
is($first->{server}, 'main', 'the first server is main');
on($staging, sub {
	my $said = tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none ], 1, qr/are of another server/, 'another server is refused');
	like($said, qr/--server=NAME.*--same-server/s, 'with two ways out');
	tool_fails([ 'globals', 'backup', '--repo', $repo, @none ], 1, qr/are of another server/, 'so are its globals');
	create_database('shop');
	tool_fails([ 'backup', '--repo', $repo, '-d', 'shop', @none ], 1, qr/are of another server/, 'and a database that main does not have');
	tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none, '--server', 'a@b' ], 2, qr/--server/, 'a name without @');
	local $ENV{NEX_BACKUP_SAME_SERVER} = 'true';
	tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none ], 2, qr/must be given on the command line/, 'nobody confirms by a variable');
	tool_fails([ 'globals', 'backup', '--repo', $repo, @none ], 2, qr/must be given on the command line/, 'nor for the globals');
});
is(join(' ', list()), "main:crm/$first->{backup}", 'nothing was published');

# Under a name of its own it is another server.
my $config = "$scratch/staging.yaml";
write_bytes($config, "repo: $repo\nserver: staging\n");
my $second = backup($staging, '-d', 'crm', '--server', 'staging');
is("$second->{server} $second->{database}", 'staging staging@crm', 'its names say which');
on($staging, sub { tool_ok([ 'globals', 'backup', '--config', $config, @none ], 'the setting in the file') });
tool_ok([ 'globals', 'backup', '--repo', $repo, @none ], 'globals of main');
is(restored('crm'), 'production', 'a bare name is that of main');
is(restored('staging@crm'), 'staging', 'NAME@database is that of the other');
is(restored('crm', '--server=staging'), 'staging', 'or with --server');
is(restored("staging\@crm/$second->{backup}"), 'staging', 'with an id');
is(restored("crm/$second->{backup}", '--config', $config), 'staging', 'with the setting');
is(restored('main@crm', '--config', $config), 'production', 'main has a name, too');
is(restored('staging@crm', '--server=staging'), 'staging', 'both may say the same');
for my $case ([ 'staging@crm', 'main' ], [ "staging\@crm/$second->{backup}", 'main' ], [ 'main@crm', 'staging' ], [ 'staging@crm', 'other' ])
{
	my ($name, $given) = @$case;
	my ($full, $of) = $name =~ m{^((\w+)\@\w+)};

	tool_fails([ @$_, '--repo', $repo, "--server=$given" ], 2,
		qr/"\Q$full\E" is of server "$of", but --server=$given was given\nHINT:  Leave out --server, or write "crm" for that of server "$given"/,
		"$_->[0] of $name with --server=$given")
	  for [ 'restore', $name, '--to', 'copy', @none ], [ 'verify', $name, @none ], [ 'export', $name ], [ 'info', $name ], $name eq $full ? ([ 'expire', $name ], [ 'list', $name ]) : ();
}
tool_fails([ 'restore', '--repo', $repo, 'staging@nothing', '--to', 'copy' ], 1, qr/there is no backup "staging\@nothing"/, 'no such database');
is(scalar(list('--server', 'staging')), 2, 'list of one server');
is(scalar(list('staging@crm')), 1, 'list of one database');
is(scalar(list()), 4, 'list of all');
my $text = tool_ok([ 'list', '--repo', $repo ], 'list as text');
like($text, qr/^ staging\@crm /m, 'names of other servers');
like($text, qr/^ staging\@\(globals\) /m, 'and their globals');
like($text, qr/^ crm /m, 'those of main are as they were');

# Globals are those of each.
tool_ok([ 'globals', 'export', '--config', $config, '-o', "$scratch/staging.sql" ], 'globals of staging');
like(read_bytes("$scratch/staging.sql"), qr/only_staging/, 'are those of staging');
tool_ok([ 'globals', 'export', '--repo', $repo, '-o', "$scratch/main.sql" ], 'globals of main');
like(read_bytes("$scratch/main.sql"), qr/only_production/, 'are those of main');
like(tool_ok([ 'info', '--repo', $repo, 'staging@crm' ], 'info'), qr{cut -c67- servers/staging/backups/crm/\Q$second->{backup}\E\.sha256}, 'the stock commands know where it lies');
like(tool_ok([ 'info', '--repo', $repo, 'staging@crm' ], 'info'), qr/^Server +staging, PostgreSQL/m, 'and info says whose it is');

# What lies where: the objects of other servers are below their own directory.
my @files = all_files($repo);
ok((grep { m{^servers/staging/backups/crm/\Q$second->{backup}\E\.json$} } @files), 'manifest');
ok((grep { m{^servers/staging/objects/../} } @files), 'objects');
ok(!(grep { !m{^servers/} && read_bytes("$repo/$_") =~ /"label"/ } grep { /\.json$/ } @files), 'nothing of it elsewhere');
is(system("cd $repo && sha256sum -c --quiet servers/staging/backups/crm/$second->{backup}.sha256"), 0, 'stock tools check it');
query('postgres', 'CREATE DATABASE stock');
is(system("cd $repo && cut -c67- servers/staging/backups/crm/$second->{backup}.sha256 | xargs cat | zstd -dc | psql -qX -v ON_ERROR_STOP=1 -d stock >/dev/null"),
	0, 'and restore it');
is(query('stock', 'SELECT v FROM t'), 'staging', 'as it was');
query('postgres', 'DROP DATABASE stock');

# Retention is that of each server; objects of all are looked after.
my $third = backup($staging, '-d', 'crm', '--server', 'staging');
on($staging, sub { query('crm', "UPDATE t SET v = 'staging 2'") });
my $fourth = backup($staging, '-d', 'crm', '--server', 'staging');
tool_ok([ 'expire', '--repo', $repo, '--keep-daily=1', '--keep-weekly=0', @none ], 'expire of main');
is(scalar(grep { m{^staging:staging\@crm} } list()), 3, 'leaves the other server alone');
is(restored('crm'), 'production', 'main has its backup');
tool_ok([ 'expire', '--repo', $repo, '--server=staging', '--keep-daily=1', '--keep-weekly=0', @none ], 'expire of staging');
is(join(' ', grep { m{^staging:staging\@crm} } list()), "staging:staging\@crm/$fourth->{backup}", 'keeps the newest of staging');
is(restored('staging@crm'), 'staging 2', 'which restores');
is(restored('crm'), 'production', 'main has its backup still');
is((tool('verify', '--repo', $repo, @none))[0], 0, 'all is good after that');
tool_fails([ @$_, '--repo', $repo, '--server=stagin', @none ], 1, qr/there is nothing of server "stagin" in repository/, "$_->[0]: a slip is not all well")
  for ['verify'], [ 'expire', '--dry-run' ];
like((tool('verify', '--repo', $repo, @none))[1], qr{^staging\@crm/\Q$fourth->{backup}\E: ok}m, 'verify names them');
unlike((tool('verify', '--repo', $repo, '--server=staging', @none))[1], qr{^crm/}m, 'verify of one server');

# Damage of one server's object is not that of the other's, although both have the same content.
my ($object) = grep { m{^servers/staging/objects/} } all_files($repo);
damage_file("$repo/$object", 'flip');
my ($code, $out, $err) = tool('verify', '--repo', $repo, @none);
is($code, 3, 'damage is found');
like("$out$err", qr/\Q$object\E/, 'by name');
is((tool('verify', '--repo', $repo, 'crm', @none))[0], 0, 'the other server\'s is good');
backup($staging, '-d', 'crm', '--server', 'staging');
is((tool('verify', '--repo', $repo, 'staging@crm', @none))[0], 0, 'the next backup is good again');

# A killed backup's leftovers are found below the server, too; what is not ours stops expire.
mkdir "$repo/servers/staging/objects/ab";
write_bytes("$repo/servers/staging/objects/ab/ab" . '0' x 62 . '.sql.zst', 'nobody needs me');
tool_ok([ 'expire', '--repo', $repo, @none ], 'expire with leftovers of another server');
ok(!-e "$repo/servers/staging/objects/ab/ab" . '0' x 62 . '.sql.zst', 'removes them');
mkdir "$repo/servers/staging/backups.old";
tool_fails([ 'expire', '--repo', $repo, @none ], 1, qr/could not be looked at/, 'what is not understood in a server\'s directory');
rmdir "$repo/servers/staging/backups.old";
rename("$repo/servers", "$repo/servers.old");
tool_fails([ 'expire', '--repo', $repo, @none ], 1, qr/could not be looked at/, 'or beside it');
rename("$repo/servers.old", "$repo/servers");

# Doctor and missed backups go by server and name.
my $doctor = (tool('doctor', '--repo', $repo))[1];
like($doctor, qr/last backup +database "crm"/, 'doctor: main');
like($doctor, qr/last backup +database "staging\@crm"/, 'doctor: staging');
{
	my $url = "$scratch/url";
	write_bytes($url, 'http://127.0.0.1:9/');
	chmod 0600, $url;
	sleep 2;
	backup($production, '-d', 'crm');
	my @notify = ('notify', '--check-missed', '--repo', $repo, '--notify-webhook-url-file', $url,
		'--notify-directory', "$scratch/queue", '--notify-missed-except=globals', '--notify-missed-after=1s',
		'--notify-missed-except=staging@globals');
	($code, $out, $err) = tool(@notify);
	my @waiting = glob("$scratch/queue/queue/*");
	my $all = join('', map { read_bytes($_) } @waiting);
	like($all, qr/"server":\s*"staging"/, 'a fresh backup of main does not hide that staging\'s is overdue');
	like($all, qr/--server=staging/, 'the command in the message is that of the server');
}

# --all on both; restore --all takes one server.
my $all = backup($staging, '--all', '--server', 'staging');
is(scalar(grep { $_->{result} eq 'ok' && $_->{server} eq 'staging' } @{ $all->{items} // $all->{backups} // $all->{databases} }),
	scalar(@{ $all->{items} // $all->{backups} // $all->{databases} }), 'backup --all of a server');
tool_fails([ 'restore', '--all', '--repo', $repo, '--server=nobody', @none ], 1, qr/of server "nobody"/, 'restore --all of a server without backups');

# The label is in what info says of the server.
{
	my $server = tool_json('info', '--repo', $repo, 'staging@crm')->{server};
	is(ref $server, 'HASH', 'info: an object of the server');
	is($server->{label}, 'staging', 'info: with its label') if ref $server;
	is(tool_json('info', '--repo', $repo, 'crm')->{server}{label}, 'main', 'info: of main, too');
}

# A database whose name looks like NAME@database.
create_database('staging@crm');
query('staging@crm', "CREATE TABLE t AS SELECT 'plain'::text AS v");
# Ids are seconds: it must not have that of the last backup of the other.
sleep 2;
my $plain = backup($production, '-d', 'staging@crm');
is("$plain->{server} $plain->{database}", 'main staging@crm', 'a plain name with @');
tool_fails([ 'restore', '--repo', $repo, 'staging@crm', '--to', 'copy', @none ], 2, qr/ambiguous/, 'is ambiguous');
is(restored('main@staging@crm'), 'plain', 'with main@ it is the plain one');
is(restored('crm', '--server=staging'), 'staging 2', 'with --server the other');
is(restored("staging\@crm/$plain->{backup}"), 'plain', 'an id tells');
like(tool_ok([ 'list', '--repo', $repo ], 'list'), qr/^ main\@staging\@crm /m, 'the list shows a name of its own');
create_database('other@crm');
query('other@crm', "CREATE TABLE t AS SELECT 'other'::text AS v");
backup($production, '-d', 'other@crm');
is(restored('other@crm'), 'other', 'without such a server the plain name is meant');

# A server of which there is no such backup, or none any more: nobody takes its place.
create_database('staging@gone');
query('staging@gone', "CREATE TABLE t AS SELECT 'plain'::text AS v");
create_database('main@gone');
my %ids = map { $_ => backup($production, '-d', $_)->{backup} } 'staging@gone', 'main@gone';
for my $name (sort keys %ids)
{
	my ($server) = $name =~ /^(.*)@/;
	my $both = qr/"\Q$name\E" is ambiguous\nDETAIL:  It may be database "\Q$name\E" of server "main", or database "gone" of server "$server"\.\nHINT:  Write "main\@\Q$name\E" for the former\. The latter is "gone" with --server=$server/;

	tool_fails([ @$_, '--repo', $repo, @none ], 2, $both, "$_->[0] of $name says both")
	  for [ 'restore', $name, '--to', 'copy' ], [ 'restore', $name, '--at', '2050-01-01', '--to', 'copy' ], [ 'verify', $name ], [ 'expire', $name ], [ 'info', $name ], [ 'list', $name ], [ 'export', $name ];
	tool_fails([ 'restore', 'gone', '--repo', $repo, "--server=$server", '--to', 'copy', @none ], 1, qr/there is no backup/, '--server means the other');
	like((tool('verify', "main\@$name", '--repo', $repo, @none))[1], qr/^main\@\Q$name\E\S*: ok/m, 'main@ means the plain one');
}
is(restored('main@staging@gone'), 'plain', 'which is restored');

# The catalogue goes by both.
{
	local $repo = new_repository('catalogue');
	query('postgres', 'CREATE EXTENSION nex_backup');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'crm', '--catalogue', 'postgres' ], 'a backup that is recorded');
	on($staging, sub {
		query('postgres', 'CREATE EXTENSION nex_backup');
		tool_ok([ 'backup', '--repo', $repo, '-d', 'crm', '--server=staging', '--catalogue', 'postgres' ], 'one of the other server');
		tool_ok([ 'globals', 'backup', '--repo', $repo, '--server=staging', '--catalogue', 'postgres' ], 'and its globals');
		is(query('postgres', 'SELECT string_agg(database, \' \' ORDER BY database) FROM nex_backup.backups'), 'staging@ staging@crm',
			'recorded with their server');
		like(query('postgres', 'SELECT name, status, detail FROM nex_backup_status()'), qr/backup of staging\@crm\|ok/, 'status');
	});
	is(query('postgres', "SELECT backups, removed, damaged FROM nex_backup_sync('$repo')"), '3|0|0', 'sync reads all servers');
	is(query('postgres', 'SELECT string_agg(database, \' \' ORDER BY database) FROM nex_backup.backups'), 'crm staging@ staging@crm', 'by both');
	is(query('postgres', "SELECT count(*) FROM nex_backup.backup_tables WHERE database = 'staging\@crm'"), 1, 'with their tables');
	is(query('postgres', "SELECT result FROM nex_backup_verify('staging\@crm', '$repo')"), 'ok', 'the server verifies those of another');
	is(query('postgres', "SELECT result FROM nex_backup_verify('staging\@', '$repo')"), 'ok', 'and its globals');
	is(query('postgres', "SELECT result FROM nex_backup_verify('crm', '$repo')"), 'ok', 'and those of main');
	my ($of_staging) = grep { m{^servers/staging/objects/} } all_files($repo);
	my $mend = damage_file("$repo/$of_staging", 'flip');
	is(query('postgres', "SELECT result FROM nex_backup_verify('crm', '$repo')"), 'ok', 'damage of one server');
	like(query('postgres', "SELECT result, bad FROM nex_backup_verify('staging\@crm', '$repo') UNION ALL SELECT result, bad FROM nex_backup_verify('staging\@', '$repo')"),
		qr/failed.*\Q$of_staging\E/, 'is that of its own');
	$mend->();
	symlink('/etc', "$repo/servers/elsewhere") or die;
	like(query('postgres', "SELECT damaged FROM nex_backup_sync('$repo')"), qr/^1$/, 'a link among the servers is not followed');
	unlink "$repo/servers/elsewhere";
	sleep 1;    # an ID that both have would be ambiguous
	my $taken = backup($production, '-d', 'staging@crm', '--catalogue', 'postgres');
	is(query('postgres', "SELECT string_agg(database, ' ') FROM nex_backup.backups WHERE id = '$taken->{backup}'"), 'main@staging@crm', 'it is not taken for that, before a sync either');
	is(query('postgres', "SELECT damaged FROM nex_backup_sync('$repo')"), '0', 'a database that is called like one of another server');
	is(query('postgres', q(SELECT string_agg(database, ' ' ORDER BY database COLLATE "C") FROM nex_backup.backups)), 'crm main@staging@crm staging@ staging@crm',
		'both are in the catalogue');
	my $verified = "SELECT string_agg(coalesce(database, '-'), ' ') FROM (SELECT database FROM nex_backup.runs WHERE kind = 'verify' ORDER BY id DESC LIMIT 1) r";
	ok(!eval { query('postgres', "SELECT result FROM nex_backup_verify('staging\@crm', '$repo')"); 1 }, 'the name alone');
	like($@, qr/backup "staging\@crm" is ambiguous.*database "staging\@crm" of server "main", or database "crm" of server "staging".*main\@staging\@crm/s, 'is neither');
	is(query('postgres', "SELECT result FROM nex_backup_verify('main\@staging\@crm', '$repo')"), 'ok', 'main@ tells');
	is(query('postgres', $verified), 'main@staging@crm', '... and is the plain one');
	my ($of_other) = map { m{^servers/staging/backups/crm/(.*)\.json$} } all_files($repo);
	is(query('postgres', "SELECT result FROM nex_backup_verify('staging\@crm/$of_other', '$repo')"), 'ok', 'an id tells');
	is(query('postgres', $verified), 'staging@crm', '... that it is the other');
	is(query('postgres', "SELECT result FROM nex_backup_verify('staging\@crm/$taken->{backup}', '$repo')"), 'ok', 'or the plain one');
	is(query('postgres', $verified), 'main@staging@crm', '... which is recorded as such');
	unlike(query('postgres', "SELECT coalesce(string_agg(detail, ' '), '') FROM nex_backup_status() WHERE name = 'databases without backup'"), qr/"staging\@crm"/, 'it has a backup, by the status');
	my ($code) = tool('expire', '--repo', $repo, '--server=staging', '--catalogue', 'postgres', '--keep-daily=1');
	is($code, 0, 'expire of the other server is recorded');

	# The latest for the server, too, is the one with the latest snapshot.
	my ($id) = map { m{^backups/crm/(.*)\.json$} } all_files($repo);
	backup($production, '-d', 'crm');
	rename("$repo/backups/crm/$id.$_", "$repo/backups/crm/20991231T000000Z.$_") for qw(json sha256);
	reseal("$repo/backups/crm/20991231T000000Z.json", sub { $_[0] =~ s/"id": "\Q$id\E"/"id": "20991231T000000Z"/r });
	query('postgres', "SELECT nex_backup_verify('crm', '$repo')");
	unlike(query('postgres', "SELECT backup FROM nex_backup.runs WHERE kind = 'verify' ORDER BY id DESC LIMIT 1"), qr/^2099/,
		'nex_backup_verify() takes the latest snapshot, not the latest name');

	# A job may name its server.
	is(query('postgres', "SELECT count(*) FROM nex_backup.job_options WHERE option = 'server'"), 7, 'an option of jobs');
}

# The same server after pg_upgrade or a rebuild: asked once.  (Here: the identifier of the backups is changed.)
{
	local $repo = new_repository('upgraded');
	my $old = backup($production, '-d', 'crm');
	reseal("$repo/backups/crm/$old->{backup}.json", sub { $_[0] =~ s/"system_identifier":"\d+"/"system_identifier":"123"/r });
	tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none ], 1, qr/are of another server/, 'another identifier');
	tool_fails([ 'globals', 'backup', '--repo', $repo, @none ], 1, qr/are of another server/, 'globals, too');
	backup($production, '-d', 'crm', '--same-server');
	backup($production, '-d', 'crm');
	tool_ok([ 'globals', 'backup', '--repo', $repo, @none ], 'it is asked once');
	like(read_bytes("$repo/servers/main/server.json"), qr/"123".*"system_identifiers?":/s, 'both are remembered') or diag(read_bytes("$repo/servers/main/server.json"));
	on($staging, sub { tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none ], 1, qr/are of another server/, 'a third one is refused') });
	tool_ok([ 'expire', '--repo', $repo, @none ], 'expire');
	damage_file("$repo/servers/main/server.json", 'flip 40');
	tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none ], 3, qr{servers/main/server.json}, 'damage of it is found');
}

# A repository of an earlier version that holds two servers in peace: no database is of both.
{
	local $repo = new_repository('peace');
	backup($production, '-d', 'crm');
	my $shop = on($staging, sub { backup($staging, '-d', 'shop', '--server', 'tmp') });
	my $other = read_bytes("$repo/servers/tmp/backups/shop/$shop->{backup}.json");
	mkdir "$repo/backups/shop";
	write_bytes("$repo/backups/shop/$shop->{backup}.json", $other);
	(my $listing = read_bytes("$repo/servers/tmp/backups/shop/$shop->{backup}.sha256")) =~ s{servers/tmp/}{}g;
	write_bytes("$repo/backups/shop/$shop->{backup}.sha256", $listing);
	reseal("$repo/backups/shop/$shop->{backup}.json", sub { $_[0] =~ s/,"label":"tmp"//r });
	system("cp -r $repo/servers/tmp/objects/* $repo/objects/; rm -r $repo/servers") == 0 or die;
	is((tool('verify', '--repo', $repo, @none))[0], 0, 'an old repository of two servers');
	backup($production, '-d', 'crm');
	backup($staging, '-d', 'shop');
	on($staging, sub { tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none ], 1, qr/are of another server/, 'but not the other\'s database') });
	on($staging, sub {
		my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'shop', '--server=shop', @none);
		is($code, 0, 'a first backup under another name');
		like($err, qr/has backups of this server under the name "main"/, 'is noticed');
	});
}

# Over a live database of the other server: a warning before anything is done.
for ([ $production, qr/\A(?!.*another server)/s ], [ $staging, qr/warning: the backup is of another server than database "victim", (?:which it replaces|into which it goes)\nHINT:  The backup is of server "main", system identifier \d+; that of this server is \d+\./ ])
{
	my ($node, $expected) = @$_;
	on($node, sub {
		create_database('victim');
		query('victim', 'CREATE TABLE mine (a int)');
		my ($code, $out, $err) = tool('restore', '--repo', $repo, 'crm', '--to', 'victim', '-t', 't', '--as', 'other', @none);
		is($code, 0, 'a part into a live database') or diag($err);
		like($err, $expected, 'and whose it is');
		($code, $out, $err) = tool('restore', '--repo', $repo, 'crm', '--to', 'victim', '--drop', '--discard-old', '--yes', @none);
		is($code, 0, 'in place of a live database') or diag($err);
		like($err, $expected, 'and whose it is');
		query('postgres', 'DROP DATABASE victim');
	});
}

# A copy of a server has the same system identifier, but each of the two has a history of its own.
{
	local $repo = new_repository('copies');
	my @backup = ('backup', '--repo', $repo, '-d', 'crm', @none);
	my $copy = PostgreSQL::Test::Cluster->new('copy');
	my ($code, $err);

	$production->backup('copy');
	$copy->init_from_backup($production, 'copy');
	$copy->start;
	query('crm', 'CREATE TABLE more AS SELECT generate_series(1, 10000) AS a');
	($code, undef, $err) = tool(@backup);
	is("$code $err", '0 ', 'the original');
	on($copy, sub {
		my $said = tool_fails(\@backup, 1, qr/the latest backup in repository .*, crm.*, is of a later state than that of this server.*DETAIL.*of timeline 1, and was at/s, 'a copy that is behind');
		like($said, qr/HINT: .*--server=NAME.*--same-server/, 'with two ways out');
		query('crm', 'CREATE TABLE much AS SELECT generate_series(1, 200000) AS a');
		($code, undef, $err) = tool(@backup);
		is("$code $err", '0 ', 'one that is ahead is not known as a copy');
	});
	tool_fails(\@backup, 1, qr/is of a later state/, 'but then the original is refused');
	query('crm', 'CREATE TABLE much AS SELECT generate_series(1, 400000) AS a');
	($code, undef, $err) = tool(@backup);
	like("$code $err", qr/^0 .*warning: this server has been running for longer than the one that was backed up last, so there may be two/s, 'or warns');
	on($copy, sub {
		tool_fails(\@backup, 1, qr/is of a later state/, 'the copy again');
		tool_ok([ @backup, '--same-server' ], 'a person confirms it');
		($code, undef, $err) = tool(@backup);
		is("$code $err", '0 ', 'once');
		$copy->set_standby_mode;
		$copy->restart;
		# Its first checkpoint after the promotion, which may take minutes, is not there yet.
		my $checkpointer = query('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
		kill 'STOP', $checkpointer;
		$copy->promote;
		wait_until(sub { query('postgres', 'SELECT pg_is_in_recovery()') eq 'f' });
		is(query('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()'), 1, 'just promoted');
		($code, undef, $err) = tool(@backup);
		like("$code $err", qr/^0 .*warning: the server has begun a new timeline/s, 'a new timeline is said at once');
		kill 'CONT', $checkpointer;
		# If the promoted one had lacked what the latest backup of the other one has.
		my $made = latest_manifest();
		my $manifest = read_bytes($made);
		reseal($made, sub { $_[0] =~ s/"timeline":2/"timeline":1/r =~ s{"lsn":"[^"]*"}{"lsn":"FFFF/1000000"}r });
		tool_fails(\@backup, 1, qr/is of a later state than that of this server.*of timeline 2, and was at FFFF.1000000 of timeline 1/s, 'one that lacks what the latest backup has');
		write_bytes($made, $manifest);
		($code, undef, $err) = tool(@backup);
		is("$code $err", '0 ', 'once');
	});
	tool_fails(\@backup, 1, qr/is of a later state/, 'and who is on the old one is refused');
	my @expire = ('expire', '--repo', $repo, '--keep-daily=1', '--keep-minimum=1', @none);
	my $count = @{ tool_json('list', '--repo', $repo)->{backups} };
	my $newest = latest_manifest();
	my $manifest = read_bytes($newest);
	# As it was made before it was refused.
	reseal($newest, sub { $_[0] =~ s/"timeline":2/"timeline":1/r =~ s{"lsn":"[^"]*"}{"lsn":"0/1000000"}r });
	($code, undef, $err) = tool(@expire);
	like($err, qr/is of timeline 2, and backup .*of timeline 1\nHINT: .*--same-server/, 'expire says what keeps it from removing');
	like($err, qr/a backup is of a later timeline than the newest, so nothing is removed/, 'and that it does');
	is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, $count, 'and removes nothing');
	write_bytes($newest, $manifest);

	tool_ok([ @backup, '--same-server' ], 'until a person confirms it');
	$newest = latest_manifest();
	like(read_bytes($newest), qr/"history":2/, 'which begins another history');
	rename($newest, "$scratch/newest.json") or die;
	write_bytes($newest, 'damaged');
	($code, undef, $err) = tool(@backup);
	is($code, 1, 'where the latest backup is damaged, those before it tell');
	unlink $newest;
	rename("$scratch/newest.json", $newest) or die;
	tool_ok(\@backup, 'and again');
	($code, undef, $err) = tool(@expire);
	is("$code $err", '0 ', 'expire is content');
	is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, 1, 'what was before the confirmation keeps no backup from being removed');
	query('crm', 'DROP TABLE more; DROP TABLE much');
	$copy->stop('immediate');
}

# A role that may not read the identifier; an encrypted repository.
query('postgres', 'CREATE ROLE blind LOGIN SUPERUSER; ALTER ROLE blind NOSUPERUSER; GRANT pg_read_all_data TO blind; '
	  . 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC');
($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'postgres', '-U', 'blind', @none);
like($err, qr/may not read the system identifier/, 'an unknown identifier is said');
{
	local $repo = "$scratch/encrypted";
	write_bytes("$scratch/phrase", "correct horse battery staple\n");
	chmod 0600, "$scratch/phrase";
	my @key = ('--passphrase-file', "$scratch/phrase", '--state-dir', "$scratch/state");
	tool_ok([ 'init', '--repo', $repo, '--cipher', 'aes-256-gcm', @key ], 'an encrypted repository');
	backup($production, '-d', 'crm', @key);
	on($staging, sub { tool_fails([ 'backup', '--repo', $repo, '-d', 'crm', @none, @key ], 1, qr/are of another server/, 'encrypted: refused') });
	backup($staging, '-d', 'crm', '--server=staging', @key);
	my $again = backup($staging, '-d', 'crm', '--server=staging', @key);
	cmp_ok($again->{new_bytes}, '<', $again->{stored_bytes}, 'content is found again');
	is(restored('staging@crm', @key), 'staging 2', 'encrypted: the other server\'s');
	is(restored('crm', @key), 'production', 'encrypted: main');
	is((tool('verify', '--repo', $repo, @none, @key))[0], 0, 'encrypted: verify');
}

# The longest names: an exported file has as much of them as a name can hold.
{
	my $name = '%' x 63;
	my $server = 'x' x 32;
	my $long = new_repository();
	my $scratch = File::Temp::tempdir(CLEANUP => 1);
	my $here = Cwd::getcwd();

	create_database($name);
	tool_ok([ 'backup', '--repo', $long, '-d', "dbname='$name'", "--server=$server", @none ], 'a backup of long names');
	chdir $scratch or die;
	tool_ok([ 'export', '--repo', $long, "$server\@$name", @none ], 'is exported');
	chdir $here;
	my ($file) = map { s{.*/}{}r } glob("$scratch/*");
	like($file // '', qr/^backup_x{32}\@(?:%25)+_\w+\.sql\.zst$/, '... into a file that is called like it');
	query('postgres', "DROP DATABASE \"$name\"");

	# One that is called as the globals are shown.
	create_database('(globals)');
	tool_ok([ 'globals', 'backup', '--repo', $long, @none ], 'globals');
	like(tool_ok([ 'backup', '--all', '--repo', $long, @none, map { ('--exclude-database', $_) } 'crm', '*@crm', 'shop', 'template1' ], 'backup --all'),
		qr/^ \(globals\) +\| ok.*^ "\(globals\)" +\| ok/ms, '... tells them apart');
	like(tool_ok([ 'list', '--repo', $long ], 'list'), qr/^ "\(globals\)" +\|/m, 'so does list');
	query('postgres', 'DROP DATABASE "(globals)"');
}

done_testing();
