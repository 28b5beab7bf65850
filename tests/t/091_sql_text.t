# What others have chosen (settings, names, comments, the rows of a relation with the name of a
# sequence) is a value in the SQL of a backup, and never SQL: not as a statement of its own, not under
# the reader's settings, not by way of a text that is searched for.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use POSIX ();
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $scratch = File::Temp::tempdir(CLEANUP => 1);

# Run SQL as a role; errors are its own affair.
sub try_as
{
	my ($role, $database, $sql) = @_;
	my $out = '';

	IPC::Run::run([ 'psql', '-XAtq', '-U', $role, '-d', $database, '-f', '-' ], '<', \$sql, '>', \$out, '2>&1');
	return $out;
}

sub superusers
{
	return query('postgres', "SELECT coalesce(string_agg(rolname, ','), '') FROM pg_roles WHERE rolsuper AND rolname <> 'postgres'");
}

sub exported
{
	my ($database, @more) = @_;

	tool_ok([ 'export', '--repo', $repo, @more, $database, '-o', "$scratch/$database.sql", '--yes' ], "export of $database");
	return read_bytes("$scratch/$database.sql");
}

# Run a script with psql, as one without the program would; true if there was no error.
sub play
{
	my ($database, $script, %environment) = @_;
	local @ENV{ keys %environment } = values %environment;
	my $out = '';

	write_bytes("$scratch/script.sql", $script);
	my $good = IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', "$scratch/script.sql" ],
		'<', \'', '>', \$out, '2>&1');
	print "# $out\n" if $out ne '';
	return $good;
}

query('postgres', 'CREATE ROLE eve LOGIN; CREATE ROLE joe LOGIN');

# ------------------------------------------------- a list that is no list

create_database('shop');
query('shop', 'CREATE TABLE x (a int)');
my $hostile = 'public;ALTER/**/ROLE/**/eve/**/SUPERUSER;--';
try_as('eve', 'shop', "SELECT set_config('search_path', '$hostile', false); ALTER ROLE eve IN DATABASE shop SET search_path FROM CURRENT");
is(query('shop', "SELECT setconfig[1] FROM pg_db_role_setting WHERE setrole = 'eve'::regrole"), "search_path=$hostile", 'eve has set it');
query('postgres', 'ALTER DATABASE shop OWNER TO joe');
try_as('joe', 'shop', "SELECT set_config('search_path', '$hostile', false); ALTER DATABASE shop SET search_path FROM CURRENT");
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop' ], 'backup');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'shop2' ], 'restore');
is(superusers(), '', 'and nobody became a superuser');
create_database('shop3');
ok(play('shop3', exported('shop')), 'psql');
is(superusers(), '', 'nor with psql');
is(query('postgres', 'SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase '
	  . "WHERE datname IN ('shop2', 'shop3') AND setconfig = ARRAY['search_path=\"" . lc($hostile) . "\"']"), 4, 'it is one name');

# ---------------------------------------- any value, as pg_dump has it, too

my @pieces = ('a', 'B', 'Cd', '"', '""', '"x y"', '"Q"', '""""', ',', ', ', ' ,', ' ', "\n", "\t", ';', "'", "''", '\\', '\\\\', '$', '$$',
	'--', '/*', '*/', 'é', '€', '%I', '%s', '%', 'public', '"$user"', '\\n', "\\'", '=', '(', ')', ':x', '!', '"a""b"', '"a;b"', "\r");
my $seed = $ENV{NEXB_SEED} || time;
my %values;
srand($seed);
print "# NEXB_SEED=$seed\n";
for my $number (1 .. 120)
{
	my @parts = map { $pieces[ int(rand(@pieces)) ] } 1 .. 1 + int(rand(6));
	# Half of them have the shape of a list.
	$values{"v$number"} = $number % 2 ? join('', @parts) : join(',', grep { !/^[\s,]*$/ } @parts);
}
@values{qw(empty quoted_empty list blanks upper)} = ('', '""', 'a, "B c", "$user"', '  a  ,  b  ', 'Public');
create_database('many');
my $setup = "SET client_encoding = 'UTF8';\n";
for my $role (sort keys %values)
{
	my $literal = $values{$role} =~ s/\\/\\\\/gr;
	$literal =~ s/'/''/g;
	$setup .= "CREATE ROLE $role;\n";
	for my $setting ('search_path', 'local_preload_libraries', 'my.value')
	{
		$setup .= "RESET \"$setting\";\nSELECT set_config('$setting', E'$literal', false);\n"
		  . "ALTER ROLE $role IN DATABASE many SET \"$setting\" FROM CURRENT;\n";
	}
}
$setup .= "SELECT set_config('search_path', E'\"it''s \\\\\\n', ''x''', false);\n";
try_as('postgres', 'many', $setup);
query('many', <<'SQL');
SELECT set_config('search_path', E'a;B,"C d",\'\\,"x\\\ny"', false);
ALTER DATABASE many SET search_path FROM CURRENT;
COMMENT ON DATABASE many IS E'ends with \\'', so\n\\! touch /tmp/x\n; it''s \\';
SQL

