# Repositories that are encrypted with a key file or a passphrase: the same secret writes and
# reads, a wrong one does nothing, and without one nothing is shown.
use strict;
use warnings;

use File::Temp ();
use IO::Pty;
use IPC::Run ();
use MIME::Base64 qw(encode_base64);
use NexBackup::Test;
use POSIX ();
use Test::More;

my $node = start_server('main');
my $keys = File::Temp::tempdir(CLEANUP => 1);
my $state = "$keys/writer";
my $elsewhere = "$keys/reader";
my $have_python = system("python3 -c 'import cryptography' 2>/dev/null") == 0;

# Without a terminal, so that nobody is asked, whoever runs this.
sub detached
{
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'setsid', '--wait', tool_path(), @_ ], '<', \'', '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}
sub writer { return detached(@_, '--state-dir', $state) }
sub reader { return detached(@_, '--state-dir', $elsewhere, '--catalogue', 'none') }

sub write_secret
{
	my ($name, $text) = @_;

	write_bytes("$keys/$name", $text);
	chmod 0600, "$keys/$name";
	return "$keys/$name";
}

sub objects { my ($repo) = @_; return scalar(my @found = glob("$repo/objects/*/*")) }

load_sample('invoices', 0.001);
query('invoices', q(CREATE TABLE lagoon_secrets (whisper_column text);
	INSERT INTO lagoon_secrets VALUES ('a very private sentence')));

# ---------------------------------------------------------------------- keygen

my $key = "$keys/key";
my ($code, $out, $err) = tool('keygen', '--symmetric', '-o', $key);
is($code, 0, 'keygen --symmetric') or diag($err);
is((stat $key)[2] & 07777, 0600, 'closed to others');
my ($hex) = read_bytes($key) =~ /^([0-9a-f]{64})$/m;
ok($hex, 'a key of 32 bytes');
unlike($out, qr/$hex/, '… which is not shown');
tool_fails([ 'keygen', '--symmetric', '-o', $key ], 1, qr/File exists/, 'a key is never overwritten');
is(tool_json('keygen', '--symmetric', '-o', "$keys/wrong")->{file}, "$keys/wrong", 'keygen --json');
my $passphrase = write_secret('passphrase', "an unlikely sentence\n");
tool_fails([ 'keygen', '--symmetric', '-o', "$keys/locked", '--passphrase-file', $passphrase ],
	2, qr/cannot be protected by a passphrase/, 'a key file has no passphrase');
my $other_passphrase = write_secret('other_passphrase', "another sentence\n");

# ---------------------------------------------------- what init takes and refuses

my $age = `age-keygen 2>/dev/null`;
my ($recipient) = $age =~ /public key: (age1\S+)/;
for my $refused (
	[ 'age and a key file', qr/"age" encrypts for recipients.*HINT:.*aes-256-gcm/s, '--cipher', 'age', '--key-file', $key ],
	[ 'age and a passphrase', qr/"age" encrypts for recipients.*HINT:.*keygen/s, '--cipher', 'age', '--passphrase-file', $passphrase ],
	[ 'none and a key file', qr/does not go with cipher "none"/, '--cipher', 'none', '--key-file', $key ],
	[ 'recipient and key file', qr/not both/, '--recipient', $recipient, '--key-file', $key ],
	[ 'no secret at all', qr/no passphrase was given.*HINT:.*--passphrase-file/s, '--cipher', 'aes-256-gcm' ],
	[ 'a key file that holds none', qr/holds no key.*HINT:.*keygen --symmetric/s, '--key-file', $passphrase ],
	[ 'a key file that is not there', qr/could not read key file/, '--key-file', "$keys/missing" ])
{
	my ($name, $message, @options) = @$refused;

	($code, $out, $err) = writer('init', '--repo', "$keys/refused", @options);
	is($code, 2, "init refuses: $name");
	like($err, $message, '… and says why');
	ok(!-e "$keys/refused/nex_backup.json", '… and creates no repository');
}
chmod 0644, $key;
($code, $out, $err) = writer('init', '--repo', "$keys/refused", '--key-file', $key);
is($code, 2, 'a key file that others can read is refused');
like($err, qr/open to others.*HINT:.*chmod 600/s, '… with the way out');
chmod 0600, $key;

