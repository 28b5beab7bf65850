# NexBackup::Bucket
#   A bucket on a server of the test's own (tests/fixtures/bucket_server.py), which does wrong what the test says; and what
#   must be true of every kind of them.
package NexBackup::Bucket;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use HTTP::Tiny ();
use JSON::PP ();
use MIME::Base64 ();
use NexBackup::Azurite;
use NexBackup::Radosgw;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;

our @EXPORT = qw(start_bucket bucket_directory bucket_options bucket_keys bucket_is_real bucket_does requests_to_bucket forget_requests count_of commands_work
  nothing_can_be_locked locked_as_a_whole faults_survived expire_in_two_steps);

my %kinds = (
	s3 => {
		server => [ 's3_server.py', 'AKIATEST', 'a/secret+of=the test', 'AKIAWRITER', 'writes only' ],
		file => "aws_access_key_id = AKIATEST\naws_secret_access_key = a/secret+of=the test",
		url => 's3://bucket',
		path => '/bucket/' },
	azure => {
		server => [ 'azure_server.py', 'testaccount', MIME::Base64::encode_base64('k' x 64, ''), 'sv=2021-08-06&sp=racwdl&sig=a%2Fb%3D' ],
		url => 'azure://testaccount/bucket',
		path => '/testaccount/bucket/',
		list => '/testaccount/bucket' },
	google => {
		server => [ 'google_server.py', 'GOOGTEST', 'a/secret+of=the/test' ],
		file => "GOOGTEST\ta/secret+of=the/test",
		url => 'gs://bucket',
		path => '/bucket/' });
my ($kind, $directory, $origin, $keys);

