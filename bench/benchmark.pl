#!/usr/bin/perl
# benchmark.pl
#   Measures nex_backup against pg_dump, pg_restore and psql on the sample
#   invoice database, side by side in one run, and writes docs/benchmarks.md.
#
#   Perl and not Python or a shell script: Debian always has perl, and wall time
#   and peak memory of a process tree want more than the shell's "time".
#
#   Every competitor of one group runs in turn, round after round, so that a
#   machine that is slower for a while is slower for all; medians are reported.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Getopt::Long qw(GetOptions);
use POSIX qw(strftime WNOHANG);
use Time::HiRes qw(time sleep);

my $top = abs_path(dirname(abs_path($0)) . '/..');
my $sample_period = 0.05;

my %option = (
	scale => 1,
	runs => 3,
	jobs => 2,
	tables => 10_000,
	parts => 200,
	objects => 50_000,
	only => '',
	tool => "$top/tool/nex_backup",
	dir => $ENV{BENCH_DIR} || '/tmp',
	pg_config => $ENV{PG_CONFIG} || 'pg_config',
	tree => '',
	output => '',
	keep => 0);

GetOptions(\%option, 'scale=f', 'runs=i', 'jobs=i', 'tables=i', 'objects=i', 'parts=i', 'only=s', 'tool=s', 'dir=s',
	'pg_config|pg-config=s', 'tree=s', 'output=s', 'keep', 'help')
  or usage(2);
usage(0) if $option{help};

my @groups = qw(backup verify restore tables objects parts large);
my %wanted = map { $_ => 1 } $option{only} ? split(/,/, $option{only}) : @groups;
for my $name (keys %wanted)
{
	die "benchmark.pl: no group \"$name\"; there are: @groups\n"
	  unless grep { $_ eq $name } @groups;
}
$option{output} ||= "$top/docs/benchmarks.md" if !$option{only};

my ($cluster, $work, %seconds, %memory, %bytes, @facts);
# With --tree: directory and major version of its programs, and what their rows are called.
my ($newer, $newer_version, $newer_dump, $newer_restore) = ('', '', '', '');

sub usage
{
	my ($code) = @_;

	print <<"TEXT";
Usage: bench/benchmark.pl [option ...]

  --scale N       size of the database; 1 (default) is about 1 GB of heap
  --runs N        rounds; medians are reported (default 3)
  --jobs N        parallel jobs of every program that has them (default 2)
  --tables N      number of tables in the many-tables case (default 10000)
  --objects N     number of large objects in the case of these (default 50000)
  --parts N       number of tables, and of partitions, of the parts for a live database (default 200)
  --only LIST     groups to run, comma-separated: backup, verify, restore, tables, objects,
                  parts, large
  --tool FILE     the nex_backup program (default tool/nex_backup)
  --tree DIR      also measure pg_dump and pg_restore of a Debian tree with PostgreSQL 17 or later,
                  as make check-versions makes them: /var/cache/nex_backup/trixie
  --dir DIR       where cluster, dumps and repositories go (default /tmp)
  --output FILE   where the report goes (default docs/benchmarks.md, with --only nowhere)
  --keep          keep the cluster and the files
TEXT
	exit $code;
}

# ---------------------------------------------------------------- processes

# The process ids below one, itself included.
sub process_tree
{
	my @found = @_;

	for (my $i = 0; $i < @found; $i++)
	{
		for my $file (glob "/proc/$found[$i]/task/*/children")
		{
			open(my $in, '<', $file) or next;
			my $line = <$in>;
			close $in;
			push @found, split(' ', $line) if defined $line;
		}
	}
	return @found;
}

# One figure, in bytes, of /proc/PID/status; 0 when the process is gone.
sub status_figure
{
	my ($pid, $key) = @_;

	open(my $in, '<', "/proc/$pid/status") or return 0;
	while (my $line = <$in>)
	{
		return $1 * 1024 if $line =~ /^\Q$key\E:\s+(\d+)/;
	}
	return 0;
}

