# PostgreSQL's own regression database comes back whole.
#   Not part of "make check", as it needs PostgreSQL's sources:
#   make check-regression-database REGRESS_DATABASE_SOURCE=/path/to/postgresql-15.x
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp ();
use NexBackup::Oracle;
use NexBackup::Part;
use NexBackup::Test;
use Test::More;

my $source = $ENV{REGRESS_DATABASE_SOURCE};

plan skip_all => 'REGRESS_DATABASE_SOURCE does not name the sources of PostgreSQL' unless defined $source;
$source = abs_path($source) . '/src/test/regress';
plan skip_all => "\"$source\" has no parallel_schedule" unless -e "$source/parallel_schedule";

my $node = start_server('main', fsync => 'off', max_locks_per_transaction => 256, max_prepared_transactions => 2);
my $major = int($node->pg_version);
my ($of_source) = read_bytes("$source/../../../configure") =~ /^PACKAGE_VERSION='(\d+)/m;

is($of_source, $major, 'the sources are of the same major version as the server') or BAIL_OUT('wrong sources');

# The library that the tests load, and the modules of contrib/spi beside it.
my $directory = File::Temp::tempdir(CLEANUP => 1);
my $include = $node->config_data('--includedir-server');
chmod 0755, $directory;
is(system('cc', '-O1', '-w', '-fPIC', '-shared', "-I$include", "$source/regress.c", '-o', "$directory/regress.so"), 0,
	'regress.so is built') or BAIL_OUT('no regress.so');
for my $module (qw(autoinc refint))
{
	my $from = $node->config_data('--pkglibdir') . "/$module.so";
	write_bytes("$directory/$module.so", read_bytes($from)) if -e $from;
}

# Whether its tests pass is not the question here: other minor versions and builds word things otherwise.
my $status = system("'$ENV{PG_REGRESS}' --dlpath='$directory' --inputdir='$source' --outputdir='$directory'"
	  . " --bindir='" . $node->config_data('--bindir') . "' --host='$ENV{PGHOST}' --port=$ENV{PGPORT}"
	  . " --max-connections=8 --schedule='$source/parallel_schedule' >'$directory/out' 2>&1");
my @lines = split /\n/, read_bytes("$directory/out");
my $passed = grep { /\.\.\. ok|^ok / } @lines;
note("pg_regress: $passed tests passed, exit status " . ($status >> 8));
cmp_ok($passed, '>', 150, "database regression was made ($passed of its tests passed)") or diag(join("\n", @lines[ -20 .. -1 ]));
note(query('regression', "SELECT count(*) || ' relations, ' || pg_size_pretty(pg_database_size('regression')) FROM pg_class WHERE oid >= 16384"));

# A materialized view of which the base changed after it was refreshed shows the new rows after
# any restore.
my $repo = new_repository();
oracle($repo, 'regression', pg_dump_changes => qr/^rows of public\.mvtest_/);
note(scalar(keys %{ picture('regression') }) . ' facts compared');

# Each relation by itself, as pg_dump -t has it in what pg_dump | psql made of the database.  Foreign
# keys, rules and policies may speak of tables that are not there.
my $alone = 0;
my @trouble;
for my $table (tables_of('regression'))
{
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'regression', '--to', 'part', '-q', '--no-analyze',
		'--table', $table->{name}, '-j', 1 + $alone++ % 2);
	if ($code != 0)
	{
		push @trouble, "$table->{name}: $err";
		next;
	}
	my @patterns = map { ('-t', $_) } with_partitions('regression', $table);
	my @dumps = map { statements($_, @patterns) } ('regression_carried', 'part');
	my $missing = missing_from(@dumps, qr/FOREIGN KEY|CREATE RULE|CREATE POLICY .*\bFROM\b/s);
	my $more = missing_from(reverse(@dumps), qr/^$/);
	push @trouble, "$table->{name}: missing:\n$missing\nmore:\n$more" if $missing . $more ne '';
	query('postgres', 'DROP DATABASE part');
}
is(join("\n", @trouble), '', "$alone relations, each restored alone");
done_testing();
