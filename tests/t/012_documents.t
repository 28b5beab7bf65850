# Each command block of the documents works, as it is written, in the order in which it is written.
#
# Blocks tagged sh go to "bash -e", blocks tagged sql to psql with ON_ERROR_STOP; yaml is read as
# a settings file; text is output or a form and is not run.  Nothing in a block is replaced: only
# the environment (server, repository, PATH, directory) is the test's.  Where a document describes
# an accident, the accident really happens before the section that cures it, and afterwards the
# data is compared.  tests/guide does also what the sentences of the recovery guide say.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use IPC::Run ();
use NexBackup::Document;
use NexBackup::Test;
use Test::More;

# Blocks that are not run: document, first line, why.
my @exceptions = (
	[ 'README.md', qr/^make demo/, 'they install packages and run this very test' ],
	[ 'README.md', qr/^sudo apt-get install/, 'needs root and installs into the system' ],
	[ 'README.md', qr/^CREATE EXTENSION nex_backup;\nSELECT nex_backup_create_repository/, 'tests/t/061_scheduler.t runs it' ],
	[ 'README.md', qr/^install .* \/etc\/nex_backup[.]s3/, 'needs a bucket; tests/t/087_bucket.t runs these commands' ],
	[ 'docs/recovery_guide.md', qr/^sudo apt-get install/, 'needs root and installs into the system' ],
	[ 'CONTRIBUTING.md', qr/^make/, 'builds and tests, as is done here already' ]);
my %excepted;

my ($node, $directory);

# --------------------------------------------------------------- documents

sub blocks_in
{
	my ($document) = @_;

	return blocks_of($document, read_bytes(top() . "/$document"));
}

sub exception_for
{
	my ($document, $block) = @_;

	for my $exception (@exceptions)
	{
		next unless $exception->[0] eq $document && $block->{text} =~ $exception->[1];
		$excepted{$exception} = 1;
		return $exception->[2];
	}
	return;
}

