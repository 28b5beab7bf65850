# Configuration files: secrets never in clear, every byte comes back, nothing is overwritten
# unasked, and others can read what was encrypted.
use strict;
use warnings;

use Cwd qw(realpath);
use Fcntl qw(S_IMODE);
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Test;
use POSIX ();
use Test::More;

my $node = start_server('main');
my $base = realpath(File::Temp::tempdir(CLEANUP => 1));
my $repo = "$base/repo";
my $corpus = top() . '/tests/fixtures/configuration';

# A key pair by the stock program.
sub make_identity
{
	my ($name) = @_;

	IPC::Run::run([ 'age-keygen', '-o', "$base/$name" ], '2>', '/dev/null') or BAIL_OUT('no age-keygen');
	chmod 0600, "$base/$name";
	my ($recipient) = read_bytes("$base/$name") =~ /^# public key: (age1\S+)$/m;
	return ("$base/$name", $recipient);
}

my ($identity, $recipient) = make_identity('alice');
my ($stranger) = make_identity('mallory');

# The corpus in a place of its own, with modes that are worth keeping.
my @names = sort map { basename($_) } glob("$corpus/*");
mkdir "$base/etc";
for my $name (@names)
{
	copy("$corpus/$name", "$base/etc/$name") or die "$name: $!";
	chmod $name =~ /env$/ ? 0600 : 0640, "$base/etc/$name";
}
write_bytes("$base/etc/server.conf", "listen = '*'\npassword = NEXSECRET-conf-1\n");
write_bytes("$base/etc/empty.yaml", '');
push @names, 'server.conf', 'empty.yaml';
my %original = map { $_ => read_bytes("$base/etc/$_") } @names;
my @files = map { "$base/etc/$_" } @names;

sub config { return tool('config', shift, '--repo', $repo, @_) }

# --------------------------------------------------------------- backup

tool_ok([ 'init', '--repo', $repo ], 'init');
tool_fails([ 'config', 'backup', '--repo', $repo, $files[0] ], 2, qr/no recipient was given/, 'nobody to encrypt for');
tool_fails([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient ], 2, qr/has no files/, 'no files');
tool_fails([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient, "$base/etc/none.env" ],
	1, qr/could not read file/, 'a file that is not there');
SKIP:
{
	skip 'root can read every file', 1 if $> == 0;
	write_bytes("$base/unreadable.env", "A=1\n");
	chmod 0, "$base/unreadable.env";
	tool_fails([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient, "$base/unreadable.env" ],
		1, qr/could not read file.*HINT:.*for a job/s, 'a file of others');
}
tool_fails([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient, "$base/etc" ],
	1, qr/not a regular file/, 'a directory');
tool_fails([ 'config', 'backup', '--repo', $repo, '--recipient', 'age1wrong', $files[0] ],
	2, qr/not an age recipient/, 'a recipient that is none');
tool_fails([ 'config', 'backup', '--repo', $repo, '--set', '../up', $files[0] ], 2, qr/set/, 'a set that leads elsewhere');
tool_fails([ 'config', 'bakcup', '--repo', $repo ], 2, qr/unknown command "config bakcup"/, 'a misspelt verb');
is(scalar(all_files("$repo/config")), 0, 'nothing was published by those') if -d "$repo/config";

my $log = "$base/log";
my ($code, $out, $err) =
  config('backup', '--recipient', $recipient, '-v', '--log-file', $log, @files);
is($code, 0, 'backup') or diag($err);
like($out, qr/compose\.yaml .* 7 secrets encrypted in place/, 'says how a file is kept');
like($out, qr/broken\.yaml .* encrypted as a whole: it is not well-formed YAML/, 'and why');