# Settings of a database: "role setting" to value.
sub settings_of
{
	my ($database) = @_;
	my %found;

	for (split /\n/, query('postgres', "SELECT json_build_array(CASE WHEN setrole = 0 THEN '' ELSE setrole::regrole::text END || ' ' || "
			  . "split_part(one, '=', 1), substr(one, strpos(one, '=') + 1)) FROM pg_db_role_setting s "
			  . "JOIN pg_database d ON d.oid = s.setdatabase, unnest(setconfig) one WHERE datname = '$database'"))
	{
		my $pair = JSON::PP->new->utf8->decode($_);
		$found{ $pair->[0] } = $pair->[1];
	}
	return \%found;
}

# The elements of a list as the server takes them; nothing if it cannot be cut.
sub elements
{
	my ($setting, $value) = @_;
	my $fold = $setting eq 'search_path';
	my @found;

	$value =~ s/^[ \t\r\n\f]+//;
	return [] if $value eq '';
	for (;;)
	{
		if ($value =~ s/^"((?:[^"]|"")*)"//) { push @found, $1 =~ s/""/"/gr }
		elsif ($fold && $value =~ s/^([^, \t\r\n\f"][^, \t\r\n\f]*)//) { push @found, $1 =~ tr/A-Z/a-z/r }
		elsif (!$fold && $value =~ s/^([^,"][^,]*?)[ \t\r\n\f]*(?=,|\z)//) { push @found, $1 }
		else { return }
		$value =~ s/^[ \t\r\n\f]+//;
		return \@found if $value eq '';
		$value =~ s/^,[ \t\r\n\f]*// or return;
	}
}

# What SET makes of these elements, by the server itself.
sub stored
{
	my ($elements) = @_;

	return '' unless @$elements;
	my $json = JSON::PP->new->utf8->encode($elements) =~ s/'/''/gr;
	my $text = query('postgres', "SET standard_conforming_strings = on; SELECT to_json(string_agg(quote_ident(e), ', ' ORDER BY n)) "
		  . "FROM json_array_elements_text('$json') WITH ORDINALITY x (e, n)");
	return JSON::PP->new->utf8->allow_nonref->decode($text);
}

my $before = settings_of('many');
cmp_ok(scalar keys %$before, '>', 250, 'many settings');
my %expected;
my %like_pg_dump;
for my $key (keys %$before)
{
	my ($setting) = $key =~ / (\S+)$/;
	my $elements = $setting eq 'my.value' ? undef : elements($setting, $before->{$key});
	$expected{$key} = $setting eq 'my.value' ? $before->{$key} : stored($elements || [ $before->{$key} ]);
	# pg_dump folds nothing, cuts at blanks, and has no words for an empty list.
	$like_pg_dump{$key} = 1
	  if $setting eq 'my.value' || ($elements && @$elements && $before->{$key} !~ /[A-Z\r\n\t ]/);
}
tool_ok([ 'backup', '--repo', $repo, '-d', 'many' ], 'backup of many settings');
tool_ok([ 'restore', '--repo', $repo, 'many', '--to', 'many2' ], 'restore');
is_deeply(settings_of('many2'), \%expected, 'each setting is what it was');
my $unchanged = grep { $expected{$_} eq $before->{$_} } keys %expected;
cmp_ok($unchanged, '>', keys(%expected) / 3, "byte for byte where it was stored as SET stores it: $unchanged");
is(query('postgres', "SELECT count(DISTINCT shobj_description(oid, 'pg_database')) FROM pg_database WHERE datname LIKE 'many%'"), 1, 'and the comment');
my $script = exported('many');
create_database('many3');
ok(play('many3', $script), 'psql');
is_deeply(settings_of('many3'), \%expected, 'the same');
my ($member) = $script =~ /^(DO .*\n(?:DO .*\n)*)/m;
is(scalar(() = $member =~ /^DO E?'BEGIN .* END';$/mg), scalar(split /\n/, $member), 'one statement a line');
is(scalar(() = $member =~ /\n/g), 1 + keys %expected, 'and one for each');

# pg_dump -C binds to the name.
system_or_bail_quietly('pg_dump', '-C', '-f', "$scratch/many.sql", 'many');
query('postgres', 'ALTER DATABASE many RENAME TO many_old');
IPC::Run::run([ 'psql', '-Xq', '-d', 'postgres', '-f', "$scratch/many.sql" ], '>', '/dev/null', '2>&1');
my $dumped = settings_of('many');
is_deeply({ map { $_ => $expected{$_} } grep { $like_pg_dump{$_} } keys %expected },
	{ map { $_ => $dumped->{$_} } grep { $like_pg_dump{$_} } keys %expected }, 'and the same as with pg_dump: ' . keys %like_pg_dump);

sub system_or_bail_quietly
{
	system(@_) == 0 or BAIL_OUT("@_");
	return;
}

# ------------------------------------- a reader whose literals have escapes

create_database('slash');
query('slash', <<'SQL');
SET standard_conforming_strings = on;
COMMENT ON DATABASE slash IS 'x\''; ALTER ROLE joe SUPERUSER; --';
CREATE SEQUENCE "s\'; ALTER ROLE joe SUPERUSER; --";
CREATE SEQUENCE "new
\! line";
SELECT setval('"s\''; ALTER ROLE joe SUPERUSER; --"', 42, false);
SELECT setval(E'"new\n\\! line"', 4711);
SELECT lo_create(4711);
COMMENT ON LARGE OBJECT 4711 IS E'\\''; ALTER ROLE joe SUPERUSER; --\n\\! x';
ALTER DATABASE slash SET standard_conforming_strings = off;
ALTER DATABASE slash SET my.value = '\''; ALTER ROLE joe SUPERUSER; --';
ALTER ROLE eve IN DATABASE slash SET standard_conforming_strings = off;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'slash' ], 'backup of texts with backslashes');
tool_ok([ 'restore', '--repo', $repo, 'slash', '--to', 'slash2' ], 'restore');
is(superusers(), '', 'nobody became a superuser');
sub slash_state
{
	my ($database) = @_;

	return query($database, q(SELECT last_value, is_called FROM "s\'; ALTER ROLE joe SUPERUSER; --" UNION ALL SELECT last_value, is_called FROM U&"new\000a\\\\! line")
		. qq(; SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '$database'; SELECT obj_description(4711, 'pg_largeobject')));
}
is(slash_state('slash2'), slash_state('slash'), 'all is there');
my $plain = exported('slash');
$plain =~ s/^SET standard_conforming_strings = on;\n//mg;
# Names of sequences are pg_dump's to write, in the sections before and after.
my @own = grep { /^(?:SELECT pg_catalog\.(?:setval|lo_)|DO |COMMENT ON LARGE|ALTER LARGE)/ } split /^/, $plain;
create_database('slash3');
query('slash3', 'CREATE SEQUENCE "s\\\'; ALTER ROLE joe SUPERUSER; --"; CREATE SEQUENCE U&"new\000a\\\\! line"');
ok(play('slash3', join('', @own), PGOPTIONS => '-c standard_conforming_strings=off'), 'our text, read with standard_conforming_strings off');
is(superusers(), '', 'still nobody');
is(slash_state('slash3'), slash_state('slash'), 'and all is there');
tool_ok([ 'restore', '--repo', $repo, 'slash', '--to', 'slash4', '--schema', 'public', '--yes' ], 'a part');
is(query('slash4', 'SELECT last_value, is_called FROM U&"new\000a\\\\! line"'), '4711|t', 'which takes the text apart');

# ----------------------------- another relation under a sequence's name

query('postgres', "SELECT 'dropped'; DROP DATABASE slash3");
my $planted = "1, true);\nALTER ROLE joe SUPERUSER;\nSELECT (1";
# From 18 on a sequence is read by its OID, so its name does not matter.
my $by_oid = query('postgres', 'SHOW server_version_num') >= 180000;
my %relations = (
	'a materialized view' => "CREATE MATERIALIZED VIEW a.s AS SELECT \$x\$$planted\$x\$::text AS last_value, true AS is_called",
	'a view that runs a function' => 'CREATE VIEW a.s AS SELECT 0::oid AS tableoid, a.evil() AS last_value, true AS is_called',
	'a table' => "CREATE TABLE a.s AS SELECT \$x\$$planted\$x\$::text AS last_value, true AS is_called",
	'a table whose index has code' => 'CREATE TABLE a.s (last_value int8, is_called bool); CREATE INDEX ON a.s ((a.planned(1)))',
	'a table whose index has code, in a schema that takes the name' => 'CREATE SCHEMA a; CREATE FUNCTION a.planned(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS '
	  . '$$ BEGIN PERFORM gone.evil(); RETURN 1; END $$; CREATE TABLE a.s (last_value int8, is_called bool); CREATE INDEX ON a.s ((a.planned(1)))',
	'a table without such columns' => 'CREATE TABLE a.s AS SELECT 1 AS one',
	'a table that has no row' => 'CREATE TABLE a.s (last_value bigint, is_called bool)',
	'another sequence' => 'CREATE SEQUENCE a.s',
	'nothing' => 'DROP SEQUENCE a.s_old',
	'a materialized view in a schema that takes the name' => "CREATE SCHEMA a; CREATE MATERIALIZED VIEW a.s AS SELECT \$x\$$planted\$x\$::text AS last_value, true AS is_called",
	'a type with a cast' => 'CREATE TYPE a.t AS (x int); CREATE FUNCTION a.cast_it(a.t) RETURNS int8 LANGUAGE sql AS $$SELECT a.evil()::int8$$; '
	  . 'CREATE CAST (a.t AS int8) WITH FUNCTION a.cast_it AS IMPLICIT; CREATE TABLE a.s AS SELECT ROW(1)::a.t AS last_value, true AS is_called');
# pg_restore runs when the work of pg_dump has been compared with the snapshot, and the sequences have
# not been read yet: the name is taken by then.
my $bindir = $node->config_data('--bindir');
my $programs = File::Temp::tempdir(CLEANUP => 1);
symlink("$bindir/pg_dump", "$programs/pg_dump");
write_bytes("$programs/pg_restore", <<"SH");
#!/bin/sh
[ "\$1" = --version ] || [ ! -e "$programs/swap" ] || PGAPPNAME= "$bindir/psql" -XqAt -1 -v ON_ERROR_STOP=1 -U joe -d app -f "$programs/swap" || exit 9
[ "\$1" = --version ] || rm -f "$programs/swap"
exec "$bindir/pg_restore" "\$\@"
SH
chmod 0755, "$programs/pg_restore";
for my $what (sort keys %relations)
{
	query('postgres', 'ALTER ROLE joe NOSUPERUSER');
	query('postgres', 'DROP DATABASE IF EXISTS app');
	create_database('app');
	query('app', 'CREATE TABLE x (a int); GRANT CREATE ON DATABASE app TO joe');
	print '# ' . try_as('joe', 'app', <<"SQL") . "\n";
CREATE SCHEMA a;
CREATE SEQUENCE a.s; SELECT setval('a.s', 47);
CREATE FUNCTION a.evil() RETURNS text LANGUAGE plpgsql AS
\$\$ BEGIN IF current_user <> 'joe' THEN EXECUTE 'ALTER ROLE joe SUPERUSER'; END IF; RETURN '1'; END \$\$;
CREATE FUNCTION a.planned(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$ BEGIN PERFORM a.evil(); RETURN 1; END \$\$;
SQL
	# Made only then: tables are locked from the beginning on, as sequences cannot be.
	write_bytes("$programs/swap", ($what =~ /schema/ ? 'ALTER SCHEMA a RENAME TO gone' : 'ALTER SEQUENCE a.s RENAME TO s_old') . "; $relations{$what};");
	my @backup = ('backup', '--repo', $repo, '-d', 'app', '--pg-bindir', $programs);
	if ($by_oid && $what ne 'nothing')
	{
		tool_ok(\@backup, "$what: the backup succeeds");
		is(join('', grep { /setval/ } split /^/, exported('app')), "SELECT pg_catalog.setval('" . ($what =~ /schema/ ? 'gone' : 'a')
			  . ".s', 47, true);\n", "$what: with the sequence");
	}
	else
	{
		tool_fails(\@backup, 1, qr/error: a sequence was dropped or renamed while the backup was under way/,
			"$what: the backup fails, and says why");
	}
	ok(!-e "$programs/swap", "$what: had taken the name");
	is(superusers(), '', "$what: nobody became a superuser");
}

# ----------------------------------------------------- values of sequences

create_database('values');
query('values', <<'SQL');
CREATE SEQUENCE fresh; CREATE SEQUENCE started START 100; CREATE SEQUENCE called; SELECT nextval('called');
CREATE SEQUENCE set_back; SELECT setval('set_back', 42, false);
CREATE SEQUENCE down INCREMENT -1 MINVALUE -9223372036854775808 START -1; SELECT setval('down', -9223372036854775808, true);
CREATE SEQUENCE top; SELECT setval('top', 9223372036854775807, false);
CREATE SEQUENCE small AS smallint; CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, s serial); INSERT INTO t DEFAULT VALUES;
CREATE SCHEMA "S, ""x"""; CREATE SEQUENCE "S, ""x"""."select"; CREATE UNLOGGED TABLE u (id serial); SELECT nextval('u_id_seq');
SELECT format('CREATE SEQUENCE many_%s START %s', i, i) FROM generate_series(1, 250) i \gexec
SQL
my $all_values = q(SELECT string_agg(format('%s %s', c.oid::regclass, query_to_xml(format('SELECT last_value, is_called FROM %s', c.oid::regclass), true, true, '')), E'\n'
	ORDER BY c.oid::regclass::text) FROM pg_class c WHERE relkind = 'S');
tool_ok([ 'backup', '--repo', $repo, '-d', 'values' ], 'backup of sequences');
tool_ok([ 'restore', '--repo', $repo, 'values', '--to', 'values2' ], 'restore');
is(query('values2', $all_values), query('values', $all_values), 'each has its value');

# --------------------------------------------------------------- globals

query('postgres', <<'SQL');
CREATE ROLE "a
CREATE ROLE postgres;
";
CREATE ROLE "b""
CREATE ROLE postgres;
";
SELECT set_config('search_path', 'public;ALTER/**/ROLE/**/eve/**/SUPERUSER;--, "B"', false);
ALTER ROLE ALL SET search_path FROM CURRENT;
SELECT set_config('local_preload_libraries', '', false);
ALTER ROLE ALL SET local_preload_libraries FROM CURRENT;
ALTER ROLE ALL SET "my.value" = E'it''s \\\n\\! x';
SQL
# Of these pg_dumpall makes "SET ... TO ;", so that no restore would go beyond them.
try_as('eve', 'postgres', "SELECT set_config('search_path', '', false); ALTER ROLE eve SET search_path FROM CURRENT");
try_as('joe', 'postgres', "SELECT set_config('local_preload_libraries', 'x y', false); ALTER ROLE joe SET local_preload_libraries FROM CURRENT");
tool_ok([ 'globals', 'backup', '--repo', $repo ], 'backup of the globals');
tool_ok([ 'globals', 'export', '--repo', $repo, '-o', "$scratch/globals.sql" ], 'export');
my $globals = read_bytes("$scratch/globals.sql");
is(scalar(() = $globals =~ /^DO 'BEGIN IF NOT EXISTS/mg), 1, 'the first superuser is created once');
like($globals, qr/^CREATE ROLE "a\nCREATE ROLE postgres;\n";$/m, 'and not within a name');
unlike($globals, qr/^CREATE ROLE postgres;\n(?!")/m, 'nor without a condition');
my $other = start_server('other');
query('postgres', 'DROP ROLE invoice_app; DROP ROLE invoice_report');
ok(play('postgres', $globals), 'psql restores them');
is(superusers(), '', 'and eve is what she was');
my $all = q(SELECT string_agg(one, E'\n' ORDER BY one) FROM pg_db_role_setting, unnest(setconfig) one WHERE setrole = 0 AND setdatabase = 0);
my $restored = query('postgres', $all);
like($restored, qr/^local_preload_libraries=$/m, 'an empty list is one');
like($restored, qr/^my\.value=it's \\\n\\! x$/m, 'a value of more than one line');
like($restored, qr{^search_path="public;alter/\*\*/role/\*\*/eve/\*\*/superuser;--", "B"$}m, 'two names');
my $own = q(SELECT string_agg(setrole::regrole || ':' || setconfig::text, ' ' ORDER BY setrole::regrole::text) FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole <> 0);
is(query('postgres', $own), q(eve:{search_path=} joe:{"local_preload_libraries=\"x y\""}), 'values that pg_dumpall has no words for');
$other->stop;
my $third = start_server('third');
tool_ok([ 'globals', 'restore', '--repo', $repo, '--yes' ], 'globals restore');
is(query('postgres', $own), q(eve:{search_path=} joe:{"local_preload_libraries=\"x y\""}), 'the same');
$third->stop;

# ------------------------------------------------ what the planner evaluates of a table

my $planner = start_server('planner');
create_database('planned');
query('planned', <<'SQL');
CREATE ROLE indexer LOGIN;
CREATE SCHEMA indexer AUTHORIZATION indexer;
CREATE TABLE public.canary (who text);
GRANT INSERT ON canary TO PUBLIC;
SET ROLE indexer;
CREATE SEQUENCE indexer.calls;
CREATE FUNCTION indexer.evil() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
	RAISE LOG 'CODE OF THE INDEXER as %', current_user; RETURN 1; END $$;
CREATE FUNCTION indexer.g(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM indexer.evil(); RETURN $1; END $$;
CREATE TABLE indexer.cut (a int, b int);
INSERT INTO indexer.cut SELECT i, i FROM generate_series(1, 100000) i;
CREATE INDEX ON indexer.cut ((indexer.g(1)));
CREATE TABLE indexer.whole (LIKE indexer.cut);
INSERT INTO indexer.whole SELECT * FROM indexer.cut;
CREATE INDEX ON indexer.whole (a) WHERE indexer.g(2) = 2;
CREATE TABLE indexer.known (LIKE indexer.cut);
INSERT INTO indexer.known SELECT * FROM indexer.cut;
CREATE STATISTICS indexer.s ON (indexer.g(3)), a FROM indexer.known;
CREATE TABLE indexer.nothing ();
INSERT INTO indexer.nothing DEFAULT VALUES;
CREATE INDEX ON indexer.nothing ((indexer.g(4)));
CREATE TABLE indexer.plain (LIKE indexer.cut);
INSERT INTO indexer.plain SELECT * FROM indexer.cut;
CREATE INDEX ON indexer.plain (lower(a::text)) WHERE b > 10;
CREATE FUNCTION indexer.same(int, int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM indexer.evil(); RETURN true; END $$;
RESET ROLE;
-- An operator of a superuser, with a function of another.
CREATE OPERATOR public.=== (FUNCTION = indexer.same, LEFTARG = int, RIGHTARG = int);
CREATE TABLE public.operated (LIKE indexer.cut);
INSERT INTO operated SELECT * FROM indexer.cut;
CREATE INDEX ON operated (a) WHERE 1 OPERATOR(public.===) 1;
SQL
create_database('inlined');
query('inlined', <<'SQL');
CREATE FUNCTION inner_part(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i + 1';
CREATE FUNCTION outer_part(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT inner_part(i)';
CREATE TABLE by_outer AS SELECT i AS a, md5(i::text) AS b FROM generate_series(1, 100000) i;
CREATE INDEX ON by_outer (outer_part(a));
SQL
# What the planner inlines does not find its names under our search_path.
tool_ok([ 'backup', '--repo', new_repository(), '-d', 'inlined', '--chunk-blocks', 128 ], 'a table with a function that needs a search_path');
{
	my $repo = new_repository();
	my $from = -s $planner->logfile;

	tool_ok([ 'backup', '--repo', $repo, '-d', 'planned', '--chunk-blocks', 128 ], 'a backup of tables with expressions');
	unlike(substr(PostgreSQL::Test::Utils::slurp_file($planner->logfile), $from), qr/CODE OF THE INDEXER as postgres/,
		'runs no code of their owner');
	tool_ok([ 'restore', '--repo', $repo, 'planned', '--to', 'planned_2' ], 'restore');
	same_database('planned', 'planned_2', 'every row is there');
	my ($manifest) = grep { /planned/ } glob("$repo/backups/planned/*.json");
	my $content = JSON::PP::decode_json(PostgreSQL::Test::Utils::slurp_file($manifest));
	my ($plain) = grep { $content->{tables}[$_]{name} eq 'plain' } 0 .. $#{ $content->{tables} };
	cmp_ok(scalar(grep { $_->{kind} eq 'data' && $_->{table} == $plain } @{ $content->{members} }), '>', 1,
		'a table whose expressions are built in is cut');
}

# The same, when it is made while a backup reads the table: of another user, or a partition that belongs to
# the backup's own user below a table that does not.
create_database('meanwhile');
query('meanwhile', <<'SQL');
CREATE SCHEMA indexer AUTHORIZATION indexer;
SET ROLE indexer;
CREATE FUNCTION indexer.g(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
	RAISE LOG 'CODE OF THE INDEXER as %', current_user; RETURN $1; END $$;
CREATE TABLE indexer.big AS SELECT i AS a, md5(i::text) || md5((i + 1)::text) AS b FROM generate_series(1, 150000) i;
CREATE TABLE indexer.root (a int, b text) PARTITION BY RANGE (a);
RESET ROLE;
CREATE TABLE indexer.leaf (a int, b text);
INSERT INTO indexer.leaf SELECT * FROM indexer.big;
ALTER TABLE indexer.root ATTACH PARTITION indexer.leaf FOR VALUES FROM (0) TO (1000000);
ANALYZE;
SQL
my @slow = ('-j', 1, '--chunk-blocks', 64, '--compress', 'zstd:12');

sub code_since
{
	my ($from, $as) = @_;

	return substr(PostgreSQL::Test::Utils::slurp_file($planner->logfile), $from) =~ /CODE OF THE INDEXER as $as\b/ ? 1 : 0;
}

sub members_of
{
	my ($repository, $name) = @_;
	my ($manifest) = glob("$repository/backups/meanwhile/*.json");
	my $content = JSON::PP::decode_json(PostgreSQL::Test::Utils::slurp_file($manifest));
	my ($table) = grep { $content->{tables}[$_]{name} eq $name } 0 .. $#{ $content->{tables} };

	return grep { $_->{kind} eq 'data' && $_->{table} == $table } @{ $content->{members} };
}

# Tables are locked for the moment in which a query is planned.
sub stop_between_locks
{
	my ($pid) = @_;

	return wait_until(
		sub {
			kill 'STOP', $pid;
			return 1 if query('meanwhile', "SELECT count(*) FROM pg_locks WHERE mode = 'ShareUpdateExclusiveLock'") eq '0';
			kill 'CONT', $pid;
			return 0;
		});
}

my $values = 'SELECT (SELECT md5(string_agg(t::text, $$,$$ ORDER BY a)) FROM indexer.big t), (SELECT md5(string_agg(t::text, $$,$$ ORDER BY a)) FROM indexer.leaf t)';
for my $form ('CREATE INDEX made ON indexer.big ((indexer.g(1)))', 'CREATE INDEX made ON indexer.big (a) WHERE indexer.g(2) = 2',
	'CREATE STATISTICS indexer.made ON (indexer.g(3)), a FROM indexer.big', 'CREATE INDEX CONCURRENTLY made ON indexer.big ((indexer.g(4)))',
	'CREATE INDEX made ON indexer.root ((indexer.g(5)))', 'nothing')
{
	my $other = new_repository();
	my $log = File::Temp->new;
	my $out = '';
	my $session;
	my $pid = start_tool("$log", 'backup', '--repo', $other, '-d', 'meanwhile', @slow, '--verbose');

	wait_until(sub { scalar(grep { /\.zst$/ } all_files("$other/objects")) >= 1 });
	stop_between_locks($pid);
	if ($form ne 'nothing')
	{
		$session = IPC::Run::start([ 'psql', '-XAtq', '-U', 'indexer', '-d', 'meanwhile', '-c', $form ], '<', \undef, '>', \$out, '2>&1',
			IPC::Run::timeout(120));
		ok(wait_until(sub { query('meanwhile', q(SELECT (SELECT count(*) FROM pg_class WHERE relname ~ '^made') + (SELECT count(*) FROM pg_statistic_ext))) > 0 }),
			"$form: while a backup reads");
	}
	my $from = -s $planner->logfile;
	kill 'CONT', $pid;
	is(finish_tool($pid), 0, "$form: the backup") or diag(read_bytes("$log"));
	ok(!code_since($from, 'postgres'), "$form: runs no code of its owner");
	tool_ok([ 'verify', '--repo', $other, 'meanwhile' ], "$form: verify");
	if ($form eq 'nothing')
	{
		cmp_ok(scalar(members_of($other, $_)), '>', 20, "$_ is cut") for 'big', 'leaf';
		unlike(read_bytes("$log"), qr/read whole/, 'and nothing is read whole');
		next;
	}
	$session->finish;
	is($out, '', "$form: done");
	tool_ok([ 'restore', '--repo', $other, 'meanwhile', '--to', 'afterwards' ], "$form: restore");
	is(query('afterwards', $values), query('meanwhile', $values), "$form: all rows are there, once");
	like(read_bytes("$log"), qr/cannot be guarded: its indexes or statistics use code of other users.*read whole.*: 1$/ms, "$form: was noticed")
	  unless $form =~ /CONCURRENTLY/;
	query('postgres', 'DROP DATABASE afterwards');
	try_as('indexer', 'meanwhile', $form =~ /STATISTICS/ ? 'DROP STATISTICS indexer.made' : 'DROP INDEX indexer.made');
	query('meanwhile', 'VACUUM ANALYZE');
}

# Who may only read cannot lock, and a table can be locked by somebody else.
for my $who ('reader', 'postgres')
{
	my $other = new_repository();
	my $release;
	query('meanwhile', 'CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader') if $who eq 'reader';
	if ($who eq 'postgres')
	{
		my ($in, $out) = ("BEGIN; LOCK TABLE indexer.big IN SHARE UPDATE EXCLUSIVE MODE; SELECT 'held';\n", '');
		my $session = IPC::Run::start([ 'psql', '-XAtq', '-U', 'indexer', '-d', 'meanwhile' ], '<', \$in, '>', \$out, IPC::Run::timeout(60));
		$session->pump until $out =~ /held/;
		$release = sub { $in .= "COMMIT;\n\\q\n"; $session->finish };
	}
	my ($code, $out, $err) = tool('backup', '--repo', $other, '-d', 'meanwhile', '-U', $who, '-j', 2, '--chunk-blocks', 64, '--verbose');
	is($code, 0, "a backup by $who") or diag($err);
	like($err, qr/table indexer.big cannot be guarded: (permission denied|could not obtain lock).*big tables read whole.*: @{[ $who eq 'reader' ? 2 : 1 ]}$/ms,
		'reads tables whole that it cannot lock');
	is(scalar(grep { $_->{blocks} || defined $_->{block_from} } members_of($other, 'big')), 0, 'not in parts');
	is(query('postgres', "SELECT count(*) FROM pg_locks WHERE mode = 'ShareUpdateExclusiveLock' AND pid <> pg_backend_pid() AND locktype = 'relation'"),
		$release ? 1 : 0, 'no lock is left');
	$release->() if $release;
}

# Its schema may be renamed all the time, so that its name is now and then that of another table, whose index
# has code.
query('meanwhile', <<'SQL');
GRANT CREATE ON DATABASE meanwhile TO indexer;
CREATE SCHEMA sa AUTHORIZATION indexer; CREATE SCHEMA sb AUTHORIZATION indexer;
CREATE TABLE sa.big AS SELECT * FROM indexer.big;
SET ROLE indexer;
CREATE TABLE sb.big (LIKE indexer.big); INSERT INTO sb.big VALUES (1, 'x'); CREATE INDEX ON sb.big ((indexer.g(7)));
CREATE TABLE indexer.stop (); REVOKE ALL ON indexer.stop FROM PUBLIC;
CREATE PROCEDURE indexer.flip() LANGUAGE plpgsql AS $$ DECLARE until timestamptz := clock_timestamp() + interval '60 s'; BEGIN
	WHILE to_regclass('indexer.stop') IS NOT NULL AND clock_timestamp() < until LOOP
		ALTER SCHEMA sa RENAME TO sc; ALTER SCHEMA sb RENAME TO sa; COMMIT;
		ALTER SCHEMA sa RENAME TO sb; ALTER SCHEMA sc RENAME TO sa; COMMIT;
		PERFORM pg_sleep(0.001);
	END LOOP; END $$;
SQL
{
	my $out = '';
	my $from = -s $planner->logfile;
	my $flips = IPC::Run::start([ 'psql', '-XAtq', '-U', 'indexer', '-d', 'meanwhile', '-c', 'SET synchronous_commit = off', '-c', 'CALL indexer.flip()' ],
		'<', \undef, '>', \$out, '2>&1', IPC::Run::timeout(120));
	for my $n (1 .. 3)
	{
		my ($code, undef, $err) = tool('backup', '--repo', new_repository(), '-d', 'meanwhile', '-j', 2, '--chunk-blocks', 64, '--compress', 'zstd:1');
		like("$code $err", qr/^0 |^1 .*error: /s, "backup $n while schemas are renamed is good, or says why not");
	}
	query('meanwhile', 'DROP TABLE indexer.stop');
	$flips->finish;
	is($out, '', 'schemas were renamed all the time');
	ok(!code_since($from, 'postgres'), 'and no code of their owner was run');

	my ($in, $held) = ("BEGIN; ALTER SCHEMA sa RENAME TO sc; SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-U', 'indexer', '-d', 'meanwhile' ], '<', \$in, '>', \$held, IPC::Run::timeout(60));
	$session->pump until $held =~ /held/;
	my ($code, undef, $err) = tool('backup', '--repo', new_repository(), '-d', 'meanwhile', '-j', 2, '--chunk-blocks', 64, '--verbose');
	is($code, 0, 'a backup while a rename is not committed yet');
	like($err, qr/table sa.big cannot be guarded: could not obtain lock on relation "pg_catalog.pg_namespace"/, 'reads that table whole');
	$in .= "ROLLBACK;\n\\q\n";
	$session->finish;
	query('meanwhile', 'DROP SCHEMA sa, sb CASCADE');
}

# The values of sequences that have not been called are read by name, while no schema can be renamed.
create_database('fresh');
query('fresh', <<'SQL');
GRANT CREATE ON DATABASE fresh TO indexer;
CREATE SCHEMA fresh AUTHORIZATION indexer;
SET ROLE indexer;
CREATE SEQUENCE fresh.s; SELECT setval('fresh.s', 42, false); CREATE SEQUENCE fresh.called; SELECT setval('fresh.called', 43);
CREATE FUNCTION fresh.g(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'CODE OF THE INDEXER as %', current_user; RETURN $1; END $$;
SQL
{
	my $other = new_repository();
	my $setvals = sub {
		unlink "$scratch/fresh.sql";
		tool_ok([ 'export', '--repo', $other, 'fresh', '-o', "$scratch/fresh.sql", '--yes' ], 'export');
		return join('', grep { /setval/ } split /^/, read_bytes("$scratch/fresh.sql"));
	};
	local $ENV{PGOPTIONS} = '-c log_statement=all';
	my $from = -s $planner->logfile;

	tool_ok([ 'backup', '--repo', $other, '-d', 'fresh' ], 'a backup with fresh sequences');
	like($setvals->(), qr/setval\('fresh.s', 42, false\);/, 'has their values');
	like($setvals->(), qr/setval\('fresh.called', 43, true\);/, 'and those of others');
	my $log = substr(PostgreSQL::Test::Utils::slurp_file($planner->logfile), $from);
	like($log, qr/SELECT tableoid, last_value, is_called FROM fresh.s;/, 'the fresh one was read by name');
	unlike($log, qr/SELECT .*FROM fresh.called/, 'the other was not');
	unlike($log, qr/SELECT last_value/, 'and none by pg_dump');
	delete $ENV{PGOPTIONS};
	my ($code, undef, $err) = tool('backup', '--repo', $other, '-d', 'fresh', '-U', 'reader');
	is($code, 0, 'the same by a role that may lock nothing');
	like($err, qr/warning: 1 sequence has not been used yet, and could not be read safely/, 'says that it guesses');
	like($setvals->(), qr/setval\('fresh.s', 1, false\);/, 'the start');

	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $log_file = File::Temp->new;
		my $directory = waiting_pg_dump($planner);
		$from = -s $planner->logfile;
		my $pid = start_tool("$log_file", 'backup', '--repo', $other, '-d', 'fresh', '-j', 1, '--pg-bindir', $directory,
			$end eq 'ROLLBACK' ? ('--lock-wait-timeout', '2s') : ());
		wait_until(sub { -e "$directory/done" });
		my ($in, $held) = ("BEGIN; ALTER SCHEMA fresh RENAME TO gone; CREATE SCHEMA fresh; CREATE TABLE fresh.s (last_value int8, is_called bool); "
			  . "CREATE INDEX ON fresh.s ((gone.g(8))); SELECT 'held';\n", '');
		my $session = IPC::Run::start([ 'psql', '-XAtq', '-U', 'indexer', '-d', 'fresh' ], '<', \$in, '>', \$held, IPC::Run::timeout(60));
		$session->pump until $held =~ /held/;
		write_bytes("$directory/go", '');
		ok(wait_until(sub { substr(PostgreSQL::Test::Utils::slurp_file($planner->logfile), $from) =~ /could not obtain lock on relation "pg_catalog.pg_namespace"/ }), "$end: it waits for names") if $end eq 'COMMIT';
		my $code = $end eq 'ROLLBACK' ? finish_tool($pid) : undef;
		$in .= "$end;\n\\q\n";
		$session->finish;
		$code = finish_tool($pid) if $end eq 'COMMIT';
		is($code, 1, "$end: a backup while a schema is being renamed");
		like(read_bytes("$log_file"), $end eq 'COMMIT' ? qr/a sequence was dropped or renamed while/ : qr/could not lock the list of schemas .*within 2 s\nDETAIL:  process \d+ .*user "indexer"\) has it locked/, "$end: says why it fails");
		ok(!code_since($from, 'postgres'), "$end: no code was run");
		query('fresh', 'DROP SCHEMA fresh CASCADE; ALTER SCHEMA gone RENAME TO fresh') if $end eq 'COMMIT';
	}
}

# Its owner can lock an index alone, where a query would wait and a COPY does not.
{
	my $other = new_repository();
	my $place = File::Temp::tempdir(CLEANUP => 1);
	query('meanwhile', "CREATE TABLESPACE place LOCATION '$place'");
	query('meanwhile', 'GRANT CREATE ON TABLESPACE place TO indexer; CREATE INDEX alone ON indexer.big (a)');
	my ($in, $out) = ("BEGIN; ALTER INDEX indexer.alone SET TABLESPACE place; SELECT 'held';\n", '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-U', 'indexer', '-d', 'meanwhile' ], '<', \$in, '>', \$out, IPC::Run::timeout(60));
	$session->pump until $out =~ /held/;
	my $log = File::Temp->new;
	my $pid = start_tool("$log", 'backup', '--repo', $other, '-d', 'meanwhile', '-j', 2, '--chunk-blocks', 64, '--verbose');
	my $ended = wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 30);
	ok($ended, 'a locked index holds up no backup') or kill 'KILL', $pid;
	my $code = $?;
	$in .= "COMMIT;\n\\q\n";
	$session->finish;
	is($code, 0, 'which is good') or diag(read_bytes("$log"));
	like(read_bytes("$log"), qr/table indexer.big is read whole, as somebody has locked an index of it/, 'and reads the table whole');
	tool_ok([ 'restore', '--repo', $other, 'meanwhile', '--to', 'held_up', '--no-tablespaces' ], 'restore');
	is(query('held_up', $values), query('meanwhile', $values), 'all rows are there, once');
	query('meanwhile', 'DROP INDEX indexer.alone; DROP TABLESPACE place');
}

# A table of an extension with a condition can be read by a query only.
query('meanwhile', <<'SQL');
CREATE TABLE indexer.settings AS SELECT i AS a FROM generate_series(1, 3) i;
UPDATE pg_extension SET extconfig = ARRAY['indexer.settings'::regclass], extcondition = ARRAY['WHERE a > 1'] WHERE extname = 'plpgsql';
SQL
{
	my $other = new_repository();

	tool_ok([ 'backup', '--repo', $other, '-d', 'meanwhile' ], 'a table of an extension that belongs to a superuser');
	query('meanwhile', 'ALTER TABLE indexer.settings OWNER TO indexer; CREATE INDEX ON indexer.settings ((indexer.g(6)))');
	my $from = -s $planner->logfile;
	my $err = tool_fails([ 'backup', '--repo', $other, '-d', 'meanwhile' ], 1,
		qr/cannot read table indexer\.settings, which belongs to an extension and to user "indexer"/, 'one that belongs to another user');
	like($err, qr/HINT:.*to a superuser, or run the backup as a superuser on the primary server/is, 'says what helps');
	ok(!code_since($from, 'postgres'), 'and runs no code');
}

done_testing();
