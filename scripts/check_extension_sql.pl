#!/usr/bin/perl
# check_extension_sql.pl
#   Looks at the SQL that CREATE EXTENSION runs: extension/sql and extension/step.
#
#   Whatever is made there is made once, by a name that nothing else of its kind has: so the privileges
#   can be listed by name, an update can run the same files again, and whoever looks for a function
#   finds the one that is run.
#
#   A function that others may call, or that acts as its owner, is an entry in C (extension/gate.c), and what it
#   calls is there, too: nex_backup.gated_start() for nex_backup.start(), nex_backup.run() for
#   nex_backup_run().  Nothing is SECURITY DEFINER.  One in SQL or PL/pgSQL has PostgreSQL's names and no
#   others in its search_path, as the scripts have: so nothing is qualified by pg_catalog.
#
#   check_extension_sql.pl              the tree
#   check_extension_sql.pl --self-test  faults planted in a script are found
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Find ();

chdir(dirname(__FILE__) . '/..') or die "chdir: $!";

my $path = 'SET search_path = pg_catalog, pg_temp';

sub slurp
{
	my ($file) = @_;

	open(my $in, '<', $file) or die "$file: $!";
	local $/;
	return scalar <$in>;
}

# What is wrong with scripts, by the names of their files.
sub complaints
{
	my ($files) = @_;
	my (%made, %entry, @wrong);

	for my $file (sort keys %$files)
	{
		my $text = $files->{$file};
		my $at = sub { "$file:" . (1 + substr($text, 0, $_[0]) =~ tr/\n//) };

		while ($text =~ /^CREATE (?:OR REPLACE )?(?:UNIQUE )?(FUNCTION|VIEW|TABLE|INDEX|SEQUENCE|TRIGGER|TYPE|SCHEMA) ([\w.@]+)(.*?;\n|.*\z)/msg)
		{
			my ($kind, $name, $rest, $where) = ($1, $2, $3, $at->($-[0]));

			push @wrong, "$where: \L$kind\E $name is made in $made{$kind}{$name}, too" if $made{$kind}{$name};
			$made{$kind}{$name} = $where;
			push @wrong, "$where: \L$kind\E $name has no schema" unless $name =~ /^(?:nex_backup|\@extschema\@|pg_catalog)\./ || $kind =~ /^(?:INDEX|TRIGGER|SCHEMA)$/;
			next unless $kind eq 'FUNCTION';
			my ($head) = $rest =~ /\A(.*?)(?:AS \$\$|\z)/s;
			if ($head =~ /AS 'MODULE_PATHNAME', '(\w+)'/)
			{
				$entry{$name} = $where if $1 =~ /^nex_backup_(?:\w+_)?entry$|^nex_backup_gate$/;
				next;
			}
			push @wrong, "$where: function $name lacks \"$path\"" unless $head =~ /^\Q$path\E$/m;
			push @wrong, "$where: function $name can be called by users, and is no entry" if $name =~ /^\@/;
		}
		push @wrong, $at->($-[0]) . ': SECURITY DEFINER' while $text =~ /^[^-\n]*\bSECURITY DEFINER/mg;
		push @wrong, $at->($-[0]) . ": \"$1\" needs no schema" while $text =~ /(\bpg_catalog\.(?!nex_backup_step_)\w+|OPERATOR\()/g;
	}
	for my $name (sort keys %entry)
	{
		my $called = $name =~ s/^\@extschema\@\.nex_backup_/nex_backup./r;

		$called =~ s/\./.gated_/ if $called eq $name;
		push @wrong, "$entry{$name}: there is no function $called for the entry $name" unless $made{FUNCTION}{$called};
	}
	return @wrong;
}

sub self_test
{
	my $good = "CREATE SCHEMA nex_backup;\nCREATE TABLE nex_backup.runs (id int8);\nCREATE UNIQUE INDEX one ON nex_backup.runs (id);\n"
	  . "CREATE OR REPLACE FUNCTION \@extschema\@.nex_backup_run()\nRETURNS int8\nAS 'MODULE_PATHNAME', 'nex_backup_gate'\nLANGUAGE C;\n"
	  . "CREATE OR REPLACE FUNCTION nex_backup.run()\nRETURNS int8\nAS 'MODULE_PATHNAME', 'nex_backup_owner_entry'\nLANGUAGE C;\n"
	  . "CREATE OR REPLACE FUNCTION nex_backup.gated_run()\nRETURNS int8\nLANGUAGE sql\n$path\nAS \$\$\n\tSELECT 1\n\$\$;\n";
	my %planted = (
		'function nex_backup.run is made in' => "CREATE FUNCTION nex_backup.run()\nRETURNS int8\nAS 'MODULE_PATHNAME', 'x'\nLANGUAGE C;\n",
		'view nex_backup.shown is made in' => "CREATE VIEW nex_backup.shown AS SELECT 1;\nCREATE OR REPLACE VIEW nex_backup.shown AS SELECT 2;\n",
		'index one is made in' => "CREATE INDEX one ON nex_backup.runs (id);\n",
		'has no schema' => "CREATE TABLE mine (id int8);\n",
		'lacks "SET search_path' => "CREATE FUNCTION nex_backup.free()\nRETURNS int8\nLANGUAGE sql\nAS \$\$\n\tSELECT 1\n\$\$;\n",
		'is no entry' => "CREATE FUNCTION \@extschema\@.nex_backup_free()\nRETURNS int8\nLANGUAGE sql\n$path\nAS \$\$\n\tSELECT 1\n\$\$;\n",
		'no function nex_backup.gated_end' => "CREATE FUNCTION nex_backup.end()\nRETURNS int8\nAS 'MODULE_PATHNAME', 'nex_backup_entry'\nLANGUAGE C;\n",
		'no function nex_backup.status' => "CREATE FUNCTION \@extschema\@.nex_backup_status()\nRETURNS int8\nAS 'MODULE_PATHNAME', 'nex_backup_status_entry'\nLANGUAGE C;\n",
		': SECURITY DEFINER' => "ALTER FUNCTION nex_backup.run() SECURITY DEFINER;\n",
		'"pg_catalog.now" needs' => "SELECT pg_catalog.now();\n",
		'"OPERATOR(" needs' => "SELECT 1 OPERATOR(pg_catalog.=) 2;\n");
	my @wrong = map { "good, and refused: $_" } complaints({ 'good.sql' => $good });

	for my $said (sort keys %planted)
	{
		my @found = complaints({ 'good.sql' => $good, 'planted.sql' => $planted{$said} });

		push @wrong, "not found: $said" unless grep { index($_, $said) >= 0 } @found;
	}
	return @wrong;
}

my %files;
if (@ARGV && $ARGV[0] eq '--self-test')
{
	my @wrong = self_test();

	print map { "$_\n" } @wrong;
	exit(@wrong ? 1 : 0);
}
File::Find::find({ no_chdir => 1, wanted => sub { $files{$_} = slurp($_) if /\.sql$/ } }, 'extension/sql', 'extension/step');
my @wrong = complaints(\%files);
print map { "$_\n" } @wrong;
exit(@wrong ? 1 : 0);
