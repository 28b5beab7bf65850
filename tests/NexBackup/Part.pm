# NexBackup::Part
#   Tells whether a part of a backup came back as pg_dump -t has it in the original.
package NexBackup::Part;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run ();
use NexBackup::Test;

our @EXPORT = qw(statements missing_from tables_of with_partitions);

# The statements of pg_dump, each with its rows sorted, as a set.
sub statements
{
	my ($database, @more) = @_;
	my ($text, $err) = ('', '');
	my (%set, %rows);

	IPC::Run::run([ 'pg_dump', @more, '-d', NexBackup::Test::conninfo($database) ], '>', \$text, '2>', \$err)
	  or die "pg_dump: $err";
	$text =~ s/^(?:--.*|\\(?:un)?restrict.*)\n//gm;
	for my $statement (split /\n\n+/, $text)
	{
		if ($statement =~ /^(COPY .* FROM stdin;)\n(.*)/s)
		{
			# Which partition of a hash by enum a row is in is up to the oids of the labels.
			push @{ $rows{$1} }, split(/\n/, $2);
		}
		elsif ($statement =~ /\S/)
		{
			$set{$statement} = 1;
		}
	}
	$set{ join("\n", $_, sort @{ $rows{$_} }) } = 1 for keys %rows;
	return \%set;
}

# What one has and the other has not, but for what is to be expected.
sub missing_from
{
	my ($from, $to, $expected) = @_;

	return join("\n", grep { !$to->{$_} && $_ !~ $expected } sort keys %$from);
}

sub tables_of
{
	my ($database) = @_;

	return map { my ($name, $kind) = split /\x1f/; { name => $name, kind => $kind } }
	  split /\x1e\n?/, query($database, <<'SQL');
SELECT format('%I.%I', n.nspname, c.relname) || E'\x1f' || c.relkind::text || E'\x1e'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
SQL
}

# Name of a relation and of all that are its partitions, as patterns for pg_dump -t.
sub with_partitions
{
	my ($database, $table) = @_;
	(my $literal = $table->{name}) =~ s/'/''/g;

	return ($table->{name}) if $table->{kind} ne 'p';
	return split /\x1e\n?/, query($database, <<"SQL");
SELECT format('%I.%I', n.nspname, c.relname) || E'\\x1e' FROM pg_partition_tree('$literal') p
JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
SQL
}

1;
