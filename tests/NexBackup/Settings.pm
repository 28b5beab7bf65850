# NexBackup::Settings
#   Does what a role or a database sets change what a backup holds, or what comes of a restore?
#
#   odd_values() asks the server for all settings that a role can have, and gives each its odd
#   values.  sweep() makes batches of them, takes each batch through all that a test does, and
#   halves a batch that fails until single settings are left.
package NexBackup::Settings;

use strict;
use warnings;

use Exporter qw(import);
use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

our @EXPORT = qw(odd_values sweep plant unplant as_sane facts);

# What the test's own sessions have, whatever is planted.
my $sane = join(' ', map { "-c $_" } 'statement_timeout=0', 'lock_timeout=0', 'idle_session_timeout=0',
	'idle_in_transaction_session_timeout=0', 'default_transaction_isolation=read\\ committed', 'default_transaction_read_only=off',
	'default_transaction_deferrable=off', 'standard_conforming_strings=on', 'backslash_quote=safe_encoding', 'array_nulls=on',
	'transform_null_equals=off', 'quote_all_identifiers=off', 'lc_monetary=C', 'client_min_messages=error', 'DateStyle=ISO',
	'IntervalStyle=postgres', 'TimeZone=UTC', 'bytea_output=hex', 'xmlbinary=base64', 'xmloption=content', 'row_security=off',
	'extra_float_digits=1', 'search_path=public', 'default_tablespace=', 'default_table_access_method=heap',
	'session_replication_role=origin', 'max_stack_depth=2MB', 'temp_file_limit=-1', 'restrict_nonsystem_relation_kind=', 'client_encoding=UTF8');

# Strings have no list of values.  What is not here, and not in %never, makes a test fail.
my %strings = (
	application_name => ['odd \\ \'name\''],
	backtrace_functions => ['errstart'],
	client_encoding => [ 'LATIN1', 'SQL_ASCII' ],
	createrole_self_grant => ['set, inherit'],
	DateStyle => [ 'German, DMY', 'SQL, DMY', 'Postgres, MDY', 'ISO, YMD' ],
	debug_io_direct => [],
	default_table_access_method => ['other_heap'],
	default_tablespace => ['odd_space'],
	default_text_search_config => ['pg_catalog.german'],
	dynamic_library_path => ['$libdir:/nowhere'],
	extension_control_path => ['$system:/nowhere'],
	lc_messages => [ 'C.UTF-8', 'POSIX' ],
	lc_monetary => ['POSIX'],
	lc_numeric => ['POSIX'],
	lc_time => ['POSIX'],
	'plpgsql.extra_errors' => ['all'],
	'plpgsql.extra_warnings' => ['all'],
	restrict_nonsystem_relation_kind => ['view, foreign-table'],
	search_path => [ '', 's, pg_catalog', 'pg_temp, nowhere', '"$user", "s\\ ""\'"' ],
	temp_tablespaces => ['odd_space'],
	TimeZone => [ 'Asia/Kathmandu', '<-1245>+12:45', 'Pacific/Apia', 'posix/America/New_York' ],
	timezone_abbreviations => [ 'India', 'Australia' ],
	wal_consistency_checking => ['all'],
	synchronized_standby_slots => [],
	event_source => [],
);

# Libraries that are not there, and what SET TRANSACTION is, which no session begins with.
my %never = map { $_ => 1 } qw(local_preload_libraries session_preload_libraries output_plugin_libraries extension_destdir
  transaction_deferrable transaction_isolation transaction_read_only);

# Numbers whose extremes say nothing, but that the machine is small or the log long.
my %numbers = (
	max_stack_depth => ['1MB'],
	debug_discard_caches => [],
	temp_file_limit => ['10MB'],
	temp_buffers => [ 100, '64MB' ],
	maintenance_work_mem => [ '1MB', '256MB' ],
	work_mem => [ '64kB', '256MB' ],
	logical_decoding_work_mem => ['64kB'],
	jit_above_cost => [-1],
	jit_inline_above_cost => [-1],
	jit_optimize_above_cost => [-1],
	vacuum_buffer_usage_limit => ['128kB'],
	geqo_pool_size => [1000],
	geqo_generations => [1000],
	commit_delay => [1000],
	extra_float_digits => [ -15, 0, 3 ],
);

# Enums and booleans of which a server of a test makes gigabytes of log.
my %loud = map { $_ => 1 } qw(debug_print_parse debug_print_rewritten debug_print_plan trace_lock_table trace_locks trace_lwlocks
  trace_userlocks debug_deadlocks);

