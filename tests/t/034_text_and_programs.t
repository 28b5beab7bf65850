# What the SQL of a backup sets and leaves alone, and the programs that the tool runs.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');

plan skip_all => 'needs PostgreSQL 15 or later' if $node->pg_version < 15;

my $repo = new_repository();

create_database('book');
query('book', <<'SQL');
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE elsewhere LOCATION '';
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE SCHEMA inner_one;
CREATE TABLE first (id integer PRIMARY KEY, v text);
CREATE TABLE second (id integer REFERENCES first, x xml) TABLESPACE elsewhere;
CREATE TABLE inner_one.third (id serial, v text) USING heap2;
CREATE VIEW seen AS SELECT id FROM inner_one.third;
INSERT INTO first SELECT g, E'back\\slash\n' || g FROM generate_series(1, 500) g;
INSERT INTO second SELECT g, 'two <b/> parts' FROM generate_series(1, 500) g;
INSERT INTO inner_one.third (v) SELECT 'v' FROM generate_series(1, 500) g;
GRANT SELECT ON first TO invoice_app WITH GRANT OPTION;
SET SESSION AUTHORIZATION invoice_app;
GRANT SELECT ON first TO invoice_report;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'book', '-j', 2 ], 'backup');

my $manifest = JSON::PP->new->utf8->decode(read_bytes("$repo/backups/book/" . latest_id($repo, 'book') . '.json'));

# The text of a member, unpacked with a stock tool.
sub text_of
{
	my ($member) = @_;
	my $id = $manifest->{objects}[ $member->{object} ]{id};
	my $frame = substr(read_bytes("$repo/objects/" . substr($id, 0, 2) . "/$id.sql.zst"), $member->{offset}, $member->{length});
	my $text = '';

	IPC::Run::run([ 'zstd', '-dcq' ], '<', \$frame, '>', \$text) or die "zstd failed";
	return $text;
}

sub members
{
	my ($kind) = @_;

	return grep { $_->{kind} eq $kind } @{ $manifest->{members} };
}

