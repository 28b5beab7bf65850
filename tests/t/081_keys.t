# Keys: made, protected by passphrases, added, removed, printed; cipher aes-256-gcm; and no
# secret in the list of processes, in environments or logs.
use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Temp ();
use NexBackup::Test;
use POSIX ();
use Test::More;

my $node = start_server('main');
my $keys = File::Temp::tempdir(CLEANUP => 1);
my $state = "$keys/state";
my $elsewhere = "$keys/elsewhere";

sub writer { return tool(@_, '--state-dir', $state) }
sub reader { return tool(@_, '--state-dir', $elsewhere, '--catalogue', 'none') }

sub keygen
{
	my ($name, @options) = @_;
	my ($code, $out, $err) = tool('keygen', '-o', "$keys/$name", @options);

	is($code, 0, "keygen $name") or diag($err);
	is((stat "$keys/$name")[2] & 077, 0, 'closed to others');
	return ("$keys/$name", $out =~ /^public key: (age1\S+)$/m);
}

sub write_secret
{
	my ($name, $text) = @_;

	write_bytes("$keys/$name", $text);
	chmod 0600, "$keys/$name";
	return "$keys/$name";
}

load_sample('invoices', 0.001);
my ($first, $first_key) = keygen('first');
is(`age-keygen -y '$first'`, "$first_key\n", 'the stock program reads the key');
my ($code, $out, $err) = tool('keygen', '-o', $first);
is($code, 1, 'a key is never overwritten');
my ($second, $second_key) = keygen('second');

# ------------------------------------------------------------------ passphrases

my $passphrase = write_secret('passphrase', "an unlikely sentence\n");
my ($locked, $locked_key) = keygen('locked', '--passphrase-file', $passphrase);
unlike(read_bytes($locked), qr/AGE-SECRET/, 'a key with a passphrase is encrypted');
my $wrong = write_secret('wrong', "another sentence\n");
my $program = "$keys/program";
write_bytes($program, "#!/bin/sh\ncat \"\$1\"\n");
chmod 0700, $program;

my $repo = "$keys/repo";
($code, $out, $err) =
  writer('init', '--repo', $repo, '--recipient', $first_key, '--recipient', $locked_key);
is($code, 0, 'init') or diag($err);
($code, undef, $err) = writer('init', '--repo', "$repo.none", '--recipients-file', write_secret('nobody', "# none yet\n"));
is($code, 2, 'init for the recipients in a file that names none');
like($err, qr/file "\S+nobody" names no recipient\n.*HINT: .*age1/, '... says so');
my ($signer) = $out =~ /^signer: (\S+)$/m;
my @backup = ('backup', '--repo', $repo, '-d', 'invoices');
($code, $out, $err) = writer(@backup);
is($code, 0, 'backup') or diag($err);

