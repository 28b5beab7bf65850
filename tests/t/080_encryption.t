# Encrypted repositories: written without the power to read, read with an identity, and
# nothing that somebody else put there is taken for a backup.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $keys = File::Temp::tempdir(CLEANUP => 1);
my $state = "$keys/writer";
my $elsewhere = "$keys/reader";

# A key pair, made by the stock program: the file, and the recipient.
sub make_identity
{
	my ($name) = @_;

	system("age-keygen -o '$keys/$name' 2>/dev/null") == 0 or BAIL_OUT('age-keygen does not run');
	my ($recipient) = read_bytes("$keys/$name") =~ /^# public key: (age1\S+)$/m;
	return ("$keys/$name", $recipient);
}

# The tool on the host that writes, and on another one.
sub writer { return tool(@_, '--state-dir', $state) }
sub reader { return tool(@_, '--state-dir', $elsewhere) }

# A sealed file, sealed anew after a change.
sub reseal
{
	my ($json) = @_;

	$json =~ s/,\n"seal": "[0-9a-f]{64}"\n\}\n\z// or die 'no seal';
	return $json . qq(,\n"seal": ") . sha256_hex($json) . qq("\n}\n);
}

sub copy_tree
{
	my ($from, $to) = @_;

	system('cp', '-a', $from, $to) == 0 or die "cp: $?";
	return;
}

load_sample('invoices', 0.002);
query('invoices', q(CREATE TABLE lagoon_secrets (whisper_column text);
	INSERT INTO lagoon_secrets VALUES ('a very private sentence')));

my ($alice, $alice_key) = make_identity('alice');
my ($bob, $bob_key) = make_identity('bob');
my ($mallory, $mallory_key) = make_identity('mallory');
my $repo = "$keys/repo";
my ($code, $out, $err) = writer('init', '--repo', $repo, '--recipient', $alice_key, '--recipient', $bob_key);
is($code, 0, 'init') or diag($err);
my ($signer) = $out =~ /^signer: (nex-signer-1\S+)$/m;
ok($signer, 'init tells the signer');
is((stat "$state")[2] & 077, 0, 'the state directory is closed to others');
my ($key_file) = glob("$state/*/writer.key");
is((stat $key_file)[2] & 077, 0, 'the writer key is closed to others');
my ($writer_key) = read_bytes($key_file) =~ /(NEX-WRITER-SECRET-KEY-1\S+)/;

my @backup = ('backup', '--repo', $repo, '-d', 'invoices', '-j', 2, '--chunk-blocks', 32);
($code, $out, $err) = reader(@backup);
is($code, 1, 'a host without the writer key cannot write');
like($err, qr/writer key.*HINT:.*writer\.key/s, 'and is told what it needs');
($code, $out, $err) = writer(@backup);
is($code, 0, 'backup') or diag($err);
my $id = latest_id($repo, 'invoices');
my $manifest = "backups/invoices/$id.json";

subtest 'nothing readable is in the repository' => sub {
	my $found = 0;
	for my $file (all_files($repo))
	{
		my $bytes = read_bytes("$repo/$file");
		$found++ if $bytes =~ /lagoon_secrets|whisper_column|very private|AGE-SECRET|WRITER-SECRET/i;
		like($file, qr/\.sql\.zst\.age$/, "$file is named as an age file") if $file =~ /^objects/;
		like($bytes, qr{^age-encryption\.org/v1\n}, '… and is one') if $file =~ /^objects/;
	}
	is($found, 0, 'no name, no value, no key');
};

