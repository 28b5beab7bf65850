# A bucket that locks objects against removal: each backup is locked as a whole, at little cost; what is locked is not
# called removed; and who has stolen the keys takes nothing away.
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use NexBackup::Bucket;
use NexBackup::Sinks;
use NexBackup::Test;
use Test::More;
use Time::HiRes ();
use Time::Piece ();

start_server('main');
load_sample('shop');
start_bucket('s3');
my ($origin, $owner, $owner_secret, $writer, $writer_secret) = bucket_keys();
my $bucket = 'bucket';

# A request by the owner of the bucket.
sub ask
{
	my ($method, $path, $body, @more) = @_;
	my ($out, $error) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', top() . '/tests/fixtures/s3_client.py', $origin, $owner, $owner_secret, $method, $path, @more ],
		'<', \$body, '>', \$out, '2>', \$error) or die "$method $path: $error";
	return $out;
}

# Until when an object is locked: the text of the time; undef: it is not.
sub locked_until { return (ask('GET', "/$bucket/$_[0]", '', 'retention=') =~ /<RetainUntilDate>([^<.]+)/)[0]; }

# Now, as --as-of takes it.
sub now_in_ms
{
	my ($seconds, $micros) = Time::HiRes::gettimeofday();

	return Time::Piece->gmtime($seconds)->strftime('%Y-%m-%dT%H:%M:%S') . sprintf('.%03dZ', $micros / 1000 + 1);
}

sub epoch { return Time::Piece->strptime($_[0], '%Y-%m-%dT%H:%M:%S')->epoch; }

sub keys_there
{
	my ($prefix) = @_;

	return ask('GET', "/$bucket", '', 'list-type=2', "prefix=$prefix") =~ /<Key>([^<]+)/g;
}

my @plain = bucket_options('plain');
my @lock = ('--repo-lock-days', 8, '--repo-lock-mode', 'compliance');

# A bucket, or a directory, that cannot: said at once, and nothing is made.
if (bucket_is_real())
{
	ask('PUT', '/bucket', '');
}
tool_fails([ 'init', @plain, @lock ], 1, qr/repo-lock-days: .*cannot be locked against removal.*\n.*HINT:.*create a bucket with them/s, 'no locks there');
is_deeply([ keys_there('plain/') ], [], 'nothing is made');
my $directory = File::Temp::tempdir(CLEANUP => 1);
tool_fails([ 'init', '--repo', "$directory/a", @lock ], 1, qr/HINT:.*only buckets/s, 'nor has a directory any');
tool_ok([ 'init', '--repo', "$directory/a" ], 'init of a directory');
tool_fails([ 'backup', '--repo', "$directory/a", @lock, '-d', 'shop' ], 1, qr/cannot be locked/, 'and its backups are not locked silently');

if (bucket_is_real())
{
	$bucket = 'locked';
	ask('PUT', "/$bucket", '', 'x-amz-bucket-object-lock-enabled:true');
}
bucket_does(versioned => JSON::PP::true, locks => JSON::PP::true);
my @repo = bucket_options('safe');
$repo[1] = "s3://$bucket/safe";
push @repo, @lock, '--catalogue', 'none';

# Ceph 16 ignores conditions in a bucket with versions, so nothing can be locked there.
my @alone = bucket_is_real() ? '--single-writer' : ();

# ------------------------------------------------------------- what is locked

tool_ok([ 'init', @repo ], 'init');
my $first = tool_json('backup', @repo, '-d', 'shop');
my ($manifest) = grep { /[.]json$/ } keys_there('safe/backups/shop/');
my $until = locked_until($manifest);
my $days = (int((epoch($until) - time) / 3600) + 1) / 24;
cmp_ok($days, '>', 8, 'the manifest is locked');
cmp_ok($days, '<=', 11.1, 'for not much longer than said');
my @objects = keys_there('safe/objects/');
is_deeply([ grep { locked_until($_) ne $until } @objects[ 0 .. 2 ], $manifest =~ s/json$/sha256/r ], [], 'and so is what belongs to it');
ok(!defined locked_until('safe/nex_backup.json'), 'the header of the repository is not');
tool_ok([ 'verify', @repo ], 'verify');
ok(!defined locked_until($manifest =~ s/json$/verified/r), 'nor is the record of a verification');

