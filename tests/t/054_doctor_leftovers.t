# What a killed process leaves behind, and doctor finding it.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use Fcntl qw(:flock);
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

# What a killed restore of configuration files left, and writers of the state; not what is being written.
{
	my $etc = File::Temp::tempdir(CLEANUP => 1);
	my $state = File::Temp::tempdir(CLEANUP => 1);
	my @options = ('--repo', $repo, '--state-dir', $state);
	my @recipient = ('--recipient', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p');
	my $gone = 999999999;

	write_bytes("$etc/app.env", "A=1\n");
	tool_ok([ 'config', 'backup', @options, @recipient, '--set', 'app', "$etc/app.env" ], 'a set of files');
	my @left = ("$etc/.nex_backup-0123456789ab.tmp", "$state/serial.$gone-0011aabb-3.tmp", "$state/locations/x.$gone-0-0.tmp", "$state/notify/.q.$gone.tmp");
	my @kept = ("$etc/.nex_backup-ba9876543210.tmp", "$etc/.nex_backup-0123456789abc.tmp", "$state/serial.$$-0011aabb-3.tmp", "$state/mine.tmp");
	mkdir "$state/$_" for 'locations', 'notify';
	write_bytes($_, 'A=2') for @left, @kept;
	open(my $writing, '<', $kept[0]) or die;
	flock($writing, LOCK_EX) or die;
	my @checks = grep { $_->{name} eq 'temporary files' } @{ tool_json('doctor', @options)->{checks} };
	is(scalar(grep { $_->{status} eq 'warning' } @checks), 4, 'doctor finds what killed processes left elsewhere');
	is(scalar(grep { -e } @left), 4, 'and removes nothing');
	tool_ok([ 'doctor', @options, '--fix' ], 'with --fix');
	is(join(' ', grep { -e } @left), '', 'it does');
	is(scalar(grep { -e } @kept), 4, 'and leaves the others alone');
}

# The program for globals is looked for as well.
is_deeply([ map { $_->{status} } found('pg_dumpall') ], ['ok'], 'pg_dumpall');

# A database that a killed restore was filling: the command that helps is not to drop postgres.
query('postgres', "COMMENT ON DATABASE postgres IS 'nex_backup: restore of postgres/20260101T000000Z in progress since 2026-01-01'");
query('postgres', "COMMENT ON DATABASE invoices IS 'nex_backup: restore of invoices/20260101T000000Z in progress since 2026-01-01'");
my %hint = map { $_->{detail} =~ /^"(\w+)"/ ? ($1 => $_->{hint} // '') : () } found('databases');
like($hint{invoices}, qr/DROP DATABASE invoices/, 'a half database may be dropped');
is_deeply([ grep { $_->{detail} =~ /^"postgres"/ && ($_->{hint} // '') =~ /DROP DATABASE/ } found('databases') ], [],
	'but not postgres');
my $json = tool_json('backup', '--all', '--repo', $repo);
my %result = map { ($_->{database} // '') => $_ } @{ $json->{databases} };
is($result{invoices}{result}, 'ok', 'a comment alone takes no database out of backup --all');
like((tool('backup', '--all', '--repo', $repo))[2], qr/warning: the comment of database "invoices" says that a restore is at work in it/, 'but it is said');

# While a superuser's session of the program is in it, it is being filled; that of its owner is no proof.
sub session_in
{
	my ($role) = @_;
	my ($in, $out, $err) = ("SET application_name = 'nex_backup'; SELECT 'here';\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'invoices', '-U', $role ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));

	$session->pump until $out =~ /here/ || $err ne '';
	die $err if $err ne '';
	return sub { $in .= "\\q\n"; $session->pump while $session->pumpable && length $in; $session->finish };
}

sub result_of
{
	my ($json) = tool_json('backup', '--all', '--repo', $repo);

	return (grep { ($_->{database} // '') eq 'invoices' } @{ $json->{databases} })[0];
}

query('postgres', 'CREATE ROLE joe LOGIN; ALTER DATABASE invoices OWNER TO joe');
query('invoices', 'GRANT SELECT ON t TO joe');
my $end = session_in('joe');
is(result_of()->{result}, 'ok', 'not for a session of the owner');
$end->();
$end = session_in(query('postgres', 'SELECT current_user'));
my $skipped = result_of();
$end->();
is($skipped->{result}, 'skipped', 'one that is being filled is no good database');
like($skipped->{reason}, qr/not complete/, 'and says why');

# What a database's owner wrote: doctor says who claims it, and shows nothing to copy that drops it.
my ($claim) = grep { $_->{detail} =~ /invoices/ } found('databases');
like($claim->{detail}, qr/^"invoices" of "joe" says that it is left over: nex_backup: restore of/, 'doctor says who claims it');
unlike($claim->{hint}, qr/DROP/, 'without a command that drops it');
like($claim->{hint}, qr/COMMENT ON DATABASE invoices IS NULL;/, 'but with one that ends the claim');

# A name that would be lines of a script.
my $name = "q';\n\\! touch /tmp/x\nDROP DATABASE invoices; --";
(my $quoted = $name) =~ s/"/""/g;
query('postgres', qq(CREATE DATABASE "$quoted" TEMPLATE template0));
query('postgres', qq(COMMENT ON DATABASE "$quoted" IS 'nex_backup: restore of a/b in progress since x'));
my ($odd) = grep { $_->{detail} =~ /touch/ } found('databases');
unlike($odd->{hint}, qr/\n/, 'the command to copy is one line');
my ($command) = $odd->{hint} =~ /(DROP DATABASE .*;)/;
query('postgres', $command);
is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname ~ 'touch'"), 0, 'and means that database');

# A comment of the user's own that begins like ours is kept.
query('postgres', "COMMENT ON DATABASE invoices IS 'nex_backup: keep this one'");
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices' ], 'backup');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'again' ], 'restore');
is(query('postgres', "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'again'"), 'nex_backup: keep this one', 'a comment of the user');

done_testing();