# --------------------------------------------------------- both kinds, all commands

for my $kind (
	[ 'key-file', [ '--key-file', $key ], [ '--key-file', "$keys/wrong" ], $key, $hex, "key-file: $key" ],
	[ 'passphrase', [ '--passphrase-file', $passphrase ], [ '--passphrase-file', $other_passphrase ],
		$passphrase, 'an unlikely sentence', "passphrase-command: [/bin/cat, $passphrase]" ])
{
	my ($name, $right, $wrong, $file, $secret, $setting) = @$kind;
	subtest $name => sub { every_command($name, $right, $wrong, $file, $secret, $setting) };
}

sub every_command
{
	my ($kind, $right, $wrong, $file, $secret, $setting) = @_;
	my $repo = "$keys/repo-$kind";
	my $prefix = $kind =~ s/\W.*//r;
	my @at = ('--repo', $repo);
	my @backup = ('backup', @at, '-d', 'invoices', '-j', 2, '--chunk-blocks', 32);

	($code, $out, $err) = writer('init', @at, @$right);
	is($code, 0, 'init') or diag($err);
	my ($signer) = $out =~ /^signer: (nex-signer-1\S+)$/m;
	my $frame = read_bytes("$repo/nex_backup.json");
	like($frame, qr/"wrapping": "$kind"/, 'nex_backup.json says what opens it');
	unlike($frame, qr/\Q$secret\E/, '… and not the secret');
	($code, $out, $err) = writer('init', @at, @$right);
	is($code, 0, 'init again');
	($code, $out, $err) = writer('init', @at, @$wrong);
	is($code, 1, 'init again with another secret');

	for my $try ([ [], qr/is encrypted, and no .* was given.*HINT:.*--\Q$kind\E/s ], [ $wrong, qr/is not that of repository/ ])
	{
		($code, $out, $err) = writer(@backup, @{ $try->[0] });
		is($code, 1, 'backup refuses without the secret, and with a wrong one');
		like($err, $try->[1], '… and says why');
	}
	is(objects($repo), 0, '… and writes nothing');
	($code, $out, $err) = reader(@backup, @$right);
	is($code, 1, 'a host without the writer key cannot write');
	like($err, qr/writer key/, '… and is told so');

	($code, $out, $err) = writer(@backup, @$right);
	is($code, 0, 'backup') or diag($err);
	my $before = objects($repo);
	write_bytes("$keys/$kind.yaml", "repo: $repo\n$setting\nstate-dir: $state\n");
	($code, $out, $err) = detached('backup', '--config', "$keys/$kind.yaml", '-d', 'invoices', '--chunk-blocks', 32);
	is($code, 0, 'the secret from the settings file') or diag($err);
	# pg_dump writes the time of the day and a random word into the schema.
	cmp_ok(objects($repo) - $before, '<=', 4, 'only what has changed is stored again');

	my ($readable, %stanzas) = (0);
	for my $path (all_files($repo))
	{
		my $bytes = read_bytes("$repo/$path");
		$readable++ if $bytes =~ /lagoon_secrets|whisper_column|very private|\Q$secret\E|WRITER-SECRET/;
		$stanzas{$1}++ if $path =~ /^objects/ && $bytes =~ /\A[^\n]+\n(-> \Q$kind\E [^\n]+)\n/;
	}
	is($readable, 0, 'no name, no value, no key in the repository');
	is(scalar(keys %stanzas), objects($repo), 'each object is wrapped under a key of its own');
	if ($kind eq 'passphrase')
	{
		my %salts = map { /^-> passphrase (.{21})/ => 1 } keys %stanzas;
		is(scalar(keys %salts), 1, '… but scrypt needs to run once for all');
	}

	# Without the secret.
	ok(tool_json('list', @at)->{backups}[0]{locked}, 'list says that it is locked');
	($code, $out, $err) = reader('verify', @at, '--signer', $signer);
	is($code, 0, 'verify without the secret') or diag($err);
	like($out, qr/stored bytes and signature ok.*no key at hand/s, '… says what it could not check');
	($code, $out, $err) = reader('restore', @at, 'invoices', '--to', "${prefix}_none");
	is($code, 1, 'restore refuses without the secret');
	like($err, qr/no (key file|passphrase) was given.*HINT:.*--\Q$kind\E/s, '… and says what is missing');

	# With a wrong one.
	for my $command ([ 'list' ], [ 'verify' ], [ 'restore', 'invoices', '--to', "${prefix}_wrong" ],
		[ 'export', 'invoices', '-o', '-' ], [ 'cat', 'invoices', '--table', 'lagoon_secrets' ])
	{
		my ($verb, @rest) = @$command;
		($code, $out, $err) = reader($verb, @at, @$wrong, @rest);
		is($code, 1, "$verb with a wrong secret");
		is($out, '', '… writes nothing');
	}
	ok(!(grep { /^${prefix}_/ } @{ database_names() }), 'no database was created');

	# With the right one.
	my @open = (@at, @$right, '--signer', $signer);
	($code, $out, $err) = reader('verify', @open);
	is($code, 0, 'verify') or diag($err);
	like($out, qr/: ok \(.*rows/, '… looks inside');
	($code, $out, $err) = reader('info', @open, 'invoices');
	like($out, qr/lagoon_secrets.*--\Q$kind\E/s, 'info shows tables and how to restore');
	($code, $out, $err) = reader('cat', @open, 'invoices', '--table', 'lagoon_secrets');
	is($out, "a very private sentence\n", 'cat');
	($code, $out, $err) = reader('restore', @open, 'invoices', '--to', "${prefix}_restored", '-j', 2);
	is($code, 0, 'restore') or diag($err);
	unlike($err, qr/could have replaced/, 'the signer is known');
	same_database('invoices', "${prefix}_restored", 'restored');
	($code, $out, $err) = reader('export', @open, 'invoices', '-o', "$keys/$kind.sql");
	is($code, 0, 'export') or diag($err);
	like(read_bytes("$keys/$kind.sql"), qr/a very private sentence/, '… has the rows');
	($code, $out, $err) = writer('globals', 'backup', @at, @$right);
	is($code, 0, 'globals backup') or diag($err);
	($code, $out, $err) = reader('globals', 'export', @open, '-o', "$keys/$kind.globals.sql", '--yes');
	is($code, 0, 'globals export') or diag($err);
	like(read_bytes("$keys/$kind.globals.sql"), qr/ROLE/, 'globals export');

	configuration_files($repo, $right);
	keys_and_doctor($repo, $kind, $right, $signer, $secret);
	by_python($repo, $kind, $file) if $have_python;
	lost_header($repo, $right, $wrong);

	($code, $out, $err) = reader('expire', @at, '--keep-daily', 1, '--keep-weekly', 0);
	is($code, 0, 'expire needs no secret') or diag($err);
	($code, $out, $err) = reader('verify', @open);
	is($code, 0, 'what is left is whole') or diag($err);
	return;
}

sub configuration_files
{
	my ($repo, $right) = @_;

	write_bytes("$keys/app.env", "USER=shop\nPASSWORD=lagoon-password\n");
	write_secret('identity', $age);
	($code, $out, $err) = writer('config', 'backup', '--repo', $repo, @$right, "$keys/app.env");
	is($code, 2, 'configuration files are encrypted for recipients');
	($code, $out, $err) = writer('config', 'backup', '--repo', $repo, @$right, '--recipient', $recipient, "$keys/app.env");
	is($code, 0, 'config backup') or diag($err);
	($code, $out, $err) = reader('config', 'verify', '--repo', $repo, @$right, '--identity', "$keys/identity");
	is($code, 0, 'config verify') or diag($err);
	like($out, qr/decrypted/, '… with both keys');
	return;
}

sub keys_and_doctor
{
	my ($repo, $kind, $right, $signer, $secret) = @_;
	my @at = ('--repo', $repo);

	($code, $out, $err) = reader('key', 'list', @at);
	like($out, qr/^key +\Q$kind\E \(no /m, 'key list without the secret');
	($code, $out, $err) = reader('key', 'list', @at, @$right, '--json');
	like($out, qr/"wrapping": ?"\Q$kind\E"/, 'key list --json');
	($code, $out, $err) = writer('key', 'add', @at, @$right, '--recipient', $recipient);
	is($code, 1, 'no recipient can be added');
	like($err, qr/has no recipients/, '… and it is said');
	($code, $out, $err) = reader('key', 'sheet', @at, '--signer', $signer);
	like($out, qr/RECOVERY SHEET.*\Q$signer\E.*____.*restore.*--\Q$kind\E/s, 'the sheet');
	($code, $out, $err) = reader('key', 'sheet', @at, @$right);
	my $shown = $out =~ s/\n  //gr;
	$kind eq 'key-file' ? like($shown, qr/\Q$secret\E/, '… with the key') : unlike($shown, qr/\Q$secret\E/, '… without it');
	($code, $out, $err) = writer('doctor', @at, @$right, '--catalogue', 'none');
	like($out, qr/encryption +aes-256-gcm with a .*has the writer key; the one that was given is right/, 'doctor');
	return;
}

# What RECOVER.txt says, with the program that it carries.
sub by_python
{
	my ($repo, $kind, $file) = @_;
	my $id = latest_id($repo, 'invoices');
	my $text = read_bytes("$repo/RECOVER.txt");
	my ($unpack) = $text =~ /^ {4}(sed -n '\/\^#!.*)$/m;
	my ($restore) = $text =~ /^ {4}(cut.*zstd -dc \| psql.*NEW_DATABASE)$/m;
	my $target = "by_python_$1" if $kind =~ /^(\w+)/;

	is(system("cd $keys && export HOME=$keys && cp $repo/RECOVER.txt . && $unpack"), 0, 'RECOVER.txt carries its decryptor');
	$restore =~ s/DATABASE\/ID/invoices\/$id/;
	$restore =~ s/KEY_FILE/$file/;
	$restore =~ s{~/decrypt_aes\.py}{$keys/decrypt_aes.py};
	$restore =~ s/NEW_DATABASE/$target/;
	create_database($target);
	write_bytes("$keys/restore.sh", "set -e -o pipefail\ncd $repo\n$restore\n");
	is(system("bash $keys/restore.sh >$keys/restore.out 2>&1"), 0, $restore) or diag(read_bytes("$keys/restore.out"));
	same_database('invoices', $target, 'restored without nex_backup');
	return;
}

# nex_backup.json is lost: init brings it back with the same secret, and with no other.
sub lost_header
{
	my ($repo, $right, $wrong) = @_;

	unlink "$repo/nex_backup.json";
	($code, $out, $err) = writer('init', '--repo', $repo, @$wrong);
	is($code, 1, 'init does not mend it with another secret');
	like($err, qr/encrypted with another key/, '… and says why');
	($code, $out, $err) = writer('init', '--repo', $repo);
	is($code, 3, '… nor in plain');
	($code, $out, $err) = writer('init', '--repo', $repo, @$right);
	is($code, 0, '… but with its own') or diag($err);
	($code, $out, $err) = reader('verify', '--repo', $repo, @$right);
	is($code, 0, 'all backups open as before') or diag($err);
	return;
}

# ------------------------------------------------------------------- downgrades

my $plain = new_repository();
for my $options ([ '--key-file', $key ], [ '--passphrase-file', $passphrase ])
{
	($code, $out, $err) = detached('backup', '--repo', $plain, '-d', 'invoices', @$options);
	is($code, 3, "a plain repository, and $options->[0]");
	like($err, qr/is not encrypted.*was given/s, '… is refused');
}
is(objects($plain), 0, '… and gets no object');
($code, $out, $err) = detached('config', 'backup', '--repo', $plain, '--passphrase-file', $passphrase,
	'--recipient', $recipient, "$keys/app.env");
is($code, 0, 'a passphrase may belong to the identity that opens configuration files') or diag($err);
($code, $out, $err) = detached('config', 'backup', '--repo', $plain, '--key-file', $key,
	'--recipient', $recipient, "$keys/app.env");
is($code, 3, '… a key file does not');

# Other spellings of the same key.
write_secret('raw', pack('H*', $hex));
write_secret('base64', encode_base64(pack('H*', $hex)));
for my $spelling ('raw', 'base64')
{
	($code, $out, $err) = reader('verify', '--repo', "$keys/repo-key-file", '--key-file', "$keys/$spelling");
	is($code, 0, "the key as $spelling") or diag($err);
	like($out, qr/: ok \(/, '… opens the backups');
}

# -------------------------------------------------------------------- a terminal

# Run the tool on a terminal where somebody types these lines; its exit code and what is seen.
sub on_terminal
{
	my ($lines, @arguments) = @_;
	my $pty = IO::Pty->new;
	my $pid = fork;
	my $seen = '';

	if ($pid == 0)
	{
		$pty->make_slave_controlling_terminal;
		open(STDIN, '<&', $pty->slave);
		open(STDOUT, '>&', $pty->slave);
		open(STDERR, '>&', $pty->slave);
		close $pty;
		exec { tool_path() } tool_path(), @arguments or POSIX::_exit(127);
	}
	$pty->close_slave;
	for my $line (@$lines)
	{
		while ($seen !~ /(?:Passphrase of the repository|Once more): \z/ && sysread($pty, my $text, 4096)) { $seen .= $text }
		print $pty "$line\n";
		$pty->flush;
		$seen .= ' ';
	}
	while (sysread($pty, my $text, 4096)) { $seen .= $text }
	waitpid($pid, 0);
	return ($? >> 8, $seen);
}

my @typed = ('--repo', "$keys/typed", '--state-dir', $state);
($code, $out) = on_terminal([ 'one thing', 'another' ], 'init', '--cipher', 'aes-256-gcm', @typed);
is($code, 2, 'a new passphrase is asked for twice');
like($out, qr/differ/, '… and must be the same');
($code, $out) = on_terminal([ 'what I type', 'what I type' ], 'init', '--cipher', 'aes-256-gcm', @typed);
is($code, 0, 'init with a typed passphrase') or diag($out);
unlike($out, qr/what I type/, '… which is not echoed');
($code, $out) = on_terminal([ 'what I type' ], 'backup', '-d', 'invoices', '--progress', 'none', @typed);
is($code, 0, 'backup asks for it') or diag($out);
($code, $out) = on_terminal([ 'something else' ], 'verify', @typed);
is($code, 1, 'verify, with a slip') or diag($out);
like($out, qr/is not that of repository/, '… which is said');
($code, $out) = on_terminal([ 'what I type' ], 'verify', @typed);
like($out, qr/: ok \(/, 'verify, typed well');
($code, $out) = on_terminal([], 'list', @typed);
unlike($out, qr/Passphrase/, 'list does not ask');

# --------------------------------------------------------- secrets stay secret

subtest 'no secret is seen while the tool runs' => sub {
	my $log = "$keys/log";
	my ($seen, $samples) = (0, 0);

	for my $options ([ "$keys/repo-key-file", '--key-file', $key ], [ "$keys/repo-passphrase", '--passphrase-file', $passphrase ])
	{
		my ($repo, @secret) = @$options;
		my $pid = start_tool("$keys/stdout", 'backup', '--repo', $repo, '-d', 'invoices', '--state-dir', $state,
			@secret, '-v', '--log-file', $log);
		my $ended = 0;
		while (!$ended)
		{
			for my $file (glob("/proc/[0-9]*/cmdline /proc/[0-9]*/environ"))
			{
				open(my $in, '<:raw', $file) or next;
				local $/;
				my $text = <$in> // '';
				$samples++;
				$seen++ if index($text, $hex) >= 0 || index($text, 'an unlikely sentence') >= 0;
			}
			$ended = waitpid($pid, POSIX::WNOHANG()) != 0;
		}
		is($?, 0, 'backup');
	}
	cmp_ok($samples, '>', 10, 'there was something to look at');
	is($seen, 0, 'no command line and no environment holds a secret');
	unlike(read_bytes($log), qr/$hex|an unlikely sentence/, 'nor does the log');
};

note('python3-cryptography is not installed: RECOVER.txt was not followed') if !$have_python;
done_testing();
