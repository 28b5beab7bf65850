# Backups of versions before 0.2.1 may hold SQL that somebody planted who could do no more than
# connect, or owned a sequence.  Nothing of it runs by itself, on no path.
use strict;
use warnings;

use Digest::SHA ();
use File::Temp ();
use JSON::PP ();
use MIME::Base64 ();
use NexBackup::Forge;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my @none = ('--catalogue', 'none');

query('postgres', 'CREATE ROLE eve LOGIN; CREATE ROLE joe LOGIN');
create_database('shop');
query('shop', <<'SQL');
CREATE TABLE x (a serial PRIMARY KEY, b text);
INSERT INTO x (b) SELECT i::text FROM generate_series(1, 100) i;
CREATE SEQUENCE "odd ""name"" \ it's";
ALTER DATABASE shop SET search_path = "$user", public;
ALTER DATABASE shop SET work_mem = '1MB';
ALTER DATABASE shop SET my.custom = 'a;b''c\d';
ALTER DATABASE shop CONNECTION LIMIT 17;
ALTER ROLE eve IN DATABASE shop SET search_path = "A b;c", "x""y";
ALTER ROLE eve IN DATABASE shop SET "DateStyle" = 'ISO, DMY';
COMMENT ON DATABASE shop IS 'it''s; -- \ fine';
GRANT CREATE ON DATABASE shop TO joe WITH GRANT OPTION;
SQL

