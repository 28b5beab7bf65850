# ctrl-C during a backup, a verification and an export: exit 130, nothing left over.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $repo = new_repository();

load_sample('invoices', 0.1);
my @backup = ('backup', '--repo', $repo, '-d', 'invoices', '-j', 2, '--chunk-blocks', 64);

# While it waits for a lock, which no amount of patience in the client would end.
{
	my $log = File::Temp->new;
	my $release = hold_lock('invoices', 'billing.invoice');
	my $pid = start_tool("$log", @backup, '--lock-wait-timeout', '0');
	ok(wait_until(sub { backends_in('invoices') > 1 }), 'the backup waits for a lock');
	kill 'INT', $pid;
	is(finish_tool($pid), 130, 'ctrl-C while waiting for a lock: exit 130');
	ok(wait_until(sub { backends_in('invoices') == 1 }), 'its backend is gone');
	$release->();
}

for my $signal ('INT', 'TERM')
{
	for my $delay (0.02, 0.15, 0.4)
	{
		my $log = File::Temp->new;
		my $pid = start_tool("$log", @backup);
		select(undef, undef, undef, $delay);
		kill $signal, $pid;
		my $code = finish_tool($pid);
		ok($code == 130 || $code == 0, "SIG$signal after $delay s: exit $code");
		unlike(read_bytes("$log"), qr/error:/, 'an interrupt is no error') if $code == 130;
		is(foreign_backends(), 0, 'no connection is left open');
		is(scalar(grep { /\.tmp$/ } all_files($repo)), 0, 'no unfinished file is left');
	}
}
tool_ok(\@backup, 'the next backup works');
tool_ok([ 'verify', '--repo', $repo ], 'and is good');

for my $verb ([ 'verify', '--repo', $repo ], [ 'export', '--repo', $repo, 'invoices', '-o', "$repo/../x.sql.gz" ])
{
	my $log = File::Temp->new;
	my $pid = start_tool("$log", @$verb);
	select(undef, undef, undef, 0.03);
	kill 'INT', $pid;
	my $code = finish_tool($pid);
	ok($code == 130 || $code == 0, "ctrl-C in $verb->[0]: exit $code");
	ok(!-e "$repo/../x.sql.gz" || $code == 0, 'no half export');
}
my ($verified) = @{ tool_json('list', '--repo', $repo)->{backups} };
tool_ok([ 'verify', '--repo', $repo ], 'verify again');

done_testing();
