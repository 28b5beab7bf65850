#!/usr/bin/perl
# check_english.pl
#   Finds turns of phrase that an American PostgreSQL manual would not use, in documents, help, messages and comments
#   of C and SQL.  It knows only what can be told without understanding the sentence; the rest is up to whoever reads it.
#
#   Comments are checked only in the folders of @clean; add a folder when its comments are done.
#
#   check_english.pl              the tree
#   check_english.pl --self-test  each pattern finds its example, and leaves what is right alone
#   check_english.pl --count      how often each pattern occurs: documents, help, strings, comments
#
#   Exceptions are in check_english.allow: a file, a colon, and the words around.  One that excuses nothing anymore is
#   an error, too.
use strict;
use utf8;
use warnings;

use File::Basename qw(dirname);
use File::Find ();

# What to look for, what is better, an example, and something similar that is right.
my @patterns = (
	[ qr/\b(?<!there )(?<!There )(?:is|are|was|were)\s+no\s+(?!longer\b|more\b|less\b|later\b|one\b|such\b|reason\b)\w+/, 'is not a …',
		'the role is no superuser', 'there is no table' ],
	[ qr/\bst(?:an|oo)ds?\s+(?:above|behind|beside|before|below|in|at|here|there|first|alone|for\s+itself)\b/, 'is, follows, see above',
		'the password stands in a file', 'a standby is in recovery' ],
	[ qr/\banew\b/, 'again, from scratch', 'compiles everything anew', 'a new one' ],
	[ qr/\bfor\s+ever\b/, 'forever', 'waits for ever', 'for every table' ],
	[ qr/\bmend(?:s|ed|ing)?\b/, 'fix', 'to mend it', 'recommended' ],
	[ qr/\bbelongs?\s+into\b/, 'belongs in', 'belongs into a file', 'belongs in a file' ],
	[ qr/\bso\s+(?:many|much)\b(?!\s+(?:that|as|longer|more|memory\s+that|rows\s+that))/, 'N, this many, a lot', 'use so many threads', 'so much that it fails' ],
	[ qr/(?:^|[.:;]\s+|\b(?:but|for|from|with|when|if|before|after|because|so)\s+)[Ww]ho\s+(?!to\b|is\s+told\b)\w+(?![^.:;]*\?)/,
		'whoever, anyone who', 'but who can write gains nothing', 'a user who can write, and who can read' ],
	[ qr/\b(?<!')(?:[Hh]e|[Hh]im|[Hh]is|[Ss]he)\b(?!')/, 'they', 'when he is gone', 'the theme' ],
	[ qr/\b[Ss]ay\s+["'`]?--/, 'Use --…', 'Say --yes', 'says whether' ],
	[ qr/\b(?:is|are|was|were|be)\s+said\b/, 'is listed, is reported', 'what was left out is said', 'it said so' ],
	[ qr/\b(?<!one\s)of\s+(?:its|their|his|your|our|my)\s+own\b(?!\s+\w+s\b)/, 'separate, private', 'in a schema of its own', 'one of its own sessions' ],
	[ qr/\b(?:is|are|was|were)\s+asked\s+of\b/, 'checks, requires', 'no key is asked of it', 'is asked for' ],
	[ qr/\bt(?:akes?|aken|ook)\s+out\s+again\b/, 'removes', 'takes it out; takes out again', 'takes out' ],
	[ qr/\b(?:go|goes|went|going)\s+on\s+\w+ing\b/, 'keeps …ing', 'goes on failing', 'goes on with the next' ],
	[ qr/\bgive(?:s|n)?\s+way\b|\bgave\s+way\b/, 'yields, is canceled for', 'gave way to it', 'by the way' ],
	[ qr/\b(?:that|so)\s+early\b/, 'from that time or earlier', 'no backup that early', 'too early' ],
	[ qr/\bof\s+ours\b/, 'that nex_backup made', 'a file of ours', 'ours' ],
	[ qr/\bby\s+nobody\b/, 'nobody can …', 'possible, by nobody', 'nobody' ],
	[ qr/\b(?:everybody|nobody|anybody|somebody)\s+who\s+comes\b|\bwho\s+comes?\s+(?:later|behind|after)\b/, 'later sessions', 'everybody who comes later', 'what comes later' ],
	[ qr/\bwhat\s+(?:it\s+was|they\s+were)\s+before\b|\bthan\s+before\b/, 'than it was, as it was', 'in another order than before', 'as before' ],
	[ qr/\b(?:is|are|was|were)\s+in\s+the\s+way\b/, 'blocks, prevents', 'whatever is in the way', 'in the way that' ],
	[ qr/\b(?:needs?|knows?|has|have|asks?|takes?|holds?|costs?)\s+nothing\s+but\b/, 'needs only', 'needs nothing but a file', 'nothing' ],
	[ qr/(?<=[\w,]\s)catalogues?\b(?!_|\.|:)/, 'catalog', 'in the catalogue', 'the catalog' ],
	[ qr/\b\w*(?:behaviour|colour|favour|honour|neighbour)\w*|\b\w+(?:ll)(?:ed|ing)\b(?<=cancelled|labelled|modelled|signalled|travelled|cancelling|labelling|signalling)|\b(?:recogni|organi|seriali|initiali|normali|summari|synchroni|authori|minimi|optimi|materiali)s(?:e|es|ed|ing|ation)\b|\bwhilst\b|\blicence\b|\bcentres?\b/,
		'American spelling', 'the behaviour is cancelled', 'canceled' ]);

# Folders with clean comments.
my @clean = qw(common extension/sql tool/base tool/sql tool/process tool/crypto tool/format tool/settings tool/keys tool/files tool/globals
	tool/notify tool/report tool/agent tool/cli);
my $clean = join('|', @clean);

my $string = qr/"(?:[^"\\\n]|\\.)*"/s;

