# Whoever owns the catalogue gets from an agent a backup, and not a connection to another host with
# the agent's password; databases of all names are backed up all the same.
use strict;
use warnings;

use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use NexBackup::Test;
use Test::More;

my $catalogue = start_server('catalogue', 'nex_backup.executor' => 'agent');
plan skip_all => 'the extension is not installed' unless have_extension();
my $target = start_server('target');
my $repo = new_repository();
my $work = File::Temp::tempdir(CLEANUP => 1);
my $conninfo = 'host=' . $catalogue->host . ' port=' . $catalogue->port . ' dbname=postgres user=nex_agent';

# A server that would ask for a password in clear.
my $fake = IO::Socket::INET->new(LocalAddr => '127.0.0.9', Listen => 5) or plan skip_all => 'no address of one\'s own';
my $fake_port = $fake->sockport;

# The agent's password is for one name, as in ~/.pgpass.
write_bytes("$work/pgpass", "localhost:*:*:*:TopSecret\n*:*:*:*:TopSecret\n");
chmod 0600, "$work/pgpass";
$ENV{PGPASSFILE} = "$work/pgpass";
write_bytes("$work/nex.yaml", 'host: ' . $target->host . "\nport: " . $target->port . "\nno-password: true\n");
my @words = ('agent', '--config', "$work/nex.yaml", '--catalogue', $conninfo, '--once');

my $definition = '{"type": "test", "options": {}, "max_attempts": 1, "retry_delay": "0"}';

sub ask
{
	my ($sql) = @_;
	local @ENV{qw(PGHOST PGPORT)} = ($catalogue->host, $catalogue->port);

	return query('postgres', $sql);
}

ask('CREATE EXTENSION nex_backup; CREATE ROLE nex_agent LOGIN SUPERUSER');

# The owner of the catalogue changes what a job is made of.
sub run_words
{
	my ($kind, @given) = @_;
	my $array = join(", ", map { my $word = s{'}{''}gr; "'$word'" } @given);

	ask("UPDATE nex_backup.job_kinds SET argv = ARRAY[$array] WHERE kind = '$kind'");
	my $id = ask("SELECT nex_backup.enqueue(NULL, NULL, '$kind', '$repo', "
		  . ($kind eq 'backup' ? "'shop'" : 'NULL')
		  . ", '$definition')");
	tool(@words);
	return ask("SELECT state || ' ' || coalesce(error, '') || coalesce(log_tail, '') FROM nex_backup.runs WHERE id = $id");
}

create_database('shop');
my @usual = split /,/, ask("SELECT array_to_string(argv, ',') FROM nex_backup.job_kinds WHERE kind = 'backup'");
my $evil = "hostaddr=127.0.0.9 port=$fake_port dbname=x sslmode=disable";
for my $word ("--dbname=$evil", "--dbname=dbname=x $evil", "--dbname=postgresql://127.0.0.9:$fake_port/x",
	"--dbname=postgresql:///x?hostaddr=127.0.0.9&port=$fake_port", "--dbname=host=127.0.0.9 port=$fake_port",
	'--dbname=service=elsewhere', '--dbname=dbname=shop passfile=/tmp/x', '--dbname=dbname=shop sslkey=/tmp/x',
	'--dbname=dbname=shop options=-crole=x', '--dbname=user=other dbname=shop')
{
	my $state = run_words('backup', 'backup', '--no-password', "--repo=$repo", $word);

	like($state, qr/^failed.*the option "--dbname" of a job may name a database, and nothing else of a connection/s,
		"refused: $word");
}
like(run_words('backup', 'backup', '--repo=s3://bucket/x', '--dbname=shop'), qr/^failed.*must be the full path of a directory/s,
	'refused: a repository that is no directory');
# A job must not be a way to read files.
for my $words ([ '/etc/passwd' ], [ '--', '/etc/passwd' ], [ '--postgres' ], [ '--recipient=age1x' ])
{
	like(run_words('config', 'config', 'backup', "--repo=$repo", @$words),
		qr/^failed.*(?:a job cannot name files|is none that a job may have)/s, "refused: config backup @$words");
}
# Nor to send backups elsewhere, or to make places.
for my $words ([ '--to=s3://bucket/x' ], [ '--to=relative/x' ], [ "--to=$work/x", '--create' ], [ "--to=$work/x", '--from=/x' ])
{
	like(run_words('config', 'copy', "--repo=$repo", @$words), qr/^failed.*(?:a job can copy to|is none that a job may have)/s, "refused: copy @$words");
}
like(run_words('config', 'config', 'restore', "--repo=$repo"), qr/^failed.*"config restore" is none/s, 'refused: config restore');
# A name inside a name, which programs of PostgreSQL would expand once more.
for my $kind ([ 'backup', 'backup', '--no-password' ], [ 'init', 'globals', 'backup', '--no-password' ])
{
	my ($of, @command) = @$kind;
	my $state = run_words($of, @command, "--repo=$repo", "--dbname=dbname='$evil'");

	like($state, qr/^failed.*database "\Q$evil\E" does not exist/s, "a name that looks like a connection string: @command");
}
ok(!IO::Select->new($fake)->can_read(0.5), 'and nobody came to the other host');

# As the scheduler writes it, for databases of all names.
ask("UPDATE nex_backup.job_kinds SET argv = ARRAY[" . join(', ', map("'$_'", @usual)) . "] WHERE kind = 'backup'");
for my $name ('a=b', 'postgresql://x', q(it's), 'back\\slash', ' blank ', 'hostaddr=127.0.0.9', "--dbname=x", 'ümläut')
{
	my $quoted = $name =~ s/'/''/gr;

	create_database($name);
	query($name, 'CREATE TABLE t AS SELECT 1 AS a');
	my $id = ask("SELECT nex_backup.enqueue(NULL, NULL, 'backup', '$repo', '$quoted', "
		  . "'$definition')");
	tool_ok([@words], "agent for \"$name\"");
	is(ask("SELECT state FROM nex_backup.runs WHERE id = $id"), 'succeeded', 'is backed up');
}
is(ask('SELECT count(DISTINCT database) FROM nex_backup.backups'), 8, 'each under its name');

done_testing();
