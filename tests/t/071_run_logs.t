# Logs of runs: written with -q, named by kind, type and day, removed by age and number, and never
# a reason to fail.
use strict;
use warnings;

use Fcntl;
use File::Temp ();
use NexBackup::Test;
use POSIX qw(strftime);
use Test::More;

my $node = start_server('main');
my $repo = new_repository();
my $logs = File::Temp::tempdir(CLEANUP => 1) . '/logs';
my @options = ('--repo', $repo, '--log-directory', $logs);

sub day { return strftime('%Y%m%d', gmtime(time - 86400 * $_[0])); }

sub names { return join ' ', all_files($logs); }

create_database('shop');
query('shop', 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');

# Around midnight in UTC the day may change within a test.
sleep 61 if (gmtime)[2] == 23 && (gmtime)[1] == 59;
my $today = day(0);
my (undef, undef, $err) = tool('backup', @options, '-d', 'shop', '--type', 'nightly', '-q');
is($err, '', 'with -q nothing is said');
is(names(), "backup_nightly_$today.log", 'but there is a log');
my $log = read_bytes("$logs/backup_nightly_$today.log");
like($log, qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] LOG:  backup begins: .*\n.* LOG:  backup ends: succeeded, exit code 0$/m, 'with begin and end');
is((stat "$logs/backup_nightly_$today.log")[2] & 07777, 0600, 'for the owner only');
is((stat $logs)[2] & 07777, 0700, 'as is the directory');

tool('backup', @options, '-d', 'absent', '--type', 'nightly');
my $more = read_bytes("$logs/backup_nightly_$today.log");
is(substr($more, 0, length $log), $log, 'a second run of the day appends');
like(substr($more, length $log), qr/ERROR:  .*\n.*DETAIL:  .*does not exist/, 'its error');
tool_ok([ 'verify', @options ], 'a verification');
tool_ok([ 'list', @options ], 'a list');
is(names(), "backup_nightly_$today.log verify_$today.log", 'a verification has its own log, a list none');

# Removal: by the day in the name, of our own names only.
my @kept = ('backup_nightly_' . day(29) . '.log', 'expire_' . day(30) . '.log', 'postgresql_' . day(100) . '.log',
	'backup_nightly_' . day(100) . '.log.gz', 'notes_' . day(100) . '.txt', 'backup_draft_1999-old.log');
my @removed = ('backup_nightly_' . day(31) . '.log', 'verify_' . day(100) . '.log', 'backup_before-upgrade_' . day(40) . '.log');
write_bytes("$logs/$_", "old\n") for @kept, @removed;
tool_ok([ 'verify', @options ], 'a run');
is(names(), join(' ', sort "backup_nightly_$today.log", "verify_$today.log", @kept), 'removes what is older than 30 days');
tool_ok([ 'verify', @options, '--log-keep-days', 0, '--log-keep-files', 3 ], 'a run that keeps three');
is(join(' ', grep { !/postgresql|gz|txt|draft/ } split / /, names()),
	join(' ', sort "backup_nightly_$today.log", "verify_$today.log", 'backup_nightly_' . day(29) . '.log'),
	'keeps the newest three');

# No reason to fail.
write_bytes("$logs.file", '');
my $code;
($code, undef, $err) = tool('verify', '--repo', $repo, '--log-directory', "$logs.file/x");
is($code, 0, 'without a directory the run goes on');
like($err, qr/warning: could not open log file/, 'with a warning');
tool_fails([ 'verify', '--repo', $repo, '--log-directory', 'relative' ], 2, qr/invalid value "relative"/, 'a relative path');
symlink('/dev/full', "$logs/expire_$today.log");
($code, undef, $err) = tool('expire', @options);
is($code, 0, 'a log that is a symbolic link');
like($err, qr/warning: could not open log file/, 'is not written through');

# Nor one that --log-file names, on the command line or in the settings: messages go to standard error then.
{
	my $absent = "$logs.file/x";
	($code, undef, $err) = tool('verify', '--repo', $repo, '--log-file', $absent, '-v');
	is($code, 0, 'a log file that cannot be opened: the run goes on');
	like($err, qr/warning: could not open log file "\Q$absent\E": Not a directory\n\S+\s+Messages go to standard error only/, 'with a warning');
	my $settings = "$logs.yaml";
	write_bytes($settings, "repo: $repo\nlog-file: /proc/version\n");
	my ($out);
	($code, $out, $err) = tool('backup', '--config', $settings, '-d', 'shop', '--log-format', 'json', '--json');
	is($code, 0, 'also a backup') or diag($err);
	like($err, qr/"level":"warning","message":"could not open log file/, 'in the form of the log');
}

# A pipe whose reader does not read.
{
	my $pipe = "$logs.pipe";
	POSIX::mkfifo($pipe, 0600);
	sysopen(my $reader, $pipe, O_RDWR | O_NONBLOCK) or die;
	while (defined syswrite($reader, 'x' x 4096)) { }
	my $start = time;
	($code, undef, $err) = tool('verify', '--repo', $repo, '--log-file', $pipe, 'absent');
	is($code, 1, 'a pipe that is full: the command comes to its end');
	cmp_ok(time - $start, '<', 20, 'in time');
	like($err, qr/there is no backup "absent"/, 'and says what there is to say');
}

my ($small, $why) = small_directory();
SKIP:
{
	skip "a full disk: $why", 3 unless $small;
	mkdir "$small/logs", 0700;
	system("dd if=/dev/zero of=$small/filler bs=4k >/dev/null 2>&1");
	($code, undef, $err) = tool('backup', '--repo', $repo, '--log-directory', "$small/logs", '-d', 'shop');
	is($code, 0, 'a backup whose log is on a full disk succeeds');
	my @warnings = $err =~ /warning: could not (?:write to|open) log file/g;
	is(scalar @warnings, 1, 'with one warning');
	unlink "$small/filler";
	is(system('rm', '-rf', "$small/logs"), 0, 'and cleaning up works');
}

done_testing();
