# Settings: command line over environment over file over default, and what is wrong in them.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $directory = File::Temp::tempdir(CLEANUP => 1);
my $file = "$directory/nex_backup.yaml";

create_database('db');
query('db', 'CREATE TABLE t AS SELECT generate_series(1, 100) AS i');
my %repo = map { $_ => new_repository($_) } qw(in_file in_environment in_command);

sub count_of
{
	my ($name) = @_;
	local $ENV{NEX_BACKUP_CONFIG} = '/dev/null';

	return scalar @{ tool_json('list', '--repo', $repo{$name})->{backups} };
}

write_bytes($file, "# the nightly backup\nrepo: $repo{in_file}\ndbname: db\njobs: 1\ntype: from-file\n"
	  . "compress: gzip:3\n");
tool_ok([ 'backup', '--config', $file ], 'all from the file');
is(count_of('in_file'), 1, 'the repository of the file');
my $backup = tool_json('list', '--config', $file)->{backups}[0];
is($backup->{type}, 'from-file', 'the type of the file');
like($backup->{codec}, qr/gzip/, 'the codec of the file');
{
	local $ENV{NEX_BACKUP_CONFIG} = $file;
	local $ENV{NEX_BACKUP_REPO} = $repo{in_environment};
	tool_ok(['backup'], 'environment over file');
	is(count_of('in_environment'), 1, 'the repository of the environment');
	tool_ok([ 'backup', '--repo', $repo{in_command}, '--type', 'typed' ], 'command line over environment');
	is(count_of('in_command'), 1, 'the repository of the command line');
	is(tool_json('list', '--repo', $repo{in_command})->{backups}[0]{type}, 'typed', 'and its type');
	local $ENV{NEX_BACKUP_JOBS} = 'many';
	tool_fails(['backup'], 2, qr/NEX_BACKUP_JOBS|jobs/, 'a bad value in the environment');
}
like(tool_ok([ 'list', "--repo=$repo{in_file}" ], '--name=value'), qr/from-file/, 'is understood');

# Everything wrong names the file, the line and the key.
my %wrong = (
	'unknown key' => [ "repo: x\njbos: 2\n", qr/jbos.*line 2/s ],
	'bad number' => [ "repo: x\n\njobs: many\n", qr/jobs.*line 3/s ],
	'out of range' => [ "jobs: 65\n", qr/jobs.*line 1/s ],
	'given twice' => [ "jobs: 1\njobs: 2\n", qr/jobs.*line 2/s ],
	'a list' => [ "jobs: [1, 2]\n", qr/jobs.*line 1/s ],
	'no value' => [ "repo:\n", qr/repo.*line 1/s ],
	'not YAML' => [ "repo: x\n\tjobs: 2\n", qr/line 2/ ],
	'not a mapping' => [ "- repo\n", qr/line 1/ ],
	'bad codec' => [ "compress: lzma\n", qr/compress.*line 1/s ],
	'bad level' => [ "compress: zstd:99\n", qr/compress.*line 1/s ]);
for my $name (sort keys %wrong)
{
	my ($text, $pattern) = @{ $wrong{$name} };
	write_bytes($file, $text);
	my $err = tool_fails([ 'list', '--config', $file ], 2, $pattern, $name);
	like($err, qr/\Q$file\E/, "$name: the file is named");
}
tool_fails([ 'list', '--config', "$directory/none.yaml" ], 2, qr/none\.yaml/, 'a file that is not there');

# What one call does must not come from a forgotten line.
write_bytes($file, "repo: $repo{in_file}\ndbname: db\ndrop: true\n\nyes: on\ntable: [t]\ndata-only: true\nno-owner: false\n"
	  . "on-conflict: abort\nfix: true\ndry-run: true\ntest: true\nto: elsewhere\nexisting-roles: keep\n");
tool_ok([ 'backup', '--config', $file ], 'a backup does not care');
my $refused = tool_fails([ 'restore', '--config', $file, 'db', '-T', 'x' ], 2,
	qr/"--drop" must be given on the command line\nDETAIL.*"\Q$file\E", line 3\..*HINT.*--drop=false/s, 'restore');
like($refused, qr/"--$_" must be given.*HINT.*--$_/s, "--$_, too") for qw(yes table data-only to existing-roles dry-run);
unlike($refused, qr/no-owner|on-conflict|exclude-table|--fix|--test|repo/, 'and nothing else');
my @said = ('--drop=false', '--yes=false', '--dry-run=false', '-t', 't', '--append=false', '--to', 'new', '--existing-roles=refuse');
tool_ok([ 'restore', '--config', $file, 'db', @said, '--as', 'u' ], 'what the command line says counts');
is(query('new', 'SELECT count(*) FROM u'), 100, 'the table under its new name');
tool_fails([ $_->[0], '--config', $file ], 2, qr/"--$_->[1]" must be given.*line/s, "$_->[0], $_->[1]")
  for [ 'doctor', 'fix' ], [ 'expire', 'dry-run' ], [ 'notify', 'test' ];
tool_ok([ 'expire', '--config', $file, '--dry-run' ], 'expire --dry-run');
tool_fails([ 'globals', 'restore', '--config', $file ], 2, qr/"--existing-roles" must be given/, 'globals restore');
tool_ok([ 'globals', 'backup', '--config', $file ], 'globals backup');
write_bytes($file, "repo: $repo{in_file}\nexclude-database: [d*]\n");
{
	local $ENV{NEX_BACKUP_SCHEMA_ONLY} = 'true';
	tool_fails([ 'restore', '--config', $file, 'db', '--to', 'new_2' ], 2,
		qr/"--schema-only" must be given.*environment variable NEX_BACKUP_SCHEMA_ONLY/s, 'the environment');
	tool_ok([ 'restore', '--config', $file, 'db', '--to', 'new_2', '--schema-only=false' ], 'unless taken back');
	is(query('new_2', 'SELECT count(*) FROM t'), 100, 'the rows are there');
	$ENV{NEX_BACKUP_SCHEMA_ONLY} = 'false';
	tool_ok([ 'restore', '--config', $file, 'db', '--to', 'new_3' ], 'a default is no such setting');
}
my (undef, undef, $warned) = tool('restore', '--all', '--config', $file);
like($warned, qr/WARNING|warning/, 'a list of databases to leave out');
like($warned, qr/exclude-database in the settings file are not restored/, 'is told of');

# Help and version.
like(tool_ok(['--help'], '--help'), qr/backup.*restore/s, 'names the commands');
like(tool_ok(['--version'], '--version'), qr/^nex_backup.* \d+\.\d+\.\d+/, 'gives the version');
like(tool_ok(['version'], 'version'), qr/^nex_backup \d+\.\d+\.\d+/, 'gives the version, too');
for my $verb (qw(init backup list info verify restore export expire doctor version))
{
	like(tool_ok([ $verb, '--help' ], "$verb --help"), qr/Usage.*nex_backup $verb/is, 'shows the usage');
}

# Log.
my $log = "$directory/log";
is((tool('backup', '--repo', $repo{in_file}, '-d', 'none', '--log-file', $log, '--log-format', 'json', '-v'))[0],
	1, 'log to a file');
my @lines = split /\n/, read_bytes($log);
ok(@lines > 0, 'something is logged');
ok(!(grep { !eval { JSON::PP->new->decode($_) } } @lines), 'every line is JSON');
my ($code, $out, $err) = tool('list', '--repo', "$directory/none", '--log-format', 'json');
ok(eval { JSON::PP->new->decode($err) }, 'an error is JSON, too') or diag($err);

done_testing();