my @verify = ('verify', '--repo', $repo, '--signer', $signer, '--identity', $locked);
for my $source (
	[ 'a file', '--passphrase-file', $passphrase ],
	[ 'a command', '--passphrase-command', $program, '--passphrase-command', $passphrase ])
{
	my ($name, @options) = @$source;
	($code, $out, $err) = reader(@verify, @options);
	is($code, 0, "passphrase from $name") or diag($err);
	like($out, qr/: ok \(/, '… opens the backup');
}
is(system("'@{[tool_path()]}' @verify --state-dir $elsewhere --catalogue none --passphrase-fd 7 7<$passphrase >$keys/fd.out 2>&1"),
	0, 'passphrase from a descriptor') or diag(read_bytes("$keys/fd.out"));
($code, $out, $err) = reader(@verify, '--passphrase-file', $wrong);
is($code, 2, 'a wrong passphrase');
like($err, qr/has another passphrase/, '… is said');
($code, $out, $err) = reader(@verify, '--passphrase-command', '/bin/false');
isnt($code, 0, 'a command that fails');
chmod 0644, $passphrase;
($code, $out, $err) = reader(@verify, '--passphrase-file', $passphrase);
is($code, 2, 'a passphrase file that others can read is refused');
chmod 0600, $passphrase;
write_bytes("$keys/yaml",
	"repo: $repo\nidentity: $locked\nsigner: [$signer]\nstate-dir: $elsewhere\ncatalogue: none\n"
	  . "passphrase-command: [$program, $passphrase]\n");
($code, $out, $err) = tool('verify', '--config', "$keys/yaml");
is($code, 0, 'all keys from the settings file') or diag($err);
like($out, qr/: ok \(/, '… open the backup');

# ------------------------------------------------------------- adding, removing

($code, $out, $err) = reader('key', 'add', '--repo', $repo, '--recipient', $second_key);
is($code, 1, 'who has no writer key cannot add a recipient');
my $old_header = read_bytes("$repo/nex_backup.json");
($code, $out, $err) = writer('key', 'add', '--repo', $repo, '--recipient', $second_key);
is($code, 0, 'key add') or diag($err);
($code, $out, $err) = writer('key', 'add', '--repo', $repo, '--recipient', $second_key);
is($code, 1, 'twice is an error');
is(scalar @{ tool_json('key', 'list', '--repo', $repo, '--state-dir', $state)->{recipients} }, 3, 'key list');
my @second = ('--repo', $repo, '--identity', $second, '--signer', $signer);
{
	my $open = File::Temp::tempdir(CLEANUP => 1);
	my @from = ('list', '--repo', $repo, '--signer', $signer, '--identity', "$open/key");

	write_bytes("$open/key", read_bytes($second));
	chmod(0600, "$open/key") && chmod(0777, $open) or die;
	like((reader(@from))[2], qr/others may write into directory "\Q$open\E", which holds a secret/, 'a directory where all may write');
	chmod(0700, $open) or die;
	unlike((reader(@from))[2], qr/others may write/, 'and one of our own');
}
($code, $out, $err) = reader('restore', @second, 'invoices', '--to', 'too_old');
is($code, 1, 'a key that was added opens no older backup');
($code, $out, $err) = writer(@backup);
is($code, 0, 'backup for three') or diag($err);
($code, $out, $err) = reader('restore', @second, 'invoices', '--to', 'by_second');
is($code, 0, 'the new key opens a new backup, objects of old content included') or diag($err);
same_database('invoices', 'by_second', 'restored with the new key');
# A change that cannot be finished is finished by saying it again.
SKIP:
{
	skip 'root may write anywhere', 6 if $> == 0;
	my ($serial) = glob("$state/*/serial");
	my @third = ('--recipient', `age-keygen 2>/dev/null` =~ /^# public key: (\S+)$/m);

	chmod 0500, dirname($serial);
	($code, $out, $err) = writer('key', 'add', '--repo', $repo, @third);
	is($code, 0, 'key add where the state cannot be written');
	like($err, qr/warning: could not write file "\Q$serial\E": Permission denied; the repository is changed all the same\n.*HINT: .*same command again/, 'says so');
	like($out, qr/^4 recipients now/, 'and that it is done');
	chmod 0700, dirname($serial);
	($code, $out, $err) = writer('key', 'add', '--repo', $repo, @third);
	is($code, 0, 'again: it is remembered') or diag($err);
	unlike($err, qr/warning/, 'without a warning');
	($code, $out, $err) = writer('key', 'add', '--repo', $repo, @third);
	is($code, 1, 'and then a recipient is a recipient already');
	writer('key', 'remove', '--repo', $repo, @third);

	# State that cannot be read is not taken for state that is not there.
	my $key = dirname($serial) . '/writer.key';
	for my $file ($serial, $key, glob("$state/locations/*"))
	{
		chmod 0, $file;
		($code, $out, $err) = writer('list', '--repo', $repo);
		is($code, 1, basename($file) . ' that may not be read');
		like($err, qr/could not read file "\Q$file\E": Permission denied/, 'is named');
		chmod 0600, $file;
	}
}

my $behind = "$repo.behind";
($code, $out, $err) = writer('copy', '--from', $repo, '--to', $behind, '--create');
is($code, 0, 'a copy before the next change') or diag($err);
# A settings file says for whom backups must be encrypted, not who is to be added or removed.
my $settings = "$keys/nex_backup.yaml";
write_bytes($settings, "recipient: $first_key\n");
for my $change (qw(add remove))
{
	($code, $out, $err) = writer('key', $change, '--repo', $repo, '--config', $settings);
	is($code, 2, "key $change of nobody");
	like($err, qr/"--recipient" must be given on the command line/, '... says that the settings file does not count');
}
($code, $out, $err) = writer('key', 'remove', '--repo', $repo, '--recipient', $first_key);
is($code, 0, 'key remove') or diag($err);
like($out, qr/Copies in other places get the change by the next "nex_backup copy"/, 'says who has to be told');
($code, $out, $err) = writer(@backup);
is($code, 0, 'backup without the first') or diag($err);
($code, $out, $err) = reader('export', '--repo', $repo, '--identity', $first, 'invoices', '-o', '-');
is($code, 1, 'a removed key opens no new backup');
is($out, '', '… and gets not a byte');
my $frame = read_bytes("$repo/nex_backup.json");
write_bytes("$repo/nex_backup.json", $old_header);
($code, $out, $err) = writer(@backup);
is($code, 3, 'an older nex_backup.json, whose recipients were removed since, is refused');
my ($known) = glob("$state/*/serial");
like($err, qr/HINT: .*run "nex_backup copy" from there to here.* remove file "\Q$known\E"\.$/m, '... and the hint leaves the key where it is');
is((writer('key', 'add', '--repo', $repo, '--recipient', $first_key))[0], 3, '... for a change of the keys, too');
write_bytes("$repo/nex_backup.json", $frame);

# A place that was not copied to since the keys were changed is read, as it may be all that is left.
for my $command ([ 'list', '--repo', $behind ], [ 'verify', '--repo', $behind, '--level=present' ],
	[ 'export', '--repo', $behind, '--identity', $first, 'invoices', '-o', '-' ],
	[ 'copy', '--from', $behind, '--to', "$repo.again", '--create' ])
{
	($code, $out, $err) = writer(@$command);
	is($code, 0, "$command->[0] of such a place") or diag($err);
	like($err, qr/warning: file "\Q$behind\E\/nex_backup.json" is an old one.*\n.*HINT: .*nex_backup copy/, '... with a warning');
}
is((writer('copy', '--from', $repo, '--to', $behind))[0], 0, 'the next copy');
is((writer('list', '--repo', $behind))[2], '', '... brings the keys there');
($code, $out, $err) =
  writer('key', 'remove', '--repo', $repo, '--recipient', $second_key, '--recipient', $locked_key);
is($code, 1, 'the last recipient stays');
my $plain = new_repository();
tool_fails([ 'key', 'list', '--repo', $plain ], 1, qr/is not encrypted/, 'key list of a plain repository');
tool_fails([ 'key', 'lst', '--repo', $repo ], 2, qr/HINT:.*key list/s, 'a slip of the pen');

($code, $out, $err) = reader('key', 'sheet', '--repo', $repo, '--signer', $signer);
like($out, qr/RECOVERY SHEET.*\Q$second_key\E.*\Q$signer\E.*restore/s, 'the sheet');
unlike($out, qr/AGE-SECRET/, '… without a secret');
($code, $out, $err) = reader('key', 'sheet', @second);
my ($secret) = read_bytes($second) =~ /^(AGE-SECRET-KEY-1\S+)$/m;
like($out, qr/\Q$secret\E/, 'with the secret, if it was given');

# Where the settings name recipients, nothing is written in plain.
write_bytes("$keys/recipient.yaml", "recipient: [$first_key]\nstate-dir: $elsewhere\ncatalogue: none\n");
tool_fails([ 'backup', '--config', "$keys/recipient.yaml", '--repo', $plain, '-d', 'invoices' ],
	2, qr/is not encrypted.*name recipients.*recipient\.yaml", line 1\..*file-sets/s, 'a plain repository where recipients are set');
is(scalar(my @none = glob("$plain/objects/*/*")), 0, '… gets no object');

# ---------------------------------------------------------------- aes-256-gcm

my $aes = "$keys/aes";
($code, $out, $err) = writer('init', '--repo', $aes, '--recipient', $first_key, '--cipher', 'aes-256-gcm');
is($code, 0, 'init with aes-256-gcm') or diag($err);
my ($aes_signer) = $out =~ /^signer: (\S+)$/m;
for my $round (1, 2)
{
	($code, $out, $err) = writer('backup', '--repo', $aes, '-d', 'invoices', '--chunk-blocks', 32);
	is($code, 0, "backup $round with aes-256-gcm") or diag($err);
}
my @aes = ('--repo', $aes, '--identity', $first, '--signer', $aes_signer);
($code, $out, $err) = reader('verify', @aes);
is($code, 0, 'verify') or diag($err);
($code, $out, $err) = reader('restore', @aes, 'invoices', '--to', 'from_aes');
is($code, 0, 'restore') or diag($err);
same_database('invoices', 'from_aes', 'restored from aes-256-gcm');
($code, $out, $err) = reader('verify', '--repo', $aes, '--identity', $second);
like($out, qr/stored bytes and signature ok/, 'another key sees stored bytes only');

SKIP:
{
	skip 'python3-cryptography is not installed', 3
	  if system("python3 -c 'import cryptography' 2>/dev/null") != 0;
	my $id = latest_id($aes, 'invoices');
	my $text = read_bytes("$aes/RECOVER.txt");
	my ($unpack) = $text =~ /^ {4}(sed -n '\/\^#!.*)$/m;
	# The program lies outside of the repository, and takes no module from it.
	local $ENV{HOME} = $keys;
	write_bytes("$aes/hashlib.py", "raise SystemExit('code of the repository was run')\n");
	is(system("cd $keys && cp $aes/RECOVER.txt . && $unpack"),
		0, 'RECOVER.txt carries its decryptor');
	is(read_bytes("$keys/decrypt_aes.py"), read_bytes(top() . '/tests/decrypt_aes.py'), 'the one that is tested');
	my ($restore) = $text =~ /^ {4}(cut.*zstd -dc \| psql.*NEW_DATABASE)$/m;
	$restore =~ s/DATABASE\/ID/invoices\/$id/;
	$restore =~ s/KEY_FILE/$first/;
	$restore =~ s/NEW_DATABASE/aes_by_python/;
	create_database('aes_by_python');
	write_bytes("$keys/restore.sh", "set -e -o pipefail\ncd $aes\n$restore\n");
	is(system("bash $keys/restore.sh >$keys/restore.out 2>&1"), 0, $restore)
	  or diag(read_bytes("$keys/restore.out"));
	unlink "$aes/hashlib.py";
	same_database('invoices', 'aes_by_python', 'restored without nex_backup');
}

# --------------------------------------------------------- secrets stay secret

subtest 'no secret is seen while the tool runs' => sub {
	my @secrets = map { /^((?:AGE-SECRET|NEX-WRITER-SECRET)-KEY-1\S+)$/m ? $1 : () }
	  map { read_bytes($_) } $first, $second, glob("$state/*/writer.key");
	push @secrets, 'an unlikely sentence';
	my $log = "$keys/log";
	my ($seen, $samples) = (0, 0);
	for my $arguments (
		[ @backup, '--state-dir', $state, '-v', '--log-file', $log ],
		[ 'restore', @second, 'invoices', '--to', 'watched', '--state-dir', $elsewhere, '-v', '--log-file', $log ])
	{
		my $pid = start_tool("$keys/stdout", @$arguments);
		my $ended = 0;
		while (!$ended)
		{
			for my $file (glob("/proc/[0-9]*/cmdline /proc/[0-9]*/environ"))
			{
				open(my $in, '<:raw', $file) or next;
				local $/;
				my $text = <$in> // '';
				$samples++;
				$seen++ if grep { index($text, $_) >= 0 } @secrets;
			}
			$ended = waitpid($pid, POSIX::WNOHANG()) != 0;
		}
	}
	cmp_ok($samples, '>', 10, 'there was something to look at');
	is($seen, 0, 'no command line and no environment holds a secret');
	my $text = read_bytes($log) . join('', map { read_bytes("$repo/$_") } all_files($repo));
	is(scalar(grep { index($text, $_) >= 0 } @secrets), 0, 'no log and no file of the repository does');
};

done_testing();
