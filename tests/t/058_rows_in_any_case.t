# Databases that PostgreSQL permits and that no dump can be restored into a new one from: with
# --on-object-error=skip the rows come back, and what cannot be restored is listed as SQL.
use strict;
use warnings;

use Cwd ();
use Digest::SHA qw(sha256_hex);
use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $directory = File::Temp::tempdir(CLEANUP => 1);
my @skip = ('--on-object-error=skip', '--object-errors-file');
my $top = Cwd::getcwd();
my $files = 0;
my ($code, $out, $err);

sub backed_up
{
	my ($database, $sql, @more) = @_;

	create_database($database);
	query($database, $sql);
	tool_ok([ 'backup', '--repo', $repo, '-d', $database ], "backup of $database");
	tool_ok([ 'verify', '--repo', $repo, $database ], "$database is verified");
	return;
}

# Restore with skip; gives the file of statements, and what was said.
sub restored
{
	my ($database, $errors, @more) = @_;
	my $file = "$directory/" . ++$files . '.sql';
	my ($code, $out, $err) = tool('restore', '--repo', $repo, $database, '--to', "${database}_r", @skip, $file, @more);

	is($code, $errors ? 1 : 0, "$database: exit code") or diag($err);
	if ($errors)
	{
		like($err, qr/error: database "${database}_r" was restored, incomplete: $errors error/, "$database: it is said");
		like($err, qr/HINT:.*\Q$file\E/, "$database: with the file");
		is(sprintf('%o', (stat $file)[2] & 07777), '600', "$database: a file for its owner alone");
	}
	else
	{
		ok(!-e $file, "$database: no file");
	}
	return ($errors ? read_bytes($file) : '', $err);
}

# The causes are gone: run the file.
sub run_file
{
	my ($database) = @_;
	my $said = `psql -XAtq -v ON_ERROR_STOP=1 -d ${database}_r -f $directory/$files.sql 2>&1`;

	is($?, 0, "$database: the file runs") or diag($said);
	return;
}

my $sql;

# ---- five databases
backed_up('fk', <<'SQL');
CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p); INSERT INTO p VALUES (1);
SET session_replication_role = replica; INSERT INTO c VALUES (1, 1), (2, 99);
SQL
tool_fails([ 'restore', '--repo', $repo, 'fk', '--to', 'fk_r' ], 1, qr/c_p_fkey.*HINT:.*--on-object-error=skip/s, 'stop: the hint names skip');
ok(!grep({ $_ eq 'fk_r' } @{ database_names() }), 'and the database is removed');
($sql) = restored('fk', 1);
like($sql, qr/^-- FK CONSTRAINT public\.c c_p_fkey\n-- ERROR: .*\nALTER TABLE ONLY public\.c\n\s+ADD CONSTRAINT c_p_fkey FOREIGN KEY \(p\) REFERENCES public\.p\(id\);/m, 'the statement');
is(query('fk_r', 'SELECT count(*) FROM c'), 2, 'the rows');
query('fk_r', 'INSERT INTO p VALUES (99)');
run_file('fk');
is(query('fk_r', "SELECT convalidated FROM pg_constraint WHERE conname = 'c_p_fkey'"), 't', 'the key is there');

backed_up('dup', <<'SQL');
CREATE TABLE t (id int, v text); INSERT INTO t SELECT 1, repeat('x', 1000) FROM generate_series(1, 20000);
CREATE INDEX t_id ON t (id); UPDATE pg_index SET indisunique = true WHERE indexrelid = 't_id'::regclass;
CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1);
SQL
($sql) = restored('dup', 1, '-j', 3);
like($sql, qr/CREATE UNIQUE INDEX t_id/, 'duplicates under a unique index, which was to be built early');
is(query('dup_r', 'SELECT count(*) FROM t'), 20000, 'no row is missing');
is(query('dup_r', "SELECT count(*) FROM pg_index WHERE indrelid = 'u'::regclass"), 1, 'other indexes are there');