# Run a command (array: without a shell; string: through bash, with pipefail),
# and return its wall time, its own peak memory, and the peak of its whole tree.
sub measure
{
	my ($command) = @_;
	my ($own, $tree, $status) = (0, 0, undef);

	system('sync');
	local $SIG{CHLD} = sub { };
	my $start = time;
	my $pid = fork;
	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open(STDOUT, '>>', "$work/output.log");
		open(STDERR, '>&', \*STDOUT);
		exec(ref $command ? @$command : ('bash', '-o', 'pipefail', '-c', $command));
		die "exec: $!";
	}
	while (1)
	{
		last if waitpid($pid, WNOHANG) == $pid && defined($status = $?);
		my $peak = status_figure($pid, 'VmHWM');
		my $sum = 0;
		$sum += status_figure($_, 'VmRSS') for process_tree($pid);
		$own = $peak if $peak > $own;
		$tree = $sum if $sum > $tree;
		sleep $sample_period;
	}
	my $elapsed = time - $start;
	my $text = ref $command ? "@$command" : $command;
	die "benchmark.pl: \"$text\" failed, see $work/output.log\n" . tail("$work/output.log")
	  if $status != 0;
	return ($elapsed, $own, $tree);
}

sub tail
{
	my ($file) = @_;

	return scalar `tail -n 15 '$file'`;
}

sub run
{
	my (@command) = @_;

	system(@command) == 0 or die "benchmark.pl: \"@command\" failed\n";
}

sub output_of
{
	my (@command) = @_;

	open(my $in, '-|', @command) or die "$command[0]: $!";
	my $text = do { local $/; <$in> };
	close $in;
	$text = '' unless defined $text;
	chomp $text;
	return $text;
}

sub sql
{
	my ($database, $query) = @_;

	return output_of('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-c', $query);
}

sub say_now
{
	my ($text) = @_;

	local $| = 1;
	printf "%s  %s\n", strftime('%H:%M:%S', localtime), $text;
}

# ------------------------------------------------------------------ figures