subtest 'without an identity' => sub {
	my $list = tool_json('list', '--repo', $repo);
	is($list->{backups}[0]{cipher}, 'age', 'list tells the cipher');
	ok($list->{backups}[0]{locked}, 'list says that the backup is locked');
	($code, $out, $err) = reader('list', '--repo', $repo);
	like($out, qr/encrypted for keys that are not at hand/, 'list says so for people');
	($code, $out, $err) = reader('info', '--repo', $repo, 'invoices');
	is($code, 0, 'info');
	like($out, qr/Encrypted +age; its key is not at hand/, 'info says that the key is missing');
	unlike($out, qr/lagoon/, 'info shows no table');
	($code, $out, $err) = reader('verify', '--repo', $repo, '--catalogue', 'none');
	is($code, 0, 'verify') or diag($err);
	like($out, qr/stored bytes and signature ok.*no key at hand/s, 'verify says what it could not check');
	($code, $out, $err) = reader('list', '--repo', $repo);
	like($out, qr/stored bytes ok/, 'and so does list');
	($code, $out, $err) = reader('restore', '--repo', $repo, 'invoices', '--to', 'no_key', '--catalogue', 'none');
	is($code, 1, 'restore refuses');
	like($err, qr/no identity was given.*HINT:.*--identity/s, 'and says what is missing');
	($code, $out, $err) = reader('export', '--repo', $repo, 'invoices', '-o', "$keys/no.sql");
	is($code, 1, 'export refuses');
	ok(!-e "$keys/no.sql", 'and leaves no file');
	($code, $out, $err) = reader('doctor', '--repo', $repo, '--catalogue', 'none');
	unlike($out, qr/damaged/, 'doctor finds no damage');
	like($out, qr/encryption +age for 2 recipients.*no identity at hand/, 'doctor tells who can read');
	($code, $out, $err) = writer('doctor', '--repo', $repo, '--catalogue', 'none');
	like($out, qr/encryption +age for 2 recipients; this host has the writer key/, 'and who can write');
};

subtest 'with a wrong identity' => sub {
	my @open = ('--repo', $repo, '--identity', $mallory, '--catalogue', 'none');
	($code, $out, $err) = reader('restore', @open, 'invoices', '--to', 'wrong_key');
	is($code, 1, 'restore refuses');
	like($err, qr/not encrypted for any of the given identities/, 'and says why');
	($code, $out, $err) = reader('export', @open, 'invoices', '-o', '-');
	is($out, '', 'export writes nothing');
	is($code, 1, 'and fails');
};

