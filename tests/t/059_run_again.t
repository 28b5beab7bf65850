# What was loaded is not thrown away when the databases cannot be swapped, and a restore that was
# killed is simply run again.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main', max_prepared_transactions => 2);
my $repo = new_repository();
my ($code, $out, $err, $said);

# ---- what was loaded stays when the databases cannot be swapped
create_database('big');
query('big', "CREATE TABLE t AS SELECT i, repeat('x', 200) AS v FROM generate_series(1, 200000) i; CREATE INDEX ON t (i); CREATE INDEX ON t (v, i)");
tool_ok([ 'backup', '--repo', $repo, '-d', 'big' ], 'a database that takes a moment');
my $id = latest_id($repo, 'big');
my $working = "big_restore_$id";
my $prepare = "BEGIN; INSERT INTO t VALUES (0); PREPARE TRANSACTION 'stuck'";

sub exists_database { my ($name) = @_; return scalar grep { $_ eq $name } @{ database_names() } }

sub run_while
{
	my ($meanwhile, @arguments) = @_;
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @arguments);

	$meanwhile->($pid);
	my $code = finish_tool($pid);
	return ($code, read_bytes("$log"));
}

query('big', $prepare);
tool_fails([ 'restore', '--repo', $repo, 'big', '--drop', '--yes' ], 1, qr/prepared transactions \(1\), so that it cannot be replaced.*HINT:.*ROLLBACK PREPARED/s,
	'a prepared transaction is seen before the load');
query('big', "ROLLBACK PREPARED 'stuck'");
ok(!exists_database($working), 'nothing was created');
($code, $said) = run_while(sub { wait_until(sub { exists_database($working) }); query('big', $prepare) },
	'restore', '--repo', $repo, 'big', '--drop', '--yes');
is($code, 1, 'one that comes later stops the swap');
like($said, qr/the restored database is complete and is kept as "$working"; database "big" is as it was/, 'but what was loaded is kept');
query('big', "ROLLBACK PREPARED 'stuck'");
my ($commands) = $said =~ /put it in place of the live one: (.*)$/m;
query('big', 'CREATE TABLE live ()');
query('postgres', $commands);
is(query('big', "SELECT count(*), to_regclass('live') IS NULL FROM t"), '200000|t', 'and the commands put it in place');

# The session that swaps is lost.
($code, $said) = run_while(
	sub {
		wait_until(sub { exists_database($working) });
		query('big', $prepare);
		wait_until(sub { query('postgres', q(SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'BEGIN; ALTER DATABASE big RENAME%')) });
	},
	'restore', '--repo', $repo, 'big', '--drop', '--yes');
is($code, 1, 'the session that swaps is lost');
like($said, qr/the restored database is complete and is kept as "$working"/, 'what was loaded is kept');
query('big', "ROLLBACK PREPARED 'stuck'");
($code, $out, $err) = tool('restore', '--repo', $repo, 'big', '--drop', '--yes');
is($code, 0, 'and is not in the way of the next restore');
ok(exists_database($working), 'nor removed by it');
query("postgres", qq(DROP DATABASE "$working"));

# Two within a second.
create_database('small');
tool_ok([ 'backup', '--repo', $repo, '-d', 'small' ], 'a small database');
tool_ok([ 'restore', '--repo', $repo, 'small', '--drop', '--yes', '--no-analyze' ], 'replaced, again and again') for 1 .. 4;
is(scalar(grep { /^small_old_/ } @{ database_names() }), 4, 'each old one has a name');

# A role that may not rename it.
query('postgres', 'CREATE ROLE eve; CREATE ROLE maker LOGIN CREATEDB');
tool_fails([ 'restore', '--repo', $repo, 'big', '--drop', '--yes', '-U', 'maker', '--no-owner' ], 1, qr/may not rename database "big".*HINT/s,
	'rights are looked at before the load');

