# NexBackup::Faults
#   Faults in what the tool asks of the system: a world to try them in, running
#   a command with one of them, and what must hold afterwards.
#
#   A world is a server with a small database, two repositories (plain and
#   encrypted) of two backups each, and how everything looked at each moment.
#   A trial works on a copy of the repositories, so that none has to do with
#   another.  What a command must have done is in NexBackup::FaultOperations.
package NexBackup::Faults;

use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use JSON::PP ();
use NexBackup::Test;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(build_shim new_world enter_world fresh_trial run_bounded run_tool run_faulted clean_counts
  call_kinds faults_of common_problems exported globals_exported dump_text live_problem roles_text repo_options
  list_ids verify_now);

# In the order of fault_shim.h.
my @kinds = qw(open read write sync close rename unlink mkdir stat list lock thread process network memory random);

# What may become of each kind; "+" is a fault that stays.
my %faults = (
	open => [qw(EMFILE EIO EINTR kill)],
	read => [qw(EIO EINTR short kill)],
	write => [qw(ENOSPC+ EIO EDQUOT EINTR short kill ENOSPC)],
	sync => [qw(EIO ENOSPC EINTR kill EIO+)],
	close => [qw(EIO ENOSPC EINTR kill)],
	rename => [qw(EIO ENOSPC EACCES kill)],
	unlink => [qw(EIO EACCES kill)],
	mkdir => [qw(ENOSPC EIO kill)],
	stat => [qw(EIO ESTALE kill)],
	list => [qw(EIO kill)],
	lock => [qw(ENOLCK EINTR kill)],
	thread => [qw(EAGAIN EAGAIN+)],
	process => [qw(EAGAIN EMFILE kill)],
	network => [qw(ECONNRESET EINTR short kill)],
	memory => [qw(ENOMEM)],
	random => [qw(ENOSYS kill)]);

# A command that takes longer hangs.
my $patience = $ENV{NEXB_FAULTS_PATIENCE} || 60;

sub call_kinds { return @kinds }
sub faults_of { return @{ $faults{ $_[0] } } }

# The library to preload, compiled; undef if there is no compiler.
sub build_shim
{
	my ($directory) = @_;
	my $shim = "$directory/fault_shim.so";
	my @sources = glob(top() . '/tests/faults/*.c');

	return undef
	  if system($ENV{CC} || 'cc', '-std=gnu11', '-O1', '-D_GNU_SOURCE', '-shared', '-fPIC', '-o', $shim, @sources) != 0;
	return $shim;
}

# ------------------------------------------------------------- running

# Run a program to its end, or for so many seconds at most.  After "after" seconds "meanwhile" is
# called, again and again until it gives true; from then on it may last "last_words" seconds more.
# A hash of code, out, err, hung, seconds.
sub run_bounded
{
	my ($argv, %how) = @_;
	my $log = File::Temp::tempdir(CLEANUP => 0);
	my $start = time;
	my $limit = $how{patience} || $patience;
	my $pid = fork;

	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		$ENV{$_} = $how{env}{$_} for keys %{ $how{env} || {} };
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$log/out");
		open(STDERR, '>', "$log/err");
		setpgrp(0, 0);
		exec { $argv->[0] } @$argv or POSIX::_exit(127);
	}
	my ($hung, $done) = (0, 0);
	while (waitpid($pid, WNOHANG) == 0)
	{
		my $passed = time - $start;
		if ($how{meanwhile} && !$done && $passed >= ($how{after} || 0))
		{
			$done = $how{meanwhile}->($pid);
			$limit = $passed + $how{last_words} if $done && $how{last_words};
		}
		if ($passed > $limit)
		{
			$hung = 1;
			kill 'KILL', -$pid;
		}
		sleep($passed < 0.1 ? 0.003 : 0.01);
	}
	my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	my %result = (code => $code, hung => $hung, seconds => time - $start,
		out => read_bytes("$log/out"), err => read_bytes("$log/err"));
	remove_tree($log);
	return \%result;
}

sub run_tool
{
	my ($world, $arguments, %how) = @_;

	$how{env} = { TMPDIR => "$world->{trial}/tmp", HOME => "$world->{trial}/home", %{ $how{env} || {} } };
	return run_bounded([ tool_path(), @$arguments ], %how);
}

