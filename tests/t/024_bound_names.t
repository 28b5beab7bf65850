# A definition is read again when it is restored, and the server takes what fits best then. Another role may
# have made a function or a cast that fits better, before the backup or since. A part is refused that would
# rest on it, before anything calls it.
use strict;
use warnings;

use NexBackup::Forge;
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

query('postgres', "CREATE ROLE $_ LOGIN") for qw(app joe);

sub as_role
{
	my ($role, $database, $sql) = @_;

	local $ENV{PGUSER} = $role;
	return query($database, $sql);
}

# joe has an enum, which all use, and functions that say as whom they run; no ROLLBACK takes a sequence back.
sub hostile_database
{
	my ($name) = @_;

	create_database($name);
	query($name, 'CREATE TABLE public.loot (who text); GRANT INSERT ON public.loot TO PUBLIC; CREATE SEQUENCE public.ran; GRANT USAGE ON SEQUENCE public.ran TO PUBLIC; CREATE SCHEMA joe AUTHORIZATION joe; GRANT USAGE ON SCHEMA joe TO PUBLIC; CREATE SCHEMA app AUTHORIZATION app; CREATE SCHEMA lib; GRANT USAGE, CREATE ON SCHEMA lib TO joe');
	as_role('joe', $name, <<'SQL');
CREATE TYPE joe.mood AS ENUM ('x', 'y');
CREATE FUNCTION joe.go() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN IF current_user <> 'joe' THEN PERFORM nextval('public.ran'); END IF; INSERT INTO public.loot VALUES (current_user); RETURN 'x'; END $f$;
SQL
	return;
}

