# Every kind of object and every pitfall comes back as it was, in each mode.  The pitfalls are
# numbered as in docs/equivalence.md.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my %labels = label_settings();
my $node = start_server('main', wal_level => 'logical', max_prepared_transactions => 5, %labels);

plan skip_all => 'the zoo needs PostgreSQL 15 or later' if $node->pg_version < 15;

my $no_extension = install_zoo_extension($node);
my $repo = new_repository();

load_zoo('zoo');

# What only sessions and the cluster have: it must neither hinder nor come along.
my ($in, $out) = ("CREATE TEMPORARY TABLE passing (v text); INSERT INTO passing VALUES ('x'); SELECT 'made';\n", '');
my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', 'zoo' ], '<', \$in, '>', \$out, IPC::Run::timeout(600));
$session->pump until $out =~ /made/;
# The slot first: it waits for the end of transactions, prepared ones, too.
query('zoo', "SELECT pg_create_logical_replication_slot('zoo_slot', 'pgoutput')");
query('zoo', "BEGIN; CREATE TABLE never_committed (); PREPARE TRANSACTION 'zoo'");

# The members of the extension that are no configuration, and one text that PostgreSQL itself
# does not write as it was read.
my $restored = oracle($repo, 'zoo',
	pg_dump_changes => qr/^sequence "of an extension"\.not_dumped$|^rows of worth\.xml_prolog$/);
my @databases = map { $restored->{$_} } sort keys %$restored;
is(scalar(@databases), scalar(@modes), 'restored in every mode');

# --------------------------------------------------------------- the text

my $manifest = manifest_of('zoo', latest_id($repo, 'zoo'));
my %tables = map { ("$_->{schema}.$_->{name}" => $_) } @{ $manifest->{tables} };

sub manifest_of
{
	my ($database, $id) = @_;

	return JSON::PP->new->utf8->decode(read_bytes("$repo/backups/$database/$id.json"));
}

# Members of a table in the backup that was cut into chunks of one block.
sub members_of
{
	my ($table) = @_;
	my @ids = sort map { m{([^/]+)\.json$} ? $1 : () } glob("$repo/backups/zoo/*.json");
	my $most = 0;

	for my $one (@ids)
	{
		my $backup = manifest_of('zoo', $one);
		my ($position) = grep { "$backup->{tables}[$_]{schema}.$backup->{tables}[$_]{name}" eq $table } 0 .. $#{ $backup->{tables} };
		my @members = grep { $_->{kind} eq 'data' && $_->{table} == $position } @{ $backup->{members} };
		$most = @members if @members > $most;
	}
	return $most;
}

# A query gives the same in every restored database as in the original.
sub everywhere
{
	my ($name, $sql, $expected) = @_;
	my $original = query('zoo', $sql);

	is($original, $expected, "$name (the original)") if defined $expected;
	is(query($_, $sql), $original, "$name ($_)") for @databases;
}

# ---------------------------------------------------------------- pitfalls