sub run_block
{
	my ($document, $block) = @_;
	my $name = "$document, line $block->{line} ($block->{heading}), $block->{tag}";
	my $why = exception_for($document, $block);
	my %command = (sh => [ 'bash', '-e' ], sql => [ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', '-' ]);
	my ($out, $err) = ('', '');

	if ($why)
	{
		note("not run: $name: $why");
		return;
	}
	return if $block->{tag} eq 'text';
	if ($block->{tag} eq 'yaml')
	{
		write_bytes("$directory/settings.yaml", $block->{text});
		my ($code, undef, $message) = tool('list', '--config', "$directory/settings.yaml");
		isnt($code, 2, "$name: the settings are understood") or diag($message);
		return;
	}
	my $command = $command{ $block->{tag} };
	return fail("$name: the tag of a block is sh, sql, yaml or text") unless $command;

	print "# $name\n";
	my $script = $block->{text};
	IPC::Run::run($command, '<', \$script, '>', \$out, '2>', \$err, init => sub { chdir $directory or die; });
	my $status = $?;
	(my $shown = $out . $err) =~ s/^/#   /mg;
	print "$shown\n";
	is($status, 0, $name) or diag($block->{text} . $out . $err);
	return;
}

# Run a document; hooks happen before the first block under their heading and after the last one.
sub run_document
{
	my ($document, %hooks) = @_;
	my $heading = '';
	my $after;

	for my $block (blocks_in($document))
	{
		if ($block->{heading} ne $heading)
		{
			$after->() if $after;
			$heading = $block->{heading};
			my $hook = delete $hooks{$heading} || {};
			$hook->{before}->() if $hook->{before};
			$after = $hook->{after};
		}
		run_block($document, $block);
	}
	$after->() if $after;
	is(join(', ', keys %hooks), '', "$document: every heading that the test prepares for is there");
	return;
}

# A server and a directory of their own for a document.
sub begin_document
{
	my ($name) = @_;

	$node->stop('immediate') if $node;
	$node = start_server($name, wal_level => 'replica');
	load_sample('invoices', 0.01);
	$directory = File::Temp::tempdir(CLEANUP => 1);
	$ENV{HOME} = $directory;
	point_at_repository("$directory/repo");
	return;
}

sub point_at_repository
{
	my ($repository) = @_;

	$ENV{NEX_BACKUP_REPO} = $repository;
	return;
}

sub digest_of
{
	my ($table, $order) = @_;

	return query('invoices', "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY $order)) FROM $table t");
}

# ------------------------------------------------------------------- tests

unless (-e tool_path())
{
	plan skip_all => 'the tool is not built';
}
$ENV{PATH} = dirname(tool_path()) . ":$ENV{PATH}";

begin_document('readme');
plan skip_all => 'the extension is not installed' unless have_extension();
run_document('README.md');
is(query('invoices_by_hand', 'SELECT count(*) FROM billing.invoice'),
	query('invoices', 'SELECT count(*) FROM billing.invoice'), 'README.md: restored with stock tools');
is(query('postgres', "SELECT count(*) FROM pg_database WHERE datname LIKE 'invoices\\_old\\_%'"),
	1, 'README.md: the old database is kept');

# The tables of the README name what there is.
{
	my $readme = read_bytes(top() . '/README.md');
	my (%option, %documented);
	my ($reference) = $readme =~ /^## Options\n(.*?)^## /ms;

	for my $verb ('', map { /^\| `nex_backup (\w+)/ ? $1 : () } split /\n/, $readme)
	{
		my (undef, $help) = tool($verb ? ($verb) : (), '--help');
		$option{$_} = 1 for $help =~ /^ +(?:-., )?(--[a-z-]+)/mg;
	}
	$documented{$_} = 1 for map { /`(--[a-z-]+)/g } map { (split /\|/)[1] // '' } split /\n/, $reference;
	is(join(' ', sort keys %documented), join(' ', sort keys %option), 'README.md: the options that there are');

	my (undef, $help) = tool('--help');
	my @commands = $help =~ /^  (\w+) +\w.*$/mg;
	my ($codes) = $help =~ /^Exit codes:\n(.*)/ms;
	like($readme, qr/^\| `nex_backup $_\b/m, "README.md: command $_")
	  for grep { !/^\d+$/ && $_ ne 'nex_backup' } @commands;
	like($readme, qr/^\| $_ \|/m, "README.md: exit code $_") for $codes =~ /^ +(\d+)/mg;

	my $mine = "FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid "
	  . "AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'nex_backup'";
	like($readme, qr/^\| `\Q$_\E\(/m, "README.md: function $_")
	  for split /\n/, query('postgres', "SELECT p.proname $mine JOIN pg_proc p ON d.objid = p.oid "
		  . "AND d.classid = 'pg_proc'::regclass WHERE p.pronamespace = 'public'::regnamespace");
	like($readme, qr/^\| `\Q$_\E`/m, "README.md: relation $_")
	  for split /\n/, query('postgres', "SELECT 'nex_backup.' || c.relname $mine JOIN pg_class c ON d.objid = c.oid "
		  . "AND d.classid = 'pg_class'::regclass WHERE c.relkind IN ('r', 'v')");
}

begin_document('security');
query('postgres', 'CREATE EXTENSION nex_backup');
run_document('docs/security.md');
is(query('postgres', "SELECT count(*) FROM nex_backup.runs WHERE state = 'succeeded' AND kind = 'backup'"),
	2, 'docs/security.md: the backup with a key file is recorded, and the role records');

begin_document('guide');
query('postgres', 'CREATE EXTENSION nex_backup');
query('invoices', 'CREATE TABLE billing.product_note (product_id integer REFERENCES billing.product, note text)');
query('invoices', "INSERT INTO billing.product_note SELECT product_id, 'note' FROM billing.product");
my %digest;
my $notes = query('invoices', 'SELECT count(*) FROM billing.product_note');

run_document(
	'docs/recovery_guide.md',
	'Before the bad day' => {
		after => sub {
			$digest{offsite} = digest_of('billing.invoice', 'invoice_id');
		}
	},
	'4. Restore a part' => {
		before => sub { query('invoices', 'DROP TABLE billing.product_note'); },
		after => sub {
			is(query('invoices', 'SELECT count(*) FROM billing.product_note'), $notes, 'the dropped table is back');
		}
	},
	'A. One table is corrupted' => {
		before => sub {
			$digest{document} = digest_of('billing.document', 'document_id');
			corrupt_table('billing.document');
		},
		after => sub {
			is(digest_of('billing.document', 'document_id'), $digest{document}, 'the corrupted table is whole');
		}
	},
	'B. The database is lost' => {
		before => sub {
			$digest{lost} = digest_of('billing.invoice_line', 'line_id');
			query('postgres', 'DROP DATABASE invoices');
		},
		after => sub {
			is(digest_of('billing.invoice_line', 'line_id'), $digest{lost}, 'the lost database is back');
		}
	},
	'C. A crash during processing' => {
		before => sub {
			$digest{batch} = digest_of('billing.invoice', 'invoice_id');
			query('invoices', 'UPDATE billing.invoice SET net_total = net_total * 2 WHERE invoice_id % 2 = 0');
		},
		after => sub {
			is(digest_of('billing.invoice', 'invoice_id'), $digest{batch}, 'the half batch is undone');
			is(query('postgres', "SELECT datconnlimit FROM pg_database WHERE datname = 'invoices'"),
				-1, 'and people can come in');
		}
	},
	'D. The machine is lost' => {
		before => sub {
			$node->stop('immediate');
			system('rm', '-rf', $ENV{NEX_BACKUP_REPO});
			point_at_repository("$directory/gone");
			$node = new_machine();
			is(query('postgres', "SELECT count(*) FROM pg_roles WHERE rolname = 'invoice_app'"),
				0, 'the new machine knows no roles');
		},
		after => sub {
			is(digest_of('billing.invoice', 'invoice_id'), $digest{offsite}, 'the new machine has the database');
			point_at_repository("$directory/offsite");
		}
	},
	'E. Rows were deleted by accident' => {
		before => sub {
			$digest{rows} = digest_of('billing.invoice_line', 'line_id');
			query('invoices', 'DELETE FROM billing.invoice_line WHERE invoice_id BETWEEN 100 AND 200');
			isnt(digest_of('billing.invoice_line', 'line_id'), $digest{rows}, 'rows are missing');
		},
		after => sub {
			is(digest_of('billing.invoice_line', 'line_id'), $digest{rows}, 'the deleted rows are back');
		}
	});

# Nothing is left lying around, except what the guide says is kept.
is(join(' ', grep { !/^(?:postgres|template\d|invoices(?:_old_\d+)?)$/ } @{ database_names() }),
	'', 'docs/recovery_guide.md: no rescue or drill database is left');

run_block('docs/scheduling.md', $_) for blocks_in('docs/scheduling.md');
run_block('CONTRIBUTING.md', $_) for blocks_in('CONTRIBUTING.md');
is(scalar(keys %excepted), scalar @exceptions, 'each exception is for a block that there is');

check_links($_) for qw(README.md CHANGELOG.md CONTRIBUTING.md docs/recovery_guide.md docs/security.md
  docs/architecture.md docs/format.md docs/scheduling.md docs/storage.md extension/README.md);

done_testing();

# ------------------------------------------------------------------ helpers

# Overwrite the first page of a table, as a broken disk would.
sub corrupt_table
{
	my ($table) = @_;
	my $path = $node->data_dir . '/' . query('invoices', "CHECKPOINT; SELECT pg_relation_filepath('$table')");

	$node->stop('fast');
	my $bytes = read_bytes($path);
	substr($bytes, 0, 8192) = "\x5a" x 8192;
	write_bytes($path, $bytes);
	$node->start;
	ok(!eval { query('invoices', "SELECT count(*) FROM $table"); 1 }, "$table is corrupted");
	like($@, qr/invalid page/, 'in the way that the guide shows');
	return;
}

# A server that knows nothing of the old one.
sub new_machine
{
	my $repository = $ENV{NEX_BACKUP_REPO};
	my $new = start_server('new_machine');

	query('postgres', "DROP ROLE $_") for qw(invoice_app invoice_report);
	point_at_repository($repository);
	return $new;
}

# Links within the project lead somewhere, headings included.
sub check_links
{
	my ($document) = @_;
	my $text = read_bytes(top() . "/$document");
	my @broken;

	$text =~ s/^```.*?^```$//msg;
	for my $link ($text =~ /\]\(([^)]+)\)/g)
	{
		next if $link =~ m{^https?://};
		my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
		my $path = $file eq '' ? top() . "/$document" : dirname(top() . "/$document") . "/$file";
		unless (-e $path)
		{
			push @broken, $link;
			next;
		}
		next unless defined $anchor;
		my %heading = map { slug($_) => 1 } read_bytes($path) =~ /^#+ (.*)$/mg;
		push @broken, $link unless $heading{$anchor};
	}
	is(join(' ', @broken), '', "$document: links lead somewhere");
	return;
}

# The anchor that is made of a heading.
sub slug
{
	my ($heading) = @_;

	$heading = lc $heading;
	$heading =~ s/[^a-z0-9 _-]//g;
	$heading =~ s/ /-/g;
	return $heading;
}