# A backup of nothing new costs two requests more than without locks.
forget_requests();
tool_ok([ 'backup', @repo, '-d', 'shop' ], 'unchanged backup');
my @second = requests_to_bucket();
is(count_of(qr/retention=/, @second), bucket_is_real() ? 0 : 1, 'it asks once');
is(count_of(qr{^(?:HEAD|GET) \S*/objects/}, @second), 0, 'and for no object');
cmp_ok(scalar(@second), '<=', 60, 'few requests');
tool_ok([ 'verify', @repo ], 'verify');

# ------------------------------------------------------------------- expire

my @expire = ('expire', @repo, '--keep-daily', 1, '--keep-minimum', 1, @alone);
for my $expired (tool_json(@expire, '--dry-run'), tool_json(@expire))
{
	is_deeply([ @$expired{qw(backups_removed backups_locked objects_removed)} ], [ 0, 1, 0 ], 'a locked backup stays, which is no error');
	like($expired->{backups}[0]{reason}, qr/^locked until 20/, 'and why is said');
}
like((tool_ok(\@expire, 'expire'))[0], qr/1 backup stay/, 'also in words');

SKIP:
{
	skip('time does not pass faster on a real server', 1) if bucket_is_real();

	# Days later the locks of what is used again become longer, all at once; once.
	bucket_does(age => 3 * 86_400);
	forget_requests();
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'a backup, three days later');
	cmp_ok(count_of(qr{^PUT \S*/objects/\S*retention=}, requests_to_bucket()), '>', 1, 'it makes locks longer');
	my $newest = (grep { /[.]sha256$/ } keys_there('safe/backups/shop/'))[-1];
	my @ends = map { epoch(locked_until("safe/$_")) } ask('GET', "/$bucket/$newest", '') =~ m{(objects/\S+)}g;
	$until = epoch(locked_until($newest =~ s/sha256$/json/r));
	cmp_ok($until - time, '>', 9 * 86_400 - 60, 'by enough');
	is_deeply([ grep { $_ < $until } @ends ], [], 'all that it consists of is locked for as long as its manifest');
	forget_requests();
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'the next one');
	is(count_of(qr{^PUT \S*retention=}, requests_to_bucket()), 0, 'need not');

	# A backup whose objects others do not use, and its end: the manifest first, the objects with all versions.
	query('shop', 'CREATE TABLE IF NOT EXISTS gone AS SELECT n, md5(n::text) FROM generate_series(1, 1000) n');
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'a backup of more');
	query('shop', 'DROP TABLE gone');
	bucket_does(age => 12 * 86_400);
	tool_ok([ 'backup', @repo, '-d', 'shop' ], 'and of less');
	my $expired = tool_json(@expire);
	is($expired->{backups_removed}, 4, 'when locks have ended, backups go');
	is($expired->{backups_locked}, 0, 'none is locked');
	cmp_ok($expired->{files_waiting}, '>', 0, 'and later their objects');
	bucket_does(age => 86_400);
	# One of them is locked for longer by somebody else.
	my ($unneeded) = unneeded_objects();
	ask('PUT', "/$bucket/$unneeded", '<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate></Retention>', 'retention=');
	$expired = tool_json(@expire);
	cmp_ok($expired->{objects_removed}, '>', 0, 'these are removed');
	is($expired->{files_locked}, 1, 'but not the one that is still locked');
	is($expired->{removed_is_hidden}, JSON::PP::false, 'for good');
	my $versions = ask('GET', "/$bucket", '', 'versions=', 'prefix=safe/objects/');
	is(scalar(() = $versions =~ /<DeleteMarker>/g), 0, 'no version of them is left');
	my %keys = map { $_ => 1 } $versions =~ /<Key>([^<]+)/g;
	is_deeply([ sort keys %keys ], [ sort(keys_there('safe/objects/')) ], 'but of what is there');
	tool_ok([ 'verify', @repo ], 'what is left is whole');
}