# Start the server, of S3 unless another kind is named; from then on the other functions are about it.
sub start_bucket
{
	my ($name) = (@_, 's3');

	$kind = $kinds{$name};
	if ($name eq 'azure' && azurite_program())
	{
		($origin, $keys, $kind->{url}) = start_azurite();
		$keys = secret_file($keys);
		$kind->{real} = 1;
		return $origin;
	}
	if ($name eq 's3' && radosgw_is_wanted())
	{
		$origin = start_radosgw();
		$kind->{server} = [ '', radosgw_keys() ];
		$kind->{file} = "aws_access_key_id = $kind->{server}[1]\naws_secret_access_key = $kind->{server}[2]";
		$keys = secret_file($kind->{file});
		$kind->{real} = 1;
		return $origin;
	}
	$directory = start_sink(@{ $kind->{server} });
	$origin = 'http://127.0.0.1:' . sink_port($directory);
	$keys = secret_file($kind->{file} // $kind->{server}[2]);
	return $origin;
}

# Where the server puts files for the test.
sub bucket_directory { return $directory; }

# What every command is told; of a repository in the bucket "bucket".
sub bucket_options
{
	my ($prefix) = @_;

	return ('--repo', "$kind->{url}/$prefix", '--repo-endpoint', $origin, '--repo-secret-file', $keys);
}

# The address of the server of S3, and two pairs of keys there.
sub bucket_keys { return ($origin, @{ $kind->{server} }[ 1 .. 4 ]); }

sub bucket_is_real { return $kind->{real}; }

# See bucket_server.py.  A real server does nothing wrong.
sub bucket_does
{
	my (%what) = @_;

	return if !$kind || $kind->{real};
	my $answer = HTTP::Tiny->new->post("$origin/_faults", { content => JSON::PP->new->canonical->encode(\%what) });
	die "$answer->{status} $answer->{content}" unless $answer->{success};
	return;
}

sub requests_to_bucket
{
	return if !$kind || $kind->{real};
	return split /\n/, HTTP::Tiny->new->get("$origin/_log")->{content};
}

sub forget_requests
{
	HTTP::Tiny->new->post("$origin/_forget", { content => '' }) if $kind && !$kind->{real};
	return;
}

sub count_of
{
	my ($pattern, @requests) = @_;

	return scalar grep { /$pattern/ } @requests;
}

# All commands, with few requests; the database "shop" is there, and is restored under the name "back".
sub commands_work
{
	my @repo = @_;
	my $scratch = File::Temp::tempdir(CLEANUP => 1);

	like(tool_ok([ 'init', @repo ], 'init'), qr{created repository "\Q$repo[1]\E"}, 'it is named');
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'backup');
	forget_requests();
	tool_ok([ 'backup', @repo, '-d', 'shop', '--jobs', 2, '--catalogue', 'none' ], 'unchanged backup');
	my @second = requests_to_bucket();
	cmp_ok(scalar(@second), '<=', 35, 'few requests for a backup of nothing new')
	  or diag(join("\n", @second));
	my %lists;
	$lists{$_}++ for grep { /^GET \S*[?&]prefix=/ } @second;
	is_deeply([ grep { $lists{$_} > 1 } keys %lists ], [], 'nothing is listed twice');
	is(count_of(qr{^(?:HEAD|GET) \S*/objects/}, @second), 0, 'no object is asked for by itself');
	bucket_does(page => 3);
	my $list = tool_json('list', @repo);
	is(scalar(@{ $list->{backups} }), 2, 'list, in pages');
	is($list->{repository}{location}, $repo[1], 'location');
	tool_ok([ 'verify', @repo ], 'verify');
	bucket_does(page => 1000);
	tool_ok([ 'restore', @repo, 'shop', '--to', 'back' ], 'restore');
	same_database('shop', 'back', 'the same database');
	tool_ok([ 'info', @repo, 'shop' ], 'info');
	tool_ok([ 'export', @repo, 'shop', '--output', "$scratch/shop.sql.zst" ], 'export');
	tool_ok([ 'globals', 'backup', @repo, '-d', 'postgres' ], 'globals');
	tool_ok([ 'globals', 'restore', @repo, '-d', 'postgres' ], 'globals restored');
	tool_ok([ 'info', @repo, 'shop' ], 'info once more');
	forget_requests();
	tool_ok([ 'info', @repo, 'shop' ], 'and again');
	my @look = requests_to_bucket();
	cmp_ok(scalar(@look), '<=', 4, 'with few requests') or diag(join("\n", @look));
	tool_ok([ 'doctor', @repo, '-d', 'postgres' ], 'doctor');
	tool_ok([ 'expire', @repo, '--keep-daily', 1, '--keep-minimum', 1 ], 'expire');
	is(scalar(grep { $_->{kind} eq 'database' } @{ tool_json('list', @repo)->{backups} }), 1, 'one backup is left');
	tool_ok([ 'verify', @repo ], 'and whole');
	wal_works($scratch, @repo);
	return;
}

