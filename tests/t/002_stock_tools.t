# A repository can be verified and restored without nex_backup.
use strict;
use warnings;

use NexBackup::Test;
use Test::More;

my $node = start_server('main');

load_sample('invoices', 0.005);
my %codec = ('zstd' => 'zstd -dc', 'gzip' => 'gunzip -c', 'none' => 'cat', 'zstd:9' => 'zstd -dc');

for my $codec (sort keys %codec)
{
	my $name = $codec =~ s/\W/_/r;
	my $repo = new_repository();
	my ($code, $out, $err) =
	  tool('backup', '--repo', $repo, '-d', 'invoices', '-j', 2, '--compress', $codec, '--chunk-blocks', 64);
	is($code, 0, "backup with $codec") or diag($err);
	my $id = latest_id($repo, 'invoices');
	create_database("stock_$name");
	is(stock_restore($repo, "backups/invoices/$id.sha256", $codec{$codec}, "stock_$name"),
		0, "stock tools restore $codec");
	same_database('invoices', "stock_$name", "the same database from $codec");

	my ($unpack, $suffix) = $codec =~ /zstd/ ? ('zstd -dc', 'zst') : $codec eq 'gzip' ? ('gunzip -c', 'gz')
	  : ('cat', 'sql');
	my $file = "$repo/../export.sql" . ($suffix eq 'sql' ? '' : ".$suffix");
	tool_ok([ 'export', '--repo', $repo, 'invoices', '-o', $file ], "export $codec");
	create_database("export_$name");
	is(system("$unpack '$file' | psql -qX -v ON_ERROR_STOP=1 -d export_$name >/dev/null") >> 8,
		0, "the exported file loads");
	same_database('invoices', "export_$name", "the same database from the exported file of $codec");
	ok(-s "$repo/RECOVER.txt", 'RECOVER.txt');
	like(read_bytes("$repo/RECOVER.txt"), qr/sha256sum -c/, 'tells of sha256sum');
}
done_testing();