sub is_super { return query('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = '$_[0]'") }

sub demote { query('postgres', "ALTER ROLE $_ NOSUPERUSER") for qw(eve joe); return }

sub settings_of
{
	return query('postgres', <<"SQL");
SELECT setrole::regrole, one FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase,
unnest(setconfig) one WHERE datname = '$_[0]' ORDER BY 1, 2;
SELECT datconnlimit, array(SELECT x::text FROM unnest(datacl) x ORDER BY 1), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '$_[0]'
SQL
}

# A statement of the member "database" as 0.1.0 and 0.2.0 wrote it.
sub old_statement
{
	my ($prefix, $suffix) = @_;

	s/'/''/g for $prefix, $suffix;
	my $body = "BEGIN EXECUTE pg_catalog.format('%s %I %s', '$prefix', pg_catalog.current_database(), '$suffix'); END";
	$body =~ s/'/''/g;
	return "DO '$body';\n";
}

# An archive as it was, with this number for its first entry.
sub numbered_archive
{
	my ($text, $number) = @_;
	my $archive = join '', map { MIME::Base64::decode_base64(s/^-- //r) } grep { m{^-- [A-Za-z0-9+/]+=*$} } split /\n/, $text;
	my $integer = sub { my ($at) = @_; return unpack('V', substr($archive, $at + 1, 4)) };
	my $at = 11 + (ord(substr($archive, 6, 1)) >= 15 ? 1 : 5) + 7 * 5;

	die 'no archive' if $archive !~ /^PGDMP\x01/;
	$at += 5 + $integer->($at) for 1 .. 3;
	$at += 5;
	die 'another archive' if substr($archive, $at, 1) ne "\0" || $integer->($at) > 100_000;
	substr($archive, $at + 1, 4) = pack 'V', $number;
	my $lines = MIME::Base64::encode_base64($archive, '');
	$lines =~ s/(.{1,72})/-- $1\n/g;
	return $lines;
}

# A fresh repository with one backup: the repository, and the backup's name in it.
sub backed_up
{
	my ($database) = @_;
	my $repo = new_repository();

	tool_ok([ 'backup', '--repo', $repo, '-d', $database, '--compress', 'none', @none ], 'backup');
	return ($repo, "backups/$database/" . latest_id($repo, $database));
}

# ----------------------------------------------------- what is as it should be

my ($repo, $backup) = backed_up('shop');
my $result = tool_json('verify', '--repo', $repo)->{backups}[0];
is_deeply($result->{unknown_sql}, [], 'verify finds nothing in a backup of this version');
is_deeply(tool_json('list', '--repo', $repo)->{backups}[0]{verified}{unknown_sql}, [], 'nor does the list');
unlike((tool('list', '--repo', $repo))[1], qr/UNKNOWN/, 'list without a mark');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'again', @none ], 'restore');
is(settings_of('again'), settings_of('shop'), 'settings, grants and comment are the same');
query('postgres', 'DROP DATABASE again');

# Memory goes by what an archive holds, not by the numbers in it: pg_restore takes eight bytes for each below the highest.
{
	my ($forged, $name) = backed_up('shop');

	forge_member($forged, $name, 'archive', numbered_archive(member_text($forged, $name, 'archive'), 1_000_000_000));
	for my $part ([], [ '--table', 'x' ])
	{
		my ($code, $out, $err) = tool('restore', '--repo', $forged, 'shop', '--to', 'again', @$part, @none);

		is($code, 3, "restore @$part of an archive with an entry 1,000,000,000");
		like($err, qr/has an entry with a number that pg_dump would not give it/, 'says so');
	}
	query('postgres', 'DROP DATABASE IF EXISTS again');
}

# A harmless backup of an old version: lists are raw.
my $harmless = join('',
	old_statement('ALTER DATABASE', 'CONNECTION LIMIT 17'),
	old_statement('ALTER DATABASE', q(SET search_path TO "$user", public)),
	old_statement('ALTER DATABASE', q(SET work_mem TO '1MB')),
	old_statement('ALTER DATABASE', q(SET "my.custom" TO E'a;b''c\\\\d')),
	old_statement('ALTER ROLE eve IN DATABASE', q(SET "DateStyle" TO 'ISO, DMY')),
	old_statement('ALTER ROLE eve IN DATABASE', q(SET search_path TO "A b;c", "x""y")),
	old_statement('REVOKE ALL ON DATABASE', 'FROM PUBLIC'),
	old_statement('REVOKE ALL ON DATABASE', 'FROM postgres'),
	old_statement('GRANT CONNECT ON DATABASE', 'TO PUBLIC'),
	old_statement('GRANT TEMPORARY ON DATABASE', 'TO PUBLIC'),
	(map { old_statement("GRANT $_ ON DATABASE", 'TO postgres') } qw(CREATE TEMPORARY CONNECT)),
	old_statement('GRANT CREATE ON DATABASE', 'TO joe WITH GRANT OPTION'),
	old_statement('COMMENT ON DATABASE', q(IS E'it''s; -- \\\\ fine')));
my $owner = query('postgres', "SELECT quote_ident(pg_get_userbyid(datdba)) FROM pg_database WHERE datname = 'shop'");
$harmless =~ s/\bpostgres\b/$owner/g;
forge_member($repo, $backup, 'database', $harmless);
like((tool('doctor', '--repo', $repo))[1], qr/unknown SQL\s+database "shop": 1 backup made before 0\.2\.1 was not looked/,
	'doctor counts old backups that nobody has looked at');
tool_ok([ 'verify', '--repo', $repo ], 'verify of a harmless old backup');
unlike((tool('doctor', '--repo', $repo))[1], qr/unknown SQL/, 'then doctor is content');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'again', @none ], 'restore of a harmless old backup');
is(settings_of('again'), settings_of('shop'), 'with the same settings');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'bare', '--no-privileges', @none ], '--no-privileges');
is(query('postgres', "SELECT datacl FROM pg_database WHERE datname = 'bare'"), '', 'leaves the grants out');
query('postgres', 'DROP DATABASE again; DROP DATABASE bare');

# ------------------------------------------- settings of somebody who may connect

my $evil = old_statement('ALTER ROLE eve IN DATABASE',
	'SET search_path TO public;ALTER/**/ROLE/**/eve/**/SUPERUSER;--');
my $refusal = qr/member "database" of backup "shop\/\S+" holds SQL that nex_backup does not write\nDETAIL:  Line \d+: DO '.*  Not known from: ;ALTER/;

forge_member($repo, $backup, 'database', $harmless . $evil);
my $databases = join(',', @{ database_names() });

tool_fails([ 'restore', '--repo', $repo, 'shop', '--to', 'again', @none ], 3, $refusal, 'restore refuses');
like(
	tool_fails([ 'restore', '--repo', $repo, 'shop', '--drop', '--yes', @none ], 3, $refusal, '--drop refuses'),
	qr/HINT:.*--allow-unknown-sql/, 'with a hint');