# pairs of name and value; those without a value to try go to @$skipped.
sub odd_values
{
	my ($skipped) = @_;
	my @odd;

	for my $line (split /\n/, query('postgres', <<'SQL'))
LOAD 'plpgsql';
SELECT name, vartype, setting, array_to_string(enumvals, ','), min_val, max_val FROM pg_settings
WHERE context IN ('user', 'superuser') AND name !~ '^nexb|^nex_backup' ORDER BY name
SQL
	{
		my ($name, $type, $now, $enum, $low, $high) = split /\|/, $line, -1;
		my @values = $type eq 'bool' ? ($now eq 'on' ? 'off' : 'on') : $type eq 'enum' ? grep { $_ ne $now } split(/,/, $enum)
		  : $numbers{$name} ? @{ $numbers{$name} } : $type eq 'string' ? @{ $strings{$name} // [] } : grep { $_ ne $now } ($low, $high);

		@values = () if $never{$name} || $loud{$name};
		push @$skipped, $name if !@values && !$never{$name} && !$loud{$name} && !$numbers{$name} && !exists $strings{$name};
		push @odd, map { [ $name, $_ ] } @values;
	}
	return @odd;
}

# Run the rest with settings of our own.
sub as_sane
{
	my ($code) = @_;
	local $ENV{PGOPTIONS} = $sane =~ s/-c restrict_nonsystem_relation_kind= //r;
	local $ENV{PGUSER} = 'sane';

	return $code->();
}

# Give a batch to "ROLE name", "DATABASE name", or "SYSTEM".
sub plant
{
	my ($owner, @batch) = @_;

	as_sane(sub {
		for my $odd (@batch)
		{
			my ($name, $value) = @$odd;
			my @items = $name =~ /^(?:search_path|temp_tablespaces|DateStyle)$/ && $value ne '' && $name ne 'DateStyle'
			  ? map { s/^"(.*)"$/$1/r =~ s/""/"/gr } $value =~ /("(?:[^"]|"")*"|[^, ]+)/g : ($value);

			query('postgres', "ALTER $owner SET $name TO " . join(', ', map { "'" . s/'/''/gr . "'" } @items));
		}
		query('postgres', 'SELECT pg_reload_conf()') if $owner eq 'SYSTEM';
	});
	return;
}

sub unplant
{
	my (@owners) = @_;

	as_sane(sub { query('postgres', "ALTER $_ RESET ALL;\nSELECT pg_reload_conf()") for @owners });
	return;
}

# A picture of a database, but for what is said of the database itself.
sub facts
{
	my ($database) = @_;

	return as_sane(sub {
		my $picture = picture($database);

		delete $picture->{$_} for grep { / of the database$/ } keys %$picture;
		return $picture;
	});
}

# Batches in which no setting has two values, of $size at most.
sub batches
{
	my ($size, @odd) = @_;
	my @batches;

	ODD: for my $odd (@odd)
	{
		for my $batch (@batches)
		{
			next if @$batch >= $size || grep { $_->[0] eq $odd->[0] } @$batch;
			push @$batch, $odd;
			next ODD;
		}
		push @batches, [$odd];
	}
	return @batches;
}

# $try->(@batch) gives a list of what is wrong.  Says for each setting that alone makes it fail, and
# for each batch that fails only as a whole, what; gives the number of batches.
sub sweep
{
	my ($size, $try, @odd) = @_;
	my @left = batches($size, @odd);
	my $tried = 0;

	while (my $batch = shift @left)
	{
		my $name = join(', ', map { "$_->[0] = $_->[1]" } @$batch);
		my @wrong = $try->(@$batch);

		$tried++;
		if (!@wrong)
		{
			pass($name);
			next;
		}
		if (@$batch == 1)
		{
			fail($name);
			diag($_) for @wrong;
			next;
		}
		my $half = int(@$batch / 2);
		my @halves = ([ @$batch[ 0 .. $half - 1 ] ], [ @$batch[ $half .. $#$batch ] ]);
		note("halving, as $wrong[0]");
		unshift @left, @halves;
		# What needs two of them to fail would be lost by halving.
		if (@$batch == 2 && !grep { my @alone = $try->(@$_); @alone } @halves)
		{
			fail("together: $name");
			diag($_) for @wrong;
			splice @left, 0, 2;
		}
	}
	return $tried;
}

1;
