# The extension in databases of every encoding that a server can have.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');

plan skip_all => 'the extension is not installed' unless have_extension();

my @encodings = split /\n/,
  query('postgres', 'SELECT n FROM (SELECT pg_encoding_to_char(i) AS n, i FROM generate_series(0, 34) i) e'
	  . " WHERE n <> '' ORDER BY i");
my %sources;

cmp_ok(scalar @encodings, '>', 30, 'there are many');
for my $encoding (@encodings)
{
	my $database = lc "in_$encoding";

	subtest $encoding => sub {
		query('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
		query($database, 'CREATE EXTENSION nex_backup');
		cmp_ok(query($database, 'SELECT count(*) FROM nex_backup_status()'), '>', 2, 'the status can be read');
		my $source = query($database, q{SELECT md5(string_agg(p.prosrc, '' ORDER BY p.proname, p.oid::regprocedure::text))}
			  . q{ || ' ' || bool_and(octet_length(p.prosrc) = length(p.prosrc))::text}
			  . q{ FROM pg_proc p WHERE p.pronamespace = 'nex_backup'::regnamespace});
		$sources{$source} = $encoding;
		query($database, 'DROP EXTENSION nex_backup');
		query($database, "CREATE EXTENSION nex_backup VERSION '0.2.0'");
		query($database, 'ALTER EXTENSION nex_backup UPDATE');
		is(query($database, q{SELECT substring(prosrc FROM 'database => [^.]*[.]{3}') IS NOT NULL FROM pg_proc}
				  . q{ WHERE oid = 'nex_backup.check_definition'::regproc}), 't', 'the hint is in ASCII, after an update, too');
		query('postgres', "DROP DATABASE $database");
	};
}
is(scalar keys %sources, 1, 'the same functions in all of them');

done_testing();
