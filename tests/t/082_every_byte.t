# Every byte of a small encrypted repository is flipped, and every file cut off at every length:
# nothing of that is accepted, and not a byte that is not authentic comes out.
#
# Only a sample by default; NEXB_EVERY_BYTE=1 tries all of them, which takes long.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $keys = File::Temp::tempdir(CLEANUP => 1);
my $every = $ENV{NEXB_EVERY_BYTE};
my $tool = tool_path();

srand($ENV{SEED} || 20261125);
query('postgres', 'CREATE DATABASE small TEMPLATE template0');
query('small', q(CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'one'), (2, 'two')));

my $trials = 0;
my %failed = (accepted => [], plaintext => []);

for my $kind ('age', 'aes-256-gcm', 'key-file')
{
	my $repo = "$keys/$kind";
	my $cipher = $kind eq 'key-file' ? 'aes-256-gcm' : $kind;
	my ($code, $out, $err) =
	  tool('keygen', '-o', "$keys/key.$kind", $kind eq 'key-file' ? '--symmetric' : ());
	my ($recipient) = $out =~ /(age1\S+)/;
	my @secret = $kind eq 'key-file' ? ('--key-file', "$keys/key.$kind") : ('--identity', "$keys/key.$kind");
	($code, $out, $err) = tool('init', '--repo', $repo, '--cipher', $cipher, '--state-dir', "$keys/w",
		$kind eq 'key-file' ? @secret : ('--recipient', $recipient));
	my ($signer) = $out =~ /^signer: (\S+)/m;
	($code, $out, $err) =
	  tool('backup', '--repo', $repo, '-d', 'small', '--state-dir', "$keys/w", '--catalogue', 'none', @secret);
	is($code, 0, "backup with $kind") or diag($err);
	my $options = "--repo $repo @secret --signer $signer --state-dir $keys/r --catalogue none"
	  . ' --progress none';
	my $good = `'$tool' export small -o - $options 2>/dev/null`;
	cmp_ok(length $good, '>', 100, 'the backup can be exported');

	for my $file (all_files($repo))
	{
		my $bytes = read_bytes("$repo/$file");
		my $length = length $bytes;
		my @at = $every ? (0 .. $length - 1) : map { int(rand($length)) } 1 .. ($file =~ /\.json$/ ? 12 : 4);

		for my $position (@at)
		{
			my $flipped = $bytes;
			substr($flipped, $position, 1) ^= chr(1 << int(rand(8)));
			try_it($repo, $file, $flipped, $good, $options, "flip $position");
			try_it($repo, $file, substr($bytes, 0, $position), $good, $options, "cut $position");

			# What somebody would do who knows the format: the seal is no secret.
			next unless $file =~ /\.json$/;
			my $sealed = $flipped;
			next unless $sealed =~ s/,\n"seal": "[0-9a-f]{64}"\n\}\n\z//;
			$sealed .= qq(,\n"seal": ") . sha256_hex($sealed) . qq("\n}\n);
			try_it($repo, $file, $sealed, $good, $options, "flip $position and seal") if $sealed ne $bytes;
		}
		write_bytes("$repo/$file", $bytes);
	}
	is(`'$tool' export small -o - $options 2>/dev/null`, $good, 'at the end all is as before');
}

note("$trials trials");
cmp_ok($trials, '>=', 100, 'there were trials');
is_deeply($failed{accepted}, [], 'nothing was accepted');
is_deeply($failed{plaintext}, [], 'not a byte came out');
done_testing();

sub try_it
{
	my ($repo, $file, $bytes, $good, $options, $what) = @_;

	write_bytes("$repo/$file", $bytes);
	$trials++;
	if ($file eq 'RECOVER.txt')
	{
		# Not needed to read a backup, so only verify looks at it.
		`'$tool' verify $options 2>/dev/null`;
		push @{ $failed{accepted} }, "$file, $what" if $? >> 8 != 3;
		return;
	}
	my $out = `'$tool' export small -o - $options 2>/dev/null`;
	push @{ $failed{accepted} }, "$file, $what" if $? == 0;
	push @{ $failed{plaintext} }, "$file, $what" if $out ne '';
	return;
}
