# Databases of other encodings, locales and locale providers; money.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

# A locale whose money is written otherwise, made for this test, where the system can.
my $locales = File::Temp::tempdir(CLEANUP => 1);
my $why = make_locale('de_DE', 'UTF-8', 'de_DE.UTF-8');
chmod 0755, $locales;
local $ENV{LOCPATH} = $locales unless defined $why;

my $node = start_server('main');

plan skip_all => 'needs PostgreSQL 15 or later' if $node->pg_version < 15;

my $repo = new_repository();
my @two = ($modes[1], $modes[3]);

sub make_locale
{
	my ($definition, $charmap, $name) = @_;
	my $out;

	return 'there are no locale definitions in /usr/share/i18n' unless -e "/usr/share/i18n/locales/$definition";
	eval { IPC::Run::run([ 'localedef', '-i', $definition, '-f', $charmap, "$locales/$name" ], '>', \$out, '2>&1'); };
	# glibc falls back to this place for the locales that are there already.
	return -d "$locales/$name" ? undef : "localedef made nothing: " . ($out // $@);
}

# A database with these words after CREATE DATABASE, or why there is none.
sub database_like
{
	my ($name, $words) = @_;

	return eval { query('postgres', "CREATE DATABASE $name TEMPLATE template0 $words"); 1 } ? undef : $@;
}

# ---------------------------------------------------------------- encodings

subtest 'P23: a SQL_ASCII database with bytes that are no text in any encoding' => sub {
	is(database_like('ascii', "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"), undef, 'created');
	query('ascii', <<"SQL");
SET client_encoding = SQL_ASCII;
CREATE TABLE t (id integer, v text);
INSERT INTO t SELECT g, convert_from(decode(lpad(to_hex(g), 2, '0'), 'hex'), 'SQL_ASCII') FROM generate_series(1, 255) g;
CREATE TABLE "name \xe4\xff" ("column \xfe" text DEFAULT '\xe9');
INSERT INTO "name \xe4\xff" VALUES ('\xc3'), ('\xc3\xa4'), ('\\\xff');
COMMENT ON TABLE t IS '\xff\xfe';
CREATE INDEX "\xc0" ON t (v);
SQL
	oracle($repo, 'ascii', modes => \@two);
};
subtest 'P23: a LATIN1 database' => sub {
	is(database_like('latin', "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"), undef, 'created');
	query('latin', <<"SQL");
SET client_encoding = LATIN1;
CREATE TABLE "T\xe4belle" (id integer, "\xdcml\xe4ut" text);
INSERT INTO "T\xe4belle" SELECT g, chr(g) FROM generate_series(1, 255) g;
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''\xe9''::text';
COMMENT ON FUNCTION f() IS '\xff';
SQL
	oracle($repo, 'latin', modes => \@two);
	create_database('latin_as_utf8');
	tool_ok([ 'restore', '--repo', $repo, 'latin', '--to', 'latin_as_utf8' ], 'into an empty database of another encoding');
	is(query('latin_as_utf8', qq(SELECT count(*), md5(string_agg(convert_to("\xc3\x9cml\xc3\xa4ut", 'LATIN1')::text, ',' ORDER BY id)) FROM "T\xc3\xa4belle" WHERE id > 127)),
		query('latin', qq(SET client_encoding = LATIN1; SELECT count(*), md5(string_agg(convert_to("\xdcml\xe4ut", 'LATIN1')::text, ',' ORDER BY id)) FROM "T\xe4belle" WHERE id > 127)),
		'the same characters');
};
subtest 'P23: EUC_JP, an encoding of several bytes a character' => sub {
	is(database_like('euc', "ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C'"), undef, 'created');
	query('euc', "SET client_encoding = UTF8; CREATE TABLE \"\xe5\x90\x8d\" (v text); INSERT INTO \"\xe5\x90\x8d\" VALUES ('\xe6\x97\xa5\xe6\x9c\xac\\'), ('\\.')");
	oracle($repo, 'euc', modes => \@two);
};

# ------------------------------------------------------------------ locales

subtest 'P42: a database of the ICU provider, with settings, grants and a comment' => sub {
	my $no_icu = database_like('icu', "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'");

	plan skip_all => "no ICU here: $no_icu" if defined $no_icu;
	query('icu', <<'SQL');
CREATE COLLATION numeric_order (provider = icu, locale = 'en-u-kn-true');
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION plain (provider = libc, locale = 'C');
CREATE TABLE t (v text PRIMARY KEY, n text COLLATE numeric_order, c text COLLATE caseless UNIQUE, p text COLLATE plain);
INSERT INTO t VALUES ('Ärger', 'a10', 'x', 'é'), ('Arg', 'a9', 'y', 'E'), ('Azur', 'a1', 'Z', 'z');
CREATE INDEX ON t (n);
CREATE TABLE parts (v text COLLATE caseless) PARTITION BY HASH (v);
CREATE TABLE part_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT chr(65 + g % 26) || g FROM generate_series(1, 50) g;
ALTER DATABASE icu SET work_mem = '9MB';
COMMENT ON DATABASE icu IS 'of ICU';
SQL
	my $restored = oracle($repo, 'icu', modes => \@two);
	is(query($_, 'SELECT string_agg(v, \',\' ORDER BY v) FROM t'), 'Ärger,Arg,Azur', "its order ($_)")
	  for $restored->{'4 jobs'};
	is(query('postgres', "SELECT datlocprovider, coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale') FROM pg_database d WHERE datname = '$restored->{'4 jobs'}'"),
		'i|de-u-co-phonebk', 'its locale');
};

# -------------------------------------------------------------------- money

subtest 'P26: money keeps its amount, whatever lc_monetary' => sub {
	plan skip_all => "no other locale here: $why" if defined $why;
	create_database('bank');
	query('bank', <<'SQL');
ALTER DATABASE bank SET lc_monetary = 'de_DE.UTF-8';
SQL
	query('bank', <<'SQL');
CREATE TABLE accounts (id integer, balance money DEFAULT '1.234,56', cheap boolean GENERATED ALWAYS AS (balance < '10,01'::money) STORED);
INSERT INTO accounts VALUES (1, '12,34'), (2, '-1.234.567,89'), (3, '92233720368547758,07');
INSERT INTO accounts (id) VALUES (4);
CREATE TABLE by_balance (b money) PARTITION BY RANGE (b);
CREATE TABLE little PARTITION OF by_balance FOR VALUES FROM ('0,00') TO ('99,99');
INSERT INTO by_balance VALUES ('99,98');
SQL
	is(query('bank', 'SELECT balance::numeric FROM accounts WHERE id = 1'), '12.34', 'it is another locale');
	my $restored = oracle($repo, 'bank', modes => \@two);
	for my $database (values %$restored)
	{
		is(query($database, 'SELECT string_agg(balance::numeric::text, \',\' ORDER BY id) FROM accounts'),
			'12.34,-1234567.89,92233720368547758.07,1234.56', "amounts ($database)");
		is(query($database, 'INSERT INTO accounts (id) VALUES (9) RETURNING balance::numeric'), '1234.56', "the default ($database)");
	}
};
# Any role can give itself settings in any database, from one of another encoding also such that are no text there.
create_database('victim');
query('victim', 'CREATE TABLE t AS SELECT 1 AS i');
query('postgres', q(CREATE ROLE planter LOGIN; CREATE DATABASE planted TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'));
query('planted', <<'SQL');
SET SESSION AUTHORIZATION planter;
SELECT set_config('search_path', convert_from('\xe9', 'SQL_ASCII'), false);
ALTER ROLE planter IN DATABASE victim SET search_path FROM CURRENT;
ALTER ROLE planter SET search_path FROM CURRENT;
ALTER ROLE planter IN DATABASE victim SET work_mem = '5MB';
ALTER ROLE planter SET work_mem = '6MB';
SQL
{
	my $settings_repo = new_repository();
	my ($code, $out, $err) = tool('backup', '--repo', $settings_repo, '-d', 'victim');

	is($code, 0, 'a setting that is no text does not keep a database of others from being backed up') or diag($err);
	like($err, qr/warning: a setting of role "planter" in this database is not valid text/, 'it is said whose it is');
	($code, $out, $err) = tool('globals', 'backup', '--repo', $settings_repo);
	is($code, 0, 'nor the globals') or diag($err);
	like($err, qr/warning: a setting of role "planter" is not valid UTF-8/, 'as well');
	tool_ok([ 'restore', '--repo', $settings_repo, 'victim', '--to', 'victim2' ], 'restore');
	is(query('postgres', q(SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'victim2')),
		'{work_mem=5MB}', 'the other settings are there');
	like(join('', map { tool('globals', 'export', '--repo', $settings_repo, '-o', "$settings_repo/../g.sql"); read_bytes("$settings_repo/../g.sql") } 1),
		qr/ALTER ROLE planter SET work_mem TO '6MB'/, 'in the globals, too');
	query('postgres', q(ALTER ROLE planter RESET ALL; ALTER ROLE planter IN DATABASE victim RESET ALL));
	query('planted', q(SET SESSION AUTHORIZATION planter; SELECT set_config('search_path', repeat('x', 300000), false);
		ALTER ROLE planter IN DATABASE victim SET search_path FROM CURRENT; ALTER ROLE planter SET search_path FROM CURRENT));
	($code, $out, $err) = tool('backup', '--repo', $settings_repo, '-d', 'victim');
	is($code, 0, 'nor a very large one') or diag($err);
	like($err, qr/warning: a setting of role "planter" in this database has, with the others there, more than 256 kB/, 'which is left out');
	my ($manifest) = reverse glob("$settings_repo/backups/victim/*.json");
	my ($archive) = grep { $_->{kind} eq 'archive' } @{ JSON::PP::decode_json(read_bytes($manifest))->{members} };
	cmp_ok($archive->{raw}, '<', 200_000, 'from the archive of pg_dump, too');
	($code, $out, $err) = tool('globals', 'backup', '--repo', $settings_repo);
	like($err, qr/warning: a setting of role "planter" has more than 256 kB/, 'from the globals, too');

	# Comments, names of roles and what names them likewise.
	my $shared_repo = new_repository();
	my $odd = q(convert_from('\x72e9', 'SQL_ASCII'));
	query('postgres', q(ALTER ROLE planter RESET ALL; ALTER ROLE planter IN DATABASE victim RESET ALL));
	query('planted', "DO \$\$ BEGIN EXECUTE format('COMMENT ON DATABASE victim IS %L', $odd); EXECUTE format('COMMENT ON ROLE planter IS %L', $odd);
		EXECUTE format('CREATE ROLE %I', $odd); EXECUTE format('GRANT CONNECT ON DATABASE victim TO %I', $odd); END \$\$");
	query('victim', q(DO $$ BEGIN EXECUTE format('GRANT SELECT ON t TO %s', (SELECT oid::regrole FROM pg_roles WHERE rolname LIKE 'r%' AND octet_length(rolname) = 2)); END $$));
	($code, $out, $err) = tool('backup', '--repo', $shared_repo, '-d', 'victim');
	is($code, 0, 'a comment and a grantee that are no text') or diag($err);
	like($err, qr/warning: $_ is not valid text in its encoding/, 'are left out') for 'the comment of the database', 'a privilege of role "r\\\\xe9" on the database';
	like($err, qr/warning: the name of role "r\\xe9", which owns or was granted something in this database, is not valid text/, 'or said');
	tool_fails([ 'globals', 'backup', '--repo', $shared_repo ], 1, qr/the name of role "r\\xe9" is not valid UTF-8.*HINT:  Rename it/s, 'of a name in the globals');
	query('planted', "DO \$\$ BEGIN EXECUTE format('REVOKE ALL ON DATABASE victim FROM %I', $odd); END \$\$");
	query('victim', 'DROP TABLE t; CREATE TABLE t AS SELECT 1 AS i');
	query('planted', "DO \$\$ BEGIN EXECUTE format('DROP ROLE %I', $odd); END \$\$");
	($code, $out, $err) = tool('globals', 'backup', '--repo', $shared_repo);
	is($code, 0, 'a comment in the globals') or diag($err);
	like($err, qr/warning: "COMMENT ON ROLE planter IS 'r.*" is not valid UTF-8, and is left out/, 'is left out');
	tool_ok([ 'backup', '--repo', $shared_repo, '-d', 'victim' ], 'a backup with such a comment');
	tool_ok([ 'verify', '--repo', $shared_repo ], 'verifies');
	tool_ok([ 'restore', '--repo', $shared_repo, 'victim', '--to', 'victim3' ], 'and is restored');
	tool_ok([ 'globals', 'restore', '--repo', $shared_repo, '--yes' ], 'so are the globals');
	query('postgres', 'DROP DATABASE victim3');

	# So large that pg_dump needs much memory, or more than there is.
	query('planted', q(SET SESSION AUTHORIZATION planter; SELECT set_config('search_path', repeat('x', 40000000), false);
		ALTER ROLE planter IN DATABASE victim SET search_path FROM CURRENT; ALTER ROLE planter SET search_path FROM CURRENT));
	for ([ 'pg_dump', 'backup', '-d', 'victim' ], [ 'pg_dumpall', 'globals', 'backup' ])
	{
		my ($program, @command) = @$_;
		my $small;

		($code, $out, $err) = tool(@command, '--repo', $settings_repo);
		is($code, 0, "@command: a huge setting") or diag($err);
		like($err, qr/warning: settings of roles.* have 38 MB, 38 MB of them those of role "planter", and $program.*\nHINT:  ALTER ROLE "?planter"? .*RESET ALL/,
			'is said before it is read');
		IPC::Run::run([ '/bin/bash', '-c', 'ulimit -v 150000; exec "$@"', 'bash', tool_path(), @command, '--repo', $settings_repo,
				'--catalogue', 'none' ], '<', \'', '>', \$out, '2>', \$small);
		is($? >> 8, 1, 'without the memory for it') or diag($small);
		like($small, qr/error: $program needs more memory for settings of roles than the 146 MB .*\nHINT:  ALTER ROLE "?planter"? .*RESET ALL/s,
			'the program is not started');
	}
	query('postgres', 'ALTER ROLE planter RESET ALL; DROP DATABASE victim; DROP DATABASE victim2; DROP DATABASE planted; DROP ROLE planter');
}

# A database that is called like a line of pg_restore's listing.
create_database('TOC Entries: 7');
query('TOC Entries: 7', 'CREATE TABLE t AS SELECT 1 AS i');
{
	my $listed = new_repository();

	tool_ok([ 'backup', '--repo', $listed, '-d', 'TOC Entries: 7' ], 'backup of a database of an odd name');
	tool_ok([ 'restore', '--repo', $listed, 'TOC Entries: 7', '--to', 'listed' ], 'and its restore');
	is(query('listed', 'SELECT count(*) FROM t'), 1, 'with its rows');
	query('postgres', 'DROP DATABASE listed; DROP DATABASE "TOC Entries: 7"');
}

# A comment of the live database that another database's session wrote in its encoding is no obstacle.
{
	query('postgres', "CREATE DATABASE bytes_from TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'; CREATE DATABASE commented TEMPLATE template0; CREATE DATABASE taken TEMPLATE template0");
	query('commented', 'CREATE TABLE t AS SELECT 1 AS a');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'commented' ], 'backup');
	query('bytes_from', "SET client_encoding = LATIN1; COMMENT ON DATABASE $_ IS 'Gr\xfc\xdfe'") for 'commented', 'taken';
	for my $case ([ 'commented', '--drop', '--yes' ], [ 'commented', '--to', 'taken' ])
	{
		my ($code, $out, $err) = tool('restore', '--repo', $repo, @$case);

		is($code, 0, "@$case: restored") or diag($err);
		like($err, qr/warning: the comment of the present database is not valid text in the encoding of database "postgres", .* is not kept/, '... without the comment, which is said');
	}
	is(query('taken', 'SELECT a FROM t'), 1, '... with its rows');
}

done_testing();
