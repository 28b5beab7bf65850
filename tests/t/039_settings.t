# Settings of a role, of databases, of the server, and of the environment do not change what a backup
# holds, nor what comes of a restore.  Those that have done harm, or could; all that there are is
# "make check-settings".
use strict;
use warnings;

use IPC::Run ();
use MIME::Base64 ();
use NexBackup::Forge;
use NexBackup::Settings;
use NexBackup::SettingsTrial;
use NexBackup::Test;
use Test::More;

plan skip_all => 'the fixture needs PostgreSQL 15 or later' if !settings_trial_begin();

my $repo = trial_repository();
my %odd = (
	standard_conforming_strings => 'off', array_nulls => 'off', transform_null_equals => 'on', backslash_quote => 'on',
	DateStyle => 'SQL, DMY', IntervalStyle => 'sql_standard', TimeZone => 'Asia/Kathmandu', bytea_output => 'escape',
	xmlbinary => 'hex', xmloption => 'document', quote_all_identifiers => 'on', extra_float_digits => '-15',
	default_transaction_read_only => 'on', default_transaction_isolation => 'serializable', session_replication_role => 'replica',
	row_security => 'off', client_encoding => 'LATIN1', default_tablespace => 'odd_space', default_table_access_method => 'other_heap',
	search_path => 's, pg_catalog', client_min_messages => 'debug1', statement_timeout => 1, lock_timeout => 1, geqo_threshold => 2,
	geqo_pool_size => 2147483647, exit_on_error => 'on');
my @odd = map { [ $_, $odd{$_} ] } sort keys %odd;
my $some = qr/^(?:standard_conforming_strings|array_nulls|DateStyle|TimeZone|transform_null_equals)$/;

sub none { my ($name, @wrong) = @_; is(join("\\n", @wrong), '', $name); return; }

none('source, role and database', try_source('both', @odd));
# psql alone has what the role has, a timeout of a millisecond from its first statement on.
none('target, role and database', try_target('both', grep { $_->[0] !~ /^(?:statement_timeout|geqo_pool_size)$/ } @odd));
none('source, server', try_source('server', grep { $_->[0] =~ $some } @odd));
none('target, server', try_target('server', grep { $_->[0] =~ $some } @odd));

# ---------------------------------------- what the user says, who may have another program in mind

my $options = '-c standard_conforming_strings=off -c array_nulls=off -c DateStyle=German -c TimeZone=Asia/Kathmandu -c quote_all_identifiers=on';
{
	local $ENV{PGOPTIONS} = $options;
	local @ENV{qw(PGTZ PGDATESTYLE PGGEQO PGCLIENTENCODING)} = ('Asia/Kathmandu', 'German', 'off', 'LATIN1');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'source', '--compress', 'none' ], 'backup with an odd environment');
	tool_ok([ 'globals', 'backup', '--repo', $repo ], 'and globals');
	tool_ok([ 'restore', '--repo', $repo, 'source', '--to', 'by_environment' ], 'and a restore');
}
none('they are the same', text_of_backup());
none('and the database, too', same_as_source('by_environment'));
tool_ok([ 'backup', '--repo', $repo, '-d', "dbname=source options='$options'", '--compress', 'none' ], 'backup with odd options');
tool_ok([ 'globals', 'backup', '--repo', $repo, '-d', "dbname=postgres options='$options'" ], 'and globals');
tool_ok([ 'restore', '--repo', $repo, 'source', '--to', 'by_options', '-d', "dbname=postgres options='$options'" ], 'and a restore');
none('they are the same', text_of_backup());
none('and the database, too', same_as_source('by_options'));

# ------------------------------------------------------ a backup whose definitions double backslashes

# As 0.2.0 made it where the database had the setting: pg_dump takes it over into its text.
sub run_program
{
	my ($out, $err) = ('', '');

	IPC::Run::run([@_], '<', \'', '>', \$out, '2>', \$err) or die "@_: $err";
	return $out;
}
my $old = new_repository();
tool_ok([ 'backup', '--repo', $old, '-d', 'source', '--compress', 'none' ], 'a backup');
my $backup = 'backups/source/' . latest_id($old, 'source');
my $file = "$old/../archive";
{
	local $ENV{PGOPTIONS} = '-c standard_conforming_strings=off';
	run_program('pg_dump', '-Fc', '-Z0', '--section=pre-data', '--section=post-data', '--no-blobs', '-f', $file, '-d', 'source');
}
my $archive = MIME::Base64::encode_base64(read_bytes($file), '');
$archive = "-- The schema as an archive for pg_restore, base64-encoded (see RECOVER.txt).\n--\n" . join('', map { "-- $_\n" } $archive =~ /(.{1,72})/g) . "\n";
forge_member($old, $backup, 'archive', $archive);
forge_member($old, $backup, $_, run_program('pg_restore', "--section=$_", '-f', '-', $file) =~ s/^\\(?:un)?restrict .*\n//mgr)
  for 'pre-data', 'post-data';
like(member_text($old, $backup, 'pre-data'), qr/SET standard_conforming_strings = off;.*'C:\\\\temp\\\\'/s, 'which is written so');
tool_ok([ 'restore', '--repo', $old, 'source', '--to', 'old_new' ], 'restored into a new database');
none('all is right', same_as_source('old_new'));
for my $format ('sql', 'sql.gz', 'sql.zst')
{
	create_database("old_$format" =~ s/\W/_/gr);
	tool_ok([ 'export', '--repo', $old, 'source', '-o', "$old/../old.$format" ], "exported as $format");
	my %unpack = (sql => 'cat', 'sql.gz' => 'gunzip -c', 'sql.zst' => 'zstd -dc');
	my $database = "old_$format" =~ s/\W/_/gr;
	is(system('bash', '-c', 'set -o pipefail; $1 "$2" | psql -Xq -v ON_ERROR_STOP=1 -d "$3" >"$4" 2>&1', 'bash', $unpack{$format},
			"$old/../old.$format", $database, "$old/../log"), 0, 'run by psql') or diag(read_bytes("$old/../log"));
	none('all is right', same_as_source($database));
}
create_database('old_live');
tool_ok([ 'restore', '--repo', $old, 'source', '--to', 'old_live', '--table', 's.files' ], 'a part into a database that exists');
as_sane(sub {
	my @dumps = map { normalized_dump($_, '-t', 's.files') } ('old_live', 'source');
	is($dumps[0], $dumps[1], 'is right, too');
});

done_testing();
