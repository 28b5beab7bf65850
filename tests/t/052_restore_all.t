# restore --all: a whole cluster onto an empty one.  The oracle is pg_dumpall of the two clusters, whole,
# passwords included.
use strict;
use warnings;

use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use POSIX ();
use PostgreSQL::Test::Cluster;
use Test::More;

my %labels = label_settings();
my $old = start_server('old', allow_in_place_tablespaces => 'on', %labels);
my $repo = new_repository();
my $space = File::Temp::tempdir(CLEANUP => 1);
my $version = query('postgres', 'SHOW server_version_num');

plan skip_all => 'locales need PostgreSQL 15' if $version < 150000;
mkdir "$space/fast" or die;
query('postgres', <<"SQL");
CREATE ROLE owner LOGIN PASSWORD 'one';
CREATE ROLE "The ""app""" LOGIN PASSWORD 'two' IN ROLE owner;
ALTER ROLE postgres PASSWORD 'three';
ALTER ROLE postgres SET work_mem = '5MB';
CREATE TABLESPACE fast OWNER owner LOCATION '$space/fast';
CREATE TABLESPACE inside LOCATION '';
SQL
query('postgres', $_) for split /;\n/, <<'SQL';
CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 OWNER owner CONNECTION LIMIT 3;
CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0 TABLESPACE inside;
CREATE DATABASE icu LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' ENCODING 'UTF8' TEMPLATE template0 OWNER "The ""app""";
CREATE DATABASE "ready made" TEMPLATE template0 IS_TEMPLATE true;
CREATE DATABASE spaced TEMPLATE template0 TABLESPACE fast;
COMMENT ON DATABASE icu IS 'umlauts';
REVOKE ALL ON DATABASE latin FROM PUBLIC;
GRANT CONNECT ON DATABASE latin TO "The ""app""" WITH GRANT OPTION;
ALTER DATABASE latin SET search_path = "A b", public;
ALTER ROLE owner IN DATABASE icu SET statement_timeout = '7s';
COMMENT ON DATABASE postgres IS 'ours';
ALTER DATABASE postgres OWNER TO owner;
ALTER DATABASE postgres SET work_mem = '6MB'
SQL
if (%labels)
{
	query('postgres', "SECURITY LABEL ON $_ IS 'of a cluster''s object'") for 'ROLE owner', 'ROLE postgres', 'TABLESPACE fast', 'DATABASE latin', 'DATABASE postgres';
}
else
{
	diag('no security labels: their provider is not installed (scripts/check.sh does it)');
}
for my $database ('latin', 'ascii', 'icu', 'ready made', 'spaced', 'postgres', 'template1')
{
	query($database, "CREATE TABLE things AS SELECT i, 'thing ' || i AS name FROM generate_series(1, 100) i");
	query($database, 'ALTER TABLE things OWNER TO owner; GRANT SELECT ON things TO "The ""app"""');
}
query('latin', "SET client_encoding = 'LATIN1'; INSERT INTO things VALUES (0, E'caf\\351')");
query('spaced', 'CREATE TABLE slow (i int) TABLESPACE inside; INSERT INTO slow VALUES (1)');

# All of pg_dumpall but comments, blank lines and restrict keys.
sub cluster_dump
{
	my ($node) = @_;
	my ($text, $err) = ('', '');

	IPC::Run::run([ 'pg_dumpall', '-h', $node->host, '-p', $node->port, '-U', 'postgres' ], '>', \$text, '2>', \$err)
	  or die $err;
	$text =~ s/^(?:--.*|\\(?:un)?restrict.*)?\n//mg;
	$text =~ s{LOCATION 'pg_tblspc/\d+'}{LOCATION ''};
	return $text;
}

sub new_cluster
{
	my ($name, @extra) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => \@extra);
	$node->append_conf('postgresql.conf', 'autovacuum = off');
	$node->append_conf('postgresql.conf', "$_ = '$labels{$_}'") for keys %labels;
	$node->start;
	use_server($node);
	return $node;
}

# Two dumps are the same, else show where not.
sub same_dump
{
	my ($got, $expected, $name) = @_;

	return pass($name) if $got eq $expected;
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	write_bytes("$directory/expected", $expected);
	write_bytes("$directory/got", $got);
	fail($name);
	diag(`diff -u $directory/expected $directory/got | head -n 60`);
	return;
}

