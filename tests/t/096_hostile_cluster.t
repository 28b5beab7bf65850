# Names of roles, databases and tablespaces, and what is set for them: a role with CREATEROLE, one with
# CREATEDB, and each role for itself.  Backed up with --all, restored onto new clusters with restore --all,
# with globals restore, and with psql.
use strict;
use warnings;

use Encode ();
use File::Basename qw(dirname);
use File::Temp ();
use IPC::Run ();
use NexBackup::Hostile;
use NexBackup::Oracle;
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

our $TODO;
my $old = hostile_server('old');

plan skip_all => 'the places need PostgreSQL 15 or later' if $old->pg_version < 15;
my $all = ($ENV{NEXB_HOSTILE} // '') eq 'all';
my $repo = new_repository();
my $files = File::Temp::tempdir(CLEANUP => 1);
unseen_characters();
my @short = grep { length($_->[1]) <= 52 } text_payloads();

sub bytes { my ($text) = @_; return Encode::encode_utf8($text) }
sub quoted { my ($text) = @_; return database_quoted(bytes($text)) }

# ---------------------------------------------------------------- planting

query('postgres', 'CREATE ROLE carla LOGIN CREATEROLE; CREATE ROLE dora LOGIN CREATEDB; CREATE ROLE team; GRANT SET ON PARAMETER x.y TO carla; GRANT team TO carla WITH ADMIN OPTION');
watch_from($old);
my $powerful = roles_now();
my @roles;
my @blocks;

# What once made the guard of the bootstrap superuser go into the middle of a name.
for my $payload ([ 'the bootstrap superuser', "a\nCREATE ROLE postgres;\n" ], [ 'the bootstrap superuser, in quotes', "a'\n\nCREATE ROLE postgres;\nNNN--" ],
	[ 'altering the bootstrap superuser', "a\nALTER ROLE postgres WITH NOSUPERUSER;\n" ],
	[ 'headings of pg_dumpall', "a\n--\n-- Role memberships\n--\n\nCREATE ROLE pwned_NNN;\n" ], @short)
{
	my ($n, $name) = payload('name of a role', $payload);
	my $role = identifier($name);

	push @roles, [ $n, $name ];
	push @blocks, [ $n, "CREATE ROLE $role LOGIN PASSWORD " . literal($name), "COMMENT ON ROLE $role IS " . literal($name),
		"GRANT team TO $role", "ALTER ROLE $role SET x.y TO " . literal($name), "ALTER ROLE $role VALID UNTIL '2038-01-19'" ];
}
my $taken = plant('postgres', 'carla', '', @blocks);
is(scalar(keys %$taken), scalar(@roles), 'names of roles');

my @databases;
@blocks = ();
for my $payload ($all ? @short : (grep { $_->[0] =~ /^(?:all quotes|shell command|output to a program|path|option|connection string|dollar quote of|format)/ } @short))
{
	my ($n, $name) = payload('name of a database', $payload);

	push @databases, bytes($name);
	push @blocks, [ $n, 'CREATE DATABASE ' . identifier($name) . ' TEMPLATE template0' ];
}
# Not within a transaction.
for my $block (@blocks)
{
	my $sql = "$block->[1];\n";
	IPC::Run::run([ 'psql', '-XAtq', '-U', 'dora', '-d', 'postgres', '-f', '-' ], '<', \$sql) or die "no database";
}
query($_, "CREATE TABLE t (v text); INSERT INTO t VALUES ('x'); COMMENT ON DATABASE " . database_quoted($_) . " IS E'x\\n;CREATE ROLE pwned_1;'") for @databases;

my @locations;

# Tablespaces are a superuser's to make, and still their names are text.
for my $payload (grep { $_->[0] =~ /^(?:all quotes|path|dollar quote of|shell command)$/ } @short)
{
	my ($n, $name) = payload('name of a tablespace', $payload);
	my $location = "$files/space $n\n\\! touch x\";CREATE ROLE pwned_$n;--";

	push @locations, $location;
	mkdir $location or die "$location: $!";
	query('postgres', 'CREATE TABLESPACE ' . quoted($name) . ' LOCATION ' . literal($location) . '; COMMENT ON TABLESPACE ' . quoted($name)
		  . ' IS ' . literal($name) . '; GRANT CREATE ON TABLESPACE ' . quoted($name) . ' TO team');
}

# Every role owns, may do and sets something.
query('postgres', 'CREATE ROLE joe LOGIN; CREATE DATABASE owned TEMPLATE template0');
query('owned', 'CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE TABLE public.shared (a int); GRANT CREATE ON SCHEMA public TO PUBLIC;'
	. ' ALTER TABLE shared ENABLE ROW LEVEL SECURITY; CREATE VIEW public.v AS SELECT 1 AS a');
my $sql = '';
for my $role (@roles)
{
	my ($n, $name) = @$role;
	my $quoted = quoted($name);

	$sql .= <<"SQL";
CREATE TABLE t$n (a int); INSERT INTO t$n VALUES ($n); ALTER TABLE t$n OWNER TO $quoted;
CREATE SCHEMA AUTHORIZATION $quoted;
CREATE SEQUENCE s$n; ALTER SEQUENCE s$n OWNER TO $quoted;
GRANT SELECT ON shared TO $quoted WITH GRANT OPTION;
GRANT UPDATE (a) ON shared TO $quoted;
CREATE POLICY p$n ON shared TO $quoted USING (a = $n);
CREATE USER MAPPING FOR $quoted SERVER far OPTIONS (password 'x');
ALTER DEFAULT PRIVILEGES FOR ROLE $quoted GRANT SELECT ON TABLES TO team;
SELECT lo_create($n); ALTER LARGE OBJECT $n OWNER TO $quoted; GRANT SELECT ON LARGE OBJECT $n TO $quoted;
GRANT CONNECT ON DATABASE owned TO $quoted;
SET ROLE $quoted; GRANT SELECT ON shared TO joe; RESET ROLE;
SQL
}
for my $i (0 .. $#roles)
{
	my ($kind, @lists) = ('in a database', list_payloads());
	my ($n, $text) = payload('list of names', $lists[ $i % @lists ]);

	# Each for itself, in a database and everywhere.
	my ($role) = quoted($roles[$i][1]);
	$sql .= 'SET SESSION AUTHORIZATION ' . $role . '; SET search_path = pg_catalog; SELECT set_config(\'search_path\', ' . literal($text)
		  . ", false); ALTER ROLE $role IN DATABASE owned SET search_path FROM CURRENT; ALTER ROLE $role SET search_path FROM CURRENT; RESET SESSION AUTHORIZATION; RESET search_path;\n";
}
query('owned', $sql);
my ($all_n, $all_text) = payload('setting of all roles', (list_payloads())[0]);
query('postgres', "SELECT set_config('search_path', " . literal($all_text) . ", false); ALTER ROLE ALL SET search_path FROM CURRENT; ALTER ROLE ALL SET application_name = "
	. literal((payload('setting of all roles', $short[-1]))[1]));
my $expected = globals_of($old);
# pg_dump -C refuses names with a newline in them.
my %dumps = map { ($_ => normalized_dump($_)) } 'owned', @databases;
my $settings = settings_of_roles();
quiet('planting');

# pg_dumpall's text but for comments and keys, and the settings of all roles.
sub globals_of
{
	my ($node) = @_;
	my ($text, $err) = ('', '');

	IPC::Run::run([ 'pg_dumpall', '-g', '-h', $node->host, '-p', $node->port, '-U', 'postgres' ], '>', \$text, '2>', \$err)
	  or die "pg_dumpall: $err";
	$text =~ s/^(?:-- (?:Dumped|Started|Completed)[^\n]*|\\(?:un)?restrict [a-zA-Z0-9]{20,})\n//mg;
	return $text;
}

sub settings_of_roles
{
	return query('postgres', q(SELECT pg_catalog.format('%L %L %L', r.rolname, d.datname, (SELECT pg_catalog.array_agg(pg_catalog.lower(pg_catalog.replace(pg_catalog.replace(c, '"', ''), ' ', '')) ORDER BY c) FROM pg_catalog.unnest(setconfig) c)))
		. q( FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = setdatabase ORDER BY 1));
}

sub same_globals
{
	my ($node, $name) = @_;
	my $got = globals_of($node);

	return pass($name) if $got eq $expected;
	write_bytes("$files/expected", $expected);
	write_bytes("$files/got", $got);
	fail($name);
	return diag(`diff -u -a $files/expected $files/got | head -n 40 | cat -v`);
}

sub new_cluster
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	# The old cluster's tablespaces were here.
	system('rm', '-rf', $_) == 0 && mkdir($_) or die "$_: $!" for @locations;
	$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', "autovacuum = off\nfsync = off");
	$node->start;
	use_server($node);
	watch_from($node, $powerful);
	return $node;
}

# ------------------------------------------------------------------ backup

my ($code, $out, $err) = tool('backup', '--all', '--repo', $repo);
is($code, 0, 'backup --all') or diag($err);
unlike($out . $err, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/, 'no control characters for the terminal');
quiet('backup --all');
for my $words ([ 'list' ], [ 'globals', 'info' ], [ 'globals', 'verify' ], [ 'verify' ], map { [ 'info', '--', $_ ] } @databases)
{
	($code, $out, $err) = tool($words->[0], '--repo', $repo, @$words[ 1 .. $#$words ]);
	my $name = join(' ', map { s/[^ -~]/?/gr } @$words);

	is($code, 0, $name) or diag($err);
	unlike($out . $err, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/, "$name: no control characters for the terminal");
}
# What info says to type is typed, and brings that database and nothing else.
for my $database ($all ? @databases : grep { /^--|^\.\.|\\o/ } @databases)
{
	my $text = (tool('info', '--repo', $repo, '--', $database))[1];
	my ($command) = $text =~ /^Restore into a new database:\n(.*?)^The same without/ms;
	my $name = $database =~ s/[^ -~]/?/gr;

	local $ENV{PATH} = dirname(tool_path()) . ":$ENV{PATH}";
	is(system('bash', '-c', "cd $files; $command") >> 8, 0, "the command that info shows: $name") or next;
	ok(normalized_dump($database) eq normalized_dump('newdb'), "it restores $name");
	query('postgres', 'DROP DATABASE newdb');
}
quiet('commands that info shows');

# A stock export of the globals, and databases each by its own name.
my $id = tool_json('globals', 'list', '--repo', $repo)->{backups}[0]{backup};
tool_ok([ 'globals', 'export', '--repo', $repo, '-o', "$files/globals.sql" ], 'globals export');
$old->stop('fast');

# ------------------------------------------------------------ onto new clusters

sub cluster_is
{
	my ($node, $path) = @_;

	quiet($path);
	same_globals($node, "$path: the globals are as they were");
	return;
}

my $new = new_cluster('all');
tool_ok([ 'restore', '--all', '--repo', $repo, '-j', 2 ], 'restore --all');
cluster_is($new, 'restore --all');
ok($dumps{$_} eq (eval { normalized_dump($_) } // ''), 'restore --all: the same database ' . (s/[^ -~]/?/gr)) for sort keys %dumps;
is(settings_of_roles(), $settings, 'restore --all: what roles are set to in databases');
$new->stop('fast');

$new = new_cluster('globals');
tool_ok([ 'globals', 'restore', '--repo', $repo ], 'globals restore');
cluster_is($new, 'globals restore');
tool_ok([ 'globals', 'restore', '--repo', $repo, '--existing-roles=alter' ], 'globals restore a second time');
cluster_is($new, 'globals restore a second time');
$new->stop('fast');

for my $stop ('-v ON_ERROR_STOP=1', '')
{
	my $path = "globals export | psql $stop";

	$new = new_cluster($stop ? 'psql' : 'psql_goes_on');
	is(system("psql -qX $stop -o /dev/null -d postgres -f $files/globals.sql 2>$files/err") >> 8, 0, $path) or diag(read_bytes("$files/err"));
	is(read_bytes("$files/err"), '', "$path: no errors");
	cluster_is($new, $path);
	# Again: each statement fails, and what comes after is no command either.
	system("psql -qX -o /dev/null -d postgres -f $files/globals.sql 2>/dev/null");
	quiet("$path, again", qr/server's log/);
	$new->stop('fast');
}

done_testing();
