#!/usr/bin/perl
# check_live_queries.pl
#   Finds commands of restores that name a relation of somebody else.
#
#   Whoever plans a query over a table, or opens it to add a row, computes what
#   its owner has written (tool/restore/code/planner_code.c).  So each such command
#   has a line in check_live_queries.allow that says why nobody gains by it:
#
#     looked at      the code of the relation was decided upon, under locks that last
#     owner's turn   it runs as the owner of the relation (tool/restore/turns/owner_turn.c)
#     not planned    the server computes nothing of the relation
#     new database   nobody else can be there; what runs is the backup's
#     no relation    what is named is not a relation of users
#
#   check_live_queries.pl              the tree
#   check_live_queries.pl --self-test  commands planted in a text are found
#   check_live_queries.pl --list       what is found, as the first parts of lines of the file
#
#   A line for nothing is an error, too.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Find ();

chdir(dirname(__FILE__) . '/..') or die "chdir: $!";

my $why = qr/^(?:looked at|owner's turn|not planned|new database|no relation): /;
my $string = qr/"(?:[^"\\]|\\.)*"/s;
my $verb = qr/\b(?:FROM|JOIN|INTO|USING|UPDATE|DELETE FROM|TABLE|ONLY|COPY|TRUNCATE|ANALYZE|REFRESH MATERIALIZED VIEW|INDEX|REINDEX|CLUSTER|VACUUM|SEQUENCE|REFERENCES|CREATE INDEX ON|setval\()/;

# The name that follows is made elsewhere: a conversion, or the end of the literal.
my $named = qr/$verb (?:%(?:\d\$)?[sI]|%\.\*s|\z)|setval\(\z/;

# Literals of one text that name a relation, with their lines.
sub commands
{
	my ($text) = @_;
	my @found;

	# Comments become blanks, so that lines keep their numbers.
	$text =~ s{($string)|(/\*.*?\*/|//[^\n]*)}{defined $1 ? $1 : $2 =~ s/[^\n]/ /gr}gse;
	# Adjacent literals are one; a macro between them is a name of ours.
	while ($text =~ /($string(?:\s*(?:[A-Z_]+\s*)?$string)*)/g)
	{
		my ($all, $end) = ($1, pos($text));
		my $line = 1 + (substr($text, 0, $end - length $all) =~ tr/\n//);
		my $joined = '';

		# Names that are arguments of messages end in no word of SQL.
		while ($all =~ /($string)|([A-Z_]+)/g)
		{
			$joined .= defined $1 ? substr($1, 1, -1) : "\$$2";
		}
		push @found, [ $line, $joined =~ s/\s+/ /gr ] if $joined =~ $named && $joined !~ /^value of /;
	}
	return @found;
}

sub slurp
{
	my ($path) = @_;

	open(my $in, '<', $path) or die "$path: $!";
	local $/;
	return scalar <$in>;
}

sub excerpt { return $_[0] =~ /^(.{0,60})/ ? $1 =~ s/ *\z//r : '' }

sub self_test
{
	my @bad = ('xasprintf("SELECT count(*) FROM %s AS t", name);', 'sql_append(&sql, "LOCK TABLE ONLY ");', 'x = "INSERT INTO %s" "%s SELECT %s FROM " STAGE;',
		"x = \"ANALYZE\"\n \" %I.%I\";", 'buffer_append_string(&sql, "SELECT pg_catalog.setval(");', 'x = "SELECT 1 FROM " STAGE " r JOIN %s";');
	my @good = ('x = "SELECT a FROM pg_catalog.pg_class";', 'x = "the table %s";', '/* FROM %s */', 'x = "DROP TABLE " STAGE " CASCADE";', 'x = "UPDATE pg_catalog.pg_index SET %s";');

	for my $text (@bad) { die "not found: $text\n" unless commands($text); }
	for my $text (@good) { die "found: $text\n" if commands($text); }
	return;
}

my %allowed;
my $allow = 'scripts/check_live_queries.allow';
my $mode = $ARGV[0] // '';
my $failed = 0;

self_test();
exit 0 if $mode eq '--self-test';
if ($mode ne '--list')
{
	for my $line (split /\n/, slurp($allow))
	{
		next if $line =~ /^(?:#|\s*$)/;
		my ($path, $text, $reason) = split / \| /, $line, 3;
		die "$allow: not understood: $line\n" unless defined $reason && $reason =~ $why;
		$allowed{"$path | $text"} = 0;
	}
}
my @paths;
File::Find::find({ wanted => sub { push @paths, $_ if /\.[ch]$/ }, no_chdir => 1 }, 'tool/restore', 'tool/globals');
for my $path (sort @paths)
{
	for my $command (commands(slurp($path)))
	{
		my $key = "$path | " . excerpt($command->[1]);

		if ($mode eq '--list') { print "$key\n"; }
		elsif (exists $allowed{$key}) { $allowed{$key}++; }
		else
		{
			print "$path:$command->[0]: a relation of others in a command, without a line in $allow: ", excerpt($command->[1]), "\n";
			$failed = 1;
		}
	}
}
for my $key (sort keys %allowed)
{
	next if $allowed{$key};
	print "$allow: for nothing: $key\n";
	$failed = 1;
}
exit $failed;
