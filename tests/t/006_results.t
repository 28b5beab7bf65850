# A result is said only after it was compared: a client program that writes half of its text and
# exits with 0, as pg_dumpall and pg_restore --list do where TMPDIR is full, and damage that the
# last verification has found.
use strict;
use warnings;

use Fcntl qw(F_SETFL O_NONBLOCK);
use File::Temp ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
chomp(my $bindir = `pg_config --bindir`);
$bindir = $ENV{PG_BINDIR} if defined $ENV{PG_BINDIR};

# Client programs of which one cuts its output off behind some lines, if an argument is given.
sub cut_programs
{
	my ($name, $argument, $lines) = @_;
	my $directory = File::Temp::tempdir(CLEANUP => 1);

	symlink "$bindir/$_", "$directory/$_" or die for grep { $_ ne $name } qw(pg_dump pg_restore pg_dumpall);
	write_bytes("$directory/$name", <<"SH");
#!/bin/sh
case " \$* " in
	*" $argument"*) "$bindir/$name" "\$@" | head -n $lines; exit 0;;
	*) exec "$bindir/$name" "\$@";;
esac
SH
	chmod 0755, "$directory/$name" or die;
	return $directory;
}

# ------------------------------------------------------------ the globals

query('postgres', "CREATE ROLE role_$_") for 1 .. 30;
my $roles = query('postgres', "SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_'");
for my $lines (0, 1, 20, 40, 60)
{
	my $programs = cut_programs('pg_dumpall', '--globals-only', $lines);

	tool_fails([ 'globals', 'backup', '--repo', $repo, '--pg-bindir', $programs ],
		1, qr/pg_dumpall ended with exit code 0, but what it wrote is not complete/,
		"globals that are cut off behind $lines lines are no backup");
}
is(scalar @{ tool_json('globals', 'list', '--repo', $repo)->{backups} }, 0, 'nothing was published');

# With its last line, but without a role.
my $programs = cut_programs('pg_dumpall', '--globals-only', '1000 | sed "/CREATE ROLE role_7;/d"');
tool_fails([ 'globals', 'backup', '--repo', $repo, '--pg-bindir', $programs ],
	1, qr/pg_dumpall wrote ${\($roles - 1)} of $roles roles/, 'nor are globals without a role');
tool_ok([ 'globals', 'backup', '--repo', $repo ], 'whole ones are');
is(tool_json('globals', 'info', '--repo', $repo)->{globals}{roles}, $roles, 'with all roles');
$programs = cut_programs('pg_dumpall', '--roles-only', 20);
tool_fails([ 'globals', 'restore', '--repo', $repo, '--existing-roles=keep', '--yes', '--pg-bindir', $programs ],
	1, qr/what it wrote is not complete/, 'nor is half a list of roles believed at a restore');

# ----------------------------------------------------------- a restore

query('postgres', 'CREATE DATABASE shop');
query('shop', <<'SQL');
CREATE TABLE a (id int PRIMARY KEY, t text);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
CREATE INDEX ON b (a);
INSERT INTO a SELECT i, 'text ' || i FROM generate_series(1, 1000) i;
INSERT INTO b SELECT i, i FROM generate_series(1, 1000) i;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop' ], 'backup');
for my $lines (0, 5, 14, 20, 24)
{
	$programs = cut_programs('pg_restore', '--list --verbose', $lines);
	tool_fails([ 'restore', '--repo', $repo, 'shop', '--to', 'half', '--pg-bindir', $programs ],
		1, qr/pg_restore lists \d+ of -?\d+ entries/, "a list that is cut off behind $lines lines stops a restore");
	is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'half'"), 0, 'and nothing is left of it');
}
$programs = cut_programs('pg_restore', '--file=-', 10);
tool_fails([ 'backup', '--repo', $repo, '-d', 'shop', '--pg-bindir', $programs ],
	1, qr/pg_restore ended with exit code 0, but what it wrote is not complete/, 'half a script is no backup');

# With the whole list of everything, but not of the section.
$programs = cut_programs('pg_restore', '--list --section=post-data', 15);
tool_fails([ 'restore', '--repo', $repo, 'shop', '--to', 'half', '--pg-bindir', $programs ],
	1, qr/the archive lists \d entries of kind [A-Z ]+, but the database has \d/, 'what is there is counted in the end');
is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'half'"), 0, 'and nothing is left of it');

# ------------------------------------------------------ standard output

