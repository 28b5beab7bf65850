# Damage anywhere in a repository is found, named, and nothing is restored from it.
use strict;
use warnings;

use File::Basename qw(basename);
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

srand($ENV{SEED} || 20261124);
load_sample('invoices', 0.002);
tool_ok([ 'backup', '--repo', $repo, '-d', 'invoices', '--chunk-blocks', 32 ], 'backup');
tool_ok([ 'verify', '--repo', $repo ], 'verify');

my @files = all_files($repo);
my $databases = join(',', @{ database_names() });

# Every file is damaged in some way; few files in every way.
my @ways = ('flip', 'truncate', 'remove');
my $turn = 0;

for my $file (@files)
{
	my $few = $file !~ /^objects/;
	for my $way ($few ? (@ways, 'flip 0', 'empty', 'extend') : ($ways[ $turn++ % 3 ]))
	{
		# To lose the record of a verification is not to lose data: it says "never verified".
		next if $file =~ /\.verified$/ && $way eq 'remove';
		my $mend = damage_file("$repo/$file", $way);
		check($file, $way);
		$mend->();
		# verify wrote down that the backup is bad.
		my ($code) = tool('verify', '--repo', $repo);
		is($code, 0, "$file mended: verify is content") if $few;
	}
}

# An exit code of 3 and the file's name, or, without a manifest, no backup at all.
sub check
{
	my ($file, $way) = @_;
	my $name = basename($file);
	my $lost_header = $way eq 'remove' && $file eq 'nex_backup.json';
	my $gone = $way eq 'remove' && $file =~ m{\.json$} && !$lost_header;

	# What is not needed to restore does not stop a restore: only verify must see it.
	my $bystander = $file eq 'RECOVER.txt' || $file =~ /\.verified$/ || $lost_header;

	subtest "$file, $way" => sub {
		my ($code, $out, $err);
		if ($bystander && $way =~ /flip$|remove/)
		{
			($code, $out, $err) =
			  tool('restore', '--repo', $repo, 'invoices', '--to', 'bystander', '-j', 2, '--catalogue', 'none', '--schema-only');
			is($code, 0, 'restore goes on') or diag($err);
			like($err, qr/warning: file "[^"]*\Q$name\E"/, 'and warns');
			query('postgres', 'DROP DATABASE bystander');
		}
		if (!$bystander)
		{
			my $start = -s $node->logfile;
			($code, $out, $err) =
			  tool('restore', '--repo', $repo, 'invoices', '--to', 'bad', '-j', 2, '--catalogue', 'none');
			if ($gone)
			{
				isnt($code, 0, 'restore refuses');
			}
			else
			{
				is($code, 3, 'restore: exit 3') or diag($err);
				like($err, qr/\Q$name\E/, 'restore names the file');
			}
			is(join(',', @{ database_names() }), $databases, 'no database is left');
			unlike(substr(read_bytes($node->logfile), $start), qr/CREATE DATABASE/, 'nor was one created');
			query('postgres', 'DROP DATABASE IF EXISTS bad');
		}
		($code, $out, $err) = tool('verify', '--repo', $repo, '--catalogue', 'none');
		if ($gone && $file =~ /^backups/)
		{
			# Without its manifest a backup does not exist; its .sha256 stays behind.
			like("$out$err", qr/no backups|\Q$name\E/, 'verify finds no backup');
		}
		elsif ($gone)
		{
			isnt($code, 0, 'verify refuses');
			like("$out$err", qr/\Q$name\E|not a repository/, 'verify names the file');
		}
		else
		{
			is($code, 3, 'verify: exit 3') or diag($out . $err);
			like("$out$err", qr/\Q$name\E/, 'verify names the file');
		}
	};
	return;
}

tool_ok([ 'restore', '--repo', $repo, 'invoices', '--to', 'good' ], 'the mended repository restores');
same_database('invoices', 'good', 'the same database');

# A format of the future is refused, not guessed at.
my $frame = read_bytes("$repo/nex_backup.json");
(my $future = $frame) =~ s/"format": 1/"format": 2/;
write_bytes("$repo/nex_backup.json", $future);
my ($code, $out, $err) = tool('list', '--repo', $repo);
isnt($code, 0, 'an unknown format is refused');
write_bytes("$repo/nex_backup.json", $frame);

done_testing();
