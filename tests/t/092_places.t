# The catalog knows the copies of a repository: what happens in one is never taken for what happened in the repository, and the
# status says when a copy lags behind, or is damaged.
use strict;
use warnings;

use NexBackup::Faults;
use NexBackup::Test;
use Test::More;

start_server('main');
plan skip_all => 'the extension is not installed' unless have_extension();

my $repo = new_repository();
(my $parent = $repo) =~ s{/repo$}{};
my ($place, $other) = ("$parent/place", "$parent/other");
my @catalogue = ('--catalogue', 'dbname=postgres');

create_database('shop');
query('shop', 'CREATE TABLE t (n int)');
query('postgres', 'CREATE EXTENSION nex_backup');

sub status_of
{
	my ($name) = @_;
	return query('postgres', "SELECT concat_ws('|', status, detail) FROM nex_backup_status() WHERE name = '$name'");
}

sub back_up
{
	my ($where) = @_;
	query('shop', 'INSERT INTO t SELECT generate_series(1, 100)');
	tool_ok([ 'backup', '--repo', $where, '-d', 'shop', @catalogue ], 'a backup');
	return latest_id($where, 'shop');
}

sub original { return query('postgres', "SELECT r.location, (SELECT string_agg(b.id, ' ' ORDER BY b.id) FROM nex_backup.backups b) FROM nex_backup.repositories r"); }

my $first = back_up($repo);
is(status_of('copies'), '', 'no copies, no word of them');
tool_fails([ 'copy', '--repo', $repo, '--to', $place, @catalogue ], 1, qr/there is no copy/, 'a copy that finds no place');
like(status_of('last copy of shop'), qr/^warning\|copy in \Q$place\E on .*, failed just now: there is no copy of the repository/, 'is a run that failed');
is(query('postgres', 'SELECT count(*) FROM nex_backup.copies'), 0, 'and no copy');
query('postgres', "SELECT nex_backup_schedule('off-site', '* * * * *', kind => 'copy', repository => '$repo', options => '{\"to\": \"$place\"}')");
like(status_of('copy of job off-site'), qr/^warning\|nothing was copied to "\Q$place\E" yet/, 'a job that has copied nothing');

# Copied.
tool_ok([ 'copy', '--repo', $repo, '--to', $place, '--create', @catalogue ], 'a copy');
is(status_of('last copy of shop'), '', 'no failure is left');
is(status_of('copies'), "ok|1 copy of $repo, none on another host or in a bucket", 'it is counted');
like(status_of("copy in $place"), qr/^ok\|on \S+, copied just now, newest backup $first, never verified there$/, 'and described');
is(original(), "$repo|$first", 'the repository is where it was');
is(query('postgres', "SELECT role, location, newest FROM nex_backup.places ORDER BY role"), "copy|$place|$first\noriginal|$repo|$first", 'both places');
tool_ok([ 'verify', '--repo', $place, @catalogue ], 'verified there');
like(status_of("copy in $place"), qr/, verified just now$/, 'which is said of the copy');
is(query('postgres', 'SELECT verified FROM nex_backup.backups'), '', 'and not of the repository');

# Behind.
my $second = back_up($repo);
like(status_of("copy in $place"), qr/^ok/, 'a backup since is not late at once');
query('postgres', "UPDATE nex_backup.copies SET copied = copied - interval '1 day'; UPDATE nex_backup.backups SET finished = finished - interval '1 hour' WHERE id = '$second'");
like(status_of("copy in $place"), qr/^warning\|.*LACKS a backup of 60 minutes ago/, 'it is when the job should have run twice');
my ($check) = grep { $_->{name} eq 'copies' } @{ tool_json('doctor', '--repo', $repo, '-d', 'postgres')->{checks} };
is($check->{status}, 'warning', 'doctor says so, too');
query('postgres', "SELECT nex_backup_alter_job('off-site', schedule => '0 0 1 1 *')");
like(status_of("copy in $place"), qr/^ok/, 'but not of a job that runs once a year');
tool_ok([ 'copy', '--repo', $repo, '--to', $place, @catalogue ], 'copied');