# Run SQL with psql as a user would: exit code and what it said.
sub psql
{
	my ($database, $sql, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-X', '-q', @options, '-d', $database ], '<', \$sql, '>', \$out, '2>', \$err);
	return ($? >> 8, $err);
}

my ($head) = map { text_of($_) } members('head');
my ($tail) = map { text_of($_) } members('tail');
my $schema = join('', map { text_of($_) } members('pre-data'), members('post-data'));

# ------------------------------------------------------------------ text

subtest 'P31: each member can be run alone, after the head' => sub {
	create_database('alone');
	is((psql('alone', $head . join('', map { text_of($_) } members('pre-data')) . $tail))[0], 0, 'the schema');
	# Under the settings that differ most; one psql each, in reverse order.
	query('postgres', "ALTER DATABASE alone SET standard_conforming_strings = off; ALTER DATABASE alone SET search_path = inner_one;"
		  . " ALTER DATABASE alone SET xmloption = document; ALTER DATABASE alone SET statement_timeout = '10s'; ALTER DATABASE alone SET DateStyle = German;"
		  . " ALTER DATABASE alone SET default_table_access_method = heap2; ALTER DATABASE alone SET backslash_quote = off");
	for my $member (reverse(members('data')), members('sequences'), members('post-data'))
	{
		my ($code, $err) = psql('alone', $head . "DO 'BEGIN ASSERT current_setting(''statement_timeout'') = ''0''; END';\n" . text_of($member) . $tail);
		is($code, 0, "$member->{kind}") or diag($err);
	}
	query('postgres', 'ALTER DATABASE alone RESET ALL');
	same_picture(picture('book'), picture('alone'), 'together they are the database');
};
subtest 'P32: no member leans on the tablespace, access method or user that one before it set' => sub {
	for my $member (grep { $_->{kind} ne 'head' } @{ $manifest->{members} })
	{
		my $text = text_of($member);
		my $kind = $member->{kind};

		is(() = $text =~ /^SET SESSION AUTHORIZATION /mg, () = $text =~ /^RESET SESSION AUTHORIZATION;/mg, "$kind: users are set and reset");
		unlike($text, qr/\A(?:(?!^SET default_tablespace).)*^CREATE TABLE/ms, "$kind: the tablespace is set before it is used");
	}
	unlike(text_of($_), qr/^SET /m, 'a data member sets nothing') for members('data');
};
subtest 'P33: one \restrict around the whole, with a random key, and none of pg_dump' => sub {
	my ($key) = $head =~ /^\\restrict (\w{63})$/m;

	ok(defined $key, 'in the head');
	like($tail, qr/^\\unrestrict \Q$key\E$/m, 'and its end in the tail');
	unlike($schema, qr/^\\/m, 'no meta-command in the schema');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'book' ], 'another backup');
	my $other = JSON::PP->new->utf8->decode(read_bytes("$repo/backups/book/" . latest_id($repo, 'book') . '.json'));
	my %known = map { ($_->{id} => 1) } @{ $manifest->{objects} };
	my @new = grep { !$known{ $_->{id} } } @{ $other->{objects} };
	cmp_ok(scalar(@new), '<=', 3, 'only head, archive and tail are other objects');
};
subtest 'P34: a psql that does not know \restrict can be given the text without it' => sub {
	my $file = File::Temp::tempdir(CLEANUP => 1) . '/plain.sql';
	my ($code, $out, $err) = tool('export', '--repo', $repo, 'book', '--output', $file);

	is($code, 0, 'exported as plain SQL');
	my $text = read_bytes($file);
	my @lines = $text =~ /^(\\(?:un)?restrict .*)$/mg;
	is(scalar(@lines), 2, 'two lines are all that such a psql does not know');
	$text =~ s/^\\(?:un)?restrict .*\n//mg;
	create_database('unrestricted');
	my ($status, $said) = psql('unrestricted', $text);
	is($status, 0, 'without them it restores') or diag($said);
	same_picture(picture('book'), picture('unrestricted'), 'the same');
};
subtest 'P35: psql stops at the first error, before \restrict can matter' => sub {
	like($head, qr/^\\set ON_ERROR_STOP on\n(?:.*\n)*?\\restrict /m, 'ON_ERROR_STOP first');
	my ($data) = grep { text_of($_) =~ /^COPY public\.first / } members('data');
	create_database('stops');
	my $hostile = text_of($data) =~ s/^1\t.*$/DROP TABLE IF EXISTS witness;/mr;
	query('stops', 'CREATE TABLE witness ()');
	my ($code, $err) = psql('stops', $head . $hostile . "CREATE TABLE too_late ();\n" . $tail);
	is($code, 3, 'psql stops with its status of a script error');
	is(query('stops', "SELECT to_regclass('witness') IS NOT NULL AND to_regclass('too_late') IS NULL"), 't', 'no data was run as SQL, and nothing after it');
};
subtest 'P36: no setting that an older server does not know' => sub {
	unlike($head . $schema, qr/^SET (?:transaction_timeout|idle_session_timeout)/m, 'transaction_timeout is set only where it exists');
	like($head, qr/FROM pg_catalog\.pg_settings\s+WHERE name IN \([^)]*'transaction_timeout'/, 'through pg_settings');
};

# -------------------------------------------------------------- programs

# A directory with a pg_dump that runs the real one, after or before something else.
sub fake_pg_dump
{
	my ($script) = @_;
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	my $bindir = $node->config_data('--bindir');

	chmod 0755, $directory;
	symlink("$bindir/$_", "$directory/$_") for qw(pg_restore psql);
	write_bytes("$directory/pg_dump", "#!/bin/sh\n" . ($script =~ s/REAL/$bindir\/pg_dump/gr));
	chmod 0755, "$directory/pg_dump";
	return $directory;
}

