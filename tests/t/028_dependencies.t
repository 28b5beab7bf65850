# What pg_dump's archive does not say of dependencies: a backup has it from the catalogs, pg_depend is the witness that
# nothing is missing, and a restore of a part goes by it.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my %labels = label_settings();
my $node = start_server('main', wal_level => 'logical', %labels);
my $repo = new_repository();
my $btree_gist = query('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'btree_gist'");

sub back_up { return tool_ok([ 'backup', '--repo', $repo, '-d', $_[0] ], "backup of $_[0]") }

sub stored
{
	my ($database, $number) = @_;
	my @listed = split /\n/, read_bytes("$repo/backups/$database/" . latest_id($repo, $database) . '.sha256');

	return `zstd -dc $repo/@{[ substr($listed[$number], 66) ]}`;
}

# A backup as versions before 0.2.2 wrote it.
sub make_old
{
	my ($database) = @_;
	my $base = "$repo/backups/$database/" . latest_id($repo, $database);
	my $manifest = JSON::PP::decode_json(read_bytes("$base.json"));
	my ($member) = splice(@{ $manifest->{members} }, 2, 1);
	my ($object) = splice(@{ $manifest->{objects} }, 2, 1);

	$_->{object} -= $_->{object} > 2 for @{ $manifest->{members} };
	$manifest->{totals}{$_}-- for qw(members objects);
	$manifest->{totals}{raw_bytes} -= $member->{raw};
	$manifest->{totals}{stored_bytes} -= $object->{bytes};
	delete $manifest->{seal};
	my $text = JSON::PP->new->utf8->encode($manifest) =~ s/\}\z//r;
	write_bytes("$base.json", $text . qq(,\n"seal": ") . sha256_hex($text) . qq("\n}\n));
	write_bytes("$base.sha256", join('', grep { !/\Q$object->{id}\E/ } split(/^/, read_bytes("$base.sha256"))));
	return;
}

# The lines that say what came, was used, or is gone.
sub told
{
	my ($database, $what, @args) = @_;
	my $json = tool_json('restore', '--repo', $repo, $database, @args);

	return join("\n", sort grep { !/^settings, grants/ } @{ $json->{$what} });
}

# ------------------------------------------- everything in pg_depend is in one of the two

