# NexBackup::SettingsTrial
#   Takes a batch of odd settings through backups, and through all ways of restoring one.
package NexBackup::SettingsTrial;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use IPC::Run ();
use NexBackup::Settings;
use NexBackup::Test;
use Test::More;

our @EXPORT = qw(settings_trial_begin try_source try_target trial_repository text_of_backup same_as_source);

my $directory = File::Temp::tempdir(CLEANUP => 1);
my ($repo, $text, $whole, $part, $appended, $globals, $role);
my @targets = qw(new_one dropped exported stocked live filled);

my $make_role = q(CREATE ROLE of_text VALID UNTIL '2031-02-03 04:05:06+00'; COMMENT ON ROLE of_text IS 'C:\temp\new';
ALTER ROLE of_text SET application_name = E'it\'s \\\\ a');
my $role_query = "SELECT rolvaliduntil, shobj_description(oid, 'pg_authid'), rolconfig FROM pg_roles WHERE rolname = 'of_text'";

# The text of the latest backup, without what is random, and without the settings of the database.
sub exported
{
	my ($what) = @_;
	my @out;

	unlink("$directory/out.sql");
	my ($code, $out, $err) = tool(@$what, '--repo', $repo, '-o', "$directory/out.sql");
	return "could not be exported: $err" if $code;
	for my $line (split /\n/, read_bytes("$directory/out.sql"))
	{
		push @out, $line unless $line =~ /^\\(?:un)?restrict |^--|^$|^ALTER ROLE tester SET /
		  || ($line =~ /'ALTER DATABASE %I SET / && $line !~ /app\.path/);
	}
	return join("\n", @out) . "\n";
}

sub differing
{
	my ($what, $expected, $got) = @_;
	my (@expected, @got) = ();
	my @lines;

	return () if $expected eq $got;
	@expected = split /\n/, $expected;
	@got = split /\n/, $got;
	for my $i (0 .. (@expected > @got ? $#expected : $#got))
	{
		my ($old, $new) = map { $_ // '(nothing)' } ($expected[$i], $got[$i]);
		push @lines, "- $old", "+ $new" if $old ne $new && @lines < 6;
	}
	return join("\n", "$what:", @lines);
}

sub differing_facts
{
	my ($what, $expected, $got) = @_;
	my @wrong;

	for my $key (sort keys %{ { %$expected, %$got } })
	{
		push @wrong, differing("$what: $key", map { $_->{$key} // '(not there)' } ($expected, $got));
	}
	return @wrong > 4 ? @wrong[ 0 .. 3 ] : @wrong;
}

sub trial_repository { return $repo }

# What of the latest backup of the source, or of the globals, is not as in the first one.
sub text_of_backup
{
	return (
		differing('text of the backup', $text, exported([ 'export', 'source' ])),
		differing('text of the globals', $globals, exported([ 'globals', 'export' ])));
}

sub same_as_source
{
	my ($database) = @_;

	return differing_facts($database, $whole, facts($database));
}

# The tool as the role that has the settings; what is wrong, if it fails.
sub as_tester
{
	my (@arguments) = @_;
	local $ENV{PGUSER} = 'tester';
	my ($code, $out, $err) = tool(@arguments);

	return $code ? ("nex_backup @arguments: exit $code\n$err") : ();
}

sub settings_trial_begin
{
	my $node = start_server('main', wal_level => 'logical', fsync => 'off');

	return 0 if $node->pg_version < 15;
	query('postgres', 'CREATE ROLE tester SUPERUSER LOGIN; CREATE ROLE sane SUPERUSER LOGIN');
	query('postgres', $make_role);
	query('postgres', "SET allow_in_place_tablespaces = on; CREATE TABLESPACE odd_space LOCATION ''");
	$ENV{PGUSER} = 'sane';
	$repo = new_repository();
	create_database('source');
	system('psql', '-qX', '-o', '/dev/null', '-d', 'source', '-f', top() . '/tests/fixtures/text.sql') == 0 or die 'the fixture does not load';
	query('postgres', q(COMMENT ON DATABASE source IS 'C:\temp\new'; ALTER DATABASE source SET "app.path" = 'C:\temp\n'));
	tool('backup', '--repo', $repo, '-d', 'source', '--compress', 'none');
	$text = exported([ 'export', 'source' ]);
	$whole = facts('source');
	rename("$directory/out.sql", "$directory/source.sql");
	tool('globals', 'backup', '--repo', $repo);
	$globals = exported([ 'globals', 'export' ]);
	$role = query('postgres', $role_query);

	# What a live database and one that takes rows look like before, and what they should be then.
	create_database('live_before');
	query('live_before', 'CREATE ACCESS METHOD other_heap TYPE TABLE HANDLER heap_tableam_handler');
	tool('restore', '--repo', $repo, 'source', '--to', 'filled_before', '--schema-only');
	query('postgres', 'CREATE DATABASE live TEMPLATE live_before; CREATE DATABASE filled TEMPLATE filled_before');
	tool('restore', '--repo', $repo, 'source', '--to', 'live', '--schema', 's');
	tool('restore', '--repo', $repo, 'source', '--to', 'filled', '--append');
	$part = facts('live');
	$appended = facts('filled');
	query('postgres', 'DROP DATABASE live; DROP DATABASE filled');
	return scalar(keys %$part) > 20 && scalar(keys %$appended) > 20;
}

sub owners
{
	my ($level, @databases) = @_;

	return 'SYSTEM' if $level eq 'server';
	return ($level ne 'database' ? 'ROLE tester' : (), $level ne 'role' ? map { "DATABASE $_" } @databases : ());
}

# Backups of a database and of the globals.
sub try_source
{
	my ($level, @batch) = @_;
	my @owners = owners($level, 'source', 'postgres');
	my @wrong;

	plant($_, @batch) for @owners;
	@wrong = as_tester('backup', '--repo', $repo, '-d', 'source', '--compress', 'none', '-j', 2);
	@wrong = as_tester('globals', 'backup', '--repo', $repo) unless @wrong;
	unplant(@owners);
	query('postgres', q(ALTER DATABASE source SET "app.path" = 'C:\temp\n'));
	return @wrong if @wrong;
	my $list = tool_json('info', '--repo', $repo, 'source');
	my @warnings = @{ $list->{warnings} // [] };
	return (text_of_backup(), @warnings ? "warnings: @warnings" : ());
}

sub psql_file
{
	my ($file, $database) = @_;
	local $ENV{PGUSER} = 'tester';
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f', $file ], '<', \'', '>', \$out, '2>', \$err)
	  or return "psql: $err";
	return ();
}

# Restores of the backup of the beginning.
sub try_target
{
	my ($level, @batch) = @_;
	my @owners = owners($level, 'postgres', 'dropped', 'exported', 'stocked', 'live', 'filled');
	my $id = tool_json('list', '--repo', $repo, 'source')->{backups}[0];
	my $name = 'source/' . ($id->{backup} // $id->{id});
	my @wrong;

	as_sane(sub {
		query('postgres', "CREATE DATABASE $_ TEMPLATE template0") for qw(dropped exported stocked);
		query('postgres', "CREATE DATABASE $_ TEMPLATE ${_}_before") for qw(live filled);
		query('dropped', 'CREATE TABLE t (a text)');
		query('postgres', 'DROP ROLE of_text');
	});
	plant($_, @batch) for @owners;
	push @wrong, as_tester('restore', '--repo', $repo, $name, '--to', 'new_one', '-j', 2);
	push @wrong, as_tester('restore', '--repo', $repo, $name, '--to', 'dropped', '--drop', '--discard-old', '--yes', '--copy-format', 'text');
	push @wrong, psql_file("$directory/source.sql", 'exported');
	{
		local $ENV{PGUSER} = 'tester';
		(my $listing = "backups/$name.sha256") =~ s{^backups/source/}{backups/source/};
		push @wrong, 'psql of stock tools fails' if stock_restore($repo, $listing, 'cat', 'stocked');
	}
	push @wrong, as_tester('restore', '--repo', $repo, $name, '--to', 'live', '--schema', 's');
	push @wrong, as_tester('restore', '--repo', $repo, $name, '--to', 'filled', '--append');
	push @wrong, as_tester('globals', 'restore', '--repo', $repo, '--existing-roles', 'keep', '--no-tablespaces', '--yes', '-d', 'postgres');
	unplant(grep { $_ ne 'DATABASE dropped' } @owners);
	as_sane(sub {
		push @wrong, differing('role', $role, query('postgres', $role_query)) unless @wrong;
		query('postgres', "DROP ROLE IF EXISTS of_text; $make_role") if @wrong;
		my %expected = (live => $part, filled => $appended);

		push @wrong, map { differing_facts($_, $expected{$_} // $whole, facts($_)) } @wrong ? () : @targets;
		query('postgres', "DROP DATABASE IF EXISTS $_ WITH (FORCE)") for @targets;
	});
	return @wrong;
}

1;