sub record
{
	my ($group, $name, $command) = @_;
	my ($elapsed, $own, $tree) = measure($command);

	push @{ $seconds{$group}{$name} }, $elapsed;
	for my $pair ([ own => $own ], [ tree => $tree ])
	{
		my $slot = \$memory{$group}{$name}{ $pair->[0] };
		$$slot = $pair->[1] if !defined $$slot || $pair->[1] > $$slot;
	}
	say_now(sprintf '  %-8s %-36s %8.2f s  %5.0f MiB', $group, $name, $elapsed, $tree / 1048576);
	return;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;

	return undef unless @sorted;
	return @sorted % 2 ? $sorted[ $#sorted / 2 ]
	  : ($sorted[ @sorted / 2 - 1 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub median_of
{
	my ($group, $name) = @_;

	return undef unless $seconds{$group};
	return median(@{ $seconds{$group}{$name} || [] });
}

sub size_of
{
	my ($path) = @_;

	return (split ' ', output_of('du', '-sb', $path))[0];
}

# -------------------------------------------------------------------- cases

sub fresh_repository
{
	my ($path) = @_;

	remove_tree($path);
	run("sh", "-c", "'$option{tool}' init --repo '$path' >/dev/null");
	return $path;
}

sub backup_command
{
	my ($repo, $database) = @_;

	return [
		$option{tool}, 'backup', '--repo', $repo, '-d', $database, '-j', $option{jobs},
		'--catalogue', 'none' ];
}

# The same, encrypted, for a key that nobody keeps.
sub encrypted_backup_command
{
	my ($repo, $database, $cipher) = @_;
	my $recipient = output_of("'$option{tool}' keygen | sed -n 's/^# public key: //p'");

	chomp $recipient;
	remove_tree($repo);
	run("sh", "-c",
		"'$option{tool}' init --repo '$repo' --recipient $recipient --cipher $cipher --state-dir '$work/state' >/dev/null");
	return [ @{ backup_command($repo, $database) }, '--state-dir', "$work/state" ];
}

# The fastest that stock tools have: zstd in pg_dump, since version 16.
sub newer_dump_command
{
	my ($database) = @_;

	remove_tree("$work/newer.dir");
	return [ "$newer/pg_dump", '-Fd', "-j$option{jobs}", '-Zzstd:1', '-f', "$work/newer.dir", $database ];
}

# It exits with 1 on an older server, which does not know transaction_timeout; other errors count.
sub newer_restore_command
{
	my $errors = "$work/newer.err";

	return "{ $newer/pg_restore -j$option{jobs} -d restored $work/newer.dir 2>$errors || ! grep 'ERROR:' $errors | grep -v transaction_timeout; }";
}

sub find_newer
{
	return unless $option{tree};
	$newer = "$work/newer";
	run("$top/scripts/tree_programs.sh", $option{tree}, $newer);
	my $version = output_of("$newer/pg_dump", '--version');
	($newer_version) = $version =~ /\b(\d+)\./ or die "benchmark.pl: no version in \"$version\"\n";
	$newer_dump = "pg_dump $newer_version -Fd -j$option{jobs} -Zzstd:1";
	$newer_restore = "pg_restore $newer_version -j$option{jobs}";
	push @facts, [ 'stock tools of --tree', $version ];
	return;
}

sub run_backups
{
	my ($database) = @_;

	for my $round (1 .. $option{runs})
	{
		say_now("backup, round $round of $option{runs}");
		my $repo = fresh_repository("$work/repo");
		record('backup', 'nex_backup', backup_command($repo, $database));
		$bytes{'nex_backup'} = size_of("$repo/objects");
		for my $cipher ('age', 'aes-256-gcm')
		{
			record('backup', "nex_backup, encrypted ($cipher)",
				encrypted_backup_command("$work/encrypted", $database, $cipher));
			remove_tree("$work/encrypted");
		}
		record('backup', 'pg_dump | zstd -1',
			"pg_dump $database | zstd -q -1 -f -o $work/dump.zst");
		record('backup', 'pg_dump | gzip -6; sha256sum',
			"pg_dump $database | gzip -6 > $work/dump.gz; sha256sum $work/dump.gz > $work/dump.sum");
		remove_tree("$work/dump.dir");
		record('backup', "pg_dump -Fd -j$option{jobs}",
			[ 'pg_dump', '-Fd', "-j$option{jobs}", '-f', "$work/dump.dir", $database ]);
		record('backup', $newer_dump, newer_dump_command($database)) if $newer;
		record('backup', 'nex_backup, nothing changed', backup_command($repo, $database));
	}
	$bytes{'pg_dump | zstd -1'} = size_of("$work/dump.zst");
	$bytes{'pg_dump | gzip -6; sha256sum'} = size_of("$work/dump.gz");
	$bytes{"pg_dump -Fd -j$option{jobs}"} = size_of("$work/dump.dir");
	$bytes{$newer_dump} = size_of("$work/newer.dir") if $newer;
	return;
}

# Verify and restore need what the backups made; make it once when that group was left out.
sub make_inputs
{
	my ($database) = @_;

	return if -e "$work/dump.gz";
	say_now('making the dumps to read');
	my $repo = fresh_repository("$work/repo");
	measure(backup_command($repo, $database));
	measure("pg_dump $database | gzip -6 > $work/dump.gz");
	measure([ 'pg_dump', '-Fd', "-j$option{jobs}", '-f', "$work/dump.dir", $database ])
	  if $wanted{restore};
	measure(newer_dump_command($database)) if $wanted{restore} && $newer;
	return;
}

sub run_verifies
{
	my ($database) = @_;

	for my $round (1 .. $option{runs})
	{
		say_now("verify, round $round of $option{runs}");
		record('verify', 'nex_backup',
			[ $option{tool}, 'verify', '--repo', "$work/repo", $database, '-j', $option{jobs},
				'--catalogue', 'none' ]);
		record('verify', 'sha256sum; gunzip -t',
			"sha256sum $work/dump.gz && gunzip -t $work/dump.gz");
	}
	return;
}

sub restore_case
{
	my ($name, $command) = @_;

	sql('postgres', 'CHECKPOINT');
	record('restore', $name, $command);
	sql('postgres', 'DROP DATABASE IF EXISTS restored');
	return;
}

sub restore_command
{
	my ($database, @more) = @_;

	return [
		$option{tool}, 'restore', '--repo', "$work/repo", $database, '--to', 'restored', '-j',
		$option{jobs}, '--catalogue', 'none', @more ];
}

sub run_restores
{
	my ($database) = @_;
	my $create = 'createdb -T template0 restored';

	for my $round (1 .. $option{runs})
	{
		say_now("restore, round $round of $option{runs}");
		restore_case('nex_backup', restore_command($database, '--no-analyze'));
		restore_case("pg_restore -j$option{jobs}",
			"$create && pg_restore -j$option{jobs} -d restored $work/dump.dir");
		restore_case($newer_restore, "$create && " . newer_restore_command()) if $newer;
		restore_case('gunzip -c | psql',
			"$create && gunzip -c $work/dump.gz | psql -qX -v ON_ERROR_STOP=1 -d restored");
		restore_case('nex_backup, with ANALYZE', restore_command($database));
	}
	return;
}

sub run_tables
{
	my $n = $option{tables};

	say_now("creating $n small tables");
	sql('postgres', 'CREATE DATABASE tables TEMPLATE template0');
	open(my $psql, '|-', 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', 'tables') or die "psql: $!";
	for (my $i = 1; $i <= $n; $i++)
	{
		print $psql "BEGIN;\n" if $i % 500 == 1;
		print $psql "CREATE TABLE t$i (id integer PRIMARY KEY, name text NOT NULL, "
		  . "amount numeric(12,2)); INSERT INTO t$i SELECT g, 'row ' || g, g * 1.25 "
		  . "FROM generate_series(1, 20) g;\n";
		print $psql "COMMIT;\n" if $i % 500 == 0 || $i == $n;
	}
	close $psql or die "psql failed\n";
	sql('tables', 'VACUUM ANALYZE');
	for my $round (1 .. $option{runs})
	{
		say_now("$n tables, round $round of $option{runs}");
		record('tables', 'nex_backup', backup_command(fresh_repository("$work/repo"), 'tables'));
		remove_tree("$work/tables.dir");
		record('tables', "pg_dump -Fd -j$option{jobs}",
			[ 'pg_dump', '-Fd', "-j$option{jobs}", '-f', "$work/tables.dir", 'tables' ]);
	}
	sql('postgres', 'DROP DATABASE tables');
	remove_tree("$work/tables.dir");
	return;
}

# Small large objects: what counts is the cost of each.
sub run_objects
{
	my $n = $option{objects};

	say_now("creating $n large objects");
	sql('postgres', 'CREATE DATABASE objects TEMPLATE template0');
	sql('objects', "SELECT count(lo_from_bytea(0, decode(md5(g::text), 'hex'))) FROM generate_series(1, $n) g");
	sql('objects', 'VACUUM ANALYZE');
	for my $round (1 .. $option{runs})
	{
		say_now("$n large objects, round $round of $option{runs}");
		record('objects', 'nex_backup', backup_command(fresh_repository("$work/repo"), 'objects'));
		record('objects', 'pg_dump -Fc', [ 'pg_dump', '-Fc', '-f', "$work/objects.dump", 'objects' ]);
	}
	sql('postgres', 'DROP DATABASE objects');
	unlink "$work/objects.dump";
	return;
}

# Parts of a backup for a live database: what counts is the cost of each table, and of each turn of its owner.
sub run_parts
{
	my $n = $option{parts};
	my %owner = (owned => 'app_owner', supers => 'postgres');

	say_now("creating twice $n tables with triggers, and $n partitions");
	sql('postgres', 'CREATE ROLE app_owner');
	sql('postgres', 'CREATE DATABASE parts TEMPLATE template0 OWNER app_owner');
	for my $schema (sort keys %owner)
	{
		sql('parts', "CREATE SCHEMA $schema AUTHORIZATION $owner{$schema}; SET ROLE $owner{$schema}; "
			  . "CREATE TYPE $schema.state AS ENUM ('a', 'b'); "
			  . "CREATE FUNCTION $schema.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
			  . "DO \$\$ BEGIN FOR i IN 1..$n LOOP EXECUTE format('CREATE TABLE $schema.t%1\$s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
			  . "ref bigint %2\$s, state $schema.state DEFAULT ''a'', v text CHECK (length(v) > 1), w integer GENERATED ALWAYS AS (length(v)) STORED); "
			  . "CREATE INDEX ON $schema.t%1\$s (lower(v)); CREATE TRIGGER touch BEFORE UPDATE ON $schema.t%1\$s FOR EACH ROW EXECUTE FUNCTION $schema.touch(); "
			  . "INSERT INTO $schema.t%1\$s (v) VALUES (''abc'')', i, CASE WHEN i > 1 THEN 'REFERENCES $schema.t' || (i - 1) END); END LOOP; END \$\$");
	}
	sql('parts', "CREATE SCHEMA split AUTHORIZATION app_owner; SET ROLE app_owner; "
		  . "CREATE TABLE split.all_of (id bigint, at date, state owned.state, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE INDEX ON split.all_of (state); "
		  . "DO \$\$ BEGIN FOR i IN 1..$n LOOP EXECUTE format('CREATE TABLE split.p%s PARTITION OF split.all_of FOR VALUES FROM (%L) TO (%L)', "
		  . "i, date '2020-01-01' + i, date '2020-01-02' + i); END LOOP; END \$\$; "
		  . "INSERT INTO split.all_of SELECT i, date '2020-01-01' + i, 'a' FROM generate_series(1, $n) i");
	run(@{ backup_command(fresh_repository("$work/repo"), 'parts') });
	run('pg_dump', '-Fc', '-f', "$work/parts.dump", 'parts');
	for my $round (1 .. $option{runs})
	{
		say_now("parts, round $round of $option{runs}");
		for my $schema ('owned', 'supers', 'split')
		{
			my @restore = ($option{tool}, 'restore', '--repo', "$work/repo", '-q', '--yes', 'parts', '--to', 'parts', '--schema', $schema);

			for my $case ([ 'nex_backup', @restore ], [ 'nex_backup --rows-as=session', @restore, '--rows-as=session' ],
				[ 'pg_restore -1', 'pg_restore', '-1', '-d', 'parts', '-n', $schema, "$work/parts.dump" ])
			{
				my ($name, @command) = @$case;

				sql('parts', 'SET client_min_messages = error; DROP SCHEMA split CASCADE' . ($schema eq 'split' ? '' : "; DROP SCHEMA $schema CASCADE"));
				sql('parts', "CREATE SCHEMA $schema AUTHORIZATION " . ($owner{$schema} || 'app_owner')) if $name =~ /^pg_restore/;
				record('parts', "$name, schema $schema", \@command);
				sql('parts', 'SET client_min_messages = error; CREATE SCHEMA IF NOT EXISTS split');
			}
		}
	}
	sql('postgres', 'DROP DATABASE parts');
	sql('postgres', 'DROP ROLE app_owner');
	unlink "$work/parts.dump";
	return;
}

sub load_sample
{
	my ($database, $scale) = @_;

	say_now("loading the sample database, scale $scale");
	sql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	run('psql', '-qX', '-d', $database, '-f', "$top/tests/fixtures/sample_schema.sql");
	run('sh', '-c',
		"psql -qX -d $database -v scale=$scale -f '$top/bench/sample_data.sql' >'$work/load.log'");
	sql('postgres', 'CHECKPOINT');
	return;
}

sub heap_bytes
{
	my ($database) = @_;

	return sql($database, "SELECT sum(pg_table_size(oid)) FROM pg_class "
		  . "WHERE relkind = 'r' AND oid >= 16384");
}

# Memory must not grow with the database: the same three verbs on four times the rows.
sub run_large
{
	my $scale = 4 * $option{scale};

	remove_tree($_) for "$work/dump.dir", "$work/newer.dir";
	unlink "$work/dump.gz", "$work/dump.zst";
	load_sample('large', $scale);
	$bytes{large} = heap_bytes('large');
	record('large', 'backup', backup_command(fresh_repository("$work/repo"), 'large'));
	record('large', 'verify',
		[ $option{tool}, 'verify', '--repo', "$work/repo", 'large', '-j', $option{jobs},
			'--catalogue', 'none' ]);
	sql('postgres', 'CHECKPOINT');
	record('large', 'restore', restore_command('large', '--no-analyze'));
	sql('postgres', 'DROP DATABASE IF EXISTS restored');
	sql('postgres', 'DROP DATABASE large');
	return;
}

# ------------------------------------------------------------------- report

sub targets
{
	return (
		[ 'backup', 'nex_backup', 'pg_dump | zstd -1', 0.70 ],
		[ 'backup', 'nex_backup', 'pg_dump | gzip -6; sha256sum', 0.18 ],
		[ 'backup', 'nex_backup', "pg_dump -Fd -j$option{jobs}", undef ],
		$newer ? ([ 'backup', 'nex_backup', $newer_dump, undef ]) : (),
		[ 'backup', 'nex_backup, encrypted (age)', 'nex_backup', 1.10 ],
		[ 'backup', 'nex_backup, encrypted (aes-256-gcm)', 'nex_backup', 1.10 ],
		[ 'verify', 'nex_backup', 'sha256sum; gunzip -t', 0.15 ],
		[ 'restore', 'nex_backup', "pg_restore -j$option{jobs}", 0.80 ],
		$newer ? ([ 'restore', 'nex_backup', $newer_restore, undef ]) : (),
		[ 'restore', 'nex_backup', 'gunzip -c | psql', 0.55 ],
		[ 'tables', 'nex_backup', "pg_dump -Fd -j$option{jobs}", 1.00 ],
		[ 'objects', 'nex_backup', 'pg_dump -Fc', 0.50 ]);
}

sub table_lines
{
	my ($header, @rows) = @_;

	return '' unless @rows;
	my $columns = scalar @$header;
	return join("\n", map { '| ' . join(' | ', map { s/\|/\\|/gr } @$_) . ' |' } ($header))
	  . "\n|" . ('---|' x $columns) . "\n"
	  . join('', map { '| ' . join(' | ', map { s/\|/\\|/gr } @$_) . " |\n" } @rows) . "\n";
}

sub timing_rows
{
	my ($group) = @_;
	my @rows;

	for my $name (sort { median_of($group, $a) <=> median_of($group, $b) } keys %{ $seconds{$group} })
	{
		my @runs = @{ $seconds{$group}{$name} };
		my $size = $group eq 'backup' && $bytes{$name} ? megabytes($bytes{$name}) : '';
		push @rows,
		  [ $name, sprintf('%.2f', median(@runs)), join(', ', map { sprintf '%.2f', $_ } @runs),
			mebibytes($memory{$group}{$name}{own}), mebibytes($memory{$group}{$name}{tree}), $size ];
	}
	return @rows;
}

sub megabytes { return sprintf '%.0f MB', $_[0] / 1e6 }
sub mebibytes { return sprintf '%.0f MiB', ($_[0] || 0) / 1048576 }

sub ratio_rows
{
	my @rows;

	for my $target (targets())
	{
		my ($group, $ours, $theirs, $limit) = @$target;
		my ($mine, $other) = (median_of($group, $ours), median_of($group, $theirs));
		next unless defined $mine && defined $other;
		my $ratio = $mine / $other;
		push @rows,
		  [ $group, $ours eq 'nex_backup' ? $theirs : "$ours / $theirs", sprintf('%.3f', $ratio), defined $limit ? sprintf('%.2f', $limit) : '',
			!defined $limit ? '' : $ratio <= $limit ? 'met' : 'missed' ];
	}
	return @rows;
}

sub peak_row
{
	my $peak = 0;
	my $tree = 0;

	for my $group (keys %memory)
	{
		for my $name (grep { /^nex_backup|^(?:backup|verify|restore)$/ } keys %{ $memory{$group} })
		{
			my $m = $memory{$group}{$name};
			$peak = $m->{own} if $m->{own} > $peak;
			$tree = $m->{tree} if $m->{tree} > $tree;
		}
	}
	return sprintf "Peak memory of nex_backup over all cases: %s by itself (target: 256 MiB), "
	  . "%s with the programs that it runs.\n", mebibytes($peak), mebibytes($tree);
}

sub first_line
{
	my ($file, $pattern) = @_;

	open(my $in, '<', $file) or return 'unknown';
	while (my $line = <$in>)
	{
		return $1 if $line =~ $pattern;
	}
	return 'unknown';
}

sub gather_facts
{
	my $memory = first_line('/proc/meminfo', qr/^MemTotal:\s+(\d+)/);

	push @facts, [ 'date', strftime('%Y-%m-%d', gmtime) ];
	push @facts, [ 'processor', first_line('/proc/cpuinfo', qr/^model name\s*:\s*(.+)/)
		  . ', ' . output_of('nproc') . ' cores' ];
	push @facts, [ 'memory', sprintf '%.0f GiB', $memory / 1048576 ] if $memory =~ /^\d+$/;
	push @facts, [ 'file system', output_of('stat', '-f', '-c', '%T', $option{dir}) ];
	push @facts, [ 'kernel', output_of('uname', '-sr') ];
	push @facts, [ 'PostgreSQL', sql('postgres', 'SHOW server_version') ];
	push @facts, [ 'nex_backup', output_of($option{tool}, 'version') =~ s/\n.*//sr ];
	push @facts, [ 'zstd', output_of('zstd', '--version') =~ s/.*\b(v[0-9.]+).*/$1/sr ];
	push @facts, [ 'gzip', output_of('gzip', '--version') =~ s/\n.*//sr ];
	push @facts, [ 'server settings', 'shared_buffers 512MB, max_wal_size 4GB, fsync on, the rest default' ];
	return;
}

sub report
{
	my @header = ('program', 'median s', 'runs s', 'peak memory', 'with children', 'stored');
	my %title = (
		backup => 'Backup', verify => 'Verify', restore => 'Restore into a new database',
		tables => "Backup of $option{tables} small tables",
		objects => "Backup of $option{objects} large objects of 16 bytes",
		parts => "Parts of $option{parts} tables, or partitions, into a live database",
		large => 'Four times the rows: memory stays as it is');
	my $text = "# Benchmarks\n\nWritten by `make bench`. Wall times; medians of $option{runs} rounds in "
	  . "which the programs took turns; $option{jobs} jobs where a program has them.\n\n";

	$text .= sprintf "Sample invoice database at scale %s: %s of heap and TOAST.\n\n", $option{scale},
	  megabytes($bytes{sample})
	  if $bytes{sample};
	$text .= "## Against the usual ways\n\n"
	  . table_lines([ 'case', 'compared with', 'ratio of medians', 'target', '' ], ratio_rows());
	$text .= peak_row() . "\n";
	for my $group (@groups)
	{
		next unless keys %{ $seconds{$group} || {} };
		$text .= "## $title{$group}\n\n" . table_lines(\@header, timing_rows($group));
	}
	$text .= "## Machine and versions\n\n" . table_lines([ 'what', 'value' ], @facts);
	$text .= commands_text();
	return $text;
}

sub commands_text
{
	my $j = $option{jobs};
	my $newer_commands = $newer ? <<"TEXT" : '';
pg_dump -Fd -j$j -Zzstd:1 -f newer.dir sample            (of version $newer_version)
createdb -T template0 restored && pg_restore -j$j -d restored newer.dir
TEXT

	return <<"TEXT";
## Commands

```
nex_backup backup --repo REPO -d sample -j $j           (a new repository each round; encrypted: one made by
                                                       init --recipient KEY --cipher age or aes-256-gcm)
pg_dump sample | zstd -q -1 -f -o dump.zst
pg_dump sample | gzip -6 > dump.gz; sha256sum dump.gz > dump.sum
pg_dump -Fd -j$j -f dump.dir sample
nex_backup verify --repo REPO sample -j $j
sha256sum dump.gz && gunzip -t dump.gz
nex_backup restore --repo REPO sample --to restored -j $j --no-analyze
createdb -T template0 restored && pg_restore -j$j -d restored dump.dir
createdb -T template0 restored && gunzip -c dump.gz | psql -qX -v ON_ERROR_STOP=1 -d restored
$newer_commands```

Peak memory is the program's own high-water mark (VmHWM); "with children" adds up the resident memory
of the program and all that it started, sampled every $sample_period s, pages that they share counted for each.
Restores are compared without ANALYZE, since pg_restore and psql do none; the row with it is given as well.
TEXT
}

# --------------------------------------------------------------------- main

sub start_cluster
{
	local $ENV{CLUSTER_PARENT} = $option{dir};
	local $ENV{PG_CONFIG} = $option{pg_config};

	$cluster = output_of("$top/scripts/private_cluster.sh", 'start', 'shared_buffers=512MB',
		'max_wal_size=4GB', 'max_locks_per_transaction=512');
	die "benchmark.pl: no cluster\n" unless -d $cluster;
	delete @ENV{ grep { /^PG/ && $_ ne 'PG_CONFIG' } keys %ENV };
	@ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($cluster, 5432, 'postgres', 'postgres');
	$ENV{PATH} = output_of($option{pg_config}, '--bindir') . ":$ENV{PATH}";
	return;
}

sub clean_up
{
	return if $option{keep};
	if ($cluster)
	{
		local $ENV{PG_CONFIG} = $option{pg_config};
		system("$top/scripts/private_cluster.sh", 'stop', $cluster);
	}
	remove_tree($work) if $work;
	return;
}

sub main
{
	-x $option{tool} or die "benchmark.pl: no program \"$option{tool}\"; run \"make\" first\n";
	$work = tempdir("$option{dir}/nexb_bench.XXXXXX", CLEANUP => 0);
	$SIG{INT} = $SIG{TERM} = sub { die "benchmark.pl: interrupted\n" };
	start_cluster();
	find_newer();
	if ($wanted{backup} || $wanted{verify} || $wanted{restore})
	{
		load_sample('sample', $option{scale});
		$bytes{sample} = heap_bytes('sample');
	}
	run_backups('sample') if $wanted{backup};
	make_inputs('sample') if $wanted{verify} || $wanted{restore};
	run_verifies('sample') if $wanted{verify};
	run_restores('sample') if $wanted{restore};
	run_tables() if $wanted{tables};
	run_parts() if $wanted{parts};
	run_objects() if $wanted{objects};
	run_large() if $wanted{large};
	gather_facts();
	my $text = report();
	print "\n$text";
	if ($option{output})
	{
		open(my $out, '>', $option{output}) or die "$option{output}: $!";
		print $out $text;
		close $out or die "$option{output}: $!";
	}
	return;
}

my $good = eval { main(); 1 };
my $error = $@;
clean_up();
die $error unless $good;
