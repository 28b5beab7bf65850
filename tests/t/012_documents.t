# Every sh and sql block of README and recovery guide does what it says.
use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main', wal_level => 'replica');
local $ENV{PATH} = dirname(tool_path()) . ":$ENV{PATH}";

# The blocks of a document: [language, text, line].  Other languages (text) are output and templates.
sub blocks
{
	my ($file) = @_;
	my ($language, $text, $start, @found);

	open(my $lines, '<', $file) or die "could not open $file: $!";
	while (my $line = <$lines>)
	{
		if ($line =~ /^```(\w*)$/)
		{
			push @found, [ $language, $text, $start ] if defined $language && $language =~ /^(sh|sql)$/;
			($language, $text, $start) = defined $language ? () : ($1, '', $.);
		}
		elsif (defined $language) { $text .= $line }
	}
	close($lines);
	return @found;
}

for my $document ('README.md', 'docs/recovery_guide.md')
{
	my $repo = new_repository();
	local $ENV{NEX_BACKUP_REPO} = "$repo.$$";

	query('postgres', 'DROP EXTENSION IF EXISTS nex_backup');
	query('postgres', 'DROP DATABASE IF EXISTS invoices WITH (FORCE)');
	load_sample('invoices', 0.01);
	my @blocks = blocks(top() . "/$document");
	ok(@blocks > 1, "$document has blocks to run");
	for my $block (@blocks)
	{
		my ($language, $text, $line) = @$block;
		my @command = $language eq 'sh' ? ('bash', '-euo', 'pipefail') : ('psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres');
		my ($out, $err) = ('', '');

		my $good = IPC::Run::run(\@command, '<', \$text, '>', \$out, '2>', \$err);
		ok($good, "$document, line $line") or diag("$out\n$err");
	}
}

$node->stop;
done_testing();
