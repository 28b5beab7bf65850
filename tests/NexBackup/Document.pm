# NexBackup::Document
#   The commands of a document: its blocks, and commands in its sentences, so that tests run what is
#   written and not a copy of it.
package NexBackup::Document;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(blocks_of code_of);

# The blocks of a document's text: heading they stand under, line, tag, text.
sub blocks_of
{
	my ($document, $text) = @_;
	my ($heading, $block, @blocks) = ('');
	my $line = 0;

	for my $text (split /\n/, $text)
	{
		$line++;
		if ($block)
		{
			if ($text eq '```')
			{
				push @blocks, $block;
				undef $block;
			}
			else
			{
				$block->{text} .= "$text\n";
			}
		}
		elsif ($text =~ /^\s*```(.*)$/)
		{
			$block = { heading => $heading, line => $line, tag => $1, text => '' };
		}
		elsif ($text =~ /^#+ (.*)$/)
		{
			$heading = $1;
		}
	}
	die "$document: a block is not closed\n" if $block;
	return @blocks;
}

# Commands between backquotes in the sentences of a document, which may go over the end of a line.
sub code_of
{
	my ($text) = @_;

	$text =~ s/^\s*```.*?^```$//msg;
	return map { s/\s*\n\s*/ /gr } $text =~ /`([^`]+)`/g;
}

1;