# Run the tool with a fault, or with none to count the calls: adds "hit", a text, and "calls".
sub run_faulted
{
	my ($world, $fault, $arguments) = @_;
	my $state = "$world->{trial}/state_of_faults";
	my $size = 8 * (@kinds + 1);

	write_bytes($state, "\0" x 4096);
	my %env = (LD_PRELOAD => $world->{shim}, FAULT_STATE => $state, $fault ne '' ? (FAULT => $fault) : ());
	my $result = run_tool($world, $arguments, env => \%env);
	my $bytes = read_bytes($state);
	my @numbers = unpack('Q' . (@kinds + 1), $bytes);
	my ($hit) = unpack('Z*', substr($bytes, $size));
	$result->{hit} = $numbers[-1] ? ($hit || 'memory') : '';
	$result->{calls} = { map { ($kinds[$_] => $numbers[$_]) } 0 .. $#kinds };
	return $result;
}

# ------------------------------------------------------------- the world

sub repo_options
{
	my ($world, $which) = @_;
	my $trial = $world->{trial};
	my @options = ('--repo', "$trial/$which", '--state-dir', "$trial/state", '--catalogue', 'none', '--progress', 'none');

	push @options, '--identity', "$trial/key", '--signer', $world->{signer}
	  if $which eq 'encrypted' && defined $world->{signer};
	return @options;
}

my $schema = <<'SQL';
CREATE SCHEMA s;
CREATE TYPE s.color AS ENUM ('red', 'green', 'blue');
CREATE SEQUENCE s.seq START 1000;
CREATE TABLE s.customer (id serial PRIMARY KEY, name text NOT NULL, c s.color);
CREATE TABLE s.orders (id serial PRIMARY KEY, customer_id int REFERENCES s.customer, amount numeric(12,2), note text);
CREATE INDEX ON s.orders (customer_id, amount);
CREATE TABLE s.empty (i int);
CREATE VIEW s.v AS SELECT c.name, sum(o.amount) FROM s.customer c JOIN s.orders o ON o.customer_id = c.id GROUP BY 1;
CREATE MATERIALIZED VIEW s.mv AS SELECT count(*) FROM s.orders WITH NO DATA;
INSERT INTO s.customer (name, c) SELECT 'customer ' || i, (ARRAY['red','green','blue'])[1 + i % 3]::s.color FROM generate_series(1, 100) i;
INSERT INTO s.orders (customer_id, amount, note) SELECT 1 + i % 100, i / 7.0, md5(i::text) FROM generate_series(1, 1000) i;
SELECT lo_from_bytea(0, decode(md5(i::text), 'hex')) FROM generate_series(1, 3) i;
SELECT nextval('s.seq') FROM generate_series(1, 17);
REFRESH MATERIALIZED VIEW s.mv;
ALTER DATABASE mini SET work_mem = '5MB';
CREATE ROLE zz_one LOGIN PASSWORD 'x';
CREATE ROLE zz_two;
GRANT zz_two TO zz_one;
GRANT SELECT ON s.orders TO zz_two;
SQL

# Everything that the trials of one worker need, on a server that runs.
sub new_world
{
	my ($node, $shim, $directory) = @_;
	my $world = { node => $node, shim => $shim, directory => $directory, template => "$directory/template",
		trial => "$directory/trial" };

	# Made where the trials are, as some of it holds absolute paths.
	make_path(map { "$world->{trial}/$_" } qw(tmp home etc out));
	use_server($node);
	query('postgres', 'CREATE DATABASE mini TEMPLATE template0');
	query('mini', $schema);

	my $key = prepare($world, 'keygen', '-o', "$world->{trial}/key");
	my $other = prepare($world, 'keygen', '-o', "$world->{trial}/key2");
	($world->{recipient}) = $key =~ /(age1\S+)/;
	($world->{second_recipient}) = $other =~ /(age1\S+)/;
	prepare($world, 'init', '--repo', "$world->{trial}/plain");
	my $made = prepare($world, 'init', '--state-dir', "$world->{trial}/state", '--repo', "$world->{trial}/encrypted",
		'--recipient', $world->{recipient});
	($world->{signer}) = $made =~ /^signer: (\S+)/m or die "no signer: $made";

	make_files($world);
	for my $round (1, 2)
	{
		for my $which ('plain', 'encrypted')
		{
			prepare($world, 'backup', '-d', 'mini', '-j', 2, repo_options($world, $which));
			prepare($world, 'globals', 'backup', repo_options($world, $which));
			prepare($world, 'config', 'backup', '--recipient', $world->{recipient}, repo_options($world, $which),
				glob("$world->{trial}/etc/*"));
		}
		$world->{dump}[$round] = dump_text('mini');
		query('mini', "UPDATE s.customer SET name = name || '!' WHERE id % 9 = $round; INSERT INTO s.orders (customer_id, note) VALUES ($round, 'new');"
			  . ($round == 2 ? 'DELETE FROM s.orders WHERE id BETWEEN 100 AND 120' : ''));
	}
	prepare($world, 'verify', repo_options($world, $_)) for 'plain', 'encrypted';
	$world->{dump}[3] = dump_text('mini');
	$world->{oid} = query('postgres', "SELECT oid FROM pg_database WHERE datname = 'mini'");
	$world->{live} = fingerprint();
	$world->{roles} = roles_text();
	for my $which ('plain', 'encrypted')
	{
		$world->{ids}{$which} = list_ids($world, $which);
		$world->{export}{"$which $_"} = exported($world, $which, $_) for @{ $world->{ids}{$which}{database} };
		$world->{rows} = run_tool($world, [ 'cat', 'mini', '--table', 's.orders', repo_options($world, $which) ])->{out};
	}
	$world->{export}{3} = do
	{
		prepare($world, 'init', '--repo', "$world->{trial}/scratch");
		prepare($world, 'backup', '-d', 'mini', '-j', 2, repo_options($world, 'scratch'));
		exported($world, 'scratch', 'mini');
	};
	remove_tree("$world->{trial}/scratch");
	$world->{globals} = globals_exported($world, 'plain');
	system('cp', '-a', $world->{trial}, $world->{template}) == 0 or die 'cp';
	return $world;
}

# Files for "config backup", and what others may have put in their place at a restore.
sub make_files
{
	my ($world) = @_;
	my %text = ('app.env' => "USER=shop\nPASSWORD=hidden1\n", 'app.yaml' => "db:\n  host: h\n  password: hidden2\n",
		'server.conf' => "listen = '*'\n" . "x = 1\n" x 500);

	for my $name (keys %text)
	{
		write_bytes("$world->{trial}/etc/$name", $text{$name});
		$world->{files}{$name} = $text{$name};
	}
	return;
}

sub prepare
{
	my ($world, @arguments) = @_;
	my $result = run_tool($world, \@arguments);

	die "nex_backup @arguments: exit $result->{code}: $result->{err}" if $result->{code} != 0;
	return $result->{out};
}

# Make this world the one that commands talk to, in the process that calls.
sub enter_world
{
	my ($world) = @_;

	use_server($world->{node});
	return;
}

# A new copy of the repositories and of all that belongs to them, at a path that is always the same.
sub fresh_trial
{
	my ($world) = @_;
	my $trial = "$world->{directory}/trial";

	if (-e $trial)
	{
		# Trials take rights away.
		system('chmod', '-R', 'u+rwX', $trial);
		remove_tree($trial);
	}
	system('cp', '-a', $world->{template}, $trial) == 0 or die 'cp';
	$world->{trial} = $trial;
	return;
}

# ------------------------------------------------------ how things look

sub dump_text
{
	my ($database) = @_;

	return NexBackup::Test::normalized_dump($database);
}

# The live database, in one line: is it the same one, and are its rows the same?
sub fingerprint
{
	return query('mini', <<'SQL');
SELECT (SELECT oid FROM pg_database WHERE datname = 'mini'),
	(SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM s.customer t),
	(SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM s.orders t),
	(SELECT count(*) FROM pg_class WHERE relnamespace = 's'::regnamespace),
	(SELECT count(*) FROM pg_constraint WHERE connamespace = 's'::regnamespace),
	(SELECT count(*) FROM pg_largeobject_metadata), (SELECT last_value FROM s.seq)
SQL
}

sub live_problem
{
	my ($world) = @_;
	my $now = eval { fingerprint() };

	return () if defined $now && $now eq $world->{live};
	return ([ 'loss', 'the live database is not as it was: ' . ($now // $@) ]);
}

sub roles_text
{
	return query('postgres', "SELECT string_agg(rolname || rolcanlogin || coalesce(rolpassword, '-'), ',' ORDER BY rolname) FROM pg_authid")
	  . query('postgres', 'SELECT count(*) FROM pg_auth_members');
}

# A backup as SQL, without what differs between two backups of the same; undef if it cannot be read.
sub exported
{
	my ($world, $which, $backup) = @_;
	my $result = run_tool($world, [ 'export', $backup =~ /^mini/ ? $backup : "mini/$backup", '--yes', '-o', "$world->{trial}/out/exported.sql",
		repo_options($world, $which) ]);

	return undef if $result->{code} != 0;
	return plain_text(read_bytes("$world->{trial}/out/exported.sql"));
}

sub globals_exported
{
	my ($world, $which) = @_;
	my $result = run_tool($world, [ 'globals', 'export', '--yes', '-o', "$world->{trial}/out/globals.sql", repo_options($world, $which) ]);

	return undef if $result->{code} != 0;
	return plain_text(read_bytes("$world->{trial}/out/globals.sql"));
}

sub plain_text
{
	my ($text) = @_;

	return join("\n", grep { !/^--|^\\(?:un)?restrict|^$/ } split /\n/, $text);
}

# Ids of the backups in a repository, by kind, oldest first; undef if it cannot be listed.
sub list_ids
{
	my ($world, $which) = @_;
	my %ids;

	for my $kind ([ 'database', 'list' ], [ 'globals', 'globals', 'list' ], [ 'config', 'config', 'list' ])
	{
		my ($name, @verb) = @$kind;
		my $result = run_tool($world, [ @verb, '--json', repo_options($world, $which) ]);
		my $list = eval { JSON::PP->new->utf8->decode($result->{out}) } or return undef;
		my @found = grep { $name ne 'database' || ($_->{kind} // '') eq 'database' } @{ $list->{backups} };
		$ids{$name} = [ map { $_->{backup} // $_->{id} } @found ];
	}
	return \%ids;
}

sub verify_now
{
	my ($world, $which, @more) = @_;

	return run_tool($world, [ 'verify', '-j', 2, @more, repo_options($world, $which) ]);
}

# What must hold after every trial on a good repository, whatever came of it: all backups that were
# there are there and good, and nothing is left in TMPDIR but by what was killed.
sub common_problems
{
	my ($world, $which, $result, %removed) = @_;
	my @problems;
	my $ids = list_ids($world, $which);
	my $verify = verify_now($world, $which);

	push @problems, [ 'hang', "after $result->{seconds} s" ] if $result->{hung};
	push @problems, [ 'other', "crash: exit $result->{code}" ]
	  if $result->{code} >= 128 && $result->{code} != 130 && $result->{code} != 128 + 9;
	push @problems, [ 'loss', "verify: exit $verify->{code}: $verify->{out}$verify->{err}" ] if $verify->{code} != 0;
	if (defined $ids)
	{
		for my $kind (keys %{ $world->{ids}{$which} })
		{
			my %there = map { $_ => 1 } @{ $ids->{$kind} };
			for my $id (@{ $world->{ids}{$which}{$kind} })
			{
				push @problems, [ 'loss', "$kind $id is not there" ] if !$there{$id} && !$removed{$kind}{$id};
			}
		}
	}
	else
	{
		push @problems, [ 'loss', 'the repository cannot be listed' ];
	}
	if ($result->{code} < 128 || $result->{code} == 130)
	{
		my @left = grep { -e $_ } glob("$world->{trial}/tmp/*");
		# What could not be looked at or removed is there.
		push @problems, [ 'other', "left in TMPDIR: @left" ] if @left && $result->{hit} !~ m{ unlink |$world->{trial}/tmp};
	}
	return @problems;
}

# Calls of each kind that a command makes when nothing happens; the trial is used up by it.
sub clean_counts
{
	my ($world, $operation) = @_;

	fresh_trial($world);
	$operation->{prepare}->($world) if $operation->{prepare};
	my $result = run_faulted($world, '', $operation->{arguments}->($world));
	$operation->{reset}->($world, $result) if $operation->{reset};
	return $result;
}

1;
