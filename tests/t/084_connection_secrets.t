# No secret of a connection string reaches arguments or environment of a child program, a log, a
# message, the repository or the catalogue, in any command; and children still connect.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $work = File::Temp::tempdir(CLEANUP => 1);
my $bindir = $node->config_data('--bindir');
my $repo = new_repository();
my $extension = have_extension();
my @secrets = ('word-of-the-string', 'phrase-of-the-key', 'word-of-the-environment', 'word-of-a-setting');

# Programs that write down what everybody can read of them.
mkdir "$work/bin";
mkdir "$work/tmp";
for my $program (qw(pg_dump pg_restore pg_dumpall))
{
	write_bytes("$work/bin/$program", <<"SH");
#!/bin/bash
{ echo "program $program"; tr '\\0' '\\n' <"/proc/\$\$/cmdline"; tr '\\0' '\\n' <"/proc/\$\$/environ"; } >>"$work/seen"
exec "$bindir/$program" "\$@"
SH
	chmod 0755, "$work/bin/$program";
}

# The user's own service, which must be found all the same, and whose port is the right one.
my $host = $node->host;
my $port = $node->port;
write_bytes("$work/services", "[elsewhere]\nhost=/nowhere\n[here]\nport=$port\nsslpassword=of-the-service\n");
$ENV{PGSERVICEFILE} = "$work/services";
$ENV{PGPASSWORD} = $secrets[2];
$ENV{TMPDIR} = "$work/tmp";

sub settings
{
	my ($conninfo, @more) = @_;

	write_bytes("$work/nb.yaml", join("\n", "repo: $repo", "dbname: \"$conninfo\"", "pg-bindir: $work/bin",
		"log-file: $work/log", "state-dir: $work/state", @more, ''));
	chmod 0600, "$work/nb.yaml";
	return;
}

create_database('shop');
query('shop', 'CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item SELECT generate_series(1, 1000)');
query('shop', 'CREATE TABLE other AS SELECT 1 AS a');
query('postgres', "CREATE DATABASE catalogue");
query('catalogue', 'CREATE EXTENSION nex_backup') if $extension;

my $everything = '';

# Run a command; children must have been started, and nothing shows.
sub quietly
{
	my ($name, $programs, @arguments) = @_;

	unlink "$work/seen";
	my ($code, $out, $err) = tool(@arguments, '--config', "$work/nb.yaml", '-v');
	is($code, 0, $name) or diag($err);
	my $seen = -e "$work/seen" ? read_bytes("$work/seen") : '';
	for my $program (split / /, $programs)
	{
		like($seen, qr/^program \Q$program\E$/m, "… with $program");
	}
	for my $secret (@secrets)
	{
		unlike($seen, qr/\Q$secret\E/, "… which does not get $secret in arguments or environment");
	}
	$everything .= $out . $err;
	is_deeply([ glob("$work/tmp/*") ], [], '… and no private file is left');
	return $seen;
}

my @catalogue = $extension ? ('--catalogue', "host=$host port=$port dbname=catalogue password=$secrets[0] sslpassword=$secrets[1]") : ();
for my $way (
	[ 'conninfo' => "host=$host port=$port sslpassword=$secrets[1] password=$secrets[0] options='-c my.word=$secrets[3]'" ],
	[ 'service' => "service=here host=$host sslpassword=$secrets[1] password=$secrets[0]" ],
	[ 'URI' => "postgresql:///?host=$host&port=$port&sslpassword=$secrets[1]&password=$secrets[0]&options=-c%20my.word%3D$secrets[3]" ])
{
	my ($name, $conninfo) = @$way;

	settings("$conninfo" . ($name eq 'URI' ? '&dbname=shop' : ' dbname=shop'));
	my $seen = quietly("backup by $name", 'pg_dump pg_restore', 'backup', @catalogue);
	like($seen, qr/^PGSERVICEFILE=\Q$work\E\/tmp\/nex_backup\.[^\/]+\/pg_service\.conf$/m, 'by a private service file');
	settings($conninfo . ($name eq 'URI' ? '&dbname=postgres' : ' dbname=postgres'));
	quietly("restore by $name", 'pg_restore', 'restore', 'shop', '--to', "shop_$name", '-j', 2, @catalogue);
	is(query("shop_$name", 'SELECT count(*) FROM item'), 1000, 'with its rows');
	query('postgres', "DROP DATABASE \"shop_$name\"");
	quietly("a table by $name", 'pg_restore', 'restore', 'shop', '-t', 'item', '--to', "part_$name", @catalogue);
	query('postgres', "DROP DATABASE \"part_$name\"");
	quietly("globals by $name", 'pg_dumpall', 'globals', 'backup', @catalogue);
	quietly("globals restore by $name", 'pg_dumpall', 'globals', 'restore', '--yes', @catalogue);
	quietly("all by $name", 'pg_dump pg_dumpall', 'backup', '--all', '--exclude-database', 'catalogue', @catalogue);
}
quietly('restore over it', 'pg_restore', 'restore', 'shop', '--drop', '--yes', @catalogue);
quietly('verify', '', 'verify', @catalogue);
quietly('list', '', 'list', '--json');
quietly('info', '', 'info', 'shop', '--json');
quietly('doctor', '', 'doctor', @catalogue);

