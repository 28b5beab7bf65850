# NexBackup::Oracle
#   Tells whether a database came back whole.
#
#   picture() takes down everything of a database that can be lost: what pg_dump -C says of
#   its objects, entry by entry, and, read from the server itself, a hash of each table's rows
#   that does not depend on their order, sequences and large objects.  The rows are not taken
#   from pg_dump, so generated columns and materialized views are compared as well.
#   same_picture() compares two of them and says what differs.
#
#   oracle() is the whole question: a database is backed up and restored in each mode of
#   @modes, and must equal both itself and what "pg_dump | psql" makes of it.  A new path of
#   dumping or loading is one more line in @modes.
package NexBackup::Oracle;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run ();
use NexBackup::Test;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(picture same_picture carry_over oracle load_zoo install_zoo_extension backup_and_restore @modes);

# How a backup is made and restored: options of both, or stock tools for the restore.
our @modes = (
	{ name => '1 job', backup => [ '-j', 1 ], restore => [ '-j', 1 ] },
	{ name => '4 jobs', backup => [ '-j', 4 ], restore => [ '-j', 4 ] },
	{
		name => 'chunks of one block',
		backup => [ '-j', 4, '--chunk-blocks', 1 ],
		restore => [ '-j', 4 ]
	},
	{ name => 'stock tools', backup => [ '-j', 2 ], stock => 'zstd -dc' },
	{ name => 'rows as text', backup => [ '-j', 2 ], restore => [ '-j', 2, '--copy-format', 'text' ] });

# ----------------------------------------------------------------- content

# Settings under which equal values have equal text.
my $pins = <<'SQL';
SET search_path = '';
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SET xmlbinary = 'base64';
SET lc_monetary = 'C';
SET row_security = off;
SET quote_all_identifiers = off;
SET client_min_messages = warning;
SQL

# One query a relation, its columns by name: those that a child inherits may change places.  Where
# a partition tree hashes an enum, rows may lie in another leaf after a restore, so that the tree
# is taken as a whole.
my $content = <<'SQL';
CREATE TEMPORARY VIEW by_enum AS
	SELECT DISTINCT p.partrelid AS relid FROM pg_catalog.pg_partitioned_table p
	JOIN pg_catalog.pg_opclass o ON o.oid = ANY (p.partclass::oid[])
	WHERE p.partstrat = 'h' AND o.opcname IN ('enum_ops', 'array_ops', 'record_ops', 'range_ops', 'multirange_ops');
CREATE TEMPORARY VIEW below AS
	SELECT c.oid, (SELECT pg_catalog.pg_partition_root(c.oid) WHERE EXISTS (
		SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) up JOIN pg_temp.by_enum b ON b.relid = up.relid)) AS root
	FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't';
SELECT pg_catalog.format('SELECT %L, pg_catalog.count(*),'
	' coalesce(pg_catalog.sum(pg_catalog.hashtextextended(ROW(%s)::pg_catalog.text COLLATE "C", 0)::pg_catalog.numeric), 0) FROM %s%s x',
	'rows of ' || pg_catalog.replace(name, E'\n', ' '), columns, only_it, name)