tool_ok([ 'backup', '--all', '--repo', $repo, '-j', 1 ], 'backup --all');
my $expected = cluster_dump($old);
# Sets of files are no databases, not even one that has the name of the last database.
write_bytes("$space/app.conf", "listen = 1\n");
my ($recipient) = tool_ok([ 'keygen', '-o', "$space/key" ], 'a key') =~ /(age1\w+)/;
tool_ok([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient,
	'--set', $_, "$space/app.conf" ], "a set \"$_\" of configuration files") for 'default', 'template1';
query('postgres', 'CREATE DATABASE late TEMPLATE template0');
sleep 1;
my $then = query('postgres', q(SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
sleep 1;
query('icu', 'DELETE FROM things');
query('postgres', 'CREATE ROLE newcomer');
tool_ok([ 'backup', '--all', '--repo', $repo ], 'a later backup --all');
my $later = cluster_dump($old);
isnt($later, $expected, 'which has something else');

# The cluster is not empty.
tool_fails([ 'restore', '--all', '--repo', $repo ], 1,
	qr/not empty.*"ascii", "icu", "latin", "postgres", "ready made", "spaced", "template1"\..*HINT.*--exclude-database/s,
	'P42: onto a cluster that holds databases: refused, with the list');
same_dump(cluster_dump($old), $later, 'and nothing was changed');

# Wrong usage.
tool_fails([ 'restore', '--repo', $repo ], 2, qr/needs DB.*HINT.*--all/s, 'neither a database nor --all');
tool_fails([ 'restore', '--all', 'icu', '--repo', $repo ], 2, qr/exclude each other.*HINT/s, 'both');
tool_fails([ 'restore', '--all', '--repo', $repo, '--to', 'x' ], 2, qr/exclude each other.*HINT/s, '--all --to');
tool_fails([ 'restore', '--all', '--repo', $repo, '--drop' ], 2, qr/exclude each other.*HINT/s, '--all --drop');
tool_fails([ 'restore', '--all', '--repo', $repo, '--at', 'yesterday' ], 2, qr/invalid value "yesterday".*UTC/s, 'no time');
tool_fails([ 'restore', '--all', '--repo', $repo, '--at', '2001-01-01' ], 1, qr/no backup.*HINT/s, 'a time before all backups');
tool_fails([ 'restore', 'icu', '--repo', $repo, '--at', '2001-01-01', '--to', 'x' ], 1,
	qr/no backup of database "icu" from that time or earlier.*HINT/s, 'the same for one database');
{
	# The day of an accident gives the state before it, of the day before, not that of its evening.
	my $today = substr($then, 0, 10);
	tool_fails([ 'restore', 'icu', '--repo', $repo, '--at', $today, '--to', 'x' ], 1, qr/no backup of database "icu" from that time or earlier/, 'the date of today');
	my ($code, $out, $err) = tool('restore', 'icu', '--repo', $repo, '--at', '2050-01-01', '--to', 'icu_late');
	is($code, 0, 'a date alone') or diag($err);
	like($err, qr{the latest backup at or before 2050-01-01 00:00:00 UTC is icu/\w+, the state of 20\d\d-\d\d-\d\d [\d:]+ UTC}, 'it is said which is taken');
	query('postgres', 'DROP DATABASE icu_late');
}
tool_ok([ 'restore', 'icu', '--repo', $repo, '--at', $then, '--to', 'icu_then' ], 'one database as of a time');
is(query('icu_then', 'SELECT count(*) FROM things'), 100, 'it is the earlier backup');
$old->stop('fast');
rename("$space/fast", "$space/old") or die;
mkdir "$space/fast" or die;

# ---- a cluster of the same kind

my $new = new_cluster('new', '--locale=C.UTF-8', '--encoding=UTF8');
my $message = tool_fails([ 'restore', 'latin', '--repo', $repo ], 1, qr/role.*HINT.*nex_backup globals restore/s,
	'one database without its roles: a hint which command brings them');
$new->append_conf('postgresql.conf', 'allow_in_place_tablespaces = on');
$new->reload;
my ($code, $out, $err) = tool('restore', '--all', '--repo', $repo, '--at', $then, '-j', 2);
is($code, 0, 'restore --all onto an empty cluster') or diag($err);
like($out, qr/^ \(globals\) +\| ok .*(?:\n.*){2}^ icu +\| ok .* 100 /m, 'a report');
same_dump(cluster_dump($new), $expected, 'P42: pg_dumpall of the whole cluster is the same');
is(query('postgres', 'SELECT count(*) FROM pg_database WHERE datname ~ \'_old_|_restore_\''), 0, 'nothing is left over');
is(query('template1', 'SELECT count(*) FROM things'), 100, 'template1 was filled');
$new->stop('fast');

# ---- another locale, and a failing database in the middle

my $mend = damage_file("$repo/backups/icu/" . latest_id($repo, 'icu') . '.json', 'flip 40');
$new = new_cluster('other', '--locale=C', '--encoding=SQL_ASCII');
rename("$space/fast", "$space/new") or die;
$err = tool_fails([ 'restore', '--all', '--repo', $repo ], 1, qr/directories.*do not exist.*\Q$space\E\/fast/s,
	'a missing directory is reported before anything is changed');
is(query('postgres', q(SELECT count(*) FROM pg_roles WHERE rolname = 'owner')), 0, 'nothing was changed');
mkdir "$space/moved" or die;
my $json = tool_json('restore', '--all', '--repo', $repo, '--tablespace-mapping', "$space/fast=$space/moved");
my %result = map { ($_->{database} // '(globals)') => $_ } @{ $json->{databases} };
is($json->{failed}, 1, 'one failed');
is($result{icu}{result}, 'failed', 'the damaged one');
is($result{icu}{exit_code}, 3, 'with its own exit code');
like($result{icu}{reason}, qr/icu.*json/, 'and its reason');
is($result{$_}{result}, 'ok', "$_ was restored") for grep { $_ ne 'icu' } sort keys %result;
$mend->();
tool_ok([ 'restore', 'icu', '--repo', $repo ], 'the one that failed, afterwards');
(my $moved = $later) =~ s{\Q$space\E/fast}{$space/moved};
same_dump(cluster_dump($new), $moved, 'P42: the same cluster, although initdb made another encoding and locale');
is(query('postgres', 'SHOW server_encoding'), 'UTF8', 'postgres was made anew');
is(query('template1', 'SHOW server_encoding'), 'UTF8', 'template1, too');
$new->stop('fast');

# ---- parts of a cluster, and no tablespaces

$new = new_cluster('parts', '--locale=C.UTF-8', '--encoding=UTF8');
tool_ok([ 'restore', '--all', '--repo', $repo, '--no-tablespaces', '--exclude-database', 'template1', '--exclude-database', 'la*' ],
	'without tablespaces');
is(query('spaced', 'SELECT count(*) FROM slow'), 1, 'tables of a tablespace go into the default one');
is(query('postgres', "SELECT count(*) FROM pg_tablespace WHERE spcname !~ '^pg_'"), 0, 'no tablespace was created');
is(query('postgres', "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE oid >= 16384"),
	'ascii,icu,ready made,spaced', 'without the excluded databases');
query('postgres', 'DROP DATABASE icu');
{
	# expire may remove it before its turn comes; its objects stay.
	my $removed = "$repo/backups/icu/" . latest_id($repo, 'icu') . '.json';
	my $bytes = read_bytes($removed);
	local @ENV{qw(REMOVAL_SHIM_AT REMOVAL_SHIM_FILES)} = ('objects', $removed);
	local $ENV{LD_PRELOAD} = removal_shim() // '';

	tool_ok([ 'restore', '--all', '--repo', $repo, '--no-globals', '--no-tablespaces',
		map { ('--exclude-database', $_) } 'a*', 'l*', 'p*', 'r*', 's*', 't*' ], 'without globals');
	ok(!-e $removed || $ENV{LD_PRELOAD} eq '', 'of a backup that was removed meanwhile');
	write_bytes($removed, $bytes);
}
is(query('icu', 'SELECT count(*) FROM things'), 0, 'the latest backup');

# A repository without globals.
my $bare = new_repository();
tool_ok([ 'backup', '-d', 'spaced', '--repo', $bare ], 'a backup of one database');
query('postgres', 'DROP DATABASE spaced');
tool_fails([ 'restore', '--all', '--repo', $bare ], 1, qr/no backup of the globals.*HINT.*--no-globals/s, 'no globals');
tool_ok([ 'restore', '--all', '--repo', $bare, '--no-globals', '--no-tablespaces' ], '--no-globals');

# The password of the role that we are connected as changes last of all.
$new->stop('fast');
$new = new_cluster('locked', '--locale=C.UTF-8', '--encoding=UTF8');
query('postgres', "ALTER ROLE postgres PASSWORD 'fresh'");
write_bytes($new->data_dir . '/pg_hba.conf', "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n");
$new->reload;
{
	local $ENV{PGUSER} = 'postgres';
	local $ENV{PGPASSWORD} = 'fresh';
	tool_ok([ 'restore', '--all', '--repo', $repo, '--no-tablespaces', '-j', 2 ], 'a server that asks for a password');
	ok(!eval { query('postgres', 'SELECT 1') }, 'the password is no longer the fresh one');
	local $ENV{PGPASSWORD} = 'three';
	is(query('icu', 'SELECT 1'), 1, 'but that of the backup');
	$new->stop('fast');
}
$new = new_cluster('stopped', '--locale=C.UTF-8', '--encoding=UTF8');
query('postgres', 'CREATE ROLE owner; CREATE ROLE "The ""app"""');

# A database is empty only if nothing of any kind is in it.
create_database('spaced');
for my $kind ([ 'CREATE FOREIGN DATA WRAPPER w', 'DROP FOREIGN DATA WRAPPER w' ], [ 'CREATE PUBLICATION p', 'DROP PUBLICATION p' ],
	[ 'CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)', 'DROP TEXT SEARCH CONFIGURATION c' ],
	[ 'CREATE CAST (int AS date) WITH INOUT', 'DROP CAST (int AS date)' ],
	[ 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO owner', 'ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM owner' ])
{
	query('spaced', $kind->[0]);
	tool_fails([ 'restore', '--all', '--repo', $bare, '--no-globals', '--no-tablespaces' ], 1, qr/not empty.*"spaced"/s,
		"not empty after $kind->[0]");
	query('spaced', $kind->[1]);
}
query('postgres', 'DROP DATABASE spaced');

# ctrl-C ends all of it.
my $log = File::Temp->new;
my $pid = start_tool("$log", 'restore', '--all', '--repo', $bare, '--no-globals', '--no-tablespaces');
wait_until(sub { grep { $_ eq 'spaced' } @{ database_names() } });
kill 'INT', $pid;
$code = finish_tool($pid);
ok($code == 130 || $code == 0, "ctrl-C: exit $code");
is(foreign_backends(), 0, 'no connection is left');
ok(!grep({ $_ eq 'spaced' } @{ database_names() }), 'the half database is removed') if $code == 130;

# When all is done, while nobody reads the report, it comes too late.
query('postgres', 'DROP DATABASE "' . s/"/""/gr . '"') for grep { !/^(?:postgres|template.)$/ } @{ database_names() };
pipe(my $reader, my $writer) or die;
my $flags = fcntl($writer, F_GETFL, 0);
fcntl($writer, F_SETFL, $flags | O_NONBLOCK);
1 while syswrite($writer, ' ' x 4096);
1 while syswrite($writer, ' ');
fcntl($writer, F_SETFL, $flags);
$pid = fork // die;
if ($pid == 0)
{
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>&', $writer);
	open(STDERR, '>', "$log");
	exec { tool_path() } tool_path(), 'restore', '--all', '--repo', $bare, '--no-globals', '--no-tablespaces',
	  map { ('--exclude-database', $_) } 'template1', 'postgres' or POSIX::_exit(127);
}
close $writer;
ok(wait_until(sub { grep({ $_ eq 'spaced' } @{ database_names() }) && foreign_backends() == 0 }), 'all databases are restored');
sleep 1;
kill 'INT', $pid;
sleep 1;
my $report = join '', <$reader>;
is(finish_tool($pid), 0, 'a signal while the report is written comes too late') or diag(read_bytes("$log"));
like($report, qr/\bspaced\b +\| ok/, '... and the report says so');
$new->stop('fast');

done_testing();
