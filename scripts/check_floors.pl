#!/usr/bin/perl
# check_floors.pl
#   Finds includes of the program's sources that go up, or around.
#
#   Folders have the order of FLOORS in parts.mk, above common/.  A file may include headers of its own folder and of
#   those before it.  Within a folder, files may not need each other: a header and the source of its name are one part
#   (either may be alone), a part needs another one if either of its files includes the other's header, and there must
#   be no way from a part back to itself.  So whoever reads a part knows which ones come first, and a test can bring its
#   own version of any of them.  A source that fills in a header of another name is a part of its own.
#
#   All settings at once (all_settings.h) are for those who fill them, tool/settings and main(); others include the
#   groups that they need, so that an option of one command is not every file's concern.
#
#   A folder has 20 sources at most, and each header has a name that no other has, as includes have no folders.
#
#   check_floors.pl              the tree
#   check_floors.pl --self-test  includes planted in a tree are found
#   check_floors.pl --list       what each folder includes from, for people
#
#   Exceptions are in check_floors.allow, each with its reason; one that excuses nothing any more is an error, too.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Find ();

chdir(dirname(__FILE__) . '/..') or die "chdir: $!";

my $most = 20;
my $fills = qr{^tool/(?:settings/[^/]+|cli/main\.c)$};

sub slurp
{
	my ($path) = @_;

	open(my $in, '<', $path) or die "$path: $!";
	local $/;
	return scalar <$in>;
}

# The folders, the lowest first.
sub floors { return ('common', map { "tool/$_" } $_[0] =~ /^FLOORS \+= (\S+)$/mg) }