SKIP:
{
	skip "the zoo's extension: $no_extension", 1 if defined $no_extension;
	subtest 'P1: configuration tables of extensions with their conditions, and configuration sequences' => sub {
		everywhere('rows beside the shipped ones', 'SELECT string_agg(id || value, \',\' ORDER BY id) FROM "of an extension".a_settings',
			"1shipped,2shipped too,10mine,11with\ttab");
		everywhere('a referenced table', 'SELECT count(*) FROM "of an extension".b_members JOIN "of an extension".z_groups ON id = grp', 20);
		everywhere('the sequence', 'SELECT last_value, is_called FROM "of an extension".numbers', '20|t');
	};
	subtest 'P2: members of extensions otherwise are left to the extension, but for grants on them' => sub {
		ok(!exists $tables{'of an extension.not_configuration'}, 'no rows of another table of it');
		is(query($_, 'SELECT count(*) FROM "of an extension".not_configuration'), 2, "rows that the extension makes ($_)") for @databases;
		everywhere('grants', q[SELECT proacl FROM pg_proc WHERE proname = 'of_the_extension' UNION ALL SELECT relacl FROM pg_class WHERE relname = 'a_view']);
	};
}
subtest 'P3: a parent gives its own rows, not those of its children' => sub {
	everywhere('of the parent alone', 'SELECT count(*) FROM ONLY kin.big', 3000);
	everywhere('with its child', 'SELECT count(*), count(DISTINCT (id, filler)) FROM kin.big', '6000|6000');
	cmp_ok(members_of('kin.big'), '>', 100, 'it was cut into blocks');
};
subtest 'P4: dropped and generated columns are left out; identities keep their values' => sub {
	is($tables{'kin.fast_default'}{copy}, 'COPY kin.fast_default (id, kept, added, added_number) FROM stdin;', 'no dropped column');
	is($tables{'worth.generated'}{copy}, 'COPY worth.generated (a, c) FROM stdin;', 'no generated column');
	everywhere('generated again', 'SELECT count(*) FROM worth.generated WHERE "B b" = upper(c) AND d = length(c) + a', 100);
	everywhere('identities', 'SELECT min(always), max(always), count(DISTINCT always) FROM worth.identities', '-4999|1000|31');
};
subtest 'P5: rows without columns, and of generated columns only' => sub {
	everywhere('rows', 'SELECT (SELECT count(*) FROM worth.nothing), (SELECT count(*) FROM worth.only_dropped),'
		  . ' (SELECT count(*) FROM worth.generated_only WHERE a = 42)', '1000|500|300');
};
subtest 'P6: leaves are dumped, and loaded through the root where an enum is hashed' => sub {
	is($tables{'leaves.animal_0'}{copy}, 'COPY roots.by_animal (kind, n, note) FROM stdin;', 'a leaf of an enum hash');
	is($tables{'leaves.pet_1'}{copy}, 'COPY roots.by_pet (kind, n) FROM stdin;', 'a leaf of the hash of a domain over an enum');
	is($tables{'leaves.deep_2026_0_small'}{copy}, 'COPY roots.deep (day, kind, v) FROM stdin;', 'a leaf further down');
	is($tables{'leaves.list_de'}{copy}, 'COPY leaves.list_de (id, country) FROM stdin;', 'any other leaf');
	ok($tables{'leaves.animal_0'}{serial} && !$tables{'leaves.list_de'}{serial}, 'the first ones by one connection');
	ok(!exists $tables{'roots.by_animal'}, 'nothing of the root itself');
	everywhere('rows', 'SELECT (SELECT count(*) FROM roots.by_animal), (SELECT count(*) FROM roots.deep)', '1500|45');
	for my $leaf (map { "leaves.animal_$_" } 0 .. 4)
	{
		is(query($_, "SELECT count(*) FROM $leaf WHERE NOT (" . query($_, "SELECT pg_get_partition_constraintdef('$leaf'::regclass)") . ')'),
			0, "no row of $leaf is in the wrong place ($_)")
		  for @databases;
	}
};
subtest 'P7: foreign tables give no rows; materialized views are refreshed in order if they were' => sub {
	ok(!exists $tables{'s.foreign_table'} && !exists $tables{'leaves.far_1'}, 'no rows of foreign tables');
	everywhere('materialized views upon materialized views', 'SELECT n FROM seen.a_third', 201);
	everywhere('of a primary key', 'SELECT n FROM seen.c_upon_late', 100);
	everywhere('populated or not', q[SELECT string_agg(relname || relispopulated, ',' ORDER BY relname) FROM pg_class WHERE relkind = 'm' AND relnamespace = 'seen'::regnamespace]);
	is(query($_, q[SELECT relispopulated FROM pg_class WHERE oid = 'seen.empty_one'::regclass]), 'f', "one that was not ($_)") for @databases;
};
subtest 'P8: unlogged tables with their rows, temporary ones of other sessions not' => sub {
	everywhere('unlogged', q[SELECT count(*), (SELECT relpersistence FROM pg_class WHERE oid = 'bound.unlogged'::regclass) FROM bound.unlogged], '50|u');
	ok(!(grep { /passing/ } keys %tables), 'no temporary table');
};
subtest 'P9: large objects with number, owner, grants and comment' => sub {
	everywhere('all of them', q[SELECT count(*), md5(string_agg(oid || md5(lo_get(oid)), ',' ORDER BY oid)) FROM pg_largeobject_metadata]);
	everywhere('grants by others than the owner', 'SELECT lomacl FROM pg_largeobject_metadata WHERE oid = 80003',
		'{zoo_owner=rw/zoo_owner,zoo_grantor=r*w*/zoo_owner,=r/zoo_grantor,invoice_app=w*/zoo_grantor,invoice_report=w/invoice_app}');
	everywhere('a hole', 'SELECT length(lo_get(80005)), md5(lo_get(80005))', '20480001|' . query('zoo', 'SELECT md5(lo_get(80005))'));
};
SKIP:
{
	skip 'no provider of security labels is installed (scripts/check.sh does it)', 1 unless %labels;
	subtest 'security labels of every kind of object' => sub {
		everywhere('of objects and columns', q[SELECT count(*), count(DISTINCT (objtype, provider, label)) FROM pg_seclabels WHERE objtype NOT IN ('database', 'role', 'tablespace')], '19|19');
		everywhere('of a large object', q[SELECT label FROM pg_seclabels WHERE objtype = 'large object' AND objoid = 80003], qq[it's\n"another"]);
		everywhere('of the database', q[SELECT label FROM pg_shseclabel JOIN pg_database d ON d.oid = objoid AND datname = current_database()], "of the 'zoo'");
	};
}
subtest 'P10: no sequence is behind its rows, and none has lost is_called' => sub {
	everywhere('never called', 'SELECT last_value, is_called FROM s.never_called', '77|f');
	everywhere('restarted', 'SELECT last_value, is_called FROM worth.restarted', '100|f');
	everywhere('of an identity', 'SELECT last_value, is_called FROM worth.identities_always_seq');
	ok(eval { query($_, 'INSERT INTO worth.identities (v) VALUES (1); INSERT INTO names.abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_123456789 DEFAULT VALUES; INSERT INTO s.parent (name, amount) VALUES (\'after\', 1)'); 1 },
		"the next rows collide with none ($_)") || diag($@)
	  for @databases;
};
subtest 'P11: the SQL of a backup has setval, large objects and REFRESH' => sub {
	my $database = $restored->{'stock tools'};

	is(query($database, 'SELECT last_value FROM worth.huge'), '-9223372036854775808', 'setval');
	is(query($database, 'SELECT last_value, is_called FROM worth.at_the_end'), '2|t', 'setval at the end of a sequence');
	is(query($database, 'SELECT length(lo_get(80003))'), 2400000, 'large objects');
	is(query($database, 'SELECT count(*) FROM seen.with_index'), 100, 'REFRESH');
};
subtest 'P12: tables of other access methods than heap are dumped in one piece' => sub {
	is(members_of('kin.other_method'), 1, 'one member, whatever --chunk-blocks says');
	cmp_ok(members_of('kin.big_child'), '>', 100, 'unlike a heap');
	everywhere('rows and method', q[SELECT count(*), (SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE c.oid = 'kin.other_method'::regclass) FROM kin.other_method], '6000|heap2');
};
subtest 'P22: prepared transactions and slots stay where they are; subscriptions come back disabled' => sub {
	everywhere('subscriptions', q[SELECT string_agg(subname || subenabled::int || coalesce(subslotname, '-'), ',' ORDER BY subname) FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid AND datname = current_database()],
		'sub0-,sub, disabled0kept_name');
	is(query('postgres', 'SELECT string_agg(slot_name, \',\') FROM pg_replication_slots'), 'zoo_slot', 'no slot was made');
	is(query('postgres', 'SELECT string_agg(database, \',\') FROM pg_prepared_xacts'), 'zoo', 'no transaction was prepared');
	is(query($_, q[SELECT to_regclass('public.never_committed') IS NULL]), 't', "what is not committed is not there ($_)") for @databases;
};
subtest 'P25: a type whose output loses something loses no more than with pg_dump' => sub {
	is(query($_, 'SELECT md5(string_agg(x::text, \',\' ORDER BY x::text)) FROM worth.xml_prolog'),
		query('zoo_carried', 'SELECT md5(string_agg(x::text, \',\' ORDER BY x::text)) FROM worth.xml_prolog'), "xml with a prolog ($_)")
	  for @databases;
};
subtest 'P27: reg* columns come back by name' => sub {
	my $sql = "SELECT c, p, pa, oa, t, cfg, d, ns, r, co FROM kinds.registered";
	everywhere('names', $sql);
	is(query($_, 'SELECT count(*) FROM kinds.registered JOIN pg_class ON pg_class.oid = c JOIN pg_type ON pg_type.oid = t'), 1, "that exist ($_)") for @databases;
};
subtest 'P28: enums keep their order, whatever their OIDs' => sub {
	everywhere('order', 'SELECT enum_range(NULL::roots.animal), \'bee\'::roots.animal < \'lion\'\'s cub\'', q[{aardvark,zebra,ant,bee,"lion's cub"}|t]);
	everywhere('sorted rows', 'SELECT string_agg(DISTINCT kind::text, \',\') FROM (SELECT kind FROM roots.by_animal ORDER BY kind) q');
};
subtest 'P37: no name or comment steps out of its place' => sub {
	ok(!-e '/tmp/owned', 'nothing was run');
	everywhere('names', q[SELECT md5(string_agg(format('%I.%I', n.nspname, relname), ',' ORDER BY nspname COLLATE "C", relname COLLATE "C")) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname ~ '^name']);
	everywhere('a comment like a command', q[SELECT obj_description('names."Case"'::regclass)]);
};
subtest 'P38: rows that look like the end of the data, and blank ones' => sub {
	everywhere('characters', 'SELECT count(*), md5(string_agg(n || alone || between, \'\' ORDER BY n)) FROM worth.characters');
	everywhere('the end of the data as a value', q[SELECT count(*) FROM worth.characters WHERE alone ~ '^\\\\\.']);
};

# Rules, triggers and policies that would change or hide rows while they are loaded did not.
everywhere('rules were not at work', 'SELECT (SELECT count(*) FROM acts.ruled), (SELECT count(*) FROM acts.rule_log)', '10|0');
everywhere('triggers were not at work', q[SELECT count(*) FROM acts.triggered WHERE v = 'whole'], 10);
everywhere('event triggers were not at work', 'SELECT count(*) FROM acts.command_log WHERE tag = \'before\'', 1);
everywhere('policies hid nothing', 'SELECT count(*) FROM acts.hidden', 50);

# -------------------------------------------------------------- determinism

my $last = latest_id($repo, 'zoo');
subtest 'P29: a second backup of the same rows is the same text' => sub {
	query('postgres', 'ALTER SYSTEM SET synchronize_seqscans = on');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'zoo', '-j', 2 ], 'backup');
	cmp_ok(manifest_of('zoo', latest_id($repo, 'zoo'))->{totals}{new_objects}, '<=', 3, 'only head, tail and archive differ');
};
subtest 'P23: what role, database and server are set to does not change the text' => sub {
	query('postgres', "ALTER ROLE CURRENT_USER SET DateStyle = 'SQL, MDY'; ALTER ROLE CURRENT_USER SET TimeZone = 'Asia/Kathmandu';"
		  . " ALTER ROLE CURRENT_USER SET extra_float_digits = -10; ALTER ROLE CURRENT_USER SET bytea_output = escape;"
		  . " ALTER ROLE CURRENT_USER SET IntervalStyle = iso_8601; ALTER ROLE CURRENT_USER SET xmlbinary = hex;"
		  . " ALTER ROLE CURRENT_USER SET client_encoding = LATIN1; ALTER ROLE CURRENT_USER SET search_path = s, worth, pg_catalog;"
		  . " ALTER ROLE CURRENT_USER SET standard_conforming_strings = off; ALTER ROLE CURRENT_USER SET quote_all_identifiers = on;"
		  . " ALTER ROLE CURRENT_USER SET row_security = on; ALTER ROLE CURRENT_USER SET default_transaction_isolation = serializable;"
		  . " ALTER ROLE CURRENT_USER SET array_nulls = off; ALTER ROLE CURRENT_USER SET escape_string_warning = off;"
		  . " ALTER ROLE CURRENT_USER SET xmloption = document; ALTER ROLE CURRENT_USER SET enable_tidscan = off;");
	tool_ok([ 'backup', '--repo', $repo, '-d', 'zoo', '-j', 2 ], 'backup');
	is_deeply(data_objects(latest_id($repo, 'zoo')), data_objects($last), 'the same objects');
	# Many connections and few rows: what could deadlock in post-data meets here, too.
	tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'zoo_contrary', '-j', 8 ], 'restore, 8 jobs');
	query('postgres', 'ALTER ROLE CURRENT_USER RESET ALL');
	same_picture(picture('zoo_carried'), picture('zoo_contrary'), 'restored under such settings, it is the same');
};

