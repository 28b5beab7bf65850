# While an owner's code runs in the transaction of a restore, it changes other tables, types, casts and
# names, so that what the restore does next with the rights of its session would run code of his. Nothing
# of that runs as anybody but him: the restore decides again, or fails and leaves everything as it was.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $rights = qr/HINT.*--rows-as=session/s;

sub as_joe
{
	my ($sql) = @_;

	local $ENV{PGUSER} = 'joe';
	return query('app', $sql);
}

create_database('app');
query('app', 'CREATE ROLE joe LOGIN; CREATE ROLE alice LOGIN; CREATE SCHEMA joe AUTHORIZATION joe;'
	  . 'CREATE SCHEMA other AUTHORIZATION alice; GRANT CREATE ON DATABASE app TO joe');
as_joe(<<'SQL');
CREATE TABLE joe.log (what text, who text);
CREATE TABLE joe.plans (sql text);
-- What runs as another one than joe, and what that one would do for him.
CREATE FUNCTION joe.evil(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO joe.log VALUES (what, current_user);
	IF current_user <> 'joe' THEN ALTER ROLE joe SUPERUSER; END IF;
	RETURN true;
END $$;
CREATE FUNCTION joe.evil_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(''trigger''); RETURN new; END';
CREATE FUNCTION joe.evil_pure(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(''pure''); RETURN i; END';
-- Carries out the plan, once, in the session of a superuser.
CREATE FUNCTION joe.act() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	IF session_user <> 'joe' THEN
		DELETE FROM joe.plans RETURNING sql INTO plan;
		IF plan IS NOT NULL THEN
			INSERT INTO joe.log VALUES ('plan', current_user);
			EXECUTE plan;
		END IF;
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION joe.quiet() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION joe.f() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN joe.act(); END';
CREATE FUNCTION joe.g(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.act(); RETURN i; END';
CREATE FUNCTION joe.h(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN i; END';
CREATE TYPE joe.figure AS ENUM ('1', '2');
CREATE FUNCTION joe.to_number(joe.figure) RETURNS integer LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(''cast''); RETURN 1; END';
CREATE FUNCTION joe.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM joe.act(); RETURN null; END';

CREATE TABLE joe.a (i integer PRIMARY KEY, d text);
CREATE TRIGGER t AFTER INSERT ON joe.a FOR EACH STATEMENT EXECUTE FUNCTION joe.fire();
CREATE TABLE joe.b (i integer PRIMARY KEY, d text DEFAULT 'x');
CREATE SEQUENCE joe.b_number;
CREATE TABLE joe.c (i integer PRIMARY KEY, a integer REFERENCES joe.a);

CREATE TABLE joe.aa (i integer CHECK (joe.f()));
CREATE TABLE joe.parent (i integer PRIMARY KEY);
CREATE TABLE joe.child (i integer, j integer REFERENCES joe.parent);
CREATE TABLE joe.indexed (i integer);
CREATE INDEX ON joe.indexed (joe.g(i));
ALTER INDEX joe.indexed_g_idx ALTER COLUMN 1 SET STATISTICS 50;
CREATE TABLE joe.viewed (i integer);
CREATE MATERIALIZED VIEW joe.shown AS SELECT joe.h(i) FROM joe.viewed;
CREATE TABLE joe.by_function (i integer);
CREATE INDEX ON joe.by_function (joe.h(i));
CREATE TABLE joe.by_statistics (i integer);
CREATE STATISTICS joe.of_function ON (joe.h(i)) FROM joe.by_statistics;
INSERT INTO joe.a SELECT i, 'row' FROM generate_series(1, 3) i;
INSERT INTO joe.b SELECT i, 'row' FROM generate_series(1, 3) i;
INSERT INTO joe.c SELECT i, i FROM generate_series(1, 3) i;
INSERT INTO joe.aa VALUES (1);
INSERT INTO joe.indexed VALUES (1);
INSERT INTO joe.viewed VALUES (1);
INSERT INTO joe.by_function VALUES (1);
INSERT INTO joe.parent VALUES (1);
INSERT INTO joe.child VALUES (1, 1);
CREATE DOMAIN joe.unused AS integer;
CREATE FUNCTION joe.live(i integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT i';
CREATE FUNCTION joe.by_name(i integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN joe.live(i) > 0; END';
CREATE DOMAIN joe.named AS integer CHECK (joe.by_name(VALUE));
CREATE DOMAIN joe.positive AS integer CHECK (joe.h(VALUE) > 0);
CREATE FUNCTION joe.key_by_name(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN joe.live(i); END';
CREATE TABLE joe.by_key (i integer) PARTITION BY LIST ((joe.key_by_name(1) + i));
CREATE TABLE joe.by_key_1 PARTITION OF joe.by_key FOR VALUES IN (2);
INSERT INTO joe.by_key VALUES (1);
SQL
# Alice's table uses joe's domain, which reads the literal when the table is created.
query('app', "GRANT USAGE ON SCHEMA joe TO alice; CREATE TABLE other.t (i integer, a joe.positive[] DEFAULT '{1}'::joe.positive[]);"
	  . "ALTER TABLE other.t OWNER TO alice; CREATE TABLE other.by_name (i integer, a joe.named[] DEFAULT '{1}'::joe.named[]);"
	  . 'ALTER TABLE other.by_name OWNER TO alice');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');

# What else ran than joe's code as joe; empty if nothing.
sub gained
{
	my $others = query('app', "SELECT string_agg(DISTINCT who || ': ' || what, ', ') FROM joe.log WHERE who <> 'joe'");
	my $super = query('app', "SELECT rolsuper FROM pg_roles WHERE rolname = 'joe'");

	query('app', 'ALTER ROLE joe NOSUPERUSER; TRUNCATE joe.log');
	return $others . ($super eq 't' ? '; joe is superuser' : '');
}

sub planned
{
	my ($plan) = @_;

	$plan =~ s/'/''/g;
	as_joe("TRUNCATE joe.plans, joe.log; INSERT INTO joe.plans VALUES ('$plan')");
	return;
}

# Has the plan been carried out, in what was committed?
sub carried_out { return as_joe("SELECT count(*) FROM joe.plans") eq '0' }

# ------------------------------------------------------------------------- --append

# What the trigger of joe.a does to joe.b, and what undoes it.
my @appends = (
	[ 'a trigger', 'CREATE TRIGGER e BEFORE INSERT ON joe.b FOR EACH ROW EXECUTE FUNCTION joe.evil_trigger()', 'DROP TRIGGER e ON joe.b' ],
	[ 'an ALWAYS trigger', 'CREATE TRIGGER e BEFORE INSERT ON joe.b FOR EACH ROW EXECUTE FUNCTION joe.evil_trigger();'
		  . 'ALTER TABLE joe.b ENABLE ALWAYS TRIGGER e', 'DROP TRIGGER e ON joe.b' ],
	[ 'a deferred trigger', 'CREATE CONSTRAINT TRIGGER e AFTER INSERT ON joe.b DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION joe.evil_trigger()',
		'DROP TRIGGER e ON joe.b' ],
	[ 'a constraint', q{ALTER TABLE joe.b ADD CONSTRAINT e CHECK (joe.evil('check'))}, 'ALTER TABLE joe.b DROP CONSTRAINT e' ],
	[ 'an index', 'CREATE INDEX e ON joe.b (joe.evil_pure(i))', 'DROP INDEX joe.e' ],
	[ 'a default', q{ALTER TABLE joe.b ADD e boolean DEFAULT joe.evil('default')}, 'ALTER TABLE joe.b DROP e' ],
	[ 'a rule', q{CREATE RULE e AS ON INSERT TO joe.b DO ALSO SELECT joe.evil('rule')}, 'DROP RULE e ON joe.b', qr/Rule "e" would act/ ],
	[ 'a policy', q{ALTER TABLE joe.b ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY e ON joe.b USING (joe.evil('policy'))},
		'DROP POLICY e ON joe.b; ALTER TABLE joe.b DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY' ],
	[ 'another table', 'ALTER TABLE joe.b RENAME TO b_old; CREATE TABLE joe.b (i integer PRIMARY KEY, d text);'
		  . 'CREATE TRIGGER e BEFORE INSERT ON joe.b FOR EACH ROW EXECUTE FUNCTION joe.evil_trigger()', '', qr/table joe\.b was replaced/ ],
	[ 'a view', q{ALTER TABLE joe.b RENAME TO b_old; CREATE VIEW joe.b AS SELECT i, d FROM joe.b_old WHERE joe.evil('view')}, '', qr/table joe\.b was replaced/ ],
	[ 'another schema', 'ALTER SCHEMA joe RENAME TO jim; CREATE SCHEMA joe; CREATE TABLE joe.b (i integer PRIMARY KEY, d text);'
		  . 'CREATE TRIGGER e BEFORE INSERT ON joe.b FOR EACH ROW EXECUTE FUNCTION jim.evil_trigger()', '', qr/table joe\.b was replaced/ ],
	[ 'no table', 'DROP TABLE joe.b', '', qr/table joe\.b (?:does not exist|was replaced)/ ],
	[ 'a partition', 'DROP TABLE joe.b; CREATE TABLE joe.b (i integer, d text) PARTITION BY RANGE (i)', '', qr/table joe\.b was replaced/ ],
	[ 'a sequence that is a view', q{ALTER SEQUENCE joe.b_number RENAME TO n_old; CREATE VIEW joe.b_number AS SELECT 0::bigint AS last_value, true AS is_called WHERE joe.evil('sequence')},
		'DROP VIEW joe.b_number; ALTER SEQUENCE joe.n_old RENAME TO b_number' ],
	[ 'a cast', 'CREATE CAST (joe.figure AS integer) WITH FUNCTION joe.to_number AS IMPLICIT', 'DROP CAST (joe.figure AS integer)' ]);

for my $append (@appends)
{
	my ($name, $plan, $undo, $why) = @$append;

	for my $options ([], ['--on-conflict=skip'])
	{
		# COPY does not ask rules.
		my $fails = $name eq 'a rule' && !@$options ? undef : $why;

		query('app', 'TRUNCATE joe.a, joe.b, joe.c');
		planned($plan);
		my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--append', '--table', 'joe.a', '--table', 'joe.b', '--table', 'joe.c', @$options);
		is(gained(), '', "append @$options, $name: nothing ran as anybody but joe");
		if ($fails)
		{
			isnt($code, 0, "append @$options, $name: fails");
			like($err, $fails, "append @$options, $name: and says why");
			is(query('app', 'SELECT (SELECT count(*) FROM joe.a) + (SELECT count(*) FROM joe.b)'), 0, "append @$options, $name: nothing was added");
		}
		else
		{
			is($code, 0, "append @$options, $name: rows are added") or diag($err);
			is(query('app', 'SELECT (SELECT count(*) FROM joe.a) + (SELECT count(*) FROM joe.b) + (SELECT count(*) FROM joe.c)'), 9, "append @$options, $name: all");
			ok(carried_out(), "append @$options, $name: the plan was carried out");
			as_joe($undo);
		}
	}
}

# The rows that are there are counted in a second run, in which the plan is carried out as well.
as_joe('TRUNCATE joe.a, joe.b, joe.c; INSERT INTO joe.b VALUES (2, \'row\')');
planned($appends[0][1]);
tool_fails([ 'restore', '--repo', $repo, 'app', '--append', '--table', 'joe.a', '--table', 'joe.b' ], 1, qr/table joe\.b already.*1 of 3 rows|1 of 3 rows.*table joe\.b already/s, 'conflicts are counted');
is(gained(), '', 'and nothing ran as anybody but joe');

# ------------------------------------------------------------- parts into a live database

my $swap = 'ALTER TABLE joe.child RENAME TO child_old; CREATE TABLE joe.child (i integer, j joe.figure)';
my $cast = 'CREATE CAST (joe.figure AS integer) WITH FUNCTION joe.to_number AS IMPLICIT';
my $swallowed = 'BEGIN EXECUTE %s; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END';
my @parts = (
	[ 'another table and a cast', "$cast; $swap" ],
	[ 'another table', $swap ],
	[ 'a cast', $cast ],
	[ 'a column of another type', 'ALTER TABLE joe.child ALTER j TYPE joe.figure USING NULL' ],
	[ 'columns that change names', 'ALTER TABLE joe.child RENAME j TO k' ],
	[ 'another function', q{CREATE OR REPLACE FUNCTION joe.quiet() RETURNS boolean LANGUAGE sql AS 'SELECT joe.evil(''function'')'} ],
	[ 'a domain of another meaning', 'ALTER DOMAIN joe.unused ADD CHECK (joe.evil_pure(VALUE) > 0)' ],
	[ 'a domain of another meaning, in a subtransaction',
		'DO $do$ BEGIN ALTER DOMAIN joe.unused ADD CHECK (joe.evil_pure(VALUE) > 0); EXCEPTION WHEN division_by_zero THEN NULL; END $do$' ],
	[ 'an index of another table', 'CREATE INDEX e ON joe.parent (joe.evil_pure(1))' ],
	[ 'another schema', 'ALTER SCHEMA joe RENAME TO jim' ],
	[ 'an operator', 'CREATE OPERATOR joe.@@@ (FUNCTION = joe.evil_pure, RIGHTARG = integer)' ],
	[ 'a definition that was taken back', "DO \$do\$ BEGIN $cast; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END \$do\$" ]);

for my $first (qw(aa indexed))
{
	for my $part (@parts)
	{
		my ($name, $plan) = @$part;

		as_joe("DROP TABLE IF EXISTS joe.$first, joe.child");
		planned($plan);
		my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', "joe.$first", '--table', 'joe.child');
		is(gained(), '', "$first, $name: nothing ran as anybody but joe");
		is($code, 1, "$first, $name: the restore fails");
		# The statistics of the index come by name, before that is looked at.
		like($err, qr/definitions of objects were changed while .*$rights|schema "joe" does not exist/s, "$first, $name: and says why");
		is(query('app', "SELECT to_regclass('joe.$first') IS NULL AND to_regclass('joe.child') IS NULL"), 't', "$first, $name: nothing is left");
	}
	as_joe("DROP TABLE IF EXISTS joe.$first, joe.child");
	planned("INSERT INTO joe.log VALUES ('harmless', current_user); CREATE TABLE IF NOT EXISTS joe.log ()");
	tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', "joe.$first", '--table', 'joe.child' ], "$first: code that changes no definition");
	is(as_joe("SELECT count(*) FROM joe.$first, joe.child"), 1, "$first: the rows are there");
	is(query('app', "SELECT count(*) FROM pg_constraint WHERE conrelid = 'joe.child'::regclass AND contype = 'f'"), 1, "$first: and the foreign key");
	is(gained(), '', "$first: nothing ran as anybody but joe");
}

# Other sessions make temporary tables, domains and types all the time, which changes nothing of ours.
query('app', 'CREATE ROLE busy LOGIN; CREATE SCHEMA busy AUTHORIZATION busy');
as_joe(<<'SQL');
CREATE TABLE joe.many (i integer, v text) PARTITION BY RANGE (i);
CREATE TABLE joe.many_1 PARTITION OF joe.many FOR VALUES FROM (0) TO (1000000);
INSERT INTO joe.many SELECT i, md5(i::text) FROM generate_series(1, 100000) i;
CREATE INDEX ON joe.many_1 (lower(v));
CREATE INDEX ON joe.many_1 ((v || 'x'));
-- What the server plans queries over, or computes, when it is restored.
CREATE TABLE joe.plain (i integer PRIMARY KEY, v text);
CREATE TABLE joe.to_plain (i integer, j integer REFERENCES joe.plain);
CREATE TABLE joe.root (i integer PRIMARY KEY) PARTITION BY RANGE (i);
CREATE TABLE joe.root_1 PARTITION OF joe.root DEFAULT;
CREATE TABLE joe.to_root (i integer, j integer REFERENCES joe.root);
CREATE TABLE joe.keyed (i integer, j integer REFERENCES joe.plain) PARTITION BY RANGE (i);
CREATE TABLE joe.keyed_1 PARTITION OF joe.keyed FOR VALUES FROM (0) TO (9);
INSERT INTO joe.plain VALUES (1, 'v');
INSERT INTO joe.root VALUES (1);
INSERT INTO joe.to_plain VALUES (1, 1);
INSERT INTO joe.to_root VALUES (1, 1);
INSERT INTO joe.keyed VALUES (1, 1);
CREATE TABLE joe.checked (i integer, CHECK (joe.h(1) = 1)) PARTITION BY RANGE (i);
CREATE TABLE joe.checked_1 PARTITION OF joe.checked FOR VALUES FROM (0) TO (9);
INSERT INTO joe.checked VALUES (1);
CREATE FUNCTION joe.pure(v text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower(v)';
CREATE TABLE joe.labelled (i integer, v text);
CREATE INDEX ON joe.labelled (joe.pure(v));
SQL
query('app', 'CREATE TABLE public.top (i integer PRIMARY KEY); INSERT INTO top VALUES (1); GRANT REFERENCES, SELECT ON top TO joe;'
	  . 'CREATE TABLE public.of_super (i integer, j integer REFERENCES joe.plain); INSERT INTO of_super VALUES (1, 1)');
as_joe('ALTER TABLE joe.labelled ADD FOREIGN KEY (i) REFERENCES public.top; INSERT INTO joe.labelled VALUES (1, \'v\')');
tool_ok([ 'backup', '--repo', $repo, '-d', 'app' ], 'backup');
my @busy = map {
	local $ENV{PGUSER} = 'busy';
	background_sql('app', "DO \$\$ BEGIN LOOP CREATE TEMPORARY TABLE t (i integer); CREATE DOMAIN busy.d$_ AS integer CHECK (VALUE > 0); CREATE TYPE busy.t$_ AS (i integer); COMMIT;"
		  . "DROP TABLE t; DROP DOMAIN busy.d$_; DROP TYPE busy.t$_; COMMIT; END LOOP; END \$\$");
} 1 .. 2;
for my $try (1 .. 3)
{
	as_joe('DROP TABLE joe.many_1');
	tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'joe.many_1' ], "beside others who define what is theirs, $try");
}
is(query('app', "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'busy'"), 2, 'who were at work all the time');
$_->() for @busy;

# ------------------------------------------- what the server plans over live tables

# What is restored (schema joe, if none is given), what is on the live table, with which options, and whether it is refused.
my @planned = (
	[ 'to_plain', 'INDEX e ON joe.plain (joe.evil_pure(1))' ],
	[ 'to_plain', 'INDEX e ON joe.plain (i) WHERE joe.evil_pure(1) = 1' ],
	[ 'to_plain', 'STATISTICS joe.e ON (joe.evil_pure(1)) FROM joe.plain' ],
	[ 'to_root', 'INDEX e ON joe.root_1 (joe.evil_pure(1))' ],
	[ 'keyed_1', 'INDEX e ON joe.plain (joe.evil_pure(1))' ],
	[ 'keyed_1', 'INDEX e ON joe.keyed (joe.evil_pure(1))' ],
	[ 'to_plain', 'INDEX e ON joe.plain (joe.evil_pure(1))', '--no-owner' ],
	[ 'public.of_super', 'INDEX e ON joe.plain (joe.evil_pure(1))', undef, 1 ],
	[ 'to_plain', 'INDEX e ON joe.plain (lower(v))' ],
	[ 'to_plain', 'INDEX e ON joe.plain (joe.pure(v))' ],
	# Its own index, and a key to a superuser's table, of which joe's turn computes nothing else.
	[ 'labelled', 'INDEX e ON joe.plain (lower(v))' ]);
for my $case (@planned)
{
	my ($name, $made, $option, $refused) = @$case;
	my $table = $name =~ /[.]/ ? $name : "joe.$name";
	my $what = "$table after CREATE $made" . ($option ? " $option" : '');

	query('app', "DROP TABLE $table");
	as_joe("CREATE $made; TRUNCATE joe.log");
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', $table, $option // ());
	is(gained(), '', "$what: nothing ran as anybody but joe");
	if ($refused || $option)
	{
		is($code, 1, "$what: refused");
		like($err, qr/without running code of the live database.*DETAIL:.* index e of table joe[.]plain.*$rights/s, "$what: and says why");
		is(query('app', "SELECT to_regclass('$table') IS NULL"), 't', "$what: nothing is left");
		tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', $table, '--rows-as=session' ], "$what: with the session's rights");
		gained();
	}
	else
	{
		is($code, 0, "$what: restored") or diag($err);
	}
	is(query('app', "SELECT count(*) > 0 AND bool_and(convalidated) FROM pg_constraint WHERE contype = 'f' AND conrelid = '$table'::regclass"), 't', "$what: its key is valid");
	as_joe('DROP ' . ($made =~ /^(\w+) (?:joe[.])?e/)[0] . ' joe.e');
}

# ----------------------------------------------------------- whose is what is restored

# With --no-owner it is the superuser's, so an owner's function would run as one.
my $code_of_others = qr/without running code of the live database/;
as_joe(q{CREATE OR REPLACE FUNCTION joe.h(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM joe.evil(''h''); RETURN i; END'});
for my $what ([ 'TABLE', 'by_function' ], [ 'TABLE', 'by_statistics' ], [ 'MATERIALIZED VIEW', 'shown' ])
{
	my ($kind, $name) = @$what;
	my @restore = ('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', "joe.$name");

	as_joe("DROP $kind joe.$name");
	tool_fails([ @restore, '--no-owner' ], 1, $code_of_others, "$name with --no-owner");
	is(gained(), '', "$name with --no-owner: nothing ran as superuser");
	tool_ok(\@restore, "$name with its owner");
	is(gained(), '', "$name with its owner: his function ran as he");
}

# What CHECK constraints say is computed when a partition is attached, also one without rows.
as_joe('DROP TABLE joe.checked');
tool_ok([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'joe.checked', '--table', 'joe.checked_1' ], 'a partitioned table with a CHECK constraint');
is(gained(), '', 'its function ran as joe');
is(query('app', 'SELECT count(*) FROM joe.checked'), 1, 'and the rows are there');
as_joe('DROP TABLE joe.checked');
tool_fails([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--no-owner', '--table', 'joe.checked', '--table', 'joe.checked_1' ], 1, $code_of_others, 'and with --no-owner');
is(gained(), '', 'nothing ran as superuser');

# A domain, or a cast, that is restored can be one over a function that is there already.
query('app', 'DROP TABLE other.t');
as_joe('DROP DOMAIN joe.positive; DROP CAST IF EXISTS (joe.figure AS integer)');
tool_fails([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'other.t' ], 1, $code_of_others, 'a literal of a restored domain over a live function');
is(gained(), '', 'and nothing ran as superuser');
query('app', 'DROP TABLE other.by_name');
as_joe('DROP DOMAIN joe.named; DROP FUNCTION joe.by_name(integer); CREATE OR REPLACE FUNCTION joe.live(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS '
	  . "'BEGIN PERFORM joe.evil(''by name''); RETURN i; END'");
tool_fails([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'other.by_name' ], 1, $code_of_others, 'over a restored function that calls a live one');
is(gained(), '', 'and nothing ran as superuser');
as_joe('DROP TABLE joe.by_key; DROP FUNCTION joe.key_by_name(integer)');
tool_fails([ 'restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'joe.by_key*' ], 1, $code_of_others, 'a key with a restored function that calls a live one');
is(gained(), '', 'and nothing ran as superuser');
as_joe('CREATE DOMAIN joe.positive AS integer CHECK (joe.h(VALUE) > 0)');

# In a role that was taken, code can have the session's rights back.
as_joe(<<'SQL');
CREATE OR REPLACE FUNCTION joe.h(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE
	role text := current_setting('role');
BEGIN
	PERFORM set_config('role', 'none', true);
	IF current_user <> 'joe' THEN
		ALTER ROLE joe SUPERUSER;
	END IF;
	PERFORM set_config('role', role, true);
	RETURN i;
EXCEPTION WHEN OTHERS THEN
	RETURN i;
END $$;
SQL
for my $options ([], [ '--role', 'alice' ])
{
	my ($code, $out, $err) = tool('restore', '--repo', $repo, 'app', '--to', 'app', '--yes', '--table', 'other.t', @$options);
	is(gained(), '', "a literal of a domain, @$options: joe is no superuser");
	is($code, 1, "a literal of a domain, @$options: refused");
	like($err, $code_of_others, "a literal of a domain, @$options: with the reason");
}

# ------------------------------------------- what the planner computes of other tables

# A foreign key is checked by a query over the table that it refers to, for which constant parts of that
# one's indexes and statistics are computed: as its owner, but where a deferred trigger can wait for us.
create_database('keys');
query('keys', 'CREATE SCHEMA joe AUTHORIZATION joe; CREATE SCHEMA alice AUTHORIZATION alice; CREATE ROLE eve LOGIN; CREATE SCHEMA eve AUTHORIZATION eve');

sub keys_as
{
	my ($role, $sql) = @_;

	local $ENV{PGUSER} = $role;
	return query('keys', $sql);
}

for my $role ('joe', 'alice')
{
	keys_as($role, <<"SQL");
CREATE TABLE $role.waiting (i integer);
CREATE FUNCTION $role.gain() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN ALTER ROLE $role SUPERUSER; END IF;
	RETURN null;
END \$\$;
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON $role.waiting DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION $role.gain();
CREATE FUNCTION $role.evil() RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	IF session_user <> '$role' THEN
		IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN ALTER ROLE $role SUPERUSER; END IF;
		INSERT INTO $role.waiting VALUES (1);
	END IF;
EXCEPTION WHEN OTHERS THEN
	NULL;
END \$\$;
CREATE FUNCTION $role.g(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM $role.evil(); RETURN i; END';
CREATE FUNCTION $role.own(t text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper(t)';
GRANT USAGE ON SCHEMA $role TO joe, eve;
SQL
}
# Name => the parent's definition, what is planted later, and what is said to be code.
my %parents = (
	index => [ '', 'CREATE INDEX e ON %s ((joe.g(1)))', 'index e' ],
	predicate => [ '', 'CREATE INDEX e ON %s (i) WHERE joe.g(1) = 1', 'index e' ],
	not_valid => [ '', q{CREATE INDEX e ON %1$s ((joe.g(1))); GRANT USAGE ON SCHEMA joe TO postgres}, 'index e' ],
	statistics => [ '', 'CREATE STATISTICS joe.e ON (joe.g(1)) FROM %s', 'statistics e' ],
	parts => [ ' PARTITION BY RANGE (i)', 'CREATE INDEX e ON %s_1 ((joe.g(1)))', 'index e' ],
	plain => [ '', 'CREATE INDEX ON %s (lower(t)) WHERE i > 0; CREATE STATISTICS joe.fine ON (i + 1), lower(t) FROM %1$s', undef ],
	own => [ '', 'CREATE INDEX ON %s (joe.own(t))', 'index p_own_own_idx' ]);
for my $name (sort keys %parents)
{
	keys_as('joe', "CREATE TABLE joe.p_$name (i integer PRIMARY KEY, t text)$parents{$name}[0];"
		  . ($name eq 'parts' ? 'CREATE TABLE joe.p_parts_1 PARTITION OF joe.p_parts FOR VALUES FROM (0) TO (9);' : '')
		  . "INSERT INTO joe.p_$name VALUES (1, 'a'), (2, 'b'); GRANT REFERENCES ON joe.p_$name TO eve;"
		  . "CREATE TABLE joe.c_$name (i integer PRIMARY KEY, p integer REFERENCES joe.p_$name); INSERT INTO joe.c_$name VALUES (1, 1), (2, 2)");
}
keys_as('alice', 'CREATE TABLE alice.p (i integer PRIMARY KEY); INSERT INTO alice.p VALUES (1), (2); GRANT REFERENCES ON alice.p TO joe');
keys_as('joe', <<'SQL');
CREATE TABLE joe.c_alice (i integer PRIMARY KEY, p integer REFERENCES alice.p);
CREATE TABLE joe.c_deferred (i integer PRIMARY KEY, p integer REFERENCES joe.p_index DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE joe.c_self (i integer PRIMARY KEY, p integer REFERENCES joe.c_self);
CREATE TABLE joe.c_parted (i integer PRIMARY KEY, p integer REFERENCES joe.p_index) PARTITION BY RANGE (i);
CREATE TABLE joe.c_parted_1 PARTITION OF joe.c_parted FOR VALUES FROM (0) TO (9);
-- A key of the parent itself is not checked.
CREATE TABLE joe.p_far (i integer PRIMARY KEY REFERENCES joe.p_index);
CREATE TABLE joe.c_far (i integer PRIMARY KEY, p integer REFERENCES joe.p_far);
INSERT INTO joe.p_far VALUES (1), (2);
INSERT INTO joe.c_alice VALUES (1, 1), (2, 2);
INSERT INTO joe.c_deferred VALUES (1, 1), (2, 2);
INSERT INTO joe.c_self VALUES (1, 1), (2, 1);
INSERT INTO joe.c_parted VALUES (1, 1), (2, 2);
INSERT INTO joe.c_far VALUES (1, 1), (2, 2);

CREATE TABLE joe.plans (sql text);
CREATE FUNCTION joe.fire() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	IF session_user <> 'joe' THEN
		DELETE FROM joe.plans RETURNING sql INTO plan;
		IF plan IS NOT NULL THEN EXECUTE plan; END IF;
	END IF;
	RETURN null;
END $$;
CREATE TABLE joe.late (i integer PRIMARY KEY);
CREATE TABLE joe.c_late (i integer PRIMARY KEY, p integer REFERENCES joe.late DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE joe.turn (i integer PRIMARY KEY REFERENCES joe.c_late);
CREATE TRIGGER t AFTER INSERT ON joe.turn FOR EACH STATEMENT EXECUTE FUNCTION joe.fire();
CREATE TABLE joe.attached (i integer REFERENCES joe.turn, v integer NOT NULL);
INSERT INTO joe.late VALUES (1);
INSERT INTO joe.c_late VALUES (1, 1);
INSERT INTO joe.turn VALUES (1);
INSERT INTO joe.attached VALUES (1, 1);
-- An honest application.
CREATE TABLE joe.audit (at timestamptz, what text);
CREATE SEQUENCE joe.audit_number;
CREATE TABLE joe.months (i integer, m integer) PARTITION BY LIST (m);
CREATE TABLE joe.months_0 PARTITION OF joe.months FOR VALUES IN (0);
CREATE FUNCTION joe.honest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO joe.audit VALUES (now(), 'row ' || nextval('joe.audit_number'));
	EXECUTE pg_catalog.format('CREATE TABLE IF NOT EXISTS joe.months_%s PARTITION OF joe.months FOR VALUES IN (%s)', NEW.i, NEW.i);
	RETURN NEW;
END $$;
CREATE TABLE joe.busy (i integer PRIMARY KEY);
CREATE TRIGGER t BEFORE INSERT ON joe.busy FOR EACH ROW EXECUTE FUNCTION joe.honest();
INSERT INTO joe.busy VALUES (1), (2);
SQL
keys_as('eve', 'CREATE TABLE eve.c (i integer PRIMARY KEY, p integer REFERENCES joe.p_index); INSERT INTO eve.c VALUES (1, 1)');
query('keys', 'CREATE TABLE public.orders (i integer PRIMARY KEY, p integer REFERENCES joe.p_index); INSERT INTO public.orders VALUES (1, 1);'
	  . 'CREATE TABLE public.fine (i integer PRIMARY KEY, p integer REFERENCES joe.p_plain); INSERT INTO public.fine VALUES (1, 1);'
	  . 'CREATE TABLE public.p (i integer PRIMARY KEY); CREATE FUNCTION public.mine(i integer) RETURNS integer IMMUTABLE LANGUAGE sql AS \'SELECT i\';'
	  . 'CREATE INDEX ON public.p (public.mine(i)); INSERT INTO public.p VALUES (1);'
	  . 'CREATE TABLE public.trusted (i integer PRIMARY KEY, p integer REFERENCES public.p); INSERT INTO public.trusted VALUES (1, 1)');
tool_ok([ 'backup', '--repo', $repo, '-d', 'keys' ], 'backup');

sub keys_gained
{
	my $super = query('keys', "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolsuper AND rolname <> 'postgres'");

	query('keys', 'ALTER ROLE joe NOSUPERUSER; ALTER ROLE alice NOSUPERUSER; TRUNCATE joe.waiting, alice.waiting');
	return $super;
}

keys_as('joe', join(';', map { sprintf($parents{$_}[1] =~ s/\be\b/e_$_/r, "joe.p_$_") } sort keys %parents) . '; CREATE STATISTICS joe.e_self ON (joe.g(1)) FROM joe.c_self');
keys_as('alice', 'CREATE INDEX e_alice ON alice.p ((alice.g(1)))');
query('keys', q{UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'joe.e_not_valid'::regclass});

# Name => why it goes in the owner's turn; undef: it does not.
my %children = (%{ { map { ($_ => $parents{$_}[2] && $parents{$_}[2] =~ s/ e$/ e_$_/r . " of table joe.p_$_" . ($_ eq 'parts' ? '_1' : '')) } keys %parents } },
	alice => 'index e_alice of table alice.p', deferred => 'index e_index of table joe.p_index', self => 'statistics e_self of table joe.c_self',
	parted => 'index e_index of table joe.p_index', far => undef);
for my $name (sort keys %children)
{
	for my $options ([], ['--on-conflict=skip'])
	{
		query('keys', "TRUNCATE joe.c_$name");
		my ($code, $out, $err) = tool('restore', '--repo', $repo, 'keys', '--append', '-v', '--table', "joe.c_$name", @$options);
		is($code, 0, "a key to a table with $name @$options: rows are added") or diag($err);
		is(keys_gained(), '', "a key to a table with $name @$options: nobody gained by it");
		# Not as a superuser: that query is planned, too.
		is(keys_as('joe', "SELECT count(*) FROM joe.c_$name"), 2, "a key to a table with $name @$options: all");
		like($err, qr/added as "joe" because of \Q$children{$name}\E/, "a key to a table with $name @$options: by the owner") if $children{$name};
		unlike($err, qr/rows are added as/, "a key to a table with $name @$options: on the fast way") if !$children{$name};
	}
}

# A superuser's table, one of the session's, and who has no rights.
sub key_refused
{
	my ($table, $why, @options) = @_;

	query('keys', "TRUNCATE $table");
	tool_fails([ 'restore', '--repo', $repo, 'keys', '--append', '--table', $table, @options ], 1, qr/$why.*$rights/s, "$table @options is refused");
	is(keys_gained(), '', "$table @options: nobody gained by it");
	is(query('keys', "SELECT count(*) FROM $table"), 0, "$table @options: nothing was added");
	return;
}
my $index = qr/but index e_index of table joe\.p_index can be changed by others/;
for my $options ([], ['--on-conflict=skip'])
{
	key_refused('public.orders', qr/could not add rows to table public\.orders.*It belongs to a superuser, $index/s, @$options);
	query('keys', 'TRUNCATE public.fine, public.trusted');
	tool_ok([ 'restore', '--repo', $repo, 'keys', '--append', '--table', 'public.fine', '--table', 'public.trusted', @$options ], "a superuser's table, nothing of others, @$options");
	is(query('keys', 'SELECT count(*) FROM public.fine, public.trusted'), 1, 'rows are there');
}
key_refused('eve.c', qr/It belongs to you, $index/, '-U', 'eve');
query('keys', 'GRANT INSERT ON joe.c_index TO eve');
key_refused('joe.c_index', qr/nor a member of its owner, and (?:schema|table) \S+ belongs to "joe"/, '-U', 'eve');
tool_ok([ 'restore', '--repo', $repo, 'keys', '--append', '--table', 'joe.c_index', '-U', 'joe' ], 'the owner of both himself');

# In an owner's turn: code for a key that waits, and a root whose key is code.
sub plan_for_keys
{
	my ($plan) = @_;

	query('keys', 'TRUNCATE joe.late, joe.c_late, joe.turn, joe.attached; INSERT INTO joe.late VALUES (1)');
	keys_as('joe', 'TRUNCATE joe.plans; INSERT INTO joe.plans VALUES ($plan$' . $plan . '$plan$)');
	return;
}
keys_as('joe', 'CREATE TABLE joe.root (i integer, v integer NOT NULL) PARTITION BY LIST (joe.g(v))');
for my $options ([], ['--on-conflict=skip'])
{
	my @turns = ('restore', '--repo', $repo, 'keys', '--append', (map { ('--table', "joe.$_") } 'c_late', 'turn', 'attached'), @$options);

	plan_for_keys('CREATE INDEX late_code ON joe.late ((joe.g(1)))');
	tool_fails(\@turns, 1, qr/table joe\.c_late would now run different code.*$rights/s, "code for a key that waits, @$options");
	is(keys_gained(), '', 'nobody gained by it');
	is(query('keys', "SELECT (SELECT count(*) FROM joe.turn) + (SELECT count(*) FROM pg_class WHERE relname = 'late_code')"), 0, 'nothing is left');
	plan_for_keys('ALTER TABLE joe.root ATTACH PARTITION joe.attached FOR VALUES IN (1)');
	tool_fails(\@turns, 1, qr/table joe\.attached was made a partition of another one.*$rights/s, "a root whose key is code, @$options");
	is(keys_gained(), '', 'nobody gained by it');
	plan_for_keys('INSERT INTO joe.audit VALUES (now(), \'by the turn\')');
	tool_ok(\@turns, "nothing that matters, @$options");
	is(query('keys', 'SELECT count(*) FROM joe.c_late, joe.turn, joe.attached'), 1, 'rows are there');
}

# Audits, sequences and partitions of other tables are an honest trigger's business.
for my $options ([], ['--on-conflict=skip'])
{
	query('keys', 'TRUNCATE joe.busy; DROP TABLE IF EXISTS joe.months_1, joe.months_2; TRUNCATE joe.audit');
	tool_ok([ 'restore', '--repo', $repo, 'keys', '--append', '--table', 'joe.busy', @$options ], "an honest trigger makes partitions, @$options");
	is(query('keys', q{SELECT (SELECT count(*) FROM joe.busy) + (SELECT count(*) FROM joe.audit) + count(*) FROM pg_inherits WHERE inhparent = 'joe.months'::regclass}), 7, 'all is there');
}

done_testing();