# What stays: logs, repository, state, catalogue.
$everything .= read_bytes("$work/log");
$everything .= read_bytes("$repo/$_") for grep { !/^objects/ } all_files($repo);
$everything .= read_bytes("$work/state/$_") for -d "$work/state" ? all_files("$work/state") : ();
$everything .= `pg_dump -h $host -p $port -a -n nex_backup catalogue` if $extension;
unlike($everything, qr/\Q$_\E/, "$_ is in no log, message, manifest or catalogue") for @secrets;

# The environment of whoever gives a passphrase.
write_bytes("$work/ask", "#!/bin/bash\ntr '\\0' '\\n' <\"/proc/\$\$/environ\" >$work/asked; echo an unlikely sentence\n");
chmod 0755, "$work/ask";
tool_ok([ 'init', '--repo', "$work/sealed", '--cipher', 'aes-256-gcm', '--passphrase-command', "$work/ask", '--state-dir', "$work/state" ],
	'a command that gives a passphrase');
unlike(read_bytes("$work/asked"), qr/\Q$secrets[2]\E/, 'does not get the password of the database');

# Nor is what we were started with handed on, as a descriptor with a secret.
settings("host=$host port=$port dbname=shop");
write_bytes("$work/bin/pg_dump", "#!/bin/bash\nls -l /proc/\$\$/fd >>$work/descriptors\nexec \"$bindir/pg_dump\" \"\$@\"\n");
write_bytes("$work/given", 'secret');
my $tool = tool_path();
system("exec 9<$work/given; '$tool' backup -q --config $work/nb.yaml");
is($?, 0, 'backup with a descriptor of its parent');
unlike(read_bytes("$work/descriptors"), qr/given/, 'which no child gets');

# What a service file cannot hold is refused, and not shown either.
settings("host=$host port=$port dbname=shop sslpassword='$secrets[1] '");
my $err = tool_fails([ 'backup', '--config', "$work/nb.yaml" ], 2, qr/the value of connection parameter "sslpassword" cannot be used/,
	'a value that cannot be handed on');
unlike($err, qr/\Q$secrets[1]\E/, 'is not shown');

# A database whose name is a connection string is a database for all programs.
my $odd = "host=nowhere port=1";
create_database($odd);
query($odd, 'CREATE TABLE t AS SELECT 1 AS a');
settings("host=$host port=$port");
tool_ok([ 'backup', '--config', "$work/nb.yaml", '-d', NexBackup::Test::conninfo($odd), '-h', $host, '-p', $port ], 'a backup of a database with such a name');
tool_ok([ 'globals', 'backup', '--config', "$work/nb.yaml", '-d', NexBackup::Test::conninfo($odd), '-h', $host, '-p', $port ], 'globals by way of it');
tool_ok([ 'globals', 'restore', '--yes', '--config', "$work/nb.yaml", '-d', NexBackup::Test::conninfo($odd), '-h', $host, '-p', $port ], 'restored by way of it');

done_testing();
