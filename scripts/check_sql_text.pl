#!/usr/bin/perl
# check_sql_text.pl
#   Finds text that becomes SQL without a quoting function: what the types of
#   tool/sql/sql_build.h do not make impossible.
#
#   check_sql_text.pl              the tree
#   check_sql_text.pl --self-test  violations planted in a text are found
#   check_sql_text.pl --list       what is found, as the first parts of lines of exceptions
#
#   Exceptions are in check_sql_text.allow, each with its reason; one that
#   excuses nothing any more is an error, too.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Find ();

chdir(dirname(__FILE__) . '/..') or die "chdir: $!";

my $words = qr/\b(?:SELECT|FROM|WHERE|SET|RESET|ALTER|CREATE|DROP|LOCK|COPY|GRANT|REVOKE|COMMENT|SECURITY LABEL|DO|EXECUTE|INSERT|UPDATE|DELETE|
	TRUNCATE|ANALYZE|BEGIN|COMMIT|ROLLBACK|DECLARE|FETCH|PREPARE|VALUES|LISTEN|NOTIFY|CALL|UNION|TABLE|ROLE|DATABASE|SCHEMA)\b/x;
my $string = qr/"(?:[^"\\]|\\.)*"/s;
my $balanced = qr/(\((?:[^()"']++|$string|'(?:[^'\\]|\\.)+'|(?1))*\))/s;

# The rules: a name, and a sub that is given a call's function and arguments and says whether it breaks it.
my @rules = (
	[ 'a command given to libpq without connection.h',
		sub { $_[0] =~ /^PQ(?:exec|execParams|sendQuery|sendQueryParams|prepare|sendPrepare)$/ } ],
	[ 'a value of a result, or a plain string, that is run',
		sub { $_[0] =~ /^connection_(?:exec|command|query|send)$/ && $_[1] =~ /\bPQgetvalue\b|\.data\b|->data\b/ } ],
	[ 'a value of a result in a buffer of SQL, without quotes',
		sub { $_[0] =~ /^buffer_(?:printf|append|append_string)$/ && $_[1] =~ /\bPQgetvalue\b/ } ],
	[ 'a string in a command by %s',
		sub {
			return 0 unless $_[0] =~ /^(?:buffer_printf|xasprintf|snprintf|connection_commandf)$/;
			my $format = join('', map { substr($_, 1, -1) } $_[1] =~ /($string)/g);
			return $format =~ /%(?:\.\*|\.\d+|-?\d+)?s/ && ($_[0] eq 'connection_commandf' || $format =~ $words);
		} ],
	[ 'the buffer of a SqlText written by others', sub { $_[0] =~ /^buffer_(?:printf|append\w*)$/ && $_[1] =~ /^\(\s*&\s*\w*sql\w*(?:->|\.)text\b/ } ],
	[ 'quotes around something by hand', sub { $_[0] =~ /^(?:buffer_printf|xasprintf|snprintf)$/ && $_[1] =~ /=\s*'%s'/ } ]);

# Violations of one text: line, function, rule.
sub violations
{
	my ($text) = @_;
	my @found;

	# Comments become blanks, so that lines keep their numbers.
	$text =~ s{($string)|(/\*.*?\*/|//[^\n]*)}{defined $1 ? $1 : $2 =~ s/[^\n]/ /gr}gse;
	while ($text =~ /\b(PQ\w+|connection_\w+|buffer_\w+|xasprintf|snprintf)\s*(?=\()/g)
	{
		my ($function, $at) = ($1, pos($text));
		my $line = 1 + (substr($text, 0, $at) =~ tr/\n//);
		substr($text, $at) =~ /^$balanced/ or next;
		my $arguments = $1;

		for my $rule (@rules)
		{
			push @found, [ $line, $function, $rule->[0], $arguments ] if $rule->[1]->($function, $arguments);
		}
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

sub self_test
{
	my @bad = (
		'buffer_printf(&sql, "COMMENT ON DATABASE %s", name);', 'x = xasprintf("SELECT a FROM %s", PQgetvalue(r, 0, 0));',
		'buffer_append_string(&sql, PQgetvalue(result, i, 1));', 'PQclear(PQexec(pg, text));', 'connection_command(c, PQgetvalue(r, i, 0));',
		'connection_commandf(c, "LOCK %s",' . "\n" . ' name.data);', 'buffer_append_string(&sql->text, name);', 'connection_exec(c, sql.data);',
		'buffer_printf(&out, "%sSELECT %d, last_value FROM "' . "\n" . '"%s", a, i, b);', 'PQsendQuery(pg, sql);',
		'x = xasprintf("application=\'%s\'", name);', 'buffer_printf(&sql, "SET x = \'%.*s\'", 3, name);');
	my @good = (
		'connection_command(c, SQL("BEGIN"));', 'sql_append(&sql, "COMMENT ON DATABASE ");', 'x = xasprintf("could not read %s", name);',
		'/* PQexec(pg, x) */', 'sql_literal(&sql, PQgetvalue(r, 0, 0));', 'buffer_printf(&sql, "SELECT %d", n);', 'connection_query(c, a_query, 0, NULL);');
	my $wrong = 0;

	for my $code (@bad, @good)
	{
		my $found = () = violations("void f(void)\n{\n\t$code\n}\n");
		my $expected = grep { $_ eq $code } @bad;
		next if ($found > 0) == ($expected > 0);
		print "self-test: ", ($expected ? 'not found' : 'found, but good'), ": $code\n";
		$wrong = 1;
	}
	return $wrong;
}

exit self_test() if @ARGV && $ARGV[0] eq '--self-test';

my %allowed;
for (split /\n/, slurp('scripts/check_sql_text.allow'))
{
	next if /^\s*(?:#|$)/;
	my ($path, $function, $text, $reason) = split /\s*\|\s*/;
	die "check_sql_text.allow: no reason: $_\n" unless defined $reason && $reason ne '';
	$allowed{"$path|$function|$text"} = 0;
}
my @sources;
File::Find::find({ no_chdir => 1, wanted => sub { push @sources, $_ if /\.[ch]$/ && !m{/build/} } }, 'tool');
my $bad = 0;
for my $path (sort @sources)
{
	for my $violation (violations(slurp($path)))
	{
		my ($line, $function, $rule, $arguments) = @$violation;
		my @excuses = grep { my ($p, $f, $t) = split /\|/; $p eq $path && $f eq $function && index($arguments, $t) >= 0 } keys %allowed;
		$allowed{$_}++ for @excuses;
		next if @excuses;
		print @ARGV && $ARGV[0] eq '--list'
		  ? join("\t", $path, $function, $arguments =~ /^\(\s*([^\n|]{0,60}?)\s*(?:[\n|]|\)\z|.\z|(?<=.{60}))/s ? $1 : '') . "\n"
		  : "$path:$line: $rule: $function\n";
		$bad = 1;
	}
}
for (sort grep { !$allowed{$_} } keys %allowed)
{
	print "check_sql_text.allow: excuses nothing: $_\n";
	$bad = 1;
}
exit $bad;