# What could not be written was not delivered; a pipe that another program made non-blocking only waits.
is(system("'@{[tool_path()]}' list --repo '$repo' >/dev/full 2>'$repo.said'") >> 8, 1, 'a full disk at standard output');
like(read_bytes("$repo.said"), qr/error: could not write to standard output: No space left on device/, 'is said');
# One that is closed takes nothing either.
for my $command ("list --repo '$repo'", "list --json --repo '$repo'", "export --repo '$repo' shop -o -", 'help')
{
	is(system("'@{[tool_path()]}' $command >&- 2>'$repo.said' </dev/null") >> 8, 1, "standard output is closed: $command");
	like(read_bytes("$repo.said"), qr/error: could not write to standard output: Bad file descriptor/, 'is said');
}
is(system("'@{[tool_path()]}' list --repo '$repo' <&- 2>&- >/dev/null") >> 8, 0, 'the others may be closed');
# What was done before is done all the same.
sub to_nobody
{
	my ($where, @command) = @_;
	my $line = join(' ', map { "'$_'" } tool_path(), @command);

	return [ system("bash", "-c", "$line 2>'$repo.said' </dev/null $where; exit \${PIPESTATUS[0]}") >> 8, read_bytes("$repo.said") ];
}

my ($public) = do { tool_ok([ 'keygen', '-o', "$repo.key" ], 'a key'); read_bytes("$repo.key") =~ /^# public key: (\S+)$/m };
for my $case (
	[ qr/Backup shop\/\S+ is complete\./, 'backup', '--repo', $repo, '-d', 'shop' ],
	[ qr/Backup shop\/\S+ is complete\./, 'backup', '--repo', $repo, '-d', 'shop', '--json' ],
	[ qr/Backups that are complete: 2 of 2\./, 'backup', '--repo', $repo, '--all', '--exclude-database', 'postgres', '--exclude-database', 'template1' ],
	[ qr/Backup \d\S+ of the globals is complete\./, 'globals', 'backup', '--repo', $repo ],
	[ qr/The globals of backup \d\S+ were restored\./, 'globals', 'restore', '--repo', $repo ],
	[ qr/Restored shop\/\S+ into database "shop2"\.$/m, 'restore', '--repo', $repo, 'shop', '--to', 'shop2' ],
	[ qr/Restored shop\/\S+ into database "shop2"; the database that was there is kept as "shop2_old_\w+"\./,
		'restore', '--repo', $repo, 'shop', '--to', 'shop2', '--drop', '--yes' ],
	[ qr/Appended shop\/\S+ into database "shop2"\./, 'restore', '--repo', $repo, 'shop', '--to', 'shop2', '--append', '--on-conflict=skip', '--yes' ],
	[ qr/Backup files\/\S+ is complete\./, 'config', 'backup', '--repo', $repo, '--set', 'files', '--recipient', $public, top() . '/Makefile' ],
	[ qr/The files of backup files\/\S+ were restored\./, 'config', 'restore', '--repo', $repo, 'files', '--yes', '--identity', "$repo.key", '--restore-dir', "$repo.files" ],
	[ qr/File "\Q$repo\E\.sql" is complete\./, 'export', '--repo', $repo, 'shop', '-o', "$repo.sql" ],
	[ qr/Backups that were removed: \d of \d\./, 'expire', '--repo', $repo, 'shop', '--keep-daily=0', '--keep-minimum=1' ],
	[ qr/The key is in file "\Q$repo\E\.key2"\./, 'keygen', '-o', "$repo.key2" ],
	[ qr/The repository was created\./, 'init', '--repo', "$repo.other" ])
{
	my ($done, @command) = @$case;
	my ($code, $said) = @{ to_nobody('>/dev/full', @command) };

	is($code, 1, "$command[0] to a full disk");
	like($said, qr/error: could not write to standard output: No space left on device\n.*DETAIL:  $done/s, 'says what is done');
}
{
	my ($code, $said) = @{ to_nobody('| true', 'backup', '--repo', $repo, '-d', 'shop') };

	like($said, qr/could not write to standard output: Broken pipe\n.*DETAIL:  Backup shop\/\S+ is complete\./s, 'a reader that is gone');
	is(@{ to_nobody('| true', 'list', '--repo', $repo) }[1], '', 'misses no list');
}
{
	my $whole = tool_ok(['help'], 'help');
	pipe(my $reader, my $writer) or die;
	fcntl($writer, F_SETFL, O_NONBLOCK) or die;
	my $filled = 0;
	while (my $now = syswrite($writer, 'x' x 4096)) { $filled += $now }
	defined(my $pid = fork) or die;
	if ($pid == 0)
	{
		open(STDOUT, '>&', $writer) or die;
		exec(tool_path(), 'help') or die;
	}
	close $writer;
	# It waits, or has given up.
	select(undef, undef, undef, 0.3);
	my $read = do { local $/; <$reader> };
	waitpid($pid, 0);
	is(substr($read, $filled), $whole, 'a full pipe that is non-blocking: nothing is lost');
}

# -------------------------------------------------------- known damage

my ($biggest) = sort { -s $b <=> -s $a } map { "$repo/$_" } grep { m{^objects/} } all_files($repo);
damage_file($biggest, 'flip');
is((tool('verify', '--repo', $repo))[0], 3, 'a damaged file is found');
my $warned = (tool('backup', '--repo', $repo, '-d', 'shop'))[2];
like($warned, qr/the last verification of backup shop.* failed: everything is stored again/, 'the next backup says so');
is((tool('verify', '--repo', $repo))[0], 0, 'and does not rest on it');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'again' ], 'it can be restored');
same_database('shop', 'again', 'and is the same');

