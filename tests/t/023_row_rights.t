# Code of a live table runs with the rights of its owner while rows are added to it, never with
# those of the superuser who restores, whatever it tries; and the rows arrive all the same.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

my $rights = qr/HINT.*--rows-as=session/s;

# ------------------------------------------------------------- joe, an owner of tables

# As a role that logs in itself, unlike SET ROLE.
sub as_role
{
	my ($role, $sql) = @_;

	local $ENV{PGUSER} = $role;
	return query('app', $sql);
}

sub as_joe { return as_role('joe', $_[0]) }

create_database('app');
query('app', 'CREATE ROLE joe LOGIN; CREATE ROLE eve LOGIN; CREATE SCHEMA joe AUTHORIZATION joe; GRANT CREATE ON DATABASE app TO joe');

my %harmless = map { ($_ => "CREATE OR REPLACE FUNCTION joe.$_ LANGUAGE plpgsql AS 'BEGIN RETURN true; END'") }
  ('act(what text) RETURNS boolean', 'pure(what text) RETURNS boolean IMMUTABLE');
my $quiet = $harmless{'act(what text) RETURNS boolean'};
as_joe(<<"SQL");
CREATE TABLE joe.log (what text, who text, session text);
$harmless{'act(what text) RETURNS boolean'};
$harmless{'pure(what text) RETURNS boolean IMMUTABLE'};
CREATE FUNCTION joe.fire() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN PERFORM joe.act(TG_ARGV[0]); RETURN new; END';
CREATE FUNCTION joe.same(what text, value integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN PERFORM joe.pure(what); RETURN value; END';
CREATE DOMAIN joe.positive AS integer CHECK (joe.act('domain') AND VALUE > 0);
CREATE DOMAIN joe.short AS varchar(5) CHECK (joe.act('domain of varchar'));
CREATE TYPE joe.mood AS ENUM ('sad', 'so so', 'glad');
CREATE DOMAIN joe.good_mood AS joe.mood CHECK (joe.act('domain of enum') AND VALUE <> 'sad');
CREATE TYPE joe.pair AS (first joe.positive, second text);
CREATE TYPE joe.span AS RANGE (subtype = integer);
SQL

# What of a table runs code => its definition, after the columns i and d.
my %code = (
	row_trigger => [ '', "CREATE TRIGGER t BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION joe.fire('row_trigger')" ],
	statement_trigger =>
	  [ '', "CREATE TRIGGER t AFTER INSERT ON %s FOR EACH STATEMENT EXECUTE FUNCTION joe.fire('statement_trigger')" ],
	transition_table => [ '', 'CREATE TRIGGER t AFTER INSERT ON %s REFERENCING NEW TABLE AS rows FOR EACH STATEMENT '
		  . "EXECUTE FUNCTION joe.fire('transition_table')" ],
	deferred_trigger => [ '', 'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW '
		  . "EXECUTE FUNCTION joe.fire('deferred_trigger')" ],
	condition => [ '', "CREATE TRIGGER t BEFORE INSERT ON %s FOR EACH ROW WHEN (joe.act('condition')) EXECUTE FUNCTION joe.fire('condition')" ],
	always => [ '', "CREATE TRIGGER t BEFORE INSERT ON %1\$s FOR EACH ROW EXECUTE FUNCTION joe.fire('always'); "
		  . 'ALTER TABLE %1$s ENABLE ALWAYS TRIGGER t' ],
	check => [ ", CHECK (joe.act('check'))", '' ],
	text_of_a_query => [ ", CHECK (query_to_xml('SELECT joe.act(''text_of_a_query'')', true, true, '') IS NOT NULL)", '' ],
	domain => [ ', x joe.positive DEFAULT 1', '' ],
	domain_of_varchar => [ q{, x joe.short DEFAULT 'abc'}, '' ],
	domain_of_enum => [ q{, x joe.good_mood DEFAULT 'glad'}, '' ],
	array => [ q{, x joe.positive[] DEFAULT '{1,2}'}, '' ],
	composite => [ q{, x joe.pair DEFAULT '(1,"a, b")'}, '' ],
	array_of_composite => [ q{, x joe.pair[] DEFAULT '{"(1,\"a, \\\\\"b\")"}'}, '' ],
	range => [ q{, x joe.span DEFAULT '[1,5)', CHECK (joe.act('range'))}, '' ],
	generated => [ ", x integer GENERATED ALWAYS AS (joe.same('generated', i)) STORED", '' ],
	expression => [ '', "CREATE INDEX ON %s (joe.same('expression', i))" ],
	predicate => [ '', "CREATE INDEX ON %s (i) WHERE joe.pure('predicate')" ],
	check_and_policy => [ ", CHECK (joe.act('check_and_policy'))", 'ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; '
		  . "CREATE POLICY p ON %1\$s USING (joe.act('policy'))" ],
	policy => [ '', 'ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; '
		  . "CREATE POLICY p ON %1\$s USING (joe.act('policy'))" ],
	enum => [ q{, x joe.mood DEFAULT 'so so', CHECK (joe.act('enum') AND x <> 'sad')}, '' ],
	identity => [ ", x integer GENERATED ALWAYS AS IDENTITY, CHECK (joe.act('identity'))", '' ],
	serial => [ ", x serial, found bigint DEFAULT 7, added text DEFAULT 'r', CHECK (joe.act('serial'))", '' ]);

# A foreign key whose values are cast by a function of joe's.
as_joe(<<'SQL');
CREATE TYPE joe.figure AS ENUM ('one');
CREATE FUNCTION joe.to_number(joe.figure) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.pure(''casting_key''); RETURN 1; END';
CREATE CAST (joe.figure AS integer) WITH FUNCTION joe.to_number AS IMPLICIT;
CREATE TABLE joe.numbers (n integer PRIMARY KEY);
INSERT INTO joe.numbers VALUES (1);
SQL
$code{casting_key} = [ q{, x joe.figure DEFAULT 'one' REFERENCES joe.numbers}, '' ];

# Nothing of these runs code of joe's.
my %plain = (
	plain => [ ", x serial, CHECK (i > 0 AND length(d) < 50 AND d <> ''), UNIQUE (i)", 'CREATE INDEX ON %s (lower(d)) WHERE i > 1' ],
	plain_types => [ q{, x joe.mood[] DEFAULT '{glad}', y numeric(5, 2)[] DEFAULT '{1.25}', z int4range DEFAULT '[1,3)'}, '' ]);

my %all = (%code, %plain);
for my $name (sort keys %all)
{
	my ($columns, $more) = @{ $all{$name} };

	as_joe("CREATE TABLE joe.$name (i integer PRIMARY KEY, d text$columns); "
		  . sprintf($more, "joe.$name") . ";INSERT INTO joe.$name (i, d) SELECT n, 'row ' || n FROM generate_series(1, 3) n");
}
as_joe(<<'SQL');
CREATE TABLE joe.parts (i integer, d text) PARTITION BY RANGE (joe.same('parts', i));
CREATE TABLE joe.parts_1 PARTITION OF joe.parts FOR VALUES FROM (0) TO (2);
CREATE TABLE joe.parts_2 PARTITION OF joe.parts FOR VALUES FROM (2) TO (9);
CREATE TRIGGER t BEFORE INSERT ON joe.parts_2 FOR EACH ROW EXECUTE FUNCTION joe.fire('parts');
INSERT INTO joe.parts SELECT n, 'row' FROM generate_series(1, 3) n;
CREATE TABLE joe.simple_parts (i integer, d text) PARTITION BY RANGE (i);
CREATE TABLE joe.simple_parts_1 PARTITION OF joe.simple_parts FOR VALUES FROM (0) TO (9);
INSERT INTO joe.simple_parts SELECT n, 'row' FROM generate_series(1, 3) n;
SQL
my @tables = (sort(keys %all), 'parts', 'simple_parts');

my %rows = map { ($_ => as_joe("SELECT string_agg(t::text, '|' ORDER BY i) FROM joe.$_ t")) } @tables;
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');

# ------------------------------------------------------------------ joe turns evil

# Each trick, and after it ALTER ROLE; what it runs as is written down.
my $tricks = <<'SQL';
CREATE OR REPLACE FUNCTION joe.act(what text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	trick text;
BEGIN
	INSERT INTO joe.log VALUES (what, current_user, session_user);
	IF what OPERATOR(pg_catalog.=) ANY (ARRAY['later', 'operator', 'pg_temp', 'turn', 'alter', 'rule', 'view']) THEN
		ALTER ROLE joe SUPERUSER;
		RETURN true;
	END IF;
	FOREACH trick IN ARRAY ARRAY['RESET ROLE', 'SET ROLE postgres', 'SET ROLE NONE', 'SET LOCAL ROLE NONE',
		'SET SESSION AUTHORIZATION postgres', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION',
		'SELECT set_config(''role'', ''postgres'', false)', 'SELECT set_config(''role'', ''none'', true)',
		'SELECT set_config(''session_authorization'', ''postgres'', false)', 'DISCARD ALL', 'RESET ALL',
		'UPDATE pg_settings SET setting = ''postgres'' WHERE name = ''role''',
		'ALTER FUNCTION pg_temp.nex_backup_insert() SECURITY DEFINER',
		'CREATE OR REPLACE FUNCTION pg_temp.nex_backup_insert() RETURNS void LANGUAGE sql AS ''ALTER ROLE joe SUPERUSER''',
		'ALTER TABLE pg_temp.nex_backup_turn ADD x integer DEFAULT joe.act(''alter'')::integer',
		'CREATE TRIGGER t AFTER DELETE OR INSERT ON pg_temp.nex_backup_turn FOR EACH ROW EXECUTE FUNCTION joe.fire(''turn'')',
		'DROP TABLE pg_temp.nex_backup_turn CASCADE', 'ALTER TABLE pg_temp.nex_backup_rows OWNER TO joe',
		'CREATE RULE r AS ON INSERT TO pg_temp.nex_backup_added DO INSTEAD SELECT joe.act(''rule'')',
		'CREATE DOMAIN pg_temp.text AS integer CHECK (joe.act(''pg_temp''))', 'CREATE TEMPORARY TABLE x (i integer)',
		'CREATE TEMPORARY VIEW pg_class AS SELECT joe.act(''view'')', 'PREPARE p AS SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
		'SET search_path = joe, pg_catalog', 'SET standard_conforming_strings = off', 'SET client_encoding = SJIS', 'NOTIFY joe',
		'SET row_security = on', 'SET default_transaction_read_only = on', 'SET CONSTRAINTS ALL DEFERRED',
		'INSERT INTO joe.later VALUES (1)', 'ALTER ROLE joe SET role = postgres', 'COMMIT', 'LISTEN joe', 'LOAD ''plpgsql''',
		'GRANT postgres TO joe', 'COPY joe.log TO PROGRAM ''cat''', 'ALTER ROLE postgres NOSUPERUSER']
	LOOP
		BEGIN
			EXECUTE trick;
			INSERT INTO joe.log VALUES (what || ': ' || trick, current_user, session_user);
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
		BEGIN
			ALTER ROLE joe SUPERUSER;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	RETURN true;
END $$;
CREATE OR REPLACE FUNCTION joe.pure(what text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.act(what); END';
SQL
# Before these releases the server lets him; then the rows are refused, see below.
$tricks =~ s/'CREATE DOMAIN [^\n]*?\)\)', // or die if server_lacks(14 => 25, 15 => 20, 16 => 16, 17 => 12, 18 => 7);
as_joe(<<'SQL');
CREATE TABLE joe.later (i integer);
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON joe.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION joe.fire('later');
-- Operators that are found instead of PostgreSQL's, if joe's search_path outlives his turn.
CREATE FUNCTION joe.is(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT joe.act(''operator'')';
CREATE FUNCTION joe.is(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT joe.act(''operator'')';
CREATE FUNCTION joe.is(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT joe.act(''operator'')';
CREATE OPERATOR joe.= (FUNCTION = joe.is, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR joe.= (FUNCTION = joe.is, LEFTARG = name, RIGHTARG = name);
CREATE OPERATOR joe.= (FUNCTION = joe.is, LEFTARG = text, RIGHTARG = text);
SQL

sub turn_evil { as_joe('TRUNCATE joe.log; ' . $tricks); return }

# As what, other than joe, has any code run since?
sub ran_as_others
{
	my $others = query('app', "SELECT string_agg(DISTINCT who || ': ' || what, ', ') FROM joe.log WHERE who <> 'joe'");
	my $super = query('app', "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolsuper AND rolname <> 'postgres'");

	query('app', 'ALTER ROLE joe NOSUPERUSER; REVOKE postgres FROM joe') if $super ne '';
	return $others . ($super ne '' ? "; superusers: $super" : '');
}

sub there_are
{
	my ($table) = @_;

	return as_joe("SET row_security = on; SELECT string_agg(t::text, '|' ORDER BY i) FROM joe.$table t");
}

my $disabled = qr/rights of its owner and --disable-triggers.*DETAIL.*could write to other tables without their triggers.*HINT.*without --disable-triggers.*--rows-as=session/s;
for my $name (@tables)
{
	my $is_plain = $plain{$name} || $name eq 'simple_parts';

	for my $options ([], ['--on-conflict=skip'], $name =~ /trigger|always|check/ ? ['--disable-triggers'] : ())
	{
		as_joe("TRUNCATE joe.$name");
		turn_evil();
		my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--append', '-v', '--table', "joe.$name", @$options);
		is(ran_as_others(), '', "$name @$options: nothing ran as anybody but joe");
		if ("@$options" eq '--disable-triggers')
		{
			is(query('app', 'SELECT count(*) FROM joe.log'), 0, "$name @$options: nor did anything");
			query('app', $quiet);
			next if $name =~ /always|check/ && is($code, 1, "$name @$options: refused") && like($err, $disabled, "$name @$options: with what helps");
			is($code, 0, "$name @$options: exit code") or diag($err);
			is(there_are($name), $rows{$name}, "$name @$options: the rows are there");
			next;
		}
		is($code, 0, "$name @$options: exit code") or diag($err);
		if ($is_plain)
		{
			is(query('app', 'SELECT count(*) FROM joe.log'), 0, "$name @$options: nor did anything");
			unlike($err, qr/added as "joe"/, "$name @$options: and rows came directly");
		}
		# Policies are not asked when a superuser adds rows directly, which nothing else here forbids.
		elsif ($name ne 'policy' && ($name eq 'always' || !"@$options" || $name eq 'parts' || $all{$name}[0] ne ''))
		{
			isnt(query('app', 'SELECT count(*) FROM joe.log'), 0, "$name @$options: but his code ran");
		}
		query('app', $quiet);
		is(there_are($name), $rows{$name}, "$name @$options: the rows are there");
	}
}

# Triggers and foreign keys of another table hold for joe's code whatever the options are.
query('app', <<'SQL');
CREATE SCHEMA books;
GRANT USAGE ON SCHEMA books TO joe;
CREATE TABLE books.account (id integer PRIMARY KEY);
CREATE TABLE books.entry (account integer REFERENCES books.account, amount integer);
CREATE FUNCTION books.check_amount() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.amount > 100 THEN RAISE ''too much''; END IF; RETURN new; END';
CREATE TRIGGER amount BEFORE INSERT ON books.entry FOR EACH ROW EXECUTE FUNCTION books.check_amount();
GRANT SELECT, INSERT ON books.entry TO joe;
SQL
as_joe('CREATE OR REPLACE FUNCTION joe.act(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO books.entry VALUES (4711, 1000); RETURN true; EXCEPTION WHEN OTHERS THEN RETURN true; END $$');
for my $name ('check', 'always', 'parts', 'domain', 'expression')
{
	as_joe("TRUNCATE joe.$name");
	tool_fails([ 'restore', '--repo', $repo, 'app', '--append', '--table', "joe.$name", '--disable-triggers' ], 1, $disabled, "$name writes to another table");
	is(query('app', 'SELECT count(*) FROM books.entry'), 0, "$name: nothing passed its triggers");
}
tool_ok([ 'restore', '--repo', $repo, 'app', '--append', '--table', 'joe.check', '--disable-triggers', '--rows-as=session' ], 'with --rows-as=session');
is(query('app', 'SELECT count(*) FROM books.entry'), 3, 'whoever trusts joe may let him');
query('app', $quiet);

# -------------------------------------------------------------- several, and conflicts

my @append = ('restore', '--repo', $repo, 'app', '--append');
as_joe('TRUNCATE joe.row_trigger, joe.check, joe.composite; INSERT INTO joe.check VALUES (2, \'row 2\')');
turn_evil();
my $err = tool_fails([ @append, map { ('-t', "joe.$_") } qw(row_trigger check composite) ], 1,
	qr/are in table joe\."check" already.*DETAIL.*Key.*HINT.*--on-conflict=skip/s, 'conflicts');
like($err, qr/table joe\."check": 1 of 3 rows are there already/, 'are counted');
is(query('app', 'SELECT count(*) FROM joe.row_trigger'), 0, 'nothing was added');
my $json = tool_json(@append, '--on-conflict=skip', map { ('-t', "joe.$_") } qw(row_trigger check composite));
is_deeply({ map { ($_->{name} => "$_->{rows}+$_->{conflicts}") } @{ $json->{restored_tables} } },
	{ row_trigger => '3+0', check => '2+1', composite => '3+0' }, 'rows that are not there are added');
is(ran_as_others(), '', 'and nothing ran as anybody but joe');
is(there_are('composite'), $rows{composite}, 'as they were');

# --------------------------------------------------------- tables that come from the backup

query('app', $quiet);

# With code that tries its tricks, which is an error where it changes definitions; then with harmless code.
sub restored_by_evil
{
	my ($name, @restore) = @_;
	my ($code, $out, $err) = tool(@restore);

	is(ran_as_others(), '', "$name: nothing ran as anybody but joe");
	query('app', $quiet);
	return ok($code == 0, "$name as a whole") unless $code;
	like($err, qr/definitions of objects were changed while .*$rights/s, "$name: code that changes definitions is refused");
	return tool_ok(\@restore, "$name as a whole, when it does not");
}

for my $name (@tables)
{
	as_joe("DROP TABLE joe.$name");
	turn_evil();
	my @part = ('restore', '--repo', $repo, 'app', '--table', "joe.$name");
	# Of these the definition alone runs code: literals, a key whose constants are computed.
	if ($name =~ /^(array|array_of_composite|composite|range|generated|parts)$/)
	{
		tool_fails(\@part, 1, qr/could not restore .* without running code of the live database.*$rights/s, "$name as a whole");
		is(ran_as_others(), '', "$name: nothing ran as anybody but joe");
		query('app', $quiet);
		tool_ok([ @part, '--rows-as=session' ], "$name with the rights of the session");
	}
	else
	{
		restored_by_evil($name, @part);
	}
	is(there_are($name), $rows{$name}, "$name: the rows are there");
}
turn_evil();
restored_by_evil('under another name', 'restore', '--repo', $repo, 'app', '--table', 'joe.check', '--as', 'beside');

# --------------------------------------------------------------------- --rows-as=session

as_joe('TRUNCATE joe.row_trigger');
turn_evil();
tool('restore', '--repo', $repo, 'app', '--append', '--table', 'joe.row_trigger', '--rows-as=session');
like(ran_as_others(), qr/superusers: joe/, 'with the rights of the session the tricks work');
query('app', 'ALTER ROLE postgres SUPERUSER');

# ------------------------------------------------- what cannot be done with the owner's rights

query('app', $quiet);
sub refused
{
	my ($name, $setup, $pattern, $undo, @more) = @_;

	query('app', "TRUNCATE joe.check, joe.plain; $setup");
	tool_fails([ @append, '-t', 'joe.check', @more ], 1, qr/$pattern.*$rights/s, $name);
	is(query('app', 'SELECT count(*) FROM joe.check'), 0, "$name: nothing was added");
	query('app', $undo);
	return;
}
refused('an owner who may not insert', 'REVOKE INSERT ON joe.check FROM joe', qr/permission denied/, 'GRANT INSERT ON joe.check TO joe');
refused('an owner who may not use the schema', 'ALTER SCHEMA joe OWNER TO postgres; REVOKE ALL ON SCHEMA joe FROM joe',
	qr/permission denied/, 'ALTER SCHEMA joe OWNER TO joe; GRANT ALL ON SCHEMA joe TO joe');
refused('a rule', 'CREATE RULE r AS ON INSERT TO joe.check DO ALSO SELECT 1', qr/Rule "r"/, 'DROP RULE r ON joe.check');
refused('a temporary table of the code',
	'CREATE OR REPLACE FUNCTION joe.act(what text) RETURNS boolean LANGUAGE plpgsql AS \'BEGIN CREATE TEMPORARY TABLE x (); RETURN true; END\'',
	qr/security-restricted operation/, $harmless{'act(what text) RETURNS boolean'});
refused('a domain of the code, named as a type of the server\'s',
	'CREATE OR REPLACE FUNCTION joe.act(what text) RETURNS boolean LANGUAGE plpgsql AS \'BEGIN IF pg_catalog.to_regtype(\'\'pg_temp.text\'\') IS NULL THEN CREATE DOMAIN pg_temp.text AS integer; END IF; RETURN true; END\'',
	qr/security-restricted operation|made types in the temporary schema/, $harmless{'act(what text) RETURNS boolean'});
refused('a policy that refuses the rows', 'ALTER TABLE joe.check ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
	qr/row-level security/, 'ALTER TABLE joe.check DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY');
refused('a table of a superuser with code of joe', 'ALTER TABLE joe.check OWNER TO postgres', qr/belongs to a superuser, but function joe\.act/,
	'ALTER TABLE joe.check OWNER TO joe');
refused('one who is neither owner nor superuser', 'GRANT USAGE ON SCHEMA joe TO eve; GRANT ALL ON joe.check TO eve',
	qr/nor a member of its owner/, 'REVOKE ALL ON joe.check FROM eve', '-U', 'eve');

# A superuser's table, and who may do what to it.
query('app', <<'SQL');
ALTER TABLE joe.plain OWNER TO postgres;
GRANT ALL ON joe.plain TO joe, eve;
CREATE FUNCTION public.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER mine BEFORE INSERT ON joe.plain FOR EACH ROW EXECUTE FUNCTION public.mine();
SQL
tool_ok([ @append, '-t', 'joe.plain' ], 'a table of a superuser with a trigger of his');
query('app', 'TRUNCATE joe.plain');
as_joe("CREATE TRIGGER his BEFORE INSERT ON joe.plain FOR EACH ROW EXECUTE FUNCTION joe.fire('x')");
tool_fails([ @append, '-t', 'joe.plain' ], 1, qr/belongs to a superuser, but function joe\.fire.*$rights/s, 'with one that was granted to joe');
query('app', 'DROP TRIGGER his ON joe.plain');
as_joe("CREATE TRIGGER his BEFORE INSERT ON joe.plain FOR EACH ROW WHEN (query_to_xml('SELECT joe.act(''x'')', true, true, '') IS NULL) "
	  . 'EXECUTE FUNCTION public.mine()');
tool_fails([ @append, '-t', 'joe.plain' ], 1, qr/trigger his.*$rights/s, 'with code in its condition');
query('app', 'DROP TRIGGER his ON joe.plain; DROP TRIGGER mine ON joe.plain; ALTER TABLE joe.plain OWNER TO joe');
query('app', 'TRUNCATE joe.plain; GRANT USAGE ON SCHEMA joe TO eve; GRANT INSERT ON joe.plain TO eve; ALTER SEQUENCE joe.plain_x_seq OWNED BY NONE');
# Whoever is not a superuser cannot keep an owner from adding code while rows are added.
my @eve = (@append, '-t', 'joe.plain', '-U', 'eve', '--as', 'joe.plain');
for my $options ([], ['--on-conflict=skip'])
{
	tool_fails([ @eve, @$options ], 1, qr/without running code of others.*nor a member of its owner, and schema joe belongs to "joe".*$rights/s, "one who is not the owner @$options");
}
query('app', 'CREATE ROLE ann LOGIN; CREATE SCHEMA ann AUTHORIZATION ann; CREATE SCHEMA closed; GRANT USAGE, CREATE ON SCHEMA closed TO ann, eve; GRANT USAGE ON SCHEMA ann TO eve, joe');
for my $owned ([ 'ann.t', 'a schema of others' ], [ 'closed.parts', 'a partition of others', 'closed.parts_1' ], [ 'closed.t', 'nothing of others' ], [ 'closed.refers', 'a referenced table of others' ])
{
	my ($table, $what, $of_ann) = @$owned;
	my $definition = $table eq 'closed.parts' ? "(LIKE joe.plain_types_backup) PARTITION BY RANGE (i)" : '(LIKE joe.plain_types_backup)';

	query('app', 'CREATE TABLE IF NOT EXISTS joe.plain_types_backup (i integer, d text)');
	query('app', "CREATE TABLE $table $definition");
	query('app', 'CREATE TABLE closed.parts_1 PARTITION OF closed.parts DEFAULT; ALTER TABLE closed.parts_1 OWNER TO ann') if $of_ann;
	query('app', 'CREATE TABLE ann.keys AS SELECT generate_series(1, 3) AS i; ALTER TABLE ann.keys ADD PRIMARY KEY (i), OWNER TO ann; ALTER TABLE closed.refers ADD FOREIGN KEY (i) REFERENCES ann.keys') if $table eq 'closed.refers';
	query('app', "ALTER TABLE $table OWNER TO eve");
	my @add = (@append, '-t', 'joe.parts', '-U', 'eve', '--as', $table, '-v');
	if ($table =~ /closed\.(t|refers)/)
	{
		my ($code, $out, $err) = tool(@add);

		is($code, 0, "a table of one's own, with $what") or diag($err);
		is($err =~ /rows are added as "eve"/ ? 1 : 0, $table eq 'closed.t' ? 0 : 1, 'and in a turn only where it must be');
		is(query('app', "SELECT count(*) FROM $table"), 3, 'rows are there');
	}
	else
	{
		tool_fails(\@add, 1, qr/without running code of others.*belongs to "ann".*$rights/s, "a table of one's own, with $what");
	}
}
query('app', 'GRANT joe TO eve');
for my $options ([], ['--on-conflict=skip'])
{
	my ($code, $out, $err) = tool(@eve, '-v', @$options);

	is($code, 0, "a member of the owner @$options") or diag($err);
	like($err, qr/rows are added as "joe"/, 'in his turn');
	is(there_are('plain'), $rows{plain}, 'rows are there');
}
query('app', 'REVOKE joe FROM eve; TRUNCATE joe.plain');
tool_ok([ @eve, '--rows-as=session' ], 'or one who trusts the owner');
is(there_are('plain'), $rows{plain}, 'rows are there');
as_joe('TRUNCATE joe.check');
tool_ok([ @append, '-t', 'joe.check', '-U', 'joe' ], 'the owner himself');
as_joe('TRUNCATE joe.check');
tool_ok([ @append, '-t', 'joe.check', '--role', 'joe' ], 'a superuser as the owner');
query('app', 'ALTER TABLE joe.simple_parts OWNER TO postgres; TRUNCATE joe.simple_parts');
as_joe("CREATE TRIGGER t BEFORE INSERT ON joe.simple_parts_1 FOR EACH ROW EXECUTE FUNCTION joe.fire('x')");
tool_fails([ @append, '-t', 'joe.simple_parts' ], 1, qr/some of its partitions to others.*$rights/s, 'a partition of another owner');
as_joe('DROP TRIGGER t ON joe.simple_parts_1');
query('app', 'ALTER TABLE joe.simple_parts OWNER TO joe');

# ------------------------------------------------------------- joe, while rows are added

as_joe('TRUNCATE joe.plain, joe.simple_parts');
my $release = hold_lock('app', 'joe.plain');
my $log = File::Temp->new;
my $pid = start_tool("$log", @append, '-t', 'joe.plain', '-t', 'joe.simple_parts');
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") }), 'a restore waits');
for my $sql ('ALTER SCHEMA joe RENAME TO jim', 'DROP SCHEMA joe CASCADE')
{
	eval { as_joe("SET lock_timeout = '300ms'; $sql") };
	like($@, qr/lock timeout/, "meanwhile nobody can $sql");
}
$release->();
is(finish_tool($pid), 0, 'it ends well');
is(there_are('simple_parts'), $rows{simple_parts}, 'with all rows');

# Something else takes the name of a sequence, and the one who restores is no superuser.
query('app', 'TRUNCATE joe.plain; ALTER SEQUENCE joe.plain_x_seq OWNED BY joe.plain.x; ALTER SEQUENCE joe.plain_x_seq RESTART; GRANT SELECT, UPDATE ON SEQUENCE joe.plain_x_seq TO eve');
as_joe(q{CREATE FUNCTION joe.spy() RETURNS int8 LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''SPY as %'', current_user; RETURN 1000; END'});
my ($in, $said) = (<<'SQL', '');
BEGIN;
ALTER SEQUENCE joe.plain_x_seq RENAME TO moved;
CREATE VIEW joe.plain_x_seq AS SELECT joe.spy() AS last_value, false AS is_called;
GRANT SELECT ON joe.plain_x_seq TO eve;
SELECT 'held';
SQL
my $planter = IPC::Run::start([ 'psql', '-XAtq', '-U', 'joe', '-d', 'app' ], '<', \$in, '>', \$said, IPC::Run::timeout(60));
$planter->pump until $said =~ /held/;
$log = File::Temp->new;
$pid = start_tool("$log", @append, '-t', 'joe.plain', '-U', 'eve', '--rows-as=session');
ok(wait_until(sub { query('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'eve'") }), 'a restore waits for a sequence');
$in .= "COMMIT;\n\\q\n";
$planter->finish;
is(finish_tool($pid), 1, 'it ends with an error');
like(read_bytes("$log"), qr/sequence joe[.]plain_x_seq was replaced by another relation/, 'and says why');
unlike(read_bytes($node->logfile), qr/SPY as eve/, 'nothing ran as the one who restores');

done_testing();
