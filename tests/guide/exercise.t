# The recovery guide, exercised from its first page to its last as a person would do it: on a machine with
# a cluster that the distribution's own tools made and started, in the usual places, as user postgres after
# a login, with nex_backup installed as the README says.  Each accident happens first.
#
# The commands are taken out of the documents, those in sentences too; replaced are only names and places
# that the documents leave open, and each replacement is written down beside the command.  What a step
# tells to do by hand ("add them again with the definition that you see here") is done with what the step
# before printed.  tests/t/012_documents.t runs the blocks on servers of its own, without root; it does not
# do what the sentences say.
#
# Needs root, as it makes machines (NexBackup::Machine).  "make check-guide" does all of it, "make check"
# only what NEXB_GUIDE=short leaves: half a minute instead of one and a half.
use strict;
use warnings;

use NexBackup::Exercise;
use NexBackup::Machine;
use Test::More;
use Time::HiRes qw(time sleep);

my $why = NexBackup::Machine::unavailable() // (-x "/usr/lib/postgresql/$major/bin/initdb" ? undef : "PostgreSQL $major is not the distribution's");
if ($why)
{
	diag("the recovery guide is NOT exercised: $why");
	plan skip_all => "the recovery guide is not exercised: $why";
}

my $short = ($ENV{NEXB_GUIDE} // '') eq 'short';
# What comes back is compared with what was there; a job of the README; the copy on another machine.
my ($now, $copy, $old) = (undef, text_of('Before the bad day', 'nex_backup copy -q --to offsite'));

# A person in a terminal: exit code, output, errors.
sub typed
{
	my ($text, $code, $name) = @_;
	my ($got, $out, $err) = type_in('sh', $text);

	is($got, $code, $name) or diag($out . $err);
	return wantarray ? ($out, $err) : $out . $err;
}

sub digest
{
	my ($table, $order) = @_;

	return sql('invoices', "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY $order)) FROM $table t");
}

sub drop_databases
{
	my ($pattern) = @_;

	sql('postgres', "DROP DATABASE $_") for grep { $_ =~ $pattern } split /\n/, sql('postgres', 'SELECT datname FROM pg_database');
	return;
}


# ---------------------------------------------------------------- quiet days

sub the_first_machine
{
	set_up('db1', '--locale', 'C.UTF-8', '--start-conf', 'manual');
	install(qr/apt-get/, qr/make install/);
	pg_ctlcluster('start');
	sql('postgres', "CREATE ROLE $_ LOGIN PASSWORD 'secret of $_'") for qw(invoice_app invoice_report);
	root('install -d -o postgres -g postgres -m 0700 /srv/tablespace');
	sql('postgres', $_) for 'CREATE DATABASE invoices', "CREATE TABLESPACE slow LOCATION '/srv/tablespace'", 'CREATE DATABASE archive TABLESPACE slow';
	sql('archive', 'CREATE TABLE old AS SELECT generate_series(1, 1000) AS id');
	person('cd /usr/src/nex_backup; for file in tests/fixtures/sample_schema.sql bench/sample_data.sql; do'
		  . ' psql -qX -v ON_ERROR_STOP=1 -v scale=0.01 -d invoices -f $file >/dev/null; done');
	sql('invoices', <<'SQL');
CREATE TABLE billing.product_note (product_id integer PRIMARY KEY REFERENCES billing.product, note text);
INSERT INTO billing.product_note SELECT product_id, 'note' FROM billing.product;
CREATE TABLE billing.note_mark (product_id integer REFERENCES billing.product_note);
INSERT INTO billing.note_mark SELECT product_id FROM billing.product_note LIMIT 5;
CREATE VIEW billing.noted AS SELECT product_id FROM billing.product_note;
CREATE TABLE billing.document_mark (document_id bigint REFERENCES billing.document);
INSERT INTO billing.document_mark SELECT document_id FROM billing.document LIMIT 5;
SQL
	install(qr/install -d/);
	my $preload = block('README.md', 'Every night', 'shared_preload_libraries');
	root("cat >>/etc/postgresql/$major/main/postgresql.conf <<'E'\n${preload}E\n");
	pg_ctlcluster('restart');
	block('README.md', 'Every night', 'CREATE EXTENSION nex_backup');
	($now) = block('README.md', 'Every night', 'SELECT * FROM nex_backup_run') =~ /^(.*;)/;
	is((type_in('sql', $now))[0], 0, "and the scheduler does it: $now");
	return;
}

sub before_the_bad_day
{
	$terminal = block($guide, 'Recovery guide', 'export NEX_BACKUP_REPO', tag => 'text') =~ s/\n/; /r;
	like(block($guide, 'What you can promise', 'SELECT database, max'), qr/^ invoices .* t$/m, 'the RPO is met');
	like(block($guide, 'What you can promise', 'SELECT database, backup'), qr/^\(0 rows\)$/m, 'nobody knows the RTO');
	block($guide, 'What you can promise', 'SELECT * FROM nex_backup_status');
	like(block($guide, 'Before the bad day', 'nex_backup init'), qr/\barchive\b/, 'every database is backed up');
	section('Before the bad day');
	return;
}

sub which_key
{
	local $NexBackup::Exercise::terminal = 'export NEX_BACKUP_REPO=/var/backups/pg_age; ';

	root('install -d -o postgres -g postgres -m 0700 /var/backups/pg_age');
	my ($recipient) = person('nex_backup keygen -o invoices.key') =~ /(age1\w+)/;
	person("nex_backup init --recipient $recipient; nex_backup backup -q -d invoices");
	typed($_, 0, "Which key: $_") for split /\n/, block($guide, 'Which key', 'grep -A9', tag => 'text');
	is(sql('invoices_new', 'SELECT count(*) FROM billing.invoice'), sql('invoices', 'SELECT count(*) FROM billing.invoice'), 'the key opens it');
	drop_databases(qr/^invoices_new$/);
	sentence('nex_backup key sheet --identity invoices.key');
	return;
}

# ---------------------------------------------------------------- procedures

sub a_dropped_table
{
	my $heading = '4. Restore a part';
	my $key = 'note_mark_product_id_fkey';

	broken('a dropped table');
	sql('invoices', 'DROP TABLE billing.product_note CASCADE');
	block($guide, $heading, 'BACKUP=invoices');
	my $part = block($guide, $heading, 'nex_backup restore invoices --table billing.product_note');
	is(sql('invoices', 'SELECT count(*) > 10 FROM billing.product_note'), 't', 'the dropped table is back');
	like($part, qr/$key/, 'it says that a foreign key of another table was left out');
	like($part, qr/\bnoted\b/, 'and the view');
	typed('nex_backup restore invoices --table billing.noted', 0, 'restore the views with --table too');
	like(typed('nex_backup info invoices --contents', 0, 'info --contents'), qr/$key/, 'names the foreign key');
	my ($definition) = sentence("nex_backup export invoices -o invoices.sql && grep -B1 'ADD CONSTRAINT NAME' invoices.sql", replace => [ [ 'NAME', $key ] ])
	  =~ /^(ALTER TABLE.*?;)$/ms;
	is((type_in('sql', "\\c invoices\n$definition"))[0], 0, 'which is added by hand');
	works('a dropped table');
	section($heading);
	return;
}

sub configuration
{
	section('6. Configuration');
	is(person('cmp restored_config/etc/postgresql/*/main/postgresql.conf /etc/postgresql/*/main/postgresql.conf && echo same'), 'same',
		'the files of /etc/postgresql come back as they were');
	# "ID.json names the objects": the one of pg_hba.conf.
	my $manifest = read_file($machine->path('/var/backups/pg/config/postgres/'
			  . person('ls /var/backups/pg/config/postgres | grep json$')));
	my ($object) = grep { -e $machine->path($_) } map { '/var/backups/pg/objects/' . substr($_, 0, 2) . "/$_.sql.zst" }
	  $manifest =~ /([0-9a-f]{64})/g;
	ok($object, 'a manifest of files names objects');
	like(sentence('zstd -dc OBJECT | age -d -i config.key', replace => [ [ 'OBJECT', $object ] ]), qr/PostgreSQL|TYPE/,
		'and a file is read without nex_backup');
	return;
}

sub procedures
{
	section($_) for '1. List', '2. Verify', '3. Restore points';
	a_dropped_table();
	section('5. Restore all');
	is(sql('invoices', 'SELECT count(*) FROM billing.document_mark'), 5, 'the database was restored');
	my ($drop) = typed('nex_backup doctor', 0, 'doctor') =~ /(DROP DATABASE [^;]*);?/;
	ok($drop, 'names the command that drops the old database');
	sql('postgres', $drop // 'SELECT');
	drop_databases(qr/^invoices_new$/);
	configuration();
	typed($copy, 0, 'the copy on another machine is brought up to date with the same commands');
	return;
}

# ---------------------------------------------------------------- A

sub corrupt
{
	my ($table) = @_;
	my $path = "$home/$major/main/" . sql('invoices', "CHECKPOINT; SELECT pg_relation_filepath('$table')");

	pg_ctlcluster('stop');
	root("yes Z | tr -d '\\n' | head -c 8192 | dd of='$path' conv=notrunc status=none");
	pg_ctlcluster('start');
	like((type_in('sql', "\\c invoices\nSELECT count(t.*) FROM $table t;"))[2], qr/invalid page in block/, "$table is corrupted");
	return;
}

sub scenario_a
{
	my $heading = 'A. One table is corrupted';
	my $before = digest('billing.document', 'document_id');
	my $expire = "SELECT nex_backup_alter_job('invoices expire', enabled =>";

	corrupt('billing.document');
	broken('A');
	sentence("$expire false)");
	block($guide, $heading, 'nex_backup verify');
	# Step 3: drop what refers to it, "and add them again after step 4 with the definition that you see here".
	my ($table, $name, $definition) =
	  block($guide, $heading, 'SELECT conrelid::regclass') =~ /^ (\S+) +\| (\S+) +\| (FOREIGN KEY .*)$/m;
	ok($definition, 'a table refers to the one that is corrupted');
	sql('invoices', "ALTER TABLE $table DROP CONSTRAINT $name");
	block($guide, $heading, "psql -X -q -d invoices -c 'TRUNCATE");
	sql('invoices', "ALTER TABLE $table ADD CONSTRAINT $name $definition");
	section($heading);
	is(digest('billing.document', 'document_id'), $before, 'A: the table is whole');
	sentence("$expire true)");
	works('A');
	return;
}

# ---------------------------------------------------------------- B

sub scenario_b
{
	my $before = digest('billing.invoice_line', 'line_id');

	sql('postgres', 'DROP DATABASE invoices');
	broken('B');
	section('B. The database is lost');
	is(digest('billing.invoice_line', 'line_id'), $before, 'B: the database is back');
	works('B');

	# "exists and is not empty", "if it fails because a role does not exist"
	sql('postgres', 'DROP DATABASE invoices');
	sql('postgres', $_) for 'DROP OWNED BY invoice_report', 'DROP ROLE invoice_report', 'CREATE DATABASE invoices';
	sql('invoices', 'CREATE TABLE mine (id integer)');
	like(typed('nex_backup restore invoices', 1, 'B: somebody has created it again'), qr/exists and is not empty/, 'in these words');
	my (undef, $err) = typed('nex_backup restore invoices --drop --yes', 1, 'B: with --drop, a role is missing');
	like($err, qr/needs roles that this server does not have: "invoice_report"\nHINT:.*globals restore/, 'in these words, with the hint');
	sentence('nex_backup globals restore');
	typed('nex_backup restore invoices --drop --yes', 0, 'B: after the globals');
	is(digest('billing.invoice_line', 'line_id'), $before, 'B: the database is back once more');
	is(sql('invoices', "SELECT has_table_privilege('invoice_report', 'billing.open_invoice', 'SELECT')"), 't', 'B: with its grants');
	drop_databases(qr/_old_/);
	return;
}

sub stops_at_an_object
{
	my $heading = 'A restore that stops at an object';

	sql('invoices', 'SET session_replication_role = replica; INSERT INTO billing.document_mark VALUES (-1)');
	person('nex_backup backup -q -d invoices --type orphan');
	broken('an object that cannot be restored');
	like(typed('nex_backup restore invoices --to invoices_rows', 1, 'a restore stops at a foreign key'),
		qr/could not restore the post-data section/, 'in these words');
	block($guide, $heading, 'nex_backup restore invoices --to invoices_rows', code => 1);
	sql('invoices_rows', 'DELETE FROM billing.document_mark WHERE document_id = -1');
	my ($run, $rows) = split /\n/, block($guide, $heading, 'psql -X -d invoices_rows', tag => 'text');
	typed($run, 0, $run);
	is(sql('invoices_rows', "SELECT count(*) FROM pg_constraint WHERE conrelid = 'billing.document_mark'::regclass AND contype = 'f'"), 1,
		'the foreign key is there after the file was run');
	sql('invoices_rows', 'TRUNCATE billing.document_mark; ALTER TABLE billing.document_mark DROP CONSTRAINT document_mark_document_id_fkey');
	typed(replaced($rows, [ '--table=TABLE', '--table=billing.document_mark' ]), 0, $rows);
	works('an object that cannot be restored');

	# The database of an extension that works in one name only.
	sql('invoices', 'DELETE FROM billing.document_mark WHERE document_id = -1');
	person('nex_backup backup -q -d invoices');
	my $rename = block($guide, $heading, 'psql -X -d postgres -c "SELECT pg_terminate', tag => 'text');
	typed($rename, 0, 'the live database is renamed away, and restored under its own name');
	drop_databases(qr/^invoices_(?:before|rows)$/);
	return;
}

# ---------------------------------------------------------------- C

# A command of the tool is killed as soon as the server sees what a query asks for.
sub killed
{
	my ($command, $seen) = @_;

	$machine->write_file('/tmp/seen.sql', 0644, "DO 'BEGIN FOR i IN 1..2000 LOOP EXIT WHEN EXISTS ($seen); PERFORM pg_sleep(0.005); PERFORM pg_stat_clear_snapshot(); END LOOP; END';\n");
	person("psql -Xq -f /tmp/seen.sql & seen=\$!\nsleep 0.2\n$command >killed.log 2>&1 & pid=\$!\nwait \$seen\nkill -9 \$pid\nwait \$pid || [ \$? = 137 ]");
	return;
}

sub scenario_c
{
	my $heading = 'C. A crash during processing';

	broken('C: the server');
	root("kill -9 \$(head -n 1 $home/$major/main/postmaster.pid); sleep 0.2");
	pg_ctlcluster('start');
	block($guide, $heading, "psql -X -c 'SELECT pg_is_in_recovery");
	works('C: the server');

	my $before = digest('billing.invoice', 'invoice_id');
	killed('nex_backup backup -d invoices', "SELECT FROM pg_stat_activity WHERE application_name ~ ''^nex_backup'' OFFSET 2");
	typed('nex_backup backup -d invoices', 0, 'C: a backup that crashed is run again');
	killed('nex_backup restore invoices --drop --yes', "SELECT FROM pg_database WHERE datname ~ ''^invoices_restore'' AND shobj_description(oid, ''pg_database'') IS NOT NULL");
	like((type_in('sh', 'nex_backup doctor'))[1], qr/DROP DATABASE.*invoices_restore/, 'C: doctor names the database that a crashed restore left');
	typed('nex_backup restore invoices --drop --yes', 0, 'C: the restore is run again');
	unlike(sql('postgres', "SELECT string_agg(datname, ' ') FROM pg_database"), qr/invoices_restore/, 'and nothing is left');
	is(digest('billing.invoice', 'invoice_id'), $before, 'and all is there');
	person('nex_backup expire & pid=$!; sleep 0.01; kill -9 $pid; wait $pid || true');
	typed('nex_backup expire', 0, 'C: expire is run again');

	person('nex_backup backup -q -d invoices --type before-update');
	sql('invoices', 'UPDATE billing.invoice SET net_total = net_total * 2 WHERE invoice_id % 2 = 0');
	broken('C: a batch job');
	section($heading);
	is(digest('billing.invoice', 'invoice_id'), $before, 'C: the half batch is undone');
	is(sql('postgres', "SELECT datconnlimit FROM pg_database WHERE datname = 'invoices'"), -1, 'C: and people can come in');
	works('C: a batch job');
	drop_databases(qr/_old_/);
	return;
}

# ---------------------------------------------------------------- E

sub scenario_e
{
	my $heading = 'E. Rows were deleted by accident';
	my $before = digest('billing.invoice_line', 'line_id');
	my $accident = 'DELETE FROM billing.invoice_line WHERE invoice_id BETWEEN 100 AND 200';

	sql('invoices', $accident);
	broken('E: one command');
	block($guide, $heading, 'BACKUP=invoices');
	is(digest('billing.invoice_line', 'line_id'), $before, 'E: the deleted rows are back by one command');
	works('E: one command');
	sql('invoices', $accident);
	broken('E: by hand');
	section($heading);
	is(digest('billing.invoice_line', 'line_id'), $before, 'E: the deleted rows are back, chosen by hand');
	works('E: by hand');
	return;
}

sub checklist
{
	section('Drill');
	sentence($_) for "SELECT * FROM nex_backup_status() WHERE status <> 'ok'", 'nex_backup verify', 'nex_backup doctor';
	sentence('nex_backup verify --repo COPY', replace => [ [ 'COPY', 'offsite' ] ]);
	unlike(sql('postgres', text_of('What you can promise', 'SELECT database, backup')), qr/\|f$/m, 'the RTO is met by all restores that were done');
	return;
}

# ---------------------------------------------------------------- D

# A machine with a cluster that the distribution made without being told anything (no locale, so another
# encoding), and what survived of the old one.
sub new_machine
{
	my ($name) = @_;

	set_up($name);
	$machine->copy_in($old->path("$home/offsite"), "$home/offsite");
	$machine->write_file("$home/config.key", 0600, read_file($old->path("$home/config.key")));
	root("chown -R postgres: $home/offsite $home/config.key");
	return;
}

# The last backup of a directory of the copy.
sub last_of
{
	my ($directory) = @_;
	my ($last) = reverse sort split /\n/, person("ls offsite/$directory");

	return $last =~ /^(\w+)/ ? $1 : die;
}

# The commands of RECOVER.txt, on a machine that does not have nex_backup.
sub by_hand
{
	my ($before) = @_;

	new_machine('db3');
	root('rm -rf /usr/src/nex_backup');
	pg_ctlcluster('start');
	root('install -d -o postgres -g postgres -m 0700 /srv/tablespace');
	broken('D: by hand');
	my @lines = grep { !/^nex_backup/ } person('cat offsite/RECOVER.txt') =~ /^    (\S.*)$/mg;
	my ($id, $globals) = (last_of('backups/invoices'), last_of('globals'));
	for my $wanted (qr/^ls backups/, qr/^sha256sum -c --quiet backups/, qr/^ls globals/, qr/^sha256sum -c --quiet globals/,
		qr/zstd.*-d postgres$/, qr/^grep .*"database"/, qr/^createdb/, qr/zstd.* -d NEW_DATABASE$/, qr/^vacuumdb/)
	{
		my ($line) = grep { $_ =~ $wanted } @lines;
		# Names that RECOVER.txt leaves open, with what it says where they stand.
		my @names = (($line =~ /globals/ ? [ '/ID', "/$globals" ] : [ '/ID', "/$id" ]), [ 'NEW_DATABASE', 'invoices' ], [ '/DATABASE', '/invoices' ],
			[ 'OWNER', 'postgres' ], [ 'ENCODING', 'UTF8' ], [ '=COLLATE', '=C.UTF-8' ], [ '=CTYPE', '=C.UTF-8' ]);
		# "To go on past roles that exist": the superuser.
		push @names, [ '-v ON_ERROR_STOP=1 -d postgres', '-d postgres' ];
		typed("cd offsite\n" . replaced($line, grep { index($line, $_->[0]) >= 0 } @names), 0, "RECOVER.txt: $line");
	}
	is(digest('billing.invoice', 'invoice_id'), $before, 'D: restored by hand');
	works('D: by hand');
	$machine->lose;
	return;
}

sub install_again
{
	my $packages = replaced(block($guide, 'D. The machine is lost', 'sudo apt-get install', tag => 'text'),
		$major == 15 ? () : [ '-15', "-$major" ]);
	my ($code, $out, $err) = show($packages, [ $machine->run('root', $packages) ]);

	is($code, 0, $packages) or diag($out . $err);
	install(qr/apt-get/, qr/make install/);
	pg_ctlcluster('start');
	return;
}

sub configuration_again
{
	my ($code, $out, $err) = type_in('sh', sentence_text('nex_backup config diff postgres --identity'));

	like($out . $err, qr/shared_preload_libraries/, 'D: config diff shows what differs');
	sentence('nex_backup config restore postgres --identity');
	root("cp $home/restored_config/etc/postgresql/$major/main/*.conf /etc/postgresql/$major/main");
	pg_ctlcluster('restart');
	return;
}

sub jobs_again
{
	my $jobs = (type_in('sql', sentence_text('SELECT name, schedule, repository FROM nex_backup.jobs') . ';'))[1];

	like($jobs, qr{^ invoices daily .*\| /var/backups/pg}m, 'D: the jobs came back');
	sentence("SELECT nex_backup_alter_job('invoices daily', repository", replace => [ [ 'invoices daily', $_ ], [ '/new/place', "$home/offsite" ] ])
	  for 'invoices daily', 'invoices weekly', 'invoices expire';
	return;
}

sub scenario_d
{
	my $heading = 'D. The machine is lost';

	person('nex_backup backup -q --all --type nightly');
	typed($copy, 0, 'the copy of the last night');
	my $before = digest('billing.invoice', 'invoice_id');
	$old = $machine;
	by_hand($before);
	new_machine('db2');
	$old->lose;

	broken('D');
	install_again();
	block($guide, $heading, 'nex_backup verify --repo offsite');
	configuration_again();
	like(typed(text_of($heading, 'nex_backup list --repo offsite'), 1, 'D: before it changes anything'), qr/directories of tablespaces do not exist/,
		'it tells which directories of tablespaces are missing');
	root('install -d -o postgres -g postgres -m 0700 /srv/tablespace');
	block($guide, $heading, 'nex_backup list --repo offsite');
	block($guide, $heading, 'CREATE EXTENSION');
	jobs_again();
	section($heading);
	is((type_in('sql', $now))[0], 0, 'D: and a job does it, too');
	is(sql('postgres', "SELECT state FROM nex_backup.runs WHERE job = 'invoices daily' ORDER BY id DESC LIMIT 1"), 'succeeded', 'D: with success');
	is(digest('billing.invoice', 'invoice_id'), $before, 'D: the new machine has the database');
	is(sql('archive', 'SELECT count(*) FROM old'), 1000, 'D: and the one in a tablespace');
	is((type_in('sh', "PGPASSWORD='secret of invoice_app' psql -XAtq -h 127.0.0.1 -U invoice_app -d invoices -c 'SELECT 1'"))[1], "1\n",
		'D: and people can come in, with their passwords');
	works('D');
	return;
}

# ---------------------------------------------------------------- all of it

the_first_machine();
before_the_bad_day();
unless ($short)
{
	which_key();
	procedures();
}
scenario_a();
scenario_b();
unless ($short)
{
	stops_at_an_object();
	scenario_c();
}
scenario_e();
unless ($short)
{
	checklist();
	scenario_d();
	is(left_undone(), '', 'no block of the guide was left out');
}

my %rto = times_taken();
for my $what (sort keys %rto)
{
	diag(sprintf('RTO, %s: %.1f s', $what, $rto{$what}));
	cmp_ok($rto{$what}, '<', 45 * 60, "RTO: $what");
}
done_testing();