# Whoever finds it: the next backup writes it again, also one of another database or after an older backup.
unlink "$repo.key";
my $made = (tool('keygen', '-o', "$repo.key"))[1];
my ($recipient) = $made =~ /(age1\w+)/ or BAIL_OUT($made);
query('postgres', 'CREATE DATABASE found');
query('found', "CREATE TABLE t AS SELECT i, md5(i::text) AS m FROM generate_series(1, 20000) i; ALTER TABLE t ADD PRIMARY KEY (i)");
query('postgres', 'CREATE DATABASE found_b TEMPLATE found');
for my $encrypted (0, 1)
{
	my $kept = "$repo.found$encrypted";
	my @open = $encrypted ? ('--identity', "$repo.key") : ();
	my @in = ('--repo', $kept, '--catalogue', 'none');
	tool_ok([ 'init', '--repo', $kept, $encrypted ? ('--recipient', $recipient) : () ], 'init');
	tool_ok([ 'backup', @in, '-d', $_ ], "backup of $_") for 'found', 'found_b', 'found';
	my %finders = (
		'restore' => [ 'restore', 'found', '--to', 'found_r' ],
		'cat' => [ 'cat', 'found', '--table', 't' ],
		'export' => [ 'export', 'found', '-o', '-' ],
		'restore --table' => [ 'restore', 'found', '--table', 't', '--as', 'found_t' ],
		'restore --append' => [ 'restore', 'found', '--append', '--on-conflict=skip', '--table', 't' ],
		'verify of an older backup' => ['verify']);
	for my $finder (sort keys %finders)
	{
		my $command = $finders{$finder};
		my $about = ($encrypted ? 'encrypted, ' : '') . $finder;
		my ($older, $id) = (map { $_->{backup} } @{ tool_json('list', @in, 'found')->{backups} })[ -2, -1 ];
		push @$command, "found/$older" if @$command == 1;
		my ($data) = sort { -s $b <=> -s $a } map { glob "$kept/$_" }
		  read_bytes("$kept/backups/found/$id.sha256") =~ /^[0-9a-f]+  (\S+)$/mg;
		damage_file($data, 'flip');
		my ($code, $out, $err) = tool(@$command, '--repo', $kept, $command->[0] eq 'export' || $command->[0] eq 'cat' ? () : ('--catalogue', 'none'), @open);
		is($code, 3, "$about: finds it") or diag($err);
		my ($listed) = grep { $_->{backup} eq $id } @{ tool_json('list', @in, 'found')->{backups} };
		is($listed->{known_bad_objects}, 1, "$about: list knows it");
		unlike(tool_ok([ 'list', @in, 'found' ], 'list'), qr/ never| ok 2/, "$about: and says it") if $finder eq 'cat';
		my $doctor = (tool('doctor', '--repo', $kept))[1];
		like($doctor, qr/found damaged when they were read|failed its last verification/, "$about: doctor, too");
		for my $database ('found', 'found_b', 'found')
		{
			tool_ok([ 'backup', @in, '-d', $database ], "$about: backup of $database");
			is((tool('verify', @in, @open, "$database"))[0], 0, "$about: is good");
		}
		tool_ok([ 'verify', @in, @open ], "$about: all are good again") if !$encrypted;
		query('postgres', 'DROP DATABASE IF EXISTS found_r');
	}
	tool_ok([ 'expire', @in, '--keep-daily', 0, '--keep-minimum', 1 ], 'expire');
	is_deeply([ glob "$kept/damaged/*" ], [], 'nothing is left of it');
}

done_testing();
