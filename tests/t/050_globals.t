# Globals as a backup of their own: roles, memberships, settings, tablespaces, and the way back with
# nex_backup and without.  The oracle is pg_dumpall of the two clusters, passwords included.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

# Settings that pg_dumpall writes times by.
my $old = start_server('old', datestyle => 'SQL, DMY', timezone => 'Asia/Kolkata');
my $repo = new_repository();
my $space = File::Temp::tempdir(CLEANUP => 1);
my $version = query('postgres', 'SHOW server_version_num');

mkdir "$space/$_" or die for qw(fast slow moved);
query('postgres', <<"SQL");
SET password_encryption = 'scram-sha-256';
CREATE ROLE "say ""hi""" LOGIN PASSWORD 'it''s secret' CONNECTION LIMIT 7;
CREATE ROLE "Größe; DROP ROLE x" NOINHERIT CREATEDB VALID UNTIL '2038-01-19 03:14:07+00';
CREATE ROLE "new
line" CREATEROLE;
CREATE ROLE " PASSWORD 'fake'" BYPASSRLS PASSWORD 'real';
CREATE ROLE "all" REPLICATION;
CREATE ROLE "tablespace";
CREATE ROLE "user" SUPERUSER;
SET password_encryption = 'md5';
CREATE ROLE old_hash LOGIN PASSWORD 'md5 it is';
CREATE ROLE team;
GRANT team TO "say ""hi""" WITH ADMIN OPTION;
GRANT team TO "all";
GRANT "tablespace" TO "Größe; DROP ROLE x";
GRANT pg_read_all_data TO team;
SET ROLE "say ""hi""";
GRANT team TO "new
line";
RESET ROLE;
ALTER ROLE team SET work_mem = '64MB';
ALTER ROLE team SET search_path = "A b", public;
ALTER ROLE "all" SET application_name = 'it''s \\ mine; really';
ALTER ROLE team IN DATABASE postgres SET statement_timeout = '5min';
ALTER ROLE ALL SET log_min_duration_statement = '10s';
COMMENT ON ROLE team IS 'a "comment" with '';'' -- and more';
CREATE TABLESPACE fast OWNER team LOCATION '$space/fast';
CREATE TABLESPACE "slow disk" LOCATION '$space/slow';
ALTER TABLESPACE fast SET (random_page_cost = 1.1, effective_io_concurrency = 200);
GRANT CREATE ON TABLESPACE fast TO "say ""hi""" WITH GRANT OPTION;
COMMENT ON TABLESPACE fast IS 'solid';
SQL
query('postgres', 'GRANT SET ON PARAMETER log_statement TO team; GRANT ALTER SYSTEM ON PARAMETER work_mem TO "all" WITH GRANT OPTION')
  if $version >= 150000;
query('postgres', 'CREATE DATABASE globals TEMPLATE template0');

# ------------------------------------------------------------------ backup

my $out = tool_ok([ 'globals', 'backup', '--repo', $repo, '--type', 'nightly' ], 'backup of the globals');
like($out, qr/^backup of the globals \S+: 12 roles, 5 memberships, 2 tablespaces in /, 'says what there is');
my $list = tool_json('globals', 'list', '--repo', $repo);
is(scalar @{ $list->{backups} }, 1, 'globals list --json');
my $backup = $list->{backups}[0];
is_deeply([ @$backup{qw(kind database type state)} ], [ 'globals', undef, 'nightly', 'complete' ], 'what it is');
my $id = $backup->{backup};
ok(-f "$repo/globals/$id.json" && -f "$repo/globals/$id.sha256", 'it lies in globals/');
like((tool('globals', 'info', '--repo', $repo, $id))[1], qr/Passwords\s+yes, hashed/, 'info');
my $info = tool_json('globals', 'info', '--repo', $repo);
is_deeply([ @{ $info->{globals} }{qw(roles memberships tablespaces)} ], [ 12, 5, 2 ], 'info --json');
ok($info->{globals}{passwords}, 'with passwords');
like(tool_ok([ 'globals', 'verify', '--repo', $repo ], 'verify'), qr/^globals \Q$id\E: ok/, 'verify names it');
like((tool('globals', 'list', '--repo', $repo))[1], qr/\(globals\).*ok \d{4}-/, 'the list knows that it was verified');

