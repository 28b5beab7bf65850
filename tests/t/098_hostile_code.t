# Code of users that a restore calls: functions of constraints, domains, generated columns, indexes,
# partition keys, triggers, rules and so on, each of which makes its owner's wish come true if the
# one who calls it is a superuser.  What "pg_dump -C | psql" would call is the measure for a whole
# database; into a live one, nothing of its owners is called by a superuser.
use strict;
use warnings;

use NexBackup::Hostile;
use NexBackup::Test;
use Test::More;

my $node = hostile_server('main');
my $repo = new_repository();

query('postgres', 'CREATE ROLE joe LOGIN; CREATE DATABASE app TEMPLATE template0');
query('app', 'CREATE SCHEMA j AUTHORIZATION joe');
watch_from($node);

# Each place: what uses the function boom_N(text), which gives true, and boom_N_text(text).
my %places = (
	'CHECK of a table' => 'CREATE TABLE t_N (v text CHECK (boom_N(v)))',
	'CHECK of a column that COPY leaves out' => 'CREATE TABLE t_N (v text, w text GENERATED ALWAYS AS (v || \'x\') STORED CHECK (boom_N(w)))',
	'domain' => 'CREATE DOMAIN d_N AS text CHECK (boom_N(VALUE)); CREATE TABLE t_N (v d_N)',
	'domain over a domain, in an array' => 'CREATE DOMAIN d_N AS text CHECK (boom_N(VALUE)); CREATE TABLE t_N (v text, a d_N[] DEFAULT \'{x}\')',
	'domain in a composite type' => 'CREATE DOMAIN d_N AS text CHECK (boom_N(VALUE)); CREATE TYPE c_N AS (d d_N); CREATE TABLE t_N (v text, c c_N DEFAULT ROW(\'x\'))',
	'generated column' => 'CREATE TABLE t_N (v text, g text GENERATED ALWAYS AS (boom_N_text(v)) STORED)',
	'default' => 'CREATE TABLE t_N (v text, d text DEFAULT boom_N_text(\'x\'))',
	'index' => 'CREATE TABLE t_N (v text); CREATE INDEX ON t_N (boom_N_text(v))',
	'predicate of an index' => 'CREATE TABLE t_N (v text); CREATE INDEX ON t_N (v) WHERE boom_N(v)',
	'exclusion constraint' => 'CREATE TABLE t_N (v text, EXCLUDE USING btree (boom_N_text(v) WITH =))',
	'unique index' => 'CREATE TABLE t_N (v text); CREATE UNIQUE INDEX ON t_N (boom_N_text(v))',
	'statistics' => 'CREATE TABLE t_N (v text); CREATE STATISTICS st_N ON (boom_N_text(v)), v FROM t_N',
	'key of partitions' => 'CREATE TABLE t_N (v text) PARTITION BY RANGE (boom_N_text(v)); CREATE TABLE p_N PARTITION OF t_N FOR VALUES FROM (MINVALUE) TO (MAXVALUE)',
	'hash partitions of an enum' => 'CREATE TYPE e_N AS ENUM (\'x\'); CREATE TABLE t_N (v text, e e_N DEFAULT \'x\', CHECK (boom_N(v))) PARTITION BY HASH (e); CREATE TABLE p_N PARTITION OF t_N FOR VALUES WITH (MODULUS 1, REMAINDER 0)',
	'CHECK of a partition' => 'CREATE TABLE t_N (v text) PARTITION BY LIST (v); CREATE TABLE p_N PARTITION OF t_N (CHECK (boom_N(v))) DEFAULT',
	'trigger' => 'CREATE TABLE t_N (v text); CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t_N FOR EACH ROW EXECUTE FUNCTION boom_N_trigger()',
	'trigger of the statement' => 'CREATE TABLE t_N (v text); CREATE TRIGGER g AFTER INSERT ON t_N EXECUTE FUNCTION boom_N_trigger()',
	'trigger, always' => 'CREATE TABLE t_N (v text); CREATE TRIGGER g AFTER INSERT ON t_N FOR EACH ROW EXECUTE FUNCTION boom_N_trigger(); ALTER TABLE t_N ENABLE ALWAYS TRIGGER g',
	'trigger, for replicas' => 'CREATE TABLE t_N (v text); CREATE TRIGGER g BEFORE INSERT ON t_N FOR EACH ROW EXECUTE FUNCTION boom_N_trigger(); ALTER TABLE t_N ENABLE REPLICA TRIGGER g',
	'constraint trigger' => 'CREATE TABLE t_N (v text); CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t_N DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION boom_N_trigger()',
	'condition of a trigger' => 'CREATE TABLE t_N (v text); CREATE TRIGGER g BEFORE INSERT ON t_N FOR EACH ROW WHEN (boom_N(new.v)) EXECUTE FUNCTION suppress_nothing()',
	'rule' => 'CREATE TABLE t_N (v text); CREATE TABLE l_N (b bool); CREATE RULE r AS ON INSERT TO t_N DO ALSO INSERT INTO l_N VALUES (boom_N(new.v))',
	'policy' => 'CREATE TABLE t_N (v text); ALTER TABLE t_N ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t_N USING (boom_N(v)) WITH CHECK (boom_N(v))',
	'policy, forced' => 'CREATE TABLE t_N (v text); ALTER TABLE t_N ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t_N USING (boom_N(v)) WITH CHECK (boom_N(v))',
	'foreign key to a domain' => 'CREATE DOMAIN d_N AS text CHECK (boom_N(VALUE)); CREATE TABLE k_N (v d_N PRIMARY KEY); INSERT INTO k_N VALUES (\'a\'), (\'b\'); CREATE TABLE t_N (v d_N REFERENCES k_N)',
	'materialized view' => 'CREATE TABLE t_N (v text); CREATE MATERIALIZED VIEW m_N AS SELECT boom_N(v) AS b FROM t_N; CREATE INDEX ON m_N (b)',
	'operator in a CHECK' => 'CREATE FUNCTION op_N(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS \'SELECT j.boom_N($1)\'; CREATE OPERATOR ===N (FUNCTION = op_N, LEFTARG = text, RIGHTARG = text); CREATE TABLE t_N (v text CHECK (v OPERATOR(j.===N) \'x\'))',
	'cast in a CHECK' => 'CREATE TYPE c_N AS (b text); CREATE FUNCTION cast_N(text) RETURNS c_N LANGUAGE sql IMMUTABLE AS \'SELECT ROW(j.boom_N_text($1))::j.c_N\'; CREATE CAST (text AS c_N) WITH FUNCTION cast_N(text); CREATE TABLE t_N (v text CHECK ((v::c_N).b IS NOT NULL))',
	'subtype function of a range' => 'CREATE FUNCTION diff_N(float8, float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM j.boom_N(\'x\'); RETURN $1 - $2; END $$; CREATE TYPE r_N AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = diff_N); CREATE TABLE t_N (v text, r r_N DEFAULT \'[1,2)\'); CREATE INDEX ON t_N USING gist (r)',
	'function of an inherited table' => 'CREATE TABLE q_N (v text CHECK (boom_N(v))); CREATE TABLE t_N () INHERITS (q_N)',
	'setting of a function' => 'CREATE TABLE t_N (v text CHECK (boom_N(v))); ALTER FUNCTION boom_N(text) SET search_path = j',
	'sequence default' => 'CREATE SEQUENCE s_N; CREATE FUNCTION next_N() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM j.boom_N(\'x\'); RETURN nextval(\'j.s_N\'); END $$; CREATE TABLE t_N (v text, n int DEFAULT next_N())');