sub folder { return $_[0] =~ m{^(.*)/} ? $1 : '' }
sub name { return $_[0] =~ m{([^/]+)$} ? $1 : '' }
sub part { return $_[0] =~ s/\.[ch]$//r }

# One way from a part back to itself, as a list that begins and ends with it; or nothing.
sub way_back
{
	my ($needs, $start) = @_;
	my @waiting = ([$start]);
	my %seen;

	while (my $way = shift @waiting)
	{
		for my $next (sort keys %{ $needs->{ $way->[-1] } })
		{
			return (@$way, $start) if $next eq $start;
			push @waiting, [ @$way, $next ] unless $seen{$next}++;
		}
	}
	return;
}

# What is wrong with files, by path, whose folders have these floors; %$allowed counts what excuses.
sub complaints
{
	my ($files, $floors, $allowed) = @_;
	my %height = map { $floors->[$_] => $_ } 0 .. $#$floors;
	my (%header, %sources, %needs, @excused, @wrong);

	for my $path (sort keys %$files)
	{
		my $folder = folder($path);

		push @wrong, "$path: the folder is not in FLOORS of parts.mk" unless exists $height{$folder} || $height{"?$folder"}++;
		$sources{$folder}++ if $path =~ /\.c$/;
		next unless $path =~ /\.h$/;
		push @wrong, "$path: $header{ name($path) } has the same name" if exists $header{ name($path) };
		$header{ name($path) } = $path;
	}
	push @wrong, map { "$_: $sources{$_} sources, more than $most" } grep { $sources{$_} > $most } sort keys %sources;
	for my $path (sort keys %$files)
	{
		my $line = 0;

		for (split /\n/, $files->{$path})
		{
			$line++;
			my $other = /^\s*#\s*include\s+"([^"]+)"/ ? $header{ name($1) } : undef;
			next if !defined $other || part($other) eq part($path);
			push @wrong, "$path:$line: $other is not for it" if name($other) eq 'all_settings.h' && $path !~ $fills;
			my ($from, $to) = (folder($path), folder($other));
			my $excuse = "$path -> " . name($other);
			my $excused = exists $allowed->{$excuse};

			if (($height{$to} // 0) > ($height{$from} // @$floors))
			{
				if ($excused) { $allowed->{$excuse}++; }
				else { push @wrong, "$path:$line: $other is above it"; }
			}
			elsif ($from eq $to && $excused) { push @excused, [ $excuse, part($path), part($other) ]; }
			elsif ($from eq $to) { $needs{ part($path) }{ part($other) } = 1; }
		}
	}
	for (@excused)
	{
		my ($excuse, $part, $other) = @$_;
		my %with = (%needs, $part => { %{ $needs{$part} // {} }, $other => 1 });

		$allowed->{$excuse}++ if !way_back(\%needs, $part) && way_back(\%with, $part);
	}
	my %said;
	for my $start (sort keys %needs)
	{
		next if $said{$start};
		my @way = way_back(\%needs, $start) or next;
		$said{$_} = 1 for @way;
		push @wrong, 'parts that need each other: ' . join(' -> ', @way);
	}
	return @wrong;
}

sub self_test
{
	my @floors = floors("FLOORS :=\n# low\nFLOORS += low\nFLOORS += high\n");
	my %good = ('common/a.h' => '', 'tool/low/b.h' => '#include "a.h"', 'tool/low/b.c' => "#include \"b.h\"\n#include <high.h>\n",
		'tool/low/c.c' => '#include "b.h"', 'tool/high/d.c' => "#include \"b.h\"\n#include \"stranger.h\"");
	my @bad = ([ 'tool/high/e.h' => '', 'tool/low/e.c' => '#include "e.h"' ], [ 'common/f.c' => '#include "b.h"' ],
		[ 'tool/low/g.h' => '', 'tool/low/g.c' => '#include "h.h"', 'tool/low/h.h' => '', 'tool/low/h.c' => '#include "g.h"' ],
		[ 'tool/low/i.h' => '#include "j.h"', 'tool/low/j.h' => '#include "k.h"', 'tool/low/k.h' => '', 'tool/low/k.c' => '#include "i.h"' ],
		[ 'tool/low/all_settings.h' => '', 'tool/low/n.c' => '#include "all_settings.h"' ],
		[ 'tool/other/l.c' => '' ], [ 'tool/high/b.h' => '' ], [ map { ("tool/low/m$_.c" => '') } 1 .. $most ]);

	print "self-test: found: $_\n" for complaints(\%good, \@floors, {});
	for my $planted (@bad)
	{
		print "self-test: not found: $planted->[0]\n" unless complaints({ %good, @$planted }, \@floors, {});
	}
	my %allowed = ('tool/low/h.c -> g.h' => 0);
	print "self-test: not excused\n" if complaints({ %good, @{ $bad[2] } }, \@floors, \%allowed) || !$allowed{'tool/low/h.c -> g.h'};
	%allowed = ('tool/low/c.c -> b.h' => 0);
	print "self-test: excused for nothing\n" if complaints(\%good, \@floors, \%allowed) || $allowed{'tool/low/c.c -> b.h'};
	return;
}

self_test();
exit 0 if @ARGV && $ARGV[0] eq '--self-test';
my @floors = floors(slurp('parts.mk'));
my (%files, %allowed);
File::Find::find({ no_chdir => 1, wanted => sub { $files{$_} = slurp($_) if /\.[ch]$/ } }, 'common', 'tool');
if (@ARGV && $ARGV[0] eq '--list')
{
	my %header = map { name($_) => folder($_) } grep { /\.h$/ } keys %files;
	my %used;

	for my $path (keys %files)
	{
		$used{ folder($path) }{ $header{$_} } = 1 for grep { exists $header{$_} && $header{$_} ne folder($path) } $files{$path} =~ /^#include "([^"]+)"/mg;
	}
	print "$_: ", join(' ', sort map { s{^tool/}{}r } keys %{ $used{$_} }), "\n" for reverse @floors;
	exit 0;
}
for (split /\n/, slurp('scripts/check_floors.allow'))
{
	next if /^\s*(?:#|$)/;
	my ($include, $reason) = split / \| /, $_, 2;
	die "check_floors.allow: no reason: $_\n" unless defined $reason && $reason ne '';
	$allowed{$include} = 0;
}
my @wrong = complaints(\%files, \@floors, \%allowed);
print "$_\n" for @wrong, map { "check_floors.allow: excuses nothing: $_" } grep { !$allowed{$_} } sort keys %allowed;
exit(@wrong || grep({ !$_ } values %allowed) ? 1 : 0);