SKIP:
{
	skip 'the zoo needs PostgreSQL 15 or later', 7 if $node->pg_version < 15;
	install_zoo_extension($node);
	load_zoo('zoo');
	query('zoo', <<'SQL');
CREATE SCHEMA lib;
CREATE SCHEMA m;
CREATE TYPE lib.ci AS (t text);
CREATE FUNCTION lib.cmp(lib.ci, lib.ci) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 0; END';
CREATE FUNCTION lib.lt(lib.ci, lib.ci) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN false; END';
CREATE FUNCTION lib.lt(lib.ci, integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN false; END';
CREATE OPERATOR lib.< (FUNCTION = lib.lt, LEFTARG = lib.ci, RIGHTARG = lib.ci, COMMUTATOR = OPERATOR(lib.>));
CREATE OPERATOR lib.<= (FUNCTION = lib.lt, LEFTARG = lib.ci, RIGHTARG = lib.ci, NEGATOR = OPERATOR(lib.>));
CREATE OPERATOR lib.= (FUNCTION = lib.lt, LEFTARG = lib.ci, RIGHTARG = lib.ci, COMMUTATOR = OPERATOR(lib.=));
CREATE OPERATOR lib.>= (FUNCTION = lib.lt, LEFTARG = lib.ci, RIGHTARG = lib.ci, NEGATOR = OPERATOR(lib.<));
CREATE OPERATOR lib.> (FUNCTION = lib.lt, LEFTARG = lib.ci, RIGHTARG = lib.ci, COMMUTATOR = OPERATOR(lib.<), NEGATOR = OPERATOR(lib.<=));
CREATE OPERATOR lib.< (FUNCTION = lib.lt, LEFTARG = lib.ci, RIGHTARG = integer);
CREATE OPERATOR CLASS lib.ci_ops DEFAULT FOR TYPE lib.ci USING btree AS OPERATOR 1 lib.<, OPERATOR 2 lib.<=, OPERATOR 3 lib.=,
  OPERATOR 4 lib.>=, OPERATOR 5 lib.>, FUNCTION 1 lib.cmp(lib.ci, lib.ci);
ALTER OPERATOR FAMILY lib.ci_ops USING btree ADD OPERATOR 1 lib.< (lib.ci, integer);
CREATE TYPE lib.r AS RANGE (subtype = lib.ci, multirange_type_name = m.rs);
CREATE TYPE lib.en AS ENUM ('x', 'y');
CREATE FUNCTION lib.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION lib.norm(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE DOMAIN lib.code AS text;
CREATE COLLATION lib."C" FROM "C";
CREATE TABLE lib.keys (c lib.ci UNIQUE, e integer, t text, r lib.r, en lib.en[] UNIQUE, EXCLUDE USING btree (lib.norm(t) WITH =),
  EXCLUDE USING btree ((t::lib.code::text) COLLATE lib."C" WITH =), EXCLUDE USING gist (r WITH &&), EXCLUDE USING btree (c WITH OPERATOR(lib.=)));
CREATE TABLE lib.rows (k lib.keys, EXCLUDE USING btree (((k).e) WITH =));
CREATE TABLE lib.part (k lib.en, t text, c lib.ci) PARTITION BY RANGE (k, lib.norm(t), c);
CREATE TABLE lib.part_1 PARTITION OF lib.part (UNIQUE (k)) FOR VALUES FROM ('x', 'a', ROW('x')) TO ('y', 'a', ROW('x'));
CREATE TABLE lib.part_2 (n integer, id integer, k lib.code) PARTITION BY LIST ((n + lib.norm(id)));
CREATE TABLE lib.part_3 (k lib.en[], v lib.code) PARTITION BY LIST (k);
-- By way of functions that pg_dump does not load: constructors of types, and what is in pg_catalog.
CREATE TYPE lib.tr AS RANGE (subtype = integer, multirange_type_name = m.trs);
CREATE FUNCTION lib.own(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1';
SET allow_system_table_mods = on;
CREATE FUNCTION pg_catalog.by_hand(integer) RETURNS integer IMMUTABLE RETURN upper(lib.tr(0, lib.own($1)));
CREATE TABLE lib.spans (id integer PRIMARY KEY, a integer, g boolean GENERATED ALWAYS AS (isempty(lib.tr(a, 9))) STORED,
  d boolean DEFAULT isempty(lib.tr(1, 2)), CHECK (NOT isempty(lib.trs(lib.tr(a, 9)))),
  EXCLUDE USING gist (int4range(0, upper(lib.tr(0, a))) WITH &&), EXCLUDE USING btree (pg_catalog.by_hand(a) WITH =));
ALTER TABLE lib.spans ADD CONSTRAINT later CHECK (NOT isempty(lib.tr(a, 9))) NOT VALID;
CREATE INDEX spans_a ON lib.spans (upper(lib.tr(a, 9)));
CREATE INDEX spans_b ON lib.spans (a) WHERE pg_catalog.by_hand(a) > 0;
CREATE STATISTICS lib.spans_s ON upper(lib.tr(a, 9)), a FROM lib.spans;
CREATE POLICY spans_p ON lib.spans USING (isempty(lib.tr(a, 9)));
CREATE FUNCTION lib.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER spans_t BEFORE INSERT ON lib.spans FOR EACH ROW WHEN (isempty(lib.tr(new.a, 9))) EXECUTE FUNCTION lib.fires();
CREATE RULE spans_r AS ON UPDATE TO lib.spans WHERE isempty(lib.tr(new.a, 9)) DO INSTEAD NOTHING;
CREATE VIEW lib.spans_v AS SELECT a, lib.tr(a, 9)::m.trs IS NULL AS n FROM lib.spans;
CREATE VIEW lib.spans_g AS SELECT id, a, isempty(lib.tr(a, 9)) FROM lib.spans GROUP BY id;
CREATE MATERIALIZED VIEW lib.spans_m AS SELECT isempty(lib.tr(a, 9)) FROM lib.spans;
CREATE TABLE lib.part_4 (n integer) PARTITION BY RANGE (upper(lib.tr(0, n)));
CREATE FUNCTION lib.body(integer) RETURNS boolean IMMUTABLE RETURN isempty(lib.tr($1, 9));
CREATE DOMAIN lib.small AS integer CHECK (NOT isempty(lib.tr(VALUE, 9)));
CREATE OPERATOR lib.<-> (FUNCTION = lib.tr, LEFTARG = integer, RIGHTARG = integer);
SQL
	query('zoo', 'CREATE EXTENSION btree_gist SCHEMA m; CREATE TABLE lib.gist (e integer, EXCLUDE USING gist (e WITH =))') if $btree_gist;
	back_up('zoo');

	# The archive's own list says what each entry depends on; what the backup has beside it is in its own words.
	my ($toc, $depends, $kept) = ('', '', join('', map { s/^-- //r =~ tr{/ }{\t\t}r } grep { /^-- (?:needs|goes) / } split(/^/, stored('zoo', 2))));
	my $dump = File::Temp->new;
	write_bytes("$dump", decode_base64(join('', map { /^-- (\S*)$/ ? $1 : () } split(/\n/, stored('zoo', 1)))));
	my $id;
	for (`pg_restore --list --verbose $dump`)
	{
		if (/^(\d+); (\d+) (\d+) ([A-Z][A-Z ]+[A-Z])/)
		{
			$id = $1;
			$toc .= "$1\t$2\t$3\t$4\n";
		}
		$depends .= "$id\t$_\n" for /^;\s+depends on: (.*)/ ? split(' ', $1) : ();
	}
	my $compare = sub {
		my ($select) = @_;
		return query('zoo', <<"SQL" =~ s/\n\z//r);
SET client_min_messages = error;
CREATE TEMP TABLE rows AS TABLE pg_depend;
CREATE TEMP TABLE toc (id integer, class oid, oid oid, kind text);
COPY toc FROM STDIN;
$toc\\.
CREATE TEMP TABLE depends (id integer, needs integer);
COPY depends FROM STDIN;
$depends\\.
CREATE TEMP TABLE kept (word text, class oid, oid oid, refclass oid, ref oid);
COPY kept FROM STDIN;
$kept\\.
-- pg_dump does not load what somebody made in pg_catalog: it stands for what is behind it.
CREATE TEMP TABLE by_hand AS SELECT oid FROM pg_proc f WHERE oid >= 16384 AND pronamespace = 'pg_catalog'::regnamespace
  AND NOT EXISTS (SELECT FROM rows d WHERE (d.classid, d.objid) = (f.tableoid, f.oid) AND d.deptype = 'e');
-- Each object's entry: its own, or that of what it is a part of.
CREATE TEMP TABLE within AS SELECT classid, objid, refclassid, refobjid FROM rows WHERE (classid, objid) <> (refclassid, refobjid) AND (deptype IN ('i', 'e')
    OR (classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass) AND refclassid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass))
    OR (classid = 'pg_proc'::regclass AND objid IN (TABLE by_hand)))
  UNION SELECT tableoid, oid, 'pg_class'::regclass, adrelid FROM pg_attrdef
  UNION SELECT tableoid, oid, 'pg_class'::regclass, conrelid FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
  UNION SELECT tableoid, oid, 'pg_type'::regclass, contypid FROM pg_constraint WHERE contypid <> 0;
CREATE TEMP TABLE entries AS WITH RECURSIVE reached AS (
  SELECT classid AS class, objid AS oid, classid AS whole_class, objid AS whole FROM rows
  UNION SELECT refclassid, refobjid, refclassid, refobjid FROM rows
  UNION SELECT r.class, r.oid, w.refclassid, w.refobjid FROM reached r JOIN within w ON (w.classid, w.objid) = (whole_class, whole)
    WHERE NOT EXISTS (SELECT FROM toc t WHERE (t.class, t.oid) = (r.whole_class, r.whole)))
 SELECT DISTINCT r.class, r.oid, t.id, t.kind, t.class AS whole_class, t.oid AS whole FROM reached r JOIN toc t ON (t.class, t.oid) = (r.whole_class, r.whole);
CREATE TEMP TABLE pairs AS SELECT DISTINCT d.classid, d.objid, d.refclassid, d.refobjid, a.id, b.id AS needs, a.kind, b.kind AS needs_kind,
  EXISTS (SELECT FROM kept k WHERE k.word = 'needs' AND (k.class, k.oid, k.refclass, k.ref) = (a.whole_class, a.whole, b.whole_class, b.whole)) AS kept
 FROM rows d JOIN entries a ON (a.class, a.oid) = (d.classid, d.objid) JOIN entries b ON (b.class, b.oid) = (d.refclassid, d.refobjid)
 WHERE a.id <> b.id AND NOT EXISTS (SELECT FROM depends p WHERE p.id = a.id AND p.needs = b.id)
  AND NOT (d.classid = 'pg_proc'::regclass AND d.objid IN (TABLE by_hand));
$select
SQL
	};
	my $kinds = "SELECT DISTINCT kind || ' by ' || classid::regclass || ' on ' || refclassid::regclass FROM pairs WHERE";
	is(scalar(() = $depends =~ /\n/g) > 1000, 1, 'a rich database');
	# The foreign key of a partition depends on that of the whole, the functions of a type on its shell, and functions
	# of an extension in SQL note transforms that were there.
	is($compare->("$kinds NOT kept ORDER BY 1;"), <<'TEXT' =~ s/\n\z//r, 'what neither says is in the archive in another way');
EXTENSION by pg_proc on pg_transform
FK CONSTRAINT by pg_constraint on pg_class
FUNCTION by pg_proc on pg_type
TEXT
	is($compare->("$kinds kept ORDER BY 1;"), <<'TEXT' =~ s/\n\z//r, 'kinds of rows that the archive does not say');
CHECK CONSTRAINT by pg_constraint on pg_proc
CONSTRAINT by pg_class on pg_class
CONSTRAINT by pg_class on pg_collation
CONSTRAINT by pg_class on pg_opclass
CONSTRAINT by pg_class on pg_proc
CONSTRAINT by pg_class on pg_type
DOMAIN by pg_constraint on pg_proc
FUNCTION by pg_proc on pg_proc
INDEX by pg_class on pg_proc
MATERIALIZED VIEW by pg_rewrite on pg_proc
OPERATOR CLASS by pg_amop on pg_operator
OPERATOR CLASS by pg_amproc on pg_proc
POLICY by pg_policy on pg_proc
RULE by pg_rewrite on pg_proc
STATISTICS by pg_statistic_ext on pg_proc
TABLE by pg_attrdef on pg_proc
TABLE by pg_class on pg_proc
TABLE by pg_constraint on pg_proc
TRIGGER by pg_trigger on pg_proc
TYPE by pg_type on pg_namespace
VIEW by pg_rewrite on pg_proc
TEXT
	is($compare->(<<'SQL'), <<'TEXT' =~ s/\n\z//r, 'rows of objects without an entry, and why they have none');
SELECT DISTINCT CASE WHEN d.objid < 16384 OR d.refobjid < 16384 THEN 'what the server has by itself'
  WHEN EXISTS (SELECT FROM rows p WHERE p.deptype = 'P' AND (p.classid, p.objid) IN ((d.classid, d.objid), (d.refclassid, d.refobjid)))
    THEN d.classid::regclass || ': comes with that of the partitioned table'
  WHEN d.classid = 'pg_class'::regclass AND (SELECT c.relnamespace = 'pg_toast'::regnamespace FROM pg_class c WHERE c.oid = d.objid) THEN 'TOAST'
  WHEN d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = d.objid AND NOT i.indisvalid) THEN 'indexes that are not valid'
  WHEN EXISTS (SELECT FROM rows e JOIN (SELECT tableoid, oid, conrelid FROM pg_constraint UNION ALL SELECT 'pg_class'::regclass, indexrelid, indrelid FROM pg_index
      UNION ALL SELECT tableoid, oid, tgrelid FROM pg_trigger) p (class, oid, relation) ON (e.classid, e.objid) = ('pg_class'::regclass, p.relation)
    WHERE e.deptype = 'e' AND (p.class, p.oid) = (d.classid, d.objid)) THEN 'parts of tables of an extension'
  WHEN d.classid = 'pg_user_mapping'::regclass THEN 'user mappings: pg_dump does not say which one it is'
  WHEN ('pg_proc'::regclass, true) IN ((d.classid, d.objid IN (TABLE by_hand)), (d.refclassid, d.refobjid IN (TABLE by_hand)))
    THEN 'functions in pg_catalog, which pg_dump leaves out'
  ELSE 'NOT KNOWN: ' || pg_describe_object(d.classid, d.objid, d.objsubid) || ' on ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) END
 FROM rows d WHERE NOT (EXISTS (SELECT FROM entries a WHERE (a.class, a.oid) = (d.classid, d.objid))
  AND EXISTS (SELECT FROM entries b WHERE (b.class, b.oid) = (d.refclassid, d.refobjid))) ORDER BY 1;
SQL
TOAST
indexes that are not valid
parts of tables of an extension
pg_constraint: comes with that of the partitioned table
pg_trigger: comes with that of the partitioned table
user mappings: pg_dump does not say which one it is
what the server has by itself
TEXT
	my $told = "SELECT pg_describe_object(class, oid, 0) COLLATE \"C\" || ': ' || string_agg(pg_describe_object(refclass, ref, 0), '; ' ORDER BY pg_describe_object(refclass, ref, 0) COLLATE \"C\") FROM kept k WHERE";
	# Whoever calls a function in pg_catalog uses what is behind it.  The operator's result is of the type, and the view is in two entries.
	is($compare->("$told word = 'needs' AND NOT EXISTS (SELECT FROM pairs p JOIN toc a USING (id) JOIN toc b ON b.id = p.needs "
			  . 'WHERE (k.class, k.oid, k.refclass, k.ref) = (a.class, a.oid, b.class, b.oid)) AND refclass <> 2615 AND (class, oid) IN (SELECT t.class, t.oid FROM toc t) GROUP BY class, oid ORDER BY 1;'), <<'TEXT' =~ s/\n\z//r, 'what is in no pg_depend');
constraint keys_c_excl on table lib.keys: operator lib.=(lib.ci,lib.ci)
index lib.spans_b: function lib.own(integer); transform for integer language sql
operator lib.<(lib.ci,lib.ci): operator lib.>(lib.ci,lib.ci); operator lib.>=(lib.ci,lib.ci)
operator lib.<->(integer,integer): type lib.tr
operator lib.<=(lib.ci,lib.ci): operator lib.>(lib.ci,lib.ci)
operator lib.>(lib.ci,lib.ci): operator lib.<(lib.ci,lib.ci); operator lib.<=(lib.ci,lib.ci)
operator lib.>=(lib.ci,lib.ci): operator lib.<(lib.ci,lib.ci)
view lib.spans_g: type lib.tr
TEXT
	is($compare->("$told word = 'goes' AND (SELECT relnamespace::regnamespace FROM pg_class c WHERE c.oid = k.oid) = 'lib'::regnamespace GROUP BY class, oid ORDER BY 1;"), <<'TEXT' =~ s/\n\z//r, 'what tables do not outlive');
table lib.part: function lib.norm(text); operator class lib.ci_ops for access method btree; type lib.ci; type lib.en
table lib.part_2: function lib.norm(integer)
table lib.part_3: type lib.en
table lib.part_4: type lib.tr
TEXT
	is($compare->(<<'SQL'), '', 'nothing that has no entry, but for parts with a line like that of the whole');
SELECT DISTINCT word || ' ' || class::regclass || ' ' || pg_describe_object(class, oid, 0) FROM kept k
 WHERE NOT EXISTS (SELECT FROM toc t WHERE (t.class, t.oid) = (k.refclass, k.ref)) OR NOT (EXISTS (SELECT FROM toc t WHERE (t.class, t.oid) = (k.class, k.oid))
  OR EXISTS (SELECT FROM within w JOIN kept o ON (o.word, o.class, o.oid, o.refclass, o.ref) = (k.word, w.refclassid, w.refobjid, k.refclass, k.ref)
   WHERE (w.classid, w.objid) = (k.class, k.oid) AND k.class IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_rewrite'::regclass)));
SQL
}

# ------------------------------------------- what is lost, and what comes along

create_database('parts');
query('parts', <<'SQL');
CREATE ROLE ann;
CREATE ROLE bob;
CREATE SCHEMA lib;
CREATE SCHEMA s;
GRANT CREATE, USAGE ON SCHEMA lib, s TO ann, bob;
CREATE TYPE s.ci AS (t text);
CREATE FUNCTION lib.cmp(s.ci, s.ci) RETURNS integer IMMUTABLE LANGUAGE plpgsql
  AS 'BEGIN RETURN CASE WHEN lower($1.t) < lower($2.t) THEN -1 WHEN lower($1.t) > lower($2.t) THEN 1 ELSE 0 END; END';
CREATE FUNCTION lib.lt(s.ci, s.ci) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower($1.t) < lower($2.t); END';
CREATE FUNCTION lib.eq(s.ci, s.ci) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN lower($1.t) = lower($2.t); END';
CREATE OPERATOR lib.< (FUNCTION = lib.lt, LEFTARG = s.ci, RIGHTARG = s.ci);
CREATE OPERATOR lib.= (FUNCTION = lib.eq, LEFTARG = s.ci, RIGHTARG = s.ci);
CREATE OPERATOR CLASS lib.ci_ops DEFAULT FOR TYPE s.ci USING btree AS OPERATOR 1 lib.<, OPERATOR 3 lib.=, FUNCTION 1 lib.cmp(s.ci, s.ci);
CREATE TABLE s.keyed (c s.ci CONSTRAINT one UNIQUE);
INSERT INTO s.keyed VALUES (ROW('a'));
CREATE FUNCTION lib.add(integer, integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE TYPE lib.en AS ENUM ('x', 'y');
CREATE TABLE s.p (a integer, e lib.en) PARTITION BY RANGE (lib.add(a, 1));
CREATE TABLE s.p_1 PARTITION OF s.p FOR VALUES FROM (1) TO (50);
CREATE TABLE s.listed (k lib.en) PARTITION BY LIST (k);
CREATE TABLE s.column_only (k lib.en, v integer) PARTITION BY LIST (v);
CREATE TABLE s.n (t text);
SET ROLE ann;
CREATE FUNCTION lib.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
SET ROLE bob;
CREATE FUNCTION lib.norm(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT abs($1)';
RESET ROLE;
ALTER TABLE s.n OWNER TO ann, ADD CONSTRAINT normed EXCLUDE USING btree (lib.norm(t) WITH =);
SQL
query('parts', 'CREATE SCHEMA x; CREATE EXTENSION btree_gist SCHEMA x; CREATE TABLE s.booked (r integer, d daterange, CONSTRAINT rooms EXCLUDE USING gist (r WITH =, d WITH &&));'
	  . 'CREATE TABLE s.indexed (r integer); CREATE INDEX ON s.indexed USING gist (r)') if $btree_gist;
back_up('parts');
query('parts', 'DROP TABLE s.column_only; DROP SCHEMA lib CASCADE');
is(told('parts', 'left_out', '--schema', 'lib'), <<'TEXT' =~ s/\n\z//r, 'what DROP SCHEMA took along is named');
CONSTRAINT s.keyed one (it uses OPERATOR CLASS lib.ci_ops; it was not asked for)
CONSTRAINT s.n normed (it uses FUNCTION lib.norm(text); it was not asked for)
TABLE s.listed (it uses TYPE lib.en; it was not asked for)
TABLE s.p (it uses FUNCTION lib.add(integer, integer); it was not asked for)
TABLE s.p_1 (it uses TABLE s.p; it was not asked for)
TEXT
query('parts', 'DROP SCHEMA lib CASCADE; DROP TABLE s.keyed');
like(told('parts', 'also_restored', '--table', 's.keyed'), qr/^OPERATOR CLASS lib\.ci_ops$/m, 'a key brings the operator class');
ok(!eval { query('parts', q{INSERT INTO s.keyed VALUES (ROW('A'))}) }, 'and is what it was');

# The family stays when the function takes its class along.
query('parts', 'DROP FUNCTION lib.cmp(s.ci, s.ci) CASCADE; DROP TABLE s.keyed');
like(told('parts', 'also_restored', '--table', 's.keyed'), qr/^FUNCTION lib\.cmp\(s\.ci, s\.ci\)$/m, 'an operator class brings its function');
query('parts', 'DROP FUNCTION lib.cmp(s.ci, s.ci) CASCADE; DROP TABLE s.keyed');
query('parts', q{GRANT CREATE, USAGE ON SCHEMA lib, s TO ann; SET ROLE ann; CREATE FUNCTION lib.cmp(s.ci, s.ci) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 0; END'});
tool_fails([ 'restore', '--repo', $repo, 'parts', '--table', 's.keyed' ], 1, qr/FUNCTION lib\.cmp\(s\.ci, s\.ci\) belongs to "ann" now/, 'of another role it is not bound');

SKIP:
{
	skip 'there is no extension btree_gist', 3 if !$btree_gist;
	query('parts', 'DROP EXTENSION btree_gist CASCADE; DROP TABLE s.indexed');
	like(told('parts', 'left_out', '--table', 's.indexed'), qr/^CONSTRAINT s\.booked rooms \(it uses EXTENSION btree_gist; it was not asked for\)$/m, 'a constraint that went with an extension');
	query('parts', 'DROP EXTENSION btree_gist CASCADE; DROP TABLE s.booked');
	is(told('parts', 'also_restored', '--table', 's.booked'), 'EXTENSION btree_gist', 'comes with the extension');
	is(query('parts', q{SELECT count(*) FROM pg_constraint WHERE conname = 'rooms'}), 1, 'and is there');
}
query('parts', 'DROP SCHEMA lib CASCADE; DROP TABLE s.n');
is(told('parts', 'also_restored', '--table', 's.n'), "FUNCTION lib.norm(text)\nSCHEMA lib", 'of several functions of a name the very one comes');

# ------------------------------------------- more than anybody wants to wait for

create_database('many');
query('many', <<'SQL');
CREATE SCHEMA lib;
CREATE SCHEMA s;
CREATE FUNCTION lib.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
CREATE TABLE s.t (v text, CONSTRAINT normed EXCLUDE USING btree (lib.norm(v) WITH =));
SET allow_system_table_mods = on;
INSERT INTO pg_depend SELECT 'pg_class'::regclass, 's.normed'::regclass, 0, 'pg_proc'::regclass, 1000000 + i, 0, 'n' FROM generate_series(1, 250000) i;
SQL
back_up('many');
like(tool_ok([ 'info', '--repo', $repo, 'many' ], 'info'), qr/there are too many dependencies/, 'dependencies are left out, and the backup says so');
is(scalar(grep { $_->{kind} eq 'archive' } @{ JSON::PP::decode_json(read_bytes("$repo/backups/many/" . latest_id($repo, 'many') . '.json'))->{members} }),
	1, 'the backup has none');
query('many', 'DELETE FROM pg_depend WHERE refobjid > 1000000; DROP SCHEMA s, lib CASCADE');
like(told('many', 'also_restored', '--table', 's.t'), qr/^FUNCTION lib\.norm\(text\)$/m, 'and a part goes by the definitions');

# ------------------------------------------- a backup that has the archive alone: its definitions are read

create_database('old');
query('old', <<'SQL');
CREATE SCHEMA lib;
CREATE SCHEMA m;
CREATE SCHEMA s;
CREATE FUNCTION lib.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
CREATE TYPE lib.pair AS (a integer, b integer);
CREATE TABLE s.t (v text, CONSTRAINT normed EXCLUDE USING btree (lib.norm(v) WITH =));
CREATE TABLE s.typed OF lib.pair;
CREATE TYPE lib.tr AS RANGE (subtype = integer, multirange_type_name = m.trs);
CREATE INDEX spans ON s.t (upper(lib.trs(NULL::lib.tr)), length(v));
CREATE INDEX more_spans ON s.t (isempty(lib.trs()), length(v));
CREATE TYPE s.span AS RANGE (subtype = integer, multirange_type_name = m.spans);
CREATE FUNCTION s.same(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 = $2; END';
CREATE OPERATOR m.=== (FUNCTION = s.same, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR s.!== (FUNCTION = textne, LEFTARG = text, RIGHTARG = text, NEGATOR = OPERATOR(m.===));
SQL
back_up('old');
make_old('old');
tool_ok([ 'verify', '--repo', $repo, 'old' ], 'a backup as older versions wrote it');
query('old', 'DROP SCHEMA lib CASCADE');
is(told('old', 'left_out', '--schema', 'lib'), <<'TEXT' =~ s/\n\z//r, 'names what went with a schema');
CONSTRAINT s.t normed (it uses FUNCTION lib.norm(text); it was not asked for)
INDEX s.more_spans (it uses TYPE lib.tr; it was not asked for)
INDEX s.spans (it uses TYPE lib.tr; it was not asked for)
TABLE s.typed (it uses TYPE lib.pair; it was not asked for)
TEXT
query('old', 'DROP SCHEMA s, m CASCADE');
like(told('old', 'also_restored', '--schema', 's'), qr/^OPERATOR m\.===\n(?:.*\n)*SCHEMA m$/m, 'and a part brings negators and the schemas of multiranges');

done_testing();
