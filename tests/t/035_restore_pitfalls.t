# What a parallel restore has to keep in order.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my $node = start_server('main', max_wal_senders => 0, wal_level => 'minimal');

plan skip_all => 'needs PostgreSQL 15 or later' if $node->pg_version < 15;

my $repo = new_repository();

create_database('order');
query('order', <<'SQL');
CREATE TYPE weekday AS ENUM ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun');
CREATE TABLE rooted (d weekday, n integer, v text) PARTITION BY HASH (d);
SELECT format('CREATE TABLE rooted_%s PARTITION OF rooted FOR VALUES WITH (MODULUS 6, REMAINDER %s)', r, r) FROM generate_series(0, 5) r
\gexec
INSERT INTO rooted SELECT (enum_range(NULL::weekday))[1 + g % 7], g, repeat('r', 50) FROM generate_series(1, 20000) g;
CREATE UNIQUE INDEX ON rooted (d, n);
CREATE TABLE pages (id integer PRIMARY KEY, other integer UNIQUE, v text, up integer REFERENCES pages);
INSERT INTO pages SELECT g, -g, repeat('p', 300), greatest(1, g - 1) FROM generate_series(1, 20000) g;
CREATE INDEX pages_v ON pages (v, id);
CREATE TABLE few_pages (id integer PRIMARY KEY, v text);
ALTER TABLE few_pages ALTER v SET STORAGE EXTERNAL;
INSERT INTO few_pages SELECT g, repeat(md5(g::text), 1000) FROM generate_series(1, 1500) g;
CREATE MATERIALIZED VIEW counted AS SELECT v, count(*) AS n FROM pages GROUP BY v;
CREATE STATISTICS together ON id, other FROM pages;
SQL

sub manifest_of_latest
{
	return JSON::PP->new->utf8->decode(read_bytes("$repo/backups/order/" . latest_id($repo, 'order') . '.json'));
}

sub members_of
{
	my ($manifest, $table) = @_;
	my ($position) = grep { $manifest->{tables}[$_]{name} eq $table } 0 .. $#{ $manifest->{tables} };

	return grep { $_->{kind} eq 'data' && $_->{table} == $position } @{ $manifest->{members} };
}

# Blocks that the server looked at, counted by its statistics.
sub blocks_read
{
	return query('order', "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'pages'");
}