my ($code, $out, $err) = tool('verify', '--repo', $repo);
is($code, 3, 'verify: exit code 3');
like($out, qr/: not damaged, but UNKNOWN SQL \(.*\n  member "database" holds 1 unknown SQL statement, line \d+: DO '/, 'and shows the statement');
like($err, $refusal, 'on stderr, too');
($code, $out, $err) = tool('verify', '--repo', $repo, '--allow-unknown-sql');
is($code, 0, 'verify --allow-unknown-sql: a warning');
like($err, qr/warning: the member "database"/, 'it says');
$result = tool_json('verify', '--repo', $repo)->{backups}[0];
is($result->{result}, 'ok', 'JSON: the backup is undamaged');
is_deeply([ @{ $result->{unknown_sql}[0] }{qw(member statements line)} ], [ 'database', 1, $harmless =~ tr/\n// + 1 ], 'JSON: where');
like((tool('list', '--repo', $repo))[1], qr/ok \d{4}-\d\d-\d\d, UNKNOWN SQL\n1 of these holds SQL/, 'list marks it');
is_deeply(tool_json('list', '--repo', $repo)->{backups}[0]{verified}{unknown_sql}, ['database'], 'JSON of list');
like(read_bytes("$repo/$backup.verified"), qr/"unknown_sql": \["database"\]/, 'the record says so');
like((tool('doctor', '--repo', $repo))[1], qr/unknown SQL\s+database "shop": 1 backup holds SQL/, 'doctor, too');
my $scratch = File::Temp::tempdir(CLEANUP => 1);
($code, $out, $err) = tool('export', '--repo', $repo, 'shop', '-o', "$scratch/shop.sql");
is($code, 3, 'export refuses');
like($err, $refusal, 'for the same reason');
ok(!glob("$scratch/shop.sql*"), 'and leaves no file');
($code, $out, $err) = tool('export', '--repo', $repo, 'shop', '-o', '-');
is($code, 3, 'nor to a pipe');
is($out, '', 'of which not a byte is written');
($code, $out, $err) = tool('export', '--repo', $repo, 'shop', '-o', "$scratch/shop.sql", '--allow-unknown-sql');
is($code, 0, 'export --allow-unknown-sql');
like($err, qr/warning: the member "database" of backup "\S+" holds 1 statement that nex_backup does not write, .*Line/, 'warns');
like(read_bytes("$scratch/shop.sql"), qr{public;ALTER/\*\*/ROLE}, 'and writes it, for a look');

# What RECOVER.txt tells to do by hand finds the same.
sub by_hand
{
	my ($kind) = @_;
	my $text = read_bytes("$repo/RECOVER.txt");
	my ($where) = $text =~ /^    (grep -E .*)$/m or die;
	my ($cut) = $text =~ /^    (sed .*OBJECT.*)$/m or die;
	my ($look) = $text =~ /^    (grep -anvE .*\Q@{[ $kind eq 'database' ? 'format' : 'setval' ]}\E.*)$/m or die;
	(my $id = $backup) =~ s{.*/}{};

	s{DATABASE/ID}{shop/$id} for $where, $cut;
	my ($object, $offset, $length) =
	  `cd $repo && $where` =~ /"$kind","object":(\d+),"offset":(\d+),"length":(\d+)/ or die;
	$cut =~ s/OBJECT/$object/;
	$cut =~ s/OFFSET/$offset/;
	$cut =~ s/LENGTH/$length/;
	$cut =~ s/zstd -dc/cat/;
	$cut =~ s/member\.sql/$scratch\/member.sql/;
	$look =~ s/member\.sql/$scratch\/member.sql/;
	system('bash', '-c', "cd $repo && $cut") == 0 or die;
	return `$look`;
}

like(by_hand('database'), qr{^\d+:.*public;ALTER/\*\*/ROLE}m, 'by hand it is found, too');
is(scalar(grep { !/COMMENT|my\.custom/ } split /\n/, by_hand('database')), 1, 'without what is quoted');
is(by_hand('sequences'), '', 'and the sequences are good');

# The same of a value that hides behind E'\', which psql reads as an open literal.
{
	my ($look) = read_bytes("$repo/RECOVER.txt") =~ /^    (grep -anvE .*setval.*)$/m or die;
	my $good = "SELECT pg_catalog.setval('public.s', 1, true);\nSELECT pg_catalog.setval(E'\"a\\\\\\\\b\\\\n''c\"', -2, false);\n";
	my $planted = "SELECT pg_catalog.setval(E'\\', 1, true);\n"
	  . "SELECT pg_catalog.setval('::text::regclass, 1, true) WHERE false; ALTER ROLE joe SUPERUSER; SELECT pg_catalog.setval(E', 1, true);\n";

	$look =~ s/member\.sql/$scratch\/planted.sql/;
	write_bytes("$scratch/planted.sql", $good =~ s/\\\\\\\\/\\\\/gr =~ s/\\\\n/\\n/r);
	is(`$look`, '', 'by hand: sequences whose names have backslashes are good');
	write_bytes("$scratch/planted.sql", $good . $planted);
	like(`$look`, qr/^3:/m, 'by hand: an open E literal is not');
}

# What RECOVER.txt says of semicolons: its own examples, and what could deceive the look or the rule.
{
	my $text = read_bytes("$repo/RECOVER.txt");
	my ($look) = $text =~ /^    (grep -anvE .*format.*)$/m or die;
	my ($fine, $bad) = $text =~ /Harmless.*?:\n\n {6}(DO .*?END';)\n.*Planted.*?:\n\n {6}(DO .*?END';)\n/s or die;

	$fine =~ s/^ {6}//m;
	$look =~ s/member\.sql/$scratch\/examples.sql/;
	# "Leave the values out, and no semicolon may be left but the two"
	my $semicolons = sub { my ($sql) = @_; $sql =~ s/''''([^']|'''''''')*''''//g; return $sql =~ tr/;// };
	my $prints = sub { write_bytes("$scratch/examples.sql", $_[0]); return `$look` ne '' };
	is($semicolons->($fine), 2, 'the rule finds the harmless example harmless');
	cmp_ok($semicolons->($bad), '>', 2, 'and the planted one planted');
	ok($prints->("$bad\n"), 'which the command prints');
	for my $value (q(SET my.list TO 'a; b''c;'), q(SET search_path TO "A b;c", public, "x""y;"), q(IS 'a;', 'b;'))
	{
		my $statement = old_statement('ALTER DATABASE', $value);
		ok(!$prints->($statement), "nothing of: $value");
		is($semicolons->($statement), 2, 'which the rule says, too') if $value !~ /"/;
	}
	my $do = 'ALTER ROLE eve SUPERUSER';
	for my $value ("SET search_path TO public;$do;--", "SET search_path TO public;$do;--'", "SET x TO 'a';$do;--'a'", "SET x TO \$\$'\$\$;$do;--'",
		"SET x TO /*'*/public;$do;--'", "SET x TO a--'\n;$do;--'", "SET x TO E'\\'';$do;--'", "SET x TO E'\\';$do;--'", "SET x TO \"'\";$do;--'",
		"SET x TO U&\"\\0022;$do;--\"", "SET x TO \$a\$', pg_catalog.current_database(), '\$a\$;$do;--'")
	{
		ok($prints->(old_statement('ALTER ROLE eve IN DATABASE', $value)), "printed: $value");
	}
}

# A part does not run that member.
tool_ok([ 'restore', '--repo', $repo, 'shop', '--table', 'x', '--to', 'part', @none ], 'a part is restored');
query('postgres', 'DROP DATABASE part');
is(join(',', @{ database_names() }), $databases, 'no database was left or replaced');
is(is_super('eve'), 'f', 'and eve is nobody');

# restore --all looks at all before it begins.
tool_ok([ 'globals', 'backup', '--repo', $repo, '--compress', 'none', @none ], 'globals');
{
	my $other = start_server('other');
	tool_fails([ 'restore', '--all', '--repo', $repo, @none ], 3, $refusal, '--all refuses');
	is(query('postgres', "SELECT count(*) FROM pg_roles WHERE rolname = 'eve'"), 0, 'before it creates a role');
	tool_fails([ 'restore', '--all', '--no-globals', '--repo', $repo, @none ], 3, $refusal, 'without globals, too');
	is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'shop'"), 0, 'or a database');
	tool_ok([ 'restore', '--all', '--repo', $repo, '--allow-unknown-sql', @none ], '--all --allow-unknown-sql');
	is(is_super('eve'), 't', 'runs it');
	$other->stop;
}
use_server($node);
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'again', '--allow-unknown-sql', @none ], '--allow-unknown-sql');
is(is_super('eve'), 't', 'runs what is unknown');
demote();
query('postgres', 'DROP DATABASE again');

# ---------------------------------------------------------- value of a sequence

($repo, $backup) = backed_up('shop');
my $sequences = member_text($repo, $backup, 'sequences');
(my $planted = $sequences) =~ s/\('public\.x_a_seq', \K100, true\);/1, true);\n\\! touch $scratch\/run\nALTER ROLE joe SUPERUSER;\nSELECT (1, true);/
  or die $sequences;
forge_member($repo, $backup, 'sequences', $planted);
$refusal = qr/member "sequences" of backup "shop\/\S+" holds SQL that nex_backup does not write\nDETAIL:  Line \d+: \\! touch/;

my @paths = (
	[ '--to', 'again' ],
	[ '--drop', '--yes' ],
	[ '--table', 'x', '--to', 'again' ],
	[ '--table', 'x', '--as', 'y', '--yes' ],
	[ '--table', 'x', '--as', 'y', '--to', 'again' ],
	[ '--exclude-table', 'nothing*', '--to', 'again' ],
	[ '--schema', 'public', '--to', 'again' ],
	[ '--table', 'x', '--append', '--on-conflict=skip', '--yes' ]);
for my $path (@paths)
{
	tool_fails([ 'restore', '--repo', $repo, 'shop', @$path, @none ], 3, $refusal, "restore @$path refuses");
}
tool_ok([ 'restore', '--repo', $repo, 'shop', '--schema-only', '--to', 'again', @none ], 'without rows it is not run');
query('postgres', 'DROP DATABASE again');
is((tool('verify', '--repo', $repo))[0], 3, 'verify shows it');
like(by_hand('sequences'), qr/^\d+:ALTER ROLE joe SUPERUSER;$/m, 'and so does a look by hand');
is(join(',', @{ database_names() }), $databases, 'no database was created');
is(query('shop', "SELECT to_regclass('y')"), '', 'and no table');
is(is_super('joe'), 'f', 'joe is nobody');

# Without the line of psql, which the server would not take.
$planted =~ s/^\\!.*\n//m;
forge_member($repo, $backup, 'sequences', $planted);
tool_fails([ 'restore', '--repo', $repo, 'shop', '--to', 'again', @none ], 3,
	qr/DETAIL:  Line \d+: ALTER ROLE joe SUPERUSER;/, 'refused without it, too');
($code, $out, $err) = tool('restore', '--repo', $repo, 'shop', '--table', 'x', '--to', 'part', '--allow-unknown-sql', @none);
is($code, 0, 'a part with --allow-unknown-sql');
like($err, qr/2 statements of unknown form in the member "sequences" left out/, 'leaves out what belongs to no sequence');
is(is_super('joe'), 'f', 'so joe is still nobody');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'again', '--allow-unknown-sql', @none ], 'a whole one');
is(is_super('joe'), 't', 'runs it');
demote();
query('postgres', 'DROP DATABASE again; DROP DATABASE part');
forge_member($repo, $backup, 'sequences', $sequences . "SELECT pg_catalog.setval('public.x_a_seq', 1, true);\n");
is((tool('verify', '--repo', $repo))[0], 3, 'a second value of a sequence');
tool_fails([ 'restore', '--repo', $repo, 'shop', '--to', 'again', @none ], 3, qr/a second value of this sequence/, 'is refused');
forge_member($repo, $backup, 'sequences', "SELECT pg_catalog.setval('public.x_a_seq', 100");
tool_fails([ 'restore', '--repo', $repo, 'shop', '--to', 'again', @none ], 3, qr/member "sequences"/, 'cut text is refused');
forge_member($repo, $backup, 'sequences', $sequences . "\0ALTER ROLE joe SUPERUSER;\n");
tool_fails([ 'restore', '--repo', $repo, 'shop', '--to', 'again', @none ], 3, qr/member "sequences"/, 'a zero byte is refused');

