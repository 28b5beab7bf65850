# NexBackup::Exercise
#   Doing what a document says, on a machine (NexBackup::Machine): the next block of a section, a command
#   that a sentence names, as user postgres in a terminal.  A block or command that is not in the document
#   makes the test die, and blocks that nobody did can be counted.
package NexBackup::Exercise;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use NexBackup::Document;
use NexBackup::Machine;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw($machine $terminal $major $guide $home read_file text_of left_undone block section sentence sentence_text type_in replaced show root person sql
  pg_ctlcluster broken works times_taken set_up install);

my $top = abs_path(dirname(abs_path(__FILE__)) . '/../..');

my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
my %text = map { $_ => read_file("$top/$_") } qw(README.md docs/recovery_guide.md);
my %blocks = map { $_ => [ blocks_of($_, $text{$_}) ] } keys %text;
my @code = map { code_of($_) } @text{ 'docs/recovery_guide.md', 'README.md' };
our $guide = 'docs/recovery_guide.md';
our $home = '/var/lib/postgresql';
our $terminal = '';
our $machine;
my %rto;
my $began = time;
chomp(my $version = `"$pg_config" --version`);
our ($major) = $version =~ /(\d+)/;

# ---------------------------------------------------------------- doing what is written

sub read_file
{
	my ($path) = @_;

	open(my $in, '<', $path) or die "$path: $!";
	local $/;
	return <$in>;
}

sub show
{
	my ($what, $result) = @_;
	my ($code, $out, $err) = @$result;

	(my $shown = sprintf("%s\n=> exit code %d, %.1f s\n%s%s", $what, $code, time - $began, $out, $err)) =~ s/^/#   /mg;
	print "$shown\n";
	return @$result;
}

# As user postgres, in a terminal in which the repository was set; SQL goes to psql.
sub type_in
{
	my ($tag, $text) = @_;

	return show($text, [ $machine->run('postgres', $tag eq 'sql' ? ($text, shell => "$terminal exec psql -X -v ON_ERROR_STOP=1 -f -") : "$terminal\n$text") ]);
}

# The text of the block of a section with a line that begins so.
sub text_of
{
	my ($heading, $first) = @_;
	my ($block) = grep { $_->{heading} eq $heading && $_->{text} =~ /^\Q$first\E/m } @{ $blocks{$guide} };

	die "$guide: \"$heading\" has no block with a line that begins with \"$first\"\n" unless $block;
	return $block->{text};
}

# Lines of blocks of the guide that nobody has done yet; text may be output or a form.
sub left_undone { return join ', ', map { $_->{line} } grep { !$_->{done} && $_->{tag} ne 'text' } @{ $blocks{$guide} }; }

# With what a sentence leaves open replaced: [ what, by what ], ...
sub replaced
{
	my ($text, @replace) = @_;

	for my $pair (@replace)
	{
		my ($from, $to) = @$pair;
		$text =~ s/\Q$from\E/$to/g or die "\"$from\" is not in: $text";
		print "#   replaced: $from -> $to\n";
	}
	return $text;
}