my $leaks = 0;
for my $file (all_files($repo))
{
	my $bytes = $file =~ /\.zst$/ ? `zstd -dcq '$repo/$file'` : read_bytes("$repo/$file");
	$leaks++ if $bytes =~ /NEXSECRET|TkVYU0VDUkVU/;
}
is($leaks, 0, 'no secret is in the repository');
unlike(read_bytes($log) . $out . $err, qr/NEXSECRET|TkVYU0VDUkVU/, 'or in what was said');

# --------------------------------------------------- others can read it

my $backup = JSON::PP->new->utf8->decode((config('list', '--json'))[1])->{backups}[0];
is($backup->{set}, 'default', 'list --json');
my $details = JSON::PP->new->utf8->decode((config('list', "default/$backup->{backup}", '--json'))[1]);
is(scalar @{ $details->{files} }, scalar @names, 'every file is in the list');

my $manifest = JSON::PP->new->utf8->decode(read_bytes("$repo/config/default/$backup->{backup}.json"));
my $by_sops = 0;
for my $file (@{ $manifest->{files} })
{
	next if $file->{readable} < 0;
	my $object = $manifest->{objects}[ $manifest->{members}[ $file->{readable} ]{object} ]{id};
	my $path = "$base/sops-" . basename($file->{path});
	write_bytes($path, scalar `zstd -dcq '$repo/objects/@{[ substr($object, 0, 2) ]}/$object.sql.zst'`);
	my ($opened, $problem) = ('', '');
	IPC::Run::run([ '/usr/bin/python3', top() . '/tests/decrypt_sops.py', $path, $identity ],
		'>', \$opened, '2>', \$problem);
	is($?, 0, basename($file->{path}) . ': an independent reader of the notation opens it') or diag($problem);
	like($opened, qr/NEXSECRET|TkVYU0VDUkVU|8080/, '... and finds what is in it');
	$by_sops++;
}
cmp_ok($by_sops, '>=', 11, 'readable forms were compared');
my ($whole) = grep { $_->{form} eq 'whole' && $_->{path} =~ /broken/ } @{ $manifest->{files} };
my $id = $manifest->{objects}[ $manifest->{members}[ $whole->{whole} ]{object} ]{id};
my $by_age = `zstd -dcq '$repo/objects/@{[ substr($id, 0, 2) ]}/$id.sql.zst' | age -d -i '$identity'`;
is($by_age, $original{'broken.yaml'}, 'stock zstd and age give a whole file');

# -------------------------------------------------------------- restore

tool_fails([ 'config', 'restore', '--repo', $repo, '--restore-dir', "$base/out" ],
	2, qr/no identity was given/, 'without an identity');
tool_fails([ 'config', 'restore', '--repo', $repo, '--restore-dir', "$base/out", '--identity', $stranger ],
	1, qr/could not open file/, 'with the wrong one');
ok(!-e "$base/out", 'nothing was written');
($code, $out, $err) = config('restore', '--restore-dir', "$base/out", '--identity', $identity);
is($code, 0, 'restore below a directory') or diag($err);
my @different = grep { !-e "$base/out$base/etc/$_" || read_bytes("$base/out$base/etc/$_") ne $original{$_} } @names;
is("@different", '', 'every byte of every file came back');
is(S_IMODE((stat("$base/out$base/etc/laravel.env"))[2]), 0600, 'and the modes');
is(S_IMODE((stat("$base/out$base/etc/compose.yaml"))[2]), 0640, '... of others, too');

# In place: a diff without secrets, a question, the old file kept.
(my $changed = $original{'compose.yaml'}) =~ s/NEXSECRET-compose-1/NEXSECRET-new/;
write_bytes("$base/etc/compose.yaml", $changed);
unlink "$base/etc/laravel.env";
($code, $out, $err) = config('diff', '--identity', $identity);
is($code, 0, 'diff') or diag($err);
like($out, qr/^-\s+POSTGRES_PASSWORD: "\[secret [0-9a-f]{8}\]"\n\+\s+POSTGRES_PASSWORD: "\[secret [0-9a-f]{8}\]"/m,
	'diff shows that a secret changed');
