# NexBackup::Test
#   What the end-to-end tests share: a server with the sample database, running
#   the tool, damaging files, and comparing two databases.
#
#   Servers come from PostgreSQL::Test::Cluster.  The tool is the one that
#   $NEX_BACKUP names, else the one in this source tree.
package NexBackup::Test;

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Find ();
use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Clusters ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

our @EXPORT = qw(
  start_server use_server load_sample create_database tool tool_path tool_ok tool_fails tool_json
  start_tool finish_tool new_repository all_files read_bytes write_bytes damage_file
  normalized_dump same_database database_names foreign_backends small_directory top
  latest_id stock_restore query wait_until have_extension label_settings
  hold_lock backends_in background_sql waits_for_lock waiting_pg_dump server_lacks removal_shim gate_shim);

my $top = abs_path(dirname(abs_path(__FILE__)) . '/../..');
# Seconds after which something that does not end makes the test die, not wait for ever.
my $hung = 900;
my $tool = abs_path($ENV{NEX_BACKUP} || "$top/tool/nex_backup");

sub top { return $top }
sub tool_path { return $tool }

# ----------------------------------------------------------------- servers

# Point libpq's environment at a server.
sub use_server
{
	my ($node) = @_;

	delete @ENV{ grep { /^NEX_BACKUP_/ } keys %ENV };
	$ENV{NEX_BACKUP_CONFIG} = '/dev/null';
	$ENV{PGHOST} = $node->host;
	$ENV{PGPORT} = $node->port;
	$ENV{PGDATABASE} = 'postgres';
	$ENV{PATH} = $node->config_data('--bindir') . ":$ENV{PATH}"
	  unless index($ENV{PATH}, $node->config_data('--bindir') . ':') == 0;
	return;
}

# A running server, with the roles that the sample database grants to.
sub start_server
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name || 'main');

	$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
	$settings{autovacuum} = 'off' unless exists $settings{autovacuum};
	$settings{max_connections} = 50;
	$node->append_conf('postgresql.conf', "$_ = '$settings{$_}'") for sort keys %settings;
	$node->start;
	use_server($node);
	query('postgres', "CREATE ROLE $_ LOGIN") for qw(invoice_app invoice_report);
	return $node;
}

# Is the extension installed, so that CREATE EXTENSION can work?
sub have_extension
{
	return query('postgres',
		"SELECT count(*) FROM pg_available_extensions WHERE name = 'nex_backup'");
}

# Settings for a server whose sessions know the provider of security labels that check.sh installs.
sub label_settings
{
	my $config = $ENV{PG_CONFIG} || 'pg_config';
	chomp(my $directory = `"$config" --pkglibdir`);

	return -e "$directory/nexb_labels.so" ? (session_preload_libraries => 'nexb_labels') : ();
}

# Run SQL, die on an error, give the result as text.
sub query
{
	my ($database, $sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', conninfo($database), '-f', '-' ],
		'<', \$sql, '>', \$out, '2>', \$err, IPC::Run::timeout($hung))
	  or die "psql: $err in:\n$sql\n";
	chomp $out;
	return $out;
}