backed_up('chk', <<'SQL');
CREATE TABLE a (n int); INSERT INTO a VALUES (0);
CREATE FUNCTION ok(x int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT x > (SELECT max(n) FROM public.a)';
CREATE TABLE b (x int CHECK (ok(x))); INSERT INTO b VALUES (5); UPDATE a SET n = 100;
-- One that is true as soon as the other table has its rows.
CREATE TABLE zz (n int); INSERT INTO zz VALUES (7);
CREATE FUNCTION known(x int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM public.zz WHERE n = x)';
CREATE TABLE aa (x int CHECK (known(x))); INSERT INTO aa SELECT 7 FROM generate_series(1, 1000);
SQL
# One connection: what a CHECK sees depends on which table is filled first.
($sql, $err) = restored('chk', 1, '-j', 1);
like($sql, qr/ALTER TABLE public\.b ADD CONSTRAINT b_x_check CHECK \(public\.ok\(x\)\);/, 'a CHECK of another table');
is(query('chk_r', 'SELECT (SELECT count(*) FROM b), (SELECT count(*) FROM aa)'), '1|1000', 'rows of both');
is(query('chk_r', "SELECT count(*) FROM pg_constraint WHERE conrelid = 'aa'::regclass"), 1, 'the other CHECK stayed');
query('chk_r', 'UPDATE a SET n = 0');
run_file('chk');

backed_up('fn', <<'SQL');
CREATE FUNCTION pth(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN lower_it(x); END';
CREATE FUNCTION lower_it(x text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(x)';
CREATE TABLE e (v text); INSERT INTO e VALUES ('A'); CREATE INDEX e_pth ON e (pth(v));
CREATE TABLE g (v text CHECK (pth(v) <> 'b'), w text GENERATED ALWAYS AS (pth(v)) STORED); INSERT INTO g VALUES ('C');
CREATE MATERIALIZED VIEW m AS SELECT pth(v) FROM e;
-- With the path in the session these names would mean others.
CREATE FUNCTION lower(x varchar) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'mine' $$;
CREATE TABLE f (v varchar); INSERT INTO f VALUES ('F');
CREATE INDEX f_lower ON f (pg_catalog.lower(v::text), pth(v::text));
SQL
restored('fn', 0);
is(query('fn_r', 'SELECT w FROM g'), 'c', 'a generated column whose function needs a search_path');
is(query('fn_r', "SELECT count(*) FROM pg_indexes WHERE indexname IN ('e_pth', 'f_lower')"), 2, 'an index');
is(query('fn_r', 'SELECT * FROM m'), 'a', 'a materialized view');
is(query('fn_r', "SELECT count(*) FROM pg_proc WHERE oid >= 16384 AND proconfig IS NOT NULL"), 0, 'no function has a path of its own now');
is(query('fn_r', "SELECT pg_get_indexdef('f_lower'::regclass) ~ 'public\\.lower'"), 'f', 'built-in functions stay what they are');

query('postgres', 'CREATE ROLE app; CREATE ROLE reader');
backed_up('role', <<'SQL');
CREATE TABLE t (x int); INSERT INTO t VALUES (1); ALTER TABLE t OWNER TO app; GRANT SELECT ON t TO reader, app;
CREATE POLICY mine ON t TO reader USING (true);
ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO reader;
SELECT lo_from_bytea(4711, '\x00ff'); ALTER LARGE OBJECT 4711 OWNER TO app; GRANT SELECT ON LARGE OBJECT 4711 TO reader;
ALTER DATABASE role SET work_mem = '5MB'; ALTER ROLE reader IN DATABASE role SET work_mem = '6MB'; GRANT CREATE ON DATABASE role TO reader;
CREATE SEQUENCE s; SELECT setval('s', 41);
SQL
query('role', 'DROP OWNED BY reader; DROP OWNED BY app; DROP ROLE app; DROP ROLE reader');
($sql) = restored('role', qr/\d+/);
is(query('role_r', "SELECT x, nextval('s'), lo_get(4711) FROM t"), '1|42|\x00ff', 'rows, sequence and large object, whose owner is not there');
is(query('role_r', 'SHOW work_mem'), '5MB', 'and the settings of the database');
like($sql, qr/ALTER TABLE public\.t OWNER TO app;/, 'the owner is in the file');
like($sql, qr/ALTER LARGE OBJECT 4711 OWNER TO app;/, 'that of a large object, too');
query('postgres', 'CREATE ROLE app; CREATE ROLE reader');
run_file('role');
is(query('role_r', "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), 'app', 'and runs');

# ---- an extension that is not installed; one that works in one database only
SKIP:
{
	my $config = $ENV{PG_CONFIG} || 'pg_config';
	chomp(my $share = `"$config" --sharedir`);
	my $extension = "$share/extension/nexb_gone";

	skip 'no extension can be installed here', 25 unless -w "$share/extension";
	write_bytes("$extension.control", "default_version = '1'\nrelocatable = true\n");
	write_bytes("$extension--1.sql", "CREATE TYPE gone AS (a int);");
	write_bytes("$share/extension/nexb_bound.control", "default_version = '1'\nrelocatable = true\n");
	write_bytes("$share/extension/nexb_bound--1.sql", <<'SQL');
DO $$ BEGIN IF current_database() <> 'bound' THEN
RAISE 'can only create extension in database bound' USING HINT = 'Set bound.database_name.'; END IF; END $$;
CREATE TABLE bound_job (id int); SELECT pg_catalog.pg_extension_config_dump('bound_job', '');
SQL
	backed_up('ext', 'CREATE EXTENSION nexb_gone; CREATE TABLE h (x gone, y int); INSERT INTO h VALUES (ROW(1), 2);
		CREATE TABLE i (y int PRIMARY KEY); INSERT INTO i VALUES (3)');
	rename("$extension.control", "$extension.away");
	($sql, $err) = restored('ext', qr/\d+/);
	is(query('ext_r', 'SELECT y FROM i'), 3, 'what does not need the extension is there');
	like($err, qr/warning: could not restore 1 row of table public\.h: /, 'whose rows are not there is said');
	like($err, qr/, 1 row missing$/m, 'and counted');
	like($sql, qr/^-- 1 row is missing: nex_backup cat ext\/\S+ .* --append$/m, 'and how they come');
	rename("$extension.away", "$extension.control");
	run_file('ext');
	tool_ok([ 'restore', '--repo', $repo, 'ext', '--to', 'ext_r', '--append', '--table', 'h' ], 'the rows');
	is(query('ext_r', 'SELECT x, y FROM h'), '(1)|2', 'are there');

	create_database('bound');
	query('bound', 'CREATE EXTENSION nexb_bound; INSERT INTO bound_job VALUES (8); CREATE TABLE t AS SELECT 1 AS i');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'bound' ], 'a database whose extension is bound to it');
	tool_fails([ 'restore', '--repo', $repo, 'bound', '--drop', '--yes' ], 1,
		qr/HINT:  If the extension works in a database of one name only: /, 'the hint');
	query('postgres', 'ALTER DATABASE bound RENAME TO bound_before');
	tool_ok([ 'restore', '--repo', $repo, 'bound' ], 'works');
	is(query('bound', 'SELECT id FROM bound_job'), 8, 'with the rows of the extension');

	# A table that takes fewer rows than it is sent: only an extension's has a trigger so early.
	write_bytes("$share/extension/nexb_bound_drops.control", "default_version = '1'\nrelocatable = true\n");
	write_bytes("$share/extension/nexb_bound_drops--1.sql", <<'SQL');
CREATE TABLE setting (id int); SELECT pg_catalog.pg_extension_config_dump('setting', '');
CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN NEW.id > 1 THEN NULL ELSE NEW END; END';
CREATE TRIGGER drop_it BEFORE INSERT ON setting FOR EACH ROW EXECUTE FUNCTION drop_it();
SQL
	backed_up('drops', 'CREATE EXTENSION nexb_bound_drops; SET session_replication_role = replica; INSERT INTO setting VALUES (1), (2)');
	tool_fails([ 'restore', '--repo', $repo, 'drops', '--to', 'drops_r' ], 3, qr/the server took 1 rows of table "setting" instead of 2/, 'rows that a table swallows are missed');
	(undef, $err) = restored('drops', 1);
	like($err, qr/warning: could not restore 2 rows of table public\.setting: the server took 1 rows instead of 2/, 'also with skip');
	is(query('drops_r', 'SELECT count(*) FROM setting'), 0, 'where a table has all of its rows or none');
	unlink("$extension.control", "$extension--1.sql", glob("$share/extension/nexb_bound*"));
}

# ---- more that refuses
backed_up('odd', <<'SQL');
CREATE DOMAIN soon AS timestamptz CHECK (VALUE > now()); CREATE TABLE d (x soon); INSERT INTO d VALUES (now() + '1 s');
CREATE TABLE promo (id int, ends timestamptz CHECK (ends > now())); INSERT INTO promo VALUES (1, now() + '1 s');
CREATE TABLE base (ends timestamptz, CONSTRAINT later CHECK (ends > now())); CREATE TABLE child () INHERITS (base);
INSERT INTO child VALUES (now() + '1 s'); INSERT INTO base VALUES ('infinity');
CREATE FUNCTION side(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x % 2';
CREATE TABLE parted (x int) PARTITION BY LIST (side(x));
CREATE TABLE even PARTITION OF parted FOR VALUES IN (0); CREATE TABLE uneven PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted VALUES (2), (3);
CREATE OR REPLACE FUNCTION side(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT (x + 1) % 2';
CREATE TABLE nn (x int); INSERT INTO nn VALUES (NULL); UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'nn'::regclass AND attname = 'x';
CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER ev ON ddl_command_start EXECUTE FUNCTION no();
CREATE FUNCTION at_home() RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF current_database() <> 'odd' THEN RAISE E'not\nat home'; END IF; RETURN 1; END $$;
CREATE MATERIALIZED VIEW mv AS SELECT at_home() AS one; CREATE UNIQUE INDEX ON mv (one);
CREATE STATISTICS st ON (abs(x)) , x FROM nn; CREATE PUBLICATION pub FOR ALL TABLES;
CREATE VIEW v AS SELECT * FROM mv; COMMENT ON VIEW v IS 'kept';
SELECT pg_sleep(1.5);
SQL
($sql, $err) = restored('odd', qr/\d+/, '-j', 2);
is(query('odd_r', 'SELECT (SELECT count(*) FROM d), (SELECT count(*) FROM promo), (SELECT count(*) FROM base), (SELECT count(*) FROM even), (SELECT count(*) FROM uneven), (SELECT count(*) FROM nn)'),
	'1|1|2|1|1|1', 'all rows are there');
like($sql, qr/ALTER DOMAIN public\.soon ADD CONSTRAINT soon_check/, 'a domain with now()');
like($sql, qr/ALTER TABLE public\.base ADD CONSTRAINT later/, 'a CHECK that is inherited');
like($sql, qr/ALTER TABLE ONLY public\.parted ATTACH PARTITION public\.even FOR VALUES IN \(0\)/, 'a partition');
like($sql, qr/ALTER TABLE ONLY public\.nn ALTER COLUMN x SET NOT NULL/, 'NOT NULL');
like($sql, qr/^-- ERROR: not\\x0aat home/m, 'what the server says is one line of comment');
like($sql, qr/^REFRESH MATERIALIZED VIEW public\.mv;/m, 'a materialized view');
is(query('odd_r', "SELECT count(*) FROM pg_event_trigger UNION ALL SELECT count(*) FROM pg_publication UNION ALL SELECT count(*) FROM pg_statistic_ext"), "1\n1\n1", 'everything else is there');
is(query('odd_r', "SELECT obj_description('v'::regclass)"), 'kept', 'with comments');
is(query('postgres', "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'odd_r'"), '', 'the database is not marked');

# ---- the sum of all rows is compared as well
{
	my ($manifest) = glob("$repo/backups/fn/*.json");
	my $original = read_bytes($manifest);
	my $text = $original;

	$text =~ s/("totals": \{[^}]*"rows":)(\d+)/$1 . ($2 + 1)/e or die 'no total';
	$text =~ s/,\n"seal": "[0-9a-f]+"\n\}\n\z// or die 'no seal';
	write_bytes($manifest, "$text,\n\"seal\": \"" . sha256_hex($text) . "\"\n}\n");
	tool_fails([ 'restore', '--repo', $repo, 'fn', '--to', 'fn_sum', '--on-object-error=skip' ], 3, qr/totals are not the sums/, 'a manifest whose total is another');
	write_bytes($manifest, $original);
}

# ---- JSON; a file is never overwritten; names of files
{
	my $file = "$directory/" . ++$files . '.sql';
	my $json = tool_json('restore', '--repo', $repo, 'fk', '--to', 'fk_json', @skip, $file);

	is($json->{incomplete}, JSON::PP::true(), 'JSON: incomplete');
	is($json->{object_errors_file}, $file, 'JSON: file');
	is(scalar @{ $json->{object_errors} }, 1, 'JSON: errors');
	is($json->{object_errors}[0]{object}, 'FK CONSTRAINT public.c c_p_fkey', 'JSON: object');
	like($json->{object_errors}[0]{statement}, qr/^ALTER TABLE ONLY/, 'JSON: statement');
	like($json->{object_errors}[0]{error}, qr/violates foreign key/, 'JSON: error');
	tool_fails([ 'restore', '--repo', $repo, 'fk', '--to', 'fk_again', @skip, $file ], 1,
		qr/file "\Q$file\E" exists already.*HINT/s, 'a file that exists');
	ok(!grep({ $_ eq 'fk_again' } @{ database_names() }), 'is seen before anything is created');
	tool_fails([ 'restore', '--repo', $repo, 'fk', '--to', 'fk_again', @skip, "$directory/none/x.sql" ], 1,
		qr/cannot write.*HINT/s, 'and a directory that is not there');
	chdir($directory);
	tool('restore', '--repo', $repo, 'fk', '--to', 'a/b', '--on-object-error=skip');
	tool('restore', '--repo', $repo, 'fk', '--to', 'a/b', '--drop', '--yes', '--on-object-error=skip');
	my @names = sort glob('a*object_errors*.sql');
	chdir($top);
	is(scalar @names, 2, 'a name of its own for each run') or diag("@names");
	like($names[0], qr/^a%2[Ff]b_.*_object_errors\.sql$/, 'in the current directory');
	is(tool_json('restore', '--repo', $repo, 'fn', '--to', 'fn_json', '--on-object-error=skip')->{incomplete}, JSON::PP::false(), 'JSON: complete');
}

# ---- --drop: the live database stays
query('fk', 'CREATE TABLE live ()');
($code, $out, $err) = tool('restore', '--repo', $repo, 'fk', '--drop', '--yes', @skip, "$directory/drop.sql");
is($code, 1, 'an incomplete one with --drop');
is(query('fk', "SELECT to_regclass('live') IS NOT NULL"), 't', 'does not replace the live one');
like($err, qr/the incomplete database is kept as "fk_restore_\w+"; database "fk" is as it was/, 'but is kept');
like($out, qr/restored fk\/\w+, incomplete, into database "fk_restore_/, 'under its working name');
my ($commands) = $err =~ /put it in place of the live one: (.*)$/m;
query('postgres', $commands);
is(query('fk', "SELECT to_regclass('live') IS NULL, count(*) FROM c"), 't|2', 'and the commands put it in place');

# ---- parts; what is one transaction
($code, $out, $err) = tool('restore', '--repo', $repo, 'fk', '--to', 'part', '--table', 'c', '--table', 'p', @skip, "$directory/part.sql");
is($code, 1, 'a part');
is(query('part', 'SELECT count(*) FROM c'), 2, 'has its rows');
tool_fails([ 'restore', '--repo', $repo, 'fk', '--to', 'part', '--append', '--on-object-error=skip' ], 2, qr/do not go together/, '--append is all or nothing');
tool_fails([ 'restore', '--repo', $repo, 'fk', '--to', 'odd', '--table', 'c', '--on-object-error=skip' ], 2, qr/one transaction.*HINT/s, 'so is a part into a database that exists');
tool_fails([ 'restore', '--repo', $repo, 'fk', '--to', 'part', '--object-errors-file=x' ], 2, qr/needs/, 'a file without skip');

# ---- rights: code of tenants has no more of them than its owner
query('postgres', 'CREATE ROLE eve');
backed_up('tenants', <<'SQL');
CREATE SCHEMA app AUTHORIZATION app; CREATE SCHEMA trap; GRANT ALL ON SCHEMA trap TO eve;
ALTER DATABASE tenants SET search_path = trap, public; ALTER ROLE app IN DATABASE tenants SET search_path = app;
SET ROLE app;
CREATE TABLE app.seen (who name);
CREATE FUNCTION app.help(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
'BEGIN INSERT INTO app.seen VALUES (current_user); RETURN x; EXCEPTION WHEN read_only_sql_transaction OR feature_not_supported THEN RETURN x; END';
ALTER FUNCTION app.help VOLATILE;
CREATE FUNCTION app.use(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN help(x); END';
SET search_path = app;
CREATE TABLE app.t (x int, y int GENERATED ALWAYS AS (app.use(x)) STORED); INSERT INTO app.t VALUES (1); TRUNCATE app.seen;
RESET ROLE; SET ROLE eve;
CREATE TABLE trap.seen (who name);
CREATE FUNCTION trap.check_it(x int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN INSERT INTO trap.seen VALUES (current_user); RETURN true; END';
RESET ROLE;
SET search_path = trap, public;
CREATE FUNCTION public.outer_check(x int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN check_it(x); END';
CREATE TABLE public.precious (x int CHECK (public.outer_check(x))); INSERT INTO public.precious VALUES (5); TRUNCATE trap.seen;
SQL
($sql, $err) = restored('tenants', 1);
is(query('tenants_r', 'SELECT x, y FROM app.t'), '1|1', 'a table of an ordinary role is filled with its search_path');
is(query('tenants_r', 'SELECT string_agg(DISTINCT who, $$,$$) FROM app.seen'), 'app', 'and with its rights');
is(query('tenants_r', 'SELECT x FROM precious'), 5, 'one of a superuser is filled');
is(query('tenants_r', 'SELECT count(*) FROM trap.seen'), 0, 'but runs nothing that others have put into the search_path');
like($sql, qr/ADD CONSTRAINT precious_x_check/, 'its CHECK is listed instead');

# ---- --all: one after the other
my $cluster = new_repository('cluster');
tool_ok([ 'backup', '--repo', $cluster, '-d', $_ ], "backup of $_") for 'dup', 'fn';
query('postgres', "DROP DATABASE $_") for 'dup', 'fn';
# A restore of all that was killed has left this one.
create_database('dup');
query('dup', 'CREATE TABLE t (x int)');
query('postgres', 'ALTER DATABASE dup CONNECTION LIMIT 0');
query('postgres', "COMMENT ON DATABASE dup IS 'nex_backup: restore of dup/" . latest_id($cluster, 'dup') . " in progress since 2026-01-01T00:00:00Z, session 1.1'");
chdir($directory);
($code, $out, $err) = tool('restore', '--all', '--no-globals', '--repo', $cluster, '--on-object-error=skip');
chdir($top);
is($code, 1, '--all with one that is incomplete');
is(query('dup', 'SELECT count(*) FROM t'), 20000, 'which has its rows');
is(query('fn', 'SELECT w FROM g'), 'c', 'and so has the other');
like("$out$err", qr/dup.*incomplete/, 'it is said');
like($out, qr/^ dup +\| incomplete +\|.* 20,001 /m, 'the table has its result and its rows');
like($err, qr/1 of 2 restores are incomplete\nHINT: .*name the statements/, 'it did not fail');
like($err, qr/removed database "dup", which an earlier restore has left incomplete/, 'what a killed one left is no obstacle');

# What the server lacks is known before anything is loaded.
{
	my $place = File::Temp::tempdir(CLEANUP => 1);
	create_database('needs');
	query('postgres', "CREATE TABLESPACE \"far away\" LOCATION '$place'");
	query('needs', <<'SQL');
CREATE ROLE "Own er"; CREATE ROLE grantee; CREATE ROLE later; CREATE ROLE "to"; CREATE ROLE db_reader; CREATE ROLE fine;
CREATE TABLE t AS SELECT 1 AS i;
CREATE TABLE far TABLESPACE "far away" AS SELECT 1 AS i;
ALTER TABLE t OWNER TO "Own er";
GRANT SELECT (i) ON t TO grantee WITH GRANT OPTION;
GRANT SELECT ON t TO PUBLIC, fine;
ALTER DEFAULT PRIVILEGES FOR ROLE later GRANT SELECT ON TABLES TO fine;
ALTER ROLE "to" IN DATABASE needs SET search_path TO nobody, public;
ALTER DATABASE needs SET search_path TO somebody;
GRANT CREATE ON DATABASE needs TO db_reader;
CREATE ROLE "map ped"; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR "map ped" SERVER s; CREATE USER MAPPING FOR PUBLIC SERVER s;
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'needs' ], 'backup');
	query('postgres', $_) for 'DROP DATABASE needs', 'DROP TABLESPACE "far away"';
	query('postgres', "DROP ROLE $_") for '"Own er"', 'grantee', 'later', '"to"', 'db_reader', '"map ped"';
	my @needs = ('restore', '--repo', $repo, 'needs', '--to', 'needs_r');
	my $roles = qr/error: the backup needs roles that this server does not have: "Own er", "db_reader", "grantee", "later", "map ped" and 1 more\nHINT:  .*globals restore.*--no-owner.*--on-object-error=skip/;
	my $spaces = qr/error: the backup needs tablespaces that this server does not have: "far away"\nHINT:  .*--no-tablespaces.*--on-object-error=skip/;
	tool_fails(\@needs, 1, $roles, 'all roles that are missing are named');
	unlike(query('postgres', 'SELECT string_agg(datname, \' \') FROM pg_database'), qr/needs/, 'no database was made');
	tool_fails([ @needs, '--no-owner' ], 1, qr/roles that this server does not have: "db_reader", "grantee", "later", "map ped", "to"\n/, 'without owners fewer');
	tool_fails([ @needs, '--no-owner', '--no-privileges' ], 1, qr/does not have: "map ped", "to"\n/, 'a setting and a user mapping need their roles in any case');
	query('postgres', 'CREATE ROLE "to"; CREATE ROLE "map ped"');
	tool_fails([ @needs, '--no-owner', '--no-privileges' ], 1, $spaces, 'then the tablespace');
	tool_ok([ @needs, '--no-owner', '--no-privileges', '--no-tablespaces' ], 'without all of them');
	is(query('needs_r', 'SELECT count(*) FROM public.t, public.far'), 1, 'the rows are there');
	query('postgres', 'DROP ROLE "to"');
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'needs', '--to', 'needs_s', '--on-object-error=skip', '--object-errors-file', "$place/errors.sql",
		'--no-tablespaces');
	is($code, 1, 'with skip it is incomplete') or diag($err);
	like($err, qr/could not restore settings of roles in the database: role "to" does not exist \(ALTER ROLE "to" IN DATABASE needs_s SET search_path .*\)$/m,
		'the server\'s message, and of what');
	like($err, qr/could not restore settings and grants of the database: role "db_reader" does not exist \(GRANT CREATE ON DATABASE needs_s TO db_reader;?\)$/m,
		'which statement of the database');
	like(read_bytes("$place/errors.sql"), qr/^-- ERROR: role "to" does not exist$/m, 'so does the file');
	is(query('needs_s', 'SELECT count(*) FROM public.t, public.far'), 1, 'with all rows');
}

done_testing();