# The next block of a section: it must work, and its output is returned.
sub block
{
	my ($document, $heading, $first, %options) = @_;
	my ($block) = grep { $_->{heading} eq $heading && !$_->{done} && $_->{text} =~ /^\Q$first\E/m } @{ $blocks{$document} };

	die "$document: \"$heading\" has no block with a line that begins with \"$first\"\n" unless $block;
	$block->{done} = 1;
	my $tag = $options{tag} || $block->{tag};
	my $text = replaced($block->{text}, @{ $options{replace} || [] });
	return $text if $tag eq 'text';
	my ($code, $out, $err) = type_in($tag, $text);

	is($code, $options{code} // 0, "$document, line $block->{line} ($heading)") or diag($text . $out . $err);
	return $out . $err;
}

# What is left of a section, in its order.
sub section
{
	my ($heading, %options) = @_;
	my $out = '';

	$out .= block($guide, $heading, $_->{text}, %options)
	  for grep { $_->{heading} eq $heading && $_->{tag} ne 'text' && !$_->{done} } @{ $blocks{$guide} };
	return $out;
}

# A command that a sentence names.
sub sentence_text
{
	my ($command) = @_;
	my ($code) = ((grep { $_ eq $command } @code), (grep { index($_, $command) == 0 } @code));

	die "no document has the command \"$command\" in a sentence\n" unless $code;
	return $code;
}

sub sentence
{
	my ($command, %options) = @_;
	my $code = sentence_text($command);

	my ($status, $out, $err) = type_in($code =~ /^(?:SELECT|ALTER|DROP|ROLLBACK)/ ? 'sql' : 'sh', replaced($code, @{ $options{replace} || [] }));
	my @expected = ref $options{code} ? @{ $options{code} } : ($options{code} // 0);
	ok((grep { $_ == $status } @expected), "\"$code\"") or diag("exit code $status", $out . $err);
	return $out . $err;
}

# What the test does by itself, as a fixture or an accident.
sub root { my ($script) = @_; return must('root', $script); }
sub person { my ($script) = @_; return must('postgres', "$terminal\n$script"); }

sub must
{
	my ($user, $script) = @_;
	my ($code, $out, $err) = $machine->run($user, $script);

	die "$user: $script: exit code $code: $out$err" if $code != 0;
	chomp $out;
	return $out;
}

sub sql
{
	my ($database, $sql) = @_;
	my ($code, $out, $err) = $machine->run('postgres', $sql, shell => "exec psql -XAtq -v ON_ERROR_STOP=1 -d $database -f -");

	die "$sql: $err" if $code != 0;
	chomp $out;
	return $out;
}

# What starts a cluster with the machine: the distribution's tool, with an empty environment.
sub pg_ctlcluster
{
	my (@arguments) = @_;

	return root("exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin pg_ctlcluster $major main @arguments </dev/null >/tmp/pg_ctlcluster.log 2>&1");
}

# The time from "it is broken" until it was checked.
sub broken { my ($what) = @_; $rto{$what} = [ time ]; return; }
sub works { my ($what) = @_; push @{ $rto{$what} }, time; return; }
sub times_taken { return map { $_ => $rto{$_}[1] - $rto{$_}[0] } keys %rto; }

# ---------------------------------------------------------------- a machine

# A cluster, as the distribution makes it, and nex_backup from its sources, as the README installs it.
sub set_up
{
	my ($name, @createcluster) = @_;

	$machine = NexBackup::Machine->new($name);
	$terminal = '';
	# Not every machine has sudo, and nobody is asked for a password here.
	$machine->write_file('/usr/local/bin/sudo', 0755,
		qq(#!/bin/sh\nif [ "\$1" = -u ]; then user=\$2; shift 2; exec runuser -u "\$user" -- "\$\@"; fi\nexec "\$\@"\n));
	root("exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin pg_createcluster @createcluster $major main");
	$machine->copy_in($top, '/usr/src/nex_backup');
	return;
}

sub install
{
	my (@what) = @_;
	my $heading = 'Install on your own server';

	for my $line (map { split /(?<!\\)\n/, $_->{text} } grep { $_->{heading} eq $heading && $_->{tag} eq 'sh' } @{ $blocks{'README.md'} })
	{
		next unless grep { $line =~ $_ } @what;
		$line = replaced($line, [ 'server-dev-15', "server-dev-$major" ]) if $line =~ /server-dev/;
		$line = replaced($line, [ 'YOUR_DATABASE', 'invoices' ]) if $line =~ /YOUR_DATABASE/;
		my ($code, $out, $err) = show($line, [ $machine->run('root', "cd /usr/src/nex_backup\n$line") ]);
		is($code, 0, "README.md ($heading): $line") or diag($out . $err);
	}
	return;
}

1;