# The minor release that a fix of the server came with, if the server is older.
sub server_lacks
{
	my (%fixed) = @_;
	my $version = query('postgres', 'SHOW server_version_num');
	my ($major, $minor) = (int($version / 10000), $version % 10000);

	return $minor < ($fixed{$major} // 0) ? "$major.$fixed{$major}" : undef;
}

# A conninfo for a database of any name: PGDATABASE takes "=" and quotes amiss.
sub conninfo
{
	my ($database) = @_;

	$database =~ s/([\\'])/\\$1/g;
	return "dbname='$database'";
}

sub create_database
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	query('postgres', qq(CREATE DATABASE "$name" TEMPLATE template0));
	return;
}

sub load_sample
{
	my ($database, $scale) = @_;

	create_database($database);
	system_or_bail('psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-f',
		"$top/tests/fixtures/sample_schema.sql");
	system_or_bail('psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $database, '-v',
		'scale=' . ($scale || 0.005), '-f', "$top/bench/sample_data.sql");
	return;
}

sub database_names
{
	return [ split /\n/, query('postgres', 'SELECT datname FROM pg_database ORDER BY 1') ];
}

# Client backends other than the one that asks; ended ones are given a moment.
sub foreign_backends
{
	my $count;

	for (1 .. 50)
	{
		$count = query('postgres',
			"SELECT count(*) FROM pg_stat_activity "
			  . "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
		last if $count == 0;
		select(undef, undef, undef, 0.1);
	}
	return $count;
}

# Wait for a condition, 90 seconds at most.
sub wait_until
{
	my ($condition) = @_;

	# By the clock: on a busy machine each look may take a second.
	for (my $end = Time::HiRes::time + 90; Time::HiRes::time < $end;)
	{
		return 1 if $condition->();
		select(undef, undef, undef, 0.05);
	}
	return $condition->();
}

# Client backends in one database.
sub backends_in
{
	my ($database) = @_;

	return query('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
		  . "AND pid <> pg_backend_pid() AND datname = '$database'");
}

# Lock a table against everybody; the returned sub lets go.
sub hold_lock
{
	my ($database, $table) = @_;
	my ($in, $out, $err) = ("BEGIN; LOCK TABLE $table; SELECT 'held';\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', conninfo($database) ], '<', \$in, '>', \$out,
		'2>', \$err, IPC::Run::timeout(120));

	$session->pump until $out =~ /held/ || $err =~ /ERROR/;
	die "psql: $err" if $err =~ /ERROR/;
	# Not by closing its input: a tool started meanwhile may have inherited the other end.
	return sub { $in .= "\\q\n"; $session->pump while $session->pumpable && length $in; $session->finish; };
}

# Run SQL in the background as application "migration"; the returned sub waits for its end and
# gives exit code, output and seconds.
sub background_sql
{
	my ($database, $sql) = @_;
	my $out = '';
	my $start = Time::HiRes::time;
	my $session = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', conninfo($database) . ' application_name=migration', '-c', $sql ],
		'<', '/dev/null', '>', \$out, '2>&1', IPC::Run::timeout(120));

	return sub { $session->finish; return ($session->result(0), $out, Time::HiRes::time - $start); };
}

# Wait until a session of this application waits for a lock.  Needs PGAPPNAME to be unset.
sub waits_for_lock
{
	my ($application) = @_;

	return wait_until(
		sub {
			query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
				  . "AND application_name = '$application'") > 0;
		});
}

# A directory for --pg-bindir whose pg_dump does its work, makes the file "done", and then ends
# only when the file "go" is there: a backup that lasts as long as a test wants.
sub waiting_pg_dump
{
	my ($node) = @_;
	my $bindir = $node->config_data('--bindir');
	my $directory = File::Temp::tempdir(CLEANUP => 1);

	symlink("$bindir/pg_restore", "$directory/pg_restore");
	write_bytes("$directory/pg_dump", <<"SH");
#!/bin/sh
"$bindir/pg_dump" "\$\@" || exit
[ "\$1" = --version ] && exit
touch "$directory/done"
while [ ! -e "$directory/go" ]; do sleep 0.1; done
SH
	chmod 0755, "$directory/pg_dump";
	return $directory;
}

# -------------------------------------------------------------------- tool

# Run the tool to its end: exit code, standard output, standard error.
sub tool
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');

	print "# Running: nex_backup @arguments\n";
	IPC::Run::run([ $tool, @arguments ], '<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout($hung));
	my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	print "# exit $code\n$out$err\n";
	return ($code, $out, $err);
}

sub tool_ok
{
	my ($arguments, $name) = @_;
	my ($code, $out, $err) = tool(@$arguments);

	is($code, 0, $name) or diag($err);
	return $out;
}

# The tool must fail with this exit code and a message of this kind.
sub tool_fails
{
	my ($arguments, $code, $pattern, $name) = @_;
	my ($got, $out, $err) = tool(@$arguments);

	subtest $name => sub {
		is($got, $code, "exit code $code");
		like($err, $pattern, 'message');
		unlike($err, qr/^\w*: error: .*\.$/m, 'no full stop in the primary line');
	} or diag($err);
	return $err;
}

sub tool_json
{
	my (@arguments) = @_;
	my ($code, $out, $err) = tool(@arguments, '--json');
	my $value = eval { JSON::PP->new->utf8->decode($out) };

	diag("no JSON: $out$err") unless defined $value;
	return $value;
}

# Is a process the tool by now, which blocks SIGTERM from its first moment on, or has it ended?  What
# it was before the exec may block signals as well, for the moment of the fork.
sub takes_signals
{
	my ($pid) = @_;
	my $program = readlink("/proc/$pid/exe");
	my $status = -r "/proc/$pid/status" ? read_bytes("/proc/$pid/status") : '';

	return 1 if $status eq '' || $status =~ /^State:\s*Z/m;
	return defined $program && $program eq $tool && $status =~ /^SigBlk:\s*([0-9a-f]+)/m && hex($1) & 1 << 14;
}

# Start the tool, and come back when a signal would not end it before it has begun; what it writes
# goes to a file.
sub start_tool
{
	my ($log, @arguments) = @_;
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', $log);
		open(STDERR, '>&', \*STDOUT);
		# A child of its own group: a signal meant for it alone.
		setpgrp(0, 0);
		exec { $tool } $tool, @arguments or POSIX::_exit(127);
	}
	wait_until(sub { takes_signals($pid) });
	return $pid;
}