# WAL of the server: a copy of one segment.
sub wal_works
{
	my ($scratch, @repo) = @_;
	my $data = query('postgres', 'SHOW data_directory');

	# A switch does nothing where nothing was written since; no checkpoint comes before the copy.
	query('postgres', 'SELECT txid_current()');
	my $name = query('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
	mkdir "$scratch/$_" for qw(pg_wal global);
	system('cp', "$data/global/pg_control", "$scratch/global/");
	system('cp', "$data/pg_wal/$name", "$scratch/pg_wal/");
	bucket_does(page => 3);
	tool_ok([ 'wal', 'push', "$scratch/pg_wal/$name", @repo ], 'wal push');
	forget_requests();
	tool_ok([ 'wal', 'push', "$scratch/pg_wal/$name", @repo ], 'wal push of the same');
	is(count_of(qr{^(?:PUT|POST) }, requests_to_bucket()), 0, 'writes nothing');
	tool_ok([ 'wal', 'get', $name, "$scratch/pg_wal/again", @repo ], 'wal get');
	is(system('cmp', '-s', "$scratch/pg_wal/$name", "$scratch/pg_wal/again"), 0, 'the same WAL');
	is((tool('wal', 'get', substr($name, 0, 8) . '000000FF000000FE', "$scratch/pg_wal/again", @repo))[0], 1, 'no more than that');
	is(tool_json('wal', 'list', @repo)->{wal}[0]{ranges}[0]{first}, $name, 'wal list');
	tool_ok([ 'wal', 'verify', @repo ], 'wal verify');
	bucket_does(page => 1000);
	return;
}

sub backups_there { return scalar @{ tool_json('list', @_)->{backups} }; }

# On a server that ignores conditions backups are made with a warning, and nothing is removed.
sub nothing_can_be_locked
{
	my @repo = @_;

	bucket_does(sloppy => JSON::PP::true);
	my ($code, undef, $error) = tool('backup', @repo, '-d', 'shop');
	is($code, 0, 'backup without locks');
	like($error, qr/warning: .*cannot be locked.*ignores conditions/, 'and with a warning');
	my $there = backups_there(@repo);
	tool_fails([ 'expire', @repo, '--keep-daily', 1, '--keep-minimum', 1 ], 1, qr/nothing in .* can be removed/, 'expire is refused');
	is(backups_there(@repo), $there, 'and removes nothing');
	like((tool('doctor', @repo, '--no-server'))[1], qr/the server ignores conditions/, 'doctor says so');
	bucket_does(sloppy => JSON::PP::false);
	return;
}

# The end of the lock against removal of each object: path => [mode, time].
sub locks_there
{
	my ($prefix) = @_;

	return map { m{^\Q$prefix\E/(\S+) (\S+) (\d+)$} ? ($1 => [ $2, $3 ]) : () } split /\n/, HTTP::Tiny->new->get("$origin/_locks")->{content};
}

# A bucket that locks objects against removal: by the request that stores them, longer when they are used again, and a
# backup whose time is not over is not removed.
sub locked_as_a_whole
{
	my ($prefix, $mode) = @_;
	my @repo = (bucket_options($prefix), '--repo-lock-days', 8, '--repo-lock-mode', 'compliance', '--catalogue', 'none');

	tool_ok([ 'init', @repo ], 'init');
	tool_fails([ 'backup', @repo, '-d', 'shop' ], 1, qr/could not write file/, 'a bucket that has no locks');
	bucket_does(versioned => JSON::PP::true, locks => JSON::PP::true);
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'a backup that is locked');
	my %locks = locks_there($prefix);
	my ($manifest) = grep { m{^backups/.*[.]json$} } keys %locks;
	my %ends = map { $_->[1] => 1 } values %locks;
	is_deeply([ sort map { m{^(\w+)/} } grep { !m{^objects/} } keys %locks ], [ 'backups', 'backups' ], 'of what is not an object, its own two files');
	cmp_ok(scalar(grep { m{^objects/} } keys %locks), '>', 5, 'and the objects');
	is(scalar(keys %ends), 1, 'until the same time');
	cmp_ok((keys %ends)[0] - time, '>', 8 * 86_400, 'for as long as is set');
	is_deeply([ grep { $_->[0] ne $mode } values %locks ], [], 'so that nobody can take it back');
	forget_requests();
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'unchanged backup');
	is(count_of(qr{^PUT \S*/objects/\S*[?]}, requests_to_bucket()), 0, 'need not make a lock longer');
	bucket_does(age => 3 * 86_400);
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'one three days later');
	my %later = locks_there($prefix);
	my @longer = grep { m{^objects/} && $locks{$_} && $later{$_}[1] - time > 8 * 86_400 } keys %later;
	cmp_ok(scalar(@longer), '>', 5, 'locks what it uses again for as long');
	my $expired = tool_json('expire', @repo, '--keep-daily', 1, '--keep-minimum', 1);
	is_deeply([ @$expired{qw(backups_removed backups_locked objects_removed)} ], [ 0, 2, 0 ], 'what is locked stays');
	tool_ok([ 'verify', @repo ], 'verify');
	bucket_does(versioned => JSON::PP::false, locks => JSON::PP::false);
	return;
}