subtest 'P39: a pg_dump older than the server is refused, with the one that is needed' => sub {
	my $directory = fake_pg_dump(qq(if [ "\$1" = --version ]; then echo "pg_dump (PostgreSQL) 13.20"; else exec REAL "\$@"; fi\n));
	my $err = tool_fails([ 'backup', '--repo', $repo, '-d', 'book', '--pg-bindir', $directory ], 1, qr/pg_dump/, 'refused');
	my $major = $node->pg_version =~ /^(\d+)/ ? $1 : '';
	like($err, qr/\b$major\b/, 'the version that is needed');
};
subtest 'P40: what pg_dump warns of is shown and kept' => sub {
	my $directory = fake_pg_dump(qq(if [ "\$1" != --version ]; then echo "pg_dump: warning: something is odd" >&2; fi\nexec REAL "\$@"\n));
	my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'book', '--pg-bindir', $directory);

	is($code, 0, 'the backup is made');
	like($err, qr/something is odd/, 'shown');
	my $backup = JSON::PP->new->utf8->decode(read_bytes("$repo/backups/book/" . latest_id($repo, 'book') . '.json'));
	like(join("\n", @{ $backup->{warnings} }), qr/something is odd/, 'kept in the manifest');
	my ($code2, $info) = tool('info', '--repo', $repo, 'book');
	like($info, qr/something is odd/, 'and in info');
};
subtest 'P41: an index that needs search_path fails the restore, and the report says so' => sub {
	create_database('leaning');
	query('leaning', <<'SQL');
CREATE TABLE rates (k integer, r integer);
CREATE FUNCTION rate(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN coalesce((SELECT r FROM rates WHERE k = $1), 0); END';
CREATE TABLE priced (k integer);
CREATE INDEX leaning_index ON priced (rate(k)); -- without rows: from 17 on it has no search_path, either
INSERT INTO priced VALUES (1);
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'leaning' ], 'backup');
	isnt(carry_over('leaning', 'leaning_carried'), 0, 'pg_dump | psql fails, too');
	for my $jobs (1, 4)
	{
		my ($code, $out, $err) = tool('restore', '--repo', $repo, 'leaning', '--to', 'leaning_2', '-j', $jobs);

		is($code, 1, "exit code 1, $jobs jobs");
		like($err, qr/relation "rates" does not exist/, 'what was not found');
		is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'leaning_2'"), 0, 'nothing is left behind');
	}
};

# -------------------------------------------------------------- surroundings

subtest 'P21: all databases are so many points of time, and each backup names its own' => sub {
	my $whole = new_repository();
	tool_ok([ 'backup', '--repo', $whole, '--all' ], 'backup --all');
	my %times = map { (JSON::PP->new->utf8->decode(read_bytes($_))->{snapshot_at} => 1) } grep { !/globals/ } glob("$whole/backups/*/*.json");
	my $databases = query('postgres', 'SELECT count(*) FROM pg_database WHERE datallowconn');
	is(scalar(keys %times), $databases, "$databases databases, as many times");
};
subtest 'P43: what template1 has been filled with does not get into a restore' => sub {
	query('template1', 'CREATE TABLE public.polluted (); CREATE EXTENSION IF NOT EXISTS plpgsql; CREATE FUNCTION public.stray() RETURNS integer LANGUAGE sql AS \'SELECT 1\'');
	tool_ok([ 'restore', '--repo', $repo, 'book', '--to', 'clean' ], 'restore');
	same_picture(picture('book'), picture('clean'), 'the same as the original');
	query('template1', 'DROP TABLE public.polluted; DROP FUNCTION public.stray()');
};
subtest 'P44: no .psqlrc has a say' => sub {
	like(read_bytes("$repo/RECOVER.txt"), qr/psql (?:\S+ )*-X/, 'RECOVER.txt says psql -X');
	my $home = File::Temp::tempdir(CLEANUP => 1);
	write_bytes("$home/.psqlrc", "\\set AUTOCOMMIT off\nBEGIN;\n");
	local $ENV{HOME} = $home;
	local $ENV{PSQLRC} = "$home/.psqlrc";
	tool_ok([ 'restore', '--repo', $repo, 'book', '--to', 'with_psqlrc' ], 'restore');
	is(query('with_psqlrc', 'SELECT count(*) FROM first'), 500, 'its rows are committed');
};
done_testing();