# A backup into the copy, and a look at it by the server, change nothing of the repository.
my $third = back_up($place);
is(original(), "$repo|$first $second", 'a backup into the copy is none in the repository');
like(status_of("copy in $place"), qr/newest backup $third/, 'but in the copy');
like(status_of('repository'), qr/^ok\|\Q$repo\E on .*, 2 backups/, 'the status has it so');
ok(!eval { query('postgres', "SELECT nex_backup_sync('$place')"); 1 }, 'the copy is not read');
like($@, qr/"\Q$place\E" is a copy of the repository in "\Q$repo\E"/, 'in the place of the repository');
my $mend = damage_file("$place/backups/shop/$second.json", 'flip');
like(query('postgres', "SELECT result FROM nex_backup_verify('shop/$second', '$place')"), qr/^failed/, 'damage in the copy');
like(status_of("copy in $place"), qr{^critical\|.*shop/$second IS DAMAGED there}, 'is said of the copy');
like(status_of('verify of shop'), qr/^warning\|never verified/, 'and not of the repository');
$mend->();
tool_ok([ 'verify', '--repo', $place, @catalogue ], 'mended');
unlike(status_of("copy in $place"), qr/DAMAGED/, 'no word is left');

# Damage within, which the stored bytes do not show, and of several backups.
{
	my $of = query('postgres', 'SELECT id FROM nex_backup.repositories');
	my $verified = sub {
		my ($backup, $result, $inside) = @_;
		query('postgres', "SELECT nex_backup.record('verify', jsonb_build_object('repository', jsonb_build_object('id', '$of', 'location', '$place',"
			  . " 'host', nex_backup.host_name()), 'database', 'shop', 'backup', '$backup', 'state', 'failed', 'started', clock_timestamp(),"
			  . " 'result', '$result', 'inside', $inside))");
	};
	my $bad = "SELECT array_to_string(bad, ' ') || ', inside ' || array_to_string(bad_inside, ' ') FROM nex_backup.copies WHERE location = '$place'";

	$verified->($first, 'failed', 'true');
	$verified->($second, 'failed', 'false');
	is(query('postgres', $bad), "shop/$second shop/$first, inside shop/$first", 'all that are damaged are known');
	like(status_of("copy in $place"), qr{^critical\|.*shop/$second and 1 other backup ARE DAMAGED there}, 'and counted');
	like(query('postgres', "SELECT result FROM nex_backup_verify('shop/$first', '$place')"), qr/^failed/, 'good stored bytes are no proof');
	$verified->($first, 'ok', 'false');
	is(query('postgres', "SELECT result FROM nex_backup_verify('shop/$second', '$place')"), 'ok', 'but of what they had shown');
	is(query('postgres', $bad), "shop/$first, inside shop/$first", 'the damage within is still known');
	$verified->($first, 'ok', 'true');
	is(query('postgres', $bad), ', inside ', 'until a look inside finds none');
	$verified->($third, 'failed', 'true');
	tool_ok([ 'expire', '--repo', $place, '--keep-daily', 0, '--keep-weekly', 0, '--keep-minimum', 1, 'shop', @catalogue ], 'expired there');
	is(query('postgres', $bad), "shop/$third, inside shop/$third", 'of one that is there');
	$verified->($second, 'failed', 'true');
	tool_ok([ 'expire', '--repo', $place, 'shop', @catalogue ], 'expired again');
	is(query('postgres', $bad), "shop/$third, inside shop/$third", 'what is not there any more is forgotten');
	$verified->($third, 'ok', 'true');

	# Expire met somebody at work each time.
	my $expired = sub {
		my ($where, $since) = @_;
		query('postgres', "SELECT nex_backup.record('expire', jsonb_build_object('repository', jsonb_build_object('id', '$of', 'location', '$where',"
			  . " 'host', nex_backup.host_name()), 'database', 'shop', 'state', 'succeeded', 'started', clock_timestamp(), 'in_use_since', $since))");
	};
	for my $case ([ $repo, 'repository' ], [ $place, "copy in $place" ])
	{
		my ($where, $name) = @$case;
		$expired->($where, "now() - interval '1 day'");
		like(status_of($name), qr/^ok/, "$name: a day without a removal");
		$expired->($where, "now() - interval '3 days'");
		like(status_of($name), qr/^warning\|.*REMOVES NO OBJECTS: in use at each expire, first 3 days ago/, '... three of them');
		$expired->($where, "NULL::text");
		like(status_of($name), qr/^ok/, '... and one');
	}
}