# ---- a restore that was killed is run again
for my $how ([ '--to', 'again' ], [ '--drop', '--yes' ], [ '--to', 'again', '-U', 'maker', '--no-owner' ])
{
	query('postgres', 'DROP DATABASE IF EXISTS again');
	my $name = $how->[0] eq '--to' ? $how->[1] : $working;
	my @restore = ('restore', '--repo', $repo, 'big', @$how);
	my ($killed) = run_while(sub { my ($pid) = @_; wait_until(sub { exists_database($name)
		  && query('postgres', "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '$name'") ne '' }); kill 'KILL', $pid }, @restore);

	ok(exists_database($name), "@$how: killed");
	like((tool('doctor', '--repo', $repo, '-d', 'postgres'))[1], qr/"$name".*left over/, "@$how: doctor names it") if $how->[0] eq '--drop';
	($code, $out, $err) = tool(@restore);
	is($code, 0, "@$how: run again") or diag($err);
	like($err, qr/removed database "$name", which an earlier restore has left incomplete/, "@$how: what was left is removed");
	ok(!exists_database($working), "@$how: nothing is left");
}
is(query('again', 'SELECT count(*) FROM t'), 200000, 'all rows');

# Killed when it had created the database, and could not yet say what it is.
sub killed_at_once
{
	my (@restore) = @_;
	my $release = hold_lock('postgres', 'pg_catalog.pg_shdescription IN SHARE MODE');
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @restore);
	my $waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%COMMENT ON DATABASE%'";

	wait_until(sub { query('postgres', "SELECT count(*) $waiting") }) or diag(read_bytes("$log"));
	kill 'KILL', $pid;
	finish_tool($pid);
	wait_until(sub { query('postgres', "SELECT count(pg_terminate_backend(pid)) $waiting") eq '0' });
	$release->();
	return;
}

sub doctor_says { my ($name) = @_; return (grep { $_->{name} eq 'databases' && $_->{detail} =~ /^"\Q$name\E"/ } @{ tool_json('doctor', '--repo', $repo, '-d', 'postgres')->{checks} })[0] }

my $small = latest_id($repo, 'small');
my @maker = ('-U', 'maker', '--no-owner');
for my $case (
	# where, what it is loaded as, what doctor says, arguments
	[ 'bare', 'bare', qr/next restore.*DROP DATABASE bare;/, '--to', 'bare' ],
	[ 'small', "small_restore_$small", qr/next restore.*DROP DATABASE "small_restore_$small";/, '--drop', '--yes' ],
	[ 'bare', 'bare', qr/next restore.*ask its owner/, '--to', 'bare', @maker ],
	[ 'bare', "bare_restore_$small", qr/next restore.*ask its owner/, '--to', 'bare', '--drop', '--yes', @maker ])
{
	my ($target, $loaded, $hint, @arguments) = @$case;
	my @restore = ('restore', '--repo', $repo, 'small', @arguments);
	my $how = "at once, @arguments";

	query('postgres', "DROP DATABASE IF EXISTS $target") if $loaded eq 'bare';
	killed_at_once(@restore);
	ok(exists_database($loaded), "$how: killed");
	my $says = doctor_says($loaded);
	is($says->{status}, 'warning', "$how: doctor finds it");
	like($says->{hint}, $hint, "$how: and says what to do");
	tool_fails([ @restore, '--table', 't' ], 1, qr/accepts no connections.*was killed.*HINT:.*Restore the whole backup/s, "$how: a part does not remove it")
	  if $loaded eq 'bare';
	($code, $out, $err) = tool(@restore);
	is($code, 0, "$how: run again") or diag($err);
	like($err, qr/removed database "$loaded", which an earlier restore has left incomplete/, "$how: what was left is removed");
	is(scalar(grep { /_restore_/ } @{ database_names() }), 0, "$how: nothing is left");
	is(query('postgres', "SELECT datallowconn, datconnlimit, has_database_privilege('eve', oid, 'CONNECT') FROM pg_database WHERE datname = '$target'"), 't|-1|t', "$how: open to all");
}