for my $who ([ $alice, 'alice' ], [ $bob, 'bob' ])
{
	my ($identity, $name) = @$who;
	my @open = ('--repo', $repo, '--identity', $identity, '--signer', $signer, '--catalogue', 'none');

	subtest "with the identity of $name" => sub {
		($code, $out, $err) = reader('verify', @open);
		is($code, 0, 'verify') or diag($err);
		like($out, qr/invoices\S*: ok \(.*rows/, 'verify looks inside');
		($code, $out, $err) = reader('info', @open, 'invoices');
		like($out, qr/lagoon_secrets/, 'info shows the tables');
		($code, $out, $err) = reader('restore', @open, 'invoices', '--to', "from_$name", '-j', 2);
		is($code, 0, 'restore') or diag($err);
		unlike($err, qr/could have replaced/, 'the signer is known');
		same_database('invoices', "from_$name", "restored by $name");
		for my $suffix (qw(zst gz))
		{
			($code, $out, $err) = reader('export', @open, 'invoices', '-o', "$keys/$name.sql.$suffix");
			is($code, 0, "export .$suffix") or diag($err);
		}
		create_database("exported_$name");
		is(system("zstd -dc $keys/$name.sql.zst | psql -qX -v ON_ERROR_STOP=1 -d exported_$name >/dev/null"),
			0, 'the exported file loads');
		same_database('invoices', "exported_$name", "exported by $name");
	};
}

($code, $out, $err) =
  reader('verify', '--repo', $repo, '--identity', $alice, '--catalogue', 'none');
is($code, 0, 'verify without a known signer');
like($err, qr/warning: the writer of this repository is known only from the repository itself/, '… says whose word it has');
($code, $out, $err) =
  reader('export', '--repo', $repo, '--identity', $alice, 'invoices', '-o', "$keys/unknown.sql.zst");
like($err, qr/warning: the writer of this repository is known only from the repository itself/, 'a warning without a signer');
write_bytes("$keys/with_signer", read_bytes($alice) . "# nex_backup signer: $signer\n");
chmod 0600, "$keys/with_signer";
($code, $out, $err) = reader('export', '--repo', $repo, '--identity', "$keys/with_signer", 'invoices', '-o',
	"$keys/known.sql.zst");
unlike($err, qr/warning/, 'no warning when the identity file names the signer');
chmod 0644, "$keys/with_signer";
($code, $out, $err) = reader('verify', '--repo', $repo, '--identity', "$keys/with_signer");
is($code, 2, 'an identity file that others can read is refused');

subtest 'only what has changed is stored again' => sub {
	my $before = () = glob("$repo/objects/*/*");
	($code, $out, $err) = writer(@backup, '--json');
	is($code, 0, 'second backup') or diag($err);
	my $again = () = glob("$repo/objects/*/*");
	# pg_dump writes the time of the day and a random word into the schema.
	cmp_ok($again - $before, '<=', 4, 'an unchanged database adds no rows');
	query('invoices', q(INSERT INTO lagoon_secrets VALUES ('another')));
	($code, $out, $err) = writer(@backup);
	my $changed = () = glob("$repo/objects/*/*");
	cmp_ok($changed, '>', $before, 'a changed row is stored');
	cmp_ok($changed - $before, '<', $before / 2, '… and the rest is not');

	# Without the writer's copies everything still works.
	system('rm', '-rf', glob("$state/*/manifests"));
	($code, $out, $err) = writer(@backup);
	is($code, 0, 'backup without the copy of the last manifest') or diag($err);
	($code, $out, $err) = reader('restore', '--repo', $repo, '--identity', $bob, 'invoices', '--to',
		'incremental', '--catalogue', 'none');
	is($code, 0, 'restore of an incremental backup') or diag($err);
	same_database('invoices', 'incremental', 'the incremental backup');
};

subtest 'the extension checks digests without a key' => sub {
	plan skip_all => 'the extension is not installed in this server' unless have_extension();
	query('postgres', 'CREATE EXTENSION IF NOT EXISTS nex_backup');
	($code, $out, $err) = writer(@backup);
	is($code, 0, 'a backup that is recorded') or diag($err);
	like(query('postgres', "SELECT count(*) FROM nex_backup_sync('$repo')"), qr/^\d+$/, 'sync');
	cmp_ok(query('postgres', "SELECT count(*) FROM nex_backup.backups"), '>=', 4, 'sync finds the backups');
	my $encrypted = q(SELECT detail FROM nex_backup_status() WHERE name = 'repository');
	like(query('postgres', $encrypted), qr/, encrypted \(age\), 2 recipients, /, 'status says who can read');
	query('postgres', 'UPDATE nex_backup.repositories SET cipher = NULL, recipients = NULL');
	query('postgres', "SELECT nex_backup_sync('$repo')");
	like(query('postgres', $encrypted), qr/, encrypted \(age\), 2 recipients, /, 'and so after a sync');
	my $verified = q(SELECT status || ' ' || detail FROM nex_backup_status() WHERE name = 'verify of invoices');
	($code) = writer('verify', '--repo', $repo, 'invoices');
	is($code, 0, 'verified without an identity');
	like(query('postgres', $verified), qr/^ok .*good just now, stored bytes only: what is in it was not looked at/,
		'status says what that is worth');
	($code) = writer('verify', '--repo', $repo, '--identity', $alice, 'invoices');
	is($code, 0, 'verified with one');
	like(query('postgres', $verified), qr/^ok .*good just now$/, 'status knows of both kinds');
	query('postgres', 'UPDATE nex_backup.backups SET verified = NULL, verified_ok = NULL, verified_inside = NULL');
	query('postgres', "SELECT nex_backup_sync('$repo')");
	like(query('postgres', $verified), qr/^ok .*good just now$/, 'a sync knows it, too');
	is(query('postgres', "SELECT result FROM nex_backup_verify('invoices', '$repo')"), 'ok', 'verify');
	like(query('postgres', $verified), qr/^ok .*good just now, stored bytes only/, 'in the server it is of the stored bytes');
	my ($object) = map { /  (\S+)/ } split /\n/, read_bytes("$repo/backups/invoices/" . latest_id($repo, 'invoices') . '.sha256');
	my $mend = damage_file("$repo/$object", 'flip');
	is(query('postgres', "SELECT result FROM nex_backup_verify('invoices', '$repo')"), 'failed',
		'verify finds a damaged object');
	$mend->();
};

subtest 'globals' => sub {
	query('postgres', q(CREATE ROLE lagoon_keeper PASSWORD 'lagoon-password'));
	($code, $out, $err) = writer('globals', 'backup', '--repo', $repo);
	is($code, 0, 'backup') or diag($err);
	my ($listing) = glob("$repo/globals/*.sha256");
	unlike(read_bytes($listing =~ s/sha256$/json/r), qr/lagoon/, 'no role in the clear');
	($code, $out, $err) = reader('globals', 'restore', '--repo', $repo);
	is($code, 1, 'no restore without an identity');
	like($err, qr/no identity was given.*HINT:.*--identity/s, 'and the message says what is missing');
	($code, $out, $err) =
	  reader('globals', 'export', '--repo', $repo, '--identity', $alice, '-o', "$keys/globals.sql", '--yes');
	is($code, 0, 'export') or diag($err);
	like(read_bytes("$keys/globals.sql"), qr/CREATE ROLE lagoon_keeper/, 'and the roles are there');
};

# ------------------------------------------------- what somebody else puts there

# A repository of the same server that is somebody else's, and one of ours, for splicing.
my $other = "$keys/other";
($code, $out) = writer('init', '--repo', $other, '--recipient', $alice_key);
my ($other_signer) = $out =~ /^signer: (nex-signer-1\S+)$/m;
is($code, 0, 'another repository');
($code) = writer('backup', '--repo', $other, '-d', 'invoices');
my $other_id = latest_id($other, 'invoices');
query('postgres', 'CREATE DATABASE second TEMPLATE invoices');
($code) = writer('backup', '--repo', $repo, '-d', 'second');
my $second_id = latest_id($repo, 'second');
my $latest_id = latest_id($repo, 'invoices');

# Nothing of it may be believed, with all keys at hand.
sub refused
{
	my ($what, $change) = @_;
	my $attacked = "$keys/attacked";

	subtest $what => sub {
		system('rm', '-rf', $attacked);
		copy_tree($repo, $attacked);
		$change->($attacked);
		my @open = ('--repo', $attacked, '--identity', $alice, '--signer', $signer, '--catalogue', 'none');
		($code, $out, $err) = reader('verify', @open);
		is($code, 3, 'verify: exit 3') or diag("$out$err");
		($code, $out, $err) = reader('export', @open, "invoices/$latest_id", '-o', '-');
		isnt($code, 0, 'export refuses') or diag($err);
		is($out, '', 'not a byte was written');
		($code, $out, $err) =
		  reader('restore', @open, "invoices/$latest_id", '--to', 'attacked', '--yes');
		isnt($code, 0, 'restore refuses');
		ok(!(grep { $_ eq 'attacked' } @{ database_names() }), 'no database was created');
	};
	return;
}

my $latest = "backups/invoices/$latest_id";

refused('nex_backup.json says "not encrypted"', sub {
	my ($at) = @_;
	my $frame = read_bytes("$at/nex_backup.json");
	$frame =~ s/,\n"cipher".*(?=,\n"seal")//s;
	write_bytes("$at/nex_backup.json", reseal($frame));
});
refused('a plain backup in an encrypted repository', sub {
	my ($at) = @_;
	my $plain = new_repository();
	tool_ok([ 'backup', '--repo', $plain, '-d', 'invoices' ], 'a plain backup');
	my $plain_id = latest_id($plain, 'invoices');
	system("cp -a $plain/objects/. $at/objects/");
	for my $suffix (qw(json sha256))
	{
		copy("$plain/backups/invoices/$plain_id.$suffix", "$at/$latest.$suffix");
	}
	my $json = read_bytes("$at/$latest.json");
	$json =~ s/\Q$plain_id\E/$latest_id/g;
	write_bytes("$at/$latest.json", reseal($json));
});
refused('a recipient is added to nex_backup.json', sub {
	my ($at) = @_;
	my $frame = read_bytes("$at/nex_backup.json");
	$frame =~ s/("recipients": \[\n)/$1"$mallory_key",\n/;
	write_bytes("$at/nex_backup.json", reseal($frame));
});
refused('another signer in nex_backup.json', sub {
	my ($at) = @_;
	copy("$other/nex_backup.json", "$at/nex_backup.json");
});
refused('another repository in its place', sub {
	my ($at) = @_;
	system('rm', '-rf', $at);
	copy_tree($other, $at);
});
refused('the manifest of another repository', sub {
	my ($at) = @_;
	my $json = read_bytes("$other/backups/invoices/$other_id.json");
	write_bytes("$at/$latest.json", $json);
	copy("$other/backups/invoices/$other_id.sha256", "$at/$latest.sha256");
	system("cp -a $other/objects/. $at/objects/");
});
refused('the manifest of another backup under this name', sub {
	my ($at) = @_;
	copy("$at/backups/invoices/$id.$_", "$at/$latest.$_") for qw(json sha256);
});
refused('the manifest of another database', sub {
	my ($at) = @_;
	copy("$at/backups/second/$second_id.$_", "$at/$latest.$_") for qw(json sha256);
});
refused('the signature is cut out', sub {
	my ($at) = @_;
	my $json = read_bytes("$at/$latest.json");
	$json =~ s/,\n"signature": "[0-9a-f]+"//;
	write_bytes("$at/$latest.json", reseal($json));
});
refused('one digit of the manifest is another', sub {
	my ($at) = @_;
	my $json = read_bytes("$at/$latest.json");
	$json =~ s/("rows":\d*?)(\d)(?=[,}])/$1 . (($2 + 1) % 10)/e or die 'no rows';
	write_bytes("$at/$latest.json", reseal($json));
});
refused('two objects have changed places', sub {
	my ($at) = @_;
	my @objects = map { /  (\S+)/ } split /\n/, read_bytes("$at/$latest.sha256");
	my ($one, $two) = @objects[ 0, -1 ];
	my $bytes = read_bytes("$at/$one");
	write_bytes("$at/$one", read_bytes("$at/$two"));
	write_bytes("$at/$two", $bytes);
});
refused('an object that the attacker encrypted for us', sub {
	my ($at) = @_;
	my ($object) = map { /  (\S+)/ } split /\n/, read_bytes("$at/$latest.sha256");
	system("printf 'DROP DATABASE x;' | zstd -q | age -r $alice_key > $at/$object") == 0 or die;
});
refused('an object of another backup', sub {
	my ($at) = @_;
	my ($mine) = map { /  (\S+)/ } split /\n/, read_bytes("$at/$latest.sha256");
	my ($theirs) = map { /  (\S+)/ } split /\n/, read_bytes("$other/backups/invoices/$other_id.sha256");
	copy("$other/$theirs", "$at/$mine");
});

subtest 'the writer is not led astray' => sub {
	my $home = "$keys/home";
	($code) = writer('init', '--repo', $home, '--recipient', $alice_key);
	is($code, 0, 'a repository');
	my $frame = read_bytes("$home/nex_backup.json");
	my @to = ('backup', '--repo', $home, '-d', 'second', '--catalogue', 'none');

	my $plain = new_repository();
	copy("$plain/nex_backup.json", "$home/nex_backup.json");
	($code, $out, $err) = writer(@to);
	is($code, 3, 'a plain repository in its place is refused');
	like($err, qr/is not encrypted.*was created there/s, 'and the message says why');
	copy("$other/nex_backup.json", "$home/nex_backup.json");
	($code, $out, $err) = writer(@to);
	is($code, 3, 'another repository of ours in its place is refused');
	unlink "$home/nex_backup.json";
	($code, $out, $err) = writer('init', '--repo', $home);
	is($code, 3, 'init does not make it a plain one');
	my @objects = glob("$home/objects/*/*");
	is(scalar @objects, 0, 'nothing was written');
	($code, $out, $err) = writer('init', '--repo', $home, '--recipient', $alice_key);
	is($code, 0, 'init mends it with its recipients') or diag($err);
	($code, $out, $err) = writer(@to);
	is($code, 0, 'backup') or diag($err);
};

subtest 'nex_backup.json is lost, and the writer with it' => sub {
	my $lost = "$keys/lost";
	copy_tree($repo, $lost);
	unlink "$lost/nex_backup.json";
	my @open = ('--repo', $lost, '--identity', $alice, '--catalogue', 'none');
	($code, $out, $err) = reader('list', @open);
	is($code, 3, 'nobody knows who may have signed');
	like($err, qr/the writer of repository "\Q$lost\E" is unknown.*HINT:.*--signer/s, '... which is said');
	push @open, '--signer', $signer;
	for my $command ([ 'list', @open ], [ 'info', @open, "invoices/$id" ], [ 'cat', @open, "invoices/$id", '--table', 'lagoon_secrets' ],
		[ 'export', @open, "invoices/$id", '--output', "$keys/lost.sql" ], [ 'restore', @open, "invoices/$id", '--to', 'frameless' ])
	{
		($code, $out, $err) = reader(@$command);
		is($code, 0, "$command->[0] goes on with the signer") or diag($err);
		like($err, qr/warning: file "\Q$lost\E\/nex_backup\.json" is missing\nHINT: .*init/, '... and warns');
	}
	($code, $out, $err) = reader('verify', @open);
	is($code, 3, 'verify names the file');
	like($out, qr{^invoices/\Q$id\E: ok}m, '... and says that the backups are good');
	($code, $out, $err) = writer('backup', '--repo', $lost, '-d', 'invoices');
	is($code, 3, 'no backup without it');
	($code, $out, $err) = reader('list', '--repo', $lost, '--identity', $alice, '--signer', $other_signer);
	is($code, 3, 'another signer is refused');
};

# ------------------------------------------------------------------ stock tools

subtest 'RECOVER.txt, followed to the letter' => sub {
	my $text = read_bytes("$repo/RECOVER.txt");
	my @commands = map { s/^ {4}//r } grep { /^ {4}\S/ } split /\n/, $text;
	my @run;
	for my $command (@commands)
	{
		next if $command =~ /^nex_backup|\.sql\.gz|gunzip|\| psql.*\bpostgres$|globals/;
		next if $command =~ /xargs.*\| psql/ && $command !~ /zstd/;
		# How to look into a backup of 0.2.0; 086_unknown_sql.t does it.
		next if $command =~ /\bOBJECT\b|^grep -anvE/;
		$command =~ s/\bDATABASE\b/invoices/g;
		$command =~ s/\bID\b/$latest_id/g;
		$command =~ s/\bKEY_FILE\b/$alice/g;
		$command =~ s/\bNEW_DATABASE\b/recovered/g;
		$command =~ s/-O OWNER -E ENCODING --lc-collate=COLLATE --lc-ctype=CTYPE/-O postgres -E UTF8 --lc-collate=C.UTF-8 --lc-ctype=C.UTF-8/;
		push @run, $command;
	}
	cmp_ok(scalar @run, '>=', 7, 'the commands are found');
	query('postgres', 'DROP DATABASE IF EXISTS recovered');
	for my $command (@run)
	{
		my $file = "$keys/command.sh";
		write_bytes($file, "set -e -o pipefail\ncd $repo\n$command\n");
		# Only the system's own programs: no nex_backup in sight.
		local $ENV{PATH} = $node->config_data('--bindir') . ':/usr/bin:/bin';
		$command =~ s/> ?manifest\.json/>$keys\/manifest.json/;
		$command =~ s/> ?schema\.dump/>$keys\/schema.dump/;
		$command =~ s/ (schema\.dump|manifest\.json)$/ $keys\/$1/;
		write_bytes($file, "set -e -o pipefail\ncd $repo\n$command\n");
		is(system("bash $file >$keys/command.out 2>&1"), 0, $command) or diag(read_bytes("$keys/command.out"));
	}
	same_database('invoices', 'recovered', 'restored by stock tools');
	like(read_bytes("$keys/manifest.json"), qr/lagoon_secrets/, 'the encrypted part of the manifest');
};

subtest 'expire' => sub {
	($code, $out, $err) = reader('expire', '--repo', $repo, '--keep-daily', 1, '--keep-weekly', 0);
	is($code, 0, 'expire needs no key') or diag($err);
	($code, $out, $err) =
	  reader('verify', '--repo', $repo, '--identity', $alice, '--signer', $signer, '--catalogue', 'none');
	is($code, 0, 'what is left is whole') or diag($err);
};

done_testing();