# A database of the name "globals" is something else.
tool_ok([ 'backup', '--repo', $repo, '-d', 'globals' ], 'backup of a database called globals');
is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, 2, 'list shows both');
is(join(',', map { $_->{kind} } @{ tool_json('list', '--repo', $repo, 'globals')->{backups} }),
	'database', 'list DB only the database');
is(scalar @{ tool_json('verify', '--repo', $repo)->{backups} }, 2, 'verify takes both');
like((tool('doctor', '--repo', $repo))[1], qr/last backup\s+globals: \Q$id\E/, 'doctor knows the age of the globals');

# Unchanged globals are stored once: only head and tail, with their random key, are new.
# A comment with more SQL than a server might take is left out, and nothing else.
query('postgres', q(DO $$ BEGIN EXECUTE 'COMMENT ON ROLE "user" IS ' || quote_literal(repeat('''', 17500000)); END $$));
{
	my $cut = new_repository();
	my (undef, undef, $said) = tool('globals', 'backup', '--repo', $cut);
	my $left_out = qr/"COMMENT ON ROLE "user" IS '+\.\.\." has 33 MB of SQL and is left out of the backup/;
	like($said, qr/warning: $left_out\nHINT:  Shorten it/, 'a comment that is too long is left out, with a warning');
	like(join(' ', @{ tool_json('globals', 'info', '--repo', $cut)->{warnings} }), $left_out, 'which the backup has, too');
	tool_ok([ 'globals', 'export', '--repo', $cut, '-o', "$space/cut.sql" ], 'export of the rest');
	my $text = read_bytes("$space/cut.sql");
	unlike($text, qr/COMMENT ON ROLE "user"/, 'without it');
	like($text, qr/COMMENT ON ROLE team IS 'a "comment".*CREATE ROLE "user";/s, 'and with all else');
}
query('postgres', 'COMMENT ON ROLE "user" IS NULL');
tool_ok([ 'globals', 'backup', '--repo', $repo ], 'a second one');
my $objects = () = grep { m{^objects/} } all_files($repo);
$list = tool_json('globals', 'list', '--repo', $repo);
is($list->{backups}[1]{new_objects}, 2, 'unchanged globals are stored once');

# Secrets: not in arguments, not in messages.
unlike((tool('-v', 'globals', 'backup', '--repo', $repo))[2], qr/SCRAM-SHA|md5[0-9a-f]{32}/, 'no hash in a message');

# Retention.
my $expired = tool_json('expire', '--repo', $repo, '--keep-daily', 1, '--keep-weekly', 0);
is(scalar(grep { $_->{kind} eq 'globals' && !$_->{keep} } @{ $expired->{backups} }), 1,
	'expire removes globals by the rules, but neither the newest nor the verified one');
tool_ok([ 'verify', '--repo', $repo ], 'what is kept still has its objects');

# Wrong usage.
tool_fails([ 'globals', 'restroe', '--repo', $repo ], 2, qr/unknown command.*HINT.*globals restore/s, 'a misspelled verb');
tool_fails([ 'globals', 'list', '--repo', $repo, $id ], 2, qr/takes no argument/, 'an id where none belongs');
tool_fails([ 'globals', 'info', '--repo', $repo, 'nonsense' ], 2, qr/is not the id.*HINT/s, 'no id');
tool_fails([ 'globals', 'info', '--repo', $repo, '20010101T000000Z' ], 1, qr/no backup 2001.*of the globals.*HINT/s,
	'an id that is not there');
tool_fails([ 'globals', 'verify', '--repo', new_repository() ], 1, qr/no backup of the globals.*HINT.*globals backup/s,
	'no globals at all');

# A role that may not read passwords.
query('postgres', 'CREATE ROLE reader LOGIN');
my $poor = new_repository();
my ($code, $stdout, $stderr) = tool('globals', 'backup', '--repo', $poor, '-U', 'reader');
is($code, 0, 'P42: without superuser it works, too') or diag($stderr);
like($stderr, qr/warning: the passwords.*HINT.*superuser/s, 'and warns that passwords are missing');
ok(!tool_json('globals', 'info', '--repo', $poor)->{globals}{passwords}, 'the manifest says so');
my $exported = "$poor/../globals.sql";
tool_ok([ 'globals', 'export', '--repo', $poor, '-o', $exported ], 'export');
unlike(read_bytes($exported), qr/PASSWORD '(?:SCRAM|md5)/, 'no password in it');
($code, $stdout, $stderr) = tool('globals', 'backup', '--repo', $poor, '--no-role-passwords');
unlike($stderr, qr/warning/, '--no-role-passwords is no reason to warn');
query('postgres', 'DROP ROLE reader');

# ----------------------------------------------------------------- restore

# Everything of pg_dumpall but comments, restrict keys and the locations that the test moves.
sub cluster_globals
{
	my ($node) = @_;
	my ($text, $err) = ('', '');

	local $ENV{PGOPTIONS} = '-c datestyle=ISO -c timezone=UTC';
	IPC::Run::run([ 'pg_dumpall', '-g', '-h', $node->host, '-p', $node->port ], '>', \$text, '2>', \$err)
	  or die $err;
	$text =~ s/^(?:--.*|\\(?:un)?restrict.*)?\n//mg;
	$text =~ s{\Q$space\E/moved}{$space/fast}g;
	return $text;
}

sub all_settings
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		'SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = 0');
}

sub new_cluster
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', "timezone = 'America/New_York'");
	$node->start;
	use_server($node);
	return $node;
}

my $expected = cluster_globals($old);
my $settings = all_settings($old);
like($expected, qr/SCRAM-SHA-256.*md5[0-9a-f]{32}/s, 'the oracle compares passwords');
my ($latest) = map { $_->{backup} } (reverse @{ tool_json('globals', 'list', '--repo', $repo)->{backups} })[0];
$old->stop('fast');
rename("$space/$_", "$space/$_.old") or die for qw(fast slow);

my $new = new_cluster('new');
tool_fails([ 'globals', 'restore', '--repo', $repo ], 1,
	qr{directories of tablespaces do not exist.*\Q$space\E/fast.*slow.*HINT.*--tablespace-mapping}s,
	'a missing directory is found before anything is changed');
is(query('postgres', 'SELECT count(*) FROM pg_roles WHERE rolname = \'team\''), 0, 'nothing was changed');
mkdir "$space/slow" or die;
tool_fails([ 'globals', 'restore', '--repo', $repo, '--tablespace-mapping', 'fast=slow' ], 2, qr/absolute/,
	'a bad mapping');
$out = tool_ok([ 'globals', 'restore', '--repo', $repo, '--tablespace-mapping', "$space/fast=$space/moved" ],
	'restore of the globals');
like($out, qr/11 roles created, 0 altered, 0 kept, 1 unchanged; 5 memberships; 2 tablespaces created, 0 left/, 'says what was done');
is(cluster_globals($new), $expected, 'P42: pg_dumpall gives the same, passwords included');
is(all_settings($new), $settings, 'so do the settings of ALTER ROLE ALL, which pg_dumpall leaves out');

# Again: nothing to do, and no error.
my $again = tool_json('globals', 'restore', '--repo', $repo, '--tablespace-mapping', "$space/fast=$space/moved");
is_deeply([ @$again{qw(roles_created roles_altered roles_unchanged tablespaces_left)} ], [ 0, 0, 12, 2 ],
	'a second restore changes nothing');
is(cluster_globals($new), $expected, 'nothing was changed');

# Roles that differ.
query('postgres', 'ALTER ROLE team CREATEDB PASSWORD \'other\'; ALTER ROLE old_hash NOLOGIN');
my $differing = cluster_globals($new);
my @mapping = ('--tablespace-mapping', "$space/fast=$space/moved");
my $message = tool_fails([ 'globals', 'restore', '--repo', $repo, @mapping ], 1,
	qr/exist with other attributes.*"old_hash", "team"\..*HINT.*--existing-roles=alter/s, 'roles that differ are refused');
unlike($message, qr/SCRAM|md5[0-9a-f]{8}/, 'without showing their passwords');
is(cluster_globals($new), $differing, 'and nothing was changed');
tool_ok([ 'globals', 'restore', '--repo', $repo, @mapping, '--existing-roles', 'keep' ], 'keep');
is(cluster_globals($new), $differing, 'kept as they were');
tool_ok([ 'globals', 'restore', '--repo', $repo, @mapping, '--existing-roles=alter' ], 'alter');
unlike(cluster_globals($new), qr/ROLE old_hash WITH .*NOLOGIN/, 'altered as in the backup');
query('postgres', 'ALTER ROLE team NOCREATEDB PASSWORD NULL');
is(cluster_globals($new), $expected, 'all of it');

# A statement that fails leaves no role behind, and tells no password.
query('postgres', 'DROP TABLESPACE fast; DROP TABLESPACE "slow disk"; DROP OWNED BY team, "say ""hi""", "all"; '
	  . 'DROP ROLE "say ""hi""", team');
query('postgres', 'CREATE ROLE pauper LOGIN CREATEROLE CREATEDB');
$message = tool_fails([ 'globals', 'restore', '--repo', $repo, @mapping, '-U', 'pauper', '--existing-roles=keep' ], 1,
	qr/warning: role "pauper" is not a superuser.*HINT.*could not restore role/s, 'a role with too few rights');
unlike($message, qr/SCRAM|md5[0-9a-f]{8}/, 'no password is shown');
is(query('postgres', q(SELECT count(*) FROM pg_roles WHERE rolname IN ('team', 'say "hi"'))), 0,
	'no role is left by a restore that failed');
$new->stop('fast');

# Without nex_backup, as RECOVER.txt says.
rename("$space/moved", "$space/moved.done") or die;
system('rm', '-rf', "$space/slow");
mkdir "$space/$_" or die for qw(fast slow);
my $bare = new_cluster('bare');
my $recover = read_bytes("$repo/RECOVER.txt");
my @commands = grep { m{globals/} } map { /^    (\S.*)/ ? $1 : () } split /\n/, $recover;
is(scalar @commands, 3, 'RECOVER.txt has commands for the globals');
s/\bID\b/$latest/g for @commands;
my $status = system('bash', '-c', "set -eo pipefail; cd '$repo'; " . join('; ', @commands) . ' >/dev/null');
is($status, 0, 'they work, literally');
is(cluster_globals($bare), $expected, 'and give the same cluster');

# Damage.
my ($object) = grep { m{^objects/} && read_bytes("$repo/$_") && (split ' ', `cat $repo/globals/$latest.sha256`)[3] eq $_ }
  all_files($repo);
ok($object, 'the object of the roles') or BAIL_OUT('no object');
for my $file ($object, "globals/$latest.json", "globals/$latest.sha256")
{
	for my $how ('flip', 'truncate', 'remove')
	{
		next if $how eq 'remove' && $file =~ /json$/;
		my $mend = damage_file("$repo/$file", $how);
		tool_fails([ 'globals', 'verify', '--repo', $repo, $latest ], 3, qr/\Q$file\E/, "verify finds $file ($how)")
		  unless $file =~ /json$/;
		tool_fails([ 'globals', 'restore', '--repo', $repo, $latest, '--existing-roles=alter' ], 3, qr/./,
			"restore refuses $file ($how)");
		$mend->();
	}
}
is(cluster_globals($bare), $expected, 'nothing was changed');

# Whoever could create roles at the source chose their names, passwords and members.
my $claimed = new_repository();
my $members = q(SELECT coalesce(string_agg(m.roleid::regrole || ' ' || m.member::regrole, ',' ORDER BY 1), '')
  FROM pg_auth_members m WHERE m.member::regrole::text = 'eve');
query('postgres', q(CREATE ROLE eve LOGIN CREATEROLE; CREATE ROLE adm LOGIN PASSWORD 'of eve'; CREATE ROLE dba;
  CREATE ROLE late LOGIN PASSWORD 'of eve'; CREATE ROLE crew; GRANT adm, dba, crew TO eve;
  ALTER ROLE late SET search_path = evil));
tool_ok([ 'globals', 'backup', '--repo', $claimed ], 'backup with roles of names that others have elsewhere');
query('postgres', 'DROP ROLE eve, adm, dba, late, crew; CREATE ROLE crew; CREATE ROLE between; GRANT "user" TO between');
my $refused = qr/can do more than those of the same name.*"(?:adm|dba|late)" \(SUPERUSER.*HINT.*RENAME TO/s;
for my $case ([ 'a superuser', 'CREATE ROLE adm LOGIN SUPERUSER' ],
	[ 'a member of a superuser', 'CREATE ROLE dba; GRANT "user" TO dba' ],
	[ 'a member of a member, with settings', 'CREATE ROLE late LOGIN; GRANT between TO late' ])
{
	my ($what, $sql) = @$case;

	query('postgres', $sql);
	my $before = cluster_globals($bare);
	for my $mode ([], ['--existing-roles=alter'], [ '-U', 'adm' ], [ '-U', 'adm', '--existing-roles=alter' ])
	{
		next if @$mode && $mode->[0] eq '-U' && $what ne 'a superuser';
		tool_fails([ 'globals', 'restore', '--repo', $claimed, @mapping, @$mode ], 1, $refused,
			"$what of that name is refused (@$mode)");
	}
	is(cluster_globals($bare), $before, 'nothing was changed');
	for my $mode ([], $what eq 'a superuser' ? [ '-U', 'adm' ] : ())
	{
		($code, $stdout, $stderr) =
		  tool('globals', 'restore', '--repo', $claimed, @mapping, '--existing-roles=keep', @$mode);
		is($code, 0, "--existing-roles=keep leaves $what as it is (@$mode)") or diag($stderr);
		like($stderr, qr/different here were left out \(\d\): "(?:adm|dba|late)"\n/, 'and says what it left out');
		is(query('postgres', q(SELECT pg_has_role('eve', 'user', 'MEMBER'))), 'f', 'eve can become no superuser');
		my $left = (split /[ ;]+/, $sql)[2];
		is(query('postgres', $members), join(',', map { "$_ eve" } grep { $_ ne $left } qw(adm crew dba)),
			'but is a member of the others');
		is(query('postgres', q(SELECT count(*) FROM pg_db_role_setting WHERE setrole = to_regrole('late'))),
			$what =~ /settings/ ? 0 : 1, 'settings of another role are left out, too');
		query('postgres', 'DROP ROLE eve');
	}
	query('postgres', 'DROP ROLE adm, dba, late');
}
($code, $stdout, $stderr) = tool('globals', 'restore', '--repo', $claimed, @mapping);
is($code, 0, 'roles that can do no more here') or diag($stderr);
like($stderr, qr/become members of roles that existed before: "eve" of "crew"\n/, 'it says who joins a role that was there');
unlike((tool('globals', 'restore', '--repo', $claimed, @mapping))[2], qr/members of roles/, 'but not what is so already');
query('postgres', 'DROP ROLE eve, adm, dba, late, crew, between');
is(cluster_globals($bare), $expected, 'all of it is gone');

# In the other direction: who is a member here of a role that the backup gives something to.
my $given = new_repository();
query('postgres', 'CREATE ROLE powerful SUPERUSER; CREATE ROLE clerk; CREATE ROLE app_admin; CREATE ROLE reader; CREATE ROLE clerks; '
	  . 'GRANT powerful TO app_admin; GRANT pg_execute_server_program TO reader; GRANT clerks TO clerk; GRANT reader TO clerk');
tool_ok([ 'globals', 'backup', '--repo', $given ], 'backup with roles that others are members of elsewhere');
query('postgres', 'DROP ROLE powerful, clerk, app_admin, reader, clerks');
for my $case ([ 'of a member of a superuser', 'CREATE ROLE app_admin; GRANT app_admin TO eve', '"eve" \\(SUPERUSER\\)', '' ],
	[ 'of one with a predefined role', 'CREATE ROLE reader; GRANT reader TO eve', '"eve" \\(pg_execute_server_program\\)', '' ],
	[ 'through another role', 'CREATE ROLE app_admin; CREATE ROLE lot; GRANT app_admin TO lot; GRANT lot TO eve',
		'"lot" \\(SUPERUSER\\)', '' ],
	[ 'of one that is altered', 'CREATE ROLE powerful; GRANT powerful TO eve', '"eve" \\(SUPERUSER\\)', '--existing-roles=alter' ],
	[ 'who has it in the backup', 'CREATE ROLE reader; CREATE ROLE clerk; GRANT reader TO clerk', undef, '' ])
{
	my ($what, $sql, $named, @mode) = @$case;

	@mode = grep { $_ ne '' } @mode;
	query('postgres', "CREATE ROLE eve LOGIN; $sql");
	my $before = cluster_globals($bare);
	my @restore = ('globals', 'restore', '--repo', $given, @mapping);
	if (defined $named)
	{
		tool_fails([ @restore, @mode ], 1, qr/would gain powers.*$named.*HINT.*--existing-roles=keep/s, "a member here $what gains nothing");
		is(cluster_globals($bare), $before, 'nothing was changed');
		($code, $stdout, $stderr) = tool(@restore, '--existing-roles=keep');
		is($code, 0, '--existing-roles=keep goes on') or diag($stderr);
		like($stderr, qr/left out|stay as they are|kept/, 'and says what it leaves out') or diag($stderr);
	}
	else
	{
		tool_ok(\@restore, "a member here $what may have it");
	}
	is(query('postgres', q(SELECT coalesce(bool_or(pg_has_role('eve', oid, 'MEMBER')), false) FROM pg_roles
	  WHERE rolsuper OR rolname = 'pg_execute_server_program')), 'f', 'eve has no more than before');
	query('postgres', 'DROP ROLE eve, powerful, clerk, app_admin, reader, clerks; DROP ROLE IF EXISTS lot');
}
is(cluster_globals($bare), $expected, 'all of it is gone');

# The same goes for settings in a database, which come with its backup.
sub roles_settings
{
	return query('postgres', q(SELECT coalesce(string_agg(r.rolname || ': ' || array_to_string(setconfig, ' '), '; ' ORDER BY r.rolname), '')
	  FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = setrole JOIN pg_database d ON d.oid = setdatabase)
	  . " WHERE datname = '$_[0]'");
}
sub without_powers # as earlier versions wrote it
{
	my ($repository) = @_;
	my ($manifest) = glob("$repository/backups/shop/*.json");
	my $text = read_bytes($manifest);

	$text =~ s/,\s*"role_powers":\s*\[[^]]*\]// or die 'no powers';
	$text =~ s/,\n"seal": "[0-9a-f]+"\n\}\n\z// or die 'no seal';
	write_bytes($manifest, $text . ",\n\"seal\": \"" . sha256_hex($text) . "\"\n}\n");
	return;
}
my $shops = new_repository();
query('postgres', q(CREATE ROLE adm LOGIN; CREATE ROLE dba; CREATE ROLE late; CREATE ROLE crew; GRANT pg_monitor TO late;
  CREATE ROLE chief SUPERUSER));
query('postgres', 'CREATE DATABASE shop');
query('shop', q(ALTER ROLE adm IN DATABASE shop SET search_path = evil, public; ALTER ROLE adm IN DATABASE shop SET work_mem = '5MB';
  SET local_preload_libraries = ''; ALTER ROLE dba IN DATABASE shop SET local_preload_libraries FROM CURRENT;
  ALTER ROLE late IN DATABASE shop SET work_mem = '6MB'; ALTER ROLE crew IN DATABASE shop SET work_mem = '7MB';
  ALTER ROLE chief IN DATABASE shop SET work_mem = '8MB'));
my $theirs = roles_settings('shop');
tool_ok([ 'backup', '--repo', $shops, '-d', 'shop' ], 'a database with settings of roles');
my $old_shops = new_repository();
tool_ok([ 'backup', '--repo', $old_shops, '-d', 'shop' ], 'another backup of it');
without_powers($old_shops);
tool_ok([ 'verify', '--repo', $old_shops ], 'which is as earlier versions wrote it');
tool_ok([ 'restore', 'shop', '--repo', $shops, '--to', 'same', '--yes' ], 'restored where roles can do what they could');
is(roles_settings('same'), $theirs, 'with all settings');
query('postgres', 'DROP DATABASE same');
query('postgres', 'ALTER DATABASE shop RENAME TO shop_before');
query('postgres', 'ALTER ROLE crew BYPASSRLS; GRANT pg_monitor TO chief');
($code, $stdout, $stderr) = tool('restore', 'shop', '--repo', $shops, '--to', 'same', '--yes');
is($code, 1, 'where a role can do more');
like($stderr, qr/database is complete, but for a setting of a role: ALTER ROLE crew IN DATABASE same SET work_mem.*where the backup was made: BYPASSRLS/s,
	'it says what is missing and why');
is(roles_settings('same'), $theirs =~ s/crew: work_mem=7MB; //r, 'and restores the others');
query('postgres', 'DROP DATABASE same; ALTER ROLE crew NOBYPASSRLS');
query('postgres', 'ALTER ROLE adm SUPERUSER; GRANT "user" TO dba');
my $harmless = join('; ', grep { !/^(?:adm|dba):/ } split(/; /, $theirs));
my $incomplete = "$shops-objects.sql";
for my $case ([ 'a new database', 'other' ], [ 'with skipped errors', 'skip', '--on-object-error=skip', "--object-errors-file=$incomplete" ],
	[ 'as another superuser', 'chiefs', '-U', 'adm' ])
{
	my ($what, $to, @options) = @$case;

	($code, $stdout, $stderr) = tool('restore', 'shop', '--repo', $shops, '--to', $to, '--yes', @options);
	is($code, 1, "$what: restored, and exit code 1") or diag($stderr);
	is(roles_settings($to), $harmless, 'without the settings of those who can do more here');
	like($what =~ /skipped/ ? read_bytes($incomplete) : $stderr, qr/ALTER ROLE adm IN DATABASE $to SET search_path/, 'which are named');
	like($stderr, qr/role can do more here than the role of this name.*: SUPERUSER/s, 'and the reason');
	query('postgres', "DROP DATABASE $to");
}
query('postgres', 'ALTER DATABASE shop_before RENAME TO shop');
tool_ok([ 'restore', 'shop', '--repo', $shops, '--drop', '--yes' ], 'the database itself, where they have these settings');
is(roles_settings('shop'), $theirs, 'which they keep');
query('postgres', 'ALTER ROLE adm IN DATABASE shop RESET search_path');
($code, $stdout, $stderr) = tool('restore', 'shop', '--repo', $shops, '--drop', '--yes');
is($code, 1, 'one that was reset');
is(roles_settings('shop'), $theirs =~ s/search_path=evil, public //r, 'does not come back');
tool_ok([ 'restore', 'shop', '--repo', $old_shops, '--to', 'older', '--yes' ], 'of a backup that does not say what they could do, but is of this server');
is(roles_settings('older'), $theirs, 'all are restored');
$bare->stop('fast');

{
	my $elsewhere = start_server('elsewhere');

	query('postgres', 'CREATE ROLE adm SUPERUSER; CREATE ROLE dba; CREATE ROLE late; CREATE ROLE crew; GRANT pg_monitor TO late; CREATE ROLE chief SUPERUSER');
	($code, $stdout, $stderr) = tool('restore', 'shop', '--repo', $old_shops, '--yes', '--no-owner');
	is($code, 1, 'on another server');
	is(roles_settings('shop'), join('; ', grep { /^(?:crew|dba):/ } split(/; /, $theirs)), 'only those of roles that can do nothing else');
	query('postgres', 'DROP DATABASE shop');
	query('postgres', 'ALTER ROLE adm NOSUPERUSER');
	tool_ok([ 'restore', 'shop', '--repo', $shops, '--yes', '--no-owner' ], 'of a backup that does say it');
	is(roles_settings('shop'), $theirs, 'all of them');
	query('postgres', 'DROP DATABASE shop');

	# A setting, comment or label that the server does not take is missing in the end; all else is there. Values that only another
	# machine takes are put where they are stored; the parameters of a transaction any role can give itself.
	query('postgres', 'CREATE ROLE eve LOGIN');
	create_database('gd');
	query('gd', 'CREATE TABLE t AS SELECT 1 AS a; CREATE MATERIALIZED VIEW m AS SELECT a, now() AS at FROM t');
	query('postgres', q(BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL ROLE eve;
		ALTER ROLE eve SET transaction_isolation = 'serializable'; ALTER ROLE eve IN DATABASE gd SET transaction_isolation = 'serializable';
		COMMIT));
	my $odd = new_repository();
	(undef, undef, $stderr) = tool('backup', '--all', '--repo', $odd, '--exclude-database', 'template1');
	like($stderr, qr/warning: a setting of role "eve" $_/, 'what is of one transaction is left out') for 'in this database is of one', 'is of one';
	query('postgres', $_) for 'DROP DATABASE gd', 'DROP ROLE eve';
	tool_ok([ 'restore', '--all', '--repo', $odd, '--yes' ], 'and all can be restored');
	query('postgres', q(ALTER ROLE eve SET lc_monetary = 'C'; ALTER ROLE eve SET work_mem = '5MB'; ALTER ROLE ALL SET lc_monetary = 'C';
		ALTER ROLE eve IN DATABASE gd SET lc_monetary = 'C'; ALTER DATABASE gd SET work_mem = '6MB'; ALTER DATABASE gd SET lc_monetary = 'C';
		COMMENT ON DATABASE gd IS 'kept';
		SET allow_system_table_mods = on;
		UPDATE pg_db_role_setting SET setconfig = array_replace(setconfig, 'lc_monetary=C', 'lc_monetary=xx_YY')));
	tool_ok([ 'backup', '--all', '--repo', $odd, '--exclude-database', 'template1' ], 'settings of another machine');
	my $gd_settings = q(SELECT string_agg(setconfig::text || coalesce(rolname, ''), ' ' ORDER BY setconfig) FROM pg_db_role_setting
		LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'gd' OR rolname = 'eve');
	for my $way ([ 'restore', 'gd', '--drop', '--discard-old' ], [ 'restore', '--all' ])
	{
		query('postgres', $_) for 'ALTER ROLE ALL RESET ALL', $way->[1] eq '--all' ? ('DROP DATABASE gd', 'DROP ROLE eve') : ();
		($code, $stdout, $stderr) = tool(@$way, '--repo', $odd, '--yes');
		is($code, 1, "@$way: exit code 1");
		like($stderr, qr/but for a setting$_ that the server does not take: ALTER .* SET lc_monetary TO 'xx_YY'/, '... for what is missing') for '', ' of a role';
		like($stdout, qr/\(globals\) \| incomplete .*\n.*gd +\| incomplete/, '... and says so') if $way->[1] eq '--all';
		is(query('gd', "SELECT a, shobj_description((SELECT oid FROM pg_database WHERE datname = 'gd'), 'pg_database') FROM m"), '1|kept', '... all else is there');
		is(query('postgres', $gd_settings), $way->[1] eq '--all' ? '{work_mem=5MB}eve {work_mem=6MB}' : '{lc_monetary=xx_YY,work_mem=5MB}eve {work_mem=6MB}', '... and the other settings');
	}
	query('postgres', $_) for 'DROP DATABASE gd', 'DROP ROLE eve';
	($code, $stdout, $stderr) = tool('globals', 'restore', '--repo', $odd, '--yes');
	is($code, 1, 'globals restore: exit code 1');
	like($stderr, qr/restored without a statement that the server does not take: ALTER ROLE $_ SET lc_monetary/, '... for what is missing') for 'eve', 'ALL';
	is(query('postgres', $gd_settings), '{work_mem=5MB}eve', '... and the other settings');
	$elsewhere->stop('fast');
}

done_testing();
