# Everything is started as distributions and cron do: with an empty environment, without HOME.  Alarms
# still reach people, encrypted backups are made, and a user without a home directory is told what to do.
#
# The cluster is made and started by postgresql-common where that is there, else by "env -i".
use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use NexBackup::Scheduler;
use NexBackup::Sinks;
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
chomp(my $bindir = `"$pg_config" --bindir`);
my $dir = File::Temp::tempdir('nexb_XXXXXX', DIR => '/tmp', CLEANUP => 1);
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $repo = "$dir/repo";
my $config = "$dir/nex_backup.yaml";

# ---- a password database in which our user has the home directory that a file names

chomp(my $cc = `"$pg_config" --cc`);
my $preload = "$dir/passwd_home.so";
IPC::Run::run([ split(' ', $cc), '-shared', '-fPIC', "-DHOME_FILE=\"$dir/home_file\"", '-o', $preload,
	top() . '/tests/fixtures/passwd_home.c' ]) or BAIL_OUT('cannot compile passwd_home.c');

# The home directory of the user from now on; none if not given.
sub set_home
{
	my ($home) = @_;

	mkdir $home, 0700 if defined $home;
	write_bytes("$dir/home_file", defined $home ? "$home\n" : '');
	return;
}

# A command with nothing in its environment but what is given: exit code, output, errors.
sub bare
{
	my (@command) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/env', '-i', @command ], '<', '/dev/null', '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	print "# env -i @command: $code\n$out$err\n";
	return ($code, $out, $err);
}

# The tool as cron starts it.
sub bare_tool { my (@arguments) = @_; return bare("LD_PRELOAD=$preload", tool_path(), @arguments); }

# ---- a cluster

my ($root, $major) = $bindir =~ m{^(.*/)([0-9]+)/bin$};
my $common = defined $root && -x '/usr/bin/pg_ctlcluster' && -x '/usr/bin/pg_createcluster';

# A program of postgresql-common, with this PostgreSQL for the system's.
sub common_program
{
	my ($program, @arguments) = @_;

	return ('PATH=/usr/bin:/bin', "PG_CLUSTER_CONF_ROOT=$dir/etc", '/usr/bin/perl', '-MPgCommon', '-e',
		'$PgCommon::binroot = shift; $0 = shift; do $0; die $@ if $@', $root, "/usr/bin/$program", @arguments);
}

my ($data, $etc) = ("$dir/data", $common ? "$dir/etc/$major/main" : "$dir/data");
if ($common)
{
	mkdir "$dir/etc";
	my ($code) = bare(common_program('pg_createcluster', '-d', $data, '-s', $dir, '-l', "$dir/server.log", '-p', $port,
		'--locale', 'C.UTF-8', '--start-conf', 'manual', $major, 'main', '--', '--no-sync', '-A', 'trust', '-U', 'postgres'));
	BAIL_OUT('pg_createcluster failed') if $code != 0;
	write_bytes("$etc/environment", "LD_PRELOAD = '$preload'\n");
}
else
{
	my ($code) = bare("$bindir/initdb", '-D', $data, '-A', 'trust', '-U', 'postgres', '--locale=C.UTF-8', '--no-sync');
	BAIL_OUT('initdb failed') if $code != 0;
}
write_bytes("$etc/pg_hba.conf", "local all all trust\n");
# The tool gets an environment made from nothing, so this gives it the password database, too.
write_bytes("$dir/tool", "#!/bin/sh\n/usr/bin/env >'$dir/environment.'\$\$\nLD_PRELOAD='$preload' exec '" . tool_path() . "' \"\$@\"\n");
chmod 0755, "$dir/tool";
open(my $conf, '>>', "$etc/postgresql.conf") or die;
print $conf "$_\n" for "listen_addresses = ''", "unix_socket_directories = '$dir'", "port = $port", 'fsync = off',
  "shared_preload_libraries = 'nex_backup'", "nex_backup.tool_path = '$dir/tool'", "nex_backup.config_file = '$config'";
close $conf;

sub start_bare
{
	my ($code) = $common ? bare(common_program('pg_ctlcluster', $major, 'main', 'start'))
	  : bare("LD_PRELOAD=$preload", "$bindir/pg_ctl", '-D', $data, '-w', '-s', '-l', "$dir/server.log", 'start');

	return is($code, 0, 'the server is started with an empty environment, by ' . ($common ? 'pg_ctlcluster' : 'env -i'));
}

