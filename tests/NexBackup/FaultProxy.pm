# NexBackup::FaultProxy
#   Faults of the connection, by a proxy between the tool and the server, and
#   faults of the server itself.
#
#   The proxy delays each piece, or after so many bytes of all connections
#   closes them, resets them, closes them in the middle of a piece, or falls
#   silent: it keeps all connections and forwards nothing more.
package NexBackup::FaultProxy;

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use NexBackup::FaultOperations;
use NexBackup::Faults;
use NexBackup::Test;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(connection_trials server_trials);

my @kinds = qw(close reset cut silent delay);
my @server_kinds = qw(terminate cancel crash fast immediate);

# How long the tool may live on when it is told to stop and nobody answers it.
my $last_words = 30;

# ------------------------------------------------------------- the proxy

sub start_proxy
{
	my ($world, $kind, $limit) = @_;
	my $report = "$world->{trial}/proxy";
	my $listen = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "listen: $!";
	my $socket = $world->{node}->host . '/.s.PGSQL.' . $world->{node}->port;
	my $port = $listen->sockport;
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		$SIG{PIPE} = 'IGNORE';
		eval { forward($listen, $socket, $kind, $limit, $report) };
		POSIX::_exit(0);
	}
	close $listen;
	return { pid => $pid, port => $port, report => $report };
}

sub stop_proxy
{
	my ($proxy) = @_;

	kill 'KILL', $proxy->{pid};
	waitpid($proxy->{pid}, 0);
	return -e $proxy->{report} ? read_bytes($proxy->{report}) : '';
}

# Bytes that went through, and whether the limit was reached.
sub note_bytes
{
	my ($report, $total, $tripped) = @_;

	write_bytes("$report.new", "$total $tripped");
	rename "$report.new", $report;
	return;
}

sub forward
{
	my ($listen, $socket, $kind, $limit, $report) = @_;
	my $all = IO::Select->new($listen);
	my (%peer, $tripped);
	my $total = 0;
	my $drop = sub {
		my ($one) = @_;
		my $other = delete $peer{$one};
		delete $peer{$other} if $other;
		for (grep { defined } $one, $other) { $all->remove($_); close $_ }
	};

	while (1)
	{
		for my $ready ($all->can_read)
		{
			if ($ready == $listen)
			{
				my $client = $listen->accept or next;
				my $server = IO::Socket::UNIX->new(Peer => $socket);
				if (!$server) { close $client; next }
				@peer{ $client, $server } = ($server, $client);
				$all->add($client, $server);
				next;
			}
			next if !$peer{$ready};
			my $got = sysread($ready, my $data, 65536);
			if (!$got) { $drop->($ready); next }
			$total += length $data;
			sleep(0.003) if $kind eq 'delay';
			my $trips = $kind ne 'delay' && $total >= $limit;
			note_bytes($report, $total, $trips || $tripped ? 1 : 0);
			if ($trips && $kind eq 'silent')
			{
				# Nothing is read any more, nothing is closed.
				sleep(1000) while 1;
			}
			if ($trips && !$tripped++)
			{
				syswrite($peer{$ready}, substr($data, 0, int(length($data) / 2))) if $kind eq 'cut';
				for my $one (grep { $_ != $listen } $all->handles)
				{
					setsockopt($one, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $kind eq 'reset';
				}
				$drop->($_) for grep { $_ != $listen } $all->handles;
				last;
			}
			my $done = 0;
			while ($done < length $data)
			{
				my $now = syswrite($peer{$ready}, $data, length($data) - $done, $done);
				if (!defined $now) { $drop->($ready); last }
				$done += $now;
			}
		}
	}
	return;
}

sub run_through
{
	my ($world, $kind, $limit, $arguments) = @_;
	my $proxy = start_proxy($world, $kind, $limit);
	my %how = (env => { PGHOST => '127.0.0.1', PGPORT => $proxy->{port} });

	if ($kind eq 'silent')
	{
		# Told to stop when nobody answers any more.
		$how{last_words} = $last_words;
		$how{meanwhile} = sub {
			my ($pid) = @_;
			return 0 if !-e $proxy->{report} || read_bytes($proxy->{report}) !~ / 1$/;
			sleep(0.3);
			return kill 'TERM', $pid;
		};
	}
	my $result = run_tool($world, $arguments, %how);
	my ($total, $tripped) = split / /, stop_proxy($proxy) || '0 0';
	$result->{bytes} = $total;
	$result->{hit} = $tripped || $kind eq 'delay' ? "connection:$kind:$total" : '';
	# Sessions that a silent proxy has kept end now.
	query('postgres', "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
	  if $kind eq 'silent';
	return $result;
}

# Operations that talk to the server, each fault at so many places, spread over all that is sent.
sub connection_trials
{
	my ($world, $places, @operations) = @_;
	my @trials;

	for my $operation (@operations)
	{
		my ($clean, @problems) = try_operation($world, $operation, sub { run_through($_[0], 'close', 1e15, $_[1]) });
		die "$operation->{name} through a proxy: exit $clean->{code}: $clean->{err}@{[ map { @$_ } @problems ]}" if $clean->{code} != 0;
		for my $kind (@kinds)
		{
			my $count = $kind eq 'delay' ? 1 : $kind eq 'silent' ? ($places + 2) / 3 : $places;
			for my $place (1 .. $count)
			{
				my $limit = 1 + int($clean->{bytes} * ($place - rand()) / $count);
				push @trials, { part => 'connection', row => $operation->{name}, column => $kind,
					name => "connection $operation->{name} $kind:$limit",
					run => sub {
						my ($world) = @_;
						return try_operation($world, $operation, sub { run_through($_[0], $kind, $limit, $_[1]) });
					} };
			}
		}
	}
	return @trials;
}

# -------------------------------------------------------------- the server

my %to_server = (
	terminate => sub { query('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'") },
	cancel => sub { query('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'") },
	crash => sub {
		my $pid = query('postgres', "SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'");
		kill 'KILL', $pid;
	},
	fast => sub { $_[0]->{node}->stop('fast'); $_[0]->{node}->start },
	immediate => sub { $_[0]->{node}->stop('immediate'); $_[0]->{node}->start });

sub run_with_server
{
	my ($world, $kind, $moment, $arguments) = @_;
	my $did = 0;
	my $result = run_tool($world, $arguments, after => $moment, meanwhile => sub { $did = 1; eval { $to_server{$kind}->($world) }; return 1 });

	for (1 .. 150)
	{
		last if eval { query('postgres', 'SELECT 1') };
		sleep(0.2);
	}
	$result->{hit} = $did ? "server:$kind:$moment" : '';
	return $result;
}

sub server_trials
{
	my ($world, $places, @operations) = @_;
	my @trials;

	for my $operation (@operations)
	{
		my $clean = clean_counts($world, $operation);
		for my $kind (@server_kinds)
		{
			for my $place (1 .. $places)
			{
				my $moment = sprintf('%.3f', $clean->{seconds} * rand());
				push @trials, { part => 'server', row => $operation->{name}, column => $kind,
					name => "server $operation->{name} $kind:$moment",
					run => sub {
						my ($world) = @_;
						return try_operation($world, $operation, sub { run_with_server($_[0], $kind, $moment, $_[1]) });
					} };
			}
		}
	}
	return @trials;
}

1;