# What people read of a file: kind, text; what is not theirs (code) is blank, so that lines keep their numbers.
sub texts
{
	my ($path, $text) = @_;
	my $blank = sub { $_[0] =~ s/[^\n]/ /gr };

	if ($path =~ /\.md$/)
	{
		$text =~ s/(^```.*?^```$)/$blank->($1)/gmse;
		$text =~ s/(`[^`\n]*`)/'`' . 'x' x (length($1) - 2) . '`'/ge;
		$text =~ s/(\]\([^)\n]*\))/$blank->($1)/ge;
		return ([ documents => $text ]);
	}
	return ([ help => $text ]) if $path =~ /\.txt$/;
	return ([ documents => $text =~ s/^([^#\n]*)(#.*)?$/$blank->($1) . ($2 \/\/ '')/gemr ]) if $path =~ /\.example$/;
	return ([ comments => $text =~ s/^(.*?)(--.*)?$/$blank->($1) . ($2 \/\/ '')/gemr ]) if $path =~ /\.sql$/ && $path !~ /comments\.sql$/;
	return ([ comments => $text ]) if $path =~ /\.sql$/;
	my ($strings, $comments) = ($text, $text);
	$strings =~ s{(/\*.*?\*/)|($string)|('(?:[^'\\]|\\.)')|([^\n"'/]+|["'/])}{defined $2 ? ' ' . substr($2, 1, -1) . ' ' : defined $4 ? $4 =~ tr/ \t/\x01/cr : $blank->($&)}gse;
	$strings =~ s/\\[nt"]/  /g;
	$comments =~ s{(/\*.*?\*/)|($string)|('(?:[^'\\]|\\.)')|([^\n"'/]+|["'/])}{defined $1 ? $1 : defined $4 ? $4 =~ tr/ \t/\x01/cr : $blank->($&)}gse;
	# Stars at the beginning of lines.
	$comments =~ s{^(\s*)(/?\*+/?)}{$1 . ' ' x length($2)}gme;
	return ([ strings => $strings ], [ comments => $comments ]);
}

# Finds of a text: line, words, what is better, pattern's number.
sub finds
{
	my ($text) = @_;
	my @found;

	for my $i (0 .. $#patterns)
	{
		my ($pattern, $better) = @{ $patterns[$i] };
		while ($text =~ /$pattern/gm)
		{
			my ($from, $to) = ($-[0], $+[0]);
			my $line = 1 + (substr($text, 0, $from + (substr($text, $from) =~ /\S/ ? $-[0] : 0)) =~ tr/\n//);
			my $begin = $from > 30 ? $from - 30 : 0;
			my $around = substr($text, $begin, $to - $begin + 30) =~ s/\s+/ /gr;
			push @found, [ $line, substr($text, $from, $to - $from) =~ s/\s+/ /gr, $better, $i, $around ];
		}
	}
	return sort { $a->[0] <=> $b->[0] } @found;
}

sub slurp
{
	my ($path) = @_;

	open(my $in, '<:encoding(UTF-8)', $path) or die "$path: $!";
	local $/;
	return scalar <$in>;
}

sub self_test
{
	my $bad = 0;

	for my $i (0 .. $#patterns)
	{
		my ($pattern, undef, $wrong, $right) = @{ $patterns[$i] };
		$bad += print "pattern $i does not find \"$wrong\"\n" unless $wrong =~ $pattern;
		$bad += print "pattern $i finds \"$right\"\n" if $right =~ $pattern;
	}
	my @c = map { [ $_->[0], map { $_->[1] } finds($_->[1]) ] } texts('a.c', qq{f("wait for\\n ever"); /* a\n * file of\n * its own */ is no x});
	$bad += print "comments and strings are not told from code\n" unless "@{ $c[0] }|@{ $c[1] }" eq 'strings for ever|comments of its own';
	return $bad;
}

binmode STDOUT, ':encoding(UTF-8)';
if (@ARGV && $ARGV[0] eq '--self-test')
{
	exit(self_test() ? 1 : 0);
}
chdir($ENV{ENGLISH_TREE} // dirname(__FILE__) . '/..') or die "chdir: $!";
my @files = (glob('*.md extension/*.md docs/*.md docs/*.example'));
File::Find::find({ no_chdir => 1,
	wanted => sub { push @files, $_ if m{\.[ch]$|^extension/sql/.*\.sql$|^tool/cli/help/.*\.txt$} } }, grep { -d } qw(common extension tool));

my %allowed;
my ($count, %counts, $bad) = (@ARGV && $ARGV[0] eq '--count');
if (open(my $in, '<:encoding(UTF-8)', dirname(__FILE__) . '/check_english.allow'))
{
	while (<$in>)
	{
		chomp;
		$allowed{$_} = 0 unless /^(?:#|$)/;
	}
}
for my $path (sort @files)
{
	# What was released is not rewritten.
	my $text = slurp($path);
	if ($path eq 'CHANGELOG.md')
	{
		my ($unreleased) = $text =~ /\A(.*?^## .*?)(?=^## )/ms;
		$text = $unreleased;
	}
	for (texts($path, $text))
	{
		my ($kind, $words) = @$_;
		find: for my $find (finds($words))
		{
			my ($line, $found, $better, $i, $around) = @$find;
			for my $entry (keys %allowed)
			{
				my ($file, $excuse) = $entry =~ /^(\S+): (.*)$/;
				next unless $path eq $file && index($around, $excuse) >= 0;
				$allowed{$entry}++;
				next find;
			}
			$counts{$i}{$kind}++;
			next if $count || ($kind eq 'comments' && $path !~ m{^(?:$clean)/});
			print "$path:$line: \"$found\" ($kind): better: $better\n";
			$bad = 1;
		}
	}
}
if ($count)
{
	my @kinds = qw(documents help strings comments);
	printf "%-50s %9s %9s %9s %9s\n", 'like', @kinds;
	printf "%-50s %9d %9d %9d %9d\n", $patterns[$_][2], map { $_ // 0 } @{ $counts{$_} }{@kinds} for 0 .. $#patterns;
	exit 0;
}
for my $entry (grep { !$allowed{$_} } sort keys %allowed)
{
	print "scripts/check_english.allow: excuses nothing: $entry\n";
	$bad = 1;
}
exit($bad ? 1 : 0);
