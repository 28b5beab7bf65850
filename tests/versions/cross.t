# One tool and servers of several versions: each is backed up with its own pg_dump (or with the next newer
# one, where that is not to be had), and a backup is restored into every newer server as pg_dump | psql would
# carry it over.  Then all older servers once more, with the newest pg_dump and pg_restore that there are.
# Not part of "make check": scripts/check_versions.sh starts the servers and names them.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

plan skip_all => 'NEXB_SERVERS is not set; "make check-versions" starts servers of other versions'
  unless $ENV{NEXB_SERVERS};

my $node = start_server('main', wal_level => 'logical');
my @servers = ({
		version => $node->pg_version->major, host => $node->host, port => $node->port,
		programs => $node->config_data('--bindir') });

for my $line (split /\n/, $ENV{NEXB_SERVERS})
{
	my ($version, $host, $programs) = split / /, $line;
	push @servers, { version => $version, host => $host, port => 5432, programs => $programs };
}

my $scratch = PostgreSQL::Test::Utils::tempdir();

# IPC::Run keeps to the program that it found first, so what PATH leads to looks further.
for my $program (qw(psql pg_dump))
{
	write_bytes("$scratch/$program", qq(#!/bin/sh\nexec "\$NEXB_PROGRAMS/$program" "\$@"\n));
	chmod 0755, "$scratch/$program";
}
$ENV{PATH} = "$scratch:$ENV{PATH}";

# Do something with libpq, psql, pg_dump and the tool directed at one of the servers.
sub at
{
	my ($server, $what) = @_;

	local %ENV = (
		%ENV,
		PGHOST => $server->{host},
		PGPORT => $server->{port},
		PGUSER => 'postgres',
		NEXB_PROGRAMS => $server->{programs},
		NEX_BACKUP_PG_BINDIR => $server->{programs});
	return $what->();
}

# The major version of the pg_dump that is found for a server.
sub pg_dump_version
{
	my ($server) = @_;
	my ($version) = `"$server->{programs}/pg_dump" --version` =~ /^pg_dump \(PostgreSQL\) (\d+)/;

	return $version;
}

$_->{pg_dump} = pg_dump_version($_) for @servers;

sub fill
{
	my ($server) = @_;

	is(int(query('postgres', 'SHOW server_version_num') / 10000), $server->{version}, 'a server of that version');
	if ($server != $servers[0])
	{
		query('postgres', "CREATE ROLE $_ LOGIN") for qw(invoice_app invoice_report);
	}
	load_sample('sample', 0.01);
	create_database('every');
	is(system('psql', '-qX', '-o', '/dev/null', '-d', 'every', '-f', top() . '/tests/fixtures/every_object.sql'),
		0, 'the fixture loads');
	return;
}

# Back up, verify, and restore on the same server under a new name.
sub there_and_back
{
	my ($server, $database, $copy) = @_;
	my $step = "$server->{version} with pg_dump $server->{pg_dump}, $database";

	tool_ok([ 'backup', '--repo', $server->{repo}, '-d', $database, '-j', 2 ], "$step: backup");
	tool_ok([ 'verify', '--repo', $server->{repo}, $database ], "$step: verify");
	my ($manifest) = glob("$server->{repo}/backups/$database/*.json");
	like(read_bytes($manifest), qr/"pg_dump":\s*"$server->{pg_dump}\b/, "$step: made by that pg_dump");
	is(system("pg_dump -f $scratch/$database.$server->{version}.sql $database"), 0, "$step: pg_dump");
	tool_ok([ 'restore', '--repo', $server->{repo}, $database, '--to', $copy, '-j', 2 ], "$step: restore");
	return same_database($database, $copy, "$step: as it was") if $server->{pg_dump} == $server->{version};

	# A newer pg_dump takes the newer version's privileges on schema public for granted.
	create_database("carried_$copy");
	is(system('psql', '-qX', '-o', '/dev/null', '-d', "carried_$copy",
			'-f', "$scratch/$database.$server->{version}.sql"), 0, "$step: pg_dump | psql");
	return same_database("carried_$copy", $copy, "$step: as pg_dump | psql brings it");
}

# Parts of the sample database, into a new database and into the copy, and the globals.
sub parts_and_globals
{
	my ($server, $copy) = @_;
	my $step = "$server->{version} with pg_dump $server->{pg_dump}";
	my @part = ('restore', '--repo', $server->{repo}, 'sample', '--table', 'audit.log');

	tool_ok([ @part, '--to', "part_$copy", '-j', 2 ], "$step: one table into a new database");
	is(query("part_$copy", 'SELECT count(*), max(log_id) FROM audit.log'), query($copy, 'SELECT count(*), max(log_id) FROM audit.log'),
		"$step: with its rows");
	query($copy, 'DROP TABLE audit.log');
	tool_ok([ @part, '--to', $copy ], "$step: a table that was dropped");
	query($copy, 'DELETE FROM audit.log WHERE log_id % 3 = 0');
	tool_ok([ @part, '--to', $copy, '--append', '--on-conflict', 'skip' ], "$step: rows that were deleted");
	same_database('sample', $copy, "$step: all is as it was");
	tool_ok([ 'globals', 'backup', '--repo', $server->{repo} ], "$step: backup of the globals");
	tool_ok([ 'globals', 'restore', '--repo', $server->{repo}, '--yes' ], "$step: restore of the globals changes nothing");
	return;
}

for my $server (@servers)
{
	$server->{repo} = new_repository();
	at($server, sub {
		fill($server);
		there_and_back($server, $_, "again_$_") for qw(sample every);
		parts_and_globals($server, 'again_sample');
	});
}

for my $from (@servers)
{
	for my $to (grep { $_->{version} > $from->{version} } @servers)
	{
		my $step = "$from->{version} to $to->{version}";

		at($to, sub {
			for my $database (qw(sample every))
			{
				my $suffix = "$database\_$from->{version}";
				create_database("carried_$suffix");
				is(system('psql', '-qX', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', "carried_$suffix",
						'-f', "$scratch/$database.$from->{version}.sql"), 0, "$step: pg_dump | psql of $database");
				tool_ok([ 'restore', '--repo', $from->{repo}, $database, '--to', "restored_$suffix", '-j', 2 ],
					"$step: restore of $database");
				same_database("carried_$suffix", "restored_$suffix", "$step: $database as pg_dump | psql brings it");
			}
		});
	}
}

my ($newest) = sort { $b->{pg_dump} <=> $a->{pg_dump} } @servers;

for my $older (grep { $_->{version} < $newest->{pg_dump} } @servers)
{
	my $server = {
		%$older, programs => $newest->{programs}, pg_dump => $newest->{pg_dump}, repo => new_repository() };

	at($server, sub {
		# A newer pg_dump writes it with parameters that no older server takes.
		query('every', 'DROP SUBSCRIPTION sub');
		there_and_back($server, $_, "newer_$_") for qw(sample every);
		parts_and_globals($server, 'newer_sample');
	});
}

done_testing();