subtest 'P49: a chunk reads its own blocks, not the whole table' => sub {
	# The session that inserted the rows counts what it looked at when it ends, which may be after psql has.
	ok(wait_until(sub { blocks_read() >= 20_000 }), 'the insertion is counted');
	query('order', 'SELECT pg_stat_reset()');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'order', '-j', 2, '--chunk-blocks', 1 ], 'backup, a block a chunk');
	my $pages = query('order', "SELECT pg_relation_size('pages') / 8192");
	my $members = () = members_of(manifest_of_latest(), 'pages');

	cmp_ok($members, '>=', $pages * 0.9, "$members chunks of $pages blocks");
	ok(wait_until(sub { blocks_read() >= $pages }), 'all blocks were read');
	cmp_ok(blocks_read(), '<', 10 * $pages, 'and each few times');
};
subtest 'P46: indexes and keys wait for every chunk of their table' => sub {
	for my $jobs (2, 4)
	{
		tool_ok([ 'restore', '--repo', $repo, 'order', '--to', "chunks_$jobs", '-j', $jobs ], "restore, $jobs jobs");
		same_picture(picture('order'), picture("chunks_$jobs"), 'the same');
	}
	query('chunks_4', 'CREATE EXTENSION amcheck');
	is( query('chunks_4', <<'SQL'), 't', 'every index has every row');
SELECT count(bt_index_check(c.oid, true)) IS NOT NULL FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace
SQL
	is(query('chunks_4', "SELECT count(*) FROM pg_index WHERE NOT indisvalid OR NOT indisready"), 0, 'and is valid');
	is(query('chunks_4', 'SELECT count(*) FROM pg_constraint WHERE NOT convalidated'), 0, 'so is every constraint');
};
subtest 'P47: many connections that load through one root do not deadlock' => sub {
	for my $round (1 .. 2)
	{
		tool_ok([ 'restore', '--repo', $repo, 'order', '--to', "rooted_$round", '-j', 8 ], "8 jobs, round $round");
		is(query("rooted_$round", 'SELECT count(*), count(DISTINCT n) FROM rooted'), '20000|20000', 'all rows');
	}
	is(query('order', "SELECT deadlocks FROM pg_stat_database WHERE datname = 'rooted_2'"), 0, 'the server saw no deadlock');
};
subtest 'P48: chunks are sized by heap and TOAST together' => sub {
	tool_ok([ 'backup', '--repo', $repo, '-d', 'order', '-j', 2, '--chunk-blocks', 512 ], 'backup');
	my $heap = query('order', "SELECT pg_relation_size('few_pages') / 8192");
	my @members = members_of(manifest_of_latest(), 'few_pages');

	cmp_ok($heap, '<', 512, "a heap of $heap blocks");
	cmp_ok(scalar(@members), '>', 5, scalar(@members) . ' chunks');
	is($members[-1]{blocks}[1], 0, 'the last one is open-ended');
};
subtest 'P45: rows are loaded without FREEZE, so that chunks can be loaded side by side' => sub {
	my @copies = map { $_->{copy} } @{ manifest_of_latest()->{tables} };

	unlike(join("\n", @copies), qr/FREEZE/i, 'no COPY asks for it');
	is(scalar(grep { /^COPY public\.rooted \(/ } @copies), 6, 'nor could it, through a root');
};
subtest 'P50: keys of big tables are built while other rows are loaded, not one after the other at the end' => sub {
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'order', '--to', 'early', '-j', 4, '-v');

	is($code, 0, 'restore');
	cmp_ok(scalar(() = $err =~ /built early/g), '>=', 1, 'some were built early');
	is(query('early', "SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'pages'::regclass"),
		query('order', "SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'pages'::regclass"), 'all are there');
};
subtest 'code that rows run may read views' => sub {
	create_database('viewed');
	query('viewed', <<'SQL');
CREATE TABLE allowed (a int);
INSERT INTO allowed VALUES (1);
CREATE VIEW allowed_view AS SELECT * FROM allowed;
CREATE FUNCTION is_allowed(a int) RETURNS bool LANGUAGE sql AS 'SELECT count(*) >= 0 FROM public.allowed_view';
CREATE TABLE audit (a int);
CREATE VIEW audit_view AS SELECT * FROM audit;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.audit_view VALUES (new.a); RETURN new; END';
CREATE TABLE checked (a int PRIMARY KEY CHECK (public.is_allowed(a)));
INSERT INTO checked VALUES (1), (2);
CREATE TRIGGER noted BEFORE INSERT ON checked FOR EACH ROW EXECUTE FUNCTION note();
CREATE MATERIALIZED VIEW kept AS SELECT * FROM allowed_view;
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'viewed' ], 'backup');
	tool_ok([ 'restore', '--repo', $repo, 'viewed', '--to', 'viewed_new' ], 'restore');
	same_database('viewed', 'viewed_new', 'a CHECK that reads a view');
	query('viewed', 'DELETE FROM checked WHERE a = 2; DROP MATERIALIZED VIEW kept');
	tool_ok([ 'restore', '--repo', $repo, 'viewed', '--table', 'checked', '--append', '--on-conflict', 'skip', '--yes' ], 'append');
	is(query('viewed', 'SELECT count(*) FROM checked') . query('viewed', 'SELECT count(*) FROM audit WHERE a = 2'), '21', 'a trigger that writes to a view');
	tool_ok([ 'restore', '--repo', $repo, 'viewed', '--table', 'kept', '--to', 'viewed', '--yes' ], 'a part');
	is(query('viewed', 'SELECT count(*) FROM kept'), 1, 'a materialized view of a view');
};
subtest 'P53: the archive of the schema in a backup is whole and can be searched' => sub {
	my $manifest = manifest_of_latest();
	my ($member) = grep { $_->{kind} eq 'archive' } @{ $manifest->{members} };
	my $id = $manifest->{objects}[ $member->{object} ]{id};
	my $file = File::Temp::tempdir(CLEANUP => 1) . '/archive';
	my ($list, $one) = ('', '');

	is(system('bash', '-o', 'pipefail', '-c', 'tail -c +"$1" "$2" | head -c "$3" | zstd -dcq | sed -n "s/^-- \([A-Za-z0-9+\/=]*\)$/\1/p" | base64 -d >"$4"',
			'bash', $member->{offset} + 1, "$repo/objects/" . substr($id, 0, 2) . "/$id.sql.zst", $member->{length}, $file), 0, 'taken out with stock tools');
	IPC::Run::run([ 'pg_restore', '--list', $file ], '>', \$list);
	like($list, qr/ TABLE public few_pages /, 'its list');
	IPC::Run::run([ 'pg_restore', '-t', 'few_pages', '-f', '-', $file ], '>', \$one);
	like($one, qr/^CREATE TABLE public\.few_pages /m, 'one table out of it');
};
subtest 'P54: a restored database has statistics' => sub {
	is(query('early', "SELECT string_agg(DISTINCT tablename, ',') FROM pg_stats WHERE schemaname = 'public' AND tablename !~ '^rooted'"),
		'counted,few_pages,pages', 'of each table and materialized view');
	is(query('early', "SELECT count(DISTINCT tablename) FROM pg_stats WHERE tablename ~ '^rooted_'"),
		query('early', "SELECT count(*) FROM pg_class WHERE relname ~ '^rooted_\\d\$' AND pg_relation_size(oid) > 0"), 'and of each partition');
	is(query('early', 'SELECT count(*) FROM pg_statistic_ext_data'), 1, 'extended ones, too');
	tool_ok([ 'restore', '--repo', $repo, 'order', '--to', 'bare', '-j', 2, '--no-analyze' ], 'restore --no-analyze');
	is(query('bare', "SELECT count(*) FROM pg_stats WHERE schemaname = 'public'"), 0, 'has none');
};
subtest 'P9: without privileges, a role that granted something on a large object need not exist' => sub {
	create_database('granted');
	query('granted', <<'SQL');
CREATE ROLE passer_on;
SELECT lo_from_bytea(5001, 'x');
GRANT SELECT ON LARGE OBJECT 5001 TO passer_on WITH GRANT OPTION;
SET ROLE passer_on;
GRANT SELECT ON LARGE OBJECT 5001 TO PUBLIC;
RESET ROLE;
GRANT CREATE ON DATABASE granted TO invoice_app;
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'granted' ], 'backup');
	query('granted', 'DROP OWNED BY passer_on CASCADE; DROP ROLE passer_on');
	tool_ok([ 'restore', '--repo', $repo, 'granted', '--to', 'granted_2', '--no-privileges' ], 'restore');
	is(query('granted_2', 'SELECT lomacl IS NULL FROM pg_largeobject_metadata'), 't', 'the object, without grants');
	is(query('granted_2', "SELECT has_database_privilege('invoice_app', 'granted_2', 'CREATE')"), 'f', 'the database, without grants');
};
subtest 'grants on large objects and the database, with the options that their owners have' => sub {
	create_database('options');
	query('options', <<'SQL');
CREATE ROLE taker;
SELECT lo_from_bytea(n, 'x') FROM generate_series(5101, 5106) n;
GRANT UPDATE ON LARGE OBJECT 5101 TO taker WITH GRANT OPTION;
ALTER LARGE OBJECT 5101 OWNER TO taker;
GRANT SELECT ON LARGE OBJECT 5102 TO taker WITH GRANT OPTION;
SET ROLE taker;
GRANT SELECT ON LARGE OBJECT 5102 TO invoice_app WITH GRANT OPTION;
SET ROLE invoice_app;
GRANT SELECT ON LARGE OBJECT 5102 TO PUBLIC;
RESET ROLE;
ALTER LARGE OBJECT 5102 OWNER TO taker;
GRANT ALL ON LARGE OBJECT 5103 TO CURRENT_USER WITH GRANT OPTION;
REVOKE ALL ON LARGE OBJECT 5104 FROM CURRENT_USER;
REVOKE UPDATE ON LARGE OBJECT 5105 FROM CURRENT_USER;
GRANT SELECT ON LARGE OBJECT 5106 TO taker, PUBLIC;
GRANT CREATE ON DATABASE options TO taker WITH GRANT OPTION;
ALTER DATABASE options OWNER TO taker;
SQL
	my $grants = "SELECT oid, owner, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(acl) a) FROM ("
	  . 'SELECT oid, lomowner::regrole AS owner, lomacl AS acl FROM pg_largeobject_metadata UNION ALL '
	  . 'SELECT 0, datdba::regrole, datacl FROM pg_database WHERE datname = current_database()) o ORDER BY 1';
	tool_ok([ 'backup', '--repo', $repo, '-d', 'options' ], 'backup');
	tool_ok([ 'restore', '--repo', $repo, 'options', '--to', 'options_2' ], 'restore');
	is(query('options_2', $grants), query('options', $grants), 'the same grants');
};
subtest 'P7: what no server takes back is said when it is backed up' => sub {
	create_database('stuck');
	query('stuck', <<'SQL');
CREATE ROLE reader;
CREATE ROLE nobody_much;
CREATE TABLE t AS SELECT 1 AS a;
GRANT SELECT ON t TO reader;
CREATE MATERIALIZED VIEW "m A" AS SELECT * FROM t;
CREATE VIEW between_them AS SELECT * FROM "m A";
CREATE MATERIALIZED VIEW mb AS SELECT * FROM between_them;
CREATE MATERIALIZED VIEW mc AS SELECT * FROM mb;
CREATE MATERIALIZED VIEW good AS SELECT * FROM t;
ALTER MATERIALIZED VIEW good OWNER TO reader;
CREATE MATERIALIZED VIEW denied AS SELECT * FROM t;
ALTER MATERIALIZED VIEW denied OWNER TO nobody_much;
CREATE FUNCTION f() RETURNS integer LANGUAGE sql RETURN 1;
REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
CREATE MATERIALIZED VIEW calls AS SELECT f() AS x;
ALTER MATERIALIZED VIEW calls OWNER TO reader;
CREATE VIEW of_nobody AS SELECT * FROM t;
CREATE MATERIALIZED VIEW through AS SELECT * FROM of_nobody;
GRANT SELECT ON of_nobody TO reader;
ALTER VIEW of_nobody OWNER TO nobody_much;
ALTER MATERIALIZED VIEW through OWNER TO reader;
CREATE MATERIALIZED VIEW empty_and_denied AS SELECT * FROM t WITH NO DATA;
ALTER MATERIALIZED VIEW empty_and_denied OWNER TO nobody_much;
REFRESH MATERIALIZED VIEW "m A" WITH NO DATA;
CREATE TABLE wide (id integer, "b B" text, c text);
ALTER TABLE wide ALTER "b B" SET STORAGE EXTERNAL;
INSERT INTO wide VALUES (1, repeat('x', 10000));
CREATE TABLE wide_too (b text);
INSERT INTO wide_too SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) n;
ALTER TABLE wide ALTER "b B" SET STORAGE PLAIN;
CREATE TYPE label AS ENUM ('a', 'b');
CREATE TABLE half (k label) PARTITION BY HASH (k);
CREATE TABLE half_1 PARTITION OF half FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE many (i integer, k label[]) PARTITION BY HASH (i, k);
CREATE TABLE many_1 PARTITION OF many FOR VALUES WITH (MODULUS 4, REMAINDER 3);
CREATE TABLE whole (k label) PARTITION BY HASH (k);
CREATE TABLE whole_1 PARTITION OF whole FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE whole_2 PARTITION OF whole FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE whole_3 PARTITION OF whole FOR VALUES WITH (MODULUS 4, REMAINDER 3);
CREATE TABLE of_text (k text) PARTITION BY HASH (k);
CREATE TABLE of_text_1 PARTITION OF of_text FOR VALUES WITH (MODULUS 2, REMAINDER 0);
SQL
	my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'stuck');
	my $warnings = join("\n", @{ tool_json('info', '--repo', $repo, 'stuck')->{warnings} });
	my @wrong = grep { $warnings !~ /$_/ || $err !~ /$_/ } qr/view public\.mb is populated, but reads public\."m A", which is not/,
	  qr/public\.mc is populated, but reads public\."m A"/, qr/public\.denied cannot be refreshed.* may not use relation public\.t$/m,
	  qr/public\.calls cannot be refreshed.* function public\.f\(\)/, qr/public\.through cannot be refreshed/,
	  qr/public\.wide may be too big to be restored: column "b B" has storage PLAIN/, qr/public\.half may find no partition/, qr/public\.many may find no partition/;
	is(join("\n", $code, @wrong), 0, 'each is named, in words and in JSON');
	is(scalar(split(/\n/, $warnings)), 8, 'and nothing else') or diag($warnings);
	tool_fails([ 'restore', '--repo', $repo, 'stuck', '--to', 'stuck_2' ], 1, qr/row is too big|permission denied/, 'such a backup cannot be restored');
	query('stuck', 'GRANT SELECT ON t TO nobody_much; GRANT EXECUTE ON FUNCTION f TO reader; ALTER TABLE wide ALTER "b B" SET STORAGE EXTENDED; '
		  . 'CREATE TABLE half_2 PARTITION OF half FOR VALUES WITH (MODULUS 2, REMAINDER 1); DROP TABLE many');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'stuck' ], 'when that is put right');
	is(scalar(@{ tool_json('info', '--repo', $repo, 'stuck')->{warnings} }), 2, 'two warnings are left');
	my $json = tool_json('restore', '--repo', $repo, 'stuck', '--to', 'stuck_2');
	is_deeply($json->{not_populated}, [ 'public.empty_and_denied', 'public."m A"', 'public.mb', 'public.mc' ], 'a restore names what has no rows');
	like(tool_ok([ 'restore', '--repo', $repo, 'stuck', '--to', 'stuck_3', '--table', 'public.mc' ], 'so does that of a part'),
		qr/not populated: MATERIALIZED VIEW public\."m A"\nnot populated: MATERIALIZED VIEW public\.mb\nnot populated: MATERIALIZED VIEW public\.mc\n/,
		'one by one');
	create_database('stuck_4');
	like(tool_ok([ 'restore', '--repo', $repo, 'stuck', '--to', 'stuck_4', '--table', 'public.mb' ], 'and that into a database that exists'),
		qr/not populated: MATERIALIZED VIEW public\.mb/, 'there, too');
	unlike(tool_ok([ 'restore', '--repo', $repo, 'stuck', '--to', 'stuck_5', '--schema-only' ], 'but not --schema-only'), qr/not populated/,
		'which nobody expects rows of');
};
subtest 'what others create makes no backup useless' => sub {
	my ($in, $out, $err) = ('', '', '');

	create_database('crowded');
	query('postgres', 'CREATE ROLE guest LOGIN');
	query('crowded', <<'SQL');
CREATE TABLE t AS SELECT generate_series(1, 10) AS a;
DO $$ BEGIN FOR i IN 1..30 LOOP
	EXECUTE format('CREATE TABLE wide_%s (a text)', i);
	EXECUTE format('INSERT INTO wide_%s SELECT string_agg(md5(n::text), %L) FROM generate_series(1, 1000) n', i, '');
	EXECUTE format('ALTER TABLE wide_%s ALTER a SET STORAGE PLAIN', i);
END LOOP; END $$;
SQL
	# One who may do nothing but connect has temporary tables, and a lock on one.
	my $guest = IPC::Run::start([ 'psql', '-XAtq', '-d', 'crowded', '-U', 'guest' ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	$in = "CREATE TEMPORARY TABLE mine (a text, b text); ALTER TABLE mine ALTER a SET STORAGE PLAIN; INSERT INTO mine VALUES (repeat('x', 9000));\n"
	  . "CREATE TEMPORARY TABLE locked (a text); ALTER TABLE locked ALTER a SET STORAGE PLAIN; BEGIN; TRUNCATE locked; SELECT 'here';\n";
	$guest->pump until $out =~ /here/ || $err ne '';
	my ($code, undef, $said) = tool('backup', '--repo', $repo, '-d', 'crowded', '--lock-wait-timeout=1');
	$guest->kill_kill;
	is($code, 0, 'a lock on a temporary table of somebody else is not waited for') or diag($said);
	my $warnings = tool_json('info', '--repo', $repo, 'crowded')->{warnings};
	is(scalar(@$warnings), 21, 'of a kind there are some');
	is($warnings->[20], '10 more warnings like the last one', 'and the others are counted');
	is(scalar(grep { /mine/ } @$warnings), 0, 'temporary tables are not in the backup');
	unlike($said, qr/wide_30/, 'nor in what is said');
	tool_ok([ 'verify', '--repo', $repo, 'crowded' ], 'it can be read');
};
subtest 'comments too long for SQL are left out, and named' => sub {
	create_database('wordy');
	query('postgres', 'CREATE ROLE talker LOGIN');
	{
		local $ENV{PGUSER} = 'talker';
		query('wordy', <<'SQL');
SELECT lo_create(4711), lo_create(4712), lo_from_bytea(4713, 'x');
DO $$ BEGIN
	EXECUTE format('COMMENT ON LARGE OBJECT 4711 IS %L', repeat('''', 16777217));
	EXECUTE format('COMMENT ON LARGE OBJECT 4712 IS %L', repeat('''', 16777216));
END $$;
SQL
	}
	query('wordy', <<'SQL');
CREATE TABLE "a b" (id int, v text);
INSERT INTO "a b" VALUES (1, 'x');
COMMENT ON COLUMN "a b".id IS 'short';
DO $$ BEGIN
	EXECUTE format('COMMENT ON DATABASE wordy IS %L', repeat('d', 16777217));
	EXECUTE format('COMMENT ON TABLE "a b" IS %L', repeat('''', 17500000));
	EXECUTE format('COMMENT ON COLUMN "a b".v IS %L', repeat('''', 16777216));
END $$;
SQL
	my ($code, $out, $err) = tool('backup', '--repo', $repo, '-d', 'wordy');
	my @warnings = ((map { "$_ has more than 16 MB and is left out of the backup" } 'the comment of large object 4711', 'the comment of the database'),
		'COMMENT public.TABLE "a b" has 33 MB of SQL and is left out of the backup');
	is($code, 0, 'the backup is made');
	like($err, qr/warning: $_/, 'a warning') for @warnings;
	is_deeply(tool_json('info', '--repo', $repo, 'wordy')->{warnings}, \@warnings, 'which the manifest has, too');
	tool_ok([ 'restore', '--repo', $repo, 'wordy', '--to', 'wordy_2' ], 'it can be restored');
	is(query('wordy_2', q[SELECT string_agg(concat_ws(' ', oid, length(obj_description(oid, 'pg_largeobject'))), ',' ORDER BY oid)
		FROM pg_largeobject_metadata]), '4711,4712 16777216,4713', 'all else is there');
	is(query('wordy_2', q[SELECT id || v FROM "a b"]), '1x', 'the table, too');
	is(query('wordy_2', q[SELECT string_agg(length(description) || '', ',' ORDER BY objsubid) FROM pg_description WHERE objoid = '"a b"'::regclass]),
		'5,16777216', 'and its other comments');
};
subtest 'a large object that is nearly all hole costs what it has' => sub {
	my $content = q[SELECT string_agg(concat_ws(' ', loid, pageno, md5(data)), ',' ORDER BY loid, pageno) FROM pg_largeobject];

	create_database('holes');
	query('holes', <<'SQL');
SELECT lo_create(g) FROM generate_series(4720, 4726) g;
SELECT lo_put(4721, 4398046500000, 'x');
SELECT lo_put(4722, 5000, 'abc'), lo_put(4722, 262143, 'zz'), lo_put(4722, 700000, 'd');
SELECT lo_put(4723, 0, decode(repeat('00ff', 300000), 'hex'));
SELECT lo_put(4724, 0, decode(repeat('0a', 262144), 'hex'));
SELECT lo_put(4725, 0, decode(repeat('0b', 262145), 'hex')), lo_put(4725, 300000, decode(repeat('0c', 5000), 'hex'));
DO $$ BEGIN PERFORM lo_put(4726, n * 2048 * 8::bigint, 'y') FROM generate_series(1, 1000) n; END $$;
SQL
	my $json = tool_json('backup', '--repo', $repo, '-d', 'holes');
	ok($json->{raw_bytes} > 1_000_000 && $json->{raw_bytes} < 5_000_000, 'the backup is small') or diag($json->{raw_bytes});
	tool_ok([ 'restore', '--repo', $repo, 'holes', '--to', 'holes_2' ], 'it can be restored');
	is(query('holes_2', $content), query('holes', $content), 'to the same pages');
	is(query('holes_2', 'SELECT count(*) FROM pg_largeobject_metadata'), 7, 'the one without any, too');
};
subtest 'grants on a large object, which the array has in an order in which nobody could give them' => sub {
	create_database('given');
	query('postgres', "CREATE ROLE given_$_ LOGIN") for qw(eve bob dan carol);
	for (
		[ eve => 'SELECT lo_create(4731); GRANT SELECT ON LARGE OBJECT 4731 TO given_bob WITH GRANT OPTION' ],
		[ bob => 'GRANT SELECT ON LARGE OBJECT 4731 TO given_dan' ],
		[ eve => 'GRANT SELECT ON LARGE OBJECT 4731 TO given_carol WITH GRANT OPTION' ],
		[ carol => 'GRANT SELECT ON LARGE OBJECT 4731 TO given_bob WITH GRANT OPTION' ],
		[ eve => 'REVOKE ALL ON LARGE OBJECT 4731 FROM given_bob' ])
	{
		local $ENV{PGUSER} = "given_$_->[0]";
		query('given', $_->[1]);
	}
	my $acl = 'SELECT string_agg(a::text, chr(44) ORDER BY a::text) FROM pg_largeobject_metadata, unnest(lomacl) a';
	tool_ok([ 'backup', '--repo', $repo, '-d', 'given' ], 'backup');
	tool_ok([ 'restore', '--repo', $repo, 'given', '--to', 'given_2' ], 'restore');
	is(query('given_2', $acl), query('given', $acl), 'the same grants');
	like(query('given', $acl), qr{given_bob=r\*/given_carol,given_carol=r\*/given_eve,given_dan=r/given_bob}, 'such as there may be');
	query('given_2', 'SELECT lo_unlink(4731)');
	query('postgres', 'DROP ROLE given_dan') if query('given', q[SELECT lo_unlink(4731)]) == 1;
	like(tool_fails([ 'restore', '--repo', $repo, 'given', '--to', 'given_3' ], 1, qr/role "given_dan" does not exist|lacks role/, 'a role is not there'),
		qr/HINT: /, 'with a hint');
};
subtest 'materialized views are filled under the settings of their database' => sub {
	create_database('local_time');
	query('postgres', q(ALTER DATABASE local_time SET timezone = 'Asia/Kathmandu'; ALTER DATABASE local_time SET "DateStyle" = 'German, DMY';
ALTER DATABASE local_time SET default_text_search_config = 'pg_catalog.german'; ALTER DATABASE local_time SET default_transaction_read_only = on));
	query('local_time', <<'SQL');
SET default_transaction_read_only = off;
CREATE TABLE t AS SELECT timestamptz '2021-02-03 20:00:00+00' AS a, 'die Häuser'::text AS b;
CREATE MATERIALIZED VIEW m AS SELECT a::date AS d, a::text AS t, to_tsvector(b) AS v FROM t;
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'local_time' ], 'backup');
	tool_ok([ 'restore', '--repo', $repo, 'local_time', '--to', 'local_time_2' ], 'restore');
	is(query('local_time_2', 'SELECT * FROM m'), query('local_time', 'SELECT * FROM m'), 'with the same rows');
	my $set = "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase AND datname = current_database() ORDER BY 1";
	is(query('local_time_2', $set), query('local_time', $set), 'and has all settings');
};
subtest 'event triggers see no command of the restore' => sub {
	create_database('watched');
	query('watched', <<'SQL');
CREATE TABLE log (tag text);
CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM log;
CREATE INDEX ON log (tag);
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.log VALUES (tg_tag); IF tg_tag = 'REFRESH MATERIALIZED VIEW' THEN RAISE 'forbidden'; END IF; END $$;
CREATE EVENT TRIGGER watch_all ON ddl_command_end EXECUTE FUNCTION watch();
COMMENT ON EVENT TRIGGER watch_all IS 'sees all';
TRUNCATE log;
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'watched' ], 'backup');
	for my $jobs (1, 4)
	{
		tool_ok([ 'restore', '--repo', $repo, 'watched', '--to', "watched_$jobs", '-j', $jobs ], "restore, $jobs jobs");
		is(query("watched_$jobs", "SELECT count(*) FROM log WHERE tag <> 'COMMENT'"), 0, 'nothing was logged');
		is(query("watched_$jobs", "SELECT obj_description(oid, 'pg_event_trigger') FROM pg_event_trigger"), 'sees all', 'it is there, with its comment');
	}
};
subtest 'P28: a hash of enums within arrays and rows, where pg_dump | psql fails' => sub {
	create_database('deep');
	query('deep', <<'SQL');
CREATE TYPE letter AS ENUM ('a', 'b', 'c', 'd', 'e', 'f');
CREATE TYPE pair AS (l letter, n integer);
CREATE TABLE by_array (l letter[]) PARTITION BY HASH (l);
CREATE TABLE by_row (p pair) PARTITION BY HASH (p);
SELECT format('CREATE TABLE %1$s_%2$s PARTITION OF %1$s FOR VALUES WITH (MODULUS 3, REMAINDER %2$s)', t, r) FROM unnest('{by_array,by_row}'::text[]) t, generate_series(0, 2) r
\gexec
INSERT INTO by_array SELECT ARRAY[x, y] FROM unnest(enum_range(NULL::letter)) x, unnest(enum_range(NULL::letter)) y;
INSERT INTO by_row SELECT ROW(x, n)::pair FROM unnest(enum_range(NULL::letter)) x, generate_series(1, 9) n;
SQL
	tool_ok([ 'backup', '--repo', $repo, '-d', 'deep', '-j', 2 ], 'backup');
	tool_ok([ 'restore', '--repo', $repo, 'deep', '--to', 'deep_2', '-j', 2 ], 'restore');
	same_picture(picture('deep'), picture('deep_2'), 'the same');
};
# Checks of domains that pg_dump takes out of the definition, as of a loop, or not valid: they are counted as others are.
create_database('looping');
query('looping', <<'SQL');
CREATE DOMAIN late AS integer; ALTER DOMAIN late ADD CONSTRAINT pos CHECK (VALUE > 0) NOT VALID;
CREATE DOMAIN loop AS integer; CREATE FUNCTION good(loop) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1::pg_catalog.int4 > 0; END';
ALTER DOMAIN loop ADD CONSTRAINT good CHECK (good(VALUE));
CREATE TABLE t (a late); INSERT INTO t VALUES (1); CREATE TABLE none (b loop);
SQL
tool_ok([ 'backup', '--repo', $repo, '-d', 'looping' ], 'backup');
tool_ok([ 'restore', '--repo', $repo, 'looping', '--to', 'looped' ], 'checks of domains with entries of their own');
same_database('looping', 'looped', 'they are there');

# What surrounds the process: variables that programs of ours would read, limits, timers, closed descriptors.
for my $variable ('POSIXLY_CORRECT', 'PG_COLOR')
{
	local $ENV{$variable} = $variable eq 'PG_COLOR' ? 'always' : 1;
	query('postgres', 'DROP DATABASE IF EXISTS looped');
	tool_ok([ 'backup', '--repo', $repo, '-d', 'looping' ], "$variable: backup");
	tool_ok([ 'verify', '--repo', $repo, 'looping' ], "$variable: verify");
	tool_ok([ 'restore', '--repo', $repo, 'looping', '--to', 'looped' ], "$variable: restore");
	query('looped', 'DROP TABLE t');
	tool_ok([ 'restore', '--repo', $repo, 'looping', '--to', 'looped', '--table', 't' ], "$variable: a part");
	query('looped', 'TRUNCATE t');
	tool_ok([ 'restore', '--repo', $repo, 'looping', '--to', 'looped', '--append', '--table', 't' ], "$variable: rows");
	tool_ok([ 'restore', '--repo', $repo, 'looping', '--to', 'looped', '--drop', '--yes' ], "$variable: --drop");
	tool_ok([ 'export', '--repo', $repo, 'looping', '--output', '-' ], "$variable: export");
	tool_ok([ 'globals', 'backup', '--repo', $repo ], "$variable: globals backup");
	tool_ok([ 'globals', 'restore', '--repo', $repo, '--existing-roles=keep' ], "$variable: globals restore");
	same_database('looping', 'looped', "$variable: as it was");
	my (undef, undef, $shown) = tool('restore', '--repo', $repo, 'looping', '--to', 'x', '--pg-bindir', '/nowhere');
	unlike($shown, qr/\e\[.*pg_restore: \e/, "$variable: no colors of others");
}

# A wrapper before the tool: exit code and errors.
sub wrapped
{
	my ($wrapper, @command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ @$wrapper, tool_path(), @command ], '<', '/dev/null', '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $err);
}

sub left_over { return join ' ', (grep { /\.tmp/ } all_files($repo)), glob("$ENV{TMPDIR}/nex_backup*") }

local $ENV{TMPDIR} = File::Temp::tempdir('nexb_tmp_XXXXXX', DIR => '/tmp', CLEANUP => 1);
query('looping', "CREATE TABLE large AS SELECT g, md5(g::text) || random() AS v FROM generate_series(1, 20000) g");
my @small = ('/bin/bash', '-c', 'ulimit -f 8; exec "$@"', 'bash');
for my $command ([ 'backup', '-d', 'looping' ], [ 'restore', 'order', '--to', 'limited' ])
{
	my ($code, $err) = wrapped(\@small, @$command, '--repo', $repo);
	is($code, 1, "ulimit -f: $command->[0]") or diag($err);
	like($err, qr/error: .*File too large|DETAIL:  .*File too large/, '... says why');
	is(left_over(), '', '... and leaves nothing');
}
is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'limited'"), 0, '... no database, either');
my $held = hold_lock('looping', 'large');
my ($code, $err) = wrapped([ $^X, '-e', 'alarm 2; exec @ARGV' ], 'backup', '--repo', $repo, '-d', 'looping');
$held->();
is($code, 130, 'a timer that was set before the tool') or diag($err);
is(left_over(), '', '... and leaves nothing');
query('postgres', 'DROP DATABASE looped');
# What was to be written to a standard output that is closed is lost, and that is an error.
for my $case ([ '<&-', 0 ], [ '<&- 2>&-', 0 ], [ '<&- >&- 2>&-', 1 ])
{
	my ($closed, $expected) = @$case;

	my ($ended) = wrapped([ '/bin/bash', '-c', "umask 0; exec \"\$@\" $closed", 'bash' ], 'restore', '--repo', $repo, 'looping', '--to', 'looped');
	is($ended, $expected, "descriptors: $closed");
	is(query('looped', 'SELECT count(*) > 0 FROM pg_class WHERE relkind = $$r$$ AND relnamespace = $$public$$::regnamespace'), 't', '... restored');
	query('postgres', 'DROP DATABASE IF EXISTS looped');
}

# Whoever may not give an object to its owner lacks no role.
query('postgres', 'CREATE ROLE own LOGIN CREATEDB');
tool_fails([ 'restore', '--repo', $repo, 'looping', '--to', 'owned', '-U', 'own' ], 1,
	qr/(?:must be member of role|must be able to SET ROLE).*HINT:  Connect as a superuser.*--no-owner/s, 'a role that is no member of the owner');
tool_ok([ 'restore', '--repo', $repo, 'looping', '--to', 'owned', '-U', 'own', '--no-owner' ], 'what the hint says');

# A name that is not UTF-8 can be said in a session of SQL_ASCII only.
query('postgres', q(CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'));
query('ascii', qq(SET client_encoding = 'SQL_ASCII'; CREATE DATABASE "d\xe9" ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'));
tool_ok([ 'backup', '--repo', $repo, '-d', "d\xe9" ], 'backup of a name in another encoding');
query('ascii', qq(SET client_encoding = 'SQL_ASCII'; DROP DATABASE "d\xe9"));
tool_fails([ 'restore', '--repo', $repo, "d\xe9" ], 1, qr/invalid byte sequence.*HINT:  .*SQL_ASCII \(-d\).*--to/s, 'a restore under that name');
tool_ok([ 'restore', '--repo', $repo, "d\xe9", '-d', 'ascii' ], 'what the hint says');

done_testing();