FROM (
	SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
		CASE WHEN b.root IS NULL THEN 'ONLY ' ELSE '' END AS only_it,
		(SELECT pg_catalog.string_agg(pg_catalog.format('x.%I', a.attname), ', ' ORDER BY a.attname) FROM pg_catalog.pg_attribute a
			WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
	FROM pg_temp.below b JOIN pg_catalog.pg_class c ON c.oid = coalesce(b.root, b.oid)
	JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE (c.relkind <> 'p' OR b.root IS NOT NULL) AND c.relispopulated
	AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') q
ORDER BY 1
\gexec
SELECT pg_catalog.format('SELECT %L, last_value, is_called FROM %I.%I',
	'sequence ' || pg_catalog.replace(pg_catalog.format('%I.%I', n.nspname, c.relname), E'\n', ' '), n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' ORDER BY 1
\gexec
SELECT 'large object ' || m.oid, pg_catalog.pg_get_userbyid(m.lomowner),
	(SELECT pg_catalog.string_agg(a::pg_catalog.text, ' ' ORDER BY a::pg_catalog.text) FROM pg_catalog.unnest(m.lomacl) a),
	pg_catalog.obj_description(m.oid, 'pg_largeobject'),
	(SELECT pg_catalog.string_agg(l.provider || l.label, ' ' ORDER BY l.provider) FROM pg_catalog.pg_seclabel l
		WHERE l.objoid = m.oid AND l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND l.objsubid = 0),
	pg_catalog.md5(pg_catalog.lo_get(m.oid))
FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid;
SELECT 'unpopulated ' || c.oid::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_class c
WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY 1;
SQL

sub content_of
{
	my ($database) = @_;
	my ($in, $out, $err) = ($pins . $content, '', '');
	my %facts;

	IPC::Run::run([ 'psql', '-XAtq', '-d', NexBackup::Test::conninfo($database), '-f', '-' ],
		'<', \$in, '>', \$out, '2>', \$err);
	for my $line (split /\n/, $out)
	{
		my ($key, $value) = $line =~ /^(rows of .*|sequence .*)\|([^|]*\|[^|]*)$/ ? ($1, $2) : split(/\|/, $line, 2);
		$facts{$key} = $value // '';
	}
	$facts{'errors when reading rows'} = $err if $err ne '';
	return \%facts;
}

# ------------------------------------------------------------- definitions

# pg_dump's entries, by kind, schema and name.  What the settings between entries say of the
# next one (tablespace, access method) is added to its text; the database's own name is not
# part of what is compared.
sub definitions_of
{
	my ($database) = @_;
	my ($out, $err) = ('', '');
	my (%entries, $key, %state, $fresh);

	IPC::Run::run([ 'pg_dump', '-C', '--section=pre-data', '--section=post-data', '-d',
			NexBackup::Test::conninfo($database) ], '>', \$out, '2>', \$err)
	  or die "pg_dump: $err";
	for my $line (split /\n/, $out)
	{
		if ($line =~ /^-- Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: ?(.*?)(?:; Tablespace: .*)?$/)
		{
			my ($name, $kind, $schema, $owner) = ($1, $2, $3, $4);

			if ($kind eq 'DATABASE' || $kind eq 'DATABASE PROPERTIES' || $name =~ /^DATABASE /)
			{
				$key = "$kind of the database";
			}
			else
			{
				$key = "$kind $schema $name, owner $owner";
			}
			$fresh = 1;
			next;
		}
		if ($line =~ /^SET default_(tablespace|table_access_method) = (.*);$/)
		{
			$state{$1} = $2;
			next;
		}
		next if !defined $key || $line eq '' || $line eq '--' || $line =~ /^\\(?:un)?restrict / || $line =~ /^-- /;
		next if $line =~ /^\\connect / || $line =~ /^SET / || $line =~ /^SELECT pg_catalog.set_config/;
		if ($key =~ / of the database$/)
		{
			$line =~ s/\b(DATABASE) (?:"(?:[^"]|"")*"|[\w.]+)/$1 _/g;
		}
		elsif ($fresh && $key =~ /^(?:TABLE|INDEX|MATERIALIZED VIEW|CONSTRAINT) /)
		{
			$entries{$key} .= join(', ', map { "$_ $state{$_}" } sort keys %state) . "\n";
		}
		$fresh = 0;
		$entries{$key} .= "$line\n";
	}
	for my $entry (keys %entries)
	{
		# Settings of the database are a set; inherited columns come first after a restore.
		if ($entry =~ / of the database$/)
		{
			$entries{$entry} = join(";\n", sort split(/;\n/, $entries{$entry}));
		}
		elsif ($entry =~ /^TABLE / && $entries{$entry} =~ /^INHERITS \(/m)
		{
			$entries{$entry} = join("\n", sort map { s/,$//r } split(/\n/, $entries{$entry}));
		}
	}
	return \%entries;
}

sub picture
{
	my ($database) = @_;

	return { %{ definitions_of($database) }, %{ content_of($database) } };
}

# -------------------------------------------------------------- comparison

my $most_differences = 12;

sub same_picture
{
	my ($expected, $got, $name, $except) = @_;
	my @differences;

	for my $key (sort keys %{ { %$expected, %$got } })
	{
		my ($old, $new) = map { $_->{$key} } ($expected, $got);

		next if defined $except && $key =~ $except;
		next if defined $old && defined $new && $old eq $new;
		push @differences, !defined $new ? "lost: $key\n$old" : !defined $old ? "added: $key\n$new"
		  : "differs: $key\n--- expected\n$old\n--- got\n$new";
	}
	ok(!@differences && scalar(keys %$expected) > 0, $name) and return 1;
	diag(scalar(@differences) . ' differences of ' . scalar(keys %$expected) . ' facts');
	diag($_) for @differences > $most_differences ? @differences[ 0 .. $most_differences - 1 ] : @differences;
	return 0;
}

# -------------------------------------------------------------- carrying

# What pg_dump | psql makes of a database: like "pg_dump -C", but under another name.
sub carry_over
{
	my ($database, $new) = @_;
	my ($text, $err) = ('', '');
	my $properties = '';

	create_like($database, $new);
	IPC::Run::run([ 'pg_dump', '-C', '--schema-only', '-d', NexBackup::Test::conninfo($database) ],
		'>', \$text, '2>', \$err) or die "pg_dump: $err";
	my $old = quoted($database);
	my $into = quoted($new);
	while ($text =~ /^((?:ALTER|REVOKE|GRANT|COMMENT|SECURITY LABEL)\b[^\n]*\bDATABASE (?:\Q$database\E|\Q$old\E) .*?;)$/msg)
	{
		my $statement = $1;

		next if $statement =~ / OWNER TO /;
		$statement =~ s/\bDATABASE (?:\Q$database\E|\Q$old\E) /DATABASE $into /;
		$properties .= "$statement\n";
	}
	query('postgres', $properties) if $properties ne '';
	return system('bash', '-o', 'pipefail', '-c', 'pg_dump -d "$1" | psql -qX -o /dev/null -v ON_ERROR_STOP=1 -d "$2"',
		'bash', map { NexBackup::Test::conninfo($_) } ($database, $new));
}

# An empty database with the encoding, locale, owner and tablespace of another.
sub create_like
{
	my ($database, $new) = @_;

	(my $literal = $database) =~ s/'/''/g;
	query('postgres', query('postgres', <<"SQL") . quoted($new) . query('postgres', <<"SQL"));
SELECT 'CREATE DATABASE ';
SQL
SELECT pg_catalog.format(' TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L OWNER %I TABLESPACE %I',
	pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, pg_catalog.pg_get_userbyid(d.datdba), t.spcname)
	|| CASE WHEN j ->> 'datlocprovider' = 'i'
		THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(j ->> 'daticulocale', j ->> 'datlocale')) ELSE '' END
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace, LATERAL pg_catalog.to_jsonb(d) j
WHERE d.datname = '$literal'
SQL
	return;
}

sub quoted
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq("$name");
}

# --------------------------------------------------------------- the oracle

# One backup and restore in one mode; true if both succeeded.
sub backup_and_restore
{
	my ($repo, $database, $mode, $new) = @_;
	my @steps = (
		sub { tool_ok([ 'backup', '--repo', $repo, '-d', $database, @{ $mode->{backup} } ], 'backup') },
		sub { tool_ok([ 'verify', '--repo', $repo, $database ], 'verify') });

	push @steps, $mode->{stock}
	  ? sub {
		create_like($database, $new);
		is(stock_restore($repo, "backups/$database/" . latest_id($repo, $database) . '.sha256',
				$mode->{stock}, $new), 0, 'restore');
	  }
	  : sub { tool_ok([ 'restore', '--repo', $repo, $database, '--to', $new, @{ $mode->{restore} } ], 'restore') };
	return subtest "$mode->{name}: $database comes back" => sub {
		for my $step (@steps)
		{
			$step->();
			last unless Test::More->builder->is_passing;
		}
		done_testing();
	};
}

# Back up and restore in every mode, and compare.  The restored databases stay; their names by
# mode are returned.  Options: modes, other ones than @modes; pg_dump_changes, a pattern of the
# facts that pg_dump itself does not bring over.
sub oracle
{
	my ($repo, $database, %options) = @_;
	my $carried = "${database}_carried";
	my $original = picture($database);
	my %restored;
	my $number = 0;

	is(carry_over($database, $carried), 0, "$database: pg_dump | psql") or return;
	my $expected = picture($carried);
	same_picture($original, $expected, "$database: pg_dump | psql itself loses nothing", $options{pg_dump_changes});
	for my $mode ($options{modes} ? @{ $options{modes} } : @modes)
	{
		my $new = $database . '_' . ++$number;

		backup_and_restore($repo, $database, $mode, $new) or next;
		$restored{ $mode->{name} } = $new;
		my $got = picture($new);
		same_picture($expected, $got, "$mode->{name}: $database as pg_dump | psql brings it");
		same_picture($original, $got, "$mode->{name}: $database as the original", $options{pg_dump_changes});
	}
	return \%restored;
}

# ------------------------------------------------------------------ the zoo

# Put the zoo's extension into the server's installation; why not, if it cannot be.
sub install_zoo_extension
{
	my ($node) = @_;
	my $to = $node->config_data('--sharedir') . '/extension';

	return "\"$to\" is not writable" unless -w $to;
	for my $file (glob(top() . '/tests/fixtures/zoo/extension/*'))
	{
		my ($name) = $file =~ m{([^/]+)$};
		write_bytes("$to/$name", read_bytes($file));
	}
	return;
}

# Create a database and fill it with every object and pitfall.
sub load_zoo
{
	my ($database) = @_;

	create_database($database);
	system_or_bail('psql', '-qX', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', NexBackup::Test::conninfo($database),
		'-f', top() . '/tests/fixtures/zoo.sql');
	return;
}

1;