# What somebody else has closed like that is not removed.
my @like_that = ('ALTER DATABASE bare CONNECTION LIMIT 0', 'ALTER DATABASE bare ALLOW_CONNECTIONS false');
for my $case (
	[ 'with a table', qr/accepts no connections, and is not empty\n.*HINT:.*--drop.*ALLOW_CONNECTIONS true/, 'there: CREATE TABLE precious ()', @like_that ],
	[ 'with a schema', qr/accepts no connections, and is not empty/, 'there: CREATE SCHEMA precious', @like_that ],
	[ 'of another role', qr/"bare" accepts no connections\n.*HINT:.*--drop/, 'ALTER DATABASE bare OWNER TO eve', @like_that ],
	[ 'with a comment', qr/"bare" accepts no connections\n.*HINT:.*--drop/, q(COMMENT ON DATABASE bare IS 'mine'), @like_that ],
	[ 'with a setting', qr/"bare" accepts no connections\n.*HINT:.*--drop/, 'ALTER DATABASE bare SET work_mem = 64', @like_that ],
	[ 'with a grant', qr/"bare" accepts no connections\n.*HINT:.*--drop/, 'GRANT CONNECT ON DATABASE bare TO eve', @like_that ])
{
	my ($name, $error, @statements) = @$case;

	query('postgres', 'DROP DATABASE IF EXISTS bare');
	create_database('bare');
	/^there: (.*)/ ? query('bare', $1) : query('postgres', $_) for @statements;
	my $row = q(SELECT oid, datallowconn, datconnlimit, datacl, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'bare');
	my $before = query('postgres', $row);
	tool_fails([ 'restore', '--repo', $repo, 'small', '--to', 'bare' ], 1, $error, "$name: refused");
	is(query('postgres', $row), $before, "$name: and as it was");
}
# What the hint says helps, whatever the database holds.
query('postgres', 'DROP DATABASE bare');
create_database('bare');
query('bare', 'CREATE TABLE precious ()');
query('postgres', $_) for @like_that;
tool_ok([ 'restore', '--repo', $repo, 'small', '--to', 'bare', '--drop', '--yes' ], 'one with a table is replaced');
my ($precious) = reverse sort grep { /^bare_old_/ } @{ database_names() };
is(query('postgres', "SELECT datallowconn, datconnlimit FROM pg_database WHERE datname = 'bare'"), 't|-1', '... by one that is open');
query('postgres', "ALTER DATABASE $precious ALLOW_CONNECTIONS true CONNECTION LIMIT -1");
is(query($precious, 'SELECT count(*) FROM precious'), 0, '... and kept');
query('postgres', "DROP DATABASE $_") for 'bare', $precious;

# A part removes nothing, not even that.
run_while(sub { my ($pid) = @_; wait_until(sub { exists_database('again_part') && query('postgres', q(SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'again_part')) ne '' }); kill 'KILL', $pid },
	'restore', '--repo', $repo, 'big', '--to', 'again_part', '--table', 't');
tool_fails([ 'restore', '--repo', $repo, 'big', '--to', 'again_part', '--table', 't' ], 1, qr/holds a part of the backup.*HINT:.*drop it first/s, 'a part that was killed is not repeated');
tool_ok([ 'restore', '--repo', $repo, 'big', '--to', 'again_part', '--drop', '--yes' ], '--drop helps');
is(scalar(grep { /^again_part_old_/ } @{ database_names() }), 1, 'and keeps what was there');
tool_ok([ 'restore', '--repo', $repo, 'big', '--to', 'again_part', '--table', 't', '--as', 'u' ], 'a part into a whole one');