# The globals are not the database of that name.
my $said = "SELECT nex_backup.note_copy_verified(c.repository, c.location, c.host, '%s', '20260101T000000Z', now(), %s, true) FROM nex_backup.copies c WHERE c.location = '$place'";
query('postgres', sprintf($said, '', 'false') . ';' . sprintf($said, 'globals', 'true'));
like(status_of("copy in $place"), qr{^critical\|.*globals/20260101T000000Z IS DAMAGED there}, 'globals that are damaged in the copy, beside a database "globals" that is not');
query('postgres', sprintf($said, '', 'true'));
unlike(status_of("copy in $place"), qr/DAMAGED/, '… until they are verified themselves');

# A copy that no command has made stays one, too, while the repository is there.
system('cp', '-a', $repo, $other) == 0 or die 'cp';
back_up($other);
is(original(), "$repo|$first $second", 'a copy by cp');
is(query('postgres', 'SELECT count(*) FROM nex_backup.copies'), 2, 'is known now');

# From the copy back: no copy of the repository in its own place.
tool_ok([ 'copy', '--from', $place, '--to', $repo, @catalogue ], 'back');
is(query('postgres', "SELECT count(*) FROM nex_backup.copies WHERE location = '$repo'"), 0, 'the repository is no copy');
is((split /\|/, original())[0], $repo, 'and is where it was');

# When it is gone, a copy takes its place, with what is known of it.
tool_ok([ 'verify', '--repo', $repo, @catalogue ], 'the repository is good');
query('postgres', "UPDATE nex_backup.copies SET verified = now(), bad = ARRAY['shop/$second'], bad_inside = ARRAY['shop/$second'], in_use_since = now() WHERE location = '$place'");
rename($repo, "$parent/gone") or die $!;
my $fourth = back_up($place);
is((split /\|/, original())[0], $place, 'the next backup is the repository');
is(query('postgres', "SELECT string_agg(concat_ws('|', id, verified_ok, verified_inside), ' ' ORDER BY id) FROM nex_backup.backups WHERE id IN ('$first', '$second', '$fourth')"),
	"$first $second|f|t $fourth", 'a backup is as good as it was there');
is(query('postgres', "SELECT in_use_since IS NOT NULL FROM nex_backup.repositories WHERE location = '$place'"), 't', 'and what else is known of that place');
is(query('postgres', "SELECT location FROM nex_backup.copies"), $other, 'and no copy any more');
tool_ok([ 'verify', '--repo', $place, 'shop', @catalogue ], 'verified');
like(status_of('verify of shop'), qr/^ok/, 'and recorded');

# What roles may do: monitors see all of it, reporters cannot add copies without end.
query('postgres', 'CREATE ROLE watcher IN ROLE pg_monitor');
like(query('postgres', "SET ROLE watcher; SELECT count(*) FROM nex_backup_status() WHERE name ~ '^cop'"), qr/3$/, 'a monitor');
query('postgres', 'CREATE ROLE reporter; GRANT USAGE ON SCHEMA nex_backup TO reporter; GRANT EXECUTE ON FUNCTION nex_backup.record(text, jsonb) TO reporter');
my $report = q(SELECT nex_backup.record('copy', jsonb_build_object('repository', jsonb_build_object('id', '%s', 'location', '/r'), 'state', 'succeeded',
	'started', now(), 'to', jsonb_build_object('location', '%s', 'newest', '20260101T000000Z'))));