# What an index wants is immutable and changes nothing, so that it tells the server's log that it could.
my $boom = <<'SQL';
CREATE FUNCTION j.boom_N(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'joe' AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
		RAISE LOG 'code of number N runs with the rights of %', current_user;
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION j.boom_N_text(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'joe' AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
		RAISE LOG 'code of number N runs with the rights of %', current_user;
	END IF;
	RETURN $1;
END $$;
CREATE FUNCTION j.boom_N_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM j.boom_N_text(''x''); RETURN new; END';
SQL
my %number;
my $sql = 'SET search_path = j; CREATE FUNCTION j.suppress_nothing() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN RETURN new; END\';';
for my $place (sort keys %places)
{
	my $n = new_number($place);

	$number{$place} = $n;
	# An operator's name has no digits.
	my $operator = '===' . join('', map { substr('~!@#%^&|`?', $_, 1) } split(//, $n)) . '|';
	$sql .= "$boom $places{$place}; INSERT INTO t_N (v) VALUES ('a'), ('b');\n" =~ s/===N/$operator/gr =~ s/_N\b|_N(?=_)/_$n/gr =~ s/number N/number $n/gr;
}
{
	local $ENV{PGUSER} = 'joe';
	query('app', $sql);
}
is(join(', ', fired()), '', 'planting');

# ------------------------------------------------------------------- stock

query('postgres', 'CREATE DATABASE app_stock TEMPLATE template0');
is(system('bash', '-o', 'pipefail', '-c', 'pg_dump -d app | psql -qX -o /dev/null -v ON_ERROR_STOP=1 -d app_stock'), 0, 'pg_dump | psql');
my %stock = map { ($_ => 1) } fired();
note('pg_dump | psql calls as superuser: ' . join(', ', sort keys %stock));
cmp_ok(scalar(keys %stock), '>', 3, 'the detonators work');

sub no_more_than_stock
{
	my ($path) = @_;
	my @fired = fired();

	is(join("\n", grep { !$stock{$_} } @fired), '', "$path: no code runs as superuser that does not with pg_dump | psql");
	note("$path: " . scalar(@fired) . ' of ' . scalar(keys %stock) . ' places');
	return;
}

sub nothing
{
	my ($path) = @_;

	return is(join("\n", fired()), '', "$path: no code of the tables' owner runs as superuser");
}

tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
nothing('backup');
# Neither pg_dump -t nor a part takes the casts that a CHECK needs; nor can it know what the text of
# a function calls, or what the index of an exclusion constraint does.
my @no_cast = ('--exclude-table', "j.t_$number{'cast in a CHECK'}");
for my $path ([ 'restore --to' ], [ 'restore --to, rows as text', '--copy-format', 'text' ], [ 'restore --table', '--table', 'j.*', @no_cast, map { ('--exclude-table', "j.t_$number{$_}") } 'operator in a CHECK', 'sequence default', 'subtype function of a range', 'exclusion constraint' ],
	[ 'restore --schema', '--schema', 'j', @no_cast ])
{
	my ($name, @more) = @$path;

	query('postgres', 'DROP DATABASE IF EXISTS app_new');
	tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app_new', '-j', 2, @more ], $name);
	no_more_than_stock($name);
}
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app_new', '--drop', '--yes' ], 'restore --drop');
no_more_than_stock('restore --drop');
same_database('app', 'app_new', 'it is the same');

# ---------------------------------------------------------------- live databases

# The database that lives is joe's to change; he asks for rows and tables back.
my @tables = map { "j.t_$number{$_}" } sort keys %places;

sub empty
{
	# Rows with whatever hangs on them, deleted by their owner.
	my $text = 'SET search_path = j;' . join('', map { "TRUNCATE $_ CASCADE;" } @tables);

	local $ENV{PGUSER} = 'joe';
	query('app', $text);
	fired();
	return;
}

for my $path ([ 'restore --append' ], [ 'restore --append --on-conflict=skip', '--on-conflict=skip' ], [ 'restore --append, rows as text', '--copy-format', 'text' ])
{
	my ($name, @more) = @$path;

	empty();
	# Rules forbid ON CONFLICT; a policy that is forced upon the owner may refuse his rows.
	my @apart = map { $number{$_} } 'policy, forced', $name =~ /skip/ ? 'rule' : ();
	tool_ok([ 'restore', '--repo', $repo, 'app', '--append', '--table', 'j.t_*', '--yes', @more, map { ('--exclude-table', "j.t_$_") } @apart ], $name);
	nothing($name);
	my %empty = map { ($_ => query('app', "SELECT count(*) FROM $_")) } grep { !/_(??{ join('|', @apart) })$/ } @tables;
	is(join(' ', grep { $empty{$_} == 0 } sort keys %empty), '', "$name: the rows are back");
	tool('restore', '--repo', $repo, 'app', '--append', '--table', "j.t_$apart[0]", '--yes', @more);
	nothing("$name into a table with a forced policy");
}

# Where triggers are off, nothing of joe's has a turn at all: the rows come directly, or not.
empty();
my $done = 0;
for my $place (sort keys %places)
{
	my $table = "j.t_$number{$place}";
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--append', '--disable-triggers', '--table', $table, '--yes');
	my $rows = query('app', "SELECT count(*) FROM $table");

	ok($code == 0 ? $rows > 0 : $err =~ /rights of its owner and --disable-triggers.*HINT/s && $rows == 0, "--disable-triggers, $place: done or refused") or diag($err);
	$done++ if $code == 0;
}
nothing('--disable-triggers');
cmp_ok($done, '>=', 6, 'triggers alone are no reason to refuse');

# Tables that are gone, while the functions that they name live on.
query('app', join('', map { "DROP TABLE $_ CASCADE;" } @tables) . 'DROP TABLE j.k_' . $number{'foreign key to a domain'} . ' CASCADE');
fired();
# What cannot be done without the code of its owners is refused, and says so.
sub restored_or_refused
{
	my ($name, @more) = @_;
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--yes', @more);

	ok($code == 0 || ($code == 1 && $err =~ /without running code of the live database/), "$name: done or refused") or diag($err);
	return $code == 0;
}

restored_or_refused('restore --table into the live database', '--table', 'j.t_*');
nothing('restore --table into the live database');
$done = 0;
my @some = $ENV{NEXB_HOSTILE} ? sort keys %places : ('CHECK of a table', 'generated column', 'index', 'trigger', 'operator in a CHECK', 'domain', 'policy', 'default');
for my $place (@some)
{
	my $table = "j.t_$number{$place}";

	query('app', "DROP TABLE IF EXISTS $table CASCADE");
	$done += restored_or_refused("restore --table: $place", '--table', $table);
	restored_or_refused("restore --as: $place", '--table', $table, '--as', "${table}_old");
	nothing("restore of a table into the live database: $place");
}
cmp_ok($done, '>=', @some / 2, "$done of " . scalar(@some) . ' tables could be restored');

done_testing();