# ---- the same words in a database that no restore has made are no reason to remove it
my $words = "nex_backup: restore of big/$id in progress since 2026-01-01T00:00:00Z, session 1.1";
my $pretend = "COMMENT ON DATABASE claims IS '$words'";
my @closed = ('ALTER DATABASE claims CONNECTION LIMIT 0', 'REVOKE CONNECT, TEMPORARY ON DATABASE claims FROM PUBLIC');
for my $case (
	[ 'of another role', 'ALTER DATABASE claims OWNER TO eve', $pretend, @closed ],
	[ 'of a former owner', 'ALTER DATABASE claims OWNER TO eve', $pretend, 'ALTER DATABASE claims OWNER TO postgres' ],
	[ 'of a former owner, who closed it', 'ALTER DATABASE claims OWNER TO eve', @closed, $pretend, 'ALTER DATABASE claims OWNER TO postgres' ],
	[ 'reassigned', 'ALTER DATABASE claims OWNER TO eve', @closed, $pretend, 'REASSIGN OWNED BY eve TO postgres' ],
	[ 'opened since', $closed[0], $pretend, 'ALTER DATABASE claims CONNECTION LIMIT -1' ],
	[ 'renamed since', 'ALTER DATABASE claims RENAME TO aside', 'ALTER DATABASE aside CONNECTION LIMIT 0', "COMMENT ON DATABASE aside IS '$words'", 'ALTER DATABASE aside RENAME TO claims' ],
	[ 'with a table of somebody', $closed[0], $pretend, 'there: CREATE TABLE precious (i int)' ],
	[ 'with a row of somebody', $closed[0], $pretend, 'there: INSERT INTO t SELECT i, 3::text FROM generate_series(1, 200001) i' ],
	[ 'with a large object', $closed[0], $pretend, 'there: SELECT lo_create(0)' ],
	[ 'of a backup that is gone', $closed[0], 'COMMENT ON DATABASE claims IS ' . "'nex_backup: restore of big/20200101T000000Z in progress since 2026-01-01T00:00:00Z, session 1.1'" ])
{
	my ($name, @statements) = @$case;

	create_database('claims');
	query('claims', "CREATE TABLE t (i int, v text)");
	/^there: (.*)/ ? query('claims', $1) : query('postgres', $_) for @statements;
	my $oid = query('postgres', "SELECT oid FROM pg_database WHERE datname = 'claims'");
	query('claims', "SELECT pg_stat_force_next_flush()") if query('postgres', 'SHOW server_version_num') >= 150000;
	tool_fails([ 'restore', '--repo', $repo, 'big', '--to', 'claims' ], 1, qr/"claims" exists and is not empty/, "$name: stays");
	tool_ok([ 'restore', '--repo', $repo, 'big', '--to', 'claims', '--table', 't', '--as', 'u' ], "$name: a part is added");
	tool_ok([ 'restore', '--repo', $repo, 'big', '--to', 'claims', '--drop', '--yes' ], "$name: replaced");
	is(query('postgres', "SELECT count(*) FROM pg_database WHERE oid = $oid AND datname ~ '^claims_old_'"), 1, "$name: and kept");
	query('postgres', "DROP DATABASE claims");
}
my ($claim) = grep { $_->{name} eq 'databases' && $_->{detail} =~ /^"claims_old/ } @{ tool_json('doctor', '--repo', $repo, '-d', 'postgres')->{checks} };
unlike($claim->{hint} // '', qr/DROP DATABASE "?claims"?;/, 'doctor does not say what to drop');

# One that is at work, and one into an empty database, which was there before.
my ($first, $second);
($first, $said) = run_while(sub { wait_until(sub { exists_database('two') }); $second = (tool('restore', '--repo', $repo, 'big', '--to', 'two'))[0] },
	'restore', '--repo', $repo, 'big', '--to', 'two');
is($first, 0, 'a restore goes on');
isnt($second, 0, 'while the same one again is refused');
is(query('two', 'SELECT count(*) FROM t'), 200000, 'and is complete');
create_database('was_there');
run_while(sub { my ($pid) = @_; wait_until(sub { query('postgres', q(SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = 'was_there')) =~ /progress/ && query('was_there', "SELECT count(*) FROM pg_class WHERE relname = 't'") }); kill 'KILL', $pid },
	'restore', '--repo', $repo, 'big', '--to', 'was_there');
tool_fails([ 'restore', '--repo', $repo, 'big', '--to', 'was_there' ], 1, qr/holds a part of the backup.*was killed.*HINT:.*--drop/s, 'an empty database that was there, killed');
tool_ok([ 'restore', '--repo', $repo, 'big', '--to', 'was_there', '--drop', '--yes', '--discard-old' ], 'the hint helps');

# Losing the one idle session is no reason to lose all that was loaded.
($code, $said) = run_while(sub { wait_until(sub { exists_database('one_lost') });
	query('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND application_name LIKE 'nex_backup%')) },
	'restore', '--repo', $repo, 'big', '--to', 'one_lost');
is($code, 0, 'the idle session is lost') or diag($said);
is(query('one_lost', 'SELECT count(*) FROM t'), 200000, 'and the restore ends well');

done_testing();