like($out, qr/laravel\.env: missing/, 'and what is missing');
unlike($out . $err, qr/NEXSECRET/, 'and no secret');
is(read_bytes("$base/etc/compose.yaml"), $changed, 'diff changes nothing');
tool_fails([ 'config', 'restore', '--repo', $repo, '--identity', $identity ], 2, qr/no terminal to ask on/, 'nobody to ask');
is(read_bytes("$base/etc/compose.yaml"), $changed, 'nothing was changed');
write_bytes("$base/etc/.nex_backup-0123456789ab.tmp", 'left by a restore that was killed');
($code, $out, $err) = config('restore', '--identity', $identity, '--yes');
is($code, 0, 'restore in place') or diag($err);
unlike($out . $err, qr/NEXSECRET/, 'no secret was shown');
is(read_bytes("$base/etc/$_"), $original{$_}, "$_ is back") for qw(compose.yaml laravel.env);
my @kept = glob("$base/etc/compose.yaml.before-*");
is(scalar @kept, 1, 'the old file is kept');
is(read_bytes($kept[0]), $changed, '... as it was');

# Also when a restore of the same second, which failed perhaps, has taken the name: here of ten seconds.
my %taken = map { my $at = POSIX::strftime('%Y%m%dT%H%M%SZ', gmtime(time + $_)); ("$base/etc/compose.yaml.before-$at" => 1) } 0 .. 9;
write_bytes($_, 'of another restore') for keys %taken;
write_bytes("$base/etc/compose.yaml", $changed);
tool_ok([ 'config', 'restore', '--repo', $repo, '--identity', $identity, '--yes' ], 'a name that is taken is no obstacle');
is(read_bytes("$base/etc/compose.yaml"), $original{'compose.yaml'}, '... the file is back');
my ($second) = grep { /before-\S+-2$/ } glob("$base/etc/compose.yaml.before-*");
is(read_bytes($second // '/dev/null'), $changed, '... and the old one is kept under another name');
is(scalar(grep { read_bytes($_) eq 'of another restore' } keys %taken), 10, '... and what was there is as it was');
unlink keys %taken, $second;
is(scalar(grep { /\.tmp$/ } glob("$base/etc/.* $base/etc/*")), 0, 'no temporary file is left');
($code, $out) = config('list', 'default');
like($out, qr/^ default +\| \S+ +\| manual +\| +@{[ scalar @names ]} \|/m, 'list counts files, not the forms in which they are kept');
{
	local $ENV{NEX_BACKUP_REPO};
	tool_ok([ 'config', 'keygen', '-o', "$base/fresh.key" ], 'keygen needs no repository');
	tool_fails(['config', 'list'], 2, qr/no repository given/, 'what reads one does');
}
($code, $out) = config('restore', '--identity', $identity);
like($out, qr/nothing was changed/, 'again: all is the same, nothing to ask');

# Never through a symbolic link: neither the file nor a directory on the way.
unlink "$base/etc/plain.yaml";
write_bytes("$base/victim", 'untouched');
symlink "$base/victim", "$base/etc/plain.yaml";
tool_fails([ 'config', 'restore', '--repo', $repo, '--identity', $identity, '--yes' ], 1, qr/plain\.yaml/, 'a link in place of a file');
is(read_bytes("$base/victim"), 'untouched', 'was not followed');
unlink "$base/etc/plain.yaml";
rename "$base/etc", "$base/real";
symlink "$base/real", "$base/etc";
tool_fails([ 'config', 'restore', '--repo', $repo, '--identity', $identity, '--yes' ], 1, qr/could not reach/, 'a link in place of a directory');
ok(!-e "$base/real/plain.yaml", 'was not followed');
unlink "$base/etc";
rename "$base/real", "$base/etc";

# --------------------------------------------------------------- verify

($code, $out) = config('verify');
is($code, 0, 'verify without an identity');
like($out, qr/digests only/, '... says what it could not do');
($code, $out) = config('verify', '--identity', $identity);
like($out, qr/decrypted/, 'verify decrypts');
tool_ok([ 'keygen', '--output', "$base/stranger" ], 'a key that no file is for');
($code, $out, my $said) = config('verify', '--identity', "$base/stranger");
is($code, 0, 'that a key is not at hand is no damage') or diag($said);
like($out, qr/ok \(.*digests only: no given identity opens it\)/, '... and is said');
unlike(tool_ok([ 'config', 'list', '--repo', $repo ], 'config list'), qr/failed/, '... and not remembered as a failure');
($code, undef, $said) = config('diff', '--identity', "$base/stranger");
like($said, qr/none of the given identities opens it\nHINT:  It is encrypted for other recipients/, 'where it is needed, the error says so');
tool_ok([ 'verify', '--repo', $repo ], 'the verify of all backups covers files');
like(tool_ok([ 'list', '--repo', $repo ], 'list'), qr/\(config default\)/, 'and so does list');
for my $file (grep { m{^(?:config|objects)/} && !/\.verified$/ } all_files($repo))
{
	my $mend = damage_file("$repo/$file", 'flip');
	my ($bad) = config('restore', '--restore-dir', "$base/bad", '--identity', $identity);
	is($bad, 3, "$file flipped: exit 3");
	ok(!-e "$base/bad", '... and nothing is restored');
	$mend->();
}

# A manifest of another set in the place of one.
mkdir "$repo/config/other";
copy("$repo/config/default/$backup->{backup}.$_", "$repo/config/other/$backup->{backup}.$_") for qw(json sha256);
tool_fails([ 'config', 'restore', '--repo', $repo, '--identity', $identity, 'other' ],
	3, qr/that of another backup/, 'a manifest in a foreign place');
mkdir "$repo/backups";
mkdir "$repo/backups/default";
rename "$repo/config/other/$backup->{backup}.$_", "$repo/backups/default/$backup->{backup}.$_" for qw(json sha256);
tool_fails([ 'restore', '--repo', $repo, 'default', '--to', 'x' ], 3, qr/that of another backup/,
	'... or as a database');
unlink glob("$repo/backups/default/*");
rmdir "$repo/$_" for 'backups/default', 'backups', 'config/other';

# --------------------------------------------- sets, patterns, retention

write_bytes("$base/nex.yaml", "repo: $repo\nfile-sets:\n  shop:\n    - $base/etc/*.env\n"
	  . "    - $base/etc/compose.yaml\n");
($code, $out, $err) = tool('config', 'backup', '--config', "$base/nex.yaml", '--set', 'shop', '--recipient', $recipient);
is($code, 0, 'a set from the settings file') or diag($err);
like($out, qr/^backup shop\/\S+: 6 files/m, '... with its patterns expanded');
write_bytes("$base/bad.yaml", "repo: $repo\nfile-sets:\n  shop: word\n");
tool_fails([ 'config', 'list', '--config', "$base/bad.yaml" ], 2, qr/"file-sets: shop".*bad\.yaml", line 3/, 'a set that is no list');
# A set may have separate recipients, so that databases stay in a plain repository.
my $plain = "$base/plain";
tool_ok([ 'init', '--repo', $plain ], 'a plain repository');
write_bytes("$base/own.yaml", "repo: $plain\nfile-sets:\n  own:\n    recipient: $recipient\n    files: [ '$base/etc/*.env' ]\n"
	  . "  nobody: { files: [ '$base/etc/*.env' ] }\n  none: { recipient: [ $recipient ] }\n");
{
	my @own = ('--config', "$base/own.yaml", '--set');
	($code, $out, $err) = tool('config', 'backup', @own, 'own');
	is($code, 0, 'a set with its own recipient') or diag($err);
	tool_ok([ 'config', 'verify', '--config', "$base/own.yaml", '--identity', $identity, 'own' ], '… is encrypted for it');
	tool_ok([ 'globals', 'backup', '--config', "$base/own.yaml" ], '… and the repository stays plain for all else');
	my ($other, $key) = make_identity('carol');
	($code, $out, $err) = tool('config', 'backup', @own, 'own', '--recipient', $key);
	is($code, 0, 'a recipient on the command line') or diag($err);
	tool_ok([ 'config', 'restore', '--repo', $plain, '--set', 'own', '--identity', $other, '--dry-run' ], '… is taken instead');
	tool_fails([ 'config', 'backup', @own, 'nobody' ], 2, qr/no recipient was given.*file-sets/s, 'a set without one');
	tool_fails([ 'config', 'backup', @own, 'none' ], 2, qr/has no files/, 'a set without files');
	for my $case ([ 'x: y', 'unknown key "file-sets: own: x"', 4 ], [ 'recipient: {}', 'invalid value of key "file-sets: own: recipient"', 4 ],
		[ "files: [ a ]\n    files: [ b ]", 'duplicate key "file-sets: own: files"', 5 ])
	{
		my ($text, $message, $line) = @$case;
		write_bytes("$base/bad.yaml", "repo: $plain\nfile-sets:\n  own:\n    $text\n");
		tool_fails([ 'config', 'list', '--config', "$base/bad.yaml" ], 2, qr/\Q$message\E.*, line $line$/m, $message);
	}
}
tool_fails([ 'config', 'backup', '--repo', $repo, '--recipient', $recipient, "$base/etc/*.none" ],
	1, qr/no file matches/, 'a pattern without a match');
my ($plan) = (tool('expire', '--repo', $repo, '--dry-run'))[1];
like($plan, qr/\(config shop\) .* keep/, 'expire knows sets');
# A set is no database, even if both have a backup of the same name at the same second.
SKIP:
{
	skip 'the extension is not installed in this server', 10 unless have_extension();
	my ($name) = map { basename($_, '.json') } glob("$repo/config/shop/*.json");
	query('postgres', 'CREATE EXTENSION nex_backup');
	is(query('postgres', "SELECT backups, removed, damaged FROM nex_backup_sync('$repo')"), scalar(my @all = glob("$repo/config/*/*.json")) . '|0|0',
		'nex_backup_sync() reads backups of sets');
	is(query('postgres', "SELECT string_agg(DISTINCT database, ' ' ORDER BY database) FROM nex_backup.backups WHERE kind = 'files' AND stored_bytes > 0"),
		'config/default config/shop', '... into rows like others');
	is(query('postgres', "SELECT status, detail FROM nex_backup_status() WHERE name = 'backup of files of set shop'") =~ s/, \S+ \S+ stored$//r,
		"ok|$name, manual (just now)", 'the status has them');
	query('postgres', "SELECT nex_backup_schedule('files', '0 3 * * *', kind => 'config', repository => '$repo', options => '{\"set\": \"later\"}')");
	is(query('postgres', "SELECT status, detail FROM nex_backup_status() WHERE name = 'backup of files of set later'"),
		'warning|no backup is known, though job "files" makes them', '... and a set of a job that has no backup');
	query('postgres', "SELECT nex_backup_unschedule('files')");
	query('postgres', "INSERT INTO nex_backup.backups (repository, database, id, started, snapshot_at) "
		  . "SELECT id, 'shop', '$name', now(), now() FROM nex_backup.repositories");
	tool_ok([ 'verify', '--repo', $repo ], 'verify records sets');
	is(query('postgres', "SELECT database IS NULL, details ->> 'set' FROM nex_backup.runs WHERE kind = 'verify' AND details ->> 'set' = 'shop'"),
		't|shop', 'as sets');
	is(query('postgres', 'SELECT database FROM nex_backup.backups WHERE verified IS NULL'), 'shop', 'no database is taken for verified');
	is(query('postgres', "SELECT verified_ok, result FROM nex_backup.backups b JOIN nex_backup.verifications v USING (repository, database) "
		  . "WHERE database = 'config/shop' AND b.id = v.backup"), 't|ok', 'but the set is');
	ok(!eval { query('postgres', "SELECT nex_backup_verify('default', '$repo')"); 1 }, 'a set is not found as a database');
	like($@, qr{For the set of configuration files, write "config/default"}, 'and how it is, is said');
	is(query('postgres', "SELECT result FROM nex_backup_verify('config/default', '$repo')"), 'ok', 'the server verifies it');
}
tool_ok([ 'expire', '--repo', $repo ], 'expire');
is(query('postgres', "SELECT string_agg(coalesce(file_set, database), ' ' ORDER BY id) FROM nex_backup.runs WHERE kind = 'expire'"),
	'default shop', '... is recorded for each set')
  if have_extension();
SKIP:
{
	skip 'the extension is not installed in this server', 2 unless have_extension();
	my $run = query('postgres', q(WITH r AS (INSERT INTO nex_backup.runs (kind, definition, state, started) VALUES ('expire', '{}', 'running', now()) RETURNING id)
		INSERT INTO nex_backup.leases (run, executor, in_server, session_role, fence, host, pid, heartbeat, lease_until)
		SELECT id, 'x', false, 'postgres', 1, 'h', 1, now(), now() + interval '1 hour' FROM r RETURNING run));
	local $ENV{PGAPPNAME} = "nex_backup:run:$run";
	tool_ok([ 'expire', '--repo', $repo ], 'expire, as a job does');
	is(query('postgres', "SELECT string_agg(details ->> 'set', ' ' ORDER BY details ->> 'set') FROM nex_backup.run_reports WHERE run = $run"),
		'default shop', '... reports of each set to its run');
}
($code) = config('restore', '--restore-dir', "$base/after", '--identity', $identity);
is($code, 0, '... took nothing that files need');

# Of several backups on one day the newest stays, and the objects of the others go.
sleep 1;
write_bytes("$base/etc/compose.yaml", $changed);
($code) = config('backup', '--recipient', $recipient, '--set', 'shop', "$base/etc/compose.yaml");
is($code, 0, 'another backup of the set');
is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE database = 'config/shop'"), 2, '... is recorded') if have_extension();
tool_ok([ 'verify', '--repo', $repo ], 'verified');
tool_ok([ 'expire', '--repo', $repo, '--keep-daily', 1, '--keep-weekly', 0, '--keep-minimum', 1 ], 'expire');
is(scalar(() = glob("$repo/config/shop/*.json")), 1, 'the older one goes');
is(query('postgres', "SELECT count(*) FROM nex_backup.backups WHERE database = 'shop'"), 1, '... but no database with it')
  if have_extension();
is(query('postgres', "SELECT id FROM nex_backup.backups WHERE database = 'config/shop'"), basename((glob("$repo/config/shop/*.json"))[0], '.json'),
	'... and in the catalog, too')
  if have_extension();
($code, $out) = config('restore', 'shop', '--identity', $identity, '--restore-dir', "$base/newest");
is(read_bytes("$base/newest$base/etc/compose.yaml"), $changed, 'the latest is restored');

# ------------------------------------------------- the server's own files

($code, $out, $err) = tool('config', 'backup', '--repo', $repo, '--recipient', $recipient, '--postgres',
	'--set', 'postgres', '-h', $node->host, '-p', $node->port);
is($code, 0, 'the configuration of the server') or diag($err);
like($out, qr/\Q$_\E/, "... has $_") for qw(postgresql.conf postgresql.auto.conf pg_hba.conf pg_ident.conf);
my $hba = realpath($node->data_dir) . '/pg_hba.conf';
my $before = read_bytes($hba);
write_bytes($hba, "# all gone\n");
($code, $out, $err) = config('restore', 'postgres', '--identity', $identity, '--yes');
is($code, 0, '... and comes back') or diag($err);
is(read_bytes($hba), $before, 'pg_hba.conf is as it was');

# --------------------------------------- a repository that is encrypted

my $sealed = "$base/sealed";
my @state = ('--state-dir', "$base/state");
tool_ok([ 'init', '--repo', $sealed, '--recipient', $recipient, @state ], 'an encrypted repository');
($code, $out, $err) = tool('config', 'backup', '--repo', $sealed, @state, $files[0], "$base/etc/laravel.env");
is($code, 0, 'its recipients are those of the files') or diag($err);
($code, $out, $err) = tool('config', 'list', '--repo', $sealed, @state);
is($code, 0, 'list without the key') or diag($err);
unlike(join('', map { read_bytes("$sealed/$_") } all_files($sealed)), qr/laravel/, 'not even the names are in clear');
($code, $out, $err) = tool('config', 'restore', '--repo', $sealed, @state, '--identity', $identity,
	'--restore-dir', "$base/unsealed");
is($code, 0, 'restore with the key') or diag($err);
is(read_bytes("$base/unsealed$base/etc/laravel.env"), $original{'laravel.env'}, '... gives the file');

# A mode is a difference by itself; bits that give rights to a program are said, not given.
my $modes = "$base/modes.conf";
write_bytes($modes, "a = 1\n");
chmod 04751, $modes;
tool_ok([ 'init', '--repo', "$base/modes" ], 'init');
my @modes = ('--repo', "$base/modes", '--identity', $identity);
tool_ok([ 'config', 'backup', '--repo', "$base/modes", '--recipient', $recipient, $modes ], 'a setuid file');
chmod 0644, $modes;
like(tool_ok([ 'config', 'diff', @modes ], 'diff'), qr/^\Q$modes\E: mode 0644 here, 0751 in the backup$/m, 'another mode is a difference');
($code, $out, $err) = tool('config', 'restore', @modes, '--yes');
is($code, 0, 'restore') or diag($err);
is(S_IMODE((stat $modes)[2]), 0751, '... gives the mode back');
like($err, qr/warning: file "\Q$modes\E" had mode 4751, and has 0751 now/, '... and says what it does not');
like(tool_ok([ 'config', 'diff', @modes ], 'diff'), qr/^\Q$modes\E: same$/m, 'then it is the same');

# Which word of a line is a password, only programs know that read the file.
my @passwords = ('--repo', "$base/modes", '--set=passwords', '--identity', $identity);
my $pgpass = "$base/.pgpass";
write_bytes($pgpass, "db:5432:*:app:NEXSECRET1\n");
tool_ok([ 'config', 'backup', '--repo', "$base/modes", '--set=passwords', '--recipient', $recipient, $pgpass ], 'a file of passwords');
write_bytes($pgpass, "db:5432:*:app:NEXSECRET22\n");
for my $command ([ 'diff', @passwords ], [ 'restore', @passwords, '--yes' ])
{
	my $shown = join('', tool('config', @$command));

	like($shown, qr/\.pgpass: differs \(26 bytes now, 25 in the backup\); not shown/, "$command->[0]: that it differs");
	unlike($shown, qr/NEXSECRET/, '... and not how');
}

# What is no file is not replaced, and the message says so.
unlink $modes;
for my $case ([ 'directory', sub { mkdir $modes } ], [ 'pipe', sub { rmdir $modes; POSIX::mkfifo($modes, 0600) } ])
{
	my ($what, $make) = @$case;

	$make->();
	tool_fails([ 'config', $_, @modes, $_ eq 'restore' ? '--yes' : () ], 1, qr/could not replace "\Q$modes\E": it is a directory, or something else.*\nHINT:  Move it away/,
		"$_ where there is a $what") for 'diff', 'restore';
}

done_testing();
