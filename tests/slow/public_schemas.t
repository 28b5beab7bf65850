# Schemas of real applications come back whole.
#   Not part of "make check", as it needs their Debian packages, which are unpacked but not installed:
#   mkdir debs && cd debs && apt-get download icinga2-ido-pgsql kamailio-postgres-modules \
#     pdns-backend-pgsql roundcube-core zabbix-server-pgsql freeradius-config
#   for deb in *.deb; do dpkg -x "$deb" .; done
#   make check-public-schemas PUBLIC_SCHEMAS=debs
use strict;
use warnings;

use NexBackup::Oracle;
use NexBackup::Test;
use Test::More;

my $from = $ENV{PUBLIC_SCHEMAS};

plan skip_all => 'PUBLIC_SCHEMAS does not name a directory with unpacked packages' unless defined $from && -d $from;

my %applications = (
	icinga => ['usr/share/icinga2-ido-pgsql/schema/pgsql.sql'],
	powerdns => ['usr/share/pdns-backend-pgsql/schema/schema.pgsql.sql'],
	roundcube => ['usr/share/roundcube/SQL/postgres.initial.sql'],
	kamailio => ['usr/share/kamailio/postgres/*-create.sql'],
	freeradius => ['etc/freeradius/3.0/mods-config/sql/main/postgresql/schema.sql'],
	zabbix => ['usr/share/zabbix-server-pgsql/{schema,images,data}.sql.gz']);

start_server('main', fsync => 'off', max_locks_per_transaction => 256);
my $repo = new_repository();
my $tested = 0;

for my $name (sort keys %applications)
{
	my @files = map { glob("$from/$_") } @{ $applications{$name} };

	if (!@files)
	{
		note("$name: no schema below \"$from\"");
		next;
	}
	# The tables before the rows, where they are files of their own.
	@files = sort { ($b =~ /schema|standard/) <=> ($a =~ /schema|standard/) || $a cmp $b } @files;
	create_database($name);
	system('bash', '-c', 'db=$1; shift; for file; do case $file in *.gz) zcat "$file" ;; *) cat "$file" ;; esac; echo; done | psql -qX -o /dev/null -d "$db" 2>/dev/null',
		'bash', $name, @files);
	my $tables = query($name, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace");
	cmp_ok($tables, '>', 0, "$name: $tables tables");
	# Statistics of rows, for the note.
	query($name, 'ANALYZE');
	note("$name: " . query($name, "SELECT coalesce(sum(reltuples), 0) || ' rows, ' || count(*) || ' tables' FROM pg_class WHERE relkind = 'r' AND oid >= 16384"));
	oracle($repo, $name, modes => [ @modes[1, 3] ]);
	$tested++;
}
cmp_ok($tested, '>', 0, "$tested applications");
done_testing();