# A copy: all of it is locked, also what was there already.
tool_ok([ 'init', '--repo', "$directory/b" ], 'init of a directory');
my @copied = bucket_options('copied');
$copied[1] = "s3://$bucket/copied";
sub copied_backup
{
	my ($name) = @_;

	query('shop', "CREATE TABLE $name (n int)");
	tool_ok([ 'backup', '--repo', "$directory/b", '-d', 'shop', '--catalogue', 'none' ], 'backup');
	tool_ok([ 'copy', '--from', "$directory/b", '--to', $copied[1], @copied[ 2 .. $#copied ], @lock, $name eq 'copied_1' ? '--create' : () ], 'copy to the bucket');
	return;
}
copied_backup('copied_1');
bucket_does(age => 86_400 * 2);
copied_backup('copied_2');
my ($last) = reverse grep { /[.]sha256$/ } keys_there('copied/backups/shop/');
my $end = epoch(locked_until($last =~ s/sha256$/json/r));
is_deeply([ grep { epoch(locked_until("copied/$_")) < $end } ask('GET', "/$bucket/$last", '') =~ m{(objects/\S+)}g ], [], 'a copy is locked as a whole');

# And so is one with other keys.
my @other = bucket_options('other');
$other[1] = "s3://$bucket/other";
tool_ok([ 'init', @other, @lock ], 'init of another repository');
tool_ok([ 'copy', '--re-encrypt', '--from', "$directory/b", '--to', $other[1], @other[ 2 .. $#other ], @lock ], 'copy --re-encrypt to the bucket');
for my $list (grep { /[.]sha256$/ } keys_there('other/backups/shop/'))
{
	my $ends = epoch(locked_until($list =~ s/sha256$/json/r));
	my @named = ask('GET', "/$bucket/$list", '') =~ m{(objects/\S+)}g;
	cmp_ok($ends - time, '>', 8 * 86_400, 'its manifest is locked');
	is_deeply([ grep { (epoch(locked_until("other/$_") // '1970-01-01T00:00:00')) < $ends } @named, ], [], 'and all that it names');
}

query('shop', 'DROP TABLE copied_1, copied_2');

# Without locks of our own in such a bucket, what is removed is hidden only, and that is said.
my @hidden = bucket_options('hidden');
$hidden[1] = "s3://$bucket/hidden";
tool_ok([ 'init', @hidden ], 'init without locks');
tool_ok([ 'backup', @hidden, '-d', 'shop', '--catalogue', 'none' ], 'backup') for 1 .. 2;

# Whoever makes backups may write, and remove leases; whoever removes backups is somebody else.
sub may
{
	my ($resource, @actions) = @_;

	return { Effect => 'Allow', Principal => { AWS => ['arn:aws:iam:::user/writer'] }, Action => [ map { "s3:$_" } @actions ],
		Resource => ["arn:aws:s3:::$bucket$resource"] };
}

sub set_policy
{
	my @statements = @_;

	ask('PUT', "/$bucket", JSON::PP->new->encode({ Version => '2012-10-17', Statement => \@statements }), 'policy=');
	return;
}
my @writing = (may('', 'ListBucket'), may('/*', qw(GetObject PutObject GetObjectRetention PutObjectRetention)));
set_policy(@writing, may('/hidden/lock/*', 'DeleteObject')) if bucket_is_real();
bucket_does(deny => [ [ $writer, 'DELETE \S*/(?!lock/)' ], [ $writer, 'POST ' ] ]);
my @written = @hidden;
$written[5] = secret_file("aws_access_key_id = $writer\naws_secret_access_key = $writer_secret");
tool_ok([ 'backup', @written, '-d', 'shop', '--catalogue', 'none' ], 'a backup by who may only write');
tool_fails([ 'expire', @written, '--keep-daily', 1, '--keep-minimum', 1, @alone ], 1, qr/403|AccessDenied/, 'who cannot remove one');
like((tool('doctor', @written, '--no-server'))[1], qr/we can remove: no/, 'doctor says so');
like((tool('doctor', @hidden, '--no-server'))[1], qr/can remove backups for good.*versions: yes, locks against removal: yes, we can remove: yes/s, 'and of the owner');
unlike((tool('doctor', @hidden, @lock, '--no-server'))[1], qr/can remove backups for good/, 'unless there are locks');
if (bucket_is_real())
{
	# In Ceph, what another user has stored the owner of the bucket can remove, but not read.
	my ($stored) = reverse grep { /[.]json$/ } keys_there('hidden/backups/shop/');
	like(ask('DELETE', "/$bucket/$stored", ''), qr/^204/, 'the owner can remove it');
}
my $said = tool_json('expire', @hidden, '--keep-daily', 1, '--keep-minimum', 1, @alone);
is_deeply([ @$said{qw(backups_removed removed_is_hidden)} ], [ bucket_is_real() ? 1 : 2, JSON::PP::true ], 'what is removed is hidden');

# -------------------------------------------------------------------- as of

# Whoever has the keys of a writer writes over everything and removes everything.
if (bucket_is_real())
{
	set_policy(@writing, may('', 'ListBucketVersions'), may('/*', 'DeleteObject'));
}
bucket_does(deny => [ [ $writer, 'DELETE .*versionId=' ], [ $writer, 'POST ' ] ]);
create_database('before');
query('before', 'CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 10000) n');
tool_ok([ 'backup', @repo, '-d', 'before' ], 'backup');
tool_ok([ 'globals', 'backup', @repo, '-d', 'postgres' ], 'globals');
my $then = now_in_ms();
my @as_of = ('--as-of', $then);
query('before', 'DROP TABLE t; CREATE TABLE t (n int)');
tool_ok([ 'backup', @repo, '-d', 'before' ], 'a backup after that time');
my $listed = tool_json('list', @repo);
is(scalar(@{ tool_json('list', @repo, @as_of)->{backups} }), @{ $listed->{backups} } - 1, 'list as of then has one less');

my $attack = '';
IPC::Run::run([ '/usr/bin/python3', top() . '/tests/fixtures/s3_client.py', $origin, $writer, $writer_secret, 'attack', "$bucket/safe/" ], '>&', \$attack);
like($attack, qr/^DELETE 204 \d+\nDELETE version 403 \d+\nPUT 200 \d+\n$/, 'the attack: all is written over and removed, and nothing more is let');
tool_fails([ 'list', @repo ], 1, qr/there is no repository/, 'it seems to be gone');
bucket_does(page => 7);
forget_requests();
my $found = tool_json('list', @repo, @as_of);
cmp_ok(scalar(@{ $found->{backups} }), '>=', 3, 'list');
cmp_ok(count_of(qr/objects/, requests_to_bucket()), '<=', 1, 'without looking at objects');
bucket_does(page => 1000);
tool_ok([ 'info', @repo, 'before', @as_of ], 'info');
tool_ok([ 'verify', @repo, @as_of ], 'verify');
tool_ok([ 'restore', @repo, 'before', '--to', 'saved', @as_of ], 'restore');
is(query('saved', 'SELECT count(*), md5(string_agg(t::text, \'\' ORDER BY n)) FROM t'),
	query('postgres', 'SELECT 10000, md5(string_agg((n, md5(n::text))::text, \'\' ORDER BY n)) FROM generate_series(1, 10000) n'), 'every byte is there again');
tool_ok([ 'restore', @repo, 'shop', '--to', 'saved_shop', @as_of ], 'restore of an older one');
same_database('shop', 'saved_shop', 'the same database');
like(tool_ok([ 'cat', @repo, 'before', '--table', 't', @as_of ], 'cat'), qr/^9999\t/m, 'rows');
tool_ok([ 'export', @repo, 'before', '--output', "$directory/before.sql.zst", @as_of ], 'export');
tool_ok([ 'globals', 'restore', @repo, '-d', 'postgres', @as_of ], 'globals restore');

# It is for reading, and of buckets that keep versions.
tool_fails([ 'globals', 'backup', @repo, '-d', 'postgres', @as_of ], 1, qr/read as it was at an earlier time/, 'nothing is written in the past');
tool_fails([ 'list', '--repo', "$directory/a", @as_of ], 1, qr/only a bucket can be read as it was/, 'a directory has no past');
tool_fails([ 'list', @repo, '--as-of', '2020-01-01' ], 1, qr/there is no repository/, 'before its time there is none');
tool_fails([ 'list', @repo, '--as-of', 'yesterday' ], 2, qr/must be a time/, 'a time');
if (!bucket_is_real())
{
	bucket_does(versioned => JSON::PP::false);
	tool_fails([ 'list', @repo, @as_of ], 1, qr/does not keep versions/, 'nor has a bucket without versions');
}

done_testing();

# Objects that only backups need which are gone, by the note of expire.
sub unneeded_objects { return map { "safe/$_" } grep { m{^objects/} } split /\n/, ask('GET', "/$bucket/safe/lock/condemned", ''); }