# ---------------------------------------------------- other files of a repository

($repo, $backup) = backed_up('shop');
tool_ok([ 'verify', '--repo', $repo ], 'verify');
my $record = read_bytes("$repo/$backup.verified");
for my $change (
	[ 'a record of more than 64 kB', sub { $_[0] =~ s/"bad": \[/'"bad": ["' . 'x' x 70000 . '"'/er } ],
	[ 'a time that is none', sub { $_[0] =~ s/"verified": "\K[^"]*/ok 2026\\u001b]0;x/r } ])
{
	reseal("$repo/$backup.verified", $change->[1]);
	tool_fails([ 'list', '--repo', $repo ], 3, qr/shop\/\S+\.verified" /, $change->[0]);
	write_bytes("$repo/$backup.verified", $record);
}
reseal("$repo/$backup.json", sub { $_[0] =~ s/"(collate|ctype)": ?\K"[^"]*"/null/gr });
($code, $out, $err) = tool('info', '--repo', $repo, 'shop');
is($code, 0, 'info of a manifest without collation') or diag($err);
like($out, qr/collate unknown, ctype unknown/, 'it says so');
unlike($out, qr/--lc-/, 'and leaves the options out');

# --------------------------------------------------------------------- globals

$repo = new_repository();
tool_ok([ 'globals', 'backup', '--repo', $repo, '--compress', 'none', @none ], 'globals backup');
my $list = tool_json('globals', 'list', '--repo', $repo);
$backup = "globals/$list->{backups}[0]{backup}";
my $globals = member_text($repo, $backup, 'globals');
tool_ok([ 'globals', 'restore', '--repo', $repo, @none ], 'globals restore');
for my $statement ('ALTER ROLE ALL SET search_path TO public;ALTER/**/ROLE/**/eve/**/SUPERUSER;--;',
	"-- User Config \"x\rALTER ROLE eve SUPERUSER;", 'DO $$BEGIN ALTER ROLE eve SUPERUSER; END$$;',
	"COMMENT ON ROLE eve IS E'\\'; ALTER ROLE eve SUPERUSER; --';")
{
	forge_member($repo, $backup, 'globals', "$globals$statement\n");
	tool_fails([ 'globals', 'restore', '--repo', $repo, @none ], 3,
		qr/member "globals" of backup "globals \S+" holds SQL that nex_backup does not write/, 'globals restore refuses');
	is((tool('globals', 'verify', '--repo', $repo))[0], 3, 'globals verify shows it');
	tool_fails([ 'globals', 'export', '--repo', $repo, '-o', "$scratch/globals.sql" ], 3, qr/HINT:.*"nex_backup globals export --allow/, 'export refuses');
}
is(is_super('eve'), 'f', 'eve is nobody');
tool_ok([ 'globals', 'restore', '--repo', $repo, '--allow-unknown-sql', '--existing-roles=keep', @none ],
	'--allow-unknown-sql');

# What pg_dumpall wrote before CVE-2025-8715 was fixed, of a role whose name has lines of its own; a name that the
# server cuts to that of another role.
query('postgres', "ALTER ROLE eve SET work_mem = '5MB'; CREATE ROLE " . 'r' x 63);
tool_ok([ 'globals', 'backup', '--repo', $repo, '--compress', 'none', @none ], 'globals with a setting');
$backup = 'globals/' . tool_json('globals', 'list', '--repo', $repo)->{backups}[-1]{backup};
$globals = member_text($repo, $backup, 'globals');
for my $statement ("ALTER ROLE eve WITH SUPERUSER;", 'ALTER ROLE ' . 'r' x 63 . 'x WITH SUPERUSER LOGIN;', 'CREATE ROLE mallory;')
{
	(my $planted = $globals) =~ s/^(?=ALTER ROLE eve SET)/-- User Config "x\n$statement\n--"\n\n/m or die;
	forge_member($repo, $backup, 'globals', $planted);
	is((tool('globals', 'verify', '--repo', $repo))[0], 3, "globals verify shows $statement");
	tool_fails([ 'globals', 'restore', '--repo', $repo, '--existing-roles=alter', @none ], 3, qr/DETAIL:  Line \d+: \Q$statement\E/, 'and restore refuses it');
}

# The program that writes it is a stand-in: the backup is not published.
{
	my $bin = "$scratch/bin";
	chomp(my $real = `pg_config --bindir`);
	my $major = int(query('postgres', 'SHOW server_version_num') / 10000);
	my %fixed = (14 => 19, 15 => 14, 16 => 10, 17 => 6);
	my $old = $major . '.' . (($fixed{$major} // 1) - 1);

	mkdir $bin or die;
	symlink("$real/$_", "$bin/$_") or die for qw(pg_dump pg_restore);
	write_bytes("$bin/pg_dumpall", <<"PROGRAM");
#!/bin/bash
if [ "\$1" = --version ]; then echo 'pg_dumpall (PostgreSQL) $old (old)'; exit; fi
set -o pipefail
"$real/pg_dumpall" "\$@" | sed 's/^ALTER ROLE eve SET/-- x\\nALTER ROLE eve WITH SUPERUSER;\\n&/'
PROGRAM
	chmod 0755, "$bin/pg_dumpall" or die;
	my $before = scalar @{ tool_json('globals', 'list', '--repo', $repo)->{backups} };
	tool_fails([ 'globals', 'backup', '--repo', $repo, '--pg-bindir', $bin, @none ], 3,
		qr/pg_dumpall wrote SQL of a form that is not known.*DETAIL:  Line \d+: ALTER ROLE eve WITH SUPERUSER;.*HINT:.*15\.14/s,
		'globals backup looks at what it has');
	is(scalar @{ tool_json('globals', 'list', '--repo', $repo)->{backups} }, $before, 'and publishes nothing');
	my $doctor = (tool('doctor', '--repo', $repo, '-d', 'postgres', '--pg-bindir', $bin))[1];
	if ($fixed{$major})
	{
		like($doctor, qr/warning +pg_dumpall +\S+ \(\Q$old\E\) writes names so that they can be SQL.*$major\.$fixed{$major} or later/s,
			'doctor warns of such a program');
	}
	else
	{
		like($doctor, qr/ok +pg_dumpall +\S+ \(\Q$old\E\)/, 'every minor release of this version has the fix');
	}
}
unlike((tool('doctor', '--repo', $repo, '-d', 'postgres'))[1], qr/CVE-2025-8715/, 'and not of this one');

# What roles get is said by name.
forge_member($repo, $backup, 'globals', $globals =~ s/^ALTER ROLE eve WITH \KNOSUPERUSER/SUPERUSER/mr =~ s/^(ALTER ROLE eve WITH .*)NOREPLICATION/$1REPLICATION/mr);
(undef, undef, $err) = tool('globals', 'restore', '--repo', $repo, '--existing-roles=alter', @none);
like($err, qr/role "eve" gets from the backup: SUPERUSER, REPLICATION$/m, 'a role that gets more than it has');
is(scalar(() = $err =~ /gets from the backup/g), 1, 'and no other');
query('postgres', 'ALTER ROLE eve NOSUPERUSER NOREPLICATION');

# Statements about roles that have no name.
forge_member($repo, $backup, 'globals', "ALTER ROLE ALL WITH NOLOGIN;\nCREATE ROLE;");
tool_fails([ 'globals', 'restore', '--repo', $repo, @none ], 3, qr/Line 1: ALTER ROLE ALL WITH NOLOGIN;/, 'no name: refused');
tool_fails([ 'globals', 'restore', '--repo', $repo, '--allow-unknown-sql', @none ], 1, qr/could not/, 'no name, allowed: an error');

# pg_dumpall writes an empty list, which any role can set for itself, so that it is not SQL; 0.2.0 left it.
query('postgres', 'ALTER ROLE eve RESET ALL');
forge_member($repo, $backup, 'globals', "$globals\nALTER ROLE eve SET search_path TO ;\nALTER ROLE eve SET temp_tablespaces TO ;\n");
is((tool('globals', 'verify', '--repo', $repo))[0], 0, 'an empty list is no unknown SQL');
tool_ok([ 'globals', 'restore', '--repo', $repo, '--existing-roles=keep', '--yes', @none ], 'globals with an empty list are restored');
query('postgres', 'DROP DATABASE IF EXISTS again');
query('postgres', 'REVOKE ALL ON DATABASE shop FROM joe; ALTER ROLE eve IN DATABASE shop RESET ALL; DROP ROLE eve');
tool_ok([ 'globals', 'restore', '--repo', $repo, '--existing-roles=keep', '--yes', @none ], 'and where the role is missing');
is(query('postgres', "SELECT array_agg(one ORDER BY one) FROM pg_db_role_setting, unnest(setconfig) one WHERE setrole = 'eve'::regrole AND setdatabase = 0 AND one !~ 'work_mem'"),
	'{search_path=,temp_tablespaces=}', 'as an empty list');

# A password is not shown.
forge_member($repo, $backup, 'globals', "$globals\nALTER ROLE eve WITH PASSWORD 'md5secret' SUPERUSER;\n");
$err = tool_fails([ 'globals', 'restore', '--repo', $repo, @none ], 3, qr/ALTER ROLE eve WITH PASSWORD/, 'a password');
unlike($err, qr/md5secret/, 'is not shown');

# ------------------------------------------------------------------- encrypted

my $key = "$scratch/key";
tool_ok([ 'keygen', '--symmetric', '-o', $key ], 'a key');
my $sealed = "$scratch/sealed";
my @state = ('--state-dir', "$scratch/state");
tool_ok([ 'init', '--repo', $sealed, '--key-file', $key, @state ], 'encrypted repository');
tool_ok([ 'backup', '--repo', $sealed, '-d', 'shop', '--key-file', $key, @state, @none ], 'encrypted backup');
is(tool_json('verify', '--repo', $sealed, @state)->{backups}[0]{unknown_sql}, undef, 'without a key nobody can look');
is_deeply(tool_json('verify', '--repo', $sealed, '--key-file', $key, @state)->{backups}[0]{unknown_sql}, [], 'with it verify looks inside');

# What was found with a key is not forgotten by a look without one, as long as it is the same manifest.
{
	my ($record) = glob("$sealed/backups/shop/*.verified");
	my $verified = sub { return tool_json('list', '--repo', $sealed, @state)->{backups}[0]{verified} };
	my $edit = sub {
		my ($change) = @_;
		(my $text = read_bytes($record)) =~ s/,\n"seal": "[0-9a-f]{64}"\n\}\n\z// or die;
		$text = $change->($text);
		write_bytes($record, $text . qq(,\n"seal": ") . Digest::SHA::sha256_hex($text) . qq("\n}\n));
	};
	my $opened = $verified->()->{opened};
	like($opened, qr/^\d{4}-/, 'the record knows when the backup was opened');
	tool_ok([ 'verify', '--repo', $sealed, @state ], 'verify without a key');
	is_deeply($verified->()->{unknown_sql}, [], 'what a look with it found is remembered');
	is($verified->()->{opened}, $opened, 'and its time');
	is_deeply($verified->()->{inside}, JSON::PP::false, 'the result is that of the stored bytes');
	my $mark = sub { $edit->(sub { $_[0] =~ s/"unknown_sql": \[\]/"unknown_sql": ["database"]/r }) };
	$mark->();
	for my $how ([], [ '--json' ])
	{
		($code, $out, $err) = tool('verify', '--repo', $sealed, @$how, @state);
		is($code, 0, 'verify without a key');
		like($err, qr/warning: an earlier verification of backup "shop\/\S+" found SQL .*HINT: .*--identity/s, 'warns of what was found');
	}
	like((tool('verify', '--repo', $sealed, @state))[1], qr/was not checked; an earlier verification found UNKNOWN SQL$/m, 'its result, too');
	is_deeply($verified->()->{unknown_sql}, ['database'], 'the mark stays');
	like((tool('list', '--repo', $sealed, @state))[1], qr/stored bytes ok \S+, UNKNOWN SQL/, 'the list shows it');
	like((tool('doctor', '--repo', $sealed, @state))[1], qr/unknown SQL\s+database "shop": 1 backup holds SQL/, 'and doctor');
	my ($object) = glob("$sealed/objects/*/*");
	my $mend = damage_file($object, 'flip');
	for my $with ([], [ '--key-file', $key ])
	{
		is((tool('verify', '--repo', $sealed, @$with, @state))[0], 3, 'a damaged object');
		is_deeply($verified->()->{unknown_sql}, ['database'], 'does not take the mark away');
		is($verified->()->{opened}, undef, 'but nothing says that it can be opened');
	}
	$mend->();
	my ($manifest) = glob("$sealed/backups/shop/*Z.json");
	$mend = damage_file($manifest, 'flip');
	is((tool('verify', '--repo', $sealed, @state))[0], 3, 'a damaged manifest');
	$mend->();
	is_deeply($verified->()->{unknown_sql}, ['database'], 'does not either');
	tool_ok([ 'verify', '--repo', $sealed, '--key-file', $key, @state ], 'verify with the key');
	is_deeply($verified->()->{unknown_sql}, [], 'says what there is');
	$mark->();
	$edit->(sub { $_[0] =~ s/"manifest": "\K[0-9a-f]{64}/'0' x 64/er });
	tool_ok([ 'verify', '--repo', $sealed, @state ], 'without it, where the record is of another manifest');
	is($verified->()->{unknown_sql}, undef, 'nobody has looked at this one');
}

done_testing();