END
{
	my $status = $?;
	IPC::Run::run([ "$bindir/pg_ctl", '-D', $data, '-m', 'immediate', '-s', 'stop' ], '>&', '/dev/null') if -e "$data/postmaster.pid";
	$? = $status;
}

# ---- settings: mail, an encrypted repository

my $smtp = start_sink('smtp_sink.py', 'plain');
my $settings = "repo: $repo\nlog-file: $dir/log\nnotify:\n  repeat-after: 0\n  mail:\n    server: 127.0.0.1:" . sink_port($smtp)
  . "\n    tls: plain\n    from: backup\@example.com\n    to: dba\@example.com\n";
write_bytes($config, $settings);
set_home("$dir/home");
start_bare() or BAIL_OUT('no server');
@ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($dir, $port, 'postgres', 'postgres');
query('postgres', 'CREATE EXTENSION nex_backup');
create_database('shop');
query('shop', 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');

query('postgres', "SELECT nex_backup_schedule('shop daily', '0 2 1 1 *', 'shop', '$repo')");

sub run_shop { return query('postgres', "SELECT state FROM nex_backup_run('shop daily')"); }
sub last_mail { my @mail = mails($smtp); return @mail ? $mail[-1] : ''; }
sub notifications { return query('postgres', "SELECT status || ': ' || detail FROM nex_backup_status() WHERE name = 'notifications'"); }

# ---- the scheduler

is(run_shop(), 'failed', 'a run without a repository');
ok(wait_until(sub { last_mail() =~ /^Subject: \[nex_backup\] FAILED: backup of shop on/m }), 'is told by mail');
my ($environment) = map { read_bytes($_) } (glob("$dir/environment.*"))[0];
like($environment, qr/^HOME=\Q$dir\E\/home$/m, 'the tool is given the home directory of the password database');
my ($code, $out, $err) = bare_tool('keygen', '-o', "$dir/key");
my ($recipient) = $out =~ /(age1\w+)/;
($code, $out, $err) = bare_tool('init', '--config', $config, '--recipient', $recipient);
is($code, 0, 'an encrypted repository is made') or diag($err);
is(scalar(grep { -e } glob("$dir/home/.local/state/nex_backup/*/writer.key")), 1, 'its key is kept in the home directory');
is(run_shop(), 'succeeded', 'the scheduler can write to it');
ok(wait_until(sub { last_mail() =~ /^Subject: \[nex_backup\] OK again: backup of shop on/m }), 'the recovery is told');
ok(wait_until(sub { query('postgres', 'SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL') == 0 }), 'no alarm is left');

# ---- cron

($code, $out, $err) = bare_tool('backup', '-q', '--config', $config, '--pg-bindir', $bindir, '-h', $dir, '-p', $port, '-U', 'postgres',
	'-d', 'shop');
is("$code $err", '0 ', 'a backup as cron starts it');
($code, $out, $err) = bare_tool('backup', '-q', '--config', $config, '--pg-bindir', $bindir, '-h', $dir, '-p', $port, '-U', 'postgres',
	'-d', 'absent');
is($code, 1, 'one that fails');
like(last_mail(), qr/^Subject: \[nex_backup\] FAILED: backup of absent on/m, 'is told');

# ---- an agent, as systemd starts it: with HOME; it does not hand a preloaded library on

query('postgres', "ALTER SYSTEM SET nex_backup.executor = 'agent'");
query('postgres', 'SELECT pg_reload_conf()');
my $run = query('postgres', "SELECT run FROM nex_backup_run('shop daily', wait => false)");
write_bytes("$config.agent", $settings . "host: $dir\nport: $port\nusername: postgres\npg-bindir: $bindir\n");
($code, $out, $err) = bare("HOME=$dir/home", tool_path(), 'agent', '--once', '--config', "$config.agent",
	"--catalogue=host=$dir port=$port user=postgres dbname=postgres");
is("$code " . run_row('state', "id = $run"), '0 succeeded', 'an agent does its work') or diag($err, run_row('log_tail', "id = $run"));
query('postgres', 'ALTER SYSTEM RESET nex_backup.executor');
query('postgres', 'SELECT pg_reload_conf()');

# ---- a user whom the password database does not know, as in a container

set_home(undef);
($code, $out, $err) = bare_tool('backup', '-q', '--config', $config, '--pg-bindir', $bindir, '-h', $dir, '-p', $port, '-U', 'postgres',
	'-d', 'shop');
is($code, 1, 'a user without a home directory has no writer key');
like($err, qr/error: .*writer key.*\nHINT:  .*no home directory.*--state-dir/, 'and is told to name a directory for it');
like($err, qr/warning: could not prepare notifications: this user has no home directory\nHINT:  .*notify-directory/, 'likewise for messages');
for my $home ('HOME=/', 'HOME=', 'HOME=relative')
{
	($code, $out, $err) = bare($home, "LD_PRELOAD=$preload", tool_path(), 'init', '--repo', "$dir/other", '--recipient', $recipient);
	is($code, 1, "init with $home");
	like($err, qr/HINT:  .*no home directory.*--state-dir/, 'says the same');
	unlike($err, qr{"//?\.local}, 'and nothing goes to the root directory');
	system('rm', '-rf', "$dir/other");
}
unlink glob("$dir/environment.*");
is(run_shop(), 'failed', 'the scheduler cannot write either');
my $lost = run_row('id', "job = 'shop daily'");
sleep 2;
unlike(join('', map { read_bytes($_) } glob("$dir/environment.*")), qr/^HOME=/m, 'HOME is left out where nobody knows it');
is(query('postgres', "SELECT count(*) > 0 FROM nex_backup.runs WHERE error ~ 'writer key'"), 't', 'and says why');

# With a state directory in the settings all is well.
rename("$dir/home/.local/state/nex_backup", "$dir/state") or die;
write_bytes($config, $settings . "state-dir: $dir/state\n");
is(run_shop(), 'succeeded', 'with state-dir in the settings file it can');
ok(wait_until(sub { query('postgres', 'SELECT count(*) FROM nex_backup.alarms WHERE delivered IS NULL') == 0 }), 'and all alarms arrive');
my @late;
wait_until(sub { @late = grep { /^The backup of shop/m } mails($smtp); return @late > 2 && $late[-1] =~ /^Subject: .*OK again/m });
my ($failed, $again) = map { decoded_body($_) } @late[ -2, -1 ];
my ($ended) = query('postgres', "SELECT to_char(finished AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM nex_backup.runs WHERE id = $lost");
like($failed, qr/^The backup of shop failed\. This message comes late: it has succeeded since\.$/m, 'late: the failure');
like($failed, qr/^Since: +\Q$ended\E \(/m, 'with the time when it happened');
like($again, qr/^The backup of shop is good again after 1 failure\.$/m, 'and then that it is good again');
like($again, qr/^Was broken: +\Q$ended\E \(/m, 'with the same time');
my $all = scalar mails($smtp);
is(run_shop(), 'succeeded', 'the next run');
is(scalar mails($smtp), $all, 'is not taken for a recovery');

# ---- the end: files are not taken from under a server that needs them at its next start

chomp(my $pg_path = `command -v "$pg_config"`);

sub make_uninstall { return bare('PATH=/usr/bin:/bin', "PG_CLUSTER_CONF_ROOT=$dir/etc", 'make', '-C', top(), "PG_CONFIG=$pg_path", @_, 'uninstall'); }

($code, $out, $err) = make_uninstall();
isnt($code, 0, 'make uninstall refuses while a server preloads the library');
like($out, qr/server process \d+ \(data directory "\Q$data\E"\) has loaded the library/, 'and names the server');
like($out, qr/1\. Take nex_backup out of shared_preload_libraries\.\n *2\. Restart the server\.\n *3\. DROP EXTENSION/, 'and the order');
my $conf_text = read_bytes("$etc/postgresql.conf");
$common ? bare(common_program('pg_ctlcluster', $major, 'main', 'stop')) : bare("$bindir/pg_ctl", '-D', $data, '-w', '-s', 'stop');
SKIP:
{
	skip 'no postgresql-common', 2 unless $common;
	($code, $out, $err) = make_uninstall();
	isnt($code, 0, 'likewise while a cluster that is stopped names it');
	like($out, qr/file "\Q$etc\E\/postgresql.conf" names it/, 'and says where');
}
write_bytes("$etc/postgresql.conf", $conf_text =~ s/^shared_preload/#shared_preload/mr);
start_bare();
query('postgres', 'DROP EXTENSION nex_backup');
($code, $out, $err) = bare('PATH=/usr/bin:/bin', "PG_CLUSTER_CONF_ROOT=$dir/etc", "PG_CONFIG=$pg_path", top() . '/scripts/uninstall_check.sh');
# The servers of tests that run at the same time are named, this one is not; alone it is permitted.
my @named = $out =~ /^server process \d+ \(data directory "(.*?)"\)/mg;
ok($code == 0 ? "$out$err" eq '' : @named && !grep({ $_ eq $data } @named), 'in that order it is not refused') or diag("$code $out $err");

done_testing();