# Wait for it; the exit code, or 128 plus the signal.
sub finish_tool
{
	my ($pid) = @_;

	waitpid($pid, 0);
	return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

# -------------------------------------------------------------- repository

sub new_repository
{
	my ($name) = @_;
	my $path = File::Temp::tempdir(CLEANUP => 1) . '/' . ($name || 'repo');
	my ($code, $out, $err) = tool('init', '--repo', $path);

	BAIL_OUT("could not create a repository: $err") if $code != 0;
	return $path;
}

sub latest_id
{
	my ($repo, $database) = @_;
	my $list = tool_json('list', '--repo', $repo, $database);
	my @backups = @{ $list->{backups} };

	return $backups[-1]{backup} // $backups[-1]{id};
}

# Paths of all regular files, relative, sorted; lock files mean nothing and are left out.
sub all_files
{
	my ($directory) = @_;
	my @files;

	File::Find::find({
			no_chdir => 1,
			wanted => sub {
				return unless -f $_;
				my $path = substr($_, length($directory) + 1);
				push @files, $path unless $path =~ m{^lock/};
			}
		},
		$directory);
	return sort @files;
}

sub read_bytes
{
	my ($path) = @_;

	open(my $in, '<:raw', $path) or die "$path: $!";
	local $/;
	my $bytes = <$in>;
	close $in;
	return defined $bytes ? $bytes : '';
}

sub write_bytes
{
	my ($path, $bytes) = @_;

	open(my $out, '>:raw', $path) or die "$path: $!";
	print $out $bytes;
	close $out or die "$path: $!";
	return;
}

# Damage a file in one way; returns a sub that mends it.
sub damage_file
{
	my ($path, $how) = @_;
	my $bytes = read_bytes($path);

	if ($how eq 'remove')
	{
		unlink $path or die "$path: $!";
	}
	elsif ($how eq 'truncate')
	{
		write_bytes($path, substr($bytes, 0, int(length($bytes) / 2)));
	}
	elsif ($how eq 'empty')
	{
		write_bytes($path, '');
	}
	elsif ($how eq 'extend')
	{
		write_bytes($path, $bytes . "\n");
	}
	elsif ($how =~ /^flip(?: (\d+))?$/)
	{
		my $changed = $bytes;
		my $position = defined $1 ? $1 : int(rand(length($bytes)));
		vec($changed, $position, 8) ^= 1 << int(rand(8));
		print "# flipped a bit of byte $position\n";
		write_bytes($path, $changed);
	}
	else
	{
		die "no such damage: $how";
	}
	return sub { write_bytes($path, $bytes); };
}

# A library to preload, of tests/fixtures; undef if there is no compiler.
sub shim
{
	my ($name) = @_;
	my $shim = File::Temp::tempdir(CLEANUP => 1) . "/$name.so";

	return undef
	  if system($ENV{CC} || 'cc', '-O1', '-D_GNU_SOURCE', '-shared', '-fPIC', '-o', $shim, top() . "/tests/fixtures/$name.c") != 0;
	return $shim;
}

# It removes files while a program goes on.
sub removal_shim { return shim('removal_shim') }

# It keeps a backup from storing rows until there is a file.
sub gate_shim { return shim('gate_shim') }

# The directory on a small file system that the test runner mounted, or why there is none.
sub small_directory
{
	return ($ENV{NEXB_SMALL_DIR}, undef) if $ENV{NEXB_SMALL_DIR};
	return (undef, $ENV{NEXB_NO_SMALL_DIR} || 'NEXB_SMALL_DIR is not set; "make check" mounts it');
}

# Restore with stock tools alone, nex_backup not in PATH: digests first, then psql.
sub stock_restore
{
	my ($repo, $listing, $unpack, $database) = @_;
	my $bindir = dirname($tool);
	my $path = join(':', grep { !-x "$_/nex_backup" } split(/:/, $ENV{PATH}));

	# The server's own programs, when nex_backup is installed beside them.
	my $tools = File::Temp::tempdir(CLEANUP => 1);
	for my $directory (split(/:/, $ENV{PATH}))
	{
		symlink("$directory/psql", "$tools/psql") if -x "$directory/psql";
	}
	local $ENV{PATH} = "$tools:$path";
	my $conninfo = conninfo($database);
	my ($out, $err) = ('', '');
	my $script = <<'SHELL';
command -v nex_backup && exit 99
set -eo pipefail
cd "$1"
sha256sum -c --quiet "$2"
cut -c67- "$2" | xargs cat | $3 | psql -X -q -v ON_ERROR_STOP=1 -d "$4"
SHELL
	IPC::Run::run([ 'bash', '-c', $script, 'bash', $repo, $listing, $unpack, $conninfo ],
		'<', \'', '>', \$out, '2>', \$err);
	my $status = $?;
	diag($out . $err) if $status;
	return $status;
}

# -------------------------------------------------------------- comparison

# pg_dump's text without comments and restrict keys, then the rows of each table, sorted:
# rows of one table that several connections load come in any order, and rows that go
# in through a partition root may end up in another partition.
sub normalized_dump
{
	my ($database, @more) = @_;
	my ($out, $err) = ('', '');
	my (@text, %rows, $copy);

	IPC::Run::run([ 'pg_dump', @more, '-d', conninfo($database) ], '>', \$out, '2>', \$err)
	  or die "pg_dump: $err";
	# A mark that servers put on columns since 2026-11-12; pg_dump of an older minor release takes it for an option.
	$out =~ s/\bpg_attver=\d+/pg_attver=0/g;
	for my $line (split /\n/, $out)
	{
		if (defined $copy)
		{
			if ($line eq '\.')
			{
				undef $copy;
			}
			else
			{
				push @{ $rows{$copy} }, $line;
			}
			next;
		}
		next if $line =~ /^--/ || $line =~ /^\\(?:un)?restrict/ || $line eq '';
		if ($line =~ /^COPY .* FROM stdin;$/ || ($line =~ / FROM stdin;$/ && $line !~ /^COMMENT/))
		{
			$copy = $line;
			$rows{$copy} ||= [];
			next;
		}
		push @text, $line;
	}
	return join("\n", @text, map { ($_, sort @{ $rows{$_} }) } sort keys %rows) . "\n";
}

# Two databases give the same dump.
sub same_database
{
	my ($first, $second, $name) = @_;
	my @dump = map { normalized_dump($_) } ($first, $second);

	return pass($name) if $dump[0] eq $dump[1];
	my $directory = File::Temp::tempdir(CLEANUP => 1);
	write_bytes("$directory/$_", $dump[$_]) for (0, 1);
	my $diff = `diff -u $directory/0 $directory/1 | head -n 60`;
	fail($name);
	diag($diff);
	return 0;
}

1;