# Since then the enum has a text of its own.
sub cast_it
{
	my ($name) = @_;

	as_role('joe', $name, q{CREATE FUNCTION joe.say(joe.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN joe.go(); END'; CREATE CAST (joe.mood AS text) WITH FUNCTION joe.say(joe.mood)});
	return;
}

sub backup
{
	my ($name, @more) = @_;

	tool_ok([ 'backup', '--repo', $repo, '-q', '-d', $name, @more ], "$name: backup");
	return;
}

sub restore { return ('restore', '--repo', $repo, $_[0], '--to', $_[0], @_[ 1 .. $#_ ]) }

sub is_refused
{
	my ($name, $what, $reason, @part) = @_;

	query($name, q{SELECT setval('public.ran', 1, false)});
	tool_fails([ restore($name, @part) ], 1, $reason, "$what: refused");
	is(query($name, 'SELECT is_called FROM public.ran'), 'f', '... before anybody else has called it');
	is(query($name, q{SELECT coalesce(string_agg(DISTINCT who, ','), 'nobody') FROM public.loot}), 'nobody', '... and nobody has called it');
	return;
}

my $say = qr{would use function joe[.]say\(joe[.]mood\) of role "joe", which it does not in the backup.*HINT}s;

# ------------------------------------------------- a cast that was made since

my %since = (
	view => 'CREATE VIEW app.t AS SELECT c::text FROM app.base',
	policy => 'CREATE TABLE app.t (c joe.mood); CREATE POLICY p ON app.t USING (c::text = \'x\')',
	rule => 'CREATE TABLE app.t (c joe.mood); CREATE RULE r AS ON INSERT TO app.t WHERE new.c::text = \'x\' DO NOTHING',
	trigger => 'CREATE TABLE app.t (c joe.mood); CREATE TRIGGER w BEFORE INSERT ON app.t FOR EACH ROW WHEN (new.c::text = \'x\') EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	default => "CREATE TABLE app.t (c joe.mood, d text DEFAULT 'x'::joe.mood::text)",
	domain => "CREATE DOMAIN app.dom AS joe.mood CHECK (value::text <> 'z'); CREATE TABLE app.t (c app.dom); INSERT INTO app.t VALUES ('x')");

for my $role (qw(app postgres))
{
	for my $kind (sort keys %since)
	{
		my $name = "${kind}_of_$role";

		next if $role eq 'postgres' && $kind !~ /view|trigger|default/;
		hostile_database($name);
		as_role($role, $name, "CREATE TABLE app.base (c joe.mood); INSERT INTO app.base VALUES ('x'); $since{$kind}");
		# joe's own index rests on the function, so the backup knows it.
		as_role('joe', $name, q{CREATE FUNCTION joe.say(joe.mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'x' $$; CREATE TABLE joe.own (c joe.mood); CREATE INDEX ON joe.own (joe.say(c))});
		backup($name);
		query($name, 'DROP ' . ($kind eq 'view' ? 'VIEW' : 'TABLE') . ' app.t; DROP TABLE joe.own; DROP DOMAIN IF EXISTS app.dom');
		as_role('joe', $name, 'DROP FUNCTION joe.say');
		cast_it($name);
		is_refused($name, "$kind of $role", qr{$say|is not what|belongs to}, '--table', 'app.t');
		is_refused($name, "$kind of $role, beside what uses the function", qr{$say|can change|can be changed|belongs to}, '--table', 'app.t', '--table', 'joe.own')
		  if $kind ne 'domain';
	}
}

# ------------------------------------------------- a cast that comes with the part

hostile_database('with');
query('with', "CREATE TABLE app.base (c joe.mood); CREATE VIEW app.v AS SELECT c::text FROM app.base");
cast_it('with');
backup('with');
query('with', 'DROP SCHEMA app, joe CASCADE');
is_refused('with', 'a view that comes with the cast', $say, '--schema', 'app', '--schema', 'joe');

# Where the backup says so, it is used: the entry of each part says so for itself. That a CHECK calls the function by its
# name says nothing against the default that is cast by it.
hostile_database('known');
cast_it('known');
as_role('joe', 'known', q{CREATE FUNCTION joe.up(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'});
as_role('app', 'known', <<'SQL');
CREATE TABLE app.base (c joe.mood, t text);
CREATE VIEW app.v AS SELECT c::text, NULL::text AS d FROM app.base;
ALTER VIEW app.v ALTER d SET DEFAULT 'x'::joe.mood::text;
CREATE MATERIALIZED VIEW app.m AS SELECT joe.up(t) FROM app.base;
CREATE TABLE app."all of" (m joe.mood[], c joe.mood, d text DEFAULT 'x'::joe.mood::text, CHECK (c::text <> ' '), CONSTRAINT named CHECK (joe.say(c) <> ''));
CREATE INDEX "all of ON" ON app."all of" (joe.up(d));
CREATE STATISTICS app."st FROM" ON (joe.up(d)), (d || d) FROM app."all of";
CREATE POLICY "p ON" ON app."all of" USING (c::text = 'x');
CREATE RULE "r TO" AS ON DELETE TO app."all of" WHERE old.c::text = 'y' DO INSTEAD NOTHING;
CREATE TRIGGER "t ON" BEFORE UPDATE OF d ON app."all of" FOR EACH ROW WHEN (new.c::text = 'x') EXECUTE FUNCTION suppress_redundant_updates_trigger();
SQL
backup('known');
query('known', 'DROP SCHEMA app CASCADE');
tool_ok([ restore('known', '--schema', 'app') ], 'what used the cast already');

my $rests = q{SELECT count(DISTINCT (classid, objid)) FROM pg_depend WHERE refobjid IN ('joe.say(joe.mood)'::regprocedure, 'joe.up(text)'::regprocedure) AND deptype = 'n' AND classid <> 'pg_cast'::regclass};

is(query('known', $rests), 11, 'is restored, with all parts');
tool_ok([ restore('known', '--table', 'app."all of"', '--as', 'app."others of"') ], 'under another name, too');
is(query('known', $rests), 19, 'with all parts');

# ------------------------------------------------- nothing else says so: what others have written, or another part

hostile_database('others');
query('others', 'GRANT USAGE ON SCHEMA app TO joe');
as_role('joe', 'others', <<'SQL');
CREATE FUNCTION joe.say(joe.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN joe.go(); END';
CREATE FUNCTION joe.ok(joe.mood) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION lib.f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE TABLE joe.data (c joe.mood CHECK (joe.ok(c)), i integer CHECK (lib.f(i) = 1), t text);
INSERT INTO joe.data VALUES ('x');
CREATE VIEW joe.v AS SELECT i FROM joe.data;
GRANT ALL ON joe.data, joe.v TO PUBLIC;
SQL
query('others', <<'SQL');
CREATE FUNCTION lib.f(text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
GRANT USAGE ON SCHEMA lib TO app;
CREATE VIEW lib.v AS SELECT c::text FROM joe.data;
CREATE TABLE lib.log (c joe.mood);
CREATE POLICY p ON lib.log TO joe USING (joe.say(c) = 'x');
CREATE TRIGGER w BEFORE INSERT ON lib.log FOR EACH ROW WHEN (new.c::text = 'x') EXECUTE FUNCTION suppress_redundant_updates_trigger();
SQL
as_role('app', 'others', <<'SQL');
CREATE MATERIALIZED VIEW app.m AS SELECT c::text FROM joe.data;
CREATE MATERIALIZED VIEW app.n AS SELECT i FROM joe.v;
CREATE VIEW app.v AS SELECT lib.f(t) FROM joe.data;
CREATE TABLE app.t (c joe.mood, d text DEFAULT 'x'::joe.mood::text);
CREATE RULE r AS ON DELETE TO app.t WHERE joe.say(old.c) = 'x' DO INSTEAD NOTHING;
SQL
as_role('joe', 'others', <<'SQL');
CREATE TABLE joe.t (c joe.mood);
CREATE STATISTICS joe.of_v ON (joe.say(c)), (NULLIF(ROW('x')::lib.v, NULL) IS NULL) FROM joe.t;
CREATE STATISTICS joe.of_m ON (joe.say(c)), (NULLIF(ROW('x')::app.m, NULL) IS NULL) FROM joe.t;
CREATE TABLE lib."v x" (c joe.mood);
CREATE RULE r AS ON UPDATE TO lib."v x" DO ALSO SELECT joe.say(new.c) FROM lib.v;
SQL
backup('others');
query('others', 'DROP VIEW lib.v CASCADE; DROP TABLE lib.log, app.t; DROP MATERIALIZED VIEW app.m, app.n CASCADE; DROP VIEW app.v');
as_role('joe', 'others', 'DROP TABLE joe.t, lib."v x"; CREATE CAST (joe.mood AS text) WITH FUNCTION joe.say(joe.mood) AS ASSIGNMENT');
is_refused('others', "$_, of whose cast only another entry speaks", $say, '--table', $_) for qw(lib.v lib.log app.m app.t);
query('others', 'CREATE TABLE joe.t (c joe.mood); CREATE TABLE lib."v x" (c joe.mood)');
is_refused('others', "$_, and that table is there", $say, '--table', $_) for qw(lib.v app.m);

# Nor is somebody trusted because of what constraints of a table call that is read.
as_role('joe', 'others', 'CREATE OR REPLACE VIEW joe.v AS SELECT length(joe.go()) AS i');
is_refused('others', 'a materialized view that reads such a table', qr/It calls function joe[.]go\(\), which others can change/, '--table', 'app.n');
is_refused('others', 'a view that reads such a table, and calls a function by name', qr/It calls lib[.]f by name, and function lib[.]f\(integer\) is there, which others can change/, '--table', 'app.v');

# ------------------------------------------------- what fits better, behind functions with an SQL body

my %deep = (
	'a view' => 'CREATE VIEW lib.v AS SELECT lib.f(c) FROM lib.t',
	'a materialized view' => 'CREATE MATERIALIZED VIEW lib.m AS SELECT lib.zbody(c) FROM lib.t',
	'an aggregate' => 'CREATE FUNCTION lib.step(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS \'SELECT $1\'; CREATE AGGREGATE lib.zag(integer) (SFUNC = lib.step, STYPE = integer); CREATE MATERIALIZED VIEW lib.m AS SELECT lib.zag(c) FROM lib.t',
	'an index' => 'CREATE INDEX ON lib.t (lib.zbody(c))',
	'statistics' => 'CREATE STATISTICS lib.st ON (lib.zbody(c)), c FROM lib.t',
	'a generated column' => 'CREATE TABLE lib.g (c integer, g integer GENERATED ALWAYS AS (lib.zbody(1) + c) STORED)',
	'a CHECK' => 'CREATE TABLE lib.k (c integer CHECK (lib.zbody(c) = 1)); INSERT INTO lib.k VALUES (1)');
my $deep = 0;

for my $kind (sort keys %deep)
{
	my $name = 'deep' . ++$deep;

	hostile_database($name);
	query($name, <<"SQL");
CREATE FUNCTION lib.f(anyelement) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION lib.zbody(integer) RETURNS integer IMMUTABLE BEGIN ATOMIC SELECT lib.f(\$1); END;
CREATE TABLE lib.t (c integer); INSERT INTO lib.t VALUES (1);
$deep{$kind}
SQL
	as_role('joe', $name, q{CREATE FUNCTION lib.f(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1; END'; CREATE FUNCTION lib.step(integer, integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1; END'});
	backup($name);
	query($name, 'DROP SCHEMA lib CASCADE');
	is_refused($name, "$kind of a function with a better match", qr{would use function lib[.](f|step)\(integer.*of role "joe"|belongs to|can be changed|others can}, '--schema', 'lib');
}

# ------------------------------------------------- a function with an SQL body and a cast of the live database

hostile_database('computed');
query('computed', q{CREATE FUNCTION app.nil() RETURNS integer IMMUTABLE RETURN length('x'::joe.mood::text); CREATE TABLE app.u (c integer, g integer GENERATED ALWAYS AS (app.nil() + c) STORED)});
backup('computed');
query('computed', 'DROP SCHEMA app CASCADE');
cast_it('computed');
is_refused('computed', 'a generated column', qr{which uses TYPE joe[.]mood of "joe"}, '--schema', 'app');

# ------------------------------------------------- what is computed of tables of superusers, behind their functions

# Of functions of one name and two owners, the text does not tell which is meant, and backups of earlier versions neither.
query('postgres', 'CREATE ROLE second_superuser SUPERUSER');
my %behind = (
	exclusion_of_two => 'CREATE TABLE app.u (c integer, EXCLUDE USING btree (lib.two(c) WITH =))',
	exclusion => 'CREATE TABLE app.u (c integer, EXCLUDE USING btree (lib.calls(c) WITH =))',
	exclusion_of_a_domain => 'CREATE TABLE app.u (c integer, EXCLUDE USING btree (lib.reads(c) WITH =))',
	exclusion_where => 'CREATE TABLE app.u (c integer, EXCLUDE USING btree (c WITH =) WHERE (lib.calls(1) = 1))',
	generated_of_a_row => 'CREATE TABLE app.u (c integer, g integer GENERATED ALWAYS AS (c + lib.of_row($$(1)$$)) STORED)',
	exclusion_of_a_row => 'CREATE TABLE app.u (c integer, EXCLUDE USING btree ((c + lib.of_row($$(1)$$)) WITH =))',
	generated_of_an_enum => 'CREATE TABLE app.u (c integer, g integer GENERATED ALWAYS AS (c + lib.json()) STORED)');

for my $kind (sort keys %behind)
{
	hostile_database($kind);
	as_role('joe', $kind, 'CREATE DOMAIN joe.dom AS integer; CREATE TABLE joe.row (a joe.dom); CREATE FUNCTION joe.k(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$');
	query($kind, <<"SQL");
CREATE FUNCTION lib.calls(integer) RETURNS integer IMMUTABLE RETURN joe.k(\$1);
CREATE FUNCTION lib.two(integer) RETURNS integer IMMUTABLE RETURN joe.k(\$1);
CREATE FUNCTION lib.two(text) RETURNS integer IMMUTABLE RETURN 1;
ALTER FUNCTION lib.two(text) OWNER TO second_superuser;
CREATE FUNCTION lib.reads(integer) RETURNS integer IMMUTABLE RETURN \$1::joe.dom;
CREATE FUNCTION lib.of_row(text) RETURNS integer IMMUTABLE RETURN length((\$1::joe.row)::text);
CREATE FUNCTION lib.json() RETURNS integer IMMUTABLE RETURN length(to_jsonb('x'::joe.mood)::text);
REVOKE CREATE ON SCHEMA lib FROM joe;
$behind{$kind};
INSERT INTO app.u VALUES (1);
SQL
	backup($kind, $kind eq 'exclusion_of_two' ? '--compress=none' : ());
	drop_dependencies($repo, "backups/$kind/" . latest_id($repo, $kind)) if $kind eq 'exclusion_of_two';
	query($kind, 'DROP TABLE app.u');
	as_role('joe', $kind, <<'SQL');
CREATE OR REPLACE FUNCTION joe.k(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1; END';
CREATE FUNCTION joe.ok(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN true; END';
ALTER DOMAIN joe.dom ADD CHECK (joe.ok(value)) NOT VALID;
CREATE FUNCTION joe.json(joe.mood) RETURNS json LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1::text; END';
CREATE CAST (joe.mood AS json) WITH FUNCTION joe.json(joe.mood);
SQL
	is_refused($kind, "a table with $kind", qr{without running code of the live database.*(which uses [A-Z]+ joe[.]|is there already)}s, '--table', 'app.u');
}

# ------------------------------------------------- rows of superusers' tables with an enum of another role

hostile_database('rows');
query('rows', <<'SQL');
CREATE TABLE app.plain (c joe.mood CHECK (c <> 'y'), d joe.mood[]);
CREATE TABLE app.as_json (c joe.mood CHECK (to_jsonb(c) IS NOT NULL));
CREATE FUNCTION lib.json(joe.mood) RETURNS jsonb IMMUTABLE RETURN to_jsonb($1);
CREATE TABLE app.behind (c joe.mood CHECK (lib.json(c) IS NOT NULL));
REVOKE CREATE ON SCHEMA lib FROM joe;
INSERT INTO app.plain VALUES ('x', '{x}'); INSERT INTO app.as_json VALUES ('x'); INSERT INTO app.behind VALUES ('x');
SQL
backup('rows');
as_role('joe', 'rows', q{CREATE FUNCTION joe.json(joe.mood) RETURNS json LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1::text; END'; CREATE CAST (joe.mood AS json) WITH FUNCTION joe.json(joe.mood)});
query('rows', 'TRUNCATE app.plain, app.as_json, app.behind');
is_refused('rows', "--append to a table with $_", qr{could not add rows to table app[.]$_.*joe[.]mood}s, '--append', '--table', "app.$_") for qw(as_json behind);
tool_ok([ restore('rows', '--append', '--table', 'app.plain') ], 'a table that only has the type');
query('rows', 'DROP TABLE app.plain, app.as_json, app.behind');
is_refused('rows', "a table with $_", qr{app[.]$_.*joe[.]mood}s, '--table', "app.$_") for qw(as_json behind);
tool_ok([ restore('rows', '--table', 'app.plain') ], 'a table that only has the type');

# ------------------------------------------------- what stands in a table or domain: each part of it speaks for itself

# The function is known to the backup, by another part; as a cast it calls it since.
my %inline = (
	'a CHECK beside a DEFAULT' => q{CREATE TABLE app.t (c joe.mood, d text DEFAULT joe.say('x'), CONSTRAINT "d DEFAULT joe.say(" CHECK (c::text <> 'joe.say(c)'))},
	'a CHECK beside another one' => q{CREATE TABLE app.t (c joe.mood, d text, CONSTRAINT a CHECK (d <> joe.say('x') OR d IS NOT NULL), CONSTRAINT b CHECK (c::text <> 'z'))},
	'a DEFAULT beside a CHECK' => q{CREATE TABLE app.t (c joe.mood, d text CHECK (d <> joe.say('y') OR d = 'x'), e text DEFAULT 'x'::joe.mood::text)},
	'a CHECK of a child' => q{CREATE TABLE app.p (c joe.mood, CONSTRAINT k CHECK (c::text <> 'z')); CREATE TABLE app.t (d text DEFAULT joe.say('x')) INHERITS (app.p)},
	'a default of a domain beside its CHECK' => q{CREATE DOMAIN app.dom AS text DEFAULT 'x'::joe.mood::text CONSTRAINT "DEFAULT" CHECK (value <> joe.say('y'::joe.mood) OR value = 'x'); CREATE TABLE app.t (c app.dom, d text)},
	'a CHECK of a domain' => q{CREATE DOMAIN app.dom AS joe.mood DEFAULT 'x'::joe.mood CONSTRAINT a CHECK (joe.say(value) <> 'q') CONSTRAINT b CHECK (value::text <> 'zz'); CREATE TABLE app.t (c app.dom, d text)});
my $inline = 0;

for my $kind (sort keys %inline)
{
	my $name = 'inline' . ++$inline;

	hostile_database($name);
	as_role('joe', $name, q{CREATE FUNCTION joe.say(joe.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 'x'; END $$});
	as_role('app', $name, "$inline{$kind}; INSERT INTO app.t VALUES ('x', 'x')");
	backup($name);
	query($name, 'DROP SCHEMA app CASCADE; CREATE SCHEMA app AUTHORIZATION app');
	as_role('joe', $name, q{CREATE OR REPLACE FUNCTION joe.say(joe.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN joe.go(); END'; CREATE CAST (joe.mood AS text) WITH FUNCTION joe.say(joe.mood)});
	is_refused($name, $kind, qr{$say|can be changed|can change|belongs to}, '--schema', 'app');
	is_refused($name, "$kind, without rows", qr{$say|can be changed|can change|belongs to}, '--schema-only', '--schema', 'app');
}

# What a table's rows would call is looked at before they come.
hostile_database('late');
as_role('joe', 'late', q{CREATE FUNCTION joe.up(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE FUNCTION joe.say(joe.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN joe.go(); END'});
as_role('app', 'late', q{CREATE TABLE app.t (c joe.mood, d text DEFAULT joe.up('x'), CHECK (c::text <> 'z')); INSERT INTO app.t VALUES ('x', 'x')});
backup('late');
query('late', 'DROP SCHEMA app CASCADE; CREATE SCHEMA app AUTHORIZATION app');
as_role('joe', 'late', 'CREATE CAST (joe.mood AS text) WITH FUNCTION joe.say(joe.mood)');
is_refused('late', 'a CHECK of a table whose DEFAULT calls another function of the same role', $say, '--table', 'app.t');

# The same parts as the backup has them are restored.
hostile_database('inline');
as_role('joe', 'inline', <<'SQL');
CREATE FUNCTION joe.up(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION joe.not(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 <> $2';
CREATE OPERATOR joe.=== (FUNCTION = joe.not, LEFTARG = text, RIGHTARG = text);
CREATE TYPE joe.pair AS (a text, b integer);
SQL
cast_it('inline');
as_role('app', 'inline', <<'SQL');
CREATE TABLE app.p (c joe.mood, d text DEFAULT joe.up('x'), "e, CHECK (" text DEFAULT joe.up(')'), r joe.pair,
  CONSTRAINT "k, (" CHECK (joe.up(d) OPERATOR(joe.===) ','), CONSTRAINT l CHECK (c::text <> 'z'), CHECK ((r).a <> 'z'));
CREATE TABLE app.child (f text) INHERITS (app.p);
CREATE TABLE app.parts (c joe.mood, d text) PARTITION BY LIST (d);
CREATE TABLE app.part PARTITION OF app.parts (d DEFAULT joe.up('a'), CHECK (joe.up(d) <> 'b')) FOR VALUES IN ('a');
CREATE DOMAIN app.dom AS text DEFAULT joe.up('x') CHECK (joe.up(value) <> 'z') CHECK (value OPERATOR(joe.===) 'y');
CREATE TABLE app.t (c app.dom);
SQL
backup('inline');
my $parts = q{SELECT count(DISTINCT (classid, objid)) FROM pg_depend WHERE refobjid IN ('joe.say(joe.mood)'::regprocedure, 'joe.up(text)'::regprocedure, 'joe.===(text,text)'::regoperator) AND classid <> 'pg_cast'::regclass};
my $had = query('inline', $parts);
query('inline', 'DROP SCHEMA app CASCADE');
tool_ok([ restore('inline', '--schema', 'app') ], 'parts that call functions themselves');
is(query('inline', $parts), $had, '... are all restored');
query('inline', 'DROP TABLE app.child');
tool_ok([ restore('inline', '--table', 'app.child') ], 'what a child has of its parents');
is(query('inline', $parts), $had, '... is restored with it');

# An exclusion constraint depends on what its text names, if the owner of what has that name is one role.
hostile_database('excluded');
as_role('joe', 'excluded', q{CREATE FUNCTION joe.up(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE FUNCTION lib.f(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'});
query('excluded', q{CREATE FUNCTION lib.f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'; GRANT USAGE ON SCHEMA lib TO app});
as_role('app', 'excluded', q{CREATE TABLE app.t (a text, EXCLUDE USING btree (joe.up(a) WITH =)); CREATE TABLE app.u (a integer, EXCLUDE USING btree (lib.f(a) WITH =)); INSERT INTO app.t VALUES ('x'); INSERT INTO app.u VALUES (1)});
backup('excluded');
query('excluded', 'DROP TABLE app.t, app.u');
tool_ok([ restore('excluded', '--table', 'app.t') ], 'an exclusion constraint that calls a function of another role');
is(query('excluded', q{SELECT count(*) FROM pg_constraint WHERE contype = 'x'}), 1, '... is restored');
is_refused('excluded', 'one that calls another function of its name', qr{lib[.]f by name, and function lib[.]f\(text\) is there, which others can change}, '--table', 'app.u');

# The server links an operator with its negator on both sides.
hostile_database('linked');
query('linked', <<'SQL');
CREATE FUNCTION app.same(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 = $2; END';
CREATE FUNCTION joe.other(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM joe.go(); RETURN $1 <> $2; END';
CREATE OPERATOR app.=== (FUNCTION = app.same, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR joe.!== (FUNCTION = joe.other, LEFTARG = text, RIGHTARG = text, NEGATOR = OPERATOR(app.===));
CREATE OPERATOR app.=*= (FUNCTION = app.same, LEFTARG = text, RIGHTARG = text, NEGATOR = OPERATOR(joe.!*!));
ALTER FUNCTION app.same OWNER TO app;
ALTER FUNCTION joe.other OWNER TO joe;
ALTER OPERATOR app.===(text, text) OWNER TO app;
ALTER OPERATOR app.=*=(text, text) OWNER TO app;
ALTER OPERATOR joe.!==(text, text) OWNER TO joe;
SQL
as_role('app', 'linked', q{CREATE VIEW app.v AS SELECT 'a' OPERATOR(app.===) 'b' AS c; CREATE VIEW app.u AS SELECT 'a' OPERATOR(app.=*=) 'b' AS c});
backup('linked');
query('linked', 'GRANT joe TO app; DROP VIEW app.v, app.u; DROP OPERATOR app.===(text, text)');
tool_ok([ restore('linked', '--table', 'app.v') ], 'an operator with a negator of another role');
is(query('linked', q{SELECT oprnegate = 'joe.!==(text, text)'::regoperator FROM pg_operator WHERE oid = 'app.===(text, text)'::regoperator}), 't', '... is linked again');
query('linked', 'DROP VIEW app.v; DROP OPERATOR app.===(text, text); ALTER OPERATOR joe.!==(text, text) OWNER TO postgres');
is_refused('linked', 'one that would become the negator of an operator that was taken over', 
	qr/operator joe[.]!==\(text,text\) would use operator app[.]===\(text,text\) of role "app", which it does not in the backup/, '--table', 'app.v');
query('linked', 'DROP OPERATOR app.=*=(text, text), joe.!*!(text, text)');
as_role('joe', 'linked', 'CREATE OPERATOR joe.!*! (FUNCTION = joe.other, LEFTARG = text, RIGHTARG = text)');
is_refused('linked', 'a negator where the backup has a shell',
	qr/operator app[.]=\*=\(text,text\) would use operator joe[.]!\*!\(text,text\) of role "joe", which it does not in the backup/, '--table', 'app.u');
query('linked', 'REVOKE joe FROM app');

# Written by the restore is not made by it: a table of another role that gets its first foreign key.
hostile_database('parents');
as_role('joe', 'parents', 'CREATE TABLE joe.country (id integer PRIMARY KEY); INSERT INTO joe.country VALUES (1); GRANT SELECT, REFERENCES ON joe.country TO app');
as_role('app', 'parents', 'CREATE TABLE app.fk (id integer REFERENCES joe.country); INSERT INTO app.fk VALUES (1); CREATE VIEW app.v AS SELECT id FROM joe.country');
backup('parents');
for my $part ([ '--table', 'app.fk' ], [ '--schema', 'app' ])
{
	query('parents', 'DROP TABLE app.fk; DROP VIEW app.v') if $part->[0] eq '--schema';
	query('parents', 'DROP TABLE app.fk') if $part->[0] eq '--table';
	query('parents', 'VACUUM joe.country');
	tool_ok([ restore('parents', @$part) ], "@$part, with the first foreign key to a table of another role");
	is(query('parents', q{SELECT count(*) FROM pg_constraint WHERE conrelid = 'app.fk'::regclass AND contype = 'f'}), 1, '... which is there again');
}

# ------------------------------------------------- what the text of a table says

# No text names a cast, so what the table computes when it is made may be one; an array ends no column.
hostile_database('text');
as_role('joe', 'text', q{CREATE FUNCTION joe.n(joe.mood) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1; END'; CREATE CAST (joe.mood AS integer) WITH FUNCTION joe.n(joe.mood) AS IMPLICIT});
my %computing = (
	array => q{x text[] DEFAULT ARRAY['a', 'b'], a int, g int GENERATED ALWAYS AS (a + ('x'::joe.mood)) STORED)},
	key => q{x text[] DEFAULT ARRAY['a', 'b'], a int) PARTITION BY RANGE ((a + ('x'::joe.mood)))},
	named => q{a int, g int GENERATED ALWAYS AS (a + ('x'::joe.mood)) STORED, d int DEFAULT joe.n('x'))});
query('text', "CREATE TABLE public.t_$_ ($computing{$_}") for sort keys %computing;
query('text', 'TRUNCATE public.loot');
backup('text');
for my $table (sort keys %computing)
{
	query('text', "DROP TABLE public.t_$table");
	is_refused('text', "a cast of what is computed, $table", qr/could not restore TABLE public\.t_$table without running code/, '--table', "public.t_$table");
}

# A cast that belongs to an extension of joe's has no entry in the archive.
hostile_database('member');
query('member', 'GRANT CREATE ON DATABASE member TO joe');
as_role('joe', 'member', q{CREATE EXTENSION citext SCHEMA joe; CREATE FUNCTION joe.n(joe.mood) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1; END'; CREATE CAST (joe.mood AS integer) WITH FUNCTION joe.n(joe.mood) AS IMPLICIT; ALTER EXTENSION citext ADD CAST (joe.mood AS integer)});
%computing = (
	generated => q{a int, g int GENERATED ALWAYS AS (a + ('x'::joe.mood)) STORED)},
	key => q{a int) PARTITION BY RANGE ((a + ('x'::joe.mood)))});
query('member', "CREATE TABLE public.t_$_ ($computing{$_}") for sort keys %computing;
as_role('joe', 'member', "CREATE TABLE joe.t_$_ ($computing{$_}") for sort keys %computing;
query('member', 'TRUNCATE public.loot');
backup('member');
for my $table (sort keys %computing)
{
	query('member', "DROP TABLE public.t_$table, joe.t_$table");
	is_refused('member', "a cast of an extension, $table", qr/could not restore TABLE public\.t_$table without running code/, '--table', "public.t_$table");
	is_refused('member', "a cast of an extension, $table, --no-owner", qr/could not restore TABLE joe\.t_$table without running code/, '--table', "joe.t_$table", '--no-owner');
}

# Nor has one by a function of PostgreSQL a user's function; the server casts by what is there when it reads the text.
hostile_database('later');
as_role('joe', 'later', 'CREATE CAST (joe.mood AS integer) WITH FUNCTION pg_catalog.hashenum(anyenum) AS IMPLICIT');
%computing = (
	generated => [ 'TABLE', q{a int, g int GENERATED ALWAYS AS (a + ('x'::joe.mood)) STORED)} ],
	nothing => [ 'TABLE', q{a int, g int GENERATED ALWAYS AS (a + (NULL::joe.mood)) STORED)} ],
	array => [ 'TABLE', q{a int, g int GENERATED ALWAYS AS (a + ('{x}'::joe.mood[])[1]) STORED)} ],
	key => [ 'TABLE', q{a int) PARTITION BY RANGE ((a + ('x'::joe.mood)))} ],
	index => [ 'INDEX', q{a int); CREATE INDEX ON %s ((a + ('x'::joe.mood)))} ],
	partial => [ 'INDEX', q{a int); CREATE INDEX ON %s (a) WHERE a > 'x'::joe.mood} ],
	unique => [ 'INDEX', q{a int); CREATE UNIQUE INDEX ON %s ((a + ('x'::joe.mood)))} ],
	exclude => [ 'CONSTRAINT', q{a int, EXCLUDE USING btree (a WITH =) WHERE (a > 'x'::joe.mood))} ],
	foreign => [ 'FOREIGN TABLE', q{a int, g int GENERATED ALWAYS AS (a + ('x'::joe.mood)) STORED) SERVER other OPTIONS (o 'x')} ],
	# Not a word of it in the text.
	operator => [ 'TABLE', q{a int, g int GENERATED ALWAYS AS (a + (1 OPERATOR(lib.###) 2)) STORED)} ],
	domain => [ 'TABLE', q{a int, g int GENERATED ALWAYS AS (a + lib.domain()) STORED)} ],
	record => [ 'TABLE', q{a int, g int GENERATED ALWAYS AS (a + (lib.record()).e) STORED)} ],
	index_of => [ 'INDEX', q{a int); CREATE INDEX ON %s ((a + (1 OPERATOR(lib.###) 2)))} ],
	exclude_of => [ 'CONSTRAINT', q{a int, EXCLUDE USING btree (a WITH =) WHERE (a <> lib.domain()))} ]);
query('later', <<'SQL');
REVOKE CREATE ON SCHEMA lib FROM joe; GRANT USAGE ON SCHEMA lib TO joe;
CREATE FOREIGN DATA WRAPPER plain; CREATE SERVER other FOREIGN DATA WRAPPER plain; GRANT USAGE ON FOREIGN SERVER other TO joe;
CREATE DOMAIN lib.dom AS joe.mood;
CREATE FUNCTION lib.made(integer, integer) RETURNS joe.mood LANGUAGE sql IMMUTABLE AS $$ SELECT 'x'::joe.mood $$; CREATE OPERATOR lib.### (FUNCTION = lib.made, LEFTARG = integer, RIGHTARG = integer);
CREATE FUNCTION lib.domain() RETURNS lib.dom LANGUAGE sql IMMUTABLE AS $$ SELECT 'x'::lib.dom $$;
CREATE FUNCTION lib.record(OUT e joe.mood, OUT f int) LANGUAGE sql IMMUTABLE AS $$ SELECT 'x'::joe.mood, 1 $$;
SQL
for my $table (sort keys %computing)
{
	my $sql = ($table eq 'foreign' ? 'CREATE FOREIGN TABLE' : 'CREATE TABLE') . " %s ($computing{$table}[1]";
	query('later', $sql =~ s/%s/public.t_$table/gr);
	as_role('joe', 'later', $sql =~ s/%s/joe.t_$table/gr);
	query('later', "INSERT INTO public.t_$table (a) VALUES (1)") if $table !~ /^(key|foreign)/;
}
query('later', q{CREATE TYPE public.state AS ENUM ('open', 'closed'); CREATE TABLE public.honest (a int, s public.state, u text GENERATED ALWAYS AS (CASE s WHEN 'open' THEN 'std::vector.size' ELSE 'it''::s.x' END) STORED, "x::y.z" int, EXCLUDE USING btree (a WITH =, "x::y.z" WITH =) WHERE (u <> 'a::b.c')); CREATE INDEX ON public.honest (a) WHERE s = 'open'; INSERT INTO public.honest VALUES (1, 'open')});
as_role('app', 'later', q{CREATE TYPE app.state AS ENUM ('open', 'closed'); CREATE TABLE app.honest (a int, s app.state); CREATE INDEX ON app.honest (a) WHERE s = 'open'; INSERT INTO app.honest VALUES (1, 'open')});
backup('later');
as_role('joe', 'later', q{DROP CAST (joe.mood AS integer); CREATE FUNCTION joe.n(joe.mood) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM joe.go(); RETURN 1; END'; CREATE CAST (joe.mood AS integer) WITH FUNCTION joe.n(joe.mood) AS IMPLICIT});
query('later', 'TRUNCATE public.loot');
for my $table (sort keys %computing)
{
	my $kind = $computing{$table}[0];

	query('later', ($kind eq 'FOREIGN TABLE' ? 'DROP FOREIGN TABLE' : 'DROP TABLE') . " public.t_$table, joe.t_$table");
	is_refused('later', "a cast made since, $table", qr/could not restore $kind public\.t_$table\S*.* without running code.*(?:joe\.mood|lib\.)/s, '--table', "public.t_$table");
	is_refused('later', "a cast made since, $table, --no-owner", qr/could not restore $kind joe\.t_$table\S*.* without running code/, '--table', "joe.t_$table", '--no-owner');
}
for my $table ('public.honest', 'app.honest')
{
	query('later', "DROP TABLE $table");
	tool_ok([ restore('later', '--table', $table) ], "$table: its own owner's enum is no code of others");
	is(query('later', "SELECT count(*) FROM pg_indexes WHERE schemaname || '.' || tablename = '$table'"), $table eq 'public.honest' ? 2 : 1, "$table: with its indexes");
}

# Each part of hundreds of tables calls a function of its own, and is found to do so: the server says what calls what.
hostile_database('many');
as_role('joe', 'many', join '; ', map { "CREATE FUNCTION joe.f$_() RETURNS integer LANGUAGE sql AS 'SELECT $_'" } 1 .. 9);
srand 7;
my %values = (
	'text[]' => [ q{ARRAY['a,b', 'c)', %s::text]}, q{ARRAY[ARRAY['x', 'y'], ARRAY[%s::text, '[']]}, q{('{a,"b,]"}'::text[])[1:%s]}, q{ARRAY[%s, 2]::text[]} ],
	'integer' => [ '%s', q{(ARRAY[1, %s, 3])[2]}, q{CASE %s WHEN 1 THEN 2 ELSE 3 END}, q{COALESCE(NULL, %s, 1)}, q{length(E'\\\\'',[' || %s)},
		q{(ARRAY[ARRAY[1, 2], ARRAY[3, %s]])[1][1]}, q{GREATEST(1, CASE WHEN %s > 1 THEN 1 END)}, q{(ARRAY[1, CASE %s WHEN 2 THEN 1 END])[1]} ],
	'numeric(10,2)' => [ '%s', q{(%s)::numeric(4,1)} ],
	'varchar(20)' => [ q{('x'::text COLLATE "C") || %s}, q{$$a', [$$ || %s} ]);
my @odd = ('a', '"a, (b"', '"x]"', '"CONSTRAINT"', '"DEFAULT"', '"GENERATED"', '"q""[,"', 'e', '"PARTITION BY"');
my $sql = '';
for my $number (1 .. 200)
{
	my @items;
	for my $column (0 .. 1 + rand 4)
	{
		my ($type) = (sort keys %values)[ rand keys %values ];
		my $call = 'joe.f' . (1 + $column) . '()';
		push @items, "$odd[ $column ] $type" . (rand() < 0.8 ? ' DEFAULT ' . sprintf($values{$type}[ rand @{ $values{$type} } ], $call) : '') . (rand() < 0.3 ? ' NOT NULL' : '');
		push @items, 'CONSTRAINT ' . $odd[ -1 - $column ] . " CHECK ($odd[ $column ]::text <> " . sprintf($values{'text[]'}[ rand @{ $values{'text[]'} } ], 'joe.f' . (9 - $column) . '()') . '::text)' if rand() < 0.4;
	}
	$sql .= "CREATE TABLE app.t$number (" . join(', ', @items) . ')' . ($number % 10 ? '' : " PARTITION BY LIST (a)") . ";\n";
}
as_role('app', 'many', $sql);
backup('many');
my $listed = q{SELECT string_agg(x, E'\n' ORDER BY x) FROM (SELECT adrelid::regclass || ' ' || adnum || pg_get_expr(adbin, adrelid) FROM pg_attrdef UNION ALL SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c') u (x)};
my $before = query('many', $listed);
query('many', 'DROP SCHEMA app CASCADE; CREATE SCHEMA app AUTHORIZATION app');
tool_ok([ restore('many', '--table', 'app.*') ], 'tables whose parts call functions of others');
is(query('many', $listed), $before, '... come back as they were');

# ------------------------------------------------- the last wall

hostile_database('roles');
query('roles', q{CREATE FUNCTION public.make(integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN ALTER ROLE joe SUPERUSER; RETURN true; END'; CREATE TABLE public.kept (c integer CHECK (public.make(c))); INSERT INTO public.kept VALUES (1); ALTER ROLE joe NOSUPERUSER});
backup('roles');
query('roles', 'DROP TABLE public.kept');
is_refused('roles', 'a table whose CHECK changes a role', qr/roles were changed during the restore.*HINT/s, '--table', 'public.kept');
is(query('roles', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'joe'}), 'f', 'nothing of it stays');

done_testing();