# Objects that hold rows: the others hold random keys and dates.
sub data_objects
{
	my ($id) = @_;
	my $backup = manifest_of('zoo', $id);
	my %ids = map { ($backup->{objects}[ $_->{object} ]{id} => 1) } grep { $_->{kind} eq 'data' } @{ $backup->{members} };

	return [ sort keys %ids ];
}

subtest 'P30: rows that moved since are the same rows' => sub {
	query('zoo', 'ALTER EVENT TRIGGER log_commands DISABLE; UPDATE kin.big SET filler = filler WHERE id % 3 = 0; VACUUM FULL kin.big; DELETE FROM worth.bytes WHERE n % 2 = 0');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'zoo', '-j', 4, '--chunk-blocks', 1 ], 'backup');
	tool_ok([ 'restore', '--repo', $repo, 'zoo', '--to', 'zoo_moved', '-j', 4 ], 'restore');
	my ($old, $new) = (picture('zoo'), picture('zoo_moved'));
	is($new->{$_}, $old->{$_}, $_) for 'rows of kin.big', 'rows of worth.bytes';
};
$in .= "\\q\n";
$session->finish;
query('zoo', "ROLLBACK PREPARED 'zoo'");
query('postgres', "SELECT pg_drop_replication_slot('zoo_slot')");
done_testing();