my $id = query('postgres', 'SELECT id FROM nex_backup.repositories');
query('postgres', 'SET SESSION AUTHORIZATION reporter; ' . sprintf($report, $id, '/evil'));
is(query('postgres', "SELECT count(*) FROM nex_backup.copies WHERE location = '/evil'"), 0, 'no copy of a repository that others vouch for');
ok(!eval { query('postgres', 'SET SESSION AUTHORIZATION reporter; ' . join('; ', map { sprintf($report, 'mine', "/c$_") } 1 .. 101)); 1 }, 'nor without end');
like($@, qr/100 copies of repository "mine" are recorded already/, 'says why');
query('postgres', "DELETE FROM nex_backup.repositories WHERE id = 'mine'; INSERT INTO nex_backup.repositories (id, location) SELECT 'r' || i, '/r' || i FROM generate_series(1, 25) i;"
	  . "INSERT INTO nex_backup.copies (repository, location, host) SELECT 'r' || i, '/c' || j, '' FROM generate_series(1, 25) i, generate_series(1, 40) j");
ok(!eval { query('postgres', 'SET SESSION AUTHORIZATION reporter; ' . sprintf($report, 'more', '/c1')); 1 }, 'of all that nobody has vouched for, neither');
is(query('postgres', q(SELECT count(*) FILTER (WHERE name ~ '^copy in'), string_agg(detail, '') FILTER (WHERE name = 'other copies') FROM nex_backup_status())),
	'101|900 more of repositories that nobody has vouched for, see nex_backup.copies', 'the status shows the latest of these');
query('postgres', "UPDATE nex_backup.copies SET bad = ARRAY['a/b'], last_seen = '-infinity' WHERE repository = 'r1' AND location = '/c1'");
is(query('postgres', q(SELECT count(*) FROM nex_backup_status() WHERE name = 'copy in /c1' AND status = 'critical')), 1, 'and those that are damaged');
query('postgres', "UPDATE nex_backup.copies SET bad = ARRAY['a/b'] WHERE repository ~ '^r[0-9]'");
like(status_of('other copies'), qr/^critical\|900 more .*, 900 OF THEM DAMAGED/, 'or says how many more');

# A copy of another repository in a place that is called so is no copy of this one.
query('postgres', "DELETE FROM nex_backup.repositories WHERE id ~ '^r[0-9]'; SELECT nex_backup_schedule('away', '* * * * *', kind => 'copy', repository => '$place', options => '{\"to\": \"offsite\"}')");
like(status_of('copy of job away'), qr/^warning\|nothing was copied to "offsite" yet/, 'a job that has copied nothing');
query('postgres', "SELECT nex_backup.record('copy', jsonb_build_object('repository', jsonb_build_object('id', '$_->[0]', 'location', '$_->[1]', 'host', nex_backup.host_name()), 'state', 'succeeded',"
	  . "'started', now(), 'to', jsonb_build_object('name', 'offsite', 'location', '/off', 'newest', '20260101T000000Z')))"),
	is(status_of('copy of job away') =~ /nothing was copied/ ? 1 : 0, $_->[2], "a copy of repository $_->[0]")
  for [ 'foreign', '/foreign', 1 ], [ $id, $place, 0 ];
# Another host has a repository at the same path.
query('postgres', "INSERT INTO nex_backup.repositories (id, location, host, vouched) VALUES ('twin', '$place', 'other', true); DELETE FROM nex_backup.copies WHERE location = '/off';"
	  . "INSERT INTO nex_backup.copies (repository, location, host, name) VALUES ('twin', '/off', '', 'offsite')");
unlike(status_of('copy of job away'), qr/nothing was copied/, 'either may be meant');
query('postgres', "INSERT INTO nex_backup.runs (kind, job, location, repository, state, started, finished) VALUES ('copy', 'away', '$place', '$id', 'failed', now(), now())");
like(status_of('copy of job away'), qr/^warning\|nothing was copied to "offsite" yet/, 'until the job has run');

done_testing();