# Whatever happens to a request of a backup or of a verification, the run is a success with its result: these kinds of
# faults, two of them to each kind of request at a time.
sub faults_survived
{
	my ($repo, @faults) = @_;
	my $prefix = $kind->{path} . ($repo->[1] =~ m{([^/]+)$})[0];
	my @matches = ("PUT $prefix/objects/", "PUT $prefix/backups/", "PUT $prefix/lock/", 'GET ' . ($kind->{list} // $kind->{path}) . '?');

	query('shop', 'CREATE TABLE IF NOT EXISTS tried (n int)');
	while (my @some = splice(@faults, 0, 2))
	{
		bucket_does(clear => JSON::PP::true);
		for my $match (@matches)
		{
			bucket_does(match => $match, do => $_) for grep { $_ ne 'error200' || $match !~ /^GET/ } @some;
		}
		query('shop', 'INSERT INTO tried SELECT coalesce(max(n), 0) + 1 FROM tried');
		is((tool('backup', @$repo, '-d', 'shop'))[0], 0, "backup: @some");
		is(HTTP::Tiny->new->get("$origin/_left")->{content}, '', 'all of them happened');
		bucket_does(clear => JSON::PP::true);
		bucket_does(match => "GET $prefix/objects/", do => $_) for grep { $_ ne 'error200' } @some;
		is((tool('verify', @$repo, 'shop'))[0], 0, "verify: @some");
		is(HTTP::Tiny->new->get("$origin/_left")->{content}, '', 'all of them happened');
	}

	# What a proxy says in between tells nobody what is in the bucket.
	my $known = backups_there(@$repo);
	for my $match ($matches[3], "GET $prefix/nex", "GET $prefix/backups/", "GET $prefix/objects/")
	{
		my $after = $match =~ /[?]/ ? 1 : 0;

		bucket_does(clear => JSON::PP::true);
		bucket_does(match => $match, after => $after, do => $_) for qw(page404 page200 page404);
		is(backups_there(@$repo), $known, "list: pages of a proxy for $match");
		bucket_does(clear => JSON::PP::true);
		bucket_does(match => $match, after => $after, do => $_) for qw(page404 page200);
		tool_ok([ 'verify', @$repo, 'shop' ], "verify: pages of a proxy for $match");
	}
	bucket_does(clear => JSON::PP::true);
	tool_ok([ 'verify', @$repo ], 'all of these backups are whole');
	tool_ok([ 'restore', @$repo, 'shop', '--to', 'tried' ], 'the newest is restored');
	same_database('shop', 'tried', 'and is the newest');

	# What does not end is a failure, and publishes nothing.
	query('shop', 'INSERT INTO tried VALUES (0)');
	bucket_does(match => "PUT $prefix/objects/", times => 1_000_000, do => '403');
	tool_fails([ 'backup', @$repo, '-d', 'shop' ], 1, qr/AccessDenied|Mismatch/, 'no right to write');
	bucket_does(clear => JSON::PP::true);
	is(backups_there(@$repo), $known, 'nothing was published');
	return;
}

# Where a lock can be lost, nothing is removed that became unneeded a short time ago.
sub expire_in_two_steps
{
	my ($repo, $removal) = @_;
	my @expire = ('expire', @$repo, '--keep-daily', 1, '--keep-minimum', 1);
	my $expected = tool_json(@expire, '--dry-run');
	my $first = tool_json(@expire);
	is_deeply([ @$expected{qw(objects_removed files_waiting)} ], [ @$first{qw(objects_removed files_waiting)} ], 'as a dry run says');

	is($first->{objects_removed}, 0, 'objects are not, yet');
	cmp_ok($first->{files_waiting}, '>', 0, 'they wait');
	is(tool_json(@expire)->{objects_removed}, 0, 'nor by the next one');
	bucket_does(age => 86_400);
	bucket_does(match => $removal, do => $_) for qw(503 lost);
	my $later = tool_json(@expire);
	cmp_ok($later->{objects_removed}, '>', 0, 'a day later they are, though a request was refused and an answer lost');
	is(HTTP::Tiny->new->get("$origin/_left")->{content}, '', 'both happened');
	tool_ok([ 'verify', @$repo ], 'what is left is whole');
	return;
}

1;
