# The ways to restore: beside, over (swap), and stopped halfway.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

load_sample('invoices', 0.05);
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices', '-j', 2 ], 'backup');
my $first = latest_id($repo, 'invoices');
query('postgres', 'CREATE DATABASE reference TEMPLATE invoices');

# Names.
tool_ok([ 'restore', '--repo', $repo, "invoices/$first", '--to', 'by_id' ], 'restore by id');
same_database('reference', 'by_id', 'by id');
tool_fails([ 'restore', '--repo', $repo, 'invoices/20010101T000000Z', '--to', 'x' ], 1,
	qr/20010101T000000Z/, 'an id that is not there');
tool_fails([ 'restore', '--repo', $repo, 'nonsense', '--to', 'x' ], 1, qr/nonsense/, 'a database that is not there');
tool_fails([ 'restore', '--repo', $repo, 'invoices' ], 1, qr/not empty.*HINT.*--to.*--drop/s,
	'without --to it is the old name, which exists');
create_database('prepared');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'prepared' ], 'into a database that is empty');
same_database('reference', 'prepared', 'into an empty one');

# Damage done after the backup, then --drop.
my $said = "orders of the \"shop\", it's at C:\\shop,\nand caf\x{e9}" =~ s/\x{e9}/\xc3\xa9/r;
query('postgres', 'COMMENT ON DATABASE invoices IS $$' . $said . '$$');
query('invoices', 'DELETE FROM billing.invoice_line WHERE line_id % 2 = 0; DROP TABLE billing.document');
my $rows = query('invoices', 'SELECT count(*) FROM billing.invoice_line');
tool_fails([ 'restore', '--repo', $repo, 'invoices', '--to', 'invoices', '--drop' ], 2, qr/--yes/,
	'--drop asks first, and nobody can answer');
is(query('invoices', 'SELECT count(*) FROM billing.invoice_line'), $rows, 'nothing happened');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'invoices', '--drop', '--yes', '-j', 2 ],
	'--drop --yes');
same_database('reference', 'invoices', 'the backup is in its place');
my @old = grep { /^invoices.*\d/ } @{ database_names() };
is(scalar @old, 1, 'the old database is kept under another name') or diag("@{ database_names() }");
is(query($old[0], 'SELECT count(*) FROM billing.invoice_line'), $rows, 'with all that was in it')
  if @old;

# The comment that it had is behind the one that says what it is, also the second time.
my $comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname";
like(query('postgres', "$comment = '$old[0]'"), qr{\Anex_backup: replaced by restore of invoices/\w+; comment before: \Q$said\E\z}, 'with its comment') if @old;
query('postgres', "ALTER DATABASE invoices RENAME TO invoices_again; ALTER DATABASE $old[0] RENAME TO invoices");
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--drop', '--yes', '--no-analyze' ], '--drop of one that was kept');
is(query('postgres', "SELECT count(*) FROM ($comment LIKE 'invoices\\_old%') c WHERE shobj_description ~ '^nex_backup: replaced by restore of invoices/[0-9TZ]+; comment before: orders '"),
	1, 'keeps it once');
query('postgres', 'DROP DATABASE invoices_again');

# Sessions in the live database do not stop the swap.
my $release = hold_lock('invoices', 'billing.customer');
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'invoices', '--drop', '--yes', '--discard-old' ],
	'--discard-old, with somebody connected');
eval { $release->() };
same_database('reference', 'invoices', 'the backup is in its place again');
is(scalar(grep { /^invoices.*\d/ } @{ database_names() }), scalar @old, 'no further old database is kept');

# --drop on a name that does not exist is a plain restore.
tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'fresh', '--drop', '--yes' ],
	'--drop where there is nothing to drop');
same_database('reference', 'fresh', 'a plain restore');

# ctrl-C at some instants: exit 130, nothing left over, the live database untouched.
my $before = join(',', @{ database_names() });
for my $signal ('INT', 'TERM')
{
	for my $delay (0.05, 0.3, 0.7)
	{
		my $log = File::Temp->new;
		my $pid = start_tool("$log", 'restore', '--repo', $repo, 'invoices', '--to', 'invoices', '--drop',
			'--yes', '--discard-old', '-j', 2);
		select(undef, undef, undef, $delay);
		kill $signal, $pid;
		my $code = finish_tool($pid);
		ok($code == 130 || $code == 0, "SIG$signal after $delay s: exit $code");
		is(foreign_backends(), 0, 'no connection is left open');
		is(join(',', @{ database_names() }), $before, 'no database is left over');
	}
}
same_database('reference', 'invoices', 'the live database is as it was');
like((tool('doctor', '--repo', $repo))[1], qr/\S/, 'doctor has something to say');

