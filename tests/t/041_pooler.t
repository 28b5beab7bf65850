# A connection pooler between tool and server: refused, whatever its pool mode, and nothing is done.
use strict;
use warnings;

use File::Temp ();
use NexBackup::Test;
use PostgreSQL::Test::Cluster;
use Test::More;

my ($pgbouncer) = grep { -x $_ } ('/usr/sbin/pgbouncer', '/usr/bin/pgbouncer');
plan skip_all => 'pgbouncer is not installed' unless $pgbouncer;
plan skip_all => 'pgbouncer does not run as root' if $> == 0;

my $node = start_server('main');
my $repo = new_repository();
my $directory = File::Temp::tempdir(CLEANUP => 1);
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $user = getpwuid($>);

query('postgres', 'CREATE DATABASE shop TEMPLATE template0');
query('shop', 'CREATE TABLE t AS SELECT generate_series(1, 10) AS i');

for my $mode ('session', 'transaction')
{
	write_bytes("$directory/users", qq("$user" ""\n));
	write_bytes("$directory/pgbouncer.ini", <<"INI");
[databases]
* = host=@{[ $node->host ]} port=@{[ $node->port ]}
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $directory
auth_type = trust
auth_file = $directory/users
pool_mode = $mode
pidfile = $directory/pid
logfile = $directory/log
INI
	system($pgbouncer, '-q', '-d', "$directory/pgbouncer.ini");
	ok(wait_until(sub { -S "$directory/.s.PGSQL.$port" }), "pgbouncer runs with pool_mode = $mode")
	  or diag(read_bytes("$directory/log"));
	my @through = ('-h', $directory, '-p', $port, '-d', 'shop', '-U', $user);
	my $err = tool_fails([ 'backup', '--repo', $repo, @through ], 1,
		qr/the connection goes through a connection pooler/, "pool_mode = $mode: a backup is refused");
	like($err, qr/HINT:.*PostgreSQL's own host and port/, 'with a hint');
	is(scalar @{ tool_json('list', '--repo', $repo)->{backups} }, 0, 'nothing was stored');
	chomp(my $pid = read_bytes("$directory/pid"));
	kill 'TERM', $pid;
	wait_until(sub { !kill 0, $pid });
	unlink "$directory/.s.PGSQL.$port";
}
tool_ok([ 'backup', '--repo', $repo, '-d', 'shop' ], 'without the pooler it works');

done_testing();
