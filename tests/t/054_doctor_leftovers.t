# What a killed process leaves behind, and doctor finding it.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $temporary = File::Temp::tempdir(CLEANUP => 1);

$ENV{TMPDIR} = $temporary;
create_database('invoices');
query('invoices', 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS i');
tool_ok([ 'backup', '--all', '--repo', $repo ], 'backup --all');
is(join(' ', glob("$temporary/*")), '', 'a run that ends well leaves nothing');

sub found
{
	my ($check, @more) = @_;

	return grep { $_->{name} eq $check } @{ tool_json('doctor', '--repo', $repo, '-d', 'postgres', @more)->{checks} };
}

# A backup that waits for a lock has its directory already.
my $release = hold_lock('invoices', 't');
my $log = File::Temp->new(DIR => '/tmp');
my $pid = start_tool("$log", 'backup', '--repo', $repo, '-d', 'invoices');
ok(wait_until(sub { glob("$temporary/nex_backup.*") }), 'a running backup has a temporary directory');
my ($directory) = glob("$temporary/nex_backup.*");
is_deeply([ map { $_->{status} } found('temporary files') ], ['ok'], 'doctor leaves it alone');
write_bytes("$directory/passfile", '*:*:*:*:secret');
tool('doctor', '--repo', $repo, '--fix');
ok(-e "$directory/passfile", 'with --fix, too');
kill 'KILL', $pid;
finish_tool($pid);
$release->();

my ($check) = found('temporary files');
is($check->{status}, 'warning', 'doctor finds what a killed backup left');
like($check->{detail}, qr/^"\Q$directory\E" was left/, 'and names it');
like($check->{hint}, qr/--fix.*password/, 'with what to do about it');
mkdir "$temporary/nex_backup.1.abcdef" or die;
mkdir "$temporary/nex_backup.notours" or die;
symlink('/etc', "$temporary/nex_backup.999999999.abcdef") or die;
tool_ok([ 'doctor', '--repo', $repo, '--fix' ], 'doctor --fix');
ok(!-e $directory, 'removes it');
ok(-e "$temporary/nex_backup.1.abcdef" && -e "$temporary/nex_backup.notours" && -l "$temporary/nex_backup.999999999.abcdef",
	'and nothing else');
is_deeply([ map { $_->{status} } found('temporary files') ], ['ok'], 'none left');

# The program for globals is looked for as well.
is_deeply([ map { $_->{status} } found('pg_dumpall') ], ['ok'], 'pg_dumpall');

# A database that a killed restore was filling: the command that helps is not to drop postgres.
query('postgres', "COMMENT ON DATABASE postgres IS 'nex_backup: restore of postgres/20260101T000000Z in progress since 2026-01-01'");
query('postgres', "COMMENT ON DATABASE invoices IS 'nex_backup: restore of invoices/20260101T000000Z in progress since 2026-01-01'");
my %hint = map { $_->{detail} =~ /^"(\w+)"/ ? ($1 => $_->{hint} // '') : () } found('databases');
like($hint{invoices}, qr/DROP DATABASE invoices/, 'a half database may be dropped');
is_deeply([ grep { $_->{detail} =~ /"postgres"/ && ($_->{hint} // '') =~ /DROP DATABASE/ } found('databases') ], [],
	'but not postgres');
my $json = tool_json('backup', '--all', '--repo', $repo);
my %result = map { ($_->{database} // '') => $_ } @{ $json->{databases} };
is($result{invoices}{result}, 'skipped', 'backup --all takes no half restored database for a good one');
like($result{invoices}{reason}, qr/not complete/, 'and says why');

done_testing();