# kill -9 leaves a database behind; doctor finds it.
my $log = File::Temp->new;
my $names = scalar @{ database_names() };
my $pid = start_tool("$log", 'restore', '--repo', $repo, 'invoices', '--to', 'invoices', '--drop', '--yes');
wait_until(sub { @{ database_names() } > $names });
kill 'KILL', $pid;
finish_tool($pid);
my ($left) = grep { my $name = $_; !grep { $_ eq $name } split(/,/, $before) } @{ database_names() };
ok($left, 'kill -9 leaves the half-loaded database') and do
{
	my ($code, $out, $err) = tool('doctor', '--repo', $repo);
	like("$out$err", qr/\Q$left\E/, 'doctor finds it');
};
same_database('reference', 'invoices', 'the live database is as it was');

# A restore that fails after it made a subscription still removes what it made.
create_database('subscribed');
query('subscribed', <<'SQL');
CREATE SUBSCRIPTION away CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = 'theirs');
CREATE FUNCTION at_home() RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN IF current_database() <> 'subscribed' THEN RAISE 'not at home'; END IF; RETURN 1; END $$;
CREATE MATERIALIZED VIEW home AS SELECT at_home() AS n;
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'subscribed' ], 'backup of a database with a subscription');
tool_fails([ 'restore', '--repo', $repo, 'subscribed', '--to', 'subscribed_too', '-j', 2 ],
	1, qr/not at home/, 'a restore that fails near its end');
ok(!grep({ $_ eq 'subscribed_too' } @{ database_names() }), 'leaves no database, not even with a subscription');

# A database whose settings let nobody in, as a library is missing here: it is complete, and does not replace one that works.
chomp(my $libraries = `pg_config --pkglibdir`);
my $own = File::Temp::tempdir(CLEANUP => 1);
write_bytes("$own/own.so", read_bytes("$libraries/utf8_and_win.so"));
create_database('loads');
query('loads', 'CREATE TABLE t AS SELECT 1 AS i');
query('postgres', "ALTER DATABASE loads SET session_preload_libraries = '$own/own.so'");
tool_ok([ 'backup', '--repo', $repo, '-d', 'loads' ], 'backup of a database that loads a library');
query('postgres', 'ALTER DATABASE loads RESET session_preload_libraries');
unlink "$own/own.so";
my $keeps_out = qr/error: the restored database "\S+" is complete, but accepts no connection\nDETAIL: .*own\.so.*\nHINT: .*RESET session_preload_libraries/s;
for my $how ([], [ '--on-object-error=skip', '--object-errors-file', "$own/errors" ])
{
	my $err = tool_fails([ 'restore', '--repo', $repo, 'loads', '--drop', '--discard-old', '--yes', @$how ], 1, $keeps_out, "without the library @$how");
	my ($kept) = $err =~ /is kept as "(\S+)"; database "loads" is as it was/;
	ok($kept, '... and it is kept') and query('postgres', "DROP DATABASE \"$kept\"");
	is(query('loads', 'SELECT i FROM t'), 1, '... beside the live one');
}
tool_fails([ 'restore', '--repo', $repo, 'loads', '--to', 'loads_too' ], 1, $keeps_out, 'as a new one');
query('postgres', 'ALTER DATABASE loads_too RESET session_preload_libraries');
is(query('loads_too', 'SELECT i FROM t'), 1, 'it is there');

# Databases of initdb, and options that would do nothing.
create_database('tiny');
tool_ok([ 'backup', '--repo', $repo, '-d', 'tiny' ], 'a small backup');
tool_fails([ 'restore', '--repo', $repo, 'tiny', '--to', 'template0' ], 1, qr/"template0" accepts no connections\nHINT:  Give another name with --to\.\n/,
	'nobody is told to open template0');
query('template1', 'CREATE TABLE in_the_way ()');
tool_ok([ 'restore', '--repo', $repo, 'tiny', '--to', 'template1', '--drop', '--yes' ], 'in place of template1');
is(query('postgres', "SELECT datistemplate FROM pg_database WHERE datname = 'template1'"), 't', 'which is a template still');
tool_fails([ 'restore', '--repo', $repo, 'tiny', '--to', 'none', '--discard-old' ], 2, qr/--discard-old needs --drop/, '--discard-old alone');
tool_fails([ 'restore', '--repo', $repo, 'tiny', '--to', 'none', '--tablespace-mapping', '/a=/b' ], 2, qr/--tablespace-mapping needs --all/,
	'tablespaces are made by --all');

done_testing();
