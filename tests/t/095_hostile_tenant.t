# A hostile tenant of a database: whatever it names, sets, comments or stores, no way of backing up
# and restoring runs any of it, and all of it comes back as it was.  NEXB_HOSTILE=all puts every
# payload into every place.
use strict;
use warnings;

use Encode ();
use File::Temp ();
use IPC::Run ();
use MIME::Base64 ();
use NexBackup::Hostile;
use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my $node = hostile_server('main', wal_level => 'logical', max_locks_per_transaction => 2048);

plan skip_all => 'the places need PostgreSQL 15 or later' if $node->pg_version < 15;
my $all = ($ENV{NEXB_HOSTILE} // '') eq 'all';
my $files = File::Temp::tempdir(CLEANUP => 1);

hostile_roles('zoo');
watch_from($node);

unseen_characters();
plant_zoo('zoo');
plant_settings('zoo');
quiet('planting');
my $original = folded(picture('zoo'));

# ------------------------------------------------------------- comparison

# Names in these lists that are not quoted mean the same in lower case, and may be written so.
sub folded
{
	my ($picture) = @_;

	$picture->{$_} =~ s/^(.* SET (?:search_path|temp_tablespaces) TO .*)$/lc $1/gme for grep { /of the database$/ } keys %$picture;
	return $picture;
}

sub whole
{
	my ($path, $database) = @_;

	same_picture($original, folded(picture($database)), "$path: all is as it was");
	return;
}

# Of a part, the rows and sequences of the schema j, but for names that a pattern takes out.
sub rows_of_part
{
	my ($picture, $which) = @_;

	return { map { ($_ => $picture->{$_}) } grep { /^(?:rows of|sequence) j\./ && $_ =~ $which } keys %$picture };
}

sub part
{
	my ($path, $database, $which) = @_;

	same_picture(rows_of_part($original, $which), rows_of_part(picture($database), $which), "$path: the rows are as they were");
	return;
}

# psql with input from a command; its exit code.
sub psql
{
	my ($database, $command, @options) = @_;

	return system('bash', '-o', 'pipefail', '-c', "$command | psql -qX @options -o /dev/null -d \"\$1\" 2>$files/psql.err",
		'bash', NexBackup::Test::conninfo($database)) >> 8;
}

# Subscriptions keep a database from being dropped.
sub drop
{
	my ($database) = @_;

	query($database, <<'SQL');
DO $$ DECLARE s name; BEGIN
	FOR s IN SELECT subname FROM pg_catalog.pg_subscription WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
	LOOP EXECUTE pg_catalog.format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', s); EXECUTE pg_catalog.format('DROP SUBSCRIPTION %I', s); END LOOP;
END $$
SQL
	query('postgres', "DROP DATABASE $database");
	return;
}

# ------------------------------------------------------------------ stock

# What pg_dump -C and psql do is the measure.
query('postgres', 'ALTER DATABASE zoo RENAME TO zoo_original');
is(system("pg_dump -C -d zoo_original -f $files/stock.sql") >> 8, 0, 'pg_dump');
query('postgres', 'ALTER DATABASE zoo_original RENAME TO zoo');
is(psql('postgres', "sed 's/zoo_original/zoo_stock/' $files/stock.sql", '-v', 'ON_ERROR_STOP=1'), 0, 'pg_dump -C | psql')
  or diag(read_bytes("$files/psql.err"));
quiet('pg_dump -C | psql');
whole('pg_dump -C | psql', 'zoo_stock');
drop('zoo_stock');

# ------------------------------------------------------------------ backup

my $repo = new_repository();
tool_ok([ 'backup', '--repo', $repo, '-d', 'zoo', '-j', 2 ], 'backup');
quiet('backup');
my $id = latest_id($repo, 'zoo');
tool_ok([ 'verify', '--repo', $repo, 'zoo' ], 'verify');
for my $words ([ 'info', 'zoo' ], [ 'info', 'zoo', '--json' ], [ 'list', 'zoo' ], [ 'verify', 'zoo' ])
{
	my ($code, $out, $err) = tool(@$words, '--repo', $repo);

	is($code, 0, "@$words") or diag($err);
	unlike($out . $err, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/, "@$words: no control characters for the terminal");
}
quiet('verify, info, list');

# ------------------------------------------------------------- whole databases

tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'zoo_new', '-j', 2 ], 'restore --to');
quiet('restore --to');
whole('restore --to', 'zoo_new');

tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'zoo_new', '--drop', '--yes', '-j', 1, '--copy-format', 'text' ], 'restore --drop');
quiet('restore --drop');
whole('restore --drop', 'zoo_new');
drop($_) for grep { /^zoo_new_old_/ } database_names();

query('postgres', 'CREATE DATABASE zoo_stock TEMPLATE template0 OWNER olga');
is(stock_restore($repo, "backups/zoo/$id.sha256", 'zstd -dc', 'zoo_stock'), 0, 'stock tools');
quiet('stock tools');
whole('stock tools', 'zoo_stock');
drop('zoo_stock');

my $export = "$files/export.sql";
tool_ok([ 'export', '--repo', $repo, 'zoo', '-o', $export ], 'export');
query('postgres', 'CREATE DATABASE zoo_export TEMPLATE template0 OWNER olga');
is(psql('zoo_export', "cat $export", '-v', 'ON_ERROR_STOP=1'), 0, 'export | psql') or diag(read_bytes("$files/psql.err"));
quiet('export | psql');
whole('export | psql', 'zoo_export');
drop('zoo_export');

# As somebody does it who does not know: errors do not stop it, and lines that psql does not take for
# rows would be commands.
query('postgres', 'CREATE DATABASE zoo_export TEMPLATE template0 OWNER olga');
is(psql('zoo_export', "cat $export"), 0, 'export | psql that goes on after errors');
is(join("\n", grep { !/(?:^|: )(?:WARNING|HINT):/ } split(/\n/, read_bytes("$files/psql.err"))), '', 'export | psql that goes on after errors: there are none');
quiet('export | psql that goes on after errors');
# A second time every statement fails, and what comes after a COPY that failed are rows still.
psql('zoo_export', "cat $export");
quiet('export | psql into a database that is full', qr/server's log/);
drop('zoo_export');

# Without the protection of \restrict, as psql of before August 2025 has none.
{
	my $text = read_bytes($export);
	my ($key) = $text =~ /^\\restrict (\w+)$/m;

	is($text =~ s/^\\(?:un)?restrict \Q$key\E$//mg, 2, 'one \restrict and one \unrestrict of its key');
	write_bytes("$files/bare.sql", $text);
}
query('postgres', 'CREATE DATABASE zoo_export TEMPLATE template0 OWNER olga');
is(psql('zoo_export', "cat $files/bare.sql", '-v', 'ON_ERROR_STOP=1'), 0, 'export | psql without \restrict');
quiet('export | psql without \restrict');
drop('zoo_export');

# The archive that a backup holds, in comments, for pg_restore.
my $text = read_bytes($export);
my ($archive) = grep { /^PGDMP/ } map { MIME::Base64::decode_base64($_) } map { s/^-- //gmr } $text =~ /((?:^-- [A-Za-z0-9+\/=]{4,76}\n)+)/mg;
ok(defined $archive, 'the archive of pg_dump') or BAIL_OUT('no archive');
write_bytes("$files/archive", $archive);
query('postgres', 'CREATE DATABASE zoo_archive TEMPLATE template0 OWNER olga');
is(system('pg_restore', '--exit-on-error', '-d', 'zoo_archive', "$files/archive"), 0, 'pg_restore of the archive');
quiet('pg_restore of the archive');
is(psql('zoo_archive', "pg_restore -C -f - $files/archive | sed 's/^ALTER DATABASE zoo /ALTER DATABASE zoo_archive /; /^CREATE DATABASE\\|^DROP/d; s/^.connect .*//'"), 0, 'and as text');
quiet('pg_restore of the archive as text', qr/server's log/);
drop('zoo_archive');

# ---------------------------------------------------------------------- parts

my $in_j = qr/./;

tool_ok([ 'restore', '--repo', $repo, 'zoo', '--schema', 'j', '--to', 'zoo_part', '-j', 2 ], 'restore --schema into a new database');
quiet('restore --schema into a new database');
part('restore --schema into a new database', 'zoo_part', $in_j);
query('postgres', 'DROP DATABASE zoo_part');

tool_ok([ 'restore', '--repo', $repo, 'zoo', '--table', 'j.*', '--to', 'zoo_part', '-j', 2 ], 'restore --table into a new database');
quiet('restore --table into a new database');
part('restore --table into a new database', 'zoo_part', $in_j);
query('postgres', 'DROP DATABASE zoo_part');

query('zoo_new', 'DROP SCHEMA j CASCADE');
tool_ok([ 'restore', '--repo', $repo, 'zoo', '--schema', 'j', '--to', 'zoo_new', '--yes' ], 'restore --schema into a live database');
quiet('restore --schema into a live database');
part('restore --schema into a live database', 'zoo_new', $in_j);

# Tables one by one, under names as bad as their own.
my @tables = split /\x1e\n?/, query('zoo', q[SELECT relname || E'\x1e' FROM pg_catalog.pg_class WHERE relnamespace = 'j'::regnamespace]
	  . q[ AND relkind = 'r' AND relname ~ 'pwned|touch|\\.\\.' AND NOT relispartition ORDER BY pg_catalog.md5(relname)]);
my $most = $all ? 60 : 6;
@tables = @tables[ 0 .. $most - 1 ] if @tables > $most;
for my $table (@tables)
{
	my $name = '"' . ($table =~ s/"/""/gr) . '"';
	my ($n, $new) = payload('the name of --as', (text_payloads())[ hex(unpack('H4', $table)) % 40 ]);

	Encode::_utf8_off($new = Encode::encode_utf8($new));
	my $as = 'j."' . ($new =~ s/"/""/gr) . '"';
	tool_ok([ 'restore', '--repo', $repo, 'zoo', '--table', "j.$name", '--as', $as, '--to', 'zoo_new', '--yes' ], 'restore --as: ' . ($table =~ s/[^ -~]/?/gr));
	quiet("restore --as of $table");
	is(query('zoo_new', "SELECT count(*) FROM ONLY $as"), query('zoo', "SELECT count(*) FROM ONLY j.$name"), 'its rows');
	query('zoo_new', "DROP TABLE $as");
}

# Rows only.
query('zoo_new', q[DO $$ DECLARE r regclass; BEGIN FOR r IN SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = 'j'::regnamespace
	AND relkind = 'r' LOOP EXECUTE pg_catalog.format('TRUNCATE ONLY %s CASCADE', r); END LOOP; END $$]);
tool_ok([ 'restore', '--repo', $repo, 'zoo', '--append', '--table', 'j.*', '--to', 'zoo_new', '--yes' ], 'restore --append');
quiet('restore --append');
part('restore --append', 'zoo_new', $in_j);
drop('zoo_new');

# ------------------------------------------------------------------ encrypted

SKIP:
{
	skip 'age-keygen is not installed', 1 if system("age-keygen -o $files/key 2>/dev/null") != 0;
	my ($recipient) = read_bytes("$files/key") =~ /^# public key: (age1\S+)$/m;
	my @state = ('--state-dir', "$files/state");

	tool_ok([ 'init', '--repo', "$files/secret", '--recipient', $recipient, @state ], 'an encrypted repository');
	tool_ok([ 'backup', '--repo', "$files/secret", '-d', 'zoo', @state ], 'backup');
	tool_ok([ 'restore', '--repo', "$files/secret", 'zoo', '--to', 'zoo_secret', '--identity', "$files/key", @state ], 'restore');
	quiet('encrypted: restore');
	whole('encrypted: restore', 'zoo_secret');
	drop('zoo_secret');
}

done_testing();
